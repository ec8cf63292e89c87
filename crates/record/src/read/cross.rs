//! Cross-references: by what other identifiers the person with this one is known (IHE PIX and PIXm).
//!
//! An identifier is of a domain (its system). What is told of a person whose whereabouts are restricted tells no practice:
//! neither its numbers nor that there is one.

use super::Records;
use crate::withhold::{self, WITHHELD};
use access::{FindPermit, Permit, Sealed};
use fhir::{Map, PatientKey, PersonKey, Resource, ResourceId, ResourceType, Value, nhs};
use std::collections::BTreeSet;
use store::{Snapshot, StoreError, identifier_hash};

/// What is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A business identifier: its system and value.
    Identifier {
        /// The domain.
        system: String,
        /// The number in it.
        value: String,
    },
    /// One of our Patient resources.
    Patient(PatientKey),
}

/// By what else a person is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CrossReferences {
    /// FHIR Identifiers: `use`, `type`, `system`, `value`.
    pub identifiers: Vec<Value>,
    /// The patients that have them.
    pub patients: Vec<PatientKey>,
}

impl Records {
    /// Whether this region has (or had) identifiers of this system.
    pub fn knows_domain(&self, system: &str) -> Result<bool, StoreError> {
        self.derived.snapshot()?.knows_domain(system)
    }

    /// The people meant. More than one where sources gave one identifier to several; of an NHS number, those who have it
    /// verified come before those who do not.
    pub fn people_meant(&self, permit: &FindPermit, source: &Source) -> Result<Sealed<Vec<PersonKey>>, StoreError> {
        let snapshot = self.derived.snapshot()?;
        let seq = snapshot.seq();
        let (mut people, mut sure) = (Vec::new(), Vec::new());
        let mut found = |person: PersonKey, verified: bool| {
            let list = if verified { &mut sure } else { &mut people };
            if !list.contains(&person) {
                list.push(person);
            }
        };
        match source {
            Source::Patient(patient) => {
                let known = snapshot.patient(*patient)?.is_some_and(|row| !row.directory);
                if let Some(person) = snapshot.person_of(*patient, seq)?.filter(|_| known) {
                    found(person, false);
                }
            }
            Source::Identifier { system, value } => {
                let number = nhs::NhsNumber::parse(value).ok().filter(|_| system == nhs::SYSTEM);
                let number: Option<u64> = number.and_then(|number| number.as_str().parse().ok());
                let hash = identifier_hash(ResourceType::Patient, Some(system), value);
                for (id, kind) in snapshot.find_identifier(hash)? {
                    if kind != ResourceType::Patient {
                        continue;
                    }
                    let facts = snapshot.patient(id.patient)?.and_then(|row| row.facts);
                    let verified = facts.is_some_and(|facts| facts.verified && facts.nhs_number == number);
                    if let Some(person) = snapshot.person_of(id.patient, seq)? {
                        found(person, number.is_some() && verified);
                    }
                }
            }
        }
        Ok(permit.seal(if sure.is_empty() { people } else { sure }))
    }

    /// What else the person of this permit is known by: in these domains, or in all.
    pub fn cross_references(
        &self,
        permit: &Permit,
        source: Option<&Source>,
        domains: &[String],
    ) -> Result<Sealed<CrossReferences>, StoreError> {
        let snapshot = self.derived.snapshot()?;
        let secrets = withhold::secrets(&snapshot, permit.patients())?;
        let mut found = CrossReferences::default();
        for patient in permit.patients() {
            if snapshot.survivor(*patient, permit.seq())?.is_some() {
                continue;
            }
            let hidden = secrets.as_ref().zip(snapshot.patient(*patient)?);
            if hidden.is_some_and(|(secrets, row)| secrets.hides(&row.source)) {
                continue;
            }
            let id = ResourceId::of_patient(*patient);
            let Some(row) = snapshot.row(id, ResourceType::Patient, permit.seq())?.filter(|row| !row.deleted) else {
                continue;
            };
            let resource = self.lone_item(&snapshot, row, permit.seq())?.resource()?;
            let mut any = false;
            for identifier in in_use(&resource) {
                let (system, value) = names(identifier);
                if is_source(source, system, value) || !(domains.is_empty() || domains.iter().any(|d| d == system)) {
                    continue;
                }
                any = true;
                if !found.identifiers.iter().any(|known| same(names(known), (system, value))) {
                    found.identifiers.push(plain(identifier));
                }
            }
            if any && source != Some(&Source::Patient(*patient)) {
                found.patients.push(*patient);
            }
        }
        Ok(permit.seal(found))
    }

