//! What docs/run-it/upgrade.md promises: each file and database that another version wrote is taken over, made again, or refused
//! with what to do; and nothing that was acknowledged is touched.

use crate::{
    backups::{admitted, everything},
    harness::{Region, Setup, former::FORMER, http, region::READER_TOKEN},
};
use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// A region with something in it, stopped; one of its patients, and the record.
fn lived_in(postgres: bool) -> (Region, Vec<String>, Vec<Vec<String>>) {
    let mut region = Region::start_with(Setup { postgres, ..Setup::default() });
    let mut pas = region.sender("rcb-adt");
    (0..20).for_each(|number| assert_eq!(pas.send(&admitted(number)).code(), "AA"));
    let found = region.read("/Patient?identifier=1003");
    let patients = vec![found["entry"][0]["resource"]["id"].as_str().unwrap().to_owned()];
    let record = everything(&region, &patients);
    assert!(region.stop().success());
    (region, patients, record)
}

fn format_of(region: &Region, file: &str) -> i64 {
    let connection = rusqlite::Connection::open(region.folder().join("data").join(file)).unwrap();
    connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
}

fn set_format(region: &Region, file: &str, format: i64) {
    let connection = rusqlite::Connection::open(region.folder().join("data").join(file)).unwrap();
    connection.pragma_update(None, "user_version", format).unwrap();
}

/// The one line, and exit code 2.
fn refused(region: &mut Region, says: &str) {
    let ended = region.try_serve().unwrap_err();
    assert!(ended.status.code() == Some(2) && ended.said.contains(says), "{ended:?} does not say {says}");
}

#[test]
fn truth_of_a_later_version_is_refused_and_left_as_it_is() {
    let (mut region, patients, record) = lived_in(false);
    for (file, what) in [("journal.db", "the journal"), ("audit.db", "the audit"), ("drafts.db", "the drafts")] {
        let now = format_of(&region, file);
        set_format(&region, file, now + 1);
        refused(&mut region, &format!("{what} was written by another version of skein"));
        assert_eq!(format_of(&region, file), now + 1, "it is not touched");
        set_format(&region, file, now);
    }
    region.serve();
    assert_eq!(everything(&region, &patients), record);
    assert!(region.stop().success());
    let (fine, told, said) = region.skein(&["audit", "verify"]);
    assert!(fine, "{told}{said}");
}

#[test]
fn a_derived_state_of_another_version_is_made_again_to_the_same() {
    for postgres in [false, true] {
        let (mut region, patients, record) = lived_in(postgres);
        for other in [1, 1000] {
            if postgres {
                region.tamper("derived", &format!("UPDATE meta SET value = '{other}' WHERE key = 'format'"));
            } else {
                set_format(&region, "derived.db", other);
            }
            refused(&mut region, "skein rebuild");
            let (fine, told, said) = region.skein(&["rebuild"]);
            assert!(fine, "{told}{said}");
        }
        region.serve();
        assert_eq!(everything(&region, &patients), record);
        assert!(region.stop().success());
    }
}

/// Where what people are found by is all that differs.
#[test]
fn a_derived_state_of_a_former_form_is_taken_over_when_it_is_served() {
    for (former, turned) in FORMER {
        let (mut region, patients, record) = lived_in(false);
        let today = format_of(&region, "derived.db");
        let file = region.folder().join("data/derived.db");
        rusqlite::Connection::open(file).unwrap().execute_batch(&turned()).unwrap();
        assert_eq!(format_of(&region, "derived.db"), former);
        let (fine, told, said) = region.skein(&["verify"]);
        assert!(!fine && said.contains("`skein serve` takes it over"), "{told}{said}");
        region.serve();
        assert_eq!(everything(&region, &patients), record);
        let mut pas = region.sender("rcb-adt");
        assert_eq!(pas.send(&admitted(21)).code(), "AA");
        assert!(region.stop().success());
        assert_eq!(format_of(&region, "derived.db"), today);
        let (fine, told, said) = region.skein(&["verify"]);
        assert!(fine, "{told}{said}");
    }
}

#[test]
fn notify_db_of_another_version_is_made_again_by_itself() {
    let (mut region, patients, record) = lived_in(false);
    let now = format_of(&region, "notify.db");
    for other in [now - 1, now + 1] {
        set_format(&region, "notify.db", other);
        region.serve();
        assert_eq!(everything(&region, &patients), record);
        assert!(region.stop().success());
        assert_eq!(format_of(&region, "notify.db"), now);
    }
}

#[test]
fn a_database_of_a_later_version_is_refused_by_every_command() {
    let (mut region, patients, record) = lived_in(true);
    region.database().sql("INSERT INTO skein.migration (number, name) VALUES (1000, 'later')");
    refused(&mut region, "was made by a later version of skein");
    for command in ["init", "verify", "rebuild"] {
        let (fine, told, said) = region.skein(&[command]);
        assert!(!fine && said.contains("was made by a later version of skein"), "{command}: {told}{said}");
    }
    region.database().sql("DELETE FROM skein.migration WHERE number = 1000");
    region.serve();
    assert_eq!(everything(&region, &patients), record);
}

