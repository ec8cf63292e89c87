//! Caseloads kept here: from a spreadsheet, by rule, person by person.

use super::{act::put, blocking, own_list, permit};
use crate::{
    error::PageError,
    pages::{Chrome, Here, frame, html},
    session::SignedIn,
    state::{AppState, Site},
};
use access::{Action, FindPermit, User};
use askama::Template;
use axum::{
    extract::{Multipart, Path, State},
    http::StatusCode,
    response::{Html, IntoResponse, Redirect, Response},
};
use axum_extra::extract::Form;
use fhir::{NhsNumber, PersonKey};
use futures_util::future::try_join_all;
use intake::{CaseloadAct, CaseloadDecision};
use notify::{
    Act, Caseload, ListRule,
    spreadsheet::{self, Known, Line, Verdict},
    uploaded_list,
};
use record::PeopleFilter;
use serde::Deserialize;
use std::{collections::BTreeMap, sync::Arc};

/// A sheet weighs so much at most.
pub const SHEET_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Names are so long at most.
const NAME_MAX: usize = 60;

#[derive(Template)]
#[template(path = "list_new.html")]
struct NewPage {
    chrome: Chrome,
    problem: Option<String>,
    name: String,
    practices: String,
    age: String,
    codes: String,
}

fn new_page(
    state: &AppState,
    who: &SignedIn,
    problem: Option<String>,
    form: RuleForm,
) -> Result<Html<String>, PageError> {
    let RuleForm { name, practices, age, codes, .. } = form;
    html(&NewPage { chrome: Chrome::new(state, who, Here::Teams), problem, name, practices, age, codes })
}

/// `GET /caseloads/new`.
pub async fn form(State(state): State<AppState>, who: SignedIn) -> Result<Html<String>, PageError> {
    permit(&state, &who, "new caseload".into()).await?;
    new_page(&state, &who, None, RuleForm::default())
}

/// The form as sent.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct RuleForm {
    form_token: String,
    name: String,
    practices: String,
    age: String,
    codes: String,
}

fn named(name: &str) -> Result<String, String> {
    let name = name.trim();
    let plain = name.chars().any(char::is_alphanumeric) && !name.chars().any(char::is_control);
    if !plain || name.chars().count() > NAME_MAX {
        return Err(format!("Give the list a name of {NAME_MAX} characters at most, like Falls team."));
    }
    Ok(name.to_owned())
}

fn rule(form: &RuleForm) -> Result<(String, ListRule), String> {
    let name = named(&form.name)?;
    let words = |text: &str| -> Vec<String> {
        text.split([',', ';', ' ', '\n', '\r', '\t']).filter(|word| !word.is_empty()).map(str::to_uppercase).collect()
    };
    let practices = words(&form.practices);
    if practices.is_empty() {
        return Err("Name one practice at least, by its code, like X81001.".into());
    }
    let age_min = match form.age.trim() {
        "" => None,
        age => Some(age.parse().ok().filter(|age: &u16| *age <= 120).ok_or("Write the age in years, like 75.")?),
    };
    let codes: Vec<String> = form
        .codes
        .split([',', ';', ' ', '\n', '\r', '\t'])
        .filter(|code| !code.is_empty())
        .map(str::to_owned)
        .collect();
    if age_min.is_none() && codes.is_empty() {
        return Err("Say how old, or with which codes in the record: else everybody would be on the list.".into());
    }
    Ok((name, ListRule { practices, age_min, codes }))
}

/// `POST /caseloads/rule`. A list by rule tells where people are; it opens no record that is not open already.
pub async fn by_rule(
    State(state): State<AppState>,
    who: SignedIn,
    Form(form): Form<RuleForm>,
) -> Result<Response, PageError> {
    who.check(&form.form_token)?;
    let (name, rule) = match rule(&form) {
        Ok(read) => read,
        Err(problem) => {
            let page = new_page(&state, &who, Some(problem), form)?;
            return Ok((StatusCode::BAD_REQUEST, page).into_response());
        }
    };
    permit(&state, &who, format!("list by rule {name}")).await?;
    state.gate.keep_caseload(&who.user, &[], &name, true, state.now()).await?;
    let organisation = who.user.org_code.to_ascii_uppercase();
    let key = uploaded_list(&organisation, &name).replacen("list:", "rule:", 1);
    put(&state, &who, Act::List { list: key.clone(), title: name, rule }).await?;
    to_list(&state, &key).await
}

