//! Reading a segment: what it says in the open, whether its bytes are what was written, and, with an identity, its content.

use super::{ABOUT_BYTES_MAX, About, BEGIN, BLOB, DONE, END, FIELD_BYTES_MAX, FORMAT, INSIDE, Inside, TAIL};
use crate::{BackupError, Identities, error::target, key::Key};
use std::{
    fs::File,
    io::{BufReader, Read, Seek, SeekFrom},
    path::Path,
};
use store::truth::{Field, Table, TruthRow};

const BUFFER_BYTES: usize = 256 << 10;

/// What a file says of itself in the open, and where its content ends.
pub(crate) fn about(path: &Path) -> Result<(About, u64), BackupError> {
    let mut file = File::open(path).map_err(target(path))?;
    let size = file.metadata().map_err(target(path))?.len();
    let cut_off = || BackupError::CutOff(path.to_owned());
    let tail_at = size.checked_sub(TAIL).filter(|at| *at >= BEGIN.len() as u64).ok_or_else(cut_off)?;
    let mut read = |at: u64, bytes: &mut [u8]| {
        file.seek(SeekFrom::Start(at)).and_then(|_| file.read_exact(bytes)).map_err(target(path))
    };
    let mut tail = [0; 4 + 32 + 8];
    read(tail_at, &mut tail)?;
    if !tail.ends_with(END) {
        return Err(cut_off());
    }
    let mut len = [0; 4];
    len.copy_from_slice(tail.get(..4).unwrap_or_default());
    let len = u32::from_le_bytes(len);
    let unreadable = || BackupError::damaged(path, "what it says of itself cannot be read");
    let about_at = tail_at.checked_sub(u64::from(len)).filter(|_| len <= ABOUT_BYTES_MAX).ok_or_else(unreadable)?;
    let mut text = vec![0; usize::try_from(len).unwrap_or(0)];
    read(about_at, &mut text)?;
    let about: About = serde_json::from_slice(&text).map_err(|_| unreadable())?;
    if about.format != FORMAT {
        return Err(BackupError::Refused(format!(
            "{} was written by another version of skein (format {}, this one knows {FORMAT})",
            path.display(),
            about.format
        )));
    }
    let name = path.file_name().unwrap_or_default();
    if name != about.kind.file_name(about.from, about.to).as_str() {
        return Err(BackupError::Misplaced { path: path.to_owned(), found: about.words() });
    }
    Ok((about, about_at))
}

/// Whether every byte is what was written.
pub(crate) fn check_bytes(path: &Path) -> Result<(About, u64), BackupError> {
    let (found, end) = about(path)?;
    let mut file = File::open(path).map_err(target(path))?;
    let size = file.metadata().map_err(target(path))?.len();
    let mut hasher = blake3::Hasher::new();
    let mut left = (&mut file).take(size - (32 + 8));
    let mut chunk = vec![0; BUFFER_BYTES];
    loop {
        let count = left.read(&mut chunk).map_err(target(path))?;
        if count == 0 {
            break;
        }
        hasher.update(chunk.get(..count).unwrap_or_default());
    }
    let mut said = [0; 32];
    file.read_exact(&mut said).map_err(target(path))?;
    if blake3::Hash::from_bytes(said) != hasher.finalize() {
        return Err(BackupError::damaged(path, "its bytes are not those that were written"));
    }
    Ok((found, end))
}

/// What a segment holds, one after the other.
pub(crate) enum Frame {
    Row(TruthRow),
    Blob { name: String, bytes: Vec<u8> },
}

