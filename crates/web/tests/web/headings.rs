//! Headings of the standard that stand under "everything else", as they come over the FHIR feed.

use crate::governed::{Governed, take};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn family_history_formulation_and_research_stand_under_their_own_headings() {
    let region = Governed::new().await;
    region.admit().await;
    let of = json!({"reference": "Patient/p1"});
    let history = |own: &str, status: &str, condition: &str| {
        json!({"resourceType": "FamilyMemberHistory", "id": own, "status": status, "patient": of, "date": "2019-03-04",
            "name": "Joan Smith-Jones", "condition": [{"code": {"text": condition}, "onsetAge": {"value": 45, "unit": "years"}}],
            "relationship": {"coding": [{"system": "http://snomed.info/sct", "code": "72705000", "display": "Mother"}]}})
    };
    let sent = [
        history("f1", "completed", "Breast cancer"),
        history("f2", "entered-in-error", "Huntington disease"),
        json!({"resourceType": "ClinicalImpression", "id": "i1", "status": "completed", "subject": of, "date": "2026-05-06",
            "summary": "Low mood after a bereavement", "assessor": {"display": "Dr Patel"}}),
        json!({"resourceType": "ResearchSubject", "id": "r1", "status": "on-study", "individual": of,
            "study": {"display": "Statins in later life"}, "period": {"start": "2021-01-02"}}),
    ];
    take(&region.pages.engine, "gp", &sent).await;
    let doctor = region.pages.visitor("doctor").await;
    let page = doctor.get(&region.record("/other")).await.expect(200);
    page.says("Family history").says("Mother").says("Breast cancer (at 45 years)").says_not("Joan Smith-Jones");
    page.says("These are not the person");
    page.says("Formulation").says("Low mood after a bereavement").says("Dr Patel").says("06-May-2026");
    page.says("Research").says("Statins in later life").says("On study");
    let text = &page.body;
    let (error, entry) = (text.find("Withdrawn by their source"), text.find("Huntington disease"));
    assert!(error.is_some() && error < entry, "what was withdrawn stands beneath the words that say so");
    doctor.get(&region.record("/problems")).await.expect(200).says_not("Breast cancer").says_not("Huntington");
    doctor.get(&region.record("/timeline")).await.expect(200).says_not("Huntington");
}
