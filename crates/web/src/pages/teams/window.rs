//! A practice's window into the hospital, and the same for any caseload: who is in hospital or in A&E now, who left lately,
//! appointments, letters and results with what is new since the reader last looked.

use super::{
    behind, blocking,
    line::{Asked, Line, lines},
    narrow::{self, Narrowing},
    own_list, permit,
};
use crate::{
    error::PageError,
    pages::{Chrome, Here, html, thousands},
    session::SignedIn,
    state::{AppState, Site},
};
use askama::Template;
use axum::{
    Form,
    extract::{Path, Query, State},
    http::header,
    response::{Html, IntoResponse, Redirect, Response},
};
use jiff::{SignedDuration, Timestamp};
use notify::{Caseload, Listed, Looked, Part};
use record::{glance::What, when};
use serde::Deserialize;

/// Lines on a page.
const SHOWN_MAX: usize = 100;
/// Lines of a file.
const FILE_MAX: usize = 2000;

/// A part of the window.
struct View {
    slug: &'static str,
    title: &'static str,
    /// What the time of a line means.
    time: &'static str,
    parts: &'static [Part],
    soonest: bool,
    /// Days before and after now.
    days: (i64, i64),
    status: &'static [&'static str],
}

const ALL: i64 = 400;

static VIEWS: [View; 7] = [
    View {
        slug: "in-hospital",
        title: "In hospital now",
        time: "Since",
        parts: &[Part::InHospital, Part::VirtualWard],
        soonest: false,
        days: (ALL, 1),
        status: &[],
    },
    View {
        slug: "emergency",
        title: "In A&E now",
        time: "Since",
        parts: &[Part::InEmergency],
        soonest: false,
        days: (ALL, 1),
        status: &[],
    },
    View {
        slug: "left",
        title: "Left in the last 14 days",
        time: "Left",
        parts: &[Part::Left, Part::LeftEmergency],
        soonest: false,
        days: (14, 1),
        status: &[],
    },
    View {
        slug: "letters",
        title: "Letters and results",
        time: "Came in",
        parts: &[Part::Filed],
        soonest: false,
        days: (30, 1),
        status: &[],
    },
    View {
        slug: "coming",
        title: "Appointments to come",
        time: "When",
        parts: &[Part::Appointments],
        soonest: true,
        days: (0, ALL),
        status: &["booked", "pending", "planned", "waitlist", "arrived", "checked-in"],
    },
    View {
        slug: "changed",
        title: "Cancelled",
        time: "Was for",
        parts: &[Part::Appointments],
        soonest: false,
        days: (30, ALL),
        status: &["cancelled"],
    },
    View {
        slug: "missed",
        title: "Did not attend",
        time: "Was for",
        parts: &[Part::Appointments],
        soonest: false,
        days: (60, 1),
        status: &["noshow"],
    },
];

struct Tab {
    slug: &'static str,
    title: &'static str,
    count: String,
    here: bool,
}

struct Row {
    line: String,
    at: String,
    new: bool,
    kind: &'static str,
}

#[derive(Template)]
#[template(path = "window.html")]
struct WindowPage {
    chrome: Chrome,
    list: Caseload,
    tabs: Vec<Tab>,
    slug: &'static str,
    title: &'static str,
    time: &'static str,
    rows: Vec<Row>,
    hidden: usize,
    more: bool,
    only: String,
    narrowing: Narrowing,
    new: usize,
    looked: Option<String>,
    behind: Option<String>,
    at: String,
}

/// Which part, and of it what.
#[derive(Deserialize)]
pub struct Wanted {
    #[serde(default)]
    part: String,
    #[serde(default)]
    only: String,
    #[serde(default)]
    filter: String,
}

fn view(slug: &str) -> &'static View {
    let [first, ..] = &VIEWS;
    VIEWS.iter().find(|view| view.slug == slug).unwrap_or(first)
}

fn span(view: &View, now: Timestamp) -> (Timestamp, Timestamp) {
    let (back, on) = view.days;
    let days = |days: i64| SignedDuration::from_hours(24 * days);
    // What is to come begins with today.
    let back = if back == 0 { SignedDuration::from_hours(12) } else { days(back) };
    (now.checked_sub(back).unwrap_or(Timestamp::MIN), now.checked_add(days(on)).unwrap_or(Timestamp::MAX))
}

