//! NHS numbers: synthetic, no two people's alike, valid; first from the range kept for tests (999), then from 90 to 998,
//! which have not been given to anyone.

use fhir::NhsNumber;

/// Eight-digit stems of the test range; each has nine numbers at least.
const TEST_STEMS: u64 = 100_000;
const TEST_FIRST: u64 = 99_900_000;
const OTHER_STEMS: u64 = 9_900_000;
const OTHER_FIRST: u64 = 90_000_000;

/// The number in this place of a fixed, scattered order. Different places give different numbers.
pub(super) fn nhs_number(place: u64) -> String {
    let (place, stems, first) = if place < TEST_STEMS * 9 {
        (place, TEST_STEMS, TEST_FIRST)
    } else {
        ((place - TEST_STEMS * 9) % (OTHER_STEMS * 9), OTHER_STEMS, OTHER_FIRST)
    };
    // 7,368,787 is a prime and divides neither count of places: the order is a permutation.
    let scattered = place.wrapping_mul(7_368_787) % (stems * 9);
    let stem = first + scattered / 9;
    let nth = usize::try_from(scattered % 9).unwrap_or(0);
    // The ninth digit weighs 2, which has an inverse modulo 11: at most one ending of ten is without a check digit.
    (0..10)
        .filter_map(|last| u32::try_from(stem * 10 + last).ok().and_then(NhsNumber::from_stem))
        .nth(nth)
        .map_or_else(String::new, |number| number.as_str().to_owned())
}

/// Who has which number: people of the index and strangers alike from the whole range, so that a number does not tell
/// which of them somebody is.
pub(super) struct Numbers {
    all: u64,
    next: u64,
}

/// A prime.
const STEP: u64 = 7_368_787;

impl Numbers {
    /// Numbers for `people` in the index and at most `more` others.
    pub(super) fn new(people: u64, more: u64) -> Self {
        let all = people + more;
        Numbers { all: if all.is_multiple_of(STEP) { all + 1 } else { all }, next: people }
    }

    /// The place, in the order of [`nhs_number`], of the number of the index's person `nth`.
    pub(super) fn of(&self, nth: u64) -> u64 {
        nth.wrapping_mul(STEP) % self.all.max(1)
    }

    /// The place of a number that nobody has yet.
    pub(super) fn another(&mut self) -> u64 {
        self.next += 1;
        self.of(self.next - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn numbers_are_valid_distinct_and_begin_in_the_test_range() {
        let mut seen = HashSet::new();
        for place in (0..2_000).chain(899_000..903_000).chain(14_000_000..14_002_000) {
            let number = nhs_number(place);
            assert!(NhsNumber::parse(&number).is_ok(), "{number}");
            assert_eq!(number.starts_with("999"), place < 900_000, "{place} {number}");
            assert!(number.starts_with('9'));
            assert!(seen.insert(number));
        }
    }

    #[test]
    fn everybody_has_a_number_of_their_own() {
        let mut numbers = Numbers::new(5_000, 700);
        let mut seen: HashSet<u64> = (0..5_000).map(|nth| numbers.of(nth)).collect();
        for _ in 0..700 {
            seen.insert(numbers.another());
        }
        assert_eq!(seen.len(), 5_700);
        assert!(seen.iter().all(|place| *place < 5_700));
    }
}
