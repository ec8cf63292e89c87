//! A test set for whoever decides which person a record is about: an index of people like England's, incoming records of
//! whom most are in it, and the truth. Everything follows from the seed.
//!
//! Begin with [`TestSet`]. What it models, at what rates and why, and what it leaves out, is told in
//! `docs/identity-test-data.md`. Nothing here knows how any matcher works.

mod about;
mod cases;
mod census;
mod faults;
mod household;
mod names;
mod namesakes;
mod naming;
mod number;
mod person;
mod place;
mod record;
mod rows;

use crate::{WriteError, dice::Dice};
use about::Counts;
use cases::{Case, NEW};
use faults::{Fault, Faults};
use household::World;
use number::Numbers;
use person::{Household, Person};
use record::{INDEX, Manner, Record, SOURCES, Source, View};
use rows::Rows;
use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::Path,
};

/// Most people an index may have: NHS numbers of the synthetic ranges suffice for twice as many.
pub const PEOPLE_MAX: u64 = 40_000_000;

/// A test set, not yet made: how many people, how many incoming records, and the seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TestSet {
    people: u64,
    incoming: u64,
    seed: u64,
}

/// Why there is no such test set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoTestSet {
    /// An index of nobody, or of more people than there are synthetic NHS numbers for.
    #[error("an index has from 1 to {PEOPLE_MAX} people")]
    People,
    /// No incoming record, or more than the index has people.
    #[error("incoming records are from 1 to the number of people in the index")]
    Incoming,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TestSetWritten {
    /// Rows of `index.csv`.
    pub people: u64,
    /// Rows of `incoming.csv`.
    pub incoming: u64,
    /// Rows of `truth.csv`: incoming records of people in the index.
    pub matches: u64,
    /// Bytes in all files.
    pub bytes: u64,
}

impl TestSet {
    /// A test set of `incoming` records against an index of `people`.
    pub fn new(people: u64, incoming: u64, seed: u64) -> Result<Self, NoTestSet> {
        if people == 0 || people > PEOPLE_MAX {
            return Err(NoTestSet::People);
        }
        if incoming == 0 || incoming > people {
            return Err(NoTestSet::Incoming);
        }
        Ok(TestSet { people, incoming, seed })
    }

    /// People in the index.
    pub fn people(&self) -> u64 {
        self.people
    }

    /// Write `index.csv`, `incoming.csv`, `truth.csv`, `cases.csv` and `about.json` to `folder`, which must be empty or
    /// not exist. The index is written as it is made; incoming records are kept until the end, to be put in random order:
    /// about 200 bytes each. `progress` is told how many people of the index are done.
    pub fn write(&self, folder: &Path, progress: &mut dyn FnMut(u64)) -> Result<TestSetWritten, WriteError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| WriteError::Io { path: path.clone(), source }
        };
        fs::create_dir_all(folder).map_err(failed(folder))?;
        if fs::read_dir(folder).map_err(failed(folder))?.next().is_some() {
            return Err(WriteError::NotEmpty(folder.to_owned()));
        }
        let path = folder.join("index.csv");
        let file = File::create(&path).map_err(failed(&path))?;
        let mut index = BufWriter::with_capacity(1 << 20, file);
        let mut bytes = 0;
        let mut making = Making::new(self);
        let mut text = rows::HEADER.as_bytes().to_vec();
        while making.done < self.people {
            making.next_household(&mut text);
            if text.len() > 1 << 16 || making.done == self.people {
                index.write_all(&text).map_err(failed(&path))?;
                bytes += text.len() as u64;
                text.clear();
                progress(making.done);
            }
        }
        index.flush().map_err(failed(&path))?;
        making.strangers_elsewhere();
        making.last_strangers();
        let Making { incoming, counts, .. } = making;
        let matches = counts.matches();
        for (name, writes) in [("incoming.csv", rows::INCOMING), ("truth.csv", rows::TRUTH), ("cases.csv", rows::CASES)]
        {
            let path = folder.join(name);
            let file = File::create(&path).map_err(failed(&path))?;
            let mut out = BufWriter::with_capacity(1 << 20, file);
            bytes += incoming.write(writes, &mut out).map_err(failed(&path))?;
            out.flush().map_err(failed(&path))?;
        }
        let about = about::json(self.people, self.incoming, self.seed, &counts);
        bytes += about.len() as u64;
        let path = folder.join("about.json");
        fs::write(&path, about).map_err(failed(&path))?;
        Ok(TestSetWritten { people: self.people, incoming: self.incoming, matches, bytes })
    }
}

