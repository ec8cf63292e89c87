//! One value of a search parameter, and whether a value in a resource fits it.

use super::{
    path::{Leaf, Path},
    split::{split, split_once, unescape},
    table::{Kind, Parameter},
    text::{fold, soundex},
};
use crate::{
    Decimal, Reference, ResourceType,
    datetime::{DateTime, Interval, london, period},
    nhs,
};
use serde_json::{Map, Value};

/// The comparison before a date, number or quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prefix {
    Eq,
    Ne,
    Gt,
    Lt,
    Ge,
    Le,
    Sa,
    Eb,
    Ap,
}

impl Prefix {
    fn split(text: &str) -> (Self, &str) {
        let named = |prefix| (prefix, text.get(2..).unwrap_or_default());
        match text.get(..2) {
            Some("eq") => named(Prefix::Eq),
            Some("ne") => named(Prefix::Ne),
            Some("gt") => named(Prefix::Gt),
            Some("lt") => named(Prefix::Lt),
            Some("ge") => named(Prefix::Ge),
            Some("le") => named(Prefix::Le),
            Some("sa") => named(Prefix::Sa),
            Some("eb") => named(Prefix::Eb),
            Some("ap") => named(Prefix::Ap),
            _ => (Prefix::Eq, text),
        }
    }
}

/// A stretch of numbers; `None` is an open end.
#[derive(Clone, Copy, Debug)]
struct Span {
    low: Option<Decimal>,
    high: Option<Decimal>,
}

/// What a token says of the code system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum System {
    /// `code`: any.
    Any,
    /// `|code`: none.
    None,
    /// `system|code`.
    Is(String),
}

/// A modifier, after the colon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Modifier {
    Plain,
    Exact,
    Contains,
    Text,
    OfType,
    Identifier,
    Below,
    Above,
    Type(ResourceType),
}

/// One of the alternatives of a parameter.
#[derive(Clone, Debug)]
pub(super) enum Matcher {
    Token { system: System, code: Option<String> },
    TokenText(String),
    OfType { system: String, code: String, value: String },
    Starts(String),
    StartsCompact(String),
    Contains(String),
    Exact(String),
    Phonetic(Vec<String>),
    Date { prefix: Prefix, interval: Interval },
    Number { prefix: Prefix, number: NumberRange },
    Quantity { prefix: Prefix, number: NumberRange, system: System, unit: Option<String> },
    Reference { kind: Option<ResourceType>, id: String, literal: String },
    Uri(String),
    UriBelow(String),
    UriAbove(String),
    Composite(Vec<Matcher>),
}

/// A number as a search gives it: itself, and the range its precision means.
#[derive(Clone, Copy, Debug)]
pub(super) struct NumberRange {
    value: Decimal,
    low: Decimal,
    high: Decimal,
}

/// What values are read against.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading<'a> {
    /// Now, for `ap`.
    pub now: jiff::Timestamp,
    /// Our own base address: a reference that begins with it is relative.
    pub base: Option<&'a str>,
}

/// What is wrong with a value, in words that end the sentence "the value …".
type Wrong = &'static str;

impl Matcher {
    pub(super) fn parse(
        parameter: &Parameter,
        modifier: Modifier,
        text: &str,
        reading: &Reading<'_>,
    ) -> Result<Self, Wrong> {
        if parameter.kind == Kind::Composite {
            let parts = split(text, '$');
            if parts.len() != parameter.components.len() {
                return Err("has another number of parts (separated by $) than the parameter");
            }
            let parts = parameter.components.iter().zip(parts);
            let parts = parts.map(|(part, text)| Self::simple(part.kind, "", &[], Modifier::Plain, text, reading));
            return Ok(Matcher::Composite(parts.collect::<Result<_, _>>()?));
        }
        Self::simple(parameter.kind, parameter.code, &parameter.targets, modifier, text, reading)
    }

