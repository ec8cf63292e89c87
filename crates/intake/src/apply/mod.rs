//! The one applier: takes mapped entries in journal order and makes them visible.
//!
//! Within a batch the work that only concerns one patient (loading, folding, compressing) is done for several patients at
//! once; what crosses patients (links, merges) and the writing itself is done in order, so that a replay of the journal
//! gives the same state.

mod decide;
mod fold;
#[cfg(test)]
pub(crate) mod tests;
mod write;

use crate::{
    mapped::{self, Mapped, Step},
    person::{Mover, People},
    profiles::Profiles,
};
use crossbeam_channel::{Receiver, Sender, unbounded};
use fhir::{PatientKey, Region};
use fold::{Broken, Fold, group};
use identity::Scratch;
use mapping::{Change, Finding, Severity};
use serde_json::json;
use std::{collections::HashMap, sync::Arc};
use store::{
    Derived, Problem, ProblemStatus, Sample, StoreError, Writer,
    journal::{EntryKind, JournalReader},
};

/// Messages held behind one parked message at most. Past that the lane is set free: folding does not need order, and a
/// resubmitted message is then simply late news.
const HELD_MAX: usize = 10_000;

/// Entries, and their bytes, read at a time when catching up one by one.
const CATCH_UP_ENTRIES: usize = 64;
const CATCH_UP_BYTES: usize = 1 << 20;
/// A dictionary and the type it is for.
type Trained = (u8, Vec<u8>);

/// The applier.
pub struct Applier {
    region: Region,
    derived: Derived,
    writer: Writer,
    journal: JournalReader,
    lanes: HashMap<PatientKey, u64>,
    profiles: Profiles,
    threads: usize,
    fold: Fold,
    dictionaries: Receiver<Trained>,
    samples: Sender<Sample>,
    /// Counts changes of directories; what was looked up under another count is looked up again.
    directory_changes: u64,
    people: Arc<People>,
    scratch: Scratch,
    /// The position committed last.
    reached: u64,
}

impl Applier {
    /// An applier over an open store.
    pub fn new(region: Region, derived: Derived, writer: Writer, journal: JournalReader) -> Result<Self, StoreError> {
        let people = Arc::new(People::load(&writer)?);
        Self::with_people(region, derived, writer, journal, people)
    }

    /// The same with an index of people that is at the position the store has reached.
    pub fn with_people(
        region: Region,
        derived: Derived,
        writer: Writer,
        journal: JournalReader,
        people: Arc<People>,
    ) -> Result<Self, StoreError> {
        let lanes = writer.lanes()?;
        let reached = writer.applied()?;
        let mut profiles = Profiles::default();
        for (source, toml) in writer.profiles()? {
            profiles.set(&source, &toml);
        }
        let (samples, dictionaries) = start_trainer()?;
        let threads = std::thread::available_parallelism().map_or(2, usize::from).clamp(1, 8);
        Ok(Applier {
            region,
            derived,
            writer,
            journal,
            lanes,
            profiles,
            threads,
            fold: mapping::fold_text,
            dictionaries,
            samples,
            directory_changes: 0,
            people,
            scratch: Scratch::default(),
            reached,
        })
    }

    /// The journal position reached.
    pub fn applied(&self) -> Result<u64, StoreError> {
        self.writer.applied()
    }

    /// The profiles in force at the position reached.
    pub fn profiles(&self) -> Profiles {
        self.profiles.clone()
    }

    /// How often directories have changed since the start.
    pub fn directory_changes(&self) -> u64 {
        self.directory_changes
    }

    /// The index of people.
    pub fn people(&self) -> Arc<People> {
        self.people.clone()
    }

