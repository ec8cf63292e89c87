//! Allergies and adverse reactions, and the four different things an allergy panel can say: known allergies, none
//! known, nothing recorded, not available. They must never be mistaken for each other.

use super::{Section, Statement, Tone, gather, mark_differences, withdrawn};
use crate::{
    explain::{Explanation, Reason, and},
    item::{Origin, ParsedItem, of},
    reconcile::{self, Aspect, Difference, Entry, Key, Kind, Manner, Standing, Together, displays, kind_only},
    text::{Concept, concept, list, notes, reference, text, without_tag, words},
    voice::Voice,
    when::When,
};
use fhir::{ResourceId, ResourceType};
use std::collections::HashMap;

/// SNOMED CT concepts by which a source states that no allergies are known, of any kind.
const NONE_KNOWN: [&str; 3] = ["716186003", "160244002", "no-known-allergies"];
/// … or none of one kind only (drugs, food, environment, insects, latex, animals), with the category of AllergyIntolerance
/// that is meant, and whether it is meant as a whole.
const NONE_KNOWN_OF_A_KIND: [(&str, &str, bool); 6] = [
    ("409137002", "medication", true),
    ("429625007", "food", true),
    ("428607008", "environment", true),
    ("428197003", "environment", false),
    ("716184000", "environment", false),
    ("716220001", "environment", false),
];
/// SNOMED CT: allergies and adverse reactions (record artifact), the code of an allergy List in the UK.
const ALLERGY_LIST: [&str; 2] = ["886921000000105", "1102181000000102"];

/// The heading of what counts now.
pub const CURRENT: &str = "Allergies and adverse reactions";

/// A source's statement that no allergies are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoneKnown {
    /// The words: `No known allergies`, `No known drug allergies`.
    pub text: String,
    /// Whether it covers every kind of allergy.
    pub any_kind: bool,
    /// Of a kind only: the category it is about, and whether it covers it whole.
    pub kind: Option<(&'static str, bool)>,
    /// When it was stated, if the source says.
    pub when: Option<When>,
    /// By which source.
    pub origin: Origin,
}

/// The allergy area of the patient banner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Area {
    /// Allergies are recorded. `conflict`: another source states there are none.
    Known {
        /// Name, and whether a source rates it high risk or severe; worst first.
        names: Vec<(String, bool)>,
        /// Whether a source states that no allergies are known.
        conflict: bool,
    },
    /// At least one source states none are known, and none is recorded.
    NoneKnown(Vec<NoneKnown>),
    /// Every source that shares allergies was heard, and none says anything.
    NotRecorded,
    /// A source that shares allergies could not be heard or is silent for longer than usual, or allergies are withheld, so nothing
    /// can be concluded.
    Unavailable(String),
}

/// What the sources state about having no allergies.
pub fn none_known(items: &[ParsedItem]) -> Vec<NoneKnown> {
    let mut found = Vec::new();
    for item in of(items, ResourceType::AllergyIntolerance).filter(|item| !withdrawn(item)) {
        let Some(code) = concept(&item.resource, "code") else { continue };
        let any_kind = NONE_KNOWN.iter().any(|none| code.has(none));
        let kind =
            NONE_KNOWN_OF_A_KIND.iter().find(|(none, ..)| code.has(none)).map(|(_, kind, whole)| (*kind, *whole));
        if (any_kind || kind.is_some()) && !ruled_out(item) && !ended(item) {
            let when = crate::text::when(&item.resource, &["/recordedDate", "/onsetDateTime"]);
            let text = without_tag(&code.text).to_owned();
            found.push(NoneKnown { text, any_kind, kind: kind.filter(|_| !any_kind), when, origin: item.origin() });
        }
    }
    for item in of(items, ResourceType::List).filter(|item| !withdrawn(item) && item.status() != "retired") {
        if empty_list(item).is_some_and(|reason| reason.has("nilknown")) {
            let when = crate::text::when(&item.resource, &["/date"]);
            let text = "No known allergies".into();
            found.push(NoneKnown { text, any_kind: true, kind: None, when, origin: item.origin() });
        }
    }
    found
}

/// Why a List of allergies is empty, if it is one and is.
fn empty_list(item: &ParsedItem) -> Option<Concept> {
    let code = concept(&item.resource, "code")?;
    if ALLERGY_LIST.iter().any(|wanted| code.has(wanted)) { concept(&item.resource, "emptyReason") } else { None }
}

