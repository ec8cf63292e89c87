//! What may be asked, what was typed, and what comes of it.

use crate::{
    Answers, Author, Differs, Form, Former, Forms, REPLACES, SUPERSEDED, Signing, Value, check, differences, enabled,
    form, superseded, withdrawn,
};
use fhir::{PatientKey, Region, Resource, ResourceId, ResourceType};
use serde_json::{Value as Json, json};

fn asks(items: Json) -> Json {
    json!({"resourceType": "Questionnaire", "status": "active", "url": "urn:test:form", "version": "3", "name": "test",
        "title": "Test plan", "extension": [{"url": "urn:skein:form:writes", "valueCode": "urgent-care"}],
        "code": [{"system": "http://snomed.info/sct", "code": "325691000000100", "display": "Contingency plan"}],
        "item": items})
}

fn read(items: Json) -> Form {
    form("test.json", &asks(items).to_string()).expect("a form")
}

fn typed(pairs: &[(&str, &str)]) -> Answers {
    let mut answers = Answers::new();
    for (field, value) in pairs {
        answers.entry((*field).to_owned()).or_default().push((*value).to_owned());
    }
    answers
}

fn problems(form: &Form, pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    check(form, &typed(pairs)).problems.into_iter().map(|problem| (problem.field, problem.text)).collect()
}

#[test]
fn a_form_that_cannot_be_used_says_which_item_and_what_to_do() {
    let line = json!({"linkId": "a", "type": "string", "text": "A"});
    let cases = [
        (json!([{"linkId": "a", "type": "attachment", "text": "A"}]), "item \"a\": type attachment cannot be asked"),
        (json!([{"type": "string", "text": "A"}]), "item 1 has no linkId"),
        (json!([line, line]), "item \"a\": another item has this linkId too"),
        (json!([{"linkId": "a", "type": "string"}]), "item \"a\": it has no text"),
        (json!([{"linkId": "a.day", "type": "string", "text": "A"}]), "does not end in .day"),
        (json!([{"linkId": "a\"b", "type": "string", "text": "A"}]), "a linkId is letters"),
        (json!([{"linkId": "a", "type": "choice", "text": "A"}]), "item \"a\": a choice without an answerOption"),
        (json!([{"linkId": "a", "type": "quantity", "text": "A"}]), "a quantity needs its unit"),
        (json!([{"linkId": "a", "type": "group", "text": "A"}]), "a group without items"),
        (json!([{"linkId": "a", "type": "group", "text": "A", "repeats": true, "item": [line]}]), "can repeat"),
        (json!([{"linkId": "b", "type": "string", "text": "B", "item": [line]}]), "a question inside a question"),
        (
            json!([{"linkId": "b", "type": "string", "text": "B",
                "enableWhen": [{"question": "a", "operator": "exists", "answerBoolean": true}]}, line]),
            "which is no question before it",
        ),
        (
            json!([line, {"linkId": "b", "type": "string", "text": "B",
                "enableWhen": [{"question": "a", "operator": ">", "answerInteger": 3}]}]),
            "compares \"a\" with something it is never answered with",
        ),
        (json!([{"linkId": "a", "type": "display", "text": "Nothing asked"}]), "it asks nothing"),
    ];
    for (items, wanted) in cases {
        let error = form("own.json", &asks(items).to_string()).expect_err(wanted).to_string();
        assert!(error.starts_with("own.json: ") && error.contains(wanted), "{error}");
    }
    let whole = |change: &dyn Fn(&mut Json)| {
        let mut json = asks(json!([line]));
        change(&mut json);
        form("own.json", &json.to_string()).expect_err("refused").to_string()
    };
    assert!(whole(&|form| form["status"] = "draft".into()).contains("not active"));
    assert!(whole(&|form| form["name"] = "Bad Name".into()).contains("small letters"));
    assert!(whole(&|form| form["code"] = json!([])).contains("it makes nothing"));
    assert!(whole(&|form| form["extension"] = json!([])).contains("urn:skein:form:writes"));
    let review = json!([{"url": "urn:skein:form:writes", "valueCode": "x"},
        {"url": "urn:skein:form:review-date", "valueString": "a"}]);
    assert!(whole(&|form| form["extension"] = review.clone()).contains("which is no question for a date"));
    assert!(form("x", "{").expect_err("refused").to_string().contains("not JSON: line 1"));
}

#[test]
fn an_own_form_stands_in_the_place_of_the_one_of_its_name_and_two_of_one_name_are_refused() {
    let mut own = asks(json!([{"linkId": "a", "type": "string", "text": "A"}]));
    own["name"] = "respect".into();
    let own = form("own.json", &own.to_string()).expect("a form");
    let forms = Forms::new(vec![own.clone()]).expect("forms");
    assert_eq!(forms.all().len(), Forms::builtin().expect("forms").all().len());
    assert_eq!(forms.named("respect").expect("it").title, "Test plan");
    assert!(Forms::new(vec![own.clone(), own]).expect_err("refused").problem.contains("a form has its own"));
}

