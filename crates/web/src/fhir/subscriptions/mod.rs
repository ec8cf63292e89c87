//! Subscriptions of client systems (R4 Subscription; Subscriptions R5 Backport 1.1.0): made, changed and ended by the system
//! they are for, and by nobody else. What is decided stands in the journal; what they are told, `notify` finds out.

mod operations;
mod socket;
mod topics;

pub use operations::{Operation, operate};
pub use socket::{Sockets, upgrade};
pub use topics::{is_topic, read as read_topic, search as search_topics};

use super::{
    Api, Call, blocking, negotiate,
    read::only,
    reply::{ApiError, Reply},
    route::Interaction,
    scope,
    write::read_body,
};
use access::{Action, Refusal, User, UserKind, outgoing::Outgoing, smart::Permission};
use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use fhir::{
    Issue, IssueType, PatientKey, ResourceId, Value,
    bundle::{BundleType, BundleWriter, SearchMode},
};
use jiff::Timestamp;
use notify::{
    Act, Decision, Subscription,
    delivery::Teller,
    subscription::{self, Channel, Wanted},
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use tokio_util::sync::CancellationToken;

/// Subscriptions of one system at most.
const OF_CLIENT_MAX: usize = 100;
/// A Subscription is a few lines.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// Changes of one system a minute at most: each stands in the journal for ever.
const CHANGES_A_MINUTE_MAX: u32 = 60;

/// What subscriptions need of the house.
#[derive(Clone)]
pub struct Telling {
    /// Finds out what is told.
    pub teller: Teller,
    /// Makes our requests; None: nothing can be sent to an endpoint here.
    pub outgoing: Option<Outgoing>,
    /// Ends connections that are kept open.
    pub stop: CancellationToken,
}

impl std::fmt::Debug for Telling {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "telling {:?}", self.teller)
    }
}

/// What subscriptions of this API work with, for a system that may have any.
pub fn telling<'a>(api: &'a Api, user: &User) -> Result<&'a Telling, ApiError> {
    let Some(telling) = &api.telling else {
        let text = "nobody is told anything here";
        return Err(ApiError::new(StatusCode::NOT_FOUND, IssueType::NotSupported, text));
    };
    if user.kind != UserKind::System {
        let text = "subscriptions are for client systems";
        return Err(ApiError::new(StatusCode::FORBIDDEN, IssueType::Forbidden, text));
    }
    Ok(telling)
}

/// Every interaction on Subscription.
pub async fn answer(api: Api, user: Arc<User>, call: Call, body: Body) -> Result<Reply, ApiError> {
    let telling = telling(&api, &user)?.clone();
    match call.interaction.clone() {
        Interaction::Create { .. } => create(api, telling, user, call, body).await,
        Interaction::Update { id: Some(id), .. } => update(api, telling, user, call, body, id).await,
        Interaction::Delete { id: Some(id), .. } => delete(api, telling, user, id).await,
        Interaction::Read { id, .. } => {
            only(&call, &[])?;
            let known = own(&telling, &user, &id).await?;
            Ok(reply(StatusCode::OK, &call.base, &shown(&known)))
        }
        Interaction::Search { within: None, .. } => search(&telling, &user, call, body, &api).await,
        _ => {
            let text = "a Subscription is made with POST, changed with PUT and ended with DELETE, by its id; versions of it are \
                        not kept";
            Err(ApiError::new(StatusCode::METHOD_NOT_ALLOWED, IssueType::NotSupported, text))
        }
    }
}

/// A subscription of this system; one of another's is none.
pub async fn own(telling: &Telling, user: &User, id: &str) -> Result<Subscription, ApiError> {
    let (notices, name) = (telling.teller.notices().clone(), id.to_owned());
    let known = blocking(move || Ok(notices.subscription(&name)?)).await?;
    let none = || ApiError::not_found("there is no such Subscription here");
    known.filter(|known| known.client == user.id).ok_or_else(none)
}

/// All subscriptions of this system.
async fn all(telling: &Telling, user: &User) -> Result<Vec<Subscription>, ApiError> {
    let (notices, client) = (telling.teller.notices().clone(), user.id.clone());
    let all = blocking(move || Ok(notices.subscriptions()?)).await?;
    Ok(all.into_iter().filter(|one| one.client == client).collect())
}

