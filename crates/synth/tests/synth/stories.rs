//! The people documents point at are there, with what is promised of them; and illness is spread as in England.

use crate::region;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use synth::{Format, Highlight, Outgoing, Region};

fn find<'h>(list: &'h [Highlight], title: &str) -> &'h Highlight {
    list.iter().find(|h| h.title.contains(title)).unwrap_or_else(|| panic!("no story {title}"))
}

fn history(region: &Region, highlight: &Highlight) -> Vec<Outgoing> {
    region.history(&region.person(highlight.person).unwrap())
}

fn resources(messages: &[Outgoing]) -> Vec<(&'static str, Value)> {
    let mut list = Vec::new();
    for message in messages.iter().filter(|m| m.format == Format::Fhir) {
        let bundle: Value = serde_json::from_slice(&message.bytes).unwrap();
        for entry in bundle["entry"].as_array().unwrap() {
            list.push((message.source, entry["resource"].clone()));
        }
    }
    list
}

fn hl7(messages: &[Outgoing]) -> Vec<(&'static str, hl7v2::Message)> {
    messages
        .iter()
        .filter(|m| m.format == Format::Hl7v2)
        .map(|m| (m.source, hl7v2::parse(&m.bytes).message.unwrap()))
        .collect()
}

#[test]
fn the_stories_are_there_with_what_they_promise() {
    let region = region(2_000);
    let list = region.highlights();
    assert_eq!(list.len(), 8);
    assert_eq!(list.iter().map(|h| h.person).collect::<BTreeSet<_>>().len(), 8);

    let fallen = find(&list, "96 years old");
    assert_eq!(region.person(fallen.person).unwrap().age(crate::START), 96);
    let theirs = resources(&history(&region, fallen));
    let has =
        |kind: &str, word: &str| theirs.iter().any(|(_, r)| r["resourceType"] == kind && r.to_string().contains(word));
    assert!(has("CarePlan", "ReSPECT") && has("CarePlan", "Package of care") && has("CarePlan", "Contingency"));
    assert!(
        has("Flag", "Key safe")
            && has("QuestionnaireResponse", "most important to me")
            && has("CareTeam", "district nursing")
    );
    assert!(theirs.iter().any(|(source, r)| *source == "wexmoor-ambulance" && r["resourceType"] == "Encounter"));
    let active: Vec<_> = theirs
        .iter()
        .filter(|(_, r)| r["title"].as_str().is_some_and(|t| t.contains("ReSPECT")) && r["status"] == "active")
        .collect();
    assert_eq!(active.len(), 1, "one ReSPECT form is current");
    assert!(theirs.iter().filter(|(_, r)| r["resourceType"] == "Condition").count() >= 11);

    let kidneys = find(&list, "failing kidneys");
    let messages = hl7(&history(&region, kidneys));
    let mut by_laboratory: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (source, message) in &messages {
        for obx in message.all("OBX").filter(|o| ["EGFR", "GFRE"].contains(&o.field(3).text().as_ref())) {
            if let Ok(value) = obx.field(5).text().parse::<f64>() {
                by_laboratory.entry(source).or_default().push(value);
            }
        }
    }
    assert_eq!(by_laboratory.len(), 2, "two laboratories: {by_laboratory:?}");
    let main = &by_laboratory["wexmoor-laboratory"];
    assert!(main.first().unwrap() - main.last().unwrap() > 10.0, "falls: {main:?}");

    let conflict = find(&list, "conflict");
    let messages = history(&region, conflict);
    assert!(resources(&messages).iter().any(|(_, r)| r["code"]["coding"][0]["code"] == "91936005"));
    assert!(hl7(&messages).iter().any(|(_, m)| m.get("AL1-3.1").is_some_and(|c| c == "716186003" || c == "NKA")));

    let twice = find(&list, "twice");
    let messages = hl7(&history(&region, twice));
    let merge = messages.iter().position(|(_, m)| m.get("MSH-9.2").as_deref() == Some("A40")).expect("an A40");
    let loser = messages[merge].1.get("MRG-1.1").unwrap();
    assert!(
        messages[..merge]
            .iter()
            .any(|(_, m)| m.segment("PID").is_some_and(|p| p.field(3).reps().any(|r| r.text() == loser)))
    );

    let crisis = find(&list, "Crisis");
    assert!(resources(&history(&region, crisis)).iter().any(|(_, r)| r["title"] == "Crisis plan"));
    let restricted = find(&list, "Restricted");
    assert!(region.person(restricted.person).unwrap().restricted);
    let married = find(&list, "two names");
    assert!(hl7(&history(&region, married)).iter().any(|(source, _)| source.ends_with("hospital")));
    let inpatient = find(&list, "In hospital");
    let last = hl7(&history(&region, inpatient))
        .into_iter()
        .rfind(|(_, m)| m.get("PV1-2").as_deref() == Some("I") && m.get("EVN-2").is_some());
    assert_ne!(last.unwrap().1.get("MSH-9.2").as_deref(), Some("A03"));
}

#[test]
fn long_term_conditions_gather_in_the_old() {
    let region = region(2_000);
    let lasting = [
        "38341003",
        "44054006",
        "46635009",
        "195967001",
        "13645005",
        "700378005",
        "49436004",
        "84114007",
        "414545008",
        "230690007",
        "52448006",
        "35489007",
        "197480006",
        "396275006",
        "64859006",
        "40930008",
        "69896004",
        "84757009",
        "13644009",
        "235595009",
        "90560007",
    ];
    let mut counts: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for person in region.everyone() {
        let band = match person.age(crate::START) {
            ..=39 => "young",
            40..=64 => "middle",
            65..=79 => "old",
            _ => "oldest",
        };
        let theirs = resources(&region.history(&person));
        let number = theirs
            .iter()
            .filter(|(source, r)| source.starts_with("gp-") && r["resourceType"] == "Condition")
            .filter(|(_, r)| r["code"]["coding"][0]["code"].as_str().is_some_and(|c| lasting.contains(&c)))
            .count();
        counts.entry(band).or_default().push(number);
    }
    let share = |band: &str, at_least: usize| {
        counts[band].iter().filter(|n| **n >= at_least).count() as f64 / counts[band].len() as f64
    };
    // Two or more long-term conditions: about a quarter of all adults, two thirds over 65, four fifths over 80
    // (Barnett and others 2012; Kingston and others 2018).
    for (band, at_least, low, high) in [
        ("young", 2, 0.01, 0.16),
        ("middle", 2, 0.15, 0.45),
        ("old", 2, 0.45, 0.85),
        ("oldest", 2, 0.65, 0.98),
        ("oldest", 5, 0.15, 0.65),
    ] {
        let got = share(band, at_least);
        assert!((low..high).contains(&got), "{band}, {at_least} or more: {got:.2}");
    }
}
