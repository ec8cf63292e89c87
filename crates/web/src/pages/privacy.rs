//! The privacy officer's desk: what was opened for a reason or through broken glass, suspicions, questions; each entry with
//! all it rests on, what was shown made again, and objections.

use super::{
    Chrome, Here, frame, html, objections,
    why::{Who, who_is},
};
use crate::{error::PageError, replay, session::SignedIn, state::AppState};
use access::{Action, AuditEntry, Matter, MatterKind, PrivacyPermit, Recorded};
use askama::Template;
use axum::{
    Form,
    extract::{Path, Query, State},
    response::{Html, IntoResponse, Redirect, Response},
};
use fhir::{PatientKey, PersonKey};
use intake::ConsentAct;
use jiff::Timestamp;
use record::when;
use serde::Deserialize;
use std::sync::Arc;

/// Items shown of each kind at most.
const SHOWN_MAX: usize = 200;
/// Entries about a person shown at most.
const ENTRIES_MAX: usize = 500;

const KINDS: [(MatterKind, &str, &str); 5] = [
    (MatterKind::Glass, "glass", "Broken glass"),
    (MatterKind::Misuse, "misuse", "Suspicions"),
    (MatterKind::Question, "questions", "Questions"),
    (MatterKind::Objection, "objections", "Objections asked for"),
    (MatterKind::Claim, "claims", "Reasons given"),
];

async fn permit(
    state: &AppState,
    who: &SignedIn,
    about: Option<PersonKey>,
    what: String,
) -> Result<PrivacyPermit, PageError> {
    let (site, user) = (state.clone(), Arc::clone(&who.user));
    blocking(move || Ok(site.gate.privacy(&user, about, &Action::Privacy { what }, site.now())?)).await
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PageError> + Send + 'static,
) -> Result<T, PageError> {
    crate::blocking::spawn(work).await.map_err(|error| PageError::Fault(error.to_string()))?
}

struct Tab {
    slug: &'static str,
    title: &'static str,
    waiting: String,
    here: bool,
}

struct Line {
    n: u64,
    at: String,
    user: String,
    role: String,
    about: String,
    words: String,
    ended: String,
    holds: bool,
}

#[derive(Template)]
#[template(path = "privacy.html")]
struct DeskPage {
    chrome: Chrome,
    tabs: Vec<Tab>,
    slug: &'static str,
    lines: Vec<Line>,
    settled: bool,
}

/// Which part of the desk.
#[derive(Deserialize)]
pub struct Part {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    settled: String,
}

/// `GET /privacy?kind=&settled=`.
pub async fn desk(
    State(state): State<AppState>,
    who: SignedIn,
    Query(part): Query<Part>,
) -> Result<Html<String>, PageError> {
    let (kind, slug, _) = KINDS.into_iter().find(|(_, slug, _)| *slug == part.kind).unwrap_or(KINDS[0]);
    let settled = part.settled == "yes";
    let permit = permit(&state, &who, None, format!("desk {slug}")).await?;
    let site = state.clone();
    let read = blocking(move || {
        let matters = site.gate.matters(&permit, kind, settled, SHOWN_MAX)?;
        let waiting = site.gate.waiting(&permit)?;
        let read = matters.map(|matters| {
            let read = |n| site.gate.entry(&permit, n);
            matters.into_iter().map(|matter| Ok((read(matter.n)?, matter))).collect::<Result<Vec<_>, PageError>>()
        });
        Ok((read, waiting))
    });
    let (matters, waiting) = read.await?;
    let now = state.now();
    let mut lines = Vec::new();
    for (entry, matter) in matters.release().await?? {
        if let Some((entry, ..)) = entry.release().await? {
            lines.push(line(&state, &entry, &matter, now)?);
        }
    }
    let waiting = waiting.release().await?;
    let tabs = KINDS.into_iter().map(|(kind, of, title)| Tab {
        slug: of,
        title,
        waiting: super::thousands(waiting.iter().find(|(found, _)| *found == kind).map_or(0, |(_, count)| *count)),
        here: of == slug,
    });
    let chrome = Chrome::new(&state, &who, Here::Privacy);
    html(&DeskPage { chrome, tabs: tabs.collect(), slug, lines, settled })
}

