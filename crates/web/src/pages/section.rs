//! The sections that are lists of lines.

use super::{
    Chrome, Here,
    frame::{self, BANNER_KINDS, Frame, Page},
    html,
};
use crate::{error::PageError, session::SignedIn, state::AppState};
use askama::Template;
use axum::{
    extract::{Path, State},
    response::{Html, IntoResponse, Redirect, Response},
};
use fhir::ResourceType;
use record::{
    explain::Explanation,
    sections::{Section, SectionKind, allergies, events, medicines, problems, visits},
};

#[derive(Template)]
#[template(path = "section.html")]
struct SectionPage {
    chrome: Chrome,
    frame: Frame,
    section: Section,
    missing: Explanation,
}

/// `GET /record/{person}/{section}`.
pub async fn show(
    State(state): State<AppState>,
    who: SignedIn,
    Path((person, slug)): Path<(String, String)>,
) -> Result<Response, PageError> {
    let person = frame::person(&person)?;
    let section = SectionKind::from_slug(&slug).ok_or(PageError::NotFound)?;
    if section == SectionKind::Summary {
        return Ok(Redirect::to(&state.base(person)).into_response());
    }
    let chrome = Chrome::new(&state, &who, Here::Elsewhere);
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
        html(&SectionPage { chrome, frame: opened.frame, section: built, missing })
    });
    page.await.map(Html::into_response)
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
