//! The region looks like England, within tolerance.

use crate::{START, region};
use std::collections::{BTreeMap, BTreeSet};
use synth::Sex;

const PEOPLE: u64 = 4_000;

#[test]
fn ages_and_sexes_are_englands() {
    let people: Vec<_> = region(PEOPLE).everyone().collect();
    let share = |from: i64, to: i64| {
        people.iter().filter(|p| (from..to).contains(&p.age(START))).count() as f64 / people.len() as f64
    };
    // 2021 census, England.
    for (from, to, wanted) in
        [(0, 16, 0.186), (16, 35, 0.239), (35, 50, 0.195), (50, 65, 0.194), (65, 80, 0.136), (80, 120, 0.050)]
    {
        let got = share(from, to);
        assert!((got - wanted).abs() < 0.02, "{from} to {to}: {got:.3}, wanted {wanted:.3}");
    }
    let women = people.iter().filter(|p| p.sex == Sex::Female).count() as f64 / people.len() as f64;
    assert!((women - 0.51).abs() < 0.02, "{women:.3}");
}

#[test]
fn ethnic_categories_are_englands() {
    let people: Vec<_> = region(PEOPLE).everyone().collect();
    let share =
        |codes: &[&str]| people.iter().filter(|p| codes.contains(&p.ethnicity)).count() as f64 / people.len() as f64;
    for (codes, wanted, tolerance) in [
        (&["A"][..], 0.72, 0.05),
        (&["H", "J", "K", "L", "R"][..], 0.093, 0.035),
        (&["M", "N", "P"][..], 0.042, 0.025),
        (&["Z", "99"][..], 0.035, 0.012),
    ] {
        let got = share(codes);
        assert!((got - wanted).abs() < tolerance, "{codes:?}: {got:.3}, wanted {wanted:.3}");
    }
}

#[test]
fn nhs_numbers_are_valid_unique_and_kept_for_tests() {
    let numbers: Vec<String> = region(PEOPLE).everyone().map(|p| p.nhs.as_str().to_owned()).collect();
    assert_eq!(numbers.iter().collect::<BTreeSet<_>>().len(), numbers.len());
    for number in &numbers {
        assert!(number.starts_with("999"), "{number}");
        assert!(fhir::NhsNumber::parse(number).is_ok(), "{number}");
    }
}

#[test]
fn households_share_names_and_twins_exist() {
    let people: Vec<_> = region(PEOPLE).everyone().collect();
    let mut births: BTreeMap<(String, jiff::civil::Date), u32> = BTreeMap::new();
    let mut names: BTreeMap<(String, String), u32> = BTreeMap::new();
    for p in &people {
        *births.entry((p.family.clone(), p.birth)).or_default() += 1;
        *names.entry((p.family.clone(), p.given.clone())).or_default() += 1;
    }
    assert!(births.values().any(|n| *n >= 2), "no twins");
    assert!(names.values().any(|n| *n >= 2), "no two people of one name");
    assert!(people.iter().any(|p| p.family.contains('-')), "no double-barrelled name");
    assert!(people.iter().any(|p| p.family.contains('\'')), "no apostrophe");
    assert!(people.iter().any(|p| !p.given.is_ascii() || !p.family.is_ascii()), "no accent");
    assert!(people.iter().any(|p| p.death.is_some()), "nobody died");
    assert!(people.iter().any(|p| p.restricted), "nobody is restricted");
}
