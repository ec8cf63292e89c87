//! Decisions as journal entries: what a person did at the error desk or about a link.

use crate::apply;
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

/// The journal entry that decides which person a patient is.
pub fn link_decision(patient: fhir::PatientKey, person: Option<&str>, by: &str, why: &str, now: Timestamp) -> NewEntry {
    let about = serde_json::json!({"patient": patient.to_string(), "person": person, "by": by, "why": why}).to_string();
    decision(EntryKind::Link, "skein", "desk", about, Vec::new(), now)
}
