//! What was added since the base was made: rows and chains that only grow. A row is published by the store of its
//! postings' heads; whoever reads a head sees the row.

use super::base::mark;
use crate::{
    keys::{filed_keys, patient_key},
    packed::Record,
    terms::{Lexicon, NONE},
};
use std::sync::{
    OnceLock,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

/// One patient.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) patient: u64,
    pub(super) person: AtomicU64,
    pub(super) dead: AtomicBool,
    pub(super) words: Box<[u32]>,
}

/// Entries of one row's keys: the key's mark, and the next entry of the chain.
type Links = OnceLock<Box<[(u16, u32, u32)]>>;

/// The bit of a head that says that a key with this mark may be behind it. Most keys that are asked for are behind none, and to
/// find that by walking the chain is to wait for memory twice at each step.
fn behind(mark: u16) -> u64 {
    1 << (ENTRY_BITS + u32::from(mark) % (64 - ENTRY_BITS))
}

fn entry(row: u32, place: u32) -> u64 {
    u64::from(place) << 32 | u64::from(row)
}

/// Row and place of an entry.
fn parts(entry: u64) -> (u32, u32) {
    (crate::terms::low(entry), crate::terms::low((entry & ENTRY) >> 32))
}

/// A piece of the index that grows. An entry is named by its row and its place among the row's keys.
#[derive(Debug)]
pub(super) struct Segment {
    rows: Box<[OnceLock<Row>]>,
    links: Box<[Links]>,
    heads: Box<[AtomicU64]>,
}

/// No entry: of no row, with nothing behind it.
const END: u64 = NONE as u64;
/// An entry is 32 bits of its row and so many of its place among the row's keys, of which a patient has some dozens and never
/// a thousand. What is above them in a head says which keys are behind it.
const PLACE_BITS: u32 = 12;
const ENTRY_BITS: u32 = 32 + PLACE_BITS;
const ENTRY: u64 = (1 << ENTRY_BITS) - 1;
const BEHIND: u64 = !ENTRY;
/// Heads a row, which has some 26 keys: fewer, and a chain is mostly other keys' entries, each of which is waited for.
const HEADS_A_ROW: usize = 16;

impl Segment {
    pub(super) fn new(capacity: usize) -> Segment {
        Segment {
            rows: (0..capacity).map(|_| OnceLock::new()).collect(),
            links: (0..capacity).map(|_| OnceLock::new()).collect(),
            heads: (0..(capacity * HEADS_A_ROW).next_power_of_two()).map(|_| AtomicU64::new(END)).collect(),
        }
    }

    pub(super) fn row(&self, place: usize) -> Option<&Row> {
        self.rows.get(place)?.get()
    }

    fn head(&self, key: u64) -> Option<&AtomicU64> {
        let wanted = usize::try_from(key >> 32).unwrap_or(0) & (self.heads.len() - 1);
        self.heads.get(wanted)
    }

    /// Where a key's chain begins, for fetching it early.
    pub(super) fn start_of(&self, key: u64) -> u64 {
        self.head(key).map_or(END, |head| head.load(Ordering::Relaxed))
    }

    /// Put a row in its place; the caller sees to it that one writer at a time does, and each place once.
    pub(super) fn put(&self, place: usize, patient: u64, person: u64, words: &[u32], lexicon: Lexicon<'_>) {
        let row = Row { patient, person: AtomicU64::new(person), dead: AtomicBool::new(false), words: words.into() };
        if self.rows.get(place).is_none_or(|slot| slot.set(row).is_err()) {
            return;
        }
        let mut all = vec![patient_key(patient)];
        filed_keys(&Record::read(words), lexicon, |_, key| all.push(key));
        // No patient has so many; one that had would be found by fewer keys.
        all.truncate(1 << PLACE_BITS);
        let number = u32::try_from(place).unwrap_or(NONE);
        // Two keys of one row may share a head: the later one's chain goes on to the earlier one.
        let mut links: Vec<(u16, u32, u32)> = Vec::with_capacity(all.len());
        let mut heads: Vec<(usize, u64)> = Vec::with_capacity(all.len());
        for (own, key) in (0_u32..).zip(&all) {
            let wanted = usize::try_from(key >> 32).unwrap_or(0) & (self.heads.len() - 1);
            let next = match heads.iter().rev().find(|(head, _)| *head == wanted) {
                Some((_, own)) => *own,
                None => self.heads.get(wanted).map_or(END, |head| head.load(Ordering::Acquire)),
            };
            let mark = mark(*key);
            let (row, place) = parts(next);
            links.push((mark, row, place));
            heads.push((wanted, next & BEHIND | behind(mark) | entry(number, own)));
        }
        if self.links.get(place).is_none_or(|slot| slot.set(links.into()).is_err()) {
            return;
        }
        for (head, entry) in heads {
            if let Some(head) = self.heads.get(head) {
                head.store(entry, Ordering::Release);
            }
        }
    }

