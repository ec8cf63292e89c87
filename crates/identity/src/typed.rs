//! What somebody typed into one field to find a person: a number, a name, a date of birth, a postcode, a house, in any order
//! and form. Nothing is decided here: whatever can be read in two ways is given in both.

use crate::{AddressFacts, PatientFacts, fold_name};
use fhir::nhs::NhsNumber;
use jiff::civil::Date;

/// What was understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Typed {
    /// A valid NHS number.
    pub nhs_number: Option<u64>,
    /// Ten digits that are no NHS number: a digit is wrong.
    pub nhs_number_mistyped: Option<u64>,
    /// The dates of birth that it may be, the likeliest first.
    pub births: Vec<Date>,
    /// The postcode, as written with its space: `BL1 4QR`.
    pub postcode: Option<String>,
    /// The number of the house, or of flat and house.
    pub house: Option<String>,
    /// `male` or `female`.
    pub gender: Option<String>,
    /// The words of the name in their order.
    pub names: Vec<String>,
    /// How many of the first names are the family name, where a comma says so.
    pub family_first: Option<usize>,
    /// What nothing could be made of.
    pub left: Vec<String>,
}

/// What a search by facts needs at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooLittle {
    /// Nothing was typed.
    Nothing,
    /// A name, and nothing to tell its bearers apart by.
    NameAlone,
    /// A date of birth, and no name or postcode.
    BirthAlone,
    /// A postcode, and no name, date of birth or house.
    PostcodeAlone,
    /// Ten digits that are no NHS number, and nothing else.
    WrongNumber,
    /// Nothing in it was understood.
    NotUnderstood,
}

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const TITLES: [&str; 14] =
    ["mr", "mrs", "ms", "miss", "mx", "dr", "prof", "professor", "sir", "lady", "lord", "dame", "rev", "master"];
/// Words of an address or a label, not of a name.
const LABELS: [&str; 17] = [
    "born", "dob", "nhs", "no", "number", "postcode", "flat", "house", "at", "aged", "name", "date", "of", "birth",
    "and", "the", "live",
];
/// Letters read at most; what is longer is no search.
const TYPED_MAX: usize = 400;
/// Words of a name at most.
const NAMES_MAX: usize = 6;

impl Typed {
    /// Read what was typed; dates after `today` are nobody's birthday.
    pub fn read(text: &str, today: Date) -> Typed {
        let mut typed = Typed::default();
        let text: String = text.chars().take(TYPED_MAX).collect();
        let comma = text.find(',');
        let mut words: Vec<Word> = Vec::new();
        for (at, word) in split(&text) {
            let before = comma.is_some_and(|comma| at < comma);
            words.push(Word { text: word.to_owned(), before_comma: before, used: false });
        }
        typed.take_number(&mut words);
        typed.take_postcode(&mut words);
        typed.take_birth(&mut words, today);
        typed.take_rest(&words);
        typed
    }

    /// Ten digits in a row, in one word or several.
    fn take_number(&mut self, words: &mut [Word]) {
        for start in 0..words.len() {
            for length in 1..=4 {
                let Some(run) = words.get(start..start + length) else { break };
                let digits: String = run.iter().map(|word| word.text.replace('-', "")).collect();
                if digits.len() > 10 || !run.iter().all(|word| numeric(&word.text.replace('-', ""))) {
                    break;
                }
                if digits.len() != 10 {
                    continue;
                }
                let valid = NhsNumber::parse(&digits).is_ok();
                // Four words of digits that are no number are a date of birth beside a house.
                if !valid && length > 3 {
                    continue;
                }
                let number = digits.parse().ok();
                if valid {
                    self.nhs_number = number
                } else {
                    self.nhs_number_mistyped = number
                }
                words.iter_mut().skip(start).take(length).for_each(|word| word.used = true);
                return;
            }
        }
    }

    fn take_postcode(&mut self, words: &mut [Word]) {
        for start in 0..words.len() {
            for length in [2, 1] {
                let Some(run) = words.get(start..start + length) else { continue };
                let joined: String = run.iter().map(|word| word.text.to_ascii_uppercase()).collect();
                if run.iter().all(|word| !word.used)
                    && let Some(postcode) = postcode(&joined)
                {
                    self.postcode = Some(postcode);
                    words.iter_mut().skip(start).take(length).for_each(|word| word.used = true);
                    return;
                }
            }
        }
    }

