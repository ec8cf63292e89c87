//! A hospital's own list of inpatients, compared with who is in that hospital as far as the region knows.

use crate::harness::{
    Region, Setup, http,
    say::{Adt, ago},
};
use std::time::{Duration, Instant};

const PASSWORD: &str = "a long enough password";
/// Baxter is on both lists, Hall in another ward, Young not in the census; the census has one more.
const CENSUS: &str =
    "Hospital number,NHS number,Ward,Admitted\r\n0001001,,Ward 12,01/03/2026\r\n,900 000 0017,W9,\r\nKQ7777,,W3,\r\n";

fn region(more: &str) -> Region {
    let hash = access::hash_password(PASSWORD).unwrap();
    let account = |id: &str, role: &str, organisation: &str| {
        format!(
            "[[user]]\nid = \"{id}\"\nname = \"{id}\"\nrole_code = \"{role}\"\nrole_name = \"{id}\"\norganisation_code = \
             \"{organisation}\"\norganisation_name = \"{organisation}\"\npassword_hash = \"{hash}\"\n"
        )
    };
    let accounts =
        [account("nurse", "R8001", "RCB"), account("engineer", "R8015", "X26"), account("gp", "R8000", "Y06601")];
    Region::prepared(Setup { more: format!("{more}\n{}", accounts.concat()), ..Setup::default() })
}

fn admit(region: &Region) {
    let mut pas = region.sender("rcb-adt");
    for (local, nhs, name, visit, ward) in [
        ("1001", "9000000009", "BAXTER^JOAN", "V1", "W12"),
        ("1002", "9000000017", "HALL^ANN", "V2", "W7"),
        ("1003", "9000000025", "YOUNG^PETER", "V3", "W7"),
    ] {
        pas.send(&Adt::new("A01", local, ago(60)).traced(nhs).named(name).visit(visit, ward).bytes());
    }
    region.until_caught_up();
}

fn sign_in(region: &Region, name: &str) -> String {
    let cookies = |answer: &http::Response| {
        let set = answer.headers.iter().filter(|(name, _)| name == "set-cookie");
        set.filter_map(|(_, value)| value.split(';').next()).map(str::to_owned).collect::<Vec<_>>().join("; ")
    };
    let form = http::request(region.http(), "GET", "/sign-in", &[], b"");
    let body =
        format!("form_token={}&then=&name={name}&password={}", token_of(&form.text()), PASSWORD.replace(' ', "+"));
    let cookie = cookies(&form);
    let headers = [("Cookie", cookie.as_str()), ("Content-Type", "application/x-www-form-urlencoded")];
    cookies(&http::request(region.http(), "POST", "/sign-in", &headers, body.as_bytes()).expect(303))
}

fn token_of(page: &str) -> String {
    page.split("name=\"form_token\" value=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .unwrap_or_default()
        .to_owned()
}

fn get(region: &Region, cookie: &str, path: &str) -> http::Response {
    http::request(region.http(), "GET", path, &[("Cookie", cookie)], b"")
}

fn send(region: &Region, cookie: &str, source: &str, sheet: &str) -> http::Response {
    let token = token_of(&get(region, cookie, "/census").expect(200).text());
    let part = |name: &str, more: &str, value: &str| {
        format!("--limit\r\nContent-Disposition: form-data; name=\"{name}\"{more}\r\n\r\n{value}\r\n")
    };
    let body = [
        part("form_token", "", &token),
        part("source", "", source),
        part("sheet", "; filename=\"census.csv\"", sheet),
        "--limit--\r\n".to_owned(),
    ];
    let headers = [("Cookie", cookie), ("Content-Type", "multipart/form-data; boundary=limit")];
    http::request(region.http(), "POST", "/census", &headers, body.concat().as_bytes())
}

/// What is read on a page, without tags.
fn text(page: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for letter in page.chars() {
        match letter {
            '<' => inside = true,
            '>' => (inside, text) = (false, text + " "),
            _ if !inside => text.push(letter),
            _ => {}
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn staff_of_the_hospital_see_who_differs_and_support_sees_how_many() {
    let mut region = region("");
    region.serve();
    admit(&region);
    let nurse = sign_in(&region, "nurse");
    // What follows the change feed is a moment behind.
    let begun = Instant::now();
    let page = loop {
        send(&region, &nurse, "rcb", CENSUS).expect(303);
        let page = text(&get(&region, &nurse, "/census").expect(200).text());
        if page.contains("Another ward") && page.contains("YOUNG") {
            break page;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{page}");
        std::thread::sleep(Duration::from_millis(200));
    };
    let after = |words: &str| page.split(words).nth(1).unwrap_or_default().to_owned();
    assert!(page.contains("3 3 1 1 1 1"), "lines, inpatients, agree, not here, not there, elsewhere: {page}");
    assert!(after("An admission did not reach this record").contains("KQ7777"), "{page}");
    assert!(after("A discharge did not reach this record").contains("YOUNG, PETER"), "{page}");
    assert!(page.contains("HALL, ANN") && page.contains("In the census, line 3: W9"), "{page}");
    assert!(!page.contains("BAXTER"), "who agrees is not shown: {page}");
    // A sheet that is none.
    let bad = send(&region, &nurse, "rcb", "Ward,Bed\nW1,1\n");
    assert!(bad.status == 400 && bad.text().contains("Hospital number"), "{}", bad.text());
    // Support sees the numbers, and nobody.
    let engineer = sign_in(&region, "engineer");
    let numbers = text(&get(&region, &engineer, "/census").expect(200).text());
    assert!(numbers.contains("3 3 1 1 1 1") && numbers.contains("shown to staff of the hospital"), "{numbers}");
    for nobody in ["YOUNG", "HALL", "KQ7777", "9000000017"] {
        assert!(!numbers.contains(nobody), "{nobody}: {numbers}");
    }
    // Others neither.
    let gp = sign_in(&region, "gp");
    get(&region, &gp, "/census").expect(403);
    assert!(!region.log().contains("YOUNG") && !region.log().contains("KQ7777"));
}

#[test]
fn the_newest_file_of_a_folder_is_compared_and_the_log_has_the_numbers_alone() {
    let mut region = region("[[census]]\nsource = \"rcb\"\nfolder = \"lists\"\n");
    let lists = region.folder().join("lists");
    std::fs::create_dir(&lists).unwrap();
    std::fs::write(lists.join("old.csv"), "Hospital number,Ward\n1,W1\n2,W1\n").unwrap();
    std::fs::write(lists.join("notes.txt"), "no list").unwrap();
    std::thread::sleep(Duration::from_millis(30));
    std::fs::write(lists.join("SMITH.csv"), CENSUS).unwrap();
    region.serve();
    admit(&region);
    let begun = Instant::now();
    while !region.log().contains("list of inpatients differs") {
        assert!(begun.elapsed() < Duration::from_secs(30), "{}", region.log());
        std::thread::sleep(Duration::from_millis(100));
    }
    // Nobody was admitted when it started: all three of the newest list are missing.
    let log = region.log();
    let line = log.lines().find(|line| line.contains("list of inpatients differs")).unwrap();
    assert!(line.contains("census=3") && line.contains("not_here="), "{line}");
    assert!(!log.contains("SMITH") && !log.contains("KQ7777"), "{line}");
    let engineer = sign_in(&region, "engineer");
    assert!(get(&region, &engineer, "/census").expect(200).text().contains("the file of "));
}
