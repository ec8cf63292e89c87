//! The truth row by row, as it is stored: what a backup takes away and a restore puts back. Bodies stay packed and numbers of
//! names and dictionaries stay as they are, so that what is put back is what was there, in either engine.

use crate::{
    Folder, StoreError,
    backend::{Column, Connection, Row, Value, sqlite, values},
    drafts,
};
use std::path::Path;

/// What is truth, each in an order of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stream {
    /// Messages and decisions.
    Journal,
    /// Who looked.
    Audit,
}

impl Stream {
    /// As a folder is named.
    pub fn as_str(self) -> &'static str {
        match self {
            Stream::Journal => "journal",
            Stream::Audit => "audit",
        }
    }
}

/// What a row is of. The numbers are in backups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Table {
    /// A source's or feed's name, by its number.
    Name = 1,
    /// What bodies of the journal are packed with.
    Dictionary = 2,
    /// An entry of the journal.
    Entry = 3,
    /// An entry of the audit trail.
    AuditEntry = 4,
    /// What an entry of the audit trail opened.
    Matter = 5,
    /// That an entry settled what another opened.
    Settled = 6,
    /// Policies that were in force.
    Policy = 7,
    /// What somebody began to write.
    Draft = 8,
}

/// The type of a column.
#[derive(Clone, Copy)]
enum Kind {
    Integer,
    Text,
    Bytes,
}

use Kind::{Bytes, Integer, Text};

impl Table {
    /// By its number.
    pub fn from_code(code: u8) -> Option<Self> {
        use Table::{AuditEntry, Dictionary, Draft, Entry, Matter, Name, Policy, Settled};
        [Name, Dictionary, Entry, AuditEntry, Matter, Settled, Policy, Draft]
            .into_iter()
            .find(|table| *table as u8 == code)
    }

    fn columns(self) -> &'static [Kind] {
        match self {
            Table::Name => &[Integer, Text],
            Table::Dictionary => &[Integer, Bytes],
            Table::Entry => &[Integer, Integer, Integer, Integer, Integer, Integer, Bytes, Text, Bytes, Integer, Bytes],
            Table::AuditEntry => &[Integer, Integer, Integer, Text, Text, Bytes],
            Table::Matter => &[Integer, Integer, Integer, Text, Integer, Integer, Text, Integer],
            Table::Settled => &[Integer, Integer, Text],
            Table::Policy => &[Text, Integer, Text],
            Table::Draft => &[Text, Integer, Text, Text, Text, Integer, Integer, Text],
        }
    }

    /// How many fields its rows have.
    pub fn width(self) -> usize {
        self.columns().len()
    }

    /// The stream it is part of; drafts are in none.
    fn stream(self) -> Option<Stream> {
        match self {
            Table::Name | Table::Dictionary | Table::Entry => Some(Stream::Journal),
            Table::AuditEntry | Table::Matter | Table::Settled | Table::Policy => Some(Stream::Audit),
            Table::Draft => None,
        }
    }

    /// What puts a row back. What is there already stays: a restore that was broken off is begun again.
    fn insert(self) -> &'static str {
        match self {
            Table::Name => "INSERT INTO name (id, text) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            Table::Dictionary => "INSERT INTO dictionary (id, bytes) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            Table::Entry => {
                "INSERT INTO entry (pos, kind, source, feed, received, ident, digest, about, ack, dictionary, body)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
            }
            Table::AuditEntry => {
                "INSERT INTO entry (n, at, person, \"user\", body, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
            }
            Table::Matter => {
                "INSERT INTO matter (n, kind, person, \"user\", at, until, about, of)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING"
            }
            Table::Settled => "UPDATE matter SET settled = ?2, outcome = ?3 WHERE n = ?1 AND settled IS NULL",
            Table::Policy => "INSERT INTO policy (version, at, files) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
            Table::Draft => drafts::INSERT,
        }
    }
}

/// A value of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    /// None.
    Missing,
    /// A whole number.
    Integer(i64),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

impl Field {
    /// The number; none where there is something else.
    pub fn integer(&self) -> Option<i64> {
        match self {
            Field::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// The text; none where there is something else.
    pub fn text(&self) -> Option<&str> {
        match self {
            Field::Text(text) => Some(text),
            _ => None,
        }
    }

    fn value(&self, kind: Kind) -> Value<'_> {
        match (self, kind) {
            (Field::Integer(number), _) => Value::Integer(Some(*number)),
            (Field::Text(text), _) => Value::Text(Some(text)),
            (Field::Bytes(bytes), _) => Value::Bytes(Some(bytes)),
            (Field::Missing, Integer) => Value::Integer(None),
            (Field::Missing, Text) => Value::Text(None),
            (Field::Missing, Bytes) => Value::Bytes(None),
        }
    }
}

/// A row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TruthRow {
    /// What it is of.
    pub table: Table,
    /// Its values, in the order of the table's columns.
    pub fields: Vec<Field>,
}

