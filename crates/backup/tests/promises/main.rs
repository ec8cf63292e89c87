//! What a backup promises, on a store of its own. Whole regions on both engines: `tests/scenarios/backups.rs`.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod derived;

use backup::{
    BackupError, Identities, Recipients, Restored, Settings, Shipped, Shipper, Until, Wanted, check, new_identity,
};
use jiff::Timestamp;
use std::path::{Path, PathBuf};
use store::{
    DraftRow, Drafts, Folder,
    audit::{Audit, AuditReader, Heads, MatterKind, NewAuditEntry, NewMatter, policy_version},
    journal::{Entry, EntryKind, Journal, JournalReader, NewEntry},
};
use tempfile::TempDir;

/// A region's folder, a folder for its backup, and the key that opens it.
struct Home {
    folder: TempDir,
    recipient: String,
    identities: Identities,
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

impl Home {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("backup")).unwrap();
        let (identity, recipient) = new_identity();
        let file = folder.path().join("identity");
        std::fs::write(&file, identity).unwrap();
        let identities = Identities::read(&file).unwrap();
        Audit::open(&Folder::hold(&folder.path().join("data")).unwrap()).unwrap().close();
        Home { folder, recipient, identities }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn target(&self) -> PathBuf {
        self.folder.path().join("backup")
    }

    /// So many messages more, a second apart, the first at `from`.
    fn write(&self, from: i64, count: i64) {
        let journal = Journal::open(&Folder::hold(&self.data()).unwrap()).unwrap();
        for second in from..from + count {
            let entry = NewEntry {
                kind: EntryKind::Hl7v2,
                source: format!("source-{}", second % 3),
                feed: "adt".into(),
                received: at(second),
                ident: Some(second.to_string()),
                about: (second % 2 == 0).then(|| "{}".into()),
                body: format!("MSH|{second}|{}", "x".repeat(500)).into_bytes(),
                ack: Some(b"MSA|AA".to_vec()),
            };
            journal.append_blocking(entry).unwrap();
        }
        journal.close();
    }

