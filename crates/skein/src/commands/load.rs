//! `skein load`: files into the journal as if their source had sent them, and from there into the record.

use super::files::{self, Kind, Unit};
use crate::{
    cli::Load,
    config::Config,
    edge,
    failure::{Failure, Outcome},
    region, say,
};
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use intake::{
    Engine, EntryKind, NewEntry, ProblemStatus, Receipt, StoreError,
    answer::{self, Rules},
};
use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use store::journal::Journal;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// The feed that loaded units are said to have come on.
pub const FEED: &str = "load";
/// Units that may wait for their place on disk.
const WAITING_UNITS_MAX: usize = 2048;
/// Their bytes.
const WAITING_BYTES_MAX: usize = 32 << 20;

/// What came of loading.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Units put in the journal.
    pub new: u64,
    /// Units that were there before.
    pub known: u64,
    /// The journal position of the newest.
    pub last: u64,
    /// Whether it was told to stop before the end.
    pub stopped: bool,
}

/// Run it.
pub fn run(asked: &Load) -> Outcome {
    let config = region::config(&asked.region)?;
    if !config.sources.iter().any(|source| source.source == asked.source) {
        return Err(Failure::asked(format!(
            "{} describes no source \"{}\"; it has {}",
            config.file.display(),
            asked.source,
            named(&config)
        )));
    }
    let inputs = files::find(&asked.paths)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| Failure::found(error.to_string()))?;
    let stop =
        runtime.block_on(async { edge::until_told_to_stop() }).map_err(|error| Failure::found(error.to_string()))?;
    let engine = region::start(&config)?;
    if asked.later {
        // What the configuration says of its sources is in the journal from here on.
        engine.stop();
        drop(engine);
        return into_journal(asked, &config, &inputs, &stop);
    }
    let before = unprocessed(&engine)?;
    let began = Instant::now();
    let bar = progress(asked, &inputs);
    let loaded = load(engine.journal(), &asked.source, &inputs, &stop, &bar);
    let settled = loaded.and_then(|loaded| {
        bar.set_message("processing");
        until_applied(&runtime, &engine, loaded.last)?;
        Ok((loaded, unprocessed(&engine)?))
    });
    bar.finish_and_clear();
    engine.stop();
    let (loaded, after) = settled?;
    told(&loaded, &bar, began)?;
    match after.saturating_sub(before) {
        0 => Ok(()),
        failed => {
            Err(Failure::found(format!("{failed} could not be processed: skein errors list --all --feed {FEED}")))
        }
    }
}

/// Put the files in the journal; nothing is made of them here.
fn into_journal(asked: &Load, config: &Config, inputs: &[files::Input], stop: &CancellationToken) -> Outcome {
    let folder = region::hold(config)?;
    let journal = Journal::open(&folder)?;
    let began = Instant::now();
    let bar = progress(asked, inputs);
    let loaded = load(&journal, &asked.source, inputs, stop, &bar);
    bar.finish_and_clear();
    journal.close();
    told(&loaded?, &bar, began)?;
    say::line("in the journal; `skein rebuild` makes the record of it, or else the next `skein serve`");
    Ok(())
}

fn progress(asked: &Load, inputs: &[files::Input]) -> ProgressBar {
    let bar = if asked.quiet { ProgressBar::hidden() } else { ProgressBar::new(files::bytes_of(inputs)) };
    if let Ok(style) = ProgressStyle::with_template("{bytes}/{total_bytes} {wide_bar} {msg} ({eta})") {
        bar.set_style(style);
    }
    bar
}

fn told(loaded: &Loaded, bar: &ProgressBar, began: Instant) -> Outcome {
    let seconds = began.elapsed().as_secs_f64().max(0.001);
    say::line(&format!(
        "{} new, {} already there; {} in {seconds:.1} s",
        loaded.new,
        loaded.known,
        HumanBytes(bar.position()),
    ));
    if loaded.stopped {
        return Err(Failure::found("stopped before the end; start it again to go on"));
    }
    Ok(())
}

fn named(config: &Config) -> String {
    let names: Vec<&str> = config.sources.iter().map(|source| source.source.as_str()).collect();
    if names.is_empty() { "none".into() } else { names.join(", ") }
}

