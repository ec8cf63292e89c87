//! Blocks that come out the same however an index came about, and nobody who is hidden while one changes.

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
                // Some are taken in, and others come after them.
                if patient.0 == (in_base + (count - in_base) / 2) as u64 {
                    index.take_in();
                }
            }
            let question = index.question(&facts("Ann"));
            let mut asked = Vec::new();
            crate::keys::keys(&question.record(), question.lexicon(&index), |rule, key| asked.push((rule, key)));
            let mut rows = Vec::new();
            for (rule, key) in asked {
                let before = rows.len();
                let size = index.find(&mut index.view(), rule, key, &mut rows);
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
        (index.find(&mut index.view(), Rule::Names, key, &mut rows), rows.len())
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

/// Whoever asks while people are taken in finds everybody who was there when he began, each once.
#[test]
fn whoever_is_taken_in_is_found_all_the_while() {
    let index = Builder::new(16, Vec::new()).build();
    let person = |number: u64| PatientFacts { families: vec![format!("Family{number}")], ..facts("Ann") };
    let (there, done) = (std::sync::atomic::AtomicU64::new(0), std::sync::atomic::AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..3_000 {
                index.put(PatientKey(number), PersonKey(number), &person(number));
                there.store(number + 1, Ordering::SeqCst);
                // However the threads take their turns: some are taken in while others are added.
                while number == 1_500 && index.base.postings.covers() == 0 {
                    std::thread::yield_now();
                }
            }
            done.store(true, Ordering::SeqCst);
        });
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                index.take_in();
            }
        });
        let mut asked = 0;
        while !done.load(Ordering::SeqCst) {
            let known = there.load(Ordering::SeqCst);
            for number in (0..known).rev().step_by(97).take(50) {
                asked += 1;
                assert_eq!(index.rows_of(PatientKey(number)).len(), 1, "{number} of {known}, after {asked}");
            }
        }
    });
    index.take_in();
    index.take_in();
    assert!(index.base.postings.covers() > 1);
    assert_eq!((index.waiting(), index.len()), (0, 3_000));
    assert_eq!(hidden(&index), 0, "postings are missing");
    assert!((0..3_000).all(|number| index.rows_of(PatientKey(number)).len() == 1));
}

/// How many keys of somebody in the base do not lead there.
fn hidden(made: &Index) -> usize {
    let mut hidden = 0;
    for row in 0..made.rows() {
        let record = made.row(row).unwrap_or_default();
        filed_keys(&record, made.lexicon(), |rule, key| {
            let mut rows = Vec::new();
            made.view().find(key, usize::MAX, &mut rows, |row| made.is_dead(row));
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
