//! Subscriptions of systems, as values: the catalogue of topics, what a Subscription resource asks for, and the bundles that
//! tell. FHIR's Subscriptions R5 Backport for R4, version 1.1.0. Nothing here does I/O.

mod bundle;
mod header;
mod sign;
mod topics;
mod wanted;

pub use bundle::{Focus, Kind, State, Told, notification, status_resource};
pub use header::{KEPT, SECRET, masked, with_secret, without_masks};
pub use sign::{SIGNATURE, signature};
pub use topics::Family;
pub use wanted::{Channel, Content, Wanted, read};

/// Where the profiles and extensions of the backport are.
pub(crate) const BACKPORT: &str = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/";

/// The profile of subscriptions.
pub const PROFILE: &str = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-subscription";
