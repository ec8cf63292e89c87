//! What a client may do: SMART scopes of the `system/` kind (SMART App Launch 2.2, "Scopes for requesting FHIR Resources"),
//! in the syntax of version 2 (`system/Patient.rs`) and of version 1 (`system/Patient.read`).

use fhir::ResourceType;
use std::{fmt, str::FromStr};

/// What is done with resources of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// `r`: reading one, its versions and history.
    Read,
    /// `s`: searching.
    Search,
    /// `c`: making one.
    Create,
    /// `u`: changing one.
    Update,
    /// `d`: deleting one.
    Delete,
}

impl Permission {
    fn bit(self) -> u8 {
        match self {
            Permission::Create => 1,
            Permission::Update => 2,
            Permission::Delete => 4,
            Permission::Read => 8,
            Permission::Search => 16,
        }
    }
}

/// The letters in the order they must stand in.
const LETTERS: [(char, u8); 5] = [('c', 1), ('r', 8), ('u', 2), ('d', 4), ('s', 16)];
const READING: u8 = 8 | 16;
const WRITING: u8 = 1 | 2 | 4;

/// A scope: a type, or every type, and what may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    /// None: `*`.
    kind: Option<ResourceType>,
    bits: u8,
}

/// A text that is no scope of ours.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a scope is system/ and a resource type or *, then .rs, .r, .s or .read, e.g. system/Patient.rs; filters are not supported"
)]
pub struct UnknownScope;

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        let (kind, what) = text.strip_prefix("system/").and_then(|rest| rest.rsplit_once('.')).ok_or(UnknownScope)?;
        let kind = if kind == "*" { None } else { Some(kind.parse().map_err(|_| UnknownScope)?) };
        let bits = match what {
            "read" => READING,
            "write" => WRITING,
            "*" => READING | WRITING,
            letters => {
                let mut order = LETTERS.iter();
                let mut bits = 0;
                for letter in letters.chars() {
                    bits |= order.find(|(known, _)| *known == letter).ok_or(UnknownScope)?.1;
                }
                bits
            }
        };
        if bits == 0 { Err(UnknownScope) } else { Ok(Scope { kind, bits }) }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("system/")?;
        f.write_str(self.kind.map_or("*", |kind| kind.as_str()))?;
        f.write_str(".")?;
        LETTERS.iter().filter(|(_, bit)| self.bits & bit != 0).try_for_each(|(letter, _)| write!(f, "{letter}"))
    }
}

/// Several scopes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes(Vec<Scope>);

/// Scopes of one request or client.
const SCOPES_MAX: usize = 200;

impl Scopes {
    /// Scopes with spaces between.
    ///
    /// # Errors
    /// [`UnknownScope`].
    pub fn parse(text: &str) -> Result<Self, UnknownScope> {
        let scopes: Vec<Scope> = text.split_ascii_whitespace().map(str::parse).collect::<Result<_, _>>()?;
        if scopes.len() > SCOPES_MAX { Err(UnknownScope) } else { Ok(Scopes(scopes)) }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether they allow this with resources of this type; None: of every type.
    pub fn allow(&self, kind: Option<ResourceType>, permission: Permission) -> bool {
        let covers = |scope: &&Scope| scope.kind.is_none() || (kind.is_some() && scope.kind == kind);
        self.0.iter().filter(covers).any(|scope| scope.bits & permission.bit() != 0)
    }

    /// What of these lies within others: what was asked for, as far as it is configured.
    #[must_use]
    pub fn within(&self, others: &Scopes) -> Scopes {
        let mut common: Vec<Scope> = Vec::new();
        for asked in &self.0 {
            for known in &others.0 {
                let kind = match (asked.kind, known.kind) {
                    (one, None) | (None, one) => one,
                    (Some(one), Some(other)) if one == other => Some(one),
                    _ => continue,
                };
                let scope = Scope { kind, bits: asked.bits & known.bits };
                if scope.bits != 0 && !common.contains(&scope) {
                    common.push(scope);
                }
            }
        }
        Scopes(common)
    }

    /// Each as a text.
    pub fn texts(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.texts().join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scopes(text: &str) -> Scopes {
        Scopes::parse(text).expect("scopes")
    }

    #[test]
    fn both_syntaxes_read_and_one_is_written() {
        for (given, written) in [
            ("system/Patient.rs", "system/Patient.rs"),
            ("system/Patient.read", "system/Patient.rs"),
            ("system/*.read", "system/*.rs"),
            ("system/*.*", "system/*.cruds"),
            ("system/Observation.s", "system/Observation.s"),
            ("system/Patient.write", "system/Patient.cud"),
        ] {
            assert_eq!(scopes(given).to_string(), written);
        }
        for wrong in [
            "patient/Patient.rs",
            "user/*.read",
            "system/Patient",
            "system/Sonnet.rs",
            "system/Patient.sr",
            "system/Patient.rr",
            "system/Patient.",
            "system/Observation.rs?category=laboratory",
            "openid",
            "system/.rs",
            "launch",
        ] {
            assert!(Scopes::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_granted_lies_within_both() {
        let configured = scopes("system/Patient.rs system/Observation.r");
        assert_eq!(scopes("system/*.read").within(&configured).to_string(), "system/Patient.rs system/Observation.r");
        assert_eq!(scopes("system/Patient.cruds").within(&configured).to_string(), "system/Patient.rs");
        assert!(scopes("system/Condition.rs").within(&configured).is_empty());
        assert_eq!(scopes("system/Condition.rs").within(&scopes("system/*.rs")).to_string(), "system/Condition.rs");
    }

    #[test]
    fn a_type_is_not_every_type_and_reading_is_not_searching() {
        let some = scopes("system/Patient.r system/Observation.s");
        let patient = Some(ResourceType::Patient);
        assert!(some.allow(patient, Permission::Read) && !some.allow(patient, Permission::Search));
        assert!(!some.allow(None, Permission::Read));
        assert!(scopes("system/*.rs").allow(None, Permission::Search));
    }
}
