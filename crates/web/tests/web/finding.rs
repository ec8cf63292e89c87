//! Finding somebody by whatever is known of them, in one field.

use crate::governed::{Governed, NHS, take};
use crate::visitor::{Page, Visitor};
use serde_json::{Value, json};

async fn find(who: &Visitor<'_>, words: &str) -> Page {
    let form = who.get("/").await.expect(200);
    let sent = who.fill(&form, "/find", &[("words", words)]).await;
    match &sent.location {
        Some(to) => {
            assert!(to.starts_with("/find/") || to.starts_with("/record/"), "{to}");
            for word in words.split_whitespace().filter(|word| word.len() > 3) {
                assert!(!to.to_lowercase().contains(&word.to_lowercase()), "{word} stands in {to}");
            }
            who.get(to).await
        }
        None => sent,
    }
}

fn at(id: &str, family: &str, given: &str, birth: &str, line: &str) -> Value {
    json!({"resourceType": "Patient", "id": id, "active": true, "gender": "female", "birthDate": birth,
        "name": [{"family": family, "given": [given]}],
        "address": [{"use": "home", "line": [line], "city": "Bolton", "postalCode": "BL1 4QR"}]})
}

async fn neighbours() -> Governed {
    let region = Governed::new().await;
    let all = [
        at("n1", "Featherstone", "Margaret", "1945-07-14", "12 Elm Road"),
        at("n2", "Featherstone", "Margaret", "1971-03-02", "12 Elm Road"),
        at("n3", "Okonkwo-O’Brien", "Zoë", "1988-05-06", "14 Elm Road"),
        at("n4", "Nguyễn", "Hương", "1990-03-12", "16 Elm Road"),
    ];
    take(&region.pages.engine, "rxx", &all).await;
    region
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_one_is_marked_by_address_and_age_and_never_opened_by_itself() {
    let region = neighbours().await;
    let doctor = region.pages.visitor("doctor").await;
    for words in ["Margaret Featherstone 14/7/1945", "featherstone margaret 14 jul 1945", "14-07-45 Featherstone"] {
        let page = find(&doctor, words).await.expect(200);
        page.says("1 person found").says("FEATHERSTONE, Margaret").says("14-Jul-1945 (").says("12 Elm Road, BL1 4QR");
        page.says_not("02-Mar-1971").says_not("Other ");
    }
    // Whoever else lives there comes after, and is said to differ.
    let page = find(&doctor, "Featherstone 14071945 BL1 4QR").await.expect(200);
    page.says("2 people found").says("Other date of birth 02-Mar-1971");
    // Typing errors are forgiven, and said.
    let page = find(&doctor, "Margret Fetherstone 14/7/1945 BL1 4QR").await.expect(200);
    page.says("FEATHERSTONE, Margaret").says("Name similar");
    find(&doctor, "Featherstone 7/14/1945 BL14QR").await.expect(200).says("14-Jul-1945");
    find(&doctor, "Featherstone 14/7/1954 BL1 4QR").await.expect(200).says("Date of birth nearly the same");
    find(&doctor, "okonkwo obrien zoe 6 May 1988").await.expect(200).says("Okonkwo-O’Brien".to_uppercase().as_str());
    for words in ["nguyen huong 12/3/1990", "NGUYỄN Hương 12/3/1990", "Huo\u{31b}ng Nguyen bl1 4qr"] {
        find(&doctor, words).await.expect(200).says("NGUYỄN, Hương").says_not("Name similar");
    }
    find(&doctor, "Nobody 14/7/1945").await.expect(200).says("Nobody found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_house_is_everybody_in_it_and_a_number_opens_only_whom_all_the_rest_fits() {
    let region = neighbours().await;
    let paramedic = region.pages.visitor("paramedic").await;
    let reader =
        || store::audit::AuditReader::open(&store::Folder::visit(region.pages.engine.folder()).unwrap()).unwrap();
    let before = reader().last().unwrap();
    let page = find(&paramedic, "12 bl1 4qr").await.expect(200);
    // Whoever has the postcode and lives in another house was not shown, and was not found by their own trail.
    let entries = reader().after(before, 100).unwrap();
    let found = entries.iter().filter(|entry| entry.body.contains(r#""action":"found""#));
    let found: std::collections::BTreeSet<_> = found.filter_map(|entry| entry.person).collect();
    assert_eq!(found.len(), 2);
    page.says("2 people found").says("14-Jul-1945").says("02-Mar-1971").says_not("Elm Road, BL1 4QR 14");
    // The number alone opens; with a name that is another's it does not.
    let form = paramedic.get("/").await.expect(200);
    let sent = paramedic.fill(&form, "/find", &[("words", NHS)]).await.expect(303);
    assert!(sent.to().starts_with("/record/"), "{}", sent.to());
    find(&paramedic, &format!("{NHS} Bilal Hussain")).await.expect(200).says("SMITH, Ann").says("Other name");
    let page = find(&paramedic, &format!("{NHS} 4711xy")).await.expect(200);
    page.says("Not understood, and left out: 4711xy");
}

#[tokio::test(flavor = "multi_thread")]
async fn too_little_says_what_lacks_and_keeps_what_was_typed() {
    let region = neighbours().await;
    let doctor = region.pages.visitor("doctor").await;
    for (words, says) in [
        ("", "Enter an NHS number"),
        ("Featherstone", "Add a date of birth or a postcode"),
        ("14/7/1945", "Add a name or a postcode"),
        ("BL1 4QR", "the number of the house"),
        ("943 476 5918", "not a valid NHS number"),
        ("@@ 4711xy", "Nothing in this is"),
    ] {
        let page = find(&doctor, words).await.expect(200);
        page.says(says).says("There is a problem");
        assert!(page.body.contains(&format!("value=\"{words}\"")), "{words} is to be typed again");
    }
    let hostile = "<script>alert(1)</script> \" onfocus=x 1/1/1950";
    let page = find(&doctor, hostile).await.expect(200);
    assert!(!page.body.contains("<script>alert"), "{}", page.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_opened_is_a_step_away_and_asked_for_again() {
    let region = neighbours().await;
    let doctor = region.pages.visitor("gp").await;
    doctor.get("/recent").await.expect(200).says("no record since you signed in");
    doctor.get(&region.record("")).await.expect(200);
    doctor.get("/").await.expect(200).says("Opened lately (1)");
    doctor.get("/recent").await.expect(200).says("SMITH, Ann");
    // In another session nobody is remembered.
    region.pages.visitor("gp").await.get("/recent").await.expect(200).says_not("SMITH, Ann");
}
