//! A source moves a visit to another of its patients (A42, A44, A45, A47): whoever may open a record because of the visit may
//! open the record that the visit is of now, and no longer the one it was recorded under.

use crate::governed::{Governed, NHS};
use fhir::PersonKey;

const OTHER_NHS: &str = "9434765870";
const ANN: &str = "SMITH^ANN||19500102|2";
const JONES: &str = "JONES^ANN||19500102|2";

/// Ann Smith and Ann Jones, both known to the hospital, and neither looked after there.
struct Story {
    region: Governed,
    jones: PersonKey,
}

fn visit(number: &str) -> String {
    format!("PV1|1|I|W3^B1^1^XWA||||||||||||||||{number}|||||||||||||||||||||||||20260301100000\r")
}

impl Story {
    async fn new() -> Story {
        let region = Governed::new().await;
        region.pages.hear("A28", "rxx", "1001", Some(NHS), ANN, "").await;
        region.pages.hear("A28", "rxx", "1002", Some(OTHER_NHS), JONES, "").await;
        let engine = &region.pages.engine;
        let snapshot = engine.derived().snapshot().unwrap();
        let jones = engine.region().patient("gp2", "p2");
        let jones = snapshot.person_of(jones, snapshot.seq()).unwrap().expect("a person");
        drop(snapshot);
        Story { region, jones }
    }

    /// Whether the hospital's doctor may open Smith's record, and Jones's.
    async fn opens(&self) -> (bool, bool) {
        let doctor = self.region.pages.visitor("doctor").await;
        let smith = doctor.get(&self.region.record("")).await.status;
        let jones = doctor.get(&format!("/record/{}", self.jones)).await.status;
        assert!([smith, jones].iter().all(|status| *status == 200 || *status == 303), "{smith} {jones}");
        (smith == 200, jones == 200)
    }

    async fn merge(&self, event: &str, from: &str, visit: &str) {
        let more = format!("MRG|{from}^^^RXX^PI||||{visit}\r");
        self.region.pages.hear(event, "rxx", "1001", Some(NHS), ANN, &more).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reach_of_a_visit_moves_along_with_it() {
    for event in ["A44", "A45"] {
        let story = Story::new().await;
        assert_eq!(story.opens().await, (false, false), "nobody is in the hospital");
        // Somebody admitted the wrong Ann.
        story.region.pages.hear("A01", "rxx", "1002", Some(OTHER_NHS), JONES, &visit("V1")).await;
        assert_eq!(story.opens().await, (false, true));
        story.merge(event, "1002", "V1").await;
        assert_eq!(story.opens().await, (true, false), "{event}: the visit is Smith's");
        // What the officer reads says so: it rests on that visit.
        let officer = story.region.pages.visitor("officer").await;
        let entries = officer.get(&format!("/privacy/person/{}", story.region.person)).await.expect(200);
        entries.says("admitted");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visit_of_ones_own_stays_when_another_moves_away() {
    let story = Story::new().await;
    for number in ["V1", "V2"] {
        story.region.pages.hear("A01", "rxx", "1002", Some(OTHER_NHS), JONES, &visit(number)).await;
    }
    story.merge("A44", "1002", "V1").await;
    assert_eq!(story.opens().await, (true, true), "one is Smith's, one is Jones's");
    // What is said of the moved visit later is said of Smith: its end takes the reach with it.
    story.region.pages.hear("A11", "rxx", "1002", Some(OTHER_NHS), JONES, &visit("V1")).await;
    assert_eq!(story.opens().await, (false, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visit_told_twice_reaches_once_and_ends_once() {
    let story = Story::new().await;
    for number in ["V1", "V2"] {
        story.region.pages.hear("A01", "rxx", "1001", Some(NHS), ANN, &visit(number)).await;
    }
    let more = format!("MRG|1001^^^RXX^PI||||V2\r{}", visit("V1"));
    story.region.pages.hear("A42", "rxx", "1001", Some(NHS), ANN, &more).await;
    assert_eq!(story.opens().await, (true, false));
    story.region.pages.hear("A11", "rxx", "1001", Some(NHS), ANN, &visit("V1")).await;
    assert_eq!(story.opens().await, (false, false), "the second telling does not keep the record open");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_number_keeps_the_reach() {
    let story = Story::new().await;
    story.region.pages.hear("A01", "rxx", "1001", Some(NHS), ANN, &visit("V1")).await;
    story.region.pages.hear("A47", "rxx", "1005", Some(NHS), ANN, "MRG|1001^^^RXX^PI\r").await;
    assert_eq!(story.opens().await, (true, false));
}
