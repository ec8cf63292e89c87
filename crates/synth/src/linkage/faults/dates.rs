//! What goes wrong with a date of birth. Dates are text here, for a clerk's date need not exist; all that are made do.

use crate::dice::Dice;
use jiff::civil::Date;

/// Day and month exchanged.
pub(super) fn swapped(date: Date) -> Option<Date> {
    if date.day() == date.month() {
        return None;
    }
    Date::new(date.year(), date.day(), date.month()).ok()
}

/// A digit of day, month or year mistyped.
pub(super) fn mistyped(date: Date, latest: Date, dice: &mut Dice) -> Option<Date> {
    for _ in 0..12 {
        let other = match dice.below(10) {
            0..=4 => {
                let by = *dice.pick(&[1_i8, -1, 2, -2, 10, -10, 20, 3, -3]);
                Date::new(date.year(), date.month(), date.day().checked_add(by)?)
            }
            5..=7 => {
                let by = *dice.pick(&[1_i8, -1, 2, -2, 10, 3]);
                Date::new(date.year(), date.month().checked_add(by)?, date.day())
            }
            _ => {
                let by = *dice.pick(&[1_i16, -1, 2, -2, 3, -3, 10, -10, 20, -20]);
                Date::new(date.year() + by, date.month(), date.day())
            }
        };
        if let Some(other) = other.ok().filter(|other| *other != date && *other <= latest && other.year() > 1900) {
            return Some(other);
        }
    }
    None
}

/// Two digits that stand together exchanged: 12 for 21, 1967 for 1976.
pub(super) fn transposed(date: Date, latest: Date, dice: &mut Dice) -> Option<Date> {
    let (y, m, d) = (date.year(), date.month(), date.day());
    let flip = |n: i8| n % 10 * 10 + n / 10;
    let mut all =
        [Date::new(y, m, flip(d)), Date::new(y, flip(m), d), Date::new(y - y % 100 + y % 10 * 10 + y % 100 / 10, m, d)];
    dice.shuffle(&mut all);
    all.into_iter().flatten().find(|other| *other != date && *other <= latest)
}

/// A year off, either way: ages told instead of dates.
pub(super) fn year_off(date: Date, latest: Date, dice: &mut Dice) -> Option<Date> {
    let by = if dice.chance(0.5) { 1 } else { -1 };
    Date::new(date.year() + by, date.month(), date.day()).ok().filter(|other| *other <= latest)
}

/// A two-digit year put in the wrong century: 1924 for 2024, 2031 never.
pub(super) fn century(date: Date, latest: Date) -> Option<Date> {
    let by = if date.year() >= 2000 { -100 } else { 100 };
    Date::new(date.year() + by, date.month(), date.day()).ok().filter(|other| *other <= latest && other.year() >= 1900)
}

/// Only the year known, or a month: the first of January, or of the month.
pub(super) fn first_of(date: Date, dice: &mut Dice) -> Option<Date> {
    let month = if dice.chance(0.7) { 1 } else { date.month() };
    Date::new(date.year(), month, 1).ok().filter(|other| *other != date)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use proptest::prelude::*;

    const LATEST: Date = date(2026, 3, 2);

    proptest! {
        #[test]
        fn a_wrong_date_is_another_date_and_not_in_the_future(days in 0_i64..40_000, seed: u64) {
            let birth = crate::when::plus_days(LATEST, -days);
            let dice = &mut Dice::new(seed, &[]);
            let wrong = [
                mistyped(birth, LATEST, dice),
                transposed(birth, LATEST, dice),
                year_off(birth, LATEST, dice),
                century(birth, LATEST),
                first_of(birth, dice),
            ];
            for other in wrong.into_iter().flatten() {
                prop_assert_ne!(other, birth);
                prop_assert!(other <= LATEST);
            }
            if let Some(other) = swapped(birth) {
                prop_assert_eq!(swapped(other), Some(birth));
            }
        }
    }
}