    fn simple(
        kind: Kind,
        code: &str,
        targets: &[ResourceType],
        modifier: Modifier,
        text: &str,
        reading: &Reading<'_>,
    ) -> Result<Self, Wrong> {
        if text.is_empty() {
            return Err("is empty");
        }
        match (kind, modifier) {
            (Kind::Token, Modifier::Text) => Ok(Matcher::TokenText(fold(&unescape(text)))),
            (Kind::Token, Modifier::OfType) => match split(text, '|').as_slice() {
                [system, code, value] if !code.is_empty() && !value.is_empty() => {
                    Ok(Matcher::OfType { system: unescape(system), code: unescape(code), value: unescape(value) })
                }
                _ => Err("is not of the form system|code|value"),
            },
            (Kind::Token, _) | (Kind::Reference, Modifier::Identifier) => Ok(token(text)),
            (Kind::String, Modifier::Exact) => Ok(Matcher::Exact(unescape(text))),
            (Kind::String, Modifier::Contains) => some(fold(&unescape(text)), Matcher::Contains),
            (Kind::String, _) if code == "phonetic" => Ok(Matcher::Phonetic(soundex(&fold(&unescape(text))))),
            (Kind::String, _) if code == "address-postalcode" => {
                some(fold(&unescape(text)).replace(' ', ""), Matcher::StartsCompact)
            }
            (Kind::String, _) => some(fold(&unescape(text)), Matcher::Starts),
            (Kind::Date, _) => date(text, reading),
            (Kind::Number, _) => {
                let (prefix, number) = Prefix::split(text);
                Ok(Matcher::Number { prefix, number: number_range(number)? })
            }
            (Kind::Quantity, _) => quantity(text),
            (Kind::Uri, Modifier::Below) => Ok(Matcher::UriBelow(unescape(text))),
            (Kind::Uri, Modifier::Above) => Ok(Matcher::UriAbove(unescape(text))),
            (Kind::Uri, _) => Ok(Matcher::Uri(unescape(text))),
            (Kind::Reference, modifier) => reference(&unescape(text), targets, modifier, reading),
            (Kind::Composite | Kind::Special, _) => Err("is of a kind this server does not search by"),
        }
    }

    /// Whether any value of the parameter in this resource fits.
    pub(super) fn matches(&self, parameter: &Parameter, resource: &Map<String, Value>) -> bool {
        if let Matcher::Composite(parts) = self {
            return parameter.paths.iter().any(|path| {
                path.visit_elements(resource, &mut |element| {
                    parts
                        .iter()
                        .zip(&parameter.components)
                        .all(|(part, component)| component.paths.iter().any(|path| part.at(path, element, resource)))
                })
            });
        }
        parameter.paths.iter().any(|path| self.at(path, resource, resource))
    }

    fn at(&self, path: &Path, from: &Map<String, Value>, resource: &Map<String, Value>) -> bool {
        if path.leaf == Leaf::Deceased {
            return self.fits_code(if has_died(resource) { "true" } else { "false" }, None);
        }
        path.visit(from, resource, &mut |value| self.fits(value, path))
    }

    fn fits(&self, value: &Value, path: &Path) -> bool {
        match self {
            Matcher::Token { .. } => self.fits_token(value, path),
            Matcher::TokenText(wanted) => {
                token_texts(value, path.leaf, &mut |text| fold(text).starts_with(wanted.as_str()))
            }
            Matcher::OfType { system, code, value: wanted } => {
                value.get("value").and_then(Value::as_str) == Some(wanted.as_str())
                    && items(value.pointer("/type/coding")).iter().any(|coding| {
                        (system.is_empty() || member(coding, "system") == Some(system))
                            && member(coding, "code") == Some(code)
                    })
            }
            Matcher::Starts(wanted) => texts(value, path.leaf, &mut |text| fold(text).starts_with(wanted.as_str())),
            Matcher::StartsCompact(wanted) => {
                texts(value, path.leaf, &mut |text| fold(text).replace(' ', "").starts_with(wanted.as_str()))
            }
            Matcher::Contains(wanted) => texts(value, path.leaf, &mut |text| fold(text).contains(wanted.as_str())),
            Matcher::Exact(wanted) => texts(value, path.leaf, &mut |text| text == wanted),
            Matcher::Phonetic(wanted) => {
                let mut sounds = Vec::new();
                texts(value, path.leaf, &mut |text| {
                    sounds.extend(soundex(&fold(text)));
                    false
                });
                !wanted.is_empty() && wanted.iter().all(|sound| sounds.contains(sound))
            }
            Matcher::Date { prefix, interval } => {
                time_of(value, path.leaf).is_some_and(|found| fits_date(*prefix, interval, &found))
            }
            Matcher::Number { prefix, number } => {
                span_of(value, path.leaf, &System::Any, None).is_some_and(|found| fits_span(*prefix, number, &found))
            }
            Matcher::Quantity { prefix, number, system, unit } => span_of(value, path.leaf, system, unit.as_deref())
                .is_some_and(|found| fits_span(*prefix, number, &found)),
            Matcher::Reference { .. } => self.fits_reference(value, path),
            Matcher::Uri(wanted) => value.as_str().is_some_and(|found| same_uri(found, wanted)),
            Matcher::UriBelow(wanted) => value.as_str().is_some_and(|found| is_below(found, wanted)),
            Matcher::UriAbove(wanted) => value.as_str().is_some_and(|found| is_below(wanted, found)),
            Matcher::Composite(_) => false,
        }
    }

