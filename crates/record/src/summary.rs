//! The first screen: what must be seen in two seconds, then what comes next. Each part is the head of its section, made
//! by the same functions, so that the summary can never say other than the page behind it.

use crate::{
    explain::{Explanation, Withheld, explain},
    first::{Across, across},
    freshness::SourceState,
    item::{Origin, ParsedItem, of},
    sections::{
        Line, SectionKind,
        contacts::{Contact, people},
        documents::{Letter, letters},
        events::{self, alerts},
        medicines::{self, medicines},
        plans::{Plans, plans},
        problems::{self, problems},
        results::{self, Reading, courses},
        standard, visits,
    },
    timeline,
    when::When,
};
use fhir::ResourceType;
use jiff::{SignedDuration, Timestamp};

/// The first screen.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Alerts that apply now.
    pub alerts: Vec<Line>,
    /// What must be done otherwise for this person: reasonable adjustments and other individual requirements.
    pub adjustments: Vec<Line>,
    /// Stays that have not ended.
    pub here_now: Vec<Line>,
    /// Plans in force.
    pub plans: Plans,
    /// Current problems.
    pub problems: Part<Line>,
    /// Current medicines.
    pub medicines: Part<Line>,
    /// How many medicines are open but not confirmed for over a year.
    pub unconfirmed_medicines: usize,
    /// Abnormal results of the last three months, newest first.
    pub abnormal: Part<Reading>,
    /// When the newest result of any kind is from.
    pub newest_result: Option<When>,
    /// Coming appointments, soonest first.
    pub coming: Vec<Line>,
    /// The newest letters.
    pub letters: Part<Letter>,
    /// Next of kin and emergency contacts.
    pub kin: Vec<Contact>,
    /// Professionals, teams and the practice.
    pub involved: Part<Contact>,
    /// Why there is no plan.
    pub plans_missing: Explanation,
    /// Contacts are withheld because the person is restricted.
    pub restricted: bool,
    /// What happened last, across the record.
    pub recent: Vec<Happening>,
    /// Contradictions between sources, from all sections.
    pub conflicts: Vec<String>,
    /// What the headings that cut across sections give.
    pub across: Across,
}

