//! From lives to bytes: each source in its own dialect.

pub(crate) mod about_me;
pub(crate) mod adjustments;
pub(crate) mod background;
pub(crate) mod belief;
pub(crate) mod care;
pub(crate) mod desks;
pub(crate) mod directory;
pub(crate) mod fhir;
pub(crate) mod gp;
pub(crate) mod hl7;
pub(crate) mod hospital;
pub(crate) mod json;
pub(crate) mod results;

use jiff::Timestamp;

/// The form of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// One HL7 v2 message, segments ended by carriage returns, without an MLLP frame.
    Hl7v2,
    /// One FHIR R4 transaction bundle as JSON.
    Fhir,
}

/// One message as its source sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Id of the source, see [`crate::SOURCES`].
    pub source: &'static str,
    /// When the source sends it.
    pub at: Timestamp,
    /// What it is.
    pub format: Format,
    /// The message itself.
    pub bytes: Vec<u8>,
}

/// Letters that Latin-1 has not, as an old system writes them: without their marks.
pub(crate) fn to_latin(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            'ł' => 'l',
            'Ł' => 'L',
            'ś' | 'ş' => 's',
            'Ś' => 'S',
            'ń' | 'ņ' => 'n',
            'ę' | 'ē' | 'ě' => 'e',
            'ą' | 'ă' => 'a',
            'ć' | 'č' => 'c',
            'ź' | 'ż' | 'ž' => 'z',
            'Ż' | 'Ž' => 'Z',
            'ı' => 'i',
            'ř' => 'r',
            'š' => 's',
            'Š' => 'S',
            'ő' => 'o',
            'ū' => 'u',
            '’' => '\'',
            '–' => '-',
            c if u32::from(c) < 0x100 => c,
            _ => '?',
        })
        .collect()
}

/// A number in base 36, for short stable ids.
pub(crate) fn base36(mut n: u64) -> String {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut out = Vec::with_capacity(8);
    loop {
        let digit = usize::try_from(n % 36).unwrap_or(0);
        out.push(DIGITS.get(digit).copied().unwrap_or(b'0'));
        n /= 36;
        if n == 0 {
            break;
        }
    }
    out.reverse();
    String::from_utf8(out).unwrap_or_default()
}

/// Minutes since the year 1900 in base 36: stable and short, unique for one thing a minute.
pub(crate) fn minute_id(at: Timestamp) -> String {
    base36(u64::try_from(at.as_second() / 60 + 36_816_480).unwrap_or(0))
}
