//! What is told besides stays: critical results, death, appointments; and what time brings.

use crate::{
    place::{Adt, Place, at},
    stay::patient,
};
use jiff::SignedDuration;
use notify::{Act, How, Part, Rules, Topic};
use serde_json::json;

const NUMBER: &str = "9990000042";
const PRACTICE: &str = "practice:X81001";

fn registered() -> Place {
    let mut place = Place::new();
    place.fhir("x81001", &[patient("p1", NUMBER)]);
    place
}

fn told(place: &Place) -> Vec<String> {
    place.notices.events_after(0, 100).unwrap().iter().map(crate::place::line).collect()
}

fn result(id: &str, status: &str, issued: &str, flag: &str) -> Vec<serde_json::Value> {
    let observation = format!("o{id}");
    vec![
        patient("h1", NUMBER),
        json!({"resourceType": "Observation", "id": observation, "status": "final", "subject": {"reference": "Patient/h1"},
            "code": {"text": "Potassium"}, "valueQuantity": {"value": 6.9, "unit": "mmol/L"},
            "interpretation": [{"coding": [{"code": flag}]}]}),
        json!({"resourceType": "DiagnosticReport", "id": id, "status": status, "subject": {"reference": "Patient/h1"},
            "issued": issued, "code": {"text": "Urea and electrolytes"},
            "result": [{"reference": format!("Observation/{observation}")}]}),
    ]
}

#[test]
fn a_critical_result_is_told_as_one_and_taken_back_with_it() {
    let mut place = registered();
    place.fhir("rxx", &result("r1", "final", "2026-03-10T08:00:00Z", "N"));
    assert_eq!(told(&place), ["result-final"]);
    place.fhir("rxx", &result("r2", "final", "2026-03-10T08:00:00Z", "HH"));
    assert_eq!(told(&place), ["result-final", "result-final", "result-critical"]);
    // A practice is told of what is critical, above all else, and not of every result.
    let inbox = place.inbox(PRACTICE);
    assert_eq!(inbox.len(), 1);
    assert!(inbox[0].urgent);
    assert_eq!(place.told(&inbox[0]), ["result-critical"]);
    place.fhir("rxx", &result("r2", "entered-in-error", "2026-03-10T08:00:00Z", "HH"));
    let inbox = place.inbox(PRACTICE);
    assert_eq!(place.told(&inbox[0]), ["result-critical", "-result-critical"]);
}

#[test]
fn a_death_that_two_sources_tell_is_told_once() {
    let mut place = registered();
    let dead = |id: &str| {
        let mut dead = patient(id, NUMBER);
        dead["deceasedDateTime"] = json!("2026-03-09");
        dead
    };
    place.fhir("rxx", &[dead("h1")]);
    place.fhir("x81001", &[dead("p1")]);
    assert_eq!(told(&place), ["died"]);
    assert!(place.inbox(PRACTICE)[0].urgent);
    place.fhir("rxx", &[patient("h1", NUMBER)]);
    assert_eq!(told(&place), ["died", "-died"]);
}

#[test]
fn an_appointment_is_booked_moved_and_missed() {
    let mut place = registered();
    let booked = |status: &str, start: &str| {
        vec![
            patient("h1", NUMBER),
            json!({"resourceType": "Appointment", "id": "a1", "status": status, "start": start,
                "created": "2026-03-10T08:00:00Z", "participant": [{"actor": {"reference": "Patient/h1"}, "status": "accepted"}]}),
        ]
    };
    place.fhir("rxx", &booked("booked", "2026-03-20T09:00:00Z"));
    place.fhir("rxx", &booked("booked", "2026-03-12T09:00:00Z"));
    place.now = at("2026-03-12T12:00:00Z");
    place.fhir("rxx", &booked("noshow", "2026-03-12T09:00:00Z"));
    assert_eq!(told(&place), ["appointment-booked", "appointment-changed", "appointment-missed"]);
    // Each stands under its own status in the window, however many others there are.
    let list = place.notices.caseload(PRACTICE).unwrap().unwrap();
    let ever = (jiff::Timestamp::MIN, jiff::Timestamp::MAX);
    let count = |statuses: &[&str]| place.notices.count(list.id, Part::Appointments, ever, statuses).unwrap();
    assert_eq!((count(&["noshow"]), count(&["booked", "pending"]), count(&["show"]), count(&[])), (1, 0, 0, 1));
    let shown = place.notices.window(list.id, Part::Appointments, ever, &["noshow"], false, 1).unwrap();
    assert_eq!(shown.len(), 1);
}

