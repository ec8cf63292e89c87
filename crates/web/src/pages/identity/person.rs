//! A person: who it is now, how that came to be, and taking patients out of it.

use super::{
    Face, Way, blocking, carry_out,
    decide::{self, Done},
    decision, face, note, pair_address, permit, reads, words,
};
use crate::{
    error::PageError,
    pages::{Chrome, Here, html, thousands},
    session::SignedIn,
    sources,
    state::AppState,
};
use askama::Template;
use axum::{
    Form,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{Html, IntoResponse, Redirect, Response},
};
use fhir::{PatientKey, PersonKey};
use intake::{Act, LinkDecision};
use record::{
    Pair, Said,
    freshness::SourceState,
    origin::why_linked,
    stewards::{Lineage, Side},
    when,
};
use std::{collections::HashMap, sync::Arc};

/// Patients that may leave together.
const LEAVING_MAX: usize = 200;

struct Member {
    face: Face,
    since: String,
    why: String,
    held: String,
    merged: bool,
    beside: Option<String>,
    ticked: bool,
}

struct Step {
    at: String,
    patient: String,
    words: String,
    /// The other person, where one was or is.
    other: Option<String>,
    why: String,
    by: String,
}

struct Statement {
    words: &'static str,
    names: String,
    href: Option<String>,
    by: String,
    at: String,
    why: String,
    seq: u64,
    holds: bool,
}

struct Waiting {
    href: String,
    words: &'static str,
    names: String,
}

#[derive(Template)]
#[template(path = "identity_person.html")]
struct PersonPage {
    chrome: Chrome,
    done: Option<Done>,
    problem: Option<String>,
    person: PersonKey,
    name: String,
    born: String,
    nhs: String,
    restricted: bool,
    members: Vec<Member>,
    waiting: Vec<Waiting>,
    statements: Vec<Statement>,
    steps: Vec<Step>,
    now_at: Vec<String>,
    beside: Option<String>,
    seen: u64,
    note: String,
}

struct Looked {
    lineage: Lineage,
    states: Vec<SourceState>,
}

async fn look(state: &AppState, who: &SignedIn, person: PersonKey, what: &str) -> Result<Looked, PageError> {
    let (site, user, what) = (state.clone(), Arc::clone(&who.user), format!("{what} {person}"));
    let sealed = blocking(move || {
        let permit = permit(&site, &user, Some(person), what)?;
        Ok((site.records.lineage(&permit, person)?, sources::states(&site, &[])?))
    });
    let (lineage, states) = sealed.await?;
    Ok(Looked { lineage: lineage.release().await?.ok_or(PageError::NotFound)?, states })
}

/// The newest link of a person: what a split is decided upon.
fn newest(lineage: &Lineage) -> u64 {
    let links = lineage.links.iter().map(|(link, _)| link);
    links
        .filter(|link| link.person == lineage.person && link.seq_to.is_none())
        .map(|link| link.seq_from)
        .max()
        .unwrap_or(0)
}

/// `GET /identity/person/{person}`.
pub async fn show(
    State(state): State<AppState>,
    who: SignedIn,
    Path(person): Path<String>,
    Query(way): Query<Way>,
) -> Result<Html<String>, PageError> {
    let person: PersonKey = person.parse().map_err(|_| PageError::NotFound)?;
    let looked = look(&state, &who, person, "history").await?;
    let done = decide::done(&state, &who, &way, None).await?;
    page(&state, &who, looked, done, None, String::new(), &[])
}

