//! The stewards' queue: pairs go in when evidence asks for a decision, and out when they are decided or the evidence goes.

use fhir::PatientKey;
use store::{Pair, Review, ReviewKind, ReviewStatus, Said, StoreError, Writer};

/// A pair that a steward should look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// The other patient.
    pub other: PatientKey,
    /// Why.
    pub kind: ReviewKind,
    /// The evidence for one person, in hundredths of a bit.
    pub score: i64,
    /// Whether it is asked because the two look like twins, or like parent and child, by themselves and whoever else fits.
    pub of_a_family: bool,
}

/// Bring the queue up to date with what is doubtful about a patient now. What was decided stays decided, except that two
/// who were linked come back when later evidence speaks against it.
pub fn note_doubts(writer: &mut Writer, patient: PatientKey, doubts: &[Doubt], seq: u64) -> Result<(), StoreError> {
    for doubt in doubts {
        let Some(pair) = Pair::new(patient, doubt.other) else { continue };
        raise(writer, pair, patient, *doubt, seq)?;
    }
    for review in writer.reviews_of(patient)? {
        let other = review.pair.other(patient);
        let is_of_source = review.kind == ReviewKind::Merge;
        if review.subject == patient
            && review.status.waits()
            && !is_of_source
            && !review.is_reported()
            && doubts.iter().all(|d| d.other != other)
        {
            writer.put_review(&Review { status: ReviewStatus::Withdrawn, ..review })?;
        }
    }
    Ok(())
}

/// Put a pair in the queue, unless it was decided.
pub fn raise(writer: &mut Writer, pair: Pair, subject: PatientKey, doubt: Doubt, seq: u64) -> Result<(), StoreError> {
    let said = said_of(writer, pair)?;
    // "Not the same" is remembered for ever; a link made by hand is doubted only where evidence against it has come since.
    if said == Some(Said::Different) || said == Some(Said::Same) && !doubt.kind.needs_two() {
        return Ok(());
    }
    let known = writer.review(pair)?;
    // A merge by a source says more than the two numbers that put it in doubt.
    let covers = |known: &Review| {
        known.kind == doubt.kind || known.kind == ReviewKind::Merge && doubt.kind == ReviewKind::NhsNumber
    };
    let review = match known {
        Some(known) if covers(&known) && known.status != ReviewStatus::Withdrawn => {
            if known.score == doubt.score {
                return Ok(());
            }
            Review { score: doubt.score, ..known }
        }
        Some(known) => {
            let kept = if known.status.waits() { known.seq } else { seq };
            Review { subject, kind: doubt.kind, status: ReviewStatus::Open, seq: kept, score: doubt.score, ..known }
        }
        None => Review {
            pair,
            subject,
            kind: doubt.kind,
            status: ReviewStatus::Open,
            seq,
            score: doubt.score,
            opinions: Vec::new(),
        },
    };
    writer.put_review(&review)
}

/// What a steward said of two, in force.
pub fn said_of(writer: &Writer, pair: Pair) -> Result<Option<Said>, StoreError> {
    Ok(writer.assertions(pair.a)?.into_iter().rfind(|assertion| assertion.pair == pair).map(|assertion| assertion.said))
}
