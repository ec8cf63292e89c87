//! What of a record one resource's reader reaches, beyond its own class: former versions, visits that were moved, files of
//! letters.

use super::{Filter, Item, Overlay, Records, hangs_on, known};
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
        let until = permit.since().map(|since| since.seq).or(self.as_at);
        let newest = snapshot.versions(id, kind)?.into_iter().find(|row| until.is_none_or(|seq| row.seq <= seq));
        let Some(newest) = newest else { return Ok(true) };
        let (at, patients) = known(permit);
        let newest = self.lone_item(snapshot, newest, at)?;
        let alone = std::slice::from_ref(&newest);
        self.take_over_labels(snapshot, permit, at, &|_| false, source, alone)?;
        // What stood in the record then may since have been found to be about somebody else.
        if permit.since().is_some()
            && (!self.reaches_from(snapshot, patients, at, &newest)?
                || !self.shut_files(snapshot, permit, at, id.patient, source, alone)?.is_empty())
        {
            return Ok(false);
        }
        Ok(permit.sight().would_see(id, kind, source, &newest.json))
    }

    /// Whether an item is of this record: a visit that its source moved brings what hangs on it, and nothing else of the
    /// patient it was recorded under; and what hangs on one that was moved away is gone.
    pub(super) fn reaches(&self, snapshot: &Snapshot, permit: &Permit, item: &Item) -> Result<bool, StoreError> {
        self.reaches_from(snapshot, permit.patients(), permit.seq(), item)
    }

    fn reaches_from(
        &self,
        snapshot: &Snapshot,
        patients: &[PatientKey],
        at: u64,
        item: &Item,
    ) -> Result<bool, StoreError> {
        for patient in patients {
            for moved in snapshot.moves(*patient, at)? {
                if moved.visit.patient == item.id.patient && hangs_on(item, moved.visit) {
                    return Ok(patients.contains(&moved.target));
                }
            }
        }
        Ok(patients.contains(&item.id.patient))
    }

    /// The files among `items`, read at `at`, that are withheld because every document that refers to them is: a letter's PDF is as
    /// sensitive as the letter.
    pub(super) fn shut_files(
        &self,
        snapshot: &Snapshot,
        permit: &Permit,
        at: u64,
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
        snapshot.each_row(patient, &kinds, at, |row| self.push(snapshot, row, source, &all, plain, &mut documents))?;
        let whole = |kind| kinds.contains(&kind);
        self.take_over_labels(snapshot, permit, at, &whole, source, &documents)?;
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
