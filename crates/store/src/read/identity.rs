//! Reading what stewards said and what waits for them.

use super::{LinkRow, Snapshot};
use crate::backend::{Connection, Row, values};
use crate::{
    StoreError,
    review::{Assertion, Pair, Review, ReviewKind, ReviewStatus, Said, Weighed},
};
use ::identity::PatientFacts;
use fhir::{PatientKey, PersonKey};

const REVIEW: &str = "SELECT a, b, subject, kind, status, seq, score, opinions FROM review";

/// Where a page of the queue goes on: the status and score and pair of the last one shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueMark {
    /// Its score.
    pub score: i64,
    /// The pair.
    pub pair: Pair,
}

fn key(row: &Row<'_>, column: usize) -> Result<PatientKey, StoreError> {
    Ok(PatientKey(row.get::<i64>(column)?.cast_unsigned()))
}

fn read_review(row: &Row<'_>) -> Result<Review, StoreError> {
    let opinions: Option<String> = row.get(7)?;
    Ok(Review {
        pair: Pair { a: key(row, 0)?, b: key(row, 1)? },
        subject: key(row, 2)?,
        kind: ReviewKind::from_code(row.get(3)?),
        status: ReviewStatus::from_code(row.get(4)?),
        seq: row.get::<i64>(5)?.cast_unsigned(),
        score: row.get(6)?,
        opinions: opinions.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default(),
    })
}

pub(crate) fn review_row(connection: &Connection, pair: Pair) -> Result<Option<Review>, StoreError> {
    connection.one(
        &format!("{REVIEW} WHERE a = ?1 AND b = ?2"),
        values![pair.a.0.cast_signed(), pair.b.0.cast_signed()],
        read_review,
    )
}

pub(crate) fn reviews_of(connection: &Connection, patient: PatientKey) -> Result<Vec<Review>, StoreError> {
    let sql = format!("{REVIEW} WHERE a = ?1 UNION ALL {REVIEW} WHERE b = ?1 ORDER BY 1, 2");
    connection.all(&sql, values![patient.0.cast_signed()], read_review)
}

pub(crate) fn assertions_of(connection: &Connection, patient: PatientKey) -> Result<Vec<Assertion>, StoreError> {
    let found = connection.all(
        "SELECT a, b, said, seq_from, seq_to FROM assertion WHERE a = ?1
         UNION ALL SELECT a, b, said, seq_from, seq_to FROM assertion WHERE b = ?1 ORDER BY 4, 1, 2",
        values![patient.0.cast_signed()],
        |row| {
            Ok((
                Pair { a: key(row, 0)?, b: key(row, 1)? },
                row.get::<u8>(2)?,
                row.get::<i64>(3)?.cast_unsigned(),
                row.get::<Option<i64>>(4)?.map(i64::cast_unsigned),
            ))
        },
    )?;
    let known = |(pair, said, seq, seq_to)| Some(Assertion { pair, said: Said::from_code(said)?, seq, seq_to });
    Ok(found.into_iter().filter_map(known).collect())
}

impl Snapshot {
    /// The model that weighs who is who, in force.
    pub fn model(&self) -> Result<Option<String>, StoreError> {
        self.connection()?.one("SELECT value FROM meta WHERE key = 'model'", &[], |row| row.get(0))
    }

    /// The code of the region this is of, once it has one.
    pub fn region(&self) -> Result<Option<String>, StoreError> {
        self.connection()?.one("SELECT value FROM meta WHERE key = 'region'", &[], |row| row.get(0))
    }

