//! The store of a region: the journal (what came in and what was decided), the audit (who looked), and the derived
//! state (versions, links, indexes, change feed) that can always be rebuilt from the journal.
//!
//! Three SQLite files in one folder. Journal and audit run `synchronous=FULL` behind a writer thread each that puts many
//! entries under one fsync; the derived state records the journal position it has reached and runs
//! `synchronous=NORMAL`. Drafts of what people write are in a fourth: no fact, and in no journal.

pub mod audit;
mod backend;
mod bearing;
mod begun;
mod codec;
mod compare;
mod derived;
mod drafts;
mod error;
mod folder;
pub mod journal;
mod lease;
mod read;
mod review;
mod room;
pub mod truth;
mod write;

pub use backend::{DERIVED_VERSION, Migrated, NewPages, Pages, Place, Server};
pub use bearing::{BearingRow, SaidBearing};
pub use codec::{Body, Codec, Rendering, pack, unpack};
pub use compare::{Comparison, Frozen, compare};
pub use derived::{Derived, Sample, Undoing};
pub use drafts::{DraftRow, Drafts};
pub use error::StoreError;
pub use folder::Folder;
pub use lease::{Alone, Holder, LEASE, Lease};
pub use read::{
    Feed, FeedRow, Found, LinkRow, MoveRow, PatientHit, PatientRow, PeopleFilter, Problem, ProblemStatus, QueueMark,
    Row, Snapshot, SourceRow, StoredPatient, identifier_hash, read_facts,
};
pub use review::{Assertion, Opinion, Pair, Review, ReviewKind, ReviewStatus, Said, Weighed};
pub use room::part_of_memory_kib;
pub use write::{Current, NewLink, NewRow, Writer};
