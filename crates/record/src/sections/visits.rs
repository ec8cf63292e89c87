//! Contacts with services: admissions, attendances, consultations, visits at home (Encounter), and appointments.

use super::{Fact, Group, Line, Section, Statement, Tone, each, problems::joined, withdrawn};
use crate::{
    item::{ParsedItem, SourceKind, of},
    text::{Concept, concept, concepts, list, notes, reference, references, text, without_tag, words},
    when::{self, When},
};
use fhir::{Resource, ResourceType, Value};
use jiff::{SignedDuration, Timestamp};

/// The heading of stays that have not ended.
pub const NOW: &str = "In hospital or under way now";
/// The heading of visits whose end was never told.
pub const ENDLESS: &str = "No end received";
/// The heading of what is over.
pub const PAST: &str = "Past visits and stays";
/// The heading of what is booked.
pub const COMING: &str = "Coming appointments";

/// For how long after its start or last move a visit without an end is believed to go on. A stay may last months; an
/// outpatient visit is over by the next day whether its end was told or not.
fn believed_for(resource: &Resource) -> SignedDuration {
    match resource.str_at("/class/code") {
        Some("IMP" | "ACUTE" | "NONAC" | "OBSENC" | "SS") => SignedDuration::from_hours(24 * 365),
        Some("EMER") => SignedDuration::from_hours(24 * 3),
        _ => SignedDuration::from_hours(24),
    }
}

/// Whether a visit without an end is believed to go on: judged by its own times, for history reaches us late.
pub(crate) fn under_way(item: &ParsedItem, now: Timestamp) -> bool {
    last_move(&item.resource).unwrap_or(item.recorded) > now - believed_for(&item.resource)
}

/// The latest start of a place in the visit.
fn last_move(resource: &Resource) -> Option<Timestamp> {
    let places = resource.list("location").iter();
    let starts = places.filter_map(|place| When::parse(text(place.get("period")?, "start")?));
    let visit = crate::text::when(resource, &["/period/start"]);
    starts.chain(visit).map(|when| when.at).max()
}

/// Where someone is, in the class's own words (v3 ActCode, Encounter.class).
pub(crate) fn class(item: &ParsedItem) -> Option<&'static str> {
    Some(match item.resource.str_at("/class/code")? {
        "IMP" | "ACUTE" | "NONAC" => "Admission",
        "EMER" => "Emergency attendance",
        "AMB" => match item.source.kind {
            SourceKind::Gp => "Surgery consultation",
            SourceKind::Hospital => "Outpatient visit",
            SourceKind::Ambulance => "Ambulance attendance",
            _ => "Visit",
        },
        "HH" => "Visit at home",
        "VR" => "Remote consultation",
        "FLD" => "Ambulance attendance",
        "OBSENC" => "Observation stay",
        "PRENC" => "Pre-admission",
        "SS" => "Short stay",
        _ => return None,
    })
}

/// Whether the class is a stay or an emergency.
pub(crate) fn is_stay(resource: &Resource) -> bool {
    matches!(resource.str_at("/class/code"), Some("IMP" | "ACUTE" | "NONAC" | "EMER" | "OBSENC" | "SS"))
}

/// Types that only say that there was a visit (SNOMED CT: patient encounter procedure, encounter for check up and so on).
fn says_nothing(kind: &Concept) -> bool {
    ["308335008", "11429006", "270427003"].iter().any(|code| kind.has(code))
        || kind.folded() == "patient encounter procedure"
}

/// Now, coming, past visits, past and cancelled appointments.
pub fn visits(items: &[ParsedItem], now: Timestamp) -> Section {
    let (mut here, mut endless, mut planned) = (vec![], vec![], vec![]);
    let (mut past, mut cancelled, mut wrong) = (vec![], vec![], vec![]);
    for item in of(items, ResourceType::Encounter) {
        let statement = encounter(item, now);
        match item.status() {
            _ if withdrawn(item) => wrong.push(statement),
            "cancelled" => cancelled.push(statement),
            "planned" => planned.push(statement),
            "arrived" | "triaged" | "in-progress" | "onleave"
                if ended(&item.resource).is_none_or(|end| end.until() > now) =>
            {
                if under_way(item, now) {
                    here.push(statement)
                } else {
                    endless.push(statement)
                }
            }
            _ => past.push(statement),
        }
    }
    let (mut coming, mut kept) = (vec![], vec![]);
    for item in of(items, ResourceType::Appointment) {
        let statement = appointment(item);
        let start = statement.when.as_ref().map(|when| when.until());
        match item.status() {
            _ if withdrawn(item) => wrong.push(statement),
            "cancelled" | "noshow" => cancelled.push(statement),
            _ if start.is_some_and(|start| start > now) || start.is_none() => coming.push(statement),
            _ => kept.push(statement),
        }
    }
    coming.extend(planned);
    let mut coming = each(coming);
    coming.reverse();
    let mut section = Section::default();
    section.push(NOW, None, false, each(here));
    section.push(COMING, None, false, coming);
    section.push(PAST, None, false, each(past));
    section.push(
        ENDLESS,
        Some("Their source never said that these ended. They are too old to be under way."),
        true,
        each(endless),
    );
    section.push("Past appointments", None, true, each(kept));
    section.push("Cancelled or not attended", None, true, each(cancelled));
    section.withdrawn = each(wrong);
    section
}

