//! Restoring: the truth put back as it was, up to a moment, into a store that is empty.

use crate::{
    BackupError, BackupFolder, Identities, Progress,
    check::{of_the_same, snapshot, streams, walk},
    error::target,
    folder::Segment,
    mark::{self, Unfinished, put_file},
    segment::{Frame, Kind},
    ship::{HEADS, number_of_head},
};
use jiff::Timestamp;
use serde::Serialize;
use std::path::{Component, Path, PathBuf};
use store::{
    DERIVED_VERSION, Folder, StoreError,
    truth::{Field, Stream, Table, TruthRow, TruthWriter, put_drafts},
};

/// Where the configuration that was in force goes, beside what is in use.
const SETTINGS: &str = "restored-settings";
/// Rows put into one transaction at most,
pub(crate) const BATCH_ROWS: usize = 2_000;
/// and about so many bytes.
pub(crate) const BATCH_BYTES: usize = 16 << 20;

/// Up to when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum Until {
    /// All there is.
    #[default]
    End,
    /// Up to the last entry of the journal that came at this time or before.
    Time(Timestamp),
    /// Up to this entry of the journal.
    Position(u64),
}

/// What to put back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The journal, up to when.
    pub until: Until,
    /// The audit trail up to the same moment alone: else it comes back whole, for it is evidence.
    pub cut_audit: bool,
    /// The derived state too, where the backup has one of then or before.
    pub derived: bool,
}

impl Default for Wanted {
    fn default() -> Self {
        Wanted { until: Until::End, cut_audit: false, derived: true }
    }
}

/// What was asked for, to tell a restore that is gone on with from another.
#[derive(Serialize)]
struct Asked {
    series: String,
    until: Until,
    cut_audit: bool,
}

/// What was put back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The region's code.
    pub region: String,
    /// Entries of the journal.
    pub journal: u64,
    /// When the last of them came.
    pub newest: Option<Timestamp>,
    /// Entries of the journal that are in the backup and came after the moment.
    pub left_out: u64,
    /// Entries of the audit trail.
    pub audit: u64,
    /// Of them those after the moment.
    pub audit_after: u64,
    /// Drafts.
    pub drafts: u64,
    /// Whether an earlier restore was gone on with.
    pub resumed: bool,
    /// Bytes of the segments that were read.
    pub bytes: u64,
    /// The entry of the journal that the derived state which was put back is as of; None: it is to be made of the journal.
    pub derived: Option<u64>,
    /// Why others that the backup has were left where they are.
    pub derived_left: Vec<String>,
}

/// Put the truth back from the backup at `from` into a folder that is held, and what it has of the derived state; no process of the
/// region applies meanwhile. The folder stays marked as unfinished until [`crate::finish`].
///
/// # Errors
/// [`BackupError::Refused`] when something is there already; what is wrong with the backup; the store's.
pub fn restore(
    from: &Path,
    identities: &Identities,
    folder: &Folder,
    Wanted { until, cut_audit, derived }: Wanted,
    progress: Progress<'_>,
) -> Result<Restored, BackupError> {
    let backup = BackupFolder::open(from)?;
    let (journal, audit) = streams(&backup)?;
    let first = journal.first().ok_or_else(|| BackupError::Nothing(from.to_owned()))?;
    let (to, at) = moment(&journal, until, identities)?;
    // Found out before anything is written: whether it can be opened at all.
    let settings = backup.segments(Kind::Settings)?.0;
    let drafts = backup.segments(Kind::Drafts)?.0;
    for segment in settings.iter().chain(&drafts) {
        of_the_same(segment, first)?;
    }
    let asked = Asked { series: first.about.series.clone(), until, cut_audit };
    let resumed = mark::begin(folder, Unfinished::Restore, &asked)?;
    let within = |segment: &&Segment| at.is_none_or(|at| segment.about.made <= at);
    put_settings(folder.path(), settings.iter().rev().find(within).or(settings.first()), identities)?;
    let writer = TruthWriter::open(folder)?;
    let upto = match at {
        Some(at) if cut_audit => self::upto(&audit, at, identities)?,
        _ => u64::MAX,
    };
    let needed: Vec<Segment> = audit.iter().take_while(|segment| segment.about.from <= upto).cloned().collect();
    let mut heads = Heads { path: folder.audit_heads(), text: Vec::new() };
    let mut batch = Batch::new(&writer, Stream::Audit, upto)?;
    walk(Kind::Audit, &needed, Some(identities), progress, |frame, _| match frame {
        Frame::Row(row) => batch.row(row),
        Frame::Blob { name, bytes } => {
            heads.blob(&name, &bytes);
            Ok(())
        }
    })?;
    let audit_entries = batch.finish()?;
    heads.finish(audit_entries)?;
    let needed: Vec<Segment> = journal.iter().take_while(|segment| segment.about.from <= to).cloned().collect();
    let mut batch = Batch::new(&writer, Stream::Journal, to)?;
    let (mut newest, mut key) = (None, None);
    walk(Kind::Journal, &needed, Some(identities), progress, |frame, of| {
        key.get_or_insert(*of);
        let Frame::Row(row) = frame else { return Ok(()) };
        if row.position().is_some_and(|at| at <= to) {
            newest = row.time().max(newest);
        }
        batch.row(row)
    })?;
    let entries = batch.finish()?;
    writer.finish()?;
    if let Some(key) = key {
        key.put(folder.path())?;
    }
    let mut rows = Vec::new();
    if let Some(newest) = drafts.iter().rev().find(within) {
        snapshot(newest, Some(identities), |frame| {
            if let Frame::Row(row) = frame {
                rows.push(row);
            }
            Ok(())
        })?;
        put_drafts(folder, &rows)?;
    }
    let mut derived_left = Vec::new();
    let derived = match derived {
        true => put_derived(&backup, first, to, (folder, identities), progress, &mut derived_left)?,
        false => None,
    };
    let last = journal.last().map_or(0, |last| last.about.to);
    Ok(Restored {
        derived,
        derived_left,
        region: first.about.region.clone(),
        journal: entries,
        newest: newest.and_then(|at| Timestamp::from_microsecond(at).ok()),
        left_out: last - to.min(last),
        audit: audit_entries,
        audit_after: match at {
            Some(at) if !cut_audit => audit_entries - self::upto(&audit, at, identities)?.min(audit_entries),
            _ => 0,
        },
        drafts: rows.len() as u64,
        resumed,
        bytes: audit.iter().chain(&journal).map(|segment| segment.bytes).sum(),
    })
}

