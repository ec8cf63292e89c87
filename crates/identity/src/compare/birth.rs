//! Dates of birth, with the ways in which they are mistyped.

use super::{Context, Pattern, at, level::birth};
use crate::{
    packed::{Record, unpack_birth},
    text::digits_slip,
};

/// What systems that count from here write where no date is known: a first of January of no year.
const UNIX_EPOCH: (u32, u32, u32) = (1970, 1, 1);

pub(super) fn compare(a: &Record<'_>, b: &Record<'_>, context: &Context<'_>, pattern: &mut Pattern) {
    let (x, y) = (a.birth(), b.birth());
    if x == 0 || y == 0 {
        return;
    }
    let level = level(x, y);
    let share = if level == birth::SAME { context.share(context.births.count(x)) } else { 0.0 };
    pattern.set(at::BIRTH, level, share);
    pattern.years_apart = years_apart(x, y);
    pattern.birth_year = u16::try_from(x.min(y) >> 9).unwrap_or(0);
}

/// Years between two packed dates.
pub fn years_apart(a: u32, b: u32) -> u16 {
    u16::try_from((a >> 9).abs_diff(b >> 9)).unwrap_or(u16::MAX)
}

/// The level of two packed dates.
pub fn level(a: u32, b: u32) -> u8 {
    if a == b {
        return birth::SAME;
    }
    let ((ya, ma, da), (yb, mb, db)) = (unpack_birth(a), unpack_birth(b));
    let apart = ya.abs_diff(yb);
    if (ma, da) == (1, 1) && (mb, db) == (1, 1) {
        // Neither day may be known: that they are the same says nothing, and the years have to speak alone.
        return match apart {
            1 => birth::FIRST_OF_JANUARY,
            _ if digits_slip(ya, yb, 4) => birth::FIRST_OF_JANUARY,
            15.. => birth::GENERATION,
            _ => birth::DIFFERENT,
        };
    }
    if ya == yb && ma == db && da == mb {
        return birth::SWAPPED;
    }
    if digits_slip(ya * 10_000 + ma * 100 + da, yb * 10_000 + mb * 100 + db, 8) {
        return birth::SLIP;
    }
    if u8::from(ya == yb) + u8::from(ma == mb) + u8::from(da == db) == 2 {
        return birth::PART;
    }
    if (ya, ma, da) == UNIX_EPOCH || (yb, mb, db) == UNIX_EPOCH {
        return birth::FIRST_OF_JANUARY;
    }
    let first = (ma, da) == (1, 1) || (mb, db) == (1, 1);
    match apart {
        0 | 1 if first => birth::FIRST_OF_JANUARY,
        0 => birth::YEAR,
        15.. => birth::GENERATION,
        _ => birth::DIFFERENT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packed::pack_birth;

    #[test]
    fn of_two_first_days_of_january_only_the_years_speak() {
        let day = |year| pack_birth(year, 1, 1);
        for (year, expected) in [
            (1946, birth::SAME),
            (1947, birth::FIRST_OF_JANUARY),
            (1964, birth::FIRST_OF_JANUARY),
            (1976, birth::FIRST_OF_JANUARY),
            (1953, birth::DIFFERENT),
            (1935, birth::DIFFERENT),
            (1979, birth::GENERATION),
        ] {
            assert_eq!(level(day(1946), day(year)), expected, "{year}");
            assert_eq!(level(day(year), day(1946)), expected, "{year} the other way");
        }
    }

    #[test]
    fn every_way_of_mistyping_has_its_level() {
        let born = pack_birth(1965, 4, 12);
        for (year, month, day, expected) in [
            (1965, 4, 12, birth::SAME),
            (1965, 12, 4, birth::SWAPPED),
            (1965, 4, 13, birth::SLIP),
            (1956, 4, 12, birth::SLIP),
            (1966, 4, 12, birth::SLIP),
            (1975, 4, 12, birth::SLIP),
            (1965, 4, 21, birth::SLIP),
            (1865, 4, 12, birth::SLIP),
            (2065, 4, 12, birth::PART),
            (1965, 11, 12, birth::PART),
            (1965, 1, 1, birth::FIRST_OF_JANUARY),
            (1966, 1, 1, birth::FIRST_OF_JANUARY),
            (1970, 1, 1, birth::FIRST_OF_JANUARY),
            (1965, 9, 30, birth::YEAR),
            (1990, 9, 30, birth::GENERATION),
            (1970, 9, 30, birth::DIFFERENT),
        ] {
            assert_eq!(level(born, pack_birth(year, month, day)), expected, "{year}-{month}-{day}");
            assert_eq!(level(pack_birth(year, month, day), born), expected, "{year}-{month}-{day} the other way");
        }
    }
}
