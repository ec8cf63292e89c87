//! `[metrics]`: where a monitor reads.

use serde::Deserialize;
use std::net::SocketAddr;

/// `[metrics]`. Left out: nothing is measured for a monitor.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// A listener of its own, plain HTTP, for `GET /metrics`: an address that the monitor alone reaches.
    pub address: SocketAddr,
}
