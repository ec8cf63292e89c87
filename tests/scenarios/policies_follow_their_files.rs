//! The region's own policies: changed while it runs, checked before they count, rehearsed before they are changed.

use crate::harness::{Region, Setup, region::READER_TOKEN, say::Adt};
use std::time::{Duration, Instant};

fn begin() -> (Region, std::path::PathBuf, String) {
    let mut region = Region::prepared(Setup::default());
    let folder = region.folder().join("policies");
    let (done, _, said) = region.skein(&["policy", "export", folder.to_str().unwrap()]);
    assert!(done, "{said}");
    let config = std::fs::read_to_string(region.config()).unwrap();
    let config = config.replace("data = \"data\"\n", "data = \"data\"\npolicies = \"policies\"\n");
    std::fs::write(region.config(), config).unwrap();
    region.serve();
    region
        .sender("rcb-adt")
        .send(&Adt::new("A01", "1001", "20250301120000").traced("9434765919").visit("V1", "OBS1").bytes());
    let person = region.patient_by_nhs_number("9434765919");
    (region, folder, person)
}

/// A rule that is taken out stops counting within seconds, without a restart; a file that cannot be read changes nothing.
#[test]
fn changed_policies_come_into_force_and_broken_ones_do_not() {
    let (region, folder, person) = begin();
    let path = format!("/Patient/{person}/$everything");
    let ask = || region.fhir(READER_TOKEN, "GET", &path, b"").status;
    assert_eq!(ask(), 200);
    let file = folder.join("10-records.cedar");
    let good = std::fs::read_to_string(&file).unwrap();
    let strict = good.replace("principal.reach == \"region\"", "principal.reach == \"nowhere\"");
    assert_ne!(good, strict);
    let until = |wanted: u16| {
        let begun = Instant::now();
        while ask() != wanted {
            assert!(begun.elapsed() < Duration::from_secs(30), "the policies did not come into force");
            std::thread::sleep(Duration::from_millis(200));
        }
    };
    std::fs::write(&file, &strict).unwrap();
    until(403);
    std::fs::write(&file, "permit (").unwrap();
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!(ask(), 403, "what cannot be used changes nothing");
    let (fine, _, said) = region.skein(&["policy", "check"]);
    assert!(!fine && said.contains("10-records.cedar"), "{said}");
    std::fs::write(&file, &good).unwrap();
    until(200);
    let (_, listed, _) = region.skein(&["audit", "list", "--last", "1000"]);
    assert_eq!(listed.matches("change-policies").count(), 2, "{listed}");
}

/// What would have gone otherwise is told from the accesses as they were recorded, and nothing changes by asking.
#[test]
fn a_rehearsal_tells_what_other_policies_would_have_refused() {
    let (region, folder, person) = begin();
    for _ in 0..3 {
        region.read(&format!("/Patient/{person}/$everything"));
    }
    let other = region.folder().join("other");
    std::fs::create_dir(&other).unwrap();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), other.join(entry.file_name())).unwrap();
    }
    let rehearse = || region.skein(&["policy", "rehearse", other.to_str().unwrap(), "--days", "3650"]);
    let (done, told, said) = rehearse();
    assert!(done && told.contains("0 of 3 accesses"), "{told}{said}");
    let file = other.join("10-records.cedar");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("principal.reach == \"region\"", "principal.reach == \"nowhere\"")).unwrap();
    let (done, told, said) = rehearse();
    assert!(done && told.contains("3 of 3 accesses") && told.contains("would be refused"), "{told}{said}");
    region.read(&format!("/Patient/{person}/$everything"));
}
