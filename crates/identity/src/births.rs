//! How many patients were born on each day: days that are typed where the true one is unknown betray themselves.

use crate::packed::unpack_birth;
use std::sync::atomic::{AtomicU32, Ordering};

const FROM: u32 = 1880;
const YEARS: u32 = 180;
/// Days of ten years.
const DAYS_OF_DECADE: f32 = 3652.5;

/// Counts by day.
#[derive(Debug)]
pub struct Births {
    days: Box<[AtomicU32]>,
    years: Box<[AtomicU32]>,
    decades: [AtomicU32; (YEARS / 10) as usize],
}

impl Default for Births {
    fn default() -> Self {
        Births {
            days: (0..YEARS * 512).map(|_| AtomicU32::new(0)).collect(),
            years: (0..YEARS).map(|_| AtomicU32::new(0)).collect(),
            decades: std::array::from_fn(|_| AtomicU32::new(0)),
        }
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

    /// Of those born in the decade of a day, the share born on that day; at least half of what it were if all days were alike.
    pub fn share_of_decade(&self, birth: u32) -> f32 {
        let alike = 1.0 / DAYS_OF_DECADE;
        let Some(decade) = self.decade(birth) else { return alike };
        #[expect(clippy::cast_precision_loss, reason = "a frequency to four digits is more than enough")]
        let (day, all) = (self.count(birth) as f32, decade.load(Ordering::Relaxed) as f32);
        ((day + 1.0) / (all + DAYS_OF_DECADE)).max(alike * 0.5)
    }

    /// How many were born in the decade of a day.
    pub fn of_decade(&self, birth: u32) -> f32 {
        #[expect(clippy::cast_precision_loss, reason = "a frequency to four digits is more than enough")]
        let count = |decade: &AtomicU32| decade.load(Ordering::Relaxed) as f32;
        self.decade(birth).map_or(0.0, count)
    }

    fn year(&self, birth: u32) -> Option<&AtomicU32> {
        let year = unpack_birth(birth).0.checked_sub(FROM)?;
        self.years.get(year as usize)
    }

    fn decade(&self, birth: u32) -> Option<&AtomicU32> {
        let year = unpack_birth(birth).0.checked_sub(FROM)?;
        self.decades.get((year / 10) as usize)
    }

    /// One more, or one fewer.
    pub fn add(&self, birth: u32, more: bool) {
        let Some(slot) = self.slot(birth).filter(|_| birth != 0) else { return };
        for count in std::iter::once(slot).chain(self.year(birth)).chain(self.decade(birth)) {
            if more {
                count.fetch_add(1, Ordering::Relaxed);
            } else {
                let _ = count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| count.checked_sub(1));
            }
        }
    }

    /// The year of the youngest, apart from the youngest of a thousand (mistyped ones).
    pub fn latest_year(&self) -> u32 {
        // Asked for every decision: counted as people come, not from the days.
        let years = || self.years.iter().map(|year| u64::from(year.load(Ordering::Relaxed)));
        let mut left = years().sum::<u64>() / 1000;
        for (year, count) in (FROM..FROM + YEARS).zip(years()).rev() {
            if count > left {
                return year;
            }
            left -= count;
        }
        0
    }

    /// Memory, in bytes.
    pub fn bytes(&self) -> usize {
        (self.days.len() + self.years.len()) * 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_youngest_of_a_thousand_is_thought_mistyped() {
        let births = Births::default();
        let day = |year: u32| crate::packed::pack_birth(i16::try_from(year).expect("a year"), 6, 1);
        assert_eq!(births.latest_year(), 0);
        for n in 0..2000 {
            births.add(day(1920 + n % 90), true);
        }
        assert_eq!(births.latest_year(), 2009);
        births.add(day(2059), true);
        births.add(day(2058), true);
        assert_eq!(births.latest_year(), 2009, "two of two thousand");
        births.add(day(2059), true);
        assert_eq!(births.latest_year(), 2058, "three are more than one in a thousand");
        for year in [2059, 2059, 2058] {
            births.add(day(year), false);
        }
        assert_eq!(births.latest_year(), 2009, "taken back");
    }
}
