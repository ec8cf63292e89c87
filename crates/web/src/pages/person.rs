//! The person's own pages: to their record, and who looked at it.

use super::{
    Chrome, Here,
    frame::{self, Frame, Page},
    html,
};
use crate::{error::PageError, session::SignedIn, state::AppState};
use access::{Action, Look, UserKind};
use askama::Template;
use axum::{
    Form,
    extract::{Path, State},
    response::{Html, IntoResponse, Redirect, Response},
};
use record::{Filter, sections::SectionKind, voice::Voice, when};
use serde::Deserialize;
use std::sync::Arc;

/// Accesses shown at most.
const LOOKS_MAX: usize = 1000;

/// `GET /me`: a person's own record; everybody else to where they begin.
pub async fn me(State(state): State<AppState>, who: SignedIn) -> Result<Response, PageError> {
    match (who.user.kind, who.user.person) {
        (UserKind::Person, Some(person)) => Ok(Redirect::to(&format!("/record/{person}")).into_response()),
        (UserKind::Person, None) => Err(PageError::Bad(
            "No record here is known to be yours. Ask your general practice whether it takes part.".into(),
        )),
        _ => match super::first_page(&state, &who.user).as_str() {
            "/me" => Err(PageError::NotFound),
            first => Ok(Redirect::to(first).into_response()),
        },
    }
}

/// One line of the page.
struct Row {
    n: u64,
    at: String,
    who: String,
    organisation: String,
    what: String,
    why: String,
    glass: bool,
    refused: bool,
    questions: Vec<(String, Option<String>)>,
}

#[derive(Template)]
#[template(path = "who_looked.html")]
struct LookedPage {
    chrome: Chrome,
    frame: Frame,
    rows: Vec<Row>,
}

/// `GET /record/{person}/who-looked`.
pub async fn who_looked(
    State(state): State<AppState>,
    who: SignedIn,
    Path(person): Path<String>,
) -> Result<Html<String>, PageError> {
    let person = frame::person(&person)?;
    let chrome = Chrome::new(&state, &who, Here::Elsewhere);
    let (site, user) = (state.clone(), Arc::clone(&who.user));
    let work = move || {
        let now = site.now();
        let permit = site.gate.open(&user, person, &Action::OpenPage { page: "who-looked".into() }, now)?;
        let looks = site.gate.who_looked(&permit, LOOKS_MAX)?;
        let states = frame::states(&site, &permit)?;
        let waiting = site.records.waiting(&permit)?.len();
        let filter = Filter { kinds: frame::BANNER_KINDS.to_vec(), ..Filter::default() };
        let sealed = site.records.read(&permit, &filter)?;
        let page = Page { title: "Who looked".into(), section: None, audit: String::new() };
        let opened = sealed.map(|items| frame::opened(&items, states, page, &permit, waiting, now));
        Ok::<_, PageError>((opened, looks))
    };
    let work = crate::blocking::spawn(work).await.map_err(|error| PageError::Fault(error.to_string()))?;
    let (opened, looks) = work?;
    let (opened, looks) = (opened.release().await??, looks.release().await?);
    let settings = state.gate.policies();
    let reason = |code: &str| settings.settings().reason(code).map(|reason| reason.title.clone());
    let rows = looks.into_iter().map(|look| row(look, &reason)).collect();
    html(&LookedPage { chrome, frame: opened.frame, rows })
}

/// Why, in words for the person.
fn because(why: &str, reason: &dyn Fn(&str) -> Option<String>) -> String {
    let known = match why {
        "registered" => "you are registered there",
        "admitted" => "you were in hospital there",
        "attended" => "you were seen there",
        "appointment" => "you have an appointment there",
        "referred" => "you were referred there",
        "caseload" => "you are on their list",
        "plan" => "they are in your care plan",
        _ => return reason(why).map_or_else(|| why.to_owned(), |title| format!("they said: {title}")),
    };
    known.to_owned()
}

