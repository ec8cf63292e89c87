//! Words inside letters.

use record::{
    letter_text::{FILE_BYTES_MAX, Found, Shut, Wanted, stripped, text_of},
    sections::documents::{File, Place},
};

fn file(media_type: &str) -> File {
    File { index: 0, media_type: media_type.into(), title: None, place: Place::Inline, bytes: None }
}

fn find(typed: &str, text: &str) -> Option<Found> {
    Wanted::read(typed).expect("words").find(text)
}

#[test]
fn marks_scripts_and_comments_are_no_text() {
    for (marked, plain) in [
        ("<p>Dear <b>Ann</b></p><p>Hel<i>lo</i></p>", "Dear Ann Hello"),
        ("a<script>alert('x')</SCRIPT>b", "a b"),
        ("a<style>p { color: red }</style >b", "a b"),
        ("a<script>never closed", "a"),
        ("<!-- not <b>this</b> -->that", "that"),
        ("5 < 6 &amp; 7 &gt; 6 &#163;5 &#x41;&unknown; &", "5 < 6 & 7 > 6 £5 A&unknown; &"),
        ("<text><content>Under</content><br/>weight</text>", "Under weight"),
        ("<![CDATA[5 <b> 6]]>", "5 <b> 6"),
        ("unclosed <b never", "unclosed <b never"),
        ("&#xFFFFFFFF;&#99999999999;é", "&#xFFFFFFFF;&#99999999999;é"),
        ("<", "<"),
        ("", ""),
    ] {
        let found = stripped(marked);
        assert_eq!(found.split_whitespace().collect::<Vec<_>>().join(" "), plain, "{marked}");
    }
}

#[test]
fn hostile_markup_ends_soon() {
    for hostile in ["<", "<a", "<!--", "<![CDATA[", "&", "&#", "<script>", "</", "<a>", "&amp", "]]>", "\u{202e}<b"] {
        let text = hostile.repeat(200_000);
        assert!(stripped(&text).len() <= text.len() + 200_000);
    }
}

#[test]
fn only_what_holds_text_is_looked_into_whatever_it_claims_to_be() {
    let text = |kind: &str, bytes: &[u8]| text_of(&file(kind), Some(bytes));
    assert_eq!(text("text/plain", b"Dear <b>"), Ok("Dear <b>".into()));
    assert_eq!(text("text/html", b"<p>Dear"), Ok(" Dear".into()));
    assert_eq!(text("application/hl7-cda+xml", b"<p>Dear"), Ok(" Dear".into()));
    assert_eq!(text("", b"Dear"), Ok("Dear".into()));
    assert_eq!(text("text/plain", b"%PDF-1.7"), Err(Shut::Kind("a PDF")));
    assert_eq!(text("text/plain", b"{\\rtf1"), Err(Shut::Kind("RTF")));
    assert_eq!(text("", b"\0\0"), Err(Shut::Kind("a kind of file")));
    assert_eq!(text("application/octet-stream", b"Dear"), Err(Shut::Kind("a kind of file")));
    let cda = b"<nonXMLBody><text representation=\"B64\">AAAA</text></nonXMLBody>";
    assert_eq!(text("text/xml", cda), Err(Shut::Kind("a file inside another")));
    assert_eq!(text_of(&file("text/plain"), None), Err(Shut::Missing));
    assert_eq!(text("text/plain", &vec![b'a'; FILE_BYTES_MAX + 1]), Err(Shut::TooLarge));
    let elsewhere = File { place: Place::Elsewhere("x".into()), ..file("text/plain") };
    assert_eq!(text_of(&elsewhere, Some(b"Dear")), Err(Shut::Elsewhere));
}

#[test]
fn every_word_must_be_found_and_each_is_marked() {
    let text = "Dear colleague,\r\n\r\nshe has Type 2 Diabetes. No diabetic foot. <script>alert(1)</script>";
    let found = find("DIABET type", text).expect("found");
    assert_eq!(found.count, 3);
    let marked: Vec<&str> = found.around.iter().filter(|(_, hit)| *hit).map(|(word, _)| word.as_str()).collect();
    assert_eq!(marked, ["Type", "Diabetes", "diabetic"]);
    let whole: String = found.around.iter().map(|(piece, _)| piece.as_str()).collect();
    assert!(whole.starts_with("Dear colleague, she has"), "{whole}");
    assert_eq!(find("diabetes asthma", text), None);
    assert_eq!(find("abetes", text), None, "a word is not found in its middle");
    assert_eq!(Wanted::read(" <> \u{202e} … "), None);
}

#[test]
fn what_is_shown_is_short_and_turns_no_direction() {
    let long = format!("{} \u{202e}needle\u{200f} {}", "é".repeat(10_000), "ü ".repeat(10_000));
    let found = find("needle", &long).expect("found");
    let whole: String = found.around.iter().map(|(piece, _)| piece.as_str()).collect();
    assert!(whole.chars().count() < 200 && whole.starts_with('…') && whole.ends_with('…'), "{whole}");
    assert!(!whole.contains(['\u{202e}', '\u{200f}']));
    let word = "x".repeat(10_000);
    assert!(find(&word, &word).is_some());
}
