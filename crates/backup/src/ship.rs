//! Shipping: what the store holds beyond what was shipped becomes segments, small segments become larger ones, and what is in
//! neither stream is put beside them when it changed.

mod derived;

use crate::{
    BackupError, BackupFolder, Progress, Recipients,
    chain::Chain,
    error::target,
    folder::{Account, Segment, put_account, read_account},
    key::Key,
    segment::{About, Frame, Kind, Marks, NewSegment},
    snapshot::{self, Content},
};
use jiff::Timestamp;
use std::{
    fs::{File, TryLockError},
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};
use store::{
    Folder, StoreError,
    truth::{Stream, TruthReader, drafts},
};

/// The content of a segment is not larger than this, its last entry apart.
const SEGMENT_BYTES_MAX: u64 = 64 << 20;
/// So many segments become one,
const MERGED: usize = 32;
/// unless it were larger than this.
const MERGED_BYTES_MAX: u64 = 256 << 20;
/// What was shipped where, in the data folder.
pub(crate) const ACCOUNT: &str = "backup.state";
/// Held in the data folder while shipping.
const LOCK: &str = "backup.lock";

/// The blob that holds signed heads of the audit trail.
pub(crate) const HEADS: &str = "audit-heads.log";

/// Files of the region that are in no database: each under a name of its own.
#[derive(Clone, Debug, Default)]
pub struct Settings(pub Vec<(String, PathBuf)>);

/// What one round came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shipped {
    /// The newest entry of the journal that is in the backup.
    pub journal: u64,
    /// The newest entry of the audit trail that is in it.
    pub audit: u64,
    /// Entries that were shipped now.
    pub entries: u64,
    /// Bytes that were written now.
    pub bytes: u64,
    /// Segments that were written now.
    pub segments: u64,
    /// Segments that were made one with others.
    pub merged: u64,
    /// The entry of the journal that the newest derived state in the backup is as of; none is 0.
    pub derived: u64,
}

/// Ships a region's truth into a folder.
pub struct Shipper {
    region: String,
    folder: Folder,
    target: BackupFolder,
    recipients: Recipients,
    settings: Settings,
    key: Key,
    reader: TruthReader,
    chain: Chain,
    /// Up to where names and dictionaries are known to the chain.
    learnt: Marks,
    /// Whether what was shipped last was compared with the store.
    compared: bool,
    /// A derived state of which a part is shipped.
    growing: Option<derived::Growing>,
}

/// Where to, of several processes that may be told of one folder: whichever ships first, in the folder itself; another, which
/// signs the heads of the audit trail with a key of its own, in one of its own within it.
fn place(folder: &Folder, there: BackupFolder, key: &Key) -> Result<BackupFolder, BackupError> {
    let another = match folder.server() {
        None => false,
        Some(_) => {
            let (segments, _) = there.segments(Kind::Journal)?;
            segments.first().is_some_and(|first| first.about.series != key.series())
        }
    };
    if !another {
        return Ok(there);
    }
    let own = there.path().join(format!("process-{}", key.series()));
    match std::fs::create_dir(&own) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(target(&own)(error)),
        _ => BackupFolder::open(&own),
    }
}

impl Shipper {
    /// Of the region in a folder, into another.
    ///
    /// # Errors
    /// The store's, and those of the target.
    pub fn open(
        region: &str,
        folder: Folder,
        to: &Path,
        recipients: Recipients,
        settings: Settings,
    ) -> Result<Self, BackupError> {
        let key = Key::of(folder.path())?;
        Ok(Shipper {
            region: region.to_owned(),
            reader: TruthReader::open(&folder)?,
            target: place(&folder, BackupFolder::open(to)?, &key)?,
            chain: Chain::new(key),
            learnt: Marks::default(),
            compared: false,
            growing: None,
            folder,
            recipients,
            settings,
            key,
        })
    }

    /// Ship what there is. `progress` is told of each stream how far it is.
    ///
    /// # Errors
    /// [`BackupError::Locked`], [`BackupError::Diverged`], [`BackupError::Missing`], and the target's and store's. What was
    /// shipped before stays; the next round goes on from there.
    pub fn ship(&mut self, now: Timestamp, progress: Progress<'_>) -> Result<Shipped, BackupError> {
        let _here = self.lock_here()?;
        let _there = self.target.lock()?;
        let mut shipped = Shipped::default();
        let before = self.account()?;
        for stream in [Stream::Journal, Stream::Audit] {
            let reached = self.stream(stream, &before, now, &mut shipped, progress)?;
            match stream {
                Stream::Journal => shipped.journal = reached,
                Stream::Audit => shipped.audit = reached,
            }
        }
        self.compared = true;
        self.snapshots(now, &mut shipped)?;
        shipped.derived = self.target.derived()?.0.last().map_or(0, |last| last.about.from);
        let account = Account {
            region: self.region.clone(),
            series: self.key.series(),
            journal: shipped.journal,
            audit: shipped.audit,
            folder: None,
        };
        if self.target.account()?.as_ref() != Some(&account) {
            self.target.put_account(&account)?;
        }
        let here = Account { folder: Some(self.target.path().to_owned()), ..account };
        if before.as_ref() != Some(&here) {
            put_account(self.folder.path(), ACCOUNT, &here)?;
        }
        Ok(shipped)
    }

