//! What sources say side by side, and results across laboratories, on the pages.

use crate::governed::{Governed, NHS, take};
use serde_json::{Value, json};

fn of_patient(mut resource: Value, patient: &str) -> Value {
    let element = if resource["resourceType"] == "AllergyIntolerance" { "patient" } else { "subject" };
    resource[element] = json!({"reference": format!("Patient/{patient}")});
    resource
}

fn medicine(own: &str, name: &str, dose: &str) -> Value {
    json!({"resourceType": "MedicationStatement", "id": own, "status": "active", "dateAsserted": "2026-10-01",
        "medicationCodeableConcept": {"text": name}, "dosage": [{"text": dose}], "effectivePeriod": {"start": "2026-09-01"}})
}

fn haemoglobin(own: &str, value: impl Into<Value>, unit: &str, day: &str, range: Value) -> Value {
    json!({"resourceType": "Observation", "id": own, "status": "final", "effectiveDateTime": day,
        "category": [{"coding": [{"code": "laboratory"}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "718-7", "display": "Haemoglobin"}]},
        "valueQuantity": {"value": value.into(), "unit": unit}, "referenceRange": [range]})
}

/// The same person in the practice and in hospital, each with a list of its own.
async fn two_lists() -> Governed {
    let region = Governed::new().await;
    region.admit().await;
    let number = json!([{"system": fhir::nhs::SYSTEM, "value": NHS, "extension": [{"url": fhir::nhs::VERIFICATION_STATUS,
        "valueCodeableConcept": {"coding": [{"system": fhir::nhs::VERIFICATION_STATUS_SYSTEM, "code": "01"}]}}]}]);
    let ward = json!({"resourceType": "Patient", "id": "px", "active": true, "gender": "female", "birthDate": "1950-01-02",
        "name": [{"family": "Smith", "given": ["Ann"]}], "identifier": number});
    let practice = [
        medicine("m1", "Ramipril 5mg capsules", "One capsule once a day"),
        haemoglobin("h1", 13.2, "g/dL", "2026-08-01T09:00:00Z", json!({"low": {"value": 11.5}, "high": {"value": 16}})),
        haemoglobin("h3", 12.9, "g/dL", "2026-07-01T09:00:00Z", json!({"low": {"value": 11.5}, "high": {"value": 16}})),
    ];
    take(&region.pages.engine, "gp", &practice.map(|one| of_patient(one, "p1"))).await;
    let hospital = [
        medicine("m2", "Ramipril 10 mg capsules", "One capsule once a day"),
        json!({"resourceType": "AllergyIntolerance", "id": "n1", "recordedDate": "2026-09-02",
            "code": {"coding": [{"system": "http://snomed.info/sct", "code": "716186003", "display": "No known allergy"}]}}),
        haemoglobin("h2", 101, "g/L", "2026-09-01T09:00:00Z", json!({"low": {"value": 120}, "high": {"value": 155}})),
    ];
    let hospital: Vec<Value> = std::iter::once(ward).chain(hospital.map(|one| of_patient(one, "px"))).collect();
    take(&region.pages.engine, "rxx", &hospital).await;
    region
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_of_two_sources_stand_side_by_side_with_what_differs_in_words() {
    let region = two_lists().await;
    let doctor = region.pages.visitor("doctor").await;
    let page = doctor.get(&region.record("/medicines?view=side-by-side")).await.expect(200);
    page.says("Strength differs").says("gp of the region: 5mg; rxx of the region: 10 mg");
    page.says("Ramipril 5mg capsules").says("Ramipril 10 mg capsules").says("One capsule once a day");
    page.says("Last said 01-Oct-2026").says("Received");
    let page = doctor.get(&region.record("/medicines?view=by-source")).await.expect(200);
    page.says("Ramipril 5mg capsules").says("Ramipril 10 mg capsules").says_not("Strength differs");
    doctor.get(&region.record("/medicines")).await.expect(200).says("Strength differs");
    let page = doctor.get(&region.record("/allergies?view=side-by-side")).await.expect(200);
    page.says("Conflict: stated as none known").says("“No known allergy” recorded by rxx of the region on 02-Sep-2026");
    page.says("“Penicillin” recorded by gp of the region").says("States that none are known");
    doctor.get(&region.record("/problems?view=side-by-side")).await.expect(200).says("Asthma");
    doctor.get(&region.record("/visits?view=side-by-side")).await.expect(404);
    doctor.get(&region.record("/medicines?view=anything")).await.expect(400);
}

#[tokio::test(flavor = "multi_thread")]
async fn results_of_two_laboratories_share_a_row_and_say_what_was_converted() {
    let region = two_lists().await;
    let doctor = region.pages.visitor("doctor").await;
    let page = doctor.get(&region.record("/results/table")).await.expect(200);
    page.says("132").says("converted from 13.2 g/dL").says("120 to 155").says("11.5 to 16 g/dL");
    let one = region.id("rxx", "px", "Observation", "h2");
    let page = doctor.get(&region.record(&format!("/results/trend/{one}"))).await.expect(200);
    page.says("132 g/L, converted from 13.2 g/dL").says("Ranges by laboratory").says("11.5 to 16 g/dL");
}

#[tokio::test(flavor = "multi_thread")]
async fn results_are_filtered_without_script_and_what_is_left_out_is_counted() {
    let region = two_lists().await;
    let doctor = region.pages.visitor("doctor").await;
    let all = doctor.get(&region.record("/results")).await.expect(200);
    all.says("Haemoglobin").says_not("Filtered:");
    let asked = [("tab", "results/table"), ("test", "haemo"), ("since", "2026-08-01"), ("until", ""), ("source", "gp")];
    let to = doctor.fill(&all, &region.record("/results/filter"), &asked).await.expect(303).to();
    assert!(
        to.starts_with(&region.record("/results/table?filter=")) && to.ends_with("&since=2026-08-01&source=gp"),
        "{to}"
    );
    let page = doctor.get(&to).await.expect(200);
    page.says("Filtered: 1 of").says("13.2").says_not("12.9").says_not("101");
    // Out of range by its own laboratory's range: the test is shown with all its values.
    let page = doctor.get(&region.record("/results/table?abnormal=yes")).await.expect(200);
    page.says("101").says("129").says("tests with a value out of range");
    let filtered = async |words: &str, tab: &str| {
        let asked = [("tab", tab), ("test", words)];
        doctor.fill(&all, &region.record("/results/filter"), &asked).await.expect(303).to()
    };
    doctor.get(&filtered("potassium", "").await).await.expect(200).says("No result is as asked for");
    let page = doctor.get(&region.record("/results?since=yesterday")).await.expect(200);
    page.says("“yesterday” is not a date").says("Haemoglobin");
    let hostile = filtered("<script>alert(1)</script>", "results/reports").await;
    doctor.get(&hostile).await.expect(200).says("Filtered: 0 of 4").says_not("Haemoglobin");
    assert!(!doctor.get(&hostile).await.body.contains("<script>alert"));
    // Words in an address are not taken from it, and those of another's session are nobody else's.
    doctor.get(&region.record("/results?test=potassium")).await.expect(200).says("Haemoglobin").says_not("Filtered:");
    let gp = region.pages.visitor("gp").await;
    gp.get(&hostile).await.expect(200).says("no longer remembered").says_not("alert(1)");
    assert_ne!(doctor.post(&region.record("/results/filter"), &[("test", "x")]).await.status, 303, "no form of ours");
}

#[tokio::test(flavor = "multi_thread")]
async fn results_filtered_by_words_can_be_shown_again_though_no_address_holds_them() {
    let region = two_lists().await;
    let doctor = region.pages.visitor("doctor").await;
    let all = doctor.get(&region.record("/results")).await.expect(200);
    let asked = [("tab", "results/table"), ("test", "Smithson"), ("abnormal", "yes")];
    let to = doctor.fill(&all, &region.record("/results/filter"), &asked).await.expect(303).to();
    assert!(!to.contains("Smithson"), "{to}");
    let page = doctor.get(&to).await.expect(200);
    page.says("named “Smithson”").says("No result is as asked for");
    for link in page.links("/record/") {
        assert!(!link.contains("Smithson"), "{link}");
    }
    let officer = region.pages.visitor("officer").await;
    let entries = officer.get(&format!("/privacy/person/{}", region.person)).await.expect(200);
    let mut shown = 0;
    for entry in entries.links("/privacy/entry/") {
        if !officer.get(&entry).await.expect(200).body.contains(&format!("{entry}/shown")) {
            continue;
        }
        let again = officer.get(&format!("{entry}/shown")).await.expect(200);
        assert!(again.body.contains("It is the same as what was sent"), "{entry}: {}", again.text());
        shown += usize::from(again.body.contains("named “Smithson”"));
    }
    assert_eq!(shown, 1, "the filtered table is shown again as it was");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrected_result_shows_what_it_said_before() {
    let region = two_lists().await;
    let doctor = region.pages.visitor("doctor").await;
    let range = || json!({"low": {"value": 120}, "high": {"value": 155}});
    let mut corrected = haemoglobin("h2", 141, "g/L", "2026-09-01T09:00:00Z", range());
    corrected["status"] = "corrected".into();
    take(&region.pages.engine, "rxx", &[of_patient(corrected, "px")]).await;
    let one = region.id("rxx", "px", "Observation", "h2");
    let trend = region.record(&format!("/results/trend/{one}"));
    let page = doctor.get(&trend).await.expect(200);
    page.says("141").says("Corrected").says("Was 101 g/L").says("Below range");
    let earlier = page.links(&region.record("/item/Observation/")).into_iter().find(|link| link.ends_with("version=1"));
    doctor.get(&earlier.expect("a link to the first version")).await.expect(200).says("This is an earlier version");
    // What was shown, the earlier version among it, can be shown again.
    let officer = region.pages.visitor("officer").await;
    let entries = officer.get(&format!("/privacy/person/{}", region.person)).await.expect(200).links("/privacy/entry/");
    let mut same = 0;
    for entry in entries {
        let page = officer.get(&entry).await.expect(200);
        if page.body.contains(&format!("{entry}/shown")) && page.body.contains("results of one test") {
            let again = officer.get(&format!("{entry}/shown")).await.expect(200);
            assert!(again.body.contains("It is the same as what was sent"), "{}", again.text());
            again.says("Was 101 g/L");
            same += 1;
        }
    }
    assert_eq!(same, 1);
}
