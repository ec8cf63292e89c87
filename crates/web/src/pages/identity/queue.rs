//! The queue: what waits for a steward, the strongest evidence first.

use super::{Face, LISTS, List, Way, blocking, decide, face, pair_address, pair_of, permit, words};
use crate::{
    error::PageError,
    pages::{Chrome, Here, html, thousands},
    session::SignedIn,
    sources,
    state::AppState,
};
use askama::Template;
use axum::{
    extract::{Path, Query, State},
    response::{Html, IntoResponse, Redirect, Response},
};
use record::{QueueMark, ReviewKind, Said, stewards::SideBySide, when};
use serde::Deserialize;
use std::sync::Arc;

/// Pairs on a page.
const ROWS_MAX: usize = 50;

struct Row {
    href: String,
    a: Face,
    b: Face,
    kind: &'static str,
    needs_two: bool,
    evidence: Option<String>,
    waits: String,
    since: String,
    state: Vec<String>,
}

/// A choice of the filter: address, words, count, whether it is chosen.
struct Choice {
    href: String,
    words: &'static str,
    count: String,
    here: bool,
}

#[derive(Template)]
#[template(path = "identity_queue.html")]
struct QueuePage {
    chrome: Chrome,
    done: Option<decide::Done>,
    tabs: Vec<Choice>,
    kinds: Vec<Choice>,
    rows: Vec<Row>,
    list: List,
    start: Option<String>,
    more: Option<String>,
    later_page: bool,
}

/// Where a page of the queue goes on.
#[derive(Deserialize, Default)]
pub struct After {
    #[serde(default)]
    after: String,
}

/// `score.a.b`, opaque keys alone.
fn mark(text: &str) -> Result<Option<QueueMark>, PageError> {
    if text.is_empty() {
        return Ok(None);
    }
    let mut parts = text.splitn(3, '.');
    let (Some(score), Some(a), Some(b)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(PageError::NotFound);
    };
    let score = score.parse().map_err(|_| PageError::NotFound)?;
    Ok(Some(QueueMark { score, pair: pair_of(a, b)? }))
}

/// `GET /identity`.
pub async fn show(
    State(state): State<AppState>,
    who: SignedIn,
    Query(way): Query<Way>,
    Query(after): Query<After>,
) -> Result<Html<String>, PageError> {
    let chosen = if way.list.is_empty() { "waiting" } else { way.list.as_str() };
    let list = List::of(chosen, &way.kind)?.ok_or(PageError::NotFound)?;
    let after = mark(&after.after)?;
    let (site, user) = (state.clone(), Arc::clone(&who.user));
    let sealed = blocking(move || {
        let permit = permit(&site, &user, None, format!("queue {}", list.name))?;
        let rows = site.records.queue(&permit, list.status, list.kind, after, ROWS_MAX + 1)?;
        Ok((rows, site.records.queue_counts(&permit)?, sources::states(&site, &[])?))
    });
    let (rows, counts, states) = sealed.await?;
    let (mut rows, counts) = (rows.release().await?, counts.release().await?);
    let done = decide::done(&state, &who, &way, Some(list)).await?;
    let more = rows.len() > ROWS_MAX;
    rows.truncate(ROWS_MAX);
    let last = rows.last().filter(|_| more).and_then(|row| {
        let score = row.review.as_ref()?.score;
        Some(format!("/identity?{}&after={score}.{}.{}", list.query(), row.pair.a, row.pair.b))
    });
    let count = |status, kind: Option<ReviewKind>| {
        let fits = counts.iter().filter(|(of, is, _)| *is == status && kind.is_none_or(|kind| kind == *of));
        thousands(fits.map(|(_, _, count)| count).sum())
    };
    let tabs = LISTS.into_iter().map(|(name, words, status)| Choice {
        href: format!("/identity?{}", List { name, words, status, ..list }.query()),
        words,
        count: count(status, list.kind),
        here: name == list.name,
    });
    let kinds = std::iter::once(None).chain(ReviewKind::ALL.into_iter().map(Some)).map(|kind| Choice {
        href: format!("/identity?{}", List { kind, ..list }.query()),
        words: kind.map_or("All kinds", words::kind),
        count: count(list.status, kind),
        here: kind == list.kind,
    });
    let now = state.now();
    let page = QueuePage {
        tabs: tabs.collect(),
        kinds: kinds.filter(|kind| kind.here || kind.count != "0").collect(),
        start: (!rows.is_empty() && list.name != "settled").then(|| format!("/identity/start?{}", list.query())),
        rows: rows.iter().map(|row| shown(row, list, &states, now)).collect(),
        chrome: Chrome::new(&state, &who, Here::Identity),
        done,
        list,
        more: last,
        later_page: after.is_some(),
    };
    html(&page)
}

