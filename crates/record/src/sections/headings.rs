//! Headings of the PRSB Core Information Standard that one resource type each is the home of, and that no section of their
//! own has: family history, formulation, research. They stand first under "everything else", each under the standard's own
//! name, with what a reader needs of them.

use super::{Statement, Tone, problems::joined};
use crate::{
    item::ParsedItem,
    text::{self, Concept, concept, concepts, notes, quantity, reference, words},
};
use fhir::{Map, ResourceType, Value};

/// A heading and how its resources read.
pub(super) struct Heading {
    /// The type all of it comes from.
    pub kind: ResourceType,
    /// The standard's name for it.
    pub title: &'static str,
    /// A sentence under it, when one is needed to read it rightly.
    pub note: Option<&'static str>,
    /// One resource as a statement.
    pub read: fn(&ParsedItem) -> Statement,
}

/// In the order of the standard.
pub(super) const HEADINGS: [Heading; 3] = [
    Heading {
        kind: ResourceType::FamilyMemberHistory,
        title: "Family history",
        note: Some("What sources recorded about relatives. These are not the person's own problems."),
        read: family_history,
    },
    Heading { kind: ResourceType::ClinicalImpression, title: "Formulation", note: None, read: formulation },
    Heading { kind: ResourceType::ResearchSubject, title: "Research", note: None, read: research },
];

/// A relative's conditions (FHIR R4 FamilyMemberHistory). The relative is called by relationship; the element `name` is left
/// to the entry's own page, for it is about somebody else than whose record this is.
fn family_history(item: &ParsedItem) -> Statement {
    let resource = &item.resource;
    let mut said = Statement::new(item, concept(resource, "relationship"), "Relative not named");
    let conditions: Vec<String> = resource.list("condition").iter().filter_map(condition).collect();
    said.fact("Conditions", Some(conditions.join("; ")));
    said.fact("Died", choice(resource.body(), "deceased", "at"));
    said.fact("Reason", joined(concepts(resource, "reasonCode")));
    said.fact("Not known because", concept(resource, "dataAbsentReason").map(|reason| reason.text));
    said.fact("Note", Some(notes(resource).join(" ")));
    said.dated("Recorded", text::when(resource, &["/date"]));
    match item.status() {
        "partial" => said.mark("Incomplete", Tone::Caution),
        "health-unknown" => said.mark("Health not known", Tone::Caution),
        _ => &mut said,
    };
    said
}

/// `Breast cancer (at 45 years; contributed to death; outcome Remission)`.
fn condition(value: &Value) -> Option<String> {
    let name = value.get("code").and_then(Concept::of)?.text;
    let onset = value.as_object().and_then(|body| choice(body, "onset", "at"));
    let mut more: Vec<String> = onset.into_iter().collect();
    if value.get("contributedToDeath").and_then(Value::as_bool) == Some(true) {
        more.push("contributed to death".to_owned());
    }
    more.extend(value.get("outcome").and_then(Concept::of).map(|outcome| format!("outcome {}", outcome.text)));
    more.extend(text::list(value, "note").iter().filter_map(|note| text::text(note, "text")).map(str::to_owned));
    Some(if more.is_empty() { name } else { format!("{name} ({})", more.join("; ")) })
}

/// An element that is an age, a range, a period, a date, a text or a yes or no (`onset[x]`, `deceased[x]`), in words.
fn choice(body: &Map<String, Value>, element: &str, before_age: &str) -> Option<String> {
    let of = |kind: &str| body.get(&format!("{element}{kind}"));
    if let Some(age) = of("Age").and_then(quantity) {
        return Some(format!("{before_age} {age}"));
    }
    if let Some(range) = of("Range") {
        let end = |side: &str| range.get(side).and_then(quantity);
        return match (end("low"), end("high")) {
            (Some(low), Some(high)) => Some(format!("{before_age} {low} to {high}")),
            (Some(low), None) => Some(format!("{before_age} {low} or more")),
            (None, Some(high)) => Some(format!("{before_age} {high} or less")),
            (None, None) => None,
        };
    }
    if let Some(period) = of("Period").and_then(text::period) {
        return Some(period);
    }
    let said = of("Date").or_else(|| of("String")).and_then(Value::as_str);
    if let Some(said) = said {
        return Some(crate::when::When::parse(said).map_or_else(|| said.to_owned(), |when| when.text));
    }
    of("Boolean").and_then(Value::as_bool).map(|yes| if yes { "Yes" } else { "No" }.to_owned())
}

/// What a clinician makes of it all (FHIR R4 ClinicalImpression).
fn formulation(item: &ParsedItem) -> Statement {
    let resource = &item.resource;
    let mut said = Statement::new(item, concept(resource, "code"), "Formulation");
    said.fact("Summary", resource.str_at("/summary").map(str::to_owned));
    said.fact("About", resource.str_at("/description").map(str::to_owned));
    said.fact("Problems", Some(text::references(resource, "problem").join(", ")));
    let findings = resource.list("finding").iter().filter_map(|finding| {
        let found = finding.get("itemCodeableConcept").and_then(Concept::of).map(|found| found.text);
        let found = found.or_else(|| finding.get("itemReference").and_then(reference))?;
        Some(text::text(finding, "basis").map_or_else(|| found.clone(), |basis| format!("{found} (because {basis})")))
    });
    said.fact("Findings", Some(findings.collect::<Vec<_>>().join("; ")));
    said.fact("Prognosis", joined(concepts(resource, "prognosisCodeableConcept")));
    said.fact("Note", Some(notes(resource).join(" ")));
    said.dated("Made", text::when(resource, &["/effectiveDateTime", "/effectivePeriod/start", "/date"]));
    said.by = resource.get("assessor").and_then(reference);
    if item.status() == "in-progress" {
        said.mark("Not finished", Tone::Caution);
    }
    said
}

/// Taking part in a study (FHIR R4 ResearchSubject). Its status `withdrawn` is the person's leaving the study, and no mistake.
fn research(item: &ParsedItem) -> Statement {
    let resource = &item.resource;
    let study = resource.get("study").and_then(reference);
    let mut said = Statement::new(item, None, study.as_deref().unwrap_or("Study not named"));
    said.fact("Part in it", Some(words(item.status())));
    said.fact("Assigned to", resource.str_at("/assignedArm").map(str::to_owned));
    said.fact("Followed", resource.str_at("/actualArm").map(str::to_owned));
    said.fact("Ended", text::when(resource, &["/period/end"]).map(|end| end.text));
    said.dated("Since", text::when(resource, &["/period/start"]));
    said
}
