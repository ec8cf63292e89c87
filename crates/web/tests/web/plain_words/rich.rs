//! A person of whom there is something under every heading, in the words of sources that use none of ours for staff.

use serde_json::{Value, json};

const SNOMED: &str = "http://snomed.info/sct";

fn of(id: &str) -> Value {
    json!({"reference": format!("Patient/{id}")})
}

fn patient(id: &str, given: &str, postcode: &str) -> Value {
    json!({"resourceType": "Patient", "id": id, "active": true, "gender": "female", "birthDate": "1950-01-02",
        "name": [{"family": "Smith", "given": [given]}], "telecom": [{"system": "phone", "value": "01130001122", "use": "home"}],
        "address": [{"line": ["4 Mill Lane"], "postalCode": postcode}],
        "communication": [{"language": {"text": "English"}}],
        "generalPractitioner": [{"display": "Mill Lane Surgery"}],
        "contact": [{"relationship": [{"text": "Daughter", "coding": [{"code": "N"}]}], "name": {"family": "Smith", "given": ["Joan"]},
            "telecom": [{"system": "phone", "value": "01130003344"}]}],
        "identifier": [{"system": "https://own.example/id", "value": format!("no-{id}")},
            {"system": fhir::nhs::SYSTEM, "value": crate::governed::NHS, "extension": [{"url": fhir::nhs::VERIFICATION_STATUS,
            "valueCodeableConcept": {"coding": [{"system": fhir::nhs::VERIFICATION_STATUS_SYSTEM, "code": "01"}]}}]}]})
}

fn condition(who: &str, id: &str, text: &str, clinical: &str, verified: &str) -> Value {
    json!({"resourceType": "Condition", "id": id, "subject": of(who), "recordedDate": "2024-01-05", "onsetDateTime": "2019-03",
        "clinicalStatus": {"coding": [{"code": clinical}]}, "verificationStatus": {"coding": [{"code": verified}]},
        "severity": {"text": "Moderate"}, "bodySite": [{"text": "Left knee"}], "note": [{"text": "Seen again in spring"}],
        "category": [{"coding": [{"code": "problem-list-item"}]}], "code": {"text": text}})
}

fn medicine(who: &str, id: &str, text: &str, dose: &str, status: &str, start: &str) -> Value {
    json!({"resourceType": "MedicationStatement", "id": id, "status": status, "subject": of(who), "dateAsserted": start,
        "effectivePeriod": {"start": start}, "medicationCodeableConcept": {"text": text,
            "coding": [{"system": SNOMED, "code": format!("9{}", text.len()), "display": text}]},
        "dosage": [{"text": dose, "route": {"text": "By mouth"}}]})
}

fn allergy(who: &str, id: &str, text: &str, clinical: &str, verified: &str) -> Value {
    json!({"resourceType": "AllergyIntolerance", "id": id, "patient": of(who), "recordedDate": "2020-02-03", "criticality": "high",
        "clinicalStatus": {"coding": [{"code": clinical}]}, "verificationStatus": {"coding": [{"code": verified}]},
        "code": {"text": text}, "reaction": [{"manifestation": [{"text": "Rash"}], "severity": "moderate"}]})
}

fn measured(id: &str, text: &str, value: f64, date: &str, more: Value) -> Value {
    let mut one = json!({"resourceType": "Observation", "id": id, "status": "final", "subject": of("p1"), "effectiveDateTime": date,
        "category": [{"coding": [{"code": "laboratory"}]}], "code": {"text": text},
        "valueQuantity": {"value": value, "unit": "mmol/L"},
        "referenceRange": [{"low": {"value": 133}, "high": {"value": 146}}]});
    for (name, value) in more.as_object().expect("members") {
        one[name] = value.clone();
    }
    one
}

fn flag(id: &str, status: &str, category: &str, text: &str) -> Value {
    json!({"resourceType": "Flag", "id": id, "status": status, "subject": of("p1"), "category": [{"text": category}],
        "code": {"text": text}, "period": {"start": "2025-05-01"}})
}