    /// What moves links.
    fn mover(&mut self) -> Mover<'_> {
        Mover { writer: &mut self.writer, region: &self.region, people: &self.people, scratch: &mut self.scratch }
    }

    /// Nothing more comes, and the state was begun by [`Derived::open_anew`]: make it whole.
    pub fn finish_anew(&self) -> Result<(), StoreError> {
        self.writer.finish_anew()
    }

    /// Apply entries, which must follow the position reached without a gap. `mapped_at` is the count of directory changes
    /// they were mapped under.
    pub fn apply(&mut self, batch: Vec<Mapped>, mapped_at: u64) -> Result<(), StoreError> {
        let mut rest = batch;
        while !rest.is_empty() {
            // A decision, or a change of a directory, is applied before anything after it is looked at.
            let cut = self.cut(&rest)?;
            let tail = rest.split_off(cut.min(rest.len()));
            let mut now = std::mem::replace(&mut rest, tail);
            self.map_again(&mut now, mapped_at)?;
            self.apply_run(now)?;
        }
        Ok(())
    }

    /// Apply what the journal holds from the position reached up to `last`, mapped anew: after a batch that could not be
    /// written, of which nothing more than what is committed counts.
    pub fn catch_up(&mut self, last: u64) -> Result<(), StoreError> {
        // Undoing may have failed as well, where the database was away; and what was committed is only known from it.
        self.writer.rollback()?;
        if self.applied()? < self.reached {
            // It went back further than the last batch, and what is in memory knows what is no more.
            self.people.doubt();
            self.reached = self.applied()?;
        }
        self.undo()?;
        while self.applied()? < last {
            let mut entries = self.journal.read(self.applied()? + 1, CATCH_UP_ENTRIES, CATCH_UP_BYTES)?;
            entries.retain(|entry| entry.pos <= last);
            if entries.is_empty() {
                return Err(StoreError::Corrupt(format!("the journal ends before entry {last}")));
            }
            for entry in entries {
                let mapped = mapped::map(&self.region, &self.profiles, self.derived.codec(), &entry, &self.writer)?;
                self.apply(vec![mapped], self.directory_changes)?;
            }
        }
        Ok(())
    }

    /// How many entries from the front can be applied as one.
    fn cut(&self, batch: &[Mapped]) -> Result<usize, StoreError> {
        // Of each lane that waits: how many messages it holds, those of this batch included.
        let mut held: HashMap<PatientKey, usize> = HashMap::new();
        for (index, mapped) in batch.iter().enumerate() {
            if !matches!(mapped.kind, EntryKind::Hl7v2 | EntryKind::Fhir) {
                return Ok(index.max(1));
            }
            if index > 0 && mapped.missed {
                return Ok(index);
            }
            if self.touches_directory(mapped) {
                return Ok(index + 1);
            }
            if let Some((lane, _)) = self.blocked(mapped) {
                let count = match held.get(&lane) {
                    Some(count) => *count,
                    None => self.writer.held_count(lane)?,
                };
                // What this one sets free is written before anything else is looked at.
                if count >= HELD_MAX {
                    return Ok(index.max(1));
                }
                held.insert(lane, count + 1);
            }
        }
        Ok(batch.len())
    }

    /// The lane a message waits in, and the message in the way.
    fn blocked(&self, mapped: &Mapped) -> Option<(PatientKey, u64)> {
        mapped.lanes.iter().find_map(|lane| self.lanes.get(lane).map(|pos| (*lane, *pos)))
    }

    /// Map again what was looked up before something it may have found was changed.
    fn map_again(&mut self, batch: &mut [Mapped], mapped_at: u64) -> Result<(), StoreError> {
        let stale = self.directory_changes != mapped_at;
        for mapped in batch.iter_mut().filter(|mapped| mapped.missed || stale && mapped.looked_up) {
            *mapped = self.map_from_journal(mapped.pos)?;
            mapped.missed = false;
        }
        Ok(())
    }

    fn map_from_journal(&mut self, pos: u64) -> Result<Mapped, StoreError> {
        let entry = self.journal.entry(pos)?;
        let entry = entry.ok_or_else(|| StoreError::Corrupt(format!("journal entry {pos} is missing")))?;
        mapped::map(&self.region, &self.profiles, self.derived.codec(), &entry, &self.writer)
    }

    /// Whether a message changes what others may have looked up: a directory, or that something is there.
    fn touches_directory(&self, mapped: &Mapped) -> bool {
        let directory = self.region.directory(&mapped.source);
        mapped.steps.iter().any(|step| match step {
            Step::Put(ready) => ready.id.patient == directory,
            Step::Other(Change::Delete { .. }) => true,
            Step::Other(_) => false,
        })
    }

    fn apply_run(&mut self, batch: Vec<Mapped>) -> Result<(), StoreError> {
        let mut rest = batch;
        while !rest.is_empty() {
            let Some((positions, broken)) = self.try_run(std::mem::take(&mut rest))? else { return Ok(()) };
            // One message breaks, by a fault of ours: those before it are applied as if it were not there, and those after
            // it once it is parked, as a replay would that met them one by one.
            let (before, after) = positions.split_at_checked(broken).unwrap_or_default();
            let front = before.iter().map(|pos| self.map_from_journal(*pos)).collect::<Result<_, _>>()?;
            if self.try_run(front)?.is_some() {
                return Err(StoreError::Stopped("folding does not give the same twice".into()));
            }
            if let Some((pos, after)) = after.split_first() {
                self.park_broken(*pos)?;
                rest = after.iter().map(|pos| self.map_from_journal(*pos)).collect::<Result<_, _>>()?;
            }
        }
        Ok(())
    }

    /// Apply a batch as one, all or nothing. Gives its positions and the place of the first message that breaks, if one
    /// does; nothing is applied then.
    fn try_run(&mut self, mut batch: Vec<Mapped>) -> Result<Option<(Vec<u64>, usize)>, StoreError> {
        let Some(last) = batch.last().map(|mapped| mapped.pos) else { return Ok(None) };
        let positions: Vec<u64> = batch.iter().map(|mapped| mapped.pos).collect();
        // Of each, for they are applied as one: until all are visible.
        let _spans: Vec<_> = batch.iter().filter_map(|mapped| applying(mapped, positions.len())).collect();
        self.writer.begin()?;
        self.people.begin();
        let result = match batch.first().map(|first| first.kind) {
            Some(EntryKind::Hl7v2 | EntryKind::Fhir) => self.apply_messages(&mut batch),
            _ => batch.into_iter().try_for_each(|decision| self.decide(decision)).map(|()| Ok(())),
        };
        match result {
            Ok(Ok(())) => self.commit(last).map(|()| None),
            Ok(Err(broken)) => self.undo().map(|()| Some((positions, broken.message))),
            Err(error) => Err(self.undone(error)),
        }
    }

    /// The batch is taken back for an error, which is what is said, also where nothing can be taken back.
    fn undone(&mut self, error: StoreError) -> StoreError {
        match self.undo() {
            Ok(()) | Err(StoreError::NoWayBack) => error,
            Err(worse) => worse,
        }
    }

    fn commit(&mut self, applied: u64) -> Result<(), StoreError> {
        let dictionaries = self.dictionaries.try_iter();
        let kept = dictionaries.into_iter().try_for_each(|(kind, bytes)| self.writer.add_dictionary(kind, bytes));
        let result = kept.and_then(|()| self.writer.commit(applied));
        match result {
            Ok(()) => {
                self.reached = applied;
                Ok(())
            }
            Err(error) => Err(self.undone(error)),
        }
    }

    fn undo(&mut self) -> Result<(), StoreError> {
        self.writer.rollback()?;
        self.lanes = self.writer.lanes()?;
        self.people.undo(&self.writer)
    }

    /// Put a message that cannot be folded on the error desk.
    fn park_broken(&mut self, pos: u64) -> Result<(), StoreError> {
        let mut mapped = self.map_from_journal(pos)?;
        self.writer.begin()?;
        let mut park = || {
            if self.admit(&mut mapped, None)? {
                self.fail(&mapped, &[not_folded()])?;
            }
            self.note(&mapped, pos, &[])
        };
        match park() {
            Ok(()) => self.commit(pos),
            Err(error) => Err(self.undone(error)),
        }
    }

    /// Messages of a batch: lanes first, then folding by patient, then writing in order. The first message that breaks, if
    /// one does.
    fn apply_messages(&mut self, batch: &mut [Mapped]) -> Result<Result<(), Broken>, StoreError> {
        if let [mapped] = batch
            && let Some((lane, _)) = self.blocked(mapped)
            && self.writer.held_count(lane)? >= HELD_MAX
        {
            return self.apply_after_held(mapped);
        }
        let mut live: Vec<bool> = Vec::with_capacity(batch.len());
        for mapped in batch.iter_mut() {
            live.push(self.admit(mapped, None)?);
        }
        match self.fold_groups(group(batch, &live))? {
            Ok(outcomes) => self.write_outcomes(batch, &live, outcomes).map(Ok),
            Err(broken) => Ok(Err(broken)),
        }
    }

    /// A message that sets its lane free, for too many wait in it: they are written first, and it is folded over them.
    fn apply_after_held(&mut self, mapped: &mut Mapped) -> Result<Result<(), Broken>, StoreError> {
        if self.admit(mapped, None)? && !self.apply_alone(mapped, mapped.pos)? {
            return Ok(Err(Broken { message: 0 }));
        }
        self.note(mapped, mapped.pos, &[]).map(Ok)
    }

    /// Whether a message is to be processed now. Otherwise it is put on the error desk: held, parked, refused or failed.
    /// `retry_of`: it is the message that parks its lanes, tried again.
    fn admit(&mut self, mapped: &mut Mapped, retry_of: Option<u64>) -> Result<bool, StoreError> {
        if let Some((lane, parked)) = self.blocked(mapped)
            && retry_of != Some(parked)
        {
            if self.writer.held_count(lane)? < HELD_MAX {
                let finding = note("waiting", format!("waits behind message {parked} of the same patient"));
                self.put_problem(mapped, ProblemStatus::Held, Some(lane), &[finding], None)?;
                return Ok(false);
            }
            self.writer.put_lane(lane, None)?;
            self.lanes.remove(&lane);
            let held = self.writer.held(lane)?;
            for pos in held {
                self.apply_held(pos, mapped.pos)?;
            }
        }
        if !mapped.failed() {
            return Ok(true);
        }
        if retry_of.is_none() {
            let findings = std::mem::take(&mut mapped.findings);
            self.fail(mapped, &findings)?;
        }
        Ok(false)
    }

    fn fail(&mut self, mapped: &Mapped, findings: &[Finding]) -> Result<(), StoreError> {
        let unknown = findings.iter().any(|finding| finding.code == "unknown-message-type");
        let (status, lane) = match mapped.lanes.first() {
            _ if mapped.sender_waits() => (ProblemStatus::Refused, None),
            Some(lane) if !unknown => (ProblemStatus::Parked, Some(*lane)),
            _ => (ProblemStatus::Failed, None),
        };
        if status == ProblemStatus::Parked {
            for lane in &mapped.lanes {
                self.writer.put_lane(*lane, Some(mapped.pos))?;
                self.lanes.insert(*lane, mapped.pos);
            }
        }
        self.put_problem(mapped, status, lane, findings, None)
    }

    fn put_problem(
        &mut self,
        mapped: &Mapped,
        status: ProblemStatus,
        lane: Option<PatientKey>,
        findings: &[Finding],
        resolved_by: Option<u64>,
    ) -> Result<(), StoreError> {
        let findings = serde_json::to_string(findings).map_err(|e| StoreError::Corrupt(format!("findings: {e}")))?;
        let span = tracing::info_span!(
            target: "skein::span",
            parent: None,
            "desk",
            position = mapped.pos,
            skein.feed = mapped.feed.as_str(),
            skein.source = mapped.source.as_str(),
            skein.outcome = status.as_str(),
        );
        let _entered = span.entered();
        self.writer.put_problem(&Problem {
            pos: mapped.pos,
            source: mapped.source.clone(),
            feed: mapped.feed.clone(),
            received: mapped.received,
            status,
            lane,
            findings,
            title: mapped.title.clone(),
            resolved_by,
        })
    }
}

