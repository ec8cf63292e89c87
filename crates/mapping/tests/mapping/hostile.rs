//! Whatever comes, mapping and folding answer, and what they make is well formed.

use crate::{shape, support::*};
use proptest::prelude::*;

fn samples() -> Vec<String> {
    let all = shared_files("hl7v2/ms-fhir-converter", ".hl7").into_iter().chain(shared_files("hl7v2/itk-uk", ".txt"));
    all.map(|f| shared(&f).replace('\n', "\r")).collect()
}

/// Cut, swap, repeat and spoil pieces of a message.
fn mutate(message: &str, cuts: &[(usize, u8, char)]) -> String {
    let mut chars: Vec<char> = message.chars().collect();
    for (at, how, with) in cuts {
        if chars.len() < 12 {
            break;
        }
        let at = 8 + at % (chars.len() - 8);
        match how % 6 {
            0 => chars.truncate(at),
            1 => chars.insert(at, *with),
            2 => chars[at] = *with,
            3 => {
                let to = (at + 17).min(chars.len());
                let piece: Vec<char> = chars[at..to].to_vec();
                chars.splice(at..at, piece);
            }
            4 => {
                let to = (at + 5).min(chars.len());
                chars.drain(at..to);
            }
            _ => chars.insert(at, ['|', '^', '~', '&', '\r', '\\', '"', '0'][at % 8]),
        }
    }
    chars.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn spoilt_messages_are_answered(which in any::<prop::sample::Index>(), cuts in prop::collection::vec((any::<usize>(), any::<u8>(), any::<char>()), 1..12)) {
        use std::sync::OnceLock;
        static SAMPLES: OnceLock<Vec<String>> = OnceLock::new();
        let sample: &String = which.get(SAMPLES.get_or_init(samples));
        let message = mutate(sample, &cuts);
        let Some(parsed) = hl7v2::parse(message.as_bytes()).message else { return Ok(()) };
        let mut w = World::new();
        let set = mapping::map_hl7v2(&w.region, &w.profile, &parsed, w.received);
        w.apply(&set);
        for (resource, _) in w.rows.values() {
            shape::check(resource);
        }
        prop_assert!(set.findings.len() <= 60);
    }
}

/// A finding is for an integration engineer's desk: it says where, never what.
#[test]
fn findings_hold_no_values() {
    let mut w = World::new();
    let set = w.send(&adt(
        "A01",
        "99999999999999",
        "SECRET1^^^RXX^MR~SECRET2^^^NHS||SECRET^NAME||20240231|SECRETSEX",
        &pv1("I", "", &[(44, "SECRETDATE")]),
    ));
    assert!(set.findings.len() >= 4, "{:?}", set.findings);
    for finding in &set.findings {
        assert!(!format!("{finding:?}").contains("SECRET"), "{finding:?}");
    }
}
