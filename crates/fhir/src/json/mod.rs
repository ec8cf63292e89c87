//! JSON read in place: one pass finds where every value begins and ends, and nothing is built but a list of those places.
//! A bundle is looked through, its references are made final and its resources are written out from that list, many times
//! faster than through trees of values.
//!
//! What is accepted, what it means and how it is written again is `serde_json`'s: the last of two members of one name
//! counts, in the place of the first; strings are escaped in its one way; the digits of a number stay. What this reader
//! does not want to judge itself (anything it takes for broken, members of one name) it hands to `serde_json`.

mod scan;
mod write;

use scan::{Kind, Slot};
use std::{borrow::Cow, cell::Cell};
pub use write::push_string;

/// A JSON text and where its values are.
pub struct Document<'t> {
    text: Cow<'t, str>,
    slots: Vec<Slot>,
    /// Its strings are escaped as `serde_json` writes them.
    canonical: bool,
}

/// Lists of slots this long are not kept for the next document.
const SPARE_SLOTS_MAX: usize = 1 << 18;

thread_local! {
    /// The list of the last document, for the next one: it is large, and asking for the memory anew costs more than reading.
    static SPARE: Cell<Vec<Slot>> = const { Cell::new(Vec::new()) };
}

impl Drop for Document<'_> {
    fn drop(&mut self) {
        if self.slots.capacity() <= SPARE_SLOTS_MAX {
            SPARE.set(std::mem::take(&mut self.slots));
        }
    }
}

/// One value of a document.
#[derive(Clone, Copy)]
pub struct Node<'d> {
    document: &'d Document<'d>,
    at: usize,
}

impl<'t> Document<'t> {
    /// Read a JSON text.
    ///
    /// # Errors
    /// As `serde_json` reading the same text.
    pub fn read(bytes: &'t [u8]) -> serde_json::Result<Self> {
        let mut slots = SPARE.take();
        if let Ok(text) = std::str::from_utf8(bytes)
            && scan::scan(text, false, &mut slots)
        {
            return Ok(Document { text: Cow::Borrowed(text), slots, canonical: false });
        }
        let value: serde_json::Value = serde_json::from_slice(bytes)?;
        let text = value.to_string();
        if !scan::scan(&text, true, &mut slots) {
            return Err(<serde_json::Error as serde::de::Error>::custom("the text is too large"));
        }
        Ok(Document { text: Cow::Owned(text), slots, canonical: true })
    }

    /// The value the text is.
    pub fn root(&self) -> Node<'_> {
        Node { document: self, at: 0 }
    }

    fn raw(&self, slot: Slot) -> &str {
        self.text.get(slot.range()).unwrap_or_default()
    }

    /// The text of a string's slot.
    fn string(&self, slot: Slot) -> Cow<'_, str> {
        let raw = self.raw(slot);
        if slot.kind == Kind::Plain {
            return Cow::Borrowed(raw);
        }
        let quoted = format!("\"{raw}\"");
        Cow::Owned(serde_json::from_str(&quoted).unwrap_or_default())
    }
}

impl<'d> Node<'d> {
    fn slot(self) -> Slot {
        self.document.slots.get(self.at).copied().unwrap_or(Slot::NOTHING)
    }

    /// Whether it is an object.
    pub fn is_object(self) -> bool {
        self.slot().kind == Kind::Object
    }

    /// Whether it is a list.
    pub fn is_list(self) -> bool {
        self.slot().kind == Kind::List
    }

    /// The text, if it is a string.
    pub fn text(self) -> Option<Cow<'d, str>> {
        let slot = self.slot();
        matches!(slot.kind, Kind::Plain | Kind::Escaped).then(|| self.document.string(slot))
    }

    /// Whether it is `true`.
    pub fn is_true(self) -> bool {
        let slot = self.slot();
        slot.kind == Kind::Literal && self.document.raw(slot) == "true"
    }

    /// Whether it is a string with this text.
    pub fn is_text(self, text: &str) -> bool {
        let slot = self.slot();
        match slot.kind {
            Kind::Plain => self.document.raw(slot) == text,
            Kind::Escaped => self.document.string(slot) == text,
            _ => false,
        }
    }

    /// The member of this name.
    pub fn get(self, name: &str) -> Option<Node<'d>> {
        self.members().find(|(found, _)| *found == name).map(|(_, value)| value)
    }

    /// The value at a JSON pointer (RFC 6901), e.g. `/code/coding/0/code`.
    pub fn at(self, pointer: &str) -> Option<Node<'d>> {
        pointer.split('/').skip(1).try_fold(self, |value, step| match value.slot().kind {
            Kind::List => value.items().nth(step.parse().ok()?),
            _ => value.get(step),
        })
    }

    /// The members of an object, names as they are written between their quotes; none of anything else.
    pub fn members(self) -> impl Iterator<Item = (&'d str, Node<'d>)> {
        let slot = self.slot();
        let end = if slot.kind == Kind::Object { slot.next() } else { 0 };
        let mut at = self.at + 1;
        std::iter::from_fn(move || {
            if at >= end {
                return None;
            }
            let name = self.document.raw(*self.document.slots.get(at)?);
            let value = Node { document: self.document, at: at + 1 };
            at = value.slot().next();
            Some((name, value))
        })
    }

    /// The items of a list; none of anything else.
    pub fn items(self) -> impl Iterator<Item = Node<'d>> {
        let slot = self.slot();
        let end = if slot.kind == Kind::List { slot.next() } else { 0 };
        let mut at = self.at + 1;
        std::iter::from_fn(move || {
            let item = Node { document: self.document, at };
            (at < end).then(|| {
                at = item.slot().next();
                item
            })
        })
    }

    /// The items of the list that a member is; none where it is none.
    pub fn list(self, name: &str) -> impl Iterator<Item = Node<'d>> {
        self.get(name).into_iter().flat_map(Node::items)
    }

    /// Visit every string below with the name of its element (of its list, for an item).
    pub fn each_text(self, name: &'d str, visit: &mut impl FnMut(&str, Cow<'d, str>)) {
        let slot = self.slot();
        match slot.kind {
            Kind::Plain | Kind::Escaped => visit(name, self.document.string(slot)),
            Kind::Object => self.members().for_each(|(name, value)| value.each_text(name, visit)),
            Kind::List => self.items().for_each(|item| item.each_text(name, visit)),
            Kind::Literal => {}
        }
    }
}

#[cfg(test)]
mod tests;
