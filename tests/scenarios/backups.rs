//! A region is backed up while it runs, is lost, and is there again.

use crate::harness::{Disk, Region, Setup, http, region::READER_TOKEN, say::Adt};
use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst},
    time::{Duration, Instant},
};

/// A key made for these stories alone.
const IDENTITY: &str = "AGE-SECRET-KEY-1GTVNHMT0PMTZKKW52WZQDKD0P6AS7PEATAEJR9VGCTXREVC6EUNS095H5E";
const RECIPIENT: &str = "age1fsqm0ldjq2xr4fnydsz4qe9c7m7dz7qu9awnsfuzklsxvrfsfguqr8m5lc";

fn setup(every: &str, postgres: bool) -> Setup {
    let more = format!(
        "[metrics]\naddress = \"127.0.0.1:0\"\n[backup]\nto = \"backup\"\nrecipients = [\"{RECIPIENT}\"]\nevery = \"{every}\"\n\
         derived = \"2s\"\n"
    );
    Setup { more, postgres, ..Setup::default() }
}

/// A region with a backup, not yet served.
fn prepared(setup: Setup) -> Region {
    let region = Region::prepared(setup);
    std::fs::create_dir(region.folder().join("backup")).unwrap();
    std::fs::write(identity(&region), format!("# for stories\n{IDENTITY}\n")).unwrap();
    region
}

fn identity(region: &Region) -> PathBuf {
    region.folder().join("identity")
}

fn backup(region: &Region) -> PathBuf {
    region.folder().join("backup")
}

pub fn admitted(number: u32) -> Vec<u8> {
    let mut message = Adt::new("A01", "LOCAL", "20250301120000").visit("THE-VISIT", "OBS1");
    message.control_id = format!("C{number}");
    let text = String::from_utf8(message.bytes()).unwrap();
    text.replace("LOCAL", &format!("{}", 1000 + number % 40)).replace("THE-VISIT", &format!("V{number}")).into_bytes()
}

fn metric(region: &Region, name: &str) -> f64 {
    let text = http::request(region.metrics().unwrap(), "GET", "/metrics", &[], b"").expect(200).text();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name} in {text}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < deadline, "not within a minute: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_skein")).args(arguments).stdin(Stdio::null()).output().unwrap()
}

/// The exit code, and the one line on standard error.
pub fn failed(arguments: &[&str]) -> (i32, String) {
    let output = run(arguments);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said.trim_end().lines().count(), 1, "{arguments:?}: {said}");
    (output.status.code().unwrap(), said)
}

fn restore(region: &Region, more: &[&str]) -> (bool, String, String) {
    let (from, key) = (backup(region), identity(region));
    let mut arguments = vec!["restore", "--from", from.to_str().unwrap(), "--identity", key.to_str().unwrap()];
    arguments.extend(more);
    region.skein(&arguments)
}

pub fn everything(region: &Region, patients: &[String]) -> Vec<Vec<String>> {
    region.until_caught_up();
    let of = |id: &String| {
        let all = region.read_all(&format!("/Patient/{id}/$everything"));
        all.iter().map(ToString::to_string).collect()
    };
    patients.iter().map(of).collect()
}

/// The machine is gone: nothing is left but the configuration file and the backup.
fn lose(region: &Region) {
    std::fs::remove_dir_all(region.folder().join("data")).unwrap();
    if region.on_postgres() {
        let schemas = ["skein_journal", "skein_audit", "skein_derived", "skein"];
        for schema in schemas {
            region.database().sql(&format!("DROP SCHEMA {schema} CASCADE"));
        }
        assert!(region.skein(&["init"]).0);
    }
}

mod sqlite {
    #[test]
    fn a_lost_region_is_there_again_from_its_backup() {
        super::a_lost_region_is_there_again_from_its_backup(super::prepared(super::setup("1s", false)));
    }

    #[test]
    fn a_region_is_put_back_to_a_moment_and_the_audit_stays_whole() {
        super::a_region_is_put_back_to_a_moment_and_the_audit_stays_whole(super::prepared(super::setup("1h", false)));
    }
}

