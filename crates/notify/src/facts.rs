//! What a resource says that others may have to hear of, as facts: each stands or does not, whatever message said so and in
//! whatever order. What is told is the difference between the facts before a message and those after it, so that a message
//! that comes twice tells nothing, and one that takes something back corrects what was told.

use crate::topic::Topic;
use fhir::{
    ResourceType,
    datetime::{DateTime, london},
    json::{Document, Node},
};
use std::borrow::Cow;

/// One fact.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fact {
    /// What it is.
    pub topic: Topic,
    /// What tells it from others of its kind in the same resource; stable while the source mends details.
    pub key: String,
    /// When it happened, in microseconds since 1970. None: not said.
    pub occurred: Option<i64>,
}

/// What follows from a resource having changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What holds now and did not before.
    pub told: Vec<Fact>,
    /// What held before and does not now, nor is anything of its kind told in its place.
    pub taken_back: Vec<Fact>,
    /// What held before and has another in its place.
    pub replaced: Vec<Fact>,
}

/// How the facts of a resource changed.
pub fn difference(before: &[Fact], after: &[Fact]) -> Difference {
    let same = |a: &Fact, b: &Fact| a.topic == b.topic && a.key == b.key;
    let mut told: Vec<Fact> = after.iter().filter(|new| !before.iter().any(|old| same(old, new))).cloned().collect();
    let gone = before.iter().filter(|old| !after.iter().any(|new| same(old, new))).cloned();
    let (replaced, taken_back): (Vec<Fact>, Vec<Fact>) = gone.partition(|old| {
        told.iter().any(|new| new.topic == old.topic)
            // Who is admitted out of the emergency department has still been there.
            || old.topic == Topic::Attended && after.iter().any(|new| new.topic == Topic::Admitted)
            // And who has left is expected to leave no more.
            // What was accepted and declined or closed later was accepted.
            || old.topic == Topic::ReferralAccepted
                && after.iter().any(|new| matches!(new.topic, Topic::RequestDeclined | Topic::ReferralClosed))
            || old.topic == Topic::ExpectedDischarge && after.iter().any(|new| new.topic == Topic::Discharged)
    });
    // The time an appointment is first booked for is part of its booking.
    told.retain(|new| {
        new.topic != Topic::AppointmentChanged || replaced.iter().any(|old| old.topic == Topic::AppointmentChanged)
    });
    // That a plan has another in its place is told with the other.
    told.retain(|new| new.topic != Topic::PlanChanged || new.key != SUPERSEDED);
    Difference { told, taken_back, replaced }
}

/// The facts of a resource, JSON text as stored.
pub fn facts(kind: ResourceType, json: &[u8]) -> Vec<Fact> {
    match Document::read(json) {
        Ok(document) => of(kind, document.root(), json),
        Err(_) => Vec::new(),
    }
}

/// The same of a resource that is read already; `json` is its text.
pub fn of(kind: ResourceType, root: Node<'_>, json: &[u8]) -> Vec<Fact> {
    match kind {
        ResourceType::Encounter => visit(root),
        ResourceType::Appointment => appointment(root),
        ResourceType::DiagnosticReport => report(root),
        ResourceType::DocumentReference => document(root),
        ResourceType::CarePlan => plan(root, json),
        ResourceType::QuestionnaireResponse => own_words(root, json),
        ResourceType::ServiceRequest => referral(root),
        ResourceType::Task => task(root),
        ResourceType::Patient => death(root),
        _ => Vec::new(),
    }
}

pub(crate) fn text<'d>(node: Node<'d>, pointer: &str) -> Cow<'d, str> {
    node.at(pointer).and_then(Node::text).unwrap_or_default()
}

pub(crate) fn time(node: Node<'_>, pointer: &str) -> Option<i64> {
    DateTime::parse(&text(node, pointer)).ok().map(|at| at.first(london()).as_microsecond())
}

fn fact(topic: Topic, key: impl Into<String>, occurred: Option<i64>) -> Fact {
    Fact { topic, key: key.into(), occurred }
}

/// Classes of inpatients (v3-ActCode, ActEncounterCode).
pub fn is_inpatient(class: &str) -> bool {
    matches!(class, "IMP" | "ACUTE" | "NONAC" | "SS" | "OBSENC")
}

/// The address HL7's mapping gives the day somebody is expected to leave (PV2-9).
const EXPECTED_END: &str = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Encounter.plannedEndDate";

