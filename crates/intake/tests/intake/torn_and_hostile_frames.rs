//! Scenario: everything that can come over a wire comes. Nothing panics, everything is answered or closed cleanly, and
//! memory stays bounded.

use crate::support::feed::{Client, Feed, PATIENCE, adt, config};
use crate::support::real_messages;
use hl7v2::ack::Code;
use hl7v2::mllp::{Decoder, Event, encode};
use intake::answer::{Rules, decide, too_large};
use intake::listener::ListenerConfig;
use jiff::Timestamp;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Small and repeatable (xorshift64*).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() >> 11).unwrap() % n.max(1)
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// Pieces that mean something to a reader.
const TOKENS: &[&[u8]] = &[
    b"|",
    b"^",
    b"~",
    b"\\",
    b"&",
    b"\r",
    b"\n",
    b"\r\n",
    b"\0",
    b"\x0b",
    b"\x1c",
    b"\x1c\r",
    b"\x0bMSH|",
    b"\"\"",
    b"\\X",
    b"\\XFF\\",
    b"\\.sp99999999\\",
    b"\\.br\\",
    b"MSH",
    b"MSH|^~\\&|",
    b"\rMSH|^~\\&#|",
    b"\rBTS|99999",
    b"FHS|",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"UNICODE UTF-16",
    b"8859/1",
    b"\xe9",
    b"\xf0\x9f\x92\x89",
    b"20260231",
    b"-1",
    b"99999999999999999999",
    b"|||||||||||||||||",
];

/// One to six wounds.
fn mutate(bytes: &mut Vec<u8>, seeds: &[Vec<u8>], chance: &mut Chance) {
    for _ in 0..=chance.below(6) {
        let at = chance.below(bytes.len() + 1);
        let len = (chance.below(64) * chance.below(2)).min(bytes.len() - at);
        match chance.below(10) {
            0 | 1 if at < bytes.len() => bytes[at] = (chance.next() & 0xFF) as u8,
            2 if at < bytes.len() => bytes[at] ^= 1 << chance.below(8),
            3 => drop(bytes.drain(at..at + len)),
            4 => bytes.truncate(at),
            5 => {
                let again = bytes[at..at + len].to_vec();
                bytes.splice(at..at, again);
            }
            6 => {
                let other = chance.of(seeds);
                let from = chance.below(other.len());
                let to = (from + chance.below(200)).min(other.len());
                bytes.splice(at..at, other[from..to].iter().copied());
            }
            7 => drop(bytes.splice(at..at, vec![(chance.next() & 0xFF) as u8; len])),
            _ => drop(bytes.splice(at..at, chance.of(TOKENS).iter().copied())),
        }
    }
}

/// Small real messages, CR line ends; and the large ones now and then.
fn seeds() -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let mut all: Vec<Vec<u8>> = real_messages().into_iter().map(|(_, bytes)| bytes).collect();
    all.push(adt(1).into_bytes());
    all.push(format!("BHS|^~\\&|\r{}{}BTS|2\r", adt(1), adt(2)).into_bytes());
    all.into_iter().partition(|bytes| bytes.len() < 4000)
}

/// The answer to a frame, checked to be one.
fn answered(frame: &[u8], rules: Rules) -> Option<Code> {
    let parsed = hl7v2::parse(frame);
    let decision = decide(&parsed, frame, rules, "R1", Timestamp::UNIX_EPOCH);
    assert!(!decision.ident.is_empty() && decision.ident.len() < 3100);
    let answer = decision.answer?;
    assert!(answer.len() < 64 * 1024);
    let mut one = Decoder::new(1 << 20);
    one.feed(&encode(&answer));
    let Event::Frame(_) = one.next_event() else { panic!("the answer does not fit into a frame: {answer:?}") };
    // Where the sender's own separators are nonsense, so is what the answer can say with them.
    if let Some(message) = hl7v2::parse(&answer).message
        && parsed.message.as_ref().is_none_or(|m| !m.text().contains("MSA"))
        && !parsed.has(hl7v2::NoteCode::SeparatorsClash)
    {
        assert!(message.segments().len() >= 2, "{:?}", String::from_utf8_lossy(&answer));
    }
    decision.code
}

