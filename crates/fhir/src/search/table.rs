//! The standard search parameters, from the table `scripts/fhir-tables.mjs` makes of the official definitions.

use super::path::{Leaf, Path};
use crate::ResourceType;
use std::{collections::HashMap, sync::LazyLock};

/// What kind of value a parameter takes (value set search-param-type).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A number.
    Number,
    /// A date or time.
    Date,
    /// Text.
    String,
    /// A code or identifier.
    Token,
    /// A reference.
    Reference,
    /// Several values that must meet on one element.
    Composite,
    /// A number with a unit.
    Quantity,
    /// A URI.
    Uri,
    /// None of these; refused here.
    Special,
}

impl Kind {
    /// The code FHIR uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Number => "number",
            Kind::Date => "date",
            Kind::String => "string",
            Kind::Token => "token",
            Kind::Reference => "reference",
            Kind::Composite => "composite",
            Kind::Quantity => "quantity",
            Kind::Uri => "uri",
            Kind::Special => "special",
        }
    }

    fn parse(text: &str) -> Self {
        match text {
            "number" => Kind::Number,
            "date" => Kind::Date,
            "string" => Kind::String,
            "token" => Kind::Token,
            "reference" => Kind::Reference,
            "composite" => Kind::Composite,
            "quantity" => Kind::Quantity,
            "uri" => Kind::Uri,
            _ => Kind::Special,
        }
    }
}

/// One search parameter of one resource type.
#[derive(Debug)]
pub struct Parameter {
    /// Its name in a query.
    pub code: &'static str,
    /// The kind of its values.
    pub kind: Kind,
    /// For references: the types it may point at; empty means any.
    pub targets: Vec<ResourceType>,
    /// Where its values are in the resource.
    pub paths: Vec<Path>,
    /// For a composite: its parts, each relative to an element that `paths` lead to.
    pub components: Vec<Component>,
}

impl Parameter {
    /// The elements of a resource that its values are in; None where they may be anywhere.
    pub(super) fn elements(&self) -> Option<Vec<&'static str>> {
        if !self.components.is_empty() {
            return None;
        }
        self.paths.iter().map(Path::element).collect()
    }
}

/// A part of a composite parameter.
#[derive(Debug)]
pub struct Component {
    /// The kind of its values.
    pub kind: Kind,
    /// Where they are, from the composite's element.
    pub paths: Vec<Path>,
}

/// The parameters that every type has (R4 §3.1.1.3), those that look at the resource itself.
const COMMON: &str = "\
\t_id\ttoken\t\tid:id\t
\t_lastUpdated\tdate\t\tmeta.lastUpdated:instant\t
\t_profile\turi\t\tmeta.profile:canonical\t
\t_security\ttoken\t\tmeta.security:Coding\t
\t_source\turi\t\tmeta.source:uri\t
\t_tag\ttoken\t\tmeta.tag:Coding\t";

static COMMON_TABLE: LazyLock<Vec<Parameter>> =
    LazyLock::new(|| COMMON.lines().filter_map(|line| row(line).map(|(_, parameter)| parameter)).collect());

static TABLE: LazyLock<HashMap<&'static str, Vec<Parameter>>> = LazyLock::new(|| {
    let mut table: HashMap<&'static str, Vec<Parameter>> = HashMap::new();
    for line in include_str!("../tables/search.tsv").lines().filter(|line| !line.starts_with('#')) {
        if let Some((kind, parameter)) = row(line) {
            table.entry(kind).or_default().push(parameter);
        }
    }
    table
});

fn row(line: &'static str) -> Option<(&'static str, Parameter)> {
    let mut columns = line.split('\t');
    let mut column = || columns.next().unwrap_or_default();
    let (base, code, kind, targets, paths, components) = (column(), column(), column(), column(), column(), column());
    if code.is_empty() {
        return None;
    }
    let parse_paths = |text: &'static str| text.split(' ').filter(|p| !p.is_empty()).filter_map(Path::parse).collect();
    let components = components.split(" $ ").filter_map(|text| text.split_once(':'));
    let parameter = Parameter {
        code,
        kind: Kind::parse(kind),
        targets: targets.split(',').filter_map(|name| name.parse().ok()).collect(),
        paths: parse_paths(paths),
        components: components
            .map(|(kind, paths)| Component { kind: Kind::parse(kind), paths: parse_paths(paths) })
            .collect(),
    };
    Some((base, parameter))
}

