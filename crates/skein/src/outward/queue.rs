//! One queue of what goes out: how far it has got stands in notify.db, on disk before the next is sent and only after the
//! receiver took what came before. Nothing is lost when the process ends between two steps; at most one is sent again.

use ::notify::{Failure, Notices, Queue};
use intake::listener::Clock;
use jiff::Timestamp;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// So often a queue is looked at though nothing stirs.
pub const TICK: Duration = Duration::from_secs(2);

/// What came of one try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tried {
    /// The receiver took it.
    Taken,
    /// The receiver will not take this one; the words are for the desk and name nobody.
    Refused(String),
    /// Nothing can be sent now; the words are for the desk and name nobody.
    Failed(String),
}

/// Told to stop, or the queue cannot be read.
pub enum Stopped {
    /// Somebody said so.
    Asked,
    /// The file's fault: tried again later.
    Failed(Failure),
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        Stopped::Failed(failure)
    }
}

/// A queue and what it needs.
#[derive(Clone)]
pub struct Outbox {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub notices: Notices,
    /// Reads the time.
    pub clock: Clock,
    /// Told to stop.
    pub stop: CancellationToken,
}

impl Outbox {
    /// The time now.
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Work with the file away from the threads that serve requests.
    pub async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Notices) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Stopped> {
        let notices = self.notices.clone();
        let done = tokio::task::spawn_blocking(move || work(&notices)).await;
        Ok(done.map_err(|_| Failure::Stopped("a fault in skein".into()))??)
    }

    /// How far it is.
    pub async fn standing(&self) -> Result<Queue, Stopped> {
        let name = self.name.clone();
        self.with(move |notices| notices.queue(&name)).await
    }

    /// Wait until the next may be tried, and say how far it is.
    pub async fn due(&self) -> Result<Queue, Stopped> {
        let mut stirred = self.notices.queues_stirred();
        loop {
            let queue = self.standing().await?;
            if queue.is_due(self.now()) {
                return Ok(queue);
            }
            self.rest(&mut stirred).await?;
        }
    }

    /// Wait until something changes, a little while at most.
    pub async fn rest(&self, stirred: &mut watch::Receiver<u64>) -> Result<(), Stopped> {
        tokio::select! {
            () = self.stop.cancelled() => Err(Stopped::Asked),
            () = tokio::time::sleep(TICK) => Ok(()),
            changed = stirred.changed() => match changed {
                Ok(()) => Ok(()),
                Err(_) => Err(Stopped::Asked),
            },
        }
    }

    /// Everything up to this number is done.
    pub async fn advance(&self, number: u64) -> Result<(), Stopped> {
        let name = self.name.clone();
        self.with(move |notices| notices.advance_queue(&name, number)).await
    }

    /// Note what came of trying this one. Gives whether the queue goes on at once.
    pub async fn settle(&self, number: u64, tried: Tried) -> Result<bool, Stopped> {
        let (name, now) = (self.name.clone(), self.now());
        let before = self.standing().await?;
        match tried {
            Tried::Taken => {
                self.advance(number).await?;
                if let Some(since) = before.since {
                    tracing::info!(queue = %self.name, %since, "what waited goes out again");
                }
                Ok(true)
            }
            Tried::Refused(error) => {
                tracing::error!(queue = %self.name, number, %error, "the receiver will not take one; see the deliveries desk");
                self.with(move |notices| notices.refuse_in_queue(&name, number, &error, now)).await?;
                Ok(true)
            }
            Tried::Failed(error) => {
                // The one in the way is the next, so that whoever looks at the desk sees which it is.
                self.advance(number.saturating_sub(1)).await?;
                let before = self.standing().await?;
                // Somebody skipped it meanwhile: what comes behind it has not failed.
                if before.sent >= number {
                    return Ok(true);
                }
                let failed = before.after_failure(&error, now);
                let next = failed.next.map(|next| next.to_string()).unwrap_or_default();
                if failed.parked {
                    tracing::error!(queue = %self.name, number, %error, "tried for seven days: parked until somebody says so");
                } else {
                    tracing::warn!(queue = %self.name, number, %error, attempts = failed.attempts, next, "not taken; tried again");
                }
                self.with(move |notices| notices.fail_queue(&name, &failed)).await?;
                Ok(false)
            }
        }
    }

    /// After trouble with the file: say so, and wait. Gives false when told to stop.
    pub async fn after(&self, stopped: Stopped) -> bool {
        let Stopped::Failed(failure) = stopped else { return false };
        tracing::error!(queue = %self.name, %failure, "the queue cannot be worked; tried again");
        tokio::select! {
            () = self.stop.cancelled() => false,
            () = tokio::time::sleep(TICK) => true,
        }
    }
}
