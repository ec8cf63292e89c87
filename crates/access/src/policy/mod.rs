//! The policies in force: files that an information governance lead can read (`policies/`), checked against a schema, asked
//! through Cedar. Nothing here knows a rule by itself; default is deny.

mod engine;
mod files;
mod jobs;
mod labels;
pub mod matrix;
mod questions;
mod settings;

pub use engine::{Policies, Ruling};
pub use files::{BadPolicy, PolicyFiles};
pub use jobs::{Job, Jobs};
pub use labels::{Class, LabelSet, Labels};
pub use questions::{Access, Desk, Door, RELATIONS, Relations, WRITINGS};
pub use settings::{ObjectionByPerson, Reason, Settings};
