//! The read side: a person's record assembled from what all sources say, under a permit, as of any moment; and the views
//! of it as sections, with every item's source and age, what is missing and why. The views are pure functions over
//! [`ParsedItem`]s; the items themselves can only be had with a permit.

pub mod announce;
pub mod banner;
pub mod cards;
pub mod compare;
pub mod desk;
mod drafts;
pub mod explain;
pub mod first;
pub mod freshness;
pub mod glance;
mod item;
pub mod letter_text;
pub mod links;
pub mod matching;
pub mod origin;
mod read;
pub mod reconcile;
pub mod search;
pub mod sections;
pub mod stewards;
pub mod summary;
pub mod text;
pub mod timeline;
pub mod unit;
pub mod view;
pub mod voice;
pub mod waterfall;
pub mod when;
pub mod withhold;

pub use drafts::{DRAFTS_MAX, Draft, DraftBody, Drafts};
pub use item::{Origin, ParsedItem, SourceInfo, SourceKind, WRITTEN_HERE, find, of};
pub use origin::{assurance, rule_of};
pub use read::{
    Candidates, CrossReferences, Filter, FoundPatient, Item, PersonHit, Records, Selector,
    Source as CrossReferenceSource, Stretch, Unread, WithVersions,
};
pub use store::{
    Assertion, Feed, LinkRow, Opinion, Pair, PeopleFilter, QueueMark, Review, ReviewKind, ReviewStatus, Said,
    SourceRow, StoreError, Weighed, identifier_hash, journal::Entry,
};
