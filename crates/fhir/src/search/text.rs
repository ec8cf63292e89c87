//! Text made comparable: case, accents, punctuation and spacing away (R4 §3.1.1.4.8).

use crate::letters::plain;

/// A text as string searches see it: lower case, without accents, apostrophes and other punctuation, dashes as spaces,
/// single spaces.
pub fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut gap = false;
    plain(text, |letter| match letter {
        '-' | '\u{2010}'..='\u{2015}' | '/' | '_' => gap = !out.is_empty(),
        _ if letter.is_whitespace() => gap = !out.is_empty(),
        _ if letter.is_ascii() && !letter.is_ascii_alphanumeric() => {}
        '\u{2018}'..='\u{201f}' | '\u{ab}' | '\u{bb}' | '\u{b7}' => {}
        _ => {
            if std::mem::take(&mut gap) {
                out.push(' ');
            }
            out.push(letter);
        }
    });
    out
}

/// The American Soundex code of each word: how `phonetic` parameters compare.
pub(super) fn soundex(folded: &str) -> Vec<String> {
    folded.split(' ').filter_map(word_soundex).collect()
}

fn word_soundex(word: &str) -> Option<String> {
    let digit = |c: char| match c {
        'b' | 'f' | 'p' | 'v' => '1',
        'c' | 'g' | 'j' | 'k' | 'q' | 's' | 'x' | 'z' => '2',
        'd' | 't' => '3',
        'l' => '4',
        'm' | 'n' => '5',
        'r' => '6',
        'h' | 'w' => '-',
        _ => '0',
    };
    let mut letters = word.chars().filter(char::is_ascii_lowercase);
    let first = letters.next()?;
    let mut code = String::from(first);
    let mut last = digit(first);
    for letter in letters {
        let now = digit(letter);
        if now == '-' {
            continue;
        }
        if now != '0' && now != last {
            code.push(now);
        }
        last = now;
        if code.len() == 4 {
            break;
        }
    }
    while code.len() < 4 {
        code.push('0');
    }
    Some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_accents_and_punctuation_do_not_count() {
        for (text, folded) in [
            ("O'Brien", "obrien"),
            ("O\u{2019}Brien", "obrien"),
            ("  Zoë   SIÂN ", "zoe sian"),
            ("Smith-Jones", "smith jones"),
            ("Łukasz Groß", "lukasz gross"),
            ("e\u{301}", "e"),
            ("Nguyễn Thị Hương", "nguyen thi huong"),
            ("王", "王"),
            ("Dr.", "dr"),
            ("", ""),
        ] {
            assert_eq!(fold(text), folded, "{text}");
        }
    }

    #[test]
    fn soundex_groups_what_sounds_alike() {
        assert_eq!(soundex("robert rupert ashcraft tymczak pfister"), ["r163", "r163", "a261", "t522", "p236"]);
        assert!(soundex("王").is_empty());
    }
}
