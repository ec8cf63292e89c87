//! What is done with a request, by whoever is asked and whoever asks: over the version that was seen, or not at all.

use super::{
    super::write,
    frame::{self, Opened},
    page,
    show::{Undone, render, side_name},
    sides, task, wanted,
};
use crate::{error::PageError, pages::write::Wrote, session::SignedIn, state::AppState};
use access::Permit;
use axum::{
    Form,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use fhir::{ResourceId, ResourceType};
use forms::{Act, Author, Side};
use intake::Expected;
use record::{Filter, ParsedItem, sections::requests};
use serde::Deserialize;

/// What the policies call answering.
pub(super) const ANSWER: &str = "answer";
/// Words at most.
const WORDS_CHARS_MAX: usize = 10_000;

/// What is sent.
#[derive(Deserialize)]
pub struct ActForm {
    form_token: String,
    person: String,
    /// The task and its version, as they were shown.
    task: String,
    /// The same of the ServiceRequest.
    #[serde(default)]
    focus: String,
    /// What the policies call the request.
    writes: String,
    act: String,
    #[serde(default)]
    words: String,
}

fn versioned(text: &str) -> Option<(ResourceId, u32)> {
    let (id, version) = text.split_once('@')?;
    Some((id.parse().ok()?, version.parse().ok()?))
}

async fn read(state: &AppState, permit: &Permit, id: ResourceId) -> Result<Opened, PageError> {
    let (site, permit) = (state.clone(), permit.clone());
    let work = move || {
        let now = site.now();
        let states = frame::states(&site, &permit)?;
        let waiting = site.records.waiting(&permit)?.len();
        let sealed = site.records.read(&permit, &Filter { kinds: wanted(), ..Filter::default() })?;
        Ok::<_, PageError>(sealed.map(|items| frame::opened(&items, states, page(id), &permit, waiting, now)))
    };
    let sealed = crate::blocking::spawn(work).await.map_err(|error| PageError::Fault(error.to_string()))??;
    sealed.release().await?
}

/// `POST /record/{person}/request/{id}`, by the task.
pub async fn act(
    State(state): State<AppState>,
    who: SignedIn,
    Path((person, id)): Path<(String, String)>,
    Form(form): Form<ActForm>,
) -> Result<Response, PageError> {
    who.check(&form.form_token)?;
    let person = frame::person(&person)?;
    if form.person != person.to_string() {
        let sentence = "This form was opened for another person than the record it was sent to. Nothing was written. Go back \
                        and look whose name stands at the top of the page.";
        return Err(PageError::Bad(sentence.into()));
    }
    let id: ResourceId = id.parse().map_err(|_| PageError::NotFound)?;
    let act = Act::of(&form.act).ok_or(PageError::NotFound)?;
    let what = match act.side() {
        Side::IsAsked => ANSWER,
        Side::Asks => {
            let known = state.forms.all().iter().find(|known| known.request.is_some() && known.writes == form.writes);
            known.map(|known| known.writes.as_str()).ok_or(PageError::NotFound)?
        }
    };
    let permit = write::ask(&state, &who, person, act.code(), what).await?;
    let opened = read(&state, permit.permit(), id).await?;
    let known = task(&opened.items, ResourceType::Task, id).ok_or(PageError::NotFound)?;
    let request = requests::request(&opened.items, known);
    if !sides(&who.user, &request).contains(&act.side()) || act.side() == Side::Asks && request.writes != what {
        let sentence = match act.side() {
            Side::IsAsked => "This request is not to your organisation: those who are asked answer it.",
            Side::Asks => "This request is not of your organisation: those who asked say more about it.",
        };
        return Err(PageError::Forbidden(sentence.into()));
    }
    let typed: String = form.words.replace("\r\n", "\n");
    let words: String = typed.trim().chars().filter(|one| !one.is_control() || matches!(one, '\n' | '\t')).collect();
    let undone = |problem: &str, conflict: bool| Undone {
        problem: problem.to_owned(),
        words: typed.clone(),
        side: side_name(act.side()),
        conflict,
    };
    let refuse = |opened: Opened, undone: Undone| {
        let status = if undone.conflict { StatusCode::CONFLICT } else { StatusCode::BAD_REQUEST };
        let page = render(&state, &who, opened, (ResourceType::Task, id), None, undone)?;
        Ok((status, page).into_response())
    };
    if versioned(&form.task) != Some(request.task) || !act.can(&request.status) {
        return refuse(opened, undone(MEANWHILE, true));
    }
    if words.chars().count() > WORDS_CHARS_MAX {
        return refuse(opened, undone("Write 10,000 characters at most.", false));
    }
    if act.needs_words() && words.is_empty() {
        return refuse(opened, undone(missing(act), false));
    }
    // What closes the request changes it as well, over what was shown of it.
    let focus = request.request.filter(|_| act.ends());
    if act.ends() && (focus.is_none() || versioned(&form.focus) != focus) {
        return refuse(opened, undone(MEANWHILE, true));
    }
    let is_focus =
        |item: &&ParsedItem| item.kind() == ResourceType::ServiceRequest && focus.is_some_and(|(id, _)| id == item.id);
    let asked = opened.items.iter().find(is_focus);
    let author = Author { words: write::author(&who.user), is_person: false };
    let made = forms::acted(
        (&known.resource, &known.id),
        asked.map(|asked| (&asked.resource, &asked.id)),
        act,
        &words,
        &author,
        state.now(),
    );
    let Some(made) = made else { return refuse(opened, undone(MEANWHILE, true)) };
    let mut expects = vec![Expected { reference: format!("Task/{id}"), version: request.task.1 }];
    expects.extend(focus.map(|(id, version)| Expected { reference: format!("ServiceRequest/{id}"), version }));
    if write::put(&state, &permit, expects, &made).await? == Wrote::Changed {
        // Somebody else was there between reading and writing: shown as it is now.
        let permit = write::ask(&state, &who, person, act.code(), what).await?;
        let opened = read(&state, permit.permit(), id).await?;
        return refuse(opened, undone(MEANWHILE, true));
    }
    // Who declines has nothing more to do with the person: the record may be shut already.
    let to = match act {
        Act::Decline => "/requests?did=decline".to_owned(),
        _ => format!("/record/{person}/request/Task/{id}?did={}", act.code()),
    };
    Ok(Redirect::to(&to).into_response())
}

const MEANWHILE: &str = "Somebody else did something with this request since you opened it. Nothing of yours was done. What \
                         you typed is below: read what is new, then decide again.";

fn missing(act: Act) -> &'static str {
    match act {
        Act::Decline => "Write why you decline: who asked must know what to do instead.",
        Act::Withdraw => "Write why you withdraw it.",
        Act::Question => "Write what you need to know.",
        Act::Reply => "Write what whoever is asked should know.",
        _ => "Write the answer.",
    }
}