/// The last entry of the journal, and the moment that the rest is put back to; no moment: all of it.
fn moment(journal: &[Segment], until: Until, identities: &Identities) -> Result<(u64, Option<Timestamp>), BackupError> {
    let last = journal.last().map_or(0, |last| last.about.to);
    match until {
        Until::End => Ok((last, None)),
        Until::Time(at) => match upto(journal, at, identities)? {
            0 => Err(BackupError::Refused(format!("nothing is in the backup from {at} or before"))),
            to => Ok((to, Some(at))),
        },
        Until::Position(0) => Err(BackupError::Refused("entries of the journal are counted from 1".into())),
        Until::Position(to) if to > last => {
            Err(BackupError::Refused(format!("the backup ends at entry {last}, before entry {to}")))
        }
        Until::Position(to) => {
            let segment = journal.iter().find(|segment| segment.about.to >= to);
            let mut at = None;
            look(segment, identities, |position, time| {
                if position == to {
                    at = Timestamp::from_microsecond(time).ok();
                }
            })?;
            Ok((to, at))
        }
    }
}

/// The last entry that came at a time or before: a clock may have gone back, and nothing of then is to be missing.
fn upto(segments: &[Segment], at: Timestamp, identities: &Identities) -> Result<u64, BackupError> {
    let at = at.as_microsecond();
    let segment = segments.iter().rev().find(|segment| segment.about.earliest <= at);
    if let Some(segment) = segment.filter(|segment| segment.about.latest <= at) {
        return Ok(segment.about.to);
    }
    let mut to = 0;
    look(segment, identities, |position, time| {
        if time <= at {
            to = position;
        }
    })?;
    Ok(to)
}

/// The positions and times of a segment's entries.
fn look(segment: Option<&Segment>, identities: &Identities, mut each: impl FnMut(u64, i64)) -> Result<(), BackupError> {
    let Some(segment) = segment else { return Ok(()) };
    let (about, end) = crate::segment::check_bytes(&segment.path)?;
    crate::segment::frames(&segment.path, (&about, end), identities, |frame, _| {
        if let Frame::Row(row) = &frame
            && let (Some(position), Some(time)) = (row.position(), row.time())
        {
            each(position, time);
        }
        Ok(())
    })
    .map(|_| ())
}

/// The keys into the data folder; the configuration beside, for whoever restores to look at.
fn put_settings(data: &Path, segment: Option<&Segment>, identities: &Identities) -> Result<(), BackupError> {
    let Some(segment) = segment else { return Ok(()) };
    snapshot(segment, Some(identities), |frame| {
        let Frame::Blob { name, bytes } = frame else { return Ok(()) };
        let path = match name.strip_prefix("data/") {
            Some(own) => data.join(plain(own)),
            None => data.join(SETTINGS).join(plain(&name)),
        };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(target(folder))?;
        }
        put_file(&path, &bytes)
    })
}

