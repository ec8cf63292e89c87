//! The derived state beside the truth it was made of.

use super::{Home, at};
use backup::{BackupError, Shipped, Shipper, Until, Wanted};
use fhir::PatientKey;
use identity::PatientFacts;
use std::{path::Path, time::Duration};
use store::{Derived, Folder, PatientRow};

impl Home {
    /// Have the derived state be as of an entry: one patient an entry, with a name as long as wanted.
    fn derive(&self, to: u64, long: usize) {
        let (_derived, mut writer) = Derived::open(&Folder::hold(&self.data()).unwrap()).unwrap();
        writer.claim_region("t").unwrap();
        writer.begin().unwrap();
        let source = writer.source("source-1").unwrap();
        for key in writer.applied().unwrap() + 1..=to {
            let facts = PatientFacts { families: vec!["x".repeat(long)], ..PatientFacts::default() };
            let row = PatientRow {
                patient: PatientKey(key),
                source: "source-1".into(),
                directory: false,
                facts: Some(facts),
            };
            writer.put_patient(&row, source).unwrap();
        }
        writer.commit(to).unwrap();
    }

    /// Ship the derived state, all of it, if the one that is there is more than an hour old at `now`.
    fn ship_derived(&self, now: i64) -> Result<Shipped, BackupError> {
        let mut shipper = self.shipper();
        let mut shipped = shipper.ship(at(now), &mut |_, _, _| {})?;
        let (hour, all) = (Duration::from_secs(3600), Duration::MAX);
        assert!(!shipper.derived(hour, (at(now), all), &mut shipped, &mut |_, _, _| {})?);
        Ok(shipped)
    }
}

/// The patients that a derived state which was put back knows, and the entry it is as of.
fn derived(folder: &Path) -> (usize, u64) {
    let derived = Derived::open_for_reading(&Folder::visit(folder).unwrap().derived()).unwrap();
    let snapshot = derived.snapshot().unwrap();
    let known = (1..100).filter(|key| snapshot.patient(PatientKey(*key)).unwrap().is_some()).count();
    (known, snapshot.seq())
}

#[test]
fn the_derived_state_of_then_or_before_is_put_back_with_the_truth() {
    let home = Home::new();
    home.write(0, 10);
    home.derive(8, 10);
    assert_eq!(home.ship_derived(1_000_000).unwrap().derived, 8);
    home.write(10, 10);
    home.derive(15, 10);
    assert_eq!(home.ship_derived(1_003_000).unwrap().derived, 8, "not an hour old");
    assert_eq!(home.ship_derived(1_004_000).unwrap().derived, 15);
    assert_eq!(home.ship_derived(1_009_000).unwrap().segments, 0, "it is as it was");
    // A clock that was put back, and one that is right again.
    home.derive(16, 10);
    assert_eq!(home.ship_derived(900_000).unwrap().derived, 16);
    home.derive(18, 10);
    assert_eq!(home.ship_derived(1_010_000).unwrap().derived, 18);
    assert_eq!(home.segments("derived").len(), 2, "the newest and one before it");
    assert_eq!(home.check().unwrap().derived, 2);

    for (name, until, found) in [
        ("end", Until::End, Some(18)),
        ("position", Until::Position(17), Some(16)),
        ("early", Until::Position(12), None),
    ] {
        let to = home.folder.path().join(name);
        let restored = home.restore(&to, until, false).unwrap();
        assert_eq!((restored.derived, restored.derived_left), (found, Vec::new()), "{name}");
        match found {
            Some(at) => assert_eq!(derived(&to), (usize::try_from(at).unwrap(), at), "{name}"),
            None => assert!(!to.join("derived.db").exists(), "{name}"),
        }
    }
    // Of the journal alone.
    let to = Folder::hold(&home.folder.path().join("anew")).unwrap();
    let wanted = Wanted { derived: false, ..Wanted::default() };
    let restored = backup::restore(&home.target(), &home.identities, &to, wanted, &mut |_, _, _| {}).unwrap();
    assert_eq!((restored.derived, to.derived().exists().unwrap()), (None, false));
}

#[test]
fn a_derived_state_that_is_damaged_is_passed_over_and_named() {
    let home = Home::new();
    home.write(0, 10);
    for (to, now) in [(8, 1_000_000), (9, 1_010_000)] {
        home.derive(to, 10);
        home.ship_derived(now).unwrap();
    }
    let newest = home.segments("derived").pop().unwrap();
    let mut bytes = std::fs::read(&newest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&newest, bytes).unwrap();
    let error = home.check().unwrap_err().to_string();
    assert!(error.contains("derived/000000000009.seg is damaged"), "{error}");
    let to = home.folder.path().join("restored");
    let restored = home.restore(&to, Until::End, false).unwrap();
    assert_eq!(restored.derived, Some(8));
    assert!(restored.derived_left[0].contains("000000000009.seg is damaged"), "{:?}", restored.derived_left);
    assert_eq!(derived(&to), (8, 8));
    // Nor does one that is cut off hold up what comes after it.
    std::fs::write(&newest, b"cut off").unwrap();
    let to = home.folder.path().join("again");
    let restored = home.restore(&to, Until::End, false).unwrap();
    assert_eq!((restored.derived, restored.derived_left.len()), (Some(8), 1), "{:?}", restored.derived_left);
    home.write(10, 1);
    home.derive(10, 10);
    let shipped = home.ship_derived(1_020_000).unwrap();
    assert_eq!((shipped.journal, shipped.derived), (11, 10));
    assert!(matches!(home.check().unwrap_err(), BackupError::CutOff(path) if path == newest), "until it is removed");
}

/// What comes in does not wait for a derived state of millions: it is shipped between two parts of it.
#[test]
fn the_derived_state_is_shipped_by_and_by() {
    let home = Home::new();
    home.write(0, 10);
    home.derive(10, 400_000);
    let mut shipper = home.shipper();
    let (mut shipped, mut parts) = (shipper.ship(at(1_000_000), &mut |_, _, _| {}).unwrap(), 0);
    let go_on = |shipper: &mut Shipper, shipped: &mut Shipped| {
        shipper.derived(Duration::ZERO, (at(1_000_000), Duration::ZERO), shipped, &mut |_, _, _| {})
    };
    while go_on(&mut shipper, &mut shipped).unwrap() {
        parts += 1;
        home.write(parts * 10, 10);
        assert_eq!(
            shipper.ship(at(1_000_000), &mut |_, _, _| {}).unwrap().journal,
            u64::try_from(parts * 10 + 10).unwrap()
        );
        if parts == 1 {
            home.derive(11, 10);
            let another = go_on(&mut home.shipper(), &mut shipped);
            assert!(matches!(another, Err(BackupError::Locked(_))), "one at a time");
        }
    }
    assert!(parts > 3, "{parts}");
    assert_eq!(shipped.derived, 10, "as it was when it was begun");
    let to = home.folder.path().join("restored");
    assert_eq!(home.restore(&to, Until::End, false).unwrap().derived, Some(10));
    assert_eq!(derived(&to), (10, 10));
    // Broken off, it leaves nothing.
    home.derive(12, 10);
    assert!(go_on(&mut shipper, &mut shipped).unwrap());
    drop(shipper);
    assert_eq!(home.segments("derived").len(), 1);
}
