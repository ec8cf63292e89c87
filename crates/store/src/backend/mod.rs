//! The database engines behind the store. The rest of the crate says its statements to a [`Connection`] in the SQL that
//! every engine understands; what an engine does its own way is here and in the schemas.
//!
//! The common SQL: parameters `?1`, `?2` …; `ON CONFLICT` rather than `REPLACE`; `CASE` rather than `max(a, b)`; numbers are
//! whole and 64 bits wide at most.

mod place;
pub(crate) mod postgres;
pub(crate) mod sqlite;
mod value;

use crate::StoreError;
use fhir::PatientKey;
pub use place::Place;
pub(crate) use place::What;
pub use postgres::{Migrated, Server};
pub use sqlite::{
    pages::{NewPages, Pages},
    schema::DERIVED_VERSION,
};
pub(crate) use value::{Bind, Column, FromColumn, Newcomer, Value, values};

/// A connection to one database. It is used by one thread at a time.
pub(crate) enum Connection {
    /// A file.
    Sqlite(Box<sqlite::File>),
    /// A schema of a database.
    Postgres(Box<postgres::Session>),
}

/// A row while it is being read.
pub(crate) enum Row<'r> {
    Sqlite(&'r rusqlite::Row<'r>, &'r sqlite::File),
    Postgres(&'r tokio_postgres::Row),
}

impl Row<'_> {
    /// What a column holds.
    pub fn column(&self, at: usize) -> Result<Column<'_>, StoreError> {
        match self {
            Row::Sqlite(row, _) => sqlite::column(row, at),
            Row::Postgres(row) => postgres::column(row, at),
        }
    }

    /// The patient that a column of a table names that goes by numbers where there are any: see [`Value::Patient`].
    pub fn patient(&self, at: usize) -> Result<PatientKey, StoreError> {
        let held: i64 = self.get(at)?;
        let key = match self {
            Row::Sqlite(_, file) => file.key(held)?,
            Row::Postgres(_) => held,
        };
        Ok(PatientKey(key.cast_unsigned()))
    }

    /// As [`Row::patient`], where another column holds its key: the patient's other rows are then found without asking for its
    /// number.
    pub fn patient_of_key(&self, at: usize, key_at: usize) -> Result<PatientKey, StoreError> {
        let (held, key): (i64, i64) = (self.get(at)?, self.get(key_at)?);
        if let Row::Sqlite(_, file) = self {
            file.numbered(key, held);
        }
        Ok(PatientKey(key.cast_unsigned()))
    }

    /// A column as the type that is wanted.
    pub fn get<T: FromColumn>(&self, at: usize) -> Result<T, StoreError> {
        T::from_column(self.column(at)?)
            .ok_or_else(|| StoreError::Corrupt(format!("column {at} of a row holds another type than was written")))
    }
}

impl From<rusqlite::Connection> for Connection {
    fn from(connection: rusqlite::Connection) -> Self {
        Connection::Sqlite(Box::new(connection.into()))
    }
}

