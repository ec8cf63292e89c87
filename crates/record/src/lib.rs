//! The read side: a person's record assembled from what all sources say, under a permit, as of any moment.

mod read;

pub use read::{Filter, FoundPatient, Item, PersonHit, Records};
pub use store::{LinkRow, PeopleFilter, SourceRow, StoreError, identifier_hash, journal::Entry};
