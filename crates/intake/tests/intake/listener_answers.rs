//! What a sender gets back.

use crate::support::feed::{Feed, adt, config};
use crate::support::real_messages;
use hl7v2::ack::{Code, Mode};
use intake::answer::{Application, Rules, decide};
use intake::{Applied, Finding, Severity};
use std::sync::atomic::Ordering::SeqCst;
use tokio::io::AsyncWriteExt;

#[tokio::test]
async fn a_message_is_answered_once_it_is_stored_byte_for_byte() {
    let feed = Feed::start(config()).await;
    let mut client = feed.client().await;
    assert_eq!(client.ask(adt(7)).await, (Code::AA, "7".to_owned()));
    let kept = &feed.shelf.kept()[0];
    assert_eq!(kept.body, adt(7).into_bytes());
    assert_eq!(
        (&*kept.source, &*kept.feed, kept.ident.as_str(), kept.readable),
        ("riverside", "pas", "PAS|RCB|7", true)
    );
    let counts = feed.counts();
    assert_eq!((counts.messages, counts.accepted, counts.refused, counts.connections_now), (1, 1, 0, 1));
    assert_eq!(counts.last_message, Some(kept.received));
    drop(client);
    feed.until(|c| c.connections_now == 0).await;
    feed.stopped().await;
}

#[tokio::test]
async fn every_real_message_is_stored_and_answered() {
    let feed = Feed::start(config()).await;
    feed.shelf.processed.send_replace(u64::MAX);
    let mut client = feed.client().await;
    for (name, bytes) in real_messages() {
        client.send(&bytes).await;
        let decided = decide(&hl7v2::parse(&bytes), &bytes, Rules::default(), "", jiff::Timestamp::UNIX_EPOCH);
        assert_eq!(decided.readable, !name.starts_with("ORU_DHCW"), "{name}");
        let told = decided.afterwards.tells(hl7v2::ack::Outcome::Accepted);
        let silent = decided.code.is_none() && !told;
        assert_eq!(silent, name == "ADT-A40-01.hl7", "it alone says NE in MSH-15 and MSH-16: {name}");
        if let Some(code) = decided.code {
            assert_eq!(code.is_positive(), decided.readable, "{name}");
            assert_eq!(client.reply().await.code, code, "{name}");
        }
        if told {
            assert_eq!(client.reply().await.code, Code::AA, "{name}");
        }
    }
    let kept = feed.shelf.bodies();
    for (name, bytes) in real_messages() {
        assert!(kept.contains(&bytes), "{name}");
    }
}

#[tokio::test]
async fn twice_is_once_and_gets_the_stored_answer() {
    let feed = Feed::start(config()).await;
    let mut client = feed.client().await;
    client.send(adt(7)).await;
    let first = client.answer().await;
    let mut other = feed.client().await;
    other.send(adt(7)).await;
    assert_eq!(other.answer().await, first, "also on another connection");
    assert_eq!(feed.shelf.kept().len(), 1);
    assert_eq!(feed.counts().repeats, 1);
    // Same id, other bytes: another message.
    other.send(adt(7).replace("ANN", "ANNE")).await;
    assert_ne!(other.answer().await, first);
    assert_eq!(feed.shelf.kept().len(), 2);
}

#[tokio::test]
async fn a_sender_that_does_not_wait_gets_its_answers_in_order() {
    let feed = Feed::start(intake::listener::ListenerConfig { in_flight_max: 8, ..config() }).await;
    feed.shelf.slow_ms.store(3, SeqCst);
    let mut client = feed.client().await;
    let stream: Vec<u8> = (0..200).flat_map(|n| hl7v2::mllp::encode(adt(n).as_bytes())).collect();
    client.write(&stream).await;
    for n in 0..200 {
        assert_eq!(client.reply().await.control_id, n.to_string());
    }
    let ids: Vec<_> = feed.shelf.kept().into_iter().map(|d| d.ident).collect();
    let expected: Vec<_> = (0..200).map(|n| format!("PAS|RCB|{n}")).collect();
    assert_eq!(ids, expected, "and they are stored in order");
}

