//! Decisions as journal entries: what a person did at the error desk or about a link.

use crate::{
    apply,
    caseload::CaseloadDecision,
    consent::ConsentDecision,
    person::LinkDecision,
    writing::{self, Writing},
};
use fhir::Resource;
use jiff::Timestamp;
use store::{
    Problem,
    journal::{EntryKind, NewEntry},
};

fn decision(kind: EntryKind, source: &str, feed: &str, about: String, body: Vec<u8>, now: Timestamp) -> NewEntry {
    NewEntry {
        kind,
        source: source.to_owned(),
        feed: feed.to_owned(),
        received: now,
        ident: None,
        about: Some(about),
        body,
        ack: None,
    }
}

/// The journal entry that resubmits a message of the error desk with these bytes.
pub fn resubmission(problem: &Problem, body: Vec<u8>, by: &str, why: &str, now: Timestamp) -> NewEntry {
    decision(EntryKind::Resubmit, &problem.source, &problem.feed, apply::about_message(problem.pos, by, why), body, now)
}

/// The journal entry that settles a message of the error desk without processing it.
pub fn discard(problem: &Problem, by: &str, why: &str, now: Timestamp) -> NewEntry {
    decision(
        EntryKind::Discard,
        &problem.source,
        &problem.feed,
        apply::about_message(problem.pos, by, why),
        Vec::new(),
        now,
    )
}

/// The journal entry of a data steward's decision.
pub fn link_decision(decision: &LinkDecision, now: Timestamp) -> NewEntry {
    let about = serde_json::to_string(decision).unwrap_or_default();
    self::decision(EntryKind::Link, "skein", "stewards", about, Vec::new(), now)
}

/// The journal entry of what a person wants done with the record.
pub fn consent_decision(decision: &ConsentDecision, now: Timestamp) -> NewEntry {
    let about = serde_json::to_string(decision).unwrap_or_default();
    self::decision(EntryKind::Consent, "skein", "consent", about, Vec::new(), now)
}

/// The journal entry of who is put on a caseload or taken off it.
pub fn caseload_entry(decision: &CaseloadDecision, now: Timestamp) -> NewEntry {
    let about = serde_json::to_string(decision).unwrap_or_default();
    self::decision(EntryKind::Caseload, "skein", "caseloads", about, Vec::new(), now)
}

/// The journal entry of a decision about telling others, which is this JSON.
pub fn telling_entry(about: String, now: Timestamp) -> NewEntry {
    self::decision(EntryKind::Telling, "skein", "telling", about, Vec::new(), now)
}

/// The journal entry of something written here.
pub fn writing_entry(writing: &Writing, resources: &[Resource], now: Timestamp) -> NewEntry {
    let about = serde_json::to_string(writing).unwrap_or_default();
    self::decision(EntryKind::Written, "skein", "written", about, writing::body(resources), now)
}

/// The journal entry of the model that weighs who is who from then on.
pub fn model(model: &identity::Model, now: Timestamp) -> NewEntry {
    let about = serde_json::json!({"model": model.name, "version": model.version}).to_string();
    decision(EntryKind::Model, "skein", "stewards", about, model.to_json().into_bytes(), now)
}
