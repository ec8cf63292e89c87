//! Investigation results and measurements: the latest of each test with its flag, range and how many came before; each
//! test's whole course; and the reports they came in. A cancelled or withdrawn value is never part of a course (hazard:
//! cancelled or corrected result shown as final).

use super::{Mark, Tone, withdrawn};
use crate::{
    item::{Origin, ParsedItem, find, of},
    text::{Concept, concept, concepts, notes, number, quantity, reference, text, unit, words},
    when::When,
};
use fhir::{Resource, ResourceId, ResourceType, Value};
use jiff::Timestamp;
use std::{cmp::Reverse, collections::HashMap};

/// One value as its source gave it.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The test, in this source's words.
    pub title: String,
    /// The value without its unit, as written.
    pub value: String,
    /// The unit as written.
    pub unit: String,
    /// The value as a number, for drawing. Two for a blood pressure (systolic, diastolic).
    pub numbers: Vec<f64>,
    /// The unit it is drawn in.
    pub axis: String,
    /// `High`, `Very low`, `Abnormal` … by the source's own flag, else by its own range.
    pub flag: Option<Mark>,
    /// Its range as text.
    pub range: Option<String>,
    /// Its range as numbers: low, high.
    pub limits: (Option<f64>, Option<f64>),
    /// `Preliminary`, `Corrected` …
    pub marks: Vec<Mark>,
    /// Other parts: components that are not the value itself, comments.
    pub comments: Vec<String>,
    /// When it was measured.
    pub when: Option<When>,
    /// Who measured.
    pub by: Option<String>,
    /// Where it came from.
    pub origin: Origin,
}

impl Reading {
    /// Whether it is a single number, not flagged, within the range that was sent with it.
    pub fn is_inside(&self) -> bool {
        let [one] = self.numbers.as_slice() else { return false };
        let bounded = self.limits.0.is_some() || self.limits.1.is_some();
        // `<0.5` is no number to lay against a range.
        let exact = self.value.parse::<f64>().is_ok();
        self.flag.is_none() && bounded && exact && by_range(*one, self.limits).is_none()
    }
}

/// One test over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Course {
    /// The latest reading.
    pub latest: Reading,
    /// How many readings there are, the latest included.
    pub count: usize,
    /// The numbers of the last readings that can be drawn on one axis with the latest, oldest first: time, value.
    pub spark: Vec<(Timestamp, f64)>,
    /// Names of the sources, latest first.
    pub sources: Vec<String>,
}

/// Courses under one heading.
#[derive(Clone, Debug, PartialEq)]
pub struct CourseGroup {
    /// `Urea and electrolytes`, `Vital signs` …
    pub title: String,
    /// The tests.
    pub courses: Vec<Course>,
}

/// A report, as a line.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Its name.
    pub title: String,
    /// When the specimen was taken or the study done, else when it was issued.
    pub when: Option<When>,
    /// `Preliminary`, `Corrected`, `Cancelled` …
    pub marks: Vec<Mark>,
    /// Who made it.
    pub by: Option<String>,
    /// The conclusion, in the reporter's words.
    pub conclusion: Option<String>,
    /// How many results are in it.
    pub results: usize,
    /// How many of them are outside their range.
    pub flagged: usize,
    /// How many documents (PDF) hang on it.
    pub documents: usize,
    /// Whether it was cancelled or withdrawn.
    pub void: bool,
    /// Where it came from.
    pub origin: Origin,
}

/// Everything on the results page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Results {
    /// The latest of each test.
    pub groups: Vec<CourseGroup>,
    /// The reports, newest first.
    pub reports: Vec<Report>,
    /// Values that were cancelled or withdrawn.
    pub void: Vec<Reading>,
}

impl Results {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty() && self.reports.is_empty() && self.void.is_empty()
    }
}

/// How many points a small trend line shows.
const SPARK_POINTS: usize = 12;

pub(super) struct Light<'a> {
    pub(super) item: &'a ParsedItem,
    pub(super) when: Option<When>,
}

impl Light<'_> {
    pub(super) fn at(&self) -> Timestamp {
        self.when.as_ref().map_or(self.item.recorded, |when| when.at)
    }
}

/// The results page.
pub fn results(items: &[ParsedItem]) -> Results {
    let mut void: Vec<Reading> =
        of(items, ResourceType::Observation).filter(|item| is_void(item)).map(reading).collect();
    void.sort_by_key(|reading| Reverse(reading.when.as_ref().map(|when| when.at)));
    Results { groups: courses(items), reports: reports(items), void }
}

