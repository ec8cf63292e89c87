//! The hospital finds that two of its patients are one, and then that they are not.

use crate::harness::{Region, say::Adt};
use serde_json::Value;

crate::harness::on_both!(merge_and_undo, merges_of_unknown_patients_wait_for_them_and_chains_are_followed);

fn record(region: &Region, id: &str) -> Vec<Value> {
    region.read_all(&format!("/Patient/{id}/$everything"))
}

fn id_of_local(region: &Region, number: &str) -> String {
    let found = region.read(&format!("/Patient?identifier={number}"));
    let own = found["entry"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|entry| &entry["resource"])
        .find(|patient| patient["identifier"].to_string().contains(&format!("\"{number}\"")));
    own.unwrap_or_else(|| panic!("no patient {number} in {found:#}"))["id"].as_str().unwrap().to_owned()
}

/// A merge joins the two records; undoing it gives back both, byte for byte.
fn merge_and_undo(region: Region) {
    let mut pas = region.sender("rcb-adt");
    for (local, visit, at) in [("1001", "V1", "20250301120000"), ("1002", "V2", "20250302120000")] {
        let admitted = Adt::new("A01", local, at).visit(visit, "OBS1").and("AL1|1|DA|Z88.0^Penicillin^I10");
        assert_eq!(pas.send(&admitted.bytes()).code(), "AA");
    }
    let (stays, goes) = (id_of_local(&region, "1001"), id_of_local(&region, "1002"));
    let before = (record(&region, &stays), record(&region, &goes));
    assert_ne!(before.0, before.1);

    let merge = Adt::new("A40", "1001", "20250303120000").and("MRG|1002^^^RCB^MR");
    assert_eq!(pas.send(&merge.bytes()).code(), "AA");
    let merged = record(&region, &stays);
    let visits = merged.iter().filter(|resource| resource["resourceType"] == "Encounter").count();
    assert_eq!(visits, 2, "both visits are in the one record");
    let loser = merged.iter().find(|resource| resource["id"] == goes.as_str()).expect("the loser is still there");
    assert_eq!(loser["active"], false);
    assert_eq!(loser["link"][0]["type"], "replaced-by");
    assert_eq!(loser["link"][0]["other"]["reference"], format!("Patient/{stays}"));
    assert_eq!(record(&region, &goes), merged, "asking for either gives the one record");

    let undo = Adt::new("A37", "1001", "20250304120000").and("PID|2||1002^^^RCB^MR||BAXTER^JOAN^^^MRS||19520314|2");
    assert_eq!(pas.send(&undo.bytes()).code(), "AA");
    assert_eq!((record(&region, &stays), record(&region, &goes)), before, "byte for byte as before");
}

/// What a merge says about the survivor's name is not news about the survivor: it only names it.
#[test]
fn a_merge_does_not_change_the_survivor() {
    let region = Region::start();
    let mut pas = region.sender("rcb-adt");
    pas.send(&Adt::new("A28", "1001", "20250301120000").named("BAXTER^JOAN").bytes());
    pas.send(&Adt::new("A28", "1002", "20250301120000").named("BAXTER^J").bytes());
    pas.send(&Adt::new("A40", "1001", "20250302120000").named("WRONG^NAME").and("MRG|1002^^^RCB^MR").bytes());
    let id = id_of_local(&region, "1001");
    assert_eq!(region.read(&format!("/Patient/{id}"))["name"][0]["family"], "BAXTER");
}

/// A merge may come before the patients it speaks of, and merges may come in chains.
fn merges_of_unknown_patients_wait_for_them_and_chains_are_followed(region: Region) {
    let mut pas = region.sender("rcb-adt");
    pas.send(&Adt::new("A40", "1002", "20250302120000").and("MRG|1003^^^RCB^MR").bytes());
    pas.send(&Adt::new("A40", "1001", "20250303120000").and("MRG|1002^^^RCB^MR").bytes());
    pas.send(&Adt::new("A01", "1003", "20250301120000").visit("V3", "OBS1").bytes());
    let id = id_of_local(&region, "1001");
    let visits = region.read_all(&format!("/Encounter?patient={id}"));
    assert_eq!(visits.len(), 1, "the visit of 1003 is in the record of 1001");
}
