//! Patients, links, merges and identifiers, written.

use super::Writer;
use crate::backend::{Newcomer, values};
use crate::{StoreError, read::PatientRow};
use fhir::{PatientKey, PersonKey, ResourceId, ResourceType};
use jiff::Timestamp;

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
impl Writer {
    /// Whether anything is known of this patient.
    pub fn knows(&self, patient: PatientKey) -> Result<bool, StoreError> {
        self.connection.has("SELECT 1 FROM patient WHERE patient = ?1", values![patient])
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
            .write("INSERT INTO patient (patient, source, directory, nhs, verified, family, given, birth, postcode, facts)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
                 ON CONFLICT (patient) DO UPDATE SET source = excluded.source, directory = excluded.directory, nhs = excluded.nhs, verified = excluded.verified, family = excluded.family, given = excluded.given, birth = excluded.birth, postcode = excluded.postcode, facts = excluded.facts", values![
                Newcomer(row.patient),
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
            self.connection.write("INSERT INTO domain (system) VALUES (?1) ON CONFLICT DO NOTHING", values![system])?;
            self.domains.insert(system.to_owned());
        }
        Ok(())
    }

    /// The person a patient is now, and since when.
    pub fn link(&self, patient: PatientKey) -> Result<Option<(PersonKey, u64)>, StoreError> {
        self.connection.one(
            "SELECT person, seq_from FROM link WHERE patient = ?1 AND seq_to IS NULL",
            values![patient],
            |row| Ok((PersonKey(row.get::<i64>(0)?.cast_unsigned()), row.get::<i64>(1)?.cast_unsigned())),
        )
    }

    /// Point a patient to a person from `seq` on.
    pub fn put_link(&mut self, link: &NewLink<'_>, seq: u64) -> Result<(), StoreError> {
        self.moves(seq, link.patient);
        let patient = Newcomer(link.patient);
        self.connection
            .write("DELETE FROM link WHERE patient = ?1 AND seq_from = ?2", values![patient, seq.cast_signed()])?;
        self.connection.write(
            "UPDATE link SET seq_to = ?2 WHERE patient = ?1 AND seq_to IS NULL",
            values![patient, seq.cast_signed()],
        )?;
        self.connection.write(
            "INSERT INTO link (patient, seq_from, person, reason) VALUES (?1, ?2, ?3, ?4)",
            values![patient, seq.cast_signed(), link.person.0.cast_signed(), link.reason],
        )?;
        Ok(())
    }

    /// The patient this one was merged into, if it was.
    pub fn survivor(&self, loser: PatientKey) -> Result<Option<PatientKey>, StoreError> {
        self.connection.one(
            "SELECT survivor FROM merged WHERE loser = ?1 AND seq_to IS NULL AND survivor IS NOT NULL",
            values![loser.0.cast_signed()],
            |row| Ok(PatientKey(row.get::<i64>(0)?.cast_unsigned())),
        )
    }

    /// The patients merged into this one, or said to be the same person.
    pub fn losers(&self, survivor: PatientKey) -> Result<Vec<PatientKey>, StoreError> {
        self.connection.all(
            "SELECT loser FROM merged WHERE survivor = ?1 AND seq_to IS NULL ORDER BY loser",
            values![survivor.0.cast_signed()],
            |row| Ok(PatientKey(row.get::<i64>(0)?.cast_unsigned())),
        )
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
        let newest: Option<i64> = self.connection.one(
            "SELECT happened FROM merged WHERE loser = ?1 AND seq_to IS NULL",
            values![loser],
            |row| row.get(0),
        )?;
        if newest.is_some_and(|newest| newest > happened.as_microsecond()) {
            return Ok(false);
        }
        self.connection
            .write("DELETE FROM merged WHERE loser = ?1 AND seq_from = ?2", values![loser, seq.cast_signed()])?;
        self.connection.write(
            "UPDATE merged SET seq_to = ?2 WHERE loser = ?1 AND seq_to IS NULL",
            values![loser, seq.cast_signed()],
        )?;
        self.connection.write(
            "INSERT INTO merged (loser, seq_from, survivor, happened, linked) VALUES (?1, ?2, ?3, ?4, ?5)",
            values![
                loser,
                seq.cast_signed(),
                survivor.map(|survivor| survivor.0.cast_signed()),
                happened.as_microsecond(),
                linked
            ],
        )?;
        Ok(true)
    }

    /// Resources with this identifier, this batch included.
    pub fn find_identifier(&self, hash: i64) -> Result<Vec<(ResourceId, ResourceType)>, StoreError> {
        crate::read::identifier_rows(&self.connection, hash)
    }

    /// The patients a person is now.
    pub fn patients_of(&self, person: PersonKey) -> Result<Vec<PatientKey>, StoreError> {
        crate::read::in_order_of_link(
            &self.connection,
            "SELECT patient, seq_from FROM link WHERE person = ?1 AND seq_to IS NULL",
            values![person.0.cast_signed()],
        )
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
        let newest: Option<i64> = self.connection.one(
            "SELECT happened FROM move WHERE patient = ?1 AND local = ?2 AND seq_to IS NULL",
            values![patient, local],
            |row| row.get(0),
        )?;
        if newest.is_some_and(|newest| newest > happened.as_microsecond()) {
            return Ok(());
        }
        self.connection.write(
            "DELETE FROM move WHERE patient = ?1 AND local = ?2 AND seq_from = ?3",
            values![patient, local, seq.cast_signed()],
        )?;
        self.connection.write(
            "UPDATE move SET seq_to = ?3 WHERE patient = ?1 AND local = ?2 AND seq_to IS NULL",
            values![patient, local, seq.cast_signed()],
        )?;
        self.connection.write(
            "INSERT INTO move (patient, local, seq_from, target, happened) VALUES (?1, ?2, ?3, ?4, ?5)",
            values![patient, local, seq.cast_signed(), target.0.cast_signed(), happened.as_microsecond()],
        )?;
        self.touch(seq, ResourceType::Encounter, visit);
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
        let key = (Newcomer(id.patient), kind.code(), id.local.cast_signed());
        for hash in old.iter().filter(|hash| !new.contains(hash)) {
            self.connection.write(
                "DELETE FROM identifier WHERE hash = ?1 AND patient = ?2 AND kind = ?3 AND local = ?4",
                values![hash, key.0, key.1, key.2],
            )?;
        }
        for hash in new.iter().filter(|hash| !old.contains(hash)) {
            self.connection.write(
                "INSERT INTO identifier (hash, patient, kind, local) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
                values![hash, key.0, key.1, key.2],
            )?;
        }
        Ok(())
    }
}
