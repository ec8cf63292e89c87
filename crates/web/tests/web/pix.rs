//! By what other identifiers is somebody known (IHE PIXm, ITI-83)?

use crate::support::{ADMINISTRATOR, Answer, BASE, GP, HOSPITAL, READER, Site};
use axum::body::Body;
use serde_json::{Value, json};

const NHS: &str = "9000000009";
const NHS_SYSTEM: &str = "https://fhir.nhs.uk/Id/nhs-number";

fn ask(source: &str, targets: &[&str]) -> String {
    let mut path = format!("/Patient/$ihe-pix?sourceIdentifier={}", source.replace('|', "%7C"));
    for target in targets {
        path.push_str(&format!("&targetSystem={target}"));
    }
    path
}

/// `system|value` of each target identifier, and the ids of each target patient.
fn targets(answer: &Answer) -> (Vec<String>, Vec<String>) {
    let parameters = answer.json();
    assert_eq!(parameters["resourceType"], "Parameters");
    let (mut identifiers, mut ids) = (Vec::new(), Vec::new());
    for parameter in parameters["parameter"].as_array().into_iter().flatten() {
        match parameter["name"].as_str().unwrap() {
            "targetIdentifier" => identifiers.push(format!(
                "{}|{}",
                parameter["valueIdentifier"]["system"].as_str().unwrap(),
                parameter["valueIdentifier"]["value"].as_str().unwrap()
            )),
            "targetId" => ids.push(parameter["valueReference"]["reference"].as_str().unwrap().to_owned()),
            other => panic!("{other}"),
        }
    }
    identifiers.sort();
    (identifiers, ids)
}

/// One person, three systems: the number in one leads to those in the others.
#[tokio::test]
async fn a_number_leads_to_the_persons_other_numbers() {
    let site = Site::new();
    let practice = site.patient(GP, "p1", NHS, &[]).await;
    let hospital = hospital_patient(&site, "RHM-1", NHS).await;
    let all = site.get(&ask("https://own.example/id|p1", &[])).await.expect(200);
    let (identifiers, ids) = targets(&all);
    assert_eq!(identifiers, [format!("{NHS_SYSTEM}|{NHS}"), "urn:oid:1.2.3|RHM-1".to_owned()]);
    assert_eq!(ids, [format!("Patient/{practice}"), format!("Patient/{hospital}")]);
    assert!(!String::from_utf8_lossy(&all.body).contains("own.example"), "what was asked with is not repeated");
    // Only from one domain, or from several.
    let (identifiers, ids) =
        targets(&site.get(&ask("https://own.example/id|p1", &["urn:oid:1.2.3"])).await.expect(200));
    assert_eq!((identifiers, ids), (vec!["urn:oid:1.2.3|RHM-1".to_owned()], vec![format!("Patient/{hospital}")]));
    let both = site.get(&ask("https://own.example/id|p1", &["urn:oid:1.2.3", NHS_SYSTEM])).await.expect(200);
    assert_eq!(targets(&both).0.len(), 2);
    // With the NHS number, however it is written.
    let spaced = site.get(&ask(&format!("{NHS_SYSTEM}|900%20000%200009"), &[])).await.expect(200);
    assert_eq!(targets(&spaced).0, ["https://own.example/id|p1", "urn:oid:1.2.3|RHM-1"]);
    // With one of our own resources, and for our own resources alone.
    let ours = site.get(&ask(&format!("{BASE}|Patient/{practice}"), &[])).await.expect(200);
    assert_eq!(targets(&ours).0.len(), 3);
    assert_eq!(targets(&ours).1, [format!("Patient/{hospital}")]);
    let (identifiers, ids) = targets(&site.get(&ask("urn:oid:1.2.3|RHM-1", &[BASE])).await.expect(200));
    assert_eq!((identifiers.len(), ids.len()), (0, 2));
    site.stop();
}

async fn hospital_patient(site: &Site, number: &str, nhs: &str) -> String {
    let patient = json!({"resourceType": "Patient", "id": number, "birthDate": "1950-02-03", "name": [{"family": "O'Brien"}],
        "identifier": [{"system": "urn:oid:1.2.3", "value": number}, verified(nhs)]});
    let made = site.write(HOSPITAL, "PUT", &format!("/Patient/{number}"), &patient).await.expect(201);
    made.header("location").strip_prefix(BASE).unwrap().split('/').nth(2).unwrap().to_owned()
}

fn verified(nhs: &str) -> Value {
    json!({"system": NHS_SYSTEM, "value": nhs, "extension": [{
        "url": "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus",
        "valueCodeableConcept": {"coding": [{"code": "01"}]}}]})
}

