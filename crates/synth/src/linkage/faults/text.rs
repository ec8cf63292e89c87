//! What goes wrong with a word: under the fingers, in the ear, under the scanner, in a field that is too short. Each takes
//! a text and gives another text, or nothing where it has no hold on it.

use crate::dice::Dice;

/// The letter without its marks; nothing for what is not a letter, digit, space or mark of a name.
pub(in crate::linkage) fn plain_letter(c: char) -> Option<char> {
    Some(match c {
        'á' | 'à' | 'â' | 'ä' | 'ã' | 'å' | 'ą' | 'ă' | 'ā' | 'ạ' | 'ầ' => 'a',
        'Á' | 'À' | 'Â' | 'Ä' | 'Å' | 'Ą' => 'A',
        'é' | 'è' | 'ê' | 'ë' | 'ę' | 'ē' | 'ė' | 'ễ' => 'e',
        'É' | 'È' | 'Ê' | 'Ę' => 'E',
        'í' | 'ì' | 'î' | 'ï' | 'ī' | 'ı' => 'i',
        'Í' | 'İ' => 'I',
        'ó' | 'ò' | 'ô' | 'ö' | 'õ' | 'ø' => 'o',
        'Ó' | 'Ö' | 'Ø' => 'O',
        'ú' | 'ù' | 'û' | 'ü' | 'ū' | 'ỳ' => 'u',
        'Ú' | 'Ü' => 'U',
        'ç' | 'ć' | 'č' => 'c',
        'Ç' | 'Ć' | 'Č' => 'C',
        'ł' | 'ļ' => 'l',
        'Ł' => 'L',
        'ñ' | 'ń' | 'ň' | 'ņ' => 'n',
        'ś' | 'š' | 'ș' | 'ş' => 's',
        'Ś' | 'Š' | 'Ș' | 'Ş' => 'S',
        'ț' | 'ţ' => 't',
        'ż' | 'ź' | 'ž' => 'z',
        'Ż' | 'Ź' | 'Ž' => 'Z',
        'ğ' => 'g',
        'ý' => 'y',
        '’' => '\'',
        c if c.is_ascii_alphanumeric() || matches!(c, ' ' | '-' | '\'' | '.' | ',' | '/' | '(' | ')') => c,
        c if c.is_alphabetic() => c,
        _ => return None,
    })
}

/// A text without its marks.
pub(in crate::linkage) fn plain(text: &str) -> String {
    if text.is_ascii() { text.to_owned() } else { text.chars().filter_map(plain_letter).collect() }
}

const ROWS: [&str; 4] = ["1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm"];

/// A key beside this one.
fn neighbour(c: char, dice: &mut Dice) -> Option<char> {
    let lower = c.to_ascii_lowercase();
    let (row, at) = ROWS.iter().enumerate().find_map(|(row, keys)| keys.find(lower).map(|at| (row, at)))?;
    let mut near = Vec::with_capacity(6);
    let mut add = |row: usize, at: usize| {
        if let Some(key) = ROWS.get(row).and_then(|keys| keys.as_bytes().get(at)) {
            let key = char::from(*key);
            // Digits are struck for digits, letters for letters.
            if key.is_ascii_digit() == lower.is_ascii_digit() {
                near.push(key);
            }
        }
    };
    if at > 0 {
        add(row, at - 1);
        add(row + 1, at - 1);
    }
    add(row, at + 1);
    add(row + 1, at);
    if row > 0 {
        add(row - 1, at);
        add(row - 1, at + 1);
    }
    if near.is_empty() {
        return None;
    }
    let key = *dice.pick(&near);
    Some(if c.is_ascii_uppercase() { key.to_ascii_uppercase() } else { key })
}

