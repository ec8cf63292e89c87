//! Finding a person by whatever is known of them, in one field. What is searched for is sent in a form and kept on the server
//! under a short-lived id, so that no address, history or log holds a name or a number.

use super::{Chrome, Here, first_page, html, teams::blocking, teams::line};
use crate::{
    error::PageError,
    session::{Search, SignedIn},
    sources,
    state::AppState,
};
use access::{Action, policy::Desk};
use askama::Template;
use axum::{
    Form,
    extract::{Path, Query, State},
    response::{Html, IntoResponse, Redirect, Response},
};
use fhir::PatientKey;
use identity::{TooLittle, Typed};
use record::{
    freshness::SourceState,
    search::{Fit, Meant},
    when::{self, When},
};
use serde::Deserialize;
use std::{sync::Arc, time::Instant};

/// People shown at most.
const FOUND_MAX: usize = 40;

#[derive(Template)]
#[template(path = "find.html")]
struct FindPage {
    chrome: Chrome,
    search: Search,
    problem: Option<String>,
    loading: Option<String>,
    recent: usize,
    teams: bool,
}

/// `GET /`.
pub async fn start(State(state): State<AppState>, who: SignedIn) -> Result<Response, PageError> {
    let first = first_page(&state, &who.user);
    match first.as_str() {
        "/" => Ok(html(&page(&state, &who, Search::default(), None))?.into_response()),
        elsewhere => Ok(Redirect::to(elsewhere).into_response()),
    }
}

/// For whom somebody is looked for.
#[derive(Deserialize)]
pub struct Beside {
    #[serde(default)]
    beside: String,
}

/// `GET /find`: the stewards' search; everybody else's is the first page. `beside`: the patient that whoever is found is to be compared with.
pub async fn form(
    State(state): State<AppState>,
    who: SignedIn,
    Query(beside): Query<Beside>,
) -> Result<Response, PageError> {
    if !state.gate.may(&who.user, Desk::WhoIsWho) && !state.gate.may(&who.user, Desk::Privacy) {
        return Ok(Redirect::to("/").into_response());
    }
    let search = Search { beside: key(&beside.beside), ..Search::default() };
    Ok(html(&page(&state, &who, search, None))?.into_response())
}

fn key(text: &str) -> Option<PatientKey> {
    text.parse().ok()
}

fn page(state: &AppState, who: &SignedIn, search: Search, problem: Option<String>) -> FindPage {
    let loading = state.loading().map(|loading| super::status::loading_words(&loading));
    FindPage {
        recent: if state.gate.may(&who.user, Desk::Worklist) { state.sessions.recent(who).len() } else { 0 },
        teams: state.notices.is_some() && state.gate.may(&who.user, Desk::Worklist),
        chrome: Chrome::new(state, who, Here::Find),
        search,
        problem,
        loading,
    }
}

/// The form as sent.
#[derive(Deserialize)]
pub struct FindForm {
    form_token: String,
    #[serde(default)]
    words: String,
    #[serde(default)]
    beside: String,
}

/// `POST /find`: remember what is looked for, and go to its page. An NHS number that finds one person whom everything else fits
/// opens the record.
pub async fn find(
    State(state): State<AppState>,
    who: SignedIn,
    Form(form): Form<FindForm>,
) -> Result<Response, PageError> {
    who.check(&form.form_token)?;
    let search = Search { words: form.words.trim().to_owned(), beside: key(&form.beside) };
    let typed = Typed::read(&search.words, when::today(state.now()));
    if let Err(lacks) = typed.enough() {
        let problem = Some(lacking(lacks).to_owned());
        return Ok(html(&page(&state, &who, search, problem))?.into_response());
    }
    if typed.nhs_number.is_some() && typed.left.is_empty() && search.beside.is_none() {
        let (people, _) = look(&state, &who, typed).await?;
        let sure: Vec<&Meant> = people.iter().filter(|meant| meant.fits.number == Fit::Same).collect();
        if let [only] = sure.as_slice()
            && only.fits.wholly()
        {
            let person = only.hit.person.to_string();
            return Ok(Redirect::to(&Chrome::new(&state, &who, Here::Find).person(&person)).into_response());
        }
    }
    let id = state.sessions.remember(&who, search, state.steady_now()).ok_or(PageError::SignIn(None))?;
    Ok(Redirect::to(&format!("/find/{id}")).into_response())
}

