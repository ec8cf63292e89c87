//! What a reading system gets.

use crate::support::{ADMINISTRATOR, BASE, GP, HOSPITAL, READER, Site, put, result};
use serde_json::{Value, json};

const NHS: &str = "9000000009";

/// A person known to a practice and a hospital, with results from both.
async fn two_sources() -> (Site, String, String) {
    let site = Site::new();
    let condition = json!({"resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/p1"},
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "44054006"}]}, "onsetDateTime": "2001-05-01"});
    let practice = site.patient(GP, "p1", NHS, &[result("o1", "p1", "2339-0", 5.4, "2024-01-10"), condition]).await;
    site.later(3600);
    let results: Vec<Value> = (0..5)
        .map(|n| result(&format!("h{n}"), "x9", "2339-0", 6.0 + f64::from(n), &format!("2024-03-1{n}")))
        .collect();
    let hospital = site.patient(HOSPITAL, "x9", NHS, &results).await;
    assert_ne!(practice, hospital);
    (site, practice, hospital)
}

#[tokio::test]
async fn metadata_needs_no_token_and_lists_the_parameters() {
    let site = Site::new();
    let answer = site.send("GET", "/metadata", &[], "").await.expect(200);
    assert_eq!(answer.header("content-type"), "application/fhir+json; charset=utf-8");
    let statement = answer.json();
    assert_eq!((&statement["fhirVersion"], &statement["implementation"]["url"]), (&json!("4.0.1"), &json!(BASE)));
    site.stop();
}

#[tokio::test]
async fn either_patient_opens_the_whole_persons_record() {
    let (site, practice, hospital) = two_sources().await;
    let mut both = Vec::new();
    for id in [&practice, &hospital] {
        let answer = site.get(&format!("/Patient/{id}/$everything")).await.expect(200);
        let mut names = answer.names();
        names.sort();
        assert_eq!(names.len(), 9);
        assert_eq!(answer.json()["total"], 9);
        both.push(names);
    }
    assert_eq!(both[0], both[1]);
    let urls = site.get(&format!("/Patient/{practice}/$everything")).await.json();
    let urls: std::collections::HashSet<&str> =
        urls["entry"].as_array().unwrap().iter().map(|e| e["fullUrl"].as_str().unwrap()).collect();
    assert_eq!(urls.len(), 9, "every fullUrl is its own");
    assert!(urls.iter().all(|url| url.starts_with(BASE)));
    site.stop();
}

#[tokio::test]
async fn everything_is_narrowed_by_type_since_and_care_dates_and_paged() {
    let (site, practice, _) = two_sources().await;
    let path = |rest: &str| format!("/Patient/{practice}/$everything{rest}");
    assert_eq!(site.get(&path("?_type=Condition,Observation")).await.names().len(), 7);
    assert_eq!(site.get(&path("?_since=2024-07-01T12:30:00Z")).await.names().len(), 6, "what the hospital sent later");
    let names = site.get(&path("?start=2024-03-11&end=2024-03-12")).await.names();
    assert_eq!(names.iter().filter(|name| name.starts_with("Observation")).count(), 2);
    assert_eq!(names.iter().filter(|name| name.starts_with("Condition")).count(), 1, "it began long ago and goes on");
    assert_eq!(names.iter().filter(|name| name.starts_with("Patient")).count(), 2);
    let mut seen = Vec::new();
    let mut next = Some(path("?_count=4"));
    while let Some(path) = next {
        let page = site.get(&path).await.expect(200);
        assert!(page.names().len() <= 4);
        seen.extend(page.names());
        next = page.link("next");
    }
    let whole = site.get(&path("")).await.names();
    assert_eq!(seen, whole, "pages together are the whole, in order");
    for (query, place) in [
        ("?_type=Sonnet", "_type"),
        ("?_since=soon", "_since"),
        ("?colour=red", "colour"),
        ("?_count=0", "_count"),
        ("?start=2024-02-31", "start"),
    ] {
        assert_eq!(site.get(&path(query)).await.expect(400).issue().1, place);
    }
    site.get("/Patient/0000000000000/$everything").await.expect(404);
    site.stop();
}

#[tokio::test]
async fn pages_go_on_in_the_state_they_began_in() {
    let (site, practice, _) = two_sources().await;
    let first = site.get(&format!("/Observation?patient={practice}&_count=3&_sort=-date")).await.expect(200);
    assert_eq!(first.json()["total"], 6);
    let newer = result("o2", "p1", "2339-0", 9.9, "2024-06-01");
    site.write(GP, "PUT", "/Observation/o2", &newer).await.expect(201);
    let second = site.get(&first.link("next").unwrap()).await.expect(200);
    assert_eq!(second.names().len(), 3);
    assert_eq!(second.json()["total"], 6, "what came since is not in it");
    assert!(second.names().iter().all(|name| !first.names().contains(name)), "nothing twice, nothing lost");
    assert_eq!(second.link("next"), None);
    assert_eq!(site.get(&format!("/Observation?patient={practice}")).await.json()["total"], 7);
    site.get("/Observation?_page=nonsense").await.expect(400);
    site.stop();
}

