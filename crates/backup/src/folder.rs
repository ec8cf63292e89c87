//! The folder of a backup: which segments are in it, and whether they follow each other.

use crate::{
    BackupError,
    error::target,
    segment::{self, About, Kind},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    fs::{File, TryLockError},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

/// How far a backup had come, by its own account: written after the segments, and never needed to restore.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Account {
    pub region: String,
    pub series: String,
    pub journal: u64,
    pub audit: u64,
    /// In the data folder: where to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
}

const ACCOUNT: &str = "shipped.json";
const LOCK: &str = "backup.lock";
/// What one process at a time holds while it writes. (A derived state is written by and by, by whoever holds its own lock.)
const FOLDERS: [Kind; 4] = [Kind::Journal, Kind::Audit, Kind::Drafts, Kind::Settings];

/// A segment in its place.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub path: PathBuf,
    pub about: About,
    /// How large the file is.
    pub bytes: u64,
}

/// The folder of a backup.
pub struct BackupFolder {
    path: PathBuf,
    /// What files said of themselves, by path and size: they are never changed, only removed.
    known: Mutex<HashMap<(PathBuf, u64), About>>,
}

impl BackupFolder {
    /// A folder that is there.
    ///
    /// # Errors
    /// [`BackupError::Target`] when it is none.
    pub fn open(path: &Path) -> Result<Self, BackupError> {
        std::fs::read_dir(path).map_err(target(path))?;
        Ok(BackupFolder { path: path.to_owned(), known: Mutex::default() })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where segments of a kind are.
    pub(crate) fn of(&self, kind: Kind) -> PathBuf {
        self.path.join(kind.as_str())
    }

    /// Be the one that writes there, make what is missing, and remove what a broken-off writer left.
    pub(crate) fn lock(&self) -> Result<File, BackupError> {
        let path = self.path.join(LOCK);
        let lock = File::options().create(true).truncate(false).write(true).open(&path).map_err(target(&path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(BackupError::Locked(self.path.clone())),
            // Some mounts know no locks; the one in the data folder holds all the same.
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => return Err(target(&path)(error)),
        }
        for kind in FOLDERS {
            let folder = self.of(kind);
            if !folder.is_dir() {
                std::fs::create_dir(&folder).map_err(target(&folder))?;
                segment::sync_folder(&self.path).map_err(target(&self.path))?;
            }
            sweep(&folder)?;
        }
        Ok(lock)
    }

    /// The segments of a kind, in their order. Those whose entries are all in a larger one are given apart.
    ///
    /// # Errors
    /// What a file cannot say of itself.
    pub(crate) fn segments(&self, kind: Kind) -> Result<(Vec<Segment>, Vec<Segment>), BackupError> {
        let mut found = self.found(kind)?.into_iter().collect::<Result<Vec<_>, _>>()?;
        found.sort_by_key(|segment| (segment.about.from, std::cmp::Reverse(segment.about.to)));
        let (mut kept, mut spare): (Vec<Segment>, _) = (Vec::new(), Vec::new());
        for segment in found {
            match kept.last() {
                Some(last) if segment.about.to <= last.about.to => spare.push(segment),
                _ => kept.push(segment),
            }
        }
        Ok((kept, spare))
    }

    /// The derived states that can be read, the oldest first, and what is wrong with the others: each can be done without.
    ///
    /// # Errors
    /// The target's.
    pub(crate) fn derived(&self) -> Result<(Vec<Segment>, Vec<BackupError>), BackupError> {
        let (mut found, mut wrong) = (Vec::new(), Vec::new());
        for one in self.found(Kind::Derived)? {
            match one {
                Ok(segment) => found.push(segment),
                Err(error) => wrong.push(error),
            }
        }
        found.sort_by_key(|segment| segment.about.from);
        Ok((found, wrong))
    }

    /// The segments of a kind in no order, and what files cannot say of themselves.
    fn found(&self, kind: Kind) -> Result<Vec<Result<Segment, BackupError>>, BackupError> {
        let folder = self.of(kind);
        if !folder.is_dir() {
            return Ok(Vec::new());
        }
        let names = names(&folder)?.into_iter().filter(|name| !name.starts_with('.') && name.ends_with(".seg"));
        let one = |name: String| {
            let path = folder.join(name);
            let bytes = std::fs::metadata(&path).map_err(target(&path))?.len();
            let about = self.about(&path, bytes)?;
            if about.kind != kind {
                return Err(BackupError::Misplaced { path, found: about.words() });
            }
            Ok(Segment { path, about, bytes })
        };
        Ok(names.map(one).collect())
    }

    fn about(&self, path: &Path, bytes: u64) -> Result<About, BackupError> {
        let key = (path.to_owned(), bytes);
        if let Some(about) = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(about.clone());
        }
        let (about, _) = segment::about(path)?;
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(key, about.clone());
        Ok(about)
    }

    /// The segments of a stream, one following the other from the first entry on, all of one series.
    ///
    /// # Errors
    /// [`BackupError::Missing`], [`BackupError::Foreign`], [`BackupError::Unchained`], and what a file cannot say of itself.
    pub(crate) fn chain(&self, kind: Kind, of: Option<&About>) -> Result<(Vec<Segment>, Vec<Segment>), BackupError> {
        let (segments, spare) = self.segments(kind)?;
        let mut series = of.cloned();
        let (mut next, mut at) = (1, crate::chain::GENESIS);
        for Segment { path, about, .. } in &segments {
            let of = series.get_or_insert_with(|| about.clone());
            if (&of.series, &of.region) != (&about.series, &about.region) {
                return Err(BackupError::Foreign {
                    path: path.clone(),
                    region: about.region.clone(),
                    series: about.series.clone(),
                });
            }
            if about.from > next {
                return Err(self.missing(kind, next, about.from - 1));
            }
            if about.from < next || about.before != at {
                return Err(BackupError::Unchained(path.clone()));
            }
            (next, at) = (about.to + 1, about.after);
        }
        Ok((segments, spare))
    }

    /// That the newest segments are there, by the backup's own account.
    pub(crate) fn whole(&self, journal: u64, audit: u64) -> Result<(), BackupError> {
        let Some(account) = self.account()? else { return Ok(()) };
        for (kind, said, found) in [(Kind::Journal, account.journal, journal), (Kind::Audit, account.audit, audit)] {
            if found < said {
                return Err(self.missing(kind, found + 1, said));
            }
        }
        Ok(())
    }

    pub(crate) fn missing(&self, kind: Kind, from: u64, to: u64) -> BackupError {
        BackupError::Missing { stream: kind.as_str(), from, to, folder: self.path.clone() }
    }

    pub(crate) fn account(&self) -> Result<Option<Account>, BackupError> {
        read_account(&self.path.join(ACCOUNT))
    }

    pub(crate) fn put_account(&self, account: &Account) -> Result<(), BackupError> {
        put_account(&self.path, ACCOUNT, account)
    }
}

/// An account, where there is one that can be read: one that cannot is made again.
pub(crate) fn read_account(path: &Path) -> Result<Option<Account>, BackupError> {
    match std::fs::read(path) {
        Ok(text) => Ok(serde_json::from_slice(&text).ok()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(target(path)(error)),
    }
}

/// Put an account in its place, whole or not at all.
pub(crate) fn put_account(folder: &Path, name: &str, account: &Account) -> Result<(), BackupError> {
    let (path, temporary) = (folder.join(name), folder.join(format!(".new-{name}")));
    let text = serde_json::to_vec(account).map_err(|error| BackupError::damaged(&path, error))?;
    File::create(&temporary)
        .and_then(|mut file| file.write_all(&text).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&temporary, &path))
        .and_then(|()| segment::sync_folder(folder))
        .map_err(target(&path))
}

/// Remove what a broken-off writer left.
pub(crate) fn sweep(folder: &Path) -> Result<(), BackupError> {
    for name in names(folder)? {
        if name.starts_with(".new-") {
            let left = folder.join(name);
            std::fs::remove_file(&left).map_err(target(&left))?;
        }
    }
    Ok(())
}

fn names(folder: &Path) -> Result<Vec<String>, BackupError> {
    let entries = std::fs::read_dir(folder).map_err(target(folder))?;
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.map(|entry| entry.file_name().into_string());
    let names = entries.map(name).collect::<std::io::Result<Vec<_>>>().map_err(target(folder))?;
    Ok(names.into_iter().flatten().collect())
}