    fn fits_code(&self, found: &str, bound: Option<&str>) -> bool {
        let Matcher::Token { system, code } = self else { return false };
        let system_fits = match system {
            System::Any => true,
            System::None => bound.is_none(),
            // A plain code carries no system; where the definitions bind one, another system is another code.
            System::Is(wanted) => bound.is_none_or(|bound| bound == wanted),
        };
        system_fits && code.as_deref().is_none_or(|wanted| wanted == found)
    }

    fn fits_token(&self, value: &Value, path: &Path) -> bool {
        let Matcher::Token { system, code } = self else { return false };
        let pair = |found_system: Option<&str>, found: Option<&str>| {
            system.fits(found_system) && code.as_deref().is_none_or(|wanted| found == Some(wanted))
        };
        match path.leaf {
            Leaf::CodeableConcept => {
                items(value.get("coding")).iter().any(|coding| pair(member(coding, "system"), member(coding, "code")))
            }
            Leaf::Coding => pair(member(value, "system"), member(value, "code")),
            Leaf::Identifier => identifier_fits(value, system, code.as_deref()),
            // A token search through a reference is `:identifier`.
            Leaf::Reference => {
                value.get("identifier").is_some_and(|found| identifier_fits(found, system, code.as_deref()))
            }
            Leaf::ContactPoint => {
                let compact =
                    |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_lowercase();
                let use_fits = match system {
                    System::Is(wanted) => {
                        member(value, "use") == Some(wanted) || member(value, "system") == Some(wanted)
                    }
                    _ => true,
                };
                use_fits
                    && code.as_deref().is_none_or(|wanted| {
                        member(value, "value").is_some_and(|found| compact(found) == compact(wanted))
                    })
            }
            Leaf::Quantity => pair(member(value, "system"), member(value, "code")),
            _ => match value {
                Value::String(found) => self.fits_code(found, path.system),
                Value::Bool(found) => self.fits_code(if *found { "true" } else { "false" }, path.system),
                Value::Number(found) => self.fits_code(&found.to_string(), path.system),
                _ => false,
            },
        }
    }

    fn fits_reference(&self, value: &Value, path: &Path) -> bool {
        let Matcher::Reference { kind, id, literal } = self else { return false };
        if path.leaf == Leaf::Uri {
            return value.as_str().is_some_and(|found| same_uri(found, literal));
        }
        if path.leaf == Leaf::Resource {
            return member(value, "id") == Some(id)
                && kind.is_none_or(|kind| member(value, "resourceType") == Some(kind.as_str()));
        }
        let Some(found) = member(value, "reference") else { return false };
        if found == literal {
            return true;
        }
        match Reference::parse(found) {
            Reference::Relative { kind: found_kind, id: found_id, .. } => {
                found_id == id
                    && kind.is_none_or(|kind| kind == found_kind)
                    && path.target.is_none_or(|t| t == found_kind)
            }
            _ => false,
        }
    }
}

impl System {
    fn fits(&self, found: Option<&str>) -> bool {
        match self {
            System::Any => true,
            System::None => found.is_none(),
            System::Is(wanted) => found == Some(wanted),
        }
    }
}

fn some(text: String, make: fn(String) -> Matcher) -> Result<Matcher, Wrong> {
    if text.is_empty() { Err("has no letter or digit to search by") } else { Ok(make(text)) }
}

fn token(text: &str) -> Matcher {
    let (system, code) = match split_once(text, '|') {
        None => (System::Any, text),
        Some(("", code)) => (System::None, code),
        Some((system, code)) => (System::Is(unescape(system)), code),
    };
    Matcher::Token { system, code: (!code.is_empty()).then(|| unescape(code)) }
}

fn date(text: &str, reading: &Reading<'_>) -> Result<Matcher, Wrong> {
    let (prefix, text) = Prefix::split(text);
    // A `+` of an offset that the caller forgot to encode arrives as a space.
    let text = text.replace(' ', "+");
    let stated =
        DateTime::parse(&text).map_err(|_| "is not a date (YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss±hh:mm)")?;
    let mut interval = stated.interval(london());
    if prefix == Prefix::Ap {
        let gap = (reading.now.as_microsecond().saturating_sub(interval.from) / 10).saturating_abs();
        interval = Interval { from: interval.from.saturating_sub(gap), to: interval.to.saturating_add(gap) };
    }
    Ok(Matcher::Date { prefix, interval })
}