    fn take_birth(&mut self, words: &mut [Word], today: Date) {
        for length in [1, 3] {
            for start in 0..words.len() {
                let Some(run) = words.get(start..start + length) else { break };
                if run.iter().any(|word| word.used) {
                    continue;
                }
                let parts: Vec<String> = match run {
                    [one] => date_parts(&one.text),
                    several => several.iter().map(|word| word.text.clone()).collect(),
                };
                let births = dates(&parts, today);
                if !births.is_empty() {
                    self.births = births;
                    words.iter_mut().skip(start).take(length).for_each(|word| word.used = true);
                    return;
                }
            }
        }
    }

    fn take_rest(&mut self, words: &[Word]) {
        let mut before = 0;
        for word in words.iter().filter(|word| !word.used) {
            let lower = word.text.to_lowercase();
            let folded = fold_name(&word.text);
            if LABELS.contains(&lower.as_str()) || TITLES.contains(&folded.as_str()) {
                continue;
            }
            if matches!(folded.as_str(), "male" | "female") {
                self.gender = Some(folded);
            } else if is_house(&word.text) {
                self.house = Some(self.house.take().map_or_else(|| lower.clone(), |flat| format!("{flat} {lower}")));
            } else if !folded.is_empty()
                && !word.text.chars().any(|letter| letter.is_ascii_digit())
                && self.names.len() < NAMES_MAX
            {
                self.names.push(word.text.clone());
                before += usize::from(word.before_comma);
            } else {
                self.left.push(word.text.clone());
            }
        }
        self.family_first = Some(before).filter(|count| (1..self.names.len()).contains(count));
    }

    /// Whether there is enough to look for somebody. A name alone would be leafing through people.
    ///
    /// # Errors
    /// What lacks.
    pub fn enough(&self) -> Result<(), TooLittle> {
        let letters = self.names.iter().map(|name| fold_name(name).chars().count()).max().unwrap_or(0);
        let named = letters >= 2;
        let (born, lives) = (!self.births.is_empty(), self.postcode.is_some());
        if self.nhs_number.is_some() || (named && (born || lives)) || (lives && (born || self.house.is_some())) {
            return Ok(());
        }
        Err(match (named, born, lives) {
            (true, ..) => TooLittle::NameAlone,
            (_, true, _) => TooLittle::BirthAlone,
            (.., true) => TooLittle::PostcodeAlone,
            _ if self.nhs_number_mistyped.is_some() => TooLittle::WrongNumber,
            _ if self.left.is_empty() && self.house.is_none() && self.gender.is_none() => TooLittle::Nothing,
            _ => TooLittle::NotUnderstood,
        })
    }

    /// Everything that the words of a name may be, as family and given names; one empty pair without names.
    fn readings(&self) -> Vec<(Vec<String>, Vec<String>)> {
        let names = &self.names;
        let (Some(first), Some(last)) = (names.first(), names.last()) else { return vec![(Vec::new(), Vec::new())] };
        if let Some(count) = self.family_first {
            let (family, given) = names.split_at(count.min(names.len()));
            return vec![(vec![family.join(" ")], given.to_vec())];
        }
        if names.len() == 1 {
            return vec![(vec![first.clone()], Vec::new()), (Vec::new(), vec![first.clone()])];
        }
        let but_first: Vec<String> = names.iter().skip(1).cloned().collect();
        let but_last: Vec<String> = names.iter().take(names.len() - 1).cloned().collect();
        let mut readings = vec![(vec![last.clone()], but_last.clone()), (vec![first.clone()], but_first.clone())];
        if names.len() > 2 {
            readings.push((vec![but_first.join(" ")], vec![first.clone()]));
            readings.push((vec![but_last.join(" ")], vec![last.clone()]));
        }
        readings
    }

