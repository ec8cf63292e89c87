//! `load`: resources a second from FHIR bundles into the visible record, what they weigh, and the memory it takes.

use super::{Bench, database_bytes, per_second, raw, reset_rss_max, rss_mb_max};
use crate::edge;
use anyhow::Context;
use intake::{Engine, EngineConfig, EntryKind, NewEntry};
use std::{
    io::Read,
    path::{Path, PathBuf},
    time::Instant,
};

/// Resources to load.
const RESOURCES: usize = 200_000;

/// The bundles of the real input, directories first.
pub struct Synthea {
    /// Practitioners and hospitals.
    pub directories: Vec<String>,
    /// A person's history each, and how many resources it has.
    pub people: Vec<(String, usize)>,
}

/// Read the Synthea bundles.
pub fn synthea() -> anyhow::Result<Synthea> {
    let root = std::env::var_os("SKEIN_SHARED_DATA").map_or_else(|| PathBuf::from("../shared/data"), PathBuf::from);
    let folder = root.join("fhir/synthea");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(&folder)
        .with_context(|| {
            format!("no Synthea bundles in {}: set SKEIN_SHARED_DATA to the folder of real input", folder.display())
        })?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "gz"))
        .collect();
    paths.sort();
    let mut found = Synthea { directories: Vec::new(), people: Vec::new() };
    for path in paths {
        let mut text = String::new();
        flate2::read::GzDecoder::new(std::fs::File::open(&path)?).read_to_string(&mut text)?;
        let is_directory = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("0-"));
        if is_directory {
            found.directories.push(text);
        } else {
            let count = text.matches("\"fullUrl\":").count().max(text.matches("\"fullUrl\" :").count());
            found.people.push((text, count));
        }
    }
    Ok(found)
}

/// A person's bundle, and where its UUIDs are: found once, for a real sender makes its bundles on a machine of its own.
pub struct Template<'a> {
    text: &'a str,
    resources: usize,
    /// Where the second group of each UUID begins.
    groups: Vec<usize>,
}

impl<'a> Template<'a> {
    /// Find the UUIDs of a text that holds this many resources.
    pub fn new(text: &'a str, resources: usize) -> Self {
        let bytes = text.as_bytes();
        let is_hex =
            |from: usize, to: usize| bytes.get(from..to).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let is_uuid = |at: usize| {
            [8, 13, 18, 23].iter().all(|dash| bytes.get(at + dash) == Some(&b'-'))
                && is_hex(at, at + 8)
                && (at == 0 || bytes.get(at - 1).is_some_and(|before| !before.is_ascii_hexdigit() && *before != b'|'))
        };
        let groups = (0..bytes.len().saturating_sub(36)).filter(|at| is_uuid(*at)).map(|at| at + 9).collect();
        Template { text, resources, groups }
    }

    /// A copy under new ids: a group of every UUID changes, so nothing in it is the same resource; identifiers of the
    /// directory (`…|uuid`) stay.
    pub fn copy(&self, copy: usize) -> Vec<u8> {
        let mut out = self.text.as_bytes().to_vec();
        if copy > 0 {
            let mark = format!("{:04x}", copy & 0xffff);
            for at in &self.groups {
                if let Some(slot) = out.get_mut(*at..at + 4) {
                    slot.copy_from_slice(mark.as_bytes());
                }
            }
        }
        out
    }
}

fn entry(body: Vec<u8>) -> NewEntry {
    NewEntry {
        kind: EntryKind::Fhir,
        source: "synthea".into(),
        feed: "bench".into(),
        received: edge::now(),
        ident: None,
        about: None,
        body,
        ack: None,
    }
}

/// The bundles' source is the practice of everybody in them: whoever works there looks after them.
const PROFILE: &str = "source = \"synthea\"\nname = \"Benchmark Surgery\"\nkind = \"gp\"\nods = \"RXB\"\n";

/// Load the bundles into a region until it holds this many resources. Gives the resources loaded and the time it took.
pub fn fill(
    bench: &Bench,
    folder: &Path,
    bundles: &Synthea,
    resources: usize,
) -> anyhow::Result<(Engine, usize, std::time::Duration)> {
    let engine = bench.start(folder, &EngineConfig { region: "bench".into(), profiles: vec![PROFILE.into()] })?;
    for directory in &bundles.directories {
        engine.journal().append_blocking(entry(directory.clone().into_bytes()))?;
    }
    wait(&engine)?;
    let templates: Vec<Template<'_>> =
        bundles.people.iter().map(|(text, resources)| Template::new(text, *resources)).collect();
    reset_rss_max();
    let begin = Instant::now();
    let mut loaded = 0;
    for copy in 0.. {
        for template in &templates {
            if loaded >= resources {
                wait(&engine)?;
                return Ok((engine, loaded, begin.elapsed()));
            }
            engine.journal().append_blocking(entry(template.copy(copy)))?;
            loaded += template.resources;
            // Bounded, as a sender that waits for its answers would be.
            while engine.progress().head > engine.progress().applied + 4 {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
        }
    }
    anyhow::bail!("no bundles")
}

pub fn wait(engine: &Engine) -> anyhow::Result<()> {
    while engine.progress().applied < engine.progress().head {
        if let Some(fault) = engine.fault() {
            anyhow::bail!(fault);
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    Ok(())
}

/// Measure.
pub fn run(bench: &Bench) -> anyhow::Result<()> {
    let bundles = synthea()?;
    let folder = bench.folder.join("region");
    let (engine, loaded, took) = fill(bench, &folder, &bundles, RESOURCES)?;
    let rss = rss_mb_max();
    let problems = engine.problem_counts()?;
    engine.stop();
    drop(engine);
    if let Some((_, _, status, count)) = problems.first() {
        anyhow::bail!("{count} of the bundles are {}", status.as_str());
    }
    if bench.server.is_some() {
        // Its limit would be the bare database, which is not measured; docs/benchmarks.md sets it beside the files' figure.
        bench.report.figure("load", "resources_per_s", per_second(loaded, took), "resources/s");
        bench.report.figure("memory", "rss_mb_max", rss, "MB");
        return Ok(());
    }
    let derived = folder.join("derived.db");
    let raw = raw::store_texts_per_s(&derived, &bench.folder.join("raw.db"), loaded)?;
    bench.report.against("load", "resources_per_s", per_second(loaded, took), "resources/s", raw);
    bench.report.figure("memory", "rss_mb_max", rss, "MB");
    let per_resource = |name: &str| {
        #[expect(clippy::cast_precision_loss, reason = "sizes far below 2^52")]
        let (bytes, resources) = (database_bytes(&folder, name) as f64, loaded as f64);
        bytes / resources
    };
    bench.report.figure("disk", "bytes_per_resource", per_resource("derived.db"), "bytes in the derived store");
    bench.report.figure("journal", "bytes_per_resource", per_resource("journal.db"), "bytes in the journal");
    Ok(())
}
