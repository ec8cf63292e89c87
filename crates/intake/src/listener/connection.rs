//! One connection: frames in, answers out in the same order.
//!
//! Reading and answering run side by side: a sender may have many messages on the way, and an answer goes out as soon as
//! its message is durable and the answers before it are out. Application acknowledgements, which wait for processing,
//! come behind on the same connection, in the order of the messages as well.

use super::{Asked, Counters, Delivery, Feed, LARGE_FRAME_BYTES, Response, Sink, Stored, Ticket, UNIT};
use crate::answer::{self, Decision};
use hl7v2::ack::Wanted;
use hl7v2::mllp::{self, Decoder, Event};
use hl7v2::{ack, batch};
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{Mutex, OwnedSemaphorePermit, mpsc};
use tokio::time::{Instant, timeout, timeout_at};
use tracing::{Span, field::Empty};

/// How much is read at once, bytes.
const READ_BYTES: usize = 32 * 1024;
/// How long to wait for the CR after an FS before taking the frame as whole.
const CR_PATIENCE: Duration = Duration::from_millis(250);
/// A connection that has sent this many bytes outside of frames is not a sender of MLLP.
const NOISE_BYTES_MAX: u64 = 256 * 1024;
/// A frame this many times larger than permitted is not skipped to its end: the connection is closed.
const SKIP_FACTOR: u64 = 16;
/// Messages above this size are read on a thread of their own, so that other connections are not held up. Bytes.
const BLOCKING_BYTES: usize = 256 * 1024;
/// How often the log says that messages cannot be stored.
const REFUSALS_EVERY: Duration = Duration::from_secs(10);
/// Messages in one batch sent as one frame. Larger batches are files: `skein load` takes them.
const BATCH_MESSAGES_MAX: usize = 10_000;
/// When the listener stops, a message that has begun to come may take this long to come whole.
const LAST_FRAME_TIME: Duration = Duration::from_secs(2);
/// Frames of one connection whose application acknowledgements may be owed; past that it is not read further.
const OWED_MAX: usize = 1024;
/// When nothing more comes, application acknowledgements that are owed may take this long.
const LAST_APPLICATION_TIME: Duration = Duration::from_secs(5);

/// A frame on its way: one message, or a batch of them.
struct Pending {
    /// The batch's first segment; `None` for a message by itself.
    envelope: Option<Vec<u8>>,
    parts: Vec<Part>,
    /// Held until all of it is durable.
    _memory: Option<OwnedSemaphorePermit>,
}

impl Pending {
    fn one(part: Part, memory: Option<OwnedSemaphorePermit>) -> Self {
        Self { envelope: None, parts: vec![part], _memory: memory }
    }
}

/// One message on its way to disk.
enum Part {
    /// The answer is known and needs nothing to be stored.
    Ready(Option<Vec<u8>>),
    /// A query. It is asked once all before it is answered, so that it counts that.
    Asked {
        response: Response,
        /// Its first segment, to answer from if that fails.
        head: Vec<u8>,
    },
    /// The sink has it.
    Submitted {
        ticket: Ticket,
        decision: Decision,
        /// Its first segment, to answer from if it cannot be stored.
        head: Vec<u8>,
        /// From here to its answer.
        span: Span,
    },
}

/// A frame that is answered, and whose application acknowledgements are owed.
struct Owed {
    /// As of [`Pending`].
    envelope: Option<Vec<u8>>,
    parts: Vec<OwedPart>,
}

struct OwedPart {
    pos: u64,
    wanted: Wanted,
    /// The message's first segment, to answer from.
    head: Vec<u8>,
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Clean,
    Torn,
    Idle,
    TooSlow,
    Noise,
    TooLarge,
    Stopped,
    Broken,
    AnswersNotTaken,
}

