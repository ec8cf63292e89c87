//! Cards for whoever opens a person's file elsewhere (CDS Hooks).

use crate::{
    support::{Answer, GP},
    telling::{Region, patient, stay},
};
use axum::{body::Body, http::Request};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tower::ServiceExt;

const PATH: &str = "/cds-services/skein-patient-view";

async fn call(region: &Region, token: &str, path: &str, body: &Value) -> Answer {
    let mut request = Request::post(path).header("content-type", "application/json");
    if !token.is_empty() {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let response = region.router.clone().oneshot(request.body(Body::from(body.to_string())).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap().to_vec();
    Answer { status: parts.status, headers: parts.headers, body }
}

fn asking(patient: &str, nhs: Option<&str>) -> Value {
    let mut asked = json!({"hook": "patient-view", "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "context": {"userId": "Practitioner/1", "patientId": patient}});
    if let Some(nhs) = nhs {
        asked["prefetch"] = json!({"patient": {"resourceType": "Patient", "id": patient,
            "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": nhs}]}});
    }
    asked
}

fn summaries(answer: &Answer) -> Vec<String> {
    answer.json()["cards"].as_array().unwrap().iter().map(|card| card["summary"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_opens_a_file_elsewhere_sees_that_the_person_is_in_hospital() {
    let region = Region::new().await;
    let discovered = region.router.clone().oneshot(Request::get("/cds-services").body(Body::empty()).unwrap());
    let discovered = discovered.await.unwrap();
    assert_eq!(discovered.status(), 200);
    let services = axum::body::to_bytes(discovered.into_body(), usize::MAX).await.unwrap();
    let services: Value = serde_json::from_slice(&services).unwrap();
    assert_eq!(
        (&services["services"][0]["id"], &services["services"][0]["hook"]),
        (&json!("skein-patient-view"), &json!("patient-view"))
    );
    let ours = region.engine.region().patient("gp", "p1").to_string();
    assert!(summaries(&call(&region, "surgery", PATH, &asking(&ours, None)).await.expect(200)).is_empty());
    region.hl7(&stay("A01", 1, "20260303083000", "W12")).await;
    let plan = json!({"resourceType": "CarePlan", "id": "cp1", "status": "active", "intent": "plan", "title": "ReSPECT form",
        "subject": {"reference": "Patient/p1"}});
    region.fhir("gp", &[patient("p1", "9990000042", false), plan]).await;
    let by_id = call(&region, "surgery", PATH, &asking(&ours, None)).await.expect(200);
    let told = summaries(&by_id);
    assert!(told[0].starts_with("In hospital since Tuesday 3 March") && told[0].contains("W12"), "{told:?}");
    assert_eq!(told[1], "A care plan exists: ReSPECT form");
    let card = &by_id.json()["cards"][0];
    assert_eq!((&card["indicator"], &card["links"][0]["type"]), (&json!("warning"), &json!("absolute")));
    let link = card["links"][0]["url"].as_str().unwrap();
    assert!(link.starts_with("https://record.example/record/") && link.ends_with("/visits"), "{link}");
    assert!(!link.contains("9990000042"));
    // By the number it is the same; an id of their own says nothing here.
    let by_number = call(&region, "surgery", PATH, &asking("4711", Some("999 000 0042"))).await.expect(200);
    assert_eq!(summaries(&by_number), told);
    let begun = Instant::now();
    for _ in 0..20 {
        call(&region, "surgery", PATH, &asking(&ours, None)).await.expect(200);
    }
    let each = begun.elapsed() / 20;
    assert!(each < Duration::from_millis(100), "a card took {each:?} on a machine that others use");
    region.hl7(&stay("A03", 3, "20260309110000", "W12")).await;
    assert_eq!(summaries(&call(&region, "surgery", PATH, &asking(&ours, None)).await)[0], "Left hospital yesterday");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_card_comes_of_somebody_whose_record_does_not_open() {
    let region = Region::new().await;
    region.hl7(&stay("A01", 1, "20260303083000", "W12")).await;
    let ours = region.engine.region().patient("gp", "p1").to_string();
    // Nothing links another practice with her.
    for asked in [asking(&ours, None), asking("4711", Some("9990000042"))] {
        assert!(summaries(&call(&region, "other", PATH, &asked).await.expect(200)).is_empty());
    }
    assert_eq!(summaries(&call(&region, "programme", PATH, &asking(&ours, None)).await.expect(200)).len(), 1);
    region.object().await;
    for token in ["surgery", "programme"] {
        assert!(summaries(&call(&region, token, PATH, &asking(&ours, None)).await.expect(200)).is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_card_says_where_a_restricted_person_is() {
    let region = Region::new().await;
    region.fhir("gp", &[patient("p1", "9990000042", true)]).await;
    region.hl7(&stay("A01", 1, "20260303083000", "WARDTWELVE")).await;
    let ours = region.engine.region().patient("gp", "p1").to_string();
    let answer = call(&region, "surgery", PATH, &asking(&ours, None)).await.expect(200);
    assert_eq!(summaries(&answer), ["In hospital since Tuesday 3 March"]);
    let text = String::from_utf8(answer.body).unwrap();
    assert!(!text.contains("WARD") && !text.contains("hospital of the region"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_none_says_what_is_wrong() {
    let region = Region::new().await;
    let ours = region.engine.region().patient("gp", "p1").to_string();
    let whole = asking(&ours, None);
    for (token, path, body, status) in [
        ("", PATH, whole.clone(), 401),
        ("made up", PATH, whole.clone(), 401),
        (GP, PATH, whole.clone(), 403),
        ("wordless", PATH, whole.clone(), 403),
        ("surgery", "/cds-services/another", whole.clone(), 404),
        ("surgery", PATH, json!({"hook": "order-sign"}), 400),
        ("surgery", PATH, json!([]), 400),
        ("surgery", PATH, asking("4711", None), 412),
        ("surgery", PATH, asking("4711", Some("1234567890")), 412),
    ] {
        let answer = call(&region, token, path, &body).await.expect(status);
        assert_eq!(answer.json()["resourceType"], "OperationOutcome", "{token} {path}");
        assert!(!String::from_utf8_lossy(&answer.body).contains("4711"), "nothing of the call is repeated");
    }
}
