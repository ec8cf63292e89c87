//! The audit: who looked at what, when, why; append-only, each entry chained to the one before by its hash, so that a
//! changed or missing entry shows (domain §5; the FHIR form is AuditEvent after IHE BALP).

use crate::{Folder, StoreError, schema};
use crossbeam_channel::{Receiver, Sender, bounded};
use fhir::PersonKey;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
};
use tokio::sync::oneshot;

mod granted;
mod heads;
mod matter;

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
    Entry { entry: NewAuditEntry, reply: oneshot::Sender<Result<u64, StoreError>> },
    Policy { version: String, at: Timestamp, files: String, reply: oneshot::Sender<Result<u64, StoreError>> },
}

impl Order {
    fn answer(self, with: Result<u64, StoreError>) {
        let (Order::Entry { reply, .. } | Order::Policy { reply, .. }) = self;
        let _ = reply.send(with);
    }
}

/// The audit of a region, open for appending. Clones share one writer.
#[derive(Clone)]
pub struct Audit {
    orders: Arc<Mutex<Option<Sender<Order>>>>,
    thread: Arc<Mutex<Option<std::thread::JoinHandle<()>>>>,
    path: PathBuf,
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
        let connection = schema::open(&folder.audit(), true, 4 << 10)?;
        schema::prepare(&connection, "audit", schema::AUDIT, schema::AUDIT_VERSION)?;
        let granted = Arc::new(granted::Granted::load(&connection)?);
        let (orders, inbox) = bounded(QUEUE_MAX);
        let heads = heads::Writer::open(folder)?;
        let thread = std::thread::Builder::new()
            .name("audit".into())
            .spawn(move || run(&connection, &inbox, heads))
            .map_err(|e| StoreError::Unusable(format!("cannot start the audit's thread: {e}")))?;
        Ok(Audit {
            orders: Arc::new(Mutex::new(Some(orders))),
            thread: Arc::new(Mutex::new(Some(thread))),
            path: folder.audit(),
            idle: Arc::default(),
            granted,
        })
    }

    /// Hand in an entry; the receiver resolves to its number once it is on disk.
    pub fn append(&self, entry: NewAuditEntry) -> Result<oneshot::Receiver<Result<u64, StoreError>>, StoreError> {
        self.granted.note(&entry);
        let (reply, answer) = oneshot::channel();
        self.order(Order::Entry { entry, reply })?;
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
            None => AuditReader { connection: schema::open_for_reading(&self.path, 2 << 10)? },
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

fn run(connection: &Connection, inbox: &Receiver<Order>, mut heads: heads::Writer) {
    let mut stopped_by: Option<StoreError> = None;
    while let Ok(first) = inbox.recv() {
        let mut batch = vec![first];
        while batch.len() < BATCH_MAX {
            let Ok(order) = inbox.try_recv() else { break };
            batch.push(order);
        }
        let result = match &stopped_by {
            Some(error) => Err(error.duplicate()),
            None => write(connection, &batch),
        };
        match result {
            Ok((first, head)) => {
                if let Some(head) = &head {
                    heads.reached(head);
                }
                let mut n = first;
                for order in batch {
                    let is_entry = matches!(order, Order::Entry { .. });
                    order.answer(Ok(n));
                    n += u64::from(is_entry);
                }
            }
            Err(error) => {
                let _ = connection.execute_batch("ROLLBACK");
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
    let _ = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
}

/// Gives the number of the first entry, and the head of the chain if it grew.
fn write(connection: &Connection, batch: &[Order]) -> Result<(u64, Option<Head>), StoreError> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let last: Option<(i64, Vec<u8>)> = connection
        .prepare_cached("SELECT n, hash FROM entry ORDER BY n DESC LIMIT 1")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (mut n, mut hash) = last.unwrap_or((0, GENESIS.to_vec()));
    let first = n + 1;
    let mut head = None;
    for order in batch {
        let entry = match order {
            Order::Entry { entry, .. } => entry,
            Order::Policy { version, at, files, .. } => {
                connection
                    .prepare_cached("INSERT OR IGNORE INTO policy (version, at, files) VALUES (?1, ?2, ?3)")?
                    .execute(params![version, at.as_microsecond(), files])?;
                continue;
            }
        };
        n += 1;
        hash = link(&hash, entry, n).to_vec();
        connection
            .prepare_cached("INSERT INTO entry (n, at, person, user, body, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
            .execute(params![
                n,
                entry.at.as_microsecond(),
                entry.person.map(|person| person.0.cast_signed()),
                entry.user,
                entry.body,
                hash
            ])?;
        matter::note(connection, n, entry)?;
        head = Some((n, entry.at));
    }
    connection.execute_batch("COMMIT")?;
    let head = head.map(|(n, at)| Head { n: n.cast_unsigned(), at, hash: hex(&hash) });
    Ok((first.cast_unsigned(), head))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Read the audit of a folder.
pub struct AuditReader {
    connection: Connection,
}

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<AuditEntry> {
    Ok(AuditEntry {
        n: row.get::<_, i64>(0)?.cast_unsigned(),
        at: Timestamp::from_microsecond(row.get(1)?).unwrap_or_default(),
        person: row.get::<_, Option<i64>>(2)?.map(|person| PersonKey(person.cast_unsigned())),
        user: row.get(3)?,
        body: row.get(4)?,
    })
}

impl AuditReader {
    /// Open for reading.
    pub fn open(folder: &Folder) -> Result<Self, StoreError> {
        Ok(AuditReader { connection: schema::open_for_reading(&folder.audit(), 2 << 10)? })
    }

    /// The newest entries about a person.
    pub fn about(&self, person: PersonKey, limit: usize) -> Result<Vec<AuditEntry>, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT n, at, person, user, body FROM entry WHERE person = ?1 ORDER BY n DESC LIMIT ?2")?;
        let entries = statement
            .query_map(params![person.0.cast_signed(), i64::try_from(limit).unwrap_or(i64::MAX)], read)?
            .collect::<Result<_, _>>()?;
        Ok(entries)
    }

    /// One entry.
    pub fn entry(&self, n: u64) -> Result<Option<AuditEntry>, StoreError> {
        Ok(self
            .connection
            .prepare_cached("SELECT n, at, person, user, body FROM entry WHERE n = ?1")?
            .query_row([n.cast_signed()], read)
            .optional()?)
    }

    /// The newest entries of a user since a time.
    pub fn by_user(&self, user: &str, since: Timestamp, limit: usize) -> Result<Vec<AuditEntry>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT n, at, person, user, body FROM entry WHERE user = ?1 AND at >= ?2 ORDER BY n DESC LIMIT ?3",
        )?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let entries =
            statement.query_map(params![user, since.as_microsecond(), limit], read)?.collect::<Result<_, _>>()?;
        Ok(entries)
    }

    /// Entries after `after`, oldest first.
    pub fn after(&self, after: u64, limit: usize) -> Result<Vec<AuditEntry>, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT n, at, person, user, body FROM entry WHERE n > ?1 ORDER BY n LIMIT ?2")?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let entries = statement.query_map(params![after.cast_signed(), limit], read)?.collect::<Result<_, _>>()?;
        Ok(entries)
    }

    /// The number of the newest entry; 0 when there is none.
    pub fn last(&self) -> Result<u64, StoreError> {
        let sql = "SELECT COALESCE(MAX(n), 0) FROM entry";
        let last: i64 = self.connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
        Ok(last.cast_unsigned())
    }

    /// Policies are what their version says.
    fn verify_policies(&self) -> Result<(), StoreError> {
        let mut statement = self.connection.prepare("SELECT version, files FROM policy")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (version, files): (String, String) = (row.get(0)?, row.get(1)?);
            let files: Option<std::collections::BTreeMap<String, String>> = serde_json::from_str(&files).ok();
            if files.map(|files| policy_version(&files)).as_deref() != Some(version.as_str()) {
                return Err(StoreError::Corrupt(format!("the policies kept as version {version} were changed")));
            }
        }
        Ok(())
    }

    /// The text of policies by their version.
    pub fn policy(&self, version: &str) -> Result<Option<String>, StoreError> {
        Ok(self
            .connection
            .prepare_cached("SELECT files FROM policy WHERE version = ?1")?
            .query_row([version], |row| row.get(0))
            .optional()?)
    }

    /// Walk the chain. Gives the number of entries. `heads`: those that were written and signed while it grew; each must
    /// still be there, so that an end that was cut off shows as well.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] naming the first entry that was changed or is missing.
    pub fn verify(&self, heads: &[Head]) -> Result<u64, StoreError> {
        let mut statement = self.connection.prepare("SELECT n, at, person, user, body, hash FROM entry ORDER BY n")?;
        let mut rows = statement.query([])?;
        let mut before = GENESIS;
        let mut count = 0i64;
        let mut heads = heads.iter().peekable();
        while let Some(row) = rows.next()? {
            count += 1;
            let text = |column| row.get_ref(column).map(|value| value.as_bytes().unwrap_or_default());
            let (n, at, person): (i64, i64, Option<i64>) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let linked = chained(&before, count, at, person.unwrap_or(0), text(3)?, text(4)?);
            if n != count || text(5)? != linked.as_slice() {
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
        }
        self.verify_matters()?;
        self.verify_policies()?;
        match heads.next() {
            Some(head) => Err(StoreError::Corrupt(format!(
                "the audit trail ends at entry {count}, and a head was signed at entry {}: its end was cut off",
                head.n
            ))),
            None => Ok(count.cast_unsigned()),
        }
    }
}
