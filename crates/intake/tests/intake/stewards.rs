//! What data stewards decide: links, partings, second opinions, and taking it all back.

use fhir::{PatientKey, PersonKey, Region};
use intake::{Act, Engine, EngineConfig, EntryKind, LinkDecision, NewEntry, Receipt};
use jiff::Timestamp;
use std::path::Path;
use store::{Pair, ReviewKind, ReviewStatus, Snapshot};

struct Desk {
    engine: Engine,
    region: Region,
}

impl Desk {
    fn open(folder: &Path) -> Desk {
        let config = EngineConfig { region: "test".into(), profiles: Vec::new() };
        Desk { engine: Engine::start(folder, &config, Timestamp::now()).unwrap(), region: Region::new("test") }
    }

    async fn put(&self, entry: NewEntry) -> u64 {
        let (Receipt::Stored { pos, .. } | Receipt::Repeat { pos, .. }) = self.engine.submit(entry).await.unwrap();
        self.engine.wait_applied(pos).await.unwrap();
        pos
    }

    async fn hear(&self, source: &str, message: &str) -> u64 {
        self.put(NewEntry {
            kind: EntryKind::Hl7v2,
            source: source.into(),
            feed: "test".into(),
            received: Timestamp::now(),
            ident: None,
            about: None,
            body: message.as_bytes().to_vec(),
            ack: None,
        })
        .await
    }

    /// A source tells of a patient: local number, NHS number with its trace status, name, birth date.
    async fn patient(&self, source: &str, local: &str, nhs: Option<&str>, name: &str, birth: &str) -> PatientKey {
        self.hear(source, &adt("A28", source, local, nhs, name, birth, "")).await;
        self.key(source, local)
    }

    fn key(&self, source: &str, local: &str) -> PatientKey {
        self.region.patient(source, &format!("RXX|{local}"))
    }

    fn snapshot(&self) -> Snapshot {
        self.engine.derived().snapshot().unwrap()
    }

    fn person(&self, patient: PatientKey) -> PersonKey {
        let snapshot = self.snapshot();
        snapshot.person_of(patient, snapshot.seq()).unwrap().expect("a known patient")
    }

    async fn decide(&self, by: &str, act: Act) -> u64 {
        self.decide_upon(by, act, None).await
    }

    async fn decide_upon(&self, by: &str, act: Act, seen: Option<u64>) -> u64 {
        let decision = LinkDecision { act, by: by.into(), name: by.to_uppercase(), why: "a test".into(), seen };
        let pos = self.engine.decide_link(&decision, Timestamp::now()).await.unwrap();
        self.engine.wait_applied(pos).await.unwrap();
        pos
    }

    fn review(&self, a: PatientKey, b: PatientKey) -> Option<(ReviewKind, ReviewStatus)> {
        let review = self.snapshot().review(Pair::new(a, b).unwrap()).unwrap()?;
        Some((review.kind, review.status))
    }

    /// Whoever is linked to whom, of these.
    fn picture(&self, patients: &[PatientKey]) -> Vec<PersonKey> {
        patients.iter().map(|patient| self.person(*patient)).collect()
    }
}

fn adt(event: &str, source: &str, local: &str, nhs: Option<&str>, name: &str, birth: &str, more: &str) -> String {
    let number = nhs.map_or_else(String::new, |nhs| format!("~{nhs}^^^NHS^NH"));
    let traced = if nhs.is_some() { "NSTS01" } else { "" };
    format!(
        "MSH|^~\\&|PAS|{source}|SKEIN|R|20260301100000||ADT^{event}|{event}{local}|P|2.4\rEVN|{event}|20260301100000\r\
         PID|1||{local}^^^RXX^PI{number}||{name}||{birth}|1||||||||||||||||||||||||{traced}\r{more}"
    )
}

#[tokio::test]
async fn two_said_to_be_one_are_one_and_taking_it_back_gives_the_former_answer() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::open(folder.path());
    let a = desk.patient("rxx", "1001", None, "SMITH^ANN", "19500102").await;
    let b = desk.patient("ryy", "2001", None, "SMYTHE^ANNE", "19500201").await;
    let before = desk.picture(&[a, b]);
    assert_ne!(before[0], before[1]);
    let told = desk.decide("ada", Act::Same { a, b }).await;
    assert_eq!(desk.person(a), desk.person(b));
    assert_eq!(desk.person(b), before[0], "the one known longer stays");
    let at = desk.snapshot();
    assert_eq!(at.person_of(b, told - 1).unwrap(), Some(before[1]), "the record as it was is still there");
    // News does not undo what a steward said.
    desk.patient("ryy", "2001", None, "JONES^ZELDA", "19800201").await;
    assert_eq!(desk.person(a), desk.person(b));
    desk.decide("ada", Act::Withdraw { of: told }).await;
    assert_eq!(desk.picture(&[a, b]), before);
    verified(desk, folder.path());
}

