//! Everything but the journal and the audit can be thrown away.

use crate::harness::{Region, region::READER_TOKEN, say::Adt, shared};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};

crate::harness::on_both!(
    rebuild_gives_the_same_bytes,
    verify_finds_what_the_journal_does_not_say,
    verify_is_right_beside_a_region_that_goes_on,
);

/// Delete the derived state, rebuild it, and every answer is the same to the last byte.
fn rebuild_gives_the_same_bytes(mut region: Region) {
    let mut pas = region.sender("rcb-adt");
    for name in
        ["A28_Example", "A31_example", "A05_Example", "A01_example", "A03_example", "A04_example", "A08_example"]
    {
        pas.send(&shared::message(&format!("hl7v2/itk-uk/ADT_{name}.txt")));
    }
    for (local, at) in [("1001", "20250301120000"), ("1002", "20250302120000")] {
        pas.send(&Adt::new("A01", local, at).traced("9434765919").visit(at, "OBS1").bytes());
    }
    pas.send(&Adt::new("A40", "1001", "20250303120000").and("MRG|1002^^^RCB^MR").bytes());
    let letters = region.sender("lab-oru").send(&shared::message("hl7v2/nw-gmsa/messages/NWGMSA_ORU_R01_PDF.txt"));
    assert_eq!(letters.code(), "AA");
    let paths: Vec<String> = ["3333333333", "9434765919"]
        .iter()
        .map(|number| region.patient_by_nhs_number(number))
        .flat_map(|id| [format!("/Patient/{id}/$everything"), format!("/Patient/{id}/_history")])
        .collect();
    let answers = |region: &Region| -> Vec<Vec<u8>> {
        region.until_caught_up();
        // What a paged answer calls itself differs from one asking to the next; the resources do not.
        paths.iter().map(|path| resources(&region.fhir(READER_TOKEN, "GET", path, b"").expect(200).body)).collect()
    };
    let before = answers(&region);
    assert!(before.iter().all(|answer| answer.len() > 500));
    assert!(region.stop().success());

    let (fine, told, said) = region.skein(&["rebuild"]);
    assert!(fine && told.contains("rebuilt from"), "{told}{said}");
    let (same, told, said) = region.skein(&["verify"]);
    assert!(same, "{told}{said}");
    region.serve();
    assert_eq!(answers(&region), before);
    assert!(region.stop().success());

    region.lose_derived();
    region.serve();
    assert_eq!(answers(&region), before, "lost altogether, it is made again at the next start");
}

fn resources(bundle: &[u8]) -> Vec<u8> {
    let bundle: serde_json::Value = serde_json::from_slice(bundle).unwrap();
    let entries = bundle["entry"].as_array().unwrap();
    entries.iter().flat_map(|entry| entry["resource"].to_string().into_bytes()).collect()
}

/// A row of the derived state that somebody changed by hand is found.
fn verify_finds_what_the_journal_does_not_say(mut region: Region) {
    region.sender("rcb-adt").send(&Adt::new("A01", "1001", "20250301120000").visit("V1", "OBS1").bytes());
    region.until_caught_up();
    assert!(region.stop().success());
    region.tamper("derived", "UPDATE resource SET version = version + 1");
    let (same, told, said) = region.skein(&["verify"]);
    assert!(!same && told.contains("differs") && said.contains("rebuild"), "{told}{said}");
    assert!(region.skein(&["rebuild"]).0);
    assert!(region.skein(&["verify"]).0);
}

/// Messages keep coming while it is checked: what came since it began is not taken for a difference.
fn verify_is_right_beside_a_region_that_goes_on(region: Region) {
    let sent = AtomicU32::new(0);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut pas = region.sender("rcb-adt");
            while !done.load(SeqCst) {
                let n = sent.fetch_add(1, SeqCst) + 1;
                let mut admitted = Adt::new("A01", "1001", "20250301120000").visit("V1", "OBS1");
                admitted.control_id = n.to_string();
                let text = String::from_utf8(admitted.bytes()).unwrap();
                pas.send(
                    text.replace("1001", &(1000 + n % 50).to_string()).replace("OBS1", &format!("W{n}")).as_bytes(),
                );
            }
        });
        for _ in 0..3 {
            let before = sent.load(SeqCst);
            while sent.load(SeqCst) < before + 50 {
                std::thread::yield_now();
            }
            let (same, told, said) = region.skein(&["verify"]);
            assert!(same, "{told}{said}");
            assert!(sent.load(SeqCst) > before + 50, "nothing came meanwhile");
        }
        done.store(true, SeqCst);
    });
    let left: Vec<_> =
        std::fs::read_dir(region.folder().join("data")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with("verify")), "{left:?}");
}
