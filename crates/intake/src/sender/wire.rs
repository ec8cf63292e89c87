//! The sender's connection: writes the window, reads answers, and begins again when it breaks.

use super::{Answered, Application, Dial, Job, SendError, SenderConfig};
use hl7v2::ack::{self, Code};
use hl7v2::mllp::{self, Decoder, Event};
use rustls::pki_types::ServerName;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsConnector;

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A message that has been taken from the queue.
struct InFlight {
    job: Job,
    /// When it was last written; `None`: not on this connection yet.
    sent: Option<Instant>,
    attempts: u32,
    /// The accept acknowledgement, while the application acknowledgement is waited for.
    accepted: Option<Answered>,
}

impl InFlight {
    fn new(job: Job) -> Self {
        Self { job, sent: None, attempts: 0, accepted: None }
    }

    /// When its next answer must have come; `None` while it has not been sent.
    fn due(&self, config: &SenderConfig) -> Option<Instant> {
        let patience = if self.accepted.is_some() { config.application_time_max } else { config.answer_time_max };
        self.sent.map(|sent| sent + patience)
    }
}

struct Connection {
    reader: ReadHalf<Box<dyn Stream>>,
    writer: WriteHalf<Box<dyn Stream>>,
    decoder: Decoder,
    buffer: Vec<u8>,
}

/// Why a connection is given up.
struct Broken(String);

/// Serves the queue until every [`super::Sender`] is gone and all is answered.
pub(super) async fn run<D: Dial>(
    dial: D,
    config: SenderConfig,
    tls: Option<TlsConnector>,
    mut queue: mpsc::Receiver<Job>,
) {
    let mut window: VecDeque<InFlight> = VecDeque::new();
    let mut connection: Option<Connection> = None;
    let mut failures = 0;
    loop {
        if window.is_empty() {
            // Nothing is owed: wait for work, but notice when the other side hangs up.
            let job = match connection.as_mut() {
                None => queue.recv().await,
                Some(open) => tokio::select! {
                    job = queue.recv() => job,
                    read = open.reader.read(&mut open.buffer) => {
                        // An answer nobody waits for any more changes nothing; closed, begin anew with the next message.
                        if take(read, &mut open.decoder, &open.buffer, &mut window, &mut failures).is_err() {
                            connection = None;
                        }
                        continue;
                    }
                },
            };
            let Some(job) = job else { break };
            window.push_back(InFlight::new(job));
        }
        let broken = match connection.as_mut() {
            None => match connect(&dial, &config, tls.as_ref()).await {
                Ok(open) => {
                    connection = Some(open);
                    continue;
                }
                Err(error @ SendError::Tls(_)) => {
                    // A certificate does not get better by trying again.
                    for waiting in window.drain(..) {
                        answer(waiting.job, Err(error.clone()));
                    }
                    continue;
                }
                Err(error) => error,
            },
            Some(open) => match exchange(&config, open, &mut window, &mut queue, &mut failures).await {
                Ok(()) => continue,
                Err(Broken(why)) => SendError::Unanswered { to: config.to.clone(), why },
            },
        };
        connection = None;
        // What is safe is not sent again only to hear what became of it.
        for mut waiting in std::mem::take(&mut window) {
            match waiting.accepted.take() {
                Some(accepted) => answer(waiting.job, Ok(accepted)),
                None => window.push_back(InFlight { sent: None, ..waiting }),
            }
        }
        failures += 1;
        if failures > config.retries {
            failures = 0;
            // Nobody there: none of them can be sent. No answer: the ones behind the first get their own tries.
            let given_up = if matches!(broken, SendError::Unreachable { .. }) { window.len() } else { 1 };
            for waiting in window.drain(..given_up.min(window.len())) {
                answer(waiting.job, Err(broken.clone()));
            }
            continue;
        }
        sleep(pause(&config, failures)).await;
    }
    if let Some(mut open) = connection {
        drop(timeout(config.connect_time_max, open.writer.shutdown()).await);
    }
}

