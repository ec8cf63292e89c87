//! Reading a Questionnaire: what can be asked here becomes a form, and what cannot is said with its place, before anybody
//! fills in anything.

use crate::form::{Choice, Choices, Condition, Form, Item, Kind, Operator, Show};
use fhir::Value as Json;
use std::collections::HashSet;

/// A form that cannot be used: where, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {problem}")]
pub struct BadForm {
    /// The file, or the form's name.
    pub file: String,
    /// What is wrong with it.
    pub problem: String,
}

/// The extensions by which a Questionnaire says what becomes of it.
const WRITES: &str = "urn:skein:form:writes";
const WORDS: &str = "urn:skein:form:own-words";
const MAKES: &str = "urn:skein:form:makes";
const CHOICES: &str = "urn:skein:form:choices";
const REVIEWED: &str = "urn:skein:form:review-date";
const CONTROL: &str = "http://hl7.org/fhir/StructureDefinition/questionnaire-itemControl";
const UNIT: &str = "http://hl7.org/fhir/StructureDefinition/questionnaire-unit";
const MIN: &str = "http://hl7.org/fhir/StructureDefinition/minValue";
const MAX: &str = "http://hl7.org/fhir/StructureDefinition/maxValue";

/// Characters of an answer where the form does not say.
const LINE_CHARS_MAX: usize = 500;
const TEXT_CHARS_MAX: usize = 20_000;
/// A form larger than this is not one that people fill in.
const ITEMS_MAX: usize = 500;
const DEPTH_MAX: usize = 6;

/// Read a form. `file`: what to call it where something is wrong.
///
/// # Errors
/// [`BadForm`] naming the item and what is wrong with it.
pub fn form(file: &str, text: &str) -> Result<Form, BadForm> {
    let bad = |problem: String| BadForm { file: file.to_owned(), problem };
    read(text).map_err(bad)
}

fn text<'j>(value: &'j Json, name: &str) -> &'j str {
    value.get(name).and_then(Json::as_str).unwrap_or_default().trim()
}

fn list<'j>(value: &'j Json, name: &str) -> &'j [Json] {
    value.get(name).and_then(Json::as_array).map_or(&[], Vec::as_slice)
}

fn extension<'j>(value: &'j Json, url: &str) -> Option<&'j Json> {
    list(value, "extension").iter().find(|extension| text(extension, "url") == url)
}

