//! Results over time in one table: a test a row, a day a column, each value in the unit of its row. A value that was converted
//! says from what, and what cannot be converted exactly has a row of its own (hazard: unit mapping changes meaning). Beside
//! it, what of the results a reader asks to see, and the earlier versions of a result that was corrected.

use super::{
    Mark, Tone,
    results::{Light, Rank, Reading, heading, is_void, panels, reading, series},
};
use crate::{
    item::{Origin, ParsedItem, SourceInfo},
    text::{comparable, concept},
    unit,
    when::{self, When},
};
use fhir::{ResourceId, ResourceType};
use jiff::{Timestamp, civil::Date};
use std::{
    cmp::Reverse,
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};

/// What of the results a reader asks to see. Empty: everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ask {
    /// Words in the name of the test or report.
    pub words: String,
    /// Only tests with a value that is flagged or outside its range.
    pub abnormal: bool,
    /// From this day on.
    pub since: Option<Date>,
    /// Up to this day, it included.
    pub until: Option<Date>,
    /// Of this source.
    pub source: Option<String>,
}

impl Ask {
    /// Whether anything is asked.
    pub fn is_empty(&self) -> bool {
        *self == Ask::default()
    }

    /// Take out observations and reports that were not asked for. Gives how many were there and how many are left.
    pub fn apply(&self, items: &mut Vec<ParsedItem>) -> (usize, usize) {
        let counted = |items: &[ParsedItem]| items.iter().filter(|item| of_results(item)).count();
        let before = counted(items);
        if self.is_empty() {
            return (before, before);
        }
        // The name of a panel finds its tests, and that of a test its report.
        let panels = panels(items);
        let words = comparable(&self.words);
        let named = |item: &ParsedItem| {
            let own = concept(&item.resource, "code").is_some_and(|code| comparable(&code.text).contains(&words));
            let panel = || panels.get(&format!("Observation/{}", item.id));
            own || panel().is_some_and(|panel| comparable(panel).contains(&words))
        };
        let tests: HashSet<String> = items
            .iter()
            .filter(|item| item.kind() == ResourceType::Observation && named(item))
            .map(|item| format!("Observation/{}", item.id))
            .collect();
        let holds = |item: &ParsedItem| {
            let results = item.resource.list("result").iter();
            results.filter_map(|result| crate::text::text(result, "reference")).any(|result| tests.contains(result))
        };
        items.retain(|item| {
            if !of_results(item) {
                return true;
            }
            let day = taken(item).map_or_else(|| when::london(item.recorded).date(), |when| when.date);
            self.source.as_ref().is_none_or(|source| item.source.id == *source)
                && self.since.is_none_or(|since| day >= since)
                && self.until.is_none_or(|until| day <= until)
                && (words.is_empty() || named(item) || holds(item))
        });
        if self.abnormal {
            let flagged = |member: &Light<'_>| reading(member.item).flag.is_some_and(|flag| flag.tone >= Tone::Caution);
            let kept: HashSet<ResourceId> = series(items)
                .into_iter()
                .filter(|members| members.iter().any(flagged))
                .flat_map(|members| members.into_iter().map(|member| member.item.id).collect::<Vec<_>>())
                .collect();
            let names: HashSet<String> = kept.iter().map(|id| format!("Observation/{id}")).collect();
            let points = |item: &ParsedItem| {
                let results = item.resource.list("result").iter();
                results.filter_map(|result| crate::text::text(result, "reference")).any(|result| names.contains(result))
            };
            items.retain(|item| match item.kind() {
                ResourceType::Observation => kept.contains(&item.id),
                ResourceType::DiagnosticReport => points(item),
                _ => true,
            });
        }
        (before, counted(items))
    }
}

fn of_results(item: &ParsedItem) -> bool {
    matches!(item.kind(), ResourceType::Observation | ResourceType::DiagnosticReport)
}

fn taken(item: &ParsedItem) -> Option<When> {
    crate::text::when(&item.resource, &["/effectiveDateTime", "/effectivePeriod/start", "/effectiveInstant", "/issued"])
}

/// The sources that sent results, by name.
pub fn sources(items: &[ParsedItem]) -> Vec<Arc<SourceInfo>> {
    let mut sources: Vec<Arc<SourceInfo>> = Vec::new();
    for item in items.iter().filter(|item| of_results(item)) {
        if !sources.contains(&item.source) {
            sources.push(Arc::clone(&item.source));
        }
    }
    sources.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
    sources
}

/// One value in the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// The value, in the unit of its row.
    pub value: String,
    /// The value and unit as sent, when the value was converted.
    pub converted_from: Option<String>,
    /// Its flag.
    pub flag: Option<Mark>,
    /// `Preliminary`, `Corrected` …
    pub marks: Vec<Mark>,
    /// The time of day, where its day has several.
    pub time: Option<String>,
    /// Where it came from.
    pub origin: Origin,
}

