//! A form and what was typed, as a page shows it.

use super::FIELD;
use forms::{Answers, Condition, Form, Item, Kind, Operator, Problem, Show};
use record::sections::plans::Plan;
use serde_json::json;

/// A row of the page.
pub struct Row {
    /// `group`, `end`, `display`, `line`, `lines`, `number`, `date`, `yes-no`, `buttons`, `boxes`, `list`.
    pub shape: &'static str,
    /// How deep the group it opens stands: its heading's level.
    pub deep: bool,
    /// The id that the row's first field has.
    pub id: String,
    /// The name of its field in the request.
    pub name: String,
    /// What is asked.
    pub text: String,
    /// What helps.
    pub help: Option<String>,
    /// Whether it may be left out.
    pub optional: bool,
    /// What is wrong with what was typed.
    pub error: Option<String>,
    /// Of a date, the part that is wrong.
    pub error_part: String,
    /// What was typed.
    pub value: String,
    /// Of a date: its parts: name, label, value.
    pub parts: Vec<(&'static str, &'static str, String)>,
    /// What there is to choose from: value, words, whether it is chosen.
    pub options: Vec<(String, String, bool)>,
    /// Of an open choice: what was typed, and whether it is chosen.
    pub other: Option<(String, bool)>,
    /// The unit.
    pub unit: String,
    /// When it is asked, for the script; empty: always.
    pub when: String,
    /// The same in words, for whoever has no script.
    pub when_words: String,
}

/// The value of the choice that says: in my own words.
const OTHER: &str = "~other";

impl Row {
    fn of(item: &Item, shape: &'static str) -> Row {
        Row {
            shape,
            deep: false,
            id: format!("f-{}", item.link),
            name: format!("{FIELD}{}", item.link),
            text: item.text.clone(),
            help: item.help.clone(),
            optional: !item.required,
            error: None,
            error_part: String::new(),
            value: String::new(),
            parts: Vec::new(),
            options: Vec::new(),
            other: None,
            unit: item.unit.as_ref().map(|unit| unit.display.clone()).unwrap_or_default(),
            when: String::new(),
            when_words: String::new(),
        }
    }

    /// What describes its field: help and error, by their ids.
    pub fn described(&self) -> String {
        let ids =
            [("-when", !self.when_words.is_empty()), ("-help", self.help.is_some()), ("-error", self.error.is_some())];
        let ids = ids.iter().filter(|(_, is)| *is).map(|(end, _)| format!("{}{end}", self.id));
        ids.collect::<Vec<_>>().join(" ")
    }

    /// Whether a part of a date is wrong.
    pub fn wrong(&self, part: &str) -> bool {
        self.error.is_some() && (self.error_part.is_empty() || self.error_part == part)
    }
}

/// The rows of a form.
pub fn rows(form: &Form, answers: &Answers, problems: &[Problem]) -> Vec<Row> {
    let mut all = Vec::new();
    walk(form, &form.items, answers, problems, 0, &mut all);
    all
}

fn walk(form: &Form, items: &[Item], answers: &Answers, problems: &[Problem], depth: usize, all: &mut Vec<Row>) {
    for item in items {
        let mut row = row(item, answers);
        row.deep = depth > 0;
        if !item.when.is_empty() {
            let of: Vec<_> = item
                .when
                .iter()
                .map(|one| json!({"q": one.question, "op": one.operator.code(), "v": one.answer}))
                .collect();
            row.when = json!({"all": item.when_all, "of": of}).to_string();
            let words = item.when.iter().map(|one| condition(form, one)).collect::<Vec<_>>();
            row.when_words = words.join(if item.when_all { " and " } else { " or " });
        }
        if let Some(problem) = problems.iter().find(|problem| problem.link == item.link) {
            row.error = Some(problem.text.clone());
            row.error_part = problem.field.strip_prefix(&format!("{}.", item.link)).unwrap_or_default().to_owned();
        }
        let group = item.kind == Kind::Group;
        all.push(row);
        if group {
            walk(form, &item.items, answers, problems, depth + 1, all);
            all.push(Row::of(item, "end"));
        }
    }
}

fn condition(form: &Form, condition: &Condition) -> String {
    let Some(item) = form.item(&condition.question) else { return String::new() };
    let value = match item.kind {
        Kind::Boolean if condition.answer == "true" => "Yes".to_owned(),
        Kind::Boolean => "No".to_owned(),
        _ => item.choice(&condition.answer).map_or_else(|| condition.answer.clone(), |choice| choice.display.clone()),
    };
    let is = match condition.operator {
        Operator::Exists if condition.answer == "true" => return format!("“{}” is answered", item.text),
        Operator::Exists => return format!("“{}” is not answered", item.text),
        Operator::Equal => "is",
        Operator::NotEqual => "is not",
        Operator::More => "is more than",
        Operator::Less => "is less than",
        Operator::AtLeast => "is at least",
        Operator::AtMost => "is at most",
    };
    format!("“{}” {is} “{value}”", item.text)
}

fn row(item: &Item, answers: &Answers) -> Row {
    let typed = |field: &str| -> Vec<&str> { answers.get(field).into_iter().flatten().map(String::as_str).collect() };
    let own = typed(&item.link);
    let shape = match item.kind {
        Kind::Group => "group",
        Kind::Display => "display",
        Kind::String if item.repeats => "lines",
        Kind::String => "line",
        Kind::Text => "lines",
        Kind::Integer | Kind::Decimal | Kind::Quantity => "number",
        Kind::Date => "date",
        Kind::Boolean => "yes-no",
        Kind::Choice | Kind::OpenChoice if item.repeats => "boxes",
        Kind::Choice if item.show == Show::List => "list",
        Kind::Choice | Kind::OpenChoice => "buttons",
    };
    let mut row = Row::of(item, shape);
    row.value = own.join("\n");
    match item.kind {
        Kind::Date => {
            let part = |name: &'static str, label: &'static str| {
                let typed = typed(&format!("{}.{name}", item.link));
                (name, label, typed.first().copied().unwrap_or_default().to_owned())
            };
            row.parts = vec![part("day", "Day"), part("month", "Month"), part("year", "Year")];
        }
        Kind::Boolean => {
            let option = |value: &str, words: &str| (value.to_owned(), words.to_owned(), own.contains(&value));
            row.options = vec![option("true", "Yes"), option("false", "No")];
        }
        Kind::Choice | Kind::OpenChoice => {
            let options = item.options.iter();
            row.options = options
                .map(|choice| (choice.code.clone(), choice.display.clone(), own.contains(&choice.code.as_str())))
                .collect();
            if item.kind == Kind::OpenChoice {
                let other = typed(&format!("{}.other", item.link)).first().copied().unwrap_or_default().to_owned();
                let chosen = own.contains(&OTHER) || !other.trim().is_empty();
                row.other = Some((other, chosen));
            }
        }
        _ => {}
    }
    row
}

/// A plan in a line: `ReSPECT form of 12-Mar-2026 by Dr Gale, from Mill Lane`.
pub fn plan_line(plan: &Plan) -> String {
    let mut line = plan.title.clone();
    if let Some(when) = &plan.when {
        line.push_str(&format!(" of {}", when.day_text()));
    }
    if let Some(author) = &plan.author {
        line.push_str(&format!(" by {author}"));
    }
    format!("{line} ({})", plan.origin.source.name)
}
