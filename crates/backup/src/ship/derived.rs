//! The derived state beside the truth it was made of. It could be made again; of millions of people that takes hours, and days
//! after years. A part of it is shipped at a time, so that what comes in meanwhile does not wait for it.

use super::{Shipped, Shipper, put};
use crate::{
    BackupError, Progress,
    error::target,
    segment::{About, Frame, Kind, NewSegment, sync_folder},
    snapshot::Content,
};
use jiff::{SignedDuration, Timestamp};
use std::{
    fs::{File, TryLockError},
    time::{Duration, Instant},
};
use store::{DERIVED_VERSION, Pages};

/// So many are kept: the newest, and one before it for whoever wants the region as it was before that.
const KEPT: usize = 2;
/// Pages in one frame, in bytes.
const PART_BYTES: u64 = 1 << 20;
/// What a frame is called.
const NAME: &str = "derived.db";
/// Held in the data folder by the one that ships it.
const LOCK: &str = "backup-derived.lock";

/// A derived state that is on its way.
pub(super) struct Growing {
    pages: Pages,
    new: NewSegment,
    content: Content,
    _lock: File,
}

impl Shipper {
    /// Go on shipping the derived state for about so long, or begin with it where the one in the backup is older than `every`.
    /// Says whether more of it is left. In a database there is nothing to do: its own backups have it.
    ///
    /// # Errors
    /// [`BackupError::Locked`] while another process does it; the target's and the store's: what was shipped of this one is removed
    /// then, and the next begins anew.
    pub fn derived(
        &mut self,
        every: Duration,
        (now, time): (Timestamp, Duration),
        shipped: &mut Shipped,
        progress: Progress<'_>,
    ) -> Result<bool, BackupError> {
        let mut growing = match self.growing.take() {
            Some(growing) => growing,
            None => match self.begin_derived(every, now)? {
                Some(growing) => growing,
                None => return Ok(false),
            },
        };
        let begun = Instant::now();
        loop {
            let bytes = growing.pages.take(PART_BYTES)?;
            if bytes.is_empty() {
                break;
            }
            growing.new.blob(NAME, &bytes)?;
            growing.content.take(&Frame::Blob { name: NAME.to_owned(), bytes })?;
            progress("derived state", growing.pages.taken(), growing.pages.bytes());
            if begun.elapsed() >= time {
                self.growing = Some(growing);
                return Ok(true);
            }
        }
        let Growing { mut new, content, _lock, .. } = growing;
        new.about.after = content.hash();
        shipped.derived = put(new, shipped)?.about.from;
        let (segments, _) = self.target.derived()?;
        for old in segments.iter().rev().skip(KEPT) {
            std::fs::remove_file(&old.path).map_err(target(&old.path))?;
        }
        Ok(false)
    }

    fn begin_derived(&self, every: Duration, now: Timestamp) -> Result<Option<Growing>, BackupError> {
        let (segments, _) = self.target.derived()?;
        let last = segments.last().map(|last| &last.about).filter(|last| last.derived == Some(DERIVED_VERSION));
        let every = SignedDuration::try_from(every).unwrap_or(SignedDuration::MAX);
        // One of a time that is still to come was made before the clock was put right.
        if last.is_some_and(|last| last.made <= now && now.duration_since(last.made) < every) {
            return Ok(None);
        }
        let path = self.folder.path().join(LOCK);
        let lock = File::options().create(true).truncate(false).write(true).open(&path).map_err(target(&path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(BackupError::Locked(self.target.path().to_owned())),
            Err(TryLockError::Error(error)) => return Err(target(&path)(error)),
        }
        let Some(pages) = self.folder.derived().pages()? else { return Ok(None) };
        if pages.seq() == 0 || last.is_some_and(|last| last.from == pages.seq()) {
            return Ok(None);
        }
        let folder = self.target.of(Kind::Derived);
        if !folder.is_dir() {
            std::fs::create_dir(&folder).map_err(target(&folder))?;
            sync_folder(self.target.path()).map_err(target(self.target.path()))?;
        }
        crate::folder::sweep(&folder)?;
        let mut about = About::new(&self.region, &self.key, Kind::Derived, pages.seq(), now);
        about.to = about.from;
        about.derived = Some(DERIVED_VERSION);
        let new = NewSegment::begin(&folder, about, &self.key, &self.recipients)?;
        Ok(Some(Growing { pages, new, content: Content::new(&self.key), _lock: lock }))
    }
}