mod postgres {
    #[test]
    fn a_lost_region_is_there_again_from_its_backup() {
        super::a_lost_region_is_there_again_from_its_backup(super::prepared(super::setup("1s", true)));
    }

    #[test]
    fn a_region_is_put_back_to_a_moment_and_the_audit_stays_whole() {
        super::a_region_is_put_back_to_a_moment_and_the_audit_stays_whole(super::prepared(super::setup("1h", true)));
    }
}

/// The drill: messages come in while the backup is taken, also by hand beside the region; the data are destroyed; what is
/// restored verifies, and every record read before reads the same.
fn a_lost_region_is_there_again_from_its_backup(mut region: Region) {
    region.serve();
    let (sent, done) = (AtomicU32::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut pas = region.sender("rcb-adt");
            while !done.load(SeqCst) {
                assert_eq!(pas.send(&admitted(sent.fetch_add(1, SeqCst))).code(), "AA");
            }
        });
        until("shipped beside load", || metric(&region, "skein_backup_journal_position") > 100.0);
        // By hand as well, in between: whoever comes second is told so.
        let (fine, told, said) = region.skein(&["backup", "--json"]);
        assert!(fine || said.contains("another process is backing up"), "{told}{said}");
        let mark = sent.load(SeqCst);
        until("shipped again", || metric(&region, "skein_backup_journal_position") > f64::from(mark));
        if !region.on_postgres() {
            until("and the derived state", || metric(&region, "skein_backup_derived_position") > 0.0);
        }
        // A slow disk takes so many of them alone that somebody has come but twice.
        until("each of the 40 has come four times", || sent.load(SeqCst) >= 160);
        done.store(true, SeqCst);
    });
    let patients: Vec<String> = (1000..1040)
        .step_by(7)
        .map(|local| {
            let found = region.read(&format!("/Patient?identifier={local}"));
            found["entry"][0]["resource"]["id"].as_str().unwrap().to_owned()
        })
        .collect();
    let before = everything(&region, &patients);
    assert!(before.iter().all(|resources| resources.len() > 3));
    let audited = metric(&region, "skein_audit_entries_total");
    assert!(audited >= 10.0);
    let shipped = || {
        let (journal, audit) = ("skein_backup_journal_position", "skein_backup_audit_position");
        metric(&region, journal) >= metric(&region, "skein_journal_entries_total") && metric(&region, audit) >= audited
    };
    until("all is shipped", shipped);
    region.kill();
    lose(&region);

    let (fine, told, said) = restore(&region, &["--json"]);
    assert!(fine, "{told}{said}");
    let restored: serde_json::Value = serde_json::from_str(told.trim()).unwrap();
    assert!(restored["journal"].as_u64().unwrap() > u64::from(sent.load(SeqCst)), "{restored}");
    assert!(restored["audit"].as_f64().unwrap() >= audited && restored["left_out"] == 0, "{restored}");
    // What was put back of the derived state is what the journal gives: it is verified below. A database has its own backups.
    assert_eq!(restored["derived"].as_u64().is_some_and(|at| at > 0), !region.on_postgres(), "{restored}");
    let settings = region.folder().join("data/restored-settings/skein.toml");
    assert_eq!(std::fs::read(settings).unwrap(), std::fs::read(region.config()).unwrap());
    for command in [&["verify"][..], &["audit", "verify"]] {
        let (fine, told, said) = region.skein(command);
        assert!(fine, "{command:?}: {told}{said}");
    }
    region.serve();
    assert_eq!(everything(&region, &patients), before);
    // It takes a repeat for what it is, and goes on into the same backup.
    let mut pas = region.sender("rcb-adt");
    let received = metric(&region, "skein_journal_entries_total");
    assert_eq!(pas.send(&admitted(0)).code(), "AA");
    assert!((metric(&region, "skein_journal_entries_total") - received).abs() < 0.5);
    assert_eq!(pas.send(&admitted(1_000_000)).code(), "AA");
    until("it ships on", || metric(&region, "skein_backup_journal_position") > received);
    assert!(region.stop().success());
    let (folder, key) = (backup(&region), identity(&region));
    let checked = run(&["backup", "check", folder.to_str().unwrap(), "--identity", key.to_str().unwrap()]);
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}

