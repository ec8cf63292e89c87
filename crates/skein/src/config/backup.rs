//! `[backup]`: where the region's truth is shipped while it runs.

use super::Config;
use mapping::profile::Quiet;
use serde::Deserialize;
use std::{path::PathBuf, time::Duration};

/// How often it is shipped where the file does not say.
const EVERY: Duration = Duration::from_secs(60);

/// `[backup]`. Left out: nothing is shipped.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backup {
    /// A folder that is there already, on another disk or mounted from elsewhere; relative to this file.
    pub to: PathBuf,
    /// To whom it is encrypted, as `skein backup key` prints it: `age1…`. The keys that open it are not on this machine.
    pub recipients: Vec<String>,
    /// How long after one shipment the next begins: `60s`, `5m`. That much is lost at most when the machine is.
    pub every: Option<Quiet>,
    /// How old the derived state in the backup may become before it is shipped again: `24h`. Left out: it is not shipped, and a
    /// restore makes it of the journal. A region in a database never ships it.
    pub derived: Option<Quiet>,
}

impl Backup {
    /// How long after one shipment the next begins.
    pub fn every(&self) -> Duration {
        self.every.map_or(EVERY, |every| every.0.unsigned_abs())
    }

    /// How old the derived state in the backup may become; None: it is not shipped.
    pub fn derived(&self) -> Option<Duration> {
        self.derived.map(|derived| derived.0.unsigned_abs())
    }
}

/// What can be told without looking at the folder.
///
/// # Errors
/// A sentence.
pub fn check(config: &Config) -> Result<(), String> {
    let Some(backup) = &config.backup else { return Ok(()) };
    backup::Recipients::parse(&backup.recipients).map_err(|error| format!("backup.recipients: {error}"))?;
    if backup.every() < Duration::from_secs(1) {
        return Err("backup.every is one second or more".into());
    }
    if config.beside(&backup.to).starts_with(config.data()) {
        return Err("backup.to is within the data folder: it would be lost with it".into());
    }
    Ok(())
}
