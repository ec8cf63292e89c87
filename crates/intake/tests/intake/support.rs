//! Where real input lies.

pub mod feed;

use std::path::PathBuf;

pub fn shared(path: &str) -> PathBuf {
    let root = std::env::var_os("SKEIN_SHARED_DATA")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")), PathBuf::from);
    let file = root.join(path);
    assert!(
        file.exists(),
        "real input is missing: {}. Put the shared data beside the repository (../shared/data) or set SKEIN_SHARED_DATA",
        file.display()
    );
    file
}

/// Every HL7 v2 message of the real input, by name.
pub fn real_messages() -> Vec<(String, Vec<u8>)> {
    let mut all: Vec<_> = ["hl7v2/itk-uk", "hl7v2/nw-gmsa/messages", "hl7v2/ms-fhir-converter"]
        .into_iter()
        .flat_map(|folder| std::fs::read_dir(shared(folder)).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "hl7" || e == "txt"))
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap()))
        .collect();
    all.sort();
    all
}
