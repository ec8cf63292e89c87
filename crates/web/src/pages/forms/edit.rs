//! A form being filled in: shown with what was typed, kept as a draft, checked.

use super::{
    super::{Chrome, Here, frame, html, write},
    Desk, Sent, address, form_for, open,
    view::{self, Row},
};
use crate::{error::PageError, session::SignedIn, state::AppState};
use access::WritePermit;
use askama::Template;
use axum::{
    Form,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{Html, IntoResponse, Redirect, Response},
};
use forms::{Answers, Problem};
use record::{DRAFTS_MAX, Draft, DraftBody, when};
use serde::Deserialize;

/// What the page sends back with what is typed.
#[derive(Default)]
struct Kept {
    draft: String,
    revision: u32,
    base: String,
}

#[derive(Template)]
#[template(path = "form.html")]
struct FormPage {
    chrome: Chrome,
    frame: frame::Frame,
    action: String,
    title: String,
    description: String,
    own_words: bool,
    /// Whether it makes a request, which is sent, and no plan.
    request: bool,
    kept: Kept,
    /// When and by whom the draft was saved last.
    saved: Option<(String, String)>,
    /// What was said about the draft just now.
    note: Option<String>,
    /// What it begins from, in words.
    current: Vec<String>,
    /// Other drafts of the same form: address, by whom, when.
    others: Vec<(String, String, String)>,
    problems: Vec<Problem>,
    rows: Vec<Row>,
}

/// Which draft.
#[derive(Deserialize, Default)]
pub struct Which {
    #[serde(default)]
    draft: String,
    /// Whether it is shown with what does not fit.
    #[serde(default)]
    check: bool,
    /// What was done just now.
    #[serde(default)]
    did: String,
}

/// `GET /record/{person}/write/{form}`: a draft, or a new version begun from the one in force. Nothing is kept before it is
/// saved.
pub async fn show(
    State(state): State<AppState>,
    who: SignedIn,
    Path((person, name)): Path<(String, String)>,
    Query(which): Query<Which>,
) -> Result<Html<String>, PageError> {
    let person = frame::person(&person)?;
    let form = state.forms.named(&name).ok_or(PageError::NotFound)?;
    let desk = open(&state, &who, person, &form.title, Some(form)).await?;
    let form = &form_for(&state, &desk, &name)?;
    let (answers, kept) = match which.draft.as_str() {
        "" => (desk.answers(form), Kept { base: desk.base(form).join(","), ..Kept::default() }),
        id => {
            let draft = desk.draft(id, form).ok_or_else(gone)?;
            (draft.body.answers.clone(), kept(draft))
        }
    };
    let problems = if which.check { forms::check(form, &answers).problems } else { Vec::new() };
    let note = match which.did.as_str() {
        "saved" if form.request.is_some() => Some("Saved as a draft. It is sent to nobody until you send it."),
        "saved" => Some("Saved as a draft. It is not a plan until it is signed."),
        "apart" => Some(
            "Somebody else saved this draft while you had it open, or signed or discarded it. What you typed is kept here as a \
             draft of its own.",
        ),
        "taken" => {
            Some("This draft now stands over the version that was signed meanwhile. Look through it, then sign it.")
        }
        _ => None,
    };
    page(&state, &who, desk, &name, &answers, kept, problems, note.map(str::to_owned))
}

fn gone() -> PageError {
    PageError::Bad(
        "There is no such draft any more, or it is of another organisation. Begin again from the record.".into(),
    )
}

fn kept(draft: &Draft) -> Kept {
    Kept { draft: draft.id.clone(), revision: draft.revision, base: draft.body.base.join(",") }
}

#[expect(clippy::too_many_arguments, reason = "a page has so many sides, and two callers")]
fn page(
    state: &AppState,
    who: &SignedIn,
    desk: Desk,
    name: &str,
    answers: &Answers,
    kept: Kept,
    problems: Vec<Problem>,
    note: Option<String>,
) -> Result<Html<String>, PageError> {
    let form = &form_for(state, &desk, name)?;
    let person = desk.frame.person;
    let said = |draft: &Draft| (when::date_time(draft.saved), draft.body.saved_by.clone());
    let saved = desk.draft(&kept.draft, form).map(said);
    let others = desk.drafts.iter().filter(|draft| draft.form == form.name && draft.id != kept.draft);
    let others = others.map(|draft| {
        let (at, by) = said(draft);
        (address(person, form, "", &draft.id), by, at)
    });
    let others = others.collect();
    html(&FormPage {
        chrome: Chrome::new(state, who, Here::Elsewhere),
        action: format!("/record/{person}/write/{}", form.name),
        title: form.title.clone(),
        description: form.description.clone(),
        own_words: form.own_words,
        request: form.request.is_some(),
        current: desk.current(form).into_iter().map(view::plan_line).collect(),
        rows: view::rows(form, answers, &problems),
        frame: desk.frame,
        kept,
        saved,
        note,
        others,
        problems,
    })
}

