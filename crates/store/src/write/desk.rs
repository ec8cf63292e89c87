//! The error desk, written: messages that wait for somebody, and the lanes behind them.

use super::Writer;
use crate::{
    StoreError,
    read::{Problem, ProblemStatus},
};
use fhir::PatientKey;
use rusqlite::params;
use std::collections::HashMap;

impl Writer {
    /// Put (or update) a message on the error desk.
    pub fn put_problem(&mut self, problem: &Problem) -> Result<(), StoreError> {
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
    pub fn problem(&self, pos: u64) -> Result<Option<Problem>, StoreError> {
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
}
