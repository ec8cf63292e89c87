//! SQLite: three files in the region's folder. Statements are prepared once a connection, values and columns go to and fro
//! without copies.

pub(super) mod anew;
mod numbers;
pub(super) mod pages;
pub(super) mod schema;
mod upgrade;

use super::{Column, Row, Value, What};
use crate::StoreError;
use numbers::Numbers;
use rusqlite::{
    CachedStatement, Connection, OpenFlags,
    config::DbConfig,
    types::{ToSqlOutput, ValueRef},
};
use std::{borrow::Cow, ops::Deref, path::Path, time::Duration};

/// A page of a file, in bytes. A message changes some ten rows of the derived state that lie far apart, and each is written with
/// its page, twice; in the other files rows lie in the order in which they come. What is looked for in the audit trail, each entry's
/// user and, in the file beside it, person, lies anywhere: a page of that index is written for an entry or a few.
const PAGE: i64 = 16 << 10;
const PAGE_DERIVED: i64 = 8 << 10;
pub(crate) const PAGE_AUDIT: i64 = 4 << 10;
/// The log is copied into the file from this size on, in bytes. Larger than SQLite's own measure: that is done less often, and no
/// sender waits for it longer than it must.
const LOG: i64 = 32 << 20;
const LOG_AUDIT: i64 = 16 << 20;
/// How long somebody who reads waits for somebody who writes: only where it is written anew is there anything to wait for.
const READER_PATIENCE: Duration = Duration::from_secs(300);

/// A connection to a file.
pub(crate) struct File {
    connection: Connection,
    numbers: Numbers,
    /// Of a derived state that is being made anew.
    mark: Option<anew::Mark>,
}

impl From<Connection> for File {
    fn from(connection: Connection) -> Self {
        File { connection, numbers: Numbers::default(), mark: None }
    }
}

impl Deref for File {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl File {
    /// The key of the patient that rows know by this number.
    pub fn key(&self, number: i64) -> Result<i64, StoreError> {
        self.numbers.key(&self.connection, number)
    }

    /// A row says which number and key are one patient's.
    pub fn numbered(&self, key: i64, number: i64) {
        self.numbers.remember(key, number);
    }

    /// Begin to write.
    pub fn begin(&self) -> Result<(), StoreError> {
        self.numbers.begin();
        Ok(self.connection.execute_batch("BEGIN IMMEDIATE")?)
    }

    /// Make what was written durable.
    pub fn commit(&self) -> Result<(), StoreError> {
        self.mark.as_ref().map_or(Ok(()), |mark| mark.set(false))?;
        self.connection.execute_batch("COMMIT")?;
        self.numbers.commit();
        self.mark.as_ref().map_or(Ok(()), |mark| mark.set(true))
    }

    /// Forget the transaction; nothing when there is none, or the engine took it back by itself.
    pub fn roll_back(&self) -> Result<(), StoreError> {
        self.numbers.forget();
        if !self.connection.is_autocommit() {
            self.connection.execute_batch("ROLLBACK")?;
        }
        Ok(())
    }
}

/// Open the file for writing, making it and its tables where they are missing.
pub(super) fn open_store(path: &Path, what: What) -> Result<Connection, StoreError> {
    let (full, cache_kib, version) = match what {
        What::Journal => (true, 8 << 10, schema::JOURNAL_VERSION),
        What::Audit => (true, 4 << 10, schema::AUDIT_VERSION),
        What::Derived => (false, 64 << 10, schema::DERIVED_VERSION),
    };
    let (page, sql) = match what {
        What::Journal => (PAGE, schema::JOURNAL.to_owned()),
        What::Audit => (PAGE_AUDIT, schema::AUDIT.to_owned()),
        What::Derived => (PAGE_DERIVED, format!("{}{}", schema::DERIVED, schema::DERIVED_FINDS)),
    };
    if what == What::Derived {
        upgrade::take_over(path)?;
    }
    let connection = open_paged(path, "WAL", synchronous(full), cache_kib, page)?;
    prepare(&connection, what.as_str(), &sql, version)?;
    let log = if what == What::Audit { LOG_AUDIT } else { LOG };
    // One that was made by a former version has its pages as large as they were then.
    let page: i64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
    connection.pragma_update(None, "wal_autocheckpoint", log / page.max(512))?;
    Ok(connection)
}

/// Open the file for reading only.
pub(super) fn open_store_for_reading(path: &Path, what: What) -> Result<Connection, StoreError> {
    if what == What::Derived && !path.is_file() {
        return Err(StoreError::Unusable(format!("there is no derived state at {}", path.display())));
    }
    let connection = open_for_reading(path, if what == What::Derived { 8 << 10 } else { 2 << 10 })?;
    if what == What::Derived {
        let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        // One that is being made says no form yet.
        if found != 0 && found != schema::DERIVED_VERSION {
            return Err(another_version(what.as_str(), found, schema::DERIVED_VERSION));
        }
    }
    Ok(connection)
}

/// Open a database file for writing, making it where it is missing.
pub(crate) fn open(path: &Path, full: bool, cache_kib: i64) -> Result<Connection, StoreError> {
    open_paged(path, "WAL", synchronous(full), cache_kib, PAGE)
}

fn synchronous(full: bool) -> &'static str {
    if full { "FULL" } else { "NORMAL" }
}

