//! The immutable base: rows one after the other, posting lists in one array behind a table of buckets.

use super::{Dictionaries, Index, crowded::Crowded};
use crate::{
    births::Births,
    facts::PatientFacts,
    keys::{RareNames, filed_keys_as_of, patient_key},
    packed::{Record, pack},
    terms::{Lexicon, Terms},
    together::Together,
};
use fhir::{PatientKey, PersonKey};
use std::sync::{
    Arc, Mutex, OnceLock,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

/// Postings to a bucket, on average. More: less memory, more strangers to pass over.
const POSTINGS_PER_BUCKET: usize = 4;

#[derive(Debug, Default)]
pub(super) struct Base {
    patients: Vec<u64>,
    persons: Vec<AtomicU64>,
    dead: Vec<AtomicU64>,
    offsets: Vec<u32>,
    words: Vec<u32>,
    /// Where each bucket begins in `rows` and `marks`; one more than there are buckets.
    starts: Vec<u32>,
    rows: Vec<u32>,
    /// Sixteen bits of each posting's key: tells the keys of one bucket apart.
    marks: Vec<u16>,
    shift: u32,
}

#[expect(clippy::cast_possible_truncation, reason = "sixteen bits of the hash are what is asked for")]
pub(super) fn mark(key: u64) -> u16 {
    key as u16
}

impl Base {
    pub(super) fn len(&self) -> usize {
        self.patients.len()
    }

    pub(super) fn words(&self, row: usize) -> Option<&[u32]> {
        let (from, to) = (*self.offsets.get(row)?, *self.offsets.get(row + 1)?);
        self.words.get(from as usize..to as usize)
    }

    pub(super) fn who(&self, row: usize) -> Option<(u64, u64)> {
        Some((*self.patients.get(row)?, self.persons.get(row)?.load(Ordering::Acquire)))
    }

    pub(super) fn is_dead(&self, row: usize) -> bool {
        self.dead.get(row / 64).is_none_or(|bits| bits.load(Ordering::Acquire) >> (row % 64) & 1 == 1)
    }

    pub(super) fn bury(&self, row: usize) {
        if let Some(bits) = self.dead.get(row / 64) {
            bits.fetch_or(1 << (row % 64), Ordering::AcqRel);
        }
    }

    pub(super) fn link(&self, row: usize, person: u64) -> bool {
        match self.persons.get(row) {
            Some(known) => {
                known.store(person, Ordering::Release);
                true
            }
            None => false,
        }
    }

    /// Drop the postings, and whoever is dead; the others move up, in their order.
    fn keep_living(&mut self) {
        (self.starts, self.rows, self.marks) = Default::default();
        if self.dead.iter().all(|bits| bits.load(Ordering::Relaxed) == 0) {
            return;
        }
        let (mut kept, mut end) = (0, 0);
        for row in 0..self.patients.len() {
            let (Some(&from), Some(&to)) = (self.offsets.get(row), self.offsets.get(row + 1)) else { break };
            if self.is_dead(row) {
                continue;
            }
            self.words.copy_within(from as usize..to as usize, end as usize);
            self.patients.swap(kept, row);
            self.persons.swap(kept, row);
            end += to - from;
            kept += 1;
            // No row that is still to come ends before it.
            if let Some(offset) = self.offsets.get_mut(kept) {
                *offset = end;
            }
        }
        self.patients.truncate(kept);
        self.persons.truncate(kept);
        self.offsets.truncate(kept + 1);
        self.words.truncate(end as usize);
    }

    /// These rows as well, behind the others; they are not posted. It takes no more room than it needs.
    fn extend<'w>(&mut self, rows: impl Iterator<Item = (u64, u64, &'w [u32])> + Clone) {
        let (count, words) = rows.clone().fold((0, 0), |(count, sum), (_, _, words)| (count + 1, sum + words.len()));
        self.patients.reserve_exact(count);
        self.persons.reserve_exact(count);
        self.offsets.reserve_exact(count);
        self.words.reserve_exact(words);
        for (patient, person, words) in rows {
            self.patients.push(patient);
            self.persons.push(AtomicU64::new(person));
            self.words.extend_from_slice(words);
            self.offsets.push(u32::try_from(self.words.len()).unwrap_or(u32::MAX));
        }
    }

    /// Nobody is dead yet; everybody is posted under their keys.
    fn finish(&mut self, terms: &Terms, threads: usize) {
        self.patients.shrink_to_fit();
        self.persons.shrink_to_fit();
        self.offsets.shrink_to_fit();
        self.words.shrink_to_fit();
        self.dead = (0..self.patients.len().div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        post(self, terms, threads.max(1));
    }

    fn bucket(&self, key: u64) -> usize {
        usize::try_from(key.checked_shr(self.shift).unwrap_or(0)).unwrap_or(0)
    }

    pub(super) fn start_of(&self, key: u64) -> u32 {
        self.starts.get(self.bucket(key)).copied().unwrap_or(0)
    }

    pub(super) fn first_of(&self, key: u64) -> u32 {
        let start = self.start_of(key) as usize;
        self.rows.get(start).copied().unwrap_or(0) ^ self.marks.get(start).copied().map_or(0, u32::from)
    }

    pub(super) fn offset_of(&self, row: u32) -> u32 {
        self.offsets.get(row as usize).copied().unwrap_or(0)
    }

    /// The first and the last of a row's words: they lie on one cache line or two.
    pub(super) fn word_of(&self, row: u32) -> u32 {
        let word = |at: u32| self.words.get(at as usize).copied().unwrap_or(0);
        word(self.offset_of(row)) ^ word(self.offset_of(row.saturating_add(1)).wrapping_sub(1))
    }

    pub(super) fn find(&self, key: u64, most: usize, rows: &mut Vec<u32>) {
        let bucket = self.bucket(key);
        let (Some(&from), Some(&to)) = (self.starts.get(bucket), self.starts.get(bucket + 1)) else { return };
        let range = from as usize..to as usize;
        let (Some(found), Some(marks)) = (self.rows.get(range.clone()), self.marks.get(range)) else { return };
        let wanted = mark(key);
        let stop = rows.len().saturating_add(most).saturating_add(1);
        for (row, mark) in found.iter().zip(marks) {
            if *mark == wanted && !self.is_dead(*row as usize) {
                rows.push(*row);
                if rows.len() >= stop {
                    return;
                }
            }
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.patients.capacity() * 8
            + self.persons.capacity() * 8
            + self.dead.capacity() * 8
            + self.offsets.capacity() * 4
            + self.words.capacity() * 4
            + self.starts.capacity() * 4
            + self.rows.capacity() * 4
            + self.marks.capacity() * 2
    }
}

/// Makes an index in one go: the way to load many.
#[derive(Debug)]
pub struct Builder {
    packer: Packer,
    base: Base,
}

/// Packs patients for an index that is being made. Any number of threads pack at a time.
#[derive(Debug)]
pub struct Packer {
    terms: Terms,
    births: Births,
    together: Together,
    attributes: Vec<String>,
}

/// The rows of an index that is being made.
#[derive(Debug)]
pub struct Rows<'b> {
    base: &'b mut Base,
}

