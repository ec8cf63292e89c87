use crate::support::*;
#[test]
fn dump() {
    let mut w = World::new();
    for f in [
        "ADT_A28_Example",
        "ADT_A05_Example",
        "ADT_A01_example",
        "ADT_A08_example",
        "ADT_A03_example",
        "ADT_A04_example",
        "ADT_A31_example",
        "ADT_A40_Example",
    ] {
        let set = w.send(&shared(&format!("hl7v2/itk-uk/{f}.txt")));
        println!("== {f} {:?} {}", codes(set), set.changes.len());
    }
    for (id, (r, s)) in &w.rows {
        println!("{id} {} {}", s.len(), serde_json::to_string_pretty(r.body()).unwrap());
    }
    println!("{:?}", w.links);
}
