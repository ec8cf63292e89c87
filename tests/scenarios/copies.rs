//! A region moves from files to PostgreSQL and back.

use crate::{
    backups::{admitted, everything, failed},
    harness::{Region, Setup},
};
use std::{
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};
use store::{
    DraftRow, Drafts, Folder, Server,
    audit::{Audit, MatterKind, NewAuditEntry, NewMatter},
};

fn prepared(postgres: bool) -> Region {
    Region::prepared(Setup { postgres, ..Setup::default() })
}

/// A region that was served for a while: messages, one that waits on the error desk, records read, glass broken and settled,
/// a draft. Gives what some records say.
fn lived_in(postgres: bool, messages: u32) -> (Region, Vec<String>, Vec<Vec<String>>) {
    let mut region = prepared(postgres);
    region.serve();
    let mut pas = region.sender("rcb-adt");
    (0..messages).for_each(|number| assert_eq!(pas.send(&admitted(number)).code(), "AA"));
    let patients: Vec<String> = (1000..1040)
        .step_by(9)
        .map(|local| {
            let found = region.read(&format!("/Patient?identifier={local}"));
            found["entry"][0]["resource"]["id"].as_str().unwrap().to_owned()
        })
        .collect();
    let records = everything(&region, &patients);
    assert!(records.iter().all(|resources| resources.len() > 1));
    assert!(region.stop().success());
    let folder = hold(&region);
    let audit = Audit::open(&folder).unwrap();
    for settles in [None, Some(1), None] {
        let body = r#"{"action":"break-glass","outcome":"permitted","reason":"emergency"}"#.to_owned();
        let opens = NewMatter { kind: MatterKind::Glass, until: None, about: "emergency".into(), of: None };
        let newest = audit_head(&region);
        let mut entry = NewAuditEntry { user: "u".into(), body, opens: Some(opens), ..NewAuditEntry::default() };
        if settles.is_some() {
            entry.body = format!(r#"{{"action":"settle","outcome":"permitted","of":{newest},"ended":"justified"}}"#);
            entry.opens = None;
            entry.settles = Some((newest, "justified".to_owned()));
        }
        audit.append(entry).unwrap().blocking_recv().unwrap().unwrap();
    }
    audit.close();
    let draft = DraftRow {
        id: "d1".into(),
        patient: fhir::PatientKey(u64::MAX),
        form: "respect".into(),
        author: "gp".into(),
        organisation: "X81001".into(),
        revision: 1,
        saved: jiff::Timestamp::UNIX_EPOCH,
        body: "half a sentence".into(),
    };
    assert!(Drafts::of_region(&folder).unwrap().put(&draft).unwrap());
    (region, patients, records)
}

fn hold(region: &Region) -> Folder {
    let server = region.on_postgres().then(|| Server::parse(&region.database().address(), None, None).unwrap());
    Folder::hold_with(&region.folder().join("data"), server).unwrap()
}

fn audit_head(region: &Region) -> u64 {
    rows(region, "audit", "entry").len() as u64
}

/// The rows of a table of the truth, as its engine shows them.
fn rows(region: &Region, store: &str, table: &str) -> Vec<String> {
    if region.on_postgres() {
        let sql = format!("SELECT row::text FROM skein_{store}.{table} row ORDER BY 1");
        return region.database().sql(&sql).lines().map(ToOwned::to_owned).collect();
    }
    let connection = rusqlite::Connection::open(region.folder().join(format!("data/{store}.db"))).unwrap();
    let mut statement = connection.prepare(&format!("SELECT * FROM {table} ORDER BY 1")).unwrap();
    let width = statement.column_count();
    let found = statement.query_map([], |row| {
        (0..width).map(|at| row.get_ref(at).map(|value| format!("{value:?}"))).collect::<Result<Vec<_>, _>>()
    });
    found.unwrap().map(|row| row.unwrap().join("|")).collect()
}

fn truth(region: &Region) -> Vec<Vec<String>> {
    let tables = [("journal", "name"), ("journal", "dictionary"), ("journal", "entry")];
    let more = [("audit", "entry"), ("audit", "matter"), ("audit", "policy")];
    tables.iter().chain(&more).map(|(store, table)| rows(region, store, table)).collect()
}

fn copy(from: &Region, to: &Region) -> (bool, String, String) {
    from.skein(&["copy", "--json", "--to", to.config().to_str().unwrap()])
}

#[test]
fn a_region_moves_from_files_to_postgresql_and_back() {
    moves(false, true);
}

#[test]
fn a_region_moves_from_postgresql_to_files_and_back() {
    moves(true, false);
}

fn moves(from: bool, to: bool) {
    let (first, patients, records) = lived_in(from, 60);
    let mut second = prepared(to);
    let (fine, told, said) = copy(&first, &second);
    assert!(fine, "{told}{said}");
    let line: serde_json::Value = serde_json::from_str(told.trim()).unwrap();
    assert_eq!(line["journal"].as_u64().unwrap(), rows(&first, "journal", "entry").len() as u64, "{line}");
    assert_eq!(line["audit"].as_u64().unwrap(), audit_head(&first), "{line}");
    assert_eq!((line["drafts"].as_u64(), line["resumed"].as_bool()), (Some(1), Some(false)), "{line}");
    assert!(line["derived_rows_compared"].as_u64().unwrap() > 100, "{line}");
    for command in [&["verify"][..], &["audit", "verify"]] {
        let (fine, told, said) = second.skein(command);
        assert!(fine, "{command:?}: {told}{said}");
    }
    // And back, before anything comes to it: the truth is what it was, row by row.
    let back = prepared(from);
    let (fine, told, said) = copy(&second, &back);
    assert!(fine, "{told}{said}");
    assert_eq!(truth(&back), truth(&first));
    let draft = Drafts::of_region(&hold(&back)).unwrap().get("d1").unwrap().unwrap();
    assert_eq!(draft.body, "half a sentence");
    for file in ["audit.key", "audit.key.pub", "audit-heads.log"] {
        let of = |region: &Region| std::fs::read(region.folder().join("data").join(file)).unwrap();
        assert_eq!(of(&back), of(&first), "{file}");
    }
    // The region goes on where it was: it shows the same, knows a repeat, and takes what is new.
    second.serve();
    assert_eq!(everything(&second, &patients), records);
    let mut pas = second.sender("rcb-adt");
    let entries = |region: &Region| rows(region, "journal", "entry").len();
    let before = entries(&second);
    assert_eq!(pas.send(&admitted(3)).code(), "AA");
    assert_eq!(entries(&second), before);
    assert_eq!(pas.send(&admitted(1_000_000)).code(), "AA");
    assert_eq!(entries(&second), before + 1);
    second.until_caught_up();
    assert!(second.stop().success());
    let (fine, told, said) = second.skein(&["verify"]);
    assert!(fine, "{told}{said}");
}

#[test]
fn killed_at_any_moment_the_same_copy_goes_on() {
    for (from, to) in [(false, true), (true, false)] {
        let (region, ..) = lived_in(from, 120);
        let mut target = prepared(to);
        let (config, into) = (region.config(), target.config());
        let asked =
            ["copy", "--json", "--config", config.to_str().unwrap(), "--to", into.to_str().unwrap()].map(str::to_owned);
        let mut after = 5;
        let mut killed = 0;
        loop {
            let mut child = Command::new(env!("CARGO_BIN_EXE_skein"))
                .args(&asked)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            std::thread::sleep(Duration::from_millis(after));
            if child.try_wait().unwrap().is_some() || after > 20_000 {
                child.wait().unwrap();
                break;
            }
            child.kill().unwrap();
            child.wait().unwrap();
            // As a few seconds later: who was killed is not believed to be there any more.
            for place in [&region, &target].iter().filter(|place| place.on_postgres()) {
                place.database().sql("UPDATE skein.lease SET until = '-infinity'");
            }
            if target.folder().join("data/copy.unfinished").exists() {
                killed += 1;
                let ended = target.try_serve().unwrap_err();
                assert!(ended.status.code() == Some(2) && ended.said.contains("a copy into"), "{ended:?}");
            }
            after += 5 + after / 4;
        }
        assert!(killed > 0);
        let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
        let (code, said) = failed(&asked);
        assert!(code == 2 && said.contains("is not empty"), "it is done: {said}");
        assert_eq!(rows(&target, "journal", "entry").len(), rows(&region, "journal", "entry").len());
        for command in [&["verify"][..], &["audit", "verify"]] {
            let (fine, told, said) = target.skein(command);
            assert!(fine, "{command:?}: {told}{said}");
        }
        // And back into a third place, where the truth is what it was.
        let back = prepared(from);
        let (fine, told, said) = copy(&target, &back);
        assert!(fine, "{told}{said}");
        assert_eq!(truth(&back), truth(&region));
    }
}

/// A configuration of the same region beside its own, with some words in place of others.
fn other(region: &Region, name: &str, words: &[(&str, &str)]) -> String {
    let mut text = std::fs::read_to_string(region.config()).unwrap();
    for (word, another) in words {
        assert!(text.contains(word), "{word}");
        text = text.replace(word, another);
    }
    let file: PathBuf = region.folder().join(name);
    std::fs::write(&file, text).unwrap();
    file.to_str().unwrap().to_owned()
}

#[test]
fn what_is_wrong_with_a_copy_is_said_in_one_line() {
    let (mut region, ..) = lived_in(false, 60);
    let config = region.config().to_str().unwrap().to_owned();
    let data = "data = \"data\"";
    let new = other(&region, "new.toml", &[(data, "data = \"new\"")]);
    let asks = |from: &str, to: &str, says: &str| {
        let (code, said) = failed(&["copy", "--config", from, "--to", to]);
        assert!(code == 2 && said.contains(says), "{code} {said} does not say {says}");
    };
    let nowhere = other(&region, "nowhere.toml", &[(data, "data = \"nowhere\"")]);
    asks(&nowhere, &new, "there is no region in");
    asks(&config, &region.folder().join("none.toml").display().to_string(), "there is no such file");
    asks(&config, &config, "both configurations name the data folder");
    let renamed = other(&region, "renamed.toml", &[(data, "data = \"new\""), ("code = \"story\"", "code = \"tale\"")]);
    asks(&config, &renamed, "every id is made of region.code");
    let full = other(&region, "full.toml", &[(data, "data = \"full\"")]);
    std::fs::create_dir(region.folder().join("full")).unwrap();
    std::fs::write(region.folder().join("full/letter"), "x").unwrap();
    asks(&config, &full, "is not empty: copy into a new folder");
    let lost = other(&region, "lost.toml", &[(data, "data = \"new\"\nstore = \"host=/nowhere user=a dbname=b\"")]);
    let (code, said) = failed(&["copy", "--config", &config, "--to", &lost]);
    assert!(code == 1 && said.contains("cannot be reached"), "it may be there later: {code} {said}");
    let (code, said) = failed(&["copy", "--config", &config]);
    assert!(code == 2 && said.contains("--to"), "{said}");

    let journal = region.folder().join("data/journal.db");
    let version = |number| {
        let connection = rusqlite::Connection::open(&journal).unwrap();
        connection.pragma_update(None, "user_version", number).unwrap();
    };
    version(9);
    asks(&config, &new, "the journal was written by another version of skein");
    version(1);
    for begun in ["restore", "copy"] {
        let mark = region.folder().join(format!("data/{begun}.unfinished"));
        std::fs::write(&mark, "{}").unwrap();
        asks(&config, &new, &format!("a {begun} into"));
        std::fs::remove_file(mark).unwrap();
    }
    region.serve();
    asks(&config, &new, "is in use by another skein process");
    assert!(region.stop().success());
    assert!(!region.folder().join("new").join("journal.db").exists(), "nothing was copied so far");

    // A database has its tables, is empty, and is served by nobody, from no machine.
    let mut database = prepared(true);
    let into = database.config().to_str().unwrap().to_owned();
    database.database().sql("INSERT INTO skein.migration (number, name) VALUES (1000, 'later')");
    asks(&config, &into, "was made by a later version of skein");
    database.database().sql("DELETE FROM skein.migration WHERE number = 1000");
    let third = other(&database, "third.toml", &[(data, "data = \"third\"")]);
    std::fs::create_dir(database.folder().join("third")).unwrap();
    asks(&third, &into, "both configurations name PostgreSQL");
    let absent = other(&database, "absent.toml", &[(data, "data = \"absent\"")]);
    asks(&absent, &new, "there is no data folder");
    asks(&third, &new, "holds no entry: there is nothing to copy");
    database.serve();
    asks(&third, &new, "is in use by another skein process");
    asks(&config, &third, "is in use by another skein process");
    assert_eq!(database.sender("rcb-adt").send(&admitted(1)).code(), "AA");
    assert!(database.stop().success());
    asks(&config, &third, "is not empty: copy into a new database");
    let (fine, told, said) = region.skein(&["copy", "--to", &new]);
    assert!(fine && told.contains("never both"), "{told}{said}");
}
