//! The parallel stage: a journal entry's bytes become changes, and whole resources become rows ready to store. Pure but
//! for looking up directory resources, whose answers are checked to be still true when the changes are applied.

use crate::{
    profiles::Profiles,
    wire::{self, Wired},
    writing,
};
use fhir::{
    Content, PatientKey, Region, ResourceId, ResourceType, Value,
    json::{Document, Node},
};
use identity::PatientFacts;
use jiff::Timestamp;
use mapping::{
    Change, ChangeSet, Finding, Severity,
    bearing::{self, Bearing},
    bundle,
};
use std::panic::{AssertUnwindSafe, catch_unwind};
use store::{
    Body, Codec, StoreError, identifier_hash,
    journal::{Entry, EntryKind},
};

/// Finds resources that a bundle refers to without containing them.
pub trait Find {
    /// Resources with this identifier hash, see [`store::identifier_hash`].
    fn by_identifier(&self, hash: i64) -> Result<Vec<(ResourceId, ResourceType)>, StoreError>;
    /// Whether this resource exists and is not deleted.
    fn exists(&self, id: ResourceId, kind: ResourceType) -> Result<bool, StoreError>;
    /// The source of a patient or directory, if anything is stored under the key.
    fn source_of(&self, patient: PatientKey) -> Result<Option<String>, StoreError>;
    /// Whether this resource was written here, rather than sent by a source.
    fn written_here(&self, id: ResourceId, kind: ResourceType) -> Result<bool, StoreError>;
}

impl Find for store::Snapshot {
    fn by_identifier(&self, hash: i64) -> Result<Vec<(ResourceId, ResourceType)>, StoreError> {
        self.find_identifier(hash)
    }
    fn exists(&self, id: ResourceId, kind: ResourceType) -> Result<bool, StoreError> {
        Ok(self.current(id, kind)?.is_some_and(|current| !current.deleted))
    }
    fn source_of(&self, patient: PatientKey) -> Result<Option<String>, StoreError> {
        Ok(self.patient(patient)?.map(|row| row.source))
    }
    fn written_here(&self, id: ResourceId, kind: ResourceType) -> Result<bool, StoreError> {
        Ok(self.current(id, kind)?.is_some_and(|current| current.written))
    }
}

impl Find for store::Writer {
    fn by_identifier(&self, hash: i64) -> Result<Vec<(ResourceId, ResourceType)>, StoreError> {
        self.find_identifier(hash)
    }
    fn exists(&self, id: ResourceId, kind: ResourceType) -> Result<bool, StoreError> {
        Ok(self.current(id, kind)?.is_some_and(|current| !current.deleted))
    }
    fn source_of(&self, patient: PatientKey) -> Result<Option<String>, StoreError> {
        Ok(self.patient(patient)?.map(|row| row.source))
    }
    fn written_here(&self, id: ResourceId, kind: ResourceType) -> Result<bool, StoreError> {
        Ok(self.current(id, kind)?.is_some_and(|current| current.written))
    }
}

/// A whole resource, ready to store.
pub struct Ready {
    /// Its id.
    pub id: ResourceId,
    /// Its type.
    pub kind: ResourceType,
    /// Its text, not compressed: to compare with what is there.
    pub text: Vec<u8>,
    /// Its text, compressed.
    pub body: Body,
    /// What finds it.
    pub found_by: FoundBy,
    /// Whether what is there stays.
    pub if_none_exist: bool,
}

/// One change, as far as it can be prepared without knowing what is stored.
pub enum Step {
    /// Store this whole resource.
    Put(Box<Ready>),
    /// Everything else.
    Other(Change),
}

/// A journal entry, mapped.
pub struct Mapped {
    /// Its position.
    pub pos: u64,
    /// What it is.
    pub kind: EntryKind,
    /// Its source.
    pub source: String,
    /// Its feed.
    pub feed: String,
    /// When it was received.
    pub received: Timestamp,
    /// When the newest thing it speaks of happened.
    pub happened: Option<Timestamp>,
    /// Its type in a line, for the error desk; never a person.
    pub title: String,
    /// The patients it is about, subject first.
    pub lanes: Vec<PatientKey>,
    /// What it asks for.
    pub steps: Vec<Step>,
    /// What was noticed.
    pub findings: Vec<Finding>,
    /// Whether it looked something up, so that it must be mapped again if a directory changed since.
    pub looked_up: bool,
    /// Whether the answer may be another one once all before it is applied, so that it must be mapped again then.
    pub missed: bool,
    /// The entry itself, of a decision.
    pub entry: Option<Entry>,
}

impl Mapped {
    /// Whether it cannot be processed.
    pub fn failed(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }

    /// Whether its sender waits for the outcome and is told of a failure.
    pub fn sender_waits(&self) -> bool {
        matches!(self.kind, EntryKind::Fhir | EntryKind::Written)
    }
}

/// What finds a resource: of its type's identifiers the hashes, of a Patient what identity needs; and what of it bears on
/// access.
#[derive(Clone, Debug, Default)]
pub struct FoundBy {
    /// The hashes of its identifiers, where its type is found by identifiers.
    pub identifiers: Vec<i64>,
    /// What identity needs, of a Patient.
    pub facts: Option<PatientFacts>,
    /// What bears on who may see the record.
    pub bearings: Vec<Bearing>,
}

