//! HTTP: the viewer's pages and the FHIR API. Handlers and templates; rules about medicine, consent or identity are in
//! `record`, `access` and `identity`.

mod assets;
mod chart;
mod error;
pub mod fhir;
mod headers;
mod pages;
mod secret;
mod session;
mod sources;
mod state;
mod throttle;

pub use state::{AppState, Demo, DemoAccount, Loading, SiteConfig};

use axum::Router;
use std::sync::Arc;
use tower_http::compression::CompressionLayer;

/// The whole site: pages at `/`, the FHIR API at `/fhir`.
pub fn router(state: AppState, api: fhir::ApiConfig) -> Router {
    let site = state.clone();
    let clock = Arc::new(move || site.now());
    let api = fhir::Api::new(state.gate.clone(), state.records.clone(), state.engine.clone(), clock, api);
    Router::new()
        .nest("/fhir", fhir::router(api))
        .merge(pages::router(state.clone()))
        .layer(axum::middleware::from_fn_with_state(state, headers::secure))
        .layer(CompressionLayer::new())
}
