//! Several processes serve one region on one database: each takes in and shows, one processes, and another goes on when it is gone.

use crate::{
    harness::{
        Region, Setup, http,
        region::READER_TOKEN,
        say::{Adt, ago},
        servers::Standby,
    },
    on_postgresql::{setup, sign_in},
    word_goes_out::Receiver,
};
use std::{
    process::Command,
    time::{Duration, Instant},
};

/// How soon another process goes on.
const GOES_ON_WITHIN: Duration = Duration::from_secs(5);
const NHS: &str = "9000000009";

fn admission(visit: &str) -> Vec<u8> {
    let mut message =
        Adt::new("A01", "1001", "20250301120000").traced(NHS).named("BAXTER^JOAN").visit("THE-VISIT", "W1");
    message.control_id = format!("M{visit}");
    String::from_utf8(message.bytes()).unwrap().replace("THE-VISIT", visit).into_bytes()
}

fn holder(region: &Region) -> String {
    region.database().sql("SELECT who FROM skein.lease WHERE until >= clock_timestamp()")
}

fn is_applying(region: &Region, one: &Region) -> bool {
    holder(region).ends_with(&format!(" {}", one.process()))
}

fn until(what: &str, within: Duration, mut is: impl FnMut() -> bool) -> Duration {
    let begin = Instant::now();
    while !is() {
        assert!(begin.elapsed() < within, "{what}: not within {within:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
    begin.elapsed()
}

/// Everything that was acknowledged is visible at this process.
fn until_visible(region: &Region, at: &Region) {
    let newest = region.database().sql("SELECT max(pos) FROM skein_journal.entry");
    until("what came in is visible", Duration::from_secs(30), || {
        let health = http::request(at.http(), "GET", "/health", &[], b"");
        health.status == 200 && health.json()["processed"].as_u64() == newest.parse().ok()
    });
}

fn visits(at: &Region) -> Vec<String> {
    let found =
        at.fhir(READER_TOKEN, "GET", &format!("/Patient?identifier=https://fhir.nhs.uk/Id/nhs-number%7C{NHS}"), b"");
    let found = found.expect(200).json();
    let id = found["entry"][0]["resource"]["id"].as_str().unwrap_or_else(|| panic!("{found}")).to_owned();
    let visits = at.fhir(READER_TOKEN, "GET", &format!("/Encounter?patient={id}&_count=1000"), b"").expect(200).json();
    let number = |entry: &serde_json::Value| {
        entry["resource"]["identifier"][0]["value"].as_str().unwrap_or_else(|| panic!("{entry}")).to_owned()
    };
    visits["entry"].as_array().into_iter().flatten().map(number).collect()
}

/// Each of these is there, once.
fn each_once(found: &[String], wanted: &[String]) {
    for visit in wanted {
        let times = found.iter().filter(|one| *one == visit).count();
        assert_eq!(times, 1, "{visit} of {}", wanted.len());
    }
}

#[test]
fn two_processes_take_in_and_show_and_when_one_is_killed_the_other_goes_on_within_five_seconds() {
    let mut first = Region::start_with(setup());
    let mut second = first.beside();
    second.serve();
    assert!(is_applying(&first, &first), "{}", holder(&first));

    // One patient's messages through both; each shows what came in through the other.
    let mut said = Vec::new();
    let (mut one, mut other) = (first.sender("rcb-adt"), second.sender("rcb-adt"));
    for n in 0..40 {
        let sender = if n % 2 == 0 { &mut one } else { &mut other };
        let visit = format!("V{n}");
        assert_eq!(sender.send(&admission(&visit)).code(), "AA");
        said.push(visit);
    }
    for at in [&first, &second] {
        until_visible(&first, at);
        each_once(&visits(at), &said);
        let found = at.fhir(READER_TOKEN, "GET", "/Patient?family=baxter&birthdate=1950", b"").status;
        assert!(found < 500, "{found}");
    }
    // A repeat through the other process is known.
    let repeated = other.send(&admission("V0"));
    assert_eq!(repeated.code(), "AA");
    assert_eq!(first.database().sql("SELECT count(*) FROM skein_journal.entry WHERE kind = 1"), "40");

    // The page of the record at the process that follows, found by its index of people.
    let (_, told, why) = first.skein(&["identity", "show", &first.patient_by_nhs_number(NHS)]);
    let person = told.lines().find_map(|line| line.strip_prefix("person ")).unwrap_or_else(|| panic!("{told}{why}"));
    let path = format!("/record/{}", person.trim());
    let cookie = sign_in(&second);
    let page = http::request(second.http(), "GET", &path, &[("Cookie", &cookie)], b"").expect(200).text();
    assert!(page.to_uppercase().contains("BAXTER"), "{page}");

    first.kill();
    let killed = Instant::now();
    let answered = other.send(&admission("V-AFTER"));
    assert_eq!(answered.code(), "AA", "messages are taken in meanwhile");
    said.push("V-AFTER".into());
    until("the other goes on", GOES_ON_WITHIN, || is_applying(&first, &second));
    until_visible(&first, &second);
    assert!(killed.elapsed() < GOES_ON_WITHIN + Duration::from_secs(2), "{:?}", killed.elapsed());
    each_once(&visits(&second), &said);

    // The first comes back and follows; the second stops as told, and the first takes over at once.
    first.serve();
    assert!(is_applying(&first, &second), "{}", holder(&first));
    until_visible(&first, &first);
    each_once(&visits(&first), &said);
    assert!(second.stop().success());
    until("the first goes on", GOES_ON_WITHIN, || is_applying(&first, &first));
    assert_eq!(first.sender("rcb-adt").send(&admission("V-LAST")).code(), "AA");
    said.push("V-LAST".into());
    until_visible(&first, &first);
    each_once(&visits(&first), &said);
    assert!(first.stop().success());
    for command in [&["verify"][..], &["audit", "verify"]] {
        let (fine, told, why) = first.skein(command);
        assert!(fine, "{command:?}: {told}{why}");
    }
}

#[test]
fn one_that_was_frozen_finds_its_place_taken_and_ends_and_nothing_is_applied_twice() {
    let mut first = Region::start_with(setup());
    let mut second = first.beside();
    second.serve();
    let mut said = Vec::new();
    let mut senders = [first.sender("rcb-adt"), second.sender("rcb-adt")];
    let mut say = |senders: &mut [crate::harness::mllp::Sender], which: usize| {
        let visit = format!("V{}", said.len());
        assert_eq!(senders[which].send(&admission(&visit)).code(), "AA");
        said.push(visit);
        said.len()
    };
    for n in 0..20 {
        say(&mut senders, n % 2);
    }
    let signal = |name: &str, process: u32| {
        assert!(Command::new("kill").args([name, &process.to_string()]).status().unwrap().success());
    };
    signal("-STOP", first.process());
    for _ in 0..20 {
        say(&mut senders, 1);
    }
    until("the other goes on", GOES_ON_WITHIN, || is_applying(&first, &second));
    until_visible(&first, &second);
    for _ in 0..10 {
        say(&mut senders, 1);
    }
    signal("-CONT", first.process());
    let status = first.ended();
    assert_eq!(status.code(), Some(1), "{}", first.log());
    assert!(first.log().contains("another process has taken over"), "{}", first.log());
    for _ in 0..10 {
        say(&mut senders, 1);
    }
    until_visible(&first, &second);
    each_once(&visits(&second), &said);
    assert!(second.stop().success());
    let (fine, told, why) = second.skein(&["verify"]);
    assert!(fine, "{told}{why}");
}

#[test]
fn of_several_that_start_at_once_one_applies_and_the_database_going_away_changes_nothing_of_that() {
    let mut first = Region::prepared(setup());
    let mut others = [first.beside(), first.beside()];
    std::thread::scope(|scope| {
        scope.spawn(|| first.serve());
        others.iter_mut().for_each(|other| drop(scope.spawn(|| other.serve())));
    });
    let all = [&first, &others[0], &others[1]];
    let applying = |all: &[&Region]| all.iter().filter(|one| is_applying(&first, one)).count();
    assert_eq!(applying(&all), 1, "{}", holder(&first));
    let before = holder(&first);
    let mut said = Vec::new();
    for round in 0..5 {
        first.database().sql(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        );
        for (which, one) in all.iter().enumerate() {
            let visit = format!("V{round}-{which}");
            // Its answer may be that it was not stored: the connection broke.
            if one.sender("rcb-adt").send(&admission(&visit)).code() == "AA" {
                said.push(visit);
            }
        }
        std::thread::sleep(Duration::from_millis(300));
    }
    assert_eq!(holder(&first), before, "whoever applied goes on applying");
    for one in all {
        until_visible(&first, one);
        each_once(&visits(one), &said);
    }
}

#[test]
fn what_goes_out_is_sent_on_by_the_next_process_from_where_the_former_was() {
    let receiver = Receiver::answering(&[]);
    let more = format!(
        "[[adt_out]]\nname = \"council\"\nto = \"{}\"\nid = \"council-cases\"\norganisation_code = \"719\"\n\
         organisation_name = \"Borough Council\"\nreach = \"region\"\nreceiving_application = \"CASES\"\n\
         receiving_facility = \"719\"\n",
        receiver.address
    );
    let mut first = Region::start_with(Setup { more: setup().more + &more, ..setup() });
    let mut second = first.beside();
    second.serve();
    let stay = |visit: &'static str, minutes: i64| {
        Adt::new("A01", "1001", ago(minutes)).traced(NHS).named("BAXTER^JOAN").visit(visit, visit).bytes()
    };
    let next = || receiver.heard.recv_timeout(Duration::from_secs(30)).expect("a message");
    let mut sender = second.sender("rcb-adt");
    for (n, visit) in ["V1", "V2", "V3"].into_iter().enumerate() {
        assert_eq!(sender.send(&stay(visit, 90 - i64::try_from(n).unwrap())).code(), "AA");
        let told = next();
        assert!(told.contains(visit), "{told}");
    }
    // Longer than it takes to leave it.
    std::thread::sleep(Duration::from_secs(2));
    first.kill();
    assert_eq!(sender.send(&stay("V4", 60)).code(), "AA");
    let told = next();
    assert!(told.contains("V4"), "those before it are not sent again: {told}");
    if let Ok(more) = receiver.heard.recv_timeout(Duration::from_secs(2)) {
        panic!("nothing more was to come: {more}");
    }
    assert!(second.stop().success());
}

#[test]
fn one_that_reads_from_a_copy_says_how_old_what_it_shows_is() {
    let first = Region::start_with(setup());
    let sent = first.sender("rcb-adt").send(&admission("V1"));
    assert_eq!(sent.code(), "AA");
    until_visible(&first, &first);
    let copy = Standby::start();
    let mut second = first.beside();
    let text = std::fs::read_to_string(second.config()).unwrap();
    let database = first.database().sql("SELECT current_database()");
    let replica = format!("data = \"data\"\nreplica = \"{}\"", copy.address(&database));
    std::fs::write(second.config(), text.replace("data = \"data\"", &replica)).unwrap();
    second.serve();
    each_once(&visits(&second), &["V1".to_owned()]);
    let (_, told, why) = first.skein(&["identity", "show", &first.patient_by_nhs_number(NHS)]);
    let person = told.lines().find_map(|line| line.strip_prefix("person ")).unwrap_or_else(|| panic!("{told}{why}"));
    let path = format!("/record/{}", person.trim());
    let cookie = sign_in(&second);
    let page = || http::request(second.http(), "GET", &path, &[("Cookie", &cookie)], b"").expect(200).text();
    assert!(!page().contains("Records are shown as they were"), "{}", page());

    // What it takes in is in the one journal, and here once the copy has it.
    assert_eq!(second.sender("rcb-adt").send(&admission("V2")).code(), "AA");
    until_visible(&first, &second);
    each_once(&visits(&second), &["V1".to_owned(), "V2".to_owned()]);
    copy.be_behind("20s");
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(first.sender("rcb-adt").send(&admission("V3")).code(), "AA");
    until_visible(&first, &first);
    until("it says that it is behind", Duration::from_secs(10), || page().contains("Records are shown as they were"));
    assert_eq!(visits(&second).len(), 2);
    copy.be_behind("0");
    until_visible(&first, &second);
    until("it has caught up", Duration::from_secs(10), || !page().contains("Records are shown as they were"));
    each_once(&visits(&second), &["V1".to_owned(), "V2".to_owned(), "V3".to_owned()]);
    assert!(is_applying(&first, &first), "one that reads from a copy never applies");

    let (made, _, why) = first.beside().skein(&["rebuild"]);
    assert!(!made && why.contains("in use by another skein process") && why.contains("stop every process"), "{why}");
    each_once(&visits(&first), &["V1".to_owned(), "V2".to_owned(), "V3".to_owned()]);
}
