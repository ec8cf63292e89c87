//! The record by the headings of the PRSB Core Information Standard: all of them with what each holds, and those that are no
//! section of their own.

use super::{
    Chrome, Here,
    frame::{self, BANNER_KINDS, Frame, Page},
    html,
};
use crate::{error::PageError, session::SignedIn, state::AppState};
use askama::Template;
use axum::{
    extract::{Path, State},
    response::Html,
};
use fhir::ResourceType;
use record::{
    explain::{Explanation, explain_kinds},
    sections::{
        Section,
        standard::{self, Heading, Place},
    },
};

/// One heading, as the list shows it.
struct Entry {
    title: &'static str,
    href: String,
    count: usize,
    /// The section it stands in, when its name is another.
    within: Option<&'static str>,
    missing: Explanation,
}

#[derive(Template)]
#[template(path = "headings.html")]
struct HeadingsPage {
    chrome: Chrome,
    frame: Frame,
    there: Vec<Entry>,
    empty: Vec<Entry>,
}

#[derive(Template)]
#[template(path = "heading.html")]
struct HeadingPage {
    chrome: Chrome,
    frame: Frame,
    section: Section,
    missing: Explanation,
    all: String,
}

const TITLE: &str = "All headings";

fn missing(heading: &Heading, opened: &frame::Opened) -> Explanation {
    let mut sources: Vec<&str> = Vec::new();
    for item in opened.items.iter().filter(|item| heading.holds(item)) {
        if !sources.contains(&item.source.id.as_str()) {
            sources.push(&item.source.id);
        }
    }
    explain_kinds(heading.kinds(), heading.what, &opened.states, &sources, &opened.withheld, opened.frame.now())
}

/// `GET /record/{person}/headings`: every heading of the standard, those with something first.
pub async fn all(
    State(state): State<AppState>,
    who: SignedIn,
    Path(person): Path<String>,
) -> Result<Html<String>, PageError> {
    let person = frame::person(&person)?;
    let chrome = Chrome::new(&state, &who, Here::Elsewhere);
    let own = who.user.person == Some(person);
    let page = Page { title: TITLE.into(), section: None, audit: "headings".into() };
    frame::open(&state, &who.user, person, page, Vec::new(), move |opened| {
        let entry = |heading: &'static Heading| Entry {
            title: heading.plain.filter(|_| own).unwrap_or(heading.title),
            href: match heading.place {
                Place::Section(section, ..) => opened.frame.section(section.slug()),
                Place::Across(..) => opened.frame.section(&format!("headings/{}", heading.slug)),
            },
            count: standard::count(heading, &opened.items, opened.frame.now()),
            within: match heading.place {
                Place::Section(section, ..) => Some(section.title()).filter(|title| !own && *title != heading.title),
                Place::Across(..) => None,
            },
            missing: missing(heading, &opened),
        };
        let (there, empty) = standard::ALL
            .iter()
            .filter(|heading| !own || heading.plain.is_some())
            .map(entry)
            .partition(|entry: &Entry| entry.count > 0);
        html(&HeadingsPage { chrome, there, empty, frame: opened.frame })
    })
    .await
}

/// `GET /record/{person}/headings/{heading}`: what stands under one that is no section of its own.
pub async fn one(
    State(state): State<AppState>,
    who: SignedIn,
    Path((person, slug)): Path<(String, String)>,
) -> Result<Html<String>, PageError> {
    let person = frame::person(&person)?;
    let heading = Heading::from_slug(&slug).ok_or(PageError::NotFound)?;
    let Place::Across(kinds, _) = heading.place else { return Err(PageError::NotFound) };
    let chrome = Chrome::new(&state, &who, Here::Elsewhere);
    let own = who.user.person == Some(person);
    let title = if own { heading.plain.ok_or(PageError::NotFound)? } else { heading.title };
    let page = Page { title: title.into(), section: None, audit: format!("headings {}", heading.slug) };
    let mut wanted: Vec<ResourceType> = kinds.to_vec();
    wanted.extend(BANNER_KINDS);
    wanted.sort_unstable();
    wanted.dedup();
    frame::open(&state, &who.user, person, page, wanted, move |opened| {
        let section = standard::lines(heading, &opened.items, opened.frame.now());
        let missing = missing(heading, &opened);
        let all = opened.frame.section("headings");
        html(&HeadingPage { chrome, section, missing, all, frame: opened.frame })
    })
    .await
}
