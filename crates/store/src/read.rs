//! Reading the derived state: consistent, as of now or as of any `seq`.

use crate::{Derived, Rendering, StoreError};
use fhir::{PatientKey, PersonKey, ResourceId, ResourceType};
use identity::PatientFacts;
use jiff::{Timestamp, civil::Date};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::HashMap;

/// A stored resource, its text still compressed.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its id.
    pub id: ResourceId,
    /// Its type.
    pub kind: ResourceType,
    /// Its version.
    pub version: u32,
    /// Since when.
    pub seq: u64,
    /// The journal position of the message that said it.
    pub message: u64,
    /// Whether it is a tombstone.
    pub deleted: bool,
    /// The dictionary of the body.
    pub dictionary: u32,
    /// The body, compressed.
    pub body: Vec<u8>,
}

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

/// A source and its last sign of life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceRow {
    /// Its id.
    pub name: String,
    /// Its profile (TOML) in force.
    pub profile: Option<String>,
    /// Messages processed.
    pub messages: u64,
    /// When the newest was received.
    pub last_received: Option<Timestamp>,
    /// When the newest thing it spoke of happened.
    pub last_happened: Option<Timestamp>,
}

/// How a message stands on the error desk. Numbers are on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ProblemStatus {
    /// It could not be processed, and its patient's later messages wait.
    Parked = 1,
    /// It waits behind a parked one.
    Held = 2,
    /// It could not be processed; nothing waits for it.
    Failed = 3,
    /// It was processed, with something worth a look.
    Remark = 4,
    /// It was refused and its sender told so.
    Refused = 5,
    /// It is settled.
    Resolved = 6,
}

impl ProblemStatus {
    fn from_code(code: u8) -> Self {
        match code {
            1 => ProblemStatus::Parked,
            2 => ProblemStatus::Held,
            4 => ProblemStatus::Remark,
            5 => ProblemStatus::Refused,
            6 => ProblemStatus::Resolved,
            _ => ProblemStatus::Failed,
        }
    }

    /// The word for it, stable.
    pub fn as_str(self) -> &'static str {
        match self {
            ProblemStatus::Parked => "parked",
            ProblemStatus::Held => "held",
            ProblemStatus::Failed => "failed",
            ProblemStatus::Remark => "remark",
            ProblemStatus::Refused => "refused",
            ProblemStatus::Resolved => "resolved",
        }
    }
}

/// A message on the error desk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Its journal position.
    pub pos: u64,
    /// Its source.
    pub source: String,
    /// Its feed.
    pub feed: String,
    /// When it was received.
    pub received: Timestamp,
    /// How it stands.
    pub status: ProblemStatus,
    /// The patient whose lane it is in.
    pub lane: Option<PatientKey>,
    /// The findings, a JSON list.
    pub findings: String,
    /// A line about the message: its type, never a person.
    pub title: String,
    /// The journal position of the decision that settled it.
    pub resolved_by: Option<u64>,
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

/// A patient found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatientHit {
    /// The patient.
    pub row: PatientRow,
    /// The person it is.
    pub person: PersonKey,
}

/// A consistent view of the derived state at one `seq`.
pub struct Snapshot {
    connection: Option<Connection>,
    home: Derived,
    applied: u64,
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

pub(crate) fn patient_row(connection: &Connection, patient: PatientKey) -> Result<Option<PatientRow>, StoreError> {
    let found = connection
        .prepare_cached(
            "SELECT s.name, p.directory, p.facts FROM patient p JOIN source s ON s.id = p.source WHERE p.patient = ?1",
        )?
        .query_row([patient.0.cast_signed()], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?, row.get::<_, Option<String>>(2)?))
        })
        .optional()?;
    found
        .map(|(source, directory, facts)| {
            let facts = facts
                .map(|text| serde_json::from_str(&text))
                .transpose()
                .map_err(|e| StoreError::Corrupt(format!("patient facts: {e}")))?;
            Ok(PatientRow { patient, source, directory, facts })
        })
        .transpose()
}

