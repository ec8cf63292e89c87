//! Who is on which caseload, and what follows from it.

use crate::{
    place::{Adt, Place},
    stay::patient,
};
use intake::{CaseloadAct, CaseloadDecision, caseload_entry};
use jiff::Timestamp;
use notify::{Act, ListRule, Part, uploaded_list};
use serde_json::json;

const NUMBER: &str = "9990000042";

fn everything() -> (Timestamp, Timestamp) {
    (Timestamp::MIN, Timestamp::MAX)
}

#[test]
fn a_practices_list_follows_its_patients_and_the_window_follows_the_stay() {
    let mut place = Place::new();
    place.fhir("x81001", &[patient("p1", NUMBER)]);
    let list = place.notices.caseload("practice:X81001").unwrap().expect("the practice's list");
    assert_eq!((list.people, list.name.as_str()), (1, "Mill Lane Surgery"));
    let count = |place: &Place, part| place.notices.count(list.id, part, everything(), &[]).unwrap();
    place.hl7("rxx", &Adt { recorded: "20260310083000", ..Adt::default() }.of("1001", NUMBER));
    assert_eq!((count(&place, Part::InHospital), count(&place, Part::Left)), (1, 0));
    let ended = Adt { trigger: "A03", id: "2", recorded: "20260310113000", ended: "20260310113000", ..Adt::default() };
    place.hl7("rxx", &ended.of("1001", NUMBER));
    assert_eq!((count(&place, Part::InHospital), count(&place, Part::Left)), (0, 1));
    place.hl7("rxx", &Adt { trigger: "A13", id: "3", recorded: "20260310114000", ..Adt::default() }.of("1001", NUMBER));
    assert_eq!((count(&place, Part::InHospital), count(&place, Part::Left)), (1, 0));
    place.hl7("rxx", &Adt { trigger: "A11", id: "4", recorded: "20260310115000", ..Adt::default() }.of("1001", NUMBER));
    assert_eq!((count(&place, Part::InHospital), count(&place, Part::Left)), (0, 0));
    // Who leaves the practice leaves its list.
    let mut left = patient("p1", NUMBER);
    left["active"] = json!(false);
    place.fhir("x81001", &[left]);
    assert_eq!(place.notices.caseload("practice:X81001").unwrap().unwrap().people, 0);
}