impl Connection {
    /// Run a statement that changes something, and say how many rows it changed.
    pub fn execute(&self, sql: &str, values: &[Value<'_>]) -> Result<u64, StoreError> {
        match self {
            Connection::Sqlite(connection) => sqlite::execute(connection, sql, values),
            Connection::Postgres(session) => session.execute(sql, values),
        }
    }

    /// Run a statement that changes something. Within a transaction it may be carried out later, before anything that could
    /// notice; its failure is then the failure of what comes after it, the commit at the latest.
    pub fn write(&self, sql: &str, values: &[Value<'_>]) -> Result<(), StoreError> {
        match self {
            Connection::Sqlite(connection) => sqlite::execute(connection, sql, values).map(|_| ()),
            Connection::Postgres(session) => session.write(sql, values),
        }
    }

    /// Hand every row to `each`, until it fails.
    pub fn each<E: From<StoreError>>(
        &self,
        sql: &str,
        values: &[Value<'_>],
        each: impl FnMut(&Row<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        match self {
            Connection::Sqlite(connection) => sqlite::each(connection, sql, values, each),
            Connection::Postgres(session) => session.each(sql, values, each),
        }
    }

    /// Say that this will be asked within this transaction, and that nothing is written in it before that would change the answer:
    /// where an answer takes its time, it is on its way while others are waited for.
    pub fn expect(&self, sql: &str, values: &[Value<'_>]) -> Result<(), StoreError> {
        match self {
            Connection::Sqlite(_) => Ok(()),
            Connection::Postgres(session) => session.expect(sql, values),
        }
    }

    /// Hand every row to `each` of a statement that is asked for each of these numbers, its `?1`. The rows of one number come
    /// together and in the order of the statement.
    pub fn each_of(
        &self,
        sql: &str,
        numbers: &[i64],
        mut each: impl FnMut(&Row<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        match self {
            Connection::Sqlite(connection) => {
                numbers.iter().try_for_each(|number| sqlite::each(connection, sql, values![number], &mut each))
            }
            Connection::Postgres(session) => session.each_of(sql, numbers, each),
        }
    }

    /// Every row.
    pub fn all<T>(
        &self,
        sql: &str,
        values: &[Value<'_>],
        mut read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut found = Vec::new();
        self.each(sql, values, |row| {
            found.push(read(row)?);
            Ok::<_, StoreError>(())
        })?;
        Ok(found)
    }

    /// The first row, if there is one.
    pub fn one<T>(
        &self,
        sql: &str,
        values: &[Value<'_>],
        read: impl FnOnce(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        match self {
            Connection::Sqlite(connection) => sqlite::one(connection, sql, values, read),
            Connection::Postgres(session) => {
                session.query(sql, values)?.first().map(|row| read(&Row::Postgres(row))).transpose()
            }
        }
    }

    /// The row of a statement that always gives one.
    pub fn only<T>(
        &self,
        sql: &str,
        values: &[Value<'_>],
        read: impl FnOnce(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let none = || StoreError::Corrupt("a statement that always gives a row gave none".into());
        self.one(sql, values, read)?.ok_or_else(none)
    }

    /// Whether there is any row.
    pub fn has(&self, sql: &str, values: &[Value<'_>]) -> Result<bool, StoreError> {
        Ok(self.one(sql, values, |_| Ok(()))?.is_some())
    }

    /// Do work that changes something, all or nothing, and make it durable. While it lasts nobody else writes. Where an engine
    /// loses its connection, the work may be done more than once; it counts once.
    ///
    /// # Errors
    /// The work's own; the store's. Nothing of it is there then.
    pub fn transact<T>(&self, mut work: impl FnMut(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        if let Connection::Postgres(session) = self {
            return session.transact(self, work);
        }
        let attempt = || {
            self.begin()?;
            let done = work(self)?;
            self.commit().map(|()| done)
        };
        let outcome = { attempt }();
        if outcome.is_err() {
            // The failure is what counts; a transaction that cannot even be rolled back ends with its connection.
            let _ = self.roll_back();
        }
        outcome
    }

    /// Begin to write: until [`Connection::commit`] nobody else writes.
    pub fn begin(&self) -> Result<(), StoreError> {
        match self {
            Connection::Sqlite(file) => file.begin(),
            Connection::Postgres(session) => session.begin(),
        }
    }

    /// Make what was written since [`Connection::begin`] durable, as the connection was opened for.
    pub fn commit(&self) -> Result<(), StoreError> {
        match self {
            Connection::Sqlite(file) => file.commit(),
            Connection::Postgres(session) => session.commit(),
        }
    }

    /// Forget what was written since [`Connection::begin`]; nothing when there is no transaction.
    pub fn roll_back(&self) -> Result<(), StoreError> {
        match self {
            Connection::Sqlite(file) => file.roll_back(),
            Connection::Postgres(session) => session.roll_back(),
        }
    }

    /// Begin to read everything as it is at this moment, whatever is written meanwhile.
    pub fn begin_reading(&self) -> Result<(), StoreError> {
        match self {
            Connection::Sqlite(connection) => sqlite::execute(connection, "BEGIN", &[]).map(|_| ()),
            Connection::Postgres(session) => session.begin_reading(),
        }
    }

    /// Changes when the connection was lost and made again: what was committed last may be gone then, where the database need
    /// not wait for a disk.
    pub fn generation(&self) -> u64 {
        match self {
            Connection::Sqlite(_) => 0,
            Connection::Postgres(session) => session.connections(),
        }
    }

    /// Whether it is a file. Its schema has tables and indexes of its own: who was born on a day, who is restricted. A database joins
    /// its tables by hashes of the patient's key instead.
    pub fn is_file(&self) -> bool {
        matches!(self, Connection::Sqlite(_))
    }

    /// The key of the patient that a table knows by this number: see [`Value::Patient`].
    pub fn patient_numbered(&self, number: i64) -> Result<i64, StoreError> {
        match self {
            Connection::Sqlite(file) => file.key(number),
            Connection::Postgres(_) => Ok(number),
        }
    }

    /// What was opened to be written anew is whole.
    pub fn finish_anew(&self) -> Result<(), StoreError> {
        match self {
            Connection::Sqlite(file) => sqlite::anew::finish(file),
            Connection::Postgres(session) => postgres::finish_anew(session),
        }
    }

    /// Put the database's files in order: nothing more comes for a while.
    pub fn settle(&self) -> Result<(), StoreError> {
        match self {
            Connection::Sqlite(connection) => {
                Ok(connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?)
            }
            // The server does that by itself.
            Connection::Postgres(_) => Ok(()),
        }
    }
}
