//! A resource: a JSON object with a `resourceType`, kept whole, unknown elements included.

use crate::{ResourceType, key::ResourceId};
use serde_json::{Map, Value};

/// One FHIR resource. A thin cover over its JSON object: order of members, unknown elements, extensions and the exact
/// text of decimals survive (FHIR R4 §2.6.0.1 asks that precision be kept).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    kind: ResourceType,
    body: Map<String, Value>,
}

/// Why a JSON value is not a resource.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAResource {
    /// The JSON text itself is broken.
    #[error("not JSON: {0}")]
    Json(String),
    /// A resource is a JSON object.
    #[error("a resource is a JSON object")]
    NotAnObject,
    /// The `resourceType` member is missing or not a string.
    #[error("resourceType is missing")]
    NoType,
    /// The `resourceType` is not one of FHIR R4's.
    #[error("resourceType is not one of FHIR R4's")]
    UnknownType,
}

impl Resource {
    /// A new, empty resource of this type.
    pub fn new(kind: ResourceType) -> Self {
        let mut body = Map::new();
        body.insert("resourceType".into(), Value::from(kind.as_str()));
        Resource { kind, body }
    }

    /// Take a JSON value as a resource.
    pub fn from_value(value: Value) -> Result<Self, NotAResource> {
        let Value::Object(body) = value else { return Err(NotAResource::NotAnObject) };
        let name = body.get("resourceType").and_then(Value::as_str).ok_or(NotAResource::NoType)?;
        let kind = name.parse().map_err(|_| NotAResource::UnknownType)?;
        Ok(Resource { kind, body })
    }

    /// Parse JSON text.
    pub fn from_slice(json: &[u8]) -> Result<Self, NotAResource> {
        Self::from_value(serde_json::from_slice(json).map_err(|e| NotAResource::Json(e.to_string()))?)
    }

    /// Parse JSON text, and keep of it these elements beside type and id: where many are looked at and few elements decide, most of
    /// the time went into the others.
    ///
    /// # Errors
    /// [`NotAResource`], also of what is not kept.
    pub fn from_slice_of(json: &[u8], elements: &[&str]) -> Result<Self, NotAResource> {
        let mut reader = serde_json::Deserializer::from_slice(json);
        let body = serde::de::DeserializeSeed::deserialize(Kept(elements), &mut reader)
            .and_then(|body| reader.end().map(|()| body))
            .map_err(|e| NotAResource::Json(e.to_string()))?;
        Self::from_value(Value::Object(body))
    }

    /// The type.
    pub fn kind(&self) -> ResourceType {
        self.kind
    }

    /// The `id` member, if any.
    pub fn id(&self) -> Option<&str> {
        self.body.get("id").and_then(Value::as_str)
    }

    /// Set `id` to one we assigned, right after `resourceType`.
    pub fn set_id(&mut self, id: &ResourceId) {
        let text = Value::from(id.to_string());
        if self.body.contains_key("id") {
            self.body.insert("id".into(), text);
        } else {
            self.body.shift_insert(1.min(self.body.len()), "id".into(), text);
        }
    }

    /// A top-level element.
    pub fn get(&self, element: &str) -> Option<&Value> {
        self.body.get(element)
    }

    /// The value at a JSON pointer (RFC 6901), e.g. `/code/coding/0/code`.
    pub fn at(&self, pointer: &str) -> Option<&Value> {
        let mut value = self.body.get(pointer.split('/').nth(1)?)?;
        for step in pointer.split('/').skip(2) {
            value = match value {
                Value::Object(map) => map.get(step)?,
                Value::Array(list) => list.get(step.parse::<usize>().ok()?)?,
                _ => return None,
            };
        }
        Some(value)
    }

    /// The text at a JSON pointer.
    pub fn str_at(&self, pointer: &str) -> Option<&str> {
        self.at(pointer).and_then(Value::as_str)
    }

    /// The items of a top-level list (empty when absent).
    pub fn list(&self, element: &str) -> &[Value] {
        self.body.get(element).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// Set a top-level element; `Value::Null` removes it.
    pub fn set(&mut self, element: &str, value: impl Into<Value>) -> &mut Self {
        let value = value.into();
        if value.is_null() {
            self.body.shift_remove(element);
        } else {
            self.body.insert(element.into(), value);
        }
        self
    }

    /// The object itself.
    pub fn body(&self) -> &Map<String, Value> {
        &self.body
    }

    /// The object itself, to change. `resourceType` must be left as it is.
    pub fn body_mut(&mut self) -> &mut Map<String, Value> {
        &mut self.body
    }

    /// The object, taken out.
    pub fn into_body(self) -> Map<String, Value> {
        self.body
    }

    /// The JSON value.
    pub fn into_value(self) -> Value {
        Value::Object(self.body)
    }

    /// The JSON text, compact.
    pub fn to_json(&self) -> String {
        serde_json::to_string(&self.body).unwrap_or_default()
    }
}

/// Reads an object, and keeps these members of it.
struct Kept<'e>(&'e [&'e str]);

impl<'de> serde::de::DeserializeSeed<'de> for Kept<'_> {
    type Value = Map<String, Value>;

    fn deserialize<D: serde::Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> serde::de::Visitor<'de> for Kept<'_> {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a resource, which is a JSON object")
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut kept = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if matches!(name.as_str(), "resourceType" | "id") || self.0.contains(&name.as_str()) {
                kept.insert(name, members.next_value()?);
            } else {
                members.next_value::<serde::de::IgnoredAny>()?;
            }
        }
        Ok(kept)
    }
}
