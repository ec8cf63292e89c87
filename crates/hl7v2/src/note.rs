//! What was noticed about a message while reading it.

use crate::Location;
use std::fmt;
use std::ops::Range;

/// How bad a note is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing; the message was read whole.
    Note,
    /// Something could not be read as meant; the rest was, and nothing was dropped.
    Warning,
    /// The message, or a part of it, cannot be used: it belongs on the error desk.
    Error,
}

/// One thing noticed. Never holds a value out of the message, for it may be about a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What kind of thing.
    pub code: NoteCode,
    /// How bad it is.
    pub severity: Severity,
    /// Which element, where that can be said.
    pub location: Option<Location>,
    /// Which bytes of the message as received, where that can be said.
    pub span: Option<Range<usize>>,
    /// A sentence for an integration engineer.
    pub text: String,
}

macro_rules! codes {
    ($($(#[$doc:meta])+ $name:ident $code:literal $severity:ident,)+) => {
        /// The kinds of notes. Their texts ([`NoteCode::as_str`]) are stable: profiles, dashboards and
        /// `docs/connect-a-source/hl7v2.md` use them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum NoteCode {
            $($(#[$doc])+ $name,)+
        }

        impl NoteCode {
            /// Every code, in the order a message is read.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The stable text of the code.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }

            /// How bad a note of this kind is.
            #[must_use]
            pub fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)+ }
            }
        }
    };
}

codes! {
    /// Nothing that looks like an MSH segment was found.
    NoHeader "no-header" Error,
    /// The message is longer than can be addressed (4 GiB).
    TooLong "too-long" Error,
    /// Blanks, NULs, line ends or start bytes came before MSH; they were skipped.
    LeadingBytes "leading-bytes" Note,
    /// A byte order mark came first; it was skipped.
    ByteOrderMark "byte-order-mark" Note,
    /// Other text came before MSH; it was not read.
    TextBeforeHeader "text-before-header" Error,
    /// The message is wrapped in a batch envelope (FHS, BHS): split it first.
    BatchEnvelope "batch-envelope" Error,
    /// Another MSH follows in the same message; segments from there on were not read.
    SecondHeader "second-header" Error,
    /// MSH-2 has fewer than four encoding characters; the usual ones stand in.
    SeparatorsMissing "separators-missing" Note,
    /// Two of the separators are the same character; the first meaning is used.
    SeparatorsClash "separators-clash" Warning,
    /// MSH-2 has a fifth (truncation) character, as HL7 2.7 allows.
    TruncationCharacter "truncation-character" Note,
    /// MSH-2 has more than five characters; the rest is ignored.
    SeparatorsExtra "separators-extra" Note,
    /// MSH-9 names no message type.
    NoMessageType "no-message-type" Error,
    /// MSH-10 is empty: repeats cannot be told by it, and the answer cannot name the message.
    NoControlId "no-control-id" Note,
    /// MSH-12 is empty: version 2.4 is assumed.
    NoVersion "no-version" Note,
    /// MSH-18 names a character set that is not known here, and there are characters beyond ASCII.
    CharsetUnknown "charset-unknown" Warning,
    /// The bytes are not in the character set that MSH-18 names; another was used.
    CharsetMismatch "charset-mismatch" Warning,
    /// MSH-18 names a single-byte set, yet the bytes are well-formed UTF-8: probably mislabelled.
    CharsetSuspicious "charset-suspicious" Warning,
    /// No character set was named and the bytes are not UTF-8: read as Windows-1252.
    CharsetAssumed "charset-assumed" Note,
    /// Segments end in LF or CRLF instead of CR.
    LineEnds "line-ends" Note,
    /// The last segment has no end.
    NoFinalEnd "no-final-end" Note,
    /// Empty lines between segments.
    BlankLines "blank-lines" Note,
    /// Blanks in front of a segment's name.
    IndentedSegment "indented-segment" Note,
    /// A lone LF inside a field; it is part of the text.
    LineFeedInField "line-feed-in-field" Note,
    /// Control characters inside fields; they are part of the text.
    ControlCharacters "control-characters" Note,
    /// NULs inside fields; they are part of the text.
    NulInField "nul-in-field" Warning,
    /// A line that does not start with a segment's name, as when text was wrapped or copied from a page.
    NotASegment "not-a-segment" Error,
    /// A batch or file envelope promises another number of messages or batches than there are.
    BatchCount "batch-count" Warning,
    /// A batch or file envelope is not closed, or closed without being opened.
    BatchUnbalanced "batch-unbalanced" Warning,
    /// A line of a batch belongs to no message.
    BatchStray "batch-stray" Warning,
    /// Several messages follow one another in a file without an envelope.
    BatchBare "batch-bare" Note,
    /// More was noticed than is listed.
    More "more" Note,
}

impl fmt::Display for NoteCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(location) = &self.location {
            write!(f, "{location}: ")?;
        }
        write!(f, "{} ({})", self.text, self.code)
    }
}

/// Collects notes, at most [`Notes::MAX`] of them, so that a hostile message cannot fill memory with its faults.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    list: Vec<Note>,
    more: usize,
}

impl Notes {
    pub(crate) const MAX: usize = 64;

    pub(crate) fn add(&mut self, code: NoteCode, text: impl Into<String>) {
        self.push(Note { code, severity: code.severity(), location: None, span: None, text: text.into() });
    }

    pub(crate) fn at(&mut self, code: NoteCode, location: Location, text: impl Into<String>) {
        self.push(Note { code, severity: code.severity(), location: Some(location), span: None, text: text.into() });
    }

    pub(crate) fn push(&mut self, note: Note) {
        if self.list.len() < Self::MAX {
            self.list.push(note);
        } else {
            self.more += 1;
        }
    }

    pub(crate) fn finish(mut self) -> Vec<Note> {
        if self.more > 0 {
            let code = NoteCode::More;
            let text = format!("{} more notes of this kind are not listed", self.more);
            self.list.push(Note { code, severity: code.severity(), location: None, span: None, text });
        }
        self.list
    }
}