/// The current stays, newest first: for the summary.
pub fn here_now(items: &[ParsedItem], now: Timestamp) -> Vec<Line> {
    take(visits(items, now).groups, NOW)
}

/// The coming appointments, soonest first.
pub fn coming(items: &[ParsedItem], now: Timestamp) -> Vec<Line> {
    take(visits(items, now).groups, COMING)
}

fn take(groups: Vec<Group>, title: &str) -> Vec<Line> {
    groups.into_iter().find(|group| group.title == title).map(|group| group.lines).unwrap_or_default()
}

/// When a visit ended.
pub(crate) fn ended(resource: &Resource) -> Option<When> {
    crate::text::when(resource, &["/period/end"])
}

fn encounter(item: &ParsedItem, now: Timestamp) -> Statement {
    let resource = &item.resource;
    let kind = concepts(resource, "type").into_iter().next();
    let service = concept(resource, "serviceType");
    let label = class(item);
    let named = kind.filter(|kind| !says_nothing(kind)).map(|kind| without_tag(&kind.text).to_owned());
    let title = match (named, label) {
        // A stay or an emergency is worth saying before what kind it was; the kind of a consultation says enough.
        (Some(named), Some(label))
            if is_stay(resource) && !crate::text::fold(&named).contains(&crate::text::fold(label)) =>
        {
            format!("{label}: {named}")
        }
        (Some(named), _) => named,
        (None, Some(label)) => label.to_owned(),
        (None, None) => resource.str_at("/class/display").map_or_else(|| "Visit".into(), str::to_owned),
    };
    let mut statement = Statement::new(item, None, &title);
    let start = crate::text::when(resource, &["/period/start"]);
    let open = matches!(item.status(), "arrived" | "triaged" | "in-progress" | "onleave");
    if open && !under_way(item, now) {
        statement.mark("No end received", Tone::Caution);
    } else if open {
        statement.mark(words(item.status()), Tone::Good);
    } else if item.status() == "cancelled" {
        statement.mark("Cancelled", Tone::Caution);
    } else if item.status() == "planned" {
        statement.mark("Planned", Tone::Plain);
    }
    let (place, earlier) = places(resource);
    statement.fact("Where", place);
    statement.fact("Service", service.map(|service| service.text));
    statement.fact(
        "Reason",
        joined(concepts(resource, "reasonCode")).or_else(|| Some(references(resource, "reasonReference").join(", "))),
    );
    for (label, people) in participants(resource) {
        statement.fact(label, Some(people.join(", ")));
    }
    statement.fact("Ended", ended(resource).map(|end| end.text));
    statement.fact(
        "Admitted from",
        resource.at("/hospitalization/admitSource").and_then(Concept::of).map(|source| brief(&source.text)),
    );
    statement.fact(
        "Discharged to",
        resource.at("/hospitalization/dischargeDisposition").and_then(Concept::of).map(|to| brief(&to.text)),
    );
    statement.fact("Expected discharge", expected_discharge(resource));
    statement.fact("Earlier places", if earlier.is_empty() { None } else { Some(earlier.join("; ")) });
    statement.dated(if ended(resource).is_some() { "From" } else { "Since" }, start);
    statement.by = resource.get("serviceProvider").and_then(reference);
    statement
}

/// Where the stay is.
pub(crate) fn place_of(resource: &Resource) -> Option<String> {
    places(resource).0
}

/// Where the stay is (its active or last place) and where it was before, with dates.
pub(crate) fn places(resource: &Resource) -> (Option<String>, Vec<String>) {
    let all: Vec<(&Value, String)> = resource
        .list("location")
        .iter()
        .filter_map(|place| Some((place, place.get("location").and_then(reference)?)))
        .collect();
    let current =
        all.iter().rposition(|(place, _)| text(place, "status") == Some("active")).or(all.len().checked_sub(1));
    let mut earlier = Vec::new();
    let mut here = None;
    for (index, (place, name)) in all.iter().enumerate() {
        if Some(index) == current {
            here = Some(name.clone());
        } else if text(place, "status") != Some("planned") {
            let dates = place
                .get("period")
                .and_then(crate::text::period)
                .map(|period| format!(" ({period})"))
                .unwrap_or_default();
            earlier.push(format!("{name}{dates}"));
        }
    }
    (here, earlier)
}

