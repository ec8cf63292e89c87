//! The journal: every message byte for byte, and every decision that cannot be recomputed, in the order they came.
//!
//! Writers hand entries to one thread; it puts all that are waiting into one transaction, so one fsync makes many durable
//! (design §4, invariant 1), and only then answers.

mod reader;
mod room;
mod writer;

use crate::{Folder, StoreError, codec};
use crossbeam_channel::{Sender, bounded};
use jiff::Timestamp;
pub use reader::JournalReader;
pub use room::Room;
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
};
use tokio::sync::{oneshot, watch};
use writer::JournalWriter;

/// Entries waiting for the writer at most; past that, callers wait.
const QUEUE_MAX: usize = 4096;
/// Bodies up to this size go through the dictionary.
const SMALL_BODY_BYTES_MAX: usize = 16 << 10;
const DICTIONARY_SAMPLES: usize = 1500;
const DICTIONARY_BYTES: usize = 64 << 10;
/// The one dictionary group of the journal.
const GROUP: u8 = 0;

/// What an entry is. Numbers are on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum EntryKind {
    /// An HL7 v2 message, as it came.
    Hl7v2 = 1,
    /// A FHIR request; `about` says method and address.
    Fhir = 2,
    /// From here on, this is the source's profile (TOML).
    Profile = 3,
    /// Process an earlier message again, with the body given here; `about` names it.
    Resubmit = 4,
    /// Somebody decided that an earlier message needs no processing; `about` names it.
    Discard = 5,
    /// A person decided which person a patient is; `about` says it.
    Link = 6,
    /// From here on, this is the model that weighs who is who (JSON).
    Model = 7,
    /// What a person wants done with the record, told to the region itself: an objection, or its end; `about` says it.
    Consent = 8,
    /// Who is put on a caseload, or taken off it, here rather than by a source; `about` says it.
    Caseload = 9,
    /// What was decided about telling others: a team and its rules, a notice acknowledged, a subscription; `about` says it.
    Telling = 10,
    /// What somebody wrote here, rather than in a source's system: whole resources, signed; the body is a bundle of them,
    /// `about` says who wrote what, and over which versions.
    Written = 11,
}

impl EntryKind {
    /// Whether it is something a source sent, rather than something decided here.
    pub fn is_message(self) -> bool {
        matches!(self, EntryKind::Hl7v2 | EntryKind::Fhir)
    }

    fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => EntryKind::Hl7v2,
            2 => EntryKind::Fhir,
            3 => EntryKind::Profile,
            4 => EntryKind::Resubmit,
            5 => EntryKind::Discard,
            6 => EntryKind::Link,
            7 => EntryKind::Model,
            8 => EntryKind::Consent,
            9 => EntryKind::Caseload,
            10 => EntryKind::Telling,
            11 => EntryKind::Written,
            _ => return None,
        })
    }
}

/// Something to be put in the journal.
#[derive(Clone, Debug)]
pub struct NewEntry {
    /// What it is.
    pub kind: EntryKind,
    /// The source's id (`skein` for decisions made here).
    pub source: String,
    /// The feed it came on.
    pub feed: String,
    /// When it was received.
    pub received: Timestamp,
    /// What makes a repeat: for HL7 v2 the sender and MSH-10. `None`: never a repeat.
    pub ident: Option<String>,
    /// JSON, see [`EntryKind`].
    pub about: Option<String>,
    /// The bytes.
    pub body: Vec<u8>,
    /// The answer that will be given, kept so that a repeat gets the same.
    pub ack: Option<Vec<u8>>,
}

/// What became of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// On disk at this position.
    Stored {
        /// The position.
        pos: u64,
        /// The former entry that had the same identity but other bytes, if any.
        reused: Option<u64>,
    },
    /// The same bytes under the same identity were there before; nothing was stored.
    Repeat {
        /// Where it is.
        pos: u64,
        /// The answer given then.
        ack: Option<Vec<u8>>,
    },
}

/// An entry as read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its position, which is the `seq` of what follows from it.
    pub pos: u64,
    /// What it is.
    pub kind: EntryKind,
    /// The source.
    pub source: String,
    /// The feed.
    pub feed: String,
    /// When it was received.
    pub received: Timestamp,
    /// JSON, see [`EntryKind`].
    pub about: Option<String>,
    /// The bytes.
    pub body: Vec<u8>,
    /// The answer that was given.
    pub ack: Option<Vec<u8>>,
}

/// Resolves to the receipt once the entry is on disk.
pub type Promise = oneshot::Receiver<Result<Receipt, StoreError>>;

struct Append {
    entry: NewEntry,
    packed: codec::Body,
    /// Of the bytes, where a repeat would be told by them.
    digest: Option<[u8; 16]>,
    reply: oneshot::Sender<Result<Receipt, StoreError>>,
}

enum Order {
    Append(Box<Append>),
    Dictionary(Vec<u8>),
    Stop,
}

/// The journal of a region, open for appending. Clones share one writer.
#[derive(Clone)]
pub struct Journal {
    orders: Sender<Order>,
    head: watch::Receiver<u64>,
    codec: codec::Codec,
    stopped: Arc<AtomicBool>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
    samples: Arc<Samples>,
    room: Arc<watch::Sender<Option<Room>>>,
}

