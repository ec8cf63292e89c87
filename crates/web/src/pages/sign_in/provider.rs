//! Signing in with an identity provider: there, back, and when the provider says that somebody has left.
//!
//! The browser comes back from another site, so the strict session cookie does not come with it. What ties the answer to the
//! browser that asked is a cookie of its own, `Lax`, for ten minutes, good for one answer. The session's cookie is set with a
//! page of ours that moves on by itself: from there on every request is our own site's, and the strict cookie is sent.

use super::own_page;
use crate::{
    error::PageError,
    flows::Away,
    pages::{Chrome, first_page, html},
    secret,
    session::{self, Beginner},
    state::AppState,
    via::Came,
};
use access::{
    Action, User, Via,
    sign_in::{Event, Failed, Provider, SignedOn, Who},
};
use askama::Template;
use axum::{
    Form, Json,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response},
};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use fhir::PersonKey;
use jiff::civil::Date;
use record::PeopleFilter;
use serde::Deserialize;
use serde_json::json;
use std::{collections::HashMap, sync::Arc};

/// The name of the cookie that ties an answer to the browser that asked.
fn flow_cookie(state: &AppState) -> &'static str {
    if state.secure_cookies { "__Host-skein-flow" } else { "skein-flow" }
}

fn provider(state: &AppState, id: &str) -> Result<Arc<Provider>, PageError> {
    state.providers.iter().find(|provider| provider.config().id == id).cloned().ok_or(PageError::NotFound)
}

/// Somebody cannot come in, and what to do about it.
#[derive(Template)]
#[template(path = "sign_in_problem.html")]
struct Problem<'a> {
    chrome: Chrome,
    title: &'a str,
    sentence: String,
    to_do: &'a str,
}

pub(in crate::pages) fn problem(
    state: &AppState,
    status: StatusCode,
    title: &str,
    sentence: String,
    to_do: &str,
) -> Result<Response, PageError> {
    let page = Problem { chrome: Chrome::outside(state), title, sentence, to_do };
    Ok((status, html(&page)?).into_response())
}

/// `GET /sign-in/with/{provider}`: send the browser there. A link, not a form: a form may only lead to our own site.
pub async fn begin(
    State(state): State<AppState>,
    Path(id): Path<String>,
    Query(then): Query<super::Then>,
    jar: CookieJar,
    headers: HeaderMap,
    Came(via): Came,
) -> Result<Response, PageError> {
    let provider = provider(&state, &id)?;
    let label = &provider.config().label;
    let begun = match provider.begin(state.now()).await {
        Ok(begun) => begun,
        Err(error) => return failed(&state, &provider, &error),
    };
    let then = own_page(&then.then).unwrap_or_default().to_owned();
    let former = session::token(&state, &headers).map(|token| secret::digest(&token));
    let Some(value) = state.flows.keep(begun.flow, then, former, &via.address, state.steady_now()) else {
        let sentence = format!("Too many people are on their way to {label}.");
        return problem(
            &state,
            StatusCode::TOO_MANY_REQUESTS,
            "Too many at once",
            sentence,
            "Wait a minute and try again.",
        );
    };
    let mut cookie = session::cookie(&state, flow_cookie(&state), value);
    cookie.set_same_site(SameSite::Lax);
    Ok((jar.add(cookie), Redirect::to(&begun.address)).into_response())
}

