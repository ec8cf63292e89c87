//! Which of several processes on one database processes the journal. All of them take messages in and show records; one applies, for
//! a replay must give what was decided, and so there is one order.
//!
//! It says every second that it is there. When it has not for [`LEASE`], whoever asks next takes its place: the connection that
//! wrote the derived state is ended by the database, which either keeps or forgets the batch it had in hand, and only then does
//! the next one write. So no two ever write, whichever of them was only slow.

use crate::{
    Folder, Server, StoreError,
    backend::{
        postgres::{DERIVED_SCHEMA, Purpose, Session},
        values,
    },
};
use jiff::Timestamp;
use std::{
    sync::mpsc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// For how long a process that says nothing is believed to be there.
pub const LEASE: Duration = Duration::from_secs(3);

/// How often it is asked for by whoever must have it.
const ASK: Duration = Duration::from_millis(100);

/// Who applies, and how it is getting on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Machine and process, for a person to read.
    pub who: String,
    /// Why it processes nothing at present, and since when.
    pub fault: Option<(String, Timestamp)>,
    /// Whether it is still believed to be there.
    pub there: bool,
}

/// One process's claim to be the one that applies.
pub struct Lease {
    session: Session,
    who: String,
}

const NAME: &str = "apply";

impl Lease {
    /// The claim of this process on the database of a region; `None` where the region is files, which have one process.
    ///
    /// # Errors
    /// [`StoreError::Away`]; [`StoreError::Unusable`].
    pub fn open(folder: &Folder) -> Result<Option<Self>, StoreError> {
        folder.server().map(|server| Self::on(server, folder.process())).transpose()
    }

    /// The same, of a database.
    ///
    /// # Errors
    /// As there.
    pub fn on(server: &Server, who: &str) -> Result<Self, StoreError> {
        Ok(Lease { session: Session::open(server, "skein", Purpose::Append)?, who: who.to_owned() })
    }

    /// Take it, where nobody has it or whoever had it is silent. True: it is ours, and nobody else writes the derived state.
    ///
    /// # Errors
    /// The store's.
    pub fn take(&self) -> Result<bool, StoreError> {
        let taken = self.session.execute(
            "INSERT INTO skein.lease (name, holder, who, epoch, until)
             VALUES (?1, ?2, ?3, 1, clock_timestamp() + make_interval(secs => ?4))
             ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, who = excluded.who, epoch = skein.lease.epoch + 1,
               until = excluded.until, fault = NULL, fault_since = NULL
             WHERE skein.lease.until < clock_timestamp()",
            values![NAME, self.session.token(), self.who, seconds()],
        )?;
        if taken > 0 {
            self.end_former_writer()?;
        }
        Ok(taken > 0)
    }

    /// End the connection of whoever wrote the derived state before.
    fn end_former_writer(&self) -> Result<(), StoreError> {
        let sql = "SELECT pg_terminate_backend(pid) FROM pg_locks
                   WHERE locktype = 'advisory' AND classid::bigint = 1936418153
                     AND objid::bigint = (hashtext(?1)::bigint & 4294967295) AND granted AND pid <> pg_backend_pid()
                     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        self.session.query(sql, values![DERIVED_SCHEMA]).map(|_| ())
    }

    /// Say that we are still there, and why nothing is processed if it is not. False: another has taken our place.
    ///
    /// # Errors
    /// The store's.
    pub fn renew(&self, fault: Option<(&str, Timestamp)>) -> Result<bool, StoreError> {
        let renewed = self.session.execute(
            "UPDATE skein.lease SET until = clock_timestamp() + make_interval(secs => ?3), fault = ?4, fault_since = ?5
             WHERE name = ?1 AND holder = ?2",
            values![
                NAME,
                self.session.token(),
                seconds(),
                fault.map(|(why, _)| why),
                fault.map(|(_, since)| since.as_microsecond())
            ],
        )?;
        Ok(renewed > 0)
    }

    /// Give it up: another may take it at once.
    ///
    /// # Errors
    /// The store's.
    pub fn release(&self) -> Result<(), StoreError> {
        let sql = "UPDATE skein.lease SET until = '-infinity' WHERE name = ?1 AND holder = ?2";
        self.session.execute(sql, values![NAME, self.session.token()]).map(|_| ())
    }

