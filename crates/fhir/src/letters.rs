//! Letters without their accents, as whoever has no such key types them: one way for searches and for linkage.

use unicode_normalization::{UnicodeNormalization, char::decompose_compatible};

/// The letters of a text in lower case and without accents: what Unicode decomposes a letter to (UAX #15), so that Nguyễn is
/// nguyen and Ṣọlá sola. Letters of other scripts stay as they are, and so does what is no letter.
pub fn plain(text: &str, mut put: impl FnMut(char)) {
    if text.is_ascii() {
        text.chars().for_each(|letter| put(letter.to_ascii_lowercase()));
        return;
    }
    for letter in text.nfc().flat_map(char::to_lowercase) {
        match letter {
            _ if letter.is_ascii() => put(letter),
            // Accents that stand beside the letter they are of.
            '\u{300}'..='\u{36f}' => {}
            _ => match of_its_own(letter) {
                "" => decomposed(letter, &mut put),
                letters => letters.chars().for_each(&mut put),
            },
        }
    }
}

fn decomposed(letter: char, put: &mut impl FnMut(char)) {
    let mut latin = false;
    decompose_compatible(letter, |part| {
        if part.is_ascii_alphanumeric() {
            latin = true;
            put(part.to_ascii_lowercase());
        }
    });
    if !latin {
        put(letter);
    }
}

/// Letters that Unicode takes for nothing else, as they are written where there are none of them.
fn of_its_own(letter: char) -> &'static str {
    match letter {
        'æ' => "ae",
        'đ' | 'ð' | 'ɗ' => "d",
        'ə' => "a",
        'ɓ' => "b",
        'ħ' => "h",
        'ı' => "i",
        'ƙ' => "k",
        'ł' => "l",
        'ŋ' => "n",
        'ø' => "o",
        'œ' => "oe",
        'ß' => "ss",
        'ŧ' => "t",
        'þ' => "th",
        'ƴ' => "y",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_of_every_language_in_latin_lose_their_accents_and_others_stay() {
        for (written, expected) in [
            ("Nguyễn", "nguyen"),
            ("HƯƠNG", "huong"),
            ("Đặng", "dang"),
            ("Adéọlá", "adeola"),
            ("Ṣọlá", "sola"),
            ("Ayşegül Işık", "aysegul isik"),
            ("İbrahim", "ibrahim"),
            ("Łukasz Żółć", "lukasz zolc"),
            ("Ștefănuță", "stefanuta"),
            ("Əliyev", "aliyev"),
            ("Ɓello", "bello"),
            ("Søren Ågård", "soren agard"),
            ("Groß", "gross"),
            ("Zoe\u{308}", "zoe"),
            ("Ｌｉ", "li"),
            ("李", "李"),
            ("Йосиф", "йосиф"),
            ("И\u{306}осиф", "йосиф"),
            ("नीता", "नीता"),
            ("محمد", "محمد"),
            ("O'Brien-Smythe", "o'brien-smythe"),
            ("\u{301}", ""),
        ] {
            let mut found = String::new();
            plain(written, |letter| found.push(letter));
            assert_eq!(found, expected, "{written}");
        }
    }
}
