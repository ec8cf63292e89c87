//! An MLLP feed: a socket on which one source sends HL7 v2, plain or over TLS.
//!
//! A frame is decided on ([`crate::answer`]), handed to the [`Sink`], and answered once the sink says it is durable, in the
//! order in which frames came. Everything has a limit: connections, frames, bytes in memory, idleness, answers that are
//! not taken.

mod connection;
mod counters;
mod query;
pub mod tls;

pub use counters::{Counters, Snapshot};
pub use query::{Asked, Responder, Response};

use crate::answer::Rules;
use crate::engine::Applied;
use jiff::Timestamp;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Reads the clock. The edge hands it in; tests hand in their own.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// A message for the sink, with the answer its sender will get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The source that speaks on the feed.
    pub source: Arc<str>,
    /// The feed's name.
    pub feed: Arc<str>,
    /// When it came.
    pub received: Timestamp,
    /// What makes a repeat (see [`crate::answer::Decision::ident`]).
    pub ident: String,
    /// The message, byte for byte, without its frame.
    pub body: Vec<u8>,
    /// The answer to keep with it; `None` where the sender wants none.
    pub answer: Option<Vec<u8>>,
    /// It can go on to mapping; if not, to the error desk.
    pub readable: bool,
}

/// What became of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored {
    /// It is on disk.
    New {
        /// Where, for [`Sink::processed`].
        pos: u64,
    },
    /// It was on disk before; this answer was given then.
    Repeat {
        /// Where.
        pos: u64,
        /// The stored answer.
        answer: Option<Vec<u8>>,
    },
}

/// It could not be stored. The reason goes to the sender, so it holds nothing about a person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not stored: {0}")]
pub struct NotStored(pub String);

/// Resolves once the delivery is durable.
pub type Ticket = Pin<Box<dyn Future<Output = Result<Stored, NotStored>> + Send>>;

/// Where messages go: the engine, or a test's list.
pub trait Sink: Send + Sync + 'static {
    /// Takes a message. Called in the order in which messages came on a connection; waits while the sink is full. The
    /// ticket then resolves once the message is durable, and gets there without being polled: several are held and
    /// awaited one after another.
    fn submit(&self, delivery: Delivery) -> impl Future<Output = Result<Ticket, NotStored>> + Send;

    /// Waits until what is stored at `pos` has been processed, and says what became of it; `None` when processing has
    /// stopped.
    fn processed(&self, pos: u64) -> impl Future<Output = Option<Applied>> + Send;
}

impl<S: Sink> Sink for Arc<S> {
    fn submit(&self, delivery: Delivery) -> impl Future<Output = Result<Ticket, NotStored>> + Send {
        (**self).submit(delivery)
    }

    fn processed(&self, pos: u64) -> impl Future<Output = Option<Applied>> + Send {
        (**self).processed(pos)
    }
}

/// A feed's settings.
#[derive(Clone, Debug)]
pub struct ListenerConfig {
    /// The feed's name, for logs and metrics.
    pub feed: String,
    /// The source that speaks on it.
    pub source: String,
    /// Where to listen.
    pub address: SocketAddr,
    /// TLS; `None`: plain.
    pub tls: Option<tls::ServerFiles>,
    /// How to answer.
    pub rules: Rules,
    /// Connections at once; the next one waits until one ends.
    pub connections_max: usize,
    /// The largest message, in bytes. A larger one is refused with an answer and skipped; the connection goes on.
    pub frame_bytes_max: usize,
    /// A connection on which nothing comes for so long is closed.
    pub idle_max: Duration,
    /// A message must have come whole within this time of its first byte.
    pub frame_time_max: Duration,
    /// An answer must be taken within this time.
    pub answer_time_max: Duration,
    /// Messages of one connection that may wait for their answers; the sender is not read further until some are answered.
    pub in_flight_max: usize,
    /// Bytes of messages of the whole feed that may wait to be stored.
    pub in_flight_bytes_max: usize,
    /// How long connections may take to finish the message in hand when the listener stops.
    pub stop_time_max: Duration,
}

impl ListenerConfig {
    /// The usual limits.
    #[must_use]
    pub fn new(feed: impl Into<String>, source: impl Into<String>, address: SocketAddr) -> Self {
        Self {
            feed: feed.into(),
            source: source.into(),
            address,
            tls: None,
            rules: Rules::default(),
            connections_max: 64,
            frame_bytes_max: 64 * 1024 * 1024,
            idle_max: Duration::from_secs(900),
            frame_time_max: Duration::from_secs(300),
            answer_time_max: Duration::from_secs(30),
            in_flight_max: 64,
            in_flight_bytes_max: 256 * 1024 * 1024,
            stop_time_max: Duration::from_secs(10),
        }
    }
}

