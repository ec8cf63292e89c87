//! Replaying the journal: rebuilding the derived state, and proving that it is what the journal says (invariant 2).

use crate::{apply::Applier, engine::Mappers, mapped::Mapped};
use fhir::Region;
use std::{
    ops::ControlFlow,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, UNIX_EPOCH},
};
use store::{
    Alone, Comparison, Derived, Folder, Frozen, Place, StoreError, Undoing, Writer,
    audit::{AuditReader, Heads},
    journal::JournalReader,
};

/// Entries applied as one at most, and their bytes: more than of a region that is served, since nobody waits to see them.
const CHUNK_ENTRIES_MAX: usize = 16_384;
const CHUNK_BYTES_MAX: usize = 32 << 20;
/// What nobody has written for so long is nobody's any more.
const LEFT_ALONE: Duration = Duration::from_secs(3600);

/// What `verify` found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Journal entries replayed.
    pub entries: u64,
    /// Entries of the audit, whose chain is whole.
    pub audit_entries: u64,
    /// How the replayed state compares with the one in use.
    pub comparison: Comparison,
}

/// How far a replay came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// The position at which it began: that of what it went on with, or 0.
    pub from: u64,
    /// The position reached.
    pub reached: u64,
    /// Whether that is all of the journal. What is not whole waits to be gone on with.
    pub whole: bool,
}

/// What is told how far a replay is, and of how much, and says whether to go on.
pub type Telling<'p> = dyn FnMut(u64, u64) -> ControlFlow<()> + 'p;

/// Entries that were mapped, and what directories they were mapped by.
struct Chunk {
    mapped: Vec<Mapped>,
    directory_changes: u64,
    reached: u64,
}

/// What of the journal is replayed, and how.
#[derive(Clone, Copy)]
struct Asked {
    last: u64,
    /// Entries applied as one at most.
    chunk: usize,
    /// On from where this program stopped at another time, if it did; else all of it.
    go_on: bool,
    /// Into a derived state that is made anew, and is of use only when it is whole; else into one that is.
    anew: bool,
}

/// Replay the journal into a new derived state at `target`. `progress` is told the position reached.
fn replay(
    folder: &Folder,
    region: &str,
    target: &Place,
    asked: Asked,
    progress: &mut Telling<'_>,
) -> Result<Replayed, StoreError> {
    let by = program();
    let named = |undoing| format!("{} {undoing:?}", by.as_deref().unwrap_or_default());
    let begun = |undoing| {
        // Nothing is gone on with where it cannot be known which program this is; and a journal that was put back to an earlier
        // moment has not what was begun.
        let found = match asked.go_on && by.is_some() {
            true => Derived::go_on_anew(target, undoing, &named(undoing))?,
            false => None,
        };
        match found {
            Some((derived, writer)) if writer.applied()? <= asked.last => Ok(Some((derived, writer))),
            _ => Ok::<_, StoreError>(None),
        }
    };
    if let Some(begun) = begun(Undoing::Kept)? {
        return attempt(folder, region, begun, asked, progress);
    }
    with_a_way_back(|undoing| {
        let begun = match begun(undoing)? {
            Some(begun) => begun,
            None => Derived::open_anew(target, undoing, &named(undoing))?,
        };
        attempt(folder, region, begun, asked, progress)
    })
}

/// Which program this is: another one may make another state of the same journal.
fn program() -> Option<String> {
    let file = std::env::current_exe().and_then(std::fs::metadata).ok()?;
    let changed = file.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(format!("{} {}", file.len(), changed.as_nanos()))
}

/// Something made anew: without what undoes its batches, and again with it where one has to be undone.
pub(crate) fn with_a_way_back<T>(mut made: impl FnMut(Undoing) -> Result<T, StoreError>) -> Result<T, StoreError> {
    match made(Undoing::Not) {
        Err(StoreError::NoWayBack) => {
            tracing::warn!("a message breaks by a fault of skein's own: all is made again so that it can be parked");
            made(Undoing::Kept)
        }
        done => done,
    }
}

