//! How names are put together in each tradition, and what marriage and parenthood do to them.

use super::{
    names::{Names, Tradition, Tradition::*},
    person::Person,
};
use crate::dice::Dice;

/// What somebody is called.
#[derive(Clone, Debug, Default)]
pub(super) struct Called {
    pub given: String,
    pub middle: String,
    pub family: String,
    pub former: String,
    /// What they are called every day where it is neither the forename nor a short form of it.
    pub known_as: String,
}

/// Whether wives usually take their husbands' family name.
pub(super) fn takes_his(tradition: Tradition) -> bool {
    matches!(
        tradition,
        British | Irish | Caribbean | Polish | Romanian | Eastern | Western | Hindu | Nigerian | African | Filipino
    )
}

/// The form of a family name that women bear.
pub(super) fn hers(family: &str, tradition: Tradition) -> String {
    let ends: &[(&str, &str)] = match tradition {
        Polish => &[("ski", "ska"), ("cki", "cka"), ("dzki", "dzka"), ("ny", "na")],
        Eastern => {
            &[("ov", "ova"), ("ev", "eva"), ("auskas", "auskienė"), ("ius", "ienė"), ("iņš", "iņa"), ("ons", "one")]
        }
        _ => &[],
    };
    for (his, hers) in ends {
        if let Some(stem) = family.strip_suffix(his) {
            return format!("{stem}{hers}");
        }
    }
    family.to_owned()
}

/// The form of a family name that men bear.
pub(super) fn his(family: &str, tradition: Tradition) -> String {
    let ends: &[(&str, &str)] = match tradition {
        Polish => &[("ska", "ski"), ("cka", "cki")],
        Eastern => &[("ova", "ov"), ("eva", "ev"), ("auskienė", "auskas")],
        _ => &[],
    };
    for (hers, his) in ends {
        if let Some(stem) = family.strip_suffix(hers) {
            return format!("{stem}{his}");
        }
    }
    family.to_owned()
}

/// All names of somebody born into a family.
pub(super) fn call(
    names: &Names,
    tradition: Tradition,
    female: bool,
    year: i16,
    family: &str,
    dice: &mut Dice,
) -> Called {
    let mut called = Called {
        given: names.given(tradition, female, year, dice),
        family: if female { hers(family, tradition) } else { family.to_owned() },
        ..Called::default()
    };
    match tradition {
        British | Irish | Caribbean => {
            let share = if year < 1945 { 0.62 } else { 0.82 };
            if dice.chance(share) {
                // Middle names are a generation out of fashion.
                called.middle = names.given(tradition, female, year - 25, dice);
                if dice.chance(0.07) {
                    called.middle = format!("{} {}", called.middle, names.given(tradition, female, year - 25, dice));
                } else if dice.chance(0.02) {
                    called.middle = names.family(tradition, dice);
                }
                if dice.chance(if year < 1960 { 0.06 } else { 0.025 }) && !called.middle.contains(' ') {
                    called.known_as = called.middle.clone();
                }
            }
        }
        Sikh => {
            let common = if female { "Kaur" } else { "Singh" };
            if dice.chance(0.35) {
                called.family = common.to_owned();
            } else if dice.chance(0.85) {
                called.middle = common.to_owned();
            }
        }
        Pakistani | Bangladeshi => {
            if female && dice.chance(0.42) {
                // Her second name is her own, and is nobody's family name.
                let own = if tradition == Bangladeshi {
                    *dice.pick_early(&["Begum", "Begum", "Khatun", "Bibi", "Akhter", "Khanam", "Sultana"])
                } else {
                    *dice.pick_early(&["Begum", "Bibi", "Akhtar", "Kausar", "Parveen", "Khatoon", "Bi", "Jan"])
                };
                called.family = own.to_owned();
            } else if !female && dice.chance(0.38) {
                // The Prophet's name comes first, and the second is used.
                let first = *dice.pick_early(&["Mohammed", "Muhammad", "Mohammad", "Mohammed", "Md", "Syed", "Abdul"]);
                if called.given != first {
                    called.middle = std::mem::replace(&mut called.given, first.to_owned());
                    if dice.chance(0.6) {
                        called.known_as = called.middle.clone();
                    }
                }
            } else if dice.chance(0.25) {
                called.middle = names.given(tradition, female, year, dice);
            }
        }
        Somali => called.middle = names.given(tradition, false, year - 30, dice),
        Arab => {
            if dice.chance(0.55) {
                called.middle = names.given(tradition, false, year - 30, dice);
            }
        }
        SouthIndian => {
            if dice.chance(0.35) {
                // No family name: the father's name stands in its place.
                called.family = names.given(tradition, false, year - 30, dice);
            } else if dice.chance(0.06) {
                // One name only, which forms ask for twice.
                called.family = called.given.clone();
            } else if dice.chance(0.3) {
                called.middle = names.given(tradition, false, year - 30, dice);
            }
        }
        Chinese => {
            if dice.chance(0.3) {
                called.known_as = names.adopted(female, year, dice);
            } else if dice.chance(0.2) {
                called.middle = std::mem::replace(&mut called.given, names.adopted(female, year, dice));
            }
        }
        Vietnamese => called.middle = (if female { "Thi" } else { "Van" }).to_owned(),
        Iberian => {
            if !called.family.contains(' ') && dice.chance(0.6) {
                called.family = format!("{} {}", called.family, names.family(tradition, dice));
            }
            if dice.chance(0.4) {
                called.middle = names.given(tradition, female, year, dice);
            }
        }
        Nigerian | African => {
            if dice.chance(0.6) {
                called.middle = names.given(tradition, female, year, dice);
            }
            if dice.chance(0.08) {
                called.known_as = called.middle.clone();
            }
        }
        Filipino => {
            if dice.chance(0.7) {
                called.middle = names.family(tradition, dice);
            }
        }
        _ => {
            if dice.chance(0.3) {
                called.middle = names.given(tradition, female, year, dice);
            }
        }
    }
    if called.middle == called.given {
        called.middle.clear();
    }
    called
}

/// What a child's names owe to its parents: a son called as his father, a father's name in the middle.
pub(super) fn after_parents(
    called: &mut Called,
    female: bool,
    tradition: Tradition,
    father: Option<&Person>,
    mother: Option<&Person>,
    dice: &mut Dice,
) {
    match tradition {
        Somali | Arab => {
            // Father's name, then grandfather's: children share what follows their own.
            if let Some(father) = father {
                called.middle = father.given.clone();
            }
        }
        SouthIndian if dice.chance(0.3) => {
            if let Some(father) = father {
                called.family = father.given.clone();
            }
        }
        British | Irish | Caribbean | Iberian | Filipino | Western => {
            let namesake = if female { mother } else { father };
            if let Some(parent) = namesake {
                let same = if female { 0.003 } else { 0.028 };
                if dice.chance(same) {
                    called.given = parent.given.clone();
                    if dice.chance(0.4) {
                        called.middle = parent.middle.clone();
                    }
                } else if dice.chance(0.18) {
                    called.middle = parent.given.clone();
                }
            }
        }
        _ => {}
    }
    if called.middle == called.given {
        called.middle.clear();
    }
}
