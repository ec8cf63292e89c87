//! The journal: every message byte for byte, and every decision that cannot be recomputed, in the order they came.
//!
//! Writers hand entries to one thread; it puts all that are waiting into one transaction, so one fsync makes many durable
//! (design §4, invariant 1), and only then answers.

use crate::{Folder, StoreError, codec, schema};
use crossbeam_channel::{Receiver, Sender, bounded};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
};
use tokio::sync::{oneshot, watch};

/// Entries put under one fsync at most.
const BATCH_ENTRIES_MAX: usize = 1024;
/// Bytes put under one fsync at most.
const BATCH_BYTES_MAX: usize = 32 << 20;
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

fn ident_hash(source: &str, ident: &str) -> i64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(source.as_bytes()).update(&[0]).update(ident.as_bytes());
    let mut first = [0u8; 8];
    hasher.finalize_xof().fill(&mut first);
    i64::from_le_bytes(first)
}

impl Journal {
    /// Open the journal of a folder, making it when new.
    pub fn open(folder: &Folder) -> Result<Self, StoreError> {
        let connection = schema::open(&folder.journal(), true, 8 << 10)?;
        schema::prepare(&connection, "journal", schema::JOURNAL, schema::JOURNAL_VERSION)?;
        // The journal is checkpointed by its own thread between batches, so that no sender waits for it longer than it must.
        connection.pragma_update(None, "wal_autocheckpoint", 2000)?;
        let codec = load_codec(&connection)?;
        let head: Option<i64> = connection.query_row("SELECT max(pos) FROM entry", [], |row| row.get(0))?;
        let (head_sender, head_receiver) = watch::channel(head.unwrap_or(0).cast_unsigned());
        let (orders, inbox) = bounded(QUEUE_MAX);
        let stopped = Arc::new(AtomicBool::new(false));
        let has_dictionary: bool = connection.query_row("SELECT count(*) > 0 FROM dictionary", [], |row| row.get(0))?;
        let samples = Arc::new(Samples {
            wanted: AtomicBool::new(!has_dictionary),
            kept: Mutex::default(),
            seen: AtomicU64::new(0),
        });
        let writer =
            JournalWriter { connection, names: HashMap::new(), codec: codec.clone(), stopped: stopped.clone() };
        let thread = std::thread::Builder::new()
            .name("journal".into())
            .spawn(move || writer.run(&inbox, &head_sender))
            .map_err(|e| StoreError::Unusable(format!("cannot start the journal's thread: {e}")))?;
        Ok(Journal { orders, head: head_receiver, codec, stopped, thread: Arc::new(Mutex::new(Some(thread))), samples })
    }

    /// Store an entry. Resolves when it is on disk.
    ///
    /// # Errors
    /// [`StoreError::Full`] (nothing stored, may be tried again) or [`StoreError::Stopped`].
    pub async fn append(&self, entry: NewEntry) -> Result<Receipt, StoreError> {
        self.hand_in(entry).await?.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// Hand an entry to the writer, waiting while its queue is full, and get the promise of a receipt. Entries handed in one
    /// after another are stored in that order.
    ///
    /// # Errors
    /// [`StoreError::Stopped`].
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

fn load_codec(connection: &Connection) -> Result<codec::Codec, StoreError> {
    let codec = codec::Codec::default();
    let mut statement = connection.prepare("SELECT id, bytes FROM dictionary ORDER BY id")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        codec.learn(row.get(0)?, GROUP, row.get_ref(1)?.as_blob().unwrap_or_default())?;
    }
    Ok(codec)
}

struct JournalWriter {
    connection: Connection,
    names: HashMap<String, i64>,
    codec: codec::Codec,
    stopped: Arc<AtomicBool>,
}

impl JournalWriter {
    fn run(mut self, inbox: &Receiver<Order>, head: &watch::Sender<u64>) {
        let mut stopping = false;
        while !stopping {
            let Ok(first) = inbox.recv() else { break };
            let mut batch: Vec<Append> = Vec::new();
            let mut bytes = 0usize;
            let mut next = Some(first);
            while let Some(order) = next.take() {
                match order {
                    Order::Append(append) => {
                        bytes += append.packed.bytes.len();
                        batch.push(*append);
                    }
                    Order::Dictionary(dictionary) => {
                        if let Err(error) = self.add_dictionary(&dictionary) {
                            tracing::warn!(%error, "the journal's dictionary was not kept");
                        }
                    }
                    Order::Stop => stopping = true,
                }
                if batch.len() < BATCH_ENTRIES_MAX && bytes < BATCH_BYTES_MAX {
                    next = inbox.try_recv().ok();
                }
            }
            if batch.is_empty() {
                continue;
            }
            if self.stopped.load(Ordering::Acquire) {
                for append in batch {
                    let _ = append.reply.send(Err(stopped()));
                }
                continue;
            }
            match self.write(&batch) {
                Ok((receipts, newest)) => {
                    if let Some(newest) = newest {
                        head.send_replace(newest);
                    }
                    for (append, receipt) in batch.into_iter().zip(receipts) {
                        let _ = append.reply.send(Ok(receipt));
                    }
                }
                Err(error) => {
                    let _ = self.connection.execute_batch("ROLLBACK");
                    if matches!(error, StoreError::Stopped(_) | StoreError::Corrupt(_)) {
                        // After a failed fsync nobody knows what is on disk (design §4.1): acknowledge nothing more.
                        self.stopped.store(true, Ordering::Release);
                        tracing::error!(%error, "the journal has stopped: nothing more is acknowledged until a restart");
                    } else {
                        tracing::debug!(%error, entries = batch.len(), "the journal refused a batch");
                    }
                    for append in batch {
                        let _ = append.reply.send(Err(error.duplicate()));
                    }
                }
            }
        }
        let _ = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    }

