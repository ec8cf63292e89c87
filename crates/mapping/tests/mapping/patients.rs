//! Demographics: three states of a field, restricted people, and what the UK writes differently.

use crate::support::*;

fn pid(fields: &[(usize, &str)]) -> String {
    let mut all = vec![String::new(); 41];
    all[0] = "1001^^^RXX^MR".into();
    for (n, value) in fields {
        all[n - 3] = (*value).into();
    }
    all.join("|").trim_end_matches('|').to_owned()
}

fn a31(at: &str, fields: &[(usize, &str)]) -> String {
    adt("A31", at, &pid(fields), "")
}

#[test]
fn empty_means_unchanged_and_quotes_mean_gone() {
    let mut w = World::new();
    w.send(&a31("20250301", &[(5, "BAXTER^JOAN"), (13, "01904 123456"), (16, "M"), (7, "19520314")]));
    w.send(&a31("20250302", &[(5, "BAXTER^JOAN"), (13, ""), (16, "\"\"")]));
    let patient = w.patient("RXX|1001");
    assert_eq!(text(patient, "/telecom/0/value"), "01904 123456");
    assert_eq!(text(patient, "/birthDate"), "1952-03-14");
    assert!(patient.get("maritalStatus").is_none());
    // What was deleted stays deleted when an older message comes late.
    w.send(&a31("20250301", &[(16, "W")]));
    assert!(w.patient("RXX|1001").get("maritalStatus").is_none());
}

#[test]
fn repetitions_are_a_whole_snapshot() {
    let mut w = World::new();
    w.send(&a31("20250301", &[(13, "01904 123456~07700 900123"), (14, "01904 999999")]));
    let patient = w.patient("RXX|1001");
    let uses: Vec<&str> = patient.list("telecom").iter().map(|t| t["use"].as_str().unwrap()).collect();
    assert_eq!(uses, ["home", "mobile", "work"]);
    w.send(&a31("20250302", &[(13, "07700 900456")]));
    let patient = w.patient("RXX|1001");
    let numbers: Vec<&str> = patient.list("telecom").iter().map(|t| t["value"].as_str().unwrap()).collect();
    assert_eq!(
        numbers,
        ["07700 900456", "01904 999999"],
        "the home numbers were replaced, the work number was not spoken of"
    );
}

#[test]
fn sexes_are_read_in_both_ways_of_writing() {
    for (code, gender) in [
        ("1", "male"),
        ("2", "female"),
        ("9", "other"),
        ("0", "unknown"),
        ("M", "male"),
        ("F", "female"),
        ("U", "unknown"),
    ] {
        let mut w = World::new();
        w.send(&a31("20250301", &[(8, code)]));
        assert_eq!(text(w.patient("RXX|1001"), "/gender"), gender);
    }
    let mut w = World::new();
    let set = w.send(&a31("20250301", &[(8, "Q")]));
    assert_eq!(set.findings[0].code, "unknown-code");
    assert!(!set.findings[0].text.contains('Q'), "a finding never holds the value");
}

#[test]
fn ethnic_categories_are_national_unless_another_table_is_named() {
    for (sent, system, code) in [
        ("A", "https://fhir.hl7.org.uk/CodeSystem/UKCore-EthnicCategoryEngland", "A"),
        ("99", "https://fhir.hl7.org.uk/CodeSystem/UKCore-EthnicCategoryEngland", "99"),
        ("Z", "https://fhir.hl7.org.uk/CodeSystem/UKCore-EthnicCategoryEngland", "Z"),
        ("H^Hispanic^HL70189", "http://terminology.hl7.org/CodeSystem/v2-0189", "H"),
        ("QQ", "https://skein.example/codes/rxx/PID-22", "QQ"),
    ] {
        let mut w = World::new();
        w.send(&a31("20250301", &[(22, sent)]));
        let concept = &w.patient("RXX|1001").list("extension")[0]["valueCodeableConcept"]["coding"][0];
        assert_eq!((concept["system"].as_str(), concept["code"].as_str()), (Some(system), Some(code)), "{sent}");
    }
}