/// The latest of each test, by heading.
pub fn courses(items: &[ParsedItem]) -> Vec<CourseGroup> {
    let panels = panels(items);
    let mut sorted: Vec<(Rank, CourseGroup)> = Vec::new();
    for members in series(items) {
        let Some(first) = members.first() else { continue };
        let latest = reading(first.item);
        let (rank, title) = heading(first.item, &panels, first.at());
        let mut sources: Vec<String> = Vec::new();
        for member in &members {
            if !sources.contains(&member.item.source.name) {
                sources.push(member.item.source.name.clone());
            }
        }
        let course = Course { spark: spark(&latest, &members), count: members.len(), sources, latest };
        match sorted.iter_mut().find(|(_, group)| group.title == title) {
            Some((existing, group)) => {
                *existing = (*existing).min(rank);
                group.courses.push(course);
            }
            None => sorted.push((rank, CourseGroup { title, courses: vec![course] })),
        }
    }
    sorted.sort_by(|(a, first), (b, second)| a.cmp(b).then_with(|| first.title.cmp(&second.title)));
    let mut groups: Vec<CourseGroup> = sorted.into_iter().map(|(_, group)| group).collect();
    for group in &mut groups {
        group.courses.sort_by_key(|course| course.latest.title.to_lowercase());
    }
    groups
}

/// All readings of the test that this observation is one of, newest first. Empty when it is none of the record's.
pub fn course(items: &[ParsedItem], one: ResourceId) -> Vec<Reading> {
    series(items)
        .into_iter()
        .find(|members| members.iter().any(|member| member.item.id == one))
        .map(|members| members.iter().map(|member| reading(member.item)).collect())
        .unwrap_or_default()
}

/// The readings of a report: those it names as results, and their parts, in its order.
pub fn members(items: &[ParsedItem], report: &ParsedItem) -> Vec<Reading> {
    let mut found = Vec::new();
    collect(items, report.resource.list("result"), &mut found, 0);
    found
}

/// Panels within panels go this deep.
const NESTING_MAX: usize = 3;

fn collect(items: &[ParsedItem], references: &[Value], found: &mut Vec<Reading>, depth: usize) {
    for pointer in references.iter().filter_map(|result| text(result, "reference")) {
        let Some(item) = find(items, pointer) else { continue };
        let parts = item.resource.list("hasMember");
        if parts.is_empty() || has_value(&item.resource) {
            found.push(reading(item));
        }
        if depth < NESTING_MAX {
            collect(items, parts, found, depth + 1);
        }
    }
}

/// The reports, newest first.
pub fn reports(items: &[ParsedItem]) -> Vec<Report> {
    newest_reports(items, |_| true, usize::MAX)
}

/// The newest reports that are wanted, at most so many.
pub fn newest_reports(items: &[ParsedItem], wanted: impl Fn(&ParsedItem) -> bool, most: usize) -> Vec<Report> {
    let mut found: Vec<(Timestamp, &ParsedItem)> = of(items, ResourceType::DiagnosticReport)
        .filter(|item| !item.resource.list("result").is_empty() || !is_letter(&item.resource))
        .filter(|item| wanted(item))
        .map(|item| (reported(item).map_or(item.recorded, |when| when.at), item))
        .collect();
    found.sort_by_key(|(at, _)| Reverse(*at));
    found.truncate(most);
    let by_name = by_name(items);
    found.into_iter().map(|(_, item)| report(item, &by_name)).collect()
}

fn by_name(items: &[ParsedItem]) -> HashMap<ResourceId, &ParsedItem> {
    of(items, ResourceType::Observation).map(|item| (item.id, item)).collect()
}

/// When the specimen was taken or the study done, else when the report was issued.
fn reported(item: &ParsedItem) -> Option<When> {
    crate::text::when(&item.resource, &["/effectiveDateTime", "/effectivePeriod/start", "/issued"])
}

/// Whether a report was cancelled or withdrawn.
pub fn is_void_report(item: &ParsedItem) -> bool {
    matches!(item.status(), "cancelled" | "entered-in-error")
}

