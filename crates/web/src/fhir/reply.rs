//! What goes back: JSON with the right headers, or an OperationOutcome. [`ApiError`] is the one error of the API; every
//! other error becomes one here, and what is our own fault is logged here, once, without a person.

use access::Refusal;
use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use fhir::{Issue, IssueType, OperationOutcome};
use intake::StoreError;

/// The media type of everything FHIR that leaves.
pub const FHIR_JSON: &str = "application/fhir+json; charset=utf-8";

/// An answer.
#[derive(Debug)]
pub struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Reply {
    /// FHIR JSON.
    pub fn json(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Reply::bytes(status, FHIR_JSON, body)
    }

    /// Bytes of another type.
    pub fn bytes(status: StatusCode, content_type: &str, body: impl Into<Bytes>) -> Self {
        let kind = HeaderValue::from_str(content_type).unwrap_or(HeaderValue::from_static("application/octet-stream"));
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, kind);
        Reply { status, headers, body: body.into() }
    }

    /// Nothing but a status.
    pub fn empty(status: StatusCode) -> Self {
        Reply { status, headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// The same with a header; one that cannot be written is left out.
    pub fn with(mut self, name: HeaderName, value: impl AsRef<str>) -> Self {
        if let Ok(value) = HeaderValue::from_str(value.as_ref()) {
            self.headers.insert(name, value);
        }
        self
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response.headers_mut().append(header::VARY, HeaderValue::from_static("Accept, Authorization, Prefer"));
        response
    }
}

/// Why a request is not done.
#[derive(Debug)]
pub struct ApiError {
    /// The HTTP status.
    pub status: StatusCode,
    /// What to tell.
    pub outcome: OperationOutcome,
    /// Boxed, so that a result is small.
    headers: Box<HeaderMap>,
}

impl ApiError {
    /// One issue.
    pub fn new(status: StatusCode, code: IssueType, text: impl Into<String>) -> Self {
        ApiError { status, outcome: OperationOutcome::error(code, text), headers: Box::default() }
    }

    /// Several issues.
    pub fn issues(status: StatusCode, issues: Vec<Issue>) -> Self {
        ApiError { status, outcome: issues.into(), headers: Box::default() }
    }

    /// There is no such thing.
    pub fn not_found(text: impl Into<String>) -> Self {
        ApiError::new(StatusCode::NOT_FOUND, IssueType::NotFound, text)
    }

    /// The request cannot be read.
    pub fn bad(code: IssueType, text: impl Into<String>) -> Self {
        ApiError::new(StatusCode::BAD_REQUEST, code, text)
    }

    /// Our fault: logged, not told.
    pub fn fault(cause: String) -> Self {
        tracing::error!(%cause, "a FHIR request failed");
        let text =
            "something went wrong here; it has been noted. Try again, and tell the region's service desk if it stays";
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, IssueType::Exception, text)
    }

    /// The same with a header.
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// The same, about this place.
    pub fn at(mut self, expression: &str) -> Self {
        for issue in &mut self.outcome.issues {
            issue.expression = Some(expression.to_owned());
        }
        self
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full | StoreError::Low { .. } => ApiError::new(
                StatusCode::INSUFFICIENT_STORAGE,
                IssueType::Transient,
                "there is no room to store this: nothing was stored. Send it again later",
            )
            .with(header::RETRY_AFTER, HeaderValue::from_static("60")),
            StoreError::Stopped(cause) | StoreError::Away(cause) => {
                tracing::error!(%cause, "a FHIR request could not be served: the store is not there");
                ApiError::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    IssueType::Transient,
                    "the record is not available just now. Send it again later: a repeat does no harm",
                )
                .with(header::RETRY_AFTER, HeaderValue::from_static("60"))
            }
            other => ApiError::fault(other.to_string()),
        }
    }
}

impl From<notify::Failure> for ApiError {
    fn from(failure: notify::Failure) -> Self {
        match failure {
            notify::Failure::Store(error) => error.into(),
            notify::Failure::Stopped(cause) => StoreError::Stopped(cause).into(),
            notify::Failure::File(cause) => ApiError::fault(cause.to_string()),
        }
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotAllowed(text) => ApiError::new(StatusCode::FORBIDDEN, IssueType::Forbidden, text),
            Refusal::NeedsReason(needed) => {
                ApiError::new(StatusCode::FORBIDDEN, IssueType::Forbidden, needed.sentence.clone())
            }
            Refusal::NoReason(text) => ApiError::new(StatusCode::BAD_REQUEST, IssueType::Invalid, text),
            Refusal::NoSuchPerson => ApiError::not_found("there is no such person here"),
            Refusal::NotRecorded(cause) => {
                tracing::error!(%cause, "an access could not be recorded, so nothing was shown");
                ApiError::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    IssueType::Transient,
                    "this access could not be written to the audit trail, so nothing can be shown. Try again in a minute",
                )
                .with(header::RETRY_AFTER, HeaderValue::from_static("60"))
            }
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = Reply::json(self.status, self.outcome.to_json()).into_response();
        for (name, value) in *self.headers {
            if let Some(name) = name {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}
