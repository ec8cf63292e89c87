//! Names as England wears them: own lists, commonest first within each, by background and by when one was born.
//! They are ordinary names; nobody in particular is meant.

mod lists;

use crate::dice::Dice;
use lists::{
    AFRICAN_F, AFRICAN_FAMILIES, AFRICAN_M, ARAB_FAMILIES, BEFORE_1945_F, BEFORE_1945_M, BRITISH_FAMILIES,
    CARIBBEAN_FAMILIES, CHINESE_F, CHINESE_FAMILIES, CHINESE_M, EUROPEAN_F, EUROPEAN_FAMILIES, EUROPEAN_M, FROM_1945_F,
    FROM_1945_M, FROM_1965_F, FROM_1965_M, FROM_1985_F, FROM_1985_M, FROM_2002_F, FROM_2002_M, HINDU_SIKH_F,
    HINDU_SIKH_FAMILIES, HINDU_SIKH_M, IRISH_F, IRISH_FAMILIES, IRISH_M, MUSLIM_F, MUSLIM_FAMILIES, MUSLIM_M,
};

/// The backgrounds that names are drawn from; several ethnic categories share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Naming {
    British,
    Irish,
    European,
    SouthAsianHinduSikh,
    SouthAsianMuslim,
    Chinese,
    African,
    Caribbean,
    Arab,
}

/// Where the names of an ethnic category (NHS Data Dictionary) come from.
pub(crate) fn naming(category: char, dice: &mut Dice) -> Naming {
    match category {
        'B' => Naming::Irish,
        'C' => Naming::European,
        'H' => {
            if dice.chance(0.13) {
                Naming::SouthAsianMuslim
            } else {
                Naming::SouthAsianHinduSikh
            }
        }
        'J' | 'K' => Naming::SouthAsianMuslim,
        'L' => {
            if dice.chance(0.5) {
                Naming::SouthAsianMuslim
            } else {
                Naming::SouthAsianHinduSikh
            }
        }
        'R' => Naming::Chinese,
        'N' => Naming::African,
        'M' | 'P' => Naming::Caribbean,
        'S' => Naming::Arab,
        'D' => {
            if dice.chance(0.4) {
                Naming::Caribbean
            } else {
                Naming::British
            }
        }
        'E' => {
            if dice.chance(0.5) {
                Naming::African
            } else {
                Naming::British
            }
        }
        'F' => {
            if dice.chance(0.4) {
                Naming::SouthAsianHinduSikh
            } else {
                Naming::British
            }
        }
        'G' => {
            if dice.chance(0.4) {
                Naming::European
            } else {
                Naming::British
            }
        }
        _ => Naming::British,
    }
}

/// A family name.
pub(crate) fn family(naming: Naming, dice: &mut Dice) -> &'static str {
    let list: &'static [&'static str] = match naming {
        Naming::British => BRITISH_FAMILIES,
        Naming::Irish => IRISH_FAMILIES,
        Naming::European => EUROPEAN_FAMILIES,
        Naming::SouthAsianHinduSikh => HINDU_SIKH_FAMILIES,
        Naming::SouthAsianMuslim => MUSLIM_FAMILIES,
        Naming::Chinese => CHINESE_FAMILIES,
        Naming::African => AFRICAN_FAMILIES,
        Naming::Caribbean => CARIBBEAN_FAMILIES,
        Naming::Arab => ARAB_FAMILIES,
    };
    dice.pick_early::<&'static str>(list)
}

