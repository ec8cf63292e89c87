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

/// A piece of the index that grows. An entry is named by its row and its place among the row's keys.
#[derive(Debug)]
pub(super) struct Segment {
    rows: Box<[OnceLock<Row>]>,
    links: Box<[Links]>,
    heads: Box<[AtomicU64]>,
}

/// No entry.
const END: u64 = u64::MAX;
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
        let number = u32::try_from(place).unwrap_or(NONE);
        // Two keys of one row may share a head: the later one's chain goes on to the earlier one.
        let mut links: Vec<(u16, u32, u32)> = Vec::with_capacity(all.len());
        let mut heads: Vec<(usize, u64)> = Vec::with_capacity(all.len());
        for (entry, key) in (0_u32..).zip(&all) {
            let wanted = usize::try_from(key >> 32).unwrap_or(0) & (self.heads.len() - 1);
            let next = match heads.iter().rev().find(|(head, _)| *head == wanted) {
                Some((_, own)) => *own,
                None => self.heads.get(wanted).map_or(END, |head| head.load(Ordering::Acquire)),
            };
            links.push((mark(*key), crate::terms::low(next >> 32), crate::terms::low(next)));
            heads.push((wanted, u64::from(number) << 32 | u64::from(entry)));
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
        let mut at = self.head(key).map_or(END, |head| head.load(Ordering::Acquire));
        let before = rows.len();
        while at != END && rows.len() < stop {
            let (row, entry) = (crate::terms::low(at >> 32), crate::terms::low(at));
            let Some(links) = self.links.get(row as usize).and_then(OnceLock::get) else { break };
            let Some((mark, next_row, next_entry)) = links.get(entry as usize) else { break };
            if *mark == wanted && self.row(row as usize).is_some_and(|row| !row.dead.load(Ordering::Acquire)) {
                rows.push(row.saturating_add(u32::try_from(first).unwrap_or(NONE)));
            }
            at = u64::from(*next_row) << 32 | u64::from(*next_entry);
        }
        if let Some(found) = rows.get_mut(before..) {
            found.sort_unstable();
        }
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
