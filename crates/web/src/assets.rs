//! Stylesheet and scripts, embedded in the binary. Their address holds a hash of their content, so they may be cached
//! for ever.

use axum::{
    extract::Path,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use rust_embed::RustEmbed;
use std::{collections::HashMap, sync::LazyLock};

#[derive(RustEmbed)]
#[folder = "../../web/dist"]
struct Dist;

static ADDRESSES: LazyLock<HashMap<String, String>> = LazyLock::new(|| {
    Dist::iter()
        .filter_map(|name| {
            let file = Dist::get(&name)?;
            let hash: String = file.metadata.sha256_hash().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
            Some((name.to_string(), format!("/assets/{hash}/{name}")))
        })
        .collect()
});

/// The address of an asset by its name; empty when there is none of that name, which a test of the router would show.
pub fn address(name: &str) -> &'static str {
    ADDRESSES.get(name).map_or("", String::as_str)
}

/// `GET /assets/{hash}/{name}`.
pub async fn serve(Path((_hash, name)): Path<(String, String)>) -> Response {
    let ours = [".css", ".js", ".svg"].iter().any(|ending| name.ends_with(ending));
    let Some(file) = Dist::get(&name).filter(|_| ours) else { return StatusCode::NOT_FOUND.into_response() };
    let kind = mime_guess::from_path(&name).first_or_octet_stream();
    let mut response = file.data.into_owned().into_response();
    let headers = response.headers_mut();
    if let Ok(kind) = HeaderValue::from_str(kind.as_ref()) {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    response
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_asset_the_pages_name_is_embedded() {
        for name in ["viewer.css", "trend.js", "progress.js", "steward.js"] {
            assert!(super::address(name).starts_with("/assets/"), "{name}");
        }
    }
}
