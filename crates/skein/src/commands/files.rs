//! Files and folders as units to load or send: a FHIR resource or bundle, or one HL7 v2 message, byte for byte.
//! What a file holds is told from its content; nothing needs a whole file in memory but a single JSON document.

use crate::failure::{Failure, Outcome, io_words};
use flate2::bufread::MultiGzDecoder;
use serde::de::IgnoredAny;
use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// The largest unit that is read, in bytes: more than any sender is allowed on a feed.
pub const UNIT_BYTES_MAX: usize = 512 * 1024 * 1024;

/// What a unit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A FHIR resource or bundle, JSON.
    Fhir,
    /// An HL7 v2 message.
    Hl7v2,
}

/// One message, bundle or resource.
#[derive(Debug, PartialEq, Eq)]
pub struct Unit {
    /// What it is.
    pub kind: Kind,
    /// Its bytes.
    pub body: Vec<u8>,
}

/// One file to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Standard input.
    Standard,
    /// A file.
    File(PathBuf),
}

impl Input {
    /// How to name it to a person.
    pub fn name(&self) -> String {
        match self {
            Input::Standard => "standard input".into(),
            Input::File(path) => path.display().to_string(),
        }
    }
}

/// The files named, and those in the folders named, in order of name. FHIR resources that others refer to come first
/// within a folder: organisations, places, practitioners, then patients.
pub fn find(paths: &[PathBuf]) -> Outcome<Vec<Input>> {
    let mut found = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            found.push(Input::Standard);
            continue;
        }
        let kind = std::fs::metadata(path).map_err(|error| cannot_read(path, &error))?;
        if kind.is_dir() {
            let mut inside = Vec::new();
            walk(path, &mut inside)?;
            inside.sort_by_key(|file| (referred_to(file), file.clone()));
            found.extend(inside.into_iter().map(Input::File));
        } else {
            found.push(Input::File(path.clone()));
        }
    }
    if found.is_empty() {
        return Err(Failure::asked(
            "there is nothing to read: no .json, .ndjson, .hl7 or .txt file (or .gz of one) there",
        ));
    }
    Ok(found)
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> Outcome {
    for entry in std::fs::read_dir(folder).map_err(|error| cannot_read(folder, &error))? {
        let path = entry.map_err(|error| cannot_read(folder, &error))?.path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')) {
            continue;
        }
        if path.is_dir() {
            walk(&path, found)?;
        } else if readable(&path) {
            found.push(path);
        }
    }
    Ok(())
}

fn readable(path: &Path) -> bool {
    let name = path.to_string_lossy().to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    [".json", ".ndjson", ".jsonl", ".hl7", ".txt", ".msg", ".dat"].iter().any(|end| name.ends_with(end))
}

fn referred_to(path: &Path) -> u8 {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let first = ["Organization.", "Location.", "Practitioner.", "PractitionerRole.", "Patient."];
    if first.iter().any(|start| name.starts_with(start)) {
        u8::from(name.starts_with("Patient.")) + u8::from(name.starts_with("PractitionerRole."))
    } else if path.to_string_lossy().contains(".ndjson") {
        3
    } else {
        0
    }
}

fn cannot_read(path: &Path, error: &io::Error) -> Failure {
    Failure::asked(format!("cannot read {}: {}", path.display(), io_words(error)))
}

/// The size of all files together, in bytes as they lie on disk.
pub fn bytes_of(inputs: &[Input]) -> u64 {
    inputs
        .iter()
        .map(|input| match input {
            Input::File(path) => std::fs::metadata(path).map_or(0, |data| data.len()),
            Input::Standard => 0,
        })
        .sum()
}

/// A file's units, one after another. `read` counts the bytes taken from the file as it lies on disk.
pub fn units(input: &Input, read: Arc<AtomicU64>) -> Outcome<Units> {
    let raw: Box<dyn Read + Send> = match input {
        Input::Standard => Box::new(io::stdin()),
        Input::File(path) => Box::new(File::open(path).map_err(|error| cannot_read(path, &error))?),
    };
    let mut raw = BufReader::with_capacity(256 * 1024, Counted { inner: raw, read });
    let start = raw
        .fill_buf()
        .map_err(|error| Failure::asked(format!("cannot read {}: {}", input.name(), io_words(&error))))?;
    let plain: Box<dyn BufRead + Send> = if start.starts_with(&[0x1f, 0x8b]) {
        Box::new(BufReader::with_capacity(256 * 1024, MultiGzDecoder::new(raw)))
    } else {
        Box::new(raw)
    };
    Ok(Units { plain, state: State::Start })
}