impl TruthRow {
    /// The position in the stream, of an entry.
    pub fn position(&self) -> Option<u64> {
        match self.table {
            Table::Entry | Table::AuditEntry => {
                self.fields.first().and_then(Field::integer).and_then(|at| u64::try_from(at).ok())
            }
            _ => None,
        }
    }

    /// When it came, in microseconds since 1970, of an entry.
    pub fn time(&self) -> Option<i64> {
        match self.table {
            Table::Entry => self.fields.get(4).and_then(Field::integer),
            Table::AuditEntry => self.fields.get(1).and_then(Field::integer),
            _ => None,
        }
    }

    /// The stream it is part of; drafts are in none.
    pub fn stream(&self) -> Option<Stream> {
        self.table.stream()
    }

    /// About how many bytes it is.
    pub fn size(&self) -> usize {
        let size = |field: &Field| match field {
            Field::Missing | Field::Integer(_) => 8,
            Field::Text(text) => text.len(),
            Field::Bytes(bytes) => bytes.len(),
        };
        self.fields.iter().map(size).sum()
    }
}

fn row(table: Table, row: &Row<'_>) -> Result<TruthRow, StoreError> {
    Ok(TruthRow { table, fields: fields(table.width(), row)? })
}

fn fields(width: usize, row: &Row<'_>) -> Result<Vec<Field>, StoreError> {
    let fields = (0..width).map(|at| {
        Ok(match row.column(at)? {
            Column::Missing => Field::Missing,
            Column::Integer(number) => Field::Integer(number),
            Column::Text(text) => Field::Text(text.into_owned()),
            Column::Bytes(bytes) => Field::Bytes(bytes.into_owned()),
        })
    });
    fields.collect()
}

/// Entries asked for at a time: an engine may hold them all in memory.
const PIECE: usize = 64;
const PIECE_AUDIT: usize = 512;

/// The two databases of the truth.
struct Both {
    journal: Connection,
    audit: Connection,
}

impl Both {
    fn of(&self, stream: Stream) -> &Connection {
        match stream {
            Stream::Journal => &self.journal,
            Stream::Audit => &self.audit,
        }
    }

    fn head(&self, stream: Stream) -> Result<u64, StoreError> {
        let sql = match stream {
            Stream::Journal => "SELECT COALESCE(MAX(pos), 0) FROM entry",
            Stream::Audit => "SELECT COALESCE(MAX(n), 0) FROM entry",
        };
        let head: i64 = self.of(stream).only(sql, &[], |row| row.get(0))?;
        Ok(head.cast_unsigned())
    }
}

/// Reads the truth of a region beside whoever writes it, with connections of its own.
pub struct TruthReader(Both);

impl TruthReader {
    /// Open.
    ///
    /// # Errors
    /// The store's.
    pub fn open(folder: &Folder) -> Result<Self, StoreError> {
        let (journal, audit) = (folder.journal().open_for_reading()?, folder.audit().open_for_reading()?);
        Ok(TruthReader(Both { journal, audit }))
    }

    /// The newest position; 0 when there is none.
    pub fn head(&self, stream: Stream) -> Result<u64, StoreError> {
        self.0.head(stream)
    }

    /// The entries from `from` on, `to` at most, a piece of them: none when there are no more.
    pub fn piece(&self, stream: Stream, from: u64, to: u64) -> Result<Vec<TruthRow>, StoreError> {
        let (table, piece, sql) = match stream {
            Stream::Journal => (
                Table::Entry,
                PIECE,
                "SELECT pos, kind, source, feed, received, ident, digest, about, ack, dictionary, body FROM entry
                 WHERE pos >= ?1 AND pos <= ?2 ORDER BY pos LIMIT ?3",
            ),
            Stream::Audit => (
                Table::AuditEntry,
                PIECE_AUDIT,
                "SELECT n, at, person, \"user\", body, hash FROM entry WHERE n >= ?1 AND n <= ?2 ORDER BY n LIMIT ?3",
            ),
        };
        let piece = i64::try_from(piece).unwrap_or(i64::MAX);
        self.0.of(stream).all(sql, values![from.cast_signed(), to.cast_signed(), piece], |found| row(table, found))
    }

    /// Names after this number, up to another.
    pub fn names(&self, after: i64, to: i64) -> Result<Vec<TruthRow>, StoreError> {
        let sql = "SELECT id, text FROM name WHERE id > ?1 AND id <= ?2 ORDER BY id";
        self.0.journal.all(sql, values![after, to], |found| row(Table::Name, found))
    }

    /// Dictionaries after this number, up to another.
    pub fn dictionaries(&self, after: i64, to: i64) -> Result<Vec<TruthRow>, StoreError> {
        let sql = "SELECT id, bytes FROM dictionary WHERE id > ?1 AND id <= ?2 ORDER BY id";
        self.0.journal.all(sql, values![after, to], |found| row(Table::Dictionary, found))
    }

