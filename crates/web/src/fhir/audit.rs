//! AuditEvent: reading and searching the audit trail (R4 §6.4, IHE BALP), for systems that watch over it. Who asks is in the
//! trail too.

use super::{Api, Call, blocking, reply::ApiError, reply::Reply};
use access::{Action, Recorded, User, audit_event};
use axum::http::StatusCode;
use fhir::{
    IssueType, PatientKey,
    bundle::{BundleType, BundleWriter, SearchMode},
};
use jiff::Timestamp;
use std::sync::Arc;

/// Entries on a page unless `_count` says otherwise, and at most.
const COUNT: usize = 50;
const COUNT_MAX: usize = 1000;
/// Entries looked through for one page at most; past it the page ends early, with a link to go on.
const LOOKED_MAX: usize = 100_000;
/// Entries read at a time.
const PIECE: usize = 1_000;

/// What is searched for.
#[derive(Default)]
struct Wanted {
    person: Option<PatientKey>,
    user: Option<String>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    outcome: Option<String>,
    action: Option<String>,
    count: usize,
    after: u64,
}

fn wanted(pairs: &[(String, String)]) -> Result<Wanted, ApiError> {
    let mut wanted = Wanted { count: COUNT, ..Wanted::default() };
    for (name, value) in pairs {
        let bad = |text: &str| ApiError::bad(IssueType::Value, text.to_owned()).at(name);
        match name.as_str() {
            "patient" | "entity" => {
                let key = value.rsplit('/').next().unwrap_or(value);
                wanted.person = Some(key.parse().map_err(|_| bad("this is no id of a Patient here"))?);
            }
            "agent" => wanted.user = Some(value.rsplit('/').next().unwrap_or(value).to_owned()),
            "date" => {
                let (prefix, text) = match value.get(..2) {
                    Some(prefix @ ("ge" | "le" | "gt" | "lt" | "eq")) => (prefix, value.get(2..).unwrap_or_default()),
                    _ => ("eq", value.as_str()),
                };
                let at = fhir::DateTime::parse(text).map_err(|error| bad(&error.to_string()))?;
                let interval = at.interval(fhir::datetime::london());
                let (first, last) =
                    (Timestamp::from_microsecond(interval.from), Timestamp::from_microsecond(interval.to));
                let (first, last) = (first.unwrap_or(Timestamp::MIN), last.unwrap_or(Timestamp::MAX));
                match prefix {
                    "ge" => wanted.from = Some(first),
                    "gt" => wanted.from = Some(last),
                    "le" => wanted.to = Some(last),
                    "lt" => wanted.to = Some(first),
                    _ => (wanted.from, wanted.to) = (Some(first), Some(last)),
                }
            }
            "outcome" => wanted.outcome = Some(value.clone()),
            "action" => wanted.action = Some(value.clone()),
            "_count" => {
                let count: usize = value.parse().map_err(|_| bad("a whole number is wanted"))?;
                wanted.count = count.clamp(1, COUNT_MAX);
            }
            "_after" => wanted.after = value.parse().map_err(|_| bad("follow Bundle.link as it is"))?,
            "_format" | "_pretty" => {}
            _ => return Err(bad("AuditEvents are searched by patient, agent, date, outcome, action and _count")),
        }
    }
    Ok(wanted)
}

/// `GET /AuditEvent?…`, oldest first: a link leads on, so that a watcher never misses one.
pub async fn search(api: Api, user: Arc<User>, call: Call) -> Result<Reply, ApiError> {
    let asked = wanted(&call.pairs)?;
    let work = move || {
        let action = Action::Privacy { what: "search AuditEvent".into() };
        let permit = api.gate.audit_trail(&user, &action, api.now())?;
        let person = match asked.person {
            Some(key) => api.records.person_of(fhir::ResourceId::of_patient(key))?,
            None => None,
        };
        let sealed = api.gate.entries_after(&permit, asked.after, LOOKED_MAX, PIECE, asked.count, |entry| {
            let in_time = asked.from.is_none_or(|from| entry.at >= from) && asked.to.is_none_or(|to| entry.at < to);
            let about = asked.person.is_none() || (person.is_some() && entry.person == person);
            in_time && about && asked.user.as_ref().is_none_or(|user| *user == entry.user) && {
                let event = asked.outcome.is_some() || asked.action.is_some();
                !event || {
                    let recorded = Recorded::read(&entry.body).unwrap_or_default();
                    let event = audit_event(entry, &recorded, "");
                    let is = |name: &str, value: &Option<String>| {
                        value.as_ref().is_none_or(|value| event.get(name).and_then(|v| v.as_str()) == Some(value))
                    };
                    is("outcome", &asked.outcome) && is("action", &asked.action)
                }
            }
        })?;
        Ok::<_, ApiError>(sealed.map(|(entries, reached, more)| {
            let mut bundle = BundleWriter::new(BundleType::Searchset, entries.len() * 2048);
            // How many there are in all is not counted: the trail is long.
            if !more && asked.after == 0 {
                bundle.total(entries.len());
            }
            let pairs: Vec<String> = call
                .pairs
                .iter()
                .filter(|(name, _)| name != "_after")
                .map(|(name, value)| format!("{name}={}", super::audit::encoded(value)))
                .collect();
            let own = format!("{}/AuditEvent?{}", call.base, pairs.join("&"));
            let next = format!("{own}{}_after={reached}", if pairs.is_empty() { "" } else { "&" });
            let mut links = vec![("self", own.as_str())];
            if more {
                links.push(("next", next.as_str()));
            }
            bundle.links(&links);
            for entry in &entries {
                let recorded = Recorded::read(&entry.body).unwrap_or_default();
                let event = audit_event(entry, &recorded, &call.base).to_string();
                bundle.found(&call.base, &format!("AuditEvent/{}", entry.n), event.as_bytes(), SearchMode::Match);
            }
            Reply::json(StatusCode::OK, bundle.finish())
        }))
    };
    let sealed = blocking(work).await?;
    Ok(sealed.release().await?)
}

/// `GET /AuditEvent/{n}`.
pub async fn read(api: Api, user: Arc<User>, call: Call, id: String) -> Result<Reply, ApiError> {
    let nothing = || ApiError::not_found("there is no such AuditEvent here");
    let n: u64 = id.parse().map_err(|_| nothing())?;
    let work = move || {
        let action = Action::Privacy { what: format!("read AuditEvent {n}") };
        let permit = api.gate.audit_trail(&user, &action, api.now())?;
        Ok::<_, ApiError>(api.gate.entry(&permit, n)?)
    };
    let (entry, ..) = blocking(work).await?.release().await?.ok_or_else(nothing)?;
    let recorded = Recorded::read(&entry.body).unwrap_or_default();
    Ok(Reply::json(StatusCode::OK, audit_event(&entry, &recorded, &call.base).to_string()))
}

fn encoded(value: &str) -> String {
    value
        .bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b':' | b'/' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}
