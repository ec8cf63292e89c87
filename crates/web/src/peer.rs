//! The other end of a connection, as whoever listens saw it.

use axum::{extract::FromRequestParts, http::request::Parts};
use std::{convert::Infallible, net::SocketAddr, sync::Arc};

/// Who is at the other end. Whoever listens puts one into the extensions of every request.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its address: a proxy's, where one is in front.
    pub address: SocketAddr,
    /// The client certificate it showed (DER, the leaf alone). The handshake has checked who signed it and that the other
    /// end holds its key; whose it is, is for whoever asks.
    pub certificate: Option<Arc<[u8]>>,
}

/// The client certificate of a request's connection.
pub(crate) struct Shown(pub Option<Arc<[u8]>>);

impl Shown {
    /// Of this request.
    pub(crate) fn of(parts: &Parts) -> Self {
        Shown(parts.extensions.get::<Peer>().and_then(|peer| peer.certificate.clone()))
    }
}

impl<S: Sync> FromRequestParts<S> for Shown {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Shown::of(parts))
    }
}
