//! The derived state: a batch is visible at once or never, and every view is of one moment.

use crate::home::{Home, at, row};
use fhir::{PatientKey, ResourceId, ResourceType};
use std::sync::atomic::{AtomicBool, Ordering};
use store::{BearingRow, Problem, ProblemStatus, StoreError};

crate::on_both!(
    a_batch_of_many_rows_is_there_as_it_was_written,
    what_is_expected_is_what_is_read,
    versions_and_history_are_as_of_any_seq,
    a_batch_that_is_undone_leaves_no_trace,
    a_view_is_of_one_moment_whatever_is_written,
    the_change_feed_names_what_was_touched,
    sources_say_when_they_were_last_heard,
    the_error_desk_keeps_what_waits,
    what_bears_on_access_is_kept_by_the_resource_that_says_it,
    one_derived_state_has_one_writer,
);

const KIND: ResourceType = ResourceType::Observation;

fn a_batch_of_many_rows_is_there_as_it_was_written(home: &Home) {
    let (derived, mut writer) = home.derived();
    let base = writer.applied().unwrap();
    let patient = u64::MAX - 700;
    let text = |local: u64, version: u32| format!("{{\"value\":\"{local} {version}\"}}");
    writer.begin().unwrap();
    for local in 1..=700u64 {
        let mut put = row(&derived, patient, KIND, local, 1, &text(local, 1));
        put.message = base + 1;
        writer.put(&put, base + 1).unwrap();
        if local % 3 == 0 {
            // What was written a moment ago is changed, and goes to the history as it was.
            let mut put = row(&derived, patient, KIND, local, 2, &text(local, 2));
            put.state = vec![7];
            put.message = base + 2;
            writer.put(&put, base + 2).unwrap();
        }
        if local % 100 == 0 {
            let id = ResourceId { patient: PatientKey(patient), local };
            let version = if local % 3 == 0 { 2 } else { 1 };
            assert_eq!(writer.current(id, KIND).unwrap().unwrap().version, version, "seen by its own batch");
            writer.put_identifiers(id, KIND, &[], &[42, 43]).unwrap();
            writer.put_identifiers(id, KIND, &[43], &[]).unwrap();
            assert_eq!(writer.find_identifier(42).unwrap().len() as u64, local / 100);
        }
    }
    for seq in [base + 1, base + 2] {
        writer.note_applied(seq, (1, 1), at(1), None, &[PatientKey(patient)]).unwrap();
    }
    writer.commit(base + 2).unwrap();

    let snapshot = derived.snapshot().unwrap();
    assert!(snapshot.find_identifier(43).unwrap().is_empty());
    for (seq, changed) in [(base + 1, false), (base + 2, true)] {
        let mut local = 0;
        let each = |found: store::Row| {
            local += 1;
            let version = if changed && local % 3 == 0 { 2 } else { 1 };
            assert_eq!((found.id.local, found.version), (local, version));
            let plain = derived.codec().decompress(found.dictionary, &found.body)?;
            assert_eq!(String::from_utf8(plain).unwrap(), text(local, version));
            Ok::<_, StoreError>(())
        };
        snapshot.each_row(PatientKey(patient), &[], seq, each).unwrap();
        assert_eq!(local, 700, "as of {seq}");
    }
    drop(snapshot);

    // Of a batch that is undone nothing is there, what was not sent yet neither.
    writer.begin().unwrap();
    writer.put(&row(&derived, patient, KIND, 701, 1, &text(701, 1)), base + 3).unwrap();
    writer.rollback().unwrap();
    writer.begin().unwrap();
    writer.commit(base + 3).unwrap();
    let id = ResourceId { patient: PatientKey(patient), local: 701 };
    assert!(derived.snapshot().unwrap().current(id, KIND).unwrap().is_none());
}

