//! Reading the journal.

use super::{Entry, EntryKind, GROUP};
use crate::{
    Folder, StoreError,
    backend::{Connection, values},
    codec,
};
use jiff::Timestamp;
use std::collections::HashMap;

/// The dictionaries of the journal, and how many there are.
pub(super) fn load_codec(connection: &Connection) -> Result<(codec::Codec, i64), StoreError> {
    let codec = codec::Codec::default();
    let mut count = 0;
    connection.each("SELECT id, bytes FROM dictionary ORDER BY id", &[], |row| {
        count += 1;
        codec.learn(row.get(0)?, GROUP, row.column(1)?.bytes().unwrap_or_default())
    })?;
    Ok((codec, count))
}

/// What [`head`] asks.
pub(super) const HEAD: &str = "SELECT MAX(pos) FROM entry";

/// The newest position.
pub(super) fn head(connection: &Connection) -> Result<u64, StoreError> {
    let head: Option<i64> = connection.only(HEAD, &[], |row| row.get(0))?;
    Ok(head.unwrap_or(0).cast_unsigned())
}

/// A reader of the journal, with its own connection.
pub struct JournalReader {
    connection: Connection,
    codec: codec::Codec,
    dictionaries_known: i64,
    names: HashMap<i64, String>,
    /// Memory of bodies that were read before, for the next.
    spare: Vec<Vec<u8>>,
}

/// Bodies whose memory is kept for the next ones: it would be given back to the system and asked for again each time.
const SPARE_MAX: usize = 3;
/// Entries asked for at a time.
const PIECE_ENTRIES: usize = 64;
/// Bodies packed to less than this are not worth one of them.
const LARGE_PACKED_BYTES: usize = 4 << 10;
/// Smaller memory than this is not worth keeping, larger too much.
const SPARE_BYTES: std::ops::RangeInclusive<usize> = 64 << 10..=4 << 20;

impl JournalReader {
    /// Open for reading.
    pub fn open(folder: &Folder) -> Result<Self, StoreError> {
        let connection = folder.journal().open_for_reading()?;
        let (codec, dictionaries_known) = load_codec(&connection)?;
        Ok(JournalReader { connection, codec, dictionaries_known, names: HashMap::new(), spare: Vec::new() })
    }

    /// Take back entries that are no longer needed, for the memory of their bodies.
    pub fn take_back(&mut self, entries: Vec<Entry>) {
        let bodies = entries.into_iter().map(|entry| entry.body);
        self.spare.extend(bodies.filter(|body| SPARE_BYTES.contains(&body.capacity())));
        self.spare.truncate(SPARE_MAX);
    }

    /// The newest position, also as other processes have moved it.
    pub fn head(&self) -> Result<u64, StoreError> {
        head(&self.connection)
    }

