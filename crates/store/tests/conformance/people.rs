//! Who is who, and what finds them.

use crate::home::{Home, at};
use fhir::{PatientKey, PersonKey, ResourceId, ResourceType};
use identity::PatientFacts;
use store::{
    NewLink, Opinion, Pair, PatientRow, PeopleFilter, QueueMark, Review, ReviewKind, ReviewStatus, Said,
    identifier_hash,
};

crate::on_both!(
    people_are_found_by_what_is_known,
    links_and_merges_are_as_of_any_seq,
    moved_visits_are_known_from_both_sides,
    what_stewards_say_is_kept_and_taken_back,
    the_queue_is_in_order_and_goes_on_where_it_stopped,
    everybody_is_read_in_order,
);

fn patient(key: u64, family: &str, given: &str, postcode: &str) -> PatientRow {
    let facts = PatientFacts {
        families: vec![family.into()],
        givens: vec![given.into()],
        birth: Some(jiff::civil::date(1945, 7, 14)),
        postcode: Some(postcode.into()),
        nhs_number: (key.is_multiple_of(2)).then_some(9_434_765_919),
        ..PatientFacts::default()
    };
    PatientRow { patient: PatientKey(key), source: "pas".into(), directory: false, facts: Some(facts) }
}

fn person(key: u64) -> PersonKey {
    PersonKey(u64::MAX - key)
}

