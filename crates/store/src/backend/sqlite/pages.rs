//! A derived state in a file, page by page: how it gets into a backup while the region runs, and out of one. SQLite hands out the
//! pages of one moment (`sqlite_dbpage`), whatever is written meanwhile, and needs no second file for it.

use super::{another_version, open_for_reading, schema};
use crate::StoreError;
use rusqlite::Connection;
use std::{
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
};

/// Pages are read once each: there is nothing to keep.
const CACHE_KIB: i64 = 256;

/// The pages of a derived state as of one moment. Held for long it holds up that the log of what is written meanwhile is put into
/// the file.
pub struct Pages {
    connection: Connection,
    seq: u64,
    next: u64,
    count: u64,
    page: u64,
}

impl Pages {
    pub(in crate::backend) fn hold(path: &Path) -> Result<Self, StoreError> {
        let connection = open_for_reading(path, CACHE_KIB)?;
        connection.execute_batch("BEGIN")?;
        let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map(i64::cast_unsigned);
        let seq = number("SELECT coalesce(max(CAST(value AS INTEGER)), 0) FROM meta WHERE key = 'applied'")?;
        let version = number("PRAGMA user_version")?;
        if version.cast_signed() != schema::DERIVED_VERSION {
            return Err(another_version("derived state", version.cast_signed(), schema::DERIVED_VERSION));
        }
        let (count, page) = (number("PRAGMA page_count")?, number("PRAGMA page_size")?);
        Ok(Pages { connection, seq, next: 1, count, page })
    }

    /// The position of the journal it has reached.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// How large it is, in bytes.
    pub fn bytes(&self) -> u64 {
        self.count * self.page
    }

    /// How much of it was taken, in bytes.
    pub fn taken(&self) -> u64 {
        (self.next - 1) * self.page
    }

    /// The next pages, about so many bytes of them; nothing once all were taken.
    ///
    /// # Errors
    /// The store's.
    pub fn take(&mut self, bytes: u64) -> Result<Vec<u8>, StoreError> {
        let until = (self.next + (bytes / self.page).max(1)).min(self.count + 1);
        let mut taken = Vec::with_capacity(usize::try_from((until - self.next) * self.page).unwrap_or(0));
        let mut read = self.connection.prepare_cached("SELECT data FROM sqlite_dbpage WHERE pgno = ?1")?;
        for number in self.next..until {
            let mut rows = read.query([number.cast_signed()])?;
            let row = rows.next()?.ok_or_else(|| StoreError::Corrupt(format!("page {number} is missing")))?;
            let data =
                row.get_ref(0)?.as_blob().map_err(|_| StoreError::Corrupt(format!("page {number} is no page")))?;
            taken.extend_from_slice(data);
        }
        self.next = until;
        Ok(taken)
    }
}

/// A derived state that is put together of its pages, beside where it will be.
pub struct NewPages {
    path: PathBuf,
    temporary: PathBuf,
    file: File,
}

impl NewPages {
    pub(in crate::backend) fn begin(path: &Path) -> Result<Self, StoreError> {
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(".new");
        let (path, temporary) = (path.to_owned(), PathBuf::from(temporary));
        let file = File::create(&temporary).map_err(cannot(&temporary))?;
        Ok(NewPages { path, temporary, file })
    }

    /// The next pages.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] where they cannot be written.
    pub fn put(&mut self, pages: &[u8]) -> Result<(), StoreError> {
        self.file.write_all(pages).map_err(cannot(&self.temporary))
    }

    /// That was the last: on disk, and in its place.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] where it cannot be written, [`StoreError::Corrupt`] where it is not as of `seq`: it is not put in its
    /// place then.
    pub fn finish(self, seq: u64) -> Result<(), StoreError> {
        let NewPages { path, temporary, file } = self;
        file.sync_all().map_err(cannot(&temporary))?;
        drop(file);
        // A file that was written with a log wants one to be read at all: it is its own again after.
        let found = Pages::hold(&temporary).map(|pages| pages.seq);
        for suffix in ["-wal", "-shm"] {
            let mut left = temporary.as_os_str().to_owned();
            left.push(suffix);
            let _ = std::fs::remove_file(left);
        }
        let found = found?;
        if found != seq {
            return Err(StoreError::Corrupt(format!("a derived state as of {seq} says that it is as of {found}")));
        }
        std::fs::rename(&temporary, &path).map_err(cannot(&path))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(cannot(&path))
    }
}

fn cannot(path: &Path) -> impl Fn(std::io::Error) -> StoreError {
    move |error| StoreError::Unusable(format!("cannot write {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::{What, sqlite::open_store};

    /// What is written while pages are taken is in none of them, also where it went into the file before.
    #[test]
    fn pages_are_of_one_moment() {
        let folder = tempfile::tempdir().unwrap();
        let (path, copy) = (folder.path().join("derived.db"), folder.path().join("copy.db"));
        let writer = open_store(&path, What::Derived).unwrap();
        let put = |from: i64| {
            writer.execute_batch("BEGIN").unwrap();
            for patient in from..from + 2_000 {
                writer
                    .execute(
                        "INSERT INTO patient (patient, source, facts) VALUES (?1, 1, ?2)",
                        (patient, format!("\"{}\"", "x".repeat(99))),
                    )
                    .unwrap();
            }
            let at = from + 1_999;
            writer.execute("REPLACE INTO meta (key, value) VALUES ('applied', ?1)", [at]).unwrap();
            writer.execute_batch("COMMIT").unwrap();
        };
        put(1);
        writer.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
        put(2_001);
        let mut pages = Pages::hold(&path).unwrap();
        assert_eq!(pages.seq(), 4_000);
        let mut new = NewPages::begin(&copy).unwrap();
        new.put(&pages.take(64 << 10).unwrap()).unwrap();
        assert_eq!(pages.taken(), 64 << 10);
        put(4_001);
        writer.execute("UPDATE patient SET facts = '\"another\"'", []).unwrap();
        writer.execute_batch("PRAGMA wal_checkpoint(PASSIVE)").unwrap();
        loop {
            let taken = pages.take(100_000).unwrap();
            if taken.is_empty() {
                break;
            }
            new.put(&taken).unwrap();
        }
        assert_eq!(pages.taken(), pages.bytes());
        new.finish(4_000).unwrap();
        let copied = open_store(&copy, What::Derived).unwrap();
        let count = |sql: &str| copied.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!(count("SELECT count(*) FROM patient"), 4_000);
        assert_eq!(count("SELECT count(*) FROM patient WHERE facts = '\"another\"'"), 0);
        let whole: String = copied.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(whole, "ok");
    }

    #[test]
    fn pages_of_another_moment_are_not_put_in_place() {
        let folder = tempfile::tempdir().unwrap();
        let (path, copy) = (folder.path().join("derived.db"), folder.path().join("copy.db"));
        drop(open_store(&path, What::Derived).unwrap());
        let mut pages = Pages::hold(&path).unwrap();
        let mut new = NewPages::begin(&copy).unwrap();
        new.put(&pages.take(u64::MAX).unwrap()).unwrap();
        assert!(matches!(new.finish(7), Err(StoreError::Corrupt(_))));
        assert!(!copy.exists());
    }
}