fn page(
    state: &AppState,
    who: &SignedIn,
    looked: Looked,
    done: Option<Done>,
    problem: Option<String>,
    note: String,
    ticked: &[PatientKey],
) -> Result<Html<String>, PageError> {
    let Looked { lineage, states } = looked;
    let first = lineage.patients.first();
    let faces: HashMap<PatientKey, Face> =
        lineage.patients.iter().chain(&lineage.former).map(|side| (side.patient, face(side, &states))).collect();
    let decisions: HashMap<u64, LinkDecision> =
        lineage.decisions.iter().filter_map(|decided| Some((decided.seq, reads(decided)?))).collect();
    let times: HashMap<u64, jiff::Timestamp> = lineage.decisions.iter().map(|d| (d.seq, d.at)).collect();
    let heading = first.map(|side| face(side, &states));
    let beside = |side: &Side| {
        let first = first.map(|first| first.patient)?;
        Pair::new(first, side.patient).map(pair_address)
    };
    let members = lineage.patients.iter().map(|side| Member {
        face: face(side, &states),
        since: when::date_time(side.since),
        why: why(&side.reason, &decisions),
        held: match side.counts.iter().map(|(_, count)| count).sum::<u64>() {
            1 => "1 entry".into(),
            many => format!("{} entries", thousands(many)),
        },
        merged: side.survivor.is_some(),
        beside: beside(side),
        ticked: ticked.contains(&side.patient),
    });
    let name = |patient: PatientKey| faces.get(&patient).map_or_else(|| short(patient), |face| face.source.clone());
    let steps = lineage.links.iter().map(|(link, at)| {
        let before = lineage.links.iter().map(|(link, _)| link).find(|before| {
            before.patient == link.patient && before.seq_to == Some(link.seq_from) && before.person != link.person
        });
        let here = link.person == lineage.person;
        let (words, other) = match (here, before) {
            (true, None) => ("became this person", None),
            (true, Some(before)) => ("became this person; before, it was", Some(before.person)),
            (false, Some(before)) if before.person == lineage.person => ("left, and became", Some(link.person)),
            (false, _) => ("became", Some(link.person)),
        };
        let decision = decisions.get(&link.seq_from);
        Step {
            at: when::date_time(*at),
            patient: name(link.patient),
            words: words.into(),
            other: other.map(|person| person.to_string()),
            why: match decision.map(|decision| &decision.act) {
                Some(Act::Withdraw { .. }) => "a decision was taken back".into(),
                Some(_) => "decided by a data steward".into(),
                None => why_linked(&link.reason),
            },
            by: decision.map(by).unwrap_or_default(),
        }
    });
    let mut now_at: Vec<String> = Vec::new();
    if lineage.patients.is_empty() {
        for (link, _) in lineage.links.iter().filter(|(link, _)| link.seq_to.is_none()) {
            let person = link.person.to_string();
            if !now_at.contains(&person) {
                now_at.push(person);
            }
        }
    }
    let waiting = lineage.reviews.iter().filter(|review| review.status.waits()).map(|review| Waiting {
        href: pair_address(review.pair),
        words: words::kind(review.kind),
        names: format!("{} and {}", name(review.pair.a), name(review.pair.b)),
    });
    html(&PersonPage {
        chrome: Chrome::new(state, who, Here::Identity),
        name: heading.as_ref().map_or_else(|| "Nobody is this person now".into(), |face| face.name.clone()),
        born: heading.as_ref().map(|face| face.born.clone()).unwrap_or_default(),
        nhs: heading.map(|face| face.nhs).unwrap_or_default(),
        restricted: lineage.patients.iter().any(|side| side.restricted),
        members: members.collect(),
        waiting: waiting.collect(),
        statements: statements(&lineage, &decisions, &times, &name),
        steps: steps.collect(),
        now_at,
        beside: first.map(|side| side.patient.to_string()),
        seen: newest(&lineage),
        person: lineage.person,
        done,
        problem,
        note,
    })
}

/// A patient that is not this person now: its key is all that may be said.
fn short(patient: PatientKey) -> String {
    format!("patient {patient}")
}

fn by(decision: &LinkDecision) -> String {
    match decision.why.is_empty() {
        true => decision.name.clone(),
        false => format!("{}: {}", decision.name, decision.why),
    }
}

fn why(reason: &str, decisions: &HashMap<u64, LinkDecision>) -> String {
    let seq = serde_json::from_str::<serde_json::Value>(reason).ok().and_then(|reason| reason.get("seq")?.as_u64());
    match seq.and_then(|seq| decisions.get(&seq)) {
        Some(decision) => format!("decided by {}", by(decision)),
        None => why_linked(reason),
    }
}

