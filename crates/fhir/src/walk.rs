//! Visiting every text of a resource with the place it stands at, without building the place unless it is asked for.

use serde_json::{Map, Value};
use std::fmt;

/// A place in a resource, as a chain of steps up to its root. Writes itself as FHIRPath (`Condition.stage[1].summary`).
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    parent: Option<&'a Place<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Step<'a> {
    Name(&'a str),
    Index(usize),
}

impl<'a> Place<'a> {
    /// The root, by the name it is written with (`Bundle`, `Condition`).
    pub fn root(name: &'a str) -> Place<'a> {
        Place { parent: None, step: Step::Name(name) }
    }

    /// An element under this one.
    pub fn member(&'a self, name: &'a str) -> Place<'a> {
        Place { parent: Some(self), step: Step::Name(name) }
    }

    /// An item of this list.
    pub fn item(&'a self, index: usize) -> Place<'a> {
        Place { parent: Some(self), step: Step::Index(index) }
    }

    /// How many steps below the root.
    pub fn depth(&self) -> usize {
        self.parent.map_or(0, |parent| parent.depth() + 1)
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
        }
        match self.step {
            Step::Name(name) if self.parent.is_none() => f.write_str(name),
            Step::Name(name) => write!(f, ".{name}"),
            Step::Index(index) => write!(f, "[{index}]"),
        }
    }
}

/// Visit every text below `body` with the name of its element (of its list, for an item) and its place.
pub fn texts(body: &Map<String, Value>, place: &Place<'_>, visit: &mut dyn FnMut(&str, &str, &Place<'_>)) {
    for (name, value) in body {
        text(name, value, &place.member(name), visit);
    }
}

fn text(name: &str, value: &Value, place: &Place<'_>, visit: &mut dyn FnMut(&str, &str, &Place<'_>)) {
    match value {
        Value::String(text) => visit(name, text, place),
        Value::Object(body) => texts(body, place, visit),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                text(name, item, &place.item(index), visit);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn places_read_as_fhirpath() {
        let Value::Object(body) = json!({"a": "1", "b": [{"c": "2"}, {"c": ["3", "4"]}], "d": 5}) else {
            unreachable!()
        };
        let mut seen = Vec::new();
        texts(&body, &Place::root("T"), &mut |name, text, place| seen.push(format!("{name}={text}@{place}")));
        assert_eq!(seen, ["a=1@T.a", "c=2@T.b[0].c", "c=3@T.b[1].c[0]", "c=4@T.b[1].c[1]"]);
    }
}
