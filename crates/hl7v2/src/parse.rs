//! Bytes to message. Never fails: what cannot be read is said in a note.

use crate::charset;
use crate::location::is_segment_name;
use crate::message::{Line, Message};
use crate::note::{Note, NoteCode, Notes, Severity};
use crate::{Location, Separators, separators};
use std::ops::Range;

/// What came of reading bytes as a message.
#[derive(Debug)]
pub struct Parsed {
    /// The message, unless no header was found.
    pub message: Option<Message>,
    /// What was noticed, at most 65 notes.
    pub notes: Vec<Note>,
}

impl Parsed {
    /// The worst note's severity.
    #[must_use]
    pub fn worst(&self) -> Option<Severity> {
        self.notes.iter().map(|n| n.severity).max()
    }

    /// Was such a thing noticed?
    #[must_use]
    pub fn has(&self, code: NoteCode) -> bool {
        self.notes.iter().any(|n| n.code == code)
    }
}

/// Reads a message. The bytes are copied once and kept: [`Message::raw`] gives them back unchanged.
#[must_use]
pub fn parse(bytes: &[u8]) -> Parsed {
    parse_owned(bytes.to_vec())
}

/// As [`parse`], without the copy.
#[must_use]
pub fn parse_owned(raw: Vec<u8>) -> Parsed {
    let mut notes = Notes::default();
    if u32::try_from(raw.len()).is_err() {
        notes.add(NoteCode::TooLong, "the message is longer than 4 GiB");
        return Parsed { message: None, notes: notes.finish() };
    }
    let declared = declared_charset(&raw);
    let (decoded, charset) = charset::decode(&raw, declared.as_deref(), &mut notes);
    let (text, raw) = match decoded {
        Some(text) => (text, Some(raw)),
        None if charset.skipped == 0 => match String::from_utf8(raw) {
            Ok(text) => (text, None),
            // Cannot happen: the charset was chosen because the bytes are UTF-8.
            Err(not_utf8) => (String::new(), Some(not_utf8.into_bytes())),
        },
        None => {
            let text = raw.get(charset.skipped..).and_then(|body| std::str::from_utf8(body).ok()).unwrap_or("");
            (text.to_owned(), Some(raw))
        }
    };
    let Some(start) = find_header(text.as_bytes()) else {
        notes.add(NoteCode::NoHeader, "no MSH segment was found");
        return Parsed { message: None, notes: notes.finish() };
    };
    note_what_came_before(text.as_bytes().get(..start).unwrap_or_default(), &mut notes);
    let separators = read_separators(text.as_bytes().get(start..).unwrap_or_default(), &mut notes);
    let split = split(text.as_bytes(), start, separators.field, &mut notes);
    let message = Message { text, raw, charset, separators, lines: split.lines, fields: split.fields };
    for (code, range, text) in split.marks {
        let location = message.locate(range.start);
        let span = message.raw_range(range);
        notes.push(Note { code, severity: code.severity(), location, span, text });
    }
    check_header(&message, &mut notes);
    Parsed { message: Some(message), notes: notes.finish() }
}

/// Blanks, line ends, NULs, and the marks of MLLP frames and DOS files: nothing a sender says.
pub(crate) fn is_filler(byte: u8) -> bool {
    matches!(byte, 0 | b'\t' | b'\n' | 0x0B | b'\r' | 0x1A | 0x1C | b' ')
}

/// Does a header with a plausible field separator start here?
pub(crate) fn is_header(bytes: &[u8]) -> bool {
    matches!(bytes, [b'M', b'S', b'H', separator, ..] if separators::plausible(*separator))
}

/// Where MSH is: at the start, or at the start of a later line.
fn find_header(bytes: &[u8]) -> Option<usize> {
    let first = bytes.iter().position(|b| !is_filler(*b))?;
    if is_header(bytes.get(first..)?) {
        return Some(first);
    }
    memchr::memmem::find_iter(bytes, b"MSH").find(|at| {
        is_header(bytes.get(*at..).unwrap_or_default())
            && at.checked_sub(1).and_then(|before| bytes.get(before)).is_none_or(|b| is_filler(*b))
    })
}

