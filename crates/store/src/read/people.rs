//! Patients, persons and what finds them, read.

use super::Snapshot;
use crate::backend::{Bind, Connection, Row, Value, values};
use crate::{Derived, StoreError};
use fhir::{PatientKey, PersonKey, ResourceId, ResourceType};
use identity::PatientFacts;
use jiff::civil::Date;

/// What is known of a patient apart from its resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatientRow {
    /// The patient.
    pub patient: PatientKey,
    /// The source of all its resources.
    pub source: String,
    /// Whether this is a source's directory (organisations, practitioners …) and no patient.
    pub directory: bool,
    /// What finds and links it; absent until a Patient resource came.
    pub facts: Option<PatientFacts>,
}

/// One statement "this patient is that person".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkRow {
    /// The patient.
    pub patient: PatientKey,
    /// The person.
    pub person: PersonKey,
    /// From this `seq` on.
    pub seq_from: u64,
    /// Up to, not including, this `seq`.
    pub seq_to: Option<u64>,
    /// Why, JSON.
    pub reason: String,
}

/// A visit that belongs to another patient than the one it was recorded under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MoveRow {
    /// The Encounter.
    pub visit: ResourceId,
    /// Whose it is.
    pub target: PatientKey,
}
/// Whom to look for. All that is given must agree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeopleFilter {
    /// NHS number.
    pub nhs_number: Option<u64>,
    /// Family name, folded (`identity::fold_name`); a prefix of at least two letters is enough.
    pub family: Option<String>,
    /// Given name, folded; a prefix is enough.
    pub given: Option<String>,
    /// Date of birth.
    pub birth: Option<Date>,
    /// Postcode, folded.
    pub postcode: Option<String>,
    /// An identifier's hash, see [`identifier_hash`].
    pub identifier: Option<i64>,
    /// Answers at most.
    pub limit: usize,
}

/// A patient that fits a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The patient.
    pub patient: PatientKey,
    /// The person it is.
    pub person: PersonKey,
    /// The source of the patient's resources, where finding it told.
    pub source: Option<String>,
}

/// A patient found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatientHit {
    /// The patient.
    pub row: PatientRow,
    /// The person it is.
    pub person: PersonKey,
}
/// The hash identifiers are found by: of type, system and value.
pub fn identifier_hash(kind: ResourceType, system: Option<&str>, value: &str) -> i64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&[kind.code()]);
    hasher.update(system.unwrap_or("").as_bytes());
    hasher.update(&[0]);
    // NHS numbers are written with and without spaces, and are the same number.
    match fhir::nhs::ten_digits(value).filter(|_| system == Some(fhir::nhs::SYSTEM)) {
        Some(digits) => hasher.update(&digits),
        None => hasher.update(value.as_bytes()),
    };
    let mut first = [0u8; 8];
    hasher.finalize_xof().fill(&mut first);
    i64::from_le_bytes(first)
}

/// Days since 1970, the form dates of birth are indexed in.
pub(crate) fn day_number(date: Date) -> i64 {
    date.since(jiff::civil::date(1970, 1, 1)).map_or(0, |span| i64::from(span.get_days()))
}

pub(super) const PATIENT: &str =
    "SELECT s.name, p.directory, p.facts FROM patient p JOIN source s ON s.id = p.source WHERE p.patient = ?1";
const PATIENTS_OF: &str = "SELECT patient, seq_from FROM link
     WHERE person = ?1 AND seq_from <= ?2 AND (seq_to IS NULL OR seq_to > ?2)";
const FACTS: &str = "SELECT facts FROM patient WHERE patient = ?1";
/// In files: by an index of those alone, so that nothing else of a patient is read.
const RESTRICTED: &str =
    "SELECT 1 FROM patient INDEXED BY patient_restricted WHERE patient = ?1 AND facts ->> 'restricted'";
/// Of a person, in files: now, and of a former moment.
const RESTRICTED_PERSON: &str = "SELECT 1 FROM restricted WHERE person = ?1 LIMIT 1";
const RESTRICTED_THEN: &str = "SELECT 1 FROM link l JOIN patient p ON p.patient = l.patient
     WHERE l.person = ?1 AND l.seq_from <= ?2 AND (l.seq_to IS NULL OR l.seq_to > ?2) AND p.facts ->> 'restricted' LIMIT 1";
/// In a database, of any moment.
const RESTRICTED_IN_DATABASE: &str = "SELECT 1 FROM link l JOIN patient p ON p.patient = l.patient
     WHERE l.person = ?1 AND l.seq_from <= ?2 AND (l.seq_to IS NULL OR l.seq_to > ?2)
     AND p.facts::jsonb ->> 'restricted' = 'true' LIMIT 1";