/// A given name for someone of this background and sex, born in this year.
pub(crate) fn given(naming: Naming, female: bool, born: i16, dice: &mut Dice) -> &'static str {
    let list: &'static [&'static str] = match (naming, female) {
        (Naming::British, _) | (Naming::Caribbean, _) => match (born, female) {
            (..=1944, true) => BEFORE_1945_F,
            (..=1944, false) => BEFORE_1945_M,
            (1945..=1964, true) => FROM_1945_F,
            (1945..=1964, false) => FROM_1945_M,
            (1965..=1984, true) => FROM_1965_F,
            (1965..=1984, false) => FROM_1965_M,
            (1985..=2001, true) => FROM_1985_F,
            (1985..=2001, false) => FROM_1985_M,
            (_, true) => FROM_2002_F,
            (_, false) => FROM_2002_M,
        },
        (Naming::Irish, true) => IRISH_F,
        (Naming::Irish, false) => IRISH_M,
        (Naming::European, true) => EUROPEAN_F,
        (Naming::European, false) => EUROPEAN_M,
        (Naming::SouthAsianHinduSikh, true) => HINDU_SIKH_F,
        (Naming::SouthAsianHinduSikh, false) => HINDU_SIKH_M,
        (Naming::SouthAsianMuslim | Naming::Arab, true) => MUSLIM_F,
        (Naming::SouthAsianMuslim | Naming::Arab, false) => MUSLIM_M,
        (Naming::Chinese, true) => CHINESE_F,
        (Naming::Chinese, false) => CHINESE_M,
        (Naming::African, true) => AFRICAN_F,
        (Naming::African, false) => AFRICAN_M,
    };
    dice.pick_early::<&'static str>(list)
}

/// What a person is called by friends, where the given name has a usual short form.
pub(crate) fn short_form(given: &str) -> Option<&'static str> {
    Some(match given {
        "William" => "Bill",
        "Robert" => "Bob",
        "Richard" => "Dick",
        "Margaret" => "Peggy",
        "Elizabeth" => "Betty",
        "Dorothy" => "Dot",
        "Patricia" => "Pat",
        "James" => "Jim",
        "John" => "Jack",
        "Edward" => "Ted",
        "Katherine" | "Catherine" | "Kathleen" => "Kath",
        "Christopher" => "Chris",
        "Michael" => "Mike",
        "Susan" => "Sue",
        "Christine" => "Chris",
        "Ronald" => "Ron",
        "Frederick" => "Fred",
        "Albert" => "Bert",
        "Anthony" => "Tony",
        "Thomas" => "Tom",
        "Samuel" => "Sam",
        "Rebecca" => "Becky",
        "Victoria" => "Vicky",
        "Alexander" => "Alex",
        _ => return None,
    })
}

/// Another way the same name is written, as a different clerk would.
pub(crate) fn variant(name: &str) -> Option<&'static str> {
    Some(match name {
        "Catherine" => "Katherine",
        "Katherine" => "Catherine",
        "Stephen" => "Steven",
        "Steven" => "Stephen",
        "Philip" => "Phillip",
        "Ann" => "Anne",
        "Anne" => "Ann",
        "Geoffrey" => "Jeffrey",
        "Alan" => "Allan",
        "Graham" => "Graeme",
        "Lesley" => "Leslie",
        "Jonathan" => "Jonathon",
        "Sarah" => "Sara",
        "Isabel" => "Isobel",
        "Clare" => "Claire",
        "Claire" => "Clare",
        "Mohammed" => "Muhammad",
        "Muhammad" => "Mohamed",
        "Mohammad" => "Mohammed",
        "Fatima" => "Fatimah",
        "Aisha" => "Ayesha",
        "Smith" => "Smyth",
        "Brown" => "Browne",
        "Clark" => "Clarke",
        "Clarke" => "Clark",
        "Davis" => "Davies",
        "Davies" => "Davis",
        "Read" => "Reid",
        "Reid" => "Read",
        "Stevens" => "Stephens",
        "Stephens" => "Stevens",
        "Thompson" => "Thomson",
        "Thomson" => "Thompson",
        "Green" => "Greene",
        "Moore" => "More",
        "Hussain" => "Hussein",
        "Ahmed" => "Ahmad",
        "Ahmad" => "Ahmed",
        "Chowdhury" => "Choudhury",
        "Begum" => "Begam",
        "Mc Donald" => "McDonald",
        "McDonald" => "MacDonald",
        "O'Brien" => "OBrien",
        "O'Connor" => "OConnor",
        "O'Neill" => "O'Neil",
        "Shaw" => "Shore",
        "Pearce" => "Pierce",
        "Hughes" => "Hughs",
        "Matthews" => "Mathews",
        "Lawrence" => "Laurence",
        _ => return None,
    })
}
