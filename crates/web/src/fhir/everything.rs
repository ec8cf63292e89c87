//! `$everything`: the whole record of the person, whichever of the person's patients it is asked of.
//!
//! The resources are JSON text in the store already and are spliced into the bundle as they are; only a filter by care
//! dates looks inside them.

use super::{
    Api, Call, blocking,
    page::{Cursor, PAGE},
    read::{instant, only},
    reply::{ApiError, Reply},
    write,
};
use access::{Action, Permit, User};
use axum::{
    body::Body,
    http::{Method, StatusCode},
};
use fhir::{
    DateTime, Issue, IssueType, OperationOutcome, PersonKey, ResourceId, ResourceType,
    bundle::{BundleType, BundleWriter, SearchMode},
    care,
    datetime::{Interval, london},
    outcome::Severity,
};
use jiff::Timestamp;
use record::{Filter, Item};
use std::sync::Arc;

/// Resources on one page at most, and when `_count` is not given.
const COUNT_MAX: usize = 10_000;

struct Wanted {
    filter: Filter,
    care: Option<Interval>,
    count: usize,
}

/// `GET /Patient/id/$everything`
pub async fn everything(
    api: Api,
    user: Arc<User>,
    mut call: Call,
    kind: ResourceType,
    id: String,
    body: Body,
) -> Result<Reply, ApiError> {
    if call.method == Method::POST {
        let bytes = write::read_limited(&api, &call, body).await?.bytes;
        if !bytes.is_empty() {
            call.pairs.extend(parameters(&bytes)?);
        }
        call.may()?;
    }
    only(&call, &["_since", "_type", "start", "end", "_count", PAGE])?;
    let page = call.pairs.iter().find(|(name, _)| name == PAGE).map(|(_, link)| Cursor::decode(link)).transpose()?;
    let pairs = page.as_ref().map_or_else(|| call.pairs.clone(), |cursor| cursor.pairs.clone());
    let wanted = wanted(&pairs)?;
    let base = call.base;
    let sealed = blocking(move || {
        let permit = open(&api, &user, kind, &id, page.as_ref())?;
        let waiting = !api.records.waiting(&permit)?.is_empty();
        let at = (permit.person(), permit.seq());
        let moment = api.now();
        let sealed = api.records.read(&permit, &wanted.filter)?;
        let offset = page.map_or(0, |cursor| cursor.offset);
        Ok(sealed.map(move |items| {
            let (person, seq) = at;
            let cursor = Cursor { person: person.to_string(), seq, offset, pairs };
            write_bundle(items, &wanted, &base, &format!("{kind}/{id}/$everything"), cursor, moment, waiting)
        }))
    });
    let body = sealed.await?.release().await?;
    Ok(Reply::json(StatusCode::OK, body))
}

fn open(api: &Api, user: &User, kind: ResourceType, id: &str, page: Option<&Cursor>) -> Result<Permit, ApiError> {
    let missing = || ApiError::not_found(format!("there is no such {kind} here"));
    let person: PersonKey = match kind {
        ResourceType::Person => id.parse().map_err(|_| missing())?,
        _ => {
            let id: ResourceId = id.parse().map_err(|_| missing())?;
            api.records.person_of(id)?.ok_or_else(missing)?
        }
    };
    let action = Action::ReadResources { what: format!("everything {kind}/{id}") };
    Ok(match page {
        Some(cursor) => {
            // The person the first page was of, even if the patient has been linked elsewhere since.
            let person = cursor.person.parse().unwrap_or(person);
            api.gate.open_at(user, person, &action, cursor.seq, api.now())?
        }
        None => api.gate.open(user, person, &action, api.now())?,
    })
}

