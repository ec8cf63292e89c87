//! What PostgreSQL says went wrong, as what the caller can do about it.

use crate::StoreError;
use std::error::Error as _;
use tokio_postgres::{Error, error::SqlState};

/// What a failure of the database means to the store. The words never hold a value of a row: PostgreSQL names keys and values in
/// its details, and they stay behind.
pub(super) fn failure(error: &Error) -> StoreError {
    let Some(told) = error.as_db_error() else {
        let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
        return StoreError::Away(format!("{error}{cause}"));
    };
    let code = told.code();
    let words = format!("{} (SQLSTATE {})", told.message(), code.code());
    match code.code().get(..2).unwrap_or_default() {
        // The connection, or the server as a whole, is going or has no room for another; or two got in each other's way.
        "08" | "57" | "40" => StoreError::Away(words),
        _ if *code == SqlState::TOO_MANY_CONNECTIONS => StoreError::Away(words),
        _ if *code == SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT => StoreError::Away(words),
        // Only making and changing tables waits for so long and no longer.
        _ if *code == SqlState::LOCK_NOT_AVAILABLE => StoreError::Unusable(
            "a table was in use for too long: nothing was changed; run it again when less is going on".into(),
        ),
        _ if *code == SqlState::DISK_FULL => StoreError::Full,
        "58" => StoreError::Stopped(words),
        "XX" => StoreError::Corrupt(words),
        // Who may not sign in, a database that is not there, tables that are not there or not ours to touch.
        "28" | "3D" | "3F" | "42" => StoreError::Unusable(format!("PostgreSQL refuses: {words}")),
        "53" => StoreError::Engine(words),
        // Of what is left the message may hold a value.
        _ => StoreError::Engine(format!("PostgreSQL refuses (SQLSTATE {})", code.code())),
    }
}