/// While one part is applied the next is read and mapped.
fn attempt(
    folder: &Folder,
    region: &str,
    (derived, writer): (Derived, Writer),
    Asked { last, chunk, anew, .. }: Asked,
    progress: &mut Telling<'_>,
) -> Result<Replayed, StoreError> {
    writer.claim_region(region)?;
    let from = writer.applied()?;
    if progress(from, last).is_break() {
        return Ok(Replayed { from, reached: from, whole: false });
    }
    let region = Region::new(region);
    let mut journal = JournalReader::open(folder)?;
    let mut applier = Applier::new(region.clone(), derived.clone(), writer, JournalReader::open(folder)?)?;
    applier.people().alone();
    let mappers = Mappers::new(region, derived)?;
    let mut profiles = applier.profiles();
    let directory_changes = AtomicU64::new(applier.directory_changes());
    let mut map = |next: u64| {
        let mut entries = journal.read(next, chunk, CHUNK_BYTES_MAX)?;
        entries.retain(|entry| entry.pos <= last);
        let Some(reached) = entries.last().map(|entry| entry.pos) else { return Ok(None) };
        let directory_changes = directory_changes.load(Ordering::Acquire);
        let (mapped, entries) = mappers.map(&mut profiles, entries)?;
        journal.take_back(entries);
        Ok(Some(Chunk { mapped, directory_changes, reached }))
    };
    let reached = std::thread::scope(|scope| {
        let (chunks, inbox) = crossbeam_channel::bounded(1);
        scope.spawn(move || {
            let mut next = from + 1;
            while next <= last {
                let chunk: Option<Result<Chunk, StoreError>> = map(next).transpose();
                let Some(chunk) = chunk else { return };
                next = chunk.as_ref().map_or(u64::MAX, |chunk| chunk.reached + 1);
                // Nobody takes it where applying has failed.
                if chunks.send(chunk).is_err() {
                    return;
                }
            }
        });
        let mut reached = from;
        for chunk in inbox {
            let chunk = chunk?;
            applier.apply(chunk.mapped, chunk.directory_changes)?;
            directory_changes.store(applier.directory_changes(), Ordering::Release);
            reached = chunk.reached;
            if progress(reached, last).is_break() {
                return Ok(Replayed { from, reached, whole: false });
            }
        }
        Ok::<_, StoreError>(Replayed { from, reached, whole: true })
    })?;
    if reached.whole && anew {
        applier.finish_anew()?;
    }
    Ok(reached)
}

/// Replay the journal beside the state in use and compare the two, and walk the audit's chain. Right beside a live region
/// too: it replays up to the position reached when it began, and compares with the state as it was then.
pub fn verify(folder: &Folder, region: &str, told: &mut dyn FnMut(u64, u64)) -> Result<Verdict, StoreError> {
    let in_use = Frozen::hold(&folder.derived())?;
    // Of one that was ended in the midst of it.
    folder.sweep_beside("verify-", |process, file| {
        process.parse::<u32>().is_ok_and(|process| !is_running(process))
            // One that runs where processes have other numbers, in another container, writes every few seconds.
            && file.modified().is_ok_and(|changed| changed.elapsed().is_ok_and(|since| since > LEFT_ALONE))
    })?;
    let beside = folder.derived_beside(&format!("verify-{}", std::process::id()));
    let mut progress = |reached, last| {
        told(reached, last);
        ControlFlow::Continue(())
    };
    let asked = Asked { last: in_use.seq(), chunk: CHUNK_ENTRIES_MAX, go_on: false, anew: true };
    let compared = replay(folder, region, &beside, asked, &mut progress)
        .and_then(|replayed| Ok((replayed.reached, store::compare(&in_use, &Frozen::hold(&beside)?)?)));
    beside.remove()?;
    let (entries, comparison) = compared?;
    let audit_entries = AuditReader::open(folder)?.verify(&Heads::read(folder)?.heads)?;
    Ok(Verdict { entries, audit_entries, comparison })
}

/// Whether there is a process of this number; where that cannot be known, yes.
fn is_running(process: u32) -> bool {
    let processes = std::path::Path::new("/proc");
    !processes.join("self").exists() || processes.join(process.to_string()).exists()
}

