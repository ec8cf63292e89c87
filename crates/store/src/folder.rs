//! The folder a region lives in: who may open it, and which files it holds.

use crate::{
    Server, StoreError,
    backend::{Place, What},
};
use std::{
    fs::{File, Metadata, TryLockError},
    path::{Path, PathBuf},
};

/// A region's data folder. While it is held for writing, no other process can hold it.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    server: Option<Server>,
    /// What the process is called beside others on the same database.
    process: String,
    _lock: Option<File>,
}

impl Folder {
    /// Open for the one process that runs the pipeline. Makes the folder if its parent exists.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] with a sentence that says what to do.
    pub fn hold(path: &Path) -> Result<Self, StoreError> {
        Self::hold_with(path, None)
    }

    /// The same, with journal, audit trail and derived state in a database of PostgreSQL. What is this machine's alone stays in
    /// the folder: drafts, what was told to whom, the signed heads of the audit trail and their key.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] with a sentence that says what to do; [`StoreError::Away`].
    pub fn hold_with(path: &Path, server: Option<Server>) -> Result<Self, StoreError> {
        let shown = path.display();
        if !path.is_dir() {
            // Nobody else on this machine reads what is kept here.
            std::os::unix::fs::DirBuilderExt::mode(std::fs::DirBuilder::new().recursive(true), 0o700)
                .create(path)
                .map_err(|e| StoreError::Unusable(format!("cannot make the data folder {shown}: {e}")))?;
        }
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join("skein.lock"))
            .map_err(|e| StoreError::Unusable(format!("cannot write in the data folder {shown}: {e}")))?;
        match lock.try_lock() {
            Ok(()) => {
                server.as_ref().map_or(Ok(()), Server::check)?;
                Ok(Folder { path: path.to_owned(), server, process: a_process(), _lock: Some(lock) })
            }
            Err(TryLockError::WouldBlock) => Err(StoreError::Unusable(format!(
                "the data folder {shown} is in use by another skein process: stop it first, or choose another folder"
            ))),
            Err(TryLockError::Error(e)) => {
                Err(StoreError::Unusable(format!("cannot lock the data folder {shown}: {e}")))
            }
        }
    }

    /// Open beside a running process, to look and to append decisions to the journal.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] when there is no region in the folder.
    pub fn visit(path: &Path) -> Result<Self, StoreError> {
        if !path.join("journal.db").is_file() {
            return Err(StoreError::Unusable(format!("there is no region in {}: no journal.db", path.display())));
        }
        Ok(Folder { path: path.to_owned(), server: None, process: a_process(), _lock: None })
    }

    /// The same, with the region's database in PostgreSQL.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] when there is no region in it; [`StoreError::Away`].
    pub fn visit_with(path: &Path, server: Option<Server>) -> Result<Self, StoreError> {
        match server {
            None => Self::visit(path),
            Some(server) => {
                server.check()?;
                Ok(Folder { path: path.to_owned(), server: Some(server), process: a_process(), _lock: None })
            }
        }
    }

    /// The same region, for somebody else who looks.
    pub fn visitor(&self) -> Self {
        Folder { path: self.path.clone(), server: self.server.clone(), process: self.process.clone(), _lock: None }
    }

    /// Say what this process is called beside others on the same database: its machine and number, for a person to read.
    #[must_use]
    pub fn called(self, process: String) -> Self {
        Folder { process, ..self }
    }

    pub(crate) fn process(&self) -> &str {
        &self.process
    }

    fn place(&self, what: What, file: &str) -> Place {
        match &self.server {
            None => Place::file(what, self.path.join(file)),
            Some(server) => Place::database(what, server),
        }
    }

    /// The database the region is in, where it is in one.
    pub fn server(&self) -> Option<&Server> {
        self.server.as_ref()
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the journal is.
    pub fn journal(&self) -> Place {
        self.place(What::Journal, "journal.db")
    }

    /// Where the audit trail is.
    pub fn audit(&self) -> Place {
        self.place(What::Audit, "audit.db")
    }

    /// Where the heads of the audit's chain are written, signed.
    pub fn audit_heads(&self) -> PathBuf {
        self.path.join("audit-heads.log")
    }

    /// The key they are signed with. Its public half is beside it, with `.pub`.
    pub fn audit_key(&self) -> PathBuf {
        self.path.join("audit.key")
    }

    /// Where the derived state is.
    pub fn derived(&self) -> Place {
        self.place(What::Derived, "derived.db")
    }

    /// Where another derived state may be made beside the one in use.
    pub fn derived_beside(&self, name: &str) -> Place {
        self.derived().beside(name)
    }

    /// Remove other derived states, in files of the folder, whose names begin so and of which `left` says by the rest of the name and
    /// the file that nobody will come back to them. Each is as large as the one in use. What is in a database may be another machine's.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] when one cannot be removed.
    pub fn sweep_beside(&self, prefix: &str, left: impl Fn(&str, &Metadata) -> bool) -> Result<(), StoreError> {
        let cannot = |error| StoreError::Unusable(format!("cannot read {}: {error}", self.path.display()));
        for file in std::fs::read_dir(&self.path).map_err(cannot)? {
            let file = file.map_err(cannot)?;
            let name = file.file_name();
            let rest = name.to_str().and_then(|name| name.strip_suffix(".db")?.strip_prefix(prefix));
            if let Some(rest) = rest
                && file.metadata().is_ok_and(|found| left(rest, &found))
            {
                Place::derived_file(&file.path()).remove()?;
            }
        }
        Ok(())
    }
}

fn a_process() -> String {
    format!("process {}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_was_left_beside_is_swept_and_nothing_else() {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::hold(home.path()).unwrap();
        for file in
            ["verify-7.db", "verify-7.db-wal", "verify-8.db", "verify-.db", "verify-7.txt", "derived.db", "rebuild.db"]
        {
            std::fs::write(home.path().join(file), "").unwrap();
        }
        folder.sweep_beside("verify-", |process, _| process == "7").unwrap();
        let there = |file: &str| home.path().join(file).exists();
        assert!(!there("verify-7.db") && !there("verify-7.db-wal"));
        assert!(["verify-8.db", "verify-.db", "verify-7.txt", "derived.db", "rebuild.db"].into_iter().all(there));
    }

    #[test]
    fn a_new_data_folder_is_its_owners_alone() {
        let parent = tempfile::tempdir().expect("a folder");
        let path = parent.path().join("data");
        let _held = Folder::hold(&path).expect("held");
        let mode = std::fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o077, 0, "{mode:o}");
    }
}
