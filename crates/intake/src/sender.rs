//! Sends HL7 v2 over MLLP and reads the answers: for `skein send`, the synthetic region and the benchmarks.
//!
//! A [`Sender`] keeps one connection, with a window of messages that may wait for their answers at once. Answers are
//! matched by MSA-2. When the connection breaks or an answer stays out, it connects again and sends what is
//! unanswered once more, in the same order: a listener that has stored a message gives a repeat the same answer.

mod latency;
mod wire;

pub use latency::Latencies;

use crate::listener::tls::{self, ClientFiles, TlsError};
use hl7v2::ack::{Code, Enhanced, Mode, Outcome};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio_rustls::TlsConnector;

/// Where to send, and with how much patience.
#[derive(Clone, Debug)]
pub struct SenderConfig {
    /// Host and port: `pas.example:2575`.
    pub to: String,
    /// TLS; `None`: plain.
    pub tls: Option<ClientFiles>,
    /// Messages that may wait for their answers at once. 1: each waits for the answer before, as most systems do.
    pub window: usize,
    /// How long to wait for a connection.
    pub connect_time_max: Duration,
    /// How long to wait for an answer.
    pub answer_time_max: Duration,
    /// How long to wait for the application acknowledgement that comes after processing, where a message asks for one
    /// besides the accept acknowledgement (MSH-15 and MSH-16). Zero: the accept acknowledgement is the answer. One that
    /// stays out is no failure: the message is safe.
    pub application_time_max: Duration,
    /// How often to connect and send again before giving a message up.
    pub retries: u32,
    /// The pause before the first retry; each further one is twice as long, up to `pause_max`.
    pub pause_min: Duration,
    /// The longest pause between retries.
    pub pause_max: Duration,
    /// The largest answer, in bytes.
    pub answer_bytes_max: usize,
}

impl SenderConfig {
    /// The usual patience: a window of 1, 30 s for an answer, five retries.
    #[must_use]
    pub fn new(to: impl Into<String>) -> Self {
        Self {
            to: to.into(),
            tls: None,
            window: 1,
            connect_time_max: Duration::from_secs(10),
            answer_time_max: Duration::from_secs(30),
            application_time_max: Duration::ZERO,
            retries: 5,
            pause_min: Duration::from_millis(200),
            pause_max: Duration::from_secs(10),
            answer_bytes_max: 1024 * 1024,
        }
    }
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// What it says; `None` where the message asked for no answer (MSH-15 and MSH-16 `NE`).
    pub code: Option<Code>,
    /// Its words, if it has any.
    pub text: String,
    /// The answer in full; empty where there is none.
    pub raw: Vec<u8>,
    /// From the last time it was sent to the answer.
    pub latency: Duration,
    /// How often the message was sent.
    pub attempts: u32,
    /// The application acknowledgement that came behind an accept acknowledgement.
    pub application: Option<Application>,
}

/// What became of a message that was answered with CA before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// What it says.
    pub code: Code,
    /// Its words, if it has any.
    pub text: String,
    /// The answer in full.
    pub raw: Vec<u8>,
}

impl Answered {
    /// `AA`, `CA`, or no answer asked for; and nothing else came behind.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        self.code.is_none_or(Code::is_positive)
            && self.application.as_ref().is_none_or(|later| later.code.is_positive())
    }
}

/// Why a message has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// No connection, after all retries.
    #[error("no connection to {to}: {why}")]
    Unreachable {
        /// Where.
        to: String,
        /// What the system says.
        why: String,
    },
    /// TLS cannot be set up, or the other side's certificate is not good.
    #[error("{0}")]
    Tls(String),
    /// Connected, but no answer, after all retries.
    #[error("no answer from {to}: {why}")]
    Unanswered {
        /// Where.
        to: String,
        /// What happened instead.
        why: String,
    },
    /// The sender was stopped.
    #[error("the sender was stopped")]
    Stopped,
}

impl From<TlsError> for SendError {
    fn from(error: TlsError) -> Self {
        Self::Tls(error.to_string())
    }
}

/// A message on its way.
struct Job {
    message: Arc<[u8]>,
    control_id: String,
    /// The message asks for an answer.
    answered: bool,
    /// An application acknowledgement comes behind the accept acknowledgement, and is waited for.
    told_later: bool,
    done: oneshot::Sender<Result<Answered, SendError>>,
}

/// Makes connections: the system's, or those of a network whose faults a test throws.
pub trait Dial: Send + Sync + 'static {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static;

    /// Connects to a host and port.
    fn dial(&self, to: &str) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

/// The system's TCP.
struct System;

impl Dial for System {
    type Stream = TcpStream;

    async fn dial(&self, to: &str) -> io::Result<TcpStream> {
        let tcp = TcpStream::connect(to).await?;
        tcp.set_nodelay(true)?;
        Ok(tcp)
    }
}

