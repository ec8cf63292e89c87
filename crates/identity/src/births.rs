//! How many patients were born on each day: days that are typed where the true one is unknown betray themselves.

use crate::packed::unpack_birth;
use std::sync::atomic::{AtomicU32, Ordering};

const FROM: u32 = 1880;
const YEARS: u32 = 180;

/// Counts by day.
#[derive(Debug)]
pub struct Births {
    days: Box<[AtomicU32]>,
}

impl Default for Births {
    fn default() -> Self {
        Births { days: (0..YEARS * 512).map(|_| AtomicU32::new(0)).collect() }
    }
}

impl Births {
    fn slot(&self, birth: u32) -> Option<&AtomicU32> {
        let (year, month, day) = unpack_birth(birth);
        let year = year.checked_sub(FROM)?;
        self.days.get((year * 512 + month * 32 + day) as usize)
    }

    /// How many were born that day.
    pub fn count(&self, birth: u32) -> u32 {
        self.slot(birth).map_or(0, |slot| slot.load(Ordering::Relaxed))
    }

    /// One more, or one fewer.
    pub fn add(&self, birth: u32, more: bool) {
        let Some(slot) = self.slot(birth).filter(|_| birth != 0) else { return };
        if more {
            slot.fetch_add(1, Ordering::Relaxed);
        } else {
            let _ = slot.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| count.checked_sub(1));
        }
    }

    /// The year of the youngest, apart from the youngest of a thousand (mistyped ones).
    pub fn latest_year(&self) -> u32 {
        let years: Vec<u64> = self
            .days
            .chunks(512)
            .map(|year| year.iter().map(|day| u64::from(day.load(Ordering::Relaxed))).sum())
            .collect();
        let mut left = years.iter().sum::<u64>() / 1000;
        for (year, count) in (FROM..).zip(&years).collect::<Vec<_>>().into_iter().rev() {
            if *count > left {
                return year;
            }
            left -= count;
        }
        0
    }

    /// Memory, in bytes.
    pub fn bytes(&self) -> usize {
        self.days.len() * 4
    }
}
