//! What to answer to bytes that came on an HL7 v2 feed. Pure: the listener does the rest.
//!
//! Everything that reaches us is stored. A positive answer says just that: *it is safe here*. Whether its content can be
//! used shows later, on the error desk; an unknown message type is therefore accepted. A negative answer is given where
//! the message cannot be read as HL7 v2 at all, for then the sender's people must know too.

use crate::engine::Applied;
use hl7v2::ack::{self, AckError, Code, Condition, Enhanced, Mode, Outcome, Wanted};
use hl7v2::{Location, Message, NoteCode, Parsed, Severity};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// How a feed is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Original or enhanced acknowledgements.
    pub mode: Mode,
    /// What to say to a message whose header is good, but of which a part cannot be read.
    pub faulty: Faulty,
    /// When the application acknowledgement of enhanced mode is given.
    pub application: Application,
}

/// When a sender that asks for an application acknowledgement in MSH-16 gets it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Application {
    /// When the message has been processed, on the same connection, after the accept acknowledgement if one was asked for
    /// (HL7 v2 §2.9.3).
    #[default]
    Processed,
    /// When the message is on disk, and only where no accept acknowledgement is given: never two answers to one message.
    Stored,
}

/// The answer to a message whose header is good, but of which a part cannot be read (a line that is no segment, a second
/// message in the same frame). It is stored and put on the error desk either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Faulty {
    /// AE or CE, so that the sender's people see it too.
    #[default]
    Error,
    /// AA or CA, for senders that stop at the first error.
    Accept,
}

/// What was decided about one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The answer; `None` where the sender asks for none, or sent an acknowledgement.
    pub answer: Option<Vec<u8>>,
    /// Its code; `None` as above.
    pub code: Option<Code>,
    /// What makes a repeat: sender and MSH-10, or, without a MSH-10, the bytes themselves.
    pub ident: String,
    /// The message can go on to mapping. If not, it belongs on the error desk.
    pub readable: bool,
    /// When to tell, once it has been processed, what became of it.
    pub afterwards: Wanted,
}

/// Longest sender or control id that is used as it is; a longer one is hashed. Characters.
const IDENT_PART_MAX: usize = 250;

/// Decides about a message. `control_id` becomes MSH-10 of the answer: new each time, at most 20 characters.
#[must_use]
pub fn decide(parsed: &Parsed, bytes: &[u8], rules: Rules, control_id: &str, now: Timestamp) -> Decision {
    let faults: Vec<AckError> = parsed.notes.iter().filter(|n| n.severity == Severity::Error).map(fault).collect();
    let outcome = match &parsed.message {
        None => Outcome::Rejected,
        Some(_) if parsed.has(NoteCode::NoMessageType) => Outcome::Rejected,
        Some(_) if faults.is_empty() || rules.faulty == Faulty::Accept => Outcome::Accepted,
        Some(_) => Outcome::Error,
    };
    let message = parsed.message.as_ref();
    let afterwards = afterwards(message, rules, outcome);
    let code = match (afterwards, message.map(Message::header)) {
        (Wanted::Never, header) => choose(header.as_ref(), rules, outcome),
        // The other answer comes later: now only the one that says that the message is safe.
        (_, header) => Enhanced::asked(rules.mode, header.as_ref())
            .filter(|asked| asked.accept.tells(outcome))
            .map(|_| outcome.accept()),
    };
    let answer = code.map(|code| write(message, code, &faults, control_id, now));
    Decision { answer, code, ident: ident(message, bytes), readable: faults.is_empty(), afterwards }
}

/// What is to be told when the message has been processed. A message that was refused, or of which a part is known to be
/// unreadable and was answered with CE, has had its answer.
fn afterwards(message: Option<&Message>, rules: Rules, outcome: Outcome) -> Wanted {
    let Some(header) = message.map(Message::header) else { return Wanted::Never };
    if rules.application == Application::Stored || outcome == Outcome::Rejected || is_acknowledgement(&header) {
        return Wanted::Never;
    }
    Enhanced::asked(rules.mode, Some(&header))
        .filter(|asked| outcome == Outcome::Accepted || !asked.accept.tells(outcome))
        .map_or(Wanted::Never, |asked| asked.application)
}

/// The application acknowledgement of a message that has been processed, or `None` where this outcome is not to be told.
/// `head` is the message's first segment; `applied` is `None` when processing has stopped.
#[must_use]
pub fn application(
    head: &[u8],
    wanted: Wanted,
    applied: Option<&Applied>,
    control_id: &str,
    now: Timestamp,
) -> Option<Vec<u8>> {
    let parsed = hl7v2::parse(head);
    let internal = |text: &str| AckError { condition: Condition::Internal, location: None, text: text.to_owned() };
    let (outcome, mut faults) = match applied {
        Some(Applied::Done) => (Outcome::Accepted, Vec::new()),
        Some(Applied::Refused(findings) | Applied::Waits(findings)) => {
            let errors = findings.iter().filter(|finding| finding.severity == mapping::Severity::Error);
            (Outcome::Error, errors.map(of_finding).collect())
        }
        None => (Outcome::Error, vec![internal("stored, but processing has stopped; it will be processed later")]),
    };
    if outcome == Outcome::Error && faults.is_empty() {
        faults.push(internal("stored, and waits on the error desk behind an earlier message about the same patient"));
    }
    wanted.tells(outcome).then(|| write(parsed.message.as_ref(), outcome.application(), &faults, control_id, now))
}

