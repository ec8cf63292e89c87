//! Two people whom verified NHS numbers tell apart: what looks like twins, parent and child, or a newborn's mother, is no question then.

use super::people::People;
use fhir::{PatientKey, PersonKey};
use identity::Ruling;
use store::{Pair, Review, ReviewKind, ReviewStatus, StoreError, Writer};

/// The NHS numbers that sources gave for a person.
#[derive(Default)]
struct Numbers {
    /// Whether one of them was traced.
    verified: bool,
    /// All of them, untraced and superseded ones too.
    all: Vec<u64>,
}

impl Numbers {
    fn of(writer: &Writer, person: PersonKey, and: Option<PatientKey>) -> Result<Numbers, StoreError> {
        let mut numbers = Numbers::default();
        for patient in writer.patients_of(person)?.into_iter().chain(and) {
            let Some(facts) = writer.patient(patient)?.and_then(|row| row.facts) else { continue };
            numbers.verified |= facts.verified && facts.nhs_number.is_some();
            numbers.all.extend(facts.nhs_number.into_iter().chain(facts.nhs_number_mistyped));
            numbers.all.extend(facts.nhs_numbers_old);
        }
        Ok(numbers)
    }
}

/// Whether both have a verified number and no number of either is one of the other's. `patient` is of person `a`, or is about to be.
///
/// # Errors
/// The store's.
pub fn told_apart(writer: &Writer, patient: PatientKey, a: PersonKey, b: PersonKey) -> Result<bool, StoreError> {
    if a == b {
        return Ok(false);
    }
    let a = Numbers::of(writer, a, Some(patient))?;
    if !a.verified {
        return Ok(false);
    }
    let b = Numbers::of(writer, b, None)?;
    Ok(b.verified && b.all.iter().all(|number| !a.all.contains(number)))
}

/// Take out of the queue what asks whether a patient of this person and somebody of whom it has been told apart since are one.
///
/// # Errors
/// The store's.
pub fn withdraw_told_apart(
    writer: &mut Writer,
    people: &People,
    patient: PatientKey,
    person: PersonKey,
) -> Result<(), StoreError> {
    for review in writer.reviews_of(patient)? {
        let waits = review.kind == ReviewKind::Likely && review.status.waits() && !review.is_reported();
        if !waits || !asks_for_a_family(writer, people, review.pair)? {
            continue;
        }
        let Some((other, _)) = writer.link(review.pair.other(patient))? else { continue };
        if told_apart(writer, patient, person, other)? {
            writer.put_review(&Review { status: ReviewStatus::Withdrawn, ..review })?;
        }
    }
    Ok(())
}

/// Whether two are in the queue because they look like twins, or like parent and child.
fn asks_for_a_family(writer: &Writer, people: &People, pair: Pair) -> Result<bool, StoreError> {
    let facts = |of: PatientKey| -> Result<_, StoreError> { Ok(writer.patient(of)?.and_then(|row| row.facts)) };
    let (Some(a), Some(b)) = (facts(pair.a)?, facts(pair.b)?) else { return Ok(false) };
    let ruling = people.ask(|matcher| matcher.compare_facts(&a, &b).0.ruling);
    Ok(matches!(ruling, Some(Ruling::Twins | Ruling::ParentAndChild | Ruling::Newborn)))
}
