//! Weighing a patient against the others that may be the same person.

use super::review::Doubt;
use fhir::{PatientKey, PersonKey};
use identity::{Candidate, Decision};
use store::{ReviewKind, StoreError, Writer};

/// What the evidence says of two patients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// One person.
    Link,
    /// Somebody should look.
    Doubt(ReviewKind),
}

/// Another patient, and what the evidence says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weight {
    /// The other patient.
    pub patient: PatientKey,
    /// The person it is.
    pub person: PersonKey,
    /// Since when (journal position).
    pub since: u64,
    /// What the evidence says.
    pub verdict: Verdict,
    /// The evidence for one person, in hundredths of a bit.
    pub score: i64,
    /// What agreed, JSON.
    pub reason: String,
}

impl Weight {
    /// What a steward should look at, if anything.
    pub fn doubt(&self) -> Option<Doubt> {
        match self.verdict {
            Verdict::Link => None,
            Verdict::Doubt(kind) => Some(Doubt { other: self.patient, kind, score: self.score }),
        }
    }
}

/// Weigh a patient against those that may be the same person, in the order of their keys.
pub fn weigh(writer: &Writer, patient: PatientKey) -> Result<Vec<Weight>, StoreError> {
    let facts = writer.patient(patient)?.and_then(|row| row.facts).unwrap_or_default();
    let mut weights = Vec::new();
    let Some(number) = facts.nhs_number.filter(|_| facts.verified) else { return Ok(weights) };
    for other in writer.patients_by_nhs(number)? {
        if other.patient == patient {
            continue;
        }
        let (Some(theirs), Some((person, since))) = (other.facts, writer.link(other.patient)?) else { continue };
        let candidate = Candidate { patient: other.patient, person, since, facts: theirs };
        let (verdict, evidence) = match identity::decide(&facts, &[candidate]) {
            Decision::Link { evidence, .. } => (Verdict::Link, Some(evidence)),
            Decision::Own { suspect: Some(evidence) } => (Verdict::Doubt(ReviewKind::NhsNumber), Some(evidence)),
            Decision::Own { suspect: None } => continue,
        };
        let reason = evidence.and_then(|evidence| serde_json::to_string(&evidence).ok()).unwrap_or_default();
        weights.push(Weight { patient: other.patient, person, since, verdict, score: 0, reason });
    }
    Ok(weights)
}