/// The people of a visit under the roles that matter (v3 ParticipationType).
pub(crate) fn participants(resource: &Resource) -> Vec<(&'static str, Vec<String>)> {
    let mut groups: Vec<(&'static str, Vec<String>)> = Vec::new();
    for participant in resource.list("participant") {
        let Some(name) = participant.get("individual").and_then(reference) else { continue };
        let roles: Vec<Concept> = list(participant, "type").iter().filter_map(Concept::of).collect();
        let has = |code: &str| roles.iter().any(|role| role.has(code));
        let label = if has("ATND") {
            "Consultant"
        } else if has("REF") {
            "Referred by"
        } else if has("CON") {
            "Consulted"
        } else {
            "Seen by"
        };
        match groups.iter_mut().find(|(existing, _)| *existing == label) {
            Some((_, names)) if !names.contains(&name) => names.push(name),
            Some(_) => {}
            None => groups.push((label, vec![name])),
        }
    }
    groups
}

pub(crate) fn expected_discharge(resource: &Resource) -> Option<String> {
    let found = resource.list("extension").iter().find(|e| {
        text(e, "url").is_some_and(|url| {
            let url = url.to_lowercase();
            // How PV2-9 is mapped, and how others name it.
            url.ends_with("encounter.plannedenddate")
                || url.contains("expecteddischarge")
                || url.contains("expected-discharge")
        })
    })?;
    let raw = text(found, "valueDateTime").or_else(|| text(found, "valueDate"))?;
    Some(When::parse(raw).map_or_else(|| raw.to_owned(), |when| when.text))
}

/// The NHS Data Dictionary explains its codes in their own names; the first words are the name.
fn brief(name: &str) -> String {
    let cut = [" unless ", ", for example", " for example", " - ", ". ", "; "]
        .iter()
        .filter_map(|mark| name.find(mark))
        .min();
    let short = cut.and_then(|cut| name.get(..cut)).unwrap_or(name);
    short.trim_end_matches(['.', ',']).to_owned()
}

fn appointment(item: &ParsedItem) -> Statement {
    let resource = &item.resource;
    let service = concepts(resource, "serviceType").into_iter().next();
    let kind = concept(resource, "appointmentType");
    let described = resource.str_at("/description").map(str::to_owned);
    let title = described
        .clone()
        .or_else(|| service.as_ref().map(|service| service.text.clone()))
        .or(kind.map(|kind| kind.text));
    let mut statement = Statement::new(item, None, title.as_deref().unwrap_or("Appointment"));
    match item.status() {
        "proposed" | "pending" | "waitlist" => statement.mark(words(item.status()), Tone::Caution),
        "cancelled" => statement.mark("Cancelled", Tone::Caution),
        "noshow" => statement.mark("Did not attend", Tone::Caution),
        "arrived" | "checked-in" => statement.mark("Arrived", Tone::Good),
        _ => &mut statement,
    };
    statement
        .fact("Service", service.map(|service| service.text).filter(|service| Some(service) != described.as_ref()));
    statement.fact("Reason", joined(concepts(resource, "reasonCode")));
    let (mut who, mut place) = (Vec::new(), Vec::new());
    for participant in resource.list("participant") {
        let Some(actor) = participant.get("actor") else { continue };
        let Some(name) = reference(actor) else { continue };
        let kind = text(actor, "type")
            .or_else(|| text(actor, "reference").and_then(|r| r.split('/').next()))
            .unwrap_or_default();
        match kind {
            "Patient" => {}
            "Location" => place.push(name),
            _ => who.push(name),
        }
    }
    statement.fact("Where", Some(place.join(", ")));
    statement.fact("With", Some(who.join(", ")));
    statement.fact("Cancelled because", concept(resource, "cancelationReason").map(|reason| reason.text));
    statement.fact("Instructions", resource.str_at("/patientInstruction").map(str::to_owned));
    statement
        .fact("Comment", resource.str_at("/comment").map(str::to_owned).or_else(|| Some(notes(resource).join(" "))));
    let start = crate::text::when(resource, &["/start", "/requestedPeriod/0/start"]);
    statement.dated("At", start);
    statement
}

/// `3 days` for how long a stay lasts or lasted; None for less than a day.
pub fn days_in(from: &When, until: Timestamp) -> Option<String> {
    let seconds = until.as_second() - from.at.as_second();
    if seconds >= 86_400 { Some(when::span(seconds)) } else { None }
}

/// A fact's text by its label.
pub fn fact<'a>(statement: &'a Statement, label: &str) -> Option<&'a str> {
    statement.facts.iter().find(|fact: &&Fact| fact.label == label).map(|fact| fact.text.as_str())
}