/// Messages of the load feed that did not become part of the record.
fn unprocessed(engine: &Engine) -> Outcome<u64> {
    let counts = engine.problem_counts()?;
    let lost = |status| !matches!(status, ProblemStatus::Remark | ProblemStatus::Resolved);
    Ok(counts.into_iter().filter(|(_, feed, status, _)| feed == FEED && lost(*status)).map(|(.., count)| count).sum())
}

/// Put every unit of every file in the journal. Gives back when all are on disk.
pub fn load(
    journal: &Journal,
    source: &str,
    inputs: &[files::Input],
    stop: &CancellationToken,
    bar: &ProgressBar,
) -> Outcome<Loaded> {
    let mut loaded = Loaded::default();
    let mut waiting = Waiting::default();
    let mut done_bytes = 0;
    for input in inputs {
        let read = Arc::new(AtomicU64::new(0));
        for unit in files::units(input, read.clone())? {
            let unit = unit.map_err(|error| Failure::found(format!("{}: {error}", input.name())))?;
            let bytes = unit.body.len();
            waiting.push(journal.enqueue(entry(source, unit))?, bytes);
            waiting.settle(&mut loaded, WAITING_UNITS_MAX, WAITING_BYTES_MAX)?;
            bar.set_position(done_bytes + read.load(Ordering::Relaxed));
            if stop.is_cancelled() {
                loaded.stopped = true;
                break;
            }
        }
        done_bytes += read.load(Ordering::Relaxed);
        bar.set_position(done_bytes);
        bar.set_message(format!("{} units", loaded.new + loaded.known));
        if loaded.stopped {
            break;
        }
    }
    waiting.settle(&mut loaded, 0, 0)?;
    Ok(loaded)
}

/// A unit as its source would have sent it. The same unit again is recognised, whether it came by file or by wire.
fn entry(source: &str, unit: Unit) -> NewEntry {
    let received = edge::now();
    let (kind, ident) = match unit.kind {
        Kind::Hl7v2 => {
            let decision = answer::decide(&hl7v2::parse(&unit.body), &unit.body, Rules::default(), "", received);
            (EntryKind::Hl7v2, decision.ident)
        }
        Kind::Fhir => (EntryKind::Fhir, format!("file:{}", blake3::hash(&unit.body).to_hex())),
    };
    NewEntry {
        kind,
        source: source.to_owned(),
        feed: FEED.to_owned(),
        received,
        ident: Some(ident),
        // No method and no address: the body says what it is.
        about: (kind == EntryKind::Fhir).then(|| "{}".to_owned()),
        body: unit.body,
        ack: None,
    }
}

type Promise = oneshot::Receiver<Result<Receipt, StoreError>>;

/// Units handed to the journal and not yet on disk.
#[derive(Default)]
struct Waiting {
    units: VecDeque<(Promise, usize)>,
    bytes: usize,
}

impl Waiting {
    fn push(&mut self, promise: Promise, bytes: usize) {
        self.units.push_back((promise, bytes));
        self.bytes += bytes;
    }

    /// Wait until no more than so many wait.
    fn settle(&mut self, loaded: &mut Loaded, units_max: usize, bytes_max: usize) -> Outcome {
        while self.units.len() > units_max || self.bytes > bytes_max {
            let Some((promise, bytes)) = self.units.pop_front() else { return Ok(()) };
            self.bytes -= bytes;
            let receipt = promise.blocking_recv().map_err(|_| Failure::found("the journal is closed"))??;
            match receipt {
                Receipt::Stored { pos, .. } => {
                    loaded.new += 1;
                    loaded.last = loaded.last.max(pos);
                }
                Receipt::Repeat { pos, .. } => {
                    loaded.known += 1;
                    loaded.last = loaded.last.max(pos);
                }
            }
        }
        Ok(())
    }
}

fn until_applied(runtime: &tokio::runtime::Runtime, engine: &Engine, pos: u64) -> Outcome {
    if pos == 0 {
        return Ok(());
    }
    loop {
        let waited =
            runtime.block_on(async { tokio::time::timeout(Duration::from_secs(1), engine.wait_applied(pos)).await });
        if let Ok(outcome) = waited {
            outcome?;
            return Ok(());
        }
    }
}
