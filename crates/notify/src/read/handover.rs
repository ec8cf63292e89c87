//! What a process that sends leaves for whoever sends after it, where several serve one region: how far each queue has got, what
//! a receiver would not take, what was not told to it. The numbers of events are made of the journal and the same everywhere;
//! those of mails are not, so that of them the time counts.

use super::Notices;
use crate::Failure;
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

/// What was not told, at most: the newest.
const PASSED_MAX: i64 = 10_000;
/// The queue whose numbers are this file's own.
const MAIL: &str = "mail";

/// How sending stood.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Left {
    /// Which file says so.
    by: i64,
    queues: Vec<QueueLeft>,
    /// When each began.
    begun: Vec<(String, i64)>,
    /// Name, number, time, what the receiver said, whether it is to be sent again.
    refused: Vec<(String, i64, i64, String, bool)>,
    passed: Vec<(String, i64)>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct QueueLeft {
    name: String,
    sent: i64,
    /// Of mails: when the last that was sent became due.
    sent_at: Option<i64>,
    attempts: i64,
    since: Option<i64>,
    next: Option<i64>,
    error: Option<String>,
    parked: bool,
}

fn not_read(error: &serde_json::Error) -> Failure {
    Failure::Stopped(format!("what the former process left cannot be read: {error}"))
}

/// What tells this file from another process's.
fn own_id(connection: &Connection) -> Result<i64, Failure> {
    let find = "SELECT value FROM meta WHERE key = 'file'";
    if let Some(id) = connection.prepare_cached(find)?.query_row([], |row| row.get(0)).optional()? {
        return Ok(id);
    }
    connection.prepare_cached("INSERT OR IGNORE INTO meta (key, value) VALUES ('file', random())")?.execute([])?;
    Ok(connection.prepare_cached(find)?.query_row([], |row| row.get(0))?)
}

impl Notices {
    /// How sending stands, for whoever sends after this process. Text of ours; the same while nothing changes.
    ///
    /// # Errors
    /// The file's.
    pub fn sending(&self) -> Result<String, Failure> {
        let by = self.own(own_id)?;
        let mut left = self.readers.read(look)?;
        left.by = by;
        serde_json::to_string(&left).map_err(|error| not_read(&error))
    }

    /// Go on sending where another process stopped. Nothing happens where this file was the last to send.
    ///
    /// # Errors
    /// The file's; [`Failure::Stopped`] for text that [`Notices::sending`] did not make.
    pub fn go_on_sending(&self, left: &str) -> Result<(), Failure> {
        let left: Left = serde_json::from_str(left).map_err(|error| not_read(&error))?;
        self.own(|connection| {
            if own_id(connection)? == left.by {
                return Ok(());
            }
            connection.execute_batch("SAVEPOINT handover")?;
            let taken = take_over(connection, &left);
            connection.execute_batch(if taken.is_ok() {
                "RELEASE handover"
            } else {
                "ROLLBACK TO handover; RELEASE handover"
            })?;
            taken
        })?;
        self.stir_queues();
        Ok(())
    }
}

fn look(connection: &Connection) -> Result<Left, Failure> {
    let mut queues = connection.prepare_cached(
        "SELECT name, sent, attempts, since, next, error, parked,
           CASE WHEN name = ?1 THEN (SELECT max(at) FROM mail WHERE id <= sent) END FROM queue ORDER BY name",
    )?;
    let queues = queues
        .query_map([MAIL], |row| {
            Ok(QueueLeft {
                name: row.get(0)?,
                sent: row.get(1)?,
                attempts: row.get(2)?,
                since: row.get(3)?,
                next: row.get(4)?,
                error: row.get(5)?,
                parked: row.get(6)?,
                sent_at: row.get(7)?,
            })
        })?
        .collect::<Result<_, _>>()?;
    let mut begun = connection.prepare_cached("SELECT name, at FROM queue_begun ORDER BY name")?;
    let begun = begun.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    let mut refused = connection.prepare_cached(
        "SELECT name, number, at, error, again FROM queue_refused WHERE name <> ?1 ORDER BY name, number",
    )?;
    let refused = refused
        .query_map([MAIL], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)))?
        .collect::<Result<_, _>>()?;
    let mut passed =
        connection.prepare_cached("SELECT name, number FROM queue_passed ORDER BY number DESC, name LIMIT ?1")?;
    let passed = passed.query_map([PASSED_MAX], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    Ok(Left { by: 0, queues, begun, refused, passed })
}

fn take_over(connection: &Connection, left: &Left) -> Result<(), Failure> {
    for queue in &left.queues {
        let sent = match (queue.name.as_str(), queue.sent_at) {
            (MAIL, None) => 0,
            (MAIL, Some(at)) => connection
                .prepare_cached("SELECT COALESCE(max(id), 0) FROM mail WHERE at <= ?1")?
                .query_row([at], |row| row.get(0))?,
            _ => queue.sent,
        };
        connection
            .prepare_cached(
                "INSERT INTO queue (name, sent, attempts, since, next, error, parked) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (name) DO UPDATE SET sent = ?2, attempts = ?3, since = ?4, next = ?5, error = ?6, parked = ?7
                 WHERE sent <= ?2",
            )?
            .execute(params![queue.name, sent, queue.attempts, queue.since, queue.next, queue.error, queue.parked])?;
    }
    for (name, at) in &left.begun {
        connection
            .prepare_cached(
                "INSERT INTO queue_begun (name, at) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET at = ?2",
            )?
            .execute(params![name, at])?;
    }
    // Those that were settled there are settled here.
    connection.prepare_cached("DELETE FROM queue_refused WHERE name <> ?1")?.execute([MAIL])?;
    for (name, number, at, error, again) in &left.refused {
        connection
            .prepare_cached("INSERT INTO queue_refused (name, number, at, error, again) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![name, number, at, error, again])?;
    }
    for (name, number) in &left.passed {
        connection
            .prepare_cached("INSERT OR IGNORE INTO queue_passed (name, number) VALUES (?1, ?2)")?
            .execute(params![name, number])?;
    }
    Ok(())
}