#[tokio::test]
async fn unreadable_input_is_refused_and_stored_and_the_connection_goes_on() {
    let feed = Feed::start(config()).await;
    let mut client = feed.client().await;
    assert_eq!(client.ask("hello").await, (Code::AR, String::new()));
    assert_eq!(client.ask("").await, (Code::AR, String::new()));
    assert_eq!(client.ask("MSH|^~\\&|PAS\rPID|1").await.0, Code::AR);
    assert_eq!(client.ask(format!("{}wrapped text\r", adt(8))).await, (Code::AE, "8".to_owned()));
    assert_eq!(client.ask(adt(9)).await, (Code::AA, "9".to_owned()));
    let kept = feed.shelf.kept();
    assert_eq!(kept.iter().map(|d| d.readable).collect::<Vec<_>>(), [false, false, false, false, true]);
    assert_eq!((feed.counts().refused, feed.counts().accepted), (4, 1));
}

#[tokio::test]
async fn acknowledgements_follow_the_message_or_the_feed() {
    let asking = |id: u32, accept: &str| format!("{}|||{accept}|NE\rPID|1\r", adt(id).split('\r').next().unwrap());
    let feed = Feed::start(config()).await;
    let mut client = feed.client().await;
    assert_eq!(client.ask(asking(1, "AL")).await, (Code::CA, "1".to_owned()));
    client.send(asking(2, "NE")).await;
    assert_eq!(client.ask(adt(3)).await, (Code::AA, "3".to_owned()), "the one before asked for no answer");
    assert_eq!((feed.shelf.kept().len(), feed.counts().unanswered), (3, 1));

    let rules = Rules { mode: Mode::Original, ..Rules::default() };
    let feed = Feed::start(intake::listener::ListenerConfig { rules, ..config() }).await;
    let mut client = feed.client().await;
    assert_eq!(client.ask(asking(2, "NE")).await, (Code::AA, "2".to_owned()));
}

/// A message that asks for acknowledgements in MSH-15 and MSH-16.
fn asking(id: u32, accept: &str, application: &str) -> String {
    format!("{}|||{accept}|{application}\rPID|1\r", adt(id).split('\r').next().unwrap())
}

fn waits(place: &str) -> Applied {
    Applied::Waits(vec![Finding {
        severity: Severity::Error,
        code: "patient-without-identifier".into(),
        place: place.into(),
        text: "no identifier".into(),
    }])
}

#[tokio::test]
async fn what_becomes_of_a_message_is_told_after_the_word_that_it_is_safe() {
    let feed = Feed::start(config()).await;
    let mut client = feed.client().await;
    client.send(asking(1, "AL", "AL")).await;
    client.send(asking(2, "AL", "AL")).await;
    // Neither waits for processing.
    for id in ["1", "2"] {
        let reply = client.reply().await;
        assert_eq!((reply.code, reply.control_id.as_str()), (Code::CA, id));
    }
    feed.shelf.becomes.lock().unwrap().insert(2, waits("PID-3"));
    feed.shelf.processed.send_replace(2);
    let first = client.answer().await.unwrap();
    let first = String::from_utf8(first).unwrap();
    assert!(first.starts_with("MSH|^~\\&|SKEIN|REG|PAS|RCB|") && first.contains("\rMSA|AA|1\r"), "{first}");
    let second = String::from_utf8(client.answer().await.unwrap()).unwrap();
    assert!(second.contains("\rMSA|AE|2|no identifier\rERR|PID^1^3^101&no identifier&HL70357\r"), "{second}");
    assert_eq!((feed.counts().accepted, feed.counts().processed_told), (2, 2));
    // A repeat gets the stored word that it is safe, and what became of it since.
    feed.shelf.becomes.lock().unwrap().clear();
    client.send(asking(2, "AL", "AL")).await;
    assert_eq!((client.reply().await.code, client.reply().await.code), (Code::CA, Code::AA));
}

