//! The time in the demonstration's region, which may run faster than ours.

use jiff::{SignedDuration, Timestamp};
use std::{
    sync::{Arc, Mutex},
    time::Instant,
};

/// A clock that stands still until it is started. Clones show the same time.
#[derive(Clone)]
pub struct Clock(Arc<Mutex<Face>>);

struct Face {
    at: Timestamp,
    since: Option<Instant>,
    speed: f64,
}

impl Clock {
    /// Standing at `at`; once started, `speed` of its seconds pass in one of ours.
    pub fn standing(at: Timestamp, speed: f64) -> Self {
        Clock(Arc::new(Mutex::new(Face { at, since: None, speed })))
    }

    /// The time it shows.
    pub fn now(&self) -> Timestamp {
        self.0.lock().map(|face| face.now()).unwrap_or_default()
    }

    /// Let it run, from `at` if that is later than what it shows.
    pub fn start(&self, at: Timestamp) {
        if let Ok(mut face) = self.0.lock() {
            face.at = face.now().max(at);
            face.since = Some(Instant::now());
        }
    }

    /// How long until it shows `at`, on our clock. `None`: it never will, for it stands.
    pub fn until(&self, at: Timestamp) -> Option<std::time::Duration> {
        let face = self.0.lock().ok()?;
        let ahead = at.duration_since(face.now());
        if !ahead.is_positive() {
            return Some(std::time::Duration::ZERO);
        }
        if face.since.is_none() || face.speed <= 0.0 {
            return None;
        }
        std::time::Duration::try_from_secs_f64(ahead.as_secs_f64() / face.speed).ok()
    }
}

impl Face {
    fn now(&self) -> Timestamp {
        let Some(since) = self.since else { return self.at };
        let passed = SignedDuration::try_from_secs_f64(since.elapsed().as_secs_f64() * self.speed).unwrap_or_default();
        self.at.checked_add(passed).unwrap_or(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn it_stands_until_started_and_then_runs_at_its_speed() {
        let at: Timestamp = "2025-03-01T09:00:00Z".parse().unwrap();
        let clock = Clock::standing(at, 3600.0);
        assert_eq!(clock.now(), at);
        assert_eq!(clock.until("2025-03-01T10:00:00Z".parse().unwrap()), None);
        clock.start(at);
        let wait = clock.until("2025-03-01T10:00:00Z".parse().unwrap()).unwrap();
        assert!(wait > Duration::from_millis(900) && wait <= Duration::from_secs(1), "{wait:?}");
        assert_eq!(clock.until("2025-03-01T08:00:00Z".parse().unwrap()), Some(Duration::ZERO));
    }
}
