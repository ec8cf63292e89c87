//! What a source writes, and how it is answered.

use crate::support::{BASE, GP, HOSPITAL, Site, put, result};
use axum::body::Body;
use futures_util::StreamExt;
use serde_json::{Value, json};

const NHS: &str = "9000000009";

#[tokio::test]
async fn create_update_and_delete_are_answered_with_location_and_version() {
    let site = Site::new();
    let patient = json!({"resourceType": "Patient", "id": "p1"});
    let made = site.write(GP, "PUT", "/Patient/p1", &patient).await.expect(201);
    assert_eq!(made.header("etag"), "W/\"1\"");
    let location = made.header("location").strip_prefix(BASE).unwrap().to_owned();
    assert!(location.starts_with("/Patient/") && location.ends_with("/_history/1"), "{location}");
    assert!(made.body.is_empty());
    site.get(&location).await.expect(200);
    let same = site.write(GP, "PUT", "/Patient/p1", &patient).await.expect(200);
    assert_eq!(same.header("etag"), "W/\"1\"", "the same again is no new version");
    let changed = json!({"resourceType": "Patient", "id": "p1", "gender": "male"});
    assert_eq!(site.write(GP, "PUT", "/Patient/p1", &changed).await.expect(200).header("etag"), "W/\"2\"");
    let created = site
        .write(GP, "POST", "/Condition", &json!({"resourceType": "Condition", "subject": {"reference": "Patient/p1"}}))
        .await
        .expect(201);
    let path = created.header("location").strip_prefix(BASE).unwrap().split("/_history").next().unwrap().to_owned();
    site.write(GP, "DELETE", &path, &Value::Null).await.expect(204);
    site.get(&path).await.expect(410);
    let outcome =
        site.write_with(GP, "PUT", "/Patient/p1", &patient, &[("prefer", "return=OperationOutcome")]).await.expect(200);
    assert_eq!(outcome.json()["resourceType"], "OperationOutcome");
    site.stop();
}

#[tokio::test]
async fn a_condition_on_the_version_is_kept() {
    let site = Site::new();
    let patient = json!({"resourceType": "Patient", "id": "p1"});
    site.write_with(GP, "PUT", "/Patient/p1", &patient, &[("if-match", "W/\"1\"")]).await.expect(412);
    site.write(GP, "PUT", "/Patient/p1", &patient).await.expect(201);
    let changed = json!({"resourceType": "Patient", "id": "p1", "gender": "male"});
    site.write_with(GP, "PUT", "/Patient/p1", &changed, &[("if-match", "W/\"1\"")]).await.expect(200);
    let refused = site.write_with(GP, "PUT", "/Patient/p1", &patient, &[("if-match", "W/\"1\"")]).await.expect(412);
    assert_eq!(refused.issue().0, "conflict");
    site.stop();
}

#[tokio::test]
async fn a_conditional_create_makes_one() {
    let site = Site::new();
    let organisation =
        json!({"resourceType": "Organization", "identifier": [{"system": "urn:ods", "value": "Y1"}], "name": "one"});
    let condition = [("if-none-exist", "identifier=urn:ods|Y1")];
    let first = site.write_with(GP, "POST", "/Organization", &organisation, &condition).await.expect(201);
    let again = site.write_with(GP, "POST", "/Organization", &organisation, &condition).await.expect(200);
    assert_eq!(first.header("location"), again.header("location"));
    let update =
        json!({"resourceType": "Organization", "identifier": [{"system": "urn:ods", "value": "Y1"}], "name": "two"});
    let updated = site.write(GP, "PUT", "/Organization?identifier=urn:ods%7CY1", &update).await.expect(200);
    assert_eq!(updated.header("etag"), "W/\"2\"");
    site.stop();
}

