//! Columns that say where somebody lives, whatever they are called: people of one household share the value, so that it speaks for
//! each of them as much as for the one who is meant. Names and address say that already; weighed once more it makes one person of
//! twins, and of father and son.

use super::{
    columns::Columns,
    rows::{self, Plain, Values},
};
use identity::PatientFacts;
use std::collections::HashMap;

/// Pairs of people of one household from which a column is judged.
const PAIRS_LEAST: usize = 12;
/// A value is a household's where at least so many of these pairs share it,
const SHARE: f64 = 0.3;
/// and so many times as many as of any two people.
const TIMES: f64 = 3.0;
/// So many of these pairs, to each of one person who is in the file twice, are still two people.
const AGAIN: usize = 4;
/// People under one roof and family name, beyond whom it is no household.
const HOUSEHOLD_MAX: usize = 8;

/// Pairs of rows of one household and two people: one family name, one home, other forenames and other birthdays.
pub struct Households(Vec<(usize, usize)>);

impl Households {
    /// Find them among these rows.
    pub fn of(columns: &Columns, rows: &[Values]) -> Households {
        let people: Vec<PatientFacts> =
            rows.iter().map(|values| rows::facts(columns, &[], &Plain::default(), values)).collect();
        let mut homes: HashMap<String, Vec<usize>> = HashMap::new();
        for (row, facts) in people.iter().enumerate() {
            if let Some(home) = home(facts) {
                homes.entry(home).or_default().push(row);
            }
        }
        let (mut pairs, mut again) = (Vec::new(), 0_usize);
        for home in homes.values().filter(|home| home.len() <= HOUSEHOLD_MAX) {
            for (at, a) in home.iter().enumerate() {
                for b in home.iter().skip(at + 1) {
                    let (Some(x), Some(y)) = (people.get(*a), people.get(*b)) else { continue };
                    let forename = |facts: &PatientFacts| facts.givens.first().map(|name| folded(name));
                    match (forename(x), forename(y), x.birth, y.birth) {
                        (Some(p), Some(q), Some(then), Some(other)) if p != q && then != other => pairs.push((*a, *b)),
                        (Some(p), Some(q), Some(then), Some(other)) => again += usize::from(p == q && then == other),
                        _ => (),
                    }
                }
            }
        }
        // Of a file that has people more than once, two with mistakes in forename and birthday are mostly one.
        if again * AGAIN >= pairs.len() {
            pairs.clear();
        }
        Households(pairs)
    }

    /// Whether the values at this place are a household's. Not where too few live together among these rows to tell.
    pub fn share(&self, place: usize, rows: &[Values]) -> bool {
        let value = |row: usize| {
            rows.get(row).and_then(|row| row.get(place)).map(|value| value.trim()).filter(|value| !value.is_empty())
        };
        let (mut pairs, mut same) = (0_u32, 0_u32);
        for (a, b) in &self.0 {
            if let (Some(a), Some(b)) = (value(*a), value(*b)) {
                pairs += 1;
                same += u32::from(a == b);
            }
        }
        if (pairs as usize) < PAIRS_LEAST {
            return false;
        }
        let mut counted: HashMap<&str, f64> = HashMap::new();
        (0..rows.len()).filter_map(value).for_each(|value| *counted.entry(value).or_default() += 1.0);
        let all: f64 = counted.values().sum();
        let chance: f64 = counted.values().map(|count| (count / all).powi(2)).sum();
        let share = f64::from(same) / f64::from(pairs);
        share >= SHARE && share >= TIMES * chance
    }
}

/// Family name and home; nothing where either is not known.
fn home(facts: &PatientFacts) -> Option<String> {
    let family = facts.families.first()?;
    let address = facts.addresses.first()?;
    let place = address.postcode.as_ref().or_else(|| address.lines.first())?;
    Some(format!("{}\0{}", folded(family), folded(place)))
}

fn folded(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::identity::columns::Said;

    /// A region where two of each three live with one of their family: of what is the house's, the person's and nobody's.
    #[test]
    fn what_a_house_shares_is_told_from_what_is_a_persons() {
        let names = ["id", "forename", "surname", "dob", "postcode", "plot", "card", "blood_group", "colour"];
        let columns = Columns::recognise(names.map(str::to_owned).to_vec(), &Said::default(), "people.csv").unwrap();
        let rows: Vec<Values> = (0..120_usize)
            .map(|person| {
                let home = person / 2;
                [
                    format!("{person}"),
                    format!("Name{}", person % 7),
                    format!("Family{home}"),
                    format!("19{:02}-03-0{}", 40 + person % 50, 1 + person % 9),
                    format!("LS{} 1AA", home),
                    format!("plot {home}"),
                    format!("card {person}"),
                    ["A", "B", "0", "AB"][person % 4].to_owned(),
                    "green".to_owned(),
                ]
                .to_vec()
            })
            .collect();
        let households = Households::of(&columns, &rows);
        let shared: Vec<bool> = (5..9).map(|place| households.share(place, &rows)).collect();
        assert_eq!(shared, [true, false, false, false]);
        let twice: Vec<Values> = rows.iter().flat_map(|row| [row.clone(), row.clone()]).collect();
        assert!(!Households::of(&columns, &twice).share(5, &twice), "a file of duplicates tells nothing");
        let few = Households::of(&columns, &rows[..20]);
        assert!(!few.share(5, &rows[..20]), "ten pairs tell nothing");
    }
}
