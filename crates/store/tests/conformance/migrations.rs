//! The truth's tables in PostgreSQL are brought up to date from every earlier step, rows and all, while others are at work.

use crate::home::{Home, at, entry};
use std::{
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};
use store::{
    Folder, StoreError,
    audit::{Audit, AuditReader, MatterKind, NewAuditEntry, NewMatter, policy_version},
    journal::{Journal, JournalReader, Receipt},
};

fn dump(step: i64) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/conformance/migrations/step-{step}.sql"))
}

/// Not a test: makes the dump of the tables as they are now, with rows, for when another step follows.
#[test]
#[ignore = "writes a file of the repository"]
fn a_dump_of_the_last_step() {
    let home = Home::postgres();
    let folder = home.hold();
    let journal = Journal::open(&folder).unwrap();
    for (id, body) in [("C1", "MSH|first"), ("C2", "MSH|second"), ("C3", "MSH|third")] {
        journal.append_blocking(entry(Some(id), body.as_bytes())).unwrap();
    }
    journal.close();
    let audit = Audit::open(&folder).unwrap();
    let files = [("a.cedar".to_owned(), "permit".to_owned())].into();
    let text = serde_json::to_string(&files).unwrap();
    audit.keep_policy(&policy_version(&files), at(0), text).unwrap().blocking_recv().unwrap().unwrap();
    let opens = NewMatter { kind: MatterKind::Glass, until: Some(at(60)), about: "emergency".into(), of: None };
    let broke = r#"{"action":"break-glass","outcome":"permitted","reason":"emergency"}"#;
    let settled = r#"{"action":"settle","outcome":"permitted","of":1,"ended":"justified"}"#;
    for (body, opens, settles) in [(broke, Some(opens), None), (settled, None, Some((1, "justified".to_owned())))] {
        let entry = NewAuditEntry {
            at: at(1),
            person: Some(fhir::PersonKey(7)),
            user: "u".into(),
            body: body.into(),
            opens,
            settles,
        };
        audit.append(entry).unwrap().blocking_recv().unwrap().unwrap();
    }
    audit.close();
    let database = home.database.as_ref().unwrap();
    let address = database.address();
    let made = std::process::Command::new("pg_dump")
        .args(["--inserts", "--no-owner", "--no-privileges", "--exclude-schema=skein_derived", "--dbname", &address])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let text = String::from_utf8(made.stdout).unwrap();
    // Nothing but statements: comments and settings differ by pg_dump's version.
    let kept = text.lines().filter(|line| !line.is_empty() && !line.starts_with("--") && !line.starts_with("SET "));
    let kept = kept.filter(|line| !line.starts_with('\\') && !line.starts_with("SELECT pg_catalog.set_config"));
    std::fs::write(dump(last_step()), kept.collect::<Vec<_>>().join("\n") + "\n").unwrap();
}

/// A database as a version left it that had taken so many steps, with rows in it. It is never changed.
fn left_at(step: i64) -> String {
    let file = dump(step);
    std::fs::read_to_string(&file).unwrap_or_else(|_| {
        panic!(
            "{} is missing: before a step is added, keep a dump of what the steps so far make: `cargo test --workspace --test \
             conformance -- --ignored a_dump` writes it there",
            file.display()
        )
    })
}

fn number(home: &Home, sql: &str) -> i64 {
    home.database.as_ref().unwrap().sql(sql).parse().unwrap()
}

fn last_step() -> i64 {
    number(&Home::postgres(), "SELECT max(number) FROM skein.migration")
}

