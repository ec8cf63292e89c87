//! JSON as text. Mapping writes it and folding moves it about in whole elements, so trees of values would be built only to be
//! written out again: an element of a message is written once, and copied from then on.
//!
//! Strings are escaped as `serde_json` does, so that a resource read and written again is the same text.

pub(crate) use fhir::json::push_string;
use serde::{Deserialize, Serialize};

/// A JSON value, as compact text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Json(String);

/// A value that can be a member of an object or an item of a list. Nothing, empty texts and empty lists are none.
pub(crate) trait Member {
    /// Write it. False, with nothing written that counts, if there is nothing to write.
    fn write(&self, out: &mut String) -> bool;

    /// How many bytes it will take, about.
    fn size(&self) -> usize {
        16
    }
}

impl Json {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A list.
    pub fn list(items: &[Json]) -> Json {
        let mut out = String::with_capacity(items.size());
        if !items.write(&mut out) {
            out.push_str("[]");
        }
        Json(out)
    }

    /// Text that is JSON already: a number as written, a constant.
    pub fn verbatim(text: &str) -> Json {
        Json(text.to_owned())
    }
}

impl<M: Member> From<M> for Json
where
    M: NotJson,
{
    fn from(value: M) -> Json {
        let mut out = String::with_capacity(value.size());
        if !value.write(&mut out) {
            out.clear();
            out.push_str("null");
        }
        Json(out)
    }
}

/// What [`Json`] is made from, itself apart.
pub(crate) trait NotJson {}
impl NotJson for &str {}
impl NotJson for String {}
impl NotJson for bool {}
impl NotJson for i64 {}
impl NotJson for u16 {}
impl NotJson for u8 {}
impl NotJson for usize {}
impl NotJson for Vec<Json> {}

impl Json {
    /// Whether it says nothing: made of a text that held only what a FHIR string may not.
    fn is_nothing(&self) -> bool {
        self.0 == "null"
    }
}

impl Member for Json {
    fn write(&self, out: &mut String) -> bool {
        if self.is_nothing() {
            return false;
        }
        out.push_str(&self.0);
        true
    }
}

/// Control characters that a FHIR string may not hold (R4 datatypes, string: no character below 32 but tab, carriage return
/// and line feed). The source message keeps them.
fn is_forbidden(letter: char) -> bool {
    letter.is_control() && !matches!(letter, '\t' | '\n' | '\r')
}

impl Member for str {
    fn write(&self, out: &mut String) -> bool {
        if self.is_empty() {
            return false;
        }
        if !self.chars().any(is_forbidden) {
            push_string(out, self);
            return true;
        }
        let clean: String = self.chars().filter(|letter| !is_forbidden(*letter)).collect();
        if clean.trim().is_empty() {
            return false;
        }
        push_string(out, &clean);
        true
    }

    fn size(&self) -> usize {
        self.len() + 2
    }
}

impl Member for String {
    fn write(&self, out: &mut String) -> bool {
        self.as_str().write(out)
    }

    fn size(&self) -> usize {
        self.len() + 2
    }
}

impl Member for bool {
    fn write(&self, out: &mut String) -> bool {
        out.push_str(if *self { "true" } else { "false" });
        true
    }
}

impl Member for i64 {
    fn write(&self, out: &mut String) -> bool {
        out.push_str(&self.to_string());
        true
    }
}

impl Member for u16 {
    fn write(&self, out: &mut String) -> bool {
        i64::from(*self).write(out)
    }
}

impl Member for u8 {
    fn write(&self, out: &mut String) -> bool {
        i64::from(*self).write(out)
    }
}

impl Member for usize {
    fn write(&self, out: &mut String) -> bool {
        out.push_str(&self.to_string());
        true
    }
}

impl<M: Member> Member for Option<M> {
    fn write(&self, out: &mut String) -> bool {
        self.as_ref().is_some_and(|value| value.write(out))
    }
}

impl<M: Member + ?Sized> Member for &M {
    fn write(&self, out: &mut String) -> bool {
        (*self).write(out)
    }

