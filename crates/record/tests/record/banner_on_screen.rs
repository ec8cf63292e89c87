use crate::util::*;
use record::{banner::banner, explain::Explanation, sections::contacts::people};
use serde_json::{Value, json};

fn patient(extra: Value) -> Value {
    let mut base = json!({
        "resourceType": "Patient", "id": "p", "active": true,
        "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9999990018",
            "extension": [{"url": "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus",
                "valueCodeableConcept": {"coding": [{"code": "01"}]}}]}],
        "name": [{"use": "official", "family": "Okafor", "given": ["Grace", "Ann"], "prefix": ["Mrs"]}],
        "birthDate": "1945-07-14", "gender": "female",
        "address": [{"line": ["12 Mill Lane"], "city": "Riverside", "postalCode": "RV1 2AB"}],
        "telecom": [{"system": "phone", "use": "home", "value": "01632 960001"}],
        "generalPractitioner": [{"display": "Mill Lane Surgery"}],
        "contact": [{"name": {"family": "Okafor", "given": ["Peter"]}, "relationship": [{"coding": [{"code": "N"}]}], "telecom": [{"system": "phone", "value": "01632 960002"}]}]
    });
    for (member, value) in extra.as_object().unwrap() {
        base[member] = value.clone();
    }
    base
}

#[test]
fn the_banner_reads_as_the_nhs_writes_it() {
    let items = [item(&practice(), patient(json!({})))];
    let banner = banner(&items, &Explanation::default(), now());
    assert_eq!(banner.name, "OKAFOR, Grace (Mrs)");
    assert_eq!(banner.born, "14-Jul-1945");
    assert_eq!(banner.age.as_deref(), Some("81y"));
    assert_eq!(banner.gender, "Female");
    let nhs = banner.nhs.unwrap();
    assert_eq!((nhs.text.as_str(), nhs.verified), ("999 999 0018", fhir::nhs::NhsNumber::parse("9999990018").is_ok()));
    assert_eq!(banner.address.as_deref(), Some("12 Mill Lane, Riverside, RV1 2AB"));
}

/// One system has no letters with accents, another writes in capitals: both say the same name.
#[test]
fn a_name_written_with_other_letters_is_no_other_name() {
    let named = |family: &str, given: &str| patient(json!({"name": [{"family": family, "given": [given]}]}));
    let differs = |one: (&str, &str), other: (&str, &str)| {
        let items = [item(&practice(), named(one.0, one.1)), item(&hospital(), named(other.0, other.1))];
        banner(&items, &Explanation::default(), now()).differs
    };
    assert!(differs(("Nguyễn", "Hương"), ("NGUYEN", "HUONG")).is_empty());
    assert!(differs(("O’Brien-Smythe", "Zoë"), ("OBRIEN SMYTHE", "ZOE")).is_empty());
    assert_eq!(differs(("Nguyễn", "Hương"), ("NGUYEN", "HOANG")), ["name"]);
}

#[test]
fn unknown_is_not_known_and_never_a_question_mark() {
    let items = [item(&practice(), json!({"resourceType": "Patient", "id": "p"}))];
    let banner = banner(&items, &Explanation::default(), now());
    assert_eq!((banner.born.as_str(), banner.gender.as_str()), ("Not Known", "Not Known"));
    assert_eq!(banner.nhs, None);
}

#[test]
fn the_dead_are_shown_with_date_and_age_at_death() {
    let items = [item(&practice(), patient(json!({"deceasedDateTime": "2025-12-24T23:30:00+00:00"})))];
    let banner = banner(&items, &Explanation::default(), now());
    let died = banner.died.unwrap();
    assert_eq!((died.date.as_deref(), died.age.as_deref()), (Some("24-Dec-2025"), Some("80y")));
    assert_eq!(banner.age, None);
}

#[test]
fn a_restricted_persons_whereabouts_leave_through_no_view() {
    let restricted = json!({"meta": {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]}});
    // One source marks the person, the other does not know: the mark of one covers both.
    let items = [item(&practice(), patient(restricted)), item(&hospital(), patient(json!({})))];
    let banner = banner(&items, &Explanation::default(), now());
    assert!(banner.restricted);
    assert_eq!((banner.address, banner.practice, banner.telecoms.len()), (None, None, 0));
    let people = people(&items);
    let shown = format!("{people:?}");
    for secret in ["12 Mill Lane", "01632", "RV1 2AB", "Peter", "Surgery\", role"] {
        assert!(!shown.contains(secret), "{secret} leaks");
    }
}

#[test]
fn what_sources_disagree_on_is_named() {
    let items = [item(&practice(), patient(json!({}))), item(&hospital(), patient(json!({"birthDate": "1946-07-14"})))];
    assert_eq!(banner(&items, &Explanation::default(), now()).differs, ["date of birth"]);
}

#[test]
fn a_number_with_a_wrong_check_digit_is_shown_and_called_so() {
    let wrong = json!({"identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "1234567890"}]});
    let items = [item(&practice(), patient(wrong))];
    let nhs = banner(&items, &Explanation::default(), now()).nhs.unwrap();
    assert!(nhs.invalid && !nhs.verified);
    assert_eq!(nhs.long(), "123 456 7890 (not a valid number)");
}

/// What six systems say of one daughter is one daughter, and whom to ring first comes first.
#[test]
fn contacts_are_said_once_and_in_the_order_to_ring_them() {
    let rank = |n: u32| json!({"url": "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-ContactRank", "valuePositiveInt": n});
    let kin = |name: &str, roles: &[&str], n: u32| {
        let roles: Vec<_> =
            roles.iter().map(|role| json!({"text": role})).chain([json!({"coding": [{"code": "N"}]})]).collect();
        json!({"name": {"family": name}, "relationship": roles, "extension": [rank(n)]})
    };
    let items = [
        item(
            &practice(),
            json!({"resourceType": "Patient", "id": "p", "contact": [
            kin("Diane", &["natural daughter"], 2), kin("Victoria", &["child"], 1)]}),
        ),
        item(
            &hospital(),
            json!({"resourceType": "Patient", "id": "p", "contact": [
            kin("Diane", &["natural daughter", "Carer of patient"], 2), kin("Victoria", &["natural daughter"], 1)]}),
        ),
    ];
    let found: Vec<_> = people(&items).personal.into_iter().map(|c| (c.name, c.role.unwrap_or_default())).collect();
    let expected = [("Victoria", "natural daughter"), ("Diane", "natural daughter, Carer of patient")];
    assert_eq!(found, expected.map(|(name, role)| (name.to_owned(), role.to_owned())));
}
