//! FHIR R4 values for Skein: resources, keys, references, outcomes, bundles, dates, and search parameters evaluated in
//! memory. Nothing here does I/O or reads a clock.

pub mod key;
pub mod nhs;
mod resource;
mod types;

pub use key::{PatientKey, PersonKey, Region, ResourceId};
pub use nhs::NhsNumber;
pub use resource::{NotAResource, Resource};
pub use serde_json::{Map, Value};
pub use types::{ResourceType, UnknownResourceType};
