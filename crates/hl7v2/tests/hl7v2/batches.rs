//! Files of messages.

use crate::support::{ADT, files};
use hl7v2::batch::{is_batch, split};
use hl7v2::{NoteCode, Severity, parse};

fn codes(bytes: &[u8]) -> (usize, Vec<NoteCode>) {
    let batch = split(bytes);
    for piece in &batch.messages {
        assert!(parse(&bytes[piece.span.clone()]).worst() < Some(Severity::Error));
    }
    (batch.messages.len(), batch.notes.iter().map(|n| n.code).collect())
}

#[test]
fn a_file_with_envelopes_gives_its_messages() {
    let text =
        format!("FHS|^~\\&|PAS\rBHS|^~\\&|PAS||||||||B1\r{ADT}{ADT}BTS|2\rBHS|^~\\&|PAS\r{ADT}BTS|1|end\rFTS|2\r");
    assert!(is_batch(text.as_bytes()) && !is_batch(ADT.as_bytes()));
    for text in [text.clone(), text.replace('\r', "\n"), text.replace('\r', "\r\n")] {
        assert_eq!(codes(text.as_bytes()), (3, vec![]));
        let batches: Vec<_> = split(text.as_bytes()).messages.iter().map(|m| m.batch).collect();
        assert_eq!(batches, [1, 1, 2]);
    }
}

#[test]
fn a_message_in_a_file_keeps_its_bytes() {
    let text = format!("BHS|^~\\&|\r{ADT}{ADT}BTS|2\r");
    for piece in split(text.as_bytes()).messages {
        assert_eq!(&text[piece.span], ADT);
    }
}

#[test]
fn wrong_counts_and_missing_ends_are_told() {
    let of = |text: String| codes(text.as_bytes());
    assert_eq!(of(format!("BHS|^~\\&|\r{ADT}BTS|5\r")), (1, vec![NoteCode::BatchCount]));
    assert_eq!(of(format!("BHS|^~\\&|\r{ADT}")), (1, vec![NoteCode::BatchUnbalanced]));
    assert_eq!(of(format!("{ADT}BTS|1\r")), (1, vec![NoteCode::BatchUnbalanced]));
    assert_eq!(of(format!("FHS|^~\\&|\rBHS|^~\\&|\r{ADT}BTS\rFTS|7\r")), (1, vec![NoteCode::BatchCount]));
    assert_eq!(of(format!("hello\r{ADT}")), (1, vec![NoteCode::BatchStray]));
    assert_eq!(of("just text\n".to_owned()), (0, vec![NoteCode::BatchStray]));
    assert_eq!(of(String::new()), (0, vec![]));
}

#[test]
fn messages_one_after_another_or_framed_need_no_envelope() {
    let bare: Vec<u8> = ADT.repeat(3).into_bytes();
    assert_eq!(codes(&bare), (3, vec![NoteCode::BatchBare]));
    let framed: Vec<u8> = std::iter::repeat_n(hl7v2::mllp::encode(ADT.as_bytes()), 3).flatten().collect();
    assert_eq!(codes(&framed), (3, vec![NoteCode::BatchBare]));
    let blank = format!("\n\n{ADT}\n\n\n{ADT}\n");
    assert_eq!(codes(blank.as_bytes()), (2, vec![NoteCode::BatchBare]));
}

#[test]
fn all_real_messages_in_one_file_come_apart_again() {
    let real = files("hl7v2/ms-fhir-converter");
    let mut joined = Vec::new();
    for (_, bytes) in &real {
        joined.extend_from_slice(bytes);
        joined.extend_from_slice(b"\r\n");
    }
    let pieces = split(&joined).messages;
    assert_eq!(pieces.len(), real.len());
    for (piece, (name, bytes)) in pieces.iter().zip(&real) {
        let joined = parse(&joined[piece.span.clone()]).message.unwrap();
        let alone = parse(bytes).message.unwrap();
        let one = |m: &hl7v2::Message| m.segments().map(|s| s.raw().trim_end().to_owned()).collect::<Vec<_>>();
        assert_eq!(one(&joined), one(&alone), "{name}");
    }
}
