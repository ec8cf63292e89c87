//! Whom the entries of a trail in a file are about: an index of its own, in a file beside the trail, that is taken in a moment after
//! they are written. Each person's place in it is anywhere, so that within the trail every person a search finds was another page
//! to be on disk before anybody is shown; here nobody waits for it, and a page that has several new entries is written once.
//!
//! Nothing rests on it. What is not taken in yet is looked up among the newest entries themselves; without the file, or with one of
//! another trail, all of them are looked through; and it is made again from the trail. A trail that was made with such an index
//! inside keeps that, and a database's index is its own affair.

use crate::{
    Folder, StoreError,
    backend::{Connection, Place, What, sqlite, values},
};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, bounded};
use std::{
    path::{Path, PathBuf},
    thread::JoinHandle,
    time::Duration,
};

/// Entries are gathered for so long before they are taken in: the longer, the more of them share a page, and the more must be looked
/// through when somebody asks who looked.
const GATHERING: Duration = Duration::from_secs(5);
/// Entries taken in at a time, at most.
const PIECE: i64 = 32_768;
/// The lowest priority there is (setpriority(2)).
const NICENESS: i32 = 19;
/// Of this file kept in memory, in KiB.
const CACHE_KIB: i64 = 4 << 10;

const TABLES: &str = "
-- The entries about each person that were taken in.
CREATE TABLE IF NOT EXISTS about (person INTEGER NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (person, n)) WITHOUT ROWID;
-- Up to which entry, and its hash: by that it is known to be of this trail.
CREATE TABLE IF NOT EXISTS taken (one INTEGER PRIMARY KEY CHECK (one = 1), n INTEGER NOT NULL, hash BLOB NOT NULL);
";
const VERSION: i64 = 1;
/// Its name, beside the trail's.
const FILE: &str = "audit-persons.db";

/// Where it is, of a trail that has one.
fn path(folder: &Folder) -> Option<PathBuf> {
    folder.server().is_none().then(|| folder.path().join(FILE))
}

/// Whether the trail has such an index inside.
fn within(trail: &Connection) -> Result<bool, StoreError> {
    trail.has("SELECT 1 FROM sqlite_schema WHERE type = 'index' AND name = 'entry_person'", &[])
}

