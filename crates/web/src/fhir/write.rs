//! Writing, by sources: bundles and single resources go through the journal and are answered when they are visible.

use super::{
    Api, Call, Source, blocking,
    negotiate::{self, JSON, Wanted, etag, http_date},
    reply::{ApiError, Reply},
    route::Interaction,
};
use axum::{
    body::Body,
    http::{StatusCode, header},
};
use fhir::{
    Issue, IssueType, OperationOutcome, ResourceId, ResourceType,
    bundle::{BundleType, BundleWriter, EntryResponse},
    outcome::Severity,
};
use futures_util::StreamExt;
use intake::{
    Finding, TakenFhir, Written,
    bundle::{self, Answer, BundleKind, Method, Request},
};
use jiff::Timestamp;
use std::{sync::Arc, time::Duration};
use tokio::sync::OwnedSemaphorePermit;

/// Read a body of one of these types.
///
/// # Errors
/// 415 for another type, 413 for one that is too large: by its declared length before anything is read.
pub async fn read_body(api: &Api, call: &Call, body: Body, kinds: &[&str]) -> Result<Read, ApiError> {
    negotiate::body_type(&call.headers, kinds)?;
    read_limited(api, call, body).await
}

/// Read a body of any type.
pub async fn read_limited(api: &Api, call: &Call, body: Body) -> Result<Read, ApiError> {
    let most = api.body_bytes_max;
    let too_large = || {
        let text = format!("a body may have {most} bytes at most: send it in parts");
        ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, IssueType::TooLong, text)
    };
    let declared =
        call.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|length| length > most) {
        return Err(too_large());
    }
    let mut stream = std::pin::pin!(body.into_data_stream());
    let mut read = Read { bytes: Vec::with_capacity(declared.unwrap_or(0).min(LARGE_BODY_BYTES)), place: None };
    let all = async {
        while let Some(piece) = stream.next().await {
            let piece = piece.map_err(|_| ApiError::bad(IssueType::Structure, "the body ended too early"))?;
            if read.bytes.len() + piece.len() > most {
                return Err(too_large());
            }
            read.bytes.extend_from_slice(&piece);
            if read.bytes.len() > LARGE_BODY_BYTES && read.place.is_none() {
                read.place = Arc::clone(&api.large).acquire_owned().await.ok();
            }
        }
        Ok(())
    };
    match tokio::time::timeout(BODY_TIME_MAX, all).await {
        Ok(whole) => whole.map(|()| read),
        Err(_) => Err(ApiError::new(StatusCode::REQUEST_TIMEOUT, IssueType::Timeout, "the body took too long to come")),
    }
}

/// A body that has come whole.
pub struct Read {
    /// It.
    pub bytes: Vec<u8>,
    /// The place it takes, to be kept while it is worked on.
    pub place: Option<OwnedSemaphorePermit>,
}

/// Bodies above this many bytes need one of [`LARGE_BODIES_MAX`] places: read and taken apart, one takes several times its
/// size in memory.
const LARGE_BODY_BYTES: usize = 1 << 20;
/// How many large bodies are in hand at once; others wait to be read further.
pub const LARGE_BODIES_MAX: usize = 2;
/// A body must come whole within this time, so that a place is not held for ever.
const BODY_TIME_MAX: Duration = Duration::from_secs(300);

/// Every interaction that writes.
pub async fn write(api: Api, source: Arc<Source>, call: Call, body: Body) -> Result<Reply, ApiError> {
    let request = request(&call)?;
    let (body, _place) = match request.method.as_str() {
        "DELETE" => (Vec::new(), None),
        _ => read_body(&api, &call, body, JSON).await.map(|read| (read.bytes, read.place))?,
    };
    if call.interaction == Interaction::Bundle {
        require_bundle(&body)?;
    }
    if let Some(wanted) = negotiate::versions(&call.headers, header::IF_MATCH) {
        unchanged(&api, &source, &request, &body, &wanted).await?;
    }
    let now = api.now();
    let taken = api.engine.take_fhir(&source.source, &source.feed, &request, body, now).await?;
    if taken.refused {
        tracing::info!(source = %source.source, feed = %source.feed, reasons = %reasons(&taken), "a FHIR request was refused");
        return Err(refusal(&taken.mapped.set.findings));
    }
    match taken.mapped.bundle {
        Some(kind) => answer_bundle(&api, &call, &taken, kind, now),
        None => answer_one(&api, &call, &taken, now),
    }
}