#[test]
fn a_hundred_thousand_mutated_messages_are_all_answered() {
    let (small, large) = seeds();
    let mut chance = Chance(0x5EED);
    let limit = 6000;
    let mut decoder = Decoder::new(limit);
    let (mut sent, mut frames, mut positive, mut refused, mut torn, mut oversized) = (0, 0, 0, 0, 0, 0);
    while sent < 100_000 {
        let mut stream = Vec::new();
        for _ in 0..10 {
            let seed = if chance.below(40) == 0 { chance.of(&large) } else { chance.of(&small) };
            let mut bytes = seed.clone();
            // Half are wounded before they are framed, half after.
            if chance.below(2) == 0 {
                mutate(&mut bytes, &small, &mut chance);
                stream.extend_from_slice(&encode(&bytes));
            } else {
                let mut frame = encode(&bytes);
                mutate(&mut frame, &small, &mut chance);
                stream.extend_from_slice(&frame);
            }
            sent += 1;
        }
        let mut rest = &stream[..];
        while !rest.is_empty() {
            let (now, later) = rest.split_at((1 + chance.below(4000)).min(rest.len()));
            rest = later;
            decoder.feed(now);
            loop {
                match decoder.next_event() {
                    Event::NeedMore => break,
                    Event::Frame(frame) => {
                        frames += 1;
                        match answered(&frame, Rules::default()) {
                            Some(code) if code.is_positive() => positive += 1,
                            Some(_) => refused += 1,
                            None => {}
                        }
                    }
                    Event::TooLarge { head, bytes } => {
                        oversized += 1;
                        assert!(bytes > limit as u64);
                        drop(too_large(&head, bytes, limit, Rules::default(), "R1", Timestamp::UNIX_EPOCH));
                    }
                    Event::Torn { .. } => torn += 1,
                    Event::Noise { .. } => {}
                }
            }
            assert!(decoder.held() < 256 * 1024, "{} bytes held", decoder.held());
        }
    }
    println!(
        "{sent} sent: {frames} frames, {positive} accepted, {refused} refused, {torn} torn, {oversized} too large"
    );
    // The mutations reach every branch.
    for n in [frames - 50_000, positive - 10_000, refused - 10_000, torn - 100, oversized - 100] {
        assert!(n > 0);
    }
}

#[tokio::test]
async fn mutated_messages_over_a_socket_get_an_answer_or_a_clean_close() {
    let feed =
        Feed::start(ListenerConfig { frame_bytes_max: 64 * 1024, idle_max: Duration::from_secs(5), ..config() }).await;
    let (small, _) = seeds();
    let mut chance = Chance(0xF00D);
    let mut client = feed.client().await;
    // Whole frames: each has its answer, on one connection.
    for _ in 0..2000 {
        let mut bytes = chance.of(&small).clone();
        mutate(&mut bytes, &small, &mut chance);
        bytes.retain(|b| !matches!(b, 0x0B | 0x1C));
        let batch = hl7v2::batch::is_batch(&bytes);
        let wanted = batch
            || decide(&hl7v2::parse(&bytes), &bytes, Rules::default(), "", Timestamp::UNIX_EPOCH).answer.is_some();
        client.send(&bytes).await;
        if wanted {
            assert!(client.answer().await.is_some());
        } else {
            client.send("x").await;
            assert!(client.answer().await.is_some());
        }
    }
    drop(client);
    // Torn frames: whatever was whole is answered, then the connection closes.
    for _ in 0..400 {
        let mut client = feed.client().await;
        let mut stream = Vec::new();
        for _ in 0..3 {
            stream.extend_from_slice(&encode(chance.of(&small).as_slice()));
        }
        mutate(&mut stream, &small, &mut chance);
        if client.stream.write_all(&stream).await.is_ok() {
            drop(client.stream.shutdown().await);
        }
        let mut answers = Vec::new();
        let closed = tokio::time::timeout(PATIENCE, client.stream.read_to_end(&mut answers)).await;
        assert!(closed.is_ok(), "neither answered nor closed");
    }
    feed.until(|c| c.connections_now == 0).await;
    let mut client = feed.client().await;
    assert_eq!(client.ask(adt("last")).await, (Code::AA, "last".to_owned()));
    feed.stopped().await;
}

/// The peak of this process's memory, in MB.
fn peak_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

async fn pour(client: &mut Client, bytes: usize) {
    let chunk = vec![b'x'; 64 * 1024];
    client.write(b"\x0b").await;
    client.write(adt("big").as_bytes()).await;
    client.write(b"OBX|1|ED|||").await;
    for _ in 0..bytes / chunk.len() {
        client.write(&chunk).await;
    }
    client.write(b"\r\x1c\r").await;
}

/// Runs in a process of its own, so that its memory is its own.
#[tokio::test]
#[ignore = "run by messages_of_seventy_megabytes_are_refused_without_being_held"]
async fn alone_with_seventy_megabytes() {
    let feed = Feed::start(ListenerConfig { frame_bytes_max: 8 << 20, ..config() }).await;
    let before = peak_mb();
    let mut clients = Vec::new();
    for _ in 0..8 {
        let mut client = feed.client().await;
        clients.push(tokio::spawn(async move {
            pour(&mut client, 70_000_000).await;
            let reply = client.reply().await;
            assert_eq!((reply.code, reply.control_id.as_str()), (Code::AR, "big"));
            assert_eq!(client.ask(adt("after")).await.0, Code::AA);
        }));
    }
    for client in clients {
        client.await.unwrap();
    }
    // Many who begin and never end.
    let mut waiting = Vec::new();
    for _ in 0..40 {
        let mut client = feed.client().await;
        client.write(&[&[0x0B][..], &vec![b'x'; 500_000]].concat()).await;
        waiting.push(client);
    }
    let mut client = feed.client().await;
    assert_eq!(client.ask(adt("last")).await.0, Code::AA);
    let peak = peak_mb() - before;
    println!("peak memory above the start: {peak} MB");
    assert!(peak < 160, "{peak} MB");
}

#[test]
fn messages_of_seventy_megabytes_are_refused_without_being_held() {
    let out = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", "torn_and_hostile_frames::alone_with_seventy_megabytes"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success() && text.contains("1 passed"), "{text}{}", String::from_utf8_lossy(&out.stderr));
    println!("{}", text.lines().find(|l| l.contains("peak memory")).unwrap_or(""));
}
