//! Launch in context: one click in the user's own system opens the person's record here. The system sends a token that it
//! signed (`POST /launch`), from its server or by a form in the user's browser; the browser goes on to an address that tells
//! nothing and works once. Whoever is signed in must be the user whom the token names, and the record the one of its number.

use super::{
    Chrome, html,
    sign_in::provider::{Landing, person, problem},
};
use crate::{error::PageError, fhir::Api, peer::Shown, session, state::AppState, throttle::By, via::Came};
use access::{
    User,
    sign_in::{Event, Failed},
    smart::{Ehr, Launch, NotGranted, NotLaunched},
};
use axum::{
    Form, Json, Router,
    extract::{DefaultBodyLimit, Path, Query, State, rejection::FormRejection},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use serde::Deserialize;
use serde_json::json;
use std::collections::HashMap;

/// A launch is a token.
const REQUEST_BYTES_MAX: usize = 64 * 1024;

/// The routes.
pub fn router(state: AppState, api: Api) -> Router {
    let begun = Router::new()
        .route("/launch", post(begin).get(by_parameters))
        .route("/launch/back/{ehr}", get(back))
        .layer(DefaultBodyLimit::max(REQUEST_BYTES_MAX))
        .with_state((state.clone(), api));
    let opened = Router::new().route("/launch/{handle}", get(open)).with_state(state);
    begun.merge(opened)
}

#[derive(Deserialize)]
struct Sent {
    #[serde(default)]
    token: String,
}

/// `POST /launch`, `token=` a signed token. A browser gets a page that moves on by itself; whoever accepts JSON alone gets the
/// handle, to open `GET /launch?iss=<client>&launch=<handle>` with.
async fn begin(
    State((state, api)): State<(AppState, Api)>,
    Came(via): Came,
    shown: Shown,
    headers: HeaderMap,
    form: Result<Form<Sent>, FormRejection>,
) -> Result<Response, PageError> {
    let machine = headers.get(header::ACCEPT).is_some_and(|accept| accept.as_bytes() == b"application/json");
    let refused = |status: StatusCode, code: &str, text: &str| -> Result<Response, PageError> {
        if machine {
            return Ok((status, Json(json!({"error": code, "error_description": text}))).into_response());
        }
        let sentence = format!("The system you came from could not open the record here: {text}.");
        let to_do = "Go back and try again. If it stays like this, tell your service desk what stands here.";
        problem(&state, status, "Not opened", sentence, to_do)
    };
    let Some(clients) = api.clients().filter(|clients| clients.launches()) else {
        return refused(StatusCode::NOT_FOUND, "invalid_request", "no system may launch here");
    };
    let Ok(Form(sent)) = form else {
        let text = "send a form (application/x-www-form-urlencoded) with one field, token";
        return refused(StatusCode::BAD_REQUEST, "invalid_request", text);
    };
    let counted = [By::Assertions(&via.address)];
    if state.throttle.wait(&counted, state.steady_now()).is_some() {
        let text = "too many tokens from this address were not believed: wait a minute";
        return refused(StatusCode::TOO_MANY_REQUESTS, "invalid_client", text);
    }
    let certified = |id: &str| api.holds_certificate(id, shown.0.as_deref());
    let launch = match clients.launched(&sent.token, &certified, state.now()).await {
        Ok(launch) => launch,
        Err(error) => {
            let status = match error {
                NotGranted::InvalidClient(_) => StatusCode::UNAUTHORIZED,
                NotGranted::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
                _ => StatusCode::BAD_REQUEST,
            };
            if status == StatusCode::UNAUTHORIZED {
                state.throttle.failed(&counted, state.steady_now());
            }
            tracing::info!(%error, "a launch was not believed");
            return refused(status, error.code(), &error.to_string());
        }
    };
    let client = launch.client.id.clone();
    let Some(handle) = state.launches.keep(launch, "", state.steady_now()) else {
        return refused(StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", "too many launches at once");
    };
    if machine {
        let body = json!({"iss": client, "launch": handle, "expires_in": 600, "path": format!("/launch?iss={client}&launch={handle}")});
        return Ok(([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response());
    }
    // The strict session cookie does not come with a form from elsewhere; it does with the next request, which is our own.
    Ok(html(&Landing { chrome: Chrome::outside(&state), target: format!("/launch/{handle}") })?.into_response())
}

/// The parameters of an EHR launch (SMART App Launch 2.2).
#[derive(Deserialize)]
struct Parameters {
    #[serde(default)]
    iss: String,
    #[serde(default)]
    launch: String,
}

/// `GET /launch?iss=&launch=`: with a handle that we gave, or from a system whose app we are.
async fn by_parameters(
    State((state, api)): State<(AppState, Api)>,
    Query(given): Query<Parameters>,
    jar: CookieJar,
    Came(via): Came,
) -> Result<Response, PageError> {
    match state.launches.waiting(&given.launch, state.steady_now()) {
        Some(launch) if launch.client.id == given.iss => {
            return Ok(html(&Landing {
                chrome: Chrome::outside(&state),
                target: format!("/launch/{}", given.launch),
            })?
            .into_response());
        }
        Some(_) => {
            drop(state.launches.take(&given.launch, state.steady_now()));
            let sentence = "The launch is of another system than the one that the address names (iss).".to_owned();
            let to_do = "Open the record again from your own system.";
            return problem(&state, StatusCode::FORBIDDEN, "Not opened", sentence, to_do);
        }
        None => {}
    }
    let clients = api.clients();
    let Some(ehr) = clients.as_ref().and_then(|clients| clients.ehr_at(&given.iss)) else { return over(&state) };
    let (address, way) = match ehr.begin(&given.launch, state.now()).await {
        Ok(begun) => begun,
        Err(error) => return not_launched(&state, ehr, &error),
    };
    let Some(value) = state.ehr_ways.keep(way, &via.address, state.steady_now()) else {
        let sentence = format!("Too many people are on their way from {}.", ehr.name());
        let to_do = "Wait a minute, and open the record again from your own system.";
        return problem(&state, StatusCode::TOO_MANY_REQUESTS, "Too many at once", sentence, to_do);
    };
    let mut cookie = session::cookie(&state, way_cookie(&state), value);
    // The way back begins on another site.
    cookie.set_same_site(SameSite::Lax);
    Ok((jar.add(cookie), Redirect::to(&address)).into_response())
}

/// The name of the cookie that ties an answer to the browser that asked.
fn way_cookie(state: &AppState) -> &'static str {
    if state.secure_cookies { "__Host-skein-launch" } else { "skein-launch" }
}

/// `GET /launch/back/{ehr}`: the browser comes back from the authorization server of a system whose app we are. What it brings
/// becomes a launch like any other: who may open it, and what they see, is decided as ever.
async fn back(
    State((state, api)): State<(AppState, Api)>,
    Path(id): Path<String>,
    Query(answer): Query<HashMap<String, String>>,
    jar: CookieJar,
) -> Result<Response, PageError> {
    let clients = api.clients();
    let ehr = clients.as_ref().and_then(|clients| clients.ehr(&id)).ok_or(PageError::NotFound)?;
    let name = way_cookie(&state);
    let way = jar.get(name).and_then(|cookie| state.ehr_ways.take(cookie.value(), state.steady_now()));
    let mut gone = Cookie::build(name).path("/").secure(state.secure_cookies).build();
    gone.set_same_site(SameSite::Lax);
    let jar = jar.remove(gone);
    let Some(way) = way else { return Ok((jar, over(&state)?).into_response()) };
    let launch = match ehr.finish(way, &answer, state.now()).await {
        Ok(launch) => launch,
        Err(error) => return Ok((jar, not_launched(&state, ehr, &error)?).into_response()),
    };
    let handle = state.launches.keep(launch, "", state.steady_now());
    let handle = handle.ok_or_else(|| PageError::Fault("too many launches at once".into()))?;
    let landing = Landing { chrome: Chrome::outside(&state), target: format!("/launch/{handle}") };
    Ok((jar, html(&landing)?).into_response())
}

/// Why a launch from a system whose app we are opens nothing; the cause is logged, without anything about a person.
fn not_launched(state: &AppState, ehr: &Ehr, error: &NotLaunched) -> Result<Response, PageError> {
    tracing::warn!(ehr = ehr.id(), %error, "a launch came to nothing");
    let name = ehr.name();
    let again = "Open the record again from your own system. If it stays like this, tell your service desk.";
    let (status, sentence) = match error {
        NotLaunched::NoNumber => (
            StatusCode::NOT_FOUND,
            format!(
                "The patient who is open in {name} has no single valid NHS number there, so it is not certain whose record to open."
            ),
        ),
        NotLaunched::Failed(Failed::Provider(_) | Failed::Metadata(_)) => {
            (StatusCode::BAD_GATEWAY, format!("{name} cannot be reached, or does not answer as it should."))
        }
        NotLaunched::Failed(Failed::NoRandom) => {
            return Err(PageError::Fault("the system gives no random numbers".into()));
        }
        NotLaunched::Failed(_) => {
            (StatusCode::FORBIDDEN, format!("The answer of {name} could not be used, so nothing was opened."))
        }
    };
    problem(state, status, "Not opened", sentence, again)
}

fn over(state: &AppState) -> Result<Response, PageError> {
    let sentence = "This way to a record has been used, or is more than ten minutes old.".to_owned();
    problem(state, StatusCode::GONE, "Not opened", sentence, "Open the record again from your own system.")
}

/// `GET /launch/{handle}`: to the record, by the user whom the launch names.
async fn open(
    State(state): State<AppState>,
    Path(handle): Path<String>,
    jar: CookieJar,
    headers: HeaderMap,
    Came(via): Came,
) -> Result<Response, PageError> {
    let now = state.steady_now();
    let Some(launch) = state.launches.waiting(&handle, now) else { return over(&state) };
    let here = session::token(&state, &headers).and_then(|token| state.sessions.resume(&token, now));
    let (jar, user) = match (here, &launch.vouched) {
        (Some(here), _) if here.user.id == launch.user => (jar, (*here.user).clone()),
        (Some(here), _) => {
            drop(state.launches.take(&handle, now));
            state
                .events
                .record(
                    Event::SignInRefused,
                    Some("launch-of-another-user"),
                    &here.user,
                    &via,
                    &launch.client.id,
                    state.now(),
                )
                .await?;
            let sentence =
                format!("{} opens a record for another user than the one who is signed in here.", launch.client.name);
            let to_do = "If it is your own system: sign out here, then open the record from there again. Otherwise somebody else is signed in in this browser.";
            return problem(&state, StatusCode::FORBIDDEN, "Not opened: two users", sentence, to_do);
        }
        (None, None) => return Ok(Redirect::to(&sign_in_for(&state, &launch, &handle)).into_response()),
        (None, Some(user)) => {
            state.events.record(Event::SignIn, None, user, &via, &launch.client.id, state.now()).await?;
            let beginner = session::Beginner { users: vec![user.clone()], by: None };
            let token = state.sessions.begin(beginner, now);
            let token = token.ok_or_else(|| PageError::Fault("the system gives no random numbers".into()))?;
            (jar.add(session::cookie(&state, session::cookie_name(&state), token)), user.clone())
        }
    };
    // Once: two tabs of one handle open one record.
    if state.launches.take(&handle, now).is_none() {
        return over(&state);
    }
    let target = match person(&state, launch.nhs_number, launch.born).await? {
        Some(person) => format!("/record/{person}"),
        None => return Ok((jar, nobody(&state, &user, &launch)?).into_response()),
    };
    Ok((jar, Redirect::to(&target)).into_response())
}

/// Straight to the provider that vouches for the user, where there is one: no page in between.
fn sign_in_for(state: &AppState, launch: &Launch, handle: &str) -> String {
    let provider = state.providers.iter().find(|provider| {
        launch.user.strip_prefix(provider.config().id.as_str()).is_some_and(|rest| rest.starts_with(':'))
    });
    match provider {
        Some(provider) => format!("/sign-in/with/{}?then=/launch/{handle}", provider.config().id),
        None => format!("/sign-in?then=/launch/{handle}"),
    }
}

fn nobody(state: &AppState, user: &User, launch: &Launch) -> Result<Response, PageError> {
    tracing::info!(client = launch.client.id, organisation = user.org_code, "a launch names nobody who is known here");
    let sentence = "No source connected here holds one person with this verified NHS number, or their date of birth is another here.".to_owned();
    let to_do =
        "Look for the person here by name and date of birth, and tell your service desk if the number should be known.";
    problem(state, StatusCode::NOT_FOUND, "No such record", sentence, to_do)
}
