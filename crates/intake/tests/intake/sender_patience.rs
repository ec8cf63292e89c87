//! The sender: windows, repeats, and giving up.

use crate::support::feed::{Client, Feed, adt, config};
use hl7v2::ack::Code;
use intake::sender::{SendError, Sender, SenderConfig, send_all};
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

fn to(address: impl ToString) -> SenderConfig {
    SenderConfig {
        pause_min: Duration::from_millis(20),
        answer_time_max: Duration::from_secs(5),
        ..SenderConfig::new(address.to_string())
    }
}

#[tokio::test]
async fn a_window_keeps_order_and_hides_the_waiting() {
    let feed = Feed::start(config()).await;
    feed.shelf.slow_ms.store(20, SeqCst);
    let sender = Sender::start(SenderConfig { window: 50, ..to(feed.address) }).unwrap();
    let start = Instant::now();
    let mut seen = 0;
    let report = send_all(&sender, 50, (0..200).map(adt), |outcome| {
        assert_eq!(outcome.as_ref().unwrap().code, Some(Code::AA));
        seen += 1;
    })
    .await;
    assert_eq!((report.accepted, report.refused, report.failed, seen), (200, 0, 0, 200));
    assert!(start.elapsed() < Duration::from_secs(5), "one after another it takes 6 s: {:?}", start.elapsed());
    let median = report.latencies.percentile(50.0);
    assert!(median >= Duration::from_millis(20) && median <= report.latencies.max(), "{median:?}");
    let ids: Vec<_> = feed.shelf.kept().into_iter().map(|d| d.ident).collect();
    assert_eq!(ids, (0..200).map(|n| format!("PAS|RCB|{n}")).collect::<Vec<_>>());
    assert_eq!(feed.counts().connections, 1);
}

#[tokio::test]
async fn a_refusal_is_an_answer_and_silence_may_be_wanted() {
    let feed = Feed::start(config()).await;
    let sender = Sender::start(to(feed.address)).unwrap();
    let refused = sender.send(b"MSH|^~\\&|PAS\r").await.unwrap();
    assert_eq!((refused.code, refused.is_accepted()), (Some(Code::AR), false));
    assert!(refused.text.contains("MSH-9"), "{}", refused.text);
    let silent = format!("{}|||NE|NE\r", adt(1).split('\r').next().unwrap());
    let none = sender.send(silent.as_bytes()).await.unwrap();
    assert_eq!((none.code, none.is_accepted()), (None, true));
    assert_eq!(sender.send(adt(2).as_bytes()).await.unwrap().code, Some(Code::AA));
}

