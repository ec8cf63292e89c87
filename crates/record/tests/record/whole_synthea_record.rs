use crate::util::*;
use fhir::ResourceType;
use record::{
    sections::{SectionKind, allergies, contacts, documents, events, medicines, plans, problems, results, visits},
    summary::summary,
};
use std::collections::HashSet;

/// A person with 1,900 resources.
const LONG: &str = "057aa36e-b892-9964-75b9-ffb46b097e34.json.gz";

#[test]
fn every_resource_of_a_long_history_is_shown_by_some_section() {
    let items = synthea(LONG);
    let now = at("2021-08-01T00:00:00Z");
    let mut shown: HashSet<fhir::ResourceId> = HashSet::new();
    for section in [
        problems::problems(&items),
        medicines::medicines(&items, now),
        allergies::allergies(&items),
        visits::visits(&items, now),
        events::vaccinations(&items),
        events::procedures(&items),
        events::alerts(&items, now),
        events::referrals(&items),
        events::other(&items),
    ] {
        let lines = section.groups.into_iter().flat_map(|group| group.lines).chain(section.withdrawn);
        shown.extend(lines.flat_map(|line| line.statements().map(|statement| statement.origin.id).collect::<Vec<_>>()));
    }
    let results = results::results(&items);
    for course in results.groups.iter().flat_map(|group| &group.courses) {
        let all = results::course(&items, course.latest.origin.id);
        assert_eq!(all.len(), course.count);
        shown.extend(all.into_iter().map(|reading| reading.origin.id));
    }
    shown.extend(results.reports.iter().map(|report| report.origin.id));
    let letters = documents::letters(&items);
    shown.extend(letters.iter().map(|letter| letter.origin.id));
    let plans = plans::plans(&items, now);
    shown.extend(plans.current.iter().chain(&plans.others).map(|plan| plan.origin.id));
    let people = contacts::people(&items);
    shown.extend(people.professional.iter().chain(&people.personal).map(|contact| contact.origin.id));
    let left: Vec<_> = items
        .iter()
        .filter(|item| !shown.contains(&item.id))
        .filter(|item| {
            !matches!(item.kind(), ResourceType::Patient | ResourceType::Medication | ResourceType::Provenance)
        })
        // A note that is both a report and a document reference is listed once, as the document.
        .filter(|item| !(item.kind() == ResourceType::DiagnosticReport && results::is_letter(&item.resource)))
        .map(|item| item.kind())
        .collect();
    assert_eq!(left, Vec::<ResourceType>::new());
}

#[test]
fn the_summary_of_a_long_history_is_short() {
    let items = synthea(LONG);
    let summary = summary(&items, &[], &[], at("2021-08-01T00:00:00Z"));
    assert!(summary.problems.shown.len() <= 12 && summary.problems.total >= summary.problems.shown.len());
    assert!(summary.recent.len() <= 9 && !summary.recent.is_empty());
    assert!(!summary.letters.shown.is_empty());
}

#[test]
fn every_slug_leads_back_to_its_section() {
    for section in SectionKind::ALL {
        assert_eq!(SectionKind::from_slug(section.slug()), Some(section));
    }
}