    /// Up to `entries_max` entries (at least one, if there is any) from `from` on, until their bodies reach `bytes_max`.
    pub fn read(&mut self, from: u64, entries_max: usize, bytes_max: usize) -> Result<Vec<Entry>, StoreError> {
        self.refresh()?;
        let mut found: Vec<(Entry, i64, i64)> = Vec::new();
        let mut bytes = 0usize;
        let (mut next, mut left) = (from, entries_max);
        while left > 0 && bytes < bytes_max {
            // Few at a time, so that hardly more is asked for than is taken.
            let piece = left.min(PIECE_ENTRIES);
            let before = found.len();
            let (codec, spare) = (&self.codec, &mut self.spare);
            self.connection.each(
                "SELECT pos, kind, source, feed, received, about, ack, dictionary, body FROM entry
                 WHERE pos >= ?1 ORDER BY pos LIMIT ?2",
                values![next.cast_signed(), i64::try_from(piece).unwrap_or(i64::MAX)],
                |row| {
                    if !found.is_empty() && bytes >= bytes_max {
                        return Ok(());
                    }
                    let kind: u8 = row.get(1)?;
                    let packed = row.column(8)?;
                    let packed = packed.bytes().unwrap_or_default();
                    let large = packed.len() >= LARGE_PACKED_BYTES;
                    let mut body = if large { spare.pop().unwrap_or_default() } else { Vec::new() };
                    codec.decompress_to(row.get(7)?, packed, &mut body)?;
                    bytes += body.len();
                    let entry = Entry {
                        pos: row.get::<i64>(0)?.cast_unsigned(),
                        kind: EntryKind::from_code(kind)
                            .ok_or_else(|| StoreError::Corrupt(format!("journal entry of unknown kind {kind}")))?,
                        source: String::new(),
                        feed: String::new(),
                        received: Timestamp::from_microsecond(row.get(4)?)
                            .map_err(|e| StoreError::Corrupt(format!("journal time: {e}")))?,
                        about: row.get(5)?,
                        ack: row.get(6)?,
                        body,
                    };
                    found.push((entry, row.get(2)?, row.get(3)?));
                    Ok::<_, StoreError>(())
                },
            )?;
            let came = found.len() - before;
            next = found.last().map_or(next, |(entry, ..)| entry.pos + 1);
            left -= came;
            if came < piece {
                break;
            }
        }
        let mut entries = Vec::with_capacity(found.len());
        for (mut entry, source, feed) in found {
            entry.source = self.name(source)?;
            entry.feed = self.name(feed)?;
            entries.push(entry);
        }
        Ok(entries)
    }

    /// One entry.
    pub fn entry(&mut self, pos: u64) -> Result<Option<Entry>, StoreError> {
        Ok(self.read(pos, 1, usize::MAX)?.into_iter().next().filter(|entry| entry.pos == pos))
    }

    fn refresh(&mut self) -> Result<(), StoreError> {
        let known: i64 = self.connection.only("SELECT count(*) FROM dictionary", &[], |row| row.get(0))?;
        if known != self.dictionaries_known {
            (self.codec, self.dictionaries_known) = load_codec(&self.connection)?;
        }
        Ok(())
    }

    fn name(&mut self, id: i64) -> Result<String, StoreError> {
        if let Some(text) = self.names.get(&id) {
            return Ok(text.clone());
        }
        let text: Option<String> =
            self.connection.one("SELECT text FROM name WHERE id = ?1", values![id], |row| row.get(0))?;
        let text = text.ok_or_else(|| StoreError::Corrupt(format!("journal name {id} is missing")))?;
        self.names.insert(id, text.clone());
        Ok(text)
    }
}

impl JournalReader {
    /// The newest identity model, as JSON.
    pub fn model(&mut self) -> Result<Option<String>, StoreError> {
        let pos: Option<i64> =
            self.connection.only("SELECT max(pos) FROM entry WHERE kind = 7 AND kind > 2", &[], |row| row.get(0))?;
        let Some(pos) = pos else { return Ok(None) };
        Ok(self.entry(pos.cast_unsigned())?.map(|entry| String::from_utf8_lossy(&entry.body).into_owned()))
    }

    /// The newest profile of every source, as TOML.
    pub fn profiles(&mut self) -> Result<Vec<(String, String)>, StoreError> {
        self.profiles_by(i64::MAX.cast_unsigned())
    }

    /// The profile of every source that had one by `seq`, the newest of then, as TOML.
    pub fn profiles_by(&mut self, seq: u64) -> Result<Vec<(String, String)>, StoreError> {
        let positions: Vec<i64> = self.connection.all(
            "SELECT max(pos) FROM entry WHERE kind = 3 AND kind > 2 AND pos <= ?1 GROUP BY source ORDER BY 1",
            values![seq.cast_signed()],
            |row| row.get(0),
        )?;
        let mut profiles = Vec::new();
        for pos in positions {
            if let Some(entry) = self.entry(pos.cast_unsigned())? {
                profiles.push((entry.source, String::from_utf8_lossy(&entry.body).into_owned()));
            }
        }
        Ok(profiles)
    }
}
