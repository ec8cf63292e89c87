//! The base: the rows of whoever was there when the index was made, one after the other.

use super::{
    Dictionaries, Index, Writing,
    crowded::Crowded,
    postings::Postings,
    segment::{Segment, Segments},
};
use crate::{
    births::Births,
    facts::PatientFacts,
    packed::{Record, pack},
    terms::{Lexicon, Terms},
    together::Together,
};
use fhir::{PatientKey, PersonKey};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

#[derive(Debug, Default)]
pub(super) struct Base {
    patients: Vec<u64>,
    persons: Vec<AtomicU64>,
    dead: Vec<AtomicU64>,
    offsets: Vec<u32>,
    words: Vec<u32>,
    pub(super) postings: Postings,
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
        self.postings = Postings::default();
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

    /// Make room for these rows, no more than they need.
    fn reserve<'w>(&mut self, rows: impl Iterator<Item = (u64, u64, &'w [u32])>) {
        let (count, words) = rows.fold((0, 0), |(count, sum), (_, _, words)| (count + 1, sum + words.len()));
        self.patients.reserve_exact(count);
        self.persons.reserve_exact(count);
        self.offsets.reserve_exact(count);
        self.words.reserve_exact(words);
    }

    /// These rows as well, behind the others; they are not posted.
    fn extend<'w>(&mut self, rows: impl Iterator<Item = (u64, u64, &'w [u32])>) {
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
        let row = |row: usize| Some((*self.patients.get(row)?, self.words(row)?));
        self.postings = Postings::of(self.patients.len(), row, terms, threads);
    }

    pub(super) fn offset_of(&self, row: u32) -> u32 {
        self.offsets.get(row as usize).copied().unwrap_or(0)
    }

    /// The first and the last of a row's words: they lie on one cache line or two.
    pub(super) fn word_of(&self, row: u32) -> u32 {
        let word = |at: u32| self.words.get(at as usize).copied().unwrap_or(0);
        word(self.offset_of(row)) ^ word(self.offset_of(row.saturating_add(1)).wrapping_sub(1))
    }

    pub(super) fn bytes(&self) -> usize {
        self.patients.capacity() * 8
            + self.persons.capacity() * 8
            + self.dead.capacity() * 8
            + self.offsets.capacity() * 4
            + self.words.capacity() * 4
            + self.postings.bytes()
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
            segments: Segments::default(),
            writer: Mutex::new(Writing::default()),
            taking_in: Mutex::new(()),
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
        base.reserve(rows.clone());
        base.extend(rows);
        base.finish(&self.known.terms, threads);
        Index::with(self.known.clone(), self.attributes.clone(), base)
    }

    /// The same in the room of this one, which nobody else asks: two of a large region take twice the memory. Nobody is decided about
    /// meanwhile.
    pub fn into_compacted(self, threads: usize) -> Index {
        let Index { known, attributes, mut base, segments, .. } = self;
        base.keep_living();
        base.reserve(segments.from(0).flat_map(living));
        // What was added goes as it is taken over.
        for segment in segments.into_all() {
            base.extend(living(&segment));
        }
        base.finish(&known.terms, threads);
        Index::with(known, attributes, base)
    }
}

/// Patient, person and words of everybody in a segment.
fn living(segment: &Segment) -> impl Iterator<Item = (u64, u64, &[u32])> {
    segment.living().map(|(_, row)| (row.patient, row.person.load(Ordering::Acquire), &*row.words))
}
