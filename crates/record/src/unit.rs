//! Units, just far enough to put two laboratories' values on one axis: spelling variants of one unit, and metric
//! prefixes of the same quantity (g/dL and g/L). Mass is never turned into amount of substance, nor one scale into
//! another: what cannot be compared exactly is drawn on its own axis (hazard: unit mapping changes meaning).

/// A unit reduced to what can be compared: values in it times `factor` are in the base unit of `dimension`.
#[derive(Clone, Debug, PartialEq)]
pub struct Unit {
    /// What is measured, as a canonical product of base units, for instance `g/L`.
    pub dimension: String,
    /// Multiply a value by this to get the base unit.
    pub factor: f64,
}

/// Read a unit as written. Unknown units are a dimension of their own, by their exact spelling.
pub fn unit(text: &str) -> Unit {
    let plain = plain(text);
    let mut factor = 1.0;
    let mut parts: Vec<String> = Vec::new();
    for (index, part) in plain.split('/').enumerate() {
        match atom(part) {
            Some((scale, base)) => {
                factor = if index == 0 { factor * scale } else { factor / scale };
                parts.push(base.to_owned());
            }
            None => return Unit { dimension: plain.clone(), factor: 1.0 },
        }
    }
    Unit { dimension: parts.join("/"), factor }
}

/// Convert a value between units, if they measure the same thing.
pub fn convert(value: f64, from: &str, to: &str) -> Option<f64> {
    if from == to {
        return Some(value);
    }
    let (from, to) = (unit(from), unit(to));
    if from.dimension == to.dimension { Some(value * from.factor / to.factor) } else { None }
}

/// A value as written (`13.2`, `< 5`), in another unit, with as many decimal places as it was measured with. None when the
/// units do not measure the same, when it is no number, or when nothing changes but the spelling of the unit.
pub fn converted(written: &str, from: &str, to: &str) -> Option<String> {
    let (from, to) = (unit(from), unit(to));
    let factor = from.factor / to.factor;
    if from.dimension != to.dimension || !factor.is_finite() || (factor - 1.0).abs() < 1e-12 {
        return None;
    }
    let at = written.find(|c: char| c.is_ascii_digit() || c == '-')?;
    let (comparator, digits) = written.split_at(at);
    let value: f64 = digits.trim().parse().ok()?;
    let places = digits.trim().split_once('.').map_or(0, |(_, after)| after.len());
    let shift = factor.log10().round();
    // A number that was measured to so many places is not measured to more by being written in another unit.
    let wanted = (0..12_usize).find(|wanted| {
        let left = f64::from(u32::try_from(places).unwrap_or(0)) - shift;
        f64::from(u32::try_from(*wanted).unwrap_or(0)) >= left
    })?;
    Some(format!("{comparator}{:.wanted$}", value * factor))
}

/// A unit as people write it. UCUM codes are for machines (`mm[Hg]`, `10*9/L`, `Cel`); other units stay as sent.
pub fn shown(unit: &str) -> String {
    match unit {
        "Cel" | "degC" => "°C".into(),
        "mm[Hg]" | "millimeter of mercury" | "millimetre of mercury" => "mmHg".into(),
        "[iU]/L" | "[IU]/L" => "IU/L".into(),
        "centimeter" | "centimetre" => "cm".into(),
        "kilogram" => "kg".into(),
        other => {
            let mut plain: String = other.chars().filter(|c| !matches!(c, '{' | '}')).collect();
            for (from, to) in [
                ("x10", "10"),
                ("10*9/", "×10⁹/"),
                ("10*12/", "×10¹²/"),
                ("10^9/", "×10⁹/"),
                ("10^12/", "×10¹²/"),
                ("1.73_m2", "1.73 m²"),
                ("1.73m2", "1.73 m²"),
                ("kg/m2", "kg/m²"),
                ("umol/", "µmol/"),
                ("ug/", "µg/"),
                ("[degF]", "°F"),
            ] {
                plain = plain.replace(from, to);
            }
            plain
        }
    }
}

/// One spelling: UCUM's braces and brackets dropped, micro signs unified, the many ways to write 10⁹ and 1.73 m² made one.
fn plain(text: &str) -> String {
    let mut plain: String =
        text.chars().filter(|c| !c.is_whitespace() && !matches!(c, '{' | '}' | '[' | ']' | '_')).collect();
    for (from, to) in [
        ("μ", "u"),
        ("µ", "u"),
        ("micro", "u"),
        ("²", "2"),
        ("m^2", "m2"),
        ("sqm", "m2"),
        ("x10", "10"),
        ("X10", "10"),
        ("×10", "10"),
        ("10^", "10*"),
        ("10(9)", "10*9"),
        ("10(12)", "10*12"),
        ("°C", "Cel"),
        ("degC", "Cel"),
        ("beats/", "/"),
        ("breaths/", "/"),
        ("bpm", "/min"),
        ("mm(Hg)", "mmHg"),
    ] {
        plain = plain.replace(from, to);
    }
    if plain.ends_with("/l") {
        plain.truncate(plain.len() - 1);
        plain.push('L');
    }
    match plain.as_str() {
        "ml/min" => "mL/min".into(),
        other => other.replace("ml/", "mL/").replace("/dl", "/dL").replace("/ml", "/mL"),
    }
}