struct Samples {
    wanted: AtomicBool,
    kept: Mutex<Vec<Vec<u8>>>,
    seen: AtomicU64,
}

fn digest(body: &[u8]) -> [u8; 16] {
    let mut first = [0u8; 16];
    blake3::Hasher::new().update(body).finalize_xof().fill(&mut first);
    first
}

impl Journal {
    /// Open the journal of a folder, making it when new.
    pub fn open(folder: &Folder) -> Result<Self, StoreError> {
        let connection = folder.journal().open()?;
        let (codec, dictionaries) = reader::load_codec(&connection)?;
        let (head_sender, head_receiver) = watch::channel(reader::head(&connection)?);
        let (orders, inbox) = bounded(QUEUE_MAX);
        let stopped = Arc::new(AtomicBool::new(false));
        let samples = Arc::new(Samples {
            wanted: AtomicBool::new(dictionaries == 0),
            kept: Mutex::default(),
            seen: AtomicU64::new(0),
        });
        let writer = JournalWriter::new(connection, codec.clone(), stopped.clone());
        let thread = std::thread::Builder::new()
            .name("journal".into())
            .spawn(move || writer.run(&inbox, &head_sender))
            .map_err(|e| StoreError::Unusable(format!("cannot start the journal's thread: {e}")))?;
        Ok(Journal {
            orders,
            head: head_receiver,
            codec,
            stopped,
            thread: Arc::new(Mutex::new(Some(thread))),
            samples,
            room: Arc::new(watch::Sender::new(None)),
        })
    }

    /// Store an entry. Resolves when it is on disk.
    ///
    /// # Errors
    /// [`StoreError::Full`] and [`StoreError::Low`] (nothing stored, may be tried again) or [`StoreError::Stopped`].
    pub async fn append(&self, entry: NewEntry) -> Result<Receipt, StoreError> {
        self.hand_in(entry).await?.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// Hand an entry to the writer, waiting while its queue is full, and get the promise of a receipt. Entries handed in one
    /// after another are stored in that order.
    ///
    /// # Errors
    /// [`StoreError::Stopped`]; [`StoreError::Low`].
    pub async fn hand_in(&self, entry: NewEntry) -> Result<Promise, StoreError> {
        let (reply, answer) = oneshot::channel();
        let mut order = self.prepare(entry, reply)?;
        loop {
            match self.orders.try_send(order) {
                Ok(()) => return Ok(answer),
                Err(crossbeam_channel::TrySendError::Full(back)) => {
                    order = back;
                    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
                }
                Err(crossbeam_channel::TrySendError::Disconnected(_)) => return Err(stopped()),
            }
        }
    }

    /// Store an entry from a thread that may wait.
    pub fn append_blocking(&self, entry: NewEntry) -> Result<Receipt, StoreError> {
        self.enqueue(entry)?.blocking_recv().unwrap_or_else(|_| Err(stopped()))
    }

    /// Hand an entry to the writer (waiting for room in its queue) and get the promise of a receipt.
    pub fn enqueue(&self, entry: NewEntry) -> Result<Promise, StoreError> {
        let (reply, answer) = oneshot::channel();
        let order = self.prepare(entry, reply)?;
        self.orders.send(order).map_err(|_| stopped())?;
        Ok(answer)
    }

    fn prepare(
        &self,
        mut entry: NewEntry,
        reply: oneshot::Sender<Result<Receipt, StoreError>>,
    ) -> Result<Order, StoreError> {
        if self.stopped.load(Ordering::Acquire) {
            return Err(stopped());
        }
        self.may_store(&entry)?;
        let small = entry.body.len() <= SMALL_BODY_BYTES_MAX;
        if small && self.samples.wanted.load(Ordering::Relaxed) {
            self.sample(&entry.body);
        }
        let packed = self.codec.compress(if small { GROUP } else { u8::MAX }, &entry.body)?;
        let digest = entry.ident.as_ref().map(|_| digest(&entry.body));
        // Nothing but the packed bytes is needed from here on.
        entry.body = Vec::new();
        Ok(Order::Append(Box::new(Append { entry, packed, digest, reply })))
    }

    fn sample(&self, body: &[u8]) {
        let Ok(mut kept) = self.samples.kept.lock() else { return };
        kept.push(body.to_vec());
        if kept.len() >= DICTIONARY_SAMPLES && self.samples.wanted.swap(false, Ordering::Relaxed) {
            let samples = std::mem::take(&mut *kept);
            let orders = self.orders.clone();
            // Training takes a moment and nobody waits for it.
            let _ = std::thread::Builder::new().name("journal-dictionary".into()).spawn(move || {
                if let Some(bytes) = codec::train(&samples, DICTIONARY_BYTES) {
                    let _ = orders.send(Order::Dictionary(bytes));
                }
            });
        }
        self.samples.seen.fetch_add(1, Ordering::Relaxed);
    }

    /// The position of the newest durable entry, and word when it moves.
    pub fn head(&self) -> watch::Receiver<u64> {
        self.head.clone()
    }

    /// Finish what is waiting and close the file. Later appends are refused.
    pub fn close(&self) {
        let _ = self.orders.send(Order::Stop);
        let thread = self.thread.lock().ok().and_then(|mut slot| slot.take());
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

fn stopped() -> StoreError {
    StoreError::Stopped("the journal is closed".into())
}