#[tokio::test]
async fn not_the_same_is_remembered_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::open(folder.path());
    let nhs = Some("9990000018");
    let a = desk.patient("rxx", "1001", nhs, "SMITH^ANN", "19500102").await;
    let b = desk.patient("ryy", "2001", nhs, "SMITH^ANN", "19500102").await;
    let c = desk.patient("rzz", "3001", nhs, "SMITH^ANN", "19500102").await;
    assert_eq!(desk.picture(&[a, b, c]), vec![desk.person(a); 3], "one verified number, one name: one person");
    let told = desk.decide("ada", Act::Separate { patients: vec![b] }).await;
    assert_ne!(desk.person(a), desk.person(b));
    assert_eq!(desk.person(a), desk.person(c));
    // The same evidence again does not bring them together, from either side.
    desk.hear("ryy", &adt("A31", "ryy", "2001", nhs, "SMITH^ANN^M", "19500102", "")).await;
    desk.hear("rxx", &adt("A31", "rxx", "1001", nhs, "SMITH^ANN^M", "19500102", "")).await;
    assert_ne!(desk.person(a), desk.person(b));
    assert_eq!(desk.review(a, b), None, "what was decided is not asked again");
    desk.decide("ada", Act::Withdraw { of: told }).await;
    assert_eq!(desk.person(a), desk.person(b));
    verified(desk, folder.path());
}

#[tokio::test]
async fn two_verified_numbers_take_two_stewards() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::open(folder.path());
    let a = desk.patient("rxx", "1001", Some("9990000018"), "SMITH^ANN", "19500102").await;
    let b = desk.patient("rxx", "1002", Some("9990000026"), "SMITH^ANN", "19500102").await;
    desk.hear("rxx", &adt("A40", "rxx", "1001", None, "SMITH^ANN", "19500102", "MRG|1002^^^RXX^PI\r")).await;
    assert_ne!(desk.person(a), desk.person(b), "such a merge waits");
    assert_eq!(desk.review(a, b), Some((ReviewKind::Merge, ReviewStatus::Open)));
    let first = desk.decide("ada", Act::Same { a, b }).await;
    assert_ne!(desk.person(a), desk.person(b), "one steward is not enough");
    assert_eq!(desk.review(a, b), Some((ReviewKind::Merge, ReviewStatus::Second)));
    desk.decide("ada", Act::Same { a, b }).await;
    assert_ne!(desk.person(a), desk.person(b), "nor is the same steward twice");
    let second = desk.decide("grace", Act::Same { a, b }).await;
    assert_eq!(desk.person(a), desk.person(b));
    assert_eq!(desk.review(a, b), Some((ReviewKind::Merge, ReviewStatus::Settled)));
    desk.decide("grace", Act::Withdraw { of: second }).await;
    assert_ne!(desk.person(a), desk.person(b));
    assert_eq!(desk.review(a, b), Some((ReviewKind::Merge, ReviewStatus::Second)));
    desk.decide("ada", Act::Withdraw { of: first }).await;
    verified(desk, folder.path());
}

#[tokio::test]
async fn a_number_shared_by_two_people_waits_and_goes_when_it_is_put_right() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::open(folder.path());
    let a = desk.patient("rxx", "1001", Some("9990000018"), "SMITH^ANN", "19500102").await;
    let b = desk.patient("ryy", "2001", Some("9990000018"), "KHAN^BILAL", "19880506").await;
    assert_ne!(desk.person(a), desk.person(b));
    assert_eq!(desk.review(a, b), Some((ReviewKind::NhsNumber, ReviewStatus::Open)));
    desk.hear("ryy", &adt("A31", "ryy", "2001", Some("9990000026"), "KHAN^BILAL", "19880506", "")).await;
    assert_eq!(desk.review(a, b), Some((ReviewKind::NhsNumber, ReviewStatus::Withdrawn)));
    verified(desk, folder.path());
}