async fn to_list(state: &AppState, key: &str) -> Result<Response, PageError> {
    let (site, key) = (state.clone(), key.to_owned());
    let list = blocking(move || Ok(site.notices()?.caseload(&key)?)).await?;
    let id = list.map(|list| list.id).ok_or(PageError::NotFound)?;
    Ok(Redirect::to(&format!("/caseloads/{id}/board?show=all")).into_response())
}

struct Outcome {
    line: Line,
    verdict: Verdict,
}

#[derive(Template)]
#[template(path = "list_report.html")]
struct ReportPage {
    chrome: Chrome,
    list: Option<Caseload>,
    name: String,
    added: usize,
    there: usize,
    trouble: Vec<Outcome>,
}

/// `POST /caseloads/upload`: multipart, a name and a sheet.
pub async fn upload(State(state): State<AppState>, who: SignedIn, mut form: Multipart) -> Result<Response, PageError> {
    let (mut token, mut name, mut sheet) = (String::new(), String::new(), Vec::new());
    let unreadable = |error: axum::extract::multipart::MultipartError| match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => PageError::Bad("The sheet is larger than 8 MB: send it in parts.".into()),
        _ => PageError::Bad("What was sent cannot be read. Choose the file again.".into()),
    };
    while let Some(field) = form.next_field().await.map_err(unreadable)? {
        match field.name().unwrap_or_default() {
            "form_token" => token = field.text().await.map_err(unreadable)?,
            "name" => name = field.text().await.map_err(unreadable)?,
            "sheet" => sheet = field.bytes().await.map_err(unreadable)?.to_vec(),
            _ => {}
        }
    }
    who.check(&token)?;
    let read = named(&name).and_then(|name| {
        if sheet.is_empty() {
            return Err("Choose the file with the list.".to_owned());
        }
        Ok((name, spreadsheet::read(&sheet)?))
    });
    let (name, lines) = match read {
        Ok(read) => read,
        Err(problem) => {
            let page = new_page(&state, &who, Some(problem), RuleForm { name, ..RuleForm::default() })?;
            return Ok((StatusCode::BAD_REQUEST, page).into_response());
        }
    };
    let (outcomes, list) = put_on(&state, &who, &name, lines).await?;
    let count = |verdict| outcomes.iter().filter(|outcome| outcome.verdict == verdict).count();
    html(&ReportPage {
        chrome: Chrome::new(&state, &who, Here::Teams),
        list,
        name,
        added: count(Verdict::Added),
        there: count(Verdict::There),
        trouble: outcomes.into_iter().filter(|outcome| outcome.verdict.is_trouble()).collect(),
    })
    .map(IntoResponse::into_response)
}

/// Judge lines, and put those on the list that mean somebody.
async fn put_on(
    state: &AppState,
    who: &SignedIn,
    name: &str,
    lines: Vec<Line>,
) -> Result<(Vec<Outcome>, Option<Caseload>), PageError> {
    let organisation = who.user.org_code.to_ascii_uppercase();
    let key = uploaded_list(&organisation, name);
    permit(state, who, format!("keep caseload {key}")).await?;
    let (site, user, list) = (state.clone(), Arc::clone(&who.user), key.clone());
    let judged = blocking(move || {
        let action = Action::FindPeople { criteria: vec!["nhs-number".into(), "list".into()] };
        let find = site.gate.find(&user, &action, site.now())?;
        let known = site.notices()?.caseload(&list)?.map(|list| list.id);
        lines.into_iter().map(|line| judge(&site, &find, known, line)).collect::<Result<Vec<_>, _>>()
    });
    let judged = judged.await?.into_iter().map(|sealed| async { sealed.release().await? });
    let mut people: BTreeMap<PersonKey, Vec<String>> = BTreeMap::new();
    let mut outcomes = Vec::new();
    for (mut outcome, put_on) in try_join_all(judged).await? {
        if let Some((person, patients)) = put_on
            && people.insert(person, patients).is_some()
        {
            outcome.verdict = Verdict::There;
        }
        outcomes.push(outcome);
    }
    if !people.is_empty() {
        let chosen: Vec<PersonKey> = people.keys().copied().collect();
        state.gate.keep_caseload(&who.user, &chosen, &key, true, state.now()).await?;
        let patients = people.into_values().flatten().collect();
        decide(state, &who.user, CaseloadAct::Add, name, patients).await?;
    }
    let site = state.clone();
    let list = blocking(move || Ok(site.notices()?.caseload(&key)?)).await?;
    Ok((outcomes, list))
}

