//! The test set for judging a matcher: the files keep what `about.json` says of them.

use fhir::NhsNumber;
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs,
    path::Path,
};
use synth::{NoTestSet, PEOPLE_MAX, TestSet, WriteError};

type Row = HashMap<String, String>;

/// A folder's files, read.
struct Files {
    index: Vec<Row>,
    incoming: Vec<Row>,
    truth: Vec<Row>,
    cases: Vec<Row>,
    about: serde_json::Value,
    bytes: Vec<Vec<u8>>,
}

fn make(people: u64, incoming: u64, seed: u64) -> Files {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("set");
    let mut told = 0;
    let written = TestSet::new(people, incoming, seed).unwrap().write(&place, &mut |done| told = done).unwrap();
    assert_eq!((told, written.people, written.incoming), (people, people, incoming));
    let names = ["index.csv", "incoming.csv", "truth.csv", "cases.csv", "about.json"];
    let bytes: Vec<Vec<u8>> = names.iter().map(|name| fs::read(place.join(name)).unwrap()).collect();
    assert_eq!(written.bytes, bytes.iter().map(|file| file.len() as u64).sum::<u64>());
    let rows = |name: &str| table(&place.join(name));
    Files {
        index: rows("index.csv"),
        incoming: rows("incoming.csv"),
        truth: rows("truth.csv"),
        cases: rows("cases.csv"),
        about: serde_json::from_slice(&bytes[4]).unwrap(),
        bytes,
    }
}

/// Comma-separated values with quotes, as the files are written.
fn table(path: &Path) -> Vec<Row> {
    let text = fs::read_to_string(path).unwrap();
    let mut lines = text.lines().map(|line| {
        let (mut values, mut value, mut quoted) = (Vec::new(), String::new(), false);
        for c in line.chars() {
            match c {
                '"' => quoted = !quoted,
                ',' if !quoted => values.push(std::mem::take(&mut value)),
                c => value.push(c),
            }
        }
        values.push(value);
        values
    });
    let columns = lines.next().unwrap();
    lines
        .map(|values| {
            assert_eq!(values.len(), columns.len(), "{values:?}");
            columns.iter().cloned().zip(values).collect()
        })
        .collect()
}

fn share(rows: &[Row], of: impl Fn(&Row) -> bool) -> f64 {
    rows.iter().filter(|row| of(row)).count() as f64 / rows.len() as f64
}

fn near(what: &str, is: f64, should: f64, within: f64) {
    assert!((is - should).abs() <= within, "{what}: {is:.4}, should be {should:.4} within {within}");
}

#[test]
fn the_same_seed_and_sizes_give_the_same_bytes_and_others_do_not() {
    let one = make(3_000, 500, 7);
    assert!(one.bytes == make(3_000, 500, 7).bytes);
    assert!(one.bytes[0] != make(3_000, 500, 8).bytes[0]);
}

#[test]
fn the_truth_names_each_row_once_and_only_rows_that_are_there() {
    let files = make(20_000, 4_000, 1);
    let ids = |rows: &[Row]| -> HashSet<String> { rows.iter().map(|row| row["id"].clone()).collect() };
    let (index, incoming) = (ids(&files.index), ids(&files.incoming));
    assert_eq!((index.len(), incoming.len()), (20_000, 4_000));
    let mut seen = HashSet::new();
    for row in &files.truth {
        assert!(index.contains(&row["id_index"]) && incoming.contains(&row["id_incoming"]), "{row:?}");
        assert!(seen.insert(&row["id_index"]) && seen.insert(&row["id_incoming"]), "{row:?} twice");
    }
    assert_eq!(files.about["matches"], files.truth.len());
    // Cases say of every incoming record what it is, and new people have no row in the truth.
    assert_eq!(files.cases.len(), files.incoming.len());
    let matched: HashSet<&String> = files.truth.iter().map(|row| &row["id_incoming"]).collect();
    const NEW: [&str; 7] = [
        "newcomer",
        "new_household_member",
        "unseen_twin",
        "unseen_namesake_in_household",
        "namesake_same_postcode",
        "namesake_same_birth_date",
        "same_birth_date_and_postcode",
    ];
    for case in &files.cases {
        assert_eq!(matched.contains(&case["id_incoming"]), !NEW.contains(&case["case"].as_str()), "{case:?}");
    }
}

