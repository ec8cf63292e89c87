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
    /// Whether files know its patients by number.
    numbered: bool,
    /// Whether the last two columns are a dictionary and a body compressed with it: their text is compared.
    body: bool,
}

const fn plain(name: &'static str, key: usize, columns: &'static str) -> Table {
    Table { name, columns, key, numbered: false, body: false }
}

const fn numbered(name: &'static str, key: usize, columns: &'static str) -> Table {
    Table { name, columns, key, numbered: true, body: false }
}

/// In which order the patients of a file came, and so in which its rows lie.
const ARRIVAL: Table = plain("arrival", 1, "number, patient");

/// What triggers of a file make of its other tables: of all rows at once where it was made anew, one by one since.
const BIRTHDAY: Table = plain("birthday", 3, "birth, family, patient, given, key, person, source");
const RESTRICTED: Table = numbered("restricted", 1, "patient, person");

const TABLES: &[Table] = &[
    Table {
        name: "resource",
        columns: "patient, kind, local, version, seq, message, flags, state, dictionary, body",
        key: 3,
        numbered: true,
        body: true,
    },
    Table {
        name: "history",
        columns: "patient, kind, local, version, seq, seq_to, message, flags, dictionary, body",
        key: 4,
        numbered: true,
        body: true,
    },
    plain("source", 1, "id, name, profile, profile_seq"),
    plain("feed", 1, "id, source, name"),
    numbered("patient", 1, "patient, source, directory, nhs, verified, family, given, birth, postcode, facts"),
    numbered("link", 2, "patient, seq_from, seq_to, person, reason"),
    plain("merged", 2, "loser, seq_from, seq_to, survivor, happened, linked"),
    plain("assertion", 3, "a, b, seq_from, seq_to, said"),
    plain("review", 2, "a, b, subject, kind, status, seq, score, opinions"),
    numbered("weighed", 2, "patient, seq, body"),
    numbered("bearing", 4, "patient, kind, local, nth, bears, organisation, category, since, until"),
    plain("move", 3, "patient, local, seq_from, seq_to, target, happened"),
    numbered("identifier", 4, "hash, patient, kind, local"),
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
    // Two files are read as they lie: their patients came in one order, or that is a difference. Where one side has no numbers,
    // patients go by their keys on both.
    let as_they_lie = left.connection.is_file() && right.connection.is_file();
    if as_they_lie {
        walk(left, right, &ARRIVAL, as_they_lie, &mut comparison)?;
        walk(left, right, &BIRTHDAY, as_they_lie, &mut comparison)?;
        walk(left, right, &RESTRICTED, as_they_lie, &mut comparison)?;
        // How files keep rows is no row.
        comparison.rows = 0;
    }
    for table in TABLES {
        walk(left, right, table, as_they_lie, &mut comparison)?;
    }
    Ok(comparison)
}

type Columns = Vec<Column<'static>>;

/// The rows of a table in the order of its key, a page at a time.
struct Walk<'f> {
    of: &'f Frozen,
    table: &'static Table,
    /// In a file: whether patients are what they are in its tables, rather than their keys.
    as_they_lie: bool,
    page: std::vec::IntoIter<Columns>,
    /// The key of the last row of the page; none before the first.
    last: Option<Columns>,
    done: bool,
}

impl<'f> Walk<'f> {
    fn new(of: &'f Frozen, table: &'static Table, as_they_lie: bool) -> Self {
        Walk { of, table, as_they_lie, page: Vec::new().into_iter(), last: None, done: false }
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
        let by_key = self.table.numbered && !self.as_they_lie && self.of.connection.is_file();
        let column = |name: &'static str| match (by_key, name) {
            (false, _) => name.to_owned(),
            (true, "patient") => "k.patient".to_owned(),
            (true, _) => format!("t.{name}"),
        };
        let columns: Vec<String> = columns.split(", ").map(column).collect();
        let keys = columns.iter().take(*key).map(String::as_str).collect::<Vec<_>>().join(", ");
        // The order of the join is that of the key, so that a page is read without sorting all.
        let from = match (by_key, columns.first().map(String::as_str)) {
            (false, _) => (*name).to_owned(),
            (true, Some("k.patient")) => format!("arrival k CROSS JOIN {name} t ON t.patient = k.number"),
            (true, _) => format!("{name} t CROSS JOIN arrival k ON k.number = t.patient"),
        };
        let (after, values): (String, Vec<Value<'_>>) = match &self.last {
            None => (String::new(), Vec::new()),
            Some(last) => {
                let marks = (1..=*key).map(|n| format!("?{n}")).collect::<Vec<_>>().join(", ");
                let first = columns.first().map_or("", String::as_str);
                (format!("WHERE {first} >= ?1 AND ({keys}) > ({marks})"), last.iter().map(Column::as_value).collect())
            }
        };
        let width = columns.len();
        let columns = columns.join(", ");
        let sql = format!("SELECT {columns} FROM {from} {after} ORDER BY {keys} LIMIT {PAGE_ROWS}");
        self.of.connection.all(&sql, &values, |row| {
            (0..width).map(|column| Ok(row.column(column)?.into_owned())).collect::<Result<Columns, StoreError>>()
        })
    }
}

fn walk(
    left: &Frozen,
    right: &Frozen,
    table: &'static Table,
    as_they_lie: bool,
    comparison: &mut Comparison,
) -> Result<(), StoreError> {
    let mut rows = (Walk::new(left, table, as_they_lie), Walk::new(right, table, as_they_lie));
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
            let (of, row) = if a.is_some() { (left, a) } else { (right, b) };
            comparison.examples.push(row.map(|row| describe(of, &row, table, as_they_lie)).unwrap_or_default());
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

fn describe(of: &Frozen, row: &Columns, table: &Table, as_they_lie: bool) -> String {
    let number = |column: usize| match row.get(column) {
        Some(Column::Integer(number)) => *number,
        _ => 0,
    };
    // A number that nobody has is an example itself; as a key it is at least the same each time.
    let patient = |column: usize| {
        let held = number(column);
        let key =
            if as_they_lie && table.numbered { of.connection.patient_numbered(held).unwrap_or(held) } else { held };
        PatientKey(key.cast_unsigned())
    };
    let name = table.name;
    match name {
        "resource" | "history" => {
            let id = ResourceId { patient: patient(0), local: number(2).cast_unsigned() };
            let kind = u8::try_from(number(1)).ok().and_then(fhir::ResourceType::from_code);
            format!("{name} {}/{id} version {}", kind.map_or("?", |kind| kind.as_str()), number(3))
        }
        "applied" | "problem" | "source" | "feed" => format!("{name} {}", number(0)),
        // The patient stands second there.
        "identifier" | "arrival" => format!("{name} of {}", patient(1)),
        "birthday" => format!("{name} of {}", patient(4)),
        _ => format!("{name} {}", patient(0)),
    }
}
