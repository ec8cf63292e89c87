//! FHIR's composite values as people read them: concepts, names, addresses, quantities, references, periods.
//! The source's own words come first (its `text`), its codes' displays second, a bare code last; never a guess.

use crate::when::When;
use fhir::{Resource, Value};
use identity::fold_name;

/// The text of a string member.
pub fn text<'a>(value: &'a Value, member: &str) -> Option<&'a str> {
    value.get(member).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
}

/// The items of a list member.
pub fn list<'a>(value: &'a Value, member: &str) -> &'a [Value] {
    value.get(member).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A code within its system.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code {
    /// The code system's URI, empty when the source named none.
    pub system: String,
    /// The code.
    pub code: String,
}

/// A Coding or CodeableConcept (R4 §2.24.0.6) as words and codes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Concept {
    /// What to show.
    pub text: String,
    /// Every code given.
    pub codes: Vec<Code>,
}

impl Concept {
    /// Read a CodeableConcept. None when it says nothing.
    pub fn of(value: &Value) -> Option<Concept> {
        let codings = list(value, "coding");
        let chosen = codings
            .iter()
            .find(|c| c.get("userSelected").and_then(Value::as_bool) == Some(true) && text(c, "display").is_some());
        let shown = text(value, "text")
            .or_else(|| chosen.and_then(|coding| text(coding, "display")))
            .or_else(|| codings.iter().find_map(|coding| text(coding, "display")))
            .or_else(|| codings.iter().find_map(|coding| text(coding, "code")))?;
        let codes = codings.iter().filter_map(code).collect();
        Some(Concept { text: shown.to_owned(), codes })
    }

    /// Read one Coding.
    pub fn of_coding(value: &Value) -> Option<Concept> {
        let shown = text(value, "display").or_else(|| text(value, "code"))?;
        Some(Concept { text: shown.to_owned(), codes: code(value).into_iter().collect() })
    }

    /// Whether one of its codes is this one, in whatever system.
    pub fn has(&self, wanted: &str) -> bool {
        self.codes.iter().any(|code| code.code == wanted)
    }

    /// The form two sources' words are compared in when they share no code: lower case, single spaces, without the
    /// SNOMED semantic tag (`(disorder)`).
    pub fn folded(&self) -> String {
        fold(&self.text)
    }
}

/// Lower case, letters and digits only, single spaces, without a trailing SNOMED semantic tag.
pub fn fold(words: &str) -> String {
    let plain = without_tag(words);
    let mut folded = String::with_capacity(plain.len());
    for word in plain.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        if !folded.is_empty() {
            folded.push(' ');
        }
        folded.extend(word.chars().flat_map(char::to_lowercase));
    }
    folded
}

/// Words in the form they are compared in: lower case, single spaces, no punctuation, no SNOMED semantic tag. What changes a
/// meaning stays: a plus or minus after a word (`Rh+`), a decimal point, `<`, `>`, `%`.
pub fn comparable(words: &str) -> String {
    let letters: Vec<char> = without_tag(words).chars().collect();
    let mut folded = String::with_capacity(letters.len());
    let mut gap = false;
    let alphanumeric = |at: Option<&char>| at.is_some_and(|c| c.is_alphanumeric());
    let digit = |at: Option<&char>| at.is_some_and(char::is_ascii_digit);
    for (index, letter) in letters.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|index| letters.get(index));
        let after = letters.get(index + 1);
        let means = match letter {
            c if c.is_alphanumeric() => true,
            '+' | '-' => alphanumeric(before) && !alphanumeric(after),
            '.' => digit(before) && digit(after),
            '<' | '>' | '%' | '≥' | '≤' => true,
            // The comma of thousands says nothing: 1,000 is 1000.
            ',' if digit(before) && digit(after) => continue,
            _ => false,
        };
        if means {
            if gap && !folded.is_empty() {
                folded.push(' ');
            }
            gap = false;
            folded.extend(letter.to_lowercase());
        } else {
            gap = true;
        }
    }
    folded
}