fn items(site: &Site, list: i64, view: &View, now: Timestamp, limit: usize) -> Result<Vec<Listed>, PageError> {
    let mut found = Vec::new();
    for part in view.parts {
        let notices = site.notices()?;
        found.extend(notices.window(list, *part, span(view, now), view.status, view.soonest, limit)?);
    }
    match view.soonest {
        true => found.sort_by_key(|item| item.at),
        false => found.sort_by_key(|item| std::cmp::Reverse(item.at)),
    }
    found.truncate(limit);
    Ok(found)
}

fn count(site: &Site, list: i64, view: &View, now: Timestamp) -> Result<String, PageError> {
    let mut count = 0;
    for part in view.parts {
        count += site.notices()?.count(list, *part, span(view, now), view.status)?;
    }
    Ok(thousands(count))
}

/// `GET /caseloads/{id}?part=&only=&filter=`.
pub async fn show(
    State(state): State<AppState>,
    who: SignedIn,
    Path(id): Path<i64>,
    Query(wanted): Query<Wanted>,
) -> Result<Html<String>, PageError> {
    let view = view(&wanted.part);
    let now = state.now();
    let (site, reader) = (state.clone(), who.clone());
    let list = blocking(move || own_list(site.notices()?, &reader, id)).await?;
    permit(&state, &who, format!("window {} {}", list.key, view.slug)).await?;
    let (site, user) = (state.clone(), who.user.id.clone());
    let only_new = wanted.only == "new";
    let narrowed = state.sessions.narrowed(&who, &wanted.filter, state.steady_now());
    // Whoever narrows a long list down wants what is far down in it.
    let read_max = if narrowed.is_some() { FILE_MAX } else { SHOWN_MAX };
    let (mut found, tabs, looked) = blocking(move || {
        let looked = match view.slug {
            "letters" => site.notices()?.look(&user, id, now)?,
            _ => Looked::default(),
        };
        let found = items(&site, id, view, now, read_max + 1)?;
        let mut tabs = Vec::new();
        for other in &VIEWS {
            let here = other.slug == view.slug;
            tabs.push(Tab { slug: other.slug, title: other.title, count: count(&site, id, other, now)?, here });
        }
        Ok((found, tabs, looked))
    })
    .await?;
    let is_new = |item: &Listed| view.slug == "letters" && item.seq > looked.mark && looked.at.is_some();
    found.retain(|item| !only_new || is_new(item));
    let more = found.len() > read_max;
    found.truncate(read_max);
    let asked = found.iter().map(|item| Asked { person: item.person, story: Some(item.story) }).collect();
    let lines = lines(&state, &who.user, asked, &format!("window {}", list.key)).await?;
    let hidden = lines.iter().filter(|line| line.is_none()).count();
    let narrowing = Narrowing::new(&wanted.filter, narrowed, lines.iter().flatten());
    let mut rows: Vec<Row> = found
        .iter()
        .zip(lines)
        .filter_map(|(item, line)| {
            let line = line.filter(|line| narrowing.fits(&line.glance))?;
            let kind = match item.story.kind {
                fhir::ResourceType::DiagnosticReport => "Result",
                fhir::ResourceType::DocumentReference => "Letter",
                _ => "",
            };
            Some(Row { line: line.html, at: when::time_or_date(item.at, now), new: is_new(item), kind })
        })
        .collect();
    let more = more || rows.len() > SHOWN_MAX;
    rows.truncate(SHOWN_MAX);
    let new = rows.iter().filter(|row| row.new).count();
    html(&WindowPage {
        chrome: Chrome::new(&state, &who, Here::Teams),
        list,
        tabs,
        slug: view.slug,
        title: view.title,
        time: view.time,
        hidden,
        rows,
        more,
        only: wanted.only,
        narrowing,
        new,
        looked: looked.at.map(|at| when::time_or_date(at, now)),
        behind: behind(&state)?,
        at: when::date_time(now),
    })
}

