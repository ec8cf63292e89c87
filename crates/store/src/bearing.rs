//! What bears on who may see a record, stored and read: see [`mapping`'s `bearing`](../../mapping/src/bearing.rs) for where
//! it comes from.

use crate::backend::{Newcomer, values};
use crate::{StoreError, read::Snapshot, write::Writer};
use fhir::{PatientKey, ResourceId, ResourceType};
use jiff::Timestamp;

/// One statement, as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BearingRow {
    /// What it is, by number.
    pub bears: u8,
    /// ODS code or `Organization/<id>`; empty: the source's own, of an objection all.
    pub organisation: String,
    /// The category of an objection; empty: all.
    pub category: String,
    /// From when, in microseconds since 1970. None: always.
    pub since: Option<i64>,
    /// Up to when. None: no end is known.
    pub until: Option<i64>,
}

/// One statement with the resource that makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaidBearing {
    /// The patient it is about.
    pub patient: PatientKey,
    /// The resource, or the decision (its number then is a journal position).
    pub resource: ResourceId,
    /// The resource's type.
    pub kind: ResourceType,
    /// What it says.
    pub row: BearingRow,
}

impl Writer {
    /// Replace what a resource says that bears on access. `known`: it may have said something before.
    pub fn put_bearings(
        &mut self,
        id: ResourceId,
        kind: ResourceType,
        known: bool,
        said: &[BearingRow],
    ) -> Result<(), StoreError> {
        let (patient, kind, local) = (Newcomer(id.patient), kind.code(), id.local.cast_signed());
        if known {
            self.connection().write(
                "DELETE FROM bearing WHERE patient = ?1 AND kind = ?2 AND local = ?3",
                values![patient, kind, local],
            )?;
        }
        for (nth, row) in said.iter().enumerate() {
            self.connection().write(
                "INSERT INTO bearing (patient, kind, local, nth, bears, organisation, category, since, until)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                values![
                    patient,
                    kind,
                    local,
                    i64::try_from(nth).unwrap_or(i64::MAX),
                    row.bears,
                    row.organisation,
                    row.category,
                    row.since,
                    row.until
                ],
            )?;
        }
        Ok(())
    }

    /// End what a decision said, as of a time.
    pub fn end_bearings(&mut self, id: ResourceId, kind: ResourceType, at: Timestamp) -> Result<bool, StoreError> {
        let changed = self.connection().execute(
            "UPDATE bearing SET until = ?4 WHERE patient = ?1 AND kind = ?2 AND local = ?3
                 AND (until IS NULL OR until > ?4)",
            values![id.patient, kind.code(), id.local.cast_signed(), at.as_microsecond()],
        )?;
        Ok(changed > 0)
    }
}

const BEARINGS: &str = "SELECT kind, local, bears, organisation, category, since, until FROM bearing
     WHERE patient = ?1 AND (until IS NULL OR until >= ?2) ORDER BY kind, local, nth";
const MOVED: &str =
    "SELECT EXISTS (SELECT 1 FROM move WHERE patient = ?1) OR EXISTS (SELECT 1 FROM move WHERE target = ?1)";

impl Snapshot {
    /// Everything that bears on access to what is known of a patient and did not end before `since`. What a visit says is
    /// said of the patient whose visit it is now.
    pub fn bearings(&self, patient: PatientKey, since: Timestamp) -> Result<Vec<SaidBearing>, StoreError> {
        self.connection()?.expect(BEARINGS, values![patient, since.as_microsecond()])?;
        self.connection()?.expect(MOVED, values![patient.0.cast_signed()])?;
        let mut found = self.recorded_bearings(patient, since)?;
        // Every decision asks this, and nearly always the answer is no: two looks into an index, and no more.
        let moved = self.connection()?.only(MOVED, values![patient.0.cast_signed()], |row| row.get::<bool>(0))?;
        if !moved {
            return Ok(found);
        }
        let moves = self.moves(patient, self.seq())?;
        // Rare: visits that their source moved between its patients. What hangs on one goes with it.
        for gone in moves.iter().filter(|moved| moved.visit.patient == patient && moved.target != patient) {
            let mut kept = Vec::new();
            for said in found {
                if !self.hangs_on(&said, gone.visit)? {
                    kept.push(said);
                }
            }
            found = kept;
        }
        for came in moves.iter().filter(|moved| moved.target == patient && moved.visit.patient != patient) {
            for said in self.recorded_bearings(came.visit.patient, since)? {
                if self.hangs_on(&said, came.visit)? {
                    found.push(SaidBearing { patient, ..said });
                }
            }
        }
        Ok(found)
    }

    /// Whether a statement is made by this visit, or by something that says it happened in it.
    fn hangs_on(&self, said: &SaidBearing, visit: ResourceId) -> Result<bool, StoreError> {
        if said.kind == ResourceType::Encounter {
            return Ok(said.resource == visit);
        }
        // What a person is, and objects to, is of no visit.
        if matches!(said.kind, ResourceType::Patient | ResourceType::Consent) {
            return Ok(false);
        }
        let Some(row) = self.row(said.resource, said.kind, self.seq())? else { return Ok(false) };
        let mut json = Vec::new();
        self.render(&mut json, &row, "", "")?;
        Ok(String::from_utf8_lossy(&json).contains(&format!("\"Encounter/{visit}\"")))
    }

    fn recorded_bearings(&self, patient: PatientKey, since: Timestamp) -> Result<Vec<SaidBearing>, StoreError> {
        let found = self.connection()?.all(BEARINGS, values![patient, since.as_microsecond()], |row| {
            let Some(kind) = ResourceType::from_code(row.get(0)?) else { return Ok(None) };
            Ok(Some(SaidBearing {
                patient,
                resource: ResourceId { patient, local: row.get::<i64>(1)?.cast_unsigned() },
                kind,
                row: BearingRow {
                    bears: row.get(2)?,
                    organisation: row.get(3)?,
                    category: row.get(4)?,
                    since: row.get(5)?,
                    until: row.get(6)?,
                },
            }))
        })?;
        Ok(found.into_iter().flatten().collect())
    }
}