#[tokio::test]
async fn a_transaction_is_answered_entry_by_entry_and_a_repeat_changes_nothing() {
    let site = Site::new();
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [
        put(&json!({"resourceType": "Patient", "id": "p1"})),
        {"fullUrl": "urn:uuid:1", "resource": {"resourceType": "Encounter", "subject": {"reference": "https://source.example/fhir/Patient/p1"}},
            "request": {"method": "POST", "url": "Encounter"}},
        put(&json!({"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/p1"}, "encounter": {"reference": "urn:uuid:1"}})),
    ]});
    let statuses = |answer: &Value| -> Vec<String> {
        assert_eq!(answer["type"], "transaction-response");
        let entries = answer["entry"].as_array().unwrap();
        entries.iter().map(|entry| entry["response"]["status"].as_str().unwrap().to_owned()).collect()
    };
    let first = site.write(GP, "POST", "/", &bundle).await.expect(200).json();
    assert_eq!(statuses(&first), ["201 Created", "201 Created", "201 Created"]);
    let condition = first["entry"][2]["response"]["location"].as_str().unwrap();
    let stored = site.get(&format!("/{condition}")).await.expect(200).json();
    let encounter = first["entry"][1]["response"]["location"].as_str().unwrap().split("/_history").next().unwrap();
    assert_eq!(stored["encounter"]["reference"], encounter);
    let again = site.write(GP, "POST", "/", &bundle).await.expect(200).json();
    assert_eq!(statuses(&again), ["200 OK", "200 OK", "200 OK"]);
    assert_eq!(again["entry"][2]["response"]["location"], condition);
    site.stop();
}

#[tokio::test]
async fn a_transaction_with_one_bad_entry_leaves_nothing_behind() {
    let site = Site::new();
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [
        put(&json!({"resourceType": "Patient", "id": "p1", "identifier": [{"system": "urn:x", "value": "1"}]})),
        put(&result("o", "nobody", "1-8", 1.0, "2024")),
    ]});
    let refused = site.write(GP, "POST", "/", &bundle).await.expect(422);
    assert_eq!(refused.issue(), ("not-found".to_owned(), "Bundle.entry[1].resource.subject.reference".to_owned()));
    assert!(site.get("/Patient?identifier=urn:x%7C1").await.expect(200).names().is_empty());
    site.stop();
}