#[test]
fn a_digest_goes_out_once_a_day_and_what_is_for_it_waits_for_nobody() {
    let mut place = registered();
    let rules = Rules {
        tell: [(Topic::Admitted, How::Digest)].into(),
        mail: vec!["team@trust.example".into()],
        digest: Some("08:00".into()),
        ..Rules::for_practice()
    };
    let lists = vec![PRACTICE.to_owned()];
    place.decide(Act::Team { team: PRACTICE.into(), title: "Practice".into(), lists, rules });
    place.hl7("rxx", &Adt { recorded: "20260310083000", ..Adt::default() }.of("1001", NUMBER));
    assert!(place.inbox(PRACTICE).is_empty(), "nobody need acknowledge it");
    place.follower.tick(at("2026-03-10T20:00:00Z")).unwrap();
    assert!(place.notices.mails_after(0, 10).unwrap().is_empty(), "it came after this morning's");
    for hours in [0, 1, 5] {
        place.follower.tick(at("2026-03-11T08:00:30Z") + SignedDuration::from_hours(hours)).unwrap();
    }
    let mails = place.notices.mails_after(0, 10).unwrap();
    assert_eq!(mails.len(), 1);
    assert_eq!((mails[0].why.as_str(), mails[0].count), ("digest", 1));
    place.follower.tick(at("2026-03-12T09:00:00Z")).unwrap();
    assert_eq!(place.notices.mails_after(0, 10).unwrap().len(), 1, "nothing came since");
}

#[test]
fn what_is_passed_on_goes_to_the_addresses_and_what_is_put_off_comes_back() {
    let mut place = registered();
    let rules = Rules { mail: vec!["team@trust.example".into()], ..Rules::for_practice() };
    let lists = vec![PRACTICE.to_owned()];
    place.decide(Act::Team { team: PRACTICE.into(), title: "Practice".into(), lists, rules });
    place.hl7("rxx", &Adt { recorded: "20260310083000", ..Adt::default() }.of("1001", NUMBER));
    let notice = place.inbox(PRACTICE).remove(0);
    let until = place.now + SignedDuration::from_hours(6);
    place.decide(Act::Snooze { team: PRACTICE.into(), story: notice.story, until });
    assert!(place.inbox(PRACTICE).is_empty());
    place.follower.tick(place.now + SignedDuration::from_hours(5)).unwrap();
    assert!(place.notices.mails_after(0, 10).unwrap().is_empty(), "whoever put it off knows of it");
    place.now = until + SignedDuration::from_mins(1);
    assert_eq!(place.inbox(PRACTICE).len(), 1);
    place.follower.tick(place.now).unwrap();
    assert_eq!(place.inbox(PRACTICE)[0].escalated, Some(place.now));
    assert_eq!(place.notices.mails_after(0, 10).unwrap()[0].why, "passed-on");
    // News takes it back from where it was put.
    let moved = Adt { trigger: "A03", id: "2", recorded: "20260310150000", ended: "20260310150000", ..Adt::default() };
    place.decide(Act::Snooze {
        team: PRACTICE.into(),
        story: notice.story,
        until: place.now + SignedDuration::from_hours(9),
    });
    assert!(place.inbox(PRACTICE).is_empty());
    place.hl7("rxx", &moved.of("1001", NUMBER));
    assert_eq!(place.told(&place.inbox(PRACTICE)[0]), ["admitted", "discharged"]);
}
