//! Two derived states are compared row by row, whatever engine each is in.

use crate::home::{Home, row};
use fhir::{PatientKey, PersonKey, ResourceType};
use store::{Derived, Frozen, NewLink, Place, Undoing, compare};

crate::on_both!(
    patients_come_in_an_order_that_a_batch_taken_back_leaves_no_trace_in,
    the_same_is_the_same_and_every_difference_is_named,
    a_rebuilt_state_takes_the_place_of_the_one_in_use,
    what_is_made_anew_is_gone_on_with_by_the_same_program_until_it_is_whole
);

const KIND: ResourceType = ResourceType::Observation;

fn fill(place: &Place, strange: Option<u64>) {
    let (derived, mut writer) = Derived::open_at(place).unwrap();
    writer.begin().unwrap();
    writer.source("pas").unwrap();
    for patient in 1..=1500u64 {
        let text = if strange == Some(patient) { "{\"a\":2}" } else { "{\"a\":1}" };
        writer.put(&row(&derived, patient.wrapping_mul(0x9e37_79b9_7f4a_7c15), KIND, 1, 1, text), 1).unwrap();
        let link = NewLink { patient: PatientKey(patient), person: PersonKey(patient), reason: "{}" };
        writer.put_link(&link, 1).unwrap();
    }
    writer.commit(1).unwrap();
}

fn the_same_is_the_same_and_every_difference_is_named(home: &Home) {
    let folder = home.hold();
    let places = ["one", "two", "other"].map(|name| folder.derived_beside(name));
    let file = tempfile::tempdir().unwrap();
    let file = Place::derived_file(&file.path().join("derived.db"));
    fill(&places[0], None);
    fill(&places[1], None);
    fill(&places[2], Some(1200));
    fill(&file, None);
    let frozen: Vec<_> = places.iter().map(|place| Frozen::hold(place).unwrap()).collect();
    let same = compare(&frozen[0], &frozen[1]).unwrap();
    assert_eq!((same.differences, same.rows), (0, 3001));
    assert_eq!(compare(&frozen[0], &Frozen::hold(&file).unwrap()).unwrap(), same, "also in a file");
    let other = compare(&frozen[0], &frozen[2]).unwrap();
    assert_eq!((other.differences, other.examples.len()), (1, 1), "{:?}", other.examples);
    assert!(other.examples[0].starts_with("resource Observation/"), "{:?}", other.examples);
    drop(frozen);
    for place in &places {
        assert!(place.exists().unwrap());
        place.remove().unwrap();
        assert!(!place.exists().unwrap());
        place.remove().unwrap();
    }
}

/// One batch a list of patients; a list whose flag is not set is taken back.
fn fill_in_order(place: &Place, batches: &[(&[u64], bool)]) {
    let (derived, mut writer) = Derived::open_at(place).unwrap();
    for (patients, kept) in batches {
        writer.begin().unwrap();
        for patient in *patients {
            let key = PatientKey(*patient);
            assert!(writer.current(row(&derived, *patient, KIND, 1, 1, "{}").id, KIND).unwrap().is_none());
            writer.put(&row(&derived, *patient, KIND, 1, 1, "{}"), 1).unwrap();
            writer.put_identifiers(row(&derived, *patient, KIND, 1, 1, "{}").id, KIND, &[], &[7]).unwrap();
            writer.put_link(&NewLink { patient: key, person: PersonKey(7), reason: "{}" }, 1).unwrap();
            assert_eq!(writer.link(key).unwrap(), Some((PersonKey(7), 1)), "in the batch that brought it");
        }
        if *kept {
            writer.commit(1).unwrap();
        } else {
            writer.rollback().unwrap();
        }
    }
    let mut all: Vec<u64> =
        batches.iter().filter(|(_, kept)| *kept).flat_map(|(patients, _)| patients.to_vec()).collect();
    all.sort_unstable_by_key(|key| key.cast_signed());
    let all: Vec<PatientKey> = all.into_iter().map(PatientKey).collect();
    let snapshot = derived.snapshot().unwrap();
    assert_eq!(snapshot.patients_of(PersonKey(7), 1).unwrap(), all, "by their keys, whatever their order was");
    assert_eq!(snapshot.ever_of(PersonKey(7), 99).unwrap(), all);
    let found: Vec<PatientKey> = snapshot.find_identifier(7).unwrap().into_iter().map(|(id, _)| id.patient).collect();
    assert_eq!(found, all);
    assert_eq!(writer.patients_of(PersonKey(7)).unwrap(), all);
    for patient in batches.iter().flat_map(|(patients, _)| *patients) {
        let known = all.contains(&PatientKey(*patient));
        assert_eq!(snapshot.person_of(PatientKey(*patient), 1).unwrap().is_some(), known);
        assert_eq!(!snapshot.counts(PatientKey(*patient)).unwrap().is_empty(), known);
    }
}

