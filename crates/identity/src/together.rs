//! How many patients have a forename and a family name together, in all and by the decade of birth. Names keep company: a
//! forename is many times as usual in the community and the generation that it belongs to, so that the product of two
//! names' frequencies says far too little of how many people have both.
//!
//! A count-min sketch (Cormode and Muthukrishnan 2005) of one fixed size: the counts are the same however the index came
//! about, and nobody's memory grows. Of a count, what other names add to it on average is taken off.

use crate::{
    packed::{Record, unpack_birth},
    terms::{Lexicon, Term, mix},
};
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};

/// Cells of each of the two rows.
const CELLS: usize = 1 << 21;

/// The counts.
#[derive(Debug)]
pub struct Together {
    first: Box<[AtomicU16]>,
    second: Box<[AtomicU16]>,
    all: AtomicUsize,
}

impl Default for Together {
    fn default() -> Self {
        let row = || (0..CELLS).map(|_| AtomicU16::new(0)).collect();
        Together { first: row(), second: row(), all: AtomicUsize::new(0) }
    }
}

/// The decade of a packed date of birth.
fn decade(birth: u32) -> u32 {
    unpack_birth(birth).0 / 10
}

/// Both names as they are written.
fn as_written(given: &Term, family: &Term) -> u64 {
    mix(given.own_hash() << 32 | family.own_hash() ^ 0x5bd1_e995)
}

/// Both names, all their spellings and short forms.
fn as_heard(given: &Term, family: &Term, decade: u32) -> u64 {
    mix(mix(u64::from(given.key) << 32 | u64::from(family.key)) ^ u64::from(decade) << 7)
}

impl Together {
    fn cells(&self, key: u64) -> Option<(&AtomicU16, &AtomicU16)> {
        let place = |bits: u64| usize::try_from(bits).unwrap_or(0) & (CELLS - 1);
        Some((self.first.get(place(key))?, self.second.get(place(key >> 32))?))
    }

    /// One patient more or fewer. Counts wrap: taking out undoes putting in whatever came between.
    pub fn add(&self, record: &Record<'_>, lexicon: Lexicon<'_>, more: bool) {
        let first = |ids: &[u32]| ids.first().and_then(|id| lexicon.get(*id));
        let (Some(given), Some(family)) = (first(record.givens), first(record.families)) else { return };
        if let (Some(beside), Some(other)) = (given.beside(), family.beside()) {
            beside.add(family.own_hash(), more);
            other.add(given.own_hash(), more);
        }
        let written = Some(as_written(given, family));
        let heard = (record.birth() != 0).then(|| as_heard(given, family, decade(record.birth())));
        for key in [written, heard].into_iter().flatten() {
            let Some((a, b)) = self.cells(key) else { continue };
            for cell in [a, b] {
                if more {
                    cell.fetch_add(1, Ordering::Relaxed);
                } else {
                    cell.fetch_sub(1, Ordering::Relaxed);
                }
            }
            if more {
                self.all.fetch_add(1, Ordering::Relaxed);
            } else {
                self.all.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }

    fn count(&self, key: u64) -> f32 {
        let Some((a, b)) = self.cells(key) else { return 0.0 };
        let count = f32::from(a.load(Ordering::Relaxed).min(b.load(Ordering::Relaxed)));
        #[expect(clippy::cast_precision_loss, reason = "an average")]
        let others = self.all.load(Ordering::Relaxed) as f32 / CELLS as f32;
        (count - others).max(0.0)
    }

    /// How many have these two names as they are written.
    pub fn written(&self, given: &Term, family: &Term) -> f32 {
        self.count(as_written(given, family))
    }

    /// How many have these two names, however spelt, and were born in the decade of this day.
    pub fn of_decade(&self, given: &Term, family: &Term, birth: u32) -> f32 {
        self.count(as_heard(given, family, decade(birth)))
    }

    /// Memory, in bytes.
    pub fn bytes(&self) -> usize {
        (self.first.len() + self.second.len()) * 2
    }
}