/// Patients, each a person of its own.
fn people(home: &Home, rows: &[PatientRow]) -> (store::Derived, store::Writer, u64) {
    let (derived, mut writer) = home.derived();
    let seq = writer.applied().unwrap() + 1;
    writer.begin().unwrap();
    let source = writer.source("pas").unwrap();
    for row in rows {
        writer.put_patient(row, source).unwrap();
        let link = NewLink { patient: row.patient, person: person(row.patient.0), reason: r#"{"rule":"own"}"# };
        writer.put_link(&link, seq).unwrap();
    }
    writer.commit(seq).unwrap();
    (derived, writer, seq)
}

fn people_are_found_by_what_is_known(home: &Home) {
    let mut rows = [
        patient(1001, "O'Brien", "Zoë", "ab1 2cd"),
        patient(1002, "Obrian", "Zoe", "AB1 2CD"),
        patient(1003, "Zhōu", "Ann", "ZZ9 9ZZ"),
    ];
    rows[1].facts.as_mut().unwrap().restricted = true;
    let (derived, mut writer, seq) = people(home, &rows);
    let hash = identifier_hash(ResourceType::Patient, Some("urn:x"), "1 2\u{0}");
    let id = ResourceId::of_patient(PatientKey(1003));
    writer.begin().unwrap();
    writer.put_identifiers(id, ResourceType::Patient, &[], &[hash, 5, 6]).unwrap();
    writer.put_identifiers(id, ResourceType::Patient, &[5], &[hash]).unwrap();
    writer.commit(seq + 1).unwrap();

    let snapshot = derived.snapshot().unwrap();
    let find = |filter: PeopleFilter| {
        let hits = snapshot.find_patients(&PeopleFilter { limit: 10, ..filter.clone() }).unwrap();
        let mut keys: Vec<u64> = hits.iter().map(|hit| hit.row.patient.0).collect();
        assert!(hits.iter().all(|hit| hit.person == person(hit.row.patient.0)));
        let keys_alone = snapshot.find_keys(&PeopleFilter { limit: 10, ..filter }).unwrap();
        assert!(keys_alone.iter().map(|found| found.patient.0).eq(keys.iter().copied()), "the same in the same order");
        keys.retain(|key| (1001..=1003).contains(key));
        keys.sort_unstable();
        keys
    };
    let fold = |name: &str| Some(identity::fold_name(name));
    assert_eq!(
        find(PeopleFilter { family: fold("Obri"), ..Default::default() }),
        [1001, 1002],
        "a beginning is enough"
    );
    assert_eq!(find(PeopleFilter { family: fold("O'Brien"), ..Default::default() }), [1001]);
    assert_eq!(find(PeopleFilter { family: fold("Obr"), given: fold("zo"), ..Default::default() }), [1001, 1002]);
    assert_eq!(find(PeopleFilter { family: fold("Zhou"), ..Default::default() }), [1003]);
    let postcode = Some("AB12CD".to_owned());
    assert_eq!(find(PeopleFilter { postcode, nhs_number: Some(9_434_765_919), ..Default::default() }), [1002]);
    let birth = Some(jiff::civil::date(1945, 7, 14));
    assert_eq!(find(PeopleFilter { birth, family: fold("zh"), ..Default::default() }), [1003]);
    assert_eq!(find(PeopleFilter { identifier: Some(hash), ..Default::default() }), [1003]);
    assert_eq!(find(PeopleFilter { identifier: Some(5), ..Default::default() }), [0; 0], "it has that no more");
    assert_eq!(find(PeopleFilter::default()), [0; 0], "nothing asked, nobody found");
    assert_eq!(snapshot.find_identifier(hash).unwrap(), [(id, ResourceType::Patient)]);
    assert_eq!(snapshot.patient(PatientKey(1003)).unwrap(), Some(rows[2].clone()));
    assert_eq!(snapshot.source_of(PatientKey(1003)).unwrap().as_deref(), Some("pas"));
    let restricted = [1001, 1002, 1003, 1009].map(|key| snapshot.restricted(PatientKey(key)).unwrap());
    assert_eq!(restricted, [false, true, false, false]);
    assert!(writer.knows(PatientKey(1001)).unwrap() && !writer.knows(PatientKey(1009)).unwrap());
}

fn links_and_merges_are_as_of_any_seq(home: &Home) {
    let (derived, mut writer, seq) = people(home, &[patient(1101, "A", "B", "C"), patient(1102, "D", "E", "F")]);
    let (stays, goes) = (PatientKey(1101), PatientKey(1102));
    writer.begin().unwrap();
    assert!(writer.put_merge(goes, Some(stays), at(10), seq + 1).unwrap());
    writer.put_link(&NewLink { patient: goes, person: person(1101), reason: "{}" }, seq + 1).unwrap();
    assert!(!writer.put_merge(goes, None, at(9), seq + 2).unwrap(), "older news");
    assert_eq!(writer.losers(stays).unwrap(), [goes]);
    writer.commit(seq + 2).unwrap();
    writer.begin().unwrap();
    assert!(writer.put_merge(goes, None, at(11), seq + 3).unwrap());
    writer.put_link(&NewLink { patient: goes, person: person(1102), reason: "{\"undone\":1}" }, seq + 3).unwrap();
    assert_eq!(writer.link(goes).unwrap(), Some((person(1102), seq + 3)));
    assert_eq!(writer.link_until(goes, seq + 3).unwrap(), Some((person(1101), "{}".into())));
    writer.commit(seq + 3).unwrap();

    let snapshot = derived.snapshot().unwrap();
    for (at_seq, survivor, of_first) in
        [(seq, None, vec![stays]), (seq + 2, Some(stays), vec![stays, goes]), (seq + 3, None, vec![stays])]
    {
        assert_eq!(snapshot.survivor(goes, at_seq).unwrap(), survivor, "at {at_seq}");
        assert_eq!(snapshot.patients_of(person(1101), at_seq).unwrap(), of_first, "at {at_seq}");
    }
    assert_eq!(snapshot.person_of(goes, seq + 1).unwrap(), Some(person(1101)));
    assert_eq!(snapshot.person_of(goes, seq + 3).unwrap(), Some(person(1102)));
    assert_eq!(derived.person_of(goes).unwrap(), Some(person(1102)));
    assert_eq!(snapshot.ever_of(person(1101), 9).unwrap(), [stays, goes]);
    let links = snapshot.links(goes).unwrap();
    assert_eq!(
        links.iter().map(|link| (link.seq_from, link.seq_to)).collect::<Vec<_>>(),
        [(seq, Some(seq + 1)), (seq + 1, Some(seq + 3)), (seq + 3, None)]
    );
}

fn moved_visits_are_known_from_both_sides(home: &Home) {
    let (derived, mut writer) = home.derived();
    let seq = writer.applied().unwrap() + 1;
    let visit = ResourceId { patient: PatientKey(1201), local: 8 };
    writer.begin().unwrap();
    writer.put_move(visit, PatientKey(1202), at(5), seq).unwrap();
    writer.put_move(visit, PatientKey(1203), at(4), seq + 1).unwrap();
    writer.commit(seq + 1).unwrap();
    let snapshot = derived.snapshot().unwrap();
    for side in [1201, 1202] {
        let moves = snapshot.moves(PatientKey(side), seq + 1).unwrap();
        assert_eq!(
            moves.iter().map(|moved| (moved.visit, moved.target)).collect::<Vec<_>>(),
            [(visit, PatientKey(1202))]
        );
    }
    assert_eq!(snapshot.moves(PatientKey(1203), seq + 1).unwrap(), []);
    assert_eq!(snapshot.moves(PatientKey(1201), seq - 1).unwrap(), []);
}

fn what_stewards_say_is_kept_and_taken_back(home: &Home) {
    let (derived, mut writer) = home.derived();
    let seq = writer.applied().unwrap() + 1;
    let pair = Pair::new(PatientKey(1302), PatientKey(1301)).unwrap();
    writer.begin().unwrap();
    writer.put_assertion(pair, Said::Different, seq).unwrap();
    writer.put_assertion(pair, Said::Same, seq + 1).unwrap();
    assert_eq!(writer.assertions(pair.b).unwrap().len(), 1);
    assert_eq!(writer.withdraw_assertions(seq + 1, seq + 2).unwrap(), [pair]);
    let holds = writer.assertions(pair.a).unwrap();
    assert_eq!((holds[0].said, holds[0].seq), (Said::Different, seq + 2), "what it had replaced holds again");
    writer.put_weighed(pair.a, seq, "{\"weight\":1}").unwrap();
    writer.put_weighed(pair.a, seq, "{\"weight\":2}").unwrap();
    writer.put_model("{\"model\":1}").unwrap();
    writer.put_model("{\"model\":2}").unwrap();
    writer.commit(seq + 2).unwrap();
    assert_eq!(writer.model().unwrap().as_deref(), Some("{\"model\":2}"));
    let snapshot = derived.snapshot().unwrap();
    assert_eq!(snapshot.assertions_of(pair.a).unwrap().len(), 3, "nothing said is forgotten");
    assert_eq!(snapshot.weighed(pair.a).unwrap()[0].body, "{\"weight\":2}");
}

fn the_queue_is_in_order_and_goes_on_where_it_stopped(home: &Home) {
    let (derived, mut writer) = home.derived();
    let seq = writer.applied().unwrap() + 1;
    let opinion = Opinion {
        seq,
        at: at(0),
        by: "s".into(),
        name: "S \0".into(),
        said: Said::Same,
        note: String::new(),
        withdrawn: None,
    };
    let review = |n: u64, score| Review {
        pair: Pair::new(PatientKey(1400), PatientKey(1400 + n)).unwrap(),
        subject: PatientKey(1400),
        kind: ReviewKind::Suspect,
        status: ReviewStatus::Second,
        seq,
        score,
        opinions: if n == 1 { vec![opinion.clone()] } else { Vec::new() },
    };
    let all = [review(1, 700), review(2, -5), review(3, 700), review(4, 9000)];
    writer.begin().unwrap();
    for review in &all {
        writer.put_review(&Review { score: 1, ..review.clone() }).unwrap();
        writer.put_review(review).unwrap();
    }
    writer.commit(seq).unwrap();
    let snapshot = derived.snapshot().unwrap();
    let page = |after| snapshot.reviews(ReviewStatus::Second, Some(ReviewKind::Suspect), after, 2).unwrap();
    let first = page(None);
    assert_eq!(first, [all[3].clone(), all[0].clone()]);
    let next = page(Some(QueueMark { score: first[1].score, pair: first[1].pair }));
    assert_eq!(next, [all[2].clone(), all[1].clone()]);
    assert_eq!(snapshot.review(all[0].pair).unwrap(), Some(all[0].clone()));
    assert_eq!(snapshot.reviews_of(PatientKey(1402)).unwrap(), [all[1].clone()]);
    assert_eq!(snapshot.reviews_of(PatientKey(1400)).unwrap().len(), 4);
    assert!(snapshot.review_counts().unwrap().contains(&(ReviewKind::Suspect, ReviewStatus::Second, 4)));
}

fn everybody_is_read_in_order(home: &Home) {
    let rows: Vec<PatientRow> = (0..4500).map(|n| patient(20_000 + n, "Many", "People", "AB1 2CD")).collect();
    let (derived, writer, _) = people(home, &rows);
    let snapshot = derived.snapshot().unwrap();
    let mut seen = Vec::new();
    snapshot
        .each_patient(|patient, person, _, source, facts| {
            if patient.0 >= 20_000 && patient.0 < 24_500 {
                assert_eq!((person, source), (self::person(patient.0), "pas"));
                assert_eq!(facts.families, ["Many"]);
                seen.push(patient.0);
            }
            Ok(())
        })
        .unwrap();
    assert_eq!(seen, (20_000..24_500).collect::<Vec<_>>());
    let mut count = 0;
    writer
        .each_patient(|stored| {
            count += usize::from(stored.facts.contains("Many"));
            Ok(())
        })
        .unwrap();
    assert_eq!(count, 4500);
    let mut links = Vec::new();
    snapshot
        .each_link(|link| {
            links.push((link.person, link.patient));
            Ok(())
        })
        .unwrap();
    assert!(
        links.len() >= 4500
            && links.is_sorted_by_key(|(person, patient)| (person.0.cast_signed(), patient.0.cast_signed()))
    );
    assert!(snapshot.totals().unwrap()["patients"] >= 4500);
}
