//! What senders should not send, and disks should not do. Each gets an answer that says what is wrong; nothing else
//! suffers, and the region serves on.

use crate::harness::{
    Disk, Region, Setup, http,
    mllp::Sender,
    region::{GP_TOKEN, READER_TOKEN},
    say::Adt,
};
use serde_json::{Value, json};
use std::{
    io::Write,
    time::{Duration, Instant},
};

/// The region still takes an ordinary message.
fn still_works(region: &Region) {
    let answer = region.sender("rcb-adt").send(&Adt::new("A28", "9999", "20250301120000").bytes());
    assert_eq!(answer.code(), "AA", "{answer:?}");
}

fn outcome(answer: &http::Response) -> Value {
    let outcome = answer.json();
    assert_eq!(outcome["resourceType"], "OperationOutcome", "{outcome:#}");
    assert!(
        outcome["issue"][0]["diagnostics"].is_string() || outcome["issue"][0]["details"].is_object(),
        "{outcome:#}"
    );
    outcome
}

#[test]
fn invalid_json_is_refused_with_an_outcome() {
    let region = Region::start();
    for body in
        ["{", "[]", "null", "{\"resourceType\":\"Bundle\",}", "not json at all", "{\"resourceType\":\"Sonnet\"}"]
    {
        let answer = region.fhir(GP_TOKEN, "POST", "", body.as_bytes());
        assert_eq!(answer.status, 400, "{body}: {}", answer.text());
        outcome(&answer);
    }
    still_works(&region);
}

#[test]
fn a_bundle_of_200_megabytes_is_refused_without_reading_it() {
    let region = Region::start();
    let body = vec![b' '; 200 * 1024 * 1024];
    let answer = region.fhir(GP_TOKEN, "POST", "", &body);
    assert_eq!(answer.status, 413);
    still_works(&region);
}

#[test]
fn a_message_of_70_megabytes_is_refused() {
    let region = Region::start();
    let mut message = Adt::new("A28", "1001", "20250301120000").bytes();
    message.extend_from_slice(b"NTE|1||");
    message.resize(70 * 1024 * 1024, b'x');
    let mut sender = region.sender("rcb-adt");
    let sent = sender.put(&message);
    match sender.answer() {
        Ok(answer) => assert!(["AR", "CR", "AE", "CE"].contains(&answer.code()), "{answer:?}"),
        Err(closed) => assert!(sent.is_err(), "either an answer or a close while sending: {closed:?}"),
    }
    still_works(&region);
}

#[test]
fn a_wrong_charset_is_read_as_windows_1252() {
    let region = Region::start();
    let mut message = Adt::new("A28", "1001", "20250301120000").traced("9434765919").named("BRONT~^ZO~").bytes();
    // 0xEB is ë in Windows-1252, and no UTF-8.
    for byte in message.iter_mut().skip(60) {
        if *byte == b'~' {
            *byte = 0xeb;
        }
    }
    // The repetition separator between the identifiers was one of them.
    let place = message.windows(3).position(|three| three == b"MR\xeb").unwrap();
    message[place + 2] = b'~';
    assert_eq!(region.sender("rcb-adt").send(&message).code(), "AA");
    let id = region.patient_by_nhs_number("9434765919");
    assert_eq!(region.read(&format!("/Patient/{id}"))["name"][0]["family"], "BRONTë");
}

#[test]
fn control_characters_do_no_harm() {
    let region = Region::start();
    let message = Adt::new("A28", "1001", "20250301120000")
        .traced("9434765919")
        .named("BAX\u{1}\u{7}TER\u{1b}[31m^JO\u{0}AN")
        .bytes();
    assert_eq!(region.sender("rcb-adt").send(&message).code(), "AA");
    let id = region.patient_by_nhs_number("9434765919");
    let name = region.read(&format!("/Patient/{id}"))["name"][0]["family"].as_str().unwrap().to_owned();
    assert!(!name.chars().any(char::is_control), "FHIR strings hold no control characters: {name:?}");
    still_works(&region);
}

