//! The journal: everything comes back as it came, once, in order.

use crate::home::{Home, at, entry};
use std::collections::BTreeSet;
use store::journal::{EntryKind, Journal, JournalReader, NewEntry, Receipt};

crate::on_both!(
    what_is_appended_comes_back_whole,
    the_same_bytes_under_one_identity_are_stored_once,
    two_writers_number_without_gaps,
    a_dictionary_is_learnt_and_old_and_new_entries_are_read,
    decisions_are_found_by_their_kind,
);

fn what_is_appended_comes_back_whole(home: &Home) {
    let folder = home.hold();
    let journal = Journal::open(&folder).unwrap();
    let first = *journal.head().borrow();
    let strange = NewEntry {
        kind: EntryKind::Fhir,
        source: "a source \0 with a zero".into(),
        feed: "fhir".into(),
        received: at(7),
        ident: None,
        about: Some("{\"path\":\"\u{1}0 \u{0} ü\"}".into()),
        body: (0..=255).cycle().take(70_000).collect(),
        ack: None,
    };
    let sent = [entry(Some("1"), b"MSH|one"), strange, entry(None, b""), entry(Some("2"), b"MSH|two")];
    for (n, entry) in sent.iter().enumerate() {
        let pos = first + n as u64 + 1;
        assert_eq!(journal.append_blocking(entry.clone()).unwrap(), Receipt::Stored { pos, reused: None });
        assert_eq!(*journal.head().borrow(), pos);
    }
    journal.close();
    assert!(journal.append_blocking(entry(None, b"late")).is_err(), "closed");

    let mut reader = JournalReader::open(&folder).unwrap();
    assert_eq!(reader.head().unwrap(), first + 4);
    let read = reader.read(first + 1, 10, usize::MAX).unwrap();
    assert_eq!(read.len(), 4);
    for (read, sent) in read.iter().zip(&sent) {
        assert_eq!((read.kind, &read.source, &read.feed), (sent.kind, &sent.source, &sent.feed));
        assert_eq!((read.received, &read.about), (sent.received, &sent.about));
        assert_eq!((&read.body, &read.ack), (&sent.body, &sent.ack));
    }
    assert_eq!(reader.read(first + 1, 10, 1).unwrap().len(), 1, "one at least, and no more than asked for");
    assert_eq!(reader.entry(first + 2).unwrap().unwrap().body, sent[1].body);
    assert_eq!(reader.entry(first + 5).unwrap(), None);
}

fn the_same_bytes_under_one_identity_are_stored_once(home: &Home) {
    let folder = home.hold();
    let journal = Journal::open(&folder).unwrap();
    let first = *journal.head().borrow();
    // All handed in before the first is waited for, so that they meet in one batch as well.
    let promises: Vec<_> = ["same", "same", "other", "same", "other"]
        .map(|body| journal.enqueue(entry(Some("twice"), body.as_bytes())).unwrap())
        .into_iter()
        .collect();
    let receipts: Vec<_> = promises.into_iter().map(|promise| promise.blocking_recv().unwrap().unwrap()).collect();
    let ack = Some(b"MSA|AA".to_vec());
    assert_eq!(
        receipts,
        [
            Receipt::Stored { pos: first + 1, reused: None },
            Receipt::Repeat { pos: first + 1, ack: ack.clone() },
            Receipt::Stored { pos: first + 2, reused: Some(first + 1) },
            Receipt::Repeat { pos: first + 1, ack: ack.clone() },
            Receipt::Repeat { pos: first + 2, ack: ack.clone() },
        ]
    );
    journal.close();
    let journal = Journal::open(&folder).unwrap();
    let again = journal.append_blocking(entry(Some("twice"), b"other")).unwrap();
    assert_eq!(again, Receipt::Repeat { pos: first + 2, ack }, "after a restart as well");
    assert_eq!(*journal.head().borrow(), first + 2);
    journal.close();
    let about = JournalReader::open(&folder).unwrap().entry(first + 2).unwrap().unwrap().about;
    assert_eq!(about, Some(format!("{{\"reused\":{}}}", first + 1)));
}