/// A test set while it is made.
struct Making {
    world: World,
    faults: Faults,
    dice: Dice,
    people: u64,
    /// People of the index done.
    done: u64,
    /// Households done.
    households: u64,
    /// Matches still to be chosen.
    to_match: u64,
    /// For each kind of stranger: how many in all, and how many are made.
    strangers: Vec<(Case, u64, u64)>,
    numbers: Numbers,
    incoming: Rows,
    counts: Counts,
}

impl Making {
    fn new(set: &TestSet) -> Self {
        let mut strangers: Vec<(Case, u64, u64)> =
            NEW.iter().map(|(case, share)| (*case, part(set.incoming, *share), 0)).collect();
        // A set too small for a tenth of a stranger of each kind has matches only.
        let all: u64 = strangers.iter().map(|row| row.1).sum();
        let to_match = set.incoming.saturating_sub(all);
        strangers.retain(|row| row.1 > 0);
        let world = World {
            seed: set.seed,
            names: names::Names::new(),
            postcodes: set.people * 10 / 24 / place::HOUSEHOLDS_A_POSTCODE + 1,
        };
        Making {
            world,
            faults: Faults::new(),
            dice: Dice::new(set.seed, &[10]),
            people: set.people,
            done: 0,
            households: 0,
            to_match,
            strangers,
            numbers: Numbers::new(set.people, set.incoming),
            incoming: Rows::default(),
            counts: Counts::default(),
        }
    }

    /// Make the next household: its people's rows of the index into `text`, and the incoming records that are of them or
    /// beside them.
    fn next_household(&mut self, text: &mut Vec<u8>) {
        let mut household = household::household(&self.world, self.households);
        self.households += 1;
        let left = usize::try_from(self.people - self.done).unwrap_or(usize::MAX);
        household.people.truncate(left);
        for (person, nth) in household.people.iter_mut().zip(self.done..) {
            person.number = self.numbers.of(nth);
        }
        for person in &household.people {
            // Each of those left is as likely as any other: exactly as many are chosen as are wanted (Knuth 3.4.2 S).
            let chosen = self.dice.below(self.people - self.done) < self.to_match;
            self.done += 1;
            if chosen {
                self.to_match -= 1;
                self.matched(person, &household, text);
            } else {
                let view = cases::view(person, &household);
                let (record, _, _) = self.record(&view, person, &household, &INDEX, true);
                rows::put(text, 'A', self.done, &record);
                self.counts.index(person, &record);
            }
        }
        self.strangers_beside(&household);
    }

    /// A person who is in the index and among the incoming.
    fn matched(&mut self, person: &Person, household: &Household, text: &mut Vec<u8>) {
        let life = cases::life(&self.world, person, household, &mut self.numbers, &mut self.dice);
        // The register hears of a move or marriage later than the system that somebody has just come to, or sooner.
        let register_is_behind = self.dice.chance(0.62);
        let (held, told) = if register_is_behind { (&life.earlier, &life.later) } else { (&life.later, &life.earlier) };
        let (record, index_manner, index_faults) = self.record(held, person, household, &INDEX, true);
        rows::put(text, 'A', self.done, &record);
        self.counts.index(person, &record);
        let source = self.source();
        let (record, manner, faults) = self.record(told, person, household, source, false);
        let case = if life.adopted {
            Case::Adopted
        } else if life.gender {
            Case::GenderRecognised
        } else if manner.unnamed || index_manner.unnamed {
            Case::Newborn
        } else if life.renamed && life.moved {
            Case::NameChangedAndMoved
        } else if life.renamed {
            Case::NameChanged
        } else if person.twins > 0 {
            Case::Twin
        } else if household
            .people
            .iter()
            .any(|p| p.number != person.number && p.given == person.given && p.family == person.family)
        {
            Case::NamesakeInHousehold
        } else if household.kind.is_institution() {
            Case::Institution
        } else if life.moved {
            Case::Moved
        } else if manner.everyday != index_manner.everyday {
            Case::KnownAs
        } else {
            Case::Plain
        };
        self.put(Some(self.done), case, source, person, &record, &faults, &index_faults);
    }

