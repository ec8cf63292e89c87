//! The sources of a record: how fresh each is, what it adds, and why its patient is this person.

use super::{
    Chrome, Comparable, Here,
    frame::{self, Frame, Opened, Page},
    html,
};
use crate::{error::PageError, session::SignedIn, state::AppState};
use access::Action;
use askama::Template;
use axum::{
    extract::{Path, Query, State},
    response::Html,
};
use record::{
    Filter, LinkRow,
    freshness::{Freshness, Verdict, freshness_told},
    origin::why_linked,
    voice::Voice,
};
use serde::Deserialize;
use std::{collections::HashMap, sync::Arc};

struct SourceLine {
    name: String,
    kind: &'static str,
    slug: &'static str,
    label: &'static str,
    heard: String,
    about: String,
    entries: String,
}

struct LinkLine {
    source: String,
    period: String,
    why: String,
}

#[derive(Template)]
#[template(path = "sources.html")]
struct SourcesPage {
    chrome: Chrome,
    frame: Frame,
    rows: Vec<SourceLine>,
    sentences: Vec<String>,
    links: Vec<LinkLine>,
    reported: bool,
    /// Whether there is more than one patient, so that a link can be wrong.
    several: bool,
}

/// What was just done.
#[derive(Deserialize)]
pub struct Reported {
    #[serde(default)]
    reported: String,
}

/// `GET /record/{person}/sources`.
pub async fn show(
    State(state): State<AppState>,
    who: SignedIn,
    Path(person): Path<String>,
    Query(way): Query<Reported>,
) -> Result<Html<String>, PageError> {
    let person = frame::person(&person)?;
    let chrome = Chrome::new(&state, &who, Here::Elsewhere);
    let (site, user) = (state.clone(), Arc::clone(&who.user));
    let reported = way.reported == "yes";
    let work = move || {
        let now = site.page_time();
        let permit = site.open_record(&user, person, &Action::OpenPage { page: "sources".into() })?;
        let links = site.records.links(&permit)?;
        let patients: HashMap<_, _> = site.records.patient_sources(&permit)?.into_iter().collect();
        let states = frame::states(&site, &permit)?;
        let waiting = site.records.waiting(&permit)?.len();
        let read = site.records.read(&permit, &Filter::default())?;
        let page = read.and(links, |items, links| {
            // How much each source says, and when it last said something about this person.
            let mut said: HashMap<String, (usize, jiff::Timestamp)> = HashMap::new();
            for item in &items {
                let entry = said.entry(item.source.to_string()).or_insert((0, item.recorded));
                *entry = (entry.0 + 1, entry.1.max(item.recorded));
            }
            let kept: Vec<_> = items.into_iter().filter(|item| frame::BANNER_KINDS.contains(&item.kind)).collect();
            let page = Page { title: "Sources".into(), section: None, audit: String::new() };
            let opened = frame::opened(&kept, states, page, &permit, waiting, now)?;
            let name = |id: &str| crate::sources::info(&opened.states, id).name.clone();
            let links = links.iter().map(|link| line(link, patients.get(&link.patient).map(|id| name(id)))).collect();
            let (rows, sentences) = lines(&opened, &said, now);
            let several = patients.len() > 1;
            html(&SourcesPage { chrome, frame: opened.frame, rows, sentences, links, reported, several })
        });
        page.ok_or_else(|| PageError::Fault("what was read under one permit is under two".into()))
    };
    let sealed = crate::blocking::spawn(work).await.map_err(|error| PageError::Fault(error.to_string()))??;
    sealed.release_as(|page| page.as_ref().ok().and_then(Comparable::hash)).await?
}

/// The sources that know the person, and how fresh all are in sentences. `said`: how many entries each has, and since when the newest.
fn lines(
    opened: &Opened,
    said: &HashMap<String, (usize, jiff::Timestamp)>,
    now: jiff::Timestamp,
) -> (Vec<SourceLine>, Vec<String>) {
    let (mut rows, mut sentences) = (Vec::new(), Vec::new());
    let strip = freshness_told(&opened.states, opened.frame.voice, now);
    for one in &strip {
        let mine = said.get(&one.source.id);
        if !one.knows_person && mine.is_none() {
            continue;
        }
        rows.push(SourceLine {
            name: one.source.name.clone(),
            kind: one.source.kind.label(),
            slug: one.verdict.slug(),
            label: one.verdict.label(),
            heard: one
                .heard
                .clone()
                .unwrap_or_else(|| if hidden(&one.source.id) { "not shown" } else { "never" }.into()),
            about: mine.map_or_else(|| "never".into(), |(_, at)| opened.frame.ago(at)),
            entries: mine
                .map_or_else(|| "0".into(), |(count, _)| super::thousands(u64::try_from(*count).unwrap_or(u64::MAX))),
        });
        sentences.push(one.sentence.clone());
    }
    // Naming the practices that do not know a restricted person would tell the one that does.
    let others = strip.iter().filter(|one| !one.knows_person);
    let (apart, others): (Vec<_>, Vec<_>) = others.partition(|one| one.verdict == Verdict::NotConnected);
    let names = |of: Vec<&Freshness>| of.iter().map(|one| one.source.name.as_str()).collect::<Vec<_>>().join(", ");
    let voice = opened.frame.voice;
    if !others.is_empty() {
        sentences.push(match voice {
            Voice::Staff => format!("No patient linked to this person at: {}.", names(others)),
            Voice::Person => format!("These services have no record of you here: {}.", names(others)),
        });
    }
    if !apart.is_empty() {
        sentences.push(match voice {
            Voice::Staff => format!("Not connected to this record: {}.", names(apart)),
            Voice::Person => format!("These services are not part of this record: {}.", names(apart)),
        });
    }
    (rows, sentences)
}

fn hidden(source: &str) -> bool {
    source == record::withhold::WITHHELD
}

fn line(link: &LinkRow, source: Option<String>) -> LinkLine {
    let from = super::thousands(link.seq_from);
    LinkLine {
        source: source.unwrap_or_else(|| "a source no longer linked".into()),
        period: match link.seq_to {
            None => format!("since change {from}"),
            Some(to) => format!("from change {from} to {}", super::thousands(to)),
        },
        why: why_linked(&link.reason),
    }
}
