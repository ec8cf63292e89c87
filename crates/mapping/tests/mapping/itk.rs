//! The NHS's own example messages (ITK), as sent.

use crate::support::*;
use fhir::ResourceType::*;
use mapping::Severity;

fn itk(name: &str) -> String {
    shared(&format!("hl7v2/itk-uk/{name}"))
}

const ALL: [&str; 8] = [
    "ADT_A28_Example.txt",
    "ADT_A31_example.txt",
    "ADT_A05_Example.txt",
    "ADT_A40_Example.txt",
    "ADT_A01_example.txt",
    "ADT_A03_example.txt",
    "ADT_A04_example.txt",
    "ADT_A08_example.txt",
];

#[test]
fn eight_messages_tell_of_one_patient_and_five_visits() {
    let mut w = World::new();
    for file in ALL {
        let set = w.send(&itk(file));
        assert!(set.findings.iter().all(|f| f.severity < Severity::Error), "{file}: {:?}", set.findings);
    }
    let patient = w.patient("NHS|3333333333").clone();
    assert_eq!(
        json(&patient, "/identifier"),
        r#"[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"3333333333"}]"#
    );
    assert_eq!(text(&patient, "/name/0/family"), "SMITH");
    assert_eq!(json(&patient, "/name/0/given"), r#"["FREDRICA","J"]"#);
    assert_eq!(text(&patient, "/gender"), "female");
    assert_eq!(text(&patient, "/birthDate"), "1965-12-27", "the newest message, the A08, says so");
    assert_eq!(text(&patient, "/address/0/postalCode"), "YO32 5TT");
    assert_eq!(text(&patient, "/address/0/district"), "NORTH YORKSHIRE");
    assert_eq!(text(&patient, "/telecom/0/value"), "+441234567890");
    assert_eq!(text(&patient, "/communication/0/language/coding/0/code"), "en");
    assert_eq!(text(&patient, "/maritalStatus/coding/0/display"), "Married/Civil Partner");
    assert_eq!(text(&patient, "/generalPractitioner/0/identifier/value"), "Y06601");
    assert_eq!(text(&patient, "/generalPractitioner/1/identifier/system"), "https://fhir.hl7.org.uk/Id/gmp-number");
    let ethnic = item(&patient, "extension", "EthnicCategory").to_string();
    assert!(ethnic.contains("White - British"), "{ethnic}");

    assert_eq!(w.all(Encounter).len(), 5, "2139, YOR123456, 2140, 2141, 4532");
    assert_eq!(w.all(AllergyIntolerance).len(), 2, "Z88.5 five times, T63.0 once");
    assert_eq!(w.all(Condition).len(), 2);
    assert_eq!(w.all(Procedure).len(), 2);
    assert_eq!(w.all(RelatedPerson).len(), 2, "Albert and Francesca");
}

#[test]
fn the_admission_is_a_stay_on_a_ward() {
    let mut w = World::new();
    w.send(&itk("ADT_A01_example.txt"));
    let stay = w.one(Encounter);
    assert_eq!(text(stay, "/status"), "in-progress");
    assert_eq!(text(stay, "/class/code"), "IMP");
    assert_eq!(text(stay, "/identifier/0/value"), "2139");
    assert_eq!(text(stay, "/period/start"), "2010-10-20T17:16:00+01:00", "PV1-44, in British summer time");
    assert_eq!(text(stay, "/location/0/location/display"), "OBS1, bed BAY2-6 (RCB55)".replace("bed ", ""));
    assert_eq!(text(stay, "/location/0/status"), "active");
    assert_eq!(text(stay, "/serviceType/coding/0/display"), "General Internal Medicine");
    assert_eq!(text(stay, "/hospitalization/admitSource/coding/0/code"), "19");
    assert_eq!(
        text(stay, "/hospitalization/extension/0/valueCodeableConcept/coding/0/display"),
        "Elective Admission: Planned"
    );
    assert_eq!(text(stay, "/serviceProvider/identifier/value"), "RCB", "the trust of site RCB55");
    let attender = item(stay, "participant", "ATND").to_string();
    assert!(attender.contains("Dr Samuel Darwin") && attender.contains("consultant-code"), "{attender}");

    let diagnosis = w.one(Condition);
    assert_eq!(text(diagnosis, "/code/coding/0/system"), "http://hl7.org/fhir/sid/icd-10");
    assert_eq!(text(diagnosis, "/code/coding/0/code"), "N39.3");
    assert_eq!(text(diagnosis, "/encounter/reference").split('/').next(), Some("Encounter"));
    let procedure = w.one(Procedure);
    assert_eq!(text(procedure, "/code/coding/0/system"), "https://fhir.hl7.org.uk/Id/opcs-4");
    assert_eq!(text(procedure, "/status"), "preparation", "it lies ten days ahead of the message");
    let kin = w.one(RelatedPerson);
    assert_eq!(text(kin, "/name/0/family"), "SMITH");
    assert_eq!(text(kin, "/birthDate"), "1963-11-11");
}

#[test]
fn the_discharge_ends_its_stay() {
    let mut w = World::new();
    w.send(&itk("ADT_A03_example.txt"));
    let stay = w.one(Encounter);
    assert_eq!(text(stay, "/status"), "finished");
    assert_eq!(json(stay, "/period"), r#"{"start":"2010-10-20T17:16:00+01:00","end":"2010-10-21T17:06:00+01:00"}"#);
    assert_eq!(text(stay, "/hospitalization/dischargeDisposition/coding/0/code"), "19");
    let method = item(stay, "extension", "DischargeMethod").to_string();
    assert!(method.contains("mental health review tribunal"), "{method}");
    assert_eq!(w.all(Observation).len(), 2);
}

#[test]
fn a_month_thirteen_is_left_out_and_said() {
    let mut w = World::new();
    let set = w.send(&itk("ADT_A28_Example.txt"));
    assert_eq!(codes(set), vec![(Severity::Warning, "invalid-date".to_owned())]);
    assert_eq!(set.findings[0].place, "PID-7");
    assert!(w.patient("NHS|3333333333").get("birthDate").is_none());
}

#[test]
fn an_admission_that_is_expected_is_planned() {
    let mut w = World::new();
    w.send(&itk("ADT_A05_Example.txt"));
    let stay = w.one(Encounter);
    assert_eq!(text(stay, "/status"), "planned");
    assert!(stay.get("period").is_none());
    assert_eq!(text(stay, "/location/0/status"), "planned");
    assert_eq!(text(stay, "/reasonCode/0/coding/0/code"), "Labour");
}

#[test]
fn the_merge_names_a_patient_never_heard_of() {
    let mut w = World::new();
    let set = w.send(&itk("ADT_A40_Example.txt"));
    assert_eq!(set.lanes.len(), 2);
    assert_eq!(w.links.len(), 1);
    assert_eq!(text(w.patient("LOCALID|22789"), "/identifier/0/value"), "22789");
    assert!(w.patient("NHS|3333333333").get("name").is_none(), "a merge tells nothing of the survivor but who it is");
}

/// Copied from a PDF: lines broken within segments. What can be read is read; nothing is made up.
#[test]
fn the_broken_pathology_examples_end_on_the_error_desk() {
    for file in [
        "ORU_DHCW-Example-Pathology-Report-HL7v2ORU.txt",
        "ORU_DHCW-Example-PathologyReport-withAttachementsAndRanges-HL7v2ORU.txt",
    ] {
        let parsed = hl7v2::parse(itk(file).replace('\n', "\r").as_bytes());
        if let Some(message) = parsed.message {
            let w = World::new();
            let set = mapping::map_hl7v2(&w.region, &w.profile, &message, w.received);
            assert!(set.findings.iter().any(|f| f.severity == Severity::Error), "{file}: {:?}", set.findings);
            assert!(set.changes.is_empty());
        }
    }
}