fn lacking(lacks: TooLittle) -> &'static str {
    match lacks {
        TooLittle::Nothing => "Enter an NHS number, or a name with a date of birth or a postcode",
        TooLittle::NameAlone => "Add a date of birth or a postcode to the name",
        TooLittle::BirthAlone => "Add a name or a postcode to the date of birth",
        TooLittle::PostcodeAlone => "Add a name, a date of birth or the number of the house to the postcode",
        TooLittle::WrongNumber => {
            "This is not a valid NHS number: check the digits, or add a name with a date of birth or a postcode"
        }
        TooLittle::NotUnderstood => {
            "Nothing in this is an NHS number, a name, a date of birth like 14 7 1945 or a postcode: check what you typed"
        }
    }
}

async fn look(state: &AppState, who: &SignedIn, typed: Typed) -> Result<(Vec<Meant>, bool), PageError> {
    if let Err(wait) = state.searches.count(&who.user, Instant::now()) {
        let seconds = wait.as_secs() + 1;
        let words = format!(
            "You have looked for more people in a minute than is usual. Wait {seconds} {} and search again.",
            if seconds == 1 { "second" } else { "seconds" }
        );
        return Err(PageError::TooOften(words, seconds));
    }
    let (site, user, asked) = (state.clone(), Arc::clone(&who.user), typed.clone());
    let sealed = blocking(move || {
        let permit = site.gate.find(&user, &Action::FindPeople { criteria: criteria(&asked) }, site.now())?;
        Ok(site.records.search(&permit, &asked, site.matcher.as_ref())?.map(move |found| (permit, found)))
    });
    let (permit, found) = sealed.await?.release().await?;
    let site = state.clone();
    let sealed = blocking(move || Ok(site.records.meant(&permit, &typed, &found, FOUND_MAX)?));
    Ok(sealed.await?.release().await?)
}

/// What is searched by: names of facts, never their values.
fn criteria(typed: &Typed) -> Vec<String> {
    let named = [
        ("nhs-number", typed.nhs_number.is_some() || typed.nhs_number_mistyped.is_some()),
        ("name", !typed.names.is_empty()),
        ("birthdate", !typed.births.is_empty()),
        ("postcode", typed.postcode.is_some()),
        ("house", typed.house.is_some()),
        ("gender", typed.gender.is_some()),
    ];
    named.iter().filter(|(_, given)| *given).map(|(name, _)| (*name).to_owned()).collect()
}

struct PersonRow {
    key: String,
    /// Where to compare it, when somebody to compare with was named.
    compare: Option<String>,
    name: String,
    born: String,
    age: Option<String>,
    gender: String,
    nhs: String,
    lives: String,
    sources: String,
    deceased: bool,
    differs: Vec<&'static str>,
}

#[derive(Template)]
#[template(path = "found.html")]
struct FoundPage {
    chrome: Chrome,
    understood: Vec<String>,
    left: Vec<String>,
    people: Vec<PersonRow>,
    more: bool,
}

/// `GET /find/{id}`: runs the remembered search again, so that the page is always as of now.
pub async fn found(
    State(state): State<AppState>,
    who: SignedIn,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let Some(search) = state.sessions.search(&who, &id, state.steady_now()) else {
        return Ok(Redirect::to("/").into_response());
    };
    let typed = Typed::read(&search.words, when::today(state.now()));
    let (meant, more) = look(&state, &who, typed.clone()).await?;
    let states = sources::states(&state, &[])?;
    let beside = search.beside.filter(|_| state.gate.may(&who.user, Desk::WhoIsWho));
    let people = meant.iter().map(|one| row(one, &states, beside, state.now())).collect();
    let page = FoundPage {
        chrome: Chrome::new(&state, &who, Here::Find),
        understood: understood(&typed),
        left: typed.left,
        people,
        more,
    };
    Ok(html(&page)?.into_response())
}

/// How what was typed was read, so that a misreading is seen.
fn understood(typed: &Typed) -> Vec<String> {
    let number = |number: u64| fhir::nhs::format_spaced(&format!("{number:010}"));
    let mut parts = Vec::new();
    parts.extend(typed.nhs_number.map(|own| format!("NHS number {}", number(own))));
    parts.extend(typed.nhs_number_mistyped.map(|own| format!("{}, which is no valid NHS number", number(own))));
    parts.extend((!typed.names.is_empty()).then(|| format!("name {}", typed.names.join(" "))));
    let births: Vec<String> = typed.births.iter().copied().map(when::day_text).collect();
    parts.extend((!births.is_empty()).then(|| format!("born {}", births.join(" or "))));
    parts.extend(typed.gender.clone());
    parts.extend(typed.house.as_ref().map(|house| format!("house {house}")));
    parts.extend(typed.postcode.as_ref().map(|postcode| format!("postcode {postcode}")));
    parts
}