/// Words of several patients, packed on one thread.
#[derive(Debug, Default)]
pub struct Packed {
    who: Vec<(u64, u64)>,
    ends: Vec<usize>,
    words: Vec<u32>,
}

impl Packer {
    /// Pack one patient onto a pile.
    pub fn pack(&self, pile: &mut Packed, patient: PatientKey, person: PersonKey, facts: &PatientFacts) {
        let start = pile.words.len();
        pack(facts, &self.attributes, &mut |kind, text| self.terms.add(kind, text), &mut pile.words);
        let record = pile.words.get(start..).map(Record::read).unwrap_or_default();
        self.births.add(record.birth(), true);
        self.together.add(&record, Lexicon { terms: &self.terms, local: &[] }, true);
        pile.who.push((patient.0, person.0));
        pile.ends.push(pile.words.len());
    }
}

impl Rows<'_> {
    /// Add a pile. The order of piles is the order of rows.
    pub fn append(&mut self, pile: Packed) {
        let start = self.base.words.len();
        self.base.words.extend(pile.words);
        self.base.offsets.extend(pile.ends.iter().map(|end| u32::try_from(start + end).unwrap_or(u32::MAX)));
        self.base.patients.extend(pile.who.iter().map(|(patient, _)| patient));
        self.base.persons.extend(pile.who.iter().map(|(_, person)| AtomicU64::new(*person)));
    }
}

