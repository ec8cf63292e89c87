//! Letters are real PDFs and say what the messages say.

use crate::region;
use base64::{Engine, engine::general_purpose::STANDARD};
use synth::Format;

fn letters() -> Vec<((String, String), Vec<u8>)> {
    let region = region(150);
    let people: Vec<_> = region.everyone().collect();
    let mut found = Vec::new();
    for message in people.iter().flat_map(|p| region.history(p)).filter(|m| m.format == Format::Hl7v2) {
        let read = hl7v2::parse(&message.bytes).message.unwrap();
        if read.get("MSH-9.1").as_deref() == Some("MDM") {
            let name = format!("{}{}", read.get("PID-5.2").unwrap(), read.get("PID-5.5").unwrap_or_default());
            let family = read.get("PID-5.1").unwrap();
            found.push(((name, family), STANDARD.decode(read.get("OBX-5.5").unwrap()).unwrap()));
        }
    }
    found
}

#[test]
fn every_letter_is_a_whole_pdf() {
    let letters = letters();
    assert!(letters.len() > 100, "{} letters", letters.len());
    for (_, pdf) in &letters {
        assert!(pdf.starts_with(b"%PDF-1."));
        let tail = String::from_utf8_lossy(&pdf[pdf.len() - 80..]).into_owned();
        assert!(tail.trim_end().ends_with("%%EOF"));
        let start: usize = tail.split("startxref").nth(1).unwrap().split_whitespace().next().unwrap().parse().unwrap();
        let table = String::from_utf8_lossy(&pdf[start..]).into_owned();
        let mut lines = table.lines();
        assert_eq!(lines.next(), Some("xref"));
        let count: usize = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        for (number, line) in lines.take(count).enumerate().skip(1) {
            if line.contains(" n") {
                let offset: usize = line[..10].parse().unwrap();
                assert!(
                    pdf[offset..].starts_with(format!("{number} 0 obj").as_bytes()),
                    "object {number} is not at {offset}"
                );
            }
        }
    }
}

#[test]
fn a_letter_names_the_patient_of_its_message() {
    for ((given, family), pdf) in letters() {
        let text: String = pdf.iter().map(|b| char::from(*b)).collect();
        // In the letter family names are in capitals; a name with brackets or accents is written in octal.
        if family.chars().chain(given.chars()).all(|c| c.is_ascii_alphabetic() || c == ' ') {
            assert!(text.contains(&family.to_uppercase()), "{family} is not in the letter");
        }
        assert!(text.contains("Page 1 of"));
    }
}
