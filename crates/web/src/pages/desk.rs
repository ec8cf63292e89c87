//! The error desk: messages that could not be processed, why, where, and how to put them right. Originals stay in the
//! journal; what is edited here becomes a new entry that takes their place.

use super::{Chrome, Here, html, sign_in::Token, thousands};
use crate::{error::PageError, session::SignedIn, state::AppState};
use access::{Action, DeskPermit};
use askama::Template;
use axum::{
    Form,
    body::Bytes,
    extract::{Path, Query, State},
    response::{Html, IntoResponse, Redirect, Response},
};
use intake::{Applied, Entry, Finding, Problem, ProblemStatus, Severity};
use record::{
    desk,
    origin::{self, Piece, Row},
    when,
};
use serde::Deserialize;
use std::{ops::Range, time::Duration};

/// Messages on a page.
const ROWS_MAX: usize = 50;
/// Findings shown of one message in the list.
const FINDINGS_MAX: usize = 2;
/// Messages resubmitted in one go.
const RESUBMIT_MAX: usize = 500;
/// How long a page waits to say how a resubmission went.
const WAIT: Duration = Duration::from_secs(5);
/// Messages longer than this are edited on the command line.
const EDITABLE_BYTES_MAX: usize = 256 * 1024;

struct CountRow {
    source: String,
    feed: String,
    stopped: u64,
    held: u64,
    refused: u64,
    remarks: u64,
    settled: u64,
}

struct ProblemRow {
    pos: u64,
    title: String,
    source: String,
    feed: String,
    received: String,
    state: &'static str,
    findings: Vec<Finding>,
    more: usize,
}

