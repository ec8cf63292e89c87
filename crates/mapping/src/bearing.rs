//! What a resource says that bears on who may see the record: who looks after the person (domain §4), and what the person
//! objects to (domain §5). Taken out when the resource is stored, so that the gate need not read the record to decide.

use fhir::{
    Content, ResourceType,
    datetime::{DateTime, london},
    json::{Document, Node},
};
use std::borrow::Cow;

/// The system of ODS codes (UK Core).
pub const ODS: &str = "https://fhir.nhs.uk/Id/ods-organization-code";

/// What bears on access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Bears {
    /// Registered with a general practice (`Patient.generalPractitioner`; a practice's own Patient).
    Registered = 1,
    /// In hospital as an inpatient (`Encounter`, class IMP and its kinds).
    Admitted = 2,
    /// Seen: emergency department, outpatients, home visit (`Encounter`, other classes).
    Attended = 3,
    /// Expected (`Appointment`).
    Appointment = 4,
    /// Referred to somebody (`ServiceRequest.performer`).
    Referred = 5,
    /// On a team's list (`CareTeam`, `EpisodeOfCare`).
    Caseload = 6,
    /// In a plan (`CarePlan`).
    Plan = 7,
    /// The person objects (`Consent` that denies).
    Objects = 16,
    /// The person objects, told to the region itself: it covers every source.
    ObjectsRegionally = 17,
}

impl Bears {
    /// From the number it is stored as.
    pub fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => Bears::Registered,
            2 => Bears::Admitted,
            3 => Bears::Attended,
            4 => Bears::Appointment,
            5 => Bears::Referred,
            6 => Bears::Caseload,
            7 => Bears::Plan,
            16 => Bears::Objects,
            17 => Bears::ObjectsRegionally,
            _ => return None,
        })
    }
}

/// One such statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bearing {
    /// What it is.
    pub bears: Bears,
    /// The organisation it names: an ODS code, or `Organization/<id>`. Empty: the source's own; of an objection, all.
    pub organisation: String,
    /// The category an objection is about, as a label's code. Empty: all.
    pub category: String,
    /// From when, in microseconds since 1970. None: always.
    pub since: Option<i64>,
    /// Up to when. None: no end is known.
    pub until: Option<i64>,
}

/// Whether resources of this type can bear on access.
pub fn can_bear(kind: ResourceType) -> bool {
    use ResourceType as T;
    matches!(
        kind,
        T::Patient
            | T::Encounter
            | T::Appointment
            | T::ServiceRequest
            | T::CareTeam
            | T::EpisodeOfCare
            | T::CarePlan
            | T::Consent
    )
}

/// What a resource says that bears on access.
pub fn bearings(content: &Content) -> Vec<Bearing> {
    let kind = content.kind();
    if !can_bear(kind) {
        return Vec::new();
    }
    match Document::read(content.json().as_bytes()) {
        Ok(document) => of(kind, document.root()),
        Err(_) => Vec::new(),
    }
}

/// The same of a resource that is at hand already.
pub fn of(kind: ResourceType, resource: Node<'_>) -> Vec<Bearing> {
    use ResourceType as T;
    let mut found = match kind {
        T::Patient => registered(resource),
        T::Encounter => visit(resource),
        T::Appointment => appointment(resource),
        T::ServiceRequest => referral(resource),
        T::CareTeam | T::EpisodeOfCare => caseload(resource),
        T::CarePlan => plan(resource),
        T::Consent => objections(resource),
        _ => Vec::new(),
    };
    found.dedup();
    found
}

fn text<'d>(node: Node<'d>, pointer: &str) -> Cow<'d, str> {
    node.at(pointer).and_then(Node::text).unwrap_or_default()
}

/// The first microsecond of a date or time; None when there is none or it does not read.
fn first(text: &str) -> Option<i64> {
    DateTime::parse(text).ok().map(|at| at.first(london()).as_microsecond())
}

/// The first microsecond after a date or time.
fn after(text: &str) -> Option<i64> {
    DateTime::parse(text).ok().map(|at| at.interval(london()).to)
}

