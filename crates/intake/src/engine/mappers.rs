//! The threads that map: they stay, for what they keep (compressors, room for texts) is dear to make.

use crate::{
    mapped::{self, Mapped},
    profiles::Profiles,
};
use crossbeam_channel::{Receiver, Sender, unbounded};
use fhir::Region;
use std::thread::JoinHandle;
use store::{
    Derived, StoreError,
    journal::{Entry, EntryKind},
};

/// Messages of a job at most.
const JOB_ENTRIES_MAX: usize = 16;
/// A job with this many bytes takes no more messages.
const JOB_BYTES: usize = 512 << 10;

/// Entries that are mapped one after the other, under the same profiles.
struct Job {
    number: usize,
    entries: Vec<Entry>,
    profiles: Profiles,
    reply: Sender<Done>,
}

struct Done {
    number: usize,
    entries: Vec<Entry>,
    mapped: Result<Vec<Mapped>, StoreError>,
}

/// What maps: the caller's thread and helpers beside it.
pub(crate) struct Mappers {
    region: Region,
    derived: Derived,
    jobs: Option<Sender<Job>>,
    waiting: Receiver<Job>,
    helpers: Vec<JoinHandle<()>>,
}

impl Mappers {
    /// Helpers for all processors but the caller's.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] when no thread can be started.
    pub fn new(region: Region, derived: Derived) -> Result<Self, StoreError> {
        let (jobs, waiting) = unbounded::<Job>();
        let processors = std::thread::available_parallelism().map_or(2, usize::from);
        let mut helpers = Vec::new();
        for _ in 1..processors {
            let (region, derived, waiting) = (region.clone(), derived.clone(), waiting.clone());
            let work = move || waiting.iter().for_each(|job| job.run(&region, &derived));
            let helper = std::thread::Builder::new().name("map".into()).spawn(work);
            helpers.push(helper.map_err(|e| StoreError::Unusable(format!("cannot start a thread: {e}")))?);
        }
        Ok(Mappers { region, derived, jobs: Some(jobs), waiting, helpers })
    }

    /// Map entries. Profiles take effect in journal order. Gives the entries back.
    ///
    /// # Errors
    /// The store's.
    pub fn map(&self, profiles: &mut Profiles, entries: Vec<Entry>) -> Result<(Vec<Mapped>, Vec<Entry>), StoreError> {
        let (reply, replies) = unbounded();
        let mut count = 0;
        let mut job = |entries: Vec<Entry>, profiles: &Profiles| {
            count += 1;
            Job { number: count, entries, profiles: profiles.clone(), reply: reply.clone() }
        };
        let (mut run, mut bytes) = (Vec::new(), 0);
        for entry in entries {
            let is_profile = entry.kind == EntryKind::Profile;
            if !run.is_empty() && (is_profile || bytes >= JOB_BYTES || run.len() >= JOB_ENTRIES_MAX) {
                let jobs = self.jobs.as_ref().ok_or_else(stopped)?;
                jobs.send(job(std::mem::take(&mut run), profiles)).map_err(|_| stopped())?;
                bytes = 0;
            }
            if is_profile {
                profiles.set(&entry.source, &String::from_utf8_lossy(&entry.body));
            }
            bytes += entry.body.len();
            run.push(entry);
        }
        // The last one here: a lone message is not handed to and fro.
        job(run, profiles).run(&self.region, &self.derived);
        drop(reply);
        while let Ok(job) = self.waiting.try_recv() {
            job.run(&self.region, &self.derived);
        }
        // All answers, or all there will be: a helper that panics drops its own.
        let mut done: Vec<Done> = replies.iter().collect();
        if done.len() < count {
            return Err(StoreError::Stopped("a mapping thread panicked".into()));
        }
        done.sort_by_key(|done| done.number);
        let (mut mapped, mut entries) = (Vec::new(), Vec::new());
        for done in done {
            mapped.extend(done.mapped?);
            entries.extend(done.entries);
        }
        Ok((mapped, entries))
    }
}

impl Drop for Mappers {
    fn drop(&mut self) {
        self.jobs = None;
        for helper in std::mem::take(&mut self.helpers) {
            let _ = helper.join();
        }
    }
}

impl Job {
    fn run(self, region: &Region, derived: &Derived) {
        let Job { number, entries, profiles, reply } = self;
        let mapped = derived.snapshot().and_then(|snapshot| {
            let map = |entry: &Entry| {
                let span =
                    tracing::info_span!(target: "skein::span", parent: None, "map", position = entry.pos).entered();
                let mapped = mapped::map(region, &profiles, derived.codec(), entry, &snapshot);
                drop(span);
                mapped
            };
            entries.iter().map(map).collect()
        });
        let _ = reply.send(Done { number, entries, mapped });
    }
}

fn stopped() -> StoreError {
    StoreError::Stopped("the mapping threads have ended".into())
}
