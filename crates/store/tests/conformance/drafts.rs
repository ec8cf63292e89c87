//! What somebody began to write is kept, and seen by every process of the region.

use crate::home::Home;
use fhir::PatientKey;
use jiff::Timestamp;
use store::{DraftRow, Drafts};

crate::on_both!(a_draft_outlives_a_restart_and_is_not_saved_over_what_was_saved_meanwhile);

fn draft(revision: u32, body: &str) -> DraftRow {
    DraftRow {
        id: "d1".into(),
        patient: PatientKey(u64::MAX),
        form: "respect".into(),
        author: "gp".into(),
        organisation: "X81001".into(),
        revision,
        saved: Timestamp::UNIX_EPOCH,
        body: body.into(),
    }
}

fn a_draft_outlives_a_restart_and_is_not_saved_over_what_was_saved_meanwhile(home: &Home) {
    let folder = home.hold();
    let drafts = Drafts::of_region(&folder).unwrap();
    assert!(drafts.put(&draft(1, "one")).unwrap());
    assert!(!drafts.put(&draft(1, "another of its name")).unwrap());
    assert!(drafts.put(&draft(2, "two")).unwrap());
    // As a second process, or the same after a restart, sees them.
    let others = Drafts::of_region(&folder.visitor()).unwrap();
    assert!(!others.put(&draft(2, "the other tab")).unwrap());
    drop(drafts);
    assert_eq!(others.get("d1").unwrap(), Some(draft(2, "two")));
    assert_eq!(others.of(PatientKey(u64::MAX)).unwrap(), [draft(2, "two")]);
    assert_eq!(others.of(PatientKey(1)).unwrap(), []);
    others.remove("d1").unwrap();
    assert_eq!(others.get("d1").unwrap(), None);
    assert!(!others.put(&draft(3, "after it is gone")).unwrap());
}

#[test]
fn drafts_that_a_version_left_in_a_file_beside_the_database_are_taken_in_once() {
    let home = Home::postgres();
    let folder = home.hold();
    let file = Drafts::open(folder.path()).unwrap();
    assert!(file.put(&draft(1, "left behind")).unwrap());
    drop(file);
    let drafts = Drafts::of_region(&folder).unwrap();
    assert_eq!(drafts.get("d1").unwrap(), Some(draft(1, "left behind")));
    assert!(!folder.path().join("drafts.db").exists() && folder.path().join("drafts.db.taken-in").is_file());
    drafts.remove("d1").unwrap();
    drop(drafts);
    assert_eq!(Drafts::of_region(&folder).unwrap().get("d1").unwrap(), None, "not once more");
}
