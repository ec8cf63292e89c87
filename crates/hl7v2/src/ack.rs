//! Acknowledgements (HL7 v2 §2.9): which code to answer with, and the answer's bytes.
//!
//! The answer is in the sender's own separators, version and character set, so that the sender can read it. Where the
//! input cannot be read at all, it is a plain 2.4 message.

use crate::{Header, Location, Message, Separators, escape};
use std::fmt;

/// What an acknowledgement says (HL7 table 0008).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// Application accept.
    AA,
    /// Application error.
    AE,
    /// Application reject.
    AR,
    /// Accept acknowledgement: commit accept.
    CA,
    /// Accept acknowledgement: commit error.
    CE,
    /// Accept acknowledgement: commit reject.
    CR,
}

impl Code {
    /// As written in MSA-1.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AA => "AA",
            Self::AE => "AE",
            Self::AR => "AR",
            Self::CA => "CA",
            Self::CE => "CE",
            Self::CR => "CR",
        }
    }

    /// Reads MSA-1.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        [Self::AA, Self::AE, Self::AR, Self::CA, Self::CE, Self::CR].into_iter().find(|c| c.as_str() == text)
    }

    /// `AA` or `CA`.
    #[must_use]
    pub fn is_positive(self) -> bool {
        matches!(self, Self::AA | Self::CA)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which kind of acknowledgement a feed gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// As the message asks: enhanced when MSH-15 or MSH-16 has a value, else original.
    #[default]
    Auto,
    /// Always AA, AE or AR, whatever the message asks.
    Original,
    /// CA, CE or CR under the condition in MSH-15; always, where MSH-15 and MSH-16 are both empty.
    Enhanced,
}

impl Mode {
    /// Reads a profile's word: `auto`, `original`, `enhanced`.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        match text {
            "auto" => Some(Self::Auto),
            "original" => Some(Self::Original),
            "enhanced" => Some(Self::Enhanced),
            _ => None,
        }
    }
}

/// What became of the message, before it is put into a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It is safe with us.
    Accepted,
    /// It is faulty (AE, CE).
    Error,
    /// It is refused, whatever its content (AR, CR).
    Rejected,
}

/// When a sender wants an acknowledgement (HL7 table 0155: MSH-15 and MSH-16).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Wanted {
    /// `NE`, and empty beside a condition that is set.
    #[default]
    Never,
    /// `AL`, and a condition outside of the table: better one answer too many than one too few.
    Always,
    /// `ER`.
    OnError,
    /// `SU`.
    OnSuccess,
}

impl Wanted {
    fn read(condition: &str) -> Self {
        match condition {
            "NE" | "" => Self::Never,
            "ER" => Self::OnError,
            "SU" => Self::OnSuccess,
            _ => Self::Always,
        }
    }

    /// Whether this outcome is to be told.
    #[must_use]
    pub fn tells(self, outcome: Outcome) -> bool {
        match self {
            Self::Never => false,
            Self::Always => true,
            Self::OnError => outcome != Outcome::Accepted,
            Self::OnSuccess => outcome == Outcome::Accepted,
        }
    }
}

/// What a message asks for in enhanced mode (HL7 v2 §2.9.3): first whether it is safe, later what became of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Enhanced {
    /// MSH-15: the accept acknowledgement, when the message is safe.
    pub accept: Wanted,
    /// MSH-16: the application acknowledgement, when it has been processed.
    pub application: Wanted,
}

impl Enhanced {
    /// What the header asks for; `None` in original mode, where one answer says everything.
    #[must_use]
    pub fn asked(mode: Mode, header: Option<&Header<'_>>) -> Option<Self> {
        let (accept, application) = header.map_or(("", ""), |h| (h.accept_ack.trim(), h.app_ack.trim()));
        match (mode, accept.is_empty() && application.is_empty()) {
            (Mode::Original, _) | (Mode::Auto, true) => None,
            (Mode::Enhanced, true) => Some(Self { accept: Wanted::Always, application: Wanted::Never }),
            (Mode::Auto | Mode::Enhanced, false) => {
                Some(Self { accept: Wanted::read(accept), application: Wanted::read(application) })
            }
        }
    }
}

