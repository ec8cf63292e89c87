//! Why something is not there. A panel is never blank: it says, per source, whether nothing is recorded, the source does
//! not share it, it is withheld, the source is silent since when, or is not connected (invariant 4).

use crate::{
    freshness::{Connection, Silence, SourceState},
    item::SourceInfo,
    sections::SectionKind,
    voice::Voice,
};
use fhir::ResourceType;
use jiff::Timestamp;
use std::sync::Arc;

/// Why a source adds nothing to a section, or may have more than it adds.
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
    /// Its history is still coming in.
    Loading,
    /// It has been silent, on these entries at least, for longer than is normal for it.
    Silent {
        /// Since when, on what.
        silence: Silence,
        /// Whether it adds something, which may not be all.
        adds: bool,
    },
    /// It has no feed.
    NotConnected {
        /// Whether it had: it holds a patient linked to this person, and what it recorded since is not here.
        left: bool,
    },
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
            Reason::Loading => "history still being loaded".into(),
            Reason::Silent { silence, adds } => {
                let none = if *adds { "" } else { "none recorded, but " };
                format!("{none}{}; normally it is not silent for so long", silence.words("silent", now))
            }
            Reason::NotConnected { left: false } => "not connected".into(),
            Reason::NotConnected { left: true } => "none recorded, but no longer connected".into(),
        }
    }

    /// The same, as this voice says it.
    pub fn told(&self, voice: Voice, now: Timestamp) -> String {
        if !voice.is_person() {
            return self.words(now);
        }
        match self {
            Reason::NoneRecorded => "none on your record".into(),
            Reason::NotKnownThere => "has no record of you here".into(),
            Reason::NotShared => "does not share these here".into(),
            Reason::Withheld { why: Some(why) } => format!("some may not be shown to you: {}", voice.says(why)),
            Reason::Withheld { why: None } => "some may not be shown to you. You can ask them about it".into(),
            Reason::Loading => "older entries are still coming in".into(),
            Reason::Silent { silence, adds } => {
                let none = if *adds { "" } else { "none on your record, but " };
                format!("{none}{}, which is longer than usual", silence.words("not heard from", now))
            }
            Reason::NotConnected { left: false } => "not part of this record".into(),
            Reason::NotConnected { left: true } => "none on your record, but no longer part of it".into(),
        }
    }
}

/// `Riverside General (no results since 10:42)`, for whoever works with the record and for the person.
fn silent_one(name: &str, silence: &Silence, now: Timestamp) -> (String, String) {
    let with = |nothing: &str| format!("{name} ({})", silence.words(nothing, now));
    (with("silent"), with("nothing new"))
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
    /// What is not there, as it is called in a sentence.
    what: String,
    /// Whether nothing at all is there.
    empty: bool,
    /// Sources that are silent, on such entries at least, and since when: for whoever works with the record, and for the person.
    silent: Vec<(String, String)>,
}

impl Explanation {
    /// The sources of one reason, for a list in words.
    pub fn sources_where(&self, wanted: impl Fn(&Reason) -> bool) -> Vec<&str> {
        self.per_source.iter().filter(|(_, reason)| wanted(reason)).map(|(source, _)| source.name.as_str()).collect()
    }

    /// Whether nothing at all is there; otherwise only some sources add nothing.
    pub fn is_of_nothing(&self) -> bool {
        self.empty
    }

    /// Sources that are silent, on such entries at least, for longer than is normal, as this voice names them: `Riverside General
    /// (no results since 10:42)`.
    pub fn silent(&self, voice: Voice) -> Vec<&str> {
        self.silent.iter().map(|(staff, person)| if voice.is_person() { person } else { staff }.as_str()).collect()
    }

    /// The one sentence, as this voice says it.
    pub fn told(&self, voice: Voice) -> String {
        if !voice.is_person() {
            return self.headline.clone();
        }
        let what = voice.says(&self.what);
        let silent = self.silent(voice);
        if !self.empty {
            return if silent.is_empty() {
                format!("These services add no {what} here")
            } else {
                format!("There may be more from {}", and(&silent))
            };
        }
        let Reasons { held, loading, none } = self.by_reason();
        let sentence = if !held.is_empty() {
            let asked = if held.len() == 1 { "that service" } else { "these services" };
            format!("{} may have {what} that are not shown to you. You can ask {asked} about it.", and(&held))
        } else if !loading.is_empty() {
            format!("No {what} yet. Older entries from {} are still coming in.", and(&loading))
        } else if !silent.is_empty() {
            format!("No {what} on your record. There may be some from {}.", and(&silent))
        } else if !none.is_empty() {
            let has = if none.len() == 1 { "has" } else { "have" };
            format!("{} {has} no {what} on your record.", and(&none))
        } else {
            format!("No {what} can be shown. No service that shares them has a record of you here.")
        };
        if self.what == what_of(SectionKind::Allergies) {
            format!("{sentence} This does not say that you have none.")
        } else {
            sentence
        }
    }