fn is_none_known(code: &Concept) -> bool {
    let mut all = NONE_KNOWN.iter().chain(NONE_KNOWN_OF_A_KIND.iter().map(|(none, ..)| none));
    all.any(|none| code.has(none))
}

fn ruled_out(item: &ParsedItem) -> bool {
    concept(&item.resource, "verificationStatus").is_some_and(|status| status.has("refuted"))
}

fn ended(item: &ParsedItem) -> bool {
    concept(&item.resource, "clinicalStatus").is_some_and(|status| status.has("inactive") || status.has("resolved"))
}

/// How allergies are set side by side.
pub const MANNER: Manner = Manner {
    part: |standing| match standing {
        Standing::Current | Standing::Doubtful => (CURRENT, None, false),
        Standing::NoneKnown => (NONE, None, false),
        Standing::Ended => ("No longer active at any source", None, true),
        Standing::RuledOut => (RULED_OUT, Some(RULED_OUT_NOTE), false),
        Standing::Once => (UNANSWERED, Some(UNANSWERED_NOTE), false),
        Standing::Withdrawn => ("Withdrawn by their source (entered in error)", None, true),
    },
    ended: "Active in one source, no longer active in another",
    only: true,
    onset: false,
    stale: false,
};

const NONE: &str = "Stated as none known";
const RULED_OUT: &str = "Ruled out";
const RULED_OUT_NOTE: &str = "The source looked into it and does not hold it to be an allergy.";
const UNANSWERED: &str = "No answer";
const UNANSWERED_NOTE: &str =
    "The source keeps an empty list of allergies, which is not a statement that there are none.";

/// The allergies page.
pub fn allergies(items: &[ParsedItem]) -> Section {
    let (mut current, mut past, mut refuted, mut wrong, mut none, mut unanswered) =
        (vec![], vec![], vec![], vec![], vec![], vec![]);
    let entries = entries(items);
    for entry in &entries {
        let bin = match entry.standing {
            Standing::Current | Standing::Doubtful => &mut current,
            Standing::NoneKnown => &mut none,
            Standing::Ended => &mut past,
            Standing::RuledOut => &mut refuted,
            Standing::Once => &mut unanswered,
            Standing::Withdrawn => &mut wrong,
        };
        bin.push(entry.statement.clone());
    }
    let together = reconciled(items, entries);
    let mut section = Section { conflicts: together.conflicts(), ..Section::default() };
    let mut current = gather(current);
    mark_differences(&mut current, &together);
    current.sort_by_key(|line| std::cmp::Reverse(line.marks.iter().map(|mark| mark.tone).max()));
    section.push(CURRENT, None, false, current);
    section.push(NONE, None, false, gather(none));
    section.push(UNANSWERED, Some(UNANSWERED_NOTE), false, gather(unanswered));
    section.push(RULED_OUT, Some(RULED_OUT_NOTE), false, gather(refuted));
    section.push("No longer active", None, true, gather(past));
    section.withdrawn = gather(wrong);
    section
}

/// What each source says of each allergy, side by side, with what contradicts it.
pub fn together(items: &[ParsedItem]) -> Together {
    reconciled(items, entries(items))
}

fn reconciled(items: &[ParsedItem], entries: Vec<Entry>) -> Together {
    let mut together = reconcile::together(entries, &MANNER);
    let none = none_known(items);
    if !none.is_empty() {
        contradict(&mut together, &none, items);
    }
    together
}

/// Every entry about allergies, with how it stands. Each AllergyIntolerance gives exactly one, and each empty List of
/// allergies; a List that names allergies only points to them.
fn entries(items: &[ParsedItem]) -> Vec<Entry> {
    let lists = of(items, ResourceType::List).filter_map(|item| Some(list_entry(item, &empty_list(item)?)));
    of(items, ResourceType::AllergyIntolerance).map(entry).chain(lists).collect()
}

fn list_entry(item: &ParsedItem, reason: &Concept) -> Entry {
    let nil = reason.has("nilknown");
    let title = if nil { "No known allergies".to_owned() } else { format!("Allergies: {}", words(&reason.text)) };
    let mut statement = Statement::new(item, None, &title);
    statement.dated("Stated", crate::text::when(&item.resource, &["/date"]));
    let (standing, status) = match () {
        () if withdrawn(item) => (Standing::Withdrawn, "Withdrawn: entered in error"),
        () if item.status() == "retired" => (Standing::Ended, "Retired list"),
        () if nil => (Standing::NoneKnown, "None known"),
        () => (Standing::Once, "No answer"),
    };
    Entry::new(statement, standing, status, true)
}

