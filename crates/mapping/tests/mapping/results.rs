//! Results: preliminary, final, corrected, withdrawn; numbers and texts as sent; PDFs that open.

use crate::support::*;
use base64::Engine;
use fhir::{Resource, ResourceType::*, Value};
use mapping::Severity;

fn oru(at: &str, obr25: &str, lines: &str) -> String {
    format!(
        "{}PID|1||1001^^^RXX^MR||BAXTER^JOAN||19520314|2\nORC|RE|P1^RXX|F1^LAB\nOBR|1|P1^RXX|F1^LAB|FBC^Full blood count^L|||202503010800|||||||||C3456789^Darwin^Samuel^^^Dr||||||{at}||HM|{obr25}\n{lines}",
        msh("ORU^R01", at)
    )
}

fn hb(value: &str, status: &str) -> String {
    format!("OBX|1|NM|HB^Haemoglobin^L||{value}|g/L|115-165|L|||{status}|||202503010800")
}

fn after(messages: &[String]) -> World {
    let mut w = World::new();
    for message in messages {
        w.send(message);
    }
    w
}

fn value(w: &World) -> String {
    json(w.one(Observation), "/valueQuantity/value")
}

#[test]
fn a_result_keeps_its_number_unit_range_and_flag() {
    let w = after(&[oru("202503010900", "F", &hb("98.50", "F"))]);
    let result = w.one(Observation);
    assert_eq!(
        json(result, "/valueQuantity"),
        r#"{"value":98.50,"unit":"g/L","system":"http://unitsofmeasure.org","code":"g/L"}"#
    );
    assert_eq!(text(result, "/referenceRange/0/text"), "115-165");
    assert_eq!(json(result, "/referenceRange/0/low/value"), "115");
    assert_eq!(text(result, "/interpretation/0/coding/0/display"), "Low");
    assert_eq!(text(result, "/status"), "final");
    assert_eq!(text(result, "/effectiveDateTime"), "2025-03-01T08:00:00+00:00");
    assert_eq!(text(result, "/category/0/coding/0/code"), "laboratory");
    let report = w.one(DiagnosticReport);
    assert_eq!(text(report, "/status"), "final");
    assert_eq!(text(report, "/code/coding/0/display"), "Full blood count");
    assert_eq!(text(report, "/issued"), "2025-03-01T09:00:00+00:00");
    assert_eq!(report.list("result").len(), 1);
    assert_eq!(text(report, "/basedOn/0/identifier/value"), "P1");
    assert_eq!(report.list("identifier").len(), 2);
}

#[test]
fn final_replaces_preliminary_whichever_comes_last() {
    let early = oru("202503010900", "P", &hb("98", "P"));
    let last = oru("202503011200", "F", &hb("97", "F"));
    for order in [[&early, &last], [&last, &early]] {
        let w = after(&order.map(Clone::clone));
        assert_eq!((value(&w).as_str(), text(w.one(Observation), "/status")), ("97", "final"));
        assert_eq!(text(w.one(DiagnosticReport), "/status"), "final");
    }
    // Even a preliminary one that claims to be newer.
    let odd = oru("202503020900", "P", &hb("60", "P"));
    assert_eq!(value(&after(&[last, odd])), "97");
}

#[test]
fn a_correction_replaces_what_was_final() {
    let w = after(&[oru("202503011200", "F", &hb("97", "F")), oru("202503011500", "C", &hb("107", "C"))]);
    assert_eq!((value(&w).as_str(), text(w.one(Observation), "/status")), ("107", "corrected"));
    assert_eq!(text(w.one(DiagnosticReport), "/status"), "corrected");
}

#[test]
fn a_withdrawn_result_shows_no_value() {
    for (code, status) in [("W", "entered-in-error"), ("D", "entered-in-error"), ("X", "cancelled")] {
        let gone = oru("202503011500", "F", &format!("OBX|1|NM|HB^Haemoglobin^L||||||||{code}"));
        let right = oru("202503011200", "F", &hb("97", "F"));
        for order in [[&right, &gone], [&gone, &right]] {
            let w = after(&order.map(Clone::clone));
            let result = w.one(Observation);
            assert_eq!(text(result, "/status"), status);
            assert!(result.get("valueQuantity").is_none(), "{}", result.to_json());
        }
    }
}

#[test]
fn a_status_alone_makes_final_what_was_sent_before() {
    let first = oru("202503010900", "P", &hb("98", "P"));
    let now_final = oru("202503011200", "F", "OBX|1|NM|HB^Haemoglobin^L||||||||U");
    for order in [[&first, &now_final], [&now_final, &first]] {
        let w = after(&order.map(Clone::clone));
        assert_eq!((value(&w).as_str(), text(w.one(Observation), "/status")), ("98", "final"));
    }
}

