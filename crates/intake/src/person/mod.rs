//! Which person a patient is, settled as news and decisions come, always in journal order. Links are pointers: nothing of
//! the record is rewritten, and taking a decision back gives the former answer.
//!
//! What counts, strongest first: the source's own merges; what data stewards said; the matcher.

mod apart;
mod decision;
#[cfg(test)]
mod following;
mod load;
mod matching;
mod people;
mod review;
mod settle;
mod steward;

pub use decision::{Act, LinkDecision};
pub use people::People;
pub use review::{Doubt, raise};
pub use settle::{Mover, last_survivor};
pub use steward::{carry_out, numbers_differ};
