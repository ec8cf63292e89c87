//! Messages to FHIR changes: HL7 v2 by the HL7 v2-to-FHIR tables and the UK's rules, FHIR bundles by their own.
//! Pure functions: bytes and a source's profile in, changes and findings out.

mod change;
pub mod fold;

pub use change::{Change, ChangeSet, EventTime, Facts, Finding, Severity};
pub use fold::{Folded, fold};