fn yes(value: &Json, name: &str) -> bool {
    value.get(name).and_then(Json::as_bool).unwrap_or(false)
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 64
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

fn read(source: &str) -> Result<Form, String> {
    let json: Json = serde_json::from_str(source)
        .map_err(|error| format!("it is not JSON: line {} column {}", error.line(), error.column()))?;
    if text(&json, "resourceType") != "Questionnaire" {
        return Err("it is not a FHIR Questionnaire: resourceType is another".into());
    }
    if text(&json, "status") != "active" {
        return Err("its status is not active: a draft or retired form is not filled in".into());
    }
    let url = text(&json, "url");
    if url.is_empty() || url.contains('|') {
        return Err("it has no url, by which what is answered names it".into());
    }
    let name = text(&json, "name");
    if !is_name(name) {
        return Err("its name stands in addresses: small letters, digits and hyphens, 64 at most".into());
    }
    let title = text(&json, "title");
    if title.is_empty() {
        return Err("it has no title".into());
    }
    let writes = extension(&json, WRITES).map(|found| text(found, "valueCode")).unwrap_or_default();
    if !is_name(writes) {
        return Err(format!(
            "an extension {WRITES} with a valueCode says what the policies call it, as in urgent-care"
        ));
    }
    let own_words = extension(&json, WORDS).is_some_and(|found| yes(found, "valueBoolean"));
    let code = match list(&json, "code") {
        [] => None,
        [one] => Some(coding(one).ok_or("its code needs a system, a code and a display")?),
        _ => return Err("it has more than one code: a form makes one type of plan or request".into()),
    };
    let (plan, request) = match extension(&json, MAKES).map(|found| text(found, "valueCode")) {
        None | Some("plan") => (code, None),
        Some("request") if code.is_none() => {
            return Err("it makes a request: its code says of which category".into());
        }
        Some("request") => (None, code),
        Some(other) => return Err(format!("{MAKES} is plan or request, not \"{other}\"")),
    };
    if plan.is_none() && request.is_none() && !own_words {
        return Err(format!("it makes nothing: give it the code of a type of plan, or the extension {WORDS}"));
    }
    if request.is_some() && own_words {
        return Err(format!("it makes a request, which is no place for {WORDS}"));
    }
    let mut reading = Reading::default();
    let items = reading.items(list(&json, "item"), 0)?;
    if !items.iter().any(asks) {
        return Err("it asks nothing: it has no item with a question".into());
    }
    let review = extension(&json, REVIEWED).map(|found| text(found, "valueString").to_owned());
    let form = Form {
        url: url.to_owned(),
        version: text(&json, "version").to_owned(),
        name: name.to_owned(),
        title: title.to_owned(),
        description: text(&json, "description").to_owned(),
        writes: writes.to_owned(),
        plan,
        request,
        own_words,
        review,
        items,
        json,
    };
    if form.request.is_some() {
        request_asks(&form)?;
    }
    if let Some(review) = &form.review
        && form.item(review).is_none_or(|item| item.kind != Kind::Date)
    {
        return Err(format!("{REVIEWED} names \"{review}\", which is no question for a date"));
    }
    Ok(form)
}

/// `ServiceRequest.priority` (R4 request-priority).
const PRIORITIES: [&str; 4] = ["routine", "urgent", "asap", "stat"];

/// A request is worth nothing without these, whatever else is asked.
fn request_asks(form: &Form) -> Result<(), String> {
    let needed: [(&str, &[Kind], &str); 5] = [
        ("what", &[Kind::String, Kind::Text, Kind::Choice, Kind::OpenChoice], "what is asked for"),
        ("why", &[Kind::String, Kind::Text], "the clinical question or reason"),
        ("priority", &[Kind::Choice], "how urgent it is"),
        ("to", &[Kind::Choice], "who is asked"),
        ("call-back", &[Kind::String, Kind::Text], "whom to call back"),
    ];
    for (link, kinds, means) in needed {
        let fits = form.item(link).is_some_and(|item| {
            kinds.contains(&item.kind) && item.required && item.when.is_empty() && (link == "what" || !item.repeats)
        });
        if !fits {
            return Err(format!("it makes a request: item \"{link}\", required, asks {means}"));
        }
    }
    if form.item("to").is_none_or(|item| item.choices != Choices::Organisations) {
        return Err(format!("item \"to\": the extension {CHOICES} with organisations says from where it is chosen"));
    }
    let unknown = |choice: &&Choice| !PRIORITIES.contains(&choice.code.as_str());
    match form.item("priority").and_then(|item| item.options.iter().find(unknown)) {
        Some(choice) => Err(format!("item \"priority\": {} is none of {}", choice.code, PRIORITIES.join(", "))),
        None => Ok(()),
    }
}

fn asks(item: &Item) -> bool {
    item.is_question() || item.items.iter().any(asks)
}

fn coding(coding: &Json) -> Option<Choice> {
    let (system, code, display) = (text(coding, "system"), text(coding, "code"), text(coding, "display"));
    let whole = !system.is_empty() && !code.is_empty() && !display.is_empty();
    whole.then(|| Choice { system: system.into(), code: code.into(), display: display.into(), plain: false })
}

/// What was read so far.
#[derive(Default)]
struct Reading {
    links: HashSet<String>,
    /// The questions before, with the codes that may be chosen.
    asked: Vec<(String, Kind, Vec<String>)>,
    count: usize,
}

impl Reading {
    fn items(&mut self, items: &[Json], depth: usize) -> Result<Vec<Item>, String> {
        if depth > DEPTH_MAX {
            return Err(format!("its groups stand in one another more than {DEPTH_MAX} deep"));
        }
        items.iter().map(|item| self.item(item, depth)).collect()
    }

    fn item(&mut self, json: &Json, depth: usize) -> Result<Item, String> {
        let link = text(json, "linkId");
        self.count += 1;
        if link.is_empty() {
            return Err(format!("item {} has no linkId", self.count));
        }
        if self.count > ITEMS_MAX {
            return Err(format!("it has more than {ITEMS_MAX} items"));
        }
        let said = |what: &str| format!("item \"{link}\": {what}");
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let taken = [".day", ".month", ".year", ".other"].iter().any(|ending| link.ends_with(ending));
        if link.len() > 64 || !link.bytes().all(plain) || taken {
            return Err(said(
                "a linkId is letters, digits, hyphens, dots and underscores, 64 at most, and does not end in .day, \
                 .month, .year or .other",
            ));
        }
        if !self.links.insert(link.to_owned()) {
            return Err(said("another item has this linkId too"));
        }
        let kind = match text(json, "type") {
            "group" => Kind::Group,
            "display" => Kind::Display,
            "string" => Kind::String,
            "text" => Kind::Text,
            "boolean" => Kind::Boolean,
            "date" => Kind::Date,
            "integer" => Kind::Integer,
            "decimal" => Kind::Decimal,
            "quantity" => Kind::Quantity,
            "choice" => Kind::Choice,
            "open-choice" => Kind::OpenChoice,
            "" => return Err(said("it has no type")),
            other => {
                return Err(said(&format!(
                    "type {other} cannot be asked here; group, display, string, text, boolean, date, integer, decimal, \
                     quantity, choice and open-choice can"
                )));
            }
        };
        let asked = text(json, "text");
        if asked.is_empty() {
            return Err(said("it has no text"));
        }
        let repeats = yes(json, "repeats");
        if repeats && !matches!(kind, Kind::Choice | Kind::OpenChoice | Kind::String) {
            return Err(said("only choices and strings can repeat here"));
        }
        let control = extension(json, CONTROL)
            .and_then(|found| found.get("valueCodeableConcept"))
            .and_then(|concept| list(concept, "coding").first())
            .map(|coding| text(coding, "code"))
            .unwrap_or_default();
        let number = |url: &str| -> Result<Option<i64>, String> {
            let Some(found) = extension(json, url) else { return Ok(None) };
            let value = found.get("valueInteger").and_then(Json::as_i64);
            value.map(Some).ok_or_else(|| said("minValue and maxValue are whole numbers here (valueInteger)"))
        };
        let (least, most) = (number(MIN)?, number(MAX)?);
        let unit = match extension(json, UNIT).and_then(|found| found.get("valueCoding")) {
            Some(unit) => Some(coding(unit).ok_or_else(|| said("its unit needs a system, a code and a display"))?),
            None => None,
        };
        if kind == Kind::Quantity && unit.is_none() {
            return Err(said(&format!("a quantity needs its unit, by the extension {UNIT}")));
        }
        let length_max =
            match json.get("maxLength").map(|most| most.as_u64().and_then(|most| usize::try_from(most).ok())) {
                None if matches!(kind, Kind::Text) => TEXT_CHARS_MAX,
                None => LINE_CHARS_MAX,
                Some(Some(most)) if most > 0 => most.min(TEXT_CHARS_MAX),
                Some(_) => return Err(said("its maxLength is no number above zero")),
            };
        let choices = match extension(json, CHOICES).map(|found| text(found, "valueCode")) {
            None => Choices::Listed,
            Some("organisations") => Choices::Organisations,
            Some("record") => Choices::Record,
            Some(other) => return Err(said(&format!("{CHOICES} is organisations or record, not \"{other}\""))),
        };
        if choices != Choices::Listed && (kind != Kind::Choice || !list(json, "answerOption").is_empty()) {
            return Err(said("what is chosen from elsewhere is a choice without an answerOption"));
        }
        let options = match choices {
            Choices::Listed => self.options(json, kind).map_err(|what| said(&what))?,
            _ => Vec::new(),
        };
        let when = self.conditions(json).map_err(|what| said(&what))?;
        let when_all = match (when.len(), text(json, "enableBehavior")) {
            (0 | 1, _) => true,
            (_, "all") => true,
            (_, "any") => false,
            _ => return Err(said("with several enableWhen, enableBehavior says all or any")),
        };
        let mut item = Item {
            link: link.to_owned(),
            text: asked.to_owned(),
            help: None,
            kind,
            required: yes(json, "required"),
            repeats,
            length_max,
            least,
            most,
            unit,
            options,
            choices,
            show: if control == "drop-down" { Show::List } else { Show::Buttons },
            when,
            when_all,
            items: Vec::new(),
        };
        if item.is_question() {
            let codes = item.options.iter().map(|choice| choice.code.clone()).collect();
            self.asked.push((item.link.clone(), kind, codes));
            item.help = self.help(list(json, "item")).map_err(|what| said(&what))?;
        } else {
            item.items = self.items(list(json, "item"), depth + 1)?;
        }
        if kind == Kind::Group && item.items.is_empty() {
            return Err(said("a group without items"));
        }
        if kind == Kind::Display && !item.items.is_empty() {
            return Err(said("words between questions hold no items"));
        }
        Ok(item)
    }

    /// Below a question there is nothing but help (`questionnaire-itemControl` `help`).
    fn help(&mut self, items: &[Json]) -> Result<Option<String>, String> {
        let mut help = Vec::new();
        for item in items {
            self.count += 1;
            let control = extension(item, CONTROL)
                .and_then(|found| found.get("valueCodeableConcept"))
                .and_then(|concept| list(concept, "coding").first())
                .map(|coding| text(coding, "code"));
            if text(item, "type") != "display" || control != Some("help") {
                return Err(
                    "a question inside a question cannot be asked here: put it beside it, with enableWhen".into()
                );
            }
            let link = text(item, "linkId");
            if link.is_empty() || !self.links.insert(link.to_owned()) {
                return Err("its help needs a linkId that no other item has".into());
            }
            help.push(text(item, "text"));
        }
        Ok(Some(help.join(" ")).filter(|help| !help.is_empty()))
    }

    fn options(&self, json: &Json, kind: Kind) -> Result<Vec<Choice>, String> {
        let options = list(json, "answerOption");
        if json.get("answerValueSet").is_some() {
            return Err("answers by value set cannot be shown here: list them as answerOption".into());
        }
        if !matches!(kind, Kind::Choice | Kind::OpenChoice) {
            return if options.is_empty() { Ok(Vec::new()) } else { Err("only a choice has an answerOption".into()) };
        }
        if options.is_empty() {
            return Err("a choice without an answerOption".into());
        }
        let mut seen = HashSet::new();
        let mut choices = Vec::new();
        for option in options {
            let choice = match (option.get("valueCoding"), option.get("valueString").and_then(Json::as_str)) {
                (Some(coding), _) => {
                    let (code, display) = (text(coding, "code"), text(coding, "display"));
                    if code.is_empty() || display.is_empty() {
                        return Err("an answerOption needs a code and a display".into());
                    }
                    let system = text(coding, "system").to_owned();
                    Choice { system, code: code.to_owned(), display: display.to_owned(), plain: false }
                }
                (None, Some(words)) if !words.trim().is_empty() => {
                    let words = words.trim().to_owned();
                    Choice { system: String::new(), code: words.clone(), display: words, plain: true }
                }
                _ => return Err("an answerOption is a valueCoding or a valueString here".into()),
            };
            if choice.code == crate::check::OTHER || !seen.insert(choice.code.clone()) {
                return Err(format!("two answers have the code \"{}\", or it is reserved", choice.code));
            }
            choices.push(choice);
        }
        Ok(choices)
    }

    fn conditions(&self, json: &Json) -> Result<Vec<Condition>, String> {
        let read = |when: &Json| {
            let question = text(when, "question");
            let known = self.asked.iter().find(|(link, ..)| link == question);
            let Some((_, kind, codes)) = known else {
                return Err(format!("enableWhen names \"{question}\", which is no question before it"));
            };
            let operator = match text(when, "operator") {
                "exists" => Operator::Exists,
                "=" => Operator::Equal,
                "!=" => Operator::NotEqual,
                ">" => Operator::More,
                "<" => Operator::Less,
                ">=" => Operator::AtLeast,
                "<=" => Operator::AtMost,
                other => return Err(format!("enableWhen has no operator \"{other}\"")),
            };
            let found = when.as_object().and_then(|when| when.iter().find(|(name, _)| name.starts_with("answer")));
            let Some((name, value)) = found else { return Err("enableWhen says no answer".into()) };
            let answer = match (name.as_str(), value) {
                ("answerBoolean", Json::Bool(yes)) => yes.to_string(),
                ("answerCoding", coding) => text(coding, "code").to_owned(),
                ("answerInteger" | "answerDecimal", Json::Number(number)) => number.to_string(),
                ("answerString" | "answerDate", Json::String(text)) => text.clone(),
                ("answerQuantity", quantity) => quantity.get("value").map(Json::to_string).unwrap_or_default(),
                _ => return Err(format!("enableWhen cannot be compared by {name} here")),
            };
            let fits = match (operator, kind) {
                (Operator::Exists, _) => name == "answerBoolean",
                (_, Kind::Choice | Kind::OpenChoice) => codes.contains(&answer),
                (Operator::Equal | Operator::NotEqual, Kind::Boolean) => name == "answerBoolean",
                (Operator::Equal | Operator::NotEqual, Kind::String | Kind::Text) => name == "answerString",
                (_, Kind::Date) => name == "answerDate",
                (_, Kind::Integer | Kind::Decimal) => matches!(name.as_str(), "answerInteger" | "answerDecimal"),
                (_, Kind::Quantity) => name == "answerQuantity",
                _ => false,
            };
            if !fits {
                return Err(format!("enableWhen compares \"{question}\" with something it is never answered with"));
            }
            Ok(Condition { question: question.to_owned(), operator, answer })
        };
        list(json, "enableWhen").iter().map(read).collect()
    }
}
