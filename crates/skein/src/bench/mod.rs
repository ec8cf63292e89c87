//! Benchmarks: what this machine does, beside what the same machine does with the bare engine or a bare socket in the same
//! run. Each prints JSON lines; `docs/benchmarks.md` keeps results.

mod backup;
mod drain;
mod gate;
mod http;
mod identity;
mod identity_adding;
mod identity_people;
mod identity_store;
mod intake;
mod load;
mod messages;
mod mix;
mod notify;
mod processes;
mod raw;
mod region;
mod soak;
mod worklists;

use ::intake::{Engine, EngineConfig};
use anyhow::Context as _;
use serde::Serialize;
use std::{path::PathBuf, time::Duration};
use store::{Folder, Server};

/// One figure.
#[derive(Serialize)]
pub struct Figure {
    /// The benchmark.
    pub bench: &'static str,
    /// What was measured; the unit is in its name.
    pub figure: &'static str,
    /// How much.
    pub value: f64,
    /// In what.
    pub unit: &'static str,
    /// What the machine did for the same work without Skein, in the same run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<f64>,
    /// `value` / `limit`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio: Option<f64>,
}

/// Where figures go.
pub struct Report {
    json: bool,
}

impl Report {
    /// A figure without a limit.
    pub fn figure(&self, bench: &'static str, figure: &'static str, value: f64, unit: &'static str) {
        self.put(&Figure { bench, figure, value: round(value), unit, limit: None, ratio: None });
    }

    /// Something else, as JSON.
    #[expect(clippy::print_stdout, reason = "the figures are the command's output")]
    pub fn line(&self, line: &serde_json::Value) {
        println!("{line}");
    }

    /// A figure with the machine's limit for the same work.
    pub fn against(&self, bench: &'static str, figure: &'static str, value: f64, unit: &'static str, limit: f64) {
        let ratio = (limit > 0.0).then(|| round(value / limit));
        self.put(&Figure { bench, figure, value: round(value), unit, limit: Some(round(limit)), ratio });
    }

    #[expect(clippy::print_stdout, reason = "the figures are the command's output")]
    fn put(&self, figure: &Figure) {
        if self.json {
            println!("{}", serde_json::to_string(figure).unwrap_or_default());
            return;
        }
        let limit = figure.limit.map_or_else(String::new, |limit| format!("   limit {limit}"));
        let ratio = figure.ratio.map_or_else(String::new, |ratio| format!("   ratio {ratio}"));
        println!("{:<8} {:<20} {:>12} {}{limit}{ratio}", figure.bench, figure.figure, figure.value, figure.unit);
    }
}

fn round(value: f64) -> f64 {
    if value.abs() >= 100.0 { value.round() } else { (value * 1000.0).round() / 1000.0 }
}

/// Where a benchmark keeps its data, and how.
pub struct Bench {
    /// A folder of its own.
    pub folder: PathBuf,
    /// Where figures go.
    pub report: Report,
    /// What the person index is to be.
    pub index: PersonIndex,
    /// What the region is to be, and for how long it is used.
    pub asked: Asked,
    /// The server whose databases are measured; None: files.
    pub server: Option<Server>,
    /// Its address, as it was named.
    pub store: Option<String>,
}

impl Bench {
    /// Start the engine of a new region in a folder of its own, or in a database of its own.
    pub fn start(&self, folder: &std::path::Path, config: &EngineConfig) -> anyhow::Result<Engine> {
        let server = match &self.server {
            None => None,
            Some(server) => {
                let fresh = server.scratch(SCRATCH)?;
                fresh.init()?;
                Some(fresh)
            }
        };
        Ok(Engine::start_in(Folder::hold_with(folder, server)?, config, crate::edge::now())?)
    }

    /// Start it once more, as it was left.
    pub fn again(&self, folder: &std::path::Path, config: &EngineConfig) -> anyhow::Result<Engine> {
        Ok(Engine::start_in(self.folder_again(folder)?, config, crate::edge::now())?)
    }

    /// Hold what was started, as it was left.
    pub fn folder_again(&self, folder: &std::path::Path) -> anyhow::Result<Folder> {
        let server = self.server.as_ref().map(|server| server.another(SCRATCH));
        Ok(Folder::hold_with(folder, server)?)
    }
}

