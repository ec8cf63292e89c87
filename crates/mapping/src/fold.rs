//! Folding partial news into a resource, so that order and repeats do no harm.

use crate::change::Facts;
use fhir::{Resource, ResourceId};
use serde::{Deserialize, Serialize};

/// What a message says about one resource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum What {}

/// A resource after folding, with the state that lets later (or late) news be folded in again.
#[derive(Clone, Debug, PartialEq)]
pub struct Folded {
    /// What to show.
    pub resource: Resource,
    /// What to keep beside it, opaque to the store.
    pub state: Vec<u8>,
}

/// Fold `facts` into what is known. `current` is the stored resource and the state kept with it (empty when the resource
/// came whole from a FHIR source). The result depends on the set of facts folded so far, not on their order or number.
pub fn fold(_id: ResourceId, _current: Option<(&Resource, &[u8])>, facts: &Facts) -> Folded {
    match facts.what {}
}
