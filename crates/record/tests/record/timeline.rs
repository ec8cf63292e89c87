//! The record in the order of time.

use fhir::{PatientKey, Resource, ResourceId};
use jiff::Timestamp;
use record::{
    ParsedItem, SourceInfo, SourceKind,
    sections::SectionKind,
    timeline::{Happening, Parts, Stretch, timeline},
};
use serde_json::{Value, json};
use std::sync::Arc;

fn item(local: u64, resource: Value) -> ParsedItem {
    ParsedItem {
        id: ResourceId { patient: PatientKey(1), local },
        version: 1,
        recorded: "2026-07-01T12:00:00Z".parse().expect("a time"),
        seq: local,
        message: local,
        source: Arc::new(SourceInfo { id: "gp".into(), name: "The practice".into(), kind: SourceKind::Gp }),
        resource: Resource::from_slice(resource.to_string().as_bytes()).expect("a resource"),
    }
}

fn now() -> Timestamp {
    "2026-07-14T12:00:00Z".parse().expect("a time")
}

fn condition(local: u64, text: &str, onset: &str) -> ParsedItem {
    let mut resource = json!({"resourceType": "Condition", "code": {"text": text}});
    if !onset.is_empty() {
        resource["onsetDateTime"] = onset.into();
    }
    item(local, resource)
}

#[test]
fn the_latest_comes_first_and_what_has_no_date_is_kept() {
    let items = [
        condition(1, "Asthma", "1999"),
        condition(2, "Eczema", ""),
        item(
            3,
            json!({"resourceType": "Immunization", "status": "completed", "vaccineCode": {"text": "Tetanus"},
            "occurrenceDateTime": "2020-05-01"}),
        ),
        item(
            4,
            json!({"resourceType": "DiagnosticReport", "status": "final", "code": {"text": "Blood count"},
            "effectiveDateTime": "2024-02-03T10:00:00Z", "result": [{"reference": format!("Observation/{}",
            ResourceId { patient: PatientKey(1), local: 5 })}]}),
        ),
        item(
            5,
            json!({"resourceType": "Observation", "status": "final", "code": {"text": "Haemoglobin"},
            "effectiveDateTime": "2024-02-03T10:00:00Z", "valueQuantity": {"value": 120, "unit": "g/L"}}),
        ),
        item(
            6,
            json!({"resourceType": "Observation", "status": "final", "code": {"text": "Weight"},
            "effectiveDateTime": "2025-01-01", "valueQuantity": {"value": 70, "unit": "kg"}}),
        ),
        item(
            7,
            json!({"resourceType": "Observation", "status": "entered-in-error", "code": {"text": "Height"},
            "effectiveDateTime": "2025-01-01", "valueString": "1"}),
        ),
        item(
            8,
            json!({"resourceType": "DocumentReference", "status": "current", "type": {"text": "Letter"},
            "content": [{"attachment": {"contentType": "text/plain"}}]}),
        ),
    ];
    let all = timeline(&items, now());
    let texts = |happenings: &[Happening]| happenings.iter().map(|one| one.text.clone()).collect::<Vec<_>>();
    assert_eq!(texts(&all.dated), ["Weight: 70 kg", "Blood count", "Tetanus", "Asthma"]);
    let mut undated = texts(&all.undated);
    undated.sort();
    assert_eq!(undated, ["Eczema", "Letter"]);
    assert_eq!(all.withdrawn, 1);
    assert_eq!(all.dated.last().expect("one").section, SectionKind::Problems);
}

#[test]
fn a_stretch_is_split_into_years_months_and_days() {
    let items: Vec<ParsedItem> = ["1998", "2019-03-14", "2019-03-14T10:00:00Z", "2019-03", "2019-11-02", "2019"]
        .iter()
        .zip(1..)
        .map(|(onset, local)| condition(local, &format!("Problem {local}"), onset))
        .collect();
    let all = timeline(&items, now());
    let split = |name: &str| {
        let stretch = Stretch::between(name, name).expect("a stretch");
        let within: Vec<&Happening> =
            all.dated.iter().filter(|one| one.when.as_ref().is_some_and(|when| stretch.holds(when))).collect();
        let (parts, vague) = stretch.split(&within);
        let parts: Vec<(String, usize)> =
            parts.into_iter().filter(|part| part.count > 0).map(|part| (part.name, part.count)).collect();
        (parts, vague)
    };
    let named = |parts: &[(&str, usize)]| parts.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect::<Vec<_>>();
    assert_eq!(split(""), (named(&[("1998", 1), ("2019", 5)]), 0));
    assert_eq!(split("2019"), (named(&[("2019-03", 3), ("2019-11", 1)]), 1));
    assert_eq!(split("2019-03"), (named(&[("2019-03-14", 2)]), 1));
    assert_eq!(split("2019-03-14"), (Vec::new(), 0));
    let years = Stretch::default().split(&all.dated.iter().collect::<Vec<_>>()).0;
    assert_eq!(years.len(), 22, "years without an entry are there too");
    let day = Stretch::between("2019-03-14", "2019-03-14").expect("a day");
    let month = day.wider().expect("a month");
    assert_eq!((month.words().as_str(), month.parts()), ("Mar-2019", Parts::Days));
    let year = month.wider().expect("a year");
    assert_eq!((year.words().as_str(), year.parts(), year.wider()), ("2019", Parts::Months, None));
    for (from, to) in [("2019-02-30", ""), ("x", ""), ("2020", "2019"), ("2019-01-01T10:00:00Z", "")] {
        assert_eq!(Stretch::between(from, to), None, "{from} {to}");
    }
}

#[test]
fn a_date_centuries_away_draws_no_thousand_empty_years() {
    let items = [condition(1, "Slip", "0201-01-01"), condition(2, "Asthma", "2001-01-01")];
    let all = timeline(&items, now());
    let (parts, _) = Stretch::default().split(&all.dated.iter().collect::<Vec<_>>());
    assert_eq!(parts.len(), 2);
}