/// The database that is made for each measurement, and thrown away after it.
const SCRATCH: &str = "skein_bench";

/// The person index that is measured.
#[derive(Clone, Copy)]
pub struct PersonIndex {
    /// How many people it is to hold.
    pub people: usize,
    /// Whether it is loaded from a store, as a region's is when it starts; else it is made from facts.
    pub from_store: bool,
}

/// What is asked of a region that is measured.
#[derive(Clone, Copy)]
pub struct Asked {
    /// Resources a person, about.
    pub resources: f64,
    /// For how long it is used.
    pub minutes: u32,
    /// Whether everybody is in the journal before a record is made of it.
    pub later: bool,
    /// Whether it stays where it is, and is used again if it is there.
    pub keep: bool,
    /// Whether it is made alone, for a process that uses it.
    pub only_make: bool,
    /// Whether worklists are kept and looked at.
    pub lists: bool,
    /// Of one processor's time, so much for each of several processes.
    pub share: f64,
}

type Measure = fn(&Bench) -> anyhow::Result<()>;

/// What is measured only when it is asked for by name, for it takes its time.
pub const APART: &[(&str, Measure)] = &[("region", region::run), ("soak", soak::run), ("processes", processes::run)];

/// Every other benchmark by name.
pub const ALL: &[(&str, Measure)] = &[
    ("intake", intake::run),
    ("drain", drain::run),
    ("load", load::run),
    ("open", http::open),
    ("page", http::page),
    ("identity", identity::run),
    ("gate", gate::run),
    ("notify", notify::run),
    ("backup", backup::run),
];

/// Things per second.
pub fn per_second(count: usize, took: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    let count = count as f64;
    count / took.as_secs_f64().max(1e-9)
}

/// Peak resident memory since the last reset, in megabytes (10^6 bytes).
pub fn rss_mb_max() -> f64 {
    status_mb("VmHWM:")
}

/// Resident memory, in megabytes (10^6 bytes).
pub fn rss_mb() -> f64 {
    status_mb("VmRSS:")
}

fn status_mb(line: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib: f64 = status
        .lines()
        .find_map(|known| known.strip_prefix(line))
        .and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse().ok())
        .unwrap_or(0.0);
    kib * 1024.0 / 1e6
}

/// Forget the peak so far.
pub fn reset_rss_max() {
    // Where the kernel does not allow it, the figure is the peak since the start: too high, never too low.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// The size of a database with its log, in bytes.
pub fn database_bytes(folder: &std::path::Path, name: &str) -> u64 {
    ["", "-wal"]
        .iter()
        .filter_map(|suffix| std::fs::metadata(folder.join(format!("{name}{suffix}"))).ok())
        .map(|found| found.len())
        .sum()
}

/// Run benchmarks by name, each in a folder of its own that is removed after it.
pub fn run(
    names: &[String],
    json: bool,
    index: PersonIndex,
    asked: Asked,
    server: Option<(&Server, &str)>,
    data_dir: Option<&std::path::Path>,
) -> anyhow::Result<()> {
    let root = match data_dir {
        Some(root) => root.join(format!("skein-bench-{}", std::process::id())),
        None => std::env::temp_dir().join(format!("skein-bench-{}", std::process::id())),
    };
    let apart = APART.iter().filter(|(name, _)| names.iter().any(|wanted| wanted == name));
    for (name, measure) in ALL.iter().chain(apart) {
        if !names.is_empty() && !names.iter().any(|wanted| wanted == name) {
            continue;
        }
        let folder = if asked.keep { root.with_file_name(name) } else { root.join(name) };
        std::fs::create_dir_all(&folder).with_context(|| format!("the folder {} cannot be made", folder.display()))?;
        reset_rss_max();
        let (server, store) = server.map(|(server, address)| (server.clone(), address.to_owned())).unzip();
        let bench = Bench { folder, report: Report { json }, index, asked, server, store };
        let outcome = measure(&bench);
        if let Some(server) = &bench.server {
            server.throw_away(SCRATCH)?;
        }
        if !asked.keep {
            std::fs::remove_dir_all(&root)?;
        }
        outcome?;
    }
    Ok(())
}
