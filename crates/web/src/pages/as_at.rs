//! A record as it stood at a former moment: the form that asks which, and the same pages as of a record of today, read at
//! what the region had reached by then. Who may, and what is withheld, is decided as of today.

use super::{
    Chrome, Here,
    frame::{self, BANNER_KINDS, Frame, Page},
    html, readable,
    teams::blocking,
};
use crate::{
    error::PageError,
    forwarded::ClientAddress,
    peer::Peer,
    session::SignedIn,
    state::{AppState, Then, base},
};
use access::Action;
use askama::Template;
use axum::{
    Router,
    extract::{OriginalUri, Path, Query, Request, State},
    http::Uri,
    response::{IntoResponse, Redirect, Response},
};
use fhir::PersonKey;
use jiff::{
    SignedDuration, Timestamp,
    civil::{Date, DateTime, Time},
    tz::TimeZone,
};
use record::{Filter, when};
use serde::Deserialize;
use std::{collections::HashMap, sync::Arc};
use tower::ServiceExt;

/// Which moment is asked for, in London; all empty: none yet.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    day: String,
    month: String,
    year: String,
    time: String,
}

impl Asked {
    fn is_empty(&self) -> bool {
        [&self.day, &self.month, &self.year, &self.time].iter().all(|field| field.trim().is_empty())
    }

    /// The moment meant, or what is wrong with it and the field to mend.
    fn moment(&self, now: Timestamp) -> Result<Timestamp, (&'static str, String)> {
        let number = |field: &str| field.trim().parse::<i16>().ok();
        let parts = (number(&self.day), number(&self.month), number(&self.year));
        let (Some(day), Some(month), Some(year)) = parts else {
            return Err(("day", "Enter a day, a month and a year in numbers, for example 14 7 2024".into()));
        };
        if !(1000..=9999).contains(&year) {
            return Err(("year", "Enter the year with four digits, for example 2024".into()));
        }
        let date = i8::try_from(day).ok().zip(i8::try_from(month).ok());
        let date = date.and_then(|(day, month)| Date::new(year, month, day).ok());
        let Some(date) = date else {
            return Err(("day", "There is no such day: check the day and the month".into()));
        };
        let today = when::today(now);
        if date > today {
            return Err(("day", "This day is in the future: nothing is known of it yet".into()));
        }
        let time = self.time.trim();
        if time.is_empty() {
            if date == today {
                return Err(("time", "Today is not over: enter a time that has passed".into()));
            }
            return end_of(date).ok_or_else(|| ("day", "There is no such day: check the day and the month".into()));
        }
        let Some(time) = clock(time) else {
            return Err(("time", "Enter the time as hours and minutes, for example 09:30".into()));
        };
        match when::from_london(date.to_datetime(time)) {
            Some(at) if at <= now => Ok(at),
            Some(_) => Err(("time", "This time is in the future: nothing is known of it yet".into())),
            None => Err(("day", "There is no such day: check the day and the month".into())),
        }
    }
}

/// The last second of a day in London.
fn end_of(date: Date) -> Option<Timestamp> {
    let next = when::from_london(date.tomorrow().ok()?.to_datetime(Time::midnight()))?;
    next.checked_sub(SignedDuration::from_secs(1)).ok()
}

/// `9:30`, `09.30`, `0930`.
fn clock(text: &str) -> Option<Time> {
    let (hours, minutes) = match text.split_once([':', '.']) {
        Some(parts) => parts,
        None if text.is_ascii() && text.len() >= 3 => text.split_at(text.len() - 2),
        None => return None,
    };
    Time::new(hours.trim().parse().ok()?, minutes.trim().parse().ok()?, 0, 0).ok()
}

/// The address of the form, with a moment in it.
pub(crate) fn asking(person: PersonKey, then: Timestamp) -> String {
    let london = when::london(then);
    let (date, time) = (london.date(), london.time());
    format!(
        "/record/{person}/as-at?day={}&month={}&year={}&time={:02}:{:02}",
        date.day(),
        date.month(),
        date.year(),
        time.hour(),
        time.minute()
    )
}

