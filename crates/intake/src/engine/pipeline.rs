//! The pipeline from journal to derived state: one thread reads and maps (with helpers), one applies.

use super::mappers::Mappers;
use crate::{apply::Applier, mapped::Mapped};
use fhir::Region;
use jiff::Timestamp;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};
use store::{Derived, StoreError, journal::JournalReader};
use tokio::sync::watch;

/// Entries mapped together at most.
const CHUNK_ENTRIES_MAX: usize = 512;
/// Bytes mapped together at most: bounds memory when bundles are large.
const CHUNK_BYTES_MAX: usize = 4 << 20;
/// How often the journal is looked at for what other processes appended, where they are commands that decide something…
pub(super) const POLL: Duration = Duration::from_millis(250);
/// …and where they take messages in.
pub(super) const POLL_SHARED: Duration = Duration::from_millis(10);

/// How often it is tried again while the disk is full or the database away.
const FULL_PAUSE: Duration = Duration::from_millis(500);

/// Why nothing more is processed, and since when.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub why: String,
    pub since: Timestamp,
}

impl Fault {
    /// One that is known by its words.
    pub(super) fn new(why: String, since: Timestamp) -> Self {
        Fault { why, since }
    }

    #[expect(clippy::disallowed_methods, reason = "when it happened; nothing that is stored follows from it")]
    pub(super) fn of(error: &StoreError) -> Self {
        Fault { why: error.to_string(), since: Timestamp::now() }
    }
}

struct Chunk {
    mapped: Vec<Mapped>,
    directory_changes: u64,
}

pub(super) struct Pipeline {
    pub region: Region,
    pub derived: Derived,
    pub journal: JournalReader,
    pub head: watch::Receiver<u64>,
    pub applier: Applier,
    pub applied: watch::Sender<u64>,
    pub health: watch::Sender<Option<Fault>>,
    pub stop: Arc<AtomicBool>,
    /// How often the journal is looked at for what other processes appended.
    pub poll: Duration,
}

pub(super) fn start(pipeline: Pipeline) -> Result<Vec<JoinHandle<()>>, StoreError> {
    let Pipeline { region, derived, mut journal, head, mut applier, applied, health, stop, poll } = pipeline;
    let (chunks, inbox) = crossbeam_channel::bounded::<Chunk>(1);
    let mappers = Mappers::new(region, derived)?;
    let mut profiles = applier.profiles();
    let mut next = applier.applied()? + 1;
    let directory_changes = Arc::new(AtomicU64::new(applier.directory_changes()));
    let seen_changes = directory_changes.clone();
    let reader_health = health.clone();
    let stopping = stop.clone();
    let reader = move || {
        let mut head = head;
        while !stop.load(Ordering::Acquire) {
            let newest = (*head.borrow_and_update()).max(journal.head().unwrap_or(0));
            if next > newest {
                wait_for(&mut head, next, poll);
                continue;
            }
            let entries = match journal.read(next, CHUNK_ENTRIES_MAX, CHUNK_BYTES_MAX) {
                Ok(entries) => entries,
                Err(error) if passes(&error) => {
                    std::thread::sleep(FULL_PAUSE);
                    continue;
                }
                Err(error) => return fail(&reader_health, &error),
            };
            let Some(last) = entries.last().map(|entry| entry.pos) else { continue };
            let generation = seen_changes.load(Ordering::Acquire);
            match mappers.map(&mut profiles, entries) {
                Ok((mapped, entries)) => {
                    journal.take_back(entries);
                    if chunks.send(Chunk { mapped, directory_changes: generation }).is_err() {
                        return;
                    }
                }
                // Read and mapped again.
                Err(error) if passes(&error) => {
                    std::thread::sleep(FULL_PAUSE);
                    continue;
                }
                Err(error) => return fail(&reader_health, &error),
            }
            next = last + 1;
        }
    };
    let writer = move || {
        for chunk in inbox {
            let Some(last) = chunk.mapped.last().map(|mapped| mapped.pos) else { continue };
            let mut outcome = applier.apply(chunk.mapped, chunk.directory_changes);
            if let Err(error) = &outcome
                && passes(error)
            {
                tracing::warn!(%error, "processing waits and is tried again; what is acknowledged is safe in the journal");
                health.send_replace(Some(Fault::of(error)));
                // Nothing that was not committed is kept. There may be room again, or the database be there again, at any time.
                while outcome.as_ref().is_err_and(passes) && !stopping.load(Ordering::Acquire) {
                    std::thread::sleep(FULL_PAUSE);
                    outcome = applier.catch_up(last);
                }
                if outcome.is_ok() {
                    tracing::info!("there is room again, or the database is there again: processing goes on");
                    health.send_replace(None);
                }
            }
            if let Err(error) = outcome {
                return fail(&health, &error);
            }
            directory_changes.store(applier.directory_changes(), Ordering::Release);
            applied.send_replace(last);
        }
    };
    let spawn = |name: &str, work: Box<dyn FnOnce() + Send>| {
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(work)
            .map_err(|e| StoreError::Unusable(format!("cannot start a thread: {e}")))
    };
    Ok(vec![spawn("map", Box::new(reader))?, spawn("apply", Box::new(writer))?])
}

/// Wait for the journal to reach `next`, or for the time to look whether another process appended something. The pauses
/// grow, so that a busy feed is followed at once and an idle region costs nothing.
fn wait_for(head: &mut watch::Receiver<u64>, next: u64, poll: Duration) {
    let mut pause = Duration::from_micros(100);
    let mut waited = Duration::ZERO;
    while waited < poll && *head.borrow_and_update() < next {
        std::thread::sleep(pause);
        waited += pause;
        pause = (pause * 2).min(Duration::from_millis(4));
    }
}

/// Whether a failure passes by itself: what was acknowledged waits safely meanwhile.
fn passes(error: &StoreError) -> bool {
    matches!(error, StoreError::Full | StoreError::Away(_))
}

fn fail(health: &watch::Sender<Option<Fault>>, error: &StoreError) {
    tracing::error!(%error, "processing has stopped; what is acknowledged is safe in the journal");
    health.send_replace(Some(Fault::of(error)));
}