#[test]
fn a_matched_pair_is_recognisably_one_person() {
    let files = make(20_000, 4_000, 1);
    let by_id: HashMap<&str, &Row> =
        files.index.iter().chain(&files.incoming).map(|row| (row["id"].as_str(), row)).collect();
    let agreeing = |field: &str| {
        let both: Vec<_> = files
            .truth
            .iter()
            .map(|row| {
                (
                    by_id[row["id_index"].as_str()][field].to_uppercase(),
                    by_id[row["id_incoming"].as_str()][field].to_uppercase(),
                )
            })
            .filter(|(a, b)| !a.is_empty() && !b.is_empty())
            .collect();
        both.iter().filter(|(a, b)| a == b).count() as f64 / both.len() as f64
    };
    near("birth date agrees", agreeing("birth_date"), 0.955, 0.03);
    near("family name agrees", agreeing("family_name"), 0.85, 0.05);
    near("forename agrees", agreeing("given_name"), 0.80, 0.05);
    near("sex agrees", agreeing("sex"), 0.985, 0.01);
}

#[test]
fn shares_are_what_about_json_says_and_what_was_asked() {
    let files = make(60_000, 12_000, 3);
    for (case, said) in files.about["cases"].as_object().unwrap() {
        let is = share(&files.cases, |row| row["case"] == *case);
        near(case, is, said.as_f64().unwrap(), 0.000_01);
    }
    for (case, asked) in files.about["asked_new"].as_object().unwrap() {
        let is = share(&files.cases, |row| row["case"] == *case);
        near(case, is, asked.as_f64().unwrap(), 0.003);
    }
    for (source, asked) in files.about["asked_sources"].as_object().unwrap() {
        near(source, share(&files.cases, |row| row["source"] == *source), asked.as_f64().unwrap(), 0.02);
    }
    for (column, said) in files.about["incoming_missing"].as_object().unwrap() {
        near(column, share(&files.incoming, |row| row[column].is_empty()), said.as_f64().unwrap(), 0.000_01);
    }
    for (fault, said) in files.about["corruptions"].as_object().unwrap() {
        let is = share(&files.cases, |row| row["corruptions"].split(' ').any(|one| one == fault));
        near(fault, is, said.as_f64().unwrap(), 0.000_01);
    }
    near("no NHS number", share(&files.incoming, |row| row["nhs_number"].is_empty()), 0.35, 0.02);
    near("no errors", share(&files.cases, |row| row["corruptions"].is_empty()), 0.57, 0.04);
    assert!(files.cases.iter().all(|row| row["corruptions"].split(' ').count() <= 4));
}

#[test]
fn people_are_as_in_the_census() {
    let files = make(120_000, 100, 5);
    let age = |row: &Row| 2026 - row["birth_date"].get(..4).and_then(|year| year.parse::<i32>().ok()).unwrap_or(0);
    // England 2021 by ten years of age.
    let census = [0.114, 0.118, 0.126, 0.137, 0.127, 0.136, 0.107, 0.086, 0.041, 0.009];
    for (decade, should) in (0_i32..).zip(census) {
        near(&format!("age {decade}0"), share(&files.index, |row| age(row) / 10 == decade), should, 0.015);
    }
    near("women", share(&files.index, |row| row["sex"] == "female"), 0.51, 0.012);
    near("White British", files.about["index_ethnicity"]["A"].as_f64().unwrap(), 0.735, 0.06);
    let mut families: BTreeMap<&str, u32> = BTreeMap::new();
    for row in &files.index {
        *families.entry(&row["family_name"]).or_default() += 1;
    }
    near("Smith", f64::from(families["Smith"]) / 120_000.0, 0.0105, 0.002);
    assert!(families.len() > 8_000, "a long tail: {}", families.len());
    let postcodes: HashSet<&str> = files.index.iter().map(|row| row["postcode"].as_str()).collect();
    near("people a postcode", 120_000.0 / postcodes.len() as f64, 33.0, 4.0);
}

