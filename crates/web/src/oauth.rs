//! `POST /oauth/token` and the published configuration: SMART Backend Services (SMART App Launch 2.2).

use crate::{fhir::Api, peer::Shown, state::AppState, throttle::By, via::Came};
use access::{
    sign_in::Event,
    smart::{ASSERTION_ALGORITHMS, NotGranted, TokenRequest},
};
use axum::{
    Form, Json, Router,
    extract::{DefaultBodyLimit, State, rejection::FormRejection},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::json;

/// A token request is an assertion and a few words.
const REQUEST_BYTES_MAX: usize = 64 * 1024;

/// The routes.
pub fn router(state: AppState, api: Api) -> Router {
    Router::new()
        .route("/oauth/token", post(token))
        .route("/.well-known/smart-configuration", get(configuration))
        // Beside the API's own base, where SMART looks for it (App Launch 2.2, "Conformance").
        .route("/fhir/.well-known/smart-configuration", get(configuration))
        .layer(DefaultBodyLimit::max(REQUEST_BYTES_MAX))
        .with_state((state, api))
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    grant_type: String,
    #[serde(default)]
    client_assertion_type: String,
    #[serde(default)]
    client_assertion: String,
    #[serde(default)]
    scope: String,
}

fn refused(status: StatusCode, code: &str, text: &str) -> Response {
    let mut response = (status, Json(json!({"error": code, "error_description": text}))).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn token(
    State((state, api)): State<(AppState, Api)>,
    Came(via): Came,
    shown: Shown,
    form: Result<Form<Asked>, FormRejection>,
) -> Response {
    let Some(clients) = api.clients() else {
        return refused(
            StatusCode::NOT_FOUND,
            "invalid_request",
            "no client here is given tokens: use the one you have",
        );
    };
    let Ok(Form(asked)) = form else {
        let text = "send a form: Content-Type: application/x-www-form-urlencoded, each parameter once";
        return refused(StatusCode::BAD_REQUEST, "invalid_request", text);
    };
    let request = TokenRequest {
        grant_type: &asked.grant_type,
        assertion_type: &asked.client_assertion_type,
        assertion: &asked.client_assertion,
        scope: &asked.scope,
    };
    let (now, counted) = (state.now(), [By::Assertions(&via.address)]);
    if let Some(wait) = state.throttle.wait(&counted, state.steady_now()) {
        let text = "too many assertions from your address were not believed: wait, and send one that is right";
        let mut response = refused(StatusCode::TOO_MANY_REQUESTS, "invalid_client", text);
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1).unsigned_abs()));
        return response;
    }
    let certified = |id: &str| api.holds_certificate(id, shown.0.as_deref());
    let grant = match clients.grant(&request, &certified, now).await {
        Ok(grant) => grant,
        Err(error) => {
            let status = match error {
                NotGranted::InvalidClient(_) => StatusCode::UNAUTHORIZED,
                NotGranted::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
                _ => StatusCode::BAD_REQUEST,
            };
            if status == StatusCode::UNAUTHORIZED {
                state.throttle.failed(&counted, state.steady_now());
                tracing::info!(%error, "a client's assertion was not believed");
            }
            return refused(status, error.code(), &error.to_string());
        }
    };
    let written = state.events.record(Event::TokenGranted, None, &grant.user, &via, "private_key_jwt", now).await;
    if let Err(error) = written {
        tracing::error!(%error, "a token could not be recorded, so none was given");
        return refused(StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", "try again in a minute");
    }
    let body = json!({
        "access_token": grant.token,
        "token_type": "bearer",
        "expires_in": grant.life.as_secs(),
        "scope": grant.scopes.to_string(),
    });
    let mut response = Json(body).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

async fn configuration(State((_, api)): State<(AppState, Api)>) -> Response {
    let Some(clients) = api.clients() else {
        return refused(StatusCode::NOT_FOUND, "invalid_request", "no client here is given tokens");
    };
    let algorithms: Vec<String> = ASSERTION_ALGORITHMS.iter().map(|one| format!("{one:?}")).collect();
    Json(json!({
        "token_endpoint": clients.token_url(),
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": algorithms,
        "grant_types_supported": ["client_credentials"],
        "scopes_supported": clients.scopes(),
        // RFC 8705 §3.3: of those clients that the configuration binds to a certificate.
        "tls_client_certificate_bound_access_tokens": api.binds_clients(),
        "capabilities": ["client-confidential-asymmetric", "permission-v1", "permission-v2"],
    }))
    .into_response()
}
