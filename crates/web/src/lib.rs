//! HTTP: the viewer's pages and the FHIR API. Handlers and templates; rules about medicine, consent or identity are in
//! `record`, `access` and `identity`.

mod assets;
mod chart;
mod error;
mod headers;
mod pages;
mod secret;
mod session;
mod sources;
mod state;
mod throttle;

pub use state::{AppState, Demo, DemoAccount, Loading, SiteConfig};

use axum::Router;
use tower_http::compression::CompressionLayer;

/// The whole site: pages at `/`, the FHIR API at `/fhir`.
pub fn router(state: AppState) -> Router {
    pages::router(state.clone())
        .layer(axum::middleware::from_fn_with_state(state, headers::secure))
        .layer(CompressionLayer::new())
}
