//! Reading the derived state: consistent, as of now or as of any `seq`.

mod desk;
mod feed;
mod identity;
mod people;

use crate::backend::{self, Connection, Value, values};
use crate::{Derived, Rendering, StoreError};
pub(crate) use desk::problem_row;
pub use desk::{Problem, ProblemStatus};
pub use feed::FeedRow;
pub(crate) use feed::is_told_of;
use fhir::{PatientKey, ResourceId, ResourceType};
pub use identity::QueueMark;
pub use identity::{StoredPatient, read_facts};
pub(crate) use identity::{assertions_of, each_stored_patient, review_row, reviews_of};
use jiff::Timestamp;
pub use people::{Found, LinkRow, MoveRow, PatientHit, PatientRow, PeopleFilter, identifier_hash};
pub(crate) use people::{day_number, identifier_rows, in_order_of_link, patient_row};
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
    /// Whether it was written here, rather than sent by the patient's source.
    pub written: bool,
    /// The dictionary of the body.
    pub dictionary: u32,
    /// The body, compressed.
    pub body: Vec<u8>,
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
/// A feed of a source and the last sign of life on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feed {
    /// Its source's id.
    pub source: String,
    /// Its name.
    pub name: String,
    /// Messages processed.
    pub messages: u64,
    /// When the newest was received.
    pub last_received: Option<Timestamp>,
    /// When the newest thing it spoke of happened.
    pub last_happened: Option<Timestamp>,
}
/// A consistent view of the derived state at one `seq`.
pub struct Snapshot {
    connection: Option<Connection>,
    home: Derived,
    applied: u64,
}
fn sign_of_life(at: Option<i64>) -> Option<Timestamp> {
    at.filter(|at| *at > 0).and_then(|at| Timestamp::from_microsecond(at).ok())
}
fn read_row(row: &backend::Row<'_>) -> Result<Row, StoreError> {
    let seq: i64 = row.get(4)?;
    Ok(Row {
        id: ResourceId { patient: row.patient(0)?, local: row.get::<i64>(2)?.cast_unsigned() },
        kind: ResourceType::from_code(row.get(1)?).unwrap_or(ResourceType::Basic),
        version: row.get(3)?,
        seq: seq.cast_unsigned(),
        message: row.get::<Option<i64>>(5)?.unwrap_or(seq).cast_unsigned(),
        deleted: row.get::<i64>(6)? & crate::write::DELETED != 0,
        written: row.get::<i64>(6)? & crate::write::WRITTEN != 0,
        dictionary: row.get(7)?,
        body: row.get(8)?,
    })
}

const SOURCE_OF: &str = "SELECT s.name FROM patient p JOIN source s ON s.id = p.source WHERE p.patient = ?1";

const ROW: &str = "patient, kind, local, version, seq, message, flags, dictionary, body";

impl Snapshot {
    pub(crate) fn begin(connection: Connection, home: Derived) -> Result<Self, StoreError> {
        connection.begin_reading()?;
        let applied: Option<i64> =
            connection.one("SELECT CAST(value AS BIGINT) FROM meta WHERE key = 'applied'", &[], |row| row.get(0))?;
        Ok(Snapshot { connection: Some(connection), home, applied: applied.unwrap_or(0).cast_unsigned() })
    }

    pub(crate) fn connection(&self) -> Result<&Connection, StoreError> {
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
        if kinds.len() > 1 {
            self.expect_rows(patient, kinds, at)?;
        }
        self.each_question(patient, kinds, at, |sql, values| {
            self.connection()?.each(sql, values, |row| each(read_row(row)?))
        })
    }

