//! What can go wrong with a backup, named by what it means for whoever needs it.

use std::path::{Path, PathBuf};
use store::StoreError;

/// A failure.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The folder of the backup, or a file in it, cannot be read or written.
    #[error("{}: {why}", path.display())]
    Target {
        /// Which.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// Another process writes there.
    #[error("another process is backing up into {}: try again when it is done", .0.display())]
    Locked(PathBuf),
    /// Nothing is there.
    #[error("{} holds no backup: there is no segment of a journal in it", .0.display())]
    Nothing(PathBuf),
    /// The end of a file is missing.
    #[error("{} is cut off: its end is missing", .0.display())]
    CutOff(PathBuf),
    /// A file is not what was written.
    #[error("{} is damaged: {why}", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// How that is known.
        why: String,
    },
    /// A file stands under another's name.
    #[error("{} holds {found}: it was exchanged or renamed", path.display())]
    Misplaced {
        /// Which.
        path: PathBuf,
        /// What it holds.
        found: String,
    },
    /// Entries are missing.
    #[error("{stream} entries {from} to {to} are missing from the backup in {}", folder.display())]
    Missing {
        /// Of which stream.
        stream: &'static str,
        /// The first.
        from: u64,
        /// The last.
        to: u64,
        /// The folder.
        folder: PathBuf,
    },
    /// A file of another backup.
    #[error("{} is of another backup (region {region}, series {series}), not of this one", path.display())]
    Foreign {
        /// Which.
        path: PathBuf,
        /// Its region.
        region: String,
        /// Its series.
        series: String,
    },
    /// A segment is whole and follows from other entries than those before it.
    #[error("{} does not follow from the segment before it: the entries before it were others", .0.display())]
    Unchained(PathBuf),
    /// The identity does not open it.
    #[error("the identity does not open {}: it was encrypted to other recipients", .0.display())]
    WrongKey(PathBuf),
    /// The keys given are none.
    #[error("{0}")]
    Keys(String),
    /// The region's store is not the one that was backed up or copied here.
    #[error("{0}")]
    Diverged(String),
    /// What was asked cannot be done as asked.
    #[error("{0}")]
    Refused(String),
    /// The store's.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl BackupError {
    /// Whether the caller can put it right by asking otherwise.
    pub fn is_askers(&self) -> bool {
        matches!(
            self,
            BackupError::Target { .. }
                | BackupError::Locked(_)
                | BackupError::Nothing(_)
                | BackupError::WrongKey(_)
                | BackupError::Keys(_)
                | BackupError::Refused(_)
                | BackupError::Store(StoreError::Unusable(_))
        )
    }

    pub(crate) fn damaged(path: &Path, why: impl ToString) -> Self {
        BackupError::Damaged { path: path.to_owned(), why: why.to_string() }
    }
}

/// An I/O error, in plain words.
pub(crate) fn target(path: &Path) -> impl FnOnce(std::io::Error) -> BackupError + '_ {
    use std::io::ErrorKind;
    move |error| BackupError::Target {
        path: path.to_owned(),
        why: match error.kind() {
            ErrorKind::NotFound => "there is no such file or folder".into(),
            ErrorKind::PermissionDenied => "permission denied".into(),
            ErrorKind::ReadOnlyFilesystem => "the file system is read-only".into(),
            ErrorKind::StorageFull => "the disk is full".into(),
            ErrorKind::NotADirectory => "it is no folder".into(),
            _ => error.to_string(),
        },
    }
}
