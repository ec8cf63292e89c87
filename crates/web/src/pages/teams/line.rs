//! One line about a person in a list of many. Each is asked for at the gate, written down, and can be shown again from its
//! entry: it has an address of its own.

use super::{super::frame, blocking};
use crate::{
    error::PageError,
    pages::{Chrome, Comparable, Here, html},
    session::SignedIn,
    sources,
    state::AppState,
};
use access::{Action, User, Via};
use askama::Template;
use axum::{
    extract::{Path, State},
    response::Html,
};
use fhir::PersonKey;
use futures_util::future::try_join_all;
use notify::StoryKey;
use record::{SourceInfo, SourceKind, freshness::SourceState, glance::Glance};
use std::{collections::HashMap, sync::Arc};

/// What a line is to be about.
#[derive(Clone, Copy)]
pub struct Asked {
    /// Whom.
    pub person: PersonKey,
    /// Which stay, letter, appointment; none: the person.
    pub story: Option<StoryKey>,
}

/// A line that may be shown.
pub struct Line {
    /// What it says.
    pub glance: Glance,
    /// The same, as it stands on a page.
    pub html: String,
}

#[derive(Template)]
#[template(path = "line.html")]
struct LineFragment<'a> {
    person: PersonKey,
    item: Option<String>,
    glance: &'a Glance,
}

/// Where a reader finds the whole of it.
fn item_address(person: PersonKey, story: StoryKey) -> String {
    use fhir::ResourceType as T;
    match story.kind {
        T::Encounter => format!("/record/{person}/stay/{story}"),
        T::DocumentReference => format!("/record/{person}/letters/{}", story.id),
        T::DiagnosticReport => format!("/record/{person}/results/report/{}", story.id),
        T::Task | T::ServiceRequest => format!("/record/{person}/request/{}/{}", story.kind, story.id),
        T::Patient => format!("/record/{person}"),
        kind => format!("/record/{person}/item/{kind}/{}", story.id),
    }
}

/// Sources by name, once for a page.
pub struct Sources(HashMap<String, Arc<SourceInfo>>);

impl Sources {
    /// As they stand.
    pub fn of(state: &AppState) -> Result<Self, PageError> {
        let states: Vec<SourceState> = sources::states(state, &[])?;
        Ok(Sources(states.into_iter().map(|state| (state.source.id.clone(), state.source)).collect()))
    }

    /// Who a source is.
    pub fn info(&self, id: &str) -> Arc<SourceInfo> {
        if id == record::WRITTEN_HERE {
            return sources::info(&[], id);
        }
        self.0.get(id).cloned().unwrap_or_else(|| {
            Arc::new(SourceInfo { id: id.to_owned(), name: "a source".into(), kind: SourceKind::Other })
        })
    }
}

fn made(person: PersonKey, story: Option<StoryKey>, glance: Glance) -> Result<Line, askama::Error> {
    let item =
        story.filter(|_| glance.what.is_some() || story.is_some_and(|story| story.kind == fhir::ResourceType::Patient));
    let item = item.map(|story| item_address(person, story));
    let html = LineFragment { person, item, glance: &glance }.render()?;
    Ok(Line { glance, html })
}

/// The lines that the gate lets this reader see; None in the place of each other.
pub async fn lines(
    state: &AppState,
    user: &Arc<User>,
    asked: Vec<Asked>,
    what: &str,
) -> Result<Vec<Option<Line>>, PageError> {
    let (site, user, what) = (state.clone(), Arc::clone(user), what.to_owned());
    let sealed = blocking(move || {
        let now = site.now();
        let sources = Sources::of(&site)?;
        let action = Action::Worklist { what };
        let mut sealed = Vec::with_capacity(asked.len());
        for Asked { person, story } in asked {
            let page = match story {
                Some(story) => format!("/record/{person}/line/{story}"),
                None => format!("/record/{person}/line"),
            };
            let reader = Arc::new(User { via: Via { page, ..user.via.clone() }, ..(*user).clone() });
            let Some(permit) = site.gate.glimpse(&reader, person, &action, now)? else {
                sealed.push(None);
                continue;
            };
            let about = story.map(|story| (story.id, story.kind));
            let glance = site.records.glance(&permit, about, |id| sources.info(id), now)?;
            sealed.push(Some(glance.map(|glance| made(person, story, glance))));
        }
        Ok(sealed)
    })
    .await?;
    // All at once, so that one fsync does for all.
    let released = sealed.into_iter().map(|sealed| async {
        match sealed {
            None => Ok(None),
            Some(sealed) => {
                let line = sealed.release_as(|line| line.as_ref().ok().and_then(|line| Html(line.html.clone()).hash()));
                Ok::<_, PageError>(Some(line.await??))
            }
        }
    });
    try_join_all(released).await
}

#[derive(Template)]
#[template(path = "line_page.html")]
struct LinePage {
    chrome: Chrome,
    html: String,
}

/// `GET /record/{person}/line/{story}`: a line by itself, for showing again what stood in a list.
pub async fn show(
    State(state): State<AppState>,
    who: SignedIn,
    Path((person, story)): Path<(String, String)>,
) -> Result<Html<String>, PageError> {
    let story = story.parse().map_err(|_| PageError::NotFound)?;
    page(&state, &who, &person, Some(story)).await
}

/// `GET /record/{person}/line`: the same about the person alone.
pub async fn person(
    State(state): State<AppState>,
    who: SignedIn,
    Path(person): Path<String>,
) -> Result<Html<String>, PageError> {
    page(&state, &who, &person, None).await
}

async fn page(
    state: &AppState,
    who: &SignedIn,
    person: &str,
    story: Option<StoryKey>,
) -> Result<Html<String>, PageError> {
    let person = frame::person(person)?;
    let (site, user) = (state.clone(), Arc::clone(&who.user));
    let sealed = blocking(move || {
        let now = site.now();
        let sources = Sources::of(&site)?;
        let permit = site.gate.open(&user, person, &Action::Worklist { what: "line".into() }, now)?;
        let about = story.map(|story| (story.id, story.kind));
        let glance = site.records.glance(&permit, about, |id| sources.info(id), now)?;
        Ok(glance.map(|glance| made(person, story, glance)))
    })
    .await?;
    let line = sealed.release_as(|line| line.as_ref().ok().and_then(|line| Html(line.html.clone()).hash())).await??;
    html(&LinePage { chrome: Chrome::new(state, who, Here::Elsewhere), html: line.html })
}
