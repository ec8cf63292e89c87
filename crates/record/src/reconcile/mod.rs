//! Reconciliation without loss: what several sources say of one thing set side by side, each in its own words, with what
//! differs between them named. Things are the same when their sources say so: by a code they share, else by the same words.
//! There is no terminology to ask and nothing is guessed, so two names without a common code stay two things beside each
//! other, and nothing here claims that they are different.
//!
//! Whatever is put in comes out in exactly one place (hazard: allergy lost in de-duplication).

mod differ;
mod keys;
mod product;

pub use differ::{Difference, Kind};
pub use keys::{Key, Space, displays, kind_only, null_flavour};
pub use product::{Product, product};

use crate::{
    item::SourceInfo,
    sections::Statement,
    text::{comparable, without_tag},
    when::When,
};
use jiff::Timestamp;
use std::{collections::HashMap, sync::Arc};

/// How a statement stands, by what its source says and how old that is. The strongest comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// It holds now.
    Current,
    /// It may hold: never closed and old, or recorded at a visit without saying whether it lasts.
    Doubtful,
    /// That there is nothing of the kind: no known allergies.
    NoneKnown,
    /// It was so, and has ended.
    Ended,
    /// It was looked into and is not so.
    RuledOut,
    /// Something that was done once: a dose given, a supply handed over; or only a name.
    Once,
    /// Its source has withdrawn it as entered in error.
    Withdrawn,
}

impl Standing {
    /// All of them, strongest first.
    pub const ALL: [Standing; 7] = [
        Standing::Current,
        Standing::Doubtful,
        Standing::NoneKnown,
        Standing::Ended,
        Standing::RuledOut,
        Standing::Once,
        Standing::Withdrawn,
    ];

    /// Whether it may hold now.
    pub fn open(self) -> bool {
        matches!(self, Standing::Current | Standing::Doubtful)
    }
}

/// A property that sources are compared in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Aspect {
    /// Taken, held or planned.
    Status,
    /// How much is taken, and when.
    Dose,
    /// What is in one unit of it.
    Strength,
    /// Tablets, modified-release capsules, oral solution.
    Form,
    /// Oral, subcutaneous.
    Route,
    /// Allergy or intolerance.
    Mechanism,
    /// How dangerous its source holds it to be.
    Risk,
    /// Confirmed or not.
    Certainty,
    /// What happened to the person.
    Reaction,
    /// How bad it is.
    Severity,
    /// Where in the body, and on which side.
    Site,
}

/// What one statement says of one aspect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facet {
    /// Of which aspect.
    pub aspect: Aspect,
    /// In its source's words.
    pub said: String,
    /// In the forms it is compared in: two agree when they share one.
    pub same: Vec<String>,
}

impl Facet {
    /// Whether two say the same.
    pub fn agrees(&self, other: &Facet) -> bool {
        self.same.iter().any(|same| other.same.contains(same))
    }
}

/// One statement of one source, with what is needed to set it beside others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The statement.
    pub statement: Statement,
    /// How it stands.
    pub standing: Standing,
    /// The same in words: `Current`, `On hold`, `Ended 03-Jul-2026`.
    pub status: String,
    /// What it is known by.
    pub keys: Vec<Key>,
    /// The part of its title that names the thing, without strength and form.
    pub name: String,
    /// What it is compared in.
    pub facets: Vec<Facet>,
    /// When it began.
    pub start: Option<When>,
    /// When it ended or is to end.
    pub end: Option<When>,
    /// When its source last said so.
    pub said: Option<When>,
    /// Whether its beginning and end are those of a course of treatment, and not of a prescription's validity.
    pub course: bool,
    /// Whether another entry of its source rests on it and says the same: an authorisation behind what is taken.
    pub behind: bool,
    /// Whether its end means that the thing itself ended: a completed order was carried out, and the medicine may go on.
    pub stops: bool,
}

