//! What statements are the same by: codes, then words. Equality only: no likeness, no synonyms.

use super::{Entry, Joined};
use crate::text::{Code, comparable, list, text};
use fhir::Value;
use std::collections::HashMap;

/// A space of codes in which equal codes mean the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Space {
    /// SNOMED CT. The codes of dm+d are SNOMED CT identifiers (dm+d data model, §2), whichever of the two a source names.
    Snomed,
    /// Any other system, by its URI.
    Other(String),
}

impl Space {
    /// The space of a system; none where the source named none: its codes may mean anything.
    pub fn of(system: &str) -> Option<Space> {
        let system = system.trim_end_matches('/');
        match system {
            "" => None,
            "http://snomed.info/sct"
            | "https://dmd.nhs.uk"
            | "http://dmd.nhs.uk"
            | "urn:oid:2.16.840.1.113883.6.96"
            | "urn:oid:2.16.840.1.113883.2.1.3.2.4.15" => Some(Space::Snomed),
            other if other.starts_with("http://snomed.info/sct/") => Some(Space::Snomed),
            other => Some(Space::Other(other.to_owned())),
        }
    }
}

/// Something a statement is known by.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    /// A code.
    Code(Space, String),
    /// Words, in the form they are compared in.
    Words(String),
}

/// SNOMED CT concepts that say of what kind an allergy is and not to what: two of them are no same thing.
const KINDS_ONLY: [&str; 9] = [
    "420134006",
    "418038007",
    "419511003",
    "418471000",
    "419199007",
    "416098002",
    "414285001",
    "59037007",
    "235719002",
];

/// Whether a SNOMED CT code says only of what kind an allergy is, and not to what.
pub fn kind_only(code: &str) -> bool {
    KINDS_ONLY.contains(&code)
}

/// Whether a code says that there is none: unknown, other, not asked.
pub fn null_flavour(code: &Code) -> bool {
    code.system.contains("NullFlavor") || code.system.contains("data-absent-reason")
}

impl Key {
    /// A code that names the thing.
    pub fn of_code(code: &Code) -> Option<Key> {
        let space = Space::of(&code.system)?;
        let unspecific = space == Space::Snomed && kind_only(&code.code);
        if unspecific || null_flavour(code) { None } else { Some(Key::Code(space, code.code.clone())) }
    }

    /// Words that name the thing.
    pub fn of_words(words: &str) -> Option<Key> {
        let words = comparable(words);
        if words.is_empty() { None } else { Some(Key::Words(words)) }
    }
}

/// The displays of a CodeableConcept's codings that name the thing: also the source's words for it.
pub fn displays(concept: &Value) -> Vec<String> {
    let named = list(concept, "coding").iter().filter(|coding| {
        let code = Code {
            system: text(coding, "system").unwrap_or_default().to_owned(),
            code: text(coding, "code").unwrap_or_default().to_owned(),
        };
        !null_flavour(&code) && !kind_only(&code.code)
    });
    named.filter_map(|coding| text(coding, "display")).map(str::to_owned).collect()
}

/// Sets of entries that are joined by their keys, each with the reason. Every entry is in exactly one.
pub(super) fn classes(entries: Vec<Entry>) -> Vec<(Joined, Vec<Entry>)> {
    let mut by_code = Forest::of(entries.len());
    let mut whole = Forest::of(entries.len());
    let mut first: HashMap<&Key, usize> = HashMap::new();
    for (index, entry) in entries.iter().enumerate() {
        for key in &entry.keys {
            let other = *first.entry(key).or_insert(index);
            whole.join(index, other);
            if matches!(key, Key::Code(..)) {
                by_code.join(index, other);
            }
        }
    }
    drop(first);
    let mut place: HashMap<usize, usize> = HashMap::new();
    let mut classes: Vec<(Vec<usize>, Vec<Entry>)> = Vec::new();
    for (index, entry) in entries.into_iter().enumerate() {
        let at = *place.entry(whole.root(index)).or_insert(classes.len());
        if at == classes.len() {
            classes.push((Vec::new(), Vec::new()));
        }
        if let Some((roots, members)) = classes.get_mut(at) {
            let root = by_code.root(index);
            if !roots.contains(&root) {
                roots.push(root);
            }
            members.push(entry);
        }
    }
    let joined = |roots: usize, members: usize| match (roots, members) {
        (_, 0 | 1) => Joined::Alone,
        (1, _) => Joined::Code,
        (roots, members) if roots == members => Joined::Words,
        _ => Joined::Both,
    };
    classes.into_iter().map(|(roots, members)| (joined(roots.len(), members.len()), members)).collect()
}

/// Disjoint sets.
struct Forest {
    parent: Vec<usize>,
}

impl Forest {
    fn of(size: usize) -> Forest {
        Forest { parent: (0..size).collect() }
    }

    fn root(&mut self, index: usize) -> usize {
        let mut at = index;
        while let Some(parent) = self.parent.get(at).copied().filter(|parent| *parent != at) {
            let above = self.parent.get(parent).copied().unwrap_or(parent);
            if let Some(slot) = self.parent.get_mut(at) {
                *slot = above;
            }
            at = parent;
        }
        at
    }

    /// The lower root stays, so that classes come in the order of their first entries.
    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        if let Some(slot) = self.parent.get_mut(a.max(b)) {
            *slot = a.min(b);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_a_meaning_is_not_folded_away() {
        assert_ne!(comparable("Blood group O Rh+"), comparable("Blood group O Rh-"));
        assert_ne!(comparable("Warfarin 2.5 mg"), comparable("Warfarin 25 mg"));
        assert_ne!(comparable("eGFR < 15"), comparable("eGFR > 15"));
        assert_eq!(comparable("Diabetes  mellitus, type 2 (disorder)"), comparable("diabetes mellitus type 2"));
        assert_eq!(comparable("Vitamin D 1,000 units"), comparable("vitamin d 1000 units"));
    }

    #[test]
    fn a_code_without_a_system_and_a_code_that_names_nothing_join_nothing() {
        let code = |system: &str, code: &str| Code { system: system.into(), code: code.into() };
        assert_eq!(Key::of_code(&code("", "91936005")), None);
        assert_eq!(Key::of_code(&code("http://snomed.info/sct", "416098002")), None, "allergy to drug, but which?");
        assert_eq!(Key::of_code(&code("http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "UNK")), None);
        assert_eq!(
            Key::of_code(&code("https://dmd.nhs.uk", "319775004")),
            Key::of_code(&code("http://snomed.info/sct", "319775004"))
        );
    }
}
