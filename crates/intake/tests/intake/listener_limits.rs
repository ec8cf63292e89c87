//! A limit on everything.

use crate::support::feed::{Client, Feed, adt, config};
use hl7v2::ack::Code;
use intake::listener::ListenerConfig;
use std::time::{Duration, Instant};

const SHORT: Duration = Duration::from_millis(200);

#[tokio::test]
async fn a_silent_connection_is_closed() {
    let feed = Feed::start(ListenerConfig { idle_max: SHORT, ..config() }).await;
    let mut client = feed.client().await;
    assert_eq!(client.ask(adt(1)).await.0, Code::AA);
    let start = Instant::now();
    assert_eq!(client.answer().await, None);
    assert!(start.elapsed() >= SHORT / 2);
    assert_eq!((feed.counts().timed_out, feed.counts().torn), (1, 0));
}

#[tokio::test]
async fn a_message_that_drips_in_is_cut_off() {
    let feed = Feed::start(ListenerConfig { frame_time_max: 2 * SHORT, ..config() }).await;
    let mut client = feed.client().await;
    let start = Instant::now();
    let frame = hl7v2::mllp::encode(adt(1).as_bytes());
    for byte in frame.iter().cycle() {
        use tokio::io::AsyncWriteExt;
        // Never silent for long, never whole.
        if client.stream.write_all(&[*byte & 0x7F | 0x20]).await.is_err() || start.elapsed() > 50 * SHORT {
            break;
        }
        if start.elapsed() < SHORT / 4 {
            client.write(&[0x0B]).await;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let counts = feed.until(|c| c.timed_out == 1).await;
    assert_eq!((counts.messages, counts.torn), (0, 1));
    assert!(start.elapsed() < 50 * SHORT, "{:?}", start.elapsed());
}

#[tokio::test]
async fn one_connection_too_many_waits_its_turn() {
    let feed = Feed::start(ListenerConfig { connections_max: 2, ..config() }).await;
    let (mut a, mut b) = (feed.client().await, feed.client().await);
    assert_eq!((a.ask(adt(1)).await.0, b.ask(adt(2)).await.0), (Code::AA, Code::AA));
    let mut c = feed.client().await;
    c.send(adt(3)).await;
    let early = tokio::time::timeout(SHORT, c.answer()).await;
    assert!(early.is_err(), "answered while two others were connected");
    assert_eq!(feed.counts().connections_now, 2);
    assert!(feed.counts().connections_full >= 1);
    drop(a);
    assert_eq!(c.reply().await.control_id, "3");
    drop(b);
}

#[tokio::test]
async fn a_message_above_the_limit_is_refused_by_name_and_the_connection_goes_on() {
    let feed = Feed::start(ListenerConfig { frame_bytes_max: 1000, ..config() }).await;
    let mut client = feed.client().await;
    client.send(format!("{}OBX|1|TX|||{}\r", adt(1), "x".repeat(2000))).await;
    let reply = client.reply().await;
    assert_eq!((reply.code, reply.control_id.as_str()), (Code::AR, "1"));
    assert!(reply.text.contains("this feed takes 1000"), "{}", reply.text);
    assert_eq!(client.ask(adt(2)).await.0, Code::AA);
    assert_eq!((feed.counts().too_large, feed.shelf.kept().len()), (1, 1));
    // Far above: not even skipped to its end.
    let endless = vec![b'x'; 200_000];
    use tokio::io::AsyncWriteExt;
    drop(client.stream.write_all(&[&[0x0B], &endless[..]].concat()).await);
    assert_eq!(client.answer().await, None);
    assert_eq!(feed.counts().too_large, 2);
}

#[tokio::test]
async fn a_sender_that_takes_no_answers_is_let_go() {
    let feed = Feed::start(ListenerConfig { answer_time_max: SHORT, in_flight_max: 4, ..config() }).await;
    let mut client = Client::narrow(feed.address).await;
    let wide = adt("x".repeat(1000)).replace("PAS", &"y".repeat(1000)).replace("RCB", &"z".repeat(1000));
    let frame = hl7v2::mllp::encode(wide.as_bytes());
    let pour = async {
        use tokio::io::AsyncWriteExt;
        while client.stream.write_all(&frame).await.is_ok() {}
    };
    tokio::time::timeout(Duration::from_secs(30), pour).await.expect("it would take for ever");
    assert_eq!(feed.until(|c| c.connections_now == 0).await.stuck, 1);
    let mut next = feed.client().await;
    assert_eq!(next.ask(adt(2)).await.0, Code::AA);
}

#[tokio::test]
async fn something_that_does_not_speak_mllp_is_hung_up_on() {
    let feed = Feed::start(config()).await;
    let mut client = feed.client().await;
    client.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(client.ask(adt(1)).await.0, Code::AA, "a little noise does no harm");
    use tokio::io::AsyncWriteExt;
    let noise = vec![b'n'; 100_000];
    while client.stream.write_all(&noise).await.is_ok() {}
    let counts = feed.until(|c| c.connections_now == 0).await;
    assert!(counts.noise_bytes > 256 * 1024 && counts.noise_bytes < 10 << 20, "{}", counts.noise_bytes);
}

#[tokio::test]
async fn only_a_few_half_messages_may_be_large() {
    let feed = Feed::start(ListenerConfig { frame_bytes_max: 4 << 20, ..config() }).await;
    let mut clients = Vec::new();
    let half = [&[0x0B][..], adt(1).as_bytes(), &vec![b'x'; 2 << 20]].concat();
    let mut pouring = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let mut client = feed.client().await;
        let half = half.clone();
        pouring.spawn(async move {
            use tokio::io::AsyncWriteExt;
            let all = client.stream.write_all(&half).await;
            (client, all.is_ok())
        });
    }
    // Those that hold a place can finish, and the next take theirs: all come through in the end.
    while let Some(poured) = pouring.join_next().await {
        let (mut client, all) = poured.unwrap();
        assert!(all);
        client.write(b"\x1c\r").await;
        clients.push(client);
    }
    for client in &mut clients {
        assert_eq!(client.reply().await.code, Code::AE);
    }
    assert_eq!(feed.counts().connections_now, 10);
}
