//! Whom entries are about: found at once and always, whatever has become of the file that says it.

use crate::home::{Home, at};
use fhir::PersonKey;
use std::time::{Duration, Instant};
use store::{
    Folder,
    audit::{Audit, AuditReader, NewAuditEntry},
};

crate::on_both!(whom_an_entry_is_about_is_found_at_once_and_when_it_is_taken_in);

const FILE: &str = "audit-persons.db";
const HER: PersonKey = PersonKey(u64::MAX - 3);

/// Entries about several people in turn, every fifth about her, every seventh about nobody.
fn write(audit: &Audit, count: i64) {
    let entry = |n: i64| NewAuditEntry {
        at: at(n),
        person: match n {
            n if n % 5 == 0 => Some(HER),
            n if n % 7 == 0 => None,
            n => Some(PersonKey(n.cast_unsigned() % 3)),
        },
        user: "nurse".into(),
        body: format!("{{\"n\":{n}}}"),
        ..Default::default()
    };
    audit.append_together((0..count).map(entry).collect()).unwrap().blocking_recv().unwrap().unwrap();
}

fn about(audit: &AuditReader, person: PersonKey, limit: usize) -> Vec<u64> {
    audit.about(person, limit).unwrap().iter().map(|entry| entry.n).collect()
}

/// As the entries themselves say.
fn said(audit: &AuditReader, person: PersonKey) -> Vec<u64> {
    let all = audit.after(0, 100_000).unwrap();
    all.iter().rev().filter(|entry| entry.person == Some(person)).map(|entry| entry.n).collect()
}

fn agrees(folder: &Folder) {
    let reader = AuditReader::open(folder).unwrap();
    for person in [HER, PersonKey(0), PersonKey(1), PersonKey(2), PersonKey(4)] {
        let said = said(&reader, person);
        assert_eq!(about(&reader, person, usize::MAX), said);
        assert_eq!(about(&reader, person, 3), said[..said.len().min(3)]);
    }
    assert!(!said(&reader, HER).is_empty());
    reader.verify(&[]).unwrap();
}

fn index(folder: &Folder) -> rusqlite::Connection {
    rusqlite::Connection::open(folder.path().join(FILE)).unwrap()
}

fn taken(folder: &Folder) -> i64 {
    index(folder).query_row("SELECT COALESCE(MAX(n), 0) FROM taken", [], |row| row.get(0)).unwrap()
}

fn whom_an_entry_is_about_is_found_at_once_and_when_it_is_taken_in(home: &Home) {
    let folder = home.hold();
    let audit = Audit::open(&folder).unwrap();
    let first = audit.read(AuditReader::last).unwrap();
    write(&audit, 100);
    agrees(&folder);
    write(&audit, 50);
    agrees(&folder);
    audit.close();
    agrees(&folder);
    let audit = Audit::open(&folder).unwrap();
    write(&audit, 10);
    let newest = audit.read(|audit| Ok(about(audit, HER, 2))).unwrap();
    assert_eq!(newest, [first + 156, first + 151]);
    audit.close();
    agrees(&folder);
    assert_eq!(folder.path().join(FILE).exists(), home.database.is_none());
}

/// A trail in a file with 60 entries, closed.
fn trail() -> (Home, Folder) {
    let home = Home::sqlite();
    let folder = home.hold();
    let audit = Audit::open(&folder).unwrap();
    write(&audit, 60);
    audit.close();
    assert_eq!(taken(&folder), 60, "closing takes in what there is");
    (home, folder)
}

#[test]
fn entries_are_taken_in_while_the_trail_is_open() {
    let (_home, folder) = trail();
    let audit = Audit::open(&folder).unwrap();
    write(&audit, 20);
    let begun = Instant::now();
    while taken(&folder) < 80 {
        assert!(begun.elapsed() < Duration::from_secs(60), "still {}", taken(&folder));
        std::thread::sleep(Duration::from_millis(50));
    }
    agrees(&folder);
    audit.close();
}

