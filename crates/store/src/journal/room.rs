//! Room that is kept free. Every reading of a record writes an audit entry before it is answered, so on a full disk nobody could
//! read. While the disk is nearly full, messages are refused (their senders keep them and come again), and reading, decisions
//! and what people write go on with the room that is left.

use super::{Journal, NewEntry};
use crate::StoreError;
use jiff::Timestamp;

/// How it stands with a disk that is nearly full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Bytes that are left.
    pub left: u64,
    /// Bytes that are kept free.
    pub kept: u64,
    /// Since when messages are refused.
    pub since: Timestamp,
}

impl Journal {
    /// Refuse messages from now on, because no more room than this is left; None: take them again.
    pub fn hold(&self, room: Option<Room>) {
        self.room.send_replace(room);
    }

    /// Why messages are refused, while they are.
    pub fn held(&self) -> Option<Room> {
        *self.room.borrow()
    }

    /// Whether this entry may be stored now.
    pub(super) fn may_store(&self, entry: &NewEntry) -> Result<(), StoreError> {
        match self.held() {
            Some(room) if entry.kind.is_message() => Err(StoreError::Low { left: room.left, kept: room.kept }),
            _ => Ok(()),
        }
    }
}
