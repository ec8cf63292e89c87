//! What is known for telling: `notify.db`, beside the derived state and like it made of the journal, by whoever follows the
//! change feed. It may be deleted while skein is stopped; it is made again. Its one writer is the [`crate::Follower`].

use crate::Failure;
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

/// The version of the tables. Another number means: made again from the journal.
const VERSION: i64 = 6;
/// Reading connections kept open at most.
const IDLE_READERS_MAX: usize = 8;

const TABLES: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
-- When sources spoke, feed by feed: messages by hour since 1970.
CREATE TABLE heard (source TEXT NOT NULL, feed TEXT NOT NULL, hour INTEGER NOT NULL, messages INTEGER NOT NULL,
  PRIMARY KEY (source, feed, hour)) WITHOUT ROWID;
CREATE INDEX heard_hour ON heard (hour);
-- Caseloads: the people a practice or a team looks after.
CREATE TABLE list (
  id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,                  -- practice, team, uploaded, rule
  organisation TEXT NOT NULL,          -- ODS code
  name TEXT NOT NULL,
  rule TEXT                            -- of a list by rule: what puts people on it, JSON
);
CREATE INDEX list_organisation ON list (organisation);
-- Who is on them: the patient, and which resource or decision says so. A list's people lie together, by person, as pages show them.
-- A patient is on a list by one of these once, as one person.
CREATE TABLE member (
  list INTEGER NOT NULL, person INTEGER NOT NULL, patient INTEGER NOT NULL, why TEXT NOT NULL,
  PRIMARY KEY (list, person, patient, why)
) WITHOUT ROWID;
CREATE INDEX member_person ON member (person);
CREATE INDEX member_why ON member (patient, why);
-- Stays, appointments, letters and results of late, for windows and boards. What they say is read through the gate.
CREATE TABLE item (
  id INTEGER PRIMARY KEY,
  patient INTEGER NOT NULL, kind INTEGER NOT NULL, local INTEGER NOT NULL,
  person INTEGER NOT NULL, part INTEGER NOT NULL,
  at INTEGER NOT NULL,                 -- microseconds since 1970: by what they are sorted
  seq INTEGER NOT NULL,                -- the newest change
  status TEXT NOT NULL,
  UNIQUE (patient, kind, local)
);
CREATE INDEX item_person ON item (person);
CREATE INDEX item_at ON item (part, at);
-- The same by caseload.
CREATE TABLE listed (
  list INTEGER NOT NULL, part INTEGER NOT NULL, at INTEGER NOT NULL, item INTEGER NOT NULL, status TEXT NOT NULL,
  PRIMARY KEY (list, part, at, item)
) WITHOUT ROWID;
CREATE INDEX listed_item ON listed (item);
-- Requests made here, by who is asked and who asks. What they say is read through the gate.
CREATE TABLE request (
  patient INTEGER NOT NULL, kind INTEGER NOT NULL, local INTEGER NOT NULL,
  person INTEGER NOT NULL,
  owner TEXT NOT NULL, asker TEXT NOT NULL, -- ODS codes
  urgency INTEGER NOT NULL,            -- 2 emergency, 1 urgent, 0 routine
  open INTEGER NOT NULL,
  at INTEGER NOT NULL,                 -- when it was made; of one that is closed, when that was
  seq INTEGER NOT NULL,
  status TEXT NOT NULL,
  PRIMARY KEY (patient, kind, local)
) WITHOUT ROWID;
CREATE INDEX request_owner ON request (owner, open, urgency, at);
CREATE INDEX request_asker ON request (asker, open, urgency, at);
-- What happened, in the order it became known. Never changed but for whether it still stands.
CREATE TABLE event (
  n INTEGER PRIMARY KEY,
  seq INTEGER NOT NULL,
  person INTEGER NOT NULL, patient INTEGER NOT NULL, kind INTEGER NOT NULL, local INTEGER NOT NULL,
  topic INTEGER NOT NULL, key TEXT NOT NULL,
  occurred INTEGER, recorded INTEGER NOT NULL,
  corrects INTEGER,                    -- the event this takes back
  stands INTEGER NOT NULL              -- 1 it holds, 0 taken back, 2 another is in its place, 3 a taking back
);
CREATE INDEX event_subject ON event (patient, kind, local, topic);
CREATE INDEX event_person ON event (person, n);
-- Who is told.
CREATE TABLE team (
  id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, organisation TEXT NOT NULL, name TEXT NOT NULL, rules TEXT NOT NULL
);
CREATE INDEX team_organisation ON team (organisation);
CREATE TABLE team_list (list INTEGER NOT NULL, team INTEGER NOT NULL, PRIMARY KEY (list, team)) WITHOUT ROWID;
-- What a team was told of one stay, letter, appointment …: one notice, however many messages.
CREATE TABLE notice (
  id INTEGER PRIMARY KEY,
  team INTEGER NOT NULL,
  person INTEGER NOT NULL, patient INTEGER NOT NULL, kind INTEGER NOT NULL, local INTEGER NOT NULL,
  last INTEGER NOT NULL,               -- the newest event told
  at INTEGER NOT NULL,                 -- when that became known
  urgent INTEGER NOT NULL,
  acknowledged INTEGER NOT NULL DEFAULT 0, -- up to which event
  acknowledged_by TEXT, acknowledged_at INTEGER,
  assigned TEXT,
  snoozed INTEGER,                     -- until when
  due INTEGER,                         -- when it is passed on unless acknowledged
  escalated INTEGER,                   -- when it was
  gone INTEGER NOT NULL DEFAULT 0,     -- 1: it was about somebody else
  UNIQUE (team, patient, kind, local)
);
CREATE INDEX notice_inbox ON notice (team, at);
CREATE INDEX notice_person ON notice (person);
CREATE INDEX notice_subject ON notice (patient, kind, local);
CREATE INDEX notice_due ON notice (due) WHERE due IS NOT NULL;
CREATE TABLE told (notice INTEGER NOT NULL, event INTEGER NOT NULL, PRIMARY KEY (notice, event)) WITHOUT ROWID;
CREATE TABLE note (notice INTEGER NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL, by TEXT NOT NULL, words TEXT NOT NULL,
  PRIMARY KEY (notice, seq)) WITHOUT ROWID;
