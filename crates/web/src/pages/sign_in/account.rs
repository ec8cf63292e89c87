//! One's own sign-in: which role, which others there are, and ending it everywhere.

use super::{Then, Token, own_page};
use crate::{
    error::PageError,
    pages::{Chrome, Here, first_page, html},
    session::{self, SignedIn, from_elsewhere},
    state::AppState,
    via::Came,
};
use access::{User, sign_in::Event};
use askama::Template;
use axum::{
    Form,
    extract::{Query, State},
    http::HeaderMap,
    response::{IntoResponse, Redirect, Response},
};
use axum_extra::extract::cookie::{Cookie, CookieJar};
use serde::Deserialize;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "account.html")]
struct Account {
    chrome: Chrome,
    user: Arc<User>,
    /// The provider's words.
    by: String,
    sessions: usize,
    form_token: String,
}

/// `GET /account`.
pub async fn show(State(state): State<AppState>, who: SignedIn) -> Result<Response, PageError> {
    let by = who
        .provider
        .as_ref()
        .map(|id| label(&state, id))
        .unwrap_or_else(|| "a user name and password of this region".into());
    let page = Account {
        chrome: Chrome::new(&state, &who, Here::Elsewhere),
        by,
        sessions: state.sessions.count(&who.user.id, state.steady_now()),
        form_token: who.form_token.clone(),
        user: who.user,
    };
    Ok(html(&page)?.into_response())
}

/// The words on a provider's button.
pub fn label(state: &AppState, id: &str) -> String {
    let provider = state.providers.iter().find(|provider| provider.config().id == id);
    provider.map_or_else(|| id.to_owned(), |provider| provider.config().label.clone())
}

/// A role to choose.
struct Role {
    index: usize,
    name: String,
    organisation: String,
    now: bool,
}

#[derive(Template)]
#[template(path = "roles.html")]
struct Roles {
    chrome: Chrome,
    name: String,
    roles: Vec<Role>,
    form_token: String,
    then: String,
    chosen: bool,
}

/// `GET /account/role`: which role to work in, at once after signing in or later.
pub async fn roles(
    State(state): State<AppState>,
    Query(then): Query<Then>,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    let choosing = session::token(&state, &headers)
        .and_then(|token| state.sessions.choosing(&token, state.steady_now()))
        .filter(|choosing| choosing.users.len() > 1)
        .ok_or(PageError::SignIn(None))?;
    let roles = choosing.users.iter().enumerate().map(|(index, user)| Role {
        index,
        name: user.role_name.clone(),
        organisation: user.org_name.clone(),
        now: choosing.now.as_deref() == Some(user),
    });
    let page = Roles {
        chrome: Chrome {
            form_token: choosing.form_token.clone(),
            who: choosing.now.clone(),
            ..Chrome::outside(&state)
        },
        name: choosing.users.first().map(|user| user.name.clone()).unwrap_or_default(),
        roles: roles.collect(),
        form_token: choosing.form_token,
        then: own_page(&then.then).unwrap_or_default().to_owned(),
        chosen: choosing.now.is_some(),
    };
    Ok(html(&page)?.into_response())
}

/// The form of choosing a role.
#[derive(Deserialize)]
pub struct Choice {
    form_token: String,
    role: usize,
    #[serde(default)]
    then: String,
}

/// `POST /account/role`: take it up, under a new token.
pub async fn choose(
    State(state): State<AppState>,
    jar: CookieJar,
    headers: HeaderMap,
    Came(via): Came,
    Form(choice): Form<Choice>,
) -> Result<Response, PageError> {
    let now = state.steady_now();
    let token = session::token(&state, &headers).ok_or(PageError::SignIn(None))?;
    let choosing = state.sessions.choosing(&token, now).ok_or(PageError::SignIn(None))?;
    if from_elsewhere(&headers) || !crate::secret::same(&choosing.form_token, &choice.form_token) {
        return Err(PageError::StaleForm);
    }
    let user =
        choosing.users.get(choice.role).ok_or_else(|| PageError::Bad("Choose one of the roles shown.".into()))?;
    let event = if choosing.now.is_some() { Event::SwitchRole } else { Event::SignIn };
    let by = choosing.provider.as_deref().unwrap_or("password");
    state.events.record(event, None, user, &via, by, state.now()).await?;
    let new = state.sessions.choose(&token, choice.role, now).ok_or(PageError::SignIn(None))?;
    let target = match own_page(&choice.then) {
        Some(then) => then.to_owned(),
        None => first_page(&state, user),
    };
    let jar = jar.add(session::cookie(&state, session::cookie_name(&state), new));
    Ok((jar, Redirect::to(&target)).into_response())
}

/// `POST /account/sign-out-everywhere`: end every session of this user, this one too.
pub async fn everywhere(
    State(state): State<AppState>,
    who: SignedIn,
    jar: CookieJar,
    Form(form): Form<Token>,
) -> Result<Response, PageError> {
    who.check(form.as_str())?;
    let by = who.provider.as_deref().unwrap_or("password");
    state.events.record(Event::SignOutEverywhere, None, &who.user, &who.user.via, by, state.now()).await?;
    state.sessions.end_user(&who.user.id);
    let jar = jar.remove(Cookie::build(session::cookie_name(&state)).path("/").secure(state.secure_cookies).build());
    Ok((jar, Redirect::to("/sign-in?out=everywhere")).into_response())
}
