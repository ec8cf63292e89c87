//! What a page says when it cannot be shown: one human sentence. The cause is logged here, once, without personal data;
//! handlers return [`PageError`], everything below returns its own errors.

use crate::assets;
use access::Refusal;
use askama::Template;
use axum::{
    http::{StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
};
use record::{StoreError, voice::Voice};

/// Why a page cannot be shown.
#[derive(Debug)]
pub enum PageError {
    /// There is nothing at this address, or not for this reader.
    NotFound,
    /// A form is sent to this address; it cannot be opened.
    NotThisWay,
    /// This user may not; the sentence says why.
    Forbidden(String),
    /// The record opens for a reason: to the page that asks for it.
    Reason(fhir::PersonKey),
    /// Nothing was known of the person at a former moment: to the page that says so.
    NothingThen(fhir::PersonKey, jiff::Timestamp),
    /// Nobody is signed in. Where to go afterwards.
    SignIn(Option<String>),
    /// What was sent cannot be used; the sentence says why.
    Bad(String),
    /// A form from an older page or from elsewhere.
    StaleForm,
    /// It cannot be done now; the sentence says what to do.
    NotNow(String),
    /// Too often; the sentence says what to do, and so many seconds have to pass first.
    TooOften(String, u64),
    /// Our fault; the text is for the log alone.
    Fault(String),
}

impl PageError {
    /// In one sentence, for whoever has no page.
    pub fn sentence(&self) -> String {
        match self {
            PageError::Forbidden(sentence)
            | PageError::Bad(sentence)
            | PageError::NotNow(sentence)
            | PageError::TooOften(sentence, _) => sentence.clone(),
            PageError::Fault(cause) => cause.clone(),
            PageError::NotFound => "there is nothing there".into(),
            other => format!("it cannot be shown ({other:?})"),
        }
    }
}

/// Longest answer that is looked into: what a handler's arguments are refused with is a line.
const LINE_BYTES_MAX: usize = 4096;

/// What the framework refuses before a page is asked (an address that is none, a question or a form that cannot be read) in its
/// own line of plain text, as a page.
pub async fn as_page(response: Response) -> Response {
    let status = response.status();
    let plain =
        response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/plain"));
    if !status.is_client_error() || !plain || response.extensions().get::<Shown>().is_some() {
        return response;
    }
    let line = axum::body::to_bytes(response.into_body(), LINE_BYTES_MAX).await.unwrap_or_default();
    if line.starts_with(b"Invalid URL") {
        return PageError::NotFound.into_response();
    }
    let sentence = match status {
        StatusCode::PAYLOAD_TOO_LARGE => "What was sent is larger than is taken here. Send less at once.",
        StatusCode::UNSUPPORTED_MEDIA_TYPE | StatusCode::UNPROCESSABLE_ENTITY => {
            "What was sent is not what the form on this page sends. Go back, load the page anew and send it again."
        }
        _ => {
            "The address or the form has something in it that cannot be read. Go back and begin again from the page before."
        }
    };
    let mut response = PageError::Bad(sentence.into()).into_response();
    *response.status_mut() = status;
    response
}

impl From<Refusal> for PageError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotAllowed(sentence) => PageError::Forbidden(sentence),
            Refusal::NeedsReason(needed) => PageError::Reason(needed.person),
            Refusal::NoReason(sentence) => PageError::Bad(sentence),
            Refusal::NoSuchPerson => PageError::NotFound,
            Refusal::NotRecorded(cause) => {
                tracing::error!(%cause, "an access could not be recorded, so nothing was shown");
                PageError::NotNow(
                    "Your access could not be written to the audit trail, so nothing can be shown. Try again in a minute.".into(),
                )
            }
        }
    }
}

impl From<StoreError> for PageError {
    fn from(error: StoreError) -> Self {
        PageError::Fault(error.to_string())
    }
}

