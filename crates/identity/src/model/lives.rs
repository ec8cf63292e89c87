//! What is known of people's lives and names beside what a model learns: who moves, what two names of one person have in common, how
//! long twins live together.

use super::score::CLASSES;
use crate::compare::BothNames;

type Shares = [f64; CLASSES];

/// Where there is a reason for two forenames: how much more usual it is for one person than two forenames for none, and for two
/// people than any two names. In Britain many with a Chinese name use an English one beside it; of the men whose name of honour comes
/// first nearly all use the next, and few sets of twins have one who is called by that name alone; of the initials of a further
/// name one in a dozen is that of another's forename by chance.
pub(crate) fn reasons(both: BothNames) -> (f64, f64) {
    match both {
        BothNames::Adopted => (2.5, 0.4),
        BothNames::Honour => (4.0, 0.25),
        BothNames::Initial => (3.0, 0.4),
    }
}

/// Of the records of one person under two family names, so many are of who is called by a further name in one of them (a father's name,
/// Kaur or Singh, the mother's family's).
const FURTHER_OF_ONE: f64 = 0.25;

/// However many have that further name by chance, it does not speak against one person.
pub(super) fn further_family(shares: &mut Shares, by_chance: f32) {
    let by_chance = f64::from(by_chance).min(FURTHER_OF_ONE);
    let [settled, moved, others @ ..] = shares;
    for share in [settled, moved] {
        *share *= FURTHER_OF_ONE;
    }
    // Who took another family name, too, has it behind her forename by chance alone.
    for share in others {
        *share *= by_chance;
    }
}

/// How many times as often as all people those of an age have moved: the young leave home, study and rent, the old stay (Office for
/// National Statistics, Internal migration in England and Wales, by age). What a source last heard is often years old, so that the
/// ages differ by less than in the moves of one year.
fn moves_at(age: u32) -> f64 {
    match age {
        ..16 => 0.8,
        16..35 => 1.6,
        35..65 => 0.75,
        _ => 0.4,
    }
}

/// However often people move, so many times as many as of all have stayed.
const STAYED_LEAST: f64 = 0.1;

/// What one person of an age may have gone through: moves as often as at that age, and all together as likely as before.
pub(super) fn move_as_at(age: u32, priors: &mut Shares) {
    let times = moves_at(age);
    let [settled, moved, renamed, both, ..] = priors;
    let stayed = *settled + *renamed;
    let more = (*moved + *both) * (times - 1.0);
    let times_stayed = ((stayed - more) / stayed.max(f64::MIN_POSITIVE)).max(STAYED_LEAST);
    for (share, times) in [(moved, times), (both, times), (settled, times_stayed), (renamed, times_stayed)] {
        *share *= times;
    }
}

/// From this age on twins have left home, or never will.
pub const GROWN_UP: u32 = 41;

/// How many twins of an age share a home, against children: fewer with every part of life.
pub(super) fn twins_at_home(age: u32, grown_up: f64) -> f64 {
    match age {
        0..19 => 1.0,
        19..33 => grown_up.sqrt().sqrt(),
        33..GROWN_UP => grown_up.sqrt(),
        _ => grown_up,
    }
}
