//! The part of a batch that concerns one patient at a time: what is known is loaded, the batch's changes are laid over it,
//! and what came of it is compressed. Several patients at once; nothing is written here.

use super::Applier;
use crate::mapped::{FoundBy, Mapped, Ready, Step};
use fhir::{Content, PatientKey, ResourceId, ResourceType};
use identity::PatientFacts;
use mapping::{Change, Facts, FoldedText, bearing::Bearing};
use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};
use store::{Body, Current, Derived, NewRow, PatientRow, Snapshot, StoreError, Writer};

/// How news is folded into what is known ([`mapping::fold_text`]; tests put one in that breaks).
pub(super) type Fold = fn(Option<(&str, &[u8])>, &Facts) -> FoldedText;

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
    pub bearings: Vec<Bearing>,
    pub sample: Option<Vec<u8>>,
}

impl Outcome {
    /// What was known is true as of a later time: what folding needs changes, what the resource says does not.
    fn confirmed(message: usize, id: ResourceId, kind: ResourceType, state: Vec<u8>) -> Self {
        let body = Body { dictionary: 0, bytes: Vec::new() };
        let row = NewRow { id, kind, deleted: false, written: false, body, state, version: 0, message: 0 };
        Outcome { message, row, identifiers: None, facts: None, bearings: Vec::new(), sample: None }
    }

    pub fn is_confirmation(&self) -> bool {
        self.row.version == 0
    }
}

/// A message could not be folded, by a fault of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken {
    /// Its place in the batch.
    pub message: usize,
}

/// Everything one patient's messages of a batch came to; or the first of them that broke.
pub(super) type PatientOutcome = Result<Vec<Outcome>, Broken>;

/// What a resource says, as it is at hand.
enum Text {
    Packed(Vec<u8>),
    Plain(String),
}

/// What a patient's resource is now, the batch so far included.
struct Known {
    version: u32,
    text: Text,
    state: Vec<u8>,
    deleted: bool,
    /// The hashes it is found by, where they are at hand.
    identifiers: Option<Vec<i64>>,
}

impl Known {
    fn packed(&self, id: ResourceId, kind: ResourceType) -> Cow<'_, [u8]> {
        match &self.text {
            Text::Packed(text) => Cow::Borrowed(text),
            Text::Plain(json) => Cow::Owned(store::pack(&Content::new(kind, json.clone()), id)),
        }
    }

    /// The resource's text, taken apart once.
    fn plain(&mut self, id: ResourceId, kind: ResourceType) -> Result<&str, StoreError> {
        if let Text::Packed(text) = &self.text {
            self.text = Text::Plain(store::unpack(text, id, kind)?.into_json());
        }
        match &self.text {
            Text::Plain(json) => Ok(json),
            Text::Packed(_) => Err(StoreError::Corrupt("a stored body stayed packed".into())),
        }
    }

    /// The hashes it is found by now.
    fn identifiers(&mut self, id: ResourceId, kind: ResourceType) -> Result<Vec<i64>, StoreError> {
        if self.deleted || !mapping::bundle::is_found_by_identifier(kind) {
            return Ok(Vec::new());
        }
        if let Some(known) = &self.identifiers {
            return Ok(known.clone());
        }
        let content = Content::new(kind, self.plain(id, kind)?.to_owned());
        Ok(FoundBy::of(&content).identifiers)
    }
}

/// A change of one patient's resource.
pub(super) enum Work {
    Put(Box<Ready>),
    Fold(ResourceId, Facts),
    Delete(ResourceId, ResourceType),
}

