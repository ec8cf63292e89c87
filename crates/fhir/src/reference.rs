//! References between resources (R4 §2.3): what a reference text means, and walking those of a resource.

use crate::{Resource, ResourceType, json::Node, walk::Place};
use std::borrow::Cow;

/// What a `Reference.reference` (or a reference given in a search) says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reference<'a> {
    /// `Patient/123`, perhaps with `/_history/2`.
    Relative {
        /// The type.
        kind: ResourceType,
        /// The id.
        id: &'a str,
        /// The version, when one is named.
        version: Option<&'a str>,
    },
    /// `https://server/fhir/Patient/123`, perhaps with `/_history/2`.
    Absolute {
        /// The server's base, without the last slash.
        base: &'a str,
        /// The type.
        kind: ResourceType,
        /// The id.
        id: &'a str,
        /// The version, when one is named.
        version: Option<&'a str>,
    },
    /// `urn:uuid:…`: the part after the prefix. Means the bundle entry with that `fullUrl`.
    Uuid(&'a str),
    /// `urn:oid:…`: the part after the prefix.
    Oid(&'a str),
    /// `#id`: a resource contained in this one; `#` alone is the container.
    Contained(&'a str),
    /// `Practitioner?identifier=…`: whichever resource fits (R4 §3.1.0.11.2, in transactions).
    Conditional {
        /// The type.
        kind: ResourceType,
        /// The search, as written after the question mark.
        query: &'a str,
    },
    /// Anything else.
    Other(&'a str),
}

impl<'a> Reference<'a> {
    /// Tell which kind of reference a text is. Never fails: what is no known kind is [`Reference::Other`].
    pub fn parse(text: &'a str) -> Self {
        if let Some(id) = text.strip_prefix('#') {
            return Reference::Contained(id);
        }
        if let Some(uuid) = text.strip_prefix("urn:uuid:") {
            return Reference::Uuid(uuid);
        }
        if let Some(oid) = text.strip_prefix("urn:oid:") {
            return Reference::Oid(oid);
        }
        if text.starts_with("http://") || text.starts_with("https://") {
            return Self::absolute(text).unwrap_or(Reference::Other(text));
        }
        if let Some((kind, query)) = text.split_once('?') {
            return match kind.parse() {
                Ok(kind) => Reference::Conditional { kind, query },
                Err(_) => Reference::Other(text),
            };
        }
        let mut parts = text.split('/');
        let (kind, id) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let version = match (parts.next(), parts.next(), parts.next()) {
            (None, ..) => None,
            (Some("_history"), Some(version), None) => Some(version),
            _ => return Reference::Other(text),
        };
        match kind.parse() {
            Ok(kind) if is_id(id) => Reference::Relative { kind, id, version },
            _ => Reference::Other(text),
        }
    }

    fn absolute(text: &'a str) -> Option<Self> {
        let (text, version) = match text.rsplit_once("/_history/") {
            Some((text, version)) => (text, Some(version)),
            None => (text, None),
        };
        let (rest, id) = text.rsplit_once('/')?;
        let (base, kind) = rest.rsplit_once('/')?;
        if !is_id(id) {
            return None;
        }
        Some(Reference::Absolute { base, kind: kind.parse().ok()?, id, version })
    }

    /// The type and id, where the reference names them.
    pub fn target(&self) -> Option<(ResourceType, &'a str)> {
        match self {
            Reference::Relative { kind, id, .. } | Reference::Absolute { kind, id, .. } => Some((*kind, id)),
            _ => None,
        }
    }
}

/// Whether a text has the form of a FHIR `id`: 1 to 64 letters, digits, dashes and dots.
pub fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
}

/// Visit every literal reference of a resource, contained resources included.
pub fn each(resource: &Resource, visit: &mut dyn FnMut(&str, &Place<'_>)) {
    crate::walk::texts(resource.body(), &Place::root(resource.kind().as_str()), &mut |name, text, place| {
        if name == "reference" {
            visit(text, place);
        }
    });
}

/// The identifier of a logical reference: `(system, value)`, the system empty when none is given.
pub fn logical(reference: Node<'_>) -> Option<(Cow<'_, str>, Cow<'_, str>)> {
    let identifier = reference.get("identifier")?;
    let value = identifier.get("value")?.text()?;
    Some((identifier.get("system").and_then(Node::text).unwrap_or_default(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_reference_is_told_apart() {
        use Reference::*;
        let kind = ResourceType::Patient;
        assert_eq!(Reference::parse("Patient/1"), Relative { kind, id: "1", version: None });
        assert_eq!(Reference::parse("Patient/1/_history/2"), Relative { kind, id: "1", version: Some("2") });
        let base = "https://gp.example/fhir";
        assert_eq!(
            Reference::parse("https://gp.example/fhir/Patient/1"),
            Absolute { base, kind, id: "1", version: None }
        );
        assert_eq!(
            Reference::parse("https://gp.example/fhir/Patient/1/_history/7"),
            Absolute { base, kind, id: "1", version: Some("7") }
        );
        assert_eq!(Reference::parse("urn:uuid:ab"), Uuid("ab"));
        assert_eq!(Reference::parse("urn:oid:1.2"), Oid("1.2"));
        assert_eq!(Reference::parse("#med"), Contained("med"));
        assert_eq!(Reference::parse("Patient?identifier=a|b"), Conditional { kind, query: "identifier=a|b" });
        for text in [
            "",
            "/",
            "Patient",
            "Patient/",
            "Pat/1",
            "Patient/1/2",
            "Patient/a b",
            "http://x",
            "https://x/Pat/1",
            "?a=b",
        ] {
            assert_eq!(Reference::parse(text), Other(text), "{text}");
        }
    }

    #[test]
    fn all_references_of_a_resource_are_walked() {
        let json =
            br#"{"resourceType":"Condition","subject":{"reference":"Patient/1"},"contained":[{"resourceType":"Device",
            "patient":{"reference":"Patient/2"}}],"evidence":[{"detail":[{"reference":"Observation/3"}]}]}"#;
        let resource = Resource::from_slice(json).unwrap();
        let mut seen = Vec::new();
        each(&resource, &mut |_, place| seen.push(place.to_string()));
        assert_eq!(
            seen,
            [
                "Condition.subject.reference",
                "Condition.contained[0].patient.reference",
                "Condition.evidence[0].detail[0].reference"
            ]
        );
    }
}
