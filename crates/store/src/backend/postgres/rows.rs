//! Rows of one table, gathered to be inserted by one statement: a statement of its own for each row costs the server more than
//! the row does.

use super::text::escape;
use crate::backend::Value;
use bytes::{BufMut, BytesMut};
use std::{
    collections::HashSet,
    error::Error,
    fmt::Write,
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
};
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

/// Rows, and bytes of them, inserted at once at most: enough for the statement to cost little beside them, and few enough for
/// the server to begin while the next are made.
const ROWS_MAX: usize = 256;
const BYTES_MAX: usize = 256 << 10;

/// What an `INSERT` of one row is, so that it can be said of many.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// The table.
    pub table: String,
    /// The statement that inserts one row.
    pub one: String,
    /// The statement that inserts many: its parameters are arrays, one a column.
    pub many: String,
    /// The places of what a conflict is told by, where the statement changes the row that is there: one statement does that to a
    /// row once.
    key: Vec<usize>,
}

impl Shape {
    /// The shape of `INSERT INTO table (columns) VALUES (?1, ?2, …)`, with or without `ON CONFLICT` after it. None for any other
    /// statement, which is said as it is.
    pub fn of(sql: &str, count: usize) -> Option<Self> {
        let (table, rest) = sql.strip_prefix("INSERT INTO ")?.split_once(" (")?;
        let (columns, rest) = rest.split_once(')')?;
        let rest = rest.trim_start().strip_prefix("VALUES (")?;
        let (given, conflict) = rest.split_once(')')?;
        let conflict = conflict.trim();
        let columns: Vec<&str> = columns.split(',').map(str::trim).collect();
        let in_order = given.split(',').map(str::trim).eq((1..=count).map(|number| format!("?{number}")));
        let plain = conflict.is_empty() || conflict.starts_with("ON CONFLICT") && !conflict.contains('?');
        if columns.len() != count || !in_order || !plain {
            return None;
        }
        let mut key = Vec::new();
        if conflict.contains("DO UPDATE") {
            let named = conflict.strip_prefix("ON CONFLICT (")?.split_once(')')?.0;
            for name in named.split(',') {
                key.push(columns.iter().position(|column| *column == name.trim())?);
            }
        }
        let mut many = format!("INSERT INTO {table} ({}) SELECT ", columns.join(", "));
        for number in 1..=count {
            let _ = write!(many, "{}unnest(?{number})", if number > 1 { ", " } else { "" });
        }
        if !conflict.is_empty() {
            let _ = write!(many, " {conflict}");
        }
        Some(Shape { table: table.to_owned(), one: sql.to_owned(), many, key })
    }
}

/// Whether a statement speaks of a table, or of anything else of that name.
pub(super) fn speaks_of(sql: &str, table: &str) -> bool {
    let is_word = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    memchr::memmem::find_iter(sql.as_bytes(), table).any(|at| {
        let before = at.checked_sub(1).and_then(|before| sql.as_bytes().get(before));
        !is_word(before) && !is_word(sql.as_bytes().get(at + table.len()))
    })
}

/// Rows that are gathered.
pub(super) struct Rows {
    columns: Vec<Cells>,
    count: usize,
    /// The keys that are among them. Two keys may share a number: the rows are then sent sooner.
    keys: HashSet<u64, BuildHasherDefault<DefaultHasher>>,
}