/// Beside 1 January, which stands where the day was not known, no day is everybody's.
#[test]
fn birthdays_are_spread_over_the_days() {
    let files = make(60_000, 2_000, 3);
    let mut days: HashMap<&str, usize> = HashMap::new();
    for row in files.index.iter().filter(|row| row["birth_date"].get(4..) != Some("-01-01")) {
        *days.entry(row["birth_date"].as_str()).or_default() += 1;
    }
    days.remove("");
    let most = days.iter().max_by_key(|(_, count)| **count).unwrap();
    assert!(*most.1 < 15, "{most:?} of 60,000");
}

#[test]
fn nhs_numbers_are_valid_and_nobody_elses_but_where_it_is_said() {
    let files = make(60_000, 12_000, 2);
    let broken = |row: &Row, list: &str| row[list].contains("nhs_number");
    let said: HashMap<&str, &Row> = files.cases.iter().map(|row| (row["id_incoming"].as_str(), row)).collect();
    let truth: HashMap<&str, &str> =
        files.truth.iter().map(|row| (row["id_index"].as_str(), row["id_incoming"].as_str())).collect();
    let mut invalid = 0;
    let mut holders: HashMap<String, Vec<&str>> = HashMap::new();
    for row in files.index.iter().filter(|row| !row["nhs_number"].is_empty()) {
        match NhsNumber::parse(&row["nhs_number"]) {
            Ok(number) => holders.entry(number.to_string()).or_default().push(&row["id"]),
            Err(_) => invalid += 1,
        }
    }
    let twice = holders.values().filter(|holders| holders.len() > 1).count();
    // Of some mistyped ones the check digit is right by chance.
    for (number, holders) in holders.iter().filter(|(number, _)| !number.starts_with("999")) {
        let case = truth.get(holders[0]).and_then(|incoming| said.get(incoming));
        assert!(case.is_none_or(|case| broken(case, "index_corruptions")), "{number} {case:?}");
    }
    let elsewhere = holders.keys().filter(|number| !number.starts_with("999")).count();
    assert!(elsewhere < 20, "{elsewhere} numbers of no test range");
    assert!((1..200).contains(&invalid) && twice < 60, "{invalid} mistyped, {twice} held by two");
    for row in files.incoming.iter().filter(|row| !row["nhs_number"].is_empty()) {
        let case = said[row["id"].as_str()];
        let whole = NhsNumber::parse(&row["nhs_number"]);
        assert_eq!(whole.is_err(), case["corruptions"].split(' ').any(|one| one == "nhs_number_typing"), "{case:?}");
        // A number that is right and nobody's error is the person's own: the index's row with it is the same person.
        let Some(holders) = whole.ok().and_then(|number| holders.get(&number.to_string())) else { continue };
        if !broken(case, "corruptions") && holders.len() == 1 {
            assert_eq!(truth.get(holders[0]).copied(), Some(row["id"].as_str()), "{case:?}");
        }
    }
}

#[test]
fn hard_cases_are_what_their_names_say() {
    let files = make(60_000, 12_000, 4);
    let rows: HashMap<&str, &Row> = files.incoming.iter().map(|row| (row["id"].as_str(), row)).collect();
    let clean = |kind: &str| {
        let of_kind = files.cases.iter().filter(|case| case["case"] == kind && case["corruptions"].is_empty());
        of_kind.map(|case| rows[case["id_incoming"].as_str()]).collect::<Vec<_>>()
    };
    let spaced = |row: &Row| row["postcode"].replace(' ', "");
    let mut at: HashMap<String, Vec<&Row>> = HashMap::new();
    for row in &files.index {
        at.entry(spaced(row)).or_default().push(row);
    }
    let beside = |row: &Row, test: &dyn Fn(&Row) -> bool| {
        at.get(&spaced(row)).is_some_and(|near| near.iter().any(|other| test(other)))
    };
    let of = |kind: &str, test: &dyn Fn(&Row, &Row) -> bool| {
        let rows: Vec<_> = clean(kind)
            .into_iter()
            .filter(|row| !row["postcode"].is_empty() && !row["birth_date"].is_empty())
            .collect();
        assert!(rows.len() > 15, "{kind}: {}", rows.len());
        rows.iter().filter(|row| beside(row, &|other| test(row, other))).count() as f64 / rows.len() as f64
    };
    let same = |a: &Row, b: &Row, field: &str| a[field].eq_ignore_ascii_case(&b[field]);
    let twins = of("unseen_twin", &|a, b| same(a, b, "birth_date") && !same(a, b, "given_name"));
    near("twins have a twin in the index", twins, 0.96, 0.05);
    let namesakes = of("namesake_same_postcode", &|a, b| {
        same(a, b, "given_name") && same(a, b, "family_name") && !same(a, b, "birth_date")
    });
    near("namesakes share name and postcode", namesakes, 0.85, 0.15);
    let births = of("same_birth_date_and_postcode", &|a, b| same(a, b, "birth_date") && !same(a, b, "given_name"));
    near("birth date and postcode are shared", births, 0.96, 0.05);
    let members = of("new_household_member", &|a, b| same(a, b, "family_name") && !same(a, b, "given_name"));
    near("new members share the family name", members, 0.80, 0.15);
}

