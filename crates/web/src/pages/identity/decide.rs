//! Deciding, and taking it back.

use super::{
    List, Way, blocking, carry_out, decision, face, note,
    pair::{self, Looked},
    pair_address, pair_of, permit, queue, reads, words,
};
use crate::{error::PageError, session::SignedIn, sources, state::AppState};
use axum::{
    Form,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use fhir::PatientKey;
use intake::{Act, LinkDecision};
use record::{Pair, QueueMark, Said};
use serde::Deserialize;
use std::sync::Arc;

/// What was just done, with a way back.
pub struct Done {
    pub words: String,
    /// The decision that can be taken back.
    pub undo: Option<u64>,
    /// The list to come back to.
    pub list: Option<List>,
}

/// What the address says was just done. Only this steward's own doings: an address can be made by anybody.
pub async fn done(state: &AppState, who: &SignedIn, way: &Way, list: Option<List>) -> Result<Option<Done>, PageError> {
    if way.later == "yes" {
        let words = "Your decision is in the journal and will be carried out in its turn.".into();
        return Ok(Some(Done { words, undo: None, list }));
    }
    if way.undone.is_some() {
        let words = "Taken back: who is who is as it was before.".into();
        return Ok(Some(Done { words, undo: None, list }));
    }
    let Some(seq) = way.done else { return Ok(None) };
    let (site, user) = (state.clone(), Arc::clone(&who.user));
    let found = blocking(move || {
        let permit = permit(&site, &user, None, format!("decision {seq}"))?;
        let decided = site.records.decided(&permit, seq)?;
        Ok(decided.map(|decided| {
            let decision = decided.as_ref().and_then(reads).filter(|decision| decision.by == user.id)?;
            let patients = decision.act.patients();
            let holds = site.records.in_force(&permit, seq, &patients).ok()?;
            let beside = decision.act.pair().and_then(|pair| site.records.side_by_side(&permit, pair).ok());
            let states = sources::states(&site, &[]).unwrap_or_default();
            Some((decision, holds, beside, states))
        }))
    });
    let Some((decision, holds, beside, states)) = found.await?.release().await? else { return Ok(None) };
    if !holds.release().await? {
        return Ok(None);
    }
    let beside = match beside {
        Some(sealed) => sealed.release().await?,
        None => None,
    };
    let names = beside.as_ref().map(|beside| {
        let (a, b) = (face(&beside.left, &states), face(&beside.right, &states));
        if a.name == b.name {
            format!("{} at {} and at {}", a.name, a.source, b.source)
        } else {
            format!("{} and {}", a.name, b.name)
        }
    });
    let names = names.unwrap_or_else(|| "the patients".into());
    let linked = beside.as_ref().is_some_and(record::stewards::SideBySide::linked);
    let words = match decision.act {
        Act::Same { .. } if linked => format!("Decided: {names} are the same person."),
        Act::Same { .. } => format!("Noted: you say that {names} are the same person. Another steward must agree."),
        Act::Different { .. } => format!("Decided: {names} are not the same person."),
        Act::Unsure { .. } => format!("Noted: it cannot be told whether {names} are the same person."),
        Act::Separate { .. } => "Decided: the patients you ticked are a person of their own.".into(),
        Act::Report { .. } | Act::Withdraw { .. } => return Ok(None),
    };
    Ok(Some(Done { words, undo: Some(seq), list }))
}

/// The form of a decision about two.
#[derive(Deserialize)]
pub struct Decide {
    form_token: String,
    /// How much had been said when the page was made.
    seen: u64,
    said: String,
    #[serde(default)]
    note: String,
    #[serde(default)]
    list: String,
    #[serde(default)]
    kind: String,
}

/// `POST /identity/pair/{a}/{b}`.
pub async fn decide(
    State(state): State<AppState>,
    who: SignedIn,
    Path((a, b)): Path<(String, String)>,
    Form(form): Form<Decide>,
) -> Result<Response, PageError> {
    who.check(&form.form_token)?;
    let pair = pair_of(&a, &b)?;
    let list = List::of(&form.list, &form.kind)?;
    let (a, b) = (pair.a, pair.b);
    let act = match form.said.as_str() {
        "same" => Act::Same { a, b },
        "different" => Act::Different { a, b },
        "unsure" => Act::Unsure { a, b },
        _ => return Err(PageError::Bad("Choose one of: same person, not the same, cannot tell.".into())),
    };
    let looked = pair::look(&state, &who, pair, &format!("decide {}", act.as_str())).await?;
    let again = |looked: Looked, status: StatusCode, problem: String| {
        pair::page(&state, &who, looked, list, None, Some(problem), form.note.clone())
            .map(|page| (status, page).into_response())
    };
    if looked.beside.turns() != form.seen {
        return again(looked, StatusCode::CONFLICT, MEANWHILE.into());
    }
    let why = match note(&form.note, looked.beside.needs_two) {
        Ok(why) => why,
        Err(problem) => return again(looked, StatusCode::BAD_REQUEST, problem),
    };
    let mine = looked.beside.said_by(&who.user.id).map(|opinion| opinion.said);
    if looked.beside.needs_two && form.said == "same" && mine == Some(Said::Same) {
        return again(looked, StatusCode::BAD_REQUEST, SECOND.into());
    }
    let mark = QueueMark { score: looked.beside.review.as_ref().map_or(0, |review| review.score), pair };
    let (pos, carried_out) = carry_out(&state, &decision(&who, act, why, Some(form.seen))).await?;
    if carried_out {
        // Another steward may have been faster by a moment: then this decision did nothing.
        let looked = pair::look(&state, &who, pair, "compare").await?;
        let review = looked.beside.review.as_ref();
        if !review.is_some_and(|review| review.opinions.iter().any(|opinion| opinion.seq == pos)) {
            return again(looked, StatusCode::CONFLICT, MEANWHILE.into());
        }
    }
    let told = if carried_out { format!("done={pos}") } else { "later=yes".to_owned() };
    let target = match list {
        Some(list) => match queue::next(&state, &who, list, Some(mark)).await? {
            Some(next) => format!("{}?{}&{told}", pair_address(next), list.query()),
            None => format!("/identity?{}&{told}", list.query()),
        },
        None => format!("{}?{told}", pair_address(pair)),
    };
    Ok(Redirect::to(&target).into_response())
}

const MEANWHILE: &str = "Nothing was changed by you: somebody else has decided about these two since you opened the page. \
    See below who, and what, then decide again if you must.";
const SECOND: &str = "You have said so already. Another steward must agree, so that two people have looked.";

/// The form of taking back.
#[derive(Deserialize)]
pub struct Undo {
    form_token: String,
    #[serde(default)]
    why: String,
    #[serde(default)]
    list: String,
    #[serde(default)]
    kind: String,
}

/// `POST /identity/undo/{seq}`.
pub async fn undo(
    State(state): State<AppState>,
    who: SignedIn,
    Path(seq): Path<u64>,
    Form(form): Form<Undo>,
) -> Result<Response, PageError> {
    who.check(&form.form_token)?;
    let list = List::of(&form.list, &form.kind)?;
    let why = note(&form.why, false).map_err(PageError::Bad)?;
    let (former, holds) = standing(&state, &who, seq).await?;
    if !holds {
        return Err(PageError::Bad(
            "This decision no longer holds: it was taken back, or a later one took its place. Nothing was changed."
                .into(),
        ));
    }
    let why = if why.is_empty() { "taken back".to_owned() } else { why };
    let (_, carried_out) = carry_out(&state, &decision(&who, Act::Withdraw { of: seq }, why, None)).await?;
    let told = if carried_out { format!("undone={seq}") } else { "later=yes".to_owned() };
    let target = match (former.act.pair(), former.act.patients().first().copied()) {
        (Some(pair), _) => match list {
            Some(list) => format!("{}?{}&{told}", pair_address(pair), list.query()),
            None => format!("{}?{told}", pair_address(pair)),
        },
        (None, Some(first)) => format!("/identity/patient/{first}?{told}"),
        (None, None) => "/identity".into(),
    };
    Ok(Redirect::to(&target).into_response())
}

/// A decision, and whether any of it holds.
async fn standing(state: &AppState, who: &SignedIn, seq: u64) -> Result<(LinkDecision, bool), PageError> {
    let (site, user) = (state.clone(), Arc::clone(&who.user));
    let found = blocking(move || {
        let permit = permit(&site, &user, None, format!("decide withdraw {seq}"))?;
        Ok((site.records.decided(&permit, seq)?, permit))
    });
    let (decided, permit) = found.await?;
    let former = decided.release().await?.as_ref().and_then(reads).ok_or(PageError::NotFound)?;
    let (site, patients) = (state.clone(), former.act.patients());
    let holds = blocking(move || Ok(site.records.in_force(&permit, seq, &patients)?)).await?;
    Ok((former, holds.release().await?))
}

/// `GET /identity/patient/{patient}`: the person a patient is now.
pub async fn person_of(
    State(state): State<AppState>,
    who: SignedIn,
    Path(patient): Path<String>,
    Query(way): Query<Way>,
) -> Result<Response, PageError> {
    let patient: PatientKey = super::patient(&patient)?;
    let (site, user) = (state.clone(), Arc::clone(&who.user));
    let found = blocking(move || {
        let permit = permit(&site, &user, None, format!("history {patient}"))?;
        Ok(site.records.steward_person_of(&permit, patient)?)
    });
    let person = found.await?.release().await?.ok_or(PageError::NotFound)?;
    let told = match (way.done, way.undone, way.later.as_str()) {
        (Some(seq), ..) => format!("?done={seq}"),
        (None, Some(seq), _) => format!("?undone={seq}"),
        (None, None, "yes") => "?later=yes".to_owned(),
        _ => String::new(),
    };
    Ok(Redirect::to(&format!("/identity/person/{person}{told}")).into_response())
}

/// What was said of two, for the pages that list it.
pub struct Told {
    pub words: &'static str,
    pub who: String,
    pub at: String,
    pub note: String,
    pub seq: u64,
    pub undoable: bool,
    pub withdrawn: bool,
}

/// The opinions of a review, newest first.
pub fn told(review: Option<&record::Review>) -> Vec<Told> {
    let opinions = review.map(|review| review.opinions.as_slice()).unwrap_or_default();
    let told = opinions.iter().rev().map(|opinion| Told {
        words: words::said(opinion.said),
        who: opinion.name.clone(),
        at: record::when::date_time(opinion.at),
        note: opinion.note.clone(),
        seq: opinion.seq,
        undoable: opinion.withdrawn.is_none() && opinion.said != Said::Reported,
        withdrawn: opinion.withdrawn.is_some(),
    });
    told.collect()
}

/// A pair's address, for other pages.
pub fn address(pair: Pair) -> String {
    pair_address(pair)
}
