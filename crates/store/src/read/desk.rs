//! The error desk, read.

use super::Snapshot;
use crate::backend::{Connection, Row, values};
use crate::{Derived, StoreError};
use fhir::PatientKey;
use jiff::Timestamp;

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
const PROBLEM: &str = "SELECT p.pos, s.name, p.feed, p.received, p.status, p.lane, p.findings, p.title, p.resolved_by
    FROM problem p JOIN source s ON s.id = p.source";

fn read_problem(row: &Row<'_>) -> Result<Problem, StoreError> {
    Ok(Problem {
        pos: row.get::<i64>(0)?.cast_unsigned(),
        source: row.get(1)?,
        feed: row.get(2)?,
        received: Timestamp::from_microsecond(row.get(3)?).unwrap_or_default(),
        status: ProblemStatus::from_code(row.get(4)?),
        lane: row.get::<Option<i64>>(5)?.map(|lane| PatientKey(lane.cast_unsigned())),
        findings: row.get(6)?,
        title: row.get(7)?,
        resolved_by: row.get::<Option<i64>>(8)?.map(i64::cast_unsigned),
    })
}

pub(crate) fn problem_row(connection: &Connection, pos: u64) -> Result<Option<Problem>, StoreError> {
    connection.one(&format!("{PROBLEM} WHERE p.pos = ?1"), values![pos.cast_signed()], read_problem)
}
fn parked(connection: &Connection, patients: &[PatientKey]) -> Result<Vec<(PatientKey, u64)>, StoreError> {
    let mut parked = Vec::new();
    for patient in patients {
        let pos: Option<i64> =
            connection
                .one("SELECT pos FROM lane WHERE patient = ?1", values![patient.0.cast_signed()], |row| row.get(0))?;
        parked.extend(pos.map(|pos| (*patient, pos.cast_unsigned())));
    }
    Ok(parked)
}

impl Derived {
    /// The lanes among these patients that are parked now, and the message each waits for.
    ///
    /// # Errors
    /// The store's.
    pub fn parked(&self, patients: &[PatientKey]) -> Result<Vec<(PatientKey, u64)>, StoreError> {
        self.glance(|connection| parked(connection, patients))
    }
}

impl Snapshot {
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
        self.connection()?.all(
            &sql,
            values![before.map_or(i64::MAX, u64::cast_signed), source, i64::try_from(limit).unwrap_or(i64::MAX)],
            read_problem,
        )
    }

    /// One message on the error desk.
    pub fn problem(&self, pos: u64) -> Result<Option<Problem>, StoreError> {
        problem_row(self.connection()?, pos)
    }

    /// How many messages each feed has on the error desk, by status.
    pub fn problem_counts(&self) -> Result<Vec<(String, String, ProblemStatus, u64)>, StoreError> {
        self.connection()?.all(
            "SELECT s.name, p.feed, p.status, count(*) FROM problem p JOIN source s ON s.id = p.source
             GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
            &[],
            |row| {
                Ok((
                    row.get(0)?,
                    row.get(1)?,
                    ProblemStatus::from_code(row.get(2)?),
                    row.get::<i64>(3)?.cast_unsigned(),
                ))
            },
        )
    }

    /// The parked lanes among these patients, and the message each waited for, as it was at `seq`.
    pub fn parked_at(&self, patients: &[PatientKey], seq: u64) -> Result<Vec<(PatientKey, u64)>, StoreError> {
        let mut parked = Vec::new();
        for patient in patients {
            let pos: Option<i64> = self.connection()?.only(
                "SELECT MIN(pos) FROM problem WHERE lane = ?1 AND pos <= ?2
                     AND (resolved_by IS NULL OR resolved_by > ?2)",
                values![patient.0.cast_signed(), seq.cast_signed()],
                |row| row.get(0),
            )?;
            parked.extend(pos.map(|pos| (*patient, pos.cast_unsigned())));
        }
        Ok(parked)
    }
}
