//! What a resource says, as text.

use crate::{Resource, ResourceId, ResourceType, json::Node, walk::Place};
use serde_json::Value;

/// What a resource says: its members as compact JSON, as `serde_json` writes them. Left out is what its key and its row say
/// already, and a server says for itself: `resourceType`, `id`, and `versionId`, `lastUpdated` and `source` of `meta`. What
/// remains of `meta` comes first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    kind: ResourceType,
    json: String,
}

fn is_servers(name: &str) -> bool {
    matches!(name, "versionId" | "lastUpdated" | "source")
}

impl Content {
    /// Text that is of this form already.
    pub fn new(kind: ResourceType, json: String) -> Self {
        Content { kind, json }
    }

    /// The content of a resource.
    pub fn of(resource: &Resource) -> Self {
        let mut json = String::with_capacity(1024);
        json.push('{');
        if let Some(Value::Object(meta)) = resource.get("meta") {
            let mut first = true;
            for (name, value) in meta.iter().filter(|(name, _)| !is_servers(name)) {
                json.push_str(if first { "\"meta\":{" } else { "," });
                first = false;
                member(&mut json, name, value);
            }
            if !first {
                json.push('}');
            }
        }
        for (name, value) in resource.body() {
            if matches!(name.as_str(), "resourceType" | "id" | "meta") {
                continue;
            }
            if json.len() > 1 {
                json.push(',');
            }
            member(&mut json, name, value);
        }
        json.push('}');
        Content { kind: resource.kind(), json }
    }

    /// The content of a resource that was read in place, with what `visit` writes instead of its strings (see
    /// [`Node::write_changed`]); it sees every string there is, those that are left out too.
    pub fn read(
        kind: ResourceType,
        resource: Node<'_>,
        place: &Place<'_>,
        visit: &mut impl FnMut(&str, &str, &Place<'_>, &mut String) -> bool,
    ) -> Self {
        let mut json = String::with_capacity(1024);
        json.push('{');
        for (name, value) in resource.members() {
            let before = json.len();
            match name {
                "meta" => {
                    read_meta(value, place, &mut json, visit);
                    if json.len() > before && before > 1 {
                        // In front of what stood before it.
                        let mut meta = json.split_off(before);
                        let first = json.split_off(1);
                        meta.push(',');
                        json.push_str(&meta);
                        json.push_str(&first);
                    }
                }
                "resourceType" | "id" => {
                    value.write_changed(name, &place.member(name), &mut json, visit);
                    json.truncate(before);
                }
                _ => {
                    if before > 1 {
                        json.push(',');
                    }
                    value.write_member(name, place, &mut json, visit);
                }
            }
        }
        json.push('}');
        Content { kind, json }
    }

    /// The type.
    pub fn kind(&self) -> ResourceType {
        self.kind
    }

    /// The members.
    pub fn json(&self) -> &str {
        &self.json
    }

    /// The members, taken out.
    pub fn into_json(self) -> String {
        self.json
    }

    /// The resource, under this id.
    pub fn resource(&self, id: ResourceId) -> Resource {
        let mut text = format!("{{\"resourceType\":\"{}\",\"id\":\"{id}\"", self.kind);
        let members = self.json.strip_prefix('{').filter(|members| *members != "}");
        text.push_str(if members.is_some() { "," } else { "}" });
        text.push_str(members.unwrap_or_default());
        Resource::from_slice(text.as_bytes()).unwrap_or_else(|_| Resource::new(self.kind))
    }
}

fn member(json: &mut String, name: &str, value: &Value) {
    crate::json::push_string(json, name);
    json.push(':');
    json.push_str(&value.to_string());
}

fn read_meta(
    meta: Node<'_>,
    place: &Place<'_>,
    json: &mut String,
    visit: &mut impl FnMut(&str, &str, &Place<'_>, &mut String) -> bool,
) {
    let (begin, place) = (json.len(), place.member("meta"));
    if !meta.is_object() {
        meta.write_changed("meta", &place, json, visit);
        return json.truncate(begin);
    }
    json.push_str("\"meta\":{");
    let inside = json.len();
    for (name, value) in meta.members() {
        let before = json.len();
        if before > inside {
            json.push(',');
        }
        value.write_member(name, &place, json, visit);
        if is_servers(name) {
            json.truncate(before);
        }
    }
    if json.len() == inside {
        return json.truncate(begin);
    }
    json.push('}');
}
