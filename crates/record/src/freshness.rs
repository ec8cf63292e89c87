//! When each source last spoke, and whether that is normal for it. A feed that has stopped must not look like a record
//! with no news (hazard: stale read as current).

use crate::{item::SourceInfo, voice::Voice, when};
use fhir::ResourceType;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

/// What we know of a source at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceState {
    /// Which source.
    pub source: Arc<SourceInfo>,
    /// The types it shares; None when its configuration does not say.
    pub shares: Option<Vec<ResourceType>>,
    /// How we stand with it.
    pub connection: Connection,
    /// When it last sent us anything at all.
    pub last_heard: Option<Timestamp>,
    /// Silence longer than this is not normal for it.
    pub usual_silence: Option<SignedDuration>,
    /// Of its feeds, those that are to be missed for themselves.
    pub feeds: Vec<FeedState>,
    /// Whether it holds a patient linked to the person whose record is open.
    pub knows_person: bool,
    /// When it last sent something about the person whose record is open.
    pub last_about_person: Option<Timestamp>,
}

impl SourceState {
    /// Whether any of these types can come from it.
    pub fn shares_any(&self, kinds: &[ResourceType]) -> bool {
        match &self.shares {
            None => true,
            Some(shared) => kinds.is_empty() || kinds.iter().any(|kind| shared.contains(kind)),
        }
    }

    /// Whether nothing at all came from it for longer than is normal.
    fn is_quiet(&self, now: Timestamp) -> bool {
        is_over(self.last_heard, self.usual_silence, now)
    }

    /// Its feeds that are silent for longer than is normal for them, while it may speak on others.
    fn quiet_feeds(&self, now: Timestamp) -> impl Iterator<Item = &FeedState> {
        self.feeds.iter().filter(move |feed| feed.is_quiet(now))
    }

    /// How it is silent on these types (none: on any) for longer than is normal; None: it is not.
    pub fn silence_on(&self, kinds: &[ResourceType], now: Timestamp) -> Option<Silence> {
        if self.connection != Connection::Connected {
            return None;
        }
        if self.is_quiet(now) {
            return Some(Silence { since: self.last_heard, feeds: Vec::new() });
        }
        let meant = |feed: &&FeedState| {
            feed.shares.is_empty() || kinds.is_empty() || kinds.iter().any(|kind| feed.shares.contains(kind))
        };
        let feeds: Vec<_> =
            self.quiet_feeds(now).filter(meant).map(|feed| (feed.what.clone(), feed.last_heard)).collect();
        (!feeds.is_empty()).then_some(Silence { since: self.last_heard, feeds })
    }
}

fn is_over(last: Option<Timestamp>, usual: Option<SignedDuration>, now: Timestamp) -> bool {
    matches!((last, usual), (Some(last), Some(usual)) if now.duration_since(last) > usual)
}

/// What we know of one of a source's feeds, which may be silent while its source speaks on others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedState {
    /// Its name in the configuration.
    pub name: String,
    /// What comes on it, as it stands in a sentence: `results`.
    pub what: String,
    /// The types that come on no other feed of its source; empty: not said.
    pub shares: Vec<ResourceType>,
    /// When anything last came on it.
    pub last_heard: Option<Timestamp>,
    /// Silence longer than this is not normal for it.
    pub usual_silence: SignedDuration,
}

impl FeedState {
    /// Whether it is missed: one on which nothing ever came is.
    fn is_quiet(&self, now: Timestamp) -> bool {
        self.last_heard.is_none() || is_over(self.last_heard, Some(self.usual_silence), now)
    }
}

/// A silence that is longer than is normal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silence {
    /// When the source last spoke; None: never.
    pub since: Option<Timestamp>,
    /// What does not come of a source that goes on sending other things, and when it last came; empty: nothing comes.
    pub feeds: Vec<(String, Option<Timestamp>)>,
}

impl Silence {
    /// After the source's name: `no results since 10:42, no letters yet`; where nothing comes, the given word: `silent since 10:42`.
    pub fn words(&self, nothing: &str, now: Timestamp) -> String {
        let since = |at: Timestamp| format!(" since {}", when::time_or_date(at, now));
        if self.feeds.is_empty() {
            return format!("{nothing}{}", self.since.map(since).unwrap_or_default());
        }
        let feed = |(what, last): &(String, Option<Timestamp>)| {
            format!("no {what}{}", last.map_or_else(|| " yet".into(), since))
        };
        self.feeds.iter().map(feed).collect::<Vec<_>>().join(", ")
    }
}

