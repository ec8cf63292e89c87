//! `docs/run-it/configuration.md` says what the program reads: its keys, defaults and choices are asked of the program itself,
//! and its examples, put together, are a file that it takes.

use super::Config;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};
use toml::{Table, Value};

const PAGE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/run-it/configuration.md"));
/// Nobody's key, and nobody's choice.
const PROBE: &str = "zzz-probe";

/// How a table stands in its key.
#[derive(Clone, Copy, PartialEq)]
enum Shape {
    /// `[key]`
    Table,
    /// `[[key]]`
    Array,
    /// A table of such tables, under names of the region's own.
    Map,
}

type Place = Vec<(String, Shape)>;

/// As its heading has it.
fn heading(place: &Place) -> String {
    let names: Vec<&str> = place.iter().map(|(name, _)| name.as_str()).collect();
    match place.last() {
        Some((_, Shape::Array)) => format!("[[{}]]", names.join(".")),
        _ => format!("[{}]", names.join(".")),
    }
}

/// A file with nothing but this key at this place.
fn text(place: &Place, key: &str, value: &str) -> String {
    let inner = format!("{{ {key} = {value} }}");
    let whole = place.iter().rev().fold(inner, |inner, (name, shape)| match shape {
        Shape::Table => format!("{{ {name} = {inner} }}"),
        Shape::Array => format!("{{ {name} = [{inner}] }}"),
        Shape::Map => format!("{{ {name} = {{ any = {inner} }} }}"),
    });
    // What is outermost is the file itself.
    whole.strip_prefix("{ ").and_then(|rest| rest.strip_suffix(" }")).expect("braces").to_owned()
}

/// What the program says it expects in place of the probe.
fn expected(text: &str, unknown: &str) -> Option<BTreeSet<String>> {
    let error = toml::from_str::<Config>(text).err()?;
    let said = error.message().strip_prefix(&format!("unknown {unknown} `{PROBE}`, expected "))?.to_owned();
    Some(said.split('`').skip(1).step_by(2).map(ToOwned::to_owned).collect())
}

/// The keys of the table at this place; none where there is no table.
fn keys(place: &Place) -> Option<BTreeSet<String>> {
    expected(&text(place, PROBE, "1"), "field")
}

/// Every table that the program reads, and its keys. Those of sources have their own page, and their own test.
fn tables(place: Place, found: &mut BTreeMap<String, (Place, BTreeSet<String>)>) {
    let Some(known) = keys(&place) else { return };
    for key in &known {
        for shape in [Shape::Table, Shape::Array, Shape::Map] {
            let mut inner = place.clone();
            inner.push((key.clone(), shape));
            if key == "source" && place.is_empty() {
                continue;
            }
            tables(inner, found);
        }
    }
    found.insert(heading(&place), (place, known));
}

/// A row of the page.
struct Row {
    kind: &'static str,
    default: &'static str,
    meaning: &'static str,
}

/// The tables of the page.
fn page() -> BTreeMap<&'static str, BTreeMap<&'static str, Row>> {
    let mut found: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
    let mut section = None;
    for line in PAGE.lines() {
        if let Some(heading) = line.strip_prefix('#').map(|rest| rest.trim_start_matches('#').trim()) {
            section = heading.strip_prefix('`').and_then(|rest| rest.strip_suffix('`'));
            if let Some(section) = section {
                found.entry(section).or_default();
            }
        } else if let (Some(section), Some(row)) = (section, line.strip_prefix("| `")) {
            let cells: Vec<&str> = row.trim_end_matches('|').split(" | ").map(str::trim).collect();
            let [key, kind, default, meaning] = cells[..] else { panic!("four cells: {line}") };
            let twice =
                found.entry(section).or_default().insert(key.trim_end_matches('`'), Row { kind, default, meaning });
            assert!(twice.is_none(), "{section} has {key} twice");
        }
    }
    found
}

/// Its examples, put together.
fn example() -> String {
    let blocks = PAGE.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.collect::<Vec<_>>().join("\n")
}

/// Every table at this place, and beneath what is found in arrays and maps.
fn at<'t>(table: &'t mut Table, place: &[(String, Shape)]) -> Vec<&'t mut Table> {
    let Some(((name, shape), rest)) = place.split_first() else { return vec![table] };
    let tables: Vec<&mut Table> = match (table.get_mut(name), shape) {
        (Some(Value::Table(inner)), Shape::Table) => vec![inner],
        (Some(Value::Array(inner)), Shape::Array) => inner.iter_mut().filter_map(Value::as_table_mut).collect(),
        (Some(Value::Table(inner)), Shape::Map) => inner.iter_mut().filter_map(|(_, one)| one.as_table_mut()).collect(),
        _ => Vec::new(),
    };
    tables.into_iter().flat_map(|table| at(table, rest)).collect()
}

