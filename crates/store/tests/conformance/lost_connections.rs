//! PostgreSQL goes away now and then: what was acknowledged is there once, and what was not is not pretended.

use crate::home::{Home, at, entry, row};
use fhir::{PatientKey, ResourceId, ResourceType};
use std::{
    collections::HashMap,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use store::{
    Server, StoreError,
    audit::{Audit, AuditReader, NewAuditEntry},
    journal::{Journal, JournalReader, Receipt},
};

/// Cut every connection of the database but the one that asks, again and again, while `work` goes on.
fn cutting<T>(home: &Home, work: impl FnOnce() -> T) -> T {
    let done = AtomicBool::new(false);
    let database = home.database.as_ref().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                database.sql(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                     WHERE datname = current_database() AND pid <> pg_backend_pid()",
                );
                std::thread::sleep(Duration::from_millis(15));
            }
        });
        let outcome = work();
        done.store(true, Ordering::Relaxed);
        outcome
    })
}

#[test]
fn what_is_acknowledged_is_stored_once_however_often_the_connection_is_cut() {
    const ENTRIES: u64 = 3000;
    let home = Home::postgres();
    let folder = home.hold();
    let journal = Journal::open(&folder).unwrap();
    // Without an identity: a repeat would not be recognised, so that one that is stored twice shows.
    let receipts = cutting(&home, || {
        let promises: Vec<_> = (0..ENTRIES)
            .map(|n| {
                std::thread::sleep(Duration::from_micros(700));
                journal.enqueue(entry(None, format!("entry {n}").as_bytes())).unwrap()
            })
            .collect();
        promises.into_iter().map(|promise| promise.blocking_recv().unwrap()).collect::<Vec<_>>()
    });
    journal.close();
    let read = JournalReader::open(&folder).unwrap().read(1, 1_000_000, usize::MAX).unwrap();
    let mut stored: HashMap<Vec<u8>, Vec<u64>> = HashMap::new();
    for entry in read {
        stored.entry(entry.body).or_default().push(entry.pos);
    }
    let mut acknowledged = 0;
    for (n, receipt) in receipts.iter().enumerate() {
        let places = stored.remove(format!("entry {n}").as_bytes()).unwrap_or_default();
        match receipt {
            Ok(Receipt::Stored { pos, .. }) => {
                assert_eq!(places, [*pos], "entry {n}");
                acknowledged += 1;
            }
            Ok(repeat) => panic!("{repeat:?}"),
            // It was told that it may not be there.
            Err(error) => assert!(matches!(error, StoreError::Away(_)) && places.len() <= 1, "{error}: {places:?}"),
        }
    }
    assert!(stored.is_empty(), "what nobody sent");
    assert!(acknowledged > ENTRIES / 2, "{acknowledged} acknowledged");
}

#[test]
fn the_audit_trail_stays_whole_however_often_the_connection_is_cut() {
    let home = Home::postgres();
    let folder = home.hold();
    let audit = Audit::open(&folder).unwrap();
    let numbers = cutting(&home, || {
        let answers: Vec<_> = (0..600)
            .map(|n| {
                std::thread::sleep(Duration::from_millis(2));
                let body = format!("{{\"n\":{n}}}");
                audit.append(NewAuditEntry { at: at(n), user: "gp".into(), body, ..Default::default() }).unwrap()
            })
            .collect();
        answers.into_iter().map(|answer| answer.blocking_recv().unwrap()).collect::<Vec<_>>()
    });
    // Readers that were cut connect again.
    let last = audit.read(AuditReader::last).or_else(|_| audit.read(AuditReader::last)).unwrap();
    audit.close();
    let reader = AuditReader::open(&folder).unwrap();
    assert_eq!(reader.verify(&[]).unwrap(), last);
    let mut told = 0;
    for (n, number) in numbers.into_iter().enumerate() {
        if let Ok(number) = number {
            assert_eq!(reader.entry(number).unwrap().unwrap().body, format!("{{\"n\":{n}}}"));
            told += 1;
        }
    }
    assert!(told > 300 && last >= told, "{told} of {last}");
}