fn two_writers_number_without_gaps(home: &Home) {
    const EACH: u64 = 300;
    let folder = home.hold();
    let journals = [Journal::open(&folder).unwrap(), Journal::open(&folder).unwrap()];
    let first = *journals[0].head().borrow();
    let positions: BTreeSet<u64> = std::thread::scope(|scope| {
        let work = |journal: &Journal, n: u64| {
            let promises: Vec<_> = (0..EACH)
                .map(|i| journal.enqueue(entry(Some(&format!("w{n}-{i}")), format!("{n} {i}").as_bytes())).unwrap())
                .collect();
            promises
                .into_iter()
                .map(|promise| match promise.blocking_recv().unwrap().unwrap() {
                    Receipt::Stored { pos, .. } => pos,
                    repeat => panic!("{repeat:?}"),
                })
                .collect::<Vec<u64>>()
        };
        let threads: Vec<_> =
            journals.iter().zip(0..).map(|(journal, n)| scope.spawn(move || work(journal, n))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(positions, (first + 1..=first + 2 * EACH).collect(), "each its own");
    for journal in &journals {
        journal.close();
    }
    let mut reader = JournalReader::open(&folder).unwrap();
    let read = reader.read(first + 1, 10_000, usize::MAX).unwrap();
    let bodies: BTreeSet<_> = read.iter().map(|entry| entry.body.clone()).collect();
    assert_eq!((read.len() as u64, bodies.len() as u64), (2 * EACH, 2 * EACH));
}

fn a_dictionary_is_learnt_and_old_and_new_entries_are_read(home: &Home) {
    let folder = home.hold();
    let journal = Journal::open(&folder).unwrap();
    let first = *journal.head().borrow();
    let body =
        |n: u64| format!("MSH|^~\\&|PAS|RXX|SKEIN|REG|2026010111{n:04}||ADT^A08|M{n}|P|2.4\rPID|1||{n}^^^RXX^PI\r");
    // Opened before there is a dictionary: it learns of it as it reads.
    let mut reader = JournalReader::open(&folder).unwrap();
    for n in 0..1600 {
        drop(journal.enqueue(entry(None, body(n).as_bytes())).unwrap());
    }
    // Training takes a moment; what follows uses what it gave.
    std::thread::sleep(std::time::Duration::from_millis(1500));
    for n in 1600..1700 {
        journal.append_blocking(entry(None, body(n).as_bytes())).unwrap();
    }
    journal.close();
    let read = reader.read(first + 1, 10_000, usize::MAX).unwrap();
    assert_eq!(read.len(), 1700);
    assert!(read.iter().zip(0..).all(|(entry, n)| entry.body == body(n).as_bytes()));
}

fn decisions_are_found_by_their_kind(home: &Home) {
    let folder = home.hold();
    let journal = Journal::open(&folder).unwrap();
    let put = |kind, source: &str, body: &str| {
        let entry = NewEntry { kind, source: source.into(), ..entry(None, body.as_bytes()) };
        let Receipt::Stored { pos, .. } = journal.append_blocking(entry).unwrap() else { panic!("not stored") };
        pos
    };
    let first = put(EntryKind::Profile, "one", "old");
    put(EntryKind::Profile, "two", "of two");
    put(EntryKind::Model, "skein", "first");
    put(EntryKind::Profile, "one", "new");
    put(EntryKind::Model, "skein", "second");
    journal.close();
    let mut reader = JournalReader::open(&folder).unwrap();
    assert_eq!(reader.model().unwrap().as_deref(), Some("second"));
    let wanted = [("two".to_owned(), "of two".to_owned()), ("one".to_owned(), "new".to_owned())];
    assert_eq!(reader.profiles().unwrap(), wanted);
    assert_eq!(reader.profiles_by(first).unwrap(), [("one".to_owned(), "old".to_owned())]);
    assert_eq!(reader.profiles_by(first - 1).unwrap(), []);
}