/// A statement with what it is compared in.
fn entry(item: &ParsedItem) -> Entry {
    let resource = &item.resource;
    let code = concept(resource, "code");
    let clinical = concept(resource, "clinicalStatus");
    let said = || clinical.as_ref().map(|clinical| words(&clinical.text));
    let (standing, status) = match () {
        () if withdrawn(item) => (Standing::Withdrawn, "Withdrawn: entered in error".to_owned()),
        () if ruled_out(item) => (Standing::RuledOut, "Ruled out".into()),
        () if ended(item) => (Standing::Ended, said().unwrap_or_else(|| "No longer active".into())),
        () if code.as_ref().is_some_and(is_none_known) => (Standing::NoneKnown, "None known".into()),
        () => (Standing::Current, said().unwrap_or_else(|| "Status not given".into())),
    };
    let named: Vec<String> = match resource.get("code") {
        // Two allergies to `a drug` are not one: what it was stands with the reaction, or nowhere.
        Some(_) if unspecific(resource) => substances(resource),
        Some(value) => code.iter().map(|code| code.text.clone()).chain(displays(value)).collect(),
        None => substances(resource),
    };
    let mut entry = Entry::new(statement(item), standing, status, false);
    entry.keys.extend(named.iter().filter_map(|name| Key::of_words(allergen(name))));
    entry.name = capital(allergen(&entry.statement.title));
    entry.facet(Aspect::Mechanism, resource.str_at("/type").map(words));
    let risk = resource.str_at("/criticality").filter(|risk| matches!(*risk, "high" | "low"));
    entry.facet(Aspect::Risk, risk.map(words));
    let certainty = concept(resource, "verificationStatus").map(|verification| match () {
        () if verification.has("unconfirmed") || verification.has("presumed") => "Not confirmed".to_owned(),
        () => words(&verification.text),
    });
    entry.facet(Aspect::Certainty, certainty);
    let reactions = reactions(resource).into_iter().map(|(shown, _)| shown).collect::<Vec<_>>();
    let mut same: Vec<String> = reactions.iter().map(|shown| crate::text::comparable(shown)).collect();
    same.sort();
    let same = Some(same.join("; ")).filter(|same| !same.is_empty());
    entry.facet_as(Aspect::Reaction, Some(reactions.join("; ")), same);
    entry.start = crate::text::when(resource, &["/onsetDateTime", "/onsetPeriod/start"]);
    entry.end = crate::text::when(resource, &["/abatementDateTime"]);
    entry.said = crate::text::when(resource, &["/recordedDate"]);
    entry
}

/// Whether a statement of none is against an allergy.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Against {
    No,
    /// The allergy's source does not say of what kind it is, or only part of the kind is meant.
    Perhaps,
    Yes,
}

fn against(none: &NoneKnown, categories: &[&str]) -> Against {
    let Some((kind, whole)) = none.kind else { return Against::Yes };
    match () {
        () if categories.is_empty() => Against::Perhaps,
        () if categories.contains(&kind) && whole => Against::Yes,
        () if categories.contains(&kind) => Against::Perhaps,
        // A biologic is a medicine to most who ask.
        () if kind == "medication" && categories.contains(&"biologic") => Against::Perhaps,
        () => Against::No,
    }
}

