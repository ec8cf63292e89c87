//! Misuse is looked for while a region is served: what is noticed is on the privacy officer's desk, once, across a restart.

use crate::harness::{Region, Setup, http, say::Adt};
use std::time::{Duration, Instant};

const PASSWORD: &str = "a long enough password";

/// Somebody who signs in as a browser does; gives the session's cookie.
fn sign_in(region: &Region, name: &str) -> String {
    let cookies = |answer: &http::Response| {
        let set = answer.headers.iter().filter(|(name, _)| name == "set-cookie");
        set.filter_map(|(_, value)| value.split(';').next()).map(str::to_owned).collect::<Vec<_>>().join("; ")
    };
    let form = http::request(region.http(), "GET", "/sign-in", &[], b"");
    let page = String::from_utf8(form.body.clone()).unwrap();
    let token = page.split("name=\"form_token\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let body = format!("form_token={token}&then=&name={name}&password={}", PASSWORD.replace(' ', "+"));
    let form_cookie = cookies(&form);
    let headers = [("Cookie", form_cookie.as_str()), ("Content-Type", "application/x-www-form-urlencoded")];
    let answer = http::request(region.http(), "POST", "/sign-in", &headers, body.as_bytes());
    assert_eq!(answer.status, 303, "{}", String::from_utf8_lossy(&answer.body));
    cookies(&answer)
}

/// A doctor opens the record of a patient who is the doctor: it is noticed when the trail is next judged, and only once.
#[test]
fn whoever_opens_their_own_record_is_on_the_privacy_officers_desk_once() {
    let hash = access::hash_password(PASSWORD).unwrap();
    let account = |id: &str, role: &str, organisation: &str| {
        format!(
            "\n[[user]]\nid = \"{id}\"\nname = \"{id}\"\nrole_code = \"{role}\"\nrole_name = \"{id}\"\norganisation_code = \
             \"{organisation}\"\norganisation_name = \"{organisation}\"\npassword_hash = \"{hash}\"\n"
        )
    };
    let more = format!(
        "{}{}\n[[organisation]]\ncode = \"XRCB\"\nname = \"Riverside\"\nkind = \"hospital\"\n\n[misuse]\nstaff = \"staff.csv\"\n",
        account("doctor", "R8000", "XRCB"),
        account("officer", "R0001", "XPROG")
    );
    let mut region = Region::prepared(Setup { more, ..Setup::default() });
    std::fs::write(region.folder().join("staff.csv"), "id,nhs_number\ndoctor,943 476 5919\n").unwrap();
    region.serve();
    region
        .sender("rcb-adt")
        .send(&Adt::new("A01", "1001", "20250301120000").traced("9434765919").visit("V1", "OBS1").bytes());
    let patient = region.patient_by_nhs_number("9434765919");
    let (_, told, _) = region.skein(&["identity", "show", &patient]);
    let cookie = sign_in(&region, "doctor");
    let person = told.lines().find_map(|line| line.strip_prefix("person ")).expect("the person's key");
    let path = format!("/record/{}", person.trim());
    let why = http::request(region.http(), "GET", &format!("{path}/why"), &[("Cookie", &cookie)], b"");
    assert_eq!(why.status, 200, "{told}");
    let page = String::from_utf8(why.body).unwrap();
    let token = page.split("name=\"form_token\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let headers = [("Cookie", cookie.as_str()), ("Content-Type", "application/x-www-form-urlencoded")];
    let body = format!("form_token={token}&reason=ongoing-care&words=");
    assert_eq!(http::request(region.http(), "POST", &format!("{path}/why"), &headers, body.as_bytes()).status, 303);
    assert_eq!(http::request(region.http(), "GET", &path, &[("Cookie", &cookie)], b"").status, 200);

    let suspicions = |region: &Region| {
        let cookie = sign_in(region, "officer");
        let desk = http::request(region.http(), "GET", "/privacy?kind=misuse", &[("Cookie", &cookie)], b"");
        String::from_utf8(desk.body).unwrap().matches("own-record").count()
    };
    for _ in 0..2 {
        assert!(region.stop().success());
        region.serve();
        let begun = Instant::now();
        while suspicions(&region) == 0 {
            assert!(begun.elapsed() < Duration::from_secs(30), "nothing was noticed");
            std::thread::sleep(Duration::from_millis(300));
        }
        std::thread::sleep(Duration::from_secs(2));
        assert_eq!(suspicions(&region), 1, "it is raised once");
    }
    let (whole, told, said) = region.skein(&["audit", "verify"]);
    assert!(whole, "{told}{said}");
}
