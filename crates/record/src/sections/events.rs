//! Sections of one or two resource types each: vaccinations, procedures and devices, alerts, referrals; and everything
//! no other section shows, so that nothing in the record is out of reach.

use super::{Line, Section, Statement, Tone, each, gather, headings::HEADINGS, problems::joined, requests, withdrawn};
use crate::{
    item::{ParsedItem, of},
    text::{concept, concepts, narrative, notes, period, reference, references, words},
    when::When,
};
use fhir::{Resource, ResourceType, Value};
use jiff::Timestamp;

/// The heading of alerts that apply now.
pub const ALERTS_NOW: &str = "Alerts and adjustments now";

/// Vaccinations, newest first.
pub fn vaccinations(items: &[ParsedItem]) -> Section {
    let (mut given, mut not_given, mut wrong) = (vec![], vec![], vec![]);
    for item in of(items, ResourceType::Immunization) {
        let resource = &item.resource;
        let procedure = resource
            .list("extension")
            .iter()
            .find(|e| e.get("url").and_then(Value::as_str).is_some_and(|url| url.contains("VaccinationProcedure")))
            .and_then(|e| e.get("valueCodeableConcept"))
            .and_then(crate::text::Concept::of);
        let vaccine = concept(resource, "vaccineCode");
        let mut statement = Statement::new(item, procedure.clone().or_else(|| vaccine.clone()), "Vaccine not named");
        if procedure.is_some() {
            statement.fact("Vaccine", vaccine.map(|vaccine| vaccine.text));
        }
        statement
            .fact("Dose number", resource.at("/protocolApplied/0/doseNumberPositiveInt").and_then(crate::text::number));
        statement.fact("Batch", resource.str_at("/lotNumber").map(str::to_owned));
        statement.fact("Site", concept(resource, "site").map(|site| site.text));
        statement.fact("Reason not given", concept(resource, "statusReason").map(|reason| reason.text));
        statement.fact("Note", Some(notes(resource).join(" ")));
        statement.dated("Given", crate::text::when(resource, &["/occurrenceDateTime", "/recorded"]));
        statement.by = resource.at("/performer/0/actor").and_then(reference);
        if withdrawn(item) {
            wrong.push(statement);
        } else if item.status() == "not-done" {
            statement.dated = "Recorded";
            statement.mark("Not given", Tone::Caution);
            not_given.push(statement);
        } else {
            given.push(statement);
        }
    }
    let mut section = Section::default();
    section.push("Vaccinations", None, false, each(given));
    section.push("Not given", None, false, each(not_given));
    section.withdrawn = each(wrong);
    section
}

/// Procedures and devices.
pub fn procedures(items: &[ParsedItem]) -> Section {
    let (mut done, mut planned, mut not_done, mut devices, mut wrong) = (vec![], vec![], vec![], vec![], vec![]);
    for item in of(items, ResourceType::Procedure) {
        let resource = &item.resource;
        let mut statement = Statement::new(item, concept(resource, "code"), "Procedure not named");
        statement.fact("Site", joined(concepts(resource, "bodySite")));
        statement.fact(
            "Reason",
            joined(concepts(resource, "reasonCode"))
                .or_else(|| Some(references(resource, "reasonReference").join(", "))),
        );
        statement.fact("Outcome", concept(resource, "outcome").map(|outcome| outcome.text));
        statement.fact("Complications", joined(concepts(resource, "complication")));
        statement.fact("Where", resource.get("location").and_then(reference));
        statement.fact("Note", Some(notes(resource).join(" ")));
        statement.dated("Done", crate::text::when(resource, &["/performedDateTime", "/performedPeriod/start"]));
        statement.by = resource.at("/performer/0/actor").and_then(reference);
        match item.status() {
            _ if withdrawn(item) => wrong.push(statement),
            "preparation" | "in-progress" | "on-hold" => {
                statement.dated = "Planned";
                statement.mark(words(item.status()), Tone::Plain);
                planned.push(statement);
            }
            "not-done" | "stopped" => {
                statement.mark(words(item.status()), Tone::Caution);
                not_done.push(statement);
            }
            _ => done.push(statement),
        }
    }
    for item in of(items, ResourceType::Device) {
        let resource = &item.resource;
        let name = concept(resource, "type").or_else(|| {
            let name = resource.str_at("/deviceName/0/name")?;
            Some(crate::text::Concept { text: name.to_owned(), codes: Vec::new() })
        });
        let mut statement = Statement::new(item, name, "Device not named");
        statement.fact("Made by", resource.str_at("/manufacturer").map(str::to_owned));
        statement.fact("Model", resource.str_at("/modelNumber").map(str::to_owned));
        statement.fact("Serial number", resource.str_at("/serialNumber").map(str::to_owned));
        statement.fact("Expires", crate::text::when(resource, &["/expirationDate"]).map(|when| when.day_text()));
        if item.status() == "inactive" {
            statement.mark("No longer in use", Tone::Plain);
        }
        statement.dated("Made", crate::text::when(resource, &["/manufactureDate"]));
        if withdrawn(item) { wrong.push(statement) } else { devices.push(statement) }
    }
    let mut section = Section::default();
    section.push("Devices and implants", None, false, gather(devices));
    section.push("Planned or under way", None, false, each(planned));
    section.push("Procedures", None, false, gather(done));
    section.push("Not done", None, true, each(not_done));
    section.withdrawn = each(wrong);
    section
}

