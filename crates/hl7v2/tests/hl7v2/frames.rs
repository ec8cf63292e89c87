//! MLLP frames in a stream.

use crate::support::ADT;
use hl7v2::mllp::{Decoder, Ending, Event, HEAD_BYTES, encode};

/// Feeds the bytes in pieces of `piece` and gives every event but `NeedMore`; runs of noise are joined.
fn events(bytes: &[u8], piece: usize, limit: usize) -> (Vec<Event>, Ending) {
    let mut decoder = Decoder::new(limit);
    let mut all: Vec<Event> = Vec::new();
    for chunk in bytes.chunks(piece) {
        decoder.feed(chunk);
        loop {
            match decoder.next_event() {
                Event::NeedMore => break,
                Event::Noise { bytes: more, .. } if matches!(all.last(), Some(Event::Noise { .. })) => {
                    let Some(Event::Noise { bytes, .. }) = all.last_mut() else { unreachable!() };
                    *bytes += more;
                }
                event => all.push(event),
            }
        }
    }
    (all, decoder.end())
}

fn frames(bytes: &[u8]) -> Vec<Vec<u8>> {
    let whole = events(bytes, usize::MAX, 1 << 20);
    for piece in [1, 2, 3, 7, 100] {
        assert_eq!(events(bytes, piece, 1 << 20), whole, "in pieces of {piece}");
    }
    assert_eq!(whole.1, Ending::Clean);
    whole
        .0
        .into_iter()
        .map(|e| match e {
            Event::Frame(f) => f,
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn frames_come_out_as_they_went_in_however_they_are_cut() {
    let one = ADT.as_bytes().to_vec();
    let stream = [encode(&one), encode(b""), encode(&one)].concat();
    assert_eq!(frames(&stream), [one.clone(), vec![], one]);
}

#[test]
fn fillers_doubled_starts_and_other_ends_are_tolerated() {
    let f = b"MSH|x".to_vec();
    for stream in [
        &b"\0\0\r\n\x0bMSH|x\x1c\r\0\0\n\n"[..],
        b"\x0b\x0bMSH|x\x1c\r",
        b"\x0bMSH|x\x1c\n",
        b"\x1c\r\x0bMSH|x\x1c\r\x1c\r",
    ] {
        assert_eq!(frames(stream), std::slice::from_ref(&f), "{stream:?}");
    }
    assert_eq!(frames(b"\x0bMSH|x\x1c\x0bMSH|x\x1c\r"), [f.clone(), f]);
}

#[test]
fn end_and_start_bytes_inside_a_message_are_text() {
    assert_eq!(frames(b"\x0bMSH|a\x1cb\x0bc\x0bMS\x1c\x1c\r"), [b"MSH|a\x1cb\x0bc\x0bMS\x1c".to_vec()]);
}

#[test]
fn a_sender_that_leaves_out_the_last_cr_is_answered_after_a_moment() {
    let mut decoder = Decoder::new(100);
    decoder.feed(b"\x0bMSH|x");
    assert_eq!((decoder.next_event(), decoder.may_be_complete(), decoder.finish()), (Event::NeedMore, false, None));
    decoder.feed(b"\x1c");
    assert_eq!((decoder.next_event(), decoder.may_be_complete()), (Event::NeedMore, true));
    assert_eq!(decoder.finish(), Some(Event::Frame(b"MSH|x".to_vec())));
    assert_eq!(decoder.end(), Ending::Clean);
    decoder.feed(b"\r\x0bMSH|y\x1c\r");
    assert_eq!(decoder.next_event(), Event::Frame(b"MSH|y".to_vec()));
}

#[test]
fn a_torn_end_is_told_from_a_clean_one() {
    assert_eq!(events(b"\x0bMSH|x", 1, 100), (vec![], Ending::Torn { bytes: 5 }));
    assert_eq!(events(b"\x0bMSH|x\x1c\r\r\n", 1, 100).1, Ending::Clean);
    assert_eq!(events(b"", 1, 100).1, Ending::Clean);
    // A sender that starts again within a message.
    let stream = b"\x0bMSH|half\x0bMSH|whole\x1c\r";
    for piece in [1, 2, 100] {
        let (all, end) = events(stream, piece, 100);
        assert_eq!(all, [Event::Torn { bytes: 8 }, Event::Frame(b"MSH|whole".to_vec())]);
        assert_eq!(end, Ending::Clean);
    }
}

#[test]
fn noise_is_counted_and_an_unframed_message_is_recognised() {
    let like = |stream: &[u8]| match &events(stream, usize::MAX, 100).0[..] {
        [Event::Noise { bytes, like_message }] => (*bytes, *like_message),
        other => panic!("{other:?}"),
    };
    assert_eq!(like(b"GET / HTTP/1.1\r\n\r\n"), (18, false));
    assert_eq!(like(b"\r\nMSH|^~\\&|A\r"), (11, true));
    let (all, _) = events(b"junk\x0bMSH|x\x1c\r", 1, 100);
    assert_eq!(all, [Event::Noise { bytes: 4, like_message: false }, Event::Frame(b"MSH|x".to_vec())]);
}

#[test]
fn a_frame_of_the_permitted_size_passes_and_one_byte_more_does_not() {
    let stream = [encode(&[b'x'; 100]), encode(&[b'y'; 101]), encode(b"MSH|z")].concat();
    for piece in [1, 10, 1000] {
        let (all, end) = events(&stream, piece, 100);
        let expected = [
            Event::Frame(vec![b'x'; 100]),
            Event::TooLarge { head: vec![b'y'; 101], bytes: 101 },
            Event::Frame(b"MSH|z".to_vec()),
        ];
        assert_eq!((all, end), (expected.to_vec(), Ending::Clean));
    }
}

#[test]
fn a_frame_that_is_too_large_streams_by_without_being_held() {
    let mut decoder = Decoder::new(10_000);
    decoder.feed(b"\x0bMSH|head");
    let chunk = vec![b'x'; 8192];
    for _ in 0..10_000 {
        decoder.feed(&chunk);
        assert_eq!(decoder.next_event(), Event::NeedMore);
        assert!(decoder.held() < 64 * 1024, "{}", decoder.held());
    }
    assert_eq!(decoder.end(), Ending::Torn { bytes: 81_920_008 });
    decoder.feed(b"\x1c\r\x0bMSH|next\x1c\r");
    let Event::TooLarge { head, bytes } = decoder.next_event() else { panic!() };
    assert!(head.starts_with(b"MSH|headx") && head.len() == HEAD_BYTES);
    assert_eq!(bytes, 81_920_008);
    assert_eq!(decoder.next_event(), Event::Frame(b"MSH|next".to_vec()));
    assert_eq!(decoder.next_event(), Event::NeedMore);
    decoder.feed(b"");
    assert!(decoder.held() < 64 * 1024);
}
