//! Who calls: a reading system or a source, by its bearer token (RFC 6750), and by the certificate that its connection shows
//! where the configuration names one (RFC 8705). Only hashes of tokens are kept. A system's token is a lasting one from the
//! configuration, or a short one that it was given for a signed assertion.

use super::{Reader, Source, limits::Limiter, reply::ApiError};
use access::{
    User,
    smart::{Clients, Scopes},
};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use fhir::IssueType;
use intake::listener::tls::Senders;
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
    certificates: HashMap<String, Senders>,
    /// Sources without a token.
    by_certificate: Vec<Arc<Source>>,
}

impl Tokens {
    pub fn new(
        readers: Vec<Reader>,
        sources: Vec<Source>,
        clients: Option<Arc<Clients>>,
        limits: HashMap<String, super::Limits>,
        certificates: HashMap<String, Senders>,
    ) -> Self {
        let readers = readers.into_iter().map(|reader| {
            let reading = Reading { user: Arc::new(reader.user), scopes: reader.scopes.map(Arc::new) };
            (reader.token_hash, Caller::Reader(reading))
        });
        let sources: Vec<Arc<Source>> = sources.into_iter().map(Arc::new).collect();
        let with_token = sources.iter().filter_map(|source| {
            let hash = source.token_hash.clone()?;
            Some((hash, Caller::Source(Arc::clone(source))))
        });
        Tokens {
            by_certificate: sources.iter().filter(|source| source.token_hash.is_none()).cloned().collect(),
            certificates,
            of_hash: readers.chain(with_token).map(|(hash, caller)| (hash.to_ascii_lowercase(), caller)).collect(),
            clients,
            limiters: limits.into_iter().map(|(id, limits)| (id, Arc::new(Limiter::new(limits)))).collect(),
        }
    }

    /// Who calls, by the `Authorization` header and the certificate shown. A hash is looked up, not a secret compared: its
    /// timing tells nothing.
    ///
    /// # Errors
    /// 401 without a token or certificate that is known, 403 over a connection that shows another's certificate.
    pub fn caller(&self, headers: &HeaderMap, shown: Option<&[u8]>, now: Timestamp) -> Result<Caller, ApiError> {
        let Some(given) = headers.get(header::AUTHORIZATION) else {
            return self.certified_source(shown).map(Caller::Source);
        };
        let token = given
            .to_str()
            .ok()
            .and_then(|value| {
                let (scheme, token) = value.split_once(' ')?;
                scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
            })
            .ok_or_else(no_token)?;
        let hash = format!("blake3:{}", blake3::hash(token.as_bytes()).to_hex());
        if let Some(caller) = self.of_hash.get(&hash) {
            match caller {
                Caller::Source(source) => bound(&source.senders, shown, "feed", &source.feed)?,
                Caller::Reader(reading) => self.bound_system(&reading.user, shown)?,
            }
            return Ok(caller.clone());
        }
        let granted = self.clients.as_ref().and_then(|clients| clients.caller(token, now));
        let Some((user, scopes)) = granted else {
            return Err(unknown("this access token is not known, or its time is over", INVALID_TOKEN));
        };
        self.bound_system(&user, shown)?;
        Ok(Caller::Reader(Reading { user, scopes: Some(Arc::new(scopes)) }))
    }

    /// The source that its certificate alone names.
    fn certified_source(&self, shown: Option<&[u8]>) -> Result<Arc<Source>, ApiError> {
        let Some(certificate) = shown else { return Err(no_token()) };
        let mut fitting = self.by_certificate.iter().filter(|source| source.senders.fit(certificate));
        match (fitting.next(), fitting.next()) {
            (Some(only), None) => Ok(Arc::clone(only)),
            (None, _) => Err(no_token()),
            (Some(one), Some(other)) => {
                tracing::warn!(feed = %one.feed, other = %other.feed, "one certificate fits two feeds without a token");
                let text = "the certificate of this connection fits two feeds here: the region must give them tokens";
                Err(ApiError::new(StatusCode::FORBIDDEN, IssueType::Forbidden, text))
            }
        }
    }

    fn bound_system(&self, user: &User, shown: Option<&[u8]>) -> Result<(), ApiError> {
        match self.certificates.get(&user.id) {
            Some(senders) => bound(senders, shown, "client", &user.id),
            None => Ok(()),
        }
    }

    /// Whether a connection shows what a system of this id must show.
    pub fn holds_certificate(&self, id: &str, shown: Option<&[u8]>) -> bool {
        match self.certificates.get(id).filter(|senders| !senders.is_empty()) {
            Some(senders) => shown.is_some_and(|certificate| senders.fit(certificate)),
            None => true,
        }
    }

    /// Whether any system must show a certificate.
    pub fn binds_systems(&self) -> bool {
        self.certificates.values().any(|senders| !senders.is_empty())
    }

    /// What limits a system, if anything does.
    pub fn limiter(&self, reading: &Reading) -> Option<Arc<Limiter>> {
        self.limiters.get(&reading.user.id).cloned()
    }
}

const INVALID_TOKEN: &str = "Bearer realm=\"fhir\", error=\"invalid_token\"";

fn no_token() -> ApiError {
    unknown("send an access token: Authorization: Bearer <token>", "Bearer realm=\"fhir\"")
}

/// Whether whoever calls shows the certificate it is bound to. The log names the feed or the client, so that a source that
/// cannot send any more can be helped.
fn bound(senders: &Senders, shown: Option<&[u8]>, kind: &str, name: &str) -> Result<(), ApiError> {
    match shown {
        _ if senders.is_empty() => Ok(()),
        Some(certificate) if senders.fit(certificate) => Ok(()),
        Some(_) => {
            tracing::warn!(kind, name, "a token came over a connection that shows another's certificate");
            let text = format!(
                "this token belongs to a {kind} that is bound to its client certificate, and this connection shows another one"
            );
            Err(ApiError::new(StatusCode::FORBIDDEN, IssueType::Forbidden, text))
        }
        None => {
            tracing::warn!(kind, name, "a token came over a connection without the certificate it is bound to");
            let text = format!(
                "this token belongs to a {kind} that is bound to its client certificate, and this connection shows none: connect \
                 to Skein itself over TLS, with the certificate"
            );
            Err(unknown(&text, INVALID_TOKEN))
        }
    }
}

fn unknown(text: &str, challenge: &'static str) -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, IssueType::Login, text)
        .with(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
}