impl Outcome {
    /// As an application acknowledgement says it.
    #[must_use]
    pub fn application(self) -> Code {
        match self {
            Self::Accepted => Code::AA,
            Self::Error => Code::AE,
            Self::Rejected => Code::AR,
        }
    }

    /// As an accept acknowledgement says it.
    #[must_use]
    pub fn accept(self) -> Code {
        match self {
            Self::Accepted => Code::CA,
            Self::Error => Code::CE,
            Self::Rejected => Code::CR,
        }
    }
}

/// The code of the one answer that is given as soon as the message is safe, or `None` where the sender asks for none.
///
/// In enhanced mode that is the accept acknowledgement that MSH-15 asks for, else the application acknowledgement that
/// MSH-16 asks for. Whoever can tell later what became of the message looks at [`Enhanced::application`] too.
#[must_use]
pub fn choose(mode: Mode, header: Option<&Header<'_>>, outcome: Outcome) -> Option<Code> {
    let Some(asked) = Enhanced::asked(mode, header) else { return Some(outcome.application()) };
    if asked.accept.tells(outcome) {
        Some(outcome.accept())
    } else if asked.application.tells(outcome) {
        Some(outcome.application())
    } else {
        None
    }
}

/// HL7 table 0357, message error condition codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Condition {
    /// 100: segments in the wrong order, or one missing.
    SegmentSequence,
    /// 101: a required field is missing.
    RequiredFieldMissing,
    /// 102: not a value of its type.
    DataType,
    /// 103: a code that is not in its table.
    TableValue,
    /// 200: message type not supported.
    MessageType,
    /// 201: event code not supported.
    EventCode,
    /// 202: processing id (MSH-11) not supported.
    ProcessingId,
    /// 203: version not supported.
    VersionId,
    /// 204: an identifier that is not known.
    UnknownKey,
    /// 205: an identifier that exists already.
    DuplicateKey,
    /// 206: the record is locked.
    Locked,
    /// 207: anything else that went wrong here.
    Internal,
}

impl Condition {
    /// Its number.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.pair().0
    }

    /// Its name in the table.
    #[must_use]
    pub fn text(self) -> &'static str {
        self.pair().1
    }

    fn pair(self) -> (&'static str, &'static str) {
        match self {
            Self::SegmentSequence => ("100", "Segment sequence error"),
            Self::RequiredFieldMissing => ("101", "Required field missing"),
            Self::DataType => ("102", "Data type error"),
            Self::TableValue => ("103", "Table value not found"),
            Self::MessageType => ("200", "Unsupported message type"),
            Self::EventCode => ("201", "Unsupported event code"),
            Self::ProcessingId => ("202", "Unsupported processing id"),
            Self::VersionId => ("203", "Unsupported version id"),
            Self::UnknownKey => ("204", "Unknown key identifier"),
            Self::DuplicateKey => ("205", "Duplicate key identifier"),
            Self::Locked => ("206", "Application record locked"),
            Self::Internal => ("207", "Application internal error"),
        }
    }
}

/// One fault, for an ERR segment. Its text must hold no value of the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AckError {
    /// What kind of fault.
    pub condition: Condition,
    /// Where.
    pub location: Option<Location>,
    /// What is wrong, for the sender's engineer.
    pub text: String,
}

/// What to put into an acknowledgement.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// MSA-1.
    pub code: Code,
    /// MSH-10 of the answer: ours, and new each time.
    pub control_id: &'a str,
    /// MSH-7 of the answer, as HL7 writes it: `20260131094500+0000`.
    pub now: &'a str,
    /// Said in one sentence (MSA-3). Empty: nothing.
    pub text: &'a str,
    /// The faults.
    pub errors: &'a [AckError],
}

/// Longest piece of the sender's header that is sent back: characters. (MSH-10 may have 199.)
const ECHO_MAX: usize = 1024;
/// Most faults listed.
const ERRORS_MAX: usize = 20;

/// Writes the acknowledgement of a message, or, with `None`, of bytes that could not be read.
#[must_use]
pub fn build(message: Option<&Message>, answer: &Answer<'_>) -> Vec<u8> {
    write(message, answer, None, &[])
}

