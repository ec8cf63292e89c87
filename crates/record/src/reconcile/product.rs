//! A medicine's name as written, taken apart into what is before the strength and form, the strength, and the form, so that
//! `Ramipril 5mg capsules` and `Ramipril 10 mg tablets` stand together and the difference is named. Only what stands there
//! is read: no list of drugs, no spelling help.

/// A medicine's name in parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Product {
    /// What stands before strength and form, as written.
    pub name: String,
    /// The strength as written.
    pub strength: Option<String>,
    /// The strength in the form it is compared in: `5mg`, `0.005 g` and `5000 micrograms` are one.
    pub amount: Option<String>,
    /// The form as written.
    pub form: Option<String>,
    /// The form in the form it is compared in.
    pub shape: Option<String>,
}

/// Words of forms in names of products (dm+d dose forms and the BNF's abbreviations of them), each with the word it is
/// compared as.
const FORMS: [(&str, &str); 74] = [
    ("tablet", "tablet"),
    ("tablets", "tablet"),
    ("tab", "tablet"),
    ("tabs", "tablet"),
    ("capsule", "capsule"),
    ("capsules", "capsule"),
    ("cap", "capsule"),
    ("caps", "capsule"),
    ("caplets", "caplet"),
    ("solution", "solution"),
    ("soln", "solution"),
    ("suspension", "suspension"),
    ("susp", "suspension"),
    ("syrup", "syrup"),
    ("elixir", "elixir"),
    ("liquid", "liquid"),
    ("drops", "drops"),
    ("powder", "powder"),
    ("sachet", "sachet"),
    ("sachets", "sachet"),
    ("granules", "granules"),
    ("injection", "injection"),
    ("inj", "injection"),
    ("infusion", "infusion"),
    ("cartridges", "cartridge"),
    ("cartridge", "cartridge"),
    ("pen", "pen"),
    ("pens", "pen"),
    ("vial", "vial"),
    ("vials", "vial"),
    ("ampoule", "ampoule"),
    ("ampoules", "ampoule"),
    ("syringe", "syringe"),
    ("syringes", "syringe"),
    ("prefilled", "prefilled"),
    ("pre-filled", "prefilled"),
    ("cream", "cream"),
    ("ointment", "ointment"),
    ("gel", "gel"),
    ("lotion", "lotion"),
    ("foam", "foam"),
    ("paste", "paste"),
    ("patch", "patch"),
    ("patches", "patch"),
    ("transdermal", "transdermal"),
    ("plaster", "plaster"),
    ("plasters", "plaster"),
    ("suppository", "suppository"),
    ("suppositories", "suppository"),
    ("pessary", "pessary"),
    ("pessaries", "pessary"),
    ("enema", "enema"),
    ("spray", "spray"),
    ("inhaler", "inhaler"),
    ("accuhaler", "accuhaler"),
    ("turbohaler", "turbohaler"),
    ("nebules", "nebuliser"),
    ("nebuliser", "nebuliser"),
    ("lozenges", "lozenge"),
    ("modified-release", "modified-release"),
    ("m/r", "modified-release"),
    ("mr", "modified-release"),
    ("prolonged-release", "prolonged-release"),
    ("gastro-resistant", "gastro-resistant"),
    ("e/c", "gastro-resistant"),
    ("ec", "gastro-resistant"),
    ("effervescent", "effervescent"),
    ("dispersible", "dispersible"),
    ("soluble", "soluble"),
    ("orodispersible", "orodispersible"),
    ("chewable", "chewable"),
    ("sublingual", "sublingual"),
    ("buccal", "buccal"),
    ("oral", "oral"),
];

/// Words that belong to a form only before one of its words: `eye drops`, `nasal spray`.
const BEFORE_FORM: [&str; 7] = ["eye", "ear", "nasal", "vaginal", "rectal", "depot", "modified"];

/// Units of strength and what one is in the unit it is compared in.
const UNITS: [(&str, f64, &str); 30] = [
    ("kg", 1e9, "µg"),
    ("g", 1e6, "µg"),
    ("gram", 1e6, "µg"),
    ("grams", 1e6, "µg"),
    ("mg", 1e3, "µg"),
    ("mgs", 1e3, "µg"),
    ("milligram", 1e3, "µg"),
    ("milligrams", 1e3, "µg"),
    ("microgram", 1.0, "µg"),
    ("micrograms", 1.0, "µg"),
    ("mcg", 1.0, "µg"),
    ("mcgs", 1.0, "µg"),
    ("ug", 1.0, "µg"),
    ("µg", 1.0, "µg"),
    ("nanogram", 1e-3, "µg"),
    ("nanograms", 1e-3, "µg"),
    ("ng", 1e-3, "µg"),
    ("ml", 1.0, "ml"),
    ("l", 1e3, "ml"),
    ("litre", 1e3, "ml"),
    ("litres", 1e3, "ml"),
    ("unit", 1.0, "unit"),
    ("units", 1.0, "unit"),
    ("iu", 1.0, "unit"),
    ("international", 1.0, "unit"),
    ("mmol", 1.0, "mmol"),
    ("%", 1.0, "%"),
    ("dose", 1.0, "dose"),
    ("hour", 1.0, "hour"),
    ("hours", 1.0, "hour"),
];

