//! Where the values of a search parameter are: members of JSON objects, worked out from FHIRPath when the table is made.

use crate::{ResourceType, json::Node};
use serde_json::{Map, Value};

/// What a path ends at, as far as comparing goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Leaf {
    /// CodeableConcept
    CodeableConcept,
    /// Coding
    Coding,
    /// Identifier
    Identifier,
    /// ContactPoint
    ContactPoint,
    /// code, id, boolean: a plain code
    Code,
    /// string, markdown
    Text,
    /// date, dateTime, instant
    Date,
    /// Period
    Period,
    /// Timing: from the first to the last event, or its bounds
    Timing,
    /// Quantity, Age, Duration and the like
    Quantity,
    /// Money
    Money,
    /// Range
    Range,
    /// integer, decimal
    Number,
    /// HumanName
    HumanName,
    /// Address
    Address,
    /// Reference
    Reference,
    /// uri, url, canonical
    Uri,
    /// A whole resource
    Resource,
    /// An element that parts of a composite are looked for in
    Element,
    /// Patient: whether the patient has died
    Deceased,
    /// Not searched (SampledData, Attachment)
    Other,
}

/// One way from a resource (or from a composite's element) to values of one type.
#[derive(Debug)]
pub struct Path {
    from_resource: bool,
    steps: Vec<Step>,
    /// What it ends at.
    pub leaf: Leaf,
    /// The code system that plain codes here come from, where the definitions bind just one.
    pub system: Option<&'static str>,
    /// Only references to this type count.
    pub target: Option<ResourceType>,
}

#[derive(Debug)]
struct Step {
    name: &'static str,
    filter: Option<(&'static str, &'static str)>,
    index: Option<usize>,
}

/// A JSON value to follow a path in: of a tree, or read in place.
pub trait Element: Copy {
    /// The member of this name.
    fn member(self, name: &str) -> Option<Self>;
    /// The items, if it is a list.
    fn list_items(self) -> Option<impl Iterator<Item = Self>>;
    /// Whether it is this text.
    fn says(self, text: &str) -> bool;
}

impl Element for &Value {
    fn member(self, name: &str) -> Option<Self> {
        self.get(name)
    }
    fn list_items(self) -> Option<impl Iterator<Item = Self>> {
        self.as_array().map(|items| items.iter())
    }
    fn says(self, text: &str) -> bool {
        self.as_str() == Some(text)
    }
}

impl Element for Node<'_> {
    fn member(self, name: &str) -> Option<Self> {
        self.get(name)
    }
    fn list_items(self) -> Option<impl Iterator<Item = Self>> {
        self.is_list().then(|| self.items())
    }
    fn says(self, text: &str) -> bool {
        self.is_text(text)
    }
}

impl Path {
    /// Read `member.member[filter=value].member[0]:Type=system->Target`.
    pub(super) fn parse(text: &'static str) -> Option<Self> {
        let (way, ending) = text.split_once(':')?;
        let (ending, target) = match ending.split_once("->") {
            Some((ending, target)) => (ending, Some(target.parse().ok()?)),
            None => (ending, None),
        };
        let (code, system) = match ending.split_once('=') {
            Some((code, system)) => (code, Some(system)),
            None => (ending, None),
        };
        let (from_resource, way) = match way.strip_prefix('/') {
            Some(way) => (true, way),
            None => (false, way),
        };
        let steps = way.split('.').filter(|step| !step.is_empty()).map(Step::parse).collect::<Option<_>>()?;
        Some(Path { from_resource, steps, leaf: Leaf::parse(code), system, target })
    }

