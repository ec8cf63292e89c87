//! Medicines: MedicationStatement, MedicationRequest, MedicationDispense and MedicationAdministration, told apart by
//! whether they are being taken now. An old entry that was never closed must not look current (hazard: old medicine
//! shown as current), nor vanish.

use super::{Line, Section, Statement, Tone, each, gather, problems::joined, withdrawn};
use crate::{
    item::{ParsedItem, find},
    text::{Concept, concept, concepts, list, notes, number, quantity, reference, text},
    when::When,
};
use fhir::{Resource, ResourceType, Value};
use jiff::{SignedDuration, Timestamp};

/// The heading of what is taken now.
pub const CURRENT: &str = "Current medicines";
/// The heading of what is open but old.
pub const UNCONFIRMED: &str = "Not confirmed for over a year";

/// An open entry older than this is no longer shown as current.
const STALE_AFTER: SignedDuration = SignedDuration::from_hours(24 * 400);
/// A medicine ended within this time is still of interest.
const RECENT: SignedDuration = SignedDuration::from_hours(24 * 92);

/// Current, not confirmed, recently ended, ended, given.
pub fn medicines(items: &[ParsedItem], now: Timestamp) -> Section {
    let (mut current, mut stale, mut recent, mut past, mut given, mut wrong) =
        (vec![], vec![], vec![], vec![], vec![], vec![]);
    // Statements before requests: of two entries of one date, what is taken leads and what was authorised follows.
    let ordered = items.iter().filter(|item| item.kind() != ResourceType::MedicationRequest);
    for item in ordered.chain(crate::of(items, ResourceType::MedicationRequest)) {
        let statement = match item.kind() {
            ResourceType::MedicationStatement | ResourceType::MedicationRequest => statement(item, items),
            ResourceType::MedicationDispense | ResourceType::MedicationAdministration => event(item, items),
            _ => continue,
        };
        if withdrawn(item) {
            wrong.push(statement);
            continue;
        }
        if matches!(item.kind(), ResourceType::MedicationDispense | ResourceType::MedicationAdministration) {
            given.push(statement);
            continue;
        }
        match state(item, now) {
            State::Current => current.push(statement),
            State::Stale => stale.push(statement),
            State::Recent => recent.push(statement),
            State::Past => past.push(statement),
        }
    }
    // An old authorisation of what another entry says is taken now belongs to that line, not among the doubtful.
    let taken: Vec<fhir::ResourceId> = current.iter().map(|statement| statement.origin.id).collect();
    let (mut current, stale): (Vec<Line>, Vec<Line>) = gather(current.into_iter().chain(stale).collect())
        .into_iter()
        .partition(|line| line.statements().any(|statement| taken.contains(&statement.origin.id)));
    for line in &mut current {
        line.lead_with(|statement| taken.contains(&statement.origin.id));
    }
    current.sort_by_key(|line| line.title.to_lowercase());
    let mut section = Section::default();
    mark_differences(&mut current, &recent, &past, &mut section.conflicts);
    section.push(CURRENT, None, false, current);
    section.push(
        UNCONFIRMED,
        Some("The source never closed these entries, and has said nothing of them for more than a year. They may have stopped."),
        false,
        stale,
    );
    section.push("Ended in the last three months", None, false, gather(recent));
    section.push("Given and dispensed", None, true, each(given));
    section.push("Past medicines", None, true, gather(past));
    section.withdrawn = gather(wrong);
    section
}

/// Mark current lines whose sources differ: in dose, or because one has stopped what another still has.
fn mark_differences(current: &mut [Line], recent: &[Statement], past: &[Statement], conflicts: &mut Vec<String>) {
    for line in current {
        let doses: Vec<(&str, String)> = line
            .statements()
            .filter_map(|statement| {
                let dose = statement.facts.iter().find(|fact| fact.label == "Dose")?;
                Some((statement.origin.source.name.as_str(), crate::text::fold(&dose.text)))
            })
            .collect();
        let differ =
            doses.iter().any(|(source, dose)| doses.iter().any(|(other, second)| source != other && dose != second));
        let name = crate::text::fold(&line.title);
        let stopped = recent.iter().chain(past).find(|old| {
            let same =
                crate::text::fold(&old.title) == name || old.codes.iter().any(|code| line.first.codes.contains(code));
            same && old.origin.source != line.first.origin.source && old.origin.recorded > line.first.origin.recorded
        });
        let ended = stopped.map(|old| old.origin.source.name.clone());
        if differ {
            conflicts.push(format!("{}: sources give different doses.", line.title));
        }
        if let Some(source) = &ended {
            conflicts.push(format!(
                "{}: still current at {}, but ended or stopped at {source} since.",
                line.title,
                line.sources().join(", ")
            ));
        }
        if differ || ended.is_some() {
            line.mark("Sources differ", Tone::Caution);
        }
    }
}

