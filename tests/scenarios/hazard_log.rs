//! The hazard log names its proof, and the proof exists.

use serde::Deserialize;
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Log {
    hazard: Vec<Hazard>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Hazard {
    id: String,
    title: String,
    severity: String,
    cause: String,
    effect: String,
    control: Vec<Control>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Control {
    text: String,
    state: String,
    tests: Vec<String>,
}

/// Where the repository is.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn log() -> Log {
    let text = std::fs::read_to_string(repository().join("docs/safety/hazards.toml")).unwrap();
    toml::from_str(&text).unwrap()
}

/// The names of all tests of the repository: Rust's by attribute, the browser's by their title.
pub fn tests_of_the_repository() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for folder in ["crates", "tests"] {
        collect(&repository().join(folder), &mut names);
    }
    names
}

fn collect(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "node_modules" && name != "target" {
                collect(&path, names);
            }
        } else if name.ends_with(".rs") {
            let (mut is_test, mut on_both) = (false, false);
            for line in std::fs::read_to_string(&path).unwrap().lines() {
                let line = line.trim();
                // Stories that are told on both engines are tests by their names in this list.
                on_both = (on_both || line.contains("on_both!(")) && !line.starts_with(')');
                if on_both {
                    let list = line.rsplit('(').next().unwrap_or(line).trim_end_matches(");");
                    names.extend(list.split(',').map(|name| name.trim().to_owned()));
                    on_both = !line.ends_with(");");
                } else if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                    is_test = true;
                } else if is_test && !line.starts_with('#') && !line.starts_with("//") {
                    is_test = false;
                    let line = line.trim_start_matches("async ");
                    if let Some(rest) = line.strip_prefix("fn ") {
                        names.insert(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
                    }
                }
            }
        } else if [".mjs", ".js", ".ts"].iter().any(|end| name.ends_with(end)) {
            for line in std::fs::read_to_string(&path).unwrap().lines() {
                let call = line.trim().trim_start_matches("await t.");
                if let Some(rest) = call.strip_prefix("test(").or_else(|| call.strip_prefix("it(")) {
                    let quote = rest.chars().next().unwrap_or(' ');
                    names.extend(rest.trim_start_matches(quote).split(quote).next().map(str::to_owned));
                }
            }
        }
    }
}

#[test]
fn the_hazard_log_names_tests_that_exist() {
    let tests = tests_of_the_repository();
    assert!(tests.contains("the_hazard_log_names_tests_that_exist"), "the search for tests finds this one");
    let mut missing = Vec::new();
    for hazard in log().hazard {
        for control in hazard.control {
            match control.state.as_str() {
                "in force" => {
                    assert!(
                        !control.tests.is_empty(),
                        "{}: a control in force names its tests: {}",
                        hazard.id,
                        control.text
                    );
                    missing.extend(control.tests.into_iter().filter(|test| !tests.contains(test)));
                }
                "planned" => assert!(control.tests.is_empty(), "{}: a planned control has no tests yet", hazard.id),
                other => panic!("{}: the state of a control is \"in force\" or \"planned\", not {other:?}", hazard.id),
            }
        }
    }
    assert!(missing.is_empty(), "docs/safety/hazards.toml names tests that do not exist: {missing:#?}");
}

/// The table of invariants in ARCHITECTURE.md names its tests too.
#[test]
fn every_invariant_names_tests_that_exist() {
    let tests = tests_of_the_repository();
    let text = std::fs::read_to_string(repository().join("ARCHITECTURE.md")).unwrap();
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("| **")).collect();
    assert!(rows.len() >= 8, "the table is found");
    for row in rows {
        let proof = row.trim_end_matches([' ', '|']).rsplit('|').next().unwrap();
        let named: Vec<&str> = proof.split('`').skip(1).step_by(2).filter(|name| !name.contains("::")).collect();
        assert!(!named.is_empty(), "nothing proves: {row}");
        for name in named {
            assert!(tests.contains(name), "{name} does not exist: {row}");
        }
    }
}

#[test]
fn every_hazard_is_told_once_and_whole() {
    let mut ids = BTreeSet::new();
    for hazard in log().hazard {
        for text in [&hazard.title, &hazard.cause, &hazard.effect] {
            assert!(!text.trim().is_empty(), "{} has an empty field", hazard.id);
        }
        let severities = ["minor", "significant", "considerable", "major", "catastrophic"];
        assert!(severities.contains(&hazard.severity.as_str()), "{}: {}", hazard.id, hazard.severity);
        assert!(!hazard.control.is_empty(), "{} has no control", hazard.id);
        assert!(ids.insert(hazard.id.clone()), "{} is used twice", hazard.id);
    }
    assert!(ids.len() >= 24, "a hazard has gone: {ids:?}");
}
