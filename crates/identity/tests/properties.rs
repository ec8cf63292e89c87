//! Promises that hold for everybody.

mod common;

use common::{crowd_member, index_of};
use fhir::{PatientKey, PersonKey};
use identity::{Builder, Index, Matcher, Model, Outcome, PatientFacts, Scratch};
use proptest::prelude::*;

fn changed(number: u64, how: u64) -> PatientFacts {
    let mut facts = crowd_member(number);
    if how & 1 != 0 {
        facts.addresses.clear();
    }
    if how & 2 != 0 {
        facts.families.insert(0, "Featherstonehaugh".into());
    }
    if how & 4 != 0
        && let Some(given) = facts.givens.first_mut()
    {
        given.truncate(1);
    }
    if how & 8 != 0 {
        std::mem::swap(&mut facts.givens, &mut facts.families);
    }
    if how & 16 != 0 {
        facts.birth =
            facts.birth.and_then(|birth| jiff::civil::Date::new(birth.year() - 1, birth.month(), birth.day()).ok());
    }
    if how & 32 != 0 {
        facts.middles.push("Jane".into());
    }
    if how & 64 != 0 {
        facts.phones.push("0161 496 0000".into());
    }
    facts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_pair_weighs_the_same_both_ways(a in 0_u64..400, b in 0_u64..400, x in 0_u64..128, y in 0_u64..128) {
        let (index, model) = (index_of(400, &[]), Model::builtin());
        let matcher = Matcher::new(&index, &model);
        let (a, b) = (changed(a, x), changed(b, y));
        let (there, _) = matcher.compare_facts(&a, &b);
        let (back, _) = matcher.compare_facts(&b, &a);
        prop_assert_eq!(there.pattern.levels, back.pattern.levels);
        prop_assert!((there.weighed.factor.log2() - back.weighed.factor.log2()).abs() < 1e-6);
        prop_assert_eq!(there.ruling, back.ruling);
    }

    #[test]
    fn names_of_any_shape_are_compared(given in ".{0,40}", family in ".{0,40}", line in ".{0,60}", phone in ".{0,30}") {
        let mut facts = crowd_member(1);
        facts.givens = vec![given];
        facts.families = vec![family];
        facts.addresses[0].lines = vec![line];
        facts.phones = vec![phone];
        let (index, model) = (index_of(50, std::slice::from_ref(&facts)), Model::builtin());
        let answer = Matcher::new(&index, &model).decide(&facts, None, None, &mut Scratch::default());
        prop_assert!(answer.candidates.iter().all(|candidate| candidate.probability.is_finite()));
    }
}

fn assert_alike(a: &Index, b: &Index) {
    let differing: Vec<_> = answers(a).into_iter().zip(answers(b)).filter(|(x, y)| x != y).take(3).collect();
    assert!(differing.is_empty(), "{differing:?}");
}

/// How many were compared, and whoever is worth keeping, to the last digit: it is kept with a decision, and a replay gives the
/// same however the index came about.
type Kept = (usize, Vec<(PatientKey, f64, f64)>);

fn answers(index: &Index) -> Vec<Kept> {
    let model = Model::builtin();
    let matcher = Matcher::new(index, &model);
    let mut scratch = Scratch::default();
    // Many: that a stranger shares a bucket and sixteen bits of a key comes once in some hundred questions.
    (0..6000)
        .map(|number| {
            let answer = matcher.decide(&changed(number, number % 128), None, None, &mut scratch);
            let kept = answer.candidates.iter().map(|one| (one.patient, one.weighed.factor, one.probability));
            (answer.compared, kept.collect())
        })
        .collect()
}

#[test]
fn an_index_that_grew_answers_as_one_made_in_one_go() {
    let mut bulk = Builder::new(10, Vec::new());
    for number in 0..6000 {
        bulk.add(PatientKey(number), PersonKey(number), &crowd_member(number));
    }
    let grown = Index::new(10, Vec::new());
    for number in 0..6000 {
        grown.put(PatientKey(number), PersonKey(number), &crowd_member(number));
    }
    assert_alike(&bulk.build(), &grown);
}

