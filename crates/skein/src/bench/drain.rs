//! `drain`: messages a second from the journal into the visible record.

use super::{Bench, messages, per_second, raw};
use crate::edge;
use intake::{Engine, EngineConfig, EntryKind, NewEntry};
use std::time::Instant;

const MESSAGES: usize = 60_000;

/// Fill a journal, then let the pipeline empty it.
pub fn run(bench: &Bench) -> anyhow::Result<()> {
    let folder = bench.folder.join("drain");
    fill(&folder)?;
    let config = EngineConfig { region: "bench".into(), profiles: Vec::new() };
    let begin = Instant::now();
    let engine = Engine::start(&folder, &config, edge::now())?;
    let head = engine.progress().head;
    while engine.progress().applied < head {
        if let Some(fault) = engine.fault() {
            anyhow::bail!(fault);
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let took = begin.elapsed();
    let problems = engine.problem_counts()?;
    engine.stop();
    drop(engine);
    if let Some((_, _, status, count)) = problems.first() {
        anyhow::bail!("{count} of the messages are {}", status.as_str());
    }
    let mut rows = 0usize;
    {
        let derived = rusqlite::Connection::open(folder.join("derived.db"))?;
        for table in ["resource", "history"] {
            let count: i64 = derived.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))?;
            rows += usize::try_from(count).unwrap_or(0);
        }
    }
    let raw_rows = raw::insert_rows_per_s(&folder.join("derived.db"), &folder.join("raw.db"), 400_000)?;
    // The bare engine would only insert this many rows for each message.
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    let rows_per_message = rows as f64 / MESSAGES as f64;
    bench.report.against(
        "drain",
        "messages_per_s",
        per_second(MESSAGES, took),
        "messages/s",
        raw_rows / rows_per_message,
    );
    Ok(())
}

fn fill(folder: &std::path::Path) -> anyhow::Result<()> {
    let folder = store::Folder::hold(folder)?;
    let journal = store::journal::Journal::open(&folder)?;
    let now = edge::now();
    let entry = |kind, body: Vec<u8>| NewEntry {
        kind,
        source: "bench".into(),
        feed: "bench".into(),
        received: now,
        ident: None,
        about: None,
        body,
        ack: None,
    };
    let mut waiting = Vec::new();
    for n in 0..MESSAGES {
        waiting.push(journal.enqueue(entry(EntryKind::Hl7v2, messages::message(n)))?);
    }
    for promise in waiting {
        promise.blocking_recv()??;
    }
    journal.close();
    Ok(())
}
