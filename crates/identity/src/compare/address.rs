//! Addresses and the practice: of all the addresses of both, the two that agree best.

use super::{Context, MISSING, Pattern, at, level};
use crate::{
    address::house_parts,
    packed::{Address, Record},
    terms::NONE,
    text::within_one,
};
use level::{plain, postcode, street, yes};

type Found = (u8, f32);
const NOTHING: Found = (MISSING, 0.0);

pub(super) fn compare(a: &Record<'_>, b: &Record<'_>, context: &Context<'_>, pattern: &mut Pattern) {
    let mut best: Option<(u32, [Found; 4])> = None;
    for x in a.addresses() {
        for y in b.addresses() {
            let found = [codes(x, y, context), streets(x, y, context), places(x, y, context), regions(x, y, context)];
            let [(code, _), (road, _), (place, _), _] = found;
            let rank = u32::from(code.min(6)) * 16 + u32::from(road.min(6)) * 16 + u32::from(place.min(3));
            if best.as_ref().is_none_or(|(known, _)| rank < *known) {
                best = Some((rank, found));
            }
        }
    }
    if let Some((_, [code, road, place, region])) = best {
        pattern.set(at::POSTCODE, code.0, code.1);
        pattern.set(at::STREET, road.0, road.1);
        pattern.set(at::PLACE, place.0, place.1);
        pattern.set(at::REGION, region.0, region.1);
    }
    if let (Some(x), Some(y)) = (a.practice, b.practice) {
        let (level, share) = if x == y { (yes::SAME, context.term(x)) } else { (yes::DIFFERENT, 0.0) };
        pattern.set(at::PRACTICE, level, share);
    }
}

fn codes(a: Address, b: Address, context: &Context<'_>) -> Found {
    if a.postcode == NONE || b.postcode == NONE {
        return NOTHING;
    }
    if a.postcode == b.postcode {
        return (postcode::SAME, context.term(a.postcode));
    }
    let (Some(x), Some(y)) = (context.lexicon.get(a.postcode), context.lexicon.get(b.postcode)) else {
        return (postcode::DIFFERENT, 0.0);
    };
    let level = match (outward(&x.text), outward(&y.text)) {
        _ if x.text.len().min(y.text.len()) >= 4 && within_one(&x.text, &y.text) => postcode::SLIP,
        (Some(o), Some(p)) if o == p => {
            if x.text.get(..o.len() + 1) == y.text.get(..o.len() + 1) {
                postcode::SECTOR
            } else {
                postcode::DISTRICT
            }
        }
        (None, None) if x.text.get(..2) == y.text.get(..2) => postcode::DISTRICT,
        _ => postcode::DIFFERENT,
    };
    (level, 0.0)
}

/// The outward code of a British postcode: all but the last three characters, which are a digit and two letters.
pub(crate) fn outward(code: &str) -> Option<&str> {
    let (outward, inward) = code.split_at_checked(code.len().checked_sub(3)?)?;
    let fits = matches!(inward.as_bytes(), [b'0'..=b'9', b'A'..=b'Z', b'A'..=b'Z']);
    (fits && (2..=4).contains(&outward.len())).then_some(outward)
}

fn streets(a: Address, b: Address, context: &Context<'_>) -> Found {
    let houses = houses(a.house, b.house);
    if a.street == NONE || b.street == NONE {
        return NOTHING;
    }
    if a.street == b.street {
        let share = context.term(a.street);
        return match houses {
            // About one house in fifty has a given number.
            Some(true) => (street::SAME, share / 50.0),
            None => (street::NO_NUMBER, share),
            Some(false) => (street::NEIGHBOUR, share),
        };
    }
    let (Some(x), Some(y)) = (context.lexicon.get(a.street), context.lexicon.get(b.street)) else {
        return (street::DIFFERENT, 0.0);
    };
    // A street in the place of the village, and the other way about: lines slip.
    let crossed = |street: &str, other: Address| {
        let place = context.lexicon.get(other.locality).or_else(|| context.lexicon.get(other.place));
        place.is_some_and(|place| street == &*place.text || super::names::alike(street, &place.text, 6, 0.94))
    };
    let alike = super::names::alike(&x.text, &y.text, 4, 0.9)
        || same_name(&x.text, &y.text)
        || crossed(&x.text, b) && crossed(&y.text, a);
    match (alike, houses) {
        (true, Some(true) | None) => (street::NEAR, 0.0),
        (_, Some(true)) => (street::NUMBER, 0.0),
        (true, Some(false)) => (street::NEIGHBOUR, 0.0),
        (false, _) => (street::DIFFERENT, 0.0),
    }
}

/// `high-st` and `high-rd`, `high` and `high-st`.
fn same_name(a: &str, b: &str) -> bool {
    let stem = |text: &str| text.rsplit_once('-').map_or(text.len(), |(stem, _)| stem.len());
    let (x, y) = (a.get(..stem(a)).unwrap_or_default(), b.get(..stem(b)).unwrap_or_default());
    x.len() >= 4 && (x == y || x == b) || y.len() >= 4 && y == a
}

/// Whether two houses are the same; nothing where one has no number.
fn houses(a: u32, b: u32) -> Option<bool> {
    let ((x, x_letter, x_flat), (y, y_letter, y_flat)) = (house_parts(a), house_parts(b));
    if x == 0 || y == 0 {
        return None;
    }
    let letters = x_letter == y_letter || x_letter == 0 || y_letter == 0;
    let flats = x_flat == y_flat || x_flat == 0 || y_flat == 0;
    Some(x == y && letters && flats)
}

fn places(a: Address, b: Address, context: &Context<'_>) -> Found {
    let named = |address: Address| [address.place, address.locality].into_iter().filter(|id| *id != NONE);
    let mut best = NOTHING;
    for x in named(a) {
        for y in named(b) {
            if x == y {
                let share = context.term(x);
                if best.0 != plain::SAME || share < best.1 {
                    best = (plain::SAME, share);
                }
            } else if best.0 > plain::SLIP {
                let near = match (context.lexicon.get(x), context.lexicon.get(y)) {
                    (Some(x), Some(y)) => super::names::alike(&x.text, &y.text, 4, 0.9),
                    _ => false,
                };
                best.0 = best.0.min(if near { plain::SLIP } else { plain::DIFFERENT });
            }
        }
    }
    best
}

fn regions(a: Address, b: Address, context: &Context<'_>) -> Found {
    if a.region == NONE || b.region == NONE {
        return NOTHING;
    }
    if a.region == b.region { (yes::SAME, context.term(a.region)) } else { (yes::DIFFERENT, 0.0) }
}
