//! Looking for people: what a search may show, and who may be meant.

use super::{Candidates, FoundPatient, Item, PersonHit, Records, Selector};
use crate::withhold::{self, WITHHELD};
use access::{FindPermit, Sealed};
use fhir::{PatientKey, PersonKey, ResourceId, ResourceType};
use store::{Found, PeopleFilter, Snapshot, StoreError};

/// Patients looked at with one NHS number: each source has one, and a few have it wrongly.
const SAME_NUMBER_MAX: usize = 200;

/// People read together.
const READ_TOGETHER: usize = 32;

impl Records {
    /// Whether one of these NHS numbers is of somebody whose whereabouts are restricted. Nothing else is told, so it needs no
    /// permit.
    pub(crate) fn any_restricted(&self, numbers: &[u64]) -> Result<bool, StoreError> {
        let snapshot = self.derived.snapshot()?;
        for number in numbers {
            let filter = PeopleFilter { nhs_number: Some(*number), limit: SAME_NUMBER_MAX, ..PeopleFilter::default() };
            for hit in snapshot.find_patients(&filter)? {
                if withhold::secrets_of_person(&snapshot, hit.person, snapshot.seq())?.is_some() {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Look for people, who are then shown: that they were found is written down.
    ///
    /// # Errors
    /// The store's.
    pub fn find_people(
        &self,
        permit: &FindPermit,
        filter: &PeopleFilter,
    ) -> Result<Sealed<Vec<PersonHit>>, StoreError> {
        let found = self.look_up(filter)?;
        let people: Vec<PersonKey> = found.iter().map(|hit| hit.person).collect();
        permit.seal_found(found, &people)
    }

    /// Look for people who may be meant: not yet under seal.
    pub(crate) fn look_up(&self, filter: &PeopleFilter) -> Result<Vec<PersonHit>, StoreError> {
        let snapshot = self.derived.snapshot()?;
        let mut found: Vec<PersonHit> = Vec::new();
        for hit in snapshot.find_patients(filter)? {
            let Some(mut facts) = hit.row.facts else { continue };
            let mut source = hit.row.source;
            if let Some(secrets) = withhold::secrets_of_person(&snapshot, hit.person, snapshot.seq())? {
                // To be found by a postcode would tell it.
                if filter.postcode.is_some() {
                    continue;
                }
                facts.hide_whereabouts();
                if secrets.hides(&source) {
                    source = WITHHELD.to_owned();
                }
            }
            let patient = FoundPatient { patient: hit.row.patient, source, facts };
            match found.iter_mut().find(|known| known.person == hit.person) {
                Some(known) => known.patients.push(patient),
                None => found.push(PersonHit { person: hit.person, patients: vec![patient] }),
            }
        }
        Ok(found)
    }

    /// What sources say of patients that were found, person by person: not yet under seal.
    pub(crate) fn people_of(&self, found: &[(PersonKey, PatientKey)]) -> Result<Vec<PersonHit>, StoreError> {
        let snapshot = self.derived.snapshot()?;
        let mut people: Vec<PersonHit> = Vec::new();
        for (person, patient) in found {
            let Some(row) = snapshot.patient(*patient)? else { continue };
            let Some(mut facts) = row.facts else { continue };
            let mut source = row.source;
            if let Some(secrets) = withhold::secrets_of_person(&snapshot, *person, snapshot.seq())? {
                facts.hide_whereabouts();
                if secrets.hides(&source) {
                    source = WITHHELD.to_owned();
                }
            }
            let patient = FoundPatient { patient: row.patient, source, facts };
            match people.iter_mut().find(|known| known.person == *person) {
                Some(known) => known.patients.push(patient),
                None => people.push(PersonHit { person: *person, patients: vec![patient] }),
            }
        }
        Ok(people)
    }

    /// The Patient resources of patients that were found, as of `at`: what a search for people may show of them.
    pub fn found_patients(
        &self,
        permit: &FindPermit,
        patients: &[PatientKey],
        at: u64,
    ) -> Result<Sealed<Vec<Item>>, StoreError> {
        let snapshot = self.derived.snapshot()?;
        let mut items = Vec::with_capacity(patients.len());
        for patient in patients {
            if let Some(row) = snapshot.row(ResourceId::of_patient(*patient), ResourceType::Patient, at)?
                && !row.deleted
            {
                items.push(self.lone_item(&snapshot, row, at)?);
            }
        }
        Ok(permit.seal(items))
    }

    /// The Patient resources of people who may be meant, person by person: nobody where more fit than may be read
    /// ([`Candidates::cut`]). `told`: whoever is found is shown, so that this is written down before they are read, and the disk is
    /// waited for meanwhile. Else [`FindPermit::telling`] says who is.
    ///
    /// # Errors
    /// The store's.
    pub fn candidates(
        &self,
        permit: &FindPermit,
        selectors: &[Selector],
        whole_people: bool,
        told: bool,
    ) -> Result<Sealed<Candidates>, StoreError> {
        let snapshot = self.derived.snapshot()?;
        let seq = snapshot.seq();
        let mut chosen: Vec<(PersonKey, Vec<Found>)> = Vec::new();
        let mut choose = |found: Found| match chosen.iter_mut().find(|(known, _)| *known == found.person) {
            Some((_, patients)) if patients.iter().any(|known| known.patient == found.patient) => {}
            Some((_, patients)) => patients.push(found),
            None => chosen.push((found.person, vec![found])),
        };
        for selector in selectors {
            match selector {
                Selector::Patient(patient) => {
                    if let Some(person) = snapshot.person_of(*patient, seq)? {
                        choose(Found { patient: *patient, person, source: None });
                    }
                }
                Selector::Person(person) => {
                    for patient in snapshot.patients_of(*person, seq)? {
                        choose(Found { patient, person: *person, source: None });
                    }
                }
                Selector::Indexed(filter) => {
                    let found = snapshot.find_keys(filter)?;
                    if found.len() >= filter.limit {
                        return Ok(permit.seal(Candidates { people: Vec::new(), seq, cut: true }));
                    }
                    found.into_iter().for_each(&mut choose);
                }
            }
        }
        let keys: Vec<PersonKey> = if told { chosen.iter().map(|(person, _)| *person).collect() } else { Vec::new() };
        let found = permit.found(&keys)?;
        // The trail's thread may have been put on this processor, behind this one: it goes first, so that the disk is at work while
        // people are read.
        std::thread::yield_now();
        let mut people = Vec::with_capacity(chosen.len());
        for some in chosen.chunks(READ_TOGETHER) {
            self.read_candidates(&snapshot, some, whole_people, &mut people)?;
        }
        Ok(found.seal(Candidates { people, seq, cut: false }))
    }

    /// Read so many people at once: where each answer takes its way, all of them are asked for before the first is waited for.
    fn read_candidates(
        &self,
        snapshot: &Snapshot,
        chosen: &[(PersonKey, Vec<Found>)],
        whole_people: bool,
        people: &mut Vec<(PersonKey, Vec<Item>)>,
    ) -> Result<(), StoreError> {
        let seq = snapshot.seq();
        for (person, _) in chosen {
            snapshot.expect_restricted_person(*person, seq)?;
            if whole_people {
                snapshot.expect_patients_of(*person, seq)?;
            }
        }
        let mut shown: Vec<(PersonKey, bool, Vec<Found>)> = Vec::with_capacity(chosen.len());
        for (person, named) in chosen {
            let restricted = snapshot.restricted_person(*person, seq)?;
            let source =
                |patient| named.iter().find(|found| found.patient == patient).and_then(|found| found.source.clone());
            let patients = match whole_people {
                true => snapshot.patients_of(*person, seq)?,
                false => named.iter().map(|found| found.patient).collect(),
            };
            let of_source = |patient| Found { patient, person: *person, source: source(patient) };
            shown.push((*person, restricted, patients.into_iter().map(of_source).collect()));
        }
        for found in shown.iter().flat_map(|(_, _, patients)| patients) {
            snapshot.expect_lone(found.patient, seq)?;
        }
        for (person, restricted, patients) in shown {
            let secrets = match restricted {
                true => Some(withhold::secrets_learnt(snapshot, &snapshot.patients_of(person, seq)?)?),
                false => None,
            };
            let mut items = Vec::with_capacity(patients.len());
            for Found { patient, source, .. } in patients {
                let Some(source) = source.map_or_else(|| snapshot.source_of(patient), |source| Ok(Some(source)))?
                else {
                    continue;
                };
                if let Some(row) = snapshot.row(ResourceId::of_patient(patient), ResourceType::Patient, seq)?
                    && !row.deleted
                {
                    items.push(self.item_of(snapshot, row, seq, &source.into(), secrets.as_ref())?);
                }
            }
            if !items.is_empty() {
                people.push((person, items));
            }
        }
        Ok(())
    }
}