    /// The strangers whose turn it is, beside this household.
    fn strangers_beside(&mut self, household: &Household) {
        for at in 0..self.strangers.len() {
            let Some((case, all, made)) = self.strangers.get(at).copied() else { continue };
            if case == Case::NamesakeSameBirth {
                continue;
            }
            // As many as are due by now, spread evenly over the index.
            let due = u128::from(all) * u128::from(self.done) / u128::from(self.people.max(1));
            // One a household, that they stay apart; what is behind catches up at the next that has room for it.
            if u128::from(made) < due
                && self.stranger(case, household, u128::from(made) + 20 < due)
                && let Some(row) = self.strangers.get_mut(at)
            {
                row.2 += 1;
            }
        }
    }

    fn stranger(&mut self, case: Case, household: &Household, hurry: bool) -> bool {
        let made = cases::stranger(&self.world, case, household, hurry, &mut self.dice);
        let Some((mut person, mut home)) = made else { return false };
        person.number = self.numbers.another();
        // Those of the household whom the index holds are there already: errors may borrow from them.
        home.people.push(person.clone());
        let source = self.source();
        let view = cases::view(&person, &home);
        let (record, _, faults) = self.record(&view, &person, &home, source, false);
        self.put(None, case, source, &person, &record, &faults, &[]);
        true
    }

    /// Those who live anywhere, and are like somebody whom only the whole index can show.
    fn strangers_elsewhere(&mut self) {
        let Some(at) = self.strangers.iter().position(|row| row.0 == Case::NamesakeSameBirth) else { return };
        let Some((case, all, _)) = self.strangers.get(at).copied() else { return };
        // The last household may not be in the index whole.
        let whole = self.households.saturating_sub(1);
        let mut dice = Dice::new(self.world.seed, &[12]);
        for (number, nth) in namesakes::namesakes(&self.world, self.people, whole, all, &mut dice) {
            let mut household = household::household(&self.world, number);
            household.people = household.people.into_iter().skip(nth).take(1).collect();
            if self.stranger(case, &household, true)
                && let Some(row) = self.strangers.get_mut(at)
            {
                row.2 += 1;
            }
        }
    }

    /// What the last households had no room for, and too few had a namesake for, as ordinary newcomers.
    fn last_strangers(&mut self) {
        let missing: u64 = self.strangers.iter().map(|(_, all, made)| all - made).sum();
        let household = household::household(&self.world, 0);
        for _ in 0..missing {
            while !self.stranger(Case::Newcomer, &household, true) {}
        }
    }

    fn source(&mut self) -> &'static Source {
        let at = self.dice.weighted(SOURCES.iter().map(|source| source.share));
        SOURCES.get(at).unwrap_or(&INDEX)
    }

    fn record(
        &mut self,
        view: &View,
        person: &Person,
        household: &Household,
        source: &Source,
        index: bool,
    ) -> (Record, Manner, Vec<Fault>) {
        let dice = &mut self.dice;
        let (mut record, manner) = record::record(view, household, source, index, dice);
        let mut count = dice.weighted(source.faults.iter().copied());
        // Those whom systems serve worse have one more now and then.
        let more = (record::burden(person, household) - 1.0) * if index { 0.05 } else { 0.22 };
        if count < 4 && dice.chance(more) {
            count += 1;
        }
        let mut done = Vec::new();
        self.faults.apply(count, &self.world, &mut record, &view.person, household, &mut done, dice);
        if !index {
            record::in_its_own_way(&mut record, source, dice);
        }
        (record, manner, done)
    }

    #[expect(clippy::too_many_arguments, reason = "a row and all that is told of it")]
    fn put(
        &mut self,
        index: Option<u64>,
        case: Case,
        source: &Source,
        person: &Person,
        record: &Record,
        faults: &[Fault],
        index_faults: &[Fault],
    ) {
        let key = self.dice.next();
        self.incoming.add(key, index, case, source, person, record, faults, index_faults);
        self.counts.incoming(index.is_some(), case, source, record, faults);
    }
}

/// A share of a number, to the nearest.
fn part(of: u64, share: f64) -> u64 {
    u64::try_from(crate::dice::round(crate::dice::real(of) * share)).unwrap_or(0)
}
