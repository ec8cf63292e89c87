//! A patient's facts as a row of numbers: what the index keeps, and what comparing reads.
//!
//! `[birth, sex, flags] [counts] nhs… givens… middles… families… addresses (5 each)… phones… emails (2 each)…
//! identifiers (2 each)… practice? attributes…`. About 16 words of 4 bytes for an ordinary patient.

use crate::{
    facts::{AddressFacts, PatientFacts, is_newborn, is_nobody, is_of_several},
    fold::{fold_name, fold_words, postcode_key},
    terms::{Kind, NONE, hash_text, low},
};

/// Attributes beyond these are left out.
pub const ATTRIBUTES_MAX: usize = 7;

const RESTRICTED: u32 = 1 << 23;
const MULTIPLE: u32 = 1 << 24;
const DECEASED: u32 = 1 << 25;
const PRACTICE: u32 = 1 << 26;
const ATTRIBUTES_SHIFT: u32 = 27;
const NEWBORN: u32 = 1 << 30;

/// A verified NHS number; without it, one that the source has not traced.
pub const NHS_VERIFIED: u32 = 1 << 30;
/// The check digit was wrong.
pub const NHS_MISTYPED: u32 = 1 << 31;
/// The nine digits before the check digit, which says no more than they do.
pub const NHS_STEM: u32 = (1 << 30) - 1;
/// A British mobile telephone: its owner takes it along when moving.
pub const PHONE_MOBILE: u32 = 1 << 30;
/// A British fixed line: it belongs to a home.
pub const PHONE_FIXED: u32 = 1 << 31;
/// The last nine digits, by which numbers are told apart however they are written.
pub const PHONE_DIGITS: u32 = (1 << 30) - 1;
/// An identifier's value is a hash, not a number.
pub const HASHED: u32 = 1 << 31;

/// A date of birth in 21 bits; 0 is none.
pub fn pack_birth(year: i16, month: i8, day: i8) -> u32 {
    let part = |n: i32| u32::try_from(n).unwrap_or(0);
    part(i32::from(year)).min(4095) << 9 | part(i32::from(month)) << 5 | part(i32::from(day))
}

/// Year, month, day.
pub fn unpack_birth(birth: u32) -> (u32, u32, u32) {
    (birth >> 9, birth >> 5 & 15, birth & 31)
}

/// A row, read.
#[derive(Clone, Copy, Default)]
pub struct Record<'a> {
    head: u32,
    /// NHS numbers: stem and marks.
    pub nhs: &'a [u32],
    /// First given names.
    pub givens: &'a [u32],
    /// Further given names.
    pub middles: &'a [u32],
    /// Family names, the usual one first.
    pub families: &'a [u32],
    addresses: &'a [u32],
    /// Telephone numbers: the last nine digits and a mark of their kind.
    pub phones: &'a [u32],
    /// Pairs: the whole address's hash, the hash of what is before the @.
    pub emails: &'a [u32],
    /// Pairs: system, value.
    pub identifiers: &'a [u32],
    /// The practice.
    pub practice: Option<u32>,
    /// Attributes by place; `NONE` where missing.
    pub attributes: &'a [u32],
}

/// An address: terms, or `NONE`; the house in its own packing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Address {
    /// Postcode.
    pub postcode: u32,
    /// House number, its letter, the flat: see [`house`].
    pub house: u32,
    /// Street.
    pub street: u32,
    /// Village, suburb or town.
    pub place: u32,
    /// A second place name: the smaller one of two.
    pub locality: u32,
    /// County or state.
    pub region: u32,
}

const ADDRESS_WORDS: usize = 6;

impl<'a> Record<'a> {
    /// Read a row.
    pub fn read(words: &'a [u32]) -> Record<'a> {
        let [head, counts, rest @ ..] = words else { return Record::default() };
        let mut rest = rest;
        let mut shift = 0;
        let mut take = |each: usize| {
            let count = (counts >> shift & 15) as usize * each;
            shift += 4;
            let (taken, left) = rest.split_at_checked(count).unwrap_or((rest, &[]));
            rest = left;
            taken
        };
        let mut record = Record {
            head: *head,
            nhs: take(1),
            givens: take(1),
            middles: take(1),
            families: take(1),
            addresses: take(ADDRESS_WORDS),
            phones: take(1),
            emails: take(2),
            identifiers: take(2),
            practice: None,
            attributes: &[],
        };
        if head & PRACTICE != 0
            && let Some((practice, left)) = rest.split_first()
        {
            record.practice = Some(*practice);
            rest = left;
        }
        record.attributes = rest.get(..(head >> ATTRIBUTES_SHIFT) as usize & 7).unwrap_or_default();
        record
    }

    /// Date of birth; 0 is none.
    pub fn birth(&self) -> u32 {
        self.head & 0x1f_ffff
    }

    /// 0 unknown, 1 male, 2 female, 3 other.
    pub fn sex(&self) -> u32 {
        self.head >> 21 & 3
    }

    /// Whether the whereabouts are to be hidden.
    pub fn restricted(&self) -> bool {
        self.head & RESTRICTED != 0
    }

    /// Whether one of a multiple birth.
    pub fn multiple(&self) -> bool {
        self.head & MULTIPLE != 0
    }

    /// Whether the forename is a newborn's stand-in.
    pub fn newborn(&self) -> bool {
        self.head & NEWBORN != 0
    }

    /// Whether known to have died.
    pub fn deceased(&self) -> bool {
        self.head & DECEASED != 0
    }

    /// The addresses.
    pub fn addresses(&self) -> impl Iterator<Item = Address> + use<'a> {
        self.addresses.chunks_exact(ADDRESS_WORDS).filter_map(|words| match *words {
            [postcode, house, street, place, locality, region] => {
                Some(Address { postcode, house, street, place, locality, region })
            }
            _ => None,
        })
    }

