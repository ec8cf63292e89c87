//! The first screen of a record.

use super::{
    Chrome, Here,
    frame::{self, Frame, Page},
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
    explain::Explanation,
    sections::{Section, SectionKind, allergies},
    summary::{Summary, summary},
};

#[derive(Template)]
#[template(path = "summary.html")]
struct SummaryPage {
    chrome: Chrome,
    frame: Frame,
    summary: Summary,
    allergies: Section,
    allergies_missing: Explanation,
    allergy_heading: &'static str,
}

/// `GET /record/{person}`.
pub async fn show(
    State(state): State<AppState>,
    who: SignedIn,
    Path(person): Path<String>,
) -> Result<Html<String>, PageError> {
    let person = frame::person(&person)?;
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
            frame: opened.frame,
        })
    })
    .await?;
    state.sessions.opened(&who, person);
    Ok(page)
}

/// The types the summary is made of.
fn kinds() -> Vec<ResourceType> {
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
    kinds.sort();
    kinds.dedup();
    kinds
}