/// Alerts, reasonable adjustments and risks.
pub fn alerts(items: &[ParsedItem], now: Timestamp) -> Section {
    let (mut current, mut past, mut wrong) = (vec![], vec![], vec![]);
    for item in of(items, ResourceType::Flag) {
        let resource = &item.resource;
        let mut statement = Statement::new(item, concept(resource, "code"), "Alert without words");
        let categories = concepts(resource, "category");
        statement.fact("Kind", joined(categories.clone()));
        statement.fact("Note", Some(notes(resource).join(" ")));
        let end = crate::text::when(resource, &["/period/end"]);
        let over = end.as_ref().is_some_and(|end| end.until() <= now);
        statement.fact(if over { "Ended" } else { "Until" }, end.map(|end| end.text));
        statement.dated("Since", crate::text::when(resource, &["/period/start"]));
        statement.by = resource.get("author").and_then(reference);
        if withdrawn(item) {
            wrong.push(statement);
        } else if over || item.status() == "inactive" {
            past.push(statement);
        } else {
            let safety = categories.iter().any(|category| {
                category.has("safety")
                    || category.has("clinical")
                    || crate::text::fold(&category.text).contains("safety")
            });
            statement.mark("Alert", if safety { Tone::Danger } else { Tone::Caution });
            current.push(statement);
        }
    }
    let mut risks = Vec::new();
    for item in of(items, ResourceType::RiskAssessment) {
        let resource = &item.resource;
        let mut statement = Statement::new(item, concept(resource, "code"), "Risk assessment");
        let outcomes: Vec<String> = resource
            .list("prediction")
            .iter()
            .filter_map(|prediction| {
                let outcome = prediction.get("outcome").and_then(crate::text::Concept::of).map(|outcome| outcome.text);
                let level =
                    prediction.get("qualitativeRisk").and_then(crate::text::Concept::of).map(|level| level.text);
                Some(match (outcome, level) {
                    (Some(outcome), Some(level)) => format!("{outcome}: {level}"),
                    (one, other) => one.or(other)?,
                })
            })
            .collect();
        statement.fact("Risk", Some(outcomes.join("; ")));
        statement.fact("Mitigation", resource.str_at("/mitigation").map(str::to_owned));
        statement.dated("Assessed", crate::text::when(resource, &["/occurrenceDateTime"]));
        if withdrawn(item) { wrong.push(statement) } else { risks.push(statement) }
    }
    let mut section = Section::default();
    section.push(ALERTS_NOW, None, false, gather(current));
    section.push("Risk assessments", None, false, each(risks));
    section.push("Past alerts", None, true, gather(past));
    section.withdrawn = gather(wrong);
    section
}

/// Referrals and other requests, open ones first.
pub fn referrals(items: &[ParsedItem]) -> Section {
    let (mut open, mut closed, mut wrong) = (vec![], vec![], vec![]);
    let ours = requests::requests(items);
    for item in items.iter().filter(|item| matches!(item.kind(), ResourceType::ServiceRequest | ResourceType::Task)) {
        // It stands with its request.
        if item.kind() == ResourceType::Task && requests::is_ours(item) {
            continue;
        }
        let resource = &item.resource;
        let mut statement = Statement::new(item, concept(resource, "code"), "Request without a name");
        if let Some(asked) = ours.iter().find(|asked| asked.request.is_some_and(|(id, _)| id == item.id)) {
            statement.fact("Where it stands", Some(asked.stands.clone()));
            let answer = asked.said.iter().rev().find(|word| word.kind == "Answer");
            statement.fact("Answer", answer.map(|word| format!("{} ({})", word.text, word.by)));
        }
        if let Some(text) = resource.str_at("/description") {
            statement.fact("What", Some(text.to_owned()));
        }
        statement.fact("Kind", joined(concepts(resource, "category")));
        statement.fact(
            "To",
            Some(references(resource, "performer").join(", "))
                .filter(|to| !to.is_empty())
                .or_else(|| resource.get("owner").and_then(reference)),
        );
        statement.fact("Reason", joined(concepts(resource, "reasonCode")));
        statement.fact(
            "When",
            crate::text::when(resource, &["/occurrenceDateTime"])
                .map(|when| when.text)
                .or_else(|| resource.get("occurrencePeriod").and_then(period)),
        );
        statement.fact("Note", Some(notes(resource).join(" ")));
        statement.dated("Asked", crate::text::when(resource, &["/authoredOn"]));
        statement.by = resource.get("requester").and_then(reference);
        if matches!(resource.str_at("/priority"), Some("urgent" | "asap" | "stat")) {
            statement.mark(words(resource.str_at("/priority").unwrap_or_default()), Tone::Caution);
        }
        match item.status() {
            _ if withdrawn(item) => wrong.push(statement),
            "completed" | "revoked" | "cancelled" | "rejected" | "failed" => {
                statement.mark(words(item.status()), Tone::Plain);
                closed.push(statement);
            }
            other => {
                if !matches!(other, "active" | "") {
                    statement.mark(words(other), Tone::Plain);
                }
                open.push(statement);
            }
        }
    }
    let mut section = Section::default();
    section.push("Open", None, false, each(open));
    section.push("Completed or closed", None, true, each(closed));
    section.withdrawn = each(wrong);
    section
}