    /// Somebody breaks the glass; an officer settles what another opened.
    fn look(&self, second: i64, settles: Option<u64>) {
        let audit = Audit::open(&Folder::hold(&self.data()).unwrap()).unwrap();
        let body = match settles {
            None => r#"{"action":"break-glass","outcome":"permitted","reason":"emergency"}"#.to_owned(),
            Some(of) => format!(r#"{{"action":"settle","outcome":"permitted","of":{of},"ended":"justified"}}"#),
        };
        let opens = settles.is_none().then(|| NewMatter {
            kind: MatterKind::Glass,
            until: Some(at(second + 60)),
            about: "emergency".into(),
            of: None,
        });
        let settles = settles.map(|of| (of, "justified".to_owned()));
        let entry =
            NewAuditEntry { at: at(second), person: Some(fhir::PersonKey(7)), user: "u".into(), body, opens, settles };
        audit.append(entry).unwrap().blocking_recv().unwrap().unwrap();
        audit.close();
    }

    fn shipper(&self) -> Shipper {
        let recipients = Recipients::parse(std::slice::from_ref(&self.recipient)).unwrap();
        Shipper::open("t", Folder::visit(&self.data()).unwrap(), &self.target(), recipients, Settings::default())
            .unwrap()
    }

    fn ship(&self) -> Result<Shipped, BackupError> {
        self.shipper().ship(at(1_000_000), &mut |_, _, _| {})
    }

    fn check(&self) -> Result<backup::Checked, BackupError> {
        check(&self.target(), Some(&self.identities), &mut |_, _, _| {})
    }

    fn restore(&self, to: &Path, until: Until, cut_audit: bool) -> Result<Restored, BackupError> {
        let folder = Folder::hold(to).unwrap();
        let wanted = Wanted { until, cut_audit, ..Wanted::default() };
        backup::restore(&self.target(), &self.identities, &folder, wanted, &mut |_, _, _| {})
    }

    fn segments(&self, kind: &str) -> Vec<PathBuf> {
        let mut found: Vec<PathBuf> =
            std::fs::read_dir(self.target().join(kind)).unwrap().map(|entry| entry.unwrap().path()).collect();
        found.sort();
        found
    }
}

fn entries(folder: &Path) -> Vec<Entry> {
    JournalReader::open(&Folder::visit(folder).unwrap()).unwrap().read(1, usize::MAX, usize::MAX).unwrap()
}

/// Every row of the truth, as it lies in the database.
fn rows(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for (file, tables) in
        [("journal.db", &["name", "dictionary", "entry"][..]), ("audit.db", &["entry", "matter", "policy"])]
    {
        let connection = rusqlite(folder, file);
        for table in tables {
            let mut statement = connection.prepare(&format!("SELECT * FROM {table} ORDER BY 1")).unwrap();
            let width = statement.column_count();
            let all = statement.query_map([], |row| {
                (0..width).map(|at| row.get_ref(at).map(|v| format!("{v:?}"))).collect::<Result<Vec<_>, _>>()
            });
            found.extend(all.unwrap().map(|row| format!("{table} {}", row.unwrap().join("|"))));
        }
    }
    found
}

fn rusqlite(folder: &Path, file: &str) -> rusqlite::Connection {
    rusqlite::Connection::open(folder.join(file)).unwrap()
}

#[test]
fn what_is_restored_is_row_by_row_what_was_shipped() {
    let home = Home::new();
    home.write(0, 40);
    home.look(1, None);
    let shipped = home.ship().unwrap();
    assert_eq!((shipped.journal, shipped.audit, shipped.entries), (40, 1, 41));
    home.write(40, 5);
    home.look(2, None);
    home.look(3, Some(1));
    Drafts::open(&home.data()).unwrap().put(&draft()).unwrap();
    let shipped = home.ship().unwrap();
    assert_eq!((shipped.journal, shipped.audit, shipped.entries), (45, 3, 7));
    assert_eq!(home.ship().unwrap().segments, 0, "nothing came, nothing is written");
    let checked = home.check().unwrap();
    assert_eq!((checked.journal.entries, checked.journal.segments, checked.audit.entries), (45, 2, 3));
    assert_eq!((checked.drafts, checked.opened), (1, true));

    let to = home.folder.path().join("restored");
    let restored = home.restore(&to, Until::End, false).unwrap();
    assert_eq!((restored.journal, restored.audit, restored.drafts, restored.left_out), (45, 3, 1, 0));
    assert_eq!(backup::unfinished(&to), Some(backup::Unfinished::Restore));
    backup::finish(&Folder::visit(&to).unwrap()).unwrap();
    assert_eq!(rows(&to), rows(&home.data()));
    assert_eq!(entries(&to), entries(&home.data()));
    assert_eq!(Drafts::open(&to).unwrap().get("d1").unwrap(), Some(draft()));
    let folder = Folder::visit(&to).unwrap();
    let heads = Heads::read(&folder).unwrap();
    assert!(!heads.heads.is_empty());
    assert_eq!(heads, Heads::read(&Folder::visit(&home.data()).unwrap()).unwrap());
    assert_eq!(AuditReader::open(&folder).unwrap().verify(&heads.heads).unwrap(), 3);
    // The restored region goes on where it was, into the same backup.
    let went_on = Home { folder: home.folder, ..Home::new() };
    std::fs::remove_dir_all(went_on.data()).unwrap();
    std::fs::rename(&to, went_on.data()).unwrap();
    went_on.write(45, 1);
    assert_eq!(went_on.ship().unwrap().journal, 46);
}

/// The trail grows while it is shipped: its heads are read after its entries, and may be of one that came in between.
#[test]
fn a_head_of_an_entry_that_came_since_goes_with_that_entry() {
    let home = Home::new();
    home.write(0, 1);
    home.look(1, None);
    home.look(2, None);
    // As if the third had come just before the heads were read.
    let file = home.data().join("audit-heads.log");
    let third = "3 2027-01-15T08:00:03Z 00 AA==\n";
    let two = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, two.clone() + third).unwrap();
    assert_eq!(home.ship().unwrap().audit, 2);
    let put_back = |name: &str| {
        let to = home.folder.path().join(name);
        home.restore(&to, Until::End, false).unwrap();
        std::fs::read_to_string(to.join("audit-heads.log")).unwrap()
    };
    assert_eq!(put_back("two"), two);
    home.look(3, Some(1));
    assert_eq!(home.ship().unwrap().audit, 3);
    let three = put_back("three");
    assert!(three.starts_with(&(two + third)) && three.lines().count() == 4, "{three}");
}