#[derive(Template)]
#[template(path = "desk.html")]
struct DeskPage {
    chrome: Chrome,
    said: Option<String>,
    counts: Vec<CountRow>,
    tabs: Vec<(String, &'static str, bool)>,
    rows: Vec<ProblemRow>,
    source: Option<String>,
    resubmittable: bool,
    older: Option<String>,
}

/// Which messages to list.
#[derive(Deserialize)]
pub struct Which {
    #[serde(default)]
    show: String,
    source: Option<String>,
    before: Option<u64>,
    done: Option<u64>,
    failed: Option<u64>,
}

/// The lists: name in the address, words, statuses.
const LISTS: [(&str, &str, &[ProblemStatus]); 4] = [
    ("", "Stopped and waiting", &[ProblemStatus::Parked, ProblemStatus::Failed, ProblemStatus::Held]),
    ("refused", "Refused", &[ProblemStatus::Refused]),
    ("remarks", "Processed with a remark", &[ProblemStatus::Remark]),
    ("settled", "Settled", &[ProblemStatus::Resolved]),
];

fn permit(state: &AppState, who: &SignedIn, what: String) -> Result<DeskPermit, PageError> {
    Ok(state.gate.desk(&who.user, &Action::ErrorDesk { what }, state.now())?)
}

/// `GET /errors`.
pub async fn list(
    State(state): State<AppState>,
    who: SignedIn,
    Query(which): Query<Which>,
) -> Result<Html<String>, PageError> {
    let chosen = LISTS.iter().find(|(name, _, _)| *name == which.show).ok_or(PageError::NotFound)?;
    let site = state.clone();
    let signed = who.clone();
    let (source, before) = (which.source.clone(), which.before);
    let work = move || -> Result<_, PageError> {
        let permit = permit(&site, &signed, format!("list {}", chosen.1))?;
        let problems = site.engine()?.problems(chosen.2, source.as_deref(), before, ROWS_MAX + 1)?;
        let counts = site.engine()?.problem_counts()?;
        Ok(permit.seal((problems, counts)))
    };
    let sealed = crate::blocking::spawn(work).await.map_err(|error| PageError::Fault(error.to_string()))??;
    let (mut problems, counts) = sealed.release().await?;
    let more = problems.len() > ROWS_MAX;
    problems.truncate(ROWS_MAX);
    let query = |show: &str| match &which.source {
        Some(source) => format!("/errors?show={show}&source={source}"),
        None if show.is_empty() => "/errors".to_owned(),
        None => format!("/errors?show={show}"),
    };
    let last = problems.last().map(|problem| problem.pos).filter(|_| more);
    let join = if which.source.is_some() || !chosen.0.is_empty() { '&' } else { '?' };
    let now = state.now();
    let page = DeskPage {
        chrome: Chrome::new(&state, &who, Here::Desk),
        said: said(&which),
        counts: count_rows(counts),
        tabs: LISTS.iter().map(|(name, words, _)| (query(name), *words, *name == chosen.0)).collect(),
        rows: problems.iter().map(|problem| row(problem, now)).collect(),
        source: which.source.clone(),
        resubmittable: matches!(chosen.0, "" | "refused" | "remarks"),
        older: last.map(|pos| format!("{}{join}before={pos}", query(chosen.0))),
    };
    html(&page)
}

fn said(which: &Which) -> Option<String> {
    let done = which.done?;
    let failed = which.failed.unwrap_or(0);
    Some(match failed {
        0 => format!("{} processed.", messages(done)),
        _ => format!("{} processed; {} still cannot be.", messages(done), messages(failed)),
    })
}

fn messages(count: u64) -> String {
    if count == 1 { "1 message".into() } else { format!("{} messages", thousands(count)) }
}

fn count_rows(counts: Vec<(String, String, ProblemStatus, u64)>) -> Vec<CountRow> {
    let mut rows: Vec<CountRow> = Vec::new();
    for (source, feed, status, count) in counts {
        let place = rows.iter().position(|row| row.source == source && row.feed == feed);
        if place.is_none() {
            rows.push(CountRow { source, feed, stopped: 0, held: 0, refused: 0, remarks: 0, settled: 0 });
        }
        let row = match place {
            Some(place) => rows.get_mut(place),
            None => rows.last_mut(),
        };
        let Some(row) = row else { continue };
        match status {
            ProblemStatus::Parked | ProblemStatus::Failed => row.stopped += count,
            ProblemStatus::Held => row.held += count,
            ProblemStatus::Refused => row.refused += count,
            ProblemStatus::Remark => row.remarks += count,
            ProblemStatus::Resolved => row.settled += count,
        }
    }
    rows
}

fn row(problem: &Problem, now: jiff::Timestamp) -> ProblemRow {
    let mut findings = findings(problem);
    let more = findings.len().saturating_sub(FINDINGS_MAX);
    findings.truncate(FINDINGS_MAX);
    ProblemRow {
        pos: problem.pos,
        title: problem.title.clone(),
        source: problem.source.clone(),
        feed: problem.feed.clone(),
        received: when::time_or_date(problem.received, now),
        state: words(problem.status),
        findings,
        more,
    }
}

/// The findings, the worst first.
fn findings(problem: &Problem) -> Vec<Finding> {
    let mut findings: Vec<Finding> = serde_json::from_str(&problem.findings).unwrap_or_default();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings
}

fn words(status: ProblemStatus) -> &'static str {
    match status {
        ProblemStatus::Parked => "Stopped; its patient’s later messages wait",
        ProblemStatus::Held => "Waits behind a stopped message",
        ProblemStatus::Failed => "Stopped; nothing waits for it",
        ProblemStatus::Remark => "Processed, with a remark",
        ProblemStatus::Refused => "Refused; its sender was told",
        ProblemStatus::Resolved => "Settled",
    }
}

struct FindingRow {
    place: String,
    text: String,
    code: String,
    word: &'static str,
    tone: &'static str,
    error: bool,
}

#[derive(Template)]
#[template(path = "desk_one.html")]
struct OnePage {
    chrome: Chrome,
    said: Option<String>,
    pos: u64,
    title: String,
    source: String,
    feed: String,
    received: String,
    state: &'static str,
    resolved_by: Option<u64>,
    findings: Vec<FindingRow>,
    rows: Vec<Row>,
    marked: bool,
    open: bool,
    editable: Option<String>,
    withheld: bool,
}

