//! The one applier: takes mapped entries in journal order and makes them visible.
//!
//! Within a batch the work that only concerns one patient (loading, folding, compressing) is done for several patients at
//! once; what crosses patients (links, merges) and the writing itself is done in order, so that a replay of the journal
//! gives the same state.

use crate::{
    mapped::{self, Mapped, Ready, Step, identifier_hashes},
    person,
    profiles::Profiles,
};
use fhir::{PatientKey, Region, Resource, ResourceId, ResourceType};
use identity::PatientFacts;
use mapping::{Change, Facts, Finding, Severity};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};
use store::{
    Body, Codec, Current, Derived, NewRow, PatientRow, Problem, ProblemStatus, Snapshot, StoreError, Writer,
    journal::{Entry, EntryKind, JournalReader},
};

/// Messages held behind one parked message at most. Past that the lane is set free: folding does not need order, and a
/// resubmitted message is then simply late news.
const HELD_MAX: usize = 10_000;

/// What is stored, seen from inside or outside the running batch.
trait Stored {
    fn current(&self, id: ResourceId, kind: ResourceType) -> Result<Option<Current>, StoreError>;
    fn patient(&self, patient: PatientKey) -> Result<Option<PatientRow>, StoreError>;
}

impl Stored for Snapshot {
    fn current(&self, id: ResourceId, kind: ResourceType) -> Result<Option<Current>, StoreError> {
        Snapshot::current(self, id, kind)
    }
    fn patient(&self, patient: PatientKey) -> Result<Option<PatientRow>, StoreError> {
        Snapshot::patient(self, patient)
    }
}

impl Stored for Writer {
    fn current(&self, id: ResourceId, kind: ResourceType) -> Result<Option<Current>, StoreError> {
        Writer::current(self, id, kind)
    }
    fn patient(&self, patient: PatientKey) -> Result<Option<PatientRow>, StoreError> {
        Writer::patient(self, patient)
    }
}

/// A row to write, and what must follow from it.
struct Outcome {
    message: usize,
    row: NewRow,
    identifiers: Option<(Vec<i64>, Vec<i64>)>,
    facts: Option<PatientFacts>,
    sample: Option<Vec<u8>>,
}

impl Outcome {
    /// What was known is true as of a later time: what folding needs changes, what the resource says does not.
    fn confirmed(message: usize, id: ResourceId, kind: ResourceType, state: Vec<u8>) -> Self {
        let body = Body { dictionary: 0, bytes: Vec::new() };
        let row = NewRow { id, kind, deleted: false, body, state, version: 0, message: 0 };
        Outcome { message, row, identifiers: None, facts: None, sample: None }
    }

    fn is_confirmation(&self) -> bool {
        self.row.version == 0
    }
}

/// Everything one patient's messages of a batch came to.
struct PatientOutcome {
    patient: PatientKey,
    rows: Vec<Outcome>,
    /// Messages whose folding failed by a fault of ours.
    broken: Vec<usize>,
}

/// What a patient's resource is now, the batch so far included.
struct Known {
    version: u32,
    text: Vec<u8>,
    state: Vec<u8>,
    deleted: bool,
    resource: Option<Resource>,
}

/// The applier.
pub struct Applier {
    region: Region,
    derived: Derived,
    writer: Writer,
    journal: JournalReader,
    lanes: HashMap<PatientKey, u64>,
    profiles: Profiles,
    threads: usize,
    dictionaries: crossbeam_channel::Receiver<(u8, Vec<u8>)>,
    dictionary_sender: crossbeam_channel::Sender<(u8, Vec<u8>)>,
    /// Counts changes of directories; what was looked up under another count is looked up again.
    directory_changes: u64,
}

