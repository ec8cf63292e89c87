//! The server a region's database is on: how it is named, and how it is reached.

use super::{
    failure::failure,
    wire::{Socket, Stream, Wire, wait_at},
};
use crate::StoreError;
use std::{
    fmt, io,
    net::{TcpStream, ToSocketAddrs},
    os::unix::net::UnixStream,
    path::Path,
    sync::Arc,
    time::Duration,
};
use tokio_postgres::{
    Client, Config, NoTls, SimpleQueryMessage,
    config::{Host, LoadBalanceHosts, SslMode, TargetSessionAttrs},
    tls::MakeTlsConnect,
};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How long to wait for a connection.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
/// How long to wait for a server that has taken the connection until it says that it may be used.
const GREETING_TIME_MAX: Duration = Duration::from_secs(30);
const PORT: u16 = 5432;

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
    pub(super) fn connect(&self, first: &str) -> Result<(Client, Wire), StoreError> {
        let count = self.config.get_hosts().len().max(self.config.get_hostaddrs().len());
        let mut places: Vec<usize> = (0..count).collect();
        if self.config.get_load_balance_hosts() == LoadBalanceHosts::Random && count > 1 {
            let mut random = [0u8];
            // Without a random number it is the first that is asked first.
            let _ = ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut random);
            let [random] = random;
            places.rotate_left(usize::from(random) % count);
        }
        let mut outcome = Err(StoreError::Away(format!("{self}: no host")));
        for place in places {
            outcome = self.connect_to(place);
            if outcome.is_ok() {
                break;
            }
        }
        let (client, wire) = outcome?;
        wire.wait(client.batch_execute(first)).map_err(|error| failure(&error))?;
        Ok((client, wire))
    }

    /// Connect to one of the hosts.
    fn connect_to(&self, place: usize) -> Result<(Client, Wire), StoreError> {
        let ports = self.config.get_ports();
        let port = ports.get(place).or_else(|| ports.first()).copied().unwrap_or(PORT);
        let host = self.config.get_hosts().get(place);
        let away = |error: io::Error| StoreError::Away(format!("{self}: error connecting to server: {error}"));
        match (self.config.get_hostaddrs().get(place), host) {
            (None, Some(Host::Unix(folder))) => {
                let stream = UnixStream::connect(folder.join(format!(".s.PGSQL.{port}"))).map_err(away)?;
                self.greet(Socket::unix(stream).map_err(away)?, "")
            }
            (address, host) => {
                let name = match host {
                    Some(Host::Tcp(name)) => name.as_str(),
                    Some(Host::Unix(_)) | None => "",
                };
                let address = address.map_or_else(|| name.to_owned(), ToString::to_string);
                let mut outcome = Err(StoreError::Away(format!("{self}: could not resolve any addresses")));
                for address in (address.as_str(), port).to_socket_addrs().map_err(away)? {
                    let stream = TcpStream::connect_timeout(&address, CONNECT_TIME_MAX);
                    let socket = stream.and_then(|stream| self.keep_alive(&stream).and_then(|()| Socket::tcp(stream)));
                    outcome = socket.map_err(away).and_then(|socket| self.greet(socket, name));
                    if outcome.is_ok() {
                        break;
                    }
                }
                outcome
            }
        }
    }

    /// A server that is gone without a word is noticed.
    fn keep_alive(&self, stream: &TcpStream) -> io::Result<()> {
        use rustix::net::sockopt;
        if let Some(time) = self.config.get_tcp_user_timeout() {
            sockopt::set_tcp_user_timeout(stream, u32::try_from(time.as_millis()).unwrap_or(u32::MAX))?;
        }
        if !self.config.get_keepalives() {
            return Ok(());
        }
        sockopt::set_socket_keepalive(stream, true)?;
        sockopt::set_tcp_keepidle(stream, self.config.get_keepalives_idle())?;
        if let Some(interval) = self.config.get_keepalives_interval() {
            sockopt::set_tcp_keepintvl(stream, interval)?;
        }
        if let Some(retries) = self.config.get_keepalives_retries() {
            sockopt::set_tcp_keepcnt(stream, retries)?;
        }
        Ok(())
    }

    /// Sign in over a socket.
    fn greet(&self, socket: Arc<Socket>, name: &str) -> Result<(Client, Wire), StoreError> {
        let slow = || StoreError::Away(format!("{self}: it does not answer"));
        let refused = |error: tokio_postgres::Error| match failure(&error) {
            StoreError::Away(why) => StoreError::Away(format!("{self}: {why}")),
            StoreError::Unusable(why) => StoreError::Unusable(format!("{self}: {why}")),
            other => other,
        };
        let (client, wire) = match self.tls.clone() {
            None => {
                let greeted = self.config.connect_raw(socket.stream(), NoTls);
                let greeted = wait_at(&socket, GREETING_TIME_MAX, greeted).ok_or_else(slow)?;
                let (client, connection) = greeted.map_err(refused)?;
                (client, Wire::new(socket, connection))
            }
            Some(mut tls) => {
                let tls = MakeTlsConnect::<Stream>::make_tls_connect(&mut tls, name)
                    .map_err(|error| StoreError::Unusable(format!("{self}: {error}")))?;
                let greeted = self.config.connect_raw(socket.stream(), tls);
                let greeted = wait_at(&socket, GREETING_TIME_MAX, greeted).ok_or_else(slow)?;
                let (client, connection) = greeted.map_err(refused)?;
                (client, Wire::new(socket, connection))
            }
        };
        let wanted = self.config.get_target_session_attrs();
        if wanted != TargetSessionAttrs::Any {
            let said = wire.wait(client.simple_query("SHOW transaction_read_only")).map_err(refused)?;
            let read_only = said.iter().any(
                |message| matches!(message, SimpleQueryMessage::Row(row) if row.try_get(0).is_ok_and(|on| on == Some("on"))),
            );
            if read_only != (wanted == TargetSessionAttrs::ReadOnly) {
                return Err(StoreError::Away(format!("{self}: this server is not the one that is wanted")));
            }
        }
        Ok((client, wire))
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
        let port = self.config.get_ports().first().copied().unwrap_or(PORT);
        write!(f, "PostgreSQL at {host}:{port}, database {}", self.config.get_dbname().unwrap_or_default())
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
