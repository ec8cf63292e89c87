//! Names and codes in the form in which they are compared and searched.

use fhir::letters::plain;

/// A name for comparing: letters and digits only, lower case, accents taken off ([`plain`]).
pub fn fold_name(name: &str) -> String {
    let mut folded = String::with_capacity(name.len());
    plain(name, |letter| {
        if letter.is_alphanumeric() {
            folded.push(letter);
        }
    });
    folded
}

/// A postcode for comparing.
pub fn postcode_key(code: &str) -> String {
    code.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase).collect()
}

/// The words of a name or of a line of an address, each folded; everything that is neither letter nor digit parts words,
/// apostrophes excepted (O'Brien is one word). Control characters are nothing.
pub fn fold_words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric() && !matches!(c, '\'' | '\u{2019}' | '`' | '.' | '\u{300}'..='\u{36f}'))
        .map(fold_name)
        .filter(|word| !word.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fold_to_letters() {
        assert_eq!(fold_name("O'Brien-Smythe"), "obriensmythe");
        assert_eq!(fold_name("Zoë\u{7}"), "zoe");
        assert_eq!(fold_name("Nguyễn Thị-Hương"), "nguyenthihuong");
        assert_eq!(fold_words("Noe\u{308}l Nguyê\u{303}n"), ["noel", "nguyen"]);
        assert_eq!(fold_words("Mary-Jane O'Neill"), ["mary", "jane", "oneill"]);
        assert_eq!(fold_words(" -- "), Vec::<String>::new());
        assert_eq!(postcode_key("sw1a 1aa"), "SW1A1AA");
    }
}
