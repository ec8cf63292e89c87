//! A form, read.

use fhir::Value as Json;
use std::collections::BTreeMap;

/// What was typed, by the name of the field: the question's `linkId`, with `.day`, `.month` and `.year` of a date and `.other`
/// of an answer in the person's own words. Kept whole, whatever it is.
pub type Answers = BTreeMap<String, Vec<String>>;

/// A form.
#[derive(Clone, Debug, PartialEq)]
pub struct Form {
    /// Its canonical address (`Questionnaire.url`).
    pub url: String,
    /// Its version.
    pub version: String,
    /// Its name in addresses: small letters, digits, hyphens (`Questionnaire.name`).
    pub name: String,
    /// What people call it.
    pub title: String,
    /// What it is for, in a sentence.
    pub description: String,
    /// What the policies call it: who may write it.
    pub writes: String,
    /// The type of plan it makes: system, code and words. None: what it makes is the person's own words or a request, and no
    /// plan.
    pub plan: Option<Choice>,
    /// The category of the request it makes (`ServiceRequest.category`): something that another organisation is asked for.
    pub request: Option<Choice>,
    /// Whether what is answered are the words of the person, whoever writes them down.
    pub own_words: bool,
    /// The question that asks when the plan is looked at again.
    pub review: Option<String>,
    /// What is asked.
    pub items: Vec<Item>,
    /// The Questionnaire as it was read.
    pub json: Json,
}

/// One of the answers there are to choose from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// The code system, empty when there is none.
    pub system: String,
    /// The code; of a text without a code, the text.
    pub code: String,
    /// What is read.
    pub display: String,
    /// Whether it is a text and no coding (`valueString`).
    pub plain: bool,
}

/// What a question is answered with (`Questionnaire.item.type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing: it holds others.
    Group,
    /// Nothing: it is read.
    Display,
    /// A line.
    String,
    /// Lines.
    Text,
    /// Yes or no.
    Boolean,
    /// A day.
    Date,
    /// A whole number.
    Integer,
    /// A number.
    Decimal,
    /// A number with a unit.
    Quantity,
    /// One of the answers given, or several where the question repeats.
    Choice,
    /// The same, or words of one's own.
    OpenChoice,
}

/// Where the answers to choose from are taken from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choices {
    /// They are in the form.
    #[default]
    Listed,
    /// The organisations that the region knows.
    Organisations,
    /// Letters and results of the record, as the reader sees it.
    Record,
}

/// How answers to choose from are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Show {
    /// One below the other.
    #[default]
    Buttons,
    /// In a list that opens.
    List,
}

/// A question, a group of them, or words between.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Its name within the form.
    pub link: String,
    /// What is asked.
    pub text: String,
    /// What helps to answer.
    pub help: Option<String>,
    /// What it is answered with.
    pub kind: Kind,
    /// Whether it must be answered.
    pub required: bool,
    /// Whether several answers may be given.
    pub repeats: bool,
    /// Characters at most.
    pub length_max: usize,
    /// The least number.
    pub least: Option<i64>,
    /// The largest number.
    pub most: Option<i64>,
    /// The unit: code and words.
    pub unit: Option<Choice>,
    /// The answers to choose from.
    pub options: Vec<Choice>,
    /// Where they are taken from.
    pub choices: Choices,
    /// How they are shown.
    pub show: Show,
    /// When it is asked; empty: always.
    pub when: Vec<Condition>,
    /// Whether all conditions must hold, rather than one.
    pub when_all: bool,
    /// What a group holds.
    pub items: Vec<Item>,
}

/// A condition on another answer (`enableWhen`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The question.
    pub question: String,
    /// How it is compared.
    pub operator: Operator,
    /// With what, as it would be typed.
    pub answer: String,
}

/// How an answer is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// There is one, or there is none.
    Exists,
    /// One of the answers is it.
    Equal,
    /// There is an answer, and none is it.
    NotEqual,
    /// It is more.
    More,
    /// It is less.
    Less,
    /// It is as much or more.
    AtLeast,
    /// It is as much or less.
    AtMost,
}

impl Operator {
    /// As FHIR writes it.
    pub fn code(self) -> &'static str {
        match self {
            Operator::Exists => "exists",
            Operator::Equal => "=",
            Operator::NotEqual => "!=",
            Operator::More => ">",
            Operator::Less => "<",
            Operator::AtLeast => ">=",
            Operator::AtMost => "<=",
        }
    }
}

impl Form {
    /// The form with the answers to choose from that are not in it.
    #[must_use]
    pub fn filled(&self, organisations: &[Choice], record: &[Choice]) -> Form {
        fn fill(items: &mut [Item], organisations: &[Choice], record: &[Choice]) {
            for item in items {
                match item.choices {
                    Choices::Listed => {}
                    Choices::Organisations => item.options = organisations.to_vec(),
                    Choices::Record => item.options = record.to_vec(),
                }
                fill(&mut item.items, organisations, record);
            }
        }
        let mut form = self.clone();
        fill(&mut form.items, organisations, record);
        form
    }

    /// Every item with its depth, groups before what they hold.
    pub fn flat(&self) -> Vec<(usize, &Item)> {
        fn walk<'a>(items: &'a [Item], depth: usize, all: &mut Vec<(usize, &'a Item)>) {
            for item in items {
                all.push((depth, item));
                walk(&item.items, depth + 1, all);
            }
        }
        let mut all = Vec::new();
        walk(&self.items, 0, &mut all);
        all
    }

    /// The question of this name.
    pub fn item(&self, link: &str) -> Option<&Item> {
        self.flat().into_iter().map(|(_, item)| item).find(|item| item.link == link)
    }

    /// The canonical address with its version.
    pub fn canonical(&self) -> String {
        if self.version.is_empty() { self.url.clone() } else { format!("{}|{}", self.url, self.version) }
    }

    /// The names of all fields there are, for whoever takes a form in.
    pub fn fields(&self) -> Vec<String> {
        self.flat().into_iter().flat_map(|(_, item)| item.fields()).collect()
    }
}

impl Item {
    /// The names of its fields.
    pub fn fields(&self) -> Vec<String> {
        let part = |name: &str| format!("{}.{name}", self.link);
        match self.kind {
            Kind::Group | Kind::Display => Vec::new(),
            Kind::Date => vec![part("day"), part("month"), part("year")],
            Kind::OpenChoice => vec![self.link.clone(), part("other")],
            _ => vec![self.link.clone()],
        }
    }

    /// Whether it is a question.
    pub fn is_question(&self) -> bool {
        !matches!(self.kind, Kind::Group | Kind::Display)
    }

    /// The choice of this code.
    pub fn choice(&self, code: &str) -> Option<&Choice> {
        self.options.iter().find(|choice| choice.code == code)
    }
}