/// How we stand with a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Connection {
    /// Its feed is set up and nothing is known to be wrong with it.
    Connected,
    /// Its history is being loaded.
    Loading,
    /// It is known to the region but has no feed: not yet, or no longer.
    NotConnected,
}

/// How old a source's news is, judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// As it should be.
    Normal,
    /// Its history is still coming in.
    Loading,
    /// It speaks, but one of its feeds is silent for longer than is normal.
    PartlyQuiet,
    /// Longer silent than is normal for it.
    Quiet,
    /// Nothing has ever come from it.
    Never,
    /// It has no feed.
    NotConnected,
}

impl Verdict {
    /// The word beside the source's name.
    pub fn label(self) -> &'static str {
        match self {
            Verdict::Normal => "Up to date",
            Verdict::Loading => "Loading",
            Verdict::PartlyQuiet => "Quiet in part",
            Verdict::Quiet => "Quiet",
            Verdict::Never => "Nothing yet",
            Verdict::NotConnected => "Not connected",
        }
    }

    /// Its word, for styling.
    pub fn slug(self) -> &'static str {
        match self {
            Verdict::Normal => "normal",
            Verdict::Loading => "loading",
            Verdict::PartlyQuiet | Verdict::Quiet => "quiet",
            Verdict::Never => "never",
            Verdict::NotConnected => "not-connected",
        }
    }

    /// Whether a reader should know before relying on the record.
    pub fn needs_attention(self) -> bool {
        !matches!(self, Verdict::Normal)
    }
}

/// One source on the freshness strip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// Which source.
    pub source: Arc<SourceInfo>,
    /// The judgement.
    pub verdict: Verdict,
    /// `2 minutes ago`, or None when never.
    pub heard: Option<String>,
    /// The same as a moment.
    pub heard_at: Option<Timestamp>,
    /// In a few words, after the name: `quiet since 10:42`.
    pub short: String,
    /// One sentence that says it all.
    pub sentence: String,
    /// Whether it holds a patient linked to this person.
    pub knows_person: bool,
    /// When it last sent something about this person.
    pub about_person: Option<String>,
}

/// The strip, those that need attention first, then those who know the person, then by name.
pub fn freshness(states: &[SourceState], now: Timestamp) -> Vec<Freshness> {
    let mut strip: Vec<Freshness> = states.iter().map(|state| one(state, now)).collect();
    strip.sort_by(|a, b| {
        let rank = |f: &Freshness| (!f.knows_person, std::cmp::Reverse(f.verdict));
        rank(a).cmp(&rank(b)).then_with(|| a.source.name.cmp(&b.source.name))
    });
    strip
}

/// The same, as this voice says it.
pub fn freshness_told(states: &[SourceState], voice: Voice, now: Timestamp) -> Vec<Freshness> {
    let mut strip = freshness(states, now);
    if voice.is_person() {
        for one in &mut strip {
            if let Some(state) = states.iter().find(|state| state.source.id == one.source.id) {
                (one.short, one.sentence) = plain(one, state, now);
            }
        }
    }
    strip
}

/// In a few words and in a sentence, for the person.
fn plain(one: &Freshness, state: &SourceState, now: Timestamp) -> (String, String) {
    let name = &one.source.name;
    if one.source.id == crate::withhold::WITHHELD {
        let why = "because that would tell which it is";
        return ("not shown".into(), format!("{name}: when it last sent something is not shown, {why}."));
    }
    let since =
        |at: Option<Timestamp>| at.map(|at| format!(" since {}", when::time_or_date(at, now))).unwrap_or_default();
    let last = one.heard_at.map(|at| when::time_or_date(at, now)).unwrap_or_default();
    let missing = "Its newest entries may be missing.";
    match one.verdict {
        Verdict::Normal => (
            format!("last sent something {}", one.heard.clone().unwrap_or_default()),
            format!("{name} last sent something at {last}. That is as usual."),
        ),
        Verdict::Loading => {
            ("older entries still coming in".into(), format!("Older entries from {name} are still coming in."))
        }
        Verdict::PartlyQuiet => {
            let told = |feed: &FeedState| {
                let what = &feed.what;
                match feed.last_heard {
                    Some(at) => format!(
                        "{name} last sent {what} at {}, which is longer ago than usual: the newest may be missing.",
                        when::time_or_date(at, now)
                    ),
                    None => format!("{name} has sent no {what} here yet. There may be some."),
                }
            };
            let feeds: Vec<String> = state.quiet_feeds(now).map(told).collect();
            (one.short.clone(), feeds.join(" "))
        }
        Verdict::Quiet => (
            format!("not heard from{}", since(one.heard_at)),
            format!("{name} last sent something at {last}, which is longer ago than usual. {missing}"),
        ),
        Verdict::Never => {
            ("has sent nothing yet".into(), format!("{name} is part of this record, but has sent nothing yet."))
        }
        Verdict::NotConnected if one.heard_at.is_some() => (
            "no longer part of this record".into(),
            format!("{name} is no longer part of this record. What it sent until {last} is shown."),
        ),
        Verdict::NotConnected => ("not part of this record".into(), format!("{name} is not part of this record.")),
    }
}

