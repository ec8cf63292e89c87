//! Why something is not there. A panel is never blank: it says, per source, whether nothing is recorded, the source does
//! not share it, it is withheld, the source is not answering, or is not connected (invariant 4).

use crate::{
    freshness::{Connection, SourceState},
    item::SourceInfo,
    sections::SectionKind,
    when,
};
use fhir::ResourceType;
use jiff::Timestamp;
use std::sync::Arc;

/// Why a source adds nothing to a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It shares such entries, was heard, and has none for this person.
    NoneRecorded,
    /// It holds no patient linked to this person.
    NotKnownThere,
    /// It does not share entries of this kind.
    NotShared,
    /// It has some, or may have, which this reader may not see.
    Withheld {
        /// Why, where that may be said.
        why: Option<String>,
    },
    /// It is not answering.
    NotAnswering {
        /// Since when.
        since: Timestamp,
        /// In a word or two.
        why: String,
    },
    /// Its history is still coming in.
    Loading,
    /// It has no feed.
    NotConnected,
}

impl Reason {
    /// In a few words.
    pub fn words(&self, now: Timestamp) -> String {
        match self {
            Reason::NoneRecorded => "none recorded".into(),
            Reason::NotKnownThere => "has no patient linked to this person".into(),
            Reason::NotShared => "does not share these".into(),
            Reason::Withheld { why: Some(why) } => format!("withheld: {why}"),
            Reason::Withheld { why: None } => "withheld".into(),
            Reason::NotAnswering { since, why } => {
                format!("not answering since {} ({why})", when::time_or_date(*since, now))
            }
            Reason::Loading => "history still being loaded".into(),
            Reason::NotConnected => "not connected".into(),
        }
    }
}

/// Something `access` withholds from the open record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withheld {
    /// From which source; None: from all.
    pub source: Option<String>,
    /// Of which types; empty: of all.
    pub kinds: Vec<ResourceType>,
    /// Why, where that may be said.
    pub why: Option<String>,
}

/// Why a section has nothing, or nothing from some sources.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explanation {
    /// One sentence.
    pub headline: String,
    /// Source by source.
    pub per_source: Vec<(Arc<SourceInfo>, Reason)>,
}

impl Explanation {
    /// The sources of one reason, for a list in words.
    pub fn sources_where(&self, wanted: impl Fn(&Reason) -> bool) -> Vec<&str> {
        self.per_source.iter().filter(|(_, reason)| wanted(reason)).map(|(source, _)| source.name.as_str()).collect()
    }

    /// Whether something may exist that is not shown, so that emptiness proves nothing.
    pub fn incomplete(&self) -> bool {
        self.per_source.iter().any(|(_, reason)| {
            matches!(reason, Reason::Withheld { .. } | Reason::NotAnswering { .. } | Reason::Loading)
        })
    }
}

/// Why the sources that contribute nothing to `section` do so. `contributing`: ids of sources that have entries in it.
pub fn explain(
    section: SectionKind,
    states: &[SourceState],
    contributing: &[&str],
    withheld: &[Withheld],
) -> Explanation {
    explain_kinds(section.main_kinds(), what(section), states, contributing, withheld)
}

/// The same of any types; `what` they are called in a sentence.
pub fn explain_kinds(
    kinds: &[ResourceType],
    what: &str,
    states: &[SourceState],
    contributing: &[&str],
    withheld: &[Withheld],
) -> Explanation {
    let mut per_source = Vec::new();
    for state in states.iter().filter(|state| !contributing.contains(&state.source.id.as_str())) {
        per_source.push((Arc::clone(&state.source), reason(state, kinds, withheld)));
    }
    per_source.sort_by(|(a, first), (b, second)| rank(first).cmp(&rank(second)).then_with(|| a.name.cmp(&b.name)));
    let headline = headline(what, &per_source, contributing.is_empty());
    Explanation { headline, per_source }
}

fn reason(state: &SourceState, kinds: &[ResourceType], withheld: &[Withheld]) -> Reason {
    let held = withheld.iter().find(|held| {
        held.source.as_ref().is_none_or(|source| *source == state.source.id)
            && (held.kinds.is_empty() || kinds.is_empty() || held.kinds.iter().any(|kind| kinds.contains(kind)))
    });
    if state.connection == Connection::NotConnected {
        Reason::NotConnected
    } else if !state.shares_any(kinds) {
        Reason::NotShared
    } else if let Some(held) = held {
        Reason::Withheld { why: held.why.clone() }
    } else {
        match &state.connection {
            Connection::NotAnswering { since, reason } => Reason::NotAnswering { since: *since, why: reason.clone() },
            Connection::Loading => Reason::Loading,
            _ if !state.knows_person => Reason::NotKnownThere,
            _ => Reason::NoneRecorded,
        }
    }
}

