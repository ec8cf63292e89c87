//! Senders that keep a region busy and remember what was answered. What got no answer they send again, as senders do.

use super::region::{Region, TOKEN};
use crate::failure::{Failure, Outcome};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::{
    collections::BTreeSet,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    num::NonZeroU32,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// Connections that send HL7 v2 at once.
const MLLP_SENDERS: u64 = 4;
/// With the one that sends FHIR.
const SENDERS: u32 = 5;
/// Where their rate is bounded, so many messages at most come at once, before a pause.
const BURST_MOST: u32 = 40;
/// How soon a sender in a pause hears that it is to stop.
const PAUSE: Duration = Duration::from_millis(20);
/// Patients of each.
const PATIENTS: u64 = 12;
const ANSWER_SECONDS_MAX: u64 = 30;

/// What every message carries, with its number behind it.
pub const MARK: &str = "SKT-";

/// All senders.
pub struct Senders {
    next: Arc<AtomicU64>,
    acknowledged: Arc<Mutex<BTreeSet<u64>>>,
    /// Messages a second of all of them together, at most.
    rate: Option<NonZeroU32>,
    /// Of each MLLP sender, what got no answer.
    unanswered: Vec<Vec<(u64, Vec<u8>)>>,
    random: Vec<ChaCha8Rng>,
}

/// What a sender gives back: what got no answer, and its dice.
type Left = (Vec<(u64, Vec<u8>)>, ChaCha8Rng);

/// Senders at work.
pub struct Working {
    /// Told to stop: not every process they send to is gone.
    stop: Arc<AtomicBool>,
    mllp: Vec<JoinHandle<Left>>,
    fhir: JoinHandle<()>,
}

impl Senders {
    /// None has sent anything. `rate`: messages a second of all of them together, at most; None: as many as are answered.
    pub fn new(seed: u64, rate: Option<NonZeroU32>) -> Self {
        let random = (0..MLLP_SENDERS).map(|sender| ChaCha8Rng::seed_from_u64(seed ^ (sender + 1) << 32)).collect();
        Senders {
            next: Arc::new(AtomicU64::new(1)),
            acknowledged: Arc::default(),
            rate,
            unanswered: vec![Vec::new(); usize::try_from(MLLP_SENDERS).unwrap_or(0)],
            random,
        }
    }

    /// How many messages were acknowledged.
    pub fn acknowledged(&self) -> u64 {
        self.numbers(|numbers| numbers.len() as u64)
    }

    /// Their numbers.
    pub fn numbers<T>(&self, with: impl FnOnce(&BTreeSet<u64>) -> T) -> T {
        with(&self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Send until the process that each sends to is gone, or they are taken back.
    pub fn start(&mut self, region: &Region) -> Outcome<Working> {
        let to = region.addresses()?;
        let stop = Arc::new(AtomicBool::new(false));
        let mut processes = to.iter().cycle();
        let (_, http) = *to.first().ok_or_else(|| Failure::found("the region is not served"))?;
        let mut mllp = Vec::new();
        let dice = std::mem::take(&mut self.random);
        let unanswered = std::mem::take(&mut self.unanswered);
        for (sender, (random, again)) in (0..).zip(dice.into_iter().zip(unanswered)) {
            let Some((feed, _)) = processes.next().copied() else { break };
            let told = self.told(&stop);
            mllp.push(std::thread::spawn(move || send_mllp(feed, sender, random, again, &told)));
        }
        let told = self.told(&stop);
        let fhir = std::thread::spawn(move || send_fhir(http, &told));
        Ok(Working { stop, mllp, fhir })
    }

    fn told(&self, stop: &Arc<AtomicBool>) -> Told {
        Told {
            next: self.next.clone(),
            acknowledged: self.acknowledged.clone(),
            stop: stop.clone(),
            // Each has its share: those that send HL7 v2, and the one that sends FHIR.
            each: self.rate.map(|rate| f64::from(rate.get()) / f64::from(SENDERS)),
        }
    }

    /// Wait until they noticed that the region is gone, and take back what got no answer.
    pub fn take_back(&mut self, working: Working) -> Outcome {
        let ended = |_| Failure::found("a sender ended on its own");
        working.stop.store(true, Ordering::Release);
        for sender in working.mllp {
            let (unanswered, random) = sender.join().map_err(ended)?;
            self.unanswered.push(unanswered);
            self.random.push(random);
        }
        working.fhir.join().map_err(ended)
    }
}

/// What all senders know.
struct Told {
    next: Arc<AtomicU64>,
    acknowledged: Arc<Mutex<BTreeSet<u64>>>,
    stop: Arc<AtomicBool>,
    /// Messages a second of one sender, at most.
    each: Option<f64>,
}

/// When a sender rests: after bursts of any length, for as long as its rate asks, so that harm comes upon a busy region and a quiet one.
struct Pace {
    left: u32,
    burst: u32,
    random: ChaCha8Rng,
}

impl Pace {
    /// Of a sender that begins.
    fn new(seed: u64) -> Self {
        Pace { left: 0, burst: 0, random: ChaCha8Rng::seed_from_u64(seed) }
    }

    /// One message more.
    fn rest(&mut self, told: &Told) {
        let Some(each) = told.each else { return };
        self.left = self.left.saturating_sub(1);
        if self.left > 0 {
            return;
        }
        let until = Instant::now() + Duration::from_secs_f64(f64::from(self.burst) / each);
        while Instant::now() < until && !told.to_stop() {
            std::thread::sleep(PAUSE.min(until.saturating_duration_since(Instant::now())));
        }
        self.burst = self.random.random_range(1..=BURST_MOST);
        self.left = self.burst;
    }
}

impl Told {
    fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    fn note(&self, number: u64) {
        self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner).insert(number);
    }

    fn to_stop(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }
}

fn send_mllp(
    feed: SocketAddr,
    sender: u64,
    mut random: ChaCha8Rng,
    mut again: Vec<(u64, Vec<u8>)>,
    told: &Told,
) -> Left {
    let Ok(mut stream) = TcpStream::connect_timeout(&feed, Duration::from_secs(5)) else { return (again, random) };
    let limits = [stream.set_read_timeout(Some(Duration::from_secs(ANSWER_SECONDS_MAX))), stream.set_nodelay(true)];
    if limits.iter().any(std::result::Result::is_err) {
        return (again, random);
    }
    let mut pace = Pace::new(random.random());
    while !told.to_stop() {
        pace.rest(told);
        let (number, message) = again.pop().unwrap_or_else(|| {
            let number = told.number();
            (number, message(sender, number, &mut random))
        });
        match exchange(&mut stream, &message) {
            // AR and CR say that nothing was taken; the others that it was.
            Ok(answer) if answer.contains("MSA|AR") || answer.contains("MSA|CR") => again.push((number, message)),
            Ok(answer) if answer.contains(&format!("{MARK}{number:08}")) => told.note(number),
            _ => {
                again.push((number, message));
                return (again, random);
            }
        }
    }
    (again, random)
}

fn exchange(stream: &mut TcpStream, message: &[u8]) -> std::io::Result<String> {
    let mut frame = Vec::with_capacity(message.len() + 3);
    frame.push(0x0b);
    frame.extend_from_slice(message);
    frame.extend_from_slice(&[0x1c, 0x0d]);
    stream.write_all(&frame)?;
    let mut answer = Vec::new();
    let mut chunk = [0u8; 4096];
    while !answer.ends_with(&[0x1c, 0x0d]) {
        let count = stream.read(&mut chunk)?;
        if count == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        answer.extend_from_slice(chunk.get(..count).unwrap_or_default());
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Results mostly, demographics, merges, and now and then one that cannot be processed.
fn message(sender: u64, number: u64, random: &mut ChaCha8Rng) -> Vec<u8> {
    let mark = format!("{MARK}{number:08}");
    let at = format!("2025030112{:02}{:02}", number / 60 % 60, number % 60);
    let one = random.random_range(0..PATIENTS);
    let pid = |patient: u64| format!("PID|1||{sender}-{patient}^^^RXT^MR||TORTURED^ANN{patient}||19520314|2\r");
    let head = |kind: &str| format!("MSH|^~\\&|PAS|RXT|ROUTE|ROUTE|{at}||{kind}|{mark}|P|2.4\r");
    match random.random_range(0..20) {
        0..=12 => format!(
            "{}{}OBR|1|P{number}|{mark}|CRE^Creatinine^LOCAL|||{at}|||||||||||||||{at}|||F\r\
             OBX|1|NM|CRE^Creatinine^LOCAL||{}|umol/L|45-84|N|||F|||{at}\r",
            head("ORU^R01"),
            pid(one),
            40 + number % 60
        ),
        13..=16 => format!("{}EVN|A08|{at}\r{}PV1|1|N\r", head("ADT^A08"), pid(one)),
        17 => {
            let other = (one + 1) % PATIENTS;
            format!("{}EVN|A40|{at}\r{}MRG|{sender}-{other}^^^RXT^MR\r", head("ADT^A40"), pid(one))
        }
        18 => format!("{}EVN|A08|{at}\rPID|1||||NOBODY^AT ALL\rPV1|1|N\r", head("ADT^A08")),
        _ => format!(
            "{}EVN|A01|{at}\r{}PV1|1|I|W1^B{one}^1^RXT||||||||||||||||V{number}|||||||||||||||||||||||||{at}\r",
            head("ADT^A01"),
            pid(one)
        ),
    }
    .into_bytes()
}

/// Bundles of a practice. One that got no answer is not sent again: it would be another.
fn send_fhir(http: SocketAddr, told: &Told) {
    let mut pace = Pace::new(told.number());
    while !told.to_stop() {
        pace.rest(told);
        let number = told.number();
        let mark = format!("{MARK}{number:08}");
        let patient = number % PATIENTS;
        let bundle = serde_json::json!({"resourceType": "Bundle", "type": "transaction", "entry": [
            {"request": {"method": "PUT", "url": format!("Patient/p{patient}")},
             "resource": {"resourceType": "Patient", "id": format!("p{patient}"), "birthDate": "1952-03-14",
                "name": [{"family": "Tortured", "given": [format!("Bob{patient}")]}]}},
            {"request": {"method": "PUT", "url": format!("Condition/c{number}")},
             "resource": {"resourceType": "Condition", "id": format!("c{number}"),
                "subject": {"reference": format!("Patient/p{patient}")}, "code": {"text": mark}}}]});
        match request(http, "POST", "/fhir", Some(TOKEN), bundle.to_string().as_bytes()) {
            Ok((200..=299, _)) => told.note(number),
            Ok(_) => std::thread::sleep(Duration::from_millis(20)),
            Err(_) => return,
        }
    }
}

/// One request, and its whole answer.
pub fn request(
    http: SocketAddr,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: &[u8],
) -> std::io::Result<(u16, Vec<u8>)> {
    let mut stream = TcpStream::connect_timeout(&http, Duration::from_secs(5))?;
    stream.set_read_timeout(Some(Duration::from_secs(ANSWER_SECONDS_MAX)))?;
    let authorization = token.map_or_else(String::new, |token| format!("Authorization: Bearer {token}\r\n"));
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {http}\r\nConnection: close\r\n{authorization}Content-Type: application/fhir+json\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let cut = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").ok_or_else(cut)?;
    let head = String::from_utf8_lossy(answer.get(..end).unwrap_or_default()).into_owned();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(cut)?;
    Ok((status, answer.get(end + 4..).unwrap_or_default().to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_carries_its_number_once() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        for number in 1..200 {
            let text = String::from_utf8(message(1, number, &mut random)).expect("text");
            assert_eq!(super::super::tally::number_of(text.as_bytes()), Some(number), "{text}");
        }
    }
}