/// A finding as an ERR segment says it. Findings hold no values of the message.
fn of_finding(finding: &mapping::Finding) -> AckError {
    let condition = match finding.code.as_str() {
        "unknown-message-type" => Condition::MessageType,
        "patient-without-identifier" | "merge-without-identifier" | "visit-without-identifier" => {
            Condition::RequiredFieldMissing
        }
        code if code.ends_with("-without-number") => Condition::RequiredFieldMissing,
        _ => Condition::Internal,
    };
    AckError { condition, location: finding.place.parse().ok(), text: finding.text.clone() }
}

fn is_acknowledgement(header: &hl7v2::Header<'_>) -> bool {
    matches!(&*header.message_code, "ACK" | "MCF")
}

/// The code of an answer that is given at once. An acknowledgement is never acknowledged: two systems would go on for ever.
fn choose(header: Option<&hl7v2::Header<'_>>, rules: Rules, outcome: Outcome) -> Option<Code> {
    if header.is_some_and(is_acknowledgement) {
        return None;
    }
    ack::choose(rules.mode, header, outcome)
}

/// The answer to a frame that is larger than the feed permits. Only its first bytes are known, and nothing is stored.
#[must_use]
pub fn too_large(
    head: &[u8],
    bytes: u64,
    bytes_max: usize,
    rules: Rules,
    control_id: &str,
    now: Timestamp,
) -> Option<Vec<u8>> {
    // What is after the last line end may be cut in the middle.
    let end = memchr_last_line_end(head);
    let parsed = hl7v2::parse(head.get(..end).unwrap_or(head));
    let text = format!("the message has {bytes} bytes, this feed takes {bytes_max}: it was not stored");
    let fault = AckError { condition: Condition::Internal, location: None, text };
    refusal(parsed.message.as_ref(), rules, &fault, control_id, now)
}

/// The answer to a message that could not be stored now (a full disk, a shutdown). The sender may try again later.
#[must_use]
pub fn not_stored(parsed: &Parsed, why: &str, rules: Rules, control_id: &str, now: Timestamp) -> Option<Vec<u8>> {
    let text = format!("not stored, send it again later: {why}");
    let fault = AckError { condition: Condition::Internal, location: None, text };
    refusal(parsed.message.as_ref(), rules, &fault, control_id, now)
}

/// Whether this asks something (QBP), so that it is answered from what is known and never journalled as news.
#[must_use]
pub fn is_query(parsed: &Parsed) -> bool {
    parsed.message.as_ref().is_some_and(|message| message.header().message_code == "QBP")
}

/// The answer to a query that cannot be answered: this feed answers none, or a fault of ours.
#[must_use]
pub fn unanswered(parsed: &Parsed, why: &str, rules: Rules, control_id: &str, now: Timestamp) -> Option<Vec<u8>> {
    let fault =
        AckError { condition: Condition::MessageType, location: Some(Location::field("MSH", 9)), text: why.to_owned() };
    refusal(parsed.message.as_ref(), rules, &fault, control_id, now)
}

fn memchr_last_line_end(head: &[u8]) -> usize {
    head.iter().rposition(|b| matches!(b, b'\r' | b'\n')).map_or(head.len(), |at| at + 1)
}

fn refusal(
    message: Option<&Message>,
    rules: Rules,
    fault: &AckError,
    control_id: &str,
    now: Timestamp,
) -> Option<Vec<u8>> {
    let code = choose(message.map(Message::header).as_ref(), rules, Outcome::Rejected)?;
    Some(write(message, code, std::slice::from_ref(fault), control_id, now))
}

fn write(message: Option<&Message>, code: Code, faults: &[AckError], control_id: &str, now: Timestamp) -> Vec<u8> {
    let faults = if code.is_positive() { &[] } else { faults };
    let text = faults.first().map_or("", |f| f.text.as_str());
    let now = hl7_time(now);
    ack::build(message, &ack::Answer { code, control_id, now: &now, text, errors: faults })
}

fn fault(note: &hl7v2::Note) -> AckError {
    let condition = match note.code {
        NoteCode::NoMessageType => Condition::MessageType,
        NoteCode::TooLong => Condition::Internal,
        _ => Condition::SegmentSequence,
    };
    let location = note.location.clone().or_else(|| match note.code {
        NoteCode::NoHeader => Some(Location::segment("MSH")),
        _ => None,
    });
    AckError { condition, location, text: note.text.clone() }
}

