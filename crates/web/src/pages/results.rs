//! Results: the latest of each test, the reports, one report, one test over time.

use super::{
    Chrome, Here,
    frame::{self, Frame, Page},
    html,
    letters::{self, FileView},
    section::kinds,
};
use crate::{
    chart::{Chart, NARROW, WIDE, chart},
    error::PageError,
    session::SignedIn,
    state::AppState,
};
use askama::Template;
use axum::{
    extract::{Path, Query, State},
    response::Html,
};
use fhir::{ResourceId, ResourceType};
use record::{
    explain::Explanation,
    sections::{
        SectionKind,
        documents::{self, Letter},
        results::{self, Reading, Report, Results},
    },
    text,
};
use serde::Deserialize;

/// Reports on a page.
const REPORTS_MAX: usize = 50;

#[derive(Template)]
#[template(path = "results.html")]
struct ResultsPage {
    chrome: Chrome,
    frame: Frame,
    results: Results,
    reports_total: usize,
    tab: &'static str,
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

/// `GET /record/{person}/results`.
pub async fn latest(
    State(state): State<AppState>,
    who: SignedIn,
    Path(person): Path<String>,
) -> Result<Html<String>, PageError> {
    page(state, who, &person, "latest", 0).await
}

/// `GET /record/{person}/results/reports`.
pub async fn reports(
    State(state): State<AppState>,
    who: SignedIn,
    Path(person): Path<String>,
    Query(from): Query<From>,
) -> Result<Html<String>, PageError> {
    page(state, who, &person, "reports", from.from).await
}

async fn page(
    state: AppState,
    who: SignedIn,
    person: &str,
    tab: &'static str,
    from: usize,
) -> Result<Html<String>, PageError> {
    let person = frame::person(person)?;
    let chrome = Chrome::new(&state, &who, Here::Elsewhere);
    let section = SectionKind::Results;
    frame::open(&state, &who.user, person, Page::of(section), kinds(section), move |opened| {
        let mut results = results::results(&opened.items);
        let reports_total = results.reports.len();
        let rest = reports_total.saturating_sub(from);
        results.reports = results.reports.into_iter().skip(from).take(REPORTS_MAX).collect();
        let older = (rest > REPORTS_MAX)
            .then(|| format!("{}/reports?from={}", opened.frame.section("results"), from + REPORTS_MAX));
        let missing = opened.missing(section);
        html(&ResultsPage { chrome, frame: opened.frame, results, reports_total, tab, older, missing })
    })
    .await
}

#[derive(Template)]
#[template(path = "trend.html")]
struct TrendPage {
    chrome: Chrome,
    frame: Frame,
    name: String,
    readings: Vec<Reading>,
    charts: Vec<(&'static str, Chart)>,
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
    frame::open(&state, &who.user, person, page, kinds(section), move |opened| {
        let mut readings = results::course(&opened.items, id);
        let name = readings.first().map(|reading| reading.title.clone()).ok_or(PageError::NotFound)?;
        let shapes = [(" trend--wide", WIDE), (" trend--narrow", NARROW)];
        let charts = shapes.into_iter().filter_map(|(class, shape)| Some((class, chart(&readings, shape)?))).collect();
        let notes = shared_comments(&mut readings);
        html(&TrendPage { chrome, frame: opened.frame, name, readings, charts, notes })
    })
    .await
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
