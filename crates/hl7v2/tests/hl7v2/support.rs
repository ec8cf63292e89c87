//! Where real input lies, and small helpers.

use std::path::PathBuf;

pub const ADT: &str = "MSH|^~\\&|PAS|RCB|SKEIN|REG|20260101120000||ADT^A01^ADT_A01|42|P|2.4\r\
    EVN||202601011200\r\
    PID|1||123^^^LOC^PI~9434765919^^^NHS^NH||SMITH&van^ANN^J||19651213|2|\"\"\r\
    PV1|1|I|W1^B2^3^RCB\r";

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

/// Every file of a folder, by name.
pub fn files(folder: &str) -> Vec<(String, Vec<u8>)> {
    let mut all: Vec<_> = std::fs::read_dir(shared(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file() && path.extension().is_some_and(|e| e == "hl7" || e == "txt"))
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap()))
        .collect();
    all.sort();
    assert!(!all.is_empty(), "no messages in {folder}");
    all
}