#[test]
fn a_report_in_parts_has_all_its_results_in_order() {
    let first = oru(
        "202503010900",
        "P",
        "OBX|1|NM|HB^Haemoglobin^L||98|g/L||||P\nOBX|2|NM|WBC^White cells^L||4|x10\\S\\9/L||||P",
    );
    let second = oru(
        "202503011200",
        "F",
        "OBX|1|NM|HB^Haemoglobin^L||98|g/L||||F\nOBX|2|NM|WBC^White cells^L||4|x10\\S\\9/L||||F\nOBX|3|NM|PLT^Platelets^L||250|x10\\S\\9/L||||F",
    );
    for order in [[&first, &second], [&second, &first]] {
        let w = after(&order.map(Clone::clone));
        let report = w.one(DiagnosticReport);
        let order: Vec<String> = report
            .list("result")
            .iter()
            .map(|r| {
                let id = r["reference"].as_str().unwrap().trim_start_matches("Observation/").parse().unwrap();
                text(&w.rows[&id].0, "/code/coding/0/code").to_owned()
            })
            .collect();
        assert_eq!(order, ["HB", "WBC", "PLT"]);
        assert_eq!(w.all(Observation).len(), 3);
    }
    let w = after(&[second]);
    let white = w.all(Observation).into_iter().find(|o| o.to_json().contains("WBC")).unwrap();
    assert_eq!(text(white, "/valueQuantity/unit"), "x10^9/L", "as sent");
    assert_eq!(text(white, "/valueQuantity/code"), "10*9/L");
}

#[test]
fn values_follow_their_type() {
    let of = |obx: &str| -> Resource { after(&[oru("202503010900", "F", obx)]).one(Observation).clone() };
    let line = |kind: &str, value: &str, unit: &str| of(&format!("OBX|1|{kind}|T^Test^L||{value}|{unit}|||||F"));
    assert_eq!(
        json(&line("NM", "<5", "mg/L"), "/valueQuantity"),
        r#"{"value":5,"comparator":"<","unit":"mg/L","system":"http://unitsofmeasure.org","code":"mg/L"}"#
    );
    assert_eq!(json(&line("SN", ">^90", "mL/min"), "/valueQuantity/comparator"), "\">\"");
    assert_eq!(
        json(&line("SN", "^1^:^128", ""), "/valueRatio"),
        r#"{"numerator":{"value":1},"denominator":{"value":128}}"#
    );
    assert_eq!(json(&line("SN", "^4^-^6", "g"), "/valueRange/low/value"), "4");
    assert_eq!(text(&line("SN", "^2^+", ""), "/valueString"), "2 +");
    assert_eq!(text(&line("ST", "Not detected & negative", ""), "/valueString"), "Not detected & negative");
    assert_eq!(text(&line("CE", "POS^Positive^L", ""), "/valueCodeableConcept/coding/0/display"), "Positive");
    assert_eq!(text(&line("DT", "20250228", ""), "/valueDateTime"), "2025-02-28");
    assert_eq!(text(&line("TM", "1405", ""), "/valueTime"), "14:05:00");
    assert_eq!(text(&line("NM", "60~120", "/min"), "/valueString"), "60\n120");
    assert_eq!(text(&line("NM", "5", "furlongs"), "/valueQuantity/unit"), "furlongs");
    assert!(line("NM", "5", "furlongs").at("/valueQuantity/code").is_none(), "no code is guessed for a unit");
}

#[test]
fn a_number_that_is_none_is_kept_as_text_and_said() {
    let mut w = World::new();
    let set = w.send(&oru("202503010900", "F", "OBX|1|NM|K^Potassium^L||Haemolysed|mmol/L||||F"));
    assert_eq!(codes(set), vec![(Severity::Note, "not-a-number".to_owned())]);
    assert_eq!(text(w.one(Observation), "/valueString"), "Haemolysed");
}

#[test]
fn a_text_sent_line_by_line_is_one_text() {
    let w = after(&[oru(
        "202503010900",
        "F",
        "OBX|1|TX|REP^Report^L||No growth.||||||F\nOBX|2|TX|REP^Report^L||||||||F\nOBX|3|TX|REP^Report^L||Reported by telephone.||||||F\nNTE|1||First line\nNTE|2||second line",
    )]);
    let report = w.one(Observation);
    assert_eq!(text(report, "/valueString"), "No growth.\n\nReported by telephone.");
    assert_eq!(text(report, "/note/0/text"), "First line\nsecond line");
}

#[test]
fn equal_keys_in_one_message_are_different_results() {
    let w = after(&[oru(
        "202503010900",
        "F",
        "OBX|1|NM|BP^Pressure^L||120|mmHg||||F\nOBX|2|NM|BP^Pressure^L||80|mmHg||||F",
    )]);
    assert_eq!(w.all(Observation).len(), 2);
}

