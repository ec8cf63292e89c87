//! Problems and diagnoses (Condition: problem-list-item, encounter-diagnosis).

use super::{Section, Statement, Tone, gather, withdrawn};
use crate::{
    item::{ParsedItem, of},
    text::{Concept, concept, concepts, notes, reference, text},
    when::When,
};
use fhir::{ResourceType, Value};

/// The heading of what is current.
pub const CURRENT: &str = "Current problems";

/// Current, from visits, past, ruled out.
pub fn problems(items: &[ParsedItem]) -> Section {
    let (mut current, mut visits, mut past, mut ruled_out, mut wrong) = (vec![], vec![], vec![], vec![], vec![]);
    for item in of(items, ResourceType::Condition) {
        let statement = statement(item);
        match state(item) {
            State::Withdrawn => wrong.push(statement),
            State::RuledOut => ruled_out.push(statement),
            State::Past => past.push(statement),
            State::Visit => visits.push(statement),
            State::Current => current.push(statement),
        }
    }
    let mut section = Section::default();
    let mut current = gather(current);
    let past = gather(past);
    for line in &mut current {
        let ended_elsewhere = past
            .iter()
            .find(|old| same(old, line) && old.first.origin.source != line.first.origin.source && newer(old, line));
        if ended_elsewhere.is_some() {
            line.mark("Sources differ", Tone::Caution);
            section
                .conflicts
                .push(format!("{}: one source has it as current, another, more recently, as past.", line.title));
        }
    }
    section.push(CURRENT, None, false, current);
    section.push(
        "Diagnoses from visits",
        Some("Recorded at a visit; the source does not say whether they are still current."),
        false,
        gather(visits),
    );
    section.push("Past problems", None, true, past);
    section.push("Ruled out", None, true, gather(ruled_out));
    section.withdrawn = gather(wrong);
    section
}

fn same(a: &super::Line, b: &super::Line) -> bool {
    crate::text::fold(&a.title) == crate::text::fold(&b.title)
        || a.first.codes.iter().any(|code| b.first.codes.contains(code))
}

fn newer(a: &super::Line, b: &super::Line) -> bool {
    a.first.origin.recorded > b.first.origin.recorded
}

enum State {
    Current,
    Visit,
    Past,
    RuledOut,
    Withdrawn,
}

fn state(item: &ParsedItem) -> State {
    let resource = &item.resource;
    let clinical = resource.get("clinicalStatus").and_then(Concept::of);
    let verification = resource.get("verificationStatus").and_then(Concept::of);
    let ended = resource.get("abatementDateTime").is_some() || resource.get("abatementPeriod").is_some();
    if withdrawn(item) {
        State::Withdrawn
    } else if verification.as_ref().is_some_and(|status| status.has("refuted")) {
        State::RuledOut
    } else if clinical.as_ref().is_some_and(|c| c.has("inactive") || c.has("remission") || c.has("resolved")) {
        State::Past
    } else if clinical.is_some() {
        State::Current
    } else if ended {
        State::Past
    } else if concepts(resource, "category").iter().any(|category| category.has("encounter-diagnosis")) {
        State::Visit
    } else {
        State::Current
    }
}

fn statement(item: &ParsedItem) -> Statement {
    let resource = &item.resource;
    let mut statement = Statement::new(item, concept(resource, "code"), "Problem without a name");
    let onset = onset(item);
    statement.dated(
        if onset.is_some() { "Since" } else { "Recorded" },
        onset.or_else(|| crate::text::when(resource, &["/recordedDate"])),
    );
    statement.fact("Onset", resource.str_at("/onsetString").map(str::to_owned));
    statement.fact("Onset at age", resource.get("onsetAge").and_then(crate::text::quantity));
    statement.fact(
        "Ended",
        crate::text::when(resource, &["/abatementDateTime", "/abatementPeriod/end"]).map(|when| when.text),
    );
    statement.fact("Severity", concept(resource, "severity").map(|severity| severity.text));
    statement.fact("Site", joined(concepts(resource, "bodySite")));
    statement.fact("Note", Some(notes(resource).join(" ")));
    if let Some(verification) = concept(resource, "verificationStatus") {
        if verification.has("provisional") || verification.has("unconfirmed") {
            statement.mark("Suspected", Tone::Caution);
        } else if verification.has("differential") {
            statement.mark("One of several possibilities", Tone::Caution);
        }
    }
    if let Some(clinical) = concept(resource, "clinicalStatus") {
        for (code, word) in [("recurrence", "Recurred"), ("relapse", "Relapsed"), ("remission", "In remission")] {
            if clinical.has(code) {
                statement.mark(word, Tone::Plain);
            }
        }
    }
    if significance(resource.list("extension")) == Some("minor") {
        statement.mark("Minor", Tone::Plain);
    }
    statement.by =
        resource.get("recorder").and_then(reference).or_else(|| resource.get("asserter").and_then(reference));
    statement
}

fn onset(item: &ParsedItem) -> Option<When> {
    crate::text::when(&item.resource, &["/onsetDateTime", "/onsetPeriod/start"])
}

fn significance(extensions: &[Value]) -> Option<&str> {
    let found = extensions.iter().find(|e| text(e, "url").is_some_and(|url| url.contains("ProblemSignificance")))?;
    text(found, "valueCode")
}

/// Concepts in one line of words.
pub(super) fn joined(concepts: Vec<Concept>) -> Option<String> {
    if concepts.is_empty() {
        None
    } else {
        Some(concepts.into_iter().map(|concept| concept.text).collect::<Vec<_>>().join(", "))
    }
}
