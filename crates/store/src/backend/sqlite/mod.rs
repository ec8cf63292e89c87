//! SQLite: three files in the region's folder. Statements are prepared once a connection, values and columns go to and fro
//! without copies.

mod schema;

use super::{Column, DERIVED_VERSION, Row, Value, What};
use crate::StoreError;
use rusqlite::{
    CachedStatement, Connection, OpenFlags, ToSql,
    types::{ToSqlOutput, ValueRef},
};
use std::{borrow::Cow, path::Path, time::Duration};

/// Open the file for writing, making it and its tables where they are missing.
pub(super) fn open_store(path: &Path, what: What) -> Result<Connection, StoreError> {
    let (full, cache_kib, sql, version) = match what {
        What::Journal => (true, 8 << 10, schema::JOURNAL, schema::JOURNAL_VERSION),
        What::Audit => (true, 4 << 10, schema::AUDIT, schema::AUDIT_VERSION),
        What::Derived => (false, 64 << 10, schema::DERIVED, DERIVED_VERSION),
    };
    let connection = open(path, full, cache_kib)?;
    prepare(&connection, what.as_str(), sql, version)?;
    // Larger logs than SQLite's own measure: checkpoints are fewer, and no sender waits for one longer than it must.
    if what != What::Audit {
        connection.pragma_update(None, "wal_autocheckpoint", 2000)?;
    }
    Ok(connection)
}

/// Open the file for reading only.
pub(super) fn open_store_for_reading(path: &Path, what: What) -> Result<Connection, StoreError> {
    if what == What::Derived && !path.is_file() {
        return Err(StoreError::Unusable(format!("there is no derived state at {}", path.display())));
    }
    open_for_reading(path, if what == What::Derived { 8 << 10 } else { 2 << 10 })
}

/// Open a database file for writing, making it where it is missing.
pub(crate) fn open(path: &Path, full: bool, cache_kib: i64) -> Result<Connection, StoreError> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.pragma_update(None, "page_size", 16384)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", if full { "FULL" } else { "NORMAL" })?;
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
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.pragma_update(None, "cache_size", -cache_kib)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
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
        found => Err(StoreError::Unusable(format!(
            "the {what} was written by another version of skein (format {found}, this one knows {version}){}",
            if what == "derived state" { "; make it again from the journal with `skein rebuild`" } else { "" }
        ))),
    }
}

/// Whether the tables are those of a derived state as this version writes it.
pub(super) fn is_derived(connection: &Connection) -> Result<bool, StoreError> {
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok(found == DERIVED_VERSION)
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

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match *self {
            Value::Integer(Some(number)) => ValueRef::Integer(number),
            Value::Text(Some(text)) => ValueRef::Text(text.as_bytes()),
            Value::Bytes(Some(bytes)) => ValueRef::Blob(bytes),
            Value::Integer(None) | Value::Text(None) | Value::Bytes(None) => ValueRef::Null,
        }))
    }
}

fn prepared<'c>(
    connection: &'c Connection,
    sql: &str,
    values: &[Value<'_>],
) -> Result<CachedStatement<'c>, StoreError> {
    let mut statement = connection.prepare_cached(sql)?;
    for (index, value) in values.iter().enumerate() {
        statement.raw_bind_parameter(index + 1, value)?;
    }
    Ok(statement)
}

pub(super) fn execute(connection: &Connection, sql: &str, values: &[Value<'_>]) -> Result<u64, StoreError> {
    Ok(prepared(connection, sql, values)?.raw_execute()? as u64)
}

pub(super) fn each<E: From<StoreError>>(
    connection: &Connection,
    sql: &str,
    values: &[Value<'_>],
    mut each: impl FnMut(&Row<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let mut statement = prepared(connection, sql, values)?;
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next().map_err(StoreError::from)? {
        each(&Row::Sqlite(row))?;
    }
    Ok(())
}

pub(super) fn one<T>(
    connection: &Connection,
    sql: &str,
    values: &[Value<'_>],
    read: impl FnOnce(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    let mut statement = prepared(connection, sql, values)?;
    let mut rows = statement.raw_query();
    rows.next()?.map(|row| read(&Row::Sqlite(row))).transpose()
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