fn shown(pair: &SideBySide, list: List, states: &[record::freshness::SourceState], now: jiff::Timestamp) -> Row {
    let review = pair.review.as_ref();
    let opinions = review.map(|review| review.opinions.as_slice()).unwrap_or_default();
    let holding = opinions.iter().filter(|opinion| opinion.withdrawn.is_none());
    let last = holding.clone().next_back();
    let state = match list.name {
        // A settled pair: the last word, and whether they are one now.
        "settled" => last.into_iter().map(|said| format!("{}, {}", words::said(said.said), said.name)).collect(),
        _ => holding.map(|said| format!("{}: {}", said.name, words::said(said.said))).collect(),
    };
    Row {
        href: format!("{}?{}", pair_address(pair.pair), list.query()),
        a: face(&pair.left, states),
        b: face(&pair.right, states),
        kind: review.map_or("", |review| words::kind(review.kind)),
        needs_two: pair.needs_two && last.is_none_or(|said| said.said != Said::Different),
        evidence: review.and_then(words::evidence),
        waits: pair.since.map(|since| when::ago(since, now)).unwrap_or_default(),
        since: pair.since.map(when::date_time).unwrap_or_default(),
        state,
    }
}

/// `GET /identity/start`: the first pair of a list that this steward can decide.
pub async fn start(
    State(state): State<AppState>,
    who: SignedIn,
    Query(way): Query<Way>,
) -> Result<Response, PageError> {
    let list = List::of(&way.list, &way.kind)?.ok_or(PageError::NotFound)?;
    let target = match next(&state, &who, list, None).await? {
        Some(pair) => format!("{}?{}", pair_address(pair), list.query()),
        None => format!("/identity?{}", list.query()),
    };
    Ok(Redirect::to(&target).into_response())
}

/// The next pair of a list after a mark, else its first.
pub async fn next(
    state: &AppState,
    who: &SignedIn,
    list: List,
    after: Option<QueueMark>,
) -> Result<Option<record::Pair>, PageError> {
    let (site, user) = (state.clone(), Arc::clone(&who.user));
    let found = blocking(move || {
        let permit = permit(&site, &user, None, format!("queue {}", list.name))?;
        let next = |after| site.records.next_review(&permit, list.status, list.kind, after);
        Ok((next(after)?, next(None)?))
    });
    let (next, first) = found.await?;
    let (next, first) = (next.release().await?, first.release().await?);
    Ok(next.or(first.filter(|first| after.is_none_or(|after| after.pair != *first))))
}

/// Where the pair stands that is passed over.
#[derive(Deserialize)]
pub struct Score {
    score: i64,
}

/// `GET /identity/skip/{a}/{b}`: the next pair, this one undecided.
pub async fn skip(
    State(state): State<AppState>,
    who: SignedIn,
    Path((a, b)): Path<(String, String)>,
    Query(way): Query<Way>,
    Query(score): Query<Score>,
) -> Result<Response, PageError> {
    let list = List::of(&way.list, &way.kind)?.ok_or(PageError::NotFound)?;
    let mark = QueueMark { score: score.score, pair: pair_of(&a, &b)? };
    let target = match next(&state, &who, list, Some(mark)).await? {
        Some(pair) => format!("{}?{}", pair_address(pair), list.query()),
        None => format!("/identity?{}", list.query()),
    };
    Ok(Redirect::to(&target).into_response())
}
