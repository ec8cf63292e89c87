//! The sections that are lists of lines.

use super::{
    Chrome, Here,
    frame::{self, BANNER_KINDS, Frame, Page},
    html,
};
use crate::{error::PageError, session::SignedIn, state::AppState};
use askama::Template;
use axum::{
    extract::{Path, Query, State},
    response::{Html, IntoResponse, Redirect, Response},
};
use fhir::ResourceType;
use record::{
    explain::Explanation,
    reconcile::{Listed, Manner, Together},
    sections::{
        Section, SectionKind, allergies, events, medicines, problems,
        requests::{self, Request},
        visits,
    },
};
use serde::Deserialize;

#[derive(Template)]
#[template(path = "section.html")]
struct SectionPage {
    chrome: Chrome,
    frame: Frame,
    section: Section,
    /// What was asked of others here, under referrals.
    requests: Vec<Request>,
    /// Whether the reader may ask for something.
    may_ask: bool,
    tabs: Vec<Tab>,
    missing: Explanation,
}

#[derive(Template)]
#[template(path = "side_by_side.html")]
struct SideBySidePage {
    chrome: Chrome,
    frame: Frame,
    together: Together,
    tabs: Vec<Tab>,
    sources: Vec<Column>,
    missing: Explanation,
}

#[derive(Template)]
#[template(path = "by_source.html")]
struct BySourcePage<'a> {
    chrome: Chrome,
    frame: Frame,
    lists: Vec<Listed<'a>>,
    tabs: Vec<Tab>,
    missing: Explanation,
}

/// A source that has a column.
struct Column {
    name: String,
    kind: &'static str,
    heard: String,
}

/// One of the ways to look at a section.
struct Tab {
    href: String,
    words: &'static str,
    here: bool,
}

/// A way to look at a section.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum View {
    /// One list, what several sources say of one thing on one line.
    #[default]
    Together,
    /// Each thing with a column for each source.
    SideBySide,
    /// Each source's own list.
    BySource,
}

/// How a section is looked at.
#[derive(Deserialize)]
pub struct Look {
    #[serde(default)]
    view: View,
}

/// `GET /record/{person}/{section}[?view=]`.
pub async fn show(
    State(state): State<AppState>,
    who: SignedIn,
    Path((person, slug)): Path<(String, String)>,
    Query(Look { view }): Query<Look>,
) -> Result<Response, PageError> {
    let person = frame::person(&person)?;
    let section = SectionKind::from_slug(&slug).ok_or(PageError::NotFound)?;
    if section == SectionKind::Summary {
        return Ok(Redirect::to(&state.base(person)).into_response());
    }
    if view != View::Together {
        return compared(state, who, person, section, view).await;
    }
    let chrome = Chrome::new(&state, &who, Here::Elsewhere);
    let forms = state.forms.clone();
    let page = frame::open(&state, &who.user, person, Page::of(section), kinds(section), move |opened| {
        let now = opened.frame.now();
        let built = match section {
            SectionKind::Problems => problems::problems(&opened.items),
            SectionKind::Medicines => medicines::medicines(&opened.items, now),
            SectionKind::Allergies => allergies::allergies(&opened.items),
            SectionKind::Visits => visits::visits(&opened.items, now),
            SectionKind::Vaccinations => events::vaccinations(&opened.items),
            SectionKind::Procedures => events::procedures(&opened.items),
            SectionKind::Alerts => events::alerts(&opened.items, now),
            SectionKind::Referrals => events::referrals(&opened.items),
            SectionKind::Other => events::other(&opened.items),
            // These have pages of their own.
            SectionKind::Summary
            | SectionKind::Results
            | SectionKind::Letters
            | SectionKind::Plans
            | SectionKind::Contacts => return Err(PageError::NotFound),
        };
        let missing = opened.missing(section);
        let tabs = tabs(&opened.frame, section, view);
        let referrals = section == SectionKind::Referrals;
        let requests = if referrals { requests::requests(&opened.items) } else { Vec::new() };
        let sight = opened.permit.sight();
        // Nothing is written into a record as it stood.
        let may_ask = referrals
            && opened.frame.then.is_none()
            && forms.all().iter().any(|form| form.request.is_some() && sight.may_write(&form.writes));
        html(&SectionPage { chrome, frame: opened.frame, section: built, requests, may_ask, tabs, missing })
    });
    page.await.map(Html::into_response)
}

/// A section with its sources apart: side by side, or one after the other.
async fn compared(
    state: AppState,
    who: SignedIn,
    person: fhir::PersonKey,
    section: SectionKind,
    view: View,
) -> Result<Response, PageError> {
    let chrome = Chrome::new(&state, &who, Here::Elsewhere);
    let words = if view == View::SideBySide { "side by side" } else { "by source" };
    let page = Page::within(section, section.title(), format!("{}, {words}", section.slug()));
    let page = frame::open(&state, &who.user, person, page, kinds(section), move |opened| {
        let now = opened.frame.now();
        let (together, manner): (Together, &Manner) = match section {
            SectionKind::Problems => (problems::together(&opened.items), &problems::MANNER),
            SectionKind::Medicines => (medicines::together(&opened.items, now), &medicines::MANNER),
            SectionKind::Allergies => (allergies::together(&opened.items), &allergies::MANNER),
            _ => return Err(PageError::NotFound),
        };
        let missing = opened.missing(section);
        let frame = opened.frame;
        let tabs = tabs(&frame, section, view);
        if view == View::BySource {
            let lists = together.by_source(manner);
            return html(&BySourcePage { chrome, frame, lists, tabs, missing });
        }
        let column = |source: &std::sync::Arc<record::SourceInfo>| Column {
            name: source.name.clone(),
            kind: source.kind.label(),
            heard: frame.heard(source),
        };
        let sources = together.sources.iter().map(column).collect();
        html(&SideBySidePage { chrome, together, tabs, sources, missing, frame })
    });
    page.await.map(Html::into_response)
}

fn tabs(frame: &Frame, section: SectionKind, here: View) -> Vec<Tab> {
    if !matches!(section, SectionKind::Problems | SectionKind::Medicines | SectionKind::Allergies) {
        return Vec::new();
    }
    let page = frame.section(section.slug());
    [
        (View::Together, page.clone(), "Together"),
        (View::SideBySide, format!("{page}?view=side-by-side"), "Side by side"),
        (View::BySource, format!("{page}?view=by-source"), "By source"),
    ]
    .into_iter()
    .map(|(view, href, words)| Tab { href, words, here: view == here })
    .collect()
}

/// The types a section's page reads.
pub fn kinds(section: SectionKind) -> Vec<ResourceType> {
    let mut kinds: Vec<ResourceType> = match section {
        SectionKind::Other => ResourceType::ALL.iter().copied().filter(|kind| events::is_other(*kind)).collect(),
        other => other.kinds().to_vec(),
    };
    for kind in BANNER_KINDS {
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    kinds
}