#[tokio::test]
async fn a_search_names_one_patient_and_searches_the_whole_person() {
    let (site, practice, hospital) = two_sources().await;
    for query in [
        format!("/Observation?patient={practice}"),
        format!("/Observation?patient=Patient/{hospital}"),
        format!("/Observation?subject:Patient={practice}"),
        format!("/Observation?subject={BASE}/Patient/{practice}"),
        format!("/Observation?patient.identifier=https://fhir.nhs.uk/Id/nhs-number|{NHS}"),
        format!("/Patient/{practice}/Observation"),
    ] {
        assert_eq!(site.get(&query.replace('|', "%7C")).await.expect(200).names().len(), 6, "{query}");
    }
    let narrowed = |rest: &str| format!("/Observation?patient={practice}&{rest}");
    assert_eq!(site.get(&narrowed("date=ge2024-03-12&value-quantity=gt8")).await.names().len(), 2);
    assert_eq!(site.get(&narrowed("code=http://loinc.org%7C2339-0&_summary=count")).await.json()["total"], 6);
    let sorted = site.get(&narrowed("_sort=value-quantity&_count=1")).await.json();
    assert_eq!(sorted["entry"][0]["resource"]["valueQuantity"]["value"], 5.4);
    let included = site.get(&narrowed("_include=Observation:subject&_count=1")).await.json();
    assert_eq!(included["entry"][1]["search"]["mode"], "include");
    let cut = site.get(&narrowed("_elements=status&_count=1")).await.json();
    assert_eq!(cut["entry"][0]["resource"]["meta"]["tag"][0]["code"], "SUBSETTED");
    assert!(cut["entry"][0]["resource"]["valueQuantity"].is_null());
    assert_eq!(site.get(&narrowed("patient.family=obrien")).await.expect(200).names().len(), 6);
    // By POST, so that nothing about the person is in the address.
    let bearer = format!("Bearer {READER}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/x-www-form-urlencoded")];
    let posted = site.send("POST", "/Observation/_search", &headers, format!("patient={practice}&code=2339-0")).await;
    assert_eq!(posted.expect(200).names().len(), 6);
    site.stop();
}

#[tokio::test]
async fn what_cannot_be_searched_is_refused_by_name() {
    let (site, practice, _) = two_sources().await;
    for (path, place) in [
        (format!("/Observation?patient={practice}&colour=red"), "colour"),
        (format!("/Observation?patient={practice}&date=2024-02-31"), "date"),
        (format!("/Observation?patient={practice}&code:in=http://vs"), "code:in"),
        ("/Observation?code=1".to_owned(), ""),
        ("/Patient?gender=male".to_owned(), ""),
        ("/Patient?family:contains=rie".to_owned(), ""),
        ("/Patient?colour=red".to_owned(), "colour"),
        ("/Organization?name=x".to_owned(), ""),
    ] {
        assert_eq!(site.get(&path).await.expect(400).issue().1, place, "{path}");
    }
    let lenient = site
        .get_with(&format!("/Observation?patient={practice}&colour=red"), &[("prefer", "handling=lenient")])
        .await
        .expect(200);
    assert_eq!(lenient.names().len(), 6);
    let bundle = lenient.json();
    let said = bundle["entry"].as_array().unwrap().iter().find(|e| e["search"]["mode"] == "outcome").unwrap();
    assert_eq!(said["resource"]["issue"][0]["expression"][0], "colour");
    let stranger = site.get("/Observation?patient=0000000000000").await.expect(200).json();
    assert_eq!(stranger["total"], 0);
    assert_eq!(stranger["entry"][0]["resource"]["issue"][0]["code"], "not-found", "unknown is not the same as none");
    let other = site.patient(GP, "p2", "9000000017", &[]).await;
    site.get(&format!("/Observation?patient={practice},{other}")).await.expect(400);
    site.stop();
}

