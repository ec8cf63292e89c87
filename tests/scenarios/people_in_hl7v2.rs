//! The index of people as systems meet it that speak HL7 v2: the identity feed (IHE ITI-8, ITI-30), the PIX query (ITI-9)
//! and word of changes (ITI-10).

use crate::harness::{Region, Setup, clients, http, mllp::Answer, region::READER_TOKEN, say::Adt};
use serde_json::{Value, json};
use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::{Duration, Instant},
};

const NHS: &str = "9000000009";
const OTHER_NHS: &str = "9000000017";

/// A region whose radiology department asks on a feed of its own.
fn asking() -> Region {
    Region::start_with(Setup {
        more: r#"
[[feed]]
name = "radiology"
source = "rcb"
mllp = "127.0.0.1:0"
[feed.queries]
id = "radiology"
name = "Radiology information system"
organisation_code = "RCB"
organisation_name = "Riverside Hospital"
"#
        .to_owned(),
        ..Setup::default()
    })
}

fn query(tag: &str, person: &str, domains: &str) -> Vec<u8> {
    format!(
        "MSH|^~\\&|RIS|RCB|SKEIN|REGION|20250301120000||QBP^Q23^QBP_Q21|{tag}|P|2.5\rQPD|IHE PIX Query|{tag}|{person}|{domains}\rRCP|I\r"
    )
    .into_bytes()
}

/// The laboratory's own patient, by object identifier, with the verified NHS number.
fn laboratory_patient(number: &str, nhs: &str) -> Vec<u8> {
    format!(
        "MSH|^~\\&|LIMS|R0A|SKEIN|REGION|20250301110000||ADT^A28^ADT_A05|L{number}|P|2.5\rEVN|A28|20250301110000\r\
         PID|1||{number}^^^LIMS&1.3.6.1.4.1.21367.13.20.1000&ISO^PI~{nhs}^^^NHS^NH||BAXTER^JOAN||19520314|F||||||||||||||||||||||||NSTS01\rPV1|1|N\r"
    )
    .into_bytes()
}

fn error(answer: &Answer) -> (&str, &str) {
    (answer.field("ERR", 2), answer.field("ERR", 3).split('^').next().unwrap())
}

/// The hospital's number leads to the laboratory's, by whichever name its authority is called.
#[test]
fn a_query_is_answered_with_the_other_numbers() {
    let region = asking();
    region.sender("rcb-adt").send(&Adt::new("A28", "1001", "20250301120000").traced(NHS).bytes());
    region.sender("lab-oru").send(&laboratory_patient("L77", NHS));
    let mut radiology = region.sender("radiology");
    let answer = radiology.send(&query("Q1", "1001^^^RCB", ""));
    assert_eq!(answer.field("MSH", 8), "RSP^K23^RSP_K23");
    assert_eq!((answer.code(), answer.control_id()), ("AA", "Q1"));
    assert_eq!((answer.field("QAK", 1), answer.field("QAK", 2)), ("Q1", "OK"));
    assert!(answer.0.contains("\rQPD|IHE PIX Query|Q1|1001^^^RCB"), "the query is given back");
    let ids: Vec<&str> = answer.field("PID", 3).split('~').collect();
    assert_eq!(ids.len(), 2, "{ids:?}");
    assert!(ids.contains(&"9000000009^^^NHS&2.16.840.1.113883.2.1.4.1&ISO^NH"), "{ids:?}");
    assert!(ids.contains(&"L77^^^&1.3.6.1.4.1.21367.13.20.1000&ISO^PI"), "{ids:?}");
    assert_eq!(answer.field("PID", 5), "~^^^^^^S", "no name is told");
    // From the domains wanted alone; by object identifier.
    let lab = "^^^&1.3.6.1.4.1.21367.13.20.1000&ISO";
    let answer = radiology.send(&query("Q2", "1001^^^RCB", lab));
    assert_eq!(answer.field("PID", 3), "L77^^^&1.3.6.1.4.1.21367.13.20.1000&ISO^PI");
    let answer = radiology.send(&query("Q3", "L77^^^&1.3.6.1.4.1.21367.13.20.1000&ISO", "^^^RCB"));
    assert_eq!(answer.field("PID", 3), "1001^^^RCB^MR");
    // FHIR and HL7 v2 say the same.
    let path = "/Patient/$ihe-pix?sourceIdentifier=urn:oid:1.3.6.1.4.1.21367.13.20.1000%7CL77";
    let fhir = region.read(path);
    assert!(fhir.to_string().contains("\"1001\"") && fhir.to_string().contains(NHS), "{fhir}");
}

