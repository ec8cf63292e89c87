//! Results: the latest of each test, the reports, one report, one test over time.

use super::{
    Chrome, Here,
    frame::{self, Frame, Opened, Page},
    html,
    letters::{self, FileView},
    section::kinds,
};
use crate::{
    chart::{Chart, NARROW, WIDE, chart},
    error::PageError,
    session::{Remembered, SignedIn},
    sources,
    state::AppState,
};
use access::{Permit, User, Via};
use askama::Template;
use axum::{
    Form,
    extract::{Path, Query, State},
    response::{Html, Redirect},
};
use fhir::{PersonKey, ResourceId, ResourceType};
use record::{
    Filter, Item, ParsedItem, Records, SourceInfo, SourceKind, StoreError,
    explain::Explanation,
    sections::{
        SectionKind,
        cumulative::{self, Ask, Earlier, RangeInUse, Table},
        documents::{self, Letter},
        results::{self, Reading, Report, Results},
    },
    text, unit,
    voice::Voice,
};
use serde::Deserialize;
use std::sync::Arc;

/// Reports on a page.
const REPORTS_MAX: usize = 50;
/// Days in the table.
const DAYS_MAX: usize = 10;
/// Letters of what is looked for in names of tests.
const WORDS_MAX: usize = 60;
/// Letters of a date: `2026-07-14`.
const DATE_CHARS_MAX: usize = 10;
/// Results whose earlier versions are looked up for one trend.
const CORRECTED_MAX: usize = 40;

#[derive(Template)]
#[template(path = "results.html")]
struct ResultsPage {
    chrome: Chrome,
    frame: Frame,
    results: Results,
    tab: Tab,
    asked: Asked,
    older: Option<String>,
    missing: Explanation,
}

#[derive(Template)]
#[template(path = "results_table.html")]
struct TablePage {
    chrome: Chrome,
    frame: Frame,
    table: Table,
    days: Vec<(String, String)>,
    tab: Tab,
    asked: Asked,
    newer: Option<String>,
    older: Option<String>,
    missing: Explanation,
}

/// Where a list goes on.
#[derive(Deserialize)]
pub struct From {
    /// How many entries to pass over.
    #[serde(default)]
    pub from: usize,
}

/// What is asked for, as the address says it: days, a source, and the id of the words that names of tests are to hold. The
/// words themselves may be anything, a name as well: they are kept on the server, and written in the audit entry, by which what
/// was shown can be shown again.
#[derive(Deserialize)]
pub struct Wanted {
    #[serde(default)]
    from: usize,
    /// The id of the words.
    #[serde(default)]
    filter: String,
    /// The words, where something is shown again. Otherwise they are not taken from an address.
    #[serde(default)]
    test: String,
    /// An id was given, and nothing is remembered under it.
    #[serde(skip)]
    forgotten: bool,
    #[serde(default)]
    abnormal: String,
    #[serde(default)]
    since: String,
    #[serde(default)]
    until: String,
    #[serde(default)]
    source: String,
}

/// A way to look at results.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tab {
    Latest,
    Table,
    Reports,
}

impl Tab {
    fn path(self) -> &'static str {
        match self {
            Tab::Latest => "results",
            Tab::Table => "results/table",
            Tab::Reports => "results/reports",
        }
    }

    fn is(self, other: &str) -> bool {
        self.path() == other
    }
}

/// The filter as the page shows it.
struct Asked {
    action: String,
    test: String,
    abnormal: bool,
    since: String,
    until: String,
    source: String,
    sources: Vec<(String, String)>,
    /// A date that could not be read.
    wrong: Option<String>,
    /// The words are no longer remembered.
    forgotten: bool,
    on: bool,
    /// How many results and reports there are, and how many of them are shown.
    all: usize,
    shown: usize,
    /// The same for another way to look, or another page.
    query: String,
}

