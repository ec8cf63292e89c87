//! Allergies and adverse reactions, and the four different things an allergy panel can say: known allergies, none
//! known, nothing recorded, not available. They must never be mistaken for each other.

use super::{Line, Section, Statement, Tone, gather, withdrawn};
use crate::{
    explain::{Explanation, Reason},
    item::{Origin, ParsedItem, of},
    text::{Concept, concept, fold, list, notes, reference, text, words},
    when::When,
};
use fhir::ResourceType;

/// SNOMED CT concepts by which a source states that no allergies are known, of any kind.
const NONE_KNOWN: [&str; 3] = ["716186003", "160244002", "no-known-allergies"];
/// … or none of one kind only.
const NONE_KNOWN_OF_A_KIND: [&str; 6] = ["409137002", "429625007", "428607008", "428197003", "716184000", "716220001"];
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
    /// A source that shares allergies could not be heard, or allergies are withheld, so nothing can be concluded.
    Unavailable(String),
}

/// What the sources state about having no allergies.
pub fn none_known(items: &[ParsedItem]) -> Vec<NoneKnown> {
    let mut found = Vec::new();
    for item in of(items, ResourceType::AllergyIntolerance).filter(|item| !withdrawn(item)) {
        let Some(code) = concept(&item.resource, "code") else { continue };
        let any_kind = NONE_KNOWN.iter().any(|none| code.has(none));
        if (any_kind || NONE_KNOWN_OF_A_KIND.iter().any(|none| code.has(none))) && !ruled_out(item) {
            let when = crate::text::when(&item.resource, &["/recordedDate", "/onsetDateTime"]);
            found.push(NoneKnown {
                text: crate::text::without_tag(&code.text).to_owned(),
                any_kind,
                when,
                origin: item.origin(),
            });
        }
    }
    for item in of(items, ResourceType::List).filter(|item| !withdrawn(item) && item.status() != "retired") {
        let about_allergies =
            concept(&item.resource, "code").is_some_and(|code| ALLERGY_LIST.iter().any(|wanted| code.has(wanted)));
        let empty = concept(&item.resource, "emptyReason");
        let nil = empty.as_ref().is_some_and(|reason| reason.has("nilknown"));
        if about_allergies && nil {
            let when = crate::text::when(&item.resource, &["/date"]);
            found.push(NoneKnown { text: "No known allergies".into(), any_kind: true, when, origin: item.origin() });
        }
    }
    found
}

fn is_none_known(code: &Concept) -> bool {
    NONE_KNOWN.iter().chain(&NONE_KNOWN_OF_A_KIND).any(|none| code.has(none))
}

fn ruled_out(item: &ParsedItem) -> bool {
    concept(&item.resource, "verificationStatus").is_some_and(|status| status.has("refuted"))
}

fn ended(item: &ParsedItem) -> bool {
    concept(&item.resource, "clinicalStatus").is_some_and(|status| status.has("inactive") || status.has("resolved"))
}

/// The allergies page.
pub fn allergies(items: &[ParsedItem]) -> Section {
    let (mut current, mut past, mut refuted, mut wrong, mut none) = (vec![], vec![], vec![], vec![], vec![]);
    for item in of(items, ResourceType::AllergyIntolerance) {
        let statement = statement(item);
        if withdrawn(item) {
            wrong.push(statement);
        } else if concept(&item.resource, "code").is_some_and(|code| is_none_known(&code)) {
            none.push(statement);
        } else if ruled_out(item) {
            refuted.push(statement);
        } else if ended(item) {
            past.push(statement);
        } else {
            current.push(statement);
        }
    }
    for stated in none_known(items).into_iter().filter(|stated| stated.origin.kind == ResourceType::List) {
        let Some(item) = items.iter().find(|item| item.id == stated.origin.id) else { continue };
        let mut statement = Statement::new(item, None, &stated.text);
        statement.dated("Stated", stated.when);
        none.push(statement);
    }
    let mut section = Section::default();
    let mut current = gather(current);
    current.sort_by_key(|line| std::cmp::Reverse(line.marks.iter().map(|mark| mark.tone).max()));
    let refuted = gather(refuted);
    section.conflicts = conflicts(&current, &none_known(items), &refuted);
    section.push(CURRENT, None, false, current);
    section.push("Stated as none known", None, false, gather(none));
    section.push("Ruled out", Some("The source looked into it and does not hold it to be an allergy."), false, refuted);
    section.push("No longer active", None, true, gather(past));
    section.withdrawn = gather(wrong);
    section
}

