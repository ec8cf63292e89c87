//! Where pages and the FHIR API are served: a TCP socket, with TLS when the configuration names a certificate.

use crate::{
    config::Tls,
    failure::{Failure, Outcome, io_words},
};
use axum::serve::Listener;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use std::{io, net::SocketAddr, path::Path, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc},
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

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

/// The TLS side of a listener.
pub fn tls(tls: &Tls, beside: impl Fn(&Path) -> std::path::PathBuf) -> Outcome<TlsAcceptor> {
    let chain = certificates(&beside(&tls.certificate))?;
    let key_file = beside(&tls.key);
    let key = PrivateKeyDer::from_pem_file(&key_file)
        .map_err(|error| Failure::asked(format!("{} holds no private key: {error}", key_file.display())))?;
    let mut config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::found(format!("TLS: {error}")))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| Failure::asked(format!("{} and its key do not fit: {error}", tls.certificate.display())))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// The certificates of a PEM file.
pub fn certificates(file: &Path) -> Outcome<Vec<CertificateDer<'static>>> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(file)
        .map_err(|error| Failure::asked(format!("cannot read {}: {error}", file.display())))?
        .collect();
    match found {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        _ => Err(Failure::asked(format!("{} holds no certificate", file.display()))),
    }
}

/// A listener whose connections have shaken hands. One slow client does not keep others waiting.
pub struct TlsListener {
    ready: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
    address: SocketAddr,
}

impl TlsListener {
    /// Accept on `tcp`.
    pub fn new(tcp: TcpListener, acceptor: TlsAcceptor) -> io::Result<Self> {
        let address = tcp.local_addr()?;
        let (done, ready) = mpsc::channel(64);
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
                let (acceptor, done) = (acceptor.clone(), done.clone());
                tokio::spawn(async move {
                    let _place = place;
                    if let Ok(Ok(stream)) =
                        timeout(Duration::from_secs(HANDSHAKE_SECONDS_MAX), acceptor.accept(stream)).await
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
