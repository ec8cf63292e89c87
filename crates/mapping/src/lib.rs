//! Messages to FHIR changes: HL7 v2 by the HL7 v2-to-FHIR tables and the UK's rules, FHIR bundles by their own.
//! Pure functions: bytes and a source's profile in, changes and findings out.

pub mod bearing;
pub mod bundle;
mod change;
pub mod fold;
mod hl7;
mod json;
pub mod profile;
mod restriction;
mod time;
mod uk;
mod unit;

pub use change::{Change, ChangeSet, EventTime, Facts, Finding, Severity};
pub use fold::{FoldedText, fold_text};
pub use hl7::map_hl7v2;
pub use profile::{BadProfile, Profile};
pub use restriction::restricts;
