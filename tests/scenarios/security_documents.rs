//! The threat model and the ASVS checklist name their evidence, and the evidence exists.

use crate::hazard_log::{repository, tests_of_the_repository};
use std::collections::{BTreeMap, BTreeSet};

const THREAT_MODEL: &str = "docs/govern-it/threat-model.md";
const ASVS: &str = "docs/govern-it/asvs.md";

/// OWASP ASVS 4.0.3, levels 1 and 2: the requirements of each section.
const REQUIRED: &[(&str, &[u32])] = &[
    ("1.1", &[1, 2, 3, 4, 5, 6, 7]),
    ("1.2", &[1, 2, 3, 4]),
    ("1.4", &[1, 4, 5]),
    ("1.5", &[1, 2, 3, 4]),
    ("1.6", &[1, 2, 3, 4]),
    ("1.7", &[1, 2]),
    ("1.8", &[1, 2]),
    ("1.9", &[1, 2]),
    ("1.10", &[1]),
    ("1.11", &[1, 2]),
    ("1.12", &[2]),
    ("1.14", &[1, 2, 3, 4, 5, 6]),
    ("2.1", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
    ("2.2", &[1, 2, 3]),
    ("2.3", &[1, 2, 3]),
    ("2.4", &[1, 2, 3, 4, 5]),
    ("2.5", &[1, 2, 3, 4, 5, 6, 7]),
    ("2.6", &[1, 2, 3]),
    ("2.7", &[1, 2, 3, 4, 5, 6]),
    ("2.8", &[1, 2, 3, 4, 5, 6, 7]),
    ("2.9", &[1, 2, 3]),
    ("2.10", &[1, 2, 3, 4]),
    ("3.1", &[1]),
    ("3.2", &[1, 2, 3, 4]),
    ("3.3", &[1, 2, 3, 4]),
    ("3.4", &[1, 2, 3, 4, 5]),
    ("3.5", &[1, 2, 3]),
    ("3.7", &[1]),
    ("4.1", &[1, 2, 3, 5]),
    ("4.2", &[1, 2]),
    ("4.3", &[1, 2, 3]),
    ("5.1", &[1, 2, 3, 4, 5]),
    ("5.2", &[1, 2, 3, 4, 5, 6, 7, 8]),
    ("5.3", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
    ("5.4", &[1, 2, 3]),
    ("5.5", &[1, 2, 3, 4]),
    ("6.1", &[1, 2, 3]),
    ("6.2", &[1, 2, 3, 4, 5, 6]),
    ("6.3", &[1, 2]),
    ("6.4", &[1, 2]),
    ("7.1", &[1, 2, 3, 4]),
    ("7.2", &[1, 2]),
    ("7.3", &[1, 3, 4]),
    ("7.4", &[1, 2, 3]),
    ("8.1", &[1, 2, 3, 4]),
    ("8.2", &[1, 2, 3]),
    ("8.3", &[1, 2, 3, 4, 5, 6, 7, 8]),
    ("9.1", &[1, 2, 3]),
    ("9.2", &[1, 2, 3, 4]),
    ("10.2", &[1, 2]),
    ("10.3", &[1, 2, 3]),
    ("11.1", &[1, 2, 3, 4, 5, 6, 7, 8]),
    ("12.1", &[1, 2, 3]),
    ("12.2", &[1]),
    ("12.3", &[1, 2, 3, 4, 5, 6]),
    ("12.4", &[1, 2]),
    ("12.5", &[1, 2]),
    ("12.6", &[1]),
    ("13.1", &[1, 3, 4, 5]),
    ("13.2", &[1, 2, 3, 5, 6]),
    ("13.3", &[1, 2]),
    ("13.4", &[1, 2]),
    ("14.1", &[1, 2, 3, 4]),
    ("14.2", &[1, 2, 3, 4, 5, 6]),
    ("14.3", &[2, 3]),
    ("14.4", &[1, 2, 3, 4, 5, 6, 7]),
    ("14.5", &[1, 2, 3, 4]),
];

const STATES: [&str; 4] = ["met", "partly", "not met", "not applicable"];

fn cells(line: &str) -> Vec<String> {
    let inner = line.trim().trim_start_matches('|');
    let inner = inner.strip_suffix('|').unwrap_or(inner);
    inner.split('|').map(|cell| cell.trim().to_owned()).collect()
}

/// The rows of every table of a document that has a column of this name: where that column stands, and the cells.
fn rows(document: &str, column: &str) -> Vec<(usize, Vec<String>)> {
    let text = std::fs::read_to_string(repository().join(document)).unwrap();
    let mut found = Vec::new();
    let mut table: Option<(usize, usize)> = None;
    for line in text.lines() {
        if !line.starts_with('|') {
            table = None;
            continue;
        }
        let cells = cells(line);
        match table {
            None => table = cells.iter().position(|cell| cell == column).map(|at| (at, cells.len())),
            Some((at, width)) => {
                if cells.iter().all(|cell| !cell.is_empty() && cell.chars().all(|c| c == '-')) {
                    continue;
                }
                assert_eq!(cells.len(), width, "{document}: a row has another number of cells: {line}");
                found.push((at, cells));
            }
        }
    }
    found
}

/// What stands between backticks.
fn named(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

#[test]
fn the_threat_model_names_tests_that_exist() {
    let tests = tests_of_the_repository();
    let rows = rows(THREAT_MODEL, "proved by");
    assert!(rows.len() >= 60, "the tables are found: {} rows", rows.len());
    let mut letters = BTreeSet::new();
    for (at, cells) in &rows {
        let letter = cells[0].as_str();
        assert!(["S", "T", "R", "I", "D", "E"].contains(&letter), "no letter of STRIDE: {cells:?}");
        letters.insert(letter);
        let proof = named(&cells[*at]);
        assert!(!proof.is_empty() || cells[*at] == "—", "neither a test nor a dash: {cells:?}");
        for name in proof {
            assert!(tests.contains(name), "{THREAT_MODEL} names a test that does not exist: {name}");
        }
        let open = cells.last().unwrap();
        assert!(cells[*at] != "—" || !open.is_empty(), "unproved, and nothing said of it: {cells:?}");
    }
    assert_eq!(letters.len(), 6, "each letter is looked at: {letters:?}");
}

#[test]
fn the_asvs_checklist_is_whole_and_its_evidence_exists() {
    let tests = tests_of_the_repository();
    let mut seen = BTreeSet::new();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (at, cells) in rows(ASVS, "evidence") {
        let (number, state, missing) = (cells[0].clone(), cells[2].clone(), cells[4].as_str());
        assert!(STATES.contains(&state.as_str()), "{number}: {state}");
        for name in named(&cells[at]) {
            assert!(
                tests.contains(name) || repository().join(name).exists(),
                "{ASVS} {number} names neither a test nor a file: {name}"
            );
        }
        match state.as_str() {
            "met" => assert!(!named(&cells[at]).is_empty(), "{number} is met without evidence"),
            _ => assert!(!missing.is_empty(), "{number}: say what is missing, or why it does not apply"),
        }
        assert!(seen.insert(number.clone()), "{number} stands there twice");
        *counts.entry(state).or_default() += 1;
    }
    let required: BTreeSet<String> = REQUIRED
        .iter()
        .flat_map(|(section, numbers)| numbers.iter().map(move |number| format!("{section}.{number}")))
        .collect();
    let absent: Vec<&String> = required.difference(&seen).collect();
    assert!(absent.is_empty(), "requirements are absent: {absent:?}");
    let strange: Vec<&String> = seen.difference(&required).collect();
    assert!(strange.is_empty(), "no requirements of levels 1 and 2: {strange:?}");

    let counted = rows(ASVS, "requirements");
    let said = |name: &str| -> usize {
        let row = counted.iter().find(|(_, cells)| cells[0] == name);
        row.map(|(at, cells)| cells[*at].parse().unwrap()).unwrap_or_default()
    };
    for state in STATES {
        assert_eq!(said(state), counts.get(state).copied().unwrap_or_default(), "the count of {state}");
    }
    assert_eq!(said("all"), required.len(), "the count of all");
}