    fn size(&self) -> usize {
        (*self).size()
    }
}

impl Member for [Json] {
    fn write(&self, out: &mut String) -> bool {
        let mut next = '[';
        for item in self.iter().filter(|item| !item.is_nothing()) {
            out.push(next);
            out.push_str(&item.0);
            next = ',';
        }
        if next == ',' {
            out.push(']');
        }
        next == ','
    }

    fn size(&self) -> usize {
        self.iter().map(|item| item.0.len() + 1).sum::<usize>() + 2
    }
}

impl Member for Vec<Json> {
    fn write(&self, out: &mut String) -> bool {
        self.as_slice().write(out)
    }

    fn size(&self) -> usize {
        self.as_slice().size()
    }
}

impl<const N: usize> Member for [Json; N] {
    fn write(&self, out: &mut String) -> bool {
        self.as_slice().write(out)
    }
}

/// A JSON object being written. Members that are nothing are left out.
pub(crate) struct Object(String);

impl Object {
    pub fn new() -> Self {
        let mut out = String::with_capacity(120);
        out.push('{');
        Object(out)
    }

    /// A member; left out if it is nothing.
    pub fn put(mut self, name: &str, value: impl Member) -> Self {
        let before = self.0.len();
        if before > 1 {
            self.0.push(',');
        }
        self.0.push('"');
        self.0.push_str(name);
        self.0.push_str("\":");
        if !value.write(&mut self.0) {
            self.0.truncate(before);
        }
        self
    }

    /// A text, without spaces at its ends; left out if nothing remains.
    pub fn text(self, name: &str, value: &str) -> Self {
        self.put(name, value.trim())
    }

    /// A list; left out if it is empty.
    pub fn list(self, name: &str, list: Vec<Json>) -> Self {
        self.put(name, list)
    }

    /// The members of another object, after these.
    pub fn extend(mut self, more: Object) -> Self {
        if let Some(members) = more.0.get(1..).filter(|m| !m.is_empty()) {
            if self.0.len() > 1 {
                self.0.push(',');
            }
            self.0.push_str(members);
        }
        self
    }

    /// Is nothing in it?
    pub fn is_empty(&self) -> bool {
        self.0.len() == 1
    }

    /// The object, if anything is in it.
    pub fn done(self) -> Option<Json> {
        (self.0.len() > 1).then(|| self.value())
    }

    pub fn value(mut self) -> Json {
        self.0.push('}');
        Json(self.0)
    }
}

/// An object literal: `object! { "system": uri, "value": number }`.
macro_rules! object {
    ($($name:literal : $value:expr),* $(,)?) => {{
        let object = $crate::json::Object::new();
        $( let object = object.put($name, &$value); )*
        object.value()
    }};
}
pub(crate) use object;

/// Where the string that begins at `from` ends, past its closing quote.
fn end_of_string(text: &[u8], from: usize) -> Option<usize> {
    let mut at = from + 1;
    loop {
        let rest = text.get(at..)?;
        let next = at + memchr::memchr2(b'"', b'\\', rest)?;
        if text.get(next) == Some(&b'"') {
            return Some(next + 1);
        }
        at = next + 2;
    }
}

