//! Names and codes in the form in which they are compared and searched.

/// A name for comparing: letters and digits only, lower case, accents taken off.
pub fn fold_name(name: &str) -> String {
    let mut folded = String::with_capacity(name.len());
    if name.is_ascii() {
        folded.extend(name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()));
        return folded;
    }
    for letter in name.chars().flat_map(char::to_lowercase) {
        match letter {
            'à'..='å' | 'ā' | 'ă' | 'ą' => folded.push('a'),
            'æ' => folded.push_str("ae"),
            'ç' | 'ć' | 'č' | 'ċ' => folded.push('c'),
            'ď' | 'đ' | 'ð' => folded.push('d'),
            'è'..='ë' | 'ē' | 'ė' | 'ę' | 'ě' => folded.push('e'),
            'ğ' | 'ģ' | 'ġ' => folded.push('g'),
            'ì'..='ï' | 'ī' | 'į' | 'ı' => folded.push('i'),
            'ķ' => folded.push('k'),
            'ł' | 'ļ' | 'ľ' => folded.push('l'),
            'ñ' | 'ń' | 'ň' | 'ņ' => folded.push('n'),
            'ò'..='ö' | 'ø' | 'ō' | 'ő' => folded.push('o'),
            'œ' => folded.push_str("oe"),
            'ŕ' | 'ř' => folded.push('r'),
            'ś' | 'š' | 'ş' | 'ș' => folded.push('s'),
            'ß' => folded.push_str("ss"),
            'ť' | 'ţ' | 'ț' => folded.push('t'),
            'þ' => folded.push_str("th"),
            'ù'..='ü' | 'ū' | 'ů' | 'ű' | 'ų' => folded.push('u'),
            'ŵ' => folded.push('w'),
            'ý' | 'ÿ' | 'ŷ' => folded.push('y'),
            'ź' | 'ž' | 'ż' => folded.push('z'),
            other if other.is_alphanumeric() => folded.push(other),
            _ => {}
        }
    }
    folded
}

/// A postcode for comparing.
pub fn postcode_key(code: &str) -> String {
    code.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase).collect()
}

/// The words of a name or of a line of an address, each folded; everything that is neither letter nor digit parts words,
/// apostrophes excepted (O'Brien is one word). Control characters are nothing.
pub fn fold_words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric() && !matches!(c, '\'' | '\u{2019}' | '`' | '.' | '\u{301}'))
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
        assert_eq!(fold_words("Mary-Jane O'Neill"), ["mary", "jane", "oneill"]);
        assert_eq!(fold_words(" -- "), Vec::<String>::new());
        assert_eq!(postcode_key("sw1a 1aa"), "SW1A1AA");
    }
}
