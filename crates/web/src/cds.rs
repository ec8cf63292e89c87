//! CDS Hooks 2.0: another system asks, when its user opens somebody's file, what there is to know; the answer is cards. A call
//! brings the same access token as the FHIR API does. Of whom the record would not open to that system, there is no card, and
//! nothing says why.

use crate::{
    fhir::{Api, ApiError},
    sources::{self},
    state::AppState,
};
use access::{
    Action, User,
    smart::{Permission, Scopes},
};
use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use fhir::{IssueType, PersonKey, ResourceId, ResourceType};
use record::{
    CrossReferenceSource, Filter, ParsedItem,
    cards::{self, Card as Told},
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// The one service there is.
const SERVICE: &str = "skein-patient-view";
/// A request is a few keys, and a Patient.
const BODY_BYTES_MAX: usize = 1 << 20;
/// "A one-sentence, <140-character summary message" (CDS Hooks 2.0, "Card attributes").
const SUMMARY_CHARS_MAX: usize = 139;

/// The routes.
pub fn router(state: AppState, api: Api) -> Router {
    Router::new()
        .route("/cds-services", get(discover))
        .route("/cds-services/{service}", post(serve))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state((state, api))
}

/// What there is (CDS Hooks 2.0, "Discovery"). Needs no token.
async fn discover() -> Response {
    Json(json!({"services": [{
        "hook": "patient-view",
        "id": SERVICE,
        "title": "What the region knows",
        "description": "Whether the person is in hospital or has just left, and whether there is a care plan, with a link to the \
            shared record.",
        "prefetch": {"patient": "Patient/{{context.patientId}}"},
        "usageRequirements": "An access token of this server, as for its FHIR API."
    }]}))
    .into_response()
}

/// What a call says, as far as it is needed.
#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    hook: String,
    #[serde(default, rename = "hookInstance")]
    instance: String,
    #[serde(default)]
    context: Context,
    #[serde(default)]
    prefetch: Value,
}

#[derive(Deserialize, Default)]
struct Context {
    #[serde(default, rename = "patientId")]
    patient: String,
    #[serde(default, rename = "userId")]
    user: String,
}

fn bad(place: &str, text: &str) -> ApiError {
    ApiError::bad(IssueType::Invalid, text).at(place)
}

fn is_uuid(text: &str) -> bool {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

fn read(body: &[u8]) -> Result<Asked, ApiError> {
    // The text of an error may quote the body.
    let asked: Asked = serde_json::from_slice(body).map_err(|error| {
        let text = format!("the body is not a call of a hook: line {} column {}", error.line(), error.column());
        ApiError::bad(IssueType::Structure, text)
    })?;
    if asked.hook != "patient-view" {
        return Err(bad("hook", "this service is for the hook patient-view"));
    }
    if !is_uuid(&asked.instance) {
        return Err(bad("hookInstance", "hookInstance is a UUID"));
    }
    if asked.context.patient.is_empty() {
        return Err(bad("context.patientId", "the context names the patient"));
    }
    if asked.context.user.is_empty() {
        return Err(bad("context.userId", "the context names the user"));
    }
    Ok(asked)
}

async fn serve(
    State((state, api)): State<(AppState, Api)>,
    Path(service): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    if service != SERVICE {
        return Err(ApiError::not_found("there is no such service here"));
    }
    let (parts, body) = request.into_parts();
    let called = api.called(&parts)?;
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.split(';').next().is_none_or(|kind| !kind.trim().eq_ignore_ascii_case("application/json")) {
        let text = "send the call as application/json (Content-Type)";
        return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, IssueType::NotSupported, text));
    }
    let body: Bytes = axum::body::to_bytes(body, BODY_BYTES_MAX)
        .await
        .map_err(|_| ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, IssueType::TooLong, "this call is too large"))?;
    let asked = read(&body)?;
    let readable = readable(called.scopes.as_deref());
    if readable.is_empty() {
        let text = "this access token lacks the scopes system/Encounter.r and system/CarePlan.r";
        return Err(ApiError::new(StatusCode::FORBIDDEN, IssueType::Forbidden, text));
    }
    let origin = api.address(&parts.headers);
    let person = whom(&state, &called.user, called.scopes.as_deref(), &asked).await?;
    let cards = match person {
        Some(person) => cards(state, called.user, person, readable, origin).await?,
        None => Vec::new(),
    };
    let mut response = Json(json!({"cards": cards})).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// The types that cards are made of, as far as a token reaches.
fn readable(scopes: Option<&Scopes>) -> Vec<ResourceType> {
    let may = |kind: &ResourceType| scopes.is_none_or(|scopes| scopes.allow(Some(*kind), Permission::Read));
    [ResourceType::Encounter, ResourceType::CarePlan].into_iter().filter(may).collect()
}

