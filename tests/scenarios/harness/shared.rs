//! The real input beside the repository.

use std::path::{Path, PathBuf};

/// A path under the shared data. Fails, and says what to do, when it is not there.
pub fn path(name: &str) -> PathBuf {
    let folder = std::env::var_os("SKEIN_SHARED_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    let path = folder.join(name);
    assert!(
        path.exists(),
        "{} is missing: put the test data at ../shared/data beside the repository, or name its folder in SKEIN_SHARED_DATA",
        path.display()
    );
    path
}

/// A file's bytes, unzipped when its name ends in `.gz`.
pub fn read(name: &str) -> Vec<u8> {
    let path = path(name);
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    if name.ends_with(".gz") {
        let mut plain = Vec::new();
        std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(bytes.as_slice()), &mut plain).unwrap();
        plain
    } else {
        bytes
    }
}

/// An HL7 v2 message as its sender would put it on the wire: the stored files have LF line ends, the wire has CR.
pub fn message(name: &str) -> Vec<u8> {
    let text = String::from_utf8(read(name)).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    while lines.last().is_some_and(|line| line.is_empty()) {
        lines.pop();
    }
    let mut message = lines.join("\r").into_bytes();
    message.push(b'\r');
    message
}

/// The files of a folder, in order of name.
pub fn files(folder: &str) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(path(folder))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .map(|name| format!("{folder}/{name}"))
        .collect();
    names.sort();
    names
}