#[test]
fn namesakes_of_one_birthday_are_met_as_often_as_their_names_in_each_community() {
    let files = make(200_000, 50_000, 6);
    // Names that are told in full, by decade; nobody's own community but the index's, where it says it.
    let named = |row: &Row| {
        let decade = row["birth_date"].get(..3)?;
        Some(format!("{} {} {decade}", row["given_name"], row["family_name"]).to_uppercase())
    };
    let mut bearers: HashMap<String, u32> = HashMap::new();
    let mut births: HashSet<String> = HashSet::new();
    for row in &files.index {
        births.insert(format!("{} {}", named(row).unwrap_or_default(), row["birth_date"]));
        *bearers.entry(named(row).unwrap_or_default()).or_default() += 1;
    }
    let others = |row: &Row| named(row).and_then(|name| bearers.get(&name)).map_or(0, |count| count - 1);
    let british = |rows: &mut dyn Iterator<Item = (bool, u32)>| {
        let (of, all) = rows.fold((0, 0), |(of, all), (british, count)| (of + u32::from(british) * count, all + count));
        f64::from(of) / f64::from(all)
    };
    let mut index = files.index.iter().filter(|row| !row["ethnicity"].is_empty());
    let expected = british(&mut index.by_ref().map(|row| (row["ethnicity"].starts_with('A'), others(row))));
    let rows: HashMap<&str, &Row> = files.incoming.iter().map(|row| (row["id"].as_str(), row)).collect();
    let cases: Vec<_> = files.cases.iter().filter(|case| case["case"] == "namesake_same_birth_date").collect();
    assert_eq!(cases.len(), 200);
    let is = british(&mut cases.iter().map(|case| (case["ethnicity"].starts_with('A'), 1)));
    near("White British among namesakes", is, expected, 0.1);
    let clean: Vec<_> = cases
        .iter()
        .filter(|case| case["corruptions"].is_empty())
        .map(|case| rows[case["id_incoming"].as_str()])
        .collect();
    let there = |row: &&&Row| births.contains(&format!("{} {}", named(row).unwrap_or_default(), row["birth_date"]));
    let share = |count: usize| count as f64 / clean.len() as f64;
    near("whom they are like is in the index", share(clean.iter().filter(there).count()), 0.9, 0.1);
    near("and is not alone", share(clean.iter().filter(|row| others(row) >= 1).count()), 0.9, 0.1);
}

#[test]
fn what_cannot_be_made_is_refused() {
    assert_eq!(TestSet::new(0, 1, 1), Err(NoTestSet::People));
    assert_eq!(TestSet::new(PEOPLE_MAX + 1, 1, 1), Err(NoTestSet::People));
    assert_eq!(TestSet::new(10, 0, 1), Err(NoTestSet::Incoming));
    assert_eq!(TestSet::new(10, 11, 1), Err(NoTestSet::Incoming));
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("kept"), "").unwrap();
    let refused = TestSet::new(10, 1, 1).unwrap().write(folder.path(), &mut |_| {});
    assert!(matches!(refused, Err(WriteError::NotEmpty(_))));
    let refused = TestSet::new(10, 1, 1).unwrap().write(&folder.path().join("kept/in"), &mut |_| {});
    assert!(matches!(refused, Err(WriteError::Io { .. })));
}

#[test]
fn the_smallest_sets_are_whole() {
    for (people, incoming) in [(1, 1), (2, 2), (20, 20), (300, 300)] {
        let files = make(people, incoming, 9);
        assert_eq!((files.index.len() as u64, files.incoming.len() as u64), (people, incoming));
        assert!(!files.truth.is_empty());
    }
}
