//! Damerau–Levenshtein distance (optimal string alignment: insertions, deletions, substitutions and swaps of neighbours),
//! and the one question asked most: is it at most one slip?

/// Whether one slip of the keyboard turns one text into the other: one character more, less, other, or two neighbours
/// swapped. Equal texts count as well. Linear time, symmetric.
pub fn within_one(a: &str, b: &str) -> bool {
    if a.is_ascii() && b.is_ascii() {
        return one_slip(a.as_bytes(), b.as_bytes());
    }
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    one_slip(&a, &b)
}

fn one_slip<T: PartialEq + Copy>(a: &[T], b: &[T]) -> bool {
    if a.len().abs_diff(b.len()) > 1 {
        return false;
    }
    let start = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let (a, b) = (a.get(start..).unwrap_or_default(), b.get(start..).unwrap_or_default());
    let end = a.iter().rev().zip(b.iter().rev()).take_while(|(x, y)| x == y).count();
    let a = a.get(..a.len() - end).unwrap_or_default();
    let b = b.get(..b.len() - end).unwrap_or_default();
    match (a, b) {
        ([], [] | [_]) | ([_], [] | [_]) => true,
        ([w, x], [y, z]) => w == z && x == y,
        _ => false,
    }
}

/// Whether two numbers of `digits` decimal digits differ by one digit or by a swap of two neighbours. Equal ones do not.
pub fn digits_slip(a: u32, b: u32, digits: u32) -> bool {
    if a == b {
        return false;
    }
    let (mut a, mut b) = (a, b);
    let mut first: Option<(u32, u32, u32)> = None;
    let mut second: Option<(u32, u32, u32)> = None;
    for place in 0..digits {
        let (x, y) = (a % 10, b % 10);
        if x != y {
            if first.is_none() {
                first = Some((place, x, y));
            } else if second.is_none() {
                second = Some((place, x, y));
            } else {
                return false;
            }
        }
        a /= 10;
        b /= 10;
    }
    match (first, second) {
        (Some(_), None) => true,
        (Some((at, x, y)), Some((next, z, w))) => next == at + 1 && x == w && y == z,
        _ => false,
    }
}

/// The least number of insertions, deletions, substitutions and swaps of neighbours, no place edited twice.
pub fn osa_distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = Vec::with_capacity(b.len() + 1);
        row.push(i + 1);
        for (j, y) in b.iter().enumerate() {
            let at = |line: &[usize], n: usize| line.get(n).copied().unwrap_or(usize::MAX / 2);
            let mut best = (at(&last, j + 1) + 1).min(at(&row, j) + 1).min(at(&last, j) + usize::from(x != y));
            if i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x) {
                best = best.min(at(&before, j - 1) + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_slip_of_the_keyboard() {
        for (a, b) in
            [("smith", "smiht"), ("smith", "smth"), ("smith", "smiith"), ("smith", "smyth"), ("", "a"), ("é", "e")]
        {
            assert!(within_one(a, b), "{a} {b}");
        }
        assert!(!within_one("smith", "htims") && !within_one("ab", "abcd"));
    }

    #[test]
    fn digits() {
        assert!(digits_slip(123_456, 123_546, 6) && digits_slip(123_456, 123_956, 6));
        assert!(
            !digits_slip(123_456, 123_456, 6) && !digits_slip(123_456, 163_452, 6) && !digits_slip(111_111, 999_999, 6)
        );
    }

    proptest! {
        #[test]
        fn another_implementation_gives_the_same(a in "[a-dé]{0,9}", b in "[a-dé]{0,9}") {
            prop_assert_eq!(osa_distance(&a, &b), strsim::osa_distance(&a, &b));
            prop_assert_eq!(within_one(&a, &b), strsim::osa_distance(&a, &b) <= 1);
        }
    }
}