/// Mark allergies against which a source states that there are none, and those statements.
fn contradict(together: &mut Together, none: &[NoneKnown], items: &[ParsedItem]) {
    let allergies = of(items, ResourceType::AllergyIntolerance);
    let categories: HashMap<ResourceId, Vec<&str>> = allergies
        .map(|item| (item.id, item.resource.list("category").iter().filter_map(|category| category.as_str()).collect()))
        .collect();
    let no_categories = Vec::new();
    let of_entry = |entry: &Entry| categories.get(&entry.statement.origin.id).unwrap_or(&no_categories).as_slice();
    // What each statement of none is against, to be said on its own thing as well.
    let mut met: HashMap<ResourceId, Vec<(Against, String)>> = HashMap::new();
    let things = together.parts.iter_mut().flat_map(|part| &mut part.things);
    for thing in things.filter(|thing| thing.standing.open()) {
        let open: Vec<&Entry> = thing.entries().filter(|entry| entry.standing.open()).collect();
        let recorded: Vec<String> = open
            .iter()
            .map(|entry| {
                format!(
                    "“{}” recorded by {} on {}",
                    entry.statement.title,
                    entry.source().name,
                    day(entry.said.as_ref(), &entry.statement.origin)
                )
            })
            .collect();
        let mut stated: Vec<(Against, String)> = Vec::new();
        for none in none {
            let how = open.iter().map(|entry| against(none, of_entry(entry))).max().unwrap_or(Against::No);
            if how == Against::No {
                continue;
            }
            let words = format!(
                "“{}” recorded by {} on {}",
                none.text,
                none.origin.source.name,
                day(none.when.as_ref(), &none.origin)
            );
            met.entry(none.origin.id).or_default().push((how, recorded.join(", ")));
            stated.push((how, words));
        }
        let Some(how) = stated.iter().map(|(how, _)| *how).max() else { continue };
        let stated: Vec<String> = stated.into_iter().map(|(_, words)| words).collect();
        let detail = format!("{}; {}. Check with the person.", stated.join(", "), recorded.join(", "));
        thing.differences.insert(0, conflict(how, detail));
    }
    for thing in together.parts.iter_mut().flat_map(|part| &mut part.things) {
        let own: Vec<ResourceId> = thing.entries().map(|entry| entry.statement.origin.id).collect();
        let against: Vec<&(Against, String)> = own.iter().filter_map(|id| met.get(id)).flatten().collect();
        let Some(how) = against.iter().map(|(how, _)| *how).max() else { continue };
        let mut said: Vec<&str> = against.iter().map(|(_, words)| words.as_str()).collect();
        said.sort_unstable();
        said.dedup();
        let mut difference = conflict(how, format!("{}.", said.join("; ")));
        // It is told once, with the allergy: here it only points there.
        difference.tone = Tone::Plain;
        thing.differences.insert(0, difference);
    }
}

fn conflict(how: Against, detail: String) -> Difference {
    let words = match how {
        Against::Yes => "Conflict: stated as none known",
        Against::Perhaps | Against::No => "May conflict: stated as none known of a kind",
    };
    Difference::new(Kind::None, words, detail, Tone::Caution)
}

fn day(said: Option<&When>, origin: &Origin) -> String {
    match said {
        Some(said) => said.day_text(),
        None => format!("a date not given (received {})", When::moment(origin.recorded).day_text()),
    }
}

/// The substance in the name of an allergy, as it is compared: `Allergy to penicillin` and `Penicillin allergy` name one.
fn allergen(name: &str) -> &str {
    let name = without_tag(name);
    const LEADS: [&str; 6] = [
        "allergy to ",
        "hypersensitivity to ",
        "intolerance to ",
        "adverse reaction to ",
        "propensity to adverse reactions to ",
        "drug allergy to ",
    ];
    const TAILS: [&str; 4] = [" allergy", " hypersensitivity", " intolerance", " adverse reaction"];
    let lower = name.to_lowercase();
    // Only where lower case has the same length, so that places agree.
    if lower.len() != name.len() {
        return name;
    }
    let rest = LEADS.iter().find(|lead| lower.starts_with(**lead)).and_then(|lead| name.get(lead.len()..));
    let tail =
        || TAILS.iter().find(|tail| lower.ends_with(**tail)).and_then(|tail| name.get(..name.len() - tail.len()));
    rest.or_else(tail).map(str::trim).filter(|rest| !rest.is_empty()).unwrap_or(name)
}

/// The substance in the name of an allergy, for a place that already says "Allergies": `Allergy to penicillin` is
/// `Penicillin` there.
fn substance(title: &str) -> String {
    let rest = ["Allergy to ", "allergy to ", "Hypersensitivity to "].iter().find_map(|lead| title.strip_prefix(lead));
    rest.map_or_else(|| title.strip_suffix(" allergy").unwrap_or(title).to_owned(), capital)
}

fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// The banner's allergy area. `missing` explains, per source, why allergies of it may be absent.
pub fn area(items: &[ParsedItem], missing: &Explanation) -> Area {
    let section = allergies(items);
    let current = section.group(CURRENT);
    let none = none_known(items);
    if !current.is_empty() {
        let names = current.iter().map(|line| (substance(&line.title), line.danger())).collect();
        let against = |difference: &Difference| difference.kind == Kind::None;
        let contradicted = || {
            let together = together(items);
            together.things().any(|thing| thing.standing.open() && thing.differences.iter().any(against))
        };
        let conflict = !none.is_empty() && contradicted();
        return Area::Known { names, conflict };
    }
    let unsure = |reason: &Reason| matches!(reason, Reason::Loading | Reason::Withheld { .. });
    let unheard = missing.sources_where(unsure);
    if !unheard.is_empty() {
        return Area::Unavailable(format!("not available from {}", unheard.join(", ")));
    }
    if !none.is_empty() {
        return Area::NoneKnown(none);
    }
    let silent = missing.silent(Voice::Staff);
    if !silent.is_empty() {
        return Area::Unavailable(format!("none recorded; there may be some at {}", and(&silent)));
    }
    if missing.per_source.iter().any(|(_, reason)| matches!(reason, Reason::NoneRecorded)) {
        Area::NotRecorded
    } else {
        Area::Unavailable("no source that shares allergies holds a record of this person".into())
    }
}

