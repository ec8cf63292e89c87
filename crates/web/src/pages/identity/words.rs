//! How the pages speak of reviews.

use record::{Review, ReviewKind, Said, waterfall};

/// A kind, short: for lists.
pub fn kind(kind: ReviewKind) -> &'static str {
    match kind {
        ReviewKind::Likely => "May be one person",
        ReviewKind::Ambiguous => "Fits two people",
        ReviewKind::Suspect => "Link in doubt",
        ReviewKind::NhsNumber => "NHS number in doubt",
        ReviewKind::Merge => "Merge in doubt",
    }
}

/// Why such a pair waits.
pub fn why(kind: ReviewKind, linked: bool) -> &'static str {
    match (kind, linked) {
        (ReviewKind::Likely, _) => "The evidence is too strong to ignore and too weak to link by itself.",
        (ReviewKind::Ambiguous, _) => "One of the two fits more than one person: say which it is.",
        (ReviewKind::Suspect, true) => "They are linked, and something speaks against it.",
        (ReviewKind::Suspect, false) => "They were linked, and something spoke against it.",
        (ReviewKind::NhsNumber, _) => {
            "Either one NHS number was given to two people, or one person has two verified numbers."
        }
        (ReviewKind::Merge, _) => "Their source merged them, although they have two different verified NHS numbers.",
    }
}

/// What somebody said.
pub fn said(said: Said) -> &'static str {
    match said {
        Said::Same => "Same person",
        Said::Different => "Not the same",
        Said::Unsure => "Cannot tell",
        Said::Reported => "Reported: not the same",
    }
}

/// The evidence in words; none where nothing was weighed.
pub fn evidence(review: &Review) -> Option<String> {
    (review.score != 0).then(|| format!("odds {}", waterfall::odds(bits(review.score))))
}

/// Hundredths of a bit as bits.
pub fn bits(score: i64) -> f64 {
    // Scores are far below what an `i32` holds.
    f64::from(i32::try_from(score).unwrap_or(if score < 0 { i32::MIN } else { i32::MAX })) / 100.0
}