fn rank(reason: &Reason) -> u8 {
    match reason {
        Reason::NotAnswering { .. } => 0,
        Reason::Withheld { .. } => 1,
        Reason::Loading => 2,
        Reason::NoneRecorded => 3,
        Reason::NotShared => 4,
        Reason::NotKnownThere => 5,
        Reason::NotConnected => 6,
    }
}

fn headline(what: &str, per_source: &[(Arc<SourceInfo>, Reason)], empty: bool) -> String {
    if !empty {
        return format!("Sources that add no {what} here");
    }
    let names = |wanted: fn(&Reason) -> bool| -> Vec<&str> {
        per_source.iter().filter(|(_, reason)| wanted(reason)).map(|(source, _)| source.name.as_str()).collect()
    };
    let down = names(|reason| matches!(reason, Reason::NotAnswering { .. }));
    let held = names(|reason| matches!(reason, Reason::Withheld { .. }));
    let loading = names(|reason| matches!(reason, Reason::Loading));
    let none = names(|reason| matches!(reason, Reason::NoneRecorded));
    if !down.is_empty() {
        format!("No {what} can be shown, and {} cannot be reached: there may be some.", and(&down))
    } else if !held.is_empty() {
        format!("No {what} can be shown: what {} holds is withheld.", and(&held))
    } else if !loading.is_empty() {
        format!("No {what} yet: the history of {} is still being loaded.", and(&loading))
    } else if !none.is_empty() {
        format!("No {what} recorded by {}.", and(&none))
    } else {
        format!("No {what} can be shown: no source that shares them holds a record of this person.")
    }
}

/// What the section's entries are called in a sentence.
fn what(section: SectionKind) -> &'static str {
    match section {
        SectionKind::Summary => "entries",
        SectionKind::Problems => "problems",
        SectionKind::Medicines => "medicines",
        SectionKind::Allergies => "allergies, and no statement that there are none,",
        SectionKind::Results => "results",
        SectionKind::Letters => "letters",
        SectionKind::Visits => "visits or appointments",
        SectionKind::Plans => "care plans",
        SectionKind::Contacts => "contacts",
        SectionKind::Vaccinations => "vaccinations",
        SectionKind::Procedures => "procedures or devices",
        SectionKind::Alerts => "alerts",
        SectionKind::Referrals => "referrals",
        SectionKind::Other => "other entries",
    }
}

/// `A`, `A and B`, `A, B and C`; long lists end in a count.
pub fn and(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first, second] => format!("{first} and {second}"),
        [first, second, third] => format!("{first}, {second} and {third}"),
        [first, second, rest @ ..] => format!("{first}, {second} and {} others", rest.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{freshness::tests::state, item::SourceKind};

    #[test]
    fn each_way_of_being_empty_reads_differently() {
        let practice = state("p", "Mill Lane Surgery", SourceKind::Gp);
        let recorded = explain(SectionKind::Problems, std::slice::from_ref(&practice), &[], &[]);
        assert_eq!(recorded.headline, "No problems recorded by Mill Lane Surgery.");

        let mut council = state("c", "Riverside Council", SourceKind::Council);
        council.shares = Some(vec![ResourceType::CarePlan]);
        let not_shared = explain(SectionKind::Problems, std::slice::from_ref(&council), &[], &[]);
        assert_eq!(not_shared.per_source[0].1, Reason::NotShared);

        let mut down = practice.clone();
        down.connection = Connection::NotAnswering {
            since: "2026-07-14T09:42:00Z".parse().expect("a time"),
            reason: "timeout".into(),
        };
        let failing = explain(SectionKind::Problems, &[down], &[], &[]);
        assert_eq!(
            failing.headline,
            "No problems can be shown, and Mill Lane Surgery cannot be reached: there may be some."
        );
        assert!(failing.incomplete());

        let mut stranger = practice.clone();
        stranger.knows_person = false;
        let elsewhere = explain(SectionKind::Problems, &[stranger], &[], &[]);
        assert_eq!(elsewhere.per_source[0].1, Reason::NotKnownThere);

        let held =
            Withheld { source: None, kinds: vec![ResourceType::Condition], why: Some("the person objected".into()) };
        let withheld = explain(SectionKind::Problems, &[practice], &[], &[held]);
        assert_eq!(withheld.per_source[0].1, Reason::Withheld { why: Some("the person objected".into()) });
        assert!(withheld.headline.contains("withheld"));
    }
}
