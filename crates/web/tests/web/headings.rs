//! Headings of the standard that stand under "everything else", as they come over the FHIR feed.

use crate::governed::{Governed, take};
use record::view::View;
use serde_json::{Value, json};

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

/// What a source sends under each heading that is no section of its own, and what a reader sees there.
fn of_headings() -> Vec<(&'static str, Value, &'static str)> {
    let of = json!({"reference": "Patient/p1"});
    let observation = |id: &str, category: &str, text: &str, value: Value| {
        let mut one = json!({"resourceType": "Observation", "id": id, "status": "final", "subject": of, "code": {"text": text},
            "category": [{"coding": [{"code": category}]}], "effectiveDateTime": "2026-01-06"});
        for (name, value) in value.as_object().expect("members") {
            one[name] = value.clone();
        }
        one
    };
    let flag = |id: &str, category: &str, text: &str| {
        json!({"resourceType": "Flag", "id": id, "status": "active", "subject": of,
        "category": [{"text": category}], "code": {"text": text}, "period": {"start": "2025-05-01"}})
    };
    vec![
        (
            "requirements",
            flag("h1", "Reasonable adjustment", "Needs a longer appointment"),
            "Needs a longer appointment",
        ),
        (
            "findings",
            observation(
                "h2",
                "vital-signs",
                "Respiratory rate",
                json!({"valueQuantity": {"value": 22, "unit": "/min"}}),
            ),
            "22 /min",
        ),
        (
            "findings",
            observation(
                "h3",
                "exam",
                "NEWS2 score",
                json!({"valueInteger": 7, "component": [
            {"code": {"text": "ACVPU"}, "valueString": "Confused"}, {"code": {"text": "SpO2 scale"}, "valueInteger": 2}]}),
            ),
            "SpO2 scale",
        ),
        (
            "assessments",
            observation("h4", "survey", "Electronic frailty index", json!({"valueQuantity": {"value": 0.31}})),
            "moderate frailty",
        ),
        (
            "family-history",
            json!({"resourceType": "FamilyMemberHistory", "id": "h5", "status": "completed", "patient": of,
            "relationship": {"text": "Mother"}, "condition": [{"code": {"text": "Stroke of the mother"}}]}),
            "Stroke of the mother",
        ),
        (
            "pregnancy",
            observation(
                "h6",
                "social-history",
                "Pregnancy status",
                json!({"valueCodeableConcept": {"text": "Pregnant, 20 weeks"}}),
            ),
            "Pregnant, 20 weeks",
        ),
        (
            "social",
            observation("h7", "social-history", "Lives with", json!({"valueString": "Lives alone, ground floor"})),
            "Lives alone, ground floor",
        ),
        (
            "services",
            json!({"resourceType": "EpisodeOfCare", "id": "h8", "status": "active", "patient": of,
            "type": [{"text": "Community matron service"}], "period": {"start": "2025-02-01"}}),
            "Community matron service",
        ),
        (
            "legal",
            json!({"resourceType": "Flag", "id": "h9", "status": "active", "subject": of, "category": [{"text": "Legal"}],
            "code": {"text": "Lasting power of attorney for health and welfare"}}),
            "Lasting power of attorney",
        ),
        (
            "safeguarding",
            flag("h10", "Safeguarding", "Adult safeguarding enquiry open"),
            "Adult safeguarding enquiry open",
        ),
        (
            "risks",
            json!({"resourceType": "RiskAssessment", "id": "h11", "status": "final", "subject": of, "code": {"text": "Falls"},
            "prediction": [{"outcome": {"text": "Fall at home"}, "qualitativeRisk": {"text": "High"}}]}),
            "Fall at home: High",
        ),
        (
            "formulation",
            json!({"resourceType": "ClinicalImpression", "id": "h12", "status": "completed", "subject": of,
            "summary": "Low mood since the bereavement"}),
            "Low mood since the bereavement",
        ),
        (
            "research",
            json!({"resourceType": "ResearchSubject", "id": "h13", "status": "on-study", "individual": of,
            "study": {"display": "Study of walking aids"}}),
            "Study of walking aids",
        ),
        (
            "actions",
            json!({"resourceType": "Communication", "id": "h14", "status": "completed", "subject": of, "sent": "2026-01-08T10:00:00Z",
            "payload": [{"contentString": "Please check the potassium in a week"}]}),
            "Please check the potassium in a week",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_heading_of_the_standard_has_a_place_and_what_is_under_it_stays_where_it_was() {
    let region = Governed::new().await;
    let all = of_headings();
    let resources: Vec<Value> = all.iter().map(|(_, resource, _)| resource.clone()).collect();
    take(&region.pages.engine, "gp", &resources).await;
    let gp = region.pages.visitor("gp").await;
    let list = gp.get(&region.record("/headings")).await.expect(200);
    for (heading, _, words) in &all {
        let page = region.record(&format!("/headings/{heading}"));
        assert!(list.body.contains(&format!("href=\"{page}\"")), "{heading} is not on the list");
        gp.get(&page).await.expect(200).says(words);
    }
    // Nothing was taken out of the sections, and nobody worked a score out.
    gp.get(&region.record("/alerts")).await.expect(200).says("Needs a longer appointment").says("Adult safeguarding");
    gp.get(&region.record("/results")).await.expect(200).says("Electronic frailty index").says("NEWS2 score");
    // An empty one says why, source by source; one that is not there is not there.
    list.says("Headings with nothing recorded");
    gp.get(&region.record("/headings/nothing")).await.expect(404);
    gp.get(&region.record("/headings/medicines")).await.expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn first_screens_take_from_the_headings_and_say_what_a_profession_expects_and_does_not_find() {
    let region = Governed::new().await;
    let gp = region.pages.visitor("gp").await;
    // Nothing there yet: said to whom it matters, and no empty frame for the others.
    let before = gp.get(&region.record("?view=social-care")).await.expect(200);
    before.says("No legal information, safeguarding or risks recorded by");
    gp.get(&region.record("")).await.expect(200).says_not("Legal, safeguarding and risks");
    let all = of_headings();
    let mut resources: Vec<Value> = all.iter().map(|(_, resource, _)| resource.clone()).collect();
    let of = json!({"reference": "Patient/p1"});
    // Measured at a bedside and sent without a category, as over HL7 v2; and a pregnancy of years ago.
    resources.push(json!({"resourceType": "Observation", "id": "h20", "status": "final", "subject": of,
        "code": {"text": "Sats", "coding": [{"system": "http://loinc.org", "code": "59408-5"}]},
        "effectiveDateTime": "2026-01-07", "valueQuantity": {"value": 91, "unit": "%"}}));
    resources.push(json!({"resourceType": "Observation", "id": "h21", "status": "final", "subject": of,
        "code": {"text": "Gestation"}, "effectiveDateTime": "2016-01-07", "valueString": "30 weeks in 2016"}));
    take(&region.pages.engine, "gp", &resources).await;
    for view in View::ALL {
        let page = gp.get(&region.record(&format!("?view={}", view.slug()))).await.expect(200);
        for words in
            ["22 /min", "91 %", "0.31", "Lives alone, ground floor", "Fall at home: High", "Adult safeguarding"]
        {
            page.says(words);
        }
        page.says("Needs").says("Needs a longer appointment").says_not("30 weeks in 2016");
    }
    gp.get(&region.record("/headings/findings")).await.expect(200).says("Sats");
    gp.get(&region.record("/headings/pregnancy")).await.expect(200).says("30 weeks in 2016");
    gp.get(&region.record("/pack")).await.expect(200).says("Needs: Needs a longer appointment");
    let ann = region.pages.visitor("ann").await;
    ann.get(&region.record("")).await.expect(200).says_not("afeguarding").says("Legal decisions and risks");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_score_the_source_did_not_give_is_not_given_and_an_old_legal_decision_does_not_read_as_one_that_holds() {
    let region = Governed::new().await;
    let of = json!({"reference": "Patient/p1"});
    let part = json!({"resourceType": "Observation", "id": "n1", "status": "final", "subject": of, "code": {"text": "Pulse"},
        "effectiveDateTime": "2026-01-06", "valueQuantity": {"value": 131, "unit": "/min"}});
    let news = json!({"resourceType": "Observation", "id": "n2", "status": "final", "subject": of, "code": {"text": "NEWS2"},
        "category": [{"coding": [{"code": "vital-signs"}]}], "effectiveDateTime": "2026-01-06",
        "hasMember": [{"reference": "Observation/n1"}]});
    let ended = json!({"resourceType": "Flag", "id": "n3", "status": "active", "subject": of, "category": [{"text": "Legal"}],
        "code": {"text": "Deprivation of liberty authorised"}, "period": {"start": "2023-01-01", "end": "2024-01-01"}});
    let wrong = json!({"resourceType": "RiskAssessment", "id": "n4", "status": "entered-in-error", "subject": of, "code": {"text": "Falls by mistake"}});
    let set = json!({"resourceType": "Observation", "id": "n5", "status": "final", "subject": of, "code": {"text": "NEWS2 observations"},
        "category": [{"coding": [{"code": "vital-signs"}]}], "effectiveDateTime": "2026-01-07", "component": [
            {"code": {"text": "Respirations"}, "valueQuantity": {"value": 24, "unit": "/min"}},
            {"code": {"text": "Systolic", "coding": [{"code": "8480-6"}]}, "valueQuantity": {"value": 92, "unit": "mmHg"}},
            {"code": {"text": "Diastolic", "coding": [{"code": "8462-4"}]}, "valueQuantity": {"value": 61, "unit": "mmHg"}},
            {"code": {"text": "Consciousness"}, "valueString": "New confusion"}]});
    let rate = json!({"resourceType": "Observation", "id": "n6", "status": "final", "subject": of, "code": {"text": "Respiratory rate"},
        "category": [{"coding": [{"code": "vital-signs"}]}], "effectiveDateTime": "2026-01-08",
        "dataAbsentReason": {"text": "Refused by patient"}});
    take(&region.pages.engine, "gp", &[part, news, ended, wrong, set, rate]).await;
    let gp = region.pages.visitor("gp").await;
    let findings = gp.get(&region.record("/headings/findings")).await.expect(200);
    findings.says("Not given by the source").says("Pulse 131");
    // No part of a set is left out, and its pressure does not stand for the whole.
    for part in ["Respirations: 24", "Systolic: 92", "Consciousness: New confusion", "No value: refused by patient"] {
        findings.says(part);
    }
    assert_eq!(findings.text().matches("Not given by the source").count(), 2, "of scores alone: {}", findings.text());
    let legal = gp.get(&region.record("/headings/legal")).await.expect(200).text();
    let over = legal.find("No longer in force").expect("apart");
    assert!(over < legal.find("Deprivation of liberty").expect("shown"), "{legal}");
    for page in ["/headings/risks", "/alerts"] {
        let text = gp.get(&region.record(page)).await.expect(200).text();
        assert!(
            text.find("Withdrawn by their source").expect(page) < text.find("Falls by mistake").expect(page),
            "{text}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_reads_the_headings_in_plain_words() {
    let region = Governed::new().await;
    let ann = region.pages.visitor("ann").await;
    let list = ann.get(&region.record("/headings")).await.expect(200);
    list.says("Everything in your record").says("Your conditions").says("Things you react to");
    list.says_not("Problem list").says_not("Investigation results").says_not("Formulation");
    ann.get(&region.record("/headings/social")).await.expect(200).says("Your home and daily life");
}

#[tokio::test(flavor = "multi_thread")]
async fn safeguarding_is_for_those_who_act_on_it_and_the_person_reads_neither_it_nor_that_it_is_withheld() {
    let region = Governed::new().await;
    let flag = json!({"resourceType": "Flag", "id": "s1", "status": "active", "subject": {"reference": "Patient/p1"},
        "category": [{"text": "Safeguarding"}], "code": {"text": "Concern about a relative"}});
    take(&region.pages.engine, "gp", &[flag]).await;
    let gp = region.pages.visitor("gp").await;
    gp.get(&region.record("/headings/safeguarding")).await.expect(200).says("Concern about a relative");
    let id = region.id("gp", "p1", "Flag", "s1");
    let ann = region.pages.visitor("ann").await;
    for page in ["", "/alerts", "/headings", "/headings/requirements", "/timeline", "/other", "/pack"] {
        let page = ann.get(&region.record(page)).await.expect(200);
        page.says_not("Concern about a relative").says_not("afeguarding");
    }
    // No place of its own either, that would be empty for everybody and read as none.
    ann.get(&region.record("/headings/safeguarding")).await.expect(404);
    ann.get(&region.record(&format!("/item/Flag/{id}"))).await.expect(404);
}
