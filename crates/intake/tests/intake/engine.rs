//! The engine on real input, without sockets.
use crate::support::shared;
use intake::{Applied, Engine, EngineConfig, EntryKind, NewEntry, Receipt};
use jiff::Timestamp;
use std::path::Path;

fn hl7(body: Vec<u8>) -> NewEntry {
    NewEntry {
        kind: EntryKind::Hl7v2,
        source: "rxx".into(),
        feed: "test".into(),
        received: Timestamp::now(),
        ident: None,
        about: None,
        body,
        ack: None,
    }
}

fn start(folder: &Path) -> Engine {
    Engine::start(folder, &EngineConfig { region: "test".into(), profiles: Vec::new() }, Timestamp::now()).unwrap()
}

#[tokio::test]
async fn itk_messages_become_visible() {
    let folder = tempfile::tempdir().unwrap();
    let engine = start(folder.path());
    let mut last = 0;
    for name in ["A28", "A31", "A05", "A01", "A08", "A04", "A03", "A40"] {
        let dir = shared("hl7v2/itk-uk");
        let path = std::fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|path| path.file_name().unwrap().to_string_lossy().starts_with(&format!("ADT_{name}")))
            .unwrap();
        let bytes = String::from_utf8(std::fs::read(path).unwrap()).unwrap().replace('\n', "\r").into_bytes();
        let Receipt::Stored { pos, .. } = engine.submit(hl7(bytes)).await.unwrap() else { panic!("a repeat") };
        last = pos;
    }
    assert!(matches!(engine.wait_applied(last).await.unwrap(), Applied::Done));
    engine.stop();
    drop(engine);
    let verdict = intake::verify(&store::Folder::visit(folder.path()).unwrap(), "test", &mut |_, _| {}).unwrap();
    assert_eq!(verdict.comparison.differences, 0, "{verdict:?}");
    assert_eq!(verdict.entries, 9, "eight messages, and the model that weighs who is who");
}

/// Past ten thousand, what waits behind a message that cannot be processed goes on without it; each message makes its version, the
/// one that set them free as well, whatever else was in its batch.
#[tokio::test]
async fn a_lane_in_which_too_many_wait_is_set_free_and_nothing_is_written_over() {
    const HELD: usize = 10_000;
    let folder = tempfile::tempdir().unwrap();
    let engine = start(folder.path());
    let message = |n: usize, event: &str, more: &str| {
        let at = format!("20260101{:02}{:02}{:02}", n / 3600, n / 60 % 60, n % 60);
        let text = format!(
            "MSH|^~\\&|PAS|RXX|SKEIN|REG|{at}||ADT^{event}|M{n}|P|2.4\rEVN|{event}|{at}\r\
             PID|1||77^^^RXX^PI||FAMILY{n}^JOAN||19450714|F\r{more}PV1|1|N\r"
        );
        hl7(text.into_bytes())
    };
    let journal = engine.journal().clone();
    let last = tokio::task::spawn_blocking(move || {
        journal.enqueue(message(0, "A28", "")).unwrap();
        journal.enqueue(message(1, "A40", "MRG|\r")).unwrap();
        let mut promise = None;
        for n in 2..HELD + 8 {
            promise = Some(journal.enqueue(message(n, "A31", "")).unwrap());
        }
        match promise.unwrap().blocking_recv().unwrap().unwrap() {
            Receipt::Stored { pos, .. } | Receipt::Repeat { pos, .. } => pos,
        }
    })
    .await
    .unwrap();
    assert_eq!(engine.wait_applied(last).await.unwrap(), Applied::Done);
    let patient = fhir::Region::new("test").patient("rxx", "RXX|77");
    let snapshot = engine.derived().snapshot().unwrap();
    let mut found = Vec::new();
    snapshot
        .each_row::<store::StoreError>(patient, &[fhir::ResourceType::Patient], u64::MAX, |row| {
            found.push(row);
            Ok(())
        })
        .unwrap();
    let [row] = &found[..] else { panic!("{} patients", found.len()) };
    // One version of the first, and one of each after the one that could not be processed.
    assert_eq!(usize::try_from(row.version).unwrap(), HELD + 7);
    assert_eq!(snapshot.versions(row.id, row.kind).unwrap().len(), HELD + 7);
    let mut text = Vec::new();
    snapshot.render(&mut text, row, "rxx", "2026-01-01T00:00:00Z").unwrap();
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains(&format!("FAMILY{}", HELD + 7)), "{text}");
    drop(snapshot);
    engine.stop();
}