#[test]
fn the_31st_of_february_is_no_birthday() {
    let region = Region::start();
    let answer = region
        .sender("rcb-adt")
        .send(&Adt::new("A28", "1001", "20250301120000").traced("9434765919").born("19520231").bytes());
    assert_eq!(answer.code(), "AA", "the rest of the message is good");
    let id = region.patient_by_nhs_number("9434765919");
    let patient = region.read(&format!("/Patient/{id}"));
    assert!(patient["birthDate"].is_null() || patient["birthDate"] == "1952-02", "no invented day: {patient:#}");
    assert_eq!(patient["name"][0]["family"], "BAXTER");

    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [{
        "fullUrl": "urn:uuid:5a1f1e2c-7d1f-4a61-9a3e-0d2c6a5b0001",
        "resource": {"resourceType": "Patient", "identifier": [{"system": "urn:gp", "value": "7"}], "birthDate": "1952-02-31"},
        "request": {"method": "POST", "url": "Patient"}
    }]});
    let answer = region.fhir(GP_TOKEN, "POST", "", bundle.to_string().as_bytes());
    assert!((400..500).contains(&answer.status), "{}", answer.text());
    assert!(outcome(&answer).to_string().contains("birthDate"), "the outcome says where: {}", answer.text());
}

#[test]
fn an_nhs_number_with_a_wrong_check_digit_is_kept_and_never_links() {
    let region = Region::start();
    let mut pas = region.sender("rcb-adt");
    for local in ["1001", "1002"] {
        let answer = pas.send(&Adt::new("A28", local, "20250301120000").traced("9434765918").bytes());
        assert_eq!(answer.code(), "AA", "a wrong number is no reason to refuse a person");
    }
    let found = region.read("/Patient?identifier=1001");
    let patient = &found["entry"][0]["resource"];
    assert!(patient.to_string().contains("9434765918"), "it is kept: {patient:#}");
    let id = patient["id"].as_str().unwrap();
    let record = region.read_all(&format!("/Patient/{id}/$everything"));
    assert_eq!(
        record.iter().filter(|resource| resource["resourceType"] == "Patient").count(),
        1,
        "two people stay two"
    );
}

#[test]
fn a_patient_without_any_identifier_goes_to_the_error_desk() {
    let region = Region::start();
    let message = Adt::new("A28", "1001", "20250301120000").bytes();
    let text = String::from_utf8(message).unwrap().replace("1001^^^RCB^MR", "");
    let answer = region.sender("rcb-adt").send(text.as_bytes());
    assert_eq!(answer.code(), "AA", "it is stored: {answer:?}");
    region.until_caught_up();
    let (_, desk, _) = region.skein(&["errors", "list"]);
    assert!(desk.contains("ADT^A28") && desk.contains("PID-3"), "{desk}");
    still_works(&region);
}

#[test]
fn a_stranger_gets_nothing() {
    let region = Region::start();
    for headers in [vec![], vec![("Authorization", "Bearer guessed")]] {
        let answer = http::request(region.http(), "GET", "/fhir/Patient?family=BAXTER", &headers, b"");
        assert_eq!(answer.status, 401, "{}", answer.text());
        let answer = http::request(
            region.http(),
            "POST",
            "/fhir",
            &headers,
            b"{\"resourceType\":\"Bundle\",\"type\":\"batch\"}",
        );
        assert_eq!(answer.status, 401, "{}", answer.text());
    }
    let answer = region.fhir(READER_TOKEN, "POST", "", b"{\"resourceType\":\"Bundle\",\"type\":\"batch\"}");
    assert!([401, 403].contains(&answer.status), "a reader is no source: {}", answer.text());
    let answer = region.fhir(GP_TOKEN, "GET", "/Patient?family=BAXTER", b"");
    assert!([401, 403].contains(&answer.status), "a source is no reader: {}", answer.text());
}

