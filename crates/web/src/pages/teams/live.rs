//! A team's inbox as it changes, by server-sent events (HTML Living Standard §9.2): each notice that is new or changed comes
//! as it stands in the page. Every line is asked for at the gate when it is sent, so that an objection, a lost role or an
//! ended session holds for open pages as well.

use super::{
    blocking,
    inbox::{RowFragment, rows},
    own_team, permit,
};
use crate::{error::PageError, session::SignedIn, state::AppState};
use askama::Template;
use axum::{
    extract::{Path, State},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::stream;
use notify::{Notice, Told};
use serde_json::json;
use std::{collections::BTreeSet, convert::Infallible, time::Duration};
use tokio::sync::broadcast::{
    Receiver,
    error::{RecvError, TryRecvError},
};

/// So often it is looked whether the session still goes on.
const LOOK: Duration = Duration::from_secs(15);
/// Notices sent in one go at most; past that the page is told to load itself again.
const BURST_MAX: usize = 50;

struct Open {
    state: AppState,
    who: SignedIn,
    team: (i64, String),
    told: Receiver<Told>,
    waiting: Vec<Event>,
    /// Whether the page was made while telling was held up: it says so itself.
    held_up: bool,
    over: bool,
}

/// `GET /teams/{id}/live`.
pub async fn live(State(state): State<AppState>, who: SignedIn, Path(id): Path<i64>) -> Result<Response, PageError> {
    let (site, reader) = (state.clone(), who.clone());
    let team = blocking(move || own_team(site.notices()?, &reader, id)).await?;
    permit(&state, &who, format!("live {}", team.key)).await?;
    let told = state.notices()?.listen();
    let held_up = is_held_up(&state).await;
    let open = Open { state, who, team: (id, team.key), told, waiting: Vec::new(), held_up, over: false };
    let events = stream::unfold(open, next);
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(LOOK)).into_response())
}