    fn add_dictionary(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.connection.execute("INSERT INTO dictionary (bytes) VALUES (?1)", [bytes])?;
        let id = u32::try_from(self.connection.last_insert_rowid()).unwrap_or(u32::MAX);
        self.codec.learn(id, GROUP, bytes)
    }

    fn name(&mut self, text: &str) -> Result<i64, StoreError> {
        if let Some(id) = self.names.get(text) {
            return Ok(*id);
        }
        self.connection.execute("INSERT OR IGNORE INTO name (text) VALUES (?1)", [text])?;
        let id = self.connection.query_row("SELECT id FROM name WHERE text = ?1", [text], |row| row.get(0))?;
        Ok(id)
    }

    fn write(&mut self, batch: &[Append]) -> Result<(Vec<Receipt>, Option<u64>), StoreError> {
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        let mut receipts = Vec::with_capacity(batch.len());
        let mut newest = None;
        let mut learnt = Vec::new();
        for append in batch {
            let entry = &append.entry;
            let ident = entry.ident.as_deref().map(|ident| ident_hash(&entry.source, ident));
            let mut reused = None;
            if let (Some(ident), Some(digest)) = (ident, &append.digest)
                && let Some(repeat) = self.find_repeat(ident, digest, &mut reused)?
            {
                receipts.push(repeat);
                continue;
            }
            let source = self.name(&entry.source)?;
            let feed = self.name(&entry.feed)?;
            learnt.push((entry.source.clone(), source));
            learnt.push((entry.feed.clone(), feed));
            let mut insert = self.connection.prepare_cached(
                "INSERT INTO entry (kind, source, feed, received, ident, digest, about, ack, dictionary, body)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?;
            insert.execute(params![
                entry.kind as u8,
                source,
                feed,
                entry.received.as_microsecond(),
                ident,
                append.digest.as_ref().map(<[u8; 16]>::as_slice),
                entry.about.clone().or_else(|| reused.map(|pos| format!("{{\"reused\":{pos}}}"))),
                entry.ack,
                append.packed.dictionary,
                append.packed.bytes
            ])?;
            let pos = self.connection.last_insert_rowid().cast_unsigned();
            newest = Some(pos);
            receipts.push(Receipt::Stored { pos, reused });
        }
        self.connection.execute_batch("COMMIT")?;
        // Only now are the numbers of new names certain to be on disk.
        self.names.extend(learnt);
        Ok((receipts, newest))
    }

    fn find_repeat(
        &self,
        ident: i64,
        digest: &[u8; 16],
        reused: &mut Option<u64>,
    ) -> Result<Option<Receipt>, StoreError> {
        let mut find =
            self.connection.prepare_cached("SELECT pos, digest, ack FROM entry WHERE ident = ?1 ORDER BY pos")?;
        let mut rows = find.query([ident])?;
        while let Some(row) = rows.next()? {
            let pos: i64 = row.get(0)?;
            if row.get_ref(1)?.as_blob_or_null().ok().flatten() == Some(digest.as_slice()) {
                return Ok(Some(Receipt::Repeat { pos: pos.cast_unsigned(), ack: row.get(2)? }));
            }
            *reused = Some(pos.cast_unsigned());
        }
        Ok(None)
    }
}

/// A reader of the journal, with its own connection.
pub struct JournalReader {
    connection: Connection,
    codec: codec::Codec,
    dictionaries_known: i64,
    names: HashMap<i64, String>,
    /// Memory of bodies that were read before, for the next.
    spare: Vec<Vec<u8>>,
}

/// Bodies whose memory is kept for the next ones: it would be given back to the system and asked for again each time.
const SPARE_MAX: usize = 3;
/// Bodies packed to less than this are not worth one of them.
const LARGE_PACKED_BYTES: usize = 4 << 10;
/// Smaller memory than this is not worth keeping, larger too much.
const SPARE_BYTES: std::ops::RangeInclusive<usize> = 64 << 10..=4 << 20;

impl JournalReader {
    /// Open for reading.
    pub fn open(folder: &Folder) -> Result<Self, StoreError> {
        let connection = schema::open_for_reading(&folder.journal(), 2 << 10)?;
        let codec = load_codec(&connection)?;
        let dictionaries_known = connection.query_row("SELECT count(*) FROM dictionary", [], |row| row.get(0))?;
        Ok(JournalReader { connection, codec, dictionaries_known, names: HashMap::new(), spare: Vec::new() })
    }

