//! Why two patients were thought one person or not, step by step: from the odds before anything was compared, each
//! comparison's weight, to the sum. Read from what the matcher kept; it holds no value of any person.

use fhir::PatientKey;
use serde_json::Value;

/// A step.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What was compared.
    pub label: String,
    /// How it came out, in words.
    pub words: String,
    /// What it weighs, in bits: above 0 for one person, below against.
    pub bits: f64,
    /// Whether nothing may be said, for it tells where a restricted person is.
    pub withheld: bool,
}

/// The steps and what they come to.
#[derive(Clone, Debug, PartialEq)]
pub struct Waterfall {
    /// The model that weighed.
    pub model: String,
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// The sum in bits: log2 of the odds.
    pub total_bits: f64,
    /// The probability, rules included.
    pub probability: f64,
    /// The rule that had the last word, in words.
    pub ruling: Option<String>,
}

/// Comparisons that tell where somebody is.
const WHEREABOUTS: [&str; 10] = [
    "postcode",
    "street",
    "place",
    "region",
    "telephone",
    "practice",
    "address",
    "what-changed",
    "who-else",
    "people-who-live-together",
];

/// Less is not worth saying.
const SHARED_LEAST: f64 = 0.5;
/// Steps shown at most.
const STEPS_MAX: usize = 40;

/// Read what the matcher kept of a patient's decision: the explanation of its pair with `other`.
pub fn waterfall(body: &str, other: PatientKey, withheld: bool) -> Option<Waterfall> {
    let kept: Value = serde_json::from_str(body).ok()?;
    let explanation = find(&kept, &other.to_string(), 0)?;
    let lines = explanation.get("lines")?.as_array()?;
    let matcher_withheld = explanation.get("withheld") == Some(&Value::Bool(true));
    let withheld = withheld || matcher_withheld;
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let number = |value: &Value, name: &str| value.get(name).and_then(Value::as_f64).filter(|bits| bits.is_finite());
    let mut steps: Vec<Step> = Vec::new();
    let mut hidden = false;
    for line in lines.iter().take(STEPS_MAX) {
        let comparison = text(line, "comparison");
        let (weight, frequency) = (number(line, "weight").unwrap_or(0.0), number(line, "frequency").unwrap_or(0.0));
        // A household's line names what agreed, and what a family name weighs depends on who moved; where the matcher itself
        // withheld, neither knows more than the family name.
        let of_household = matches!(comparison.as_str(), "household" | "family-name") && !matcher_withheld;
        if withheld && (of_household || WHEREABOUTS.contains(&comparison.as_str())) {
            hidden = true;
            continue;
        }
        // What is taken off says whether they live together: of a restricted person, not even that.
        let shared = number(line, "shared").filter(|_| !withheld).unwrap_or(0.0);
        let mut words = level_words(&comparison, &text(line, "level"), frequency);
        if shared <= -SHARED_LEAST {
            words.push_str(&format!(": {:+.1}, less {:.1} that such people share", weight + frequency, -shared));
        }
        steps.push(Step { label: label(&comparison), words, bits: weight + frequency + shared, withheld: false });
    }
    if withheld {
        // One line for all of it, whatever there is: how many there are would tell something too.
        let (label, words) = ("Address, telephone, practice".into(), crate::withhold::WITHHELD.to_owned());
        steps.push(Step { label, words, bits: 0.0, withheld: true });
    }
    // What is withheld must not be read off the sum.
    let shown: f64 = steps.iter().map(|step| step.bits).sum();
    let (total_bits, probability) = match number(explanation, "probability").filter(|_| !hidden) {
        Some(stated) => (with_rules(&mut steps, shown, stated), stated),
        None => (shown, probability(shown)),
    };
    let model = match (text(explanation, "model"), explanation.get("version").and_then(Value::as_u64)) {
        (model, Some(version)) => format!("{model}, version {version}"),
        (model, None) => model,
    };
    let ruling = explanation.get("ruling").and_then(Value::as_str);
    // Who lives in one household is told by no rule either.
    let ruling =
        ruling.filter(|ruling| !withheld || !matches!(*ruling, "twins" | "parent-and-child")).map(ruling_words);
    Some(Waterfall { model, steps, total_bits, probability, ruling })
}

/// The matcher's probability also knows its rules and who else fits: what that adds to the comparisons is a step too, so
/// that the steps come to what is said. Gives the sum.
fn with_rules(steps: &mut Vec<Step>, bits: f64, probability: f64) -> f64 {
    if !(0.000_001..=0.999_999).contains(&probability) {
        return bits;
    }
    let stated = (probability / (1.0 - probability)).log2();
    if (stated - bits).abs() < 0.1 {
        return bits;
    }
    let (label, words) = ("Rules and others".into(), "what else is known: rules, and who else fits".into());
    steps.push(Step { label, words, bits: stated - bits, withheld: false });
    stated
}

