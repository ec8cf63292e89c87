//! The region's sources, each sending over the wire it really uses: MLLP connections and FHIR over HTTP, to ourselves.

use crate::failure::{Failure, Outcome};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, StatusCode};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use intake::sender::{Sender, SenderConfig};
use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use synth::{Outgoing, Wire};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Messages waiting for one source's connection.
const QUEUE: usize = 64;
/// Messages of one MLLP connection that may wait for their answers.
const WINDOW: usize = 32;

/// Goes with messages, and is told when all of them are delivered. Not when some were given up, as at a stop.
pub struct Ticket {
    done: Box<dyn Fn() + Send + Sync>,
    outstanding: AtomicU64,
}

impl Ticket {
    /// Call this when all are delivered.
    pub fn new(done: impl Fn() + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Ticket { done: Box::new(done), outstanding: AtomicU64::new(0) })
    }

    fn delivered(&self) {
        self.outstanding.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.outstanding.load(Ordering::Relaxed) == 0 {
            (self.done)();
        }
    }
}

struct Parcel {
    bytes: Vec<u8>,
    ticket: Arc<Ticket>,
}

impl Parcel {
    fn new(bytes: Vec<u8>, ticket: &Arc<Ticket>) -> Self {
        ticket.outstanding.fetch_add(1, Ordering::Relaxed);
        Parcel { bytes, ticket: ticket.clone() }
    }
}

/// How the sending goes.
#[derive(Default)]
pub struct Counts {
    /// Messages delivered and accepted.
    pub accepted: AtomicU64,
    /// Messages that were refused.
    pub refused: AtomicU64,
}

/// All sources, ready to send.
#[derive(Clone)]
pub struct Senders {
    queues: Arc<BTreeMap<&'static str, mpsc::Sender<Parcel>>>,
    /// How it goes.
    pub counts: Arc<Counts>,
    stop: CancellationToken,
}

/// Where the sources send.
pub struct Targets {
    /// MLLP feeds by source.
    pub mllp: BTreeMap<String, SocketAddr>,
    /// The FHIR endpoint's host and port.
    pub http: SocketAddr,
    /// Tokens by source.
    pub tokens: BTreeMap<String, String>,
}

impl Senders {
    /// Start one task per source.
    pub fn start(sources: &'static [synth::Source], targets: &Targets, stop: &CancellationToken) -> Outcome<Senders> {
        let counts = Arc::new(Counts::default());
        let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build(HttpConnector::new());
        let mut queues = BTreeMap::new();
        for source in sources {
            let (queue, parcels) = mpsc::channel(QUEUE);
            queues.insert(source.id, queue);
            match source.wire {
                Wire::Hl7v2 => {
                    let to = targets.mllp.get(source.id);
                    let to =
                        to.ok_or_else(|| Failure::found(format!("the configuration has no feed {}", source.id)))?;
                    let config = SenderConfig { window: WINDOW, ..SenderConfig::new(to.to_string()) };
                    let sender = Sender::start(config).map_err(Failure::found)?;
                    tokio::spawn(over_mllp(sender, parcels, counts.clone(), stop.clone()));
                }
                Wire::Fhir => {
                    let token = targets.tokens.get(source.id).cloned().unwrap_or_default();
                    let endpoint =
                        Endpoint { client: client.clone(), uri: format!("http://{}/fhir", targets.http), token };
                    tokio::spawn(over_http(endpoint, parcels, counts.clone(), stop.clone()));
                }
            }
        }
        Ok(Senders { queues: Arc::new(queues), counts, stop: stop.clone() })
    }

    /// Hand a message to its source's connection; waits while that is busy. `false`: told to stop.
    pub async fn send(&self, message: Outgoing, ticket: &Arc<Ticket>) -> bool {
        let Some(queue) = self.queues.get(message.source) else { return true };
        let parcel = Parcel::new(message.bytes, ticket);
        tokio::select! {
            () = self.stop.cancelled() => false,
            sent = queue.send(parcel) => sent.is_ok(),
        }
    }

    /// The same from a thread that may wait.
    pub fn send_blocking(&self, message: Outgoing, ticket: &Arc<Ticket>) -> bool {
        let Some(queue) = self.queues.get(message.source) else { return true };
        let parcel = Parcel::new(message.bytes, ticket);
        !self.stop.is_cancelled() && queue.blocking_send(parcel).is_ok()
    }
}