/// Sender (MSH-3, MSH-4) and MSH-10, as sent. The separators keep the parts apart.
fn ident(message: Option<&Message>, bytes: &[u8]) -> String {
    let parts = message.and_then(|m| {
        let msh = m.segment_at(0)?;
        let part = |n: usize| {
            let raw = msh.field(n).raw();
            if raw.chars().count() > IDENT_PART_MAX { hash(raw.as_bytes()) } else { raw.to_owned() }
        };
        (!msh.field(10).text().is_empty()).then(|| format!("{}|{}|{}", part(3), part(4), part(10)))
    });
    parts.unwrap_or_else(|| format!("bytes:{}", hash(bytes)))
}

fn hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

/// A moment as HL7 writes it (HL7 v2 §2.A.22), in UTC and saying so.
#[must_use]
pub fn hl7_time(now: Timestamp) -> String {
    now.to_zoned(TimeZone::UTC).strftime("%Y%m%d%H%M%S%z").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn decided(text: &str, rules: Rules) -> Decision {
        decide(&hl7v2::parse(text.as_bytes()), text.as_bytes(), rules, "R1", NOW)
    }

    fn answer(decision: &Decision) -> String {
        String::from_utf8(decision.answer.clone().unwrap()).unwrap()
    }

    const HEAD: &str = "MSH|^~\\&|PAS|RCB|||2026||ADT^A01|42|P|2.5\r";

    #[test]
    fn a_readable_message_is_accepted_whatever_its_type() {
        for kind in ["ADT^A01", "ZZZ^Z99", "QRY"] {
            let d = decided(&HEAD.replace("ADT^A01", kind), Rules::default());
            assert_eq!((d.code, d.readable, d.ident.as_str()), (Some(Code::AA), true, "PAS|RCB|42"));
            assert!(answer(&d).contains("|19700101000000+0000|"), "{}", answer(&d));
        }
    }

    #[test]
    fn a_message_without_a_readable_header_is_refused_and_told_why() {
        let d = decided("hello", Rules::default());
        assert_eq!((d.code, d.readable), (Some(Code::AR), false));
        assert!(answer(&d).contains("no MSH segment"));
        assert_eq!(d.ident, decided("hello", Rules::default()).ident, "a retry of the same bytes is a repeat");
        assert_ne!(d.ident, decided("hello!", Rules::default()).ident);
        let d = decided("MSH|^~\\&|PAS|RCB|\rPID|1\r", Rules::default());
        assert_eq!(d.code, Some(Code::AR));
        assert!(answer(&d).contains("ERR|MSH^1^9^200&"), "{}", answer(&d));
    }

    #[test]
    fn a_part_that_cannot_be_read_is_an_error_unless_the_feed_says_otherwise() {
        let text = format!("{HEAD}NTE|1||some\rtext\r");
        let d = decided(&text, Rules::default());
        assert_eq!((d.code, d.readable), (Some(Code::AE), false));
        assert!(answer(&d).contains("does not start with a segment"));
        let d = decided(&text, Rules { faulty: Faulty::Accept, ..Rules::default() });
        assert_eq!((d.code, d.readable), (Some(Code::AA), false));
        assert!(!answer(&d).contains("ERR"));
    }

    #[test]
    fn an_acknowledgement_is_not_acknowledged() {
        let d = decided(&HEAD.replace("ADT^A01", "ACK^A01"), Rules { mode: Mode::Original, ..Rules::default() });
        assert_eq!((d.code, d.answer, d.readable), (None, None, true));
    }

    #[test]
    fn the_sender_decides_the_mode_and_the_feed_overrides_it() {
        let text = format!("{}|||NE|NE\r", HEAD.trim_end());
        assert_eq!(decided(&text, Rules::default()).code, None);
        assert_eq!(decided(&text, Rules { mode: Mode::Original, ..Rules::default() }).code, Some(Code::AA));
        assert_eq!(decided(&text.replace("NE", "AL"), Rules::default()).code, Some(Code::CA));
    }

    #[test]
    fn too_large_is_answered_from_the_first_bytes() {
        let head = format!("{HEAD}OBX|1|ED|PDF||^^^Base64^JVBER");
        let out = String::from_utf8(too_large(head.as_bytes(), 70_000_000, 100, Rules::default(), "R1", NOW).unwrap());
        let out = out.unwrap();
        assert!(out.contains("MSA|AR|42|the message has 70000000 bytes, this feed takes 100"), "{out}");
        assert!(too_large(b"garbage", 9, 1, Rules::default(), "R1", NOW).unwrap().starts_with(b"MSH|^~\\&|"));
    }

    #[test]
    fn long_identities_are_shortened_and_stay_apart() {
        let long = |c: char| {
            let id = c.to_string().repeat(5000);
            decided(&HEAD.replace("|42|", &format!("|{id}|")), Rules::default()).ident
        };
        assert!(long('a').len() < 200);
        assert_ne!(long('a'), long('b'));
    }
}
