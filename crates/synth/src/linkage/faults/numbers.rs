//! What goes wrong with numbers: NHS numbers, postcodes, telephones, electronic addresses.

use super::text::{changed, index};
use crate::dice::Dice;
use fhir::NhsNumber;

/// A digit of a number wrong, or two exchanged, so that the check digit fails; in a few, so that it passes.
pub(super) fn nhs_number(number: &str, passing: bool, dice: &mut Dice) -> Option<String> {
    if number.len() != 10 {
        return None;
    }
    for _ in 0..if passing { 400 } else { 40 } {
        let mut digits: Vec<u8> = number.bytes().collect();
        // One wrong digit never passes the check: the weights have inverses modulo 11. Two wrong ones may.
        for _ in 0..if passing { 2 } else { 1 } {
            let at = index(10, dice);
            if !passing && at < 9 && dice.chance(0.35) {
                digits.swap(at, at + 1);
            } else if let Some(digit) = digits.get_mut(at) {
                *digit = b'0' + u8::try_from(dice.below(10)).unwrap_or(0);
            }
        }
        let other: String = digits.into_iter().map(char::from).collect();
        if other != number && NhsNumber::parse(&other).is_ok() == passing && !other.starts_with('0') {
            return Some(other);
        }
    }
    None
}

/// A postcode with a letter or digit wrong, exchanged or left out; or a neighbouring unit.
pub(super) fn postcode(postcode: &str, dice: &mut Dice) -> Option<String> {
    let (outward, inward) = postcode.split_once(' ')?;
    let mut tail: Vec<char> = inward.chars().collect();
    let letters: Vec<char> = "ABDEFGHJLNPQRSTUWXYZ".chars().collect();
    let other = match dice.below(10) {
        0..=3 => {
            *tail.last_mut()? = *dice.pick(&letters);
            format!("{outward} {}", tail.into_iter().collect::<String>())
        }
        4..=5 => {
            *tail.get_mut(1)? = *dice.pick(&letters);
            format!("{outward} {}", tail.into_iter().collect::<String>())
        }
        6 => {
            tail.swap(1, 2);
            format!("{outward} {}", tail.into_iter().collect::<String>())
        }
        7 => {
            *tail.first_mut()? = char::from(b'1' + u8::try_from(dice.below(9)).unwrap_or(0));
            format!("{outward} {}", tail.into_iter().collect::<String>())
        }
        8 => {
            let head: String = outward.chars().filter(|c| c.is_ascii_alphabetic()).collect();
            format!("{head}{} {inward}", 1 + dice.below(40))
        }
        _ => format!("{outward} {}", tail.into_iter().take(2).collect::<String>()),
    };
    changed(postcode, other)
}

/// A telephone number with one digit wrong, or two exchanged.
pub(super) fn telephone(number: &str, dice: &mut Dice) -> Option<String> {
    let mut digits: Vec<char> = number.chars().collect();
    if digits.len() < 8 {
        return None;
    }
    let at = 4 + index(digits.len() - 5, dice);
    if dice.chance(0.4) {
        digits.swap(at, at + 1);
    } else {
        *digits.get_mut(at)? = char::from(b'0' + u8::try_from(dice.below(10)).unwrap_or(0));
    }
    changed(number, digits.into_iter().collect())
}

/// What is typed where a form insists on a number.
pub(super) fn no_telephone(dice: &mut Dice) -> String {
    (*dice.pick_early(&["00000000000", "00000000000", "07000000000", "01234567890", "99999999999", "0", "11111111111"]))
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_number_fails_its_check_unless_it_is_to_pass() {
        let number = super::super::super::number::nhs_number(77);
        for seed in 0..500 {
            let dice = &mut Dice::new(seed, &[]);
            let failing = nhs_number(&number, false, dice).unwrap();
            assert!(NhsNumber::parse(&failing).is_err());
            if let Some(passing) = nhs_number(&number, true, dice) {
                assert!(NhsNumber::parse(&passing).is_ok() && passing != number);
            }
        }
    }

    #[test]
    fn wrong_postcodes_keep_their_shape() {
        for seed in 0..500 {
            if let Some(other) = postcode("LS6 2AB", &mut Dice::new(seed, &[])) {
                assert!(other.contains(' ') && other != "LS6 2AB" && other.len() >= 5, "{other}");
            }
        }
        assert_eq!(postcode("", &mut Dice::new(1, &[])), None);
    }
}
