//! Reading a person's record under a permit.

mod cross;
mod inherit;
mod long;
mod open;
mod people;
mod reach;
mod today;
mod versions;

pub use cross::{CrossReferences, Source};
pub use long::{Stretch, Unread};
pub use versions::WithVersions;

use crate::{
    item::WRITTEN_HERE,
    withhold::{self, Secrets, WITHHELD},
};
use access::{Permit, Sealed};
use fhir::{PatientKey, PersonKey, Resource, ResourceId, ResourceType, Value};
use identity::PatientFacts;
use jiff::Timestamp;
use std::{
    collections::HashMap,
    sync::{Arc, RwLock},
};
use store::{Derived, MoveRow, PeopleFilter, Row, Snapshot, StoreError, journal::JournalReader};

/// Times of `seq` kept in memory: they never change.
const TIMES_MAX: usize = 100_000;

/// A resource of a record as it leaves the store.
#[derive(Clone, Debug)]
pub struct Item {
    /// Its id.
    pub id: ResourceId,
    /// Its type.
    pub kind: ResourceType,
    /// Its version.
    pub version: u32,
    /// When we recorded what it says now (`meta.lastUpdated`).
    pub recorded: Timestamp,
    /// The `seq` of that.
    pub seq: u64,
    /// The journal position of the message that said it.
    pub message: u64,
    /// The id of the source it came from; of what was written here, [`WRITTEN_HERE`].
    pub source: Arc<str>,
    /// Whether it was deleted at its source.
    pub deleted: bool,
    /// The FHIR resource, JSON text. Of a deleted one: what it said last.
    pub json: Vec<u8>,
}

impl Item {
    /// The resource, parsed.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when what is stored is not a resource.
    pub fn resource(&self) -> Result<Resource, StoreError> {
        self.resource_of(None)
    }

    /// The resource, parsed: these elements of it, or all.
    ///
    /// # Errors
    /// As [`Item::resource`].
    pub fn resource_of(&self, elements: Option<&[&str]>) -> Result<Resource, StoreError> {
        let parsed = match elements {
            Some(elements) => Resource::from_slice_of(&self.json, elements),
            None => Resource::from_slice(&self.json),
        };
        parsed.map_err(|e| StoreError::Corrupt(format!("stored resource {}: {e}", self.id)))
    }
}

/// Which items to read.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// These types; empty: all.
    pub kinds: Vec<ResourceType>,
    /// Recorded at or after this time.
    pub since: Option<Timestamp>,
    /// Tombstones too.
    pub deleted: bool,
    /// Of a very long record, not all: for pages that people read. None: all.
    pub stretch: Option<Stretch>,
}

/// A person found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonHit {
    /// The person.
    pub person: PersonKey,
    /// The patients of that person that matched, with what their source says.
    pub patients: Vec<FoundPatient>,
}

/// A patient found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundPatient {
    /// The patient.
    pub patient: PatientKey,
    /// Its source.
    pub source: String,
    /// What the source says.
    pub facts: PatientFacts,
}

/// What is laid over stored resources at reading.
#[derive(Clone, Copy)]
struct Overlay<'a> {
    /// The patient this one was merged into.
    survivor: Option<PatientKey>,
    /// What may not leave of a person whose whereabouts are restricted.
    secrets: Option<&'a Secrets>,
}

/// One way to choose people among all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// This patient.
    Patient(PatientKey),
    /// This person.
    Person(PersonKey),
    /// Whom an index finds.
    Indexed(PeopleFilter),
}

/// People who may be meant by a search.
#[derive(Clone, Debug)]
pub struct Candidates {
    /// Their Patient resources, person by person.
    pub people: Vec<(PersonKey, Vec<Item>)>,
    /// The `seq` they were read at.
    pub seq: u64,
    /// Whether an index found more than its limit, so that this is not everybody.
    pub cut: bool,
}

/// When each `seq` was received, as a time and as the text of an instant.
type Times = HashMap<u64, (Timestamp, Arc<str>)>;

/// The read side of a region. Clones share connections. Nothing of a record comes out without a permit:
///
/// ```compile_fail,E0061
/// fn without(records: &record::Records) {
///     let _ = records.read(&record::Filter::default());
/// }
/// ```
#[derive(Clone)]
pub struct Records {
    derived: Derived,
    journal: Arc<dyn Fn() -> Result<JournalReader, StoreError> + Send + Sync>,
    times: Arc<RwLock<Times>>,
    /// Of a read side that shows again what was: the `seq` of then.
    as_at: Option<u64>,
}