#[derive(Template)]
#[template(path = "as_at.html")]
struct AsAtPage {
    chrome: Chrome,
    frame: Frame,
    asked: Asked,
    /// What is wrong, and the field to mend.
    problem: Option<(&'static str, String)>,
    /// When the first was heard of this person.
    since: Option<String>,
}

impl AsAtPage {
    fn wrong(&self, field: &str) -> bool {
        self.problem.as_ref().is_some_and(|(wrong, _)| *wrong == field)
    }
}

/// `GET /record/{person}/as-at[?day=&month=&year=&time=]`: asks for a moment; with one, leads to the record of then.
pub async fn show(
    State(state): State<AppState>,
    who: SignedIn,
    Path(person): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, PageError> {
    let person = frame::person(&person)?;
    let chrome = Chrome::new(&state, &who, Here::Elsewhere);
    let (site, user) = (state.clone(), Arc::clone(&who.user));
    let then = (!asked.is_empty()).then(|| asked.moment(state.now()));
    let work = move || {
        let now = site.now();
        let permit = site.open_record(&user, person, &Action::OpenPage { page: "as-at".into() })?;
        let since = site.records.known_since(&permit)?.map(when::date_time);
        let then = match then {
            Some(Ok(at)) if !site.records.known_at(&permit, site.records.seq_at(at)?)? => {
                let heard = since.as_ref().map(|since| format!(": the first was heard on {since}")).unwrap_or_default();
                let sentence = format!("Nothing was known here of this person on {}{heard}", when::date_time(at));
                Some(Err(("day", sentence)))
            }
            then => then,
        };
        let states = frame::states(&site, &permit)?;
        let waiting = site.records.waiting(&permit)?.len();
        let sealed = site.records.read(&permit, &Filter { kinds: BANNER_KINDS.to_vec(), ..Filter::default() })?;
        let page = Page { title: "As it stood on a day".into(), section: None, audit: "as-at".into() };
        let opened = sealed.map(|items| frame::opened(&items, states, page, &permit, waiting, now));
        Ok((opened, since, then))
    };
    let (opened, since, then) = blocking(work).await?;
    let frame = opened.release().await??.frame;
    let problem = match then {
        Some(Ok(at)) => return Ok(Redirect::to(&base(person, Some(at))).into_response()),
        Some(Err(problem)) => Some(problem),
        None => None,
    };
    Ok(html(&AsAtPage { chrome, frame, asked, problem, since })?.into_response())
}

/// The moment in an address: `20260301T104200Z`.
fn moment(text: &str) -> Option<Timestamp> {
    let civil = DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
    Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// `GET /record/{person}/at/{moment}[/{page}]`: a page of the record as it stood then. The page is made by the same handler
/// as today's, and every link on it stays there.
pub async fn pages(
    State(state): State<AppState>,
    _: SignedIn,
    Path(way): Path<HashMap<String, String>>,
    request: Request,
) -> Result<Response, PageError> {
    let part = |name: &str| way.get(name).map(String::as_str).unwrap_or_default();
    let person = frame::person(part("person"))?;
    let at = moment(part("moment")).ok_or(PageError::NotFound)?;
    if at > state.now() {
        let sentence = format!("{} is in the future: nothing is known of it yet.", when::date_time(at));
        return Err(PageError::Bad(sentence));
    }
    let records = state.records.clone();
    let seq = blocking(move || Ok(records.seq_at(at)?)).await?;
    let (parts, body) = request.into_parts();
    // A new request: the parameters of this address are not those of the page's own.
    let page = crate::via::path(&parts).splitn(6, '/').nth(5).unwrap_or_default();
    let slash = if page.is_empty() { "" } else { "/" };
    let query = parts.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let uri: Uri = format!("/record/{person}{slash}{page}{query}").parse().map_err(|_| PageError::NotFound)?;
    let mut inner = Request::new(body);
    *inner.method_mut() = parts.method;
    *inner.uri_mut() = uri;
    *inner.headers_mut() = parts.headers;
    let (from, to) = (&parts.extensions, inner.extensions_mut());
    from.get::<OriginalUri>().cloned().map(|address| to.insert(address));
    from.get::<ClientAddress>().cloned().map(|address| to.insert(address));
    from.get::<Peer>().cloned().map(|peer| to.insert(peer));
    let router = Router::new()
        .nest("/record/{person}", readable())
        .fallback(|| async { PageError::NotFound })
        .method_not_allowed_fallback(|| async { PageError::NotThisWay })
        .with_state(state.as_at(Then { at, seq }));
    router.oneshot(inner).await.map_err(|error| PageError::Fault(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(day: &str, month: &str, year: &str, time: &str) -> Asked {
        Asked { day: day.into(), month: month.into(), year: year.into(), time: time.into() }
    }

    #[test]
    fn a_moment_is_read_in_london_and_what_is_wrong_is_said() {
        let now: Timestamp = "2026-07-14T12:00:00Z".parse().expect("a time");
        let read = |day, month, year, time| asked(day, month, year, time).moment(now);
        for (given, meant) in [
            (("1", "7", "2026", "10:30"), "2026-07-01T09:30:00Z"),
            ((" 01", "07 ", "2026", "930"), "2026-07-01T08:30:00Z"),
            (("1", "1", "2026", ""), "2026-01-01T23:59:59Z"),
            (("14", "7", "2026", "12.59"), "2026-07-14T11:59:00Z"),
        ] {
            let at = read(given.0, given.1, given.2, given.3).expect("a moment");
            assert_eq!(at, meant.parse().expect("a time"), "{given:?}");
        }
        for (given, says) in [
            (("31", "2", "2026", ""), "no such day"),
            (("300", "2", "2026", ""), "no such day"),
            (("", "2", "2026", ""), "in numbers"),
            (("1", "2", "26", ""), "four digits"),
            (("14", "7", "2026", ""), "Today is not over"),
            (("14", "7", "2026", "13:01"), "in the future"),
            (("15", "7", "2026", "01:00"), "in the future"),
            (("1", "7", "2026", "half ten"), "hours and minutes"),
            (("1", "7", "2026", "25:00"), "hours and minutes"),
        ] {
            let problem = read(given.0, given.1, given.2, given.3).expect_err("no moment").1;
            assert!(problem.contains(says), "{given:?}: {problem}");
        }
    }

    #[test]
    fn a_moment_in_an_address_comes_back_the_same() {
        let at: Timestamp = "2026-03-29T00:59:59Z".parse().expect("a time");
        let address = base(PersonKey(7), Some(at));
        assert_eq!(moment(address.rsplit('/').next().unwrap_or_default()), Some(at));
        for bad in ["", "now", "20261301T000000Z", "2026-03-29", "20260329T005959", "９"] {
            assert_eq!(moment(bad), None, "{bad}");
        }
    }
}
