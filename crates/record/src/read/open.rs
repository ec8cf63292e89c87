//! What is read without a permit, for it is about no person: directories, feeds, sources, totals.

use super::{Item, Records};
use crate::withhold;
use fhir::{PatientKey, PersonKey, ResourceId, ResourceType, compartment};
use std::{collections::HashMap, sync::Arc};
use store::{Feed, SourceRow, StoreError};

impl Records {
    /// The person a resource belongs to now. Says nothing about the person.
    pub fn person_of(&self, id: ResourceId) -> Result<Option<PersonKey>, StoreError> {
        self.derived.person_of(id.patient)
    }

    /// The source that a patient is of. Says nothing about the person.
    pub fn source_of(&self, patient: PatientKey) -> Result<Option<String>, StoreError> {
        self.derived.snapshot()?.source_of(patient)
    }

    /// A resource of a source's directory (organisation, practitioner, location …): about no patient, so no permit. Lists of
    /// people, and clinical resources whose patient nobody named, are in there as well and are read by nobody.
    pub fn directory_resource(&self, id: ResourceId, kind: ResourceType) -> Result<Option<Item>, StoreError> {
        if compartment::is_clinical(kind) {
            return Ok(None);
        }
        let snapshot = self.derived.snapshot()?;
        let Some(home) = snapshot.patient(id.patient)?.filter(|home| home.directory) else { return Ok(None) };
        match snapshot.row(id, kind, snapshot.seq())? {
            Some(row) => Ok(Some(self.item(&snapshot, row, &home.source.into(), None)?)),
            None => Ok(None),
        }
    }

    /// Every version of a directory resource, newest first.
    pub fn directory_history(&self, id: ResourceId, kind: ResourceType) -> Result<Vec<Item>, StoreError> {
        if compartment::is_clinical(kind) {
            return Ok(Vec::new());
        }
        let snapshot = self.derived.snapshot()?;
        let Some(home) = snapshot.patient(id.patient)?.filter(|home| home.directory) else { return Ok(Vec::new()) };
        let source: Arc<str> = home.source.into();
        let rows = snapshot.versions(id, kind)?;
        rows.into_iter().map(|row| self.item(&snapshot, row, &source, None)).collect()
    }

    /// Directory resources with an identifier, see [`store::identifier_hash`].
    pub fn directory_by_identifier(&self, kind: ResourceType, hash: i64) -> Result<Vec<Item>, StoreError> {
        if compartment::is_clinical(kind) {
            return Ok(Vec::new());
        }
        let snapshot = self.derived.snapshot()?;
        let mut items = Vec::new();
        for (id, found) in snapshot.find_identifier(hash)? {
            if found != kind {
                continue;
            }
            let Some(home) = snapshot.patient(id.patient)?.filter(|home| home.directory) else { continue };
            if let Some(row) = snapshot.row(id, kind, snapshot.seq())?
                && !row.deleted
            {
                items.push(self.item(&snapshot, row, &home.source.into(), None)?);
            }
        }
        Ok(items)
    }

    /// Whether the whereabouts of whoever this patient is are restricted.
    pub fn whereabouts_restricted(&self, patient: PatientKey) -> Result<bool, StoreError> {
        let snapshot = self.derived.snapshot()?;
        Ok(withhold::secrets_of(&snapshot, patient, snapshot.seq())?.is_some())
    }

    /// Every feed on which a source ever spoke, and the last sign of life on it.
    pub fn feeds(&self) -> Result<Vec<Feed>, StoreError> {
        let snapshot = self.derived.snapshot()?;
        let mut feeds = snapshot.feeds()?;
        if let Some(seq) = self.as_at {
            // Both are by source and name, of one snapshot.
            for (feed, (.., then)) in feeds.iter_mut().zip(snapshot.last_received_by(seq)?) {
                feed.last_received = then;
            }
        }
        Ok(feeds)
    }

    /// Every source, its profile and its last sign of life. By a former moment, one of which nothing had come then has no messages.
    pub fn sources(&self) -> Result<Vec<SourceRow>, StoreError> {
        let snapshot = self.derived.snapshot()?;
        let mut sources = snapshot.sources()?;
        if let Some(seq) = self.as_at {
            let heard = snapshot.last_received_by(seq)?;
            for source in &mut sources {
                let on = heard.iter().filter(|(of, ..)| *of == source.name);
                source.last_received = on.filter_map(|(.., then)| *then).max();
                if source.last_received.is_none() {
                    source.messages = 0;
                }
            }
            // Profiles change rarely: the journal is asked only where one did.
            if u64::try_from(snapshot.profiles_mark()?).is_ok_and(|newest| newest > seq) {
                let mut then: HashMap<String, String> = self.open_journal()?.profiles_by(seq)?.into_iter().collect();
                for source in &mut sources {
                    source.profile = then.remove(&source.name);
                }
            }
        }
        Ok(sources)
    }

    /// How many people and patients there are.
    pub fn totals(&self) -> Result<HashMap<&'static str, u64>, StoreError> {
        self.derived.snapshot()?.totals()
    }
}
