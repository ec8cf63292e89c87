//! Local accounts: names, roles and password hashes (Argon2id). They are for trying Skein out and for regions without an
//! identity provider; passwords themselves are kept nowhere.

use crate::User;
use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use std::collections::BTreeMap;

/// One account.
#[derive(Clone, Debug)]
pub struct Account {
    /// Who signs in; `user.id` is the name to sign in with.
    pub user: User,
    /// The password's hash in PHC form, `$argon2id$…`.
    pub password_hash: String,
    /// The NHS number of a person whose own record it opens.
    pub own_record: Option<u64>,
}

/// The accounts of a region.
#[derive(Clone, Debug)]
pub struct Accounts {
    of_name: BTreeMap<String, Account>,
    /// Checked for names that do not exist, so that the time taken tells nobody which names do.
    decoy: String,
}

/// Why accounts cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum NoAccounts {
    /// The hash is not an Argon2 hash in PHC form.
    #[error("the password hash of account \"{0}\" is not one made by `skein hash password`")]
    NotAHash(String),
    /// Two accounts have one name.
    #[error("two accounts are called \"{0}\"")]
    Twice(String),
    /// The system gave no random numbers.
    #[error("cannot hash: {0}")]
    Hashing(String),
}

/// Passwords longer than this are refused unread.
const PASSWORD_BYTES_MAX: usize = 1024;

impl Accounts {
    /// These accounts.
    ///
    /// # Errors
    /// [`NoAccounts`] when a hash does not read or a name stands twice.
    pub fn new(accounts: impl IntoIterator<Item = Account>) -> Result<Self, NoAccounts> {
        let mut of_name = BTreeMap::new();
        for account in accounts {
            let name = account.user.id.clone();
            if PasswordHash::new(&account.password_hash).is_err() {
                return Err(NoAccounts::NotAHash(name));
            }
            if of_name.insert(name.clone(), account).is_some() {
                return Err(NoAccounts::Twice(name));
            }
        }
        Ok(Accounts { of_name, decoy: hash_password("nobody's password")? })
    }

    /// Nobody's: for a site where nobody signs in.
    pub fn none() -> Self {
        Accounts { of_name: BTreeMap::new(), decoy: String::new() }
    }

    /// The accounts of the demonstration, all with the password `password`. For `skein demo` alone: every page then says
    /// that it is a demonstration.
    ///
    /// # Errors
    /// [`NoAccounts`] when hashing fails.
    pub fn demo(users: impl IntoIterator<Item = User>, password: &str) -> Result<Self, NoAccounts> {
        let hash = hash_password(password)?;
        Self::new(users.into_iter().map(|user| Account { user, password_hash: hash.clone(), own_record: None }))
    }

    /// Whether there is none: then there is no password to ask for.
    pub fn is_empty(&self) -> bool {
        self.of_name.is_empty()
    }

    /// Whose name and password these are, if anybody's. Takes tens of milliseconds, for an unknown name as well.
    pub fn verify(&self, name: &str, password: &str) -> Option<User> {
        let account = self.of_name.get(name);
        let hash = account.map_or(self.decoy.as_str(), |account| account.password_hash.as_str());
        let parsed = PasswordHash::new(hash).ok()?;
        let right = password.len() <= PASSWORD_BYTES_MAX
            && Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok();
        account.filter(|_| right).map(|account| account.user.clone())
    }

    /// The NHS number of the person whose own record this account opens.
    pub fn own_record(&self, id: &str) -> Option<u64> {
        self.of_name.get(id)?.own_record
    }

    /// The user of this id, for a session that outlives a request.
    pub fn user(&self, id: &str) -> Option<&User> {
        self.of_name.get(id).map(|account| &account.user)
    }
}

/// The Argon2id hash of a password, with a new salt, in PHC form.
///
/// # Errors
/// [`NoAccounts::Hashing`] when the system gives no random numbers.
pub fn hash_password(password: &str) -> Result<String, NoAccounts> {
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string()).map_err(|error| NoAccounts::Hashing(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(id: &str) -> User {
        User::staff(id, "Nura Hale", ("R8001", "Nurse"), ("XWC", "Wexmoor Community Health"))
    }

    #[test]
    fn only_the_right_name_with_the_right_password_signs_in() {
        let accounts = Accounts::demo([user("nurse"), user("doctor")], "correct horse").expect("accounts");
        assert_eq!(accounts.verify("nurse", "correct horse"), Some(user("nurse")));
        for (name, password) in
            [("nurse", "wrong"), ("nobody", "correct horse"), ("nobody", "nobody's password"), ("", "")]
        {
            assert_eq!(accounts.verify(name, password), None, "{name}");
        }
        assert_eq!(accounts.verify("nurse", &"x".repeat(2000)), None);
    }

    #[test]
    fn accounts_that_cannot_work_are_refused_at_the_start() {
        let plain = Account { user: user("nurse"), password_hash: "secret".into(), own_record: None };
        assert!(matches!(Accounts::new([plain]), Err(NoAccounts::NotAHash(name)) if name == "nurse"));
        assert!(matches!(Accounts::demo([user("a"), user("a")], "x"), Err(NoAccounts::Twice(_))));
    }

    #[test]
    fn two_hashes_of_one_password_differ() {
        assert_ne!(hash_password("one").expect("a hash"), hash_password("one").expect("a hash"));
    }
}