    /// The sources by why they add nothing, or not all.
    pub fn by_reason(&self) -> Reasons<'_> {
        Reasons {
            held: self.sources_where(|reason| matches!(reason, Reason::Withheld { .. })),
            loading: self.sources_where(|reason| matches!(reason, Reason::Loading)),
            none: self.sources_where(|reason| matches!(reason, Reason::NoneRecorded)),
        }
    }

    /// Whether something may exist that is not shown, so that emptiness proves nothing.
    pub fn incomplete(&self) -> bool {
        self.per_source.iter().any(|(_, reason)| {
            use Reason::{Loading, NotConnected, Silent, Withheld};
            matches!(reason, Withheld { .. } | Loading | Silent { .. } | NotConnected { left: true })
        })
    }
}

/// Sources by name, by why they add nothing, or not all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reasons<'a> {
    /// What they have is withheld.
    pub held: Vec<&'a str>,
    /// Their history is still coming in.
    pub loading: Vec<&'a str>,
    /// Heard, and have none.
    pub none: Vec<&'a str>,
}

/// Why the sources that contribute nothing to `section` do so, and which of the others may have more. `contributing`: ids of
/// sources that have entries in it.
pub fn explain(
    section: SectionKind,
    states: &[SourceState],
    contributing: &[&str],
    withheld: &[Withheld],
    now: Timestamp,
) -> Explanation {
    explain_kinds(section.main_kinds(), what_of(section), states, contributing, withheld, now)
}

/// The same of any types; `what` they are called in a sentence.
pub fn explain_kinds(
    kinds: &[ResourceType],
    what: &str,
    states: &[SourceState],
    contributing: &[&str],
    withheld: &[Withheld],
    now: Timestamp,
) -> Explanation {
    let mut per_source = Vec::new();
    for state in states {
        let adds = contributing.contains(&state.source.id.as_str());
        let reason = if adds {
            state.silence_on(kinds, now).map(|silence| Reason::Silent { silence, adds })
        } else {
            Some(reason(state, kinds, withheld, now))
        };
        per_source.extend(reason.map(|reason| (Arc::clone(&state.source), reason)));
    }
    per_source.sort_by(|(a, first), (b, second)| rank(first).cmp(&rank(second)).then_with(|| a.name.cmp(&b.name)));
    let empty = contributing.is_empty();
    let silent = per_source.iter().filter_map(|(source, reason)| match reason {
        Reason::Silent { silence, .. } => Some(silent_one(&source.name, silence, now)),
        Reason::NotConnected { left: true } => {
            let with = |left: &str| format!("{} ({left})", source.name);
            Some((with("no longer connected"), with("no longer part of this record")))
        }
        _ => None,
    });
    let silent = silent.collect();
    let mut explanation = Explanation { headline: String::new(), per_source, what: what.to_owned(), empty, silent };
    explanation.headline = headline(&explanation);
    explanation
}

fn reason(state: &SourceState, kinds: &[ResourceType], withheld: &[Withheld], now: Timestamp) -> Reason {
    let held = withheld.iter().find(|held| {
        held.source.as_ref().is_none_or(|source| *source == state.source.id)
            && (held.kinds.is_empty() || kinds.is_empty() || held.kinds.iter().any(|kind| kinds.contains(kind)))
    });
    if state.connection == Connection::NotConnected && !state.knows_person {
        Reason::NotConnected { left: false }
    } else if !state.shares_any(kinds) {
        Reason::NotShared
    } else if let Some(held) = held {
        Reason::Withheld { why: held.why.clone() }
    } else {
        match &state.connection {
            Connection::NotConnected => Reason::NotConnected { left: true },
            Connection::Loading => Reason::Loading,
            _ if !state.knows_person => Reason::NotKnownThere,
            _ => match state.silence_on(kinds, now) {
                Some(silence) => Reason::Silent { silence, adds: false },
                None => Reason::NoneRecorded,
            },
        }
    }
}

