//! `_include` and `_revinclude` (R4 §3.1.1.5.4).

use super::{
    path::Leaf,
    table::{Kind, Parameter, parameter, parameters},
};
use crate::{Reference, Resource, ResourceType};

/// One `_include` or `_revinclude`: `Observation:subject:Patient`.
#[derive(Clone, Debug)]
pub struct Include {
    /// The type whose references are followed.
    pub source: ResourceType,
    /// The parameters that name the references: one, or all for `*`.
    parameters: Vec<&'static Parameter>,
    /// Only targets of this type.
    pub target: Option<ResourceType>,
    /// Whether it is asked again of what was included (`:iterate`).
    pub iterate: bool,
}

impl Include {
    pub(super) fn parse(
        text: &str,
        searched: ResourceType,
        reverse: bool,
        iterate: bool,
    ) -> Result<Self, &'static str> {
        if text == "*" && !reverse {
            return Ok(Include { source: searched, parameters: references(searched), target: None, iterate });
        }
        let mut parts = text.split(':');
        let source: ResourceType =
            parts.next().unwrap_or_default().parse().map_err(|_| "does not begin with a resource type")?;
        let name = parts.next().unwrap_or("*");
        let target = match parts.next() {
            None | Some("") => None,
            Some(name) => Some(name.parse().map_err(|_| "names a target type that FHIR R4 does not have")?),
        };
        if parts.next().is_some() {
            return Err("has more than three parts");
        }
        let parameters = if name == "*" {
            references(source)
        } else {
            match parameter(source, name) {
                Some(found) if found.kind == Kind::Reference => vec![found],
                _ => return Err("does not name a reference parameter of that type"),
            }
        };
        Ok(Include { source, parameters, target, iterate })
    }

    /// Visit the targets `(type, id)` of a resource that this include follows.
    pub fn each_target(&self, resource: &Resource, visit: &mut dyn FnMut(ResourceType, &str)) {
        if resource.kind() != self.source {
            return;
        }
        for path in self.parameters.iter().flat_map(|parameter| &parameter.paths) {
            if path.leaf != Leaf::Reference {
                continue;
            }
            path.visit(resource.body(), resource.body(), &mut |value| {
                let text = value.get("reference").and_then(|text| text.as_str()).unwrap_or_default();
                if let Reference::Relative { kind, id, .. } = Reference::parse(text)
                    && self.target.is_none_or(|target| target == kind)
                    && path.target.is_none_or(|target| target == kind)
                {
                    visit(kind, id);
                }
                false
            });
        }
    }
}

fn references(kind: ResourceType) -> Vec<&'static Parameter> {
    parameters(kind).iter().filter(|parameter| parameter.kind == Kind::Reference).collect()
}
