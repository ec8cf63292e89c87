//! A team's inbox.

use super::{
    behind, blocking,
    line::{Asked, Line, lines},
    own_team, permit,
};
use crate::{
    error::PageError,
    pages::{Chrome, Here, html},
    session::SignedIn,
    state::AppState,
};
use access::User;
use askama::Template;
use axum::{
    extract::{Path, Query, State},
    response::Html,
};
use fhir::ResourceType;
use jiff::Timestamp;
use notify::{Event, Notice, Standing, Team, TeamNote, Topic, View};
use record::{glance::Glance, when};
use serde::Deserialize;
use std::sync::Arc;

/// Notices shown at once. A team with more waiting has another problem than paging.
pub(super) const SHOWN_MAX: usize = 100;

/// What happened, as a line of a notice.
pub struct Told {
    /// In words.
    pub words: String,
    /// When it happened, or became known.
    pub at: String,
    /// Whether it no longer holds.
    pub over: bool,
    /// Whether it takes something back.
    pub corrects: bool,
    /// Whether it was acknowledged.
    pub seen: bool,
}

/// A notice as it stands in the inbox.
pub struct Row {
    /// The notice.
    pub notice: Notice,
    /// Who and what, from the record.
    pub line: String,
    /// What happened, newest first.
    pub told: Vec<Told>,
    /// Notes of the team.
    pub notes: Vec<(String, TeamNote)>,
    /// Words about its state.
    pub acknowledged: Option<String>,
    /// When it was put off to.
    pub snoozed: Option<String>,
    /// When it was passed on.
    pub escalated: Option<String>,
    /// When it will be.
    pub due: Option<String>,
    /// The name of the person, for buttons: `Acknowledge BAKER, Margaret`.
    pub name: String,
}

#[derive(Template)]
#[template(path = "inbox_row.html")]
pub(super) struct RowFragment<'a> {
    pub row: &'a Row,
    pub team: i64,
    pub form_token: &'a str,
    pub view: &'a str,
}

#[derive(Template)]
#[template(path = "inbox.html")]
struct InboxPage {
    chrome: Chrome,
    team: Team,
    lists: Vec<(i64, String)>,
    view: &'static str,
    rows: Vec<String>,
    hidden: usize,
    waiting: u64,
    passed_on: u64,
    more: bool,
    behind: Option<String>,
    done: Option<&'static str>,
    at: String,
}

/// Which part of the inbox.
#[derive(Deserialize)]
pub struct Part {
    #[serde(default)]
    view: String,
    #[serde(default)]
    done: String,
}

pub(super) fn view_of(text: &str) -> (View, &'static str) {
    match text {
        "snoozed" => (View::Snoozed, "snoozed"),
        "done" => (View::Done, "done"),
        _ => (View::Waiting, "waiting"),
    }
}

/// `GET /teams/{id}?view=`.
pub async fn show(
    State(state): State<AppState>,
    who: SignedIn,
    Path(id): Path<i64>,
    Query(part): Query<Part>,
) -> Result<Html<String>, PageError> {
    let (view, slug) = view_of(&part.view);
    let (site, reader) = (state.clone(), who.clone());
    let team = blocking(move || own_team(site.notices()?, &reader, id)).await?;
    permit(&state, &who, format!("inbox {}", team.key)).await?;
    let (site, now) = (state.clone(), state.now());
    let lists = team.lists.clone();
    let (notices, waiting, lists) = blocking(move || {
        let notices = site.notices()?;
        let found = notices.inbox(id, view, now, SHOWN_MAX + 1)?;
        let mut named = Vec::new();
        for key in lists {
            named.extend(notices.caseload(&key)?.map(|list| (list.id, list.name)));
        }
        Ok((found, notices.waiting(id, now)?, named))
    })
    .await?;
    let more = notices.len() > SHOWN_MAX;
    let notices: Vec<Notice> = notices.into_iter().take(SHOWN_MAX).collect();
    let total = notices.len();
    let rows = rows(&state, &who.user, notices, &team.key).await?;
    let hidden = total - rows.len();
    let render = |row: &Row| RowFragment { row, team: id, form_token: &who.form_token, view: slug }.render();
    let rows = rows.iter().map(render).collect::<Result<Vec<_>, _>>()?;
    html(&InboxPage {
        chrome: Chrome::new(&state, &who, Here::Teams),
        team,
        lists,
        view: slug,
        rows,
        hidden,
        waiting: waiting.0,
        passed_on: waiting.1,
        more,
        behind: behind(&state)?,
        done: super::act::done_words(&part.done),
        at: when::date_time(now),
    })
}

