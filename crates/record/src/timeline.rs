//! The whole record in the order of time: each entry once, in the words of its section, under the date its source gave. What
//! has no date stands apart and is not dropped. Pure, as the sections are, of which it is made.

use crate::{
    item::{Origin, ParsedItem, of},
    sections::{
        Line, Mark, Section, SectionKind, Statement, allergies,
        documents::{Letter, letters},
        events, medicines,
        plans::{Plan, plans},
        problems,
        results::{Reading, Report, reading, reports},
        visits, withdrawn,
    },
    text::text,
    unit,
    when::{Precision, When},
};
use fhir::{ResourceId, ResourceType};
use jiff::{Timestamp, civil::Date};
use std::{cmp::Reverse, collections::HashSet};

/// Something that happened, or began, or was written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happening {
    /// When, as exactly as the source says it; None: it does not.
    pub when: Option<When>,
    /// What the date means: `Since`, `Given` …; empty: that it happened then.
    pub dated: &'static str,
    /// What.
    pub text: String,
    /// Words beside it.
    pub marks: Vec<Mark>,
    /// The section it stands in.
    pub section: SectionKind,
    /// Where it came from.
    pub origin: Origin,
}

/// A record in the order of time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeline {
    /// What has a date, the latest first.
    pub dated: Vec<Happening>,
    /// What has none, the last received first.
    pub undated: Vec<Happening>,
    /// Entries that their sources withdrew: they stand in their sections alone.
    pub withdrawn: usize,
}

/// The sections whose entries have a place in time, in the order of the menu.
pub const SECTIONS: [SectionKind; 12] = [
    SectionKind::Problems,
    SectionKind::Medicines,
    SectionKind::Allergies,
    SectionKind::Results,
    SectionKind::Letters,
    SectionKind::Visits,
    SectionKind::Plans,
    SectionKind::Alerts,
    SectionKind::Procedures,
    SectionKind::Vaccinations,
    SectionKind::Referrals,
    SectionKind::Other,
];

/// A record in the order of time.
pub fn timeline(items: &[ParsedItem], now: Timestamp) -> Timeline {
    let mut all = Gathered::new(items);
    all.push_all(letters(items).iter().map(letter));
    all.push_all(reports(items).iter().map(report));
    let reported: HashSet<&str> = of(items, ResourceType::DiagnosticReport)
        .flat_map(|item| item.resource.list("result"))
        .filter_map(|result| text(result, "reference"))
        .collect();
    // A result of a report happened with it.
    let alone = of(items, ResourceType::Observation)
        .filter(|item| !reported.contains(format!("Observation/{}", item.id).as_str()));
    all.push_all(alone.map(|item| value(reading(item))));
    let visits = visits::visits(items, now);
    all.push_all(visits.groups.iter().flat_map(|group| &group.lines).map(visit));
    let plans = plans(items, now);
    all.push_all(plans.current.iter().chain(&plans.about_me).chain(&plans.legal).chain(&plans.others).map(plan));
    for (section, built) in [
        (SectionKind::Problems, problems::problems(items)),
        (SectionKind::Medicines, medicines::medicines(items, now)),
        (SectionKind::Allergies, allergies::allergies(items)),
        (SectionKind::Alerts, events::alerts(items, now)),
        (SectionKind::Procedures, events::procedures(items)),
        (SectionKind::Vaccinations, events::vaccinations(items)),
        (SectionKind::Referrals, events::referrals(items)),
        (SectionKind::Other, events::other(items)),
    ] {
        all.push_all(statements(&built).map(|one| statement(one, section)));
    }
    let Gathered { found, withdrawn, .. } = all;
    let (mut dated, mut undated): (Vec<Happening>, Vec<Happening>) =
        found.into_iter().partition(|one| one.when.is_some());
    dated.sort_by_key(|one| Reverse(one.when.as_ref().map(|when| when.at)));
    undated.sort_by_key(|one| Reverse(one.origin.recorded));
    Timeline { dated, undated, withdrawn }
}

/// Each entry once, though two sections show it.
struct Gathered {
    seen: HashSet<(ResourceType, ResourceId)>,
    found: Vec<Happening>,
    withdrawn: usize,
}