impl Entry {
    /// An entry of this statement. What it is called when its source names nothing is no name to join by: `named` is false.
    pub fn new(statement: Statement, standing: Standing, status: impl Into<String>, named: bool) -> Entry {
        let name = statement.title.clone();
        let mut keys: Vec<Key> = statement.codes.iter().filter_map(Key::of_code).collect();
        if named {
            keys.extend(Key::of_words(&name));
        }
        let said = statement.when.clone();
        Entry {
            statement,
            standing,
            status: status.into(),
            keys,
            name,
            facets: Vec::new(),
            start: None,
            end: None,
            said,
            course: false,
            behind: false,
            stops: true,
        }
    }

    /// Add what it says of an aspect, if it says anything.
    pub fn facet(&mut self, aspect: Aspect, said: Option<String>) -> &mut Self {
        if let Some(said) = said.filter(|said| !said.trim().is_empty()) {
            let same = vec![comparable(&said)];
            self.facets.push(Facet { aspect, said, same });
        }
        self
    }

    /// Add what it says of an aspect in parts, to be compared as `same`.
    pub fn facet_as(
        &mut self,
        aspect: Aspect,
        said: Option<String>,
        same: impl IntoIterator<Item = String>,
    ) -> &mut Self {
        let same: Vec<String> = same.into_iter().collect();
        if let Some(said) = said.filter(|_| !same.is_empty()) {
            self.facets.push(Facet { aspect, said, same });
        }
        self
    }

    /// Its marks, without those that only repeat how it stands.
    pub fn marks(&self) -> Vec<&crate::sections::Mark> {
        self.statement.marks.iter().filter(|mark| mark.text != self.status).collect()
    }

    /// Its source.
    pub fn source(&self) -> &Arc<SourceInfo> {
        &self.statement.origin.source
    }

    /// When its source last said so, else when we heard it.
    pub fn last_word(&self) -> Timestamp {
        self.said.as_ref().map_or(self.statement.origin.recorded, |said| said.at)
    }

    /// The day of that, in words that say which of the two it is.
    pub fn last_word_text(&self) -> String {
        match &self.said {
            Some(said) => said.day_text(),
            None => format!("received {}", When::moment(self.statement.origin.recorded).day_text()),
        }
    }
}

/// Why statements stand together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joined {
    /// There is only one.
    Alone,
    /// They share a code.
    Code,
    /// They are named with the same words.
    Words,
    /// Some share a code, some the words.
    Both,
}

impl Joined {
    /// In words, for under a heading.
    pub fn words(self) -> Option<&'static str> {
        match self {
            Joined::Alone => None,
            Joined::Code => Some("Together because they carry the same code"),
            Joined::Words => Some("Together because they have the same name"),
            Joined::Both => Some("Together because they carry the same code or have the same name"),
        }
    }
}

/// What one source says of a thing, what holds now first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The source.
    pub source: Arc<SourceInfo>,
    /// Its statements. Never empty.
    pub entries: Vec<Entry>,
}

impl Column {
    /// The statements to read, and those that add little: what was done once, which may be hundreds, and what stands behind
    /// another entry. Where there is nothing else, they are to be read.
    pub fn split(&self) -> (Vec<&Entry>, Vec<&Entry>) {
        self.entries.iter().partition(|entry| entry.standing != Standing::Once && !entry.behind)
    }
}

/// One thing, as each source has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thing {
    /// What it is called.
    pub title: String,
    /// The strongest standing that any source gives it.
    pub standing: Standing,
    /// Why its statements stand together.
    pub joined: Joined,
    /// What differs, gravest first.
    pub differences: Vec<Difference>,
    /// A column for each source that says something.
    pub columns: Vec<Column>,
    /// Sources that keep such a list and do not have this on it.
    pub absent: Vec<Arc<SourceInfo>>,
    /// Sources that state that there is nothing of the kind, or of some kind.
    pub denied: Vec<Arc<SourceInfo>>,
}

impl Thing {
    /// All its statements.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.columns.iter().flat_map(|column| &column.entries)
    }
}

