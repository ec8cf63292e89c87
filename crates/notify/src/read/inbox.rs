//! Notices and their stories.

use super::Notices;
use crate::{Failure, decision::StoryKey, topic::Topic};
use fhir::{PatientKey, PersonKey, ResourceId, ResourceType};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

/// Whether an event still holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It holds.
    Holds,
    /// It was taken back.
    TakenBack,
    /// Another of its kind is in its place.
    Replaced,
    /// It takes another back.
    TakesBack,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its number, in the order things became known.
    pub n: u64,
    /// The `seq` that made it known.
    pub seq: u64,
    /// Whom it is about.
    pub person: PersonKey,
    /// What it is about.
    pub story: StoryKey,
    /// What it is.
    pub topic: Topic,
    /// What tells it from others of its kind: of a move the ward, of an expected discharge the day.
    pub key: String,
    /// When it happened, if it was said.
    pub occurred: Option<Timestamp>,
    /// When it became known.
    pub recorded: Timestamp,
    /// The event it takes back.
    pub corrects: Option<u64>,
    /// Whether it still holds.
    pub standing: Standing,
}

/// What a team was told of one story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Its number.
    pub id: i64,
    /// The team's number.
    pub team: i64,
    /// Whom it is about.
    pub person: PersonKey,
    /// What it is about.
    pub story: StoryKey,
    /// The newest event told.
    pub last: u64,
    /// When that became known.
    pub at: Timestamp,
    /// Whether it goes above others.
    pub urgent: bool,
    /// Up to which event it is acknowledged.
    pub acknowledged: u64,
    /// By whom, and when.
    pub acknowledged_by: Option<(String, Timestamp)>,
    /// Who takes it.
    pub assigned: Option<String>,
    /// Not before then.
    pub snoozed: Option<Timestamp>,
    /// When it is passed on unless acknowledged.
    pub due: Option<Timestamp>,
    /// When it was passed on.
    pub escalated: Option<Timestamp>,
    /// Whether it turned out to be about somebody whom the team does not look after.
    pub gone: bool,
}

impl Notice {
    /// Whether somebody must still acknowledge it.
    pub fn waits(&self) -> bool {
        self.acknowledged < self.last && !self.gone
    }
}

/// A note on a notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TeamNote {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// The note.
    pub words: String,
}

/// Something said about a stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// Their organisation's ODS code.
    pub organisation: String,
    /// `ready`, `waiting`, `call`, `package`, `reply`.
    pub about: String,
    /// In words.
    pub words: String,
}

/// Which notices of a team.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum View {
    /// To be acknowledged.
    #[default]
    Waiting,
    /// Put off.
    Snoozed,
    /// Acknowledged.
    Done,
}

fn moment(at: i64) -> Timestamp {
    Timestamp::from_microsecond(at).unwrap_or_default()
}

fn story(patient: i64, kind: u8, local: i64) -> StoryKey {
    let id = ResourceId { patient: PatientKey(patient.cast_unsigned()), local: local.cast_unsigned() };
    StoryKey { id, kind: ResourceType::from_code(kind).unwrap_or(ResourceType::Basic) }
}

const EVENT: &str = "n, seq, person, patient, kind, local, topic, key, occurred, recorded, corrects, stands";

pub(super) fn event(row: &Row<'_>) -> rusqlite::Result<Event> {
    Ok(Event {
        n: row.get::<_, i64>(0)?.cast_unsigned(),
        seq: row.get::<_, i64>(1)?.cast_unsigned(),
        person: PersonKey(row.get::<_, i64>(2)?.cast_unsigned()),
        story: story(row.get(3)?, row.get(4)?, row.get(5)?),
        topic: Topic::from_number(row.get(6)?).unwrap_or(Topic::Linked),
        key: row.get(7)?,
        occurred: row.get::<_, Option<i64>>(8)?.map(moment),
        recorded: moment(row.get(9)?),
        corrects: row.get::<_, Option<i64>>(10)?.map(i64::cast_unsigned),
        standing: match row.get::<_, u8>(11)? {
            0 => Standing::TakenBack,
            2 => Standing::Replaced,
            3 => Standing::TakesBack,
            _ => Standing::Holds,
        },
    })
}

const NOTICE: &str = "id, team, person, patient, kind, local, last, at, urgent, acknowledged, acknowledged_by, \
    acknowledged_at, assigned, snoozed, due, escalated, gone";

fn notice(row: &Row<'_>) -> rusqlite::Result<Notice> {
    let by: Option<String> = row.get(10)?;
    let by_at: Option<i64> = row.get(11)?;
    let time = |at: Option<i64>| at.map(moment);
    Ok(Notice {
        id: row.get(0)?,
        team: row.get(1)?,
        person: PersonKey(row.get::<_, i64>(2)?.cast_unsigned()),
        story: story(row.get(3)?, row.get(4)?, row.get(5)?),
        last: row.get::<_, i64>(6)?.cast_unsigned(),
        at: moment(row.get(7)?),
        urgent: row.get(8)?,
        acknowledged: row.get::<_, i64>(9)?.cast_unsigned(),
        acknowledged_by: by.zip(time(by_at)),
        assigned: row.get(12)?,
        snoozed: time(row.get(13)?),
        due: time(row.get(14)?),
        escalated: time(row.get(15)?),
        gone: row.get(16)?,
    })
}

