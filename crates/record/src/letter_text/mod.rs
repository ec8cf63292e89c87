//! Words inside letters: the text of a file, and where words stand in it. Pure but for PDFs; whatever a file holds, this ends,
//! for it goes through the bytes once and keeps no more than it was given, or a bound.
//!
//! Plain text, web pages and other marked-up text (HTML, XHTML, CDA), RTF and word processors' files (DOCX, ODT) are read here;
//! a PDF is read by another program ([`pdf`]). Pictures are not: which letters that leaves out is said beside what is found.

mod office;
pub mod pdf;
mod rtf;

use crate::{
    origin::decode,
    sections::documents::{File, Place},
};

/// Files larger than this are not looked into.
pub const FILE_BYTES_MAX: usize = 8 << 20;
/// Words that are looked for at once.
const WORDS_MAX: usize = 10;
/// Letters around the first word that is found.
const AROUND: usize = 90;

/// Why a file is not looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shut {
    /// Its kind holds no text that can be read here.
    Kind(&'static str),
    /// It is too large.
    TooLarge,
    /// Its source keeps it.
    Elsewhere,
    /// No content was sent.
    Missing,
    /// It is held back, for it may tell whereabouts.
    Withheld,
    /// It is a PDF, which is read elsewhere ([`pdf::Pdfs`]).
    Pdf,
    /// It is a PDF, and nothing here reads those.
    NoPdfs,
    /// It opens without words: a picture of a page.
    NoWords,
    /// It cannot be opened.
    Broken,
    /// It opens with a password alone.
    Locked,
    /// It says that its text may not be taken out.
    Forbidden,
    /// It takes too long, or too much memory.
    TooMuch,
    /// There was no time for it.
    NotReached,
    /// Only its beginning was looked into.
    Beginning,
}

impl Shut {
    /// In words: `a PDF`, `its source keeps the file` …
    pub fn words(self) -> String {
        match self {
            Shut::Kind(kind) => format!("its text is in {kind}, which is not looked into"),
            Shut::TooLarge => "it is too large to be looked into".into(),
            Shut::Elsewhere => "its source keeps the file".into(),
            Shut::Missing => "its source sent no content".into(),
            Shut::Withheld => "its files are withheld".into(),
            Shut::Pdf | Shut::NoPdfs => "it is a PDF, and PDF letters are not searched here".into(),
            Shut::NoWords => "no words could be read in it (a picture?)".into(),
            Shut::Broken => "its file is broken and cannot be opened".into(),
            Shut::Locked => "its file is locked with a password".into(),
            Shut::Forbidden => "its file forbids that its text is taken out".into(),
            Shut::TooMuch => "reading its file takes too long, or too much memory".into(),
            Shut::NotReached => "there was no time to look into it".into(),
            Shut::Beginning => {
                format!("it is long: only its first {} pages, or its beginning, were searched", pdf::PAGES_MAX)
            }
        }
    }
}

/// The text of a file. `bytes`: its content, where it is here.
///
/// # Errors
/// [`Shut`] when it has none that can be read here; [`Shut::Pdf`]: when it is to be read as a PDF.
pub fn text_of(file: &File, bytes: Option<&[u8]>) -> Result<String, Shut> {
    let bytes = match (&file.place, bytes) {
        (Place::Elsewhere(_), _) => return Err(Shut::Elsewhere),
        (Place::Withheld, _) => return Err(Shut::Withheld),
        (Place::Missing, _) | (_, None) => return Err(Shut::Missing),
        (_, Some(bytes)) => bytes,
    };
    if bytes.len() > FILE_BYTES_MAX {
        return Err(Shut::TooLarge);
    }
    // What a file is, its first bytes say better than its sender.
    let start = bytes.trim_ascii_start();
    let marked_up = match file.media_type.as_str() {
        _ if start.starts_with(b"%PDF") => return Err(Shut::Pdf),
        _ if start.starts_with(b"{\\rtf") => return worded(rtf::words(start)),
        _ if start.starts_with(b"PK\x03\x04") => return office::words(start),
        _ if start.starts_with(&[0xd0, 0xcf, 0x11, 0xe0]) => return Err(Shut::Kind("an old word processor’s file")),
        "application/pdf" => return Err(Shut::Pdf),
        "text/rtf" | "application/rtf" => return Err(Shut::Broken),
        kind if kind.starts_with("image/") => return Err(Shut::Kind("a picture")),
        "text/html" => true,
        kind if kind.ends_with("+xml") || kind.ends_with("/xml") => true,
        "text/plain" => false,
        kind if kind.starts_with("text/") => start.starts_with(b"<"),
        "" if !bytes.contains(&0) && std::str::from_utf8(bytes).is_ok() => start.starts_with(b"<"),
        _ => return Err(Shut::Kind("a kind of file")),
    };
    let text = decode(bytes);
    if !marked_up {
        return Ok(text);
    }
    // A CDA document may be nothing but an envelope around a PDF (CDA R2, nonXMLBody).
    if text.contains("nonXMLBody") && text.contains("B64") {
        return Err(Shut::Kind("a file inside another"));
    }
    Ok(stripped(&text))
}

