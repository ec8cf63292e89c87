//! Who is who, for other systems: how sure each link is, what a person's links were, and whose changed since a time.
//!
//! `GET /Person?_lastUpdated=gt…&_sort=_lastUpdated` follows the change feed. It gives the links alone (tagged SUBSETTED):
//! who wants to know more of a person reads it, through the gate.

use super::{
    Api, Call, blocking,
    page::PAGE,
    people::ask,
    read::only,
    reply::{ApiError, Reply},
    search::{COUNT_MAX, COUNT_USUAL},
};
use access::{Action, User};
use axum::http::StatusCode;
use fhir::{
    IssueType, PersonKey, Resource, ResourceId, Value,
    bundle::{BundleType, BundleWriter, EntryResponse, SearchMode},
    search::encode_component,
};
use jiff::Timestamp;
use record::{LinkRow, assurance, links::PersonLinks};
use serde_json::json;
use std::sync::Arc;

/// Entries of the change feed that one answer goes through.
const ENTRIES_MAX: usize = 5000;
/// What a page's mark begins with.
const MARK: &str = "after-";

/// Whether a search for Person resources follows changes, rather than looking for somebody.
pub fn follows(pairs: &[(String, String)]) -> bool {
    let known = ["_lastUpdated", "_sort", "_count", "_format", "_pretty", PAGE];
    let named = |name: &str| pairs.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
    named("_sort") == Some("_lastUpdated") && pairs.iter().all(|(name, _)| known.contains(&name.as_str()))
}

/// `GET /Person?_lastUpdated=gt…&_sort=_lastUpdated`
pub async fn changes(api: Api, user: Arc<User>, call: Call) -> Result<Reply, ApiError> {
    if user.role_code != "system" {
        let text = "changes are for systems: look for the person you mean";
        return Err(ApiError::new(StatusCode::FORBIDDEN, IssueType::Forbidden, text));
    }
    let value = |name: &str| call.pairs.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone());
    let count = match value("_count").map(|count| count.parse::<usize>()) {
        None => COUNT_USUAL,
        Some(Ok(count)) if count > 0 => count.min(COUNT_MAX),
        Some(_) => return Err(ApiError::bad(IssueType::Value, "_count is a whole number above 0").at("_count")),
    };
    let since = since(&call.pairs)?;
    let mark = value(PAGE).map(|mark| mark.strip_prefix(MARK).and_then(|seq| seq.parse::<u64>().ok()).ok_or(mark));
    let mark = mark.transpose().map_err(|_| {
        ApiError::bad(IssueType::Value, "this is no link of ours: follow Bundle.link as it is").at(PAGE)
    })?;
    let reader = api.clone();
    let sealed = blocking(move || {
        let permit = ask(&reader, &user, vec!["_lastUpdated".to_owned()])?;
        let after = match mark {
            Some(seq) => seq,
            None => reader.records.seq_at(since)?,
        };
        Ok(reader.records.link_changes(&permit, after, count, ENTRIES_MAX)?)
    });
    let found = sealed.await?.release().await?;
    let query = |more: &str| {
        let stated = value("_lastUpdated").unwrap_or_default();
        format!(
            "{}/Person?_lastUpdated={}&_sort=_lastUpdated&_count={count}{more}",
            call.base,
            encode_component(&stated)
        )
    };
    let (own, next) = (query(""), query(&format!("&{PAGE}={MARK}{}", found.reached)));
    let mut links = vec![("self", own.as_str())];
    if found.more {
        links.push(("next", next.as_str()));
    }
    let mut bundle = BundleWriter::new(BundleType::Searchset, 16 << 10);
    bundle.last_updated(&fhir::datetime::instant(api.now())).links(&links);
    for change in &found.changes {
        let resource = of_links(change);
        bundle.found(
            &call.base,
            &format!("Person/{}", change.person),
            resource.to_string().as_bytes(),
            SearchMode::Match,
        );
    }
    Ok(Reply::json(StatusCode::OK, bundle.finish()))
}