#[test]
fn a_care_team_and_a_group_make_caseloads() {
    let mut place = Place::new();
    let team = json!({"resourceType": "CareTeam", "id": "t1", "status": "active", "name": "District nurses, north",
        "subject": {"reference": "Patient/p1"}, "managingOrganization": [{"identifier":
            {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "RXC"}, "type": "Organization"}]});
    place.fhir("rxc", &[patient("p1", NUMBER), team.clone()]);
    let key = "team:RXC:district-nurses-north";
    assert_eq!(place.notices.caseload(key).unwrap().expect("the list").people, 1);
    place.hl7("rxx", &Adt { recorded: "20260310083000", ..Adt::default() }.of("1001", NUMBER));
    assert_eq!(place.told(&place.inbox(key)[0]), ["admitted"]);
    let mut over = team;
    over["status"] = json!("inactive");
    place.fhir("rxc", &[over]);
    assert_eq!(place.notices.caseload(key).unwrap().unwrap().people, 0);
    // By NHS number, and whoever is no longer named is off.
    let member = json!({"entity": {"type": "Patient", "identifier":
        {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": NUMBER}}});
    let mut group = json!({"resourceType": "Group", "id": "g1", "active": true, "type": "person", "actual": true,
        "name": "Heart failure", "member": [member]});
    place.fhir("rxc", &[group.clone()]);
    let lists = place.notices.caseloads_of("RXC").unwrap();
    let made = lists.iter().find(|list| list.name == "Heart failure").expect("the group's list");
    assert_eq!(made.people, 1);
    // By reference, in one bundle with others: it is in nobody's record.
    group["member"] = json!([{"entity": {"reference": "Patient/p1"}}, {"entity": {"reference": "Patient/p9"}}]);
    let mut other = patient("p9", "9990000093");
    other["name"] = json!([{"family": "Other", "given": ["Bill"]}]);
    other["birthDate"] = json!("1950-02-02");
    place.fhir("rxc", &[patient("p1", NUMBER), other, group.clone()]);
    assert_eq!(place.notices.caseload(&made.key).unwrap().unwrap().people, 2);
    let snapshot = place.engine.derived().snapshot().unwrap();
    let region = fhir::Region::new("test");
    for id in ["p1", "p9"] {
        let counts = snapshot.counts(region.patient("rxc", id)).unwrap();
        assert!(counts.iter().all(|(kind, _)| *kind != fhir::ResourceType::Group), "{counts:?}");
    }
    drop(snapshot);
    group["member"] = json!([]);
    place.fhir("rxc", &[group]);
    assert_eq!(place.notices.caseload(&made.key).unwrap().unwrap().people, 0);
}

/// What an Organization says it is holds from the entry that says so: also when many entries are followed in one go.
#[test]
fn an_organisation_with_another_code_has_another_list_from_then_on() {
    let mut place = Place::new();
    let organisation = |code: &str| {
        json!({"resourceType": "Organization", "id": "o1", "name": "Nurses", "identifier":
            [{"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": code}]})
    };
    let team = |id: &str, patient: &str| {
        json!({"resourceType": "CareTeam", "id": id, "status": "active", "name": "North",
            "subject": {"reference": format!("Patient/{patient}")}, "managingOrganization":
            [{"reference": "Organization/o1"}]})
    };
    let other = |id: &str, number: &str, birth: &str| {
        let mut other = patient(id, number);
        other["birthDate"] = json!(birth);
        other
    };
    place.fhir("rxc", &[organisation("RXD"), patient("p1", NUMBER), team("t1", "p1")]);
    place.fhir("rxc", &[other("p2", "9990000093", "1950-02-02"), team("t2", "p2")]);
    place.fhir("rxc", &[organisation("RXE")]);
    place.fhir("rxc", &[other("p3", "9990000115", "1960-03-03"), team("t3", "p3")]);
    let people = |place: &Place, key: &str| place.notices.caseload(key).unwrap().map_or(0, |list| list.people);
    let both = |place: &Place| (people(place, "team:RXD:north"), people(place, "team:RXE:north"));
    assert_eq!(both(&place), (2, 1));
    place.follow_again(true);
    assert_eq!(both(&place), (2, 1));
}

#[test]
fn a_list_kept_here_is_on_the_journal_and_opens_the_record() {
    let mut place = Place::new();
    place.fhir("x81001", &[patient("p1", NUMBER)]);
    let decision = |act| CaseloadDecision {
        act,
        organisation: "rxc".into(),
        list: "Falls team".into(),
        by: "nurse".into(),
        name: "A Nurse".into(),
        patients: vec![],
    };
    let key = uploaded_list("RXC", "Falls team");
    let patient = place.notices.members(1, None, 10).unwrap()[0].patient;
    let patients = vec![patient.to_string()];
    let entry =
        caseload_entry(&CaseloadDecision { patients: patients.clone(), ..decision(CaseloadAct::Add) }, place.now);
    place.put(entry);
    assert_eq!(place.notices.caseload(&key).unwrap().expect("the list").people, 1);
    let snapshot = place.engine.derived().snapshot().unwrap();
    let bearing = snapshot.bearings(patient, place.now).unwrap();
    assert!(bearing.iter().any(|said| said.row.organisation == "RXC"), "{bearing:?}");
    drop(snapshot);
    let entry = caseload_entry(&CaseloadDecision { patients, ..decision(CaseloadAct::Remove) }, place.now);
    place.put(entry);
    assert_eq!(place.notices.caseload(&key).unwrap().unwrap().people, 0);
}

#[test]
fn a_list_by_rule_holds_whom_the_rule_means() {
    let mut place = Place::new();
    let mut young = patient("p2", "9990000093");
    young["birthDate"] = json!("1990-01-01");
    young["name"] = json!([{"family": "Young", "given": ["Ann"]}]);
    let frail = json!({"resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/p1"},
        "clinicalStatus": {"coding": [{"code": "active"}]}, "code": {"coding": [{"system": "http://snomed.info/sct", "code": "925861000000102"}]}});
    place.fhir("x81001", &[patient("p1", NUMBER), young, frail]);
    let rule = ListRule { practices: vec!["X81001".into()], age_min: Some(75), codes: vec!["925861000000102".into()] };
    place.decide(Act::List { list: "rule:RXC:frail".into(), title: "Frail over 75".into(), rule: rule.clone() });
    assert_eq!(place.notices.caseload("rule:RXC:frail").unwrap().expect("the list").people, 1);
    let nobody = ListRule { codes: vec!["1".into()], ..rule };
    place.decide(Act::List { list: "rule:RXC:frail".into(), title: "Frail over 75".into(), rule: nobody });
    assert_eq!(place.notices.caseload("rule:RXC:frail").unwrap().unwrap().people, 0);
}

#[test]
fn who_turns_out_to_be_another_person_is_told_of_to_whom_it_concerns() {
    let mut place = Place::new();
    place.fhir("x81001", &[patient("p1", NUMBER)]);
    // Admitted without a number and under another name: nobody knows who it is.
    let unknown = Adt { recorded: "20260310083000", ..Adt::default() }
        .of("1001", NUMBER)
        .replace("~9990000042^^^NHS^NH", "")
        .replace("BAKER^MARGARET", "UNKNOWN^FEMALE")
        .replace("19300714", "");
    place.hl7("rxx", &unknown);
    assert!(place.inbox("practice:X81001").is_empty());
    let known = Adt { trigger: "A08", id: "2", recorded: "20260310093000", ..Adt::default() }.of("1001", NUMBER);
    place.hl7("rxx", &known);
    let inbox = place.inbox("practice:X81001");
    assert_eq!(inbox.len(), 1, "told once it is known who it is");
    assert_eq!(place.told(&inbox[0]), ["admitted"]);
    let list = place.notices.caseload("practice:X81001").unwrap().unwrap();
    assert_eq!(place.notices.count(list.id, Part::InHospital, everything(), &[]).unwrap(), 1);
}
