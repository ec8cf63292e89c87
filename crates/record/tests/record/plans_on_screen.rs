use crate::util::*;
use fhir::ResourceType;
use record::sections::plans::{Standing, plans};
use serde_json::{Value, json};

fn plan(own: &str, extra: Value) -> Value {
    let mut base = json!({
        "resourceType": "CarePlan", "id": own, "status": "active", "intent": "plan", "title": "Plan",
        "category": [{"coding": [{"system": "http://snomed.info/sct", "code": "1382601000000107"}]}], "created": "2025-01-01"
    });
    for (member, value) in extra.as_object().unwrap() {
        base[member] = value.clone();
    }
    base
}

#[test]
fn a_replaced_plan_never_looks_current() {
    let old = item(&practice(), plan("old", json!({})));
    let new = item(
        &practice(),
        plan("new", json!({"created": "2026-01-01", "replaces": [{"reference": format!("CarePlan/{}", old.id)}]})),
    );
    let plans = plans(&[old, new], now());
    assert_eq!(plans.current.len(), 1);
    assert_eq!(plans.others.len(), 1);
    assert_eq!(plans.others[0].standing, Standing::Superseded);
    assert_eq!(plans.others[0].marks[0].text, "Replaced: not current");
}

#[test]
fn of_two_respect_forms_of_one_source_only_the_newer_is_current() {
    let old = item(&practice(), plan("old", json!({})));
    let new = item(&practice(), plan("new", json!({"created": "2026-01-01"})));
    let plans = plans(&[old, new], now());
    assert_eq!(plans.current.len(), 1);
    assert_eq!(plans.current[0].origin.id, id_of(&practice(), ResourceType::CarePlan, "new"));
    assert_eq!(plans.others[0].marks[0].text, "A newer one exists");
}

#[test]
fn an_ended_or_draft_or_withdrawn_plan_is_not_current() {
    for (extra, standing) in [
        (json!({"period": {"end": "2026-07-13"}}), Standing::Over),
        (json!({"status": "revoked"}), Standing::Over),
        (json!({"status": "draft"}), Standing::Draft),
        (json!({"status": "entered-in-error"}), Standing::Withdrawn),
    ] {
        let plans = plans(&[item(&practice(), plan("a", extra))], now());
        assert!(plans.current.is_empty());
        assert_eq!(plans.others[0].standing, standing);
        assert!(!plans.others[0].marks.is_empty(), "and it says so");
    }
}

#[test]
fn about_me_is_the_persons_own_words() {
    let about = item(
        &practice(),
        json!({
            "resourceType": "QuestionnaireResponse", "id": "q", "status": "completed", "authored": "2026-02-03",
            "_questionnaire": {"display": "About me"}, "source": {"reference": "Patient/x"},
            "item": [{"linkId": "1", "text": "What is most important to me", "answer": [{"valueString": "My dog Biscuit"}]}]
        }),
    );
    let plans = plans(&[about], now());
    assert!(plans.about_me[0].own_words);
    assert_eq!(plans.about_me[0].parts[0].heading, "What is most important to me");
    assert_eq!(plans.about_me[0].parts[0].lines, ["My dog Biscuit"]);
}

#[test]
fn of_plans_of_one_kind_from_two_sources_the_older_says_that_there_is_a_newer() {
    let old = item(&practice(), plan("old", json!({})));
    let new = item(&hospital(), plan("new", json!({"created": "2026-01-01"})));
    let plans = plans(&[old, new], now());
    assert_eq!(plans.current.len(), 2, "which holds cannot be told here");
    assert!(plans.current[0].marks.is_empty());
    let mark = &plans.current[1].marks[0].text;
    assert!(mark.starts_with("A newer one exists of 01-Jan-2026, from "), "{mark}");
}

#[test]
fn a_plan_past_its_review_date_says_so_and_one_signed_here_shows_its_answers_once() {
    let review = json!([{"url": "urn:skein:plan:review-date", "valueDate": "2026-01-01"}]);
    let answers = item(
        &practice(),
        json!({"resourceType": "QuestionnaireResponse", "id": "r", "status": "completed",
            "questionnaire": "urn:skein:form:respect|1",
            "item": [{"linkId": "cpr", "text": "CPR", "answer": [{"valueCoding": {"code": "no", "display": "NOT recommended"}}]}]}),
    );
    let named = format!("QuestionnaireResponse/{}", answers.id);
    let signed = item(&practice(), plan("p", json!({"extension": review, "supportingInfo": [{"reference": named}]})));
    let plans = plans(&[signed, answers], now());
    assert_eq!((plans.current.len(), plans.about_me.len(), plans.others.len()), (1, 0, 0));
    assert_eq!(plans.current[0].marks[0].text, "Review was due 01-Jan-2026");
    assert_eq!(plans.current[0].parts[0].lines, ["NOT recommended"]);
    assert_eq!(plans.current[0].form.as_deref(), Some("urn:skein:form:respect"));
}