fn period(node: Node<'_>, pointer: &str) -> (Option<i64>, Option<i64>) {
    let Some(period) = node.at(pointer) else { return (None, None) };
    (first(&text(period, "/start")), after(&text(period, "/end")))
}

/// An organisation that a reference names, by ODS code before id. None: it names none.
fn organisation(reference: Node<'_>) -> Option<String> {
    let value = text(reference, "/identifier/value");
    let system = text(reference, "/identifier/system");
    if !value.is_empty() && (system == ODS || system.is_empty() && text(reference, "/type") == "Organization") {
        return Some(value.trim().to_ascii_uppercase());
    }
    let literal = text(reference, "/reference");
    let id = literal.strip_prefix("Organization/")?;
    Some(format!("Organization/{}", id.split('/').next().unwrap_or(id)))
}

fn one(bears: Bears, organisation: String, (since, until): (Option<i64>, Option<i64>)) -> Bearing {
    Bearing { bears, organisation, category: String::new(), since, until }
}

fn registered(patient: Node<'_>) -> Vec<Bearing> {
    // An inactive record at a practice is of somebody who left its list.
    if patient.get("active").is_some_and(|active| active.text().is_none() && !active.is_true()) {
        return Vec::new();
    }
    let named: Vec<Bearing> = patient
        .list("generalPractitioner")
        .filter_map(organisation)
        .map(|organisation| one(Bears::Registered, organisation, (None, None)))
        .collect();
    // A practice's own Patient names no other practice: the gate counts the source's own organisation if it is one.
    if named.is_empty() { vec![one(Bears::Registered, String::new(), (None, None))] } else { named }
}

/// Classes of inpatients (v3-ActCode, ActEncounterCode).
const INPATIENT: [&str; 5] = ["IMP", "ACUTE", "NONAC", "SS", "OBSENC"];

fn visit(encounter: Node<'_>) -> Vec<Bearing> {
    let status = text(encounter, "/status");
    if matches!(status.as_ref(), "cancelled" | "entered-in-error" | "unknown") {
        return Vec::new();
    }
    let bears = match status.as_ref() {
        "planned" => Bears::Appointment,
        _ if INPATIENT.contains(&text(encounter, "/class/code").as_ref()) => Bears::Admitted,
        _ => Bears::Attended,
    };
    let (since, until) = period(encounter, "/period");
    // Over, though nobody said when: it lasts no longer than it began.
    let until = if status == "finished" { until.or(since) } else { until };
    let organisation = encounter.get("serviceProvider").and_then(organisation).unwrap_or_default();
    vec![one(bears, organisation, (since, until))]
}

fn appointment(appointment: Node<'_>) -> Vec<Bearing> {
    if matches!(text(appointment, "/status").as_ref(), "cancelled" | "entered-in-error" | "proposed") {
        return Vec::new();
    }
    let since = first(&text(appointment, "/created"));
    let until = after(&text(appointment, "/end")).or_else(|| after(&text(appointment, "/start")));
    let named: Vec<Bearing> = appointment
        .list("participant")
        .filter_map(|participant| participant.get("actor").and_then(organisation))
        .map(|organisation| one(Bears::Appointment, organisation, (since, until)))
        .collect();
    if named.is_empty() { vec![one(Bears::Appointment, String::new(), (since, until))] } else { named }
}

fn referral(request: Node<'_>) -> Vec<Bearing> {
    if matches!(text(request, "/status").as_ref(), "revoked" | "entered-in-error" | "draft") {
        return Vec::new();
    }
    let since = first(&text(request, "/authoredOn"));
    let performers = request.list("performer").filter_map(organisation);
    performers.map(|organisation| one(Bears::Referred, organisation, (since, None))).collect()
}

fn caseload(team: Node<'_>) -> Vec<Bearing> {
    if matches!(
        text(team, "/status").as_ref(),
        "inactive" | "entered-in-error" | "suspended" | "finished" | "cancelled" | "proposed"
    ) {
        return Vec::new();
    }
    let period = period(team, "/period");
    // A list in CareTeam, one in EpisodeOfCare.
    let managing = team.get("managingOrganization").into_iter().filter(|node| node.is_object());
    let managing = managing.chain(team.list("managingOrganization"));
    let members = team.list("participant").filter_map(|participant| participant.get("member"));
    let mut named: Vec<String> = managing.chain(members).filter_map(organisation).collect();
    if named.is_empty() {
        named.push(String::new());
    }
    named.sort();
    named.dedup();
    named.into_iter().map(|organisation| one(Bears::Caseload, organisation, period)).collect()
}

