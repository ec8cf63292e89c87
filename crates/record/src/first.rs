//! What the standard's headings that cut across sections give to the first screen: the newest checks and scores, home and
//! services, what is settled by law and what is a risk. Made of the same entries and by the same functions as the headings'
//! own pages.

use crate::{
    explain::{Withheld, explain_kinds},
    freshness::SourceState,
    item::ParsedItem,
    sections::{
        Line, Statement, each,
        results::{Course, CourseGroup},
        standard::{Heading, Place, is_over, statement},
        withdrawn,
    },
    summary::Part,
};
use fhir::{ResourceId, ResourceType};
use jiff::{SignedDuration, Timestamp};
use std::collections::HashMap;

/// Lines of each: what comes first on a screen must not push the rest off it.
const LINES_MAX: usize = 6;

/// How long what was said of a pregnancy stands on the first screen: about as long as one lasts. Older words read there as though
/// they held (hazard: old finding acted on); they are under their heading.
const PREGNANCY_STANDS: SignedDuration = SignedDuration::from_hours(24 * 300);

/// Of what is measured again and again, the newest; of what holds until it is ended, what holds now.
#[derive(Clone, Debug, PartialEq)]
pub struct Across {
    /// Whether the person is or was lately pregnant, scores (NEWS2, frailty), then measurements, each by its newest.
    pub checks: Part<Line>,
    /// How the person lives, and the services they have.
    pub social: Part<Line>,
    /// Legal information, safeguarding and risks.
    pub legal: Part<Line>,
}

const CHECKS: [&str; 3] = ["pregnancy", "assessments", "findings"];
const SOCIAL: [&str; 2] = ["social", "services"];
const LEGAL: [&str; 3] = ["legal", "safeguarding", "risks"];

/// The types these parts are made of.
pub fn kinds() -> Vec<ResourceType> {
    let all = [&CHECKS[..], &SOCIAL, &LEGAL].concat();
    let mut kinds: Vec<ResourceType> = headings(&all).flat_map(|heading| heading.kinds()).copied().collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

/// Make them. `courses`: every test in the record.
pub fn across(
    items: &[ParsedItem],
    courses: &[CourseGroup],
    states: &[SourceState],
    withheld: &[Withheld],
    now: Timestamp,
) -> Across {
    // Of the measurements the newest each, and all of everything else: a long record has thousands of the former.
    let tests: HashMap<ResourceId, &Course> =
        courses.iter().flat_map(|group| &group.courses).map(|course| (course.latest.origin.id, course)).collect();
    let kinds = kinds();
    let newest: Vec<&ParsedItem> = items
        .iter()
        .filter(|item| match item.kind() {
            ResourceType::Observation => tests.contains_key(&item.id),
            kind => kinds.contains(&kind),
        })
        .collect();
    let part = |slugs: &[&str], what: &str| {
        let mut found: Vec<Line> = Vec::new();
        for heading in headings(slugs) {
            let of_heading = newest.iter().filter(|item| heading.holds(item));
            let here: Vec<Statement> = of_heading
                // Teams stand under who is involved.
                .filter(|item| item.kind() != ResourceType::CareTeam && !withdrawn(item) && !is_over(item, now))
                .filter(|item| item.status() != "cancelled" && !found.iter().any(|one| one.first.origin.id == item.id))
                .map(|item| statement(item, items, now))
                .filter(|said| {
                    heading.slug != "pregnancy"
                        || said.when.as_ref().is_some_and(|when| when.at > now - PREGNANCY_STANDS)
                })
                .collect();
            found.extend(each(here));
        }
        let kinds: Vec<ResourceType> = headings(slugs).flat_map(|heading| heading.kinds()).copied().collect();
        let mut sources: Vec<&str> = Vec::new();
        for item in newest.iter().filter(|item| headings(slugs).any(|heading| heading.holds(item))) {
            // Whoever measured the same before has something here as well.
            let others = tests.get(&item.id).map_or(&[][..], |course| course.sources.as_slice());
            let of_name = |name: &String| states.iter().find(|state| state.source.name == *name);
            let others = others.iter().filter_map(of_name).map(|state| state.source.id.as_str());
            for source in std::iter::once(item.source.id.as_str()).chain(others) {
                if !sources.contains(&source) {
                    sources.push(source);
                }
            }
        }
        let total = found.len();
        found.truncate(LINES_MAX);
        Part { shown: found, total, missing: explain_kinds(&kinds, what, states, &sources, withheld, now) }
    };
    Across {
        checks: part(&CHECKS, "measurements or scores"),
        social: part(&SOCIAL, "social context or services"),
        legal: part(&LEGAL, "legal information, safeguarding or risks"),
    }
}

/// These headings, in this order; all of them cut across sections.
fn headings(slugs: &[&str]) -> impl Iterator<Item = &'static Heading> {
    slugs.iter().filter_map(|slug| Heading::from_slug(slug)).filter(|one| matches!(one.place, Place::Across(..)))
}