pub(crate) fn identifier_rows(
    connection: &Connection,
    hash: i64,
) -> Result<Vec<(ResourceId, ResourceType)>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT patient, kind, local FROM identifier WHERE hash = ?1 ORDER BY patient, kind, local")?;
    let found: Vec<(i64, u8, i64)> =
        statement.query_map([hash], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect::<Result<_, _>>()?;
    Ok(found
        .into_iter()
        .filter_map(|(patient, kind, local)| {
            let id = ResourceId { patient: PatientKey(patient.cast_unsigned()), local: local.cast_unsigned() };
            Some((id, ResourceType::from_code(kind)?))
        })
        .collect())
}

const PROBLEM: &str = "SELECT p.pos, s.name, p.feed, p.received, p.status, p.lane, p.findings, p.title, p.resolved_by
    FROM problem p JOIN source s ON s.id = p.source";

fn read_problem(row: &rusqlite::Row<'_>) -> rusqlite::Result<Problem> {
    Ok(Problem {
        pos: row.get::<_, i64>(0)?.cast_unsigned(),
        source: row.get(1)?,
        feed: row.get(2)?,
        received: Timestamp::from_microsecond(row.get(3)?).unwrap_or_default(),
        status: ProblemStatus::from_code(row.get(4)?),
        lane: row.get::<_, Option<i64>>(5)?.map(|lane| PatientKey(lane.cast_unsigned())),
        findings: row.get(6)?,
        title: row.get(7)?,
        resolved_by: row.get::<_, Option<i64>>(8)?.map(i64::cast_unsigned),
    })
}

pub(crate) fn problem_row(connection: &Connection, pos: u64) -> Result<Option<Problem>, StoreError> {
    Ok(connection
        .prepare_cached(&format!("{PROBLEM} WHERE p.pos = ?1"))?
        .query_row([pos.cast_signed()], read_problem)
        .optional()?)
}

fn read_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    let seq: i64 = row.get(4)?;
    Ok(Row {
        id: ResourceId {
            patient: PatientKey(row.get::<_, i64>(0)?.cast_unsigned()),
            local: row.get::<_, i64>(2)?.cast_unsigned(),
        },
        kind: ResourceType::from_code(row.get(1)?).unwrap_or(ResourceType::Basic),
        version: row.get(3)?,
        seq: seq.cast_unsigned(),
        message: row.get::<_, Option<i64>>(5)?.unwrap_or(seq).cast_unsigned(),
        deleted: row.get::<_, i64>(6)? & 1 == 1,
        dictionary: row.get(7)?,
        body: row.get(8)?,
    })
}

const ROW: &str = "patient, kind, local, version, seq, message, flags, dictionary, body";

impl Snapshot {
    pub(crate) fn begin(connection: Connection, home: Derived) -> Result<Self, StoreError> {
        connection.execute_batch("BEGIN")?;
        let applied: Option<i64> = connection
            .prepare_cached("SELECT value FROM meta WHERE key = 'applied'")?
            .query_row([], |row| row.get(0))
            .optional()?;
        Ok(Snapshot { connection: Some(connection), home, applied: applied.unwrap_or(0).cast_unsigned() })
    }

    fn connection(&self) -> Result<&Connection, StoreError> {
        self.connection.as_ref().ok_or_else(|| StoreError::Stopped("snapshot".into()))
    }

    /// The `seq` this view is of.
    pub fn seq(&self) -> u64 {
        self.applied
    }

    /// Every resource of a patient as of `at`, tombstones included, by type and id. `kinds` empty: all types.
    ///
    /// # Errors
    /// Whatever `each` returns, or the store's.
    pub fn each_row<E: From<StoreError>>(
        &self,
        patient: PatientKey,
        kinds: &[ResourceType],
        at: u64,
        mut each: impl FnMut(Row) -> Result<(), E>,
    ) -> Result<(), E> {
        let key = patient.0.cast_signed();
        let mut run = |kind: Option<ResourceType>| -> Result<(), E> {
            let of_kind = kind.map_or(String::new(), |kind| format!(" AND kind = {}", kind.code()));
            let sql = if at >= self.applied {
                format!("SELECT {ROW} FROM resource WHERE patient = ?1{of_kind} ORDER BY patient, kind, local")
            } else {
                format!(
                    "SELECT {ROW} FROM resource WHERE patient = ?1{of_kind} AND seq <= ?2
                     UNION ALL SELECT {ROW} FROM history WHERE patient = ?1{of_kind} AND seq <= ?2 AND seq_to > ?2
                     ORDER BY 2, 3"
                )
            };
            let mut statement = self.connection()?.prepare_cached(&sql).map_err(StoreError::from)?;
            let mut rows = if at >= self.applied {
                statement.query([key]).map_err(StoreError::from)?
            } else {
                statement.query(params![key, at.cast_signed()]).map_err(StoreError::from)?
            };
            while let Some(row) = rows.next().map_err(StoreError::from)? {
                each(read_row(row).map_err(StoreError::from)?)?;
            }
            Ok(())
        };
        if kinds.is_empty() {
            run(None)?;
        }
        for kind in kinds {
            run(Some(*kind))?;
        }
        Ok(())
    }