/// Whether a report is only a document (a clinic note, a letter): those are listed under letters.
pub fn is_letter(resource: &Resource) -> bool {
    resource.list("result").is_empty()
        && !resource.list("presentedForm").is_empty()
        && resource.get("conclusion").is_none()
        && !concepts(resource, "category").iter().any(|c| {
            ["LAB", "RAD", "PAT", "MB", "HM", "CH", "GE", "IMM", "laboratory", "imaging"].iter().any(|code| c.has(code))
        })
}

/// One report as a line.
pub fn report_of(items: &[ParsedItem], item: &ParsedItem) -> Report {
    report(item, &by_name(items))
}

fn report(item: &ParsedItem, by_name: &HashMap<ResourceId, &ParsedItem>) -> Report {
    let resource = &item.resource;
    let results = resource.list("result");
    let named = results.iter().filter_map(|result| {
        let id: ResourceId = text(result, "reference")?.strip_prefix("Observation/")?.parse().ok()?;
        by_name.get(&id).copied()
    });
    let flagged = named
        .filter(|item| !is_void(item))
        .filter(|item| {
            let one_value = || value(&item.resource, &mut Vec::new()).2;
            flag_of(&item.resource, one_value).is_some_and(|flag| flag.tone >= Tone::Caution)
        })
        .count();
    Report {
        title: concept(resource, "code")
            .map_or_else(|| "Report".into(), |code| crate::text::without_tag(&code.text).to_owned()),
        when: reported(item),
        marks: status_mark(item.status()).into_iter().collect(),
        by: crate::text::references(resource, "performer").into_iter().next(),
        conclusion: text_of(resource, "conclusion")
            .or_else(|| super::problems::joined(concepts(resource, "conclusionCode"))),
        results: results.len(),
        flagged,
        documents: resource.list("presentedForm").len(),
        void: is_void_report(item),
        origin: item.origin(),
    }
}

fn text_of(resource: &Resource, element: &str) -> Option<String> {
    resource.get(element).and_then(Value::as_str).map(str::to_owned)
}

pub(super) fn is_void(item: &ParsedItem) -> bool {
    withdrawn(item) || item.status() == "cancelled"
}

/// Every test's observations, newest first. A panel that only names its members is not a test.
pub(super) fn series(items: &[ParsedItem]) -> Vec<Vec<Light<'_>>> {
    let mut of_key: HashMap<String, usize> = HashMap::new();
    let mut bins: Vec<Vec<Light<'_>>> = Vec::new();
    for item in of(items, ResourceType::Observation) {
        if is_void(item) || (!item.resource.list("hasMember").is_empty() && !has_value(&item.resource)) {
            continue;
        }
        let keys = keys(item);
        let bin = keys.iter().find_map(|key| of_key.get(key).copied()).unwrap_or_else(|| {
            bins.push(Vec::new());
            bins.len() - 1
        });
        for key in keys {
            of_key.entry(key).or_insert(bin);
        }
        let when = crate::text::when(
            &item.resource,
            &["/effectiveDateTime", "/effectivePeriod/start", "/effectiveInstant", "/issued"],
        );
        if let Some(bin) = bins.get_mut(bin) {
            bin.push(Light { item, when });
        }
    }
    for bin in &mut bins {
        bin.sort_by_key(|light| (Reverse(light.at()), light.item.id));
    }
    bins
}

/// Codes by which observations of one test are known: those of LOINC and SNOMED CT are shared by all sources; a local
/// code counts only within its own system; bare words only within one source, for `Sodium` may be blood or urine.
fn keys(item: &ParsedItem) -> Vec<String> {
    let Some(code) = concept(&item.resource, "code") else { return vec![format!("none {}", item.id)] };
    let mut keys: Vec<String> = code
        .codes
        .iter()
        .map(|code| match equivalent(&code.code) {
            Some(name) => name.to_owned(),
            None if code.system.is_empty() => format!("{} {}", item.source.id, code.code),
            None => format!("{} {}", code.system, code.code),
        })
        .collect();
    if keys.is_empty() {
        keys.push(format!("{} {}", item.source.id, code.folded()));
    }
    keys
}

/// Codes that different laboratories use for the one thing a clinician follows as one trend. Each reading keeps its own
/// name, code and unit; see `crate::unit` for what may share an axis.
fn equivalent(code: &str) -> Option<&'static str> {
    Some(match code {
        // LOINC: eGFR by MDRD and by CKD-EPI 2009 and 2021; SNOMED CT UK: the same by MDRD and CKD-EPI, and the bare quantity.
        "33914-3" | "48642-3" | "48643-1" | "62238-1" | "88293-6" | "88294-4" | "98979-8" | "98980-6"
        | "1020291000000106" | "1011481000000105" | "80274001" => "egfr",
        _ => return None,
    })
}