fn what_is_expected_is_what_is_read(home: &Home) {
    let (derived, mut writer) = home.derived();
    let base = writer.applied().unwrap();
    let patients = [PatientKey(u64::MAX - 801), PatientKey(u64::MAX - 802)];
    let kinds = [KIND, ResourceType::Condition, ResourceType::Encounter];
    writer.begin().unwrap();
    for (patient, kind) in patients.iter().flat_map(|patient| kinds.map(|kind| (patient, kind))) {
        for local in 1..=40 {
            let mut put =
                row(&derived, patient.0, kind, local, 1, &format!("{{\"value\":\"{patient} {kind} {local}\"}}"));
            put.message = base + 1;
            writer.put(&put, base + 1).unwrap();
        }
    }
    writer.note_applied(base + 1, (1, 1), at(1), None, &patients).unwrap();
    writer.commit(base + 1).unwrap();
    let read = |snapshot: &store::Snapshot, patient, kinds: &[ResourceType]| {
        let mut found = Vec::new();
        let each = |row: store::Row| {
            found.push((row.kind, row.id, row.body));
            Ok::<_, StoreError>(())
        };
        snapshot.each_row(patient, kinds, base + 1, each).unwrap();
        found
    };
    let plain = derived.snapshot().unwrap();
    let wanted = patients.map(|patient| (read(&plain, patient, &[]), read(&plain, patient, &kinds)));
    assert_eq!(wanted[0].0.len(), 120);
    // Once for the statements to be known, then as they are asked ahead; in the order expected, in another, and not at all.
    for round in 0..4 {
        for (patient, (all, by_kind)) in patients.into_iter().zip(&wanted) {
            plain.expect(patient, if round < 2 { &[] } else { &kinds }, base + 1).unwrap();
            match round {
                0 => assert!(plain.moves(patient, base + 1).unwrap().is_empty()),
                1 => assert_eq!(plain.received(base + 1).unwrap(), at(1), "what was not expected"),
                2 => assert_eq!(&read(&plain, patients[0], &[]), &wanted[0].0),
                _ => continue,
            }
            assert_eq!(&read(&plain, patient, &kinds), by_kind);
            assert_eq!(&read(&plain, patient, &[]), all);
            assert!(plain.survivor(patient, base + 1).unwrap().is_none());
        }
    }
    // What was expected and not asked for is of its own view, and of no later one.
    drop(plain);
    writer.begin().unwrap();
    let mut put = row(&derived, patients[0].0, KIND, 41, 1, "{}");
    put.message = base + 2;
    writer.put(&put, base + 2).unwrap();
    writer.note_applied(base + 2, (1, 1), at(2), None, &patients).unwrap();
    writer.commit(base + 2).unwrap();
    let snapshot = derived.snapshot().unwrap();
    let mut count = 0;
    let each = |_| {
        count += 1;
        Ok::<_, StoreError>(())
    };
    snapshot.each_row(patients[0], &[], base + 2, each).unwrap();
    assert_eq!(count, 121);
}

fn versions_and_history_are_as_of_any_seq(home: &Home) {
    let (derived, mut writer) = home.derived();
    let base = writer.applied().unwrap();
    let id = ResourceId { patient: PatientKey(u64::MAX - 1), local: u64::MAX };
    let text = |n: u32| format!("{{\"value\":\"{n}\"}}");
    writer.begin().unwrap();
    for n in 1..=3u32 {
        let mut put = row(&derived, id.patient.0, KIND, id.local, n, &text(n));
        put.deleted = n == 3;
        put.state = vec![0, n as u8];
        put.message = base + u64::from(n);
        writer.put(&put, base + u64::from(n)).unwrap();
        writer.note_applied(base + u64::from(n), (1, 1), at(n.into()), None, &[id.patient]).unwrap();
        // What was written in this batch is seen by it.
        assert_eq!(writer.current(id, KIND).unwrap().unwrap().version, n);
    }
    assert_eq!(
        derived.snapshot().unwrap().current(id, KIND).unwrap().map(|row| row.version),
        None,
        "not yet for others"
    );
    writer.commit(base + 3).unwrap();

    let snapshot = derived.snapshot().unwrap();
    assert_eq!(snapshot.seq(), base + 3);
    for n in 1..=3u32 {
        let found = snapshot.row(id, KIND, base + u64::from(n)).unwrap().unwrap();
        assert_eq!((found.version, found.seq, found.message), (n, base + u64::from(n), base + u64::from(n)));
        assert_eq!(found.deleted, n == 3);
        let plain = derived.codec().decompress(found.dictionary, &found.body).unwrap();
        assert_eq!(String::from_utf8(plain).unwrap(), text(n));
        let mut all = Vec::new();
        snapshot
            .each_row::<StoreError>(id.patient, &[], base + u64::from(n), |row| {
                all.push(row.version);
                Ok(())
            })
            .unwrap();
        assert_eq!(all, [n]);
    }
    assert!(snapshot.row(id, KIND, base).unwrap().is_none());
    let versions: Vec<u32> = snapshot.versions(id, KIND).unwrap().iter().map(|row| row.version).collect();
    assert_eq!(versions, [3, 2, 1]);
    let current = snapshot.current(id, KIND).unwrap().unwrap();
    assert_eq!((current.version, current.deleted, current.state), (3, true, vec![0, 3]));
    assert_eq!(snapshot.kinds_of(id).unwrap(), [KIND]);
    assert_eq!(snapshot.counts(id.patient).unwrap(), [], "a tombstone is not counted");
    assert_eq!(snapshot.received(base + 2).unwrap(), at(2));
    assert_eq!(snapshot.seq_at(at(2)).unwrap(), base + 2);
}

