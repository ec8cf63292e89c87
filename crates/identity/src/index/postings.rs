//! Who has which key: posting lists behind a table of buckets, in parts by the first bits of a key.
//!
//! A part is never changed. One that has more postings is put in its place, so that what was added meanwhile is taken in a part at
//! a time: that needs room for one part more, and nobody who asks waits for it. Whoever asks looks at the parts as they were at one
//! moment.

use super::segment::Segment;
use crate::{
    keys::{RareNames, filed_keys_as_of, patient_key},
    packed::Record,
    terms::{Lexicon, Terms},
};
use arc_swap::{ArcSwap, Guard};
use std::sync::Arc;

/// Postings to a bucket, on average, when an index is made. More: less memory, more strangers to pass over.
const POSTINGS_PER_BUCKET: usize = 4;
/// Parts, as a power of two: the room that taking in needs is one of them.
const PARTS: u32 = 6;

#[expect(clippy::cast_possible_truncation, reason = "sixteen bits of the hash are what is asked for")]
pub(super) fn mark(key: u64) -> u16 {
    key as u16
}

/// The posting lists of all keys.
#[derive(Debug, Default)]
pub(super) struct Postings(ArcSwap<Parts>);

/// The parts as they are at a moment.
#[derive(Debug, Default, Clone)]
pub(crate) struct Parts {
    parts: Box<[Arc<Part>]>,
    /// Bits of a key that are of no bucket.
    shift: u32,
    /// Bits of a bucket that are of its place in its part.
    within: u32,
    /// Segments that every part covers.
    covers: usize,
}

/// What somebody who asks looks at.
pub(crate) type View = Guard<Arc<Parts>>;

/// The posting lists of the keys that begin alike.
#[derive(Debug, Default)]
pub(super) struct Part {
    /// So many segments, from the first, are in it: whoever is in them is not to be looked for there.
    covers: usize,
    /// Where each bucket begins in `rows` and `marks`; one more than there are buckets.
    starts: Vec<u32>,
    rows: Vec<u32>,
    /// Sixteen bits of each posting's key: tells the keys of one bucket apart.
    marks: Vec<u16>,
}

/// A posting that is to be taken in: its bucket in its part, its row, its mark.
pub(super) type Posting = (u32, u32, u16);

impl Postings {
    /// Post people under their keys; `row` gives the patient and the words of each. Each thread fills some of the parts, so that no
    /// two write one; rows stay in order within a bucket, whatever the number of threads. Everything is written to where it stays: a
    /// region's postings are gigabytes.
    pub(super) fn of<'w>(
        people: usize,
        row: impl Fn(usize) -> Option<(u64, &'w [u32])> + Sync,
        terms: &Terms,
        threads: usize,
    ) -> Postings {
        // Counted and then filled by the same names, though the dictionary be counted on meanwhile.
        let rare = &RareNames::of(terms);
        let each = |number: usize, with: &mut dyn FnMut(u64)| {
            if let Some((patient, words)) = row(number) {
                each_key((terms, rare), patient, words, with);
            }
        };
        let mut total = 0_usize;
        let sample = people.min(20_000);
        (0..sample).for_each(|number| each(number, &mut |_| total += 1));
        let estimate = if sample == 0 { 0 } else { total / sample.max(1) * people + people };
        let bits = (estimate / POSTINGS_PER_BUCKET).max(16).next_power_of_two().ilog2();
        let within = bits - PARTS.min(bits);
        let mut postings = Parts { shift: 64 - bits, within, ..Parts::default() };

        let mut parts: Vec<Part> = (0..1_usize << (bits - within))
            .map(|_| Part { starts: vec![0; (1 << within) + 1], ..Part::default() })
            .collect();
        let a_thread = parts.len().div_ceil(threads.max(1));
        beside_each_other(parts.chunks_mut(a_thread).enumerate(), |(number, parts)| {
            let first = number * a_thread;
            for number in 0..people {
                each(number, &mut |key| {
                    let (part, bucket) = postings.place(key);
                    let part = part.checked_sub(first).and_then(|part| parts.get_mut(part));
                    if let Some(count) = part.and_then(|part| part.starts.get_mut(bucket)) {
                        *count += 1;
                    }
                });
            }
            for part in &mut *parts {
                // Where each bucket ends, for now.
                let mut sum = 0_u32;
                for start in &mut part.starts {
                    sum += *start;
                    *start = sum;
                }
                (part.rows, part.marks) = (vec![0; sum as usize], vec![0; sum as usize]);
            }
            // From the last on, each bucket from its end: it is where it begins that stays.
            for number in (0..people).rev() {
                let posted = u32::try_from(number).unwrap_or(u32::MAX);
                each(number, &mut |key| {
                    let (part, bucket) = postings.place(key);
                    let Some(part) = part.checked_sub(first).and_then(|part| parts.get_mut(part)) else { return };
                    let Some(end) = part.starts.get_mut(bucket) else { return };
                    *end -= 1;
                    let at = *end as usize;
                    if let (Some(slot), Some(own)) = (part.rows.get_mut(at), part.marks.get_mut(at)) {
                        (*slot, *own) = (posted, mark(key));
                    }
                });
            }
        });
        postings.parts = parts.into_iter().map(Arc::new).collect();
        Postings(ArcSwap::from_pointee(postings))
    }

    /// The parts as they are now.
    pub(super) fn view(&self) -> View {
        self.0.load()
    }

    /// How many segments every part covers.
    pub(super) fn covers(&self) -> usize {
        self.0.load().covers
    }

