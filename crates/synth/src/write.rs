//! A region's history as files, a folder per source.

use crate::{Format, Outgoing, Region, SOURCES, sources::Wire};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// People.
    pub people: u64,
    /// HL7 v2 messages.
    pub messages: u64,
    /// FHIR bundles.
    pub bundles: u64,
    /// Bytes in all files of messages and bundles.
    pub bytes: u64,
}

/// Why a region could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The folder holds something already; nothing of it is touched.
    #[error("{0} is not empty")]
    NotEmpty(PathBuf),
    /// A file or folder could not be made or written.
    #[error("cannot write {path}: {source}")]
    Io {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Region {
    /// Write the history to `folder`, which must be empty or not exist: for each source a folder of its id with
    /// `<id>.hl7` (messages one after another, each person's in time order) or `<id>.ndjson` (one bundle a line, the
    /// source's organisation and staff first) and `<id>.toml` (its mapping profile); and `highlights.md`.
    /// `progress` is told how many people are done.
    pub fn write(&self, folder: &Path, progress: &mut dyn FnMut(u64)) -> Result<Written, WriteError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| WriteError::Io { path: path.clone(), source }
        };
        fs::create_dir_all(folder).map_err(failed(folder))?;
        if fs::read_dir(folder).map_err(failed(folder))?.next().is_some() {
            return Err(WriteError::NotEmpty(folder.to_owned()));
        }
        let mut files: BTreeMap<&str, (PathBuf, BufWriter<File>)> = BTreeMap::new();
        for source in SOURCES {
            let place = folder.join(source.id);
            fs::create_dir(&place).map_err(failed(&place))?;
            let profile = place.join(format!("{}.toml", source.id));
            fs::write(&profile, source.profile_toml()).map_err(failed(&profile))?;
            let end = if source.wire == Wire::Fhir { "ndjson" } else { "hl7" };
            let path = place.join(format!("{}.{end}", source.id));
            let file = File::create(&path).map_err(failed(&path))?;
            files.insert(source.id, (path, BufWriter::with_capacity(1 << 18, file)));
        }
        let mut written = Written::default();
        let mut put = |message: Outgoing, written: &mut Written| -> Result<(), WriteError> {
            let Some((path, file)) = files.get_mut(message.source) else { return Ok(()) };
            file.write_all(&message.bytes).map_err(failed(path))?;
            match message.format {
                // Messages end in a carriage return of their own.
                Format::Hl7v2 => written.messages += 1,
                Format::Fhir => {
                    file.write_all(b"\n").map_err(failed(path))?;
                    written.bundles += 1;
                }
            }
            written.bytes += message.bytes.len() as u64;
            Ok(())
        };
        for message in self.opening() {
            put(message, &mut written)?;
        }
        for person in self.everyone() {
            for message in self.history(&person) {
                put(message, &mut written)?;
            }
            written.people += 1;
            progress(written.people);
        }
        for (path, mut file) in files.into_values() {
            file.flush().map_err(failed(&path))?;
        }
        let path = folder.join("highlights.md");
        fs::write(&path, self.highlights_text()).map_err(failed(&path))?;
        Ok(written)
    }

    fn highlights_text(&self) -> String {
        let mut text = String::from("# People worth looking at\n\nAll of them are invented.\n");
        for highlight in self.highlights() {
            text.push_str(&format!(
                "\n## {}\n\n{}, born {}, NHS number {}.\n\n{}\n",
                highlight.title,
                highlight.name,
                highlight.born(),
                highlight.nhs_number,
                highlight.what_to_look_at
            ));
        }
        text
    }
}
