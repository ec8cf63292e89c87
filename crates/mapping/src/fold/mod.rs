//! Folding partial news into a resource, so that order and repeats do no harm.
//!
//! The law: what a resource is depends on the *set* of statements folded into it, never on their order or number.
//! How it is kept:
//!
//! - Every element (and every part of a list that its own field of a message fills) ages by itself: the newest statement
//!   about it stands, a delete (`""`) being a statement too. Newness is a total order ([`clock::Clock`]), so the greatest of
//!   a set does not depend on how the set came in.
//! - A result speaks for all of itself (`Scope::Whole`): what the newest version does not mention is gone.
//! - A visit keeps its events and derives its status, period and places from them ([`visit`]).
//! - Lists that only grow (a report's results) are sets.
//!
//! The state beside a resource holds only what the resource itself does not show: ages that differ, deletes, a visit's
//! events. It is about 20 bytes for a result, 60 for a patient, 40 an event for a visit; a visit keeps at most 144 events.

pub(crate) mod clock;
mod codec;
mod paths;
mod pieces;
pub(crate) mod statement;
pub(crate) mod visit;

use crate::change::Facts;
use pieces::Pieces;
pub use statement::What;

/// A resource after folding, as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoldedText {
    /// What the resource says, in the form of [`fhir::Content`].
    pub json: String,
    /// What to keep beside it, opaque to the store.
    pub state: Vec<u8>,
}

/// Fold `facts` into what is known. `current` is what the stored resource says (`resourceType` and `id` may be there, and are
/// left out of the answer) and the state kept with it (empty when the resource came whole from a FHIR source). The result
/// depends on the set of facts folded so far, not on their order or number. Elements of `current` that no facts were ever
/// about stay as they are. Nothing is parsed but where elements begin and end.
pub fn fold_text(current: Option<(&str, &[u8])>, facts: &Facts) -> FoldedText {
    let What { statement, visit } = &facts.what;
    let mut pieces = current.map(|(json, state)| Pieces::take_apart(json, state)).unwrap_or_default();
    if let Some(news) = visit {
        pieces.visit.get_or_insert_default().tell(news, facts.time, statement.tie);
    }
    pieces.tell(statement, facts.time);
    let derived = pieces.visit.as_ref().map(|v| v.derive()).unwrap_or_default();
    let (json, state) = pieces.put_together(derived);
    FoldedText { json, state }
}
