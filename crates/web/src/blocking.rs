//! Work that touches the disk, away from the threads that serve connections.

use tokio::task::JoinHandle;
use tracing::Span;

/// Do it on a thread that may wait. It is traced as a part of what asked for it.
pub(crate) fn spawn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    let span = Span::current();
    tokio::task::spawn_blocking(move || span.in_scope(work))
}
