//! What teams are told may be held up while records go on: it is said since when.

use crate::place::Place;
use jiff::SignedDuration;
use notify::HeldUp;

fn admission(visit: &str) -> String {
    format!(
        "MSH|^~\\&|PAS|RXX|SKEIN|R|20260310090000||ADT^A01|{visit}|P|2.4\rEVN|A01|20260310090000\r\
         PID|1||1001^^^RXX^PI~9990000042^^^NHS^NH||BAKER^JANE||19500102|F||||||||||||||||||||||||NSTS01\r\
         PV1|1|I|W12^^1||||||||||||||||{visit}^^^RXX^VN\r"
    )
}

#[test]
fn what_is_held_up_is_said_since_the_first_that_is_not_followed_and_no_more_once_it_is() {
    let mut place = Place::new();
    place.hl7("rxx", &admission("V1"));
    assert_eq!(place.notices.held_up(place.now).unwrap(), None);

    // Nobody follows, as when its thread has ended: a burst is not said, what lasts is.
    place.now += SignedDuration::from_mins(1);
    let came = place.now;
    place.hl7_later("rxx", &admission("V2"));
    place.applied();
    place.now += SignedDuration::from_secs(5);
    place.hl7_later("rxx", &admission("V3"));
    place.applied();
    assert_eq!(place.notices.held_up(place.now).unwrap(), None);
    assert_eq!(place.notices.held_up(came + SignedDuration::from_secs(40)).unwrap(), Some(HeldUp::News(came)));
    place.follow();
    assert_eq!(place.notices.held_up(came + SignedDuration::from_secs(40)).unwrap(), None);

    // Who follows fails: it is said at once, but only when there is something to follow.
    let before = place.notices.reached();
    let well = place.unwritable();
    assert!(!place.follower.step().unwrap());
    assert_eq!(place.notices.held_up(place.now).unwrap(), None);
    place.now += SignedDuration::from_mins(1);
    place.hl7_later("rxx", &admission("V4"));
    place.applied();
    assert!(place.follower.step().is_err());
    assert_eq!(place.notices.held_up(place.now).unwrap(), Some(HeldUp::News(place.now)));
    assert_eq!(place.notices.reached(), before, "nothing of it is written");
    well();
    place.follow();
    assert_eq!(place.notices.held_up(place.now).unwrap(), None);
    assert!(place.notices.reached() > before);
}

#[test]
fn what_is_due_and_cannot_be_done_is_said_since_the_first_attempt() {
    let mut place = Place::new();
    place.settle();
    place.follower.tick(place.now).unwrap();
    let well = place.unwritable();
    // What is made again each day is due.
    let first = place.now + SignedDuration::from_hours(24);
    assert!(place.follower.tick(first).is_err());
    let second = first + SignedDuration::from_mins(3);
    assert!(place.follower.tick(second).is_err());
    assert_eq!(place.notices.held_up(second).unwrap(), Some(HeldUp::Due(first)));
    well();
    place.follower.tick(second).unwrap();
    assert_eq!(place.notices.held_up(second).unwrap(), None);
}