fn one(state: &SourceState, now: Timestamp) -> Freshness {
    let name = &state.source.name;
    if state.source.id == crate::withhold::WITHHELD {
        // The time it last spoke, beside the region's status page, would tell which practice it is.
        return Freshness {
            source: Arc::clone(&state.source),
            verdict: Verdict::Normal,
            heard: None,
            heard_at: None,
            short: "when it last spoke is not shown".into(),
            sentence: format!("{name}: when it last spoke is not shown, for that would tell which it is."),
            knows_person: state.knows_person,
            about_person: None,
        };
    }
    let heard = state.last_heard.map(|at| when::ago(at, now));
    let usual = state.usual_silence.map(|usual| when::span(usual.as_secs()));
    let over = state.is_quiet(now);
    let (verdict, sentence) = match (&state.connection, &state.last_heard) {
        (Connection::NotConnected, None) => (Verdict::NotConnected, format!("{name} is not connected to this record.")),
        (Connection::NotConnected, Some(at)) => {
            let last = when::time_or_date(*at, now);
            let sentence = format!("{name} is no longer connected to this record. What it sent until {last} is shown.");
            (Verdict::NotConnected, sentence)
        }
        (Connection::Loading, _) => (Verdict::Loading, format!("{name}’s history is still being loaded.")),
        (Connection::Connected, None) => {
            (Verdict::Never, format!("{name} is connected but has not sent anything yet."))
        }
        (Connection::Connected, Some(at)) => {
            let last = when::time_or_date(*at, now);
            match (over, usual) {
                (true, Some(usual)) => (
                    Verdict::Quiet,
                    format!(
                        "{name} last spoke at {last}; it is normally silent for no more than {usual}. Its newest entries may be missing."
                    ),
                ),
                _ if state.quiet_feeds(now).next().is_some() => (Verdict::PartlyQuiet, partly(state, &last, now)),
                (_, Some(usual)) => (
                    Verdict::Normal,
                    format!("{name} last spoke at {last}, which is normal for it (at least every {usual})."),
                ),
                (_, None) => (Verdict::Normal, format!("{name} last spoke at {last}. How often it should is not set.")),
            }
        }
    };
    let since = |at: Option<Timestamp>| at.map(|at| when::time_or_date(at, now)).unwrap_or_default();
    let short = match verdict {
        Verdict::Normal => format!("last spoke {}", heard.clone().unwrap_or_default()),
        Verdict::Loading => "history still loading".into(),
        Verdict::PartlyQuiet => state.silence_on(&[], now).map(|silence| silence.words("", now)).unwrap_or_default(),
        Verdict::Quiet => format!("quiet since {}", since(state.last_heard)),
        Verdict::Never => "nothing received yet".into(),
        Verdict::NotConnected if state.last_heard.is_some() => "no longer connected".into(),
        Verdict::NotConnected => "not connected".into(),
    };
    Freshness {
        source: Arc::clone(&state.source),
        verdict,
        short,
        heard,
        heard_at: state.last_heard,
        sentence,
        knows_person: state.knows_person,
        about_person: state.last_about_person.map(|at| when::ago(at, now)),
    }
}

