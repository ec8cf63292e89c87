//! A search, parsed once and asked of many resources.

use super::{
    include::Include,
    matcher::{Matcher, Modifier, Reading},
    sort::{SortKey, SortValue},
    split::{split, split_once},
    summary::Summary,
    table::{Kind, Parameter, parameter},
};
use crate::{Issue, IssueType, Reference, Resource, ResourceType, outcome::Severity};
use jiff::Timestamp;
use serde_json::{Map, Value};
use std::{cmp::Ordering, collections::HashMap};

/// More parameters than this in one search are refused.
const PARAMETERS_MAX: usize = 100;
/// More alternatives than this in one parameter are refused.
const ALTERNATIVES_MAX: usize = 1000;
/// How many links a chain may have.
const CHAIN_MAX: usize = 4;

/// What to do with a parameter that is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Handling {
    /// Refuse the search.
    #[default]
    Strict,
    /// Leave it out and say so (`Prefer: handling=lenient`).
    Lenient,
}

/// What a search is read against.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'a> {
    /// Now: `ap` on dates reaches as far as a tenth of the distance from now.
    pub now: Timestamp,
    /// This server's base address, without the last slash, so that its absolute references are known as its own.
    pub base: Option<&'a str>,
    /// What to do with unknown parameters.
    pub handling: Handling,
}

/// Whether the number of all fitting resources is wanted (`_total`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Total {
    /// Given where it costs nothing.
    #[default]
    Unsaid,
    /// Not wanted.
    None,
    /// An estimate will do.
    Estimate,
    /// The exact number.
    Accurate,
}

/// A search of one type.
#[derive(Clone, Debug)]
pub struct Query {
    kind: ResourceType,
    clauses: Vec<Clause>,
    /// `_sort`, in order of weight.
    pub sort: Vec<SortKey>,
    /// `_count`.
    pub count: Option<usize>,
    /// `_summary` or `_elements`.
    pub summary: Summary,
    /// `_total`.
    pub total: Total,
    /// `_include`.
    pub includes: Vec<Include>,
    /// `_revinclude`.
    pub reverse_includes: Vec<Include>,
    /// What was left out under lenient handling, as warnings.
    pub ignored: Vec<Issue>,
}

