//! Care plans; the person and their people.

use super::{
    Chrome, Here,
    frame::{self, Frame, Page},
    html,
    section::kinds,
};
use crate::{error::PageError, session::SignedIn, state::AppState};
use askama::Template;
use axum::{
    extract::{Path, State},
    response::Html,
};
use record::{
    explain::Explanation,
    sections::{
        SectionKind,
        contacts::{self, People},
        plans::{self, Plans},
    },
};

#[derive(Template)]
#[template(path = "plans.html")]
struct PlansPage {
    chrome: Chrome,
    frame: Frame,
    plans: Plans,
    missing: Explanation,
    /// Whether the reader may write any of the forms there are.
    may_write: bool,
    /// Forms whose plans the reader may take back: canonical address and name.
    withdraws: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "people.html")]
struct PeoplePage {
    chrome: Chrome,
    frame: Frame,
    people: People,
}

/// `GET /record/{person}/plans`.
pub async fn plans(
    State(state): State<AppState>,
    who: SignedIn,
    Path(person): Path<String>,
) -> Result<Html<String>, PageError> {
    let person = frame::person(&person)?;
    let chrome = Chrome::new(&state, &who, Here::Elsewhere);
    let section = SectionKind::Plans;
    let forms = state.forms.clone();
    frame::open(&state, &who.user, person, Page::of(section), kinds(section), move |opened| {
        let plans = plans::plans(&opened.items, opened.frame.now());
        let missing = opened.missing(section);
        // Nothing is written into a record as it stood.
        let now = opened.frame.then.is_none();
        let plans_alone = forms.all().iter().filter(|form| form.request.is_none());
        let mine = plans_alone.filter(|form| now && opened.permit.sight().may_write(&form.writes));
        let withdraws: Vec<(String, String)> = mine.map(|form| (form.url.clone(), form.name.clone())).collect();
        let may_write = !withdraws.is_empty();
        html(&PlansPage { chrome, frame: opened.frame, plans, missing, may_write, withdraws })
    })
    .await
}

/// `GET /record/{person}/contacts`.
pub async fn people(
    State(state): State<AppState>,
    who: SignedIn,
    Path(person): Path<String>,
) -> Result<Html<String>, PageError> {
    let person = frame::person(&person)?;
    let chrome = Chrome::new(&state, &who, Here::Elsewhere);
    let section = SectionKind::Contacts;
    frame::open(&state, &who.user, person, Page::of(section), kinds(section), move |opened| {
        let people = contacts::people(&opened.items);
        html(&PeoplePage { chrome, frame: opened.frame, people })
    })
    .await
}