/// When somebody is expected to leave, as the source says it.
pub(crate) fn expected_end(encounter: Node<'_>) -> Option<String> {
    let expected = encounter.list("extension").find(|extension| {
        let url = text(*extension, "/url");
        url == EXPECTED_END || url.to_ascii_lowercase().replace('-', "").contains("expecteddischarge")
    })?;
    let value = expected.get("valueDateTime").or_else(|| expected.get("valueDate"))?;
    value.text().map(Cow::into_owned).filter(|value| !value.is_empty())
}

fn visit(encounter: Node<'_>) -> Vec<Fact> {
    let status = text(encounter, "/status");
    let class = text(encounter, "/class/code");
    if matches!(status.as_ref(), "planned" | "cancelled" | "entered-in-error" | "unknown" | "") {
        return Vec::new();
    }
    let start = time(encounter, "/period/start");
    if class == "EMER" {
        return vec![fact(Topic::Attended, "", start)];
    }
    if !is_inpatient(&class) {
        return Vec::new();
    }
    let mut facts = vec![fact(Topic::Admitted, "", start)];
    let mut wards: Vec<String> = Vec::new();
    for place in encounter.list("location") {
        if text(place, "/status") == "planned" {
            continue;
        }
        let Some(ward) = ward(place) else { continue };
        if wards.last() == Some(&ward) {
            continue;
        }
        let before = wards.iter().filter(|known| **known == ward).count();
        // Where the stay began is told with the admission.
        if !wards.is_empty() {
            facts.push(fact(Topic::Moved, format!("{ward}#{before}"), time(place, "/period/start")));
        }
        wards.push(ward);
    }
    if let Some(expected) = expected_end(encounter)
        && status != "finished"
    {
        let day = expected.get(..10).unwrap_or(&expected).to_owned();
        facts.push(fact(Topic::ExpectedDischarge, day, None));
    }
    if status == "finished" {
        facts.push(fact(Topic::Discharged, "", time(encounter, "/period/end")));
    }
    facts
}

/// What tells one ward from another: the source's own name for the place, without its bed.
pub(crate) fn ward(place: Node<'_>) -> Option<String> {
    let location = place.get("location")?;
    let own = text(location, "/identifier/value");
    if own.is_empty() {
        let named = text(location, "/reference");
        let named = if named.is_empty() { text(location, "/display") } else { named };
        return (!named.is_empty()).then(|| named.into_owned());
    }
    let is_bed = text(place, "/physicalType/coding/0/code") == "bd";
    let ward = if is_bed { own.rsplit_once('|').map_or(own.as_ref(), |(ward, _)| ward) } else { own.as_ref() };
    Some(ward.to_owned())
}

fn appointment(appointment: Node<'_>) -> Vec<Fact> {
    let start = text(appointment, "/start");
    let made = time(appointment, "/created");
    let at = |topic| fact(topic, start.as_ref(), None);
    match text(appointment, "/status").as_ref() {
        "booked" | "pending" | "arrived" | "checked-in" | "fulfilled" | "waitlist" => {
            vec![fact(Topic::AppointmentBooked, "", made), at(Topic::AppointmentChanged)]
        }
        "cancelled" => vec![
            fact(Topic::AppointmentBooked, "", made),
            at(Topic::AppointmentChanged),
            fact(Topic::AppointmentCancelled, "", None),
        ],
        "noshow" => vec![
            fact(Topic::AppointmentBooked, "", made),
            at(Topic::AppointmentChanged),
            fact(Topic::AppointmentMissed, "", time(appointment, "/start")),
        ],
        _ => Vec::new(),
    }
}

fn report(report: Node<'_>) -> Vec<Fact> {
    let issued = time(report, "/issued").or_else(|| time(report, "/effectiveDateTime"));
    let is_final = || fact(Topic::ResultFinal, "", issued);
    match text(report, "/status").as_ref() {
        "final" => vec![is_final()],
        // Which correction it is, is told by when it was issued.
        "amended" | "corrected" | "appended" => {
            vec![is_final(), fact(Topic::ResultCorrected, text(report, "/issued"), issued)]
        }
        _ => Vec::new(),
    }
}

fn document(document: Node<'_>) -> Vec<Fact> {
    let unfinished = matches!(text(document, "/docStatus").as_ref(), "preliminary" | "entered-in-error");
    if text(document, "/status") != "current" || unfinished {
        return match text(document, "/status").as_ref() {
            // It was filed, and another stands in its place: nothing was taken back.
            "superseded" => vec![fact(Topic::LetterFiled, "", time(document, "/date"))],
            _ => Vec::new(),
        };
    }
    let filed = time(document, "/date");
    let mut facts = vec![fact(Topic::LetterFiled, "", filed)];
    for relation in document.list("relatesTo").filter(|relation| text(*relation, "/code") == "replaces") {
        let target = text(relation, "/target/reference");
        let target = if target.is_empty() { text(relation, "/target/identifier/value") } else { target };
        facts.push(fact(Topic::LetterReplaced, target, filed));
    }
    facts
}

