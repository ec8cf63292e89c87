//! Answers as a QuestionnaireResponse's items, and back.

use crate::{
    check::{Answered, OTHER, Value},
    form::{Answers, Choice, Form, Item, Kind},
};
use fhir::{Map, Resource, Value as Json};
use serde_json::json;

/// The canonical address that a response names its form by, without the version.
pub fn canonical(response: &Resource) -> Option<&str> {
    let named = response.str_at("/questionnaire")?;
    Some(named.split('|').next().unwrap_or(named))
}

fn coding(choice: &Choice) -> Json {
    let mut coding = Map::new();
    if !choice.system.is_empty() {
        coding.insert("system".into(), choice.system.as_str().into());
    }
    coding.insert("code".into(), choice.code.as_str().into());
    coding.insert("display".into(), choice.display.as_str().into());
    Json::Object(coding)
}

/// A number as it was typed: its digits are what was meant.
fn number(text: &str) -> Json {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

fn answer(value: &Value) -> Json {
    match value {
        Value::Text(text) => json!({"valueString": text}),
        Value::Bool(yes) => json!({"valueBoolean": yes}),
        Value::Date(date) => json!({"valueDate": date.to_string()}),
        Value::Integer(number) => json!({"valueInteger": number}),
        Value::Decimal(text) => json!({"valueDecimal": number(text)}),
        Value::Quantity(text, unit) => json!({"valueQuantity": {"value": number(text), "unit": unit.display,
            "system": unit.system, "code": unit.code}}),
        Value::Choice(choice) if choice.plain => json!({"valueString": choice.display}),
        Value::Choice(choice) => json!({"valueCoding": coding(choice)}),
    }
}

/// The items of a response: what was answered, in the groups it was asked in.
pub(crate) fn items(form: &Form, answered: &[Answered]) -> Vec<Json> {
    fn walk(items: &[Item], answered: &[Answered]) -> Vec<Json> {
        let made = items.iter().filter_map(|item| {
            let inner = walk(&item.items, answered);
            let own = answered.iter().find(|answered| answered.link == item.link);
            if inner.is_empty() && own.is_none() {
                return None;
            }
            let mut made = Map::new();
            made.insert("linkId".into(), item.link.as_str().into());
            made.insert("text".into(), item.text.as_str().into());
            if let Some(own) = own {
                made.insert("answer".into(), own.values.iter().map(answer).collect());
            }
            if !inner.is_empty() {
                made.insert("item".into(), inner.into());
            }
            Some(Json::Object(made))
        });
        made.collect()
    }
    walk(&form.items, answered)
}

/// What a response answers, as it would be typed into the form: to begin a new version from. What the form does not ask, or
/// asks otherwise, is left out.
pub fn answers_of(form: &Form, response: &Resource) -> Answers {
    let mut answers = Answers::new();
    collect(form, response.list("item"), &mut answers, 0);
    answers
}

/// Responses of others may nest without end.
const DEPTH_MAX: usize = 12;

fn collect(form: &Form, items: &[Json], answers: &mut Answers, depth: usize) {
    if depth > DEPTH_MAX {
        return;
    }
    for said in items {
        let list = |name: &str| said.get(name).and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
        let link = said.get("linkId").and_then(Json::as_str).unwrap_or_default();
        if let Some(item) = form.item(link) {
            for answer in list("answer") {
                fill(item, answer, answers);
            }
        }
        collect(form, list("item"), answers, depth + 1);
    }
}

fn fill(item: &Item, answer: &Json, answers: &mut Answers) {
    let text = |name: &str| answer.get(name).and_then(Json::as_str);
    let mut put = |field: String, value: String| answers.entry(field).or_default().push(value);
    match item.kind {
        Kind::Group | Kind::Display => {}
        Kind::String | Kind::Text => {
            if let Some(text) = text("valueString") {
                put(item.link.clone(), text.to_owned());
            }
        }
        Kind::Boolean => {
            if let Some(yes) = answer.get("valueBoolean").and_then(Json::as_bool) {
                put(item.link.clone(), yes.to_string());
            }
        }
        Kind::Date => {
            if let Some(date) = text("valueDate").and_then(|text| text.parse::<jiff::civil::Date>().ok()) {
                put(format!("{}.day", item.link), date.day().to_string());
                put(format!("{}.month", item.link), date.month().to_string());
                put(format!("{}.year", item.link), date.year().to_string());
            }
        }
        Kind::Integer | Kind::Decimal | Kind::Quantity => {
            let found = ["/valueInteger", "/valueDecimal", "/valueQuantity/value"];
            if let Some(Json::Number(number)) = found.iter().find_map(|pointer| answer.pointer(pointer)) {
                put(item.link.clone(), number.to_string());
            }
        }
        Kind::Choice | Kind::OpenChoice => {
            let code = answer.pointer("/valueCoding/code").and_then(Json::as_str).or(text("valueString"));
            let Some(code) = code else { return };
            if item.choice(code).is_some() {
                put(item.link.clone(), code.to_owned());
            } else if item.kind == Kind::OpenChoice {
                put(item.link.clone(), OTHER.to_owned());
                put(format!("{}.other", item.link), code.to_owned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{builtin, check};

    #[test]
    fn what_was_answered_comes_back_as_it_was_typed() {
        let choice = |code: &str| Choice { code: code.into(), display: code.into(), ..Choice::default() };
        for form in builtin() {
            let form = form.filled(&[choice("XWA")], &[choice("DocumentReference/a")]);
            let mut answers = Answers::new();
            for (_, item) in form.flat() {
                match item.kind {
                    Kind::Group | Kind::Display => {}
                    Kind::Date => {
                        for (part, value) in [("day", "3"), ("month", "4"), ("year", "2027")] {
                            answers.insert(format!("{}.{part}", item.link), vec![value.into()]);
                        }
                    }
                    Kind::Boolean => {
                        answers.insert(item.link.clone(), vec!["true".into()]);
                    }
                    Kind::Choice | Kind::OpenChoice => {
                        answers.insert(item.link.clone(), vec![item.options[0].code.clone()]);
                    }
                    Kind::Integer | Kind::Decimal | Kind::Quantity => {
                        answers.insert(item.link.clone(), vec![item.least.unwrap_or(1).to_string()]);
                    }
                    Kind::String | Kind::Text => {
                        answers.insert(item.link.clone(), vec!["<b>Ölümpikó</b> \"x\" & more".into()]);
                    }
                }
            }
            let checked = check(&form, &answers);
            assert!(checked.problems.is_empty(), "{}: {:?}", form.name, checked.problems);
            let mut response = Resource::new(fhir::ResourceType::QuestionnaireResponse);
            response.set("item", items(&form, &checked.answered));
            let back = answers_of(&form, &response);
            let again = check(&form, &back);
            assert_eq!(again.answered, checked.answered, "{}", form.name);
            assert!(!checked.answered.is_empty());
        }
    }
}
