//! What a person does not want shared: on their own page they say so, or take it back; the privacy officer grants or declines
//! it, or it holds at once, as the policies say.

use super::{
    Chrome, Here,
    frame::{self, Frame, Page},
    html,
};
use crate::{error::PageError, session::SignedIn, state::AppState};
use access::{Action, Asked, Permit, SaidBearing, User, policy::ObjectionByPerson};
use askama::Template;
use axum::{
    Form,
    extract::{Path, State},
    http::StatusCode,
    response::{Html, IntoResponse, Redirect, Response},
};
use fhir::{PatientKey, PersonKey};
use intake::{ConsentAct, ConsentDecision};
use jiff::Timestamp;
use record::{Filter, when};
use serde::Deserialize;
use std::sync::Arc;

/// A category beside the labels: a FHIR type, as objections name it.
const LETTERS: (&str, &str) = ("DocumentReference", "letters and other documents");

/// An objection in force.
struct Told {
    of: u64,
    words: String,
    asked_back: bool,
}

/// What was asked for.
struct Request {
    at: String,
    what: String,
    words: String,
    granted: bool,
    waits: bool,
    answer: String,
}

#[derive(Template)]
#[template(path = "objections.html")]
struct ObjectionsPage {
    chrome: Chrome,
    frame: Frame,
    told: Vec<Told>,
    requests: Vec<Request>,
    categories: Vec<(String, String)>,
    organisations: Vec<(String, String)>,
    at_once: bool,
    problem: Option<String>,
}

/// What a person may choose from: code and words.
struct Choices {
    categories: Vec<(String, String)>,
    organisations: Vec<(String, String)>,
}

impl Choices {
    fn of(state: &AppState) -> Result<Self, PageError> {
        let policies = state.gate.policies();
        let labels = policies.labels().all().map(|(name, title)| (name.to_owned(), title.to_owned()));
        let categories = labels.chain([(LETTERS.0.to_owned(), LETTERS.1.to_owned())]).collect();
        let organisations = state.gate.organisations().map_err(|error| PageError::Fault(error.to_string()))?;
        let name = |name: String, code: &str| if name.is_empty() { code.to_owned() } else { name };
        let organisations = organisations.into_iter().map(|one| (one.code.clone(), name(one.name, &one.code)));
        let mut organisations: Vec<(String, String)> = organisations.collect();
        organisations.sort_by(|one, other| one.1.cmp(&other.1));
        Ok(Choices { categories, organisations })
    }

    fn words(&self, category: &str, organisation: &str) -> String {
        let named = |list: &[(String, String)], code: &str| {
            list.iter().find(|(known, _)| known == code).map_or_else(|| code.to_owned(), |(_, title)| title.clone())
        };
        let what = if category.is_empty() { "everything".to_owned() } else { named(&self.categories, category) };
        match organisation {
            "" => format!("{what}, with everybody"),
            code => format!("{what}, with {} alone", named(&self.organisations, code)),
        }
    }
}

/// What was asked for, in words.
pub(super) fn asked_words(state: &AppState, about: &str) -> Result<String, PageError> {
    Ok(act_words(&Choices::of(state)?, about))
}

fn act_words(choices: &Choices, about: &str) -> String {
    match serde_json::from_str(about) {
        Ok(ConsentAct::Object { organisation, category, .. }) => {
            format!("No longer share {}", choices.words(&category, &organisation))
        }
        Ok(ConsentAct::Withdraw { .. }) => "Take an objection back".to_owned(),
        Err(_) => about.to_owned(),
    }
}

/// `GET /record/{person}/objections`.
pub async fn show(
    State(state): State<AppState>,
    who: SignedIn,
    Path(person): Path<String>,
) -> Result<Html<String>, PageError> {
    page(&state, &who, frame::person(&person)?, None).await
}

async fn page(
    state: &AppState,
    who: &SignedIn,
    person: PersonKey,
    problem: Option<String>,
) -> Result<Html<String>, PageError> {
    let (site, user) = (state.clone(), Arc::clone(&who.user));
    let work = move || {
        let now = site.now();
        let permit = site.gate.open(&user, person, &Action::OpenPage { page: "objections".into() }, now)?;
        let said = site.gate.own_objections(&permit)?;
        let states = frame::states(&site, &permit)?;
        let waiting = site.records.waiting(&permit)?.len();
        let filter = Filter { kinds: frame::BANNER_KINDS.to_vec(), ..Filter::default() };
        let sealed = site.records.read(&permit, &filter)?;
        let page = Page { title: "What I do not want shared".into(), section: None, audit: String::new() };
        let opened = sealed.map(|items| frame::opened(&items, states, page, &permit, waiting, now));
        Ok::<_, PageError>((opened, said, now))
    };
    let work = crate::blocking::spawn(work).await.map_err(|error| PageError::Fault(error.to_string()))?;
    let (opened, said, now) = work?;
    let (opened, (told, asked)) = (opened.release().await??, said.release().await?);
    let choices = Choices::of(state)?;
    let told = in_force(&told, now).map(|one| Told {
        of: one.resource.local,
        words: choices.words(&one.row.category, &one.row.organisation),
        asked_back: asked.iter().any(|asked| asked.ended.is_none() && asked.about == withdrawal(one.resource.local)),
    });
    let told = told.collect();
    let requests = asked.into_iter().map(|asked| request(&choices, asked)).collect();
    let at_once = state.gate.policies().settings().objection_by_person() == ObjectionByPerson::AtOnce;
    let chrome = Chrome::new(state, who, Here::Elsewhere);
    let Choices { categories, organisations } = choices;
    let frame = opened.frame;
    html(&ObjectionsPage { chrome, frame, told, requests, categories, organisations, at_once, problem })
}