impl Applier {
    /// An applier over an open store.
    pub fn new(region: Region, derived: Derived, writer: Writer, journal: JournalReader) -> Result<Self, StoreError> {
        let lanes = writer.lanes()?;
        let mut profiles = Profiles::default();
        for (source, toml) in writer.profiles()? {
            profiles.set(&source, &toml);
        }
        let (dictionary_sender, dictionaries) = crossbeam_channel::unbounded();
        let threads = std::thread::available_parallelism().map_or(2, usize::from).clamp(1, 8);
        Ok(Applier {
            region,
            derived,
            writer,
            journal,
            lanes,
            profiles,
            threads,
            dictionaries,
            dictionary_sender,
            directory_changes: 0,
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

    /// Write the log back into the file: nothing more comes.
    pub fn finish(&self) -> Result<(), StoreError> {
        self.writer.checkpoint()
    }

    /// Apply entries, which must follow the position reached without a gap. `mapped_at` is the count of directory changes
    /// they were mapped under.
    pub fn apply(&mut self, batch: Vec<Mapped>, mapped_at: u64) -> Result<(), StoreError> {
        let mut rest = batch;
        while !rest.is_empty() {
            // A decision, or a change of a directory, is applied before anything after it is looked at.
            let cut = self.cut(&rest);
            let tail = rest.split_off(cut.min(rest.len()));
            let mut now = std::mem::replace(&mut rest, tail);
            self.map_again(&mut now, mapped_at)?;
            self.apply_run(now)?;
        }
        Ok(())
    }

    /// How many entries from the front can be applied as one.
    fn cut(&self, batch: &[Mapped]) -> usize {
        for (index, mapped) in batch.iter().enumerate() {
            if !matches!(mapped.kind, EntryKind::Hl7v2 | EntryKind::Fhir) {
                return index.max(1);
            }
            if index > 0 && mapped.missed {
                return index;
            }
            if self.touches_directory(mapped) {
                return index + 1;
            }
        }
        batch.len()
    }

    /// Map again what was looked up before something it may have found was changed.
    fn map_again(&self, batch: &mut [Mapped], mapped_at: u64) -> Result<(), StoreError> {
        let stale = self.directory_changes != mapped_at;
        for mapped in batch.iter_mut().filter(|mapped| mapped.missed || stale && mapped.looked_up) {
            if let Some(entry) = mapped.entry.take() {
                *mapped = mapped::map(&self.region, &self.profiles, self.derived.codec(), entry, &self.writer)?;
                mapped.missed = false;
            }
        }
        Ok(())
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

    fn apply_run(&mut self, mut batch: Vec<Mapped>) -> Result<(), StoreError> {
        let Some(last) = batch.last().map(|mapped| mapped.pos) else { return Ok(()) };
        self.writer.begin()?;
        let result = match batch.first().map(|first| first.kind) {
            Some(EntryKind::Hl7v2 | EntryKind::Fhir) => self.apply_messages(&mut batch),
            _ => batch.into_iter().try_for_each(|decision| self.decide(decision)),
        };
        let result = result.and_then(|()| {
            while let Ok((kind, bytes)) = self.dictionaries.try_recv() {
                self.writer.add_dictionary(kind, bytes)?;
            }
            self.writer.commit(last)
        });
        if result.is_err() {
            self.writer.rollback()?;
            self.lanes = self.writer.lanes()?;
        }
        result
    }

    /// Messages of a batch: lanes first, then folding by patient, then writing in order.
    fn apply_messages(&mut self, batch: &mut [Mapped]) -> Result<(), StoreError> {
        let mut live: Vec<bool> = Vec::with_capacity(batch.len());
        for mapped in batch.iter_mut() {
            live.push(self.admit(mapped, None)?);
        }
        let outcomes = self.fold_in_parallel(batch, &live)?;
        self.write_outcomes(batch, &mut live, outcomes)
    }

    /// Whether a message is to be processed now. Otherwise it is put on the error desk: held, parked, refused or failed.
    /// `retry_of`: it is the message that parks its lanes, tried again.
    fn admit(&mut self, mapped: &mut Mapped, retry_of: Option<u64>) -> Result<bool, StoreError> {
        let blocked = mapped.lanes.iter().find_map(|lane| self.lanes.get(lane).map(|pos| (*lane, *pos)));
        if let Some((lane, parked)) = blocked
            && retry_of != Some(parked)
        {
            if self.writer.held(lane)?.len() < HELD_MAX {
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

    fn fold_in_parallel(&self, batch: &mut [Mapped], live: &[bool]) -> Result<Vec<PatientOutcome>, StoreError> {
        let groups = group(batch, live);
        let threads = self.threads.min(groups.len().div_ceil(4)).max(1);
        if threads == 1 {
            let snapshot = self.derived.snapshot()?;
            return groups.into_iter().map(|group| fold_patient(&snapshot, &self.derived, group)).collect();
        }
        let next = AtomicUsize::new(0);
        let slots: Vec<Mutex<Option<Group>>> = groups.into_iter().map(|group| Mutex::new(Some(group))).collect();
        let results: Mutex<BTreeMap<usize, Result<PatientOutcome, StoreError>>> = Mutex::default();
        let derived = &self.derived;
        let work = || -> Result<(), StoreError> {
            let snapshot = derived.snapshot()?;
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(slot) = slots.get(index) else { return Ok(()) };
                let Some(group) = slot.lock().ok().and_then(|mut slot| slot.take()) else { continue };
                let outcome = fold_patient(&snapshot, derived, group);
                if let Ok(mut results) = results.lock() {
                    results.insert(index, outcome);
                }
            }
        };
        std::thread::scope(|scope| {
            let helpers: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
            let mut outcome = work();
            for helper in helpers {
                let theirs =
                    helper.join().unwrap_or_else(|_| Err(StoreError::Stopped("a folding thread panicked".into())));
                outcome = outcome.and(theirs);
            }
            outcome
        })?;
        let results = results.into_inner().map_err(|_| StoreError::Stopped("folding results".into()))?;
        results.into_values().collect()
    }

    fn write_outcomes(
        &mut self,
        batch: &[Mapped],
        live: &mut [bool],
        outcomes: Vec<PatientOutcome>,
    ) -> Result<(), StoreError> {
        let mut rows: Vec<Vec<Outcome>> = Vec::new();
        rows.resize_with(batch.len(), Vec::new);
        let broken: HashSet<usize> = outcomes.iter().flat_map(|outcome| outcome.broken.iter().copied()).collect();
        for outcome in outcomes {
            debug_assert!(outcome.rows.iter().all(|row| row.row.id.patient == outcome.patient));
            for row in outcome.rows {
                if let Some(slot) = rows.get_mut(row.message) {
                    slot.push(row);
                }
            }
        }
        for (index, (mapped, rows)) in batch.iter().zip(rows).enumerate() {
            let is_live = live.get(index).copied().unwrap_or(false);
            if is_live && broken.contains(&index) {
                self.fail(
                    mapped,
                    &[note("internal", "the message could not be folded into the record: a fault in skein".into())],
                )?;
                self.note(mapped, mapped.pos, &[])?;
            } else if is_live {
                let touched = self.write_message(mapped, rows, mapped.pos)?;
                self.note(mapped, mapped.pos, &touched)?;
            } else {
                self.note(mapped, mapped.pos, &[])?;
            }
        }
        Ok(())
    }

    /// The change feed's row of a message.
    fn note(&mut self, mapped: &Mapped, seq: u64, patients: &[PatientKey]) -> Result<(), StoreError> {
        let source = self.writer.source(&mapped.source)?;
        self.writer.note_applied(seq, source, mapped.received, mapped.happened, patients)
    }

    /// Write what a message came to, as of `seq`. Gives the patients it touched.
    fn write_message(&mut self, mapped: &Mapped, rows: Vec<Outcome>, seq: u64) -> Result<Vec<PatientKey>, StoreError> {
        let source = self.writer.source(&mapped.source)?;
        let directory = self.region.directory(&mapped.source);
        let mut remarks: Vec<Finding> =
            mapped.findings.iter().filter(|finding| finding.severity >= Severity::Warning).cloned().collect();
        let mut touched: Vec<PatientKey> = Vec::new();
        let mut newest_facts: HashMap<PatientKey, PatientFacts> = HashMap::new();
        for outcome in rows.iter().filter(|outcome| !outcome.is_confirmation()) {
            if !touched.contains(&outcome.row.id.patient) {
                touched.push(outcome.row.id.patient);
            }
            if let Some(facts) = &outcome.facts {
                newest_facts.insert(outcome.row.id.patient, facts.clone());
            }
        }
        let mut to_settle: Vec<PatientKey> = Vec::new();
        for patient in &touched {
            let known = self.writer.patient(*patient)?;
            let facts = newest_facts.remove(patient).or_else(|| known.as_ref().and_then(|row| row.facts.clone()));
            if known.as_ref().is_some_and(|known| known.facts == facts) {
                continue;
            }
            let is_directory = *patient == directory;
            let row = PatientRow { patient: *patient, source: mapped.source.clone(), directory: is_directory, facts };
            self.writer.put_patient(&row, source)?;
            if !is_directory {
                to_settle.push(*patient);
            }
        }
        for outcome in rows {
            if outcome.is_confirmation() {
                self.writer.put_state(outcome.row.id, outcome.row.kind, &outcome.row.state)?;
                continue;
            }
            let Outcome { mut row, identifiers, sample, .. } = outcome;
            row.message = mapped.pos;
            if row.id.patient == directory || row.deleted {
                self.directory_changes += 1;
            }
            if let Some((old, new)) = identifiers {
                self.writer.put_identifiers(row.id, row.kind, &old, &new)?;
            }
            if let Some(text) = sample {
                self.sample(row.kind, &text);
            }
            self.writer.put(&row, seq)?;
        }
        for step in &mapped.steps {
            if let Step::Other(change) = step {
                self.write_pointer(mapped, change, seq, source, &mut to_settle, &mut remarks)?;
            }
        }
        for patient in to_settle {
            self.settle(patient, seq, &mut touched, &mut remarks)?;
        }
        if !remarks.is_empty() && self.writer.problem(mapped.pos)?.is_none() {
            self.put_problem(mapped, ProblemStatus::Remark, None, &remarks, None)?;
        }
        Ok(touched)
    }

    fn settle(
        &mut self,
        patient: PatientKey,
        seq: u64,
        touched: &mut Vec<PatientKey>,
        remarks: &mut Vec<Finding>,
    ) -> Result<(), StoreError> {
        let (changed, suspect) = person::settle(&mut self.writer, &self.region, patient, seq)?;
        for patient in changed {
            if !touched.contains(&patient) {
                touched.push(patient);
            }
        }
        if let Some(evidence) = suspect {
            remarks.push(warning(
                "nhs-number-shared",
                format!(
                    "the verified NHS number is also patient {}'s, whose name and date of birth both differ: not linked. \
                     Find out at the sources whose number it is",
                    evidence.with
                ),
            ));
        }
        Ok(())
    }

    /// Changes that move pointers: merges and moved visits.
    fn write_pointer(
        &mut self,
        mapped: &Mapped,
        change: &Change,
        seq: u64,
        source: i64,
        to_settle: &mut Vec<PatientKey>,
        remarks: &mut Vec<Finding>,
    ) -> Result<(), StoreError> {
        match change {
            Change::Merge { survivor, loser, time } if survivor != loser => {
                for patient in [survivor, loser] {
                    self.stub(mapped, *patient, source, seq)?;
                }
                if let Some(finding) = self.verified_numbers_differ(*survivor, *loser)? {
                    remarks.push(finding);
                    return Ok(());
                }
                // Merged the other way round before: the newer merge stands.
                if person::last_survivor(&self.writer, *survivor)? == Some(*loser)
                    && !self.writer.put_merge(*survivor, None, time.recorded, seq)?
                {
                    return Ok(());
                }
                if self.writer.put_merge(*loser, Some(*survivor), time.recorded, seq)? {
                    to_settle.push(*survivor);
                    to_settle.push(*loser);
                }
            }
            Change::Merge { .. } => {}
            Change::SamePerson { patient, with, time } => {
                for patient in [patient, with] {
                    self.stub(mapped, *patient, source, seq)?;
                }
                if let Some(finding) = self.verified_numbers_differ(*with, *patient)? {
                    remarks.push(finding);
                } else if self.writer.put_linked(*patient, *with, time.recorded, seq)? {
                    to_settle.push(*with);
                    to_settle.push(*patient);
                }
            }
            Change::Unmerge { survivor, loser, time } => {
                for patient in [survivor, loser] {
                    self.stub(mapped, *patient, source, seq)?;
                }
                // The two may be named in the other order than when they were said to be one.
                let (survivor, loser) = match self.writer.survivor(*survivor)? {
                    Some(other) if other == *loser => (loser, survivor),
                    _ => (survivor, loser),
                };
                if self.writer.put_merge(*loser, None, time.recorded, seq)? {
                    to_settle.push(*loser);
                    to_settle.push(*survivor);
                }
            }
            Change::MoveVisit { encounter, to, time } => {
                self.stub(mapped, encounter.patient, source, seq)?;
                self.stub(mapped, *to, source, seq)?;
                self.writer.put_move(*encounter, *to, time.recorded, seq)?;
            }
            Change::Put { .. } | Change::Fold { .. } | Change::Delete { .. } => {}
        }
        Ok(())
    }

    /// A merge may name a patient we have not heard of: it exists from now on.
    fn stub(&mut self, mapped: &Mapped, patient: PatientKey, source: i64, seq: u64) -> Result<(), StoreError> {
        if !self.writer.knows(patient)? {
            let row = PatientRow { patient, source: mapped.source.clone(), directory: false, facts: None };
            self.writer.put_patient(&row, source)?;
        }
        if self.writer.link(patient)?.is_none() {
            person::settle(&mut self.writer, &self.region, patient, seq)?;
        }
        Ok(())
    }

    fn verified_numbers_differ(&self, survivor: PatientKey, loser: PatientKey) -> Result<Option<Finding>, StoreError> {
        let number = |patient| -> Result<Option<u64>, StoreError> {
            let facts = self.writer.patient(patient)?.and_then(|row| row.facts).unwrap_or_default();
            Ok(facts.nhs_number.filter(|_| facts.verified))
        };
        Ok(match (number(survivor)?, number(loser)?) {
            (Some(a), Some(b)) if a != b => Some(warning(
                "merge-needs-decision",
                format!(
                    "the source merges patients {loser} and {survivor}, which have two different verified NHS numbers: not \
                     merged here until somebody decides (skein errors link)"
                ),
            )),
            _ => None,
        })
    }

    fn sample(&self, kind: ResourceType, text: &[u8]) {
        if let Some(sample) = self.derived.sample(kind.code(), text) {
            let sender = self.dictionary_sender.clone();
            // Training takes a moment and nobody waits for it; without a dictionary rows are larger, not wrong.
            let _ = std::thread::Builder::new().name("dictionary".into()).spawn(move || {
                if let Some(trained) = sample.train() {
                    let _ = sender.send(trained);
                }
            });
        }
    }

    /// Carry out a decision of the journal.
    fn decide(&mut self, mapped: Mapped) -> Result<(), StoreError> {
        let Some(entry) = &mapped.entry else { return self.note(&mapped, mapped.pos, &[]) };
        let about: Value =
            entry.about.as_deref().and_then(|about| serde_json::from_str(about).ok()).unwrap_or(Value::Null);
        let of = about.get("of").and_then(Value::as_u64);
        match entry.kind {
            EntryKind::Profile => {
                let toml = String::from_utf8_lossy(&entry.body).into_owned();
                self.profiles.set(&mapped.source, &toml);
                self.writer.put_profile(&mapped.source, &toml, mapped.pos)?;
                // The source has not spoken: no sign of life for the freshness of its news.
                self.writer.note_decision(mapped.pos, &mapped.source, mapped.received, &[])
            }
            EntryKind::Resubmit => {
                let touched = match of {
                    Some(of) => self.resubmit(entry, of)?,
                    None => Vec::new(),
                };
                self.writer.note_decision(mapped.pos, &mapped.source, mapped.received, &touched)
            }
            EntryKind::Discard => {
                if let Some(of) = of {
                    self.resolve(of, mapped.pos)?;
                }
                self.writer.note_decision(mapped.pos, &mapped.source, mapped.received, &[])
            }
            EntryKind::Link => {
                let touched = self.link(&about, mapped.pos)?;
                self.writer.note_decision(mapped.pos, &mapped.source, mapped.received, &touched)
            }
            EntryKind::Hl7v2 | EntryKind::Fhir => Ok(()),
        }
    }

    /// Somebody decided which person a patient is: `{"patient": key, "person": key | "own" | null}`, `null` taking an
    /// earlier decision back.
    fn link(&mut self, about: &Value, seq: u64) -> Result<Vec<PatientKey>, StoreError> {
        let Some(patient) =
            about.get("patient").and_then(Value::as_str).and_then(|text| text.parse::<PatientKey>().ok())
        else {
            return Ok(Vec::new());
        };
        if self.writer.link(patient)?.is_none() {
            return Ok(Vec::new());
        }
        let why = about.to_string();
        match about.get("person") {
            Some(Value::String(text)) if text == "own" => {
                let person = person::own_person(&self.writer, &self.region, patient)?;
                self.writer.put_decided(patient, Some((person, &why)), seq)?;
            }
            Some(Value::String(text)) => {
                let Ok(person) = text.parse() else { return Ok(Vec::new()) };
                self.writer.put_decided(patient, Some((person, &why)), seq)?;
            }
            _ => self.writer.put_decided(patient, None, seq)?,
        }
        Ok(person::settle(&mut self.writer, &self.region, patient, seq)?.0)
    }

    /// Process a message again, with the bytes of the decision.
    fn resubmit(&mut self, decision: &Entry, of: u64) -> Result<Vec<PatientKey>, StoreError> {
        let Some(mut problem) = self.writer.problem(of)? else { return Ok(Vec::new()) };
        if problem.status == ProblemStatus::Resolved {
            return Ok(Vec::new());
        }
        let Some(original) = self.journal.entry(of)? else { return Ok(Vec::new()) };
        let entry = Entry { pos: decision.pos, body: decision.body.clone(), about: None, ..original };
        let mut mapped = mapped::map(&self.region, &self.profiles, self.derived.codec(), entry, &self.writer)?;
        let touched = mapped.lanes.clone();
        if !self.admit(&mut mapped, Some(of))? {
            if mapped.failed() {
                problem.findings = serde_json::to_string(&mapped.findings).unwrap_or_default();
                self.writer.put_problem(&problem)?;
            } else {
                // It now belongs to another lane, which is parked: it waits there, the original is settled.
                self.resolve(of, decision.pos)?;
            }
            return Ok(touched);
        }
        self.apply_alone(mapped, decision.pos)?;
        self.resolve(of, decision.pos)?;
        Ok(touched)
    }

    /// A message is settled: free its lanes and process what waited behind it, in journal order.
    fn resolve(&mut self, of: u64, by: u64) -> Result<(), StoreError> {
        let Some(mut problem) = self.writer.problem(of)? else { return Ok(()) };
        problem.status = ProblemStatus::Resolved;
        problem.resolved_by = Some(by);
        self.writer.put_problem(&problem)?;
        let freed: Vec<PatientKey> = self.lanes.iter().filter(|(_, pos)| **pos == of).map(|(lane, _)| *lane).collect();
        for lane in &freed {
            self.writer.put_lane(*lane, None)?;
            self.lanes.remove(lane);
        }
        let mut waiting: Vec<u64> = Vec::new();
        for lane in &freed {
            waiting.extend(self.writer.held(*lane)?);
        }
        waiting.sort_unstable();
        waiting.dedup();
        for pos in waiting {
            self.apply_held(pos, by)?;
        }
        Ok(())
    }

    fn apply_held(&mut self, pos: u64, seq: u64) -> Result<(), StoreError> {
        let Some(mut problem) = self.writer.problem(pos)? else { return Ok(()) };
        let Some(entry) = self.journal.entry(pos)? else { return Ok(()) };
        let mut mapped = mapped::map(&self.region, &self.profiles, self.derived.codec(), entry, &self.writer)?;
        if !self.admit(&mut mapped, None)? {
            return Ok(());
        }
        problem.status = ProblemStatus::Resolved;
        problem.resolved_by = Some(seq);
        self.writer.put_problem(&problem)?;
        self.apply_alone(mapped, seq)
    }

    /// Process one message inside the running batch.
    fn apply_alone(&mut self, mapped: Mapped, seq: u64) -> Result<(), StoreError> {
        let mut batch = [mapped];
        let mut rows = Vec::new();
        for group in group(&mut batch, &[true]) {
            rows.extend(fold_patient(&self.writer, &self.derived, group)?.rows);
        }
        let [mapped] = batch;
        // Its row of the change feed is the decision's: `seq` is when it became visible.
        self.write_message(&mapped, rows, seq)?;
        Ok(())
    }
}

fn note(code: &str, text: String) -> Finding {
    Finding { severity: Severity::Error, code: code.into(), place: String::new(), text }
}

fn warning(code: &str, text: String) -> Finding {
    Finding { severity: Severity::Warning, code: code.into(), place: String::new(), text }
}

/// A change of one patient's resource.
enum Work {
    Put(Box<Ready>),
    Fold(ResourceId, Box<Facts>),
    Delete(ResourceId, ResourceType),
}

/// The changes of one patient, in order.
struct Group {
    patient: PatientKey,
    work: Vec<(usize, Work)>,
}

/// Take the changes of single resources out of the batch, by patient.
fn group(batch: &mut [Mapped], live: &[bool]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut index_of: HashMap<PatientKey, usize> = HashMap::new();
    for (message, mapped) in batch.iter_mut().enumerate() {
        if !live.get(message).copied().unwrap_or(false) {
            continue;
        }
        let mut pointers = Vec::new();
        for step in std::mem::take(&mut mapped.steps) {
            let (patient, work) = match step {
                Step::Put(ready) => (ready.id.patient, Work::Put(ready)),
                Step::Other(Change::Fold { id, facts }) => (id.patient, Work::Fold(id, Box::new(facts))),
                Step::Other(Change::Delete { id, kind }) => (id.patient, Work::Delete(id, kind)),
                other => {
                    pointers.push(other);
                    continue;
                }
            };
            let index = *index_of.entry(patient).or_insert_with(|| {
                groups.push(Group { patient, work: Vec::new() });
                groups.len() - 1
            });
            if let Some(group) = groups.get_mut(index) {
                group.work.push((message, work));
            }
        }
        mapped.steps = pointers;
    }
    groups
}

fn fold_patient(stored: &impl Stored, derived: &Derived, group: Group) -> Result<PatientOutcome, StoreError> {
    let codec = derived.codec();
    let is_new = stored.patient(group.patient)?.is_none();
    let mut known: HashMap<(ResourceId, ResourceType), Known> = HashMap::new();
    let mut rows = Vec::with_capacity(group.work.len());
    let mut broken: Vec<usize> = Vec::new();
    for (message, work) in group.work {
        if broken.contains(&message) {
            continue;
        }
        let (id, kind) = match &work {
            Work::Put(ready) => (ready.id, ready.kind),
            Work::Fold(id, facts) => (*id, facts.what.kind().unwrap_or(ResourceType::Basic)),
            Work::Delete(id, kind) => (*id, *kind),
        };
        if !known.contains_key(&(id, kind))
            && !is_new
            && let Some(found) = load(stored, codec, id, kind)?
        {
            known.insert((id, kind), found);
        }
        let before = known.get(&(id, kind));
        match work {
            Work::Put(ready) => {
                if before.is_some_and(|before| ready.if_none_exist || (!before.deleted && before.text == ready.text)) {
                    continue;
                }
                rows.push(put(&mut known, message, *ready));
            }
            Work::Fold(_, facts) => match fold_one(codec, &mut known, message, id, kind, &facts)? {
                Some(Folding::Row(row)) => rows.push(*row),
                Some(Folding::Broken) => broken.push(message),
                None => {}
            },
            Work::Delete(..) => rows.extend(delete(codec, &mut known, message, id, kind)?),
        }
    }
    rows.retain(|row| !broken.contains(&row.message));
    Ok(PatientOutcome { patient: group.patient, rows, broken })
}

fn load(stored: &impl Stored, codec: &Codec, id: ResourceId, kind: ResourceType) -> Result<Option<Known>, StoreError> {
    let Some(current) = stored.current(id, kind)? else { return Ok(None) };
    let text = codec.decompress(current.body.dictionary, &current.body.bytes)?;
    Ok(Some(Known { version: current.version, text, state: current.state, deleted: current.deleted, resource: None }))
}

fn old_identifiers(kind: ResourceType, id: ResourceId, before: Option<&Known>) -> Vec<i64> {
    if !mapping::bundle::is_found_by_identifier(kind) {
        return Vec::new();
    }
    before
        .filter(|before| !before.deleted)
        .and_then(|before| store::unpack(&before.text, id, kind).ok())
        .map(|resource| identifier_hashes(&resource))
        .unwrap_or_default()
}

fn put(known: &mut HashMap<(ResourceId, ResourceType), Known>, message: usize, ready: Ready) -> Outcome {
    let key = (ready.id, ready.kind);
    let before = known.get(&key);
    let old = old_identifiers(ready.kind, ready.id, before);
    let version = before.map_or(1, |before| before.version + 1);
    let identifiers = (!old.is_empty() || !ready.identifiers.is_empty()).then_some((old, ready.identifiers));
    let sample = (version == 1).then(|| ready.text.clone());
    known.insert(key, Known { version, text: ready.text, state: Vec::new(), deleted: false, resource: None });
    Outcome {
        message,
        row: NewRow {
            id: ready.id,
            kind: ready.kind,
            deleted: false,
            body: ready.body,
            state: Vec::new(),
            version,
            message: 0,
        },
        identifiers,
        facts: ready.facts,
        sample,
    }
}

enum Folding {
    /// It says something new, or what is known as of a later time.
    Row(Box<Outcome>),
    /// A fault of ours.
    Broken,
}

fn fold_one(
    codec: &Codec,
    known: &mut HashMap<(ResourceId, ResourceType), Known>,
    message: usize,
    id: ResourceId,
    kind: ResourceType,
    facts: &Facts,
) -> Result<Option<Folding>, StoreError> {
    let mut before = known.remove(&(id, kind));
    let current = match &mut before {
        Some(before) if !before.deleted || !before.state.is_empty() => {
            let resource = match before.resource.take() {
                Some(resource) => resource,
                None => store::unpack(&before.text, id, kind)?,
            };
            Some((resource, before.state.as_slice()))
        }
        _ => None,
    };
    let Ok(folded) = catch_unwind(AssertUnwindSafe(|| mapping::fold(id, current, facts))) else {
        known.extend(before.map(|before| ((id, kind), before)));
        return Ok(Some(Folding::Broken));
    };
    let text = store::pack(&folded.resource, id);
    if let Some(same) = before.as_mut().filter(|before| before.text == text && !before.deleted) {
        same.resource = Some(folded.resource);
        let confirmed =
            (same.state != folded.state).then(|| Outcome::confirmed(message, id, kind, folded.state.clone()));
        same.state = folded.state;
        known.extend(before.map(|before| ((id, kind), before)));
        return Ok(confirmed.map(|outcome| Folding::Row(Box::new(outcome))));
    }
    let old = old_identifiers(kind, id, before.as_ref());
    let new = identifier_hashes(&folded.resource);
    let version = before.as_ref().map_or(1, |before| before.version + 1);
    let body = codec.compress(kind.code(), &text)?;
    let facts = (kind == ResourceType::Patient).then(|| identity::facts_of(&folded.resource));
    let sample = (version == 1).then(|| text.clone());
    let row = NewRow { id, kind, deleted: false, body, state: folded.state.clone(), version, message: 0 };
    known.insert(
        (id, kind),
        Known { version, text, state: folded.state, deleted: false, resource: Some(folded.resource) },
    );
    let identifiers = (!old.is_empty() || !new.is_empty()).then_some((old, new));
    Ok(Some(Folding::Row(Box::new(Outcome { message, row, identifiers, facts, sample }))))
}

fn delete(
    codec: &Codec,
    known: &mut HashMap<(ResourceId, ResourceType), Known>,
    message: usize,
    id: ResourceId,
    kind: ResourceType,
) -> Result<Option<Outcome>, StoreError> {
    let Some(before) = known.get_mut(&(id, kind)) else { return Ok(None) };
    if before.deleted {
        return Ok(None);
    }
    let old = old_identifiers(kind, id, Some(before));
    before.version += 1;
    before.deleted = true;
    // The tombstone keeps the last text, so that history and replay can show what was there.
    let body = codec.compress(kind.code(), &before.text)?;
    Ok(Some(Outcome {
        message,
        row: NewRow { id, kind, deleted: true, body, state: before.state.clone(), version: before.version, message: 0 },
        identifiers: (!old.is_empty()).then_some((old, Vec::new())),
        facts: None,
        sample: None,
    }))
}

/// What a decision is about, as JSON for [`store::journal::NewEntry::about`].
pub fn about_message(of: u64, by: &str, why: &str) -> String {
    json!({"of": of, "by": by, "why": why}).to_string()
}
