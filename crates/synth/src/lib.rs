//! A synthetic English region: people, households, years of illness and care, and the messages that tell of it in each
//! source's own dialect. Everything follows from a seed and a start date; nothing reads a clock.
//!
//! Begin with [`Region`].

mod accesses;
mod clinical;
mod dice;
mod highlights;
mod inpatients;
mod letters;
mod life;
mod linkage;
mod live;
mod people;
mod profiles;
mod region;
mod register;
mod sources;
mod when;
mod wire;
mod write;

pub use accesses::{AccessLog, Incident, Looked, MisuseKind, Post, Resident, Worker};
pub use highlights::Highlight;
pub use linkage::{NoTestSet, PEOPLE_MAX, TestSet, TestSetWritten};
pub use live::Live;
pub use people::{Person, Sex};
pub use profiles::profiles;
pub use region::{DEFAULT_SEED, Region};
pub use sources::{Kind, SOURCES, Source, Wire};
pub use wire::{Format, Outgoing};
pub use write::{WriteError, Written};
