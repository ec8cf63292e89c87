//! `[traces]`: where spans go, and how many of them.

use serde::Deserialize;
use std::path::PathBuf;

/// `[traces]`. Left out: nothing is traced, and nothing is spent on it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Traces {
    /// The collector's address for OTLP over HTTP, `http://127.0.0.1:4318`; `/v1/traces` is put behind it where it is not
    /// there. TLS, or a collector on this machine.
    pub endpoint: String,
    /// Which part of what happens is traced: 1 all of it, 0.1 a tenth. What a caller traces is traced here too.
    #[serde(default = "default_ratio")]
    pub ratio: f64,
    /// What this service is called among others (`service.name`).
    #[serde(default = "default_service")]
    pub service: String,
    /// What tells this process from others of the same region (`service.instance.id`). Left out: the machine's name and the
    /// number of the process.
    pub instance: Option<String>,
    /// The authorities that sign the collector's certificate, besides the system's (a PEM file; relative to this file).
    pub authorities: Option<PathBuf>,
}

fn default_ratio() -> f64 {
    0.1
}

fn default_service() -> String {
    "skein".into()
}

/// What is wrong, in a sentence.
pub fn check(traces: Option<&Traces>) -> Result<(), String> {
    let Some(traces) = traces else { return Ok(()) };
    if !(0.0..=1.0).contains(&traces.ratio) {
        return Err("traces.ratio is 0 to 1: 1 traces everything, 0.1 a tenth".into());
    }
    let name = |key: &str, text: &str| match text {
        text if text.is_empty() || text.len() > 100 || text.chars().any(char::is_control) => {
            Err(format!("traces.{key} is a name of 1 to 100 characters"))
        }
        _ => Ok(()),
    };
    name("service", &traces.service)?;
    traces.instance.as_deref().map_or(Ok(()), |instance| name("instance", instance))
}
