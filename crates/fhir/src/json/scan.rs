//! Finding where the values of a JSON text begin and end.

use std::ops::Range;

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Object,
    List,
    /// A string without escapes, or the name of a member.
    Plain,
    /// A string with escapes.
    Escaped,
    /// A number, `true`, `false`, `null`.
    Literal,
}

/// Where a value is: of a string what stands between its quotes.
#[derive(Clone, Copy)]
pub(super) struct Slot {
    start: u32,
    end: u32,
    /// The slot after this value and all that is in it.
    next: u32,
    pub kind: Kind,
}

impl Slot {
    /// A slot that is none.
    pub const NOTHING: Slot = Slot { start: 0, end: 0, next: u32::MAX, kind: Kind::Literal };

    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    pub fn next(self) -> usize {
        self.next as usize
    }
}

/// Values inside values at most, as `serde_json` has it.
const DEPTH_MAX: u8 = 127;

/// Fill `slots` with those of a text: every value's before those of what is in it, a member's name before its value. False
/// for what is not JSON, and for what is better left to `serde_json`: two members of one name, names with escapes. `canonical`: the
/// text is one that `serde_json` wrote.
pub(super) fn scan(text: &str, canonical: bool, slots: &mut Vec<Slot>) -> bool {
    slots.clear();
    slots.reserve(text.len() / 24 + 8);
    let mut scanner = Scanner { text, bytes: text.as_bytes(), at: 0, slots, canonical };
    scanner.space();
    let is_value = u32::try_from(text.len()).is_ok() && scanner.value(DEPTH_MAX).is_some();
    scanner.space();
    is_value && scanner.at == text.len()
}

struct Scanner<'t> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
    slots: &'t mut Vec<Slot>,
    canonical: bool,
}

const EIGHT_SPACES: u64 = u64::from_le_bytes(*b"        ");