/// What a failed sign-in says; the cause is logged, without anything about the person.
fn failed(state: &AppState, provider: &Provider, error: &Failed) -> Result<Response, PageError> {
    let config = provider.config();
    tracing::warn!(provider = config.id, %error, "a sign-in with a provider failed");
    let label = &config.label;
    match error {
        Failed::Refused(code) if code == "access_denied" => {
            let sentence = format!("You did not finish signing in with {label}.");
            problem(state, StatusCode::FORBIDDEN, "Not signed in", sentence, "Try again, or choose another way.")
        }
        Failed::NotSure => {
            let sentence = format!(
                "{label} is not sure enough of who you are, or you signed in there in a way that is not secure enough for people’s records."
            );
            let to_do = "Sign in there with your smartcard, security key or app, or finish proving who you are there, and try again.";
            problem(state, StatusCode::FORBIDDEN, "A stronger sign-in is needed", sentence, to_do)
        }
        Failed::Provider(_) | Failed::Metadata(_) => {
            let sentence = format!("{label} cannot be reached, or does not answer as it should.");
            let to_do = "Try again in a few minutes. If it stays like this, tell your service desk.";
            problem(state, StatusCode::BAD_GATEWAY, "Signing in is not possible just now", sentence, to_do)
        }
        Failed::NoRandom => Err(super::no_random()),
        Failed::NotOurs(_) | Failed::Refused(_) | Failed::Token(_) => {
            let sentence = format!("The answer of {label} could not be used, so nobody was signed in.");
            problem(
                state,
                StatusCode::FORBIDDEN,
                "Not signed in",
                sentence,
                "Sign in again. If it stays like this, tell your service desk.",
            )
        }
    }
}

/// The page that moves on by itself.
#[derive(Template)]
#[template(path = "signed_in.html")]
pub(in crate::pages) struct Landing {
    pub(in crate::pages) chrome: Chrome,
    pub(in crate::pages) target: String,
}

/// `GET /sign-in/back/{provider}`: the browser comes back.
pub async fn back(
    State(state): State<AppState>,
    Path(id): Path<String>,
    Query(answer): Query<HashMap<String, String>>,
    jar: CookieJar,
    Came(via): Came,
) -> Result<Response, PageError> {
    let provider = provider(&state, &id)?;
    let name = flow_cookie(&state);
    let away = jar.get(name).and_then(|cookie| state.flows.take(cookie.value(), state.steady_now()));
    let mut gone = Cookie::build(name).path("/").secure(state.secure_cookies).build();
    gone.set_same_site(SameSite::Lax);
    let jar = jar.remove(gone);
    let Some(away) = away else {
        let sentence =
            "This sign-in was begun in another window, took longer than ten minutes, or has been used.".into();
        let page = problem(&state, StatusCode::FORBIDDEN, "Not signed in", sentence, "Sign in again.")?;
        return Ok((jar, page).into_response());
    };
    let Away { flow, then, former, .. } = away;
    let on = match provider.finish(flow, &answer, state.now()).await {
        Ok(on) => on,
        Err(error) => return Ok((jar, failed(&state, &provider, &error)?).into_response()),
    };
    let users = match users(&state, &provider, &on, &via).await? {
        Ok(users) => users,
        Err(page) => return Ok((jar, page).into_response()),
    };
    let target = match users.as_slice() {
        [only] => {
            state.events.record(Event::SignIn, None, only, &via, &id, state.now()).await?;
            if then.is_empty() { first_page(&state, only) } else { then }
        }
        _ => format!("/account/role?then={then}"),
    };
    // Whoever was signed in with this browser before no longer is.
    if let Some(former) = former {
        state.sessions.end_key(&former);
    }
    let begun = state.sessions.begin(Beginner { users, by: Some(on) }, state.steady_now());
    let token = begun.ok_or_else(super::no_random)?;
    let jar = jar.add(session::cookie(&state, session::cookie_name(&state), token));
    Ok((jar, html(&Landing { chrome: Chrome::outside(&state), target })?).into_response())
}

