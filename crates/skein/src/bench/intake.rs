//! `intake`: messages a second acknowledged over real sockets, each on disk before its acknowledgement, while the region
//! goes on processing them.

use super::{Bench, messages, per_second};
use crate::edge;
use ::intake::{
    EngineConfig,
    listener::{Listener, ListenerConfig},
    sender::{Report, Sender, SenderConfig},
};
use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

const SENDERS: usize = 16;
const TIME: Duration = Duration::from_secs(15);

/// Measure.
pub fn run(bench: &Bench) -> anyhow::Result<()> {
    let raw = raw(&bench.folder.join("raw.db"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (report, took) = runtime.block_on(send(bench))?;
    let accepted = usize::try_from(report.accepted)?;
    anyhow::ensure!(report.refused + report.failed == 0, "{} refused, {} failed", report.refused, report.failed);
    bench.report.against("intake", "messages_per_s", per_second(accepted, took), "messages/s", raw);
    let ms = |share: f64| report.latencies.percentile(share).as_secs_f64() * 1000.0;
    bench.report.figure("intake", "ack_ms_p50", ms(50.0), "ms");
    bench.report.figure("intake", "ack_ms_p99", ms(99.0), "ms");
    Ok(())
}

async fn send(bench: &Bench) -> anyhow::Result<(Report, Duration)> {
    let config = EngineConfig { region: "bench".into(), profiles: Vec::new() };
    let engine = tokio::task::block_in_place(|| bench.start(&bench.folder.join("region"), &config))?;
    let listener = Listener::bind(ListenerConfig::new("bench", "bench", ([127, 0, 0, 1], 0).into())).await?;
    let to = listener.local_addr()?.to_string();
    let stop = CancellationToken::new();
    let listening = tokio::spawn(listener.run(engine.clone(), Arc::new(edge::now), stop.clone()));
    let (report, took) = rush(&[to], SENDERS, TIME).await?;
    stop.cancel();
    listening.await?;
    tokio::task::spawn_blocking(move || engine.stop()).await?;
    Ok((report, took))
}

/// So many senders, spread over these addresses, each waiting for every answer, for so long.
pub async fn rush(to: &[String], senders: usize, time: Duration) -> anyhow::Result<(Report, Duration)> {
    let begin = Instant::now();
    let mut sending = Vec::new();
    for (number, to) in to.iter().cycle().take(senders).cloned().enumerate() {
        sending.push(tokio::spawn(async move {
            let sender = Sender::start(SenderConfig::new(to))?;
            let mut report = Report::default();
            let mut n = number;
            while begin.elapsed() < time {
                report.count(&sender.send(&messages::message(n)).await);
                n += senders;
            }
            anyhow::Ok(report)
        }));
    }
    let mut report = Report::default();
    for sender in sending {
        report.merge(&sender.await??);
    }
    Ok((report, begin.elapsed()))
}

/// Messages a second that bare SQLite makes durable when sixteen come at a time: one fsync for sixteen rows.
fn raw(path: &Path) -> anyhow::Result<f64> {
    let database = rusqlite::Connection::open(path)?;
    database.execute_batch(
        "PRAGMA page_size = 16384; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
         CREATE TABLE entry (pos INTEGER PRIMARY KEY, body BLOB NOT NULL);",
    )?;
    let begin = Instant::now();
    let mut count = 0;
    while begin.elapsed() < Duration::from_secs(3) {
        database.execute_batch("BEGIN")?;
        for _ in 0..SENDERS {
            database.prepare_cached("INSERT INTO entry (body) VALUES (?1)")?.execute([messages::message(count)])?;
            count += 1;
        }
        database.execute_batch("COMMIT")?;
    }
    Ok(per_second(count, begin.elapsed()))
}