#[tokio::test]
async fn what_becomes_of_a_message_is_told_under_the_condition_that_was_asked() {
    let feed = Feed::start(config()).await;
    feed.shelf.processed.send_replace(100);
    let mut client = feed.client().await;
    let mut pos = 0;
    for (accept, application, good, bad) in [
        ("AL", "AL", vec![Code::CA, Code::AA], vec![Code::CA, Code::AE]),
        ("AL", "ER", vec![Code::CA], vec![Code::CA, Code::AE]),
        ("AL", "SU", vec![Code::CA, Code::AA], vec![Code::CA]),
        ("AL", "NE", vec![Code::CA], vec![Code::CA]),
        ("ER", "AL", vec![Code::AA], vec![Code::AE]),
        ("NE", "AL", vec![Code::AA], vec![Code::AE]),
        ("", "SU", vec![Code::AA], vec![]),
        ("NE", "ER", vec![], vec![Code::AE]),
    ] {
        for (becomes, codes) in [(Applied::Done, good), (waits("PID-3"), bad)] {
            pos += 1;
            feed.shelf.becomes.lock().unwrap().insert(pos, becomes);
            client.send(asking(u32::try_from(pos).unwrap(), accept, application)).await;
            for code in codes {
                let reply = client.reply().await;
                assert_eq!((reply.code, reply.control_id), (code, pos.to_string()), "{accept}, {application}");
            }
        }
    }
    // Nothing else is on its way.
    pos += 1;
    assert_eq!(client.ask(adt(pos)).await, (Code::AA, pos.to_string()));
}

#[tokio::test]
async fn a_feed_may_have_one_answer_to_a_message_whatever_it_asks() {
    let rules = Rules { application: Application::Stored, ..Rules::default() };
    let feed = Feed::start(intake::listener::ListenerConfig { rules, ..config() }).await;
    let mut client = feed.client().await;
    // Nothing is processed, and nobody waits for it.
    assert_eq!(client.ask(asking(1, "AL", "AL")).await.0, Code::CA);
    assert_eq!(client.ask(asking(2, "NE", "AL")).await.0, Code::AA);
    assert_eq!(client.ask(adt(3)).await, (Code::AA, "3".to_owned()));
}

#[tokio::test]
async fn a_refused_message_has_its_one_answer() {
    let feed = Feed::start(config()).await;
    feed.shelf.processed.send_replace(100);
    let mut client = feed.client().await;
    assert_eq!(client.ask(asking(1, "AL", "AL").replace("ADT^A01^ADT_A01", "")).await.0, Code::CR);
    assert_eq!(client.ask(format!("{}wrapped text\r", asking(2, "AL", "AL"))).await.0, Code::CE);
    assert_eq!(client.ask(adt(3)).await, (Code::AA, "3".to_owned()));
}

#[tokio::test]
async fn a_batch_is_told_in_one_batch_what_became_of_it() {
    let feed = Feed::start(config()).await;
    let mut client = feed.client().await;
    let batch =
        format!("BHS|^~\\&|PAS|RCB|SKEIN|REG|2026||||B1\r{}{}BTS|2\r", asking(1, "AL", "AL"), asking(2, "AL", "AL"));
    client.send(batch).await;
    let codes = |answer: Vec<u8>| -> Vec<Code> {
        let pieces = hl7v2::batch::split(&answer);
        let read = |p: &hl7v2::batch::Piece| hl7v2::ack::read(&hl7v2::parse(&answer[p.span.clone()]).message.unwrap());
        pieces.messages.iter().map(|p| read(p).unwrap().code).collect()
    };
    assert_eq!(codes(client.answer().await.unwrap()), [Code::CA, Code::CA]);
    feed.shelf.processed.send_replace(2);
    assert_eq!(codes(client.answer().await.unwrap()), [Code::AA, Code::AA]);
}

#[tokio::test]
async fn a_sender_that_half_closes_is_told_what_became_of_its_message() {
    let feed = Feed::start(config()).await;
    let mut client = feed.client().await;
    client.send(asking(1, "AL", "AL")).await;
    client.stream.shutdown().await.unwrap();
    assert_eq!(client.reply().await.code, Code::CA);
    feed.shelf.processed.send_replace(1);
    assert_eq!(client.reply().await.code, Code::AA);
    assert_eq!(client.answer().await, None);
}

