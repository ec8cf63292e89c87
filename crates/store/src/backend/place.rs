//! Where a region's databases are.

use super::{
    Connection, NewPages, Pages,
    postgres::{self, Purpose, Server, Session},
    sqlite,
};
use crate::{StoreError, Undoing};
use std::{
    fmt,
    io::ErrorKind,
    path::{Path, PathBuf},
};

/// What a database holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum What {
    Journal,
    Audit,
    Derived,
}

impl What {
    pub fn as_str(self) -> &'static str {
        match self {
            What::Journal => "journal",
            What::Audit => "audit",
            What::Derived => "derived state",
        }
    }
}

/// Where one of a region's databases is: its journal, its audit trail, or its derived state.
#[derive(Clone, Debug)]
pub struct Place {
    what: What,
    at: At,
}

#[derive(Clone, Debug)]
enum At {
    File(PathBuf),
    Schema { server: Server, schema: String },
}

impl Place {
    pub(crate) fn file(what: What, path: PathBuf) -> Self {
        Place { what, at: At::File(path) }
    }

    pub(crate) fn database(what: What, server: &Server) -> Self {
        let schema = match what {
            What::Journal => "skein_journal",
            What::Audit => "skein_audit",
            What::Derived => postgres::DERIVED_SCHEMA,
        };
        Place { what, at: At::Schema { server: server.clone(), schema: schema.to_owned() } }
    }

    /// The same with another name: for a derived state beside the one in use.
    pub(crate) fn beside(&self, name: &str) -> Self {
        let at = match &self.at {
            At::File(path) => At::File(path.with_file_name(format!("{name}.db"))),
            At::Schema { server, schema } => {
                let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
                At::Schema { server: server.clone(), schema: format!("{schema}_{name}") }
            }
        };
        Place { what: self.what, at }
    }

    /// A derived state in a file of its own.
    pub fn derived_file(path: &Path) -> Self {
        Place::file(What::Derived, path.to_owned())
    }

    /// Whether there is anything.
    ///
    /// # Errors
    /// The store's, when it cannot be told.
    pub fn exists(&self) -> Result<bool, StoreError> {
        match &self.at {
            At::File(path) => Ok(path.is_file()),
            At::Schema { server, schema } => {
                let table = if self.what == What::Derived { "meta" } else { "entry" };
                postgres::exists(&Session::open(server, schema, Purpose::Read)?, schema, table)
            }
        }
    }

    /// Whether a derived state is there, in the form that this version writes.
    ///
    /// # Errors
    /// The store's, when it cannot be told.
    pub fn is_current(&self) -> Result<bool, StoreError> {
        if !self.exists()? {
            return Ok(false);
        }
        match self.open_for_reading() {
            Err(StoreError::Unusable(_)) => Ok(false),
            Err(error) => Err(error),
            Ok(Connection::Sqlite(connection)) => sqlite::is_derived(&connection),
            Ok(Connection::Postgres(session)) => match postgres::derived_versions_agree(&session) {
                Err(StoreError::Unusable(_)) => Ok(false),
                agreed => agreed.map(|()| true),
            },
        }
    }

    /// Remove it, if it is there.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] when it cannot be.
    pub fn remove(&self) -> Result<(), StoreError> {
        match &self.at {
            At::File(path) => ["", "-wal", "-shm", sqlite::anew::MARK].iter().try_for_each(|suffix| {
                let mut file = path.as_os_str().to_owned();
                file.push(suffix);
                match std::fs::remove_file(file) {
                    Err(error) if error.kind() != ErrorKind::NotFound => {
                        Err(StoreError::Unusable(format!("cannot remove {self}: {error}")))
                    }
                    _ => Ok(()),
                }
            }),
            At::Schema { server, schema } => {
                let session = Session::open(server, schema, Purpose::Append)?;
                session.define(&format!("DROP SCHEMA IF EXISTS {schema} CASCADE"))
            }
        }
    }

    /// The pages of what is in a file, as of now; of what is in a database, none.
    ///
    /// # Errors
    /// The store's; [`StoreError::Unusable`] where it is of another version.
    pub fn pages(&self) -> Result<Option<Pages>, StoreError> {
        match &self.at {
            At::File(path) => Pages::hold(path).map(Some),
            At::Schema { .. } => Ok(None),
        }
    }