    /// What was shipped before from here to there, by our own account: so that a folder that is not mounted, or was emptied,
    /// is not taken for a new one.
    fn account(&self) -> Result<Option<Account>, BackupError> {
        let account = read_account(&self.folder.path().join(ACCOUNT))?;
        let there = self.target.path();
        Ok(account.filter(|said| said.series == self.key.series() && said.folder.as_deref() == Some(there)))
    }

    fn lock_here(&self) -> Result<File, BackupError> {
        let path = self.folder.path().join(LOCK);
        let lock = File::options().create(true).truncate(false).write(true).open(&path).map_err(target(&path))?;
        match lock.try_lock() {
            Ok(()) => Ok(lock),
            Err(TryLockError::WouldBlock) => Err(BackupError::Locked(self.target.path().to_owned())),
            Err(TryLockError::Error(error)) => Err(target(&path)(error)),
        }
    }

    fn stream(
        &mut self,
        stream: Stream,
        before: &Option<Account>,
        now: Timestamp,
        shipped: &mut Shipped,
        progress: Progress<'_>,
    ) -> Result<u64, BackupError> {
        let kind = Kind::from(stream);
        let ours = About::new(&self.region, &self.key, kind, 1, now);
        let (mut segments, spare) = self.target.chain(kind, Some(&ours))?;
        let shipped_to = segments.last().map_or(0, |last| last.about.to);
        let said = before.as_ref().map_or(0, |said| if stream == Stream::Journal { said.journal } else { said.audit });
        if shipped_to < said {
            return Err(self.target.missing(kind, shipped_to + 1, said));
        }
        let head = self.reader.head(stream)?;
        if head < shipped_to {
            return Err(BackupError::Diverged(format!(
                "the {} ends at entry {head}, and entry {shipped_to} is in the backup: the region was put back to an earlier \
                 state; restore it, or back up into a new folder",
                kind.as_str()
            )));
        }
        if !self.compared {
            self.compare(stream, &segments)?;
        }
        // What a writer that was broken off left beside the segment that holds it.
        for segment in spare {
            std::fs::remove_file(&segment.path).map_err(target(&segment.path))?;
        }
        let first = shipped_to + 1;
        loop {
            let last = segments.last();
            let from = last.map_or(1, |last| last.about.to + 1);
            if from > head {
                break;
            }
            let mut about = About::new(&self.region, &self.key, kind, from, now);
            if let Some(last) = last {
                about.before = last.about.after;
                about.marks_before = last.about.marks_after.clone();
            }
            let held: Vec<&String> = segments.iter().flat_map(|segment| &segment.about.policies).collect();
            if stream == Stream::Audit {
                about.policies = self.reader.policy_versions()?;
                about.policies.retain(|version| !held.contains(&version));
            }
            about.marks_after = Marks { names: i64::MAX, dictionaries: i64::MAX, heads: u64::MAX };
            let new = self.write(stream, about, head, SEGMENT_BYTES_MAX)?;
            shipped.entries += new.about.entries();
            let segment = put(new, shipped)?;
            progress(kind.as_str(), segment.about.to - first + 1, head - first + 1);
            segments.push(segment);
        }
        self.merge(stream, segments, now, shipped)?;
        Ok(head)
    }

    /// Whether the store still says what was shipped of it last.
    fn compare(&mut self, stream: Stream, segments: &[Segment]) -> Result<(), BackupError> {
        let Some(last) = segments.last() else { return Ok(()) };
        self.learn(stream, &last.path)?;
        self.chain.set(last.about.before);
        let mut next = last.about.from;
        while next <= last.about.to {
            let rows = self.reader.piece(stream, next, last.about.to)?;
            for row in &rows {
                self.chain.take(row, &last.path)?;
            }
            let Some(reached) = rows.last().and_then(store::truth::TruthRow::position) else { break };
            next = reached + 1;
        }
        if self.chain.at() == last.about.after { Ok(()) } else { Err(self.diverged(last)) }
    }

