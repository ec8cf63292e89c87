//! The living region keeps to the rules of life.

use crate::region;
use jiff::{Timestamp, ToSpan};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use synth::{Format, Outgoing, Region};

fn days(region: &Region, days: i64) -> Vec<Outgoing> {
    let end = region.start() + (days * 24).hours();
    region.live(region.start()).take_while(|m| m.at < end).collect()
}

#[test]
fn the_stream_is_in_time_order_and_the_same_every_time() {
    let region = region(400);
    let first = days(&region, 3);
    assert!(first.is_sorted_by_key(|m| m.at));
    assert_eq!(first, days(&region, 3));
    // A listener who begins later hears the same from there on.
    let noon = region.start() + 36.hours();
    let later: Vec<Outgoing> = region.live(noon).take(20).collect();
    let rest: Vec<Outgoing> = first.into_iter().filter(|m| m.at >= noon).take(20).collect();
    assert_eq!(later, rest);
}

#[test]
fn a_day_brings_what_such_a_region_would_see() {
    let region = region(2_000);
    let week = days(&region, 7);
    let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
    for message in &week {
        let kind = match message.format {
            Format::Fhir => "FHIR".to_owned(),
            Format::Hl7v2 => {
                let read = hl7v2::parse(&message.bytes);
                assert!(read.notes.is_empty(), "{:?}", read.notes);
                let read = read.message.unwrap();
                format!("{}^{}", read.get("MSH-9.1").unwrap(), read.get("MSH-9.2").unwrap())
            }
        };
        *kinds.entry(kind).or_default() += 1;
    }
    println!("{kinds:?}");
    let a_day = week.len() as f64 / 7.0;
    assert!((60.0..500.0).contains(&a_day), "{a_day} messages a day for 2,000 people");
    for kind in ["ADT^A01", "ADT^A02", "ADT^A03", "ADT^A04", "ORU^R01", "MDM^T02", "SIU^S12", "FHIR"] {
        assert!(kinds.contains_key(kind), "no {kind} in a week: {kinds:?}");
    }
}

/// A visit as the messages tell it.
#[derive(Default)]
struct Stay {
    admitted: bool,
    discharged: bool,
    cancelled: bool,
}

/// Beds from 90 on are trolleys in the corridor, where there is always room for one more.
fn trolley(bed: &str) -> bool {
    let digits: String =
        bed.chars().rev().take_while(char::is_ascii_digit).collect::<Vec<_>>().into_iter().rev().collect();
    digits.parse::<u32>().is_ok_and(|n| n >= 90)
}

/// Follow every visit and bed through messages in order of what happened (EVN-6).
fn follow(region: &Region, stream: &[Outgoing]) {
    let mut visits: BTreeMap<(&str, String), Stay> = BTreeMap::new();
    let mut beds: BTreeMap<(&str, String), String> = BTreeMap::new();
    let mut seen: BTreeSet<(&str, String)> = BTreeSet::new();
    let mut events = Vec::new();
    // The history says who is in hospital when the stream begins.
    let history: Vec<Outgoing> = region.everyone().collect::<Vec<_>>().iter().flat_map(|p| region.history(p)).collect();
    for message in history.iter().chain(stream).filter(|m| m.format == Format::Hl7v2) {
        let read = hl7v2::parse(&message.bytes).message.unwrap();
        assert!(seen.insert((message.source, read.get("MSH-10").unwrap())), "control id twice");
        if read.get("MSH-9.1").as_deref() == Some("ADT") {
            events.push((read.get("EVN-6").unwrap_or_default(), message.source, read));
        }
    }
    events.sort_by_key(|(when, ..)| when.get(..12).unwrap_or_default().to_owned());
    let start = region.start();
    for (when, source, read) in events {
        let trigger = read.get("MSH-9.2").unwrap();
        let Some(number) = read.get("PV1-19.1") else { continue };
        if !number.starts_with('I') {
            continue;
        }
        let stay = visits.entry((source, number.clone())).or_default();
        let bed = ["PV1-3.1", "PV1-3.2", "PV1-3.3"].map(|p| read.get(p).unwrap_or_default()).join("|");
        match trigger.as_str() {
            "A01" => {
                assert!(!stay.admitted, "{number} admitted twice");
                stay.admitted = true;
            }
            "A02" | "A08" => {
                assert!(stay.admitted && !stay.discharged, "{number} {trigger} at {when} outside the stay")
            }
            "A03" => {
                assert!(stay.admitted && !stay.discharged, "{number} discharged at {when} without being in");
                stay.discharged = true;
            }
            "A11" => {
                assert!(stay.admitted && !stay.discharged);
                stay.cancelled = true;
            }
            "A13" => {
                assert!(stay.discharged);
                stay.discharged = false;
            }
            other => panic!("{other} for an inpatient"),
        }
        let live = when.as_str() >= start.strftime("%Y%m%d").to_string().as_str();
        if live && read.get("PV1-3.3").is_some() && !stay.cancelled {
            match trigger.as_str() {
                "A01" | "A02" => {
                    beds.retain(|_, who| *who != number);
                    if let Some(other) = beds.insert((source, bed.clone()), number.clone()) {
                        assert!(
                            other == number || trolley(&bed),
                            "{bed} at {source} given to {number} while {other} lies there"
                        );
                    }
                }
                "A03" => beds.retain(|_, who| *who != number),
                _ => {}
            }
        }
    }
}

#[test]
fn nobody_leaves_before_they_came_and_no_bed_holds_two() {
    let region = region(1_200);
    let stream = days(&region, 14);
    follow(&region, &stream);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    #[test]
    fn every_seed_keeps_to_the_rules(seed in 2u64..10_000, people in 40u64..500) {
        let region = Region::new(seed, people, crate::START);
        let stream = days(&region, 5);
        follow(&region, &stream);
    }
}

#[test]
fn people_in_hospital_at_the_start_lie_in_beds_of_their_own() {
    let region = region(2_000);
    let mut beds = BTreeSet::new();
    let mut count = 0;
    for person in region.everyone() {
        let mut now: Option<(String, bool)> = None;
        for message in region.history(&person).iter().filter(|m| m.format == Format::Hl7v2) {
            let read = hl7v2::parse(&message.bytes).message.unwrap();
            let inpatient = read.get("PV1-2").as_deref() == Some("I") && read.get("MSH-9.1").as_deref() == Some("ADT");
            if inpatient {
                let place = format!(
                    "{}|{}",
                    message.source,
                    ["PV1-3.1", "PV1-3.2", "PV1-3.3"].map(|p| read.get(p).unwrap_or_default()).join("|")
                );
                let out = matches!(read.get("MSH-9.2").as_deref(), Some("A03" | "A11"));
                now = Some((place, !out));
            }
        }
        if let Some((place, true)) = now {
            count += 1;
            assert!(beds.insert(place.clone()), "{place} twice");
        }
    }
    assert!(count >= 10, "{count} in hospital");
}

#[test]
fn the_stream_reaches_far_without_growing() {
    let region = region(60);
    let end: Timestamp = region.start() + (24 * 200).hours();
    let last = region.live(region.start()).take_while(|m| m.at < end).last().unwrap();
    assert!(last.at > region.start() + (24 * 190).hours());
}
