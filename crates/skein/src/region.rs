//! A region on disk, as the commands meet it: found by its configuration, visited beside a running server, or run.

use crate::{
    cli::RegionArgs,
    config::Config,
    edge,
    failure::{Failure, Outcome},
    policies,
};
use access::{Gate, User};
use intake::{Engine, EngineConfig, StoreError};
use record::Records;
use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use store::{
    Derived, Folder, Server,
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
    Ok(Engine::start_in(hold(config)?, &engine_config(config), edge::now())?)
}

/// The same for showing records, which are read from a copy of the database where the configuration names one.
pub fn start_serving(config: &Config) -> Outcome<Engine> {
    let folder = hold_serving(config)?;
    // They are needed last, and where they are another version's that is no reason to begin.
    record::Drafts::of_region(&folder)?;
    Ok(Engine::start_in(folder, &engine_config(config), edge::now())?)
}

fn hold_serving(config: &Config) -> Outcome<Folder> {
    let Some(address) = &config.region.replica else { return hold(config) };
    let Some(server) = server(config)? else {
        return Err(Failure::asked(format!(
            "{}: region.replica is a copy of the database in region.store, which is not named",
            config.file.display()
        )));
    };
    finished(config)?;
    let folder = Folder::hold_with(&config.data(), Some(server.read_from(database(config, address)?)))?;
    Ok(folder.called(edge::process()))
}

/// The database of a region that has one in PostgreSQL.
pub fn server(config: &Config) -> Outcome<Option<Server>> {
    config.region.store.as_ref().map(|address| database(config, address)).transpose()
}

fn database(config: &Config, address: &str) -> Outcome<Server> {
    let beside = |path: &Option<PathBuf>| path.as_deref().map(|path| config.beside(path));
    let (password, authorities) =
        (beside(&config.region.store_password_file), beside(&config.region.store_authorities));
    Ok(Server::parse(address, password.as_deref(), authorities.as_deref())?)
}

/// Open the region for the one process that runs the pipeline.
pub fn hold(config: &Config) -> Outcome<Folder> {
    finished(config)?;
    let folder = Folder::hold_with(&config.data(), server(config)?)?.called(edge::process());
    finished_there(&folder)?;
    Ok(folder)
}

/// Open the region beside a running process, to look and to decide.
pub fn visit(config: &Config) -> Outcome<Folder> {
    finished(config)?;
    let folder = Folder::visit_with(&config.data(), server(config)?)?;
    finished_there(&folder)?;
    Ok(folder)
}

/// That nothing was left half done that was being put into it: whatever is written then would be in the way of the rest.
fn finished(config: &Config) -> Outcome {
    match backup::unfinished(&config.data()) {
        None => Ok(()),
        Some(begun) => Err(half(begun, &config.data().display())),
    }
}

/// The same of its database, into which another machine may put something.
fn finished_there(folder: &Folder) -> Outcome {
    let Some(server) = folder.server() else { return Ok(()) };
    match backup::unfinished_there(server)? {
        None => Ok(()),
        Some(begun) => Err(half(begun, server)),
    }
}

fn half(begun: backup::Unfinished, there: &dyn std::fmt::Display) -> Failure {
    let name = begun.as_str();
    Failure::asked(format!(
        "a {name} into {there} was begun and not finished: run the same skein {name} again, which goes on with it"
    ))
}

/// A region's files, opened to look and to decide, whether it is being served or not.
pub struct Visit {
    /// Where the region is.
    pub folder: Folder,
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
        let folder = visit(config)?;
        let derived = Derived::open_for_reading(&folder.derived())?;
        let audit = Audit::open(&folder)?;
        Ok(Visit {
            journal: JournalReader::open(&folder)?,
            gate: Gate::new(derived.clone(), audit.clone(), policies::gate_config(config)?, edge::now())
                .map_err(|error| Failure::asked(error.to_string()))?,
            derived,
            audit,
            folder,
        })
    }
}

impl Visit {
    /// The read side.
    pub fn records(&self) -> Records {
        let folder = self.folder.visitor();
        Records::new(self.derived.clone(), move || JournalReader::open(&folder))
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.audit.close();
    }
}

/// Put decisions in the journal and have them carried out. Gives the position of the last.
pub fn decide(config: &Config, visit: &Visit, decisions: Vec<NewEntry>) -> Outcome<u64> {
    let journal = Journal::open(&visit.folder)?;
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
        if hold(config).is_ok() {
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
    // /proc/self belongs to whoever runs this program, whatever the environment says.
    let uid = std::fs::metadata("/proc/self").ok().map(|about| about.uid());
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let sudo = std::env::var("SUDO_USER").ok();
    let said = std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).ok();
    let (id, name) = account(uid, &accounts, sudo.as_deref(), said.as_deref());
    User::staff(id, name, ("R8015", "Systems support"), ("", ""))
}

/// The id and the name of the account with this number. `sudo` names the human behind a shared account; it is as good as
/// `sudo`'s own log, so the number stands beside it. `said` is believed only of accounts that are not in `accounts`
/// (`/etc/passwd`), as those of a directory are not.
fn account(uid: Option<u32>, accounts: &str, sudo: Option<&str>, said: Option<&str>) -> (String, String) {
    let known = uid.and_then(|uid| {
        let mut lines = accounts.lines().map(|line| line.split(':'));
        lines.find_map(|mut line| line.next().filter(|_| line.nth(1).is_some_and(|said| said.parse() == Ok(uid))))
    });
    let name = sudo.or(known).or(said).unwrap_or("unknown");
    let number = uid.map(|uid| format!(" (uid {uid})")).unwrap_or_default();
    (format!("os:{name}"), format!("{name}{number} at the command line"))
}

/// Whoever sits at this terminal, as a data steward. `by`: the name of whoever decides; the account stays who it is, so
/// that two names at one terminal are not two stewards.
pub fn steward(by: Option<&str>) -> User {
    let operator = operator();
    let name = by.map_or_else(|| operator.name.clone(), |by| format!("{by}, at the command line"));
    User { name, role_code: "R8012".into(), role_name: "Data steward".into(), ..operator }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operator_is_the_account_whatever_the_environment_says() {
        let accounts = "root:x:0:0:root:/root:/bin/sh\nalice:x:1001:1001::/home/alice:/bin/sh\n";
        let named = |uid, sudo, said| account(uid, accounts, sudo, said).1;
        assert_eq!(named(Some(1001), None, Some("bob")), "alice (uid 1001) at the command line");
        assert_eq!(named(Some(0), Some("alice"), Some("root")), "alice (uid 0) at the command line", "behind sudo");
        assert_eq!(named(Some(90_210), None, Some("carol")), "carol (uid 90210) at the command line", "a directory's");
        assert_eq!(named(None, None, None), "unknown at the command line");
        assert_eq!(account(Some(1001), accounts, None, Some("bob")).0, "os:alice");
    }
}
