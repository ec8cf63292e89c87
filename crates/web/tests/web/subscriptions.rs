//! What client systems are told: made over the API, sent to endpoints in order, and nothing that they may not see.

use crate::{
    support::GP,
    telling::{LIST, Receiver, Region, codes, numbers, parameter, parts, patient, stay, stay_of, subscription, until},
};
use notify::subscription::{SIGNATURE, signature};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn caseload() -> String {
    format!("Encounter?caseload={LIST}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_is_made_read_changed_and_ended_by_its_own_system_alone() {
    let (region, receiver) = (Region::new().await, Receiver::start().await);
    let asked = subscription(&receiver.address, "id-only", &[&caseload()]);
    let made = region.send("surgery", "POST", "/Subscription", &asked).await.expect(201);
    let location = made.header("location").to_owned();
    let made = made.json();
    let id = made["id"].as_str().unwrap();
    assert!(location.ends_with(&format!("/fhir/Subscription/{id}")), "{location}");
    assert_eq!(made["status"], "requested");
    assert!(made["channel"]["header"][0].as_str().unwrap().len() > 32, "a secret, this once");
    region.until_status(id, "active").await;
    assert_eq!(receiver.got().len(), 1);
    assert_eq!(receiver.got()[0].kind(), "handshake");
    let path = format!("/Subscription/{id}");
    let read = region.get("surgery", &path).await.expect(200).json();
    assert_eq!((&read["status"], &read["channel"]["header"][0]), (&json!("active"), &json!("X-Skein-Secret: ***")));
    let found = region.get("surgery", "/Subscription?status=active").await.expect(200);
    assert_eq!(found.names(), [format!("Subscription/{id}")]);
    assert!(region.get("surgery", "/Subscription?status=off").await.expect(200).names().is_empty());
    // Another system's is none.
    for token in ["other", "programme"] {
        region.get(token, &path).await.expect(404);
        region.send(token, "PUT", &path, &read).await.expect(404);
        region.send(token, "DELETE", &path, &Value::Null).await.expect(404);
        for operation in ["$status", "$events", "$get-ws-binding-token"] {
            region.get(token, &format!("{path}/{operation}")).await.expect(404);
        }
        region.get(token, &format!("/Subscription/$status?id={id}")).await.expect(404);
        assert!(region.get(token, "/Subscription").await.expect(200).names().is_empty());
    }
    // A source writes, and people at work have pages; neither subscribes.
    for token in [GP, "person-at-work"] {
        region.send(token, "POST", "/Subscription", &asked).await.expect(403);
        region.get(token, &path).await.expect(403);
    }
    region.send("reading", "POST", "/Subscription", &asked).await.expect(403);
    // Changed: what was masked stays what it was.
    let mut changed = read.clone();
    changed["reason"] = "Another reason".into();
    let changed = region.send("surgery", "PUT", &path, &changed).await.expect(200).json();
    assert_eq!(changed["reason"], "Another reason");
    region.until_status(id, "active").await;
    let known = region.notices.subscription(id).unwrap().unwrap();
    let secret = made["channel"]["header"][0].as_str().unwrap();
    assert!(known.resource.contains(secret), "the secret stays");
    let mut elsewhere = read.clone();
    elsewhere["criteria"] = "https://skein.example/fhir/SubscriptionTopic/results".into();
    region.send("surgery", "PUT", &path, &elsewhere).await.expect(422);
    let mut off = read;
    off["status"] = "off".into();
    region.send("surgery", "PUT", &path, &off).await.expect(200);
    assert_eq!(region.standing(id).0, "off");
    region.send("surgery", "DELETE", &path, &Value::Null).await.expect(204);
    region.get("surgery", &path).await.expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_is_sent_in_order_numbered_and_signed() {
    let (region, receiver) = (Region::new().await, Receiver::start().await);
    let mut asked = subscription(&receiver.address, "full-resource", &[&caseload()]);
    asked["channel"]["header"] = json!(["Authorization: Bearer theirs", "X-Skein-Secret: a secret of their own"]);
    let id = region.subscribe("surgery", &asked).await;
    region.until_status(&id, "active").await;
    region.hl7(&stay("A01", 1, "20260310083000", "W12")).await;
    until("the admission", || receiver.told() == [1]).await;
    region.hl7(&stay("A02", 2, "20260310084000", "W7")).await;
    region.hl7(&stay("A03", 3, "20260310085000", "W7")).await;
    until("the rest", || receiver.told() == [1, 2, 3]).await;
    let told = receiver.of("event-notification");
    let first = told[0].json();
    assert_eq!(first["type"], "history");
    assert_eq!(codes(&first), ["admitted"]);
    assert_eq!(parameter(&first, "topic"), "https://skein.example/fhir/SubscriptionTopic/admissions");
    let focus = parts(&first, "focus")[0]["valueReference"]["reference"].as_str().unwrap().to_owned();
    assert_eq!(first["entry"][1]["fullUrl"], focus);
    assert_eq!(first["entry"][1]["resource"]["resourceType"], "Encounter");
    for got in receiver.got() {
        assert_eq!(got.headers["authorization"], "Bearer theirs");
        assert_eq!(got.headers["x-skein-subscription"], id);
        assert!(!got.headers.contains_key("x-skein-secret"));
        let signed = got.headers[SIGNATURE].to_str().unwrap();
        let at: i64 = signed.strip_prefix("t=").unwrap().split(',').next().unwrap().parse().unwrap();
        let at = jiff::Timestamp::from_second(at).unwrap();
        assert_eq!(signed, signature("a secret of their own", at, &got.bytes));
    }
    // Nothing left without its entry in the trail.
    let audited = region.audited();
    let notified = audited.iter().filter(|body| body.contains("\"notify\"") && body.contains(&id)).count();
    assert!(notified >= 3, "{audited:#?}");
    // What was told is asked for again.
    let path = format!("/Subscription/{id}");
    let again = region.get("surgery", &format!("{path}/$events?eventsSinceNumber=2&eventsUntilNumber=2")).await;
    assert_eq!(numbers(&again.expect(200).json()), [2]);
    let ids = region.get("surgery", &format!("{path}/$events?content=id-only")).await.expect(200).json();
    assert_eq!((numbers(&ids), ids["entry"].as_array().unwrap().len()), (vec![1, 2, 3], 1));
    let status = region.get("surgery", &format!("{path}/$status")).await.expect(200).json();
    assert_eq!(parameter(&status, "status"), "active");
    assert_eq!(parameter(&status, "events-since-subscription-start"), "3");
    region.get("surgery", &format!("{path}/$events?eventsSinceNumber=x")).await.expect(400);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_receiver_missed_comes_in_order_when_it_is_back() {
    let (region, receiver) = (Region::new().await, Receiver::start().await);
    let id = region.subscribe("surgery", &subscription(&receiver.address, "id-only", &[&caseload()])).await;
    region.until_status(&id, "active").await;
    receiver.answers(500);
    region.hl7(&stay("A01", 1, "20260310083000", "W12")).await;
    until("a first attempt", || region.notices.queue(&id).unwrap().attempts == 1).await;
    region.hl7(&stay("A02", 2, "20260310084000", "W7")).await;
    region.hl7(&stay("A03", 3, "20260310085000", "W7")).await;
    region.later(1);
    until("another, after the pause", || region.notices.queue(&id).unwrap().attempts == 2).await;
    let status = region.get("surgery", &format!("/Subscription/{id}/$status")).await.expect(200).json();
    assert!(parameter(&status, "error").contains("status 500"), "it is seen: {status}");
    let attempts = receiver.of("event-notification").len();
    assert_eq!(receiver.of("event-notification")[attempts - 1].numbers(), [1], "of one that fails, one event's worth");
    receiver.answers(200);
    region.later(60);
    until("all of it", || region.notices.queue(&id).unwrap().sent == 3).await;
    let came: Vec<u64> = receiver.of("event-notification")[attempts..].iter().flat_map(|got| got.numbers()).collect();
    assert_eq!(came, [1, 2, 3]);
    let queue = region.notices.queue(&id).unwrap();
    assert_eq!((queue.attempts, queue.error, queue.parked), (0, None, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_dead_for_a_week_fails_visibly_and_goes_on_where_it_was() {
    let (region, receiver) = (Region::new().await, Receiver::start().await);
    let asked = subscription(&receiver.address, "id-only", &[&caseload()]);
    let id = region.subscribe("surgery", &asked).await;
    region.until_status(&id, "active").await;
    receiver.answers(503);
    region.hl7(&stay("A01", 1, "20260310083000", "W12")).await;
    until("a first attempt", || region.notices.queue(&id).unwrap().attempts == 1).await;
    region.later(7 * 24 * 3600);
    region.until_status(&id, "error").await;
    assert!(region.notices.queue(&id).unwrap().parked);
    let shown = region.get("surgery", &format!("/Subscription/{id}")).await.expect(200).json();
    assert_eq!(shown["status"], "error");
    assert!(shown["error"].as_str().unwrap().contains("7 days"), "{shown}");
    receiver.answers(200);
    region.send("surgery", "PUT", &format!("/Subscription/{id}"), &shown).await.expect(200);
    until("what it missed", || region.notices.queue(&id).unwrap().sent == 1).await;
    assert_eq!(receiver.of("handshake").len(), 2);
    // And one that says it is gone is believed.
    receiver.answers(410);
    region.hl7(&stay("A03", 3, "20260317085000", "W12")).await;
    region.until_status(&id, "off").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_sending_and_noting_the_same_number_comes_again_and_none_is_lost() {
    let (region, receiver) = (Region::new().await, Receiver::start().await);
    let id = region.subscribe("surgery", &subscription(&receiver.address, "id-only", &[&caseload()])).await;
    region.until_status(&id, "active").await;
    receiver.is_slow(Some(Duration::from_secs(2)));
    region.hl7(&stay("A01", 1, "20260310083000", "W12")).await;
    until("the first sending", || receiver.told() == [1]).await;
    region.kill_sending().await;
    assert_eq!(region.notices.queue(&id).unwrap().sent, 0, "not noted");
    receiver.is_slow(None);
    region.hl7(&stay("A03", 2, "20260310085000", "W12")).await;
    region.deliver();
    until("all of it", || region.notices.queue(&id).unwrap().sent == 2).await;
    assert_eq!(receiver.told(), [1, 1, 2]);
    let told = receiver.of("event-notification");
    let focus = |index: usize| parts(&told[index].json(), "focus")[0].clone();
    assert_eq!(focus(0), focus(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn how_far_a_queue_has_got_is_in_the_journal_within_the_hour() {
    let (region, receiver) = (Region::new().await, Receiver::start().await);
    let id = region.subscribe("surgery", &subscription(&receiver.address, "id-only", &[&caseload()])).await;
    region.until_status(&id, "active").await;
    let journalled = || {
        let mut reader = region.engine.journal_reader().unwrap();
        let about = |pos| reader.entry(pos).unwrap().and_then(|entry| entry.about).unwrap_or_default();
        let head = region.engine.progress().head;
        (1..=head).map(about).filter(|about| about.contains("subscription-sent") && about.contains(&id)).last()
    };
    region.hl7(&stay("A01", 1, "20260310083000", "W12")).await;
    until("the admission", || region.notices.queue(&id).unwrap().sent == 1).await;
    assert_eq!(journalled(), None, "not for each");
    region.later(3600);
    region.hl7(&stay("A03", 2, "20260310095000", "W12")).await;
    until("it is there", || journalled().is_some_and(|about| about.contains("\"sent\":2"))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn once_an_objection_is_laid_nothing_more_is_told() {
    let (region, receiver) = (Region::new().await, Receiver::start().await);
    let key = region.engine.region().patient("gp", "p1");
    let one = format!("patient=Patient/{key}");
    let id = region.subscribe("surgery", &subscription(&receiver.address, "empty", &[&one])).await;
    let everybody = region.subscribe("programme", &subscription(&receiver.address, "full-resource", &[])).await;
    for id in [&id, &everybody] {
        region.until_status(id, "active").await;
    }
    region.hl7(&stay("A01", 1, "20260310083000", "W12")).await;
    until("the admission", || receiver.told() == [1, 1]).await;
    region.object().await;
    region.hl7(&stay("A03", 2, "20260310085000", "W12")).await;
    until("the queues to move on", || [&id, &everybody].iter().all(|id| region.notices.queue(id).unwrap().sent >= 2))
        .await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(receiver.told(), [1, 1], "not a number of it");
    for (token, id) in [("surgery", &id), ("programme", &everybody)] {
        let events = region.get(token, &format!("/Subscription/{id}/$events")).await.expect(200).json();
        assert!(numbers(&events).is_empty(), "{events}");
        let status = region.get(token, &format!("/Subscription/{id}/$status")).await.expect(200).json();
        assert_eq!(parameter(&status, "events-since-subscription-start"), "0");
    }
    // Nor may it be asked for anew.
    region
        .send("surgery", "POST", "/Subscription", &subscription(&receiver.address, "empty", &[&one]))
        .await
        .expect(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_restricted_person_is_is_told_to_nobody() {
    let (region, receiver) = (Region::new().await, Receiver::start().await);
    region.fhir("gp", &[patient("p1", "9990000042", true)]).await;
    let id = region.subscribe("surgery", &subscription(&receiver.address, "full-resource", &[&caseload()])).await;
    region.until_status(&id, "active").await;
    region.hl7(&stay("A01", 1, "20260310083000", "WARDTWELVE")).await;
    region.hl7(&stay("A02", 2, "20260310084000", "WARDSEVEN")).await;
    until("the stay", || receiver.told().len() == 2).await;
    for got in receiver.got() {
        let text = String::from_utf8(got.bytes).unwrap();
        assert!(!text.contains("WARD") && !text.contains("SECRET"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_leads_inside_or_asks_for_too_much_is_refused_with_its_place() {
    let (region, receiver) = (Region::new().await, Receiver::start().await);
    let refuse = |token: &'static str, body: Value, status: u16| {
        let region = &region;
        async move { region.send(token, "POST", "/Subscription", &body).await.expect(status).issue() }
    };
    let all = caseload();
    for endpoint in [
        "http://169.254.169.254/latest/meta-data",
        "https://10.0.0.8/hook",
        "https://[::1]/hook",
        "http://app.example/hook",
        "file:///etc/passwd",
        "https://user:secret@app.example/",
        "nonsense",
    ] {
        let (_, place) = refuse("surgery", subscription(endpoint, "id-only", &[&all]), 422).await;
        assert_eq!(place, "Subscription.channel.endpoint", "{endpoint}");
    }
    // A name that leads inside, and a redirect, are found out when they are asked.
    let inside = region.subscribe("surgery", &subscription("https://localhost:9/hook", "id-only", &[&all])).await;
    region.until_status(&inside, "error").await;
    assert!(region.standing(&inside).1.unwrap().contains("inside a network"));
    receiver.answers(302);
    let led = region.subscribe("surgery", &subscription(&receiver.address, "id-only", &[&all])).await;
    region.until_status(&led, "error").await;
    assert!(region.standing(&led).1.unwrap().contains("redirect"));
    assert!(receiver.got().iter().all(|got| got.path == "/"), "nobody followed it");
    receiver.answers(200);
    let hook = |filters: &[&str]| subscription(&receiver.address, "id-only", filters);
    let place = "Subscription.criteria.extension";
    // Not about whom; another organisation's caseload, or none; somebody who is not theirs, or nobody.
    assert_eq!(refuse("surgery", hook(&[]), 422).await.1, place);
    assert_eq!(refuse("other", hook(&[&all]), 422).await, ("not-found".into(), place.into()));
    assert_eq!(refuse("surgery", hook(&["caseload=list:NOBODY:none"]), 422).await, ("not-found".into(), place.into()));
    let key = region.engine.region().patient("gp", "p1");
    let theirs = refuse("other", hook(&[&format!("patient={key}")]), 403).await;
    let nobody = refuse("other", hook(&["patient=0000000000001"]), 403).await;
    assert_eq!(theirs, nobody, "nobody learns who is known here");
    let many = format!("patient={}", vec!["0000000000001"; 1000].join(","));
    assert_eq!(refuse("surgery", hook(&[&many]), 422).await.0, "too-costly");
    let huge = format!("caseload={}", "x".repeat(300_000));
    refuse("surgery", hook(&[&huge]), 413).await;
    let mut bad = hook(&[&all]);
    bad["criteria"] = "Encounter?status=finished".into();
    assert_eq!(refuse("surgery", bad, 422).await.1, "Subscription.criteria");
    refuse("surgery", json!([]), 422).await;
    // A token reaches as far as its scopes: who may not read stays is not told of them.
    refuse("wordless", hook(&[&all]), 403).await;
    let id = region.subscribe("scoped", &hook(&[&all])).await;
    region.until_status(&id, "active").await;
    let mut results = hook(&[&format!("caseload={LIST}")]);
    results["criteria"] = "https://skein.example/fhir/SubscriptionTopic/results".into();
    refuse("scoped", results, 403).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_receiver_keeps_nobody_waiting() {
    let (region, slow, quick) = (Region::new().await, Receiver::start().await, Receiver::start().await);
    let mut ids = Vec::new();
    for _ in 0..8 {
        ids.push(region.subscribe("programme", &subscription(&slow.address, "id-only", &[])).await);
    }
    let other = region.subscribe("surgery", &subscription(&quick.address, "id-only", &[&caseload()])).await;
    for id in ids.iter().chain([&other]) {
        region.until_status(id, "active").await;
    }
    slow.is_slow(Some(Duration::from_secs(8)));
    region.hl7(&stay("A01", 1, "20260310083000", "W12")).await;
    until("the slow ones are at it", || !slow.told().is_empty()).await;
    let begun = Instant::now();
    region.hl7(&stay("A03", 2, "20260310085000", "W12")).await;
    until("the other is told", || quick.told() == [1, 2]).await;
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_heartbeat_beats_and_says_no_more_than_that() {
    let (region, receiver) = (Region::new().await, Receiver::start().await);
    let mut asked = subscription(&receiver.address, "empty", &[&caseload()]);
    asked["channel"]["extension"] =
        json!([crate::telling::extension("backport-heartbeat-period", "valueUnsignedInt", 60)]);
    let id = region.subscribe("surgery", &asked).await;
    region.until_status(&id, "active").await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert!(receiver.of("heartbeat").is_empty(), "not yet");
    region.later(61);
    until("a heartbeat", || receiver.of("heartbeat").len() == 1).await;
    let text = String::from_utf8(receiver.of("heartbeat")[0].bytes.clone()).unwrap();
    assert!(!text.contains("admissions") && !text.contains("Encounter"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_are_read_and_searched_and_said_in_the_capability_statement() {
    let region = Region::new().await;
    let found = region.get("surgery", "/Basic?code=SubscriptionTopic").await.expect(200);
    assert_eq!(found.names().len(), 7);
    let one = region.get("surgery", "/Basic/subscription-topic-admissions").await.expect(200).json();
    assert!(one.to_string().contains("https://skein.example/fhir/SubscriptionTopic/admissions"), "{one}");
    region.get("surgery", "/Basic/subscription-topic-none").await.expect(404);
    let statement = region.get("", "/metadata").await.expect(200).json();
    let resources = statement["rest"][0]["resource"].as_array().unwrap();
    let subscriptions = resources.iter().find(|one| one["type"] == "Subscription").expect("Subscription");
    assert_eq!(subscriptions["extension"].as_array().unwrap().len(), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_turns_out_to_be_about_somebody_else_is_told_to_nobody_who_does_not_look_after_them() {
    let (region, receiver) = (Region::new().await, Receiver::start().await);
    let stays = region.subscribe("surgery", &subscription(&receiver.address, "full-resource", &[&caseload()])).await;
    let mut who = subscription(&format!("{}/who", receiver.address), "full-resource", &[&format!("caseload={LIST}")]);
    who["criteria"] = "https://skein.example/fhir/SubscriptionTopic/person".into();
    let who = region.subscribe("surgery", &who).await;
    for id in [&stays, &who] {
        region.until_status(id, "active").await;
    }
    receiver.answers(500);
    region.hl7(&stay("A01", 1, "20260310083000", "W12")).await;
    until("a first attempt", || region.notices.queue(&stays).unwrap().attempts > 0).await;
    let tried = receiver.of("event-notification").len();
    // The hospital had somebody else's number: its patient is another person.
    let number = (999_000_100..).find_map(fhir::NhsNumber::from_stem).unwrap();
    let other = format!("{}^^^NHS^NH||QUILL^EDITH||19551103", number.as_str());
    region.hl7(&stay_of("A08", 2, "20260310084000", "W12", &other)).await;
    receiver.answers(200);
    region.later(60);
    let numbered = |id: &str| region.notices.subscription(id).unwrap().unwrap().numbered;
    until("both queues to be through", || {
        [&stays, &who].iter().all(|id| region.notices.queue(id).unwrap().sent == numbered(id))
    })
    .await;
    let came = receiver.of("event-notification")[tried..].to_vec();
    let told: Vec<(String, Vec<String>)> = came.iter().map(|got| (got.path.clone(), codes(&got.json()))).collect();
    assert!(told.iter().all(|(path, _)| path == "/who"), "the stay is not theirs to know of: {told:?}");
    let split = came.iter().find(|got| codes(&got.json()).contains(&"split".to_owned())).expect("told of the split");
    let focus = parts(&split.json(), "focus").remove(0)["valueReference"]["reference"].as_str().unwrap().to_owned();
    assert!(focus.contains("/Person/"), "{focus}");
    for got in came {
        let text = String::from_utf8(got.bytes).unwrap();
        assert!(!text.contains("QUILL") && !text.contains(number.as_str()), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_everything_is_made_again_nothing_is_sent_and_then_only_what_was_not_taken() {
    let (region, receiver) = (Region::new().await, Receiver::start().await);
    let id = region.subscribe("surgery", &subscription(&receiver.address, "id-only", &[&caseload()])).await;
    region.until_status(&id, "active").await;
    region.hl7(&stay("A01", 1, "20260310083000", "W12")).await;
    until("the admission", || region.notices.queue(&id).unwrap().sent == 1).await;
    // So much else is decided meanwhile that it is not followed in one go.
    let now = "2026-03-10T09:30:00Z".parse().unwrap();
    let others = (0..10_100).map(|_| region.engine.decide_telling("{}".into(), now));
    futures_util::future::join_all(others).await;
    region.later(3600);
    region.hl7(&stay("A02", 2, "20260310095000", "W7")).await;
    until("the move", || region.notices.queue(&id).unwrap().sent == 2).await;
    // How far it is is in the journal now.
    tokio::time::sleep(Duration::from_millis(300)).await;
    region.kill_sending().await;
    region.hl7(&stay("A03", 3, "20260310095500", "W7")).await;
    let folder = tempfile::tempdir().unwrap();
    let mut follower = region.again(folder.path());
    follower.step().unwrap();
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert_eq!(receiver.told(), [1, 2], "nothing yet");
    while follower.step().unwrap() || follower.reached() < region.engine.progress().applied {}
    until("what was not taken", || receiver.told() == [1, 2, 3]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_system_that_changes_its_subscriptions_without_end_is_stopped_and_others_are_not() {
    let (region, receiver) = (Region::new().await, Receiver::start().await);
    let mut off = subscription(&receiver.address, "id-only", &[&caseload()]);
    off["status"] = "off".into();
    let id = region.subscribe("surgery", &off).await;
    let path = format!("/Subscription/{id}");
    off["id"] = id.as_str().into();
    for _ in 1..60 {
        region.send("surgery", "PUT", &path, &off).await.expect(200);
    }
    let refused = region.send("surgery", "PUT", &path, &off).await.expect(429);
    assert_eq!((refused.header("retry-after"), refused.issue().0.as_str()), ("60", "throttled"));
    region.subscribe("programme", &subscription(&receiver.address, "empty", &[])).await;
    region.later(60);
    region.send("surgery", "PUT", &path, &off).await.expect(200);
}