#[tokio::test]
async fn what_agrees_in_everything_is_linked_without_a_number_but_not_within_one_source() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::open(folder.path());
    let told = |source: &str, local: &str| {
        adt("A28", source, local, None, "OYELARAN^TUNDE^ADEBAYO", "19710303", "").replace(
            "|19710303|1|",
            "|19710303|1|||29 WEST AVENUE^MALTON^^NORTH YORKSHIRE^YO32 5TT^^H||01632960001^PRN^PH",
        )
    };
    desk.hear("rxx", &told("rxx", "1001")).await;
    desk.hear("rxx", &told("rxx", "1002")).await;
    let (a, twice) = (desk.key("rxx", "1001"), desk.key("rxx", "1002"));
    assert_ne!(desk.person(a), desk.person(twice), "the source gave two numbers: somebody looks");
    assert_eq!(desk.review(a, twice), Some((ReviewKind::Likely, ReviewStatus::Open)));
    desk.decide("ada", Act::Same { a, b: twice }).await;
    desk.hear("ryy", &told("ryy", "2001")).await;
    let b = desk.key("ryy", "2001");
    assert_eq!(desk.person(a), desk.person(b), "another source that says the same in everything is linked");
    let why = desk.snapshot().weighed(b).unwrap();
    assert!(why.first().is_some_and(|why| why.body.contains("\"outcome\":\"link\"")), "and says why: {why:?}");
    verified(desk, folder.path());
}

#[tokio::test]
async fn splitting_a_person_takes_the_merged_along() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::open(folder.path());
    let nhs = Some("9990000018");
    let a = desk.patient("rxx", "1001", nhs, "SMITH^ANN", "19500102").await;
    let b = desk.patient("ryy", "2001", nhs, "SMITH^ANN", "19500102").await;
    let c = desk.patient("ryy", "2002", None, "SMITH^ANN", "19500102").await;
    desk.hear("ryy", &adt("A40", "ryy", "2001", None, "SMITH^ANN", "19500102", "MRG|2002^^^RXX^PI\r")).await;
    let before = desk.picture(&[a, b, c]);
    assert_eq!(before, vec![before[0]; 3]);
    let told = desk.decide("ada", Act::Different { a, b }).await;
    assert_ne!(desk.person(a), desk.person(b));
    assert_eq!(desk.person(b), desk.person(c), "who was merged into the one who leaves goes with it");
    desk.decide("ada", Act::Withdraw { of: told }).await;
    assert_eq!(desk.picture(&[a, b, c]), before);
    verified(desk, folder.path());
}

#[tokio::test]
async fn a_report_waits_until_a_steward_decides() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::open(folder.path());
    let nhs = Some("9990000018");
    let a = desk.patient("rxx", "1001", nhs, "SMITH^ANN", "19500102").await;
    let b = desk.patient("ryy", "2001", nhs, "SMITH^ANN", "19500102").await;
    let before = desk.picture(&[a, b]);
    let told = desk.decide("doctor", Act::Report { patient: b }).await;
    assert_eq!(desk.review(a, b), Some((ReviewKind::Suspect, ReviewStatus::Open)));
    assert_eq!(desk.picture(&[a, b]), before, "a report changes no link");
    desk.hear("ryy", &adt("A31", "ryy", "2001", nhs, "SMITH^ANN^M", "19500102", "")).await;
    assert_eq!(desk.review(a, b), Some((ReviewKind::Suspect, ReviewStatus::Open)), "news does not answer it");
    desk.decide("doctor", Act::Withdraw { of: told }).await;
    assert_eq!(desk.review(a, b), Some((ReviewKind::Suspect, ReviewStatus::Withdrawn)));
    desk.decide("doctor", Act::Report { patient: b }).await;
    desk.decide("ada", Act::Different { a, b }).await;
    assert_eq!(desk.review(a, b), Some((ReviewKind::Suspect, ReviewStatus::Settled)));
    assert_ne!(desk.person(a), desk.person(b));
    // Of a patient that is alone there is nobody to part it from.
    let alone = desk.patient("rxx", "7", None, "JONES^JO", "19700101").await;
    desk.decide("doctor", Act::Report { patient: alone }).await;
    assert!(desk.snapshot().reviews_of(alone).unwrap().is_empty());
    verified(desk, folder.path());
}

#[tokio::test]
async fn a_decision_made_upon_less_than_was_said_does_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::open(folder.path());
    let a = desk.patient("rxx", "1001", Some("9990000018"), "SMITH^ANN", "19500102").await;
    let b = desk.patient("ryy", "2001", Some("9990000018"), "KHAN^BILAL", "19880506").await;
    desk.decide_upon("ada", Act::Different { a, b }, Some(0)).await;
    assert_eq!(desk.review(a, b), Some((ReviewKind::NhsNumber, ReviewStatus::Settled)));
    desk.decide_upon("grace", Act::Unsure { a, b }, Some(0)).await;
    assert_eq!(desk.review(a, b), Some((ReviewKind::NhsNumber, ReviewStatus::Settled)), "she had not seen it");
    desk.decide_upon("grace", Act::Unsure { a, b }, Some(1)).await;
    assert_eq!(desk.review(a, b), Some((ReviewKind::NhsNumber, ReviewStatus::Unsure)));
    // A split upon an older state of the person does nothing either.
    let nhs = Some("9990000026");
    let c = desk.patient("rxx", "1003", nhs, "SMITH^ANN", "19500102").await;
    let d = desk.patient("ryy", "2003", nhs, "SMITH^ANN", "19500102").await;
    let seen = desk.snapshot().seq();
    let e = desk.patient("rzz", "3003", nhs, "SMITH^ANN", "19500102").await;
    desk.decide_upon("ada", Act::Separate { patients: vec![d] }, Some(seen)).await;
    assert_eq!(desk.picture(&[c, d, e]), vec![desk.person(c); 3]);
    verified(desk, folder.path());
}

