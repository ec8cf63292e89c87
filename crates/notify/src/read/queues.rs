//! The queues of what leaves over other channels: when the next try is, what a receiver would not take, what a person
//! decided about it. Each change is one statement, for whoever sends and whoever decides work at the same time.

use super::{Notices, Queue};
use crate::{Failure, Topic};
use jiff::{SignedDuration, Timestamp};
use rusqlite::params;

/// The pause before the second try; each further one is twice as long, up to the longest.
const PAUSE_SECONDS_MIN: i64 = 10;
const PAUSE_SECONDS_MAX: i64 = 3600;
/// What could not be delivered for so long is tried no more until somebody says so.
const PARKED_AFTER_HOURS: i64 = 7 * 24;
/// A queue that begins, or begins anew because what is known for telling was made again, passes over what is older.
const BEGINS_HOURS_BEFORE: i64 = 24;

/// Something its receiver would not take, kept for a person to decide about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Its number in the queue.
    pub number: u64,
    /// When it was refused.
    pub at: Timestamp,
    /// What the receiver said, without a word about anybody.
    pub error: String,
    /// Whether it is to be sent again.
    pub again: bool,
}

impl Queue {
    /// A receiver that takes nothing for so long is named to those who look after systems.
    pub const FAILING: SignedDuration = SignedDuration::from_mins(5);

    /// The same after a try in vain at `now`.
    #[must_use]
    pub fn after_failure(&self, error: &str, now: Timestamp) -> Queue {
        let since = self.since.unwrap_or(now);
        let attempts = self.attempts.saturating_add(1);
        let pause = PAUSE_SECONDS_MIN.saturating_mul(1_i64 << (attempts - 1).min(16)).min(PAUSE_SECONDS_MAX);
        Queue {
            sent: self.sent,
            attempts,
            since: Some(since),
            next: now.checked_add(SignedDuration::from_secs(pause)).ok(),
            error: Some(error.to_owned()),
            parked: now.duration_since(since) >= SignedDuration::from_hours(PARKED_AFTER_HOURS),
        }
    }

    /// Whether the next may be tried at `now`.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        !self.parked && self.next.is_none_or(|next| next <= now)
    }
}

impl Notices {
    /// From when on a queue sends what became known: a day before it first ran on this file. What is older is history that
    /// nobody waits for, or was delivered before the file was made again.
    ///
    /// # Errors
    /// The file's.
    pub fn begin_queue(&self, name: &str, now: Timestamp) -> Result<Timestamp, Failure> {
        self.own(|connection| {
            connection
                .prepare_cached("INSERT OR IGNORE INTO queue_begun (name, at) VALUES (?1, ?2)")?
                .execute(params![name, now.as_microsecond()])?;
            let at: i64 = connection
                .prepare_cached("SELECT at FROM queue_begun WHERE name = ?1")?
                .query_row([name], |row| row.get(0))?;
            let begun = Timestamp::from_microsecond(at).unwrap_or(now);
            Ok(begun.checked_sub(SignedDuration::from_hours(BEGINS_HOURS_BEFORE)).unwrap_or(Timestamp::MIN))
        })
    }

    /// Everything up to a number was taken, or is not to be sent. On disk when this returns; it never goes back.
    ///
    /// # Errors
    /// The file's.
    pub fn advance_queue(&self, name: &str, number: u64) -> Result<(), Failure> {
        self.own(|connection| {
            connection
                .prepare_cached(
                    "INSERT INTO queue (name, sent) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET
                     sent = ?2, attempts = 0, since = NULL, next = NULL, error = NULL, parked = 0 WHERE sent < ?2",
                )?
                .execute(params![name, number.cast_signed()])?;
            Ok(())
        })
    }

