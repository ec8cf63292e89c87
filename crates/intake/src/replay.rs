//! Replaying the journal: rebuilding the derived state, and proving that it is what the journal says (invariant 2).

use crate::{apply::Applier, engine::Mappers};
use fhir::Region;
use store::{
    Alone, Comparison, Derived, Folder, Frozen, Place, StoreError,
    audit::{AuditReader, Heads},
    journal::JournalReader,
};

const CHUNK_ENTRIES_MAX: usize = 512;
const CHUNK_BYTES_MAX: usize = 4 << 20;

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

/// Replay the journal up to `last` into a new derived state at `target`. `progress` is told the position reached.
fn replay(
    folder: &Folder,
    region: &str,
    target: &Place,
    last: u64,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<u64, StoreError> {
    target.remove()?;
    let (derived, writer) = Derived::open_at(target)?;
    writer.claim_region(region)?;
    let region = Region::new(region);
    let mut journal = JournalReader::open(folder)?;
    let mut applier = Applier::new(region.clone(), derived.clone(), writer, JournalReader::open(folder)?)?;
    let mappers = Mappers::new(region, derived)?;
    let mut profiles = applier.profiles();
    let mut next = 1;
    while next <= last {
        let mut entries = journal.read(next, CHUNK_ENTRIES_MAX, CHUNK_BYTES_MAX)?;
        entries.retain(|entry| entry.pos <= last);
        let Some(reached) = entries.last().map(|entry| entry.pos) else { break };
        let generation = applier.directory_changes();
        let (mapped, entries) = mappers.map(&mut profiles, entries)?;
        journal.take_back(entries);
        applier.apply(mapped, generation)?;
        next = reached + 1;
        progress(reached, last);
    }
    applier.finish()?;
    Ok(next - 1)
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