/// A text that has words.
fn worded(text: String) -> Result<String, Shut> {
    if text.contains(char::is_alphanumeric) { Ok(text) } else { Err(Shut::NoWords) }
}

/// Marked-up text without its marks. What stands in scripts and styles is not read; marks within a word do not part it.
pub fn stripped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        let (before, mark) = rest.split_at(at);
        unescape(before, &mut plain);
        rest = match mark {
            _ if mark.starts_with("<!--") => after(mark, "-->"),
            _ if mark.starts_with("<![CDATA[") => {
                let inside = mark.get(9..).unwrap_or_default();
                let (inside, rest) = inside.split_once("]]>").unwrap_or((inside, ""));
                plain.push_str(inside);
                rest
            }
            _ if mark
                .get(1..2)
                .is_some_and(|next| next.starts_with(|c: char| c.is_ascii_alphabetic() || "/!?".contains(c))) =>
            {
                match mark.find('>') {
                    Some(end) => {
                        let (tag, rest) = mark.split_at(end + 1);
                        marked(tag, rest, &mut plain)
                    }
                    // A mark that is never closed is no mark.
                    None => {
                        unescape(mark, &mut plain);
                        ""
                    }
                }
            }
            _ => {
                plain.push('<');
                mark.get(1..).unwrap_or_default()
            }
        };
    }
    unescape(rest, &mut plain);
    plain
}

/// What comes after one mark.
fn marked<'a>(tag: &str, rest: &'a str, plain: &mut String) -> &'a str {
    const WITHIN_WORDS: [&str; 14] =
        ["a", "abbr", "b", "big", "em", "font", "i", "mark", "small", "span", "strong", "sub", "sup", "u"];
    let name = tag.trim_start_matches(['<', '/']);
    let name = name.split(|c: char| !c.is_ascii_alphanumeric() && c != ':').next().unwrap_or_default();
    let name = name.to_ascii_lowercase();
    if !WITHIN_WORDS.contains(&name.as_str()) {
        plain.push(' ');
    }
    if matches!(name.as_str(), "script" | "style") && !tag.starts_with("</") && !tag.ends_with("/>") {
        return past_end(rest, &name);
    }
    rest
}

/// What comes after `</name`, whatever its case; nothing where that is missing.
fn past_end<'a>(text: &'a str, name: &str) -> &'a str {
    let mut rest = text;
    while let Some(at) = rest.find("</") {
        rest = rest.get(at + 2..).unwrap_or_default();
        if rest.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name)) {
            return after(rest, ">");
        }
    }
    ""
}

fn after<'a>(text: &'a str, end: &str) -> &'a str {
    text.split_once(end).map_or("", |(_, rest)| rest)
}

/// An entity is not longer than this.
const ENTITY_BYTES_MAX: usize = 12;

fn unescape(text: &str, plain: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        let (before, entity) = rest.split_at(at);
        plain.push_str(before);
        let end = entity.bytes().take(ENTITY_BYTES_MAX).position(|byte| byte == b';');
        let letter = end.and_then(|end| entity.get(1..end)).and_then(letter_of);
        rest = match (letter, end) {
            (Some(letter), Some(end)) => {
                plain.push(letter);
                entity.get(end + 1..).unwrap_or_default()
            }
            _ => {
                plain.push('&');
                entity.get(1..).unwrap_or_default()
            }
        };
    }
    plain.push_str(rest);
}