/// The newest derived state as of this entry of the journal or before, where there is one that can be used. One that cannot is no
/// reason to stop: it can be made of the journal.
fn put_derived(
    backup: &BackupFolder,
    first: &Segment,
    to: u64,
    (folder, identities): (&Folder, &Identities),
    progress: Progress<'_>,
    left: &mut Vec<String>,
) -> Result<Option<u64>, BackupError> {
    let (segments, wrong) = backup.derived()?;
    left.extend(wrong.iter().map(ToString::to_string));
    for segment in segments.iter().rev().filter(|segment| segment.about.to <= to) {
        if segment.about.derived != Some(DERIVED_VERSION) {
            left.push(format!("{} is of another version of skein", segment.path.display()));
            continue;
        }
        let Some(mut new) = folder.derived().put_pages()? else {
            left.push(format!("{} is one in files, and this region is in a database", segment.path.display()));
            return Ok(None);
        };
        folder.derived().remove()?;
        let (mut done, all) = (0, segment.about.plain);
        let put = of_the_same(segment, first)
            .and_then(|()| {
                snapshot(segment, Some(identities), |frame| {
                    let Frame::Blob { bytes, .. } = frame else { return Ok(()) };
                    done += bytes.len() as u64;
                    progress("derived state", done, all);
                    Ok(new.put(&bytes)?)
                })
            })
            .and_then(|()| Ok(new.finish(segment.about.from)?));
        match put {
            Ok(()) => return Ok(Some(segment.about.from)),
            // What is wrong with the file; not that there is no room for it here.
            Err(error @ (BackupError::Store(StoreError::Unusable(_)) | BackupError::Target { .. })) => {
                return Err(error);
            }
            Err(error) => left.push(error.to_string()),
        }
    }
    Ok(None)
}

/// A name that leads nowhere else.
fn plain(name: &str) -> PathBuf {
    Path::new(name).components().filter(|part| matches!(part, Component::Normal(_))).collect()
}

/// Rows on their way into the store.
struct Batch<'w> {
    writer: &'w TruthWriter,
    stream: Stream,
    rows: Vec<TruthRow>,
    bytes: usize,
    /// What is there already.
    head: u64,
    /// What is wanted.
    upto: u64,
    entries: u64,
}

impl<'w> Batch<'w> {
    fn new(writer: &'w TruthWriter, stream: Stream, upto: u64) -> Result<Self, BackupError> {
        let head = writer.head(stream)?;
        Ok(Batch { writer, stream, rows: Vec::new(), bytes: 0, head, upto, entries: 0 })
    }

    fn row(&mut self, row: TruthRow) -> Result<(), BackupError> {
        // What entries after the moment opened and settled goes with them.
        let of = match row.table {
            Table::Matter => row.fields.first(),
            Table::Settled => row.fields.get(1),
            _ => None,
        };
        let after = of.and_then(Field::integer).is_some_and(|n| n.cast_unsigned() > self.upto);
        if let Some(at) = row.position() {
            if at > self.upto {
                return Ok(());
            }
            self.entries += 1;
            if at <= self.head {
                return Ok(());
            }
        } else if after {
            return Ok(());
        }
        self.bytes += row.size();
        self.rows.push(row);
        if self.rows.len() >= BATCH_ROWS || self.bytes >= BATCH_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), BackupError> {
        self.writer.put(self.stream, &self.rows)?;
        self.rows.clear();
        self.bytes = 0;
        Ok(())
    }

    fn finish(mut self) -> Result<u64, BackupError> {
        self.flush()?;
        Ok(self.entries)
    }
}

/// The signed heads of the audit trail, put together again.
struct Heads {
    path: PathBuf,
    text: Vec<u8>,
}

impl Heads {
    fn blob(&mut self, name: &str, bytes: &[u8]) {
        if name == HEADS {
            self.text.extend_from_slice(bytes);
        }
    }

    /// Those of entries that are put back: a head of one that is not would say that the trail was cut off.
    fn finish(self, last: u64) -> Result<(), BackupError> {
        let lines = self.text.split_inclusive(|byte| *byte == b'\n');
        let text: Vec<u8> =
            lines.filter(|line| number_of_head(line).is_some_and(|n| n <= last)).flatten().copied().collect();
        if text.is_empty() { Ok(()) } else { put_file(&self.path, &text) }
    }
}