fn line(state: &AppState, entry: &AuditEntry, matter: &Matter, now: Timestamp) -> Result<Line, PageError> {
    let recorded = Recorded::read(&entry.body).unwrap_or_default();
    let about = match matter.kind {
        MatterKind::Objection => objections::asked_words(state, &matter.about)?,
        _ => matter.about.clone(),
    };
    Ok(Line {
        n: matter.n,
        at: when::date_time(matter.at),
        user: recorded.user.name.clone(),
        role: format!("{}, {}", recorded.user.role_name, recorded.user.org_name),
        about,
        words: recorded.words,
        ended: matter.outcome.clone().unwrap_or_default(),
        holds: matter.settled.is_none() && matter.until.is_some_and(|until| until > now),
    })
}

struct Fact {
    what: &'static str,
    value: String,
}

#[derive(Template)]
#[template(path = "privacy_entry.html")]
struct EntryPage {
    chrome: Chrome,
    n: u64,
    person: Option<PersonKey>,
    facts: Vec<Fact>,
    words: String,
    shown: Vec<String>,
    withheld: Vec<String>,
    can_show: bool,
    matter: Option<Line>,
    is_question: bool,
    is_objection: bool,
    of: Option<u64>,
    about: Vec<(u64, String)>,
    problem: Option<String>,
    raw: String,
}

/// `GET /privacy/entry/{n}`.
pub async fn entry(
    State(state): State<AppState>,
    who: SignedIn,
    Path(n): Path<u64>,
) -> Result<Html<String>, PageError> {
    entry_page(&state, &who, n, None).await
}

async fn entry_page(
    state: &AppState,
    who: &SignedIn,
    n: u64,
    problem: Option<String>,
) -> Result<Html<String>, PageError> {
    let permit = permit(state, who, None, format!("entry {n}")).await?;
    let site = state.clone();
    let read = blocking(move || Ok(site.gate.entry(&permit, n)?)).await?;
    let (entry, matter, about) = read.release().await?.ok_or(PageError::NotFound)?;
    let recorded = Recorded::read(&entry.body).unwrap_or_default();
    let what = match recorded.action.as_str() {
        "ask-objection" => objections::asked_words(state, &recorded.what)?,
        _ => recorded.what.clone(),
    };
    let mut facts = Vec::new();
    let mut fact = |what, value: String| {
        if !value.is_empty() {
            facts.push(Fact { what, value });
        }
    };
    fact("When", when::date_time(entry.at));
    fact("Who", format!("{} ({})", recorded.user.name, recorded.user.id));
    fact("Role", recorded.user.role_name.clone());
    fact("Organisation", format!("{} {}", recorded.user.org_name, recorded.user.org_code));
    fact(
        "What",
        [&recorded.action, &recorded.page_words(), &what, &recorded.ended]
            .into_iter()
            .filter(|part| !part.is_empty())
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(": "),
    );
    fact("Looked for by", recorded.criteria.join(", "));
    fact("Outcome", recorded.outcome.clone());
    fact("Refused because", recorded.because.clone().unwrap_or_default());
    if let Some(situation) = &recorded.situation {
        fact("Purpose", situation.access.purpose.clone());
        let evidence: Vec<String> =
            situation.evidence.iter().map(|one| format!("{} ({})", one.relationship, one.resource)).collect();
        fact("Relationship", if evidence.is_empty() { "none known".into() } else { evidence.join(", ") });
        fact("Reason in force", situation.access.claimed.clone());
        fact("Glass", if situation.access.glass { "broken".into() } else { String::new() });
        fact("Objection", if situation.access.objected { "in force".into() } else { String::new() });
    }
    fact("Reason given", recorded.reason.clone());
    fact("Rules", recorded.rules.join(", "));
    fact("Policies", recorded.policy.clone());
    fact("Record read at change", recorded.seq.map(super::thousands).unwrap_or_default());
    fact("From", recorded.via.address.clone());
    fact("Trace", recorded.via.trace.clone());
    let again = serde_json::from_str::<access::Shown>(&entry.body).ok();
    let shown = again.as_ref().map(|shown| shown.first.clone()).unwrap_or_default();
    let withheld = again.as_ref().map_or_else(Vec::new, |shown| {
        shown
            .withheld
            .iter()
            .map(|held| format!("{} {} of {}: {}", held.count, held.kind, held.source, held.because))
            .collect()
    });
    let now = state.now();
    html(&EntryPage {
        chrome: Chrome::new(state, who, Here::Privacy),
        n,
        person: entry.person,
        facts,
        words: recorded.words.clone(),
        shown,
        withheld,
        can_show: recorded.outcome == "permitted" && !recorded.via.page.is_empty() && recorded.seq.is_some(),
        is_question: matter.as_ref().is_some_and(|matter| matter.kind == MatterKind::Question),
        is_objection: matter.as_ref().is_some_and(|matter| matter.kind == MatterKind::Objection),
        matter: matter.as_ref().map(|matter| line(state, &entry, matter, now)).transpose()?,
        of: recorded.of,
        about: about.iter().map(|matter| (matter.n, matter.about.clone())).collect(),
        problem,
        raw: entry.body,
    })
}

