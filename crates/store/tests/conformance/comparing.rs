//! Two derived states are compared row by row, whatever engine each is in.

use crate::home::{Home, row};
use fhir::{PatientKey, PersonKey, ResourceType};
use store::{Derived, Frozen, NewLink, Place, compare};

crate::on_both!(the_same_is_the_same_and_every_difference_is_named, a_rebuilt_state_takes_the_place_of_the_one_in_use);

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