enum State {
    Current,
    Stale,
    Recent,
    Past,
}

fn state(item: &ParsedItem, now: Timestamp) -> State {
    let resource = &item.resource;
    let ended = end(resource);
    let open = matches!(item.status(), "active" | "on-hold" | "intended" | "unknown" | "draft" | "");
    if let Some(end) = &ended
        && end.until() <= now
    {
        return if end.until() > now - RECENT { State::Recent } else { State::Past };
    }
    if !open {
        let last = ended.map(|end| end.at).or(last_word(item)).unwrap_or(item.recorded);
        return if last > now - RECENT { State::Recent } else { State::Past };
    }
    if ended.is_some() {
        return State::Current;
    }
    match last_word(item) {
        Some(last) if last < now - STALE_AFTER => State::Stale,
        None if item.recorded < now - STALE_AFTER => State::Stale,
        _ => State::Current,
    }
}

/// When it is to end, or ended.
fn end(resource: &Resource) -> Option<When> {
    crate::text::when(resource, &["/effectivePeriod/end", "/dispenseRequest/validityPeriod/end"])
}

/// The last time its source said that it is so: assertion, last issue, authorship.
fn last_word(item: &ParsedItem) -> Option<Timestamp> {
    let resource = &item.resource;
    let issued =
        resource.list("extension").iter().find(|e| text(e, "url").is_some_and(|url| url.contains("LastIssueDate")));
    let issued = issued.and_then(|e| text(e, "valueDateTime").or_else(|| text(e, "valueDate"))).and_then(When::parse);
    let asserted =
        crate::text::when(resource, &["/dateAsserted", "/authoredOn", "/effectiveDateTime", "/effectivePeriod/start"]);
    issued.into_iter().chain(asserted).map(|when| when.at).max()
}

fn statement(item: &ParsedItem, items: &[ParsedItem]) -> Statement {
    let resource = &item.resource;
    let mut statement = Statement::new(item, medication(resource, items), "Medicine not named");
    let request = item.kind() == ResourceType::MedicationRequest;
    let doses = resource.list(if request { "dosageInstruction" } else { "dosage" });
    statement.fact("Dose", dosage(doses));
    let ordered = resource.str_at("/basedOn/0/reference").and_then(|named| find(items, named));
    let reason = joined(concepts(resource, "reasonCode"));
    statement.fact("For", reason.or_else(|| joined(concepts(&ordered?.resource, "reasonCode"))));
    statement.fact("Amount", resource.at("/dispenseRequest/quantity").and_then(quantity));
    statement.fact("Ends", end(resource).map(|end| end.day_text()));
    statement.fact(
        "Reason for status",
        resource.get("statusReason").and_then(|reason| match reason {
            Value::Array(reasons) => joined(reasons.iter().filter_map(Concept::of).collect()),
            one => Concept::of(one).map(|concept| concept.text),
        }),
    );
    statement.fact("Note", Some(notes(resource).join(" ")));
    match item.status() {
        "on-hold" => statement.mark("On hold", Tone::Caution),
        "intended" | "draft" => statement.mark("Planned", Tone::Plain),
        "stopped" => statement.mark("Stopped", Tone::Plain),
        "cancelled" => statement.mark("Cancelled", Tone::Plain),
        "not-taken" => statement.mark("Not taken", Tone::Caution),
        _ => &mut statement,
    };
    if request && resource.str_at("/intent") == Some("proposal") {
        statement.mark("Proposed", Tone::Plain);
    }
    if request {
        let authorised = resource.str_at("/intent") == Some("plan");
        let label = if authorised { "Authorised" } else { "Prescribed" };
        statement.dated(label, crate::text::when(resource, &["/authoredOn"]));
        statement.by = resource.get("requester").and_then(reference);
    } else {
        let since = crate::text::when(resource, &["/effectivePeriod/start", "/effectiveDateTime"]);
        let asserted = crate::text::when(resource, &["/dateAsserted"]);
        statement.dated(if since.is_some() { "Since" } else { "Stated" }, since.or(asserted));
        let prescriber = ordered.and_then(|request| request.resource.get("requester").and_then(reference));
        statement.by = resource.get("informationSource").and_then(reference).or(prescriber);
    }
    statement
}

