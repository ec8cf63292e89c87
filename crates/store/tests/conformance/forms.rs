//! A derived state of a former form is taken over where what people are found by is all that differs, and is then like any other.

use crate::{
    birthdays::{Said, fill},
    former::{FORMER, to_form_9},
    home::Home,
};
use rusqlite::Connection;
use std::path::Path;
use store::{Derived, Frozen, StoreError, Undoing, compare};

fn execute(path: &Path, sql: &str) {
    Connection::open(path).unwrap().execute_batch(sql).unwrap();
}

fn form(path: &Path) -> i64 {
    Connection::open(path).unwrap().pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
}

fn tables(path: &Path) -> Vec<(String, Option<String>)> {
    let connection = Connection::open(path).unwrap();
    let mut statement = connection.prepare("SELECT name, sql FROM sqlite_master ORDER BY name").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

#[test]
fn a_former_form_is_taken_over_to_what_would_be_made_anew() {
    for (number, turned) in FORMER {
        let (home, other) = (Home::sqlite(), Home::sqlite());
        let path = home.folder.path().join("derived.db");
        let (derived, mut writer) = home.derived();
        let mut said = Said::default();
        fill(&mut writer, &mut said, 60, |_, _| ());
        drop((derived, writer));
        execute(&path, &turned());

        let place = home.hold().derived_beside("derived");
        assert!(!place.is_current().unwrap());
        match Frozen::hold(&place) {
            Err(StoreError::Unusable(why)) => assert!(why.contains("`skein serve` takes it over"), "{why}"),
            _ => panic!("a file of form {number} was read as if it were today's"),
        }
        match place.pages() {
            Err(StoreError::Unusable(why)) => assert!(why.contains("`skein serve` takes it over"), "{why}"),
            _ => panic!("a file of form {number} was backed up as if it were today's"),
        }
        assert_eq!(form(&path), number, "whoever reads changes nothing");

        let (derived, mut writer) = Derived::open_at(&place).unwrap();
        said.agrees(&derived.snapshot().unwrap(), &format!("form {number} was taken over"));
        let anew = other.hold().derived_beside("rebuild");
        let (made, mut maker) = Derived::open_anew(&anew, Undoing::Not, "me").unwrap();
        fill(&mut maker, &mut Said::default(), 60, |_, _| ());
        maker.finish_anew().unwrap();
        drop((made, maker));
        assert_eq!(tables(&path), tables(&other.folder.path().join("rebuild.db")));
        assert_eq!(form(&path), form(&other.folder.path().join("rebuild.db")));
        let compared = compare(&Frozen::hold(&place).unwrap(), &Frozen::hold(&anew).unwrap()).unwrap();
        assert_eq!(compared.differences, 0, "{:?}", compared.examples);
        // What comes after finds its place.
        fill(&mut writer, &mut said, 50, |said, seq| {
            said.agrees(&derived.snapshot().unwrap(), &format!("form {number} was taken over, batch {seq}"));
        });
    }
}

/// Where it cannot be done, the file is as it was.
#[test]
fn a_former_form_that_cannot_be_taken_over_stays_as_it_is() {
    let home = Home::sqlite();
    let path = home.folder.path().join("derived.db");
    let (derived, mut writer) = home.derived();
    let mut said = Said::default();
    fill(&mut writer, &mut said, 60, |_, _| ());
    drop((derived, writer));
    execute(&path, &format!("{} CREATE TABLE patient_restricted (x);", to_form_9()));
    let before = tables(&path);
    let place = home.hold().derived_beside("derived");
    assert!(Derived::open_at(&place).is_err());
    assert_eq!((form(&path), tables(&path)), (9, before));
    execute(&path, "DROP TABLE patient_restricted");
    let (derived, _writer) = Derived::open_at(&place).unwrap();
    said.agrees(&derived.snapshot().unwrap(), "it was taken over after all");
}