-- What wards and community teams say to each other about a stay.
CREATE TABLE planning (
  patient INTEGER NOT NULL, kind INTEGER NOT NULL, local INTEGER NOT NULL, seq INTEGER NOT NULL,
  at INTEGER NOT NULL, by TEXT NOT NULL, organisation TEXT NOT NULL, about TEXT NOT NULL, words TEXT NOT NULL,
  PRIMARY KEY (patient, kind, local, seq)
) WITHOUT ROWID;
-- How far a user has looked through a caseload's letters and results.
CREATE TABLE looked (user TEXT NOT NULL, list INTEGER NOT NULL, mark INTEGER NOT NULL, next INTEGER NOT NULL,
  at INTEGER NOT NULL, PRIMARY KEY (user, list)) WITHOUT ROWID;
-- Subscriptions of systems, and what each was to be sent, numbered from one.
CREATE TABLE subscription (
  id TEXT PRIMARY KEY, client TEXT NOT NULL, resource TEXT NOT NULL, filter TEXT NOT NULL, status TEXT NOT NULL, error TEXT,
  since INTEGER NOT NULL,              -- the event it begins after
  numbered INTEGER NOT NULL DEFAULT 0  -- events so far
) WITHOUT ROWID;
CREATE TABLE due (subscription TEXT NOT NULL, number INTEGER NOT NULL, event INTEGER NOT NULL,
  PRIMARY KEY (subscription, number)) WITHOUT ROWID;
-- What leaves over other channels, and how that goes: how far each queue has got.
CREATE TABLE queue (
  name TEXT PRIMARY KEY, sent INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, since INTEGER, next INTEGER,
  error TEXT, parked INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
-- Messages that no caseload or subscription asks for by itself: mails about what was passed on, digests.
CREATE TABLE mail (id INTEGER PRIMARY KEY, team INTEGER NOT NULL, at INTEGER NOT NULL, why TEXT NOT NULL, count INTEGER NOT NULL,
  UNIQUE (team, at, why));
";

/// What is made when it is missing, whatever the version: it is not made of the journal, so a file need not be made anew for
/// it. The queues' own: what a receiver would not take, what was not told to it, when each began.
const OWN_TABLES: &str = "
CREATE TABLE IF NOT EXISTS queue_begun (name TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS queue_refused (
  name TEXT NOT NULL, number INTEGER NOT NULL, at INTEGER NOT NULL, error TEXT NOT NULL, again INTEGER NOT NULL,
  PRIMARY KEY (name, number)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS queue_passed (name TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (name, number))
  WITHOUT ROWID;
";

fn set_up(connection: &Connection) -> Result<(), Failure> {
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(())
}

/// Open the file for its one writer; one of another version is made anew.
pub(crate) fn open(path: &Path) -> Result<Connection, Failure> {
    let mut connection = connect(path)?;
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found != 0 && found != VERSION {
        drop(connection);
        for suffix in ["", "-wal", "-shm"] {
            let mut name = path.as_os_str().to_owned();
            name.push(suffix);
            match std::fs::remove_file(&name) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Failure::Stopped(format!("{} cannot be made anew: {error}", path.display())));
                }
                _ => {}
            }
        }
        connection = connect(path)?;
    }
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found == 0 {
        connection.execute_batch(&format!("BEGIN IMMEDIATE; {TABLES} PRAGMA user_version = {VERSION}; COMMIT;"))?;
    }
    connection.execute_batch(OWN_TABLES)?;
    Ok(connection)
}