/// A range, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    /// The sources that give it.
    pub sources: Vec<String>,
    /// The range, with its unit where that is not the row's.
    pub text: String,
}

/// A test, in one unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The test, in the words of the latest.
    pub title: String,
    /// Other words that sources have for it.
    pub also: Vec<String>,
    /// The unit of the row, as people write it.
    pub unit: String,
    /// The latest of it, for the trend.
    pub latest: ResourceId,
    /// The ranges of its laboratories.
    pub ranges: Vec<Range>,
    /// Its values, for each day of the table.
    pub cells: Vec<Vec<Cell>>,
}

/// Rows under one heading.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows {
    /// The heading.
    pub title: String,
    /// The rows.
    pub rows: Vec<Row>,
}

/// The table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// The days, newest first.
    pub days: Vec<Date>,
    /// How many days there are in all.
    pub days_total: usize,
    /// The rows.
    pub groups: Vec<Rows>,
    /// Values that have no date and so no column: they stand under the latest of each test.
    pub undated: usize,
}

/// The results of so many days, after passing over the newest `from`.
pub fn cumulative(items: &[ParsedItem], from: usize, days_max: usize) -> Table {
    let panels = panels(items);
    let series = series(items);
    let dated = |member: &Light<'_>| member.when.as_ref().map(|when| when.date);
    let all: BTreeSet<Reverse<Date>> = series.iter().flatten().filter_map(dated).map(Reverse).collect();
    let days: Vec<Date> = all.iter().skip(from).take(days_max).map(|day| day.0).collect();
    let place: HashMap<Date, usize> = days.iter().enumerate().map(|(index, day)| (*day, index)).collect();
    let mut undated = 0;
    let mut sorted: Vec<(Rank, Rows)> = Vec::new();
    for members in &series {
        undated += members.iter().filter(|member| member.when.is_none()).count();
        let Some(first) = members.first() else { continue };
        let shown: Vec<(usize, Reading)> =
            members.iter().filter_map(|member| Some((*place.get(&dated(member)?)?, reading(member.item)))).collect();
        let rows = rows(&shown, days.len());
        if rows.is_empty() {
            continue;
        }
        let (rank, title) = heading(first.item, &panels, first.at());
        match sorted.iter_mut().find(|(_, group)| group.title == title) {
            Some((existing, group)) => {
                *existing = (*existing).min(rank);
                group.rows.extend(rows);
            }
            None => sorted.push((rank, Rows { title, rows })),
        }
    }
    sorted.sort_by(|(a, first), (b, second)| a.cmp(b).then_with(|| first.title.cmp(&second.title)));
    let mut groups: Vec<Rows> = sorted.into_iter().map(|(_, group)| group).collect();
    for group in &mut groups {
        group.rows.sort_by_cached_key(|row| (row.title.to_lowercase(), row.unit.clone()));
    }
    Table { days, days_total: all.len(), groups, undated }
}

/// A value in the unit of a row, and whether it had to be converted. None where it cannot be, exactly.
fn in_unit(reading: &Reading, axis: &str) -> Option<(String, bool)> {
    let (own, row) = (unit::unit(&reading.axis), unit::unit(axis));
    if own.dimension != row.dimension {
        return None;
    }
    if own == row {
        return Some((reading.value.clone(), false));
    }
    match reading.numbers.as_slice() {
        [_] => unit::converted(&reading.value, &reading.axis, axis).map(|value| (value, true)),
        _ => None,
    }
}

/// The rows of one test: one for each unit that cannot be converted into another. Words without a number stand in the first.
fn rows(readings: &[(usize, Reading)], days: usize) -> Vec<Row> {
    let mut rows: Vec<(String, Row)> = Vec::new();
    // Numbers first, so that words join them.
    let numbers = readings.iter().filter(|(_, reading)| !reading.numbers.is_empty());
    let words = readings.iter().filter(|(_, reading)| reading.numbers.is_empty());
    for (day, reading) in numbers.chain(words) {
        let bare = reading.numbers.is_empty();
        let found = rows.iter().position(|(axis, _)| bare || in_unit(reading, axis).is_some());
        let index = found.unwrap_or_else(|| {
            let row = Row {
                title: reading.title.clone(),
                also: Vec::new(),
                unit: unit::shown(&reading.axis),
                latest: reading.origin.id,
                ranges: Vec::new(),
                cells: vec![Vec::new(); days],
            };
            rows.push((reading.axis.clone(), row));
            rows.len() - 1
        });
        let Some((axis, row)) = rows.get_mut(index) else { continue };
        if comparable(&reading.title) != comparable(&row.title) && !row.also.contains(&reading.title) {
            row.also.push(reading.title.clone());
        }
        if let Some(text) = range(reading, axis) {
            let source = &reading.origin.source.name;
            match row.ranges.iter_mut().find(|known| spaceless(&known.text) == spaceless(&text)) {
                Some(known) if !known.sources.contains(source) => known.sources.push(source.clone()),
                Some(_) => {}
                None => row.ranges.push(Range { sources: vec![source.clone()], text }),
            }
        }
        if let Some(cell) = row.cells.get_mut(*day) {
            cell.push(self::cell(reading, axis));
        }
    }
    let mut rows: Vec<Row> = rows.into_iter().map(|(_, row)| row).collect();
    for cell in rows.iter_mut().flat_map(|row| &mut row.cells).filter(|cell| cell.len() < 2) {
        cell.iter_mut().for_each(|value| value.time = None);
    }
    rows
}

