//! Writing what stewards said, what waits for them, and how the matcher weighed a patient.

use super::Writer;
use crate::backend::{Newcomer, values};
use crate::{
    StoreError,
    read::{StoredPatient, assertions_of, each_stored_patient, review_row, reviews_of},
    review::{Assertion, Pair, Review, Said},
};
use fhir::{PatientKey, PersonKey};

impl Writer {
    /// What stewards said of a patient and others and has not been taken back, oldest first.
    pub fn assertions(&self, patient: PatientKey) -> Result<Vec<Assertion>, StoreError> {
        let mut found = assertions_of(&self.connection, patient)?;
        found.retain(|assertion| assertion.seq_to.is_none());
        Ok(found)
    }

    /// Note what was said of two patients; it replaces what was said before.
    pub fn put_assertion(&mut self, pair: Pair, said: Said, seq: u64) -> Result<(), StoreError> {
        let (a, b) = (pair.a.0.cast_signed(), pair.b.0.cast_signed());
        self.connection.write(
            "DELETE FROM assertion WHERE a = ?1 AND b = ?2 AND seq_from = ?3",
            values![a, b, seq.cast_signed()],
        )?;
        self.connection.write(
            "UPDATE assertion SET seq_to = ?3 WHERE a = ?1 AND b = ?2 AND seq_to IS NULL",
            values![a, b, seq.cast_signed()],
        )?;
        self.connection.write(
            "INSERT INTO assertion (a, b, seq_from, said) VALUES (?1, ?2, ?3, ?4)",
            values![a, b, seq.cast_signed(), said as u8],
        )?;
        Ok(())
    }

    /// Take back what was said at `of`, and put back in force what it had replaced. Gives the pairs concerned.
    pub fn withdraw_assertions(&mut self, of: u64, seq: u64) -> Result<Vec<Pair>, StoreError> {
        let pairs: Vec<(i64, i64)> = self.connection.all(
            "SELECT a, b FROM assertion WHERE seq_from = ?1 AND seq_to IS NULL ORDER BY a, b",
            values![of.cast_signed()],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        let mut found = Vec::with_capacity(pairs.len());
        for (a, b) in pairs {
            let former: Option<u8> = self.connection.one(
                "SELECT said FROM assertion WHERE a = ?1 AND b = ?2 AND seq_to = ?3",
                values![a, b, of.cast_signed()],
                |row| row.get(0),
            )?;
            self.connection.write(
                "UPDATE assertion SET seq_to = ?3 WHERE a = ?1 AND b = ?2 AND seq_to IS NULL",
                values![a, b, seq.cast_signed()],
            )?;
            let pair = Pair { a: PatientKey(a.cast_unsigned()), b: PatientKey(b.cast_unsigned()) };
            if let Some(said) = former.and_then(Said::from_code) {
                self.put_assertion(pair, said, seq)?;
            }
            found.push(pair);
        }
        Ok(found)
    }

    /// The model that weighs who is who, in force since it was put.
    pub fn model(&self) -> Result<Option<String>, StoreError> {
        self.connection.one("SELECT value FROM meta WHERE key = 'model'", &[], |row| row.get(0))
    }

    /// From now on this is the model.
    pub fn put_model(&mut self, json: &str) -> Result<(), StoreError> {
        self.connection.write(
            "INSERT INTO meta (key, value) VALUES ('model', ?1) ON CONFLICT (key) DO UPDATE SET value = ?1",
            values![json],
        )?;
        Ok(())
    }

    /// The review of two patients.
    pub fn review(&self, pair: Pair) -> Result<Option<Review>, StoreError> {
        review_row(&self.connection, pair)
    }

    /// Every review a patient is part of.
    pub fn reviews_of(&self, patient: PatientKey) -> Result<Vec<Review>, StoreError> {
        reviews_of(&self.connection, patient)
    }

    /// Put a review in the queue, or note how it stands now.
    pub fn put_review(&mut self, review: &Review) -> Result<(), StoreError> {
        self.connection
            .write("INSERT INTO review (a, b, subject, kind, status, seq, score, opinions)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                 ON CONFLICT (a, b) DO UPDATE SET subject = excluded.subject, kind = excluded.kind, status = excluded.status, seq = excluded.seq, score = excluded.score, opinions = excluded.opinions", values![
                review.pair.a.0.cast_signed(),
                review.pair.b.0.cast_signed(),
                review.subject.0.cast_signed(),
                review.kind as u8,
                review.status as u8,
                review.seq.cast_signed(),
                review.score,
                review.opinions_json()?
            ])?;
        Ok(())
    }

    /// Keep how the matcher weighed a patient.
    pub fn put_weighed(&mut self, patient: PatientKey, seq: u64, body: &str) -> Result<(), StoreError> {
        let packed =
            zstd::bulk::compress(body.as_bytes(), 3).map_err(|e| StoreError::Corrupt(format!("compressing: {e}")))?;
        self.connection.write(
            "INSERT INTO weighed (patient, seq, body)
                 VALUES (?1, ?2, ?3)
                 ON CONFLICT (patient, seq) DO UPDATE SET body = excluded.body",
            values![Newcomer(patient), seq.cast_signed(), packed],
        )?;
        Ok(())
    }

    /// The patients whose link in force was made at `seq`.
    pub fn linked_at(&self, seq: u64) -> Result<Vec<PatientKey>, StoreError> {
        let touched: Option<Vec<u8>> = self
            .connection
            .one("SELECT patients FROM applied WHERE seq = ?1", values![seq.cast_signed()], |row| row.get(0))?
            .flatten();
        let mut linked = Vec::new();
        for key in touched.unwrap_or_default().as_chunks::<8>().0 {
            let patient = PatientKey(u64::from_le_bytes(*key));
            if self.link(patient)?.is_some_and(|(_, since)| since == seq) {
                linked.push(patient);
            }
        }
        linked.sort_unstable();
        Ok(linked)
    }

    /// Why a patient is the person it is now (JSON), and since when.
    pub fn link_reason(&self, patient: PatientKey) -> Result<Option<(String, u64)>, StoreError> {
        self.connection.one(
            "SELECT reason, seq_from FROM link WHERE patient = ?1 AND seq_to IS NULL",
            values![patient],
            |row| Ok((row.get(0)?, row.get::<i64>(1)?.cast_unsigned())),
        )
    }

    /// Whom a patient was linked to until `seq`, and why.
    pub fn link_until(&self, patient: PatientKey, seq: u64) -> Result<Option<(PersonKey, String)>, StoreError> {
        self.connection.one(
            "SELECT person, reason FROM link WHERE patient = ?1 AND seq_to = ?2",
            values![patient, seq.cast_signed()],
            |row| Ok((PersonKey(row.get::<i64>(0)?.cast_unsigned()), row.get(1)?)),
        )
    }

    /// Everybody, see [`crate::Snapshot::each_patient`], this batch included; the facts are for [`crate::read_facts`], on
    /// whatever thread.
    ///
    /// # Errors
    /// The store's; whatever `each` returns.
    pub fn each_patient(
        &self,
        each: impl FnMut(StoredPatient<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        each_stored_patient(&self.connection, each)
    }
}
