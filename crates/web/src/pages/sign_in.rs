//! Signing in and out.

use super::{Chrome, html};
use crate::{
    error::PageError,
    secret,
    session::{self, cookie, from_elsewhere},
    state::{AppState, DemoAccount},
};
use askama::Template;
use axum::{
    Form,
    extract::{ConnectInfo, Query, Request, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response},
};
use axum_extra::extract::cookie::{Cookie, CookieJar};
use serde::Deserialize;
use std::net::SocketAddr;

/// The cookie that ties the sign-in form to the browser that asked for it.
const FORM_COOKIE: &str = "skein-form";

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage<'a> {
    chrome: Chrome,
    problem: Option<String>,
    form_token: String,
    then: String,
    name: String,
    offers: &'a [DemoAccount],
    demo_password: &'a str,
}

/// Where to go after signing in.
#[derive(Deserialize)]
pub struct Then {
    #[serde(default)]
    then: String,
}

/// `GET /sign-in`.
pub async fn form(
    State(state): State<AppState>,
    Query(then): Query<Then>,
    jar: CookieJar,
) -> Result<Response, PageError> {
    page(&state, jar, None, then.then, String::new(), StatusCode::OK)
}

fn page(
    state: &AppState,
    jar: CookieJar,
    problem: Option<String>,
    then: String,
    name: String,
    status: StatusCode,
) -> Result<Response, PageError> {
    let form_token = secret::new().ok_or_else(no_random)?;
    let page = SignInPage {
        chrome: Chrome::outside(state),
        problem,
        form_token: form_token.clone(),
        then: own_page(&then).unwrap_or_default().to_owned(),
        name,
        offers: state.demo.as_ref().map_or(&[], |demo| demo.accounts.as_slice()),
        demo_password: state.demo.as_ref().map_or("", |demo| demo.password.as_str()),
    };
    let body = html(&page)?;
    Ok((status, jar.add(cookie(state, FORM_COOKIE, form_token)), body).into_response())
}

fn no_random() -> PageError {
    PageError::Fault("the system gives no random numbers".into())
}

/// A path on this site, or nothing: never an address elsewhere.
fn own_page(then: &str) -> Option<&str> {
    let plain = then.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.'));
    (then.starts_with('/') && !then.starts_with("//") && plain).then_some(then)
}

/// The sign-in form.
#[derive(Deserialize)]
pub struct Credentials {
    form_token: String,
    name: String,
    password: String,
    #[serde(default)]
    then: String,
}

/// `POST /sign-in`.
pub async fn sign_in(
    State(state): State<AppState>,
    jar: CookieJar,
    headers: HeaderMap,
    peer: PeerAddress,
    Form(given): Form<Credentials>,
) -> Result<Response, PageError> {
    let expected = jar.get(FORM_COOKIE).map(|cookie| cookie.value().to_owned()).unwrap_or_default();
    if from_elsewhere(&headers) || expected.is_empty() || !secret::same(&expected, &given.form_token) {
        let problem = "The form was too old. Please sign in again.".to_owned();
        return page(&state, jar, Some(problem), given.then, given.name, StatusCode::FORBIDDEN);
    }
    let now = state.steady_now();
    let name = given.name.trim().to_owned();
    if let Some(wait) = state.throttle.wait(&name, &peer.0, now) {
        let minutes = (wait.as_secs() + 59) / 60;
        let problem = format!(
            "Too many tries. Wait {minutes} {} and try again, or ask your service desk.",
            if minutes == 1 { "minute" } else { "minutes" }
        );
        return page(&state, jar, Some(problem), given.then, name, StatusCode::TOO_MANY_REQUESTS);
    }
    let verify = {
        let (state, name) = (state.clone(), name.clone());
        tokio::task::spawn_blocking(move || state.accounts.verify(&name, &given.password))
    };
    let Some(user) = verify.await.map_err(|error| PageError::Fault(error.to_string()))? else {
        state.throttle.failed(&name, &peer.0, now);
        tracing::info!("a sign-in failed");
        let problem = "The user name or the password is not right.".to_owned();
        return page(&state, jar, Some(problem), given.then, name, StatusCode::UNAUTHORIZED);
    };
    state.throttle.succeeded(&name);
    // A new token at every sign-in: one that was planted before is worth nothing.
    if let Some(old) = session::token(&state, &headers) {
        state.sessions.end(&old);
    }
    let target = match own_page(&given.then) {
        Some(then) => then.to_owned(),
        None => super::first_page(&state, &user),
    };
    let token = state.sessions.begin(user, now).ok_or_else(no_random)?;
    let jar = jar
        .add(cookie(&state, session::cookie_name(&state), token))
        .remove(Cookie::build(FORM_COOKIE).path("/").build());
    Ok((jar, Redirect::to(&target)).into_response())
}

/// The address a request came from, as far as the server knows.
pub struct PeerAddress(String);

impl<S: Sync> axum::extract::FromRequestParts<S> for PeerAddress {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut axum::http::request::Parts, _: &S) -> Result<Self, Self::Rejection> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        Ok(PeerAddress(peer.map(|peer| peer.0.ip().to_string()).unwrap_or_default()))
    }
}

/// The form of signing out.
#[derive(Deserialize)]
pub struct FormToken {
    form_token: String,
}

/// `POST /sign-out`. A stale form signs out as well, as long as it comes from this site: leaving must always work.
pub async fn sign_out(State(state): State<AppState>, jar: CookieJar, request: Request) -> Result<Response, PageError> {
    let headers = request.headers().clone();
    if from_elsewhere(&headers) {
        return Err(PageError::StaleForm);
    }
    if let Some(token) = session::token(&state, &headers) {
        state.sessions.end(&token);
    }
    let jar = jar.remove(Cookie::build(session::cookie_name(&state)).path("/").build());
    Ok((jar, Redirect::to("/sign-in")).into_response())
}

/// A bare form token, for buttons.
pub use FormToken as Token;

impl FormToken {
    /// The token.
    pub fn as_str(&self) -> &str {
        &self.form_token
    }
}

#[cfg(test)]
mod tests {
    use super::own_page;

    #[test]
    fn signing_in_leads_only_to_pages_of_this_site() {
        assert_eq!(own_page("/record/0123456789abc"), Some("/record/0123456789abc"));
        for elsewhere in ["https://example.org/", "//example.org", "/\\example.org", "record", "/find?x=1", ""] {
            assert_eq!(own_page(elsewhere), None, "{elsewhere}");
        }
    }
}
