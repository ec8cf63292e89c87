//! Problems and diagnoses (Condition: problem-list-item, encounter-diagnosis).

use super::{Section, Statement, Tone, gather, mark_differences, withdrawn};
use crate::{
    item::{ParsedItem, of},
    reconcile::{self, Aspect, Entry, Key, Manner, Standing, Together, displays},
    text::{Concept, concept, concepts, notes, reference, text, words},
    when::When,
};
use fhir::{ResourceType, Value};

/// The heading of what is current.
pub const CURRENT: &str = "Current problems";

/// How problems are set side by side.
pub const MANNER: Manner = Manner {
    part: |standing| match standing {
        Standing::Current => (CURRENT, None, false),
        Standing::Doubtful => (VISITS, Some(VISITS_NOTE), false),
        Standing::RuledOut => ("Ruled out", None, true),
        Standing::Withdrawn => ("Withdrawn by their source (entered in error)", None, true),
        Standing::Ended | Standing::Once | Standing::NoneKnown => ("No longer current at any source", None, true),
    },
    ended: "Current in one source, past in another",
    only: false,
    onset: true,
    stale: false,
};

const VISITS: &str = "Diagnoses from visits";
const VISITS_NOTE: &str = "Recorded at a visit; the source does not say whether they are still current.";

/// Current, from visits, past, ruled out.
pub fn problems(items: &[ParsedItem]) -> Section {
    let (mut current, mut visits, mut past, mut ruled_out, mut wrong) = (vec![], vec![], vec![], vec![], vec![]);
    let entries: Vec<Entry> = of(items, ResourceType::Condition).map(entry).collect();
    for entry in &entries {
        let bin = match entry.standing {
            Standing::Current => &mut current,
            Standing::Doubtful => &mut visits,
            Standing::RuledOut => &mut ruled_out,
            Standing::Withdrawn => &mut wrong,
            Standing::Ended | Standing::Once | Standing::NoneKnown => &mut past,
        };
        bin.push(entry.statement.clone());
    }
    let together = reconcile::together(entries, &MANNER);
    let mut section = Section { conflicts: together.conflicts(), ..Section::default() };
    let mut current = gather(current);
    mark_differences(&mut current, &together);
    section.push(CURRENT, None, false, current);
    section.push(VISITS, Some(VISITS_NOTE), false, gather(visits));
    section.push("Past problems", None, true, gather(past));
    section.push("Ruled out", None, true, gather(ruled_out));
    section.withdrawn = gather(wrong);
    section
}

/// What each source says of each problem, side by side.
pub fn together(items: &[ParsedItem]) -> Together {
    reconcile::together(of(items, ResourceType::Condition).map(entry).collect(), &MANNER)
}

/// A statement with what it is compared in.
fn entry(item: &ParsedItem) -> Entry {
    let resource = &item.resource;
    let clinical = concept(resource, "clinicalStatus");
    let said = || clinical.as_ref().map(|clinical| words(&clinical.text));
    let (standing, status) = match state(item) {
        State::Withdrawn => (Standing::Withdrawn, "Withdrawn: entered in error".to_owned()),
        State::RuledOut => (Standing::RuledOut, "Ruled out".into()),
        State::Past => (Standing::Ended, said().unwrap_or_else(|| "Ended".into())),
        State::Visit => (Standing::Doubtful, "Recorded at a visit".into()),
        State::Current => (Standing::Current, said().unwrap_or_else(|| "Status not given".into())),
    };
    let named = resource.get("code");
    let mut entry = Entry::new(statement(item), standing, status, named.and_then(Concept::of).is_some());
    entry.keys.extend(named.into_iter().flat_map(displays).filter_map(|shown| Key::of_words(&shown)));
    entry.facet(Aspect::Severity, concept(resource, "severity").map(|severity| severity.text));
    let sites = concepts(resource, "bodySite");
    let mut same: Vec<String> = sites.iter().map(|site| crate::text::comparable(&site.text)).collect();
    same.sort();
    entry.facet_as(Aspect::Site, joined(sites), Some(same.join(", ")).filter(|same| !same.is_empty()));
    let certainty = concept(resource, "verificationStatus").map(|verification| match () {
        () if verification.has("confirmed") => "Confirmed".to_owned(),
        () if verification.has("provisional") || verification.has("unconfirmed") => "Suspected".into(),
        () if verification.has("differential") => "One of several possibilities".into(),
        () => words(&verification.text),
    });
    entry.facet(Aspect::Certainty, certainty);
    entry.start = onset(item);
    entry.end = crate::text::when(resource, &["/abatementDateTime", "/abatementPeriod/end"]);
    entry.said = crate::text::when(resource, &["/recordedDate"]);
    entry
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
