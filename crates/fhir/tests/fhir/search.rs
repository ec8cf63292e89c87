//! Searches, each parameter type with its modifiers and prefixes.

use fhir::search::{Handling, Neighbours, Query, Settings, parse_pairs};
use fhir::{Issue, IssueType, Resource, ResourceType};

const BASE: &str = "https://skein.example/fhir";

fn settings() -> Settings<'static> {
    Settings { now: "2024-07-01T12:00:00Z".parse().unwrap(), base: Some(BASE), handling: Handling::Strict }
}

fn parse(kind: ResourceType, query: &str) -> Result<Query, Vec<Issue>> {
    Query::parse(kind, &parse_pairs(query), &settings())
}

fn fits(json: &str, query: &str) -> bool {
    let resource = Resource::from_slice(json.as_bytes()).unwrap();
    let query = parse(resource.kind(), query).unwrap_or_else(|issues| panic!("{query}: {issues:?}"));
    let found = query.matches(&resource, &Neighbours::default());
    // And by what is said to decide alone.
    if let Some(elements) = query.elements() {
        let less = Resource::from_slice_of(json.as_bytes(), &elements).unwrap();
        assert_eq!(query.matches(&less, &Neighbours::default()), found, "of {elements:?}");
    }
    found
}

#[track_caller]
fn check(json: &str, yes: &[&str], no: &[&str]) {
    for query in yes {
        assert!(fits(json, query), "{query} should fit");
    }
    for query in no {
        assert!(!fits(json, query), "{query} should not fit");
    }
}

fn refused(kind: ResourceType, query: &str) -> Issue {
    match parse(kind, query) {
        Ok(_) => panic!("{query} should be refused"),
        Err(issues) => issues.into_iter().next().unwrap(),
    }
}

