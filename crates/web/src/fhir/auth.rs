//! Who calls: a reading system or a source, by its bearer token (RFC 6750). Only hashes of tokens are kept.

use super::{Reader, Source, reply::ApiError};
use access::User;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use fhir::IssueType;
use std::{collections::HashMap, sync::Arc};

/// Whoever calls.
#[derive(Clone)]
pub enum Caller {
    /// A system that reads.
    Reader(Arc<User>),
    /// A source that writes.
    Source(Arc<Source>),
}

impl Caller {
    /// With where the request came from, for the audit.
    pub fn by(self, via: access::Via) -> Self {
        match self {
            Caller::Reader(user) => Caller::Reader(Arc::new(User { via, ..(*user).clone() })),
            Caller::Source(source) => Caller::Source(source),
        }
    }
}

/// The callers by the hash of their token.
pub struct Tokens {
    of_hash: HashMap<String, Caller>,
}

impl Tokens {
    pub fn new(readers: Vec<Reader>, sources: Vec<Source>) -> Self {
        let readers = readers.into_iter().map(|reader| (reader.token_hash, Caller::Reader(Arc::new(reader.user))));
        let sources = sources.into_iter().map(|source| (source.token_hash.clone(), Caller::Source(Arc::new(source))));
        Tokens { of_hash: readers.chain(sources).map(|(hash, caller)| (hash.to_ascii_lowercase(), caller)).collect() }
    }

    /// Who calls, by the `Authorization` header. A hash is looked up, not a secret compared: its timing tells nothing.
    pub fn caller(&self, headers: &HeaderMap) -> Result<Caller, ApiError> {
        let token = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| {
                let (scheme, token) = value.split_once(' ')?;
                scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
            })
            .ok_or_else(|| unknown("send an access token: Authorization: Bearer <token>"))?;
        let hash = format!("blake3:{}", blake3::hash(token.as_bytes()).to_hex());
        self.of_hash.get(&hash).cloned().ok_or_else(|| unknown("this access token is not known"))
    }
}

fn unknown(text: &str) -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, IssueType::Login, text)
        .with(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"fhir\""))
}
