//! What was typed, read against the form: values where it fits, and where it does not one sentence for each, by its field.

use crate::{
    form::{Answers, Choice, Form, Item, Kind},
    when::enabled,
};
use jiff::civil::Date;

/// The answer of an open choice that says: in my own words.
pub(crate) const OTHER: &str = "~other";
/// Answers to one question at most.
const ANSWERS_MAX: usize = 50;
/// Nobody plans for a day before or after these.
const YEARS: std::ops::RangeInclusive<i16> = 1900..=2200;

/// What a question was answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Words.
    Text(String),
    /// Yes or no.
    Bool(bool),
    /// A day.
    Date(Date),
    /// A whole number.
    Integer(i64),
    /// A number, as it was typed.
    Decimal(String),
    /// A number, as it was typed, with its unit.
    Quantity(String, Choice),
    /// One of the answers given.
    Choice(Choice),
}

/// A question that was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// Its `linkId`.
    pub link: String,
    /// With what.
    pub values: Vec<Value>,
}

/// Something that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The question.
    pub link: String,
    /// The field to go to.
    pub field: String,
    /// What is wrong and what to do.
    pub text: String,
}

/// What was typed, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// What was answered, in the order of the form.
    pub answered: Vec<Answered>,
    /// What does not fit, in the order of the form.
    pub problems: Vec<Problem>,
    /// Questions that hold something and are not asked, by other answers: not part of what is signed.
    pub left_out: Vec<String>,
}

fn given<'a>(answers: &'a Answers, field: &str) -> Vec<&'a str> {
    answers.get(field).into_iter().flatten().map(String::as_str).filter(|value| !value.trim().is_empty()).collect()
}

fn first<'a>(answers: &'a Answers, field: &str) -> &'a str {
    given(answers, field).first().copied().unwrap_or_default().trim()
}

/// What was typed as an answer, as conditions compare it; nothing where it cannot be read.
pub(crate) fn typed(item: &Item, answers: &Answers) -> Vec<String> {
    match item.kind {
        Kind::Date => match day(item, answers) {
            Ok(Some(day)) => vec![day.to_string()],
            _ => Vec::new(),
        },
        _ => given(answers, &item.link).into_iter().map(|value| value.trim().to_owned()).collect(),
    }
}

/// Whether anything was typed.
pub(crate) fn holds_something(item: &Item, answers: &Answers) -> bool {
    item.fields().iter().any(|field| !given(answers, field).is_empty())
}

/// Read what was typed.
pub fn check(form: &Form, answers: &Answers) -> Checked {
    let asked = enabled(form, answers);
    let mut checked = Checked::default();
    for (_, item) in form.flat() {
        if !item.is_question() {
            continue;
        }
        if !asked.contains(&item.link) {
            if holds_something(item, answers) {
                checked.left_out.push(item.link.clone());
            }
            continue;
        }
        match value(item, answers) {
            Ok(values) if values.is_empty() => {
                if item.required {
                    let field = item.fields().into_iter().next().unwrap_or_default();
                    let text = format!("{} {}", verb(item), named(item));
                    checked.problems.push(Problem { link: item.link.clone(), field, text });
                }
            }
            Ok(values) => checked.answered.push(Answered { link: item.link.clone(), values }),
            Err((field, text)) => checked.problems.push(Problem { link: item.link.clone(), field, text }),
        }
    }
    checked
}

fn verb(item: &Item) -> &'static str {
    match item.kind {
        Kind::Choice | Kind::OpenChoice | Kind::Boolean => "Choose an answer:",
        _ => "Answer:",
    }
}

fn named(item: &Item) -> String {
    format!("“{}”", item.text)
}

type Unfit = (String, String);

