//! HTTP: the viewer's pages and the FHIR API. Handlers and templates; rules about medicine, consent or identity are in
//! `record`, `access` and `identity`.

mod assets;
mod blocking;
mod cds;
mod chart;
mod error;
pub mod fhir;
mod flows;
mod forwarded;
mod headers;
mod oauth;
mod pages;
mod peer;
pub mod replay;
mod secret;
mod session;
mod sources;
mod state;
mod throttle;
mod via;

pub use forwarded::Proxies;
pub use pages::{Channels, Listed, Named, Receiver, Update};
pub use peer::Peer;
pub use session::{Beginner, SessionLimits, Sessions, user_of};
pub use state::{AppState, Demo, DemoAccount, Loading, SiteConfig};
pub use throttle::Searches;

use axum::{Router, extract::Request, http::Uri, routing::any};
use std::sync::Arc;
use tower::ServiceExt;
use tower_http::compression::CompressionLayer;

/// The whole site: pages at `/`, the FHIR API at `/fhir`.
pub fn router(state: AppState, api: fhir::ApiConfig) -> Router {
    let site = state.clone();
    let clock = Arc::new(move || site.now());
    let engine = state.engine.clone();
    // One count for pages and API.
    let (searches, matcher) = (Arc::clone(&state.searches), Some(Arc::clone(&state.matcher)));
    let api = fhir::ApiConfig { searches, matcher, forms: state.forms.clone(), ..api };
    let api = engine.map(|engine| {
        let api = fhir::Api::new(state.gate.clone(), state.records.clone(), engine, clock, api);
        let tokens = oauth::router(state.clone(), api.clone());
        let cards = cds::router(state.clone(), api.clone());
        let launches = pages::launch::router(state.clone(), api.clone());
        let api = fhir::router(api);
        Router::new()
            .nest("/fhir", api.clone())
            .merge(tokens)
            .merge(cards)
            .merge(launches)
            // Many clients write the base with a slash at its end, which nesting leaves out.
            .route("/fhir/", any(|request| api.oneshot(at_the_base(request))))
    });
    api.unwrap_or_default()
        .merge(pages::router(state.clone()))
        .layer(axum::middleware::from_fn_with_state(state.clone(), headers::secure))
        .layer(axum::middleware::from_fn_with_state(state, forwarded::learn))
        .layer(CompressionLayer::new())
}

/// The request as if it were at the API's root.
fn at_the_base(mut request: Request) -> Request {
    let query = request.uri().query().map(|query| format!("/?{query}"));
    *request.uri_mut() = query.and_then(|there| there.parse().ok()).unwrap_or_else(|| Uri::from_static("/"));
    request
}