#[test]
fn what_does_not_fit_is_said_by_its_field_and_what_is_required_is_missed() {
    let number = |link: &str, kind: &str| {
        json!({"linkId": link, "type": kind, "text": link, "extension": [
            {"url": "http://hl7.org/fhir/StructureDefinition/minValue", "valueInteger": 0},
            {"url": "http://hl7.org/fhir/StructureDefinition/maxValue", "valueInteger": 10}]})
    };
    let form = read(json!([
        {"linkId": "line", "type": "string", "text": "A line", "required": true, "maxLength": 5},
        {"linkId": "day", "type": "date", "text": "A day", "required": true},
        number("whole", "integer"), number("part", "decimal"),
        {"linkId": "pick", "type": "open-choice", "text": "Pick", "required": true,
            "answerOption": [{"valueCoding": {"code": "x", "display": "X"}}, {"valueCoding": {"code": "y", "display": "Y"}}]},
        {"linkId": "sure", "type": "boolean", "text": "Sure"}]));
    let all = problems(&form, &[]);
    let fields: Vec<&str> = all.iter().map(|(field, _)| field.as_str()).collect();
    assert_eq!(fields, ["line", "day.day", "pick"]);
    assert_eq!(all[0].1, "Answer: “A line”");
    let good = [("line", "abc"), ("day.day", "1"), ("day.month", "2"), ("day.year", "2027"), ("pick", "x")];
    assert_eq!(problems(&form, &good), []);
    let with = |field: &str, value: &str| {
        let kept = good.iter().filter(|(known, _)| *known != field).copied();
        let pairs: Vec<(&str, &str)> = kept.chain([(field, value)]).collect();
        problems(&form, &pairs).into_iter().next().unwrap_or_default()
    };
    assert_eq!(with("line", "abcdefg").1, "“A line” has 2 characters too many: shorten it to 5 or fewer");
    assert_eq!(with("day.day", "30"), ("day.day".into(), "“A day” must be a real date, like 27 3 2026".into()));
    assert_eq!(with("day.month", " ").0, "day.month");
    assert_eq!(with("day.year", "27").0, "day.year");
    assert!(with("whole", "1.5").1.contains("whole number") && with("whole", "11").1.contains("between 0 and 10"));
    for bad in ["1e5", "NaN", "inf", "007", ".5", "--1", "１"] {
        assert!(with("part", bad).1.contains("must be a number"), "{bad}");
    }
    assert_eq!(with("part", "3.50"), Default::default());
    assert!(with("pick", "z").1.contains("Choose one of the answers"));
    assert_eq!(with("pick", "~other").0, "pick.other");
    assert!(with("sure", "maybe").1.contains("yes or no"));
}

#[test]
fn a_question_is_asked_by_the_answers_before_it_and_one_not_asked_answers_nothing() {
    let form = read(json!([
        {"linkId": "cpr", "type": "choice", "text": "CPR",
            "answerOption": [{"valueCoding": {"code": "modified", "display": "M"}}, {"valueCoding": {"code": "no", "display": "N"}}]},
        {"linkId": "how", "type": "text", "text": "How", "required": true,
            "enableWhen": [{"question": "cpr", "operator": "=", "answerCoding": {"code": "modified"}}]},
        {"linkId": "more", "type": "string", "text": "More",
            "enableWhen": [{"question": "how", "operator": "exists", "answerBoolean": true}]},
        {"linkId": "on", "type": "date", "text": "On"},
        {"linkId": "late", "type": "string", "text": "Late",
            "enableWhen": [{"question": "on", "operator": ">=", "answerDate": "2027-01-01"}]}]));
    let asked = |pairs: &[(&str, &str)]| {
        let mut asked: Vec<String> = enabled(&form, &typed(pairs)).into_iter().collect();
        asked.sort();
        asked.join(" ")
    };
    assert_eq!(asked(&[]), "cpr on");
    assert_eq!(asked(&[("cpr", "modified")]), "cpr how on");
    assert_eq!(asked(&[("cpr", "modified"), ("how", "x")]), "cpr how more on");
    // What was typed before the answer changed counts for nothing, nor what hangs on it.
    assert_eq!(asked(&[("cpr", "no"), ("how", "x")]), "cpr on");
    assert_eq!(asked(&[("on.day", "1"), ("on.month", "1"), ("on.year", "2027")]), "cpr late on");
    assert_eq!(asked(&[("on.day", "31"), ("on.month", "12"), ("on.year", "2026")]), "cpr on");
    assert_eq!(problems(&form, &[("cpr", "modified")])[0].0, "how");
    let checked = check(&form, &typed(&[("cpr", "no"), ("how", "left over")]));
    assert_eq!((checked.problems.len(), checked.left_out), (0, vec!["how".to_owned()]));
    assert_eq!(checked.answered.len(), 1);
}

fn id(kind: ResourceType, name: &str) -> ResourceId {
    Region::new("test").resource(PatientKey(7), kind, name)
}

