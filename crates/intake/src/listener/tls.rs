//! TLS for feeds: PEM files in, rustls configurations out, and an error that names the file when one is wrong.

mod named;

pub use named::Senders;

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

/// Which files a listener's TLS comes from. All PEM.
#[derive(Clone, Debug)]
pub struct ServerFiles {
    /// The certificate chain, leaf first.
    pub certificate: PathBuf,
    /// The private key of the leaf.
    pub key: PathBuf,
    /// The authorities that sign senders' certificates. `None`: senders show none.
    pub client_authorities: Option<PathBuf>,
    /// May a sender come without a certificate? Only with `client_authorities`.
    pub client_optional: bool,
    /// Of those that the authorities signed, these alone.
    pub senders: Senders,
}

/// Which files a sender's TLS comes from. All PEM.
#[derive(Clone, Debug)]
pub struct ClientFiles {
    /// The authorities that sign the listener's certificate.
    pub authorities: PathBuf,
    /// Our own certificate chain and key, for listeners that ask for one.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// Why TLS could not be set up. The text names the file and what to do.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {file}: {why}", file = file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// Why not.
        why: String,
    },
    /// A file holds nothing of what it should.
    #[error("{file} holds no {what} in PEM form (-----BEGIN …-----)", file = file.display())]
    Empty {
        /// Which.
        file: PathBuf,
        /// What is missing.
        what: &'static str,
    },
    /// A file is damaged.
    #[error("{file} is damaged: {why}", file = file.display())]
    Damaged {
        /// Which.
        file: PathBuf,
        /// How.
        why: String,
    },
    /// Certificate and key are not a pair.
    #[error("the key in {key} does not belong to the certificate in {certificate}: {why}",
        key = key.display(), certificate = certificate.display())]
    Pair {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What rustls says.
        why: String,
    },
    /// The authorities cannot be used.
    #[error("the authorities in {file} cannot be used: {why}", file = file.display())]
    Authorities {
        /// Which.
        file: PathBuf,
        /// Why not.
        why: String,
    },
    /// The protocol versions cannot be set up.
    #[error("TLS: {0}")]
    Setup(String),
}

/// How often a listener looks whether its files were renewed.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// A listener's TLS, whose files may be renewed while it listens: connections that begin later use the new ones. Files
/// that cannot be used change nothing.
#[derive(Debug)]
pub struct Renewed {
    files: ServerFiles,
    /// Application protocols to offer (ALPN).
    protocols: Vec<Vec<u8>>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    config: Arc<ServerConfig>,
    /// As the files were when they were read last, whether they could be used or not.
    stamps: Vec<Stamp>,
    looked: Instant,
}

/// What changes about a file when it is replaced or written to: its inode, length and time. `None`: not there.
type Stamp = Option<(u64, u64, i64, i64)>;

impl Renewed {
    /// Reads the files.
    ///
    /// # Errors
    /// As [`server`].
    pub fn open(files: ServerFiles, protocols: Vec<Vec<u8>>) -> Result<Self, TlsError> {
        let stamps = stamps(&files);
        let config = with_protocols(server(&files)?, &protocols);
        Ok(Self { files, protocols, state: Mutex::new(State { config, stamps, looked: Instant::now() }) })
    }

    /// For the next connection. Looks at the files every few seconds.
    pub fn acceptor(&self) -> TlsAcceptor {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.looked.elapsed() >= LOOK_EVERY {
            state.looked = Instant::now();
            let stamps = stamps(&self.files);
            if stamps != state.stamps {
                state.stamps = stamps;
                let file = self.files.certificate.display();
                match server(&self.files) {
                    Ok(config) => {
                        state.config = with_protocols(config, &self.protocols);
                        tracing::info!(%file, "the certificate was renewed");
                    }
                    Err(error) => tracing::error!(%file, %error, "the renewed certificate is no use; the former stays"),
                }
            }
        }
        TlsAcceptor::from(Arc::clone(&state.config))
    }
}

fn stamps(files: &ServerFiles) -> Vec<Stamp> {
    let stamp = |file: &Path| {
        let about = std::fs::metadata(file).ok()?;
        Some((about.ino(), about.len(), about.mtime(), about.mtime_nsec()))
    };
    [Some(&files.certificate), Some(&files.key), files.client_authorities.as_ref()]
        .into_iter()
        .flatten()
        .map(|file| stamp(file))
        .collect()
}

fn with_protocols(config: Arc<ServerConfig>, protocols: &[Vec<u8>]) -> Arc<ServerConfig> {
    let mut config = (*config).clone();
    config.alpn_protocols = protocols.to_vec();
    Arc::new(config)
}

/// A listener's TLS.
///
/// # Errors
/// When a file is missing, damaged or does not fit: the text says which.
pub fn server(files: &ServerFiles) -> Result<Arc<ServerConfig>, TlsError> {
    let chain = certificates(&files.certificate)?;
    let key = key(&files.key)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|e| TlsError::Setup(e.to_string()))?;
    let builder = match &files.client_authorities {
        None => builder.with_no_client_auth(),
        Some(file) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots(file)?), provider);
            let verifier = if files.client_optional { verifier.allow_unauthenticated() } else { verifier };
            let verifier =
                verifier.build().map_err(|e| TlsError::Authorities { file: file.clone(), why: e.to_string() })?;
            if files.senders.is_empty() {
                builder.with_client_cert_verifier(verifier)
            } else {
                let named = named::Named { inner: verifier, senders: files.senders.clone() };
                builder.with_client_cert_verifier(Arc::new(named))
            }
        }
    };
    let config = builder.with_single_cert(chain, key).map_err(|e| TlsError::Pair {
        certificate: files.certificate.clone(),
        key: files.key.clone(),
        why: e.to_string(),
    })?;
    Ok(Arc::new(config))
}

/// A sender's TLS.
///
/// # Errors
/// As [`server`].
pub fn client(files: &ClientFiles) -> Result<Arc<ClientConfig>, TlsError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| TlsError::Setup(e.to_string()))?
        .with_root_certificates(roots(&files.authorities)?);
    let config = match &files.identity {
        None => builder.with_no_client_auth(),
        Some((certificate, key_file)) => {
            let (chain, private) = (certificates(certificate)?, key(key_file)?);
            builder.with_client_auth_cert(chain, private).map_err(|e| TlsError::Pair {
                certificate: certificate.clone(),
                key: key_file.clone(),
                why: e.to_string(),
            })?
        }
    };
    Ok(Arc::new(config))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read(file)?;
    let chain = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| TlsError::Damaged { file: file.to_owned(), why: e.to_string() })?;
    if chain.is_empty() {
        return Err(TlsError::Empty { file: file.to_owned(), what: "certificate" });
    }
    Ok(chain)
}

fn key(file: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(&read(file)?).map_err(|e| match e {
        pem::Error::NoItemsFound => TlsError::Empty { file: file.to_owned(), what: "private key" },
        e => TlsError::Damaged { file: file.to_owned(), why: e.to_string() },
    })
}

fn roots(file: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file)? {
        roots.add(certificate).map_err(|e| TlsError::Authorities { file: file.to_owned(), why: e.to_string() })?;
    }
    Ok(roots)
}

fn read(file: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(file).map_err(|e| TlsError::File { file: file.to_owned(), why: e.to_string() })
}
