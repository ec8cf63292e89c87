//! What differs between the statements of one thing, in words.

use super::{Aspect, Entry, Facet, Manner, Standing, keys::Key};
use crate::{
    item::{SourceInfo, SourceKind},
    sections::Tone,
    text::comparable,
    when::When,
};
use std::{collections::BTreeSet, sync::Arc};

/// Of what kind a difference is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// One source states that there is none.
    None,
    /// One source has ruled it out.
    RuledOut,
    /// One source has taken it back as entered in error.
    Withdrawn,
    /// One source has ended it, another has it as current.
    Ended,
    /// Sources give different answers about an aspect.
    Aspect(Aspect),
    /// One source gives two.
    Twice,
    /// A statement ends before it begins.
    Dates,
    /// It began at different times.
    Onset,
    /// Its source ended it and began it again.
    Restarted,
    /// Two statements of one source, alike.
    Repeated,
    /// A source has not said anything for long.
    Old,
    /// One name, several codes.
    Codes,
    /// One code, several names.
    Names,
    /// It has an end.
    Course,
    /// Not every source that keeps such a list has it.
    Only,
}

/// Something that sources do not agree on, or that must be seen to read them rightly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Of what kind.
    pub kind: Kind,
    /// In a few words: `Dose differs`.
    pub words: String,
    /// In whole: who says what.
    pub detail: String,
    /// How strongly it speaks.
    pub tone: Tone,
}

impl Difference {
    /// A difference.
    pub fn new(kind: Kind, words: impl Into<String>, detail: impl Into<String>, tone: Tone) -> Difference {
        Difference { kind, words: words.into(), detail: detail.into(), tone }
    }

    /// Whether it must be read before acting.
    pub fn grave(&self) -> bool {
        self.tone >= Tone::Caution
    }

    /// As a sentence of its own, where the thing is not in sight.
    pub fn sentence(&self, title: &str) -> String {
        let (words, detail) = (&self.words, &self.detail);
        let mut letters = words.chars();
        let first = letters.next().map(|first| first.to_lowercase().chain(letters).collect::<String>());
        format!("{title}: {}. {detail}", first.unwrap_or_default())
    }
}

/// An end within so many days of the beginning makes a course.
const COURSE_DAYS_MAX: i64 = 31;

/// Everything that differs between the statements of one thing, gravest first. `listing`: the sources that keep such a list.
pub(super) fn differences(entries: &[Entry], listing: &[Arc<SourceInfo>], manner: &Manner) -> Vec<Difference> {
    let open: Vec<&Entry> = entries.iter().filter(|entry| entry.standing.open()).collect();
    let mut found = Vec::new();
    found.extend(against(
        entries,
        &open,
        Standing::RuledOut,
        Kind::RuledOut,
        "Ruled out in one source, recorded in another",
        "ruled out",
    ));
    found.extend(against(
        entries,
        &open,
        Standing::Withdrawn,
        Kind::Withdrawn,
        "Withdrawn by one source, recorded in another",
        "withdrawn as entered in error",
    ));
    found.extend(undecided(entries, &open));
    found.extend(ended(entries, manner));
    found.extend(aspects(&open));
    found.extend(entries.iter().filter(|entry| entry.standing != Standing::Withdrawn).find_map(backwards));
    if manner.onset {
        found.extend(onset(&open));
    }
    found.extend(restarted(entries));
    found.extend(repeated(&open));
    if manner.stale {
        found.extend(old(entries));
    }
    found.extend(naming(&open, &found));
    found.extend(course(&open));
    if manner.only {
        found.extend(only(entries, listing));
    }
    found.sort_by_key(|difference| (std::cmp::Reverse(difference.tone), difference.kind));
    found
}

fn name(entry: &Entry) -> &str {
    &entry.source().name
}

/// The names of the sources of these, each once.
fn names<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Vec<&'a str> {
    let mut names: Vec<&str> = Vec::new();
    for entry in entries {
        if !names.contains(&name(entry)) {
            names.push(name(entry));
        }
    }
    names
}

fn has_open(open: &[&Entry], source: &Arc<SourceInfo>) -> bool {
    open.iter().any(|entry| entry.source() == source)
}

/// A source has ruled out what it has on its list as well: one of the two was forgotten.
fn undecided(entries: &[Entry], open: &[&Entry]) -> Option<Difference> {
    let out = entries.iter().find(|entry| entry.standing == Standing::RuledOut && has_open(open, entry.source()))?;
    let held = open.iter().find(|entry| entry.source() == out.source())?;
    let detail = format!(
        "{}: ruled out ({}), and {} ({}).",
        name(out),
        out.last_word_text(),
        lower(&held.status),
        held.last_word_text()
    );
    Some(Difference::new(Kind::RuledOut, "Ruled out and recorded by one source", detail, Tone::Caution))
}

