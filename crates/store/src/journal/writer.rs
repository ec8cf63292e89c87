//! The journal's one thread: it stores what is waiting, together, and answers when it is durable.

use super::{
    Append, Order, Receipt,
    reader::{HEAD, head},
    stopped,
};
use crate::{
    StoreError,
    backend::{Connection, values},
    codec,
    journal::GROUP,
};
use crossbeam_channel::Receiver;
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::sync::watch;

/// Entries put under one fsync at most.
const BATCH_ENTRIES_MAX: usize = 1024;
/// Bytes put under one fsync at most.
const BATCH_BYTES_MAX: usize = 32 << 20;

pub(super) struct JournalWriter {
    connection: Connection,
    names: HashMap<String, i64>,
    codec: codec::Codec,
    stopped: Arc<AtomicBool>,
    /// The newest entry that was acknowledged here.
    newest: u64,
}

/// Entries of one identity, oldest first: where each is, and the digest of its bytes.
type Known = HashMap<i64, Vec<(u64, Option<[u8; 16]>)>>;

/// What a batch came to.
struct Written {
    receipts: Vec<Receipt>,
    newest: Option<u64>,
    learnt: Vec<(String, i64)>,
}

impl JournalWriter {
    pub fn new(connection: Connection, codec: codec::Codec, stopped: Arc<AtomicBool>) -> Self {
        JournalWriter { connection, names: HashMap::new(), codec, stopped, newest: 0 }
    }