fn patients_come_in_an_order_that_a_batch_taken_back_leaves_no_trace_in(home: &Home) {
    let folder = home.hold();
    let places = ["one", "two", "other"].map(|name| folder.derived_beside(name));
    fill_in_order(&places[0], &[(&[9, u64::MAX, 5], true), (&[3], true)]);
    fill_in_order(&places[1], &[(&[9], true), (&[3, 4], false), (&[u64::MAX, 5, 3], true)]);
    fill_in_order(&places[2], &[(&[3, 5], true), (&[9, u64::MAX], true)]);
    let frozen: Vec<_> = places.iter().map(|place| Frozen::hold(place).unwrap()).collect();
    assert_eq!(compare(&frozen[0], &frozen[1]).unwrap().differences, 0);
    let other = compare(&frozen[0], &frozen[2]).unwrap();
    if home.database.is_none() {
        assert!(other.examples.iter().any(|example| example.starts_with("arrival of ")), "{:?}", other.examples);
    } else {
        assert_eq!(other.differences, 0, "a database has no order of patients");
    }
    // Beside a store of the other kind, what counts is what they say.
    let file = tempfile::tempdir().unwrap();
    let file = Place::derived_file(&file.path().join("derived.db"));
    fill_in_order(&file, &[(&[5, 3], true), (&[u64::MAX, 9], true)]);
    let beside = compare(&frozen[0], &Frozen::hold(&file).unwrap()).unwrap();
    assert_eq!(beside.differences == 0, home.database.is_some(), "{:?}", beside.examples);
    drop(frozen);
    places.iter().for_each(|place| place.remove().unwrap());
}

fn a_rebuilt_state_takes_the_place_of_the_one_in_use(home: &Home) {
    let folder = home.hold();
    let (in_use, beside) = (folder.derived(), folder.derived_beside("rebuild"));
    fill(&beside, None);
    in_use.remove().unwrap();
    fill(&in_use, Some(3));
    beside.replace(&in_use).unwrap();
    assert!(!beside.exists().unwrap());
    fill(&beside, None);
    let comparison = compare(&Frozen::hold(&in_use).unwrap(), &Frozen::hold(&beside).unwrap()).unwrap();
    assert_eq!(comparison.differences, 0);
    beside.remove().unwrap();
}

fn what_is_made_anew_is_gone_on_with_by_the_same_program_until_it_is_whole(home: &Home) {
    let folder = home.hold();
    let place = folder.derived_beside("rebuild");
    let go_on = |by| Derived::go_on_anew(&place, Undoing::Not, by).unwrap();
    assert!(go_on("me").is_none(), "nothing was begun");
    let (derived, mut writer) = Derived::open_anew(&place, Undoing::Not, "me").unwrap();
    writer.begin().unwrap();
    writer.put(&row(&derived, 1, KIND, 1, 1, "{}"), 1).unwrap();
    writer.commit(5).unwrap();
    drop((derived, writer));
    assert!(go_on("another").is_none(), "another program may make another state");
    let (derived, mut writer) = go_on("me").expect("it is there");
    assert_eq!(writer.applied().unwrap(), 5);
    writer.begin().unwrap();
    writer.put(&row(&derived, 2, KIND, 1, 1, "{}"), 6).unwrap();
    writer.commit(6).unwrap();
    writer.finish_anew().unwrap();
    drop((derived, writer));
    assert!(go_on("me").is_none(), "it is whole");
    let snapshot = Derived::open_at(&place).unwrap().0.snapshot().unwrap();
    assert_eq!(snapshot.seq(), 6);
    drop(snapshot);
    place.remove().unwrap();
    assert!(go_on("me").is_none(), "it was removed");
}