fn row(meant: &Meant, states: &[SourceState], beside: Option<PatientKey>, now: jiff::Timestamp) -> PersonRow {
    let hit = &meant.hit;
    let all = || hit.patients.iter().map(|patient| &patient.facts);
    let first = |read: &dyn Fn(&identity::PatientFacts) -> Option<String>| all().find_map(read);
    // One source that restricts the person's whereabouts is enough.
    let restricted = all().any(|facts| facts.restricted);
    let name = all().next().map(|facts| {
        let family = facts.families.first().map(|family| family.to_uppercase()).unwrap_or_default();
        let given = facts.givens.first().cloned().unwrap_or_default();
        let title = facts.title.as_ref().map(|title| format!(" ({title})")).unwrap_or_default();
        match (family.is_empty(), given.is_empty()) {
            (false, false) => format!("{family}, {given}{title}"),
            _ => format!("{family}{given}{title}"),
        }
    });
    let mut sources: Vec<String> = Vec::new();
    for patient in &hit.patients {
        let name = sources::info(states, &patient.source).name.clone();
        if !sources.contains(&name) {
            sources.push(name);
        }
    }
    let other = hit.patients.first().map(|found| found.patient);
    let deceased = all().any(|facts| facts.deceased);
    let birth = all().find_map(|facts| facts.birth);
    let age =
        birth.and_then(|birth| When::parse(&birth.to_string())).and_then(|born| when::age(&born, when::today(now)));
    PersonRow {
        compare: beside.zip(other).filter(|(a, b)| a != b).map(|(a, b)| format!("/identity/pair/{a}/{b}")),
        key: hit.person.to_string(),
        name: name.filter(|name| !name.is_empty()).unwrap_or_else(|| "Name not known".into()),
        born: birth.map(when::day_text).unwrap_or_else(|| "Not Known".into()),
        age: age.filter(|_| !deceased),
        gender: first(&|facts| facts.gender.as_deref().map(record::banner::gender))
            .unwrap_or_else(|| "Not Known".into()),
        nhs: first(&|facts| facts.nhs_number.map(|number| fhir::nhs::format_spaced(&format!("{number:010}"))))
            .unwrap_or_else(|| "Not Known".into()),
        lives: if restricted { "Withheld".into() } else { first(&lives).unwrap_or_else(|| "Not Known".into()) },
        sources: sources.join(", "),
        deceased,
        differs: meant.fits.words(),
    }
}

/// The first line of the address, and the postcode.
fn lives(facts: &identity::PatientFacts) -> Option<String> {
    let address = facts.addresses.first();
    let line = address.and_then(|address| address.lines.first().cloned());
    let postcode = address.and_then(|address| address.postcode.clone()).or_else(|| facts.postcode.clone());
    let parts: Vec<String> = line.into_iter().chain(postcode).filter(|part| !part.trim().is_empty()).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

#[derive(Template)]
#[template(path = "recent.html")]
struct RecentPage {
    chrome: Chrome,
    lines: Vec<String>,
    hidden: usize,
}

/// `GET /recent`: whose records this session opened, each asked for at the gate again.
pub async fn recent(State(state): State<AppState>, who: SignedIn) -> Result<Html<String>, PageError> {
    let (site, user) = (state.clone(), Arc::clone(&who.user));
    let permit =
        blocking(move || Ok(site.gate.worklist(&user, &Action::Worklist { what: "recent".into() }, site.now())?));
    permit.await?.recorded().await?;
    let asked: Vec<line::Asked> =
        state.sessions.recent(&who).into_iter().map(|person| line::Asked { person, story: None }).collect();
    let all = asked.len();
    let lines = line::lines(&state, &who.user, asked, "recent").await?;
    let lines: Vec<String> = lines.into_iter().flatten().map(|line| line.html).collect();
    html(&RecentPage { chrome: Chrome::new(&state, &who, Here::Find), hidden: all - lines.len(), lines })
}