fn number_range(text: &str) -> Result<NumberRange, Wrong> {
    let (value, low, high) = Decimal::parse_range(text).ok_or("is not a number")?;
    Ok(NumberRange { value, low, high })
}

fn quantity(text: &str) -> Result<Matcher, Wrong> {
    let (prefix, text) = Prefix::split(text);
    let parts = split(text, '|');
    let (number, system, unit) = match parts.as_slice() {
        [number] => (*number, System::Any, ""),
        [number, "", unit] => (*number, System::Any, *unit),
        [number, system, unit] => (*number, System::Is(unescape(system)), *unit),
        _ => return Err("is not of the form number or number|system|unit"),
    };
    let unit = (!unit.is_empty()).then(|| unescape(unit));
    Ok(Matcher::Quantity { prefix, number: number_range(number)?, system, unit })
}

fn reference(
    text: &str,
    targets: &[ResourceType],
    modifier: Modifier,
    reading: &Reading<'_>,
) -> Result<Matcher, Wrong> {
    let ours = reading.base.and_then(|base| text.strip_prefix(base)?.strip_prefix('/')).unwrap_or(text);
    let wanted = match modifier {
        Modifier::Type(kind) => Some(kind),
        _ => match targets {
            [only] => Some(*only),
            _ => None,
        },
    };
    if let Some((kind, id)) = match Reference::parse(ours) {
        Reference::Relative { kind, id, .. } => Some((kind, id)),
        _ => None,
    } {
        if let Modifier::Type(asked) = modifier
            && asked != kind
        {
            return Err("names another type than the modifier");
        }
        return Ok(Matcher::Reference { kind: Some(kind), id: id.to_owned(), literal: ours.to_owned() });
    }
    if crate::reference::is_id(ours) {
        return Ok(Matcher::Reference { kind: wanted, id: ours.to_owned(), literal: ours.to_owned() });
    }
    // An address elsewhere, a urn: or a canonical: compared as it stands; an empty id fits nothing.
    Ok(Matcher::Reference { kind: wanted, id: String::new(), literal: ours.to_owned() })
}

fn member<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name).and_then(Value::as_str)
}

fn items(value: Option<&Value>) -> &[Value] {
    match value {
        Some(Value::Array(items)) => items,
        Some(one @ Value::Object(_)) => std::slice::from_ref(one),
        _ => &[],
    }
}

fn identifier_fits(found: &Value, system: &System, code: Option<&str>) -> bool {
    let found_system = member(found, "system");
    if !system.fits(found_system) {
        return false;
    }
    let Some(wanted) = code else { return true };
    match member(found, "value") {
        Some(value) if value == wanted => true,
        // People write NHS numbers with spaces, in resources and in searches.
        Some(value) if found_system == Some(nhs::SYSTEM) => {
            nhs::ten_digits(value).is_some_and(|digits| nhs::ten_digits(wanted) == Some(digits))
        }
        _ => false,
    }
}

/// Whether a Patient resource says that the patient has died.
fn has_died(patient: &Map<String, Value>) -> bool {
    patient.contains_key("deceasedDateTime") || patient.get("deceasedBoolean") == Some(&Value::Bool(true))
}

/// The texts that a string search looks at.
pub(super) fn texts(value: &Value, leaf: Leaf, fits: &mut dyn FnMut(&str) -> bool) -> bool {
    let members: &[&str] = match leaf {
        Leaf::HumanName => &["text", "family", "given", "prefix", "suffix"],
        Leaf::Address => &["text", "line", "city", "district", "state", "postalCode", "country"],
        Leaf::CodeableConcept => &["text"],
        _ => return value.as_str().is_some_and(&mut *fits),
    };
    members.iter().any(|name| match value.get(name) {
        Some(Value::String(text)) => fits(text),
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).any(&mut *fits),
        _ => false,
    })
}

/// The texts that `:text` looks at.
fn token_texts(value: &Value, leaf: Leaf, fits: &mut dyn FnMut(&str) -> bool) -> bool {
    match leaf {
        Leaf::CodeableConcept => {
            member(value, "text").is_some_and(&mut *fits)
                || items(value.get("coding")).iter().filter_map(|coding| member(coding, "display")).any(&mut *fits)
        }
        Leaf::Coding => member(value, "display").is_some_and(&mut *fits),
        Leaf::Identifier => value.pointer("/type/text").and_then(Value::as_str).is_some_and(&mut *fits),
        _ => value.as_str().is_some_and(&mut *fits),
    }
}

