//! How much one client may ask for: so many requests a second, with some in hand, and so many at once. One that asks for more
//! waits (429, RFC 6585 §4), and the others do not.

use super::reply::ApiError;
use axum::http::{HeaderValue, StatusCode, header};
use fhir::IssueType;
use std::{
    sync::{Arc, Mutex},
    time::Instant,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Requests a client may have in hand after a quiet time, in seconds of its rate.
const BURST_SECONDS: f64 = 5.0;

/// The limits of a client.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Requests a second.
    pub requests_per_second: u32,
    /// Requests at once.
    pub concurrent: usize,
}

/// Keeps a client within its limits.
pub struct Limiter {
    rate: f64,
    /// Requests in hand, and when that was counted.
    hand: Mutex<(f64, Instant)>,
    places: Arc<Semaphore>,
}

impl Limiter {
    /// With these limits, and a full hand.
    pub fn new(limits: Limits) -> Self {
        let rate = f64::from(limits.requests_per_second.max(1));
        Limiter {
            rate,
            hand: Mutex::new((rate * BURST_SECONDS, Instant::now())),
            places: Arc::new(Semaphore::new(limits.concurrent.max(1))),
        }
    }

    /// A place for one request, kept until it is answered.
    pub fn enter(&self, now: Instant) -> Result<OwnedSemaphorePermit, ApiError> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place = place.map_err(|_| later("too many requests of this client at once", 1.0))?;
        let mut hand = self.hand.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let earned = now.saturating_duration_since(hand.1).as_secs_f64() * self.rate;
        let have = (hand.0 + earned).min(self.rate * BURST_SECONDS);
        if have < 1.0 {
            *hand = (have, now);
            return Err(later("too many requests of this client in a second", (1.0 - have) / self.rate));
        }
        *hand = (have - 1.0, now);
        Ok(place)
    }
}

/// 429, and when to come back.
pub(super) fn later(text: &str, seconds: f64) -> ApiError {
    let seconds = format!("{}", seconds.max(1.0).ceil());
    let wait = HeaderValue::from_str(&seconds).unwrap_or(HeaderValue::from_static("1"));
    ApiError::new(StatusCode::TOO_MANY_REQUESTS, IssueType::Throttled, text).with(header::RETRY_AFTER, wait)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_client_that_asks_too_fast_waits_and_may_go_on() {
        let limiter = Limiter::new(Limits { requests_per_second: 2, concurrent: 3 });
        let start = Instant::now();
        for _ in 0..10 {
            assert!(limiter.enter(start).is_ok(), "a burst of five seconds");
        }
        assert_eq!(limiter.enter(start).err().map(|error| error.status.as_u16()), Some(429));
        let later = start + Duration::from_millis(600);
        assert!(limiter.enter(later).is_ok());
        assert!(limiter.enter(later).is_err());
    }

    #[test]
    fn so_many_at_once_and_no_more() {
        let limiter = Limiter::new(Limits { requests_per_second: 100, concurrent: 2 });
        let now = Instant::now();
        let held = (limiter.enter(now), limiter.enter(now));
        assert!(limiter.enter(now).is_err());
        drop(held);
        assert!(limiter.enter(now).is_ok());
    }
}