fn connect(path: &Path) -> Result<Connection, Failure> {
    let connection = Connection::open(path)?;
    set_up(&connection)?;
    connection.pragma_update(None, "page_size", 8192)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // After a crash it may be a little behind, never wrong: what is missing is made again from the change feed, with the
    // same numbers.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    keep(&connection, false)?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    Ok(connection)
}

/// What the writer keeps of the file in memory, in KiB; and while very much is taken in, part of what there is.
const CACHE_KIB: u64 = 32 << 10;
const CACHE_MOST_KIB: u64 = 1 << 20;
const CACHE_ONE_IN: u64 = 4;

/// Have the writer keep much of the file in memory, or as much as is usual.
pub(crate) fn keep(connection: &Connection, much: bool) -> Result<(), Failure> {
    let cache = match much {
        true => store::part_of_memory_kib(CACHE_ONE_IN, (CACHE_KIB, CACHE_MOST_KIB), CACHE_KIB),
        false => CACHE_KIB,
    };
    connection.pragma_update(None, "cache_size", -i64::try_from(cache).unwrap_or(i64::MAX))?;
    if !much {
        connection.execute_batch("PRAGMA shrink_memory")?;
    }
    Ok(())
}

/// Connections for reading. Clones share them.
#[derive(Clone)]
pub(crate) struct Readers {
    path: Arc<PathBuf>,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Readers {
    pub fn new(path: &Path) -> Self {
        Readers { path: Arc::new(path.to_owned()), idle: Arc::default() }
    }

    /// Read in one consistent view.
    pub fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T, Failure>) -> Result<T, Failure> {
        let idle = self.idle.lock().ok().and_then(|mut idle| idle.pop());
        let connection = match idle {
            Some(connection) => connection,
            None => {
                let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                let connection = Connection::open_with_flags(&*self.path, flags)?;
                set_up(&connection)?;
                connection.pragma_update(None, "query_only", true)?;
                connection
            }
        };
        connection.execute_batch("BEGIN")?;
        let result = work(&connection);
        if connection.execute_batch("COMMIT").is_ok()
            && let Ok(mut idle) = self.idle.lock()
            && idle.len() < IDLE_READERS_MAX
        {
            idle.push(connection);
        }
        result
    }
}

/// How far the change feed was followed.
pub(crate) fn reached(connection: &Connection) -> Result<u64, Failure> {
    let reached: Option<i64> = connection
        .prepare_cached("SELECT value FROM meta WHERE key = 'reached'")?
        .query_row([], |row| row.get(0))
        .optional()?;
    Ok(reached.unwrap_or(0).cast_unsigned())
}

/// Note how far the change feed was followed.
pub(crate) fn set_reached(connection: &Connection, seq: u64) -> Result<(), Failure> {
    connection
        .prepare_cached(
            "INSERT INTO meta (key, value) VALUES ('reached', ?1) ON CONFLICT (key) DO UPDATE SET value = ?1",
        )?
        .execute([seq.cast_signed()])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn much_is_kept_in_memory_while_very_much_is_taken_in_and_little_again_after() {
        let folder = tempfile::tempdir().unwrap();
        let connection = open(&folder.path().join("notify.db")).unwrap();
        let kept = || -connection.pragma_query_value(None, "cache_size", |row| row.get::<_, i64>(0)).unwrap();
        let usual = i64::try_from(CACHE_KIB).unwrap();
        assert_eq!(kept(), usual);
        keep(&connection, true).unwrap();
        assert!((usual..=i64::try_from(CACHE_MOST_KIB).unwrap()).contains(&kept()), "{}", kept());
        assert!(kept() > usual || store::part_of_memory_kib(CACHE_ONE_IN, (0, u64::MAX), 0) <= CACHE_KIB);
        keep(&connection, false).unwrap();
        assert_eq!(kept(), usual);
    }
}
