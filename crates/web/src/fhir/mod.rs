//! The FHIR R4 API, JSON: systems read people's records through it, and sources write through it.
//!
//! A reader gets nothing but through the gate; a source writes nothing but through the journal. Which of the two a caller
//! is, its token says ([`auth`]). Addresses are taken apart by [`route`], errors are OperationOutcomes ([`reply`]).
//! Searches within a record are evaluated in memory over the record's resources ([`search`]); people are found by the
//! short list of indexes there is ([`people`]).

mod audit;
mod auth;
mod capability;
mod everything;
mod forms;
mod limits;
mod links;
mod matching;
mod negotiate;
mod page;
mod parameters;
mod people;
mod pix;
mod read;
mod reply;
mod route;
mod scope;
mod search;
mod subscriptions;
mod write;

use crate::{peer::Shown, throttle::Searches};
use access::{
    Gate, User,
    smart::{Clients, Scopes},
};
use auth::{Caller, Tokens};
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode},
    response::{IntoResponse, Response},
};
use fhir::{IssueType, ResourceType};
use intake::{Engine, listener::tls::Senders};
use jiff::Timestamp;
use negotiate::Asked;
use record::{
    Records,
    matching::{Matcher, Rules},
};
use reply::Reply;
use route::Interaction;
use std::{collections::HashMap, sync::Arc, time::Instant};
use tokio::sync::Semaphore;

pub use limits::Limits;
pub(crate) use reply::ApiError;
pub use subscriptions::Telling;

/// Who may use the API, and how it presents itself.
#[derive(Clone, Debug, Default)]
pub struct ApiConfig {
    /// The address the API is reached at from outside, for instance `https://record.example/fhir`. None: as each request
    /// says.
    pub base: Option<String>,
    /// Whether callers reach us over TLS, for addresses made from requests.
    pub secure: bool,
    /// Systems that read, with lasting tokens.
    pub readers: Vec<Reader>,
    /// Systems that get short tokens for signed assertions.
    pub clients: Option<Arc<Clients>>,
    /// How much each system may ask for, by its id; one that is not here is not limited.
    pub limits: HashMap<String, Limits>,
    /// The certificates that a system must show on its connection, by its id; one that is not here need show none.
    pub certificates: HashMap<String, Senders>,
    /// Sources that write.
    pub sources: Vec<Source>,
    /// How often one member of staff may look for people.
    pub searches: Arc<Searches>,
    /// The largest body taken, in bytes; 0 means 64 MiB.
    pub body_bytes_max: usize,
    /// Who answers `$match`; None: rules over the store's indexes.
    pub matcher: Option<Arc<dyn Matcher>>,
    /// What subscriptions work with; None: there are none here.
    pub telling: Option<Telling>,
    /// The forms that people fill in.
    pub forms: ::forms::Forms,
}

/// A system that reads.
#[derive(Clone, Debug)]
pub struct Reader {
    /// `blake3:` and the hash of its token in hexadecimal, as `skein hash token` prints it.
    pub token_hash: String,
    /// Who it is, for the gate and the audit.
    pub user: User,
    /// What it may ask for; None: whatever the gate lets it.
    pub scopes: Option<Scopes>,
}

/// A source that writes.
#[derive(Clone, Debug)]
pub struct Source {
    /// `blake3:` and the hash of its token in hexadecimal. None: its certificate alone says who it is.
    pub token_hash: Option<String>,
    /// The certificates it is believed with, beside its token; none: whatever connection it comes over.
    pub senders: Senders,
    /// The source's id.
    pub source: String,
    /// The feed's name.
    pub feed: String,
}

/// The API, shared by all its handlers.
#[derive(Clone)]
pub struct Api(Arc<Inner>);

/// What all handlers share.
pub struct Inner {
    gate: Gate,
    records: Records,
    engine: Engine,
    clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    base: Option<String>,
    secure: bool,
    body_bytes_max: usize,
    /// Places for large bodies.
    large: Arc<Semaphore>,
    tokens: Tokens,
    clients: Option<Arc<Clients>>,
    matcher: Arc<dyn Matcher>,
    searches: Arc<Searches>,
    pages: page::Kept,
    capability: capability::Statement,
    telling: Option<Telling>,
    sockets: subscriptions::Sockets,
    changes: subscriptions::Changes,
    forms: ::forms::Forms,
}

