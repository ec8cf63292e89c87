//! Files of messages (HL7 v2 §2.10.3): FHS and BHS envelopes, or messages one after another.

use crate::note::{Note, NoteCode, Notes};
use crate::{parse, separators};
use std::ops::Range;

/// What a file holds.
#[derive(Debug)]
pub struct Batch {
    /// The messages, in order.
    pub messages: Vec<Piece>,
    /// The first envelope segment (FHS or BHS), if there is one.
    pub envelope: Option<Range<usize>>,
    /// What was noticed about the envelopes.
    pub notes: Vec<Note>,
}

/// One message of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Its bytes.
    pub span: Range<usize>,
    /// Which BHS it belongs to, from 1; 0 outside of any.
    pub batch: usize,
}

/// Does an envelope start here (after blanks and line ends)?
#[must_use]
pub fn is_batch(bytes: &[u8]) -> bool {
    let first = bytes.iter().position(|b| !parse::is_filler(*b)).unwrap_or(bytes.len());
    matches!(kind(bytes.get(first..).unwrap_or_default()), Some(Kind::FileHeader | Kind::BatchHeader))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    FileHeader,
    BatchHeader,
    Message,
    BatchTrailer,
    FileTrailer,
}

/// The kind of line that starts here, of those a file is divided by.
fn kind(line: &[u8]) -> Option<Kind> {
    let headed = line.get(3).copied().is_some_and(separators::plausible);
    let bare = line.get(3).is_none_or(|b| parse::is_filler(*b));
    match line.get(..3)? {
        b"MSH" if headed => Some(Kind::Message),
        b"FHS" if headed => Some(Kind::FileHeader),
        b"BHS" if headed => Some(Kind::BatchHeader),
        b"BTS" if headed || bare => Some(Kind::BatchTrailer),
        b"FTS" if headed || bare => Some(Kind::FileTrailer),
        _ => None,
    }
}

/// Divides a file into messages. Frames (VT … FS CR), blank lines and any of CR, LF, CRLF are taken as they come. UTF-16
/// is not divided: it is given as one message.
#[must_use]
pub fn split(bytes: &[u8]) -> Batch {
    let mut walk = Walk::default();
    if matches!(bytes, [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [b'M', 0, ..] | [0, b'M', ..]) {
        walk.messages.push(Piece { span: 0..bytes.len(), batch: 0 });
        return walk.finish();
    }
    let mut at = 0;
    loop {
        // Here a line starts; frame marks count as line ends.
        let rest = bytes.get(at..).unwrap_or_default();
        at += rest.iter().take_while(|b| parse::is_filler(**b)).count();
        // Files joined together keep the byte order marks they had.
        if bytes.get(at..).is_some_and(|line| line.starts_with(b"\xEF\xBB\xBF")) {
            walk.close(at);
            at += 3;
        }
        let Some(line) = bytes.get(at..).filter(|line| !line.is_empty()) else { break };
        let end = line.iter().position(|b| matches!(b, b'\r' | b'\n' | 0x0B | 0x1C)).map_or(bytes.len(), |n| at + n);
        walk.line(bytes, at..end);
        at = end;
        if bytes.get(at) == Some(&0x1C) {
            walk.close(at);
        }
    }
    walk.close(bytes.len());
    walk.finish()
}

#[derive(Default)]
struct Walk {
    messages: Vec<Piece>,
    envelope: Option<Range<usize>>,
    notes: Notes,
    /// Where the present message starts.
    open: Option<usize>,
    batches: usize,
    file_open: bool,
    batch_open: bool,
    enveloped: bool,
    messages_before_batch: usize,
    strays: usize,
}

impl Walk {
    fn line(&mut self, bytes: &[u8], line: Range<usize>) {
        let text = bytes.get(line.clone()).unwrap_or_default();
        let Some(kind) = kind(text) else {
            if self.open.is_none() {
                self.strays += 1;
            }
            return;
        };
        self.close(line.start);
        match kind {
            Kind::Message => self.open = Some(line.start),
            Kind::FileHeader => {
                self.enveloped = true;
                self.envelope.get_or_insert(line);
                self.unbalanced_if(self.file_open, "an FHS follows an FHS that is not closed by FTS");
                self.file_open = true;
            }
            Kind::BatchHeader => {
                self.enveloped = true;
                self.envelope.get_or_insert(line);
                self.unbalanced_if(self.batch_open, "a BHS follows a BHS that is not closed by BTS");
                self.batch_open = true;
                self.batches += 1;
                self.messages_before_batch = self.messages.len();
            }
            Kind::BatchTrailer => {
                self.unbalanced_if(!self.batch_open, "a BTS closes a batch that no BHS opened");
                self.count(text, self.messages.len() - self.messages_before_batch, "BTS-1", "messages");
                self.batch_open = false;
            }
            Kind::FileTrailer => {
                self.unbalanced_if(!self.file_open, "an FTS closes a file that no FHS opened");
                self.unbalanced_if(self.batch_open, "a BHS is not closed by BTS");
                self.count(text, self.batches, "FTS-1", "batches");
                self.file_open = false;
                self.batch_open = false;
            }
        }
    }

    fn close(&mut self, end: usize) {
        if let Some(start) = self.open.take() {
            self.messages.push(Piece { span: start..end, batch: if self.batch_open { self.batches } else { 0 } });
        }
    }

    fn unbalanced_if(&mut self, wrong: bool, text: &str) {
        if wrong {
            self.notes.add(NoteCode::BatchUnbalanced, text);
        }
    }

    fn count(&mut self, trailer: &[u8], there: usize, place: &str, what: &str) {
        let Some(separator) = trailer.get(3) else { return };
        let said = trailer.split(|b| b == separator).nth(1).unwrap_or_default().trim_ascii();
        let said = std::str::from_utf8(said).ok().and_then(|n| n.parse::<usize>().ok());
        if let Some(said) = said
            && said != there
        {
            self.notes.add(NoteCode::BatchCount, format!("{place} says {said} {what}, there are {there}"));
        }
    }

    fn finish(mut self) -> Batch {
        if self.file_open || self.batch_open {
            self.notes
                .add(NoteCode::BatchUnbalanced, "the file ends before its envelope is closed: it may be cut short");
        }
        if !self.enveloped && self.messages.len() > 1 {
            self.notes.add(NoteCode::BatchBare, format!("{} messages without an envelope", self.messages.len()));
        }
        if self.strays > 0 {
            self.notes.add(NoteCode::BatchStray, format!("{} lines belong to no message", self.strays));
        }
        Batch { messages: self.messages, envelope: self.envelope, notes: self.notes.finish() }
    }
}