fn wanted(pairs: &[(String, String)]) -> Result<Wanted, ApiError> {
    let mut wanted = Wanted { filter: Filter::default(), care: None, count: COUNT_MAX };
    let (mut start, mut end) = (None, None);
    let date = |name: &str, text: &str| {
        let stated = DateTime::parse(&text.replace(' ', "+"));
        stated.map_err(|_| ApiError::bad(IssueType::Value, "this is not a date").at(name))
    };
    for (name, value) in pairs {
        match name.as_str() {
            "_since" => wanted.filter.since = Some(instant(value)?),
            "_type" => {
                for kind in value.split(',').map(str::trim) {
                    let kind = kind.parse().map_err(|_| {
                        ApiError::bad(IssueType::Value, "_type names FHIR R4 resource types, with commas").at("_type")
                    })?;
                    if !wanted.filter.kinds.contains(&kind) {
                        wanted.filter.kinds.push(kind);
                    }
                }
            }
            "start" => start = Some(date("start", value)?.interval(london()).from),
            "end" => end = Some(date("end", value)?.interval(london()).to),
            "_count" => {
                let count = value.parse().ok().filter(|count| *count > 0);
                wanted.count = count
                    .map(|count: usize| count.min(COUNT_MAX))
                    .ok_or_else(|| ApiError::bad(IssueType::Value, "_count is a whole number above 0").at("_count"))?;
            }
            _ => {}
        }
    }
    if start.is_some() || end.is_some() {
        wanted.care = Some(Interval { from: start.unwrap_or(i64::MIN), to: end.unwrap_or(i64::MAX) });
    }
    Ok(wanted)
}

/// The parameters of a `Parameters` resource, as the query string would have them.
fn parameters(body: &[u8]) -> Result<Vec<(String, String)>, ApiError> {
    let unusable = || ApiError::bad(IssueType::Structure, "the body of an operation is a Parameters resource");
    let resource = fhir::Resource::from_slice(body).map_err(|_| unusable())?;
    if resource.kind() != ResourceType::Parameters {
        return Err(unusable());
    }
    let pair = |parameter: &fhir::Value| {
        let members = parameter.as_object()?;
        let name = members.get("name")?.as_str()?.to_owned();
        let value = members.iter().find(|(name, _)| name.starts_with("value"))?.1;
        Some((name, value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
    };
    resource.list("parameter").iter().map(|parameter| pair(parameter).ok_or_else(unusable)).collect()
}

fn write_bundle(
    mut items: Vec<Item>,
    wanted: &Wanted,
    base: &str,
    path: &str,
    cursor: Cursor,
    now: Timestamp,
    waiting: bool,
) -> Vec<u8> {
    if let Some(care) = wanted.care {
        // What has no care date (the Patient, a Binary) is wanted in any case.
        items.retain(|item| {
            item.resource().is_ok_and(|resource| care::interval(&resource).is_none_or(|time| time.overlaps(&care)))
        });
    }
    let total = items.len();
    let page = items.get(cursor.offset.min(total)..).unwrap_or_default();
    let page = page.get(..wanted.count.min(page.len())).unwrap_or_default();
    let size = page.iter().map(|item| item.json.len() + base.len() + 120).sum::<usize>();
    let mut bundle = BundleWriter::new(BundleType::Searchset, size + 1024);
    let address = |cursor: &Cursor| format!("{base}/{path}?{PAGE}={}", cursor.encode());
    let (own, next) = (
        address(&cursor),
        (cursor.offset + page.len() < total)
            .then(|| address(&Cursor { offset: cursor.offset + page.len(), ..cursor.clone() })),
    );
    let mut links = vec![("self", own.as_str())];
    links.extend(next.as_deref().map(|next| ("next", next)));
    bundle.last_updated(&fhir::datetime::instant(now)).total(total).links(&links);
    let mut name = String::with_capacity(64);
    for item in page {
        use std::fmt::Write;
        name.clear();
        let _ = write!(name, "{}/{}", item.kind, item.id);
        bundle.found(base, &name, &item.json, SearchMode::Match);
    }
    if waiting {
        bundle.outcome(&incomplete());
    }
    bundle.finish()
}

/// Said with every answer about a record that a message has not reached yet.
pub fn incomplete() -> OperationOutcome {
    let text = "a message about this person could not be processed yet and waits for the region's integration engineers: \
                the record may be incomplete";
    Issue::error(IssueType::Incomplete, text).severity(Severity::Warning).into()
}