/// Take a name apart.
pub fn product(title: &str) -> Product {
    let words: Vec<(usize, &str)> = words(title);
    let strength = strength(&words);
    let form_at = form_at(&words);
    let cut = match (&strength, form_at) {
        (Some(found), Some(form)) => Some(found.first.min(form)),
        (Some(found), None) => Some(found.first),
        (None, form) => form,
    };
    let Some(cut) = cut.filter(|cut| *cut > 0) else {
        return Product { name: title.trim().to_owned(), ..Product::default() };
    };
    let end = words.get(cut).map_or(title.len(), |(start, _)| *start);
    let name = title.get(..end).unwrap_or(title).trim().trim_end_matches([',', '-', '(', ':']).trim_end().to_owned();
    let within = |index: usize| strength.as_ref().is_some_and(|found| (found.first..found.after).contains(&index));
    let rest =
        words.iter().enumerate().filter(|(index, _)| *index >= cut && !within(*index)).map(|(_, (_, word))| *word);
    let forms: Vec<(&str, &str)> = rest.filter_map(|word| Some((word, form_word(word)?))).collect();
    let said = forms.iter().map(|(word, _)| bare(word)).collect::<Vec<_>>().join(" ");
    let mut shape: Vec<&str> = forms.iter().map(|(_, shape)| *shape).collect();
    shape.sort_unstable();
    shape.dedup();
    Product {
        name,
        strength: strength.as_ref().map(|found| found.said.clone()),
        amount: strength.map(|found| found.amount),
        form: Some(said).filter(|said| !said.is_empty()),
        shape: Some(shape.join(" ")).filter(|shape| !shape.is_empty()),
    }
}

/// Words with where they begin.
fn words(title: &str) -> Vec<(usize, &str)> {
    let mut words = Vec::new();
    let mut start = None;
    for (at, letter) in title.char_indices().chain(std::iter::once((title.len(), ' '))) {
        match (letter.is_whitespace(), start) {
            (true, Some(begun)) => {
                words.extend(title.get(begun..at).map(|word| (begun, word)));
                start = None;
            }
            (false, None) => start = Some(at),
            _ => {}
        }
    }
    words
}

fn bare(word: &str) -> &str {
    word.trim_matches(|c: char| matches!(c, ',' | '(' | ')' | ';' | ':' | '.'))
}

fn form_word(word: &str) -> Option<&'static str> {
    let word = bare(word).to_lowercase();
    if let Some(before) = BEFORE_FORM.iter().find(|before| **before == word) {
        return Some(before);
    }
    FORMS.iter().find(|(form, _)| *form == word).map(|(_, shape)| *shape)
}

/// Where the form begins: at the first of its words after the name's own first.
fn form_at(words: &[(usize, &str)]) -> Option<usize> {
    let is = |index: usize| words.get(index).is_some_and(|(_, word)| form_word(word).is_some());
    let leads = |index: usize| {
        words.get(index).is_some_and(|(_, word)| BEFORE_FORM.contains(&bare(word).to_lowercase().as_str()))
    };
    (1..words.len()).find(|index| is(*index) && (!leads(*index) || is(index + 1)))
}

struct Strength {
    first: usize,
    after: usize,
    said: String,
    amount: String,
}

/// The first run of words that are numbers with units: `10mg/5ml`, `5 mg`, `30mg/500mg`, `0.05%`, `100 units / ml`.
fn strength(words: &[(usize, &str)]) -> Option<Strength> {
    for first in 1..words.len() {
        if !words.get(first).is_some_and(|(_, word)| bare(word).starts_with(|c: char| c.is_ascii_digit())) {
            continue;
        }
        let mut best = None;
        let mut run = String::new();
        for (index, (_, word)) in words.iter().enumerate().skip(first).take(7) {
            let word = bare(word);
            run.push_str(if word.eq_ignore_ascii_case("per") { "/" } else { word });
            if let Some(amount) = amount(&run) {
                best = Some((index + 1, amount));
            } else if best.is_some() && !matches!(word, "/" | "+" | "per") && !run.ends_with(['/', '+']) {
                // What follows is no part of it, unless a number is still waiting for its unit.
                if !word.starts_with(|c: char| c.is_ascii_digit()) {
                    break;
                }
            }
        }
        if let Some((after, amount)) = best {
            let said = words.get(first..after)?.iter().map(|(_, word)| bare(word)).collect::<Vec<_>>().join(" ");
            return Some(Strength { first, after, said, amount });
        }
    }
    None
}

