//! Writing values out again, compact, as `serde_json` does.

use super::{Kind, Node};
use crate::walk::Place;

impl Node<'_> {
    /// Write the value as compact JSON.
    pub fn write(self, out: &mut String) {
        self.write_changed("", &Place::root(""), out, &mut |_, _, _, _| false);
    }

    /// Write the value as compact JSON, and let `visit` write something else in the place of a string: it gets the name of
    /// the string's element (of its list, for an item), the text and where it stands, and answers whether it has written.
    pub fn write_changed(
        self,
        name: &str,
        place: &Place<'_>,
        out: &mut String,
        visit: &mut impl FnMut(&str, &str, &Place<'_>, &mut String) -> bool,
    ) {
        let slot = self.slot();
        match slot.kind {
            Kind::Plain => {
                let raw = self.document.raw(slot);
                if !visit(name, raw, place, out) {
                    push_quoted(out, raw);
                }
            }
            Kind::Escaped => {
                let text = self.document.string(slot);
                if visit(name, &text, place, out) {
                } else if self.document.canonical {
                    push_quoted(out, self.document.raw(slot));
                } else {
                    push_string(out, &text);
                }
            }
            Kind::Object => {
                out.push('{');
                let mut comma = false;
                for (name, value) in self.members() {
                    if comma {
                        out.push(',');
                    }
                    comma = true;
                    value.write_member(name, place, out, visit);
                }
                out.push('}');
            }
            Kind::List => {
                out.push('[');
                for (index, item) in self.items().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    item.write_changed(name, &place.item(index), out, visit);
                }
                out.push(']');
            }
            Kind::Literal => push_literal(out, self.document.raw(slot)),
        }
    }

    /// Write the value with its name, as a member of what is at `place`.
    pub fn write_member(
        self,
        name: &str,
        place: &Place<'_>,
        out: &mut String,
        visit: &mut impl FnMut(&str, &str, &Place<'_>, &mut String) -> bool,
    ) {
        push_quoted(out, name);
        out.push(':');
        self.write_changed(name, &place.member(name), out, visit);
    }
}

fn push_quoted(out: &mut String, raw: &str) {
    out.push('"');
    out.push_str(raw);
    out.push('"');
}

/// A number's digits stay; its exponent is written `e+5`, as `serde_json` keeps it.
fn push_literal(out: &mut String, raw: &str) {
    let is_number = raw.as_bytes().first().is_some_and(|byte| !byte.is_ascii_alphabetic());
    match raw.split_once(['e', 'E']).filter(|_| is_number) {
        Some((digits, exponent)) => {
            out.push_str(digits);
            out.push('e');
            if !exponent.starts_with(['+', '-']) {
                out.push('+');
            }
            out.push_str(exponent);
        }
        None => out.push_str(raw),
    }
}

/// A JSON string, escaped as `serde_json` does.
pub fn push_string(out: &mut String, text: &str) {
    out.push('"');
    // Nearly no text has anything to escape: look at all of it at once, without a branch for each byte.
    let special = text.bytes().fold(false, |any, byte| any | (byte < 0x20) | (byte == b'"') | (byte == b'\\'));
    if !special {
        out.push_str(text);
        return out.push('"');
    }
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0x08 => "\\b",
            0x0c => "\\f",
            0..=0x1f => "",
            _ => continue,
        };
        out.push_str(text.get(from..at).unwrap_or_default());
        if escape.is_empty() {
            out.push_str("\\u00");
            out.push(char::from(b'0' + (byte >> 4)));
            out.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
        } else {
            out.push_str(escape);
        }
        from = at + 1;
    }
    out.push_str(text.get(from..).unwrap_or_default());
    out.push('"');
}