#[tokio::test]
async fn a_batch_keeps_what_is_good() {
    let site = Site::new();
    let bundle = json!({"resourceType": "Bundle", "type": "batch", "entry": [
        put(&json!({"resourceType": "Patient", "id": "p1"})),
        put(&result("bad", "nobody", "1-8", 1.0, "2024")),
        put(&result("good", "p1", "1-8", 1.0, "2024")),
    ]});
    let answer = site.write(GP, "POST", "/", &bundle).await.expect(200).json();
    assert_eq!(answer["type"], "batch-response");
    let statuses: Vec<&str> =
        answer["entry"].as_array().unwrap().iter().map(|e| e["response"]["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["201 Created", "422 Unprocessable Entity", "201 Created"]);
    assert_eq!(answer["entry"][1]["response"]["outcome"]["issue"][0]["code"], "not-found");
    site.stop();
}

#[tokio::test]
async fn a_source_cannot_touch_another_sources_patient() {
    let site = Site::new();
    let theirs = site.patient(HOSPITAL, "h1", NHS, &[]).await;
    let patient = json!({"resourceType": "Patient", "id": theirs, "gender": "male"});
    site.write(GP, "PUT", &format!("/Patient/{theirs}"), &patient).await.expect(403);
    site.write(GP, "DELETE", &format!("/Patient/{theirs}"), &Value::Null).await.expect(403);
    let refused = site
        .write(
            GP,
            "POST",
            "/Condition",
            &json!({"resourceType": "Condition", "subject": {"reference": format!("Patient/{theirs}")}}),
        )
        .await
        .expect(403);
    assert_eq!(refused.issue().1, "Condition.subject.reference");
    site.stop();
}

#[tokio::test]
async fn what_is_no_request_is_refused_with_the_place() {
    let site = Site::new();
    for (path, body, status) in [
        ("/", "{", 400),
        ("/", "null", 400),
        ("/", "{\"resourceType\":\"Sonnet\"}", 400),
        ("/", "{\"resourceType\":\"Patient\",\"id\":\"1\"}", 400),
        ("/Condition", "{\"resourceType\":\"Patient\"}", 400),
        ("/Patient", "{\"resourceType\":\"Patient\"}", 422),
        ("/Patient", "{\"resourceType\":\"Patient\",\"id\":\"1\",\"birthDate\":\"1952-02-31\"}", 422),
    ] {
        let bearer = format!("Bearer {GP}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/fhir+json")];
        site.send("POST", path, &headers, body).await.expect(status).issue();
    }
    let bundle = json!({"resourceType": "Bundle", "type": "collection", "x": "y".repeat(5 << 20)});
    site.write(GP, "POST", "/", &bundle).await.expect(413).issue();
    site.stop();
}

#[tokio::test]
async fn requests_at_once_do_not_lose_each_other() {
    let site = std::sync::Arc::new(Site::new());
    site.write(GP, "PUT", "/Patient/p1", &json!({"resourceType": "Patient", "id": "p1"})).await.expect(201);
    let mut tasks = Vec::new();
    for n in 0..20 {
        let site = std::sync::Arc::clone(&site);
        tasks.push(tokio::spawn(async move {
            let own = format!("o{n}");
            site.write(GP, "PUT", &format!("/Observation/{own}"), &result(&own, "p1", "1-8", f64::from(n), "2024"))
                .await
                .expect(201)
        }));
    }
    let mut patient = String::new();
    for task in tasks {
        let answer = task.await.unwrap();
        patient = answer.header("location").split('/').nth(5).unwrap().split('-').next().unwrap().to_owned();
    }
    assert_eq!(site.get(&format!("/Observation?patient={patient}&_count=50")).await.json()["total"], 20);
}

/// Memory stays bounded however many sources send large bundles at once.
#[tokio::test]
async fn large_bodies_wait_for_a_place_and_small_ones_do_not() {
    let site = Site::new();
    let bearer = format!("Bearer {GP}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/fhir+json")];
    let blanks = || vec![b' '; 2 << 20];
    let stuck = || {
        let pieces = futures_util::stream::iter([Ok::<_, std::io::Error>(blanks())]);
        site.send("POST", "/", &headers, Body::from_stream(pieces.chain(futures_util::stream::pending())))
    };
    let patient = json!({"resourceType": "Patient", "id": "small", "name": [{"family": "Small"}]});
    let mut large = blanks();
    large.extend(json!({"resourceType": "Patient", "id": "large", "name": [{"family": "Large"}]}).to_string().bytes());
    let mut waiting = Box::pin(site.send("PUT", "/Patient/large", &headers, large));
    {
        let (mut one, mut other) = (Box::pin(stuck()), Box::pin(stuck()));
        tokio::select! {
            _ = &mut one => panic!("the body has not come whole"),
            _ = &mut other => panic!("the body has not come whole"),
            () = tokio::time::sleep(std::time::Duration::from_millis(50)) => {}
        }
        tokio::select! {
            _ = &mut one => panic!("the body has not come whole"),
            _ = &mut other => panic!("the body has not come whole"),
            _ = &mut waiting => panic!("there is no place for it"),
            small = site.write(GP, "PUT", "/Patient/small", &patient) => { small.expect(201); }
        }
    }
    waiting.await.expect(201);
}

#[tokio::test]
async fn a_body_in_another_charset_is_refused_as_such() {
    let site = Site::new();
    let bearer = format!("Bearer {GP}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/fhir+json")];
    let latin = b"{\"resourceType\":\"Patient\",\"id\":\"m\",\"name\":[{\"family\":\"M\xfcller\"}]}".to_vec();
    let refused = site.send("PUT", "/Patient/m", &headers, latin).await.expect(400);
    let said = refused.json()["issue"][0]["diagnostics"].as_str().unwrap().to_owned();
    assert!(said.contains("not UTF-8") && said.contains("line 1"), "{said}");
}