/// The time asked for: just before it for `ge`.
fn since(pairs: &[(String, String)]) -> Result<Timestamp, ApiError> {
    let wrong = || {
        let text =
            "say from when on: _lastUpdated=gt2026-07-14T08:00:00Z (gt or ge; nothing else is served for changes)";
        ApiError::bad(IssueType::Value, text).at("_lastUpdated")
    };
    let mut stated = pairs.iter().filter(|(name, _)| name == "_lastUpdated").map(|(_, value)| value.as_str());
    let (Some(value), None) = (stated.next(), stated.next()) else { return Err(wrong()) };
    let (strict, text) = match (value.strip_prefix("gt").or(value.strip_prefix("sa")), value.strip_prefix("ge")) {
        (Some(text), _) => (true, text),
        (None, Some(text)) => (false, text),
        (None, None) => return Err(wrong()),
    };
    let time = fhir::DateTime::parse(&text.replace(' ', "+")).map_err(|_| wrong())?.first(fhir::datetime::london());
    let before = jiff::SignedDuration::from_micros(1);
    Ok(if strict { time } else { time.checked_sub(before).unwrap_or(time) })
}

/// A Person with its links alone.
fn of_links(state: &PersonLinks) -> Value {
    json!({"resourceType": "Person", "id": state.person.to_string(),
        "meta": {"versionId": state.seq.to_string(), "lastUpdated": fhir::datetime::instant(state.at),
            "tag": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}]},
        "active": !state.links.is_empty(), "link": state.links.iter().map(link).collect::<Vec<_>>()})
}

fn link(row: &LinkRow) -> Value {
    let target = json!({"reference": format!("Patient/{}", ResourceId::of_patient(row.patient))});
    json!({"target": target, "assurance": assurance(&row.reason)})
}

/// Say of each link of a Person how sure it is.
pub fn assure(resource: &mut Resource, rows: &[LinkRow]) {
    let links: Vec<Value> = resource
        .list("link")
        .iter()
        .map(|stated| {
            let named = stated.pointer("/target/reference").and_then(Value::as_str).unwrap_or_default();
            let row = rows.iter().rfind(|row| named == format!("Patient/{}", ResourceId::of_patient(row.patient)));
            row.map_or_else(|| stated.clone(), link)
        })
        .collect();
    resource.set("link", links);
}

/// `GET /Person/id/_history`: what its links were.
pub async fn history(api: Api, user: Arc<User>, call: Call, person: PersonKey) -> Result<Reply, ApiError> {
    only(&call, &["_count"])?;
    let count = call.pairs.iter().find(|(name, _)| name == "_count").map(|(_, value)| value.parse::<usize>());
    let count = match count {
        None => usize::MAX,
        Some(Ok(count)) => count,
        Some(Err(_)) => return Err(ApiError::bad(IssueType::Value, "_count is a whole number").at("_count")),
    };
    let sealed = blocking(move || {
        let action = Action::ReadResources { what: format!("history Person/{person}") };
        let permit = api.gate.open(&user, person, &action, api.now())?;
        Ok(api.records.link_history(&permit)?)
    });
    let states = sealed.await?.release().await?;
    let mut bundle = BundleWriter::new(BundleType::History, 16 << 10);
    let address = format!("{}/Person/{person}/_history", call.base);
    bundle.total(states.len()).links(&[("self", &address)]);
    let name = format!("Person/{person}");
    for (index, state) in states.iter().enumerate().take(count) {
        let first = index + 1 == states.len();
        let (method, status) = if first { ("POST", "201 Created") } else { ("PUT", "200 OK") };
        let (tag, at) = (format!("W/\"{}\"", state.seq), fhir::datetime::instant(state.at));
        let response = EntryResponse { status, etag: Some(&tag), last_modified: Some(&at), ..EntryResponse::default() };
        bundle.version(&call.base, &name, Some(of_links(state).to_string().as_bytes()), method, &response);
    }
    Ok(Reply::json(StatusCode::OK, bundle.finish()))
}