/// Serves a connection until either side ends it.
pub(super) async fn serve<S, IO>(feed: &Feed<S>, io: IO, peer: SocketAddr)
where
    S: Sink,
    IO: AsyncRead + AsyncWrite + Unpin,
{
    tracing::debug!(feed = &*feed.name, peer = %peer.ip(), "connected");
    let (reader, writer) = tokio::io::split(io);
    let (to_writer, from_reader) = mpsc::channel(feed.config.in_flight_max.max(1));
    let read = Reader { feed, peer, to_writer, noise: 0, messages: 0 }.run(reader);
    let ((end, messages), written) = tokio::join!(read, answer_all(feed, writer, from_reader));
    let end = if written.is_err() && end == End::Broken { End::AnswersNotTaken } else { end };
    match end {
        End::Clean | End::Stopped => tracing::debug!(feed = &*feed.name, peer = %peer.ip(), messages, ?end, "closed"),
        End::Idle => {
            tracing::info!(feed = &*feed.name, peer = %peer.ip(), messages, "closed: nothing came for too long")
        }
        _ => tracing::warn!(feed = &*feed.name, peer = %peer.ip(), messages, ?end, "closed"),
    }
}

struct Reader<'f, S> {
    feed: &'f Feed<S>,
    peer: SocketAddr,
    to_writer: mpsc::Sender<Pending>,
    noise: u64,
    messages: u64,
}

