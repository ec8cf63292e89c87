//! Sending goes on in another process where the former one was.

use crate::place::{Adt, Place};
use notify::Queue;

const NHS: &str = "9000000009";

#[test]
fn another_process_goes_on_sending_where_the_former_one_was_and_one_that_comes_back_believes_itself() {
    let mut place = Place::new();
    for (n, minute) in ["0800", "0810", "0820"].into_iter().enumerate() {
        let (id, recorded) = (n.to_string(), format!("20260310{minute}"));
        place.hl7("rxx", &Adt { id: &id, recorded: &recorded, ..Adt::default() }.of(&format!("{}", 1001 + n), NHS));
    }
    let former = place.notices.clone();
    let now = place.now;
    former.begin_queue("council", now).unwrap();
    former.advance_queue("council", 2).unwrap();
    former.pass_over("council", 1).unwrap();
    former.refuse_in_queue("council", 3, "no such ward", now).unwrap();
    former.advance_queue("mail", 7).unwrap();
    let left = former.sending().unwrap();
    assert_eq!(former.sending().unwrap(), left, "the same while nothing changes");
    assert!(!left.contains(NHS), "{left}");

    // Its own file knows better than what it left some time ago.
    former.advance_queue("council", 4).unwrap();
    former.go_on_sending(&left).unwrap();
    assert_eq!(former.queue("council").unwrap().sent, 4);
    let left = former.sending().unwrap();

    // Another process, from the same journal: the same numbers of events, mails of its own.
    place.follow_again(true);
    let next = place.notices.clone();
    assert_eq!(next.queue("council").unwrap(), Queue::default());
    next.refuse_in_queue("council", 1, "from an earlier time", now).unwrap();
    next.go_on_sending(&left).unwrap();
    assert_eq!(next.queue("council").unwrap().sent, 4);
    assert!(next.was_passed_over("council", 1).unwrap() && !next.was_passed_over("council", 2).unwrap());
    let refused: Vec<u64> = next.refused_in_queue("council", 9).unwrap().iter().map(|one| one.number).collect();
    assert_eq!(refused, [3], "what was settled meanwhile is settled");
    assert_eq!(next.queue("mail").unwrap().sent, 0, "no mail of this file was sent");
    assert_eq!(next.begin_queue("council", now).unwrap(), former.begin_queue("council", now).unwrap());

    assert!(next.go_on_sending("{\"by\": 1}").is_err(), "nothing is guessed from what is no such text");
    assert_eq!(next.queue("council").unwrap().sent, 4);
}
