//! Medicines, vaccinations and allergies.

use crate::support::*;
use fhir::ResourceType::*;

fn rde(control: &str, at: &str) -> String {
    format!(
        "{}PID|1||{JOAN}\nORC|{control}|M1^RXX||||||||{at}|||C3456789^Darwin^Samuel^^^Dr\nRXE||39732311000001104^Amlodipine 5mg tablets^DMD|5||mg||^One tablet each morning|||28|tablet|2\nTQ1|1||QD||||202503011000\nRXR|PO^Oral^HL70162",
        msh("RDE^O11", at)
    )
}

#[test]
fn a_prescription_says_what_how_much_and_how() {
    let mut w = World::new();
    w.send(&rde("NW", "202503011000"));
    let request = w.one(MedicationRequest);
    assert_eq!((text(request, "/status"), text(request, "/intent")), ("active", "order"));
    assert_eq!(text(request, "/medicationCodeableConcept/coding/0/system"), "https://dmd.nhs.uk");
    assert_eq!(text(request, "/dosageInstruction/0/text"), "One tablet each morning");
    assert_eq!(json(request, "/dosageInstruction/0/doseAndRate/0/doseQuantity/value"), "5");
    assert_eq!(text(request, "/dosageInstruction/0/route/coding/0/display"), "Oral");
    assert_eq!(text(request, "/dosageInstruction/0/timing/code/coding/0/code"), "QD");
    assert_eq!(json(request, "/dispenseRequest/numberOfRepeatsAllowed"), "2");
    assert_eq!(json(request, "/dispenseRequest/quantity/value"), "28");
}

#[test]
fn a_stopped_medicine_stays_stopped() {
    let (new, stopped) = (rde("NW", "202503011000"), rde("DC", "202503051000"));
    for order in [[&new, &stopped], [&stopped, &new]] {
        let mut w = World::new();
        w.send_all(order);
        assert_eq!(text(w.one(MedicationRequest), "/status"), "stopped");
    }
}

#[test]
fn what_was_dispensed_points_to_what_was_asked() {
    let mut w = World::new();
    w.send(
        &rde("NW", "202503011000")
            .replace("RDE^O11", "RDS^O13")
            .replace("RXR|", "RXD|1|39732311000001104^Amlodipine 5mg tablets^DMD|202503021100|28|tablet||D77\nRXR|"),
    );
    let dispense = w.one(MedicationDispense);
    assert_eq!(json(dispense, "/quantity/value"), "28");
    assert_eq!(text(dispense, "/whenHandedOver"), "2025-03-02T11:00:00+00:00");
    assert!(text(dispense, "/authorizingPrescription/0/reference").starts_with("MedicationRequest/"));
}

fn vxu(action: &str, completion: &str, at: &str) -> String {
    format!(
        "{}PID|1||{JOAN}\nORC|RE|V1^GP|W1^GP\nRXA|0|1|20250115||1119349007^COVID-19 vaccine^SCT|0.3|mL||00^New record|7824^Jackson^Lily|||||LOT7|20260101|PF^Pfizer^L|||{completion}|{action}|{at}\nRXR|IM^Intramuscular^HL70162|LD^Left deltoid^HL70163",
        msh("VXU^V04", at)
    )
}

#[test]
fn a_vaccination_has_its_batch_and_site() {
    let mut w = World::new();
    w.send(&vxu("A", "CP", "202501151000"));
    let vaccine = w.one(Immunization);
    assert_eq!((text(vaccine, "/status"), text(vaccine, "/lotNumber")), ("completed", "LOT7"));
    assert_eq!(text(vaccine, "/occurrenceDateTime"), "2025-01-15");
    assert_eq!(text(vaccine, "/vaccineCode/coding/0/system"), "http://snomed.info/sct");
    assert_eq!(text(vaccine, "/site/coding/0/display"), "Left deltoid");
    assert_eq!(text(vaccine, "/expirationDate"), "2026-01-01");
    assert_eq!(vaccine.get("primarySource"), Some(&true.into()));
}

#[test]
fn a_vaccination_that_was_not_given_or_not_true_says_so() {
    for (action, completion, status) in [("A", "RE", "not-done"), ("D", "CP", "entered-in-error")] {
        let (first, then) = (vxu("A", "CP", "202501151000"), vxu(action, completion, "202501161000"));
        for order in [[&first, &then], [&then, &first]] {
            let mut w = World::new();
            w.send_all(order);
            assert_eq!(text(w.one(Immunization), "/status"), status);
        }
    }
}

#[test]
fn an_allergy_told_often_is_one_allergy_and_only_an_action_takes_it_back() {
    let mut w = World::new();
    for at in ["20250301", "20250302", "20250303"] {
        w.send(&adt("A08", at, JOAN, "AL1|1|DA|PEN^Penicillin^L|MI|Rash~Itch|2001"));
    }
    w.send(&adt("A08", "20250304", JOAN, ""));
    let allergy = w.one(AllergyIntolerance);
    assert_eq!(json(allergy, "/category"), r#"["medication"]"#);
    assert_eq!(text(allergy, "/clinicalStatus/coding/0/code"), "active");
    assert_eq!(allergy.at("/reaction/0/manifestation").unwrap().as_array().unwrap().len(), 2);
    assert_eq!(text(allergy, "/onsetDateTime"), "2001");
    w.send(&adt("A60", "20250305", JOAN, "IAM|1|DA|PEN^Penicillin^L|MI||D"));
    let allergy = w.one(AllergyIntolerance);
    assert_eq!(text(allergy, "/verificationStatus/coding/0/code"), "entered-in-error");
    assert!(allergy.get("clinicalStatus").is_none(), "ait-2");
    // The habit of repeating AL1 in every older message does not bring it back.
    w.send(&adt("A08", "20250304", JOAN, "AL1|1|DA|PEN^Penicillin^L"));
    assert!(w.one(AllergyIntolerance).get("clinicalStatus").is_none());
}

#[test]
fn a_severity_without_reaction_tells_of_the_risk() {
    let mut w = World::new();
    w.send(&adt("A08", "20250301", JOAN, "AL1|1|FA|NUT^Peanut^L|SV"));
    let allergy = w.one(AllergyIntolerance);
    assert_eq!(text(allergy, "/criticality"), "high");
    assert!(allergy.get("reaction").is_none());
}