/// What cannot be answered says what and where (ITI TF-2 3.9.4.2.2.6).
#[test]
fn each_query_that_cannot_be_answered_says_why() {
    let region = asking();
    region.sender("rcb-adt").send(&Adt::new("A28", "1001", "20250301120000").traced(NHS).bytes());
    region.sender("lab-oru").send(&laboratory_patient("L88", OTHER_NHS));
    let mut radiology = region.sender("radiology");
    for (person, domains, location, condition) in [
        ("9999^^^RCB", "", "QPD^1^3^1^1", "204"),
        ("1001^^^NOWHERE", "", "QPD^1^3^1^4", "204"),
        ("1001^^^&9.9.9&ISO", "", "QPD^1^3^1^4", "204"),
        ("1001^^^RCB", "^^^NOWHERE", "QPD^1^4^1", "204"),
        ("1001^^^RCB", "^^^NHS~^^^NOWHERE", "QPD^1^4^2", "204"),
        ("1001", "", "QPD^1^3^1^4", "101"),
        ("^^^RCB", "", "QPD^1^3^1^1", "101"),
    ] {
        let answer = radiology.send(&query("Q", person, domains));
        assert_eq!((answer.code(), answer.field("QAK", 2)), ("AE", "AE"), "{person} {domains}");
        assert_eq!(error(&answer), (location, condition), "{person} {domains}");
        assert_eq!(answer.field("ERR", 4), "E");
        assert_eq!(answer.field("PID", 3), "", "nobody is told");
        assert!(!answer.field("ERR", 8).contains("9999"));
    }
    // Known, but not in that domain: no fault.
    let none = radiology.send(&query("Q9", "1001^^^RCB", "^^^&1.3.6.1.4.1.21367.13.20.1000&ISO"));
    assert_eq!((none.code(), none.field("QAK", 2), none.field("ERR", 2), none.field("PID", 3)), ("AA", "NF", "", ""));
    let other = radiology
        .send(b"MSH|^~\\&|RIS|RCB|||20250301||QBP^Q22^QBP_Q21|D1|P|2.5\rQPD|IHE PDQ Query|D1|@PID.5.1^X\rRCP|I\r");
    assert_eq!((other.code(), error(&other)), ("AR", ("MSH^1^9", "201")));
    let bare = radiology.send(b"MSH|^~\\&|RIS|RCB|||20250301||QBP^Q23^QBP_Q21|D2|P|2.5\r");
    assert_eq!((bare.code(), bare.field("ERR", 3).split('^').next().unwrap()), ("AE", "100"));
}

/// Python's `hl7` asks and understands the answer.
#[test]
fn a_client_that_others_wrote_gets_its_answer() {
    let region = asking();
    let file = region.folder().join("query.hl7");
    std::fs::write(&file, query("Q1", "1001^^^RCB", "")).unwrap();
    region.sender("rcb-adt").send(&Adt::new("A28", "1001", "20250301120000").traced(NHS).bytes());
    let answers = clients::python_mllp_client(region.feed("radiology"), &[file]);
    assert!(answers[0].contains("QAK|Q1|OK") && answers[0].contains(NHS), "{answers:?}");
}