/// How a matter ended.
#[derive(Deserialize)]
pub struct Ending {
    form_token: String,
    #[serde(default)]
    ended: String,
    #[serde(default)]
    words: String,
}

/// `POST /privacy/entry/{n}`.
pub async fn settle(
    State(state): State<AppState>,
    who: SignedIn,
    Path(n): Path<u64>,
    Form(ending): Form<Ending>,
) -> Result<Response, PageError> {
    who.check(&ending.form_token)?;
    let settled = match ending.ended.as_str() {
        "granted" => grant(&state, &who, n, &ending.words).await,
        _ => Ok(()),
    };
    let settled = match settled {
        Ok(()) => state.gate.settle(&who.user, n, &ending.ended, &ending.words, state.now()).await,
        Err(Refused::ByGate(refusal)) => Err(refusal),
        Err(Refused::Other(error)) => return Err(error),
    };
    match settled {
        Ok(_) => Ok(Redirect::to(&format!("/privacy/entry/{n}")).into_response()),
        Err(access::Refusal::NoReason(sentence)) => {
            let page = entry_page(&state, &who, n, Some(sentence)).await?;
            Ok((axum::http::StatusCode::BAD_REQUEST, page).into_response())
        }
        Err(other) => Err(other.into()),
    }
}

enum Refused {
    ByGate(access::Refusal),
    Other(PageError),
}

impl<E: Into<PageError>> From<E> for Refused {
    fn from(error: E) -> Self {
        Refused::Other(error.into())
    }
}

/// Lay, or end, the objection that was asked for. It holds before the request is settled: should we fall between the two, the
/// request still waits, and granting it again does no harm.
async fn grant(state: &AppState, who: &SignedIn, n: u64, words: &str) -> Result<(), Refused> {
    let (site, user, said) = (state.clone(), Arc::clone(&who.user), words.to_owned());
    let asked = crate::blocking::spawn(move || site.gate.objection_to_grant(&user, n, &said));
    let asked = asked.await.map_err(|error| PageError::Fault(error.to_string()))?.map_err(Refused::ByGate)?;
    let person = asked.person.ok_or(PageError::NotFound)?;
    let act: ConsentAct =
        serde_json::from_str(&asked.about).map_err(|error| PageError::Fault(format!("what was asked for: {error}")))?;
    let what = if matches!(act, ConsentAct::Withdraw { .. }) { "withdraw" } else { "object" };
    let patients = patients_of(state, who, person, what).await?;
    let why = format!("Asked for by the person (entry {n}). {}", words.trim());
    objections::journal(state, &who.user, &patients, act, format!("{}, {}", who.user.name, who.user.role_name), why)
        .await?;
    Ok(())
}

