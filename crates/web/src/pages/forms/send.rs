//! A request, read once more, with a file if there is one, and sent to the organisation that is asked.

use super::{
    super::{Chrome, Here, frame, html, write},
    Desk, Sent, address, attached, filled, gather,
    sign::Line,
};
use crate::{error::PageError, pages::write::Wrote, session::SignedIn, state::AppState};
use askama::Template;
use axum::{
    extract::{Multipart, Path, State},
    http::StatusCode,
    response::{Html, IntoResponse, Redirect, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use fhir::ResourceType;
use forms::{Asking, Attached, Author, Checked, Choices};
use record::Draft;
use std::collections::HashMap;

#[derive(Template)]
#[template(path = "request_review.html")]
struct ReviewPage {
    chrome: Chrome,
    frame: frame::Frame,
    action: String,
    edit: String,
    title: String,
    draft: String,
    revision: u32,
    author: String,
    /// Who is asked.
    to: String,
    /// Whether it is an emergency.
    emergency: bool,
    lines: Vec<Line>,
    /// What goes along, by title.
    along: Vec<String>,
    /// Questions that hold something and are not part of it.
    left_out: Vec<String>,
    /// What is wrong with the file.
    problem: Option<String>,
}

pub(super) fn review(
    state: &AppState,
    who: &SignedIn,
    desk: Desk,
    form: &forms::Form,
    draft: &Draft,
    checked: &Checked,
    problem: Option<String>,
) -> Result<Html<String>, PageError> {
    let person = desk.frame.person;
    let of_record = |link: &str| form.item(link).is_some_and(|item| item.choices == Choices::Record);
    let text = |link: &str| form.item(link).map(|item| item.text.clone()).unwrap_or_default();
    let words = |link: &str| {
        let found = checked.answered.iter().find(|one| one.link == link);
        found.map(|one| one.values.iter().map(forms::words).collect::<Vec<_>>().join(", ")).unwrap_or_default()
    };
    let (along, rest): (Vec<_>, Vec<_>) = checked.answered.iter().partition(|one| of_record(&one.link));
    let emergency = draft.body.answers.get("priority").is_some_and(|said| said.iter().any(|one| one == "stat"));
    html(&ReviewPage {
        chrome: Chrome::new(state, who, Here::Elsewhere),
        action: format!("/record/{person}/write/{}/send", form.name),
        edit: address(person, form, "", &draft.id),
        title: form.title.clone(),
        draft: draft.id.clone(),
        revision: draft.revision,
        author: write::author(&who.user),
        to: words("to"),
        emergency,
        lines: rest
            .into_iter()
            .map(|one| Line { text: text(&one.link), answers: one.values.iter().map(forms::words).collect() })
            .collect(),
        along: along.into_iter().flat_map(|one| one.values.iter().map(forms::words)).collect(),
        left_out: checked.left_out.iter().map(|link| text(link)).collect(),
        problem,
        frame: desk.frame,
    })
}

/// What was sent along, or what is wrong with it.
type File = Result<Option<(&'static str, String, Vec<u8>)>, String>;

async fn parts(mut sent: Multipart) -> Result<(Sent, File), PageError> {
    let (mut own, mut file): (HashMap<String, String>, File) = (HashMap::new(), Ok(None));
    let unreadable = |_| PageError::Bad("What was sent cannot be read. Go back and choose the file again.".into());
    while let Some(part) = sent.next_field().await.map_err(unreadable)? {
        let name = part.name().unwrap_or_default().to_owned();
        if name == "file" {
            let called = part.file_name().unwrap_or_default().to_owned();
            let bytes = part.bytes().await.map_err(unreadable)?;
            file = attached::check(&called, &bytes).map(|found| found.map(|(kind, name)| (kind, name, bytes.to_vec())));
        } else if own.len() < 20 {
            own.insert(name, part.text().await.map_err(unreadable)?);
        }
    }
    Ok((Sent { own, answers: forms::Answers::new() }, file))
}

/// `POST /record/{person}/write/{form}/send`: multipart, the draft and a file.
pub async fn send(
    State(state): State<AppState>,
    who: SignedIn,
    Path((person, name)): Path<(String, String)>,
    sent: Multipart,
) -> Result<Response, PageError> {
    let person = frame::person(&person)?;
    let form = state.forms.named(&name).filter(|form| form.request.is_some()).ok_or(PageError::NotFound)?;
    let (sent, file) = parts(sent).await?;
    sent.check(&who, person)?;
    let permit = write::ask(&state, &who, person, "send", &form.writes).await?;
    let desk = gather(&state, permit.permit().clone(), &form.title, Some(form)).await?;
    let Some(draft) = desk.draft(sent.own("draft"), form).cloned() else {
        return Err(already_sent());
    };
    if draft.revision.to_string() != sent.own("revision") {
        let sentence =
            "The draft was changed since you read it here. Nothing was sent. Go back to the draft and read it again.";
        return Err(PageError::Bad(sentence.into()));
    }
    let form = &filled(&state, &desk, form)?;
    let checked = forms::check(form, &draft.body.answers);
    if !checked.problems.is_empty() {
        return Ok(Redirect::to(&format!("{}&check=true", address(person, form, "", &draft.id))).into_response());
    }
    let file = match file {
        Ok(file) => file,
        Err(problem) => {
            let page = review(&state, &who, desk, form, &draft, &checked, Some(problem))?;
            return Ok((StatusCode::BAD_REQUEST, page).into_response());
        }
    };
    if who.user.org_code.is_empty() {
        let sentence = "Your account names no organisation, to which an answer could go. Nothing was sent.";
        return Err(PageError::Forbidden(sentence.into()));
    }
    let patient = match permit.permit().patients().contains(&draft.patient) {
        true => draft.patient,
        false => write::home(&state, &permit)?,
    };
    // Of the draft's own name, so that it is sent once, however often the button is pressed.
    let id = |kind| write::id_of(&state, patient, kind, &draft.id);
    let document = id(ResourceType::DocumentReference)?;
    let attached = file.map(|(media_type, title, bytes)| Attached {
        id: document,
        media_type,
        title,
        bytes: bytes.len(),
        data: STANDARD.encode(&bytes),
    });
    let task = id(ResourceType::Task)?;
    let author = Author { words: write::author(&who.user), is_person: false };
    let resources = Asking {
        form,
        answered: &checked.answered,
        patient,
        ids: [id(ResourceType::QuestionnaireResponse)?, id(ResourceType::ServiceRequest)?, task],
        author: &author,
        from: &who.user.org_code.to_ascii_uppercase(),
        at: state.now(),
        attached: attached.as_ref(),
    }
    .resources();
    if write::put(&state, &permit, Vec::new(), &resources).await? == Wrote::Changed {
        return Err(already_sent());
    }
    let drafts = state.drafts()?.clone();
    let name = draft.id;
    let removed = crate::blocking::spawn(move || drafts.remove(&permit, &name)).await;
    if let Ok(Err(error)) = removed {
        // It is sent; sending the draft left behind is refused.
        tracing::error!(%error, "the draft of what was sent could not be removed");
    }
    Ok(Redirect::to(&format!("/record/{person}/request/Task/{task}?did=sent")).into_response())
}

fn already_sent() -> PageError {
    let sentence = "There is no such draft any more: it was sent or discarded, perhaps in another tab. Look under Referrals \
                    in the record before you send it again.";
    PageError::Bad(sentence.into())
}
