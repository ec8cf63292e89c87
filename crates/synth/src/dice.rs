//! Chance without a source of chance: a small generator whose every throw follows from the seed and a path of numbers.
//!
//! Written here rather than taken from a crate because the promise "same seed, same bytes" must outlive the versions of
//! crates. The step is SplitMix64 (Steele, Lea, Flood 2014), which is fast and needs no warming up.

/// A stream of throws.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl Dice {
    /// The stream named by `path` under `seed`. Different paths give unrelated streams.
    pub(crate) fn new(seed: u64, path: &[u64]) -> Self {
        let mut state = mix(seed ^ GOLDEN);
        for step in path {
            state = mix(state ^ mix(step.wrapping_add(GOLDEN)));
        }
        Dice(state)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        mix(self.0)
    }

    /// Uniform in [0, 1).
    pub(crate) fn unit(&mut self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit exactly")]
        let numerator = (self.next() >> 11) as f64;
        numerator / 9_007_199_254_740_992.0
    }

    /// True with probability `p`.
    pub(crate) fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// Uniform in 0..n (0 when n is 0).
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        if n == 0 {
            return 0;
        }
        // Multiply-shift; the bias is below n / 2^64.
        u64::try_from((u128::from(self.next()) * u128::from(n)) >> 64).unwrap_or(0)
    }

    /// Uniform in low..=high.
    pub(crate) fn range(&mut self, low: i64, high: i64) -> i64 {
        let width = u64::try_from(high.saturating_sub(low)).unwrap_or(0).saturating_add(1);
        low.saturating_add(i64::try_from(self.below(width)).unwrap_or(0))
    }

    /// Uniform in [low, high).
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + self.unit() * (high - low)
    }

    /// Roughly normal (the sum of four uniform throws), so never further than 3.5 deviations out.
    pub(crate) fn normal(&mut self, mean: f64, deviation: f64) -> f64 {
        let sum = self.unit() + self.unit() + self.unit() + self.unit();
        mean + (sum - 2.0) * 1.732_050_8 * deviation
    }

    /// A waiting time with this mean.
    pub(crate) fn exponential(&mut self, mean: f64) -> f64 {
        -(1.0 - self.unit()).ln() * mean
    }

    /// One of a list that is never empty.
    pub(crate) fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        let index = usize::try_from(self.below(list.len() as u64)).unwrap_or(0);
        #[expect(clippy::indexing_slicing, reason = "the index is below the length; every list drawn from is a table")]
        &list[index]
    }

    /// One of a list, early ones more often: the shape of name frequencies.
    pub(crate) fn pick_early<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        let u = self.unit();
        let share = u * u * 0.75 + u * 0.25;
        let index = usize::try_from(floor(share * len(list))).unwrap_or(0).min(list.len().saturating_sub(1));
        #[expect(clippy::indexing_slicing, reason = "the index is below the length; every list drawn from is a table")]
        &list[index]
    }

    /// An index drawn in proportion to the weights.
    pub(crate) fn weighted(&mut self, weights: impl Iterator<Item = f64> + Clone) -> usize {
        let total: f64 = weights.clone().sum();
        let mut left = self.unit() * total;
        let mut last = 0;
        for (index, weight) in weights.enumerate() {
            if weight > 0.0 {
                last = index;
                if left < weight {
                    return index;
                }
                left -= weight;
            }
        }
        last
    }

    /// Put a list in random order.
    pub(crate) fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            let other = usize::try_from(self.below(last as u64 + 1)).unwrap_or(0);
            list.swap(last, other);
        }
    }
}

/// The whole number nearest to `x`.
pub(crate) fn round(x: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "saturates; values here are small")]
    let whole = x.round() as i64;
    whole
}

/// The whole number at or below `x`.
pub(crate) fn floor(x: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "saturates; values here are small")]
    let whole = x.floor() as i64;
    whole
}

/// A count as a float.
pub(crate) fn real(n: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts of people and days are far below 2^53")]
    let x = n as f64;
    x
}

/// A whole number as a float.
pub(crate) fn real_i(n: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "days and minutes are far below 2^53")]
    let x = n as f64;
    x
}

fn len<T>(list: &[T]) -> f64 {
    real(list.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_repeat_and_differ_by_path() {
        let throws = |path: &[u64]| {
            let mut dice = Dice::new(7, path);
            (0..50).map(|_| dice.below(1000)).collect::<Vec<_>>()
        };
        assert_eq!(throws(&[1, 2]), throws(&[1, 2]));
        assert_ne!(throws(&[1, 2]), throws(&[2, 1]));
    }

    #[test]
    fn throws_have_the_promised_means() {
        let mut dice = Dice::new(1, &[]);
        let n = 20_000;
        let mean = |sum: f64| sum / f64::from(n);
        assert!((mean((0..n).map(|_| dice.unit()).sum()) - 0.5).abs() < 0.01);
        assert!((mean((0..n).map(|_| dice.normal(10.0, 2.0)).sum()) - 10.0).abs() < 0.1);
        assert!((mean((0..n).map(|_| dice.exponential(3.0)).sum()) - 3.0).abs() < 0.15);
        assert_eq!(dice.range(4, 4), 4);
    }
}