/// Writes the response to a query: as an acknowledgement, but of this message type (MSH-9, its three parts), and with
/// these segments after MSA and ERR. The segments are written with the query's own separators.
#[must_use]
pub fn respond(query: &Message, answer: &Answer<'_>, kind: [&str; 3], segments: &[String]) -> Vec<u8> {
    write(Some(query), answer, Some(kind), segments)
}

fn write(message: Option<&Message>, answer: &Answer<'_>, of: Option<[&str; 3]>, segments: &[String]) -> Vec<u8> {
    let header = message.map(Message::header).unwrap_or_default();
    let separators = message.map_or_else(Separators::default, |m| *m.separators());
    let mut w = Writer { out: String::with_capacity(256), s: separators };
    let echo = |n: usize| -> String {
        let raw = message.and_then(|m| m.segment_at(0)).map_or("", |msh| msh.field(n).raw());
        let end = raw.char_indices().nth(ECHO_MAX).map_or(raw.len(), |(at, _)| at);
        raw.get(..end).unwrap_or("").replace(|c: char| c.is_ascii_control(), " ")
    };
    let version = header.version_pair();
    let utf_16 = message.is_some_and(|m| m.charset().name().starts_with("UTF-16"));

    w.out.push_str("MSH");
    let declared = echo(2);
    w.raw(&if declared.len() < 4 { separators.encoding_characters() } else { declared });
    for n in [5, 6, 3, 4] {
        w.raw(&echo(n));
    }
    w.text(answer.now);
    w.raw("");
    let kind = of.map(|parts| parts.join(&char::from(separators.component).to_string())).unwrap_or_else(|| {
        match (version < (2, 3), header.trigger.is_empty()) {
            (true, _) | (_, true) => "ACK".to_owned(),
            (false, false) => {
                let c = char::from(separators.component);
                let trigger = escape::escape(&header.trigger, &separators).into_owned();
                // The third component came with 2.3.1.
                let third = if version > (2, 3) || header.version.starts_with("2.3.1") {
                    format!("{c}ACK")
                } else {
                    String::new()
                };
                format!("ACK{c}{trigger}{third}")
            }
        }
    });
    w.raw(&kind);
    w.text(answer.control_id);
    let or = |echoed: String, usual: &str| if echoed.is_empty() { usual.to_owned() } else { echoed };
    w.raw(&or(echo(11), "P"));
    w.raw(&or(echo(12), "2.4"));
    let charset = if utf_16 { "UNICODE UTF-8".to_owned() } else { echo(18) };
    if !charset.is_empty() {
        for _ in 13..18 {
            w.raw("");
        }
        w.raw(&charset);
    }
    w.end();

    w.out.push_str("MSA");
    w.raw(answer.code.as_str());
    w.raw(&echo(10));
    // MSA-3 was withdrawn in 2.7; ERR-7 and ERR-8 carry the words there.
    if !answer.text.is_empty() && version < (2, 7) {
        w.text(answer.text);
    }
    w.end();
    w.errors(version, answer);
    for segment in segments {
        w.out.push_str(segment);
        w.end();
    }

    match message {
        Some(m) if !utf_16 => m.charset().encode(w.out),
        _ => w.out.into_bytes(),
    }
}

struct Writer {
    out: String,
    s: Separators,
}

impl Writer {
    fn raw(&mut self, field: &str) {
        self.out.push(char::from(self.s.field));
        self.out.push_str(field);
    }

    fn text(&mut self, text: &str) {
        let text = escape::escape(text, &self.s);
        self.out.push(char::from(self.s.field));
        self.out.push_str(&text);
    }

    fn end(&mut self) {
        // Empty fields at the end say nothing.
        let kept = self.out.trim_end_matches(char::from(self.s.field)).len();
        self.out.truncate(kept);
        self.out.push('\r');
    }

