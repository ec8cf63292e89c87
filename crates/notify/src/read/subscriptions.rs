//! Subscriptions, and how far what leaves over other channels has got.

use super::{Notices, inbox::event};
use crate::{Event, Failure, decision::Filter};
use jiff::Timestamp;
use rusqlite::{OptionalExtension, Row, params};

/// A subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Its id.
    pub id: String,
    /// The client system.
    pub client: String,
    /// The Subscription resource, JSON.
    pub resource: String,
    /// Which events it is sent.
    pub filter: Filter,
    /// `requested`, `active`, `error`, `off`.
    pub status: String,
    /// Why it does not work, when it does not.
    pub error: Option<String>,
    /// How many events were due to it so far; the newest one's number.
    pub numbered: u64,
}

impl Subscription {
    /// Tells one state of its resource from another.
    pub fn mark(&self) -> String {
        mark(&self.resource)
    }
}

/// Tells one state of a subscription's resource from another.
pub(crate) fn mark(resource: &str) -> String {
    blake3::hash(resource.as_bytes()).to_hex().chars().take(16).collect()
}

/// An event due to a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// Its number among the subscription's events, from one.
    pub number: u64,
    /// The event.
    pub event: Event,
}

/// How far a queue has got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Queue {
    /// The newest number that was taken by the receiver.
    pub sent: u64,
    /// How often the next was tried in vain.
    pub attempts: u32,
    /// Since when it is tried in vain.
    pub since: Option<Timestamp>,
    /// When it is tried next.
    pub next: Option<Timestamp>,
    /// What went wrong last, without a word about anybody.
    pub error: Option<String>,
    /// Whether it is tried no more until somebody says so.
    pub parked: bool,
}

/// A mail to be sent: that something waits, never what or about whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// Its number.
    pub id: u64,
    /// The team's number.
    pub team: i64,
    /// When it became due.
    pub at: Timestamp,
    /// `passed-on` or `digest`.
    pub why: String,
    /// How many notices it is about.
    pub count: u64,
}

fn subscription(row: &Row<'_>) -> rusqlite::Result<Subscription> {
    let filter: String = row.get(3)?;
    Ok(Subscription {
        id: row.get(0)?,
        client: row.get(1)?,
        resource: row.get(2)?,
        filter: serde_json::from_str(&filter).unwrap_or_default(),
        status: row.get(4)?,
        error: row.get(5)?,
        numbered: row.get::<_, i64>(6)?.cast_unsigned(),
    })
}

const SUBSCRIPTION: &str = "id, client, resource, filter, status, error, numbered";

impl Notices {
    /// Every subscription, by id.
    ///
    /// # Errors
    /// The file's.
    pub fn subscriptions(&self) -> Result<Vec<Subscription>, Failure> {
        self.readers.read(|connection| {
            let mut statement =
                connection.prepare_cached(&format!("SELECT {SUBSCRIPTION} FROM subscription ORDER BY id"))?;
            let found = statement.query_map([], subscription)?.collect::<Result<_, _>>()?;
            Ok(found)
        })
    }

    /// One subscription.
    ///
    /// # Errors
    /// The file's.
    pub fn subscription(&self, id: &str) -> Result<Option<Subscription>, Failure> {
        self.readers.read(|connection| {
            let mut statement =
                connection.prepare_cached(&format!("SELECT {SUBSCRIPTION} FROM subscription WHERE id = ?1"))?;
            Ok(statement.query_row([id], subscription).optional()?)
        })
    }

    /// What is due to a subscription after a number, in order.
    ///
    /// # Errors
    /// The file's.
    pub fn due(&self, id: &str, after: u64, limit: usize) -> Result<Vec<Due>, Failure> {
        self.readers.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT e.n, e.seq, e.person, e.patient, e.kind, e.local, e.topic, e.key, e.occurred, e.recorded, e.corrects,
                 e.stands, d.number FROM due d JOIN event e ON e.n = d.event
                 WHERE d.subscription = ?1 AND d.number > ?2 ORDER BY d.number LIMIT ?3",
            )?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let found = statement
                .query_map(params![id, after.cast_signed(), limit], |row| {
                    Ok(Due { number: row.get::<_, i64>(12)?.cast_unsigned(), event: event(row)? })
                })?
                .collect::<Result<_, _>>()?;
            Ok(found)
        })
    }

    /// How far a queue has got; one that is not known has not begun.
    ///
    /// # Errors
    /// The file's.
    pub fn queue(&self, name: &str) -> Result<Queue, Failure> {
        self.readers.read(|connection| {
            let mut statement = connection
                .prepare_cached("SELECT sent, attempts, since, next, error, parked FROM queue WHERE name = ?1")?;
            let time = |at: Option<i64>| at.and_then(|at| Timestamp::from_microsecond(at).ok());
            let found = statement
                .query_row([name], |row| {
                    Ok(Queue {
                        sent: row.get::<_, i64>(0)?.cast_unsigned(),
                        attempts: row.get(1)?,
                        since: time(row.get(2)?),
                        next: time(row.get(3)?),
                        error: row.get(4)?,
                        parked: row.get(5)?,
                    })
                })
                .optional()?;
            Ok(found.unwrap_or_default())
        })
    }

    /// Note how far a queue has got. On disk when this returns.
    ///
    /// # Errors
    /// The file's.
    pub fn put_queue(&self, name: &str, queue: &Queue) -> Result<(), Failure> {
        self.own(|connection| {
            connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO queue (name, sent, attempts, since, next, error, parked)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                )?
                .execute(params![
                    name,
                    queue.sent.cast_signed(),
                    queue.attempts,
                    queue.since.map(Timestamp::as_microsecond),
                    queue.next.map(Timestamp::as_microsecond),
                    queue.error,
                    queue.parked
                ])?;
            Ok(())
        })
    }

    /// Mails to be sent after a number.
    ///
    /// # Errors
    /// The file's.
    pub fn mails_after(&self, id: u64, limit: usize) -> Result<Vec<Mail>, Failure> {
        self.readers.read(|connection| {
            let mut statement = connection
                .prepare_cached("SELECT id, team, at, why, count FROM mail WHERE id > ?1 ORDER BY id LIMIT ?2")?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let found = statement
                .query_map(params![id.cast_signed(), limit], |row| {
                    Ok(Mail {
                        id: row.get::<_, i64>(0)?.cast_unsigned(),
                        team: row.get(1)?,
                        at: Timestamp::from_microsecond(row.get(2)?).unwrap_or_default(),
                        why: row.get(3)?,
                        count: row.get::<_, i64>(4)?.cast_unsigned(),
                    })
                })?
                .collect::<Result<_, _>>()?;
            Ok(found)
        })
    }
}
