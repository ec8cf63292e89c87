//! Units of measure: which of the ways people write them is which UCUM code. The text sent is always kept; a unit that is
//! not surely known gets no code.

/// (as laboratories write it, UCUM). Compared without spaces and without regard to case, except where case tells units
/// apart (`mmol` and `Mmol`): those are compared exactly.
const UNITS: &[(&str, &str)] = &[
    ("%", "%"),
    ("g/L", "g/L"),
    ("g/dL", "g/dL"),
    ("mg/L", "mg/L"),
    ("mg/dL", "mg/dL"),
    ("ug/L", "ug/L"),
    ("mcg/L", "ug/L"),
    ("µg/L", "ug/L"),
    ("μg/L", "ug/L"),
    ("ng/L", "ng/L"),
    ("ng/mL", "ng/mL"),
    ("pg/mL", "pg/mL"),
    ("pg", "pg"),
    ("fL", "fL"),
    ("L/L", "L/L"),
    ("mol/L", "mol/L"),
    ("mmol/L", "mmol/L"),
    ("umol/L", "umol/L"),
    ("µmol/L", "umol/L"),
    ("μmol/L", "umol/L"),
    ("micromol/L", "umol/L"),
    ("nmol/L", "nmol/L"),
    ("pmol/L", "pmol/L"),
    ("mmol/mol", "mmol/mol"),
    ("mg/mmol", "mg/mmol"),
    ("mg/g", "mg/g"),
    ("ug/g", "ug/g"),
    ("µg/g", "ug/g"),
    ("μg/g", "ug/g"),
    ("U/L", "U/L"),
    ("IU/L", "[IU]/L"),
    ("kU/L", "kU/L"),
    ("mU/L", "mU/L"),
    ("mIU/L", "m[IU]/L"),
    ("IU/mL", "[IU]/mL"),
    ("kIU/L", "k[IU]/L"),
    ("U/mL", "U/mL"),
    ("10*9/L", "10*9/L"),
    ("10^9/L", "10*9/L"),
    ("x10^9/L", "10*9/L"),
    ("x10*9/L", "10*9/L"),
    ("x109/L", "10*9/L"),
    ("10*12/L", "10*12/L"),
    ("10^12/L", "10*12/L"),
    ("x10^12/L", "10*12/L"),
    ("x10*12/L", "10*12/L"),
    ("x1012/L", "10*12/L"),
    ("mL/min", "mL/min"),
    ("mL/min/1.73m2", "mL/min/{1.73_m2}"),
    ("mL/min/1.73m^2", "mL/min/{1.73_m2}"),
    ("mL/min/1.73sqm", "mL/min/{1.73_m2}"),
    ("mL/min/1.73m*2", "mL/min/{1.73_m2}"),
    ("mL/min/{1.73_m2}", "mL/min/{1.73_m2}"),
    ("mm/hr", "mm/h"),
    ("mm/h", "mm/h"),
    ("mmHg", "mm[Hg]"),
    ("mm[Hg]", "mm[Hg]"),
    ("kPa", "kPa"),
    ("cm", "cm"),
    ("mm", "mm"),
    ("m", "m"),
    ("kg", "kg"),
    ("g", "g"),
    ("mg", "mg"),
    ("ug", "ug"),
    ("mcg", "ug"),
    ("mL", "mL"),
    ("L", "L"),
    ("kg/m2", "kg/m2"),
    ("kg/m^2", "kg/m2"),
    ("kg/m*2", "kg/m2"),
    ("Cel", "Cel"),
    ("degC", "Cel"),
    ("°C", "Cel"),
    ("C", "Cel"),
    ("bpm", "/min"),
    ("beats/min", "/min"),
    ("breaths/min", "/min"),
    ("/min", "/min"),
    ("s", "s"),
    ("sec", "s"),
    ("secs", "s"),
    ("seconds", "s"),
    ("min", "min"),
    ("mins", "min"),
    ("minutes", "min"),
    ("h", "h"),
    ("hr", "h"),
    ("hours", "h"),
    ("d", "d"),
    ("days", "d"),
    ("ratio", "{ratio}"),
    ("INR", "{INR}"),
    ("mosm/kg", "mosm/kg"),
    ("mOsm/kg", "mosm/kg"),
    ("mmol/24h", "mmol/(24.h)"),
    ("g/24h", "g/(24.h)"),
    ("tablet", "{tbl}"),
    ("tab", "{tbl}"),
    ("capsule", "{capsule}"),
];

/// Units that differ from others by case alone: these are only known as written here.
const EXACT: &[&str] = &["m", "C", "s", "d", "h", "g", "L", "mU/L", "pg", "min"];

/// The UCUM code of a unit as written, if it is surely one.
pub(crate) fn ucum(text: &str) -> Option<&'static str> {
    let mut compact = String::with_capacity(text.len());
    compact.extend(text.chars().filter(|c| !c.is_whitespace()));
    let exact = UNITS.iter().find(|(unit, _)| *unit == compact);
    let folded = || UNITS.iter().find(|(unit, _)| !EXACT.contains(unit) && unit.eq_ignore_ascii_case(&compact));
    exact.or_else(folded).map(|(_, code)| *code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_known_as_laboratories_write_them() {
        for (text, code) in [
            ("mmol/L", Some("mmol/L")),
            ("x10^9/L", Some("10*9/L")),
            ("MMOL/L", Some("mmol/L")),
            ("mm Hg", Some("mm[Hg]")),
        ] {
            assert_eq!(ucum(text), code, "{text}");
        }
    }

    #[test]
    fn what_might_be_another_unit_has_no_code() {
        for text in ["M", "S", "G", "PG", "MU/L", "furlongs", ""] {
            assert_eq!(ucum(text), None, "{text}");
        }
    }
}
