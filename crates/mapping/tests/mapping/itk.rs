use crate::support::*;
#[test]
fn dump() {
    let mut files: Vec<String> = std::fs::read_dir("/work/shared/data/hl7v2/ms-fhir-converter")
        .unwrap()
        .map(|f| format!("hl7v2/ms-fhir-converter/{}", f.unwrap().file_name().to_string_lossy()))
        .filter(|f| f.ends_with(".hl7"))
        .collect();
    files.sort();
    for f in ["ManchesterFoundationTrust_ORU_R01_PDF", "NWGMSA_ORU_R01_PDF"] {
        files.push(format!("hl7v2/nw-gmsa/messages/{f}.txt"));
    }
    for f in &files {
        let mut w = World::new();
        let set = w.send(&shared(f));
        println!("== {f} {:?} {}", codes(set), set.changes.len());
        let mut kinds = std::collections::BTreeMap::new();
        for (r, s) in w.rows.values() {
            let e = kinds.entry(r.kind()).or_insert((0, 0, 0));
            e.0 += 1;
            e.1 += s.len();
            e.2 += r.to_json().len();
        }
        println!("   {kinds:?}");
        if f.contains("nw-gmsa") || f.contains("ORU-R01") {
            for (id, (r, s)) in &w.rows {
                let j = r.to_json();
                println!("{id} {} {}", s.len(), &j[..j.len().min(1500)]);
            }
        }
    }
}
