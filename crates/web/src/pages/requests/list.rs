//! The requests that await the reader's organisation, and those it made. Each line is asked for at the gate.

use super::super::{
    Chrome, Here, html,
    teams::{
        behind, blocking,
        line::{Asked, lines},
        live, permit,
    },
};
use crate::{error::PageError, session::SignedIn, state::AppState};
use askama::Template;
use axum::{
    extract::{Query, State},
    response::{Html, Response},
};
use jiff::SignedDuration;
use notify::Requested;
use record::when;
use serde::Deserialize;

/// Lines on a page.
const SHOWN_MAX: usize = 100;
/// So long what is closed stands on the list.
const CLOSED_DAYS: i64 = 30;

/// Which: those that are asked of the organisation, or with `sent` those it made; the open ones, or with `closed` the others.
#[derive(Deserialize)]
pub struct Wanted {
    sent: Option<String>,
    closed: Option<String>,
    #[serde(default)]
    did: String,
}

struct Tab {
    href: &'static str,
    title: &'static str,
    count: String,
    here: bool,
}

struct Row {
    line: String,
    at: String,
}

#[derive(Template)]
#[template(path = "requests.html")]
struct RequestsPage {
    chrome: Chrome,
    organisation: String,
    title: &'static str,
    sent: bool,
    closed: bool,
    tabs: Vec<Tab>,
    rows: Vec<Row>,
    /// Requests that are closed, and their records with them: what can still be said.
    shut: Vec<Row>,
    hidden: usize,
    more: bool,
    note: Option<&'static str>,
    behind: Option<String>,
    at: String,
}

const TABS: [(bool, bool, &str, &str); 4] = [
    (false, false, "/requests", "Asked of us"),
    (false, true, "/requests?closed", "Asked of us, closed in the last 30 days"),
    (true, false, "/requests?sent", "Asked by us"),
    (true, true, "/requests?sent&closed", "Asked by us, closed in the last 30 days"),
];

/// `GET /requests[?sent][&closed]`.
pub async fn show(
    State(state): State<AppState>,
    who: SignedIn,
    Query(wanted): Query<Wanted>,
) -> Result<Html<String>, PageError> {
    let (sent, closed) = (wanted.sent.is_some(), wanted.closed.is_some());
    let name = if sent { "requests made" } else { "requests" };
    permit(&state, &who, format!("{name} {}", who.user.org_code)).await?;
    let now = state.now();
    let since = now.checked_sub(SignedDuration::from_hours(24 * CLOSED_DAYS)).unwrap_or_default();
    let (site, organisation) = (state.clone(), who.user.org_code.clone());
    let (found, tabs) = blocking(move || {
        let notices = site.notices()?;
        let mut here = Vec::new();
        let mut tabs = Vec::new();
        for (made, over, href, title) in TABS {
            let found = match organisation.is_empty() {
                true => Vec::new(),
                false => notices.requests(&organisation, made, over.then_some(since), SHOWN_MAX + 1)?,
            };
            let count = if found.len() > SHOWN_MAX { format!("{SHOWN_MAX}+") } else { found.len().to_string() };
            let is_here = (made, over) == (sent, closed);
            tabs.push(Tab { href, title, count, here: is_here });
            if is_here {
                here = found;
            }
        }
        Ok((here, tabs))
    })
    .await?;
    let more = found.len() > SHOWN_MAX;
    let asked = found.iter().take(SHOWN_MAX);
    let asked = asked.map(|one| Asked { person: one.person, story: Some(one.story) }).collect();
    let lines = lines(&state, &who.user, asked, name).await?;
    let names = state.gate.organisations()?;
    let name_of = |code: &str| {
        let known = names.iter().find(|one| one.code.eq_ignore_ascii_case(code));
        known.map_or_else(|| code.to_owned(), |one| one.name.clone())
    };
    let of_hidden = found.iter().zip(&lines).filter(|(_, line)| line.is_none());
    let shut: Vec<Row> = of_hidden
        .clone()
        .filter_map(|(one, _)| (!sent).then(|| closed_words(one, &name_of(&one.asker)))?.map(|words| (one, words)))
        .map(|(one, line)| Row { line, at: when::time_or_date(one.at, now) })
        .collect();
    let hidden = of_hidden.count() - shut.len();
    let rows = found
        .iter()
        .zip(lines)
        .filter_map(|(one, line)| line.map(|line| Row { line: line.html, at: when::time_or_date(one.at, now) }))
        .collect();
    let title = TABS.iter().find(|(made, over, ..)| (*made, *over) == (sent, closed)).map_or("", |tab| tab.3);
    html(&RequestsPage {
        chrome: Chrome::new(&state, &who, Here::Requests),
        organisation: who.user.org_name.clone(),
        title,
        sent,
        closed,
        tabs,
        rows,
        shut,
        hidden,
        more,
        note: (wanted.did == "decline").then_some("Declined. Who asked is told, with your reason."),
        behind: behind(&state)?,
        at: when::date_time(now),
    })
}

/// What can be said of a request to the reader's organisation whose record is not open to it any more: by whom it was made
/// and what became of it, and of nobody else anything.
fn closed_words(one: &Requested, asker: &str) -> Option<String> {
    let became = match one.status.as_str() {
        "cancelled" => "withdrawn by who asked",
        "rejected" => "declined by your organisation",
        "completed" => "answered and completed",
        _ => return None,
    };
    Some(format!("A request of {asker}, {became}"))
}

/// `GET /requests/live`: says that something among the organisation's requests changed, and nothing else: the page reads itself
/// again, through the gate.
pub async fn follow(State(state): State<AppState>, who: SignedIn) -> Result<Response, PageError> {
    permit(&state, &who, format!("live requests {}", who.user.org_code)).await?;
    let requested = state.notices()?.listen_to_requests();
    let ours = who.user.org_code.to_ascii_uppercase().into();
    Ok(live::changes(state, who, ours, requested).await)
}