    fn diverged(&self, segment: &Segment) -> BackupError {
        BackupError::Diverged(format!(
            "{} in the store are not those that were backed up in {}: the store was changed, or put back to another state; if \
             that was meant, back up into a new folder",
            segment.about.words(),
            segment.path.display()
        ))
    }

    /// Names and dictionaries that came since.
    fn learn(&mut self, stream: Stream, path: &Path) -> Result<(), BackupError> {
        if stream == Stream::Audit {
            return Ok(());
        }
        for row in self.reader.names(self.learnt.names, i64::MAX)? {
            self.learnt.names = number(&row).max(self.learnt.names);
            self.chain.take(&row, path)?;
        }
        for row in self.reader.dictionaries(self.learnt.dictionaries, i64::MAX)? {
            self.learnt.dictionaries = number(&row).max(self.learnt.dictionaries);
            self.chain.take(&row, path)?;
        }
        Ok(())
    }

    /// Write a segment from where `about` says on, to `to` at most, until it is large enough.
    fn write(&mut self, stream: Stream, about: About, to: u64, bytes_max: u64) -> Result<NewSegment, BackupError> {
        let folder = self.target.of(about.kind);
        let (since, until) = (about.marks_before.clone(), about.marks_after.clone());
        self.chain.set(about.before);
        let mut new = NewSegment::begin(&folder, about, &self.key, &self.recipients)?;
        let path = new.path().to_owned();
        self.learn(stream, &path)?;
        new.about.marks_after = since.clone();
        match stream {
            Stream::Journal => {
                for row in self.reader.names(since.names, until.names)? {
                    new.about.marks_after.names = number(&row);
                    new.row(&row)?;
                }
                for row in self.reader.dictionaries(since.dictionaries, until.dictionaries)? {
                    new.about.marks_after.dictionaries = number(&row);
                    new.row(&row)?;
                }
            }
            Stream::Audit => {
                for version in new.about.policies.clone() {
                    let gone = || StoreError::Corrupt(format!("the policies of version {version} are gone"));
                    new.row(&self.reader.policy(&version)?.ok_or_else(gone)?)?;
                }
            }
        }
        // What entries settled comes after what was opened: it may be the same segment's.
        let mut settled = Vec::new();
        let mut next = new.about.from;
        while next <= to && new.about.plain < bytes_max {
            let rows = self.reader.piece(stream, next, to)?;
            for row in &rows {
                if new.about.plain >= bytes_max {
                    break;
                }
                let at = row.position().unwrap_or(0);
                if at != next {
                    return Err(StoreError::Corrupt(format!("{} entry {next} is missing", stream.as_str())).into());
                }
                self.chain.take(row, &path)?;
                new.row(row)?;
                if stream == Stream::Audit {
                    settled.extend(self.reader.settled_by(row)?);
                }
                next = at + 1;
            }
            if rows.is_empty() {
                return Err(StoreError::Corrupt(format!("{} entry {next} is missing", stream.as_str())).into());
            }
        }
        if stream == Stream::Audit {
            for row in self.reader.opened(new.about.from, new.about.to)? {
                new.row(&row)?;
            }
            settled.iter().try_for_each(|row| new.row(row))?;
            new.about.marks_after.heads = self.heads(&mut new, since.heads, until.heads)?;
        }
        new.about.after = self.chain.at();
        Ok(new)
    }

