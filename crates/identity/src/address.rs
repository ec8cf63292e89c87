//! Lines of an address: which word is the house, which the street, which the place.

use crate::{facts::AddressFacts, fold::fold_words};

/// An address in parts.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    /// See [`house_parts`].
    pub house: u32,
    /// Words of the street, parted by `-`, its kind spelt out short: `high-st`.
    pub street: String,
    /// The largest place named.
    pub place: String,
    /// The next smaller one.
    pub locality: String,
}

/// Number, letter and flat of a packed house; 0 where there is none.
pub fn house_parts(house: u32) -> (u32, u32, u32) {
    (house & 0xffff, house >> 16 & 31, house >> 21)
}

/// Take an address apart. Lines are split at commas; the first part with a house number or a kind of street names the
/// street; what follows are places.
pub fn parse(address: &AddressFacts) -> Parsed {
    let mut parsed = Parsed::default();
    let mut places: Vec<String> = Vec::new();
    let (mut number, mut letter, mut flat) = (0_u32, 0_u32, 0_u32);
    for part in address.lines.iter().flat_map(|line| line.split([',', ';', '\n'])) {
        let mut words = fold_words(part);
        if words.is_empty() {
            continue;
        }
        if parsed.street.is_empty() {
            if let Some("flat" | "apartment" | "apt" | "unit" | "room") = words.first().map(String::as_str) {
                flat = words.get(1).map_or(0, |word| small_hash(word));
                words.drain(..2.min(words.len()));
            }
            if let Some((n, l)) = words.first().and_then(|word| house_number(word)) {
                number = n;
                letter = l;
                words.remove(0);
                // "12 a High Street", "12-14 High Street"
                if let Some(word) = words.first()
                    && words.len() > 1
                    && (word.len() == 1 || house_number(word).is_some())
                {
                    if let Some(l) = single_letter(word) {
                        letter = l;
                    }
                    words.remove(0);
                }
            }
            if !words.is_empty() {
                parsed.street = street_text(&words);
            }
            continue;
        }
        // "Rose Cottage, 12 High Street": the house's name came first.
        if number == 0
            && let Some((n, l)) = words.first().and_then(|word| house_number(word))
            && words.len() > 1
        {
            number = n;
            letter = l;
            flat = small_hash(&parsed.street);
            words.remove(0);
            parsed.street = street_text(&words);
            continue;
        }
        places.push(street_text(&words));
    }
    places.extend(address.places.iter().map(|place| street_text(&fold_words(place))).filter(|place| !place.is_empty()));
    places.retain(|place| !is_postcode(place));
    places.dedup();
    parsed.place = places.pop().unwrap_or_default();
    parsed.locality = places.pop().unwrap_or_default();
    parsed.house = number & 0xffff | letter << 16 | flat << 21;
    parsed
}

fn street_text(words: &[String]) -> String {
    let mut text = String::new();
    for word in words {
        if !text.is_empty() {
            text.push('-');
        }
        text.push_str(match word.as_str() {
            "street" | "str" | "strt" => "st",
            "road" => "rd",
            "avenue" | "av" => "ave",
            "lane" => "ln",
            "close" => "cl",
            "drive" => "dr",
            "crescent" | "cresent" | "cr" => "cres",
            "court" => "ct",
            "place" => "pl",
            "gardens" | "gdn" | "garden" => "gdns",
            "square" => "sq",
            "terrace" | "tce" => "terr",
            "grove" => "gr",
            "saint" => "st",
            other => other,
        });
    }
    text
}

fn house_number(word: &str) -> Option<(u32, u32)> {
    let digits = word.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = word.split_at_checked(digits)?;
    let number: u32 = number.parse().ok().filter(|number| *number > 0)?;
    let letter = match rest {
        "" => 0,
        rest => single_letter(rest)?,
    };
    Some((number.min(0xffff), letter))
}

/// A postcode written into a line says nothing that the postcode itself does not.
fn is_postcode(place: &str) -> bool {
    let code = crate::fold::postcode_key(place);
    code.len() <= 7 && code.chars().any(|c| c.is_ascii_digit()) && crate::compare::outward(&code).is_some()
}

fn single_letter(word: &str) -> Option<u32> {
    match word.as_bytes() {
        [letter @ b'a'..=b'z'] => Some(u32::from(letter - b'a' + 1)),
        _ => None,
    }
}

fn small_hash(word: &str) -> u32 {
    match word.parse::<u32>() {
        Ok(number) => number % 1023 + 1,
        Err(_) => crate::terms::low(crate::terms::hash_text(17, word)) % 1023 + 1024,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(lines: &[&str], places: &[&str]) -> Parsed {
        let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        parse(&AddressFacts { lines: owned(lines), places: owned(places), ..AddressFacts::default() })
    }

    #[test]
    fn houses_streets_and_places() {
        let home = parsed(&["12 High Street, Royton, Oldham"], &[]);
        assert_eq!((house_parts(home.house), home.street.as_str()), ((12, 0, 0), "high-st"));
        assert_eq!((home.place.as_str(), home.locality.as_str()), ("oldham", "royton"));
        let flat = parsed(&["Flat 3", "12a High St"], &["Oldham"]);
        assert_eq!(
            (house_parts(flat.house), flat.street.as_str(), flat.place.as_str()),
            ((12, 1, 4), "high-st", "oldham")
        );
        let named = parsed(&["Rose Cottage", "7 Mill Lane"], &[]);
        assert_eq!((house_parts(named.house).0, named.street.as_str()), (7, "mill-ln"));
        assert_eq!(parsed(&["", ",,"], &[]), Parsed::default());
    }
}
