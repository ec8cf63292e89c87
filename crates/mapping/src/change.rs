//! What a message asks of the store, as values. Mapping makes them, intake applies them in journal order.

use fhir::{Content, PatientKey, ResourceId, ResourceType};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// When a thing happened, was recorded at the source, and was sent: the order of HL7 v2 news
/// (EVN-6, EVN-2, MSH-7). Later by `recorded`, then `occurred`, then `sent` is newer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EventTime {
    /// When the source wrote it down (EVN-2, else MSH-7, else when we received it).
    pub recorded: Timestamp,
    /// When it happened (EVN-6, else as `recorded`).
    pub occurred: Timestamp,
    /// When it was sent (MSH-7, else as `recorded`).
    pub sent: Timestamp,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; the message was processed whole.
    Note,
    /// Something in the message could not be used; the rest was.
    Warning,
    /// The message cannot be processed: it goes to the error desk and parks its patient's lane.
    Error,
}

/// Something noticed about a message: never contains the value itself, for it may be about a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// A short stable code, for instance `nhs-number-check-digit`.
    pub code: String,
    /// Where: an HL7 path (`PID-3[2].1`) or a FHIRPath expression (`Bundle.entry[3].resource.subject`).
    pub place: String,
    /// What is wrong and what to do, for an integration engineer.
    pub text: String,
}

/// Everything one message asks for.
#[derive(Clone, Debug, Default)]
pub struct ChangeSet {
    /// The patients whose lanes the message belongs to, subject first. Empty: the source's directory, or nothing.
    pub lanes: Vec<PatientKey>,
    /// What to do, in this order, all or nothing.
    pub changes: Vec<Change>,
    /// What was noticed. A `Severity::Error` means `changes` must not be applied.
    pub findings: Vec<Finding>,
}

/// One change.
#[derive(Clone, Debug)]
pub enum Change {
    /// The source's whole current statement of a resource (FHIR sources). Replaces what is there.
    /// Its id and references are final. `if_none_exist`: leave an existing resource alone.
    Put {
        /// Its id.
        id: ResourceId,
        /// The statement.
        content: Content,
        /// Create only when nothing has this id yet.
        if_none_exist: bool,
    },
    /// A part of a resource, to be folded into what is known (HL7 v2 sources), see [`crate::fold`].
    Fold {
        /// Its id.
        id: ResourceId,
        /// What the message says.
        facts: Facts,
    },
    /// The source says this resource is gone. A tombstone stays.
    Delete {
        /// Its id.
        id: ResourceId,
        /// Its type.
        kind: ResourceType,
    },
    /// The source merged two of its own patients (A18, A34, A40, or FHIR `replaced-by`).
    Merge {
        /// The patient that stays.
        survivor: PatientKey,
        /// The patient that is now another name for it.
        loser: PatientKey,
        /// When.
        time: EventTime,
    },
    /// The source undid a merge (A37 and the like).
    Unmerge {
        /// The former survivor.
        survivor: PatientKey,
        /// The patient that stands by itself again.
        loser: PatientKey,
        /// When.
        time: EventTime,
    },
    /// The source says a visit, and what hangs on it, belongs to another of its patients (A42, A44, A45).
    /// A pointer move: ids and content stay.
    MoveVisit {
        /// The visit (an Encounter id of `from`).
        encounter: ResourceId,
        /// Whose it is.
        to: PatientKey,
        /// When.
        time: EventTime,
    },
}

/// What one HL7 v2 message says about one resource. Opaque to intake and store: they hand it back to [`crate::fold`]
/// together with the stored state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// When it was true.
    pub time: EventTime,
    /// What is said: decided by `mapping` alone.
    pub what: crate::fold::What,
}