/// Notices as rows; those that the gate does not let this reader see are left out.
pub(super) async fn rows(
    state: &AppState,
    user: &Arc<User>,
    notices: Vec<Notice>,
    team: &str,
) -> Result<Vec<Row>, PageError> {
    let asked = notices.iter().map(|notice| Asked { person: notice.person, story: Some(notice.story) }).collect();
    let lines = lines(state, user, asked, &format!("inbox {team}")).await?;
    let site = state.clone();
    let told = blocking(move || {
        let read = notices.into_iter().map(|notice| {
            let known = site.notices()?;
            let (events, notes) = (known.told(notice.id)?, known.notes(notice.id)?);
            Ok((notice, events, notes))
        });
        read.collect::<Result<Vec<_>, PageError>>()
    })
    .await?;
    let now = state.now();
    let mut rows = Vec::with_capacity(told.len());
    for ((notice, events, notes), line) in told.into_iter().zip(lines) {
        let line = match line {
            Some(line) => Some(line),
            None if team.starts_with("requests:") => closed_request(state, &notice, now)?,
            None => None,
        };
        rows.extend(line.map(|line| row(notice, events, notes, line, now)));
    }
    Ok(rows)
}

/// What stands in the place of a line that the gate does not give any more, because the request that opened the record is
/// closed: that it is, and of nobody anything. So the notice can be acknowledged.
fn closed_request(state: &AppState, notice: &Notice, now: Timestamp) -> Result<Option<Line>, PageError> {
    if !matches!(notice.story.kind, ResourceType::Task | ResourceType::ServiceRequest) {
        return Ok(None);
    }
    let story = state.notices()?.story(notice.story)?;
    let Some(last) = story.last().filter(|last| last.topic == Topic::ReferralClosed && last.corrects.is_none()) else {
        return Ok(None);
    };
    let at = when::time_or_date(last.occurred.unwrap_or(last.recorded), now);
    let html = ClosedRequest { at }.render()?;
    let mut glance = Glance::default();
    glance.who.name = "a closed request".into();
    Ok(Some(Line { glance, html }))
}

#[derive(Template)]
#[template(path = "line_closed.html")]
struct ClosedRequest {
    at: String,
}

fn row(notice: Notice, events: Vec<Event>, notes: Vec<TeamNote>, line: Line, now: Timestamp) -> Row {
    let time = |at: Timestamp| when::time_or_date(at, now);
    // Where the stay itself is withheld, what happened in it is as well.
    let withheld = line.glance.what.is_none() && line.glance.withheld.is_some();
    let mut told: Vec<Told> = match withheld {
        true => Vec::new(),
        false => events.iter().map(|event| happened(event, notice.acknowledged, now)).collect(),
    };
    told.reverse();
    let acknowledged = notice.acknowledged_by.as_ref().filter(|_| !notice.waits());
    Row {
        acknowledged: acknowledged.map(|(by, at)| format!("Acknowledged by {by}, {}", time(*at))),
        snoozed: notice.snoozed.filter(|until| *until > now).map(time),
        escalated: notice.escalated.filter(|_| notice.waits()).map(time),
        due: notice.due.filter(|_| notice.waits()).map(time),
        told,
        notes: notes.into_iter().map(|note| (time(note.at), note)).collect(),
        name: line.glance.who.name,
        line: line.html,
        notice,
    }
}

fn happened(event: &Event, acknowledged: u64, now: Timestamp) -> Told {
    let words = match (event.corrects, event.topic) {
        (Some(_), topic) => topic.taken_back().to_owned(),
        (None, Topic::ExpectedDischarge) => {
            let day = when::When::parse(&event.key).map_or_else(|| event.key.clone(), |day| day.day_text());
            format!("Expected to leave on {day}")
        }
        (None, topic) => topic.words().to_owned(),
    };
    let at = match event.occurred {
        Some(at) => when::time_or_date(at, now),
        None => format!("told {}", when::time_or_date(event.recorded, now)),
    };
    Told {
        words,
        at,
        over: matches!(event.standing, Standing::TakenBack | Standing::Replaced),
        corrects: event.corrects.is_some(),
        seen: event.n <= acknowledged,
    }
}
