//! The audit: who looked at what, when, why; append-only, each entry chained to the one before by its hash, so that a
//! changed or missing entry shows (domain §5; the FHIR form is AuditEvent after IHE BALP).

use crate::{
    Folder, StoreError,
    backend::{Connection, Row, values},
};
use crossbeam_channel::{Receiver, Sender, bounded};
use fhir::PersonKey;
use jiff::Timestamp;
use std::sync::{Arc, Mutex};
use tokio::sync::oneshot;

mod granted;
mod heads;
mod matter;
mod persons;

pub use heads::{Head, Heads};
pub use matter::{Matter, MatterKind, NewMatter};

const BATCH_MAX: usize = 512;
const QUEUE_MAX: usize = 4096;
/// Readers kept open at most.
const IDLE_READERS_MAX: usize = 8;
/// What the first entry is chained to.
const GENESIS: [u8; 32] = [0; 32];

/// One access, or one attempt.
#[derive(Clone, Debug, Default)]
pub struct NewAuditEntry {
    /// When.
    pub at: Timestamp,
    /// About whom, if about one person.
    pub person: Option<PersonKey>,
    /// The user's id.
    pub user: String,
    /// All of it, JSON: user, role, organisation, purpose, action, policy version, `seq`, outcome.
    pub body: String,
    /// What it opens, beside being written down.
    pub opens: Option<NewMatter>,
    /// What it settles: the number of the entry that opened it, and how it ended.
    pub settles: Option<(u64, String)>,
}

/// An entry as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its number, from 1, without gaps.
    pub n: u64,
    /// When.
    pub at: Timestamp,
    /// About whom.
    pub person: Option<PersonKey>,
    /// The user's id.
    pub user: String,
    /// All of it, JSON.
    pub body: String,
}

enum Order {
    /// One or more that are written together.
    Entries {
        entries: Vec<NewAuditEntry>,
        reply: oneshot::Sender<Result<u64, StoreError>>,
    },
    Policy {
        version: String,
        at: Timestamp,
        files: String,
        reply: oneshot::Sender<Result<u64, StoreError>>,
    },
}

impl Order {
    /// How many entries it is.
    fn len(&self) -> u64 {
        match self {
            Order::Entries { entries, .. } => entries.len() as u64,
            Order::Policy { .. } => 0,
        }
    }

    fn answer(self, with: Result<u64, StoreError>) {
        let (Order::Entries { reply, .. } | Order::Policy { reply, .. }) = self;
        let _ = reply.send(with);
    }
}

/// The audit of a region, open for appending. Clones share one writer.
#[derive(Clone)]
pub struct Audit {
    orders: Arc<Mutex<Option<Sender<Order>>>>,
    thread: Arc<Mutex<Option<std::thread::JoinHandle<()>>>>,
    folder: Arc<Folder>,
    idle: Arc<Mutex<Vec<AuditReader>>>,
    granted: Arc<granted::Granted>,
}

fn link(before: &[u8], entry: &NewAuditEntry, n: i64) -> [u8; 32] {
    let person = entry.person.map_or(0, |person| person.0.cast_signed());
    chained(before, n, entry.at.as_microsecond(), person, entry.user.as_bytes(), entry.body.as_bytes())
}

/// The hash of an entry, after the one before it.
fn chained(before: &[u8], n: i64, at: i64, person: i64, user: &[u8], body: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(before);
    hasher.update(&n.to_le_bytes());
    hasher.update(&at.to_le_bytes());
    hasher.update(&person.to_le_bytes());
    hasher.update(&(user.len() as u64).to_le_bytes());
    hasher.update(user);
    hasher.update(body);
    *hasher.finalize().as_bytes()
}

/// What tells policy files from any others: sixteen hexadecimal digits of a hash over their names and texts.
pub fn policy_version(files: &std::collections::BTreeMap<String, String>) -> String {
    let mut hasher = blake3::Hasher::new();
    for (name, text) in files {
        for part in [name, text] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
    }
    hasher.finalize().to_hex().chars().take(16).collect()
}