fn document(id: &str, status: &str, title: &str, date: &str) -> Value {
    json!({"resourceType": "DocumentReference", "id": id, "status": status, "subject": of("p1"), "date": date,
        "type": {"text": title}, "author": [{"display": "Dr Lee"}],
        "content": [{"attachment": {"contentType": "text/plain", "data": "TGV0dGVyIHRleHQ="}}]})
}

fn encounter(id: &str, class: &str, status: &str, start: &str, end: Option<&str>) -> Value {
    let mut one = json!({"resourceType": "Encounter", "id": id, "status": status, "class": {"code": class}, "subject": of("p1"),
        "period": {"start": start}, "reasonCode": [{"text": "A sore knee"}], "serviceProvider": {"display": "Riverside"},
        "participant": [{"individual": {"display": "Dr Lee"}}]});
    if let Some(end) = end {
        one["period"]["end"] = end.into();
    }
    one
}

/// What each source sends.
pub fn resources() -> Vec<(&'static str, Vec<Value>)> {
    vec![("gp", practice()), ("ryy", hospital()), ("council", council()), ("community", community())]
}

fn practice() -> Vec<Value> {
    let plan = |id: &str, code: &str, title: &str, status: &str| {
        json!({"resourceType": "CarePlan", "id": id, "status": status, "intent": "plan", "subject": of("p1"), "created": "2025-02-01",
            "title": title, "category": [{"coding": [{"system": SNOMED, "code": code}]}], "period": {"start": "2025-02-01"},
            "author": {"display": "Dr Patel"}, "description": "What we agreed", "note": [{"text": "CPR: not to be tried"}],
            "activity": [{"detail": {"status": "in-progress", "description": "Call Joan first"}}]})
    };
    let mut all = vec![
        patient("p1", "Ann", "LS1 4AP"),
        condition("p1", "k1", "Diabetes", "active", "provisional"),
        condition("p1", "k2", "Broken wrist", "resolved", "confirmed"),
        condition("p1", "k3", "Gout", "active", "refuted"),
        condition("p1", "k4", "Heart failure", "active", "differential"),
        condition("p1", "k5", "Measles", "active", "entered-in-error"),
        condition("p1", "k6", "Low mood", "remission", "confirmed"),
        medicine("p1", "m1", "Metformin 500mg tablets", "One twice a day", "active", "2026-01-02"),
        medicine("p1", "m2", "Aspirin 75mg tablets", "One a day", "active", "2014-01-02"),
        medicine("p1", "m3", "Codeine 30mg tablets", "One at night", "stopped", "2025-06-02"),
        medicine("p1", "m4", "Iron tablets", "One a day", "on-hold", "2026-01-02"),
        json!({"resourceType": "MedicationRequest", "id": "m5", "status": "active", "intent": "order", "subject": of("p1"),
            "authoredOn": "2026-02-01", "requester": {"display": "Dr Patel"}, "medicationCodeableConcept": {"text": "Senna 7.5mg tablets"},
            "dosageInstruction": [{"text": "Two at night", "asNeededBoolean": true}]}),
        json!({"resourceType": "MedicationDispense", "id": "m6", "status": "completed", "subject": of("p1"),
            "whenHandedOver": "2026-02-02", "medicationCodeableConcept": {"text": "Senna 7.5mg tablets"}}),
        allergy("p1", "l1", "Peanut", "active", "unconfirmed"),
        allergy("p1", "l2", "Latex", "active", "refuted"),
        allergy("p1", "l3", "Egg", "inactive", "confirmed"),
        measured("r1", "Sodium", 128.0, "2026-02-03", json!({"interpretation": [{"coding": [{"code": "L"}]}]})),
        measured("r2", "Sodium", 150.0, "2026-02-10", json!({"interpretation": [{"coding": [{"code": "H"}]}]})),
        measured("r3", "Sodium", 140.0, "2025-02-10", json!({})),
        measured("r4", "Potassium", 140.0, "2026-02-10", json!({"status": "preliminary"})),
        measured("r5", "Urea", 170.0, "2026-02-10", json!({"interpretation": [{"coding": [{"code": "HH"}]}]})),
        measured("r6", "Calcium", 110.0, "2026-02-10", json!({"status": "corrected"})),
        measured("r7", "Chloride", 120.0, "2026-02-10", json!({"status": "entered-in-error"})),
        measured("r8", "Culture", 139.0, "2026-02-10", json!({"interpretation": [{"coding": [{"code": "A"}]}]})),
        json!({"resourceType": "DiagnosticReport", "id": "g1", "status": "final", "subject": of("p1"), "code": {"text": "Salts"},
            "category": [{"coding": [{"code": "LAB"}]}], "effectiveDateTime": "2026-02-10", "issued": "2026-02-11T10:00:00Z",
            "performer": [{"display": "Riverside laboratory"}], "conclusion": "To be looked at again in a week",
            "result": [{"reference": "Observation/r2"}, {"reference": "Observation/r4"}]}),
        json!({"resourceType": "DiagnosticReport", "id": "g2", "status": "cancelled", "subject": of("p1"), "code": {"text": "Blood count"},
            "category": [{"coding": [{"code": "LAB"}]}], "effectiveDateTime": "2026-02-12"}),
        measured(
            "n1",
            "NEWS2 score",
            3.0,
            "2026-02-10",
            json!({"category": [{"coding": [{"code": "vital-signs"}]}], "referenceRange": [],
            "component": [{"code": {"text": "Pulse"}, "valueInteger": 80}]}),
        ),
        measured(
            "n2",
            "Electronic frailty index",
            0.31,
            "2026-02-10",
            json!({"category": [{"coding": [{"code": "survey"}]}],
            "referenceRange": []}),
        ),
        measured(
            "n3",
            "Lives with",
            1.0,
            "2026-02-10",
            json!({"category": [{"coding": [{"code": "social-history"}]}],
            "referenceRange": []}),
        ),
        flag("f1", "active", "Safety", "Big dog in the house"),
        flag("f2", "active", "Reasonable adjustment", "Needs a longer appointment"),
        flag("f3", "inactive", "Safety", "Ice on the steps"),
        flag("f4", "active", "Legal", "Lasting power of attorney"),
        document("d2", "superseded", "Letter of an eye clinic", "2024-02-03T10:00:00Z"),
        document("d3", "current", "Care plan of the heart clinic", "2025-02-03T10:00:00Z"),
        json!({"resourceType": "DocumentReference", "id": "d4", "status": "current", "docStatus": "preliminary", "subject": of("p1"),
            "date": "2025-03-03T10:00:00Z", "type": {"text": "Letter without a file"}, "content": []}),
        json!({"resourceType": "DocumentReference", "id": "d5", "status": "current", "subject": of("p1"), "date": "2025-03-04T10:00:00Z",
            "type": {"text": "Letter kept elsewhere"}, "content": [{"attachment": {"contentType": "image/png", "url": "https://far.example/x.png"}}]}),
        encounter("e1", "AMB", "finished", "2026-01-10T10:00:00Z", Some("2026-01-10T10:20:00Z")),
        encounter("e2", "VR", "finished", "2026-01-12T10:00:00Z", Some("2026-01-12T10:20:00Z")),
        encounter("e3", "HH", "cancelled", "2026-01-13T10:00:00Z", None),
        json!({"resourceType": "Appointment", "id": "a2", "status": "noshow", "description": "Foot check",
            "start": "2026-01-08T10:00:00Z", "participant": [{"actor": of("p1"), "status": "accepted"}]}),
        json!({"resourceType": "Appointment", "id": "a3", "status": "pending", "description": "Eye check",
            "start": "2099-01-08T10:00:00Z", "participant": [{"actor": of("p1"), "status": "accepted"}]}),
        json!({"resourceType": "Immunization", "id": "v1", "status": "completed", "patient": of("p1"), "occurrenceDateTime": "2025-10-01",
            "vaccineCode": {"text": "Flu vaccine"}, "lotNumber": "A1", "site": {"text": "Left arm"}, "route": {"text": "Into the muscle"},
            "doseQuantity": {"value": 0.5, "unit": "mL"}, "protocolApplied": [{"doseNumberPositiveInt": 2}]}),
        json!({"resourceType": "Immunization", "id": "v2", "status": "not-done", "patient": of("p1"), "occurrenceDateTime": "2025-11-01",
            "vaccineCode": {"text": "Shingles vaccine"}, "statusReason": {"text": "Not wanted"}}),
        json!({"resourceType": "Procedure", "id": "x1", "status": "completed", "subject": of("p1"), "performedDateTime": "2018-04-01",
            "code": {"text": "Hip replacement"}, "outcome": {"text": "Good"}, "complication": [{"text": "None"}], "bodySite": [{"text": "Left hip"}]}),
        json!({"resourceType": "Procedure", "id": "x2", "status": "not-done", "subject": of("p1"), "performedDateTime": "2018-05-01",
            "code": {"text": "Knee operation"}, "statusReason": {"text": "Not wanted"}}),
        json!({"resourceType": "Procedure", "id": "x3", "status": "in-progress", "subject": of("p1"), "code": {"text": "Physiotherapy"}}),
        json!({"resourceType": "Device", "id": "x4", "status": "active", "patient": of("p1"), "type": {"text": "Hearing aid"},
            "manufacturer": "Acme", "serialNumber": "77", "modelNumber": "B"}),
        json!({"resourceType": "ServiceRequest", "id": "s1", "status": "active", "intent": "order", "subject": of("p1"),
            "authoredOn": "2026-01-15", "code": {"text": "Foot clinic"}, "reasonCode": [{"text": "Sore foot"}],
            "requester": {"display": "Dr Patel"}, "performer": [{"display": "Foot clinic"}]}),
        json!({"resourceType": "ServiceRequest", "id": "s2", "status": "revoked", "intent": "order", "subject": of("p1"),
            "authoredOn": "2025-01-15", "code": {"text": "Back clinic"}}),
        json!({"resourceType": "RiskAssessment", "id": "q1", "status": "final", "subject": of("p1"), "code": {"text": "Falls"},
            "mitigation": "A rail in the bath", "prediction": [{"outcome": {"text": "Fall at home"}, "qualitativeRisk": {"text": "High"}}]}),
        json!({"resourceType": "FamilyMemberHistory", "id": "h1", "status": "partial", "patient": of("p1"), "date": "2019-03-04",
            "relationship": {"text": "Mother"}, "condition": [{"code": {"text": "Stroke"}, "onsetAge": {"value": 70, "unit": "years"}}]}),
        json!({"resourceType": "ClinicalImpression", "id": "h2", "status": "in-progress", "subject": of("p1"), "date": "2026-05-06",
            "summary": "Low mood after a loss", "assessor": {"display": "Dr Patel"}}),
        json!({"resourceType": "ResearchSubject", "id": "h3", "status": "on-study", "individual": of("p1"),
            "study": {"display": "Study of walking aids"}, "period": {"start": "2021-01-02"}}),
        json!({"resourceType": "Communication", "id": "h4", "status": "completed", "subject": of("p1"), "sent": "2026-01-08T10:00:00Z",
            "payload": [{"contentString": "Please come in next week"}]}),
        json!({"resourceType": "Consent", "id": "h5", "status": "active", "patient": of("p1"), "dateTime": "2024-02-02",
            "scope": {"text": "Treatment"}, "category": [{"text": "Advance decision"}], "provision": {"type": "deny",
            "code": [{"text": "A feeding tube"}]}}),
        plan("y1", "1382601000000107", "ReSPECT form", "active"),
        plan("y2", "325691000000100", "Plan for bad days", "completed"),
        plan("y3", "736253002", "Plan for a crisis", "draft"),
    ];
    for (id, date) in [("t1", "2025-01-02"), ("t2", "2025-03-02"), ("t3", "2024-06-02")] {
        all.push(measured(id, "Sodium", 141.0, date, json!({})));
    }
    all
}