/// Whom a call is about: by an id of ours, or by the NHS number of the Patient it brings along.
async fn whom(
    state: &AppState,
    user: &Arc<User>,
    scopes: Option<&Scopes>,
    asked: &Asked,
) -> Result<Option<PersonKey>, ApiError> {
    if let Ok(id) = asked.context.patient.parse::<ResourceId>() {
        let (state, id) = (state.clone(), ResourceId::of_patient(id.patient));
        if let Some(person) = blocking(move || Ok(state.records.person_of(id)?)).await? {
            return Ok(Some(person));
        }
    }
    let Some(value) = number_of(&asked.prefetch) else {
        // CDS Hooks 2.0, "HTTP status codes": what the service needs could not be had.
        let text = "the patient is not known here by this id: send prefetch.patient, with the NHS number";
        return Err(ApiError::new(StatusCode::PRECONDITION_FAILED, IssueType::Required, text).at("prefetch.patient"));
    };
    if scopes.is_some_and(|scopes| !scopes.allow(Some(ResourceType::Patient), Permission::Search)) {
        let text = "this access token lacks the scope system/Patient.s";
        return Err(ApiError::new(StatusCode::FORBIDDEN, IssueType::Forbidden, text));
    }
    let (state, user) = (state.clone(), Arc::clone(user));
    let found = blocking(move || {
        let action = Action::FindPeople { criteria: vec!["nhs-number".into()] };
        let permit = state.gate.find(&user, &action, state.now())?;
        let source = CrossReferenceSource::Identifier { system: fhir::nhs::SYSTEM.into(), value };
        Ok(state.records.people_meant(&permit, &source)?)
    });
    let people = found.await?.release().await?;
    // A number of two people is nobody's.
    Ok(match people.as_slice() {
        [person] => Some(*person),
        _ => None,
    })
}

fn number_of(prefetch: &Value) -> Option<String> {
    let patient =
        prefetch.get("patient").filter(|patient| patient.get("resourceType").is_some_and(|kind| kind == "Patient"))?;
    let identifiers = patient.get("identifier").and_then(Value::as_array)?;
    let mut ours = identifiers.iter().filter(|one| one.get("system").is_some_and(|system| system == fhir::nhs::SYSTEM));
    let value = ours.find_map(|one| one.get("value").and_then(Value::as_str))?;
    fhir::NhsNumber::parse(value).ok().map(|number| number.as_str().to_owned())
}

async fn cards(
    state: AppState,
    user: Arc<User>,
    person: PersonKey,
    kinds: Vec<ResourceType>,
    origin: String,
) -> Result<Vec<Value>, ApiError> {
    let region = state.region_name.clone();
    let sealed = blocking(move || {
        let action = Action::ReadResources { what: "patient-view (CDS Hooks)".into() };
        let now = state.now();
        // Their system asks by itself: what it is refused is nobody's attempt.
        let Some(permit) = state.gate.glimpse(&user, person, &action, now)? else { return Ok(None) };
        let states = sources::states(&state, &[])?;
        let filter = Filter { kinds, ..Filter::default() };
        Ok(Some(state.records.read(&permit, &filter)?.map(move |items| {
            let parsed: Result<Vec<ParsedItem>, _> =
                items.iter().map(|item| ParsedItem::of(item, |source| sources::info(&states, source))).collect();
            parsed.map(|items| cards::cards(&items, now))
        })))
    });
    let Some(sealed) = sealed.await? else { return Ok(Vec::new()) };
    let told = sealed.release().await??;
    Ok(told.iter().map(|one| card(one, person, &origin, &region)).collect())
}

fn card(one: &Told, person: PersonKey, origin: &str, region: &str) -> Value {
    let summary: String = one.words.chars().take(SUMMARY_CHARS_MAX).collect();
    let page = format!("{origin}/record/{person}/{}", one.section.slug());
    let mut card = json!({
        "summary": summary,
        "indicator": if one.urgent { "warning" } else { "info" },
        "source": {"label": format!("Shared record: {region}"), "url": origin},
        "links": [{"label": "Open the shared record", "url": page, "type": "absolute"}]
    });
    if let (Some(members), Some(source)) = (card.as_object_mut(), &one.source) {
        members.insert("detail".into(), format!("Says {source}.").into());
    }
    card
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_is_none_is_named_by_what_is_wrong() {
        let whole = json!({"hook": "patient-view", "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
            "context": {"userId": "Practitioner/1", "patientId": "0000000000001"}});
        assert!(read(whole.to_string().as_bytes()).is_ok());
        let without = |pointer: &str| {
            let mut call = whole.clone();
            *call.pointer_mut(pointer).expect("there") = "".into();
            read(call.to_string().as_bytes()).err().expect("refused").status
        };
        for pointer in ["/hook", "/hookInstance", "/context/userId", "/context/patientId"] {
            assert_eq!(without(pointer), StatusCode::BAD_REQUEST, "{pointer}");
        }
        assert!(read(b"[]").is_err() && read(b"{").is_err());
    }

    #[test]
    fn only_a_whole_nhs_number_says_who_is_meant() {
        let patient = |value: &str| json!({"patient": {"resourceType": "Patient", "identifier": [{"system": fhir::nhs::SYSTEM, "value": value}]}});
        assert_eq!(number_of(&patient("943 476 5919")).as_deref(), Some("9434765919"));
        assert_eq!(number_of(&patient("9434765918")), None);
        assert_eq!(number_of(&json!({})), None);
    }
}