    /// Who may be meant: facts for asking a matcher, one for each way of reading what was typed.
    pub fn asked(&self) -> Vec<PatientFacts> {
        let births: Vec<Option<Date>> =
            if self.births.is_empty() { vec![None] } else { self.births.iter().copied().map(Some).collect() };
        let address = self.postcode.is_some().then(|| AddressFacts {
            lines: self.house.iter().cloned().collect(),
            postcode: self.postcode.clone(),
            ..AddressFacts::default()
        });
        let mut asked = Vec::new();
        for (families, givens) in self.readings() {
            for birth in &births {
                let (given, middles) = givens
                    .split_first()
                    .map_or((Vec::new(), Vec::new()), |(first, more)| (vec![first.clone()], more.to_vec()));
                asked.push(PatientFacts {
                    nhs_number: self.nhs_number,
                    nhs_number_mistyped: self.nhs_number_mistyped,
                    families: families.clone(),
                    givens: given,
                    middles,
                    birth: *birth,
                    gender: self.gender.clone(),
                    postcode: self.postcode.clone(),
                    addresses: address.iter().cloned().collect(),
                    ..PatientFacts::default()
                });
            }
        }
        asked
    }

    /// Whether an address is in the house that was typed; true when none was.
    pub fn lives_in(&self, address: &AddressFacts) -> bool {
        let Some(house) = &self.house else { return true };
        let line = address.lines.join(" ").to_lowercase();
        let words: Vec<&str> =
            line.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
        house.split(' ').all(|number| words.contains(&number))
    }
}

struct Word {
    text: String,
    before_comma: bool,
    used: bool,
}

/// Words with where they begin: at spaces and commas.
fn split(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let ends =
        |letter: char| letter.is_whitespace() || matches!(letter, ',' | ';' | '(' | ')' | '\u{200e}' | '\u{200f}');
    let mut at = 0;
    text.split(ends).filter_map(move |word| {
        let start = at;
        at += word.len() + 1;
        let word = word.trim_matches(|letter: char| matches!(letter, '.' | ':' | '\'' | '"'));
        (!word.is_empty()).then_some((start, word))
    })
}

