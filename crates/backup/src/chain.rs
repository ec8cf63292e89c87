//! The chain of hashes over the entries of a stream. It is the same however the entries are cut into segments.

use crate::{BackupError, key::Key, segment::encode};
use std::{collections::HashMap, path::Path};
use store::truth::{Field, Table, TruthRow};

/// What the first entry follows from.
pub(crate) const GENESIS: [u8; 32] = [0; 32];

/// The chain at one place.
pub(crate) struct Chain {
    key: Key,
    at: [u8; 32],
    names: HashMap<i64, Vec<u8>>,
    dictionaries: HashMap<i64, [u8; 32]>,
    buffer: Vec<u8>,
}

impl Chain {
    pub fn new(key: Key) -> Self {
        Chain { key, at: GENESIS, names: HashMap::new(), dictionaries: HashMap::new(), buffer: Vec::new() }
    }

    /// The hash after the newest entry.
    pub fn at(&self) -> [u8; 32] {
        self.at
    }

    /// Go on from elsewhere.
    pub fn set(&mut self, at: [u8; 32]) {
        self.at = at;
    }

    /// Take in a row. What entries refer to by number must come before them, and cannot become another.
    pub fn take(&mut self, row: &TruthRow, path: &Path) -> Result<(), BackupError> {
        match (row.table, row.fields.as_slice()) {
            (Table::Name, [Field::Integer(id), Field::Text(text)]) => {
                let known = self.names.entry(*id).or_insert_with(|| text.as_bytes().to_vec());
                same(*known == text.as_bytes(), path)
            }
            (Table::Dictionary, [Field::Integer(id), Field::Bytes(bytes)]) => {
                let digest = *blake3::hash(bytes).as_bytes();
                let known = self.dictionaries.entry(*id).or_insert(digest);
                same(*known == digest, path)
            }
            (Table::Entry | Table::AuditEntry, _) => self.link(row, path),
            _ => Ok(()),
        }
    }

    fn link(&mut self, row: &TruthRow, path: &Path) -> Result<(), BackupError> {
        let unknown =
            |what: &str| BackupError::damaged(path, format!("an entry refers to a {what} that did not come before it"));
        self.buffer.clear();
        for (at, field) in row.fields.iter().enumerate() {
            match (row.table, at, field) {
                // A number means nothing without what it stands for.
                (Table::Entry, 2 | 3, Field::Integer(id)) => {
                    let name = self.names.get(id).ok_or_else(|| unknown("name"))?;
                    encode(&mut self.buffer, &Field::Bytes(name.clone()))?;
                }
                (Table::Entry, 9, Field::Integer(id)) if *id > 0 => {
                    let digest = self.dictionaries.get(id).ok_or_else(|| unknown("dictionary"))?;
                    self.buffer.extend_from_slice(digest);
                }
                (_, _, field) => encode(&mut self.buffer, field)?,
            }
        }
        let mut hasher = blake3::Hasher::new_keyed(&self.key.0);
        hasher.update(&self.at).update(&self.buffer);
        self.at = *hasher.finalize().as_bytes();
        Ok(())
    }
}

fn same(same: bool, path: &Path) -> Result<(), BackupError> {
    if same { Ok(()) } else { Err(BackupError::damaged(path, "a name or dictionary is another than it was before")) }
}