fn a_batch_that_is_undone_leaves_no_trace(home: &Home) {
    let (derived, mut writer) = home.derived();
    let base = writer.applied().unwrap();
    writer.begin().unwrap();
    let lost = writer.source("a source that is not kept").unwrap();
    writer.put(&row(&derived, 500, KIND, 1, 1, "{}"), base + 1).unwrap();
    writer.rollback().unwrap();
    assert_eq!(writer.applied().unwrap(), base);
    assert!(
        derived.snapshot().unwrap().current(ResourceId { patient: PatientKey(500), local: 1 }, KIND).unwrap().is_none()
    );
    writer.begin().unwrap();
    let kept = writer.source("a source that is kept").unwrap();
    writer.commit(base + 1).unwrap();
    assert_eq!(kept, lost, "numbers have no gaps: a replay gives the same");
    writer.rollback().unwrap();
}

fn a_view_is_of_one_moment_whatever_is_written(home: &Home) {
    let (derived, mut writer) = home.derived();
    let base = writer.applied().unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut views = 0;
                    while !done.load(Ordering::Relaxed) || views == 0 {
                        let snapshot = derived.snapshot().unwrap();
                        // Each batch gives all ten the version of its number.
                        let mut seen = Vec::new();
                        for patient in 600..610u64 {
                            let id = ResourceId { patient: PatientKey(patient), local: 1 };
                            seen.push(snapshot.current(id, KIND).unwrap().map(|row| u64::from(row.version)));
                        }
                        let wanted = (snapshot.seq() > base).then(|| snapshot.seq() - base);
                        assert!(seen.iter().all(|version| *version == wanted), "{seen:?} at {wanted:?}");
                        views += 1;
                    }
                })
            })
            .collect();
        for version in 1..=40u32 {
            let seq = base + u64::from(version);
            writer.begin().unwrap();
            for patient in 600..610 {
                writer.put(&row(&derived, patient, KIND, 1, version, "{\"a\":1}"), seq).unwrap();
            }
            writer.commit(seq).unwrap();
        }
        done.store(true, Ordering::Relaxed);
        readers.into_iter().for_each(|reader| reader.join().unwrap());
    });
}

fn the_change_feed_names_what_was_touched(home: &Home) {
    let (derived, mut writer) = home.derived();
    let base = writer.applied().unwrap();
    let told = ResourceId { patient: PatientKey(701), local: 2 };
    writer.begin().unwrap();
    writer.put(&row(&derived, 701, ResourceType::Encounter, 2, 1, "{}"), base + 1).unwrap();
    writer.put(&row(&derived, 701, KIND, 3, 1, "{}"), base + 1).unwrap();
    let source = writer.source("feed").unwrap();
    let adt = writer.feed(source, "adt").unwrap();
    assert_eq!(writer.feed(source, "adt").unwrap(), adt, "numbered once");
    writer.note_applied(base + 1, (source, adt), at(1), None, &[told.patient, PatientKey(702)]).unwrap();
    writer.note_decision(base + 2, "skein", at(2), &[]).unwrap();
    writer.commit(base + 2).unwrap();
    let snapshot = derived.snapshot().unwrap();
    assert_eq!(snapshot.received_after(base).unwrap(), Some(at(1)));
    assert_eq!(snapshot.received_after(base + 1).unwrap(), Some(at(2)));
    assert_eq!(snapshot.received_after(base + 2).unwrap(), None);
    let feed = snapshot.feed_after(base, 10).unwrap();
    assert_eq!(feed.len(), 2);
    assert_eq!((&*feed[0].source, &*feed[0].feed), ("feed", "adt"));
    assert_eq!(&*feed[1].feed, "", "a decision came on none");
    assert_eq!((feed[0].seq, feed[0].received, feed[0].decision), (base + 1, at(1), false));
    assert_eq!(feed[0].patients, [PatientKey(701), PatientKey(702)]);
    assert_eq!(feed[0].touched, [(ResourceType::Encounter, told)]);
    assert_eq!((feed[1].decision, feed[1].patients.len(), feed[1].touched.len()), (true, 0, 0));
    assert_eq!(derived.snapshot().unwrap().changes_after(base + 1, 10).unwrap(), [(base + 2, vec![])]);
}

