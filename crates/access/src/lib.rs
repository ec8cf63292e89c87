//! Who may see what, and proof of it: users, the gate, permits. Nothing about a person leaves the store without a
//! [`Permit`], and making one writes the audit entry.

mod accounts;
mod gate;
pub mod misuse;
pub mod policy;
mod user;

pub use accounts::{Account, Accounts, NoAccounts, hash_password};
pub use gate::{
    Action, DeskPermit, Evidence, FindPermit, Gate, GateConfig, Needed, Organisation, Outcome, Permit, PrivacyPermit,
    Recorded, Refusal, Replayed, Sealed, Shown, Sight, Situation, StewardPermit, Via, Withheld,
};
pub use user::{User, UserKind};