/// Things under one heading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The heading.
    pub title: &'static str,
    /// A sentence under it, when one is needed to read it rightly.
    pub note: Option<&'static str>,
    /// Whether it starts closed.
    pub folded: bool,
    /// How its things stand.
    pub standing: Standing,
    /// The things.
    pub things: Vec<Thing>,
}

/// How a section calls its parts, and what it says of differences.
pub struct Manner {
    /// Heading, note and whether it starts closed, by standing.
    pub part: fn(Standing) -> (&'static str, Option<&'static str>, bool),
    /// What is said when one source has it as current and another, later, as ended.
    pub ended: &'static str,
    /// What one source has that another does not is worth saying.
    pub only: bool,
    /// That it began at different times is worth saying.
    pub onset: bool,
    /// What may hold does so because it is old.
    pub stale: bool,
}

/// A section, reconciled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Together {
    /// Parts that have things, in the order of [`Standing::ALL`].
    pub parts: Vec<Part>,
    /// Every source that says something.
    pub sources: Vec<Arc<SourceInfo>>,
}

impl Together {
    /// Every thing.
    pub fn things(&self) -> impl Iterator<Item = &Thing> {
        self.parts.iter().flat_map(|part| &part.things)
    }

    /// A sentence for each difference that must be read before acting.
    pub fn conflicts(&self) -> Vec<String> {
        let mut said: Vec<String> = Vec::new();
        for thing in self.things() {
            for difference in thing.differences.iter().filter(|difference| difference.grave()) {
                let sentence = difference.sentence(&thing.title);
                if !said.contains(&sentence) {
                    said.push(sentence);
                }
            }
        }
        said
    }

    /// The same statements source by source: each source's list in its own words, by standing, nothing joined.
    pub fn by_source(&self, manner: &Manner) -> Vec<Listed<'_>> {
        let mut lists: Vec<Listed<'_>> = Vec::new();
        for source in &self.sources {
            let mut parts = Vec::new();
            for standing in Standing::ALL {
                let all = self.things().flat_map(Thing::entries);
                let mut entries: Vec<&Entry> =
                    all.filter(|entry| entry.standing == standing && entry.source() == source).collect();
                entries.sort_by(|a, b| {
                    comparable(&a.statement.title)
                        .cmp(&comparable(&b.statement.title))
                        .then_with(|| a.statement.sort_key().cmp(&b.statement.sort_key()))
                });
                if !entries.is_empty() {
                    let (title, _, folded) = (manner.part)(standing);
                    let title = match standing {
                        Standing::Ended => "No longer current",
                        Standing::Once if manner.stale => "Given, dispensed or named",
                        _ => title,
                    };
                    parts.push(ListedPart { title, folded, entries });
                }
            }
            lists.push(Listed { source: Arc::clone(source), parts });
        }
        lists
    }
}

/// One source's list.
#[derive(Debug)]
pub struct Listed<'a> {
    /// The source.
    pub source: Arc<SourceInfo>,
    /// Its parts.
    pub parts: Vec<ListedPart<'a>>,
}

/// A part of one source's list.
#[derive(Debug)]
pub struct ListedPart<'a> {
    /// The heading.
    pub title: &'static str,
    /// Whether it starts closed.
    pub folded: bool,
    /// The statements, by name.
    pub entries: Vec<&'a Entry>,
}

