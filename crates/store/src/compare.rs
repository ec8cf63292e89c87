//! Comparing two derived states, row by row: what `skein verify` proves invariant 2 with.

use crate::{
    Place, StoreError,
    backend::{Column, Connection, Value},
    codec::Codec,
    derived::Derived,
};
use fhir::{PatientKey, ResourceId};

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
/// Past a missing row everything would differ; so many differences of a table say enough.
const DIFFERENCES_MAX: u64 = 1000;
/// Rows read at a time.
const PAGE_ROWS: usize = 1000;

/// A table to compare.
struct Table {
    name: &'static str,
    /// Its key first, in order.
    columns: &'static str,
    /// How many of the columns are the key.
    key: usize,
    /// Whether the last two columns are a dictionary and a body compressed with it: their text is compared.
    body: bool,
}

const fn plain(name: &'static str, key: usize, columns: &'static str) -> Table {
    Table { name, columns, key, body: false }
}

const TABLES: &[Table] = &[
    Table {
        name: "resource",
        columns: "patient, kind, local, version, seq, message, flags, state, dictionary, body",
        key: 3,
        body: true,
    },
    Table {
        name: "history",
        columns: "patient, kind, local, version, seq, seq_to, message, flags, dictionary, body",
        key: 4,
        body: true,
    },
    plain("source", 1, "id, name, profile, profile_seq"),
    plain("feed", 1, "id, source, name"),
    plain("patient", 1, "patient, source, directory, nhs, verified, family, given, birth, postcode, facts"),
    plain("link", 2, "patient, seq_from, seq_to, person, reason"),
    plain("merged", 2, "loser, seq_from, seq_to, survivor, happened, linked"),
    plain("assertion", 3, "a, b, seq_from, seq_to, said"),
    plain("review", 2, "a, b, subject, kind, status, seq, score, opinions"),
    plain("weighed", 2, "patient, seq, body"),
    plain("bearing", 4, "patient, kind, local, nth, bears, organisation, category, since, until"),
    plain("move", 3, "patient, local, seq_from, seq_to, target, happened"),
    plain("identifier", 4, "hash, patient, kind, local"),
    plain("domain", 1, "system"),
    plain("applied", 1, "seq, received, source, feed, patients, decision, touched"),
    plain("problem", 1, "pos, source, feed, received, status, lane, findings, title, resolved_by"),
    plain("lane", 1, "patient, pos"),
];

/// A derived state as it was at one moment, whatever is written to it since. It costs its database room while it is held.
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
    pub fn hold(place: &Place) -> Result<Self, StoreError> {
        let connection = place.open_for_reading()?;
        // A transaction sees the moment of its first reading, so that one comes before the dictionaries: newer ones do no
        // harm, missing ones would.
        connection.begin_reading()?;
        let sql = "SELECT CAST(value AS BIGINT) FROM meta WHERE key = 'applied'";
        let seq: i64 = connection.one(sql, &[], |row| row.get(0))?.unwrap_or(0);
        let codec = Derived::open_for_reading(place)?.codec().clone();
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
    for table in TABLES {
        walk(left, right, table, &mut comparison)?;
    }
    Ok(comparison)
}

type Columns = Vec<Column<'static>>;

/// The rows of a table in the order of its key, a page at a time.
struct Walk<'f> {
    of: &'f Frozen,
    table: &'static Table,
    page: std::vec::IntoIter<Columns>,
    /// The key of the last row of the page; none before the first.
    last: Option<Columns>,
    done: bool,
}

impl<'f> Walk<'f> {
    fn new(of: &'f Frozen, table: &'static Table) -> Self {
        Walk { of, table, page: Vec::new().into_iter(), last: None, done: false }
    }

    fn next(&mut self) -> Result<Option<Columns>, StoreError> {
        if self.page.len() == 0 && !self.done {
            let rows = self.read()?;
            self.done = rows.len() < PAGE_ROWS;
            self.last = rows.last().map(|row| row.iter().take(self.table.key).cloned().collect());
            self.page = rows.into_iter();
        }
        Ok(self.page.next())
    }

    fn read(&self) -> Result<Vec<Columns>, StoreError> {
        let Table { name, columns, key, .. } = self.table;
        let keys = columns.split(", ").take(*key).collect::<Vec<_>>().join(", ");
        let (after, values): (String, Vec<Value<'_>>) = match &self.last {
            None => (String::new(), Vec::new()),
            Some(last) => {
                let marks = (1..=*key).map(|n| format!("?{n}")).collect::<Vec<_>>().join(", ");
                (format!("WHERE ({keys}) > ({marks})"), last.iter().map(Column::as_value).collect())
            }
        };
        let width = columns.split(", ").count();
        let sql = format!("SELECT {columns} FROM {name} {after} ORDER BY {keys} LIMIT {PAGE_ROWS}");
        self.of.connection.all(&sql, &values, |row| {
            (0..width).map(|column| Ok(row.column(column)?.into_owned())).collect::<Result<Columns, StoreError>>()
        })
    }
}

fn walk(left: &Frozen, right: &Frozen, table: &'static Table, comparison: &mut Comparison) -> Result<(), StoreError> {
    let mut rows = (Walk::new(left, table), Walk::new(right, table));
    let mut differences = 0;
    while differences < DIFFERENCES_MAX {
        let (a, b) = (rows.0.next()?, rows.1.next()?);
        let same = match (&a, &b) {
            (None, None) => break,
            (Some(a), Some(b)) => same_row(a, b, table.body.then_some((&left.codec, &right.codec)))?,
            _ => false,
        };
        comparison.rows += 1;
        if same {
            continue;
        }
        differences += 1;
        if comparison.examples.len() < EXAMPLES_MAX {
            comparison.examples.push(a.or(b).map(|row| describe(&row, table.name)).unwrap_or_default());
        }
    }
    comparison.differences += differences;
    Ok(())
}

fn same_row(a: &Columns, b: &Columns, codecs: Option<(&Codec, &Codec)>) -> Result<bool, StoreError> {
    let Some((left, right)) = codecs else { return Ok(a == b) };
    let (Some((a, body_a)), Some((b, body_b))) = (a.split_last_chunk::<2>(), b.split_last_chunk::<2>()) else {
        return Ok(false);
    };
    let text = |[dictionary, body]: &[Column<'static>; 2], codec: &Codec| match (dictionary, body) {
        (Column::Integer(dictionary), Column::Bytes(body)) => {
            codec.decompress(u32::try_from(*dictionary).unwrap_or(u32::MAX), body)
        }
        _ => Err(StoreError::Corrupt("a stored body is of another type than was written".into())),
    };
    Ok(a == b && text(body_a, left)? == text(body_b, right)?)
}

fn describe(row: &Columns, table: &str) -> String {
    let number = |column: usize| match row.get(column) {
        Some(Column::Integer(number)) => *number,
        _ => 0,
    };
    match table {
        "resource" | "history" => {
            let id = ResourceId { patient: PatientKey(number(0).cast_unsigned()), local: number(2).cast_unsigned() };
            let kind = u8::try_from(number(1)).ok().and_then(fhir::ResourceType::from_code);
            format!("{table} {}/{id} version {}", kind.map_or("?", |kind| kind.as_str()), number(3))
        }
        "applied" | "problem" | "source" | "feed" => format!("{table} {}", number(0)),
        _ => format!("{table} {}", PatientKey(number(0).cast_unsigned())),
    }
}
