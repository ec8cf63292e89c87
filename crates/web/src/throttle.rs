//! Slows guessing of passwords and of clients' keys: a few failures for one account, or many from one address, and the door
//! stays shut for a while. Kept in memory, bounded; what is kept is a hash of the name.

use crate::secret;
use access::{User, UserKind};
use jiff::{SignedDuration, Timestamp};
use std::{
    collections::{HashMap, VecDeque},
    net::Ipv6Addr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Failures for one account within the window before it is shut.
pub const ACCOUNT_FAILURES_MAX: u32 = 5;
/// Failures from one address within the window before it is shut: a hospital's staff may share one.
pub const ADDRESS_FAILURES_MAX: u32 = 60;
/// How long failures count, and how long the door stays shut.
pub const WINDOW: SignedDuration = SignedDuration::from_mins(5);
/// Keys remembered; the oldest go first.
const KEYS_MAX: usize = 20_000;

/// What failures are counted by.
#[derive(Clone, Copy, Debug)]
pub enum By<'a> {
    /// A name that was typed, with a password.
    Account(&'a str),
    /// Where a sign-in came from.
    Address(&'a str),
    /// Where a client's assertion came from. Counted apart: a hospital's broken system shuts out none of its staff. A client's
    /// id is not counted by, for anybody can write it into an assertion and would shut that client out.
    Assertions(&'a str),
}

impl By<'_> {
    fn key(&self) -> [u8; 32] {
        secret::digest(&match self {
            By::Account(name) => format!("account {}", name.to_lowercase()),
            By::Address(address) => format!("address {}", household(address)),
            By::Assertions(address) => format!("assertions {}", household(address)),
        })
    }

    fn most(&self) -> u32 {
        match self {
            By::Account(_) => ACCOUNT_FAILURES_MAX,
            By::Address(_) | By::Assertions(_) => ADDRESS_FAILURES_MAX,
        }
    }
}

/// Of an IPv6 address its first 64 bits, which is what one customer is given at least (RFC 6177): whoever has them all
/// would else be another with each try. Of anything else, itself.
fn household(address: &str) -> String {
    match address.parse::<Ipv6Addr>() {
        Ok(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).to_string(),
        Err(_) => address.to_owned(),
    }
}

/// Failures, by account and by address.
#[derive(Default)]
pub struct Throttle {
    failures: Mutex<HashMap<[u8; 32], (u32, Timestamp)>>,
}

fn count(failures: &mut HashMap<[u8; 32], (u32, Timestamp)>, key: [u8; 32], now: Timestamp) {
    let entry = failures.entry(key).or_insert((0, now));
    if now.duration_since(entry.1) >= WINDOW {
        entry.0 = 0;
    }
    *entry = (entry.0.saturating_add(1), now);
}

impl Throttle {
    /// Whether a try is allowed now; when not, how long to wait.
    pub fn wait(&self, by: &[By<'_>], now: Timestamp) -> Option<SignedDuration> {
        let failures = self.failures.lock().ok()?;
        by.iter()
            .filter_map(|by| {
                let (count, last) = failures.get(&by.key())?;
                let over = WINDOW - now.duration_since(*last);
                (*count >= by.most() && over.is_positive()).then_some(over)
            })
            .max()
    }

    /// A try failed.
    pub fn failed(&self, by: &[By<'_>], now: Timestamp) {
        let Ok(mut failures) = self.failures.lock() else { return };
        if failures.len() >= KEYS_MAX {
            failures.retain(|_, (_, last)| now.duration_since(*last) < WINDOW);
        }
        if failures.len() >= KEYS_MAX {
            failures.clear();
        }
        for by in by {
            count(&mut failures, by.key(), now);
        }
    }

    /// A try succeeded: the account's failures are forgotten, the address's are not.
    pub fn succeeded(&self, account: &str) {
        if let Ok(mut failures) = self.failures.lock() {
            failures.remove(&By::Account(account).key());
        }
    }
}

/// Searches for people one member of staff may make in a minute, where the configuration says nothing.
pub const SEARCHES_PER_MINUTE: u32 = 60;
const MINUTE: Duration = Duration::from_secs(60);

/// How often each member of staff looked for people in the last minute, on pages and over the API together. A search shows
/// whom it finds without a relationship or a reason: that nobody copies the region's index of people so, this is for.
#[derive(Debug)]
pub struct Searches {
    per_minute: usize,
    made: Mutex<HashMap<String, VecDeque<Instant>>>,
}

impl Default for Searches {
    fn default() -> Self {
        Searches::new(SEARCHES_PER_MINUTE)
    }
}

impl Searches {
    /// So many in any minute.
    pub fn new(per_minute: u32) -> Self {
        Searches { per_minute: usize::try_from(per_minute.max(1)).unwrap_or(usize::MAX), made: Mutex::default() }
    }

    /// One more search by this user.
    ///
    /// # Errors
    /// How long to wait: it is one too many. A search that is refused is not counted, so that waiting always helps.
    pub fn count(&self, user: &User, now: Instant) -> Result<(), Duration> {
        // Systems have limits of their own, and a person finds nobody.
        if user.kind != UserKind::Staff {
            return Ok(());
        }
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if made.len() >= KEYS_MAX {
            made.retain(|_, times| times.back().is_some_and(|last| now.saturating_duration_since(*last) < MINUTE));
        }
        let times = made.entry(user.id.clone()).or_default();
        while times.front().is_some_and(|first| now.saturating_duration_since(*first) >= MINUTE) {
            times.pop_front();
        }
        match times.front() {
            Some(first) if times.len() >= self.per_minute => {
                Err(MINUTE.saturating_sub(now.saturating_duration_since(*first)))
            }
            _ => {
                times.push_back(now);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sign_in<'a>(account: &'a str, address: &'a str) -> [By<'a>; 2] {
        [By::Account(account), By::Address(address)]
    }

    #[test]
    fn five_wrong_passwords_shut_the_account_for_a_while() {
        let throttle = Throttle::default();
        let start: Timestamp = "2026-07-14T12:00:00Z".parse().expect("a time");
        for _ in 0..5 {
            assert_eq!(throttle.wait(&sign_in("nurse", "10.0.0.1"), start), None);
            throttle.failed(&sign_in("Nurse", "10.0.0.1"), start);
        }
        assert!(throttle.wait(&sign_in("nurse", "10.0.0.2"), start).is_some(), "from anywhere");
        assert_eq!(throttle.wait(&sign_in("doctor", "10.0.0.1"), start), None, "others go on");
        assert_eq!(throttle.wait(&sign_in("nurse", "10.0.0.1"), start + WINDOW), None, "and it opens again");
    }

    #[test]
    fn staff_search_so_often_in_a_minute_and_systems_as_their_own_limits_say() {
        let searches = Searches::new(3);
        let nurse = User::staff("nurse", "Nura Hale", ("R8001", "Nurse"), ("XWC", "Wexmoor"));
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        for seconds in [0, 10, 20] {
            assert_eq!(searches.count(&nurse, at(seconds)), Ok(()));
        }
        assert_eq!(searches.count(&nurse, at(30)), Err(Duration::from_secs(30)));
        let other = User { id: "doctor".into(), ..nurse.clone() };
        assert_eq!(searches.count(&other, at(30)), Ok(()), "others go on");
        let role = User { role_code: "R8000".into(), ..nurse.clone() };
        assert!(searches.count(&role, at(30)).is_err(), "another role is no other user");
        assert_eq!(searches.count(&nurse, at(60)), Ok(()), "and after a while they may again");
        assert!(searches.count(&nurse, at(60)).is_err(), "as one that is over the first");
        let system = User::system("app", "An app", ("RHM", "Riverside"));
        assert!((0..100).all(|_| searches.count(&system, start).is_ok()));
    }

    #[test]
    fn many_accounts_tried_from_one_address_shut_the_address() {
        let throttle = Throttle::default();
        let start: Timestamp = "2026-07-14T12:00:00Z".parse().expect("a time");
        for number in 0..ADDRESS_FAILURES_MAX {
            throttle.failed(&sign_in(&format!("user{number}"), "10.0.0.1"), start);
        }
        assert!(throttle.wait(&sign_in("somebody", "10.0.0.1"), start).is_some());
        throttle.succeeded("somebody");
        assert!(throttle.wait(&sign_in("somebody", "10.0.0.1"), start).is_some());
        assert_eq!(throttle.wait(&[By::Assertions("10.0.0.1")], start), None, "its systems go on");
    }

    #[test]
    fn whoever_has_many_addresses_of_one_network_is_one() {
        let throttle = Throttle::default();
        let start: Timestamp = "2026-07-14T12:00:00Z".parse().expect("a time");
        for number in 0..ADDRESS_FAILURES_MAX {
            throttle.failed(&[By::Address(&format!("2001:db8:0:7:{number:x}::1"))], start);
        }
        assert!(throttle.wait(&[By::Address("2001:db8:0:7::99")], start).is_some());
        assert_eq!(throttle.wait(&[By::Address("2001:db8:0:8::99")], start), None);
    }
}