impl Rows {
    pub fn new(values: &[Value<'_>]) -> Self {
        Rows { columns: values.iter().map(Cells::new).collect(), count: 0, keys: HashSet::default() }
    }

    pub fn is_full(&self) -> bool {
        self.count >= ROWS_MAX || self.columns.iter().map(|cells| cells.bytes.len()).sum::<usize>() >= BYTES_MAX
    }

    pub fn is_one(&self) -> bool {
        self.count == 1
    }

    /// Add a row. Gives whether it is: one whose key is among them comes after them.
    pub fn push(&mut self, shape: &Shape, values: &[Value<'_>]) -> bool {
        if !shape.key.is_empty() {
            let key: Vec<Option<&Value<'_>>> = shape.key.iter().map(|at| values.get(*at)).collect();
            if !self.keys.insert(self.keys.hasher().hash_one(key)) {
                return false;
            }
        }
        self.columns.iter_mut().zip(values).for_each(|(cells, value)| cells.push(value));
        self.count += 1;
        true
    }

    /// As parameters: of the statement for one row, or of that for many.
    pub fn into_cells(self) -> Vec<Cells> {
        self.columns
    }
}

/// What the rows hold in one column, as it is sent: the length of each value and the value.
#[derive(Debug)]
pub(super) struct Cells {
    of: Type,
    count: i32,
    missing: bool,
    bytes: BytesMut,
}

const MISSING: i32 = -1;

impl Cells {
    fn new(value: &Value<'_>) -> Self {
        Cells { of: super::text::type_of(value), count: 0, missing: false, bytes: BytesMut::new() }
    }

    fn push(&mut self, value: &Value<'_>) {
        self.count += 1;
        match *value {
            Value::Integer(Some(number)) | Value::Patient(number) | Value::Newcomer(number) => {
                self.bytes.put_i32(8);
                self.bytes.put_i64(number);
            }
            Value::Text(Some(text)) => self.put(escape(text).as_bytes()),
            Value::Bytes(Some(bytes)) => self.put(bytes),
            Value::Integer(None) | Value::Text(None) | Value::Bytes(None) => {
                self.missing = true;
                self.bytes.put_i32(MISSING);
            }
        }
    }

    fn put(&mut self, bytes: &[u8]) {
        // What is longer the server would not take in any form, and it says so.
        self.bytes.put_i32(i32::try_from(bytes.len()).unwrap_or(i32::MAX));
        self.bytes.put_slice(bytes);
    }

    /// The type of the column's values, and that of arrays of them.
    pub fn types(&self) -> (Type, Type) {
        let array = match self.of {
            Type::INT8 => Type::INT8_ARRAY,
            Type::BYTEA => Type::BYTEA_ARRAY,
            _ => Type::TEXT_ARRAY,
        };
        (self.of.clone(), array)
    }
}

impl ToSql for Cells {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        if *ty == self.of {
            if self.missing {
                return Ok(IsNull::Yes);
            }
            // One value, without its length, which is put before it anyhow.
            out.put_slice(self.bytes.get(4..).unwrap_or_default());
            return Ok(IsNull::No);
        }
        // The form of arrays: dimensions, whether any is missing, of what, how many, and the number of the first.
        out.put_i32(1);
        out.put_i32(i32::from(self.missing));
        out.put_u32(self.of.oid());
        out.put_i32(self.count);
        out.put_i32(1);
        out.put_slice(&self.bytes);
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::INT8 | Type::TEXT | Type::BYTEA | Type::INT8_ARRAY | Type::TEXT_ARRAY | Type::BYTEA_ARRAY)
    }

    to_sql_checked!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_insert_of_one_row_is_said_of_many() {
        let plain = Shape::of("INSERT INTO link (patient, person) VALUES (?1, ?2)", 2).unwrap();
        assert_eq!(plain.many, "INSERT INTO link (patient, person) SELECT unnest(?1), unnest(?2)");
        assert_eq!((plain.table.as_str(), plain.key.as_slice()), ("link", [].as_slice()));
        let changes = "INSERT INTO lane (pos, patient)\n     VALUES (?1, ?2)\n ON CONFLICT (patient) DO UPDATE SET pos = excluded.pos";
        let changes = Shape::of(changes, 2).unwrap();
        assert_eq!(changes.key, [1]);
        assert!(changes.many.ends_with("unnest(?2) ON CONFLICT (patient) DO UPDATE SET pos = excluded.pos"));
    }

    #[test]
    fn what_is_no_plain_insert_is_said_as_it_is() {
        for sql in [
            "INSERT INTO meta (key, value) VALUES ('applied', ?1) ON CONFLICT (key) DO UPDATE SET value = ?1",
            "INSERT INTO t (a, b) VALUES (?2, ?1)",
            "INSERT INTO t (a, b) VALUES (?1, ?1)",
            "INSERT INTO t (a, b) VALUES (?1, ?2) ON CONFLICT (a) DO UPDATE SET b = ?2",
            "INSERT INTO t (a, b) VALUES (?1, ?2) RETURNING a",
            "INSERT INTO t (a, b) SELECT a, ?1 FROM u WHERE b = ?2",
            "UPDATE t SET a = ?1 WHERE b = ?2",
        ] {
            assert_eq!(Shape::of(sql, 2), None, "{sql}");
        }
    }

    #[test]
    fn a_row_is_changed_once_a_statement() {
        let sql = "INSERT INTO t (a, b) VALUES (?1, ?2) ON CONFLICT (a) DO UPDATE SET b = excluded.b";
        let shape = Shape::of(sql, 2).unwrap();
        let row = |a, b| [Value::Integer(Some(a)), Value::Text(Some(b))];
        let mut rows = Rows::new(&row(1, "x"));
        assert!(rows.push(&shape, &row(1, "x")) && rows.push(&shape, &row(2, "x")));
        assert!(!rows.push(&shape, &row(1, "y")));
        assert_eq!(rows.count, 2);
    }

    #[test]
    fn a_table_is_spoken_of_by_its_whole_name() {
        assert!(speaks_of("SELECT 1 FROM link l WHERE patient = ?1", "link"));
        assert!(speaks_of("DELETE FROM link", "link") && speaks_of("link.a", "link"));
        assert!(!speaks_of("SELECT linked FROM weblink, a_link, link2", "link"));
    }
}