/// The patients of a person, for laying an objection on them or ending one.
async fn patients_of(
    state: &AppState,
    who: &SignedIn,
    person: PersonKey,
    what: &'static str,
) -> Result<Vec<PatientKey>, PageError> {
    let (site, user) = (state.clone(), Arc::clone(&who.user));
    let patients = blocking(move || {
        let permit = site.gate.privacy(&user, Some(person), &Action::Consent { what: what.into() }, site.now())?;
        Ok(site.gate.patients_of(&permit, person)?)
    });
    let patients = patients.await?.release().await?;
    if patients.is_empty() { Err(PageError::NotFound) } else { Ok(patients) }
}

/// `GET /privacy/entry/{n}/shown`: what the user saw, made again.
pub async fn shown(
    State(state): State<AppState>,
    who: SignedIn,
    Path(n): Path<u64>,
) -> Result<Html<String>, PageError> {
    let permit = permit(&state, &who, None, format!("replay {n}")).await?;
    let (site, under) = (state.clone(), permit.clone());
    let read = blocking(move || Ok(site.gate.entry(&under, n)?)).await?;
    let (entry, ..) = read.release().await?.ok_or(PageError::NotFound)?;
    let ground = replay::Ground {
        region_name: state.region_name.clone(),
        gate: state.gate.clone(),
        records: state.records.clone(),
        forms: state.forms.clone(),
    };
    let again = replay::again(&ground, &permit, &entry).await?;
    let html = again.html.ok_or_else(|| {
        PageError::Bad(match (again.same, &again.read) {
            (Some(true), Some(read)) => format!(
                "This access was through the API: {} versions of resources, read again just now, are the same as were sent. \
                 The entry after it names the first of them.",
                read.items
            ),
            _ => "This access was through the API, and asked for a part: the entry after it says what was shown.".into(),
        })
    })?;
    let verdict = match again.same {
        Some(true) => "It is the same as what was sent, letter for letter.",
        Some(false) => "It is not the same as what was sent: Skein itself has changed since, or something is wrong.",
        None => "Nothing was written down to compare it with.",
    };
    let note = format!(
        "<aside class=\"page\" aria-label=\"Shown again\"><div class=\"why\"><p><b>Shown again:</b> what {} saw at {}. {verdict} \
         <a href=\"/privacy/entry/{n}\">Back to the entry</a></p></div></aside>",
        escaped(&again.user.name),
        when::date_time(again.at)
    );
    Ok(Html(html.replacen("<body>", &format!("<body>{note}"), 1)))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

struct AccessRow {
    n: u64,
    at: String,
    user: String,
    what: String,
    outcome: String,
    why: String,
}

struct Objection {
    of: u64,
    words: String,
    holds: bool,
}

#[derive(Template)]
#[template(path = "privacy_person.html")]
struct PersonPage {
    chrome: Chrome,
    person: PersonKey,
    name: String,
    born: String,
    rows: Vec<AccessRow>,
    objections: Vec<Objection>,
    labels: Vec<(String, String)>,
    problem: Option<String>,
}

/// `GET /privacy/person/{person}`: who looked at a person's record, and what the person objects to.
pub async fn person(
    State(state): State<AppState>,
    who: SignedIn,
    Path(person): Path<String>,
) -> Result<Html<String>, PageError> {
    person_page(&state, &who, frame::person(&person)?, None).await
}

async fn person_page(
    state: &AppState,
    who: &SignedIn,
    person: PersonKey,
    problem: Option<String>,
) -> Result<Html<String>, PageError> {
    let permit = permit(state, who, Some(person), "entries".into()).await?;
    let site = state.clone();
    let read = blocking(move || {
        let objections = site.gate.objections(&permit, person)?;
        Ok((site.gate.entries_about(&permit, person, ENTRIES_MAX)?, objections))
    });
    let (entries, objections) = read.await?;
    let (entries, objections) = (entries.release().await?, objections.release().await?);
    let rows = entries.iter().filter_map(|entry| {
        let recorded = Recorded::read(&entry.body)?;
        let access = recorded.situation.as_ref().map(|situation| &situation.access);
        let mut why: Vec<String> = access.map_or_else(Vec::new, |access| access.relationships.into());
        why.extend(access.map(|access| access.claimed.clone()).filter(|claimed| !claimed.is_empty()));
        if access.is_some_and(|access| access.glass) {
            why.push("glass broken".into());
        }
        (recorded.action != "shown").then(|| AccessRow {
            n: entry.n,
            at: when::date_time(entry.at),
            user: format!("{}, {}", recorded.user.name, recorded.user.org_name),
            what: [recorded.action.as_str(), &recorded.page_words(), &recorded.what].join(" ").trim().to_owned(),
            outcome: recorded.outcome.clone(),
            why: why.join(", "),
        })
    });
    let rows = rows.collect();
    let now = state.now();
    let objections = objections.into_iter().map(|objection| Objection {
        of: objection.resource.local,
        holds: objection.row.until.is_none_or(|until| until > now.as_microsecond()),
        words: words(&objection),
    });
    let policies = state.gate.policies();
    let labels = policies.labels().all().map(|(name, title)| (name.to_owned(), title.to_owned())).collect();
    let chrome = Chrome::new(state, who, Here::Privacy);
    let Who { name, born } = who_is(state, &who.user, person).await?;
    html(&PersonPage { chrome, person, name, born, rows, objections: objections.collect(), labels, problem })
}

fn words(objection: &access::SaidBearing) -> String {
    let day = |at: i64| Timestamp::from_microsecond(at).ok().map(when::date_time);
    let row = &objection.row;
    let mut words = if row.category.is_empty() { "everything".to_owned() } else { row.category.clone() };
    if !row.organisation.is_empty() {
        words = format!("{words}, with {}", row.organisation);
    }
    if let Some(since) = row.since.and_then(day) {
        words = format!("{words}, from {since}");
    }
    // The end of all time is none.
    if let Some(until) = row.until.and_then(day) {
        words = format!("{words}, until {until}");
    }
    words
}

/// An objection to lay, or to end.
#[derive(Deserialize)]
pub struct ObjectionForm {
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

/// `POST /privacy/person/{person}/objection`.
pub async fn object(
    State(state): State<AppState>,
    who: SignedIn,
    Path(person): Path<String>,
    Form(form): Form<ObjectionForm>,
) -> Result<Response, PageError> {
    who.check(&form.form_token)?;
    let person = frame::person(&person)?;
    let why = form.words.trim().to_owned();
    if why.is_empty() {
        let sentence = "Write who told you, and when: it stays with the objection.".to_owned();
        let page = person_page(&state, &who, person, Some(sentence)).await?;
        return Ok((axum::http::StatusCode::BAD_REQUEST, page).into_response());
    }
    let what = if form.withdraw.is_some() { "withdraw" } else { "object" };
    let patients = patients_of(&state, &who, person, what).await?;
    let act = match form.withdraw {
        Some(of) => ConsentAct::Withdraw { of },
        None => ConsentAct::Object {
            organisation: form.organisation.trim().to_owned(),
            category: form.category.trim().to_owned(),
            from: None,
            until: None,
        },
    };
    let name = format!("{}, {}", who.user.name, who.user.role_name);
    objections::journal(&state, &who.user, &patients, act, name, why).await?;
    Ok(Redirect::to(&format!("/privacy/person/{person}")).into_response())
}