/// The explanation in the smallest object that names the other patient.
fn find<'a>(value: &'a Value, other: &str, depth: usize) -> Option<&'a Value> {
    if depth > 8 {
        return None;
    }
    match value {
        Value::Array(all) => all.iter().find_map(|one| find(one, other, depth + 1)),
        Value::Object(members) => {
            let deeper = members.values().find_map(|one| find(one, other, depth + 1));
            let named = || members.get("patient").and_then(Value::as_str) == Some(other);
            deeper.or_else(|| if named() { with_lines(value, depth) } else { None })
        }
        _ => None,
    }
}

fn with_lines(value: &Value, depth: usize) -> Option<&Value> {
    if value.get("lines").is_some_and(Value::is_array) {
        return Some(value);
    }
    let members = value.as_object().filter(|_| depth <= 10)?;
    members.values().find_map(|member| with_lines(member, depth + 1))
}

fn label(comparison: &str) -> String {
    match comparison {
        "prior" => "Before comparing".into(),
        "birth-date" => "Date of birth".into(),
        "nhs-number" => "NHS number".into(),
        "identifier" => "Local number".into(),
        "email" => "E-mail".into(),
        "place" => "Town".into(),
        "region" => "County".into(),
        "what-changed" => "What changed".into(),
        "who-else" => "Who else it may be".into(),
        "people-who-live-together" => "They may live together".into(),
        other => capital(&other.replace('-', " ")),
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn level_words(comparison: &str, level: &str, frequency: f64) -> String {
    let words = match (comparison, level) {
        ("prior", _) => "how seldom two patients are one person".to_owned(),
        ("people-who-live-together", _) => "family name, address and telephone count once".into(),
        ("what-changed", "nothing") => "nothing".into(),
        ("what-changed", "address") => "moved, as few have".into(),
        ("what-changed", "family-name") => "another family name, as few take".into(),
        ("what-changed", "family-name-and-address") => "moved, and another family name".into(),
        ("who-else", "strangers") => "nobody near: a stranger".into(),
        ("who-else", "one-household") => "two of one household: few of all live together".into(),
        ("who-else", "twins") => "twins: few have one".into(),
        ("who-else", "parent-and-child") => "parent and child of one name: there are few".into(),
        ("who-else", "neighbours") => "neighbours: few of all live so near".into(),
        ("who-else", "same-name-and-birthday") => "another of the same name and birthday: there are few".into(),
        ("forename", "variant") => "a familiar form of the same name".into(),
        ("forename", "middle") => "one’s middle name is the other’s forename".into(),
        ("forename", "swapped") | ("family-name", "swapped") => "forename and family name swapped".into(),
        ("forename" | "middle-name", "initial") => "an initial of the other".into(),
        ("family-name", "former") => "a former name".into(),
        ("family-name", "part") => "a part of a double-barrelled name".into(),
        ("birth-date", "swapped") => "day and month swapped".into(),
        ("birth-date", "part") => "two parts of three the same".into(),
        ("birth-date", "first-of-january") => "1 January, often a guess".into(),
        ("birth-date", "year") => "the same year only".into(),
        ("birth-date", "generation") => "a generation apart".into(),
        ("nhs-number", "former") => "one’s former number".into(),
        ("nhs-number", "different-verified") => "different, both verified".into(),
        ("postcode", "sector") => "the same sector".into(),
        ("postcode", "district") => "the same district".into(),
        ("street", "no-number") => "the same street, one without a number".into(),
        ("street", "neighbour") => "next door".into(),
        ("street", "number") => "only the house number the same".into(),
        (_, "same") => "the same".into(),
        (_, "slip") => "a slip of typing apart".into(),
        (_, "near") => "sounds or looks alike".into(),
        (_, "different") => "different".into(),
        (_, "missing" | "") => "not known of both".into(),
        (_, other) => other.replace('-', " "),
    };
    match frequency {
        bits if bits >= 1.0 => format!("{words}, a rare value"),
        bits if bits <= -1.0 => format!("{words}, a common value"),
        _ => words,
    }
}

fn ruling_words(ruling: &str) -> String {
    match ruling {
        "verified-number" => "One verified NHS number, and name or date of birth agrees: linked by rule.".into(),
        "number-alone" => "One NHS number, but neither name nor date of birth agrees: never linked by rule.".into(),
        "two-numbers" => "Two different verified NHS numbers: never linked by rule.".into(),
        "twins" => {
            "One household and date of birth, and the forenames do not tell: twins, or one person. Never linked by rule.".into()
        }
        "parent-and-child" => "One name and household, a generation apart: never linked by rule.".into(),
        "newborn" => "A newborn without a name, and another year of birth or none: never linked by rule.".into(),
        "names-alone" => "Nothing agrees but names and what relations share, or a family name and a birthday: never linked by rule.".into(),
        "no-lead" => "Another person fits nearly as well.".into(),
        other => capital(&other.replace('-', " ")),
    }
}

/// The probability of these odds.
pub fn probability(bits: f64) -> f64 {
    1.0 / (1.0 + (-bits).exp2())
}

/// Odds in words: `30 to 1`, `1 to 8`, `even`.
pub fn odds(bits: f64) -> String {
    let size = bits.abs();
    if !bits.is_finite() {
        return "not known".into();
    }
    if size < 0.3 {
        return "even".into();
    }
    let many = if size >= 29.9 { "over a billion".to_owned() } else { rounded(size.exp2()) };
    if bits > 0.0 { format!("{many} to 1") } else { format!("1 to {many}") }
}

/// Two digits that count, thousands apart.
fn rounded(value: f64) -> String {
    if value < 9.5 {
        let text = format!("{value:.1}");
        return text.strip_suffix(".0").map_or(text.clone(), str::to_owned);
    }
    let step = 10_f64.powf((value.log10().floor() - 1.0).max(0.0));
    let digits = format!("{:.0}", (value / step).round() * step);
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A probability in words: `97 %`, `over 99.99 %`.
pub fn percent(probability: f64) -> String {
    match probability * 100.0 {
        p if p > 99.99 => "over 99.99 %".into(),
        p if p >= 99.0 => format!("{p:.2} %"),
        p if p >= 1.0 => format!("{p:.0} %"),
        p if p >= 0.01 => format!("{p:.2} %"),
        _ => "under 0.01 %".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OTHER: PatientKey = PatientKey(0x00ab_cdef_0123_4567);

    fn kept(postcode: f64) -> String {
        format!(
            r#"{{"outcome":"review","candidates":[{{"patient":"0000000000000","explanation":{{"lines":[]}}}},
            {{"patient":"{OTHER}","explanation":{{"model":"built-in","version":1,"bits":9.5,"probability":0.998,"lines":[
            {{"comparison":"prior","level":"","weight":-20.0,"frequency":0.0}},
            {{"comparison":"forename","level":"same","weight":7.0,"frequency":2.5}},
            {{"comparison":"postcode","level":"same","weight":{postcode},"frequency":0.0}}],"ruling":"twins"}}}}]}}"#
        )
    }

    #[test]
    fn the_steps_of_the_pair_asked_for_are_read() {
        let shown = waterfall(&kept(15.0), OTHER, false).expect("steps");
        assert_eq!((shown.steps.len(), shown.probability), (4, 0.998));
        let sum: f64 = shown.steps.iter().map(|step| step.bits).sum();
        assert!(
            (sum - shown.total_bits).abs() < 1e-9 && (probability(sum) - 0.998).abs() < 1e-9,
            "the steps come to it"
        );
        assert_eq!(shown.steps[1].words, "the same, a rare value");
        assert!(shown.ruling.is_some_and(|ruling| ruling.contains("twins")));
        assert_eq!(waterfall(&kept(15.0), PatientKey(7), false), None, "another pair has none");
        assert_eq!(waterfall("{not json", OTHER, false), None);
    }

    #[test]
    fn what_tells_where_a_restricted_person_is_can_be_read_neither_from_its_line_nor_from_the_sum() {
        let (far, near) = (waterfall(&kept(-3.0), OTHER, true), waterfall(&kept(15.0), OTHER, true));
        assert_eq!(far, near);
        let shown = near.expect("steps");
        assert_eq!((shown.steps[2].words.as_str(), shown.steps[2].withheld), ("withheld", true));
        assert_eq!(shown.ruling, None, "a rule about households would tell as well");
        assert!((shown.total_bits - -10.5).abs() < 1e-9);
    }

    #[test]
    fn odds_read_as_people_say_them() {
        for (bits, words) in [
            (4.9, "30 to 1"),
            (-3.0, "1 to 8"),
            (0.0, "even"),
            (12.0, "4,100 to 1"),
            (1.0, "2 to 1"),
            (40.0, "over a billion to 1"),
        ] {
            assert_eq!(odds(bits), words, "{bits}");
        }
        assert_eq!(
            (percent(0.971), percent(0.999_999), percent(0.0001)),
            ("97 %".into(), "over 99.99 %".into(), "0.01 %".into())
        );
    }
}
