//! FHIR search (R4 §3.1.1) evaluated in memory: a query is parsed once and asked of many resources.
//!
//! Every standard parameter of every type comes from a table made of the official definitions, its FHIRPath worked out
//! beforehand into plain paths. What this server does not do is refused by name, never ignored, unless the caller asked
//! for lenience.

mod include;
mod matcher;
mod path;
mod query;
mod sort;
mod split;
mod summary;
mod table;
mod text;

pub use include::Include;
pub use path::{Leaf, Path};
pub use query::{Handling, Neighbours, Query, Settings, Total};
pub use sort::{SortKey, SortValue};
pub use split::{encode_component, parse_pairs};
pub use summary::Summary;
pub use table::{Component, Elements, Kind, Parameter, common_parameters, elements, parameter, parameters};
pub use text::fold;
