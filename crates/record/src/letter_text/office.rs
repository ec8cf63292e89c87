//! The words of a word processor's file: Office Open XML (`.docx`, ISO/IEC 29500) and OpenDocument (`.odt`, ISO/IEC 26300),
//! which are ZIP archives with a part of XML. One part is unpacked, up to a bound, and nothing else is looked at: no macro, no
//! picture, nothing that the file refers to.

use super::{Shut, unescape};
use flate2::read::DeflateDecoder;
use std::io::Read as _;

/// Bytes of the part that holds the words, unpacked. A bomb ends here.
const PART_BYTES_MAX: usize = 16 << 20;
/// Parts of an archive that are looked at for the one with the words.
const PARTS_MAX: usize = 4_096;

/// The words of a file that begins like a ZIP archive.
///
/// # Errors
/// [`Shut`] when it is another kind of archive, broken, or too large.
pub fn words(bytes: &[u8]) -> Result<String, Shut> {
    let (part, is_word) = match (part(bytes, b"word/document.xml"), part(bytes, b"content.xml")) {
        (Some(part), _) => (part, true),
        (None, Some(part)) => (part, false),
        (None, None) => return Err(Shut::Kind("a kind of file")),
    };
    let xml = part.unpacked()?;
    let xml = String::from_utf8_lossy(&xml);
    let words = text(&xml, is_word);
    if words.contains(char::is_alphanumeric) { Ok(words) } else { Err(Shut::NoWords) }
}

/// A part of an archive, still packed.
struct Part<'a> {
    method: u16,
    packed: &'a [u8],
}

fn number(bytes: &[u8], at: usize, length: usize) -> Option<usize> {
    let bytes = bytes.get(at..at.checked_add(length)?)?;
    Some(bytes.iter().rev().fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
}

/// A part by its name, by the archive's central directory (APPNOTE.TXT §4.3.12, §4.3.16).
fn part<'a>(bytes: &'a [u8], name: &[u8]) -> Option<Part<'a>> {
    let end = memchr::memmem::rfind(bytes, b"PK\x05\x06")?;
    let (count, mut at) = (number(bytes, end + 10, 2)?, number(bytes, end + 16, 4)?);
    for _ in 0..count.min(PARTS_MAX) {
        if bytes.get(at..at + 4)? != b"PK\x01\x02" {
            return None;
        }
        let [named, extra, comment] = [28, 30, 32].map(|field| number(bytes, at + field, 2));
        let (named, after) = (named?, extra? + comment?);
        if bytes.get(at + 46..at + 46 + named)? == name {
            let (method, size) = (number(bytes, at + 10, 2)?, number(bytes, at + 20, 4)?);
            let local = number(bytes, at + 42, 4)?;
            let start = local + 30 + number(bytes, local + 26, 2)? + number(bytes, local + 28, 2)?;
            let packed = bytes.get(start..start.checked_add(size)?)?;
            return Some(Part { method: u16::try_from(method).ok()?, packed });
        }
        at += 46 + named + after;
    }
    None
}

impl Part<'_> {
    fn unpacked(&self) -> Result<Vec<u8>, Shut> {
        let mut whole = Vec::new();
        let most = PART_BYTES_MAX as u64 + 1;
        let read = match self.method {
            0 => self.packed.take(most).read_to_end(&mut whole),
            8 => DeflateDecoder::new(self.packed).take(most).read_to_end(&mut whole),
            _ => return Err(Shut::Broken),
        };
        match read {
            Err(_) => Err(Shut::Broken),
            Ok(_) if whole.len() > PART_BYTES_MAX => Err(Shut::TooMuch),
            Ok(_) => Ok(whole),
        }
    }
}

/// The text between marks. In Word's only what stands in `w:t`, for what was deleted and what is computed stand beside it.
/// Marks of looks do not part a word; those of paragraphs, lines and cells do.
fn text(xml: &str, is_word: bool) -> String {
    const PARTING: [&str; 14] = [
        "w:p",
        "w:tab",
        "w:br",
        "w:cr",
        "w:tc",
        "text:p",
        "text:h",
        "text:s",
        "text:tab",
        "text:line-break",
        "table:table-cell",
        "text:list-item",
        "text:note",
        "text:note-body",
    ];
    let mut plain = String::with_capacity(xml.len() / 8);
    let mut reading = !is_word;
    let mut deleted = false;
    let mut rest = xml;
    while let Some(at) = rest.find('<') {
        let (before, mark) = rest.split_at(at);
        if reading && !deleted {
            unescape(before, &mut plain);
        }
        let Some(end) = mark.find('>') else { return plain };
        let (tag, after) = mark.split_at(end + 1);
        rest = after;
        let (closes, alone) = (tag.starts_with("</"), tag.ends_with("/>"));
        let name = tag.trim_start_matches(['<', '/']);
        let name = name.split(|c: char| c.is_whitespace() || matches!(c, '/' | '>')).next().unwrap_or_default();
        match name {
            "w:t" if is_word => reading = !closes && !alone,
            // What OpenDocument keeps of deleted words (ISO/IEC 26300 §5.5.1).
            "text:tracked-changes" => deleted = !closes && !alone,
            name if PARTING.contains(&name) => plain.push(' '),
            _ => {}
        }
    }
    plain
}
