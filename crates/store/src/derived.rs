//! The derived state: opening it, its readers, and the dictionaries that keep it small.

use crate::{
    Folder, Place, StoreError,
    backend::Connection,
    codec::{self, Codec},
    read::Snapshot,
    write::Writer,
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

/// Reading connections kept open at most; more are opened when needed and closed after.
const IDLE_READERS_MAX: usize = 8;
/// Sizes of sample sets after which a type's dictionary is trained, and how large it is.
const GENERATIONS: [(usize, usize); 2] = [(200, 16 << 10), (1000, 64 << 10)];
/// Samples of a type weigh at most this much together: training takes a time that grows with it, and from larger sets come
/// dictionaries that are hardly better.
const SAMPLE_BYTES_MAX: usize = 3 << 20;
const SAMPLE_LEN_MAX: usize = 32 << 10;

struct Shared {
    place: Place,
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

/// The dictionaries: number, kind, bytes.
fn dictionaries(connection: &Connection) -> Result<Vec<(u32, u8, Vec<u8>)>, StoreError> {
    connection.all("SELECT id, kind, bytes FROM dictionary ORDER BY id", &[], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    })
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

/// Whether a batch of what is made anew can be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undoing {
    /// What it changes is kept until it is committed.
    Kept,
    /// It is not kept, which spares some 8 % of the work: [`Writer::rollback`] fails with [`StoreError::NoWayBack`], and all begins
    /// again. A database keeps it whatever is asked.
    Not,
}

impl Derived {
    /// Open (or make) the derived state of a folder, with its one writer.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] when it was written by another version: delete it and rebuild.
    pub fn open(folder: &Folder) -> Result<(Self, Writer), StoreError> {
        Self::open_at(&folder.derived())
    }

    /// The same anywhere: for rebuilding beside the one in use.
    pub fn open_at(place: &Place) -> Result<(Self, Writer), StoreError> {
        let connection = place.open()?;
        let derived = Self::share(place, &connection)?;
        let writer = Writer::new(connection, derived.shared.codec.clone())?;
        Ok((derived, writer))
    }

    /// Make it anew beside the one in use, to be written whole: of no use, and lost with the machine, before
    /// [`Writer::finish_anew`]. `by` says which program makes it: the same one can go on with it later.
    ///
    /// # Errors
    /// The store's, where it cannot be made.
    pub fn open_anew(place: &Place, undoing: Undoing, by: &str) -> Result<(Self, Writer), StoreError> {
        place.remove()?;
        Self::anew(place, place.open_anew(undoing, by)?, undoing)
    }

    /// Go on with what [`Derived::open_anew`] began, from [`Writer::applied`]: nothing where there is none that the same program left
    /// whole, and in files, while the machine has been running.
    ///
    /// # Errors
    /// The store's, where it cannot be read.
    pub fn go_on_anew(place: &Place, undoing: Undoing, by: &str) -> Result<Option<(Self, Writer)>, StoreError> {
        place.go_on_anew(undoing, by)?.map(|connection| Self::anew(place, connection, undoing)).transpose()
    }

    fn anew(place: &Place, connection: Connection, undoing: Undoing) -> Result<(Self, Writer), StoreError> {
        let derived = Self::share(place, &connection)?;
        let mut writer = Writer::new(connection, derived.shared.codec.clone())?;
        writer.undoing = undoing;
        Ok((derived, writer))
    }

    /// Open beside a running process, to look only.
    pub fn open_for_reading(place: &Place) -> Result<Self, StoreError> {
        Self::share(place, &place.open_for_reading()?)
    }

    /// Begin to write what was opened for reading: its former writer is gone.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] while another process writes it.
    pub fn write(&self) -> Result<Writer, StoreError> {
        let connection = self.shared.place.open()?;
        self.shared.codec.learn_new()?;
        if let Ok(mut samples) = self.shared.samples.lock() {
            samples.clear();
            for (_, kind, _) in dictionaries(&connection)? {
                samples.entry(kind).or_default().generation += 1;
            }
        }
        Writer::new(connection, self.shared.codec.clone())
    }

    fn share(place: &Place, connection: &Connection) -> Result<Self, StoreError> {
        let from = place.clone();
        let codec = Codec::default().loading(Arc::new(move || dictionaries(&from.open_for_reading()?)));
        let mut samples: HashMap<u8, Samples> = HashMap::new();
        for (id, kind, bytes) in dictionaries(connection)? {
            samples.entry(kind).or_default().generation += 1;
            codec.learn(id, kind, &bytes)?;
        }
        let shared = Shared { place: place.clone(), codec, idle: Mutex::default(), samples: Mutex::new(samples) };
        Ok(Derived { shared: Arc::new(shared) })
    }

    /// How bodies are compressed.
    pub fn codec(&self) -> &Codec {
        &self.shared.codec
    }

    /// A consistent view of the newest committed state.
    pub fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let idle = self.shared.idle.lock().ok().and_then(|mut idle| idle.pop());
        if let Some(connection) = idle {
            match Snapshot::begin(connection, self.clone()) {
                // One that was kept may have been lost meanwhile; a new one tells whether the database is there.
                Err(StoreError::Away(_)) => {}
                begun => return begun,
            }
        }
        Snapshot::begin(self.shared.place.open_for_reading()?, self.clone())
    }

    /// Ask one question about the newest committed state, for which no view has to stay as it is: where a view costs more than
    /// the question.
    pub(crate) fn glance<T>(&self, ask: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let idle = self.shared.idle.lock().ok().and_then(|mut idle| idle.pop());
        let connection = match idle {
            Some(connection) => connection,
            None => self.shared.place.open_for_reading()?,
        };
        let found = ask(&connection)?;
        self.give_back(connection);
        Ok(found)
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
