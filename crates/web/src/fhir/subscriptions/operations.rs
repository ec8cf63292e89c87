//! `Subscription/$status`, `$events` and `$get-ws-binding-token` (Backport 1.1.0, "Operations").

use super::{
    super::{
        Api, Call,
        parameters::{self, Given, Said},
        reply::{ApiError, Reply},
    },
    Telling, all, own, telling,
};
use access::User;
use axum::{body::Body, http::StatusCode};
use fhir::{IssueType, Value, datetime::instant};
use notify::{
    Subscription,
    subscription::{self, Content, Kind, Wanted, status_resource},
};
use serde_json::json;
use std::sync::Arc;

/// Events of one answer at most.
const EVENTS_MAX: usize = 100;

/// What is asked of subscriptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// How they stand.
    Status,
    /// What was due to one.
    Events,
    /// A word to open a connection with.
    BindingToken,
}

impl Operation {
    /// Of its name in an address, on one subscription or on all.
    pub fn of(name: &str, of_one: bool) -> Option<Operation> {
        match name {
            "$status" => Some(Operation::Status),
            "$events" if of_one => Some(Operation::Events),
            "$get-ws-binding-token" => Some(Operation::BindingToken),
            _ => None,
        }
    }
}

/// An operation on one subscription, or on all that a system has.
pub async fn operate(
    api: Api,
    user: Arc<User>,
    mut call: Call,
    body: Body,
    id: Option<String>,
    operation: Operation,
) -> Result<Reply, ApiError> {
    let telling = telling(&api, &user)?.clone();
    let given = parameters::read(&api, &mut call, body).await?;
    let subscriptions = match &id {
        Some(id) => vec![own(&telling, &user, id).await?],
        None => {
            let ids = texts(&given, "id");
            let statuses = texts(&given, "status");
            let mut found = all(&telling, &user).await?;
            if ids.iter().any(|id| !found.iter().any(|one| one.id == *id)) {
                return Err(ApiError::not_found("there is no such Subscription here"));
            }
            found.retain(|one| ids.is_empty() || ids.contains(&one.id.as_str()));
            found.retain(|one| statuses.is_empty() || statuses.contains(&one.status.as_str()));
            found
        }
    };
    match operation {
        Operation::Status => status(&telling, &call, &subscriptions).await,
        Operation::Events => match subscriptions.first() {
            Some(one) => events(&telling, one, &given).await,
            None => Err(ApiError::not_found("there is no such Subscription here")),
        },
        Operation::BindingToken => binding(&api, &user, &call, subscriptions),
    }
}

fn texts<'g>(given: &'g [Given], name: &str) -> Vec<&'g str> {
    let said = given.iter().filter(|one| one.name == name).filter_map(|one| match &one.value {
        Said::Text(text) => Some(text.split(',')),
        _ => None,
    });
    said.flatten().collect()
}

pub(super) fn read(subscription: &Subscription) -> Result<Wanted, ApiError> {
    let resource: Value = serde_json::from_str(&subscription.resource).unwrap_or_default();
    subscription::read(&resource, None).map_err(|_| ApiError::fault("a subscription in force cannot be read".into()))
}

async fn status(telling: &Telling, call: &Call, subscriptions: &[Subscription]) -> Result<Reply, ApiError> {
    let mut entries = Vec::new();
    for one in subscriptions {
        let wanted = read(one)?;
        let newest = telling.teller.newest(one, one.numbered).await?;
        let queue = telling.teller.notices().queue(&one.id)?;
        let mut one = one.clone();
        if let (None, Some(error)) = (&one.error, queue.error) {
            let next = queue.next.map_or_else(String::new, |next| format!("; tried again at {}", instant(next)));
            one.error = Some(format!("{error}; {} attempts in vain{next}", queue.attempts));
        }
        let state = telling.teller.state(&one, &wanted, wanted.content, newest);
        entries.push(json!({
            "fullUrl": format!("{}/Subscription/{}/$status", call.base, one.id),
            "resource": status_resource(&state, Kind::QueryStatus, &[]),
            "search": {"mode": "match"}
        }));
    }
    let mut bundle = json!({"resourceType": "Bundle", "type": "searchset", "total": entries.len()});
    if let (Some(members), false) = (bundle.as_object_mut(), entries.is_empty()) {
        members.insert("entry".into(), entries.into());
    }
    Ok(Reply::json(StatusCode::OK, bundle.to_string()))
}

async fn events(telling: &Telling, subscription: &Subscription, given: &[Given]) -> Result<Reply, ApiError> {
    let number = |name: &'static str| -> Result<Option<u64>, ApiError> {
        let Some(one) = given.iter().find(|one| one.name == name) else { return Ok(None) };
        let number = match &one.value {
            Said::Text(text) => text.parse().ok(),
            Said::Number(number) => u64::try_from(*number).ok(),
            _ => None,
        };
        number.map(Some).ok_or_else(|| ApiError::bad(IssueType::Value, "a number of an event is wanted").at(name))
    };
    let since = number("eventsSinceNumber")?.unwrap_or(1);
    let until = number("eventsUntilNumber")?.unwrap_or(u64::MAX);
    let mut wanted = read(subscription)?;
    wanted.count = EVENTS_MAX;
    let content = match texts(given, "content").first() {
        None => wanted.content,
        Some(code) => Content::of(code)
            .ok_or_else(|| ApiError::bad(IssueType::CodeInvalid, "empty, id-only or full-resource").at("content"))?,
    };
    let range = (since.saturating_sub(1), until);
    let batch = telling.teller.batch(subscription, &wanted, content, range).await?;
    let newest = telling.teller.newest(subscription, subscription.numbered).await?;
    let body = telling.teller.notification(subscription, &wanted, (Kind::QueryEvent, content), newest, &batch.told);
    Ok(Reply::json(StatusCode::OK, body.to_string()))
}

fn binding(api: &Api, user: &Arc<User>, call: &Call, subscriptions: Vec<Subscription>) -> Result<Reply, ApiError> {
    let open = subscriptions.into_iter().filter(|one| {
        let resource: Value = serde_json::from_str(&one.resource).unwrap_or_default();
        one.status == "active" && resource.pointer("/channel/type").is_some_and(|kind| kind == "websocket")
    });
    let ids: Vec<String> = open.map(|one| one.id).collect();
    if ids.is_empty() {
        let text = "there is no Subscription with the channel websocket to bind to";
        return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, IssueType::BusinessRule, text));
    }
    let now = api.now();
    let (token, until) = api.sockets.token(user, &ids, now)?;
    let address = call.base.replacen("http", "ws", 1);
    let mut parameters = vec![
        json!({"name": "token", "valueString": token}),
        json!({"name": "expiration", "valueDateTime": instant(until)}),
    ];
    parameters.extend(ids.iter().map(|id| json!({"name": "subscription", "valueString": id})));
    parameters.push(json!({"name": "websocket-url", "valueUrl": format!("{address}/$subscriptions-ws")}));
    let body = json!({"resourceType": "Parameters", "parameter": parameters});
    Ok(Reply::json(StatusCode::OK, body.to_string()))
}