/// As its system reads it: how it stands, and no credential.
fn shown(known: &Subscription) -> Value {
    let resource: Value = serde_json::from_str(&known.resource).unwrap_or_default();
    with_state(subscription::masked(resource), &known.status, known.error.as_deref())
}

fn with_state(mut resource: Value, status: &str, error: Option<&str>) -> Value {
    if let Some(members) = resource.as_object_mut() {
        members.insert("status".into(), status.into());
        if let Some(error) = error {
            members.insert("error".into(), error.into());
        }
    }
    resource
}

fn reply(status: StatusCode, base: &str, resource: &Value) -> Reply {
    let id = resource.get("id").and_then(Value::as_str).unwrap_or_default();
    let reply = Reply::json(status, resource.to_string());
    match status {
        StatusCode::CREATED => reply.with(header::LOCATION, format!("{base}/Subscription/{id}")),
        _ => reply,
    }
}

/// The body, read as what it asks for.
async fn asked(api: &Api, call: &Call, body: Body, former: Option<&Value>) -> Result<(Value, Wanted), ApiError> {
    let too_large = || {
        let text = format!("a Subscription has {BODY_BYTES_MAX} bytes at most");
        ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, IssueType::TooLong, text)
    };
    let declared = call.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if declared.is_some_and(|length: usize| length > BODY_BYTES_MAX) {
        return Err(too_large());
    }
    let bytes = read_body(api, call, body, negotiate::JSON).await?.bytes;
    if bytes.len() > BODY_BYTES_MAX {
        return Err(too_large());
    }
    let mut resource: Value = serde_json::from_slice(&bytes).map_err(|error| {
        // The text of the error may quote the body.
        let text = format!("the body is not JSON: line {} column {}", error.line(), error.column());
        ApiError::bad(IssueType::Structure, text)
    })?;
    if let Some(former) = former {
        resource = subscription::without_masks(resource, former);
    }
    let wanted = subscription::read(&resource, Some(&call.base)).map_err(unprocessable)?;
    Ok((resource, wanted))
}

fn unprocessable(issues: Vec<Issue>) -> ApiError {
    ApiError::issues(StatusCode::UNPROCESSABLE_ENTITY, issues)
}

fn refused(code: IssueType, place: &str, text: &str) -> ApiError {
    unprocessable(vec![Issue::error(code, text).at(place)])
}

const FILTERS: &str = "Subscription.criteria.extension";

/// Whether this system may be told this, and there.
async fn check(api: &Api, telling: &Telling, user: &Arc<User>, call: &Call, wanted: &Wanted) -> Result<(), ApiError> {
    if wanted.channel == Channel::RestHook {
        let place = "Subscription.channel.endpoint";
        let Some(outgoing) = &telling.outgoing else {
            return Err(refused(IssueType::NotSupported, place, "nothing can be sent from here: use a websocket"));
        };
        outgoing
            .check("the endpoint", &wanted.endpoint)
            .map_err(|error| refused(IssueType::Security, place, &error.to_string()))?;
    }
    for kind in wanted.family.kinds() {
        if call.scopes.as_ref().is_some_and(|scopes| !scopes.allow(Some(*kind), Permission::Read)) {
            return Err(scope::missing(Some(*kind), Permission::Read));
        }
    }
    let filter = &wanted.filter;
    if filter.lists.is_empty() && filter.patients.is_empty() && !user.reach_region {
        let text = "say about whom: filter by a caseload of your organisation, or by patients";
        return Err(refused(IssueType::Required, FILTERS, text));
    }
    let (notices, keys) = (telling.teller.notices().clone(), filter.lists.clone());
    let organisation = user.org_code.clone();
    let ours = blocking(move || {
        for key in keys {
            let known = notices.caseload(&key)?;
            if !known.is_some_and(|known| known.organisation.eq_ignore_ascii_case(&organisation)) {
                return Ok(false);
            }
        }
        Ok(true)
    });
    if !ours.await? {
        let text = "your organisation has no such caseload";
        return Err(refused(IssueType::NotFound, FILTERS, text));
    }
    // Whether somebody is known here is no more to be learnt this way than whether a record opens.
    let closed = || {
        let text = "one of these patients is not known here, or their record is not open to this system";
        ApiError::new(StatusCode::FORBIDDEN, IssueType::Forbidden, text).at(FILTERS)
    };
    for patient in filter.patients.iter().filter_map(|key| key.parse::<PatientKey>().ok()) {
        let (asking, user) = (api.clone(), Arc::clone(user));
        let permit = blocking(move || {
            let Some(person) = asking.records.person_of(ResourceId::of_patient(patient))? else { return Ok(None) };
            let action = Action::Notify { what: "subscribe".into() };
            match asking.gate.open(&user, person, &action, asking.now()) {
                Ok(permit) => Ok(Some(permit)),
                Err(error @ Refusal::NotRecorded(_)) => Err(error.into()),
                Err(_) => Ok(None),
            }
        });
        let Some(permit) = permit.await? else { return Err(closed()) };
        permit.recorded().await?;
    }
    Ok(())
}

