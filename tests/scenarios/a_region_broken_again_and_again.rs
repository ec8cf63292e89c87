//! The crash campaign, as its command runs it.

use std::process::{Command, Stdio};

/// What clocks jump with.
fn faketime() -> std::path::PathBuf {
    let folders = std::fs::read_dir("/usr/lib").unwrap().flatten().map(|folder| folder.path());
    folders
        .map(|folder| folder.join("faketime/libfaketime.so.1"))
        .find(|library| library.is_file())
        .expect("./test installs libfaketime; or: apt-get install libfaketime")
}

/// 25 rounds; `SKEIN_ROUNDS=500` for more. The seed is fixed, the moments in which things happen are the machine's.
#[test]
fn a_region_broken_again_and_again_loses_nothing_and_has_nothing_twice() {
    let rounds = std::env::var("SKEIN_ROUNDS").unwrap_or_else(|_| "25".into());
    let output = Command::new(env!("CARGO_BIN_EXE_skein"))
        .args(["torture", "--rounds", &rounds, "--seed", "11", "--json", "--clock"])
        .arg(faketime())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    let line = String::from_utf8(output.stdout).unwrap();
    let last = line.lines().last().unwrap_or_else(|| panic!("nothing on standard output: {said}"));
    let told: serde_json::Value = serde_json::from_str(last).unwrap();
    let number = |name: &str| told[name].as_u64().unwrap_or_else(|| panic!("no {name} in {told}"));
    assert_eq!((number("lost"), number("twice"), number("seed")), (0, 0, 11));
    assert_eq!(number("rounds").to_string(), rounds);
    assert_eq!(number("acknowledged"), number("stored") + number("parked"));
    // Every kind of message went through, the faulty among them.
    assert!(number("stored") > number("rounds") * 20 && number("parked") > 0, "{told}");
}

#[test]
fn a_folder_with_something_in_it_is_not_tortured() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("precious"), "mine").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_skein"))
        .args(["torture", "--rounds", "1", "--data-dir"])
        .arg(folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("is not empty") && said.lines().count() == 1, "{said}");
    assert_eq!(std::fs::read_to_string(folder.path().join("precious")).unwrap(), "mine");
}

/// The same on PostgreSQL, where two processes serve the region: they are killed and frozen, and its connections are cut.
#[test]
fn two_processes_broken_again_and_again_on_one_database_lose_nothing_and_have_nothing_twice() {
    let socket = std::env::var("SKEIN_POSTGRES").expect("./test starts a PostgreSQL and says where");
    let output = Command::new(env!("CARGO_BIN_EXE_skein"))
        .args(["torture", "--rounds", "10", "--seed", "5", "--json", "--store"])
        .arg(format!("host={socket} user=postgres"))
        .arg("--clock")
        .arg(faketime())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let number = |name: &str| told[name].as_u64().unwrap_or_else(|| panic!("no {name} in {told}"));
    assert_eq!((number("lost"), number("twice")), (0, 0));
    assert_eq!(number("acknowledged"), number("stored") + number("parked"));
    assert!(number("stored") > 200 && number("parked") > 0, "{told}");
}
