//! Who is who: the pages of data stewards. The queue of pairs that wait, two patients side by side, a person and how it
//! came to be. What is alike and what may be shown is decided in `record`; what a decision does, in `intake`.

pub mod decide;
pub mod pair;
pub mod person;
pub mod queue;
pub mod report;
mod words;

use crate::{
    error::PageError,
    session::SignedIn,
    sources,
    state::{AppState, Site},
};
use access::{Action, StewardPermit, User};
use fhir::{PatientKey, PersonKey, Resource, Value};
use intake::{Act, LinkDecision};
use record::{
    Pair, ReviewKind, ReviewStatus, StoreError, banner,
    freshness::SourceState,
    stewards::{Decided, Side},
    text::best_name,
    when::When,
};
use serde::Deserialize;
use std::time::Duration;

/// How long a page waits to see a decision carried out.
const WAIT: Duration = Duration::from_secs(10);
/// Letters in a note.
const NOTE_CHARS_MAX: usize = 2000;

/// The lists of the queue: name in the address, words, status.
const LISTS: [(&str, &str, ReviewStatus); 4] = [
    ("waiting", "Waiting", ReviewStatus::Open),
    ("second", "Second opinion", ReviewStatus::Second),
    ("unsure", "Cannot tell", ReviewStatus::Unsure),
    ("settled", "Settled", ReviewStatus::Settled),
];

/// A list of the queue, as the address names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct List {
    name: &'static str,
    words: &'static str,
    status: ReviewStatus,
    kind: Option<ReviewKind>,
}

impl List {
    /// None when the address names none; what it names wrongly is no page.
    fn of(list: &str, kind: &str) -> Result<Option<List>, PageError> {
        let kind = match kind {
            "" => None,
            word => {
                let known = ReviewKind::ALL.into_iter().find(|kind| kind.as_str() == word);
                Some(known.ok_or(PageError::NotFound)?)
            }
        };
        if list.is_empty() {
            return Ok(None);
        }
        let (name, words, status) = LISTS.into_iter().find(|(name, _, _)| *name == list).ok_or(PageError::NotFound)?;
        Ok(Some(List { name, words, status, kind }))
    }

    fn kind_name(self) -> &'static str {
        self.kind.map_or("", ReviewKind::as_str)
    }

    /// What follows the `?` of an address that keeps the list.
    fn query(self) -> String {
        match self.kind {
            Some(kind) => format!("list={}&kind={}", self.name, kind.as_str()),
            None => format!("list={}", self.name),
        }
    }
}

/// The list a page was opened from, and what was done before.
#[derive(Deserialize, Default)]
pub struct Way {
    #[serde(default)]
    list: String,
    #[serde(default)]
    kind: String,
    /// The decision just made.
    done: Option<u64>,
    /// The decision just taken back.
    undone: Option<u64>,
    /// Set when the server has not come to it yet.
    #[serde(default)]
    later: String,
}

fn permit(
    site: &Site,
    user: &User,
    about: Option<PersonKey>,
    what: impl Into<String>,
) -> Result<StewardPermit, PageError> {
    Ok(site.gate.steward(user, about, &Action::Identity { what: what.into() }, site.now())?)
}

/// Work that reads the store, off the threads that serve others.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PageError> + Send + 'static,
) -> Result<T, PageError> {
    crate::blocking::spawn(work).await.map_err(|error| PageError::Fault(error.to_string()))?
}

fn patient(text: &str) -> Result<PatientKey, PageError> {
    text.parse().map_err(|_| PageError::NotFound)
}

fn pair_of(a: &str, b: &str) -> Result<Pair, PageError> {
    Pair::new(patient(a)?, patient(b)?)
        .ok_or_else(|| PageError::Bad("A patient cannot be compared with itself: choose two.".into()))
}

fn pair_address(pair: Pair) -> String {
    format!("/identity/pair/{}/{}", pair.a, pair.b)
}

/// A note as typed, without what surrounds it.
fn note(text: &str, required: bool) -> Result<String, String> {
    let note = text.trim();
    let letters = note.chars().count();
    if letters > NOTE_CHARS_MAX {
        return Err(format!(
            "The note has {} characters; {} is the most.",
            super::thousands(u64::try_from(letters).unwrap_or(u64::MAX)),
            super::thousands(u64::try_from(NOTE_CHARS_MAX).unwrap_or(u64::MAX))
        ));
    }
    if required && note.is_empty() {
        return Err("Say why, in a few words: somebody will ask.".into());
    }
    Ok(note.chars().map(|letter| if letter.is_control() && letter != '\n' { ' ' } else { letter }).collect())
}

/// Who a patient is said to be, in a line.
pub struct Face {
    key: PatientKey,
    name: String,
    born: String,
    nhs: String,
    source: String,
    died: bool,
}

fn face(side: &Side, states: &[SourceState]) -> Face {
    let resource = resource(side);
    let read = |of: &dyn Fn(&Resource) -> Option<String>| resource.as_ref().and_then(of);
    let born = read(&|one| one.str_at("/birthDate").and_then(When::parse).map(|when| when.text));
    Face {
        key: side.patient,
        name: read(&|one| best_name(one.list("name")).map(|name| name.banner()))
            .unwrap_or_else(|| "Name not known".into()),
        born: born.unwrap_or_else(|| "Not Known".into()),
        nhs: read(&|one| banner::nhs_of(one).map(|nhs| nhs.long())).unwrap_or_else(|| "Not Known".into()),
        source: sources::info(states, &side.source).name.clone(),
        died: resource.as_ref().is_some_and(|one| {
            one.get("deceasedDateTime").is_some() || one.get("deceasedBoolean") == Some(&Value::Bool(true))
        }),
    }
}

/// The Patient resource of a side; one that does not read is shown as not known.
fn resource(side: &Side) -> Option<Resource> {
    side.item.as_ref().and_then(|item| item.resource().ok())
}

fn reads(decided: &Decided) -> Option<LinkDecision> {
    serde_json::from_str(&decided.about).ok()
}

/// Put a decision in the journal and wait until it is carried out. Whether it is.
async fn carry_out(state: &AppState, decision: &LinkDecision) -> Result<(u64, bool), PageError> {
    let pos = state.engine()?.decide_link(decision, state.now()).await.map_err(not_now)?;
    match tokio::time::timeout(WAIT, state.engine()?.wait_applied(pos)).await {
        Ok(applied) => applied.map(|_| (pos, true)).map_err(not_now),
        Err(_) => Ok((pos, false)),
    }
}

fn not_now(error: StoreError) -> PageError {
    tracing::error!(%error, "a decision about who is who could not be carried out");
    PageError::NotNow(
        "Your decision could not be carried out just now. Look at the pair again in a minute before deciding anew."
            .into(),
    )
}

fn decision(who: &SignedIn, act: Act, why: String, seen: Option<u64>) -> LinkDecision {
    let user = &who.user;
    LinkDecision { act, by: user.id.clone(), name: format!("{}, {}", user.name, user.role_name), why, seen }
}
