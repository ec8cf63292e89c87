//! Copying: the truth of a store straight into another one that is empty, of the same or the other engine, row by row as it
//! is stored; and afterwards held against it, row by row.
//!
//! Both data folders are held meanwhile, so nobody processes messages. Whatever is written to the source beside that (a
//! decision at the terminal) is noticed at the end. What an entry of the audit trail opened and settled goes into the same
//! transaction as the entry: so the newest position at the target says all that is there, and a copy that was killed goes on
//! from it.

use crate::{
    BackupError, Progress,
    error::target,
    mark::{self, Unfinished, put_file},
    restore::{BATCH_BYTES, BATCH_ROWS},
};
use jiff::Timestamp;
use serde::Serialize;
use std::{io::ErrorKind, path::Path};
use store::{
    Drafts, Folder, StoreError,
    truth::{Stream, TruthReader, TruthRow, TruthWriter, copy_file, drafts, put_drafts},
};

/// What stands in files beside the stores and belongs to the truth: the signed heads, the keys, and how far the backup has come.
const FILES: [&str; 5] = [crate::ship::HEADS, "audit.key", "audit.key.pub", crate::key::FILE, crate::ship::ACCOUNT];
/// What was told to whom: made of the journal as well, but so that nothing goes out twice and nothing is new twice.
const NOTICES: &str = "notify.db";
/// Matters compared at a time, by the entries that opened them.
const MATTERS: u64 = 10_000;

/// What was copied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// Entries of the journal.
    pub journal: u64,
    /// When the last of them came.
    pub newest: Option<Timestamp>,
    /// Entries of the audit trail.
    pub audit: u64,
    /// Drafts.
    pub drafts: u64,
    /// Entries of both that were copied now; an earlier copy that was broken off did the others.
    pub entries: u64,
    /// Whether an earlier copy was gone on with.
    pub resumed: bool,
}

/// From where, to tell a copy that is gone on with from another.
#[derive(Serialize)]
struct Asked<'a> {
    from: &'a str,
}

/// Copy the truth of one region's folder into another's. Both are held. `name` says which region it is, the same each time
/// the copy is gone on with. The target stays marked as unfinished until [`crate::finish`].
///
/// # Errors
/// [`BackupError::Refused`] when there is nothing to copy, or something is at the target already; the stores'.
pub fn copy(from: &Folder, to: &Folder, name: &str, progress: Progress<'_>) -> Result<Copied, BackupError> {
    // Opened as whoever serves it would: a form that this version does not write is refused, or taken over.
    drop(TruthWriter::open(from)?);
    if from.server().is_some() || from.path().join("drafts.db").is_file() {
        Drafts::of_region(from)?;
    }
    let reader = TruthReader::open(from)?;
    if reader.head(Stream::Journal)? == 0 && reader.head(Stream::Audit)? == 0 {
        return Err(BackupError::Refused(format!("{} holds no entry: there is nothing to copy", from.journal())));
    }
    let resumed = mark::begin(to, Unfinished::Copy, &Asked { from: name })?;
    let mut copied = Copied { resumed, ..Copied::default() };
    let writer = TruthWriter::open(to)?;
    copied.audit = stream(Stream::Audit, &reader, &writer, &mut copied, progress)?;
    copied.journal = stream(Stream::Journal, &reader, &writer, &mut copied, progress)?;
    writer.finish()?;
    for file in FILES {
        if let Some(bytes) = read(&from.path().join(file))? {
            put_file(&to.path().join(file), &bytes)?;
        }
    }
    let newest = reader.piece(Stream::Journal, copied.journal, copied.journal)?;
    copied.newest = newest.first().and_then(TruthRow::time).and_then(|at| Timestamp::from_microsecond(at).ok());
    let drafts = all_drafts(from)?;
    if !drafts.is_empty() {
        put_drafts(to, &drafts)?;
    }
    copied.drafts = drafts.len() as u64;
    let notices = from.path().join(NOTICES);
    if notices.is_file() {
        copy_file(&notices, &to.path().join(NOTICES))?;
    }
    Ok(copied)
}

