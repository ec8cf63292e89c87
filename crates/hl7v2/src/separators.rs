//! The separators a message declares in MSH-1 and MSH-2 (HL7 v2 §2.5.4).

use crate::note::{NoteCode, Notes};

/// The characters that divide a message. All are ASCII.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Separators {
    /// MSH-1, usually `|`.
    pub field: u8,
    /// First of MSH-2, usually `^`.
    pub component: u8,
    /// Second of MSH-2, usually `~`.
    pub repetition: u8,
    /// Third of MSH-2, usually `\`. `None`: the sender uses no escapes.
    pub escape: Option<u8>,
    /// Fourth of MSH-2, usually `&`.
    pub subcomponent: u8,
    /// Fifth of MSH-2 (from version 2.7), usually `#`.
    pub truncation: Option<u8>,
}

impl Default for Separators {
    fn default() -> Self {
        Self {
            field: b'|',
            component: b'^',
            repetition: b'~',
            escape: Some(b'\\'),
            subcomponent: b'&',
            truncation: None,
        }
    }
}

/// May this byte be a field separator? Anything printable that is neither letter, digit nor blank.
pub(crate) fn plausible(byte: u8) -> bool {
    byte.is_ascii_punctuation()
}

impl Separators {
    /// As MSH-2 writes them.
    #[must_use]
    pub fn encoding_characters(&self) -> String {
        [self.component, self.repetition, self.escape.unwrap_or(b'\\'), self.subcomponent]
            .into_iter()
            .chain(self.truncation)
            .map(char::from)
            .collect()
    }

    /// Reads MSH-1 and MSH-2. `msh2` is what stands between the first and the second field separator.
    pub(crate) fn read(field: u8, msh2: &[u8], notes: &mut Notes) -> Self {
        let usual = Self { field, ..Self::default() };
        let at = |n: usize| msh2.get(n).copied().filter(|b| plausible(*b));
        let mut s = usual;
        match msh2.len() {
            0 => notes.add(NoteCode::SeparatorsMissing, "MSH-2 is empty; ^~\\& is assumed"),
            n => {
                s.component = at(0).unwrap_or(usual.component);
                s.repetition = at(1).unwrap_or(usual.repetition);
                s.subcomponent = at(3).unwrap_or(usual.subcomponent);
                s.escape = at(2).or(usual.escape);
                if n == 3 && at(2) == Some(b'&') {
                    // `^~&`: the escape character was left out, not the subcomponent separator.
                    s.escape = None;
                }
                if n < 4 {
                    notes.add(NoteCode::SeparatorsMissing, "MSH-2 has fewer than four characters; the usual stand in");
                }
                s.truncation = at(4);
                if s.truncation.is_some() {
                    notes.add(NoteCode::TruncationCharacter, "MSH-2 has a fifth, the truncation character");
                }
                if n > 5 {
                    notes.add(NoteCode::SeparatorsExtra, "MSH-2 has more than five characters; the rest is ignored");
                }
            }
        }
        // A stand-in that clashes with a declared separator gives way; a declared clash is noted.
        if s.escape.is_some_and(|e| [s.field, s.component, s.repetition, s.subcomponent].contains(&e)) {
            s.escape = None;
        }
        let mut seen = [s.field, s.component, s.repetition, s.subcomponent];
        seen.sort_unstable();
        if seen.windows(2).any(|w| w.first() == w.last()) {
            notes.add(NoteCode::SeparatorsClash, "two separators in MSH-1 and MSH-2 are the same character");
        }
        s
    }
}
