//! A region on disk, as the commands meet it: found by its configuration, visited beside a running server, or run.

use crate::{
    cli::RegionArgs,
    config::Config,
    edge,
    failure::{Failure, Outcome},
};
use access::{Gate, User};
use intake::{Engine, EngineConfig, StoreError};
use record::Records;
use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use store::{
    Derived, Folder,
    audit::Audit,
    journal::{Journal, JournalReader, NewEntry, Receipt},
};

/// How long to wait until a running region has carried a decision out.
const WAIT_SECONDS_MAX: u64 = 60;

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

impl Visit {
    /// The read side.
    pub fn records(&self) -> Records {
        let data = self.data.clone();
        Records::new(self.derived.clone(), move || JournalReader::open(&Folder::visit(&data)?))
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.audit.close();
    }
}

/// Put decisions in the journal and have them carried out. Gives the position of the last.
pub fn decide(config: &Config, visit: &Visit, decisions: Vec<NewEntry>) -> Outcome<u64> {
    let folder = Folder::visit(&visit.data)?;
    let journal = Journal::open(&folder)?;
    let mut last = 0;
    for decision in decisions {
        match journal.append_blocking(decision)? {
            Receipt::Stored { pos, .. } | Receipt::Repeat { pos, .. } => last = pos,
        }
    }
    journal.close();
    carry_out(config, visit, last)?;
    Ok(last)
}

/// Wait until the running region has come to `pos`; where none runs, be the one that does it.
fn carry_out(config: &Config, visit: &Visit, pos: u64) -> Outcome {
    let deadline = Instant::now() + Duration::from_secs(WAIT_SECONDS_MAX);
    while visit.derived.snapshot()?.seq() < pos {
        if Folder::hold(&visit.data).is_ok() {
            let engine = start(config)?;
            let done = runtime()?.block_on(engine.wait_applied(pos));
            engine.stop();
            done?;
        } else if Instant::now() > deadline {
            return Err(Failure::found(format!(
                "the decision is in the journal at {pos}, but the running region has not come to it within {WAIT_SECONDS_MAX} s"
            )));
        } else {
            std::thread::sleep(Duration::from_millis(100));
        }
    }
    Ok(())
}

/// What futures run on.
pub fn runtime() -> Outcome<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::found(error.to_string()))
}

/// Whoever sits at this terminal: the account of the operating system, which can read the files anyway.
pub fn operator() -> User {
    let name = std::env::var("SUDO_USER").or_else(|_| std::env::var("USER")).or_else(|_| std::env::var("LOGNAME"));
    let name = name.unwrap_or_else(|_| "unknown".into());
    User::staff(format!("os:{name}"), format!("{name} at the command line"), ("R8015", "Systems support"), ("", ""))
}

/// Whoever sits at this terminal, as a data steward. `by`: the name of whoever decides; the account stays who it is, so
/// that two names at one terminal are not two stewards.
pub fn steward(by: Option<&str>) -> User {
    let operator = operator();
    let name = by.map_or_else(|| operator.name.clone(), |by| format!("{by}, at the command line"));
    User { name, role_code: "R8012".into(), role_name: "Data steward".into(), ..operator }
}