impl Asked {
    /// The address of another way to look at what is asked for.
    fn at(&self, frame: &Frame, path: &str) -> String {
        let query = if self.query.is_empty() { String::new() } else { format!("?{}", self.query) };
        format!("{}{query}", frame.section(path))
    }

    fn page(&self, from: usize) -> String {
        let and = if self.query.is_empty() { "" } else { "&" };
        format!("{}?{}{and}from={from}", self.action, self.query)
    }
}

impl Wanted {
    /// Take out of a record's items what is not asked for, and say what was.
    fn apply(self, opened: &mut Opened, tab: Tab) -> Asked {
        let mut wrong = None;
        let mut date = |words: &str| match words.trim() {
            "" => None,
            words => words.parse().ok().or_else(|| {
                wrong = Some(format!("“{words}” is not a date and is passed over: write it as 2026-07-14."));
                None
            }),
        };
        let (since, until) = (date(&self.since), date(&self.until));
        let ask = Ask {
            words: self.test.trim().chars().take(WORDS_MAX).collect(),
            abnormal: !self.abnormal.is_empty(),
            since,
            until,
            source: Some(self.source.clone()).filter(|source| !source.is_empty()),
        };
        let sources = cumulative::sources(&opened.items);
        let (all, shown) = ask.apply(&mut opened.items);
        let mut query = form_urlencoded(&[
            ("filter", if ask.words.is_empty() { "" } else { &self.filter }),
            ("abnormal", if ask.abnormal { "yes" } else { "" }),
            ("since", &since.map(|day: jiff::civil::Date| day.to_string()).unwrap_or_default()),
            ("until", &until.map(|day: jiff::civil::Date| day.to_string()).unwrap_or_default()),
            ("source", &self.source),
        ]);
        if ask.is_empty() {
            query.clear();
        }
        Asked {
            action: opened.frame.section(tab.path()),
            abnormal: ask.abnormal,
            on: !ask.is_empty(),
            test: ask.words,
            since: self.since,
            until: self.until,
            source: self.source,
            sources: sources.iter().map(|source| (source.id.clone(), source.name.clone())).collect(),
            wrong,
            forgotten: self.forgotten,
            all,
            shown,
            query,
        }
    }
}

/// `name=value` pairs that have a value, as a browser writes them.
fn form_urlencoded(pairs: &[(&str, &str)]) -> String {
    let encoded = |value: &str| {
        let mut out = String::new();
        for byte in value.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => out.push(char::from(byte)),
                b' ' => out.push('+'),
                other => out.push_str(&format!("%{other:02X}")),
            }
        }
        out
    };
    let given = pairs.iter().filter(|(_, value)| !value.is_empty());
    given.map(|(name, value)| format!("{name}={}", encoded(value))).collect::<Vec<_>>().join("&")
}

/// The form as sent.
#[derive(Deserialize)]
pub struct FilterForm {
    form_token: String,
    /// Which way to look it was sent from.
    #[serde(default)]
    tab: String,
    #[serde(default)]
    test: String,
    #[serde(default)]
    abnormal: String,
    #[serde(default)]
    since: String,
    #[serde(default)]
    until: String,
    #[serde(default)]
    source: String,
}

/// `POST /record/{person}/results/filter`: remember the words, and go to what is asked for.
pub async fn filter(
    State(state): State<AppState>,
    who: SignedIn,
    Path(person): Path<String>,
    Form(form): Form<FilterForm>,
) -> Result<Redirect, PageError> {
    let person = frame::person(&person)?;
    who.check(&form.form_token)?;
    let words: String = form.test.trim().chars().take(WORDS_MAX).collect();
    let id = match words.is_empty() {
        true => String::new(),
        false => {
            let kept = state.sessions.remember(&who, Remembered::Results(person, words), state.steady_now());
            kept.ok_or(PageError::SignIn(None))?
        }
    };
    let tab = [Tab::Table, Tab::Reports].into_iter().find(|tab| tab.is(&form.tab)).unwrap_or(Tab::Latest);
    // A date's field holds a date, or what was typed where a browser has no such field.
    let date = |text: &str| text.trim().chars().take(DATE_CHARS_MAX).collect::<String>();
    let query = form_urlencoded(&[
        ("filter", &id),
        ("abnormal", if form.abnormal.is_empty() { "" } else { "yes" }),
        ("since", &date(&form.since)),
        ("until", &date(&form.until)),
        ("source", &form.source),
    ]);
    let and = if query.is_empty() { "" } else { "?" };
    Ok(Redirect::to(&format!("{}/{}{and}{query}", state.base(person), tab.path())))
}