    /// Begin to put it together of its pages; None in a database, which has others.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] where it cannot be written.
    pub fn put_pages(&self) -> Result<Option<NewPages>, StoreError> {
        match &self.at {
            At::File(path) => NewPages::begin(path).map(Some),
            At::Schema { .. } => Ok(None),
        }
    }

    /// Put it where `other` is, in its place.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] when it cannot be.
    pub fn replace(&self, other: &Place) -> Result<(), StoreError> {
        match (&self.at, &other.at) {
            (At::File(from), At::File(to)) => {
                other.remove()?;
                std::fs::rename(from, to)
                    .map_err(|e| StoreError::Unusable(format!("cannot put the rebuilt state in place: {e}")))
            }
            (At::Schema { server, schema: from }, At::Schema { schema: to, .. }) => {
                let session = Session::open(server, from, Purpose::Append)?;
                session.define(&format!(
                    "BEGIN; DROP SCHEMA IF EXISTS {to} CASCADE; ALTER SCHEMA {from} RENAME TO {to}; COMMIT"
                ))
            }
            _ => Err(StoreError::Unusable(format!("{self} cannot take the place of {other}: it is in another engine"))),
        }
    }

    /// See to it that the tables of a derived state are there, and of this version, without writing it.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] when they are another version's: rebuild.
    pub fn prepare(&self) -> Result<(), StoreError> {
        match &self.at {
            At::File(_) => self.open().map(drop),
            At::Schema { server, schema } => {
                postgres::make_derived(server, schema)?;
                postgres::derived_versions_agree(&Session::open(server, schema, Purpose::Read)?)
            }
        }
    }

    /// Open for writing, making the tables where they are missing.
    pub(crate) fn open(&self) -> Result<Connection, StoreError> {
        match &self.at {
            At::File(path) => sqlite::open_store(path, self.what).map(Connection::from),
            At::Schema { server, schema } => {
                let session = match self.what {
                    What::Journal | What::Audit => Session::open(server, schema, Purpose::Append)?,
                    What::Derived => {
                        postgres::make_derived(server, schema)?;
                        let session = Session::open(server, schema, Purpose::Derive)?;
                        postgres::derived_versions_agree(&session)?;
                        session
                    }
                };
                Ok(Connection::Postgres(Box::new(session)))
            }
        }
    }

    /// Make it anew, to be written whole: of no use to anybody, and lost with the machine, before [`Connection::finish_anew`].
    /// `by` says which program makes it.
    pub(crate) fn open_anew(&self, undoing: Undoing, by: &str) -> Result<Connection, StoreError> {
        match &self.at {
            At::File(path) => sqlite::anew::begin(path, undoing, by).map(|file| Connection::Sqlite(Box::new(file))),
            At::Schema { server, schema } => {
                let connection = self.open()?;
                postgres::begin_anew(server, schema, by)?;
                Ok(connection)
            }
        }
    }

    /// What [`Place::open_anew`] made at another time, where the same program can go on with it.
    pub(crate) fn go_on_anew(&self, undoing: Undoing, by: &str) -> Result<Option<Connection>, StoreError> {
        match &self.at {
            At::File(path) => {
                let found = sqlite::anew::go_on(path, undoing, by)?;
                Ok(found.map(|file| Connection::Sqlite(Box::new(file))))
            }
            At::Schema { server, schema } => {
                if postgres::begun_anew(server, schema, by)? {
                    self.open().map(Some)
                } else {
                    Ok(None)
                }
            }
        }
    }

    /// Open to look only.
    pub(crate) fn open_for_reading(&self) -> Result<Connection, StoreError> {
        match &self.at {
            At::File(path) => sqlite::open_store_for_reading(path, self.what).map(Connection::from),
            At::Schema { server, schema } => {
                let from = match self.what {
                    // Made of the journal, and as old as it says.
                    What::Derived => server.replica().unwrap_or(server),
                    What::Journal | What::Audit => server,
                };
                Ok(Connection::Postgres(Box::new(Session::open(from, schema, Purpose::Read)?)))
            }
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.at {
            At::File(path) => path.display().fmt(f),
            At::Schema { server, schema } => write!(f, "{server}, schema {schema}"),
        }
    }
}