impl Gathered {
    fn new(items: &[ParsedItem]) -> Self {
        let gone =
            |item: &&ParsedItem| withdrawn(item) || item.resource.str_at("/docStatus") == Some("entered-in-error");
        let seen: HashSet<_> = items.iter().filter(gone).map(|item| (item.kind(), item.id)).collect();
        Gathered { withdrawn: seen.len(), seen, found: Vec::new() }
    }

    fn push_all(&mut self, more: impl Iterator<Item = Happening>) {
        let Gathered { seen, found, .. } = self;
        found.extend(more.filter(|one| seen.insert((one.origin.kind, one.origin.id))));
    }
}

fn statements(section: &Section) -> impl Iterator<Item = &Statement> {
    section.groups.iter().flat_map(|group| &group.lines).flat_map(Line::statements)
}

fn statement(said: &Statement, section: SectionKind) -> Happening {
    Happening {
        when: said.when.clone(),
        dated: said.dated,
        text: said.title.clone(),
        marks: said.marks.clone(),
        section,
        origin: said.origin.clone(),
    }
}

/// A visit: what it was, and where unless that is its source anyway.
pub fn visit(line: &Line) -> Happening {
    let said = &line.first;
    let place = visits::fact(said, "Where").map(str::to_owned).or_else(|| said.by.clone());
    let place = place.filter(|place| *place != said.origin.source.name);
    let text = match place {
        Some(place) => format!("{}, {place}", line.title),
        None => line.title.clone(),
    };
    Happening { text, ..statement(said, SectionKind::Visits) }
}

/// A letter.
pub fn letter(letter: &Letter) -> Happening {
    Happening {
        when: letter.when.clone(),
        dated: "",
        text: letter.title.clone(),
        marks: letter.marks.clone(),
        section: SectionKind::Letters,
        origin: letter.origin.clone(),
    }
}

/// A report of results.
pub fn report(report: &Report) -> Happening {
    Happening {
        when: report.when.clone(),
        dated: "",
        text: report.title.clone(),
        marks: report.marks.clone(),
        section: SectionKind::Results,
        origin: report.origin.clone(),
    }
}

fn value(reading: Reading) -> Happening {
    let said = format!("{} {}", reading.value, unit::shown(&reading.unit));
    let text = match said.trim() {
        "" => reading.title,
        said => format!("{}: {said}", reading.title),
    };
    let marks = reading.flag.into_iter().chain(reading.marks).collect();
    Happening { when: reading.when, dated: "", text, marks, section: SectionKind::Results, origin: reading.origin }
}

fn plan(plan: &Plan) -> Happening {
    Happening {
        when: plan.when.clone(),
        dated: "",
        text: plan.title.clone(),
        marks: plan.marks.clone(),
        section: SectionKind::Plans,
        origin: plan.origin.clone(),
    }
}

/// A stretch of time, its last day included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stretch {
    from: Option<When>,
    to: Option<When>,
}

/// In what parts a stretch of time is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parts {
    /// Year by year.
    Years,
    /// The months of one year.
    Months,
    /// The days of one month.
    Days,
    /// One day: it has no parts.
    None,
}

/// A part of a stretch, and how much is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// As people read it: `2019`, `Mar-2019`, `14-Mar-2019`.
    pub label: String,
    /// As an address names it: `2019`, `2019-03`, `2019-03-14`.
    pub name: String,
    /// Entries in it.
    pub count: usize,
}

/// More parts than this are not drawn: a date in the year 1066 is a slip of somebody's pen.
const PARTS_MAX: usize = 200;

impl Stretch {
    /// From the names of two parts of time (`2019`, `2019-03`, `2019-03-14`), either of them empty. None: not two such names,
    /// or the first is after the last.
    pub fn between(from: &str, to: &str) -> Option<Stretch> {
        let read = |name: &str| match name.trim() {
            "" => Some(None),
            name if name.len() <= 10 => When::parse(name).map(Some),
            _ => None,
        };
        let stretch = Stretch { from: read(from)?, to: read(to)? };
        let backwards = stretch.first().zip(stretch.last()).is_some_and(|(first, last)| first > last);
        (!backwards).then_some(stretch)
    }

    fn first(&self) -> Option<Date> {
        self.from.as_ref().map(|when| when.date)
    }

    fn last(&self) -> Option<Date> {
        self.to.as_ref().map(last_day)
    }

    /// Whether it is all of time.
    pub fn is_all(&self) -> bool {
        self.from.is_none() && self.to.is_none()
    }