/// The types whose every resource has its place in another section. Teams and episodes are not among them: only the
/// current ones are contacts.
const SHOWN_ELSEWHERE: &[ResourceType] = {
    use ResourceType::*;
    &[
        AllergyIntolerance,
        Appointment,
        Binary,
        CarePlan,
        Composition,
        Condition,
        Consent,
        Device,
        DiagnosticReport,
        DocumentReference,
        Encounter,
        Flag,
        Immunization,
        Medication,
        MedicationAdministration,
        MedicationDispense,
        MedicationRequest,
        MedicationStatement,
        Observation,
        Patient,
        Procedure,
        Provenance,
        QuestionnaireResponse,
        RelatedPerson,
        RiskAssessment,
        ServiceRequest,
        Task,
    ]
};

/// Whether "everything else" must show resources of this type.
pub fn is_other(kind: ResourceType) -> bool {
    !SHOWN_ELSEWHERE.contains(&kind)
}

/// The resources of types that have no section: first those of a heading of the standard, under its name, then the rest by
/// type. What its source has withdrawn is apart, so that it is not read as said.
pub fn other(items: &[ParsedItem]) -> Section {
    let mut of_heading: Vec<Vec<Statement>> = HEADINGS.iter().map(|_| Vec::new()).collect();
    let mut by_kind: Vec<(ResourceType, Vec<Statement>)> = Vec::new();
    let mut wrong = Vec::new();
    for item in items.iter().filter(|item| is_other(item.kind())) {
        let heading = HEADINGS.iter().zip(&mut of_heading).find(|(heading, _)| heading.kind == item.kind());
        let mut statement = match &heading {
            Some((heading, _)) => (heading.read)(item),
            None => otherwise(item),
        };
        let text = narrative(&item.resource).map(|text| text.chars().take(NARRATIVE_CHARS_MAX).collect());
        statement.fact("Text", text);
        if withdrawn(item) {
            statement
                .fact("Kind", Some(heading.map_or_else(|| spaced(item.kind().as_str()), |(of, _)| of.title.into())));
            wrong.push(statement);
        } else if let Some((_, statements)) = heading {
            statements.push(statement);
        } else if let Some((_, statements)) = by_kind.iter_mut().find(|(kind, _)| *kind == item.kind()) {
            statements.push(statement);
        } else {
            by_kind.push((item.kind(), vec![statement]));
        }
    }
    by_kind.sort_by_key(|(kind, _)| kind.as_str());
    let mut section = Section::default();
    for (heading, statements) in HEADINGS.iter().zip(of_heading) {
        section.push(heading.title, heading.note, false, each(statements));
    }
    for (kind, statements) in by_kind {
        let lines: Vec<Line> = each(statements);
        section.push(spaced(kind.as_str()), None, lines.len() > OPEN_LINES_MAX, lines);
    }
    section.withdrawn = each(wrong);
    section
}

/// A resource of a type without a heading, by what most resources have.
pub(super) fn otherwise(item: &ParsedItem) -> Statement {
    let resource = &item.resource;
    let name = ["code", "type", "category", "suppliedItem"]
        .iter()
        .find_map(|element| concepts(resource, element).into_iter().next());
    let supplied = resource.at("/suppliedItem/itemCodeableConcept").and_then(crate::text::Concept::of);
    let mut statement = Statement::new(item, supplied.or(name), &called(resource, item.kind()));
    statement.fact("Status", Some(words(item.status())).filter(|status| !status.is_empty()));
    statement.dated("", date(item));
    statement
}

/// A resource without a code: its name, else its type in words.
fn called(resource: &Resource, kind: ResourceType) -> String {
    let own = ["/name", "/title", "/description"].iter().find_map(|at| resource.str_at(at));
    own.map_or_else(|| spaced(kind.as_str()), str::to_owned)
}

const NARRATIVE_CHARS_MAX: usize = 400;
const OPEN_LINES_MAX: usize = 20;

fn date(item: &ParsedItem) -> Option<When> {
    crate::text::when(
        &item.resource,
        &[
            "/date",
            "/occurrenceDateTime",
            "/effectiveDateTime",
            "/created",
            "/authoredOn",
            "/sent",
            "/billablePeriod/start",
            "/period/start",
            "/started",
            "/recordedDate",
        ],
    )
}

/// `MedicationRequest` as `Medication request`.
pub fn spaced(kind: &str) -> String {
    let mut words = String::new();
    for (index, letter) in kind.chars().enumerate() {
        if index > 0 && letter.is_uppercase() {
            words.push(' ');
            words.extend(letter.to_lowercase());
        } else {
            words.push(letter);
        }
    }
    words
}