struct Counted<R> {
    inner: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.read.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

/// The units of one file.
pub struct Units {
    plain: Box<dyn BufRead + Send>,
    state: State,
}

enum State {
    Start,
    Ndjson,
    /// The first line of the next message, if it was read already.
    Hl7(Vec<u8>),
    Done,
}

impl Iterator for Units {
    type Item = io::Result<Unit>;

    fn next(&mut self) -> Option<Self::Item> {
        let unit = match std::mem::replace(&mut self.state, State::Done) {
            State::Start => self.first(),
            State::Ndjson => self.line_of_json(),
            State::Hl7(line) => self.message(line),
            State::Done => Ok(None),
        };
        unit.transpose()
    }
}

impl Units {
    fn first(&mut self) -> io::Result<Option<Unit>> {
        let first = loop {
            let line = self.line(b"\n")?;
            if line.is_empty() {
                return Ok(None);
            }
            let text = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line);
            if !text.trim_ascii().is_empty() {
                break text.to_vec();
            }
        };
        if !first.trim_ascii_start().starts_with(b"{") {
            // Not JSON: HL7 v2, whose lines end in CR, LF or both. Give back what the LF took too much of.
            let rest = std::mem::replace(&mut self.plain, Box::new(io::empty()));
            self.plain = Box::new(io::Cursor::new(first).chain(rest));
            return self.message(Vec::new());
        }
        if serde_json::from_slice::<IgnoredAny>(&first).is_ok() {
            self.state = State::Ndjson;
            return Ok(Some(Unit { kind: Kind::Fhir, body: first.trim_ascii().to_vec() }));
        }
        let mut body = first;
        (&mut self.plain).take(UNIT_BYTES_MAX as u64).read_to_end(&mut body)?;
        too_large(body.len())?;
        Ok(Some(Unit { kind: Kind::Fhir, body }))
    }

    fn line_of_json(&mut self) -> io::Result<Option<Unit>> {
        loop {
            let line = self.line(b"\n")?;
            if line.is_empty() {
                return Ok(None);
            }
            let text = line.trim_ascii();
            if !text.is_empty() {
                self.state = State::Ndjson;
                return Ok(Some(Unit { kind: Kind::Fhir, body: text.to_vec() }));
            }
        }
    }

    /// The next message: from a line that starts with MSH to the next that does, batch headers and frames left out.
    fn message(&mut self, first: Vec<u8>) -> io::Result<Option<Unit>> {
        let mut body = first;
        loop {
            let raw = self.line(b"\r\n")?;
            if raw.is_empty() {
                break;
            }
            let start = raw.iter().take_while(|byte| matches!(byte, 0x0b | 0x1c | 0x00)).count();
            let line = raw.get(start..).unwrap_or_default();
            let line = match line.iter().position(|&byte| byte == 0x1c) {
                Some(end) => line.get(..end).unwrap_or_default(),
                None => line,
            };
            let batch = [b"FHS".as_slice(), b"BHS", b"BTS", b"FTS"].iter().any(|name| line.starts_with(name));
            if line.starts_with(b"MSH") && !body.is_empty() {
                self.state = State::Hl7(line.to_vec());
                break;
            }
            if batch || (body.is_empty() && line.trim_ascii().is_empty()) {
                continue;
            }
            body.extend_from_slice(line);
            too_large(body.len())?;
        }
        let kept = body.trim_ascii_end().len();
        if kept == 0 {
            self.state = State::Done;
            return Ok(None);
        }
        body.truncate(kept);
        body.push(b'\r');
        if !matches!(self.state, State::Hl7(_)) {
            self.state = State::Done;
        }
        Ok(Some(Unit { kind: Kind::Hl7v2, body }))
    }