impl Work {
    fn target(&self) -> (ResourceId, ResourceType) {
        match self {
            Work::Put(ready) => (ready.id, ready.kind),
            Work::Fold(id, facts) => (*id, facts.what.kind().unwrap_or(ResourceType::Basic)),
            Work::Delete(id, kind) => (*id, *kind),
        }
    }
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
                Step::Other(Change::Fold { id, facts }) => (id.patient, Work::Fold(id, facts)),
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

/// What a patient's group comes to over what is stored.
pub(super) fn fold_patient(
    stored: &impl Stored,
    derived: &Derived,
    fold: Fold,
    group: Group,
) -> Result<PatientOutcome, StoreError> {
    let is_new = stored.patient(group.patient)?.is_none();
    let mut overlay = Overlay { derived, fold, known: HashMap::new() };
    let mut rows = Vec::with_capacity(group.work.len());
    for (message, work) in group.work {
        let (id, kind) = work.target();
        if !is_new && !overlay.known.contains_key(&(id, kind)) {
            overlay.load(stored, id, kind)?;
        }
        match work {
            Work::Put(ready) => rows.extend(overlay.put(message, *ready)?),
            Work::Fold(_, facts) => match overlay.fold(message, id, kind, &facts)? {
                Ok(outcome) => rows.extend(outcome),
                Err(broken) => return Ok(Err(broken)),
            },
            Work::Delete(..) => rows.extend(overlay.delete(message, id, kind)?),
        }
    }
    Ok(Ok(rows))
}

/// What is stored of a patient with the batch's changes over it.
struct Overlay<'a> {
    derived: &'a Derived,
    fold: Fold,
    known: HashMap<(ResourceId, ResourceType), Known>,
}

impl Overlay<'_> {
    fn load(&mut self, stored: &impl Stored, id: ResourceId, kind: ResourceType) -> Result<(), StoreError> {
        let Some(current) = stored.current(id, kind)? else { return Ok(()) };
        let text = self.derived.codec().decompress(current.body.dictionary, &current.body.bytes)?;
        let Current { version, state, deleted, .. } = current;
        let known = Known { version, text: Text::Packed(text), state, deleted, identifiers: None };
        self.known.insert((id, kind), known);
        Ok(())
    }

    /// A new resource's text, if its type's dictionary is still to be trained.
    fn sample(&self, kind: ResourceType, version: u32, text: &[u8]) -> Option<Vec<u8>> {
        (version == 1 && self.derived.wants_sample(kind.code())).then(|| text.to_vec())
    }

    fn put(&mut self, message: usize, ready: Ready) -> Result<Option<Outcome>, StoreError> {
        let Ready { id, kind, text, body, found_by, if_none_exist } = ready;
        let mut before = self.known.get_mut(&(id, kind));
        if let Some(before) = &before
            && (if_none_exist || (!before.deleted && before.packed(id, kind) == text))
        {
            return Ok(None);
        }
        let old = before.as_mut().map(|before| before.identifiers(id, kind)).transpose()?.unwrap_or_default();
        let version = before.map_or(1, |before| before.version + 1);
        let FoundBy { identifiers: new, facts, bearings } = found_by;
        let sample = self.sample(kind, version, &text);
        let known = Known {
            version,
            text: Text::Packed(text),
            state: Vec::new(),
            deleted: false,
            identifiers: Some(new.clone()),
        };
        self.known.insert((id, kind), known);
        let identifiers = (!old.is_empty() || !new.is_empty()).then_some((old, new));
        let row = NewRow { id, kind, deleted: false, written: false, body, state: Vec::new(), version, message: 0 };
        Ok(Some(Outcome { message, row, identifiers, facts, bearings, sample }))
    }

    /// Fold news in. Gives a row if it says something new, or what is known as of a later time.
    fn fold(
        &mut self,
        message: usize,
        id: ResourceId,
        kind: ResourceType,
        facts: &Facts,
    ) -> Result<Result<Option<Outcome>, Broken>, StoreError> {
        let mut before = self.known.get_mut(&(id, kind));
        let fold = self.fold;
        let folded = match &mut before {
            Some(before) if !before.deleted || !before.state.is_empty() => {
                before.plain(id, kind)?;
                let Text::Plain(json) = &before.text else { return Ok(Ok(None)) };
                let current = Some((json.as_str(), before.state.as_slice()));
                catch_unwind(AssertUnwindSafe(|| fold(current, facts)))
            }
            _ => catch_unwind(AssertUnwindSafe(|| fold(None, facts))),
        };
        let Ok(FoldedText { json, state }) = folded else { return Ok(Err(Broken { message })) };
        let mut old = Vec::new();
        if let Some(before) = &mut before {
            if !before.deleted && before.plain(id, kind)? == json {
                let confirmed = (before.state != state).then(|| Outcome::confirmed(message, id, kind, state.clone()));
                before.state = state;
                return Ok(Ok(confirmed));
            }
            old = before.identifiers(id, kind)?;
        }
        let version = before.map_or(1, |before| before.version + 1);
        let content = Content::new(kind, json);
        let FoundBy { identifiers: new, facts, bearings } = FoundBy::of(&content);
        let packed = store::pack(&content, id);
        let body = self.derived.codec().compress(kind.code(), &packed)?;
        let sample = self.sample(kind, version, &packed);
        let row = NewRow { id, kind, deleted: false, written: false, body, state: state.clone(), version, message: 0 };
        let known = Known {
            version,
            text: Text::Plain(content.into_json()),
            state,
            deleted: false,
            identifiers: Some(new.clone()),
        };
        self.known.insert((id, kind), known);
        let identifiers = (!old.is_empty() || !new.is_empty()).then_some((old, new));
        Ok(Ok(Some(Outcome { message, row, identifiers, facts, bearings, sample })))
    }

    fn delete(&mut self, message: usize, id: ResourceId, kind: ResourceType) -> Result<Option<Outcome>, StoreError> {
        let Some(before) = self.known.get_mut(&(id, kind)) else { return Ok(None) };
        if before.deleted {
            return Ok(None);
        }
        let old = before.identifiers(id, kind)?;
        before.version += 1;
        before.deleted = true;
        // The tombstone keeps the last text, so that history and replay can show what was there.
        let body = self.derived.codec().compress(kind.code(), &before.packed(id, kind))?;
        let (version, state) = (before.version, before.state.clone());
        Ok(Some(Outcome {
            message,
            row: NewRow { id, kind, deleted: true, written: false, body, state, version, message: 0 },
            identifiers: (!old.is_empty()).then_some((old, Vec::new())),
            facts: None,
            bearings: Vec::new(),
            sample: None,
        }))
    }
}