async fn decide(
    state: &AppState,
    user: &User,
    act: CaseloadAct,
    list: &str,
    patients: Vec<String>,
) -> Result<(), PageError> {
    let decision = CaseloadDecision {
        act,
        organisation: user.org_code.to_ascii_uppercase(),
        list: list.to_owned(),
        by: user.id.clone(),
        name: format!("{}, {}, {}", user.name, user.role_name, user.org_name),
        patients,
    };
    let pos = state.engine()?.decide_caseload(&decision, state.now()).await?;
    match state.notices()?.wait(pos).await {
        true => Ok(()),
        false => {
            Err(PageError::NotNow("It is stored and will be carried out. Load the page again in a minute.".into()))
        }
    }
}

/// What a line comes to, and the patients of whoever is to be put on the list.
type Judged = (Outcome, Option<(PersonKey, Vec<String>)>);

fn judge(
    site: &Site,
    find: &FindPermit,
    list: Option<i64>,
    line: Line,
) -> Result<access::Sealed<Result<Judged, PageError>>, PageError> {
    let number = NhsNumber::parse(&line.nhs).ok().and_then(|number| number.as_str().parse().ok());
    let Some(number) = number else {
        return Ok(find.seal(Ok((Outcome { line, verdict: Verdict::NoNumber }, None))));
    };
    let filter = PeopleFilter { nhs_number: Some(number), limit: 50, ..PeopleFilter::default() };
    let notices = site.notices()?.clone();
    Ok(site.records.find_people(find, &filter)?.map(move |hits| {
        let [hit] = hits.as_slice() else {
            let verdict = if hits.is_empty() { Verdict::NotFound } else { Verdict::Several };
            return Ok((Outcome { line, verdict }, None));
        };
        let known = hit.patients.iter();
        let known: Vec<Known> = known
            .map(|patient| Known { families: patient.facts.families.clone(), born: patient.facts.birth })
            .collect();
        if !spreadsheet::agrees(&line, &known) {
            return Ok((Outcome { line, verdict: Verdict::Differs }, None));
        }
        if let Some(list) = list
            && notices.is_on(list, hit.person)?
        {
            return Ok((Outcome { line, verdict: Verdict::There }, None));
        }
        let patients = hit.patients.iter().map(|found| found.patient.to_string()).collect();
        Ok((Outcome { line, verdict: Verdict::Added }, Some((hit.person, patients))))
    }))
}

/// The form as sent.
#[derive(Deserialize)]
pub struct PersonForm {
    form_token: String,
    #[serde(rename = "do")]
    act: String,
    #[serde(default)]
    nhs: String,
    #[serde(default)]
    person: String,
}

/// `POST /caseloads/{id}/people`: put one person on a list that is kept here, or take one off it.
pub async fn people(
    State(state): State<AppState>,
    who: SignedIn,
    Path(id): Path<i64>,
    Form(form): Form<PersonForm>,
) -> Result<Response, PageError> {
    who.check(&form.form_token)?;
    let (site, reader) = (state.clone(), who.clone());
    let list = blocking(move || own_list(site.notices()?, &reader, id)).await?;
    if list.kind != "uploaded" {
        return Err(PageError::Bad("Its source keeps this list: change it there.".into()));
    }
    if form.act == "remove" {
        let person = frame::person(&form.person)?;
        state.gate.keep_caseload(&who.user, &[person], &list.key, false, state.now()).await?;
        let site = state.clone();
        let patients =
            blocking(move || Ok(site.notices()?.patients_on(id, person)?.iter().map(ToString::to_string).collect()))
                .await?;
        decide(&state, &who.user, CaseloadAct::Remove, &list.name, patients).await?;
        return Ok(Redirect::to(&format!("/caseloads/{id}/board?show=all")).into_response());
    }
    let line = Line { number: 1, nhs: form.nhs, ..Line::default() };
    let (outcomes, _) = put_on(&state, &who, &list.name, vec![line]).await?;
    match outcomes.first().map(|outcome| outcome.verdict) {
        Some(verdict) if verdict.is_trouble() => Err(PageError::Bad(format!("{}.", verdict.words()))),
        _ => Ok(Redirect::to(&format!("/caseloads/{id}/board?show=all")).into_response()),
    }
}
