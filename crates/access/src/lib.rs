//! Who may see what, and proof of it: users, the gate, permits. Nothing about a person leaves the store without a
//! [`Permit`], and making one writes the audit entry.

mod accounts;
mod audit_event;
mod gate;
pub mod jwt;
pub mod misuse;
pub mod outgoing;
pub mod policy;
mod random;
pub mod sign_in;
pub mod smart;
mod user;

pub use accounts::{Account, Accounts, NoAccounts, hash_password};
pub use audit_event::audit_event;
pub use gate::{
    Action, AsAt, Asked, DeskPermit, Evidence, FindPermit, Found, Gate, GateConfig, Look, Needed, Organisation,
    Outcome, Permit, PrivacyPermit, Recorded, Refusal, Replayed, Sealed, Shown, Sight, Since, Situation, StewardPermit,
    Via, Withheld, WritePermit,
};
pub use store::SaidBearing;
pub use store::audit::{AuditEntry, Matter, MatterKind};
pub use user::{User, UserKind};