#[test]
fn local_codes_of_the_profile_come_first_and_the_sent_code_stays() {
    let mut w = World::toml(
        "source = \"rxx\"\n[codes.\"PID-17\"]\nCE = { system = \"http://snomed.info/sct\", code = \"276117007\", display = \"Church of England\" }",
    );
    w.send(&a31("20250301", &[(17, "CE")]));
    let codings = w.patient("RXX|1001").list("extension")[0]["valueCodeableConcept"]["coding"].clone();
    assert_eq!(codings[0]["code"], "276117007");
    assert_eq!(codings[1]["code"], "CE");
    assert_eq!(codings[1]["system"], "https://skein.example/codes/rxx/PID-17");
}

#[test]
fn separated_in_the_nhs_is_partner_in_hl7() {
    let marital = |toml: &str| {
        let mut w = World::toml(&format!("source = \"rxx\"\n{toml}"));
        w.send(&a31("20250301", &[(16, "P")]));
        text(w.patient("RXX|1001"), "/maritalStatus/coding/0/display").to_owned()
    };
    assert_eq!(marital(""), "Separated");
    assert_eq!(marital("[patient]\nmarital_status = \"hl7\""), "Domestic partner");
}

#[test]
fn death_is_told_with_its_date_and_can_be_taken_back() {
    let mut w = World::new();
    w.send(&a31("20250301", &[(29, "202502281430"), (30, "Y")]));
    let patient = w.patient("RXX|1001");
    assert_eq!(text(patient, "/deceasedDateTime"), "2025-02-28T14:30:00+00:00");
    assert!(patient.list("extension").iter().any(|e| e.to_string().contains("DeathNotificationStatus")));
    w.send(&a31("20250302", &[(29, "\"\""), (30, "N")]));
    let patient = w.patient("RXX|1001");
    assert!(patient.get("deceasedDateTime").is_none());
    assert_eq!(patient.get("deceasedBoolean"), Some(&false.into()));
    assert!(patient.list("extension").is_empty());
}

#[test]
fn restricted_people_carry_a_label() {
    let mut w = World::new();
    let restricted = |at: &str, flag: &str| adt("A31", at, JOAN, &format!("PD1||||||||||||{flag}"));
    w.send(&restricted("20250301", "Y"));
    let label =
        r#"[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"R","display":"restricted"}]"#;
    assert_eq!(json(w.patient("RXX|1001"), "/meta/security"), label);
    // A message that says nothing of it does not lift it.
    w.send(&adt("A31", "20250302", JOAN, ""));
    assert_eq!(json(w.patient("RXX|1001"), "/meta/security"), label);
    w.send(&restricted("20250303", "N"));
    assert!(w.patient("RXX|1001").at("/meta/security").is_none());
    w.send(&restricted("20250304", "V"));
    assert_eq!(text(w.patient("RXX|1001"), "/meta/security/0/code"), "V");
}

#[test]
fn names_keep_their_use_and_their_title() {
    let mut w = World::new();
    w.send(&a31("20250301", &[(5, "BAXTER^JOAN MARY^ANN^^MRS^^L~HARGREAVES^JOAN^^^^^M"), (9, "BAXTER^JOANIE")]));
    let patient = w.patient("RXX|1001");
    assert_eq!(
        json(patient, "/name/0"),
        r#"{"use":"official","family":"BAXTER","given":["JOAN","MARY","ANN"],"prefix":["MRS"]}"#
    );
    assert_eq!(text(patient, "/name/1/use"), "maiden");
    assert_eq!(text(patient, "/name/2/use"), "nickname");
    let mut w = World::new();
    w.send(&a31("20250301", &[(5, "CHISLETT^Octavia^^Miss")]));
    assert_eq!(json(w.patient("RXX|1001"), "/name/0/prefix"), r#"["Miss"]"#, "a title one component early is a title");
}

#[test]
fn demographics_beside_a_result_fill_gaps_but_never_replace_those_of_adt() {
    let mut w = World::new();
    w.send(&adt("A31", "20250301", JOAN, ""));
    let oru = format!(
        "{}PID|1||1001^^^RXX^MR||OLDNAME^JOAN||19520314|2|||1 High Street^^York^^YO1 1AA\nOBR|1|P1|F1|CRE^Creatinine^L|||20250401|||||||||||||||20250401|||F\nOBX|1|NM|CRE^Creatinine^L||71|umol/L|45-84|N|||F",
        msh("ORU^R01", "20250401")
    );
    w.send(&oru);
    let patient = w.patient("RXX|1001");
    assert_eq!(text(patient, "/name/0/family"), "BAXTER", "though the result is newer");
    assert_eq!(text(patient, "/address/0/postalCode"), "YO1 1AA");
}