    /// Who has it.
    ///
    /// # Errors
    /// The store's.
    pub fn holder(&self) -> Result<Option<Holder>, StoreError> {
        let sql = "SELECT who, fault, fault_since, CASE WHEN until >= clock_timestamp() THEN 1 ELSE 0 END
                   FROM skein.lease WHERE name = ?1";
        let rows = self.session.query(sql, values![NAME])?;
        let wrong = |_| StoreError::Corrupt("a row of skein.lease holds another type than was written".into());
        let read = |row: &tokio_postgres::Row| {
            let (fault, since): (Option<String>, Option<i64>) = (row.try_get(1)?, row.try_get(2)?);
            let since = since.and_then(|since| Timestamp::from_microsecond(since).ok()).unwrap_or_default();
            let fault = fault.map(|why| (why, since));
            Ok(Holder { who: row.try_get(0)?, fault, there: row.try_get::<_, i32>(3)? == 1 })
        };
        rows.first().map(read).transpose().map_err(|error: tokio_postgres::Error| wrong(error))
    }

    /// The position up to which the one that applies has made the journal visible.
    ///
    /// # Errors
    /// The store's.
    pub fn applied(&self) -> Result<u64, StoreError> {
        let sql = "SELECT CAST(value AS BIGINT) FROM skein_derived.meta WHERE key = 'applied'";
        let rows = self.session.query(sql, &[])?;
        Ok(rows.first().and_then(|row| row.try_get::<_, i64>(0).ok()).unwrap_or(0).cast_unsigned())
    }

    /// Keep something for whoever takes our place, under a name. Nothing is kept once it is not ours any more.
    ///
    /// # Errors
    /// The store's.
    pub fn leave(&self, name: &str, body: &str) -> Result<(), StoreError> {
        let sql = "INSERT INTO skein.handover (name, body)
                   SELECT ?1, ?2 FROM skein.lease WHERE name = ?3 AND holder = ?4
                   ON CONFLICT (name) DO UPDATE SET body = excluded.body";
        self.session.execute(sql, values![name, body, NAME, self.session.token()]).map(|_| ())
    }

    /// What the one before us left under a name.
    ///
    /// # Errors
    /// The store's.
    pub fn left(&self, name: &str) -> Result<Option<String>, StoreError> {
        handed_over(&self.session, name)
    }
}

/// What `skein.handover` has under a name.
pub(crate) fn handed_over(session: &Session, name: &str) -> Result<Option<String>, StoreError> {
    let rows = session.query("SELECT body FROM skein.handover WHERE name = ?1", values![name])?;
    rows.first()
        .map(|row| row.try_get(0))
        .transpose()
        .map_err(|_| StoreError::Corrupt("a row of skein.handover holds another type than was written".into()))
}

/// Nobody applies while this is there: for work that puts another derived state in the place of the one in use.
#[derive(Debug)]
pub struct Alone {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Alone {
    /// See to it. `None` where the region is files: whoever holds the folder is alone.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] while a process of the region applies, naming it; [`StoreError::Away`].
    pub fn with(folder: &Folder) -> Result<Option<Self>, StoreError> {
        let Some(lease) = Lease::open(folder)? else { return Ok(None) };
        let begin = Instant::now();
        // One that ended without a word is believed to be there for a while.
        while !lease.take()? {
            if begin.elapsed() > LEASE * 2 {
                let who = lease.holder()?.map(|holder| holder.who).unwrap_or_default();
                return Err(StoreError::Unusable(format!(
                    "the database is in use by another skein process ({who}): stop every process of the region first"
                )));
            }
            std::thread::sleep(ASK);
        }
        let (stop, told) = mpsc::channel();
        let renew = move || {
            while told.recv_timeout(LEASE / 6) == Err(mpsc::RecvTimeoutError::Timeout) {
                if !lease.renew(None).unwrap_or(true) {
                    tracing::error!("another process has taken the place of this one, which was silent for too long");
                    return;
                }
            }
            if let Err(error) = lease.release() {
                tracing::debug!(%error, "the lease was not given up: another process takes it once it is over");
            }
        };
        let thread = std::thread::Builder::new()
            .name("lease".into())
            .spawn(renew)
            .map_err(|e| StoreError::Unusable(format!("cannot start a thread: {e}")))?;
        Ok(Some(Alone { stop: Some(stop), thread: Some(thread) }))
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// [`LEASE`], as the database is told it.
fn seconds() -> i64 {
    i64::try_from(LEASE.as_secs()).unwrap_or(i64::MAX)
}
