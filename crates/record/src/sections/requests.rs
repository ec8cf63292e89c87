//! What another organisation was asked for here: a test, a referral; where it stands, and what either side said.

use super::documents;
use crate::{
    item::{ParsedItem, WRITTEN_HERE, find},
    text::{self, list, text as member},
    when::When,
};
use fhir::{Resource, ResourceId, ResourceType, Value};

/// The system of the identifiers and codes of requests made here (see the `forms` room).
const REQUEST: &str = "urn:skein:request";
const SAID: &str = "urn:skein:request:said";

/// An organisation: its ODS code, and in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Party {
    /// Its ODS code.
    pub code: String,
    /// In words: of who asks, with the name and role of who sent it.
    pub words: String,
}

impl Party {
    fn of(value: Option<&Value>) -> Party {
        let at = |pointer: &str| value.and_then(|value| value.pointer(pointer)).and_then(Value::as_str);
        let code = at("/identifier/value").unwrap_or_default().to_ascii_uppercase();
        Party { words: at("/display").map_or_else(|| code.clone(), str::to_owned), code }
    }
}

/// Something that was said about a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// `Answer`, `Question`, `Reply` …
    pub kind: &'static str,
    /// Who said it.
    pub by: String,
    /// When.
    pub at: Option<When>,
    /// What.
    pub text: String,
}

/// Something that goes along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Along {
    /// What it is called, as the resource itself says: its name is as sensitive as it is.
    pub title: String,
    /// The resource; None: it is withheld from this reader, or not there any more.
    pub item: Option<(ResourceType, ResourceId)>,
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The task by which it is answered, with the version that is shown.
    pub task: (ResourceId, u32),
    /// The request, with the version that is shown.
    pub request: Option<(ResourceId, u32)>,
    /// What the policies call it: who may say more about it.
    pub writes: String,
    /// What kind it is, in words: `Refer to a specialist`.
    pub kind: String,
    /// What is asked.
    pub what: String,
    /// `Emergency`, `Urgent`; routine: none.
    pub urgency: Option<&'static str>,
    /// Who asks.
    pub from: Party,
    /// Who is asked.
    pub to: Party,
    /// When it was sent.
    pub sent: Option<When>,
    /// The task's status.
    pub status: String,
    /// Where it stands, in words.
    pub stands: String,
    /// Whether it is still to be answered.
    pub open: bool,
    /// The questions of its form and their answers, in order.
    pub asked: Vec<(String, Vec<String>)>,
    /// What goes along.
    pub along: Vec<Along>,
    /// What was said, oldest first.
    pub said: Vec<Word>,
}

/// How urgent a request or a task is, where it is.
pub fn urgency(resource: &Resource) -> Option<&'static str> {
    match resource.str_at("/priority") {
        Some("stat") => Some("Emergency"),
        Some("urgent" | "asap") => Some("Urgent"),
        _ => None,
    }
}

/// Whether a task belongs to a request that was made here.
pub fn is_ours(item: &ParsedItem) -> bool {
    item.source.id == WRITTEN_HERE
        && item.resource.list("identifier").iter().any(|identifier| member(identifier, "system") == Some(REQUEST))
}

/// Where a task stands, in words.
pub fn stands(task: &Resource) -> String {
    let said = task.str_at("/businessStatus/text").map(str::to_owned);
    said.unwrap_or_else(|| text::words(task.str_at("/status").unwrap_or_default()))
}

fn is_open(status: &str) -> bool {
    matches!(status, "requested" | "received" | "accepted" | "in-progress" | "on-hold")
}

/// The requests that were made here, newest first.
pub fn requests(items: &[ParsedItem]) -> Vec<Request> {
    let tasks = items.iter().filter(|item| item.kind() == ResourceType::Task && is_ours(item));
    let mut found: Vec<Request> = tasks.map(|task| request(items, task)).collect();
    found.sort_by_key(|request| std::cmp::Reverse(request.sent.as_ref().map(|sent| sent.at)));
    found
}

/// Of a file that was sent along: its own name.
fn called(letter: &documents::Letter) -> String {
    let own = letter.description.clone().filter(|_| letter.origin.source.id == WRITTEN_HERE);
    own.unwrap_or_else(|| letter.title.clone())
}

fn title(items: &[ParsedItem], item: &ParsedItem) -> String {
    match item.kind() {
        ResourceType::DocumentReference => called(&documents::letter_of(items, item)),
        _ => text::concept(&item.resource, "code").map_or_else(|| text::words(item.kind().as_str()), |code| code.text),
    }
}