impl From<askama::Error> for PageError {
    fn from(error: askama::Error) -> Self {
        PageError::Fault(error.to_string())
    }
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    title: &'a str,
    sentence: &'a str,
    /// Words of the link to the start page, which is another one for each role.
    onward: &'static str,
    stylesheet: &'static str,
    demo: bool,
}

/// What an error page says, left with the answer: an error knows nothing of the site it is shown on, and in the
/// demonstration every page says that it is one.
#[derive(Clone)]
struct Shown {
    title: &'static str,
    sentence: String,
    onward: &'static str,
}

impl Shown {
    fn body(&self, voice: Voice, demo: bool) -> String {
        let (title, sentence) = (voice.says(self.title), voice.says(&self.sentence));
        let onward = if voice.is_person() { "Go to your record" } else { self.onward };
        let page = ErrorPage { title, sentence, onward, stylesheet: assets::address("viewer.css"), demo };
        page.render().unwrap_or_else(|_| format!("{title}. {sentence}"))
    }
}

/// An error page of the demonstration says so, and one that a person reads says it to them.
pub fn told(response: Response, voice: Voice, demo: bool) -> Response {
    match response.extensions().get::<Shown>().map(|shown| shown.body(voice, demo)) {
        Some(body) => {
            let (mut parts, _) = response.into_parts();
            parts.headers.remove(header::CONTENT_LENGTH);
            Response::from_parts(parts, body.into())
        }
        None => response,
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let retry = match &self {
            PageError::NotNow(_) => Some(60),
            PageError::TooOften(_, seconds) => Some((*seconds).max(1)),
            _ => None,
        };
        let (status, title, sentence) = match self {
            PageError::SignIn(then) => {
                let target = match then {
                    Some(then) => format!("/sign-in?then={}", encode(&then)),
                    None => "/sign-in".into(),
                };
                return Redirect::to(&target).into_response();
            }
            PageError::Reason(person) => return Redirect::to(&format!("/record/{person}/why")).into_response(),
            PageError::NothingThen(person, then) => {
                return Redirect::to(&crate::pages::as_at::asking(person, then)).into_response();
            }
            PageError::NotFound => (
                StatusCode::NOT_FOUND,
                "Page not found",
                "There is nothing at this address. If you followed a link in a record, it may have been merged or withdrawn: find the person again.".into(),
            ),
            PageError::NotThisWay => (
                StatusCode::METHOD_NOT_ALLOWED,
                "This address is not a page",
                "A form is sent here, and its answer is shown once. Begin again from the start page.".into(),
            ),
            PageError::Forbidden(sentence) => (StatusCode::FORBIDDEN, "Not for this role", sentence),
            PageError::Bad(sentence) => (StatusCode::BAD_REQUEST, "That did not work", sentence),
            PageError::StaleForm => (
                StatusCode::FORBIDDEN,
                "This form is too old",
                "The page you sent this from is no longer valid, perhaps because you signed in again. Go back, load it anew and send it again.".into(),
            ),
            PageError::NotNow(sentence) => (StatusCode::SERVICE_UNAVAILABLE, "Not available just now", sentence),
            PageError::TooOften(sentence, _) => (StatusCode::TOO_MANY_REQUESTS, "Too many searches", sentence),
            PageError::Fault(cause) => {
                tracing::error!(%cause, "a page failed");
                (
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "Something went wrong",
                    "This page could not be made. It has been noted; try again, and tell your service desk if it stays.".into(),
                )
            }
        };
        let onward = if status == StatusCode::NOT_FOUND { "Find a person" } else { "Go to your start page" };
        let shown = Shown { title, sentence, onward };
        let mut response = (status, Html(shown.body(Voice::Staff, false))).into_response();
        response.extensions_mut().insert(shown);
        if let Some(seconds) = retry {
            response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from(seconds));
        }
        response
    }
}

/// Percent-encode a path for a query value.
fn encode(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'/' => encoded.push(char::from(byte)),
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}
