//! Which person a patient is, settled as its facts change. Links are pointers: nothing of the record is rewritten.

use fhir::{PatientKey, PersonKey, Region};
use identity::{Candidate, Decision, Evidence};
use serde_json::json;
use store::{NewLink, StoreError, Writer};

/// Merge chains longer than this are cut: they are loops or nonsense.
const CHAIN_MAX: usize = 32;

/// Settle the link of a patient, and of those merged into it, as of `seq`. Gives the patients whose person changed, and
/// evidence that somebody should look at.
pub fn settle(
    writer: &mut Writer,
    region: &Region,
    patient: PatientKey,
    seq: u64,
) -> Result<(Vec<PatientKey>, Option<Evidence>), StoreError> {
    let mut changed = Vec::new();
    let mut suspect = None;
    let mut waiting = vec![patient];
    let mut steps = 0;
    while let Some(next) = waiting.pop() {
        steps += 1;
        if steps > CHAIN_MAX * 8 {
            break;
        }
        let before = writer.link(next)?.map(|(person, _)| person);
        let (person, reason, doubt) = answer(writer, region, next, before)?;
        suspect = suspect.or(doubt);
        if before != Some(person) {
            writer.put_link(&NewLink { patient: next, person, reason: &reason }, seq)?;
            changed.push(next);
            waiting.extend(writer.losers(next)?);
        }
    }
    Ok((changed, suspect))
}

fn answer(
    writer: &Writer,
    region: &Region,
    patient: PatientKey,
    before: Option<PersonKey>,
) -> Result<(PersonKey, String, Option<Evidence>), StoreError> {
    if let Some(person) = writer.decided(patient)? {
        return Ok((person, json!({"rule": "decided"}).to_string(), None));
    }
    if let Some(survivor) = last_survivor(writer, patient)? {
        let person = writer.link(survivor)?.map_or_else(|| region.person(survivor), |(person, _)| person);
        return Ok((person, json!({"rule": "merged-at-source", "with": survivor.to_string()}).to_string(), None));
    }
    let facts = writer.patient(patient)?.and_then(|row| row.facts).unwrap_or_default();
    let mut candidates = Vec::new();
    if facts.verified
        && let Some(number) = facts.nhs_number
    {
        for other in writer.patients_by_nhs(number)? {
            if other.patient == patient {
                continue;
            }
            if let (Some(facts), Some((person, since))) = (other.facts, writer.link(other.patient)?) {
                candidates.push(Candidate { patient: other.patient, person, since, facts });
            }
        }
    }
    match identity::decide(&facts, &candidates) {
        Decision::Link { person, evidence } => {
            // Already together: nothing moves, whoever of them came first.
            let together = before.is_some_and(|before| {
                candidates
                    .iter()
                    .any(|c| c.person == before && c.facts.verified && c.facts.nhs_number == facts.nhs_number)
            });
            let person = before.filter(|_| together && evidence_holds(&facts, &candidates, before)).unwrap_or(person);
            Ok((person, serde_json::to_string(&evidence).unwrap_or_default(), None))
        }
        Decision::Own { suspect } => {
            let reason = json!({"rule": "own"}).to_string();
            let Some(before) = before else { return Ok((region.person(patient), reason, suspect)) };
            let mut others = false;
            for other in writer.patients_of(before)? {
                if other == patient || writer.decided(other)? == Some(before) {
                    continue;
                }
                others |= last_survivor(writer, other)? != Some(patient);
            }
            // Alone it stays who it was; otherwise the company stays and this patient becomes a person of its own.
            let person = match others {
                false => before,
                true => own_person(writer, region, patient)?,
            };
            Ok((person, reason, suspect))
        }
    }
}

fn evidence_holds(facts: &identity::PatientFacts, candidates: &[Candidate], before: Option<PersonKey>) -> bool {
    let mine: Vec<Candidate> = candidates.iter().filter(|c| Some(c.person) == before).cloned().collect();
    matches!(identity::decide(facts, &mine), Decision::Link { .. })
}

/// A person nobody else is: the patient's own, or where others have come to be that, the next free one.
pub fn own_person(writer: &Writer, region: &Region, patient: PatientKey) -> Result<PersonKey, StoreError> {
    let mut founder = patient;
    for _ in 0..CHAIN_MAX {
        let person = region.person(founder);
        if writer.patients_of(person)?.iter().all(|other| *other == patient) {
            return Ok(person);
        }
        founder = PatientKey(person.0);
    }
    Ok(region.person(founder))
}

/// Where the chain of merges ends, if the patient was merged.
pub fn last_survivor(writer: &Writer, patient: PatientKey) -> Result<Option<PatientKey>, StoreError> {
    let mut found = None;
    let mut at = patient;
    for _ in 0..CHAIN_MAX {
        match writer.survivor(at)? {
            Some(next) if next != patient => {
                found = Some(next);
                at = next;
            }
            _ => break,
        }
    }
    Ok(found)
}
