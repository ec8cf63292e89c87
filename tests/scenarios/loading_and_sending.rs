//! Files in, and messages out, by command.

use crate::harness::{Region, say::Adt, shared};
use std::{
    process::{Command, Stdio},
    time::Duration,
};

/// Killed half-way, loading goes on where it was: every unit is there once.
#[test]
fn loading_again_goes_on_where_it_stopped() {
    let region = Region::prepared(Default::default());
    let file = region.folder().join("history.hl7");
    let mut messages = Vec::new();
    for number in 0..4000 {
        let mut message = Adt::new("A31", "1001", "20250301120000");
        message.control_id = format!("M{number}");
        messages.extend_from_slice(&message.bytes());
    }
    std::fs::write(&file, messages).unwrap();
    let load = |wait: Option<Duration>| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_skein"))
            .args(["load", "--quiet", "--source", "rcb", "--config"])
            .arg(region.config())
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        if let Some(wait) = wait {
            std::thread::sleep(wait);
            let _ = child.kill();
        }
        String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
    };
    for wait in [150, 300] {
        load(Some(Duration::from_millis(wait)));
    }
    let told = load(None);
    let numbers: Vec<u64> = told.split([' ', ',']).filter_map(|word| word.parse().ok()).collect();
    assert_eq!(numbers[0] + numbers[1], 4000, "{told}");
    let told = load(None);
    assert!(told.starts_with("0 new, 4000 already there"), "{told}");
    assert!(region.skein(&["verify"]).0);
}

/// A first load of very many goes into the journal alone; `skein rebuild` makes of it what loading would have made.
#[test]
fn what_is_loaded_for_later_is_in_the_record_after_a_rebuild() {
    let mut region = Region::prepared(Default::default());
    let file = region.folder().join("history.hl7");
    let mut messages = Vec::new();
    for number in 0..200 {
        let mut message = Adt::new("A31", "1001", "20250301120000").traced("9434765919");
        message.control_id = format!("M{number}");
        messages.extend_from_slice(&message.bytes());
    }
    std::fs::write(&file, messages).unwrap();
    let later = ["load", "--quiet", "--later", "--source", "rcb", file.to_str().unwrap()];
    let (fine, told, said) = region.skein(&later);
    assert!(fine && told.starts_with("200 new, 0 already there") && told.contains("skein rebuild"), "{told}{said}");
    let (fine, told, said) = region.skein(&later);
    assert!(fine && told.starts_with("0 new, 200 already there"), "{told}{said}");
    // Who the source is was told as well: nothing is left on the error desk for want of it.
    let (fine, told, said) = region.skein(&["rebuild"]);
    assert!(fine && told.contains("rebuilt from"), "{told}{said}");
    assert!(region.skein(&["verify"]).0);
    let (_, told, _) = region.skein(&["errors", "list"]);
    assert!(!told.contains("1001") && !told.contains("M1"), "{told}");
    region.serve();
    assert!(!region.patient_by_nhs_number("9434765919").is_empty());
}

/// What comes by file is recognised when it comes by wire.
#[test]
fn a_message_loaded_and_then_sent_is_one_message() {
    let mut region = Region::prepared(Default::default());
    let message = Adt::new("A28", "1001", "20250301120000").bytes();
    let file = region.folder().join("one.hl7");
    std::fs::write(&file, &message).unwrap();
    assert!(region.skein(&["load", "--quiet", "--source", "rcb", file.to_str().unwrap()]).0);
    region.serve();
    region.until_caught_up();
    let health = |region: &Region| crate::harness::http::request(region.http(), "GET", "/health", &[], b"").json();
    let before = health(&region);
    assert_eq!(region.sender("rcb-adt").send(&message).code(), "AA");
    region.until_caught_up();
    assert_eq!(health(&region), before);
}

/// `skein send` reports what it was answered, and fails when a message was not accepted.
#[test]
fn send_reports_the_answers() {
    let region = Region::start();
    let send = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_skein"))
            .arg("send")
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let to = region.feed("rcb-adt").to_string();
    let file = shared::path("hl7v2/itk-uk/ADT_A01_example.txt");
    let file = file.to_str().unwrap();
    let (code, told, said) = send(&["--to", &to, file]);
    assert_eq!(code, Some(0), "{told}{said}");
    assert!(told.contains("MSA|AA|1391320453338055") && told.contains("1 messages: 1 AA"), "{told}");
    let (code, told, said) = send(&["--to", &to, "--repeat", "50", "--connections", "4", "--new-control-ids", file]);
    assert_eq!(code, Some(0), "{told}{said}");
    assert!(told.contains("50 messages: 50 AA") && told.contains("messages/s"), "{told}");
    let bad = region.folder().join("bad.hl7");
    std::fs::write(&bad, "MSH|^~\\&|A|B|C|D|20250101||||P|2.4\r").unwrap();
    let (code, told, said) = send(&["--to", &to, bad.to_str().unwrap()]);
    assert_eq!(code, Some(1), "{told}{said}");
    let (code, _, said) = send(&["--to", "127.0.0.1:1", file]);
    assert_eq!(code, Some(1));
    assert!(said.contains("127.0.0.1:1") && said.contains("refused"), "{said}");
}