    /// What is asked for the rows of a patient.
    fn each_question<E>(
        &self,
        patient: PatientKey,
        kinds: &[ResourceType],
        at: u64,
        mut ask: impl FnMut(&str, &[Value<'_>]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut one = |kind: Option<ResourceType>| {
            let of_kind = kind.map_or(String::new(), |kind| format!(" AND kind = {}", kind.code()));
            if at >= self.applied {
                let sql =
                    format!("SELECT {ROW} FROM resource WHERE patient = ?1{of_kind} ORDER BY patient, kind, local");
                return ask(&sql, values![patient]);
            }
            let sql = format!(
                "SELECT {ROW} FROM resource WHERE patient = ?1{of_kind} AND seq <= ?2
                 UNION ALL SELECT {ROW} FROM history WHERE patient = ?1{of_kind} AND seq <= ?2 AND seq_to > ?2
                 ORDER BY 2, 3"
            );
            ask(&sql, values![patient, at.cast_signed()])
        };
        if kinds.is_empty() {
            return one(None);
        }
        kinds.iter().try_for_each(|kind| one(Some(*kind)))
    }

    fn expect_rows(&self, patient: PatientKey, kinds: &[ResourceType], at: u64) -> Result<(), StoreError> {
        self.each_question(patient, kinds, at, |sql, values| self.connection()?.expect(sql, values))
    }

    /// Say that the record of a patient will be read as of `at`, with all its rows of these types: see
    /// [`Snapshot::patient`], [`Snapshot::source_of`], [`Snapshot::moves`], [`Snapshot::survivor`] and
    /// [`Snapshot::each_row`], which are then on their way together.
    ///
    /// # Errors
    /// The store's.
    pub fn expect(&self, patient: PatientKey, kinds: &[ResourceType], at: u64) -> Result<(), StoreError> {
        let (connection, key) = (self.connection()?, patient.0.cast_signed());
        connection.expect(people::PATIENT, values![patient])?;
        connection.expect(SOURCE_OF, values![patient])?;
        connection.expect(people::MOVES, values![key, at.cast_signed()])?;
        connection.expect(people::SURVIVOR, values![key, at.cast_signed()])?;
        self.expect_rows(patient, kinds, at)
    }

    /// One resource as of `at`.
    pub fn row(&self, id: ResourceId, kind: ResourceType, at: u64) -> Result<Option<Row>, StoreError> {
        self.one_question(id, kind, at, |sql, values| self.connection()?.one(sql, values, read_row))
    }

    /// What is asked for one resource. What it says now is in one table; of a former moment two have to be asked.
    fn one_question<T>(
        &self,
        id: ResourceId,
        kind: ResourceType,
        at: u64,
        ask: impl FnOnce(&str, &[Value<'_>]) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let of_now = format!("SELECT {ROW} FROM resource WHERE patient = ?1 AND kind = ?2 AND local = ?3");
        if at >= self.applied {
            return ask(&of_now, values![id.patient, kind.code(), id.local.cast_signed()]);
        }
        let sql = format!(
            "{of_now} AND seq <= ?4
             UNION ALL SELECT {ROW} FROM history WHERE patient = ?1 AND kind = ?2 AND local = ?3 AND seq <= ?4 AND seq_to > ?4
             LIMIT 1"
        );
        ask(&sql, values![id.patient, kind.code(), id.local.cast_signed(), at.cast_signed()])
    }

    /// What is stored of a resource now, with its folding state.
    pub fn current(&self, id: ResourceId, kind: ResourceType) -> Result<Option<crate::Current>, StoreError> {
        self.connection()?.one(
            crate::write::current_sql(),
            values![id.patient, kind.code(), id.local.cast_signed()],
            crate::write::read_current,
        )
    }

    /// Every version of a resource, newest first.
    pub fn versions(&self, id: ResourceId, kind: ResourceType) -> Result<Vec<Row>, StoreError> {
        let sql = format!(
            "SELECT {ROW} FROM resource WHERE patient = ?1 AND kind = ?2 AND local = ?3
             UNION ALL SELECT {ROW} FROM history WHERE patient = ?1 AND kind = ?2 AND local = ?3 ORDER BY 4 DESC"
        );
        self.connection()?.all(&sql, values![id.patient, kind.code(), id.local.cast_signed()], read_row)
    }

    /// The types of resources that exist under this id (an id alone does not say its type).
    pub fn kinds_of(&self, id: ResourceId) -> Result<Vec<ResourceType>, StoreError> {
        let kinds: Vec<u8> = self.connection()?.all(
            "SELECT kind FROM resource WHERE patient = ?1 AND local = ?2 ORDER BY kind",
            values![id.patient, id.local.cast_signed()],
            |row| row.get(0),
        )?;
        Ok(kinds.into_iter().filter_map(ResourceType::from_code).collect())
    }

    /// How many resources of each type a patient has now, tombstones apart.
    pub fn counts(&self, patient: PatientKey) -> Result<Vec<(ResourceType, u64)>, StoreError> {
        let counts: Vec<(u8, i64)> = self.connection()?.all(
            "SELECT kind, count(*) FROM resource WHERE patient = ?1 AND flags & 1 = 0 GROUP BY kind",
            values![patient],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
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
        let found: Option<i64> = self.connection()?.one(
            "SELECT received FROM applied WHERE seq = ?1",
            values![seq.cast_signed()],
            |row| row.get(0),
        )?;
        found
            .and_then(|at| Timestamp::from_microsecond(at).ok())
            .ok_or_else(|| StoreError::Corrupt(format!("change feed entry {seq} is missing")))
    }

    /// The newest `seq` that had come by a time. Journal order is the order of receiving, so halving finds it.
    pub fn seq_at(&self, time: Timestamp) -> Result<u64, StoreError> {
        // Up to `low` all had come; from `high` on none had.
        let (mut low, mut high) = (0, self.seq() + 1);
        while high > low + 1 {
            let middle = low + (high - low) / 2;
            let row: Option<(i64, i64)> = self.connection()?.one(
                "SELECT seq, received FROM applied WHERE seq >= ?1 ORDER BY seq LIMIT 1",
                values![middle.cast_signed()],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )?;
            match row {
                Some((seq, received)) if received <= time.as_microsecond() => low = seq.cast_unsigned().max(middle),
                _ => high = middle,
            }
        }
        Ok(low)
    }

    /// Every source and its last sign of life, by name.
    pub fn sources(&self) -> Result<Vec<SourceRow>, StoreError> {
        self.connection()?.all(
            "SELECT name, profile, messages, last_received, last_happened FROM source ORDER BY name",
            &[],
            |row| {
                Ok(SourceRow {
                    name: row.get(0)?,
                    profile: row.get(1)?,
                    messages: row.get::<i64>(2)?.cast_unsigned(),
                    last_received: sign_of_life(row.get(3)?),
                    last_happened: sign_of_life(row.get(4)?),
                })
            },
        )
    }

    /// Every feed on which a source ever spoke, by source and name.
    pub fn feeds(&self) -> Result<Vec<Feed>, StoreError> {
        self.connection()?.all(
            "SELECT s.name, f.name, f.messages, f.last_received, f.last_happened FROM feed f JOIN source s ON s.id = f.source
             ORDER BY s.name, f.name",
            &[],
            |row| {
                Ok(Feed {
                    source: row.get(0)?,
                    name: row.get(1)?,
                    messages: row.get::<i64>(2)?.cast_unsigned(),
                    last_received: sign_of_life(row.get(3)?),
                    last_happened: sign_of_life(row.get(4)?),
                })
            },
        )
    }

    /// When anything had last come on each feed by `seq`, by source and name.
    pub fn last_received_by(&self, seq: u64) -> Result<Vec<(String, String, Option<Timestamp>)>, StoreError> {
        let connection = self.connection()?;
        let feeds: Vec<((i64, i64), String, String)> = connection.all(
            "SELECT f.id, s.id, s.name, f.name FROM feed f JOIN source s ON s.id = f.source ORDER BY s.name, f.name",
            &[],
            |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?, row.get(3)?)),
        )?;
        // The source tells nothing more: a derived state of before may have an index by it and none by the feed.
        let last = |((feed, of), source, name)| {
            let received = connection.one(
                "SELECT received FROM applied WHERE feed = ?1 AND source = ?2 AND seq <= ?3 ORDER BY seq DESC LIMIT 1",
                values![feed, of, seq.cast_signed()],
                |row| row.get(0),
            )?;
            Ok((source, name, sign_of_life(received)))
        };
        feeds.into_iter().map(last).collect()
    }

    /// What changes with every change of a source's profile.
    pub fn profiles_mark(&self) -> Result<i64, StoreError> {
        let sql = "SELECT COALESCE(MAX(profile_seq), -1) FROM source";
        self.connection()?.only(sql, &[], |row| row.get(0))
    }

    /// The source of a patient's resources.
    pub fn source_of(&self, patient: PatientKey) -> Result<Option<String>, StoreError> {
        self.connection()?.one(SOURCE_OF, values![patient], |row| row.get(0))
    }

    /// People and resources in all: for the status page. Counts whole tables.
    pub fn totals(&self) -> Result<HashMap<&'static str, u64>, StoreError> {
        let mut totals = HashMap::new();
        for (name, sql) in [
            ("people", "SELECT count(DISTINCT person) FROM link WHERE seq_to IS NULL"),
            ("patients", "SELECT count(*) FROM patient WHERE directory = 0"),
        ] {
            let count: i64 = self.connection()?.only(sql, &[], |row| row.get(0))?;
            totals.insert(name, count.cast_unsigned());
        }
        Ok(totals)
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take()
            && connection.roll_back().is_ok()
        {
            self.home.give_back(connection);
        }
    }
}
