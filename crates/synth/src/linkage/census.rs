//! Which households there are, how old people are in them and of what origin: England in the 2021 census (ONS, Open
//! Government Licence), rounded.

use super::{names::Tradition, place::Quarter};
use crate::dice::Dice;

/// A kind of household with its share of all households (census table TS003, and care homes and prisons by their
/// residents), and the ages of its head as weights of five-year bands from 15.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    AloneOld,
    AloneYoung,
    CoupleOld,
    Couple,
    CoupleChildren,
    CoupleGrown,
    LoneParent,
    LoneGrown,
    ThreeGenerations,
    Sharers,
    CareHome,
    Prison,
    Hostel,
    Halls,
}

use Form::*;

/// Shares of households, per 10,000.
pub(super) const FORMS: [(Form, f64); 14] = [
    (AloneOld, 1_350.0),
    (AloneYoung, 1_700.0),
    (CoupleOld, 1_080.0),
    (Couple, 1_700.0),
    (CoupleChildren, 1_900.0),
    (CoupleGrown, 720.0),
    (LoneParent, 660.0),
    (LoneGrown, 450.0),
    (ThreeGenerations, 180.0),
    (Sharers, 240.0),
    (CareHome, 4.4),
    (Prison, 0.12),
    (Hostel, 1.1),
    (Halls, 1.2),
];

/// The form of a household.
pub(super) fn form(dice: &mut Dice) -> Form {
    let index = dice.weighted(FORMS.iter().map(|form| form.1));
    FORMS.get(index).map_or(Couple, |form| form.0)
}

/// The age of a household's head.
pub(super) fn head_age(form: Form, dice: &mut Dice) -> f64 {
    let bands: &[(f64, f64, f64)] = match form {
        AloneOld => &[
            (66.0, 70.0, 21.0),
            (70.0, 75.0, 25.0),
            (75.0, 80.0, 23.0),
            (80.0, 85.0, 17.0),
            (85.0, 90.0, 11.0),
            (90.0, 100.0, 6.0),
        ],
        AloneYoung => {
            &[(18.0, 25.0, 4.0), (25.0, 35.0, 17.0), (35.0, 45.0, 19.0), (45.0, 55.0, 25.0), (55.0, 66.0, 35.0)]
        }
        CoupleOld => {
            &[(65.0, 70.0, 28.0), (70.0, 75.0, 30.0), (75.0, 80.0, 23.0), (80.0, 85.0, 12.0), (85.0, 95.0, 7.0)]
        }
        Couple => &[
            (20.0, 25.0, 5.0),
            (25.0, 30.0, 13.0),
            (30.0, 35.0, 13.0),
            (35.0, 45.0, 9.0),
            (45.0, 55.0, 21.0),
            (55.0, 66.0, 39.0),
        ],
        CoupleChildren => {
            &[(22.0, 28.0, 4.0), (28.0, 34.0, 17.0), (34.0, 40.0, 26.0), (40.0, 46.0, 28.0), (46.0, 56.0, 25.0)]
        }
        CoupleGrown => {
            &[(45.0, 50.0, 12.0), (50.0, 55.0, 32.0), (55.0, 60.0, 32.0), (60.0, 66.0, 18.0), (66.0, 80.0, 6.0)]
        }
        LoneParent => &[(18.0, 25.0, 5.0), (25.0, 32.0, 20.0), (32.0, 40.0, 33.0), (40.0, 54.0, 42.0)],
        LoneGrown => &[(42.0, 50.0, 16.0), (50.0, 60.0, 44.0), (60.0, 70.0, 22.0), (70.0, 90.0, 18.0)],
        ThreeGenerations => &[(26.0, 34.0, 30.0), (34.0, 44.0, 50.0), (44.0, 52.0, 20.0)],
        Sharers => &[(19.0, 23.0, 45.0), (23.0, 28.0, 30.0), (28.0, 36.0, 25.0)],
        CareHome => &[(60.0, 75.0, 14.0), (75.0, 85.0, 32.0), (85.0, 92.0, 36.0), (92.0, 104.0, 18.0)],
        Prison => &[(18.0, 25.0, 16.0), (25.0, 35.0, 34.0), (35.0, 50.0, 34.0), (50.0, 75.0, 16.0)],
        Hostel => &[(18.0, 30.0, 30.0), (30.0, 50.0, 50.0), (50.0, 66.0, 20.0)],
        Halls => &[(18.0, 21.0, 88.0), (21.0, 25.0, 12.0)],
    };
    let (from, to, _) = bands.get(dice.weighted(bands.iter().map(|band| band.2))).copied().unwrap_or((30.0, 60.0, 1.0));
    dice.between(from, to)
}

/// How many of a household's residents there are where they are not a family.
pub(super) fn residents(form: Form, dice: &mut Dice) -> u64 {
    let (from, to) = match form {
        Sharers => (2, 5),
        CareHome => (18, 60),
        Prison => (150, 400),
        Hostel => (10, 40),
        Halls => (60, 180),
        _ => (1, 1),
    };
    from + dice.below(to - from + 1)
}

