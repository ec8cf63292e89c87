//! Who was born on a day is found as what is known of patients, and whom each of them is, say: whatever came in what order.

use crate::home::Home;
use fhir::{PatientKey, PersonKey};
use identity::PatientFacts;
use jiff::civil::{Date, date};
use std::{collections::BTreeMap, ops::Range};
use store::{Derived, Found, Frozen, NewLink, PatientRow, PeopleFilter, Snapshot, Undoing, Writer, compare};

crate::on_both!(who_was_born_on_a_day_is_found_whatever_came_in_what_order);

const FAMILIES: [&str; 5] = ["Smith", "Smithson", "Śmith", "Jones", "Nguyễn"];
const SOURCES: [&str; 2] = ["pas", "lab"];
const PERSONS: Range<u64> = u64::MAX - 2020..u64::MAX - 2000;
const GIVENS: [&str; 4] = ["Ann", "Anna", "Bo", "Hương"];

fn days() -> [Date; 2] {
    [date(1945, 7, 14), date(1969, 12, 31)]
}

/// What the test did, to be compared with.
#[derive(Default)]
pub struct Said {
    known: BTreeMap<u64, PatientRow>,
    linked: BTreeMap<u64, u64>,
}

impl Said {
    fn found(&self, filter: &PeopleFilter) -> Vec<(PatientKey, PersonKey)> {
        let begins = |name: Option<String>, wanted: &Option<String>| {
            wanted.as_ref().is_none_or(|wanted| name.is_some_and(|name| name.starts_with(wanted)))
        };
        let fits = |row: &PatientRow| {
            !row.directory
                && row.facts.as_ref().is_some_and(|facts| {
                    facts.birth == filter.birth
                        && begins(facts.family_key(), &filter.family)
                        && begins(facts.given_key(), &filter.given)
                        && filter.postcode.as_ref().is_none_or(|wanted| facts.postcode_key().as_ref() == Some(wanted))
                })
        };
        let linked = self.linked.iter().filter(|(patient, _)| self.known.get(patient).is_some_and(fits));
        linked.map(|(patient, person)| (PatientKey(*patient), PersonKey(*person))).collect()
    }

    /// Who is restricted is known, of persons of now and of before.
    fn hides(&self, snapshot: &Snapshot, after: &str) {
        let hidden = |patient: PatientKey| {
            let known = self.known.get(&patient.0).and_then(|row| row.facts.as_ref());
            known.is_some_and(|facts| facts.restricted)
        };
        for patient in self.known.keys().map(|key| PatientKey(*key)) {
            assert_eq!(snapshot.restricted(patient).unwrap(), hidden(patient), "{patient} after {after}");
        }
        for person in PERSONS {
            let of = |at: u64| snapshot.patients_of(PersonKey(person), at).unwrap().into_iter().any(hidden);
            let now = self.linked.iter().any(|(patient, whose)| *whose == person && hidden(PatientKey(*patient)));
            assert_eq!(of(snapshot.seq()), now);
            for at in [snapshot.seq(), snapshot.seq().saturating_sub(7)] {
                let said = snapshot.restricted_person(PersonKey(person), at).unwrap();
                assert_eq!(said, of(at), "{person} at {at} after {after}");
            }
        }
    }

