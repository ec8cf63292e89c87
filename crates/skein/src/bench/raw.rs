//! The bare engine: SQLite inserting the rows of a derived state again, set up the same way, with nothing of Skein between.

use rusqlite::{Connection, params};
use std::{path::Path, time::Instant};
use store::Derived;

/// Rows put into one transaction.
const BATCH: usize = 10_000;

/// Rows a second that SQLite inserts when it gets the rows of `derived` (bodies already compressed) in the order they were
/// written.
pub fn insert_rows_per_s(derived: &Path, target: &Path, rows_max: usize) -> rusqlite::Result<f64> {
    type Row = (i64, i64, i64, i64, i64, i64, i64, Vec<u8>, Option<Vec<u8>>);
    let source = Connection::open(derived)?;
    let mut rows: Vec<Row> = source
        .prepare("SELECT patient, kind, local, version, seq, flags, dictionary, body, state FROM resource LIMIT ?1")?
        .query_map([i64::try_from(rows_max).unwrap_or(i64::MAX)], |row| {
            Ok((
                row.get(0)?,
                row.get(1)?,
                row.get(2)?,
                row.get(3)?,
                row.get(4)?,
                row.get(5)?,
                row.get(6)?,
                row.get(7)?,
                row.get(8)?,
            ))
        })?
        .collect::<Result<_, _>>()?;
    rows.sort_by_key(|row| (row.4, row.0, row.1, row.2));
    let raw = Connection::open(target)?;
    raw.execute_batch(
        "PRAGMA page_size = 16384; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -65536;
         CREATE TABLE resource (patient INTEGER NOT NULL, kind INTEGER NOT NULL, local INTEGER NOT NULL,
           version INTEGER NOT NULL, seq INTEGER NOT NULL, message INTEGER, flags INTEGER NOT NULL,
           dictionary INTEGER NOT NULL, body BLOB NOT NULL, state BLOB, PRIMARY KEY (patient, kind, local)) WITHOUT ROWID;",
    )?;
    let begin = Instant::now();
    for batch in rows.chunks(BATCH) {
        raw.execute_batch("BEGIN")?;
        let mut insert = raw.prepare_cached(
            "INSERT INTO resource (patient, kind, local, version, seq, flags, dictionary, body, state)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?;
        for row in batch {
            insert.execute(params![row.0, row.1, row.2, row.3, row.4, row.5, row.6, row.7, row.8])?;
        }
        raw.execute_batch("COMMIT")?;
    }
    Ok(super::per_second(rows.len(), begin.elapsed()))
}

/// Rows a second of the bare engine for the whole of the same work: it gets the texts of the rows of `derived`, compresses
/// each with the dictionary of its type and inserts it. One thread, nothing read, checked or linked.
pub fn store_texts_per_s(derived: &Path, target: &Path, rows_max: usize) -> anyhow::Result<f64> {
    let opened = Derived::open_for_reading(&store::Place::derived_file(derived))?;
    let codec = opened.codec();
    let mut texts: Vec<(i64, u8, i64, Vec<u8>)> = Vec::new();
    {
        let source = Connection::open(derived)?;
        let mut statement = source.prepare(
            "SELECT patient, kind, local, dictionary, body FROM resource ORDER BY seq, patient, kind, local LIMIT ?1",
        )?;
        let mut rows = statement.query([i64::try_from(rows_max).unwrap_or(i64::MAX)])?;
        while let Some(row) = rows.next()? {
            let body: Vec<u8> = row.get(4)?;
            texts.push((row.get(0)?, row.get(1)?, row.get(2)?, codec.decompress(row.get(3)?, &body)?));
        }
    }
    let raw = Connection::open(target)?;
    raw.execute_batch(
        "PRAGMA page_size = 16384; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -65536;
         CREATE TABLE resource (patient INTEGER NOT NULL, kind INTEGER NOT NULL, local INTEGER NOT NULL,
           dictionary INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (patient, kind, local)) WITHOUT ROWID;",
    )?;
    let begin = Instant::now();
    for batch in texts.chunks(BATCH) {
        raw.execute_batch("BEGIN")?;
        let mut insert = raw.prepare_cached(
            "INSERT INTO resource (patient, kind, local, dictionary, body) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?;
        for (patient, kind, local, text) in batch {
            let body = codec.compress(*kind, text)?;
            insert.execute(params![patient, kind, local, body.dictionary, body.bytes])?;
        }
        raw.execute_batch("COMMIT")?;
    }
    Ok(super::per_second(texts.len(), begin.elapsed()))
}

/// Rows a second that SQLite puts on disk in transactions of so many, each with an fsync: what the audit writes when people sign out,
/// which is about nobody's record, with nothing of Skein around it.
pub fn batches_per_s(folder: &Path, batch: usize) -> anyhow::Result<f64> {
    std::fs::create_dir_all(folder)?;
    let raw = Connection::open(folder.join("audit.db"))?;
    raw.execute_batch(
        "PRAGMA page_size = 4096; PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 4096; PRAGMA synchronous = FULL;
         CREATE TABLE entry (n INTEGER PRIMARY KEY, at INTEGER NOT NULL, person INTEGER, user TEXT NOT NULL,
           body TEXT NOT NULL, hash BLOB NOT NULL);
         CREATE INDEX entry_user ON entry (user, at);",
    )?;
    let (body, hash) = ("x".repeat(400), vec![7u8; 32]);
    let begin = Instant::now();
    let mut count = 0;
    while begin.elapsed() < std::time::Duration::from_secs(3) {
        raw.execute_batch("BEGIN IMMEDIATE")?;
        let mut insert =
            raw.prepare_cached("INSERT INTO entry (at, person, user, body, hash) VALUES (?1, ?2, ?3, ?4, ?5)")?;
        for number in 0..batch {
            let number = i64::try_from(number)?;
            insert.execute(params![number, None::<i64>, format!("bench-{number}"), body, hash])?;
            count += 1;
        }
        raw.execute_batch("COMMIT")?;
    }
    Ok(super::per_second(count, begin.elapsed()))
}