fn draft() -> DraftRow {
    DraftRow {
        id: "d1".into(),
        patient: fhir::PatientKey(u64::MAX),
        form: "respect".into(),
        author: "gp".into(),
        organisation: "X81001".into(),
        revision: 1,
        saved: at(0),
        body: "what I began to write".into(),
    }
}

#[test]
fn a_moment_is_the_last_entry_that_came_by_then_and_the_audit_comes_back_whole_unless_it_is_cut() {
    let home = Home::new();
    home.write(0, 10);
    home.look(1, None);
    home.ship().unwrap();
    home.write(10, 10);
    home.look(15, None);
    home.look(16, Some(1));
    home.ship().unwrap();
    let all = entries(&home.data());
    for (name, until, journal) in
        [("time", Until::Time(at(12)), 13), ("position", Until::Position(13), 13), ("early", Until::Time(at(4)), 5)]
    {
        let to = home.folder.path().join(name);
        let restored = home.restore(&to, until, false).unwrap();
        assert_eq!((restored.journal, restored.left_out, restored.audit), (journal, 20 - journal, 3), "{name}");
        assert_eq!(restored.audit_after, 2, "{name}");
        assert_eq!(entries(&to), all[..usize::try_from(journal).unwrap()], "{name}");
        backup::finish(&Folder::visit(&to).unwrap()).unwrap();
        let folder = Folder::visit(&to).unwrap();
        assert_eq!(AuditReader::open(&folder).unwrap().verify(&Heads::read(&folder).unwrap().heads).unwrap(), 3);
    }
    let to = home.folder.path().join("cut");
    let restored = home.restore(&to, Until::Time(at(12)), true).unwrap();
    assert_eq!((restored.journal, restored.audit, restored.audit_after), (13, 1, 0));
    let folder = Folder::visit(&to).unwrap();
    let reader = AuditReader::open(&folder).unwrap();
    assert_eq!(reader.verify(&Heads::read(&folder).unwrap().heads).unwrap(), 1);
    assert_eq!(reader.matter(1).unwrap().unwrap().settled, None, "what settled it came later");
    let none = home.restore(&home.folder.path().join("none"), Until::Time(at(-1)), false).unwrap_err();
    assert!(matches!(none, BackupError::Refused(_)), "{none}");
    let none = home.restore(&home.folder.path().join("past"), Until::Position(21), false).unwrap_err();
    assert!(none.to_string().contains("ends at entry 20"), "{none}");
}

#[test]
fn small_segments_become_larger_ones_and_hold_the_same() {
    let home = Home::new();
    let mut shipper = None;
    for round in 0..70 {
        home.write(round, 1);
        home.look(round, (round % 2 == 1).then(|| u64::try_from(round).unwrap()));
        let shipper = shipper.get_or_insert_with(|| home.shipper());
        shipper.ship(at(round), &mut |_, _, _| {}).unwrap();
    }
    // 70 = 2 × 32 + 6
    assert_eq!((home.segments("journal").len(), home.segments("audit").len()), (8, 8));
    let checked = home.check().unwrap();
    assert_eq!((checked.journal.entries, checked.audit.entries), (70, 70));
    let to = home.folder.path().join("restored");
    home.restore(&to, Until::End, false).unwrap();
    assert_eq!(rows(&to), rows(&home.data()));
}

