//! Looking for what was acknowledged.

use super::{
    region::Region,
    senders::{MARK, Senders},
};
use crate::failure::Outcome;
use std::collections::{BTreeMap, BTreeSet};
use store::{Derived, ProblemStatus, journal::JournalReader};

const ENTRIES_MAX: usize = 2_000;
const BYTES_MAX: usize = 8 << 20;

/// What was found in the journal so far.
#[derive(Default)]
pub struct Tally {
    /// Where each message is.
    found: BTreeMap<u64, u64>,
    /// Those that are there more than once.
    twice: BTreeSet<u64>,
    lost: u64,
    /// The last position looked at.
    seen: u64,
}

/// The number that a message carries.
pub fn number_of(body: &[u8]) -> Option<u64> {
    let at = body.windows(MARK.len()).position(|four| four == MARK.as_bytes())? + MARK.len();
    std::str::from_utf8(body.get(at..at + 8)?).ok()?.parse().ok()
}

impl Tally {
    /// Acknowledged, and not there.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// There more than once.
    pub fn twice(&self) -> u64 {
        self.twice.len() as u64
    }

    /// Look at what came since, and whether what was acknowledged is there.
    pub fn look(&mut self, region: &Region, senders: &Senders) -> Outcome {
        let mut journal = JournalReader::open(&region.visit()?)?;
        loop {
            let entries = journal.read(self.seen + 1, ENTRIES_MAX, BYTES_MAX)?;
            let Some(last) = entries.last().map(|entry| entry.pos) else { break };
            for entry in entries.iter().filter(|entry| entry.kind.is_message()) {
                if let Some(number) = number_of(&entry.body)
                    && self.found.insert(number, entry.pos).is_some()
                {
                    self.twice.insert(number);
                }
            }
            self.seen = last;
        }
        self.lost = senders.numbers(|numbers| numbers.iter().filter(|n| !self.found.contains_key(n)).count() as u64);
        Ok(())
    }

    /// Look at the whole journal once more, from its beginning, and at the error desk: how many of those acknowledged are
    /// processed, and how many on the desk.
    pub fn whole(&mut self, region: &Region, senders: &Senders) -> Outcome<(u64, u64)> {
        *self = Tally::default();
        self.look(region, senders)?;
        let derived = Derived::open_for_reading(&region.visit()?.derived())?;
        let snapshot = derived.snapshot()?;
        let (mut parked, mut before) = (BTreeSet::new(), None);
        loop {
            let statuses = [ProblemStatus::Parked, ProblemStatus::Held, ProblemStatus::Failed, ProblemStatus::Refused];
            let problems = snapshot.problems(&statuses, None, before, ENTRIES_MAX)?;
            let Some(last) = problems.last().map(|problem| problem.pos) else { break };
            parked.extend(problems.iter().map(|problem| problem.pos));
            before = Some(last);
        }
        Ok(senders.numbers(|numbers| {
            let positions = numbers.iter().filter_map(|number| self.found.get(number));
            positions.fold(
                (0, 0),
                |(stored, on_desk), pos| {
                    if parked.contains(pos) { (stored, on_desk + 1) } else { (stored + 1, on_desk) }
                },
            )
        }))
    }
}
