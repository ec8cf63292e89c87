//! The first screen of a record.

use super::{
    Chrome, Here,
    frame::{self, Frame, Page},
    html,
};
use crate::{error::PageError, session::SignedIn, state::AppState};
use askama::Template;
use axum::{
    extract::{Path, Query, State},
    response::Html,
};
use fhir::ResourceType;
use record::{
    explain::{Explanation, Reasons, and},
    sections::{Line, Section, SectionKind, allergies},
    summary::{Part, Summary, summary},
    view::{Card, View},
    voice::Voice,
};
use serde::Deserialize;

#[derive(Template)]
#[template(path = "summary.html")]
struct SummaryPage {
    chrome: Chrome,
    frame: Frame,
    summary: Summary,
    allergies: Section,
    allergies_missing: Explanation,
    allergy_heading: &'static str,
    view: View,
    /// Whether it is another than the reader's profession would see.
    chosen: bool,
}

/// A card put together from headings that cut across sections.
struct AcrossCard<'a> {
    id: &'static str,
    title: &'static str,
    /// The page of the first of its headings.
    heading: &'static str,
    /// What its link leads to, for those who hear it.
    all: &'static str,
    part: &'a Part<Line>,
}

impl SummaryPage {
    /// The card, where there is something for it or the reader's profession must know that there is not.
    fn across(&self, card: &Card) -> Option<AcrossCard<'_>> {
        let (found, own) = (&self.summary.across, self.frame.own);
        let (id, title, heading, all, part) = match card {
            Card::Checks => {
                ("checks", "Newest measurements and scores", "headings/findings", "measurements", &found.checks)
            }
            Card::Social => ("social", "Home and services", "headings/social", "of home and services", &found.social),
            Card::Legal if own => {
                ("legal", "Legal decisions and risks", "headings/legal", "legal decisions", &found.legal)
            }
            Card::Legal => {
                ("legal", "Legal, safeguarding and risks", "headings/legal", "legal information", &found.legal)
            }
            _ => return None,
        };
        (part.total > 0 || self.view.expects(*card)).then_some(AcrossCard { id, title, heading, all, part })
    }

    fn missing(&self, what: &Explanation) -> Option<String> {
        lacking(what, self.frame.voice)
    }

    /// The words of a line that answer "how much", "which"; else whatever it says first.
    fn said<'a>(&self, line: &'a Line) -> &'a str {
        let facts = &line.first.facts;
        let named = |label: &str| facts.iter().find(|fact| fact.label == label);
        let fact = ["Value", "Score", "Parts", "Risk", "Kind"].into_iter().find_map(named).or_else(|| facts.first());
        fact.map_or("", |fact| fact.text.as_str())
    }

    fn views(&self) -> Vec<View> {
        View::ALL.into_iter().filter(|view| *view != self.view).collect()
    }
}

/// What may exist and is not shown, beside a card that shows something: what is read as complete must be.
pub(super) fn lacking(what: &Explanation, voice: Voice) -> Option<String> {
    let Reasons { held, loading, .. } = what.by_reason();
    let silent = what.silent(voice);
    if voice.is_person() {
        let mut parts = Vec::new();
        parts.extend((!held.is_empty()).then(|| format!("Some from {} may not be shown to you.", and(&held))));
        parts.extend(
            (!loading.is_empty()).then(|| format!("Older entries from {} are still coming in.", and(&loading))),
        );
        parts.extend((!silent.is_empty()).then(|| format!("Not heard from as usual: {}.", and(&silent))));
        return (!parts.is_empty()).then(|| format!("There may be more. {}", parts.join(" ")));
    }
    let mut parts = Vec::new();
    parts.extend((!held.is_empty()).then(|| format!("some of {} withheld", and(&held))));
    parts.extend((!loading.is_empty()).then(|| format!("{} still loading", and(&loading))));
    parts.extend((!silent.is_empty()).then(|| and(&silent)));
    (!parts.is_empty()).then(|| format!("There may be more: {}.", parts.join("; ")))
}

/// What comes first.
#[derive(Deserialize)]
pub struct Wanted {
    #[serde(default)]
    view: String,
}

/// `GET /record/{person}?view=`: what the reader's profession needs first, or what is chosen.
pub async fn show(
    State(state): State<AppState>,
    who: SignedIn,
    Path(person): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Result<Html<String>, PageError> {
    let person = frame::person(&person)?;
    let own = View::of_job(&state.gate.job(&who.user)?.unwrap_or_default());
    let view = View::from_slug(&wanted.view).unwrap_or(own);
    let chrome = Chrome::new(&state, &who, Here::Elsewhere);
    let page = frame::open(&state, &who.user, person, Page::of(SectionKind::Summary), kinds(), move |opened| {
        let summary = summary(&opened.items, &opened.states, &opened.withheld, opened.frame.now());
        let allergies_missing = opened.missing(SectionKind::Allergies);
        html(&SummaryPage {
            chrome,
            summary,
            allergies: allergies::allergies(&opened.items),
            allergies_missing,
            allergy_heading: allergies::CURRENT,
            view,
            chosen: view != own,
            frame: opened.frame,
        })
    })
    .await?;
    state.sessions.opened(&who, person);
    Ok(page)
}

/// The types the summary is made of.
pub(super) fn kinds() -> Vec<ResourceType> {
    let sections = [
        SectionKind::Problems,
        SectionKind::Medicines,
        SectionKind::Allergies,
        SectionKind::Results,
        SectionKind::Letters,
        SectionKind::Visits,
        SectionKind::Plans,
        SectionKind::Contacts,
        SectionKind::Alerts,
    ];
    let mut kinds: Vec<ResourceType> = sections.iter().flat_map(|section| section.kinds()).copied().collect();
    kinds.extend(record::first::kinds());
    kinds.sort();
    kinds.dedup();
    kinds
}
