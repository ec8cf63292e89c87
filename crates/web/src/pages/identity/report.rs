//! A clinician's way to say that a record mixes two people: it becomes a review for the stewards.

use super::{carry_out, decision, note};
use crate::{
    error::PageError,
    pages::{
        Chrome, Here,
        frame::{self, Frame, Page},
        html,
    },
    session::SignedIn,
    sources,
    state::AppState,
};
use access::{Action, Sealed};
use askama::Template;
use axum::{
    Form,
    extract::{Path, State},
    http::StatusCode,
    response::{Html, IntoResponse, Redirect, Response},
};
use fhir::{PatientKey, PersonKey};
use intake::Act;
use record::Filter;
use serde::Deserialize;
use std::sync::Arc;

struct Choice {
    patient: PatientKey,
    source: String,
    name: String,
    chosen: bool,
}

#[derive(Template)]
#[template(path = "report_link.html")]
struct ReportPage {
    chrome: Chrome,
    frame: Frame,
    choices: Vec<Choice>,
    problem: Option<String>,
    note: String,
}

struct Looked {
    frame: Frame,
    choices: Vec<Choice>,
}

async fn look(state: &AppState, who: &SignedIn, person: PersonKey) -> Result<Looked, PageError> {
    let (site, user) = (state.clone(), Arc::clone(&who.user));
    let work = move || {
        let now = site.now();
        let permit = site.gate.open(&user, person, &Action::OpenPage { page: "report-link".into() }, now)?;
        let states = frame::states(&site, &permit)?;
        let waiting = site.records.waiting(&permit)?.len();
        let filter = Filter { kinds: frame::BANNER_KINDS.to_vec(), ..Filter::default() };
        let sealed = site.records.read(&permit, &filter)?;
        let patients: Vec<(PatientKey, String)> = site.records.patient_sources(&permit)?.into_iter().collect();
        let page = Page { title: "Report a wrong link".into(), section: None, audit: String::new() };
        let sealed: Sealed<Result<Looked, PageError>> = sealed.map(|items| {
            let choices = patients.iter().map(|(patient, source)| {
                let item = items.iter().find(|item| {
                    item.kind == fhir::ResourceType::Patient && item.id == fhir::ResourceId::of_patient(*patient)
                });
                let name = item.and_then(|item| item.resource().ok());
                let name = name.and_then(|one| record::text::best_name(one.list("name")).map(|name| name.banner()));
                Choice {
                    patient: *patient,
                    source: sources::info(&states, source).name.clone(),
                    name: name.unwrap_or_else(|| "Name not known".into()),
                    chosen: false,
                }
            });
            let choices = choices.collect();
            let opened = frame::opened(&items, states, page, &permit, waiting, now)?;
            Ok(Looked { frame: opened.frame, choices })
        });
        Ok::<_, PageError>(sealed)
    };
    super::blocking(work).await?.release().await?
}

/// `GET /record/{person}/report`.
pub async fn show(
    State(state): State<AppState>,
    who: SignedIn,
    Path(person): Path<String>,
) -> Result<Html<String>, PageError> {
    let looked = look(&state, &who, frame::person(&person)?).await?;
    page(&state, &who, looked, None, String::new())
}

fn page(
    state: &AppState,
    who: &SignedIn,
    looked: Looked,
    problem: Option<String>,
    note: String,
) -> Result<Html<String>, PageError> {
    let chrome = Chrome::new(state, who, Here::Elsewhere);
    html(&ReportPage { chrome, frame: looked.frame, choices: looked.choices, problem, note })
}

/// The form of a report.
#[derive(Deserialize)]
pub struct Report {
    form_token: String,
    #[serde(default)]
    patient: String,
    #[serde(default)]
    note: String,
}

/// `POST /record/{person}/report`.
pub async fn report(
    State(state): State<AppState>,
    who: SignedIn,
    Path(person): Path<String>,
    Form(form): Form<Report>,
) -> Result<Response, PageError> {
    who.check(&form.form_token)?;
    let person = frame::person(&person)?;
    let mut looked = look(&state, &who, person).await?;
    let chosen = form.patient.parse::<PatientKey>().ok();
    for choice in &mut looked.choices {
        choice.chosen = Some(choice.patient) == chosen;
    }
    let known = chosen.filter(|_| looked.choices.len() > 1 && looked.choices.iter().any(|choice| choice.chosen));
    let Some(patient) = known else {
        let problem = "Choose the source whose patient is somebody else.".to_owned();
        return Ok((StatusCode::BAD_REQUEST, page(&state, &who, looked, Some(problem), form.note)?).into_response());
    };
    let why = match note(&form.note, true) {
        Ok(why) => why,
        Err(problem) => {
            return Ok((StatusCode::BAD_REQUEST, page(&state, &who, looked, Some(problem), form.note)?).into_response());
        }
    };
    carry_out(&state, &decision(&who, Act::Report { patient }, why, None)).await?;
    Ok(Redirect::to(&format!("/record/{person}/sources?reported=yes")).into_response())
}
