//! Jaro–Winkler similarity (Winkler 1990, "String comparator metrics and enhanced decision rules in the Fellegi–Sunter
//! model of record linkage"): forgiving of slips, strict about beginnings.

/// How much a shared beginning adds, and of how many letters.
const PREFIX_SCALE: f64 = 0.1;
const PREFIX_LETTERS: usize = 4;
/// Sums of a few fractions are off by far less.
const ROUNDING: f64 = 1e-9;

/// 1.0 for equal texts, 0.0 for texts with nothing in common. Compares characters, symmetric.
pub fn jaro_winkler(a: &str, b: &str) -> f64 {
    if a.is_ascii() && b.is_ascii() {
        return winkler(a.as_bytes(), b.as_bytes());
    }
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    winkler(&a, &b)
}

/// Whether the similarity is at least so much. Most pairs of names are told apart by their letters alone, at a tenth of the
/// work.
pub fn jaro_winkler_reaches(a: &str, b: &str, least: f64) -> bool {
    if a.is_ascii() && b.is_ascii() && !may_reach(a.as_bytes(), b.as_bytes(), least - ROUNDING) {
        return false;
    }
    jaro_winkler(a, b) >= least
}

/// Whether two texts would be as similar if every letter that one shares with the other stood in its place.
fn may_reach(a: &[u8], b: &[u8], least: f64) -> bool {
    let letter = |c: u8| 1_u64 << (c & 63);
    let in_b = b.iter().fold(0_u64, |all, c| all | letter(*c));
    let (mut in_a, mut of_a) = (0_u64, 0_usize);
    for c in a {
        in_a |= letter(*c);
        of_a += usize::from(letter(*c) & in_b != 0);
    }
    let shared = a.iter().zip(b).take(PREFIX_LETTERS).take_while(|(x, y)| x == y).count();
    let most = |matches: usize| {
        if matches == 0 {
            return f64::from(u8::from(a.is_empty() && b.is_empty()));
        }
        let matches = small(matches);
        let jaro = (matches / small(a.len()) + matches / small(b.len()) + 1.0) / 3.0;
        jaro + PREFIX_SCALE * small(shared) * (1.0 - jaro).max(0.0)
    };
    // Most are told apart by the letters of the one alone.
    if most(of_a.min(b.len())) < least {
        return false;
    }
    let of_b = b.iter().filter(|c| letter(**c) & in_a != 0).count();
    most(of_a.min(of_b)) >= least
}

fn winkler<T: PartialEq + Copy>(a: &[T], b: &[T]) -> f64 {
    let jaro = jaro(a, b);
    if jaro <= 0.7 {
        return jaro;
    }
    let shared = a.iter().zip(b).take(PREFIX_LETTERS).take_while(|(x, y)| x == y).count();
    (jaro + PREFIX_SCALE * small(shared) * (1.0 - jaro)).min(1.0)
}

#[expect(clippy::cast_precision_loss, reason = "lengths of names")]
fn small(count: usize) -> f64 {
    count as f64
}

fn jaro<T: PartialEq + Copy>(a: &[T], b: &[T]) -> f64 {
    if a.is_empty() && b.is_empty() {
        return 1.0;
    }
    if a.is_empty() || b.is_empty() {
        return 0.0;
    }
    // The bits of one word serve for every name there is; longer texts are rare and take the slow way.
    if a.len() <= 64 && b.len() <= 64 { jaro_short(a, b) } else { jaro_long(a, b) }
}

fn window(a: usize, b: usize) -> usize {
    (a.max(b) / 2).saturating_sub(1)
}

fn jaro_short<T: PartialEq + Copy>(a: &[T], b: &[T]) -> f64 {
    let reach = window(a.len(), b.len());
    let (mut taken_a, mut taken_b) = (0_u64, 0_u64);
    let mut matches = 0_usize;
    for (at, x) in a.iter().enumerate() {
        let from = at.saturating_sub(reach);
        for (other, y) in b.iter().enumerate().skip(from).take(at + reach + 1 - from) {
            if x == y && taken_b & (1 << other) == 0 {
                taken_a |= 1 << at;
                taken_b |= 1 << other;
                matches += 1;
                break;
            }
        }
    }
    let in_a = a.iter().enumerate().filter(|(at, _)| taken_a & (1 << at) != 0).map(|(_, x)| x);
    let in_b = b.iter().enumerate().filter(|(at, _)| taken_b & (1 << at) != 0).map(|(_, x)| x);
    finish(a.len(), b.len(), matches, in_a.zip(in_b).filter(|(x, y)| x != y).count())
}

fn jaro_long<T: PartialEq + Copy>(a: &[T], b: &[T]) -> f64 {
    let reach = window(a.len(), b.len());
    let mut taken_b = vec![false; b.len()];
    let mut common = Vec::new();
    for (at, x) in a.iter().enumerate() {
        let from = at.saturating_sub(reach);
        let found =
            b.iter().zip(&mut taken_b).skip(from).take(at + reach + 1 - from).find(|(y, taken)| *y == x && !**taken);
        if let Some((_, taken)) = found {
            *taken = true;
            common.push(*x);
        }
    }
    let in_b = b.iter().zip(&taken_b).filter(|(_, taken)| **taken).map(|(y, _)| y);
    let moved = common.iter().zip(in_b).filter(|(x, y)| x != y).count();
    finish(a.len(), b.len(), common.len(), moved)
}

fn finish(a: usize, b: usize, matches: usize, moved: usize) -> f64 {
    if matches == 0 {
        return 0.0;
    }
    let m = small(matches);
    (m / small(a) + m / small(b) + (m - small(moved / 2)) / m) / 3.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_papers_examples() {
        assert!((jaro_winkler("martha", "marhta") - 0.9611).abs() < 1e-4);
        assert!((jaro_winkler("dwayne", "duane") - 0.84).abs() < 1e-4);
        assert!((jaro_winkler("dixon", "dicksonx") - 0.8133).abs() < 1e-4);
        assert_eq!(jaro_winkler("", "a"), 0.0);
    }

    proptest! {
        #[test]
        fn another_implementation_gives_the_same(a in "[a-e]{0,12}", b in "[a-e]{0,12}") {
            prop_assert!((jaro_winkler(&a, &b) - strsim::jaro_winkler(&a, &b)).abs() < 1e-9);
        }

        #[test]
        fn the_short_way_says_what_the_long_way_says(
            a in "[a-g]{0,9}", b in "[a-gé-]{0,9}", kept in 0_usize..9, least in prop::sample::select(vec![0.0, 0.7, 0.83, 0.86, 0.93, 1.0])
        ) {
            // Beside two unlike texts, two of one beginning.
            let near: String = a.chars().take(kept).chain(b.chars().skip(kept)).collect();
            for (a, b) in [(&a, &b), (&b, &a), (&a, &near), (&near, &a), (&a, &a)] {
                prop_assert_eq!(jaro_winkler_reaches(a, b, least), jaro_winkler(a, b) >= least, "{} {} {}", a, b, least);
            }
        }

        #[test]
        fn long_texts_take_the_slow_way_to_the_same_end(a in "[a-cé]{50,90}", b in "[a-cé]{50,90}") {
            prop_assert!((jaro_winkler(&a, &b) - strsim::jaro_winkler(&a, &b)).abs() < 1e-9);
        }
    }
}
