//! The ids Skein assigns: opaque, stable for ever, the same again when the journal is replayed, and carrying the key of
//! the patient they belong to, so that `GET Type/id` finds its rows (and its shard) without a directory.
//!
//! A key is a hash of what the source itself calls the thing, under the region's name; so no counter has to be shared
//! between lanes or processes, the same message twice gives the same id, and two regions do not meet.

use crate::ResourceType;
use std::{fmt, str::FromStr};

/// Crockford's base 32 in lower case: no i, l, o, u.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const TEXT_LEN: usize = 13;
const NO_DIGIT: u8 = u8::MAX;
/// What each letter of the alphabet stands for.
const DIGITS: [u8; 256] = {
    let mut digits = [NO_DIGIT; 256];
    let mut rest: &[u8] = ALPHABET;
    let mut digit = 0;
    while let Some((letter, more)) = rest.split_first() {
        if let Some(slot) = digits.split_at_mut(*letter as usize).1.first_mut() {
            *slot = digit;
        }
        digit += 1;
        rest = more;
    }
    digits
};

/// What one source says about one person, as a key: hash of region, source and the source's own patient identifier.
/// Resources of no patient (organisations, practitioners, locations) live under their source's directory key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PatientKey(pub u64);

/// The human being, named after the patient that founded it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersonKey(pub u64);

/// The logical id of a resource: its patient and its own key among that patient's resources.
/// Written `<patient>` for a Patient and `<patient>-<local>` for all else, 13 characters each.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceId {
    /// Whose it is.
    pub patient: PatientKey,
    /// 0 for the Patient resource itself.
    pub local: u64,
}

/// A text that is not an id of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id of this server")]
pub struct NotAnId;

/// The region, whose name goes into every key.
#[derive(Clone, Debug)]
pub struct Region {
    hasher: blake3::Hasher,
}

impl Region {
    /// A region by its code, for instance `demo` or `wessex`. The code must never change once data is stored.
    pub fn new(code: &str) -> Self {
        Region { hasher: blake3::Hasher::new_derive_key(&format!("skein region {code} keys v1")) }
    }

    fn hash(&self, parts: &[&[u8]]) -> u64 {
        let mut hasher = self.hasher.clone();
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        let mut first = [0u8; 8];
        hasher.finalize_xof().fill(&mut first);
        u64::from_le_bytes(first)
    }

    /// The key of the patient that `source` calls `local` (for HL7 v2: assigning authority + `|` + identifier).
    pub fn patient(&self, source: &str, local: &str) -> PatientKey {
        PatientKey(self.hash(&[b"patient", source.as_bytes(), local.as_bytes()]))
    }

    /// Where a source's resources of no patient live.
    pub fn directory(&self, source: &str) -> PatientKey {
        PatientKey(self.hash(&[b"directory", source.as_bytes()]))
    }

    /// The person that this patient founded.
    pub fn person(&self, founder: PatientKey) -> PersonKey {
        PersonKey(self.hash(&[b"person", &founder.0.to_le_bytes()]))
    }

    /// The id of a resource that the source calls `local` (any text that is stable at the source, e.g. filler order
    /// number + test code, or the FHIR id it sent).
    pub fn resource(&self, patient: PatientKey, kind: ResourceType, local: &str) -> ResourceId {
        if kind == ResourceType::Patient {
            return ResourceId { patient, local: 0 };
        }
        let local = self.hash(&[&patient.0.to_le_bytes(), kind.as_str().as_bytes(), local.as_bytes()]);
        ResourceId { patient, local: local.max(1) }
    }
}

impl ResourceId {
    /// Append the id as text.
    pub fn push_to(self, out: &mut String) {
        out.extend(encode(self.patient.0).map(char::from));
        if self.local != 0 {
            out.push('-');
            out.extend(encode(self.local).map(char::from));
        }
    }

    /// The id of the Patient resource.
    pub fn of_patient(patient: PatientKey) -> Self {
        ResourceId { patient, local: 0 }
    }
}

/// Write a key as 13 characters.
pub fn encode(key: u64) -> [u8; TEXT_LEN] {
    let mut text = [b'0'; TEXT_LEN];
    let mut rest = key;
    for slot in text.iter_mut().rev() {
        *slot = ALPHABET.get((rest & 31) as usize).copied().unwrap_or(b'0');
        rest >>= 5;
    }
    text
}

/// Read 13 characters as a key. Only the exact form we write is accepted.
pub fn decode(text: &str) -> Result<u64, NotAnId> {
    if text.len() != TEXT_LEN {
        return Err(NotAnId);
    }
    let mut key: u64 = 0;
    for (index, byte) in text.bytes().enumerate() {
        let digit = DIGITS.get(usize::from(byte)).copied().unwrap_or(NO_DIGIT);
        if digit == NO_DIGIT || (index == 0 && digit > 15) {
            return Err(NotAnId);
        }
        key = key << 5 | u64::from(digit);
    }
    Ok(key)
}

fn write_key(key: u64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str(std::str::from_utf8(&encode(key)).unwrap_or_default())
}

macro_rules! textual {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_key(self.0, f)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }
        impl FromStr for $name {
            type Err = NotAnId;
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                decode(text).map($name)
            }
        }
    };
}
textual!(PatientKey);
textual!(PersonKey);

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_key(self.patient.0, f)?;
        if self.local != 0 {
            f.write_str("-")?;
            write_key(self.local, f)?;
        }
        Ok(())
    }
}

impl fmt::Debug for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResourceId({self})")
    }
}

impl FromStr for ResourceId {
    type Err = NotAnId;
    fn from_str(text: &str) -> Result<Self, NotAnId> {
        match text.split_once('-') {
            None => Ok(ResourceId::of_patient(text.parse()?)),
            Some((patient, local)) => {
                let id = ResourceId { patient: patient.parse()?, local: decode(local)? };
                if id.local == 0 { Err(NotAnId) } else { Ok(id) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_back_as_written() {
        let region = Region::new("test");
        let patient = region.patient("rxx", "RXX|123");
        let id = region.resource(patient, ResourceType::Observation, "F1|GLU");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(ResourceId::of_patient(patient).to_string(), patient.to_string());
        assert_eq!(patient.to_string().len(), 13);
        assert_ne!(region.patient("rxx", "a|bc"), region.patient("rxxa", "|bc"));
        assert_ne!(Region::new("other").patient("rxx", "RXX|123"), patient);
    }

    #[test]
    fn other_texts_are_no_ids() {
        for text in ["", "abc", "zzzzzzzzzzzzz", "0000000000000-0000000000000", "000000000000i", "urn:uuid:1"] {
            assert!(text.parse::<ResourceId>().is_err(), "{text}");
        }
        assert_eq!("fzzzzzzzzzzzz".parse::<PatientKey>(), Ok(PatientKey(u64::MAX)));
    }
}
