//! A file that goes along with a request: what it is, by its bytes and not by its name.

/// Bytes at most.
pub const BYTES_MAX: usize = 5 * 1024 * 1024;
/// Characters of a name at most.
const NAME_CHARS_MAX: usize = 100;

/// What a file is, and what it is called here; None: none was chosen.
///
/// # Errors
/// A sentence for whoever chose it.
pub fn check(name: &str, bytes: &[u8]) -> Result<Option<(&'static str, String)>, String> {
    if bytes.is_empty() && name.trim().is_empty() {
        return Ok(None);
    }
    if bytes.is_empty() {
        return Err("The file is empty. Choose another, or send the request without one.".into());
    }
    if bytes.len() > BYTES_MAX {
        return Err("The file is larger than 5 MB. Choose a smaller one, or send the request without one.".into());
    }
    let media_type = media_type(bytes).ok_or(
        "The file is no PDF, PNG, JPEG or plain text, whatever its name says. Save it as one of these and choose it again.",
    )?;
    Ok(Some((media_type, called(name))))
}

fn media_type(bytes: &[u8]) -> Option<&'static str> {
    if bytes.starts_with(b"%PDF-") {
        return Some("application/pdf");
    }
    if bytes.starts_with(&[0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a]) {
        return Some("image/png");
    }
    if bytes.starts_with(&[0xff, 0xd8, 0xff]) {
        return Some("image/jpeg");
    }
    let text = std::str::from_utf8(bytes).ok()?;
    let plain = |letter: char| !letter.is_control() || matches!(letter, '\n' | '\r' | '\t' | '\u{c}');
    text.chars().all(plain).then_some("text/plain")
}

/// The name without the folders it came from, and without what would make it read otherwise than it is.
fn called(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain: String =
        last.chars().filter(|letter| !letter.is_control() && !turns(*letter)).take(NAME_CHARS_MAX).collect();
    match plain.trim() {
        "" => "File".into(),
        plain => plain.to_owned(),
    }
}

/// Marks that change the direction of what follows, or are not seen (Unicode Bidi and default-ignorable).
fn turns(letter: char) -> bool {
    matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_what_its_bytes_are_and_its_name_leads_nowhere() {
        assert_eq!(check("", b""), Ok(None));
        assert_eq!(check("a.txt", b"%PDF-1.7").unwrap().unwrap().0, "application/pdf");
        let (kind, name) = check("..\\..\\etc/\u{202e}fdp.exe\r\n", b"Dear all").unwrap().unwrap();
        assert_eq!((kind, name.as_str()), ("text/plain", "fdp.exe"));
        for bad in [&b"MZ\x90\0"[..], b"PK\x03\x04", b"\xff\xfe", b""] {
            assert!(check("scan.pdf", bad).is_err(), "{bad:?}");
        }
        assert!(check("scan.pdf", &vec![b'a'; BYTES_MAX + 1]).unwrap_err().contains("5 MB"));
    }
}
