//! Signing in and out: with a password here, with a provider in [`provider`]; one's own sign-in in [`account`].

pub mod account;
pub mod provider;

use super::{Chrome, html};
use crate::{
    error::PageError,
    secret,
    session::{self, Beginner, cookie, from_elsewhere},
    state::{AppState, DemoAccount},
    throttle::By,
    via::Came,
};
use access::sign_in::Event;
use askama::Template;
use axum::{
    Form,
    extract::{Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response},
};
use axum_extra::extract::cookie::{Cookie, CookieJar};
use serde::Deserialize;

/// The cookie that ties the sign-in form to the browser that asked for it.
fn form_cookie(state: &AppState) -> &'static str {
    if state.secure_cookies { "__Host-skein-form" } else { "skein-form" }
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage<'a> {
    chrome: Chrome,
    problem: Option<String>,
    said: Option<&'static str>,
    form_token: String,
    then: String,
    name: String,
    /// Providers: address and words.
    providers: Vec<(String, String)>,
    passwords: bool,
    offers: &'a [DemoAccount],
    demo_password: &'a str,
}

/// Where to go after signing in.
#[derive(Deserialize)]
pub struct Then {
    #[serde(default)]
    then: String,
    /// Whether somebody has just signed out: `everywhere`.
    #[serde(default)]
    out: String,
}

/// `GET /sign-in`.
pub async fn form(
    State(state): State<AppState>,
    Query(then): Query<Then>,
    jar: CookieJar,
) -> Result<Response, PageError> {
    let said = (then.out == "everywhere").then_some("You are signed out, in every browser.");
    page(&state, jar, None, said, then.then, String::new(), StatusCode::OK)
}

fn page(
    state: &AppState,
    jar: CookieJar,
    problem: Option<String>,
    said: Option<&'static str>,
    then: String,
    name: String,
    status: StatusCode,
) -> Result<Response, PageError> {
    let form_token = secret::new().ok_or_else(no_random)?;
    let then = own_page(&then).unwrap_or_default().to_owned();
    let ways = state.providers.iter().map(|provider| {
        let config = provider.config();
        (format!("/sign-in/with/{}?then={then}", config.id), config.label.clone())
    });
    let page = SignInPage {
        chrome: Chrome::outside(state),
        problem,
        said,
        form_token: form_token.clone(),
        providers: ways.collect(),
        passwords: !state.accounts.is_empty() || state.providers.is_empty(),
        then,
        name,
        offers: state.demo.as_ref().map_or(&[], |demo| demo.accounts.as_slice()),
        demo_password: state.demo.as_ref().map_or("", |demo| demo.password.as_str()),
    };
    let body = html(&page)?;
    Ok((status, jar.add(cookie(state, form_cookie(state), form_token)), body).into_response())
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
    Came(via): Came,
    Form(given): Form<Credentials>,
) -> Result<Response, PageError> {
    let expected = jar.get(form_cookie(&state)).map(|cookie| cookie.value().to_owned()).unwrap_or_default();
    if from_elsewhere(&headers) || expected.is_empty() || !secret::same(&expected, &given.form_token) {
        let problem = "The form was too old. Please sign in again.".to_owned();
        return page(&state, jar, Some(problem), None, given.then, given.name, StatusCode::FORBIDDEN);
    }
    let now = state.steady_now();
    let name = given.name.trim().to_owned();
    let counted = [By::Account(&name), By::Address(&via.address)];
    if let Some(wait) = state.throttle.wait(&counted, now) {
        let minutes = (wait.as_secs() + 59) / 60;
        let problem = format!(
            "Too many tries. Wait {minutes} {} and try again, or ask your service desk.",
            if minutes == 1 { "minute" } else { "minutes" }
        );
        return page(&state, jar, Some(problem), None, given.then, name, StatusCode::TOO_MANY_REQUESTS);
    }
    let verify = {
        let (state, name) = (state.clone(), name.clone());
        crate::blocking::spawn(move || state.accounts.verify(&name, &given.password))
    };
    let Some(user) = verify.await.map_err(|error| PageError::Fault(error.to_string()))? else {
        state.throttle.failed(&counted, now);
        tracing::info!("a sign-in failed");
        // What was typed may be a password in the wrong field: only a name that is an account's is kept.
        let known = state.accounts.user(&name).cloned();
        let known = known.unwrap_or_else(|| access::User { id: "unknown".into(), ..access::User::default() });
        let why = Some("wrong-password");
        state.events.record(Event::SignInRefused, why, &known, &via, "password", state.now()).await?;
        let problem = "The user name or the password is not right.".to_owned();
        return page(&state, jar, Some(problem), None, given.then, name, StatusCode::UNAUTHORIZED);
    };
    state.throttle.succeeded(&name);
    let user = match state.accounts.own_record(&user.id) {
        Some(number) => match provider::person(&state, number, None).await? {
            Some(person) => access::User { person: Some(person), ..user },
            None => {
                let problem = "No record here is known to be yours yet.".to_owned();
                return page(&state, jar, Some(problem), None, given.then, name, StatusCode::NOT_FOUND);
            }
        },
        None => user,
    };
    // A new token at every sign-in: one that was planted before is worth nothing.
    if let Some(old) = session::token(&state, &headers) {
        drop(state.sessions.end(&old));
    }
    let target = match own_page(&given.then) {
        Some(then) => then.to_owned(),
        None => super::first_page(&state, &user),
    };
    state.events.record(Event::SignIn, None, &user, &via, "password", state.now()).await?;
    let begun = state.sessions.begin(Beginner { users: vec![user], by: None }, now);
    let token = begun.ok_or_else(no_random)?;
    let jar = jar
        .add(cookie(&state, session::cookie_name(&state), token))
        .remove(Cookie::build(form_cookie(&state)).path("/").secure(state.secure_cookies).build());
    Ok((jar, Redirect::to(&target)).into_response())
}

/// The form of signing out.
#[derive(Deserialize)]
pub struct FormToken {
    form_token: String,
}

/// `POST /sign-out`. A stale form signs out as well, as long as it comes from this site: leaving must always work.
pub async fn sign_out(
    State(state): State<AppState>,
    jar: CookieJar,
    headers: HeaderMap,
    Came(via): Came,
) -> Result<Response, PageError> {
    if from_elsewhere(&headers) {
        return Err(PageError::StaleForm);
    }
    let ended = session::token(&state, &headers).and_then(|token| state.sessions.end(&token));
    let jar = jar.remove(Cookie::build(session::cookie_name(&state)).path("/").secure(state.secure_cookies).build());
    let Some(ended) = ended else { return Ok((jar, Redirect::to("/sign-in")).into_response()) };
    let by = ended.by.as_ref().map_or("password", |on| on.provider.as_str());
    if let Some(user) = &ended.user {
        // Leaving works whether it can be written down or not; what cannot is in the log.
        if let Err(error) = state.events.record(Event::SignOut, None, user, &via, by, state.now()).await {
            tracing::error!(%error, "a sign-out could not be recorded");
        }
    }
    if let Some(on) = &ended.by
        && let Some(provider) = state.providers.iter().find(|provider| provider.config().id == on.provider)
        && let Some(address) = provider.end_session(on, state.now()).await
    {
        let page = SignedOutPage { chrome: Chrome::outside(&state), label: provider.config().label.clone(), address };
        return Ok((jar, html(&page)?).into_response());
    }
    Ok((jar, Redirect::to("/sign-in")).into_response())
}

/// Signed out here, and how to sign out at the provider.
#[derive(Template)]
#[template(path = "signed_out.html")]
struct SignedOutPage {
    chrome: Chrome,
    label: String,
    address: String,
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
