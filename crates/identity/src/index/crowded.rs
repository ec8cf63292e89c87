//! Keys that too many share, as far as they were met: which they are has not to be found out again by counting, each time somebody
//! with the most common name comes.

use std::sync::atomic::{AtomicU64, Ordering};

/// Keys remembered at most, a power of two.
const PLACES: usize = 1 << 16;

/// The keys. Whoever comes makes a block no smaller, so that a key is forgotten only when somebody who has it goes, or another takes
/// its place.
#[derive(Debug)]
pub(super) struct Crowded {
    keys: Box<[AtomicU64]>,
    /// How often somebody went.
    gone: AtomicU64,
}

impl Default for Crowded {
    fn default() -> Self {
        Crowded { keys: (0..PLACES).map(|_| AtomicU64::new(0)).collect(), gone: AtomicU64::new(0) }
    }
}

impl Crowded {
    fn place(&self, key: u64) -> Option<&AtomicU64> {
        self.keys.get(usize::try_from(key >> 32).unwrap_or(0) & (PLACES - 1))
    }

    /// Whether too many have it.
    pub(super) fn has(&self, key: u64) -> bool {
        key != 0 && self.place(key).is_some_and(|place| place.load(Ordering::SeqCst) == key)
    }

    /// To be asked before a block is counted, and given to [`Crowded::put`] after it.
    pub(super) fn looking(&self) -> u64 {
        self.gone.load(Ordering::SeqCst)
    }

    /// Too many had it. Nothing is remembered where somebody went since one began to look: whoever takes people out forgets their
    /// keys after saying so, and so does not miss what was remembered before.
    pub(super) fn put(&self, key: u64, seen: u64) {
        let Some(place) = self.place(key) else { return };
        place.store(key, Ordering::SeqCst);
        if self.looking() != seen {
            place.store(0, Ordering::SeqCst);
        }
    }

    /// Somebody went, whose keys are removed next.
    pub(super) fn gone(&self) {
        self.gone.fetch_add(1, Ordering::SeqCst);
    }

    /// Somebody who has it went.
    pub(super) fn remove(&self, key: u64) {
        if let Some(place) = self.place(key).filter(|place| place.load(Ordering::SeqCst) == key) {
            place.store(0, Ordering::SeqCst);
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.keys.len() * 8
    }
}
