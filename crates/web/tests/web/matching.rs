//! Who is meant (FHIR `$match`; IHE PDQm, ITI-119)?

use crate::support::{Answer, GP, HOSPITAL, READER, Site};
use axum::body::Body;
use serde_json::{Value, json};

const NHS: &str = "9000000009";
const NHS_SYSTEM: &str = "https://fhir.nhs.uk/Id/nhs-number";
const GRADE: &str = "http://hl7.org/fhir/StructureDefinition/match-grade";

async fn ask(site: &Site, body: &Value) -> Answer {
    let bearer = format!("Bearer {READER}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/fhir+json")];
    site.send("POST", "/Patient/$match", &headers, Body::from(body.to_string())).await
}

fn asked(patient: &Value, more: &[Value]) -> Value {
    let mut parameters = vec![json!({"name": "resource", "resource": patient})];
    parameters.extend_from_slice(more);
    json!({"resourceType": "Parameters", "parameter": parameters})
}

fn someone(family: &str, given: &str, birth: &str) -> Value {
    json!({"resourceType": "Patient", "name": [{"family": family, "given": [given]}], "birthDate": birth})
}

/// Id, grade and score of each match.
fn matches(answer: &Answer) -> Vec<(String, String, f64)> {
    let bundle = answer.json();
    assert_eq!((&bundle["resourceType"], &bundle["type"]), (&json!("Bundle"), &json!("searchset")));
    let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
    let found = entries.iter().filter(|entry| entry["search"]["mode"] == "match");
    found
        .map(|entry| {
            let extension = &entry["search"]["extension"][0];
            assert_eq!(extension["url"], GRADE);
            let grade = extension["valueCode"].as_str().unwrap().to_owned();
            (entry["resource"]["id"].as_str().unwrap().to_owned(), grade, entry["search"]["score"].as_f64().unwrap())
        })
        .collect()
}

/// A traced number with the birth date and a name is certain; so is every patient of that person who says the same.
#[tokio::test]
async fn a_traced_number_with_birth_date_and_name_is_certain() {
    let site = Site::new();
    let (practice, hospital) = (site.patient(GP, "p1", NHS, &[]).await, site.patient(HOSPITAL, "h1", NHS, &[]).await);
    let mut who = someone("o'brien", "ZOE", "1950-02-03");
    who["identifier"] = json!([{"system": NHS_SYSTEM, "value": "900 000 0009"}]);
    let found = matches(&ask(&site, &asked(&who, &[])).await.expect(200));
    let ids: Vec<&str> = found.iter().map(|(id, ..)| id.as_str()).collect();
    assert!(ids.contains(&practice.as_str()) && ids.contains(&hospital.as_str()));
    assert!(found.iter().all(|(_, grade, score)| grade == "certain" && (0.9..=1.0).contains(score)), "{found:?}");
    let certain = [json!({"name": "onlyCertainMatches", "valueBoolean": true})];
    assert_eq!(matches(&ask(&site, &asked(&who, &certain)).await.expect(200)).len(), 2);
    // The Patient alone is the same as Parameters with it.
    assert_eq!(matches(&ask(&site, &who).await.expect(200)), found);
    // The number with somebody else's name and birth date is not.
    let mut other = someone("Khan", "Bilal", "1988-05-06");
    other["identifier"] = who["identifier"].clone();
    let found = matches(&ask(&site, &asked(&other, &[])).await.expect(200));
    assert!(found.iter().all(|(_, grade, _)| grade == "possible"), "{found:?}");
    assert!(matches(&ask(&site, &asked(&other, &certain)).await.expect(200)).is_empty());
    site.stop();
}

/// Name and birth date make it likely; two people of one name and birth date make it a question.
#[tokio::test]
async fn a_name_and_birth_date_is_likely_unless_it_is_two_peoples() {
    let site = Site::new();
    site.patient(GP, "p1", NHS, &[]).await;
    let who = someone("O'Brien", "Zoë", "1950-02-03");
    let found = matches(&ask(&site, &asked(&who, &[])).await.expect(200));
    assert!(matches!(found.as_slice(), [(_, grade, score)] if grade == "probable" && *score < 0.95), "{found:?}");
    let certain = [json!({"name": "onlyCertainMatches", "valueBoolean": true})];
    assert!(matches(&ask(&site, &asked(&who, &certain)).await.expect(200)).is_empty());
    site.patient(GP, "p2", "9000000017", &[]).await;
    let found = matches(&ask(&site, &asked(&who, &[])).await.expect(200));
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|(_, grade, _)| grade == "possible"), "{found:?}");
    let one = [json!({"name": "count", "valueInteger": 1})];
    let cut = ask(&site, &asked(&who, &one)).await.expect(200);
    assert_eq!(matches(&cut).len(), 1);
    assert_eq!(cut.json()["entry"][1]["resource"]["resourceType"], "OperationOutcome", "that more were found is said");
    site.stop();
}

