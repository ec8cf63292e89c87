//! Words inside letters.

use base64::Engine as _;
use flate2::{Compression, write::ZlibEncoder};
use record::{
    letter_text::{
        FILE_BYTES_MAX, Found, Shut, Wanted,
        pdf::{Outcome, PAGES_MAX, Pdfs},
        stripped, text_of,
    },
    sections::documents::{File, Place},
};
use std::{
    io::Write as _,
    path::PathBuf,
    time::{Duration, Instant},
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
    assert_eq!(text("text/plain", b"%PDF-1.7"), Err(Shut::Pdf));
    assert_eq!(text("text/plain", b"{\\rtf1 Dear}"), Ok("Dear".into()));
    assert_eq!(text("text/rtf", b"Dear"), Err(Shut::Broken));
    assert_eq!(text("", &[0xd0, 0xcf, 0x11, 0xe0, 1]), Err(Shut::Kind("an old word processor’s file")));
    assert_eq!(text("image/png", b"Dear"), Err(Shut::Kind("a picture")));
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

#[test]
fn an_rtf_letter_is_read_without_its_looks() {
    let words = |rtf: &[u8]| text_of(&file("application/rtf"), Some(rtf));
    for (rtf, plain) in [
        (&br"{\rtf1\ansi{\fonttbl{\f0 Arial;}}{\*\generator Word;}\b war\b0 farin\par stopped}"[..], "warfarin\nstopped"),
        (br"{\rtf1 5\'a35 na\'efve \'93quoted\'94 a\~b x\-y}", "5£5 naïve “quoted” a b xy"),
        (br"{\rtf1\uc1 caf\u233?\u-10179?\u-8704? {\uc0 \u8364}5 \u233\'e9e}", "café😀 €5 ée"),
        (br"{\rtf1 {\info{\author Hidden}}{\pict 0a0b}{\object secret}a{\field{\*\fldinst HYPERLINK}{\fldrslt link}}}", "alink"),
        (b"{\\rtf1 a\\bin4 {}{}b\\cell c\\\nd \\{x\\}}", "ab c\nd {x}"),
        (br"{\rtf1 never closed {\b one", "never closed one"),
        (br"{\rtf1 closed}}}} twice", "closed twice"),
    ] {
        assert_eq!(words(rtf).as_deref(), Ok(plain), "{}", String::from_utf8_lossy(rtf));
    }
    assert_eq!(words(br"{\rtf1{\pict 89504e47}}"), Err(Shut::NoWords));
    for hostile in
        ["{", "}", "\\", "{\\rtf1", "\\'", "\\u", "\\u-", "\\bin99999999999999999999", "\\uc99999 \\u1", "{\\*"]
    {
        let rtf = format!("{{\\rtf1 a {}", hostile.repeat(100_000));
        assert!(words(rtf.as_bytes()).is_ok_and(|words| words.len() <= rtf.len()), "{hostile}");
    }
}

/// An archive of parts, packed or not.
fn zip(parts: &[(&str, &[u8], bool)]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, content, packed) in parts {
        let body = match packed {
            true => {
                let mut packer = flate2::write::DeflateEncoder::new(Vec::new(), Compression::best());
                packer.write_all(content).expect("packed");
                packer.finish().expect("packed")
            }
            false => content.to_vec(),
        };
        let number = |value: usize| u32::try_from(value).expect("small").to_le_bytes();
        let mut common = vec![20, 0, 0, 0, if *packed { 8 } else { 0 }, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        common.extend(number(body.len()));
        common.extend(number(content.len()));
        common.extend(&number(name.len())[..2]);
        common.extend([0, 0]);
        let at = out.len();
        out.extend(b"PK\x03\x04");
        out.extend(&common);
        out.extend(name.bytes());
        out.extend(body);
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&common);
        directory.extend([0; 10]);
        directory.extend(number(at));
        directory.extend(name.bytes());
    }
    let (at, count) = (out.len(), u8::try_from(parts.len()).expect("few"));
    out.extend(&directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend([count, 0, count, 0]);
    out.extend(u32::try_from(directory.len()).expect("small").to_le_bytes());
    out.extend(u32::try_from(at).expect("small").to_le_bytes());
    out.extend([0, 0]);
    out
}

#[test]
fn a_word_processors_letter_is_read_and_a_broken_or_swollen_one_says_so() {
    let words = |archive: &[u8]| text_of(&file(""), Some(archive)).map(|words| words.trim().to_owned());
    let docx = b"<w:document><w:body><w:p><w:r><w:t>war</w:t></w:r><w:r><w:rPr><w:b/></w:rPr><w:t xml:space=\"preserve\">farin &amp;</w:t>\
        </w:r><w:del><w:r><w:delText>deleted</w:delText></w:r></w:del></w:p><w:p><w:r><w:instrText>PAGE</w:instrText><w:t/>\
        <w:t>stopped</w:t></w:r></w:p></w:body></w:document>";
    let other: (&str, &[u8], bool) = ("[Content_Types].xml", b"<Types/>", true);
    for packed in [true, false] {
        let found = words(&zip(&[other, ("word/document.xml", docx, packed)])).expect("words");
        assert_eq!(found.split_whitespace().collect::<Vec<_>>(), ["warfarin", "&", "stopped"]);
    }
    let odt = b"<office:text><text:tracked-changes><text:p>deleted</text:p></text:tracked-changes>\
        <text:p>war<text:span>farin</text:span></text:p><text:p>stopped<text:s/>now</text:p></office:text>";
    let found = words(&zip(&[("mimetype", b"x", false), ("content.xml", odt, true)])).expect("words");
    assert_eq!(found.split_whitespace().collect::<Vec<_>>(), ["warfarin", "stopped", "now"]);
    assert_eq!(words(&zip(&[other])), Err(Shut::Kind("a kind of file")));
    let swollen = vec![b' '; 17 << 20];
    assert_eq!(words(&zip(&[("word/document.xml", &swollen, true)])), Err(Shut::TooMuch));
    assert_eq!(words(&zip(&[("word/document.xml", b"<w:p/>", true)])), Err(Shut::NoWords));
    let whole = zip(&[other, ("word/document.xml", docx, true)]);
    for at in 0..whole.len() {
        let mut broken = whole.clone();
        broken[at] ^= 0xff;
        let _ = words(&broken);
        let _ = words(&whole[..at]);
    }
}

/// A PDF of these objects, numbered from 1; the first is its catalogue.
fn pdf(objects: &[Vec<u8>]) -> Vec<u8> {
    let mut out = b"%PDF-1.4\n".to_vec();
    let mut places = String::new();
    for (index, object) in objects.iter().enumerate() {
        places.push_str(&format!("{:010} 00000 n \n", out.len()));
        out.extend(format!("{} 0 obj\n", index + 1).into_bytes());
        out.extend(object);
        out.extend(b"\nendobj\n");
    }
    let (at, count) = (out.len(), objects.len() + 1);
    out.extend(format!("xref\n0 {count}\n0000000000 65535 f \n{places}").into_bytes());
    out.extend(format!("trailer<</Size {count}/Root 1 0 R>>\nstartxref\n{at}\n%%EOF\n").into_bytes());
    out
}

fn stream(keys: &str, content: &[u8]) -> Vec<u8> {
    let mut out = format!("<<{keys}/Length {}>>stream\n", content.len()).into_bytes();
    out.extend(content);
    out.extend(b"\nendstream");
    out
}

/// A PDF whose every page is this content.
fn pages(count: usize, catalogue: &str, content: Vec<u8>) -> Vec<u8> {
    let page = "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 3 0 R/Resources<</Font<</F1 4 0 R>>>>>>";
    let kids: Vec<String> = (0..count).map(|n| format!("{} 0 R", n + 5)).collect();
    let mut objects = vec![
        format!("<</Type/Catalog/Pages 2 0 R{catalogue}>>").into_bytes(),
        format!("<</Type/Pages/Kids[{}]/Count {count}>>", kids.join(" ")).into_bytes(),
        content,
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>".to_vec(),
    ];
    objects.extend((0..count).map(|_| page.as_bytes().to_vec()));
    pdf(&objects)
}

fn says(words: &str) -> Vec<u8> {
    stream("", format!("BT /F1 12 Tf 72 700 Td ({words}) Tj ET").as_bytes())
}

fn packed(content: &[u8]) -> Vec<u8> {
    let mut packer = ZlibEncoder::new(Vec::new(), Compression::best());
    packer.write_all(content).expect("packed");
    packer.finish().expect("packed")
}

fn reader() -> Pdfs {
    let program = PathBuf::from("/usr/bin/pdftotext");
    assert!(program.is_file(), "the tests need pdftotext: apt-get install poppler-utils");
    Pdfs::by(Some(program))
}

fn read(pdfs: &Pdfs, files: &[Vec<u8>], within: Duration) -> Vec<Outcome> {
    pdfs.read_each(files, |bytes| Some(bytes.clone()), Instant::now() + within)
}

/// The PDF of the other tests, encrypted with the password `secret` (by qpdf).
const LOCKED: &str = "\
     JVBERi0xLjYKJb/3ov4KMSAwIG9iago8PCAvT3BlbkFjdGlvbiA8PCAvSlMgPDAwYjUxYjQ2YTNmMTFlYzE0Y2Y3NTVjNTRkYjc5YmE2YjM4ZD\
     MxYjgzYTA4MTRmOGM5Y2ZjZjEzZWUyNWFiNzQ+IC9TIC9KYXZhU2NyaXB0ID4+IC9QYWdlcyAyIDAgUiAvVHlwZSAvQ2F0YWxvZyA+PgplbmRv\
     YmoKMiAwIG9iago8PCAvQ291bnQgMSAvS2lkcyBbIDMgMCBSIF0gL1R5cGUgL1BhZ2VzID4+CmVuZG9iagozIDAgb2JqCjw8IC9Db250ZW50cy\
     A0IDAgUiAvTWVkaWFCb3ggWyAwIDAgNTk1IDg0MiBdIC9QYXJlbnQgMiAwIFIgL1Jlc291cmNlcyA8PCAvRm9udCA8PCAvRjEgNSAwIFIgPj4g\
     Pj4gL1R5cGUgL1BhZ2UgPj4KZW5kb2JqCjQgMCBvYmoKPDwgL0xlbmd0aCA5NiAvRmlsdGVyIC9GbGF0ZURlY29kZSA+PgpzdHJlYW0K6+lWzC\
     d68i00hOUDRbHPBQSdrmphHtPNMrp6/NMRQ9e2ATVX2olo2MYQlzzdXYRjsGjaa1XrQqD7FzVoFn/YCLacl36k2OlV9yuweElCJ1lcxWJ3vmjX\
     MlW/gueB6JhJZW5kc3RyZWFtCmVuZG9iago1IDAgb2JqCjw8IC9CYXNlRm9udCAvSGVsdmV0aWNhIC9TdWJ0eXBlIC9UeXBlMSAvVHlwZSAvRm\
     9udCA+PgplbmRvYmoKNiAwIG9iago8PCAvQ0YgPDwgL1N0ZENGIDw8IC9BdXRoRXZlbnQgL0RvY09wZW4gL0NGTSAvQUVTVjIgL0xlbmd0aCAx\
     NiA+PiA+PiAvRmlsdGVyIC9TdGFuZGFyZCAvTGVuZ3RoIDEyOCAvTyA8MGU1MjI5MjVhM2U0ZTg3NGMzY2ZhY2JlZjUxMWE3M2FjNGVjMmJkOD\
     Y1ZGNkM2Q0NjI3NjE0OTE3YWJmZDdlND4gL1AgLTQgL1IgNCAvU3RtRiAvU3RkQ0YgL1N0ckYgL1N0ZENGIC9VIDwxYTFmNzVkOGQyY2Q0ZDU3\
     NmYzMTg4MjJmODAxNDJmOTAxMjI0NTZhOTFiYWU1MTM0MjczYTZkYjEzNGM4N2M0PiAvViA0ID4+CmVuZG9iagp4cmVmCjAgNwowMDAwMDAwMD\
     AwIDY1NTM1IGYgCjAwMDAwMDAwMTUgMDAwMDAgbiAKMDAwMDAwMDE2OCAwMDAwMCBuIAowMDAwMDAwMjI3IDAwMDAwIG4gCjAwMDAwMDAzNTUg\
     MDAwMDAgbiAKMDAwMDAwMDUyMSAwMDAwMCBuIAowMDAwMDAwNTkxIDAwMDAwIG4gCnRyYWlsZXIgPDwgL1Jvb3QgMSAwIFIgL1NpemUgNyAvSU\
     QgWzxlYzI5MDYxNjkwMDBiYWY1OWNlMTFmYzk3ZGU3OTRlZD48ZWMyOTA2MTY5MDAwYmFmNTljZTExZmM5N2RlNzk0ZWQ+XSAvRW5jcnlwdCA2\
     IDAgUiA+PgpzdGFydHhyZWYKODkwCiUlRU9GCg==";

#[test]
fn a_pdf_is_read_by_another_program_and_whatever_is_wrong_with_it_says_so_in_time() {
    let locked = base64::engine::general_purpose::STANDARD.decode(LOCKED).expect("base64");
    let swollen = packed(&b"BT /F1 12 Tf 1 0 0 1 72 700 Tm (word word word) Tj ET\n".repeat(1_000_000));
    let script = "/OpenAction<</S/JavaScript/JS(app.alert\\(1\\))>>";
    let files = [
        pages(1, script, says("Dear colleague, warfarin was stopped")),
        pages(1, "", stream("", b"0 0 m 100 100 l S")),
        b"%PDF-1.7 1 0 obj << /JS (app.alert(1)) >> warfarin".to_vec(),
        locked,
        pages(PAGES_MAX + 50, "", says("one of many")),
        pages(1, "", stream("/Filter/FlateDecode", &swollen)),
        pages(1, "", says("after the bomb")),
    ];
    let begun = Instant::now();
    let found = read(&reader(), &files, Duration::from_secs(30));
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    let words = |index: usize| found[index].as_ref().map(|text| (text.words.trim().to_owned(), text.cut));
    assert_eq!(
        words(0),
        Ok(("Dear colleague, warfarin was stopped".into(), false)),
        "a script is not run, nor in the way"
    );
    assert_eq!(words(1), Err(&Shut::NoWords));
    assert_eq!(words(2), Err(&Shut::Broken));
    assert_eq!(words(3), Err(&Shut::Locked));
    let (many, cut) = words(4).expect("words");
    assert_eq!((many.matches("one of many").count(), cut), (PAGES_MAX, true));
    assert_eq!(words(5), Err(&Shut::TooMuch));
    assert_eq!(words(6), Ok(("after the bomb".into(), false)));
}

#[test]
fn what_there_was_no_time_for_says_so_and_is_read_another_time() {
    let files: Vec<Vec<u8>> = (0..12).map(|n| pages(2, "", says(&format!("letter number {n}")))).collect();
    let pdfs = reader();
    let none = read(&pdfs, &files, Duration::ZERO);
    assert!(none.iter().all(|outcome| *outcome == Err(Shut::NotReached)), "{none:?}");
    let all = read(&pdfs, &files, Duration::from_secs(30));
    for (n, outcome) in all.iter().enumerate() {
        let text = outcome.as_ref().expect("words");
        assert_eq!(text.words.matches(&format!("letter number {n}")).count(), 2, "{}", text.words);
    }
    // What was read is remembered: no time is needed for it.
    assert_eq!(read(&pdfs, &files, Duration::ZERO), all);
}

#[test]
fn where_nothing_reads_pdfs_they_say_so() {
    let files = [pages(1, "", says("Dear"))];
    for nothing in [Pdfs::default(), Pdfs::by(Some("/nowhere/pdftotext".into()))] {
        assert_eq!(read(&nothing, &files, Duration::from_secs(5)), [Err(Shut::NoPdfs)]);
    }
    assert!(!Pdfs::default().are_read() && Shut::NoPdfs.words().contains("not searched"));
}

/// How long a search through 200 PDF letters of two pages takes, read for the first time and again.
#[test]
#[ignore = "measures; run it with --ignored --nocapture"]
fn two_hundred_pdfs() {
    let page = |n: usize| {
        (0..40)
            .map(|line| {
                format!(
                    "BT /F1 10 Tf 50 {} Td (letter {n} line {line} and more words about the patient) Tj ET\n",
                    800 - line * 18
                )
            })
            .collect::<String>()
    };
    let files: Vec<Vec<u8>> = (0..200).map(|n| pages(2, "", stream("", page(n).as_bytes()))).collect();
    let pdfs = reader();
    for time in ["first", "again"] {
        let begun = Instant::now();
        let read = read(&pdfs, &files, Duration::from_secs(60));
        let took = begun.elapsed();
        assert!(read.iter().all(Result::is_ok));
        println!("200 PDFs of 2 pages, {time}: {} ms", took.as_millis());
    }
}