/// Make the derived state anew from the journal. The one in use is replaced only when the new one is complete; what was begun is
/// gone on with, by the same program, where it was told to stop or was ended between two batches.
/// The folder is held, and no process of the region applies meanwhile.
pub fn rebuild(folder: &Folder, region: &str, progress: &mut Telling<'_>) -> Result<Replayed, StoreError> {
    rebuild_by(CHUNK_ENTRIES_MAX, folder, region, progress)
}

/// Apply what the journal has beyond a derived state that was put back from a backup.
/// The folder is held, and no process of the region applies meanwhile.
pub fn catch_up(folder: &Folder, region: &str, progress: &mut Telling<'_>) -> Result<Replayed, StoreError> {
    let _alone = Alone::with(folder)?;
    let last = JournalReader::open(folder)?.head()?;
    let asked = Asked { last, chunk: CHUNK_ENTRIES_MAX, go_on: true, anew: false };
    attempt(folder, region, Derived::open(folder)?, asked, progress)
}

fn rebuild_by(chunk: usize, folder: &Folder, region: &str, progress: &mut Telling<'_>) -> Result<Replayed, StoreError> {
    if !folder.journal().exists()? {
        return Err(StoreError::Unusable(format!("there is no region in {}: no journal", folder.path().display())));
    }
    let _alone = Alone::with(folder)?;
    let last = JournalReader::open(folder)?.head()?;
    let beside = folder.derived_beside("rebuild");
    let replayed = replay(folder, region, &beside, Asked { last, chunk, go_on: true, anew: true }, progress)?;
    if replayed.whole {
        beside.replace(&folder.derived())?;
    }
    Ok(replayed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rebuild_that_was_told_to_stop_goes_on_there_and_comes_to_the_same() {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::hold(home.path()).unwrap();
        crate::apply::tests::journal(&folder);
        let on = |_, _| ControlFlow::Continue(());
        let stopped = rebuild_by(2, &folder, "test", &mut |reached, _| match reached {
            0..4 => ControlFlow::Continue(()),
            _ => ControlFlow::Break(()),
        });
        assert_eq!(stopped.unwrap(), Replayed { from: 0, reached: 4, whole: false });
        assert!(!folder.derived().exists().unwrap(), "a part takes nobody's place");
        let whole = rebuild_by(2, &folder, "test", &mut { on }).unwrap();
        assert_eq!(whole, Replayed { from: 4, reached: 7, whole: true });
        assert!(!folder.derived_beside("rebuild").exists().unwrap());

        let once = folder.derived_beside("once");
        let asked = Asked { last: 7, chunk: 100, go_on: false, anew: true };
        let replayed = replay(&folder, "test", &once, asked, &mut { on }).unwrap();
        assert_eq!(replayed, Replayed { from: 0, reached: 7, whole: true });
        let frozen = |place: &Place| Frozen::hold(place).unwrap();
        let Comparison { differences, examples, rows } =
            store::compare(&frozen(&folder.derived()), &frozen(&once)).unwrap();
        assert_eq!((differences, examples), (0, Vec::new()));
        assert!(rows > 10, "{rows}");
        // What was whole is not gone on with: it is made anew.
        assert_eq!(rebuild_by(2, &folder, "test", &mut { on }).unwrap().from, 0);
    }

    /// A journal that was put back to an earlier moment has not what was begun.
    #[test]
    fn what_was_begun_of_a_longer_journal_is_begun_again() {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::hold(home.path()).unwrap();
        crate::apply::tests::journal(&folder);
        let target = folder.derived_beside("rebuild");
        let asked = Asked { last: 7, chunk: 2, go_on: true, anew: true };
        let begun = replay(&folder, "test", &target, asked, &mut |reached, _| match reached {
            0..6 => ControlFlow::Continue(()),
            _ => ControlFlow::Break(()),
        });
        assert_eq!(begun.unwrap().reached, 6);
        let on = &mut |_, _| ControlFlow::Continue(());
        let shorter = Asked { last: 5, ..asked };
        let whole = Replayed { from: 0, reached: 5, whole: true };
        assert_eq!(replay(&folder, "test", &target, shorter, on).unwrap(), whole);
    }
}
