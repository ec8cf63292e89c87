//! The one writer of the derived state. Everything between `begin` and `commit` becomes visible at once.

mod desk;
mod identity;
mod people;

use crate::backend::{Connection, Newcomer, Row, values};
use crate::{
    StoreError, Undoing,
    codec::{Body, Codec},
};
use fhir::{PatientKey, ResourceId, ResourceType};
use jiff::Timestamp;
pub use people::NewLink;
use std::collections::{HashMap, HashSet};

/// What is stored of a resource now.
#[derive(Clone, Debug)]
pub struct Current {
    /// Its version.
    pub version: u32,
    /// Since when.
    pub seq: u64,
    /// Whether it is a tombstone.
    pub deleted: bool,
    /// Whether it was written here, rather than sent by a source.
    pub written: bool,
    /// Its text, compressed.
    pub body: Body,
    /// What folding needs; empty for resources that came whole.
    pub state: Vec<u8>,
}

/// A resource to be stored.
#[derive(Clone, Debug)]
pub struct NewRow {
    /// Its id.
    pub id: ResourceId,
    /// Its type.
    pub kind: ResourceType,
    /// Whether this is a tombstone.
    pub deleted: bool,
    /// Whether it was written here, rather than sent by a source.
    pub written: bool,
    /// Its text, compressed.
    pub body: Body,
    /// What folding needs; empty for resources that came whole.
    pub state: Vec<u8>,
    /// The version it gets: 1, or the current one's plus one.
    pub version: u32,
    /// The journal position of the message that said it.
    pub message: u64,
}
/// The writer.
pub struct Writer {
    connection: Connection,
    codec: Codec,
    sources: HashMap<String, i64>,
    /// By the source's number, then its name.
    feeds: HashMap<i64, HashMap<String, i64>>,
    pending_dictionaries: Vec<(u32, u8, Vec<u8>)>,
    /// By source and feed.
    activity: HashMap<(i64, i64), Activity>,
    domains: HashSet<String>,
    /// The position committed last, and the connection that said so.
    committed: (u64, u64),
    /// Resources of which others may have to hear, by the `seq` that changed them, until its row of the change feed is written.
    touched: Vec<(u64, ResourceType, ResourceId)>,
    /// Patients of whom something was stored, or whose link was moved, by the `seq` that did it, until the same.
    moved: Vec<(u64, PatientKey)>,
    /// Whether a batch can be taken back.
    pub(crate) undoing: Undoing,
}

#[derive(Default)]
struct Activity {
    messages: i64,
    received: i64,
    happened: Option<i64>,
}

/// Flags of a row: numbers are on disk.
pub(crate) const DELETED: i64 = 1;
pub(crate) const WRITTEN: i64 = 2;

pub(crate) fn current_sql() -> &'static str {
    "SELECT version, seq, flags, dictionary, body, state FROM resource WHERE patient = ?1 AND kind = ?2 AND local = ?3"
}

pub(crate) fn read_current(row: &Row<'_>) -> Result<Current, StoreError> {
    Ok(Current {
        version: row.get(0)?,
        seq: row.get::<i64>(1)?.cast_unsigned(),
        deleted: row.get::<i64>(2)? & DELETED != 0,
        written: row.get::<i64>(2)? & WRITTEN != 0,
        body: Body { dictionary: row.get(3)?, bytes: row.get(4)? },
        state: row.get::<Option<Vec<u8>>>(5)?.unwrap_or_default(),
    })
}

impl Writer {
    pub(crate) fn new(connection: Connection, codec: Codec) -> Result<Self, StoreError> {
        let mut writer = Writer {
            connection,
            codec,
            sources: HashMap::new(),
            feeds: HashMap::new(),
            pending_dictionaries: Vec::new(),
            activity: HashMap::new(),
            domains: HashSet::new(),
            committed: (0, 0),
            touched: Vec::new(),
            moved: Vec::new(),
            undoing: Undoing::Kept,
        };
        writer.reload()?;
        Ok(writer)
    }