impl Records {
    /// The read side over a store. `journal` opens the journal for reading source messages.
    pub fn new(
        derived: Derived,
        journal: impl Fn() -> Result<JournalReader, StoreError> + Send + Sync + 'static,
    ) -> Self {
        Records { derived, journal: Arc::new(journal), times: Arc::default(), as_at: None }
    }

    /// The read side as it was at `seq`: sources had the profiles of then and were last heard then, and what was mended since
    /// still waited.
    pub fn as_at(&self, seq: u64) -> Self {
        Records { as_at: Some(seq), ..self.clone() }
    }

    pub(crate) fn derived(&self) -> &Derived {
        &self.derived
    }

    pub(crate) fn open_journal(&self) -> Result<JournalReader, StoreError> {
        (self.journal)()
    }

    /// The newest `seq` that is visible.
    pub fn seq(&self) -> Result<u64, StoreError> {
        Ok(self.derived.snapshot()?.seq())
    }

    /// Every item of the record, by patient (longest linked first), type and id.
    pub fn read(&self, permit: &Permit, filter: &Filter) -> Result<Sealed<Vec<Item>>, StoreError> {
        Ok(permit.seal(self.read_open(permit, filter)?.0))
    }

    /// As [`Records::read`], not yet sealed: for what reads on within this room. With it, what was not read of a very long one.
    fn read_open(&self, permit: &Permit, filter: &Filter) -> Result<(Vec<Item>, Unread), StoreError> {
        let _span = tracing::info_span!(target: "skein::span", "read").entered();
        let snapshot = self.derived.snapshot()?;
        if let (None, Some(first)) = (permit.since(), permit.patients().first()) {
            snapshot.expect(*first, &filter.kinds, permit.seq())?;
        }
        let secrets = withhold::secrets(&snapshot, known(permit).1)?;
        let today = self.today(&snapshot, permit, &filter.kinds, secrets.as_ref())?;
        let (mut items, mut unread) = (Vec::new(), Unread::default());
        for patient in permit.patients() {
            let start = items.len();
            let source = self.read_patient(&snapshot, *patient, permit.seq(), filter, secrets.as_ref(), &mut items)?;
            let mut read = items.split_off(start);
            let whole = |kind| filter.since.is_none() && (filter.kinds.is_empty() || filter.kinds.contains(&kind));
            self.take_over_labels(&snapshot, permit, permit.seq(), &whole, &source, &read)?;
            let shut = self.shut_files(&snapshot, permit, permit.seq(), *patient, &source, &read)?;
            if let Some(stretch) = filter.stretch {
                // After labels are passed on, for they are from all there is; before anything counts as shown.
                long::shorten(&mut read, stretch, &mut unread);
            }
            let open = |item: &Item| item.kind != ResourceType::Binary || !shut.contains(&item.id);
            let still = |item: &Item| today.as_ref().is_none_or(|today| today.shows(permit, item));
            items.extend(read.into_iter().filter(|item| open(item) && still(item) && sees(permit, item, &source)));
        }
        Ok((items, unread))
    }

    fn read_patient(
        &self,
        snapshot: &Snapshot,
        patient: PatientKey,
        at: u64,
        filter: &Filter,
        secrets: Option<&Secrets>,
        items: &mut Vec<Item>,
    ) -> Result<Arc<str>, StoreError> {
        let Some(source) = snapshot.source_of(patient)? else { return Ok("".into()) };
        let source: Arc<str> = source.into();
        let moves = snapshot.moves(patient, at)?;
        let overlay = Overlay { survivor: snapshot.survivor(patient, at)?, secrets };
        let start = items.len();
        snapshot
            .each_row(patient, &filter.kinds, at, |row| self.push(snapshot, row, &source, filter, overlay, items))?;
        if moves.is_empty() {
            return Ok(source);
        }
        // Rare: visits the source moved between its own patients. What hangs on a moved visit goes with it.
        let gone: Vec<&MoveRow> = moves.iter().filter(|m| m.visit.patient == patient && m.target != patient).collect();
        if !gone.is_empty() {
            let mut index = start;
            while let Some(item) = items.get(index) {
                if gone.iter().any(|m| hangs_on(item, m.visit)) {
                    items.remove(index);
                } else {
                    index += 1;
                }
            }
        }
        for came in moves.iter().filter(|m| m.target == patient && m.visit.patient != patient) {
            let Some(from) = snapshot.source_of(came.visit.patient)? else { continue };
            let source: Arc<str> = from.into();
            let mut theirs = Vec::new();
            snapshot.each_row(came.visit.patient, &filter.kinds, at, |row| {
                self.push(snapshot, row, &source, filter, Overlay { survivor: None, secrets }, &mut theirs)
            })?;
            items.extend(theirs.into_iter().filter(|item| hangs_on(item, came.visit)));
        }
        Ok(source)
    }