/// The thread that trains dictionaries: one after the other, for training takes memory and a processor, and nobody waits for
/// it. It ends with the applier.
fn start_trainer() -> Result<(Sender<Sample>, Receiver<Trained>), StoreError> {
    let (samples, inbox) = unbounded::<Sample>();
    let (trained, dictionaries) = unbounded();
    let train = move || {
        for dictionary in inbox.iter().filter_map(|sample| sample.train()) {
            let _ = trained.send(dictionary);
        }
    };
    let trainer = std::thread::Builder::new().name("dictionary".into()).spawn(train);
    trainer.map_err(|e| StoreError::Unusable(format!("cannot start a thread: {e}")))?;
    Ok((samples, dictionaries))
}

/// The span of applying a message, where that is traced.
fn applying(mapped: &Mapped, together: usize) -> Option<tracing::Span> {
    let span = tracing::info_span!(
        target: "skein::span",
        parent: None,
        "apply",
        position = mapped.pos,
        skein.feed = mapped.feed.as_str(),
        skein.source = mapped.source.as_str(),
        skein.entries = together,
    );
    (!span.is_disabled()).then_some(span)
}

fn not_folded() -> Finding {
    note("internal", "the message could not be folded into the record: a fault in skein".into())
}

fn note(code: &str, text: String) -> Finding {
    Finding { severity: Severity::Error, code: code.into(), place: String::new(), text }
}

fn warning(code: &str, text: String) -> Finding {
    Finding { severity: Severity::Warning, code: code.into(), place: String::new(), text }
}
/// What a decision is about, as JSON for [`store::journal::NewEntry::about`].
pub fn about_message(of: u64, by: &str, why: &str) -> String {
    json!({"of": of, "by": by, "why": why}).to_string()
}