#[tokio::test]
async fn what_cannot_be_stored_is_never_accepted() {
    let feed = Feed::start(config()).await;
    let mut client = feed.client().await;
    for full in [1, 2] {
        feed.shelf.full.store(full, SeqCst);
        client.send(adt(full)).await;
        let reply = client.reply().await;
        assert_eq!((reply.code, reply.control_id), (Code::AR, full.to_string()));
        assert!(reply.text.contains("send it again later: the disk is full"), "{}", reply.text);
    }
    feed.shelf.full.store(0, SeqCst);
    assert_eq!(client.ask(adt(9)).await.0, Code::AA);
    assert_eq!(feed.counts().not_stored, 2);
}

#[tokio::test]
async fn a_batch_in_a_frame_is_stored_message_by_message_and_answered_by_a_batch() {
    let feed = Feed::start(config()).await;
    let mut client = feed.client().await;
    client.send(format!("BHS|^~\\&|PAS|RCB|SKEIN|REG|2026||||B1\r{}{}BTS|2\r", adt(1), adt(2))).await;
    let answer = client.answer().await.unwrap();
    let text = String::from_utf8(answer.clone()).unwrap();
    assert!(text.starts_with("BHS|^~\\&|SKEIN|REG|PAS|RCB|") && text.ends_with("|B1\r") | text.ends_with("BTS|2\r"));
    let pieces = hl7v2::batch::split(&answer);
    let codes: Vec<_> = pieces
        .messages
        .iter()
        .map(|p| hl7v2::ack::read(&hl7v2::parse(&answer[p.span.clone()]).message.unwrap()).unwrap())
        .map(|r| (r.code, r.control_id))
        .collect();
    assert_eq!(codes, [(Code::AA, "1".to_owned()), (Code::AA, "2".to_owned())]);
    assert_eq!(feed.shelf.bodies(), [adt(1).into_bytes(), adt(2).into_bytes()]);
    // Nothing in it: kept as it is.
    assert_eq!(client.ask("BHS|^~\\&|PAS\rBTS|0\r").await.0, Code::AR);
}

#[tokio::test]
async fn a_sender_that_half_closes_still_gets_its_answers() {
    let feed = Feed::start(config()).await;
    feed.shelf.slow_ms.store(20, SeqCst);
    let mut client = feed.client().await;
    client.send(adt(1)).await;
    client.send(adt(2)).await;
    client.stream.shutdown().await.unwrap();
    assert_eq!(client.reply().await.control_id, "1");
    assert_eq!(client.reply().await.control_id, "2");
    assert_eq!(client.answer().await, None);
}

#[tokio::test]
async fn a_sender_that_leaves_out_the_last_byte_is_answered() {
    let feed = Feed::start(config()).await;
    let mut client = feed.client().await;
    for n in [1, 2] {
        let frame = hl7v2::mllp::encode(adt(n).as_bytes());
        client.write(&frame[..frame.len() - 1]).await;
        assert_eq!(client.reply().await.control_id, n.to_string());
    }
    assert_eq!(feed.counts().torn, 0);
}

#[tokio::test]
async fn stopping_finishes_the_message_in_hand() {
    let feed = Feed::start(config()).await;
    feed.shelf.slow_ms.store(150, SeqCst);
    let (mut whole, mut half, mut idle) = (feed.client().await, feed.client().await, feed.client().await);
    whole.send(adt(1)).await;
    let frame = hl7v2::mllp::encode(adt(2).as_bytes());
    half.write(&frame[..30]).await;
    assert_eq!(idle.ask(adt(3)).await.0, Code::AA);
    feed.until(|c| c.messages == 2 && c.bytes > 200).await;
    feed.stop.cancel();
    assert_eq!(idle.answer().await, None, "an idle connection is closed at once");
    half.write(&frame[30..]).await;
    assert_eq!(whole.reply().await.control_id, "1");
    assert_eq!(half.reply().await.control_id, "2");
    assert_eq!((whole.answer().await, half.answer().await), (None, None));
    let address = feed.address;
    feed.stopped().await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_taken_port_is_one_clear_line() {
    let feed = Feed::start(config()).await;
    let again = intake::listener::ListenerConfig { address: feed.address, ..config() };
    let error = intake::listener::Listener::bind(again).await.unwrap_err().to_string();
    assert!(error.starts_with("feed pas cannot listen on 127.0.0.1:") && error.contains("in use"), "{error}");
}