    /// The element of the resource that it begins with; None where it is all of it, or more than one.
    pub(super) fn element(&self) -> Option<&'static str> {
        self.steps.first().map(|step| step.name).filter(|_| self.leaf != Leaf::Deceased)
    }

    /// Visit the values at the end of the path, lists taken apart, until `visit` answers true; says whether it did.
    /// `from` is the resource or the composite's element, `resource` always the resource.
    pub fn visit<'v>(
        &self,
        from: &'v Map<String, Value>,
        resource: &'v Map<String, Value>,
        visit: &mut dyn FnMut(&'v Value) -> bool,
    ) -> bool {
        let start = if self.from_resource { resource } else { from };
        match self.steps.split_first() {
            None => false,
            Some((first, rest)) => start.get(first.name).is_some_and(|value| first.spread(value, rest, visit)),
        }
    }

    /// As [`Path::visit`] from a resource that was read in place.
    pub(crate) fn visit_node<'d>(&self, resource: Node<'d>, visit: &mut dyn FnMut(Node<'d>) -> bool) -> bool {
        match self.steps.split_first() {
            None => false,
            Some((first, rest)) => resource.get(first.name).is_some_and(|value| first.spread(value, rest, visit)),
        }
    }

    /// Whether the resource has a value here, for `:missing`.
    pub(super) fn is_present(&self, resource: &Map<String, Value>) -> bool {
        if self.steps.is_empty() {
            return true;
        }
        self.visit(resource, resource, &mut |value| match (self.target, self.leaf) {
            (Some(target), Leaf::Reference) => {
                let text = value.get("reference").and_then(Value::as_str).unwrap_or_default();
                let named = value.get("type").and_then(Value::as_str);
                crate::Reference::parse(text)
                    .target()
                    .map_or(named == Some(target.as_str()), |(kind, _)| kind == target)
            }
            _ => true,
        })
    }

    /// As [`Path::visit`], for elements that parts of a composite are looked for in; the resource itself is one.
    pub(super) fn visit_elements<'v>(
        &self,
        resource: &'v Map<String, Value>,
        visit: &mut dyn FnMut(&'v Map<String, Value>) -> bool,
    ) -> bool {
        if self.steps.is_empty() {
            return visit(resource);
        }
        self.visit(resource, resource, &mut |value| value.as_object().is_some_and(&mut *visit))
    }
}

impl Step {
    fn parse(text: &'static str) -> Option<Self> {
        let Some((name, inside)) = text.split_once('[') else {
            return Some(Step { name: text, filter: None, index: None });
        };
        let inside = inside.strip_suffix(']')?;
        match inside.split_once('=') {
            Some(filter) => Some(Step { name, filter: Some(filter), index: None }),
            None => Some(Step { name, filter: None, index: Some(inside.parse().ok()?) }),
        }
    }

    /// From the value of this step's member on to the rest of the way.
    fn spread<E: Element>(&self, value: E, rest: &[Step], visit: &mut dyn FnMut(E) -> bool) -> bool {
        match value.list_items() {
            Some(mut items) => match self.index {
                Some(index) => items.nth(index).is_some_and(|item| self.onward(item, rest, visit)),
                None => items.any(|item| self.onward(item, rest, visit)),
            },
            None => self.onward(value, rest, visit),
        }
    }

    fn onward<E: Element>(&self, value: E, rest: &[Step], visit: &mut dyn FnMut(E) -> bool) -> bool {
        if let Some((member, wanted)) = self.filter
            && !value.member(member).is_some_and(|found| found.says(wanted))
        {
            return false;
        }
        match rest.split_first() {
            None => visit(value),
            Some((next, rest)) => value.member(next.name).is_some_and(|value| next.spread(value, rest, visit)),
        }
    }
}

impl Leaf {
    fn parse(code: &str) -> Self {
        match code {
            "CodeableConcept" => Leaf::CodeableConcept,
            "Coding" => Leaf::Coding,
            "Identifier" => Leaf::Identifier,
            "ContactPoint" => Leaf::ContactPoint,
            "code" | "id" | "boolean" => Leaf::Code,
            "string" | "markdown" => Leaf::Text,
            "date" | "dateTime" | "instant" => Leaf::Date,
            "Period" => Leaf::Period,
            "Timing" => Leaf::Timing,
            "Quantity" | "Age" | "Duration" => Leaf::Quantity,
            "Money" => Leaf::Money,
            "Range" => Leaf::Range,
            "integer" | "decimal" => Leaf::Number,
            "HumanName" => Leaf::HumanName,
            "Address" => Leaf::Address,
            "Reference" => Leaf::Reference,
            "uri" | "url" | "canonical" => Leaf::Uri,
            "Resource" => Leaf::Resource,
            "Deceased" => Leaf::Deceased,
            "SampledData" | "Attachment" => Leaf::Other,
            _ => Leaf::Element,
        }
    }
}