/// The key of a plan in whose place another stands.
const SUPERSEDED: &str = "superseded";
/// What says so of a plan that was signed here, and of the person's own words (see the `forms` room).
const IS_SUPERSEDED: &str = "urn:skein:superseded";
const IS_OWN_WORDS: &str = "urn:skein:own-words";

fn says(resource: Node<'_>, url: &str) -> bool {
    resource.list("extension").any(|extension| text(extension, "/url") == url)
}

/// What the person says of themselves, signed here, is told like a plan. Other answers to questions are no news.
fn own_words(response: Node<'_>, json: &[u8]) -> Vec<Fact> {
    if !says(response, IS_OWN_WORDS) || text(response, "/status") != "completed" {
        return Vec::new();
    }
    vec![changed(response, json, time(response, "/authored"))]
}

/// Any change is one: what it says is what tells it from the former.
fn changed(resource: Node<'_>, json: &[u8], at: Option<i64>) -> Fact {
    if says(resource, IS_SUPERSEDED) {
        return fact(Topic::PlanChanged, SUPERSEDED, at);
    }
    let key = blake3::hash(json).to_hex().get(..16).unwrap_or_default().to_owned();
    fact(Topic::PlanChanged, key, at)
}

fn plan(plan: Node<'_>, json: &[u8]) -> Vec<Fact> {
    if says(plan, IS_SUPERSEDED) {
        return vec![changed(plan, json, None)];
    }
    if !matches!(text(plan, "/status").as_ref(), "active" | "on-hold") {
        return Vec::new();
    }
    vec![changed(plan, json, time(plan, "/created").or_else(|| time(plan, "/period/start")))]
}

fn referral(request: Node<'_>) -> Vec<Fact> {
    let made = fact(Topic::ReferralMade, urgency(request), time(request, "/authoredOn"));
    match text(request, "/status").as_ref() {
        "active" | "on-hold" => vec![made],
        "completed" | "revoked" => vec![made, fact(Topic::ReferralClosed, "", None)],
        _ => Vec::new(),
    }
}

fn task(task: Node<'_>) -> Vec<Fact> {
    let focus = text(task, "/focus/reference");
    if !focus.contains("ServiceRequest/") {
        return Vec::new();
    }
    let accepted = vec![fact(Topic::ReferralAccepted, "", time(task, "/lastModified"))];
    let mut facts = match text(task, "/status").as_ref() {
        "accepted" | "in-progress" => accepted,
        // What was answered at once and closed has been accepted too; of sources nobody knows.
        "completed" if is_ours(task) => accepted,
        "cancelled" if is_ours(task) => vec![fact(Topic::ReferralClosed, "", time(task, "/lastModified"))],
        _ => Vec::new(),
    };
    if is_ours(task) {
        facts.extend(said(task));
    }
    facts
}

/// The system of the identifiers of requests made here, and the extension of what was said about them (see the `forms` room).
const REQUEST: &str = "urn:skein:request";
const SAID: &str = "urn:skein:request:said";

/// Whether a request or its task was made here.
pub(crate) fn is_ours(resource: Node<'_>) -> bool {
    resource.list("identifier").any(|identifier| text(identifier, "/system") == REQUEST)
}

/// The key of what must be looked at before other things.
const URGENT: &str = "urgent";

impl Fact {
    /// Whether whoever is told should look at it before others, whatever its kind.
    pub fn is_urgent(&self) -> bool {
        self.key.starts_with(URGENT)
    }
}

