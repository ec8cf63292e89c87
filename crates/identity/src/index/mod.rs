//! The index: every patient's row and, for each blocking key, who has it.
//!
//! A base, made in one go, holds nearly everybody: rows one after the other, and posting lists. What is added later goes into
//! segments that only ever grow and whose entries are published by atomic stores; what is removed is marked. From time to time the
//! posting lists take in whoever was added: each part of them gives way to one that has more. Readers take no lock and wait for
//! nobody; one writer at a time adds.

mod base;
mod crowded;
mod postings;
mod segment;

use crate::{
    births::Births,
    facts::PatientFacts,
    keys::{Rule, filed_keys, is_filed, patient_key},
    packed::{Record, pack},
    terms::{Kind, LOCAL, Lexicon, NONE, Term, Terms},
    together::Together,
};
use base::Base;
pub use base::{Builder, Packed, Packer, Rows};
use crowded::Crowded;
use fhir::{PatientKey, PersonKey};
pub(crate) use postings::View;
use segment::Segments;
use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

/// Blocks of up to so many times what a rule allows are looked at row by row before they are passed over.
const ROOM: usize = 4;
/// Rows fetched early at a time where each is looked at in turn and it may end at any.
const FETCHED: usize = 64;

/// What is counted of all patients, and their texts: shared by an index and the one that is to take its place.
#[derive(Debug)]
struct Dictionaries {
    terms: Terms,
    births: Births,
    together: Together,
}

/// The patients of a region, ready to be compared with.
#[derive(Debug)]
pub struct Index {
    known: Arc<Dictionaries>,
    attributes: Vec<String>,
    base: Base,
    segments: Segments,
    crowded: Crowded,
    writer: Mutex<Writing>,
    /// Whoever takes in what was added, one at a time.
    taking_in: Mutex<()>,
    live: AtomicUsize,
}

/// How far the writer is.
#[derive(Debug, Default)]
struct Writing {
    /// Rows behind the base.
    used: usize,
    /// Whether the next row goes into a segment of its own.
    closed: bool,
}

/// A question packed for this index.
#[derive(Debug, Default)]
pub struct Question {
    words: Vec<u32>,
    local: Vec<Term>,
}

impl Question {
    /// Its row.
    pub fn record(&self) -> Record<'_> {
        Record::read(&self.words)
    }

    /// The dictionary with the question's own terms.
    pub fn lexicon<'t>(&'t self, index: &'t Index) -> Lexicon<'t> {
        Lexicon { terms: &index.known.terms, local: &self.local }
    }
}

impl Index {
    /// An empty index for about so many patients; `attributes` names what else is compared.
    pub fn new(expected: usize, attributes: Vec<String>) -> Index {
        Builder::new(expected, attributes).build()
    }

    /// Patients in it.
    pub fn len(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }

    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What else is compared.
    pub fn attributes(&self) -> &[String] {
        &self.attributes
    }

    pub(crate) fn births(&self) -> &Births {
        &self.known.births
    }

    pub(crate) fn together(&self) -> &Together {
        &self.known.together
    }

    /// Pack facts as a question.
    pub fn question(&self, facts: &PatientFacts) -> Question {
        let mut question = Question::default();
        self.extend_question(&mut question, facts);
        question
    }

    /// Pack a second question that shares the first one's own terms; gives its words.
    pub(crate) fn extend_question(&self, question: &mut Question, facts: &PatientFacts) {
        let local = &mut question.local;
        let mut term = |kind: Kind, text: &str| {
            self.known.terms.find(kind, text).unwrap_or_else(|| {
                let made = Term::new(kind, text);
                let place = local
                    .iter()
                    .position(|known| known.key == made.key && known.text == made.text && known.same_kind(&made));
                let place = place.unwrap_or_else(|| {
                    local.push(made);
                    local.len() - 1
                });
                LOCAL.saturating_add(u32::try_from(place).unwrap_or(u32::MAX))
            })
        };
        question.words.clear();
        pack(facts, &self.attributes, &mut term, &mut question.words);
    }

    /// Swap a question's words out, so that another can share its terms.
    pub(crate) fn take_words(question: &mut Question) -> Vec<u32> {
        std::mem::take(&mut question.words)
    }

    /// A row as a question: for comparing the index with itself.
    pub fn question_of_row(&self, row: u32) -> Option<Question> {
        if self.is_dead(row) {
            return None;
        }
        Some(Question { words: self.words(row)?.to_vec(), local: Vec::new() })
    }