/// What is asked, as intake keeps it in the journal.
fn request(call: &Call) -> Result<Request, ApiError> {
    let query = |kind: &ResourceType| {
        let conditions: Vec<String> = call
            .pairs
            .iter()
            .filter(|(name, _)| !matches!(name.as_str(), "_format" | "_pretty"))
            .map(|(name, value)| format!("{name}={}", fhir::search::encode_component(value)))
            .collect();
        if conditions.is_empty() {
            let text =
                "name the resource, as in Condition/abc, or a condition, as in Condition?identifier=system|value";
            return Err(ApiError::new(StatusCode::METHOD_NOT_ALLOWED, IssueType::NotSupported, text));
        }
        Ok(format!("{kind}?{}", conditions.join("&")))
    };
    let header = |name: &str| call.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (method, url) = match &call.interaction {
        Interaction::Create { kind } => ("POST", kind.to_string()),
        Interaction::Update { kind, id: Some(id) } => ("PUT", format!("{kind}/{id}")),
        Interaction::Update { kind, id: None } => ("PUT", query(kind)?),
        Interaction::Delete { kind, id: Some(id) } => ("DELETE", format!("{kind}/{id}")),
        Interaction::Delete { kind, id: None } => ("DELETE", query(kind)?),
        _ => ("", String::new()),
    };
    let if_none_exist = if method == "POST" { header("if-none-exist") } else { None };
    Ok(Request { method: method.to_owned(), url, if_none_exist })
}

/// A POST to the base is a bundle; a lone resource there is a mistake better named than stored.
fn require_bundle(body: &[u8]) -> Result<(), ApiError> {
    match serde_json::from_slice::<Head>(body).map(|head| head.resource_type) {
        Ok(Some(name)) if name != "Bundle" && name.parse::<ResourceType>().is_ok() => {
            let text = "this address takes a Bundle: send a single resource to its type, as in POST /Condition";
            Err(ApiError::bad(IssueType::Invalid, text).at("resourceType"))
        }
        // A bundle; or no resource, or no JSON, which is said with the place when it is read as a whole.
        _ => Ok(()),
    }
}

#[derive(serde::Deserialize)]
struct Head {
    #[serde(rename = "resourceType")]
    resource_type: Option<String>,
}

/// `If-Match`: the resource is still what the source thinks it is.
async fn unchanged(
    api: &Api,
    source: &Arc<Source>,
    request: &Request,
    body: &[u8],
    wanted: &[String],
) -> Result<(), ApiError> {
    let (api, source, request, body) = (api.clone(), Arc::clone(source), request.clone(), body.to_vec());
    let version = blocking(move || {
        let mapped = api.engine.check_fhir(&source.source, &request, &body, api.now())?;
        let target = match mapped.answers.as_slice() {
            [only] => only.target,
            _ => None,
        };
        Ok(match target {
            Some((kind, id)) => api.engine.written(0, id, kind)?.map(|written| written.version.to_string()),
            None => None,
        })
    })
    .await?;
    if version.is_some_and(|version| wanted.contains(&version) || wanted.iter().any(|tag| tag == "*")) {
        return Ok(());
    }
    let text = "the resource is not the version in If-Match: read what it is now, and send yours again";
    Err(ApiError::new(StatusCode::PRECONDITION_FAILED, IssueType::Conflict, text))
}

/// The codes of what was wrong, for the log: never a value.
fn reasons(taken: &TakenFhir) -> String {
    let findings = taken.mapped.set.findings.iter().filter(|finding| finding.severity == intake::Severity::Error);
    findings.map(|finding| finding.code.as_str()).collect::<Vec<_>>().join(" ")
}

fn refusal(findings: &[Finding]) -> ApiError {
    let mut sorted: Vec<&Finding> = findings.iter().collect();
    sorted.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let said: Vec<(Issue, u16)> = sorted.into_iter().map(bundle::issue).collect();
    let status = said.first().map_or(422, |(_, status)| *status);
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY);
    ApiError::issues(status, said.into_iter().map(|(issue, _)| issue).collect())
}

