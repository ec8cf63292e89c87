//! Who calls: a reading system or a source, by its bearer token (RFC 6750). Only hashes of tokens are kept. A system's token
//! is a lasting one from the configuration, or a short one that it was given for a signed assertion.

use super::{Reader, Source, limits::Limiter, reply::ApiError};
use access::{
    User,
    smart::{Clients, Scopes},
};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use fhir::IssueType;
use jiff::Timestamp;
use std::{collections::HashMap, sync::Arc};

/// Whoever calls.
#[derive(Clone)]
pub enum Caller {
    /// A system that reads.
    Reader(Reading),
    /// A source that writes.
    Source(Arc<Source>),
}

impl Caller {
    /// With where the request came from, for the audit.
    pub fn by(self, via: access::Via) -> Self {
        match self {
            Caller::Reader(Reading { user, scopes }) => {
                Caller::Reader(Reading { user: Arc::new(User { via, ..(*user).clone() }), scopes })
            }
            Caller::Source(source) => Caller::Source(source),
        }
    }
}

/// A system that reads, and how far.
#[derive(Clone)]
pub struct Reading {
    /// Who.
    pub user: Arc<User>,
    /// What it may ask for; None: whatever the gate lets it.
    pub scopes: Option<Arc<Scopes>>,
}

/// The callers by the hash of their token.
pub struct Tokens {
    of_hash: HashMap<String, Caller>,
    clients: Option<Arc<Clients>>,
    limiters: HashMap<String, Arc<Limiter>>,
}

impl Tokens {
    pub fn new(
        readers: Vec<Reader>,
        sources: Vec<Source>,
        clients: Option<Arc<Clients>>,
        limits: HashMap<String, super::Limits>,
    ) -> Self {
        let readers = readers.into_iter().map(|reader| {
            let reading = Reading { user: Arc::new(reader.user), scopes: reader.scopes.map(Arc::new) };
            (reader.token_hash, Caller::Reader(reading))
        });
        let sources = sources.into_iter().map(|source| (source.token_hash.clone(), Caller::Source(Arc::new(source))));
        Tokens {
            of_hash: readers.chain(sources).map(|(hash, caller)| (hash.to_ascii_lowercase(), caller)).collect(),
            clients,
            limiters: limits.into_iter().map(|(id, limits)| (id, Arc::new(Limiter::new(limits)))).collect(),
        }
    }

    /// Who calls, by the `Authorization` header. A hash is looked up, not a secret compared: its timing tells nothing.
    pub fn caller(&self, headers: &HeaderMap, now: Timestamp) -> Result<Caller, ApiError> {
        let token = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| {
                let (scheme, token) = value.split_once(' ')?;
                scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
            })
            .ok_or_else(|| unknown("send an access token: Authorization: Bearer <token>", "Bearer realm=\"fhir\""))?;
        let hash = format!("blake3:{}", blake3::hash(token.as_bytes()).to_hex());
        if let Some(caller) = self.of_hash.get(&hash) {
            return Ok(caller.clone());
        }
        let granted = self.clients.as_ref().and_then(|clients| clients.caller(token, now));
        let Some((user, scopes)) = granted else {
            let challenge = "Bearer realm=\"fhir\", error=\"invalid_token\"";
            return Err(unknown("this access token is not known, or its time is over", challenge));
        };
        Ok(Caller::Reader(Reading { user, scopes: Some(Arc::new(scopes)) }))
    }

    /// What limits a system, if anything does.
    pub fn limiter(&self, reading: &Reading) -> Option<Arc<Limiter>> {
        self.limiters.get(&reading.user.id).cloned()
    }
}

fn unknown(text: &str, challenge: &'static str) -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, IssueType::Login, text)
        .with(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
}
