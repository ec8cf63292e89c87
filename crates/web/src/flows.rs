//! Ways to a provider and back, kept on the server while a browser is away. Each is walked once: whoever comes back must hold
//! the cookie that was given when it began, so that nobody can send somebody else home with their own sign-in (RFC 6749
//! §10.12).

use crate::secret;
use access::{
    sign_in::Flow,
    smart::{Launch, Way},
};
use jiff::{SignedDuration, Timestamp};
use std::{collections::HashMap, sync::Mutex};

/// Signing in at a provider takes no longer.
const FLOW_LIFE: SignedDuration = SignedDuration::from_mins(10);
/// Flows at once.
const FLOWS_MAX: usize = 20_000;
/// Flows at once from one address: a hospital's staff may share one.
const FLOWS_PER_ADDRESS_MAX: usize = 1_000;

/// A browser on its way.
pub struct Away {
    /// What the provider's part needs.
    pub flow: Flow,
    /// Where to go afterwards.
    pub then: String,
    /// The digest of the session the browser had, which ends when another begins.
    pub former: Option<[u8; 32]>,
    address: String,
    began: Timestamp,
}

/// Launches kept at once.
const LAUNCHES_MAX: usize = 20_000;
/// A launch waits this long for its user to sign in.
const LAUNCH_LIFE: SignedDuration = SignedDuration::from_mins(10);

/// What is kept for browsers on their way, by a handle that tells nothing, each walked once.
pub struct OnTheWay<T> {
    waiting: Mutex<HashMap<[u8; 32], (T, String, Timestamp)>>,
}

/// Launches whose browsers are on their way to the record.
pub type Launches = OnTheWay<Launch>;
/// Browsers at the authorization server of a system whose app we are.
pub type EhrWays = OnTheWay<Way>;

impl<T> Default for OnTheWay<T> {
    fn default() -> Self {
        OnTheWay { waiting: Mutex::default() }
    }
}

impl<T: Clone> OnTheWay<T> {
    /// Keep something; gives its handle. `address`: from where, of what anybody may begin, empty otherwise. None: too many are on
    /// their way, in all or from there.
    pub fn keep(&self, what: T, address: &str, now: Timestamp) -> Option<String> {
        let handle = secret::new()?;
        let mut waiting = self.waiting.lock().ok()?;
        let full = |waiting: &HashMap<[u8; 32], (T, String, Timestamp)>| {
            let from_there = || waiting.values().filter(|(_, from, _)| from == address).count();
            waiting.len() >= LAUNCHES_MAX || (!address.is_empty() && from_there() >= FLOWS_PER_ADDRESS_MAX)
        };
        if full(&waiting) {
            waiting.retain(|_, (_, _, began)| now.duration_since(*began) < LAUNCH_LIFE);
            if full(&waiting) {
                return None;
            }
        }
        waiting.insert(secret::digest(&handle), (what, address.to_owned(), now));
        Some(handle)
    }

    /// Take it by its handle: the second time there is none.
    pub fn take(&self, handle: &str, now: Timestamp) -> Option<T> {
        let (what, _, began) = self.waiting.lock().ok()?.remove(&secret::digest(handle))?;
        (now.duration_since(began) < LAUNCH_LIFE).then_some(what)
    }

    /// Look at what waits; it stays.
    pub fn waiting(&self, handle: &str, now: Timestamp) -> Option<T> {
        let waiting = self.waiting.lock().ok()?;
        let (what, _, began) = waiting.get(&secret::digest(handle))?;
        (now.duration_since(*began) < LAUNCH_LIFE).then(|| what.clone())
    }
}

/// The browsers on their way.
#[derive(Default)]
pub struct Flows {
    away: Mutex<HashMap<[u8; 32], Away>>,
}

impl Flows {
    /// Keep a flow; gives the cookie's value. None: too many are on their way.
    pub fn keep(
        &self,
        flow: Flow,
        then: String,
        former: Option<[u8; 32]>,
        address: &str,
        now: Timestamp,
    ) -> Option<String> {
        let cookie = secret::new()?;
        let mut away = self.away.lock().ok()?;
        let from_there = away.values().filter(|one| one.address == address).count();
        if away.len() >= FLOWS_MAX || from_there >= FLOWS_PER_ADDRESS_MAX {
            away.retain(|_, one| now.duration_since(one.began) < FLOW_LIFE);
            let from_there = away.values().filter(|one| one.address == address).count();
            if away.len() >= FLOWS_MAX || from_there >= FLOWS_PER_ADDRESS_MAX {
                return None;
            }
        }
        away.insert(secret::digest(&cookie), Away { flow, then, former, address: address.to_owned(), began: now });
        Some(cookie)
    }

    /// Take a flow by its cookie: the second time there is none.
    pub fn take(&self, cookie: &str, now: Timestamp) -> Option<Away> {
        let away = self.away.lock().ok()?.remove(&secret::digest(cookie))?;
        (now.duration_since(away.began) < FLOW_LIFE).then_some(away)
    }
}