fn hospital() -> Vec<Value> {
    vec![
        patient("h1", "Anne", "LS2 9ZZ"),
        condition("h1", "k1", "Diabetes", "resolved", "confirmed"),
        condition("h1", "k2", "Gout", "active", "confirmed"),
        medicine("h1", "m1", "Metformin 500mg tablets", "Two twice a day", "active", "2026-01-20"),
        medicine("h1", "m2", "Iron tablets", "One a day", "stopped", "2026-02-20"),
        json!({"resourceType": "AllergyIntolerance", "id": "l1", "patient": of("h1"), "recordedDate": "2025-02-03",
            "clinicalStatus": {"coding": [{"code": "active"}]}, "code": {"text": "No known allergies",
            "coding": [{"system": SNOMED, "code": "716186003", "display": "No known allergies"}]}}),
        allergy("h1", "l2", "Peanut", "inactive", "confirmed"),
        json!({"resourceType": "Encounter", "id": "e1", "status": "finished", "class": {"code": "IMP"}, "subject": of("h1"),
            "period": {"start": "2025-12-01T10:00:00Z", "end": "2025-12-04T10:00:00Z"}, "serviceType": {"text": "Heart ward"},
            "hospitalization": {"admitSource": {"text": "Home"}, "dischargeDisposition": {"text": "Home"}}}),
        json!({"resourceType": "Encounter", "id": "e2", "status": "in-progress", "class": {"code": "EMER"}, "subject": of("h1"),
            "period": {"start": "2024-12-01T10:00:00Z"}}),
        json!({"resourceType": "Encounter", "id": "e3", "status": "finished", "class": {"code": "AMB"}, "subject": of("h1"),
            "period": {"start": "2025-11-01T10:00:00Z", "end": "2025-11-01T11:00:00Z"}}),
    ]
}