/// One slip of the fingers: a key beside the right one, a letter left out, doubled, put in, or two exchanged. The first
/// letter is seldom hit.
pub(super) fn slip(text: &str, dice: &mut Dice) -> Option<String> {
    let letters: Vec<char> = text.chars().collect();
    let count = letters.len();
    if count < 3 {
        return None;
    }
    let from = if dice.chance(0.92) { 1 } else { 0 };
    let at = from + index(count - from, dice);
    let here = *letters.get(at)?;
    let mut out = letters.clone();
    match dice.weighted([38.0, 24.0, 12.0, 8.0, 18.0].iter().copied()) {
        0 => *out.get_mut(at)? = neighbour(here, dice)?,
        1 => {
            out.remove(at);
        }
        2 => out.insert(at, here),
        3 => out.insert(at, neighbour(here, dice)?.to_ascii_lowercase()),
        _ => {
            if at + 1 >= count {
                return None;
            }
            out.swap(at, at + 1);
        }
    }
    changed(text, out.into_iter().collect())
}

/// Written as it sounded to whoever took it down.
pub(super) fn misheard(text: &str, dice: &mut Dice) -> Option<String> {
    const SOUNDS: [(&str, &str); 44] = [
        ("ph", "f"),
        ("ph", "v"),
        ("ck", "k"),
        ("c", "k"),
        ("k", "c"),
        ("ie", "y"),
        ("y", "ie"),
        ("ey", "y"),
        ("y", "ey"),
        ("ei", "ie"),
        ("ie", "ei"),
        ("ea", "ee"),
        ("ee", "ea"),
        ("ai", "ay"),
        ("ay", "ai"),
        ("ou", "ow"),
        ("ow", "ou"),
        ("er", "ar"),
        ("ar", "er"),
        ("or", "er"),
        ("en", "on"),
        ("on", "en"),
        ("in", "en"),
        ("an", "en"),
        ("ll", "l"),
        ("l", "ll"),
        ("tt", "t"),
        ("t", "tt"),
        ("nn", "n"),
        ("n", "nn"),
        ("ss", "s"),
        ("rr", "r"),
        ("s", "z"),
        ("z", "s"),
        ("gh", ""),
        ("h", ""),
        ("w", "wh"),
        ("sh", "s"),
        ("th", "t"),
        ("v", "f"),
        ("oo", "u"),
        ("i", "y"),
        ("a", "e"),
        ("e", "a"),
    ];
    let lower = text.to_lowercase();
    for _ in 0..8 {
        let (sound, other) = *dice.pick(&SOUNDS);
        let places: Vec<usize> = lower.match_indices(sound).map(|(at, _)| at).filter(|at| *at > 0).collect();
        if places.is_empty() || lower.len() != text.len() {
            continue;
        }
        let at = *dice.pick(&places);
        let (Some(before), Some(after)) = (text.get(..at), text.get(at + sound.len()..)) else { continue };
        let upper = text.chars().all(|c| !c.is_lowercase());
        let other = if upper { other.to_uppercase() } else { other.to_owned() };
        return changed(text, format!("{before}{other}{after}"));
    }
    None
}

/// Read by a scanner, or from handwriting.
pub(super) fn misread(text: &str, dice: &mut Dice) -> Option<String> {
    const SHAPES: [(&str, &str); 30] = [
        ("rn", "m"),
        ("m", "rn"),
        ("cl", "d"),
        ("d", "cl"),
        ("vv", "w"),
        ("w", "vv"),
        ("l", "1"),
        ("I", "l"),
        ("O", "0"),
        ("o", "0"),
        ("S", "5"),
        ("B", "8"),
        ("e", "c"),
        ("c", "e"),
        ("h", "b"),
        ("u", "v"),
        ("v", "u"),
        ("n", "u"),
        ("u", "n"),
        ("a", "o"),
        ("g", "q"),
        ("y", "v"),
        ("t", "f"),
        ("i", "j"),
        ("H", "N"),
        ("E", "F"),
        ("D", "O"),
        ("G", "C"),
        ("M", "N"),
        ("R", "P"),
    ];
    for _ in 0..8 {
        let (shape, other) = *dice.pick(&SHAPES);
        let places: Vec<usize> = text.match_indices(shape).map(|(at, _)| at).collect();
        if places.is_empty() {
            continue;
        }
        let at = *dice.pick(&places);
        let (Some(before), Some(after)) = (text.get(..at), text.get(at + shape.len()..)) else { continue };
        return changed(text, format!("{before}{other}{after}"));
    }
    None
}