#[test]
fn signing_makes_a_plan_of_its_type_and_marks_what_it_supersedes() {
    let mut asked = asks(json!([
        {"linkId": "what", "type": "text", "text": "What"}, {"linkId": "on", "type": "date", "text": "On"}]));
    asked["extension"]
        .as_array_mut()
        .expect("a list")
        .push(json!({"url": "urn:skein:form:review-date", "valueString": "on"}));
    let form = form("test.json", &asked.to_string()).expect("a form");
    let answers = typed(&[("what", "a\r\nb\u{7}"), ("on.day", "3"), ("on.month", "4"), ("on.year", "2027")]);
    let answered = check(&form, &answers).answered;
    assert_eq!(answered[0].values, [Value::Text("a\nb".into())], "lines end as everywhere");
    let plan = |name: &str| {
        Resource::from_value(json!({"resourceType": "CarePlan", "id": id(ResourceType::CarePlan, name).to_string(),
            "status": "active", "period": {"start": "2026-01-01"}, "extension": [{"url": "urn:other", "valueCode": "x"}]}))
        .expect("a plan")
    };
    let former = |name: &str, written: bool| Former {
        id: id(ResourceType::CarePlan, name),
        version: 4,
        written,
        resource: plan(name),
    };
    let over = [former("ours", true), former("theirs", false)];
    let author = Author { words: "Dr Gale, General practitioner, Mill Lane".into(), is_person: false };
    let signing = Signing {
        form: &form,
        answered: &answered,
        patient: PatientKey(7),
        response: id(ResourceType::QuestionnaireResponse, "r"),
        plan: id(ResourceType::CarePlan, "p"),
        author: &author,
        at: "2026-03-12T10:00:00Z".parse().expect("a time"),
        over: &over,
    };
    let made = signing.resources();
    assert_eq!(made.len(), 3, "answers, plan, and the former that was written here; not what a source says");
    let (answers, plan, former) = (&made[0], &made[1], &made[2]);
    assert_eq!(answers.str_at("/questionnaire"), Some("urn:test:form|3"));
    assert_eq!(plan.str_at("/category/0/coding/0/code"), Some("325691000000100"));
    assert_eq!(plan.str_at("/status"), Some("active"));
    assert_eq!(plan.str_at("/extension/0/valueDate"), Some("2027-04-03"));
    assert_eq!(plan.list("replaces").len(), 2);
    assert!(plan.str_at("/replaces/1/reference").expect("named").ends_with("/_history/4"), "as it was seen");
    assert_eq!(plan.str_at("/author/display"), Some(author.words.as_str()));
    assert_eq!((former.str_at("/status"), former.str_at("/period/start")), (Some("revoked"), Some("2026-01-01")));
    assert_eq!(former.list("extension").len(), 2, "what else it said stays");
    assert_eq!(former.str_at("/extension/1/url"), Some(SUPERSEDED));
    // The person's own words make no plan: what they replace is named beside them.
    let own = Form { plan: None, own_words: true, ..form.clone() };
    let response = Resource::from_value(json!({"resourceType": "QuestionnaireResponse", "status": "completed"}));
    let response = response.expect("a response");
    let said = id(ResourceType::QuestionnaireResponse, "said");
    let over = [Former { id: said, version: 1, written: true, resource: response.clone() }];
    let person = Author { words: "Ann Smith".into(), is_person: true };
    let made = Signing { form: &own, over: &over, author: &person, ..signing }.resources();
    assert_eq!(made.len(), 2);
    assert!(made[0].list("extension").iter().any(|one| one["url"] == REPLACES));
    assert_eq!(made[0].str_at("/author/reference"), made[0].str_at("/source/reference"));
    assert_eq!(made[1].str_at("/status"), Some("completed"));
    let back = withdrawn(&response, &said, &person, "A mistake", signing_time());
    assert_eq!(back.str_at("/status"), Some("stopped"));
    let twice = superseded(&made[1], &said, "QuestionnaireResponse/x", &person, signing_time());
    let marks = twice.list("extension").iter().filter(|one| one["url"] == SUPERSEDED).count();
    assert_eq!(marks, 1, "marked once");
}

fn signing_time() -> jiff::Timestamp {
    "2026-03-12T10:00:00Z".parse().expect("a time")
}

#[test]
fn two_sets_of_answers_differ_question_by_question_with_what_cannot_be_read_as_it_was_typed() {
    let form = read(json!([
        {"linkId": "a", "type": "string", "text": "A"}, {"linkId": "b", "type": "string", "text": "B"},
        {"linkId": "n", "type": "integer", "text": "N"}]));
    let ours = typed(&[("a", "same"), ("b", "ours"), ("n", "many")]);
    let theirs = typed(&[("a", "same")]);
    let differs = |link: &str, ours: &str| Differs {
        link: link.to_lowercase(),
        text: link.to_owned(),
        ours: vec![ours.to_owned()],
        theirs: Vec::new(),
    };
    assert_eq!(differences(&form, &ours, &theirs), [differs("B", "ours"), differs("N", "many")]);
    assert_eq!(differences(&form, &ours, &ours), []);
}