/// What was looked at, in words for the person: by the page's name in the trail, without what only the trail needs.
fn looked_at(what: &str) -> String {
    let Some(page) = what.strip_prefix("page “").and_then(|rest| rest.strip_suffix('”')) else {
        return match what {
            "broke the glass" => "opened it as an emergency".into(),
            "a source’s message" => "looked at the message that an entry came in".into(),
            // The types of what a program read.
            types if types.starts_with(char::is_uppercase) => "read entries of your record with another program".into(),
            plain => plain.to_owned(),
        };
    };
    let (page, then) = match page.split_once("as it stood at ") {
        Some((page, then)) => (page.trim(), then.parse().ok().map(when::date_time)),
        None => (page, None),
    };
    let first = page.split([' ', ',']).next().unwrap_or_default();
    let title = match first {
        "" | "summary" => "the first page of your record",
        "headings" => Voice::Person.says("All headings"),
        "timeline" => Voice::Person.says("Timeline"),
        "as-at" => Voice::Person.says("As it stood on a day"),
        "pack" => Voice::Person.says("Printed pack"),
        "sources" => Voice::Person.says("Sources"),
        "who-looked" => "Who looked",
        "objections" => "What I do not want shared",
        "origin" => "where an entry came from",
        "letter" | "file" | "words" => "a letter",
        "report" => "a report of tests",
        other => {
            SectionKind::from_slug(other).map_or("a page of your record", |section| Voice::Person.says(section.title()))
        }
    };
    then.map_or_else(|| format!("looked at: {title}"), |then| format!("looked at: {title}, as it was on {then}"))
}

fn row(look: Look, reason: &dyn Fn(&str) -> Option<String>) -> Row {
    let why: Vec<String> = look.why.iter().map(|why| because(why, reason)).collect();
    Row {
        n: look.n,
        at: when::date_time(look.at),
        who: match () {
            () if look.own => "You".into(),
            () if look.system => "A computer system".into(),
            () => look.role,
        },
        organisation: look.organisation,
        what: looked_at(&look.what),
        why: why.join("; "),
        glass: look.glass,
        refused: look.refused,
        questions: look.questions,
    }
}

/// A question about an entry.
#[derive(Deserialize)]
pub struct Question {
    form_token: String,
    n: u64,
    #[serde(default)]
    words: String,
}

/// `POST /record/{person}/who-looked`.
pub async fn ask(
    State(state): State<AppState>,
    who: SignedIn,
    Path(person): Path<String>,
    Form(question): Form<Question>,
) -> Result<Response, PageError> {
    who.check(&question.form_token)?;
    let person = frame::person(&person)?;
    let (site, user) = (state.clone(), Arc::clone(&who.user));
    let open = move || site.gate.open(&user, person, &Action::AskAbout, site.now());
    let permit = crate::blocking::spawn(open).await.map_err(|error| PageError::Fault(error.to_string()))??;
    state.gate.ask_about(&permit, question.n, &question.words, state.now()).await?;
    Ok(Redirect::to(&format!("/record/{person}/who-looked#e{}", question.n)).into_response())
}

#[cfg(test)]
mod tests {
    use super::looked_at;

    #[test]
    fn a_page_that_was_looked_at_is_called_what_the_person_knows_it_by() {
        assert_eq!(looked_at("page “problems, side by side”"), "looked at: Your conditions");
        assert_eq!(looked_at("page “origin of Condition 7f3”"), "looked at: where an entry came from");
        assert_eq!(looked_at("page “never heard of”"), "looked at: a page of your record");
        let then = looked_at("page “results as it stood at 2026-01-02T10:00:00Z”");
        assert_eq!(then, "looked at: Tests and results, as it was on 02-Jan-2026 10:00");
        assert_eq!(looked_at("Observation?code=1"), "read entries of your record with another program");
        assert_eq!(looked_at("found you in a search"), "found you in a search");
    }
}