/// A query is no news: it is not in the journal. A feed that may not ask is told so, and goes on sending.
#[test]
fn a_query_is_not_journalled_and_not_everybodys_to_ask() {
    // Of no number alone: the log's own have six digits of a second.
    const NUMBER: &str = "KQ1001";
    let region = asking();
    let mut pas = region.sender("rcb-adt");
    pas.send(&Adt::new("A28", NUMBER, "20250301120000").traced(NHS).bytes());
    region.until_caught_up();
    let received = || http::request(region.http(), "GET", "/health", &[], b"").expect(200).json()["received"].clone();
    let before = received();
    let refused = pas.send(&query("Q1", &format!("{NUMBER}^^^RCB"), ""));
    assert_eq!((refused.code(), error(&refused).1), ("AR", "200"));
    assert!(refused.0.contains("answers no queries"));
    assert_eq!(region.sender("radiology").send(&query("Q1", &format!("{NUMBER}^^^RCB"), "")).code(), "AA");
    assert_eq!(received(), before);
    assert_eq!(pas.send(&Adt::new("A31", NUMBER, "20250302120000").bytes()).code(), "AA");
    region.until_caught_up();
    let (good, said, _) = region.skein(&["verify"]);
    assert!(good, "{said}");
    assert!(!region.log().contains(NUMBER), "no identifier is logged");
}

/// A query answers for what was acknowledged on the same connection before it.
#[test]
fn a_query_counts_what_was_sent_before_it() {
    let region = asking();
    let mut radiology = region.sender("radiology");
    for (index, at) in ["20250301120000", "20250301120001", "20250301120002"].into_iter().enumerate() {
        radiology.put(&Adt::new("A28", "1001", at).traced(NHS).bytes()).unwrap();
        radiology.put(&query(&format!("Q{index}"), "1001^^^RCB", "")).unwrap();
        assert_eq!(radiology.answer().unwrap().code(), "AA");
        let answer = radiology.answer().unwrap();
        assert_eq!((answer.control_id(), answer.field("QAK", 2)), (format!("Q{index}").as_str(), "OK"));
    }
}

fn encounters(region: &Region, number: &str) -> usize {
    let found = region.read(&format!("/Patient?identifier={number}"));
    let id = found["entry"][0]["resource"]["id"].as_str().unwrap().to_owned();
    region.read_all(&format!("/Encounter?patient={id}")).len()
}

fn patient(region: &Region, number: &str) -> Value {
    region.read(&format!("/Patient?identifier={number}"))["entry"][0]["resource"].clone()
}

/// A24 says that two patients are one person; neither number ends. A37 takes it back, whichever is named first.
#[test]
fn linked_patients_are_one_person_and_stay_in_use() {
    let region = asking();
    let mut pas = region.sender("rcb-adt");
    for (local, visit) in [("1001", "V1"), ("1002", "V2")] {
        pas.send(&Adt::new("A01", local, "20250301120000").visit(visit, "OBS1").bytes());
    }
    let before = (patient(&region, "1001"), patient(&region, "1002"));
    let second = "PID|2||1002^^^RCB^MR||BAXTER^JOAN^^^MRS||19520314|2";
    assert_eq!(pas.send(&Adt::new("A24", "1001", "20250302120000").and(second).bytes()).code(), "AA");
    assert_eq!((encounters(&region, "1001"), encounters(&region, "1002")), (2, 2));
    let linked = (patient(&region, "1001"), patient(&region, "1002"));
    assert_eq!(linked, before, "neither is replaced, neither is inactive");
    let answer = region.sender("radiology").send(&query("Q1", "1001^^^RCB", ""));
    assert_eq!(answer.field("PID", 3), "1002^^^RCB^MR", "both numbers are in use");
    // A third, linked to the second.
    pas.send(&Adt::new("A01", "1003", "20250301120000").visit("V3", "OBS1").bytes());
    let third = "PID|2||1002^^^RCB^MR||BAXTER^JOAN^^^MRS||19520314|2";
    pas.send(&Adt::new("A24", "1003", "20250303120000").and(third).bytes());
    assert_eq!((encounters(&region, "1001"), encounters(&region, "1003")), (3, 3), "the first link holds");
    // The third is nobody of these after all, said the other way round.
    let first = "PID|2||1003^^^RCB^MR||BAXTER^JOAN^^^MRS||19520314|2";
    pas.send(&Adt::new("A37", "1002", "20250304120000").and(first).bytes());
    assert_eq!((encounters(&region, "1001"), encounters(&region, "1003")), (2, 1));
    pas.send(&Adt::new("A37", "1001", "20250305120000").and(second).bytes());
    assert_eq!((encounters(&region, "1001"), encounters(&region, "1002")), (1, 1));
    let (good, said, _) = region.skein(&["verify"]);
    assert!(good, "{said}");
}

