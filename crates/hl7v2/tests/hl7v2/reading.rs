//! Messages as they come.

use crate::support::{ADT, files};
use hl7v2::{NoteCode, Severity, State, parse};

#[test]
fn header_names_the_parts_of_msh() {
    let parsed = parse(ADT.as_bytes());
    assert_eq!(parsed.notes, []);
    let message = parsed.message.unwrap();
    let header = message.header();
    assert_eq!((&*header.sending_app, &*header.sending_facility), ("PAS", "RCB"));
    assert_eq!((&*header.message_code, &*header.trigger, &*header.structure), ("ADT", "A01", "ADT_A01"));
    assert_eq!((&*header.control_id, &*header.version, header.version_pair()), ("42", "2.4", (2, 4)));
    assert_eq!(header.kind(), "ADT^A01");
    assert_eq!(message.segment("MSH").unwrap().field(1).text(), "|");
    assert_eq!(message.segment("MSH").unwrap().field(2).text(), "^~\\&");
    assert_eq!(message.segment("MSH").unwrap().field(2).reps().count(), 1);
    assert_eq!(message.segment("MSH").unwrap().len(), 12);
}

#[test]
fn every_level_of_a_field_can_be_reached() {
    let message = parse(ADT.as_bytes()).message.unwrap();
    assert_eq!(message.get("PID-3").as_deref(), Some("123"));
    assert_eq!(message.get("PID-3[2].4").as_deref(), Some("NHS"));
    assert_eq!(message.get("PID-5.1.2").as_deref(), Some("van"));
    assert_eq!(message.get("PID-8"), Some("2".to_owned()));
    for nothing in ["PID-9", "PID-3[3]", "PID-3[2].9", "PID-77", "ZZZ-1", "PID[2]-3", "nonsense"] {
        assert_eq!(message.get(nothing), None, "{nothing}");
    }
    let pid = message.segment("PID").unwrap();
    assert_eq!(pid.index(), 2);
    let ids: Vec<_> = pid.field(3).reps().map(|r| (r.text().into_owned(), r.comp(4).text().into_owned())).collect();
    assert_eq!(ids, [("123".to_owned(), "LOC".to_owned()), ("9434765919".to_owned(), "NHS".to_owned())]);
    let names: Vec<_> = message.segments().map(|s| s.name()).collect();
    assert_eq!(names, ["MSH", "EVN", "PID", "PV1"]);
    assert_eq!(message.segments().next_back().unwrap().field(3).raw(), "W1^B2^3^RCB");
}

#[test]
fn absent_null_and_value_are_three_things() {
    let text = "MSH|^~\\&|a||||||ADT^A08|1|P|2.4\rPID|x||\"\"|^^^|  |\"\"^b|~\r";
    let message = parse(text.as_bytes()).message.unwrap();
    let pid = message.segment("PID").unwrap();
    let states: Vec<_> = (1..=8).map(|n| pid.field(n).state()).collect();
    use State::{Absent, Null, Value};
    assert_eq!(states, [Value, Absent, Null, Absent, Absent, Value, Absent, Absent]);
    assert_eq!(pid.field(3).text(), "");
    assert_eq!(pid.field(3).reps().count(), 0);
    assert_eq!(pid.field(6).comp(1).state(), Null);
    assert_eq!(pid.field(6).comp(2).state(), Value);
}

#[test]
fn a_message_reads_the_same_whatever_ends_its_lines() {
    let plain = parse(ADT.as_bytes()).message.unwrap();
    let cases = [
        (ADT.replace('\r', "\n"), vec![NoteCode::LineEnds]),
        (ADT.replace('\r', "\r\n"), vec![NoteCode::LineEnds]),
        (ADT.trim_end().to_owned(), vec![NoteCode::NoFinalEnd]),
        (ADT.trim_end().replace('\r', "\n"), vec![NoteCode::LineEnds, NoteCode::NoFinalEnd]),
        (format!("\0\x0b\x0b{ADT}\0\0"), vec![NoteCode::LeadingBytes]),
        (format!("{ADT}   \r  "), vec![]),
        (ADT.replace('\r', "\r\r"), vec![NoteCode::BlankLines]),
        (ADT.replace('\r', "\n\n"), vec![NoteCode::LineEnds, NoteCode::BlankLines]),
        (ADT.replace("\rPID", "\r  PID"), vec![NoteCode::IndentedSegment]),
        (format!("\u{feff}{ADT}"), vec![NoteCode::ByteOrderMark]),
    ];
    for (text, codes) in cases {
        let parsed = parse(text.as_bytes());
        assert_eq!(parsed.notes.iter().map(|n| n.code).collect::<Vec<_>>(), codes, "{text:?}");
        let message = parsed.message.unwrap();
        let one = |m: &hl7v2::Message| m.segments().map(|s| s.raw().trim_end().to_owned()).collect::<Vec<_>>();
        assert_eq!(one(&message), one(&plain), "{text:?}");
        assert_eq!(message.raw(), text.as_bytes());
    }
}

#[test]
fn a_lone_line_feed_in_a_note_is_text_and_a_lone_cr_is_not() {
    let text = "MSH|^~\\&|a||||||ORU^R01|1|P|2.4\rNTE|1||line one\nline two\rOBX|1\r";
    let parsed = parse(text.as_bytes());
    assert!(parsed.has(NoteCode::LineFeedInField));
    assert_eq!(parsed.message.unwrap().get("NTE-3").as_deref(), Some("line one\nline two"));
    let parsed = parse(text.replace('\n', "\r").as_bytes());
    assert!(parsed.has(NoteCode::NotASegment));
    assert_eq!(parsed.worst(), Some(Severity::Error));
}

