//! A source tells of its patients (IHE ITI-104): added, revised, merged, removed.

use crate::support::{BASE, GP, HOSPITAL, Site};
use serde_json::{Value, json};

const DOMAIN: &str = "urn:oid:1.3.6.1.4.1.21367.13.20.1000";

fn path(number: &str) -> String {
    format!("/Patient?identifier={DOMAIN}%7C{number}")
}

fn alice(number: &str, given: &str) -> Value {
    json!({"resourceType": "Patient", "active": true, "identifier": [{"system": DOMAIN, "value": number}],
        "name": [{"family": "MOHR", "given": [given]}], "gender": "female", "birthDate": "1958-01-30"})
}

fn replaced(number: &str, by: &str) -> Value {
    let mut patient = alice(number, "MAIDEN");
    patient["active"] = json!(false);
    patient["link"] = json!([{"other": {"identifier": {"system": DOMAIN, "value": by}}, "type": "replaced-by"}]);
    patient
}

/// Added, then revised: one patient, found by its number.
#[tokio::test]
async fn a_patient_is_added_and_revised_by_its_number() {
    let site = Site::new();
    let added = site.write(GP, "PUT", &path("IHERED-994"), &alice("IHERED-994", "ALISSA")).await.expect(201);
    let revised = site.write(GP, "PUT", &path("IHERED-994"), &alice("IHERED-994", "ALICE")).await.expect(200);
    let id = |answer: &crate::support::Answer| answer.header("location").split("/_history").next().unwrap().to_owned();
    assert_eq!(id(&added), id(&revised));
    let found = site.get(&path("IHERED-994")).await.expect(200);
    assert_eq!(found.names().len(), 1);
    assert_eq!(found.json()["entry"][0]["resource"]["name"][0]["given"][0], "ALICE");
    site.stop();
}

/// The number stands in the address alone: the patient is still found by it.
#[tokio::test]
async fn the_number_in_the_address_is_the_patients() {
    let site = Site::new();
    let nameless = json!({"resourceType": "Patient", "name": [{"family": "MOHR"}]});
    site.write(GP, "PUT", &path("IHERED-1"), &nameless).await.expect(201);
    site.write(GP, "PUT", &path("IHERED-1"), &nameless).await.expect(200);
    assert_eq!(site.get(&path("IHERED-1")).await.expect(200).names().len(), 1);
    site.stop();
}

/// Two sources may use one number: each revises its own patient.
#[tokio::test]
async fn a_source_revises_its_own_patients_only() {
    let site = Site::new();
    site.write(GP, "PUT", &path("1"), &alice("1", "ALICE")).await.expect(201);
    site.write(HOSPITAL, "PUT", &path("1"), &alice("1", "BOB")).await.expect(201);
    let names = site.get(&path("1")).await.expect(200).json().to_string();
    assert!(names.contains("ALICE") && names.contains("BOB"));
    site.stop();
}

#[tokio::test]
async fn a_number_of_several_patients_is_no_condition() {
    let site = Site::new();
    for own in ["a", "b"] {
        site.write(GP, "PUT", &format!("/Patient/{own}"), &with_id(own)).await.expect(201);
    }
    assert_eq!(site.write(GP, "PUT", &path("1"), &alice("1", "X")).await.expect(412).issue().0, "multiple-matches");
    assert_eq!(site.write(GP, "DELETE", &path("1"), &Value::Null).await.expect(412).issue().0, "multiple-matches");
    site.stop();
}

fn with_id(own: &str) -> Value {
    let mut patient = alice("1", own);
    patient["id"] = json!(own);
    patient
}

/// The duplicate is resolved: one record from now on, whichever number is asked for.
#[tokio::test]
async fn a_duplicate_lives_on_as_the_survivor() {
    let site = Site::new();
    let result = |number: &str, own: &str| {
        json!({"resourceType": "Observation", "id": own, "status": "final", "code": {"text": "x"},
            "subject": {"reference": format!("Patient?identifier={DOMAIN}|{number}")}})
    };
    for (number, own) in [("IHERED-994", "o1"), ("IHERED-m94", "o2")] {
        site.write(GP, "PUT", &path(number), &alice(number, "ALICE")).await.expect(201);
        site.write(GP, "PUT", &format!("/Observation/{own}"), &result(number, own)).await.expect(201);
    }
    let before = site.get(&format!("/Observation?patient.identifier={DOMAIN}%7CIHERED-994")).await.expect(200);
    assert_eq!(before.names().len(), 1);
    site.write(GP, "PUT", &path("IHERED-m94"), &replaced("IHERED-m94", "IHERED-994")).await.expect(200);
    for number in ["IHERED-994", "IHERED-m94"] {
        let found = site.get(&format!("/Observation?patient.identifier={DOMAIN}%7C{number}")).await.expect(200);
        assert_eq!(found.names().len(), 2, "{number}");
    }
    let loser = site.get(&path("IHERED-m94")).await.expect(200).json()["entry"][0]["resource"].clone();
    assert_eq!(loser["active"], false);
    assert_eq!(loser["link"][0]["type"], "replaced-by");
    let survivor = site.get(&path("IHERED-994")).await.expect(200).names();
    assert_eq!(loser["link"][0]["other"]["reference"], survivor[0]);
    assert_eq!(loser["link"][0]["other"]["identifier"]["value"], "IHERED-994", "what came stays");
    site.stop();
}

/// The merge comes before the survivor: the survivor is who comes later with that number.
#[tokio::test]
async fn a_merge_may_come_before_its_survivor() {
    let site = Site::new();
    site.write(GP, "PUT", &path("2"), &replaced("2", "1")).await.expect(201);
    site.write(GP, "PUT", &path("1"), &alice("1", "ALICE")).await.expect(200);
    let pix = site.get(&format!("/Patient/$ihe-pix?sourceIdentifier={DOMAIN}%7C2")).await.expect(200).json();
    assert_eq!(pix["parameter"][0]["valueIdentifier"]["value"], "1");
    site.stop();
}

/// Removed: the number leads nowhere any more.
#[tokio::test]
async fn a_removed_patient_is_not_found_by_its_number() {
    let site = Site::new();
    let made = site.write(GP, "PUT", &path("1"), &alice("1", "ALICE")).await.expect(201);
    site.write(HOSPITAL, "DELETE", &path("1"), &Value::Null).await.expect(404);
    site.write(GP, "DELETE", &path("1"), &Value::Null).await.expect(204);
    assert!(site.get(&path("1")).await.expect(200).names().is_empty());
    let pix = site.get(&format!("/Patient/$ihe-pix?sourceIdentifier={DOMAIN}%7C1")).await.expect(404);
    assert_eq!(pix.issue().0, "not-found");
    let address = made.header("location").strip_prefix(BASE).unwrap().split("/_history").next().unwrap().to_owned();
    site.get(&address).await.expect(410);
    site.write(GP, "DELETE", &path("1"), &Value::Null).await.expect(404);
    for bad in ["/Patient?identifier=1", "/Patient?identifier=x%7C", "/Patient?family=MOHR"] {
        site.write(GP, "DELETE", bad, &Value::Null).await.expect(400);
    }
    site.stop();
}

/// Who has no feed of its own tells nothing.
#[tokio::test]
async fn only_a_source_feeds() {
    let site = Site::new();
    site.write(crate::support::READER, "PUT", &path("1"), &alice("1", "ALICE")).await.expect(403);
    site.write("nobody's", "PUT", &path("1"), &alice("1", "ALICE")).await.expect(401);
    site.write(GP, "PUT", "/Patient?family=MOHR", &alice("1", "ALICE")).await.expect(405);
    site.stop();
}
