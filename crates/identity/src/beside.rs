//! Whether the bearers of a name share the other name: few given names stand beside a family name of a community that has few,
//! many beside one of a people that has many.
//!
//! A sketch of the second moment (Alon, Matias and Szegedy 1996; with buckets, Charikar, Chen and Farach-Colton 2002): each
//! bearer adds 1 or -1 to one of a few cells, both chosen by the other name. The sum of the cells' squares is, on average, the
//! number of ordered pairs of bearers with one other name, each bearer with itself included. Sums do not depend on the order in
//! which patients come and go.

use std::sync::atomic::{AtomicI16, AtomicU32, Ordering};

const CELLS: usize = 32;

/// The sketch of one name.
#[derive(Debug)]
pub(crate) struct Beside {
    bearers: AtomicU32,
    cells: [AtomicI16; CELLS],
}

impl Default for Beside {
    fn default() -> Self {
        Beside { bearers: AtomicU32::new(0), cells: std::array::from_fn(|_| AtomicI16::new(0)) }
    }
}

impl Beside {
    /// One bearer more or fewer, whose other name has this hash. Counts wrap: taking out undoes putting in.
    pub(crate) fn add(&self, other: u64, more: bool) {
        let bits = crate::terms::mix(other ^ 0xa076_1d64_78bd_642f);
        let Some(cell) = usize::try_from(bits >> 32).ok().and_then(|bits| self.cells.get(bits % CELLS)) else { return };
        if (bits & 1 == 0) == more {
            cell.fetch_add(1, Ordering::Relaxed);
        } else {
            cell.fetch_sub(1, Ordering::Relaxed);
        }
        if more {
            self.bearers.fetch_add(1, Ordering::Relaxed);
        } else {
            self.bearers.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// How many other bearers have the same other name as one bearer, on average; at least `least` of all.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub(crate) fn alike(&self, least: f32) -> f32 {
        let bearers = self.bearers.load(Ordering::Relaxed) as f32;
        let square = |cell: &AtomicI16| f32::from(cell.load(Ordering::Relaxed)).powi(2);
        let pairs = self.cells.iter().map(square).sum::<f32>() - bearers;
        (pairs / bearers.max(1.0)).clamp(least * bearers, bearers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(others: impl Iterator<Item = u64>) -> Beside {
        let beside = Beside::default();
        others.for_each(|other| beside.add(other, true));
        beside
    }

    #[test]
    fn few_other_names_are_told_from_many() {
        // 200 bearers, each other name 20 times: 19 others each. 200 bearers, each with a name of their own: none.
        let few = of((0..200).map(|n| n % 10)).alike(0.0);
        let many = of(0..200).alike(0.0);
        assert!((8.0..40.0).contains(&few), "{few}");
        assert!(many < 1.0, "{many}");
        assert!((of(0..200).alike(0.01) - 2.0).abs() < 1e-6 || of(0..200).alike(0.01) > 2.0, "never below the least");
        assert_eq!(Beside::default().alike(0.1), 0.0);
    }

    proptest! {
        #[test]
        fn whoever_came_and_went_leaves_no_trace_in_any_order(
            stay in proptest::collection::vec(0_u64..40, 0..60), gone in proptest::collection::vec(0_u64..40, 0..60)
        ) {
            let straight = of(stay.iter().copied());
            let roundabout = Beside::default();
            gone.iter().for_each(|other| roundabout.add(*other, true));
            stay.iter().rev().for_each(|other| roundabout.add(*other, true));
            gone.iter().rev().for_each(|other| roundabout.add(*other, false));
            prop_assert_eq!(straight.alike(0.0).to_bits(), roundabout.alike(0.0).to_bits());
        }
    }
}
