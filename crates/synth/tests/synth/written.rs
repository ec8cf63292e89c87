//! The region as files.

use crate::region;
use synth::{SOURCES, Wire, WriteError};

#[test]
fn a_region_is_written_as_a_folder_per_source() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("region");
    let region = region(60);
    let mut told = 0;
    let written = region.write(&place, &mut |people| told = people).unwrap();
    assert_eq!((told, written.people), (60, 60));
    for source in SOURCES {
        let end = if source.wire == Wire::Fhir { "ndjson" } else { "hl7" };
        let text = std::fs::read(place.join(source.id).join(format!("{}.{end}", source.id))).unwrap();
        match source.wire {
            Wire::Fhir => {
                for line in text.split(|b| *b == b'\n').filter(|l| !l.is_empty()) {
                    let bundle: serde_json::Value = serde_json::from_slice(line).unwrap();
                    assert_eq!(bundle["type"], "transaction");
                }
            }
            Wire::Hl7v2 => assert!(text.starts_with(b"MSH|"), "{}", source.id),
        }
        assert!(place.join(source.id).join(format!("{}.toml", source.id)).exists());
    }
    assert!(matches!(region.write(&place, &mut |_| {}), Err(WriteError::NotEmpty(_))));
}

#[test]
fn every_profile_is_toml_and_names_its_source() {
    for (id, text) in synth::profiles() {
        let profile: toml::Table = toml::from_str(&text).unwrap_or_else(|e| panic!("{id}: {e}\n{text}"));
        assert_eq!(profile["source"].as_str(), Some(id));
    }
}