fn cell(reading: &Reading, axis: &str) -> Cell {
    let shown = if reading.numbers.is_empty() { None } else { in_unit(reading, axis) };
    let (value, converted) = shown.unwrap_or_else(|| (reading.value.clone(), false));
    let sent = || format!("{} {}", reading.value, unit::shown(&reading.unit));
    Cell {
        value,
        converted_from: converted.then(sent),
        flag: reading.flag.clone(),
        marks: reading.marks.clone(),
        time: reading.when.as_ref().and_then(|when| when.text.split_once(' ')).map(|(_, time)| time.to_owned()),
        origin: reading.origin.clone(),
    }
}

/// A reading's range, with its unit where that is not the row's.
fn range(reading: &Reading, axis: &str) -> Option<String> {
    let text = reading.range.clone()?;
    let other = unit::converted("1", &reading.axis, axis).is_some();
    Some(if other { format!("{text} {}", unit::shown(&reading.unit)) } else { text })
}

/// `130 - 180` and `130-180` are one range.
fn spaceless(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

/// A laboratory's range for a test, and when it gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeInUse {
    /// The laboratory's, or its hospital's, name.
    pub source: String,
    /// The range with its unit.
    pub text: String,
    /// With how many values.
    pub count: usize,
    /// With the first of them.
    pub first: Option<When>,
    /// With the last.
    pub last: Option<When>,
}

/// The ranges that came with readings (newest first), by laboratory.
pub fn ranges(readings: &[Reading]) -> Vec<RangeInUse> {
    let mut ranges: Vec<RangeInUse> = Vec::new();
    for reading in readings {
        let Some(text) = reading.range.clone() else { continue };
        let unit = unit::shown(&reading.unit);
        let text = if unit.is_empty() || text.ends_with(&unit) { text } else { format!("{text} {unit}") };
        let source = reading.origin.source.name.clone();
        match ranges.iter_mut().find(|known| known.source == source && known.text == text) {
            Some(known) => {
                known.count += 1;
                known.first.clone_from(&reading.when);
            }
            None => {
                let (first, last) = (reading.when.clone(), reading.when.clone());
                ranges.push(RangeInUse { source, text, count: 1, first, last });
            }
        }
    }
    ranges.sort_by(|a, b| a.source.cmp(&b.source));
    ranges
}

/// What a result said before it was corrected.
#[derive(Clone, Debug, PartialEq)]
pub struct Earlier {
    /// Value and unit as they were sent.
    pub value: String,
    /// Range then, where it was another.
    pub range: Option<String>,
    /// Its flag then.
    pub flag: Option<Mark>,
    /// Its status then, in words.
    pub status: String,
    /// The version.
    pub version: u32,
    /// When that reached us.
    pub recorded: Timestamp,
}

/// The earlier versions of one result (newest first) that said something else than what followed them: another value, unit
/// or range, or a status after which a value counts.
pub fn corrections(now: &ParsedItem, versions: &[ParsedItem]) -> Vec<Earlier> {
    let said = |item: &ParsedItem| {
        let reading = reading(item);
        (reading.value, reading.unit, reading.range)
    };
    let mut found = Vec::new();
    let mut after = said(now);
    let own = versions.iter().filter(|version| version.id == now.id && version.kind() == now.kind());
    for version in own {
        let before = said(version);
        let voided = is_void(now) && !is_void(version);
        if before != after || voided {
            let reading = reading(version);
            let unit = unit::shown(&reading.unit);
            let value = if unit.is_empty() { reading.value } else { format!("{} {unit}", reading.value) };
            let range = reading.range.filter(|range| after.2.as_ref() != Some(range));
            let status = crate::text::words(version.status());
            let (flag, recorded) = (reading.flag, version.recorded);
            found.push(Earlier { value, range, flag, status, version: version.version, recorded });
        }
        after = before;
    }
    found
}

/// The results of the same test as this one that have been sent more than once, newest first, no more than `most`.
pub fn sent_again(items: &[ParsedItem], one: ResourceId, most: usize) -> Vec<ResourceId> {
    let same = series(items).into_iter().find(|members| members.iter().any(|member| member.item.id == one));
    let same = same.unwrap_or_default().into_iter().filter(|member| member.item.version > 1);
    same.map(|member| member.item.id).take(most).collect()
}
