//! Drafts: what somebody began to write and has not signed. It is no fact about the person until it is signed, so it stands in
//! no journal and in no record, nothing is rebuilt from it, and one that is thrown away is gone. But it is somebody's work:
//! kept on disk before it is confirmed, over restarts, in a file of its own, or in the region's database.

use crate::{
    Folder, Server, StoreError,
    backend::{
        Connection, Row,
        postgres::{Purpose, Session},
        sqlite, values,
    },
};
use fhir::PatientKey;
use jiff::Timestamp;
use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

const VERSION: i64 = 1;
const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS draft (
  id TEXT PRIMARY KEY,
  patient INTEGER NOT NULL,            -- whom it is about: it stays with the patient, whoever that is later said to be
  form TEXT NOT NULL,
  author TEXT NOT NULL, organisation TEXT NOT NULL,
  revision INTEGER NOT NULL, saved INTEGER NOT NULL,
  body TEXT NOT NULL                   -- JSON: what was typed, what it began from, who began it
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS draft_patient ON draft (patient);
";

/// A draft as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DraftRow {
    /// Its name, random.
    pub id: String,
    /// Whom it is about.
    pub patient: PatientKey,
    /// The form's name.
    pub form: String,
    /// The id of the user who began it.
    pub author: String,
    /// The ODS code of the organisation that user acted for.
    pub organisation: String,
    /// How often it was saved.
    pub revision: u32,
    /// When it was saved last.
    pub saved: Timestamp,
    /// What it says.
    pub body: String,
}

/// The drafts of a region. Clones share the file.
#[derive(Clone)]
pub struct Drafts {
    connection: Arc<Mutex<Connection>>,
}

fn row(row: &Row<'_>) -> Result<DraftRow, StoreError> {
    Ok(DraftRow {
        id: row.get(0)?,
        patient: PatientKey(row.get::<i64>(1)?.cast_unsigned()),
        form: row.get(2)?,
        author: row.get(3)?,
        organisation: row.get(4)?,
        revision: row.get(5)?,
        saved: Timestamp::from_microsecond(row.get(6)?).unwrap_or_default(),
        body: row.get(7)?,
    })
}

const COLUMNS: &str = "id, patient, form, author, organisation, revision, saved, body";

/// All of them, for a backup.
pub(crate) const SELECT_ALL: &str =
    "SELECT id, patient, form, author, organisation, revision, saved, body FROM draft ORDER BY id";
/// One of them, out of a backup.
pub(crate) const INSERT: &str = "INSERT INTO draft (id, patient, form, author, organisation, revision, saved, body)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING";

fn file(folder: &Path) -> PathBuf {
    folder.join("drafts.db")
}

/// Open (or make) the file in a data folder.
fn open_file(folder: &Path) -> Result<Connection, StoreError> {
    let connection = sqlite::open(&file(folder), true, 512)?;
    sqlite::prepare(&connection, "drafts", SCHEMA, VERSION)?;
    Ok(connection.into())
}

/// Open the file in a data folder to look only, if it is there and was ever used.
fn open_file_for_reading(folder: &Path) -> Result<Option<Connection>, StoreError> {
    let path = file(folder);
    if !path.is_file() {
        return Ok(None);
    }
    let connection = sqlite::open_for_reading(&path, 512)?;
    let made: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok((made == VERSION).then_some(connection.into()))
}

fn in_database(server: &Server, purpose: Purpose) -> Result<Connection, StoreError> {
    Ok(Connection::Postgres(Box::new(Session::open(server, "skein", purpose)?)))
}

/// Open (or make) those of a region: in its database, where it has one, for every process to see; else in a file.
pub(crate) fn open(folder: &Folder) -> Result<Connection, StoreError> {
    let Some(server) = folder.server() else { return open_file(folder.path()) };
    let connection = in_database(server, Purpose::Append)?;
    take_in(folder.path(), &connection)?;
    Ok(connection)
}

/// Open those of a region to look only; none where nobody has written any yet.
pub(crate) fn open_for_reading(folder: &Folder) -> Result<Option<Connection>, StoreError> {
    match folder.server() {
        None => open_file_for_reading(folder.path()),
        Some(server) => in_database(server, Purpose::Read).map(Some),
    }
}

/// Take in what a version left that kept drafts in a file beside the database.
fn take_in(folder: &Path, to: &Connection) -> Result<(), StoreError> {
    let Some(from) = open_file_for_reading(folder)? else { return Ok(()) };
    let rows: Vec<DraftRow> = from.all(SELECT_ALL, &[], row)?;
    drop(from);
    for draft in rows {
        insert(to, &draft, draft.revision)?;
    }
    match std::fs::rename(file(folder), folder.join("drafts.db.taken-in")) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(StoreError::Unusable(format!("{}: {error}", file(folder).display())))
        }
        _ => Ok(()),
    }
}

/// Keep one that is not there. Gives how many were kept.
fn insert(connection: &Connection, draft: &DraftRow, revision: u32) -> Result<u64, StoreError> {
    connection.execute(
        INSERT,
        values![
            draft.id,
            draft.patient.0.cast_signed(),
            draft.form,
            draft.author,
            draft.organisation,
            revision,
            draft.saved.as_microsecond(),
            draft.body
        ],
    )
}

impl Drafts {
    /// Open (or make) the file in a data folder.
    ///
    /// # Errors
    /// The store's.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        Ok(Drafts { connection: Arc::new(Mutex::new(open_file(folder)?)) })
    }

    /// Those of a region, wherever its database is: every process on one database sees the same.
    ///
    /// # Errors
    /// The store's.
    pub fn of_region(folder: &Folder) -> Result<Self, StoreError> {
        Ok(Drafts { connection: Arc::new(Mutex::new(open(folder)?)) })
    }

    fn held(&self) -> MutexGuard<'_, Connection> {
        // A statement that panicked left nothing half done: each stands alone.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keep a draft: a new one, or one whose revision is still the one before. False: somebody saved it meanwhile, or it is
    /// gone; nothing is kept then.
    pub fn put(&self, draft: &DraftRow) -> Result<bool, StoreError> {
        let held = self.held();
        let changed = if draft.revision <= 1 {
            insert(&held, draft, 1)?
        } else {
            held.execute(
                "UPDATE draft SET revision = ?2, saved = ?3, body = ?4 WHERE id = ?1 AND revision = ?2 - 1",
                values![draft.id, draft.revision, draft.saved.as_microsecond(), draft.body],
            )?
        };
        Ok(changed == 1)
    }

    /// A draft.
    pub fn get(&self, id: &str) -> Result<Option<DraftRow>, StoreError> {
        self.held().one(&format!("SELECT {COLUMNS} FROM draft WHERE id = ?1"), values![id], row)
    }

    /// The drafts about a patient, newest first.
    pub fn of(&self, patient: PatientKey) -> Result<Vec<DraftRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM draft WHERE patient = ?1 ORDER BY saved DESC, id");
        self.held().all(&sql, values![patient.0.cast_signed()], row)
    }

    /// Throw a draft away.
    pub fn remove(&self, id: &str) -> Result<(), StoreError> {
        self.held().execute("DELETE FROM draft WHERE id = ?1", values![id])?;
        Ok(())
    }
}
