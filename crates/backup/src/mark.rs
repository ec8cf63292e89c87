//! The mark in a data folder into which something is being put, and in its database: nothing is put over what is there, nobody uses
//! what is half there, and what was broken off is gone on with by asking for the same again.

use crate::{BackupError, error::target};
use serde::{Deserialize, Serialize};
use std::{
    fs::OpenOptions,
    io::{ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};
use store::{
    Folder, Server,
    truth::{Stream, TruthReader},
};

/// What was begun in a data folder and not finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unfinished {
    /// A restore out of a backup.
    Restore,
    /// A copy of another region's store.
    Copy,
}

impl Unfinished {
    const ALL: [Unfinished; 2] = [Unfinished::Restore, Unfinished::Copy];

    /// Its name, as the command that goes on with it is called.
    pub fn as_str(self) -> &'static str {
        match self {
            Unfinished::Restore => "restore",
            Unfinished::Copy => "copy",
        }
    }

    fn file(self) -> String {
        format!("{}.unfinished", self.as_str())
    }
}

/// What a database says was begun in it.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
struct Begun {
    what: Unfinished,
    asked: serde_json::Value,
}

/// What was begun in this folder and not finished, if anything was.
pub fn unfinished(folder: &Path) -> Option<Unfinished> {
    Unfinished::ALL.into_iter().find(|begun| folder.join(begun.file()).exists())
}

/// What was begun in this database and not finished, by whichever machine.
///
/// # Errors
/// The store's; [`BackupError::Refused`] where a later version of this program began something that this one does not know.
pub fn unfinished_there(server: &Server) -> Result<Option<Unfinished>, BackupError> {
    Ok(begun(server)?.map(|begun| begun.what))
}

fn begun(server: &Server) -> Result<Option<Begun>, BackupError> {
    let not_ours =
        |_| BackupError::Refused(format!("something was begun in {server} that this version of skein does not know"));
    server.begun()?.map(|text| serde_json::from_str(&text).map_err(not_ours)).transpose()
}

/// What was put into this folder is whole, derived state and all: it may be used.
///
/// # Errors
/// [`BackupError::Target`]; the store's.
pub fn finish(folder: &Folder) -> Result<(), BackupError> {
    if let Some(server) = folder.server() {
        server.finish()?;
    }
    for begun in Unfinished::ALL {
        let path = folder.path().join(begun.file());
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(target(&path)(error)),
            _ => {}
        }
    }
    Ok(())
}

/// That nothing is there but what the same, broken off, put there before. Says whether there was such a one.
pub(crate) fn begin(folder: &Folder, what: Unfinished, asked: &impl Serialize) -> Result<bool, BackupError> {
    let asked = serde_json::to_value(asked).map_err(|error| BackupError::damaged(folder.path(), error))?;
    let ours = Begun { what, asked };
    let there = folder.server().map(begun).transpose()?.flatten();
    if let (Some(server), Some(other)) = (folder.server(), there.as_ref().filter(|begun| **begun != ours)) {
        return Err(BackupError::Refused(format!(
            "a {} into {server} was begun and not finished: empty the database, or ask for the same again",
            other.what.as_str()
        )));
    }
    let resumed = begin_here(folder, &ours, there.is_some())?;
    if let (Some(server), None) = (folder.server(), &there) {
        let text = serde_json::to_string(&ours).map_err(|error| BackupError::damaged(folder.path(), error))?;
        server.begin(&text)?;
    }
    Ok(resumed || there.is_some())
}

/// The same of the data folder; and of its database, where that does not say that it was begun by this or another folder.
fn begin_here(folder: &Folder, Begun { what, asked }: &Begun, begun_there: bool) -> Result<bool, BackupError> {
    let (name, path) = (what.as_str(), folder.path().join(what.file()));
    let shown = folder.path().display();
    let asked = serde_json::to_vec(asked).map_err(|error| BackupError::damaged(&path, error))?;
    match std::fs::read(&path) {
        Ok(before) if before == asked => return Ok(true),
        // Killed while it was written: nothing else is there yet.
        Ok(before) if asked.starts_with(&before) => {
            put_file(&path, &asked)?;
            return Ok(false);
        }
        Ok(_) => {
            return Err(BackupError::Refused(format!(
                "another {name} into {shown} was begun and not finished: empty it, or ask for the same again"
            )));
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(target(&path)(error)),
    }
    let entries = std::fs::read_dir(folder.path()).map_err(target(folder.path()))?;
    for entry in entries {
        if entry.map_err(target(folder.path()))?.file_name() != "skein.lock" {
            return Err(BackupError::Refused(format!("{shown} is not empty: {name} into a new folder")));
        }
    }
    // A new database may have its tables already.
    if !begun_there && folder.journal().exists()? {
        let reader = TruthReader::open(folder)?;
        if reader.head(Stream::Journal)? > 0 || reader.head(Stream::Audit)? > 0 {
            return Err(BackupError::Refused(format!("{} is not empty: {name} into a new database", folder.journal())));
        }
    }
    put_file(&path, &asked)?;
    Ok(false)
}

/// Write a file that is its owner's alone, on disk when this returns.
pub(crate) fn put_file(path: &Path, bytes: &[u8]) -> Result<(), BackupError> {
    OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .map_err(target(path))
}