/// Fill in the words that an address names by their id. The audit entry holds them, so that the page can be made again when
/// the session is long over: its address, with the words beside their id.
fn remembered(state: &AppState, who: &SignedIn, person: PersonKey, mut wanted: Wanted) -> (Arc<User>, Wanted) {
    let user = Arc::clone(&who.user);
    if state.gate.is_replay() {
        return (user, wanted);
    }
    wanted.test.clear();
    if wanted.filter.is_empty() {
        return (user, wanted);
    }
    let Some(words) = state.sessions.result_words(who, person, &wanted.filter, state.steady_now()) else {
        wanted.forgotten = true;
        return (user, wanted);
    };
    let page = format!("{}&{}", user.via.page, form_urlencoded(&[("test", &words)]));
    wanted.test = words;
    (Arc::new(User { via: Via { page, ..user.via.clone() }, ..(*user).clone() }), wanted)
}

/// `GET /record/{person}/results`.
pub async fn latest(
    State(state): State<AppState>,
    who: SignedIn,
    Path(person): Path<String>,
    Query(query): Query<Wanted>,
) -> Result<Html<String>, PageError> {
    page(state, who, &person, Tab::Latest, query).await
}

/// `GET /record/{person}/results/reports`.
pub async fn reports(
    State(state): State<AppState>,
    who: SignedIn,
    Path(person): Path<String>,
    Query(query): Query<Wanted>,
) -> Result<Html<String>, PageError> {
    page(state, who, &person, Tab::Reports, query).await
}

async fn page(
    state: AppState,
    who: SignedIn,
    person: &str,
    tab: Tab,
    query: Wanted,
) -> Result<Html<String>, PageError> {
    let person = frame::person(person)?;
    let chrome = Chrome::new(&state, &who, Here::Elsewhere);
    let section = SectionKind::Results;
    let (user, query) = remembered(&state, &who, person, query);
    frame::open(&state, &user, person, Page::of(section), kinds(section), move |mut opened| {
        let from = query.from;
        let missing = opened.missing(section);
        let asked = query.apply(&mut opened, tab);
        let mut results = results::results(&opened.items);
        let reports_total = results.reports.len();
        let rest = reports_total.saturating_sub(from);
        results.reports = results.reports.into_iter().skip(from).take(REPORTS_MAX).collect();
        let older = (rest > REPORTS_MAX).then(|| asked.page(from + REPORTS_MAX));
        html(&ResultsPage { chrome, frame: opened.frame, results, tab, asked, older, missing })
    })
    .await
}

/// `GET /record/{person}/results/table`.
pub async fn table(
    State(state): State<AppState>,
    who: SignedIn,
    Path(person): Path<String>,
    Query(query): Query<Wanted>,
) -> Result<Html<String>, PageError> {
    let person = frame::person(&person)?;
    let chrome = Chrome::new(&state, &who, Here::Elsewhere);
    let section = SectionKind::Results;
    let page = Page::within(section, section.title(), "results in a table");
    let (user, query) = remembered(&state, &who, person, query);
    frame::open(&state, &user, person, page, kinds(section), move |mut opened| {
        let from = query.from;
        let missing = opened.missing(section);
        let asked = query.apply(&mut opened, Tab::Table);
        let table = cumulative::cumulative(&opened.items, from, DAYS_MAX);
        let days = table.days.iter().map(|day| (day.to_string(), record::when::day_text(*day))).collect();
        let newer = (from > 0).then(|| asked.page(from.saturating_sub(DAYS_MAX)));
        let older = (table.days_total > from + DAYS_MAX).then(|| asked.page(from + DAYS_MAX));
        let (frame, tab) = (opened.frame, Tab::Table);
        html(&TablePage { chrome, frame, table, days, tab, asked, newer, older, missing })
    })
    .await
}