#[tokio::test]
async fn people_are_found_by_what_is_known_of_them() {
    let (site, practice, hospital) = two_sources().await;
    for query in [
        format!("identifier=https://fhir.nhs.uk/Id/nhs-number%7C{NHS}"),
        "identifier=https://fhir.nhs.uk/Id/nhs-number%7C900%20000%200009".to_owned(),
        "family=o'brien&birthdate=1950-02-03".to_owned(),
        "name=zoe&gender=female".to_owned(),
        "address-postalcode=m11ae&birthdate=1950-02-03".to_owned(),
        "family=OBri&address-postalcode=M1".to_owned(),
        format!("_id={practice},{hospital}"),
    ] {
        let found = site.get(&format!("/Patient?{query}")).await.expect(200);
        let mut names = found.names();
        for (name, entry) in names.iter().zip(found.json()["entry"].as_array().unwrap()) {
            // As it reads by itself, of its own source.
            assert_eq!(entry["resource"], site.get(&format!("/{name}")).await.expect(200).json(), "{query}");
        }
        names.sort();
        let mut expected = [format!("Patient/{practice}"), format!("Patient/{hospital}")];
        expected.sort();
        assert_eq!(names, expected, "{query}");
    }
    assert_eq!(site.get("/Patient?identifier=p1").await.names(), [format!("Patient/{practice}")]);
    assert_eq!(site.get("/Patient?family=obrien&birthdate=1950-02-04").await.names(), Vec::<String>::new());
    let bearer = format!("Bearer {READER}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/x-www-form-urlencoded")];
    let posted =
        site.send("POST", "/Patient/_search", &headers, format!("identifier={NHS}&_count=1")).await.expect(200);
    assert_eq!((posted.names().len(), posted.json()["total"].clone()), (1, json!(2)));
    let next = posted.link("next").unwrap();
    assert!(!next.contains(NHS), "the address of a page holds no identifier: {next}");
    let second = site.get(&next).await.expect(200);
    assert_eq!(second.names().len(), 1);
    assert_ne!(second.names(), posted.names());
    assert_eq!(second.link("next"), None);
    site.stop();
}

#[tokio::test]
async fn the_person_links_the_patients() {
    let (site, practice, hospital) = two_sources().await;
    let found = site.get(&format!("/Person?identifier={NHS}")).await.expect(200);
    assert_eq!(found.names().len(), 1);
    let name = found.names().remove(0);
    let person = site.get(&format!("/{name}")).await.expect(200).json();
    let links: Vec<&str> =
        person["link"].as_array().unwrap().iter().map(|l| l["target"]["reference"].as_str().unwrap()).collect();
    assert_eq!(links, [format!("Patient/{practice}"), format!("Patient/{hospital}")]);
    assert_eq!(site.get(&format!("/{name}/$everything")).await.expect(200).names().len(), 9);
    assert_eq!(site.get(&format!("/Person?patient={hospital}")).await.expect(200).names(), [name]);
    site.stop();
}

#[tokio::test]
async fn a_resource_is_read_in_every_version() {
    let (site, practice, _) = two_sources().await;
    let name = site.get(&format!("/Condition?patient={practice}")).await.names().remove(0);
    let first = site.get(&format!("/{name}")).await.expect(200);
    assert_eq!(first.header("etag"), "W/\"1\"");
    assert_eq!(first.header("last-modified"), "Mon, 01 Jul 2024 12:00:00 GMT");
    assert_eq!(first.json()["meta"]["source"].as_str().unwrap().split('#').next(), Some("urn:skein:source:gp"));
    site.get_with(&format!("/{name}"), &[("if-none-match", "W/\"1\"")]).await.expect(304);
    let changed = json!({"resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/p1"}, "code": {"text": "changed"}});
    site.later(60);
    site.write(GP, "PUT", "/Condition/c1", &changed).await.expect(200);
    assert_eq!(site.get(&format!("/{name}")).await.header("etag"), "W/\"2\"");
    assert_eq!(site.get(&format!("/{name}/_history/1")).await.expect(200).json(), first.json());
    let history = site.get(&format!("/{name}/_history")).await.expect(200).json();
    assert_eq!((&history["type"], &history["total"]), (&json!("history"), &json!(2)));
    assert_eq!(history["entry"][0]["resource"]["code"]["text"], "changed");
    assert_eq!(history["entry"][1]["request"]["method"], "POST");
    site.get(&format!("/{name}/_history/3")).await.expect(404);
    let path = format!("/{name}");
    site.write(GP, "DELETE", &path, &Value::Null).await.expect(204);
    assert_eq!(site.get(&path).await.expect(410).issue().0, "deleted");
    assert_eq!(site.get(&format!("/{name}/_history")).await.json()["entry"][0]["request"]["method"], "DELETE");
    assert!(site.get(&format!("/Condition?patient={practice}")).await.names().is_empty());
    site.get("/Condition/none").await.expect(404);
    site.get(&format!("/Observation/{}", name.split('/').nth(1).unwrap())).await.expect(404);
    site.stop();
}