/// Two verified NHS numbers are not linked by a source's word.
#[test]
fn a_link_of_two_traced_numbers_waits_for_somebody() {
    let region = asking();
    let mut pas = region.sender("rcb-adt");
    pas.send(&Adt::new("A28", "1001", "20250301120000").traced(NHS).bytes());
    pas.send(&Adt::new("A28", "1002", "20250301120000").traced(OTHER_NHS).bytes());
    pas.send(&Adt::new("A24", "1001", "20250302120000").and("PID|2||1002^^^RCB^MR||BAXTER^JOAN||19520314|2").bytes());
    let answer = region.sender("radiology").send(&query("Q1", "1001^^^RCB", ""));
    assert_eq!(answer.field("PID", 3), "9000000009^^^NHS&2.16.840.1.113883.2.1.4.1&ISO^NH");
    let (_, said, _) = region.skein(&["errors", "list", "--all"]);
    assert!(said.contains("merge-needs-decision") || said.contains("remark"), "{said}");
}

/// A40 ends a number, A47 gives a new one: the query answers with the one in use.
#[test]
fn ended_numbers_are_not_told() {
    let region = asking();
    let mut pas = region.sender("rcb-adt");
    for local in ["1001", "1002"] {
        pas.send(&Adt::new("A28", local, "20250301120000").bytes());
    }
    pas.send(&Adt::new("A31", "1001", "20250301130000").traced(NHS).bytes());
    pas.send(&Adt::new("A40", "1001", "20250302120000").and("MRG|1002^^^RCB^MR").bytes());
    pas.send(&Adt::new("A47", "1005", "20250303120000").and("MRG|1001^^^RCB^MR").bytes());
    let mut radiology = region.sender("radiology");
    for asked in ["1001^^^RCB", "1002^^^RCB", "9000000009^^^NHS"] {
        let answer = radiology.send(&query("Q", asked, "^^^RCB"));
        assert_eq!(answer.field("PID", 3), "1005^^^RCB^MR", "{asked}");
    }
}

/// A system that hears of changes: answers as told, and hands on what it hears.
struct Receiver {
    port: u16,
    heard: mpsc::Receiver<String>,
    stop: mpsc::Sender<()>,
}

impl Receiver {
    fn on(port: u16, code: &'static str) -> Receiver {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (say, heard) = mpsc::channel();
        let (stop, stopped) = mpsc::channel();
        std::thread::spawn(move || {
            while let Err(mpsc::TryRecvError::Empty) = stopped.try_recv() {
                match listener.accept() {
                    Ok((stream, _)) => {
                        stream.set_nonblocking(false).unwrap();
                        let say = say.clone();
                        std::thread::spawn(move || serve(stream, code, &say));
                    }
                    Err(_) => std::thread::sleep(Duration::from_millis(20)),
                }
            }
        });
        Receiver { port, heard, stop }
    }

    fn next(&self) -> String {
        self.heard.recv_timeout(Duration::from_secs(30)).expect("a notification")
    }

