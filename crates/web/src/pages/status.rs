//! The status page: sources, how far processing is, how far the demonstration is loaded. Says nothing about any person.

use super::{Chrome, Here, html, thousands};
use crate::{
    error::PageError,
    session::SignedIn,
    sources,
    state::{AppState, Loading},
};
use askama::Template;
use axum::{Json, extract::State, response::Html};
use intake::Engine;
use record::{freshness::freshness, when};
use serde::Serialize;

struct SourceLine {
    name: String,
    kind: &'static str,
    slug: &'static str,
    label: &'static str,
    heard: String,
    messages: String,
}

#[derive(Template)]
#[template(path = "status.html")]
struct StatusPage {
    chrome: Chrome,
    loading: Option<Loading>,
    words: String,
    head: String,
    applied: String,
    totals: Vec<(String, String)>,
    fault: Option<String>,
    /// Whether words are looked for in PDF letters.
    pdfs: bool,
    rows: Vec<SourceLine>,
    at: String,
}

/// How far it is, for the page's own script.
#[derive(Serialize)]
pub struct Progress {
    head: u64,
    applied: u64,
    done: Option<u64>,
    total: Option<u64>,
    words: String,
}

/// `GET /status`.
pub async fn show(State(state): State<AppState>, who: SignedIn) -> Result<Html<String>, PageError> {
    let site = state.clone();
    let work = move || -> Result<_, PageError> {
        let rows = site.records.sources()?;
        Ok((sources::states(&site, &[])?, rows, site.records.totals()?))
    };
    let (states, raw, totals) =
        crate::blocking::spawn(work).await.map_err(|error| PageError::Fault(error.to_string()))??;
    let now = state.now();
    let mut strip = freshness(&states, now);
    strip.sort_by(|a, b| a.source.name.cmp(&b.source.name));
    let messages = |id: &str| raw.iter().find(|row| row.name == id).map_or(0, |row| row.messages);
    let rows = strip
        .into_iter()
        .map(|one| SourceLine {
            messages: thousands(messages(&one.source.id)),
            name: one.source.name.clone(),
            kind: one.source.kind.label(),
            slug: one.verdict.slug(),
            label: one.verdict.label(),
            heard: one.heard.unwrap_or_else(|| "never".into()),
        })
        .collect();
    let progress = state.engine()?.progress();
    let named = [("People", "people"), ("Patients at their sources", "patients")];
    let page = StatusPage {
        chrome: Chrome::new(&state, &who, Here::Status),
        loading: state.loading(),
        words: words(&state, state.engine()?),
        head: thousands(progress.head),
        applied: thousands(progress.applied),
        totals: named
            .iter()
            .filter_map(|(label, key)| Some(((*label).to_owned(), thousands(*totals.get(key)?))))
            .collect(),
        fault: state.engine()?.fault(),
        pdfs: state.pdfs.are_read(),
        rows,
        at: when::date_time(now),
    };
    html(&page)
}

/// `GET /status/progress`.
pub async fn progress(State(state): State<AppState>, _who: SignedIn) -> Result<Json<Progress>, PageError> {
    let progress = state.engine()?.progress();
    let loading = state.loading();
    Ok(Json(Progress {
        head: progress.head,
        applied: progress.applied,
        done: loading.as_ref().map(|loading| loading.done),
        total: loading.as_ref().map(|loading| loading.total),
        words: words(&state, state.engine()?),
    }))
}

fn words(state: &AppState, engine: &Engine) -> String {
    let progress = engine.progress();
    let behind = progress.head.saturating_sub(progress.applied);
    match (engine.fault(), state.loading()) {
        (Some(_), _) => "Processing has stopped.".into(),
        (None, Some(loading)) => loading_words(&loading),
        (None, None) if behind == 0 => "Everything received is processed and visible.".into(),
        (None, None) if behind == 1 => "1 message is being processed.".into(),
        (None, None) => format!("{} messages are being processed.", thousands(behind)),
    }
}

/// `1,200 of 9,000 messages and bundles are in.`
pub fn loading_words(loading: &Loading) -> String {
    match loading.total {
        0 => "The region’s history is being made.".into(),
        total => format!("{} of {} messages and bundles are in.", thousands(loading.done), thousands(total)),
    }
}