/// Something a source says against it, which no longer holds there, while another has it as open.
fn against(
    entries: &[Entry],
    open: &[&Entry],
    standing: Standing,
    kind: Kind,
    words: &str,
    how: &str,
) -> Option<Difference> {
    let said: Vec<&Entry> =
        entries.iter().filter(|entry| entry.standing == standing && !has_open(open, entry.source())).collect();
    if said.is_empty() || open.is_empty() {
        return None;
    }
    let by = said.iter().map(|entry| format!("{how} by {} ({})", name(entry), entry.last_word_text()));
    let by: BTreeSet<String> = by.collect();
    let by = by.into_iter().collect::<Vec<_>>().join(" and ");
    let detail = format!("Recorded by {}; {by}.", names(open.iter().copied()).join(" and "));
    Some(Difference::new(kind, words, detail, Tone::Caution))
}

/// One source has ended what another has as current. It is grave when the end is the later news.
fn ended(entries: &[Entry], manner: &Manner) -> Option<Difference> {
    let current: Vec<&Entry> = entries.iter().filter(|entry| entry.standing == Standing::Current).collect();
    let latest = current.iter().copied().max_by_key(|entry| entry.last_word())?;
    let mut stopped: Vec<&Entry> = Vec::new();
    for entry in entries.iter().filter(|entry| entry.standing == Standing::Ended) {
        let again = has_open(&current, entry.source()) || stopped.iter().any(|known| known.source() == entry.source());
        if !again {
            stopped.push(entry);
        }
    }
    if stopped.is_empty() {
        return None;
    }
    let at = |entry: &Entry| entry.end.as_ref().map_or(entry.statement.origin.recorded, |end| end.at);
    let later = |entry: &&Entry| at(entry) > latest.last_word();
    let (words, tone) = match stopped.iter().copied().filter(|entry| later(entry)).map(|entry| entry.stops).max() {
        Some(true) => (manner.ended, Tone::Caution),
        Some(false) => ("Order completed in another source", Tone::Plain),
        None => ("Ended earlier in another source", Tone::Plain),
    };
    let by = stopped.iter().map(|entry| {
        let day = match &entry.end {
            Some(end) => end.day_text(),
            None => format!("no date given, {}", When::moment(entry.statement.origin.recorded).day_text()),
        };
        format!("{}: {} ({day})", name(entry), lower(&entry.status))
    });
    let by = by.collect::<Vec<_>>().join("; ");
    let holding = names(current.iter().copied()).join(" and ");
    let detail = format!("Current at {holding}, last said {}; {by}.", latest.last_word_text());
    Some(Difference::new(Kind::Ended, words, detail, tone))
}

