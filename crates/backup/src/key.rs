//! The keys. Content is encrypted to age recipients, whose identities are kept elsewhere. A secret of the region's own keys the
//! hashes that stand in the open, so that nobody can try guesses of what an entry says against them.

use crate::{BackupError, error::target};
use age::{
    secrecy::ExposeSecret,
    x25519::{Identity, Recipient},
};
use ring::rand::{SecureRandom, SystemRandom};
use std::{
    fs::OpenOptions,
    io::{ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// The name of the secret in the data folder.
pub(crate) const FILE: &str = "backup.key";

/// The secret that keys the hashes of one series of segments.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key(pub [u8; 32]);

impl Key {
    /// The one of a data folder, made when there is none.
    pub fn of(folder: &Path) -> Result<Self, BackupError> {
        let path = folder.join(FILE);
        match std::fs::read(&path) {
            Ok(bytes) => Self::read(&bytes)
                .ok_or_else(|| BackupError::damaged(&path, "it is no key of backups: 64 hexadecimal digits")),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let mut key = [0; 32];
                SystemRandom::new()
                    .fill(&mut key)
                    .map_err(|_| BackupError::Keys("the system gives no random numbers".into()))?;
                let key = Key(key);
                key.put(folder)?;
                Ok(key)
            }
            Err(error) => Err(target(&path)(error)),
        }
    }

    /// Keep it in a data folder.
    pub fn put(&self, folder: &Path) -> Result<(), BackupError> {
        let path = folder.join(FILE);
        let file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&path);
        let text = format!("{}\n", self.hex());
        file.and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all())).map_err(target(&path))
    }

    /// From its text.
    pub fn read(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?.trim();
        blake3::Hash::from_hex(text).ok().map(|hash| Key(*hash.as_bytes()))
    }

    /// As text.
    pub fn hex(&self) -> String {
        blake3::Hash::from_bytes(self.0).to_hex().to_string()
    }

    /// What tells the segments of this key from any others. It gives the key away to nobody.
    pub fn series(&self) -> String {
        blake3::derive_key("skein 2026 series of a backup", &self.0)
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

/// To whom a backup is encrypted.
pub struct Recipients(Vec<Recipient>);

impl Recipients {
    /// Read them: `age1…`.
    ///
    /// # Errors
    /// [`BackupError::Keys`]; what is none is not repeated.
    pub fn parse(texts: &[String]) -> Result<Self, BackupError> {
        let read = |text: &String| {
            text.trim().parse().map_err(|error| {
                // Not repeated: it may be the key itself, put there by mistake.
                BackupError::Keys(format!(
                    "this is no recipient ({error}): age1… is needed, as `skein backup key` prints it"
                ))
            })
        };
        let recipients: Vec<Recipient> = texts.iter().map(read).collect::<Result<_, _>>()?;
        if recipients.is_empty() {
            return Err(BackupError::Keys("a backup needs a recipient: nobody could open it".into()));
        }
        Ok(Recipients(recipients))
    }

    pub(crate) fn encryptor(&self) -> Result<age::Encryptor, BackupError> {
        age::Encryptor::with_recipients(self.0.iter().map(|recipient| recipient as _))
            .map_err(|error| BackupError::Keys(error.to_string()))
    }
}

/// What opens a backup.
pub struct Identities(Vec<Identity>);

impl Identities {
    /// Read a file of them, as `skein backup key` or `age-keygen` writes it.
    ///
    /// # Errors
    /// [`BackupError::Keys`]; what the file holds is not repeated.
    pub fn read(file: &Path) -> Result<Self, BackupError> {
        let text = std::fs::read_to_string(file).map_err(target(file))?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let none = || {
            BackupError::Keys(format!(
                "{} is no file of identities: lines that begin with AGE-SECRET-KEY-1 are needed",
                file.display()
            ))
        };
        let identities: Vec<Identity> = lines.map(|line| line.parse().map_err(|_| none())).collect::<Result<_, _>>()?;
        if identities.is_empty() { Err(none()) } else { Ok(Identities(identities)) }
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &dyn age::Identity> {
        self.0.iter().map(|identity| identity as _)
    }
}

/// A new identity and its recipient, as text.
pub fn new_identity() -> (String, String) {
    let identity = Identity::generate();
    (identity.to_string().expose_secret().to_owned(), identity.to_public().to_string())
}
