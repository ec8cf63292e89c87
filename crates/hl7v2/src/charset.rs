//! Which characters the bytes mean: MSH-18 (HL7 table 0211), else strict UTF-8, else Windows-1252.
//!
//! Nothing is ever replaced by `U+FFFD`: a decoding that would lose bytes is not used. Windows-1252 as read here
//! gives every byte a character, so the last resort always succeeds.

use crate::note::{NoteCode, Notes};
use encoding_rs::Encoding;

/// How a message's bytes became text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charset {
    encoding: &'static Encoding,
    /// Bytes skipped in front (a byte order mark).
    pub(crate) skipped: usize,
    /// The text's bytes are the message's bytes.
    pub(crate) verbatim: bool,
}

impl Charset {
    /// The name of the character set as the Encoding Standard gives it: `UTF-8`, `windows-1252`, `ISO-8859-15` …
    /// (the ISO 8859/1 of HL7 is read as its superset `windows-1252`, the ASCII of HL7 as `UTF-8`).
    #[must_use]
    pub fn name(self) -> &'static str {
        self.encoding.name()
    }

    /// Decodes bytes given by a hexadecimal escape (`\X..\`): in the message's own set where they are well-formed in
    /// it, else as Windows-1252.
    #[must_use]
    pub fn decode_escape(self, bytes: &[u8]) -> String {
        strict(self.encoding, bytes).unwrap_or_else(|| windows_1252(bytes))
    }

    /// Text as bytes of this set. Text out of a message in this set, and ASCII, always fits.
    #[must_use]
    pub fn encode(self, text: String) -> Vec<u8> {
        if self.encoding == encoding_rs::UTF_8 || text.is_ascii() && self.encoding != encoding_rs::ISO_2022_JP {
            return text.into_bytes();
        }
        self.encoding.encode(&text).0.into_owned()
    }

    /// How many message bytes the first `text` characters came from; `None` where the set keeps state between
    /// characters, so that a part has no length of its own.
    pub(crate) fn raw_len(self, text: &str) -> Option<usize> {
        if self.verbatim {
            return Some(self.skipped + text.len());
        }
        if self.encoding == encoding_rs::UTF_16LE || self.encoding == encoding_rs::UTF_16BE {
            return Some(self.skipped + 2 * text.encode_utf16().count());
        }
        if self.encoding == encoding_rs::ISO_2022_JP {
            return None;
        }
        if self.encoding.is_single_byte() {
            return Some(self.skipped + text.chars().count());
        }
        Some(self.skipped + self.encoding.encode(text).0.len())
    }
}

/// What MSH-18 says, resolved. HL7 table 0211 and the spellings that real senders use.
#[must_use]
pub fn by_hl7_name(name: &str) -> Option<&'static Encoding> {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect();
    let plain = plain.strip_prefix("UNICODE").filter(|rest| !rest.is_empty()).unwrap_or(&plain);
    let label = match plain {
        // UTF-8 is a superset of ASCII, and what a sender that outgrew ASCII most often sends.
        "ASCII" | "USASCII" | "ISOIR6" | "UNICODE" | "UTF8" | "ISOIR192" => "utf-8",
        "UTF16" | "UTF16LE" => "utf-16le",
        "UTF16BE" => "utf-16be",
        "ISOIR100" | "LATIN1" | "ANSI" | "CP1252" | "WIN1252" => "windows-1252",
        "ISOIR14" => "shift_jis",
        "ISOIR87" | "ISOIR159" => "iso-2022-jp",
        "GB180302000" | "GB18030" => "gb18030",
        "KSX1001" => "euc-kr",
        "BIG5" | "CNS116431992" => "big5",
        other => {
            let digits = other.strip_prefix("ISO").or_else(|| other.strip_prefix("IEC")).unwrap_or(other);
            if let Some(part) = digits.strip_prefix("8859") {
                return Encoding::for_label(format!("iso-8859-{part}").as_bytes());
            }
            return Encoding::for_label(name.trim().as_bytes());
        }
    };
    Encoding::for_label(label.as_bytes())
}