    /// One line with its end; empty at the end of the file.
    fn line(&mut self, ends: &[u8]) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        loop {
            let available = self.plain.fill_buf()?;
            if available.is_empty() {
                return Ok(line);
            }
            let found = available.iter().position(|byte| ends.contains(byte));
            let take = found.map_or(available.len(), |at| at + 1);
            line.extend_from_slice(available.get(..take).unwrap_or_default());
            self.plain.consume(take);
            too_large(line.len())?;
            if found.is_some() {
                return Ok(line);
            }
        }
    }
}

fn too_large(bytes: usize) -> io::Result<()> {
    if bytes > UNIT_BYTES_MAX {
        return Err(io::Error::other(format!(
            "one message or bundle is larger than {} MB",
            UNIT_BYTES_MAX / 1024 / 1024
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn read(bytes: &[u8]) -> Vec<(Kind, String)> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("f");
        std::fs::write(&file, bytes).unwrap();
        units(&Input::File(file), Arc::default())
            .unwrap()
            .map(|unit| unit.unwrap())
            .map(|unit| (unit.kind, String::from_utf8(unit.body).unwrap()))
            .collect()
    }

    #[test]
    fn a_file_is_told_by_its_content() {
        let one = "{\n \"resourceType\": \"Bundle\"\n}\n";
        assert_eq!(read(one.as_bytes()), [(Kind::Fhir, one.to_owned())]);
        assert_eq!(
            read(b"\n{\"a\":1}\r\n\n{\"b\":2}"),
            [(Kind::Fhir, "{\"a\":1}".to_owned()), (Kind::Fhir, "{\"b\":2}".to_owned())]
        );
        assert_eq!(read(b"\xef\xbb\xbf{\"a\":1}"), [(Kind::Fhir, "{\"a\":1}".to_owned())]);
        assert_eq!(read(b""), []);
        assert_eq!(read(b"  \n \n"), []);
    }

    #[test]
    fn messages_are_told_apart_whatever_ends_their_lines() {
        let expected = ["MSH|^~\\&|A\rPID|1\r", "MSH|^~\\&|B\rPID|2\r"];
        for ends in ["\r", "\n", "\r\n"] {
            let file = format!(
                "FHS|^~\\&{ends}BHS|^~\\&{ends}MSH|^~\\&|A{ends}PID|1{ends}MSH|^~\\&|B{ends}PID|2{ends}BTS|2{ends}FTS|1{ends}"
            );
            let found: Vec<String> = read(file.as_bytes())
                .into_iter()
                .map(|(_, text)| text.replace("\r\n", "\r").replace('\n', "\r"))
                .collect();
            assert_eq!(found, expected, "{ends:?}");
        }
    }

    #[test]
    fn frames_of_the_wire_are_taken_off() {
        let file = b"\x0bMSH|^~\\&|A\rPID|1\r\x1c\r\x0bMSH|^~\\&|B\rPID|2\r\x1c\r";
        let found: Vec<String> = read(file).into_iter().map(|(_, text)| text).collect();
        assert_eq!(found, ["MSH|^~\\&|A\rPID|1\r", "MSH|^~\\&|B\rPID|2\r"]);
    }

    #[test]
    fn gzip_is_seen_by_its_first_bytes() {
        let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        zipped.write_all(b"{\"a\":1}\n{\"b\":2}\n").unwrap();
        assert_eq!(read(&zipped.finish().unwrap()).len(), 2);
    }

    #[test]
    fn what_is_referred_to_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["Observation.ndjson", "Patient.ndjson.gz", "Organization.ndjson", "notes.pdf", ".hidden.json"] {
            std::fs::write(folder.path().join(name), b"{}").unwrap();
        }
        let names: Vec<String> = find(&[folder.path().to_owned()])
            .unwrap()
            .iter()
            .map(|input| Path::new(&input.name()).file_name().unwrap().to_string_lossy().into_owned())
            .collect();
        assert_eq!(names, ["Organization.ndjson", "Patient.ndjson.gz", "Observation.ndjson"]);
    }

    #[test]
    fn a_missing_file_is_named() {
        let Err(Failure::Asked(text)) = find(&["nowhere.hl7".into()]) else { panic!() };
        assert_eq!(text, "cannot read nowhere.hl7: there is no such file or folder");
    }
}