#[test]
fn a_derived_state_whose_connection_is_cut_is_as_it_says_it_is() {
    let home = Home::postgres();
    let (derived, mut writer) = home.derived();
    let kind = ResourceType::Observation;
    let mut failures = 0;
    let reached = cutting(&home, || {
        let mut reached = 0;
        // Long enough for cuts to fall into batches.
        while reached < 120 || failures < 3 {
            let next = reached + 1;
            let mut batch = || {
                writer.begin()?;
                let version = u32::try_from(next).unwrap();
                writer.put(&row(&derived, 1, kind, 1, version, &format!("{{\"n\":{next}}}")), next)?;
                std::thread::sleep(Duration::from_millis(3));
                writer.commit(next)
            };
            if batch().is_err() {
                failures += 1;
                // As the applier does: undo until it can be undone, and believe the database where it is.
                while writer.rollback().is_err() {}
            }
            reached = loop {
                match writer.applied() {
                    Ok(applied) => break applied,
                    Err(error) => assert!(matches!(error, StoreError::Away(_)), "{error}"),
                }
            };
        }
        reached
    });
    let id = ResourceId { patient: PatientKey(1), local: 1 };
    let snapshot = derived.snapshot().unwrap();
    let versions: Vec<u64> = snapshot.versions(id, kind).unwrap().iter().map(|row| row.seq).collect();
    assert_eq!(versions, (1..=reached).rev().collect::<Vec<_>>(), "each once");
}

/// What a crash of the database takes of the derived state is made again, and not jumped over.
#[test]
fn a_database_that_went_back_is_noticed_before_anything_is_written() {
    let home = Home::postgres();
    let folder = home.hold();
    let (derived, mut writer) = store::Derived::open(&folder).unwrap();
    let journal = Journal::open(&folder).unwrap();
    for seq in 1..=3 {
        journal.append_blocking(entry(None, b"x")).unwrap();
        writer.begin().unwrap();
        writer.commit(seq).unwrap();
    }
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let database = home.database.as_ref().unwrap();
    database.sql(cut);
    std::thread::sleep(Duration::from_millis(100));
    writer.begin().unwrap();
    writer.commit(4).unwrap();
    assert_eq!(derived.snapshot().unwrap().seq(), 4, "nothing was lost: it goes on");
    home.tamper("derived.db", "UPDATE meta SET value = '2' WHERE key = 'applied'");
    home.tamper("journal.db", "DELETE FROM entry WHERE pos = 3");
    database.sql(cut);
    std::thread::sleep(Duration::from_millis(100));
    let said = writer.begin().unwrap_err();
    assert!(matches!(said, StoreError::Away(_)), "{said}");
    writer.rollback().unwrap();
    assert_eq!(writer.applied().unwrap(), 2);
    writer.begin().unwrap();
    writer.commit(3).unwrap();
    let said = journal.append_blocking(entry(None, b"x")).unwrap_err();
    assert!(matches!(said, StoreError::Stopped(_)) && said.to_string().contains("entry 3 was acknowledged"), "{said}");
    journal.close();
}

#[test]
fn a_database_that_is_not_there_is_said_to_be_away_and_not_shown_with_its_password() {
    let server = Server::parse("postgres://skein:secret@127.0.0.1:1/region", None, None).unwrap();
    let said = server.init().unwrap_err();
    assert!(matches!(said, StoreError::Away(_)), "{said:?}");
    let shown = format!("{said} {said:?} {server} {server:?}");
    assert!(shown.contains("127.0.0.1:1") && !shown.contains("secret"), "{shown}");
    for (address, says) in [
        ("postgres://skein:secret@db.example/region", "store_authorities"),
        ("postgres:///region", "names no host"),
        ("postgres://skein:secret@127.0.0.1", "names no database"),
        ("not an address: secret", "is none"),
    ] {
        let said = Server::parse(address, None, None).unwrap_err().to_string();
        assert!(said.contains(says) && !said.contains("secret"), "{said}");
    }
}
