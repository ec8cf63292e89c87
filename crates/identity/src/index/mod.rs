//! The index: every patient's row and, for each blocking key, who has it.
//!
//! An immutable base, made in one go, holds nearly everybody: rows one after the other, and posting lists in one array. What
//! is added later goes into segments that only ever grow and whose entries are published by atomic stores; what is removed
//! is marked. Readers take no lock and wait for nobody; one writer at a time adds.

mod base;
mod crowded;
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
use segment::Segment;
use std::sync::{
    Arc, Mutex, OnceLock, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

/// Blocks of up to so many times what a rule allows are looked at row by row before they are passed over.
const ROOM: usize = 4;
/// Segments double in size: so many hold more people than a region has.
const SEGMENTS: usize = 14;
/// Patients in the first segment, at least.
const SEGMENT_FIRST: usize = 4096;
/// And of those in the base one in so many. Every key is looked for in every segment, which is to wait for memory: what is added to a
/// large index before it is made anew (a sixteenth) is in two.
const SEGMENT_ONE_IN: usize = 32;
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
    segments: Box<[OnceLock<Segment>]>,
    crowded: Crowded,
    writer: Mutex<usize>,
    live: AtomicUsize,
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
                let (segment, place) = self.segment_of(rest)?;
                segment.row(place).map(|row| &*row.words)
            }
        }
    }

    /// Rows that fit in a segment.
    fn segment_size(&self, number: usize) -> usize {
        SEGMENT_FIRST.max(self.base.len() / SEGMENT_ONE_IN) << number
    }

    fn segment_of(&self, rest: usize) -> Option<(&Segment, usize)> {
        let mut start = 0;
        for (number, slot) in self.segments.iter().enumerate() {
            let capacity = self.segment_size(number);
            if rest < start + capacity {
                return Some((slot.get()?, rest - start));
            }
            start += capacity;
        }
        None
    }

    /// The patient of a row, and its person now.
    pub fn who(&self, row: u32) -> Option<(PatientKey, PersonKey)> {
        let row = row as usize;
        let (patient, person) = match row.checked_sub(self.base.len()) {
            None => self.base.who(row)?,
            Some(rest) => {
                let (segment, place) = self.segment_of(rest)?;
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
            Some(rest) => self.segment_of(rest).is_none_or(|(segment, place)| segment.is_dead(place)),
        }
    }

    /// Put everybody with a key into `rows`; gives how many, more than the rule allows counting as one more. Of a block
    /// larger than the rule allows, nobody. The answer does not depend on how the index came about: rows that are dead, or
    /// share but the key's mark, make no block too large.
    pub(crate) fn find(&self, rule: Rule, key: u64, rows: &mut Vec<u32>) -> usize {
        let most = rule.most();
        if most < usize::MAX && self.crowded.has(key) {
            return most.saturating_add(1);
        }
        let seen = self.crowded.looking();
        let found = self.count(rule, key, rows);
        if found > most {
            self.crowded.put(key, seen);
        }
        found
    }

    /// The same for a key of which it is not remembered that too many have it.
    fn count(&self, rule: Rule, key: u64, rows: &mut Vec<u32>) -> usize {
        let (before, most) = (rows.len(), rule.most());
        self.base.find(key, most.saturating_mul(ROOM), rows);
        // Where the base alone has too many, who came since makes no difference.
        let mut checked = before;
        if rows.len() - before > most {
            if !self.keep_sharers((rule, key), rows, before, before) {
                return most.saturating_add(1);
            }
            checked = rows.len();
        }
        let stop = before.saturating_add(most.saturating_mul(ROOM)).saturating_add(1);
        let mut first = self.base.len();
        for (number, slot) in self.segments.iter().enumerate() {
            let Some(segment) = slot.get() else { break };
            segment.find(key, first, stop, rows);
            first += self.segment_size(number);
        }
        if rows.len() - before > most && !self.keep_sharers((rule, key), rows, before, checked) {
            return most.saturating_add(1);
        }
        rows.len() - before
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
    pub(crate) fn fetch_keys(&self, keys: &[(Rule, u64)]) {
        std::hint::black_box(keys.iter().fold(0, |sum, (_, key)| sum ^ self.base.start_of(*key)));
        std::hint::black_box(keys.iter().fold(0, |sum, (_, key)| sum ^ self.base.first_of(*key)));
        for segment in self.segments.iter().map_while(OnceLock::get) {
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
            rest.filter_map(|rest| self.segment_of(rest))
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
        self.find(Rule::Patient, patient_key(patient.0), &mut rows);
        rows.retain(|row| !self.is_dead(*row) && self.who(*row).is_some_and(|(known, _)| known == patient));
        rows
    }

    pub(crate) fn is_live(&self, row: u32) -> bool {
        !self.is_dead(row)
    }

    /// Add a patient, or put new facts in the place of the old. Whoever is matching meanwhile sees the old facts or the new.
    pub fn put(&self, patient: PatientKey, person: PersonKey, facts: &PatientFacts) {
        let mut used = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let old = self.row_of(patient);
        let mut words = Vec::with_capacity(24);
        pack(facts, &self.attributes, &mut |kind, text| self.known.terms.add(kind, text), &mut words);
        let record = Record::read(&words);
        self.known.births.add(record.birth(), true);
        self.known.together.add(&record, self.lexicon(), true);
        self.append(&mut used, patient, person, &words);
        if let Some(old) = old {
            self.discount(old);
            self.bury(old);
        }
    }

    fn lexicon(&self) -> Lexicon<'_> {
        Lexicon { terms: &self.known.terms, local: &[] }
    }

    /// Add a row whose terms are counted.
    fn append(&self, used: &mut usize, patient: PatientKey, person: PersonKey, words: &[u32]) {
        let mut start = 0;
        for (number, slot) in self.segments.iter().enumerate() {
            let capacity = self.segment_size(number);
            if *used < start + capacity {
                let segment = slot.get_or_init(|| Segment::new(capacity));
                segment.put(*used - start, patient.0, person.0, words, self.lexicon());
                *used += 1;
                self.live.fetch_add(1, Ordering::Relaxed);
                break;
            }
            start += capacity;
        }
    }

    /// Know of a patient what `from` knows, an index that shares this one's dictionary: what happened there since
    /// [`Index::compacted`].
    pub fn catch_up(&self, from: &Index, patient: PatientKey) {
        let mut used = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let theirs = from.row_of(patient).and_then(|row| Some((from.words(row)?, from.who(row)?.1)));
        // Two, where this index was made between the adding of new facts and the taking out of the old.
        let mut own = self.rows_of(patient);
        if let Some((words, person)) = theirs {
            match own.iter().rposition(|row| self.words(*row) == Some(words)) {
                Some(place) => {
                    self.point(own.swap_remove(place), person);
                }
                None => self.append(&mut used, patient, person, words),
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
                if let Some((segment, place)) = self.segment_of(rest) {
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
            Some(rest) => match self.segment_of(rest).and_then(|(segment, place)| segment.row(place)) {
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
        *self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Memory, in bytes.
    pub fn bytes(&self) -> usize {
        let segments: usize = self.segments.iter().filter_map(OnceLock::get).map(Segment::bytes).sum();
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
mod tests {
    use super::*;
    use jiff::ToSpan as _;

    fn facts(given: &str) -> PatientFacts {
        PatientFacts {
            givens: vec![given.to_owned()],
            families: vec!["Okonkwo".to_owned()],
            birth: "1950-01-01".parse().ok(),
            ..PatientFacts::default()
        }
    }

    /// A block that is too large is passed over, and one that is just not is found whole, whether who is in it was there when the
    /// index was made, came since, or both.
    #[test]
    fn blocks_come_out_the_same_wherever_their_rows_are() {
        let most = Rule::Names.most();
        for count in [most, most + 1, most * ROOM + 1, most * ROOM * 3] {
            let mut sizes = Vec::new();
            let mut in_bases = vec![0, count / 2, most.min(count), count];
            in_bases.dedup();
            for in_base in in_bases {
                let mut builder = Builder::new(16, Vec::new());
                let patients = (0..count as u64).map(PatientKey);
                for patient in patients.clone().take(in_base) {
                    builder.add(patient, PersonKey(patient.0), &facts("Ann"));
                }
                let index = builder.build();
                for patient in patients.skip(in_base) {
                    index.put(patient, PersonKey(patient.0), &facts("Ann"));
                }
                let question = index.question(&facts("Ann"));
                let mut asked = Vec::new();
                crate::keys::keys(&question.record(), question.lexicon(&index), |rule, key| asked.push((rule, key)));
                let mut rows = Vec::new();
                for (rule, key) in asked {
                    let before = rows.len();
                    let size = index.find(rule, key, &mut rows);
                    sizes.push((in_base, rule as u64, size, rows.len() - before));
                }
            }
            let of = |base: usize| {
                sizes
                    .iter()
                    .filter(|(at, ..)| *at == base)
                    .map(|(_, rule, size, found)| (*rule, *size, *found))
                    .collect::<Vec<_>>()
            };
            assert!(!of(0).is_empty());
            for in_base in [count / 2, most.min(count), count] {
                assert_eq!(of(in_base), of(0), "{count} alike, {in_base} of them in the base");
            }
        }
    }

    /// That too many share a key is remembered, until one of them goes.
    #[test]
    fn a_block_that_was_too_large_is_found_once_enough_have_gone() {
        let most = Rule::Names.most();
        let mut builder = Builder::new(16, Vec::new());
        (0..5).for_each(|number| builder.add(PatientKey(number), PersonKey(number), &facts("Ann")));
        let index = builder.build();
        (5..=most as u64).for_each(|number| index.put(PatientKey(number), PersonKey(number), &facts("Ann")));
        let question = index.question(&facts("Ann"));
        let mut asked = None;
        crate::keys::keys(&question.record(), question.lexicon(&index), |rule, key| {
            asked = asked.or((rule == Rule::Names).then_some(key));
        });
        let key = asked.expect("both names");
        let found = || {
            let mut rows = Vec::new();
            (index.find(Rule::Names, key, &mut rows), rows.len())
        };
        for gone in [1, most as u64] {
            assert_eq!((found(), found()), ((most + 1, 0), (most + 1, 0)));
            // In the base, and among those who came since.
            index.remove(PatientKey(gone));
            assert_eq!((found(), found()), ((most, most), (most, most)));
            index.put(PatientKey(gone), PersonKey(gone), &facts("Ann"));
        }
        // Somebody who is another now.
        assert_eq!(found(), (most + 1, 0));
        index.put(PatientKey(2), PersonKey(2), &facts("Beatrice"));
        assert_eq!(found(), (most, most));
    }

    /// A name that a hundred have, and with one more hundred and one, is rare at one moment and not at the next. An index that is
    /// made meanwhile has everybody under every key all the same.
    #[test]
    fn whoever_comes_and_goes_while_an_index_is_made_hides_nobody() {
        let named = |given: &str, number: u64| PatientFacts {
            givens: vec![given.to_owned()],
            families: vec![format!("Family{number}")],
            birth: jiff::civil::Date::new(1950, 1, 1)
                .ok()
                .and_then(|first| first.checked_add(i64::try_from(number).unwrap_or(0).days()).ok()),
            ..PatientFacts::default()
        };
        let index = Builder::new(16, Vec::new()).build();
        for number in 0..4000 {
            let given = if number < 100 { "Zebedee".to_owned() } else { format!("Given{}", number % 50) };
            index.put(PatientKey(number), PersonKey(number), &named(&given, number));
        }
        let done = std::sync::atomic::AtomicBool::new(false);
        let hidden = std::thread::scope(|scope| {
            scope.spawn(|| {
                let guest = PatientKey(5000);
                while !done.load(Ordering::Relaxed) {
                    index.put(guest, PersonKey(5000), &named("Zebedee", 5000));
                    index.remove(guest);
                }
            });
            let hidden = (0..4).map(|_| hidden(&index.compacted(1))).sum::<usize>();
            done.store(true, Ordering::Relaxed);
            hidden
        });
        assert_eq!(hidden, 0, "postings are missing");
    }

    /// How many keys of somebody in the base do not lead there.
    fn hidden(made: &Index) -> usize {
        let mut hidden = 0;
        for row in 0..made.rows() {
            let record = made.row(row).unwrap_or_default();
            filed_keys(&record, made.lexicon(), |rule, key| {
                let mut rows = Vec::new();
                made.base.find(key, usize::MAX, &mut rows);
                // Of rare names somebody is found by who is rare.
                hidden += usize::from(rule != Rule::RareName && !rows.contains(&row));
            });
        }
        hidden
    }

    /// An index that is made just when somebody's new facts are in and the old are not out yet has both.
    #[test]
    fn somebody_who_was_copied_between_two_facts_is_there_once() {
        let (patient, person) = (PatientKey(7), PersonKey(7));
        let old = Builder::new(16, Vec::new()).build();
        old.put(patient, person, &facts("Ann"));
        let made = old.compacted(1);
        old.put(patient, person, &facts("Anne"));
        let row = old.row_of(patient).expect("known");
        let words = old.words(row).expect("words").to_vec();
        made.append(&mut made.writer.lock().expect("nobody writes"), patient, person, &words);
        assert_eq!(made.rows_of(patient).len(), 2);
        made.catch_up(&old, patient);
        let rows = made.rows_of(patient);
        assert_eq!((rows.len(), made.len()), (1, 1));
        assert_eq!(rows.first().and_then(|row| made.words(*row)), Some(words.as_slice()));
    }
}
