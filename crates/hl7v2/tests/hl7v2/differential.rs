//! Other readers of HL7 v2 agree on what is plain.

use crate::support::{ADT, files};
use hl7v2::{Field, parse};
use proptest::prelude::*;

/// Real messages, with CR line ends as the standard and the peers want them.
fn real() -> Vec<(String, String)> {
    let mut all: Vec<_> =
        ["hl7v2/ms-fhir-converter", "hl7v2/itk-uk", "hl7v2/nw-gmsa/messages"].into_iter().flat_map(files).collect();
    all.retain(|(name, _)| !name.starts_with("ORU_DHCW"));
    all.into_iter()
        .map(|(name, bytes)| {
            let text =
                String::from_utf8(bytes).unwrap().replace('\u{feff}', "").replace("\r\n", "\r").replace('\n', "\r");
            let mut lines: Vec<&str> = text.split('\r').filter(|l| !l.trim().is_empty()).collect();
            lines.push("");
            (name, lines.join("\r"))
        })
        .collect()
}

fn raws(field: &Field<'_>) -> Vec<Vec<String>> {
    field.reps().map(|r| r.comps().map(|c| c.raw().to_owned()).collect()).collect()
}

#[test]
fn hl7_parser_sees_the_same_fields_in_every_real_message() {
    for (name, text) in real() {
        let ours = parse(text.as_bytes()).message.unwrap();
        let theirs = hl7_parser::Message::parse(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(ours.segments().len(), theirs.segments().count(), "{name}");
        for (a, b) in ours.segments().zip(theirs.segments()) {
            assert_eq!(a.name(), b.name);
            for n in 1..=a.len() {
                let field = a.field(n);
                let other = b.field(n);
                assert_eq!(field.raw(), other.map_or("", |f| f.raw_value()), "{name} {}", field.location());
                if a.name() == "MSH" && n <= 2 {
                    continue;
                }
                let other: Vec<Vec<String>> = other
                    .map(|f| f.repeats().map(|r| r.components().map(|c| c.raw_value().to_owned()).collect()).collect())
                    .unwrap_or_default();
                if field.is_present() {
                    assert_eq!(raws(&field), other, "{name} {}", field.location());
                }
            }
        }
    }
}

#[test]
fn mllp_sees_the_same_fields_in_every_real_message() {
    for (name, text) in real() {
        let ours = parse(text.as_bytes()).message.unwrap();
        let theirs = mllp::Message::parse(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
        let names: Vec<_> = ours.segments().map(|s| s.name()).collect();
        assert_eq!(names, theirs.segment_names().collect::<Vec<_>>(), "{name}");
        for (a, b) in ours.segments().zip(theirs.segments()) {
            for n in 3..=a.len() {
                let field = a.field(n);
                if !field.is_present() {
                    continue;
                }
                let other = b.field(n).unwrap_or_else(|| panic!("{name} {}", field.location()));
                let reps: Vec<_> = field.reps().map(|r| r.raw()).collect();
                assert_eq!(reps, other.repetitions().collect::<Vec<_>>(), "{name} {}", field.location());
                for c in 1..=field.first().comps().count() {
                    assert_eq!(Some(field.comp(c).raw()), other.component(c), "{name} {}", field.location());
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Well-framed streams, cut anywhere: the same frames as the peer's.
    #[test]
    fn mllp_finds_the_same_frames(
        messages in prop::collection::vec("[A-Z|^~&\\\\ \r\n]{0,60}", 0..6),
        cuts in prop::collection::vec(1usize..40, 1..20),
    ) {
        let stream: Vec<u8> = messages.iter().flat_map(|m| hl7v2::mllp::encode(format!("{ADT}{m}").as_bytes())).collect();
        let mut ours = hl7v2::mllp::Decoder::new(1 << 20);
        let mut theirs = mllp::Decoder::new();
        let mut a = Vec::new();
        let mut b = Vec::new();
        let mut rest = &stream[..];
        for cut in cuts.iter().cycle() {
            if rest.is_empty() { break; }
            let (now, later) = rest.split_at((*cut).min(rest.len()));
            rest = later;
            ours.feed(now);
            theirs.push(now);
            while let hl7v2::mllp::Event::Frame(f) = ours.next_event() { a.push(f); }
            while let Some(Ok(f)) = theirs.next_frame() { b.push(f.to_vec()); }
        }
        prop_assert_eq!(a, b);
    }
}
