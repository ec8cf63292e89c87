//! HL7 v2 segments straight into text.

/// The character set a system writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Charset {
    /// ISO 8859-1, `8859/1` in MSH-18.
    Latin1,
    /// `UNICODE UTF-8`.
    Utf8,
}

/// A message being written.
#[derive(Debug)]
pub(crate) struct Writer {
    out: String,
    field: usize,
}

impl Writer {
    /// Begin with MSH-1 and MSH-2.
    pub(crate) fn new(capacity: usize) -> Self {
        let mut out = String::with_capacity(capacity);
        out.push_str("MSH|^~\\&");
        Writer { out, field: 2 }
    }

    /// Begin a segment.
    pub(crate) fn segment(&mut self, name: &str) {
        self.out.push('\r');
        self.out.push_str(name);
        self.field = 0;
    }

    /// Field `n` as it is, separators included. Fields go in rising order.
    pub(crate) fn raw(&mut self, n: usize, value: &str) {
        if value.is_empty() {
            return;
        }
        while self.field < n {
            self.out.push('|');
            self.field += 1;
        }
        self.out.push_str(value);
    }

    /// Field `n` from plain text.
    pub(crate) fn text(&mut self, n: usize, value: &str) {
        if !value.is_empty() {
            self.raw(n, &escape(value));
        }
    }

    /// Field `n` from plain components.
    pub(crate) fn parts(&mut self, n: usize, parts: &[&str]) {
        self.raw(n, &composite(parts));
    }

    /// The bytes, the last segment ended too.
    pub(crate) fn into_bytes(mut self, charset: Charset) -> Vec<u8> {
        self.out.push('\r');
        match charset {
            Charset::Utf8 => self.out.into_bytes(),
            Charset::Latin1 if self.out.is_ascii() => self.out.into_bytes(),
            Charset::Latin1 => {
                super::to_latin(&self.out).chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect()
            }
        }
    }
}

/// Plain text with the five special characters escaped (HL7 v2.5.1 §2.7).
pub(crate) fn escape(text: &str) -> String {
    if !text.contains(['|', '^', '&', '~', '\\', '\r', '\n']) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '|' => out.push_str("\\F\\"),
            '^' => out.push_str("\\S\\"),
            '&' => out.push_str("\\T\\"),
            '~' => out.push_str("\\R\\"),
            '\\' => out.push_str("\\E\\"),
            '\r' => {}
            '\n' => out.push_str("\\.br\\"),
            c => out.push(c),
        }
    }
    out
}

/// Components joined by `^`, empty ones at the end left out.
pub(crate) fn composite(parts: &[&str]) -> String {
    let used = parts.iter().rposition(|p| !p.is_empty()).map_or(0, |last| last + 1);
    let mut out = String::new();
    for (index, part) in parts.iter().take(used).enumerate() {
        if index > 0 {
            out.push('^');
        }
        out.push_str(&escape(part));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_land_where_they_are_put() {
        let mut w = Writer::new(64);
        w.text(3, "PAS");
        w.segment("PID");
        w.raw(3, "1^^^XWA^PI");
        w.parts(5, &["O'Brien", "Zoë & Co", "", ""]);
        assert_eq!(
            String::from_utf8(w.into_bytes(Charset::Utf8)).unwrap(),
            "MSH|^~\\&|PAS\rPID|||1^^^XWA^PI||O'Brien^Zoë \\T\\ Co\r"
        );
    }

    #[test]
    fn an_old_system_writes_latin_one() {
        let mut w = Writer::new(64);
        w.segment("PID");
        w.text(5, "Zoë Łukasz");
        assert!(w.into_bytes(Charset::Latin1).ends_with(b"Zo\xeb Lukasz\r"));
    }
}