fn a_region_is_put_back_to_a_moment_and_the_audit_stays_whole(mut region: Region) {
    region.serve();
    let mut pas = region.sender("rcb-adt");
    (0..20).for_each(|number| assert_eq!(pas.send(&admitted(number)).code(), "AA"));
    let found = region.read("/Patient?identifier=1003");
    let patient = vec![found["entry"][0]["resource"]["id"].as_str().unwrap().to_owned()];
    let then = everything(&region, &patient);
    std::thread::sleep(Duration::from_millis(20));
    let moment = Command::new("date").args(["-u", "+%Y-%m-%dT%H:%M:%S.%NZ"]).output().unwrap();
    let moment = String::from_utf8(moment.stdout).unwrap().trim().to_owned();
    std::thread::sleep(Duration::from_millis(20));
    // Somebody's mistake, and who looked at it.
    for number in 20..80 {
        assert_eq!(pas.send(&admitted(number)).code(), "AA");
    }
    assert_ne!(everything(&region, &patient), then);
    assert!(region.stop().success(), "told to stop, it ships what there is: {}", region.log());
    lose(&region);
    let (fine, told, said) = restore(&region, &["--until", &moment]);
    assert!(fine && told.contains("the trail comes back whole") && told.contains("were left out"), "{told}{said}");
    let (fine, told, said) = region.skein(&["verify"]);
    assert!(fine, "{told}{said}");
    // The backup holds what is not here any more: this region may not go on in it.
    let (fine, told, said) = region.skein(&["backup"]);
    assert!(!fine && said.contains("back up into a new folder"), "{told}{said}");
    region.serve();
    assert_eq!(everything(&region, &patient), then);
    assert!(region.stop().success());
}

/// A region with something in it and a whole backup, not served any more.
fn shipped() -> Region {
    let mut region = prepared(setup("1h", false));
    region.serve();
    let mut pas = region.sender("rcb-adt");
    (0..30).for_each(|number| assert_eq!(pas.send(&admitted(number)).code(), "AA"));
    region.read("/Patient?identifier=1001");
    assert!(region.stop().success());
    region.serve();
    let mut pas = region.sender("rcb-adt");
    (30..60).for_each(|number| assert_eq!(pas.send(&admitted(number)).code(), "AA"));
    assert!(region.stop().success());
    region
}

/// Each kind of damage is named in one line, and a script can tell what is damaged from what was asked wrongly.
#[test]
fn what_is_wrong_with_a_backup_is_said_in_one_line() {
    let region = shipped();
    let (folder, key) = (backup(&region), identity(&region));
    let (folder, key) = (folder.to_str().unwrap(), key.to_str().unwrap());
    let check = ["backup", "check", folder, "--identity", key];
    let to = region.folder().join("elsewhere");
    let restore = ["restore", "--from", folder, "--identity", key, "--to", to.to_str().unwrap()];
    let mut segments: Vec<PathBuf> =
        std::fs::read_dir(Path::new(folder).join("journal")).unwrap().map(|entry| entry.unwrap().path()).collect();
    segments.sort();
    let newest = segments.pop().unwrap();
    let whole = std::fs::read(&newest).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 3] ^= 1;
    for (bytes, says) in [
        (Some(&flipped[..]), "is damaged"),
        (Some(&whole[..whole.len() / 2]), "is cut off"),
        (None, "are missing from the backup"),
    ] {
        match bytes {
            Some(bytes) => std::fs::write(&newest, bytes).unwrap(),
            None => std::fs::remove_file(&newest).unwrap(),
        }
        for asked in [&check[..], &restore] {
            let (code, said) = failed(asked);
            assert!(code == 1 && said.contains(says), "{asked:?}: {code} {said}");
        }
        let _ = std::fs::remove_dir_all(&to);
    }
    std::fs::write(&newest, &whole).unwrap();

    let other = region.folder().join("other");
    assert!(run(&["backup", "key", "--out", other.to_str().unwrap()]).status.success());
    let nobody = region.folder().join("nobody");
    std::fs::write(&nobody, "no key\n").unwrap();
    for (key, says) in [(&other, "the identity does not open"), (&nobody, "is no file of identities")] {
        let (code, said) = failed(&["backup", "check", folder, "--identity", key.to_str().unwrap()]);
        assert!(code == 2 && said.contains(says), "{code} {said}");
        assert!(!said.contains("no key"), "{said}");
    }
    let data = region.folder().join("data");
    let (code, said) = failed(&["restore", "--from", folder, "--identity", key, "--to", data.to_str().unwrap()]);
    assert!(code == 2 && said.contains("is not empty"), "{code} {said}");
    let empty = region.folder().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let (code, said) = failed(&["backup", "check", empty.to_str().unwrap()]);
    assert!(code == 2 && said.contains("holds no backup"), "{code} {said}");
    assert!(run(&restore).status.success());
}

