//! How long mapping and folding take. Run in release: `cargo test --release -p mapping --test mapping speed -- --ignored --nocapture`.

use crate::support::*;
use std::time::Instant;

fn micros(name: &str, message: &str) -> f64 {
    let text = message.replace('\n', "\r");
    let mut w = World::new();
    let one = |w: &mut World| {
        let parsed = hl7v2::parse(text.as_bytes()).message.unwrap();
        let set = mapping::map_hl7v2(&w.region, &w.profile, &parsed, w.received);
        w.apply(&set);
        set.changes.len()
    };
    let changes = one(&mut w);
    let rounds = 2000;
    let start = Instant::now();
    for _ in 0..rounds {
        one(&mut w);
    }
    let each = start.elapsed().as_secs_f64() * 1e6 / f64::from(rounds);
    println!("{name}: {each:.1} µs ({changes} changes; parse, map and fold onto what is known)");
    each
}

#[test]
#[ignore = "measures; meaningful in release only"]
fn an_adt_takes_a_hundred_microseconds_and_a_large_result_two_hundred_and_fifty() {
    let adt = micros("ADT^A01 (ITK)", &shared("hl7v2/itk-uk/ADT_A01_example.txt"));
    let lines: String = (1..=20)
        .map(|n| format!("OBX|{n}|NM|T{n}^Test number {n}^L||{n}.5|mmol/L|1.0-20.0|N|||F|||202503010800\n"))
        .collect();
    let oru = format!(
        "{}PID|1||{JOAN}\nPV1|1|I|||||||||||||||||V1^^^RXX\nORC|RE|P1|F1\nOBR|1|P1|F1|FBC^Full blood count^L|||202503010800|||||||||||||||202503010900||HM|F\n{lines}",
        msh("ORU^R01", "202503010900")
    );
    let oru = micros("ORU^R01, 20 OBX", &oru);
    assert!(adt < 100.0 && oru < 250.0, "{adt} {oru}");
}
