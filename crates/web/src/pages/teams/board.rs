//! A caseload's board: where each of its people is, at a glance.

use super::{
    behind, blocking,
    line::{Asked, lines},
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
    extract::{Path, Query, State},
    response::Html,
};
use fhir::PersonKey;
use jiff::{SignedDuration, Timestamp};
use notify::{Caseload, Listed, Part, StoryKey};
use record::when;
use serde::Deserialize;
use std::collections::BTreeMap;

/// People on a page.
const SHOWN_MAX: usize = 50;
/// A list up to this long shows everybody on one page; of a longer one, first whoever is not at home.
const SHORT_LIST: u64 = 50;
/// Who left so lately is looked after as if just home.
const LATELY_HOURS: i64 = 48;

/// Where somebody is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Emergency,
    Ward,
    VirtualWard,
    JustHome,
    Home,
}

impl Place {
    fn words(self) -> &'static str {
        match self {
            Place::Emergency => "In A&E",
            Place::Ward => "In hospital",
            Place::VirtualWard => "Virtual ward",
            Place::JustHome => "Left hospital",
            Place::Home => "Not in hospital",
        }
    }

    fn class(self) -> &'static str {
        match self {
            Place::Emergency => "emergency",
            Place::Ward => "ward",
            Place::VirtualWard => "virtual",
            Place::JustHome => "left",
            Place::Home => "home",
        }
    }
}

struct Row {
    line: String,
    place: &'static str,
    class: &'static str,
    since: Option<String>,
    contact: Option<String>,
}

#[derive(Template)]
#[template(path = "board.html")]
struct BoardPage {
    chrome: Chrome,
    list: Caseload,
    all: bool,
    rows: Vec<Row>,
    hidden: usize,
    next: Option<PersonKey>,
    people: String,
    away: String,
    behind: Option<String>,
    at: String,
}

/// Whom to show.
#[derive(Deserialize)]
pub struct Wanted {
    #[serde(default)]
    show: String,
    #[serde(default)]
    after: String,
}

struct Known {
    person: PersonKey,
    place: Place,
    story: Option<StoryKey>,
    since: Option<Timestamp>,
    contact: Option<Listed>,
}

fn known(site: &Site, person: PersonKey, now: Timestamp) -> Result<Known, PageError> {
    let items = site.notices()?.items_of(person)?;
    let lately = now.checked_sub(SignedDuration::from_hours(LATELY_HOURS)).unwrap_or(Timestamp::MIN);
    let place_of = |item: &Listed| match item.part {
        Part::InEmergency => Some(Place::Emergency),
        Part::InHospital => Some(Place::Ward),
        Part::VirtualWard => Some(Place::VirtualWard),
        Part::Left | Part::LeftEmergency if item.at > lately && item.at <= now => Some(Place::JustHome),
        _ => None,
    };
    let mut placed: Vec<(Place, &Listed)> = items.iter().filter_map(|item| Some((place_of(item)?, item))).collect();
    placed.sort_by_key(|(place, item)| (*place, std::cmp::Reverse(item.at)));
    let first = placed.first();
    Ok(Known {
        person,
        place: first.map_or(Place::Home, |(place, _)| *place),
        story: first.map(|(_, item)| item.story),
        since: first.map(|(_, item)| item.at),
        contact: items
            .iter()
            .filter(|item| item.part == Part::Contact && item.at <= now)
            .max_by_key(|item| item.at)
            .cloned(),
    })
}

/// Everybody of a list who is somewhere else than at home.
fn away(site: &Site, list: i64, now: Timestamp) -> Result<Vec<PersonKey>, PageError> {
    const AWAY_MAX: usize = 2000;
    let lately = now.checked_sub(SignedDuration::from_hours(LATELY_HOURS)).unwrap_or(Timestamp::MIN);
    let mut people: BTreeMap<PersonKey, ()> = BTreeMap::new();
    for (part, from) in [
        (Part::InEmergency, Timestamp::MIN),
        (Part::InHospital, Timestamp::MIN),
        (Part::VirtualWard, Timestamp::MIN),
        (Part::Left, lately),
        (Part::LeftEmergency, lately),
    ] {
        let found = site.notices()?.window(list, part, (from, Timestamp::MAX), &[], false, AWAY_MAX)?;
        people.extend(found.into_iter().map(|item| (item.person, ())));
    }
    Ok(people.into_keys().collect())
}