/// Cut off where a field was too short.
pub(super) fn cut(text: &str, dice: &mut Dice) -> Option<String> {
    let count = text.chars().count();
    if count < 6 {
        return None;
    }
    let keep = if count > 11 { 8 + index(3, dice) } else { count - 1 - index(2, dice) };
    changed(text, text.chars().take(keep).collect::<String>().trim_end().to_owned())
}

/// Hyphens, apostrophes, spaces and prefixes written another way: O'Brien, OBrien, O Brien; Al-Hassan, Alhassan, Hassan;
/// Smith-Jones, Smith Jones; McDonald, MacDonald, Mc Donald.
pub(super) fn repunctuated(text: &str, dice: &mut Dice) -> Option<String> {
    let mut ways: Vec<String> = Vec::new();
    if text.contains('-') {
        ways.push(text.replace('-', " "));
        ways.push(text.replace('-', ""));
    }
    if text.contains('\'') {
        ways.push(text.replace('\'', ""));
        ways.push(text.replace('\'', " "));
        ways.push(text.replace('\'', "`"));
    }
    if text.contains(' ') {
        ways.push(text.replace(' ', "-"));
        ways.push(text.replace(' ', ""));
    }
    for (old, new) in [("Mac", "Mc"), ("Mc", "Mac"), ("Mc", "Mc "), ("Mac", "Mac "), ("MC", "MAC"), ("MAC", "MC")] {
        if let Some(rest) = text.strip_prefix(old).filter(|rest| rest.chars().next().is_some_and(char::is_uppercase)) {
            ways.push(format!("{new}{rest}"));
        }
    }
    for prefix in ["Al-", "El-", "O'", "van ", "von ", "de ", "De ", "van der ", "Ben ", "Di ", "St. "] {
        if let Some(rest) = text.strip_prefix(prefix) {
            ways.push(rest.to_owned());
        }
    }
    if let Some(rest) = text.strip_prefix("St. ") {
        ways.push(format!("Saint {rest}"));
        ways.push(format!("St {rest}"));
    }
    if ways.is_empty() {
        return None;
    }
    changed(text, dice.pick(&ways).clone())
}

/// One half of a name that has two.
pub(super) fn half(text: &str, dice: &mut Dice) -> Option<String> {
    let parts: Vec<&str> = text.split(['-', ' ']).filter(|part| part.chars().count() > 2).collect();
    if parts.len() < 2 {
        return None;
    }
    changed(text, (*dice.pick(&parts)).to_owned())
}

/// An index below `count`.
pub(super) fn index(count: usize, dice: &mut Dice) -> usize {
    usize::try_from(dice.below(count as u64)).unwrap_or(0)
}

pub(super) fn changed(old: &str, new: String) -> Option<String> {
    (new != old && !new.trim().is_empty()).then_some(new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Fault = fn(&str, &mut Dice) -> Option<String>;
    const ALL: [Fault; 6] = [slip, misheard, misread, cut, repunctuated, half];

    proptest! {
        #[test]
        fn a_fault_changes_a_text_or_says_that_it_has_no_hold(text in "\\PC{0,40}", seed: u64) {
            for fault in ALL {
                let once = fault(&text, &mut Dice::new(seed, &[]));
                prop_assert_eq!(&once, &fault(&text, &mut Dice::new(seed, &[])));
                if let Some(other) = once {
                    prop_assert_ne!(&other, &text);
                    prop_assert!(!other.trim().is_empty());
                }
            }
        }

        #[test]
        fn a_slip_is_one_key(text in "[A-Z][a-z]{2,15}", seed: u64) {
            if let Some(other) = slip(&text, &mut Dice::new(seed, &[])) {
                let difference = text.chars().count().abs_diff(other.chars().count());
                prop_assert!(difference <= 1);
            }
        }
    }

    #[test]
    fn prefixes_are_written_in_many_ways() {
        let mut ways = std::collections::BTreeSet::new();
        for seed in 0..200 {
            ways.extend(repunctuated("O'Brien", &mut Dice::new(seed, &[])));
        }
        assert!(["OBrien", "O Brien", "Brien"].iter().all(|way| ways.contains(*way)), "{ways:?}");
        assert_eq!(plain("Wiśniewska-Gómez"), "Wisniewska-Gomez");
    }
}