/// `POST /record/{person}/write/{form}`: keep what was typed, whatever it is; then look whether it can be signed.
pub async fn save(
    State(state): State<AppState>,
    who: SignedIn,
    Path((person, name)): Path<(String, String)>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response, PageError> {
    let person = frame::person(&person)?;
    let form = state.forms.named(&name).ok_or(PageError::NotFound)?;
    let sent = Sent::read(pairs, form);
    sent.check(&who, person)?;
    if sent.own("act") == "discard" {
        let permit = write::ask(&state, &who, person, "discard", &form.writes).await?;
        let (drafts, id) = (state.drafts()?.clone(), sent.own("draft").to_owned());
        let work = move || drafts.remove(&permit, &id);
        crate::blocking::spawn(work).await.map_err(|error| PageError::Fault(error.to_string()))??;
        return Ok(Redirect::to(&format!("/record/{person}/write")).into_response());
    }
    let permit = write::ask(&state, &who, person, "draft", &form.writes).await?;
    let (draft, apart) = keep(&state, &permit, &form.name, &sent).await?;
    let did = if apart { "apart" } else { "saved" };
    if sent.own("act") == "review" {
        let desk = super::gather(&state, permit.permit().clone(), &form.title, Some(form)).await?;
        let problems = forms::check(&super::filled(&state, &desk, form)?, &draft.body.answers).problems;
        if problems.is_empty() && !apart {
            return Ok(Redirect::to(&address(person, form, "/review", &draft.id)).into_response());
        }
        let note =
            apart.then(|| "What you typed is kept as a draft of its own: somebody else saved the other.".to_owned());
        let page = page(&state, &who, desk, &name, &draft.body.answers, kept(&draft), problems, note)?;
        return Ok((StatusCode::BAD_REQUEST, page).into_response());
    }
    Ok(Redirect::to(&format!("{}&did={did}", address(person, form, "", &draft.id))).into_response())
}

/// Keep what was typed. Where the draft it was made from is another by now, it becomes a draft of its own: neither is lost.
async fn keep(state: &AppState, permit: &WritePermit, form: &str, sent: &Sent) -> Result<(Draft, bool), PageError> {
    let home = write::home(state, permit)?;
    let by = write::author(permit.user());
    let base = sent.own("base").split(',').filter(|one| !one.is_empty()).map(str::to_owned).collect();
    let body = DraftBody { answers: sent.answers.clone(), base, begun_by: by.clone(), saved_by: by };
    let id = crate::secret::new().ok_or_else(|| PageError::Fault("no random numbers".into()))?;
    let id: String = id.chars().take(32).collect();
    let fresh = Draft { id, patient: home, form: form.to_owned(), revision: 1, saved: state.now(), body };
    let revision: u32 = sent.own("revision").parse().unwrap_or(0);
    let (drafts, permit, known) = (state.drafts()?.clone(), permit.clone(), sent.own("draft").to_owned());
    let work = move || {
        if !known.is_empty() {
            // What is read here is not shown.
            let mut next = Draft { id: known, revision: revision.saturating_add(1), ..fresh.clone() };
            if let Some(former) = drafts.kept(&permit, &next.id)? {
                next.patient = former.patient;
                next.body.begun_by.clone_from(&former.body.begun_by);
                if former.form == next.form && next.revision > 1 && drafts.put(&permit, &next)? {
                    return Ok((next, false));
                }
            }
        }
        if drafts.count(&permit, &fresh.form)? >= DRAFTS_MAX {
            return Err(PageError::Bad(
                "Your organisation has so many drafts of this about this person that no more are kept. Discard those that \
                 nobody goes on with."
                    .into(),
            ));
        }
        let apart = revision > 0;
        match drafts.put(&permit, &fresh)? {
            true => Ok((fresh, apart)),
            false => Err(PageError::Fault("a new draft was not kept".into())),
        }
    };
    crate::blocking::spawn(work).await.map_err(|error| PageError::Fault(error.to_string()))?
}