    pub fn run(mut self, inbox: &Receiver<Order>, head: &watch::Sender<u64>) {
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
            // Of all that one fsync makes durable.
            let span = tracing::info_span!(
                target: "skein::span",
                parent: None,
                "journal.write",
                skein.entries = batch.len(),
                skein.bytes = bytes,
                skein.position.first = tracing::field::Empty,
                skein.position.last = tracing::field::Empty,
                failed = tracing::field::Empty,
            );
            let written = span.in_scope(|| self.write(&batch));
            match &written {
                Ok((receipts, Some(newest))) => {
                    let first = receipts.iter().find_map(|receipt| match receipt {
                        Receipt::Stored { pos, .. } => Some(*pos),
                        Receipt::Repeat { .. } => None,
                    });
                    span.record("skein.position.first", first).record("skein.position.last", *newest);
                }
                // Only what was there already.
                Ok((_, None)) => {}
                Err(_) => {
                    span.record("failed", true);
                }
            }
            drop(span);
            match written {
                Ok((receipts, newest)) => {
                    if let Some(newest) = newest {
                        head.send_replace(newest);
                    }
                    for (append, receipt) in batch.into_iter().zip(receipts) {
                        let _ = append.reply.send(Ok(receipt));
                    }
                }
                Err(error) => {
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
        let _ = self.connection.settle();
    }

    fn add_dictionary(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let id = self.connection.transact(|connection| {
            connection.only(
                "INSERT INTO dictionary (id, bytes) SELECT COALESCE(MAX(id), 0) + 1, ?1 FROM dictionary RETURNING id",
                values![bytes],
                |row| row.get(0),
            )
        })?;
        self.codec.learn(id, GROUP, bytes)
    }

    fn write(&mut self, batch: &[Append]) -> Result<(Vec<Receipt>, Option<u64>), StoreError> {
        let (names, acknowledged) = (&self.names, self.newest);
        let idents: Vec<Option<i64>> = batch
            .iter()
            .map(|append| append.entry.ident.as_deref().map(|ident| ident_hash(&append.entry.source, ident)))
            .collect();
        let written = self.connection.transact(|connection| {
            // Asked together: meanwhile no other process writes.
            connection.expect(HEAD, &[])?;
            let known = known(connection, idents.iter().flatten())?;
            let head = head(connection)?;
            if head < acknowledged {
                return Err(StoreError::Stopped(format!(
                    "the journal ends at entry {head}, and entry {acknowledged} was acknowledged: the database was put back \
                     to an earlier state"
                )));
            }
            store(connection, names, head, (batch, &idents), known)
        })?;
        self.newest = written.newest.unwrap_or(self.newest);
        // Only now are the numbers of new names certain to be on disk.
        self.names.extend(written.learnt);
        Ok((written.receipts, written.newest))
    }
}

/// Store a batch, with the entries' identities, after `head` within a transaction: what is known is there already and not stored again.
fn store(
    connection: &Connection,
    names: &HashMap<String, i64>,
    head: u64,
    (batch, idents): (&[Append], &[Option<i64>]),
    mut known: Known,
) -> Result<Written, StoreError> {
    let mut learnt: HashMap<String, i64> = HashMap::new();
    let mut number = |text: &str| match names.get(text).or_else(|| learnt.get(text)) {
        Some(id) => Ok(*id),
        None => {
            let id = name(connection, text)?;
            learnt.insert(text.to_owned(), id);
            Ok::<_, StoreError>(id)
        }
    };
    let mut next = head + 1;
    let first = next;
    let mut receipts = Vec::with_capacity(batch.len());
    // The answers of this batch, for repeats within it.
    let mut answers: HashMap<u64, Option<&Vec<u8>>> = HashMap::new();
    for (append, ident) in batch.iter().zip(idents.iter().copied()) {
        let entry = &append.entry;
        let former = ident.and_then(|ident| known.get(&ident)).map(Vec::as_slice).unwrap_or_default();
        let repeat = former.iter().find(|(_, digest)| digest.is_some() && *digest == append.digest);
        if let Some((pos, _)) = repeat {
            let ack = match answers.get(pos) {
                Some(ack) => ack.cloned(),
                None => connection
                    .only("SELECT ack FROM entry WHERE pos = ?1", values![pos.cast_signed()], |row| row.get(0))?,
            };
            receipts.push(Receipt::Repeat { pos: *pos, ack });
            continue;
        }
        let reused = former.last().map(|(pos, _)| *pos);
        let (source, feed) = (number(&entry.source)?, number(&entry.feed)?);
        let about = entry.about.clone().or_else(|| reused.map(|pos| format!("{{\"reused\":{pos}}}")));
        connection.write(
            "INSERT INTO entry (pos, kind, source, feed, received, ident, digest, about, ack, dictionary, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            values![
                next.cast_signed(),
                entry.kind as u8,
                source,
                feed,
                entry.received.as_microsecond(),
                ident,
                append.digest.as_ref().map(<[u8; 16]>::as_slice),
                about,
                entry.ack,
                append.packed.dictionary,
                append.packed.bytes
            ],
        )?;
        if let Some(ident) = ident {
            known.entry(ident).or_default().push((next, append.digest));
            answers.insert(next, entry.ack.as_ref());
        }
        receipts.push(Receipt::Stored { pos: next, reused });
        next += 1;
    }
    let newest = (next > first).then(|| next - 1);
    Ok(Written { receipts, newest, learnt: learnt.into_iter().collect() })
}

/// What is stored under these identities.
fn known<'i>(connection: &Connection, idents: impl Iterator<Item = &'i i64>) -> Result<Known, StoreError> {
    let mut idents: Vec<i64> = idents.copied().collect();
    idents.sort_unstable();
    idents.dedup();
    let mut known = Known::new();
    connection.each_of("SELECT pos, digest, ident FROM entry WHERE ident = ?1 ORDER BY pos", &idents, |row| {
        let digest = row.column(1)?.bytes().and_then(|digest| digest.try_into().ok());
        known.entry(row.get(2)?).or_default().push((row.get::<i64>(0)?.cast_unsigned(), digest));
        Ok(())
    })?;
    Ok(known)
}

/// The number of a name, given at first sight.
fn name(connection: &Connection, text: &str) -> Result<i64, StoreError> {
    let find = "SELECT id FROM name WHERE text = ?1";
    if let Some(id) = connection.one(find, values![text], |row| row.get(0))? {
        return Ok(id);
    }
    connection.only(
        "INSERT INTO name (id, text) SELECT COALESCE(MAX(id), 0) + 1, ?1 FROM name RETURNING id",
        values![text],
        |row| row.get(0),
    )
}

fn ident_hash(source: &str, ident: &str) -> i64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(source.as_bytes()).update(&[0]).update(ident.as_bytes());
    let mut first = [0u8; 8];
    hasher.finalize_xof().fill(&mut first);
    i64::from_le_bytes(first)
}
