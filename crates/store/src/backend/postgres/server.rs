//! The server a region's database is on: how it is named, and how it is reached.

use super::{
    failure::failure,
    wait::{runtime, wait},
};
use crate::StoreError;
use std::{fmt, path::Path, sync::Arc, time::Duration};
use tokio_postgres::{
    Client, Config,
    config::{Host, SslMode},
};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How long to wait for a connection.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);

/// A database of PostgreSQL, by its address. Shown without its password.
#[derive(Clone)]
pub struct Server {
    config: Arc<Config>,
    tls: Option<MakeRustlsConnect>,
    /// A copy that follows it, where what is shown is read from one.
    replica: Option<Arc<Server>>,
}

impl Server {
    /// Read an address: `postgres://user@host:port/database`, or the `key=value` form of libpq. The password may stand in a
    /// file of its own; the certificates of the authorities that sign the server's certificate in another (PEM).
    ///
    /// # Errors
    /// [`StoreError::Unusable`], naming what is wrong with it and never its password; also where the connection would go over a
    /// network unencrypted.
    pub fn parse(address: &str, password_file: Option<&Path>, authorities: Option<&Path>) -> Result<Self, StoreError> {
        let unusable = |text: String| StoreError::Unusable(text);
        let mut config: Config = address.parse().map_err(|_| {
            unusable("the store's address is none: postgres://user@host:port/database is needed".into())
        })?;
        if config.get_hosts().is_empty() {
            return Err(unusable(
                "the store's address names no host: postgres://user@host:port/database is needed".into(),
            ));
        }
        if config.get_dbname().is_none() {
            return Err(unusable("the store's address names no database: postgres://user@host:port/database".into()));
        }
        let read = |file: &Path| {
            std::fs::read(file).map_err(|error| unusable(format!("cannot read {}: {error}", file.display())))
        };
        if let Some(file) = password_file {
            config.password(read(file)?.trim_ascii_end());
        }
        let tls = authorities.map(|file| tls(file, &read(file)?)).transpose()?;
        let far = config.get_hosts().iter().any(|host| match host {
            Host::Tcp(name) => !matches!(name.as_str(), "localhost" | "127.0.0.1" | "::1"),
            Host::Unix(_) => false,
        });
        match (&tls, far) {
            (None, true) => {
                return Err(unusable(
                    "the store's database is on another machine, and its connection would not be encrypted: name the \
                     authorities that sign the server's certificate (region.store_authorities)"
                        .into(),
                ));
            }
            (None, false) => config.ssl_mode(SslMode::Disable),
            (Some(_), _) if config.get_hosts().iter().any(|host| matches!(host, Host::Tcp(_))) => {
                config.ssl_mode(SslMode::Require)
            }
            (Some(_), _) => config.ssl_mode(SslMode::Disable),
        };
        config.application_name("skein").connect_timeout(CONNECT_TIME_MAX).keepalives_idle(Duration::from_secs(30));
        Ok(Server { config: Arc::new(config), tls, replica: None })
    }

    /// The same, with what is shown read from a copy that follows it (streaming replication): as old as the copy is behind.
    /// Whatever must be known for certain is asked of this one.
    #[must_use]
    pub fn read_from(self, replica: Server) -> Self {
        Server { replica: Some(Arc::new(replica)), ..self }
    }

    /// The copy from which what is shown is read, if there is one.
    pub fn replica(&self) -> Option<&Server> {
        self.replica.as_deref()
    }

    /// An empty database of this name on the same server, for measuring; one of that name that is there is thrown away.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] for a name that is not one of small letters, digits and `_` beginning with `skein_bench`, and when
    /// the server refuses; [`StoreError::Away`].
    pub fn scratch(&self, name: &str) -> Result<Server, StoreError> {
        self.throw_away(name)?;
        self.connect(&format!("CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0"))?;
        Ok(self.another(name))
    }

    /// Another database on the same server.
    pub fn another(&self, name: &str) -> Server {
        let mut config = (*self.config).clone();
        config.dbname(name);
        Server { config: Arc::new(config), tls: self.tls.clone(), replica: None }
    }

    /// Throw away a database that [`Server::scratch`] made.
    ///
    /// # Errors
    /// As there.
    pub fn throw_away(&self, name: &str) -> Result<(), StoreError> {
        let plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if !plain || !name.starts_with("skein_bench") {
            return Err(StoreError::Unusable(format!("{name} is no name of a database for measuring")));
        }
        self.connect(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))?;
        Ok(())
    }

    /// Cut every connection to the database of a region that [`Server::scratch`] made, as its server does when it is restarted.
    ///
    /// # Errors
    /// As there.
    pub fn cut_off(&self) -> Result<(), StoreError> {
        self.connect(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )?;
        Ok(())
    }

    /// Connect, and begin with these statements.
    pub(super) fn connect(&self, first: &str) -> Result<Client, StoreError> {
        let runtime = runtime()?;
        let config = self.config.clone();
        let client = match self.tls.clone() {
            None => wait(runtime.spawn(async move {
                let (client, connection) = config.connect(tokio_postgres::NoTls).await?;
                // Its end is told to whoever waits for an answer.
                tokio::spawn(connection);
                Ok(client)
            })),
            Some(tls) => wait(runtime.spawn(async move {
                let (client, connection) = config.connect(tls).await?;
                tokio::spawn(connection);
                Ok(client)
            })),
        };
        let client = client
            .map_err(|_| StoreError::Stopped("a thread that talks to PostgreSQL panicked".into()))?
            .map_err(|error: tokio_postgres::Error| match failure(&error) {
                StoreError::Away(why) => StoreError::Away(format!("{self}: {why}")),
                StoreError::Unusable(why) => StoreError::Unusable(format!("{self}: {why}")),
                other => other,
            })?;
        wait(client.batch_execute(first)).map_err(|error| failure(&error))?;
        Ok(client)
    }
}

fn tls(file: &Path, pem: &[u8]) -> Result<MakeRustlsConnect, StoreError> {
    use rustls::pki_types::{CertificateDer, pem::PemObject};
    let unusable = |text: &str| StoreError::Unusable(format!("{}: {text}", file.display()));
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|_| unusable("this is no PEM file of certificates"))?;
        roots.add(certificate).map_err(|_| unusable("it holds a certificate that cannot be used"))?;
    }
    if roots.is_empty() {
        return Err(unusable("it holds no certificate"));
    }
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(&error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = match self.config.get_hosts().first() {
            Some(Host::Tcp(name)) => name.clone(),
            Some(Host::Unix(path)) => path.display().to_string(),
            None => String::new(),
        };
        let port = self.config.get_ports().first().copied().unwrap_or(5432);
        write!(f, "PostgreSQL at {host}:{port}, database {}", self.config.get_dbname().unwrap_or_default())
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
