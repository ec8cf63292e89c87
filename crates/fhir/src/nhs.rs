//! The NHS number: ten digits, the last a check digit (NHS Data Dictionary, NHS NUMBER).

use std::{fmt, str::FromStr};

/// The FHIR identifier system of NHS numbers.
pub const SYSTEM: &str = "https://fhir.nhs.uk/Id/nhs-number";
/// The UK Core extension that says how far an NHS number was verified.
pub const VERIFICATION_STATUS: &str =
    "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus";
/// The code system of [`VERIFICATION_STATUS`]; code `01` is "number present and verified".
pub const VERIFICATION_STATUS_SYSTEM: &str =
    "https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatusEngland";
/// Our mark on an identifier whose check digit is wrong: kept as sent, never used to link.
pub const INVALID_CHECK_DIGIT: &str = "https://skein.example/fhir/StructureDefinition/invalid-check-digit";

/// An NHS number whose check digit is right. Whether it was traced (verified) is another matter.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NhsNumber([u8; 10]);

/// Why a text is not an NHS number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnNhsNumber {
    /// Spaces and dashes apart, not ten digits.
    #[error("an NHS number has ten digits")]
    NotTenDigits,
    /// Ten digits, but the last does not fit the first nine.
    #[error("the check digit is wrong")]
    CheckDigit,
}

impl NhsNumber {
    /// Read an NHS number as people write it: `1297287652`, `129 728 7652`, `129-728-7652`.
    pub fn parse(text: &str) -> Result<Self, NotAnNhsNumber> {
        let digits = ten_digits(text).ok_or(NotAnNhsNumber::NotTenDigits)?;
        let [stem @ .., last] = digits;
        match check_digit(&stem) {
            Some(right) if right == last => Ok(NhsNumber(digits)),
            _ => Err(NotAnNhsNumber::CheckDigit),
        }
    }

    /// The number with these first nine digits (as a number below 1,000,000,000), or nothing where the check digit
    /// would be 10: about one stem in eleven has no number.
    pub fn from_stem(stem: u32) -> Option<Self> {
        if stem > 999_999_999 {
            return None;
        }
        let mut digits = [b'0'; 9];
        let mut rest = stem;
        for slot in digits.iter_mut().rev() {
            *slot = b'0' + u8::try_from(rest % 10).unwrap_or(0);
            rest /= 10;
        }
        let last = check_digit(&digits)?;
        let mut whole = [last; 10];
        for (to, from) in whole.iter_mut().zip(digits) {
            *to = from;
        }
        Some(NhsNumber(whole))
    }

    /// The ten digits.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// As people read it: `129 728 7652`.
    pub fn spaced(&self) -> String {
        format_spaced(self.as_str())
    }
}

/// The ten digits of a text, spaces and dashes apart, whatever the check digit; nothing when there are not ten.
pub fn ten_digits(text: &str) -> Option<[u8; 10]> {
    let mut digits = [0u8; 10];
    let mut count = 0;
    for c in text.chars() {
        match c {
            '0'..='9' => {
                *digits.get_mut(count)? = u8::try_from(c).ok()?;
                count += 1;
            }
            // Space, no-break space, hyphen, non-breaking hyphen, en dash.
            ' ' | '\t' | '\u{a0}' | '-' | '\u{2011}' | '\u{2013}' => {}
            _ => return None,
        }
    }
    (count == 10).then_some(digits)
}

/// Ten digits as `129 728 7652`; any other text unchanged.
pub fn format_spaced(text: &str) -> String {
    match ten_digits(text) {
        Some(digits) => {
            let mut spaced = String::with_capacity(12);
            for (index, digit) in digits.into_iter().enumerate() {
                if index == 3 || index == 6 {
                    spaced.push(' ');
                }
                spaced.push(char::from(digit));
            }
            spaced
        }
        None => text.to_owned(),
    }
}

/// Weights 10 to 2 over the first nine digits; 11 less the sum modulo 11; 11 is written 0, 10 is no number.
fn check_digit(stem: &[u8; 9]) -> Option<u8> {
    let sum: u32 = stem.iter().zip((2..=10u32).rev()).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
    match 11 - sum % 11 {
        11 => Some(b'0'),
        10 => None,
        right => u8::try_from(right).ok().map(|right| b'0' + right),
    }
}

impl fmt::Display for NhsNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Debug output can reach a log, and a log has no person in it.
impl fmt::Debug for NhsNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NhsNumber(…)")
    }
}

impl FromStr for NhsNumber {
    type Err = NotAnNhsNumber;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        for text in ["9000000009", "900 000 0009", "900-000-0009", " 900\u{a0}000 0009 "] {
            assert_eq!(NhsNumber::parse(text).unwrap().as_str(), "9000000009", "{text}");
        }
        assert_eq!(NhsNumber::parse("1297287652").unwrap_err(), NotAnNhsNumber::CheckDigit);
        assert_eq!(NhsNumber::parse("9000000025").unwrap().spaced(), "900 000 0025");
    }

    #[test]
    fn refuses_what_is_none() {
        for text in ["", "900000000", "90000000090", "90000000O9", "९०००००००००", "900/000/0009"] {
            assert_eq!(NhsNumber::parse(text), Err(NotAnNhsNumber::NotTenDigits), "{text}");
        }
        assert_eq!(NhsNumber::parse("9000000008"), Err(NotAnNhsNumber::CheckDigit));
    }

    #[test]
    fn a_stem_has_at_most_one_number() {
        let mut none = 0;
        for stem in 999_000_000..999_010_000 {
            match NhsNumber::from_stem(stem) {
                Some(number) => assert_eq!(NhsNumber::parse(number.as_str()), Ok(number)),
                None => none += 1,
            }
        }
        assert!((800..1000).contains(&none), "about one in eleven has none, saw {none}");
        assert_eq!(NhsNumber::from_stem(1_000_000_000), None);
    }

    #[test]
    fn debug_output_hides_the_number() {
        assert!(!format!("{:?}", NhsNumber::parse("9000000009").unwrap()).contains("9000000009"));
    }
}
