//! NHS numbers, identifiers, telephone numbers, email addresses.

use super::{Context, MISSING, Pattern, at, level};
use crate::{
    packed::{HASHED, NHS_MISTYPED, NHS_STEM, NHS_VERIFIED, PHONE_DIGITS, PHONE_FIXED, PHONE_MOBILE, Record},
    text::digits_slip,
};
use level::{nhs, plain};

pub(super) fn compare(a: &Record<'_>, b: &Record<'_>, context: &Context<'_>, pattern: &mut Pattern) {
    let level = nhs_level(a.nhs, b.nhs);
    pattern.set(at::NHS, level, 0.0);

    let (mut level, mut share) = (MISSING, 0.0);
    for x in a.identifiers.chunks_exact(2) {
        for y in b.identifiers.chunks_exact(2) {
            let ([system, x], [other, y]) = (x, y) else { continue };
            if system != other {
                continue;
            }
            if x == y {
                (level, share) = (plain::SAME, context.number(*x));
            } else if level != plain::SAME {
                let slip = (x | y) & HASHED == 0 && x.min(y) > &9_999 && digits_slip(*x, *y, 9);
                level = level.min(if slip { plain::SLIP } else { plain::DIFFERENT });
            }
        }
    }
    pattern.set(at::IDENTIFIER, level, share);

    phones(a.phones, b.phones, context, pattern);

    let (mut level, mut share) = (MISSING, 0.0);
    for x in a.emails.chunks_exact(2) {
        for y in b.emails.chunks_exact(2) {
            let ([x, x_local], [y, y_local]) = (x, y) else { continue };
            if x == y {
                (level, share) = (plain::SAME, context.number(*x));
            } else {
                level = level.min(if x_local == y_local { plain::SLIP } else { plain::DIFFERENT });
            }
        }
    }
    pattern.set(at::EMAIL, level, share);
}

/// A fixed line goes with the home, and says nothing beside a mobile: only where neither is one do two numbers differ.
fn phones(a: &[u32], b: &[u32], context: &Context<'_>, pattern: &mut Pattern) {
    let (mut level, mut share) = (MISSING, 0.0);
    for x in a {
        for y in b {
            let (number, other) = (x & PHONE_DIGITS, y & PHONE_DIGITS);
            if number == other {
                (level, share) = (plain::SAME, context.phone(number));
                pattern.mobile |= (x | y) & PHONE_MOBILE != 0;
            } else if digits_slip(number, other, 9) {
                level = level.min(plain::SLIP);
            } else if (x | y) & PHONE_FIXED == 0 {
                level = level.min(plain::DIFFERENT);
            }
        }
    }
    pattern.set(at::PHONE, level, share);
}

fn nhs_level(a: &[u32], b: &[u32]) -> u8 {
    let mut level = MISSING;
    for (m, x) in a.iter().enumerate() {
        for (n, y) in b.iter().enumerate() {
            let (stem_x, stem_y) = (x & NHS_STEM, y & NHS_STEM);
            let mistyped = (x | y) & NHS_MISTYPED != 0;
            let current = m == 0 && n == 0;
            let found = if stem_x == stem_y {
                match (mistyped, current) {
                    (true, _) => nhs::SLIP,
                    (false, true) => nhs::SAME,
                    (false, false) => nhs::FORMER,
                }
            } else if current && x & y & NHS_VERIFIED != 0 {
                // Traced twice: a slip of the keyboard explains nothing.
                nhs::DIFFERENT_VERIFIED
            } else if digits_slip(stem_x, stem_y, 9) {
                nhs::SLIP
            } else {
                nhs::DIFFERENT
            };
            // A difference of former numbers says nothing that the present ones do not.
            if current || found < nhs::DIFFERENT {
                level = level.min(found);
            }
        }
    }
    level
}

/// Whether both have a verified number, and whether it is the same.
pub fn verified(a: &Record<'_>, b: &Record<'_>) -> Option<bool> {
    let own = |record: &Record<'_>| record.nhs.first().copied().filter(|word| word & NHS_VERIFIED != 0);
    Some(own(a)? & NHS_STEM == own(b)? & NHS_STEM)
}