/// Open a segment whose bytes were checked, and hand over every frame. Gives the key of its series.
pub(crate) fn frames(
    path: &Path,
    (about, end): (&About, u64),
    identities: &Identities,
    mut each: impl FnMut(Frame, &Key) -> Result<(), BackupError>,
) -> Result<Key, BackupError> {
    let damaged = |error: std::io::Error| BackupError::damaged(path, format!("its content cannot be read ({error})"));
    let mut file = File::open(path).map_err(target(path))?;
    file.seek(SeekFrom::Start(BEGIN.len() as u64)).map_err(target(path))?;
    let sealed = BufReader::with_capacity(BUFFER_BYTES, file.take(end - BEGIN.len() as u64));
    let opened = age::Decryptor::new_buffered(sealed).and_then(|sealed| sealed.decrypt(identities.all()));
    let opened = opened.map_err(|error| match error {
        age::DecryptError::NoMatchingKeys => BackupError::WrongKey(path.to_owned()),
        other => BackupError::damaged(path, format!("it cannot be decrypted ({other})")),
    })?;
    let plain = zstd::Decoder::new(opened).map_err(damaged)?;
    let mut source = Source { from: BufReader::with_capacity(BUFFER_BYTES, plain) };
    let key = inside(path, about, &mut source)?;
    loop {
        let frame = match source.byte().map_err(damaged)? {
            DONE => return Ok(key),
            BLOB => {
                let name = source.sized().map_err(damaged)?;
                let name = String::from_utf8(name).map_err(|_| BackupError::damaged(path, "a name is no text"))?;
                Frame::Blob { name, bytes: source.sized().map_err(damaged)? }
            }
            code => {
                let table = Table::from_code(code)
                    .ok_or_else(|| BackupError::damaged(path, format!("it holds something unknown ({code})")))?;
                let fields = (0..table.width()).map(|_| source.field()).collect::<std::io::Result<_>>();
                Frame::Row(TruthRow { table, fields: fields.map_err(damaged)? })
            }
        };
        each(frame, &key)?;
    }
}

/// The first frame: what stands in the open must be what was meant.
fn inside<R: Read>(path: &Path, about: &About, source: &mut Source<R>) -> Result<Key, BackupError> {
    let damaged = |error: std::io::Error| BackupError::damaged(path, format!("its content cannot be read ({error})"));
    let other = || BackupError::damaged(path, "what it says of itself in the open is not what it says within");
    if source.byte().map_err(damaged)? != INSIDE {
        return Err(other());
    }
    let inside: Inside = serde_json::from_slice(&source.sized().map_err(damaged)?).map_err(|_| other())?;
    let key = Key(inside.key);
    let same = inside.format == about.format
        && inside.region == about.region
        && inside.kind == about.kind
        && inside.from == about.from
        && inside.before == about.before
        && key.series() == about.series;
    if same { Ok(key) } else { Err(other()) }
}

struct Source<R> {
    from: BufReader<R>,
}

impl<R: Read> Source<R> {
    fn bytes<const N: usize>(&mut self) -> std::io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.from.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn byte(&mut self) -> std::io::Result<u8> {
        self.bytes::<1>().map(|[byte]| byte)
    }

    fn sized(&mut self) -> std::io::Result<Vec<u8>> {
        let len = u32::from_le_bytes(self.bytes()?);
        if len > FIELD_BYTES_MAX {
            return Err(std::io::Error::other("a length that cannot be"));
        }
        let mut bytes = Vec::new();
        // Grows with what is there, not with what is said.
        let count = (&mut self.from).take(u64::from(len)).read_to_end(&mut bytes)?;
        if count as u64 == u64::from(len) { Ok(bytes) } else { Err(std::io::ErrorKind::UnexpectedEof.into()) }
    }

    fn field(&mut self) -> std::io::Result<Field> {
        Ok(match self.byte()? {
            0 => Field::Missing,
            1 => Field::Integer(i64::from_le_bytes(self.bytes()?)),
            2 => Field::Text(String::from_utf8(self.sized()?).map_err(std::io::Error::other)?),
            3 => Field::Bytes(self.sized()?),
            _ => return Err(std::io::Error::other("a field of an unknown kind")),
        })
    }
}
