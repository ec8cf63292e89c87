//! The page of feeds: how much comes, and whose silence is unusual.

use crate::governed::{Governed as Region, NHS};
use intake::{EntryKind, NewEntry};
use jiff::{SignedDuration, Timestamp};

const WEEKS: i64 = 3;

/// A hospital that sends something on a feed every hour, day and night, for some hours until some hours ago.
async fn speak(region: &Region, feed: &str, hours: std::ops::Range<i64>) {
    let now = Timestamp::now();
    let mut last = 0;
    for hour in hours.rev() {
        let received = now - SignedDuration::from_hours(hour);
        let body = format!(
            "MSH|^~\\&|PAS|XWA|SKEIN|REG|20260301120000||ADT^A28|{feed}{hour}|P|2.4\rEVN|A28|20260301120000\r\
             PID|1||{hour}^^^XWA^PI||NOBODY^NOBODY||19500102|2\r"
        );
        let entry = NewEntry {
            kind: EntryKind::Hl7v2,
            source: "rxx".into(),
            feed: feed.into(),
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
    speak(&region, "rxx", 20..WEEKS * 168).await;
    let text = page(&region, "Silent since").await;
    assert!(text.contains("1 source is silent for longer than usual"), "{text}");
    // Nineteen or twenty whole hours and a part, one message in each.
    assert!(text.contains("in such hours about 20 messages usually came"), "{text}");
    assert!(text.contains("Being learnt: needs two weeks"), "the practice spoke once: {text}");
    assert!(!text.contains("NOBODY"), "{text}");

    let region = Region::new().await;
    speak(&region, "rxx", 1..WEEKS * 168).await;
    let text = page(&region, "As usual for the hour.").await;
    assert!(text.contains("As usual for the hour.") && !text.contains("Silent since"), "{text}");
}

/// The row of a source or a feed.
fn row<'a>(body: &'a str, name: &str) -> &'a str {
    let begins = format!(">{name}<");
    let (_, rest) = body.split_once(&begins).unwrap_or_else(|| panic!("{name:?} is not in {body}"));
    rest.split_once("</tr>").map_or(rest, |(row, _)| row)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_that_falls_silent_is_missed_while_another_of_its_source_goes_on() {
    let feeds = [("rxx-adt", "rxx"), ("rxx-oru", "rxx"), ("rxx-siu", "rxx"), ("rxx-mdm", "rxx")];
    let region = Region::fed(&feeds).await;
    speak(&region, "rxx-adt", 20..WEEKS * 168).await;
    speak(&region, "rxx-oru", 1..WEEKS * 168).await;
    // One that is new, one that never spoke, and one that was taken out of the configuration long ago.
    speak(&region, "rxx-siu", 1..24).await;
    speak(&region, "rxx-old", 100..WEEKS * 168).await;
    let engineer = region.pages.visitor("engineer").await;
    assert!(region.notices.wait(region.pages.engine.progress().applied).await);
    let page = engineer.get("/feeds").await.expect(200);
    let (text, body) = (page.text(), &page.body);
    assert!(text.contains("1 feed is silent for longer than usual at such hours, while its source goes on"), "{text}");
    assert!(!text.contains("1 source is silent"), "{text}");
    assert!(row(body, "rxx of the region").contains("Speaks, but not on every feed."), "{text}");
    let adt = row(body, "Feed rxx-adt");
    assert!(adt.contains("Silent since") && adt.contains("in such hours about 20 messages usually came"), "{adt}");
    assert!(row(body, "Feed rxx-oru").contains("As usual for the hour."), "{text}");
    assert!(row(body, "Feed rxx-siu").contains("Being learnt: needs two weeks."), "{text}");
    assert!(row(body, "Feed rxx-mdm").contains("Has never spoken."), "{text}");
    assert!(row(body, "Feed rxx-old").contains("nothing is awaited on it"), "{text}");
    // It speaks again, and nothing is missed.
    speak(&region, "rxx-adt", 0..1).await;
    let page = engineer.get("/feeds").await.expect(200);
    page.says_not("1 feed is silent").says_not("Silent since");
    assert!(row(&page.body, "Feed rxx-adt").contains("As usual for the hour."), "{}", page.body);
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

/// Ann is in hospital.
const ADMITTED: &str = "EVN|A01|20260301100000\r\
                        PV1|1|I|W3^B1^1^XWA||||||||||||||||V1|||||||||||||||||||||||||20260301100000\r";

/// The hospital says something about Ann on a feed, so many hours ago.
async fn tell(region: &Region, feed: &str, hours: i64, event: &str, more: &str) {
    let entry = NewEntry {
        kind: EntryKind::Hl7v2,
        source: "rxx".into(),
        feed: feed.into(),
        received: Timestamp::now() - SignedDuration::from_hours(hours),
        ident: None,
        about: None,
        body: format!(
            "MSH|^~\\&|PAS|XWA|SKEIN|REG|20260301120000||{event}|{feed}{hours}|P|2.4\r\
             PID|1||1001^^^XWA^PI~{NHS}^^^NHS^NH||SMITH^ANN||19500102|F{}|NSTS01\r{more}",
            "|".repeat(23),
        )
        .into_bytes(),
        ack: None,
    };
    let intake::Receipt::Stored { pos, .. } = region.pages.engine.submit(entry).await.expect("taken") else {
        panic!("not stored")
    };
    region.pages.engine.wait_applied(pos).await.expect("processed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_says_which_feed_has_stopped_and_says_it_when_shown_again() {
    let feeds = "quiet_after = \"2h\"\n\
         [feeds.rxx-adt]\nwhat = \"admissions\"\nquiet_after = \"2h\"\nshares = [\"Encounter\"]\n\
         [feeds.rxx-limbs]\nwhat = \"scans\"\nquiet_after = \"1d\"\nshares = [\"ImagingStudy\"]\n\
         [feeds.rxx-lims]\nwhat = \"results\"\nquiet_after = \"2h\"\nshares = [\"DiagnosticReport\", \"Observation\"]\n";
    let region = Region::with_profile(feeds).await;
    let result = |number: &str, hour: &str, value: &str| {
        format!(
            "OBR|1|{number}|{number}|U^Urea and electrolytes|||20260301{hour}0000\r\
             OBX|1|NM|K^Potassium||{value}|mmol/L|3.5-5.3||||F|||20260301{hour}0000\r"
        )
    };
    tell(&region, "rxx-lims", 5, "ORU^R01", &result("L1", "08", "4.1")).await;
    tell(&region, "rxx-adt", 0, "ADT^A01", ADMITTED).await;

    let doctor = region.pages.visitor("doctor").await;
    let results = doctor.get(&region.record("/results")).await.expect(200);
    results.says("no results since").says("results last came at");
    results.says("Potassium").says("There may be more at rxx of the region (").says("no results since");
    let [origin, ..] = &results.links(&region.record("/item/Observation/"))[..] else { panic!("{}", results.text()) };
    doctor.get(origin).await.expect(200).says("Where this came from").says("no results since");
    let visits = doctor.get(&region.record("/visits")).await.expect(200);
    visits.says("no results since").says_not("There may be more");
    doctor.get(&region.record("")).await.expect(200).says("There may be more: rxx of the region (no ");
    let sources = doctor.get(&region.record("/sources")).await.expect(200);
    sources.says("Quiet in part");
    let engineer = region.pages.visitor("engineer").await;
    let page = engineer.get("/feeds").await.expect(200);
    let (adt, typed_wrongly) = (row(&page.body, "Feed rxx-adt"), row(&page.body, "Feed rxx-limbs"));
    assert!(adt.contains("Readers of records are told after 2 hours without."), "{adt}");
    assert!(
        typed_wrongly.contains("Not in the configuration, but in the source’s profile. Readers"),
        "{typed_wrongly}"
    );

    // The results come again, and nothing is missed. What was shown before says what it said.
    tell(&region, "rxx-lims", 0, "ORU^R01", &result("L2", "13", "4.4")).await;
    let results = doctor.get(&region.record("/results")).await.expect(200);
    results.says("no scans yet").says_not("no results since").says_not("There may be more").says("4.4");
    shown_again(&region, 6).await;

    // Nor does it say anything else once the profile has changed: what was then is made with the profile of then.
    let renamed = "source = \"rxx\"\nname = \"Renamed\"\nkind = \"hospital\"\nods = \"XWA\"\nquiet_after = \"30d\"\n";
    profile_becomes(&region, renamed).await;
    let results = doctor.get(&region.record("/results")).await.expect(200);
    results.says("Renamed").says_not("no scans yet").says_not("rxx of the region");
    shown_again(&region, 6).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_not_connected_any_more_is_not_awaited_and_pages_say_what_may_be_there() {
    let region = Region::with_profile("quiet_after = \"2h\"\nshares = [\"Encounter\", \"Observation\"]\n").await;
    tell(&region, "rxx-adt", 5, "ADT^A01", ADMITTED).await;
    let doctor = region.pages.visitor("doctor").await;
    doctor
        .get(&region.record("/results"))
        .await
        .expect(200)
        .says("There may be more at rxx of the region (silent since");

    let left = "source = \"rxx\"\nname = \"Old Infirmary\"\nkind = \"hospital\"\nods = \"XWA\"\nconnected = false\n\
                quiet_after = \"2h\"\nshares = [\"Encounter\", \"Observation\"]\n";
    profile_becomes(&region, left).await;
    let results = doctor.get(&region.record("/results")).await.expect(200);
    results.says("There may be more at Old Infirmary (no longer connected)").says("1 of 2 sources as fresh as usual");
    results.says("none recorded, but no longer connected").says_not("silent since");
    // What it has of a kind is all there is: nothing more is awaited. What it never shared is not there.
    let visits = doctor.get(&region.record("/visits")).await.expect(200);
    visits.says_not("There may be more").says("Old Infirmary");
    doctor.get(&region.record("/problems")).await.expect(200).says_not("Old Infirmary (no longer");
    let sources = doctor.get(&region.record("/sources")).await.expect(200);
    sources.says("Not connected").says("Old Infirmary is no longer connected to this record. What it sent until");
    // One that is not connected and knows nobody is not said to have no patient of this person.
    let never = "source = \"new\"\nname = \"Hospice\"\nkind = \"other\"\nconnected = false\n";
    profile_becomes_of("new", &region, never).await;
    let sources = doctor.get(&region.record("/sources")).await.expect(200);
    sources
        .says("Not connected to this record: Hospice.")
        .says("council of the region, ryy of the region, gp2 of the region.");
    let engineer = region.pages.visitor("engineer").await;
    let page = engineer.get("/feeds").await.expect(200);
    let row = row(&page.body, "Old Infirmary");
    assert!(row.contains("Not connected, as its profile says: nothing is awaited from it."), "{row}");
    shown_again(&region, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_practice_that_left_is_not_the_one_whose_name_is_withheld() {
    let region = Region::new().await;
    tell(&region, "rxx-adt", 0, "ADT^A01", ADMITTED).await;
    region.pages.restrict("gp", "g1", NHS).await;
    // The first by name.
    let left = "source = \"aaa\"\nname = \"Old Practice\"\nkind = \"gp\"\nconnected = false\n";
    profile_becomes_of("aaa", &region, left).await;
    let doctor = region.pages.visitor("doctor").await;
    for page in ["/vaccinations", "/sources"] {
        let page = doctor.get(&region.record(page)).await.expect(200);
        page.says("name withheld").says_not("no longer connected").says_not("Old Practice");
    }
}

/// The hospital's profile changes.
async fn profile_becomes(region: &Region, toml: &str) {
    profile_becomes_of("rxx", region, toml).await;
}

/// A source's profile changes.
async fn profile_becomes_of(source: &str, region: &Region, toml: &str) {
    let entry = NewEntry {
        kind: EntryKind::Profile,
        source: source.into(),
        feed: "configuration".into(),
        received: Timestamp::now(),
        ident: None,
        about: None,
        body: toml.into(),
        ack: None,
    };
    let intake::Receipt::Stored { pos, .. } = region.pages.engine.submit(entry).await.expect("taken") else {
        panic!("not stored")
    };
    region.pages.engine.wait_applied(pos).await.expect("processed");
}

/// Every page of the record that was sent is the same when it is shown again; so many say when results last came.
async fn shown_again(region: &Region, wanted: usize) {
    let officer = region.pages.visitor("officer").await;
    let entries = officer.get(&format!("/privacy/person/{}", region.person)).await.expect(200).links("/privacy/entry/");
    let (mut told, mut compared) = (0, 0);
    for entry in &entries {
        let page = officer.get(entry).await.expect(200);
        if page.body.contains(&format!("{entry}/shown")) {
            let again = officer.get(&format!("{entry}/shown")).await.expect(200);
            assert!(again.body.contains("It is the same as what was sent"), "{entry}: {}", again.body);
            told += usize::from(again.body.contains("results last came at"));
            compared += 1;
        }
    }
    assert!(compared > 3, "few pages can be shown again: {entries:?}");
    assert_eq!(
        told, wanted,
        "results, where one came from (an entry for it and one for its message), visits, the first screen and the sources said so: {entries:?}"
    );
}