    /// One resource as of `at`.
    pub fn row(&self, id: ResourceId, kind: ResourceType, at: u64) -> Result<Option<Row>, StoreError> {
        let sql = format!(
            "SELECT {ROW} FROM resource WHERE patient = ?1 AND kind = ?2 AND local = ?3 AND seq <= ?4
             UNION ALL SELECT {ROW} FROM history WHERE patient = ?1 AND kind = ?2 AND local = ?3 AND seq <= ?4 AND seq_to > ?4
             LIMIT 1"
        );
        Ok(self
            .connection()?
            .prepare_cached(&sql)?
            .query_row(
                params![id.patient.0.cast_signed(), kind.code(), id.local.cast_signed(), at.cast_signed()],
                read_row,
            )
            .optional()?)
    }

    /// What is stored of a resource now, with its folding state.
    pub fn current(&self, id: ResourceId, kind: ResourceType) -> Result<Option<crate::Current>, StoreError> {
        Ok(self
            .connection()?
            .prepare_cached(crate::write::current_sql())?
            .query_row(
                params![id.patient.0.cast_signed(), kind.code(), id.local.cast_signed()],
                crate::write::read_current,
            )
            .optional()?)
    }

    /// Every version of a resource, newest first.
    pub fn versions(&self, id: ResourceId, kind: ResourceType) -> Result<Vec<Row>, StoreError> {
        let sql = format!(
            "SELECT {ROW} FROM resource WHERE patient = ?1 AND kind = ?2 AND local = ?3
             UNION ALL SELECT {ROW} FROM history WHERE patient = ?1 AND kind = ?2 AND local = ?3 ORDER BY 4 DESC"
        );
        let mut statement = self.connection()?.prepare_cached(&sql)?;
        let rows = statement
            .query_map(params![id.patient.0.cast_signed(), kind.code(), id.local.cast_signed()], read_row)?
            .collect::<Result<_, _>>()?;
        Ok(rows)
    }

