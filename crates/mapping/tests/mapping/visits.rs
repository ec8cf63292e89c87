//! A visit is the sum of its events, in whatever order they come.

use crate::support::*;
use fhir::{Resource, ResourceType::*};

const OBS1: &str = "RXX^OBS1^BED1^RXX01";
const OBS2: &str = "RXX^OBS2^BED7^RXX01";

fn event(trigger: &str, at: &str, class: &str, place: &str, more: &[(usize, &str)]) -> String {
    adt(trigger, at, JOAN, &pv1(class, place, more))
}

fn admit() -> String {
    event("A01", "202503011200", "I", OBS1, &[(44, "202503011155")])
}

fn moved() -> String {
    event("A02", "202503021000", "I", OBS2, &[(6, OBS1)])
}

fn after(messages: &[String]) -> Resource {
    let mut w = World::new();
    for message in messages {
        w.send(message);
    }
    w.one(Encounter).clone()
}

fn wards(stay: &Resource) -> Vec<(String, String)> {
    let part = |v: &serde_json::Value| v.as_str().unwrap_or("-").to_owned();
    stay.list("location").iter().map(|l| (part(&l["location"]["display"]), part(&l["status"]))).collect()
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

const IN_OBS1: &str = "OBS1, BED1 (RXX01)";
const IN_OBS2: &str = "OBS2, BED7 (RXX01)";

/// All orders of up to four messages.
fn permutations(messages: &[String]) -> Vec<Vec<String>> {
    if messages.len() < 2 {
        return vec![messages.to_vec()];
    }
    let mut all = Vec::new();
    for at in 0..messages.len() {
        let mut rest = messages.to_vec();
        let first = rest.remove(at);
        for mut order in permutations(&rest) {
            order.insert(0, first.clone());
            all.push(order);
        }
    }
    all
}

fn same_in_any_order(messages: &[String]) -> Resource {
    let told = after(messages);
    for order in permutations(messages) {
        assert_eq!(after(&order).to_json(), told.to_json());
        let mut twice = order.clone();
        twice.extend(order);
        assert_eq!(after(&twice).to_json(), told.to_json(), "twice is once");
    }
    told
}

#[test]
fn a_move_ends_one_stay_and_begins_another() {
    let stay = same_in_any_order(&[admit(), moved()]);
    assert_eq!(text(&stay, "/status"), "in-progress");
    assert_eq!(wards(&stay), pairs(&[(IN_OBS1, "completed"), (IN_OBS2, "active")]));
    assert_eq!(text(&stay, "/location/0/period/start"), "2025-03-01T11:55:00+00:00");
    assert_eq!(text(&stay, "/location/0/period/end"), "2025-03-02T10:00:00+00:00");
}

#[test]
fn a_cancelled_move_returns_to_the_former_ward() {
    let back = event("A12", "202503021100", "I", OBS1, &[(6, OBS2)]);
    let stay = same_in_any_order(&[admit(), moved(), back]);
    assert_eq!(wards(&stay), pairs(&[(IN_OBS1, "active")]));
    assert!(stay.at("/location/0/period/end").is_none());
}

#[test]
fn a_cancelled_move_of_which_nothing_else_is_known_tells_the_ward() {
    let stay = after(&[event("A12", "202503021100", "I", OBS1, &[])]);
    assert_eq!(wards(&stay), pairs(&[(IN_OBS1, "active")]));
}

#[test]
fn a_discharge_ends_and_its_cancellation_reopens() {
    let left = event("A03", "202503041500", "I", OBS2, &[(36, "1"), (37, "19"), (45, "202503041445")]);
    let stay = same_in_any_order(&[admit(), moved(), left.clone()]);
    assert_eq!(text(&stay, "/status"), "finished");
    assert_eq!(text(&stay, "/period/end"), "2025-03-04T14:45:00+00:00");
    assert_eq!(wards(&stay), pairs(&[(IN_OBS1, "completed"), (IN_OBS2, "completed")]));
    let back = event("A13", "202503041600", "I", OBS2, &[]);
    let stay = same_in_any_order(&[admit(), moved(), left, back]);
    assert_eq!(text(&stay, "/status"), "in-progress");
    assert!(stay.at("/period/end").is_none());
    assert!(stay.at("/hospitalization/dischargeDisposition").is_none());
    assert!(!stay.to_json().contains("DischargeMethod"));
    assert_eq!(wards(&stay), pairs(&[(IN_OBS1, "completed"), (IN_OBS2, "active")]));
}

#[test]
fn a_cancelled_admission_stays_cancelled_when_the_admission_comes_late() {
    let cancelled = event("A11", "202503011230", "I", OBS1, &[]);
    let stay = same_in_any_order(&[admit(), cancelled.clone()]);
    assert_eq!(text(&stay, "/status"), "cancelled");
    // In the very same minute, too.
    let at_once = event("A11", "202503011200", "I", OBS1, &[]);
    assert_eq!(text(&same_in_any_order(&[admit(), at_once]), "/status"), "cancelled");
    // An admission written down later is another matter.
    let again = event("A01", "202503011800", "I", OBS1, &[(44, "202503011800")]);
    assert_eq!(text(&same_in_any_order(&[admit(), cancelled, again]), "/status"), "in-progress");
}

#[test]
fn an_expected_admission_is_planned_and_can_be_called_off() {
    let expected = event("A05", "202502201000", "P", OBS1, &[]);
    let stay = after(std::slice::from_ref(&expected));
    assert_eq!((text(&stay, "/status"), text(&stay, "/class/code")), ("planned", "PRENC"));
    assert_eq!(wards(&stay), pairs(&[(IN_OBS1, "planned")]));
    let off = event("A38", "202502211000", "P", OBS1, &[]);
    assert_eq!(text(&same_in_any_order(&[expected.clone(), off]), "/status"), "cancelled");
    let stay = same_in_any_order(&[expected, admit()]);
    assert_eq!((text(&stay, "/status"), text(&stay, "/class/code")), ("in-progress", "IMP"));
}

#[test]
fn an_outpatient_arrives_and_a_patient_in_a_and_e_is_in_progress() {
    assert_eq!(text(&after(&[event("A04", "202503011200", "O", "RXX^CLINIC3", &[])]), "/status"), "arrived");
    let in_ae = event("A04", "202503010800", "E", "RXX^AE", &[]);
    let stay = after(std::slice::from_ref(&in_ae));
    assert_eq!((text(&stay, "/status"), text(&stay, "/class/code")), ("in-progress", "EMER"));
    // From A&E to a bed.
    let stay = same_in_any_order(&[in_ae, event("A06", "202503011300", "I", OBS1, &[])]);
    assert_eq!(text(&stay, "/class/code"), "IMP");
    assert_eq!(wards(&stay), pairs(&[("AE", "completed"), (IN_OBS1, "active")]));
}

#[test]
fn leave_is_leave_until_the_return() {
    let away = event("A21", "202503031000", "I", OBS1, &[]);
    assert_eq!(text(&same_in_any_order(&[admit(), away.clone()]), "/status"), "onleave");
    let back = event("A22", "202503032000", "I", OBS1, &[]);
    assert_eq!(text(&same_in_any_order(&[admit(), away, back]), "/status"), "in-progress");
}

#[test]
fn an_update_tells_no_move_unless_the_profile_says_so() {
    let update = event("A08", "202503021000", "I", OBS2, &[]);
    assert_eq!(wards(&same_in_any_order(&[admit(), update.clone()])), pairs(&[(IN_OBS1, "active")]));
    let mut w = World::toml("source = \"rxx\"\n[quirks]\na08_moves = true");
    w.send(&admit());
    w.send(&update);
    assert_eq!(wards(w.one(Encounter)), pairs(&[(IN_OBS1, "completed"), (IN_OBS2, "active")]));
}

#[test]
fn a_visit_first_heard_of_by_an_update_is_there() {
    let stay = after(&[event("A08", "202503021000", "I", OBS2, &[(44, "202503011155")])]);
    assert_eq!(text(&stay, "/status"), "in-progress");
    assert_eq!(text(&stay, "/period/start"), "2025-03-01T11:55:00+00:00");
    assert_eq!(wards(&stay), pairs(&[(IN_OBS2, "active")]));
}

#[test]
fn a_pending_move_is_shown_until_it_happens() {
    let pending = event("A15", "202503020900", "I", OBS1, &[(42, OBS2)]);
    assert_eq!(
        wards(&same_in_any_order(&[admit(), pending.clone()])),
        pairs(&[(IN_OBS1, "active"), (IN_OBS2, "planned")])
    );
    assert_eq!(
        wards(&same_in_any_order(&[admit(), pending.clone(), moved()])),
        pairs(&[(IN_OBS1, "completed"), (IN_OBS2, "active")])
    );
    let off = event("A26", "202503020930", "I", OBS1, &[(42, "\"\"")]);
    assert_eq!(wards(&same_in_any_order(&[admit(), pending, off])), pairs(&[(IN_OBS1, "active")]));
}

#[test]
fn a_deleted_visit_is_an_error_for_good() {
    let gone = event("A23", "202503011300", "I", OBS1, &[]);
    assert_eq!(text(&same_in_any_order(&[admit(), gone]), "/status"), "entered-in-error");
}

#[test]
fn a_visit_without_number_is_known_by_its_admission() {
    let plain = |trigger: &str, at: &str, more: &[(usize, &str)]| {
        let mut all = vec![(19, "")];
        all.extend(more);
        event(trigger, at, "I", OBS1, &all)
    };
    let stay = after(&[
        plain("A01", "202503011200", &[(44, "202503011155")]),
        plain("A03", "202503021200", &[(44, "202503011155"), (45, "202503021150")]),
    ]);
    assert_eq!(text(&stay, "/status"), "finished");
    let w = World::new();
    let set = w.map(&plain("A02", "202503021200", &[]));
    assert_eq!(set.findings[0].code, "visit-without-identifier");
    assert_eq!(set.changes.len(), 1, "the patient is updated all the same");
}

#[test]
fn a_ward_may_stand_in_the_first_component() {
    let mut w = World::toml("source = \"rxx\"\n[visit]\nlocation = \"ward-bay-bed-site\"");
    w.send(&event("A01", "202503011200", "I", "W12^BAY3^4^RXX01", &[]));
    assert_eq!(wards(w.one(Encounter)), pairs(&[("W12, BAY3, bed 4 (RXX01)", "active")]));
}

#[test]
fn a_person_message_makes_no_visit() {
    let mut w = World::new();
    w.send(&adt("A31", "202503011200", JOAN, &pv1("N", "", &[])));
    assert!(w.all(Encounter).is_empty());
}

#[test]
fn a_long_stay_keeps_its_state_small() {
    let mut w = World::new();
    w.send(&admit());
    for n in 0..400 {
        let at = format!("2025{:02}{:02}{:02}00", 3 + n / 240 % 9, 1 + n / 12 % 20, n % 12 + 10);
        w.send(&event("A02", &at, "I", &format!("RXX^W{}^B{n}^RXX01", n % 20), &[]));
    }
    let (stay, state) = w.rows.values().find(|(r, _)| r.kind() == Encounter).unwrap();
    assert!(state.len() < 8_000, "{}", state.len());
    assert_eq!(text(stay, "/status"), "in-progress");
    assert!(stay.list("location").len() <= 100);
}
