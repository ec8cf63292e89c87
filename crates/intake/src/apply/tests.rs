//! A message that breaks in folding (a fault of ours, played here) is as if it had never come.

use super::*;
use crate::engine::Mappers;
use mapping::{Facts, FoldedText};
use store::{
    Comparison, Folder,
    journal::{Journal, NewEntry},
};

fn message(n: usize, patient: &str, family: &str) -> Vec<u8> {
    format!(
        "MSH|^~\\&|PAS|RXX|SKEIN|REG|202601011{n:02}0||ADT^A08|M{n}|P|2.4\rEVN|A08|202601011{n:02}0\r\
         PID|1||{patient}^^^RXX^PI||{family}^JOAN||19450714|F\rPV1|1|N\r"
    )
    .into_bytes()
}

fn breaks(current: Option<(&str, &[u8])>, facts: &Facts) -> FoldedText {
    assert!(!format!("{facts:?}").contains("BREAKER"), "played");
    mapping::fold_text(current, facts)
}

/// Seven messages of four patients.
pub(crate) fn journal(folder: &Folder) {
    let journal = Journal::open(folder).unwrap();
    let messages = [
        message(0, "1", "ADAMS"),
        message(1, "2", "BLACK"),
        message(2, "1", "BREAKER"),
        message(3, "1", "ADAMSON"),
        message(4, "2", "BROWN"),
        message(5, "3", "BREAKER"),
        message(6, "4", "CLARK"),
    ];
    for body in messages {
        let entry = NewEntry {
            kind: EntryKind::Hl7v2,
            source: "rxx".into(),
            feed: "adt".into(),
            received: "2026-01-01T12:00:00Z".parse().unwrap(),
            ident: None,
            about: None,
            body,
            ack: None,
        };
        journal.append_blocking(entry).unwrap();
    }
    journal.close();
}

/// Apply the journal of a folder in batches of this many messages. Gives the messages on the error desk.
fn apply(folder: &Folder, target: &store::Place, batch: usize) -> Vec<(u64, ProblemStatus)> {
    apply_with(folder, Derived::open_at(target).unwrap(), batch).unwrap()
}

fn apply_with(
    folder: &Folder,
    (derived, writer): (Derived, Writer),
    batch: usize,
) -> Result<Vec<(u64, ProblemStatus)>, StoreError> {
    let region = Region::new("test");
    let mut reader = JournalReader::open(folder).unwrap();
    let mut applier =
        Applier::new(region.clone(), derived.clone(), writer, JournalReader::open(folder).unwrap()).unwrap();
    applier.fold = breaks;
    let mappers = Mappers::new(region, derived.clone()).unwrap();
    let mut profiles = applier.profiles();
    let entries = reader.read(1, 100, usize::MAX).unwrap();
    for entries in entries.chunks(batch) {
        let (mapped, _) = mappers.map(&mut profiles, entries.to_vec()).unwrap();
        applier.apply(mapped, applier.directory_changes())?;
    }
    let statuses = [ProblemStatus::Parked, ProblemStatus::Held, ProblemStatus::Failed, ProblemStatus::Refused];
    let problems = derived.snapshot().unwrap().problems(&statuses, None, None, 100).unwrap();
    Ok(problems.into_iter().map(|problem| (problem.pos, problem.status)).rev().collect())
}

#[test]
fn a_message_that_breaks_in_folding_leaves_no_trace_in_its_batch() {
    let home = tempfile::tempdir().unwrap();
    let folder = Folder::hold(home.path()).unwrap();
    journal(&folder);
    let (alone, together) = (folder.derived_beside("alone"), folder.derived_beside("together"));
    let frozen = |place: &store::Place| store::Frozen::hold(place).unwrap();
    let desk = apply(&folder, &alone, 1);
    assert_eq!(desk, [(3, ProblemStatus::Parked), (4, ProblemStatus::Held), (6, ProblemStatus::Parked)]);
    assert_eq!(apply(&folder, &together, 100), desk);
    let Comparison { differences, examples, rows } = store::compare(&frozen(&alone), &frozen(&together)).unwrap();
    assert_eq!((differences, examples), (0, Vec::new()));
    assert!(rows > 10, "{rows}");
    // What is made anew cannot take it back, is given up, and comes to the same with what undoes it.
    let anew = folder.derived_beside("anew");
    let mut tries = Vec::new();
    let made = crate::replay::with_a_way_back(|undoing| {
        let made = apply_with(&folder, Derived::open_anew(&anew, undoing, "me")?, 100);
        tries.push((undoing, made.is_ok()));
        made
    });
    assert_eq!(tries, [(store::Undoing::Not, false), (store::Undoing::Kept, true)]);
    assert_eq!(made.unwrap(), desk);
}
