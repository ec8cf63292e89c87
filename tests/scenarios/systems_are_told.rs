//! A system that subscribed hears of a stay in order, though the region is killed while it is being told and started again.

use crate::harness::{Region, Setup, http, region::READER_TOKEN, say::Adt};
use serde_json::{Value, json};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// An endpoint: takes what comes, or keeps it waiting for ever.
struct Receiver {
    address: SocketAddr,
    got: Arc<Mutex<Vec<Value>>>,
    silent: Arc<AtomicBool>,
}

fn take(mut stream: TcpStream, got: &Mutex<Vec<Value>>, silent: &AtomicBool) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    let mut chunk = [0u8; 16 * 1024];
    let body = loop {
        let read = stream.read(&mut chunk)?;
        bytes.extend_from_slice(&chunk[..read]);
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        assert!(head.contains("x-skein-signature: t="), "{head}");
        let length: usize = head.split("content-length: ").nth(1).unwrap().lines().next().unwrap().parse().unwrap();
        if bytes.len() >= end + 4 + length {
            break bytes[end + 4..end + 4 + length].to_vec();
        }
    };
    got.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
    if silent.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_secs(60));
    }
    stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
}

impl Receiver {
    fn start() -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (got, silent) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (kept, quiet) = (Arc::clone(&got), Arc::clone(&silent));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (kept, quiet) = (Arc::clone(&kept), Arc::clone(&quiet));
                std::thread::spawn(move || take(stream, &kept, &quiet));
            }
        });
        Receiver { address, got, silent }
    }

    /// Number and code of each event that came.
    fn told(&self) -> Vec<(String, String)> {
        let bundles = self.got.lock().unwrap().clone();
        let parameters = bundles
            .iter()
            .flat_map(|bundle| bundle["entry"][0]["resource"]["parameter"].as_array().cloned().unwrap_or_default());
        let events = parameters.filter(|one| one["name"] == "notification-event");
        events
            .map(|event| {
                let part = |name: &str| {
                    let all = event["part"].as_array().unwrap();
                    all.iter().find(|part| part["name"] == name).cloned().unwrap_or_default()
                };
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                (text(&part("event-number")["valueString"]), text(&part("event")["valueCode"]))
            })
            .collect()
    }

    fn until(&self, expected: &[(&str, &str)]) {
        let begun = Instant::now();
        loop {
            let told = self.told();
            let told: Vec<(&str, &str)> = told.iter().map(|(number, code)| (number.as_str(), code.as_str())).collect();
            if told == expected {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(40), "{told:?}, not {expected:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Now, as a hospital writes it, some minutes ago. News is what happened of late.
fn minutes_ago(minutes: u32) -> &'static str {
    let mut date = Command::new("date");
    date.env("TZ", "Europe/London").args(["-d", &format!("{minutes} minutes ago"), "+%Y%m%d%H%M%S"]);
    String::from_utf8(date.output().unwrap().stdout).unwrap().trim().to_owned().leak()
}

#[test]
fn a_kill_while_a_system_is_told_loses_nothing_and_repeats_the_same_number() {
    let receiver = Receiver::start();
    let more = "\n[outgoing]\nsubscription_hosts = [\"127.0.0.1\"]\n".to_owned();
    let mut region = Region::start_with(Setup { more, ..Setup::default() });
    let url = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-payload-content";
    let subscription = json!({"resourceType": "Subscription", "status": "requested", "reason": "Everybody's stays",
        "criteria": "https://skein.example/fhir/SubscriptionTopic/admissions",
        "channel": {"type": "rest-hook", "endpoint": format!("http://{}/hook", receiver.address),
            "payload": "application/fhir+json", "_payload": {"extension": [{"url": url, "valueCode": "id-only"}]}}});
    let body = subscription.to_string();
    let made = region.fhir(READER_TOKEN, "POST", "/Subscription", body.as_bytes()).expect(201).json();
    let path = format!("/Subscription/{}", made["id"].as_str().unwrap());
    let stay = |event, at| Adt::new(event, "1001", at).traced("9434765919").visit("V1", "OBS1").bytes();
    region.sender("rcb-adt").send(&stay("A01", minutes_ago(30)));
    receiver.until(&[("1", "admitted")]);
    // It is killed while it waits for an answer.
    receiver.silent.store(true, Ordering::Relaxed);
    let moved = Adt::new("A02", "1001", minutes_ago(20)).traced("9434765919").visit("V1", "OBS2").bytes();
    region.sender("rcb-adt").send(&moved);
    receiver.until(&[("1", "admitted"), ("2", "moved")]);
    region.kill();
    receiver.silent.store(false, Ordering::Relaxed);
    region.serve();
    receiver.until(&[("1", "admitted"), ("2", "moved"), ("2", "moved")]);
    assert_eq!(region.read(&path)["status"], "active");
    let health = http::request(region.http(), "GET", "/health", &[], b"").expect(200).json();
    assert_eq!(health["subscriptions"], json!({"active": 1, "tried_in_vain": 0, "failed": 0}));
    let events = region.read(&format!("{path}/$events?eventsSinceNumber=2"));
    assert_eq!(events["type"], "history");
    assert!(region.stop().success());
    let log = region.log();
    assert!(!log.contains("9434765919") && !log.contains("OBS2") && !log.contains("BAXTER"), "{log}");
    let (whole, told, said) = region.skein(&["audit", "verify"]);
    assert!(whole, "{told}{said}");
}