    /// Every patient that can be found, in a fixed order.
    pub fn each_stored_patient(
        &self,
        each: impl FnMut(StoredPatient<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        each_stored_patient(self.connection()?, each)
    }

    /// The queue: those with this status, the strongest evidence first, after a mark.
    pub fn reviews(
        &self,
        status: ReviewStatus,
        kind: Option<ReviewKind>,
        after: Option<QueueMark>,
        limit: usize,
    ) -> Result<Vec<Review>, StoreError> {
        let (score, a, b) = after.map_or((i64::MAX, i64::MIN, i64::MIN), |mark| {
            (mark.score, mark.pair.a.0.cast_signed(), mark.pair.b.0.cast_signed())
        });
        let sql = format!(
            "{REVIEW} WHERE status = ?1 AND (?2 IS NULL OR kind = ?2)
             AND (score < ?3 OR score = ?3 AND (a > ?4 OR a = ?4 AND b > ?5))
             ORDER BY score DESC, a, b LIMIT ?6"
        );
        self.connection()?.all(
            &sql,
            values![status as u8, kind.map(|kind| kind as u8), score, a, b, i64::try_from(limit).unwrap_or(i64::MAX)],
            read_review,
        )
    }

    /// One review.
    pub fn review(&self, pair: Pair) -> Result<Option<Review>, StoreError> {
        review_row(self.connection()?, pair)
    }

    /// Every review a patient is part of.
    pub fn reviews_of(&self, patient: PatientKey) -> Result<Vec<Review>, StoreError> {
        reviews_of(self.connection()?, patient)
    }

    /// How many reviews there are, by kind and status.
    pub fn review_counts(&self) -> Result<Vec<(ReviewKind, ReviewStatus, u64)>, StoreError> {
        self.connection()?.all("SELECT kind, status, count(*) FROM review GROUP BY 1, 2 ORDER BY 1, 2", &[], |row| {
            Ok((
                ReviewKind::from_code(row.get(0)?),
                ReviewStatus::from_code(row.get(1)?),
                row.get::<i64>(2)?.cast_unsigned(),
            ))
        })
    }

    /// What stewards said of a patient and others, oldest first, taken-back ones included.
    pub fn assertions_of(&self, patient: PatientKey) -> Result<Vec<Assertion>, StoreError> {
        assertions_of(self.connection()?, patient)
    }

    /// How the matcher weighed a patient, newest first.
    pub fn weighed(&self, patient: PatientKey) -> Result<Vec<Weighed>, StoreError> {
        let found: Vec<(i64, Vec<u8>)> = self.connection()?.all(
            "SELECT seq, body FROM weighed WHERE patient = ?1 ORDER BY seq DESC",
            values![patient],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        found
            .into_iter()
            .map(|(seq, body)| {
                let text = zstd::decode_all(body.as_slice())
                    .ok()
                    .and_then(|bytes| String::from_utf8(bytes).ok())
                    .ok_or_else(|| StoreError::Corrupt(format!("the matcher's reasons for patient {patient}")))?;
                Ok(Weighed { patient, seq: seq.cast_unsigned(), body: text })
            })
            .collect()
    }

    /// Every link in force, by person, and each person's in a fixed order; directories left out.
    ///
    /// # Errors
    /// The store's; whatever `each` returns.
    pub fn each_link(&self, mut each: impl FnMut(LinkRow) -> Result<(), StoreError>) -> Result<(), StoreError> {
        self.connection()?.each(
            "SELECT l.patient, l.person, l.seq_from, l.reason FROM link l JOIN patient p ON p.patient = l.patient
             WHERE l.seq_to IS NULL AND p.directory = 0 ORDER BY l.person, l.patient",
            &[],
            |row| {
                each(LinkRow {
                    patient: row.patient(0)?,
                    person: PersonKey(row.get::<i64>(1)?.cast_unsigned()),
                    seq_from: row.get::<i64>(2)?.cast_unsigned(),
                    seq_to: None,
                    reason: row.get(3)?,
                })
            },
        )
    }

    /// Everybody, for loading the index of people: patient, person, source and facts, in a fixed order. Directories and patients
    /// nothing is known of are left out.
    ///
    /// # Errors
    /// The store's; whatever `each` returns.
    pub fn each_patient(
        &self,
        mut each: impl FnMut(PatientKey, PersonKey, u64, &str, PatientFacts) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        each_patient(self.connection()?, &mut each)
    }
}

/// What is done with everybody: patient, person, since when, source, facts.
type EachPatient<'a> = dyn FnMut(PatientKey, PersonKey, u64, &str, PatientFacts) -> Result<(), StoreError> + 'a;

fn each_patient(connection: &Connection, each: &mut EachPatient<'_>) -> Result<(), StoreError> {
    connection.each(
        "SELECT p.patient, l.person, l.seq_from, s.name, p.facts FROM patient p
         JOIN link l ON l.patient = p.patient AND l.seq_to IS NULL JOIN source s ON s.id = p.source
         WHERE p.directory = 0 AND p.facts IS NOT NULL ORDER BY p.patient",
        &[],
        |row| {
            let facts = read_facts(row.column(4)?.text().unwrap_or_default())?;
            let source = row.get::<String>(3)?;
            each(
                row.patient(0)?,
                PersonKey(row.get::<i64>(1)?.cast_unsigned()),
                row.get::<i64>(2)?.cast_unsigned(),
                &source,
                facts,
            )
        },
    )
}

/// What the store holds of a patient for finding and linking, not yet read.
#[derive(Clone, Copy, Debug)]
pub struct StoredPatient<'r> {
    /// The patient.
    pub patient: PatientKey,
    /// The person it is now.
    pub person: PersonKey,
    /// Its facts, to be read by [`read_facts`].
    pub facts: &'r str,
}

/// Read facts as the store keeps them.
///
/// # Errors
/// [`StoreError::Corrupt`] when they are none.
pub fn read_facts(text: &str) -> Result<PatientFacts, StoreError> {
    serde_json::from_str(text).map_err(|e| StoreError::Corrupt(format!("patient facts: {e}")))
}

/// Everybody, as [`each_patient`] gives them: for whoever reads the facts elsewhere.
pub(crate) fn each_stored_patient(
    connection: &Connection,
    mut each: impl FnMut(StoredPatient<'_>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    connection.each(
        "SELECT p.patient, l.person, p.facts FROM patient p
         JOIN link l ON l.patient = p.patient AND l.seq_to IS NULL
         WHERE p.directory = 0 AND p.facts IS NOT NULL ORDER BY p.patient",
        &[],
        |row| {
            each(StoredPatient {
                patient: row.patient(0)?,
                person: PersonKey(row.get::<i64>(1)?.cast_unsigned()),
                facts: row.column(2)?.text().unwrap_or_default(),
            })
        },
    )
}