    /// Take in whoever is in `segments`, those behind the ones that are covered; `base` is the number of the first row of all of
    /// them. What is `dead` goes. A part at a time is there twice.
    pub(super) fn take_in(&self, segments: &[&Segment], base: usize, terms: &Terms, dead: impl Fn(u32) -> bool) {
        let rare = RareNames::of(terms);
        let mut parts = Parts::clone(&self.0.load());
        let mut added: Vec<Vec<Posting>> = parts.parts.iter().map(|_| Vec::new()).collect();
        for segment in segments {
            for (place, row) in segment.living() {
                let number = u32::try_from(base + segment.first() + place).unwrap_or(u32::MAX);
                each_key((terms, &rare), row.patient, &row.words, &mut |key| {
                    let (part, bucket) = parts.place(key);
                    if let Some(added) = added.get_mut(part) {
                        added.push((u32::try_from(bucket).unwrap_or(u32::MAX), number, mark(key)));
                    }
                });
            }
        }
        for (number, mut added) in added.into_iter().enumerate() {
            added.sort_unstable();
            if let Some(part) = parts.parts.get_mut(number) {
                *part = Arc::new(part.with(&added, segments.len(), &dead));
            }
            // The one before goes with the last who looks at it.
            self.0.store(Arc::new(parts.clone()));
        }
        parts.covers += segments.len();
        self.0.store(Arc::new(parts));
    }

    pub(super) fn bytes(&self) -> usize {
        self.0.load().parts.iter().map(|part| part.bytes()).sum()
    }
}

impl Parts {
    /// The part and, in it, the bucket of a key.
    fn place(&self, key: u64) -> (usize, usize) {
        let bucket = usize::try_from(key.checked_shr(self.shift).unwrap_or(0)).unwrap_or(0);
        (bucket >> self.within, bucket & ((1 << self.within) - 1))
    }

    fn part(&self, key: u64) -> Option<(&Part, usize)> {
        let (part, bucket) = self.place(key);
        Some((self.parts.get(part)?, bucket))
    }

    /// Where a key's bucket begins, for fetching it early.
    pub(super) fn start_of(&self, key: u64) -> u32 {
        self.part(key).map_or(0, |(part, bucket)| part.start_of(bucket))
    }

    /// What stands there first, for fetching it early.
    pub(super) fn first_of(&self, key: u64) -> u32 {
        self.part(key).map_or(0, |(part, bucket)| part.first_of(part.start_of(bucket) as usize))
    }

    /// How many segments every part covers.
    pub(super) fn covers(&self) -> usize {
        self.covers
    }

    /// Put up to `most` of those living rows that seem to have a key into `rows`, and one more where there are more; gives how many
    /// segments need not be looked into.
    pub(super) fn find(&self, key: u64, most: usize, rows: &mut Vec<u32>, dead: impl Fn(u32) -> bool) -> usize {
        let Some((part, bucket)) = self.part(key) else { return 0 };
        if let Some((found, marks)) = part.bucket(bucket) {
            let wanted = mark(key);
            let stop = rows.len().saturating_add(most).saturating_add(1);
            for (row, mark) in found.iter().zip(marks) {
                if *mark == wanted && !dead(*row) {
                    rows.push(*row);
                    if rows.len() >= stop {
                        break;
                    }
                }
            }
        }
        part.covers
    }
}

impl Part {
    fn start_of(&self, bucket: usize) -> u32 {
        self.starts.get(bucket).copied().unwrap_or(0)
    }

    fn first_of(&self, start: usize) -> u32 {
        self.rows.get(start).copied().unwrap_or(0) ^ self.marks.get(start).copied().map_or(0, u32::from)
    }

    fn bucket(&self, bucket: usize) -> Option<(&[u32], &[u16])> {
        let range = *self.starts.get(bucket)? as usize..*self.starts.get(bucket + 1)? as usize;
        Some((self.rows.get(range.clone())?, self.marks.get(range)?))
    }

    /// This part without what is dead and with what was added, which is in the order of buckets and rows.
    fn with(&self, added: &[Posting], segments: usize, dead: &impl Fn(u32) -> bool) -> Part {
        let most = self.rows.len() + added.len();
        let (mut rows, mut marks) = (Vec::with_capacity(most), Vec::with_capacity(most));
        let mut starts = Vec::with_capacity(self.starts.len());
        let mut added = added.iter().peekable();
        for bucket in 0..self.starts.len().saturating_sub(1) {
            starts.push(u32::try_from(rows.len()).unwrap_or(u32::MAX));
            let (old, own) = self.bucket(bucket).unwrap_or_default();
            for (row, mark) in old.iter().zip(own).filter(|(row, _)| !dead(**row)) {
                rows.push(*row);
                marks.push(*mark);
            }
            while let Some((_, row, mark)) = added.next_if(|(of, ..)| *of as usize == bucket) {
                rows.push(*row);
                marks.push(*mark);
            }
        }
        starts.push(u32::try_from(rows.len()).unwrap_or(u32::MAX));
        rows.shrink_to_fit();
        marks.shrink_to_fit();
        Part { covers: self.covers + segments, starts, rows, marks }
    }

    fn bytes(&self) -> usize {
        self.starts.capacity() * 4 + self.rows.capacity() * 4 + self.marks.capacity() * 2
    }
}

/// Give a row's keys.
fn each_key((terms, rare): (&Terms, &RareNames), patient: u64, words: &[u32], with: &mut dyn FnMut(u64)) {
    with(patient_key(patient));
    filed_keys_as_of(rare, &Record::read(words), Lexicon { terms, local: &[] }, |_, key| with(key));
}

/// Do several things, each on a thread of its own where there is more than one.
fn beside_each_other<T: Send>(several: impl ExactSizeIterator<Item = T>, with: impl Fn(T) + Sync) {
    if several.len() == 1 {
        return several.for_each(with);
    }
    let with = &with;
    std::thread::scope(|scope| several.for_each(|one| drop(scope.spawn(move || with(one)))));
}