fn plan(plan: Node<'_>) -> Vec<Bearing> {
    if !matches!(text(plan, "/status").as_ref(), "active" | "on-hold" | "") {
        return Vec::new();
    }
    let period = period(plan, "/period");
    let named = plan.list("contributor").chain(plan.get("author")).filter_map(organisation);
    let mut named: Vec<String> = named.collect();
    // Whoever keeps a plan is in it.
    named.push(String::new());
    named.sort();
    named.dedup();
    named.into_iter().map(|organisation| one(Bears::Plan, organisation, period)).collect()
}

/// A Consent that denies (R4 §6.1). Actors narrow it to organisations; security labels and classes to categories.
fn objections(consent: Node<'_>) -> Vec<Bearing> {
    if text(consent, "/status") != "active" {
        return Vec::new();
    }
    let scope = consent.at("/scope").into_iter().flat_map(|scope| scope.list("coding"));
    let mut scopes = scope.map(|coding| text(coding, "/code").into_owned()).peekable();
    // Research, treatment and advance directives are other consents than to sharing.
    if scopes.peek().is_some() && !scopes.any(|code| code == "patient-privacy") {
        return Vec::new();
    }
    let Some(provision) = consent.get("provision") else { return Vec::new() };
    let mut found = Vec::new();
    denied(provision, &mut found);
    for nested in provision.list("provision") {
        denied(nested, &mut found);
    }
    found
}

