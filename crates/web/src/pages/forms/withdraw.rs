//! Taking back what was signed here: it stays, and says that it is not in force, by whom and why.

use super::{
    super::{frame, write},
    gather,
};
use crate::{error::PageError, pages::write::Wrote, session::SignedIn, state::AppState};
use access::UserKind;
use axum::{
    Form,
    extract::{Path, State},
    response::{IntoResponse, Redirect, Response},
};
use forms::{Author, withdrawn};
use intake::Expected;
use record::{
    WRITTEN_HERE,
    sections::plans::{Plan, Standing},
};
use serde::Deserialize;

/// Words at most.
const WHY_CHARS_MAX: usize = 1_000;

/// What is taken back.
#[derive(Deserialize)]
pub struct Asked {
    form_token: String,
    person: String,
    /// `CarePlan/<id>@<version>`, as the page showed it.
    plan: String,
    /// The name of the form it was written with.
    form: String,
    #[serde(default)]
    why: String,
}

/// `POST /record/{person}/plans/withdraw`.
pub async fn withdraw(
    State(state): State<AppState>,
    who: SignedIn,
    Path(person): Path<String>,
    Form(asked): Form<Asked>,
) -> Result<Response, PageError> {
    who.check(&asked.form_token)?;
    let person = frame::person(&person)?;
    if asked.person != person.to_string() {
        return Err(PageError::Bad(
            "This form was opened for another person than the record it was sent to. Nothing was changed.".into(),
        ));
    }
    let why: String = asked.why.trim().chars().filter(|letter| !letter.is_control()).take(WHY_CHARS_MAX).collect();
    if why.is_empty() {
        return Err(PageError::Bad("Write why it is withdrawn: it stands with the plan from then on.".into()));
    }
    let form = state.forms.named(&asked.form).ok_or(PageError::NotFound)?;
    let permit = write::ask(&state, &who, person, "withdraw", &form.writes).await?;
    let desk = gather(&state, permit.permit().clone(), "Plans", None).await?;
    let all = desk.plans.current.iter().chain(&desk.plans.about_me);
    let named = |plan: &&Plan| {
        let main = plan.made_of.first().map(|(kind, id, version)| format!("{kind}/{id}@{version}"));
        main.as_deref() == Some(asked.plan.as_str())
            && plan.standing == Standing::Current
            && plan.origin.source.id == WRITTEN_HERE
            // What may be written is asked by the form: it must be the plan's own.
            && plan.form.as_deref() == Some(form.url.as_str())
    };
    let changed = || {
        let sentence = "This plan is not the one you saw: it was superseded, changed or withdrawn meanwhile. Nothing was \
                        changed. Look at the plans again.";
        PageError::Bad(sentence.into())
    };
    let plan = all.into_iter().find(named).ok_or_else(changed)?;
    let author = Author { words: write::author(&who.user), is_person: who.user.kind == UserKind::Person };
    let now = state.now();
    let parts = plan.made_of.iter().filter_map(|(kind, id, _)| desk.item(*kind, *id));
    let resources: Vec<_> = parts.map(|item| withdrawn(&item.resource, &item.id, &author, &why, now)).collect();
    let expects = plan.made_of.iter();
    let expects =
        expects.map(|(kind, id, version)| Expected { reference: format!("{kind}/{id}"), version: *version }).collect();
    match write::put(&state, &permit, expects, &resources).await? {
        Wrote::At(_) => Ok(Redirect::to(&format!("/record/{person}/plans")).into_response()),
        Wrote::Changed => Err(changed()),
    }
}
