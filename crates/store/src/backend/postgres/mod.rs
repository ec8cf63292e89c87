//! PostgreSQL: one database a region, a schema each for the journal, the audit trail and the derived state. A statement that
//! changes something is sent and not waited for; whatever comes next on the connection waits for both. Rows that are inserted
//! are gathered by table and sent together, before anything that could notice. What is committed is certain: a connection that is lost at a commit is made again, and the database asked whether it happened.

mod failure;
mod rows;
mod schema;
mod server;
mod session;
mod text;
mod wire;

pub(crate) use schema::DERIVED_SCHEMA;
pub use schema::Migrated;
pub(super) use schema::{begin_anew, begun_anew, derived_versions_agree, exists, finish_anew, make_derived};
pub use server::Server;
pub(super) use session::column;
pub(crate) use session::{Purpose, Session};
