//! Everybody in the store put into an index, when a region starts. One thread reads rows, the others read the facts in them
//! and pack them: reading JSON is most of the work.

use crossbeam_channel::{bounded, unbounded};
use fhir::{PatientKey, PersonKey};
use identity::{Builder, Index, Packed, Packer, Rows};
use std::collections::BTreeMap;
use store::{Snapshot, StoreError, StoredPatient, Writer, read_facts};

/// Room for so many patients to begin with; it grows.
const EXPECTED_LEAST: usize = 1024;
/// Patients handed from thread to thread at a time.
const PILE: usize = 1024;
/// Piles that wait for a thread, for each of them, at most.
const WAITING_MAX: usize = 4;
const THREADS_MAX: usize = 8;

/// Where everybody stands: with whoever writes, or in a view.
pub(super) trait Everybody {
    /// Hand everybody over, in a fixed order.
    fn each(&self, each: &mut dyn FnMut(StoredPatient<'_>) -> Result<(), StoreError>) -> Result<(), StoreError>;
}

impl Everybody for Writer {
    fn each(&self, each: &mut dyn FnMut(StoredPatient<'_>) -> Result<(), StoreError>) -> Result<(), StoreError> {
        self.each_patient(each)
    }
}

impl Everybody for Snapshot {
    fn each(&self, each: &mut dyn FnMut(StoredPatient<'_>) -> Result<(), StoreError>) -> Result<(), StoreError> {
        self.each_stored_patient(each)
    }
}

/// The index of everybody.
pub(super) fn load(everybody: &dyn Everybody) -> Result<Index, StoreError> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
    load_with(everybody, threads)
}

fn load_with(everybody: &dyn Everybody, threads: usize) -> Result<Index, StoreError> {
    let mut builder = Builder::new(EXPECTED_LEAST, Vec::new());
    let (packer, rows) = builder.split();
    let mut order = InOrder { rows, next: 0, early: BTreeMap::new() };
    std::thread::scope(|scope| {
        let (hand_out, piles) = bounded::<Pile>(threads * WAITING_MAX);
        let (done, packed) = unbounded();
        for _ in 0..threads {
            let (piles, done) = (piles.clone(), done.clone());
            scope.spawn(move || {
                for pile in piles {
                    if done.send((pile.number, pile.pack(packer))).is_err() {
                        return;
                    }
                }
            });
        }
        drop((piles, done));
        let mut pile = Pile::default();
        everybody.each(&mut |row| {
            pile.put(row);
            if pile.who.len() >= PILE {
                let next = Pile { number: pile.number + 1, ..Pile::default() };
                // Nobody takes it when all have failed, and then the scope fails too.
                drop(hand_out.send(std::mem::replace(&mut pile, next)));
                for (number, packed) in packed.try_iter() {
                    order.take(number, packed?);
                }
            }
            Ok(())
        })?;
        drop(hand_out.send(pile));
        drop(hand_out);
        for (number, packed) in packed {
            order.take(number, packed?);
        }
        Ok::<(), StoreError>(())
    })?;
    Ok(builder.build_with(threads))
}

/// Patients as they were read.
#[derive(Debug, Default)]
struct Pile {
    number: usize,
    /// Patient, person, and where its facts end.
    who: Vec<(PatientKey, PersonKey, usize)>,
    facts: String,
}

impl Pile {
    fn put(&mut self, row: StoredPatient<'_>) {
        self.facts.push_str(row.facts);
        self.who.push((row.patient, row.person, self.facts.len()));
    }

    fn pack(&self, packer: &Packer) -> Result<Packed, StoreError> {
        let mut packed = Packed::default();
        let mut start = 0;
        for (patient, person, end) in &self.who {
            let facts = read_facts(self.facts.get(start..*end).unwrap_or_default())?;
            packer.pack(&mut packed, *patient, *person, &facts);
            start = *end;
        }
        Ok(packed)
    }
}

/// Puts piles into the index in the order in which they were read, whichever is ready first.
struct InOrder<'b> {
    rows: Rows<'b>,
    next: usize,
    early: BTreeMap<usize, Packed>,
}

impl InOrder<'_> {
    fn take(&mut self, number: usize, packed: Packed) {
        self.early.insert(number, packed);
        while let Some(packed) = self.early.remove(&self.next) {
            self.rows.append(packed);
            self.next += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use identity::{AddressFacts, Matcher, Model, PatientFacts, Scratch};
    use store::{Derived, Folder, NewLink};

    fn facts(number: u64) -> PatientFacts {
        let pick = |list: &[&str], n: u64| vec![list[usize::try_from(n).unwrap() % list.len()].to_owned()];
        PatientFacts {
            givens: pick(&["Ann", "Annie", "Bob", "Robert", "Mohammed", "Zoe", "Ngozi"], number / 3),
            families: pick(&["Smith", "Smyth", "Jones", "Okonkwo", "Patel"], number / 7),
            birth: format!("19{}-0{}-1{}", 50 + number % 49, 1 + number % 9, number % 10).parse().ok(),
            addresses: vec![AddressFacts {
                lines: vec![format!("{} High Street", 1 + number % 90)],
                postcode: Some(format!("OL{} {}AA", 1 + number % 60, number / 600 % 10)),
                ..AddressFacts::default()
            }],
            phones: vec![format!("07700{:06}", number * 37 % 1_000_000)],
            ..PatientFacts::default()
        }
    }

    #[test]
    fn everybody_is_loaded_in_order_by_one_thread_or_several() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Folder::hold(folder.path()).unwrap();
        let (_derived, mut writer) = Derived::open(&folder).unwrap();
        // Some piles and a bit, so that the last one is not full.
        let count = u64::try_from(PILE).unwrap() * 5 + 7;
        writer.begin().unwrap();
        let source = writer.source("somewhere").unwrap();
        for number in 0..count {
            let row = store::PatientRow {
                patient: PatientKey(number),
                source: "somewhere".into(),
                directory: false,
                facts: Some(facts(number)),
            };
            writer.put_patient(&row, source).unwrap();
            let link = NewLink { patient: row.patient, person: PersonKey(number / 2), reason: "{}" };
            writer.put_link(&link, 1).unwrap();
        }
        writer.commit(1).unwrap();
        let (one, several) = (load_with(&writer, 1).unwrap(), load_with(&writer, 3).unwrap());
        let model = Model::builtin();
        for index in [&one, &several] {
            assert_eq!(index.len(), usize::try_from(count).unwrap());
            for number in (0..count).step_by(17) {
                let row = u32::try_from(number).unwrap();
                assert_eq!(index.who(row), Some((PatientKey(number), PersonKey(number / 2))));
            }
        }
        let mut scratch = Scratch::default();
        let mut decided = |index: &Index, number: u64| {
            let answer = Matcher::new(index, &model).decide(&facts(number), None, None, &mut scratch);
            let found = answer.candidates.iter().map(|known| (known.patient, known.probability.to_bits()));
            (answer.outcome, found.collect::<Vec<_>>())
        };
        for number in (0..count).step_by(41) {
            let answer = decided(&one, number);
            assert!(!answer.1.is_empty());
            assert_eq!(decided(&several, number), answer);
        }
    }

    #[test]
    fn facts_that_are_none_are_told_and_nobody_waits_for_ever() {
        let pile = Pile {
            number: 0,
            who: vec![(PatientKey(1), PersonKey(1), 2), (PatientKey(2), PersonKey(2), 6)],
            facts: "{}{\"a\"".into(),
        };
        let mut builder = Builder::new(1, Vec::new());
        let error = pile.pack(builder.split().0).unwrap_err();
        assert!(error.to_string().contains("patient facts"), "{error}");
    }
}
