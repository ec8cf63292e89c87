//! How often the decisions were right, overall and by group: linkage must not be worse for some people than for others.

use super::{
    output,
    people::{Asked, Ids},
};
use crate::say;
use identity::{Pair, PatientFacts};
use serde::Serialize;
use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
};

/// True pairs: what is right for each of the incoming.
pub struct Truth {
    path: PathBuf,
    pairs: HashMap<String, String>,
}

impl Truth {
    /// Whether it speaks of these files: of ids that neither has, every figure would be nought.
    ///
    /// # Errors
    /// One line that says which ids are not there.
    pub fn check(&self, index: &Ids, incoming: &Ids) -> Result<(), String> {
        let (known, asked) = (index.places(), incoming.places());
        let wrong =
            self.pairs.iter().filter(|(b, a)| !known.contains_key(a.as_str()) || !asked.contains_key(b.as_str()));
        let (count, first) =
            wrong.fold((0_usize, None), |(count, first), pair| (count + 1, first.min(Some(pair)).or(Some(pair))));
        let Some((b, a)) = first.filter(|_| count * 2 > self.pairs.len()) else { return Ok(()) };
        Err(format!(
            "{}: {count} of {} pairs name ids that the files have not (the index '{a}', the incoming '{b}'): columns are id_a, of \
             the index, and id_b, of the incoming, or are called index and incoming",
            self.path.display(),
            self.pairs.len()
        ))
    }

    /// Read them: the first column is the id in the index, the second the id of the incoming.
    ///
    /// # Errors
    /// One line that says why it cannot be read.
    pub fn read(path: &Path) -> Result<Truth, String> {
        let mut table = super::table::open(path)?;
        let folded: Vec<String> = table.names.iter().map(|name| name.to_lowercase()).collect();
        let place = |words: [&str; 2], or: usize| {
            folded.iter().position(|name| words.iter().any(|word| name.contains(word))).unwrap_or(or)
        };
        let (incoming, index) = (place(["incoming", "id_b"], 1), place(["index", "id_a"], 0));
        let mut pairs = HashMap::new();
        loop {
            let rows = table.next(10_000)?;
            if rows.is_empty() {
                return Ok(Truth { path: path.to_owned(), pairs });
            }
            for row in rows {
                if let (Some(a), Some(b)) = (row.get(index), row.get(incoming)) {
                    pairs.insert(b.clone(), a.clone());
                }
            }
        }
    }
}

#[derive(Default, Serialize)]
struct Line {
    group: String,
    value: String,
    people: usize,
    known: usize,
    right: usize,
    wrong: usize,
    missed: usize,
    /// Of the missed, those whose own record somebody is asked about: not linked, and not lost.
    held: usize,
    review: usize,
    precision: f64,
    recall: f64,
}

impl Line {
    fn finish(&mut self) {
        #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
        let share = |part: usize, all: usize| (part as f64 / all.max(1) as f64 * 1e5).round() / 1e5;
        self.precision = share(self.right, self.right + self.wrong);
        self.recall = share(self.right, self.known);
    }
}

/// Print the report.
pub fn print(truth: &Truth, pairs: &[Pair], ids: &Ids, people: &Asked, json: bool) {
    if !json {
        say::line(&format!(
            "{:<10} {:<28} {:>8} {:>8} {:>7} {:>7} {:>7} {:>8} {:>9} {:>9}",
            "group", "", "people", "known", "wrong", "missed", "held", "review", "precision", "recall"
        ));
    }
    for line in reckon(truth, pairs, ids, people) {
        if json {
            say::line(&serde_json::to_string(&line).unwrap_or_default());
            continue;
        }
        say::line(&format!(
            "{:<10} {:<28} {:>8} {:>8} {:>7} {:>7} {:>7} {:>8} {:>9.5} {:>9.5}",
            line.group,
            line.value,
            line.people,
            line.known,
            line.wrong,
            line.missed,
            line.held,
            line.review,
            line.precision,
            line.recall
        ));
    }
}