impl Applier {
    /// What the groups of a batch come to; or the first message of it that broke.
    pub(super) fn fold_groups(&self, groups: Vec<Group>) -> Result<PatientOutcome, StoreError> {
        let outcomes = self.fold_in_parallel(groups)?;
        if let Some(first) = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).min_by_key(|b| b.message) {
            return Ok(Err(*first));
        }
        Ok(Ok(outcomes.into_iter().flatten().flatten().collect()))
    }

    fn fold_in_parallel(&self, groups: Vec<Group>) -> Result<Vec<PatientOutcome>, StoreError> {
        let (derived, fold) = (&self.derived, self.fold);
        let threads = self.threads.min(groups.len().div_ceil(4)).max(1);
        if threads == 1 {
            let snapshot = derived.snapshot()?;
            return groups.into_iter().map(|group| fold_patient(&snapshot, derived, fold, group)).collect();
        }
        let next = AtomicUsize::new(0);
        let slots: Vec<Mutex<Option<Group>>> = groups.into_iter().map(|group| Mutex::new(Some(group))).collect();
        let results: Mutex<BTreeMap<usize, Result<PatientOutcome, StoreError>>> = Mutex::default();
        let work = || -> Result<(), StoreError> {
            let snapshot = derived.snapshot()?;
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(slot) = slots.get(index) else { return Ok(()) };
                let Some(group) = slot.lock().ok().and_then(|mut slot| slot.take()) else { continue };
                let outcome = fold_patient(&snapshot, derived, fold, group);
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