/// A disk that is nearly full: messages wait with their senders, records are read, and every page says that it is not up to date.
#[test]
fn a_disk_that_is_nearly_full_is_kept_for_reading() {
    let disk = Some(Disk::Small(40_000_000));
    let mut region = Region::start_with(Setup { disk, keep_free_mb: 12, ..Setup::default() });
    let data = region.data_from_outside();
    assert_eq!(region.sender("rcb-adt").send(&letter(0)).code(), "AA");
    region.until_caught_up();
    let mut filler = std::fs::File::create(data.join("filler")).expect("this test needs root or user name spaces");
    let left = || {
        let disk = rustix::fs::statvfs(&data).expect("the disk");
        disk.f_bavail * disk.f_frsize
    };
    while left() > 10_000_000 {
        filler.write_all(&[0u8; 65_536]).expect("room");
    }
    // An open file keeps its room when its name goes.
    drop(filler);
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut accepted = 1;
    let refused = loop {
        let answer = region.sender("rcb-adt").send(&letter(accepted));
        if answer.code() != "AA" {
            break answer;
        }
        accepted += 1;
        assert!(Instant::now() < deadline, "messages are refused when little room is left");
        std::thread::sleep(Duration::from_millis(100));
    };
    let said = format!("{refused:?}");
    assert!(said.contains("nearly full") && said.contains("send it again later"), "{said}");
    let answer = region.fhir(GP_TOKEN, "POST", "", bundle_of_letters().as_bytes());
    assert_eq!(answer.status, 507, "{}", answer.text());
    let found = region.read("/Patient?identifier=1001");
    let id = found["entry"][0]["resource"]["id"].as_str().expect("a patient is found").to_owned();
    let letters = || region.read_all(&format!("/DocumentReference?patient={id}&_count=500")).len() as u32;
    assert_eq!(letters(), accepted, "records are read, and hold what was acknowledged");
    let ready = || http::request(region.http(), "GET", "/readyz", &[], b"").expect(200).text();
    assert!(ready().contains("the disk is nearly full"), "{}", ready());

    std::fs::remove_file(data.join("filler")).unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while region.sender("rcb-adt").send(&letter(accepted)).code() != "AA" {
        assert!(Instant::now() < deadline, "with room again, the same message is accepted");
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(letters(), accepted + 1);
    assert_eq!(ready(), "ready\n");
    assert!(region.stop().success());
}

/// A full disk refuses, and loses nothing that was acknowledged; with room again, everything goes on by itself.
#[test]
fn a_full_disk_refuses_and_recovers() {
    let mut region = Region::start_with(Setup { disk: Some(Disk::Small(24 * 1024 * 1024)), ..Setup::default() });
    let data = region.data_from_outside();
    assert_eq!(region.sender("rcb-adt").send(&letter(0)).code(), "AA");
    region.until_caught_up();

    let mut filler = std::fs::File::create(data.join("filler")).expect("this test needs root or user name spaces");
    while filler.write_all(&[0u8; 4096]).is_ok() {}
    drop(filler);
    let mut accepted = 1u32;
    let mut refused = None;
    for number in 1..400 {
        let Ok(answer) = region.sender("rcb-adt").try_send(&letter(number)) else { panic!("no answer on a full disk") };
        if answer.code() == "AA" {
            accepted += 1;
        } else {
            refused = Some((number, answer));
            break;
        }
    }
    let (number, answer) = refused.expect("a full disk refuses");
    assert!(["AE", "AR"].contains(&answer.code()), "{answer:?}");
    let answer = region.fhir(GP_TOKEN, "POST", "", bundle_of_letters().as_bytes());
    assert!([503, 507].contains(&answer.status), "{}", answer.text());

    std::fs::remove_file(data.join("filler")).unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while region.sender("rcb-adt").send(&letter(number)).code() != "AA" {
        assert!(Instant::now() < deadline, "with room again, the same message is accepted");
        std::thread::sleep(Duration::from_millis(200));
    }
    accepted += 1;
    let found = region.read("/Patient?identifier=1001");
    let id = found["entry"][0]["resource"]["id"].as_str().unwrap();
    let letters = region.read_all(&format!("/DocumentReference?patient={id}&_count=500"));
    assert_eq!(letters.len() as u32, accepted, "every accepted letter is there, once");
    assert!(region.stop().success());
}

/// The disk fills while much is still to be processed: with room again, processing goes on by itself.
#[test]
fn processing_goes_on_when_a_full_disk_has_room_again() {
    let mut region = Region::start_with(Setup { disk: Some(Disk::Small(60 * 1024 * 1024)), ..Setup::default() });
    let data = region.data_from_outside();
    std::fs::write(data.join("filler"), vec![0u8; 44 << 20]).expect("this test needs root or user name spaces");
    let mut sender = region.sender("rcb-adt");
    let mut accepted = 0u32;
    loop {
        let answer = sender.send(&letter(accepted));
        if answer.code() != "AA" {
            break;
        }
        accepted += 1;
        assert!(accepted < 400, "the disk is never full");
    }
    // However far processing is, what is left of the disk does not suffice for it.
    std::thread::sleep(Duration::from_secs(2));
    std::fs::remove_file(data.join("filler")).unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while http::request(region.http(), "GET", "/health", &[], b"").status != 200 {
        assert!(Instant::now() < deadline, "with room again, processing goes on");
        std::thread::sleep(Duration::from_millis(100));
    }
    region.until_caught_up();
    let found = region.read("/Patient?identifier=1001");
    let id = found["entry"][0]["resource"]["id"].as_str().unwrap();
    let letters = region.read_all(&format!("/DocumentReference?patient={id}&_count=500"));
    assert_eq!(letters.len() as u32, accepted, "every accepted letter is there, once");
    assert!(region.stop().success());
}

/// A letter that does not compress: the disk fills by its size.
fn letter(number: u32) -> Vec<u8> {
    let mut noise = String::new();
    let mut state = u64::from(number) + 1;
    for _ in 0..60_000 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        noise.push(char::from(b'A' + (state >> 33) as u8 % 26));
    }
    let mut message = Adt::new("A28", "1001", "20250301120000");
    message.control_id = format!("L{number}");
    let text = String::from_utf8(message.bytes()).unwrap().replace("ADT^A28", "MDM^T02").replace("EVN||", "EVN|T02|");
    format!("{text}TXA|1|DL|TX|20250301120000||||||||D{number}|||||AU\rOBX|1|TX|||{noise}||||||F\r").into_bytes()
}