    /// The one after `sent` was tried in vain. Nothing is noted when the queue went on meanwhile: somebody skipped it.
    ///
    /// # Errors
    /// The file's.
    pub fn fail_queue(&self, name: &str, failed: &Queue) -> Result<(), Failure> {
        let time = |at: Option<Timestamp>| at.map(Timestamp::as_microsecond);
        self.own(|connection| {
            connection
                .prepare_cached(
                    "INSERT INTO queue (name, sent, attempts, since, next, error, parked)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (name) DO UPDATE SET
                     attempts = ?3, since = ?4, next = ?5, error = ?6, parked = ?7 WHERE sent = ?2",
                )?
                .execute(params![
                    name,
                    failed.sent.cast_signed(),
                    failed.attempts,
                    time(failed.since),
                    time(failed.next),
                    failed.error,
                    failed.parked
                ])?;
            Ok(())
        })
    }

    /// Try a queue again now, parked or not; the patience with it begins anew.
    ///
    /// # Errors
    /// The file's.
    pub fn retry_queue(&self, name: &str) -> Result<(), Failure> {
        self.own(|connection| {
            connection
                .prepare_cached("UPDATE queue SET attempts = 0, since = NULL, next = NULL, parked = 0 WHERE name = ?1")?
                .execute([name])?;
            Ok(())
        })?;
        self.stir_queues();
        Ok(())
    }

    /// Leave out the one in the way, and go on behind it. False: it is not in the way any more.
    ///
    /// # Errors
    /// The file's.
    pub fn skip_in_queue(&self, name: &str, number: u64) -> Result<bool, Failure> {
        let skipped = self.own(|connection| {
            let changed = connection
                .prepare_cached(
                    "UPDATE queue SET sent = ?2, attempts = 0, since = NULL, next = NULL, error = NULL, parked = 0
                     WHERE name = ?1 AND sent = ?2 - 1",
                )?
                .execute(params![name, number.cast_signed()])?;
            Ok(changed > 0)
        })?;
        self.stir_queues();
        Ok(skipped)
    }

    /// Its receiver will not take this one: kept for a person to decide about, and the queue goes on.
    ///
    /// # Errors
    /// The file's.
    pub fn refuse_in_queue(&self, name: &str, number: u64, error: &str, now: Timestamp) -> Result<(), Failure> {
        self.own(|connection| {
            connection
                .prepare_cached(
                    "INSERT INTO queue_refused (name, number, at, error, again) VALUES (?1, ?2, ?3, ?4, 0)
                     ON CONFLICT (name, number) DO UPDATE SET at = ?3, error = ?4, again = 0",
                )?
                .execute(params![name, number.cast_signed(), now.as_microsecond(), error])?;
            Ok(())
        })?;
        // Should this be lost in a crash, it is sent once more and refused once more.
        self.advance_queue(name, number)
    }

