//! The one writer of the derived state. Everything between `begin` and `commit` becomes visible at once.

use crate::{
    StoreError,
    codec::{Body, Codec},
    read::{PatientRow, ProblemStatus},
};
use fhir::{PatientKey, PersonKey, ResourceId, ResourceType};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
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
    /// Its text, compressed.
    pub body: Body,
    /// What folding needs; empty for resources that came whole.
    pub state: Vec<u8>,
    /// The version it gets: 1, or the current one's plus one.
    pub version: u32,
    /// The journal position of the message that said it.
    pub message: u64,
}

/// A new answer to "which person is this patient".
#[derive(Clone, Debug)]
pub struct NewLink<'a> {
    /// The patient.
    pub patient: PatientKey,
    /// The person.
    pub person: PersonKey,
    /// Why, JSON.
    pub reason: &'a str,
}

/// The writer.
pub struct Writer {
    connection: Connection,
    codec: Codec,
    sources: HashMap<String, i64>,
    pending_dictionaries: Vec<(u32, u8, Vec<u8>)>,
    activity: HashMap<i64, Activity>,
    domains: HashSet<String>,
}

#[derive(Default)]
struct Activity {
    messages: i64,
    received: i64,
    happened: Option<i64>,
}

pub(crate) fn current_sql() -> &'static str {
    "SELECT version, seq, flags, dictionary, body, state FROM resource WHERE patient = ?1 AND kind = ?2 AND local = ?3"
}

pub(crate) fn read_current(row: &rusqlite::Row<'_>) -> rusqlite::Result<Current> {
    Ok(Current {
        version: row.get(0)?,
        seq: row.get::<_, i64>(1)?.cast_unsigned(),
        deleted: row.get::<_, i64>(2)? & 1 == 1,
        body: Body { dictionary: row.get(3)?, bytes: row.get(4)? },
        state: row.get::<_, Option<Vec<u8>>>(5)?.unwrap_or_default(),
    })
}

impl Writer {
    pub(crate) fn new(connection: Connection, codec: Codec) -> Result<Self, StoreError> {
        let mut writer = Writer {
            connection,
            codec,
            sources: HashMap::new(),
            pending_dictionaries: Vec::new(),
            activity: HashMap::new(),
            domains: HashSet::new(),
        };
        writer.reload()?;
        Ok(writer)
    }

