//! A record read as it stood: nothing comes out of it that the same reader would not be shown today, whatever was open then.

use super::{Filter, Item, Records, Secrets, sees};
use access::Permit;
use fhir::{PersonKey, ResourceId, ResourceType};
use jiff::Timestamp;
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};
use store::{Snapshot, StoreError};

/// What of a record its reader is shown today.
pub(super) struct Today {
    seen: HashSet<(ResourceId, ResourceType)>,
    /// What is withheld, as it is today, with its source.
    withheld: HashMap<(ResourceId, ResourceType), (Item, Arc<str>)>,
}

impl Today {
    /// Whether an item of then may be shown; that it is withheld is noted, so that it can be said. What is no longer of
    /// this record at all (its visit was moved, its patient unlinked) is not.
    pub(super) fn shows(&self, permit: &Permit, item: &Item) -> bool {
        let name = (item.id, item.kind);
        if let Some((newest, source)) = self.withheld.get(&name) {
            sees(permit, newest, source);
        }
        self.seen.contains(&name)
    }
}

impl Records {
    /// Find out what its reader is shown today of a record that is read as it stood; None for one that is read as it is.
    pub(super) fn today(
        &self,
        snapshot: &Snapshot,
        permit: &Permit,
        kinds: &[ResourceType],
        secrets: Option<&Secrets>,
    ) -> Result<Option<Today>, StoreError> {
        let Some(since) = permit.since() else { return Ok(None) };
        let filter = Filter { kinds: kinds.to_vec(), deleted: true, ..Filter::default() };
        let whole = |kind| kinds.is_empty() || kinds.contains(&kind);
        let mut today = Today { seen: HashSet::new(), withheld: HashMap::new() };
        for patient in &since.patients {
            let mut items = Vec::new();
            let source = self.read_patient(snapshot, *patient, since.seq, &filter, secrets, &mut items)?;
            self.take_over_labels(snapshot, permit, since.seq, &whole, &source, &items)?;
            let shut = self.shut_files(snapshot, permit, since.seq, *patient, &source, &items)?;
            for item in items {
                let name = (item.id, item.kind);
                if !permit.sight().would_see(item.id, item.kind, &source, &item.json) {
                    today.withheld.insert(name, (item, Arc::clone(&source)));
                } else if item.kind != ResourceType::Binary || !shut.contains(&item.id) {
                    today.seen.insert(name);
                }
            }
        }
        Ok(Some(today))
    }

    /// Whether anything was known at `seq` of those who are this person today.
    ///
    /// # Errors
    /// The store's.
    pub fn known_at(&self, permit: &Permit, seq: u64) -> Result<bool, StoreError> {
        let snapshot = self.derived.snapshot()?;
        for patient in permit.patients() {
            if snapshot.person_of(*patient, seq)? == Some(permit.person()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// When the first was heard of those who are this person today.
    ///
    /// # Errors
    /// The store's.
    pub fn known_since(&self, permit: &Permit) -> Result<Option<Timestamp>, StoreError> {
        let snapshot = self.derived.snapshot()?;
        let mut first: Option<u64> = None;
        for patient in permit.patients() {
            let person: PersonKey = permit.person();
            let of_person = snapshot.links(*patient)?.into_iter().filter(|link| link.person == person);
            first = of_person.map(|link| link.seq_from).chain(first).min();
        }
        first.map(|seq| snapshot.received(seq)).transpose()
    }
}