/// The parameters of a type, by name, the common ones (`_id`, `_lastUpdated`, …) apart.
pub fn parameters(kind: ResourceType) -> &'static [Parameter] {
    TABLE.get(kind.as_str()).map_or(&[], Vec::as_slice)
}

/// The parameters every type has: `_id`, `_lastUpdated`, `_profile`, `_security`, `_source`, `_tag`.
pub fn common_parameters() -> &'static [Parameter] {
    &COMMON_TABLE
}

/// The parameter of this name, if this type has one.
pub fn parameter(kind: ResourceType, code: &str) -> Option<&'static Parameter> {
    if code.starts_with('_') {
        return common_parameters().iter().find(|parameter| parameter.code == code);
    }
    let all = parameters(kind);
    all.binary_search_by(|parameter| parameter.code.cmp(code)).ok().and_then(|at| all.get(at))
}

/// Elements by which `_summary` cuts a type down.
#[derive(Clone, Debug, Default)]
pub struct Elements {
    /// Elements of the summary (`_summary=true`), by their JSON names; a choice element as its stem with `[x]`.
    pub summary: Vec<&'static str>,
    /// Elements that must always be there.
    pub mandatory: Vec<&'static str>,
}

static ELEMENTS: LazyLock<HashMap<&'static str, Elements>> = LazyLock::new(|| {
    let mut table = HashMap::new();
    for line in include_str!("../tables/elements.tsv").lines().filter(|line| !line.starts_with('#')) {
        let mut columns = line.split('\t');
        let Some(kind) = columns.next() else { continue };
        let mut names = || columns.next().unwrap_or_default().split(' ').filter(|n| !n.is_empty()).collect();
        table.insert(kind, Elements { summary: names(), mandatory: names() });
    }
    table
});

/// Which elements of a type are its summary, and which are mandatory.
pub fn elements(kind: ResourceType) -> &'static Elements {
    static NONE: Elements = Elements { summary: Vec::new(), mandatory: Vec::new() };
    ELEMENTS.get(kind.as_str()).unwrap_or(&NONE)
}

impl Parameter {
    /// Whether it points at a patient and nothing else matters: `patient`, `subject` and the like.
    pub fn may_point_at(&self, target: ResourceType) -> bool {
        self.kind == Kind::Reference && (self.targets.is_empty() || self.targets.contains(&target))
    }

    /// Whether its values are canonical addresses rather than references.
    pub fn is_canonical(&self) -> bool {
        self.paths.iter().all(|path| matches!(path.leaf, Leaf::Uri))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_table_is_understood() {
        let mut count = 0;
        for kind in ResourceType::ALL {
            let all = parameters(*kind);
            assert!(all.is_sorted_by(|a, b| a.code < b.code), "{kind} is not in order");
            for parameter in all {
                count += 1;
                assert!(!parameter.paths.is_empty(), "{kind} {}", parameter.code);
                assert_eq!(
                    parameter.kind == Kind::Composite,
                    !parameter.components.is_empty(),
                    "{kind} {}",
                    parameter.code
                );
                for component in &parameter.components {
                    assert!(!component.paths.is_empty(), "{kind} {}", parameter.code);
                }
            }
        }
        let lines = include_str!("../tables/search.tsv").lines().count() - 1;
        let paths = include_str!("../tables/search.tsv")
            .lines()
            .skip(1)
            .all(|l| l.split('\t').nth(4).unwrap().split(' ').all(|p| Path::parse(p).is_some()));
        assert!(paths, "every path is understood");
        assert_eq!(count, lines);
        assert_eq!(common_parameters().len(), 6);
    }

    #[test]
    fn parameters_are_found_by_name() {
        assert_eq!(parameter(ResourceType::Observation, "code").unwrap().kind, Kind::Token);
        assert_eq!(parameter(ResourceType::Binary, "_id").unwrap().kind, Kind::Token);
        assert!(parameter(ResourceType::Patient, "colour").is_none());
        assert!(elements(ResourceType::Observation).mandatory.contains(&"status"));
    }
}
