//! The edge of the program: the clock and the signals.

use jiff::Timestamp;
use record::letter_text::pdf::{PROGRAM, Pdfs};
use std::path::PathBuf;
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

/// What reads PDF letters: `pdftotext`, where one of PATH's folders has it. Which program it is, is settled when we start.
pub fn pdfs() -> Pdfs {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let found =
        std::env::split_paths(&folders).filter(|folder| folder.is_absolute()).map(|folder| folder.join(PROGRAM));
    let found: Option<PathBuf> = found.into_iter().find(|program| program.is_file());
    Pdfs::by(found)
}

/// What this process is called among several: the machine's name and the process's number.
pub fn process() -> String {
    let machine = rustix::system::uname();
    format!("{} {}", machine.nodename().to_string_lossy(), std::process::id())
}