    /// Rows with a key, until there are `stop` in all: a block that is too large is passed over whoever else is in it, and its
    /// chain may be as long as the segment.
    pub(super) fn find(&self, key: u64, first: usize, stop: usize, rows: &mut Vec<u32>) {
        let wanted = mark(key);
        let head = self.head(key).map_or(END, |head| head.load(Ordering::Acquire));
        if head & behind(wanted) == 0 {
            return;
        }
        let (mut row, mut place) = parts(head);
        let before = rows.len();
        while row != NONE && rows.len() < stop {
            let Some(links) = self.links.get(row as usize).and_then(OnceLock::get) else { break };
            let Some((mark, next_row, next_place)) = links.get(place as usize) else { break };
            if *mark == wanted && self.row(row as usize).is_some_and(|row| !row.dead.load(Ordering::Acquire)) {
                rows.push(row.saturating_add(u32::try_from(first).unwrap_or(NONE)));
            }
            (row, place) = (*next_row, *next_place);
        }
        if let Some(found) = rows.get_mut(before..) {
            found.sort_unstable();
        }
    }

    /// Where a row's words are, and the first of them, for fetching them early.
    pub(super) fn words_of(&self, place: usize) -> usize {
        self.row(place).map_or(0, |row| row.words.as_ptr().addr())
    }

    pub(super) fn word_of(&self, place: usize) -> u32 {
        self.row(place).and_then(|row| row.words.first().copied()).unwrap_or(0)
    }

    pub(super) fn bytes(&self) -> usize {
        let own: usize = self
            .rows
            .iter()
            .zip(&self.links)
            .filter_map(|(row, links)| Some(row.get()?.words.len() * 4 + 32 + links.get()?.len() * 12 + 16))
            .sum();
        self.rows.len() * (size_of::<OnceLock<Row>>() + size_of::<Links>()) + self.heads.len() * 8 + own
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        facts::PatientFacts,
        packed::pack,
        terms::{Lexicon, Terms},
    };

    /// Far more keys than there are heads: whatever stands before a key in its chain, and whatever marks it shares a bit with.
    #[test]
    fn whoever_was_put_is_found_by_each_key_and_hardly_anybody_by_another() {
        let (terms, segment) = (Terms::new(64), Segment::new(64));
        let mut filed: Vec<Vec<u64>> = Vec::new();
        for number in 0..64_u64 {
            let facts = PatientFacts {
                families: vec![format!("Family{}", number % 7)],
                givens: vec![format!("Given{}", number % 5), "Ann".into()],
                birth: Some(jiff::civil::date(1950, 1, 1 + i8::try_from(number % 20).unwrap_or(0))),
                postcode: Some(format!("OL9 {}AA", number % 9)),
                ..PatientFacts::default()
            };
            let mut words = Vec::new();
            pack(&facts, &[], &mut |kind, text| terms.add(kind, text), &mut words);
            let lexicon = Lexicon { terms: &terms, local: &[] };
            let mut keys = vec![patient_key(number)];
            filed_keys(&Record::read(&words), lexicon, |_, key| keys.push(key));
            segment.put(usize::try_from(number).unwrap_or(0), number, number, &words, lexicon);
            filed.push(keys);
        }
        let found = |key: u64| {
            let mut rows = Vec::new();
            segment.find(key, 0, usize::MAX, &mut rows);
            rows
        };
        for (row, keys) in (0_u32..).zip(&filed) {
            for key in keys {
                let has = |rows: &[u32]| rows.iter().filter(|known| **known == row).count();
                let own = keys.iter().filter(|other| *other == key).count();
                assert_eq!(has(&found(*key)), own, "{row} by {key:x}");
            }
        }
        let all: usize = filed.iter().map(Vec::len).sum();
        assert!(all > segment.heads.len(), "{all} keys, {} heads", segment.heads.len());
        // A mark is sixteen bits: one in some ten thousand of those who are passed has a stranger's.
        let strangers: usize = (1000..2000).map(|stranger| found(patient_key(stranger)).len()).sum();
        assert!(strangers < 10, "{strangers} strangers");
    }
}
