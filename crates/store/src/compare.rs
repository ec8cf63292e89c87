//! Comparing two derived states, row by row: what `skein verify` proves invariant 2 with.

use crate::{StoreError, codec::Codec, derived::Derived, schema};
use fhir::{PatientKey, ResourceId};
use rusqlite::{Connection, types::ValueRef};
use std::path::Path;

/// How two derived states compare.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Rows compared.
    pub rows: u64,
    /// Rows that differ or are on one side only.
    pub differences: u64,
    /// The first of them, each in a line: table and opaque ids, never content.
    pub examples: Vec<String>,
}

const EXAMPLES_MAX: usize = 20;

/// Tables whose rows hold a compressed body: name, columns compared as they are, key columns.
const BODIES: &[(&str, &str, &str)] = &[
    ("resource", "patient, kind, local, version, seq, message, flags, state, dictionary, body", "patient, kind, local"),
    (
        "history",
        "patient, kind, local, version, seq, seq_to, message, flags, dictionary, body",
        "patient, kind, local, version",
    ),
];

/// Tables compared as they are.
const PLAIN: &[(&str, &str, &str)] = &[
    ("source", "id, name, profile, profile_seq", "id"),
    ("patient", "patient, source, directory, nhs, verified, family, given, birth, postcode, facts", "patient"),
    ("link", "patient, seq_from, seq_to, person, reason", "patient, seq_from"),
    ("merged", "loser, seq_from, seq_to, survivor, happened, linked", "loser, seq_from"),
    ("assertion", "a, b, seq_from, seq_to, said", "a, b, seq_from"),
    ("review", "a, b, subject, kind, status, seq, score, opinions", "a, b"),
    ("weighed", "patient, seq, body", "patient, seq"),
    ("bearing", "patient, kind, local, nth, bears, organisation, category, since, until", "patient, kind, local, nth"),
    ("move", "patient, local, seq_from, seq_to, target, happened", "patient, local, seq_from"),
    ("identifier", "hash, patient, kind, local", "hash, patient, kind, local"),
    ("domain", "system", "system"),
    ("applied", "seq, received, source, patients, decision, touched", "seq"),
    ("problem", "pos, source, feed, received, status, lane, findings, title, resolved_by", "pos"),
    ("lane", "patient, pos", "patient"),
];

/// A derived state as it was at one moment, whatever is written to it since. It costs its file's log room while it is held.
pub struct Frozen {
    connection: Connection,
    codec: Codec,
    seq: u64,
}

impl Frozen {
    /// Hold the state as it is now.
    ///
    /// # Errors
    /// The store's, when it cannot be read.
    pub fn hold(path: &Path) -> Result<Self, StoreError> {
        let connection = schema::open_for_reading(path, 16 << 10)?;
        // A transaction sees the moment of its first reading, so that one comes before the dictionaries: newer ones do no
        // harm, missing ones would.
        connection.execute_batch("BEGIN")?;
        let sql = "SELECT COALESCE(MAX(value), 0) FROM meta WHERE key = 'applied'";
        let seq: i64 = connection.query_row(sql, [], |row| row.get(0))?;
        let codec = Derived::open_for_reading(path)?.codec().clone();
        Ok(Frozen { connection, codec, seq: seq.cast_unsigned() })
    }

    /// The journal position it has reached.
    pub fn seq(&self) -> u64 {
        self.seq
    }
}

/// Compare two derived states.
///
/// # Errors
/// The store's, when one cannot be read.
pub fn compare(left: &Frozen, right: &Frozen) -> Result<Comparison, StoreError> {
    let mut comparison = Comparison::default();
    let codecs = (&left.codec, &right.codec);
    for (table, columns, key) in BODIES {
        walk(&left.connection, &right.connection, table, columns, key, Some(codecs), &mut comparison)?;
    }
    for (table, columns, key) in PLAIN {
        walk(&left.connection, &right.connection, table, columns, key, None, &mut comparison)?;
    }
    Ok(comparison)
}

fn walk(
    left: &Connection,
    right: &Connection,
    table: &str,
    columns: &str,
    key: &str,
    codecs: Option<(&Codec, &Codec)>,
    comparison: &mut Comparison,
) -> Result<(), StoreError> {
    let sql = format!("SELECT {columns} FROM {table} ORDER BY {key}");
    let mut left = left.prepare(&sql)?;
    let mut right = right.prepare(&sql)?;
    let width = left.column_count();
    let mut left = left.query([])?;
    let mut right = right.query([])?;
    loop {
        let (a, b) = (left.next()?, right.next()?);
        let same = match (&a, &b) {
            (None, None) => return Ok(()),
            (Some(a), Some(b)) => same_row(a, b, width, codecs)?,
            _ => false,
        };
        comparison.rows += 1;
        if same {
            continue;
        }
        comparison.differences += 1;
        if comparison.examples.len() < EXAMPLES_MAX {
            let shown = a.or(b).map(|row| describe(row, table)).transpose()?.unwrap_or_default();
            comparison.examples.push(shown);
        }
        // Past a missing row everything would differ; the count of examples says enough.
        if comparison.differences >= 1000 {
            return Ok(());
        }
    }
}

fn same_row(
    a: &rusqlite::Row<'_>,
    b: &rusqlite::Row<'_>,
    width: usize,
    codecs: Option<(&Codec, &Codec)>,
) -> Result<bool, StoreError> {
    let plain = if codecs.is_some() { width.saturating_sub(2) } else { width };
    for column in 0..plain {
        if a.get_ref(column)? != b.get_ref(column)? {
            return Ok(false);
        }
    }
    let Some((left, right)) = codecs else { return Ok(true) };
    let text = |row: &rusqlite::Row<'_>, codec: &Codec| -> Result<Vec<u8>, StoreError> {
        codec.decompress(row.get(plain)?, row.get_ref(plain + 1)?.as_blob().unwrap_or_default())
    };
    Ok(text(a, left)? == text(b, right)?)
}

fn describe(row: &rusqlite::Row<'_>, table: &str) -> Result<String, StoreError> {
    let number = |column: usize| -> i64 {
        match row.get_ref(column) {
            Ok(ValueRef::Integer(number)) => number,
            _ => 0,
        }
    };
    Ok(match table {
        "resource" | "history" => {
            let id = ResourceId { patient: PatientKey(number(0).cast_unsigned()), local: number(2).cast_unsigned() };
            let kind = u8::try_from(number(1)).ok().and_then(fhir::ResourceType::from_code);
            format!("{table} {}/{id} version {}", kind.map_or("?", |kind| kind.as_str()), number(3))
        }
        "applied" | "problem" | "source" => format!("{table} {}", number(0)),
        _ => format!("{table} {}", PatientKey(number(0).cast_unsigned())),
    })
}