fn stopped() -> StoreError {
    StoreError::Stopped("the audit is closed".into())
}

impl Audit {
    /// Open the audit of a folder, making it when new.
    pub fn open(folder: &Folder) -> Result<Self, StoreError> {
        let connection = folder.audit().open()?;
        let granted = Arc::new(granted::Granted::load(&connection)?);
        let (orders, inbox) = bounded(QUEUE_MAX);
        let heads = heads::Writer::open(folder)?;
        let persons = persons::Writer::open(folder, &connection)?;
        let thread = std::thread::Builder::new()
            .name("audit".into())
            .spawn(move || run(&connection, &inbox, heads, persons))
            .map_err(|e| StoreError::Unusable(format!("cannot start the audit's thread: {e}")))?;
        Ok(Audit {
            orders: Arc::new(Mutex::new(Some(orders))),
            thread: Arc::new(Mutex::new(Some(thread))),
            folder: Arc::new(folder.visitor()),
            idle: Arc::default(),
            granted,
        })
    }

    /// Hand in an entry; the receiver resolves to its number once it is on disk.
    pub fn append(&self, entry: NewAuditEntry) -> Result<oneshot::Receiver<Result<u64, StoreError>>, StoreError> {
        self.append_together(vec![entry])
    }

    /// Hand in entries that belong together, one after the other: all of them are on disk or none, and they wait for the disk
    /// once. The receiver resolves to the number of the last.
    pub fn append_together(
        &self,
        entries: Vec<NewAuditEntry>,
    ) -> Result<oneshot::Receiver<Result<u64, StoreError>>, StoreError> {
        entries.iter().for_each(|entry| self.granted.note(entry));
        let (reply, answer) = oneshot::channel();
        self.order(Order::Entries { entries, reply })?;
        Ok(answer)
    }