#[test]
fn the_specimen_is_told() {
    let w = after(&[oru(
        "202503010900",
        "F",
        &format!("{}\nSPM|1|S1&LAB^S2&LAB||BLOOD^Venous blood^L|||||||||||||202503010800|202503010830", hb("98", "F")),
    )]);
    let specimen = w.one(Specimen);
    assert_eq!(text(specimen, "/type/coding/0/display"), "Venous blood");
    assert_eq!(text(specimen, "/collection/collectedDateTime"), "2025-03-01T08:00:00+00:00");
    assert_eq!(text(specimen, "/receivedTime"), "2025-03-01T08:30:00+00:00");
    let id = text(w.one(Observation), "/specimen/reference").to_owned();
    assert_eq!(text(w.one(DiagnosticReport), "/specimen/0/reference"), id);
}

#[test]
fn a_laboratory_may_be_known_by_other_numbers() {
    let other_test =
        oru("202503011500", "C", &hb("107", "C")).replace("FBC^Full blood count^L", "FBC2^Full blood count^L");
    let first = oru("202503010900", "F", &hb("98", "F"));
    assert_eq!(after(&[first.clone(), other_test.clone()]).all(DiagnosticReport).len(), 2);
    let mut w = World::toml("source = \"rxx\"\nkind = \"laboratory\"\n[result]\nkey = \"filler-only\"");
    w.send(&first);
    w.send(&other_test);
    assert_eq!(value(&w), "107");
}

/// Real reports of two genomics services: one as ED, one as CE against the book.
#[test]
fn letters_arrive_as_pdf() {
    for (file, patient, size) in [
        ("NWGMSA_ORU_R01_PDF.txt", "NHS|9449305552", 2111),
        ("ManchesterFoundationTrust_ORU_R01_PDF.txt", "R0A|633", 6),
    ] {
        let mut w = World::new();
        w.send(&shared(&format!("hl7v2/nw-gmsa/messages/{file}")));
        w.patient(patient);
        let binary = w.one(Binary);
        assert_eq!(text(binary, "/contentType"), "application/pdf");
        let bytes = base64::engine::general_purpose::STANDARD.decode(text(binary, "/data")).unwrap();
        assert!(bytes.starts_with(b"%PDF"), "{file}");
        assert_eq!(bytes.len(), size, "{file}");
        let url = text(w.one(DiagnosticReport), "/presentedForm/0/url").to_owned();
        assert_eq!(text(w.one(DocumentReference), "/content/0/attachment/url"), url);
        let id: fhir::ResourceId = url.trim_start_matches("Binary/").parse().unwrap();
        assert!(w.rows.contains_key(&id));
        assert!(w.all(Observation).is_empty(), "a PDF is no observation");
        let who = text(binary, "/securityContext/reference");
        assert_eq!(who, format!("Patient/{}", w.key(patient)));
    }
}

#[test]
fn a_pdf_sent_in_pieces_is_put_together() {
    let engine = base64::engine::general_purpose::STANDARD;
    let (one, two) = (engine.encode(b"%PDF-1.4 first half "), engine.encode(b"second half %%EOF"));
    let w = after(&[oru(
        "202503010900",
        "F",
        &format!(
            "OBX|1|ED|LET^Letter^L|1|LAB^AP^pdf^Base64^{one}||||||F\nOBX|2|ED|LET^Letter^L|1|LAB^AP^pdf^Base64^{two}||||||F"
        ),
    )]);
    let bytes = engine.decode(text(w.one(Binary), "/data")).unwrap();
    assert_eq!(bytes, b"%PDF-1.4 first half second half %%EOF");
}

#[test]
fn a_link_to_a_document_is_kept_as_a_link() {
    let w = after(&[oru(
        "202503010900",
        "F",
        "OBX|1|RP|LET^Letter^L||https://docs.example/view?a=1\\T\\b=2^^AP^PDF||||||F",
    )]);
    assert_eq!(
        json(w.one(DiagnosticReport), "/presentedForm/0"),
        r#"{"contentType":"application/pdf","url":"https://docs.example/view?a=1&b=2"}"#
    );
    assert!(w.all(Binary).is_empty());
}

#[test]
fn several_patients_in_one_message_keep_apart() {
    let mut w = World::new();
    let message = format!(
        "{}\nPID|2||1002^^^RXX^MR||OTHER^ONE\nOBR|1||F2^LAB|FBC^Full blood count^L|||202503010800\n{}",
        oru("202503010900", "F", &hb("98", "F")),
        hb("130", "F")
    );
    let set = w.send(&message);
    assert_eq!(set.lanes.len(), 2);
    for (local, value) in [("RXX|1001", "98"), ("RXX|1002", "130")] {
        let key = w.key(local);
        let own: Vec<&Value> = w
            .rows
            .iter()
            .filter(|(id, (r, _))| id.patient == key && r.kind() == Observation)
            .map(|(_, (r, _))| r.at("/valueQuantity/value").unwrap())
            .collect();
        assert_eq!(own.iter().map(|v| v.to_string()).collect::<Vec<_>>(), [value]);
    }
}