fn sources_say_when_they_were_last_heard(home: &Home) {
    let (derived, mut writer) = home.derived();
    let base = writer.applied().unwrap();
    writer.begin().unwrap();
    let source = writer.source("heard").unwrap();
    writer.put_profile("heard", "source = \"heard\"", base + 1).unwrap();
    let (adt, oru) = (writer.feed(source, "adt").unwrap(), writer.feed(source, "oru").unwrap());
    assert_ne!(adt, oru);
    for (n, happened, feed) in [(1, None, adt), (3, Some(at(30)), oru), (2, Some(at(10)), oru)] {
        writer.note_applied(base + n, (source, feed), at(n.cast_signed()), happened, &[]).unwrap();
    }
    writer.commit(base + 3).unwrap();
    writer.begin().unwrap();
    writer.note_applied(base + 4, (source, adt), at(2), None, &[]).unwrap();
    writer.commit(base + 4).unwrap();
    let snapshot = derived.snapshot().unwrap();
    let sources = snapshot.sources().unwrap();
    let heard = sources.iter().find(|source| source.name == "heard").unwrap();
    assert_eq!((heard.messages, heard.last_received, heard.last_happened), (4, Some(at(3)), Some(at(30))));
    // Each feed for itself: one is silent while the other goes on.
    let feeds = snapshot.feeds().unwrap();
    let life = |name: &str| {
        let feed = feeds.iter().find(|feed| feed.source == "heard" && feed.name == name).unwrap();
        (feed.messages, feed.last_received, feed.last_happened)
    };
    assert_eq!(life("adt"), (2, Some(at(2)), None));
    assert_eq!(life("oru"), (2, Some(at(3)), Some(at(30))));
    assert_eq!(writer.profiles().unwrap()["heard"], "source = \"heard\"");
    assert!(sources.is_sorted_by_key(|source| source.name.clone()), "by name");
    // And as each stood at a former moment: a decision about a source is no sign of life of it.
    let then = |seq: u64| {
        let feeds = snapshot.last_received_by(seq).unwrap();
        let of = |name: &str| {
            let of_feed = |(source, feed, _): &&(String, String, _)| source == "heard" && feed == name;
            feeds.iter().find(of_feed).unwrap().2
        };
        (of("adt"), of("oru"))
    };
    assert_eq!(then(base), (None, None));
    assert_eq!(then(base + 1), (Some(at(1)), None));
    assert_eq!(then(base + 2), (Some(at(1)), Some(at(2))));
    assert_eq!(then(base + 3), (Some(at(1)), Some(at(3))));
    assert_eq!(then(base + 4), (Some(at(2)), Some(at(3))));
    assert_eq!(snapshot.profiles_mark().unwrap(), (base + 1).cast_signed());
    drop((snapshot, derived, writer));
    let (_, mut again) = home.derived();
    let known = again.source("heard").unwrap();
    assert_eq!(again.feed(known, "oru").unwrap(), oru, "known again by whoever opens it");
}

