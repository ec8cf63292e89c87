//! What stewards said of two patients, and what waits for them: the values on disk.

use crate::StoreError;
use fhir::PatientKey;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Two patients, the smaller key first: a statement about two is a statement about both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pair {
    /// The smaller key.
    pub a: PatientKey,
    /// The larger key.
    pub b: PatientKey,
}

impl Pair {
    /// The pair of two patients; none of a patient and itself.
    pub fn new(one: PatientKey, other: PatientKey) -> Option<Self> {
        match one.0.cmp(&other.0) {
            std::cmp::Ordering::Less => Some(Pair { a: one, b: other }),
            std::cmp::Ordering::Greater => Some(Pair { a: other, b: one }),
            std::cmp::Ordering::Equal => None,
        }
    }

    /// The other of the two.
    pub fn other(self, of: PatientKey) -> PatientKey {
        if self.a == of { self.b } else { self.a }
    }
}

/// What somebody said of two patients. Numbers are on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Said {
    /// They are one person.
    Same = 1,
    /// They are two, for ever.
    Different = 2,
    /// It cannot be told from what is known.
    Unsure = 3,
    /// Somebody who opened the record says that they are not one person; a steward decides.
    Reported = 4,
}

impl Said {
    pub(crate) fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Said::Same),
            2 => Some(Said::Different),
            3 => Some(Said::Unsure),
            4 => Some(Said::Reported),
            _ => None,
        }
    }
}

/// A statement of a steward in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assertion {
    /// The two patients.
    pub pair: Pair,
    /// What was said.
    pub said: Said,
    /// The `seq` of the decision.
    pub seq: u64,
    /// The `seq` it was taken back or replaced at.
    pub seq_to: Option<u64>,
}

/// Why two patients wait for a steward. Numbers are on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ReviewKind {
    /// They may be one person: the evidence is between the thresholds.
    Likely = 1,
    /// More than one person may be meant.
    Ambiguous = 2,
    /// They are linked, and later evidence speaks against it.
    Suspect = 3,
    /// Two verified NHS numbers, or one number of two people: only a person can decide.
    NhsNumber = 4,
    /// A source merged them although they have two verified NHS numbers.
    Merge = 5,
}

impl ReviewKind {
    /// Every kind.
    pub const ALL: [ReviewKind; 5] =
        [ReviewKind::Likely, ReviewKind::Ambiguous, ReviewKind::Suspect, ReviewKind::NhsNumber, ReviewKind::Merge];

    pub(crate) fn from_code(code: u8) -> Self {
        match code {
            2 => ReviewKind::Ambiguous,
            3 => ReviewKind::Suspect,
            4 => ReviewKind::NhsNumber,
            5 => ReviewKind::Merge,
            _ => ReviewKind::Likely,
        }
    }

    /// The word for it, stable.
    pub fn as_str(self) -> &'static str {
        match self {
            ReviewKind::Likely => "likely",
            ReviewKind::Ambiguous => "ambiguous",
            ReviewKind::Suspect => "suspect",
            ReviewKind::NhsNumber => "nhs-number",
            ReviewKind::Merge => "merge",
        }
    }

    /// Whether two people must agree before such a pair is linked: the evidence speaks against it.
    pub fn needs_two(self) -> bool {
        matches!(self, ReviewKind::NhsNumber | ReviewKind::Merge | ReviewKind::Suspect)
    }
}

/// How a review stands. Numbers are on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ReviewStatus {
    /// Nobody has decided.
    Open = 1,
    /// One steward said "same"; a second one must agree.
    Second = 2,
    /// Looked at; it could not be told.
    Unsure = 3,
    /// Decided.
    Settled = 4,
    /// The evidence that raised it is gone.
    Withdrawn = 5,
}

impl ReviewStatus {
    pub(crate) fn from_code(code: u8) -> Self {
        match code {
            1 => ReviewStatus::Open,
            2 => ReviewStatus::Second,
            3 => ReviewStatus::Unsure,
            5 => ReviewStatus::Withdrawn,
            _ => ReviewStatus::Settled,
        }
    }

    /// The word for it, stable.
    pub fn as_str(self) -> &'static str {
        match self {
            ReviewStatus::Open => "open",
            ReviewStatus::Second => "second-opinion",
            ReviewStatus::Unsure => "cannot-tell",
            ReviewStatus::Settled => "settled",
            ReviewStatus::Withdrawn => "withdrawn",
        }
    }

    /// Whether somebody should look.
    pub fn waits(self) -> bool {
        matches!(self, ReviewStatus::Open | ReviewStatus::Second)
    }
}

/// What one steward said in a review.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opinion {
    /// The `seq` of the decision.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// Who: the user's id.
    pub by: String,
    /// Who, in words.
    pub name: String,
    /// What.
    pub said: Said,
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// The `seq` at which it was taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<u64>,
}

/// Two patients that a steward should look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    /// The two.
    pub pair: Pair,
    /// The patient whose news raised it.
    pub subject: PatientKey,
    /// Why.
    pub kind: ReviewKind,
    /// How it stands.
    pub status: ReviewStatus,
    /// Since when it waits.
    pub seq: u64,
    /// The evidence for their being one person, in hundredths of a bit (log2 of the odds).
    pub score: i64,
    /// What stewards said, oldest first.
    pub opinions: Vec<Opinion>,
}

impl Review {
    /// How often something was said or taken back: it only grows, so who decided upon an older number did not see all.
    pub fn turns(&self) -> u64 {
        self.opinions.iter().map(|opinion| 1 + u64::from(opinion.withdrawn.is_some())).sum()
    }

    /// What was said last and holds.
    pub fn last(&self) -> Option<&Opinion> {
        self.opinions.iter().rfind(|opinion| opinion.withdrawn.is_none())
    }

    /// Whether somebody reported the two, and it holds.
    pub fn is_reported(&self) -> bool {
        self.opinions.iter().any(|opinion| opinion.said == Said::Reported && opinion.withdrawn.is_none())
    }

    pub(crate) fn opinions_json(&self) -> Result<Option<String>, StoreError> {
        if self.opinions.is_empty() {
            return Ok(None);
        }
        serde_json::to_string(&self.opinions).map(Some).map_err(|e| StoreError::Corrupt(format!("opinions: {e}")))
    }
}

/// How the matcher weighed a patient, kept for explaining.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weighed {
    /// The patient.
    pub patient: PatientKey,
    /// Since when.
    pub seq: u64,
    /// The decision with its candidates, JSON.
    pub body: String,
}
