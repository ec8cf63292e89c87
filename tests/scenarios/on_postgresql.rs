//! A region whose journal, audit trail and derived state are in PostgreSQL.

use crate::harness::{Region, Setup, http, say::Adt};
use std::{
    collections::{HashMap, HashSet},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

const PASSWORD: &str = "a long enough password";

pub(crate) fn setup() -> Setup {
    let hash = access::hash_password(PASSWORD).unwrap();
    let more = format!(
        "[[user]]\nid = \"doctor\"\nname = \"doctor\"\nrole_code = \"R8000\"\nrole_name = \"doctor\"\norganisation_code = \
         \"RCB\"\norganisation_name = \"Riverside\"\npassword_hash = \"{hash}\"\n"
    );
    Setup { more, postgres: true, ..Setup::default() }
}

pub(crate) fn sign_in(region: &Region) -> String {
    let cookies = |answer: &http::Response| {
        let set = answer.headers.iter().filter(|(name, _)| name == "set-cookie");
        set.filter_map(|(_, value)| value.split(';').next()).map(str::to_owned).collect::<Vec<_>>().join("; ")
    };
    let form = http::request(region.http(), "GET", "/sign-in", &[], b"");
    let page = String::from_utf8(form.body.clone()).unwrap();
    let token = page.split("name=\"form_token\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let body = format!("form_token={token}&then=&name=doctor&password={}", PASSWORD.replace(' ', "+"));
    let form_cookie = cookies(&form);
    let headers = [("Cookie", form_cookie.as_str()), ("Content-Type", "application/x-www-form-urlencoded")];
    cookies(&http::request(region.http(), "POST", "/sign-in", &headers, body.as_bytes()).expect(303))
}

/// A message comes in over MLLP, and the record's page shows what it said; the files that SQLite would keep are not there.
#[test]
fn a_message_that_came_in_is_on_the_records_page() {
    let mut region = Region::start_with(setup());
    let admitted =
        Adt::new("A01", "1001", "20250301120000").traced("9434765919").named("BAXTER^JOAN").visit("V1", "OBS1");
    assert_eq!(region.sender("rcb-adt").send(&admitted.and("AL1|1|DA|Z88.0^Penicillin^I10").bytes()).code(), "AA");
    let patient = region.patient_by_nhs_number("9434765919");
    let (_, told, said) = region.skein(&["identity", "show", &patient]);
    let person = told.lines().find_map(|line| line.strip_prefix("person ")).unwrap_or_else(|| panic!("{told}{said}"));
    let cookie = sign_in(&region);
    let path = format!("/record/{}", person.trim());
    let page = http::request(region.http(), "GET", &path, &[("Cookie", &cookie)], b"").expect(200);
    let page = String::from_utf8(page.body).unwrap();
    assert!(page.contains("Penicillin") && page.to_uppercase().contains("BAXTER"), "{page}");

    let data = region.folder().join("data");
    for file in ["journal.db", "audit.db", "derived.db"] {
        assert!(!data.join(file).exists(), "{file}");
    }
    assert_eq!(region.database().sql("SELECT count(*) FROM skein_journal.entry WHERE kind = 1"), "1");
    assert!(region.stop().success());
    region.serve();
    assert_eq!(region.patient_by_nhs_number("9434765919"), patient, "after a restart as well");
    assert!(region.stop().success());
    for command in [&["verify"][..], &["audit", "verify"], &["errors", "list"]] {
        let (fine, told, said) = region.skein(command);
        assert!(fine, "{command:?}: {told}{said}");
    }
}

/// The database is cut off again and again while a sender keeps on: each message that was answered is there once, the others
/// were told so, and it goes on by itself.
#[test]
fn a_database_that_goes_away_loses_nothing_and_processing_goes_on_by_itself() {
    let mut region = Region::start_with(setup());
    let done = AtomicBool::new(false);
    let mut accepted = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                region.database().sql(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                     WHERE datname = current_database() AND pid <> pg_backend_pid()",
                );
                std::thread::sleep(Duration::from_millis(200));
            }
        });
        let mut pas = region.sender("rcb-adt");
        let begin = Instant::now();
        for n in 0.. {
            if begin.elapsed() > Duration::from_secs(6) && accepted.len() > 50 {
                break;
            }
            let mut message = Adt::new("A01", "1001", "20250301120000").visit("THE-VISIT", "OBS1");
            message.control_id = format!("M{n}");
            let text = String::from_utf8(message.bytes()).unwrap().replace("THE-VISIT", &format!("V{n}"));
            if pas.send(text.as_bytes()).code() == "AA" {
                accepted.push(format!("V{n}"));
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    // It waits a moment before it tries again, and says so.
    let begin = Instant::now();
    while http::request(region.http(), "GET", "/health", &[], b"").status != 200 {
        assert!(begin.elapsed() < Duration::from_secs(60), "it does not go on: {}", region.log());
        std::thread::sleep(Duration::from_millis(50));
    }
    region.until_caught_up();
    let found = region.read("/Patient?identifier=1001");
    let id = found["entry"][0]["resource"]["id"].as_str().unwrap().to_owned();
    let visits = region.read_all(&format!("/Encounter?patient={id}&_count=500"));
    let mut times: HashMap<&str, usize> = HashMap::new();
    for found in &visits {
        let numbers = found["identifier"].as_array().into_iter().flatten().filter_map(|own| own["value"].as_str());
        for number in numbers.collect::<HashSet<_>>() {
            *times.entry(number).or_default() += 1;
        }
    }
    for visit in &accepted {
        assert_eq!(times.get(visit.as_str()), Some(&1), "{visit} of {}", accepted.len());
    }
    assert!(region.stop().success());
    let (same, told, said) = region.skein(&["verify"]);
    assert!(same, "{told}{said}");
}

/// A database without tables says what to do.
#[test]
fn a_database_without_tables_says_what_to_do() {
    let mut region = Region::prepared(Setup::default());
    let text = std::fs::read_to_string(region.config()).unwrap();
    let empty = crate::harness::database::Database::new();
    let store = format!("data = \"data\"\nstore = \"{}\"", empty.address());
    std::fs::write(region.config(), text.replace("data = \"data\"", &store)).unwrap();
    let ended = region.try_serve().unwrap_err();
    assert!(ended.status.code() == Some(2) && ended.said.contains("skein init"), "{ended:?}");
}