fn lower(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

fn aspect_words(aspect: Aspect) -> (&'static str, &'static str, Tone) {
    match aspect {
        Aspect::Status => ("Status differs", "Two statuses in one source", Tone::Caution),
        Aspect::Dose => ("Dose differs", "Two doses in one source", Tone::Caution),
        Aspect::Strength => ("Strength differs", "Two strengths in one source", Tone::Caution),
        Aspect::Form => ("Form differs", "Two forms in one source", Tone::Caution),
        Aspect::Route => ("Route differs", "Two routes in one source", Tone::Caution),
        Aspect::Mechanism => {
            ("Allergy in one source, intolerance in another", "Allergy and intolerance in one source", Tone::Caution)
        }
        Aspect::Risk => ("Risk differs", "Two risks in one source", Tone::Caution),
        Aspect::Certainty => ("Certainty differs", "Confirmed and unconfirmed in one source", Tone::Caution),
        Aspect::Reaction => ("Reaction differs", "Two reactions in one source", Tone::Plain),
        Aspect::Severity => ("Severity differs", "Two severities in one source", Tone::Plain),
        Aspect::Site => ("Site differs", "Two sites in one source", Tone::Caution),
    }
}

/// Aspects in which sources, or the statements of one source, say different things. Sources that say nothing of an aspect
/// do not disagree.
fn aspects(open: &[&Entry]) -> Vec<Difference> {
    let mut all: Vec<Aspect> = open.iter().flat_map(|entry| entry.facets.iter().map(|facet| facet.aspect)).collect();
    all.sort_unstable();
    all.dedup();
    let mut found = Vec::new();
    for aspect in all {
        // By source: the different things it says.
        let mut by_source: Vec<(&Arc<SourceInfo>, Vec<&Facet>)> = Vec::new();
        for entry in open {
            for facet in entry.facets.iter().filter(|facet| facet.aspect == aspect) {
                match by_source.iter_mut().find(|(source, _)| *source == entry.source()) {
                    Some((_, said)) if said.iter().any(|known| known.agrees(facet)) => {}
                    Some((_, said)) => said.push(facet),
                    None => by_source.push((entry.source(), vec![facet])),
                }
            }
        }
        let Some((_, first)) = by_source.first() else { continue };
        let (between, within, tone) = aspect_words(aspect);
        let who = |(source, said): &(&Arc<SourceInfo>, Vec<&Facet>)| {
            let said: Vec<&str> = said.iter().map(|facet| facet.said.as_str()).collect();
            format!("{}: {}", source.name, said.join(" and "))
        };
        let detail = by_source.iter().map(who).collect::<Vec<_>>().join("; ");
        let covers = |a: &[&Facet], b: &[&Facet]| a.iter().all(|x| b.iter().any(|y| x.agrees(y)));
        if by_source.iter().any(|(_, said)| !covers(said, first) || !covers(first, said)) {
            found.push(Difference::new(Kind::Aspect(aspect), between, format!("{detail}."), tone));
        } else if first.len() > 1 {
            found.push(Difference::new(Kind::Twice, within, format!("{detail}."), Tone::Plain));
        }
    }
    found
}

fn backwards(entry: &Entry) -> Option<Difference> {
    let (start, end) = (entry.start.as_ref()?, entry.end.as_ref()?);
    let detail = format!("{}: begins {}, ends {}.", name(entry), start.day_text(), end.day_text());
    (end.until() < start.at).then(|| Difference::new(Kind::Dates, "Ends before it begins", detail, Tone::Caution))
}

/// Beginnings that cannot be the same day, month or year, as exactly as each is known.
fn onset(open: &[&Entry]) -> Option<Difference> {
    let begun: Vec<(&Entry, &When)> = open.iter().filter_map(|entry| Some((*entry, entry.start.as_ref()?))).collect();
    let apart = |a: &When, b: &When| a.until() <= b.at || b.until() <= a.at;
    let differ = begun.iter().any(|(one, a)| {
        begun.iter().any(|(other, b)| one.source() != other.source() && a.date != b.date && apart(a, b))
    });
    let mut said: Vec<String> = Vec::new();
    for (entry, start) in &begun {
        let words = format!("{}: {}", name(entry), start.day_text());
        if !said.contains(&words) {
            said.push(words);
        }
    }
    differ.then(|| Difference::new(Kind::Onset, "Onset differs", format!("{}.", said.join("; ")), Tone::Plain))
}

/// A source ended it, and has it again since.
fn restarted(entries: &[Entry]) -> Option<Difference> {
    for now in entries.iter().filter(|entry| entry.standing == Standing::Current) {
        let Some(start) = &now.start else { continue };
        // An order that was carried out ended nothing.
        let ended = |old: &&Entry| old.standing == Standing::Ended && old.stops && old.source() == now.source();
        let before = entries.iter().filter(ended);
        let before = before.filter_map(|old| Some((old, old.end.as_ref().filter(|end| end.at <= start.at)?)));
        if let Some((old, end)) = before.max_by_key(|(_, end)| end.at) {
            let detail =
                format!("{}: {} {}, again since {}.", name(now), lower(&old.status), end.day_text(), start.day_text());
            return Some(Difference::new(Kind::Restarted, "Ended, then started again", detail, Tone::Plain));
        }
    }
    None
}

/// Two current statements of one source that say the same in everything compared.
fn repeated(open: &[&Entry]) -> Option<Difference> {
    let alike = |a: &Entry, b: &Entry| {
        a.source() == b.source()
            && a.statement.origin.kind == b.statement.origin.kind
            && a.standing == b.standing
            && a.facets.iter().map(|facet| &facet.same).eq(b.facets.iter().map(|facet| &facet.same))
            && a.start == b.start
    };
    for (index, one) in open.iter().enumerate() {
        let count = open.iter().skip(index).filter(|other| alike(one, other)).count();
        if count > 1 {
            let times = if count == 2 { "twice".to_owned() } else { format!("{count} times") };
            let detail = format!("{} has {count} entries that say the same.", name(one));
            return Some(Difference::new(Kind::Repeated, format!("Listed {times} by one source"), detail, Tone::Plain));
        }
    }
    None
}

/// A source that has said nothing of it for long, beside one that has.
fn old(entries: &[Entry]) -> Option<Difference> {
    let current: Vec<&Entry> = entries.iter().filter(|entry| entry.standing == Standing::Current).collect();
    let old = entries.iter().filter(|entry| entry.standing == Standing::Doubtful);
    let old: Vec<&Entry> = old.filter(|entry| !has_open(&current, entry.source())).collect();
    if current.is_empty() || old.is_empty() {
        return None;
    }
    let said = old.iter().map(|entry| format!("{}: last said {}", name(entry), entry.last_word_text()));
    let detail = format!("{}.", said.collect::<Vec<_>>().join("; "));
    Some(Difference::new(Kind::Old, "One source has not confirmed it for long", detail, Tone::Plain))
}

/// One code under several names; one name under several codes of one system. Where strength or form differ, codes do too,
/// and that is said already.
fn naming(open: &[&Entry], found: &[Difference]) -> Vec<Difference> {
    let mut differences = Vec::new();
    let words = |entry: &Entry| comparable(&entry.name);
    let codes =
        |entry: &Entry| -> Vec<Key> { entry.keys.iter().filter(|key| matches!(key, Key::Code(..))).cloned().collect() };
    let Some((first, rest)) = open.split_first() else { return differences };
    if rest.iter().any(|entry| words(entry) != words(first)) {
        let mut said: Vec<String> = Vec::new();
        for entry in open {
            let one = format!("{}: {}", name(entry), entry.statement.title);
            if !said.contains(&one) {
                said.push(one);
            }
        }
        let detail = format!("{}.", said.join("; "));
        differences.push(Difference::new(Kind::Names, "Named differently", detail, Tone::Plain));
    }
    let explained = |kind: &Kind| matches!(kind, Kind::Aspect(Aspect::Strength | Aspect::Form) | Kind::Twice);
    if found.iter().any(|difference| explained(&difference.kind)) {
        return differences;
    }
    let apart = |a: &[Key], b: &[Key]| {
        let same_space = |x: &Key, y: &Key| matches!((x, y), (Key::Code(x, _), Key::Code(y, _)) if x == y);
        a.iter().any(|x| b.iter().any(|y| same_space(x, y))) && !a.iter().any(|x| b.contains(x))
    };
    let coded: Vec<(&Entry, Vec<Key>)> = open.iter().map(|entry| (*entry, codes(entry))).collect();
    let differ = coded.iter().any(|(_, a)| coded.iter().any(|(_, b)| apart(a, b)));
    if differ {
        let shown = coded.iter().filter(|(_, codes)| !codes.is_empty()).map(|(entry, codes)| {
            let codes = codes.iter().filter_map(|key| match key {
                Key::Code(_, code) => Some(code.as_str()),
                Key::Words(_) => None,
            });
            format!("{}: {}", name(entry), codes.collect::<Vec<_>>().join(", "))
        });
        let detail = format!("{}.", shown.collect::<Vec<_>>().join("; "));
        differences.push(Difference::new(Kind::Codes, "Same name, different codes", detail, Tone::Plain));
    }
    differences
}

/// Current, with an end near its beginning.
fn course(open: &[&Entry]) -> Option<Difference> {
    open.iter().find_map(|entry| {
        let (start, end) = (entry.start.as_ref()?, entry.end.as_ref()?);
        let days = start.date.until(end.date).ok()?.get_days();
        let short = entry.course && (0..=COURSE_DAYS_MAX).contains(&i64::from(days));
        let detail = format!("{}: {} to {}.", name(entry), start.day_text(), end.day_text());
        short.then(|| Difference::new(Kind::Course, "Short course", detail, Tone::Plain))
    })
}

/// Current at some of the sources that keep such a list, and not named by others.
fn only(entries: &[Entry], listing: &[Arc<SourceInfo>]) -> Option<Difference> {
    if !entries.iter().any(|entry| entry.standing == Standing::Current) {
        return None;
    }
    let has = |source: &Arc<SourceInfo>| entries.iter().any(|entry| entry.source() == source);
    let (with, without): (Vec<&Arc<SourceInfo>>, Vec<&Arc<SourceInfo>>) = listing.iter().partition(|one| has(one));
    if without.is_empty() {
        return None;
    }
    let join = |sources: &[&Arc<SourceInfo>]| {
        sources.iter().map(|source| source.name.as_str()).collect::<Vec<_>>().join(" and ")
    };
    let all = |kind: SourceKind| with.iter().all(|source| source.kind == kind);
    let missing = |kind: SourceKind| without.iter().any(|source| source.kind == kind);
    let words = if all(SourceKind::Hospital) && missing(SourceKind::Gp) {
        "Only in hospital".to_owned()
    } else if all(SourceKind::Gp) && missing(SourceKind::Hospital) {
        "Only at the GP practice".to_owned()
    } else {
        format!("Only at {}", join(&with))
    };
    let detail = format!("Listed by {}; not on the list of {}.", join(&with), join(&without));
    Some(Difference::new(Kind::Only, words, detail, Tone::Plain))
}
