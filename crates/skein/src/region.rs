//! A region on disk, as the commands meet it: found by its configuration, visited beside a running server, or run.

use crate::{
    cli::RegionArgs,
    config::Config,
    edge,
    failure::{Failure, Outcome},
};
use access::{Gate, User};
use intake::{Engine, EngineConfig, StoreError};
use std::path::{Path, PathBuf};
use store::{Derived, Folder, audit::Audit, journal::JournalReader};

/// Where the demonstration keeps its configuration, seen from where it was started.
pub const DEMO_CONFIG: &str = ".skein/demo/skein.toml";

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unusable(text) => Failure::Asked(text),
            other => Failure::Found(other.to_string()),
        }
    }
}

/// The configuration that is meant: the one named, else `skein.toml` here, else the demonstration's.
pub fn config(asked: &RegionArgs) -> Outcome<Config> {
    if let Some(file) = &asked.config {
        return Config::read(file);
    }
    let usual = [Path::new("skein.toml"), Path::new(DEMO_CONFIG)];
    match usual.iter().find(|file| file.is_file()) {
        Some(file) => Config::read(file),
        None => Err(Failure::asked(format!(
            "which region? there is no skein.toml here and no {DEMO_CONFIG}; name one with --config"
        ))),
    }
}

/// What the engine needs of a configuration.
pub fn engine_config(config: &Config) -> EngineConfig {
    EngineConfig { region: config.region.code.clone(), profiles: config.source_texts.clone() }
}

/// Start the engine of a region.
pub fn start(config: &Config) -> Outcome<Engine> {
    Ok(Engine::start(&config.data(), &engine_config(config), edge::now())?)
}

/// A region's files, opened to look and to decide, whether it is being served or not.
pub struct Visit {
    /// The data folder.
    pub data: PathBuf,
    /// The derived state, for reading.
    pub derived: Derived,
    /// The journal, for reading.
    pub journal: JournalReader,
    /// The gate: what is looked at here is recorded as well.
    pub gate: Gate,
    audit: Audit,
}

impl Visit {
    /// Visit a region.
    pub fn to(config: &Config) -> Outcome<Visit> {
        let data = config.data();
        let folder = Folder::visit(&data)?;
        let derived = Derived::open_for_reading(&folder.derived())?;
        let audit = Audit::open(&folder)?;
        Ok(Visit {
            journal: JournalReader::open(&folder)?,
            gate: Gate::new(derived.clone(), audit.clone()),
            derived,
            audit,
            data,
        })
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.audit.close();
    }
}

/// Whoever sits at this terminal: the account of the operating system, which can read the files anyway.
pub fn operator() -> User {
    let name = std::env::var("SUDO_USER").or_else(|_| std::env::var("USER")).or_else(|_| std::env::var("LOGNAME"));
    let name = name.unwrap_or_else(|_| "unknown".into());
    User {
        id: format!("os:{name}"),
        name: format!("{name} at the command line"),
        role_code: "R8015".into(),
        role_name: "Systems support".into(),
        org_code: String::new(),
        org_name: String::new(),
    }
}