/// Sends messages over one connection. Clones share it.
#[derive(Clone)]
pub struct Sender {
    jobs: mpsc::Sender<Job>,
    waits_for_application: bool,
}

impl std::fmt::Debug for Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

impl Sender {
    /// Starts a sender. It connects with its first message, and ends when the last clone is dropped.
    ///
    /// # Errors
    /// When the TLS files cannot be used.
    pub fn start(config: SenderConfig) -> Result<Self, SendError> {
        Self::start_over(System, config)
    }

    /// The same over connections that `dial` makes.
    ///
    /// # Errors
    /// When the TLS files cannot be used.
    pub fn start_over<D: Dial>(dial: D, config: SenderConfig) -> Result<Self, SendError> {
        let tls = match &config.tls {
            None => None,
            Some(files) => Some(TlsConnector::from(tls::client(files)?)),
        };
        let (jobs, queue) = mpsc::channel(config.window.max(1));
        let waits_for_application = !config.application_time_max.is_zero();
        tokio::spawn(wire::run(dial, config, tls, queue));
        Ok(Self { jobs, waits_for_application })
    }

    /// Sends a message and waits for its answer. Calls made at once share the window, in order of call.
    ///
    /// # Errors
    /// When there is no connection or no answer after all retries. A negative answer is not an error.
    pub async fn send(&self, message: &[u8]) -> Result<Answered, SendError> {
        self.queue(message).await?.await.unwrap_or(Err(SendError::Stopped))
    }

    /// Queues a message, waiting for room in the window; the answer comes later. Keeps order where [`Sender::send`],
    /// called from several tasks, would not.
    ///
    /// # Errors
    /// When the sender was stopped.
    pub async fn queue(&self, message: &[u8]) -> Result<oneshot::Receiver<Result<Answered, SendError>>, SendError> {
        let parsed = hl7v2::parse(message).message;
        let header = parsed.as_ref().map(hl7v2::Message::header);
        let answered = header.as_ref().is_none_or(|h| {
            h.message_code != "ACK" && hl7v2::ack::choose(Mode::Auto, Some(h), Outcome::Accepted).is_some()
        });
        let told_later = self.waits_for_application
            && Enhanced::asked(Mode::Auto, header.as_ref())
                .is_some_and(|asked| [asked.accept, asked.application].iter().all(|w| w.tells(Outcome::Accepted)));
        let control_id = parsed.as_ref().and_then(|m| m.segment_at(0)).map(|msh| msh.field(10).whole().into_owned());
        let (done, answer) = oneshot::channel();
        let job =
            Job { message: message.into(), control_id: control_id.unwrap_or_default(), answered, told_later, done };
        self.jobs.send(job).await.map_err(|_| SendError::Stopped)?;
        Ok(answer)
    }
}

/// What sending many messages came to.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Answered with AA or CA, or sent without asking for an answer.
    pub accepted: u64,
    /// Answered with AE, AR, CE or CR.
    pub refused: u64,
    /// Not answered.
    pub failed: u64,
    /// How long answers took.
    pub latencies: Latencies,
}

impl Report {
    /// Counts one outcome.
    pub fn count(&mut self, outcome: &Result<Answered, SendError>) {
        match outcome {
            Ok(answered) => {
                if answered.is_accepted() {
                    self.accepted += 1;
                } else {
                    self.refused += 1;
                }
                if answered.code.is_some() {
                    self.latencies.record(answered.latency);
                }
            }
            Err(_) => self.failed += 1,
        }
    }

    /// Adds another's counts.
    pub fn merge(&mut self, other: &Self) {
        self.accepted += other.accepted;
        self.refused += other.refused;
        self.failed += other.failed;
        self.latencies.merge(&other.latencies);
    }
}

/// Sends messages in order, with as many on the way as the window allows, and hands every outcome on in the order of the
/// messages.
pub async fn send_all<M: AsRef<[u8]>>(
    sender: &Sender,
    window: usize,
    messages: impl IntoIterator<Item = M>,
    mut each: impl FnMut(&Result<Answered, SendError>),
) -> Report {
    let mut report = Report::default();
    let mut waiting = std::collections::VecDeque::new();
    let mut done = |outcome: Result<Answered, SendError>, each: &mut dyn FnMut(&Result<Answered, SendError>)| {
        report.count(&outcome);
        each(&outcome);
    };
    for message in messages {
        if waiting.len() >= window.max(1)
            && let Some(first) = waiting.pop_front()
        {
            done(settle(first).await, &mut each);
        }
        waiting.push_back(sender.queue(message.as_ref()).await);
    }
    for queued in waiting {
        done(settle(queued).await, &mut each);
    }
    report
}

type Queued = Result<oneshot::Receiver<Result<Answered, SendError>>, SendError>;

async fn settle(queued: Queued) -> Result<Answered, SendError> {
    queued?.await.unwrap_or(Err(SendError::Stopped))
}