/// Why a feed cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The address cannot be had.
    #[error("feed {feed} cannot listen on {address}: {}", words(.why))]
    Bind {
        /// The feed.
        feed: String,
        /// The address.
        address: SocketAddr,
        /// What the system says.
        why: io::Error,
    },
    /// Its TLS cannot be set up.
    #[error("feed {feed}: {why}")]
    Tls {
        /// The feed.
        feed: String,
        /// What is wrong with which file.
        why: tls::TlsError,
    },
}

fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "the port is in use, by another program or another feed".to_owned(),
        io::ErrorKind::PermissionDenied => "this user may not use the port".to_owned(),
        io::ErrorKind::AddrNotAvailable => "this machine has no such address".to_owned(),
        _ => error.to_string(),
    }
}

/// Takes connections: a socket of the system's, or one on a network whose faults a test throws.
pub trait Accept: Send + Sync + 'static {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static;

    /// Waits for the next connection; with the address it comes from.
    fn accept(&self) -> impl Future<Output = io::Result<(Self::Stream, SocketAddr)>> + Send;

    /// The address it has.
    ///
    /// # Errors
    /// When the system cannot say.
    fn local_addr(&self) -> io::Result<SocketAddr>;
}

impl Accept for TcpListener {
    type Stream = TcpStream;

    async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, peer) = TcpListener::accept(self).await?;
        // Answers are small and awaited: they must not wait for company.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY");
        }
        Ok((stream, peer))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        TcpListener::local_addr(self)
    }
}

/// A feed that has its socket, so that a wrong port or certificate shows before anything starts.
pub struct Listener<A = TcpListener> {
    socket: A,
    tls: Option<Arc<tls::Renewed>>,
    config: ListenerConfig,
    counters: Arc<Counters>,
    responder: Option<Arc<dyn Responder>>,
}

impl<A> std::fmt::Debug for Listener<A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listener").field("config", &self.config).finish_non_exhaustive()
    }
}

/// Bytes that may wait are counted in units of this many, because a semaphore counts in 32 bits.
const UNIT: usize = 1024;
/// Partial messages above this many bytes need one of [`LARGE_FRAMES_MAX`] places.
const LARGE_FRAME_BYTES: usize = 1024 * 1024;
/// How many connections of a feed may hold a large partial message at once.
const LARGE_FRAMES_MAX: usize = 4;
/// A TLS handshake must be done within this time.
const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(10);
/// Waiting times after errors of the listening socket (too many open files, mostly).
const ACCEPT_PAUSE_MIN: Duration = Duration::from_millis(10);
const ACCEPT_PAUSE_MAX: Duration = Duration::from_secs(1);

impl Listener<TcpListener> {
    /// Takes the address and reads the certificates.
    ///
    /// # Errors
    /// When the address cannot be had or a certificate cannot be used.
    pub async fn bind(config: ListenerConfig) -> Result<Self, ListenError> {
        let tls = of_files(&config)?;
        let socket = TcpListener::bind(config.address).await.map_err(|why| ListenError::Bind {
            feed: config.feed.clone(),
            address: config.address,
            why,
        })?;
        Ok(Self { socket, tls, config, counters: Arc::default(), responder: None })
    }
}

fn of_files(config: &ListenerConfig) -> Result<Option<Arc<tls::Renewed>>, ListenError> {
    let open = |files: &tls::ServerFiles| {
        let renewed = tls::Renewed::open(files.clone(), Vec::new());
        renewed.map(Arc::new).map_err(|why| ListenError::Tls { feed: config.feed.clone(), why })
    };
    config.tls.as_ref().map(open).transpose()
}

impl<A: Accept> Listener<A> {
    /// Listens on a socket that is there already; `config.address` is not looked at.
    ///
    /// # Errors
    /// When a certificate cannot be used.
    pub fn over(socket: A, config: ListenerConfig) -> Result<Self, ListenError> {
        Ok(Self { socket, tls: of_files(&config)?, config, counters: Arc::default(), responder: None })
    }

    /// Queries on this feed are answered by `responder`. Without one they are refused.
    #[must_use]
    pub fn answering(mut self, responder: Arc<dyn Responder>) -> Self {
        self.responder = Some(responder);
        self
    }

