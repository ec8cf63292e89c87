//! Answers, by HL7 v2 chapter 2.9.

use hl7v2::ack::{AckError, Answer, Code, Condition, Mode, Outcome, build, choose, read, wrap};
use hl7v2::{Message, parse};

fn message(text: &str) -> Message {
    parse(text.as_bytes()).message.unwrap()
}

fn answer(code: Code, errors: &[AckError]) -> Answer<'_> {
    let text = if code.is_positive() { "" } else { "not read" };
    Answer { code, control_id: "R1", now: "20260101120001+0000", text, errors }
}

fn built(text: &str, code: Code, errors: &[AckError]) -> String {
    String::from_utf8(build(Some(&message(text)), &answer(code, errors))).unwrap().replace('\r', "\n")
}

#[test]
fn applications_are_swapped_and_the_control_id_is_echoed_as_sent() {
    let text = "MSH|^~\\&|PAS^1.2^ISO|RCB|SKEIN|REG|2026||ADT^A01^ADT_A01|a/7 |T|2.4|||AL|||8859/1\rPID|1\r";
    let expected =
        "MSH|^~\\&|SKEIN|REG|PAS^1.2^ISO|RCB|20260101120001+0000||ACK^A01^ACK|R1|T|2.4||||||8859/1\nMSA|AA|a/7 \n";
    assert_eq!(built(text, Code::AA, &[]), expected);
}

#[test]
fn the_answer_is_written_as_its_version_writes_it() {
    let errors = [AckError {
        condition: Condition::RequiredFieldMissing,
        location: Some("PID[2]-3[1].4".parse().unwrap()),
        text: "PID-3 & nobody".to_owned(),
    }];
    let of = |version: &str| built(&format!("MSH|^~\\&|A||||||ADT^A01|7|P|{version}\r"), Code::AE, &errors);
    assert_eq!(
        of("2.2"),
        "MSH|^~\\&|||A||20260101120001+0000||ACK|R1|P|2.2\nMSA|AE|7|not read\nERR|PID^2^3^101&PID-3 \\T\\ nobody&HL70357\n"
    );
    assert!(of("2.3").contains("|ACK^A01|R1|"));
    assert!(of("2.3.1").contains("|ACK^A01^ACK|R1|"));
    assert!(of("2.4").contains("\nERR|PID^2^3^101&"));
    assert_eq!(
        of("2.5.1"),
        "MSH|^~\\&|||A||20260101120001+0000||ACK^A01^ACK|R1|P|2.5.1\nMSA|AE|7|not read\n\
         ERR||PID^2^3^1^4|101^Required field missing^HL70357|E||||PID-3 \\T\\ nobody\n"
    );
    assert!(of("2.8").contains("\nMSA|AE|7\nERR||"), "MSA-3 was withdrawn in 2.7");
}

#[test]
fn the_answer_uses_the_senders_separators_and_character_set() {
    let bytes = b"MSH$%*!@$caf\xe9$$$$$$ADT%A01$x\xe91$P$2.5$$$$$$8859/1\r";
    let parsed = parse(bytes);
    let out = build(parsed.message.as_ref(), &answer(Code::AA, &[]));
    assert_eq!(out, b"MSH$%*!@$$$caf\xe9$$20260101120001+0000$$ACK%A01%ACK$R1$P$2.5$$$$$$8859/1\rMSA$AA$x\xe91\r");
}

#[test]
fn input_that_cannot_be_read_gets_a_plain_refusal() {
    let out = build(None, &answer(Code::AR, &[]));
    let text = String::from_utf8(out.clone()).unwrap();
    assert_eq!(text, "MSH|^~\\&|||||20260101120001+0000||ACK|R1|P|2.4\rMSA|AR||not read\r");
    let reply = read(&parse(&out).message.unwrap()).unwrap();
    assert_eq!((reply.code, reply.control_id.as_str(), reply.text.as_str()), (Code::AR, "", "not read"));
}

#[test]
fn utf_16_is_answered_in_utf_8_and_says_so() {
    let text = "MSH|^~\\&|A||||||ADT^A01|é7|P|2.4||||||UNICODE UTF-16\rPID|1\r";
    let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let out = String::from_utf8(build(parse(&bytes).message.as_ref(), &answer(Code::AA, &[]))).unwrap();
    assert!(out.contains("|UNICODE UTF-8\rMSA|AA|é7\r"), "{out}");
}