impl std::ops::Deref for Api {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Api {
    /// The API of a region.
    pub fn new(
        gate: Gate,
        records: Records,
        engine: Engine,
        clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
        config: ApiConfig,
    ) -> Self {
        let started = clock();
        let smart = config.clients.as_ref().filter(|clients| !clients.is_empty()).map(|one| one.token_url().to_owned());
        let matcher = config.matcher.unwrap_or_else(|| Arc::new(Rules::new(records.clone())));
        Api(Arc::new(Inner {
            gate,
            records,
            engine,
            clock,
            base: config.base.map(|base| base.trim_end_matches('/').to_owned()),
            secure: config.secure,
            body_bytes_max: if config.body_bytes_max == 0 { 64 << 20 } else { config.body_bytes_max },
            matcher,
            large: Arc::new(Semaphore::new(write::LARGE_BODIES_MAX)),
            tokens: Tokens::new(
                config.readers,
                config.sources,
                config.clients.clone(),
                config.limits,
                config.certificates,
            ),
            searches: config.searches,
            clients: config.clients.filter(|clients| !clients.is_empty() || clients.has_ehrs()),
            pages: page::Kept::default(),
            capability: capability::Statement::new(started, smart, config.telling.is_some()),
            telling: config.telling,
            sockets: subscriptions::Sockets::default(),
            changes: subscriptions::Changes::default(),
            forms: config.forms,
        }))
    }

    /// The systems that are given tokens, if there are any.
    pub(crate) fn clients(&self) -> Option<&Arc<Clients>> {
        self.clients.as_ref()
    }

    /// Whether a connection shows what a system of this id must show.
    pub(crate) fn holds_certificate(&self, id: &str, shown: Option<&[u8]>) -> bool {
        self.tokens.holds_certificate(id, shown)
    }

    /// Whether any system must show a certificate.
    pub(crate) fn binds_clients(&self) -> bool {
        self.tokens.binds_systems()
    }

    fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// The system that calls, for what stands beside the API, within its limits.
    pub(crate) fn called(&self, parts: &axum::http::request::Parts) -> Result<Called, ApiError> {
        let shown = crate::peer::Shown::of(parts);
        let caller = self.tokens.caller(&parts.headers, shown.0.as_deref(), self.now())?;
        let Caller::Reader(reading) = caller.by(crate::via::of(parts)) else {
            let text = "this token belongs to a source: it writes, and reads nothing";
            return Err(ApiError::new(StatusCode::FORBIDDEN, IssueType::Forbidden, text));
        };
        let limiter = self.tokens.limiter(&reading);
        let place = limiter.as_ref().map(|limiter| limiter.enter(Instant::now())).transpose()?;
        Ok(Called { user: reading.user, scopes: reading.scopes, _place: place })
    }

    /// The address of the site as this caller reaches it.
    pub(crate) fn address(&self, headers: &HeaderMap) -> String {
        let base = self.base(headers);
        base.strip_suffix("/fhir").unwrap_or(&base).to_owned()
    }

    /// The address of the API as this caller reaches it.
    fn base(&self, headers: &HeaderMap) -> String {
        if let Some(base) = &self.base {
            return base.clone();
        }
        let host = headers.get(axum::http::header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
        let plain = host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']'));
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://{}/fhir", if plain { host } else { "localhost" })
    }
}

/// A system that calls, and its place among those that call at once.
pub(crate) struct Called {
    /// Who.
    pub user: Arc<User>,
    /// How far its token reaches; None: as far as the gate lets it.
    pub scopes: Option<Arc<Scopes>>,
    _place: Option<tokio::sync::OwnedSemaphorePermit>,
}

/// The routes of the API, to be nested at `/fhir`. Every path is answered here: an unknown one with an OperationOutcome.
pub fn router(api: Api) -> Router {
    Router::new()
        .route("/$subscriptions-ws", axum::routing::any(subscriptions::upgrade))
        .fallback(handle)
        .with_state(api)
}

/// A request taken apart as far as every handler needs it.
struct Call {
    method: Method,
    interaction: Interaction,
    asked: Asked,
    headers: HeaderMap,
    base: String,
    pairs: Vec<(String, String)>,
    /// What the caller's token allows; None: whatever the gate lets it.
    scopes: Option<Arc<Scopes>>,
}

impl Call {
    /// Whether the caller's scopes reach as far as what is asked. To be asked again when a body has added to the parameters.
    fn may(&self) -> Result<(), ApiError> {
        match &self.scopes {
            Some(scopes) => scope::check(scopes, &self.interaction, &self.pairs),
            None => Ok(()),
        }
    }
}

async fn handle(State(api): State<Api>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let head = parts.method == Method::HEAD;
    let answer = answer(api, parts, body).await;
    let mut response = match answer {
        Ok(reply) => reply.into_response(),
        Err(error) => error.into_response(),
    };
    if head {
        *response.body_mut() = Body::empty();
    }
    response
}