/// What to say above a message.
#[derive(Deserialize)]
pub struct Said {
    #[serde(default)]
    after: String,
}

/// `GET /errors/{pos}`.
pub async fn show(
    State(state): State<AppState>,
    who: SignedIn,
    Path(pos): Path<u64>,
    Query(said): Query<Said>,
) -> Result<Html<String>, PageError> {
    let (problem, entry) = read(&state, &who, pos, "show").await?;
    let findings = findings(&problem);
    let withheld = restricted(&state, &problem, &entry.body).await?;
    let (rows, marked) = match withheld {
        true => (masked_rows(&entry.body), false),
        false => marked_rows(&entry.body, &findings),
    };
    let text = origin::decode(&entry.body);
    let open = !matches!(problem.status, ProblemStatus::Resolved);
    let page = OnePage {
        chrome: Chrome::new(&state, &who, Here::Desk),
        said: match said.after.as_str() {
            "still" => Some("It was processed again and still cannot be used: see what was found.".into()),
            "later" => Some("It was put in the journal and will be processed in its turn.".into()),
            _ => None,
        },
        pos,
        title: problem.title.clone(),
        source: problem.source.clone(),
        feed: problem.feed.clone(),
        received: when::date_time(problem.received),
        state: words(problem.status),
        resolved_by: problem.resolved_by,
        findings: findings.into_iter().map(finding_row).collect(),
        rows,
        marked,
        open,
        withheld,
        editable: (open && !withheld && entry.body.len() <= EDITABLE_BYTES_MAX)
            .then(|| text.replace("\r\n", "\n").replace('\r', "\n")),
    };
    html(&page)
}

fn finding_row(finding: Finding) -> FindingRow {
    let (word, tone) = match finding.severity {
        Severity::Error => ("Stops it", "danger"),
        Severity::Warning => ("Not used", "caution"),
        Severity::Note => ("Note", "plain"),
    };
    FindingRow {
        error: finding.severity == Severity::Error,
        place: if finding.place.is_empty() { "The message".into() } else { finding.place },
        text: finding.text,
        code: finding.code,
        word,
        tone,
    }
}

async fn read(state: &AppState, who: &SignedIn, pos: u64, what: &str) -> Result<(Problem, Entry), PageError> {
    let (site, signed, what) = (state.clone(), who.clone(), format!("{what} {pos}"));
    let work = move || -> Result<_, PageError> {
        let permit = permit(&site, &signed, what)?;
        Ok(permit.seal(site.engine()?.problem(pos)?))
    };
    let sealed = crate::blocking::spawn(work).await.map_err(|error| PageError::Fault(error.to_string()))??;
    sealed.release().await?.ok_or(PageError::NotFound)
}

/// Whether the message holds whereabouts that nobody here may see.
async fn restricted(state: &AppState, problem: &Problem, body: &[u8]) -> Result<bool, PageError> {
    let (site, source, lane, body) = (state.clone(), problem.source.clone(), problem.lane, body.to_vec());
    let known = crate::blocking::spawn(move || site.records.message_restricted(&source, lane, &body));
    Ok(known.await.map_err(|error| PageError::Fault(error.to_string()))??)
}

/// The message's rows without what they say.
fn masked_rows(body: &[u8]) -> Vec<Row> {
    desk::masked(body).iter().map(|line| Row { pieces: origin::pieces(line), here: false }).collect()
}