/// A child of a household; `nhs` is verified.
fn child(source: &str, local: &str, nhs: Option<&str>, forename: &str) -> String {
    let number = nhs.map_or_else(String::new, |nhs| format!("~{nhs}^^^NHS^NH"));
    let traced = if nhs.is_some() { "NSTS01" } else { "" };
    format!(
        "MSH|^~\\&|PAS|{source}|SKEIN|R|20260301100000||ADT^A28|A28{local}{forename}|P|2.4\rEVN|A28|20260301100000\r\
         PID|1||{local}^^^RXX^PI{number}||SALEH^{forename}||20190802|2|||18 Horsefair Street^^Aldermere^^WX1 7QH^^H\
         |||||||||||||||||||||{traced}\r"
    )
}

#[tokio::test]
async fn twins_whom_their_numbers_tell_apart_are_no_question() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::open(folder.path());
    let (one, two) = (Some("9990000018"), Some("9990000026"));
    // Of a twin without a number a steward is asked while nothing tells who it is.
    desk.hear("rxx", &child("rxx", "1001", one, "FATIMA")).await;
    desk.hear("lab", &child("lab", "7", None, "ZAINAB")).await;
    let (fatima, zainab) = (desk.key("rxx", "1001"), desk.key("lab", "7"));
    assert_eq!(desk.review(fatima, zainab), Some((ReviewKind::Likely, ReviewStatus::Open)));
    // Her own number comes from another source: the question is answered, whichever of the two it was asked of.
    desk.hear("ryy", &child("ryy", "2001", two, "ZAINAB")).await;
    assert_eq!(desk.person(desk.key("ryy", "2001")), desk.person(zainab), "the evidence as a whole");
    assert_eq!(desk.review(fatima, zainab), Some((ReviewKind::Likely, ReviewStatus::Withdrawn)));
    // Nor is it asked of any later record of either.
    desk.hear("rzz", &child("rzz", "3001", one, "FATIMA")).await;
    desk.hear("amb", &child("amb", "9", None, "FATIMA")).await;
    let all = [fatima, zainab, desk.key("ryy", "2001"), desk.key("rzz", "3001"), desk.key("amb", "9")];
    let open: Vec<_> = all
        .iter()
        .flat_map(|a| all.iter().map(move |b| (*a, *b)))
        .filter(|(a, b)| a < b && desk.review(*a, *b).is_some_and(|(_, status)| status.waits()))
        .collect();
    assert_eq!(open, [], "nobody is asked");
    assert_ne!(desk.person(fatima), desk.person(zainab));
    assert_eq!(desk.person(desk.key("amb", "9")), desk.person(fatima));
    verified(desk, folder.path());
}

#[tokio::test]
async fn twins_of_whom_one_has_no_number_of_her_own_stay_a_question() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::open(folder.path());
    let one = Some("9990000018");
    desk.hear("rxx", &child("rxx", "1001", one, "FATIMA")).await;
    desk.hear("lab", &child("lab", "7", None, "ZAINAB")).await;
    // Another of her records, without a number as well; and one of the other's. Neither says that they are two.
    desk.hear("amb", &child("amb", "9", None, "ZAINAB")).await;
    desk.hear("rzz", &child("rzz", "3001", one, "FATIMA")).await;
    assert_eq!(
        desk.review(desk.key("rxx", "1001"), desk.key("lab", "7")),
        Some((ReviewKind::Likely, ReviewStatus::Open))
    );
    verified(desk, folder.path());
}

/// The journal gives all of it again, byte for byte.
fn verified(desk: Desk, folder: &Path) {
    desk.engine.stop();
    drop(desk);
    let verdict = intake::verify(&store::Folder::visit(folder).unwrap(), "test", &mut |_, _| {}).unwrap();
    assert_eq!(verdict.comparison.differences, 0, "{verdict:?}");
}
