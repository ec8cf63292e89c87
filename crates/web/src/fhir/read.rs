//! Reading one resource: now, a version, its history.

use super::{
    Api, Call, blocking, links,
    negotiate::{self, Asked, etag, http_date},
    people,
    reply::{ApiError, Reply},
};
use access::{Action, Permit, Sealed, User};
use axum::http::{HeaderValue, StatusCode, header};
use base64::{Engine, engine::general_purpose::STANDARD};
use fhir::{
    IssueType, PersonKey, ResourceId, ResourceType,
    bundle::{BundleType, BundleWriter, EntryResponse},
};
use record::Item;
use std::sync::Arc;

/// What was read: under seal when it is about a person.
enum Got<T> {
    Sealed(Sealed<T>),
    Open(T),
}

impl<T> Got<T> {
    async fn release(self) -> Result<T, ApiError> {
        match self {
            Got::Sealed(sealed) => Ok(sealed.release().await?),
            Got::Open(content) => Ok(content),
        }
    }
}

/// Open the record a resource belongs to; none for directories.
pub fn open(api: &Api, user: &User, id: ResourceId, what: String) -> Result<Option<Permit>, ApiError> {
    match api.records.person_of(id)? {
        Some(person) => Ok(Some(api.gate.open(user, person, &Action::ReadResources { what }, api.now())?)),
        None => Ok(None),
    }
}

fn id_of(kind: ResourceType, text: &str) -> Result<ResourceId, ApiError> {
    text.parse().map_err(|_| ApiError::not_found(format!("there is no such {kind} here")))
}

fn is_person(kind: ResourceType, id: &str) -> Option<PersonKey> {
    if kind == ResourceType::Person { id.parse().ok() } else { None }
}

/// `GET /Type/id`
pub async fn read(api: Api, user: Arc<User>, call: Call, kind: ResourceType, id: String) -> Result<Reply, ApiError> {
    only(&call, &["_summary", "_elements"])?;
    if let Some(person) = is_person(kind, &id) {
        return people::person(api, user, person).await;
    }
    let key = id_of(kind, &id)?;
    let got = blocking(move || {
        Ok(match open(&api, &user, key, format!("read {kind}/{key}"))? {
            Some(permit) => Got::Sealed(api.records.resource(&permit, key, kind)?),
            None => Got::Open(api.records.directory_resource(key, kind)?),
        })
    });
    let Some(item) = got.await?.release().await? else {
        return Err(ApiError::not_found(format!("there is no such {kind} here")));
    };
    if item.deleted {
        return Err(gone(&item));
    }
    if let Some(held) = negotiate::versions(&call.headers, header::IF_NONE_MATCH)
        && (held.contains(&item.version.to_string()) || held.iter().any(|tag| tag == "*"))
    {
        return Ok(Reply::empty(StatusCode::NOT_MODIFIED).with(header::ETAG, etag(item.version)));
    }
    one(item, &call)
}

/// `GET /Type/id/_history/version`
pub async fn version(
    api: Api,
    user: Arc<User>,
    call: Call,
    kind: ResourceType,
    id: String,
    version: String,
) -> Result<Reply, ApiError> {
    only(&call, &["_summary", "_elements"])?;
    let key = id_of(kind, &id)?;
    let items = versions(api, user, key, kind, format!("vread {kind}/{key}/_history/{version}")).await?;
    let Some(item) = items.into_iter().find(|item| item.version.to_string() == version) else {
        return Err(ApiError::not_found("there is no such version of this resource here"));
    };
    if item.deleted {
        return Err(gone(&item));
    }
    one(item, &call)
}

/// `GET /Type/id/_history`
pub async fn history(api: Api, user: Arc<User>, call: Call, kind: ResourceType, id: String) -> Result<Reply, ApiError> {
    if let Some(person) = is_person(kind, &id) {
        return links::history(api, user, call, person).await;
    }
    only(&call, &["_count", "_since"])?;
    let value = |name: &str| call.pairs.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
    let since = value("_since").map(instant).transpose()?;
    let count = match value("_count").map(str::parse::<usize>) {
        None => usize::MAX,
        Some(Ok(count)) => count,
        Some(Err(_)) => return Err(ApiError::bad(IssueType::Value, "_count is a whole number").at("_count")),
    };
    let key = id_of(kind, &id)?;
    let mut items = versions(api, user, key, kind, format!("history {kind}/{key}")).await?;
    if items.is_empty() {
        return Err(ApiError::not_found(format!("there is no such {kind} here")));
    }
    items.retain(|item| since.is_none_or(|since| item.recorded >= since));
    let mut bundle = BundleWriter::new(BundleType::History, items.iter().map(|item| item.json.len() + 300).sum());
    let address = format!("{}/{kind}/{key}/_history", call.base);
    bundle.total(items.len()).links(&[("self", &address)]);
    let name = format!("{kind}/{key}");
    for item in items.iter().take(count) {
        let (method, status) = match (item.deleted, item.version) {
            (true, _) => ("DELETE", "204 No Content"),
            (false, 1) => ("POST", "201 Created"),
            (false, _) => ("PUT", "200 OK"),
        };
        let (tag, at) = (etag(item.version), fhir::datetime::instant(item.recorded));
        let response = EntryResponse { status, etag: Some(&tag), last_modified: Some(&at), ..EntryResponse::default() };
        let resource = (!item.deleted).then_some(item.json.as_slice());
        bundle.version(&call.base, &name, resource, method, &response);
    }
    Ok(Reply::json(StatusCode::OK, bundle.finish()))
}