fn in_force(told: &[SaidBearing], now: Timestamp) -> impl Iterator<Item = &SaidBearing> {
    told.iter().filter(move |one| one.row.until.is_none_or(|until| until > now.as_microsecond()))
}

fn request(choices: &Choices, asked: Asked) -> Request {
    let what = act_words(choices, &asked.about);
    let waits = asked.ended.is_none();
    let (outcome, answer) = asked.ended.unwrap_or_default();
    Request { at: when::date_time(asked.at), what, words: asked.words, granted: outcome == "granted", waits, answer }
}

fn withdrawal(of: u64) -> String {
    serde_json::to_string(&ConsentAct::Withdraw { of }).unwrap_or_default()
}

/// What a person asks for.
#[derive(Deserialize)]
pub struct Wish {
    form_token: String,
    #[serde(default)]
    category: String,
    #[serde(default)]
    organisation: String,
    #[serde(default)]
    withdraw: Option<u64>,
    #[serde(default)]
    words: String,
}

/// `POST /record/{person}/objections`.
pub async fn ask(
    State(state): State<AppState>,
    who: SignedIn,
    Path(person): Path<String>,
    Form(wish): Form<Wish>,
) -> Result<Response, PageError> {
    who.check(&wish.form_token)?;
    let person = frame::person(&person)?;
    let act = match wish.withdraw {
        Some(of) => ConsentAct::Withdraw { of },
        None => {
            let choices = Choices::of(&state)?;
            let known =
                |list: &[(String, String)], code: &str| code.is_empty() || list.iter().any(|(one, _)| one == code);
            if !known(&choices.categories, &wish.category) || !known(&choices.organisations, &wish.organisation) {
                let sentence = "Choose from the lists.".to_owned();
                let page = page(&state, &who, person, Some(sentence)).await?;
                return Ok((StatusCode::BAD_REQUEST, page).into_response());
            }
            ConsentAct::Object {
                organisation: wish.organisation.clone(),
                category: wish.category.clone(),
                from: None,
                until: None,
            }
        }
    };
    let about = serde_json::to_string(&act).map_err(|error| PageError::Fault(error.to_string()))?;
    let at_once = state.gate.policies().settings().objection_by_person() == ObjectionByPerson::AtOnce;
    let action = match at_once {
        true => Action::Consent { what: if wish.withdraw.is_some() { "withdraw" } else { "object" }.into() },
        false => Action::AskObjection { what: about.clone() },
    };
    let (site, user) = (state.clone(), Arc::clone(&who.user));
    let open = move || {
        let permit = site.gate.open(&user, person, &action, site.now())?;
        let said = site.gate.own_objections(&permit)?;
        Ok::<_, PageError>((permit, said))
    };
    let work = crate::blocking::spawn(open).await.map_err(|error| PageError::Fault(error.to_string()))?;
    let (permit, said): (Permit, _) = work?;
    let (told, _) = said.release().await?;
    let now = state.now();
    if let ConsentAct::Withdraw { of } = act
        && !in_force(&told, now).any(|one| one.resource.local == of)
    {
        return Err(PageError::NotFound);
    }
    if at_once {
        let why = format!("On their own page: {}", wish.words.trim());
        journal(&state, &who.user, permit.patients(), act, "the person".into(), why).await?;
    } else if let Err(refusal) = state.gate.ask_objection(&permit, &about, &wish.words, now).await {
        let access::Refusal::NoReason(sentence) = refusal else { return Err(refusal.into()) };
        let page = page(&state, &who, person, Some(sentence)).await?;
        return Ok((StatusCode::BAD_REQUEST, page).into_response());
    }
    Ok(Redirect::to(&format!("/record/{person}/objections")).into_response())
}

/// Put a decision about consent into the journal; it holds when this returns.
pub(super) async fn journal(
    state: &AppState,
    user: &User,
    patients: &[PatientKey],
    act: ConsentAct,
    name: String,
    why: String,
) -> Result<(), PageError> {
    let patients = patients.iter().map(ToString::to_string).collect();
    let decision = ConsentDecision { act, patients, by: user.id.clone(), name, why };
    let pos = state.engine()?.decide_consent(&decision, state.now()).await?;
    state.engine()?.wait_applied(pos).await?;
    Ok(())
}