fn event(item: &ParsedItem, items: &[ParsedItem]) -> Statement {
    let resource = &item.resource;
    let mut statement = Statement::new(item, medication(resource, items), "Medicine not named");
    if item.kind() == ResourceType::MedicationDispense {
        statement.fact("Dose", dosage(resource.list("dosageInstruction")));
        statement.fact("Amount", resource.get("quantity").and_then(quantity));
        statement.dated("Dispensed", crate::text::when(resource, &["/whenHandedOver", "/whenPrepared"]));
    } else {
        let dose = resource.at("/dosage/dose").and_then(quantity);
        statement.fact("Dose", resource.str_at("/dosage/text").map(str::to_owned).or(dose));
        statement.fact("Route", resource.at("/dosage/route").and_then(Concept::of).map(|route| route.text));
        statement.dated("Given", crate::text::when(resource, &["/effectiveDateTime", "/effectivePeriod/start"]));
        if item.status() == "not-done" {
            statement.mark("Not given", Tone::Caution);
        }
    }
    statement
}

/// The medicine's name: inline, contained, or the Medication resource it points to in this record.
fn medication(resource: &Resource, items: &[ParsedItem]) -> Option<Concept> {
    if let Some(inline) = concept(resource, "medicationCodeableConcept") {
        return Some(inline);
    }
    let pointer = resource.get("medicationReference")?;
    let named = pointer.get("reference").and_then(Value::as_str);
    let contained = named.and_then(|named| named.strip_prefix('#')).and_then(|wanted| {
        let found = resource.list("contained").iter().find(|inner| text(inner, "id") == Some(wanted))?;
        Concept::of(found.get("code")?)
    });
    contained
        .or_else(|| find(items, named?).and_then(|medication| concept(&medication.resource, "code")))
        .or_else(|| reference(pointer).map(|text| Concept { text, codes: Vec::new() }))
}

/// Dosage in the source's words; when there are none, from its parts.
fn dosage(doses: &[Value]) -> Option<String> {
    let lines: Vec<String> = doses.iter().filter_map(one_dose).collect();
    if lines.is_empty() { None } else { Some(lines.join("; then ")) }
}

fn one_dose(dose: &Value) -> Option<String> {
    let extra = list(dose, "additionalInstruction").iter().filter_map(Concept::of).map(|concept| concept.text);
    let mut parts: Vec<String> = Vec::new();
    match text(dose, "text") {
        Some(words) => parts.push(words.to_owned()),
        None => {
            let rate = list(dose, "doseAndRate").first();
            parts.extend(rate.and_then(|rate| rate.get("doseQuantity")).and_then(quantity));
            parts.extend(dose.get("route").and_then(Concept::of).map(|route| route.text));
            parts.extend(dose.get("timing").and_then(timing));
            if let Some(needed) = dose.get("asNeededCodeableConcept").and_then(Concept::of) {
                parts.push(format!("as needed for {}", needed.text));
            } else if dose.get("asNeededBoolean").and_then(Value::as_bool) == Some(true) {
                parts.push("as needed".into());
            }
        }
    }
    parts.extend(extra);
    parts.extend(text(dose, "patientInstruction").map(str::to_owned));
    parts.dedup();
    if parts.is_empty() { None } else { Some(parts.join(", ")) }
}

fn timing(timing: &Value) -> Option<String> {
    if let Some(code) = timing.get("code").and_then(Concept::of) {
        return Some(code.text);
    }
    let repeat = timing.get("repeat")?;
    let times = repeat.get("frequency").and_then(number)?;
    let period = repeat.get("period").and_then(number).unwrap_or_else(|| "1".into());
    let unit = match text(repeat, "periodUnit") {
        Some("s") => "second",
        Some("min") => "minute",
        Some("h") => "hour",
        Some("d") => "day",
        Some("wk") => "week",
        Some("mo") => "month",
        Some("a") => "year",
        _ => return None,
    };
    let times = match times.as_str() {
        "1" => "once".to_owned(),
        "2" => "twice".to_owned(),
        n => format!("{n} times"),
    };
    let is_one = period.parse::<f64>().is_ok_and(|period| (period - 1.0).abs() < f64::EPSILON);
    Some(if is_one { format!("{times} a {unit}") } else { format!("{times} every {period} {unit}s") })
}

/// What a current medicine's line says in one breath on the summary.
pub fn short(line: &Line) -> String {
    line.first.facts.iter().find(|fact| fact.label == "Dose").map(|fact| fact.text.clone()).unwrap_or_default()
}
