//! The log: one event a line on standard error, as text or JSON. Never a person's data: not a name, not a number, not a
//! message's content, not a query string. What identifies a message there is its feed and its journal position.

use tracing_subscriber::{EnvFilter, fmt};

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line, for a log store.
    Json,
}

/// Start logging. `SKEIN_LOG` overrides the level, in the manner of `info,intake=debug`.
pub fn start(form: Form, level: &str) {
    let mut filter = EnvFilter::try_from_env("SKEIN_LOG").or_else(|_| EnvFilter::try_new(level)).unwrap_or_default();
    // At its lower levels the client of PostgreSQL logs what statements are about, which is people.
    for quiet in ["tokio_postgres=warn", "tokio_postgres::query=warn"].iter().filter_map(|quiet| quiet.parse().ok()) {
        filter = filter.add_directive(quiet);
    }
    let base = fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(true);
    // A second start in one process (tests) keeps the first.
    let _ = match form {
        Form::Text => base.with_ansi(false).try_init(),
        Form::Json => base.json().flatten_event(true).try_init(),
    };
}