    fn reload(&mut self) -> Result<(), StoreError> {
        self.sources.clear();
        let mut statement = self.connection.prepare_cached("SELECT id, name FROM source")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            self.sources.insert(row.get(1)?, row.get(0)?);
        }
        self.domains.clear();
        let mut statement = self.connection.prepare_cached("SELECT system FROM domain")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            self.domains.insert(row.get(0)?);
        }
        Ok(())
    }

    /// The journal position the committed state has reached.
    pub fn applied(&self) -> Result<u64, StoreError> {
        let applied: Option<i64> = self
            .connection
            .prepare_cached("SELECT value FROM meta WHERE key = 'applied'")?
            .query_row([], |row| row.get(0))
            .optional()?;
        Ok(applied.unwrap_or(0).cast_unsigned())
    }

    /// The region's code, written once: keys depend on it.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] when the state belongs to another region.
    pub fn claim_region(&self, code: &str) -> Result<(), StoreError> {
        self.connection.execute("INSERT OR IGNORE INTO meta (key, value) VALUES ('region', ?1)", [code])?;
        let found: String =
            self.connection.query_row("SELECT value FROM meta WHERE key = 'region'", [], |row| row.get(0))?;
        if found == code {
            Ok(())
        } else {
            Err(StoreError::Unusable(format!(
                "this folder holds region '{found}', the configuration says '{code}': the code must never change"
            )))
        }
    }

    /// Begin a batch.
    pub fn begin(&mut self) -> Result<(), StoreError> {
        Ok(self.connection.execute_batch("BEGIN IMMEDIATE")?)
    }

    /// Make the batch visible and note the position it reaches.
    pub fn commit(&mut self, applied: u64) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "INSERT INTO meta (key, value) VALUES ('applied', ?1) ON CONFLICT (key) DO UPDATE SET value = ?1",
            )?
            .execute([applied.cast_signed()])?;
        let activity = std::mem::take(&mut self.activity);
        for (source, activity) in activity {
            self.connection
                .prepare_cached(
                    "UPDATE source SET messages = messages + ?2, last_received = max(coalesce(last_received, 0), ?3),
                     last_happened = max(coalesce(last_happened, ?4), coalesce(?4, last_happened)) WHERE id = ?1",
                )?
                .execute(params![source, activity.messages, activity.received, activity.happened])?;
        }
        self.connection.execute_batch("COMMIT")?;
        for (id, kind, bytes) in std::mem::take(&mut self.pending_dictionaries) {
            self.codec.learn(id, kind, &bytes)?;
        }
        Ok(())
    }

    /// Forget the batch.
    pub fn rollback(&mut self) -> Result<(), StoreError> {
        self.pending_dictionaries.clear();
        self.activity.clear();
        if !self.connection.is_autocommit() {
            self.connection.execute_batch("ROLLBACK")?;
        }
        self.reload()
    }

    /// Add a dictionary; it is used once the batch is committed.
    pub fn add_dictionary(&mut self, kind: u8, bytes: Vec<u8>) -> Result<(), StoreError> {
        self.connection.execute("INSERT INTO dictionary (kind, bytes) VALUES (?1, ?2)", params![kind, bytes])?;
        let id = u32::try_from(self.connection.last_insert_rowid()).unwrap_or(u32::MAX);
        self.pending_dictionaries.push((id, kind, bytes));
        Ok(())
    }

    /// The number of a source, given at first sight.
    pub fn source(&mut self, name: &str) -> Result<i64, StoreError> {
        if let Some(id) = self.sources.get(name) {
            return Ok(*id);
        }
        self.connection.execute("INSERT INTO source (name) VALUES (?1)", [name])?;
        let id = self.connection.last_insert_rowid();
        self.sources.insert(name.to_owned(), id);
        Ok(id)
    }

    /// Note a source's profile as of `seq`.
    pub fn put_profile(&mut self, source: &str, toml: &str, seq: u64) -> Result<(), StoreError> {
        let id = self.source(source)?;
        self.connection.execute(
            "UPDATE source SET profile = ?2, profile_seq = ?3 WHERE id = ?1",
            params![id, toml, seq.cast_signed()],
        )?;
        Ok(())
    }

    /// Note a journal entry as applied: the change feed's row, and the source's sign of life.
    pub fn note_applied(
        &mut self,
        seq: u64,
        source: i64,
        received: Timestamp,
        happened: Option<Timestamp>,
        patients: &[PatientKey],
    ) -> Result<(), StoreError> {
        let bytes: Vec<u8> = patients.iter().flat_map(|patient| patient.0.to_le_bytes()).collect();
        self.connection
            .prepare_cached("INSERT OR REPLACE INTO applied (seq, received, source, patients) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![
                seq.cast_signed(),
                received.as_microsecond(),
                source,
                if bytes.is_empty() { None } else { Some(bytes) }
            ])?;
        let activity = self.activity.entry(source).or_default();
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
        let before = self.activity.remove(&source);
        self.note_applied(seq, source, received, None, patients)?;
        self.activity.remove(&source);
        if let Some(before) = before {
            self.activity.insert(source, before);
        }
        Ok(())
    }

    /// What is stored of a resource now, this batch included.
    pub fn current(&self, id: ResourceId, kind: ResourceType) -> Result<Option<Current>, StoreError> {
        Ok(self
            .connection
            .prepare_cached(current_sql())?
            .query_row(params![id.patient.0.cast_signed(), kind.code(), id.local.cast_signed()], read_current)
            .optional()?)
    }

    /// Store a resource as of `seq`. A version above 1 moves the current one to the history.
    pub fn put(&mut self, row: &NewRow, seq: u64) -> Result<(), StoreError> {
        let (patient, kind, local) = (row.id.patient.0.cast_signed(), row.kind.code(), row.id.local.cast_signed());
        if row.version > 1 {
            self.connection
                .prepare_cached(
                    "INSERT INTO history SELECT patient, kind, local, version, seq, ?4, message, flags, dictionary, body
                     FROM resource WHERE patient = ?1 AND kind = ?2 AND local = ?3",
                )?
                .execute(params![patient, kind, local, seq.cast_signed()])?;
        }
        self.connection
            .prepare_cached(
                "INSERT OR REPLACE INTO resource (patient, kind, local, version, seq, message, flags, dictionary, body, state)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?
            .execute(params![
                patient,
                kind,
                local,
                row.version,
                seq.cast_signed(),
                (row.message != seq).then_some(row.message.cast_signed()),
                i64::from(row.deleted),
                row.body.dictionary,
                row.body.bytes,
                (!row.state.is_empty()).then_some(&row.state)
            ])?;
        Ok(())
    }

    /// Replace what folding needs of a resource whose content stays as it is.
    pub fn put_state(&mut self, id: ResourceId, kind: ResourceType, state: &[u8]) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("UPDATE resource SET state = ?4 WHERE patient = ?1 AND kind = ?2 AND local = ?3")?
            .execute(params![id.patient.0.cast_signed(), kind.code(), id.local.cast_signed(), state])?;
        Ok(())
    }

    /// Whether anything is known of this patient.
    pub fn knows(&self, patient: PatientKey) -> Result<bool, StoreError> {
        Ok(self
            .connection
            .prepare_cached("SELECT 1 FROM patient WHERE patient = ?1")?
            .exists([patient.0.cast_signed()])?)
    }

    /// What is known of a patient.
    pub fn patient(&self, patient: PatientKey) -> Result<Option<PatientRow>, StoreError> {
        crate::read::patient_row(&self.connection, patient)
    }

    /// Note where a patient's resources come from and what is known for finding it.
    pub fn put_patient(&mut self, row: &PatientRow, source: i64) -> Result<(), StoreError> {
        let facts = row.facts.as_ref().map(serde_json::to_string).transpose().unwrap_or_default();
        let find = row.facts.as_ref();
        self.connection
            .prepare_cached(
                "INSERT OR REPLACE INTO patient (patient, source, directory, nhs, verified, family, given, birth, postcode, facts)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?
            .execute(params![
                row.patient.0.cast_signed(),
                source,
                row.directory,
                find.and_then(|f| f.nhs_number).map(u64::cast_signed),
                find.is_some_and(|f| f.verified),
                find.and_then(|f| f.family_key()),
                find.and_then(|f| f.given_key()),
                find.and_then(|f| f.birth).map(crate::read::day_number),
                find.and_then(|f| f.postcode_key()),
                facts
            ])?;
        for identifier in find.into_iter().flat_map(|facts| &facts.identifiers) {
            self.learn_domain(&identifier.system)?;
        }
        Ok(())
    }

    /// Patients have identifiers of this system.
    fn learn_domain(&mut self, system: &str) -> Result<(), StoreError> {
        if !self.domains.contains(system) {
            self.connection.prepare_cached("INSERT OR IGNORE INTO domain (system) VALUES (?1)")?.execute([system])?;
            self.domains.insert(system.to_owned());
        }
        Ok(())
    }

    /// Patients with this NHS number.
    pub fn patients_by_nhs(&self, nhs: u64) -> Result<Vec<PatientRow>, StoreError> {
        let mut statement =
            self.connection.prepare_cached("SELECT patient FROM patient WHERE nhs = ?1 ORDER BY patient")?;
        let keys: Vec<i64> = statement.query_map([nhs.cast_signed()], |row| row.get(0))?.collect::<Result<_, _>>()?;
        keys.into_iter().filter_map(|key| self.patient(PatientKey(key.cast_unsigned())).transpose()).collect()
    }

    /// The person a patient is now, and since when.
    pub fn link(&self, patient: PatientKey) -> Result<Option<(PersonKey, u64)>, StoreError> {
        Ok(self
            .connection
            .prepare_cached("SELECT person, seq_from FROM link WHERE patient = ?1 AND seq_to IS NULL")?
            .query_row([patient.0.cast_signed()], |row| {
                Ok((PersonKey(row.get::<_, i64>(0)?.cast_unsigned()), row.get::<_, i64>(1)?.cast_unsigned()))
            })
            .optional()?)
    }

    /// Point a patient to a person from `seq` on.
    pub fn put_link(&mut self, link: &NewLink<'_>, seq: u64) -> Result<(), StoreError> {
        let patient = link.patient.0.cast_signed();
        self.connection
            .prepare_cached("DELETE FROM link WHERE patient = ?1 AND seq_from = ?2")?
            .execute(params![patient, seq.cast_signed()])?;
        self.connection
            .prepare_cached("UPDATE link SET seq_to = ?2 WHERE patient = ?1 AND seq_to IS NULL")?
            .execute(params![patient, seq.cast_signed()])?;
        self.connection
            .prepare_cached("INSERT INTO link (patient, seq_from, person, reason) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![patient, seq.cast_signed(), link.person.0.cast_signed(), link.reason])?;
        Ok(())
    }

    /// The patient this one was merged into, if it was.
    pub fn survivor(&self, loser: PatientKey) -> Result<Option<PatientKey>, StoreError> {
        Ok(self
            .connection
            .prepare_cached("SELECT survivor FROM merged WHERE loser = ?1 AND seq_to IS NULL AND survivor IS NOT NULL")?
            .query_row([loser.0.cast_signed()], |row| Ok(PatientKey(row.get::<_, i64>(0)?.cast_unsigned())))
            .optional()?)
    }

    /// The patients merged into this one, or said to be the same person.
    pub fn losers(&self, survivor: PatientKey) -> Result<Vec<PatientKey>, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT loser FROM merged WHERE survivor = ?1 AND seq_to IS NULL ORDER BY loser")?;
        let keys = statement
            .query_map([survivor.0.cast_signed()], |row| Ok(PatientKey(row.get::<_, i64>(0)?.cast_unsigned())))?
            .collect::<Result<_, _>>()?;
        Ok(keys)
    }

    /// Note (or, with `None`, undo) that a patient was merged into another. News older than what is known is ignored;
    /// the answer says whether it was taken.
    pub fn put_merge(
        &mut self,
        loser: PatientKey,
        survivor: Option<PatientKey>,
        happened: Timestamp,
        seq: u64,
    ) -> Result<bool, StoreError> {
        self.put_pointer(loser, survivor, false, happened, seq)
    }

    /// Note that a source says of two of its patients that they are one person, and keeps both. Where the first is tied to
    /// another already, the second is tied to the first, so that neither statement is lost.
    pub fn put_linked(
        &mut self,
        patient: PatientKey,
        with: PatientKey,
        happened: Timestamp,
        seq: u64,
    ) -> Result<bool, StoreError> {
        if self.survivor(patient)?.is_some() && self.survivor(with)?.is_none() {
            return self.put_pointer(with, Some(patient), true, happened, seq);
        }
        self.put_pointer(patient, Some(with), true, happened, seq)
    }

    fn put_pointer(
        &mut self,
        loser: PatientKey,
        survivor: Option<PatientKey>,
        linked: bool,
        happened: Timestamp,
        seq: u64,
    ) -> Result<bool, StoreError> {
        let loser = loser.0.cast_signed();
        let newest: Option<i64> = self
            .connection
            .prepare_cached("SELECT happened FROM merged WHERE loser = ?1 AND seq_to IS NULL")?
            .query_row([loser], |row| row.get(0))
            .optional()?;
        if newest.is_some_and(|newest| newest > happened.as_microsecond()) {
            return Ok(false);
        }
        self.connection
            .prepare_cached("DELETE FROM merged WHERE loser = ?1 AND seq_from = ?2")?
            .execute(params![loser, seq.cast_signed()])?;
        self.connection
            .prepare_cached("UPDATE merged SET seq_to = ?2 WHERE loser = ?1 AND seq_to IS NULL")?
            .execute(params![loser, seq.cast_signed()])?;
        self.connection
            .prepare_cached(
                "INSERT INTO merged (loser, seq_from, survivor, happened, linked) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![
                loser,
                seq.cast_signed(),
                survivor.map(|survivor| survivor.0.cast_signed()),
                happened.as_microsecond(),
                linked
            ])?;
        Ok(true)
    }

    /// Resources with this identifier, this batch included.
    pub fn find_identifier(&self, hash: i64) -> Result<Vec<(ResourceId, ResourceType)>, StoreError> {
        crate::read::identifier_rows(&self.connection, hash)
    }

    /// The patients a person is now.
    pub fn patients_of(&self, person: PersonKey) -> Result<Vec<PatientKey>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT patient FROM link WHERE person = ?1 AND seq_to IS NULL ORDER BY seq_from, patient",
        )?;
        let patients = statement
            .query_map([person.0.cast_signed()], |row| Ok(PatientKey(row.get::<_, i64>(0)?.cast_unsigned())))?
            .collect::<Result<_, _>>()?;
        Ok(patients)
    }

    /// What somebody decided about a patient: the person, or `None` when nobody did.
    pub fn decided(&self, patient: PatientKey) -> Result<Option<PersonKey>, StoreError> {
        Ok(self
            .connection
            .prepare_cached("SELECT person FROM decided WHERE patient = ?1")?
            .query_row([patient.0.cast_signed()], |row| Ok(PersonKey(row.get::<_, i64>(0)?.cast_unsigned())))
            .optional()?)
    }

    /// Note what somebody decided; `None` takes the decision back.
    pub fn put_decided(
        &mut self,
        patient: PatientKey,
        decision: Option<(PersonKey, &str)>,
        seq: u64,
    ) -> Result<(), StoreError> {
        match decision {
            Some((person, why)) => self
                .connection
                .prepare_cached("INSERT OR REPLACE INTO decided (patient, person, seq, why) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![patient.0.cast_signed(), person.0.cast_signed(), seq.cast_signed(), why])?,
            None => self
                .connection
                .prepare_cached("DELETE FROM decided WHERE patient = ?1")?
                .execute([patient.0.cast_signed()])?,
        };
        Ok(())
    }

    /// Point a visit at another patient of its source. News older than the last move is ignored.
    pub fn put_move(
        &mut self,
        visit: ResourceId,
        target: PatientKey,
        happened: Timestamp,
        seq: u64,
    ) -> Result<(), StoreError> {
        let (patient, local) = (visit.patient.0.cast_signed(), visit.local.cast_signed());
        let newest: Option<i64> = self
            .connection
            .prepare_cached("SELECT happened FROM move WHERE patient = ?1 AND local = ?2 AND seq_to IS NULL")?
            .query_row(params![patient, local], |row| row.get(0))
            .optional()?;
        if newest.is_some_and(|newest| newest > happened.as_microsecond()) {
            return Ok(());
        }
        self.connection
            .prepare_cached("DELETE FROM move WHERE patient = ?1 AND local = ?2 AND seq_from = ?3")?
            .execute(params![patient, local, seq.cast_signed()])?;
        self.connection
            .prepare_cached("UPDATE move SET seq_to = ?3 WHERE patient = ?1 AND local = ?2 AND seq_to IS NULL")?
            .execute(params![patient, local, seq.cast_signed()])?;
        self.connection
            .prepare_cached(
                "INSERT INTO move (patient, local, seq_from, target, happened) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![patient, local, seq.cast_signed(), target.0.cast_signed(), happened.as_microsecond()])?;
        Ok(())
    }

    /// Make a resource findable by these identifier hashes, and by no others it had.
    pub fn put_identifiers(
        &mut self,
        id: ResourceId,
        kind: ResourceType,
        old: &[i64],
        new: &[i64],
    ) -> Result<(), StoreError> {
        let key = (id.patient.0.cast_signed(), kind.code(), id.local.cast_signed());
        for hash in old.iter().filter(|hash| !new.contains(hash)) {
            self.connection
                .prepare_cached("DELETE FROM identifier WHERE hash = ?1 AND patient = ?2 AND kind = ?3 AND local = ?4")?
                .execute(params![hash, key.0, key.1, key.2])?;
        }
        for hash in new.iter().filter(|hash| !old.contains(hash)) {
            self.connection
                .prepare_cached(
                    "INSERT OR IGNORE INTO identifier (hash, patient, kind, local) VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute(params![hash, key.0, key.1, key.2])?;
        }
        Ok(())
    }

    /// Put (or update) a message on the error desk.
    pub fn put_problem(&mut self, problem: &crate::read::Problem) -> Result<(), StoreError> {
        let source = self.source(&problem.source)?;
        self.connection
            .prepare_cached(
                "INSERT OR REPLACE INTO problem (pos, source, feed, received, status, lane, findings, title, resolved_by)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?
            .execute(params![
                problem.pos.cast_signed(),
                source,
                problem.feed,
                problem.received.as_microsecond(),
                problem.status as u8,
                problem.lane.map(|lane| lane.0.cast_signed()),
                problem.findings,
                problem.title,
                problem.resolved_by.map(u64::cast_signed)
            ])?;
        Ok(())
    }

    /// A message on the error desk.
    pub fn problem(&self, pos: u64) -> Result<Option<crate::read::Problem>, StoreError> {
        crate::read::problem_row(&self.connection, pos)
    }

    /// The messages held in a lane, in journal order.
    pub fn held(&self, lane: PatientKey) -> Result<Vec<u64>, StoreError> {
        let mut statement =
            self.connection.prepare_cached("SELECT pos FROM problem WHERE lane = ?1 AND status = ?2 ORDER BY pos")?;
        let held = statement
            .query_map(params![lane.0.cast_signed(), ProblemStatus::Held as u8], |row| row.get::<_, i64>(0))?
            .map(|pos| pos.map(i64::cast_unsigned))
            .collect::<Result<_, _>>()?;
        Ok(held)
    }

    /// Park a lane behind a message, or (with `None`) set it free.
    pub fn put_lane(&mut self, patient: PatientKey, pos: Option<u64>) -> Result<(), StoreError> {
        match pos {
            Some(pos) => self
                .connection
                .prepare_cached("INSERT OR REPLACE INTO lane (patient, pos) VALUES (?1, ?2)")?
                .execute(params![patient.0.cast_signed(), pos.cast_signed()])?,
            None => self
                .connection
                .prepare_cached("DELETE FROM lane WHERE patient = ?1")?
                .execute([patient.0.cast_signed()])?,
        };
        Ok(())
    }

    /// The parked lanes and what each waits for.
    pub fn lanes(&self) -> Result<HashMap<PatientKey, u64>, StoreError> {
        let mut statement = self.connection.prepare_cached("SELECT patient, pos FROM lane")?;
        let lanes = statement
            .query_map([], |row| {
                Ok((PatientKey(row.get::<_, i64>(0)?.cast_unsigned()), row.get::<_, i64>(1)?.cast_unsigned()))
            })?
            .collect::<Result<_, _>>()?;
        Ok(lanes)
    }

    /// The newest profile of every source.
    pub fn profiles(&self) -> Result<HashMap<String, String>, StoreError> {
        let mut statement =
            self.connection.prepare_cached("SELECT name, profile FROM source WHERE profile IS NOT NULL")?;
        let profiles = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
        Ok(profiles)
    }

    /// Write the log back into the file, so that the next start is quick.
    pub fn checkpoint(&self) -> Result<(), StoreError> {
        self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(())
    }
}
