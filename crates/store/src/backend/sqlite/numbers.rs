//! Patients by number. A patient's key is a hash: rows under it lie wherever chance puts them, so that each row of a new patient
//! is a page of its own to read and to write. In files the tables that everybody has rows in go by a number instead, given in
//! the order in which patients came: rows of a new one are at the end of each table, together. The numbers follow from the journal alone, so a replay gives the same.
//!
//! Nothing outside this engine sees them: [`Value::Patient`] goes into a statement as its number, and
//! [`Row::patient`](crate::backend::Row::patient) gives the key again. A database that spreads its rows over machines has no use
//! for them, and has none.
//!
//! [`Value::Patient`]: crate::backend::Value::Patient

use crate::StoreError;
use rusqlite::{Connection, OptionalExtension};
use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
};

/// Numbers remembered by a connection at most, each way. A batch or a page asks of few patients, and of each many times.
const REMEMBERED_MAX: usize = 16 << 10;
/// What no patient has: numbers begin at 1.
const NOBODY: i64 = -1;

/// The numbers a connection asked of last. They never change, unless the batch that gave them is taken back: one that stayed
/// remembered then would be another patient's by the next batch, and rows of two would be one's.
#[derive(Default)]
pub(super) struct Numbers {
    /// Whether any was given since the last commit.
    given: Cell<bool>,
    by_key: RefCell<HashMap<i64, i64>>,
    by_number: RefCell<HashMap<i64, i64>>,
}

impl Numbers {
    /// The number of a patient; [`NOBODY`] where it has none yet.
    pub fn of(&self, connection: &Connection, key: i64) -> Result<i64, StoreError> {
        if let Some(number) = self.by_key.borrow().get(&key) {
            return Ok(*number);
        }
        let found: Option<i64> = connection
            .prepare_cached("SELECT number FROM arrival WHERE patient = ?1")?
            .query_row([key], |row| row.get(0))
            .optional()?;
        if let Some(number) = found {
            self.remember(key, number);
        }
        Ok(found.unwrap_or(NOBODY))
    }

    /// The number of a patient, the next one where it has none yet.
    pub fn give(&self, connection: &Connection, key: i64) -> Result<i64, StoreError> {
        let number = self.of(connection, key)?;
        if number != NOBODY {
            return Ok(number);
        }
        // One more than the largest: rows are never deleted, and a batch that is taken back leaves no gap.
        connection.prepare_cached("INSERT INTO arrival (patient) VALUES (?1)")?.execute([key])?;
        let number = connection.last_insert_rowid();
        self.given.set(true);
        self.remember(key, number);
        Ok(number)
    }

    /// The key of the patient with a number.
    pub fn key(&self, connection: &Connection, number: i64) -> Result<i64, StoreError> {
        if let Some(key) = self.by_number.borrow().get(&number) {
            return Ok(*key);
        }
        let found: Option<i64> = connection
            .prepare_cached("SELECT patient FROM arrival WHERE number = ?1")?
            .query_row([number], |row| row.get(0))
            .optional()?;
        let key = found
            .ok_or_else(|| StoreError::Corrupt(format!("a row is of patient number {number}, whom nobody knows")))?;
        self.remember(key, number);
        Ok(key)
    }

    /// Both ways: whoever is found by a number is asked about next, and a key is looked up in an index that lies by chance.
    pub fn remember(&self, key: i64, number: i64) {
        for (known, of, is) in [(&self.by_key, key, number), (&self.by_number, number, key)] {
            let mut known = known.borrow_mut();
            if known.len() >= REMEMBERED_MAX {
                known.clear();
            }
            known.insert(of, is);
        }
    }

    /// A batch begins. One that ended without a commit, whoever ended it, gave no numbers.
    pub fn begin(&self) {
        if self.given.get() {
            self.forget();
        }
    }

    /// What was given holds.
    pub fn commit(&self) {
        self.given.set(false);
    }

    /// A batch was taken back, and the numbers it gave with it.
    pub fn forget(&self) {
        self.given.set(false);
        self.by_key.borrow_mut().clear();
        self.by_number.borrow_mut().clear();
    }
}
