//! Watches the room on the data folder's disk (see [`store::journal::Room`]).

use intake::Engine;
use jiff::Timestamp;
use std::{path::Path, time::Duration};
use store::journal::Room;
use tokio_util::sync::CancellationToken;

/// How often it is looked at. At the greatest rate a region takes, some hundred megabytes come in meanwhile at most.
const EVERY: Duration = Duration::from_secs(2);

/// Keep `kept_mb` megabytes free until told to stop.
pub async fn follow(engine: Engine, kept_mb: u64, stop: CancellationToken) {
    let kept = kept_mb.saturating_mul(1_000_000);
    while kept > 0 && !stop.is_cancelled() {
        let folder = engine.folder().to_owned();
        match tokio::task::spawn_blocking(move || left(&folder)).await {
            Ok(Ok(left)) => hold(&engine, left, kept),
            Ok(Err(error)) => tracing::warn!(%error, "the room on the disk of the data folder cannot be read"),
            Err(_) => return,
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

fn left(folder: &Path) -> std::io::Result<u64> {
    let disk = rustix::fs::statvfs(folder)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

fn hold(engine: &Engine, left: u64, kept: u64) {
    let journal = engine.journal();
    let next = after(journal.held(), left, kept, crate::edge::now());
    match (journal.held(), next) {
        (None, Some(_)) => tracing::error!(
            left_mb = left / 1_000_000,
            kept_mb = kept / 1_000_000,
            "the disk is nearly full: messages are refused, records can still be read; make room"
        ),
        (Some(_), None) => tracing::info!(left_mb = left / 1_000_000, "there is room again: messages are taken"),
        _ => {}
    }
    journal.hold(next);
}

/// How it stands with this much left. A quarter more than is kept must be free before messages are taken again, so that a region
/// at the brink does not take and refuse by turns.
fn after(before: Option<Room>, left: u64, kept: u64, now: Timestamp) -> Option<Room> {
    let enough = if before.is_some() { kept.saturating_add(kept / 4) } else { kept };
    (left < enough).then(|| Room { left, kept, since: before.map_or(now, |before| before.since) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_refused_under_what_is_kept_and_taken_again_with_a_quarter_more() {
        let at = |second| Timestamp::from_second(second).expect("a time");
        assert_eq!(after(None, 100, 100, at(1)), None);
        let low = after(None, 99, 100, at(1));
        assert_eq!(low, Some(Room { left: 99, kept: 100, since: at(1) }));
        let still = after(low, 120, 100, at(2));
        assert_eq!(still, Some(Room { left: 120, kept: 100, since: at(1) }), "since it began");
        assert_eq!(after(still, 125, 100, at(3)), None);
    }
}