impl<S: Sink> Reader<'_, S> {
    async fn run<R: AsyncRead + Unpin>(mut self, mut reader: R) -> (End, u64) {
        let config = &self.feed.config;
        let mut decoder = Decoder::new(config.frame_bytes_max);
        let mut buffer = vec![0; READ_BYTES];
        // A frame must be whole by then.
        let mut frame_due: Option<Instant> = None;
        let mut large: Option<OwnedSemaphorePermit> = None;
        let mut stopping = false;
        let end = loop {
            match self.take_events(&mut decoder).await {
                Err(end) => break end,
                Ok(whole) if whole > 0 && stopping => break End::Stopped,
                Ok(whole) if whole > 0 || !decoder.inside() => frame_due = None,
                Ok(_) => {}
            }
            if decoder.inside() {
                frame_due.get_or_insert_with(|| Instant::now() + config.frame_time_max);
            } else if stopping {
                break End::Stopped;
            }
            let skip_max = SKIP_FACTOR * u64::try_from(config.frame_bytes_max).unwrap_or(u64::MAX / SKIP_FACTOR);
            if decoder.progress() > skip_max {
                Counters::one(&self.feed.counters.too_large);
                break End::TooLarge;
            }
            // Only a few connections at a time may fill memory with a message that is still coming.
            if decoder.buffered() <= LARGE_FRAME_BYTES {
                large = None;
            } else if large.is_none() {
                large = Arc::clone(&self.feed.large).acquire_owned().await.ok();
                frame_due = Some(Instant::now() + config.frame_time_max);
            }
            let idle = Instant::now() + if decoder.may_be_complete() { CR_PATIENCE } else { config.idle_max };
            let due = frame_due.map_or(idle, |frame| frame.min(idle));
            let read = tokio::select! {
                read = timeout_at(due, reader.read(&mut buffer)) => read,
                () = self.to_writer.closed() => break End::Broken,
                () = self.feed.stop.cancelled(), if !stopping => {
                    stopping = true;
                    let last = Instant::now() + LAST_FRAME_TIME;
                    frame_due = Some(frame_due.map_or(last, |due| due.min(last)));
                    continue;
                }
            };
            match read {
                Ok(Ok(0)) => {
                    if let Some(event) = decoder.finish()
                        && let Err(end) = self.event(event).await
                    {
                        break end;
                    }
                    break if decoder.inside() { End::Torn } else { End::Clean };
                }
                Ok(Ok(n)) => {
                    Counters::add(&self.feed.counters.bytes, u64::try_from(n).unwrap_or(0));
                    decoder.feed(buffer.get(..n).unwrap_or_default());
                }
                Ok(Err(_)) if decoder.inside() => break End::Torn,
                Ok(Err(_)) => break End::Broken,
                Err(_) => {
                    if let Some(event) = decoder.finish() {
                        if let Err(end) = self.event(event).await {
                            break end;
                        }
                        frame_due = None;
                        continue;
                    }
                    break match (stopping, decoder.inside()) {
                        (true, _) => End::Stopped,
                        (false, true) => End::TooSlow,
                        (false, false) => End::Idle,
                    };
                }
            }
        };
        if decoder.inside() {
            Counters::one(&self.feed.counters.torn);
        }
        if matches!(end, End::Idle | End::TooSlow) {
            Counters::one(&self.feed.counters.timed_out);
        }
        (end, self.messages)
    }

    /// Everything that is whole. Says how many frames that were.
    async fn take_events(&mut self, decoder: &mut Decoder) -> Result<usize, End> {
        let mut whole = 0;
        loop {
            match decoder.next_event() {
                Event::NeedMore => return Ok(whole),
                event => {
                    if !matches!(event, Event::Noise { .. }) {
                        whole += 1;
                    }
                    self.event(event).await?;
                }
            }
        }
    }

    async fn event(&mut self, event: Event) -> Result<(), End> {
        let feed = self.feed;
        match event {
            Event::NeedMore => Ok(()),
            Event::Frame(body) => self.frame(body).await,
            Event::TooLarge { head, bytes } => {
                Counters::one(&feed.counters.too_large);
                tracing::warn!(feed = &*feed.name, peer = %self.peer.ip(), bytes, "a message is larger than permitted");
                let id = feed.next_control_id();
                let max = feed.config.frame_bytes_max;
                let answer = answer::too_large(&head, bytes, max, feed.config.rules, &id, (feed.clock)());
                self.send(Pending::one(Part::Ready(answer), None)).await
            }
            Event::Torn { bytes } => {
                Counters::one(&feed.counters.torn);
                tracing::warn!(feed = &*feed.name, peer = %self.peer.ip(), bytes, "a message was cut off by the next one");
                Ok(())
            }
            Event::Noise { bytes, like_message } => {
                Counters::add(&feed.counters.noise_bytes, bytes);
                if self.noise == 0 {
                    let text = if like_message {
                        "a message came without its MLLP frame (VT … FS CR) and is not read"
                    } else {
                        "bytes outside of MLLP frames are skipped"
                    };
                    tracing::warn!(feed = &*feed.name, peer = %self.peer.ip(), bytes, "{text}");
                }
                self.noise += bytes;
                if self.noise > NOISE_BYTES_MAX { Err(End::Noise) } else { Ok(()) }
            }
        }
    }

    async fn frame(&mut self, body: Vec<u8>) -> Result<(), End> {
        let feed = self.feed;
        let memory = self.memory(body.len()).await;
        if !batch::is_batch(&body) {
            let part = self.message(body).await;
            return self.send(Pending::one(part, memory)).await;
        }
        let pieces = batch::split(&body);
        if pieces.messages.is_empty() {
            // An envelope around nothing that can be read: kept and refused like any other unreadable message.
            let part = self.message(body).await;
            return self.send(Pending::one(part, memory)).await;
        }
        let envelope = pieces.envelope.and_then(|span| body.get(span)).unwrap_or_default().to_vec();
        if pieces.messages.len() > BATCH_MESSAGES_MAX {
            let why = format!("a batch on a feed may hold {BATCH_MESSAGES_MAX} messages; send it as a file");
            let first = pieces.messages.first().and_then(|piece| body.get(piece.span.clone())).unwrap_or_default();
            let part = Part::Ready(refusal(feed, &head_of(first), &why));
            return self.send(Pending { envelope: Some(envelope), parts: vec![part], _memory: memory }).await;
        }
        let mut parts = Vec::with_capacity(pieces.messages.len());
        for piece in pieces.messages {
            parts.push(self.message(body.get(piece.span).unwrap_or_default().to_vec()).await);
        }
        self.send(Pending { envelope: Some(envelope), parts, _memory: memory }).await
    }

    /// Decides on a message and gives it to the sink.
    async fn message(&mut self, body: Vec<u8>) -> Part {
        let feed = self.feed;
        let received = (feed.clock)();
        self.messages += 1;
        Counters::one(&feed.counters.messages);
        feed.counters.message_at(received);
        let span = tracing::info_span!(
            target: "skein::span",
            parent: None,
            "message",
            skein.feed = &*feed.name,
            skein.source = &*feed.source,
            skein.bytes = body.len(),
            skein.outcome = Empty,
            position = Empty,
            repeats = Empty,
            failed = Empty,
        );
        let control_id = feed.next_control_id();
        let rules = feed.config.rules;
        let decide = move |body: Vec<u8>| {
            let parsed = hl7v2::parse(&body);
            let decision = answer::decide(&parsed, &body, rules, &control_id, received);
            (decision, answer::is_query(&parsed), body)
        };
        let (decision, is_query, body) = if body.len() <= BLOCKING_BYTES {
            decide(body)
        } else {
            match tokio::task::spawn_blocking(move || decide(body)).await {
                Ok(decided) => decided,
                // The runtime is going down.
                Err(_) => return Part::Ready(None),
            }
        };
        if is_query && decision.readable {
            return self.query(body, received);
        }
        let head = head_of(&body);
        let delivery = Delivery {
            source: Arc::clone(&feed.source),
            feed: Arc::clone(&feed.name),
            received,
            ident: decision.ident.clone(),
            body,
            answer: decision.answer.clone(),
            readable: decision.readable,
        };
        match feed.sink.submit(delivery).await {
            Ok(ticket) => Part::Submitted { ticket, decision, head, span },
            Err(why) => {
                span.record("skein.outcome", "refused").record("failed", true);
                Part::Ready(refusal(feed, &head, &why.0))
            }
        }
    }

    /// Has a query answered when its turn comes.
    fn query(&self, body: Vec<u8>, received: jiff::Timestamp) -> Part {
        let feed = self.feed;
        let (control_id, head) = (feed.next_control_id(), head_of(&body));
        let Some(responder) = &feed.responder else {
            let why = "this feed answers no queries: ask for it to be permitted in the region's configuration";
            tracing::info!(feed = &*feed.name, peer = %self.peer.ip(), "a query came on a feed that answers none");
            let parsed = hl7v2::parse(&head);
            return Part::Ready(answer::unanswered(&parsed, why, feed.config.rules, &control_id, received));
        };
        let (source, name) = (Arc::clone(&feed.source), Arc::clone(&feed.name));
        let asked = Asked { source, feed: name, received, body, control_id };
        Part::Asked { response: responder.respond(asked), head }
    }

    /// Room for a message that waits to be stored.
    async fn memory(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let all = self.feed.config.in_flight_bytes_max.div_ceil(UNIT).max(1);
        let units = u32::try_from(bytes.div_ceil(UNIT).clamp(1, all)).unwrap_or(u32::MAX);
        Arc::clone(&self.feed.memory).acquire_many_owned(units).await.ok()
    }

    /// Hands it to the writer, waiting while too many are on the way.
    async fn send(&self, pending: Pending) -> Result<(), End> {
        self.to_writer.send(pending).await.map_err(|_| End::Broken)
    }
}