#[test]
fn the_index_of_persons_is_made_again_when_it_is_gone_or_no_database() {
    for spoil in [None, Some("no database at all, but long enough to be read as a page of one".repeat(200))] {
        let (_home, folder) = trail();
        let path = folder.path().join(FILE);
        std::fs::remove_file(&path).unwrap();
        if let Some(rubbish) = &spoil {
            std::fs::write(&path, rubbish).unwrap();
        }
        // Who looks meanwhile reads the trail itself.
        agrees(&folder);
        let audit = Audit::open(&folder).unwrap();
        write(&audit, 1);
        agrees(&folder);
        audit.close();
        agrees(&folder);
        assert_eq!(taken(&folder), 61);
    }
}

#[test]
fn the_index_of_another_trail_is_not_believed() {
    let (_other, others) = trail();
    let home = Home::sqlite();
    let folder = home.hold();
    let audit = Audit::open(&folder).unwrap();
    let entry = |n| NewAuditEntry { at: at(n), person: Some(HER), user: "gp".into(), ..Default::default() };
    audit.append_together((0..70).map(entry).collect()).unwrap().blocking_recv().unwrap().unwrap();
    audit.close();
    std::fs::copy(others.path().join(FILE), folder.path().join(FILE)).unwrap();
    agrees(&folder);
    let audit = Audit::open(&folder).unwrap();
    agrees(&folder);
    audit.close();
    agrees(&folder);
    assert_eq!(taken(&folder), 70);
}

/// It holds nobody, and goes further than this trail did.
#[test]
fn the_index_of_another_trail_about_nobody_is_not_gone_on_from() {
    let (_home, folder) = trail();
    index(&folder).execute_batch("DELETE FROM about; UPDATE taken SET n = 40, hash = x'00'").unwrap();
    let audit = Audit::open(&folder).unwrap();
    write(&audit, 5);
    audit.close();
    agrees(&folder);
    assert_eq!(taken(&folder), 65);
}

/// A full disk, or a folder of that name: nothing rests on the index, so the region starts and who looked is found.
#[test]
fn a_trail_whose_index_of_persons_can_be_neither_opened_nor_made_is_open() {
    let (_home, folder) = trail();
    let path = folder.path().join(FILE);
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    let audit = Audit::open(&folder).unwrap();
    write(&audit, 20);
    agrees(&folder);
    audit.close();
    agrees(&folder);
    // Mended, it is made.
    std::fs::remove_dir(&path).unwrap();
    Audit::open(&folder).unwrap().close();
    assert_eq!(taken(&folder), 80);
    agrees(&folder);
}

/// Whoever hides a look from the person it was at, and whoever puts one there.
#[test]
fn an_index_of_persons_that_was_changed_is_found() {
    let her = HER.0.cast_signed();
    for (sql, n) in [
        (format!("DELETE FROM about WHERE person = {her} AND n = 31"), 31),
        (format!("INSERT INTO about (person, n) VALUES ({her}, 33)"), 33),
        (format!("UPDATE about SET n = 34 WHERE person = {her} AND n = 36"), 36),
    ] {
        let (_home, folder) = trail();
        assert_eq!(index(&folder).execute(&sql, []).unwrap(), 1);
        let error = AuditReader::open(&folder).unwrap().verify(&[]).unwrap_err().to_string();
        assert!(error.contains(&format!("audit entry {n} is about")) && error.contains(FILE), "{error}");
    }
}

/// As a version before this file made it: nothing is to be done, and nothing is slower.
#[test]
fn a_trail_with_an_index_inside_keeps_it() {
    let (home, folder) = trail();
    std::fs::remove_file(folder.path().join(FILE)).unwrap();
    let trail = rusqlite::Connection::open(folder.path().join("audit.db")).unwrap();
    trail.execute_batch("CREATE INDEX entry_person ON entry (person, at) WHERE person IS NOT NULL").unwrap();
    drop(trail);
    let audit = Audit::open(&folder).unwrap();
    write(&audit, 5);
    agrees(&folder);
    audit.close();
    assert!(!folder.path().join(FILE).exists());
    drop(home);
}