#[test]
fn every_earlier_step_is_brought_up_to_date_with_its_rows_while_others_read_and_write() {
    let last = last_step();
    for step in 1..last {
        let home = Home::empty_postgres();
        let database = home.database.as_ref().unwrap();
        database.sql(&left_at(step));
        assert_eq!(number(&home, "SELECT max(number) FROM skein.migration"), step);
        let data = tempfile::tempdir().unwrap();
        let refused = Folder::hold_with(data.path(), home.server());
        assert!(refused.unwrap_err().to_string().contains("bring its tables up to date with `skein init`"));
        let rows = "SELECT count(*) FROM skein_journal.entry";
        let before = number(&home, rows);
        assert!(before > 0, "a dump without rows proves nothing");
        let texts = database.sql("SELECT pos, ident, md5(body) FROM skein_journal.entry ORDER BY pos");

        let (done, mut written, mut longest) = (AtomicBool::new(false), 0, Duration::ZERO);
        std::thread::scope(|scope| {
            // As the version does that is still at work: it knows the columns of its time alone.
            let writing = scope.spawn(|| {
                let (mut written, mut longest) = (0, Duration::ZERO);
                while !done.load(Ordering::Relaxed) || written == 0 {
                    let began = Instant::now();
                    database.sql(
                        "INSERT INTO skein_journal.entry (pos, received, source, feed, dictionary, kind, body)
                         SELECT max(pos) + 1, 1, min(source), min(feed), 0, 1, 'MSH' FROM skein_journal.entry",
                    );
                    longest = longest.max(began.elapsed());
                    written += 1;
                }
                (written, longest)
            });
            let reading = scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    assert!(number(&home, rows) >= before);
                }
            });
            std::thread::sleep(Duration::from_millis(100));
            let migrated = home.server().unwrap().init().unwrap();
            assert_eq!(i64::try_from(migrated.steps).unwrap(), last - step);
            done.store(true, Ordering::Relaxed);
            (written, longest) = writing.join().unwrap();
            reading.join().unwrap();
        });
        assert!(longest < Duration::from_secs(5), "a writer waited for {longest:?}");
        assert_eq!(number(&home, rows), before + written, "nothing is lost");
        let upto = format!("SELECT pos, ident, md5(body) FROM skein_journal.entry WHERE pos <= {before} ORDER BY pos");
        assert_eq!(database.sql(&upto), texts);
        assert_eq!(home.server().unwrap().init().unwrap().steps, 0, "once");

        // And it is used as if it had been made today: what was there is read, repeats are known, and it goes on.
        let folder = home.hold();
        let mut reader = JournalReader::open(&folder).unwrap();
        let found = reader.read(1, 3, usize::MAX).unwrap();
        assert_eq!(found.len(), 3);
        assert!(found[0].body.starts_with(b"MSH|first"));
        let journal = Journal::open(&folder).unwrap();
        let repeat = journal.append_blocking(entry(Some("C1"), &found[0].body)).unwrap();
        assert!(matches!(repeat, Receipt::Repeat { pos: 1, .. }), "{repeat:?}");
        let stored = journal.append_blocking(entry(Some("C9"), b"MSH|ninth")).unwrap();
        assert!(matches!(stored, Receipt::Stored { .. }));
        journal.close();
        let audit = Audit::open(&folder).unwrap();
        let looked = NewAuditEntry { user: "u".into(), body: "{}".into(), ..NewAuditEntry::default() };
        audit.append(looked).unwrap().blocking_recv().unwrap().unwrap();
        audit.close();
        assert!(AuditReader::open(&folder).unwrap().verify(&[]).unwrap() >= 1);
    }
}

#[test]
fn a_step_waits_only_so_long_for_a_table_that_is_in_use_and_changes_nothing_then() {
    let last = last_step();
    let home = Home::empty_postgres();
    let database = home.database.as_ref().unwrap();
    database.sql(&left_at(last - 1));
    std::thread::scope(|scope| {
        let busy = scope.spawn(|| {
            database.sql("BEGIN; LOCK TABLE skein.migration IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(8); COMMIT");
        });
        let begin = Instant::now();
        while number(
            &home,
            "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted
                             AND relation = 'skein.migration'::regclass",
        ) == 0
        {
            assert!(begin.elapsed() < Duration::from_secs(5));
        }
        let began = Instant::now();
        let said = home.server().unwrap().init().unwrap_err();
        assert!(matches!(&said, StoreError::Unusable(text) if text.contains("run it again")), "{said}");
        assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
        busy.join().unwrap();
    });
    assert_eq!(number(&home, "SELECT max(number) FROM skein.migration"), last - 1);
    assert_eq!(home.server().unwrap().init().unwrap().steps, 1);
}

#[test]
fn an_older_program_does_not_say_that_a_newer_database_is_up_to_date() {
    let home = Home::postgres();
    home.database.as_ref().unwrap().sql("INSERT INTO skein.migration (number, name) VALUES (1000, 'later')");
    let said = home.server().unwrap().init().unwrap_err();
    assert!(said.to_string().contains("was made by a later version"), "{said}");
}