fn bundle_of_letters() -> String {
    let mut noise = String::new();
    let mut state = 99u64;
    for _ in 0..400_000 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        noise.push(char::from(b'A' + (state >> 33) as u8 % 26));
    }
    json!({"resourceType": "Bundle", "type": "transaction", "entry": [{
        "fullUrl": "urn:uuid:5a1f1e2c-7d1f-4a61-9a3e-0d2c6a5b0002",
        "resource": {"resourceType": "Patient", "identifier": [{"system": "urn:gp", "value": noise}]},
        "request": {"method": "POST", "url": "Patient"}
    }]})
    .to_string()
}

/// A folder that cannot be written is said in one line, and nothing is started.
#[test]
fn a_read_only_folder_is_said_in_one_line() {
    let mut region = Region::prepared(Setup { disk: Some(Disk::ReadOnly), ..Setup::default() });
    let ended = region.try_serve().expect_err("it must not start");
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    assert_eq!(ended.said.lines().count(), 1, "{ended:?}");
    assert!(ended.said.contains("data") && ended.said.contains("write"), "{ended:?}");
}

/// A connection that says nothing, or stops half-way, ties up nobody else.
#[test]
fn a_stalled_sender_keeps_nobody_waiting() {
    let region = Region::start();
    let address = region.feed("rcb-adt");
    let mut stalled: Vec<Sender> = (0..8).map(|_| Sender::to(address)).collect();
    for sender in &mut stalled {
        sender.raw(b"\x0bMSH|^~\\&|PAS").unwrap();
    }
    still_works(&region);
}