/// A message's first segment, if it is near the start.
fn head_of(body: &[u8]) -> Vec<u8> {
    let near = body.get(..mllp::HEAD_BYTES).unwrap_or(body);
    let start = near.windows(3).position(|w| w == b"MSH").unwrap_or(0);
    let rest = body.get(start..).unwrap_or_default();
    let rest = rest.get(..mllp::HEAD_BYTES).unwrap_or(rest);
    let end = rest.iter().position(|b| matches!(b, b'\r' | b'\n')).unwrap_or(rest.len());
    rest.get(..end).unwrap_or_default().to_vec()
}

fn refusal<S: Sink>(feed: &Feed<S>, head: &[u8], why: &str) -> Option<Vec<u8>> {
    Counters::one(&feed.counters.not_stored);
    // A full disk refuses thousands a second: said once in a while, so that the log does not fill what room there is.
    let now = Instant::now();
    let mut said = feed.refusals_said.lock().unwrap_or_else(PoisonError::into_inner);
    if said.is_none_or(|at| now.duration_since(at) >= REFUSALS_EVERY) {
        *said = Some(now);
        let so_far = feed.counters.snapshot().not_stored;
        tracing::error!(feed = &*feed.name, why, so_far, "messages cannot be stored, and are refused");
    }
    drop(said);
    let id = feed.next_control_id();
    answer::not_stored(&hl7v2::parse(head), why, feed.config.rules, &id, (feed.clock)())
}

