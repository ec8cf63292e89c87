//! The decision.

use crate::{facts::PatientFacts, fold::fold_name};
use fhir::{PatientKey, PersonKey};
use serde::Serialize;

/// Another patient that might be the same person.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Which patient.
    pub patient: PatientKey,
    /// The person it is now.
    pub person: PersonKey,
    /// Since when (journal position): the longest-standing person wins where several agree.
    pub since: u64,
    /// What is known of it.
    pub facts: PatientFacts,
}

/// What agreed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// The patient it was compared with.
    pub with: String,
    /// The rule that decided.
    pub rule: &'static str,
    /// Whether the dates of birth are the same.
    pub birth_agrees: bool,
    /// Whether family and given name agree, former names included.
    pub name_agrees: bool,
}

/// Which person a patient is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The person of another patient.
    Link {
        /// The person.
        person: PersonKey,
        /// Why.
        evidence: Evidence,
    },
    /// Its own person.
    Own {
        /// Where a number was shared but neither name nor birth date agreed: a person should look.
        suspect: Option<Evidence>,
    },
}

fn name_agrees(a: &PatientFacts, b: &PatientFacts) -> bool {
    let any = |left: &[String], right: &[String]| {
        left.iter().any(|l| {
            let l = fold_name(l);
            !l.is_empty() && right.iter().any(|r| fold_name(r) == l)
        })
    };
    any(&a.families, &b.families) && any(&a.givens, &b.givens)
}

/// Decide which person a patient with these facts is. `candidates` are the other patients with the same NHS number, in any
/// order; the answer does not depend on it.
pub fn decide(facts: &PatientFacts, candidates: &[Candidate]) -> Decision {
    let mut best: Option<(u64, &Candidate, Evidence)> = None;
    let mut suspect: Option<Evidence> = None;
    let numbered = facts.verified && facts.nhs_number.is_some();
    for candidate in candidates {
        if !numbered || !candidate.facts.verified || candidate.facts.nhs_number != facts.nhs_number {
            continue;
        }
        let birth_agrees = facts.birth.is_some() && facts.birth == candidate.facts.birth;
        let name_agrees = name_agrees(facts, &candidate.facts);
        let evidence =
            Evidence { with: candidate.patient.to_string(), rule: "verified-nhs-number", birth_agrees, name_agrees };
        if !birth_agrees && !name_agrees {
            suspect = suspect.or(Some(evidence));
            continue;
        }
        let better = match &best {
            Some((since, other, _)) => (candidate.since, candidate.person) < (*since, other.person),
            None => true,
        };
        if better {
            best = Some((candidate.since, candidate, evidence));
        }
    }
    match best {
        Some((_, candidate, evidence)) => Decision::Link { person: candidate.person, evidence },
        None => Decision::Own { suspect },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(nhs: u64, verified: bool, family: &str, given: &str, birth: &str) -> PatientFacts {
        PatientFacts {
            nhs_number: Some(nhs),
            verified,
            families: vec![family.into()],
            givens: vec![given.into()],
            birth: birth.parse().ok(),
            ..PatientFacts::default()
        }
    }

    fn candidate(key: u64, since: u64, facts: PatientFacts) -> Candidate {
        Candidate { patient: PatientKey(key), person: PersonKey(key * 10), since, facts }
    }

    #[test]
    fn a_verified_number_with_birth_date_or_name_links() {
        let me = facts(9_990_000_018, true, "Smith", "Ann", "1950-01-02");
        let married = candidate(1, 5, facts(9_990_000_018, true, "Jones", "Ann", "1950-01-02"));
        let mistyped = candidate(2, 6, facts(9_990_000_018, true, "SMITH", "ann", "1950-02-01"));
        assert!(matches!(decide(&me, std::slice::from_ref(&married)), Decision::Link { person: PersonKey(10), .. }));
        assert!(matches!(decide(&me, std::slice::from_ref(&mistyped)), Decision::Link { person: PersonKey(20), .. }));
        let both = [mistyped, married];
        assert!(matches!(decide(&me, &both), Decision::Link { person: PersonKey(10), .. }), "the older person stays");
    }

    #[test]
    fn a_number_alone_never_links() {
        let me = facts(9_990_000_018, true, "Smith", "Ann", "1950-01-02");
        let other = candidate(1, 5, facts(9_990_000_018, true, "Khan", "Bilal", "1988-05-06"));
        assert!(matches!(decide(&me, &[other]), Decision::Own { suspect: Some(_) }));
    }

    #[test]
    fn an_unverified_number_never_links() {
        let me = facts(9_990_000_018, false, "Smith", "Ann", "1950-01-02");
        let same = facts(9_990_000_018, true, "Smith", "Ann", "1950-01-02");
        assert_eq!(decide(&me, &[candidate(1, 5, same.clone())]), Decision::Own { suspect: None });
        let unverified = candidate(1, 5, PatientFacts { verified: false, ..same.clone() });
        assert_eq!(decide(&same, &[unverified]), Decision::Own { suspect: None });
    }
}