fn the_error_desk_keeps_what_waits(home: &Home) {
    let (derived, mut writer) = home.derived();
    let base = writer.applied().unwrap();
    let problem = |n: u64, status, resolved_by| Problem {
        pos: base + n,
        source: "desk".into(),
        feed: "adt \0".into(),
        received: at(1),
        status,
        lane: Some(PatientKey(801)),
        findings: "[]".into(),
        title: "ADT^A01".into(),
        resolved_by,
    };
    writer.begin().unwrap();
    writer.put_problem(&problem(1, ProblemStatus::Parked, None)).unwrap();
    writer.put_problem(&problem(3, ProblemStatus::Held, None)).unwrap();
    writer.put_problem(&problem(2, ProblemStatus::Held, None)).unwrap();
    writer.put_lane(PatientKey(801), Some(base + 1)).unwrap();
    assert_eq!(writer.held(PatientKey(801)).unwrap(), [base + 2, base + 3]);
    writer.commit(base + 3).unwrap();
    let snapshot = derived.snapshot().unwrap();
    assert_eq!(derived.parked(&[PatientKey(801), PatientKey(802)]).unwrap(), [(PatientKey(801), base + 1)]);
    assert_eq!(snapshot.problem(base + 3).unwrap(), Some(problem(3, ProblemStatus::Held, None)));
    let shown = snapshot.problems(&[ProblemStatus::Held], Some("desk"), None, 10).unwrap();
    assert_eq!(shown.iter().map(|problem| problem.pos - base).collect::<Vec<_>>(), [3, 2]);
    assert_eq!(snapshot.problems(&[], None, Some(base + 2), 1).unwrap()[0].pos, base + 1);
    assert_eq!(snapshot.problems(&[], Some("nobody"), None, 10).unwrap(), []);
    drop(snapshot);
    writer.begin().unwrap();
    writer.put_problem(&problem(1, ProblemStatus::Resolved, Some(base + 4))).unwrap();
    writer.put_lane(PatientKey(801), None).unwrap();
    writer.commit(base + 4).unwrap();
    assert!(!writer.lanes().unwrap().contains_key(&PatientKey(801)));
    let snapshot = derived.snapshot().unwrap();
    assert_eq!(derived.parked(&[PatientKey(801)]).unwrap(), []);
    assert_eq!(snapshot.parked_at(&[PatientKey(801)], base + 3).unwrap(), [(PatientKey(801), base + 1)]);
    let counts = snapshot.problem_counts().unwrap();
    assert!(counts.contains(&("desk".into(), "adt \0".into(), ProblemStatus::Held, 2)), "{counts:?}");
}

fn what_bears_on_access_is_kept_by_the_resource_that_says_it(home: &Home) {
    let (derived, mut writer) = home.derived();
    let base = writer.applied().unwrap();
    let says = |organisation: &str, until: Option<i64>| BearingRow {
        bears: 1,
        organisation: organisation.into(),
        category: "c\0".into(),
        since: Some(-5),
        until,
    };
    let id = ResourceId { patient: PatientKey(901), local: 4 };
    let kind = ResourceType::Encounter;
    writer.begin().unwrap();
    writer.put_bearings(id, kind, false, &[says("RXA", None), says("RXB", Some(at(10).as_microsecond()))]).unwrap();
    writer.commit(base + 1).unwrap();
    let organisations = |second| {
        let said = derived.snapshot().unwrap().bearings(id.patient, at(second)).unwrap();
        said.into_iter().map(|said| said.row.organisation).collect::<Vec<_>>()
    };
    assert_eq!(organisations(5), ["RXA", "RXB"]);
    assert_eq!(organisations(11), ["RXA"], "it has ended");
    writer.begin().unwrap();
    assert!(writer.end_bearings(id, kind, at(20)).unwrap());
    assert!(!writer.end_bearings(ResourceId { patient: PatientKey(902), ..id }, kind, at(20)).unwrap());
    writer.commit(base + 2).unwrap();
    assert_eq!(organisations(21), [""; 0]);
    writer.begin().unwrap();
    writer.put_bearings(id, kind, true, &[says("RXC", None)]).unwrap();
    writer.commit(base + 3).unwrap();
    assert_eq!(organisations(5), ["RXC"]);
}

fn one_derived_state_has_one_writer(home: &Home) {
    let folder = home.hold();
    let (_derived, writer) = store::Derived::open(&folder).unwrap();
    // Of one folder the folder's lock sees to it; of one database the database.
    if let Some(server) = home.server() {
        let elsewhere = tempfile::tempdir().unwrap();
        let other = store::Folder::hold_with(elsewhere.path(), Some(server)).unwrap();
        let refused = match store::Derived::open(&other) {
            Ok(_) => panic!("two writers"),
            Err(error) => error.to_string(),
        };
        assert!(refused.contains("in use by another skein process"), "{refused}");
        drop(writer);
        store::Derived::open(&other).unwrap();
    } else {
        assert!(store::Folder::hold(folder.path()).is_err());
        drop(writer);
    }
}