    /// The address it has: the port, where the configuration said 0.
    ///
    /// # Errors
    /// When the system cannot say.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// The feed's counters; they stay readable while it runs.
    #[must_use]
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }

    /// Listens until `stop`. Then no new connection is taken, messages in hand are finished and answered, and every
    /// connection is closed.
    pub async fn run<S: Sink>(self, sink: S, clock: Clock, stop: CancellationToken) {
        let Self { socket, tls, config, counters, responder } = self;
        let permits = Arc::new(Semaphore::new(config.connections_max.max(1)));
        let grace = config.stop_time_max;
        let stamp = u64::try_from(clock().as_millisecond()).unwrap_or(0);
        let feed = Arc::new(Feed {
            source: config.source.as_str().into(),
            name: config.feed.as_str().into(),
            memory: Arc::new(Semaphore::new(
                config.in_flight_bytes_max.div_ceil(UNIT).clamp(1, Semaphore::MAX_PERMITS),
            )),
            large: Arc::new(Semaphore::new(LARGE_FRAMES_MAX)),
            config,
            sink,
            responder,
            clock,
            counters,
            answers: AtomicU64::new(0),
            stamp,
            refusals_said: std::sync::Mutex::default(),
            stop: stop.clone(),
        });
        tracing::info!(feed = &*feed.name, tls = tls.is_some(), "listening");
        let connections = TaskTracker::new();
        let kill = CancellationToken::new();
        let mut pause = ACCEPT_PAUSE_MIN;
        loop {
            if permits.available_permits() == 0 {
                Counters::one(&feed.counters.connections_full);
                tracing::warn!(feed = &*feed.name, "all connections are taken; the next sender waits");
            }
            let permit = tokio::select! {
                () = stop.cancelled() => break,
                permit = Arc::clone(&permits).acquire_owned() => permit,
            };
            let Ok(permit) = permit else { break };
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                accepted = socket.accept() => accepted,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    Counters::one(&feed.counters.accept_failed);
                    tracing::error!(feed = &*feed.name, %error, "cannot take a connection; trying again");
                    sleep(pause).await;
                    pause = (pause * 2).min(ACCEPT_PAUSE_MAX);
                    continue;
                }
            };
            pause = ACCEPT_PAUSE_MIN;
            let (feed, tls, kill) = (Arc::clone(&feed), tls.clone(), kill.clone());
            connections.spawn(async move {
                tokio::select! {
                    () = kill.cancelled() => {}
                    () = feed.connected(stream, peer, tls) => {}
                }
                drop(permit);
            });
        }
        drop(socket);
        connections.close();
        if timeout(grace, connections.wait()).await.is_err() {
            tracing::warn!(feed = &*feed.name, "connections did not end in time and are cut");
            kill.cancel();
            connections.wait().await;
        }
        tracing::info!(feed = &*feed.name, "stopped");
    }
}

/// Binds and runs.
///
/// # Errors
/// As [`Listener::bind`].
pub async fn run<S: Sink>(
    config: ListenerConfig,
    sink: S,
    clock: Clock,
    stop: CancellationToken,
) -> Result<(), ListenError> {
    Listener::bind(config).await?.run(sink, clock, stop).await;
    Ok(())
}

/// What a feed's connections share.
struct Feed<S> {
    name: Arc<str>,
    source: Arc<str>,
    config: ListenerConfig,
    sink: S,
    responder: Option<Arc<dyn Responder>>,
    clock: Clock,
    counters: Arc<Counters>,
    memory: Arc<Semaphore>,
    large: Arc<Semaphore>,
    /// Answers written so far, and when the feed started: together a control id.
    answers: AtomicU64,
    stamp: u64,
    /// When the log last said that messages cannot be stored.
    refusals_said: std::sync::Mutex<Option<tokio::time::Instant>>,
    stop: CancellationToken,
}

impl<S: Sink> Feed<S> {
    async fn connected<IO>(&self, stream: IO, peer: SocketAddr, tls: Option<Arc<tls::Renewed>>)
    where
        IO: AsyncRead + AsyncWrite + Send + Unpin,
    {
        let _open = counters::Open::new(&self.counters);
        let Some(tls) = tls else { return connection::serve(self, stream, peer).await };
        match timeout(HANDSHAKE_TIME_MAX, tls.acceptor().accept(stream)).await {
            Ok(Ok(stream)) => connection::serve(self, stream, peer).await,
            Ok(Err(error)) => {
                Counters::one(&self.counters.tls_failed);
                tracing::warn!(feed = &*self.name, peer = %peer.ip(), %error, "TLS handshake failed");
            }
            Err(_) => {
                Counters::one(&self.counters.tls_failed);
                tracing::warn!(feed = &*self.name, peer = %peer.ip(), "TLS handshake took too long");
            }
        }
    }
}

impl<S> Feed<S> {
    /// MSH-10 of our next answer: new each time, also after a restart, and at most 20 characters (before version 2.7).
    fn next_control_id(&self) -> String {
        format!("{}-{}", base_36(self.stamp), base_36(self.answers.fetch_add(1, Relaxed)))
    }
}

fn base_36(mut n: u64) -> String {
    let mut digits = Vec::new();
    loop {
        let digit = u32::try_from(n % 36).unwrap_or(0);
        digits.push(char::from_digit(digit, 36).unwrap_or('0').to_ascii_uppercase());
        n /= 36;
        if n == 0 {
            return digits.iter().rev().collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_ids_fit_into_twenty_characters() {
        assert_eq!((base_36(0), base_36(35), base_36(36)), ("0".to_owned(), "Z".to_owned(), "10".to_owned()));
        let year_2286 = base_36(9_999_999_999_999);
        assert!(year_2286.len() + 1 + base_36(1_000_000_000_000).len() <= 20);
    }
}