#[test]
fn original_mode_answers_always_and_enhanced_as_asked() {
    use Code::{AA, AE, AR, CA, CE, CR};
    use Outcome::{Accepted, Error, Rejected};
    let all = |mode, accept: &str, app: &str| {
        let text = format!("MSH|^~\\&|A||||||ADT^A01|7|P|2.4|||{accept}|{app}\r");
        let m = message(&text);
        [Accepted, Error, Rejected].map(|outcome| choose(mode, Some(&m.header()), outcome))
    };
    let (original, enhanced) = ([AA, AE, AR].map(Some), [CA, CE, CR].map(Some));
    assert_eq!(all(Mode::Auto, "", ""), original);
    assert_eq!(all(Mode::Auto, "AL", ""), enhanced);
    assert_eq!(all(Mode::Auto, "AL", "NE"), enhanced);
    assert_eq!(all(Mode::Auto, "AL", "AL"), enhanced);
    assert_eq!(all(Mode::Auto, "NE", "NE"), [None; 3]);
    assert_eq!(all(Mode::Auto, "NE", ""), [None; 3]);
    assert_eq!(all(Mode::Auto, "ER", ""), [None, Some(CE), Some(CR)]);
    assert_eq!(all(Mode::Auto, "SU", ""), [Some(CA), None, None]);
    assert_eq!(all(Mode::Auto, "ER", "SU"), [Some(AA), Some(CE), Some(CR)]);
    assert_eq!(all(Mode::Auto, "NE", "AL"), original);
    assert_eq!(all(Mode::Auto, "", "AL"), original);
    assert_eq!(all(Mode::Auto, "??", ""), enhanced);
    assert_eq!(all(Mode::Original, "NE", "NE"), original);
    assert_eq!(all(Mode::Enhanced, "", ""), enhanced);
    assert_eq!(all(Mode::Enhanced, "NE", "NE"), [None; 3]);
    assert_eq!(choose(Mode::Auto, None, Rejected), Some(AR));
}

#[test]
fn a_reply_is_read_from_its_msa_or_its_err() {
    let reply = |text: &str| read(&message(text));
    let head = "MSH|^~\\&|A||||||ACK|7|P|2.5\r";
    let r = reply(&format!("{head}MSA|CE|a^b|\rERR||PID^1|101|E||||say so\r")).unwrap();
    assert_eq!((r.code, r.control_id.as_str(), r.text.as_str()), (Code::CE, "a^b", "say so"));
    assert_eq!(reply(&format!("{head}MSA|XX|1\r")), None);
    assert_eq!(reply(head), None);
    // Our own, both ways.
    let errors = [AckError { condition: Condition::DataType, location: None, text: "bad date".to_owned() }];
    for version in ["2.4", "2.8"] {
        let text = format!("MSH|^~\\&|A||||||ADT^A01|7|P|{version}\r");
        let a = Answer { text: "", ..answer(Code::AE, &errors) };
        let r = read(&parse(&build(Some(&message(&text)), &a)).message.unwrap()).unwrap();
        assert_eq!((r.code, r.text.as_str()), (Code::AE, "bad date"), "{version}");
    }
}

#[test]
fn a_hostile_header_does_not_make_a_huge_answer() {
    let long = "x".repeat(1_000_000);
    let text = format!("MSH|^~\\&|{long}|{long}|{long}|{long}|||ADT^A01|{long}|P|2.4||||||{long}\r");
    let errors = vec![AckError { condition: Condition::Internal, location: None, text: "no".to_owned() }; 1000];
    assert!(build(Some(&message(&text)), &answer(Code::AE, &errors)).len() < 10_000);
}

#[test]
fn a_batch_is_answered_by_a_batch() {
    let out = wrap(Some(b"BHS|^~\\&|PAS|RCB|SKEIN|REG|2026||||B9\rMSH"), &[b"MSH|1\r".to_vec()], "R1", "2026");
    assert_eq!(out, b"BHS|^~\\&|SKEIN|REG|PAS|RCB|2026||||R1|B9\rMSH|1\rBTS|1\r");
    assert_eq!(wrap(None, &[], "R1", "2026"), b"BHS|^~\\&|||||2026||||R1|\rBTS|0\r");
}