/// The head of a section.
#[derive(Clone, Debug, PartialEq)]
pub struct Part<T> {
    /// The first few.
    pub shown: Vec<T>,
    /// How many there are in all.
    pub total: usize,
    /// Why there is nothing, or nothing from some.
    pub missing: Explanation,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Happening {
    /// When.
    pub when: When,
    /// What.
    pub text: String,
    /// Under which section to look.
    pub section: SectionKind,
    /// Where it came from.
    pub origin: Origin,
}

impl Happening {
    /// Of one of the timeline; None: it has no date.
    fn of(one: timeline::Happening) -> Option<Self> {
        Some(Happening { when: one.when?, text: one.text, section: one.section, origin: one.origin })
    }
}

const PROBLEMS_MAX: usize = 12;
const MEDICINES_MAX: usize = 14;
const ABNORMAL_MAX: usize = 6;
const COMING_MAX: usize = 3;
const LETTERS_MAX: usize = 4;
const RECENT_MAX: usize = 9;
const INVOLVED_MAX: usize = 6;
const RECENT_RESULTS: SignedDuration = SignedDuration::from_hours(24 * 92);

/// Make the first screen.
pub fn summary(items: &[ParsedItem], states: &[SourceState], withheld: &[Withheld], now: Timestamp) -> Summary {
    let missing = |section: SectionKind| explain(section, states, &contributing(section, items), withheld, now);
    let problems = problems(items);
    let medicines = medicines(items, now);
    let alerts = alerts(items, now);
    let people = people(items);
    let letters: Vec<Letter> = letters(items).into_iter().filter(|letter| !letter.superseded).collect();
    let courses = courses(items);
    let all: Vec<&Reading> =
        courses.iter().flat_map(|group| group.courses.iter().map(|course| &course.latest)).collect();
    let mut abnormal: Vec<Reading> = all
        .iter()
        .filter(|reading| reading.flag.as_ref().is_some_and(|flag| flag.tone >= crate::sections::Tone::Caution))
        .filter(|reading| reading.when.as_ref().is_some_and(|when| when.at > now - RECENT_RESULTS))
        .map(|reading| (*reading).clone())
        .collect();
    abnormal.sort_by_key(|reading| std::cmp::Reverse(reading.when.as_ref().map(|when| when.at)));
    let newest_result = all.iter().filter_map(|reading| reading.when.clone()).max_by_key(|when| when.at);
    let here_now = visits::here_now(items, now);
    let mut coming = visits::coming(items, now);
    coming.truncate(COMING_MAX);
    let recent = recent(items, &letters, now);
    let conflicts = [
        crate::sections::allergies::allergies(items).conflicts,
        problems.conflicts.clone(),
        medicines.conflicts.clone(),
    ]
    .concat();
    let required = |line: &Line| {
        let mut flags = of(items, ResourceType::Flag).filter(|item| standard::is_requirement(item));
        flags.any(|flag| line.statements().any(|statement| statement.origin.id == flag.id))
    };
    let (adjustments, alerts) = alerts.group(events::ALERTS_NOW).iter().cloned().partition(required);
    let across = across(items, &courses, states, withheld, now);
    Summary {
        alerts,
        adjustments,
        across,
        here_now,
        plans: plans(items, now),
        problems: part(problems.group(problems::CURRENT).to_vec(), PROBLEMS_MAX, missing(SectionKind::Problems)),
        medicines: part(medicines.group(medicines::CURRENT).to_vec(), MEDICINES_MAX, missing(SectionKind::Medicines)),
        unconfirmed_medicines: medicines.group(medicines::UNCONFIRMED).len(),
        abnormal: part(abnormal, ABNORMAL_MAX, missing(SectionKind::Results)),
        newest_result,
        coming,
        letters: part(letters, LETTERS_MAX, missing(SectionKind::Letters)),
        involved: part(people.professional, INVOLVED_MAX, missing(SectionKind::Contacts)),
        plans_missing: missing(SectionKind::Plans),
        kin: people.personal.into_iter().filter(|contact| !contact.marks.is_empty()).collect(),
        restricted: people.restricted,
        recent,
        conflicts,
    }
}

fn part<T>(mut all: Vec<T>, most: usize, missing: Explanation) -> Part<T> {
    let total = all.len();
    all.truncate(most);
    Part { shown: all, total, missing }
}

/// The ids of the sources that have entries in a section.
pub fn contributing(section: SectionKind, items: &[ParsedItem]) -> Vec<&str> {
    let kinds = section.main_kinds();
    let mut sources: Vec<&str> = Vec::new();
    for item in
        items.iter().filter(|item| kinds.contains(&item.kind()) || (kinds.is_empty() && events::is_other(item.kind())))
    {
        let id = item.source.id.as_str();
        if !sources.contains(&id) {
            sources.push(id);
        }
    }
    sources
}

fn recent(items: &[ParsedItem], letters: &[Letter], now: Timestamp) -> Vec<Happening> {
    let visits = visits::visits(items, now);
    let over = visits.groups.iter().filter(|group| group.title == visits::NOW || group.title == visits::PAST);
    let visits = over.flat_map(|group| group.lines.iter().take(RECENT_MAX)).map(timeline::visit);
    let letters = letters.iter().take(RECENT_MAX).map(timeline::letter);
    let held = |item: &ParsedItem| !results::is_void_report(item);
    let reports = results::newest_reports(items, held, RECENT_MAX * 4).into_iter().map(|report| {
        let text = format!("Results: {}", report.title);
        timeline::Happening { text, ..timeline::report(&report) }
    });
    let mut recent: Vec<Happening> = visits.chain(letters).chain(reports).filter_map(Happening::of).collect();
    recent.retain(|happening| happening.when.at <= now);
    recent.sort_by_key(|happening| std::cmp::Reverse(happening.when.at));
    // Results of one day from one source are one thing that happened.
    let mut days: Vec<Happening> = Vec::new();
    for happening in recent {
        let same = days.last_mut().filter(|last| {
            let day = last.when.date == happening.when.date && last.section == happening.section;
            day && happening.section == SectionKind::Results && last.origin.source == happening.origin.source
        });
        match same {
            Some(last) => last.text = format!("{}, {}", last.text, happening.text.trim_start_matches("Results: ")),
            None => days.push(happening),
        }
    }
    let mut recent = days;
    recent.truncate(RECENT_MAX);
    recent
}
