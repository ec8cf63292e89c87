//! A stay, and what ward and community say to each other about the way home: when, whether all is ready, what is waited for,
//! whom to call, the package of care.

use super::{super::frame, blocking, line::Sources};
use crate::{
    error::PageError,
    pages::{
        Chrome, Here,
        frame::{Frame, Page},
        html,
    },
    session::SignedIn,
    state::AppState,
};
use access::Action;
use askama::Template;
use axum::{
    extract::{Path, Query, State},
    response::{Html, IntoResponse, Redirect, Response},
};
use axum_extra::extract::Form;
use fhir::{PersonKey, ResourceType};
use notify::{Act, Event, Planned, Standing, StoryKey};
use record::{Filter, glance::What, when};
use serde::Deserialize;
use std::sync::Arc;

/// What is said is so long at most.
const WORDS_MAX: usize = 2000;

/// What can be said, and under what heading.
const ABOUT: [(&str, &str, &str); 5] = [
    ("ready", "Ready to go home", "For example: medically fit since this morning; not yet"),
    ("waiting", "What is waited for", "For example: medicines from pharmacy, a hospital bed at home"),
    ("call", "Whom to call", "Name, role and number"),
    ("package", "Package of care", "For example: restart four calls a day from Friday; new package needed"),
    ("reply", "Word to the others", "What the ward, the practice or the community team should know"),
];

struct Said {
    title: &'static str,
    code: &'static str,
    hint: &'static str,
    newest: Option<Statement>,
    earlier: Vec<Statement>,
}

#[derive(Clone)]
struct Statement {
    words: String,
    by: String,
    at: String,
}

struct Step {
    words: String,
    at: String,
    over: bool,
}

#[derive(Template)]
#[template(path = "stay.html")]
struct StayPage {
    chrome: Chrome,
    frame: Frame,
    story: StoryKey,
    what: Option<What>,
    withheld: Option<String>,
    steps: Vec<Step>,
    said: Vec<Said>,
    done: bool,
}

/// Whether something was just said.
#[derive(Deserialize)]
pub struct After {
    #[serde(default)]
    done: String,
}

/// `GET /record/{person}/stay/{story}`.
pub async fn show(
    State(state): State<AppState>,
    who: SignedIn,
    Path((person, story)): Path<(String, String)>,
    Query(after): Query<After>,
) -> Result<Html<String>, PageError> {
    let (person, story) = (frame::person(&person)?, key(&story)?);
    let chrome = Chrome::new(&state, &who, Here::Told);
    let (site, user) = (state.clone(), Arc::clone(&who.user));
    let sealed = blocking(move || {
        let now = site.now();
        let permit = site.gate.open(&user, person, &Action::OpenPage { page: "stay".into() }, now)?;
        let sources = Sources::of(&site)?;
        let glance = site.records.glance(&permit, Some((story.id, story.kind)), |id| sources.info(id), now)?;
        let states = frame::states(&site, &permit)?;
        let waiting = site.records.waiting(&permit)?.len();
        let filter = Filter { kinds: frame::BANNER_KINDS.to_vec(), ..Filter::default() };
        let banner = site.records.read(&permit, &filter)?;
        let both = glance.and(banner, |glance, items| {
            let title = glance.what.as_ref().map_or_else(|| "Stay".into(), |what| what.title.clone());
            let page = Page { title, section: None, audit: String::new() };
            frame::opened(&items, states, page, &permit, waiting, now).map(|opened| (glance, opened.frame))
        });
        // What was said of the stay is this person's if the stay is.
        let events: Vec<Event> = match site.notices() {
            Ok(notices) => notices.story(story)?.into_iter().filter(|event| event.person == person).collect(),
            Err(_) => Vec::new(),
        };
        let planned = site.notices().map_or_else(|_| Ok(Vec::new()), |notices| notices.planned(story))?;
        both.map(|both| (both, events, planned)).ok_or_else(|| PageError::Fault("two permits for one page".into()))
    });
    let (sealed, events, planned) = sealed.await?;
    let now = state.now();
    let page = sealed.map(|read| {
        let (glance, frame) = read?;
        if glance.what.is_none() && glance.withheld.is_none() {
            return Err(PageError::NotFound);
        }
        let seen = glance.what.is_some();
        let steps = events.iter().filter(|_| seen).map(|event| step(event, now)).collect();
        let said = if seen { said(&planned, now) } else { Vec::new() };
        let done = !after.done.is_empty();
        html(&StayPage { chrome, frame, story, what: glance.what, withheld: glance.withheld, steps, said, done })
    });
    sealed_page(page).await
}

