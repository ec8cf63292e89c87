//! A record of more than ten thousand entries opens: of each test the newest values are on a page, what is few is there whole,
//! the page says what is not on it, and everything is reached page by page.

use crate::governed::{Governed, take};
use serde_json::{Value, json};

const VALUES: usize = 10_400;

fn resources() -> Vec<Value> {
    let of = json!({"reference": "Patient/p1"});
    let start: jiff::Timestamp = "2025-01-01T00:00:00Z".parse().expect("a time");
    let pulse = |n: usize| {
        let at = start + jiff::SignedDuration::from_mins(i64::try_from(n).expect("few"));
        json!({"resourceType": "Observation", "id": format!("o{n}"), "status": "final", "subject": of,
            "code": {"text": "Pulse by monitor"}, "effectiveDateTime": at.to_string(),
            "valueQuantity": {"value": n, "unit": "/min"}})
    };
    let mut all: Vec<Value> = (0..VALUES).map(pulse).collect();
    all.extend([
        json!({"resourceType": "Observation", "id": "weight", "status": "final", "subject": of, "code": {"text": "Weight of long ago"},
            "effectiveDateTime": "2009-05-01", "valueQuantity": {"value": 71, "unit": "kg"}}),
        json!({"resourceType": "AllergyIntolerance", "id": "a1", "patient": of, "code": {"text": "Penicillin of long ago"},
            "clinicalStatus": {"coding": [{"code": "active"}]}, "recordedDate": "1990-01-01"}),
        json!({"resourceType": "DiagnosticReport", "id": "r1", "status": "final", "subject": of, "code": {"text": "First panel"},
            "effectiveDateTime": "2025-01-01T00:02:30Z", "result": [{"reference": "Observation/o2"}]}),
    ]);
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_very_long_record_opens_page_by_page_and_says_what_is_not_on_the_page() {
    let region = Governed::new().await;
    take(&region.pages.engine, "gp", &resources()).await;
    let gp = region.pages.visitor("gp").await;
    gp.get(&region.record("")).await.expect(200).says("This is a very long record").says("Penicillin of long ago");
    let results = gp.get(&region.record("/results")).await.expect(200);
    results.says("This is a very long record").says("10,300 earlier ones are not here");
    results.says("Weight of long ago").says("Pulse by monitor").says("10399");
    let earlier = results.links(&region.record("/results?before=")).first().cloned().expect("a way to what was before");
    let second = gp.get(&earlier).await.expect(200);
    second.says("Back to the newest").says("10299").says_not("10399");
    // A report of the first day shows its own values, however many came since.
    let report = region.record(&format!("/results/report/{}", region.id("gp", "p1", "DiagnosticReport", "r1")));
    gp.get(&report).await.expect(200).says("First panel").says("Pulse by monitor");
    // So does one of its values, over time.
    let first = region.record(&format!("/results/trend/{}", region.id("gp", "p1", "Observation", "o2")));
    gp.get(&first).await.expect(200).says("Pulse by monitor").says("01-Jan-2025 00:02");
}
