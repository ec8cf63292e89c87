//! The part of a batch that concerns one patient at a time: what is known is loaded, the batch's changes are laid over it,
//! and what came of it is compressed. Several patients at once; nothing is written here.

use super::Applier;
use crate::mapped::{Mapped, Ready, Step, identifier_hashes};
use fhir::{PatientKey, Resource, ResourceId, ResourceType};
use identity::PatientFacts;
use mapping::{Change, Facts};
use std::{
    collections::{BTreeMap, HashMap},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};
use store::{Body, Codec, Current, Derived, NewRow, PatientRow, Snapshot, StoreError, Writer};

/// What is stored, seen from inside or outside the running batch.
pub(super) trait Stored {
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
pub(super) struct Outcome {
    pub message: usize,
    pub row: NewRow,
    pub identifiers: Option<(Vec<i64>, Vec<i64>)>,
    pub facts: Option<PatientFacts>,
    pub sample: Option<Vec<u8>>,
}

impl Outcome {
    /// What was known is true as of a later time: what folding needs changes, what the resource says does not.
    fn confirmed(message: usize, id: ResourceId, kind: ResourceType, state: Vec<u8>) -> Self {
        let body = Body { dictionary: 0, bytes: Vec::new() };
        let row = NewRow { id, kind, deleted: false, body, state, version: 0, message: 0 };
        Outcome { message, row, identifiers: None, facts: None, sample: None }
    }

    pub(super) fn is_confirmation(&self) -> bool {
        self.row.version == 0
    }
}

/// Everything one patient's messages of a batch came to.
pub(super) struct PatientOutcome {
    pub patient: PatientKey,
    pub rows: Vec<Outcome>,
    /// Messages whose folding failed by a fault of ours.
    pub broken: Vec<usize>,
}

/// What a patient's resource is now, the batch so far included.
struct Known {
    version: u32,
    text: Vec<u8>,
    state: Vec<u8>,
    deleted: bool,
    resource: Option<Resource>,
}

/// A change of one patient's resource.
pub(super) enum Work {
    Put(Box<Ready>),
    Fold(ResourceId, Box<Facts>),
    Delete(ResourceId, ResourceType),
}

/// The changes of one patient, in order.
pub(super) struct Group {
    pub patient: PatientKey,
    pub work: Vec<(usize, Work)>,
}

/// Take the changes of single resources out of the batch, by patient.
pub(super) fn group(batch: &mut [Mapped], live: &[bool]) -> Vec<Group> {
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

pub(super) fn fold_patient(
    stored: &impl Stored,
    derived: &Derived,
    group: Group,
) -> Result<PatientOutcome, StoreError> {
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

impl Applier {
    pub(super) fn fold_in_parallel(
        &self,
        batch: &mut [Mapped],
        live: &[bool],
    ) -> Result<Vec<PatientOutcome>, StoreError> {
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
}
