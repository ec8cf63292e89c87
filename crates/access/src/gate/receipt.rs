//! Entries of the audit trail on their way to disk, and who waits for them.

use super::Refusal;
use std::sync::{Arc, Mutex, PoisonError};
use store::{
    StoreError,
    audit::{Audit, NewAuditEntry},
};
use tokio::sync::{oneshot, watch};

pub(super) type Pending = oneshot::Receiver<Result<u64, StoreError>>;

/// How long a reader waits for its audit entry.
const RECORDED_SECONDS_MAX: u64 = 30;

/// One audit entry on its way to disk; several readers of one permit wait for the same.
#[derive(Debug)]
pub(super) struct Receipt {
    way: Mutex<Way>,
    done: watch::Sender<Option<Result<u64, String>>>,
}

/// How far an entry is on its way.
#[derive(Debug)]
enum Way {
    /// Not handed in: whoever waits for it does that, or it goes with others before.
    Held(Box<Held>),
    /// Handed in, and nobody waits yet.
    Pending(Pending),
    /// Handed in together with others, which have a receipt of their own.
    With(Arc<Receipt>),
    /// Somebody waits, or it is on disk.
    Awaited,
}

/// An entry that is not handed in yet.
struct Held {
    audit: Audit,
    entry: NewAuditEntry,
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Held")
    }
}

impl Receipt {
    fn on(way: Way, done: Option<Result<u64, String>>) -> Arc<Self> {
        Arc::new(Receipt { way: Mutex::new(way), done: watch::Sender::new(done) })
    }

    pub(super) fn new(pending: Pending) -> Arc<Self> {
        Receipt::on(Way::Pending(pending), None)
    }

    /// Of an entry that more will be said with: the disk is waited for once. It is handed in by whoever waits for it, or when
    /// nobody has it any more.
    pub(super) fn held(audit: Audit, entry: NewAuditEntry) -> Arc<Self> {
        Receipt::on(Way::Held(Box::new(Held { audit, entry })), None)
    }

    /// Of an entry that is on disk already.
    pub(super) fn done(number: u64) -> Arc<Self> {
        Receipt::on(Way::Awaited, Some(Ok(number)))
    }

    fn way(&self) -> std::sync::MutexGuard<'_, Way> {
        self.way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hand in the entry, if that was not done, followed by these: all are on disk or none. Gives what to wait for.
    pub(super) fn followed_by(
        self: &Arc<Self>,
        audit: &Audit,
        more: impl Iterator<Item = NewAuditEntry>,
    ) -> Result<Arc<Receipt>, StoreError> {
        let mut way = self.way();
        let own = match std::mem::replace(&mut *way, Way::Awaited) {
            Way::Held(held) => Some(held.entry),
            other => {
                *way = other;
                None
            }
        };
        let was_held = own.is_some();
        match audit.append_together(own.into_iter().chain(more).collect()) {
            Ok(pending) => {
                let written = Receipt::new(pending);
                if was_held {
                    *way = Way::With(Arc::clone(&written));
                }
                Ok(written)
            }
            Err(error) => {
                if was_held {
                    self.done.send_replace(Some(Err(error.to_string())));
                }
                Err(error)
            }
        }
    }

    pub(super) async fn wait(&self) -> Result<u64, Refusal> {
        // What is read stays under seal for so long.
        let span = tracing::info_span!(target: "skein::span", "audit");
        let (others, mine) = self.awaited();
        tracing::Instrument::instrument(others.as_deref().unwrap_or(self).written(mine), span).await
    }

    /// What is to be waited for: where it went with others, their receipt; and what comes of it, for the first who waits.
    fn awaited(&self) -> (Option<Arc<Receipt>>, Option<Pending>) {
        let mut way = self.way();
        match std::mem::replace(&mut *way, Way::Awaited) {
            Way::Held(held) => match held.audit.append(held.entry) {
                Ok(pending) => (None, Some(pending)),
                Err(error) => {
                    self.done.send_replace(Some(Err(error.to_string())));
                    (None, None)
                }
            },
            Way::Pending(pending) => (None, Some(pending)),
            Way::With(others) => {
                *way = Way::With(Arc::clone(&others));
                // They went with nobody.
                let (_, pending) = others.awaited();
                (Some(others), pending)
            }
            Way::Awaited => (None, None),
        }
    }

    async fn written(&self, mine: Option<Pending>) -> Result<u64, Refusal> {
        let refused = |why: &str| Refusal::NotRecorded(StoreError::Stopped(why.to_owned()));
        let mut done = self.done.subscribe();
        if let Some(pending) = mine {
            // Should this wait be cancelled, the sender's drop tells the others.
            let outcome = match pending.await {
                Ok(Ok(number)) => Ok(number),
                Ok(Err(error)) => Err(error.to_string()),
                Err(_) => Err("the audit is closed".to_owned()),
            };
            self.done.send_replace(Some(outcome));
        }
        let patience = std::time::Duration::from_secs(RECORDED_SECONDS_MAX);
        let outcome = tokio::time::timeout(patience, done.wait_for(Option::is_some)).await;
        match outcome {
            Ok(Ok(value)) => match value.as_ref() {
                Some(Ok(number)) => Ok(*number),
                Some(Err(why)) => Err(refused(why)),
                None => Err(refused("the audit did not answer")),
            },
            _ => Err(refused("the audit did not answer")),
        }
    }
}

impl Drop for Receipt {
    /// Whoever asked and showed nothing asked all the same.
    fn drop(&mut self) {
        let way = std::mem::replace(&mut *self.way(), Way::Awaited);
        if let Way::Held(held) = way
            && let Err(error) = held.audit.append(held.entry)
        {
            tracing::error!(%error, "that somebody looked for people, and was shown nobody, is not in the audit trail");
        }
    }
}

/// Wait until a refusal is on disk, so that none is answered unrecorded. A commit takes a few milliseconds, and refusals are
/// rare: for these alone a thread may wait.
pub(super) fn on_disk(mut pending: Pending) -> Result<(), Refusal> {
    /// Half a minute, as for everything that waits for the audit.
    const TRIES_MAX: u32 = 30_000;
    use tokio::sync::oneshot::error::TryRecvError;
    for _ in 0..TRIES_MAX {
        match pending.try_recv() {
            Ok(written) => return written.map(|_| ()).map_err(Refusal::NotRecorded),
            Err(TryRecvError::Closed) => break,
            Err(TryRecvError::Empty) => std::thread::sleep(std::time::Duration::from_millis(1)),
        }
    }
    Err(Refusal::NotRecorded(StoreError::Stopped("the audit did not answer".into())))
}