/// How far it is taken in, if it is of this trail.
fn taken(trail: &Connection, index: &Connection) -> Result<Option<i64>, StoreError> {
    let said: Option<(i64, Vec<u8>)> =
        index.one("SELECT n, hash FROM taken", &[], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let Some((n, hash)) = said else { return Ok(None) };
    let of_this = trail.has("SELECT 1 FROM entry WHERE n = ?1 AND hash = ?2", values![n, hash])?;
    Ok(of_this.then_some(n))
}

/// Looks in it.
pub(super) struct Reader {
    index: Connection,
}

impl Reader {
    /// Where there is one that can be read.
    pub(super) fn open(folder: &Folder, trail: &Connection) -> Result<Option<Self>, StoreError> {
        let Some(path) = path(folder).filter(|path| path.is_file()) else { return Ok(None) };
        if within(trail)? {
            return Ok(None);
        }
        Ok(match sqlite::open_for_reading(&path, CACHE_KIB) {
            Ok(index) => Some(Reader { index: index.into() }),
            Err(error) => {
                unreadable(&error);
                None
            }
        })
    }

    /// The numbers of the newest entries about a person, newest first. None where it cannot tell.
    pub(super) fn about(&self, trail: &Connection, person: i64, limit: i64) -> Result<Option<Vec<i64>>, StoreError> {
        let known = || -> Result<_, StoreError> {
            let Some(taken) = taken(trail, &self.index)? else { return Ok(None) };
            let sql = "SELECT n FROM about WHERE person = ?1 AND n <= ?2 ORDER BY n DESC LIMIT ?3";
            Ok(Some((taken, self.index.all(sql, values![person, taken, limit], |row| row.get::<i64>(0))?)))
        };
        let Some((taken, known)) = known().unwrap_or_else(|error| {
            unreadable(&error);
            None
        }) else {
            return Ok(None);
        };
        let sql = "SELECT n FROM entry WHERE n > ?1 AND person = ?2 ORDER BY n DESC LIMIT ?3";
        let mut found = trail.all(sql, values![taken, person, limit], |row| row.get(0))?;
        found.extend(known);
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(Some(found))
    }

    /// It has what entries up to the one it is taken in to are about, and nothing else.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] naming the first entry of which that is not so.
    pub(super) fn verify(&self, trail: &Connection) -> Result<(), StoreError> {
        // One that cannot be read hides nothing: nobody is answered from it.
        let Some(taken) = taken(trail, &self.index).unwrap_or_else(|error| {
            unreadable(&error);
            None
        }) else {
            return Ok(());
        };
        let wrong = |n: i64| {
            StoreError::Corrupt(format!(
                "the index of persons does not say whom audit entry {n} is about: stop skein, keep {FILE} for whoever looks into it \
                 and take it out of the folder; it is made again from the trail"
            ))
        };
        let mut said = 0i64;
        let sql = "SELECT n, person FROM entry WHERE n <= ?1 AND person IS NOT NULL";
        trail.each(sql, values![taken], |row| {
            let (n, person): (i64, i64) = (row.get(0)?, row.get(1)?);
            said += 1;
            let there = self.index.has("SELECT 1 FROM about WHERE person = ?1 AND n = ?2", values![person, n])?;
            if there { Ok(()) } else { Err(wrong(n)) }
        })?;
        let sql = "SELECT COUNT(*) FROM about WHERE n <= ?1";
        let held: i64 = self.index.only(sql, values![taken], |row| row.get(0))?;
        if held == said {
            return Ok(());
        }
        // More than the trail says: name one.
        self.index.each("SELECT person, n FROM about WHERE n <= ?1", values![taken], |row| {
            let (person, n): (i64, i64) = (row.get(0)?, row.get(1)?);
            let so = trail.has("SELECT 1 FROM entry WHERE n = ?1 AND person = ?2", values![n, person])?;
            if so { Ok(()) } else { Err(wrong(n)) }
        })
    }
}

fn unreadable(error: &StoreError) {
    tracing::warn!(%error, "the audit trail's index of persons cannot be read: the trail is looked through instead");
}

/// Takes entries in, on a thread of its own. Dropped, it takes in what there is, a piece of it at most, and ends.
pub(super) struct Writer {
    written: Option<Sender<()>>,
    going: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Of a folder whose trail is open. None where the trail has an index inside, or is not in a file.
    pub(super) fn open(folder: &Folder, trail: &Connection) -> Result<Option<Self>, StoreError> {
        let Some(path) = path(folder) else { return Ok(None) };
        if within(trail)? {
            return Ok(None);
        }
        let index = match of_this_trail(&path, trail) {
            Ok(index) => index,
            Err(error) => {
                tracing::error!(%error, file = %path.display(), "the audit trail has no index of persons until this is mended and \
                                 the region started again: who looked is found in the trail itself, which takes longer");
                return Ok(None);
            }
        };
        let taking = Taking { trail: folder.audit().open_for_reading()?, index };
        let ((written, inbox), (going, ending)) = (bounded(1), bounded(1));
        let thread = std::thread::Builder::new()
            .name("audit-persons".into())
            .spawn(move || taking.run(&inbox, &ending))
            .map_err(|e| StoreError::Unusable(format!("cannot start the thread of the audit's index: {e}")))?;
        Ok(Some(Writer { written: Some(written), going: Some(going), thread: Some(thread) }))
    }

    /// There are new entries.
    pub(super) fn reached(&self) {
        // Full: it knows already.
        let _ = self.written.as_ref().map(|written| written.try_send(()));
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.going.take();
        self.written.take();
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Open it, and begin it anew where it is not of this trail or no database.
fn of_this_trail(path: &Path, trail: &Connection) -> Result<Connection, StoreError> {
    let open = || -> Result<Connection, StoreError> {
        let file = sqlite::open_paged(path, "WAL", "NORMAL", CACHE_KIB, sqlite::PAGE_AUDIT)?;
        sqlite::prepare(&file, "audit trail's index of persons", TABLES, VERSION)?;
        Ok(file.into())
    };
    let known = || {
        let index = open()?;
        let usable = taken(trail, &index)?.is_some() || !index.has("SELECT 1 FROM taken", &[])?;
        Ok::<_, StoreError>(usable.then_some(index))
    };
    match known() {
        Ok(Some(index)) => return Ok(index),
        Ok(None) => tracing::warn!("the audit trail's index of persons is of another trail: it is made again"),
        Err(error) => tracing::warn!(%error, "the audit trail's index of persons cannot be used: it is made again"),
    }
    Place::file(What::Audit, path.to_owned()).remove()?;
    open()
}

struct Taking {
    trail: Connection,
    index: Connection,
}

impl Taking {
    fn run(&self, written: &Receiver<()>, ending: &Receiver<()>) {
        // Of this thread alone: whoever waits for a page goes before it.
        if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
            tracing::debug!(%error, "the audit trail's index of persons is taken in at the same priority as all else");
        }
        let mut failed = false;
        loop {
            match self.piece() {
                Ok(true) if ending.try_recv() == Err(TryRecvError::Empty) => continue,
                Ok(_) => failed = false,
                Err(error) if failed => {
                    tracing::debug!(%error, "the audit trail's index of persons is not taken in yet")
                }
                Err(error) => {
                    failed = true;
                    tracing::error!(%error, "the audit trail's index of persons is not taken in: who looked takes longer to find");
                }
            }
            // Whatever comes within a moment is taken in with it.
            if written.recv().is_err() || ending.recv_timeout(GATHERING) == Err(RecvTimeoutError::Disconnected) {
                break;
            }
        }
        if let Err(error) = self.piece().and_then(|_| self.index.settle()) {
            tracing::error!(%error, "the audit trail's index of persons was not taken in to the end");
        }
    }

    /// Take in a piece of what there is. Says whether there may be more.
    fn piece(&self) -> Result<bool, StoreError> {
        let from: Option<i64> = self.index.one("SELECT n FROM taken", &[], |row| row.get(0))?;
        let mut about: Vec<(i64, i64)> = Vec::new();
        let mut last = None;
        let sql = "SELECT n, person, hash FROM entry WHERE n > ?1 ORDER BY n LIMIT ?2";
        let mut count = 0;
        self.trail.each(sql, values![from.unwrap_or(0), PIECE], |row| {
            let n = row.get(0)?;
            if let Some(person) = row.get::<Option<i64>>(1)? {
                about.push((person, n));
            }
            count += 1;
            last = Some((n, row.get::<Vec<u8>>(2)?));
            Ok::<_, StoreError>(())
        })?;
        let Some((last, hash)): Option<(i64, _)> = last else { return Ok(false) };
        about.sort_unstable();
        self.index.transact(|index| {
            for (person, n) in &about {
                let sql = "INSERT INTO about (person, n) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
                index.write(sql, values![*person, *n])?;
            }
            // A process beside this one may have come further.
            index.write(
                "INSERT INTO taken (one, n, hash) VALUES (1, ?1, ?2)
                 ON CONFLICT (one) DO UPDATE SET n = excluded.n, hash = excluded.hash WHERE excluded.n > taken.n",
                values![last, hash],
            )
        })?;
        Ok(count == PIECE)
    }
}
