//! What can go wrong on disk, named by what the caller can do about it.

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk is full. Nothing was written; the same call may succeed once there is room.
    #[error("the disk is full: make room; nothing was stored and nothing was acknowledged")]
    Full,
    /// The disk is nearly full: messages are refused, so that there is room for the audit and records can still be read. Nothing
    /// was written; the same call may succeed once there is room.
    #[error(
        "the disk is nearly full ({} MB are left, {} MB are kept free): make room; nothing was stored and nothing was acknowledged",
        left / 1_000_000, kept / 1_000_000
    )]
    Low {
        /// Bytes that are left.
        left: u64,
        /// Bytes that are kept free.
        kept: u64,
    },
    /// A write or fsync failed in a way that leaves the state of the disk unknown, so this store refuses all further
    /// writes until the process is started again.
    #[error("the store has stopped after a failed write ({0}): check the disk, then start again")]
    Stopped(String),
    /// The folder cannot be used: missing, read-only, of another version or another region, or held by another process.
    #[error("{0}")]
    Unusable(String),
    /// What is on disk is not what was written.
    #[error("corrupt data: {0}")]
    Corrupt(String),
    /// The database engine refused.
    #[error("database: {0}")]
    Engine(String),
    /// The database cannot be reached just now. What was acknowledged is there, nothing else is; it is tried again.
    #[error("the database cannot be reached ({0}): nothing was acknowledged; try again later")]
    Away(String),
    /// A batch of a derived state that is made anew without what undoes one ([`crate::Undoing::Not`]) cannot be taken back: it is
    /// begun again from nothing.
    #[error("what was begun cannot be taken back: it is made again from nothing")]
    NoWayBack,
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => StoreError::Full,
            Some(ErrorCode::SystemIoFailure) => StoreError::Stopped(error.to_string()),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Corrupt(error.to_string()),
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                StoreError::Unusable(format!("cannot write to the database: {error}"))
            }
            _ => StoreError::Engine(error.to_string()),
        }
    }
}

impl StoreError {
    /// A copy to hand to each of several waiting callers.
    pub fn duplicate(&self) -> StoreError {
        match self {
            StoreError::Full => StoreError::Full,
            StoreError::Low { left, kept } => StoreError::Low { left: *left, kept: *kept },
            StoreError::Stopped(why) => StoreError::Stopped(why.clone()),
            StoreError::Unusable(why) => StoreError::Unusable(why.clone()),
            StoreError::Corrupt(why) => StoreError::Corrupt(why.clone()),
            StoreError::Engine(why) => StoreError::Stopped(why.clone()),
            StoreError::Away(why) => StoreError::Away(why.clone()),
            StoreError::NoWayBack => StoreError::NoWayBack,
        }
    }
}