#[derive(Clone, Debug)]
enum Clause {
    /// Some alternative fits (or none does, for `:not`).
    Fits { parameter: &'static Parameter, any: Vec<Matcher>, not: bool },
    /// The parameter has no value (or some).
    Missing { parameter: &'static Parameter, missing: bool },
    /// A resource that the parameter points at satisfies one of these, by its type.
    Chain { parameter: &'static Parameter, targets: Vec<(ResourceType, Clause)> },
    /// Some resource of this type points here by the parameter and satisfies the clause (`_has`).
    Has { kind: ResourceType, parameter: &'static Parameter, inner: Box<Clause> },
}

/// The other resources of the record, for chains.
#[derive(Debug, Default)]
pub struct Neighbours<'r> {
    by_id: HashMap<(ResourceType, &'r str), &'r Map<String, Value>>,
    by_kind: HashMap<ResourceType, Vec<&'r Map<String, Value>>>,
}

impl<'r> Neighbours<'r> {
    /// The resources a chain may lead to.
    pub fn new(resources: impl IntoIterator<Item = &'r Resource>) -> Self {
        let mut neighbours = Neighbours::default();
        for resource in resources {
            if let Some(id) = resource.id() {
                neighbours.by_id.insert((resource.kind(), id), resource.body());
            }
            neighbours.by_kind.entry(resource.kind()).or_default().push(resource.body());
        }
        neighbours
    }
}

impl Query {
    /// Read the parameters of a search of `kind`. Parameters that belong to the transport (`_format`, `_pretty`) are
    /// passed over. On failure, one issue for each parameter that cannot be used, its name as the expression.
    pub fn parse(kind: ResourceType, pairs: &[(String, String)], settings: &Settings<'_>) -> Result<Self, Vec<Issue>> {
        let mut query = Query {
            kind,
            clauses: Vec::new(),
            sort: Vec::new(),
            count: None,
            summary: Summary::Whole,
            total: Total::Unsaid,
            includes: Vec::new(),
            reverse_includes: Vec::new(),
            ignored: Vec::new(),
        };
        if pairs.len() > PARAMETERS_MAX {
            let text = format!("A search may have {PARAMETERS_MAX} parameters at most.");
            return Err(vec![Issue::error(IssueType::TooCostly, text)]);
        }
        let mut issues = Vec::new();
        for (name, value) in pairs {
            match query.take(name, value, settings) {
                Ok(()) => {}
                Err(issue) if issue.code == IssueType::NotSupported && settings.handling == Handling::Lenient => {
                    query.ignored.push(issue.severity(Severity::Warning));
                }
                Err(issue) => issues.push(issue),
            }
        }
        if issues.is_empty() { Ok(query) } else { Err(issues) }
    }

    fn take(&mut self, name: &str, value: &str, settings: &Settings<'_>) -> Result<(), Issue> {
        let wrong = |text: &str| Err(Issue::error(IssueType::Value, text.to_owned()).at(name));
        match name {
            "_format" | "_pretty" => {}
            "_count" => match value.parse::<usize>() {
                Ok(0) => self.summary = Summary::Count,
                Ok(count) => self.count = Some(count),
                Err(_) => return wrong("_count is a whole number."),
            },
            "_sort" => {
                for key in value.split(',') {
                    let (code, descending) = key.strip_prefix('-').map_or((key, false), |code| (code, true));
                    match parameter(self.kind, code) {
                        Some(found) if !matches!(found.kind, Kind::Composite | Kind::Special) => {
                            self.sort.push(SortKey { parameter: found, descending });
                        }
                        _ => {
                            return wrong(
                                "_sort names search parameters of this type, with - before those to reverse.",
                            );
                        }
                    }
                }
            }
            "_summary" => {
                self.summary = match value {
                    "true" => Summary::Marked,
                    "text" => Summary::Text,
                    "data" => Summary::Data,
                    "count" => Summary::Count,
                    "false" => Summary::Whole,
                    _ => return wrong("_summary is true, text, data, count or false."),
                }
            }
            "_elements" => {
                // `Patient.name` means the same as `name` here; another type's elements do not concern us.
                let elements = value.split(',').filter_map(|element| match element.split_once('.') {
                    None => Some(element.to_owned()),
                    Some((kind, element)) if kind == self.kind.as_str() => Some(element.to_owned()),
                    Some(_) => None,
                });
                self.summary = Summary::Elements(elements.collect());
            }
            "_total" => {
                self.total = match value {
                    "none" => Total::None,
                    "estimate" => Total::Estimate,
                    "accurate" => Total::Accurate,
                    _ => return wrong("_total is none, estimate or accurate."),
                }
            }
            "_contained" if value == "false" => {}
            _ => {
                let (stem, modifier) = name.split_once(':').unwrap_or((name, ""));
                if matches!(stem, "_include" | "_revinclude") {
                    let iterate = match modifier {
                        "" => false,
                        "iterate" | "recurse" => true,
                        _ => {
                            return Err(unsupported(
                                name,
                                "The only modifier of _include and _revinclude is :iterate.",
                            ));
                        }
                    };
                    let reverse = stem == "_revinclude";
                    let include = Include::parse(value, self.kind, reverse, iterate)
                        .map_err(|text| Issue::error(IssueType::Value, format!("The value {text}.")).at(name))?;
                    if reverse { self.reverse_includes.push(include) } else { self.includes.push(include) }
                } else {
                    self.clauses.push(clause(self.kind, name, name, value, settings, 0)?);
                }
            }
        }
        Ok(())
    }

    /// The type searched.
    pub fn kind(&self) -> ResourceType {
        self.kind
    }

    /// Whether there is nothing to check: every resource of the type fits.
    pub fn is_unconditional(&self) -> bool {
        self.clauses.is_empty()
    }

    /// Whether the search follows references, so that [`Query::matches`] needs the rest of the record.
    pub fn needs_neighbours(&self) -> bool {
        self.clauses.iter().any(|clause| matches!(clause, Clause::Chain { .. } | Clause::Has { .. }))
    }

    /// Whether a resource fits all parameters. `neighbours` are the resources that chains may lead to.
    pub fn matches(&self, resource: &Resource, neighbours: &Neighbours<'_>) -> bool {
        resource.kind() == self.kind
            && self.clauses.iter().all(|clause| clause.holds(self.kind, resource.body(), neighbours))
    }

    /// The elements that decide whether a resource fits, and where it is sorted: see [`Resource::from_slice_of`]. None where others may
    /// do, or other resources.
    pub fn elements(&self) -> Option<Vec<&'static str>> {
        let mut elements = Vec::new();
        for clause in &self.clauses {
            match clause {
                Clause::Fits { parameter, .. } | Clause::Missing { parameter, .. } => {
                    elements.extend(parameter.elements()?);
                }
                Clause::Chain { .. } | Clause::Has { .. } => return None,
            }
        }
        for key in &self.sort {
            elements.extend(key.parameter.elements()?);
        }
        Some(elements)
    }

    /// What a resource is sorted by, one value for each key of `_sort`.
    pub fn sort_values(&self, resource: &Resource) -> Vec<Option<SortValue>> {
        self.sort.iter().map(|key| key.value(resource.body())).collect()
    }

    /// Compare two resources by their sort values.
    pub fn compare(&self, a: &[Option<SortValue>], b: &[Option<SortValue>]) -> Ordering {
        let keys = self.sort.iter().zip(a.iter().zip(b));
        keys.map(|(key, (a, b))| key.compare(a, b)).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    }
}

fn unsupported(name: &str, text: impl Into<String>) -> Issue {
    Issue::error(IssueType::NotSupported, text).at(name)
}

/// Read one parameter. `whole` is the name as the caller wrote it, for what is said about it.
fn clause(
    kind: ResourceType,
    whole: &str,
    name: &str,
    value: &str,
    settings: &Settings<'_>,
    depth: usize,
) -> Result<Clause, Issue> {
    if depth > CHAIN_MAX {
        return Err(
            Issue::error(IssueType::TooCostly, format!("A chain may have {CHAIN_MAX} links at most.")).at(whole)
        );
    }
    if let Some(rest) = name.strip_prefix("_has:") {
        return has(whole, rest, value, settings, depth);
    }
    let (head, tail) = match name.split_once('.') {
        Some((head, tail)) => (head, Some(tail)),
        None => (name, None),
    };
    let (code, modifier) = match head.split_once(':') {
        Some((code, modifier)) => (code, Some(modifier)),
        None => (head, None),
    };
    let Some(found) = parameter(kind, code) else {
        return Err(unsupported(
            whole,
            format!("{kind} has no search parameter of this name, or this server does not support it."),
        ));
    };
    if found.kind == Kind::Special {
        return Err(unsupported(whole, "This server does not search by this parameter."));
    }
    if let Some(tail) = tail {
        return chain(whole, found, modifier, tail, value, settings, depth);
    }
    if modifier == Some("missing") {
        return match value {
            "true" => Ok(Clause::Missing { parameter: found, missing: true }),
            "false" => Ok(Clause::Missing { parameter: found, missing: false }),
            _ => Err(Issue::error(IssueType::Value, ":missing is true or false.").at(whole)),
        };
    }
    let (modifier, not) = read_modifier(whole, found, modifier)?;
    let alternatives = split(value, ',');
    if alternatives.len() > ALTERNATIVES_MAX {
        let text = format!("A parameter may have {ALTERNATIVES_MAX} alternatives at most.");
        return Err(Issue::error(IssueType::TooCostly, text).at(whole));
    }
    let reading = Reading { now: settings.now, base: settings.base };
    let any = alternatives.iter().map(|text| {
        Matcher::parse(found, modifier, text, &reading)
            .map_err(|wrong| Issue::error(IssueType::Value, format!("The value {wrong}.")).at(whole))
    });
    Ok(Clause::Fits { parameter: found, any: any.collect::<Result<_, _>>()?, not })
}

fn read_modifier(whole: &str, found: &Parameter, modifier: Option<&str>) -> Result<(Modifier, bool), Issue> {
    let Some(modifier) = modifier else { return Ok((Modifier::Plain, false)) };
    Ok(match (found.kind, modifier) {
        (Kind::Token, "not") => (Modifier::Plain, true),
        (Kind::Token, "text") => (Modifier::Text, false),
        (Kind::Token, "of-type") => (Modifier::OfType, false),
        (Kind::Token, "in" | "not-in" | "above" | "below") => {
            return Err(unsupported(whole, format!(":{modifier} needs a terminology server, which is not connected.")));
        }
        (Kind::String, "exact") => (Modifier::Exact, false),
        (Kind::String, "contains") => (Modifier::Contains, false),
        (Kind::Uri, "below") => (Modifier::Below, false),
        (Kind::Uri, "above") => (Modifier::Above, false),
        (Kind::Reference, "identifier") => (Modifier::Identifier, false),
        (Kind::Reference, name) if name.starts_with(|c: char| c.is_ascii_uppercase()) => {
            let kind = name.parse().map_err(|_| unsupported(whole, "The modifier is not a FHIR R4 resource type."))?;
            if !found.may_point_at(kind) {
                return Err(unsupported(whole, "The parameter cannot point at a resource of that type."));
            }
            (Modifier::Type(kind), false)
        }
        (kind, _) => {
            return Err(unsupported(
                whole,
                format!("This modifier is not supported on a {} parameter.", kind.as_str()),
            ));
        }
    })
}

fn chain(
    whole: &str,
    found: &'static Parameter,
    modifier: Option<&str>,
    tail: &str,
    value: &str,
    settings: &Settings<'_>,
    depth: usize,
) -> Result<Clause, Issue> {
    if found.kind != Kind::Reference {
        return Err(unsupported(whole, "Only a reference parameter can be chained."));
    }
    let kinds = match modifier {
        Some(name) => match name.parse() {
            Ok(kind) if found.may_point_at(kind) => vec![kind],
            _ => return Err(unsupported(whole, "The parameter cannot point at a resource of that type.")),
        },
        None if found.targets.is_empty() => {
            return Err(unsupported(
                whole,
                "The parameter can point at any type: say which, as in focus:Patient.name.",
            ));
        }
        None => found.targets.clone(),
    };
    let mut targets = Vec::new();
    let mut refused = None;
    for kind in kinds {
        match clause(kind, whole, tail, value, settings, depth + 1) {
            Ok(clause) => targets.push((kind, clause)),
            Err(issue) => refused = Some(issue),
        }
    }
    match (targets.is_empty(), refused) {
        (true, Some(issue)) => Err(issue),
        _ => Ok(Clause::Chain { parameter: found, targets }),
    }
}

fn has(whole: &str, rest: &str, value: &str, settings: &Settings<'_>, depth: usize) -> Result<Clause, Issue> {
    let form = || unsupported(whole, "_has is written _has:Type:reference:parameter.");
    let (kind, rest) = split_once(rest, ':').ok_or_else(form)?;
    let (code, tail) = split_once(rest, ':').ok_or_else(form)?;
    let kind: ResourceType = kind.parse().map_err(|_| form())?;
    match parameter(kind, code) {
        Some(found) if found.kind == Kind::Reference => {
            let inner = Box::new(clause(kind, whole, tail, value, settings, depth + 1)?);
            Ok(Clause::Has { kind, parameter: found, inner })
        }
        _ => Err(unsupported(whole, format!("{kind} has no reference parameter of this name."))),
    }
}

impl Clause {
    fn holds(&self, kind: ResourceType, resource: &Map<String, Value>, neighbours: &Neighbours<'_>) -> bool {
        match self {
            Clause::Fits { parameter, any, not } => {
                any.iter().any(|matcher| matcher.matches(parameter, resource)) != *not
            }
            Clause::Missing { parameter, missing } => {
                let present = match parameter.kind {
                    Kind::Composite => has_all_parts(parameter, resource),
                    _ => parameter.paths.iter().any(|path| path.is_present(resource)),
                };
                present != *missing
            }
            Clause::Chain { parameter, targets } => pointed_at(parameter, resource, &mut |found, id| {
                targets.iter().filter(|(target, _)| *target == found).any(|(target, clause)| {
                    let there = neighbours.by_id.get(&(found, id));
                    there.is_some_and(|there| clause.holds(*target, there, neighbours))
                })
            }),
            Clause::Has { kind: other, parameter, inner } => {
                let own_id = resource.get("id").and_then(Value::as_str);
                neighbours.by_kind.get(other).into_iter().flatten().any(|there| {
                    pointed_at(parameter, there, &mut |found, id| found == kind && Some(id) == own_id)
                        && inner.holds(*other, there, neighbours)
                })
            }
        }
    }
}

/// Whether some element has a value for every part of a composite.
fn has_all_parts(parameter: &Parameter, resource: &Map<String, Value>) -> bool {
    let some = |paths: &[super::path::Path], from: &Map<String, Value>| {
        paths.iter().any(|path| path.visit(from, resource, &mut |_| true))
    };
    parameter.paths.iter().any(|path| {
        path.visit_elements(resource, &mut |element| parameter.components.iter().all(|part| some(&part.paths, element)))
    })
}

fn pointed_at(
    parameter: &Parameter,
    resource: &Map<String, Value>,
    fits: &mut dyn FnMut(ResourceType, &str) -> bool,
) -> bool {
    parameter.paths.iter().any(|path| {
        path.visit(resource, resource, &mut |value| {
            let text = value.get("reference").and_then(Value::as_str).unwrap_or_default();
            match Reference::parse(text) {
                Reference::Relative { kind, id, .. } => {
                    path.target.is_none_or(|target| target == kind) && fits(kind, id)
                }
                _ => false,
            }
        })
    })
}