fn statement(item: &ParsedItem) -> Statement {
    let resource = &item.resource;
    let mut statement = Statement::new(item, concept(resource, "code"), "Substance not named");
    let told = reactions(resource);
    let severe = resource.str_at("/criticality") == Some("high")
        || resource.list("reaction").iter().any(|reaction| text(reaction, "severity") == Some("severe"));
    let reactions: Vec<String> = told
        .into_iter()
        .map(|(shown, severity)| format!("{shown}{}", severity.map(|how| format!(" ({how})")).unwrap_or_default()))
        .collect();
    if severe {
        statement.mark("High risk", Tone::Danger);
    }
    if let Some(verification) = concept(resource, "verificationStatus")
        && (verification.has("unconfirmed") || verification.has("presumed"))
    {
        statement.mark("Not confirmed", Tone::Caution);
    }
    let named = substances(resource).join(", ");
    if unspecific(resource) && !named.is_empty() {
        statement.title = format!("{}: {named}", statement.title);
    } else {
        statement.fact("Substance", Some(named).filter(|named| *named != statement.title));
    }
    statement.fact("Reaction", Some(reactions.join("; ")));
    let kind =
        match (resource.str_at("/type"), resource.list("category").first().and_then(|category| category.as_str())) {
            (Some(kind), Some(category)) => Some(format!("{}, {category}", words(kind))),
            (Some(kind), None) => Some(words(kind)),
            (None, Some(category)) => Some(words(category)),
            (None, None) => None,
        };
    statement.fact("Type", kind);
    statement.fact("Ended", crate::text::when(resource, &["/abatementDateTime"]).map(|when| when.text));
    statement.fact("Last reaction", crate::text::when(resource, &["/lastOccurrence"]).map(|when| when.text));
    statement.fact("Note", Some(notes(resource).join(" ")));
    let onset = crate::text::when(resource, &["/onsetDateTime", "/onsetPeriod/start"]);
    statement.dated(
        if onset.is_some() { "Since" } else { "Recorded" },
        onset.or_else(|| crate::text::when(resource, &["/recordedDate"])),
    );
    statement.by =
        resource.get("recorder").and_then(reference).or_else(|| resource.get("asserter").and_then(reference));
    statement
}

/// What happened, by reaction, with how bad it was.
fn reactions(resource: &fhir::Resource) -> Vec<(String, Option<&str>)> {
    let mut told = Vec::new();
    for reaction in resource.list("reaction") {
        let mut shown: Vec<String> = list(reaction, "manifestation")
            .iter()
            .filter_map(Concept::of)
            .map(|manifestation| without_tag(&manifestation.text).to_owned())
            .collect();
        shown.extend(text(reaction, "description").map(str::to_owned));
        if !shown.is_empty() {
            told.push((shown.join(", "), text(reaction, "severity")));
        }
    }
    told
}

/// Whether its code and words say only of what kind it is (`Allergy to drug`), and not to what.
fn unspecific(resource: &fhir::Resource) -> bool {
    let Some(code) = resource.get("code") else { return false };
    let codings = list(code, "coding");
    let kind = |coding: &fhir::Value| text(coding, "code").is_some_and(kind_only);
    let shown = text(code, "text").map(crate::text::comparable);
    let displayed = |coding: &fhir::Value| text(coding, "display").map(crate::text::comparable);
    !codings.is_empty()
        && codings.iter().all(kind)
        && shown.is_none_or(|shown| codings.iter().any(|coding| displayed(coding).is_none_or(|other| other == shown)))
}

/// What the reactions were to, where the source says it there, each once.
fn substances(resource: &fhir::Resource) -> Vec<String> {
    let mut named: Vec<String> = Vec::new();
    for substance in resource.list("reaction").iter().filter_map(|reaction| Concept::of(reaction.get("substance")?)) {
        let substance = without_tag(&substance.text).to_owned();
        if !named.contains(&substance) {
            named.push(substance);
        }
    }
    named
}
