//! Where pages and the FHIR API are served: a TCP socket, with TLS when the configuration names a certificate.

use crate::failure::{Failure, Outcome, io_words};
use axum::{
    extract::{ConnectInfo, Request, connect_info::Connected},
    serve::{IncomingStream, Listener},
};
use intake::listener::tls::{Renewed, ServerFiles};
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc},
    time::timeout,
};
use tokio_rustls::server::TlsStream;

/// A handshake that takes longer is given up.
const HANDSHAKE_SECONDS_MAX: u64 = 10;
/// Handshakes in progress at once.
const HANDSHAKES_MAX: usize = 256;

/// Take the address, or say in one line why not.
pub async fn bind(address: SocketAddr, place: &str) -> Outcome<TcpListener> {
    TcpListener::bind(address)
        .await
        .map_err(|error| Failure::asked(format!("cannot listen on {address} ({place}): {}", io_words(&error))))
}

/// The TLS side of the HTTP listener.
pub fn tls(files: ServerFiles) -> Outcome<Renewed> {
    Renewed::open(files, vec![b"http/1.1".to_vec()]).map_err(|error| Failure::asked(format!("http.tls: {error}")))
}

/// The connection a request came over.
#[derive(Clone)]
pub struct Connection(web::Peer);

impl Connected<IncomingStream<'_, TcpListener>> for Connection {
    fn connect_info(stream: IncomingStream<'_, TcpListener>) -> Self {
        Connection(web::Peer { address: *stream.remote_addr(), certificate: None })
    }
}

impl Connected<IncomingStream<'_, TlsListener>> for Connection {
    fn connect_info(stream: IncomingStream<'_, TlsListener>) -> Self {
        let (_, tls) = stream.io().get_ref();
        let leaf = tls.peer_certificates().and_then(|chain| chain.first());
        Connection(web::Peer { address: *stream.remote_addr(), certificate: leaf.map(|leaf| leaf.as_ref().into()) })
    }
}

/// Hand the handlers whoever is at the other end, in their own words.
pub async fn with_peer(ConnectInfo(Connection(peer)): ConnectInfo<Connection>, mut request: Request) -> Request {
    request.extensions_mut().insert(peer);
    request
}

/// A listener whose connections have shaken hands. One slow client does not keep others waiting.
pub struct TlsListener {
    ready: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
    address: SocketAddr,
}

impl TlsListener {
    /// Accept on `tcp`.
    pub fn new(tcp: TcpListener, tls: Renewed) -> io::Result<Self> {
        let address = tcp.local_addr()?;
        let (done, ready) = mpsc::channel(64);
        let tls = Arc::new(tls);
        tokio::spawn(async move {
            let places = Arc::new(Semaphore::new(HANDSHAKES_MAX));
            while !done.is_closed() {
                let Ok(place) = places.clone().acquire_owned().await else { return };
                let (stream, peer) = match tcp.accept().await {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        tracing::warn!(%error, "a connection could not be accepted");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        continue;
                    }
                };
                let (tls, done) = (tls.clone(), done.clone());
                tokio::spawn(async move {
                    let _place = place;
                    if let Ok(Ok(stream)) =
                        timeout(Duration::from_secs(HANDSHAKE_SECONDS_MAX), tls.acceptor().accept(stream)).await
                    {
                        let _ = done.send((stream, peer)).await;
                    }
                });
            }
        });
        Ok(TlsListener { ready, address })
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.ready.recv().await {
            Some(accepted) => accepted,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}
