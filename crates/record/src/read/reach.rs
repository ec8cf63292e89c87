//! What of a record one resource's reader reaches, beyond its own class: former versions, visits that were moved, files of
//! letters.

use super::{Filter, Item, Overlay, Records, hangs_on};
use access::Permit;
use fhir::{PatientKey, ResourceId, ResourceType};
use std::sync::Arc;
use store::{Snapshot, StoreError};

impl Records {
    /// Whether the reader sees what a resource says now: what was labelled later does not stay open in its former versions.
    /// Of what is shown again, what it said then counts.
    pub(super) fn newest_is_seen(
        &self,
        snapshot: &Snapshot,
        permit: &Permit,
        id: ResourceId,
        kind: ResourceType,
        source: &Arc<str>,
    ) -> Result<bool, StoreError> {
        let newest = snapshot.versions(id, kind)?.into_iter().find(|row| self.as_at.is_none_or(|seq| row.seq <= seq));
        let Some(newest) = newest else { return Ok(true) };
        let newest = self.lone_item(snapshot, newest, permit.seq())?;
        self.take_over_labels(snapshot, permit, &|_| false, source, std::slice::from_ref(&newest))?;
        Ok(permit.sight().would_see(id, kind, source, &newest.json))
    }

    /// Whether an item is of this record: a visit that its source moved brings what hangs on it, and nothing else of the
    /// patient it was recorded under; and what hangs on one that was moved away is gone.
    pub(super) fn reaches(&self, snapshot: &Snapshot, permit: &Permit, item: &Item) -> Result<bool, StoreError> {
        let own = permit.patients().contains(&item.id.patient);
        for patient in permit.patients() {
            for moved in snapshot.moves(*patient, permit.seq())? {
                if moved.visit.patient == item.id.patient && hangs_on(item, moved.visit) {
                    return Ok(permit.patients().contains(&moved.target));
                }
            }
        }
        Ok(own)
    }

    /// The files among `items` that are withheld because every document that refers to them is: a letter's PDF is as
    /// sensitive as the letter.
    pub(super) fn shut_files(
        &self,
        snapshot: &Snapshot,
        permit: &Permit,
        patient: PatientKey,
        source: &Arc<str>,
        items: &[Item],
    ) -> Result<Vec<ResourceId>, StoreError> {
        let files: Vec<ResourceId> =
            items.iter().filter(|item| item.kind == ResourceType::Binary).map(|item| item.id).collect();
        if files.is_empty() {
            return Ok(Vec::new());
        }
        let mut documents = Vec::new();
        let kinds = [ResourceType::DocumentReference, ResourceType::DiagnosticReport, ResourceType::Media];
        let all = Filter { deleted: true, ..Filter::default() };
        let plain = Overlay { survivor: None, secrets: None };
        snapshot.each_row(patient, &kinds, permit.seq(), |row| {
            self.push(snapshot, row, source, &all, plain, &mut documents)
        })?;
        let whole = |kind| kinds.contains(&kind);
        self.take_over_labels(snapshot, permit, &whole, source, &documents)?;
        let mut shut = Vec::new();
        for file in files {
            let named = format!("Binary/{file}");
            let refers = |item: &&Item| memchr::memmem::find(&item.json, named.as_bytes()).is_some();
            let mut referring = documents.iter().filter(refers).peekable();
            let seen = |item: &Item| permit.sight().would_see(item.id, item.kind, source, &item.json);
            if referring.peek().is_some() && !referring.any(seen) {
                shut.push(file);
            }
        }
        Ok(shut)
    }
}