/// The sender does not take its answers, or is gone.
struct NotTaken;

/// Answers everything that comes, then says that nothing more does.
async fn answer_all<S, W>(feed: &Feed<S>, writer: W, from_reader: mpsc::Receiver<Pending>) -> Result<(), NotTaken>
where
    S: Sink,
    W: AsyncWrite + Unpin,
{
    let writer = Mutex::new(writer);
    let (owe, owed) = mpsc::channel(OWED_MAX);
    {
        let at_once = answer_when_stored(feed, &writer, from_reader, owe);
        let afterwards = answer_when_processed(feed, &writer, owed);
        tokio::pin!(at_once, afterwards);
        tokio::select! {
            answered = &mut at_once => {
                answered?;
                timeout(LAST_APPLICATION_TIME, afterwards).await.unwrap_or(Ok(()))?;
            }
            // It ends first only when it cannot write.
            told = &mut afterwards => told?,
        }
    }
    // Tell the other side that nothing more comes. It may be gone already, and then there is nobody to tell.
    drop(timeout(feed.config.answer_time_max, writer.into_inner().shutdown()).await);
    Ok(())
}

/// Writes answers as their messages become durable, in order.
async fn answer_when_stored<S, W>(
    feed: &Feed<S>,
    writer: &Mutex<W>,
    mut from_reader: mpsc::Receiver<Pending>,
    owe: mpsc::Sender<Owed>,
) -> Result<(), NotTaken>
where
    S: Sink,
    W: AsyncWrite + Unpin,
{
    while let Some(pending) = from_reader.recv().await {
        let (answer, owed) = settle(feed, pending).await;
        if let Some(answer) = answer {
            write(feed, writer, &answer).await?;
        }
        if !owed.parts.is_empty() {
            owe.send(owed).await.map_err(|_| NotTaken)?;
        }
    }
    Ok(())
}

/// Writes application acknowledgements as their messages are processed, which is in the order of the journal.
async fn answer_when_processed<S, W>(
    feed: &Feed<S>,
    writer: &Mutex<W>,
    mut owed: mpsc::Receiver<Owed>,
) -> Result<(), NotTaken>
where
    S: Sink,
    W: AsyncWrite + Unpin,
{
    while let Some(Owed { envelope, parts }) = owed.recv().await {
        let mut answers = Vec::with_capacity(parts.len());
        for OwedPart { pos, wanted, head } in parts {
            let applied = feed.sink.processed(pos).await;
            let id = feed.next_control_id();
            answers.extend(answer::application(&head, wanted, applied.as_ref(), &id, (feed.clock)()));
        }
        Counters::add(&feed.counters.processed_told, u64::try_from(answers.len()).unwrap_or(0));
        if let Some(answer) = in_one_frame(feed, envelope, answers) {
            write(feed, writer, &answer).await?;
        }
    }
    Ok(())
}

