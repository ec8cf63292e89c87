//! Backups of a running region: the truth shipped piece by piece into a folder elsewhere, encrypted to keys that are not on
//! this machine, and put back from there as it was at any moment.
//!
//! Journal and audit trail only ever grow, so a backup is a row of *segments*, each with the entries from one position to
//! another, byte for byte as they are stored. A chain of keyed hashes runs over the entries and not over the files: a segment
//! says what the hash was before its first and after its last entry, so that one that is missing, exchanged or of another
//! region shows, and small segments can be made again from the store as larger ones, and must come to the same hash. So the
//! store, too, is compared with what was shipped of it.
//!
//! Beside the two streams stand snapshots of what is in neither: drafts, and the region's settings with its keys; and, where it is
//! asked for, the derived state as of an entry of the journal, so that it need not all be made again.
//!
//! The same truth can go straight into another store, of the same or the other engine ([`copy`]).

mod chain;
mod check;
mod copy;
mod error;
mod folder;
mod key;
mod mark;
mod restore;
mod segment;
mod ship;
mod snapshot;

pub use check::{Checked, Held, check};
pub use copy::{Copied, compare, copy};
pub use error::BackupError;
pub use folder::BackupFolder;
pub use key::{Identities, Recipients, new_identity};
pub use mark::{Unfinished, finish, unfinished, unfinished_there};
pub use restore::{Restored, Until, Wanted, restore};
pub use ship::{Settings, Shipped, Shipper};

/// Is told how far something is: what is being done, how much of it, of how much.
pub type Progress<'p> = &'p mut dyn FnMut(&'static str, u64, u64);
