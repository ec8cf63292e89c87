//! A part is down: what was known last is shown, and said to be no more than that.

use crate::governed::Governed;
use http_body_util::BodyExt;
use intake::{EntryKind, NewEntry};
use jiff::{SignedDuration, Timestamp};
use notify::Queue;
use std::time::Duration;

const BANNER: &str = "Nothing that has come in since";

/// Load a page until it says this or says it no more, five seconds at most.
async fn until(region: &Governed, who: &str, page: &str, words: &str, says: bool) -> String {
    let visitor = region.pages.visitor(who).await;
    for _ in 0..100 {
        let body = visitor.get(page).await.expect(200).body;
        if body.contains(words) == says {
            return body;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{page} for {who}: {words:?} should {} be there", if says { "at last" } else { "no longer" });
}

async fn hear(region: &Governed, trigger: &str, visit: &str) {
    let pid = "SMITH^ANN||19500102|2";
    region.pages.hear(trigger, "rxx", "1001", Some(crate::governed::NHS), pid, visit).await;
}

const HERE: &str = "PV1|1|I|W3^B1^1^XWA||||||||||||||||V1|||||||||||||||||||||||||20260301100000\r";

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_teams_show_what_was_known_last_and_say_so_while_telling_is_held_up() {
    let region = Governed::new().await;
    region.admit().await;
    let gp = region.pages.visitor("gp").await;
    let teams = gp.get("/teams").await.expect(200);
    let (inbox, window) = (teams.links("/teams/").remove(0), teams.links("/caseloads/").remove(0));
    let board = format!("{window}/board");
    let here = until(&region, "gp", &window, "SMITH, Ann", true).await;
    assert!(!here.contains("Not up to date"), "{here}");
    let mut open = gp.stream(&format!("{window}/live")).await;

    // A disk that lets nothing be written to the file of those who are told.
    let file = rusqlite::Connection::open(region.pages.engine.folder().join("notify.db")).unwrap();
    file.execute_batch("CREATE TRIGGER ill BEFORE INSERT ON meta BEGIN SELECT RAISE(ABORT, 'cannot be written'); END")
        .unwrap();
    hear(&region, "A03", &HERE.replace("W3", "W4")).await;
    for page in ["/teams", &inbox, &window, &board, "/requests"] {
        let body = until(&region, "gp", page, BANNER, true).await;
        assert!(body.contains("<b>Not up to date.</b>") && body.contains("open the record or ask"), "{page}: {body}");
    }
    let body = gp.get(&window).await.expect(200).body;
    assert!(body.contains("SMITH, Ann"), "what was known last is there: {body}");
    for page in ["/feeds", "/status", "/errors"] {
        until(&region, "engineer", page, BANNER, true).await;
    }
    const COUNTED: &str = "Counts by the hour stop at";
    until(&region, "engineer", "/feeds", COUNTED, true).await;
    // Records do not hang on it.
    assert!(!gp.get(&region.record("")).await.expect(200).body.contains("Not up to date"));
    // A page that stays open is told as well.
    let mut heard = String::new();
    let reading = async {
        while let Some(Ok(frame)) = open.frame().await {
            heard.push_str(&String::from_utf8_lossy(frame.data_ref().map_or(&[], |data| data)));
        }
    };
    tokio::time::timeout(Duration::from_secs(40), reading).await.expect("it ends once that is said");
    assert!(heard.contains("event: behind"), "{heard}");

    file.execute_batch("DROP TRIGGER ill").unwrap();
    let body = until(&region, "gp", &window, BANNER, false).await;
    assert!(!body.contains("Not up to date"), "{body}");
    until(&region, "gp", &window, "SMITH, Ann", false).await;
    until(&region, "engineer", "/feeds", "Not up to date", false).await;
    until(&region, "engineer", "/feeds", COUNTED, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_takes_nothing_for_minutes_is_named_to_those_who_look_after_systems() {
    let region = Governed::new().await;
    let act = notify::Act::Subscribe {
        id: "s1".into(),
        client: "ward-app".into(),
        resource: "{}".into(),
        filter: notify::Filter::default(),
        status: "active".into(),
        error: None,
    };
    let decision = notify::Decision { act, by: "ward-app".into(), name: String::new(), organisation: "XWA".into() };
    let told = NewEntry {
        kind: EntryKind::Telling,
        source: "skein".into(),
        feed: "test".into(),
        received: Timestamp::now(),
        ident: None,
        about: Some(decision.about()),
        body: Vec::new(),
        ack: None,
    };
    region.pages.put(told).await;
    assert!(region.notices.wait(region.pages.engine.progress().applied).await);
    let failing = |minutes: i64| Queue {
        attempts: 3,
        since: Some(Timestamp::now() - SignedDuration::from_mins(minutes)),
        error: Some("the endpoint did not answer".into()),
        ..Queue::default()
    };
    let engineer = region.pages.visitor("engineer").await;
    let pages = ["/feeds", "/status", "/errors", "/deliveries"];
    // A moment's fault is nobody's business: it is tried again.
    region.notices.fail_queue("s1", &failing(1)).unwrap();
    for page in pages {
        assert!(!engineer.get(page).await.expect(200).body.contains("Not delivered"), "{page}");
    }
    region.notices.fail_queue("s1", &failing(8)).unwrap();
    for page in pages {
        let body = engineer.get(page).await.expect(200).body;
        let banner = body.split_once("<main").map_or(body.as_str(), |(banner, _)| banner);
        for words in ["Not delivered.", "Subscription s1 of ward-app: nothing was taken since", "it is tried again"] {
            assert!(banner.contains(words), "{page} does not say {words:?}: {banner}");
        }
    }
    let gp = region.pages.visitor("gp").await;
    for (visitor, page) in [(&engineer, "/account"), (&gp, "/status")] {
        assert!(!visitor.get(page).await.expect(200).body.contains("Not delivered"), "{page}");
    }
    region.notices.advance_queue("s1", 1).unwrap();
    for page in pages {
        assert!(!engineer.get(page).await.expect(200).body.contains("Not delivered"), "{page}");
    }
}
