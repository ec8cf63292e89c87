//! What makes one statement newer than another.

use crate::change::EventTime;
use jiff::Timestamp;

/// The tier of ordinary news. Stubs are below it, at 0: any real news replaces them, whatever their times.
pub(crate) const TIER_NEWS: u8 = 1;
/// The tier of what ordinary news must not undo, however late it comes: a final result over a preliminary one, demographics
/// from ADT over those beside a result, a superseded document over the same document's status changes.
pub(crate) const TIER_FIRM: u8 = 2;

/// The age of a statement. Compared from the first member to the last, so that a set of statements has one order
/// whatever the order they came in: by tier, then by time, then by rank, then by the content itself (its hash), which
/// only decides between two different statements that claim the very same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Clock {
    pub tier: u8,
    pub time: EventTime,
    pub rank: u8,
    pub tie: u32,
}

/// The oldest time there is: elements whose age is not known (a resource that came whole) are older than any news.
pub(crate) const OLDEST: Clock = Clock {
    tier: 0,
    time: EventTime { recorded: Timestamp::MIN, occurred: Timestamp::MIN, sent: Timestamp::MIN },
    rank: 0,
    tie: 0,
};
