//! A sender that got no answer sends again. That must never count twice.

use crate::harness::{Region, say::Adt};

crate::harness::on_both!(
    twice_is_once,
    twice_is_once_across_a_restart,
    one_control_id_with_other_bytes_is_another_message,
);

/// The same bytes again get the stored answer, and the record stays as it was, versions included.
fn twice_is_once(region: Region) {
    let mut pas = region.sender("rcb-adt");
    let admitted = Adt::new("A01", "22789", "20250301120000").traced("9434765919").visit("V1", "OBS1").bytes();
    let first = pas.send(&admitted);
    assert_eq!(first.code(), "AA");
    let person = region.patient_by_nhs_number("9434765919");
    let before = region.read_all(&format!("/Patient/{person}/$everything"));

    assert_eq!(pas.send(&admitted), first, "on the same connection");
    assert_eq!(region.sender("rcb-adt").send(&admitted), first, "and on another");
    assert_eq!(region.read_all(&format!("/Patient/{person}/$everything")), before);
}

/// A repeat is recognised after a restart as well.
fn twice_is_once_across_a_restart(mut region: Region) {
    let admitted = Adt::new("A01", "22789", "20250301120000").traced("9434765919").visit("V1", "OBS1").bytes();
    let first = region.sender("rcb-adt").send(&admitted);
    let person = region.patient_by_nhs_number("9434765919");
    let before = region.read_all(&format!("/Patient/{person}/$everything"));
    assert!(region.stop().success());
    region.serve();
    assert_eq!(region.sender("rcb-adt").send(&admitted), first);
    assert_eq!(region.read_all(&format!("/Patient/{person}/$everything")), before);
}

/// One control id for two messages is a sender's mistake, and no reason to lose the second.
fn one_control_id_with_other_bytes_is_another_message(region: Region) {
    let mut pas = region.sender("rcb-adt");
    let mut admitted = Adt::new("A01", "22789", "20250301120000").traced("9434765919").visit("V1", "OBS1");
    pas.send(&admitted.bytes());
    admitted.at = "20250301130000";
    admitted.event = "A02";
    admitted.visit = Some(("V1", "SURG2"));
    assert_eq!(pas.send(&admitted.bytes()).code(), "AA");
    let person = region.patient_by_nhs_number("9434765919");
    let encounters = region.read_all(&format!("/Encounter?patient={person}"));
    assert_eq!(encounters.len(), 1);
    assert!(encounters[0].to_string().contains("SURG2"), "the move was processed: {:#}", encounters[0]);
}
