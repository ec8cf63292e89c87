//! Learning without labels, and what explanations say.

mod common;

use common::{at, crowd_member, index_of, nhs, person, phone};
use fhir::PatientKey;
use identity::{Index, Matcher, Model, PatientFacts, Question, Training, train};

fn twice() -> Index {
    let again: Vec<PatientFacts> = (0..600)
        .map(|number| {
            let mut facts = crowd_member(number);
            if number % 5 == 0 {
                facts.addresses.clear();
            }
            if number % 7 == 0
                && let Some(family) = facts.families.first_mut()
            {
                family.push('e');
            }
            facts
        })
        .collect();
    index_of(1500, &again)
}

fn learn(index: &Index, seed: u64) -> Model {
    let sample: Vec<(Question, Option<PatientKey>)> = (0..index.rows())
        .filter_map(|row| Some((index.question_of_row(row)?, index.who(row).map(|(patient, _)| patient))))
        .collect();
    let training = Training {
        sample: &sample,
        at_most_one: false,
        random_pairs: 20_000,
        seed,
        learnt_from: "a test".into(),
        progress: None,
    };
    train(index, &Model::builtin(), &training)
}

#[test]
fn the_same_data_and_seed_give_the_same_model() {
    let index = twice();
    let model = learn(&index, 7);
    assert_eq!(model.to_json(), learn(&index, 7).to_json());
    assert_eq!(Model::from_json(&model.to_json()).unwrap(), model);
}

#[test]
fn what_is_learnt_is_what_happens() {
    let model = learn(&twice(), 7);
    let level = |comparison: usize, level: usize| model.comparisons[comparison].levels[level].m;
    // One family name in seven got a letter more; forenames stayed as they were.
    let slips = level(7, 3) + level(7, 4);
    assert!((0.05..0.25).contains(&slips), "{slips}");
    assert!(level(0, 0) > 0.95);
    // 1,200 of 2,100 have one other record.
    assert!((0.45..0.65).contains(&model.prior.known), "{}", model.prior.known);
}

#[test]
fn golden_explanations() {
    let (index, model) = (index_of(3000, &[]), Model::builtin());
    let matcher = Matcher::new(&index, &model);
    let ann = nhs(at(person("Ann", "Smith1", "1950-03-12", "female"), "12 Mill Lane", "OL9 6AA"), 9_990_000_018, false);
    let annie = at(person("Annie", "Smith1", "1950-12-03", "female"), "12 Mill Lane", "OL9 6AA");
    insta::assert_snapshot!("nickname_and_swapped_date", text(&matcher, &ann, &annie));
    let twin = at(person("Beth", "Smith1", "1950-03-12", "female"), "12 Mill Lane", "OL9 6AA");
    insta::assert_snapshot!("twins", text(&matcher, &ann, &twin));
}

fn text(matcher: &Matcher<'_>, a: &PatientFacts, b: &PatientFacts) -> String {
    serde_json::to_string_pretty(&matcher.explain_facts(a, b)).unwrap_or_default()
}

#[test]
fn a_telephone_a_digit_apart_is_not_the_telephone() {
    let (index, model) = (index_of(300, &[]), Model::builtin());
    let matcher = Matcher::new(&index, &model);
    let one = phone(at(person("Ann", "Smith1", "1950-03-12", "female"), "12 Mill Lane", "OL9 6AA"), "0161 496 0123");
    let other = phone(at(person("Ann", "Smith1", "1950-03-12", "female"), "80 Elm Road", "M1 1AE"), "0161 496 0124");
    let weight = |other: &PatientFacts| {
        let explanation = matcher.explain_facts(&one, other);
        let line = explanation.lines.iter().find(|line| line.comparison == "telephone").unwrap();
        line.weight + line.frequency
    };
    let mut same = other.clone();
    same.phones.clone_from(&one.phones);
    let (apart, same) = (weight(&other), weight(&same));
    assert!((0.0..6.0).contains(&apart) && same > apart + 2.0, "{apart} {same}");
}

