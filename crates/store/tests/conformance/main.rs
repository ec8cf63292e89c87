//! What the store promises, on every engine.
#![allow(
    missing_docs,
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]

#[path = "../../../../tests/support/postgres.rs"]
mod database;
#[path = "../../../../tests/support/former.rs"]
mod former;

mod audit;
mod audit_persons;
mod birthdays;
mod comparing;
mod derived;
mod drafts;
mod forms;
mod home;
mod journal;
mod lost_connections;
mod migrations;
mod people;
mod schema;

/// Each story once an engine.
macro_rules! on_both {
    ($($story:ident),* $(,)?) => {
        mod sqlite {
            $(#[test] fn $story() { super::$story(&$crate::home::Home::sqlite()) })*
        }
        mod postgres {
            $(#[test] fn $story() { super::$story(&$crate::home::Home::postgres()) })*
        }
        /// All of them, one after the other.
        pub const STORIES: &[fn(&$crate::home::Home)] = &[$($story),*];
    };
}
pub(crate) use on_both;
