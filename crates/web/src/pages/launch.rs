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
    sign_in::Event,
    smart::{Launch, NotGranted},
};
use axum::{
    Form, Json, Router,
    extract::{DefaultBodyLimit, Path, Query, State, rejection::FormRejection},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use axum_extra::extract::cookie::CookieJar;
use serde::Deserialize;
use serde_json::json;

/// A launch is a token.
const REQUEST_BYTES_MAX: usize = 64 * 1024;

/// The routes.
pub fn router(state: AppState, api: Api) -> Router {
    let begun = Router::new()
        .route("/launch", post(begin))
        .layer(DefaultBodyLimit::max(REQUEST_BYTES_MAX))
        .with_state((state.clone(), api));
    let opened =
        Router::new().route("/launch", get(by_parameters)).route("/launch/{handle}", get(open)).with_state(state);
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
    let Some(handle) = state.launches.keep(launch, state.steady_now()) else {
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

/// `GET /launch?iss=&launch=`.
async fn by_parameters(State(state): State<AppState>, Query(given): Query<Parameters>) -> Result<Response, PageError> {
    match state.launches.waiting(&given.launch, state.steady_now()) {
        Some(launch) if launch.client.id == given.iss => {
            Ok(html(&Landing { chrome: Chrome::outside(&state), target: format!("/launch/{}", given.launch) })?
                .into_response())
        }
        Some(_) => {
            drop(state.launches.take(&given.launch, state.steady_now()));
            let sentence = "The launch is of another system than the one that the address names (iss).".to_owned();
            problem(
                &state,
                StatusCode::FORBIDDEN,
                "Not opened",
                sentence,
                "Open the record again from your own system.",
            )
        }
        None => over(&state),
    }
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
