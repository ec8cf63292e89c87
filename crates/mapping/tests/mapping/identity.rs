//! Who a message is about.

use crate::support::*;
use fhir::{ResourceType, nhs};
use mapping::Severity;

fn sent(pid: &str) -> String {
    adt("A31", "20250301120000", pid, "")
}

/// Every spelling of the NHS number that is met; the number is stored without spaces.
#[test]
fn an_nhs_number_is_known_in_all_its_spellings() {
    for pid in [
        "9434765919^^^NHS||BAXTER^JOAN",
        "9434765919^^^NHS^NH||BAXTER^JOAN",
        "9434765919^^^NHS^HN||BAXTER^JOAN",
        "943 476 5919^^^NHS||BAXTER^JOAN",
        "943-476-5919^^^^NH||BAXTER^JOAN",
        "9434765919^^^2.16.840.1.113883.2.1.4.1||BAXTER^JOAN",
        "9434765919^^^&2.16.840.1.113883.2.1.4.1&ISO||BAXTER^JOAN",
        "^^^^MR||BAXTER^JOAN||||||||||||||943 476 5919",
    ] {
        let mut w = World::new();
        let set = w.send(&sent(pid));
        assert!(set.findings.is_empty(), "{pid}: {:?}", set.findings);
        let patient = w.patient("NHS|9434765919");
        assert_eq!(text(patient, "/identifier/0/system"), nhs::SYSTEM, "{pid}");
        assert_eq!(text(patient, "/identifier/0/value"), "9434765919", "{pid}");
        assert_eq!(patient.list("identifier").len(), 1, "{pid}");
    }
    let mut w = World::new();
    w.send(&sent("||BAXTER^JOAN").replace("PID|1||", "PID|1|943 476 5919|"));
    w.patient("NHS|9434765919");
}

#[test]
fn ten_digits_alone_are_only_an_nhs_number_where_the_profile_says_so() {
    let message = sent("9434765919||BAXTER^JOAN");
    let mut plain = World::new();
    plain.send(&message);
    plain.patient("|9434765919");
    let mut told = World::toml("source = \"rxx\"\n[patient]\nnhs_bare = true");
    told.send(&message);
    told.patient("NHS|9434765919");
}

#[test]
fn only_a_traced_number_is_verified() {
    let status = |pid32: &str, toml: &str| {
        let mut w = World::toml(&format!("source = \"rxx\"\n{toml}"));
        w.send(&sent(&format!("1001^^^RXX^MR~9434765919^^^NHS||BAXTER^JOAN{}{pid32}", "|".repeat(27))));
        let patient = w.patient("RXX|1001");
        let number = item(patient, "identifier", nhs::SYSTEM).clone();
        number.pointer("/extension/0/valueCodeableConcept/coding/0/code").and_then(|c| c.as_str()).map(str::to_owned)
    };
    assert_eq!(status("NSTS01", ""), Some("01".to_owned()));
    assert_eq!(status("01", ""), Some("01".to_owned()));
    assert_eq!(status("NSTS04", ""), Some("04".to_owned()));
    assert_eq!(status("", ""), None);
    assert_eq!(status("NONSENSE", ""), None);
    assert_eq!(status("", "[patient]\nnhs_verified = \"always\""), Some("01".to_owned()));
    assert_eq!(status("NSTS01", "[patient]\nnhs_verified = \"never\""), Some("02".to_owned()));
}

#[test]
fn a_wrong_check_digit_is_kept_and_marked() {
    let mut w = World::new();
    let set = w.send(&sent(&format!("1001^^^RXX^MR~9434765918^^^NHS||BAXTER^JOAN{}NSTS01", "|".repeat(27))));
    assert_eq!(codes(set), vec![(Severity::Warning, "nhs-number-check-digit".to_owned())]);
    assert_eq!(set.findings[0].place, "PID-3[2].1");
    let number = item(w.patient("RXX|1001"), "identifier", nhs::SYSTEM).clone();
    assert_eq!(number["value"], "9434765918");
    assert_eq!(number["extension"][0]["url"], nhs::INVALID_CHECK_DIGIT);
    assert_eq!(number["extension"].as_array().unwrap().len(), 1, "whatever PID-32 says, it is not verified");
}

#[test]
fn a_patient_without_any_identifier_goes_to_the_error_desk() {
    for pid in ["||BAXTER^JOAN||19520314|2", "^^^RXX^MR||BAXTER^JOAN", "9434765918^^^NHS||BAXTER^JOAN"] {
        let w = World::new();
        let set = w.map(&sent(pid));
        assert!(codes(&set).contains(&(Severity::Error, "patient-without-identifier".to_owned())), "{pid}");
        assert!(set.changes.is_empty() && set.lanes.is_empty());
    }
    let set = World::new().map(&msh("ADT^A31", "20250301120000"));
    assert_eq!(codes(&set), vec![(Severity::Error, "patient-without-identifier".to_owned())]);
}

#[test]
fn the_profile_names_the_sources_own_number() {
    let message = sent("77^^^OTHER^PI~1001^^^RXX^MR~900^^^OLDPAS||BAXTER^JOAN");
    let mut by_type = World::new();
    by_type.send(&message);
    by_type.patient("OTHER|77");
    let mut named = World::toml("source = \"rxx\"\n[patient]\nlocal_authorities = [\"RXX\", \"OLDPAS\"]");
    named.send(&message);
    named.patient("RXX|1001");
    assert_eq!(text(named.patient("RXX|1001"), "/identifier/0/value"), "1001", "its own number comes first");
    // An identifier under the old authority is keyed under the canonical one.
    named.send(&sent("1001^^^OLDPAS||BAXTER^JOAN"));
    assert_eq!(named.all(ResourceType::Patient).len(), 1);
}

#[test]
fn another_register_is_no_patient_number() {
    let mut w = World::new();
    w.send(&sent("111-22-3333^^^USA^SS~1001^^^RXX||BAXTER^JOAN"));
    w.patient("RXX|1001");
}

#[test]
fn a_profile_can_name_an_identifier_system() {
    let mut w = World::toml("source = \"rxx\"\n[patient.systems]\nRXX = \"https://rxx.nhs.uk/mrn\"");
    w.send(&sent(JOAN));
    assert_eq!(text(w.patient("RXX|1001"), "/identifier/0/system"), "https://rxx.nhs.uk/mrn");
}
