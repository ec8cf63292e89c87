//! The timeline: how much there is of each year, month and day, and what. Zooming and filtering are links and a form whose
//! answers are names of sections and sources: no word of anybody's stands in an address.

use super::{
    Chrome, Here,
    frame::{self, BANNER_KINDS, Frame, Page},
    html,
};
use crate::{error::PageError, session::SignedIn, state::AppState};
use askama::Template;
use axum::{
    extract::{Path, State},
    response::Html,
};
use axum_extra::extract::Form;
use fhir::ResourceType;
use record::{
    SourceInfo,
    sections::SectionKind,
    timeline::{Happening, Part, Parts, SECTIONS, Stretch, timeline},
};
use serde::Deserialize;
use std::{collections::BTreeMap, fmt::Write, sync::Arc};

/// Entries on a page.
const ENTRIES_MAX: usize = 100;

/// What is asked for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    from: String,
    to: String,
    /// Sections by their slugs; none: all.
    kind: Vec<String>,
    /// Sources by their ids; none: all.
    source: Vec<String>,
    /// How many entries to pass over.
    start: usize,
}

impl Asked {
    fn wants(&self, one: &Happening) -> bool {
        let among = |chosen: &[String], name: &str| chosen.is_empty() || chosen.iter().any(|one| one == name);
        among(&self.kind, one.section.slug()) && among(&self.source, &one.origin.source.id)
    }

    /// The address of the same filters elsewhere in time.
    fn address(&self, base: &str, (from, to): (&str, &str), start: usize) -> String {
        let mut query = Vec::new();
        let ends = [("from", from), ("to", to)].into_iter().filter(|(_, value)| !value.is_empty());
        let filters = self.kind.iter().map(|kind| ("kind", kind.as_str()));
        let filters = filters.chain(self.source.iter().map(|source| ("source", source.as_str())));
        query.extend(ends.chain(filters).map(|(name, value)| format!("{name}={}", encoded(value))));
        query.extend((start > 0).then(|| format!("start={start}")));
        if query.is_empty() { base.to_owned() } else { format!("{base}?{}", query.join("&")) }
    }
}

fn encoded(value: &str) -> String {
    let mut encoded = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' => encoded.push(char::from(byte)),
            // Writing into a string cannot fail.
            other => drop(write!(encoded, "%{other:02X}")),
        }
    }
    encoded
}

/// A part of time as a link.
struct PartLink {
    part: Part,
    href: String,
}

/// A bar of the overview.
struct Bar {
    x: String,
    y: String,
    width: String,
    height: String,
}

/// The overview: how much there is of each part of time. It is drawn for those who see; the links beneath say the same.
struct Overview {
    width: u32,
    height: u32,
    bars: Vec<Bar>,
    /// The first and the last part, and what the highest bar means.
    first: String,
    last: String,
    most: usize,
}

/// A choice of the filter.
struct Choice {
    name: String,
    title: String,
    count: usize,
    chosen: bool,
}

/// Entries under one date.
struct Day {
    title: String,
    entries: Vec<Happening>,
}

#[derive(Template)]
#[template(path = "timeline.html")]
struct TimelinePage {
    chrome: Chrome,
    frame: Frame,
    /// `All years`, `2019`, `Mar-2019` …
    stretch: String,
    /// What its parts are called.
    parts_are: &'static str,
    from: String,
    to: String,
    total: usize,
    overview: Option<Overview>,
    parts: Vec<PartLink>,
    vague: usize,
    all: Option<String>,
    wider: Option<(String, String)>,
    kinds: Vec<Choice>,
    sources: Vec<Choice>,
    filtered: bool,
    days: Vec<Day>,
    undated: Vec<Happening>,
    /// How many entries without a date there are, and where.
    undated_total: usize,
    undated_at: Option<String>,
    withdrawn: usize,
    shown: (usize, usize),
    newer: Option<String>,
    older: Option<String>,
    /// The address without filters.
    unfiltered: String,
    /// The form's address.
    here: String,
}

/// `GET /record/{person}/timeline[?from=&to=&kind=&source=&start=]`.
pub async fn show(
    State(state): State<AppState>,
    who: SignedIn,
    Path(person): Path<String>,
    Form(asked): Form<Asked>,
) -> Result<Html<String>, PageError> {
    let person = frame::person(&person)?;
    let stretch = Stretch::between(&asked.from, &asked.to).ok_or_else(|| {
        PageError::Bad(
            "These are no two years, months or days, the earlier first: for instance 2019 and 2024-03.".into(),
        )
    })?;
    let chrome = Chrome::new(&state, &who, Here::Elsewhere);
    let page = Page { title: "Timeline".into(), section: None, audit: "timeline".into() };
    frame::open(&state, &who.user, person, page, types(), move |opened| {
        let now = opened.frame.now();
        let whole = timeline(&opened.items, now);
        html(&built(chrome, opened.frame, &asked, &stretch, whole))
    })
    .await
}

/// The types that have a place in time.
fn types() -> Vec<ResourceType> {
    let mut types: Vec<ResourceType> = SECTIONS.iter().flat_map(|section| super::section::kinds(*section)).collect();
    types.extend(BANNER_KINDS);
    types.sort_unstable();
    types.dedup();
    types
}

