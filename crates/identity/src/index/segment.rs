//! What was added since the base was made: rows and chains that only grow. A row is published by the store of its
//! postings' heads; whoever reads a head sees the row. Rows stay where they are; the chains go once the postings of the base have
//! taken in everybody.

use super::postings::mark;
use crate::{
    keys::{filed_keys, patient_key},
    packed::Record,
    terms::{Lexicon, NONE, low},
};
use arc_swap::ArcSwapOption;
use std::sync::{
    OnceLock,
    atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering},
};

/// One patient.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) patient: u64,
    pub(super) person: AtomicU64,
    pub(super) words: Box<[u32]>,
}

/// One key of a row: its mark, and the entry that stood at the head before it. Entries lie in the order in which they came, so
/// that a step along a chain waits for memory once.
#[derive(Debug, Default)]
struct Entry {
    row: AtomicU32,
    next: AtomicU32,
    mark: AtomicU32,
}

/// The bit of a head that says that a key with this mark may be behind it. Most keys that are asked for are behind none, and to
/// find that by walking the chain is to wait for memory at each step.
fn behind(mark: u16) -> u64 {
    1 << (32 + u32::from(mark) % 32)
}

/// A piece of the index that grows.
#[derive(Debug)]
pub(super) struct Segment {
    /// The number of its first row, of those behind the base.
    first: usize,
    rows: Box<[OnceLock<Row>]>,
    /// A bit a row, close together: it is asked of everybody who is found.
    dead: Box<[AtomicU64]>,
    /// Until whoever is in it is found by the base's postings.
    chains: ArcSwapOption<Chains>,
}

/// Who has which key in a segment.
#[derive(Debug)]
struct Chains {
    entries: Box<[OnceLock<Box<[Entry]>>]>,
    /// Entries that were made.
    made: AtomicU32,
    /// The number of the newest entry, and above it what is behind.
    heads: Box<[AtomicU64]>,
}

/// No entry, with nothing behind it.
const END: u64 = NONE as u64;
/// Entries made room for at a time.
const CHUNK: usize = 4096;
/// There is room for so many keys a row on average; patients have some 26.
const KEYS_A_ROW: usize = 512;
/// Heads a row: fewer, and a chain is mostly other keys' entries, each of which is waited for.
const HEADS_A_ROW: usize = 16;

impl Segment {
    pub(super) fn new(first: usize, capacity: usize) -> Segment {
        Segment {
            first,
            rows: (0..capacity).map(|_| OnceLock::new()).collect(),
            dead: (0..capacity.div_ceil(64)).map(|_| AtomicU64::new(0)).collect(),
            chains: ArcSwapOption::from_pointee(Chains::new(capacity)),
        }
    }

    /// The number of its first row, of those behind the base.
    pub(super) fn first(&self) -> usize {
        self.first
    }