fn rank(reason: &Reason) -> u8 {
    match reason {
        Reason::Withheld { .. } => 0,
        Reason::Loading => 1,
        Reason::Silent { .. } => 2,
        Reason::NotConnected { left: true } => 3,
        Reason::NoneRecorded => 4,
        Reason::NotShared => 5,
        Reason::NotKnownThere => 6,
        Reason::NotConnected { left: false } => 7,
    }
}

fn headline(explanation: &Explanation) -> String {
    let Explanation { what, empty, .. } = explanation;
    let silent = explanation.silent(Voice::Staff);
    if !empty {
        return if silent.is_empty() {
            format!("Sources that add no {what} here")
        } else {
            format!("There may be more at {}", and(&silent))
        };
    }
    let Reasons { held, loading, none } = explanation.by_reason();
    if !held.is_empty() {
        format!("No {what} can be shown: what {} holds is withheld.", and(&held))
    } else if !loading.is_empty() {
        format!("No {what} yet: the history of {} is still being loaded.", and(&loading))
    } else if !silent.is_empty() {
        format!("No {what} recorded. There may be some at {}.", and(&silent))
    } else if !none.is_empty() {
        format!("No {what} recorded by {}.", and(&none))
    } else {
        format!("No {what} can be shown: no source that shares them holds a record of this person.")
    }
}