async fn next(mut open: Open) -> Option<(Result<Event, Infallible>, Open)> {
    loop {
        if let Some(event) = open.waiting.pop() {
            return Some((Ok(event), open));
        }
        if open.over {
            return None;
        }
        let heard = tokio::time::timeout(LOOK, open.told.recv()).await;
        if !open.state.sessions.lives(&open.who, open.state.steady_now()) {
            open.over = true;
            open.waiting.push(Event::default().event("over").data("{}"));
            continue;
        }
        let first = match heard {
            Err(_) if !open.held_up && is_held_up(&open.state).await => {
                open.over = true;
                open.waiting.push(behind());
                continue;
            }
            Err(_) => continue,
            Ok(Ok(told)) => told,
            Ok(Err(RecvError::Lagged(_))) => {
                open.waiting.push(Event::default().event("again").data("{}"));
                continue;
            }
            Ok(Err(RecvError::Closed)) => return None,
        };
        let mut notices: BTreeSet<i64> = BTreeSet::new();
        let mut lost = false;
        let mut take = |told: Told| {
            if told.team == open.team.0 {
                notices.insert(told.notice);
            }
        };
        take(first);
        loop {
            match open.told.try_recv() {
                Ok(told) => take(told),
                Err(TryRecvError::Lagged(_)) => lost = true,
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        if lost || notices.len() > BURST_MAX {
            open.waiting.push(Event::default().event("again").data("{}"));
            continue;
        }
        if notices.is_empty() {
            continue;
        }
        match changed(&open, notices).await {
            Ok(mut events) => {
                events.reverse();
                open.waiting = events;
            }
            Err(error) => {
                tracing::error!(?error, "an open inbox could not be told; it is asked to load again");
                open.waiting.push(Event::default().event("again").data("{}"));
            }
        }
    }
}

/// Nothing new reaches an open page: whoever looks at it has to know.
async fn is_held_up(state: &AppState) -> bool {
    let site = state.clone();
    blocking(move || Ok(super::super::standing::is_held_up(&site))).await.unwrap_or(false)
}

fn behind() -> Event {
    Event::default().event("behind").data("{}")
}

async fn changed(open: &Open, ids: BTreeSet<i64>) -> Result<Vec<Event>, PageError> {
    let (site, team, now) = (open.state.clone(), open.team.0, open.state.now());
    let wanted = ids.clone();
    let (notices, (waiting, passed_on)) = blocking(move || {
        let known = site.notices()?;
        let mut notices: Vec<Notice> = Vec::new();
        for id in wanted {
            notices.extend(known.notice(id)?);
        }
        Ok((notices, known.waiting(team, now)?))
    })
    .await?;
    let show: Vec<Notice> = notices
        .into_iter()
        .filter(|notice| notice.waits() && notice.snoozed.is_none_or(|until| until <= now))
        .collect();
    let rows = rows(&open.state, &open.who.user, show, &open.team.1).await?;
    let mut events = Vec::new();
    // What does not wait any more, or is not to be seen, goes.
    for id in ids.iter().filter(|id| !rows.iter().any(|row| row.notice.id == **id)) {
        let data = json!({"id": id, "waiting": waiting, "passedOn": passed_on});
        events.push(Event::default().event("gone").data(data.to_string()));
    }
    for row in &rows {
        let html =
            RowFragment { row, team: open.team.0, form_token: &open.who.form_token, view: "waiting" }.render()?;
        let newest_words = row.told.iter().find(|told| !told.seen).map(|told| told.words.as_str()).unwrap_or_default();
        let data = json!({"id": row.notice.id, "html": html, "urgent": row.notice.urgent, "waiting": waiting,
            "passedOn": passed_on, "say": format!("{}: {newest_words}", row.name)});
        events.push(Event::default().event("notice").data(data.to_string()));
    }
    Ok(events)
}

/// Changes that come so close together are said once.
const PAUSE: Duration = Duration::from_millis(500);

struct Watching<T> {
    state: AppState,
    who: SignedIn,
    ours: T,
    moved: Receiver<T>,
    held_up: bool,
    over: bool,
}

/// `GET /caseloads/{id}/live`: says that something in the window or on the board changed, and nothing else: the page reads
/// itself again, through the gate.
pub async fn list(State(state): State<AppState>, who: SignedIn, Path(id): Path<i64>) -> Result<Response, PageError> {
    let (site, reader) = (state.clone(), who.clone());
    let list = blocking(move || super::own_list(site.notices()?, &reader, id)).await?;
    permit(&state, &who, format!("live {}", list.key)).await?;
    let moved = state.notices()?.listen_to_lists();
    Ok(changes(state, who, id, moved).await)
}

/// Says that what is listed changed, whenever `ours` is heard.
pub(in crate::pages) async fn changes<T>(state: AppState, who: SignedIn, ours: T, moved: Receiver<T>) -> Response
where
    T: Clone + PartialEq + Send + Sync + 'static,
{
    let held_up = is_held_up(&state).await;
    let events = stream::unfold(Watching { state, who, ours, moved, held_up, over: false }, change);
    Sse::new(events).keep_alive(KeepAlive::new().interval(LOOK)).into_response()
}

async fn change<T: Clone + PartialEq>(mut watching: Watching<T>) -> Option<(Result<Event, Infallible>, Watching<T>)> {
    loop {
        if watching.over {
            return None;
        }
        let heard = tokio::time::timeout(LOOK, watching.moved.recv()).await;
        if !watching.state.sessions.lives(&watching.who, watching.state.steady_now()) {
            watching.over = true;
            return Some((Ok(Event::default().event("over").data("{}")), watching));
        }
        let ours = match heard {
            Err(_) if !watching.held_up && is_held_up(&watching.state).await => {
                watching.over = true;
                return Some((Ok(behind()), watching));
            }
            Err(_) => false,
            Ok(Ok(one)) => one == watching.ours,
            Ok(Err(RecvError::Lagged(_))) => true,
            Ok(Err(RecvError::Closed)) => return None,
        };
        if !ours {
            continue;
        }
        tokio::time::sleep(PAUSE).await;
        while !matches!(watching.moved.try_recv(), Err(TryRecvError::Empty | TryRecvError::Closed)) {}
        return Some((Ok(Event::default().event("changed").data("{}")), watching));
    }
}
