//! The read side: a person's record assembled from what all sources say, under a permit, as of any moment; and the views
//! of it as sections, with every item's source and age, what is missing and why. The views are pure functions over
//! [`ParsedItem`]s; the items themselves can only be had with a permit.

pub mod banner;
pub mod explain;
pub mod freshness;
mod item;
pub mod matching;
pub mod origin;
mod read;
pub mod sections;
pub mod summary;
pub mod text;
pub mod unit;
pub mod when;
pub mod withhold;

pub use item::{Origin, ParsedItem, SourceInfo, SourceKind, find, of};
pub use read::{
    Candidates, CrossReferences, Filter, FoundPatient, Item, PersonHit, Records, Selector,
    Source as CrossReferenceSource,
};
pub use store::{LinkRow, PeopleFilter, SourceRow, StoreError, identifier_hash, journal::Entry};