const CONDITION: &str = r#"{"resourceType":"Condition","id":"c1","meta":{"lastUpdated":"2024-06-01T10:00:00.000Z",
    "tag":[{"system":"urn:t","code":"x"}],"profile":["https://p.example/A|1.0"],"source":"urn:skein:source:gp#7"},
    "clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]},
    "code":{"coding":[{"system":"http://snomed.info/sct","code":"44054006","display":"Type 2 diabetes mellitus"},
        {"code":"local,1|a"}],"text":"Diabetes"},
    "identifier":[{"system":"urn:i","value":"v1","type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"MR"}]}}],
    "subject":{"reference":"Patient/p1","identifier":{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9000000009"}},
    "onsetAge":{"value":52,"unit":"years","system":"http://unitsofmeasure.org","code":"a"},
    "recordedDate":"2024-06"}"#;

#[test]
fn tokens_compare_system_and_code() {
    check(
        CONDITION,
        &[
            "code=44054006",
            "code=http://snomed.info/sct|44054006",
            "code=http://snomed.info/sct|",
            "code=1,44054006",
            r"code=|local\,1\|a",
            "code:not=73211009",
            "code:text=type%202",
            "code:text=diab",
            "identifier=urn:i|v1",
            "identifier:of-type=http://terminology.hl7.org/CodeSystem/v2-0203|MR|v1",
            "clinical-status=active&code=44054006",
            "_id=c1",
            "_tag=urn:t|x",
            "_id=c0,c1",
        ],
        &[
            "code=4405400",
            "code=|44054006",
            "code=http://loinc.org|44054006",
            "code:not=44054006",
            "code:text=mellitus",
            "identifier=v2",
            "identifier:of-type=http://terminology.hl7.org/CodeSystem/v2-0203|MC|v1",
            "clinical-status=active&code=1",
            "_id=c2",
        ],
    );
}

#[test]
fn a_plain_code_keeps_to_its_bound_system() {
    let patient = r#"{"resourceType":"Patient","gender":"male","active":true,"telecom":[{"system":"phone","use":"home","value":"0161 496 0000"}]}"#;
    check(
        patient,
        &[
            "gender=male",
            "gender=http://hl7.org/fhir/administrative-gender|male",
            "active=true",
            "phone=01614960000",
            "deceased=false",
        ],
        &["gender=Male", "gender=http://example.org|male", "active=false", "email=01614960000", "deceased=true"],
    );
    check(
        r#"{"resourceType":"Patient","deceasedDateTime":"2020"}"#,
        &["deceased=true", "death-date=2020"],
        &["deceased=false"],
    );
}

#[test]
fn nhs_numbers_are_found_however_they_are_spaced() {
    let patient = r#"{"resourceType":"Patient","identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"900 000 0009"}]}"#;
    check(
        patient,
        &["identifier=https://fhir.nhs.uk/Id/nhs-number|9000000009", "identifier=900-000-0009"],
        &["identifier=9000000017"],
    );
}

#[test]
fn strings_ignore_case_accents_and_punctuation() {
    let patient = r#"{"resourceType":"Patient","name":[{"family":"O'Brien-Núñez","given":["Zoë","Anne"]}],
        "address":[{"postalCode":"M1 1AE","city":"Manchester","line":["1 High St"]}]}"#;
    check(
        patient,
        &[
            "family=obrien",
            "name=zoe",
            "given=Zoë",
            "family:contains=nunez",
            "family:exact=O%27Brien-Núñez",
            "name=ann",
            "address-postalcode=m11ae",
            "address-postalcode=M1",
            "address=manch",
            "phonetic=obryan nunes",
        ],
        &[
            "family=nunez",
            "family:exact=obrien",
            "given=oe",
            "address-postalcode=M1 2",
            "address-city=chester",
            "phonetic=smith",
        ],
    );
}

fn dated(effective: &str) -> String {
    format!(r#"{{"resourceType":"Observation",{effective}}}"#)
}

#[test]
fn dates_compare_as_intervals() {
    let day = dated(r#""effectiveDateTime":"2024-06-15""#);
    check(
        &day,
        &[
            "date=2024-06-15",
            "date=2024-06",
            "date=2024",
            "date=ne2024-06-14",
            "date=ge2024-06-15",
            "date=le2024-06-15",
            "date=gt2024-06-14",
            "date=lt2024-06-16",
            "date=sa2024-06-14",
            "date=eb2024-06-16",
            "date=ap2024-06-16",
            "date=ge2024-06-01&date=lt2024-07-01",
        ],
        &[
            "date=2024-06-14",
            "date=2024-06-15T10:00:00Z",
            "date=ne2024",
            "date=gt2024-06-15",
            "date=lt2024-06-15",
            "date=sa2024-06-15",
            "date=eb2024-06-15",
            "date=ap2020",
            "date=ge2024-06-16",
        ],
    );
    let stay = dated(r#""effectivePeriod":{"start":"2024-06-10T09:00:00+01:00","end":"2024-06-20"}"#);
    check(
        &stay,
        &["date=2024-06", "date=ge2024-06-15", "date=le2024-06-15", "date=gt2024-06-15", "date=lt2024-06-15"],
        &["date=2024-06-15", "date=sa2024-06-15", "date=eb2024-06-15"],
    );
    let open = dated(r#""effectivePeriod":{"start":"2024-06-10"}"#);
    check(&open, &["date=gt2030", "date=ge2024"], &["date=2024", "date=lt2024-06-10", "date=eb2030"]);
}

#[test]
fn a_day_is_a_day_in_the_united_kingdom() {
    let night = dated(r#""effectiveDateTime":"2024-05-31T23:30:00Z""#);
    check(&night, &["date=2024-06-01"], &["date=2024-05-31"]);
    // A forgotten encoding turns the plus of an offset into a space.
    check(&night, &["date=2024-06-01T00:30:00+01:00", "date=2024-06-01T00:30:00%2B01:00"], &[]);
}

#[test]
fn there_is_no_searching_for_31_february() {
    let issue = refused(ResourceType::Observation, "date=2024-02-31");
    assert_eq!((issue.code, issue.expression.as_deref()), (IssueType::Value, Some("date")));
}

#[test]
fn quantities_compare_number_and_unit() {
    let glucose = r#"{"resourceType":"Observation","code":{"coding":[{"system":"http://loinc.org","code":"2339-0"}]},
        "valueQuantity":{"value":5.40,"unit":"mmol/L","system":"http://unitsofmeasure.org","code":"mmol/L"}}"#;
    check(
        glucose,
        &[
            "value-quantity=5.4",
            "value-quantity=5.40|http://unitsofmeasure.org|mmol/L",
            "value-quantity=5.4||mmol/L",
            "value-quantity=gt5.3",
            "value-quantity=ge5.4",
            "value-quantity=lt5.41",
            "value-quantity=ne6",
            "value-quantity=ap5",
            "value-quantity=5",
            "code-value-quantity=2339-0$gt5",
            "code-value-quantity=http://loinc.org|2339-0$5.4||mmol/L",
            "combo-code-value-quantity=2339-0$lt6",
        ],
        &[
            "value-quantity=5.5",
            "value-quantity=5.4||mg/dL",
            "value-quantity=5.4|urn:x|mmol/L",
            "value-quantity=gt5.4",
            "value-quantity=6",
            "code-value-quantity=2339-0$lt5",
            "code-value-quantity=1-8$gt5",
            "value-quantity=5.400001",
        ],
    );
    let below = r#"{"resourceType":"Observation","valueQuantity":{"value":5,"comparator":"<"}}"#;
    check(below, &["value-quantity=lt5", "value-quantity=lt3"], &["value-quantity=gt5", "value-quantity=5"]);
    check(CONDITION, &["onset-age=52", "onset-age=gt50||a"], &["onset-age=40"]);
}

#[test]
fn a_composite_meets_on_one_component() {
    let pressure = r#"{"resourceType":"Observation","component":[
        {"code":{"coding":[{"code":"8480-6"}]},"valueQuantity":{"value":140}},
        {"code":{"coding":[{"code":"8462-4"}]},"valueQuantity":{"value":80}}]}"#;
    check(
        pressure,
        &["component-code-value-quantity=8480-6$gt130", "combo-code-value-quantity=8462-4$80", "component-code=8480-6"],
        &["component-code-value-quantity=8462-4$gt130"],
    );
}

#[test]
fn references_are_found_by_id_type_address_and_identifier() {
    check(
        CONDITION,
        &[
            "subject=p1",
            "subject=Patient/p1",
            "subject:Patient=p1",
            "patient=p1",
            "patient=Patient/p1,Patient/p2",
            "subject=https://skein.example/fhir/Patient/p1",
            "subject:identifier=https://fhir.nhs.uk/Id/nhs-number|9000000009",
            "patient:missing=false",
            "encounter:missing=true",
        ],
        &[
            "subject=p2",
            "subject=Group/p1",
            "subject:Group=p1",
            "subject=https://other.example/fhir/Patient/p1",
            "subject:identifier=9000000017",
            "encounter:missing=false",
        ],
    );
    let group = r#"{"resourceType":"Condition","subject":{"reference":"Group/p1"}}"#;
    check(group, &["subject=p1", "patient:missing=true"], &["patient=p1"]);
}

#[test]
fn uris_and_meta_are_searched() {
    check(
        CONDITION,
        &[
            "_profile=https://p.example/A",
            "_profile=https://p.example/A|1.0",
            "_profile:below=https://p.example",
            "_source=urn:skein:source:gp#7",
            "_lastUpdated=gt2024-05-01",
            "_lastUpdated=2024-06-01",
        ],
        &[
            "_profile=https://p.example/A|2.0",
            "_profile:below=https://p.example/A/B",
            "_lastUpdated=lt2024-06-01",
            "_source=urn:skein",
        ],
    );
}

#[test]
fn missing_works_for_every_kind() {
    check(
        CONDITION,
        &["code:missing=false", "abatement-date:missing=true", "onset-age:missing=false", "_tag:missing=false"],
        &["code:missing=true", "recorded-date:missing=true"],
    );
    let other = r#"{"resourceType":"Observation","code":{"text":"x"}}"#;
    check(other, &["code-value-quantity:missing=true"], &["code-value-quantity:missing=false"]);
}

#[test]
fn chains_follow_references_within_the_record() {
    let patient = Resource::from_slice(br#"{"resourceType":"Patient","id":"p1","name":[{"family":"Smith"}]}"#).unwrap();
    let condition = Resource::from_slice(CONDITION.as_bytes()).unwrap();
    let neighbours = Neighbours::new([&patient, &condition]);
    let holds = |resource: &Resource, query: &str| {
        let query = parse(resource.kind(), query).unwrap();
        assert!(query.needs_neighbours());
        query.matches(resource, &neighbours)
    };
    assert!(holds(&condition, "patient.family=smith"));
    assert!(holds(&condition, "subject:Patient.name:exact=Smith"));
    assert!(holds(&condition, "subject.family=smith"));
    assert!(!holds(&condition, "patient.family=jones"));
    assert!(holds(&patient, "_has:Condition:patient:code=44054006"));
    assert!(!holds(&patient, "_has:Condition:patient:code=1"));
    assert_eq!(refused(ResourceType::Observation, "focus.name=x").code, IssueType::NotSupported);
    assert_eq!(refused(ResourceType::Condition, "code.text=x").code, IssueType::NotSupported);
    let long = "subject:Patient.link:Patient.link:Patient.link:Patient.link:Patient.name=x";
    assert_eq!(refused(ResourceType::Condition, long).code, IssueType::TooCostly);
}

#[test]
fn what_is_not_known_is_refused_by_name() {
    for (query, code, place) in [
        ("colour=red", IssueType::NotSupported, "colour"),
        ("code:in=http://vs", IssueType::NotSupported, "code:in"),
        ("code:exact=x", IssueType::NotSupported, "code:exact"),
        ("_text=x", IssueType::NotSupported, "_text"),
        ("_list=x", IssueType::NotSupported, "_list"),
        ("subject:Colour=x", IssueType::NotSupported, "subject:Colour"),
        ("onset-age=many", IssueType::Value, "onset-age"),
        ("code=", IssueType::Value, "code"),
        ("_count=-1", IssueType::Value, "_count"),
        ("_sort=colour", IssueType::Value, "_sort"),
        ("_include=Condition:code", IssueType::Value, "_include"),
        ("code:missing=perhaps", IssueType::Value, "code:missing"),
    ] {
        let issue = refused(ResourceType::Condition, query);
        assert_eq!((issue.code, issue.expression.as_deref()), (code, Some(place)), "{query}");
    }
    assert_eq!(refused(ResourceType::Location, "near=1|2").code, IssueType::NotSupported);
}

#[test]
fn lenience_leaves_out_and_says_so() {
    let lenient = Settings { handling: Handling::Lenient, ..settings() };
    let query = Query::parse(ResourceType::Condition, &parse_pairs("colour=red&code=44054006"), &lenient).unwrap();
    assert_eq!(query.ignored.len(), 1);
    assert_eq!(query.ignored[0].expression.as_deref(), Some("colour"));
    assert!(query.matches(&Resource::from_slice(CONDITION.as_bytes()).unwrap(), &Neighbours::default()));
    // A known parameter with a bad value is no matter of lenience.
    assert!(Query::parse(ResourceType::Condition, &parse_pairs("recorded-date=soon"), &lenient).is_err());
}

#[test]
fn results_sort_by_several_keys_and_the_valueless_come_last() {
    let make = |id: &str, date: &str, status: &str| {
        let date = if date.is_empty() { String::new() } else { format!(r#","effectiveDateTime":"{date}""#) };
        Resource::from_slice(
            format!(r#"{{"resourceType":"Observation","id":"{id}","status":"{status}"{date}}}"#).as_bytes(),
        )
        .unwrap()
    };
    let all = [
        make("a", "2024-01-02", "final"),
        make("b", "", "final"),
        make("c", "2024-01-03", "amended"),
        make("d", "2024-01-03", "final"),
    ];
    let order = |sort: &str| {
        let query = parse(ResourceType::Observation, &format!("_sort={sort}")).unwrap();
        for whole in &all {
            let elements = query.elements().unwrap();
            let less = Resource::from_slice_of(whole.to_json().as_bytes(), &elements).unwrap();
            assert_eq!(query.sort_values(&less), query.sort_values(whole), "of {elements:?}");
        }
        let mut sorted: Vec<_> = all.iter().map(|r| (query.sort_values(r), r.id().unwrap())).collect();
        sorted.sort_by(|a, b| query.compare(&a.0, &b.0));
        sorted.into_iter().map(|(_, id)| id).collect::<String>()
    };
    assert_eq!(order("date,status"), "acdb");
    assert_eq!(order("-date,-status"), "dcab");
    assert_eq!(order("status,_id"), "cabd");
}

#[test]
fn includes_name_their_targets() {
    let query = parse(
        ResourceType::Condition,
        "_include=Condition:subject:Patient&_include=*&_revinclude:iterate=Provenance:target&_count=5",
    )
    .unwrap();
    assert_eq!(query.count, Some(5));
    assert!(query.reverse_includes[0].iterate);
    let resource = Resource::from_slice(CONDITION.as_bytes()).unwrap();
    let mut seen = Vec::new();
    query.includes[0].each_target(&resource, &mut |kind, id| seen.push(format!("{kind}/{id}")));
    assert_eq!(seen, ["Patient/p1"]);
}

#[test]
fn every_standard_parameter_of_every_type_can_be_asked() {
    use fhir::search::{Kind, common_parameters, parameters};
    for kind in ResourceType::ALL {
        let resource = Resource::new(*kind);
        for parameter in parameters(*kind).iter().chain(common_parameters()) {
            let value = match parameter.kind {
                Kind::Number | Kind::Quantity => "gt5".to_owned(),
                Kind::Date => "ge2020".to_owned(),
                Kind::Composite => parameter
                    .components
                    .iter()
                    .map(|part| if part.kind == Kind::Date { "2020" } else { "1" })
                    .collect::<Vec<_>>()
                    .join("$"),
                Kind::Special => continue,
                _ => "x".to_owned(),
            };
            let query =
                parse(*kind, &format!("{}={value}", parameter.code)).unwrap_or_else(|issue| panic!("{kind} {issue:?}"));
            assert!(!query.matches(&resource, &Neighbours::default()), "{kind}?{}={value}", parameter.code);
        }
    }
}

/// Of what is not looked at nothing is kept, and yet it must be JSON.
#[test]
fn the_elements_that_decide_are_enough() {
    let patient = r#"{"resourceType":"Patient","id":"p1","name":[{"family":"Hale"}],"birthDate":"1950-02-03","gender":"female",
        "deceasedDateTime":"2024-01-01","address":[{"postalCode":"M1 1AE"}],"extension":[{"url":"urn:x","valueString":"\u00e9"}]}"#;
    let elements = |query: &str| parse(ResourceType::Patient, query).unwrap().elements();
    assert_eq!(elements("family=hale&birthdate=1950-02-03&_sort=gender"), Some(vec!["name", "birthDate", "gender"]));
    let less = Resource::from_slice_of(patient.as_bytes(), &["name"]).unwrap();
    assert_eq!(less.to_json(), r#"{"resourceType":"Patient","id":"p1","name":[{"family":"Hale"}]}"#);
    // What is worked out of several elements, and what lies in other resources.
    assert_eq!(elements("deceased=true"), None);
    assert_eq!(parse(ResourceType::Observation, "code-value-quantity=x$5").unwrap().elements(), None);
    assert_eq!(parse(ResourceType::Condition, "encounter.class=IMP").unwrap().elements(), None);
    for broken in [&patient[..patient.len() - 1], "[]", "{}", "{\"resourceType\":\"Patient\"} x"] {
        assert!(Resource::from_slice_of(broken.as_bytes(), &[]).is_err(), "{broken}");
    }
}