/// What stewards said, one decision a line: splitting a person says something of many pairs.
fn statements(
    lineage: &Lineage,
    decisions: &HashMap<u64, LinkDecision>,
    times: &HashMap<u64, jiff::Timestamp>,
    name: &dyn Fn(PatientKey) -> String,
) -> Vec<Statement> {
    let mut statements: Vec<Statement> = Vec::new();
    for said in &lineage.assertions {
        let holds = said.seq_to.is_none();
        if let Some(known) = statements.iter_mut().find(|known| known.seq == said.seq) {
            known.holds |= holds;
            continue;
        }
        let decision = decisions.get(&said.seq);
        let pair = decision.and_then(|decision| decision.act.pair());
        // What a withdrawal put back in force is told by the decision that said it first.
        if decision.is_some_and(|decision| matches!(decision.act, Act::Withdraw { .. })) && !holds {
            continue;
        }
        statements.push(Statement {
            words: match (said.said, pair) {
                (Said::Different, None) => "Split: not the same",
                (said, _) => words::said(said),
            },
            names: match decision.map(|decision| &decision.act) {
                Some(Act::Separate { patients }) => {
                    format!("{} left", patients.iter().map(|one| name(*one)).collect::<Vec<_>>().join(", "))
                }
                _ => format!("{} and {}", name(said.pair.a), name(said.pair.b)),
            },
            href: pair.map(pair_address),
            by: decision.map(|decision| decision.name.clone()).unwrap_or_default(),
            at: times.get(&said.seq).map(|at| when::date_time(*at)).unwrap_or_default(),
            why: decision.map(|decision| decision.why.clone()).unwrap_or_default(),
            seq: said.seq,
            holds,
        });
    }
    statements
}

/// The form of a split: a repeated field, which a struct cannot take.
#[derive(Default)]
struct Split {
    form_token: String,
    seen: u64,
    note: String,
    patients: Vec<PatientKey>,
}

fn read_split(fields: Vec<(String, String)>) -> Result<Split, PageError> {
    let mut split = Split::default();
    for (name, value) in fields {
        match name.as_str() {
            "form_token" => split.form_token = value,
            "seen" => split.seen = value.parse().unwrap_or(0),
            "note" => split.note = value,
            "patient" => split.patients.push(super::patient(&value)?),
            _ => {}
        }
    }
    split.patients.sort_unstable();
    split.patients.dedup();
    Ok(split)
}

/// `POST /identity/person/{person}/split`: those who are ticked become a person of their own.
pub async fn split(
    State(state): State<AppState>,
    who: SignedIn,
    Path(person): Path<String>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, PageError> {
    let person: PersonKey = person.parse().map_err(|_| PageError::NotFound)?;
    let form = read_split(fields)?;
    who.check(&form.form_token)?;
    let looked = look(&state, &who, person, "decide separate").await?;
    let again = |looked: Looked, status: StatusCode, problem: String| {
        page(&state, &who, looked, None, Some(problem), form.note.clone(), &form.patients)
            .map(|page| (status, page).into_response())
    };
    let members: Vec<PatientKey> = looked.lineage.patients.iter().map(|side| side.patient).collect();
    if newest(&looked.lineage) != form.seen {
        return again(looked, StatusCode::CONFLICT, MEANWHILE.into());
    }
    if form.patients.iter().any(|patient| !members.contains(patient)) {
        return again(looked, StatusCode::BAD_REQUEST, "Tick only patients of this person.".into());
    }
    if form.patients.is_empty() {
        return again(looked, StatusCode::BAD_REQUEST, "Tick the patients who are somebody else.".into());
    }
    if form.patients.len() == members.len() {
        let problem = "Leave at least one unticked: if all are somebody else, there is nobody to part them from.";
        return again(looked, StatusCode::BAD_REQUEST, problem.into());
    }
    if form.patients.len() > LEAVING_MAX {
        return again(looked, StatusCode::BAD_REQUEST, format!("Tick at most {LEAVING_MAX} patients at a time."));
    }
    let why = match note(&form.note, true) {
        Ok(why) => why,
        Err(problem) => return again(looked, StatusCode::BAD_REQUEST, problem),
    };
    let act = Act::Separate { patients: form.patients.clone() };
    let (pos, carried_out) = carry_out(&state, &decision(&who, act, why, Some(form.seen))).await?;
    if !carried_out {
        return Ok(Redirect::to(&format!("/identity/person/{person}?later=yes")).into_response());
    }
    let looked = look(&state, &who, person, "history").await?;
    if !looked.lineage.assertions.iter().any(|said| said.seq == pos) {
        return again(looked, StatusCode::CONFLICT, MEANWHILE.into());
    }
    Ok(Redirect::to(&format!("/identity/person/{person}?done={pos}")).into_response())
}

const MEANWHILE: &str = "Nothing was changed by you: this person has changed since you opened the page. Look again, then \
    decide anew if you must.";
