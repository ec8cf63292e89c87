//! What holds for any bytes at all.

use crate::support::ADT;
use hl7v2::ack::{Answer, Code, build, read};
use hl7v2::mllp::{Decoder, Event, encode};
use hl7v2::{Location, Message, Separators, State, batch, escape, parse};
use proptest::prelude::*;

/// Bytes that look enough like a message to reach the depths.
fn hl7_like() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec!["|", "^", "~", "&", "\\", "\r", "\n", "\r\n", "\"\"", "\\.br\\", "\\X41\\", "\\T\\"]),
        3 => prop::sample::select(vec!["MSH|^~\\&|", "PID|", "OBX|1|NM|", "MSH", "NTE", "BTS|1", "FHS|^~\\&|", "8859/1", "2.5"]),
        2 => prop::sample::select(vec!["\0", "\u{b}", "\u{1c}", "\u{1c}\r", " ", "é", "𝄞", "SMITH", "20260231"]),
    ];
    let pieces = prop::collection::vec(piece, 0..60).prop_map(|p| p.concat().into_bytes());
    let noise = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8);
    (pieces, noise, any::<bool>()).prop_map(|(mut bytes, noise, head)| {
        if head {
            bytes.splice(0..0, ADT.bytes());
        }
        for (at, byte) in noise {
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
        }
        bytes
    })
}

/// Visits every element of a message by its numbers.
fn visit(m: &Message, mut see: impl FnMut(Location, State, &str)) {
    for segment in m.segments() {
        see(segment.location(), State::Value, segment.raw());
        for field in segment.fields() {
            see(field.location(), field.state(), field.raw());
            for rep in field.reps() {
                see(rep.location(), rep.state(), rep.raw());
                for comp in rep.comps() {
                    see(comp.location(), comp.state(), comp.raw());
                    assert!(comp.subs().count() < 10_000);
                }
            }
        }
    }
}

fn holds_for(bytes: &[u8]) -> Result<(), TestCaseError> {
    let parsed = parse(bytes);
    prop_assert!(parsed.notes.len() <= 65);
    for note in &parsed.notes {
        if let Some(span) = &note.span {
            prop_assert!(span.start <= span.end && span.end <= bytes.len());
        }
    }
    let answer = Answer { code: Code::AE, control_id: "R1", now: "2026", text: "no | way", errors: &[] };
    let ack = build(parsed.message.as_ref(), &answer);
    let ack = parse(&ack).message;
    prop_assert!(ack.is_some());
    let Some(m) = parsed.message else {
        let reply = ack.as_ref().and_then(read);
        prop_assert_eq!(reply.map(|r| r.code), Some(Code::AE));
        return Ok(());
    };
    prop_assert_eq!(m.raw(), bytes);
    prop_assert_eq!(m.segments().next().map(|s| s.name()), Some("MSH"));
    let _ = m.header();
    let single_byte = m.raw() == m.text().as_bytes();
    visit(&m, |location, state, raw| {
        if let Some(span) = m.span(&location) {
            assert!(span.start <= span.end && span.end <= bytes.len(), "{location}");
            if single_byte {
                assert_eq!(&bytes[span], raw.as_bytes(), "{location}");
            }
        } else {
            assert!(!single_byte, "{location} has no span");
        }
        let text = m.at(&location);
        assert!(state != State::Absent || text.is_none_or(|t| t.trim().is_empty()), "{location}");
        assert_eq!(
            location.to_string().parse(),
            Ok(Location { repetition: location.repetition.filter(|r| *r > 1), ..location.clone() })
        );
    });
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        holds_for(&bytes)?;
        let _ = batch::split(&bytes);
    }

    #[test]
    fn no_message_like_bytes_make_the_reader_panic(bytes in hl7_like()) {
        holds_for(&bytes)?;
        let pieces = batch::split(&bytes);
        let mut last = 0;
        for piece in pieces.messages {
            prop_assert!(piece.span.start >= last && piece.span.end <= bytes.len());
            last = piece.span.end;
        }
    }

    #[test]
    fn fields_put_together_give_the_segment_back(bytes in hl7_like()) {
        if let Some(m) = parse(&bytes).message {
            let sep = char::from(m.separators().field).to_string();
            for s in m.segments().filter(|s| s.name() != "MSH" && s.name() != "FHS" && s.name() != "BHS") {
                let fields: Vec<_> = s.fields().map(|f| f.raw()).collect();
                let together = if fields.is_empty() { s.name().to_owned() } else { format!("{}{sep}{}", s.name(), fields.join(&sep)) };
                prop_assert_eq!(together, s.raw());
            }
        }
    }

    #[test]
    fn any_text_escaped_comes_back(text in "\\PC*") {
        let m = parse(ADT.as_bytes()).message.unwrap();
        let written = escape::escape(&text, &Separators::default());
        prop_assert!(!written.contains(['|', '^', '~', '&', '\r', '\n']));
        prop_assert_eq!(escape::unescape(&written, &Separators::default(), m.charset()), text.as_str());
    }

    #[test]
    fn the_decoder_gives_the_same_whatever_the_pieces(bytes in hl7_like(), piece in 1usize..50, limit in 0usize..200) {
        let run = |piece: usize| {
            let mut d = Decoder::new(limit);
            let (mut frames, mut noise) = (Vec::new(), 0);
            for chunk in bytes.chunks(piece) {
                d.feed(chunk);
                loop {
                    match d.next_event() {
                        Event::NeedMore => break,
                        Event::Noise { .. } => noise += 1,
                        event => frames.push(event),
                    }
                }
            }
            (frames, noise > 0, d.end())
        };
        prop_assert_eq!(run(piece), run(usize::MAX));
    }

    #[test]
    fn what_is_framed_is_unframed(body in "[ -~\r\n]*") {
        let mut d = Decoder::new(1 << 20);
        d.feed(&encode(body.as_bytes()));
        prop_assert_eq!(d.next_event(), Event::Frame(body.into_bytes()));
    }
}
