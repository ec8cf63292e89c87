//! The derived state: opening it, its readers, and the dictionaries that keep it small.

use crate::{Folder, StoreError, codec, codec::Codec, read::Snapshot, schema, write::Writer};
use rusqlite::Connection;
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

/// Reading connections kept open at most; more are opened when needed and closed after.
const IDLE_READERS_MAX: usize = 8;
/// Sizes of sample sets after which a type's dictionary is trained, and how large it is.
const GENERATIONS: [(usize, usize); 2] = [(200, 16 << 10), (1000, 64 << 10)];
/// Samples of a type weigh at most this much together.
const SAMPLE_BYTES_MAX: usize = 6 << 20;
const SAMPLE_LEN_MAX: usize = 32 << 10;

struct Shared {
    path: PathBuf,
    codec: Codec,
    idle: Mutex<Vec<Connection>>,
    samples: Mutex<HashMap<u8, Samples>>,
}

#[derive(Default)]
struct Samples {
    generation: usize,
    bytes: usize,
    kept: Vec<Vec<u8>>,
}

/// Texts enough to train a dictionary of one resource type.
pub struct Sample {
    pub(crate) kind: u8,
    pub(crate) texts: Vec<Vec<u8>>,
    pub(crate) size: usize,
}

impl Sample {
    /// Train; takes tens to hundreds of milliseconds. `None` when the texts do not make a dictionary.
    pub fn train(&self) -> Option<(u8, Vec<u8>)> {
        codec::train(&self.texts, self.size).map(|bytes| (self.kind, bytes))
    }
}

/// The derived state of a region. Clones share readers and dictionaries.
#[derive(Clone)]
pub struct Derived {
    shared: Arc<Shared>,
}

impl Derived {
    /// Open (or make) the derived state of a folder, with its one writer.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] when it was written by another version: delete it and rebuild.
    pub fn open(folder: &Folder) -> Result<(Self, Writer), StoreError> {
        Self::open_at(&folder.derived())
    }

    /// The same at any path: for rebuilding beside the one in use.
    pub fn open_at(path: &Path) -> Result<(Self, Writer), StoreError> {
        let connection = schema::open(path, false, 64 << 10)?;
        schema::prepare(&connection, "derived state", schema::DERIVED, schema::DERIVED_VERSION)?;
        connection.pragma_update(None, "wal_autocheckpoint", 2000)?;
        let derived = Self::share(path, &connection)?;
        let writer = Writer::new(connection, derived.shared.codec.clone())?;
        Ok((derived, writer))
    }

    /// Open beside a running process, to look only.
    pub fn open_for_reading(path: &Path) -> Result<Self, StoreError> {
        if !path.is_file() {
            return Err(StoreError::Unusable(format!("there is no derived state at {}", path.display())));
        }
        let connection = schema::open_for_reading(path, 2 << 10)?;
        Self::share(path, &connection)
    }

    fn share(path: &Path, connection: &Connection) -> Result<Self, StoreError> {
        let codec = Codec::default();
        let mut samples: HashMap<u8, Samples> = HashMap::new();
        let mut statement = connection.prepare("SELECT id, kind, bytes FROM dictionary ORDER BY id")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let kind: u8 = row.get(1)?;
            codec.learn(row.get(0)?, kind, row.get_ref(2)?.as_blob().unwrap_or_default())?;
            samples.entry(kind).or_default().generation += 1;
        }
        let shared = Shared { path: path.to_owned(), codec, idle: Mutex::default(), samples: Mutex::new(samples) };
        Ok(Derived { shared: Arc::new(shared) })
    }

    /// How bodies are compressed.
    pub fn codec(&self) -> &Codec {
        &self.shared.codec
    }

    /// A consistent view of the newest committed state.
    pub fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let idle = self.shared.idle.lock().ok().and_then(|mut idle| idle.pop());
        let connection = match idle {
            Some(connection) => connection,
            None => schema::open_for_reading(&self.shared.path, 8 << 10)?,
        };
        Snapshot::begin(connection, self.clone())
    }

    pub(crate) fn give_back(&self, connection: Connection) {
        if let Ok(mut idle) = self.shared.idle.lock()
            && idle.len() < IDLE_READERS_MAX
        {
            idle.push(connection);
        }
    }

    /// Whether texts of this type are still wanted as samples. Once they are not, they never are again.
    pub fn wants_sample(&self, kind: u8) -> bool {
        let Ok(samples) = self.shared.samples.lock() else { return false };
        samples.get(&kind).is_none_or(|of_kind| of_kind.generation < GENERATIONS.len())
    }

    /// Keep a text as a sample of its type, while samples are wanted. Gives the set back when it is large enough.
    pub fn sample(&self, kind: u8, text: Vec<u8>) -> Option<Sample> {
        let mut samples = self.shared.samples.lock().ok()?;
        let of_kind = samples.entry(kind).or_default();
        let (wanted, size) = *GENERATIONS.get(of_kind.generation)?;
        if text.len() > SAMPLE_LEN_MAX {
            return None;
        }
        of_kind.bytes += text.len();
        of_kind.kept.push(text);
        if of_kind.kept.len() < wanted && of_kind.bytes < SAMPLE_BYTES_MAX {
            return None;
        }
        of_kind.generation += 1;
        of_kind.bytes = 0;
        Some(Sample { kind, texts: std::mem::take(&mut of_kind.kept), size })
    }
}
