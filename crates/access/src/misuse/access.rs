//! What the detector is told: an access, and what a look-up knows of the two people in it.

use crate::{Recorded, UserKind, policy::Relations};
use fhir::PersonKey;
use jiff::Timestamp;
use store::audit::AuditEntry;

/// An access to one person's record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// The number of its audit entry.
    pub n: u64,
    /// When.
    pub at: Timestamp,
    /// The user's id.
    pub user: String,
    /// The user's name.
    pub name: String,
    /// National role code.
    pub role: String,
    /// The job of `roles.toml`: who is compared with whom. Empty: the role stands for it.
    pub job: String,
    /// ODS code of the organisation.
    pub organisation: String,
    /// Whose record.
    pub person: PersonKey,
    /// What the data say links the organisation with the person.
    pub relations: Relations,
    /// The code of the reason the user gave; empty: none.
    pub claimed: String,
    /// Whether the glass was broken.
    pub glass: bool,
    /// Why, by HL7 v3 PurposeOfUse.
    pub purpose: String,
    /// What was done, `open-page` …
    pub action: String,
    /// The page, or what was asked of the API.
    pub page: String,
}

impl Access {
    /// Of an audit entry: None unless a member of staff was let in to a person's record. `job` says what a user does here.
    pub fn of(entry: &AuditEntry, recorded: &Recorded, job: &str) -> Option<Self> {
        let looked = matches!(recorded.action.as_str(), "open-page" | "read-resources" | "open-origin");
        if !looked || recorded.outcome != "permitted" || recorded.user.kind != UserKind::Staff {
            return None;
        }
        let circumstances = recorded.situation.as_ref().map(|situation| situation.access.clone()).unwrap_or_default();
        let user = &recorded.user;
        Some(Access {
            n: entry.n,
            at: entry.at,
            user: user.id.clone(),
            name: user.name.clone(),
            role: user.role_code.clone(),
            job: job.to_owned(),
            organisation: user.org_code.clone(),
            person: entry.person?,
            relations: circumstances.relationships,
            claimed: circumstances.claimed,
            glass: circumstances.glass,
            purpose: circumstances.purpose,
            action: recorded.action.clone(),
            page: if recorded.page.is_empty() { recorded.what.clone() } else { recorded.page.clone() },
        })
    }
}

/// Something about a person that is compared and never shown: the hash of a family name, a street, a household.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key(u64);

impl Key {
    /// Of texts; case, spaces and signs do not count. None when nothing is left.
    pub fn of(texts: &[&str]) -> Option<Self> {
        let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
        let texts: Vec<String> = texts.iter().map(|text| letters(text)).collect();
        if texts.iter().all(String::is_empty) {
            return None;
        }
        let mut hasher = blake3::Hasher::new();
        for text in &texts {
            hasher.update(text.as_bytes());
            hasher.update(&[0]);
        }
        let bytes = hasher.finalize();
        bytes.as_bytes().first_chunk().map(|eight| Key(u64::from_le_bytes(*eight)))
    }
}

/// Where somebody belongs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Home {
    /// The family name.
    pub family: Option<Key>,
    /// The street: postcode and street name.
    pub street: Option<Key>,
    /// The household: postcode and first line of the address.
    pub household: Option<Key>,
}

/// What a look-up knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// Who the user is when not at work.
    pub user_person: Option<PersonKey>,
    /// Where the user belongs.
    pub user_home: Home,
    /// Where the person belongs.
    pub home: Home,
    /// When the person died.
    pub died: Option<Timestamp>,
    /// If the person works in health or care: for which organisation.
    pub works_for: Option<String>,
    /// Whether the person is on the region's list of the well-known.
    pub well_known: bool,
}