/// Where a value that begins at `from` ends, in compact JSON. `None` where the text is none.
fn end_of_value(text: &[u8], from: usize) -> Option<usize> {
    let mut depth = 0usize;
    let mut at = from;
    loop {
        match text.get(at)? {
            b'"' => {
                at = end_of_string(text, at)?;
                if depth == 0 {
                    return Some(at);
                }
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            // A number, true, false, null; or what stands between members.
            _ if depth == 0 => {
                let rest = text.get(at..)?;
                let end = rest.iter().position(|b| matches!(b, b',' | b'}' | b']'));
                return Some(end.map_or(text.len(), |end| at + end));
            }
            _ => {}
        }
        at += 1;
    }
}

/// The members of an object in compact JSON, names as written between their quotes.
pub(crate) fn members(object: &str) -> Option<Vec<(&str, &str)>> {
    let bytes = object.as_bytes();
    if bytes.first() != Some(&b'{') {
        return None;
    }
    let mut members = Vec::with_capacity(24);
    let mut at = 1;
    while bytes.get(at) != Some(&b'}') {
        if bytes.get(at) != Some(&b'"') {
            return None;
        }
        let name_end = end_of_string(bytes, at)?;
        if bytes.get(name_end) != Some(&b':') {
            return None;
        }
        let end = end_of_value(bytes, name_end + 1)?;
        members.push((object.get(at + 1..name_end - 1)?, object.get(name_end + 1..end)?));
        at = end + usize::from(bytes.get(end) == Some(&b','));
    }
    Some(members)
}

/// The items of what stands between a list's brackets.
pub(crate) fn items(inner: &str) -> impl Iterator<Item = &str> {
    let bytes = inner.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        if at >= bytes.len() {
            return None;
        }
        let end = end_of_value(bytes, at)?;
        let item = inner.get(at..end)?;
        // Past the comma; and past anything that is no JSON, so that this ends.
        at = end.max(at) + 1;
        Some(item)
    })
}

/// What stands between a list's brackets.
pub(crate) fn inside(list: &str) -> Option<&str> {
    list.strip_prefix('[')?.strip_suffix(']')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    #[test]
    fn nothing_is_left_out() {
        let empty: Vec<Json> = Vec::new();
        let value = object! { "a": "", "b": None::<Json>, "c": empty, "d": "x\n\"", "e": true, "f": Json::verbatim("6.00"), "g": vec![Json::from("y")] };
        assert_eq!(value.as_str(), r#"{"d":"x\n\"","e":true,"f":6.00,"g":["y"]}"#);
        assert!(Object::new().text("a", "  ").done().is_none());
    }

    #[test]
    fn control_characters_are_left_out() {
        let bell = "\u{7}";
        let value = object! { "a": "BAX\u{1}\u{7}TER\u{1b}[31m", "b": "line\nline", "c": bell };
        let items = vec![Json::from("\u{1}"), Json::from("\u{3} x"), Json::from(" \u{2} ")];
        let list = object! { "some": items, "none": vec![Json::from("\u{1}")], "item": Json::from("\u{1}") };
        assert_eq!(list.as_str(), r#"{"some":[" x"]}"#);
        assert_eq!(value.as_str(), r#"{"a":"BAXTER[31m","b":"line\nline"}"#);
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            any::<String>().prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::vec((any::<String>(), inner), 0..5)
                    .prop_map(|m| Value::Object(m.into_iter().collect()))
            ]
        })
    }

    proptest! {
        #[test]
        fn strings_are_written_as_serde_json_does(text: String) {
            let mut out = String::new();
            push_string(&mut out, &text);
            prop_assert_eq!(out, serde_json::to_string(&text).unwrap());
        }

        #[test]
        fn objects_and_lists_are_cut_where_they_should_be(value in any_json()) {
            let text = value.to_string();
            match &value {
                Value::Object(map) => {
                    let cut: Vec<(String, Value)> = members(&text).unwrap().into_iter()
                        .map(|(n, v)| (serde_json::from_str(&format!("\"{n}\"")).unwrap(), serde_json::from_str(v).unwrap())).collect();
                    let whole: Vec<(String, Value)> = map.iter().map(|(n, v)| (n.clone(), v.clone())).collect();
                    prop_assert_eq!(cut, whole);
                }
                Value::Array(list) => {
                    let cut: Vec<Value> = items(inside(&text).unwrap()).map(|i| serde_json::from_str(i).unwrap()).collect();
                    prop_assert_eq!(&cut, list);
                }
                _ => prop_assert!(members(&text).is_none()),
            }
        }

        #[test]
        fn noise_is_no_json_and_no_panic(text: String) {
            let _ = members(&text);
            prop_assert!(items(&text).count() <= text.len());
        }
    }
}