/// The SNOMED CT semantic tags that say what a concept is to a terminologist, not to a clinician.
const TAGS: [&str; 10] = [
    "disorder",
    "finding",
    "procedure",
    "situation",
    "regime/therapy",
    "observable entity",
    "substance",
    "product",
    "record artifact",
    "event",
];

/// `Diabetes mellitus type 2 (disorder)` as `Diabetes mellitus type 2`.
pub fn without_tag(words: &str) -> &str {
    let words = words.trim();
    let Some((plain, tag)) = words.rsplit_once('(') else { return words };
    match tag.strip_suffix(')') {
        Some(tag) if TAGS.contains(&tag) => plain.trim_end(),
        _ => words,
    }
}

fn code(coding: &Value) -> Option<Code> {
    let code = text(coding, "code")?;
    Some(Code { system: text(coding, "system").unwrap_or_default().to_owned(), code: code.to_owned() })
}

/// The CodeableConcept at a top-level element of a resource.
pub fn concept(resource: &Resource, element: &str) -> Option<Concept> {
    resource.get(element).and_then(Concept::of)
}

/// The words of all CodeableConcepts in a list element.
pub fn concepts(resource: &Resource, element: &str) -> Vec<Concept> {
    match resource.get(element) {
        Some(Value::Array(list)) => list.iter().filter_map(Concept::of).collect(),
        Some(one @ Value::Object(_)) => Concept::of(one).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// The first of the elements that reads as a date or time.
pub fn when(resource: &Resource, pointers: &[&str]) -> Option<When> {
    pointers.iter().find_map(|pointer| resource.str_at(pointer).and_then(When::parse))
}

/// What a Reference shows: its display, or the display of its identifier's holder. A bare id is not for people.
pub fn reference(value: &Value) -> Option<String> {
    text(value, "display").map(str::to_owned)
}

/// The displays of a list of references, or of one.
pub fn references(resource: &Resource, element: &str) -> Vec<String> {
    match resource.get(element) {
        Some(Value::Array(list)) => list.iter().filter_map(reference).collect(),
        Some(one @ Value::Object(_)) => reference(one).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// The texts of `note` (Annotation), oldest first as sent.
pub fn notes(resource: &Resource) -> Vec<String> {
    resource.list("note").iter().filter_map(|note| text(note, "text")).map(str::to_owned).collect()
}

/// A HumanName in the banner's parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Name {
    /// Family name as the source wrote it; shown in capitals.
    pub family: String,
    /// Given names, in order.
    pub given: Vec<String>,
    /// `Mrs`, `Dr` …
    pub title: Option<String>,
}

impl Name {
    /// Read a HumanName. None when it has neither family nor given name nor text.
    pub fn of(value: &Value) -> Option<Name> {
        let given: Vec<String> = list(value, "given")
            .iter()
            .filter_map(Value::as_str)
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect();
        let title = list(value, "prefix")
            .iter()
            .find_map(Value::as_str)
            .map(str::trim)
            .filter(|title| !title.is_empty())
            .map(str::to_owned);
        match text(value, "family") {
            Some(family) => Some(Name { family: family.to_owned(), given, title }),
            None if !given.is_empty() => Some(Name { family: String::new(), given, title }),
            None => text(value, "text").map(|whole| Name { family: whole.to_owned(), given: Vec::new(), title: None }),
        }
    }

    /// `FAMILY, Given (Title)`, unlabelled, as the Common User Interface's patient banner writes it.
    pub fn banner(&self) -> String {
        let mut shown = self.family.to_uppercase();
        if let Some(first) = self.given.first() {
            if !shown.is_empty() {
                shown.push_str(", ");
            }
            shown.push_str(first);
        }
        if let Some(title) = &self.title {
            shown.push_str(&format!(" ({title})"));
        }
        shown
    }

    /// `Mrs Ada Mary Lovelace`.
    pub fn plain(&self) -> String {
        let mut parts: Vec<&str> = Vec::new();
        parts.extend(self.title.as_deref());
        parts.extend(self.given.iter().map(String::as_str));
        parts.push(&self.family);
        parts.retain(|part| !part.is_empty());
        parts.join(" ")
    }

    /// For comparing what two sources say: family and first given name without case, accents and what stands between letters, for one
    /// system keeps them and another does not.
    pub fn folded(&self) -> (String, String) {
        (fold_name(&self.family), self.given.first().map(|name| fold_name(name)).unwrap_or_default())
    }
}

/// The name to use from a list of HumanNames: official, then usual, then any that is not old, nickname or maiden.
pub fn best_name(names: &[Value]) -> Option<Name> {
    let of_use = |wanted: &str| names.iter().filter(|name| text(name, "use") == Some(wanted)).find_map(Name::of);
    of_use("official")
        .or_else(|| of_use("usual"))
        .or_else(|| {
            names
                .iter()
                .filter(|name| !matches!(text(name, "use"), Some("old" | "nickname" | "maiden" | "temp")))
                .find_map(Name::of)
        })
        .or_else(|| names.iter().find_map(Name::of))
}

/// An Address on one line: `12 Mill Lane, Riverside, RV1 2AB`.
pub fn address(value: &Value) -> Option<String> {
    let mut parts: Vec<&str> = list(value, "line").iter().filter_map(Value::as_str).collect();
    parts.extend(["city", "district", "state", "postalCode"].iter().filter_map(|member| text(value, member)));
    let mut shown: Vec<&str> = Vec::new();
    for part in parts.into_iter().map(str::trim).filter(|part| !part.is_empty()) {
        if !shown.contains(&part) {
            shown.push(part);
        }
    }
    if shown.is_empty() { text(value, "text").map(str::to_owned) } else { Some(shown.join(", ")) }
}

/// One way to reach someone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telecom {
    /// `Mobile`, `Home telephone`, `Email` …
    pub label: &'static str,
    /// The number or address.
    pub value: String,
    /// For a `tel:` or `mailto:` link.
    pub link: Option<String>,
}

/// The current ContactPoints of a list.
pub fn telecoms(values: &[Value]) -> Vec<Telecom> {
    let current = values.iter().filter(|point| text(point, "use") != Some("old"));
    current
        .filter_map(|point| {
            let value = text(point, "value")?.to_owned();
            let label = match (text(point, "system"), text(point, "use")) {
                (Some("email"), _) => "Email",
                (Some("fax"), _) => "Fax",
                (Some("sms"), _) | (_, Some("mobile")) => "Mobile",
                (_, Some("work")) => "Work telephone",
                (_, Some("home")) => "Home telephone",
                (Some("phone"), _) => "Telephone",
                _ => "Contact",
            };
            let digits: String = value.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect();
            let link = match label {
                "Email" if value.contains('@') && !value.contains(char::is_whitespace) => {
                    Some(format!("mailto:{value}"))
                }
                "Email" | "Fax" | "Contact" => None,
                _ if digits.len() >= 5 => Some(format!("tel:{digits}")),
                _ => None,
            };
            Some(Telecom { label, value, link })
        })
        .collect()
}

/// A number exactly as the source wrote it (its decimal places are part of what it says).
pub fn number(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A Quantity: comparator, value and unit as sent.
pub fn quantity(value: &Value) -> Option<String> {
    let shown = number(value.get("value")?)?;
    let comparator = match text(value, "comparator") {
        Some("<=") => "≤ ",
        Some(">=") => "≥ ",
        Some("<") => "< ",
        Some(">") => "> ",
        _ => "",
    };
    Some(match unit(value) {
        Some(unit) => format!("{comparator}{shown} {unit}"),
        None => format!("{comparator}{shown}"),
    })
}

/// The unit of a Quantity as sent: its text, else its code.
pub fn unit(value: &Value) -> Option<&str> {
    text(value, "unit").or_else(|| text(value, "code")).filter(|unit| *unit != "1" && *unit != "{score}")
}

/// A Period in words: `from 01-Jan-2026`, `01-Jan-2026 to 03-Jan-2026`, `until 03-Jan-2026`.
pub fn period(value: &Value) -> Option<String> {
    let start = text(value, "start").and_then(When::parse);
    let end = text(value, "end").and_then(When::parse);
    match (start, end) {
        (Some(start), Some(end)) if start.text == end.text => Some(start.text),
        (Some(start), Some(end)) => Some(format!("{} to {}", start.text, end.text)),
        (Some(start), None) => Some(format!("from {}", start.text)),
        (None, Some(end)) => Some(format!("until {}", end.text)),
        (None, None) => None,
    }
}

/// A code of FHIR's own (`in-progress`) as words (`In progress`).
pub fn words(code: &str) -> String {
    let spaced = code.replace(['-', '_'], " ");
    let mut letters = spaced.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}

/// The text of a Narrative (`text.div`) without its markup, for a resource whose content is only there.
pub fn narrative(resource: &Resource) -> Option<String> {
    let div = resource.str_at("/text/div")?;
    let mut plain = String::with_capacity(div.len());
    let mut inside = false;
    for letter in div.chars() {
        match letter {
            '<' => inside = true,
            '>' => {
                inside = false;
                plain.push(' ');
            }
            other if !inside => plain.push(other),
            _ => {}
        }
    }
    let plain = plain
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&nbsp;", " ")
        .replace("&amp;", "&");
    let shown = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    if shown.is_empty() { None } else { Some(shown) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Value {
        serde_json::from_str(text).expect("test JSON")
    }

    #[test]
    fn the_sources_own_words_come_first() {
        let whole = json(
            r#"{"text":"Sugar diabetes","coding":[{"system":"http://snomed.info/sct","code":"44054006","display":"Diabetes mellitus type 2 (disorder)"}]}"#,
        );
        let concept = Concept::of(&whole).expect("a concept");
        assert_eq!(concept.text, "Sugar diabetes");
        assert!(concept.has("44054006"));
        assert_eq!(Concept::of(&json(r#"{"coding":[{"code":"X1"}]}"#)).expect("a concept").text, "X1");
        assert_eq!(Concept::of(&json("{}")), None);
        assert_eq!(fold("Diabetes  mellitus, type 2 (disorder)"), "diabetes mellitus type 2");
        assert_eq!(without_tag("Fracture (left)"), "Fracture (left)");
    }

    #[test]
    fn names_are_written_as_the_banner_wants() {
        let name = Name::of(&json(r#"{"family":"Lovelace","given":["Ada","Mary"],"prefix":["Mrs"]}"#)).expect("a name");
        assert_eq!(name.banner(), "LOVELACE, Ada (Mrs)");
        assert_eq!(name.plain(), "Mrs Ada Mary Lovelace");
        let names = json(
            r#"[{"use":"maiden","family":"Byron"},{"use":"usual","family":"King"},{"use":"official","family":"Lovelace"}]"#,
        );
        assert_eq!(best_name(names.as_array().expect("a list")).expect("a name").family, "Lovelace");
    }

    #[test]
    fn numbers_keep_their_decimal_places() {
        assert_eq!(quantity(&json(r#"{"value":7.10,"unit":"mmol/L"}"#)).as_deref(), Some("7.10 mmol/L"));
        assert_eq!(quantity(&json(r#"{"comparator":"<","value":3,"unit":"g/L"}"#)).as_deref(), Some("< 3 g/L"));
    }

    #[test]
    fn an_address_is_one_line_without_repeats() {
        let value =
            json(r#"{"line":["12 Mill Lane",""],"city":"Riverside","district":"Riverside","postalCode":"RV1 2AB"}"#);
        assert_eq!(address(&value).as_deref(), Some("12 Mill Lane, Riverside, RV1 2AB"));
    }

    #[test]
    fn a_narrative_is_read_without_its_markup() {
        let mut resource = Resource::new(fhir::ResourceType::CarePlan);
        resource.set("text", json(r#"{"div":"<div><b>Key safe</b> by &amp; behind<br/>the door</div>"}"#));
        assert_eq!(narrative(&resource).as_deref(), Some("Key safe by & behind the door"));
    }
}
