//! Which events are due to which subscription, and that a journal read again comes to the same numbers.

use crate::{
    place::{Adt, Place},
    stay::patient,
};
use notify::{Act, Filter, Topic};

const NUMBER: &str = "9990000042";

fn subscribe(id: &str, status: &str, filter: Filter) -> Act {
    Act::Subscribe {
        id: id.into(),
        client: "app".into(),
        resource: format!("{{\"id\":\"{id}\"}}"),
        filter,
        status: status.into(),
        error: None,
    }
}

fn stays() -> Vec<Topic> {
    vec![Topic::Admitted, Topic::Moved, Topic::Discharged]
}

fn of_list() -> Filter {
    Filter { topics: stays(), lists: vec!["practice:X81001".into()], ..Filter::default() }
}

fn numbers(place: &Place, id: &str) -> Vec<(u64, Topic)> {
    place.notices.due(id, 0, 100).unwrap().iter().map(|due| (due.number, due.event.topic)).collect()
}

fn admit(place: &mut Place) {
    place.hl7("rxx", &Adt { recorded: "20260310083000", ..Adt::default() }.of("1001", NUMBER));
}

fn discharge(place: &mut Place) {
    let gone = Adt { trigger: "A03", id: "2", recorded: "20260310085000", ended: "20260310085000", ..Adt::default() };
    place.hl7("rxx", &gone.of("1001", NUMBER));
}

#[test]
fn events_count_from_the_moment_a_subscription_is_asked_for_until_it_fails() {
    let mut place = Place::new();
    place.fhir("x81001", &[patient("p1", NUMBER)]);
    place.decide(subscribe("s1", "requested", of_list()));
    place.decide(subscribe("other", "active", Filter { lists: vec!["practice:X81002".into()], ..of_list() }));
    place.decide(subscribe("letters", "active", Filter { topics: vec![Topic::LetterFiled], ..Filter::default() }));
    admit(&mut place);
    assert_eq!(numbers(&place, "s1"), [(1, Topic::Admitted)], "before its receiver has answered too");
    let of = place.notices.subscription("s1").unwrap().unwrap().mark();
    let state = |of: &str, status: &str| Act::SubscriptionState {
        id: "s1".into(),
        of: of.into(),
        status: status.into(),
        error: None,
    };
    place.decide(state(&of, "error"));
    discharge(&mut place);
    assert_eq!(numbers(&place, "s1").len(), 1);
    assert!(numbers(&place, "other").is_empty() && numbers(&place, "letters").is_empty());
    // What was found out about a former state of it says nothing of what it is now.
    let mut changed = subscribe("s1", "requested", of_list());
    if let Act::Subscribe { resource, .. } = &mut changed {
        *resource = "{\"id\":\"s1\",\"reason\":\"another\"}".into();
    }
    place.decide(changed);
    place.decide(state(&of, "off"));
    assert_eq!(place.notices.subscription("s1").unwrap().unwrap().status, "requested");
    place.hl7("rxx", &Adt { trigger: "A13", id: "3", recorded: "20260310085500", ..Adt::default() }.of("1001", NUMBER));
    assert_eq!(numbers(&place, "s1"), [(1, Topic::Admitted), (2, Topic::Discharged)], "numbers go on");
}

#[test]
fn made_again_from_the_journal_the_numbers_are_the_same_and_what_was_taken_is_not_sent_again() {
    let mut place = Place::new();
    place.fhir("x81001", &[patient("p1", NUMBER)]);
    place.decide(subscribe("s1", "requested", of_list()));
    admit(&mut place);
    let of = place.notices.subscription("s1").unwrap().unwrap().mark();
    let active = Act::SubscriptionState { id: "s1".into(), of, status: "active".into(), error: None };
    place.decide(active);
    place.decide(Act::SubscriptionSent { id: "s1".into(), sent: 1 });
    discharge(&mut place);
    let before = (place.notices.subscription("s1").unwrap(), place.notices.due("s1", 0, 100).unwrap());
    assert_eq!(before.1.len(), 2);
    for forget in [false, true] {
        place.follow_again(forget);
        let after = (place.notices.subscription("s1").unwrap(), place.notices.due("s1", 0, 100).unwrap());
        assert_eq!(after, before);
        assert_eq!(place.notices.queue("s1").unwrap().sent, 1);
    }
    place.decide(Act::Unsubscribe { id: "s1".into() });
    assert_eq!(place.notices.subscription("s1").unwrap(), None);
    assert!(place.notices.due("s1", 0, 100).unwrap().is_empty());
    // What was on its way when it ended begins nothing.
    place.decide(Act::SubscriptionSent { id: "s1".into(), sent: 9 });
    assert_eq!(place.notices.queue("s1").unwrap().sent, 0);
}