    /// ERR: before 2.5 one segment whose first field repeats (ELD), from 2.5 one segment for each fault.
    fn errors(&mut self, version: (u32, u32), answer: &Answer<'_>) {
        let errors = answer.errors.get(..ERRORS_MAX).unwrap_or(answer.errors);
        let component = char::from(self.s.component);
        if errors.is_empty() {
            return;
        }
        if version < (2, 5) {
            let sub = char::from(self.s.subcomponent);
            let one = |e: &AckError| {
                let (segment, repetition, field) = e.location.as_ref().map_or_else(Default::default, |l| {
                    (
                        l.segment.clone(),
                        l.segment_repetition.to_string(),
                        l.field.map(|f| f.to_string()).unwrap_or_default(),
                    )
                });
                let text = escape::escape(&e.text, &self.s);
                let code = format!("{}{sub}{text}{sub}HL70357", e.condition.code());
                [segment, repetition, field, code].join(&component.to_string())
            };
            let list: Vec<String> = errors.iter().map(one).collect();
            self.out.push_str("ERR");
            self.raw(&list.join(&char::from(self.s.repetition).to_string()));
            self.end();
            return;
        }
        for e in errors {
            self.out.push_str("ERR");
            self.raw("");
            self.raw(&e.location.as_ref().map(|l| l.erl(component)).unwrap_or_default());
            self.raw(&[e.condition.code(), e.condition.text(), "HL70357"].join(&component.to_string()));
            self.raw(if answer.code.is_positive() { "W" } else { "E" });
            self.raw("");
            self.raw("");
            self.raw("");
            self.text(&e.text);
            self.end();
        }
    }
}

/// An acknowledgement that came back to us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// MSA-1.
    pub code: Code,
    /// MSA-2: which message it answers.
    pub control_id: String,
    /// MSA-3, else ERR-8 or ERR-7 of the first ERR, else the text of ERR-1.
    pub text: String,
}

/// Reads an acknowledgement. `None`: it has no MSA, or a code that is none.
#[must_use]
pub fn read(message: &Message) -> Option<Reply> {
    let msa = message.segment("MSA")?;
    let code = Code::read(msa.field(1).text().trim())?;
    let said = |path: &str| message.get(path).filter(|t| !t.trim().is_empty());
    let text = said("MSA-3")
        .or_else(|| said("ERR-8"))
        .or_else(|| said("ERR-7"))
        .or_else(|| said("ERR-1.4.2"))
        .unwrap_or_default();
    Some(Reply { code, control_id: msa.field(2).whole().into_owned(), text })
}

/// Wraps the answers to a batch's messages in a batch of their own (HL7 v2 §2.10.3). `envelope` is the batch's own first
/// segment (BHS or FHS), whose applications are swapped and whose control id (BHS-11) is named in BHS-12.
#[must_use]
pub fn wrap(envelope: Option<&[u8]>, answers: &[Vec<u8>], control_id: &str, now: &str) -> Vec<u8> {
    let line = envelope.unwrap_or(b"BHS|^~\\&");
    let end = memchr::memchr2(b'\r', b'\n', line).unwrap_or(line.len());
    let line = line.get(..end).unwrap_or_default();
    let separator = line.get(3).copied().unwrap_or(b'|');
    let fields: Vec<&[u8]> = line.split(|b| *b == separator).collect();
    let field = |n: usize| fields.get(n - 1).copied().unwrap_or_default();
    let count = answers.len().to_string();
    let encoding = if field(2).is_empty() { b"^~\\&" } else { field(2) };
    let mut out = Vec::with_capacity(answers.iter().map(Vec::len).sum::<usize>() + 128);
    out.extend_from_slice(b"BHS");
    let parts = [
        encoding,
        field(5),
        field(6),
        field(3),
        field(4),
        now.as_bytes(),
        b"",
        b"",
        b"",
        control_id.as_bytes(),
        field(11),
    ];
    for part in parts {
        out.push(separator);
        out.extend_from_slice(part.get(..part.len().min(ECHO_MAX)).unwrap_or_default());
    }
    out.push(b'\r');
    for answer in answers {
        out.extend_from_slice(answer);
    }
    out.extend_from_slice(b"BTS");
    out.push(separator);
    out.extend_from_slice(count.as_bytes());
    out.push(b'\r');
    out
}