pub(super) const SURVIVOR: &str = "SELECT survivor FROM merged WHERE loser = ?1 AND survivor IS NOT NULL AND linked = 0
     AND seq_from <= ?2 AND (seq_to IS NULL OR seq_to > ?2)";
pub(super) const MOVES: &str = "SELECT patient, local, target FROM move WHERE (patient = ?1 OR target = ?1)
     AND seq_from <= ?2 AND (seq_to IS NULL OR seq_to > ?2) ORDER BY patient, local";

#[expect(clippy::needless_pass_by_value, reason = "as map_err gives it")]
fn not_facts(error: serde_json::Error) -> StoreError {
    StoreError::Corrupt(format!("patient facts: {error}"))
}

fn is_restricted(facts: Option<String>) -> Result<bool, StoreError> {
    /// This alone of [`identity::PatientFacts`]: it is asked of everybody who is shown.
    #[derive(serde::Deserialize)]
    struct Restricted {
        #[serde(default)]
        restricted: bool,
    }
    let facts = facts.map(|text| serde_json::from_str::<Restricted>(&text)).transpose();
    facts.map(|found| found.is_some_and(|found| found.restricted)).map_err(not_facts)
}

pub(crate) fn patient_row(connection: &Connection, patient: PatientKey) -> Result<Option<PatientRow>, StoreError> {
    let found = connection.one(PATIENT, values![patient], |row| {
        Ok((row.get::<String>(0)?, row.get::<bool>(1)?, row.get::<Option<String>>(2)?))
    })?;
    found
        .map(|(source, directory, facts)| {
            let facts = facts.map(|text| serde_json::from_str(&text)).transpose().map_err(not_facts)?;
            Ok(PatientRow { patient, source, directory, facts })
        })
        .transpose()
}

pub(crate) fn identifier_rows(
    connection: &Connection,
    hash: i64,
) -> Result<Vec<(ResourceId, ResourceType)>, StoreError> {
    let mut found: Vec<(i64, u8, i64)> =
        connection.all("SELECT patient, kind, local FROM identifier WHERE hash = ?1", values![hash], |row| {
            Ok((row.patient(0)?.0.cast_signed(), row.get(1)?, row.get(2)?))
        })?;
    found.sort_unstable();
    Ok(found
        .into_iter()
        .filter_map(|(patient, kind, local)| {
            let id = ResourceId { patient: PatientKey(patient.cast_unsigned()), local: local.cast_unsigned() };
            Some((id, ResourceType::from_code(kind)?))
        })
        .collect())
}

