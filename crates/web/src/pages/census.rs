//! A hospital's own list of inpatients beside what is known here. Staff of the hospital see who differs, each line asked for
//! at the gate; systems support sees how many.

use super::{
    Chrome, Here, html,
    teams::{
        blocking,
        line::{Asked, Line, lines},
    },
};
use crate::{
    error::PageError,
    session::SignedIn,
    state::{AppState, Site},
};
use access::{Action, policy::Desk};
use askama::Template;
use axum::{
    extract::{Multipart, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use intake::{Profile, SourceKind};
use notify::census::{self, Censuses, Hospital};
use record::when;
use std::sync::Arc;

/// A sheet weighs so much at most.
pub const SHEET_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Lines shown of each kind of difference.
const SHOWN_MAX: usize = 200;

/// How much a reader sees of a comparison.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sees {
    /// Who differs.
    People,
    /// How many.
    Numbers,
}

/// Somebody here, as far as the reader may see them.
struct Found {
    html: Option<String>,
    /// What the census says besides.
    census: Option<String>,
}

struct Comparison {
    at: String,
    of: String,
    lines: usize,
    inpatients: usize,
    agree: usize,
    not_here: usize,
    not_there: usize,
    elsewhere: usize,
    /// Who; none of them for those who see numbers alone.
    missing: Vec<census::Line>,
    gone: Vec<Found>,
    moved: Vec<Found>,
}

struct Row {
    hospital: Hospital,
    comparison: Option<Comparison>,
}

#[derive(Template)]
#[template(path = "census.html")]
struct CensusPage {
    chrome: Chrome,
    rows: Vec<Row>,
    people: bool,
    shown_max: usize,
    problem: Option<String>,
}

/// Which hospitals this reader compares, and how much is seen. Asked at the gate, and on disk.
async fn allowed(state: &AppState, who: &SignedIn, what: &str) -> Result<(Vec<Hospital>, Sees), PageError> {
    let (site, user, what) = (state.clone(), Arc::clone(&who.user), what.to_owned());
    let (permit, hospitals, sees) = blocking(move || {
        let all = hospitals(&site)?;
        let own: Vec<Hospital> =
            all.iter().filter(|one| one.organisation.eq_ignore_ascii_case(&user.org_code)).cloned().collect();
        let now = site.now();
        if site.gate.may(&user, Desk::Errors) {
            let permit = site.gate.desk(&user, &Action::ErrorDesk { what }, now)?;
            return Ok((permit, all, Sees::Numbers));
        }
        let permit = site.gate.worklist(&user, &Action::Worklist { what }, now)?;
        if own.is_empty() {
            return Err(PageError::Forbidden(
                "This is for staff of a hospital whose list is compared, and for systems support.".into(),
            ));
        }
        Ok((permit, own, Sees::People))
    })
    .await?;
    permit.recorded().await?;
    Ok((hospitals, sees))
}

/// The sources that have beds and say for whom they speak.
fn hospitals(site: &Site) -> Result<Vec<Hospital>, PageError> {
    let mut hospitals = Vec::new();
    for source in site.records.sources()? {
        let profile = source.profile.as_deref().and_then(|text| Profile::from_toml(text).ok());
        let Some(profile) = profile else { continue };
        let organisation = profile.ods.as_deref().unwrap_or_default().trim().to_ascii_uppercase();
        let has_beds = matches!(profile.kind, SourceKind::Hospital | SourceKind::MentalHealth | SourceKind::Community);
        if has_beds && !organisation.is_empty() {
            hospitals.push(Hospital { source: source.name, organisation, name: profile.name });
        }
    }
    Ok(hospitals)
}

fn censuses(state: &AppState) -> Result<&Censuses, PageError> {
    state.named.census.as_ref().ok_or(PageError::NotFound)
}

/// `GET /census`.
pub async fn show(State(state): State<AppState>, who: SignedIn) -> Result<Response, PageError> {
    let (hospitals, sees) = allowed(&state, &who, "census").await?;
    Ok(page(&state, &who, hospitals, sees, None).await?.into_response())
}

async fn page(
    state: &AppState,
    who: &SignedIn,
    hospitals: Vec<Hospital>,
    sees: Sees,
    problem: Option<String>,
) -> Result<Response, PageError> {
    let known = censuses(state)?.clone();
    let mut rows = Vec::new();
    for hospital in hospitals {
        let comparison = match known.newest(&hospital.source) {
            Some(newest) => Some(comparison(state, who, &hospital, newest, sees).await?),
            None => None,
        };
        rows.push(Row { hospital, comparison });
    }
    let chrome = Chrome::new(state, who, Here::Told);
    let page = CensusPage { chrome, rows, people: sees == Sees::People, shown_max: SHOWN_MAX, problem };
    Ok(html(&page)?.into_response())
}

async fn comparison(
    state: &AppState,
    who: &SignedIn,
    hospital: &Hospital,
    newest: census::Newest,
    sees: Sees,
) -> Result<Comparison, PageError> {
    let census::Newest { at, of, compared } = newest;
    let mut shown = Comparison {
        at: when::time_or_date(at, state.now()),
        of,
        lines: compared.lines,
        inpatients: compared.inpatients,
        agree: compared.agree,
        not_here: compared.not_here.len(),
        not_there: compared.not_there.len(),
        elsewhere: compared.elsewhere.len(),
        missing: Vec::new(),
        gone: Vec::new(),
        moved: Vec::new(),
    };
    if sees == Sees::Numbers {
        return Ok(shown);
    }
    shown.missing = compared.not_here.into_iter().take(SHOWN_MAX).collect();
    let what = format!("census {}", hospital.source);
    let asked = |(person, story)| Asked { person, story: Some(story) };
    let gone = compared.not_there.into_iter().take(SHOWN_MAX).map(asked).collect();
    let found = |line: Option<Line>, census| Found { html: line.map(|line| line.html), census };
    shown.gone = lines(state, &who.user, gone, &what).await?.into_iter().map(|line| found(line, None)).collect();
    let moved: Vec<_> = compared.elsewhere.into_iter().take(SHOWN_MAX).collect();
    let asked = moved.iter().map(|one| Asked { person: one.person, story: Some(one.story) }).collect();
    let there = moved.iter().map(|one| format!("line {}: {}", one.line.number, one.line.ward));
    shown.moved = lines(state, &who.user, asked, &what)
        .await?
        .into_iter()
        .zip(there)
        .map(|(line, census)| found(line, Some(census)))
        .collect();
    Ok(shown)
}

/// `POST /census`: multipart, the hospital's source and its list.
pub async fn compare(State(state): State<AppState>, who: SignedIn, mut form: Multipart) -> Result<Response, PageError> {
    let (mut token, mut source, mut sheet) = (String::new(), String::new(), Vec::new());
    let unreadable = |error: axum::extract::multipart::MultipartError| match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => PageError::Bad("The list is larger than 8 MB: it cannot be one.".into()),
        _ => PageError::Bad("What was sent cannot be read. Choose the file again.".into()),
    };
    while let Some(field) = form.next_field().await.map_err(unreadable)? {
        match field.name().unwrap_or_default() {
            "form_token" => token = field.text().await.map_err(unreadable)?,
            "source" => source = field.text().await.map_err(unreadable)?,
            "sheet" => sheet = field.bytes().await.map_err(unreadable)?.to_vec(),
            _ => {}
        }
    }
    who.check(&token)?;
    let (hospitals, sees) = allowed(&state, &who, "census compared").await?;
    let hospital = hospitals.iter().find(|one| one.source == source).cloned().ok_or(PageError::NotFound)?;
    let read = match sheet.is_empty() {
        true => Err("Choose the file with the list.".to_owned()),
        false => census::read(&sheet),
    };
    let lines = match read {
        Ok(lines) => lines,
        Err(problem) => {
            let page = page(&state, &who, hospitals, sees, Some(problem)).await?;
            return Ok((StatusCode::BAD_REQUEST, page).into_response());
        }
    };
    censuses(&state)?.compare(&hospital, lines, "a list sent by hand", state.now()).await?;
    Ok(Redirect::to("/census").into_response())
}