/// Killed at any moment while it ships or restores, the same command goes on; nothing that was shipped is lost.
#[test]
fn killed_while_it_ships_and_while_it_restores_it_goes_on() {
    let mut region = prepared(setup("1h", false));
    region.serve();
    let mut pas = region.sender("rcb-adt");
    (0..400).for_each(|number| assert_eq!(pas.send(&admitted(number)).code(), "AA"));
    region.kill();
    let (folder, key) = (backup(&region), identity(&region));
    let (folder, key) = (folder.to_str().unwrap(), key.to_str().unwrap());
    let config = region.config();
    let to = region.folder().join("restored");
    let ship = ["backup", "--config", config.to_str().unwrap()];
    let restore = ["restore", "--from", folder, "--identity", key, "--to", to.to_str().unwrap()];
    for asked in [&ship[..], &restore] {
        for after in (0..120).step_by(7) {
            let mut child = Command::new(env!("CARGO_BIN_EXE_skein"))
                .args(asked)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            std::thread::sleep(Duration::from_millis(after));
            let ended = child.try_wait().unwrap();
            child.kill().unwrap();
            child.wait().unwrap();
            if ended.is_some() {
                break;
            }
        }
        // It may have come to its end before it was killed: then a restore refuses what is whole already.
        let output = run(asked);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() || said.contains("is not empty"), "{asked:?}: {said}");
    }
    assert!(run(&["backup", "check", folder, "--identity", key]).status.success());
    let text = std::fs::read_to_string(&config).unwrap();
    let second = region.folder().join("second.toml");
    std::fs::write(&second, text.replace("data = \"data\"", "data = \"restored\"")).unwrap();
    let verified = run(&["verify", "--config", second.to_str().unwrap()]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
    let held = |folder: &str| -> (i64, i64) {
        let journal = rusqlite::Connection::open(region.folder().join(folder).join("journal.db")).unwrap();
        let sql = "SELECT count(*), sum(pos * length(body)) FROM entry";
        journal.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
    };
    assert!(held("data").0 > 400);
    assert_eq!(held("restored"), held("data"));
}

/// A restore that is not finished is not served.
#[test]
fn what_is_half_restored_is_not_served() {
    let mut region = shipped();
    std::fs::write(region.folder().join("data/restore.unfinished"), "{}").unwrap();
    let ended = region.try_serve().unwrap_err();
    assert!(ended.status.code() == Some(2) && ended.said.contains("not finished"), "{ended:?}");
    let (fine, told, said) = region.skein(&["errors", "list"]);
    assert!(!fine && said.contains("not finished"), "{told}{said}");
}

