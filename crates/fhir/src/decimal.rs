//! Decimals as FHIR writes them: exact, with the precision they were written in.

use std::cmp::Ordering;

/// A decimal number `digits × 10^exponent`. Not for arithmetic: for comparing a value with what a search says.
#[derive(Clone, Copy, Debug)]
pub struct Decimal {
    digits: i128,
    exponent: i32,
}

impl Decimal {
    /// Read `-12.30`, `1e3`. `None` for what is no number, or has more digits than can be compared (about 30).
    pub fn parse(text: &str) -> Option<Self> {
        Self::parse_scientific(text).map(|(number, _)| number)
    }

    /// As [`Decimal::parse`], and whether it was written with an exponent.
    fn parse_scientific(text: &str) -> Option<(Self, bool)> {
        let (mantissa, power) = match text.find(['e', 'E']) {
            Some(at) => (text.get(..at)?, Some(text.get(at + 1..)?)),
            None => (text, None),
        };
        let (negative, mantissa) = match mantissa.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
        };
        let (mut digits, mut exponent, mut any, mut fraction) = (0i128, 0i32, false, false);
        for byte in mantissa.bytes() {
            match byte {
                b'0'..=b'9' => {
                    any = true;
                    digits = digits.checked_mul(10)?.checked_add(i128::from(byte - b'0'))?;
                    exponent -= i32::from(fraction);
                    if digits > 10i128.pow(30) {
                        return None;
                    }
                }
                b'.' if !fraction => fraction = true,
                _ => return None,
            }
        }
        if !any {
            return None;
        }
        if let Some(power) = power {
            let power: i32 = power.parse().ok()?;
            if power.abs() > 1000 {
                return None;
            }
            exponent += power;
        }
        Some((Decimal { digits: if negative { -digits } else { digits }, exponent }, power.is_some()))
    }

    /// What a number means in a search by its precision (R4 §3.1.1.4.6): `100` is 99.5 to 100.5, `1e2` is 95 to 105.
    pub fn parse_range(text: &str) -> Option<(Self, Self, Self)> {
        let (number, scientific) = Self::parse_scientific(text)?;
        // One more digit, so that half a unit of the last place can be said; two more for the finer exponent form.
        let (more, half) = if scientific { (100, 50 / 10) } else { (10, 5) };
        let places = if scientific { 2 } else { 1 };
        let digits = number.digits.checked_mul(more)?;
        let exponent = number.exponent - places;
        let bound = |digits: i128| Decimal { digits, exponent };
        Some((number, bound(digits.checked_sub(half)?), bound(digits.checked_add(half)?)))
    }

    /// Nine tenths and eleven tenths of it, the lower first: what "approximately" means.
    pub fn about(self) -> (Self, Self) {
        let scaled = |by: i128| Decimal { digits: self.digits.saturating_mul(by), exponent: self.exponent - 1 };
        if self.digits < 0 { (scaled(11), scaled(9)) } else { (scaled(9), scaled(11)) }
    }

    fn approximate(self) -> f64 {
        format!("{}e{}", self.digits, self.exponent).parse().unwrap_or(f64::NAN)
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Decimal {}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let exponent = self.exponent.min(other.exponent);
        let raised = |n: &Self| {
            let places = u32::try_from(n.exponent - exponent).ok()?;
            n.digits.checked_mul(10i128.checked_pow(places)?)
        };
        match (raised(self), raised(other)) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ if self.digits.signum() != other.digits.signum() => self.digits.signum().cmp(&other.digits.signum()),
            _ => self.approximate().total_cmp(&other.approximate()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    #[test]
    fn value_counts_not_the_way_it_is_written() {
        assert_eq!(number("1.50"), number("1.5"));
        assert_eq!(number("1e2"), number("100.0"));
        assert!(number("-2") < number("-1.99"));
        assert!(number("0.1") > number("0.09999999999999999999"));
        assert!(number("1e300") > number("5"));
        assert!(number("-1e300") < number("5e-300"));
        for text in ["", ".", "-", "1.2.3", "0x1", "1e", "NaN", "١", "9999999999999999999999999999999999"] {
            assert!(Decimal::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn precision_gives_the_range() {
        for (text, from, to) in [
            ("100", "99.5", "100.5"),
            ("100.00", "99.995", "100.005"),
            ("1e2", "95", "105"),
            ("-5.4", "-5.45", "-5.35"),
        ] {
            let (_, low, high) = Decimal::parse_range(text).unwrap();
            assert_eq!((low, high), (number(from), number(to)), "{text}");
        }
        assert_eq!(number("-10").about(), (number("-11"), number("-9")));
    }
}
