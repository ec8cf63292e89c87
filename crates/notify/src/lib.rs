//! Telling others: what happened, derived once from the change feed; caseloads; the inboxes, windows and boards of teams; and
//! what leaves over other channels. Everything about a person is read through the gate, at the moment it is shown or sent.

pub mod census;
pub mod decision;
pub mod delivery;
pub mod facts;
mod file;
mod follow;
mod organisations;
pub mod pace;
mod read;
mod rules;
pub mod spreadsheet;
pub mod subscription;
mod topic;

pub use decision::{Act, Decision, Filter, ListRule, StoryKey};
pub use follow::{Follower, Told, practice_list, uploaded_list};
pub use read::{
    Caseload, Due, Event, Heard, HeldUp, Listed, Looked, Mail, Member, Notice, Notices, Part, Planned, Queue, Refused,
    Requested, Standing, Subscription, Team, TeamNote, View,
};
pub use rules::{How, Rules};
pub use topic::Topic;

use store::StoreError;

/// Why something about telling could not be done.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The store's.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file's.
    #[error("notify.db: {0}")]
    File(#[from] rusqlite::Error),
    /// It cannot go on.
    #[error("{0}")]
    Stopped(String),
}
