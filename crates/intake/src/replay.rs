//! Replaying the journal: rebuilding the derived state, and proving that it is what the journal says (invariant 2).

use crate::{apply::Applier, engine::Mappers, mapped::Mapped};
use fhir::Region;
use std::sync::atomic::{AtomicU64, Ordering};
use store::{
    Alone, Comparison, Derived, Folder, Frozen, Place, StoreError, Undoing,
    audit::{AuditReader, Heads},
    journal::JournalReader,
};

/// Entries applied as one at most, and their bytes: more than of a region that is served, since nobody waits to see them.
const CHUNK_ENTRIES_MAX: usize = 16_384;
const CHUNK_BYTES_MAX: usize = 32 << 20;

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

/// Entries that were mapped, and what directories they were mapped by.
struct Chunk {
    mapped: Vec<Mapped>,
    directory_changes: u64,
    reached: u64,
}

/// Replay the journal up to `last` into a new derived state at `target`. `progress` is told the position reached.
fn replay(
    folder: &Folder,
    region: &str,
    target: &Place,
    last: u64,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<u64, StoreError> {
    with_a_way_back(|undoing| attempt(folder, region, (target, undoing), last, progress))
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
    (target, undoing): (&Place, Undoing),
    last: u64,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<u64, StoreError> {
    let (derived, writer) = Derived::open_anew(target, undoing)?;
    writer.claim_region(region)?;
    let region = Region::new(region);
    let mut journal = JournalReader::open(folder)?;
    let mut applier = Applier::new(region.clone(), derived.clone(), writer, JournalReader::open(folder)?)?;
    let mappers = Mappers::new(region, derived)?;
    let mut profiles = applier.profiles();
    let directory_changes = AtomicU64::new(applier.directory_changes());
    let mut map = |next: u64| {
        let mut entries = journal.read(next, CHUNK_ENTRIES_MAX, CHUNK_BYTES_MAX)?;
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
            let mut next = 1;
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
        let mut reached = 0;
        for chunk in inbox {
            let chunk = chunk?;
            applier.apply(chunk.mapped, chunk.directory_changes)?;
            directory_changes.store(applier.directory_changes(), Ordering::Release);
            reached = chunk.reached;
            progress(reached, last);
        }
        Ok::<_, StoreError>(reached)
    })?;
    applier.finish_anew()?;
    Ok(reached)
}

/// Replay the journal beside the state in use and compare the two, and walk the audit's chain. Right beside a live region
/// too: it replays up to the position reached when it began, and compares with the state as it was then.
pub fn verify(folder: &Folder, region: &str, progress: &mut dyn FnMut(u64, u64)) -> Result<Verdict, StoreError> {
    let in_use = Frozen::hold(&folder.derived())?;
    let beside = folder.derived_beside(&format!("verify-{}", std::process::id()));
    let compared = replay(folder, region, &beside, in_use.seq(), progress)
        .and_then(|entries| Ok((entries, store::compare(&in_use, &Frozen::hold(&beside)?)?)));
    beside.remove()?;
    let (entries, comparison) = compared?;
    let audit_entries = AuditReader::open(folder)?.verify(&Heads::read(folder)?.heads)?;
    Ok(Verdict { entries, audit_entries, comparison })
}

/// Make the derived state anew from the journal. The one in use is replaced only when the new one is complete.
/// The folder is held, and no process of the region applies meanwhile.
pub fn rebuild(folder: &Folder, region: &str, progress: &mut dyn FnMut(u64, u64)) -> Result<u64, StoreError> {
    if !folder.journal().exists()? {
        return Err(StoreError::Unusable(format!("there is no region in {}: no journal", folder.path().display())));
    }
    let _alone = Alone::with(folder)?;
    let last = JournalReader::open(folder)?.head()?;
    let beside = folder.derived_beside("rebuild");
    let entries = replay(folder, region, &beside, last, progress)?;
    beside.replace(&folder.derived())?;
    Ok(entries)
}
