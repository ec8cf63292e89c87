//! What comes in: feeds, the journal, mapping, lanes, the applier, the error desk.

pub mod answer;
mod apply;
mod caseload;
mod consent;
mod engine;
pub mod listener;
mod mapped;
mod person;
mod profiles;
mod replay;
pub mod sender;
mod sink;
mod wire;
mod writing;

pub use caseload::{CaseloadAct, CaseloadDecision, caseload_decision};
pub use consent::{ConsentAct, ConsentDecision};
pub use engine::{
    Applied, Engine, EngineConfig, Progress, Role, TakenFhir, Written, caseload_entry, consent_decision, discard,
    link_decision, model_entry, resubmission, telling_entry, writing_entry,
};
pub use mapping::bundle;
pub use mapping::{
    Finding, Profile, Severity,
    profile::{FeedRules, Quiet, SourceKind},
};
pub use person::{Act, LinkDecision, People};
pub use replay::{Replayed, Telling, Verdict, catch_up, rebuild, verify};
pub use store::{
    Problem, ProblemStatus, StoreError,
    journal::{Entry, EntryKind, NewEntry, Receipt},
};
pub use writing::{CHANGED, Expected, Writing, home, local};