    /// Take back entries that are no longer needed, for the memory of their bodies.
    pub fn take_back(&mut self, entries: Vec<Entry>) {
        let bodies = entries.into_iter().map(|entry| entry.body);
        self.spare.extend(bodies.filter(|body| SPARE_BYTES.contains(&body.capacity())));
        self.spare.truncate(SPARE_MAX);
    }

    /// The newest position, also as other processes have moved it.
    pub fn head(&self) -> Result<u64, StoreError> {
        let head: Option<i64> =
            self.connection.prepare_cached("SELECT max(pos) FROM entry")?.query_row([], |row| row.get(0))?;
        Ok(head.unwrap_or(0).cast_unsigned())
    }

    /// Up to `entries_max` entries (at least one, if there is any) from `from` on, until their bodies reach `bytes_max`.
    pub fn read(&mut self, from: u64, entries_max: usize, bytes_max: usize) -> Result<Vec<Entry>, StoreError> {
        self.refresh()?;
        let mut found: Vec<(Entry, i64, i64)> = Vec::new();
        {
            let mut statement = self.connection.prepare_cached(
                "SELECT pos, kind, source, feed, received, about, ack, dictionary, body FROM entry WHERE pos >= ?1 ORDER BY pos LIMIT ?2",
            )?;
            let mut rows =
                statement.query(params![from.cast_signed(), i64::try_from(entries_max).unwrap_or(i64::MAX)])?;
            let mut bytes = 0usize;
            while let Some(row) = rows.next()? {
                let kind: u8 = row.get(1)?;
                let packed = row.get_ref(8)?.as_blob().unwrap_or_default();
                let large = packed.len() >= LARGE_PACKED_BYTES;
                let mut body = if large { self.spare.pop().unwrap_or_default() } else { Vec::new() };
                self.codec.decompress_to(row.get(7)?, packed, &mut body)?;
                bytes += body.len();
                let entry = Entry {
                    pos: row.get::<_, i64>(0)?.cast_unsigned(),
                    kind: EntryKind::from_code(kind)
                        .ok_or_else(|| StoreError::Corrupt(format!("journal entry of unknown kind {kind}")))?,
                    source: String::new(),
                    feed: String::new(),
                    received: Timestamp::from_microsecond(row.get(4)?)
                        .map_err(|e| StoreError::Corrupt(format!("journal time: {e}")))?,
                    about: row.get(5)?,
                    ack: row.get(6)?,
                    body,
                };
                found.push((entry, row.get(2)?, row.get(3)?));
                if bytes >= bytes_max {
                    break;
                }
            }
        }
        let mut entries = Vec::with_capacity(found.len());
        for (mut entry, source, feed) in found {
            entry.source = self.name(source)?;
            entry.feed = self.name(feed)?;
            entries.push(entry);
        }
        Ok(entries)
    }

    /// One entry.
    pub fn entry(&mut self, pos: u64) -> Result<Option<Entry>, StoreError> {
        Ok(self.read(pos, 1, usize::MAX)?.into_iter().next().filter(|entry| entry.pos == pos))
    }

    fn refresh(&mut self) -> Result<(), StoreError> {
        let known: i64 =
            self.connection.prepare_cached("SELECT count(*) FROM dictionary")?.query_row([], |row| row.get(0))?;
        if known != self.dictionaries_known {
            self.codec = load_codec(&self.connection)?;
            self.dictionaries_known = known;
        }
        Ok(())
    }

    fn name(&mut self, id: i64) -> Result<String, StoreError> {
        if let Some(text) = self.names.get(&id) {
            return Ok(text.clone());
        }
        let text: Option<String> =
            self.connection.query_row("SELECT text FROM name WHERE id = ?1", [id], |row| row.get(0)).optional()?;
        let text = text.ok_or_else(|| StoreError::Corrupt(format!("journal name {id} is missing")))?;
        self.names.insert(id, text.clone());
        Ok(text)
    }
}

impl JournalReader {
    /// The newest identity model, as JSON.
    pub fn model(&mut self) -> Result<Option<String>, StoreError> {
        let pos: Option<i64> = self
            .connection
            .prepare_cached("SELECT max(pos) FROM entry WHERE kind = 7 AND kind > 2")?
            .query_row([], |row| row.get(0))?;
        let Some(pos) = pos else { return Ok(None) };
        Ok(self.entry(pos.cast_unsigned())?.map(|entry| String::from_utf8_lossy(&entry.body).into_owned()))
    }

    /// The newest profile of every source, as TOML.
    pub fn profiles(&mut self) -> Result<Vec<(String, String)>, StoreError> {
        let positions: Vec<i64> = self
            .connection
            .prepare_cached("SELECT max(pos) FROM entry WHERE kind = 3 AND kind > 2 GROUP BY source")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        let mut profiles = Vec::new();
        for pos in positions {
            if let Some(entry) = self.entry(pos.cast_unsigned())? {
                profiles.push((entry.source, String::from_utf8_lossy(&entry.body).into_owned()));
            }
        }
        Ok(profiles)
    }
}
