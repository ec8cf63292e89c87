//! Networks deliver out of order. Older news may fill a gap, but never replaces newer.

use crate::harness::{Region, say::Adt};
use serde_json::Value;

fn only(region: &Region, number: &str) -> Value {
    let id = region.patient_by_nhs_number(number);
    region.read(&format!("/Patient/{id}"))
}

crate::harness::on_both!(late_message_never_overwrites);

/// She married on the first of March; on the second, a message from February arrives at last.
fn late_message_never_overwrites(region: Region) {
    let mut pas = region.sender("rcb-adt");
    let married = Adt::new("A31", "22789", "20250301120000").traced("9434765919").named("HARGREAVES^JOAN^^^MRS");
    let before = Adt::new("A31", "22789", "20250201120000")
        .traced("9434765919")
        .named("BAXTER^JOAN^^^MISS")
        .telephone("01904 123456");
    assert_eq!(pas.send(&married.bytes()).code(), "AA");
    assert_eq!(pas.send(&before.bytes()).code(), "AA");
    let patient = only(&region, "9434765919");
    assert_eq!(patient["name"][0]["family"], "HARGREAVES", "the newer name stays");
    assert!(patient["telecom"].to_string().contains("01904 123456"), "and the older number fills a gap: {patient:#}");
}

/// A discharge that overtakes the admission it ends leaves one finished stay, whichever way round they come.
#[test]
fn a_discharge_may_overtake_its_admission() {
    let admitted = Adt::new("A01", "22789", "20250301120000").traced("9434765919").visit("V1", "OBS1").bytes();
    let discharged = Adt::new("A03", "22789", "20250304090000").traced("9434765919").visit("V1", "OBS1").bytes();
    let stays: Vec<Vec<Value>> = [[&admitted, &discharged], [&discharged, &admitted]]
        .iter()
        .map(|order| {
            let region = Region::start();
            let mut pas = region.sender("rcb-adt");
            for message in order {
                assert_eq!(pas.send(message).code(), "AA");
            }
            let person = region.patient_by_nhs_number("9434765919");
            region.read_all(&format!("/Encounter?patient={person}")).into_iter().map(without_meta).collect()
        })
        .collect();
    assert_eq!(stays[0].len(), 1);
    assert_eq!(stays[0][0]["status"], "finished");
    assert_eq!(stays[0], stays[1]);
}

/// A cancelled admission stays cancelled when the admission itself arrives late.
#[test]
fn a_late_admission_does_not_undo_its_cancellation() {
    let region = Region::start();
    let mut pas = region.sender("rcb-adt");
    let cancelled = Adt::new("A11", "22789", "20250301123000").traced("9434765919").visit("V1", "OBS1");
    let admitted = Adt::new("A01", "22789", "20250301120000").traced("9434765919").visit("V1", "OBS1");
    pas.send(&cancelled.bytes());
    pas.send(&admitted.bytes());
    let person = region.patient_by_nhs_number("9434765919");
    let stays = region.read_all(&format!("/Encounter?patient={person}"));
    assert!(
        stays.iter().all(|stay| stay["status"] == "cancelled" || stay["status"] == "entered-in-error"),
        "{stays:#?}"
    );
}

fn without_meta(mut resource: Value) -> Value {
    resource.as_object_mut().unwrap().remove("meta");
    resource
}