#[test]
fn a_household_is_told_by_its_parts() {
    let (index, model) = (index_of(3000, &[]), Model::builtin());
    let matcher = Matcher::new(&index, &model);
    let ann = phone(at(person("Ann", "Smith1", "1950-03-12", "female"), "12 Mill Lane", "OL9 6AA"), "0161 496 0123");
    let spouse = PatientFacts {
        givens: vec!["Frederick".into()],
        birth: "1948-11-30".parse().ok(),
        gender: Some("male".into()),
        ..ann.clone()
    };
    let explanation = matcher.explain_facts(&ann, &spouse);
    for part in ["family-name", "postcode", "street", "telephone"] {
        let line = explanation.lines.iter().find(|line| line.comparison == part).unwrap();
        let (given, left) = (line.weight + line.frequency, line.weight + line.frequency + line.shared);
        assert!(given > 4.0 && left.abs() < 2.0, "what a household shares is taken off again: {part} {given} {left}");
    }
    let last = explanation.lines.last().unwrap();
    assert_eq!((last.comparison.as_str(), last.level.as_str()), ("who-else", "one-household"));
}

#[test]
fn a_waterfall_adds_up() {
    let (index, model) = (index_of(500, &[]), Model::builtin());
    let matcher = Matcher::new(&index, &model);
    for number in 0..100 {
        let (a, b) = (crowd_member(number), crowd_member(number / 3));
        let (scored, _) = matcher.compare_facts(&a, &b);
        let explanation = matcher.explain_facts(&a, &b);
        let odds = (scored.weighed.factor * matcher.scorer().prior_odds()).log2();
        assert!((explanation.bits - odds).abs() < 0.2, "{} {odds}", explanation.bits);
    }
    // Two forenames for which there is a reason, an area in common, and a woman's other family name.
    let home = |given: &str, family: &str, line: &str, postcode: &str| {
        at(person(given, family, "1980-05-15", "female"), line, postcode)
    };
    for (a, b) in [
        (home("Ka Ho", "Lam", "12 Mill Lane", "OL9 6AA"), home("Matthew", "Lam", "12 Mill Lane", "OL9 6AA")),
        (home("Syeda", "Mahmood", "12 Mill Lane", "OL9 6AA"), home("Nadia", "Mahmood", "7 Elm Road", "OL9 2ZZ")),
        (home("Ann", "Ravensley", "12 Mill Lane", "OL9 6AA"), home("Ann", "Swinworth", "7 Elm Road", "OL9 2ZZ")),
    ] {
        let (scored, _) = matcher.compare_facts(&a, &b);
        let bits = matcher.explain_facts(&a, &b).bits;
        let odds = (scored.weighed.factor * matcher.scorer().prior_odds()).log2();
        assert!((bits - odds).abs() < 0.2, "{bits} {odds}");
    }
}

#[test]
fn whereabouts_of_a_restricted_person_are_in_no_explanation() {
    let (index, model) = (index_of(500, &[]), Model::builtin());
    let matcher = Matcher::new(&index, &model);
    let mut hidden = at(person("Ann", "Smith1", "1950-03-12", "female"), "12 Mill Lane", "OL9 6AA");
    hidden.phones = vec!["0161 496 0123".into()];
    hidden.practice = Some("P12345".into());
    hidden.restricted = true;
    let same = PatientFacts { restricted: false, ..hidden.clone() };
    let mut elsewhere = at(person("Ann", "Smith1", "1950-03-12", "female"), "99 Elm Road", "M1 1AE");
    elsewhere.practice = Some("P54321".into());
    let there = matcher.explain_facts(&hidden, &same);
    let here = matcher.explain_facts(&hidden, &elsewhere);
    assert_eq!(there, here, "it makes no difference where they live");
    assert!(there.withheld);
    let text = serde_json::to_string(&there).unwrap();
    for word in ["postcode", "street", "place", "telephone", "practice"] {
        assert!(!text.contains(word), "{word}");
    }
}