impl Builder {
    /// For about so many patients.
    pub fn new(expected: usize, attributes: Vec<String>) -> Builder {
        let base = Base { offsets: vec![0], ..Base::default() };
        let packer = Packer {
            terms: Terms::new(expected / 4),
            births: Births::default(),
            together: Together::default(),
            attributes,
        };
        Builder { packer, base }
    }

    /// Both halves, so that patients are packed while others are added.
    pub fn split(&mut self) -> (&Packer, Rows<'_>) {
        (&self.packer, Rows { base: &mut self.base })
    }

    /// Pack one patient onto a pile, on any thread.
    pub fn pack(&self, pile: &mut Packed, patient: PatientKey, person: PersonKey, facts: &PatientFacts) {
        self.packer.pack(pile, patient, person, facts);
    }

    /// Add a pile. The order of piles is the order of rows.
    pub fn append(&mut self, pile: Packed) {
        self.split().1.append(pile);
    }

    /// Add one patient.
    pub fn add(&mut self, patient: PatientKey, person: PersonKey, facts: &PatientFacts) {
        let mut pile = Packed::default();
        self.pack(&mut pile, patient, person, facts);
        self.append(pile);
    }

    /// Make the index.
    pub fn build(self) -> Index {
        self.build_with(1)
    }

    /// Make the index with so many threads.
    pub fn build_with(self, threads: usize) -> Index {
        let Builder { packer: Packer { terms, births, together, attributes }, mut base } = self;
        base.finish(&terms, threads);
        Index::with(Arc::new(Dictionaries { terms, births, together }), attributes, base)
    }
}

impl Index {
    fn with(known: Arc<Dictionaries>, attributes: Vec<String>, base: Base) -> Index {
        Index {
            known,
            attributes,
            live: AtomicUsize::new(base.len()),
            base,
            crowded: Crowded::default(),
            segments: (0..super::SEGMENTS).map(|_| OnceLock::new()).collect(),
            writer: Mutex::new(0),
        }
    }

    /// An index of the same people, all of them in its base: what was added no longer waits in segments, and what is dead
    /// takes no room. It shares the dictionary, so both may be asked meanwhile. Patients that are put or linked in this one
    /// while the other is made must be caught up with before it takes its place: see [`Index::catch_up`].
    pub fn compacted(&self, threads: usize) -> Index {
        let rows = (0..self.rows()).filter(|row| self.is_live(*row)).filter_map(|row| {
            let (patient, person) = self.who(row)?;
            Some((patient.0, person.0, self.words(row)?))
        });
        let mut base = Base { offsets: vec![0], ..Base::default() };
        base.extend(rows);
        base.finish(&self.known.terms, threads);
        Index::with(self.known.clone(), self.attributes.clone(), base)
    }

    /// The same in the room of this one, which nobody else asks: two of a large region take twice the memory. Nobody is decided about
    /// meanwhile.
    pub fn into_compacted(self, threads: usize) -> Index {
        let Index { known, attributes, mut base, segments, .. } = self;
        base.keep_living();
        // What was added goes as it is taken over.
        for segment in segments.into_iter().map_while(OnceLock::into_inner) {
            base.extend(segment.living());
        }
        base.finish(&known.terms, threads);
        Index::with(known, attributes, base)
    }
}

