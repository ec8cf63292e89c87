//! One request: what is asked, how urgently, what goes along, where it stands, and all that was said.

use super::{
    super::{Chrome, Here, html},
    frame::{self, Frame, Opened},
    may, page, task, wanted,
};
use crate::{error::PageError, session::SignedIn, state::AppState};
use askama::Template;
use axum::{
    extract::{Path, Query, State},
    response::{Html, IntoResponse, Redirect, Response},
};
use fhir::{ResourceId, ResourceType};
use forms::{Act, Side};
use record::sections::requests::{self, Request};
use serde::Deserialize;

/// Something that goes along, with its address.
struct Along {
    title: String,
    href: Option<String>,
}

/// What one side can do.
struct Acts {
    /// Its heading.
    title: &'static str,
    /// What the field asks for.
    label: &'static str,
    hint: &'static str,
    /// What is sent with it: which side.
    side: &'static str,
    /// Buttons: name, words, how they look.
    buttons: Vec<(&'static str, &'static str, &'static str)>,
}

/// What was typed and not done, and why.
#[derive(Default)]
pub(super) struct Undone {
    pub problem: String,
    pub words: String,
    /// Which side typed it.
    pub side: &'static str,
    /// Whether somebody else was there first.
    pub conflict: bool,
}

#[derive(Template)]
#[template(path = "request.html")]
struct RequestPage {
    chrome: Chrome,
    frame: Frame,
    request: Request,
    along: Vec<Along>,
    acts: Vec<Acts>,
    task: String,
    focus: String,
    note: Option<&'static str>,
    undone: Undone,
}

/// What was done just now.
#[derive(Deserialize, Default)]
pub struct Did {
    #[serde(default)]
    did: String,
}

fn words(act: Act) -> (&'static str, &'static str) {
    match act {
        Act::Accept => ("Accept", ""),
        Act::Question => ("Ask for more", "nhsuk-button--secondary"),
        Act::Answer => ("Answer and keep open", "nhsuk-button--secondary"),
        Act::Complete => ("Answer and complete", ""),
        Act::Decline => ("Decline", "nhsuk-button--warning"),
        Act::Reply => ("Send this", ""),
        Act::Withdraw => ("Withdraw the request", "nhsuk-button--warning"),
    }
}

pub(super) fn side_name(side: Side) -> &'static str {
    match side {
        Side::IsAsked => "asked",
        Side::Asks => "asks",
    }
}

fn offered(side: Side, status: &str) -> Option<Acts> {
    let acts = Act::ALL.into_iter().filter(|act| act.side() == side && act.can(status));
    let buttons: Vec<_> = acts
        .map(|act| {
            let (said, look) = words(act);
            (act.code(), said, look)
        })
        .collect();
    let (title, label, hint) = match side {
        Side::IsAsked => (
            "Answer this request",
            "Your answer, your question, or why you decline",
            "Who asked is told, and reads it under this request. Accepting needs no words",
        ),
        Side::Asks => (
            "Say more, or take it back",
            "Your words to whoever is asked, or why you withdraw it",
            "Whoever is asked is told, and reads it under this request",
        ),
    };
    (!buttons.is_empty()).then_some(Acts { title, label, hint, side: side_name(side), buttons })
}

/// The page of a request in an opened record.
pub(super) fn render(
    state: &AppState,
    who: &SignedIn,
    opened: Opened,
    (kind, id): (ResourceType, ResourceId),
    note: Option<&'static str>,
    undone: Undone,
) -> Result<Html<String>, PageError> {
    let request = requests::request(&opened.items, task(&opened.items, kind, id).ok_or(PageError::NotFound)?);
    let frame = &opened.frame;
    let href = |(kind, id): (ResourceType, ResourceId)| match kind {
        ResourceType::DocumentReference => format!("{}/{id}", frame.section("letters")),
        ResourceType::DiagnosticReport => format!("{}/{id}", frame.section("results/report")),
        kind => format!("{}/{kind}/{id}", frame.section("item")),
    };
    let along = request.along.iter().map(|one| Along { title: one.title.clone(), href: one.item.map(href) }).collect();
    let acts = may(state, &opened, &who.user, &request);
    let acts = acts.into_iter().filter_map(|side| offered(side, &request.status)).collect();
    html(&RequestPage {
        chrome: Chrome::new(state, who, Here::Elsewhere),
        task: format!("{}@{}", request.task.0, request.task.1),
        focus: request.request.map(|(id, version)| format!("{id}@{version}")).unwrap_or_default(),
        frame: opened.frame,
        along,
        acts,
        note,
        undone,
        request,
    })
}

/// `GET /record/{person}/request/{kind}/{id}`: by its task or its ServiceRequest. What was not asked here has no such page.
pub async fn show(
    State(state): State<AppState>,
    who: SignedIn,
    Path((person, kind, id)): Path<(String, String, String)>,
    Query(Did { did }): Query<Did>,
) -> Result<Response, PageError> {
    let person = frame::person(&person)?;
    let id: ResourceId = id.parse().map_err(|_| PageError::NotFound)?;
    let kind = match kind.as_str() {
        "Task" => ResourceType::Task,
        "ServiceRequest" => ResourceType::ServiceRequest,
        _ => return Err(PageError::NotFound),
    };
    let note = match did.as_str() {
        "sent" => Some("Sent. Whoever is asked finds it on their list, and you are told when they answer."),
        "accept" => Some("Accepted. Who asked is told."),
        "question" => Some("Asked. Who sent the request is told."),
        "answer" | "complete" => Some("Answered. Who asked is told."),
        "reply" => Some("Sent. Whoever is asked is told."),
        "withdraw" => Some("Withdrawn. Whoever was asked is told."),
        _ => None,
    };
    let (site, reader) = (state.clone(), who.clone());
    let shown = frame::open(&state, &who.user, person, page(id), wanted(), move |opened| {
        render(&site, &reader, opened, (kind, id), note, Undone::default())
    });
    match shown.await {
        // A source's own has its page of origin.
        Err(PageError::NotFound) => {
            Ok(Redirect::to(&format!("{}/item/{kind}/{id}", state.base(person))).into_response())
        }
        shown => shown.map(IntoResponse::into_response),
    }
}
