//! Slows guessing of passwords: a few failures for one account, or many from one address, and the door stays shut for a
//! while. Kept in memory, bounded; what is kept is a hash of the name.

use crate::secret;
use jiff::{SignedDuration, Timestamp};
use std::{collections::HashMap, sync::Mutex};

/// Failures for one account within the window before it is shut.
pub const ACCOUNT_FAILURES_MAX: u32 = 5;
/// Failures from one address within the window before it is shut: a hospital's staff may share one.
pub const ADDRESS_FAILURES_MAX: u32 = 60;
/// How long failures count, and how long the door stays shut.
pub const WINDOW: SignedDuration = SignedDuration::from_mins(5);
/// Keys remembered; the oldest go first.
const KEYS_MAX: usize = 20_000;

/// Failed sign-ins by account and by address.
#[derive(Default)]
pub struct Throttle {
    failures: Mutex<HashMap<[u8; 32], (u32, Timestamp)>>,
}

fn keys(account: &str, address: &str) -> [([u8; 32], u32); 2] {
    [
        (secret::digest(&format!("account {}", account.to_lowercase())), ACCOUNT_FAILURES_MAX),
        (secret::digest(&format!("address {address}")), ADDRESS_FAILURES_MAX),
    ]
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
    pub fn wait(&self, account: &str, address: &str, now: Timestamp) -> Option<SignedDuration> {
        let failures = self.failures.lock().ok()?;
        keys(account, address)
            .iter()
            .filter_map(|(key, most)| {
                let (count, last) = failures.get(key)?;
                let over = WINDOW - now.duration_since(*last);
                (count >= most && over.is_positive()).then_some(over)
            })
            .max()
    }

    /// A try failed.
    pub fn failed(&self, account: &str, address: &str, now: Timestamp) {
        let Ok(mut failures) = self.failures.lock() else { return };
        if failures.len() >= KEYS_MAX {
            failures.retain(|_, (_, last)| now.duration_since(*last) < WINDOW);
        }
        if failures.len() >= KEYS_MAX {
            failures.clear();
        }
        for (key, _) in keys(account, address) {
            count(&mut failures, key, now);
        }
    }

    /// A try succeeded: the account's failures are forgotten, the address's are not.
    pub fn succeeded(&self, account: &str) {
        if let Ok(mut failures) = self.failures.lock() {
            failures.remove(&secret::digest(&format!("account {}", account.to_lowercase())));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_wrong_passwords_shut_the_account_for_a_while() {
        let throttle = Throttle::default();
        let start: Timestamp = "2026-07-14T12:00:00Z".parse().expect("a time");
        for _ in 0..5 {
            assert_eq!(throttle.wait("nurse", "10.0.0.1", start), None);
            throttle.failed("Nurse", "10.0.0.1", start);
        }
        assert!(throttle.wait("nurse", "10.0.0.2", start).is_some(), "from anywhere");
        assert_eq!(throttle.wait("doctor", "10.0.0.1", start), None, "others go on");
        assert_eq!(throttle.wait("nurse", "10.0.0.1", start + WINDOW), None, "and it opens again");
    }

    #[test]
    fn many_accounts_tried_from_one_address_shut_the_address() {
        let throttle = Throttle::default();
        let start: Timestamp = "2026-07-14T12:00:00Z".parse().expect("a time");
        for number in 0..ADDRESS_FAILURES_MAX {
            throttle.failed(&format!("user{number}"), "10.0.0.1", start);
        }
        assert!(throttle.wait("somebody", "10.0.0.1", start).is_some());
        throttle.succeeded("somebody");
        assert!(throttle.wait("somebody", "10.0.0.1", start).is_some());
    }
}