/// A factor of a unit: its scale to the base and the base's name.
fn atom(part: &str) -> Option<(f64, &'static str)> {
    Some(match part {
        "" => (1.0, "1"),
        "%" => (1.0, "%"),
        "min" => (1.0, "min"),
        "h" => (1.0, "h"),
        "s" => (1.0, "s"),
        "d" | "24h" => (1.0, "d"),
        "1.73m2" => (1.0, "1.73m2"),
        "m2" => (1.0, "m2"),
        // UCUM, table of units outside the SI: exact.
        "mmHg" => (133.322, "Pa"),
        "Pa" => (1.0, "Pa"),
        "kPa" => (1e3, "Pa"),
        "ini" | "in" | "inch" | "inches" => (2.54e-2, "m"),
        "fti" | "ft" => (0.3048, "m"),
        "lbav" | "lb" | "lbs" => (453.592_37, "g"),
        "ozav" | "oz" => (28.349_523_125, "g"),
        "stoneav" => (6_350.293_18, "g"),
        "Cel" => (1.0, "Cel"),
        "10*9" => (1e9, "count"),
        "10*12" => (1e12, "count"),
        "10*6" => (1e6, "count"),
        "10*3" => (1e3, "count"),
        "IU" | "iU" => (1.0, "IU"),
        "kIU" | "kiU" => (1e3, "IU"),
        "mIU" | "miU" => (1e-3, "IU"),
        "uIU" | "uiU" => (1e-6, "IU"),
        "U" => (1.0, "U"),
        "kU" => (1e3, "U"),
        "mU" => (1e-3, "U"),
        "uU" => (1e-6, "U"),
        "cm" => (1e-2, "m"),
        "mm" => (1e-3, "m"),
        "m" => (1.0, "m"),
        _ => {
            let (prefix, base) = match () {
                () if part.ends_with("mol") => (part.strip_suffix("mol")?, "mol"),
                () if part.ends_with('g') => (part.strip_suffix('g')?, "g"),
                () if part.ends_with('L') => (part.strip_suffix('L')?, "L"),
                () if part.ends_with('l') => (part.strip_suffix('l')?, "L"),
                () => return None,
            };
            let scale = match prefix {
                "" => 1.0,
                "k" => 1e3,
                "d" => 1e-1,
                "c" => 1e-2,
                "m" => 1e-3,
                "u" | "mc" => 1e-6,
                "n" => 1e-9,
                "p" => 1e-12,
                "f" => 1e-15,
                _ => return None,
            };
            (scale, base)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_laboratories_spellings_of_one_unit_are_one() {
        for (a, b) in [
            ("mL/min/1.73m2", "mL/min/{1.73_m2}"),
            ("ml/min/1.73m^2", "mL/min/1.73 m²"),
            ("umol/L", "µmol/l"),
            ("10*9/L", "x10^9/L"),
            ("[iU]/L", "IU/L"),
            ("/min", "bpm"),
            ("mm[Hg]", "mmHg"),
        ] {
            assert_eq!(unit(a), unit(b), "{a} and {b}");
        }
    }

    #[test]
    fn units_are_shown_as_people_write_them() {
        for (code, words) in
            [("mm[Hg]", "mmHg"), ("10*9/L", "×10⁹/L"), ("mL/min/{1.73_m2}", "mL/min/1.73 m²"), ("mmol/L", "mmol/L")]
        {
            assert_eq!(shown(code), words);
        }
    }

    #[test]
    fn a_conversion_claims_no_more_places_than_were_measured() {
        for (written, from, to, expected) in [
            ("13.2", "g/dL", "g/L", Some("132")),
            ("0.091", "mmol/L", "umol/L", Some("91")),
            ("91", "umol/L", "mmol/L", Some("0.091")),
            ("< 5", "g/L", "g/dL", Some("< 0.5")),
            ("42", "umol/L", "µmol/l", None),
            ("haemolysed", "g/dL", "g/L", None),
            ("7.1", "%", "mmol/mol", None),
        ] {
            assert_eq!(converted(written, from, to).as_deref(), expected, "{written} {from} in {to}");
        }
    }

    #[test]
    fn prefixes_convert_and_different_quantities_do_not() {
        let grams = convert(13.2, "g/dL", "g/L").expect("the same quantity");
        assert!((grams - 132.0).abs() < 1e-9);
        assert!((convert(0.091, "mmol/L", "umol/L").expect("the same quantity") - 91.0).abs() < 1e-9);
        let pressure = convert(100.0, "mm[Hg]", "kPa").expect("the same quantity");
        assert!((pressure - 13.3322).abs() < 1e-9);
        assert!((convert(1.0, "u[IU]/mL", "m[IU]/L").expect("the same quantity") - 1.0).abs() < 1e-9);
        assert_eq!(convert(7.0, "%", "mmol/mol"), None);
        assert_eq!(convert(100.0, "mg/dL", "mmol/L"), None);
        assert_eq!(convert(1.0, "furlong", "g"), None);
        assert_eq!(convert(1.0, "furlong", "furlong"), Some(1.0));
    }
}
