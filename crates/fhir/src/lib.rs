//! FHIR R4 values for Skein: resources, keys, references, outcomes, bundles, dates, and search parameters evaluated in
//! memory. Nothing here does I/O or reads a clock.

pub mod bundle;
pub mod care;
pub mod compartment;
mod content;
pub mod datetime;
mod decimal;
pub mod json;
pub mod key;
pub mod letters;
pub mod nhs;
pub mod outcome;
pub mod reference;
mod resource;
pub mod search;
mod types;
pub mod walk;

pub use content::Content;
pub use datetime::DateTime;
pub use decimal::Decimal;
pub use key::{PatientKey, PersonKey, Region, ResourceId};
pub use nhs::NhsNumber;
pub use outcome::{Issue, IssueType, OperationOutcome};
pub use reference::Reference;
pub use resource::{NotAResource, Resource};
pub use serde_json::{Map, Value};
pub use types::{ResourceType, UnknownResourceType};