fn numeric(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A number with perhaps a letter: `12`, `12a`, `3-5`.
fn is_house(text: &str) -> bool {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let rest: Vec<char> = text.chars().skip(digits).collect();
    (1..=4).contains(&digits)
        && (rest.is_empty() || matches!(rest.as_slice(), [letter] if letter.is_ascii_alphabetic()))
}

/// A postcode by its form (BS 7666, without its list of areas): one or two letters, a digit, a digit or letter, then a digit
/// and two letters.
fn postcode(joined: &str) -> Option<String> {
    let bytes = joined.as_bytes();
    let (out, inward) = joined.is_ascii().then(|| joined.split_at_checked(bytes.len().checked_sub(3)?))??;
    let inward_fits = matches!(inward.as_bytes(), [a, b, c] if a.is_ascii_digit() && b.is_ascii_uppercase() && c.is_ascii_uppercase());
    let letters = out.bytes().take_while(u8::is_ascii_uppercase).count();
    let rest: Vec<u8> = out.bytes().skip(letters).collect();
    let out_fits = (1..=2).contains(&letters) && matches!(rest.as_slice(), [a] if a.is_ascii_digit())
        || (1..=2).contains(&letters)
            && matches!(rest.as_slice(), [a, b] if a.is_ascii_digit() && b.is_ascii_alphanumeric());
    (inward_fits && out_fits).then(|| format!("{out} {inward}"))
}

/// The parts of a date in one word: `14/7/1945`, `14-Jul-1945`, `14071945`, `1945-07-14`.
fn date_parts(word: &str) -> Vec<String> {
    let parts: Vec<&str> = word.split(['/', '-', '.']).collect();
    if parts.len() == 3 {
        return parts.iter().map(|part| (*part).to_owned()).collect();
    }
    if numeric(word)
        && let (Some(a), Some(b), Some(c)) = (word.get(..2), word.get(2..4), word.get(4..))
    {
        if c.len() == 4 {
            // Day first, as it is written here; a year first only where that is no date.
            let (d, e, f) = (word.get(..4), word.get(4..6), word.get(6..8));
            let day_first = b.parse().is_ok_and(|month: i8| (1..=12).contains(&month)) && !matches!(a, "19" | "20");
            if !day_first && let (Some(d), Some(e), Some(f)) = (d, e, f) {
                let year_first = e.parse().is_ok_and(|month: i8| (1..=12).contains(&month));
                if year_first {
                    return vec![d.into(), e.into(), f.into()];
                }
            }
            return vec![a.into(), b.into(), c.into()];
        }
        if c.len() == 2 {
            return vec![a.into(), b.into(), c.into()];
        }
    }
    // 14Jul1945
    let letters: String = word.chars().skip_while(char::is_ascii_digit).take_while(char::is_ascii_alphabetic).collect();
    if letters.len() >= 3
        && word.is_ascii()
        && let Some((day, year)) = word.split_once(letters.as_str())
    {
        return vec![day.into(), letters, year.into()];
    }
    Vec::new()
}

/// The dates that three parts may mean: day, month and year as they are written in this country; year first; month first only
/// where there is no other way.
fn dates(parts: &[String], today: Date) -> Vec<Date> {
    let [a, b, c] = parts else { return Vec::new() };
    let number = |text: &str| text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic()).parse::<i16>().ok();
    let month = |text: &str| {
        let lower = text.to_lowercase();
        let named = MONTHS.iter().position(|name| lower.starts_with(name));
        let named = named.and_then(|index| i16::try_from(index + 1).ok());
        named.or_else(|| if numeric(text) { text.parse().ok() } else { None })
    };
    let named = |text: &str| text.chars().any(char::is_alphabetic);
    let day = |text: &str| {
        let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
        let suffix = text.get(digits.len()..).unwrap_or_default().to_lowercase();
        let fits = numeric(digits) && digits.len() <= 2 && matches!(suffix.as_str(), "" | "st" | "nd" | "rd" | "th");
        fits.then(|| number(text)).flatten()
    };
    let made = |day: Option<i16>, month: Option<i16>, year: i16| {
        let (day, month) = (i8::try_from(day?).ok()?, i8::try_from(month?).ok()?);
        Date::new(year, month, day).ok().filter(|date| *date <= today && date.year() > 1890)
    };
    // Two digits of a year are of this century or the last.
    let years = |text: &str| -> Vec<i16> {
        match (numeric(text), text.len(), text.parse::<i16>()) {
            (true, 4, Ok(year)) => vec![year],
            (true, 2, Ok(short)) => vec![2000 + short, 1900 + short],
            _ => Vec::new(),
        }
    };
    let read = |d: &str, m: &str, y: &str| -> Vec<Date> {
        let mut found: Vec<Date> = years(y).into_iter().filter_map(|year| made(day(d), month(m), year)).collect();
        found.dedup();
        found
    };
    if a.len() == 4 && numeric(a) {
        return read(c, b, a);
    }
    if named(a) && !named(b) {
        return read(b, a, c);
    }
    match read(a, b, c) {
        found if found.is_empty() && !named(b) => read(b, a, c),
        found => found,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Typed {
        Typed::read(text, "2026-11-26".parse().expect("a date"))
    }

    fn born(text: &str) -> Vec<String> {
        read(text).births.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_date_of_birth_is_read_in_every_form() {
        for text in [
            "14/7/1945",
            "14-07-1945",
            "14.7.1945",
            "14 7 1945",
            "14 Jul 1945",
            "14th July 1945",
            "14-Jul-1945",
            "July 14 1945",
            "14071945",
            "1945-07-14",
            "19450714",
            "14Jul1945",
            "born 14 july 1945",
            "14/07/45",
            "7/14/1945",
            "140745",
        ] {
            assert_eq!(born(text), ["1945-07-14"], "{text}");
        }
        assert_eq!(born("1/2/05"), ["2005-02-01", "1905-02-01"], "both centuries");
        for text in ["31/2/1990", "14/7/2030", "14 1945", "99/99/9999", "0/0/0", "2000", "14/7/945"] {
            assert!(born(text).is_empty(), "{text}");
        }
        assert_eq!(born("20121930"), ["1930-12-20"], "the twentieth of December, not a day of the year 2012");
    }

    #[test]
    fn parts_are_told_apart_in_any_order() {
        for text in [
            "Margaret Baker 14/7/1945 BL1 4QR 999 000 0018",
            "9990000018 bl14qr baker 14 jul 1945 margaret",
            "BAKER, Margaret (Mrs) Born 14-Jul-1945 NHS No. 999 000 0018 BL1 4QR",
            "999-000-0018, Margaret, Baker, 1945-07-14, BL1 4QR",
        ] {
            let typed = read(text);
            assert_eq!(typed.nhs_number, Some(9_990_000_018), "{text}");
            assert_eq!(typed.births, ["1945-07-14".parse().expect("a date")], "{text}");
            assert_eq!(typed.postcode.as_deref(), Some("BL1 4QR"), "{text}");
            let mut names: Vec<String> = typed.names.iter().map(|name| name.to_lowercase()).collect();
            names.sort();
            assert_eq!(names, ["baker", "margaret"], "{text}");
            assert!(typed.left.is_empty() && typed.house.is_none(), "{text}");
        }
    }

    #[test]
    fn a_name_is_read_both_ways_round_unless_a_comma_says_which() {
        let pairs = |text: &str| -> Vec<(String, String)> {
            let asked = read(text).asked();
            asked.iter().map(|facts| (facts.families.join("+"), facts.givens.join("+"))).collect()
        };
        let pair = |family: &str, given: &str| (family.to_owned(), given.to_owned());
        assert_eq!(pairs("Ann Smith 1/1/1950"), [pair("Smith", "Ann"), pair("Ann", "Smith")]);
        assert_eq!(pairs("Smith, Ann Mary 1/1/1950"), [pair("Smith", "Ann")]);
        assert_eq!(pairs("van der Berg, Jan 1/1/1950"), [pair("van der Berg", "Jan")]);
        assert!(pairs("Jan van der Berg 1/1/1950").contains(&pair("van der Berg", "Jan")));
        assert_eq!(pairs("Smith 1/1/1950"), [pair("Smith", ""), pair("", "Smith")]);
        assert_eq!(pairs("SW1A 1AA 12b"), [pair("", "")]);
    }

    #[test]
    fn a_household_is_a_postcode_and_a_house() {
        let typed = read("flat 3 12b Elm, SW1A 1AA");
        assert_eq!((typed.house.as_deref(), typed.postcode.as_deref()), (Some("3 12b"), Some("SW1A 1AA")));
        let at = |line: &str| AddressFacts { lines: vec![line.into()], ..AddressFacts::default() };
        assert!(typed.lives_in(&at("Flat 3, 12B Elm Road")) && !typed.lives_in(&at("13 Elm Road")));
        assert!(!read("1 SW1A 1AA").lives_in(&at("12 Elm Road")), "a house is its whole number");
    }

    #[test]
    fn too_little_is_said_for_what_it_is() {
        for (text, lacks) in [
            ("", TooLittle::Nothing),
            ("   ,, ", TooLittle::Nothing),
            ("Margaret Baker", TooLittle::NameAlone),
            ("14/7/1945", TooLittle::BirthAlone),
            ("BL1 4QR", TooLittle::PostcodeAlone),
            ("999 000 0019", TooLittle::WrongNumber),
            ("4711x99", TooLittle::NotUnderstood),
        ] {
            assert_eq!(read(text).enough(), Err(lacks), "{text}");
        }
        for text in ["9990000018", "Baker 14/7/1945", "Baker BL1 4QR", "12 BL1 4QR", "14/7/1945 BL1 4QR"] {
            assert_eq!(read(text).enough(), Ok(()), "{text}");
        }
    }

    #[test]
    fn nothing_that_is_typed_makes_it_fall_over() {
        let long = "x".repeat(10_000);
        for text in
            ["\u{202e}<script>", "é 999", &long, "14/7", "//", "----", "٣٤٥ ١٢", "😀 14 jul 1945 😀", "0000000000"]
        {
            let typed = read(text);
            let _ = (typed.enough(), typed.asked());
        }
    }
}
