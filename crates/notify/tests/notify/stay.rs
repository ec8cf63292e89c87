//! One stay is one story, whatever order its messages come in and however often.

use crate::place::{Adt, Place, at};
use notify::{Act, Topic};

const NUMBER: &str = "9990000042";

/// Margaret Baker is on the list of Mill Lane Surgery.
fn registered() -> Place {
    let mut place = Place::new();
    place.fhir("x81001", &[patient("p1", NUMBER)]);
    place
}

pub fn patient(id: &str, number: &str) -> serde_json::Value {
    serde_json::json!({"resourceType": "Patient", "id": id, "active": true,
        "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": number,
            "extension": [{"url": "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus",
                "valueCodeableConcept": {"coding": [{"code": "01"}]}}]}],
        "name": [{"family": "Baker", "given": ["Margaret"]}], "birthDate": "1930-07-14", "gender": "female"})
}

/// A stay in six messages: admitted, the expected day set, moved, the expected day changed, moved again, gone.
fn stay() -> Vec<String> {
    let of = |trigger, id, recorded, ward, prior, expected, ended| {
        Adt { trigger, id, recorded, happened: "", ward, prior, expected, ended }.of("1001", NUMBER)
    };
    vec![
        of("A01", "1", "20260310083000", "W12", "", "", ""),
        of("A08", "2", "20260310090000", "W12", "", "20260313", ""),
        of("A02", "3", "20260310120000", "W7", "W12", "20260313", ""),
        of("A08", "4", "20260310130000", "W7", "", "20260314", ""),
        of("A02", "5", "20260311100000", "W9", "W7", "20260314", ""),
        of("A03", "6", "20260314110000", "W9", "", "20260314", "20260314110000"),
    ]
}

fn permutations(n: usize) -> Vec<Vec<usize>> {
    let mut all = vec![vec![]];
    for next in 0..n {
        let grown = all.into_iter().flat_map(|order: Vec<usize>| {
            (0..=order.len()).map(move |at| {
                let mut order = order.clone();
                order.insert(at, next);
                order
            })
        });
        all = grown.collect();
    }
    all
}

#[test]
fn a_stay_is_told_once_step_by_step() {
    let mut place = registered();
    for (n, message) in stay().iter().enumerate() {
        place.now = at("2026-03-10T09:00:00Z") + jiff::SignedDuration::from_hours(20 * i64::try_from(n).unwrap());
        place.hl7("rxx", message);
        // The same message again tells nothing.
        let events = place.notices.newest().unwrap();
        place.hl7("rxx", message);
        assert_eq!(place.notices.newest().unwrap(), events);
    }
    let told: Vec<String> = place.notices.events_after(0, 100).unwrap().iter().map(crate::place::line).collect();
    assert_eq!(told, ["admitted", "expected-discharge", "moved", "expected-discharge", "moved", "discharged"]);
    // The practice is told of the admission and of the discharge, in one notice.
    let inbox = place.inbox("practice:X81001");
    assert_eq!(inbox.len(), 1);
    assert_eq!(place.told(&inbox[0]), ["admitted", "discharged"]);
}

#[test]
fn every_order_and_repetition_of_a_stay_gives_one_story() {
    let messages = stay();
    let mut expected = None;
    let mut place = registered();
    // Each order is another person's stay, for a region is dear to start.
    for (n, order) in permutations(messages.len()).into_iter().enumerate() {
        let local = format!("{}", 2000 + n);
        let before = place.notices.newest().unwrap();
        for (step, index) in order.iter().enumerate() {
            let message = messages[*index]
                .replace("1001^^^RXX", &format!("{local}^^^RXX"))
                .replace("V1001", &format!("V{local}"));
            let message = message.replace("~9990000042^^^NHS^NH", "").replace("BAKER", &format!("BAKER{n}"));
            let message = message.replace(&format!("|{}|P|2.4", index + 1), &format!("|{local}-{index}|P|2.4"));
            place.hl7_later("rxx", &message);
            if step % 2 == 0 {
                place.hl7_later("rxx", &message);
            }
        }
        place.settle();
        let events = place.notices.events_after(before, 1000).unwrap();
        let mut standing: Vec<(Topic, String)> = events
            .iter()
            .filter(|event| event.standing == notify::Standing::Holds)
            .map(|event| (event.topic, event.key.clone()))
            .collect();
        standing.sort();
        // Whatever was told and does not hold was taken back, or another is in its place.
        for event in &events {
            if event.standing == notify::Standing::TakenBack {
                assert!(events.iter().any(|other| other.corrects == Some(event.n)), "{order:?}: {event:?}");
            }
        }
        let expected = expected.get_or_insert_with(|| standing.clone());
        assert_eq!(&standing, expected, "in the order {order:?}");
    }
    let topics: Vec<Topic> = expected.unwrap().into_iter().map(|(topic, _)| topic).collect();
    assert_eq!(topics, [Topic::Admitted, Topic::Moved, Topic::Moved, Topic::Discharged]);
}

