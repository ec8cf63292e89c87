//! Drafts: what somebody began to write and has not signed. It is no fact about the person until it is signed, so it stands in
//! no journal and in no record, nothing is rebuilt from it, and one that is thrown away is gone. But it is somebody's work:
//! kept on disk before it is confirmed, over restarts, in a file of its own.

use crate::{StoreError, backend::sqlite};
use fhir::PatientKey;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use std::{
    path::Path,
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

fn row(row: &rusqlite::Row<'_>) -> rusqlite::Result<DraftRow> {
    Ok(DraftRow {
        id: row.get(0)?,
        patient: PatientKey(row.get::<_, i64>(1)?.cast_unsigned()),
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

/// Open (or make) the file in a data folder.
pub(crate) fn open_file(folder: &Path) -> Result<Connection, StoreError> {
    let connection = sqlite::open(&folder.join("drafts.db"), true, 512)?;
    sqlite::prepare(&connection, "drafts", SCHEMA, VERSION)?;
    Ok(connection)
}

/// Open the file in a data folder to look only, if it is there and was ever used.
pub(crate) fn open_for_reading(folder: &Path) -> Result<Option<Connection>, StoreError> {
    let path = folder.join("drafts.db");
    if !path.is_file() {
        return Ok(None);
    }
    let connection = sqlite::open_for_reading(&path, 512)?;
    let made: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok((made == VERSION).then_some(connection))
}

impl Drafts {
    /// Open (or make) the file in a data folder.
    ///
    /// # Errors
    /// The store's.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        Ok(Drafts { connection: Arc::new(Mutex::new(open_file(folder)?)) })
    }

    fn held(&self) -> MutexGuard<'_, Connection> {
        // A statement that panicked left nothing half done: each stands alone.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keep a draft: a new one, or one whose revision is still the one before. False: somebody saved it meanwhile, or it is
    /// gone; nothing is kept then.
    pub fn put(&self, draft: &DraftRow) -> Result<bool, StoreError> {
        let patient = draft.patient.0.cast_signed();
        let saved = draft.saved.as_microsecond();
        let held = self.held();
        let changed = if draft.revision <= 1 {
            held.prepare_cached(&format!(
                "INSERT OR IGNORE INTO draft ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, ?7)"
            ))?
            .execute(params![
                draft.id,
                patient,
                draft.form,
                draft.author,
                draft.organisation,
                saved,
                draft.body
            ])?
        } else {
            held.prepare_cached(
                "UPDATE draft SET revision = ?2, saved = ?3, body = ?4 WHERE id = ?1 AND revision = ?2 - 1",
            )?
            .execute(params![draft.id, draft.revision, saved, draft.body])?
        };
        Ok(changed == 1)
    }

    /// A draft.
    pub fn get(&self, id: &str) -> Result<Option<DraftRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM draft WHERE id = ?1");
        Ok(self.held().prepare_cached(&sql)?.query_row([id], row).optional()?)
    }

    /// The drafts about a patient, newest first.
    pub fn of(&self, patient: PatientKey) -> Result<Vec<DraftRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM draft WHERE patient = ?1 ORDER BY saved DESC, id");
        let held = self.held();
        let mut statement = held.prepare_cached(&sql)?;
        let rows = statement.query_map([patient.0.cast_signed()], row)?.collect::<Result<_, _>>()?;
        Ok(rows)
    }

    /// Throw a draft away.
    pub fn remove(&self, id: &str) -> Result<(), StoreError> {
        self.held().prepare_cached("DELETE FROM draft WHERE id = ?1")?.execute([id])?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_outlives_a_restart_and_is_not_saved_over_what_was_saved_meanwhile() {
        let folder = tempfile::tempdir().expect("a folder");
        let draft = |revision, body: &str| DraftRow {
            id: "d1".into(),
            patient: PatientKey(u64::MAX),
            form: "respect".into(),
            author: "gp".into(),
            organisation: "X81001".into(),
            revision,
            saved: Timestamp::UNIX_EPOCH,
            body: body.into(),
        };
        let drafts = Drafts::open(folder.path()).expect("a file");
        assert!(drafts.put(&draft(1, "one")).expect("kept"));
        assert!(!drafts.put(&draft(1, "another of its name")).expect("asked"));
        assert!(drafts.put(&draft(2, "two")).expect("kept"));
        assert!(!drafts.put(&draft(2, "the other tab")).expect("asked"));
        drop(drafts);
        let drafts = Drafts::open(folder.path()).expect("a file");
        assert_eq!(drafts.get("d1").expect("read"), Some(draft(2, "two")));
        assert_eq!(drafts.of(PatientKey(u64::MAX)).expect("read").len(), 1);
        assert_eq!(drafts.of(PatientKey(1)).expect("read").len(), 0);
        drafts.remove("d1").expect("removed");
        assert_eq!(drafts.get("d1").expect("read"), None);
        assert!(!drafts.put(&draft(3, "after it is gone")).expect("asked"));
    }
}