/// The tables are the same, but a later version wrote a kind of entry that this one does not know: nothing of what follows is
/// processed by guesswork. Records are read as they stood, and it says so; messages are kept. The later version goes on.
#[test]
fn entries_of_a_kind_that_is_not_known_stop_processing_and_lose_nothing() {
    for postgres in [false, true] {
        let (mut region, patients, record) = lived_in(postgres);
        region.tamper(
            "journal",
            "INSERT INTO entry (pos, kind, source, feed, received, dictionary, body)
             SELECT (SELECT max(pos) + 1 FROM entry), 99, source, feed, received, dictionary, body FROM entry
             WHERE kind = 1 ORDER BY pos DESC LIMIT 1",
        );
        region.serve();
        let deadline = Instant::now() + Duration::from_secs(30);
        while http::request(region.http(), "GET", "/health", &[], b"").status != 503 {
            assert!(Instant::now() < deadline, "it goes on");
            std::thread::sleep(Duration::from_millis(50));
        }
        assert!(region.log().contains("journal entry of unknown kind 99"), "{}", region.log());
        assert_eq!(http::request(region.http(), "GET", "/readyz", &[], b"").status, 503);
        let read = region.fhir(READER_TOKEN, "GET", &format!("/Patient/{}", patients[0]), b"");
        assert_eq!(read.expect(200).json()["id"], patients[0].as_str());
        assert_eq!(region.sender("rcb-adt").send(&admitted(100_003)).code(), "AA");
        region.kill();
        let (fine, told, said) = region.skein(&["rebuild"]);
        assert!(!fine && said.contains("journal entry of unknown kind 99"), "{told}{said}");
        // As the version that knows it.
        region.tamper("journal", "UPDATE entry SET kind = 1 WHERE kind = 99");
        region.serve();
        let now = everything(&region, &patients);
        assert!(now[0].len() > record[0].len(), "what came meanwhile is processed");
    }
}

/// A database as an earlier version left it, of so many steps, with rows in it.
fn left_at(step: u32) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../store/tests/conformance/migrations");
    std::fs::read_to_string(format!("{folder}/step-{step}.sql")).unwrap()
}

/// Every statement of an upgrade is a moment at which the power may go. Whatever was done of it by then, a step is there whole
/// or not at all, nothing of what was acknowledged is touched, and the next try goes on from there.
#[test]
fn an_upgrade_that_is_killed_at_any_moment_is_gone_on_with_and_loses_nothing() {
    let region = Region::prepared(Setup { postgres: true, ..Setup::default() });
    let database = region.database();
    let steps = database.sql("SELECT max(number) FROM skein.migration");
    let texts = "SELECT pos, ident, md5(body) FROM skein_journal.entry ORDER BY pos";
    let tables = "SELECT table_schema, table_name, column_name, data_type FROM information_schema.columns
                  WHERE table_schema LIKE 'skein%' ORDER BY 1, 2, 3";
    let wanted = database.sql(tables);
    let mut cut = Vec::new();
    for step in 1..steps.parse().unwrap() {
        let made_anew = || {
            database.sql(
                "DO $$ DECLARE s text; BEGIN FOR s IN SELECT nspname FROM pg_namespace WHERE nspname LIKE 'skein%' LOOP
                 EXECUTE format('DROP SCHEMA %I CASCADE', s); END LOOP; END $$",
            );
            database.sql(&left_at(step));
        };
        made_anew();
        let before = database.sql(texts);
        assert!(!before.is_empty(), "a dump without rows proves nothing");
        // Longer and longer, until it is done before the blow falls.
        for milliseconds in (0..).step_by(4) {
            let mut upgrading = Command::new(env!("CARGO_BIN_EXE_skein"))
                .args(["init", "--config"])
                .arg(region.config())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            std::thread::sleep(Duration::from_millis(milliseconds));
            let ended = upgrading.try_wait().unwrap();
            upgrading.kill().unwrap();
            upgrading.wait().unwrap();
            assert_eq!(database.sql(texts), before, "from step {step}, killed after {milliseconds} ms");
            let reached = database.sql("SELECT count(*), max(number) FROM skein.migration");
            let (count, number) = reached.split_once('|').unwrap();
            assert_eq!(count, number, "steps are taken one after the other");
            cut.push((step, number.to_owned(), database.sql(tables) == wanted));
            if let Some(status) = ended {
                assert!(status.success(), "from step {step}: {status}");
                break;
            }
            // Every second time it goes on from where it was cut off, else all begins again.
            if milliseconds % 8 == 0 {
                made_anew();
            }
        }
        let (fine, told, said) = region.skein(&["init"]);
        assert!(fine && told.contains("the tables are up to date"), "{told}{said}");
        assert_eq!(database.sql("SELECT max(number) FROM skein.migration"), steps);
        assert_eq!(database.sql(tables), wanted, "the same tables as made today");
        assert_eq!(database.sql(texts), before);
    }
    // It was cut off before, and between the truth's steps and the derived state's tables or after them.
    assert!(cut.iter().any(|(step, number, _)| step.to_string() == *number), "{cut:?}");
    assert!(cut.iter().any(|(_, number, _)| *number == steps), "{cut:?}");
}