    fn reload(&mut self) -> Result<(), StoreError> {
        self.committed = (self.applied()?, self.connection.generation());
        self.sources.clear();
        self.sources.extend(
            self.connection
                .all("SELECT id, name FROM source", &[], |row| Ok((row.get::<String>(1)?, row.get::<i64>(0)?)))?,
        );
        self.feeds.clear();
        let feeds: Vec<(i64, String, i64)> = self
            .connection
            .all("SELECT source, name, id FROM feed", &[], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        for (source, name, id) in feeds {
            self.feeds.entry(source).or_default().insert(name, id);
        }
        self.domains.clear();
        self.domains.extend(self.connection.all("SELECT system FROM domain", &[], |row| row.get::<String>(0))?);
        Ok(())
    }

    /// The journal position the committed state has reached.
    pub fn applied(&self) -> Result<u64, StoreError> {
        let applied: Option<i64> =
            self.connection
                .one("SELECT CAST(value AS BIGINT) FROM meta WHERE key = 'applied'", &[], |row| row.get(0))?;
        Ok(applied.unwrap_or(0).cast_unsigned())
    }

    /// The region's code, written once: keys depend on it.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] when the state belongs to another region.
    pub fn claim_region(&self, code: &str) -> Result<(), StoreError> {
        self.connection
            .write("INSERT INTO meta (key, value) VALUES ('region', ?1) ON CONFLICT DO NOTHING", values![code])?;
        let found: String =
            self.connection.only("SELECT value FROM meta WHERE key = 'region'", &[], |row| row.get(0))?;
        if found == code {
            Ok(())
        } else {
            Err(StoreError::Unusable(format!(
                "this folder holds region '{found}', the configuration says '{code}': the code must never change"
            )))
        }
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Begin a batch.
    ///
    /// # Errors
    /// [`StoreError::Away`] also where the connection was made again and the database is not where it was left: go on from
    /// [`Writer::applied`] after a [`Writer::rollback`].
    pub fn begin(&mut self) -> Result<(), StoreError> {
        self.connection.begin()?;
        let (committed, generation) = self.committed;
        if self.connection.generation() != generation {
            let applied = self.applied()?;
            if applied != committed {
                return Err(StoreError::Away(format!("it came back at entry {applied} and was left at {committed}")));
            }
            self.committed = (committed, self.connection.generation());
        }
        Ok(())
    }

    /// Make the batch visible and note the position it reaches.
    pub fn commit(&mut self, applied: u64) -> Result<(), StoreError> {
        self.connection.write(
            "INSERT INTO meta (key, value) VALUES ('applied', ?1) ON CONFLICT (key) DO UPDATE SET value = ?1",
            values![applied.cast_signed()],
        )?;
        let activity = std::mem::take(&mut self.activity);
        for ((source, feed), activity) in activity {
            for (table, id) in [("source", source), ("feed", feed)] {
                self.connection.write(
                    &format!(
                        "UPDATE {table} SET messages = messages + ?2,
                         last_received = CASE WHEN last_received IS NULL OR last_received < ?3 THEN ?3 ELSE last_received END,
                         last_happened = CASE WHEN last_happened IS NULL OR last_happened < ?4
                                              THEN COALESCE(?4, last_happened) ELSE last_happened END
                         WHERE id = ?1"
                    ),
                    values![id, activity.messages, activity.received, activity.happened],
                )?;
            }
        }
        self.connection.commit()?;
        self.committed.0 = applied;
        for (id, kind, bytes) in std::mem::take(&mut self.pending_dictionaries) {
            self.codec.learn(id, kind, &bytes)?;
        }
        Ok(())
    }

    /// Forget the batch.
    ///
    /// # Errors
    /// [`StoreError::NoWayBack`] where it was opened so ([`Undoing::Not`]): it is of no use any more. Else the store's.
    pub fn rollback(&mut self) -> Result<(), StoreError> {
        if self.undoing == Undoing::Not && matches!(self.connection, Connection::Sqlite(_)) {
            return Err(StoreError::NoWayBack);
        }
        self.pending_dictionaries.clear();
        self.activity.clear();
        self.touched.clear();
        self.moved.clear();
        self.connection.roll_back()?;
        self.reload()
    }

    /// Add a dictionary; it is used once the batch is committed.
    pub fn add_dictionary(&mut self, kind: u8, bytes: Vec<u8>) -> Result<(), StoreError> {
        let id: u32 = self.connection.only(
            "INSERT INTO dictionary (id, kind, bytes) SELECT COALESCE(MAX(id), 0) + 1, ?1, ?2 FROM dictionary RETURNING id",
            values![kind, bytes],
            |row| row.get(0),
        )?;
        self.pending_dictionaries.push((id, kind, bytes));
        Ok(())
    }

    /// The number of a source, given at first sight.
    pub fn source(&mut self, name: &str) -> Result<i64, StoreError> {
        if let Some(id) = self.sources.get(name) {
            return Ok(*id);
        }
        // Numbered here and not by a counter of the engine, which a batch that is undone would leave a gap in: a replay
        // gives the same numbers.
        let id = self.connection.only(
            "INSERT INTO source (id, name) SELECT COALESCE(MAX(id), 0) + 1, ?1 FROM source RETURNING id",
            values![name],
            |row| row.get(0),
        )?;
        self.sources.insert(name.to_owned(), id);
        Ok(id)
    }

    /// The number of a feed of a source, given at first sight.
    pub fn feed(&mut self, source: i64, name: &str) -> Result<i64, StoreError> {
        if let Some(id) = self.feeds.get(&source).and_then(|feeds| feeds.get(name)) {
            return Ok(*id);
        }
        // Numbered as sources are.
        let id = self.connection.only(
            "INSERT INTO feed (id, source, name) SELECT COALESCE(MAX(id), 0) + 1, ?1, ?2 FROM feed RETURNING id",
            values![source, name],
            |row| row.get(0),
        )?;
        self.feeds.entry(source).or_default().insert(name.to_owned(), id);
        Ok(id)
    }

    /// Note a source's profile as of `seq`.
    pub fn put_profile(&mut self, source: &str, toml: &str, seq: u64) -> Result<(), StoreError> {
        let id = self.source(source)?;
        self.connection.write(
            "UPDATE source SET profile = ?2, profile_seq = ?3 WHERE id = ?1",
            values![id, toml, seq.cast_signed()],
        )?;
        Ok(())
    }

    /// Note a journal entry as applied: the change feed's row, and a sign of life of the source on this feed.
    pub fn note_applied(
        &mut self,
        seq: u64,
        (source, feed): (i64, i64),
        received: Timestamp,
        happened: Option<Timestamp>,
        patients: &[PatientKey],
    ) -> Result<(), StoreError> {
        self.put_applied(seq, (source, Some(feed)), received, patients)?;
        let activity = self.activity.entry((source, feed)).or_default();
        activity.messages += 1;
        activity.received = activity.received.max(received.as_microsecond());
        activity.happened = activity.happened.max(happened.map(|at| at.as_microsecond()));
        Ok(())
    }

    /// Note a decision as applied: the change feed's row, and no sign of life of a source.
    pub fn note_decision(
        &mut self,
        seq: u64,
        source: &str,
        received: Timestamp,
        patients: &[PatientKey],
    ) -> Result<(), StoreError> {
        let source = self.source(source)?;
        self.put_applied(seq, (source, None), received, patients)
    }

    fn put_applied(
        &mut self,
        seq: u64,
        (source, feed): (i64, Option<i64>),
        received: Timestamp,
        patients: &[PatientKey],
    ) -> Result<(), StoreError> {
        // Those that a caller does not know of as well: of messages that were held and go on with this one, for instance.
        let mut others: Vec<PatientKey> =
            self.moved.extract_if(.., |(of, _)| *of == seq).map(|(_, patient)| patient).collect();
        others.retain(|patient| !patients.contains(patient));
        others.sort_unstable();
        others.dedup();
        let bytes: Vec<u8> = patients.iter().chain(&others).flat_map(|patient| patient.0.to_le_bytes()).collect();
        let mut touched: Vec<(ResourceType, ResourceId)> =
            self.touched.extract_if(.., |(of, ..)| *of == seq).map(|(_, kind, id)| (kind, id)).collect();
        touched.sort_unstable_by_key(|(kind, id)| (id.patient, kind.code(), id.local));
        touched.dedup();
        let touched: Vec<u8> = touched
            .into_iter()
            .flat_map(|(kind, id)| {
                let key = id.patient.0.to_le_bytes().into_iter().chain(id.local.to_le_bytes());
                std::iter::once(kind.code()).chain(key)
            })
            .collect();
        self.connection
            .write("INSERT INTO applied (seq, received, source, feed, patients, decision, touched)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (seq) DO UPDATE SET received = excluded.received, source = excluded.source, feed = excluded.feed, patients = excluded.patients, decision = excluded.decision, touched = excluded.touched", values![
                seq.cast_signed(),
                received.as_microsecond(),
                source,
                feed,
                (!bytes.is_empty()).then_some(bytes),
                feed.is_none(),
                (!touched.is_empty()).then_some(touched)
            ])?;
        Ok(())
    }

    /// Note that others may have to hear of a resource, as of `seq`.
    pub(crate) fn touch(&mut self, seq: u64, kind: ResourceType, id: ResourceId) {
        if crate::read::is_told_of(kind) {
            self.touched.push((seq, kind, id));
        }
    }

    /// Note that something about a patient changed, as of `seq`.
    pub(crate) fn moves(&mut self, seq: u64, patient: PatientKey) {
        if self.moved.last() != Some(&(seq, patient)) {
            self.moved.push((seq, patient));
        }
    }

    /// What is stored of a resource now, this batch included.
    pub fn current(&self, id: ResourceId, kind: ResourceType) -> Result<Option<Current>, StoreError> {
        self.connection.one(current_sql(), values![id.patient, kind.code(), id.local.cast_signed()], read_current)
    }

    /// Store a resource as of `seq`. A version above 1 moves the current one to the history.
    pub fn put(&mut self, row: &NewRow, seq: u64) -> Result<(), StoreError> {
        self.touch(seq, row.kind, row.id);
        self.moves(seq, row.id.patient);
        let (patient, kind, local) = (Newcomer(row.id.patient), row.kind.code(), row.id.local.cast_signed());
        if row.version > 1 {
            self.connection.write(
                "INSERT INTO history (patient, kind, local, version, seq, seq_to, message, flags, dictionary, body)
                 SELECT patient, kind, local, version, seq, ?4, message, flags, dictionary, body
                     FROM resource WHERE patient = ?1 AND kind = ?2 AND local = ?3",
                values![patient, kind, local, seq.cast_signed()],
            )?;
        }
        self.connection
            .write("INSERT INTO resource (patient, kind, local, version, seq, message, flags, dictionary, body, state)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
                 ON CONFLICT (patient, kind, local) DO UPDATE SET version = excluded.version, seq = excluded.seq, message = excluded.message, flags = excluded.flags, dictionary = excluded.dictionary, body = excluded.body, state = excluded.state", values![
                patient,
                kind,
                local,
                row.version,
                seq.cast_signed(),
                (row.message != seq).then_some(row.message.cast_signed()),
                (if row.deleted { DELETED } else { 0 }) | (if row.written { WRITTEN } else { 0 }),
                row.body.dictionary,
                row.body.bytes,
                (!row.state.is_empty()).then_some(&row.state)
            ])?;
        Ok(())
    }

    /// Replace what folding needs of a resource whose content stays as it is.
    pub fn put_state(&mut self, id: ResourceId, kind: ResourceType, state: &[u8]) -> Result<(), StoreError> {
        self.connection.write(
            "UPDATE resource SET state = ?4 WHERE patient = ?1 AND kind = ?2 AND local = ?3",
            values![id.patient, kind.code(), id.local.cast_signed(), state],
        )?;
        Ok(())
    }
    /// The newest profile of every source.
    pub fn profiles(&self) -> Result<HashMap<String, String>, StoreError> {
        let profiles: Vec<(String, String)> =
            self.connection.all("SELECT name, profile FROM source WHERE profile IS NOT NULL", &[], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
        Ok(profiles.into_iter().collect())
    }

    /// What [`crate::Derived::open_anew`] began is whole: make the indexes that were left out, and wait for the disk.
    ///
    /// # Errors
    /// The store's; the state is of no use then.
    pub fn finish_anew(&self) -> Result<(), StoreError> {
        self.connection.finish_anew()
    }
}