/// The unit a reading is drawn in. Laboratories write an eGFR, which is always per 1.73 m², also as plain `mL/min`.
fn axis_unit(code: Option<&Concept>, unit: &str) -> String {
    let normalised = code.is_some_and(|code| code.codes.iter().any(|code| equivalent(&code.code) == Some("egfr")));
    // Units are read for these alone: most readings are of something else, and reading a unit takes long.
    let plain = || crate::unit::unit(unit) == crate::unit::unit("mL/min");
    if normalised && plain() { "mL/min/1.73m2".into() } else { unit.to_owned() }
}

fn spark(latest: &Reading, members: &[Light<'_>]) -> Vec<(Timestamp, f64)> {
    if latest.numbers.is_empty() {
        return Vec::new();
    }
    let mut points: Vec<(Timestamp, f64)> = members
        .iter()
        .take(SPARK_POINTS)
        .filter_map(|member| {
            let (value, unit) = first_number(&member.item.resource)?;
            let unit = axis_unit(concept(&member.item.resource, "code").as_ref(), unit);
            Some((member.at(), crate::unit::convert(value, &unit, &latest.axis)?))
        })
        .collect();
    points.reverse();
    if points.len() < 2 { Vec::new() } else { points }
}

fn first_number(resource: &Resource) -> Option<(f64, &str)> {
    let direct = resource.get("valueQuantity").or_else(|| resource.at("/component/0/valueQuantity"));
    match direct {
        Some(quantity) => Some((quantity.get("value")?.as_f64()?, unit(quantity).unwrap_or_default())),
        None => resource.get("valueInteger").and_then(Value::as_f64).map(|value| (value, "")),
    }
}

/// Which heading a group comes under; lower first.
pub(super) type Rank = (u8, Reverse<Timestamp>);

/// Panels: the report that names an observation.
pub(super) fn panels(items: &[ParsedItem]) -> HashMap<String, String> {
    let mut panels = HashMap::new();
    for report in of(items, ResourceType::DiagnosticReport) {
        let Some(name) = concept(&report.resource, "code") else { continue };
        for result in report.resource.list("result").iter().filter_map(|result| text(result, "reference")) {
            panels.insert(result.to_owned(), crate::text::without_tag(&name.text).to_owned());
        }
    }
    panels
}

pub(super) fn heading(item: &ParsedItem, panels: &HashMap<String, String>, at: Timestamp) -> (Rank, String) {
    let categories = concepts(&item.resource, "category");
    let is = |code: &str| categories.iter().any(|category| category.has(code));
    let panel = panels.get(&format!("Observation/{}", item.id));
    let newest = Reverse(at);
    if is("vital-signs") {
        ((1, Reverse(Timestamp::MAX)), "Vital signs and measurements".into())
    } else if is("social-history") {
        ((3, Reverse(Timestamp::MAX)), "Social context".into())
    } else if is("survey") {
        ((2, Reverse(Timestamp::MAX)), "Assessments and scores".into())
    } else if let Some(panel) = panel {
        ((0, newest), panel.clone())
    } else if is("laboratory") {
        ((0, newest), "Laboratory".into())
    } else if is("exam") || is("procedure") || is("imaging") {
        ((2, newest), "Examination findings".into())
    } else {
        ((2, newest), "Other measurements".into())
    }
}

fn has_value(resource: &Resource) -> bool {
    resource.body().keys().any(|member| member.starts_with("value")) || !resource.list("component").is_empty()
}

/// What the laboratory says of a value, else what its range says of a single number.
fn flag_of(resource: &Resource, numbers: impl FnOnce() -> Vec<f64>) -> Option<Mark> {
    flag(resource).or_else(|| {
        let range = limits(resource.list("referenceRange").first()?);
        match numbers().as_slice() {
            [one] => by_range(*one, range),
            _ => None,
        }
    })
}

/// Whether an observation has a value of its own, not one in its parts alone.
pub(super) fn has_own_value(resource: &Resource) -> bool {
    one_value(resource.body()).is_some()
}

/// Read one observation.
pub fn reading(item: &ParsedItem) -> Reading {
    let resource = &item.resource;
    let title = concept(resource, "code")
        .map_or_else(|| "Test not named".to_owned(), |code| crate::text::without_tag(&code.text).to_owned());
    let mut comments = notes(resource);
    let (value, unit_text, numbers) = value(resource, &mut comments);
    let range = resource.list("referenceRange").first();
    let limits = range.map_or((None, None), limits);
    let flag = flag_of(resource, || numbers.clone());
    comments.extend(concept(resource, "method").map(|method| format!("Method: {}", method.text)));
    Reading {
        title,
        value,
        axis: axis_unit(concept(resource, "code").as_ref(), &unit_text),
        unit: unit_text,
        numbers,
        flag,
        range: range.and_then(range_text),
        limits,
        marks: status_mark(item.status()).into_iter().collect(),
        comments,
        when: crate::text::when(
            resource,
            &["/effectiveDateTime", "/effectivePeriod/start", "/effectiveInstant", "/issued"],
        ),
        by: resource.list("performer").iter().find_map(reference),
        origin: item.origin(),
    }
}

fn value(resource: &Resource, comments: &mut Vec<String>) -> (String, String, Vec<f64>) {
    if let Some((shown, unit, numbers)) = one_value(resource.body()) {
        comments.extend(resource.list("component").iter().filter_map(component));
        return (shown, unit, numbers);
    }
    let parts = resource.list("component");
    // Of a set of observations the pressure is one part: it must not stand for the whole, nor the others be left out.
    if let Some(pressure) = blood_pressure(parts).filter(|_| parts.len() == 2 || is_pressure(resource)) {
        comments.extend(parts.iter().filter(|part| !is_part_of_pressure(part)).filter_map(component));
        return pressure;
    }
    let shown: Vec<String> = parts.iter().filter_map(component).collect();
    if !shown.is_empty() {
        return (shown.join("; "), String::new(), Vec::new());
    }
    let absent =
        concept(resource, "dataAbsentReason").map(|reason| format!("No value: {}", reason.text.to_lowercase()));
    (absent.unwrap_or_else(|| "No value given".into()), String::new(), Vec::new())
}

/// Whether an observation is a blood pressure by its code: LOINC 85354-9 and 55284-4, SNOMED CT 75367002; or by its name.
fn is_pressure(resource: &Resource) -> bool {
    concept(resource, "code").is_some_and(|code| {
        ["85354-9", "55284-4", "75367002"].iter().any(|known| code.has(known))
            || code.folded().contains("blood pressure")
    })
}

fn is_part_of_pressure(part: &Value) -> bool {
    let code = part.get("code").and_then(Concept::of);
    code.is_some_and(|code| ["8480-6", "271649006", "8462-4", "271650006"].iter().any(|known| code.has(known)))
}

/// 85354-9: systolic (LOINC 8480-6, SNOMED CT 271649006) over diastolic (8462-4, 271650006).
fn blood_pressure(parts: &[Value]) -> Option<(String, String, Vec<f64>)> {
    let of = |wanted: [&str; 2]| {
        let part = parts.iter().find(|part| {
            part.get("code").and_then(Concept::of).is_some_and(|code| wanted.iter().any(|w| code.has(w)))
        })?;
        part.get("valueQuantity")
    };
    let (systolic, diastolic) = (of(["8480-6", "271649006"])?, of(["8462-4", "271650006"])?);
    let shown = format!("{}/{}", number(systolic.get("value")?)?, number(diastolic.get("value")?)?);
    let numbers = [systolic, diastolic].iter().filter_map(|q| q.get("value").and_then(Value::as_f64)).collect();
    Some((shown, unit(systolic).unwrap_or("mmHg").to_owned(), numbers))
}

fn component(part: &Value) -> Option<String> {
    let name = part.get("code").and_then(Concept::of)?.text;
    let (shown, unit, _) = one_value(part.as_object()?)?;
    Some(format!("{name}: {shown}{}{unit}", if unit.is_empty() { "" } else { " " }))
}

/// The value[x] of an Observation or component.
fn one_value(body: &fhir::Map<String, Value>) -> Option<(String, String, Vec<f64>)> {
    let plain = |shown: String| Some((shown, String::new(), Vec::new()));
    let (name, value) = body.iter().find(|(name, _)| name.starts_with("value") && name.len() > 5)?;
    match name.as_str() {
        "valueQuantity" => {
            let unit_text = unit(value).unwrap_or_default().to_owned();
            let number = value.get("value").and_then(Value::as_f64);
            let whole = quantity(value)?;
            let shown = whole.strip_suffix(&unit_text).unwrap_or(&whole).trim_end().to_owned();
            Some((shown, unit_text, number.into_iter().collect()))
        }
        "valueCodeableConcept" => plain(crate::text::without_tag(&Concept::of(value)?.text).to_owned()),
        "valueString" | "valueTime" => plain(value.as_str()?.to_owned()),
        "valueDateTime" => plain(When::parse(value.as_str()?).map_or_else(|| value.to_string(), |when| when.text)),
        "valueBoolean" => plain(if value.as_bool()? { "Yes".into() } else { "No".into() }),
        "valueInteger" => Some((number(value)?, String::new(), value.as_f64().into_iter().collect())),
        "valueRange" => {
            let low = value.get("low").and_then(quantity);
            let high = value.get("high").and_then(quantity);
            plain([low, high].into_iter().flatten().collect::<Vec<_>>().join(" to "))
        }
        "valueRatio" => {
            let over = value.get("denominator").and_then(quantity)?;
            plain(format!("{} : {over}", value.get("numerator").and_then(quantity)?))
        }
        "valuePeriod" => plain(crate::text::period(value)?),
        "valueSampledData" => plain("A series of samples (see the source message)".into()),
        _ => None,
    }
}

/// Interpretation (R4 ValueSet observation-interpretation; HL7 table 0078), strongest first.
fn flag(resource: &Resource) -> Option<Mark> {
    let codes: Vec<Concept> = concepts(resource, "interpretation");
    let has = |code: &str| codes.iter().any(|concept| concept.has(code));
    let known = [
        ("HH", "Very high", Tone::Danger),
        ("LL", "Very low", Tone::Danger),
        ("AA", "Critical", Tone::Danger),
        ("H", "High", Tone::Caution),
        ("HU", "High", Tone::Caution),
        ("L", "Low", Tone::Caution),
        ("LU", "Low", Tone::Caution),
        (">", "Above scale", Tone::Caution),
        ("<", "Below scale", Tone::Caution),
        ("A", "Abnormal", Tone::Caution),
        ("POS", "Positive", Tone::Caution),
        ("DET", "Detected", Tone::Caution),
        ("R", "Resistant", Tone::Caution),
        ("I", "Intermediate", Tone::Plain),
        ("S", "Susceptible", Tone::Plain),
        ("NEG", "Negative", Tone::Plain),
        ("ND", "Not detected", Tone::Plain),
        ("N", "Normal", Tone::Good),
    ];
    let found = known.iter().find(|(code, _, _)| has(code)).map(|(_, word, tone)| Mark::new(*word, *tone));
    found.or_else(|| codes.first().map(|concept| Mark::new(words(&concept.text), Tone::Caution)))
}

fn by_range(value: f64, (low, high): (Option<f64>, Option<f64>)) -> Option<Mark> {
    if high.is_some_and(|high| value > high) {
        Some(Mark::new("Above range", Tone::Caution))
    } else if low.is_some_and(|low| value < low) {
        Some(Mark::new("Below range", Tone::Caution))
    } else {
        None
    }
}

fn limits(range: &Value) -> (Option<f64>, Option<f64>) {
    let of = |member: &str| range.get(member).and_then(|limit| limit.get("value")).and_then(Value::as_f64);
    (of("low"), of("high"))
}

fn range_text(range: &Value) -> Option<String> {
    let of = |member: &str| range.get(member).and_then(|limit| limit.get("value")).and_then(number);
    text(range, "text").map(str::to_owned).or_else(|| match (of("low"), of("high")) {
        (Some(low), Some(high)) => Some(format!("{low} to {high}")),
        (Some(low), None) => Some(format!("{low} or more")),
        (None, Some(high)) => Some(format!("{high} or less")),
        (None, None) => None,
    })
}

fn status_mark(status: &str) -> Option<Mark> {
    Some(match status {
        "registered" | "partial" | "preliminary" => Mark::new(words(status), Tone::Caution),
        "amended" | "corrected" | "appended" => Mark::new(words(status), Tone::Caution),
        "cancelled" => Mark::new("Cancelled", Tone::Danger),
        "entered-in-error" => Mark::new("Withdrawn: entered in error", Tone::Danger),
        _ => return None,
    })
}
