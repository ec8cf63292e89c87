//! What may be written in a record, and the drafts there are.

use super::super::{Chrome, Here, frame, html};
use crate::{error::PageError, session::SignedIn, state::AppState};
use askama::Template;
use axum::{
    extract::{Path, State},
    response::Html,
};
use record::when;

/// A form that the reader may write.
struct Offered {
    href: String,
    title: String,
    description: String,
    /// The plans in force that a new version stands in the place of, in words.
    current: Vec<String>,
}

/// A draft to go on with.
struct Begun {
    href: String,
    title: String,
    by: String,
    at: String,
}

#[derive(Template)]
#[template(path = "write.html")]
struct WritePage {
    chrome: Chrome,
    frame: frame::Frame,
    offered: Vec<Offered>,
    /// What another organisation can be asked for.
    asks: Vec<Offered>,
    drafts: Vec<Begun>,
}

/// `GET /record/{person}/write`.
pub async fn show(
    State(state): State<AppState>,
    who: SignedIn,
    Path(person): Path<String>,
) -> Result<Html<String>, PageError> {
    let person = frame::person(&person)?;
    let desk = super::open(&state, &who, person, "Write", None).await?;
    let chrome = Chrome::new(&state, &who, Here::Elsewhere);
    let mine = state.forms.all().iter().filter(|form| desk.permit.sight().may_write(&form.writes));
    let (asks, mine): (Vec<&forms::Form>, Vec<_>) = mine.partition(|form| form.request.is_some());
    let offer = |form: &forms::Form| Offered {
        href: format!("/record/{person}/write/{}", form.name),
        title: form.title.clone(),
        description: form.description.clone(),
        current: desk.current(form).into_iter().map(super::view::plan_line).collect(),
    };
    let asks: Vec<Offered> = asks.into_iter().map(offer).collect();
    let offered: Vec<Offered> = mine.into_iter().map(offer).collect();
    let drafts = desk.drafts.iter().filter_map(|draft| {
        let form = state.forms.named(&draft.form)?;
        Some(Begun {
            href: super::address(person, form, "", &draft.id),
            title: form.title.clone(),
            by: draft.body.saved_by.clone(),
            at: when::date_time(draft.saved),
        })
    });
    let drafts = drafts.collect();
    if offered.is_empty() && asks.is_empty() {
        return Err(PageError::Forbidden("There is nothing that your role writes in this record.".into()));
    }
    html(&WritePage { chrome, frame: desk.frame, offered, asks, drafts })
}
