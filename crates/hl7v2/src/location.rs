//! Where in a message: `PID-3[2].4.1`.

use std::fmt;
use std::str::FromStr;

/// An element of a message. Everything counts from 1; an absent part means the whole of what is before it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    /// The segment's name, `PID`.
    pub segment: String,
    /// Which of the segments of that name, from 1.
    pub segment_repetition: usize,
    /// The field, from 1.
    pub field: Option<usize>,
    /// Which repetition of the field, from 1.
    pub repetition: Option<usize>,
    /// The component, from 1.
    pub component: Option<usize>,
    /// The subcomponent, from 1.
    pub subcomponent: Option<usize>,
}

impl Location {
    /// The first segment of that name.
    #[must_use]
    pub fn segment(name: &str) -> Self {
        Self {
            segment: name.to_owned(),
            segment_repetition: 1,
            field: None,
            repetition: None,
            component: None,
            subcomponent: None,
        }
    }

    /// A field of the first segment of that name.
    #[must_use]
    pub fn field(segment: &str, field: usize) -> Self {
        Self { field: Some(field), ..Self::segment(segment) }
    }

    /// As an ERL (HL7 v2.5 §2.A.28): `PID^1^3^2^4^1`, joined by `separator`.
    #[must_use]
    pub fn erl(&self, separator: char) -> String {
        let mut out = format!("{}{separator}{}", self.segment, self.segment_repetition);
        // An ERL has no way to leave out the repetition before a component: the first is meant.
        let repetition = self.repetition.or(self.component.map(|_| 1));
        for part in [self.field, repetition, self.component, self.subcomponent] {
            let Some(n) = part else { break };
            out.push(separator);
            out.push_str(&n.to_string());
        }
        out
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.segment)?;
        if self.segment_repetition > 1 {
            write!(f, "[{}]", self.segment_repetition)?;
        }
        let Some(field) = self.field else { return Ok(()) };
        write!(f, "-{field}")?;
        if let Some(n) = self.repetition
            && (n > 1)
        {
            write!(f, "[{n}]")?;
        }
        let Some(component) = self.component else { return Ok(()) };
        write!(f, ".{component}")?;
        if let Some(n) = self.subcomponent {
            write!(f, ".{n}")?;
        }
        Ok(())
    }
}

/// A path that cannot be read as a [`Location`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an HL7 path: write it like PID-3, PID-3[2].4.1 or OBX[2]-5")]
pub struct LocationError;

impl FromStr for Location {
    type Err = LocationError;

    /// Reads `PID`, `PID-3`, `PID-3[2].4.1`, `OBX[2]-5`.
    fn from_str(path: &str) -> Result<Self, LocationError> {
        let mut rest = path.trim();
        let name = rest.get(..3).ok_or(LocationError)?;
        if !is_segment_name(name.as_bytes()) {
            return Err(LocationError);
        }
        rest = rest.get(3..).unwrap_or("");
        let mut location = Self::segment(name);
        if let Some((n, after)) = bracket(rest)? {
            location.segment_repetition = n;
            rest = after;
        }
        if rest.is_empty() {
            return Ok(location);
        }
        let (n, after) = number(rest.strip_prefix('-').ok_or(LocationError)?)?;
        location.field = Some(n);
        rest = after;
        if let Some((n, after)) = bracket(rest)? {
            location.repetition = Some(n);
            rest = after;
        }
        for part in [&mut location.component, &mut location.subcomponent] {
            if let Some(after) = rest.strip_prefix('.') {
                let (n, after) = number(after)?;
                *part = Some(n);
                rest = after;
            }
        }
        if rest.is_empty() { Ok(location) } else { Err(LocationError) }
    }
}

fn number(text: &str) -> Result<(usize, &str), LocationError> {
    let end = text.bytes().position(|b| !b.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    match digits.parse() {
        Ok(0) | Err(_) => Err(LocationError),
        Ok(n) => Ok((n, rest)),
    }
}

fn bracket(text: &str) -> Result<Option<(usize, &str)>, LocationError> {
    let Some(inside) = text.strip_prefix('[') else { return Ok(None) };
    let (n, rest) = number(inside)?;
    Ok(Some((n, rest.strip_prefix(']').ok_or(LocationError)?)))
}

/// A capital letter, then two capital letters or digits (HL7 v2 §2.5.2).
pub(crate) fn is_segment_name(name: &[u8]) -> bool {
    matches!(name, [a, b, c] if a.is_ascii_uppercase()
        && [b, c].iter().all(|x| x.is_ascii_uppercase() || x.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_read_back_as_they_were_written() {
        for path in ["PID", "PID-3", "PID-3[2].4.1", "OBX[12]-5", "OBX[2]-5.1", "ZU1-99"] {
            assert_eq!(path.parse::<Location>().unwrap().to_string(), path);
        }
    }

    #[test]
    fn nonsense_is_not_a_path() {
        for path in
            ["", "PI", "pid-3", "PID-0", "PID-3[0]", "PID-3[2", "PID-3.", "PID.3", "PID-3.4.1.9", "Pé-1", "PID-x"]
        {
            assert_eq!(path.parse::<Location>(), Err(LocationError), "{path}");
        }
    }

    #[test]
    fn erl_names_every_known_part() {
        assert_eq!("PID-3[2].4.1".parse::<Location>().unwrap().erl('^'), "PID^1^3^2^4^1");
        assert_eq!("OBX[2]-5".parse::<Location>().unwrap().erl('^'), "OBX^2^5");
    }
}