    fn push(
        &self,
        snapshot: &Snapshot,
        row: Row,
        source: &Arc<str>,
        filter: &Filter,
        overlay: Overlay<'_>,
        items: &mut Vec<Item>,
    ) -> Result<(), StoreError> {
        if row.deleted && !filter.deleted {
            return Ok(());
        }
        let mut item = self.item(snapshot, row, source, overlay.survivor)?;
        if let Some(secrets) = overlay.secrets {
            match secrets.withhold_json(item.kind, &item.json)? {
                Some(json) => item.json = json,
                None => return Ok(()),
            }
            if secrets.hides(&item.source) {
                item.source = WITHHELD.into();
            }
        }
        if filter.since.is_none_or(|since| item.recorded >= since) {
            items.push(item);
        }
        Ok(())
    }

    fn item(
        &self,
        snapshot: &Snapshot,
        row: Row,
        source: &Arc<str>,
        survivor: Option<PatientKey>,
    ) -> Result<Item, StoreError> {
        let (recorded, text) = self.time(snapshot, row.seq)?;
        let written: Arc<str>;
        let source = if row.written {
            written = WRITTEN_HERE.into();
            &written
        } else {
            source
        };
        let mut json = Vec::with_capacity(row.body.len() * 8);
        snapshot.render(&mut json, &row, source, &text)?;
        if let Some(survivor) = survivor
            && row.kind == ResourceType::Patient
        {
            json = as_replaced(&json, survivor)?;
        }
        Ok(Item {
            id: row.id,
            kind: row.kind,
            version: row.version,
            recorded,
            seq: row.seq,
            message: row.message,
            source: source.clone(),
            deleted: row.deleted,
            json,
        })
    }

