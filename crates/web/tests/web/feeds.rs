//! The page of feeds: how much comes, and whose silence is unusual.

use crate::governed::Governed as Region;
use intake::{EntryKind, NewEntry};
use jiff::{SignedDuration, Timestamp};

const WEEKS: i64 = 3;

/// A hospital that sends something every hour, day and night, until some hours ago.
async fn speak_until(region: &Region, hours_ago: i64) {
    let now = Timestamp::now();
    let mut last = 0;
    for hour in (hours_ago..WEEKS * 168).rev() {
        let received = now - SignedDuration::from_hours(hour);
        let body = format!(
            "MSH|^~\\&|PAS|XWA|SKEIN|REG|20260301120000||ADT^A28|F{hour}|P|2.4\rEVN|A28|20260301120000\r\
             PID|1||{hour}^^^XWA^PI||NOBODY^NOBODY||19500102|2\r"
        );
        let entry = NewEntry {
            kind: EntryKind::Hl7v2,
            source: "rxx".into(),
            feed: "rxx".into(),
            received,
            ident: None,
            about: None,
            body: body.into_bytes(),
            ack: None,
        };
        let receipt = region.pages.engine.submit(entry).await.expect("stored");
        if let intake::Receipt::Stored { pos, .. } = receipt {
            last = pos;
        }
    }
    region.pages.engine.wait_applied(last).await.expect("processed");
}

/// What the page says once who follows the messages has counted them.
async fn page(region: &Region, words: &str) -> String {
    let engineer = region.pages.visitor("engineer").await;
    for _ in 0..100 {
        let text = engineer.get("/feeds").await.expect(200).text();
        if text.contains(words) {
            return text;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    engineer.get("/feeds").await.expect(200).text()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unusual_silence_is_seen_and_a_usual_one_is_not() {
    let region = Region::new().await;
    speak_until(&region, 20).await;
    let text = page(&region, "Silent since").await;
    assert!(text.contains("1 source is silent for longer than usual"), "{text}");
    // Nineteen or twenty whole hours and a part, one message in each.
    assert!(text.contains("in such hours about 20 messages usually came"), "{text}");
    assert!(text.contains("Being learnt: needs two weeks"), "the practice spoke once: {text}");
    assert!(!text.contains("NOBODY"), "{text}");

    let region = Region::new().await;
    speak_until(&region, 1).await;
    let text = page(&region, "As usual for the hour.").await;
    assert!(text.contains("As usual for the hour.") && !text.contains("Silent since"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn feeds_are_for_those_who_look_after_systems() {
    let region = Region::new().await;
    for reader in ["gp", "ann"] {
        region.pages.visitor(reader).await.get("/feeds").await.expect(403);
    }
    let engineer = region.pages.visitor("engineer").await;
    engineer.get("/errors").await.expect(200).says("Feeds: who speaks");
    engineer.get("/feeds").await.expect(200).says("Last whole hour").says("Everything received is processed");
}
