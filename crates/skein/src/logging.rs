//! The log: one event a line on standard error, as text or JSON. Never a person's data: not a name, not a number, not a
//! message's content, not a query string. What identifies a message there is its feed and its journal position.

use crate::traces::{Spans, TARGET};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{LevelFilter, filter_fn},
    fmt,
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

/// Of [`TARGET`], nothing: spans are no log lines.
const NO_SPANS: &str = "skein::span=off";

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

/// Start logging, and tracing where `spans` is given. `SKEIN_LOG` overrides the level, in the manner of `info,intake=debug`.
pub fn start(form: Form, level: &str, spans: Option<Spans>) {
    let mut filter = EnvFilter::try_from_env("SKEIN_LOG").or_else(|_| EnvFilter::try_new(level)).unwrap_or_default();
    // At its lower levels the client of PostgreSQL logs what statements are about, which is people. Spans are for a collector;
    // where there is none, each is refused where it stands.
    let quiet = ["tokio_postgres=warn", "tokio_postgres::query=warn", NO_SPANS];
    for quiet in quiet.iter().filter_map(|quiet| quiet.parse().ok()) {
        filter = filter.add_directive(quiet);
    }
    // A second start in one process (tests) keeps the first.
    let Some(spans) = spans else {
        let base = fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(true);
        let _ = match form {
            Form::Text => base.with_ansi(false).try_init(),
            Form::Json => base.json().flatten_event(true).try_init(),
        };
        return;
    };
    let lines = fmt::layer().with_writer(std::io::stderr).with_target(true);
    let lines = match form {
        Form::Text => lines.with_ansi(false).with_filter(filter).boxed(),
        Form::Json => lines.json().flatten_event(true).with_filter(filter).boxed(),
    };
    // Only our own: a library's span may say what it works on.
    let ours = filter_fn(|about| about.is_span() && about.target() == TARGET).with_max_level_hint(LevelFilter::INFO);
    let _ = tracing_subscriber::registry().with(lines).with(spans.with_filter(ours)).try_init();
}