/// Decodes a whole message. Gives the bytes back unchanged as text where they already are UTF-8.
pub(crate) fn decode(raw: &[u8], declared: Option<&[u8]>, notes: &mut Notes) -> (Option<String>, Charset) {
    if let Some((encoding, skipped)) = utf_16(raw) {
        if skipped > 0 {
            notes.add(NoteCode::ByteOrderMark, "the message starts with a byte order mark");
        }
        let body = raw.get(skipped..).unwrap_or_default();
        if let Some(text) = strict(encoding, body) {
            return (Some(text), Charset { encoding, skipped, verbatim: false });
        }
    }
    let skipped = if raw.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
    if skipped > 0 {
        notes.add(NoteCode::ByteOrderMark, "the message starts with a byte order mark");
    }
    let body = raw.get(skipped..).unwrap_or_default();
    let utf8 = Charset { encoding: encoding_rs::UTF_8, skipped, verbatim: true };
    if body.is_ascii() {
        // ASCII means the same in every set that can carry the letters MSH, but for sets with shifts.
        if let Some(name) = declared {
            match resolve(name) {
                Some(e) if e == encoding_rs::ISO_2022_JP => {
                    if let Some(text) = strict(e, body) {
                        return (Some(text), Charset { encoding: e, skipped, verbatim: false });
                    }
                }
                Some(e) if e != encoding_rs::UTF_16LE && e != encoding_rs::UTF_16BE => {
                    return (None, Charset { encoding: e, ..utf8 });
                }
                Some(_) | None => {}
            }
        }
        return (None, utf8);
    }
    let is_utf8 = std::str::from_utf8(body).is_ok();
    if let Some(name) = declared {
        match resolve(name) {
            None => unknown(notes),
            Some(e) if e == encoding_rs::UTF_8 && is_utf8 => return (None, utf8),
            Some(e) if e == encoding_rs::UTF_8 || e == encoding_rs::UTF_16LE || e == encoding_rs::UTF_16BE => {
                notes.add(NoteCode::CharsetMismatch, "the bytes are not in the character set that MSH-18 names");
            }
            Some(e) => {
                if let Some(text) = strict(e, body) {
                    if is_utf8 && e.is_single_byte() {
                        notes.add(
                            NoteCode::CharsetSuspicious,
                            format!("MSH-18 says {}, but the bytes are well-formed UTF-8", e.name()),
                        );
                    }
                    return (Some(text), Charset { encoding: e, skipped, verbatim: false });
                }
                notes.add(NoteCode::CharsetMismatch, "the bytes are not in the character set that MSH-18 names");
            }
        }
    }
    if is_utf8 {
        return (None, utf8);
    }
    if declared.is_none() {
        notes.add(NoteCode::CharsetAssumed, "MSH-18 is empty and the bytes are not UTF-8: read as Windows-1252");
    }
    (Some(windows_1252(body)), Charset { encoding: encoding_rs::WINDOWS_1252, skipped, verbatim: false })
}

fn resolve(name: &[u8]) -> Option<&'static Encoding> {
    by_hl7_name(std::str::from_utf8(name).ok()?)
}

fn unknown(notes: &mut Notes) {
    notes.add(NoteCode::CharsetUnknown, "MSH-18 names a character set that is not known here");
}

/// UTF-16 shows itself by its mark, or by the NULs around the M of MSH.
fn utf_16(raw: &[u8]) -> Option<(&'static Encoding, usize)> {
    match raw {
        [0xFF, 0xFE, ..] => Some((encoding_rs::UTF_16LE, 2)),
        [0xFE, 0xFF, ..] => Some((encoding_rs::UTF_16BE, 2)),
        [b'M', 0, b'S', 0, b'H', 0, ..] => Some((encoding_rs::UTF_16LE, 0)),
        [0, b'M', 0, b'S', 0, b'H', ..] => Some((encoding_rs::UTF_16BE, 0)),
        _ => None,
    }
}

fn strict(encoding: &'static Encoding, bytes: &[u8]) -> Option<String> {
    encoding.decode_without_bom_handling_and_without_replacement(bytes).map(std::borrow::Cow::into_owned)
}

/// Every byte has a character in the Encoding Standard's Windows-1252, so nothing can be lost.
fn windows_1252(bytes: &[u8]) -> String {
    encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned()
}