    /// Every way to ask for a day finds whom it should.
    pub fn agrees(&self, snapshot: &Snapshot, after: &str) {
        self.hides(snapshot, after);
        let fold = |name: &str| Some(identity::fold_name(name));
        for birth in days() {
            for family in [None, fold("Smith"), fold("Smi"), fold("Jo"), fold("Nguyen"), fold("Nobody")] {
                for given in [None, fold("An"), fold("Anna"), fold("Huong")] {
                    for postcode in [None, Some("AB12CD".to_owned())] {
                        let (family, given) = (family.clone(), given.clone());
                        let filter = PeopleFilter {
                            birth: Some(birth),
                            family,
                            given,
                            postcode,
                            limit: 1000,
                            ..Default::default()
                        };
                        let found = snapshot.find_keys(&filter).unwrap();
                        for found in &found {
                            let source = snapshot.source_of(found.patient).unwrap();
                            assert!(found.source.is_none() || found.source == source, "{found:?}: {source:?}");
                        }
                        let keys = |found: Vec<Found>| -> Vec<_> {
                            found.into_iter().map(|found| (found.patient, found.person)).collect()
                        };
                        let mut found = keys(found);
                        assert!(found.is_sorted_by_key(|(_, person)| person.0.cast_signed()), "person by person");
                        let fewer = snapshot.find_keys(&PeopleFilter { limit: 2, ..filter.clone() }).unwrap();
                        assert_eq!(keys(fewer), found[..found.len().min(2)]);
                        // Who was found is who is asked about next.
                        for (patient, _) in &found {
                            assert_eq!(snapshot.patient(*patient).unwrap().as_ref(), self.known.get(&patient.0));
                        }
                        found.sort_unstable();
                        assert_eq!(found, self.found(&filter), "{filter:?} after {after}");
                    }
                }
            }
        }
    }
}

/// Numbers by chance that are the same each time (xorshift).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).unwrap()
    }
}

/// Patients become known, and known otherwise; are linked, linked otherwise, and linked twice at one moment; in any order.
fn step(writer: &mut Writer, said: &mut Said, chance: &mut Chance, sources: [i64; 2], seq: u64) {
    // Keys that are numbers of other patients, in the order of arrival.
    let patient = 1 + chance.below(40) as u64;
    if chance.below(2) == 0 {
        let person = PERSONS.start + chance.below(20) as u64;
        writer
            .put_link(&NewLink { patient: PatientKey(patient), person: PersonKey(person), reason: "{}" }, seq)
            .unwrap();
        said.linked.insert(patient, person);
        return;
    }
    let facts = PatientFacts {
        families: [vec![FAMILIES[chance.below(5)].into()], vec![]][usize::from(chance.below(8) == 0)].clone(),
        givens: vec![GIVENS[chance.below(4)].into()],
        birth: [Some(days()[chance.below(2)]), None][usize::from(chance.below(8) == 0)],
        postcode: Some(["AB1 2CD", "ZZ9 9ZZ"][chance.below(2)].into()),
        restricted: chance.below(5) == 0,
        ..PatientFacts::default()
    };
    let facts = [Some(facts), None][usize::from(chance.below(10) == 0)].clone();
    let source = chance.below(2);
    let row = PatientRow {
        patient: PatientKey(patient),
        source: SOURCES[source].into(),
        directory: chance.below(10) == 0,
        facts,
    };
    writer.put_patient(&row, sources[source]).unwrap();
    said.known.insert(patient, row);
}

pub fn fill(writer: &mut Writer, said: &mut Said, batches: u64, mut after: impl FnMut(&Said, u64)) {
    let mut chance = Chance(0x5eed);
    for _ in 0..batches {
        let seq = writer.applied().unwrap() + 1;
        writer.begin().unwrap();
        let sources = SOURCES.map(|source| writer.source(source).unwrap());
        for _ in 0..=chance.below(6) {
            step(writer, said, &mut chance, sources, seq);
        }
        writer.commit(seq).unwrap();
        after(said, seq);
    }
}

fn who_was_born_on_a_day_is_found_whatever_came_in_what_order(home: &Home) {
    let (derived, mut writer) = home.derived();
    let mut said = Said::default();
    fill(&mut writer, &mut said, 150, |said, seq| {
        said.agrees(&derived.snapshot().unwrap(), &format!("batch {seq}"));
    });
    assert!(days().iter().all(|day| said.found(&PeopleFilter { birth: Some(*day), ..Default::default() }).len() > 3));
    // What is taken back was never there.
    writer.begin().unwrap();
    let moved = *said.linked.keys().next().unwrap();
    let link = NewLink { patient: PatientKey(moved), person: PersonKey(7), reason: "{}" };
    writer.put_link(&link, writer.applied().unwrap() + 1).unwrap();
    writer.rollback().unwrap();
    said.agrees(&derived.snapshot().unwrap(), "what was taken back");
}