#[tokio::test]
async fn a_letter_comes_as_its_bytes_or_as_json() {
    let site = Site::new();
    let letter = json!({"resourceType": "DocumentReference", "id": "d", "status": "current", "subject": {"reference": "Patient/p1"},
        "content": [{"attachment": {"contentType": "application/pdf", "url": "Binary/b"}}]});
    let binary = json!({"resourceType": "Binary", "id": "b", "contentType": "application/pdf", "data": "JVBERi0xLjcK"});
    let id = site.patient(GP, "p1", NHS, &[letter, binary]).await;
    let found = site.get(&format!("/DocumentReference?patient={id}")).await.json();
    let url = found["entry"][0]["resource"]["content"][0]["attachment"]["url"].as_str().unwrap().to_owned();
    let pdf = site.get_with(&format!("/{url}"), &[("accept", "application/pdf")]).await.expect(200);
    assert_eq!((pdf.header("content-type"), pdf.body.as_slice()), ("application/pdf", b"%PDF-1.7\n".as_slice()));
    assert!(pdf.header("content-security-policy").contains("sandbox"));
    assert_eq!(site.get(&format!("/{url}")).await.expect(200).json()["resourceType"], "Binary");
    site.get_with(&format!("/{url}"), &[("accept", "image/png")]).await.expect(406);
    site.stop();
}

#[tokio::test]
async fn every_refusal_is_an_operation_outcome() {
    let (site, practice, _) = two_sources().await;
    let reader = format!("Bearer {READER}");
    let administrator = format!("Bearer {ADMINISTRATOR}");
    let gp = format!("Bearer {GP}");
    let json = ("content-type", "application/fhir+json");
    for (method, path, headers, status) in [
        ("GET", "/Patient/x".to_owned(), vec![], 401),
        ("GET", "/Patient/x".to_owned(), vec![("authorization", "Bearer guessed")], 401),
        ("GET", format!("/Patient/{practice}"), vec![("authorization", gp.as_str())], 403),
        ("GET", format!("/Patient/{practice}"), vec![("authorization", administrator.as_str())], 403),
        ("GET", "/Patient?family=obrien".to_owned(), vec![("authorization", administrator.as_str())], 403),
        ("PUT", "/Patient/x".to_owned(), vec![("authorization", reader.as_str()), json], 403),
        ("GET", "/Sonnet/1".to_owned(), vec![("authorization", reader.as_str())], 404),
        ("GET", format!("/Patient/{practice}/$merge"), vec![("authorization", reader.as_str())], 404),
        ("PATCH", format!("/Patient/{practice}"), vec![("authorization", gp.as_str()), json], 405),
        ("GET", "/".to_owned(), vec![("authorization", reader.as_str())], 405),
        (
            "GET",
            format!("/Patient/{practice}"),
            vec![("authorization", reader.as_str()), ("accept", "application/fhir+xml")],
            406,
        ),
        ("GET", format!("/Patient/{practice}?_format=xml"), vec![("authorization", reader.as_str())], 406),
        ("POST", "/Patient/_search".to_owned(), vec![("authorization", reader.as_str()), json], 415),
        (
            "POST",
            "/Condition".to_owned(),
            vec![("authorization", gp.as_str()), ("content-type", "application/fhir+xml")],
            415,
        ),
        (
            "POST",
            "/Condition".to_owned(),
            vec![("authorization", gp.as_str()), json, ("content-encoding", "gzip")],
            415,
        ),
        (
            "POST",
            "/Condition".to_owned(),
            vec![("authorization", gp.as_str()), json, ("content-length", "999999999")],
            413,
        ),
    ] {
        let answer = site.send(method, &path, &headers, "{}").await.expect(status);
        answer.issue();
        assert_eq!(answer.header("content-type"), "application/fhir+json; charset=utf-8");
    }
    assert_eq!(site.send("GET", "/Patient/x", &[], "").await.header("www-authenticate"), "Bearer realm=\"fhir\"");
    let head = site.send("HEAD", "/metadata", &[], "").await.expect(200);
    assert!(head.body.is_empty());
    site.stop();
}

#[tokio::test]
async fn a_directory_is_read_by_identifier_and_id() {
    let site = Site::new();
    let practice = json!({"resourceType": "Organization", "id": "y1", "name": "Kingsway", "identifier": [{"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "Y06601"}]});
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [put(&practice)]});
    site.write(GP, "POST", "/", &bundle).await.expect(200);
    let found = site.get("/Organization?identifier=Y06601&name=king").await.expect(200);
    assert_eq!(found.names().len(), 1);
    let name = found.names().remove(0);
    assert_eq!(site.get(&format!("/{name}")).await.expect(200).json()["name"], "Kingsway");
    assert_eq!(site.get(&format!("/{name}/_history")).await.expect(200).json()["total"], 1);
    assert!(site.get("/Organization?identifier=Y06601&name=queens").await.expect(200).names().is_empty());
    site.stop();
}