impl FoundBy {
    /// What finds the resource that says this.
    pub fn of(content: &Content) -> Self {
        let kind = content.kind();
        let identified = bundle::is_found_by_identifier(kind);
        if !identified && !bearing::can_bear(kind) {
            return FoundBy::default();
        }
        let Ok(document) = Document::read(content.json().as_bytes()) else { return FoundBy::default() };
        let resource = document.root();
        let facts = (kind == ResourceType::Patient).then(|| identity::facts_of(resource));
        let identifiers = if identified { identifier_hashes(kind, resource) } else { Vec::new() };
        FoundBy { identifiers, facts, bearings: bearing::of(kind, resource) }
    }
}

fn identifier_hashes(kind: ResourceType, resource: Node<'_>) -> Vec<i64> {
    let mut hashes = Vec::new();
    for identifier in resource.list("identifier") {
        let Some(value) = identifier.get("value").and_then(Node::text) else { continue };
        let system = identifier.get("system").and_then(Node::text);
        hashes.push(identifier_hash(kind, system.as_deref(), &value));
        if system.is_some() {
            hashes.push(identifier_hash(kind, None, &value));
        }
    }
    hashes.sort_unstable();
    hashes.dedup();
    hashes
}

/// Map one entry. A fault of ours (a panic) becomes a finding, so that one message never stops a feed.
pub fn map(
    region: &Region,
    profiles: &Profiles,
    codec: &Codec,
    entry: &Entry,
    find: &dyn Find,
) -> Result<Mapped, StoreError> {
    let outcome = catch_unwind(AssertUnwindSafe(|| change_set(region, profiles, entry, find)));
    let Wired { mut set, title, looked_up, missed } = match outcome {
        Ok(result) => result?,
        Err(_) => {
            let text = "the message could not be mapped: a fault in skein, not in the message";
            Wired::plain(failure("internal", text), "unknown")
        }
    };
    if entry.kind == EntryKind::Hl7v2
        && let Some(former) = entry.about.as_deref().and_then(|about| serde_json::from_str::<Value>(about).ok())
        && let Some(former) = former.get("reused").and_then(Value::as_u64)
    {
        set.findings.push(Finding {
            severity: Severity::Warning,
            code: "control-id-reused".into(),
            place: "MSH-10".into(),
            text: format!(
                "message {former} had the same MSH-10 and other content; this one was processed as well. \
                 Ask the sender to give every message its own control id"
            ),
        });
    }
    let happened = set
        .changes
        .iter()
        .filter_map(|change| match change {
            Change::Fold { facts, .. } => Some(facts.time.occurred),
            Change::Merge { time, .. }
            | Change::SamePerson { time, .. }
            | Change::Unmerge { time, .. }
            | Change::MoveVisit { time, .. } => Some(time.occurred),
            Change::Put { .. } | Change::Delete { .. } => None,
        })
        .max();
    let failed = set.findings.iter().any(|finding| finding.severity == Severity::Error);
    let mut steps = Vec::with_capacity(set.changes.len());
    if !failed {
        for change in set.changes {
            steps.push(prepare(codec, change)?);
        }
    }
    if entry.kind == EntryKind::Written {
        writing::opens_nothing(&mut steps);
    }
    let is_decision = matches!(
        entry.kind,
        EntryKind::Resubmit
            | EntryKind::Discard
            | EntryKind::Link
            | EntryKind::Model
            | EntryKind::Profile
            | EntryKind::Consent
            | EntryKind::Caseload
            | EntryKind::Telling
            | EntryKind::Written
    );
    Ok(Mapped {
        pos: entry.pos,
        kind: entry.kind,
        source: entry.source.clone(),
        feed: entry.feed.clone(),
        received: entry.received,
        happened,
        title,
        lanes: set.lanes,
        steps,
        findings: set.findings,
        looked_up,
        missed,
        entry: is_decision.then(|| entry.clone()),
    })
}

/// A set of changes that only says why there are none.
pub fn failure(code: &str, text: &str) -> ChangeSet {
    let finding = Finding { severity: Severity::Error, code: code.into(), place: String::new(), text: text.into() };
    ChangeSet { findings: vec![finding], ..ChangeSet::default() }
}

fn prepare(codec: &Codec, change: Change) -> Result<Step, StoreError> {
    let Change::Put { id, content, if_none_exist } = change else { return Ok(Step::Other(change)) };
    let (kind, text) = (content.kind(), store::pack(&content, id));
    let body = codec.compress(kind.code(), &text)?;
    let found_by = FoundBy::of(&content);
    Ok(Step::Put(Box::new(Ready { id, kind, text, body, found_by, if_none_exist })))
}

fn change_set(region: &Region, profiles: &Profiles, entry: &Entry, find: &dyn Find) -> Result<Wired, StoreError> {
    match entry.kind {
        EntryKind::Hl7v2 => Ok(wire::hl7v2(region, &profiles.of(&entry.source), &entry.body, entry.received)),
        EntryKind::Fhir => wire::fhir(region, entry, find),
        EntryKind::Written => Ok(writing::change_set(entry)),
        // Decisions are carried out where they are applied.
        EntryKind::Resubmit
        | EntryKind::Discard
        | EntryKind::Link
        | EntryKind::Model
        | EntryKind::Profile
        | EntryKind::Consent
        | EntryKind::Caseload
        | EntryKind::Telling => Ok(Wired::plain(ChangeSet::default(), "")),
    }
}