    /// Keep the text of policies under their version. Nothing happens when it is kept already.
    pub fn keep_policy(
        &self,
        version: &str,
        at: Timestamp,
        files: String,
    ) -> Result<oneshot::Receiver<Result<u64, StoreError>>, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.order(Order::Policy { version: version.to_owned(), at, files, reply })?;
        Ok(answer)
    }

    fn order(&self, order: Order) -> Result<(), StoreError> {
        let orders = self.orders.lock().ok().and_then(|orders| orders.clone()).ok_or_else(stopped)?;
        orders.send(order).map_err(|_| stopped())
    }

    /// Read what is written. Readers are kept and lent out again.
    pub fn read<T>(&self, with: impl FnOnce(&AuditReader) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let idle = self.idle.lock().ok().and_then(|mut idle| idle.pop());
        let reader = match idle {
            Some(reader) => reader,
            None => AuditReader::open(&self.folder)?,
        };
        let outcome = with(&reader);
        if let Ok(mut idle) = self.idle.lock()
            && idle.len() < IDLE_READERS_MAX
        {
            idle.push(reader);
        }
        outcome
    }

    /// Finish what is waiting and close the file.
    pub fn close(&self) {
        if let Ok(mut orders) = self.orders.lock() {
            orders.take();
        }
        let thread = self.thread.lock().ok().and_then(|mut slot| slot.take());
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

fn run(connection: &Connection, inbox: &Receiver<Order>, mut heads: heads::Writer, persons: Option<persons::Writer>) {
    let mut stopped_by: Option<StoreError> = None;
    while let Ok(first) = inbox.recv() {
        let mut batch = vec![first];
        while batch.len() < BATCH_MAX {
            let Ok(order) = inbox.try_recv() else { break };
            batch.push(order);
        }
        let result = match &stopped_by {
            Some(error) => Err(error.duplicate()),
            None => connection.transact(|connection| write(connection, &batch)),
        };
        match result {
            Ok((before, head)) => {
                if let Some(head) = &head {
                    heads.reached(head);
                    persons.iter().for_each(persons::Writer::reached);
                }
                let mut last = before;
                for order in batch {
                    last += order.len();
                    order.answer(Ok(last));
                }
            }
            Err(error) => {
                tracing::error!(%error, "the audit refused a batch: nothing is shown without it");
                for order in batch {
                    order.answer(Err(error.duplicate()));
                }
                if matches!(error, StoreError::Stopped(_) | StoreError::Corrupt(_)) {
                    stopped_by = Some(error);
                }
            }
        }
    }
    heads.finish();
    drop(persons);
    let _ = connection.settle();
}

/// Gives the number of the last entry before them, and the head of the chain if it grew.
fn write(connection: &Connection, batch: &[Order]) -> Result<(u64, Option<Head>), StoreError> {
    let last: Option<(i64, Vec<u8>)> =
        connection
            .one("SELECT n, hash FROM entry ORDER BY n DESC LIMIT 1", &[], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (mut n, mut hash) = last.unwrap_or((0, GENESIS.to_vec()));
    let before = n.cast_unsigned();
    let mut head = None;
    for order in batch {
        let entries = match order {
            Order::Entries { entries, .. } => entries,
            Order::Policy { version, at, files, .. } => {
                connection.write(
                    "INSERT INTO policy (version, at, files) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
                    values![version, at.as_microsecond(), files],
                )?;
                continue;
            }
        };
        for entry in entries {
            n += 1;
            hash = link(&hash, entry, n).to_vec();
            connection.write(
                "INSERT INTO entry (n, at, person, \"user\", body, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                values![
                    n,
                    entry.at.as_microsecond(),
                    entry.person.map(|person| person.0.cast_signed()),
                    entry.user,
                    entry.body,
                    hash
                ],
            )?;
            matter::note(connection, n, entry)?;
            head = Some((n, entry.at));
        }
    }
    let head = head.map(|(n, at)| Head { n: n.cast_unsigned(), at, hash: hex(&hash) });
    Ok((before, head))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Read the audit of a folder.
pub struct AuditReader {
    connection: Connection,
    persons: Option<persons::Reader>,
}

fn read(row: &Row<'_>) -> Result<AuditEntry, StoreError> {
    Ok(AuditEntry {
        n: row.get::<i64>(0)?.cast_unsigned(),
        at: Timestamp::from_microsecond(row.get(1)?).unwrap_or_default(),
        person: row.get::<Option<i64>>(2)?.map(|person| PersonKey(person.cast_unsigned())),
        user: row.get(3)?,
        body: row.get(4)?,
    })
}

impl AuditReader {
    /// Open for reading.
    pub fn open(folder: &Folder) -> Result<Self, StoreError> {
        let connection = folder.audit().open_for_reading()?;
        Ok(AuditReader { persons: persons::Reader::open(folder, &connection)?, connection })
    }

    /// The newest entries about a person.
    pub fn about(&self, person: PersonKey, limit: usize) -> Result<Vec<AuditEntry>, StoreError> {
        let (person, limit) = (person.0.cast_signed(), i64::try_from(limit).unwrap_or(i64::MAX));
        let known = match &self.persons {
            Some(persons) => persons.about(&self.connection, person, limit)?,
            None => None,
        };
        if let Some(known) = known {
            let sql = "SELECT n, at, person, \"user\", body FROM entry WHERE n = ?1";
            let mut found = Vec::with_capacity(known.len());
            for n in known {
                found.extend(self.connection.one(sql, values![n], read)?);
            }
            return Ok(found);
        }
        self.connection.all(
            "SELECT n, at, person, \"user\", body FROM entry WHERE person = ?1 ORDER BY n DESC LIMIT ?2",
            values![person, limit],
            read,
        )
    }

    /// One entry.
    pub fn entry(&self, n: u64) -> Result<Option<AuditEntry>, StoreError> {
        self.connection.one(
            "SELECT n, at, person, \"user\", body FROM entry WHERE n = ?1",
            values![n.cast_signed()],
            read,
        )
    }

    /// The newest entries of a user since a time.
    pub fn by_user(&self, user: &str, since: Timestamp, limit: usize) -> Result<Vec<AuditEntry>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.connection.all(
            "SELECT n, at, person, \"user\", body FROM entry WHERE \"user\" = ?1 AND at >= ?2 ORDER BY n DESC LIMIT ?3",
            values![user, since.as_microsecond(), limit],
            read,
        )
    }

    /// Entries after `after`, oldest first.
    pub fn after(&self, after: u64, limit: usize) -> Result<Vec<AuditEntry>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.connection.all(
            "SELECT n, at, person, \"user\", body FROM entry WHERE n > ?1 ORDER BY n LIMIT ?2",
            values![after.cast_signed(), limit],
            read,
        )
    }

    /// The number of the newest entry; 0 when there is none.
    pub fn last(&self) -> Result<u64, StoreError> {
        let sql = "SELECT COALESCE(MAX(n), 0) FROM entry";
        let last: i64 = self.connection.only(sql, &[], |row| row.get(0))?;
        Ok(last.cast_unsigned())
    }

    /// Policies are what their version says.
    fn verify_policies(&self) -> Result<(), StoreError> {
        self.connection.each("SELECT version, files FROM policy", &[], |row| {
            let (version, files): (String, String) = (row.get(0)?, row.get(1)?);
            let files: Option<std::collections::BTreeMap<String, String>> = serde_json::from_str(&files).ok();
            if files.map(|files| policy_version(&files)).as_deref() != Some(version.as_str()) {
                return Err(StoreError::Corrupt(format!("the policies kept as version {version} were changed")));
            }
            Ok(())
        })
    }

    /// The text of policies by their version.
    pub fn policy(&self, version: &str) -> Result<Option<String>, StoreError> {
        self.connection.one("SELECT files FROM policy WHERE version = ?1", values![version], |row| row.get(0))
    }

    /// Walk the chain. Gives the number of entries. `heads`: those that were written and signed while it grew; each must
    /// still be there, so that an end that was cut off shows as well.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] naming the first entry that was changed or is missing.
    pub fn verify(&self, heads: &[Head]) -> Result<u64, StoreError> {
        let mut before = GENESIS;
        let mut count = 0i64;
        let mut heads = heads.iter().peekable();
        self.connection.each("SELECT n, at, person, \"user\", body, hash FROM entry ORDER BY n", &[], |row| {
            count += 1;
            // What is no text any more was changed as well.
            let changed = |error| match error {
                StoreError::Corrupt(_) => StoreError::Corrupt(format!("audit entry {count} was changed or is missing")),
                other => other,
            };
            let n: i64 = row.get(0).map_err(changed)?;
            let (at, person): (i64, Option<i64>) = (row.get(1).map_err(changed)?, row.get(2).map_err(changed)?);
            let [user, body, hash] = [3, 4, 5].map(|column| row.column(column).map_err(changed));
            let (user, body, hash) = (user?, body?, hash?);
            let (user, text) = (user.text().unwrap_or_default(), body.text().unwrap_or_default());
            let linked = chained(&before, count, at, person.unwrap_or(0), user.as_bytes(), text.as_bytes());
            if n != count || hash.bytes() != Some(linked.as_slice()) {
                return Err(StoreError::Corrupt(format!("audit entry {count} was changed or is missing")));
            }
            before = linked;
            while let Some(head) = heads.next_if(|head| head.n <= count.cast_unsigned()) {
                if head.n == count.cast_unsigned() && head.hash != hex(&before) {
                    return Err(StoreError::Corrupt(format!(
                        "audit entry {count} is not the one whose head was signed: the trail was written anew"
                    )));
                }
            }
            Ok(())
        })?;
        self.verify_matters()?;
        self.verify_policies()?;
        self.persons.as_ref().map_or(Ok(()), |persons| persons.verify(&self.connection))?;
        match heads.next() {
            Some(head) => Err(StoreError::Corrupt(format!(
                "the audit trail ends at entry {count}, and a head was signed at entry {}: its end was cut off",
                head.n
            ))),
            None => Ok(count.cast_unsigned()),
        }
    }
}