#[test]
fn a_null_segment_or_one_that_is_only_a_name_is_a_segment() {
    let message = parse(b"MSH|^~\\&|a||||||ADT^A01|1|P|2.4\rPV1\rZZ1|").message.unwrap();
    let names: Vec<_> = message.segments().map(|s| (s.name(), s.len())).collect();
    assert_eq!(names, [("MSH", 12), ("PV1", 0), ("ZZ1", 1)]);
    assert_eq!(message.segment("PV1").unwrap().field(1).state(), State::Absent);
}

#[test]
fn separators_come_from_the_message() {
    let parsed = parse(b"MSH$%*!@#$app$$$$$$ADT%A01$1$P$2.7\rPID$$$a%b@c*d!S!e");
    assert!(parsed.has(NoteCode::TruncationCharacter));
    let message = parsed.message.unwrap();
    assert_eq!(message.get("PID-3.2.2").as_deref(), Some("c"));
    assert_eq!(message.get("PID-3[2]").as_deref(), Some("d%e"));
    assert_eq!(message.header().trigger, "A01");
    // The escape character left out.
    let parsed = parse(b"MSH|^~&|app||||||ADT^A01|1|P|2.3\rPID|||a&b^c\\F\\");
    assert!(parsed.has(NoteCode::SeparatorsMissing));
    let message = parsed.message.unwrap();
    assert_eq!(message.get("PID-3.1.2").as_deref(), Some("b"));
    assert_eq!(message.get("PID-3.2").as_deref(), Some("c\\F\\"));
    assert!(parse(b"MSH|^^\\&|app||||||ADT^A01|1|P|2.3").has(NoteCode::SeparatorsClash));
    assert!(parse(b"MSH||app||||||ADT^A01|1|P|2.3").has(NoteCode::SeparatorsMissing));
}

#[test]
fn every_one_of_the_57_types_is_read_without_complaint() {
    let all = files("hl7v2/ms-fhir-converter");
    assert_eq!(all.len(), 57);
    for (name, bytes) in all {
        let parsed = parse(&bytes);
        assert!(parsed.worst() < Some(Severity::Error), "{name}: {:?}", parsed.notes);
        let message = parsed.message.unwrap();
        let kind = message.header().kind().replace('^', "-");
        assert!(name.starts_with(&kind), "{name}: {kind}");
        assert_eq!(message.raw(), bytes);
    }
}

#[test]
fn itk_messages_with_line_feeds_are_read_and_the_wrapped_ones_are_told_from_them() {
    for (name, bytes) in files("hl7v2/itk-uk") {
        let parsed = parse(&bytes);
        if name.starts_with("ADT") {
            assert_eq!(parsed.worst(), Some(Severity::Note), "{name}: {:?}", parsed.notes);
            assert!(parsed.has(NoteCode::LineEnds));
            assert_eq!(parsed.message.unwrap().get("PID-3.4").as_deref(), Some("NHS"));
        } else {
            assert!(parsed.has(NoteCode::NotASegment) && parsed.has(NoteCode::NoMessageType), "{name}");
            assert_eq!(parsed.worst(), Some(Severity::Error));
            for note in parsed.notes.iter().filter(|n| n.code == NoteCode::NotASegment) {
                let line = &bytes[note.span.clone().unwrap()];
                assert!(!line.contains(&b'\n') && !line.is_empty());
            }
        }
    }
}

#[test]
fn genomics_reports_with_a_pdf_are_read_whole() {
    for (name, bytes) in files("hl7v2/nw-gmsa/messages") {
        let parsed = parse(&bytes);
        assert!(parsed.worst() < Some(Severity::Error), "{name}: {:?}", parsed.notes);
        let message = parsed.message.unwrap();
        let pdf = message.all("OBX").flat_map(|obx| {
            let rep = obx.field(5).first();
            rep.comps().map(|c| c.whole().into_owned()).collect::<Vec<_>>()
        });
        assert!(pdf.filter(|part| part.starts_with("JVBER")).count() >= 1, "{name}: no PDF found");
    }
}

#[test]
fn a_note_says_where() {
    let head = "MSH|^~\\&|a||||||ORU^R01|1|P|2.4\r";
    let place = |text: String| {
        let parsed = parse(text.as_bytes());
        let note = parsed.notes.iter().find(|n| n.span.is_some()).unwrap();
        (note.code, note.location.as_ref().unwrap().to_string(), text[note.span.clone().unwrap()].to_owned())
    };
    let wrapped = place(format!("{head}NTE|1\rNTE|2||some\rtext\rOBX|1\r"));
    assert_eq!(wrapped, (NoteCode::NotASegment, "NTE[2]".to_owned(), "text".to_owned()));
    let control = place(format!("{head}NTE|1||a\u{7}b\r"));
    assert_eq!(control, (NoteCode::ControlCharacters, "NTE-3".to_owned(), "\u{7}".to_owned()));
    let header = place(head.replace("ORU", "O\u{1}U"));
    assert_eq!(header.1, "MSH-9");
    let second = place(format!("{head}{head}"));
    assert_eq!((second.0, second.1.as_str(), second.2.as_str()), (NoteCode::SecondHeader, "MSH", head.trim_end()));
}

/// The guide for integration engineers names every code a message can be noted with.
#[test]
fn the_guide_explains_every_note() {
    let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/connect-a-source/hl7v2.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    for code in NoteCode::ALL {
        let row = format!("| `{code}` | {:?} |", code.severity()).to_lowercase();
        assert!(guide.contains(&row), "docs/connect-a-source/hl7v2.md has no row beginning {row:?}");
    }
}
