//! Who may see what, and proof of it: users, the gate, permits. Nothing about a person leaves the store without a
//! [`Permit`], and making one writes the audit entry.

mod accounts;
mod gate;
pub mod jwt;
pub mod outgoing;
mod random;
pub mod sign_in;
pub mod smart;
mod user;

pub use accounts::{Account, Accounts, NoAccounts, hash_password};
pub use gate::{Action, DeskPermit, FindPermit, Gate, POLICY, Permit, Refusal, Sealed, StewardPermit};
pub use user::{User, UserKind};