fn denied(provision: Node<'_>, found: &mut Vec<Bearing>) {
    if text(provision, "/type") != "deny" {
        return;
    }
    let (since, until) = period(provision, "/period");
    let mut organisations: Vec<String> =
        provision.list("actor").filter_map(|actor| actor.get("reference").and_then(organisation)).collect();
    let labels = provision.list("securityLabel").chain(provision.list("class"));
    let mut categories: Vec<String> =
        labels.map(|label| text(label, "/code").into_owned()).filter(|code| !code.is_empty()).collect();
    if organisations.is_empty() {
        organisations.push(String::new());
    }
    if categories.is_empty() {
        categories.push(String::new());
    }
    for organisation in &organisations {
        for category in &categories {
            let (organisation, category) = (organisation.clone(), category.clone());
            found.push(Bearing { bears: Bears::Objects, organisation, category, since, until });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn said(kind: ResourceType, resource: Value) -> Vec<Bearing> {
        bearings(&Content::new(kind, resource.to_string()))
    }

    fn at(text: &str) -> Option<i64> {
        Some(text.parse::<jiff::Timestamp>().expect("a time").as_microsecond())
    }

    #[test]
    fn an_inpatient_is_the_hospitals_until_discharge_and_a_cancelled_stay_is_nobodys() {
        let stay = |status: &str, end: Option<&str>| json!({"status": status, "class": {"code": "IMP"}, "period": {"start": "2026-07-01T10:00:00+01:00", "end": end}});
        let found = said(ResourceType::Encounter, stay("in-progress", None));
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].bears, found[0].organisation.as_str()), (Bears::Admitted, ""));
        assert_eq!((found[0].since, found[0].until), (at("2026-07-01T09:00:00Z"), None));
        let found = said(ResourceType::Encounter, stay("finished", Some("2026-07-03T10:00:00+01:00")));
        assert_eq!(found[0].until, at("2026-07-03T09:00:01Z"));
        assert_eq!(said(ResourceType::Encounter, stay("finished", None))[0].until, at("2026-07-01T09:00:00Z"));
        assert!(said(ResourceType::Encounter, stay("cancelled", None)).is_empty());
        assert!(said(ResourceType::Encounter, stay("entered-in-error", None)).is_empty());
    }

    #[test]
    fn a_visit_belongs_to_the_organisation_it_names() {
        let found = said(
            ResourceType::Encounter,
            json!({"status": "arrived", "class": {"code": "EMER"},
                "serviceProvider": {"identifier": {"system": ODS, "value": "xwa"}}}),
        );
        assert_eq!((found[0].bears, found[0].organisation.as_str()), (Bears::Attended, "XWA"));
        let found = said(
            ResourceType::Encounter,
            json!({"status": "arrived", "class": {"code": "AMB"}, "serviceProvider": {"reference": "Organization/a-b"}}),
        );
        assert_eq!(found[0].organisation, "Organization/a-b");
    }

    #[test]
    fn a_patient_is_registered_where_it_says_or_with_the_practice_that_says_it() {
        let of = |patient| said(ResourceType::Patient, patient);
        let named = of(json!({"generalPractitioner": [{"identifier": {"system": ODS, "value": "X81001"}}]}));
        assert_eq!(named, [one(Bears::Registered, "X81001".into(), (None, None))]);
        assert_eq!(of(json!({"active": true})), [one(Bears::Registered, String::new(), (None, None))]);
        assert!(of(json!({"active": false})).is_empty(), "who left a practice is not on its list");
    }

    #[test]
    fn referrals_lists_and_plans_name_who_looks_after_the_person() {
        let referred = said(
            ResourceType::ServiceRequest,
            json!({"status": "active", "authoredOn": "2026-07-01", "performer": [{"identifier": {"system": ODS, "value": "XWA"}}]}),
        );
        assert_eq!((referred[0].bears, referred[0].organisation.as_str()), (Bears::Referred, "XWA"));
        let team = json!({"status": "active", "managingOrganization": [{"reference": "Organization/o-1"}],
            "participant": [{"member": {"identifier": {"system": ODS, "value": "X900"}}}]});
        let team = said(ResourceType::CareTeam, team);
        let organisations: Vec<&str> = team.iter().map(|found| found.organisation.as_str()).collect();
        assert_eq!(organisations, ["Organization/o-1", "X900"]);
        let episode = said(
            ResourceType::EpisodeOfCare,
            json!({"status": "active", "managingOrganization": {"reference": "Organization/o-1"}}),
        );
        assert_eq!(episode[0].organisation, "Organization/o-1");
        assert!(said(ResourceType::EpisodeOfCare, json!({"status": "finished"})).is_empty());
        assert_eq!(said(ResourceType::CarePlan, json!({"status": "active"}))[0].bears, Bears::Plan);
        assert!(said(ResourceType::CarePlan, json!({"status": "revoked"})).is_empty());
        assert!(
            said(ResourceType::Appointment, json!({"status": "cancelled", "start": "2026-07-01T10:00:00Z"})).is_empty()
        );
    }

    #[test]
    fn an_objection_is_read_with_its_reach_and_its_time() {
        let all = json!({"status": "active", "scope": {"coding": [{"code": "patient-privacy"}]},
            "provision": {"type": "deny", "period": {"start": "2026-01-01"}}});
        let found = said(ResourceType::Consent, all.clone());
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].bears, found[0].since), (Bears::Objects, at("2026-01-01T00:00:00Z")));
        let mut one_organisation = all.clone();
        one_organisation["provision"]["actor"] =
            json!([{"reference": {"identifier": {"system": ODS, "value": "XWC"}}}]);
        one_organisation["provision"]["securityLabel"] = json!([{"code": "SEX"}]);
        let found = said(ResourceType::Consent, one_organisation);
        assert_eq!((found[0].organisation.as_str(), found[0].category.as_str()), ("XWC", "SEX"));
        let nested = json!({"status": "active", "provision": {"type": "permit",
            "provision": [{"type": "deny", "class": [{"code": "DocumentReference"}]}]}});
        assert_eq!(said(ResourceType::Consent, nested)[0].category, "DocumentReference");
        for other in [
            json!({"status": "inactive", "provision": {"type": "deny"}}),
            json!({"status": "active", "provision": {"type": "permit"}}),
            json!({"status": "active", "scope": {"coding": [{"code": "research"}]}, "provision": {"type": "deny"}}),
            json!({"status": "active"}),
        ] {
            assert!(said(ResourceType::Consent, other).is_empty());
        }
    }
}
