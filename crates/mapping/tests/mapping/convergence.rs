//! The law of folding: what a resource is depends on the set of messages, never on their order or number.

use crate::support::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A snippet of a hospital's day: any message about one patient, at any of a few moments, so that times collide.
fn message() -> impl Strategy<Value = String> {
    let at = (1u32..5, 8u32..11).prop_map(|(day, hour)| format!("202503{day:02}{hour:02}00"));
    (at, 0usize..24, 0usize..3).prop_map(|(at, which, n)| {
        let place = ["RXX^W1^B1^RXX01", "RXX^W2^B2^RXX01", "RXX^W3^^RXX01"][n];
        let prior = ["RXX^W2^B2^RXX01", "RXX^W3^^RXX01", "RXX^W1^B1^RXX01"][n];
        let name = ["BAXTER^JOAN", "HARGREAVES^JOAN", "BAXTER^JOANNA"][n];
        let value = ["98", "99.5", "<5"][n];
        let pid = format!("1001^^^RXX^MR||{name}||19520314|2|||{}", ["", "1 High Street^^York^^^YO1 1AA", "\"\""][n]);
        let visit = |class: &str, more: &[(usize, &str)]| pv1(class, place, more);
        let oru = |status: &str, extra: &str| {
            format!("{}PID|1||{pid}\nOBR|1|P1|F1|FBC^Full blood count^L|||{at}|||||||||||||||{at}|||{status}\nOBX|1|NM|HB^Haemoglobin^L||{value}|g/L||||{status}{extra}", msh("ORU^R01", &at))
        };
        match which {
            0 => adt("A01", &at, &pid, &visit("I", &[(44, "202503010730"), (50, "ALT1~ALT2")])),
            1 => adt("A01", &at, &pid, &visit("I", &[])),
            2 => adt("A02", &at, &pid, &visit("I", &[(6, prior)])),
            3 => adt("A03", &at, &pid, &visit("I", &[(36, "1"), (37, "19"), (45, &at)])),
            4 => adt("A04", &at, &pid, &visit("E", &[])),
            5 => adt("A05", &at, &pid, &visit("P", &[])),
            6 => adt("A06", &at, &pid, &visit("I", &[])),
            7 => adt("A08", &at, &pid, &visit("I", &[(7, "C3456789^Darwin^Samuel")])),
            8 => adt("A11", &at, &pid, &visit("I", &[])),
            9 => adt("A12", &at, &pid, &visit("I", &[(6, prior)])),
            10 => adt("A13", &at, &pid, &visit("I", &[])),
            11 => adt("A21", &at, &pid, &visit("I", &[])),
            12 => adt("A22", &at, &pid, &visit("I", &[])),
            13 => adt("A15", &at, &pid, &visit("I", &[(42, prior)])),
            14 => adt("A31", &at, &format!("{pid}||07700 900{n}00|||{}", ["M", "\"\"", "W"][n]), "AL1|1|DA|PEN^Penicillin^L|MI|Rash"),
            15 => adt("A40", &at, "1001^^^RXX^MR||OTHER^NAME", "MRG|1002^^^RXX^MR"),
            16 => oru(["P", "F", "C"][n], ""),
            17 => oru(["F", "P", "F"][n], "\nOBX|2|NM|PLT^Platelets^L||250|||||F"),
            18 => oru(["W", "X", "D"][n], ""),
            19 => format!("{}PID|1||{pid}\nTXA|1|DS|TX|{at}||{at}||||||D1|||||AU||AV\nOBX|1|TX|L^Letter^L||text {n}||||||F", msh(["MDM^T02", "MDM^T08", "MDM^T11"][n], &at)),
            20 => format!("{}PID|1||{pid}\nTXA|1|DS|TX|{at}||{at}||||||D2|D1||||AU||AV\nOBX|1|TX|L^Letter^L||text {n}||||||F", msh("MDM^T10", &at)),
            21 => format!("{}SCH|P7|A7||||R^Reason|||30|min|^^30^{at}\nPID|1||{pid}\nAIP|1||C3456789^Darwin^Samuel", msh(["SIU^S12", "SIU^S15", "SIU^S14"][n], &at)),
            22 => format!("{}PID|1||{pid}\nORC|{}|P9|F9||||||{at}\nOBR|1|P9|F9|CT^CT head^L", msh("ORM^O01", &at), ["NW", "OC", "SC"][n]),
            _ => adt("A23", &at, &pid, &visit("I", &[(19, "V2")])),
        }
    })
}