/// The byte in every byte of a word.
const fn each(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// Marks the zero bytes of a word; the lowest mark is always right.
const fn zeros(word: u64) -> u64 {
    word.wrapping_sub(each(1)) & !word & each(0x80)
}

/// Where from `from` on the first byte is that a string does not simply hold: a quote, a backslash, a control character.
fn special(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*chunk);
        let control = word.wrapping_sub(each(0x20)) & !word & each(0x80);
        let found = zeros(word ^ each(b'"')) | zeros(word ^ each(b'\\')) | control;
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().position(|byte| *byte < 0x20 || matches!(byte, b'"' | b'\\')).unwrap_or(rest.len())
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn space(&mut self) {
        while let Some(byte) = self.peek() {
            match byte {
                b' ' => {
                    self.at += 1;
                    while let Some(chunk) = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<8>()) {
                        let differs = u64::from_le_bytes(*chunk) ^ EIGHT_SPACES;
                        if differs != 0 {
                            self.at += (differs.trailing_zeros() / 8) as usize;
                            break;
                        }
                        self.at += 8;
                    }
                }
                b'\n' | b'\r' | b'\t' => self.at += 1,
                _ => return,
            }
        }
    }

    fn push(&mut self, kind: Kind, start: usize, end: usize) -> Option<usize> {
        let index = self.slots.len();
        let next = u32::try_from(index + 1).ok()?;
        self.slots.push(Slot { start: u32::try_from(start).ok()?, end: u32::try_from(end).ok()?, next, kind });
        Some(index)
    }

    /// The value that began at `index` ends here.
    fn close(&mut self, index: usize) -> Option<()> {
        let (end, next) = (u32::try_from(self.at).ok()?, u32::try_from(self.slots.len()).ok()?);
        let slot = self.slots.get_mut(index)?;
        (slot.end, slot.next) = (end, next);
        Some(())
    }

    fn value(&mut self, depth: u8) -> Option<()> {
        match self.peek()? {
            b'"' => self.string(false),
            b'{' => self.object(depth.checked_sub(1)?),
            b'[' => self.list(depth.checked_sub(1)?),
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            _ => None,
        }
    }

    fn object(&mut self, depth: u8) -> Option<()> {
        let index = self.push(Kind::Object, self.at, self.at)?;
        let mut seen = 0u64;
        let mut perhaps_twice = false;
        self.at += 1;
        self.space();
        if self.peek()? == b'}' {
            self.at += 1;
            return self.close(index);
        }
        loop {
            let name = self.at + 1;
            self.string(true)?;
            // Names of the same length and ends are compared afterwards; nearly no object has two.
            let mark = self.mark(name, self.at.saturating_sub(1));
            perhaps_twice |= seen & mark != 0;
            seen |= mark;
            self.space();
            if self.peek()? != b':' {
                return None;
            }
            self.at += 1;
            self.space();
            self.value(depth)?;
            self.space();
            match self.peek()? {
                b',' => {
                    self.at += 1;
                    self.space();
                }
                b'}' => {
                    self.at += 1;
                    break;
                }
                _ => return None,
            }
        }
        self.close(index)?;
        (!perhaps_twice || self.names_differ(index)).then_some(())
    }

    /// One of 64 bits for a name, the same for equal names.
    fn mark(&self, start: usize, end: usize) -> u64 {
        let name = self.bytes.get(start..end).unwrap_or_default();
        let at = |index: usize| name.get(index).copied().map_or(0, u64::from);
        let mixed =
            at(0) ^ at(name.len() / 2) << 8 ^ at(name.len().saturating_sub(1)) << 16 ^ (name.len() as u64) << 24;
        1 << (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58)
    }

    fn names_differ(&self, object: usize) -> bool {
        let mut names: Vec<&str> = Vec::new();
        let end = self.slots.get(object).map_or(0, |slot| slot.next());
        let mut at = object + 1;
        while let Some(slot) = self.slots.get(at).filter(|_| at < end) {
            names.push(self.text.get(slot.range()).unwrap_or_default());
            at = self.slots.get(at + 1).map_or(end, |slot| slot.next());
        }
        names.sort_unstable();
        names.windows(2).all(|pair| pair.first() != pair.last())
    }

    fn list(&mut self, depth: u8) -> Option<()> {
        let index = self.push(Kind::List, self.at, self.at)?;
        self.at += 1;
        self.space();
        if self.peek()? == b']' {
            self.at += 1;
            return self.close(index);
        }
        loop {
            self.value(depth)?;
            self.space();
            match self.peek()? {
                b',' => {
                    self.at += 1;
                    self.space();
                }
                b']' => {
                    self.at += 1;
                    return self.close(index);
                }
                _ => return None,
            }
        }
    }

    fn string(&mut self, is_name: bool) -> Option<()> {
        if self.peek()? != b'"' {
            return None;
        }
        let start = self.at + 1;
        let mut end = special(self.bytes, start);
        if self.bytes.get(end) == Some(&b'"') {
            self.at = end + 1;
            // A first name that serde_json takes for a number or a text of its own.
            if is_name && !self.canonical && self.bytes.get(start) == Some(&b'$') {
                return None;
            }
            return self.push(Kind::Plain, start, end).map(drop);
        }
        if is_name && !self.canonical {
            return None;
        }
        loop {
            match self.bytes.get(end)? {
                b'"' => break,
                b'\\' => end = special(self.bytes, end + 2),
                _ => return None,
            }
        }
        if !self.canonical {
            serde_json::from_str::<String>(self.text.get(self.at..=end)?).ok()?;
        }
        self.at = end + 1;
        self.push(if is_name { Kind::Plain } else { Kind::Escaped }, start, end).map(drop)
    }

    fn digits(&mut self) -> Option<()> {
        let before = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > before).then_some(())
    }

    fn number(&mut self) -> Option<()> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let leading = self.peek();
        let first = self.at;
        self.digits()?;
        if leading == Some(b'0') && self.at > first + 1 {
            return None;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        self.push(Kind::Literal, start, self.at).map(drop)
    }

    fn word(&mut self, word: &str) -> Option<()> {
        let start = self.at;
        let rest = self.bytes.get(start..)?;
        if !rest.starts_with(word.as_bytes()) {
            return None;
        }
        self.at += word.len();
        self.push(Kind::Literal, start, self.at).map(drop)
    }
}