    fn nothing_more(&self) {
        assert!(self.heard.recv_timeout(Duration::from_millis(700)).is_err());
    }
}

fn serve(mut stream: TcpStream, code: &str, say: &mpsc::Sender<String>) {
    let mut pending = Vec::new();
    let mut chunk = [0u8; 4096];
    while let Ok(n @ 1..) = stream.read(&mut chunk) {
        pending.extend_from_slice(&chunk[..n]);
        while let Some(end) = pending.windows(2).position(|pair| pair == [0x1c, 0x0d]) {
            let frame: Vec<u8> = pending.drain(..end + 2).collect();
            let text = String::from_utf8(frame[1..end].to_vec()).unwrap();
            let id = text.split('|').nth(9).unwrap().to_owned();
            if say.send(text).is_err() {
                return;
            }
            let answer = format!("\x0bMSH|^~\\&|P|P|S|S|2025||ACK^A31^ACK|{id}|P|2.5\rMSA|{code}|{id}\r\x1c\r");
            stream.write_all(answer.as_bytes()).unwrap();
        }
    }
}

fn telling(port: u16) -> Region {
    Region::start_with(Setup {
        more: format!(
            r#"
[[pix_update]]
name = "portal"
to = "127.0.0.1:{port}"
organisation_code = "X26"
organisation_name = "The region's programme"
source = "rcb"
receiving_application = "PORTAL"
"#
        ),
        ..Setup::default()
    })
}