    /// What the receiver of a queue would not take, the oldest first.
    ///
    /// # Errors
    /// The file's.
    pub fn refused_in_queue(&self, name: &str, limit: usize) -> Result<Vec<Refused>, Failure> {
        self.readers.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT number, at, error, again FROM queue_refused WHERE name = ?1 ORDER BY number LIMIT ?2",
            )?;
            let found = statement
                .query_map(params![name, i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
                    Ok(Refused {
                        number: row.get::<_, i64>(0)?.cast_unsigned(),
                        at: Timestamp::from_microsecond(row.get(1)?).unwrap_or_default(),
                        error: row.get(2)?,
                        again: row.get(3)?,
                    })
                })?
                .collect::<Result<_, _>>()?;
            Ok(found)
        })
    }

    /// Send one again that was refused.
    ///
    /// # Errors
    /// The file's.
    pub fn resend_in_queue(&self, name: &str, number: u64) -> Result<bool, Failure> {
        let found = self.own(|connection| {
            let changed = connection
                .prepare_cached("UPDATE queue_refused SET again = 1 WHERE name = ?1 AND number = ?2")?
                .execute(params![name, number.cast_signed()])?;
            Ok(changed > 0)
        })?;
        self.stir_queues();
        Ok(found)
    }

    /// One that was refused is settled: taken after all, or not to be sent.
    ///
    /// # Errors
    /// The file's.
    pub fn settle_in_queue(&self, name: &str, number: u64) -> Result<bool, Failure> {
        self.own(|connection| {
            let changed = connection
                .prepare_cached("DELETE FROM queue_refused WHERE name = ?1 AND number = ?2")?
                .execute(params![name, number.cast_signed()])?;
            Ok(changed > 0)
        })
    }

    /// Note that an event was not told to a receiver, so that its taking back is not told either.
    ///
    /// # Errors
    /// The file's.
    pub fn pass_over(&self, name: &str, event: u64) -> Result<(), Failure> {
        self.own(|connection| {
            connection
                .prepare_cached("INSERT OR IGNORE INTO queue_passed (name, number) VALUES (?1, ?2)")?
                .execute(params![name, event.cast_signed()])?;
            Ok(())
        })
    }

    /// Whether an event was not told to a receiver.
    ///
    /// # Errors
    /// The file's.
    pub fn was_passed_over(&self, name: &str, event: u64) -> Result<bool, Failure> {
        self.readers.read(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT 1 FROM queue_passed WHERE name = ?1 AND number = ?2")?;
            Ok(statement.exists(params![name, event.cast_signed()])?)
        })
    }

    /// How many mails wait after a number.
    ///
    /// # Errors
    /// The file's.
    pub fn mails_waiting(&self, after: u64) -> Result<u64, Failure> {
        self.readers.read(|connection| {
            let count: i64 = connection
                .prepare_cached("SELECT count(*) FROM mail WHERE id > ?1")?
                .query_row([after.cast_signed()], |row| row.get(0))?;
            Ok(count.cast_unsigned())
        })
    }

    /// How many events of these kinds there are after a number.
    ///
    /// # Errors
    /// The file's.
    pub fn events_waiting(&self, after: u64, topics: &[Topic]) -> Result<u64, Failure> {
        let topics: Vec<String> = topics.iter().map(|topic| (*topic as u8).to_string()).collect();
        let sql = format!("SELECT count(*) FROM event WHERE n > ?1 AND topic IN ({})", topics.join(","));
        self.readers.read(|connection| {
            let count: i64 = connection.prepare_cached(&sql)?.query_row([after.cast_signed()], |row| row.get(0))?;
            Ok(count.cast_unsigned())
        })
    }

    /// How many queues have been tried in vain for longer than some minutes, and still are.
    ///
    /// # Errors
    /// The file's.
    pub fn failing_queues(&self, now: Timestamp) -> Result<u64, Failure> {
        let before = now.checked_sub(Queue::FAILING).unwrap_or(Timestamp::MIN).as_microsecond();
        // One whose receiver is configured no more is left where it was, and tried by nobody.
        let served = now.checked_sub(SignedDuration::from_secs(2 * PAUSE_SECONDS_MAX)).unwrap_or(Timestamp::MIN);
        let served = served.as_microsecond();
        self.readers.read(|connection| {
            let count: i64 = connection
                .prepare_cached("SELECT count(*) FROM queue WHERE parked = 0 AND since <= ?1 AND next > ?2")?
                .query_row([before, served], |row| row.get(0))?;
            Ok(count.cast_unsigned())
        })
    }

    /// The names of the queues that are tried no more until somebody says so.
    ///
    /// # Errors
    /// The file's.
    pub fn parked_queues(&self) -> Result<Vec<String>, Failure> {
        self.readers.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT name FROM queue WHERE parked = 1 ORDER BY name")?;
            let found = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
            Ok(found)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_from_ten_seconds_to_an_hour_and_after_seven_days_it_is_parked() {
        let mut now: Timestamp = "2026-03-10T09:00:00Z".parse().expect("a time");
        let begun = now;
        let mut queue = Queue { sent: 4, ..Queue::default() };
        let mut pauses = Vec::new();
        while !queue.parked {
            assert!(queue.is_due(now));
            queue = queue.after_failure("no connection", now);
            let next = queue.next.expect("a next try");
            pauses.push(next.duration_since(now).as_secs());
            assert!(!queue.is_due(now));
            now = next;
        }
        assert_eq!(pauses.get(..10), Some(&[10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600][..]));
        assert!(pauses.iter().all(|pause| *pause <= 3600));
        assert_eq!((queue.sent, queue.since), (4, Some(begun)));
        let tried_for = now.duration_since(begun).as_hours();
        assert!((168..171).contains(&tried_for), "{tried_for}");
        assert!(!queue.is_due(now), "parked: until somebody says so");
    }
}
