//! Forms that people fill in here: FHIR R4 Questionnaires, what was answered, and the resources that come of it. Pure, but for reading a folder: no form
//! is known by name, each is data, and a region brings its own.
//!
//! What was typed is kept as it was typed ([`Answers`]), so that a mistake loses nothing; [`check`] reads it against the form;
//! [`Signing`] makes the QuestionnaireResponse and, of a plan, the CarePlan.

mod builtin;
mod check;
mod difference;
mod folder;
mod form;
mod read;
mod request;
mod response;
mod sign;
#[cfg(test)]
mod tests;
mod when;

pub use builtin::builtin;
pub use check::{Answered, Checked, Problem, Value, check, words};
pub use difference::{Differs, differences};
pub use folder::{Forms, from_folder};
pub use form::{Answers, Choice, Choices, Condition, Form, Item, Kind, Operator, Show};
pub use read::{BadForm, form};
pub use request::{Act, Asking, Attached, Side, acted};
pub use response::{answers_of, canonical};
pub use sign::{Author, Former, OWN_WORDS, REPLACES, REVIEW, SUPERSEDED, Signing, WITHDRAWN, superseded, withdrawn};
pub use when::enabled;
