//! Taking query strings and parameter values apart.

/// The parameters of a query string or form body (`application/x-www-form-urlencoded`), decoded, in order.
/// Bytes that are no UTF-8 after decoding become the replacement character.
pub fn parse_pairs(query: &str) -> Vec<(String, String)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        })
        .collect()
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        match first {
            b'+' => bytes.push(b' '),
            b'%' => match tail.split_at_checked(2).and_then(|(hex, after)| Some((hex_byte(hex)?, after))) {
                Some((byte, after)) => {
                    bytes.push(byte);
                    rest = after;
                }
                None => bytes.push(b'%'),
            },
            other => bytes.push(*other),
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|broken| String::from_utf8_lossy(broken.as_bytes()).into_owned())
}

fn hex_byte(hex: &[u8]) -> Option<u8> {
    hex.iter().try_fold(0u8, |sum, digit| {
        let value = char::from(*digit).to_digit(16)?;
        Some(sum << 4 | u8::try_from(value).ok()?)
    })
}

/// Write a parameter name or value so that [`parse_pairs`] reads it back.
pub fn encode_component(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z'
            | b'a'..=b'z'
            | b'0'..=b'9'
            | b'-'
            | b'_'
            | b'.'
            | b'~'
            | b':'
            | b'/'
            | b','
            | b'|'
            | b'$'
            | b'*' => {
                out.push(char::from(byte));
            }
            _ => {
                for half in [byte >> 4, byte & 15] {
                    out.push(char::from_digit(u32::from(half), 16).unwrap_or('0').to_ascii_uppercase());
                }
                let at = out.len() - 2;
                out.insert(at, '%');
            }
        }
    }
    out
}

/// Split at a separator that no backslash stands before. The parts keep their escapes.
pub(super) fn split(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (at, c) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == separator {
            parts.push(text.get(start..at).unwrap_or_default());
            start = at + c.len_utf8();
        }
    }
    parts.push(text.get(start..).unwrap_or_default());
    parts
}

/// Split at the first separator that no backslash stands before.
pub(super) fn split_once(text: &str, separator: char) -> Option<(&str, &str)> {
    let first = split(text, separator).first().map_or(0, |part| part.len());
    let (head, tail) = text.split_at_checked(first)?;
    Some((head, tail.strip_prefix(separator)?))
}

/// Take the escapes out: `\,` `\|` `\$` `\\`. A backslash before anything else stays.
pub(super) fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('\\', Some(&next @ (',' | '|' | '$' | '\\'))) => {
                out.push(next);
                chars.next();
            }
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_decoded() {
        let pairs = parse_pairs("name=Zo%C3%AB+Smith&&flag&code=a%7Cb%5C%2Cc&bad=%zz%4");
        let expected = [("name", "Zoë Smith"), ("flag", ""), ("code", "a|b\\,c"), ("bad", "%zz%4")]
            .map(|(a, b)| (a.into(), b.into()));
        assert_eq!(pairs, expected);
        let odd = "a b&c=d%é\u{0}+";
        assert_eq!(parse_pairs(&format!("x={}", encode_component(odd))), [("x".to_owned(), odd.to_owned())]);
    }

    #[test]
    fn escapes_protect_separators() {
        assert_eq!(split(r"a\,b,c", ','), [r"a\,b", "c"]);
        assert_eq!(split_once(r"a\|b|c|d", '|'), Some((r"a\|b", "c|d")));
        assert_eq!(split_once("abc", '|'), None);
        assert_eq!(unescape(r"a\,b\\c\d\"), r"a,b\c\d\");
    }
}
