//! Names: of whom, how often, and how they are put together.

mod british;
mod tail;
pub(super) mod variants;
mod world;

use super::person::Person;
use crate::dice::{Dice, real};
use tail::Tail;
use world::Lists;

/// A way of naming that families keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Tradition {
    British,
    Irish,
    Caribbean,
    Polish,
    Romanian,
    Eastern,
    Iberian,
    Western,
    Hindu,
    Sikh,
    SouthIndian,
    Pakistani,
    Bangladeshi,
    Arab,
    Somali,
    Nigerian,
    African,
    Chinese,
    Vietnamese,
    Filipino,
}

use Tradition::*;

const TRADITIONS: [Tradition; 20] = [
    British,
    Irish,
    Caribbean,
    Polish,
    Romanian,
    Eastern,
    Iberian,
    Western,
    Hindu,
    Sikh,
    SouthIndian,
    Pakistani,
    Bangladeshi,
    Arab,
    Somali,
    Nigerian,
    African,
    Chinese,
    Vietnamese,
    Filipino,
];

/// Names with running totals of their weights.
struct Table {
    names: Vec<String>,
    totals: Vec<f64>,
}

impl Table {
    fn new(weighted: impl Iterator<Item = (String, f64)>) -> Self {
        let mut table = Table { names: Vec::new(), totals: Vec::new() };
        let mut total = 0.0;
        for (name, weight) in weighted {
            total += weight;
            table.names.push(name);
            table.totals.push(total);
        }
        table
    }

    /// Commonest first, each about as often as ranks of names are in life: (rank + shift)^-slope.
    fn ranked(text: &str, shift: f64, slope: f64) -> Self {
        let words = text.split_whitespace().map(|word| word.replace('~', " "));
        Table::new(words.zip(1_u64..).map(|(word, rank)| (word, (real(rank) + shift).powf(-slope))))
    }

    fn pick(&self, dice: &mut Dice) -> &str {
        let wanted = dice.unit() * self.totals.last().copied().unwrap_or(0.0);
        let index = self.totals.partition_point(|total| *total <= wanted);
        self.names.get(index).or(self.names.last()).map_or("", String::as_str)
    }
}

struct Tables {
    women: Table,
    men: Table,
    families: Table,
}

/// The first year of the first table of British forenames, and the years that each is for.
const FIRST_YEAR: i16 = 1910;
const YEARS: i16 = 3;
const SPANS: i16 = 40;

/// All tables of names. Made once; about a megabyte.
pub(super) struct Names {
    british: [Vec<Table>; 2],
    british_families: Table,
    traditions: Vec<Tables>,
    tail: Tail,
}

impl Names {
    /// Make the tables.
    pub(super) fn new() -> Self {
        let spans = |text: &str| -> Vec<Table> {
            (0..SPANS).map(|span| of_year(text, f64::from(FIRST_YEAR + span * YEARS + YEARS / 2))).collect()
        };
        Names {
            british: [spans(british::WOMEN), spans(british::MEN)],
            british_families: Table::ranked(british::FAMILIES, 0.15, 0.57),
            traditions: TRADITIONS.iter().map(|t| tables(*t)).collect(),
            tail: Tail::new(),
        }
    }

    fn tables(&self, tradition: Tradition) -> Option<&Tables> {
        TRADITIONS.iter().position(|t| *t == tradition).and_then(|index| self.traditions.get(index))
    }

    /// A forename for somebody born in `year`.
    pub(super) fn given(&self, tradition: Tradition, female: bool, year: i16, dice: &mut Dice) -> String {
        let modern = match tradition {
            // Children of families that have been here long bear British names as often as their own.
            Caribbean if year > 1960 => 0.6,
            Caribbean => 0.4,
            Irish => 0.45,
            Chinese if year > 1985 => 0.35,
            Nigerian | African if year > 1985 => 0.15,
            Western | Iberian | Filipino if year > 2000 => 0.2,
            Polish | Romanian | Eastern if year > 2004 => 0.15,
            Hindu | Sikh if year > 1990 => 0.04,
            _ => 0.0,
        };
        if tradition == British || dice.chance(modern) {
            return self.british_given(female, year, dice);
        }
        let Some(tables) = self.tables(tradition) else { return self.british_given(female, year, dice) };
        let table = if female { &tables.women } else { &tables.men };
        let name = table.pick(dice);
        // Romanisation, and parents' wish for something of their own, spell one name in many ways.
        match variants::transliterated(name, dice) {
            Some(other) if dice.chance(0.45) => other,
            _ => match tradition {
                Chinese if !name.contains(' ') && dice.chance(0.35) => {
                    format!("{name}{}", table.pick(dice).to_lowercase().replace(' ', ""))
                }
                Nigerian if dice.chance(0.12) => yoruba(dice),
                _ => name.to_owned(),
            },
        }
    }

