//! Reading leaves a trace that cannot be changed unseen; the log holds none of what was read.

use crate::harness::{
    Region, Setup, http,
    region::READER_TOKEN,
    say::{Adt, SECRETS},
};
use rusqlite::Connection;

fn entries(region: &Region) -> Vec<String> {
    let audit = Connection::open(region.folder().join("data/audit.db")).unwrap();
    let mut statement = audit.prepare("SELECT body FROM entry ORDER BY n").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// Search and reading, granted and refused, are written down, with what was shown.
#[test]
fn every_reading_is_in_the_audit_trail() {
    let mut region = Region::start();
    region
        .sender("rcb-adt")
        .send(&Adt::new("A01", "1001", "20250301120000").traced("9434765919").visit("V1", "OBS1").bytes());
    let person = region.patient_by_nhs_number("9434765919");
    let found = entries(&region);
    assert_eq!(found.len(), 2, "that somebody looked, and whom they found: {found:?}");
    region.read(&format!("/Patient/{person}/$everything"));
    let read = entries(&region);
    assert_eq!(read.len(), 4, "{read:?}");
    assert!(read[3].contains("\"action\":\"shown\"") && read[3].contains("Encounter/"), "what was shown: {}", read[3]);
    assert!(read[2].contains("reader") && read[2].contains("everything") && read[2].contains("\"seq\""), "{}", read[2]);
    assert!(read.iter().all(|entry| !entry.contains("9434765919") && !entry.contains("BAXTER")), "{read:?}");
    assert!(region.stop().success());

    let (whole, told, _) = region.skein(&["verify"]);
    assert!(whole && told.contains("chain unbroken"), "{told}");
}

/// Whatever is changed in an entry, whichever is removed or put elsewhere: it is found, and named.
#[test]
fn a_flipped_byte_is_found() {
    let mut region = Region::start();
    region
        .sender("rcb-adt")
        .send(&Adt::new("A01", "1001", "20250301120000").traced("9434765919").visit("V1", "OBS1").bytes());
    let person = region.patient_by_nhs_number("9434765919");
    for _ in 0..3 {
        region.read(&format!("/Patient/{person}/$everything"));
    }
    assert!(region.stop().success());
    let file = region.folder().join("data/audit.db");
    let kept = std::fs::read(&file).unwrap();
    for (what, sql) in [
        ("time", "UPDATE entry SET at = at + 1 WHERE n = 3"),
        ("person", "UPDATE entry SET person = person + 1 WHERE n = 3"),
        ("no person", "UPDATE entry SET person = NULL WHERE n = 3"),
        ("user", "UPDATE entry SET user = 'readeq' WHERE n = 3"),
        ("body", "UPDATE entry SET body = '[' || substr(body, 2) WHERE n = 3"),
        ("last byte", "UPDATE entry SET body = substr(body, 1, length(body) - 1) || ' ' WHERE n = 3"),
        ("hash", "UPDATE entry SET hash = zeroblob(32) WHERE n = 3"),
        ("removed", "DELETE FROM entry WHERE n = 3"),
        (
            "in another order",
            "UPDATE entry SET n = -n WHERE n IN (3, 4); UPDATE entry SET n = CASE n WHEN -3 THEN 4 ELSE 3 END WHERE n < 0",
        ),
        (
            "a reason slipped in",
            "INSERT INTO matter (n, kind, user, at, until, about) SELECT 3, 1, user, at, at + 1000000000, 'ongoing-care' FROM entry WHERE n = 3",
        ),
        ("policies", "UPDATE policy SET files = replace(files, 'permit', 'Permit')"),
        ("the end cut off", "DELETE FROM entry WHERE n > 3"),
    ] {
        let audit = Connection::open(&file).unwrap();
        audit.execute_batch(sql).unwrap();
        assert!(audit.total_changes() > 0, "{what}");
        drop(audit);
        let (whole, told, said) = region.skein(&["audit", "verify"]);
        assert!(
            !whole && (said.contains("entry 3") || ["the end cut off", "policies"].contains(&what)),
            "{what}: {told}{said}"
        );
        std::fs::write(&file, &kept).unwrap();
    }
    let (whole, told, said) = region.skein(&["audit", "verify"]);
    assert!(whole, "{told}{said}");
}

/// At the most talkative level, with good and bad messages, searches and refusals: no name, no number, no query.
#[test]
fn nothing_about_a_person_is_logged() {
    let region = Region::start_with(Setup { more: "[log]\nlevel = \"trace\"\n".into(), ..Setup::default() });
    let mut pas = region.sender("rcb-adt");
    let named = Adt::new("A01", "LOCAL77", "20250301120000")
        .traced("9434765919")
        .named("ZWICKYNAME^QUILLA")
        .telephone("01904 777777");
    pas.send(&named.clone().visit("V1", "OBS1").bytes());
    pas.send(&named.clone().born("19520231").bytes());
    pas.send(
        String::from_utf8(named.bytes())
            .unwrap()
            .replace("LOCAL77^^^RCB^MR", "")
            .replace("9434765919^^^NHS^NH", "")
            .as_bytes(),
    );
    pas.send(b"MSH|^~\\&|PAS|RCB|||20250301||ADT^A01|X1|P|2.4\rZWICKYNAME is no segment\r");
    let _ = pas.raw(b"ZWICKYNAME without a frame");
    let person = region.patient_by_nhs_number("9434765919");
    region.read(&format!("/Patient/{person}/$everything"));
    for path in [
        "/Patient?family=ZWICKYNAME&birthdate=1952-03-14",
        "/Patient?zwickyname=1",
        "/Patient/zwickyname",
        "/Zwickyname",
    ] {
        region.fhir(READER_TOKEN, "GET", path, b"");
    }
    region.fhir(
        crate::harness::region::GP_TOKEN,
        "POST",
        "",
        b"{\"resourceType\":\"Patient\",\"name\":\"ZWICKYNAME\"}",
    );
    http::request(region.http(), "GET", "/record/zwickyname", &[], b"");
    let (_, _, said) = region.skein(&["errors", "show", "999999"]);
    let log = region.log().to_lowercase();
    assert!(log.lines().count() > 3, "it does log: {log}");
    for secret in SECRETS {
        let line = log.lines().find(|line| line.contains(secret));
        assert!(line.is_none(), "{secret} is in the log: {line:?}");
        assert!(!said.to_lowercase().contains(secret), "{said}");
    }
}

/// A person whose source protects them leaves without address, telephone, next of kin and practice.
#[test]
fn whereabouts_of_a_restricted_person_leave_through_no_output() {
    let region = Region::start();
    let hidden = Adt::new("A28", "1001", "20250301120000")
        .traced("9434765919")
        .telephone("01904 777777")
        .and("PD1|||QUIETHAVEN SURGERY^^Y06601|G5612908^Townley^Gregory||||||||Y")
        .and("NK1|1|HIDDENKIN^ALBERT|1|7 SECRET LANE^^YORK|01904 888888");
    assert_eq!(region.sender("rcb-adt").send(&hidden.bytes()).code(), "AA");
    let person = region.patient_by_nhs_number("9434765919");
    region.until_caught_up();
    for path in [
        format!("/Patient/{person}"),
        format!("/Patient/{person}/$everything"),
        format!("/Patient/{person}/_history"),
        format!("/RelatedPerson?patient={person}"),
        "/Patient?family=BAXTER&birthdate=1952-03-14".to_owned(),
    ] {
        let answer = region.fhir(READER_TOKEN, "GET", &path, b"").text();
        for secret in ["West Avenue", "YO32", "01904", "QUIETHAVEN", "Y06601", "Townley", "HIDDENKIN", "SECRET LANE"] {
            assert!(!answer.contains(secret), "{secret} in {path}: {answer}");
        }
    }
    let by_postcode = region.read("/Patient?address-postalcode=YO32%205TT&birthdate=1952-03-14");
    assert_eq!(by_postcode["total"], 0, "to be found by a postcode would tell it");
    let patient = region.read(&format!("/Patient/{person}"));
    assert_eq!(patient["name"][0]["family"], "BAXTER", "who she is may be known");
    assert!(patient["meta"]["security"].to_string().contains("\"R\""), "and that it is restricted: {patient:#}");
}