    /// The types of resources that exist under this id (an id alone does not say its type).
    pub fn kinds_of(&self, id: ResourceId) -> Result<Vec<ResourceType>, StoreError> {
        let mut statement = self
            .connection()?
            .prepare_cached("SELECT kind FROM resource WHERE patient = ?1 AND local = ?2 ORDER BY kind")?;
        let kinds: Vec<u8> = statement
            .query_map(params![id.patient.0.cast_signed(), id.local.cast_signed()], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        Ok(kinds.into_iter().filter_map(ResourceType::from_code).collect())
    }

    /// How many resources of each type a patient has now, tombstones apart.
    pub fn counts(&self, patient: PatientKey) -> Result<Vec<(ResourceType, u64)>, StoreError> {
        let mut statement = self
            .connection()?
            .prepare_cached("SELECT kind, count(*) FROM resource WHERE patient = ?1 AND flags & 1 = 0 GROUP BY kind")?;
        let counts: Vec<(u8, i64)> = statement
            .query_map([patient.0.cast_signed()], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        Ok(counts
            .into_iter()
            .filter_map(|(kind, count)| Some((ResourceType::from_code(kind)?, count.cast_unsigned())))
            .collect())
    }

    /// Write a row as a FHIR resource.
    pub fn render(&self, out: &mut Vec<u8>, row: &Row, source: &str, last_updated: &str) -> Result<(), StoreError> {
        let what =
            Rendering { kind: row.kind, id: row.id, version: row.version, last_updated, source, message: row.message };
        self.home.codec().render(out, &what, row.dictionary, &row.body)
    }

    /// When a `seq` was received (`meta.lastUpdated` of what it changed).
    pub fn received(&self, seq: u64) -> Result<Timestamp, StoreError> {
        let found: Option<i64> = self
            .connection()?
            .prepare_cached("SELECT received FROM applied WHERE seq = ?1")?
            .query_row([seq.cast_signed()], |row| row.get(0))
            .optional()?;
        found
            .and_then(|at| Timestamp::from_microsecond(at).ok())
            .ok_or_else(|| StoreError::Corrupt(format!("change feed entry {seq} is missing")))
    }

    /// The change feed after `seq`: each entry with the patients it touched.
    pub fn changes_after(&self, seq: u64, limit: usize) -> Result<Vec<(u64, Vec<PatientKey>)>, StoreError> {
        let mut statement = self
            .connection()?
            .prepare_cached("SELECT seq, patients FROM applied WHERE seq > ?1 ORDER BY seq LIMIT ?2")?;
        let changes = statement
            .query_map(params![seq.cast_signed(), i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
                let patients: Option<Vec<u8>> = row.get(1)?;
                let patients = patients
                    .unwrap_or_default()
                    .as_chunks::<8>()
                    .0
                    .iter()
                    .map(|key| PatientKey(u64::from_le_bytes(*key)))
                    .collect();
                Ok((row.get::<_, i64>(0)?.cast_unsigned(), patients))
            })?
            .collect::<Result<_, _>>()?;
        Ok(changes)
    }

    /// What is known of a patient.
    pub fn patient(&self, patient: PatientKey) -> Result<Option<PatientRow>, StoreError> {
        patient_row(self.connection()?, patient)
    }

    /// The person a patient was at `at`.
    pub fn person_of(&self, patient: PatientKey, at: u64) -> Result<Option<PersonKey>, StoreError> {
        Ok(self
            .connection()?
            .prepare_cached(
                "SELECT person FROM link WHERE patient = ?1 AND seq_from <= ?2 AND (seq_to IS NULL OR seq_to > ?2)",
            )?
            .query_row(params![patient.0.cast_signed(), at.cast_signed()], |row| {
                Ok(PersonKey(row.get::<_, i64>(0)?.cast_unsigned()))
            })
            .optional()?)
    }

    /// The patients a person was at `at`.
    pub fn patients_of(&self, person: PersonKey, at: u64) -> Result<Vec<PatientKey>, StoreError> {
        let mut statement = self.connection()?.prepare_cached(
            "SELECT patient FROM link WHERE person = ?1 AND seq_from <= ?2 AND (seq_to IS NULL OR seq_to > ?2) ORDER BY seq_from, patient",
        )?;
        let patients = statement
            .query_map(params![person.0.cast_signed(), at.cast_signed()], |row| {
                Ok(PatientKey(row.get::<_, i64>(0)?.cast_unsigned()))
            })?
            .collect::<Result<_, _>>()?;
        Ok(patients)
    }

    /// Every statement that this patient is a person, oldest first.
    pub fn links(&self, patient: PatientKey) -> Result<Vec<LinkRow>, StoreError> {
        let mut statement = self
            .connection()?
            .prepare_cached("SELECT person, seq_from, seq_to, reason FROM link WHERE patient = ?1 ORDER BY seq_from")?;
        let links = statement
            .query_map([patient.0.cast_signed()], |row| {
                Ok(LinkRow {
                    patient,
                    person: PersonKey(row.get::<_, i64>(0)?.cast_unsigned()),
                    seq_from: row.get::<_, i64>(1)?.cast_unsigned(),
                    seq_to: row.get::<_, Option<i64>>(2)?.map(i64::cast_unsigned),
                    reason: row.get(3)?,
                })
            })?
            .collect::<Result<_, _>>()?;
        Ok(links)
    }

    /// The patient this one was merged into at `at`, if it was.
    pub fn survivor(&self, loser: PatientKey, at: u64) -> Result<Option<PatientKey>, StoreError> {
        Ok(self
            .connection()?
            .prepare_cached(
                "SELECT survivor FROM merged WHERE loser = ?1 AND survivor IS NOT NULL AND linked = 0
                 AND seq_from <= ?2 AND (seq_to IS NULL OR seq_to > ?2)",
            )?
            .query_row(params![loser.0.cast_signed(), at.cast_signed()], |row| {
                Ok(PatientKey(row.get::<_, i64>(0)?.cast_unsigned()))
            })
            .optional()?)
    }

    /// The visits moved away from or to a patient, as of `at`.
    pub fn moves(&self, patient: PatientKey, at: u64) -> Result<Vec<MoveRow>, StoreError> {
        let mut statement = self.connection()?.prepare_cached(
            "SELECT patient, local, target FROM move WHERE (patient = ?1 OR target = ?1)
             AND seq_from <= ?2 AND (seq_to IS NULL OR seq_to > ?2) ORDER BY patient, local",
        )?;
        let moves = statement
            .query_map(params![patient.0.cast_signed(), at.cast_signed()], |row| {
                Ok(MoveRow {
                    visit: ResourceId {
                        patient: PatientKey(row.get::<_, i64>(0)?.cast_unsigned()),
                        local: row.get::<_, i64>(1)?.cast_unsigned(),
                    },
                    target: PatientKey(row.get::<_, i64>(2)?.cast_unsigned()),
                })
            })?
            .collect::<Result<_, _>>()?;
        Ok(moves)
    }

    /// Patients that match. Directories never do.
    pub fn find_patients(&self, filter: &PeopleFilter) -> Result<Vec<PatientHit>, StoreError> {
        let mut tests: Vec<&str> = vec!["p.directory = 0"];
        let mut values: Vec<rusqlite::types::Value> = Vec::new();
        let mut test = |sql: &'static str, value: rusqlite::types::Value| {
            tests.push(sql);
            values.push(value);
        };
        if let Some(nhs) = filter.nhs_number {
            test("p.nhs = ?", nhs.cast_signed().into());
        }
        if let Some(birth) = filter.birth {
            test("p.birth = ?", day_number(birth).into());
        }
        if let Some(family) = &filter.family {
            test("p.family >= ?", family.clone().into());
            test("p.family < ?", format!("{family}\u{10ffff}").into());
        }
        if let Some(given) = &filter.given {
            test("p.given >= ?", given.clone().into());
            test("p.given < ?", format!("{given}\u{10ffff}").into());
        }
        if let Some(postcode) = &filter.postcode {
            test("p.postcode = ?", postcode.clone().into());
        }
        if let Some(hash) = filter.identifier {
            test("p.patient IN (SELECT patient FROM identifier WHERE hash = ? AND local = 0)", hash.into());
        }
        if values.is_empty() {
            return Ok(Vec::new());
        }
        values.push(i64::try_from(filter.limit).unwrap_or(i64::MAX).into());
        let sql = format!(
            "SELECT p.patient, l.person FROM patient p JOIN link l ON l.patient = p.patient AND l.seq_to IS NULL
             WHERE {} ORDER BY l.person, p.patient LIMIT ?",
            tests.join(" AND ")
        );
        let connection = self.connection()?;
        let mut statement = connection.prepare_cached(&sql)?;
        let found: Vec<(i64, i64)> = statement
            .query_map(rusqlite::params_from_iter(values), |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        let mut hits = Vec::with_capacity(found.len());
        for (patient, person) in found {
            if let Some(row) = patient_row(connection, PatientKey(patient.cast_unsigned()))? {
                hits.push(PatientHit { row, person: PersonKey(person.cast_unsigned()) });
            }
        }
        Ok(hits)
    }

    /// Resources with this identifier.
    pub fn find_identifier(&self, hash: i64) -> Result<Vec<(ResourceId, ResourceType)>, StoreError> {
        identifier_rows(self.connection()?, hash)
    }

    /// Whether any patient has (or had) an identifier of this system. NHS numbers are known everywhere.
    pub fn knows_domain(&self, system: &str) -> Result<bool, StoreError> {
        if system == fhir::nhs::SYSTEM {
            return Ok(true);
        }
        let found = self.connection()?.prepare_cached("SELECT 1 FROM domain WHERE system = ?1")?.exists([system])?;
        Ok(found)
    }

    /// Every source and its last sign of life, by name.
    pub fn sources(&self) -> Result<Vec<SourceRow>, StoreError> {
        let mut statement = self
            .connection()?
            .prepare_cached("SELECT name, profile, messages, last_received, last_happened FROM source ORDER BY name")?;
        let time = |at: Option<i64>| at.filter(|at| *at > 0).and_then(|at| Timestamp::from_microsecond(at).ok());
        let sources = statement
            .query_map([], |row| {
                Ok(SourceRow {
                    name: row.get(0)?,
                    profile: row.get(1)?,
                    messages: row.get::<_, i64>(2)?.cast_unsigned(),
                    last_received: time(row.get(3)?),
                    last_happened: time(row.get(4)?),
                })
            })?
            .collect::<Result<_, _>>()?;
        Ok(sources)
    }

    /// Messages on the error desk: newest first, from before `before`, with these statuses (empty: all) and source.
    pub fn problems(
        &self,
        statuses: &[ProblemStatus],
        source: Option<&str>,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Problem>, StoreError> {
        let list = statuses.iter().map(|status| (*status as u8).to_string()).collect::<Vec<_>>().join(",");
        let of_status = if list.is_empty() { String::new() } else { format!("AND p.status IN ({list})") };
        let sql = format!(
            "{PROBLEM} WHERE p.pos < ?1 AND (?2 IS NULL OR s.name = ?2) {of_status} ORDER BY p.pos DESC LIMIT ?3"
        );
        let mut statement = self.connection()?.prepare_cached(&sql)?;
        let problems = statement
            .query_map(
                params![before.map_or(i64::MAX, u64::cast_signed), source, i64::try_from(limit).unwrap_or(i64::MAX)],
                read_problem,
            )?
            .collect::<Result<_, _>>()?;
        Ok(problems)
    }

    /// One message on the error desk.
    pub fn problem(&self, pos: u64) -> Result<Option<Problem>, StoreError> {
        problem_row(self.connection()?, pos)
    }

    /// How many messages each feed has on the error desk, by status.
    pub fn problem_counts(&self) -> Result<Vec<(String, String, ProblemStatus, u64)>, StoreError> {
        let mut statement = self.connection()?.prepare_cached(
            "SELECT s.name, p.feed, p.status, count(*) FROM problem p JOIN source s ON s.id = p.source
             GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
        )?;
        let counts = statement
            .query_map([], |row| {
                Ok((
                    row.get(0)?,
                    row.get(1)?,
                    ProblemStatus::from_code(row.get(2)?),
                    row.get::<_, i64>(3)?.cast_unsigned(),
                ))
            })?
            .collect::<Result<_, _>>()?;
        Ok(counts)
    }

    /// The parked lanes among these patients, and the message each waits for.
    pub fn parked(&self, patients: &[PatientKey]) -> Result<Vec<(PatientKey, u64)>, StoreError> {
        let mut parked = Vec::new();
        for patient in patients {
            let pos: Option<i64> = self
                .connection()?
                .prepare_cached("SELECT pos FROM lane WHERE patient = ?1")?
                .query_row([patient.0.cast_signed()], |row| row.get(0))
                .optional()?;
            parked.extend(pos.map(|pos| (*patient, pos.cast_unsigned())));
        }
        Ok(parked)
    }

    /// People and resources in all: for the status page. Counts whole tables.
    pub fn totals(&self) -> Result<HashMap<&'static str, u64>, StoreError> {
        let mut totals = HashMap::new();
        for (name, sql) in [
            ("people", "SELECT count(DISTINCT person) FROM link WHERE seq_to IS NULL"),
            ("patients", "SELECT count(*) FROM patient WHERE directory = 0"),
        ] {
            let count: i64 = self.connection()?.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
            totals.insert(name, count.cast_unsigned());
        }
        Ok(totals)
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take()
            && connection.execute_batch("ROLLBACK").is_ok()
        {
            self.home.give_back(connection);
        }
    }
}