async fn sealed_page(page: access::Sealed<Result<Html<String>, PageError>>) -> Result<Html<String>, PageError> {
    use crate::pages::Comparable;
    page.release_as(|page| page.as_ref().ok().and_then(Comparable::hash)).await?
}

fn key(text: &str) -> Result<StoryKey, PageError> {
    let story: StoryKey = text.parse().map_err(|_| PageError::NotFound)?;
    if story.kind == ResourceType::Encounter { Ok(story) } else { Err(PageError::NotFound) }
}

fn step(event: &Event, now: jiff::Timestamp) -> Step {
    let words = match event.corrects {
        Some(_) => event.topic.taken_back().to_owned(),
        None => event.topic.words().to_owned(),
    };
    Step {
        words,
        at: when::time_or_date(event.occurred.unwrap_or(event.recorded), now),
        over: matches!(event.standing, Standing::TakenBack | Standing::Replaced),
    }
}

fn said(planned: &[Planned], now: jiff::Timestamp) -> Vec<Said> {
    let statement = |said: &Planned| Statement {
        words: said.words.clone(),
        by: format!("{}, {}", said.by, said.organisation),
        at: when::time_or_date(said.at, now),
    };
    let of = |(code, title, hint): (&'static str, &'static str, &'static str)| {
        let mut statements: Vec<Statement> =
            planned.iter().rev().filter(|said| said.about == code).map(statement).collect();
        let newest = (!statements.is_empty()).then(|| statements.remove(0));
        Said { title, code, hint, newest, earlier: statements }
    };
    ABOUT.into_iter().map(of).collect()
}

/// The form as sent: a member for each of what can be said.
#[derive(Deserialize)]
pub struct SayForm {
    form_token: String,
    #[serde(default)]
    ready: String,
    #[serde(default)]
    waiting: String,
    #[serde(default)]
    call: String,
    #[serde(default)]
    package: String,
    #[serde(default)]
    reply: String,
}

/// `POST /record/{person}/stay/{story}`.
pub async fn say(
    State(state): State<AppState>,
    who: SignedIn,
    Path((person, story)): Path<(String, String)>,
    Form(form): Form<SayForm>,
) -> Result<Response, PageError> {
    who.check(&form.form_token)?;
    let (person, story): (PersonKey, StoryKey) = (frame::person(&person)?, key(&story)?);
    let said = [
        ("ready", form.ready),
        ("waiting", form.waiting),
        ("call", form.call),
        ("package", form.package),
        ("reply", form.reply),
    ];
    let said: Vec<(&str, String)> = said
        .into_iter()
        .map(|(about, words)| (about, words.trim().to_owned()))
        .filter(|(_, words)| !words.is_empty())
        .collect();
    if said.is_empty() {
        return Err(PageError::Bad("Write something under one of the headings first.".into()));
    }
    if said.iter().any(|(_, words)| words.chars().count() > WORDS_MAX) {
        return Err(PageError::Bad(format!("Write {WORDS_MAX} characters at most under each heading.")));
    }
    let (site, user) = (state.clone(), Arc::clone(&who.user));
    let sealed = blocking(move || {
        let now = site.now();
        let permit = site.gate.open(&user, person, &Action::Worklist { what: "say about a stay".into() }, now)?;
        let sources = Sources::of(&site)?;
        Ok(site.records.glance(&permit, Some((story.id, story.kind)), |id| sources.info(id), now)?)
    })
    .await?;
    // Only of a stay of this record, and one this reader sees.
    if sealed.release().await?.what.is_none() {
        return Err(PageError::NotFound);
    }
    for (about, words) in said {
        super::act::put(&state, &who, Act::Plan { story, about: about.to_owned(), words }).await?;
    }
    Ok(Redirect::to(&format!("/record/{person}/stay/{story}?done=said")).into_response())
}