/// The message's rows with the places of its findings marked.
fn marked_rows(body: &[u8], findings: &[Finding]) -> (Vec<Row>, bool) {
    let parsed = hl7v2::parse(body);
    let Some(message) = parsed.message.filter(|_| !body.trim_ascii_start().starts_with(b"{")) else {
        let pretty = serde_json::from_slice::<serde_json::Value>(body)
            .ok()
            .and_then(|json| serde_json::to_string_pretty(&json).ok());
        let text = pretty.unwrap_or_else(|| origin::decode(body));
        let rows = origin::lines(&text).into_iter().map(|line| Row { pieces: origin::pieces(line), here: false });
        return (rows.collect(), false);
    };
    let places = findings.iter().filter_map(|finding| finding.place.parse::<hl7v2::Location>().ok());
    let mut spans: Vec<Range<usize>> = places.filter_map(|place| message.span(&place)).collect();
    spans.sort_by_key(|span| (span.start, span.end));
    let text = message.text();
    let mut rows = Vec::new();
    for line in origin::lines(text) {
        let start = line.as_ptr().addr() - text.as_ptr().addr();
        let end = start + line.len();
        let inside: Vec<Range<usize>> = spans
            .iter()
            .filter(|span| span.start >= start && span.start < end.max(start + 1))
            .map(|span| span.start - start..span.end.min(end) - start)
            .collect();
        rows.push(Row { here: !inside.is_empty(), pieces: cut_at(line, &inside) });
    }
    let marked = rows.iter().any(|row| row.here);
    (rows, marked)
}

/// A line in pieces, marked at the spans. An empty span (a field that is missing) marks the place itself.
fn cut_at(line: &str, spans: &[Range<usize>]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut at = 0;
    for span in spans.iter().filter(|span| span.end.saturating_sub(span.start) < line.len()) {
        let (Some(before), Some(inside)) = (line.get(at..span.start), line.get(span.clone())) else { continue };
        pieces.extend(origin::pieces(before));
        let text = if inside.is_empty() { "(empty)".to_owned() } else { inside.chars().take(200).collect() };
        pieces.push(Piece { text, cut: false, marked: true });
        at = span.end;
    }
    pieces.extend(line.get(at..).map(origin::pieces).unwrap_or_default());
    pieces
}

/// `POST /errors/{pos}/resubmit`: process again as it is.
pub async fn resubmit(
    State(state): State<AppState>,
    who: SignedIn,
    Path(pos): Path<u64>,
    Form(form): Form<Token>,
) -> Result<Response, PageError> {
    who.check(form.as_str())?;
    again(&state, &who, pos, None, "resubmitted as it was").await
}

/// The form of editing.
#[derive(Deserialize)]
pub struct Edit {
    form_token: String,
    body: String,
    why: String,
}

/// `POST /errors/{pos}/edit`: process an edited copy in its place.
pub async fn edit(
    State(state): State<AppState>,
    who: SignedIn,
    Path(pos): Path<u64>,
    Form(form): Form<Edit>,
) -> Result<Response, PageError> {
    who.check(&form.form_token)?;
    // Browsers send line ends as CRLF; HL7 v2 segments end in CR. JSON does not mind.
    let lines: Vec<&str> = origin::lines(&form.body);
    let body = if form.body.trim_start().starts_with('{') { form.body.clone() } else { lines.join("\r") + "\r" };
    if form.body.trim().is_empty() {
        return Err(PageError::Bad("The edited message is empty: settle it without processing instead.".into()));
    }
    again(&state, &who, pos, Some(body.into_bytes()), form.why.trim()).await
}

async fn again(
    state: &AppState,
    who: &SignedIn,
    pos: u64,
    body: Option<Vec<u8>>,
    why: &str,
) -> Result<Response, PageError> {
    permit(state, who, format!("resubmit {pos}"))?.seal(()).release().await?;
    let decision = state.engine()?.resubmit(pos, body, &who.user.id, why, state.now()).await?;
    let decision = decision.ok_or(PageError::NotFound)?;
    let target = match tokio::time::timeout(WAIT, state.engine()?.wait_applied(decision)).await {
        Ok(outcome) => match still_open(state, pos, &outcome?)? {
            true => format!("/errors/{pos}?after=still"),
            false => "/errors?done=1".to_owned(),
        },
        Err(_) => format!("/errors/{pos}?after=later"),
    };
    Ok(Redirect::to(&target).into_response())
}

fn still_open(state: &AppState, pos: u64, outcome: &Applied) -> Result<bool, PageError> {
    let settled = state.engine()?.outcome(pos)?;
    Ok(*outcome != Applied::Done || settled != Applied::Done)
}