/// Writes an answer in a frame.
async fn write<S, W>(feed: &Feed<S>, writer: &Mutex<W>, answer: &[u8]) -> Result<(), NotTaken>
where
    W: AsyncWrite + Unpin,
{
    let frame = mllp::encode(answer);
    let mut writer = writer.lock().await;
    let written = timeout(feed.config.answer_time_max, async {
        writer.write_all(&frame).await?;
        writer.flush().await
    });
    match written.await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(NotTaken),
        Err(_) => {
            Counters::one(&feed.counters.stuck);
            Err(NotTaken)
        }
    }
}

/// Waits until everything of a frame is durable, and gives what to answer now and what is owed later.
async fn settle<S: Sink>(feed: &Feed<S>, pending: Pending) -> (Option<Vec<u8>>, Owed) {
    let mut answers = Vec::with_capacity(pending.parts.len());
    let mut owed = Owed { envelope: pending.envelope.clone(), parts: Vec::new() };
    for part in pending.parts {
        let (answer, later) = settle_part(feed, part).await;
        answers.extend(answer);
        owed.parts.extend(later);
    }
    (in_one_frame(feed, pending.envelope, answers), owed)
}

/// The answers to what came in one frame: a batch is answered by a batch.
fn in_one_frame<S>(feed: &Feed<S>, envelope: Option<Vec<u8>>, mut answers: Vec<Vec<u8>>) -> Option<Vec<u8>> {
    match envelope {
        None => answers.pop(),
        Some(_) if answers.is_empty() => None,
        Some(envelope) => {
            let now = answer::hl7_time((feed.clock)());
            Some(ack::wrap(Some(&envelope), &answers, &feed.next_control_id(), &now))
        }
    }
}

async fn settle_part<S: Sink>(feed: &Feed<S>, part: Part) -> (Option<Vec<u8>>, Option<OwedPart>) {
    let (ticket, decision, head, span) = match part {
        Part::Ready(answer) => {
            count(feed, answer.is_some().then_some(false));
            return (answer, None);
        }
        Part::Asked { response, head } => {
            // On a task of its own, so that a fault there is not the connection's.
            if let Ok(answer) = tokio::spawn(response).await {
                count(feed, Some(true));
                return (Some(answer), None);
            }
            tracing::error!(feed = &*feed.name, "a query could not be answered: a fault in skein");
            count(feed, Some(false));
            let why = "the query could not be answered: a fault here, not in the query";
            let id = feed.next_control_id();
            return (answer::unanswered(&hl7v2::parse(&head), why, feed.config.rules, &id, (feed.clock)()), None);
        }
        Part::Submitted { ticket, decision, head, span } => (ticket, decision, head, span),
    };
    match ticket.await {
        Ok(stored) => {
            count(feed, decision.code.map(ack::Code::is_positive));
            let (pos, answer) = match stored {
                Stored::New { pos } => {
                    span.record("skein.outcome", "stored").record("position", pos);
                    (pos, decision.answer)
                }
                Stored::Repeat { pos, answer } => {
                    span.record("skein.outcome", "repeat").record("repeats", pos);
                    Counters::one(&feed.counters.repeats);
                    (pos, answer.or(decision.answer))
                }
            };
            let wanted = decision.afterwards;
            (answer, (wanted != Wanted::Never).then_some(OwedPart { pos, wanted, head }))
        }
        Err(why) => {
            span.record("skein.outcome", "refused").record("failed", true);
            let answer = refusal(feed, &head, &why.0);
            count(feed, answer.is_some().then_some(false));
            (answer, None)
        }
    }
}

/// Counts an answer: positive, negative, or none.
fn count<S>(feed: &Feed<S>, positive: Option<bool>) {
    Counters::one(match positive {
        Some(true) => &feed.counters.accepted,
        Some(false) => &feed.counters.refused,
        None => &feed.counters.unanswered,
    });
}