    /// The people whose set of identifiers became another at `seq`, among those these patients are or were. Tells nothing
    /// of them.
    pub fn renumbered(&self, patients: &[PatientKey], seq: u64) -> Result<Vec<PersonKey>, StoreError> {
        let snapshot = self.derived.snapshot()?;
        let mut people: Vec<PersonKey> = Vec::new();
        // Whether any of them was somebody before: then even a number that now stands alone is news.
        let mut known = false;
        for patient in patients {
            for at in [seq.saturating_sub(1), seq] {
                if let Some(person) = snapshot.person_of(*patient, at)? {
                    known |= at < seq;
                    if !people.contains(&person) {
                        people.push(person);
                    }
                }
            }
        }
        let mut changed = Vec::new();
        for person in people {
            let before = numbers(&snapshot, person, seq.saturating_sub(1))?;
            let after = numbers(&snapshot, person, seq)?;
            let first_number = before.is_empty() && after.len() < 2 && !known;
            if before != after && !after.is_empty() && !first_number {
                changed.push(person);
            }
        }
        Ok(changed)
    }

    /// The change feed after `seq`: each entry with the patients it touched.
    pub fn changes_after(&self, seq: u64, limit: usize) -> Result<Vec<(u64, Vec<PatientKey>)>, StoreError> {
        self.derived.snapshot()?.changes_after(seq, limit)
    }
}

/// A person's identifiers at `at`.
fn numbers(snapshot: &Snapshot, person: PersonKey, at: u64) -> Result<BTreeSet<(String, String)>, StoreError> {
    let mut numbers = BTreeSet::new();
    for patient in snapshot.patients_of(person, at)? {
        if snapshot.survivor(patient, at)?.is_some() {
            continue;
        }
        let Some(row) = snapshot.row(ResourceId::of_patient(patient), ResourceType::Patient, at)? else { continue };
        if row.deleted {
            continue;
        }
        let mut json = Vec::new();
        snapshot.render(&mut json, &row, "", "")?;
        let patient = Resource::from_slice(&json).map_err(|e| StoreError::Corrupt(format!("a stored patient: {e}")))?;
        numbers.extend(in_use(&patient).map(names).map(|(system, value)| (system.to_owned(), value.to_owned())));
    }
    Ok(numbers)
}

/// The identifiers of a patient that name it now: with a domain, not superseded, not known to be mistyped, and nothing
/// withheld of them.
fn in_use(patient: &Resource) -> impl Iterator<Item = &Value> {
    patient.list("identifier").iter().filter(|identifier| {
        let (system, value) = names(identifier);
        let told = !system.is_empty() && !value.is_empty() && !system.contains(WITHHELD) && !value.contains(WITHHELD);
        let extensions = identifier.get("extension").and_then(Value::as_array);
        let mistyped = extensions.is_some_and(|list| {
            list.iter().any(|extension| extension.get("url").and_then(Value::as_str) == Some(nhs::INVALID_CHECK_DIGIT))
        });
        told && !mistyped && identifier.get("use").and_then(Value::as_str) != Some("old")
    })
}

fn names(identifier: &Value) -> (&str, &str) {
    let text = |name: &str| identifier.get(name).and_then(Value::as_str).unwrap_or_default();
    (text("system"), text("value"))
}

fn same(a: (&str, &str), b: (&str, &str)) -> bool {
    a.0 == b.0
        && (a.1 == b.1 || a.0 == nhs::SYSTEM && nhs::ten_digits(a.1).is_some_and(|n| nhs::ten_digits(b.1) == Some(n)))
}

fn is_source(source: Option<&Source>, system: &str, value: &str) -> bool {
    matches!(source, Some(Source::Identifier { system: s, value: v }) if same((s, v), (system, value)))
}

/// What of an identifier is told: not who assigned it, nor since when.
fn plain(identifier: &Value) -> Value {
    let mut plain = Map::new();
    for name in ["use", "type", "system", "value"] {
        if let Some(value) = identifier.get(name) {
            plain.insert(name.to_owned(), value.clone());
        }
    }
    Value::Object(plain)
}