/// An amount, whole: numbers with units, joined by `/` or `+`. The form it is compared in.
fn amount(run: &str) -> Option<String> {
    let run = run.to_lowercase().replace('μ', "µ").replace("internationalunits", "units");
    let mut parts: Vec<(f64, &str)> = Vec::new();
    for part in run.split(['/', '+']) {
        let digits = part.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | ','))).unwrap_or(part.len());
        let (number, unit) = part.split_at(digits);
        let (_, scale, base) = UNITS.iter().find(|(known, ..)| *known == unit)?;
        let number = match number {
            "" if !parts.is_empty() => 1.0,
            number => number.replace(',', "").parse::<f64>().ok()?,
        };
        parts.push((number * scale, base));
    }
    let plain = |(value, base): &(f64, &str)| format!("{} {base}", trimmed(*value));
    match parts.as_slice() {
        // So much in so much: only the concentration counts.
        [(much, base), (volume, of)] if !run.contains('+') && base != of && *volume > 0.0 => {
            Some(format!("{} {base}/{of}", trimmed(much / volume)))
        }
        parts => Some(parts.iter().map(plain).collect::<Vec<_>>().join(" + ")),
    }
}

fn trimmed(value: f64) -> String {
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_stands_before_strength_and_form() {
        for (title, name, strength, form) in [
            ("Ramipril 5mg capsules", "Ramipril", Some("5mg"), Some("capsules")),
            ("Ramipril 5 mg capsules", "Ramipril", Some("5 mg"), Some("capsules")),
            ("Co-codamol 30mg/500mg tablets", "Co-codamol", Some("30mg/500mg"), Some("tablets")),
            (
                "Salbutamol 100micrograms/dose inhaler CFC free",
                "Salbutamol",
                Some("100micrograms/dose"),
                Some("inhaler"),
            ),
            (
                "NovoMix 30 Penfill 100units/ml suspension",
                "NovoMix 30 Penfill",
                Some("100units/ml"),
                Some("suspension"),
            ),
            ("Diltiazem MR 60mg capsules", "Diltiazem", Some("60mg"), Some("MR capsules")),
            (
                "Morphine sulfate 10 mg / 5 ml oral solution",
                "Morphine sulfate",
                Some("10 mg / 5 ml"),
                Some("oral solution"),
            ),
            ("Amlodipine", "Amlodipine", None, None),
            ("Amlodipine tablets", "Amlodipine", None, Some("tablets")),
            ("Timolol 0.25% eye drops", "Timolol", Some("0.25%"), Some("eye drops")),
            ("Adrenaline (base) 1 in 1,000", "Adrenaline (base) 1 in 1,000", None, None),
            ("Soluble aspirin 75mg", "Soluble aspirin", Some("75mg"), None),
            ("Vitamin B12", "Vitamin B12", None, None),
            ("75mg", "75mg", None, None),
            ("", "", None, None),
        ] {
            let found = product(title);
            assert_eq!(
                (found.name.as_str(), found.strength.as_deref(), found.form.as_deref()),
                (name, strength, form),
                "{title}"
            );
        }
    }

    #[test]
    fn strengths_are_the_same_however_they_are_written() {
        let amount = |title: &str| product(title).amount.expect(title);
        for (a, b) in [
            ("Digoxin 0.125 mg", "Digoxin 125micrograms"),
            ("Morphine 10mg/5ml", "Morphine 2 mg / ml"),
            ("Insulin 100 units/ml", "Insulin 100units per ml"),
            ("Vitamin D 1,000 units", "Vitamin D 1000 international units"),
            ("Metformin 1g", "Metformin 1000mg"),
        ] {
            assert_eq!(amount(a), amount(b), "{a} and {b}");
        }
        for (a, b) in [("X 5mg", "X 50mg"), ("X 30mg/500mg", "X 8mg/500mg"), ("X 5mg", "X 5%"), ("X 5mg", "X 5units")] {
            assert_ne!(amount(a), amount(b), "{a} and {b}");
        }
    }
}