    fn british_given(&self, female: bool, year: i16, dice: &mut Dice) -> String {
        // A name among the hundred commonest was given to nine in ten in 1940 and to half in 2020.
        let rare = match year {
            ..=1944 => 0.05,
            1945..=1964 => 0.08,
            1965..=1984 => 0.11,
            1985..=1999 => 0.19,
            2000..=2009 => 0.30,
            _ => 0.38,
        };
        if dice.chance(rare) {
            return self.tail.given(female, year, dice);
        }
        let span = usize::try_from((year - FIRST_YEAR).clamp(0, SPANS * YEARS - 1) / YEARS).unwrap_or(0);
        let spans = if female { self.british.first() } else { self.british.last() };
        spans.and_then(|spans| spans.get(span)).map_or("Robin", |table| table.pick(dice)).to_owned()
    }

    /// A family name, in the form that men bear.
    pub(super) fn family(&self, tradition: Tradition, dice: &mut Dice) -> String {
        if tradition == British {
            return if dice.chance(0.345) {
                self.british_families.pick(dice).to_owned()
            } else {
                self.tail.family(dice)
            };
        }
        let Some(tables) = self.tables(tradition) else { return self.tail.family(dice) };
        let name = tables.families.pick(dice);
        match tradition {
            Irish if dice.chance(0.25) => self.tail.family(dice),
            Caribbean if dice.chance(0.4) => self.british_families.pick(dice).to_owned(),
            Polish if dice.chance(0.35) => made(&POLISH_STARTS, &POLISH_ENDS, dice),
            Romanian if dice.chance(0.35) => made(&ROMANIAN_STARTS, &["escu", "eanu", "u", "ean", "aru"], dice),
            Eastern if dice.chance(0.4) => made(&EASTERN_STARTS, &["ov", "ev", "enko", "auskas", "ievs", "chuk"], dice),
            SouthIndian if dice.chance(0.3) => made(&TAMIL_STARTS, &TAMIL_ENDS, dice),
            Nigerian if dice.chance(0.3) => yoruba(dice),
            Western if dice.chance(0.5) => made(&WESTERN_STARTS, &WESTERN_ENDS, dice),
            Arab if dice.chance(0.2) => format!("{}{name}", dice.pick(&["Al-", "El-", "Al ", "Abu ", "Ben "]))
                .replace("Al-Al", "Al")
                .replace("El-El", "El")
                .replace("El-Al", "Al")
                .replace("Al-El", "El"),
            _ => match variants::transliterated(name, dice) {
                Some(other) if dice.chance(0.4) => other,
                _ => name.to_owned(),
            },
        }
    }

    /// Whether somebody of the same name turns up among a few dozen others of the same tradition: likelier the commoner
    /// the name.
    pub(super) fn meets_again(&self, person: &Person, dice: &mut Dice) -> bool {
        let year = person.birth.year();
        (0..60).any(|_| self.family(person.tradition, dice) == person.family)
            && (0..90).any(|_| self.given(person.tradition, person.female, year, dice) == person.given)
    }

    /// An English name that somebody with another uses every day.
    pub(super) fn adopted(&self, female: bool, year: i16, dice: &mut Dice) -> String {
        self.british_given(female, year, dice)
    }
}

const POLISH_STARTS: [&str; 34] = [
    "Bor", "Brzez", "Chmiel", "Czaj", "Dab", "Dobrow", "Gaj", "Glow", "Grab", "Janis", "Jarz", "Kal", "Klim", "Kos",
    "Krup", "Kub", "Lip", "Luk", "Mal", "Mil", "Mos", "Niedz", "Ol", "Ost", "Pias", "Rog", "Rudz", "Siem", "Sob",
    "Stach", "Tomasz", "Urban", "Wal", "Zakrz",
];
const POLISH_ENDS: [&str; 10] = ["owski", "ewski", "iński", "czyk", "ak", "ecki", "icki", "ik", "arz", "ka"];
const ROMANIAN_STARTS: [&str; 22] = [
    "Vasil", "Alb", "Ardel", "Bog", "Brat", "Buz", "Chir", "Dobr", "Filip", "Gavril", "Grig", "Iliesc", "Jian", "Mar",
    "Mold", "Negr", "Olt", "Pan", "Petr", "Roman", "Stanc", "Tom",
];
const EASTERN_STARTS: [&str; 24] = [
    "Kov", "Bond", "Pavl", "Rom", "Sav", "Tkach", "Lys", "Mel", "Kuzn", "Leb", "Nov", "Zah", "Hrist", "Kol", "Iv",
    "Mih", "Stank", "Vasil", "Yank", "Jank", "Petr", "Mark", "Rim", "Grig",
];
const TAMIL_STARTS: [&str; 18] = [
    "Siva", "Raja", "Bala", "Kana", "Thiru", "Selva", "Maha", "Jeya", "Nada", "Chandra", "Rama", "Krishna", "Vija",
    "Sri", "Para", "Yoga", "Guna", "Naga",
];
const TAMIL_ENDS: [&str; 14] = [
    "nathan",
    "kumar",
    "ratnam",
    "lingam",
    "swamy",
    "rajah",
    "moorthy",
    "singam",
    "sothy",
    "palan",
    "nayagam",
    "krishnan",
    "karan",
    "subramaniam",
];
const WESTERN_STARTS: [&str; 24] = [
    "Bern", "Cav", "Mont", "Ros", "Grim", "Lind", "Berg", "Holm", "Stein", "Hof", "Kauf", "Zimmer", "Papa", "Christo",
    "Hadji", "Bel", "Cast", "Dela", "Fior", "Mart", "Pell", "Sant", "Val", "Vern",
];
const WESTERN_ENDS: [&str; 18] = [
    "ini", "etti", "elli", "ucci", "aldo", "mann", "er", "berg", "strom", "sen", "poulos", "ides", "ou", "ard", "eau",
    "ier", "stra", "mans",
];

