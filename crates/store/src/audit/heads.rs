//! The heads of the audit's chain: now and then the number and hash of the newest entry are signed and written to a file and
//! the log, so that whoever keeps a copy elsewhere can tell that the trail was written anew or its end cut off.

use crate::{Folder, StoreError};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::{SignedDuration, Timestamp};
use ring::{
    rand::SystemRandom,
    signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey},
};
use std::{
    fs::{File, OpenOptions},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
};

/// A head is signed after so many entries,
const ENTRIES_MAX: u64 = 1_000;
/// or when the newest is this much younger than the one last signed.
const TIME_MAX: SignedDuration = SignedDuration::from_mins(5);

/// The newest entry at some time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its number.
    pub n: u64,
    /// Its time.
    pub at: Timestamp,
    /// Its hash, hexadecimal.
    pub hash: String,
}

impl Head {
    fn words(&self) -> String {
        format!("{} {} {}", self.n, self.at, self.hash)
    }
}

/// The heads of a folder, their signatures checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heads {
    /// Oldest first.
    pub heads: Vec<Head>,
}

fn cannot(path: &Path, error: &dyn std::fmt::Display) -> StoreError {
    StoreError::Unusable(format!("{}: {error}", path.display()))
}

fn public(folder: &Folder) -> PathBuf {
    folder.path().join("audit.key.pub")
}

impl Heads {
    /// Read and check those of a folder, with the public key beside them.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] naming the line whose signature is not right; [`StoreError::Unusable`] when files are missing.
    pub fn read(folder: &Folder) -> Result<Self, StoreError> {
        let path = public(folder);
        match std::fs::read_to_string(&path) {
            Ok(key) => Self::read_with(&folder.audit_heads(), &key),
            // A trail that no version with heads has written to yet.
            Err(error) if error.kind() == ErrorKind::NotFound && !folder.audit_heads().is_file() => {
                Ok(Heads::default())
            }
            Err(error) => Err(cannot(&path, &error)),
        }
    }

    /// Read and check those of a file, with a public key (base64) that was kept elsewhere.
    ///
    /// # Errors
    /// As [`Heads::read`].
    pub fn read_with(file: &Path, key: &str) -> Result<Self, StoreError> {
        let key = STANDARD.decode(key.trim()).map_err(|error| cannot(file, &format!("the public key: {error}")))?;
        let key = UnparsedPublicKey::new(&ED25519, key);
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Heads::default()),
            Err(error) => return Err(cannot(file, &error)),
        };
        let mut heads = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let wrong =
                || StoreError::Corrupt(format!("{} line {}: its signature is not right", file.display(), index + 1));
            let (words, signature) = line.rsplit_once(' ').ok_or_else(wrong)?;
            let signature = STANDARD.decode(signature).map_err(|_| wrong())?;
            key.verify(words.as_bytes(), &signature).map_err(|_| wrong())?;
            let mut parts = words.split(' ');
            let (n, at, hash) = (parts.next(), parts.next(), parts.next());
            let head = (|| Some(Head { n: n?.parse().ok()?, at: at?.parse().ok()?, hash: hash?.to_owned() }))();
            heads.push(head.ok_or_else(wrong)?);
        }
        heads.sort_by_key(|head| head.n);
        Ok(Heads { heads })
    }
}

/// Writes heads.
pub(super) struct Writer {
    key: Ed25519KeyPair,
    file: File,
    newest: Option<Head>,
    signed: Option<Head>,
}

impl Writer {
    pub(super) fn open(folder: &Folder) -> Result<Self, StoreError> {
        let key = key(folder)?;
        let path = folder.audit_heads();
        let file = OpenOptions::new().create(true).append(true).open(&path).map_err(|error| cannot(&path, &error))?;
        Ok(Writer { key, file, newest: None, signed: None })
    }

    /// The chain has come to this entry.
    pub(super) fn reached(&mut self, head: &Head) {
        let due = match &self.signed {
            None => true,
            Some(signed) => head.n >= signed.n + ENTRIES_MAX || head.at.duration_since(signed.at) >= TIME_MAX,
        };
        self.newest = Some(head.clone());
        if due {
            self.sign();
        }
    }

    /// Nothing more comes.
    pub(super) fn finish(&mut self) {
        if self.newest != self.signed {
            self.sign();
        }
    }

    fn sign(&mut self) {
        let Some(head) = self.newest.clone() else { return };
        let words = head.words();
        let signature = STANDARD.encode(self.key.sign(words.as_bytes()));
        tracing::info!(n = head.n, hash = %head.hash, %signature, "head of the audit trail");
        // Without this line the trail is as whole as before; the next head is tried again.
        match self.file.write_all(format!("{words} {signature}\n").as_bytes()).and_then(|()| self.file.sync_data()) {
            Ok(()) => self.signed = Some(head),
            Err(error) => tracing::error!(%error, "a head of the audit trail could not be written"),
        }
    }
}

/// The signing key of a folder, made when there is none.
fn key(folder: &Folder) -> Result<Ed25519KeyPair, StoreError> {
    use std::os::unix::fs::OpenOptionsExt;
    let path = folder.audit_key();
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new());
            let made = made.map_err(|_| StoreError::Unusable("the system gives no random numbers".into()))?;
            let new = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&path);
            match new.and_then(|mut file| file.write_all(made.as_ref()).and_then(|()| file.sync_all())) {
                Ok(()) => made.as_ref().to_vec(),
                // Another process made one in the meantime.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    std::fs::read(&path).map_err(|error| cannot(&path, &error))?
                }
                Err(error) => return Err(cannot(&path, &error)),
            }
        }
        Err(error) => return Err(cannot(&path, &error)),
    };
    let key = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&bytes)
        .map_err(|error| cannot(&path, &format!("this is no signing key ({error})")))?;
    let shown = public(folder);
    if !shown.is_file() {
        let text = format!("{}\n", STANDARD.encode(key.public_key().as_ref()));
        std::fs::write(&shown, text).map_err(|error| cannot(&shown, &error))?;
    }
    Ok(key)
}