/// A writer that was killed after it had put the larger segment in its place leaves the small ones beside it.
#[test]
fn small_segments_beside_the_one_they_became_do_no_harm() {
    let home = Home::new();
    let mut shipper = None;
    let mut small = Vec::new();
    for round in 0..32 {
        home.write(round, 1);
        shipper.get_or_insert_with(|| home.shipper()).ship(at(round), &mut |_, _, _| {}).unwrap();
        if round == 30 {
            small = home.segments("journal").iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect();
        }
    }
    assert_eq!(home.segments("journal").len(), 1);
    for (path, bytes) in &small {
        std::fs::write(path, bytes).unwrap();
    }
    std::fs::write(home.target().join("journal/.new-000000000033-000000000033.seg"), "half of a segm").unwrap();
    assert_eq!(home.check().unwrap().journal.entries, 32);
    home.write(32, 1);
    home.ship().unwrap();
    assert_eq!(home.segments("journal").len(), 2, "they are cleared away");
    assert_eq!(home.check().unwrap().journal.entries, 33);
}

#[test]
fn each_damage_is_told_from_the_others() {
    let home = Home::new();
    for round in 0..3 {
        home.write(round * 10, 10);
        home.look(round, None);
        home.ship().unwrap();
    }
    let [first, second, third] = <[PathBuf; 3]>::try_from(home.segments("journal")).unwrap();
    let whole = std::fs::read(&second).unwrap();
    let check = |with: bool| check(&home.target(), with.then_some(&home.identities), &mut |_, _, _| {});
    // Each is found without the key as well, and by a restore before it writes what is wrong.
    let found = |what: &str| {
        let (with, without) = (check(true).unwrap_err(), check(false).unwrap_err());
        assert_eq!(with.to_string(), without.to_string());
        let to = home.folder.path().join(what);
        assert_eq!(home.restore(&to, Until::End, false).unwrap_err().to_string(), with.to_string());
        with
    };
    for place in [8, 40, whole.len() / 2] {
        let mut flipped = whole.clone();
        flipped[place] ^= 0x10;
        std::fs::write(&second, &flipped).unwrap();
        assert!(matches!(found(&format!("flipped {place}")), BackupError::Damaged { path, .. } if path == second));
    }
    std::fs::write(&second, &whole[..whole.len() - 9]).unwrap();
    assert!(matches!(found("cut"), BackupError::CutOff(path) if path == second));
    std::fs::write(&second, []).unwrap();
    assert!(matches!(found("empty"), BackupError::CutOff(path) if path == second));
    std::fs::remove_file(&second).unwrap();
    assert!(matches!(found("missing"), BackupError::Missing { stream: "journal", from: 11, to: 20, .. }));
    std::fs::write(&second, std::fs::read(&third).unwrap()).unwrap();
    assert!(matches!(found("swapped"), BackupError::Misplaced { path, .. } if path == second));
    std::fs::write(&second, &whole).unwrap();
    assert_eq!(check(true).unwrap().journal.entries, 30);
    let last = std::fs::read(&third).unwrap();
    std::fs::remove_file(&third).unwrap();
    assert!(matches!(found("the newest gone"), BackupError::Missing { stream: "journal", from: 21, to: 30, .. }));
    std::fs::write(&third, last).unwrap();

    // Of another region; and of the same region's entries, had they been others.
    let other = Home::new();
    other.write(0, 10);
    other.ship().unwrap();
    other.write(10, 10);
    other.ship().unwrap();
    std::fs::write(&second, std::fs::read(&other.segments("journal")[1]).unwrap()).unwrap();
    assert!(matches!(found("foreign"), BackupError::Foreign { path, .. } if path == second));
    std::fs::copy(home.data().join("backup.key"), other.data().join("backup.key")).unwrap();
    std::fs::remove_dir_all(other.target()).unwrap();
    std::fs::create_dir(other.target()).unwrap();
    other.tamper("UPDATE entry SET received = received + 1 WHERE pos = 3");
    let recipients = Recipients::parse(std::slice::from_ref(&home.recipient)).unwrap();
    let visit = Folder::visit(&other.data()).unwrap();
    let mut shipper = Shipper::open("t", visit, &other.target(), recipients, Settings::default()).unwrap();
    shipper.ship(at(0), &mut |_, _, _| {}).unwrap();
    std::fs::remove_file(&second).unwrap();
    std::fs::remove_file(&first).unwrap();
    let mine = other.segments("journal");
    std::fs::copy(&mine[0], home.target().join("journal").join(mine[0].file_name().unwrap())).unwrap();
    assert!(matches!(found("other entries"), BackupError::Unchained(path) if path == third));
}