    /// Rows there is room for.
    pub(super) fn capacity(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn row(&self, place: usize) -> Option<&Row> {
        self.rows.get(place)?.get()
    }

    /// Whether nobody is there any more, or not yet.
    pub(super) fn is_dead(&self, place: usize) -> bool {
        self.row(place).is_none() || self.is_buried(place)
    }

    fn is_buried(&self, place: usize) -> bool {
        self.dead.get(place / 64).is_none_or(|bits| bits.load(Ordering::Acquire) >> (place % 64) & 1 == 1)
    }

    pub(super) fn bury(&self, place: usize) {
        if let Some(bits) = self.dead.get(place / 64) {
            bits.fetch_or(1 << (place % 64), Ordering::AcqRel);
        }
    }

    /// Place and row of everybody who is there, in the order in which they came.
    pub(super) fn living(&self) -> impl Iterator<Item = (usize, &Row)> + Clone {
        self.rows.iter().map_while(OnceLock::get).enumerate().filter(|(place, _)| !self.is_buried(*place))
    }

    /// Where a key's chain begins, for fetching it early.
    pub(super) fn start_of(&self, key: u64) -> u64 {
        self.chains.load().as_ref().map_or(END, |chains| chains.start_of(key))
    }

    /// The first entry of a key's chain, if the key may be in it, for fetching it early.
    pub(super) fn first_of(&self, key: u64) -> u32 {
        self.chains.load().as_ref().map_or(0, |chains| chains.first_of(key))
    }

    /// Put a row in its place; the caller sees to it that one writer at a time does, and each place once.
    pub(super) fn put(&self, place: usize, patient: u64, person: u64, words: &[u32], lexicon: Lexicon<'_>) {
        let row = Row { patient, person: AtomicU64::new(person), words: words.into() };
        if self.rows.get(place).is_none_or(|slot| slot.set(row).is_err()) {
            return;
        }
        let (number, chains) = (u32::try_from(place).unwrap_or(NONE), self.chains.load());
        let Some(chains) = chains.as_ref() else { return };
        chains.file(number, patient_key(patient));
        filed_keys(&Record::read(words), lexicon, |_, key| chains.file(number, key));
    }

    /// Rows with a key, `base` being the first behind the base, until there are `stop` in all: a block that is too large is passed
    /// over whoever else is in it, and its chain may be as long as the segment. Gives nothing where the chains are gone.
    pub(super) fn find(&self, key: u64, base: usize, stop: usize, rows: &mut Vec<u32>) -> Option<()> {
        let chains = self.chains.load();
        let chains = chains.as_ref()?;
        let first = u32::try_from(base + self.first).unwrap_or(NONE);
        chains.find(key, rows, |row, rows| {
            if !self.is_buried(row as usize) {
                rows.push(row.saturating_add(first));
            }
            rows.len() < stop
        });
        Some(())
    }

    /// Let the chains go: nobody looks for them who looks into the base first.
    pub(super) fn unchain(&self) {
        self.chains.store(None);
    }

    /// Where a row's words are, and the first of them, for fetching them early.
    pub(super) fn words_of(&self, place: usize) -> usize {
        self.row(place).map_or(0, |row| row.words.as_ptr().addr())
    }

    pub(super) fn word_of(&self, place: usize) -> u32 {
        self.row(place).and_then(|row| row.words.first().copied()).unwrap_or(0)
    }

    pub(super) fn bytes(&self) -> usize {
        let words: usize = self.rows.iter().filter_map(OnceLock::get).map(|row| row.words.len() * 4 + 16).sum();
        self.rows.len() * size_of::<OnceLock<Row>>()
            + self.dead.len() * 8
            + self.chains.load().as_ref().map_or(0, |chains| chains.bytes())
            + words
    }
}

impl Chains {
    fn new(capacity: usize) -> Chains {
        Chains {
            entries: (0..(capacity * KEYS_A_ROW).div_ceil(CHUNK)).map(|_| OnceLock::new()).collect(),
            made: AtomicU32::new(0),
            heads: (0..(capacity * HEADS_A_ROW).next_power_of_two()).map(|_| AtomicU64::new(END)).collect(),
        }
    }

    fn head(&self, key: u64) -> Option<&AtomicU64> {
        let wanted = usize::try_from(key >> 32).unwrap_or(0) & (self.heads.len() - 1);
        self.heads.get(wanted)
    }

    fn entry(&self, number: u32) -> Option<&Entry> {
        let number = number as usize;
        self.entries.get(number / CHUNK)?.get()?.get(number % CHUNK)
    }

    fn start_of(&self, key: u64) -> u64 {
        self.head(key).map_or(END, |head| head.load(Ordering::Relaxed))
    }

    fn first_of(&self, key: u64) -> u32 {
        let head = self.start_of(key);
        if head & behind(mark(key)) == 0 {
            return 0;
        }
        self.entry(low(head)).map_or(0, |entry| entry.row.load(Ordering::Relaxed))
    }

    /// Make an entry, and put it at its head: with that it is there for all.
    fn file(&self, row: u32, key: u64) {
        let number = self.made.load(Ordering::Relaxed);
        let Some(chunk) = self.entries.get(number as usize / CHUNK) else { return };
        let chunk = chunk.get_or_init(|| (0..CHUNK).map(|_| Entry::default()).collect());
        let (Some(entry), Some(head)) = (chunk.get(number as usize % CHUNK), self.head(key)) else { return };
        let (before, mark) = (head.load(Ordering::Relaxed), mark(key));
        entry.row.store(row, Ordering::Relaxed);
        entry.next.store(low(before), Ordering::Relaxed);
        entry.mark.store(u32::from(mark), Ordering::Relaxed);
        head.store(before & !u64::from(u32::MAX) | behind(mark) | u64::from(number), Ordering::Release);
        self.made.store(number + 1, Ordering::Relaxed);
    }