/// `GET /caseloads/{id}/board?show=&after=`.
pub async fn show(
    State(state): State<AppState>,
    who: SignedIn,
    Path(id): Path<i64>,
    Query(wanted): Query<Wanted>,
) -> Result<Html<String>, PageError> {
    let now = state.now();
    let (site, reader) = (state.clone(), who.clone());
    let list = blocking(move || own_list(site.notices()?, &reader, id)).await?;
    permit(&state, &who, format!("board {}", list.key)).await?;
    let all = wanted.show == "all" || list.people <= SHORT_LIST && wanted.show != "away";
    let after: Option<PersonKey> = wanted.after.parse().ok();
    let site = state.clone();
    let (people, next, away_count) = blocking(move || {
        let away = away(&site, id, now)?;
        let count = away.len();
        let (people, next) = if all {
            let members = site.notices()?.members(id, after, SHOWN_MAX + 1)?;
            let next =
                (members.len() > SHOWN_MAX).then(|| members.get(SHOWN_MAX - 1).map(|member| member.person)).flatten();
            (members.into_iter().take(SHOWN_MAX).map(|member| member.person).collect::<Vec<_>>(), next)
        } else {
            let rest: Vec<PersonKey> =
                away.into_iter().filter(|person| after.is_none_or(|after| *person > after)).collect();
            let next = (rest.len() > SHOWN_MAX).then(|| rest.get(SHOWN_MAX - 1).copied()).flatten();
            (rest.into_iter().take(SHOWN_MAX).collect(), next)
        };
        let mut found = people.into_iter().map(|person| known(&site, person, now)).collect::<Result<Vec<_>, _>>()?;
        found.sort_by_key(|known| (known.place, std::cmp::Reverse(known.since)));
        Ok((found, next, count))
    })
    .await?;
    let mut asked: Vec<Asked> = people.iter().map(|known| Asked { person: known.person, story: known.story }).collect();
    let contacts: Vec<usize> =
        people.iter().enumerate().filter(|(_, known)| known.contact.is_some()).map(|(index, _)| index).collect();
    asked.extend(people.iter().filter_map(|known| {
        known.contact.as_ref().map(|contact| Asked { person: known.person, story: Some(contact.story) })
    }));
    let mut read = lines(&state, &who.user, asked, &format!("board {}", list.key)).await?;
    let last = read.split_off(people.len());
    let mut contact_of: BTreeMap<usize, String> = BTreeMap::new();
    for (index, line) in contacts.into_iter().zip(last) {
        let known = people.get(index).and_then(|known| known.contact.as_ref());
        if let Some((what, item)) = line.and_then(|line| line.glance.what).zip(known) {
            let by = what.by.map(|by| format!(", {by}")).unwrap_or_default();
            contact_of.insert(index, format!("{}: {}{by}, {}", when::ago(item.at, now), what.title, what.organisation));
        }
    }
    let total = people.len();
    let rows: Vec<Row> = people
        .iter()
        .zip(read)
        .enumerate()
        .filter_map(|(index, (known, line))| {
            let line = line?;
            // Where somebody is, is said by the stay; where that is withheld, nothing of it is said.
            let told = known.story.is_none() || line.glance.what.is_some();
            let (place, class) = match told {
                true => (known.place.words(), known.place.class()),
                false => ("Withheld", "home"),
            };
            Some(Row {
                line: line.html,
                place,
                class,
                since: known.since.filter(|_| told).map(|since| when::ago(since, now)),
                contact: contact_of.remove(&index),
            })
        })
        .collect();
    html(&BoardPage {
        chrome: Chrome::new(&state, &who, Here::Teams),
        people: thousands(list.people),
        list,
        all,
        hidden: total - rows.len(),
        rows,
        next,
        away: thousands(away_count as u64),
        behind: behind(&state)?,
        at: when::date_time(now),
    })
}