    /// The terms whose texts comparing may have to look at.
    pub(crate) fn texts(&self) -> impl Iterator<Item = u32> + use<'a> {
        let addresses =
            self.addresses().flat_map(|address| [address.postcode, address.street, address.place, address.locality]);
        self.givens.iter().chain(self.families).copied().chain(addresses)
    }

    /// The terms that are counted for term frequency.
    pub fn terms(&self) -> impl Iterator<Item = u32> + use<'a> {
        let addresses = self
            .addresses()
            .flat_map(|address| [address.postcode, address.street, address.place, address.locality, address.region]);
        let pairs = self.identifiers.chunks_exact(2).filter_map(|pair| pair.first().copied());
        let names = self.givens.iter().chain(self.middles).chain(self.families).copied();
        names
            .chain(addresses)
            .chain(pairs)
            .chain(self.practice)
            .chain(self.attributes.iter().copied())
            .filter(|id| *id != NONE)
    }
}

/// Pack facts. `term` gives the number of a text; `attributes` are the names of the attributes that the index compares, in
/// their order. Whereabouts of restricted people are left out.
pub fn pack(
    facts: &PatientFacts,
    attributes: &[String],
    term: &mut dyn FnMut(Kind, &str) -> u32,
    words: &mut Vec<u32>,
) {
    let mut head = match facts.gender.as_deref() {
        Some("male") => 1 << 21,
        Some("female") => 2 << 21,
        Some("other") => 3 << 21,
        _ => 0,
    };
    // Typed where nothing is known: no evidence.
    if let Some(birth) = facts.birth.filter(|birth| !is_no_birth(*birth)) {
        head |= pack_birth(birth.year(), birth.month(), birth.day());
    }
    head |= if facts.restricted { RESTRICTED } else { 0 };
    let several = facts.multiple_birth || facts.givens.first().is_some_and(|given| is_of_several(given));
    head |= if several { MULTIPLE } else { 0 };
    let newborn = facts.newborn || facts.givens.first().is_some_and(|given| is_newborn(given));
    head |= if newborn { NEWBORN } else { 0 };
    head |= if facts.deceased || facts.death.is_some() { DECEASED } else { 0 };
    let start = words.len();
    words.extend([0, 0]);
    let mut counts = 0_u32;
    let mut put = |words: &[u32], before: usize, each: usize, slot: u32| {
        counts |= u32::try_from((words.len() - before) / each).unwrap_or(0) << (slot * 4);
    };

    let mut at = words.len();
    let stem = |number: u64| u32::try_from(number / 10 % 1_000_000_000).unwrap_or(0);
    if let Some(number) = facts.nhs_number {
        words.push(stem(number) | if facts.verified { NHS_VERIFIED } else { 0 });
    } else if let Some(number) = facts.nhs_number_mistyped {
        words.push(stem(number) | NHS_MISTYPED);
    }
    words.extend(facts.nhs_numbers_old.iter().take(3).map(|number| stem(*number)));
    put(words, at, 1, 0);

    at = words.len();
    let mut middles = Vec::new();
    if !facts.unknown && !facts.newborn {
        for given in facts.givens.iter().take(4) {
            let mut parts = fold_words(given);
            if parts.len() > 1 && parts.first().is_some_and(|word| is_title(word)) {
                parts.remove(0);
            }
            if parts.is_empty() || is_nobody(given) || is_newborn(given) {
                continue;
            }
            // "Mary Jane" is Mary who may also be found as Jane; "Mary-Jane" is one name of two parts.
            if given.contains('-') && parts.len() == 2 {
                push_new(words, at, term(Kind::Given, &parts.join("-")));
                continue;
            }
            let rest = parts.split_off(1);
            push_new(words, at, term(Kind::Given, parts.first().map_or("", String::as_str)));
            middles.extend(rest);
        }
    }
    words.truncate(at + 4);
    put(words, at, 1, 1);

    at = words.len();
    middles.extend(facts.middles.iter().flat_map(|middle| fold_words(middle)));
    for middle in middles.iter().filter(|middle| !is_nobody(middle)).take(4) {
        push_new(words, at, term(Kind::Given, middle));
    }
    put(words, at, 1, 2);

    at = words.len();
    if !facts.unknown {
        for family in facts.families.iter().take(4) {
            let parts = fold_words(family);
            if !parts.is_empty() && !is_nobody(family) {
                push_new(words, at, term(Kind::Family, &family_text(family, &parts)));
            }
        }
    }
    put(words, at, 1, 3);

    at = words.len();
    if !facts.restricted {
        for address in facts.addresses.iter().take(4) {
            push_address(address, term, words);
        }
        if let Some(code) = &facts.postcode
            && facts.addresses.iter().all(|address| address.postcode.as_ref() != Some(code))
            && facts.addresses.len() < 4
        {
            push_address(&AddressFacts { postcode: Some(code.clone()), ..AddressFacts::default() }, term, words);
        }
    }
    put(words, at, ADDRESS_WORDS, 4);

    at = words.len();
    if !facts.restricted {
        for phone in facts.phones.iter().filter_map(|phone| phone_number(phone)).take(4) {
            let known = words.get(at..).unwrap_or_default();
            if !known.iter().any(|other| same_phone(*other, phone)) {
                words.push(phone);
            }
        }
    }
    put(words, at, 1, 5);

    at = words.len();
    if !facts.restricted {
        for (whole, local) in facts.emails.iter().filter_map(|email| email_hashes(email, facts)).take(3) {
            words.extend([whole, local]);
        }
    }
    put(words, at, 2, 6);

    at = words.len();
    for identifier in facts.identifiers.iter().take(8) {
        if let Some(value) = identifier_value(&identifier.value) {
            words.extend([term(Kind::System, &identifier.system), value]);
        }
    }
    put(words, at, 2, 7);

    if let Some(practice) = facts.practice.as_deref().filter(|_| !facts.restricted).map(fold_name)
        && !practice.is_empty()
    {
        head |= PRACTICE;
        words.push(term(Kind::Practice, &practice));
    }
    let attributes = attributes.get(..attributes.len().min(ATTRIBUTES_MAX)).unwrap_or_default();
    head |= u32::try_from(attributes.len()).unwrap_or(0) << ATTRIBUTES_SHIFT;
    for (place, name) in (0_u8..).zip(attributes) {
        let value =
            facts.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| fold_words(value).join(" "));
        words.push(match value {
            Some(value) if !value.is_empty() => term(Kind::Attribute(place), &value),
            _ => NONE,
        });
    }
    if let Some([first, second, ..]) = words.get_mut(start..) {
        (*first, *second) = (head, counts);
    }
}