    /// Whole lines of the signed heads, from one byte up to another: those of entries that are in the segment or before it. One of
    /// an entry that came since goes with that entry, or else it would say of what is put back that its end was cut off.
    fn heads(&self, new: &mut NewSegment, from: u64, to: u64) -> Result<u64, BackupError> {
        let path = self.folder.audit_heads();
        let Ok(mut file) = File::open(&path) else { return Ok(from) };
        let size = file.metadata().map_err(target(&path))?.len();
        // Shorter than it was: somebody began it anew.
        let from = if from > size { 0 } else { from };
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(from)).map_err(target(&path))?;
        file.take(to.min(size).saturating_sub(from)).read_to_end(&mut bytes).map_err(target(&path))?;
        let whole = bytes
            .split_inclusive(|byte| *byte == b'\n')
            .take_while(|line| line.ends_with(b"\n") && number_of_head(line).is_none_or(|n| n <= new.about.to));
        let whole = whole.map(<[u8]>::len).sum();
        bytes.truncate(whole);
        if !bytes.is_empty() {
            new.blob(HEADS, &bytes)?;
        }
        Ok(from + whole as u64)
    }

    /// Make one of the last so many segments of a level, until there are fewer.
    fn merge(
        &mut self,
        stream: Stream,
        mut segments: Vec<Segment>,
        now: Timestamp,
        shipped: &mut Shipped,
    ) -> Result<(), BackupError> {
        while let Some(begin) = mergeable(&segments) {
            let merged = segments.split_off(begin);
            let (Some(first), Some(last)) = (merged.first(), merged.last()) else { return Ok(()) };
            let mut about = About::new(&self.region, &self.key, Kind::from(stream), first.about.from, now);
            about.before = first.about.before;
            about.marks_before = first.about.marks_before.clone();
            about.marks_after = last.about.marks_after.clone();
            about.level = last.about.level + 1;
            about.policies = merged.iter().flat_map(|segment| segment.about.policies.clone()).collect();
            let new = self.write(stream, about, last.about.to, u64::MAX)?;
            if new.about.after != last.about.after {
                let mut whole = last.clone();
                whole.about.from = first.about.from;
                return Err(self.diverged(&whole));
            }
            let segment = put(new, shipped)?;
            for old in &merged {
                std::fs::remove_file(&old.path).map_err(target(&old.path))?;
            }
            shipped.merged += merged.len() as u64;
            segments.push(segment);
        }
        Ok(())
    }

    fn snapshots(&self, now: Timestamp, shipped: &mut Shipped) -> Result<(), BackupError> {
        let mut rows = Vec::new();
        drafts(&self.folder, |row| {
            rows.push(Frame::Row(row));
            Ok(())
        })?;
        self.snapshot(Kind::Drafts, &rows, now, shipped)?;
        let data = self.folder.path();
        let own =
            ["audit.key", "audit.key.pub", crate::key::FILE].map(|name| (format!("data/{name}"), data.join(name)));
        let mut files = Vec::new();
        for (name, path) in own.iter().chain(&self.settings.0) {
            match std::fs::read(path) {
                Ok(bytes) => files.push(Frame::Blob { name: name.clone(), bytes }),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(target(path)(error)),
            }
        }
        self.snapshot(Kind::Settings, &files, now, shipped)
    }

    /// Make a snapshot, if this is not what the last one holds.
    fn snapshot(&self, kind: Kind, frames: &[Frame], now: Timestamp, shipped: &mut Shipped) -> Result<(), BackupError> {
        let mut content = Content::new(&self.key);
        frames.iter().try_for_each(|frame| content.take(frame))?;
        let (segments, _) = self.target.segments(kind)?;
        let last = segments.last().map(|last| &last.about);
        if last.is_some_and(|last| last.after == content.hash()) || (last.is_none() && frames.is_empty()) {
            return Ok(());
        }
        let mut about = About::new(&self.region, &self.key, kind, last.map_or(1, |last| last.from + 1), now);
        about.to = about.from;
        about.after = content.hash();
        let mut new = NewSegment::begin(&self.target.of(kind), about, &self.key, &self.recipients)?;
        for frame in frames {
            match frame {
                Frame::Row(row) => new.row(row)?,
                Frame::Blob { name, bytes } => new.blob(name, bytes)?,
            }
        }
        put(new, shipped)?;
        for old in snapshot::outdated(&segments) {
            std::fs::remove_file(&old.path).map_err(target(&old.path))?;
        }
        Ok(())
    }
}

/// The number of the entry that a line of the signed heads is of.
pub(crate) fn number_of_head(line: &[u8]) -> Option<u64> {
    std::str::from_utf8(line).ok()?.split(' ').next()?.parse().ok()
}

/// Finish a segment, and count it.
fn put(new: NewSegment, shipped: &mut Shipped) -> Result<Segment, BackupError> {
    let about = new.about.clone();
    let (path, bytes) = new.finish()?;
    shipped.bytes += bytes;
    shipped.segments += 1;
    Ok(Segment { path, about, bytes })
}

fn number(row: &store::truth::TruthRow) -> i64 {
    row.fields.first().and_then(store::truth::Field::integer).unwrap_or(0)
}

/// Where the last so many segments of one level begin, if there are so many, and they are not too large together.
fn mergeable(segments: &[Segment]) -> Option<usize> {
    let level = segments.last()?.about.level;
    let begin = segments.len().checked_sub(MERGED)?;
    let last = segments.get(begin..)?;
    let bytes: u64 = last.iter().map(|segment| segment.about.plain).sum();
    (last.iter().all(|segment| segment.about.level == level) && bytes <= MERGED_BYTES_MAX).then_some(begin)
}