/// What a write came to, entry by entry.
struct Done {
    status: &'static str,
    code: StatusCode,
    location: Option<String>,
    etag: Option<String>,
    refused: Option<OperationOutcome>,
}

fn done(api: &Api, taken: &TakenFhir, answer: &Answer, base: Option<&str>) -> Result<Done, ApiError> {
    let mut done = Done { status: "200 OK", code: StatusCode::OK, location: None, etag: None, refused: None };
    if let Some(finding) = &answer.refused {
        let (issue, status) = bundle::issue(finding);
        done.code = StatusCode::from_u16(status).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY);
        done.status = words(done.code);
        done.refused = Some(issue.into());
        return Ok(done);
    }
    let Some((kind, id)) = answer.target else { return Ok(done) };
    if answer.method == Method::Delete {
        done.code = StatusCode::NO_CONTENT;
        done.status = words(done.code);
        return Ok(done);
    }
    let written = api.engine.written(taken.pos.unwrap_or(0), id, kind)?;
    if written.is_some_and(|written: Written| written.created) && !answer.existing {
        done.code = StatusCode::CREATED;
        done.status = words(done.code);
    }
    if let Some(written) = written {
        done.location = Some(location(base, kind, id, written.version));
        done.etag = Some(etag(written.version));
    }
    Ok(done)
}

fn location(base: Option<&str>, kind: ResourceType, id: ResourceId, version: u32) -> String {
    match base {
        Some(base) => format!("{base}/{kind}/{id}/_history/{version}"),
        None => format!("{kind}/{id}/_history/{version}"),
    }
}

fn words(code: StatusCode) -> &'static str {
    match code.as_u16() {
        200 => "200 OK",
        201 => "201 Created",
        204 => "204 No Content",
        400 => "400 Bad Request",
        403 => "403 Forbidden",
        404 => "404 Not Found",
        405 => "405 Method Not Allowed",
        412 => "412 Precondition Failed",
        413 => "413 Content Too Large",
        _ => "422 Unprocessable Entity",
    }
}

fn answer_one(api: &Api, call: &Call, taken: &TakenFhir, now: Timestamp) -> Result<Reply, ApiError> {
    let Some(answer) = taken.mapped.answers.first() else { return Ok(Reply::empty(StatusCode::OK)) };
    let done = done(api, taken, answer, Some(&call.base))?;
    let mut reply = match (call.asked.wanted, done.code) {
        (_, StatusCode::NO_CONTENT) | (Wanted::Minimal, _) => Reply::empty(done.code),
        (Wanted::Outcome, code) => {
            let issues: Vec<Issue> = taken.mapped.set.findings.iter().map(|finding| bundle::issue(finding).0).collect();
            let all_well = Issue::error(IssueType::Informational, "stored").severity(Severity::Information);
            let outcome: OperationOutcome = if issues.is_empty() { all_well.into() } else { issues.into() };
            Reply::json(code, outcome.to_json())
        }
    };
    if let Some(address) = &done.location {
        reply = reply.with(header::LOCATION, address);
        reply = reply.with(header::LAST_MODIFIED, http_date(now));
    }
    if let Some(tag) = &done.etag {
        reply = reply.with(header::ETAG, tag);
    }
    Ok(reply)
}

fn answer_bundle(
    api: &Api,
    call: &Call,
    taken: &TakenFhir,
    kind: BundleKind,
    now: Timestamp,
) -> Result<Reply, ApiError> {
    let kind = if kind == BundleKind::Batch { BundleType::BatchResponse } else { BundleType::TransactionResponse };
    let mut bundle = BundleWriter::new(kind, 256 * taken.mapped.answers.len() + 256);
    let own = format!("{}/", call.base);
    bundle.links(&[("self", &own)]);
    let at = fhir::datetime::instant(now);
    for answer in &taken.mapped.answers {
        let done = done(api, taken, answer, None)?;
        let response = EntryResponse {
            status: done.status,
            location: done.location.as_deref(),
            etag: done.etag.as_deref(),
            last_modified: done.etag.is_some().then_some(at.as_str()),
            outcome: done.refused.as_ref(),
        };
        bundle.answer(None, &response);
    }
    Ok(Reply::json(StatusCode::OK, bundle.finish()))
}