/// Fold messages as if they were told in this order; the sets are mapped once each.
fn told(messages: &[String]) -> (BTreeMap<String, String>, usize) {
    let mut w = World::new();
    for message in messages {
        w.send(message);
    }
    let state = w.rows.values().map(|(_, s)| s.len()).max().unwrap_or(0);
    (w.snapshot(), state)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn order_and_repeats_do_no_harm(messages in prop::collection::vec(message(), 1..9), order in any::<prop::sample::Index>(), seed: u64) {
        let (first, state) = told(&messages);
        prop_assert!(state < 1500, "the state stays small: {state}");
        // Another order, with some of them twice.
        let mut other = messages.clone();
        let mut n = seed;
        for i in (1..other.len()).rev() {
            n = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            other.swap(i, usize::try_from(n >> 33).unwrap() % (i + 1));
        }
        other.push(order.get(&messages).clone());
        other.insert(0, order.get(&messages).clone());
        let (second, _) = told(&other);
        for (id, resource) in &first {
            prop_assert_eq!(resource, second.get(id).unwrap(), "of {:#?}", messages);
        }
        prop_assert_eq!(first.len(), second.len());
    }

    #[test]
    fn a_state_that_cannot_be_read_does_no_harm(message in message(), state: Vec<u8>) {
        let mut w = World::new();
        w.send(&message);
        for row in w.rows.values_mut() {
            row.1.clone_from(&state);
        }
        w.send(&message);
    }
}

#[test]
fn unknown_elements_of_a_whole_resource_survive() {
    let mut w = World::new();
    let id = fhir::ResourceId::of_patient(w.key("RXX|1001"));
    let whole = r#"{"resourceType":"Patient","id":"x","extension":[{"url":"https://example.org/own","valueString":"kept"}],"photo":[{"title":"kept"}],"name":[{"family":"OLD"}],"gender":"male"}"#;
    w.rows.insert(id, (fhir::Resource::from_slice(whole.as_bytes()).unwrap(), Vec::new()));
    w.send(&adt("A31", "20250301", "1001^^^RXX^MR||BAXTER^JOAN", ""));
    let patient = w.patient("RXX|1001");
    assert_eq!(text(patient, "/name/0/family"), "BAXTER");
    assert_eq!(text(patient, "/gender"), "male");
    assert_eq!(text(patient, "/photo/0/title"), "kept");
    assert_eq!(text(patient, "/extension/0/valueString"), "kept");
    assert_eq!(text(patient, "/id"), "x");
    w.send(&adt("A31", "20250302", "1001^^^RXX^MR||BAXTER^JOANNA", ""));
    assert_eq!(text(w.patient("RXX|1001"), "/photo/0/title"), "kept");
}

#[test]
fn members_of_meta_that_folding_does_not_know_stay_with_those_it_does() {
    let mut w = World::new();
    let id = fhir::ResourceId::of_patient(w.key("RXX|1001"));
    let whole =
        r#"{"resourceType":"Patient","id":"x","meta":{"profile":["p"],"extension":[{"url":"kept"}]},"gender":"male"}"#;
    w.rows.insert(id, (fhir::Resource::from_slice(whole.as_bytes()).unwrap(), Vec::new()));
    for day in ["20250301", "20250302"] {
        w.send(&adt("A31", day, "1001^^^RXX^MR||BAXTER^JOAN", ""));
        assert_eq!(text(w.patient("RXX|1001"), "/meta/extension/0/url"), "kept");
        assert!(w.patient("RXX|1001").at("/meta/profile/0").is_some());
    }
}