async fn answer(api: Api, parts: axum::http::request::Parts, body: Body) -> Result<Reply, ApiError> {
    let (via, shown) = (crate::via::of(&parts), Shown::of(&parts));
    let interaction = route::parse(&parts.method, parts.uri.path())?;
    tracing::Span::current().record("http.route", interaction.template().as_str());
    let pairs = fhir::search::parse_pairs(parts.uri.query().unwrap_or_default());
    let asked = Asked::read(&parts.headers, &pairs, &interaction)?;
    let base = api.base(&parts.headers);
    let mut call = Call { method: parts.method, interaction, asked, headers: parts.headers, base, pairs, scopes: None };
    if call.interaction == Interaction::Metadata {
        return Ok(api.capability.reply(&call.base));
    }
    let caller = api.tokens.caller(&call.headers, shown.0.as_deref(), api.now())?.by(via);
    // A system's own subscriptions are all that it writes.
    let subscribes = matches!(caller, Caller::Reader(_)) && call.interaction.about_subscriptions();
    if call.interaction.writes() && !subscribes {
        let (Caller::Source(source), false) = (caller, call.interaction.about_subscriptions()) else {
            let text =
                "this token reads; only a source with a feed of its own writes here, and client systems subscribe";
            return Err(ApiError::new(StatusCode::FORBIDDEN, IssueType::Forbidden, text));
        };
        return write::write(api, source, call, body).await;
    }
    let Caller::Reader(reading) = caller else {
        return Err(ApiError::new(
            StatusCode::FORBIDDEN,
            IssueType::Forbidden,
            "whoever calls so is a source: it writes, and reads nothing",
        ));
    };
    let limiter = api.tokens.limiter(&reading);
    let _place = limiter.as_ref().map(|limiter| limiter.enter(Instant::now())).transpose()?;
    let user = reading.user;
    call.scopes = reading.scopes;
    // What a body may still narrow or widen is asked where the body is read.
    let by_body = call.method == Method::POST && matches!(call.interaction, Interaction::Everything { .. });
    if !by_body {
        call.may()?;
    }
    if subscribes {
        if let Interaction::Subscription { id, operation } = call.interaction.clone() {
            return subscriptions::operate(api, user, call, body, id, operation).await;
        }
        return subscriptions::answer(api, user, call, body).await;
    }
    match call.interaction.clone() {
        Interaction::Read { kind: ResourceType::Basic, id } if subscriptions::is_topic(&id) => {
            subscriptions::read_topic(&id)
        }
        Interaction::Read { kind: ResourceType::Questionnaire, id } => match forms::read(&api, &id) {
            Some(form) => Ok(form),
            None => read::read(api, user, call, ResourceType::Questionnaire, id).await,
        },
        Interaction::Search { kind: ResourceType::AuditEvent, within: None } => audit::search(api, user, call).await,
        Interaction::Read { kind: ResourceType::AuditEvent, id } => audit::read(api, user, call, id).await,
        Interaction::Read { kind, id } => read::read(api, user, call, kind, id).await,
        Interaction::VersionRead { kind, id, version } => read::version(api, user, call, kind, id, version).await,
        Interaction::History { kind, id } => read::history(api, user, call, kind, id).await,
        Interaction::Everything { kind, id } => everything::everything(api, user, call, kind, id, body).await,
        Interaction::CrossReference => pix::cross_reference(api, user, call, body).await,
        Interaction::Match => matching::find(api, user, call, body).await,
        Interaction::Search { kind, within } => {
            let mut call = call;
            if call.method == Method::POST {
                let form = write::read_body(&api, &call, body, negotiate::FORM).await?;
                call.pairs.extend(fhir::search::parse_pairs(&String::from_utf8_lossy(&form.bytes)));
                call.may()?;
            }
            if kind == ResourceType::Basic
                && within.is_none()
                && let Some(topics) = subscriptions::search_topics(&call)
            {
                return topics;
            }
            if kind == ResourceType::Questionnaire
                && within.is_none()
                && let Some(found) = forms::search(&api, &call)
            {
                return found;
            }
            if let Some(patient) = within {
                search::within(&mut call, kind, &patient)?;
            }
            search::search(api, user, call, kind).await
        }
        _ => Err(ApiError::not_found("there is nothing at this address")),
    }
}

/// Do what touches the disk away from the threads that serve connections.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    match crate::blocking::spawn(work).await {
        Ok(outcome) => outcome,
        Err(error) => Err(ApiError::fault(error.to_string())),
    }
}