/// `POST /caseloads/{id}?part=`: narrow the list down, or show all of it again.
pub async fn narrow(
    State(state): State<AppState>,
    who: SignedIn,
    Path(id): Path<i64>,
    Query(wanted): Query<Wanted>,
    Form(form): Form<narrow::NarrowForm>,
) -> Result<Redirect, PageError> {
    who.check(&form.form_token)?;
    let view = view(&wanted.part);
    let page = format!("/caseloads/{id}?part={}", view.slug);
    let Some(narrowed) = form.narrowed() else { return Ok(Redirect::to(&page)) };
    let filter = state.sessions.remember(&who, narrowed, state.steady_now()).ok_or(PageError::SignIn(None))?;
    Ok(Redirect::to(&format!("{page}&filter={filter}")))
}

/// `GET /caseloads/{id}/file?part=&filter=`: the same as a file of comma-separated values (RFC 4180).
pub async fn file(
    State(state): State<AppState>,
    who: SignedIn,
    Path(id): Path<i64>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, PageError> {
    let view = view(&wanted.part);
    let now = state.now();
    let (site, reader) = (state.clone(), who.clone());
    let list = blocking(move || own_list(site.notices()?, &reader, id)).await?;
    permit(&state, &who, format!("file {} {}", list.key, view.slug)).await?;
    let site = state.clone();
    let found = blocking(move || items(&site, id, view, now, FILE_MAX)).await?;
    let asked = found.iter().map(|item| Asked { person: item.person, story: Some(item.story) }).collect();
    let lines = lines(&state, &who.user, asked, &format!("file {}", list.key)).await?;
    let narrowed = state.sessions.narrowed(&who, &wanted.filter, state.steady_now());
    if narrowed.is_none() && !wanted.filter.is_empty() {
        return Err(PageError::Bad("What you narrowed the list down to is no longer remembered. Go back, narrow it down again, and save the file.".into()));
    }
    let narrowing = Narrowing::new(&wanted.filter, narrowed, lines.iter().flatten());
    let mut file = csv::Writer::from_writer(Vec::new());
    let wrong = |error: csv::Error| PageError::Fault(error.to_string());
    file.write_record([
        "Name",
        "Born",
        "Gender",
        "NHS number",
        view.time,
        "What",
        "Where",
        "Organisation",
        "Service",
        "Consultant or author",
        "Reason",
        "Expected to leave",
        "Remarks",
    ])
    .map_err(wrong)?;
    for (item, line) in found.iter().zip(lines) {
        let Some(line) = line.filter(|line| narrowing.fits(&line.glance)) else { continue };
        file.write_record(cells(&line, &when::date_time(item.at)).iter().map(|cell| plain(cell))).map_err(wrong)?;
    }
    let bytes = file.into_inner().map_err(|error| PageError::Fault(error.to_string()))?;
    let name = format!("attachment; filename=\"{}.csv\"", view.slug);
    Ok(([(header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()), (header::CONTENT_DISPOSITION, name)], bytes)
        .into_response())
}

fn cells(line: &Line, at: &str) -> [String; 13] {
    let who = &line.glance.who;
    let nothing = What::default();
    let what = line.glance.what.as_ref().unwrap_or(&nothing);
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let mut remarks: Vec<String> = what.marks.iter().map(|mark| (*mark).to_owned()).collect();
    remarks.extend(what.status.clone());
    remarks.extend(line.glance.withheld.as_ref().map(|why| format!("withheld: {why}")));
    remarks.extend(who.died.clone());
    [
        who.name.clone(),
        who.born.clone(),
        who.gender.clone(),
        text(&who.nhs),
        at.to_owned(),
        what.title.clone(),
        text(&what.place),
        what.organisation.clone(),
        text(&what.service),
        text(&what.by),
        text(&what.reason),
        text(&what.expected),
        remarks.join("; "),
    ]
}

/// A text that a spreadsheet does not take for a formula.
fn plain(cell: &str) -> String {
    match cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => format!("'{cell}"),
        false => cell.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_cell_is_no_formula() {
        assert_eq!(super::plain("=HYPERLINK(\"http://x.example\")"), "'=HYPERLINK(\"http://x.example\")");
        assert_eq!(super::plain("Ward 12"), "Ward 12");
    }
}