fn random() -> Result<String, ApiError> {
    let mut bytes = [0u8; 24];
    getrandom::fill(&mut bytes).map_err(|error| ApiError::fault(error.to_string()))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

fn new_id() -> Result<String, ApiError> {
    let mut bytes = [0u8; 12];
    getrandom::fill(&mut bytes).map_err(|error| ApiError::fault(error.to_string()))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// How many changes each system made in the minute it is in.
#[derive(Default)]
pub struct Changes {
    of_client: Mutex<HashMap<String, (Timestamp, u32)>>,
}

impl Changes {
    /// Count another one; false: it is one too many.
    fn count(&self, client: &str, now: Timestamp) -> bool {
        let mut of_client = self.of_client.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, count) = of_client.entry(client.to_owned()).or_insert((now, 0));
        if now.duration_since(*since).as_secs() >= 60 {
            (*since, *count) = (now, 0);
        }
        *count += 1;
        *count <= CHANGES_A_MINUTE_MAX
    }
}

/// Put a decision in the journal and wait until it holds.
async fn decide(api: &Api, telling: &Telling, user: &User, act: Act) -> Result<(), ApiError> {
    if !api.changes.count(&user.id, api.now()) {
        let text = format!("a system changes its subscriptions {CHANGES_A_MINUTE_MAX} times a minute at most");
        return Err(ApiError::new(StatusCode::TOO_MANY_REQUESTS, IssueType::Throttled, text)
            .with(header::RETRY_AFTER, HeaderValue::from_static("60")));
    }
    let decision = Decision {
        act,
        by: user.id.clone(),
        name: user.name.clone(),
        organisation: user.org_code.to_ascii_uppercase(),
    };
    let pos = api.engine.decide_telling(decision.about(), api.now()).await?;
    if telling.teller.notices().wait(pos).await {
        return Ok(());
    }
    let text = "this is written down but does not hold yet: look again in a minute";
    Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, IssueType::Transient, text)
        .with(header::RETRY_AFTER, HeaderValue::from_static("60")))
}

/// What is kept of a resource: how it stands is not its sender's to say.
fn kept(mut resource: Value, id: &str) -> Value {
    if let Some(members) = resource.as_object_mut() {
        members.shift_remove("status");
        members.shift_remove("error");
        members.insert("id".into(), id.into());
    }
    resource
}

fn act(user: &User, id: &str, resource: &Value, wanted: &Wanted) -> (Act, &'static str) {
    // Nobody needs to be asked whether a connection that its subscriber opens is taken.
    let status = match (wanted.off, wanted.channel) {
        (true, _) => "off",
        (false, Channel::RestHook) => "requested",
        (false, Channel::Websocket) => "active",
    };
    let act = Act::Subscribe {
        id: id.to_owned(),
        client: user.id.clone(),
        resource: resource.to_string(),
        filter: wanted.filter.clone(),
        status: status.to_owned(),
        error: None,
    };
    (act, status)
}