impl Home {
    fn tamper(&self, sql: &str) {
        assert!(rusqlite(&self.data(), "journal.db").execute(sql, []).unwrap() > 0);
    }
}

#[test]
fn only_the_identity_opens_a_backup_and_nothing_of_a_message_stands_in_the_open() {
    let home = Home::new();
    home.write(0, 10);
    home.ship().unwrap();
    let other = Home::new();
    let wrong = check(&home.target(), Some(&other.identities), &mut |_, _, _| {}).unwrap_err();
    assert!(matches!(wrong, BackupError::WrongKey(_)) && wrong.is_askers(), "{wrong}");
    let key = std::fs::read_to_string(home.data().join("backup.key")).unwrap();
    for path in home.segments("journal").iter().chain(&home.segments("settings")) {
        let bytes = std::fs::read(path).unwrap();
        // Words that no chance writes: of three letters, encrypted bytes have one every few thousand runs.
        for word in ["MSH|0|x", "source-1", "MSA|AA", key.trim()] {
            assert!(!bytes.windows(word.len()).any(|part| part == word.as_bytes()), "{word} in {}", path.display());
        }
    }
}

#[test]
fn a_store_that_is_not_what_was_shipped_is_noticed() {
    let home = Home::new();
    home.write(0, 10);
    home.ship().unwrap();
    let before = home.folder.path().join("before");
    copy(&home.data(), &before);
    home.write(10, 10);
    home.ship().unwrap();

    // Changed behind the store's back.
    home.tamper("UPDATE entry SET feed = source WHERE pos = 15");
    let error = home.ship().unwrap_err();
    assert!(matches!(&error, BackupError::Diverged(text) if text.contains("11 to 20")), "{error}");
    home.tamper("UPDATE entry SET feed = (SELECT feed FROM entry WHERE pos = 16) WHERE pos = 15");
    home.ship().unwrap();

    // Put back to an earlier state, and gone on from there.
    std::fs::remove_dir_all(home.data()).unwrap();
    copy(&before, &home.data());
    let error = home.ship().unwrap_err();
    assert!(matches!(&error, BackupError::Diverged(text) if text.contains("put back")), "{error}");
    home.write(30, 15);
    let error = home.ship().unwrap_err();
    assert!(matches!(&error, BackupError::Diverged(text) if text.contains("not those")), "{error}");
    assert_eq!(home.check().unwrap().journal.entries, 20, "what was shipped is untouched");
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[test]
fn a_folder_that_was_emptied_is_not_taken_for_a_new_one() {
    let home = Home::new();
    home.write(0, 10);
    home.ship().unwrap();
    std::fs::rename(home.target(), home.folder.path().join("elsewhere")).unwrap();
    let recipients = Recipients::parse(std::slice::from_ref(&home.recipient)).unwrap();
    let visit = Folder::visit(&home.data()).unwrap();
    let gone = Shipper::open("t", visit, &home.target(), recipients, Settings::default()).err();
    assert!(matches!(gone, Some(BackupError::Target { .. })));
    std::fs::create_dir(home.target()).unwrap();
    let error = home.ship().unwrap_err();
    assert!(matches!(error, BackupError::Missing { stream: "journal", from: 1, to: 10, .. }), "{error}");
}

#[test]
fn one_writer_at_a_time() {
    let home = Home::new();
    home.write(0, 1);
    home.ship().unwrap();
    for lock in [home.target(), home.data()] {
        let held = std::fs::File::options().write(true).open(lock.join("backup.lock")).unwrap();
        held.try_lock().unwrap();
        assert!(matches!(home.ship().unwrap_err(), BackupError::Locked(_)));
        drop(held);
        home.ship().unwrap();
    }
}

#[test]
fn a_restore_that_was_broken_off_goes_on_and_nothing_is_restored_over_something() {
    let home = Home::new();
    home.write(0, 20);
    home.look(0, None);
    home.look(1, Some(1));
    home.ship().unwrap();
    home.write(20, 20);
    home.ship().unwrap();
    let to = home.folder.path().join("restored");
    // Broken off by damage in the second segment: the first is back, and the folder says that it is not whole.
    let second = home.segments("journal")[1].clone();
    let whole = std::fs::read(&second).unwrap();
    let mut flipped = whole.clone();
    flipped[100] ^= 1;
    std::fs::write(&second, flipped).unwrap();
    home.restore(&to, Until::End, false).unwrap_err();
    assert_eq!(backup::unfinished(&to), Some(backup::Unfinished::Restore));
    std::fs::write(&second, whole).unwrap();
    let other = home.restore(&to, Until::Position(5), false).unwrap_err();
    assert!(other.to_string().contains("another restore"), "{other}");
    let restored = home.restore(&to, Until::End, false).unwrap();
    assert!(restored.resumed && restored.journal == 40, "{restored:?}");
    assert_eq!(rows(&to), rows(&home.data()));
    backup::finish(&Folder::visit(&to).unwrap()).unwrap();
    let over = home.restore(&to, Until::End, false).unwrap_err();
    assert!(over.to_string().contains("not empty") && over.is_askers(), "{over}");
}

/// Both folders held, as the command holds them.
fn copied(home: &Home, to: &Path) -> Result<backup::Copied, BackupError> {
    let (from, to) = (Folder::hold(&home.data()).unwrap(), Folder::hold(to).unwrap());
    backup::copy(&from, &to, "t", &mut |_, _, _| {})
}

fn compared(home: &Home, to: &Path) -> Result<(), BackupError> {
    backup::compare(&Folder::visit(&home.data()).unwrap(), &Folder::visit(to).unwrap(), &mut |_, _, _| {})
}

/// A store with a bit of everything.
fn filled() -> Home {
    let home = Home::new();
    home.write(0, 90);
    home.look(1, None);
    home.look(2, None);
    home.look(3, Some(1));
    home.look(4, None);
    home.look(5, Some(4));
    let audit = Audit::open(&Folder::hold(&home.data()).unwrap()).unwrap();
    let files = [("a.cedar".to_owned(), "permit".to_owned())].into();
    let text = serde_json::to_string(&files).unwrap();
    audit.keep_policy(&policy_version(&files), at(0), text).unwrap().blocking_recv().unwrap().unwrap();
    audit.close();
    Drafts::open(&home.data()).unwrap().put(&draft()).unwrap();
    home.ship().unwrap();
    home
}

#[test]
fn a_copy_is_row_by_row_what_it_was_copied_from_and_one_that_was_broken_off_goes_on() {
    let home = filled();
    let to = home.folder.path().join("copy");
    let whole = copied(&home, &to).unwrap();
    assert_eq!((whole.journal, whole.audit, whole.drafts, whole.entries, whole.resumed), (90, 5, 1, 95, false));
    assert_eq!(whole.newest, Some(at(89)));
    assert_eq!(rows(&to), rows(&home.data()));
    assert_eq!(backup::unfinished(&to), Some(backup::Unfinished::Copy));
    compared(&home, &to).unwrap();
    // As it stands when it was killed between two batches, anywhere.
    for (entries, audited) in [(89_u32, 4_u32), (64, 3), (1, 1), (0, 0)] {
        rusqlite(&to, "journal.db").execute("DELETE FROM entry WHERE pos > ?1", [entries]).unwrap();
        let audit = rusqlite(&to, "audit.db");
        for sql in [
            "DELETE FROM entry WHERE n > ?1",
            "DELETE FROM matter WHERE n > ?1",
            "UPDATE matter SET settled = NULL, outcome = NULL WHERE settled > ?1",
        ] {
            audit.execute(sql, [audited]).unwrap();
        }
        let again = copied(&home, &to).unwrap();
        assert_eq!((again.journal, again.audit, again.drafts, again.resumed), (90, 5, 1, true));
        assert_eq!(again.entries, u64::from(95 - entries - audited));
        assert_eq!(rows(&to), rows(&home.data()));
        compared(&home, &to).unwrap();
    }
    backup::finish(&Folder::visit(&to).unwrap()).unwrap();
    let over = copied(&home, &to).unwrap_err();
    assert!(over.to_string().contains("not empty: copy into a new folder") && over.is_askers(), "{over}");
    // It goes on as the source would: the same chain, the same backup.
    let folder = Folder::visit(&to).unwrap();
    assert_eq!(AuditReader::open(&folder).unwrap().verify(&Heads::read(&folder).unwrap().heads).unwrap(), 5);
    let went_on = Home { folder: home.folder, ..Home::new() };
    std::fs::remove_dir_all(went_on.data()).unwrap();
    std::fs::rename(&to, went_on.data()).unwrap();
    went_on.write(90, 1);
    went_on.look(6, Some(2));
}

#[test]
fn whatever_differs_in_a_copy_is_found() {
    let home = filled();
    for (file, sql, says) in [
        ("journal.db", "UPDATE entry SET about = 'x' WHERE pos = 71", "entry 71 of the journal is not the same"),
        ("journal.db", "UPDATE entry SET received = received + 1 WHERE pos = 1", "entry 1 of the journal"),
        ("journal.db", "UPDATE name SET text = 'another' WHERE id = 1", "names of sources and feeds"),
        ("journal.db", "DELETE FROM entry WHERE pos = 40", "entry 40 of the journal"),
        ("journal.db", "DELETE FROM entry WHERE pos = 90", "came to"),
        ("audit.db", "UPDATE entry SET body = body || ' ' WHERE n = 2", "entry 2 of the audit"),
        ("audit.db", "UPDATE matter SET outcome = 'unjustified' WHERE n = 1", "what entries of the audit trail opened"),
        ("audit.db", "DELETE FROM matter WHERE n = 2", "what entries of the audit trail opened"),
        ("audit.db", "UPDATE policy SET files = 'x'", "policies that were in force"),
        ("drafts.db", "UPDATE draft SET body = 'x'", "drafts"),
    ] {
        let to = tempfile::tempdir().unwrap();
        copied(&home, to.path()).unwrap();
        compared(&home, to.path()).unwrap();
        assert!(rusqlite(to.path(), file).execute(sql, []).unwrap() > 0);
        let said = compared(&home, to.path()).unwrap_err();
        assert!(said.to_string().contains(says), "{sql}: {said}");
    }
    for file in ["audit.key", "audit-heads.log", "backup.key"] {
        let to = tempfile::tempdir().unwrap();
        copied(&home, to.path()).unwrap();
        std::fs::write(to.path().join(file), "x").unwrap();
        let said = compared(&home, to.path()).unwrap_err();
        assert!(said.to_string().contains(&format!("the file {file} is not the same")), "{said}");
    }
    // Somebody decided something meanwhile: it is said, and the same again takes it along.
    let to = home.folder.path().join("copy");
    copied(&home, &to).unwrap();
    home.write(90, 2);
    let said = compared(&home, &to).unwrap_err();
    assert!(said.to_string().contains("2 entries of the journal came to") && said.is_askers(), "{said}");
    assert_eq!(copied(&home, &to).unwrap().entries, 2);
    compared(&home, &to).unwrap();
}