/// Made anew it is made at the end, of all rows at once; what comes after finds its place.
#[test]
fn who_was_born_on_a_day_is_found_in_what_is_made_anew() {
    let home = Home::sqlite();
    let place = home.hold().derived_beside("rebuild");
    let (derived, mut writer) = Derived::open_anew(&place, Undoing::Not, "me").unwrap();
    let mut said = Said::default();
    fill(&mut writer, &mut said, 100, |_, _| ());
    writer.finish_anew().unwrap();
    drop((derived, writer));
    let (derived, mut writer) = Derived::open_at(&place).unwrap();
    said.agrees(&derived.snapshot().unwrap(), "it was made anew");
    fill(&mut writer, &mut said, 50, |said, seq| {
        said.agrees(&derived.snapshot().unwrap(), &format!("batch {seq}"));
    });
}

/// A row that is missing there is somebody whom a search does not find, and a wrong one another: `skein verify` tells.
#[test]
fn whoever_is_wrong_or_missing_among_a_days_births_is_a_difference() {
    let (usual, anew) = (Home::sqlite(), Home::sqlite());
    let (derived, mut writer) = usual.derived();
    let mut said = Said::default();
    fill(&mut writer, &mut said, 60, |_, _| ());
    drop((derived, writer));
    let (one, other) = (usual.hold().derived_beside("derived"), anew.hold().derived_beside("rebuild"));
    let (derived, mut writer) = Derived::open_anew(&other, Undoing::Not, "me").unwrap();
    fill(&mut writer, &mut Said::default(), 60, |_, _| ());
    writer.finish_anew().unwrap();
    drop((derived, writer));
    let compared = || compare(&Frozen::hold(&one).unwrap(), &Frozen::hold(&other).unwrap()).unwrap();
    assert_eq!(compared().differences, 0, "{:?}", compared().examples);
    let patient = said.found(&PeopleFilter { birth: Some(days()[0]), ..Default::default() })[0].0;
    usual.tamper("derived.db", &format!("UPDATE birthday SET person = 5 WHERE key = {}", patient.0));
    assert_eq!((compared().differences, compared().examples), (1, vec![format!("birthday of {patient}")]));
    usual
        .tamper("derived.db", "UPDATE restricted SET person = 5 WHERE patient = (SELECT max(patient) FROM restricted)");
    assert_eq!(compared().differences, 2);
    assert!(compared().examples[1].starts_with("restricted "));
    usual.tamper("derived.db", &format!("DELETE FROM birthday WHERE key = {}", patient.0));
    assert!(compared().differences > 0 && compared().examples[0].starts_with("birthday of "));
}

/// Restricted before it is anybody, and then somebody: also where the file was made anew in between.
#[test]
fn whoever_is_restricted_before_being_a_person_is_so_as_one() {
    let home = Home::sqlite();
    let place = home.hold().derived_beside("rebuild");
    let (derived, mut writer) = Derived::open_anew(&place, Undoing::Not, "me").unwrap();
    writer.begin().unwrap();
    let source = writer.source("pas").unwrap();
    let facts = PatientFacts { restricted: true, ..PatientFacts::default() };
    let row = PatientRow { patient: PatientKey(7), source: "pas".into(), directory: false, facts: Some(facts) };
    writer.put_patient(&row, source).unwrap();
    writer.commit(1).unwrap();
    writer.finish_anew().unwrap();
    drop((derived, writer));
    let (derived, mut writer) = Derived::open_at(&place).unwrap();
    writer.begin().unwrap();
    writer.put_link(&NewLink { patient: PatientKey(7), person: PersonKey(70), reason: "{}" }, 2).unwrap();
    writer.commit(2).unwrap();
    assert!(derived.snapshot().unwrap().restricted_person(PersonKey(70), 2).unwrap());
}