/// A title typed into the name's field.
fn is_title(word: &str) -> bool {
    matches!(
        word,
        "mr" | "mrs"
            | "ms"
            | "miss"
            | "mx"
            | "dr"
            | "prof"
            | "professor"
            | "rev"
            | "revd"
            | "sir"
            | "dame"
            | "lady"
            | "master"
    )
}

/// Dates that systems put where none is known.
fn is_no_birth(birth: jiff::civil::Date) -> bool {
    matches!(
        (birth.year(), birth.month(), birth.day()),
        (1899, 12, 30 | 31) | (1900 | 1901, 1, 1) | (1800, 1, 1) | (..=1879, _, _) | (2059.., _, _)
    )
}

fn push_new(words: &mut Vec<u32>, from: usize, word: u32) {
    if word != NONE && !words.get(from..).is_some_and(|known| known.contains(&word)) {
        words.push(word);
    }
}

/// A family name as it is compared: folded, its parts parted by `-`.
fn family_text(family: &str, parts: &[String]) -> String {
    if parts.len() == 1 { fold_name(family) } else { parts.join("-") }
}

fn push_address(address: &AddressFacts, term: &mut dyn FnMut(Kind, &str) -> u32, words: &mut Vec<u32>) {
    let mut optional = |kind: Kind, text: &str| if text.is_empty() { NONE } else { term(kind, text) };
    let parsed = crate::address::parse(address);
    let code = postcode_key(address.postcode.as_deref().unwrap_or_default());
    let region = fold_words(address.region.as_deref().unwrap_or_default()).join("-");
    let row = [
        optional(Kind::Postcode, if is_no_postcode(&code) { "" } else { &code }),
        parsed.house,
        optional(Kind::Street, &parsed.street),
        optional(Kind::Place, &parsed.place),
        optional(Kind::Place, &parsed.locality),
        optional(Kind::Region, &region),
    ];
    if row.iter().enumerate().any(|(at, word)| if at == 1 { *word != 0 } else { *word != NONE }) {
        words.extend(row);
    }
}