fn note_what_came_before(before: &[u8], notes: &mut Notes) {
    let first = before.iter().position(|b| !is_filler(*b)).and_then(|n| before.get(n..));
    match first {
        None if before.is_empty() => {}
        None => notes.add(NoteCode::LeadingBytes, format!("{} bytes before MSH were skipped", before.len())),
        Some([b'F' | b'B', b'H', b'S', ..]) => {
            notes.add(NoteCode::BatchEnvelope, "this is a batch, not a message: send its messages one by one");
        }
        Some(_) => notes.add(NoteCode::TextBeforeHeader, "the message does not start with MSH"),
    }
}

/// The bytes of MSH-18, first repetition that is not empty; found before the character set is known, which works because
/// every set but UTF-16 writes a header's separators as ASCII.
fn declared_charset(raw: &[u8]) -> Option<Vec<u8>> {
    let line = raw.get(find_header(raw)?..)?;
    let end = memchr::memchr2(b'\r', b'\n', line).unwrap_or(line.len());
    let line = line.get(..end)?;
    let separator = *line.get(3)?;
    let repetition = line.get(5).copied().unwrap_or(b'~');
    let field = line.split(|b| *b == separator).nth(17)?;
    let trimmed = field.split(|b| *b == repetition).map(<[u8]>::trim_ascii).find(|name| !name.is_empty())?;
    (trimmed != b"\"\"").then(|| trimmed.to_vec())
}

fn read_separators(header: &[u8], notes: &mut Notes) -> Separators {
    let field = header.get(3).copied().unwrap_or(b'|');
    let rest = header.get(4..).unwrap_or_default();
    let end = memchr::memchr3(field, b'\r', b'\n', rest).unwrap_or(rest.len());
    Separators::read(field, rest.get(..end).unwrap_or_default(), notes)
}

#[derive(Default)]
struct Split {
    lines: Vec<Line>,
    fields: Vec<u32>,
    /// Notes whose place can be told once the message is whole.
    marks: Vec<(NoteCode, Range<usize>, String)>,
}

/// Narrows an offset; [`parse_owned`] has seen to it that it fits. Decoding may lengthen text up to threefold, and then
/// an offset that does not fit reads as an empty element.
fn narrow(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}

/// Divides text into segments and fields.
///
/// CR ends a segment, as does LF where a segment, a blank line or the end follows, where only a name came before, or where
/// the message has no CR at all.
/// Any other LF is part of a field's text.
fn split(bytes: &[u8], start: usize, separator: u8, notes: &mut Notes) -> Split {
    let mut out = Split::default();
    let end = bytes.iter().rposition(|b| !is_filler(*b)).map_or(start, |last| last + 1).max(start);
    let Some(body) = bytes.get(..end) else { return out };
    let has_cr = memchr::memchr(b'\r', body.get(start..).unwrap_or_default()).is_some();
    let is_segment = |at: usize| {
        body.get(at..at + 3).is_some_and(is_segment_name)
            && body.get(at + 3).is_none_or(|b| *b == separator || *b == b'\r' || *b == b'\n')
    };
    let skip_blanks = |at: usize| {
        at + body.get(at..).unwrap_or_default().iter().take_while(|b| matches!(b, b' ' | b'\t' | 0)).count()
    };
    let mut tally = Tally::default();
    let mut line_start = start;
    let mut segment = true;
    let mut first = 0;
    let mut cut = end;
    for at in memchr::memchr3_iter(separator, b'\r', b'\n', body.get(start..).unwrap_or_default()) {
        let at = at + start;
        let byte = body.get(at).copied().unwrap_or(separator);
        if byte == separator {
            if segment && at >= line_start {
                out.fields.push(narrow(at + 1));
            }
            continue;
        }
        let second_of_crlf = byte == b'\n' && at > start && body.get(at - 1) == Some(&b'\r');
        if second_of_crlf {
            tally.crlf += 1;
        } else {
            if byte == b'\n' {
                let next = skip_blanks(at + 1);
                let ends = body.get(next).is_none_or(|b| matches!(b, b'\r' | b'\n')) || is_segment(next);
                if has_cr && !ends && at > line_start + 3 {
                    tally.line_feeds += 1;
                    continue;
                }
                tally.lf += 1;
            }
            out.close(line_start, at, segment, first, &mut tally);
        }
        line_start = skip_blanks(at + 1);
        segment = is_segment(line_start);
        first = out.fields.len();
        if segment && line_start > at + 1 {
            tally.indented += 1;
        }
        if segment && is_header(body.get(line_start..).unwrap_or_default()) {
            cut = line_start;
            break;
        }
    }
    if cut == end {
        out.close(line_start, end, segment, first, &mut tally);
    } else {
        let text = "after this segment, a second MSH follows: send one message at a time, or a batch";
        out.marks.push((NoteCode::SecondHeader, cut..end, text.to_owned()));
    }
    let tail = bytes.get(end..).unwrap_or_default();
    let ended = cut < end || memchr::memchr2(b'\r', b'\n', tail).is_some();
    if tally.lf == 0 && ended && !has_cr && !tail.contains(&b'\r') {
        tally.lf += 1; // A message of one segment, ended by LF.
    }
    tally.note(ended, notes);
    mark_control_characters(body.get(start..cut).unwrap_or_default(), start, &mut out);
    out
}