    /// As addresses name its ends.
    pub fn names(&self) -> (String, String) {
        let name = |end: &Option<When>| end.as_ref().map(When::machine).unwrap_or_default();
        (name(&self.from), name(&self.to))
    }

    /// In what parts it is shown.
    pub fn parts(&self) -> Parts {
        let (Some(first), Some(last)) = (self.first(), self.last()) else { return Parts::Years };
        match () {
            () if first == last => Parts::None,
            () if first.first_of_month() == last.first_of_month() => Parts::Days,
            () if first.year() == last.year() => Parts::Months,
            () => Parts::Years,
        }
    }

    /// As people read it.
    pub fn words(&self) -> String {
        match (&self.from, &self.to) {
            (None, None) => "All years".into(),
            (Some(from), None) => format!("From {}", from.day_text()),
            (None, Some(to)) => format!("Up to {}", to.day_text()),
            (Some(from), Some(to)) if from == to => from.day_text(),
            (Some(from), Some(to)) => format!("{} to {}", from.day_text(), to.day_text()),
        }
    }

    /// Whether all that a date may mean lies within. A date known by its year alone is in the year, and in none of its months.
    pub fn holds(&self, when: &When) -> bool {
        self.first().is_none_or(|first| when.date >= first) && self.last().is_none_or(|last| last_day(when) <= last)
    }

    /// The next wider stretch that is not wider than a year: a day's month, a month's year. None: all of time is next.
    pub fn wider(&self) -> Option<Stretch> {
        let first = self.first()?;
        let name = match self.parts() {
            Parts::None => format!("{:04}-{:02}", first.year(), first.month()),
            Parts::Days => format!("{:04}", first.year()),
            Parts::Months | Parts::Years => return None,
        };
        Stretch::between(&name, &name)
    }

    /// Its parts from the first that has something to the last, the earliest first; and how many entries lie within it
    /// without a date exact enough to be in one of them.
    pub fn split(&self, within: &[&Happening]) -> (Vec<Part>, usize) {
        let precision = match self.parts() {
            Parts::Years => Precision::Year,
            Parts::Months => Precision::Month,
            Parts::Days => Precision::Day,
            Parts::None => return (Vec::new(), 0),
        };
        let exact = |when: &&When| when.precision >= precision;
        let whens = || within.iter().filter_map(|one| one.when.as_ref());
        let mut firsts: Vec<Date> = whens().filter(exact).map(|when| begin(when.date, precision)).collect();
        firsts.sort_unstable();
        let vague = whens().count() - firsts.len();
        let mut parts: Vec<(Date, usize)> = Vec::new();
        for first in firsts {
            match parts.last_mut() {
                Some((date, count)) if *date == first => *count += 1,
                _ => {
                    fill(&mut parts, first, precision);
                    parts.push((first, 1));
                }
            }
        }
        let part = |(first, count): (Date, usize)| {
            let name = match precision {
                Precision::Year => format!("{:04}", first.year()),
                Precision::Month => format!("{:04}-{:02}", first.year(), first.month()),
                Precision::Day | Precision::Time => first.to_string(),
            };
            let label = When::parse(&name).map_or_else(|| name.clone(), |when| when.text);
            Part { label, name, count }
        };
        (parts.into_iter().map(part).collect(), vague)
    }
}

fn last_day(when: &When) -> Date {
    match when.precision {
        Precision::Year => when.date.last_of_year(),
        Precision::Month => when.date.last_of_month(),
        Precision::Day | Precision::Time => when.date,
    }
}

fn begin(date: Date, precision: Precision) -> Date {
    match precision {
        Precision::Year => date.first_of_year(),
        Precision::Month => date.first_of_month(),
        Precision::Day | Precision::Time => date,
    }
}

/// The empty parts between the last and the next, unless these are too many to be meant.
fn fill(parts: &mut Vec<(Date, usize)>, next: Date, precision: Precision) {
    let Some((last, _)) = parts.last().copied() else { return };
    let mut empty = Vec::new();
    let mut day = last;
    while empty.len() < PARTS_MAX {
        let Ok(after) = (match precision {
            Precision::Year => day.last_of_year(),
            Precision::Month => day.last_of_month(),
            Precision::Day | Precision::Time => day,
        })
        .tomorrow() else {
            return;
        };
        day = after;
        if day >= next {
            parts.extend(empty.into_iter().map(|date| (date, 0)));
            return;
        }
        empty.push(day);
    }
}