/// The users somebody may be; or the page that says why nobody.
async fn users(
    state: &AppState,
    provider: &Provider,
    on: &SignedOn,
    via: &Via,
) -> Result<Result<Vec<User>, Response>, PageError> {
    let config = provider.config();
    let (user, nhs_number, born) = match &on.who {
        Who::Staff(users) if !users.is_empty() => return Ok(Ok(users.clone())),
        Who::Staff(_) => {
            let nobody = User { id: format!("{}:{}", config.id, on.subject), ..User::default() };
            state.events.record(Event::SignInRefused, Some("no-role"), &nobody, via, &config.id, state.now()).await?;
            let sentence =
                format!("{} knows who you are, but of no role in which you may use this record.", config.label);
            let to_do = "Ask whoever gives out roles in your organisation (for a smartcard, your registration authority) \
                for the role you work in. Then sign in again.";
            return Ok(Err(problem(state, StatusCode::FORBIDDEN, "You have no role here", sentence, to_do)?));
        }
        Who::Person { user, nhs_number, born } => (user, *nhs_number, *born),
    };
    let found = match nhs_number {
        Some(number) => person(state, number, born).await?,
        None => None,
    };
    let Some(person) = found else {
        state.events.record(Event::SignInRefused, Some("no-record"), user, via, &config.id, state.now()).await?;
        let sentence =
            format!("{} has told us who you are, but we hold no record that we are sure is yours.", config.label);
        let to_do = "Ask your GP practice whether your NHS number and date of birth are right there, and whether the practice \
            shares its records here. Nothing about you was shown to anybody.";
        return Ok(Err(problem(state, StatusCode::NOT_FOUND, "No record found", sentence, to_do)?));
    };
    Ok(Ok(vec![User { person: Some(person), ..(**user).clone() }]))
}

/// The one person with this verified NHS number, whose date of birth does not contradict the provider's (NHS tracing rules:
/// number and date of birth cross-check). Looked for through the gate, by the system that signs people in.
pub(in crate::pages) async fn person(
    state: &AppState,
    nhs_number: u64,
    born: Option<Date>,
) -> Result<Option<PersonKey>, PageError> {
    let site = state.clone();
    let filter = PeopleFilter { nhs_number: Some(nhs_number), limit: 50, ..PeopleFilter::default() };
    let looked = crate::blocking::spawn(move || -> Result<_, PageError> {
        let us = User::sign_in();
        let action = Action::FindPeople { criteria: vec!["nhs-number".into()] };
        let permit = site.gate.find(&us, &action, site.now())?;
        Ok(site.records.find_people(&permit, &filter)?)
    });
    let hits = looked.await.map_err(|error| PageError::Fault(error.to_string()))??.release().await?;
    let mut sure = hits.iter().filter(|hit| {
        let traced = |facts: &identity::PatientFacts| facts.verified && facts.nhs_number == Some(nhs_number);
        let contradicts = hit.patients.iter().any(|patient| {
            traced(&patient.facts) && born.zip(patient.facts.birth).is_some_and(|(said, known)| said != known)
        });
        hit.patients.iter().any(|patient| traced(&patient.facts)) && !contradicts
    });
    match (sure.next(), sure.next()) {
        (Some(only), None) => Ok(Some(only.person)),
        _ => Ok(None),
    }
}

/// The form of back-channel logout.
#[derive(Deserialize)]
pub struct LogoutToken {
    logout_token: String,
}

/// `POST /sign-in/left/{provider}`: the provider says that somebody has left (Back-Channel Logout 1.0 §2.5–2.8). It comes from
/// the provider, not from a browser: the token's signature is what counts, and no cookie is looked at.
pub async fn left(
    State(state): State<AppState>,
    Path(id): Path<String>,
    Came(via): Came,
    form: Result<Form<LogoutToken>, axum::extract::rejection::FormRejection>,
) -> Result<Response, PageError> {
    let provider = provider(&state, &id)?;
    let invalid = || (StatusCode::BAD_REQUEST, Json(json!({"error": "invalid_request"}))).into_response();
    let Ok(Form(form)) = form else { return Ok(invalid()) };
    let out = match provider.logged_out(&form.logout_token, state.now()).await {
        Ok(out) => out,
        Err(error) => {
            tracing::warn!(provider = id, %error, "a logout token was not believed");
            return Ok(invalid());
        }
    };
    let ended = state.sessions.end_at_provider(&id, &out);
    tracing::info!(provider = id, sessions = ended.len(), "a provider ended sessions");
    for user in ended.iter().filter_map(|ended| ended.user.as_ref()) {
        state.events.record(Event::SignOutEverywhere, Some("provider"), user, &via, &id, state.now()).await?;
    }
    Ok(StatusCode::OK.into_response())
}
