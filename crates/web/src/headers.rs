//! Headers of every answer: nothing from elsewhere may run, nobody may frame us, nothing personal stays in a cache.

use crate::{error, session, state::AppState};
use axum::{
    extract::{Request, State},
    http::{HeaderValue, header},
    middleware::Next,
    response::Response,
};
use record::voice::Voice;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    frame-src 'self'; object-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'";

/// Set what is not set yet: a handler that serves a letter or a stylesheet says otherwise itself.
pub async fn secure(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let api = request.uri().path().starts_with("/fhir");
    let cookies = request.headers().get(header::COOKIE).cloned();
    let mut response = next.run(request).await;
    if !response.status().is_success() && !api {
        let voice = Voice::of(cookies.is_some_and(|cookies| session::of_a_person(&state, cookies)));
        response = error::told(response, voice, state.demo.is_some());
    }
    let headers = response.headers_mut();
    let mut default = |name: header::HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    default(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    default(header::REFERRER_POLICY, "no-referrer");
    default(header::CACHE_CONTROL, "no-store");
    default(header::X_FRAME_OPTIONS, "SAMEORIGIN");
    default(header::CONTENT_SECURITY_POLICY, if api { "default-src 'none'; frame-ancestors 'none'" } else { POLICY });
    default(
        header::HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    );
    default(header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    default(header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    if state.secure_cookies {
        default(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    response
}