/// Of a source that speaks, and does not on every feed, in sentences for whoever works with the record.
fn partly(state: &SourceState, last: &str, now: Timestamp) -> String {
    let mut sentence = format!("{} last spoke at {last}.", state.source.name);
    for (index, feed) in state.quiet_feeds(now).enumerate() {
        let (what, usual) = (&feed.what, when::span(feed.usual_silence.as_secs()));
        let its = if index == 0 { "But its" } else { "Its" };
        sentence.push_str(&match feed.last_heard {
            Some(at) => format!(
                " {its} {what} last came at {}, and normally come at least every {usual}: the newest may be missing.",
                when::time_or_date(at, now)
            ),
            None => format!(" {its} {what} have never come: there may be some."),
        });
    }
    sentence
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::item::SourceKind;

    pub(crate) fn state(id: &str, name: &str, kind: SourceKind) -> SourceState {
        SourceState {
            source: Arc::new(SourceInfo { id: id.into(), name: name.into(), kind }),
            shares: None,
            connection: Connection::Connected,
            last_heard: Some("2026-07-14T10:42:00Z".parse().expect("a time")),
            usual_silence: Some(SignedDuration::from_mins(15)),
            feeds: Vec::new(),
            knows_person: true,
            last_about_person: None,
        }
    }

    #[test]
    fn silence_is_judged_by_what_is_usual_for_the_source() {
        let now = "2026-07-14T11:30:00Z".parse().expect("a time");
        let hospital = state("h", "Riverside General", SourceKind::Hospital);
        let mut practice = state("p", "Mill Lane Surgery", SourceKind::Gp);
        practice.usual_silence = Some(SignedDuration::from_hours(24));
        let strip = freshness(&[practice, hospital], now);
        assert_eq!(strip[0].verdict, Verdict::Quiet, "the quiet one comes first");
        assert!(
            strip[0].sentence.contains("11:42") && strip[0].sentence.contains("15 minutes"),
            "{}",
            strip[0].sentence
        );
        assert_eq!(strip[1].verdict, Verdict::Normal);
    }

    #[test]
    fn a_feed_that_stops_is_told_while_its_source_goes_on() {
        let now = "2026-07-14T10:50:00Z".parse().expect("a time");
        let mut hospital = state("h", "Riverside General", SourceKind::Hospital);
        let feed = |what: &str, last: Option<&str>| FeedState {
            name: format!("rgh-{what}"),
            what: what.into(),
            shares: vec![ResourceType::Observation],
            last_heard: last.map(|at| at.parse().expect("a time")),
            usual_silence: SignedDuration::from_hours(2),
        };
        hospital.feeds = vec![feed("admissions", Some("2026-07-14T10:42:00Z"))];
        assert_eq!(freshness(&[hospital.clone()], now)[0].verdict, Verdict::Normal, "no longer than is usual for it");
        hospital.feeds.push(feed("results", Some("2026-07-14T06:10:00Z")));
        hospital.feeds.push(feed("letters", None));
        let told = &freshness(&[hospital.clone()], now)[0];
        assert_eq!((told.verdict, told.verdict.label()), (Verdict::PartlyQuiet, "Quiet in part"));
        assert!(told.verdict.needs_attention());
        assert_eq!(told.short, "no results since 07:10, no letters yet");
        assert_eq!(
            told.sentence,
            "Riverside General last spoke at 11:42. But its results last came at 07:10, and normally come at least every 2 \
             hours: the newest may be missing. Its letters have never come: there may be some."
        );
        let plain = &freshness_told(&[hospital.clone()], Voice::Person, now)[0];
        assert_eq!(plain.short, told.short);
        assert!(plain.sentence.starts_with("Riverside General last sent results at 07:10"), "{}", plain.sentence);
        let results = hospital.silence_on(&[ResourceType::Observation], now).expect("silent on results");
        assert_eq!(results.words("silent", now), told.short);
        assert_eq!(hospital.silence_on(&[ResourceType::Encounter], now), None, "it speaks of visits");
        // Silent on every feed: that is said, and nothing of one of them.
        let later = "2026-07-14T14:00:00Z".parse().expect("a time");
        let told = &freshness(&[hospital], later)[0];
        assert_eq!((told.verdict, told.short.as_str()), (Verdict::Quiet, "quiet since 11:42"));
    }

    #[test]
    fn a_source_that_is_not_connected_says_so_and_is_not_missed() {
        let now = "2026-07-14T11:30:00Z".parse().expect("a time");
        let mut practice = state("p", "Mill Lane Surgery", SourceKind::Gp);
        practice.connection = Connection::NotConnected;
        let strip = freshness(std::slice::from_ref(&practice), now);
        assert_eq!((strip[0].verdict, strip[0].short.as_str()), (Verdict::NotConnected, "no longer connected"));
        let sentence = "Mill Lane Surgery is no longer connected to this record. What it sent until 11:42 is shown.";
        assert_eq!(strip[0].sentence, sentence);
        assert_eq!(practice.silence_on(&[], now), None, "nothing is awaited from it");
        let told = freshness_told(&[practice.clone()], Voice::Person, now);
        assert!(told[0].sentence.starts_with("Mill Lane Surgery is no longer part of this record. "), "{told:?}");

        practice.last_heard = None;
        let strip = freshness(std::slice::from_ref(&practice), now);
        assert_eq!(strip[0].sentence, "Mill Lane Surgery is not connected to this record.");
        assert_eq!(freshness_told(&[practice], Voice::Staff, now), strip);
    }
}
