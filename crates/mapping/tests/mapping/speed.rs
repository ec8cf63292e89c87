//! How long mapping and folding take. Run in release: `cargo test --release -p mapping --test mapping speed -- --ignored --nocapture`.

use crate::support::*;
use std::collections::BTreeMap;

/// What this thread has had of a processor, so that a busy machine does not count.
fn processor_ns() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split_whitespace().next().unwrap().parse().unwrap()
}

fn micros(name: &str, message: &str) -> f64 {
    let message = message.replace('\n', "\r");
    let w = World::new();
    let mut rows: BTreeMap<fhir::ResourceId, mapping::FoldedText> = BTreeMap::new();
    let mut spent = [0.0; 3];
    let rounds = 200;
    for round in 0..=rounds {
        // Newer each time, as updates are.
        let text = message.replace("NOW", &format!("2025030112{:02}{:02}", round / 60, round % 60));
        let start = processor_ns();
        let parsed = hl7v2::parse(text.as_bytes()).message.unwrap();
        let read = processor_ns();
        let set = mapping::map_hl7v2(&w.region, &w.profile, &parsed, w.received);
        let mapped = processor_ns();
        for change in set.changes {
            if let mapping::Change::Fold { id, facts } = change {
                let current = rows.get(&id).map(|row| (row.json.as_str(), row.state.as_slice()));
                let folded = mapping::fold_text(current, &facts);
                rows.insert(id, folded);
            }
        }
        let folded = processor_ns();
        if round > 0 {
            for (sum, part) in spent.iter_mut().zip([read - start, mapped - read, folded - mapped]) {
                *sum += part / 1e3 / f64::from(rounds);
            }
        }
    }
    let [parse, map, fold] = spent;
    println!("{name}: parse {parse:.1}, map {map:.1}, fold {fold:.1} µs ({} resources)", rows.len());
    map + fold
}

#[test]
#[ignore = "measures; meaningful in release only"]
fn an_adt_takes_a_hundred_microseconds_and_a_large_result_two_hundred_and_fifty() {
    let adt = micros(
        "ADT^A01 (ITK)",
        &shared("hl7v2/itk-uk/ADT_A01_example.txt").replace("201010101400", "NOW").replace("201010101418", "NOW"),
    );
    let lines: String = (1..=20)
        .map(|n| format!("OBX|{n}|NM|T{n}^Test number {n}^L||{n}.5|mmol/L|1.0-20.0|N|||F|||202503010800\n"))
        .collect();
    let oru = format!(
        "{}PID|1||{JOAN}\nPV1|1|I|||||||||||||||||V1^^^RXX\nORC|RE|P1|F1\nOBR|1|P1|F1|FBC^Full blood count^L|||202503010800|||||||||||||||202503010900||HM|F\n{lines}",
        msh("ORU^R01", "NOW")
    );
    let oru = micros("ORU^R01, 20 OBX", &oru);
    assert!(adt < 100.0 && oru < 250.0, "{adt} {oru}");
}