impl Split {
    fn close(&mut self, start: usize, end: usize, segment: bool, first: usize, tally: &mut Tally) {
        if segment {
            let count = self.fields.len() - first;
            self.lines.push(Line {
                start: narrow(start),
                end: narrow(end),
                first: narrow(first),
                count: narrow(count),
            });
        } else if start < end {
            tally.strays += 1;
            if self.marks.len() < Notes::MAX {
                let after = self.lines.len();
                let text =
                    format!("the line after segment {after} does not start with a segment's name and was not read");
                self.marks.push((NoteCode::NotASegment, start..end, text));
            }
        } else {
            tally.blank += 1;
        }
    }
}

/// What was seen along the way, to be said once and not once a line.
#[derive(Default)]
struct Tally {
    lf: usize,
    crlf: usize,
    blank: usize,
    indented: usize,
    strays: usize,
    line_feeds: usize,
}

impl Tally {
    fn note(&self, ended: bool, notes: &mut Notes) {
        if self.lf + self.crlf > 0 {
            let what = if self.lf == 0 { "CRLF" } else { "LF" };
            notes.add(NoteCode::LineEnds, format!("segments end in {what} instead of CR"));
        }
        if !ended {
            notes.add(NoteCode::NoFinalEnd, "the last segment has no end");
        }
        if self.blank > 0 {
            notes.add(NoteCode::BlankLines, format!("{} empty lines between segments", self.blank));
        }
        if self.indented > 0 {
            notes.add(NoteCode::IndentedSegment, format!("{} segments have blanks before their name", self.indented));
        }
        if self.line_feeds > 0 {
            notes.add(NoteCode::LineFeedInField, format!("{} line feeds inside fields, not escaped", self.line_feeds));
        }
        if self.strays > Notes::MAX {
            notes.add(NoteCode::NotASegment, format!("{} lines do not start with a segment's name", self.strays));
        }
    }
}

fn mark_control_characters(body: &[u8], offset: usize, out: &mut Split) {
    // The plain count runs at memory speed; only a message that has such characters pays for finding them.
    let odd = |b: u8| (b < 0x20 && !matches!(b, b'\r' | b'\n' | b'\t' | 0)) || b == 0x7F;
    let count = body.iter().filter(|b| odd(**b)).count();
    if count > 0
        && let Some(at) = body.iter().position(|b| odd(*b))
    {
        let range = offset + at..offset + at + 1;
        out.marks.push((NoteCode::ControlCharacters, range, format!("{count} control characters inside fields")));
    }
    if let Some(at) = memchr::memchr(0, body) {
        let range = offset + at..offset + at + 1;
        out.marks.push((NoteCode::NulInField, range, "NUL bytes inside the message".to_owned()));
    }
}

fn check_header(message: &Message, notes: &mut Notes) {
    let Some(msh) = message.segment_at(0) else { return };
    let absent = |n: usize| msh.field(n).text().is_empty();
    if absent(9) {
        let text = "MSH-9 names no message type: the header is cut short or wrapped, or is not a header";
        notes.at(NoteCode::NoMessageType, Location::field("MSH", 9), text);
    }
    if absent(10) {
        notes.at(NoteCode::NoControlId, Location::field("MSH", 10), "MSH-10 (message control id) is empty");
    }
    if absent(12) {
        notes.at(NoteCode::NoVersion, Location::field("MSH", 12), "MSH-12 (version) is empty; 2.4 is assumed");
    }
}