fn council() -> Vec<Value> {
    vec![
        patient("c1", "Ann", "LS1 4AP"),
        json!({"resourceType": "CareTeam", "id": "t1", "status": "active", "subject": of("c1"), "name": "Home help",
            "participant": [{"member": {"display": "Sam Green"}, "role": [{"text": "Home carer"}]}]}),
        json!({"resourceType": "RelatedPerson", "id": "t2", "patient": of("c1"), "name": [{"family": "Smith", "given": ["Bob"]}],
            "relationship": [{"text": "Brother"}], "telecom": [{"system": "phone", "value": "01130005566"}]}),
        json!({"resourceType": "EpisodeOfCare", "id": "t3", "status": "active", "patient": of("c1"),
            "type": [{"text": "Meals at home"}], "period": {"start": "2025-02-01"}}),
    ]
}

fn community() -> Vec<Value> {
    vec![patient("n1", "Ann", "LS1 4AP")]
}

/// Every text a source says: what is shown in its own words.
pub fn said(value: &Value) -> Vec<String> {
    const SAID: [&str; 12] = [
        "text",
        "display",
        "title",
        "description",
        "valueString",
        "summary",
        "conclusion",
        "mitigation",
        "contentString",
        "family",
        "manufacturer",
        "name",
    ];
    match value {
        Value::Array(all) => all.iter().flat_map(said).collect(),
        Value::Object(members) => {
            let own = members.iter().filter(|(name, _)| SAID.contains(&name.as_str()));
            let own = own.filter_map(|(_, value)| value.as_str().map(str::to_owned));
            own.chain(members.values().flat_map(said)).collect()
        }
        _ => Vec::new(),
    }
}
