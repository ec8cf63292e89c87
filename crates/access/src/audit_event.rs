//! Entries of the audit trail as FHIR AuditEvents, after IHE's Basic Audit Log Patterns (ITI BALP 1.1): PatientRead where
//! one record was read, PatientQuery where it was searched, Query where people were looked for, PrivacyDisclosure where the
//! glass was broken, and the plain R4 resource for everything else.

use crate::{Recorded, UserKind};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use store::audit::AuditEntry;

const BALP: &str = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit";
const DICOM: &str = "http://dicom.nema.org/resources/ontology/DCM";
const EVENT: &str = "http://terminology.hl7.org/CodeSystem/audit-event-type";
const INTERACTION: &str = "http://hl7.org/fhir/restful-interaction";
const ENTITY: &str = "http://terminology.hl7.org/CodeSystem/audit-entity-type";
const ROLE: &str = "http://terminology.hl7.org/CodeSystem/object-role";
const REASON: &str = "http://terminology.hl7.org/CodeSystem/v3-ActReason";
const PARTICIPATION: &str = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";

/// What an action is in FHIR's words: pattern, type, subtype, action code (`R`, `E`, `C`, `U`).
struct Pattern {
    profile: Option<&'static str>,
    event: (&'static str, &'static str),
    subtype: (&'static str, String),
    action: &'static str,
    /// Whether the one who asks is the source (of a query) rather than the destination (of what is read).
    query: bool,
}

fn pattern(recorded: &Recorded, about_one: bool) -> Pattern {
    let rest = (EVENT, "rest");
    let permitted = recorded.outcome == "permitted";
    let searched = recorded.what.starts_with("search") || recorded.what.starts_with("everything");
    let plain = |event, subtype: &str, action| Pattern {
        profile: None,
        event,
        subtype: ("urn:skein:audit-action", subtype.to_owned()),
        action,
        query: false,
    };
    match recorded.action.as_str() {
        // The patterns are for what succeeded.
        "find-people" => Pattern {
            profile: permitted.then_some("Query"),
            event: rest,
            subtype: (INTERACTION, "search".into()),
            action: "E",
            query: true,
        },
        "read-resources" if searched => Pattern {
            profile: (permitted && about_one).then_some("PatientQuery"),
            event: rest,
            subtype: (INTERACTION, "search".into()),
            action: "E",
            query: true,
        },
        "read-resources" | "open-page" | "open-origin" => Pattern {
            profile: (permitted && about_one).then_some("PatientRead"),
            event: rest,
            subtype: (INTERACTION, "read".into()),
            action: "R",
            query: false,
        },
        "break-glass" => Pattern {
            profile: permitted.then_some("PrivacyDisclosure.Source"),
            event: (DICOM, "110106"),
            subtype: ("http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle", "disclose".into()),
            action: "R",
            query: false,
        },
        "write" => plain((EVENT, "object"), "write", if recorded.what.starts_with("sign") { "C" } else { "U" }),
        "sign-in" => plain((DICOM, "110114"), "sign-in", "E"),
        "sign-out" => plain((DICOM, "110114"), "sign-out", "E"),
        "change-policies" => plain((DICOM, "110113"), "change-policies", "U"),
        other => plain((EVENT, "object"), other, if other == "shown" { "R" } else { "E" }),
    }
}

/// An entry as an AuditEvent. `region`: who observed it.
pub fn audit_event(entry: &AuditEntry, recorded: &Recorded, region: &str) -> Value {
    let pattern = pattern(recorded, entry.person.is_some());
    let outcome = match recorded.outcome.as_str() {
        "permitted" | "" => "0",
        "refused" | "not-found" => "4",
        _ => "8",
    };
    let purpose = recorded.situation.as_ref().map_or("", |situation| situation.access.purpose.as_str());
    let glass = recorded.action == "break-glass" || recorded.situation.as_ref().is_some_and(|s| s.access.glass);
    let purpose = match purpose {
        _ if glass => "BTG",
        "" => "TREAT",
        purpose => purpose,
    };
    let mut event = json!({
        "resourceType": "AuditEvent",
        "id": entry.n.to_string(),
        "type": {"system": pattern.event.0, "code": pattern.event.1},
        "subtype": [{"system": pattern.subtype.0, "code": pattern.subtype.1}],
        "action": pattern.action,
        "recorded": entry.at.to_string(),
        "outcome": outcome,
        "purposeOfEvent": [{"coding": [{"system": REASON, "code": purpose}]}],
        "agent": agents(recorded, &pattern),
        "source": {"observer": {"display": region}, "type": [{"system": "http://terminology.hl7.org/CodeSystem/security-source-type", "code": "4", "display": "Application Server"}]},
        "entity": entities(entry, recorded, &pattern),
    });
    if let Some(event) = event.as_object_mut() {
        if let Some(profile) = pattern.profile {
            event.insert("meta".into(), json!({"profile": [format!("{BALP}.{profile}")]}));
        }
        if let Some(because) = &recorded.because {
            event.insert("outcomeDesc".into(), because.as_str().into());
        }
    }
    event
}

fn agents(recorded: &Recorded, pattern: &Pattern) -> Vec<Value> {
    let role = |code: &str, display: &str| json!({"coding": [{"system": DICOM, "code": code, "display": display}]});
    let (source, destination) = (role("110153", "Source Role ID"), role("110152", "Destination Role ID"));
    let (client, server) = if pattern.query { (source, destination) } else { (destination, source) };
    let user = &recorded.user;
    let is_system = user.kind == UserKind::System;
    let policies: Vec<String> =
        recorded.rules.iter().map(|rule| format!("urn:skein:policy:{}:{rule}", recorded.policy)).collect();
    let mut asker = json!({
        "type": client,
        "who": {"identifier": {"value": user.client.as_deref().unwrap_or(&user.id)}, "display": if is_system { user.name.as_str() } else { "Web browser" }},
        "requestor": is_system,
    });
    if let (Some(asker), false) = (asker.as_object_mut(), recorded.via.address.is_empty()) {
        asker.insert("network".into(), json!({"address": recorded.via.address, "type": "2"}));
    }
    let mut agents = vec![asker, json!({"type": server, "who": {"display": "Skein"}, "requestor": false})];
    if !is_system {
        let mut person = json!({
            "type": {"coding": [{"system": PARTICIPATION, "code": "IRCP", "display": "information recipient"}]},
            "who": {"identifier": {"value": user.id}, "display": user.name},
            "requestor": true,
            "role": [{"coding": [{"system": "https://fhir.hl7.org.uk/CodeSystem/UKCore-SDSJobRoleName", "code": user.role_code}], "text": user.role_name}],
            "policy": policies,
        });
        if let Some(person) = person.as_object_mut() {
            if policies.is_empty() {
                person.remove("policy");
            }
            if !user.org_code.is_empty() {
                let organisation =
                    json!({"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": user.org_code});
                person.insert(
                    "extension".into(),
                    json!([{
                        "url": "https://profiles.ihe.net/ITI/BALP/StructureDefinition/ihe-otherId",
                        "valueIdentifier": organisation
                    }]),
                );
            }
        }
        agents.push(person);
    } else if let (Some(asker), false) = (agents.first_mut().and_then(Value::as_object_mut), policies.is_empty()) {
        asker.insert("policy".into(), policies.into());
    }
    agents
}

fn entities(entry: &AuditEntry, recorded: &Recorded, pattern: &Pattern) -> Vec<Value> {
    let coding = |system: &str, code: &str, display: &str| json!({"system": system, "code": code, "display": display});
    let mut entities = Vec::new();
    if let Some(person) = entry.person {
        let mut patient = json!({
            "what": {"reference": recorded.patients.first().map_or_else(|| format!("Person/{person}"), |patient| format!("Patient/{patient}"))},
            "type": coding(ENTITY, "1", "Person"),
            "role": coding(ROLE, "1", "Patient"),
        });
        let mut detail = Vec::new();
        let mut say = |what: &str, value: String| detail.push(json!({"type": what, "valueString": value}));
        if let Some(situation) = &recorded.situation {
            for evidence in &situation.evidence {
                say("relationship", format!("{} {}", evidence.relationship, evidence.resource));
            }
            if !situation.access.claimed.is_empty() {
                say("reason", situation.access.claimed.clone());
            }
        }
        if !recorded.reason.is_empty() {
            say("reason", recorded.reason.clone());
        }
        if let Some(seq) = recorded.seq {
            say("seq", seq.to_string());
        }
        if let (Some(patient), false) = (patient.as_object_mut(), detail.is_empty()) {
            patient.insert("detail".into(), detail.into());
        }
        entities.push(patient);
    }
    if pattern.query {
        // Names of parameters alone: their values may be a person's.
        let asked = if recorded.criteria.is_empty() { recorded.what.clone() } else { recorded.criteria.join("&") };
        entities.push(json!({
            "type": coding(ENTITY, "2", "System Object"),
            "role": coding(ROLE, "24", "Query"),
            "query": STANDARD.encode(asked),
        }));
    } else if let Some(what) = what(recorded) {
        entities.push(json!({
            "what": {"display": what},
            "type": coding(ENTITY, "2", "System Object"),
            "role": coding(ROLE, "4", "Domain Resource"),
        }));
    }
    if !recorded.via.trace.is_empty() {
        entities.push(json!({
            "what": {"identifier": {"value": recorded.via.trace}},
            "type": {"system": "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType", "code": "XrequestId"},
        }));
    }
    entities
}

fn what(recorded: &Recorded) -> Option<String> {
    let page = recorded.page_words();
    let named = [page.as_str(), recorded.what.as_str(), recorded.access.as_str()];
    named.into_iter().find(|name| !name.is_empty()).map(str::to_owned)
}