fn made(starts: &[&str], ends: &[&str], dice: &mut Dice) -> String {
    format!("{}{}", dice.pick_early(starts), dice.pick_early(ends))
}

/// Yoruba names are sentences of a few words.
fn yoruba(dice: &mut Dice) -> String {
    const STARTS: [&str; 12] =
        ["Ade", "Olu", "Oluwa", "Ola", "Ayo", "Akin", "Ogun", "Oye", "Fola", "Ife", "Babat", "Omo"];
    const ENDS: [&str; 18] = [
        "wale", "bola", "sola", "tunde", "yinka", "kunle", "seyi", "tobi", "femi", "dele", "niyi", "lade", "toyin",
        "gbenga", "bunmi", "pelumi", "jide", "shola",
    ];
    made(&STARTS, &ENDS, dice)
}

/// British forenames in a year.
fn of_year(text: &str, year: f64) -> Table {
    Table::new(text.split('|').filter_map(|entry| {
        let mut parts = entry.split(' ');
        let name = parts.next()?;
        let mut number = || parts.next().and_then(|n| n.parse::<f64>().ok());
        let (weight, peak, width) = (number()?, number()?, number()?);
        let off = (year - peak) / width;
        // Nobody is wholly out of fashion: one in 200 of the height at any time.
        Some((name.to_owned(), weight * ((-off * off / 2.0).exp() + 0.005)))
    }))
}

fn tables(tradition: Tradition) -> Tables {
    let ranked = |lists: &Lists, shift: f64, slope: f64| Tables {
        women: Table::ranked(lists.women, 4.0, 0.8),
        men: Table::ranked(lists.men, 3.0, 0.85),
        families: Table::ranked(lists.families, shift, slope),
    };
    match tradition {
        British => ranked(&Lists { women: "Mary", men: "John", families: "Smith" }, 0.0, 1.0),
        Irish => ranked(
            &Lists { women: british::IRISH_WOMEN, men: british::IRISH_MEN, families: british::IRISH_FAMILIES },
            2.0,
            0.6,
        ),
        Caribbean => ranked(&world::CARIBBEAN, 2.0, 0.6),
        Polish => ranked(&world::POLISH, 4.0, 0.6),
        Romanian => ranked(&world::ROMANIAN, 3.0, 0.7),
        Eastern => ranked(&world::EASTERN, 5.0, 0.6),
        Iberian => ranked(&world::IBERIAN, 3.0, 0.8),
        Western => ranked(&world::WESTERN, 8.0, 0.5),
        Hindu => ranked(&world::HINDU, 0.1, 1.05),
        Sikh => ranked(&world::SIKH, 2.0, 0.8),
        SouthIndian => ranked(&world::SOUTH_INDIAN, 4.0, 0.7),
        Pakistani => ranked(&world::PAKISTANI, 1.0, 0.95),
        Bangladeshi => ranked(&world::BANGLADESHI, 0.3, 1.1),
        Arab => ranked(&world::ARAB, 3.0, 0.7),
        Somali => ranked(&world::SOMALI, 0.5, 1.0),
        Nigerian => ranked(&world::NIGERIAN, 4.0, 0.6),
        African => ranked(&world::AFRICAN, 2.0, 0.7),
        Chinese => ranked(&world::CHINESE, 2.0, 0.8),
        Vietnamese => ranked(&world::VIETNAMESE, 0.1, 1.2),
        Filipino => ranked(&world::FILIPINO, 3.0, 0.6),
    }
}
