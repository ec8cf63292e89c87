//! The first screen: what comes first differs by profession, what is there does not.

use crate::governed::{Governed, take};
use serde_json::json;

const CARDS: [&str; 8] = [
    "card-allergies",
    "card-medicines",
    "card-problems",
    "card-results",
    "card-next",
    "card-letters",
    "card-kin",
    "card-involved",
];

fn order(body: &str) -> Vec<&'static str> {
    let mut found: Vec<(usize, &str)> =
        CARDS.into_iter().filter_map(|card| Some((body.find(&format!("id=\"{card}\""))?, card))).collect();
    found.sort_unstable();
    found.into_iter().map(|(_, card)| card).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_profession_sees_first_what_it_needs_first_and_nobody_less() {
    let region = Governed::new().await;
    take(
        &region.pages.engine,
        "community",
        &[
            json!({"resourceType": "Patient", "id": "p1", "birthDate": "1950-01-02",
        "gender": "female", "name": [{"family": "Smith", "given": ["Ann"]}],
        "identifier": [{"system": fhir::nhs::SYSTEM, "value": crate::governed::NHS, "extension": [{
            "url": fhir::nhs::VERIFICATION_STATUS, "valueCodeableConcept": {"coding": [
                {"system": fhir::nhs::VERIFICATION_STATUS_SYSTEM, "code": "01"}]}}]}]}),
            json!({"resourceType": "CareTeam", "id": "t1", "status": "active", "subject": {"reference": "Patient/p1"},
            "name": "District nurses", "managingOrganization": [{"identifier": {"value": "XWC"}}],
            "participant": [{"member": {"display": "Sister Joan Hale"}, "role": [{"text": "Key worker"}]}]}),
        ],
    )
    .await;
    let gp = region.pages.visitor("gp").await;
    let page = gp.get(&region.record("")).await.expect(200);
    assert_eq!(order(&page.body)[0], "card-problems");
    page.says("In the order for General practice").says("Sister Joan Hale").says("Penicillin");
    let nurse = region.pages.visitor("nurse").await;
    let page = nurse.get(&region.record("")).await.expect(200);
    assert_eq!(order(&page.body)[0], "card-kin");
    let first = [
        ("ward", "card-allergies"),
        ("emergency", "card-problems"),
        ("pharmacist", "card-medicines"),
        ("social-care", "card-kin"),
        ("person", "card-next"),
        ("gp", "card-problems"),
    ];
    for (view, card) in first {
        let page = gp.get(&region.record(&format!("?view={view}"))).await.expect(200);
        assert_eq!(order(&page.body)[0], card, "{view}");
        assert_eq!(order(&page.body).len(), CARDS.len(), "{view} leaves something out");
    }
    // A view that there is not is the reader's own; nothing of it is in the page.
    gp.get(&region.record("?view=%3Cb%3E")).await.expect(200).says("In the order for General practice").says_not("<b>");
    let ann = region.pages.visitor("ann").await;
    let own = ann.get(&region.record("")).await.expect(200);
    assert_eq!(order(&own.body).first(), Some(&"card-next"));
    own.says_not("Other orders");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pack_says_when_it_is_from_for_whom_and_what_may_be_missing() {
    let region = Governed::new().await;
    let gp = region.pages.visitor("gp").await;
    let pack = gp.get(&region.record("/pack")).await.expect(200);
    pack.says("Printed for gp by name, X81001").says("Penicillin").says("Asthma").says("How fresh and how complete");
    pack.says_not("Sealed finding");
    // A receptionist gets no clinical pack.
    let desk = region.pages.visitor("receptionist").await;
    desk.get(&region.record("/pack")).await.expect(200).says_not("Penicillin").says_not("Asthma").says("withheld");
    region.pages.visitor("engineer").await.get(&region.record("/pack")).await.expect(403);
}

/// While messages wait outside, no page reads as though it were up to date; what was taken before is all there.
#[tokio::test(flavor = "multi_thread")]
async fn every_page_says_that_nothing_new_comes_in_while_the_disk_is_nearly_full() {
    let region = crate::governed::Governed::new().await;
    let gp = region.pages.visitor("gp").await;
    let ann = region.pages.visitor("ann").await;
    assert!(!gp.get(&region.record("")).await.expect(200).body.contains("Not up to date"));
    let since = jiff::Timestamp::now();
    region.pages.engine.journal().hold(Some(store::journal::Room { left: 90_000_000, kept: 512_000_000, since }));
    for page in [region.record(""), region.record("/results"), "/account".to_owned()] {
        let body = gp.get(&page).await.expect(200).body;
        for words in ["Not up to date.", "Nothing new is taken", "disk is nearly full", "ask the hospital, practice or"]
        {
            assert!(body.contains(words), "{page} does not say {words:?}");
        }
        // In plain words to the person.
        let body = ann.get(&page).await.expect(200).body;
        for words in ["Not up to date.", "Nothing new has come into your record since", "ask your practice or hospital"]
        {
            assert!(body.contains(words), "{page} does not say {words:?}");
        }
    }
    region.pages.engine.journal().hold(None);
    assert!(!gp.get(&region.record("")).await.expect(200).body.contains("Not up to date"));
}