/// The patients that a statement gives with the `seq` that linked each, oldest first; of the same, by their keys.
pub(crate) fn in_order_of_link(
    connection: &Connection,
    sql: &str,
    values: &[Value<'_>],
) -> Result<Vec<PatientKey>, StoreError> {
    let mut found: Vec<(i64, i64)> =
        connection.all(sql, values, |row| Ok((row.get(1)?, row.patient(0)?.0.cast_signed())))?;
    found.sort_unstable();
    Ok(found.into_iter().map(|(_, patient)| PatientKey(patient.cast_unsigned())).collect())
}

impl Derived {
    /// The person a patient is now, see [`Snapshot::person_of`].
    ///
    /// # Errors
    /// The store's.
    pub fn person_of(&self, patient: PatientKey) -> Result<Option<PersonKey>, StoreError> {
        self.glance(|connection| {
            connection.one("SELECT person FROM link WHERE patient = ?1 AND seq_to IS NULL", values![patient], |row| {
                Ok(PersonKey(row.get::<i64>(0)?.cast_unsigned()))
            })
        })
    }
}

impl Snapshot {
    /// What is known of a patient.
    pub fn patient(&self, patient: PatientKey) -> Result<Option<PatientRow>, StoreError> {
        patient_row(self.connection()?, patient)
    }

    /// The person a patient was at `at`.
    pub fn person_of(&self, patient: PatientKey, at: u64) -> Result<Option<PersonKey>, StoreError> {
        self.connection()?.one(
            "SELECT person FROM link WHERE patient = ?1 AND seq_from <= ?2 AND (seq_to IS NULL OR seq_to > ?2)",
            values![patient, at.cast_signed()],
            |row| Ok(PersonKey(row.get::<i64>(0)?.cast_unsigned())),
        )
    }

    /// The patients a person was at `at`.
    pub fn patients_of(&self, person: PersonKey, at: u64) -> Result<Vec<PatientKey>, StoreError> {
        in_order_of_link(self.connection()?, PATIENTS_OF, values![person.0.cast_signed(), at.cast_signed()])
    }

    /// The patients that are or ever were a person, in the order they came to be.
    pub fn ever_of(&self, person: PersonKey, limit: usize) -> Result<Vec<PatientKey>, StoreError> {
        in_order_of_link(
            self.connection()?,
            "SELECT patient, min(seq_from) FROM link WHERE person = ?1 GROUP BY patient ORDER BY 2, 1 LIMIT ?2",
            values![person.0.cast_signed(), i64::try_from(limit).unwrap_or(i64::MAX)],
        )
    }

    /// Every statement that this patient is a person, oldest first.
    pub fn links(&self, patient: PatientKey) -> Result<Vec<LinkRow>, StoreError> {
        self.connection()?.all(
            "SELECT person, seq_from, seq_to, reason FROM link WHERE patient = ?1 ORDER BY seq_from",
            values![patient],
            |row| {
                Ok(LinkRow {
                    patient,
                    person: PersonKey(row.get::<i64>(0)?.cast_unsigned()),
                    seq_from: row.get::<i64>(1)?.cast_unsigned(),
                    seq_to: row.get::<Option<i64>>(2)?.map(i64::cast_unsigned),
                    reason: row.get(3)?,
                })
            },
        )
    }

    /// The patient this one was merged into at `at`, if it was.
    pub fn survivor(&self, loser: PatientKey, at: u64) -> Result<Option<PatientKey>, StoreError> {
        self.connection()?.one(SURVIVOR, values![loser.0.cast_signed(), at.cast_signed()], |row| {
            Ok(PatientKey(row.get::<i64>(0)?.cast_unsigned()))
        })
    }

    /// The visits moved away from or to a patient, as of `at`.
    pub fn moves(&self, patient: PatientKey, at: u64) -> Result<Vec<MoveRow>, StoreError> {
        self.connection()?.all(MOVES, values![patient.0.cast_signed(), at.cast_signed()], |row| {
            Ok(MoveRow {
                visit: ResourceId {
                    patient: PatientKey(row.get::<i64>(0)?.cast_unsigned()),
                    local: row.get::<i64>(1)?.cast_unsigned(),
                },
                target: PatientKey(row.get::<i64>(2)?.cast_unsigned()),
            })
        })
    }

    /// Whether the source says that it must not be told where this patient is.
    ///
    /// # Errors
    /// The store's; [`StoreError::Corrupt`] where what is known of the patient cannot be read.
    pub fn restricted(&self, patient: PatientKey) -> Result<bool, StoreError> {
        let connection = self.connection()?;
        if connection.is_file() {
            return connection.has(RESTRICTED, values![patient]);
        }
        is_restricted(connection.one(FACTS, values![patient], |row| row.get::<Option<String>>(0))?.flatten())
    }

    /// Whether any source says of a person that it must not be told where they are. Who the person was is as of `at`; what is said,
    /// as it is now.
    ///
    /// # Errors
    /// As [`Snapshot::restricted`].
    pub fn restricted_person(&self, person: PersonKey, at: u64) -> Result<bool, StoreError> {
        self.restricted_question(person, at, |connection, sql, values| connection.has(sql, values))
    }

    /// Say that [`Snapshot::restricted_person`] will be asked.
    ///
    /// # Errors
    /// The store's.
    pub fn expect_restricted_person(&self, person: PersonKey, at: u64) -> Result<(), StoreError> {
        self.restricted_question(person, at, crate::backend::Connection::expect)
    }

    fn restricted_question<T>(
        &self,
        person: PersonKey,
        at: u64,
        ask: impl FnOnce(&Connection, &str, &[Value<'_>]) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let (connection, person, at_seq) = (self.connection()?, person.0.cast_signed(), at.cast_signed());
        match connection.is_file() {
            true if at >= self.applied => ask(connection, RESTRICTED_PERSON, values![person]),
            true => ask(connection, RESTRICTED_THEN, values![person, at_seq]),
            false => ask(connection, RESTRICTED_IN_DATABASE, values![person, at_seq]),
        }
    }

    /// Say that the patients of a person will be asked for: see [`Snapshot::patients_of`].
    ///
    /// # Errors
    /// The store's.
    pub fn expect_patients_of(&self, person: PersonKey, at: u64) -> Result<(), StoreError> {
        self.connection()?.expect(PATIENTS_OF, values![person.0.cast_signed(), at.cast_signed()])
    }

    /// Say that the Patient resource of a patient will be read as of `at`: see [`Snapshot::source_of`], [`Snapshot::row`] and
    /// [`Snapshot::survivor`], which are then on their way together.
    ///
    /// # Errors
    /// The store's.
    pub fn expect_lone(&self, patient: PatientKey, at: u64) -> Result<(), StoreError> {
        self.connection()?.expect(super::SOURCE_OF, values![patient])?;
        self.one_question(ResourceId::of_patient(patient), ResourceType::Patient, at, |sql, values| {
            self.connection()?.expect(sql, values)
        })?;
        self.connection()?.expect(SURVIVOR, values![patient.0.cast_signed(), at.cast_signed()])
    }

    /// Patients that match, with what is known of them. Directories never do.
    pub fn find_patients(&self, filter: &PeopleFilter) -> Result<Vec<PatientHit>, StoreError> {
        let connection = self.connection()?;
        let mut hits = Vec::new();
        for found in self.find_keys(filter)? {
            hits.extend(patient_row(connection, found.patient)?.map(|row| PatientHit { row, person: found.person }));
        }
        Ok(hits)
    }

    /// Patients that match, each with the person it is, person by person. Directories never do.
    pub fn find_keys(&self, filter: &PeopleFilter) -> Result<Vec<Found>, StoreError> {
        let limit = i64::try_from(filter.limit).unwrap_or(i64::MAX);
        let birth = filter.birth.map(day_number);
        let nhs = filter.nhs_number.map(u64::cast_signed);
        let end = |prefix: &String| format!("{prefix}\u{10ffff}");
        let (family_end, given_end) = (filter.family.as_ref().map(end), filter.given.as_ref().map(end));
        let (connection, born) = (self.connection()?, filter.birth.is_some());
        let elsewhere = filter.nhs_number.is_some() || filter.postcode.is_some() || filter.identifier.is_some();
        let listed = connection.is_file() && born && !elsewhere;
        // Each test with what it compares with; `?` becomes its number.
        let wanted: Vec<(&str, Value<'_>)> = [
            ("p.nhs = ?", nhs.bind()),
            ("p.birth = ?", birth.bind()),
            ("p.family >= ?", filter.family.bind()),
            ("p.family < ?", family_end.bind()),
            ("p.given >= ?", filter.given.bind()),
            ("p.given < ?", given_end.bind()),
            ("p.postcode = ?", filter.postcode.bind()),
            ("p.patient IN (SELECT patient FROM identifier WHERE hash = ? AND local = 0)", filter.identifier.bind()),
        ]
        .into_iter()
        .filter(|(_, value)| !value.is_missing())
        .collect();
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let mut values = vec![limit.bind()];
        let mut tests = String::new();
        for (test, value) in wanted {
            values.push(value);
            tests.push_str(" AND ");
            tests.push_str(&test.replace('?', &format!("?{}", values.len())));
        }
        let person = |row: &Row<'_>| Ok::<_, StoreError>(PersonKey(row.get::<i64>(1)?.cast_unsigned()));
        if listed {
            let sql = format!(
                "SELECT p.patient, p.person, p.key, (SELECT name FROM source WHERE id = p.source)
                 FROM birthday p WHERE 1 = 1{tests} ORDER BY p.person, p.patient LIMIT ?1"
            );
            return connection.all(&sql, &values, |row| {
                Ok(Found { patient: row.patient_of_key(0, 2)?, person: person(row)?, source: row.get(3)? })
            });
        }
        let sql = format!(
            "SELECT p.patient, l.person FROM patient p JOIN link l ON l.patient = p.patient AND l.seq_to IS NULL
             WHERE p.directory = 0{tests} ORDER BY l.person, p.patient LIMIT ?1"
        );
        connection.all(&sql, &values, |row| Ok(Found { patient: row.patient(0)?, person: person(row)?, source: None }))
    }

    /// Whether any patient has (or had) an identifier of this system. NHS numbers are known everywhere.
    pub fn knows_domain(&self, system: &str) -> Result<bool, StoreError> {
        if system == fhir::nhs::SYSTEM {
            return Ok(true);
        }
        self.connection()?.has("SELECT 1 FROM domain WHERE system = ?1", values![system])
    }

    /// Resources with this identifier.
    pub fn find_identifier(&self, hash: i64) -> Result<Vec<(ResourceId, ResourceType)>, StoreError> {
        identifier_rows(self.connection()?, hash)
    }
}