/// Ethnic categories other than A with their shares of England's people, and by quarter's community (Pakistani,
/// Indian, Bangladeshi, African and Caribbean, European) how many times more they are there.
const OTHERS: [(char, f64, [f64; 5]); 15] = [
    ('B', 0.9, [1.0, 1.0, 1.0, 1.0, 1.0]),
    ('C', 6.6, [0.7, 0.7, 0.7, 0.8, 2.2]),
    ('D', 0.6, [1.0, 1.0, 1.0, 2.0, 1.0]),
    ('E', 0.2, [1.0, 1.0, 1.0, 2.0, 1.0]),
    ('F', 0.5, [1.0, 1.0, 1.0, 1.0, 1.0]),
    ('G', 0.5, [1.0, 1.0, 1.0, 1.0, 1.0]),
    ('H', 3.4, [1.0, 4.0, 0.8, 0.6, 0.6]),
    ('J', 2.5, [5.0, 1.0, 1.0, 0.6, 0.6]),
    ('K', 1.0, [1.0, 0.8, 9.0, 0.8, 0.6]),
    ('L', 1.7, [1.0, 1.5, 1.0, 1.0, 1.0]),
    ('M', 1.2, [0.8, 0.8, 0.8, 3.5, 0.8]),
    ('N', 2.5, [0.8, 0.7, 1.0, 3.5, 0.9]),
    ('P', 0.5, [0.8, 0.7, 1.0, 3.0, 0.9]),
    ('R', 0.9, [0.6, 1.0, 0.8, 0.8, 1.0]),
    ('S', 2.2, [1.0, 0.8, 1.0, 1.0, 1.2]),
];

/// The ethnic category of somebody of this age who heads a household in a quarter.
pub(super) fn ethnicity(quarter: Quarter, age: f64, dice: &mut Dice) -> char {
    let (share, community) = match quarter {
        Quarter::Shire => (0.125, None),
        Quarter::Town => (0.28, None),
        Quarter::Diverse(community) => (0.66, usize::try_from(community).ok()),
    };
    let by_age = match age {
        ..45.0 => 1.18,
        ..65.0 => 0.92,
        ..75.0 => 0.50,
        _ => 0.35,
    };
    if !dice.chance(f64::min(share * by_age, 0.92)) {
        return 'A';
    }
    let weight = |row: &(char, f64, [f64; 5])| {
        let times = community.and_then(|c| row.2.get(c)).copied().unwrap_or(1.0);
        // The Irish came earlier than others, most Europeans later.
        let when = match (row.0, age) {
            ('B', 65.0..) => 6.0,
            ('C', 65.0..) => 0.6,
            ('M', 60.0..) => 2.5,
            _ => 1.0,
        };
        row.1 * times * when
    };
    OTHERS.get(dice.weighted(OTHERS.iter().map(weight))).map_or('A', |row| row.0)
}

/// A child's category from its parents'.
pub(super) fn child_of(mother: char, father: char) -> char {
    if mother == father {
        return mother;
    }
    let white = |c: char| matches!(c, 'A' | 'B' | 'C');
    let other = if white(mother) { father } else { mother };
    match (white(mother) || white(father), other) {
        (true, 'M' | 'D') => 'D',
        (true, 'N' | 'E') => 'E',
        (true, 'H' | 'J' | 'K' | 'L' | 'F') => 'F',
        (true, c) if white(c) => 'A',
        _ => 'G',
    }
}

/// The naming tradition of somebody in a category.
pub(super) fn tradition(category: char, dice: &mut Dice) -> Tradition {
    use Tradition::*;
    let table: &[(Tradition, f64)] = match category {
        'A' => &[(British, 95.0), (Irish, 4.0), (Western, 1.0)],
        'B' => &[(Irish, 1.0)],
        'C' => &[(Polish, 24.0), (Romanian, 18.0), (Eastern, 18.0), (Iberian, 14.0), (Western, 26.0)],
        'D' | 'M' => &[(Caribbean, 90.0), (British, 10.0)],
        'E' | 'N' => &[(Nigerian, 36.0), (African, 46.0), (Somali, 18.0)],
        'F' => &[(British, 40.0), (Hindu, 25.0), (Pakistani, 25.0), (SouthIndian, 10.0)],
        'G' => &[(British, 35.0), (Iberian, 20.0), (Western, 15.0), (Arab, 15.0), (Filipino, 15.0)],
        'H' => &[(Hindu, 50.0), (Sikh, 30.0), (SouthIndian, 12.0), (Pakistani, 8.0)],
        'J' => &[(Pakistani, 1.0)],
        'K' => &[(Bangladeshi, 1.0)],
        'L' => &[(SouthIndian, 42.0), (Filipino, 22.0), (Arab, 16.0), (Hindu, 10.0), (Vietnamese, 10.0)],
        'P' => &[(Caribbean, 45.0), (Nigerian, 25.0), (African, 15.0), (Somali, 15.0)],
        'R' => &[(Chinese, 1.0)],
        _ => &[(Arab, 46.0), (Vietnamese, 8.0), (Iberian, 14.0), (Western, 22.0), (Filipino, 10.0)],
    };
    table.get(dice.weighted(table.iter().map(|row| row.1))).map_or(British, |row| row.0)
}