fn urgency(request: Node<'_>) -> &'static str {
    match text(request, "/priority").as_ref() {
        "urgent" | "asap" | "stat" if is_ours(request) => URGENT,
        _ => "",
    }
}

/// What was said about a request, by its place: nothing of it is ever taken out.
fn said(task: Node<'_>) -> Vec<Fact> {
    let urgency = urgency(task);
    let notes = task.list("note").enumerate().filter_map(|(place, note)| {
        let kind = note.list("extension").find(|extension| text(*extension, "/url") == SAID)?;
        let topic = match text(kind, "/valueCode").as_ref() {
            "answer" => Topic::RequestAnswered,
            "question" => Topic::RequestQuestioned,
            "reply" => Topic::RequestReplied,
            "declined" => Topic::RequestDeclined,
            _ => return None,
        };
        Some(fact(topic, format!("{urgency}{place}"), time(note, "/time")))
    });
    notes.collect()
}

fn death(patient: Node<'_>) -> Vec<Fact> {
    let on = text(patient, "/deceasedDateTime");
    if on.is_empty() && !patient.get("deceasedBoolean").is_some_and(Node::is_true) {
        return Vec::new();
    }
    vec![fact(Topic::Died, "", time(patient, "/deceasedDateTime"))]
}

/// Whether an Observation's flags say that it is critical (v3 ObservationInterpretation HH, LL, AA).
pub(crate) fn is_critical(observation: Node<'_>) -> bool {
    let mut codings = observation.list("interpretation").flat_map(|concept| concept.list("coding"));
    codings.any(|coding| matches!(text(coding, "/code").as_ref(), "HH" | "LL" | "AA" | "HU" | "LU"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn said(kind: ResourceType, resource: &Value) -> Vec<Fact> {
        facts(kind, resource.to_string().as_bytes())
    }

    fn place(value: &str, kind: &str, start: &str) -> Value {
        json!({"location": {"identifier": {"value": value}, "display": value}, "status": "active",
            "physicalType": {"coding": [{"code": kind}]}, "period": {"start": start}})
    }

    fn stay(status: &str, places: &[Value], expected: Option<&str>) -> Value {
        let expected = expected.map(|day| json!([{"url": EXPECTED_END, "valueDateTime": day}]));
        json!({"resourceType": "Encounter", "status": status, "class": {"code": "IMP"}, "location": places,
            "extension": expected, "period": {"start": "2026-07-01T10:00:00+01:00", "end": "2026-07-05T10:00:00+01:00"}})
    }

    fn topics(facts: &[Fact]) -> Vec<Topic> {
        facts.iter().map(|fact| fact.topic).collect()
    }

    #[test]
    fn a_bed_on_the_same_ward_is_no_move() {
        let one =
            [place("RXX|W12|B4", "bd", "2026-07-01T10:00:00Z"), place("RXX|W12|B5", "bd", "2026-07-01T12:00:00Z")];
        assert_eq!(topics(&said(ResourceType::Encounter, &stay("in-progress", &one, None))), [Topic::Admitted]);
        let two = [place("RXX|W12|B4", "bd", "2026-07-01T10:00:00Z"), place("RXX|W7", "wa", "2026-07-01T12:00:00Z")];
        let facts = said(ResourceType::Encounter, &stay("in-progress", &two, None));
        assert_eq!(topics(&facts), [Topic::Admitted, Topic::Moved]);
        assert_eq!(facts[1].key, "RXX|W7#0");
    }

    #[test]
    fn the_same_news_twice_tells_nothing_and_a_cancelled_admission_takes_it_back() {
        let there = said(ResourceType::Encounter, &stay("in-progress", &[], None));
        let none = said(ResourceType::Encounter, &stay("cancelled", &[], None));
        assert_eq!(difference(&there, &there), Difference { told: vec![], taken_back: vec![], replaced: vec![] });
        assert_eq!(topics(&difference(&[], &there).told), [Topic::Admitted]);
        assert_eq!(topics(&difference(&there, &none).taken_back), [Topic::Admitted]);
    }

    #[test]
    fn another_expected_day_is_told_and_not_taken_back() {
        let first = said(ResourceType::Encounter, &stay("in-progress", &[], Some("2026-07-04")));
        let second = said(ResourceType::Encounter, &stay("in-progress", &[], Some("2026-07-06T09:00:00+01:00")));
        let change = difference(&first, &second);
        assert_eq!(change.told.len(), 1);
        assert_eq!((change.told[0].topic, change.told[0].key.as_str()), (Topic::ExpectedDischarge, "2026-07-06"));
        assert!(change.taken_back.is_empty());
    }

    #[test]
    fn who_is_admitted_out_of_the_emergency_department_has_still_been_there() {
        let there =
            json!({"status": "in-progress", "class": {"code": "EMER"}, "period": {"start": "2026-07-01T08:00:00Z"}});
        let there = said(ResourceType::Encounter, &there);
        let admitted = said(ResourceType::Encounter, &stay("in-progress", &[], None));
        let change = difference(&there, &admitted);
        assert_eq!(topics(&change.told), [Topic::Admitted]);
        assert!(change.taken_back.is_empty());
    }

    #[test]
    fn a_plan_that_has_another_in_its_place_is_told_with_the_other_and_one_taken_back_is_taken_back() {
        let plan = json!({"status": "active", "created": "2026-07-01"});
        let superseded = json!({"status": "revoked", "created": "2026-07-01", "extension": [{"url": IS_SUPERSEDED}]});
        let withdrawn = json!({"status": "revoked", "created": "2026-07-01"});
        let (plan, superseded, withdrawn) = (
            said(ResourceType::CarePlan, &plan),
            said(ResourceType::CarePlan, &superseded),
            said(ResourceType::CarePlan, &withdrawn),
        );
        assert_eq!(topics(&difference(&[], &plan).told), [Topic::PlanChanged]);
        let change = difference(&plan, &superseded);
        assert_eq!((change.told.len(), change.taken_back.len(), change.replaced.len()), (0, 0, 1));
        assert_eq!(topics(&difference(&plan, &withdrawn).taken_back), [Topic::PlanChanged]);
        // What the person says of themselves; not what somebody answered in an assessment.
        let words = |url: &str, status: &str| {
            let words = json!({"status": status, "authored": "2026-07-01", "extension": [{"url": url}]});
            said(ResourceType::QuestionnaireResponse, &words)
        };
        assert_eq!(topics(&words(IS_OWN_WORDS, "completed")), [Topic::PlanChanged]);
        assert!(words("urn:other", "completed").is_empty() && words(IS_OWN_WORDS, "stopped").is_empty());
    }

    #[test]
    fn an_appointment_is_booked_once_moved_when_its_time_changes_and_cancelled_without_being_taken_back() {
        let at =
            |status: &str, start: &str| said(ResourceType::Appointment, &json!({"status": status, "start": start}));
        let first = at("booked", "2026-07-01T09:00:00Z");
        assert_eq!(topics(&difference(&[], &first).told), [Topic::AppointmentBooked]);
        let moved = difference(&first, &at("booked", "2026-07-02T09:00:00Z"));
        assert_eq!(topics(&moved.told), [Topic::AppointmentChanged]);
        let cancelled = difference(&first, &at("cancelled", "2026-07-01T09:00:00Z"));
        assert_eq!((topics(&cancelled.told), cancelled.taken_back), (vec![Topic::AppointmentCancelled], vec![]));
        let missed = difference(&first, &at("noshow", "2026-07-01T09:00:00Z"));
        assert_eq!(topics(&missed.told), [Topic::AppointmentMissed]);
    }

    #[test]
    fn a_result_is_final_once_and_each_correction_is_told() {
        let report = |status: &str, issued: &str| {
            said(ResourceType::DiagnosticReport, &json!({"status": status, "issued": issued}))
        };
        assert!(report("preliminary", "2026-07-01T09:00:00Z").is_empty());
        let done = report("final", "2026-07-01T09:00:00Z");
        let first = report("corrected", "2026-07-01T10:00:00Z");
        assert_eq!(topics(&difference(&done, &first).told), [Topic::ResultCorrected]);
        assert_eq!(
            topics(&difference(&first, &report("corrected", "2026-07-01T11:00:00Z")).told),
            [Topic::ResultCorrected]
        );
        assert_eq!(topics(&difference(&done, &report("entered-in-error", "")).taken_back), [Topic::ResultFinal]);
    }

    #[test]
    fn a_superseded_letter_is_not_taken_back_and_one_in_error_is() {
        let letter = |status: &str| said(ResourceType::DocumentReference, &json!({"status": status}));
        assert!(difference(&letter("current"), &letter("superseded")).taken_back.is_empty());
        assert_eq!(
            topics(&difference(&letter("current"), &letter("entered-in-error")).taken_back),
            [Topic::LetterFiled]
        );
        let replacing = json!({"status": "current", "relatesTo": [{"code": "replaces", "target": {"reference": "DocumentReference/a-b"}}]});
        assert_eq!(
            topics(&said(ResourceType::DocumentReference, &replacing)),
            [Topic::LetterFiled, Topic::LetterReplaced]
        );
    }

    #[test]
    fn critical_is_what_the_laboratory_flags_so() {
        let flagged = |code: &str| {
            let json = json!({"interpretation": [{"coding": [{"code": code}]}]}).to_string();
            let document = Document::read(json.as_bytes()).expect("JSON");
            is_critical(document.root())
        };
        assert!(flagged("HH") && flagged("LL") && flagged("AA"));
        assert!(!flagged("H") && !flagged("N"));
    }
}