/// One request, by its task.
pub fn request(items: &[ParsedItem], task: &ParsedItem) -> Request {
    let resource = &task.resource;
    let focus = resource.str_at("/focus/reference").unwrap_or_default();
    let asked = find(items, focus);
    let supporting = asked.map(|request| request.resource.list("supportingInfo")).unwrap_or_default();
    let (mut along, mut answers) = (Vec::new(), Vec::new());
    for one in supporting {
        let reference = member(one, "reference").unwrap_or_default();
        let item = find(items, reference);
        if reference.starts_with("QuestionnaireResponse/") {
            collect(item.map(|item| item.resource.list("item")).unwrap_or_default(), 0, &mut answers);
            continue;
        }
        let title = item.map_or_else(|| "Withheld from you, or no longer there".to_owned(), |item| title(items, item));
        along.push(Along { title, item: item.map(|item| (item.kind(), item.id)) });
    }
    let status = resource.str_at("/status").unwrap_or_default().to_owned();
    Request {
        task: (task.id, task.version),
        request: asked.map(|item| (item.id, item.version)),
        writes: resource.str_at("/code/coding/0/code").unwrap_or_default().to_owned(),
        kind: resource.str_at("/code/text").unwrap_or("Request").to_owned(),
        what: resource.str_at("/description").unwrap_or_default().to_owned(),
        urgency: urgency(resource),
        from: Party::of(resource.get("requester")),
        to: Party::of(resource.get("owner")),
        sent: text::when(resource, &["/authoredOn"]),
        stands: stands(resource),
        open: is_open(&status),
        status,
        asked: answers,
        along,
        said: resource.list("note").iter().map(word).collect(),
    }
}

fn word(note: &Value) -> Word {
    let kind = list(note, "extension").iter().find(|extension| member(extension, "url") == Some(SAID));
    Word {
        kind: match kind.and_then(|kind| member(kind, "valueCode")).unwrap_or_default() {
            "accepted" => "Accepted",
            "declined" => "Declined",
            "question" => "More is asked",
            "answer" => "Answer",
            "reply" => "Reply",
            "withdrawn" => "Withdrawn",
            _ => "Note",
        },
        by: member(note, "authorString").unwrap_or_default().to_owned(),
        at: member(note, "time").and_then(When::parse),
        text: member(note, "text").unwrap_or_default().to_owned(),
    }
}

/// Forms nest no deeper.
const DEPTH_MAX: usize = 8;

fn collect(items: &[Value], depth: usize, all: &mut Vec<(String, Vec<String>)>) {
    if depth > DEPTH_MAX {
        return;
    }
    for item in items {
        let answers: Vec<String> = list(item, "answer").iter().filter_map(answer).collect();
        // What goes along stands with its links.
        if !answers.is_empty() && member(item, "linkId") != Some("with") {
            all.push((member(item, "text").unwrap_or_default().to_owned(), answers));
        }
        collect(list(item, "item"), depth + 1, all);
    }
}

fn answer(answer: &Value) -> Option<String> {
    if let Some(coding) = answer.get("valueCoding") {
        return member(coding, "display").map(str::to_owned);
    }
    if let Some(quantity) = answer.get("valueQuantity") {
        return text::quantity(quantity);
    }
    let value = answer.as_object()?.iter().find(|(name, _)| name.starts_with("value"))?.1;
    Some(match value {
        Value::String(text) => When::parse(text)
            .filter(|_| answer.get("valueDate").is_some())
            .map_or_else(|| text.clone(), |when| when.text),
        Value::Bool(yes) => if *yes { "Yes" } else { "No" }.to_owned(),
        other => other.to_string(),
    })
}

/// Letters and results that may go along with a request: `Type/id` and a title, newest first.
pub fn may_go_along(items: &[ParsedItem], limit: usize) -> Vec<(String, String)> {
    let mut found: Vec<(Option<jiff::Timestamp>, String, String)> = Vec::new();
    for letter in documents::letters(items).into_iter().filter(|letter| !letter.superseded) {
        let date = letter.when.as_ref().map(|when| format!(", {}", when.day_text())).unwrap_or_default();
        let reference = format!("{}/{}", letter.origin.kind, letter.origin.id);
        let title = format!("{}{date} ({})", called(&letter), letter.origin.source.name);
        found.push((letter.when.map(|when| when.at), reference, title));
    }
    for item in items.iter().filter(|item| item.kind() == ResourceType::DiagnosticReport) {
        let reference = format!("DiagnosticReport/{}", item.id);
        if found.iter().any(|(_, known, _)| *known == reference)
            || matches!(item.status(), "entered-in-error" | "cancelled" | "registered")
        {
            continue;
        }
        let when = text::when(&item.resource, &["/issued", "/effectiveDateTime", "/effectivePeriod/start"]);
        let date = when.as_ref().map(|when| format!(", {}", when.day_text())).unwrap_or_default();
        let name = text::concept(&item.resource, "code").map_or_else(|| "Result".into(), |code| code.text);
        found.push((when.map(|when| when.at), reference, format!("{name}{date} ({})", item.source.name)));
    }
    found.sort_by_key(|(at, ..)| std::cmp::Reverse(*at));
    found.truncate(limit);
    found.into_iter().map(|(_, reference, title)| (reference, title)).collect()
}
