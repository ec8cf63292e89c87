//! What hangs on a sensitive clinic carries no code of its own that would tell, and is withheld as the clinic's visit is.

use crate::governed::{Governed, take};
use serde_json::json;

/// A visit to a sexual-health clinic, and what hangs on it without a code of its own that would tell: two letters, a
/// referral, a report on it, and a result that nothing but the report names.
fn clinic() -> Vec<serde_json::Value> {
    let setting = "https://fhir.hl7.org.uk/CodeSystem/UKCore-PracticeSettingCode";
    let subject = json!({"reference": "Patient/p1"});
    let letter = |id: &str, title: &str, visit: Option<&str>| {
        let mut letter = json!({"resourceType": "DocumentReference", "id": id, "status": "current", "subject": subject,
            "date": "2026-02-09T10:00:00Z", "type": {"text": title},
            "content": [{"attachment": {"contentType": "text/plain", "data": "TGV0dGVyIHRleHQ="}}]});
        if let Some(visit) = visit {
            letter["context"] = json!({"encounter": [{"reference": format!("Encounter/{visit}")}]});
        }
        letter
    };
    vec![
        json!({"resourceType": "Encounter", "id": "e1", "status": "finished", "subject": subject,
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
            "period": {"start": "2026-02-08T10:00:00Z", "end": "2026-02-08T11:00:00Z"},
            "serviceType": {"coding": [{"system": setting, "code": "360"}], "text": "Blue clinic"}}),
        json!({"resourceType": "Encounter", "id": "e2", "status": "finished", "subject": subject,
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
            "period": {"start": "2026-02-08T12:00:00Z", "end": "2026-02-08T13:00:00Z"},
            "serviceType": {"coding": [{"system": setting, "code": "410"}], "text": "Joints clinic"}}),
        letter("d2", "Letter of the blue clinic", Some("e1")),
        letter("d3", "Letter of the joints clinic", Some("e2")),
        json!({"resourceType": "ServiceRequest", "id": "s1", "status": "active", "intent": "order", "subject": subject,
            "encounter": {"reference": "Encounter/e1"}, "code": {"text": "Swab asked for"}}),
        json!({"resourceType": "DiagnosticReport", "id": "r1", "status": "final", "subject": subject,
            "basedOn": [{"reference": "ServiceRequest/s1"}], "code": {"text": "Swab report"},
            "effectiveDateTime": "2026-02-09", "result": [{"reference": "Observation/o8"}]}),
        json!({"resourceType": "Observation", "id": "o8", "status": "final", "subject": subject,
            "effectiveDateTime": "2026-02-09", "code": {"text": "Swab finding"}, "valueString": "Grown"}),
        json!({"resourceType": "Observation", "id": "o9", "status": "final", "subject": subject,
            "encounter": {"reference": "Encounter/e2"}, "effectiveDateTime": "2026-02-09",
            "code": {"text": "Knee finding"}, "valueString": "Swollen"}),
        json!({"resourceType": "AllergyIntolerance", "id": "al2", "patient": subject,
            "encounter": {"reference": "Encounter/e1"}, "code": {"text": "Doxycycline"}}),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_hangs_on_a_sensitive_clinic_is_as_sensitive_as_the_clinic() {
    let region = Governed::new().await;
    take(&region.pages.engine, "gp", &clinic()).await;
    let hidden = ["Letter of the blue clinic", "Swab asked for", "Swab report", "Swab finding"];
    let shown = ["Letter of the joints clinic", "Knee finding", "Doxycycline"];
    let pages = ["", "/letters", "/results", "/visits", "/plans", "/allergies", "/other"];
    // The practice itself, and the person, see all of it.
    for who in ["gp", "ann"] {
        let visitor = region.pages.visitor(who).await;
        let letters = visitor.get(&region.record("/letters")).await.expect(200);
        letters.says("Letter of the blue clinic").says("Letter of the joints clinic");
        visitor.get(&region.record("/results")).await.expect(200).says("Swab finding").says("Knee finding");
    }
    let paramedic = region.pages.visitor("paramedic").await;
    let why = paramedic.get(&region.record("/why")).await;
    let vital = [("reason", "vital-interests"), ("words", "Fallen, confused, alone")];
    paramedic.fill(&why, &region.record("/why"), &vital).await.expect(303);
    let mut seen = String::new();
    for page in pages {
        let page = paramedic.get(&region.record(page)).await.expect(200);
        for words in hidden {
            assert!(!page.body.contains(words), "{words}: {}", page.text());
        }
        seen.push_str(&page.body);
    }
    for words in shown {
        assert!(seen.contains(words), "{words} is withheld though it is of another clinic, or may kill");
    }
    paramedic.get(&region.record("/letters")).await.says("sensitive");
    // Nor by their own addresses, nor as a file.
    for (kind, own) in
        [("DocumentReference", "d2"), ("ServiceRequest", "s1"), ("DiagnosticReport", "r1"), ("Observation", "o8")]
    {
        let id = region.id("gp", "p1", kind, own);
        paramedic.get(&region.record(&format!("/item/{kind}/{id}"))).await.expect(404);
    }
    let letter = region.id("gp", "p1", "DocumentReference", "d2");
    for page in [format!("/letters/{letter}"), format!("/file/DocumentReference/{letter}/0")] {
        paramedic.get(&region.record(&page)).await.expect(404);
    }
    let other = region.id("gp", "p1", "DocumentReference", "d3");
    paramedic.get(&region.record(&format!("/letters/{other}"))).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_clinic_was_found_to_be_later_holds_for_its_letters_too() {
    let region = Governed::new().await;
    let mut clinic = clinic();
    let sensitive = clinic[0]["serviceType"].take();
    clinic[0].as_object_mut().unwrap().remove("serviceType");
    take(&region.pages.engine, "gp", &clinic).await;
    let paramedic = region.pages.visitor("paramedic").await;
    let why = paramedic.get(&region.record("/why")).await;
    let vital = [("reason", "vital-interests"), ("words", "Fallen, confused, alone")];
    paramedic.fill(&why, &region.record("/why"), &vital).await.expect(303);
    paramedic.get(&region.record("/letters")).await.expect(200).says("Letter of the blue clinic");
    clinic[0]["serviceType"] = sensitive;
    take(&region.pages.engine, "gp", &clinic[..1]).await;
    paramedic.get(&region.record("/letters")).await.expect(200).says_not("Letter of the blue clinic");
}
