use crate::util::*;
use record::{
    ParsedItem,
    sections::{
        cumulative::{Ask, corrections, cumulative, ranges, sources},
        results::course,
    },
};
use serde_json::{Value, json};

fn test(own: &str, loinc: &str, name: &str, value: Value, unit: &str, day: &str) -> Value {
    json!({
        "resourceType": "Observation", "id": own, "status": "final", "effectiveDateTime": day,
        "category": [{"coding": [{"code": "laboratory"}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": loinc, "display": name}]},
        "valueQuantity": {"value": value, "unit": unit}
    })
}

fn haemoglobin(own: &str, value: Value, unit: &str, day: &str) -> Value {
    test(own, "718-7", "Haemoglobin", value, unit, day)
}

fn ranged(mut resource: Value, low: Value, high: Value) -> Value {
    resource["referenceRange"] = json!([{"low": {"value": low}, "high": {"value": high}}]);
    resource
}

fn two_laboratories() -> Vec<ParsedItem> {
    vec![
        item(&hospital(), ranged(haemoglobin("a", json!(128), "g/L", "2026-06-03T10:00:00Z"), json!(120), json!(155))),
        item(
            &practice(),
            ranged(haemoglobin("b", json!(13.2), "g/dL", "2026-05-02T10:00:00Z"), json!(11.5), json!(16)),
        ),
        item(&practice(), ranged(haemoglobin("c", json!(9.8), "g/dL", "2026-05-02T16:00:00Z"), json!(11.5), json!(16))),
        item(&practice(), test("d", "2823-3", "Potassium", json!(4.1), "mmol/L", "2026-05-02T10:00:00Z")),
    ]
}

#[test]
fn a_converted_value_stands_in_its_rows_unit_and_says_from_what() {
    let table = cumulative(&two_laboratories(), 0, 10);
    assert_eq!(table.days.iter().map(ToString::to_string).collect::<Vec<_>>(), ["2026-06-03", "2026-05-02"]);
    let row = &table.groups[0].rows[0];
    assert_eq!((row.title.as_str(), row.unit.as_str()), ("Haemoglobin", "g/L"));
    assert_eq!((row.cells[0][0].value.as_str(), &row.cells[0][0].converted_from), ("128", &None));
    let second: Vec<(&str, Option<&str>)> =
        row.cells[1].iter().map(|cell| (cell.value.as_str(), cell.converted_from.as_deref())).collect();
    assert_eq!(second, [("98", Some("9.8 g/dL")), ("132", Some("13.2 g/dL"))], "two of one day, the later first");
    assert_eq!(row.cells[1][0].time.as_deref(), Some("17:00"));
    assert_eq!(row.cells[1][0].flag.as_ref().map(|flag| flag.text.as_str()), Some("Below range"), "by its own range");
    let ranges: Vec<(&str, &str)> =
        row.ranges.iter().map(|range| (range.sources[0].as_str(), range.text.as_str())).collect();
    assert_eq!(ranges, [("Riverside General", "120 to 155"), ("Mill Lane Surgery", "11.5 to 16 g/dL")]);
}

#[test]
fn units_that_cannot_be_converted_have_rows_of_their_own() {
    let items = [
        item(&hospital(), test("a", "4548-4", "HbA1c", json!(48), "mmol/mol", "2026-06-03")),
        item(&practice(), test("b", "4548-4", "HbA1c", json!(6.5), "%", "2020-06-03")),
        item(&practice(), test("c", "4548-4", "HbA1c", json!(6.9), "%", "2019-06-03")),
    ];
    let table = cumulative(&items, 0, 10);
    let rows: Vec<(&str, usize)> =
        table.groups[0].rows.iter().map(|row| (row.unit.as_str(), row.cells.iter().map(Vec::len).sum())).collect();
    assert_eq!(rows, [("%", 2), ("mmol/mol", 1)]);
}

#[test]
fn a_blood_pressure_in_other_units_is_never_read_in_the_rows() {
    let pressure = |own: &str, unit: &str, high: f64, low: f64, day: &str| {
        json!({"resourceType": "Observation", "id": own, "status": "final", "effectiveDateTime": day,
        "code": {"coding": [{"system": "http://loinc.org", "code": "85354-9", "display": "Blood pressure"}]},
        "component": [
            {"code": {"coding": [{"code": "8480-6"}]}, "valueQuantity": {"value": high, "unit": unit}},
            {"code": {"coding": [{"code": "8462-4"}]}, "valueQuantity": {"value": low, "unit": unit}}
        ]})
    };
    let items = [
        item(&hospital(), pressure("a", "mm[Hg]", 128.0, 76.0, "2026-06-03")),
        item(&hospital(), pressure("b", "kPa", 17.1, 10.1, "2026-06-02")),
    ];
    let units: Vec<String> = cumulative(&items, 0, 10).groups[0].rows.iter().map(|row| row.unit.clone()).collect();
    assert_eq!(units, ["kPa", "mmHg"]);
}

#[test]
fn every_value_is_in_some_page_of_the_table_once() {
    let items: Vec<ParsedItem> = (1..=23)
        .map(|day| {
            item(&hospital(), haemoglobin(&format!("o{day}"), json!(120 + day), "g/L", &format!("2026-05-{day:02}")))
        })
        .collect();
    let mut seen = Vec::new();
    for from in [0, 10, 20] {
        let table = cumulative(&items, from, 10);
        assert_eq!(table.days_total, 23);
        for cell in table.groups.iter().flat_map(|group| &group.rows).flat_map(|row| &row.cells).flatten() {
            seen.push(cell.origin.id);
        }
    }
    let mut all: Vec<_> = items.iter().map(|item| item.id).collect();
    all.sort();
    seen.sort();
    assert_eq!(seen, all);
}

#[test]
fn a_filter_says_how_much_it_leaves_out_and_keeps_a_tests_normal_values_beside_the_abnormal() {
    let day = |text: &str| Some(text.parse().expect("a date"));
    let left = |ask: Ask| {
        let mut items = two_laboratories();
        let (all, shown) = ask.apply(&mut items);
        assert_eq!((all, shown), (4, items.len()));
        let mut names: Vec<String> =
            items.iter().map(|item| item.resource.at("/valueQuantity/value").unwrap().to_string()).collect();
        names.sort();
        names
    };
    assert_eq!(left(Ask::default()), ["128", "13.2", "4.1", "9.8"]);
    assert_eq!(left(Ask { words: "POTASS".into(), ..Ask::default() }), ["4.1"]);
    assert_eq!(left(Ask { abnormal: true, ..Ask::default() }), ["128", "13.2", "9.8"]);
    assert_eq!(left(Ask { source: Some("riverside".into()), ..Ask::default() }), ["128"]);
    assert_eq!(left(Ask { since: day("2026-06-03"), ..Ask::default() }), ["128"]);
    assert_eq!(left(Ask { until: day("2026-05-02"), ..Ask::default() }), ["13.2", "4.1", "9.8"]);
    assert_eq!(sources(&two_laboratories()).len(), 2);
}

#[test]
fn the_name_of_a_panel_finds_its_tests() {
    let mut items = two_laboratories();
    let potassium = format!("Observation/{}", items[3].id);
    items.push(item(
        &practice(),
        json!({"resourceType": "DiagnosticReport", "id": "r", "status": "final",
            "code": {"text": "Urea and electrolytes"}, "result": [{"reference": potassium}]}),
    ));
    Ask { words: "electrolytes".into(), ..Ask::default() }.apply(&mut items);
    assert_eq!(items.len(), 2, "the report and its test");
}

#[test]
fn ranges_are_told_by_laboratory_with_when_they_were_given() {
    let items = two_laboratories();
    let told = ranges(&course(&items, items[0].id));
    let told: Vec<(&str, &str, usize)> =
        told.iter().map(|one| (one.source.as_str(), one.text.as_str(), one.count)).collect();
    assert_eq!(told, [("Mill Lane Surgery", "11.5 to 16 g/dL", 2), ("Riverside General", "120 to 155 g/L", 1)]);
}

#[test]
fn a_correction_keeps_what_was_said_and_a_repeat_is_none() {
    let version = |number: u32, value: u32, status: &str| {
        let mut json = haemoglobin("a", json!(value), "g/L", "2026-06-03");
        json["status"] = status.into();
        ParsedItem { version: number, ..item(&hospital(), json) }
    };
    let now = version(4, 131, "corrected");
    let versions = [version(3, 113, "final"), version(2, 113, "final"), version(1, 112, "preliminary")];
    let told: Vec<(String, u32, String)> =
        corrections(&now, &versions).into_iter().map(|was| (was.value, was.version, was.status)).collect();
    assert_eq!(
        told,
        [("113 g/L".to_owned(), 3, "Final".to_owned()), ("112 g/L".into(), 1, "Preliminary".into())],
        "each value that counted, once"
    );
    let other = item(&practice(), haemoglobin("a", json!(99), "g/L", "2026-06-03"));
    assert!(corrections(&now, &[other]).is_empty(), "another's result is no version of this one");
}
