//! What a newcomer meets: a region that fills, lives, stops cleanly and is still there the next time.

use crate::harness::http;
use serde_json::Value;
use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

struct Demo {
    child: Child,
    address: SocketAddr,
    told: String,
}

impl Demo {
    fn start(folder: &Path, more: &[&str]) -> Demo {
        let mut child = Command::new(env!("CARGO_BIN_EXE_skein"))
            .args(["demo", "--port", "0", "--people", "25", "--speed", "3600", "--data-dir"])
            .arg(folder)
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut told = String::new();
        for line in &mut lines {
            let line = line.unwrap();
            told.push_str(&line);
            told.push('\n');
            if line.starts_with("Ctrl-C") {
                break;
            }
        }
        // Whatever comes later is read as well, or the program would be told that nobody listens.
        std::thread::spawn(move || lines.for_each(drop));
        let address =
            told.split("http://").nth(1).and_then(|rest| rest.split('/').next()).expect("an address is printed");
        Demo { address: address.parse().unwrap(), child, told }
    }

    fn health(&self) -> Value {
        http::request(self.address, "GET", "/health", &[], b"").expect(200).json()
    }

    fn until(&self, what: &str, seconds: u64, reached: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + Duration::from_secs(seconds);
        loop {
            let health = self.health();
            if reached(&health) {
                return health;
            }
            assert!(Instant::now() < deadline, "{what}: not after {seconds} s: {health}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn stop(mut self) -> ExitStatus {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        self.child.wait().unwrap()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// It is usable at once, fills, goes on living, and keeps its data; `--fresh` begins anew.
#[test]
fn the_demonstration_fills_lives_and_keeps_its_data() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("demo");
    let began = Instant::now();
    let demo = Demo::start(&folder, &[]);
    let page = http::request(demo.address, "GET", "/sign-in", &[], b"").expect(200);
    assert!(began.elapsed() < Duration::from_secs(15), "usable after {:?}", began.elapsed());
    assert!(page.text().contains("Wexmoor"));
    for thing in ["doctor", "engineer", "password", "  1. ", "  2. ", "  3. ", "NHS number"] {
        assert!(demo.told.contains(thing), "{thing} is told: {}", demo.told);
    }
    // The history of 25 people is some hundreds of messages; at an hour a second, life adds to it.
    let filled = demo.until("the history", 120, |health| {
        health["received"].as_u64().unwrap() > 300 && health["received"] == health["processed"]
    });
    assert!(demo.stop().success(), "Ctrl-C stops it cleanly");

    let demo = Demo::start(&folder, &[]);
    let kept = demo.health()["received"].as_u64().unwrap();
    assert!(kept >= filled["received"].as_u64().unwrap(), "its data is still there");
    demo.until("life", 60, |health| health["received"].as_u64().unwrap() > kept);
    assert!(demo.stop().success());
    let verified =
        Command::new(env!("CARGO_BIN_EXE_skein")).args(["verify", "--config"]).arg(folder.join("skein.toml")).output();
    let verified = verified.unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));

    let demo = Demo::start(&folder, &["--fresh"]);
    assert!(demo.health()["received"].as_u64().unwrap() < kept, "--fresh begins anew");
    assert!(demo.stop().success());
}

/// It never touches a folder that is not its own.
#[test]
fn fresh_spares_a_folder_that_holds_something_else() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("thesis.txt"), "all of it").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_skein"))
        .args(["demo", "--fresh", "--port", "0", "--data-dir"])
        .arg(folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("holds something, and no demonstration"));
    assert!(folder.path().join("thesis.txt").exists());
}
