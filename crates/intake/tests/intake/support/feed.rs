//! A feed under test: a listener on a free port, a sink that keeps what it gets, and a client that speaks bytes.

use hl7v2::ack::{Code, Reply};
use hl7v2::mllp::{self, Decoder, Event};
use intake::Applied;
use intake::listener::{
    Clock, Counters, Delivery, Listener, ListenerConfig, NotStored, Sink, Snapshot, Stored, Ticket,
};
use jiff::Timestamp;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Longer than anything a test waits for.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Keeps deliveries, and knows repeats, as the engine does.
#[derive(Default)]
pub struct Shelf {
    kept: Mutex<Vec<Delivery>>,
    known: Mutex<HashMap<String, (u64, Delivery)>>,
    /// What becomes of the message at a position; processed and done where nothing is said.
    pub becomes: Mutex<HashMap<u64, Applied>>,
    /// How far processing is; what is beyond waits.
    pub processed: watch::Sender<u64>,
    /// How long a ticket takes, in milliseconds; every other one takes twice as long.
    pub slow_ms: AtomicU64,
    /// Refuse to store: 1 at once, 2 at the ticket.
    pub full: AtomicU64,
    taken: AtomicU64,
}

impl Shelf {
    pub fn kept(&self) -> Vec<Delivery> {
        self.kept.lock().unwrap().clone()
    }

    pub fn bodies(&self) -> Vec<Vec<u8>> {
        self.kept().into_iter().map(|d| d.body).collect()
    }
}

impl Sink for Shelf {
    async fn submit(&self, delivery: Delivery) -> Result<Ticket, NotStored> {
        let full = self.full.load(SeqCst);
        if full == 1 {
            return Err(NotStored("the disk is full".to_owned()));
        }
        let n = self.taken.fetch_add(1, SeqCst);
        let delay = Duration::from_millis(self.slow_ms.load(SeqCst) * (1 + n % 2));
        let stored = {
            let mut known = self.known.lock().unwrap();
            match known.get(&delivery.ident) {
                Some((pos, before)) if before.body == delivery.body => {
                    Stored::Repeat { pos: *pos, answer: before.answer.clone() }
                }
                _ => {
                    let mut kept = self.kept.lock().unwrap();
                    kept.push(delivery.clone());
                    let pos = kept.len() as u64;
                    known.insert(delivery.ident.clone(), (pos, delivery));
                    Stored::New { pos }
                }
            }
        };
        // A task of its own: a ticket gets there without being polled.
        let ticket = tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            if full == 2 { Err(NotStored("the disk is full".to_owned())) } else { Ok(stored) }
        });
        Ok(Box::pin(async move { ticket.await.unwrap() }))
    }

    async fn processed(&self, pos: u64) -> Option<Applied> {
        self.processed.subscribe().wait_for(|reached| *reached >= pos).await.ok()?;
        Some(self.becomes.lock().unwrap().get(&pos).cloned().unwrap_or(Applied::Done))
    }
}

/// A clock that counts seconds from the first of January 2026.
pub fn clock() -> Clock {
    let seconds = AtomicU64::new(0);
    let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    Arc::new(move || start + Duration::from_secs(seconds.fetch_add(1, SeqCst)))
}

pub struct Feed {
    pub address: SocketAddr,
    pub shelf: Arc<Shelf>,
    pub stop: CancellationToken,
    counters: Arc<Counters>,
    running: JoinHandle<()>,
}

pub fn config() -> ListenerConfig {
    ListenerConfig::new("pas", "riverside", "127.0.0.1:0".parse().unwrap())
}

impl Feed {
    pub async fn start(config: ListenerConfig) -> Self {
        let listener = Listener::bind(config).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (shelf, stop, counters) = (Arc::<Shelf>::default(), CancellationToken::new(), listener.counters());
        let running = tokio::spawn(listener.run(Arc::clone(&shelf), clock(), stop.clone()));
        Self { address, shelf, stop, counters, running }
    }

    pub async fn client(&self) -> Client {
        Client::new(TcpStream::connect(self.address).await.unwrap())
    }

    pub fn counts(&self) -> Snapshot {
        self.counters.snapshot()
    }

    /// Waits until the counters are as wanted.
    pub async fn until(&self, wanted: impl Fn(&Snapshot) -> bool) -> Snapshot {
        let wait = async {
            while !wanted(&self.counts()) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        assert!(timeout(PATIENCE, wait).await.is_ok(), "never came: {:?}", self.counts());
        self.counts()
    }

    pub async fn stopped(self) {
        self.stop.cancel();
        timeout(PATIENCE, self.running).await.expect("the listener does not stop").unwrap();
    }
}

pub struct Client {
    pub stream: TcpStream,
    decoder: Decoder,
}

impl Client {
    pub fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        Self { stream, decoder: Decoder::new(64 << 20) }
    }

    /// A client whose system holds little of what it is sent.
    pub async fn narrow(address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        Self::new(socket.connect(address).await.unwrap())
    }

    pub async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    pub async fn send(&mut self, message: impl AsRef<[u8]>) {
        self.write(&mllp::encode(message.as_ref())).await;
    }

    /// The next answer; `None` when the listener closed the connection.
    pub async fn answer(&mut self) -> Option<Vec<u8>> {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            match self.decoder.next_event() {
                Event::Frame(answer) => return Some(answer),
                Event::NeedMore => {}
                other => panic!("not an answer: {other:?}"),
            }
            match timeout(PATIENCE, self.stream.read(&mut buffer)).await.expect("neither answer nor close") {
                Ok(0) | Err(_) => return None,
                Ok(n) => self.decoder.feed(&buffer[..n]),
            }
        }
    }

    pub async fn reply(&mut self) -> Reply {
        let answer = self.answer().await.expect("closed without an answer");
        hl7v2::ack::read(&hl7v2::parse(&answer).message.unwrap()).expect("an acknowledgement")
    }

    pub async fn ask(&mut self, message: impl AsRef<[u8]>) -> (Code, String) {
        self.send(message).await;
        let reply = self.reply().await;
        (reply.code, reply.control_id)
    }
}

/// A small admission with this control id.
pub fn adt(id: impl std::fmt::Display) -> String {
    format!("MSH|^~\\&|PAS|RCB|SKEIN|REG|20260101||ADT^A01^ADT_A01|{id}|P|2.4\rPID|1||123^^^LOC||SMITH^ANN\r")
}