    /// Give `with` each row with a key, newest first, until it has enough; what it put into `rows` is put into their order.
    fn find(&self, key: u64, rows: &mut Vec<u32>, mut with: impl FnMut(u32, &mut Vec<u32>) -> bool) {
        let wanted = mark(key);
        let head = self.head(key).map_or(END, |head| head.load(Ordering::Acquire));
        if head & behind(wanted) == 0 {
            return;
        }
        let before = rows.len();
        let mut next = low(head);
        while let Some(entry) = self.entry(next) {
            let row = entry.row.load(Ordering::Relaxed);
            if entry.mark.load(Ordering::Relaxed) == u32::from(wanted) && !with(row, rows) {
                break;
            }
            next = entry.next.load(Ordering::Relaxed);
        }
        if let Some(found) = rows.get_mut(before..) {
            found.sort_unstable();
        }
    }

    fn bytes(&self) -> usize {
        let entries = self.entries.iter().filter(|chunk| chunk.get().is_some()).count() * CHUNK;
        self.entries.len() * size_of::<OnceLock<Box<[Entry]>>>() + entries * size_of::<Entry>() + self.heads.len() * 8
    }
}

/// Segments there is room for: each holds at least one in so many of those who were added before it, or of all.
const SEGMENTS: usize = 256;
/// Patients in a segment, at least.
const LEAST: usize = 4096;
/// And one in so many of all. Every key is looked for in every segment that has chains, which is to wait for memory: what is added to
/// a large index before it is taken in (a sixteenth) is in two.
const ONE_IN: usize = 32;

/// The segments of an index, one behind the other.
#[derive(Debug)]
pub(super) struct Segments {
    slots: Box<[OnceLock<Segment>]>,
    /// The first row of each, close together: whose a row is, is asked often.
    firsts: Box<[AtomicUsize]>,
}

impl Default for Segments {
    fn default() -> Self {
        Segments {
            slots: (0..SEGMENTS).map(|_| OnceLock::new()).collect(),
            firsts: (0..SEGMENTS).map(|_| AtomicUsize::new(usize::MAX)).collect(),
        }
    }
}

impl Segments {
    /// How many were made.
    pub(super) fn len(&self) -> usize {
        self.firsts.partition_point(|first| first.load(Ordering::Acquire) < usize::MAX)
    }

    /// From this number on.
    pub(super) fn from(&self, number: usize) -> impl Iterator<Item = &Segment> + Clone {
        self.slots.get(number..).unwrap_or_default().iter().map_while(OnceLock::get)
    }

    /// The segment of a row behind the base, and the place in it.
    pub(super) fn of(&self, row: usize) -> Option<(&Segment, usize)> {
        let number = self.firsts.partition_point(|first| first.load(Ordering::Acquire) <= row).checked_sub(1)?;
        let segment = self.slots.get(number)?.get()?;
        Some((segment, row - segment.first))
    }

    /// A further one, whose first row is given; `all` are the rows there are, `waiting` those not yet taken in. Nothing where there
    /// is no room for another.
    pub(super) fn open(&self, first: usize, all: usize, waiting: usize) -> Option<&Segment> {
        let number = self.len();
        let segment = Segment::new(first, LEAST.max(all / ONE_IN).max(waiting / 2));
        let slot = self.slots.get(number)?;
        let segment = slot.get_or_init(|| segment);
        self.firsts.get(number)?.store(first, Ordering::Release);
        Some(segment)
    }

    /// Whether so many are left that one may be closed before it is full.
    pub(super) fn may_close(&self) -> bool {
        self.len() < SEGMENTS / 2
    }

    /// They themselves, from the first.
    pub(super) fn into_all(self) -> impl Iterator<Item = Segment> {
        self.slots.into_iter().map_while(OnceLock::into_inner)
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
        let (terms, segment) = (Terms::new(64), Segment::new(0, 64));
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
            segment.find(key, 0, usize::MAX, &mut rows).expect("chains");
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
        let heads = segment.chains.load().as_ref().map_or(0, |chains| chains.heads.len());
        assert!(all > heads, "{all} keys, {heads} heads");
        // A mark is sixteen bits: one in some ten thousand of those who are passed has a stranger's.
        let strangers: usize = (1000..2000).map(|stranger| found(patient_key(stranger)).len()).sum();
        assert!(strangers < 10, "{strangers} strangers");
    }
}
