//! Who is this? Decides which person a patient is, from what sources say. Pure: facts in, a decision with its evidence
//! out.
//!
//! Deterministic part (design §7): a verified NHS number with an agreeing name or date of birth links; a number whose name
//! and date of birth both disagree never links by itself; everything else stays its own person.

mod decide;
mod facts;

pub use decide::{Candidate, Decision, Evidence, decide};
pub use facts::{IdentifierFacts, PatientFacts, facts_of, fold_name, postcode_key};
