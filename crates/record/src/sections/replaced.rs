//! What stands in whose place among plans: by what a newer plan says it replaces, and by what a plan that was signed here
//! says of itself. A plan that another replaces never looks current (hazard: old plan acted on).

use super::withdrawn;
use crate::{
    item::ParsedItem,
    text::{self, list, reference},
    when::When,
};
use fhir::{ResourceType, Value};
use std::collections::HashMap;

/// What stands in a plan's place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Replacement {
    /// The version that was replaced, where it is said: its source may have said something new since.
    version: Option<u32>,
    by: Option<String>,
    at: Option<String>,
}

/// Replacements by what they replace, `CarePlan/<id>`.
pub(super) type Replacements = HashMap<String, Replacement>;

/// The standing of a plan that another may replace.
pub(super) enum Replaced {
    /// None does.
    No,
    /// One did, and its source has changed it since: nobody has looked at it as it is now.
    ChangedSince,
    /// Another stands in its place: in words.
    By(String),
}

fn extension<'a>(item: &'a ParsedItem, url: &str) -> Option<&'a Value> {
    item.resource.list("extension").iter().find(|one| text::text(one, "url") == Some(url))
}

fn part<'a>(extension: &'a Value, name: &str) -> Option<&'a Value> {
    list(extension, "extension").iter().find(|part| text::text(part, "url") == Some(name))
}

fn day(raw: Option<&str>) -> Option<String> {
    raw.and_then(When::parse).map(|when| when.day_text())
}

/// What replaces what. What was taken back replaces nothing.
pub(super) fn replacements(items: &[ParsedItem]) -> Replacements {
    let mut all = Replacements::new();
    for item in items.iter().filter(|item| !withdrawn(item) && extension(item, forms::WITHDRAWN).is_none()) {
        let mut named: Vec<&Value> = match item.kind() {
            ResourceType::CarePlan => item.resource.list("replaces").iter().collect(),
            ResourceType::Composition => {
                let relations = item.resource.list("relatesTo").iter();
                let replaces = relations.filter(|related| text::text(related, "code") == Some("replaces"));
                replaces.filter_map(|related| related.get("targetReference")).collect()
            }
            ResourceType::QuestionnaireResponse => Vec::new(),
            _ => continue,
        };
        let ours = item.resource.list("extension").iter();
        named.extend(
            ours.filter(|one| text::text(one, "url") == Some(forms::REPLACES))
                .filter_map(|one| one.get("valueReference")),
        );
        let written = text::when(&item.resource, &["/created", "/authored", "/date", "/period/start"]);
        for named in named {
            let Some(target) = text::text(named, "reference") else { continue };
            let (target, version) = match target.split_once("/_history/") {
                Some((target, version)) => (target, version.parse().ok()),
                None => (target, None),
            };
            let replacement = Replacement {
                version,
                by: item.resource.get("author").and_then(reference),
                at: written.as_ref().map(When::day_text),
            };
            let known = all.entry(target.to_owned()).or_default();
            // Of several that replace it, the one that saw the newest version of it.
            if known.version <= version {
                *known = replacement;
            }
        }
    }
    all
}

fn words(by: Option<&str>, at: Option<&str>) -> String {
    let mut words = "Superseded".to_owned();
    if let Some(at) = at {
        words.push_str(&format!(" on {at}"));
    }
    if let Some(by) = by {
        words.push_str(&format!(" by {by}"));
    }
    words
}

/// Whether another stands in a plan's place.
pub(super) fn replaced(item: &ParsedItem, all: &Replacements) -> Replaced {
    if let Some(mark) = extension(item, forms::SUPERSEDED) {
        let by = part(mark, "by").and_then(|by| by.get("valueReference")).and_then(reference);
        let at = day(part(mark, "at").and_then(|at| text::text(at, "valueDateTime")));
        return Replaced::By(words(by.as_deref(), at.as_deref()));
    }
    match all.get(&format!("{}/{}", item.kind(), item.id)) {
        None => Replaced::No,
        Some(by) if by.version.is_some_and(|version| version < item.version) => Replaced::ChangedSince,
        Some(by) => Replaced::By(words(by.by.as_deref(), by.at.as_deref())),
    }
}

/// Of a plan whose signature was taken back: by whom, when and why.
pub(super) fn taken_back(item: &ParsedItem) -> Option<String> {
    let mark = extension(item, forms::WITHDRAWN)?;
    let said = |name: &str, member: &str| part(mark, name).and_then(|part| text::text(part, member)).map(str::to_owned);
    let mut words = "Signature withdrawn".to_owned();
    if let Some(at) = day(said("at", "valueDateTime").as_deref()) {
        words.push_str(&format!(" on {at}"));
    }
    if let Some(by) = said("by", "valueString") {
        words.push_str(&format!(" by {by}"));
    }
    if let Some(why) = said("why", "valueString") {
        words.push_str(&format!(": {why}"));
    }
    Some(words)
}