fn numbers(message: &str) -> Vec<String> {
    let pid = message.split('\r').find(|line| line.starts_with("PID")).unwrap();
    let mut ids: Vec<String> =
        pid.split('|').nth(3).unwrap().split('~').map(|id| id.split('^').next().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

/// The receiver hears when a person's numbers change, in order, and of nothing else.
#[test]
fn a_receiver_hears_of_changed_numbers() {
    let receiver = Receiver::on(0, "AA");
    let region = telling(receiver.port);
    let mut pas = region.sender("rcb-adt");
    pas.send(&Adt::new("A28", "1001", "20250301120000").bytes());
    receiver.nothing_more();
    pas.send(&Adt::new("A31", "1001", "20250301130000").traced(NHS).bytes());
    let first = receiver.next();
    assert!(first.starts_with("MSH|^~\\&|SKEIN|story|PORTAL||"), "{first}");
    assert!(first.contains("||ADT^A31^ADT_A05|P") && first.contains("\rPV1||N\r"), "{first}");
    assert!(first.contains("|1001^^^RCB^MR~9000000009^^^NHS&2.16.840.1.113883.2.1.4.1&ISO^NH||~^^^^^^S\r"), "{first}");
    assert!(!first.contains("BAXTER"), "a name is nobody's business here");
    pas.send(&Adt::new("A31", "1001", "20250301140000").traced(NHS).telephone("01632 960001").bytes());
    receiver.nothing_more();
    region.sender("lab-oru").send(&laboratory_patient("L77", NHS));
    assert_eq!(numbers(&receiver.next()), ["1001", NHS, "L77"]);
    pas.send(&Adt::new("A28", "1002", "20250301120000").bytes());
    pas.send(&Adt::new("A40", "1001", "20250302120000").and("MRG|1002^^^RCB^MR").bytes());
    pas.send(&Adt::new("A47", "1005", "20250303120000").and("MRG|1001^^^RCB^MR").bytes());
    let last = std::iter::repeat_with(|| numbers(&receiver.next())).take(3).find(|ids| ids.contains(&"1005".into()));
    assert!(!last.expect("the new number").contains(&"1001".to_owned()), "the ended number is no longer told");
}

/// The receiver is down for a while, and so are we: it hears everything, in order.
#[test]
fn a_receiver_that_was_down_hears_what_it_missed() {
    let receiver = Receiver::on(0, "AA");
    let port = receiver.port;
    let mut region = telling(port);
    region.sender("rcb-adt").send(&Adt::new("A28", "1001", "20250301120000").traced(NHS).bytes());
    assert_eq!(numbers(&receiver.next()), ["1001", NHS]);
    receiver.stop.send(()).unwrap();
    drop(receiver);
    std::thread::sleep(Duration::from_millis(200));
    region.stop();
    region.serve();
    let mut pas = region.sender("rcb-adt");
    for local in ["2001", "2002", "2003"] {
        let number = ["9000000017", "9000000025", "9000000033"][local.as_bytes()[3] as usize - 49];
        pas.send(&Adt::new("A28", local, "20250302120000").traced(number).bytes());
    }
    let standing =
        || http::request(region.http(), "GET", "/health", &[], b"").expect(200).json()["pix_updates"][0].clone();
    let until = Instant::now() + Duration::from_secs(20);
    while standing()["failing_since"].is_null() {
        assert!(Instant::now() < until, "{}", standing());
        std::thread::sleep(Duration::from_millis(100));
    }
    let receiver = Receiver::on(port, "AA");
    let heard: Vec<String> = (0..3).map(|_| numbers(&receiver.next())[0].clone()).collect();
    assert_eq!(heard, ["2001", "2002", "2003"]);
    receiver.nothing_more();
    let standing = standing();
    assert_eq!((&standing["name"], &standing["failing_since"]), (&"portal".into(), &Value::Null), "{standing}");
}

/// What the receiver calls faulty does not hold up what comes after.
#[test]
fn a_notification_called_faulty_is_left_out() {
    let receiver = Receiver::on(0, "AE");
    let region = telling(receiver.port);
    region.sender("rcb-adt").send(&Adt::new("A28", "1001", "20250301120000").traced(NHS).bytes());
    let ids: Vec<String> = (0..3).map(|_| receiver.next().split('|').nth(9).unwrap().to_owned()).collect();
    assert_eq!(ids[0], ids[2], "the same message each time");
    region.sender("rcb-adt").send(&Adt::new("A28", "1002", "20250301120000").traced(OTHER_NHS).bytes());
    assert_eq!(numbers(&receiver.next()), ["1002", OTHER_NHS]);
    assert!(region.log().contains("left out"));
}

/// However much agrees, nobody is certain without a number: whoever asks for certain matches alone may use them unseen. As `skein
/// serve` answers, which asks the index that links.
#[test]
fn without_a_number_nobody_is_certain_however_much_agrees() {
    let region = asking();
    region.sender("rcb-adt").send(&Adt::new("A28", "KQ1001", "20250301120000").traced(NHS).bytes());
    region.until_caught_up();
    let mut known = region.read("/Patient?identifier=KQ1001")["entry"][0]["resource"].clone();
    let graded = |who: &Value, certain: bool| -> Vec<(String, f64)> {
        let asked = json!({"resourceType": "Parameters", "parameter": [
            {"name": "resource", "resource": who}, {"name": "onlyCertainMatches", "valueBoolean": certain}]});
        let bundle =
            region.fhir(READER_TOKEN, "POST", "/Patient/$match", asked.to_string().as_bytes()).expect(200).json();
        let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
        let matches = entries.iter().map(|entry| &entry["search"]).filter(|search| search["mode"] == "match");
        let grade = |search: &Value| search["extension"][0]["valueCode"].as_str().unwrap().to_owned();
        matches.map(|search| (grade(search), search["score"].as_f64().unwrap())).collect()
    };
    known.as_object_mut().unwrap().retain(|name, _| !matches!(name.as_str(), "id" | "meta" | "link"));
    assert!(matches!(graded(&known, true).as_slice(), [(grade, _)] if grade == "certain"), "its numbers say so");
    known.as_object_mut().unwrap().remove("identifier");
    let found = graded(&known, false);
    assert!(matches!(found.as_slice(), [(grade, score)] if grade == "probable" && *score > 0.99), "{found:?}");
    assert!(graded(&known, true).is_empty());
}