fn reckon(truth: &Truth, pairs: &[Pair], ids: &Ids, people: &Asked) -> Vec<Line> {
    let mut linked: HashMap<u32, Vec<&str>> = HashMap::new();
    let mut review: HashMap<u32, Vec<&str>> = HashMap::new();
    for pair in pairs {
        if pair.link {
            linked.entry(pair.b).or_default().push(ids.get(pair.a));
        } else if output::decision(pair, 0.05) == "review" {
            review.entry(pair.b).or_default().push(ids.get(pair.a));
        }
    }
    let latest = people.facts.iter().filter_map(|facts| facts.birth).map(|birth| birth.year()).max().unwrap_or(0);
    let mut lines: BTreeMap<(String, String), Line> = BTreeMap::new();
    for (row, facts) in (0_u32..).zip(&people.facts) {
        let right = truth.pairs.get(people.ids.get(row));
        let said = linked.get(&row).map_or(&[][..], Vec::as_slice);
        let asked = review.get(&row).map_or(&[][..], Vec::as_slice);
        let hit = right.is_some_and(|right| said.contains(&right.as_str()));
        let held = !hit && right.is_some_and(|right| asked.contains(&right.as_str()));
        let ethnicity = people.ethnicities.get(row as usize).filter(|value| !value.is_empty());
        let groups = [
            ("all", String::new()),
            ("age", age(facts, latest)),
            ("sex", facts.gender.clone().unwrap_or_else(|| "not stated".into())),
            ("ethnicity", ethnicity.cloned().unwrap_or_else(|| "not stated".into())),
            ("missing", missing(facts)),
        ];
        for (group, value) in groups {
            let line = lines.entry((group.to_owned(), value.clone())).or_insert_with(|| Line {
                group: group.to_owned(),
                value,
                ..Line::default()
            });
            line.people += 1;
            line.known += usize::from(right.is_some());
            line.right += usize::from(hit);
            line.wrong += said.len() - usize::from(hit);
            line.missed += usize::from(right.is_some() && !hit);
            line.held += usize::from(held);
            line.review += asked.len();
        }
    }
    lines.values_mut().for_each(Line::finish);
    lines.into_values().collect()
}

fn age(facts: &PatientFacts, latest: i16) -> String {
    let Some(birth) = facts.birth else { return "not stated".into() };
    match latest - birth.year() {
        ..1 => "under 1",
        1..16 => "1 to 15",
        16..30 => "16 to 29",
        30..50 => "30 to 49",
        50..70 => "50 to 69",
        70..85 => "70 to 84",
        _ => "85 and over",
    }
    .into()
}

fn missing(facts: &PatientFacts) -> String {
    let postcode = facts.addresses.iter().any(|address| address.postcode.is_some()) || facts.postcode.is_some();
    let lacks = [
        (facts.nhs_number.is_none(), "NHS number"),
        (facts.birth.is_none(), "birth date"),
        (facts.givens.is_empty(), "forename"),
        (!postcode, "postcode"),
        (facts.phones.is_empty(), "phone"),
    ];
    let words: Vec<&str> = lacks.iter().filter(|(lacks, _)| *lacks).map(|(_, word)| *word).collect();
    if words.is_empty() { "nothing".into() } else { words.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_missed_and_put_to_somebody_is_told_from_who_was_lost() {
        let of = |words: &[&str]| Ids::of(words);
        let pairs = [("a0", "b0"), ("a1", "b1"), ("a2", "b2")].map(|(a, b)| (b.to_owned(), a.to_owned()));
        let truth = Truth { path: PathBuf::new(), pairs: pairs.into_iter().collect() };
        let pair = |a, b, probability, link| Pair { a, b, probability, link, ruling: None };
        // b0 is linked; b1 is held with her own; b2 with somebody else's; b3 is nobody's, and linked.
        let said = [pair(0, 0, 0.99, true), pair(1, 1, 0.5, false), pair(0, 2, 0.5, false), pair(2, 3, 0.95, true)];
        let people = Asked {
            ids: of(&["b0", "b1", "b2", "b3"]),
            facts: vec![PatientFacts::default(); 4],
            ragged: 0,
            ethnicities: Vec::new(),
        };
        let lines = reckon(&truth, &said, &of(&["a0", "a1", "a2"]), &people);
        let all = lines.iter().find(|line| line.group == "all").expect("all");
        let counts = [all.people, all.known, all.right, all.wrong, all.missed, all.held, all.review];
        assert_eq!(counts, [4, 3, 1, 1, 2, 1, 2]);
    }
}
