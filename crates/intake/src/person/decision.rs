//! What a data steward decided, as it stands in the journal.

use fhir::PatientKey;
use serde::{Deserialize, Serialize};
use store::Pair;

/// A decision: what, by whom, why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkDecision {
    /// What was decided.
    #[serde(flatten)]
    pub act: Act,
    /// The user's id.
    pub by: String,
    /// The user's name and role, in words.
    #[serde(default)]
    pub name: String,
    /// Why, in the user's words.
    #[serde(default)]
    pub why: String,
    /// What this was decided upon: of a pair, how much had been said ([`store::Review::turns`]); of a person to be split, the
    /// newest `seq` of its links. If there is more by then, the decision does nothing: nobody decides over another's
    /// decision without having seen it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<u64>,
}

/// What was decided. Patients are named by their opaque keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Act {
    /// These two are one person. Where the evidence speaks against it, this takes two stewards.
    Same {
        /// One.
        #[serde(with = "key")]
        a: PatientKey,
        /// The other.
        #[serde(with = "key")]
        b: PatientKey,
    },
    /// These two are two people, for ever.
    Different {
        /// One.
        #[serde(with = "key")]
        a: PatientKey,
        /// The other.
        #[serde(with = "key")]
        b: PatientKey,
    },
    /// It cannot be told.
    Unsure {
        /// One.
        #[serde(with = "key")]
        a: PatientKey,
        /// The other.
        #[serde(with = "key")]
        b: PatientKey,
    },
    /// These patients of one person are somebody else than its others: unlinking one, or splitting a person.
    Separate {
        /// Who leaves, together.
        #[serde(with = "keys")]
        patients: Vec<PatientKey>,
    },
    /// Somebody who opened the record says that this patient is somebody else than its person's others: a steward decides.
    Report {
        /// Who does not belong.
        #[serde(with = "key")]
        patient: PatientKey,
    },
    /// The decision of this `seq` is taken back: what it changed is as before.
    Withdraw {
        /// Its journal position.
        of: u64,
    },
}

impl Act {
    /// The pair it is about, if it is about one.
    pub fn pair(&self) -> Option<Pair> {
        match self {
            Act::Same { a, b } | Act::Different { a, b } | Act::Unsure { a, b } => Pair::new(*a, *b),
            Act::Separate { .. } | Act::Report { .. } | Act::Withdraw { .. } => None,
        }
    }

    /// The patients it names.
    pub fn patients(&self) -> Vec<PatientKey> {
        match self {
            Act::Same { a, b } | Act::Different { a, b } | Act::Unsure { a, b } => vec![*a, *b],
            Act::Separate { patients } => patients.clone(),
            Act::Report { patient } => vec![*patient],
            Act::Withdraw { .. } => Vec::new(),
        }
    }

    /// The word for it, stable.
    pub fn as_str(&self) -> &'static str {
        match self {
            Act::Same { .. } => "same",
            Act::Different { .. } => "different",
            Act::Unsure { .. } => "unsure",
            Act::Separate { .. } => "separate",
            Act::Report { .. } => "report",
            Act::Withdraw { .. } => "withdraw",
        }
    }
}

mod key {
    use fhir::PatientKey;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(key: &PatientKey, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(key)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<PatientKey, D::Error> {
        String::deserialize(from)?.parse().map_err(|_| D::Error::custom("not the key of a patient"))
    }
}

mod keys {
    use fhir::PatientKey;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(keys: &[PatientKey], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(keys.iter().map(ToString::to_string))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<PatientKey>, D::Error> {
        let texts = Vec::<String>::deserialize(from)?;
        texts.into_iter().map(|text| text.parse().map_err(|_| D::Error::custom("not the key of a patient"))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_reads_back() {
        let acts = [
            Act::Same { a: PatientKey(1), b: PatientKey(2) },
            Act::Separate { patients: vec![PatientKey(7)] },
            Act::Report { patient: PatientKey(7) },
            Act::Withdraw { of: 12 },
        ];
        for act in acts {
            let (by, name, why) = ("u1".into(), "A. Steward".into(), "same passport".into());
            let said = LinkDecision { act, by, name, why, seen: Some(2) };
            let text = serde_json::to_string(&said).unwrap();
            assert_eq!(serde_json::from_str::<LinkDecision>(&text).unwrap(), said, "{text}");
        }
    }
}
