//! Where a story plays: a folder, and with PostgreSQL a database.

use crate::database::Database;
use fhir::{PatientKey, ResourceId, ResourceType};
use jiff::Timestamp;
use store::{
    Body, Derived, Folder, NewRow, Server, Writer,
    journal::{EntryKind, NewEntry},
};
use tempfile::TempDir;

pub struct Home {
    pub folder: TempDir,
    pub database: Option<Database>,
}

impl Home {
    pub fn sqlite() -> Self {
        Home { folder: tempfile::tempdir().unwrap(), database: None }
    }

    pub fn postgres() -> Self {
        let home = Self::empty_postgres();
        home.server().unwrap().init().unwrap();
        home
    }

    /// Nothing is in the database yet.
    pub fn empty_postgres() -> Self {
        Home { folder: tempfile::tempdir().unwrap(), database: Some(Database::new()) }
    }

    pub fn server(&self) -> Option<Server> {
        self.database.as_ref().map(|database| Server::parse(&database.address(), None, None).unwrap())
    }

    /// Held, as the one process that runs the pipeline does.
    pub fn hold(&self) -> Folder {
        Folder::hold_with(self.folder.path(), self.server()).unwrap()
    }

    /// Change something behind the store's back.
    pub fn tamper(&self, file: &str, sql: &str) {
        match &self.database {
            Some(database) => {
                let schema = format!("skein_{}", file.trim_end_matches(".db"));
                database.sql(&format!("SET search_path = {schema}; {sql}"));
            }
            None => {
                let connection = rusqlite::Connection::open(self.folder.path().join(file)).unwrap();
                assert!(connection.execute(sql, []).unwrap() > 0);
            }
        }
    }

    pub fn derived(&self) -> (Derived, Writer) {
        let (derived, writer) = Derived::open(&self.hold()).unwrap();
        writer.claim_region("test").unwrap();
        (derived, writer)
    }
}

pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

pub fn entry(control_id: Option<&str>, body: &[u8]) -> NewEntry {
    NewEntry {
        kind: EntryKind::Hl7v2,
        source: "pas".into(),
        feed: "adt".into(),
        received: at(0),
        ident: control_id.map(Into::into),
        about: None,
        body: body.to_vec(),
        ack: Some(b"MSA|AA".to_vec()),
    }
}

/// A resource whose text is this.
pub fn row(derived: &Derived, patient: u64, kind: ResourceType, local: u64, version: u32, text: &str) -> NewRow {
    let body: Body = derived.codec().compress(kind.code(), text.as_bytes()).unwrap();
    let id = ResourceId { patient: PatientKey(patient), local };
    NewRow { id, kind, deleted: false, written: false, body, state: Vec::new(), version, message: 1 }
}
