//! Escape sequences in text (HL7 v2 §2.7), both ways.
//!
//! What is not known is kept as it stands: local ones (`\Zxx\`), shifts of character set (`\Cxxyy\`, `\Mxxyyzz\`) and
//! the lone backslashes of file paths.

use crate::Separators;
use crate::charset::Charset;
use std::borrow::Cow;

/// Line feeds that one `\.sp n\` may ask for: more is a mistake or an attack.
const SPACES_MAX: usize = 100;

/// Replaces the escapes in `text` by what they stand for.
///
/// `\.br\` becomes a line feed, as do `\.sp\` and `\.ce\`; `\.sk n\` becomes blanks; the rest of the layout commands
/// (`\.in\`, `\.ti\`, `\.fi\`, `\.nf\`) and highlighting (`\H\`, `\N\`) leave nothing.
#[must_use]
pub fn unescape<'t>(text: &'t str, separators: &Separators, charset: Charset) -> Cow<'t, str> {
    let Some(escape) = separators.escape.map(char::from) else { return Cow::Borrowed(text) };
    let Some(first) = text.find(escape) else { return Cow::Borrowed(text) };
    let mut out = String::with_capacity(text.len());
    let (plain, mut rest) = text.split_at(first);
    out.push_str(plain);
    while let Some(start) = rest.find(escape) {
        let (plain, from_escape) = rest.split_at(start);
        out.push_str(plain);
        let inside = from_escape.get(1..).unwrap_or("");
        match inside.split_once(escape) {
            Some((command, after)) if replace(command, separators, charset, &mut out) => rest = after,
            _ => {
                // Not an escape: the character stands for itself, and the next one may begin an escape.
                out.push(escape);
                rest = inside;
            }
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Writes what the command stands for; `false` if it is not known.
fn replace(command: &str, separators: &Separators, charset: Charset, out: &mut String) -> bool {
    match command {
        "F" => out.push(char::from(separators.field)),
        "S" => out.push(char::from(separators.component)),
        "T" => out.push(char::from(separators.subcomponent)),
        "R" => out.push(char::from(separators.repetition)),
        "E" => out.push(separators.escape.map_or('\\', char::from)),
        "P" => out.push(separators.truncation.map_or('#', char::from)),
        "H" | "N" | ".fi" | ".nf" => {}
        ".br" | ".ce" => out.push('\n'),
        _ => {
            if let Some(digits) = command.strip_prefix('X') {
                let Some(bytes) = hex(digits) else { return false };
                out.push_str(&charset.decode_escape(&bytes));
            } else if let Some(n) = layout(command, ".sp") {
                out.extend(std::iter::repeat_n('\n', n.max(1)));
            } else if let Some(n) = layout(command, ".sk") {
                out.extend(std::iter::repeat_n(' ', n.max(1)));
            } else if layout(command, ".in").is_none() && layout(command, ".ti").is_none() {
                return false;
            }
        }
    }
    true
}

/// The number after a layout command; 0 if there is none.
fn layout(command: &str, name: &str) -> Option<usize> {
    let digits = command.strip_prefix(name)?.trim();
    if digits.is_empty() {
        return Some(0);
    }
    let digits = digits.strip_prefix(['+', '-']).unwrap_or(digits);
    digits.parse::<usize>().ok().map(|n| n.min(SPACES_MAX))
}

fn hex(digits: &str) -> Option<Vec<u8>> {
    let digits = digits.as_bytes();
    if digits.is_empty() || !digits.len().is_multiple_of(2) {
        return None;
    }
    digits
        .chunks_exact(2)
        .map(|pair| {
            let mut byte = 0u8;
            for d in pair {
                byte = (byte << 4) | u8::try_from(char::from(*d).to_digit(16)?).ok()?;
            }
            Some(byte)
        })
        .collect()
}

/// Writes text so that it can stand in a field of a message with these separators. Line ends become `\.br\`, other
/// control characters `\X..\`.
#[must_use]
pub fn escape<'t>(text: &'t str, separators: &Separators) -> Cow<'t, str> {
    let Some(e) = separators.escape.map(char::from) else {
        // Without an escape character, the separators themselves cannot be written: a blank stands in.
        let bad = |c: char| special(c, separators).is_some() || c.is_control();
        return if text.contains(bad) { Cow::Owned(text.replace(bad, " ")) } else { Cow::Borrowed(text) };
    };
    if !text.contains(|c: char| special(c, separators).is_some() || c.is_control()) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        if let Some(name) = special(c, separators) {
            out.extend([e, name, e]);
        } else if c == '\r' || c == '\n' {
            if c == '\r' && characters.peek() == Some(&'\n') {
                characters.next();
            }
            out.push(e);
            out.push_str(".br");
            out.push(e);
        } else if c.is_ascii_control() {
            out.push(e);
            out.push_str(&format!("X{:02X}", u32::from(c)));
            out.push(e);
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

fn special(c: char, s: &Separators) -> Option<char> {
    let byte = u8::try_from(c).ok()?;
    // The escape character comes first: where two separators clash, text must still read back.
    if s.escape == Some(byte) {
        return Some('E');
    }
    [(s.field, 'F'), (s.component, 'S'), (s.subcomponent, 'T'), (s.repetition, 'R')]
        .into_iter()
        .find_map(|(sep, name)| (sep == byte).then_some(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        let utf8 = crate::charset::decode(b"x", None, &mut crate::note::Notes::default()).1;
        unescape(text, &Separators::default(), utf8).into_owned()
    }

    #[test]
    fn the_five_separators_come_back() {
        assert_eq!(plain(r"a\F\b\S\c\T\d\R\e\E\f"), r"a|b^c&d~e\f");
        assert_eq!(plain(r"x10\S\9/L"), "x10^9/L");
        assert_eq!(plain(r"cut\P\"), "cut#");
    }

    #[test]
    fn layout_becomes_lines_and_blanks() {
        assert_eq!(plain(r"a\.br\b\.sp\c\.sp3\d\.sk2\e\.in+4\f\H\g\N\"), "a\nb\nc\n\n\nd  efg");
        assert_eq!(plain(r"\.sp999999\").len(), SPACES_MAX);
    }

    #[test]
    fn hexadecimal_is_read_in_the_messages_own_set_or_windows_1252() {
        assert_eq!(plain(r"\X0D0A\"), "\r\n");
        assert_eq!(plain(r"\XC2A3\ \XA3\"), "£ £");
        assert_eq!(plain(r"\X4\ \XZZ\ \X\"), r"\X4\ \XZZ\ \X\");
    }

    #[test]
    fn unknown_escapes_and_file_paths_stay_as_they_are() {
        for text in [r"\Zab\", r"\C2842\", r"\M244200\", r"\\server\share\a.pdf", r"\", r"50\", r"\Q\"] {
            assert_eq!(plain(text), text);
        }
        // The lone one does not swallow the real one behind it.
        assert_eq!(plain(r"a\b\.br\c"), "a\\b\nc");
    }

    #[test]
    fn what_is_escaped_reads_back() {
        let s = Separators::default();
        for text in ["a|b^c&d~e\\f", "two\r\nlines\nthree", "tab\there", "plain", "\\.br\\"] {
            let written = escape(text, &s);
            assert!(!written.contains(['|', '^', '&', '~', '\r', '\n', '\t']), "{written}");
            assert_eq!(plain(&written), text.replace("\r\n", "\n"));
        }
    }
}
