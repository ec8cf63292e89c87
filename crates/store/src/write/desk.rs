//! The error desk, written: messages that wait for somebody, and the lanes behind them.

use super::Writer;
use crate::backend::values;
use crate::{
    StoreError,
    read::{Problem, ProblemStatus},
};
use fhir::PatientKey;
use std::collections::HashMap;

impl Writer {
    /// Put (or update) a message on the error desk.
    pub fn put_problem(&mut self, problem: &Problem) -> Result<(), StoreError> {
        let source = self.source(&problem.source)?;
        self.connection
            .write("INSERT INTO problem (pos, source, feed, received, status, lane, findings, title, resolved_by)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
                 ON CONFLICT (pos) DO UPDATE SET source = excluded.source, feed = excluded.feed, received = excluded.received, status = excluded.status, lane = excluded.lane, findings = excluded.findings, title = excluded.title, resolved_by = excluded.resolved_by", values![
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
    pub fn problem(&self, pos: u64) -> Result<Option<Problem>, StoreError> {
        crate::read::problem_row(&self.connection, pos)
    }

    /// The messages held in a lane, in journal order.
    pub fn held(&self, lane: PatientKey) -> Result<Vec<u64>, StoreError> {
        self.connection.all(
            "SELECT pos FROM problem WHERE lane = ?1 AND status = ?2 ORDER BY pos",
            values![lane.0.cast_signed(), ProblemStatus::Held as u8],
            |row| Ok(row.get::<i64>(0)?.cast_unsigned()),
        )
    }

    /// How many messages are held in a lane.
    pub fn held_count(&self, lane: PatientKey) -> Result<usize, StoreError> {
        let sql = "SELECT count(*) FROM problem WHERE lane = ?1 AND status = ?2";
        let count: i64 =
            self.connection.only(sql, values![lane.0.cast_signed(), ProblemStatus::Held as u8], |row| row.get(0))?;
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    /// Park a lane behind a message, or (with `None`) set it free.
    pub fn put_lane(&mut self, patient: PatientKey, pos: Option<u64>) -> Result<(), StoreError> {
        match pos {
            Some(pos) => self.connection.write(
                "INSERT INTO lane (patient, pos)
                 VALUES (?1, ?2)
                 ON CONFLICT (patient) DO UPDATE SET pos = excluded.pos",
                values![patient.0.cast_signed(), pos.cast_signed()],
            ),
            None => self.connection.write("DELETE FROM lane WHERE patient = ?1", values![patient.0.cast_signed()]),
        }
    }

    /// The parked lanes and what each waits for.
    pub fn lanes(&self) -> Result<HashMap<PatientKey, u64>, StoreError> {
        let lanes: Vec<(PatientKey, u64)> = self.connection.all("SELECT patient, pos FROM lane", &[], |row| {
            Ok((PatientKey(row.get::<i64>(0)?.cast_unsigned()), row.get::<i64>(1)?.cast_unsigned()))
        })?;
        Ok(lanes.into_iter().collect())
    }
}