#[test]
fn a_cancelled_admission_corrects_what_was_told() {
    let mut place = registered();
    place.hl7("rxx", &stay()[0]);
    let inbox = place.inbox("practice:X81001");
    assert_eq!(inbox.len(), 1);
    let story = inbox[0].story;
    place.decide(Act::Acknowledge { team: "practice:X81001".into(), stories: vec![story], up_to: inbox[0].last });
    assert!(place.inbox("practice:X81001").is_empty());
    let cancel = Adt { trigger: "A11", id: "9", recorded: "20260310101500", ..Adt::default() }.of("1001", NUMBER);
    place.hl7("rxx", &cancel);
    let inbox = place.inbox("practice:X81001");
    assert_eq!(inbox.len(), 1, "what was acknowledged is told again when it turns out wrong");
    assert_eq!(place.told(&inbox[0]), ["admitted", "-admitted"]);
}

#[test]
fn a_cancelled_move_and_a_cancelled_discharge_take_it_back() {
    let mut place = registered();
    let of = |trigger, id, recorded, ward, prior, ended| {
        Adt { trigger, id, recorded, ward, prior, ended, ..Adt::default() }.of("1001", NUMBER)
    };
    place.hl7("rxx", &of("A01", "1", "20260310083000", "W12", "", ""));
    place.hl7("rxx", &of("A02", "2", "20260310093000", "W7", "W12", ""));
    place.hl7("rxx", &of("A12", "3", "20260310094000", "W12", "W7", ""));
    assert_eq!(place.standing().iter().map(|(topic, _)| *topic).collect::<Vec<_>>(), [Topic::Admitted]);
    place.hl7("rxx", &of("A03", "4", "20260310103000", "W12", "", "20260310103000"));
    place.hl7("rxx", &of("A13", "5", "20260310104000", "W12", "", ""));
    let told: Vec<String> = place.notices.events_after(0, 100).unwrap().iter().map(crate::place::line).collect();
    assert_eq!(told, ["admitted", "moved", "-moved", "discharged", "-discharged"]);
    let inbox = place.inbox("practice:X81001");
    assert_eq!(place.told(&inbox[0]), ["admitted", "discharged", "-discharged"], "moves are not told to a practice");
}

#[test]
fn what_nobody_acknowledges_is_passed_on_after_four_hours_and_once() {
    let mut place = registered();
    place.hl7("rxx", &stay()[0]);
    let notice = place.inbox("practice:X81001").remove(0);
    assert_eq!(notice.due, Some(place.now + jiff::SignedDuration::from_hours(4)));
    place.follower.tick(place.now + jiff::SignedDuration::from_mins(239)).unwrap();
    assert_eq!(place.inbox("practice:X81001")[0].escalated, None);
    let later = place.now + jiff::SignedDuration::from_mins(241);
    place.follower.tick(later).unwrap();
    let passed = place.inbox("practice:X81001").remove(0);
    assert_eq!((passed.escalated, passed.due), (Some(later), None));
    place.decide(Act::Acknowledge { team: "practice:X81001".into(), stories: vec![notice.story], up_to: notice.last });
    place.follower.tick(later + jiff::SignedDuration::from_hours(5)).unwrap();
    assert!(place.inbox("practice:X81001").is_empty());
}

#[test]
fn what_is_due_is_passed_on_while_much_is_still_to_be_taken() {
    let mut place = registered();
    place.hl7("rxx", &stay()[0]);
    let notice = place.inbox("practice:X81001").remove(0);
    let due = notice.due.unwrap();
    // Nothing that is known is so late.
    place.follower.tick_behind().unwrap();
    assert_eq!(place.inbox("practice:X81001")[0].escalated, None);
    // The next entry that is taken came later than that, whatever comes behind it.
    place.now = due + jiff::SignedDuration::from_mins(1);
    place.fhir("x81001", &[patient("p1", NUMBER)]);
    place.follower.tick_behind().unwrap();
    let passed = place.inbox("practice:X81001").remove(0);
    assert_eq!((passed.escalated, passed.due), (Some(place.now), None));
}

#[test]
fn old_history_tells_nothing() {
    let mut place = registered();
    let old = Adt { recorded: "20250110083000", ..Adt::default() }.of("1001", NUMBER);
    let gone = Adt { trigger: "A03", id: "2", recorded: "20250114083000", ended: "20250114083000", ..Adt::default() }
        .of("1001", NUMBER);
    place.hl7("rxx", &old);
    place.hl7("rxx", &gone);
    assert_eq!(place.notices.newest().unwrap(), 0);
}

#[test]
fn begun_again_from_its_file_or_from_nothing_it_comes_to_the_same() {
    let mut place = registered();
    for message in &stay()[..3] {
        place.hl7("rxx", message);
    }
    let notice = place.inbox("practice:X81001").remove(0);
    place.decide(Act::Assign { team: "practice:X81001".into(), story: notice.story, to: "Dr Hall".into() });
    let before = (place.notices.events_after(0, 100).unwrap(), place.inbox("practice:X81001"));
    place.follow_again(false);
    assert_eq!((place.notices.events_after(0, 100).unwrap(), place.inbox("practice:X81001")), before);
    place.follow_again(true);
    assert_eq!((place.notices.events_after(0, 100).unwrap(), place.inbox("practice:X81001")), before);
}