/// The stretch of time a value covers.
pub(super) fn time_of(value: &Value, leaf: Leaf) -> Option<Interval> {
    let read = |text: &str| DateTime::parse(text).ok().map(|stated| stated.interval(london()));
    match leaf {
        Leaf::Period => period(value, london()),
        Leaf::Timing => {
            let events = items_text(value.get("event")).filter_map(read);
            let bounds = value.pointer("/repeat/boundsPeriod").and_then(|bounds| period(bounds, london()));
            events.chain(bounds).reduce(|a, b| Interval { from: a.from.min(b.from), to: a.to.max(b.to) })
        }
        _ => read(value.as_str()?),
    }
}

fn items_text(value: Option<&Value>) -> impl Iterator<Item = &str> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

fn fits_date(prefix: Prefix, wanted: &Interval, found: &Interval) -> bool {
    match prefix {
        Prefix::Eq => wanted.contains(found),
        Prefix::Ne => !wanted.contains(found),
        Prefix::Gt => found.to > wanted.to,
        Prefix::Lt => found.from < wanted.from,
        Prefix::Ge => found.to > wanted.from,
        Prefix::Le => found.from < wanted.to,
        Prefix::Sa => found.from >= wanted.to,
        Prefix::Eb => found.to <= wanted.from,
        Prefix::Ap => wanted.overlaps(found),
    }
}

/// The numbers a value covers, if its unit is the one asked for.
fn span_of(value: &Value, leaf: Leaf, system: &System, unit: Option<&str>) -> Option<Span> {
    match leaf {
        Leaf::Number => decimal(value).map(|n| Span { low: Some(n), high: Some(n) }),
        Leaf::Range => {
            let bound = |name: &str| value.get(name).map(|bound| quantity_value(bound, system, unit));
            match (bound("low"), bound("high")) {
                (None, None) | (Some(None), _) | (_, Some(None)) => None,
                (low, high) => Some(Span { low: low.flatten(), high: high.flatten() }),
            }
        }
        Leaf::Money => {
            if unit.is_some_and(|unit| member(value, "currency") != Some(unit)) {
                return None;
            }
            decimal(value.get("value")?).map(|n| Span { low: Some(n), high: Some(n) })
        }
        _ => {
            let number = quantity_value(value, system, unit)?;
            Some(match member(value, "comparator") {
                Some("<" | "<=") => Span { low: None, high: Some(number) },
                Some(">" | ">=") => Span { low: Some(number), high: None },
                _ => Span { low: Some(number), high: Some(number) },
            })
        }
    }
}

fn decimal(value: &Value) -> Option<Decimal> {
    match value {
        Value::Number(number) => Decimal::parse(&number.to_string()),
        _ => None,
    }
}

fn quantity_value(value: &Value, system: &System, unit: Option<&str>) -> Option<Decimal> {
    if !system.fits(member(value, "system")) {
        return None;
    }
    if let Some(unit) = unit {
        let code = member(value, "code") == Some(unit);
        // Without a system, the unit as people write it counts too (R4 §3.1.1.4.11).
        let written = *system == System::Any && member(value, "unit") == Some(unit);
        if !code && !written {
            return None;
        }
    }
    decimal(value.get("value")?)
}

fn fits_span(prefix: Prefix, wanted: &NumberRange, found: &Span) -> bool {
    let within =
        |low: &Decimal, high: &Decimal| found.low.is_some_and(|n| n >= *low) && found.high.is_some_and(|n| n <= *high);
    // Half a unit above already rounds to the next number, so the upper end of the range is outside.
    let equal = within(&wanted.low, &wanted.high) && found.high.is_some_and(|n| n < wanted.high || n == wanted.value);
    match prefix {
        Prefix::Eq => equal,
        Prefix::Ne => !equal,
        Prefix::Gt => found.high.is_none_or(|n| n > wanted.value),
        Prefix::Lt => found.low.is_none_or(|n| n < wanted.value),
        Prefix::Ge => found.high.is_none_or(|n| n >= wanted.value),
        Prefix::Le => found.low.is_none_or(|n| n <= wanted.value),
        Prefix::Sa => found.low.is_some_and(|n| n > wanted.value),
        Prefix::Eb => found.high.is_some_and(|n| n < wanted.value),
        Prefix::Ap => {
            let (low, high) = wanted.value.about();
            let (low, high) = (low.min(wanted.low), high.max(wanted.high));
            found.low.is_none_or(|n| n <= high) && found.high.is_none_or(|n| n >= low)
        }
    }
}

/// Whether two URIs are the same; a canonical without a version means any version.
fn same_uri(found: &str, wanted: &str) -> bool {
    found == wanted || (!wanted.contains('|') && found.split('|').next() == Some(wanted))
}

fn is_below(path: &str, root: &str) -> bool {
    path.strip_prefix(root.trim_end_matches('/')).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
