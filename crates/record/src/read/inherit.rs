//! What hangs on a visit, an appointment, a referral or an episode of a sensitive clinic is as sensitive as they are: its
//! letters and results carry no code of their own that would tell. Found out within one patient at reading, for labels are
//! a matter of the policies in force and stand in no table.

use super::{Filter, Item, Overlay, Records};
use access::{Permit, policy::LabelSet};
use fhir::{PatientKey, ResourceType};
use memchr::memmem;
use std::{collections::HashMap, sync::Arc};
use store::{Snapshot, StoreError};

/// What others hang on.
const ROOTS: [ResourceType; 4] =
    [ResourceType::Encounter, ResourceType::Appointment, ResourceType::ServiceRequest, ResourceType::EpisodeOfCare];

/// A result hangs on a report, which hangs on a request, which was made in a visit, which followed an appointment.
const STEPS_MAX: usize = 4;

/// Whether a type takes over labels. What a person is, and what could kill them, is no letter of a clinic.
fn takes_over(kind: ResourceType) -> bool {
    use ResourceType as T;
    !matches!(kind, T::Patient | T::Person | T::RelatedPerson | T::Consent | T::AllergyIntolerance)
}

impl Records {
    /// Tell the permit's sight which of these items, read at `at`, take over labels. `whole`: the types of which all are among them.
    pub(super) fn take_over_labels(
        &self,
        snapshot: &Snapshot,
        permit: &Permit,
        at: u64,
        whole: &dyn Fn(ResourceType) -> bool,
        source: &Arc<str>,
        items: &[Item],
    ) -> Result<(), StoreError> {
        let missing = missing_roots(whole, items);
        let mut more = Vec::new();
        if !missing.is_empty() {
            let all = Filter { deleted: true, ..Filter::default() };
            let plain = Overlay { survivor: None, secrets: None };
            let mut patients: Vec<PatientKey> = items.iter().map(|item| item.id.patient).collect();
            patients.sort_unstable();
            patients.dedup();
            for patient in patients {
                snapshot
                    .each_row(patient, &missing, at, |row| self.push(snapshot, row, source, &all, plain, &mut more))?;
            }
        }
        let mut pass_on: Vec<(String, LabelSet)> = Vec::new();
        for item in items.iter().chain(&more).filter(|item| passes_on(item.kind)) {
            let labels = permit.sight().labels(item.kind, &item.json);
            if !labels.is_empty() {
                pass_on.extend(names(item).into_iter().map(|name| (name, labels)));
            }
        }
        // Nearly always there is none, and that was all.
        let mut taken: HashMap<String, LabelSet> = HashMap::new();
        for _ in 0..STEPS_MAX {
            if pass_on.is_empty() {
                break;
            }
            let mut next = Vec::new();
            for item in items.iter().chain(&more).filter(|item| takes_over(item.kind)) {
                let own = format!("\"{}/{}\"", item.kind, item.id);
                let hangs = |name: &str| name == own || memmem::find(&item.json, name.as_bytes()).is_some();
                let labels = pass_on.iter().filter(|(name, _)| hangs(name));
                let labels = labels.fold(LabelSet::default(), |set, (_, labels)| set.and(*labels));
                let known = taken.entry(own).or_default();
                if known.and(labels) != *known {
                    *known = known.and(labels);
                    permit.sight().take_over(item.id, item.kind, *known);
                    if passes_on(item.kind) {
                        next.extend(names(item).into_iter().map(|name| (name, labels)));
                    }
                }
            }
            pass_on = next;
        }
        Ok(())
    }
}

fn passes_on(kind: ResourceType) -> bool {
    ROOTS.contains(&kind) || kind == ResourceType::DiagnosticReport
}

/// Roots that the items may hang on and that were not read with them.
fn missing_roots(whole: &dyn Fn(ResourceType) -> bool, items: &[Item]) -> Vec<ResourceType> {
    let mut wanted = ROOTS.to_vec();
    wanted.retain(|kind| !whole(*kind));
    if items.iter().any(|item| item.kind == ResourceType::Observation) {
        // A result does not name its report; the report names it.
        wanted.extend(Some(ResourceType::DiagnosticReport).filter(|kind| !whole(*kind)));
    } else if !wanted.is_empty() {
        let finders = ROOTS.map(|kind| memmem::Finder::new(&format!("\"{kind}/")).into_owned());
        let hangs = |item: &Item| finders.iter().any(|finder| finder.find(&item.json).is_some());
        if !items.iter().filter(|item| takes_over(item.kind)).any(hangs) {
            return Vec::new();
        }
    }
    wanted
}

/// How others name an item, as it stands in their JSON; of a report, what it names, for results do not name their report.
fn names(item: &Item) -> Vec<String> {
    if item.kind != ResourceType::DiagnosticReport {
        return vec![format!("\"{}/{}\"", item.kind, item.id)];
    }
    let mut names = Vec::new();
    for at in memmem::find_iter(&item.json, b"\"Observation/") {
        let rest = item.json.get(at + 1..).unwrap_or_default();
        if let Some(end) = memchr::memchr(b'"', rest)
            && let Some(name) = rest.get(..end).and_then(|name| std::str::from_utf8(name).ok())
        {
            names.push(format!("\"{name}\""));
        }
    }
    names
}