pub(crate) fn open_paged(
    path: &Path,
    journal: &str,
    synchronous: &str,
    cache_kib: i64,
    page: i64,
) -> Result<Connection, StoreError> {
    let connection = Connection::open(path)?;
    plan_once(&connection)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.pragma_update(None, "page_size", page)?;
    connection.pragma_update(None, "journal_mode", journal)?;
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.pragma_update(None, "cache_size", -cache_kib)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(connection)
}

/// Open a database file for reading only.
pub(crate) fn open_for_reading(path: &Path, cache_kib: i64) -> Result<Connection, StoreError> {
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    plan_once(&connection)?;
    connection.busy_timeout(READER_PATIENCE)?;
    connection.pragma_update(None, "cache_size", -cache_kib)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Plan a statement when it is prepared, and not by the values it is asked with: else one that touches a table with an index on
/// part of its rows is parsed and planned again whenever a value is another, which is each time (a sixth of all work when people
/// are loaded).
fn plan_once(connection: &Connection) -> Result<(), StoreError> {
    Ok(connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(|_| ())?)
}

/// Make the tables, or say why the file cannot be used.
pub(crate) fn prepare(connection: &Connection, what: &str, sql: &str, version: i64) -> Result<(), StoreError> {
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    match found {
        0 => {
            connection.execute_batch(&format!("BEGIN IMMEDIATE; {sql} PRAGMA user_version = {version}; COMMIT;"))?;
            Ok(())
        }
        found if found == version => Ok(()),
        // The audit is truth: a former form is taken over, tables are only ever added.
        1 if what == "audit" => {
            connection.execute_batch(&format!("BEGIN IMMEDIATE; {sql} PRAGMA user_version = {version}; COMMIT;"))?;
            Ok(())
        }
        found => Err(another_version(what, found, version)),
    }
}

fn another_version(what: &str, found: i64, version: i64) -> StoreError {
    let made_again = match found {
        _ if what != "derived state" => "",
        found if upgrade::takes_over(found) => "; `skein serve` takes it over",
        _ => "; make it again from the journal with `skein rebuild`",
    };
    StoreError::Unusable(format!(
        "the {what} was written by another version of skein (format {found}, this one knows {version}){made_again}"
    ))
}

/// Whether the tables are those of a derived state as this version writes it.
pub(super) fn is_derived(connection: &Connection) -> Result<bool, StoreError> {
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok(found == schema::DERIVED_VERSION)
}

/// Copy a database that nobody writes to, whole or not at all.
pub(crate) fn copy_file(from: &Path, to: &Path) -> Result<(), StoreError> {
    let cannot = |error: std::io::Error| StoreError::Unusable(format!("cannot write {}: {error}", to.display()));
    let new = to.with_extension("new");
    // Of a copy that was broken off.
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(cannot(error)),
        _ => {}
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(from, flags)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.execute("VACUUM INTO ?1", [new.to_string_lossy()])?;
    std::fs::File::open(&new).and_then(|file| file.sync_all()).map_err(cannot)?;
    std::fs::rename(&new, to).map_err(cannot)
}

fn prepared<'c>(file: &'c File, sql: &str, values: &[Value<'_>]) -> Result<CachedStatement<'c>, StoreError> {
    let mut statement = file.connection.prepare_cached(sql)?;
    for (index, value) in values.iter().enumerate() {
        let bound = match *value {
            Value::Integer(Some(number)) => ValueRef::Integer(number),
            Value::Text(Some(text)) => ValueRef::Text(text.as_bytes()),
            Value::Bytes(Some(bytes)) => ValueRef::Blob(bytes),
            Value::Patient(key) => ValueRef::Integer(file.numbers.of(&file.connection, key)?),
            Value::Newcomer(key) => ValueRef::Integer(file.numbers.give(&file.connection, key)?),
            Value::Integer(None) | Value::Text(None) | Value::Bytes(None) => ValueRef::Null,
        };
        statement.raw_bind_parameter(index + 1, ToSqlOutput::Borrowed(bound))?;
    }
    Ok(statement)
}

pub(super) fn execute(file: &File, sql: &str, values: &[Value<'_>]) -> Result<u64, StoreError> {
    Ok(prepared(file, sql, values)?.raw_execute()? as u64)
}

pub(super) fn each<E: From<StoreError>>(
    file: &File,
    sql: &str,
    values: &[Value<'_>],
    mut each: impl FnMut(&Row<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let mut statement = prepared(file, sql, values)?;
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next().map_err(StoreError::from)? {
        each(&Row::Sqlite(row, file))?;
    }
    Ok(())
}

pub(super) fn one<T>(
    file: &File,
    sql: &str,
    values: &[Value<'_>],
    read: impl FnOnce(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    let mut statement = prepared(file, sql, values)?;
    let mut rows = statement.raw_query();
    rows.next()?.map(|row| read(&Row::Sqlite(row, file))).transpose()
}

pub(super) fn column<'r>(row: &'r rusqlite::Row<'_>, at: usize) -> Result<Column<'r>, StoreError> {
    let wrong = || StoreError::Corrupt(format!("column {at} of a row is no text"));
    Ok(match row.get_ref(at)? {
        ValueRef::Null => Column::Missing,
        ValueRef::Integer(number) => Column::Integer(number),
        ValueRef::Text(text) => Column::Text(Cow::Borrowed(std::str::from_utf8(text).map_err(|_| wrong())?)),
        ValueRef::Blob(bytes) => Column::Bytes(Cow::Borrowed(bytes)),
        ValueRef::Real(_) => return Err(StoreError::Corrupt(format!("column {at} of a row is a fraction"))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::StatementStatus;

    /// Somebody's patient is looked up for each message: the statement is parsed once.
    #[test]
    fn a_statement_is_planned_once_whatever_it_is_asked_with() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("derived.db");
        let writer = open_store(&path, What::Derived).unwrap();
        for connection in [&writer, &open_store_for_reading(&path, What::Derived).unwrap()] {
            let mut statement = connection.prepare("SELECT facts FROM patient WHERE patient = ?1").unwrap();
            for patient in 0..10 {
                assert!(!statement.exists([patient]).unwrap());
            }
            assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
            assert_eq!(statement.get_status(StatementStatus::Run), 10);
        }
        // Rows are still found by what only part of them have.
        let mut plan = writer.prepare("EXPLAIN QUERY PLAN SELECT patient FROM patient WHERE nhs = ?1").unwrap();
        let detail: String = plan.query_row([1], |row| row.get(3)).unwrap();
        assert!(detail.contains("patient_nhs"), "{detail}");
    }

    /// The engine itself takes a transaction back where the disk is full or fails. Whoever came in it has no number, also for
    /// somebody who goes on without asking.
    #[test]
    fn a_number_that_was_taken_back_is_given_to_the_next_and_to_nobody_else() {
        let folder = tempfile::tempdir().unwrap();
        let file = File::from(open_store(&folder.path().join("derived.db"), What::Derived).unwrap());
        let put = |key| execute(&file, "INSERT INTO patient (patient, source) VALUES (?1, 1)", &[Value::Newcomer(key)]);
        let whose = |key| {
            one(&file, "SELECT patient FROM patient WHERE patient = ?1", &[Value::Patient(key)], |row| row.patient(0))
        };
        file.begin().unwrap();
        put(50).unwrap();
        file.commit().unwrap();
        file.execute_batch(
            "CREATE TEMP TRIGGER fails BEFORE INSERT ON lane BEGIN SELECT RAISE(ROLLBACK, 'as on a full disk'); END",
        )
        .unwrap();
        file.begin().unwrap();
        put(60).unwrap();
        assert_eq!(whose(60).unwrap(), Some(fhir::PatientKey(60)));
        execute(&file, "INSERT INTO lane (patient, pos) VALUES (1, 1)", &[]).unwrap_err();
        assert!(file.is_autocommit(), "it was taken back");
        file.begin().unwrap();
        put(70).unwrap();
        file.commit().unwrap();
        assert_eq!((whose(60).unwrap(), whose(70).unwrap()), (None, Some(fhir::PatientKey(70))));
        assert_eq!((file.key(1).unwrap(), file.key(2).unwrap()), (50, 70));
        assert!(file.key(3).is_err(), "nobody has it");
    }
}