fn conflicts(current: &[Line], none: &[NoneKnown], refuted: &[Line]) -> Vec<String> {
    let mut conflicts = Vec::new();
    if !current.is_empty() && !none.is_empty() {
        let mut stating: Vec<String> = Vec::new();
        for stated in none {
            let when = stated.when.as_ref().map(|when| format!(" ({})", when.day_text())).unwrap_or_default();
            let name = format!("{}{when}", stated.origin.source.name);
            if !stating.contains(&name) {
                stating.push(name);
            }
        }
        let words = none.first().map(|stated| stated.text.clone()).unwrap_or_default();
        for line in current {
            conflicts.push(format!(
                "{}: recorded by {}, but “{words}” is stated by {}. Check with the person; both are shown.",
                line.title,
                line.sources().join(" and "),
                stating.join(" and ")
            ));
        }
    }
    for line in current {
        if let Some(other) = refuted.iter().find(|other| fold(&other.title) == fold(&line.title)) {
            let (by, against) = (line.sources().join(" and "), other.sources().join(" and "));
            conflicts.push(format!("{}: recorded by {by}, ruled out by {against}.", line.title));
        }
    }
    conflicts
}

/// The substance in the name of an allergy, for a place that already says "Allergies": `Allergy to penicillin` is
/// `Penicillin` there.
fn substance(title: &str) -> String {
    let rest = ["Allergy to ", "allergy to ", "Hypersensitivity to "].iter().find_map(|lead| title.strip_prefix(lead));
    let Some(rest) = rest else { return title.strip_suffix(" allergy").unwrap_or(title).to_owned() };
    let mut letters = rest.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// The banner's allergy area. `missing` explains, per source, why allergies of it may be absent.
pub fn area(items: &[ParsedItem], missing: &Explanation) -> Area {
    let section = allergies(items);
    let current = section.group(CURRENT);
    let none = none_known(items);
    if !current.is_empty() {
        let names = current.iter().map(|line| (substance(&line.title), line.danger())).collect();
        return Area::Known { names, conflict: !none.is_empty() };
    }
    let unheard: Vec<&str> = missing
        .per_source
        .iter()
        .filter(|(_, reason)| matches!(reason, Reason::NotAnswering { .. } | Reason::Loading | Reason::Withheld { .. }))
        .map(|(source, _)| source.name.as_str())
        .collect();
    if !unheard.is_empty() {
        return Area::Unavailable(format!("not available from {}", unheard.join(", ")));
    }
    if !none.is_empty() {
        return Area::NoneKnown(none);
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
    let mut severe = resource.str_at("/criticality") == Some("high");
    let mut reactions = Vec::new();
    for reaction in resource.list("reaction") {
        let mut shown: Vec<String> = list(reaction, "manifestation")
            .iter()
            .filter_map(Concept::of)
            .map(|c| crate::text::without_tag(&c.text).to_owned())
            .collect();
        if let Some(description) = text(reaction, "description") {
            shown.push(description.to_owned());
        }
        let severity = text(reaction, "severity");
        severe |= severity == Some("severe");
        if !shown.is_empty() {
            let severity = severity.map(|severity| format!(" ({severity})")).unwrap_or_default();
            reactions.push(format!("{}{severity}", shown.join(", ")));
        }
    }
    if severe {
        statement.mark("High risk", Tone::Danger);
    }
    if let Some(verification) = concept(resource, "verificationStatus")
        && (verification.has("unconfirmed") || verification.has("presumed"))
    {
        statement.mark("Not confirmed", Tone::Caution);
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