/// Nor by another machine, whose data folder knows nothing of it: what is half there is in the database.
#[test]
fn what_is_half_restored_into_a_database_is_served_by_no_machine() {
    let mut region = prepared(setup("1h", true));
    region.serve();
    let mut pas = region.sender("rcb-adt");
    (0..30).for_each(|number| assert_eq!(pas.send(&admitted(number)).code(), "AA"));
    assert!(region.stop().success());
    lose(&region);
    std::thread::scope(|scope| {
        // So that it cannot come to its end.
        let hindered = scope.spawn(|| {
            region.database().sql("BEGIN; LOCK TABLE skein_journal.entry IN EXCLUSIVE MODE; SELECT pg_sleep(60)")
        });
        let locked =
            "SELECT count(*) FROM pg_locks WHERE relation = 'skein_journal.entry'::regclass AND mode = 'ExclusiveLock'";
        until("the table is locked", || region.database().sql(locked) == "1");
        let mut child = Command::new(env!("CARGO_BIN_EXE_skein"))
            .args(["restore", "--from"])
            .arg(backup(&region))
            .arg("--identity")
            .arg(identity(&region))
            .arg("--config")
            .arg(region.config())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mark = "SELECT count(*) FROM skein.handover WHERE name = 'unfinished'";
        until("it has begun", || region.database().sql(mark) == "1");
        child.kill().unwrap();
        child.wait().unwrap();
        region.database().sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'BEGIN; LOCK%'");
        assert!(hindered.join().is_err(), "it was ended");
    });
    let mut other = region.beside();
    let ended = other.try_serve().unwrap_err();
    let said = "a restore into PostgreSQL";
    assert!(
        ended.status.code() == Some(2) && ended.said.contains(said) && ended.said.contains("not finished"),
        "{ended:?}"
    );
    let (fine, told, said) = other.skein(&["verify"]);
    assert!(!fine && said.contains("not finished"), "{told}{said}");
    let (fine, told, said) = restore(&region, &["--until-position", "3"]);
    assert!(!fine && said.contains("ask for the same again"), "{told}{said}");
    // Another machine may go on with it, but not over what it has itself.
    std::fs::write(other.folder().join("data/audit.key"), "its own").unwrap();
    let (from, key) = (backup(&region), identity(&region));
    let same = ["restore", "--from", from.to_str().unwrap(), "--identity", key.to_str().unwrap()];
    let (fine, told, said) = other.skein(&same);
    assert!(!fine && said.contains("is not empty: restore into a new folder"), "{told}{said}");
    std::fs::remove_file(other.folder().join("data/audit.key")).unwrap();
    let (fine, told, said) = other.skein(&same);
    assert!(fine && told.contains("was gone on with"), "{told}{said}");
    other.serve();
    assert_eq!(other.read("/Patient?identifier=1003")["entry"].as_array().unwrap().len(), 1);
    // Now there is something, and somebody who shows it.
    let (fine, told, said) = restore(&region, &[]);
    assert!(!fine && said.contains("is in use by another skein process"), "{told}{said}");
    assert!(other.stop().success());
}

/// A backup folder that is full, or gone, stops nobody: it is said once, counted, and tried again until it works.
#[test]
fn a_full_backup_folder_stops_nobody_and_is_told() {
    let mut region = prepared(Setup { disk: Some(Disk::Backup(1 << 20)), ..setup("1s", false) });
    region.serve();
    let target = region.backup_from_outside();
    let mut filler = std::fs::File::create(target.join("filler")).expect("this test needs root or user name spaces");
    while filler.write_all(&[0u8; 512]).is_ok() {}
    drop(filler);
    let mut pas = region.sender("rcb-adt");
    let mut number = 0;
    until("the backup fails", || {
        number += 1;
        assert_eq!(pas.send(&admitted(number)).code(), "AA");
        metric(&region, "skein_backup_failing") > 0.5
    });
    until("it is tried again", || metric(&region, "skein_backup_failures_total") > 2.5);
    let told = region.log().matches("the backup failed").count();
    assert_eq!(told, 1, "{}", region.log());
    assert!(region.log().contains("the disk is full"), "{}", region.log());
    let ready = http::request(region.http(), "GET", "/readyz", &[], b"").expect(200).text();
    assert!(ready.contains("the backup fails"), "{ready}");
    region.fhir(READER_TOKEN, "GET", "/Patient?identifier=1001", b"").expect(200);
    std::fs::remove_file(target.join("filler")).unwrap();
    until("it ships again", || metric(&region, "skein_backup_failing") < 0.5);
    until("all of it", || metric(&region, "skein_backup_journal_position") > f64::from(number));
    assert_eq!(http::request(region.http(), "GET", "/readyz", &[], b"").expect(200).text(), "ready\n");
    assert!(region.stop().success());
}
