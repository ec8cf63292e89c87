//! Whether what is known for telling is up to date: who follows the change feed may be held up, or still be making its file
//! again, while records go on.

use super::Notices;
use crate::Failure;
use jiff::{SignedDuration, Timestamp};

/// So long an entry may wait to be followed before it is said: more than a burst takes.
const PATIENCE: SignedDuration = SignedDuration::from_secs(30);

/// How it goes with following the change feed, as whoever does it says.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Following {
    /// Whether the last attempt failed.
    pub failing: bool,
    /// Since when what time brings could not be done.
    pub untimely: Option<Timestamp>,
}

/// What is not up to date, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeldUp {
    /// Nothing that came in from then on is in inboxes, caseloads, windows and boards yet.
    News(Timestamp),
    /// All that came in is, but what is due since then is not done: notices are not passed on, lists by rule not made again.
    Due(Timestamp),
}

impl HeldUp {
    /// Since when.
    pub fn since(self) -> Timestamp {
        match self {
            HeldUp::News(since) | HeldUp::Due(since) => since,
        }
    }
}

impl Notices {
    /// What is not up to date at `now`, if anything. What is shown stays what was known last.
    ///
    /// # Errors
    /// The store's.
    pub fn held_up(&self, now: Timestamp) -> Result<Option<HeldUp>, Failure> {
        let following = *self.following.borrow();
        let reached = self.reached();
        let snapshot = self.derived.snapshot()?;
        if snapshot.seq() > reached
            && let Some(first) = snapshot.received_after(reached)?
            && (following.failing || now.duration_since(first) >= PATIENCE)
        {
            return Ok(Some(HeldUp::News(first)));
        }
        Ok(following.untimely.map(HeldUp::Due))
    }
}
