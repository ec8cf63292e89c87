//! Finding people by what is known of them (IHE PDQm, ITI-78).

use crate::support::{GP, HOSPITAL, READER, Site, verified};
use axum::body::Body;
use serde_json::{Value, json};

const NHS_SYSTEM: &str = "https://fhir.nhs.uk/Id/nhs-number";

/// Two women of one family name, and a man who is no longer in use.
async fn family() -> Site {
    let site = Site::new();
    for (own, given, birth, gender, maiden) in [
        ("a", "Ann", "1950-02-03", "female", "O'Neill"),
        ("b", "Bea", "1951-04-05", "female", "Grant"),
        ("c", "Carl", "1952-06-07", "male", "Grant"),
    ] {
        let mut patient = json!({"resourceType": "Patient", "id": own, "gender": gender, "birthDate": birth,
            "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName", "valueString": maiden}],
            "name": [{"family": "Smithson", "given": [given]}], "telecom": [{"system": "phone", "value": format!("07700 90010{own}")}],
            "address": [{"line": ["1 Mill Lane"], "city": "Leeds", "state": "Yorkshire", "country": "GB", "postalCode": "LS1 1AA"}],
            "identifier": [{"system": "urn:oid:1.2.3", "value": own}, {"system": "urn:oid:4.5.6", "value": format!("x{own}")}]});
        if own == "c" {
            patient["active"] = json!(false);
        }
        site.write(GP, "PUT", &format!("/Patient/{own}"), &patient).await.expect(201);
    }
    site
}

fn givens(bundle: &Value) -> Vec<String> {
    let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
    let mut givens: Vec<String> = entries
        .iter()
        .filter_map(|entry| entry["resource"]["name"][0]["given"][0].as_str().map(str::to_owned))
        .collect();
    givens.sort();
    givens
}

/// Every criterion of the profile narrows what an index finds; GET and POST say the same.
#[tokio::test]
async fn all_criteria_together() {
    let site = family().await;
    for (more, expected) in [
        ("", &["Ann", "Bea", "Carl"][..]),
        ("&active=true", &["Ann", "Bea"]),
        ("&active=false", &["Carl"]),
        ("&gender=female", &["Ann", "Bea"]),
        ("&given=be", &["Bea"]),
        ("&given:exact=Ann", &["Ann"]),
        ("&given:exact=ann", &[]),
        ("&given:contains=ar", &["Carl"]),
        ("&birthdate=1950-02-03", &["Ann"]),
        ("&birthdate=ge1951-01-01", &["Bea", "Carl"]),
        ("&telecom=07700%2090010b", &["Bea"]),
        ("&address=1%20mill", &["Ann", "Bea", "Carl"]),
        ("&address:contains=lane", &["Ann", "Bea", "Carl"]),
        ("&address-city=leeds&address-state=york&address-country=GB", &["Ann", "Bea", "Carl"]),
        ("&address-city=hull", &[]),
        ("&address-postalcode=LS1", &["Ann", "Bea", "Carl"]),
        ("&mothersMaidenName=grant", &["Bea", "Carl"]),
        ("&mothersMaidenName=one", &["Ann"]),
        ("&mothersMaidenName:exact=O'Neill", &["Ann"]),
        ("&mothersMaidenName:exact=o'neill", &[]),
        ("&mothersMaidenName:contains=ran,neill", &["Ann", "Bea", "Carl"]),
        ("&identifier=urn:oid:1.2.3%7Ca", &["Ann"]),
        ("&identifier=urn:oid:1.2.3%7Ca&identifier=urn:oid:4.5.6%7Cxa", &["Ann"]),
        ("&identifier=urn:oid:1.2.3%7Ca&identifier=urn:oid:4.5.6%7Cxb", &[]),
        ("&identifier=urn:oid:1.2.3%7Ca,urn:oid:4.5.6%7Cxb", &["Ann", "Bea"]),
    ] {
        let found = site.get(&format!("/Patient?family=smithson{more}")).await.expect(200).json();
        assert_eq!(givens(&found), expected, "{more}");
        assert_eq!(found["total"], expected.len(), "{more}");
        let bearer = format!("Bearer {READER}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/x-www-form-urlencoded")];
        let form = format!("family=smithson{more}");
        let posted = site.send("POST", "/Patient/_search", &headers, Body::from(form)).await.expect(200).json();
        assert_eq!(givens(&posted), expected, "POST {more}");
    }
    site.stop();
}

/// Only the numbers of one domain are wanted: the others are not told.
#[tokio::test]
async fn identifiers_of_the_domains_asked_for_alone() {
    let site = family().await;
    let systems = |bundle: &Value| -> Vec<String> {
        let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
        let identifiers = entries.iter().flat_map(|entry| entry["resource"]["identifier"].as_array().cloned().unwrap());
        identifiers.map(|identifier| identifier["system"].as_str().unwrap().to_owned()).collect()
    };
    let one = site.get("/Patient?family=smithson&identifier=urn:oid:1.2.3%7C").await.expect(200).json();
    assert_eq!(systems(&one), ["urn:oid:1.2.3"; 3]);
    let both =
        site.get("/Patient?family=smithson&identifier=urn:oid:1.2.3%7C,urn:oid:4.5.6%7C").await.expect(200).json();
    assert_eq!(systems(&both).len(), 6);
    // Nobody of them has an NHS number, which is no unknown domain.
    let path = format!("/Patient?family=smithson&identifier={NHS_SYSTEM}%7C");
    assert_eq!(site.get(&path).await.expect(200).json()["total"], 0);
    // Page by page too, and the next page as it was.
    let first = site
        .get("/Patient?family=smithson&identifier=urn:oid:1.2.3%7C&mothersMaidenName=grant&_count=1")
        .await
        .expect(200);
    assert_eq!(systems(&first.json()), ["urn:oid:1.2.3"]);
    let next = site.get(&first.link("next").unwrap()).await.expect(200).json();
    assert_eq!((systems(&next), &next["total"]), (vec!["urn:oid:1.2.3".to_owned()], &json!(2)));
    site.stop();
}