/// One value of a trend.
struct Step {
    reading: Reading,
    /// In the unit of the chart, where it had to be converted.
    converted: Option<String>,
    /// What it said before it was corrected.
    earlier: Vec<Earlier>,
}

#[derive(Template)]
#[template(path = "trend.html")]
struct TrendPage {
    chrome: Chrome,
    frame: Frame,
    name: String,
    steps: Vec<Step>,
    charts: Vec<(&'static str, Chart)>,
    ranges: Vec<RangeInUse>,
    notes: Vec<(char, String)>,
}

/// `GET /record/{person}/results/trend/{observation}`.
pub async fn trend(
    State(state): State<AppState>,
    who: SignedIn,
    Path((person, id)): Path<(String, String)>,
) -> Result<Html<String>, PageError> {
    let person = frame::person(&person)?;
    let id: ResourceId = id.parse().map_err(|_| PageError::NotFound)?;
    let chrome = Chrome::new(&state, &who, Here::Elsewhere);
    let section = SectionKind::Results;
    let page = Page::within(section, section.title(), format!("results of one test {id}"));
    let stretch = Some(frame::stretch(&who.user));
    let read = move |records: &Records, permit: &Permit| {
        let filter = Filter { kinds: kinds(section), stretch, ..Filter::default() };
        records.read_with_versions(permit, &filter, |items| corrected(items, id))
    };
    frame::open_reading(&state, &who.user, person, page, read, move |opened, versions| {
        let mut readings = results::course(&opened.items, id);
        let name = readings.first().map(|reading| reading.title.clone()).ok_or(PageError::NotFound)?;
        let charts = charts(&readings, opened.frame.voice);
        let ranges = cumulative::ranges(&readings);
        let notes = shared_comments(&mut readings);
        let axis = readings.iter().find(|reading| !reading.numbers.is_empty()).map(|reading| reading.axis.clone());
        let source = |id: &str| sources::info(&opened.states, id);
        let versions: Result<Vec<ParsedItem>, StoreError> =
            versions.iter().map(|version| ParsedItem::of(version, source)).collect();
        let versions = versions?;
        let step = |reading: Reading| {
            let own = opened.items.iter().find(|item| item.id == reading.origin.id);
            let earlier = own.map(|item| cumulative::corrections(item, &versions)).unwrap_or_default();
            let converted = axis.as_deref().filter(|_| reading.numbers.len() == 1).and_then(|axis| {
                let value = unit::converted(&reading.value, &reading.axis, axis)?;
                Some(format!("{value} {}", unit::shown(axis)))
            });
            Step { reading, converted, earlier }
        };
        let steps = readings.into_iter().map(step).collect();
        html(&TrendPage { chrome, name, steps, charts, ranges, notes, frame: opened.frame })
    })
    .await
}

/// The results of the test that this is one of that were sent more than once. What cannot be read is found out later.
fn corrected(items: &[Item], id: ResourceId) -> Vec<(ResourceId, ResourceType)> {
    let source = |id: &str| Arc::new(SourceInfo { id: id.to_owned(), name: String::new(), kind: SourceKind::Other });
    let tests = items.iter().filter(|item| item.kind == ResourceType::Observation);
    let parsed: Vec<ParsedItem> = tests.filter_map(|item| ParsedItem::of(item, source).ok()).collect();
    let again = cumulative::sent_again(&parsed, id, CORRECTED_MAX);
    again.into_iter().map(|id| (id, ResourceType::Observation)).collect()
}

/// A chart, for a desk and for a telephone, of the values in each unit that cannot be converted into another.
fn charts(readings: &[Reading], voice: Voice) -> Vec<(&'static str, Chart)> {
    let mut units: Vec<(String, Vec<Reading>)> = Vec::new();
    for reading in readings.iter().filter(|reading| !reading.numbers.is_empty()) {
        let dimension = unit::unit(&reading.axis).dimension;
        match units.iter_mut().find(|(known, _)| *known == dimension) {
            Some((_, together)) => together.push(reading.clone()),
            None => units.push((dimension, vec![reading.clone()])),
        }
    }
    // What has no number is counted where the newest values are drawn.
    if let Some((_, first)) = units.first_mut() {
        first.extend(readings.iter().filter(|reading| reading.numbers.is_empty()).cloned());
    }
    let shapes = [(" trend--wide", WIDE), (" trend--narrow", NARROW)];
    let drawn =
        units.iter().flat_map(|(_, together)| shapes.map(|(class, shape)| (class, chart(together, shape, voice))));
    drawn.filter_map(|(class, chart)| Some((class, chart?))).collect()
}

/// Comments that stand with several readings, told once: taken out of the readings, which keep a letter instead.
fn shared_comments(readings: &mut [Reading]) -> Vec<(char, String)> {
    let mut counts: Vec<(String, usize)> = Vec::new();
    for comment in readings.iter().flat_map(|reading| &reading.comments) {
        match counts.iter_mut().find(|(known, _)| known == comment) {
            Some((_, count)) => *count += 1,
            None => counts.push((comment.clone(), 1)),
        }
    }
    let shared = counts.into_iter().filter(|(_, count)| *count > 1).map(|(comment, _)| comment);
    let notes: Vec<(char, String)> = ('a'..='z').zip(shared).collect();
    for comment in readings.iter_mut().flat_map(|reading| &mut reading.comments) {
        if let Some((letter, _)) = notes.iter().find(|(_, known)| known == comment) {
            *comment = format!("Comment {letter}");
        }
    }
    notes
}

#[derive(Template)]
#[template(path = "report.html")]
struct ReportPage {
    chrome: Chrome,
    frame: Frame,
    report: Report,
    readings: Vec<Reading>,
    facts: Vec<(&'static str, String)>,
    letter: Letter,
    files: Vec<FileView>,
}

/// `GET /record/{person}/results/report/{id}`.
pub async fn report(
    State(state): State<AppState>,
    who: SignedIn,
    Path((person, id)): Path<(String, String)>,
) -> Result<Html<String>, PageError> {
    let person = frame::person(&person)?;
    let id: ResourceId = id.parse().map_err(|_| PageError::NotFound)?;
    let chrome = Chrome::new(&state, &who, Here::Elsewhere);
    let section = SectionKind::Results;
    let page = Page::within(section, section.title(), format!("report {id}"));
    frame::open(&state, &who.user, person, page, kinds(section), move |opened| {
        let item = opened.items.iter().find(|item| item.id == id && item.kind() == ResourceType::DiagnosticReport);
        let item = item.ok_or(PageError::NotFound)?;
        let report = results::report_of(&opened.items, item);
        let letter = documents::letter_of(&opened.items, item);
        let files = letters::views(&opened.frame, item, &letter);
        let mut facts = Vec::new();
        let issued = text::when(&item.resource, &["/issued"]).filter(|issued| Some(issued) != report.when.as_ref());
        facts.extend(issued.map(|issued| ("Issued", issued.text)));
        let specimens = text::references(&item.resource, "specimen");
        facts.extend((!specimens.is_empty()).then(|| ("Specimen", specimens.join(", "))));
        let category = text::concepts(&item.resource, "category").into_iter().next();
        facts.extend(category.map(|category| ("Kind", category.text)));
        let readings = results::members(&opened.items, item);
        html(&ReportPage { chrome, report, readings, facts, letter, files, frame: opened.frame })
    })
    .await
}
