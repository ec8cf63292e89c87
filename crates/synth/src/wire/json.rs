//! JSON straight into text: no tree of values, because bulk generation is measured in hundreds of thousands of resources
//! a second.

/// A JSON text being written.
#[derive(Debug, Default)]
pub(crate) struct Json {
    out: String,
    /// Nothing has been written yet at this level.
    first: bool,
}

impl Json {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Json { out: String::with_capacity(bytes), first: true }
    }

    /// The text.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.out.into_bytes()
    }

    fn comma(&mut self) {
        if self.first {
            self.first = false;
        } else {
            self.out.push(',');
        }
    }

    fn key(&mut self, key: &str) {
        self.comma();
        self.out.push('"');
        self.out.push_str(key);
        self.out.push_str("\":");
    }

    fn nested(&mut self, open: char, close: char, fill: impl FnOnce(&mut Json)) {
        self.out.push(open);
        self.first = true;
        fill(self);
        self.out.push(close);
        self.first = false;
    }

    /// An object, as an item of a list or as the whole text.
    pub(crate) fn item(&mut self, fill: impl FnOnce(&mut Json)) {
        self.comma();
        self.nested('{', '}', fill);
    }

    /// A member that is an object.
    pub(crate) fn object(&mut self, key: &str, fill: impl FnOnce(&mut Json)) {
        self.key(key);
        self.nested('{', '}', fill);
    }

    /// A member that is a list.
    pub(crate) fn list(&mut self, key: &str, fill: impl FnOnce(&mut Json)) {
        self.key(key);
        self.nested('[', ']', fill);
    }

    /// A member that is a list of one object.
    pub(crate) fn one(&mut self, key: &str, fill: impl FnOnce(&mut Json)) {
        self.key(key);
        self.out.push('[');
        self.nested('{', '}', fill);
        self.out.push(']');
    }

    /// A member that is text.
    pub(crate) fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        self.quoted(value);
    }

    /// An item that is text.
    pub(crate) fn text_item(&mut self, value: &str) {
        self.comma();
        self.quoted(value);
    }

    /// A member written as it is: a number, `true`, `false`.
    pub(crate) fn raw(&mut self, key: &str, value: &str) {
        self.key(key);
        self.out.push_str(value);
    }

    fn quoted(&mut self, value: &str) {
        self.out.push('"');
        let mut from = 0;
        for (at, byte) in value.bytes().enumerate() {
            let escape = match byte {
                b'"' => "\\\"",
                b'\\' => "\\\\",
                b'\n' => "\\n",
                b'\r' => "\\r",
                b'\t' => "\\t",
                0..0x20 => " ",
                _ => continue,
            };
            self.out.push_str(value.get(from..at).unwrap_or_default());
            self.out.push_str(escape);
            from = at + 1;
        }
        self.out.push_str(value.get(from..).unwrap_or_default());
        self.out.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::Json;

    #[test]
    fn what_is_written_reads_back() {
        let mut json = Json::with_capacity(64);
        json.item(|j| {
            j.text("a", "O\"Brien \\ é\n\u{1}");
            j.list("b", |j| {
                j.item(|j| j.raw("n", "1.50"));
                j.text_item("x");
            });
            j.list("empty", |_| {});
            j.one("c", |j| j.object("d", |_| {}));
        });
        let text = String::from_utf8(json.into_bytes()).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["a"], "O\"Brien \\ é\n ");
        assert_eq!(value["b"][1], "x");
        assert!(text.contains("1.50"));
    }
}