#[tokio::test]
async fn nobody_is_an_empty_answer() {
    let site = Site::new();
    let none = ask(&site, &asked(&someone("Nobody", "Here", "1950-02-03"), &[])).await.expect(200).json();
    assert_eq!(none["total"], 0);
    assert!(none.get("entry").is_none());
    site.stop();
}

/// A restricted person's postcode makes nobody likelier.
#[tokio::test]
async fn a_restricted_postcode_is_no_evidence() {
    let site = Site::new();
    let restricted = json!({"resourceType": "Patient", "id": "r", "birthDate": "1950-02-03", "meta": {"security": [{"code": "R"}]},
        "name": [{"family": "Hall", "given": ["Lucy"]}], "address": [{"postalCode": "M1 1AE"}]});
    site.write(GP, "PUT", "/Patient/r", &restricted).await.expect(201);
    let mut scores = Vec::new();
    for postcode in ["M1 1AE", "ZZ9 9ZZ"] {
        let mut who = someone("Hall", "Lucy", "1950-02-03");
        who["address"] = json!([{"postalCode": postcode}]);
        let answer = ask(&site, &asked(&who, &[])).await.expect(200);
        assert!(!String::from_utf8_lossy(&answer.body).contains("M1 1AE"));
        scores.push(matches(&answer));
    }
    assert_eq!(scores[0], scores[1]);
    site.stop();
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused_with_its_place() {
    let site = Site::new();
    let who = someone("O'Brien", "Zoë", "1950-02-03");
    let count = |value: Value| {
        let mut parameter = json!({"name": "count"});
        parameter.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
        asked(&who, &[parameter])
    };
    let second = "Parameters.parameter[1]";
    for (body, code, place) in [
        (json!({"resourceType": "Parameters"}), "required", "Parameters.parameter"),
        (asked(&json!({"resourceType": "Person"}), &[]), "invalid", "Parameters.parameter[0]"),
        (json!({"resourceType": "Person"}), "invalid", "Person"),
        (asked(&who, &[json!({"name": "resource", "resource": who})]), "invalid", second),
        (asked(&json!({"resourceType": "Patient", "gender": "male"}), &[]), "required", "Parameters.parameter[0]"),
        (json!({"resourceType": "Patient", "birthDate": "1950-02-03"}), "required", "Patient"),
        (count(json!({"valueInteger": 0})), "value", second),
        (count(json!({"valueInteger": -1})), "value", second),
        (count(json!({"valueInteger": 99999999999u64})), "value", second),
        (count(json!({"valueString": "many"})), "value", second),
        (asked(&who, &[json!({"name": "onlyCertainMatches", "valueString": "perhaps"})]), "value", second),
        (asked(&who, &[json!({"name": "limit", "valueInteger": 1})]), "not-supported", second),
    ] {
        let refused = ask(&site, &body).await.expect(400);
        assert_eq!(refused.issue(), (code.to_owned(), place.to_owned()), "{body}");
        assert!(!refused.json().to_string().contains("Brien"));
    }
    ask(&site, &count(json!({"valueInteger": 2000000000}))).await.expect(200);
    site.get("/Patient/$match").await.expect(405);
    site.stop();
}

/// Each whom an answer tells of has it in their own trail; who might have been meant and is not told has not.
#[tokio::test]
async fn whom_a_match_tells_of_is_on_record() {
    let site = Site::new();
    let (one, other) = (site.patient(GP, "p1", NHS, &[]).await, site.patient(GP, "p2", "9000000017", &[]).await);
    let who = someone("O'Brien", "Zoë", "1950-02-03");
    let certain = json!({"name": "onlyCertainMatches", "valueBoolean": true});
    let first = json!({"name": "count", "valueInteger": 1});
    for (more, told) in [(vec![], 2), (vec![first], 1), (vec![certain], 0)] {
        let before = site.audited().len() as u64;
        let found = matches(&ask(&site, &asked(&who, &more)).await.expect(200));
        assert_eq!(found.len(), told, "{more:?}");
        let mut expected: Vec<_> = found.iter().map(|(id, ..)| ("found".to_owned(), Some(site.person(id)))).collect();
        expected.push(("find-people".to_owned(), None));
        let mut entries = site.audited_since(before);
        entries.sort();
        expected.sort();
        assert_eq!(entries, expected, "{more:?}");
    }
    assert_ne!(site.person(&one), site.person(&other));
    site.stop();
}