#[tokio::test]
async fn both_acknowledgements_are_read_as_one_answer() {
    let feed = Feed::start(config()).await;
    let both = |id: u32| format!("{}|||AL|AL\rPID|1\r", adt(id).split('\r').next().unwrap());
    let wait = Duration::from_millis(300);
    let sender = Sender::start(SenderConfig { application_time_max: wait, ..to(feed.address) }).unwrap();
    // It stays out: the message is safe all the same.
    let safe = sender.send(both(1).as_bytes()).await.unwrap();
    assert_eq!((safe.code, safe.application.as_ref(), safe.is_accepted()), (Some(Code::CA), None, true));
    feed.shelf.becomes.lock().unwrap().insert(2, intake::Applied::Waits(Vec::new()));
    feed.shelf.processed.send_replace(10);
    // What is still owed for the first is not taken for the second's.
    let waits = sender.send(both(2).as_bytes()).await.unwrap();
    assert_eq!(waits.application.as_ref().map(|later| later.code), Some(Code::AE));
    assert!(!waits.is_accepted());
    let done = sender.send(both(3).as_bytes()).await.unwrap();
    assert_eq!((done.application.map(|later| later.code), done.code), (Some(Code::AA), Some(Code::CA)));
    // Whoever does not wait for them is not disturbed by them.
    let hasty = Sender::start(to(feed.address)).unwrap();
    for id in 4..8 {
        assert_eq!(hasty.send(both(id).as_bytes()).await.unwrap().code, Some(Code::CA));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!((feed.counts().connections, feed.shelf.kept().len()), (2, 7));
}

/// A listener by hand, to misbehave.
async fn socket() -> (TcpListener, String) {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap().to_string();
    (socket, address)
}

async fn accept(socket: &TcpListener) -> Client {
    Client::new(socket.accept().await.unwrap().0)
}

fn aa(id: u32) -> String {
    format!("MSH|^~\\&|X||||||ACK|1|P|2.4\rMSA|AA|{id}\r")
}

#[tokio::test]
async fn a_broken_connection_is_made_again_and_what_is_unanswered_is_sent_again_in_order() {
    let (socket, address) = socket().await;
    let sender = Sender::start(SenderConfig { window: 3, ..to(address) }).unwrap();
    let sending = tokio::spawn(async move { send_all(&sender, 3, (1..=3).map(adt), |_| {}).await });
    let mut first = accept(&socket).await;
    for _ in 1..=3 {
        first.answer().await.unwrap();
    }
    first.send(aa(1)).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    drop(first);
    let mut second = accept(&socket).await;
    for n in 2..=3 {
        let message = second.answer().await.unwrap();
        assert_eq!(hl7v2::parse(&message).message.unwrap().header().control_id, n.to_string());
    }
    // Answers out of turn, one of them to a message that has its answer, find their messages.
    for n in [1, 3, 2] {
        second.send(aa(n)).await;
    }
    let report = sending.await.unwrap();
    assert_eq!((report.accepted, report.failed), (3, 0));
}

#[tokio::test]
async fn no_answer_is_given_up_after_the_retries_and_the_next_message_goes_on() {
    let (socket, address) = socket().await;
    let config = SenderConfig { retries: 2, answer_time_max: Duration::from_millis(300), window: 2, ..to(address) };
    let sender = Sender::start(config).unwrap();
    let sending = tokio::spawn(async move {
        let mut outcomes = Vec::new();
        let report = send_all(&sender, 2, (1..=2).map(adt), |o| outcomes.push(o.clone())).await;
        (report, outcomes)
    });
    let mut connections = 0;
    loop {
        let mut client = accept(&socket).await;
        connections += 1;
        let first = client.answer().await.unwrap();
        if hl7v2::parse(&first).message.unwrap().header().control_id == "2" {
            client.send(aa(2)).await;
            break;
        }
        tokio::spawn(async move { while client.answer().await.is_some() {} });
    }
    assert_eq!(connections, 4, "three tries for the first");
    let (report, outcomes) = sending.await.unwrap();
    assert_eq!((report.accepted, report.failed), (1, 1));
    assert!(matches!(&outcomes[0], Err(SendError::Unanswered { why, .. }) if why.contains("too long")), "{outcomes:?}");
}

#[tokio::test]
async fn nobody_there_is_said_in_one_line() {
    let (socket, address) = socket().await;
    drop(socket);
    let sender = Sender::start(SenderConfig { retries: 1, ..to(&address) }).unwrap();
    let error = sender.send(adt(1).as_bytes()).await.unwrap_err();
    assert!(error.to_string().starts_with(&format!("no connection to {address}: ")), "{error}");
}

#[tokio::test]
async fn an_answer_that_is_none_is_not_taken_for_one() {
    let (socket, address) = socket().await;
    let sender = Sender::start(SenderConfig { retries: 0, ..to(address) }).unwrap();
    let sending = tokio::spawn(async move { sender.send(adt(1).as_bytes()).await });
    let mut client = accept(&socket).await;
    client.answer().await.unwrap();
    client.send("hello").await;
    let error = sending.await.unwrap().unwrap_err();
    assert!(error.to_string().contains("not an acknowledgement"), "{error}");
}
