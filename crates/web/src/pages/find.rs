//! Finding a person. What is searched for is sent in a form and kept on the server under a short-lived id, so that no
//! address, history or log holds a name or a number.

use super::{Chrome, Here, first_page, html};
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
    response::{IntoResponse, Redirect, Response},
};
use fhir::{
    PatientKey,
    nhs::{NhsNumber, NotAnNhsNumber},
};
use jiff::civil::Date;
use record::{PeopleFilter, PersonHit, freshness::SourceState, when};
use serde::Deserialize;
use std::time::Instant;

/// People shown at most.
const FOUND_MAX: usize = 40;

#[derive(Template)]
#[template(path = "find.html")]
struct FindPage {
    chrome: Chrome,
    search: Search,
    problems: Vec<(&'static str, String)>,
    loading: Option<String>,
}

impl FindPage {
    fn wrong(&self, field: &str) -> bool {
        self.words(field).is_some()
    }

    fn words(&self, field: &str) -> Option<&str> {
        self.problems.iter().find(|(name, _)| *name == field).map(|(_, words)| words.as_str())
    }
}

/// `GET /`.
pub async fn start(State(state): State<AppState>, who: SignedIn) -> Result<Response, PageError> {
    let first = first_page(&state, &who.user);
    match first.as_str() {
        "/" => Ok(html(&page(&state, &who, Search::default(), Vec::new()))?.into_response()),
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
    Ok(html(&page(&state, &who, search, Vec::new()))?.into_response())
}

fn key(text: &str) -> Option<PatientKey> {
    text.parse().ok()
}

fn page(state: &AppState, who: &SignedIn, search: Search, problems: Vec<(&'static str, String)>) -> FindPage {
    let loading = state.loading().map(|loading| super::status::loading_words(&loading));
    FindPage { chrome: Chrome::new(state, who, Here::Find), search, problems, loading }
}

/// The form as sent.
#[derive(Deserialize)]
pub struct FindForm {
    form_token: String,
    #[serde(default)]
    nhs: String,
    #[serde(default)]
    family: String,
    #[serde(default)]
    given: String,
    #[serde(default)]
    day: String,
    #[serde(default)]
    month: String,
    #[serde(default)]
    year: String,
    #[serde(default)]
    postcode: String,
    #[serde(default)]
    beside: String,
}

/// `POST /find`: remember what is looked for, and go to its page. An NHS number that finds one person opens the record.
pub async fn find(
    State(state): State<AppState>,
    who: SignedIn,
    Form(form): Form<FindForm>,
) -> Result<Response, PageError> {
    who.check(&form.form_token)?;
    let search = Search {
        nhs: form.nhs.trim().to_owned(),
        family: form.family.trim().to_owned(),
        given: form.given.trim().to_owned(),
        born: [form.day.trim().to_owned(), form.month.trim().to_owned(), form.year.trim().to_owned()],
        postcode: form.postcode.trim().to_owned(),
        beside: key(&form.beside),
    };
    let filter = match filter(&search, state.now()) {
        Ok(filter) => filter,
        Err(problems) => return Ok(html(&page(&state, &who, search, problems))?.into_response()),
    };
    if filter.nhs_number.is_some() {
        let people = look(&state, &who, filter).await?;
        if let [only] = people.as_slice()
            && search.beside.is_none()
        {
            let person = only.person.to_string();
            return Ok(Redirect::to(&Chrome::new(&state, &who, Here::Find).person(&person)).into_response());
        }
    }
    let id = state.sessions.remember(&who, search, state.steady_now()).ok_or(PageError::SignIn(None))?;
    Ok(Redirect::to(&format!("/find/{id}")).into_response())
}

/// What to look for, or what is wrong with what was typed.
fn filter(search: &Search, now: jiff::Timestamp) -> Result<PeopleFilter, Vec<(&'static str, String)>> {
    let base = PeopleFilter { limit: FOUND_MAX + 1, ..PeopleFilter::default() };
    let by_name = !search.family.is_empty() || search.born.iter().any(|part| !part.is_empty());
    if !search.nhs.is_empty() {
        return match NhsNumber::parse(&search.nhs) {
            Ok(number) => Ok(PeopleFilter { nhs_number: number.as_str().parse().ok(), ..base }),
            Err(NotAnNhsNumber::NotTenDigits) => Err(vec![("nhs", "An NHS number has 10 digits".into())]),
            Err(NotAnNhsNumber::CheckDigit) => {
                Err(vec![("nhs", "This is not a valid NHS number: check the digits".into())])
            }
        };
    }
    if !by_name {
        return Err(vec![("nhs", "Enter an NHS number, or a family name and date of birth".into())]);
    }
    let mut problems = Vec::new();
    let family = identity::fold_name(&search.family);
    if family.chars().count() < 2 {
        problems.push(("family", "Enter at least two letters of the family name".into()));
    }
    let born = match born(&search.born) {
        Ok(born) if born > when::today(now) => {
            problems.push(("day", "The date of birth must be in the past".into()));
            None
        }
        Ok(born) => Some(born),
        Err(words) => {
            problems.push(("day", words));
            None
        }
    };
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(PeopleFilter {
        family: Some(family),
        given: Some(identity::fold_name(&search.given)).filter(|given| !given.is_empty()),
        birth: born,
        postcode: Some(identity::postcode_key(&search.postcode)).filter(|code| !code.is_empty()),
        ..base
    })
}

fn born(parts: &[String; 3]) -> Result<Date, String> {
    let [day, month, year] = parts;
    if parts.iter().any(String::is_empty) {
        return Err("Enter day, month and year of birth".into());
    }
    const NAMES: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let lower = month.to_lowercase();
    let named = NAMES.iter().position(|name| lower.starts_with(name)).and_then(|index| i8::try_from(index + 1).ok());
    let month = month.parse::<i8>().ok().or(named);
    let date = match (year.len(), year.parse::<i16>(), month, day.parse::<i8>()) {
        (4, Ok(year), Some(month), Ok(day)) => Date::new(year, month, day).ok(),
        _ => None,
    };
    date.ok_or_else(|| "Enter a real date with a four-digit year, like 14 7 1945".into())
}

async fn look(state: &AppState, who: &SignedIn, filter: PeopleFilter) -> Result<Vec<PersonHit>, PageError> {
    if let Err(wait) = state.searches.count(&who.user, Instant::now()) {
        let seconds = wait.as_secs() + 1;
        let words = format!(
            "You have looked for more people in a minute than is usual. Wait {seconds} {} and search again.",
            if seconds == 1 { "second" } else { "seconds" }
        );
        return Err(PageError::TooOften(words, seconds));
    }
    let (site, user) = (state.clone(), std::sync::Arc::clone(&who.user));
    let found = tokio::task::spawn_blocking(move || -> Result<_, PageError> {
        let named = [
            ("nhs-number", filter.nhs_number.is_some()),
            ("family", filter.family.is_some()),
            ("given", filter.given.is_some()),
            ("birthdate", filter.birth.is_some()),
            ("postcode", filter.postcode.is_some()),
        ];
        let criteria = named.iter().filter(|(_, given)| *given).map(|(name, _)| (*name).to_owned()).collect();
        let permit = site.gate.find(&user, &Action::FindPeople { criteria }, site.now())?;
        Ok(site.records.find_people(&permit, &filter)?)
    });
    let sealed = found.await.map_err(|error| PageError::Fault(error.to_string()))??;
    Ok(sealed.release().await?)
}

struct PersonRow {
    key: String,
    /// Where to compare it, when somebody to compare with was named.
    compare: Option<String>,
    name: String,
    born: String,
    gender: String,
    nhs: String,
    postcode: String,
    sources: String,
    deceased: bool,
}

#[derive(Template)]
#[template(path = "found.html")]
struct FoundPage {
    chrome: Chrome,
    criteria: String,
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
    let filter = filter(&search, state.now()).map_err(|_| PageError::NotFound)?;
    let hits = look(&state, &who, filter).await?;
    let states = sources::states(&state, &[])?;
    let more = hits.len() > FOUND_MAX;
    let beside = search.beside.filter(|_| state.gate.may(&who.user, Desk::WhoIsWho));
    let mut people: Vec<PersonRow> = hits.iter().take(FOUND_MAX).map(|hit| row(hit, &states, beside)).collect();
    people.sort_by(|a, b| a.name.cmp(&b.name));
    let page = FoundPage { chrome: Chrome::new(&state, &who, Here::Find), criteria: criteria(&search), people, more };
    Ok(html(&page)?.into_response())
}

fn criteria(search: &Search) -> String {
    if !search.nhs.is_empty() {
        return format!("NHS number {}", fhir::nhs::format_spaced(&search.nhs));
    }
    let mut parts = vec![format!("Family name {}", search.family)];
    if let Ok(date) = born(&search.born) {
        parts.push(format!("born {}", when::day_text(date)));
    }
    if !search.given.is_empty() {
        parts.push(format!("given name {}", search.given));
    }
    if !search.postcode.is_empty() {
        parts.push(format!("postcode {}", search.postcode));
    }
    parts.join(", ")
}

fn row(hit: &PersonHit, states: &[SourceState], beside: Option<PatientKey>) -> PersonRow {
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
    PersonRow {
        compare: beside.zip(other).filter(|(a, b)| a != b).map(|(a, b)| format!("/identity/pair/{a}/{b}")),
        key: hit.person.to_string(),
        name: name.filter(|name| !name.is_empty()).unwrap_or_else(|| "Name not known".into()),
        born: first(&|facts| facts.birth.map(when::day_text)).unwrap_or_else(|| "Not Known".into()),
        gender: first(&|facts| facts.gender.as_deref().map(record::banner::gender))
            .unwrap_or_else(|| "Not Known".into()),
        nhs: first(&|facts| facts.nhs_number.map(|number| fhir::nhs::format_spaced(&format!("{number:010}"))))
            .unwrap_or_else(|| "Not Known".into()),
        postcode: if restricted {
            "Withheld".into()
        } else {
            first(&|facts| facts.postcode.clone()).unwrap_or_default()
        },
        sources: sources.join(", "),
        deceased: all().any(|facts| facts.deceased),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> jiff::Timestamp {
        "2026-07-14T12:00:00Z".parse().expect("a time")
    }

    #[test]
    fn a_number_is_read_with_or_without_spaces_and_a_wrong_one_is_named() {
        let with = |nhs: &str| filter(&Search { nhs: nhs.into(), ..Search::default() }, now());
        assert_eq!(with("943 476 5919").map(|filter| filter.nhs_number), Ok(Some(9_434_765_919)));
        assert_eq!(with("9434765919").map(|filter| filter.nhs_number), Ok(Some(9_434_765_919)));
        assert!(with("943 476 5918").is_err_and(|problems| problems[0].1.contains("not a valid")));
        assert!(with("123").is_err_and(|problems| problems[0].1.contains("10 digits")));
    }

    #[test]
    fn a_name_needs_a_date_of_birth_that_exists_and_is_past() {
        let with = |born: [&str; 3]| {
            filter(&Search { family: "Okafor".into(), born: born.map(String::from), ..Search::default() }, now())
        };
        assert!(with(["14", "7", "1945"]).is_ok());
        assert!(with(["14", "July", "1945"]).is_ok(), "months may be named");
        for wrong in [["31", "2", "1945"], ["", "", ""], ["14", "7", "45"], ["1", "1", "2027"]] {
            assert!(with(wrong).is_err_and(|problems| problems[0].0 == "day"), "{wrong:?}");
        }
        assert!(filter(&Search::default(), now()).is_err());
    }
}