/// `POST /errors/resubmit`: process many again, oldest first.
pub async fn resubmit_many(State(state): State<AppState>, who: SignedIn, body: Bytes) -> Result<Response, PageError> {
    let mut form_token = String::new();
    let mut chosen: Vec<u64> = Vec::new();
    // A repeated field (`of=1&of=2`), which a struct cannot take.
    for pair in body.split(|byte| *byte == b'&') {
        let text = std::str::from_utf8(pair).unwrap_or_default();
        match text.split_once('=') {
            Some(("form_token", token)) => form_token = token.to_owned(),
            Some(("of", pos)) => chosen.extend(pos.parse::<u64>()),
            _ => {}
        }
    }
    who.check(&form_token)?;
    chosen.sort_unstable();
    chosen.dedup();
    if chosen.is_empty() {
        return Err(PageError::Bad("Choose at least one message to resubmit.".into()));
    }
    if chosen.len() > RESUBMIT_MAX {
        return Err(PageError::Bad(format!("Choose at most {RESUBMIT_MAX} messages at a time.")));
    }
    permit(&state, &who, format!("resubmit {} messages from {}", chosen.len(), chosen.first().copied().unwrap_or(0)))?
        .seal(())
        .release()
        .await?;
    let (mut done, mut failed, mut last) = (0u64, 0u64, None);
    let mut of_decision = Vec::new();
    for pos in chosen {
        let decision =
            state.engine()?.resubmit(pos, None, &who.user.id, "resubmitted with others", state.now()).await?;
        if let Some(decision) = decision {
            of_decision.push(pos);
            last = Some(decision);
        }
    }
    if let Some(last) = last {
        let waited = tokio::time::timeout(WAIT, state.engine()?.wait_applied(last)).await;
        for pos in of_decision {
            match (&waited, state.engine()?.outcome(pos)?) {
                (Ok(_), Applied::Done) => done += 1,
                _ => failed += 1,
            }
        }
    }
    Ok(Redirect::to(&format!("/errors?done={done}&failed={failed}")).into_response())
}

/// The form of settling.
#[derive(Deserialize)]
pub struct Settle {
    form_token: String,
    why: String,
}

/// `POST /errors/{pos}/discard`: settle without processing.
pub async fn discard(
    State(state): State<AppState>,
    who: SignedIn,
    Path(pos): Path<u64>,
    Form(form): Form<Settle>,
) -> Result<Response, PageError> {
    who.check(&form.form_token)?;
    if form.why.trim().is_empty() {
        return Err(PageError::Bad("Say why the message needs no processing.".into()));
    }
    permit(&state, &who, format!("discard {pos}"))?.seal(()).release().await?;
    let decision = state.engine()?.discard(pos, &who.user.id, form.why.trim(), state.now()).await?;
    let decision = decision.ok_or(PageError::NotFound)?;
    let _ = tokio::time::timeout(WAIT, state.engine()?.wait_applied(decision)).await;
    Ok(Redirect::to("/errors").into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_a_finding_is_marked_in_the_message() {
        let body = b"MSH|^~\\&|PAS|RXX|||20260101||ADT^A01|1|P|2.4\rPID|1||123^^^RXX~943^^^NHS||OKAFOR^GRACE\r";
        let finding = Finding {
            severity: Severity::Warning,
            code: "nhs-number".into(),
            place: "PID-3[2].1".into(),
            text: "not ten digits".into(),
        };
        let (rows, marked) = marked_rows(body, &[finding]);
        assert!(marked && rows[1].here && !rows[0].here);
        let piece = rows[1].pieces.iter().find(|piece| piece.marked).expect("a marked piece");
        assert_eq!(piece.text, "943");
        let whole: String = rows[1].pieces.iter().map(|piece| piece.text.as_str()).collect();
        assert_eq!(whole, "PID|1||123^^^RXX~943^^^NHS||OKAFOR^GRACE", "and nothing else of it changes");
    }

    #[test]
    fn a_bundle_is_shown_line_by_line() {
        let (rows, marked) = marked_rows(br#"{"resourceType":"Bundle"}"#, &[]);
        assert_eq!((rows.len(), marked), (3, false));
    }
}
