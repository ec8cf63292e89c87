//! Latencies in a fixed amount of memory, to within 3 %.

use std::time::Duration;

/// Steps in each doubling: the relative error is one in 32.
const STEPS: u64 = 32;
const STEP_BITS: u32 = 5;
/// Microseconds up to 2^40, which is twelve days.
const BUCKETS: usize = 32 * 37;

/// Counts of latencies by size.
#[derive(Clone, Debug)]
pub struct Latencies {
    buckets: Vec<u64>,
    count: u64,
    total: Duration,
    max: Duration,
}

impl Default for Latencies {
    fn default() -> Self {
        Self { buckets: vec![0; BUCKETS], count: 0, total: Duration::ZERO, max: Duration::ZERO }
    }
}

impl Latencies {
    /// Adds one.
    pub fn record(&mut self, latency: Duration) {
        if let Some(bucket) = self.buckets.get_mut(bucket(latency)) {
            *bucket += 1;
        }
        self.count += 1;
        self.total += latency;
        self.max = self.max.max(latency);
    }

    /// Adds another's counts.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            *mine += theirs;
        }
        self.count += other.count;
        self.total += other.total;
        self.max = self.max.max(other.max);
    }

    /// How many were recorded.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The longest.
    #[must_use]
    pub fn max(&self) -> Duration {
        self.max
    }

    /// The mean; zero if there are none.
    #[must_use]
    pub fn mean(&self) -> Duration {
        u32::try_from(self.count).ok().and_then(|n| self.total.checked_div(n)).unwrap_or_default()
    }

    /// The latency that `percent` of all stay within (50 is the median); zero if there are none. At most 3 % too high,
    /// and never above the longest.
    #[must_use]
    pub fn percentile(&self, percent: f64) -> Duration {
        let mut seen = 0u64;
        for (n, count) in self.buckets.iter().enumerate() {
            seen += count;
            #[expect(clippy::cast_precision_loss, reason = "a percentage needs no more than 52 bits")]
            let reached = self.count > 0 && seen as f64 >= self.count as f64 * percent / 100.0 && seen > 0;
            if reached {
                return upper(n).min(self.max);
            }
        }
        self.max
    }
}

fn bucket(latency: Duration) -> usize {
    let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
    let exponent = micros.max(1).ilog2();
    let n = if exponent < STEP_BITS {
        micros
    } else {
        let shift = exponent - STEP_BITS;
        u64::from(shift) * STEPS + (micros >> shift)
    };
    usize::try_from(n).unwrap_or(usize::MAX).min(BUCKETS - 1)
}

/// The largest latency that falls into a bucket.
fn upper(n: usize) -> Duration {
    let n = u64::try_from(n).unwrap_or(0);
    if n < 2 * STEPS {
        return Duration::from_micros(n);
    }
    let shift = n / STEPS - 1;
    let top = (n % STEPS + STEPS + 1) << shift;
    Duration::from_micros(top - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_latency_is_found_again_to_within_three_percent(micros in 0u64..1_000_000_000_000) {
            let found = upper(bucket(Duration::from_micros(micros)));
            let found = u64::try_from(found.as_micros()).unwrap();
            prop_assert!(found >= micros && found <= micros + micros / 31, "{found} for {micros}");
        }
    }

    #[test]
    fn percentiles_of_one_to_a_hundred_milliseconds() {
        let mut l = Latencies::default();
        assert_eq!((l.percentile(99.0), l.mean()), (Duration::ZERO, Duration::ZERO));
        for ms in 1..=100 {
            l.record(Duration::from_millis(ms));
        }
        let near = |percent: f64, ms: u64| {
            let found = l.percentile(percent);
            found >= Duration::from_millis(ms) && found <= Duration::from_millis(ms + ms / 30 + 1)
        };
        assert!(near(50.0, 50) && near(99.0, 99), "{:?} {:?}", l.percentile(50.0), l.percentile(99.0));
        assert_eq!(l.percentile(100.0), Duration::from_millis(100));
        let mut twice = l.clone();
        twice.merge(&l);
        assert_eq!((twice.count(), twice.percentile(50.0)), (200, l.percentile(50.0)));
    }
}