/// Pseudo-postcodes of no fixed abode, unknown and overseas (NHS Data Dictionary, ZZ99): nobody lives there together.
fn is_no_postcode(code: &str) -> bool {
    code.starts_with("ZZ99")
        || matches!(code, "UNKNOWN" | "NONE" | "NULL" | "NA" | "NK" | "XX" | "ZZ" | "0000" | "00000" | "9999")
}

/// Whether two are one telephone number, whether or not its kind was to be seen in the way it was written.
pub fn same_phone(a: u32, b: u32) -> bool {
    a & PHONE_DIGITS == b & PHONE_DIGITS
}

/// The last nine digits of a telephone number, with the mark of its kind; nothing where there are fewer than seven, or all
/// the same.
///
/// Kinds are those of the national telephone numbering plan (Ofcom): after the leading 0 or +44 ten digits, beginning with 7
/// for mobiles (70 excepted: personal numbers that are handed on), with 1, 2 or 3 for fixed lines. Of other numbers it is not
/// known which they are.
pub fn phone_number(text: &str) -> Option<u32> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let national = digits.strip_prefix("0044").or_else(|| digits.strip_prefix("44")).filter(|rest| rest.len() >= 10);
    let national = national.unwrap_or(&digits).trim_start_matches('0');
    let kind = match national.as_bytes() {
        [b'7', b'1'..=b'9', ..] if national.len() == 10 => PHONE_MOBILE,
        [b'1'..=b'3', ..] if national.len() == 10 => PHONE_FIXED,
        _ => 0,
    };
    last_nine(text).map(|number| number | kind)
}

fn last_nine(text: &str) -> Option<u32> {
    let mut value = 0_u64;
    let mut count = 0_u32;
    let mut same = true;
    let mut first = None;
    for digit in text.chars().filter_map(|c| c.to_digit(10)) {
        value = (value * 10 + u64::from(digit)) % 1_000_000_000;
        count += 1;
        same &= count <= 2 || first.is_none_or(|first| first == digit);
        if count >= 2 {
            first = Some(digit);
        }
    }
    (count >= 7 && !same).then(|| u32::try_from(value).ok()).flatten()
}

/// Hashes of a whole email address and of what is before the @.
fn email_hashes(text: &str, facts: &PatientFacts) -> Option<(u32, u32)> {
    let text: String =
        text.chars().filter(|c| !c.is_whitespace() && !c.is_control()).flat_map(char::to_lowercase).collect();
    let (local, domain) = text.rsplit_once('@')?;
    let nobody =
        matches!(local, "" | "none" | "noemail" | "no" | "na" | "nil" | "unknown" | "test" | "noreply" | "null");
    if nobody || domain.is_empty() {
        return None;
    }
    let whole = low(hash_text(11, &text));
    // What is made of the name says no more than the name.
    let letters: String = local.chars().filter(|c| c.is_alphabetic()).collect();
    let named = facts
        .givens
        .iter()
        .chain(&facts.families)
        .map(|name| fold_name(name))
        .any(|name| name.len() > 2 && letters.contains(&name));
    Some((whole, if named { whole } else { low(hash_text(12, local)) }))
}

/// A number of up to nine digits as it is; anything else as a hash.
fn identifier_value(text: &str) -> Option<u32> {
    let folded = fold_name(text);
    if folded.is_empty() || folded.chars().all(|c| c == '0') {
        return None;
    }
    if folded.len() <= 9 && folded.bytes().all(|c| c.is_ascii_digit()) {
        return folded.parse().ok();
    }
    Some(low(hash_text(13, &folded)) | HASHED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_telephone_is_one_number_however_written_and_of_its_kind() {
        let kind = |text: &str| phone_number(text).map(|number| number & !PHONE_DIGITS);
        for mobile in ["07700 900123", "+44 7700 900123", "0044 7700900123", "7700900123", "+44 (0)7700 900123"] {
            assert_eq!(kind(mobile), Some(PHONE_MOBILE), "{mobile}");
            assert!(same_phone(phone_number(mobile).unwrap(), phone_number("07700900123").unwrap()), "{mobile}");
        }
        for line in ["0161 496 0123", "+441614960123", "0300 123 4567", "020 7946 0123"] {
            assert_eq!(kind(line), Some(PHONE_FIXED), "{line}");
        }
        // Personal numbers, numbers of other countries, numbers without their area.
        for unknown in ["070 1234 5678", "0412 345 678", "+33 1 99 00 12 34", "496 0123"] {
            assert_eq!(kind(unknown), Some(0), "{unknown}");
        }
        for nothing in ["", "0000000000", "999999999", "123"] {
            assert_eq!(kind(nothing), None, "{nothing}");
        }
    }
}