    fn time(&self, snapshot: &Snapshot, seq: u64) -> Result<(Timestamp, Arc<str>), StoreError> {
        if let Some(found) = self.times.read().ok().and_then(|times| times.get(&seq).cloned()) {
            return Ok(found);
        }
        let at = snapshot.received(seq)?;
        // FHIR instants need seconds; milliseconds keep `_since` exact enough.
        let at = Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at);
        let found: (Timestamp, Arc<str>) = (at, format!("{at:.3}").into());
        if let Ok(mut times) = self.times.write() {
            if times.len() >= TIMES_MAX {
                times.clear();
            }
            times.insert(seq, found.clone());
        }
        Ok(found)
    }

    /// One resource of the record, tombstones included.
    pub fn resource(
        &self,
        permit: &Permit,
        id: ResourceId,
        kind: ResourceType,
    ) -> Result<Sealed<Option<Item>>, StoreError> {
        let _span = tracing::info_span!(target: "skein::span", "read").entered();
        if !self.belongs(permit, id)? {
            return Ok(permit.seal(None));
        }
        let snapshot = self.derived.snapshot()?;
        let item = match snapshot.row(id, kind, permit.seq())? {
            Some(row) => Some(self.lone_item_known(&snapshot, row, permit.seq(), known(permit).0)?),
            None => None,
        };
        let source: Arc<str> = snapshot.source_of(id.patient)?.unwrap_or_default().into();
        let Some(item) = item else { return Ok(permit.seal(None)) };
        self.take_over_labels(&snapshot, permit, permit.seq(), &|_| false, &source, std::slice::from_ref(&item))?;
        if !self.reaches(&snapshot, permit, &item)? {
            return Ok(permit.seal(None));
        }
        if !self.newest_is_seen(&snapshot, permit, id, kind, &source)? {
            // That it is withheld can be said.
            if !permit.sight().would_see(id, kind, &source, &item.json) {
                sees(permit, &item, &source);
            }
            return Ok(permit.seal(None));
        }
        let shut =
            self.shut_files(&snapshot, permit, permit.seq(), id.patient, &source, std::slice::from_ref(&item))?;
        Ok(permit.seal(Some(item).filter(|item| !shut.contains(&item.id) && sees(permit, item, &source))))
    }

    /// Every version of one resource up to the permit's `seq`, newest first.
    pub fn history(
        &self,
        permit: &Permit,
        id: ResourceId,
        kind: ResourceType,
    ) -> Result<Sealed<Vec<Item>>, StoreError> {
        Ok(permit.seal(self.history_open(permit, id, kind)?))
    }

    /// As [`Records::history`], not yet sealed.
    fn history_open(&self, permit: &Permit, id: ResourceId, kind: ResourceType) -> Result<Vec<Item>, StoreError> {
        let _span = tracing::info_span!(target: "skein::span", "read").entered();
        if !self.belongs(permit, id)? {
            return Ok(Vec::new());
        }
        let snapshot = self.derived.snapshot()?;
        let source: Arc<str> = snapshot.source_of(id.patient)?.unwrap_or_default().into();
        let mut items = Vec::new();
        if !self.newest_is_seen(&snapshot, permit, id, kind, &source)? {
            return Ok(items);
        }
        for row in snapshot.versions(id, kind)? {
            if row.seq <= permit.seq() {
                let item = self.lone_item_known(&snapshot, row, permit.seq(), known(permit).0)?;
                let at = permit.seq();
                self.take_over_labels(&snapshot, permit, at, &|_| false, &source, std::slice::from_ref(&item))?;
                if !self.reaches(&snapshot, permit, &item)?
                    || !self
                        .shut_files(&snapshot, permit, at, id.patient, &source, std::slice::from_ref(&item))?
                        .is_empty()
                {
                    continue;
                }
                items.extend(Some(item).filter(|item| sees(permit, item, &source)));
            }
        }
        Ok(items)
    }

    pub(crate) fn lone_item(&self, snapshot: &Snapshot, row: Row, at: u64) -> Result<Item, StoreError> {
        self.lone_item_known(snapshot, row, at, at)
    }

    /// As it was at `at`, without what may not leave by what is known at `known`.
    fn lone_item_known(&self, snapshot: &Snapshot, row: Row, at: u64, known: u64) -> Result<Item, StoreError> {
        let secrets = withhold::secrets_of(snapshot, row.id.patient, known)?;
        self.item_without(snapshot, row, at, secrets.as_ref())
    }

    /// As it was at `at`, without these secrets.
    fn item_without(
        &self,
        snapshot: &Snapshot,
        row: Row,
        at: u64,
        secrets: Option<&withhold::Secrets>,
    ) -> Result<Item, StoreError> {
        let source: Arc<str> = snapshot.source_of(row.id.patient)?.unwrap_or_default().into();
        self.item_of(snapshot, row, at, &source, secrets)
    }

    /// As it was at `at`, of this source, without these secrets.
    fn item_of(
        &self,
        snapshot: &Snapshot,
        row: Row,
        at: u64,
        source: &Arc<str>,
        secrets: Option<&withhold::Secrets>,
    ) -> Result<Item, StoreError> {
        let survivor = snapshot.survivor(row.id.patient, at)?;
        let mut item = self.item(snapshot, row, source, survivor)?;
        if let Some(secrets) = secrets {
            let nothing = || format!("{{\"resourceType\":\"{}\",\"id\":\"{}\"}}", item.kind, item.id).into_bytes();
            item.json = secrets.withhold_json(item.kind, &item.json)?.unwrap_or_else(nothing);
            if secrets.hides(&item.source) {
                item.source = WITHHELD.into();
            }
        }
        Ok(item)
    }

    fn belongs(&self, permit: &Permit, id: ResourceId) -> Result<bool, StoreError> {
        if permit.patients().contains(&id.patient) {
            return Ok(true);
        }
        // A visit moved here from another patient brings what hangs on it.
        let snapshot = self.derived.snapshot()?;
        for patient in permit.patients() {
            if snapshot.moves(*patient, permit.seq())?.iter().any(|m| m.visit.patient == id.patient) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The source message an item came from, byte for byte. None for a person whose whereabouts are restricted: the
    /// message holds them; and where the same message brought something that this reader does not see.
    pub fn origin(&self, permit: &Permit, item: &Item) -> Result<Sealed<Option<store::journal::Entry>>, StoreError> {
        if !self.belongs(permit, item.id)? {
            return Ok(permit.seal(None));
        }
        let snapshot = self.derived.snapshot()?;
        if withhold::secrets(&snapshot, known(permit).1)?.is_some() {
            return Ok(permit.seal(None));
        }
        let source: Arc<str> = snapshot.source_of(item.id.patient)?.unwrap_or_default().into();
        let mut brought = Vec::new();
        let everything = Filter { deleted: true, ..Filter::default() };
        let plain = Overlay { survivor: None, secrets: None };
        snapshot.each_row(item.id.patient, &[], permit.seq(), |row| match row.message == item.message {
            true => self.push(&snapshot, row, &source, &everything, plain, &mut brought),
            false => Ok(()),
        })?;
        self.take_over_labels(&snapshot, permit, permit.seq(), &|_| false, &source, &brought)?;
        if permit.since().is_some() {
            for item in &brought {
                if !self.newest_is_seen(&snapshot, permit, item.id, item.kind, &source)? {
                    return Ok(permit.seal(None));
                }
            }
        }
        if !brought.iter().all(|item| permit.sight().would_see(item.id, item.kind, &source, &item.json)) {
            return Ok(permit.seal(None));
        }
        let mut journal = (self.journal)()?;
        Ok(permit.seal(journal.entry(item.message)?))
    }

    /// Why a patient is this person: every link statement, oldest first.
    pub fn links(&self, permit: &Permit) -> Result<Sealed<Vec<store::LinkRow>>, StoreError> {
        let snapshot = self.derived.snapshot()?;
        let mut links = Vec::new();
        for patient in permit.patients() {
            let then = |link: store::LinkRow| store::LinkRow {
                // That a link ended later was not known then.
                seq_to: link.seq_to.filter(|to| *to <= permit.seq()),
                ..link
            };
            let links_then = snapshot.links(*patient)?.into_iter().filter(|link| link.seq_from <= permit.seq());
            links.extend(links_then.map(then));
        }
        Ok(permit.seal(links))
    }

    /// Messages about this record's patients that wait on the error desk: what is missing, and since when.
    pub fn waiting(&self, permit: &Permit) -> Result<Vec<(PatientKey, u64)>, StoreError> {
        match self.as_at.or(permit.since().map(|_| permit.seq())) {
            Some(seq) => self.derived.snapshot()?.parked_at(permit.patients(), seq),
            None => self.derived.parked(permit.patients()),
        }
    }

    /// The source of each patient of the record; of a practice whose name may not be told, [`WITHHELD`].
    pub fn patient_sources(&self, permit: &Permit) -> Result<Vec<(PatientKey, String)>, StoreError> {
        let snapshot = self.derived.snapshot()?;
        let secrets = withhold::secrets(&snapshot, known(permit).1)?;
        let mut sources = Vec::new();
        for patient in permit.patients() {
            if let Some(row) = snapshot.patient(*patient)? {
                let hidden = secrets.as_ref().is_some_and(|secrets| secrets.hides(&row.source));
                sources.push((*patient, if hidden { WITHHELD.to_owned() } else { row.source }));
            }
        }
        Ok(sources)
    }
}

/// What decides today on what is read under a permit: the newest `seq`, and the patients that the person is by that. The
/// permit's own, unless the record is read as it stood.
fn known(permit: &Permit) -> (u64, &[PatientKey]) {
    permit.since().map_or((permit.seq(), permit.patients()), |since| (since.seq, &since.patients))
}

/// Whether the reader sees an item; if not, it is counted as withheld. `source`: where it came from, whatever name is shown.
fn sees(permit: &Permit, item: &Item, source: &str) -> bool {
    permit.sight().sees(item.id, item.kind, item.version, source, &item.source, &item.json)
}

/// Whether an item is this visit or says it happened in it.
fn hangs_on(item: &Item, visit: ResourceId) -> bool {
    if item.id == visit {
        return item.kind == ResourceType::Encounter;
    }
    if item.id.patient != visit.patient {
        return false;
    }
    let wanted = format!("\"Encounter/{visit}\"");
    memchr::memmem::find(&item.json, wanted.as_bytes()).is_some()
}

/// A patient that its source merged into another: inactive, and pointing there. Laid over at reading, so that undoing the
/// merge gives back the former resource byte for byte (invariant 5).
fn as_replaced(json: &[u8], survivor: PatientKey) -> Result<Vec<u8>, StoreError> {
    let mut patient = Resource::from_slice(json).map_err(|e| StoreError::Corrupt(format!("stored patient: {e}")))?;
    patient.set("active", false);
    let mut links = patient.list("link").to_vec();
    let link = serde_json::json!({
        "other": {"reference": format!("Patient/{survivor}")},
        "type": "replaced-by"
    });
    // A FHIR source that merged says so itself.
    if !links.contains(&link) {
        links.push(link);
    }
    patient.set("link", Value::Array(links));
    Ok(patient.to_json().into_bytes())
}