/// Bring statements of the same thing together and say what differs. Every entry given is in exactly one column of exactly
/// one thing of the answer.
pub fn together(entries: Vec<Entry>, manner: &Manner) -> Together {
    let sources = sources(&entries);
    let listing: Vec<Arc<SourceInfo>> = sources
        .iter()
        .filter(|source| entries.iter().any(|entry| entry.standing.open() && entry.source() == *source))
        .cloned()
        .collect();
    let stating = |source: &Arc<SourceInfo>| {
        let none = |entry: &Entry| entry.standing == Standing::NoneKnown && entry.source() == source;
        !listing.contains(source) && entries.iter().any(none)
    };
    let stating: Vec<Arc<SourceInfo>> = sources.iter().filter(|source| stating(source)).cloned().collect();
    let mut things: Vec<Thing> =
        keys::classes(entries).into_iter().map(|(joined, entries)| thing(joined, entries, &listing, manner)).collect();
    for thing in things.iter_mut().filter(|thing| thing.standing.open()) {
        let has = |source: &Arc<SourceInfo>| thing.columns.iter().any(|column| column.source == *source);
        thing.denied = stating.iter().filter(|source| !has(source)).cloned().collect();
    }
    things.sort_by_cached_key(|thing| {
        let first = thing.columns.first().map(|column| {
            let (rank, name, id) = place(&column.source);
            (rank, name.to_owned(), id.to_owned())
        });
        (comparable(&thing.title), thing.title.clone(), first)
    });
    let mut parts: Vec<Part> = Vec::new();
    for standing in Standing::ALL {
        let (of, rest): (Vec<Thing>, Vec<Thing>) = things.into_iter().partition(|thing| thing.standing == standing);
        things = rest;
        if !of.is_empty() {
            let (title, note, folded) = (manner.part)(standing);
            parts.push(Part { title, note, folded, standing, things: of });
        }
    }
    Together { parts, sources }
}

fn sources(entries: &[Entry]) -> Vec<Arc<SourceInfo>> {
    let mut sources: Vec<Arc<SourceInfo>> = Vec::new();
    for entry in entries {
        if !sources.contains(entry.source()) {
            sources.push(Arc::clone(entry.source()));
        }
    }
    sources.sort_by(|a, b| place(a).cmp(&place(b)));
    sources
}

/// A source's place among the columns.
fn place(source: &SourceInfo) -> (u8, &str, &str) {
    (source.kind.rank(), &source.name, &source.id)
}

fn thing(joined: Joined, mut entries: Vec<Entry>, listing: &[Arc<SourceInfo>], manner: &Manner) -> Thing {
    entries.sort_by(|a, b| {
        a.standing
            .cmp(&b.standing)
            .then_with(|| a.statement.sort_key().cmp(&b.statement.sort_key()))
            .then_with(|| b.last_word().cmp(&a.last_word()))
            .then_with(|| a.statement.origin.id.cmp(&b.statement.origin.id))
    });
    let standing = entries.first().map_or(Standing::Once, |entry| entry.standing);
    let title = title(&entries);
    entries.sort_by(|a, b| place(a.source()).cmp(&place(b.source())));
    let differences = differ::differences(&entries, listing, manner);
    let absent = if standing == Standing::Current {
        let has = |source: &Arc<SourceInfo>| entries.iter().any(|entry| entry.source() == source);
        listing.iter().filter(|source| !has(source)).cloned().collect()
    } else {
        Vec::new()
    };
    let mut columns: Vec<Column> = Vec::new();
    for entry in entries {
        match columns.last_mut().filter(|column| column.source == *entry.source()) {
            Some(column) => column.entries.push(entry),
            None => columns.push(Column { source: Arc::clone(entry.source()), entries: vec![entry] }),
        }
    }
    Thing { title, standing, joined, differences, columns, absent, denied: Vec::new() }
}

/// The words all agree on, else the name alone, as the leading statement has it.
fn title(entries: &[Entry]) -> String {
    let Some(first) = entries.first() else { return String::new() };
    let words = comparable(&first.statement.title);
    let agreed = entries.iter().all(|entry| comparable(&entry.statement.title) == words);
    let shown = if agreed { &first.statement.title } else { &first.name };
    without_tag(shown).to_owned()
}

/// The things by the statements in them, for marking lines of another arrangement.
pub fn by_statement(together: &Together) -> HashMap<fhir::ResourceId, &Thing> {
    together.things().flat_map(|thing| thing.entries().map(move |entry| (entry.statement.origin.id, thing))).collect()
}