/// What the program reads of the example when each such table has this key so, or not at all.
fn read_with(place: &Place, key: &str, value: Option<&Value>) -> Result<String, String> {
    let mut whole: Table = example().parse().expect("TOML");
    for table in at(&mut whole, place) {
        match value {
            Some(value) => drop(table.insert(key.to_owned(), value.clone())),
            None => drop(table.remove(key)),
        }
    }
    Value::Table(whole).try_into::<Config>().map(|config| format!("{config:?}")).map_err(|error| error.to_string())
}

#[test]
fn the_page_names_every_key_and_no_other() {
    let mut read = BTreeMap::new();
    tables(Vec::new(), &mut read);
    let (_, top) = read.remove("[]").expect("the file itself");
    assert!(read.len() > 20, "tables are found: {:?}", read.keys());
    let page = page();
    let named: BTreeSet<String> = page
        .keys()
        .map(|heading| heading.trim_matches(['[', ']']).to_owned())
        .filter(|name| !name.contains('.'))
        .collect();
    assert_eq!(named, top, "tables of the file");
    for (heading, rows) in &page {
        assert!(read.contains_key(*heading) || rows.is_empty(), "{heading} is on the page, and the program reads none");
    }
    for (heading, (_, keys)) in &read {
        let rows = page.get(heading.as_str()).unwrap_or_else(|| panic!("{heading} is not on the page"));
        let named: BTreeSet<String> = rows.keys().map(ToString::to_string).collect();
        assert_eq!(named, *keys, "keys of {heading}: on the page, and in the program");
    }
}

#[test]
fn the_defaults_and_choices_of_the_page_are_the_programs() {
    let mut read = BTreeMap::new();
    tables(Vec::new(), &mut read);
    let page = page();
    let (mut defaults, mut choices, mut needed) = (0, 0, 0);
    for (heading, (place, keys)) in read.iter().filter(|(_, (place, _))| !place.is_empty()) {
        for key in keys {
            let row = &page[heading.as_str()][key.as_str()];
            let without = read_with(place, key, None);
            match row.default {
                "needed" => {
                    let said = without.expect_err("it is needed");
                    assert!(said.contains(&format!("missing field `{key}`")), "{heading} {key}: {said}");
                    needed += 1;
                }
                none if none.starts_with("none") => assert!(without.is_ok(), "{heading} {key}: {without:?}"),
                literal => {
                    let literal = literal.strip_prefix('`').and_then(|rest| rest.strip_suffix('`')).expect(literal);
                    let value: Table = format!("x = {literal}").parse().expect(literal);
                    assert_eq!(without, read_with(place, key, value.get("x")), "{heading} {key}: {literal}");
                    defaults += 1;
                }
            }
            if let Some(words) = expected(&text(place, key, &format!("\"{PROBE}\"")), "variant") {
                let said = row.kind.split('`').skip(1).step_by(2).map(|word| word.trim_matches('"').to_owned());
                assert_eq!(said.collect::<BTreeSet<_>>(), words, "choices of {heading} {key}");
                choices += 1;
            }
        }
    }
    assert!(defaults > 30 && choices > 8 && needed > 40, "{defaults} defaults, {choices} choices, {needed} needed");
}

#[test]
fn the_examples_of_the_page_are_a_file_with_every_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/examples/sources/riverside.toml");
    std::fs::create_dir(folder.path().join("sources")).expect("a folder");
    std::fs::copy(source, folder.path().join("sources/riverside.toml")).expect("copied");
    let file = folder.path().join("skein.toml");
    std::fs::write(&file, example()).expect("written");
    let config = Config::read(&file).expect("the program takes it");
    assert_eq!(config.sources.len(), 2);

    let mut read = BTreeMap::new();
    tables(Vec::new(), &mut read);
    let page = page();
    for (heading, (place, keys)) in read.iter().filter(|(_, (place, _))| !place.is_empty()) {
        let mut whole: Table = example().parse().expect("TOML");
        let tables = at(&mut whole, place);
        for key in keys {
            let refused = page[heading.as_str()][key.as_str()].meaning.starts_with("not here");
            assert!(refused || tables.iter().any(|table| table.contains_key(key)), "{heading} {key} has no example");
        }
    }
}