async fn over_mllp(sender: Sender, mut parcels: mpsc::Receiver<Parcel>, counts: Arc<Counts>, stop: CancellationToken) {
    let mut waiting = VecDeque::new();
    loop {
        // Settle what has waited longest before taking more than the window, or when there is nothing to send.
        let next = if waiting.len() >= WINDOW {
            None
        } else if waiting.is_empty() {
            tokio::select! {
                () = stop.cancelled() => return,
                parcel = parcels.recv() => match parcel { Some(parcel) => Some(parcel), None => return },
            }
        } else {
            parcels.try_recv().ok()
        };
        if let Some(Parcel { bytes, ticket }) = next {
            match sender.queue(&bytes).await {
                Ok(answer) => waiting.push_back((answer, ticket)),
                Err(_) => return,
            }
        } else if let Some((answer, ticket)) = waiting.pop_front() {
            let answered = tokio::select! { () = stop.cancelled() => return, answered = answer => answered };
            match answered {
                Ok(Ok(answered)) => count(&counts, answered.is_accepted()),
                _ => count(&counts, false),
            }
            ticket.delivered();
        }
    }
}

struct Endpoint {
    client: Client<HttpConnector, Full<Bytes>>,
    uri: String,
    token: String,
}

async fn over_http(
    endpoint: Endpoint,
    mut parcels: mpsc::Receiver<Parcel>,
    counts: Arc<Counts>,
    stop: CancellationToken,
) {
    loop {
        let parcel = tokio::select! { () = stop.cancelled() => return, parcel = parcels.recv() => parcel };
        let Some(Parcel { bytes, ticket }) = parcel else { return };
        let body = Bytes::from(bytes);
        let mut pause = Duration::from_millis(200);
        loop {
            let posted =
                tokio::select! { () = stop.cancelled() => return, posted = endpoint.post(body.clone()) => posted };
            match posted {
                Some(status) if status.is_success() => break count(&counts, true),
                // Busy, full or not there: as a real sender, try again later.
                None
                | Some(
                    StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS | StatusCode::INSUFFICIENT_STORAGE,
                ) => {
                    tokio::select! { () = stop.cancelled() => return, () = tokio::time::sleep(pause) => {} }
                    pause = (pause * 2).min(Duration::from_secs(10));
                }
                Some(status) => {
                    tracing::warn!(%status, "a bundle of the demonstration was refused");
                    break count(&counts, false);
                }
            }
        }
        ticket.delivered();
    }
}

impl Endpoint {
    async fn post(&self, body: Bytes) -> Option<StatusCode> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(&self.uri)
            .header("authorization", format!("Bearer {}", self.token))
            .header("content-type", "application/fhir+json")
            .header("prefer", "return=minimal")
            .body(Full::new(body))
            .ok()?;
        let response = self.client.request(request).await.ok()?;
        let status = response.status();
        // The connection is used again once the answer is read.
        let _ = response.into_body().collect().await;
        Some(status)
    }
}

fn count(counts: &Counts, accepted: bool) {
    let counter = if accepted { &counts.accepted } else { &counts.refused };
    counter.fetch_add(1, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket() -> (Arc<Ticket>, Arc<AtomicU64>) {
        let done = Arc::new(AtomicU64::new(0));
        let counted = done.clone();
        (Ticket::new(move || _ = counted.fetch_add(1, Ordering::Relaxed)), done)
    }

    #[test]
    fn a_ticket_tells_only_of_what_was_delivered() {
        let (all, done) = ticket();
        let parcels = [Parcel::new(vec![], &all), Parcel::new(vec![], &all)];
        drop(all);
        for parcel in parcels {
            assert_eq!(done.load(Ordering::Relaxed), 0);
            parcel.ticket.delivered();
        }
        assert_eq!(done.load(Ordering::Relaxed), 1);

        let (some, done) = ticket();
        drop(Parcel::new(vec![], &some));
        drop(some);
        assert_eq!(done.load(Ordering::Relaxed), 0, "a parcel that was given up is no delivery");
    }
}
