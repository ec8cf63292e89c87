//! A derived state that is made anew, whole, beside the one in use.

use super::{File, PAGE_DERIVED, READER_PATIENCE, open_paged, schema};
use crate::{StoreError, Undoing, room::part_of_memory_kib};
use rusqlite::Connection;
use std::{
    fs,
    io::Write as _,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

/// What is kept in memory while it is written, at least and at most, and where it cannot be known what there is. Indexes of hashes
/// are written all over, of fourteen million people 1.5 GB of them; but what is not kept here the system keeps, as far as nobody needs
/// the memory more. The index of people does: it grows beside it to gigabytes. docs/benchmarks.md says what it costs.
const CACHE_LEAST_KIB: u64 = 128 << 10;
const CACHE_MOST_KIB: u64 = 512 << 10;
const CACHE_KIB: u64 = 256 << 10;
/// And of what there is one part in so many.
const CACHE_ONE_IN: u64 = 16;
/// What is kept while what was left out is made, in KiB, and as much again of the rows that are sorted for it: the rest of them is in
/// files of the system's temporary folder, for of fourteen million people it is more than a gigabyte beside the index of people.
const CACHE_SORTING_KIB: i64 = 128 << 10;
/// What the mark's file is called: the database's name and this.
pub(in crate::backend) const MARK: &str = "-anew";

/// Whether a file that is being made can be gone on with: whether it is whole at the moment, made by whom, and since when the
/// machine runs. It is written without a way back and without waiting for the disk, so that it is of no use where the program was
/// ended while a batch was being written, or the machine was; else it is as of the last batch.
pub(super) struct Mark {
    file: fs::File,
    path: PathBuf,
}

const WHOLE: &[u8] = b"+";
const BROKEN: &[u8] = b"-";

impl Mark {
    fn path(database: &Path) -> PathBuf {
        let mut path = database.as_os_str().to_owned();
        path.push(MARK);
        path.into()
    }

    /// What stands behind the sign: where it is the same the file may be gone on with. Nothing where that cannot be known.
    fn text(by: &str) -> Option<String> {
        // Another at each start of the machine.
        let start = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        Some(format!("\n{}\n{by}\n", start.trim()))
    }

    fn cannot(path: &Path) -> impl Fn(std::io::Error) -> StoreError {
        move |error| StoreError::Unusable(format!("cannot write {}: {error}", path.display()))
    }

    fn begin(database: &Path, by: &str) -> Result<Mark, StoreError> {
        let path = Mark::path(database);
        let mut file = fs::File::create(&path).map_err(Mark::cannot(&path))?;
        let text = Mark::text(by).unwrap_or_default();
        file.write_all(&[BROKEN, text.as_bytes()].concat()).map_err(Mark::cannot(&path))?;
        Ok(Mark { file, path })
    }

    fn found(database: &Path, by: &str) -> Option<Mark> {
        let path = Mark::path(database);
        let found = fs::read(&path).ok()?;
        let same = found.strip_prefix(WHOLE)? == Mark::text(by)?.as_bytes();
        let file = fs::OpenOptions::new().write(true).open(&path).ok().filter(|_| same)?;
        Some(Mark { file, path })
    }

    /// Say whether the file is whole.
    pub(super) fn set(&self, whole: bool) -> Result<(), StoreError> {
        let sign = if whole { WHOLE } else { BROKEN };
        self.file.write_all_at(sign, 0).map_err(Mark::cannot(&self.path))
    }

    fn remove(&self) -> Result<(), StoreError> {
        fs::remove_file(&self.path).map_err(Mark::cannot(&self.path))
    }
}

/// Make the file of a derived state that is written whole and of no use before [`finish`]: the disk is not waited for,
/// indexes that nobody asks yet are left out, and there is no log, which would be as much again to write: what undoes a batch is
/// in memory, or nowhere. Whoever reads waits while a batch is committed; before that nothing of it is in the file.
pub(in crate::backend) fn begin(path: &Path, undoing: Undoing, by: &str) -> Result<File, StoreError> {
    let mark = Mark::begin(path, by)?;
    let connection = open(path, undoing)?;
    connection.execute_batch(&format!("BEGIN IMMEDIATE; {} COMMIT;", schema::DERIVED))?;
    mark.set(true)?;
    Ok(File { mark: Some(mark), ..File::from(connection) })
}

/// The file that [`begin`] made at another time, where it can be gone on with: the same program's, and whole.
pub(in crate::backend) fn go_on(path: &Path, undoing: Undoing, by: &str) -> Result<Option<File>, StoreError> {
    match Mark::found(path, by) {
        Some(mark) if path.is_file() => Ok(Some(File { mark: Some(mark), ..File::from(open(path, undoing)?) })),
        _ => Ok(None),
    }
}

fn open(path: &Path, undoing: Undoing) -> Result<Connection, StoreError> {
    let kept = if undoing == Undoing::Kept { "MEMORY" } else { "OFF" };
    let cache = part_of_memory_kib(CACHE_ONE_IN, (CACHE_LEAST_KIB, CACHE_MOST_KIB), CACHE_KIB);
    let connection = open_paged(path, kept, "OFF", i64::try_from(cache).unwrap_or(i64::MAX), PAGE_DERIVED)?;
    connection.pragma_update(None, "cache_spill", false)?;
    connection.busy_timeout(READER_PATIENCE)?;
    Ok(connection)
}

/// Everything is written: make what was left out, and have it on the disk. Only now does the file say which version wrote it.
pub(in crate::backend) fn finish(file: &File) -> Result<(), StoreError> {
    if let Some(mark) = &file.mark {
        mark.set(false)?;
    }
    file.pragma_update(None, "cache_size", -CACHE_SORTING_KIB)?;
    file.pragma_update(None, "temp_store", "FILE")?;
    // Nobody goes on with half of it, so that pages need not wait in memory for the end: they would be gigabytes.
    file.pragma_update(None, "cache_spill", true)?;
    file.execute_batch("PRAGMA shrink_memory")?;
    file.execute_batch(&format!(
        "BEGIN IMMEDIATE; {} PRAGMA user_version = {}; COMMIT;",
        schema::DERIVED_FINDS,
        schema::DERIVED_VERSION
    ))?;
    file.pragma_update(None, "journal_mode", "WAL")?;
    // Nothing that was written was waited for; a log that is put into the file has all of the file waited for. (Not by opening it
    // once more: closing that would give up the locks of this connection.)
    file.pragma_update(None, "synchronous", "FULL")?;
    file.pragma_update(None, "user_version", schema::DERIVED_VERSION)?;
    let (busy, left): (bool, bool) = file.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
        Ok((row.get(0)?, row.get::<_, i64>(1)? != row.get::<_, i64>(2)?))
    })?;
    if busy || left {
        return Err(StoreError::Unusable("somebody else has what was made anew open".into()));
    }
    file.mark.as_ref().map_or(Ok(()), Mark::remove)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::{
        What,
        sqlite::{is_derived, open_store},
    };

    fn tables(connection: &Connection) -> Vec<(String, Option<String>)> {
        let mut statement = connection.prepare("SELECT name, sql FROM sqlite_master ORDER BY name").unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.map(Result::unwrap).collect()
    }

    /// What is written anew beside the one in use is in the end as if it had been made for use; before, it is no derived state.
    #[test]
    fn what_is_made_anew_is_in_the_end_like_any_other() {
        let folder = tempfile::tempdir().unwrap();
        let usual = open_store(&folder.path().join("usual.db"), What::Derived).unwrap();
        let path = folder.path().join("anew.db");
        let anew = begin(&path, Undoing::Not, "me").unwrap();
        anew.execute("INSERT INTO patient (patient, source, nhs) VALUES (1, 1, 9434765919)", []).unwrap();
        assert!(!is_derived(&anew).unwrap() && tables(&anew) != tables(&usual));
        finish(&anew).unwrap();
        assert!(is_derived(&anew).unwrap());
        assert_eq!(tables(&anew), tables(&usual));
        drop(anew);
        assert!(!Mark::path(&path).exists());
        let again = open_store(&path, What::Derived).unwrap();
        let found: i64 =
            again.query_row("SELECT patient FROM patient WHERE nhs = 9434765919", [], |row| row.get(0)).unwrap();
        assert_eq!(found, 1);
    }

    /// Only what the same program left between two batches since the machine started is gone on with.
    #[test]
    fn what_was_left_whole_is_gone_on_with_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("anew.db");
        let found = |by| go_on(&path, Undoing::Not, by).unwrap();
        assert!(found("me").is_none(), "there is none");
        let anew = begin(&path, Undoing::Not, "me").unwrap();
        anew.begin().unwrap();
        anew.execute("INSERT INTO patient (patient, source) VALUES (1, 1)", []).unwrap();
        anew.commit().unwrap();
        anew.begin().unwrap();
        anew.execute("INSERT INTO patient (patient, source) VALUES (2, 1)", []).unwrap();
        // The program ends here.
        drop(anew);
        assert!(found("somebody else").is_none(), "another program gives another state");
        let again = found("me").expect("it is whole");
        let patients: i64 = again.query_row("SELECT count(*) FROM patient", [], |row| row.get(0)).unwrap();
        assert_eq!(patients, 1);
        drop(again);
        // In the midst of writing a batch.
        let mark = Mark::found(&path, "me").unwrap();
        mark.set(false).unwrap();
        assert!(found("me").is_none(), "a part of it may be missing");
        mark.set(true).unwrap();
        assert!(found("me").is_some());
        // The machine has started since, so that what was never waited for may be lost.
        let text = fs::read_to_string(Mark::path(&path)).unwrap();
        let start = text.lines().nth(1).unwrap();
        fs::write(Mark::path(&path), text.replace(start, "another")).unwrap();
        assert!(found("me").is_none(), "the machine was ended");
    }
}
