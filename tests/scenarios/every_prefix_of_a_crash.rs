//! The process is killed at random moments while senders keep it busy. What was acknowledged is there, once.

use crate::harness::{Region, mllp::Sender, say};
use rand::{RngExt, SeedableRng};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

const SENDERS: u64 = 4;

crate::harness::on_both!(every_prefix_of_a_crash);

/// Ten crashes; `SKEIN_CRASHES=50` for more. After each, every sender sends again what got no answer, as senders do.
fn every_prefix_of_a_crash(mut region: Region) {
    let crashes: u32 = std::env::var("SKEIN_CRASHES").ok().map_or(10, |text| text.parse().unwrap());
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(20_250_301);
    let next = Arc::new(AtomicU64::new(1));
    let acknowledged: Arc<Mutex<BTreeMap<u64, u64>>> = Arc::default();
    let mut unanswered: Vec<Vec<u64>> = vec![Vec::new(); SENDERS as usize];
    for crash in 1..=crashes {
        let stop = Arc::new(AtomicBool::new(false));
        let senders: Vec<_> = (0..SENDERS)
            .map(|sender| {
                let (stop, next, acknowledged) = (stop.clone(), next.clone(), acknowledged.clone());
                let mut again = std::mem::take(&mut unanswered[sender as usize]);
                let address = region.feed("lab-oru");
                std::thread::spawn(move || {
                    let Ok(mut connection) = Sender::try_to(address) else { return again };
                    while !stop.load(Ordering::Relaxed) {
                        let number = again.pop().unwrap_or_else(|| next.fetch_add(1, Ordering::Relaxed));
                        match connection.try_send(&message(sender, number)) {
                            Ok(answer) => {
                                assert_eq!(answer.code(), "AA", "{answer:?}");
                                acknowledged.lock().unwrap().insert(number, sender);
                            }
                            Err(_) => {
                                again.push(number);
                                return again;
                            }
                        }
                    }
                    again
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(random.random_range(20..1500)));
        region.kill();
        stop.store(true, Ordering::Relaxed);
        for (sender, thread) in senders.into_iter().enumerate() {
            unanswered[sender] = thread.join().unwrap();
        }
        region.serve();
        check(&region, &acknowledged.lock().unwrap(), crash);
    }
    assert!(region.stop().success());
    let (same, told, said) = region.skein(&["verify"]);
    assert!(same, "{told}{said}");
    let total = acknowledged.lock().unwrap().len();
    assert!(total as u32 > crashes, "only {total} messages went through");
}

/// Order number `number` of patient `sender`.
fn message(sender: u64, number: u64) -> Vec<u8> {
    say::result(
        &format!("C{number}"),
        "20250301120000",
        &format!("P{sender}"),
        &format!("F{number}"),
        &format!("{}", 40 + number % 60),
        'F',
    )
}

fn check(region: &Region, acknowledged: &BTreeMap<u64, u64>, crash: u32) {
    region.until_caught_up();
    let mut found: BTreeMap<u64, u32> = BTreeMap::new();
    for sender in 0..SENDERS {
        let people = region.read(&format!("/Patient?identifier=P{sender}"));
        let Some(id) = people["entry"][0]["resource"]["id"].as_str() else { continue };
        for report in region.read_all(&format!("/DiagnosticReport?patient={id}&_count=500")) {
            let numbers = report["identifier"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|identifier| identifier["value"].as_str());
            let number = numbers.filter_map(|value| value.strip_prefix('F')?.parse::<u64>().ok()).next();
            *found.entry(number.expect("a report has its filler's number")).or_default() += 1;
        }
    }
    for number in acknowledged.keys() {
        assert_eq!(found.get(number), Some(&1), "after crash {crash}, acknowledged message {number}");
    }
    assert!(found.values().all(|&times| times == 1), "after crash {crash}, nothing is there twice");
}
