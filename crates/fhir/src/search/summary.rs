//! `_summary` and `_elements` (R4 §3.1.1.5.8, §3.1.1.5.9): giving less of a resource, and saying so.

use super::table::elements;
use crate::Resource;
use serde_json::{Value, json};

/// How much of each resource is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Summary {
    /// All of it.
    #[default]
    Whole,
    /// `_summary=true`: the elements the definitions mark as summary.
    Marked,
    /// `_summary=text`: narrative, id, meta and what is mandatory.
    Text,
    /// `_summary=data`: all but the narrative.
    Data,
    /// `_summary=count`: no resources, the number only.
    Count,
    /// `_elements=a,b`: these, and what is mandatory.
    Elements(Vec<String>),
}

impl Summary {
    /// Cut a resource down and tag it SUBSETTED. A whole resource is left untouched.
    pub fn apply(&self, resource: &mut Resource) {
        let table = elements(resource.kind());
        let named = |list: &[&str], name: &str| list.iter().any(|element| names(element, name));
        let keep: &dyn Fn(&str) -> bool = match self {
            Summary::Whole | Summary::Count => return,
            Summary::Marked => &|name| named(&table.summary, name) || named(&table.mandatory, name),
            Summary::Text => &|name| name == "text" || named(&table.mandatory, name),
            Summary::Data => &|name| name != "text",
            Summary::Elements(wanted) => &|name| wanted.iter().any(|w| w == name) || named(&table.mandatory, name),
        };
        resource.body_mut().retain(|name, _| {
            // A member `_birthDate` holds the extensions of `birthDate`.
            let element = name.strip_prefix('_').unwrap_or(name);
            matches!(element, "resourceType" | "id" | "meta") || keep(element)
        });
        let meta = resource.body_mut().entry("meta").or_insert_with(|| json!({}));
        let subsetted =
            json!({"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"});
        if let Some(meta) = meta.as_object_mut() {
            match meta.entry("tag").or_insert_with(|| json!([])) {
                Value::Array(tags) => tags.push(subsetted),
                other => *other = json!([subsetted]),
            }
        }
    }
}

/// Whether `name` is the element, or one of the forms of a choice element (`value[x]`: `valueQuantity`).
fn names(element: &str, name: &str) -> bool {
    match element.strip_suffix("[x]") {
        None => element == name,
        Some(stem) => name.strip_prefix(stem).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OBSERVATION: &[u8] =
        br#"{"resourceType":"Observation","id":"1","text":{"div":"x"},"status":"final","code":{"text":"a"},
        "valueQuantity":{"value":1.50},"note":[{"text":"n"}],"_status":{"id":"s"}}"#;

    fn cut(summary: Summary) -> Vec<String> {
        let mut resource = Resource::from_slice(OBSERVATION).unwrap();
        summary.apply(&mut resource);
        assert_eq!(resource.str_at("/meta/tag/0/code"), (summary != Summary::Whole).then_some("SUBSETTED"));
        resource.body().keys().cloned().collect()
    }

    #[test]
    fn each_summary_keeps_what_it_should() {
        let all = ["resourceType", "id", "text", "status", "code", "valueQuantity", "note", "_status"];
        assert_eq!(cut(Summary::Whole), all);
        assert_eq!(cut(Summary::Marked), ["resourceType", "id", "status", "code", "valueQuantity", "_status", "meta"]);
        assert_eq!(cut(Summary::Text), ["resourceType", "id", "text", "status", "code", "_status", "meta"]);
        assert_eq!(
            cut(Summary::Data),
            ["resourceType", "id", "status", "code", "valueQuantity", "note", "_status", "meta"]
        );
        assert_eq!(
            cut(Summary::Elements(vec!["note".into()])),
            ["resourceType", "id", "status", "code", "note", "_status", "meta"]
        );
    }
}