    /// What these entries opened, as it was when it was opened.
    pub fn opened(&self, from: u64, to: u64) -> Result<Vec<TruthRow>, StoreError> {
        let sql =
            "SELECT n, kind, person, \"user\", at, until, about, of FROM matter WHERE n >= ?1 AND n <= ?2 ORDER BY n";
        self.0.audit.all(sql, values![from.cast_signed(), to.cast_signed()], |found| row(Table::Matter, found))
    }

    /// What these entries opened, as it stands now: with the entry that settled it, and how.
    pub fn matters(&self, from: u64, to: u64) -> Result<Vec<Vec<Field>>, StoreError> {
        let sql = "SELECT n, kind, person, \"user\", at, until, about, of, settled, outcome FROM matter
                   WHERE n >= ?1 AND n <= ?2 ORDER BY n";
        self.0.audit.all(sql, values![from.cast_signed(), to.cast_signed()], |found| fields(10, found))
    }

    /// What an entry settled, if it did: it says so itself (`of`, `ended`), and the first answer stands.
    pub fn settled_by(&self, entry: &TruthRow) -> Result<Option<TruthRow>, StoreError> {
        let body = entry.fields.get(4).and_then(Field::text).unwrap_or_default();
        if entry.table != Table::AuditEntry || !body.contains("\"ended\"") {
            return Ok(None);
        }
        let said: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
        let Some(of) = said.get("of").and_then(serde_json::Value::as_i64) else { return Ok(None) };
        let n = entry.fields.first().and_then(Field::integer).unwrap_or_default();
        let sql = "SELECT n, settled, outcome FROM matter WHERE n = ?1 AND settled = ?2";
        self.0.audit.one(sql, values![of, n], |found| row(Table::Settled, found))
    }

    /// The versions of the policies that are kept.
    pub fn policy_versions(&self) -> Result<Vec<String>, StoreError> {
        self.0.audit.all("SELECT version FROM policy ORDER BY at, version", &[], |found| found.get(0))
    }

    /// The policies of a version.
    pub fn policy(&self, version: &str) -> Result<Option<TruthRow>, StoreError> {
        let sql = "SELECT version, at, files FROM policy WHERE version = ?1";
        self.0.audit.one(sql, values![version], |found| row(Table::Policy, found))
    }
}

/// Puts the truth of a region back into an empty store.
pub struct TruthWriter(Both);

impl TruthWriter {
    /// Open, making the tables where they are missing.
    ///
    /// # Errors
    /// The store's.
    pub fn open(folder: &Folder) -> Result<Self, StoreError> {
        Ok(TruthWriter(Both { journal: folder.journal().open()?, audit: folder.audit().open()? }))
    }

    /// The newest position; 0 when there is none.
    pub fn head(&self, stream: Stream) -> Result<u64, StoreError> {
        self.0.head(stream)
    }

    /// Put rows back, all or none, on disk when this returns. Rows of another stream are left out.
    ///
    /// # Errors
    /// The store's.
    pub fn put(&self, stream: Stream, rows: &[TruthRow]) -> Result<(), StoreError> {
        self.0.of(stream).transact(|connection| {
            for row in rows.iter().filter(|row| row.stream() == Some(stream)) {
                put(connection, row)?;
            }
            Ok(())
        })
    }

    /// Nothing more comes.
    ///
    /// # Errors
    /// The store's.
    pub fn finish(&self) -> Result<(), StoreError> {
        self.0.journal.settle()?;
        self.0.audit.settle()
    }
}

fn put(connection: &Connection, row: &TruthRow) -> Result<(), StoreError> {
    let columns = row.table.columns();
    if row.fields.len() != columns.len() {
        return Err(StoreError::Corrupt("a row has not as many fields as its table".into()));
    }
    let values: Vec<Value<'_>> = row.fields.iter().zip(columns).map(|(field, kind)| field.value(*kind)).collect();
    connection.write(row.table.insert(), &values)
}

/// The drafts of a region, as they are at one moment; none where nobody has written any yet.
///
/// # Errors
/// The store's.
pub fn drafts(folder: &Folder, mut each: impl FnMut(TruthRow) -> Result<(), StoreError>) -> Result<(), StoreError> {
    let Some(connection) = drafts::open_for_reading(folder)? else { return Ok(()) };
    connection.each(drafts::SELECT_ALL, &[], |found| each(row(Table::Draft, found)?))
}

/// Put drafts back; what is there under the same name stays.
///
/// # Errors
/// The store's.
pub fn put_drafts(folder: &Folder, rows: &[TruthRow]) -> Result<(), StoreError> {
    let connection = drafts::open(folder)?;
    connection.begin()?;
    let put = rows.iter().try_for_each(|row| put(&connection, row)).and_then(|()| connection.commit());
    if put.is_err() {
        // What failed tells more than that it could not be undone: nothing was committed.
        let _ = connection.roll_back();
    }
    put
}

/// Copy a file of SQLite that is no part of the truth and that nobody writes to, whole or not at all.
///
/// # Errors
/// The store's, when one of the two cannot be used.
pub fn copy_file(from: &Path, to: &Path) -> Result<(), StoreError> {
    sqlite::copy_file(from, to)
}