fn events(connection: &Connection, condition: &str, values: impl rusqlite::Params) -> Result<Vec<Event>, Failure> {
    let mut statement = connection.prepare_cached(&format!("SELECT {EVENT} FROM event {condition}"))?;
    let found = statement.query_map(values, event)?.collect::<Result<_, _>>()?;
    Ok(found)
}

impl Notices {
    /// A team's notices: the urgent before others, then the newest.
    ///
    /// # Errors
    /// The file's.
    pub fn inbox(&self, team: i64, view: View, now: Timestamp, limit: usize) -> Result<Vec<Notice>, Failure> {
        let condition = match view {
            View::Waiting => "acknowledged < last AND (snoozed IS NULL OR snoozed <= ?2)",
            View::Snoozed => "acknowledged < last AND snoozed > ?2",
            // The newest first; everything was new once.
            View::Done => "acknowledged >= last AND at <= ?2",
        };
        let order = match view {
            View::Waiting => "escalated IS NULL, urgent DESC, at DESC, id DESC",
            View::Snoozed => "snoozed, id",
            View::Done => "at DESC, id DESC",
        };
        let sql = format!(
            "SELECT {NOTICE} FROM notice WHERE team = ?1 AND gone = 0 AND {condition} ORDER BY {order} LIMIT ?3"
        );
        self.readers.read(|connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let found =
                statement.query_map(params![team, now.as_microsecond(), limit], notice)?.collect::<Result<_, _>>()?;
            Ok(found)
        })
    }

    /// How many notices of a team wait, and how many of them were passed on.
    ///
    /// # Errors
    /// The file's.
    pub fn waiting(&self, team: i64, now: Timestamp) -> Result<(u64, u64), Failure> {
        self.readers.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT count(*), count(escalated) FROM notice
                 WHERE team = ?1 AND gone = 0 AND acknowledged < last AND (snoozed IS NULL OR snoozed <= ?2)",
            )?;
            let (all, passed): (i64, i64) =
                statement.query_row(params![team, now.as_microsecond()], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok((all.cast_unsigned(), passed.cast_unsigned()))
        })
    }

    /// One notice.
    ///
    /// # Errors
    /// The file's.
    pub fn notice(&self, id: i64) -> Result<Option<Notice>, Failure> {
        self.readers.read(|connection| {
            let mut statement = connection.prepare_cached(&format!("SELECT {NOTICE} FROM notice WHERE id = ?1"))?;
            Ok(statement.query_row([id], notice).optional()?)
        })
    }

    /// What a notice told, oldest first.
    ///
    /// # Errors
    /// The file's.
    pub fn told(&self, notice: i64) -> Result<Vec<Event>, Failure> {
        self.readers.read(|connection| {
            events(connection, "WHERE n IN (SELECT event FROM told WHERE notice = ?1) ORDER BY n", [notice])
        })
    }

    /// The notes on a notice, oldest first.
    ///
    /// # Errors
    /// The file's.
    pub fn notes(&self, notice: i64) -> Result<Vec<TeamNote>, Failure> {
        self.readers.read(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT at, by, words FROM note WHERE notice = ?1 ORDER BY seq")?;
            let notes = statement
                .query_map([notice], |row| {
                    Ok(TeamNote { at: moment(row.get(0)?), by: row.get(1)?, words: row.get(2)? })
                })?
                .collect::<Result<_, _>>()?;
            Ok(notes)
        })
    }

    /// Everything that happened in a story, in the order it became known.
    ///
    /// # Errors
    /// The file's.
    pub fn story(&self, story: StoryKey) -> Result<Vec<Event>, Failure> {
        self.readers.read(|connection| {
            let (patient, kind, local) =
                (story.id.patient.0.cast_signed(), story.kind.code(), story.id.local.cast_signed());
            events(
                connection,
                "WHERE patient = ?1 AND kind = ?2 AND local = ?3 ORDER BY n",
                params![patient, kind, local],
            )
        })
    }

    /// Events after a number.
    ///
    /// # Errors
    /// The file's.
    pub fn events_after(&self, n: u64, limit: usize) -> Result<Vec<Event>, Failure> {
        self.readers.read(|connection| {
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            events(connection, "WHERE n > ?1 ORDER BY n LIMIT ?2", params![n.cast_signed(), limit])
        })
    }

    /// The newest event's number; 0: there is none.
    ///
    /// # Errors
    /// The file's.
    pub fn newest(&self) -> Result<u64, Failure> {
        self.readers.read(|connection| {
            let n: i64 =
                connection.prepare_cached("SELECT coalesce(max(n), 0) FROM event")?.query_row([], |row| row.get(0))?;
            Ok(n.cast_unsigned())
        })
    }

    /// What was said about a stay, oldest first.
    ///
    /// # Errors
    /// The file's.
    pub fn planned(&self, story: StoryKey) -> Result<Vec<Planned>, Failure> {
        self.readers.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT at, by, organisation, about, words FROM planning
                 WHERE patient = ?1 AND kind = ?2 AND local = ?3 ORDER BY seq",
            )?;
            let (patient, kind, local) =
                (story.id.patient.0.cast_signed(), story.kind.code(), story.id.local.cast_signed());
            let planned = statement
                .query_map(params![patient, kind, local], |row| {
                    Ok(Planned {
                        at: moment(row.get(0)?),
                        by: row.get(1)?,
                        organisation: row.get(2)?,
                        about: row.get(3)?,
                        words: row.get(4)?,
                    })
                })?
                .collect::<Result<_, _>>()?;
            Ok(planned)
        })
    }
}