/// Copy what the target does not have yet. Gives the newest position.
fn stream(
    stream: Stream,
    reader: &TruthReader,
    writer: &TruthWriter,
    copied: &mut Copied,
    progress: Progress<'_>,
) -> Result<u64, BackupError> {
    let head = reader.head(stream)?;
    let mut next = writer.head(stream)? + 1;
    // What entries refer to, before them. What is there already stays.
    match stream {
        Stream::Journal => {
            writer.put(stream, &reader.names(i64::MIN, i64::MAX)?)?;
            for row in reader.dictionaries(i64::MIN, i64::MAX)? {
                writer.put(stream, &[row])?;
            }
        }
        Stream::Audit => {
            for version in reader.policy_versions()? {
                writer.put(stream, reader.policy(&version)?.as_slice())?;
            }
        }
    }
    while next <= head {
        let first = next;
        let (mut rows, mut bytes, mut settled) = (Vec::new(), 0, Vec::new());
        while next <= head && rows.len() < BATCH_ROWS && bytes < BATCH_BYTES {
            let piece = reader.piece(stream, next, head)?;
            if piece.is_empty() {
                return Err(missing(stream, next));
            }
            for row in piece {
                if row.position() != Some(next) {
                    return Err(missing(stream, next));
                }
                bytes += row.size();
                settled.extend(reader.settled_by(&row)?);
                rows.push(row);
                next += 1;
            }
        }
        copied.entries += next - first;
        if stream == Stream::Audit {
            rows.extend(reader.opened(first, next - 1)?);
            rows.append(&mut settled);
        }
        writer.put(stream, &rows)?;
        progress(stream.as_str(), next - 1, head);
    }
    Ok(head)
}

fn missing(stream: Stream, position: u64) -> BackupError {
    StoreError::Corrupt(format!("{} entry {position} is missing", stream.as_str())).into()
}

/// Hold a copy against what it was copied from, row by row: entries, what they refer to, what they opened and how that was
/// settled, policies, drafts, keys.
///
/// # Errors
/// [`BackupError::Diverged`] naming what differs; [`BackupError::Refused`] when something was written to the source since.
pub fn compare(from: &Folder, to: &Folder, progress: Progress<'_>) -> Result<(), BackupError> {
    let (ours, theirs) = (TruthReader::open(from)?, TruthReader::open(to)?);
    let same = |same: bool, what: &str| match same {
        true => Ok(()),
        false => Err(BackupError::Diverged(format!("{what} not the same in {} and its copy", from.journal()))),
    };
    for stream in [Stream::Journal, Stream::Audit] {
        still(stream, from, &ours, theirs.head(stream)?)?;
    }
    same(ours.names(i64::MIN, i64::MAX)? == theirs.names(i64::MIN, i64::MAX)?, "names of sources and feeds are")?;
    same(ours.dictionaries(i64::MIN, i64::MAX)? == theirs.dictionaries(i64::MIN, i64::MAX)?, "dictionaries are")?;
    for (stream, doing) in [(Stream::Journal, "journal compared"), (Stream::Audit, "audit compared")] {
        let head = theirs.head(stream)?;
        let mut next = 1;
        while next <= head {
            let (left, right) = (ours.piece(stream, next, head)?, theirs.piece(stream, next, head)?);
            let differs = left.iter().zip(&right).position(|(left, right)| left != right);
            let differs = differs.or_else(|| (left.len() != right.len()).then(|| left.len().min(right.len())));
            if let Some(at) = differs {
                same(false, &format!("entry {} of the {} is", next + at as u64, stream.as_str()))?;
            }
            let Some(reached) = left.last().and_then(TruthRow::position) else { return Err(missing(stream, next)) };
            next = reached + 1;
            progress(doing, reached, head);
        }
    }
    let mut first = 0;
    while first <= theirs.head(Stream::Audit)? {
        let last = first + MATTERS - 1;
        same(ours.matters(first, last)? == theirs.matters(first, last)?, "what entries of the audit trail opened is")?;
        first += MATTERS;
    }
    same(ours.policy_versions()? == theirs.policy_versions()?, "versions of policies are")?;
    for version in ours.policy_versions()? {
        same(ours.policy(&version)? == theirs.policy(&version)?, "policies that were in force are")?;
    }
    same(all_drafts(from)? == all_drafts(to)?, "drafts are")?;
    for file in FILES {
        let (left, right) = (read(&from.path().join(file))?, read(&to.path().join(file))?);
        same(left == right, &format!("the file {file} is"))?;
    }
    for stream in [Stream::Journal, Stream::Audit] {
        still(stream, from, &ours, theirs.head(stream)?)?;
    }
    Ok(())
}

/// That nothing came to the source since this much of it was copied.
fn still(stream: Stream, from: &Folder, ours: &TruthReader, copied: u64) -> Result<(), BackupError> {
    let (name, head, at) = (stream.as_str(), ours.head(stream)?, from.journal());
    if head > copied {
        let came = head - copied;
        return Err(BackupError::Refused(format!(
            "{came} entries of the {name} came to {at} while it was copied: stop what writes there, and run the same command again"
        )));
    }
    if head < copied {
        return Err(BackupError::Diverged(format!(
            "the {name} of {at} ends at entry {head}, and its copy at {copied}"
        )));
    }
    Ok(())
}

fn all_drafts(folder: &Folder) -> Result<Vec<TruthRow>, BackupError> {
    let mut rows = Vec::new();
    drafts(folder, |row| {
        rows.push(row);
        Ok(())
    })?;
    Ok(rows)
}

/// A file's bytes; none where there is none.
fn read(path: &Path) -> Result<Option<Vec<u8>>, BackupError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(target(path)(error)),
    }
}