/// Nobody else knows this person: nothing is told, and that is no error.
#[tokio::test]
async fn nobody_elses_number_is_an_empty_answer() {
    let site = Site::new();
    let alone = json!({"resourceType": "Patient", "id": "a", "identifier": [{"system": "urn:oid:9", "value": "a"}]});
    site.write(GP, "PUT", "/Patient/a", &alone).await.expect(201);
    let empty = site.get(&ask("urn:oid:9|a", &[])).await.expect(200).json();
    assert_eq!(empty, json!({"resourceType": "Parameters"}));
    let none = site.get(&ask("urn:oid:9|a", &[NHS_SYSTEM])).await.expect(200).json();
    assert_eq!(none, json!({"resourceType": "Parameters"}));
    site.stop();
}

/// The answers to what cannot be answered, as the profile words them (2:3.83.4.2.2.2 to 4).
#[tokio::test]
async fn each_error_is_told_as_the_profile_has_it() {
    let site = Site::new();
    site.patient(GP, "p1", NHS, &[]).await;
    let told = |answer: &Answer| {
        let issue = answer.json()["issue"][0].clone();
        (issue["code"].as_str().unwrap().to_owned(), issue["diagnostics"].as_str().unwrap().to_owned())
    };
    for (path, status, code, text) in [
        (ask("https://own.example/id|none", &[]), 404, "not-found", "sourceIdentifier Patient Identifier not found"),
        (ask("urn:nowhere|p1", &[]), 400, "code-invalid", "sourceIdentifier Assigning Authority not found"),
        (ask("https://own.example/id|p1", &[NHS_SYSTEM, "urn:no"]), 403, "code-invalid", "targetSystem not found"),
        (ask(&format!("{BASE}|Patient/none"), &[]), 404, "not-found", "sourceIdentifier Patient Identifier not found"),
    ] {
        let refused = site.get(&path).await.expect(status);
        assert_eq!(told(&refused), (code.to_owned(), text.to_owned()), "{path}");
    }
    for (path, code) in [
        ("/Patient/$ihe-pix".to_owned(), "required"),
        (ask("p1", &[]), "value"),
        (ask("|p1", &[]), "value"),
        (ask("https://own.example/id|", &[]), "value"),
        (ask("https://own.example/id|p1", &[""]), "value"),
        (format!("{}&sourceIdentifier=a%7Cb", ask("https://own.example/id|p1", &[])), "invalid"),
        (format!("{}&family=x", ask("https://own.example/id|p1", &[])), "not-supported"),
    ] {
        let refused = site.get(&path).await.expect(400);
        assert_eq!(refused.issue().0, code, "{path}");
        assert!(!refused.json().to_string().contains("p1"), "no identifier is repeated");
    }
    site.get(&format!("{}&_format=xml", ask("https://own.example/id|p1", &[]))).await.expect(406);
    site.get("/Patient/x/$ihe-pix").await.expect(404);
    site.write(GP, "PUT", "/Patient/$ihe-pix", &json!({})).await.expect(405);
    site.stop();
}

/// POST, as Parameters and as a form.
#[tokio::test]
async fn it_can_be_asked_in_a_body() {
    let site = Site::new();
    site.patient(GP, "p1", NHS, &[]).await;
    let bearer = format!("Bearer {READER}");
    let post = async |kind: &str, body: String| {
        let headers = [("authorization", bearer.as_str()), ("content-type", kind)];
        site.send("POST", "/Patient/$ihe-pix", &headers, Body::from(body)).await
    };
    let json = "application/fhir+json";
    for source in [
        json!({"name": "sourceIdentifier", "valueString": "https://own.example/id|p1"}),
        json!({"name": "sourceIdentifier", "valueIdentifier": {"system": "https://own.example/id", "value": "p1"}}),
    ] {
        let target = json!({"name": "targetSystem", "valueUri": NHS_SYSTEM});
        let body = json!({"resourceType": "Parameters", "parameter": [source, target]});
        let answer = post(json, body.to_string()).await.expect(200);
        assert_eq!(targets(&answer).0, [format!("{NHS_SYSTEM}|{NHS}")]);
    }
    let form = "sourceIdentifier=https%3A%2F%2Fown.example%2Fid%7Cp1&targetSystem=urn:no";
    assert_eq!(post("application/x-www-form-urlencoded", form.into()).await.expect(403).issue().0, "code-invalid");
    for bad in [
        "{",
        "[]",
        r#"{"resourceType":"Patient"}"#,
        r#"{"resourceType":"Parameters","parameter":[{"name":"sourceIdentifier","valueInteger":1}]}"#,
    ] {
        post(json, bad.into()).await.expect(400);
    }
    post("text/plain", "x".into()).await.expect(415);
    site.stop();
}