/// What the section's entries are called in a sentence.
fn what_of(section: SectionKind) -> &'static str {
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
    use crate::{
        freshness::{FeedState, tests::state},
        item::SourceKind,
    };

    /// Eight minutes after the sources of these tests last spoke.
    fn now() -> Timestamp {
        "2026-07-14T10:50:00Z".parse().expect("a time")
    }

    #[test]
    fn each_way_of_being_empty_reads_differently() {
        let practice = state("p", "Mill Lane Surgery", SourceKind::Gp);
        let recorded = explain(SectionKind::Problems, std::slice::from_ref(&practice), &[], &[], now());
        assert_eq!(recorded.headline, "No problems recorded by Mill Lane Surgery.");

        let mut council = state("c", "Riverside Council", SourceKind::Council);
        council.shares = Some(vec![ResourceType::CarePlan]);
        let not_shared = explain(SectionKind::Problems, std::slice::from_ref(&council), &[], &[], now());
        assert_eq!(not_shared.per_source[0].1, Reason::NotShared);

        let mut left = practice.clone();
        left.connection = Connection::NotConnected;
        let gone = explain(SectionKind::Problems, std::slice::from_ref(&left), &[], &[], now());
        let headline = "No problems recorded. There may be some at Mill Lane Surgery (no longer connected).";
        assert_eq!(gone.headline, headline);
        assert!(gone.incomplete());
        assert_eq!(gone.per_source[0].1.words(now()), "none recorded, but no longer connected");
        // What is withheld of it is withheld, not none.
        let held = Withheld { source: Some("p".into()), kinds: vec![ResourceType::Condition], why: None };
        let sealed = explain(SectionKind::Problems, std::slice::from_ref(&left), &[], &[held], now());
        assert_eq!(sealed.per_source[0].1, Reason::Withheld { why: None });
        // Who was never connected, or does not share such entries, is not missed.
        let unshared = SourceState { shares: Some(vec![ResourceType::CarePlan]), ..left.clone() };
        let unshared = explain(SectionKind::Problems, &[unshared], &[], &[], now());
        assert_eq!(unshared.per_source[0].1, Reason::NotShared);
        assert!(!unshared.incomplete());
        left.knows_person = false;
        let never = explain(SectionKind::Problems, &[practice.clone(), left.clone()], &[], &[], now());
        assert_eq!(never.headline, "No problems recorded by Mill Lane Surgery.");
        assert_eq!(never.per_source[1].1, Reason::NotConnected { left: false });
        assert!(!never.incomplete());

        let mut stranger = practice.clone();
        stranger.knows_person = false;
        let elsewhere = explain(SectionKind::Problems, &[stranger], &[], &[], now());
        assert_eq!(elsewhere.per_source[0].1, Reason::NotKnownThere);

        let held =
            Withheld { source: None, kinds: vec![ResourceType::Condition], why: Some("the person objected".into()) };
        let withheld = explain(SectionKind::Problems, &[practice], &[], &[held], now());
        assert_eq!(withheld.per_source[0].1, Reason::Withheld { why: Some("the person objected".into()) });
        assert!(withheld.headline.contains("withheld"));
    }

    #[test]
    fn each_way_of_being_empty_reads_differently_to_the_person_too() {
        let practice = state("p", "Mill Lane Surgery", SourceKind::Gp);
        let mut left = practice.clone();
        left.connection = Connection::NotConnected;
        let mut stranger = practice.clone();
        stranger.knows_person = false;
        let mut loading = practice.clone();
        loading.connection = Connection::Loading;
        let sealed = "sealed by its authors for their own organisation";
        let held = [Withheld { source: None, kinds: vec![], why: Some(sealed.into()) }];
        let told = |state: &SourceState, held: &[Withheld]| {
            let one = explain(SectionKind::Medicines, std::slice::from_ref(state), &[], held, now());
            (
                one.told(Voice::Person),
                one.per_source[0].1.told(Voice::Person, now()),
                one.told(Voice::Staff),
                one.headline,
            )
        };
        let all =
            [told(&practice, &[]), told(&left, &[]), told(&stranger, &[]), told(&loading, &[]), told(&practice, &held)];
        assert_eq!(all[0].0, "Mill Lane Surgery has no medicines on your record.");
        assert_eq!(all[1].1, "none on your record, but no longer part of it");
        assert!(all[4].0.contains("You can ask") && !all[4].1.contains("sealed"), "{:?}", all[4]);
        let sentences: std::collections::HashSet<&str> = all.iter().map(|one| one.0.as_str()).collect();
        assert_eq!(sentences.len(), all.len(), "{all:?}");
        assert!(all.iter().all(|one| one.2 == one.3), "staff read what they always read");
        let allergies = explain(SectionKind::Allergies, &[practice], &[], &[], now());
        assert!(allergies.told(Voice::Person).ends_with("This does not say that you have none."));
    }
    #[test]
    fn nothing_from_a_source_that_is_silent_is_not_none() {
        let practice = state("p", "Mill Lane Surgery", SourceKind::Gp);
        let later: Timestamp = "2026-07-14T11:30:00Z".parse().expect("a time");
        let silent = explain(SectionKind::Problems, std::slice::from_ref(&practice), &[], &[], later);
        let headline = "No problems recorded. There may be some at Mill Lane Surgery (silent since 11:42).";
        assert_eq!(silent.headline, headline);
        assert!(silent.incomplete());
        let words = "none recorded, but silent since 11:42; normally it is not silent for so long";
        assert_eq!(silent.per_source[0].1.words(later), words);
        let plain = silent.told(Voice::Person);
        let said = "No conditions on your record. There may be some from Mill Lane Surgery (nothing new since 11:42).";
        assert_eq!(plain, said);
        assert!(
            silent.per_source[0].1.told(Voice::Person, later).starts_with("none on your record, but not heard from")
        );

        // It has some: it may have more.
        let some = explain(SectionKind::Problems, std::slice::from_ref(&practice), &["p"], &[], later);
        assert_eq!(some.headline, "There may be more at Mill Lane Surgery (silent since 11:42)");
        assert!(some.incomplete());
        assert!(matches!(some.per_source[0].1, Reason::Silent { adds: true, .. }), "{some:?}");
        let heard = explain(SectionKind::Problems, std::slice::from_ref(&practice), &["p"], &[], now());
        assert!(heard.per_source.is_empty(), "{heard:?}");

        // Who does not know the person, or does not share such entries, is not missed for being silent.
        let stranger = SourceState { knows_person: false, ..practice };
        let elsewhere = explain(SectionKind::Problems, &[stranger], &[], &[], later);
        assert_eq!(elsewhere.per_source[0].1, Reason::NotKnownThere);
    }

    #[test]
    fn a_section_tells_of_the_feed_that_carries_it_and_no_other_does() {
        let mut hospital = state("h", "Riverside General", SourceKind::Hospital);
        hospital.feeds = vec![FeedState {
            name: "rgh-lims".into(),
            what: "results".into(),
            shares: vec![ResourceType::Observation, ResourceType::DiagnosticReport],
            last_heard: Some("2026-07-14T06:10:00Z".parse().expect("a time")),
            usual_silence: jiff::SignedDuration::from_hours(2),
        }];
        let all = std::slice::from_ref(&hospital);
        let results = explain(SectionKind::Results, all, &[], &[], now());
        let words = "none recorded, but no results since 07:10; normally it is not silent for so long";
        assert_eq!(results.per_source[0].1.words(now()), words);
        let visits = explain(SectionKind::Visits, all, &[], &[], now());
        assert_eq!(visits.headline, "No visits or appointments recorded by Riverside General.");
    }
}
