//! The region's policies: from their folder, checked, and followed while the region is served: a change needs no restart.

use crate::{
    config::Config,
    failure::{Failure, Outcome},
    region,
};
use access::{
    Gate, GateConfig, Organisation,
    policy::{Policies, PolicyFiles},
};
use forms::Forms;
use intake::listener::Clock;
use std::{path::PathBuf, time::Duration};
use tokio_util::sync::CancellationToken;

/// How often the folder is looked at.
const LOOK_SECONDS: u64 = 2;

/// What a configuration says of the gate.
///
/// # Errors
/// When the folder of policies cannot be read.
pub fn gate_config(config: &Config) -> Outcome<GateConfig> {
    let policies = config.policies().map(|folder| PolicyFiles::from_folder(&folder)).transpose();
    let policies = policies.map_err(|error| Failure::asked(format!("policies: {error}")))?;
    let organisations = config.organisations.iter().map(|organisation| Organisation {
        code: organisation.code.clone(),
        name: organisation.name.clone(),
        kind: organisation.kind.clone(),
    });
    Ok(GateConfig { policies, organisations: organisations.collect() })
}

/// The forms of a configuration: those that come with Skein, and the region's own.
///
/// # Errors
/// The file, the item, and what is wrong.
pub fn forms(config: &Config) -> Outcome<Forms> {
    let forms = match config.forms() {
        Some(folder) => forms::from_folder(&folder),
        None => Forms::builtin(),
    };
    forms.map_err(|error| Failure::asked(format!("forms: {error}")))
}

/// Check the policies of a configuration without putting them into force.
///
/// # Errors
/// The file, the line or rule, and what is wrong.
pub fn check(config: &Config) -> Outcome {
    let files = gate_config(config)?.policies.unwrap_or_else(PolicyFiles::builtin);
    Policies::new(files).map(|_| ()).map_err(|error| Failure::asked(format!("policies: {error}")))
}

/// Put policies into force as the files of their folder change. Files that cannot be used change nothing: the former stay.
pub async fn follow(folder: PathBuf, gate: Gate, clock: Clock, stop: CancellationToken) {
    let mut refused = String::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(Duration::from_secs(LOOK_SECONDS)) => {}
        }
        let from = folder.clone();
        let in_force = gate.policies().version().clone();
        let read = tokio::task::spawn_blocking(move || {
            let files = PolicyFiles::from_folder(&from)?;
            if files.version() == *in_force { Ok(None) } else { Policies::new(files).map(Some) }
        });
        let outcome = match read.await {
            Ok(Ok(None)) => continue,
            Ok(Ok(Some(policies))) => {
                let version = policies.version().clone();
                let used = gate.use_policies(policies, &region::operator(), clock()).await;
                used.map(|()| version).map_err(|error| error.to_string())
            }
            Ok(Err(error)) => Err(error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match outcome {
            Ok(version) => {
                refused.clear();
                tracing::info!(%version, "other policies are in force");
            }
            Err(error) if error == refused => {}
            Err(error) => {
                tracing::error!(%error, "the policies were changed and cannot be used: the former stay in force");
                refused = error;
            }
        }
    }
}