/// A domain that nobody here has numbers of (2:3.78.4.1.3, case 4).
#[tokio::test]
async fn an_unknown_domain_is_not_found() {
    let site = family().await;
    for domains in ["urn:no%7C", "urn:oid:1.2.3%7C,urn:no%7C"] {
        let refused = site.get(&format!("/Patient?family=smithson&identifier={domains}")).await.expect(404).json();
        let issue = &refused["issue"][0];
        assert_eq!((&issue["severity"], &issue["code"]), (&json!("warning"), &json!("not-found")));
        assert_eq!(issue["diagnostics"], "targetSystem not found");
    }
    site.stop();
}

/// What would mean reading everybody is refused, and it is said what would help.
#[tokio::test]
async fn what_no_index_serves_is_refused_with_advice() {
    let site = family().await;
    for query in [
        "gender=female",
        "active=true",
        "mothersMaidenName=grant",
        "family:contains=mith",
        "telecom=1",
        "identifier=urn:oid:1.2.3%7C",
    ] {
        let refused = site.get(&format!("/Patient?{query}")).await.expect(400);
        assert_eq!(refused.issue().0, "too-costly", "{query}");
        assert!(refused.json()["issue"][0]["diagnostics"].as_str().unwrap().contains("birth date"));
    }
    site.get("/Patient?family=smithson&mothersMaidenName:soundex=x").await.expect(400);
    site.get("/Patient?family=smithson&_format=xml").await.expect(406);
    site.stop();
}

/// That somebody looked is on record, with each whom it showed, in their own trail, and nobody else.
#[tokio::test]
async fn a_search_is_on_record_with_whom_it_showed() {
    let site = family().await;
    let shown = |bundle: &Value| -> Vec<fhir::PersonKey> {
        let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
        let ids = entries.iter().map(|entry| entry["resource"]["id"].as_str().unwrap().to_owned());
        let mut people: Vec<_> = ids.map(|id| site.person(&id)).collect();
        people.sort();
        people
    };
    for (query, count) in [
        // What the indexes decide, and what is found out from what they find.
        ("family=smithson", 3),
        ("family=smithson&birthdate=1950-02-03", 1),
        ("family=smithson&gender=female", 2),
        ("family=smithson&active=true", 2),
        ("family=smithson&birthdate=ge1951-01-01", 2),
        ("family=smithson&mothersMaidenName=grant&given=carl", 1),
        ("identifier=urn:oid:1.2.3%7Ca", 1),
        ("family=smithson&address-city=hull", 0),
        ("family=nobody", 0),
    ] {
        let before = site.audited().len() as u64;
        let bundle = site.get(&format!("/Patient?{query}")).await.expect(200).json();
        let people = shown(&bundle);
        assert_eq!(people.len(), count, "{query}");
        let entries = site.audited_since(before);
        assert_eq!(entries.first(), Some(&("find-people".to_owned(), None)), "{query}");
        let mut found: Vec<_> = entries.into_iter().skip(1).collect();
        found.sort();
        let expected: Vec<_> = people.into_iter().map(|person| ("found".to_owned(), Some(person))).collect();
        assert_eq!(found, expected, "{query}");
    }
    site.stop();
}

/// Whose whereabouts one source restricts is not shown to who asks for the postcode that another tells, and was not found by it.
#[tokio::test]
async fn a_restricted_person_was_not_found_by_a_postcode() {
    const NHS: &str = "9000000009";
    let site = Site::new();
    site.patient(HOSPITAL, "h1", NHS, &[]).await;
    site.patient(HOSPITAL, "h2", "9000000017", &[]).await;
    let restricted = json!({"resourceType": "Patient", "id": "p1", "birthDate": "1950-02-03", "gender": "female",
        "meta": {"security": [{"code": "R"}]}, "name": [{"family": "O'Brien", "given": ["Zoë"]}], "identifier": [verified(NHS)]});
    site.write(GP, "PUT", "/Patient/p1", &restricted).await.expect(201);
    for (query, patients, people) in
        [("", 3, 2), ("&birthdate=1950-02-03", 3, 2), ("&address-postalcode=M1%201AE", 1, 1)]
    {
        let before = site.audited().len() as u64;
        let found = site.get(&format!("/Patient?family=obrien{query}")).await.expect(200).json();
        assert_eq!(found["total"], patients, "{query}");
        let told = found["entry"].as_array().unwrap().iter().filter(|entry| !entry["resource"]["address"].is_null());
        assert_eq!(told.count(), 1, "of the other alone: {query}");
        let entries = site.audited_since(before);
        assert_eq!(entries.iter().filter(|(action, _)| action == "found").count(), people, "{query}");
    }
    site.stop();
}

/// Whoever asks and is given nothing asked all the same.
#[tokio::test]
async fn a_search_that_comes_to_nothing_is_on_record() {
    let site = family().await;
    let before = site.audited().len() as u64;
    site.get("/Patient?family=smithson&identifier=urn:no%7C").await.expect(404);
    // Nothing waited for that entry.
    for _ in 0..1000 {
        if !site.audited_since(before).is_empty() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(site.audited_since(before), [("find-people".to_owned(), None)]);
    site.stop();
}