/// The letter that an entity names: by number, or one of the names that letters use.
fn letter_of(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code);
    }
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        "pound" => '£',
        "deg" => '°',
        "micro" => 'µ',
        "eacute" => 'é',
        "egrave" => 'è',
        "ndash" => '–',
        "mdash" => '—',
        "lsquo" => '‘',
        "rsquo" => '’',
        "ldquo" => '“',
        "rdquo" => '”',
        "hellip" => '…',
        _ => return None,
    })
}

/// Words that are looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted(Vec<String>);

/// Where words were found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// How many words of the text are meant.
    pub count: usize,
    /// The text around the first: pieces, and whether each is a word that was looked for.
    pub around: Vec<(String, bool)>,
}

impl Wanted {
    /// The words of what was typed, folded as everywhere ([`crate::text::fold`]). None: there is no word in it.
    pub fn read(typed: &str) -> Option<Wanted> {
        let folded = crate::text::fold(typed);
        let mut words: Vec<String> = folded.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect();
        words.truncate(WORDS_MAX);
        (!words.is_empty()).then_some(Wanted(words))
    }

    /// Where they stand in a text; None unless it has all of them. A word is also found as the beginning of a longer one.
    pub fn find(&self, text: &str) -> Option<Found> {
        let mut missing: Vec<&str> = self.0.iter().map(String::as_str).collect();
        let mut hits: Vec<(usize, usize)> = Vec::new();
        for (start, word) in words(text) {
            let folded: String = word.chars().flat_map(char::to_lowercase).collect();
            if self.0.iter().any(|wanted| folded.starts_with(wanted.as_str())) {
                missing.retain(|wanted| !folded.starts_with(wanted));
                hits.push((start, start + word.len()));
            }
        }
        let first = hits.first().copied().filter(|_| missing.is_empty())?;
        Some(Found { count: hits.len(), around: around(text, first, &hits) })
    }
}

/// The words of a text, and where each begins.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split_inclusive(|c: char| !c.is_alphanumeric()).filter_map(move |one| {
        let start = at;
        at += one.len();
        let word = one.trim_end_matches(|c: char| !c.is_alphanumeric());
        (!word.is_empty()).then_some((start, word))
    })
}

/// The text around a hit in pieces, those of the hits among them marked.
fn around(text: &str, (start, end): (usize, usize), hits: &[(usize, usize)]) -> Vec<(String, bool)> {
    let before = text.get(..start).unwrap_or_default();
    let from = before.char_indices().rev().take(AROUND).last().map_or(start, |(at, _)| at);
    let rest = text.get(end..).unwrap_or_default();
    let to = end + rest.char_indices().nth(AROUND).map_or(rest.len(), |(at, _)| at);
    let mut pieces = Vec::new();
    let mut push = |piece: &str, marked: bool| {
        let shown = shown(piece);
        if !shown.is_empty() {
            pieces.push((shown, marked));
        }
    };
    if from > 0 {
        push("… ", false);
    }
    let mut at = from;
    for (start, end) in hits.iter().filter(|(start, end)| *start >= from && *end <= to) {
        push(text.get(at..*start).unwrap_or_default(), false);
        push(text.get(*start..*end).unwrap_or_default(), true);
        at = *end;
    }
    push(text.get(at..to).unwrap_or_default(), false);
    if to < text.len() {
        push(" …", false);
    }
    pieces
}

/// White space as one space; nothing that is not seen or that turns the direction of what follows (Unicode bidirectional
/// controls).
fn shown(text: &str) -> String {
    let unseen = |c: &char| {
        matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{61c}')
            || (c.is_control() && !c.is_whitespace())
    };
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars().filter(|c| !unseen(c)) {
        match letter.is_whitespace() {
            true if shown.ends_with(' ') => {}
            true => shown.push(' '),
            false => shown.push(letter),
        }
    }
    shown
}
