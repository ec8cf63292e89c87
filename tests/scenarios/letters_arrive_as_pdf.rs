//! Two genomics services send their reports as PDFs, one of them against the book. Both can be opened.

use crate::harness::{Region, http, region::READER_TOKEN, shared};
use serde_json::Value;

/// The PDF as the message holds it: the last component of OBX-5, base64.
fn pdf_in(message: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(message);
    let field = text
        .split('\r')
        .filter(|line| line.starts_with("OBX"))
        .filter_map(|line| line.split('|').nth(5))
        .find(|field| field.contains("JVBER"))
        .expect("the message holds a PDF");
    let base64 = field.split('^').find(|part| part.starts_with("JVBER")).unwrap();
    decode(base64)
}

/// Base64, on purpose not with the library under test.
fn decode(text: &str) -> Vec<u8> {
    let digit = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let digits: Vec<u32> = text.bytes().filter_map(digit).map(u32::from).collect();
    let mut bytes = Vec::new();
    for four in digits.chunks(4) {
        let joined = four.iter().fold(0, |sum, digit| sum << 6 | digit) << (6 * (4 - four.len()));
        let three = joined.to_be_bytes();
        bytes.extend_from_slice(&three[1..four.len()]);
    }
    bytes
}

/// Follow every attachment of a patient's documents and reports to its bytes.
fn attachments(region: &Region, patient: &str) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for resource in region.read_all(&format!("/Patient/{patient}/$everything")) {
        let mut places: Vec<Value> = Vec::new();
        places.extend(resource["presentedForm"].as_array().cloned().unwrap_or_default());
        places
            .extend(resource["content"].as_array().into_iter().flatten().map(|content| content["attachment"].clone()));
        for attachment in places {
            let Some(url) = attachment["url"].as_str() else { continue };
            let path = url.split_once("/fhir/").map_or(url, |(_, path)| path);
            let bearer = format!("Bearer {READER_TOKEN}");
            let kind = attachment["contentType"].as_str().unwrap_or_default().to_owned();
            let headers = [("Authorization", bearer.as_str()), ("Accept", kind.as_str())];
            let answer = http::request(region.http(), "GET", &format!("/fhir/{path}"), &headers, b"").expect(200);
            assert_eq!(answer.header("content-type"), Some(kind.as_str()));
            found.push((kind, answer.body));
        }
    }
    found
}

/// Each arrives as sent, byte for byte, and says that it is a PDF.
#[test]
fn letters_arrive_as_pdf() {
    for name in ["NWGMSA_ORU_R01_PDF.txt", "ManchesterFoundationTrust_ORU_R01_PDF.txt"] {
        let region = Region::start();
        let message = shared::message(&format!("hl7v2/nw-gmsa/messages/{name}"));
        let answer = region.sender("lab-oru").send(&message);
        assert!(["AA", "CA"].contains(&answer.code()), "{name}: {answer:?}");
        let text = String::from_utf8_lossy(&message).into_owned();
        let family = text
            .split('\r')
            .find(|line| line.starts_with("PID"))
            .unwrap()
            .split('|')
            .nth(5)
            .unwrap()
            .split('^')
            .next()
            .unwrap()
            .to_owned();
        region.until_caught_up();
        let found = region.read(&format!("/Patient?family={family}&birthdate={}", born(&text)));
        let patient =
            found["entry"][0]["resource"]["id"].as_str().unwrap_or_else(|| panic!("{name}: {found:#}")).to_owned();
        let pdfs: Vec<Vec<u8>> = attachments(&region, &patient)
            .into_iter()
            .filter(|(kind, _)| kind == "application/pdf")
            .map(|(_, bytes)| bytes)
            .collect();
        assert!(!pdfs.is_empty(), "{name}: there is a PDF to open");
        let sent = pdf_in(&message);
        assert!(sent.starts_with(b"%PDF-"));
        for pdf in pdfs {
            assert_eq!(pdf, sent, "{name}: as sent");
        }
    }
}

fn born(message: &str) -> String {
    let digits = message.split('\r').find(|line| line.starts_with("PID")).unwrap().split('|').nth(7).unwrap();
    format!("{}-{}-{}", &digits[..4], &digits[4..6], &digits[6..8])
}