async fn versions(
    api: Api,
    user: Arc<User>,
    key: ResourceId,
    kind: ResourceType,
    what: String,
) -> Result<Vec<Item>, ApiError> {
    let got = blocking(move || {
        Ok(match open(&api, &user, key, what)? {
            Some(permit) => Got::Sealed(api.records.history(&permit, key, kind)?),
            None => Got::Open(api.records.directory_history(key, kind)?),
        })
    });
    got.await?.release().await
}

/// One resource, as the caller wants it.
fn one(item: Item, call: &Call) -> Result<Reply, ApiError> {
    let (tag, at) = (etag(item.version), http_date(item.recorded));
    if call.asked.raw.is_some() {
        return raw(&item, &call.asked).map(|reply| reply.with(header::ETAG, tag).with(header::LAST_MODIFIED, at));
    }
    let query = call.pairs.iter().filter(|(name, _)| matches!(name.as_str(), "_summary" | "_elements"));
    let pairs: Vec<(String, String)> = query.cloned().collect();
    let body = if pairs.is_empty() { item.json } else { cut_down(item, &pairs)? };
    Ok(Reply::json(StatusCode::OK, body).with(header::ETAG, tag).with(header::LAST_MODIFIED, at))
}

fn cut_down(item: Item, pairs: &[(String, String)]) -> Result<Vec<u8>, ApiError> {
    let settings = fhir::search::Settings { now: item.recorded, base: None, handling: fhir::search::Handling::Strict };
    let query = fhir::search::Query::parse(item.kind, pairs, &settings)
        .map_err(|issues| ApiError::issues(StatusCode::BAD_REQUEST, issues))?;
    let mut resource = item.resource()?;
    query.summary.apply(&mut resource);
    Ok(resource.to_json().into_bytes())
}

/// A Binary as the bytes it holds.
fn raw(item: &Item, asked: &Asked) -> Result<Reply, ApiError> {
    let binary = item.resource()?;
    let content_type = binary.str_at("/contentType").unwrap_or("application/octet-stream").to_owned();
    if !asked.takes(&content_type) {
        let text = format!("this Binary is {content_type}: ask for that, or for application/fhir+json");
        return Err(ApiError::new(StatusCode::NOT_ACCEPTABLE, IssueType::NotSupported, text));
    }
    let data: String = binary.str_at("/data").unwrap_or_default().chars().filter(|c| !c.is_whitespace()).collect();
    let bytes = STANDARD.decode(data).map_err(|_| {
        let text = "the source sent bytes that are not base64: ask for application/fhir+json to see what it sent";
        ApiError::new(StatusCode::NOT_ACCEPTABLE, IssueType::Invalid, text)
    })?;
    // It comes from a source, so it may run nothing and be shown in nobody's frame.
    Ok(Reply::bytes(StatusCode::OK, &content_type, bytes)
        .with(header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox")
        .with(header::CONTENT_DISPOSITION, "attachment"))
}

fn gone(item: &Item) -> ApiError {
    let tag = HeaderValue::from_str(&etag(item.version)).unwrap_or(HeaderValue::from_static(""));
    let text = "this resource was deleted by its source; its history has what it said";
    ApiError::new(StatusCode::GONE, IssueType::Deleted, text).with(header::ETAG, tag)
}

/// Refuse parameters that are not known here.
pub fn only(call: &Call, known: &[&str]) -> Result<(), ApiError> {
    let lenient = call.asked.handling == fhir::search::Handling::Lenient;
    for (name, _) in &call.pairs {
        if !known.contains(&name.as_str()) && !matches!(name.as_str(), "_format" | "_pretty") && !lenient {
            return Err(ApiError::bad(IssueType::NotSupported, "this parameter is not known here").at(name));
        }
    }
    Ok(())
}

/// An instant of a parameter. A date alone means its beginning.
pub fn instant(text: &str) -> Result<jiff::Timestamp, ApiError> {
    let stated = fhir::DateTime::parse(&text.replace(' ', "+"))
        .map_err(|_| ApiError::bad(IssueType::Value, "_since is an instant: YYYY-MM-DDThh:mm:ssZ").at("_since"))?;
    Ok(stated.first(fhir::datetime::london()))
}
