//! Where a request came from, for the audit.

use crate::forwarded::ClientAddress;
use access::Via;
use axum::{
    extract::{FromRequestParts, OriginalUri},
    http::{Method, Uri, request::Parts},
};
use std::convert::Infallible;

/// A trace id has so many hexadecimal digits (W3C Trace Context §3.2.2.3).
const TRACE_DIGITS: usize = 32;
/// The page of a record, with its query, is at most so long.
const PAGE_CHARS_MAX: usize = 500;

/// Of a request: the client's address, the trace it belongs to, the page of a record it asks for.
pub fn of(parts: &Parts) -> Via {
    let path = address(parts).path_and_query().map_or("", |path| path.as_str());
    // Addresses of pages hold opaque ids alone; queries of the FHIR API may hold more, and are not kept.
    let page = matches!(parts.method, Method::GET) && path.starts_with("/record/") && path.len() <= PAGE_CHARS_MAX;
    Via {
        address: ClientAddress::of(parts).0,
        trace: trace(parts).unwrap_or_default(),
        page: if page { path.to_owned() } else { String::new() },
    }
}

/// Where a request came from, of one by somebody who is not signed in yet.
pub struct Came(pub Via);

impl<S: Sync> FromRequestParts<S> for Came {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Came(of(parts)))
    }
}

/// The address that was asked for: a router inside a router sees the rest of it alone.
fn address(parts: &Parts) -> &Uri {
    parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |original| &original.0)
}

/// The path that was asked for.
pub fn path(parts: &Parts) -> &str {
    address(parts).path()
}

/// The trace id of a `traceparent` header that is well formed; else a new one.
fn trace(parts: &Parts) -> Option<String> {
    let given = parts.headers.get("traceparent").and_then(|value| value.to_str().ok()).and_then(|value| {
        let id = value.split('-').nth(1)?;
        let plain = id.len() == TRACE_DIGITS && id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        plain.then(|| id.to_owned())
    });
    given.or_else(|| {
        let mut bytes = [0u8; TRACE_DIGITS / 2];
        getrandom::fill(&mut bytes).ok()?;
        Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    })
}
