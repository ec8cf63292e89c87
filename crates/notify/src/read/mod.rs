//! Reading what is known for telling: teams and caseloads, notices, windows, boards. Keys of people and resources, times and
//! states alone: what they say is read through the gate by whoever shows it.

mod handover;
mod heard;
mod inbox;
mod lists;
mod queues;
mod requests;
mod standing;
mod subscriptions;

pub use heard::Heard;
pub use inbox::{Event, Notice, Planned, Standing, TeamNote, View};
pub use lists::{Caseload, Listed, Looked, Member, Part, Team};
pub use queues::Refused;
pub use requests::Requested;
pub(crate) use standing::Following;
pub use standing::HeldUp;
pub(crate) use subscriptions::mark;
pub use subscriptions::{Due, Mail, Queue, Subscription};

use crate::{
    Failure,
    file::{self, Readers},
    follow::Told,
};
use rusqlite::{Connection, OpenFlags};
use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use store::Derived;
use tokio::sync::{broadcast, watch};

/// What is known for telling. Clones share it.
#[derive(Clone)]
pub struct Notices {
    readers: Readers,
    /// For what is not made of the journal: how far somebody looked, how far a queue got.
    own: Arc<Mutex<Option<Connection>>>,
    path: Arc<Path>,
    derived: Derived,
    reached: watch::Receiver<u64>,
    following: watch::Receiver<Following>,
    told: broadcast::Sender<Told>,
    moved: broadcast::Sender<i64>,
    requested: broadcast::Sender<Arc<str>>,
    stirred: watch::Receiver<u64>,
    /// Changes when somebody decided about a queue.
    queues: Arc<watch::Sender<u64>>,
}

impl Notices {
    pub(crate) fn new(
        path: &Path,
        derived: Derived,
        (reached, following): (watch::Receiver<u64>, watch::Receiver<Following>),
        (told, moved, requested): (broadcast::Sender<Told>, broadcast::Sender<i64>, broadcast::Sender<Arc<str>>),
        stirred: watch::Receiver<u64>,
    ) -> Self {
        Notices {
            readers: Readers::new(path),
            own: Arc::default(),
            path: path.into(),
            derived,
            reached,
            following,
            told,
            moved,
            requested,
            stirred,
            queues: Arc::default(),
        }
    }

    /// How far the change feed was followed.
    pub fn reached(&self) -> u64 {
        *self.reached.borrow()
    }

    /// Wait until the change feed was followed up to `seq`, ten seconds at most. Gives whether it was.
    pub async fn wait(&self, seq: u64) -> bool {
        let mut reached = self.reached.clone();
        let patience = Duration::from_secs(10);
        let waited = tokio::time::timeout(patience, reached.wait_for(|reached| *reached >= seq)).await;
        matches!(waited, Ok(Ok(_)))
    }

    /// Hear of what teams are told, from now on.
    pub fn listen(&self) -> broadcast::Receiver<Told> {
        self.told.subscribe()
    }

    /// Hear of caseloads, by number, in whose windows something changes, from now on.
    pub fn listen_to_lists(&self) -> broadcast::Receiver<i64> {
        self.moved.subscribe()
    }

    /// Hear of organisations, by their codes in capitals, whose requests change, from now on.
    pub fn listen_to_requests(&self) -> broadcast::Receiver<Arc<str>> {
        self.requested.subscribe()
    }

    /// Changes whenever a subscription may have something new.
    pub fn stirred(&self) -> watch::Receiver<u64> {
        self.stirred.clone()
    }

    /// Changes whenever more of the change feed was followed.
    pub fn followed(&self) -> watch::Receiver<u64> {
        self.reached.clone()
    }

    /// Changes whenever somebody decided about a queue: whoever sends looks again.
    pub fn queues_stirred(&self) -> watch::Receiver<u64> {
        self.queues.subscribe()
    }

    pub(crate) fn stir_queues(&self) {
        self.queues.send_modify(|count| *count += 1);
    }

    /// How far the file itself says the change feed was followed.
    ///
    /// # Errors
    /// The file's.
    pub fn written(&self) -> Result<u64, Failure> {
        self.readers.read(file::reached)
    }

    fn own<T>(&self, work: impl FnOnce(&Connection) -> Result<T, Failure>) -> Result<T, Failure> {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if own.is_none() {
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags(&*self.path, flags)?;
            connection.busy_timeout(Duration::from_secs(10))?;
            // What was delivered is known nowhere else: a crash must not forget it more often than it can.
            connection.pragma_update(None, "synchronous", "FULL")?;
            *own = Some(connection);
        }
        match own.as_ref() {
            Some(connection) => work(connection),
            None => Err(Failure::Stopped("notify.db is closed".into())),
        }
    }
}