fn pause(config: &SenderConfig, failures: u32) -> Duration {
    let doubled = config.pause_min.saturating_mul(2u32.saturating_pow(failures.saturating_sub(1)));
    doubled.min(config.pause_max)
}

fn answer(job: Job, outcome: Result<Answered, SendError>) {
    // Whoever asked may have stopped waiting.
    drop(job.done.send(outcome));
}

async fn connect<D: Dial>(
    dial: &D,
    config: &SenderConfig,
    tls: Option<&TlsConnector>,
) -> Result<Connection, SendError> {
    let unreachable = |why: String| SendError::Unreachable { to: config.to.clone(), why };
    let open = async {
        let tcp = dial.dial(&config.to).await.map_err(|e| unreachable(e.to_string()))?;
        let Some(connector) = tls else { return Ok(Box::new(tcp) as Box<dyn Stream>) };
        let host = config.to.rsplit_once(':').map_or(config.to.as_str(), |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(host).map_err(|e| SendError::Tls(format!("{}: {e}", config.to)))?;
        match connector.connect(name, tcp).await {
            Ok(stream) => Ok(Box::new(stream) as Box<dyn Stream>),
            // rustls wraps what it has against the other side as invalid data; all else is the network's doing.
            Err(e) if e.kind() == std::io::ErrorKind::InvalidData => {
                Err(SendError::Tls(format!("TLS with {}: {e}", config.to)))
            }
            Err(e) => Err(unreachable(format!("TLS: {e}"))),
        }
    };
    let stream =
        timeout(config.connect_time_max, open).await.unwrap_or_else(|_| Err(unreachable("timeout".to_owned())))?;
    let (reader, writer) = tokio::io::split(stream);
    Ok(Connection { reader, writer, decoder: Decoder::new(config.answer_bytes_max), buffer: vec![0; 16 * 1024] })
}

/// Writes what is not yet written, then takes the next thing that happens: a new message, an answer, or the end of
/// patience.
async fn exchange(
    config: &SenderConfig,
    open: &mut Connection,
    window: &mut VecDeque<InFlight>,
    queue: &mut mpsc::Receiver<Job>,
    failures: &mut u32,
) -> Result<(), Broken> {
    let mut frames = Vec::new();
    for waiting in window.iter_mut().filter(|w| w.sent.is_none()) {
        mllp::encode_into(&waiting.job.message, &mut frames);
        waiting.sent = Some(Instant::now());
        waiting.attempts += 1;
    }
    if !frames.is_empty() {
        let Connection { reader, writer, decoder, buffer } = open;
        let write = async {
            writer.write_all(&frames).await?;
            writer.flush().await
        };
        tokio::pin!(write);
        let late = sleep(config.answer_time_max);
        tokio::pin!(late);
        // Answers are read meanwhile: a listener that waits for us to take them would never take our message.
        loop {
            tokio::select! {
                written = &mut write => {
                    written.map_err(|e| Broken(e.to_string()))?;
                    break;
                }
                read = reader.read(buffer) => take(read, decoder, buffer, window, failures)?,
                () = &mut late => return Err(Broken("it does not take what is sent".to_owned())),
            }
        }
        // Messages that ask for no answer are done once written.
        let mut kept = VecDeque::with_capacity(window.len());
        for waiting in window.drain(..) {
            if waiting.job.answered {
                kept.push_back(waiting);
            } else {
                let attempts = waiting.attempts;
                let none = Answered {
                    code: None,
                    text: String::new(),
                    raw: Vec::new(),
                    latency: Duration::ZERO,
                    attempts,
                    application: None,
                };
                answer(waiting.job, Ok(none));
            }
        }
        *window = kept;
    }
    let Some(due) = window.front().and_then(|w| w.due(config)) else { return Ok(()) };
    let room = window.len() < config.window.max(1);
    tokio::select! {
        biased;
        read = open.reader.read(&mut open.buffer) => take(read, &mut open.decoder, &open.buffer, window, failures),
        job = queue.recv(), if room => {
            match job {
                Some(job) => window.push_back(InFlight::new(job)),
                // All senders are gone; what is owed is still waited for.
                None => return wait_only(config, open, window, failures).await,
            }
            Ok(())
        }
        () = tokio::time::sleep_until(due) => late(window),
    }
}

/// The oldest message's answer is due and has not come. One that is known to be safe has answer enough.
fn late(window: &mut VecDeque<InFlight>) -> Result<(), Broken> {
    let Some(accepted) = window.front_mut().and_then(|oldest| oldest.accepted.take()) else {
        return Err(Broken("the answer took too long".to_owned()));
    };
    if let Some(oldest) = window.pop_front() {
        answer(oldest.job, Ok(accepted));
    }
    Ok(())
}

/// As the end of [`exchange`], when no new message can come.
async fn wait_only(
    config: &SenderConfig,
    open: &mut Connection,
    window: &mut VecDeque<InFlight>,
    failures: &mut u32,
) -> Result<(), Broken> {
    let Some(due) = window.front().and_then(|w| w.due(config)) else { return Ok(()) };
    match tokio::time::timeout_at(due, open.reader.read(&mut open.buffer)).await {
        Ok(read) => take(read, &mut open.decoder, &open.buffer, window, failures),
        Err(_) => late(window),
    }
}

/// Takes in what was read, and gives answers to whom they belong.
fn take(
    read: std::io::Result<usize>,
    decoder: &mut Decoder,
    buffer: &[u8],
    window: &mut VecDeque<InFlight>,
    failures: &mut u32,
) -> Result<(), Broken> {
    match read {
        Ok(0) => return Err(Broken("it closed the connection".to_owned())),
        Ok(n) => decoder.feed(buffer.get(..n).unwrap_or_default()),
        Err(e) => return Err(Broken(e.to_string())),
    }
    loop {
        match decoder.next_event() {
            Event::Frame(raw) => {
                matched(raw, window)?;
                *failures = 0;
            }
            Event::TooLarge { bytes, .. } => return Err(Broken(format!("an answer of {bytes} bytes"))),
            Event::Torn { .. } | Event::Noise { .. } => {}
            Event::NeedMore => return Ok(()),
        }
    }
}

/// Finds the message that an answer belongs to: by MSA-2; an answer that names none is the oldest one's.
fn matched(raw: Vec<u8>, window: &mut VecDeque<InFlight>) -> Result<(), Broken> {
    let parsed = hl7v2::parse(&raw).message;
    let reply = parsed.as_ref().and_then(ack::read);
    let named = reply.as_ref().map_or("", |r| r.control_id.as_str());
    let at = if named.is_empty() {
        window.iter().position(|w| w.sent.is_some() && w.job.answered)
    } else {
        window.iter().position(|w| w.sent.is_some() && w.job.answered && w.job.control_id == named)
    };
    // An answer to a message that was answered before (it was sent twice) has nobody waiting.
    let Some(mut waiting) = at.and_then(|at| window.remove(at)) else { return Ok(()) };
    let Some(reply) = reply else {
        let why = "the answer is not an acknowledgement".to_owned();
        // It stays in the window, to be tried again or given up like one that had no answer.
        window.insert(at.unwrap_or(0), waiting);
        return Err(Broken(why));
    };
    if let Some(accepted) = waiting.accepted.take() {
        let application = Some(Application { code: reply.code, text: reply.text, raw });
        answer(waiting.job, Ok(Answered { application, ..accepted }));
        return Ok(());
    }
    let answered = Answered {
        code: Some(reply.code),
        text: reply.text,
        raw,
        latency: waiting.sent.map(|at| at.elapsed()).unwrap_or_default(),
        attempts: waiting.attempts,
        application: None,
    };
    if reply.code == Code::CA && waiting.job.told_later {
        waiting.accepted = Some(answered);
        waiting.sent = Some(Instant::now());
        window.insert(at.unwrap_or(0), waiting);
    } else {
        answer(waiting.job, Ok(answered));
    }
    Ok(())
}
