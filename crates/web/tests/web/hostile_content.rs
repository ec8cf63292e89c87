//! Sources send whatever somebody typed. Every text of every type of entry holds HTML, a script, marks that turn the direction
//! of writing, or ten thousand letters; files hold broken PDFs and PDFs with scripts. Every page of the record still shows it as
//! text, and nothing of it runs.

use crate::governed::{Governed, NHS, take};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const HOSTILE: &str = "</td></dd></textarea><script>alert(1)</script><img src=x onerror=alert(2)> \" onmouseover=\"alert(3) \u{202e}txet'&amp;{{7*7}}";

/// A text that tells from which field it is.
fn text(field: &str) -> String {
    format!("{HOSTILE} {field}")
}

fn concept(field: &str) -> Value {
    json!({"text": text(field), "coding": [{"system": text("system"), "code": text("code"), "display": text(field)}]})
}

fn resources() -> Vec<Value> {
    let of = json!({"reference": "Patient/p1", "display": text("subject")});
    let long = "x".repeat(10_000);
    let broken = "JVBERi0xLjcKMSAwIG9iago8PCAvVHlwZSAvQ2F0YWxvZw==";
    let scripted = "JVBERi0xLjQKMSAwIG9iago8PCAvVHlwZSAvQ2F0YWxvZyAvT3BlbkFjdGlvbiA8PCAvUyAvSmF2YVNjcmlwdCAvSlMgKGFwcC5hbGVydCgxKSkgPj4gPj4KZW5kb2JqCiUlRU9G";
    vec![
        json!({"resourceType": "Patient", "id": "p1", "active": true, "gender": "female", "birthDate": "1950-01-02",
            "name": [{"family": text("family"), "given": [text("given")], "prefix": [text("prefix")]}],
            "telecom": [{"system": "phone", "value": "javascript:alert(1)"}, {"system": "email", "value": text("email")}],
            "address": [{"line": [text("line")], "city": long, "postalCode": text("postcode")}],
            "contact": [{"name": {"text": text("contact")}, "relationship": [concept("relationship")],
                "telecom": [{"system": "url", "value": "javascript:alert(1)"}]}],
            "identifier": [{"system": fhir::nhs::SYSTEM, "value": NHS, "extension": [{"url": fhir::nhs::VERIFICATION_STATUS,
                "valueCodeableConcept": {"coding": [{"system": fhir::nhs::VERIFICATION_STATUS_SYSTEM, "code": "01"}]}}]}]}),
        json!({"resourceType": "Condition", "id": "c1", "subject": of, "code": concept("problem"),
            "clinicalStatus": {"coding": [{"code": "active"}]}, "note": [{"text": text("note")}], "recordedDate": text("date")}),
        json!({"resourceType": "Condition", "id": "c2", "subject": of, "code": {"text": long}}),
        json!({"resourceType": "AllergyIntolerance", "id": "a1", "patient": of, "code": concept("allergy"),
            "reaction": [{"manifestation": [concept("manifestation")], "description": text("reaction")}]}),
        json!({"resourceType": "MedicationStatement", "id": "m1", "status": "active", "subject": of,
            "medicationCodeableConcept": concept("medicine"), "dosage": [{"text": text("dose")}],
            "note": [{"text": text("medicine note")}]}),
        json!({"resourceType": "MedicationRequest", "id": "m2", "status": "active", "intent": "order", "subject": of,
            "medicationCodeableConcept": concept("medicine"), "dosageInstruction": [{"text": text("instruction"), "patientInstruction": long}]}),
        json!({"resourceType": "Observation", "id": "o1", "status": "final", "subject": of, "code": concept("test"),
            "effectiveDateTime": "2026-01-06", "valueQuantity": {"value": 7.5, "unit": text("unit"), "code": text("ucum")},
            "referenceRange": [{"text": text("range")}], "note": [{"text": text("comment")}]}),
        json!({"resourceType": "Observation", "id": "o2", "status": "final", "subject": of, "code": concept("test"),
            "effectiveDateTime": "2026-02-06", "valueString": text("value")}),
        json!({"resourceType": "DiagnosticReport", "id": "r1", "status": "final", "subject": of, "code": concept("report"),
            "issued": "2026-01-06T10:00:00Z", "conclusion": text("conclusion"), "result": [{"reference": "Observation/o1"}],
            "performer": [{"display": text("laboratory")}]}),
        json!({"resourceType": "DocumentReference", "id": "d1", "status": "current", "subject": of, "date": "2026-01-07T10:00:00Z",
            "type": concept("letter"), "description": text("description"), "author": [{"display": text("author")}],
            "content": [{"attachment": {"contentType": "text/html", "title": text("title"),
                "data": "PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg=="}}]}),
        json!({"resourceType": "DocumentReference", "id": "d2", "status": "current", "subject": of, "date": "2026-01-08T10:00:00Z",
            "type": {"text": "Broken"}, "content": [{"attachment": {"contentType": "application/pdf", "data": broken}}]}),
        json!({"resourceType": "DocumentReference", "id": "d3", "status": "current", "subject": of, "date": "2026-01-09T10:00:00Z",
            "type": {"text": "Scripted"}, "content": [{"attachment": {"contentType": "application/pdf", "data": scripted}}]}),
        json!({"resourceType": "Encounter", "id": "e1", "status": "in-progress", "subject": of,
            "class": {"code": "IMP", "display": text("class")}, "period": {"start": "2026-01-05T10:00:00Z"},
            "serviceType": concept("service"), "reasonCode": [concept("reason")],
            "location": [{"location": {"display": text("ward")}, "status": "active"}],
            "participant": [{"individual": {"display": text("consultant")}, "type": [concept("role")]}]}),
        json!({"resourceType": "Appointment", "id": "ap1", "status": "booked", "description": text("appointment"),
            "start": "2027-01-08T10:00:00Z", "participant": [{"actor": of, "status": "accepted"},
                {"actor": {"display": text("clinic")}, "status": "accepted"}]}),
        json!({"resourceType": "CarePlan", "id": "cp1", "status": "active", "intent": "plan", "subject": of, "title": text("plan"),
            "description": text("plan words"), "category": [concept("plan kind")],
            "activity": [{"detail": {"description": text("activity"), "status": "in-progress"}}], "note": [{"text": long}]}),
        json!({"resourceType": "Goal", "id": "g1", "lifecycleStatus": "active", "subject": of, "description": concept("goal")}),
        json!({"resourceType": "Composition", "id": "co1", "status": "final", "subject": of, "date": "2026-01-01", "type": concept("composition"),
            "title": text("composition"), "author": [{"display": text("author")}], "section": [{"title": text("section"),
                "text": {"status": "generated", "div": format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{HOSTILE}</div>")}}]}),
        json!({"resourceType": "QuestionnaireResponse", "id": "q1", "status": "completed", "subject": of, "authored": "2026-01-01",
            "item": [{"linkId": "1", "text": text("question"), "answer": [{"valueString": text("answer")}]}]}),
        json!({"resourceType": "Flag", "id": "f1", "status": "active", "subject": of, "code": concept("alert"), "category": [concept("kind")]}),
        json!({"resourceType": "RiskAssessment", "id": "ra1", "status": "final", "subject": of, "code": concept("risk"),
            "prediction": [{"outcome": concept("outcome")}], "mitigation": text("mitigation")}),
        json!({"resourceType": "Procedure", "id": "pr1", "status": "completed", "subject": of, "code": concept("procedure"),
            "performedDateTime": "2020-01-01", "outcome": concept("outcome")}),
        json!({"resourceType": "Immunization", "id": "i1", "status": "completed", "patient": of, "vaccineCode": concept("vaccine"),
            "occurrenceDateTime": "2020-01-01", "lotNumber": text("batch")}),
        json!({"resourceType": "RelatedPerson", "id": "rp1", "patient": of, "name": [{"text": text("relative")}], "relationship": [concept("daughter")]}),
        json!({"resourceType": "CareTeam", "id": "ct1", "status": "active", "subject": of, "name": text("team"),
            "participant": [{"member": {"display": text("member")}, "role": [concept("team role")]}]}),
        json!({"resourceType": "ServiceRequest", "id": "sr1", "status": "active", "intent": "order", "subject": of, "code": concept("request"),
            "authoredOn": "2026-01-01", "note": [{"text": text("request note")}]}),
        json!({"resourceType": "Consent", "id": "cn1", "status": "active", "scope": concept("scope"), "category": [concept("consent")],
            "patient": of, "dateTime": "2026-01-01", "provision": {"type": "permit"}}),
        json!({"resourceType": "FamilyMemberHistory", "id": "fh1", "status": "completed", "patient": of, "relationship": concept("mother"),
            "condition": [{"code": concept("family problem")}]}),
    ]
}

/// Nothing of what was sent is anything but text.
fn is_text(place: &str, body: &str) {
    let lower = body.to_lowercase();
    for made in ["<script>alert", "<img src=x", "\" onmouseover=", "href=\"javascript:", "src=\"javascript:"] {
        assert!(!lower.contains(made), "{made} stands in {place}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_source_sends_is_text_on_every_page() {
    let region = Governed::new().await;
    take(&region.pages.engine, "gp", &resources()).await;
    let gp = region.pages.visitor("gp").await;
    let first = gp.get(&region.record("")).await.expect(200);
    is_text("the first screen", &first.body);
    assert!(
        first.body.contains("&lt;script&gt;") || first.body.contains("&#60;script&#62;"),
        "what was sent is not shown"
    );
    let start = region.record("");
    let mut known: BTreeSet<String> = BTreeSet::new();
    let mut ahead: Vec<String> = vec![start.clone()];
    // Every page of the record that a page of the record leads to.
    while let Some(path) = ahead.pop() {
        let path = path.split('#').next().unwrap_or_default().to_owned();
        if known.len() >= 250 || !known.insert(path.clone()) {
            continue;
        }
        let page = gp.get(&path).await;
        assert!(page.status.as_u16() < 500, "{path}: {}", page.status);
        // A file is the source's own: it is sent as what it is, and the policy of its answer lets nothing in it run.
        if path.contains("/file/") {
            continue;
        }
        is_text(&path, &page.body);
        ahead.extend(page.links(&start).into_iter().map(|link| link.replace("&amp;", "&")));
    }
    assert!(known.len() > 60, "only {} pages were looked at", known.len());
    for view in ["?view=emergency", "/pack", "/timeline"] {
        is_text(view, &gp.get(&region.record(view)).await.body);
    }
    // Where the person stands in lists and searches.
    is_text("the search", &gp.get("/recent").await.expect(200).body);
}