async fn create(api: Api, telling: Telling, user: Arc<User>, call: Call, body: Body) -> Result<Reply, ApiError> {
    if all(&telling, &user).await?.len() >= OF_CLIENT_MAX {
        let text = format!("a system has {OF_CLIENT_MAX} subscriptions at most: end one first");
        return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, IssueType::TooCostly, text));
    }
    let (resource, mut wanted) = asked(&api, &call, body, None).await?;
    check(&api, &telling, &user, &call, &wanted).await?;
    let id = new_id()?;
    let mut resource = kept(resource, &id);
    let made = wanted.channel == Channel::RestHook && wanted.secret.is_none();
    let secret = random()?;
    if made {
        resource = subscription::with_secret(resource, &secret);
        wanted.secret = Some(secret.clone());
    }
    let (act, status) = act(&user, &id, &resource, &wanted);
    decide(&api, &telling, &user, act).await?;
    let mut told = subscription::masked(resource);
    if made {
        // Shown this once: whoever made it up must say it to whoever checks with it.
        let masked = format!("{}: {}", subscription::SECRET, subscription::KEPT);
        let headers = told.pointer_mut("/channel/header").and_then(Value::as_array_mut);
        for line in headers.into_iter().flatten().filter(|line| *line == &Value::from(masked.as_str())) {
            *line = format!("{}: {secret}", subscription::SECRET).into();
        }
    }
    Ok(reply(StatusCode::CREATED, &call.base, &with_state(told, status, None)))
}

async fn update(
    api: Api,
    telling: Telling,
    user: Arc<User>,
    call: Call,
    body: Body,
    id: String,
) -> Result<Reply, ApiError> {
    let known = own(&telling, &user, &id).await?;
    let former: Value = serde_json::from_str(&known.resource).unwrap_or_default();
    let (resource, wanted) = asked(&api, &call, body, Some(&former)).await?;
    if resource.get("id").and_then(Value::as_str) != Some(id.as_str()) {
        let text = "the id in the body is not the one in the address";
        return Err(ApiError::bad(IssueType::Invalid, text).at("Subscription.id"));
    }
    if resource.get("criteria") != former.get("criteria") {
        let text = "a subscription keeps its topic, for its events are numbered: make another one";
        return Err(refused(IssueType::BusinessRule, "Subscription.criteria", text));
    }
    check(&api, &telling, &user, &call, &wanted).await?;
    let mut resource = kept(resource, &id);
    if wanted.channel == Channel::RestHook && wanted.secret.is_none() {
        let before = subscription::read(&former, None).ok().and_then(|before| before.secret);
        let secret = before.map_or_else(random, Ok)?;
        resource = subscription::with_secret(resource, &secret);
    }
    let (act, status) = act(&user, &id, &resource, &wanted);
    decide(&api, &telling, &user, act).await?;
    Ok(reply(StatusCode::OK, &call.base, &with_state(subscription::masked(resource), status, None)))
}

async fn delete(api: Api, telling: Telling, user: Arc<User>, id: String) -> Result<Reply, ApiError> {
    own(&telling, &user, &id).await?;
    decide(&api, &telling, &user, Act::Unsubscribe { id }).await?;
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

async fn search(telling: &Telling, user: &User, mut call: Call, body: Body, api: &Api) -> Result<Reply, ApiError> {
    if call.method == axum::http::Method::POST {
        let form = read_body(api, &call, body, negotiate::FORM).await?;
        call.pairs.extend(fhir::search::parse_pairs(&String::from_utf8_lossy(&form.bytes)));
    }
    only(&call, &["_id", "status", "criteria", "type", "url"])?;
    let wanted = |name: &str, value: &str| {
        let asked = call.pairs.iter().filter(|(other, _)| other == name);
        asked.map(|(_, values)| values).all(|values| values.split(',').any(|one| one == value))
    };
    let found: Vec<Value> = all(telling, user)
        .await?
        .iter()
        .map(shown)
        .filter(|resource| {
            let text = |pointer: &str| resource.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            wanted("_id", text("/id"))
                && wanted("status", text("/status"))
                && wanted("criteria", text("/criteria"))
                && wanted("type", text("/channel/type"))
                && wanted("url", text("/channel/endpoint"))
        })
        .collect();
    let mut bundle = BundleWriter::new(BundleType::Searchset, found.len() * 1024);
    let own = super::search::own_address(&call.base, fhir::ResourceType::Subscription, &call.pairs);
    bundle.total(found.len()).links(&[("self", &own)]);
    for resource in &found {
        let id = resource.get("id").and_then(Value::as_str).unwrap_or_default();
        let name = format!("Subscription/{id}");
        bundle.found(&call.base, &name, resource.to_string().as_bytes(), SearchMode::Match);
    }
    Ok(Reply::json(StatusCode::OK, bundle.finish()))
}
