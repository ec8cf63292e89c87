//! Which characters the bytes mean.

use hl7v2::{Location, NoteCode, parse};

fn message(charset: &str, name: &[u8]) -> Vec<u8> {
    let mut bytes = format!("MSH|^~\\&|A||||||ADT^A01|7|P|2.4||||||{charset}\rPID|||9||").into_bytes();
    bytes.extend_from_slice(name);
    bytes.extend_from_slice(b"^ANN|x\r");
    bytes
}

/// The name as read, how it was read, and what was noticed.
fn read(charset: &str, name: &[u8]) -> (String, &'static str, Vec<NoteCode>) {
    let bytes = message(charset, name);
    let parsed = parse(&bytes);
    let notes = parsed.notes.iter().map(|n| n.code).collect();
    let m = parsed.message.unwrap();
    assert_eq!(m.raw(), bytes, "the bytes stay as they were");
    let place: Location = "PID-5.1".parse().unwrap();
    let span = m.span(&place).unwrap();
    assert_eq!(&bytes[span], name, "the place is found in the bytes");
    (m.at(&place).unwrap(), m.charset().name(), notes)
}

#[test]
fn msh_18_names_the_character_set_in_all_its_spellings() {
    for name in ["UNICODE UTF-8", "UTF-8", "utf8", "UNICODE", "~UNICODE UTF-8", "UNICODE UTF-8~8859/1", "ASCII"] {
        assert_eq!(read(name, "ZOË".as_bytes()), ("ZOË".to_owned(), "UTF-8", vec![]), "{name}");
    }
    for name in ["8859/1", "ISO-8859-1", "ISO8859/1", "iso 8859/1", "ISO IR100", "WINDOWS-1252", "8859/1~UNICODE UTF-8"]
    {
        assert_eq!(read(name, b"ZO\xCB"), ("ZOË".to_owned(), "windows-1252", vec![]), "{name}");
    }
    assert_eq!(read("8859/15", b"\xA4").0, "€");
    assert_eq!(read("8859/2", b"\xA3\xF3d\xBC").0, "Łódź");
    assert_eq!(read("8859/5", b"\xB6\xD0").0, "Жа");
    assert_eq!(read("GB 18030-2000", b"\xD6\xD0").0, "中");
    assert_eq!(read("BIG-5", b"\xA4\xA4").0, "中");
    assert_eq!(read("KS X 1001", b"\xB1\xE8").0, "김");
}

#[test]
fn without_msh_18_utf_8_then_windows_1252() {
    assert_eq!(read("", "ZOË".as_bytes()), ("ZOË".to_owned(), "UTF-8", vec![]));
    assert_eq!(read("", b"O\x92Neil\xE9"), ("O’Neilé".to_owned(), "windows-1252", vec![NoteCode::CharsetAssumed]));
    assert_eq!(read("", b"ANN").1, "UTF-8");
}

#[test]
fn a_wrong_msh_18_is_told_and_no_byte_is_lost() {
    let mismatch = vec![NoteCode::CharsetMismatch];
    assert_eq!(read("UNICODE UTF-8", b"ZO\xCB"), ("ZOË".to_owned(), "windows-1252", mismatch.clone()));
    assert_eq!(read("ASCII", b"ZO\xCB"), ("ZOË".to_owned(), "windows-1252", mismatch.clone()));
    assert_eq!(read("8859/7", b"\xFF").2, mismatch);
    assert_eq!(read("UNICODE UTF-16", "ZOË".as_bytes()), ("ZOË".to_owned(), "UTF-8", mismatch));
    assert_eq!(read("8859/1", "ZOË".as_bytes()).2, [NoteCode::CharsetSuspicious]);
    assert_eq!(read("KLINGON", "ZOË".as_bytes()), ("ZOË".to_owned(), "UTF-8", vec![NoteCode::CharsetUnknown]));
    assert_eq!(read("KLINGON", b"ZOE").2, [], "nothing is at stake");
    // Every byte there is, in the last resort: told apart, none replaced.
    let all: Vec<u8> = (0x80..=0xFF).collect();
    let (text, _, _) = read("", &all);
    assert_eq!(text.chars().collect::<std::collections::HashSet<_>>().len(), 128);
    assert!(!text.contains('\u{fffd}'));
}

#[test]
fn utf_16_is_known_by_its_mark_or_by_its_zeros() {
    let text = "MSH|^~\\&|A||||||ADT^A01|7|P|2.4||||||UNICODE UTF-16\rPID|||9||ZOË𝄞^ANN\r";
    let le: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let be: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    for (mark, body) in [(&b"\xFF\xFE"[..], &le), (b"\xFE\xFF", &be), (b"", &le), (b"", &be)] {
        let bytes = [mark, body].concat();
        let m = parse(&bytes).message.unwrap();
        assert_eq!(m.get("PID-5").as_deref(), Some("ZOË𝄞"));
        let span = m.span(&"PID-5.1".parse().unwrap()).unwrap();
        assert_eq!(span.len(), 10);
        assert_eq!(m.raw(), bytes);
    }
}

#[test]
fn hexadecimal_escapes_are_read_in_the_messages_set() {
    assert_eq!(read("8859/15", b"\\XA4\\").0, "€");
    assert_eq!(read("8859/1", b"\\XE9\\").0, "é");
    assert_eq!(read("UNICODE UTF-8", b"\\XC3A9\\").0, "é");
    assert_eq!(read("", b"a\\S\\b").0, "a^b");
}

#[test]
fn an_element_can_be_replaced_in_the_messages_own_set() {
    let of = |charset: &str, name: &[u8], path: &str, text: &str| {
        let bytes = parse(&message(charset, name)).message.unwrap().with(&path.parse().unwrap(), text);
        bytes.map(|b| parse(&b).message.unwrap())
    };
    let m = of("8859/1", b"ZO\xCB", "PID-5.1", "Renée & Co").unwrap();
    assert_eq!((m.get("PID-5.1").as_deref(), m.get("PID-5.2").as_deref()), (Some("Renée & Co"), Some("ANN")));
    assert!(m.raw().windows(4).any(|w| w == b"n\xE9e "), "in Latin-1 as before");
    assert_eq!(of("", b"x", "MSH-10", "new|id").unwrap().header().control_id, "new|id");
    let m = of("", b"x", "PID-30", "Y").unwrap();
    assert_eq!((m.get("PID-30").as_deref(), m.segment("PID").unwrap().len()), (Some("Y"), 30));
    for nowhere in ["PV1-3", "PID", "PID-30.2", "PID-9999"] {
        assert!(of("", b"x", nowhere, "Y").is_none(), "{nowhere}");
    }
}