    /// A row.
    pub fn row(&self, row: u32) -> Option<Record<'_>> {
        self.words(row).map(Record::read)
    }

    fn words(&self, row: u32) -> Option<&[u32]> {
        let row = row as usize;
        match row.checked_sub(self.base.len()) {
            None => self.base.words(row),
            Some(rest) => {
                let (segment, place) = self.segments.of(rest)?;
                segment.row(place).map(|row| &*row.words)
            }
        }
    }

    /// The patient of a row, and its person now.
    pub fn who(&self, row: u32) -> Option<(PatientKey, PersonKey)> {
        let row = row as usize;
        let (patient, person) = match row.checked_sub(self.base.len()) {
            None => self.base.who(row)?,
            Some(rest) => {
                let (segment, place) = self.segments.of(rest)?;
                let row = segment.row(place)?;
                (row.patient, row.person.load(Ordering::Acquire))
            }
        };
        Some((PatientKey(patient), PersonKey(person)))
    }

    fn is_dead(&self, row: u32) -> bool {
        let row = row as usize;
        match row.checked_sub(self.base.len()) {
            None => self.base.is_dead(row),
            Some(rest) => self.segments.of(rest).is_none_or(|(segment, place)| segment.is_dead(place)),
        }
    }

    /// What is to be looked at while one question is answered.
    pub(crate) fn view(&self) -> View {
        self.base.postings.view()
    }

    /// Put everybody with a key into `rows`; gives how many, more than the rule allows counting as one more. Of a block
    /// larger than the rule allows, nobody. The answer does not depend on how the index came about: rows that are dead, or
    /// share but the key's mark, make no block too large.
    pub(crate) fn find(&self, view: &mut View, rule: Rule, key: u64, rows: &mut Vec<u32>) -> usize {
        let most = rule.most();
        if most < usize::MAX && self.crowded.has(key) {
            return most.saturating_add(1);
        }
        let seen = self.crowded.looking();
        let found = self.count(view, rule, key, rows);
        if found > most {
            self.crowded.put(key, seen);
        }
        found
    }

    /// The same for a key of which it is not remembered that too many have it.
    fn count(&self, view: &mut View, rule: Rule, key: u64, rows: &mut Vec<u32>) -> usize {
        let before = rows.len();
        loop {
            if let Some(size) = self.count_once(view, rule, key, rows) {
                return size;
            }
            // The chains of somebody who was added went: the postings have them by now.
            rows.truncate(before);
            *view = self.view();
        }
    }

    fn count_once(&self, view: &View, rule: Rule, key: u64, rows: &mut Vec<u32>) -> Option<usize> {
        let (before, most) = (rows.len(), rule.most());
        let covered = view.find(key, most.saturating_mul(ROOM), rows, |row| self.is_dead(row));
        // Where the base alone has too many, who came since makes no difference.
        let mut checked = before;
        if rows.len() - before > most {
            if !self.keep_sharers((rule, key), rows, before, before) {
                return Some(most.saturating_add(1));
            }
            checked = rows.len();
        }
        let stop = before.saturating_add(most.saturating_mul(ROOM)).saturating_add(1);
        for segment in self.segments.from(covered) {
            if rows.len() >= stop {
                break;
            }
            segment.find(key, self.base.len(), stop, rows)?;
        }
        if rows.len() - before > most && !self.keep_sharers((rule, key), rows, before, checked) {
            return Some(most.saturating_add(1));
        }
        Some(rows.len() - before)
    }

    /// Leave those who really have a key, from the place `checked` on, and nobody at all where that are too many from `before` on:
    /// whether it was not so.
    fn keep_sharers(&self, (rule, key): (Rule, u64), rows: &mut Vec<u32>, before: usize, checked: usize) -> bool {
        let most = rule.most();
        let mut kept = checked;
        for at in checked..rows.len() {
            // Too many whatever the others are.
            if kept - before > most || rows.len() - before > most.saturating_mul(ROOM) {
                rows.truncate(before);
                return false;
            }
            if (at - checked).is_multiple_of(FETCHED) {
                self.fetch_rows(rows.get(at..rows.len().min(at + FETCHED)).unwrap_or_default());
            }
            if let Some(row) = rows.get(at).copied().filter(|row| self.has_key(*row, rule, key)) {
                if let Some(slot) = rows.get_mut(kept) {
                    *slot = row;
                }
                kept += 1;
            }
        }
        rows.truncate(if kept - before > most { before } else { kept });
        kept - before <= most
    }

    /// Have the processor fetch where these keys' blocks begin, many at a time: reading them one after the other it would
    /// wait for memory at each.
    pub(crate) fn fetch_keys(&self, view: &View, keys: &[(Rule, u64)]) {
        std::hint::black_box(keys.iter().fold(0, |sum, (_, key)| sum ^ view.start_of(*key)));
        std::hint::black_box(keys.iter().fold(0, |sum, (_, key)| sum ^ view.first_of(*key)));
        for segment in self.segments.from(view.covers()) {
            std::hint::black_box(keys.iter().fold(0, |sum, (_, key)| sum ^ segment.start_of(*key)));
            std::hint::black_box(keys.iter().fold(0, |sum, (_, key)| sum ^ segment.first_of(*key)));
        }
    }

    /// The same for rows.
    pub(crate) fn fetch_rows(&self, rows: &[u32]) {
        std::hint::black_box(rows.iter().fold(0, |sum, row| sum ^ self.base.offset_of(*row)));
        std::hint::black_box(rows.iter().fold(0, |sum, row| sum ^ self.base.word_of(*row)));
        let added = || {
            let rest = rows.iter().filter_map(|row| (*row as usize).checked_sub(self.base.len()));
            rest.filter_map(|rest| self.segments.of(rest))
        };
        std::hint::black_box(added().fold(0, |sum, (segment, place)| sum ^ segment.words_of(place)));
        std::hint::black_box(added().fold(0, |sum, (segment, place)| sum ^ segment.word_of(place)));
    }

    /// The same for the terms of rows.
    pub(crate) fn fetch_texts(&self, records: &[Record<'_>]) {
        let terms = &self.known.terms;
        std::hint::black_box(records.iter().flat_map(Record::texts).fold(0, |sum, id| sum ^ terms.touch(id)));
    }

    fn has_key(&self, row: u32, rule: Rule, wanted: u64) -> bool {
        self.row(row).filter(|_| !self.is_dead(row)).is_some_and(|record| self.has(&record, rule, wanted))
    }

    /// Whether a row really has what a key is made of.
    pub(crate) fn has(&self, record: &Record<'_>, rule: Rule, wanted: u64) -> bool {
        is_filed(record, self.lexicon(), rule, wanted)
    }

    /// The row of a patient.
    pub fn row_of(&self, patient: PatientKey) -> Option<u32> {
        // The newest: an update adds before it removes.
        self.rows_of(patient).pop()
    }

    fn rows_of(&self, patient: PatientKey) -> Vec<u32> {
        let mut rows = Vec::new();
        self.find(&mut self.view(), Rule::Patient, patient_key(patient.0), &mut rows);
        rows.retain(|row| !self.is_dead(*row) && self.who(*row).is_some_and(|(known, _)| known == patient));
        rows
    }

    pub(crate) fn is_live(&self, row: u32) -> bool {
        !self.is_dead(row)
    }

    /// Add a patient, or put new facts in the place of the old. Whoever is matching meanwhile sees the old facts or the new.
    pub fn put(&self, patient: PatientKey, person: PersonKey, facts: &PatientFacts) {
        let mut writing = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let old = self.row_of(patient);
        let mut words = Vec::with_capacity(24);
        pack(facts, &self.attributes, &mut |kind, text| self.known.terms.add(kind, text), &mut words);
        let record = Record::read(&words);
        self.known.births.add(record.birth(), true);
        self.known.together.add(&record, self.lexicon(), true);
        self.append(&mut writing, patient, person, &words);
        if let Some(old) = old {
            self.discount(old);
            self.bury(old);
        }
    }

    fn lexicon(&self) -> Lexicon<'_> {
        Lexicon { terms: &self.known.terms, local: &[] }
    }

    /// Add a row whose terms are counted.
    fn append(&self, writing: &mut Writing, patient: PatientKey, person: PersonKey, words: &[u32]) {
        let used = writing.used;
        let last = self.segments.of(used).filter(|(segment, place)| !writing.closed && *place < segment.capacity());
        let opened = || {
            let segment = self.segments.open(used, self.base.len() + used, self.behind(used))?;
            Some((segment, 0))
        };
        let Some((segment, place)) = last.or_else(opened) else { return };
        segment.put(place, patient.0, person.0, words, self.lexicon());
        *writing = Writing { used: used + 1, closed: false };
        self.live.fetch_add(1, Ordering::Relaxed);
    }

    /// How many of so many rows behind the base are not posted.
    fn behind(&self, used: usize) -> usize {
        used - self.segments.from(self.base.postings.covers()).next().map_or(used, |segment| segment.first().min(used))
    }

    /// How many were added that the posting lists do not have: each key is looked for among them too.
    pub fn waiting(&self) -> usize {
        let used = self.added();
        self.behind(used)
    }

    /// Whether more were added than the base was made of. Its buckets are too few by then: it is time for [`Index::compacted`].
    pub fn outgrown(&self) -> bool {
        self.added() >= self.base.len()
    }

    /// Have the posting lists take in whoever was added, those excepted who are in a segment that is just being filled, if there is
    /// another. Whoever asks or adds meanwhile waits for nobody, and no answer changes.
    pub fn take_in(&self) {
        let _one = self.taking_in.lock().unwrap_or_else(PoisonError::into_inner);
        let covered = self.base.postings.covers();
        let mut segments: Vec<_> = self.segments.from(covered).collect();
        {
            let mut writing = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
            // None was opened since; the last may have room left.
            segments.extend(self.segments.from(covered + segments.len()));
            let full = |segment: &&segment::Segment| writing.used - segment.first() >= segment.capacity();
            if !writing.closed && !segments.last().is_some_and(full) {
                if segments.len() == 1 && self.segments.may_close() {
                    writing.closed = true;
                } else {
                    segments.pop();
                }
            }
        }
        if segments.is_empty() {
            return;
        }
        self.base.postings.take_in(&segments, self.base.len(), &self.known.terms, |row| self.is_dead(row));
        segments.iter().for_each(|segment| segment.unchain());
    }

    /// Know of a patient what `from` knows, an index that shares this one's dictionary: what happened there since
    /// [`Index::compacted`].
    pub fn catch_up(&self, from: &Index, patient: PatientKey) {
        let mut writing = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let theirs = from.row_of(patient).and_then(|row| Some((from.words(row)?, from.who(row)?.1)));
        // Two, where this index was made between the adding of new facts and the taking out of the old.
        let mut own = self.rows_of(patient);
        if let Some((words, person)) = theirs {
            match own.iter().rposition(|row| self.words(*row) == Some(words)) {
                Some(place) => {
                    self.point(own.swap_remove(place), person);
                }
                None => self.append(&mut writing, patient, person, words),
            }
        }
        own.into_iter().for_each(|row| self.bury(row));
    }

    /// Take a patient out.
    pub fn remove(&self, patient: PatientKey) -> bool {
        let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(row) = self.row_of(patient) else { return false };
        self.discount(row);
        self.bury(row);
        true
    }

    /// Take a row out of what is counted.
    fn discount(&self, row: u32) {
        if let Some(record) = self.row(row) {
            self.known.births.add(record.birth(), false);
            self.known.together.add(&record, self.lexicon(), false);
            for term in record.terms() {
                self.known.terms.count(term, false);
            }
        }
    }

    fn bury(&self, buried: u32) {
        let row = buried as usize;
        match row.checked_sub(self.base.len()) {
            None => self.base.bury(row),
            Some(rest) => {
                if let Some((segment, place)) = self.segments.of(rest) {
                    segment.bury(place);
                }
            }
        }
        // Where one was too many, there are not any more.
        self.crowded.gone();
        if let Some(record) = self.row(buried) {
            filed_keys(&record, self.lexicon(), |rule, key| {
                if rule.most() < usize::MAX {
                    self.crowded.remove(key);
                }
            });
        }
        self.live.fetch_sub(1, Ordering::Relaxed);
    }

    /// Say that a patient is another person from now on.
    pub fn link(&self, patient: PatientKey, person: PersonKey) -> bool {
        self.row_of(patient).is_some_and(|row| self.point(row, person))
    }

    fn point(&self, row: u32, person: PersonKey) -> bool {
        let row = row as usize;
        match row.checked_sub(self.base.len()) {
            None => self.base.link(row, person.0),
            Some(rest) => match self.segments.of(rest).and_then(|(segment, place)| segment.row(place)) {
                Some(row) => {
                    row.person.store(person.0, Ordering::Release);
                    true
                }
                None => false,
            },
        }
    }

    /// How many were added since the base was made.
    pub fn added(&self) -> usize {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner).used
    }

    /// Memory, in bytes.
    pub fn bytes(&self) -> usize {
        let segments: usize = self.segments.from(0).map(segment::Segment::bytes).sum();
        self.known.terms.bytes()
            + self.known.births.bytes()
            + self.known.together.bytes()
            + self.base.bytes()
            + self.crowded.bytes()
            + segments
    }

    /// Rows there ever were, dead ones included.
    pub fn rows(&self) -> u32 {
        u32::try_from(self.base.len() + self.added()).unwrap_or(NONE)
    }

    pub(crate) fn terms(&self) -> &Terms {
        &self.known.terms
    }
}

#[cfg(test)]
mod tests;