/// What may happen to an index: (what, who, how).
fn happen(index: &Index, (what, who, how): (u8, u64, u64)) -> PatientKey {
    let patient = PatientKey(who);
    match what {
        0 => {
            index.remove(patient);
        }
        1 => {
            index.link(patient, PersonKey(how));
        }
        _ => index.put(patient, PersonKey(who), &changed(who, how)),
    }
    patient
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn an_index_made_anew_answers_as_the_one_it_replaces(
        before in proptest::collection::vec((0_u8..6, 0_u64..300, 0_u64..128), 0..200),
        meanwhile in proptest::collection::vec((0_u8..6, 0_u64..300, 0_u64..128), 0..60),
        after in proptest::collection::vec((0_u8..6, 0_u64..300, 0_u64..128), 0..60),
    ) {
        let old = index_of(250, &[]);
        for step in before {
            happen(&old, step);
        }
        let new = old.compacted(1);
        prop_assert_eq!(new.added(), 0);
        let touched: Vec<PatientKey> = meanwhile.into_iter().map(|step| happen(&old, step)).collect();
        for patient in touched {
            new.catch_up(&old, patient);
        }
        prop_assert_eq!(new.len(), old.len());
        assert_alike(&old, &new);
        let persons = |index: &Index| -> Vec<_> {
            (0..300).map(|who| index.row_of(PatientKey(who)).and_then(|row| index.who(row))).collect()
        };
        prop_assert_eq!(persons(&old), persons(&new));
        // The dictionary is shared, so from here on only the new one lives. What comes is taken in, in two goes.
        let half = after.len() / 2;
        for (number, step) in after.into_iter().enumerate() {
            happen(&new, step);
            if number == half {
                new.take_in();
                prop_assert_eq!(new.waiting(), 0);
            }
        }
        let again = new.compacted(1);
        assert_alike(&new, &again);
        let before = (persons(&new), answers(&new), new.len(), new.rows());
        new.take_in();
        new.take_in();
        prop_assert_eq!(new.waiting(), 0);
        prop_assert_eq!(before, (persons(&new), answers(&new), new.len(), new.rows()));
        // In the room of the one before it, who has people in its base and behind it, and dead ones in both.
        let (all, kept, in_place) = (persons(&new), answers(&new), new.into_compacted(2));
        prop_assert_eq!(in_place.added(), 0);
        prop_assert_eq!(in_place.rows(), again.rows());
        prop_assert_eq!(persons(&in_place), all);
        prop_assert_eq!(answers(&in_place), kept);
        assert_alike(&in_place, &again);
    }
}

#[test]
fn threads_do_not_change_the_index() {
    let make = |threads: usize| {
        let mut builder = Builder::new(10, Vec::new());
        for number in 0..3000 {
            builder.add(PatientKey(number), PersonKey(number), &crowd_member(number));
        }
        builder.build_with(threads)
    };
    assert_alike(&make(1), &make(3));
}

#[test]
fn the_order_of_arrival_changes_no_candidate() {
    let make = |order: &dyn Fn(u64) -> u64| {
        let index = Index::new(10, Vec::new());
        for number in 0..2000 {
            let number = order(number);
            index.put(PatientKey(number), PersonKey(number), &crowd_member(number));
        }
        index
    };
    assert_alike(&make(&|n| n), &make(&|n| 1999 - n));
}

#[test]
fn an_update_takes_the_place_of_the_old_and_a_removal_leaves_nothing() {
    let index = index_of(500, &[]);
    let (model, mut scratch) = (Model::builtin(), Scratch::default());
    let new = changed(7, 2);
    index.put(PatientKey(7), PersonKey(7), &new);
    assert_eq!(index.len(), 500);
    let answer = Matcher::new(&index, &model).decide(&new, None, None, &mut scratch);
    assert_eq!(answer.outcome, Outcome::Link(PersonKey(7)));
    assert_eq!(answer.candidates.iter().filter(|one| one.patient == PatientKey(7)).count(), 1);
    assert!(index.remove(PatientKey(7)) && !index.remove(PatientKey(7)));
    assert_eq!(index.len(), 499);
    let answer = Matcher::new(&index, &model).decide(&new, None, None, &mut scratch);
    assert!(answer.candidates.iter().all(|one| one.patient != PatientKey(7)));
}

#[test]
fn readers_decide_while_a_writer_adds() {
    let index = index_of(2000, &[]);
    let model = Model::builtin();
    std::thread::scope(|scope| {
        let adding = scope.spawn(|| {
            for number in 2000..9000 {
                index.put(PatientKey(number), PersonKey(number), &crowd_member(number));
            }
        });
        let mut scratch = Scratch::default();
        let mut rounds = 0;
        while !adding.is_finished() || rounds == 0 {
            let matcher = Matcher::new(&index, &model);
            for number in 0..200 {
                let answer = matcher.decide(&crowd_member(number), None, None, &mut scratch);
                assert!(answer.candidates.iter().any(|one| one.patient == PatientKey(number)), "{number}");
            }
            rounds += 1;
        }
    });
    assert_eq!(index.len(), 9000);
    let matcher = Matcher::new(&index, &model);
    let answer = matcher.decide(&crowd_member(8888), None, None, &mut Scratch::default());
    assert!(answer.candidates.iter().any(|one| one.patient == PatientKey(8888)));
}
