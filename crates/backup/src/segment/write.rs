//! Writing a segment: under a temporary name, then on disk, then under its own.

use super::{About, BEGIN, BLOB, DONE, END, INSIDE, Inside, encode};
use crate::{BackupError, Recipients, error::target, key::Key};
use age::stream::StreamWriter;
use std::{
    fs::File,
    io::{BufWriter, ErrorKind, Write},
    path::{Path, PathBuf},
};
use store::truth::TruthRow;

const BUFFER_BYTES: usize = 256 << 10;
/// Bodies are packed already; this is for the rest, and must not cost more than encrypting.
const LEVEL: i32 = 1;

/// Counts and hashes what goes to the file.
struct Hashed {
    file: BufWriter<File>,
    hasher: blake3::Hasher,
    bytes: u64,
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.hasher.update(bytes.get(..count).unwrap_or_default());
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

/// A segment that is being written. Dropped unfinished, it leaves nothing.
pub(crate) struct NewSegment {
    folder: PathBuf,
    temporary: PathBuf,
    out: Option<zstd::Encoder<'static, StreamWriter<Hashed>>>,
    buffer: Vec<u8>,
    /// What it will say of itself.
    pub about: About,
}

impl NewSegment {
    /// Begin one in its folder.
    pub fn begin(folder: &Path, about: About, key: &Key, recipients: &Recipients) -> Result<Self, BackupError> {
        let temporary = folder.join(format!(".new-{}", about.kind.file_name(about.from, about.from)));
        let inside = Inside {
            format: about.format,
            region: about.region.clone(),
            kind: about.kind,
            from: about.from,
            before: about.before,
            key: key.0,
        };
        let encryptor = recipients.encryptor()?;
        let open = || {
            let file = BufWriter::with_capacity(BUFFER_BYTES, File::create(&temporary)?);
            let mut out = Hashed { file, hasher: blake3::Hasher::new(), bytes: 0 };
            out.write_all(BEGIN)?;
            zstd::Encoder::new(encryptor.wrap_output(out)?, LEVEL)
        };
        // Told of the folder and not of the file, whose name is another each time it is tried.
        let out = open().map_err(target(folder))?;
        let folder = folder.to_owned();
        let mut new = NewSegment { folder, temporary, out: Some(out), buffer: Vec::new(), about };
        let inside = serde_json::to_vec(&inside).map_err(|error| BackupError::damaged(&new.temporary, error))?;
        new.buffer.push(INSIDE);
        new.sized(&inside)?;
        new.write()?;
        Ok(new)
    }

    /// Where it is meanwhile.
    pub fn path(&self) -> &Path {
        &self.temporary
    }

    fn sized(&mut self, bytes: &[u8]) -> Result<(), BackupError> {
        let len = u32::try_from(bytes.len()).ok().filter(|len| *len <= super::FIELD_BYTES_MAX);
        let len = len.ok_or_else(|| BackupError::Refused("a file is too large for a backup: 1 GiB".into()))?;
        self.buffer.extend_from_slice(&len.to_le_bytes());
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// Write out what is in the buffer.
    fn write(&mut self) -> Result<(), BackupError> {
        let Some(out) = &mut self.out else { return Ok(()) };
        out.write_all(&self.buffer).map_err(target(&self.folder))?;
        self.about.plain += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// A row.
    pub fn row(&mut self, row: &TruthRow) -> Result<(), BackupError> {
        self.buffer.push(row.table as u8);
        for field in &row.fields {
            encode(&mut self.buffer, field)?;
        }
        if let (Some(at), Some(time)) = (row.position(), row.time()) {
            self.about.to = at;
            self.about.earliest = self.about.earliest.min(time);
            self.about.latest = self.about.latest.max(time);
        }
        self.write()
    }

    /// A file, or a part of one.
    pub fn blob(&mut self, name: &str, bytes: &[u8]) -> Result<(), BackupError> {
        self.buffer.push(BLOB);
        self.sized(name.as_bytes())?;
        self.sized(bytes)?;
        self.write()
    }

    /// Put it on disk and in its place. Gives its path and size.
    pub fn finish(mut self) -> Result<(PathBuf, u64), BackupError> {
        self.buffer.push(DONE);
        self.write()?;
        let Some(out) = self.out.take() else { return Ok((self.temporary.clone(), 0)) };
        let about = serde_json::to_vec(&self.about).map_err(|error| BackupError::damaged(&self.temporary, error))?;
        let len = u32::try_from(about.len()).unwrap_or(u32::MAX);
        let path = self.folder.join(self.about.kind.file_name(self.about.from, self.about.to));
        let close = || {
            let mut out = out.finish()?.finish()?;
            out.write_all(&about)?;
            out.write_all(&len.to_le_bytes())?;
            let hash = out.hasher.finalize();
            out.write_all(hash.as_bytes())?;
            out.write_all(END)?;
            let bytes = out.bytes;
            let file = out.file.into_inner().map_err(std::io::IntoInnerError::into_error)?;
            file.sync_all()?;
            std::fs::rename(&self.temporary, &path)?;
            sync_folder(&self.folder)?;
            Ok(bytes)
        };
        let bytes = close().map_err(target(&self.folder))?;
        Ok((path, bytes))
    }
}

impl Drop for NewSegment {
    fn drop(&mut self) {
        // Finished, it has another name by now.
        let _ = std::fs::remove_file(&self.temporary);
    }
}

/// That a file is in a folder must be on disk as the file is. Some mounts cannot say so of a folder.
pub(crate) fn sync_folder(folder: &Path) -> std::io::Result<()> {
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Ok(()),
        done => done,
    }
}