/// Give a row's keys.
fn each_key(base: &Base, (terms, rare): (&Terms, &RareNames), row: usize, mut with: impl FnMut(u64)) {
    let lexicon = Lexicon { terms, local: &[] };
    if let Some((patient, _)) = base.who(row) {
        with(patient_key(patient));
    }
    if let Some(words) = base.words(row) {
        filed_keys_as_of(rare, &Record::read(words), lexicon, |_, key| with(key));
    }
}

/// Fill the posting lists. Each thread takes a range of buckets, so that no two write one; rows stay in order within a bucket,
/// whatever the number of threads. Everything is written to where it stays: a region's postings are gigabytes.
fn post(base: &mut Base, terms: &Terms, threads: usize) {
    let people = base.len();
    // Counted and then filled by the same names, though the dictionary be counted on meanwhile.
    let names = (terms, &RareNames::of(terms));
    let mut total = 0_usize;
    let sample = people.min(20_000);
    (0..sample).for_each(|row| each_key(base, names, row, |_| total += 1));
    let estimate = if sample == 0 { 0 } else { total / sample.max(1) * people + people };
    let bits = (estimate / POSTINGS_PER_BUCKET).max(16).next_power_of_two().ilog2();
    base.shift = 64 - bits;
    let buckets = 1_usize << bits;
    let part = buckets / threads.next_power_of_two().min(buckets);

    let mut starts = vec![0_u32; buckets + 1];
    let (counts, _) = starts.split_at_mut(buckets);
    beside_each_other(counts.chunks_mut(part).enumerate(), |(number, counts)| {
        let first = number * part;
        for row in 0..people {
            each_key(base, names, row, |key| {
                if let Some(count) = base.bucket(key).checked_sub(first).and_then(|place| counts.get_mut(place)) {
                    *count += 1;
                }
            });
        }
    });
    // Where each bucket ends, for now.
    let mut sum = 0_u32;
    for start in &mut starts {
        sum += *start;
        *start = sum;
    }
    let (mut rows, mut marks) = (vec![0_u32; sum as usize], vec![0_u16; sum as usize]);
    let mut parts = Vec::new();
    let (ends, _) = starts.split_at_mut(buckets);
    let (mut rows_left, mut marks_left, mut from) = (rows.as_mut_slice(), marks.as_mut_slice(), 0_u32);
    for (number, ends) in ends.chunks_mut(part).enumerate() {
        let to = ends.last().copied().unwrap_or(from);
        let (own_rows, rest) = rows_left.split_at_mut((to - from) as usize);
        let (own_marks, marks_rest) = marks_left.split_at_mut((to - from) as usize);
        parts.push((number * part, from, ends, own_rows, own_marks));
        (rows_left, marks_left, from) = (rest, marks_rest, to);
    }
    beside_each_other(parts.into_iter(), |(first, from, ends, rows, marks)| {
        // From the last on, each bucket from its end: it is where it begins that stays.
        for row in (0..people).rev() {
            let number = u32::try_from(row).unwrap_or(u32::MAX);
            each_key(base, names, row, |key| {
                let Some(end) = base.bucket(key).checked_sub(first).and_then(|place| ends.get_mut(place)) else {
                    return;
                };
                *end -= 1;
                let at = (*end - from) as usize;
                if let (Some(slot), Some(own)) = (rows.get_mut(at), marks.get_mut(at)) {
                    (*slot, *own) = (number, mark(key));
                }
            });
        }
    });
    (base.starts, base.rows, base.marks) = (starts, rows, marks);
}

/// Do several things, each on a thread of its own where there is more than one.
fn beside_each_other<T: Send>(several: impl ExactSizeIterator<Item = T>, with: impl Fn(T) + Sync) {
    if several.len() == 1 {
        return several.for_each(with);
    }
    let with = &with;
    std::thread::scope(|scope| several.for_each(|one| drop(scope.spawn(move || with(one)))));
}
