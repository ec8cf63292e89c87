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