fn value(item: &Item, answers: &Answers) -> Result<Vec<Value>, Unfit> {
    let unfit = |text: String| (item.link.clone(), text);
    let one = first(answers, &item.link);
    let none = one.is_empty();
    match item.kind {
        Kind::Group | Kind::Display => Ok(Vec::new()),
        Kind::String | Kind::Text => {
            let mut values = Vec::new();
            for text in lines(item, answers) {
                let count = text.chars().count();
                if count > item.length_max {
                    let over = count - item.length_max;
                    return Err(unfit(format!(
                        "{} has {over} characters too many: shorten it to {} or fewer",
                        named(item),
                        item.length_max
                    )));
                }
                values.push(Value::Text(text));
            }
            many(item, values).map_err(unfit)
        }
        Kind::Boolean => match one {
            "" => Ok(Vec::new()),
            "true" => Ok(vec![Value::Bool(true)]),
            "false" => Ok(vec![Value::Bool(false)]),
            _ => Err(unfit(format!("{} is answered with yes or no", named(item)))),
        },
        Kind::Date => day(item, answers).map(|day| day.map(Value::Date).into_iter().collect()),
        Kind::Integer if none => Ok(Vec::new()),
        Kind::Integer => {
            let number: i64 =
                one.parse().map_err(|_| unfit(format!("{} must be a whole number, like 3", named(item))))?;
            within(item, one).map_err(unfit)?;
            Ok(vec![Value::Integer(number)])
        }
        Kind::Decimal | Kind::Quantity if none => Ok(Vec::new()),
        Kind::Decimal | Kind::Quantity => {
            let digits = one.strip_prefix('-').unwrap_or(one);
            let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
            let all = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            // As JSON and FHIR write numbers, without a zero in front.
            let shaped = all(whole) && all(part) && (whole == "0" || !whole.starts_with('0'));
            if !shaped || one.len() > 18 {
                return Err(unfit(format!("{} must be a number, like 3 or 3.5", named(item))));
            }
            within(item, one).map_err(unfit)?;
            Ok(vec![match (&item.unit, item.kind) {
                (Some(unit), Kind::Quantity) => Value::Quantity(one.to_owned(), unit.clone()),
                _ => Value::Decimal(one.to_owned()),
            }])
        }
        Kind::Choice | Kind::OpenChoice => {
            let other = first(answers, &format!("{}.other", item.link));
            let mut values = Vec::new();
            for code in given(answers, &item.link) {
                let code = code.trim();
                if item.kind == Kind::OpenChoice && code == OTHER {
                    if other.is_empty() {
                        let text = format!("Write your own answer to {}, or choose another", named(item));
                        return Err((format!("{}.other", item.link), text));
                    }
                    continue;
                }
                let choice =
                    item.choice(code).ok_or_else(|| unfit(format!("Choose one of the answers to {}", named(item))))?;
                if !values.contains(&Value::Choice(choice.clone())) {
                    values.push(Value::Choice(choice.clone()));
                }
            }
            // Words of one's own count whether or not the box before them was ticked.
            if item.kind == Kind::OpenChoice && !other.is_empty() {
                if other.chars().count() > item.length_max {
                    let text =
                        format!("Your own answer to {} is longer than {} characters", named(item), item.length_max);
                    return Err((format!("{}.other", item.link), text));
                }
                values.push(Value::Text(tidy(other)));
            }
            if !item.repeats && values.len() > 1 {
                return Err(unfit(format!("Choose one answer to {}: there are two", named(item))));
            }
            many(item, values).map_err(unfit)
        }
    }
}

fn many(item: &Item, values: Vec<Value>) -> Result<Vec<Value>, String> {
    if values.len() > ANSWERS_MAX {
        return Err(format!("{} has more than {ANSWERS_MAX} answers", named(item)));
    }
    Ok(values)
}

/// Lines end as everywhere, and nothing that cannot be seen stands between letters.
fn tidy(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    text.trim().chars().filter(|letter| !letter.is_control() || matches!(letter, '\n' | '\t')).collect()
}

/// The texts of a question: of a line that repeats, one each line.
fn lines(item: &Item, answers: &Answers) -> Vec<String> {
    let texts = given(answers, &item.link).into_iter().map(tidy);
    match item.kind {
        Kind::String if item.repeats => texts
            .flat_map(|text| text.lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>())
            .filter(|line| !line.is_empty())
            .collect(),
        Kind::String => texts.map(|text| text.replace('\n', " ")).take(1).collect(),
        _ => texts.take(1).collect(),
    }
}

fn within(item: &Item, number: &str) -> Result<(), String> {
    let number: f64 = number.parse().map_err(|_| format!("{} must be a number", named(item)))?;
    #[expect(clippy::cast_precision_loss, reason = "limits that people write are small")]
    let (least, most) = (item.least.map(|least| least as f64), item.most.map(|most| most as f64));
    let low = least.is_some_and(|least| number < least);
    let high = most.is_some_and(|most| number > most);
    if !low && !high {
        return Ok(());
    }
    Err(match (item.least, item.most) {
        (Some(least), Some(most)) => format!("{} must be between {least} and {most}", named(item)),
        (Some(least), None) => format!("{} must be {least} or more", named(item)),
        (_, most) => format!("{} must be {} or less", named(item), most.unwrap_or_default()),
    })
}

/// The day typed in three fields.
fn day(item: &Item, answers: &Answers) -> Result<Option<Date>, Unfit> {
    let field = |part: &str| format!("{}.{part}", item.link);
    let part = |name: &str| first(answers, &field(name));
    let (day, month, year) = (part("day"), part("month"), part("year"));
    if day.is_empty() && month.is_empty() && year.is_empty() {
        return Ok(None);
    }
    for (name, given) in [("day", day), ("month", month), ("year", year)] {
        if given.is_empty() {
            return Err((field(name), format!("{} must include a {name}", named(item))));
        }
    }
    let real = || (field("day"), format!("{} must be a real date, like 27 3 2026", named(item)));
    let whole = |text: &str| text.parse::<i16>().map_err(|_| real());
    let small = |text: &str| text.parse::<i8>().map_err(|_| real());
    let year = whole(year)?;
    if !YEARS.contains(&year) {
        return Err((field("year"), format!("{} must have a year with four digits, like 2026", named(item))));
    }
    Date::new(year, small(month)?, small(day)?).map(Some).map_err(|_| real())
}

/// A value as people read it.
pub fn words(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Bool(true) => "Yes".into(),
        Value::Bool(false) => "No".into(),
        Value::Date(date) => date.strftime("%d-%b-%Y").to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Decimal(number) => number.clone(),
        Value::Quantity(number, unit) => format!("{number} {}", unit.display),
        Value::Choice(choice) => choice.display.clone(),
    }
}