/// The hospital merged the number away: asked with the old number or the new, the survivor answers, and the old number is
/// told to nobody.
#[tokio::test]
async fn a_merged_number_answers_for_the_survivor() {
    let site = Site::new();
    site.patient(GP, "p1", NHS, &[]).await;
    hospital_patient(&site, "RHM-1", NHS).await;
    let merged = json!({"resourceType": "Patient", "id": "RHM-2", "active": false, "identifier": [{"system": "urn:oid:1.2.3", "value": "RHM-2"}],
        "link": [{"other": {"identifier": {"system": "urn:oid:1.2.3", "value": "RHM-1"}}, "type": "replaced-by"}]});
    site.write(HOSPITAL, "PUT", "/Patient?identifier=urn:oid:1.2.3%7CRHM-2", &merged).await.expect(201);
    let (identifiers, _) = targets(&site.get(&ask("urn:oid:1.2.3|RHM-2", &[])).await.expect(200));
    let expected = [format!("{NHS_SYSTEM}|{NHS}"), "https://own.example/id|p1".into(), "urn:oid:1.2.3|RHM-1".into()];
    assert_eq!(identifiers, expected);
    let (identifiers, _) = targets(&site.get(&ask("https://own.example/id|p1", &[])).await.expect(200));
    assert!(!identifiers.iter().any(|identifier| identifier.ends_with("RHM-2")), "{identifiers:?}");
    site.stop();
}

/// Of somebody whose whereabouts are restricted, the practice's numbers are not told, nor that there are any.
#[tokio::test]
async fn the_practice_of_a_restricted_person_is_not_told() {
    let site = Site::with_profiles(&[
        "source = \"gp\"\nname = \"Harbour Street Surgery\"\nkind = \"gp\"\n",
        "source = \"hospital\"\nname = \"hospital\"\n",
    ]);
    site.patient(GP, "p1", NHS, &[]).await;
    let restricted = json!({"resourceType": "Patient", "id": "RHM-1", "birthDate": "1950-02-03", "meta": {"security": [{"code": "R"}]},
        "identifier": [{"system": "urn:oid:1.2.3", "value": "RHM-1"}, verified(NHS)]});
    site.write(HOSPITAL, "PUT", "/Patient/RHM-1", &restricted).await.expect(201);
    for targets_asked in [&[][..], &["https://own.example/id"]] {
        let answer = site.get(&ask("urn:oid:1.2.3|RHM-1", targets_asked)).await.expect(200);
        let (identifiers, ids) = targets(&answer);
        assert!(!identifiers.iter().any(|identifier| identifier.contains("own.example")), "{identifiers:?}");
        assert!(ids.len() <= 1, "the practice's patient is not told either");
    }
    site.stop();
}

/// One number, two people: neither is told to be the other.
#[tokio::test]
async fn a_number_of_two_people_is_nobodys() {
    let site = Site::new();
    for (own, birth) in [("a", "1950-02-03"), ("b", "1988-05-06")] {
        let patient = json!({"resourceType": "Patient", "id": own, "birthDate": birth, "name": [{"family": own, "given": [own]}],
            "identifier": [{"system": "urn:shared", "value": "1"}, {"system": "urn:own", "value": own}]});
        site.write(GP, "PUT", &format!("/Patient/{own}"), &patient).await.expect(201);
    }
    assert_eq!(site.get(&ask("urn:shared|1", &[])).await.expect(409).issue().0, "multiple-matches");
    assert_eq!(targets(&site.get(&ask("urn:own|a", &[])).await.expect(200)).0, ["urn:shared|1"]);
    site.stop();
}

/// Whoever asks is on record; whoever runs the systems does not ask.
#[tokio::test]
async fn every_question_is_on_record() {
    let site = Site::new();
    site.patient(GP, "p1", NHS, &[]).await;
    let before = site.audited().len();
    site.get(&ask("https://own.example/id|p1", &[NHS_SYSTEM])).await.expect(200);
    site.get(&ask("https://own.example/id|nobody", &[])).await.expect(404);
    let entries = site.audited().split_off(before);
    assert_eq!(entries.len(), 3, "one for finding and one for the person; one for finding nobody");
    assert!(entries.iter().all(|entry| entry.contains("cross-reference") && entry.contains("ITI-83")));
    assert!(entries.iter().all(|entry| !entry.contains("p1\"") && !entry.contains(NHS)), "no identifier is kept");
    let bearer = format!("Bearer {ADMINISTRATOR}");
    let path = ask("https://own.example/id|p1", &[]);
    site.send("GET", &path, &[("authorization", &bearer)], Body::empty()).await.expect(403);
    let bearer = format!("Bearer {GP}");
    site.send("GET", &path, &[("authorization", &bearer)], Body::empty()).await.expect(403);
    site.send("GET", &path, &[], Body::empty()).await.expect(401);
    site.stop();
}
