//! What was typed, read once more and signed; and what happens when somebody else signed meanwhile.

use super::{
    super::{Chrome, Here, frame, html, write},
    Desk, Sent, address, expects, form_for, gather, open,
    view::plan_line,
};
use crate::{error::PageError, pages::write::Wrote, session::SignedIn, state::AppState};
use access::UserKind;
use askama::Template;
use axum::{
    Form,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use fhir::ResourceType;
use forms::{Answers, Author, Checked, Differs, Signing};
use record::Draft;
use serde::Deserialize;
use std::time::Duration;

/// So long whoever signs waits for others who sign.
const PATIENCE: Duration = Duration::from_secs(20);

/// A question and its answers.
pub(super) struct Line {
    pub text: String,
    pub answers: Vec<String>,
}

#[derive(Template)]
#[template(path = "form_review.html")]
struct ReviewPage {
    chrome: Chrome,
    frame: frame::Frame,
    action: String,
    edit: String,
    title: String,
    own_words: bool,
    draft: String,
    revision: u32,
    /// Who signs.
    author: String,
    lines: Vec<Line>,
    /// Questions that hold something and are not part of it.
    left_out: Vec<String>,
    /// What is superseded by signing, in words.
    supersedes: Vec<String>,
    /// Plans of the type that came as documents, which signing leaves as they are.
    documents: Vec<String>,
}

#[derive(Template)]
#[template(path = "form_conflict.html")]
struct ConflictPage {
    chrome: Chrome,
    frame: frame::Frame,
    action: String,
    title: String,
    draft: String,
    revision: u32,
    base: String,
    /// What is in force now, in words; empty: nothing is any more.
    current: Vec<String>,
    differs: Vec<Differs>,
}

/// Which draft.
#[derive(Deserialize)]
pub struct Which {
    #[serde(default)]
    draft: String,
}

/// `GET /record/{person}/write/{form}/review`.
pub async fn show(
    State(state): State<AppState>,
    who: SignedIn,
    Path((person, name)): Path<(String, String)>,
    Query(which): Query<Which>,
) -> Result<Response, PageError> {
    let person = frame::person(&person)?;
    let form = state.forms.named(&name).ok_or(PageError::NotFound)?;
    let desk = open(&state, &who, person, &form.title, Some(form)).await?;
    let form = &form_for(&state, &desk, &name)?;
    let Some(draft) = desk.draft(&which.draft, form).cloned() else {
        return Ok(Redirect::to(&format!("/record/{person}/write")).into_response());
    };
    let checked = forms::check(form, &draft.body.answers);
    if !checked.problems.is_empty() {
        return Ok(Redirect::to(&format!("{}&check=true", address(person, form, "", &draft.id))).into_response());
    }
    if form.request.is_some() {
        let page = super::send::review(&state, &who, desk, form, &draft, &checked, None)?;
        return Ok(page.into_response());
    }
    if desk.base(form) != draft.body.base {
        return conflict(&state, &who, desk, form, &draft, StatusCode::OK);
    }
    review(&state, &who, desk, form, &draft, &checked).map(IntoResponse::into_response)
}

fn review(
    state: &AppState,
    who: &SignedIn,
    desk: Desk,
    form: &forms::Form,
    draft: &Draft,
    checked: &Checked,
) -> Result<Response, PageError> {
    let person = desk.frame.person;
    let text = |link: &str| form.item(link).map(|item| item.text.clone()).unwrap_or_default();
    let lines = checked.answered.iter();
    let lines = lines.map(|one| Line { text: text(&one.link), answers: one.values.iter().map(forms::words).collect() });
    let page = html(&ReviewPage {
        chrome: Chrome::new(state, who, Here::Elsewhere),
        action: format!("/record/{person}/write/{}/review", form.name),
        edit: address(person, form, "", &draft.id),
        title: form.title.clone(),
        own_words: form.own_words,
        draft: draft.id.clone(),
        revision: draft.revision,
        author: write::author(&who.user),
        lines: lines.collect(),
        left_out: checked.left_out.iter().map(|link| text(link)).collect(),
        supersedes: desk.current(form).into_iter().map(plan_line).collect(),
        documents: desk.documents(form).into_iter().map(|letter| letter.title.clone()).collect(),
        frame: desk.frame,
    })?;
    Ok(page.into_response())
}

/// Somebody signed since the draft began: both side by side, by question, and whoever wrote the draft chooses.
fn conflict(
    state: &AppState,
    who: &SignedIn,
    desk: Desk,
    form: &forms::Form,
    draft: &Draft,
    status: StatusCode,
) -> Result<Response, PageError> {
    let person = desk.frame.person;
    let theirs = desk.answers(form);
    let page = html(&ConflictPage {
        chrome: Chrome::new(state, who, Here::Elsewhere),
        action: format!("/record/{person}/write/{}/review", form.name),
        title: form.title.clone(),
        draft: draft.id.clone(),
        revision: draft.revision,
        base: desk.base(form).join(","),
        current: desk.current(form).into_iter().map(plan_line).collect(),
        differs: forms::differences(form, &draft.body.answers, &theirs),
        frame: desk.frame,
    })?;
    Ok((status, page).into_response())
}

/// `POST /record/{person}/write/{form}/review`: sign; or take over what somebody else signed meanwhile.
pub async fn act(
    State(state): State<AppState>,
    who: SignedIn,
    Path((person, name)): Path<(String, String)>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response, PageError> {
    let person = frame::person(&person)?;
    // What is asked of others is sent, not signed.
    let form = state.forms.named(&name).filter(|form| form.request.is_none()).ok_or(PageError::NotFound)?;
    let sent = Sent::read(pairs, form);
    sent.check(&who, person)?;
    if sent.own("act") == "take" {
        return take_over(&state, &who, person, form, &sent).await;
    }
    // Whoever looks what is in force and signs over it, does so alone.
    let alone = tokio::time::timeout(PATIENCE, state.signing.lock()).await;
    let _alone = alone.map_err(|_| {
        PageError::NotNow("Others are signing just now. Your draft is kept: sign it again in a minute.".into())
    })?;
    let permit = write::ask(&state, &who, person, "sign", &form.writes).await?;
    let desk = gather(&state, permit.permit().clone(), &form.title, None).await?;
    let Some(draft) = desk.draft(sent.own("draft"), form).cloned() else {
        let sentence = "There is no such draft any more: it was signed or discarded, perhaps in another tab. Look at the plans of the record.";
        return Err(PageError::Bad(sentence.into()));
    };
    if draft.revision.to_string() != sent.own("revision") {
        let sentence =
            "The draft was changed since you read it here. Nothing was signed. Go back to the draft and read it again.";
        return Err(PageError::Bad(sentence.into()));
    }
    let checked = forms::check(form, &draft.body.answers);
    if !checked.problems.is_empty() {
        return Ok(Redirect::to(&format!("{}&check=true", address(person, form, "", &draft.id))).into_response());
    }
    if desk.base(form) != draft.body.base {
        return conflict(&state, &who, desk, form, &draft, StatusCode::CONFLICT);
    }
    let formers = desk.formers(form);
    // The draft was begun about a patient of this person, as the form was opened; it stays with that one if it still is.
    let patient = match permit.permit().patients().contains(&draft.patient) {
        true => draft.patient,
        false => write::home(&state, &permit)?,
    };
    let author = Author { words: write::author(&who.user), is_person: who.user.kind == UserKind::Person };
    let resources = Signing {
        form,
        answered: &checked.answered,
        patient,
        response: write::new_id(&state, patient, ResourceType::QuestionnaireResponse)?,
        plan: write::new_id(&state, patient, ResourceType::CarePlan)?,
        author: &author,
        at: state.now(),
        over: &formers,
    }
    .resources();
    match write::put(&state, &permit, expects(&formers), &resources).await? {
        Wrote::At(_) => {}
        Wrote::Changed => {
            // A source changed its plan between reading and signing.
            let permit = write::ask(&state, &who, person, "sign", &form.writes).await?;
            let desk = gather(&state, permit.permit().clone(), &form.title, None).await?;
            return conflict(&state, &who, desk, form, &draft, StatusCode::CONFLICT);
        }
    }
    let drafts = state.drafts()?.clone();
    let removed = crate::blocking::spawn(move || drafts.remove(&permit, &draft.id)).await;
    if let Ok(Err(error)) = removed {
        // It is signed; the draft left behind would meet the plan it made as a conflict.
        tracing::error!(%error, "the draft of what was signed could not be removed");
    }
    Ok(Redirect::to(&format!("/record/{person}/plans")).into_response())
}

/// Lay the draft over what is in force now, with the answers chosen question by question.
async fn take_over(
    state: &AppState,
    who: &SignedIn,
    person: fhir::PersonKey,
    form: &forms::Form,
    sent: &Sent,
) -> Result<Response, PageError> {
    let permit = write::ask(state, who, person, "draft", &form.writes).await?;
    let desk = gather(state, permit.permit().clone(), &form.title, None).await?;
    let id = sent.own("draft");
    let draft =
        desk.draft(id, form).cloned().ok_or_else(|| PageError::Bad("There is no such draft any more.".into()))?;
    let base = desk.base(form);
    if draft.revision.to_string() != sent.own("revision") || base.join(",") != sent.own("base") {
        // It changed once more: shown as it is now.
        return conflict(state, who, desk, form, &draft, StatusCode::CONFLICT);
    }
    let theirs = desk.answers(form);
    let mut next = draft.clone();
    next.revision += 1;
    next.saved = state.now();
    next.body.base = base;
    next.body.saved_by = write::author(&who.user);
    for differs in forms::differences(form, &draft.body.answers, &theirs) {
        if sent.own(&format!("take.{}", differs.link)) == "theirs" {
            take(form, &differs.link, &theirs, &mut next.body.answers);
        }
    }
    let drafts = state.drafts()?.clone();
    let work = move || Ok::<_, PageError>((drafts.put(&permit, &next)?, next));
    let (kept, next) = crate::blocking::spawn(work).await.map_err(|error| PageError::Fault(error.to_string()))??;
    if !kept {
        return Err(PageError::Bad("Somebody saved this draft meanwhile. Open it again from the record.".into()));
    }
    Ok(Redirect::to(&format!("{}&did=taken", address(person, form, "", &next.id))).into_response())
}

/// Take over another's answer to a question.
fn take(form: &forms::Form, link: &str, theirs: &Answers, ours: &mut Answers) {
    for field in form.item(link).map(forms::Item::fields).unwrap_or_default() {
        match theirs.get(&field) {
            Some(said) => ours.insert(field, said.clone()),
            None => ours.remove(&field),
        };
    }
}
