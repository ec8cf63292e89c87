//! Who is this? Decides which person a patient is, from what sources say. Pure: facts in, a decision with its evidence
//! out. No clock, no files, no randomness but what is handed in.
//!
//! [`facts_of`] reads a Patient resource. An [`Index`] holds all patients; a [`Matcher`] with a [`Model`] decides: rules
//! over verified NHS numbers first, then weights (Fellegi–Sunter), with guards for families. [`train`](train()) learns a
//! model without labels. [`link_all`] and [`dedupe`] do whole files.

mod address;
mod batch;
mod beside;
mod births;
mod cluster;
pub mod compare;
mod explain;
mod facts;
mod fold;
mod index;
mod keys;
mod matching;
mod model;
mod packed;
mod rules;
mod terms;
pub mod text;
mod together;
mod train;
mod typed;

pub use batch::{Pair, link_all};
pub use cluster::dedupe;
pub use explain::Explanation;
pub use facts::{AddressFacts, IdentifierFacts, PatientFacts, facts_of, is_newborn, is_nobody, ten_digits};
pub use fold::{fold_name, fold_words, postcode_key};
pub use index::{Builder, Index, Packed, Packer, Question, Rows};
pub use matching::{Answer, Matcher, Outcome, Scored, Scratch};
pub use model::{Class, Comparison, Level, Line, Model, ModelError, Prior, Scenarios, Scorer, Thresholds, Weighed};
pub use rules::Ruling;
pub use train::{Training, train};
pub use typed::{TooLittle, Typed};
