//! The edge of the program: the clock and the signals.

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

/// The time now: the only place that reads it.
#[expect(
    clippy::disallowed_methods,
    reason = "the binary is the edge that reads the clock; everything else is handed the time"
)]
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// Cancelled by Ctrl-C or SIGTERM. The second Ctrl-C ends the program at once: what was acknowledged is on disk.
pub fn until_told_to_stop() -> std::io::Result<CancellationToken> {
    let token = CancellationToken::new();
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let mut interrupt = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())?;
    let told = token.clone();
    tokio::spawn(async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        told.cancel();
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        std::process::exit(130);
    });
    Ok(token)
}