fn built(
    chrome: Chrome,
    frame: Frame,
    asked: &Asked,
    stretch: &Stretch,
    whole: record::timeline::Timeline,
) -> TimelinePage {
    let here = frame.section("timeline");
    let (kinds, sources) = choices(&whole, asked);
    let (from, to) = stretch.names();
    let address = |start: usize| asked.address(&here, (&from, &to), start);
    let undated: Vec<Happening> = whole.undated.into_iter().filter(|one| asked.wants(one)).collect();
    let held = |one: &Happening| one.when.as_ref().is_some_and(|when| stretch.holds(when));
    let all_dated = whole.dated.iter().filter(|one| asked.wants(one)).count();
    let dated: Vec<Happening> = whole.dated.into_iter().filter(|one| asked.wants(one) && held(one)).collect();
    let (parts, vague) = stretch.split(&dated.iter().collect::<Vec<_>>());
    let overview = overview(&parts);
    let parts = parts.into_iter().filter(|part| part.count > 0);
    let parts = parts.map(|part| PartLink { href: asked.address(&here, (&part.name, &part.name), 0), part }).collect();
    // What has no date follows at the end of all years, and is told of elsewhere.
    let (total, undated_total) = (dated.len(), undated.len());
    let at_end = if stretch.is_all() { undated_total } else { 0 };
    let undated_at = (undated_total > 0)
        .then(|| format!("{}#undated", asked.address(&here, ("", ""), all_dated / ENTRIES_MAX * ENTRIES_MAX)));
    let start = asked.start.min((total + at_end).saturating_sub(1)) / ENTRIES_MAX * ENTRIES_MAX;
    let end = (start + ENTRIES_MAX).min(total + at_end);
    let days = days(dated.into_iter().skip(start).take(ENTRIES_MAX), stretch.parts());
    let skip = start.saturating_sub(total);
    let take = end.saturating_sub(total.max(start));
    let undated: Vec<Happening> = undated.into_iter().skip(skip).take(if at_end > 0 { take } else { 0 }).collect();
    TimelinePage {
        stretch: stretch.words(),
        parts_are: match stretch.parts() {
            Parts::Years => "Years",
            Parts::Months => "Months",
            Parts::Days => "Days",
            Parts::None => "",
        },
        total,
        overview,
        parts,
        vague,
        all: (!stretch.is_all()).then(|| asked.address(&here, ("", ""), 0)),
        wider: stretch.wider().map(|wider| {
            let (from, to) = wider.names();
            (wider.words(), asked.address(&here, (&from, &to), 0))
        }),
        kinds,
        sources,
        filtered: !asked.kind.is_empty() || !asked.source.is_empty(),
        days,
        undated,
        undated_total,
        undated_at,
        withdrawn: whole.withdrawn,
        shown: (start + 1, end),
        newer: (start > 0).then(|| address(start.saturating_sub(ENTRIES_MAX))),
        older: (end < total + at_end).then(|| address(end)),
        unfiltered: Asked::default().address(&here, (&from, &to), 0),
        from,
        to,
        here,
        chrome,
        frame,
    }
}

/// What may be chosen, with how much there is of each.
fn choices(whole: &record::timeline::Timeline, asked: &Asked) -> (Vec<Choice>, Vec<Choice>) {
    let all = || whole.dated.iter().chain(&whole.undated);
    let kind = |section: &SectionKind| Choice {
        name: section.slug().into(),
        title: section.title().into(),
        count: all().filter(|one| one.section == *section).count(),
        chosen: asked.kind.iter().any(|kind| kind == section.slug()),
    };
    let mut of_source: BTreeMap<(String, String), usize> = BTreeMap::new();
    for one in all() {
        let source: &Arc<SourceInfo> = &one.origin.source;
        *of_source.entry((source.name.clone(), source.id.clone())).or_default() += 1;
    }
    let source = |((title, name), count): ((String, String), usize)| Choice {
        chosen: asked.source.contains(&name),
        name,
        title,
        count,
    };
    let kinds = SECTIONS.iter().map(kind).filter(|choice| choice.count > 0 || choice.chosen).collect();
    (kinds, of_source.into_iter().map(source).collect())
}

/// Entries under the dates they share: of all years by year, of one year or month by day.
fn days(entries: impl Iterator<Item = Happening>, parts: Parts) -> Vec<Day> {
    let mut days: Vec<Day> = Vec::new();
    for entry in entries {
        let title = entry.when.as_ref().map(|when| match parts {
            Parts::Years => format!("{:04}", when.date.year()),
            Parts::Months | Parts::Days | Parts::None => when.day_text(),
        });
        let title = title.unwrap_or_default();
        match days.last_mut().filter(|day| day.title == title) {
            Some(day) => day.entries.push(entry),
            None => days.push(Day { title, entries: vec![entry] }),
        }
    }
    days
}

/// Draw the bars. None: there is one part or none.
fn overview(parts: &[Part]) -> Option<Overview> {
    const WIDTH: u32 = 900;
    const HEIGHT: u32 = 96;
    let most = parts.iter().map(|part| part.count).max().filter(|most| *most > 0)?;
    let count = u32::try_from(parts.len()).ok().filter(|count| *count > 1)?;
    let step = f64::from(WIDTH) / f64::from(count);
    let share = |part: &Part| match (u32::try_from(part.count), u32::try_from(most)) {
        (Ok(count), Ok(most)) if count > 0 => (f64::from(count) / f64::from(most) * f64::from(HEIGHT)).max(2.0),
        (Err(_), _) | (_, Err(_)) => f64::from(HEIGHT),
        _ => 0.0,
    };
    let bar = |(index, part): (u32, &Part)| {
        let height = share(part);
        Bar {
            x: format!("{:.1}", f64::from(index) * step),
            y: format!("{:.1}", f64::from(HEIGHT) - height),
            width: format!("{:.1}", (step - 1.0).max(0.5)),
            height: format!("{height:.1}"),
        }
    };
    Some(Overview {
        width: WIDTH,
        height: HEIGHT,
        bars: (0..).zip(parts).filter(|(_, part)| part.count > 0).map(bar).collect(),
        first: parts.first().map(|part| part.label.clone()).unwrap_or_default(),
        last: parts.last().map(|part| part.label.clone()).unwrap_or_default(),
        most,
    })
}
