//! Asking why: the page between a reader and a record that nothing links them with. A reason from a list opens it, or the
//! broken glass does; both are seen by the privacy officer at once.

use super::{Chrome, Here, frame, html};
use crate::{error::PageError, session::SignedIn, state::AppState};
use access::{Action, Needed, Refusal, User};
use askama::Template;
use axum::{
    Form,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use fhir::PersonKey;
use record::{Selector, text};
use serde::Deserialize;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "why.html")]
struct WhyPage {
    chrome: Chrome,
    person: PersonKey,
    who: Who,
    needed: Needed,
    problem: Option<String>,
    given: Reason,
}

/// Whose record it is, as far as finding tells.
pub struct Who {
    /// As in the banner.
    pub name: String,
    /// Date of birth.
    pub born: String,
}

/// Who a person is: enough to know that it is the right one, without opening the record. That it was asked is recorded.
pub async fn who_is(state: &AppState, user: &Arc<User>, person: PersonKey) -> Result<Who, PageError> {
    let (site, user) = (state.clone(), Arc::clone(user));
    let look = move || {
        let permit = site.gate.find(&user, &Action::FindPeople { criteria: vec!["opaque-id".into()] }, site.now())?;
        Ok::<_, PageError>(site.records.candidates(&permit, &[Selector::Person(person)], true, true)?)
    };
    let look = crate::blocking::spawn(look).await.map_err(|error| PageError::Fault(error.to_string()))?;
    let candidates = look?.release().await?;
    let resources = candidates.people.iter().flat_map(|(_, items)| items).filter_map(|item| item.resource().ok());
    let mut who = Who { name: "Name not known".into(), born: "Not Known".into() };
    for patient in resources {
        if let Some(name) = text::best_name(patient.list("name")) {
            who.name = name.banner();
        }
        if let Some(born) = patient.str_at("/birthDate").and_then(record::when::When::parse) {
            who.born = born.day_text();
        }
    }
    Ok(who)
}

/// What the reader wrote.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Reason {
    form_token: String,
    #[serde(default)]
    glass: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    words: String,
}

/// `GET /record/{person}/why`.
pub async fn show(
    State(state): State<AppState>,
    who: SignedIn,
    Path(person): Path<String>,
) -> Result<Response, PageError> {
    page(&state, &who, frame::person(&person)?, None, Reason::default()).await
}

async fn page(
    state: &AppState,
    signed_in: &SignedIn,
    person: PersonKey,
    problem: Option<(StatusCode, String)>,
    given: Reason,
) -> Result<Response, PageError> {
    let (site, user) = (state.clone(), Arc::clone(&signed_in.user));
    let needed = crate::blocking::spawn(move || site.gate.needed(&user, person, site.now()));
    let needed = needed.await.map_err(|error| PageError::Fault(error.to_string()))??;
    let who = who_is(state, &signed_in.user, person).await?;
    let chrome = Chrome::new(state, signed_in, Here::Elsewhere);
    let (status, problem) = problem.map_or((StatusCode::OK, None), |(status, words)| (status, Some(words)));
    Ok((status, html(&WhyPage { chrome, person, who, needed, problem, given })?).into_response())
}

/// `POST /record/{person}/why`.
pub async fn give(
    State(state): State<AppState>,
    who: SignedIn,
    Path(person): Path<String>,
    Form(given): Form<Reason>,
) -> Result<Response, PageError> {
    who.check(&given.form_token)?;
    let person = frame::person(&person)?;
    let glass = given.glass == "yes";
    match state.gate.give_reason(&who.user, person, glass, &given.reason, &given.words, state.now()).await {
        Ok(_) => Ok(Redirect::to(&format!("/record/{person}")).into_response()),
        Err(Refusal::NoReason(sentence)) => {
            page(&state, &who, person, Some((StatusCode::BAD_REQUEST, sentence)), given).await
        }
        Err(other) => Err(other.into()),
    }
}
