//! `backup`: a region's truth shipped, and put back, beside this machine copying the same bytes.

use super::{Bench, database_bytes, messages, per_second};
use crate::edge;
use ::backup::{Identities, Recipients, Settings, Shipper, Wanted, new_identity};
use std::{
    fs::File,
    ops::ControlFlow,
    path::Path,
    time::{Duration, Instant},
};
use store::{
    Folder,
    audit::{Audit, NewAuditEntry},
    journal::{EntryKind, Journal, NewEntry},
};

const MESSAGES: usize = 200_000;
const AUDIT_ENTRIES: usize = 200_000;
/// Entries that come between two shipments of a region that is busy: a minute of 100 messages a second.
const MINUTE: usize = 6_000;

/// Measure.
pub fn run(bench: &Bench) -> anyhow::Result<()> {
    let (data, target) = (bench.folder.join("data"), bench.folder.join("backup"));
    std::fs::create_dir(&target)?;
    write(&data, 0, MESSAGES, AUDIT_ENTRIES)?;
    let bytes = database_bytes(&data, "journal.db") + database_bytes(&data, "audit.db");
    let copied = per_second_mb(bytes, copy(&data, &bench.folder)?);
    let (identity, recipient) = new_identity();
    let file = bench.folder.join("identity");
    std::fs::write(&file, identity)?;
    let identities = Identities::read(&file)?;
    let recipients = [recipient];
    let mut shipper =
        Shipper::open("bench", Folder::visit(&data)?, &target, Recipients::parse(&recipients)?, Settings::default())?;

    let begin = Instant::now();
    let shipped = shipper.ship(edge::now(), &mut |_, _, _| {})?;
    let took = begin.elapsed();
    let entries = usize::try_from(shipped.entries)?;
    bench.report.figure("backup", "ship_entries_per_s", per_second(entries, took), "entries/s");
    bench.report.against("backup", "ship_mb_per_s", per_second_mb(bytes, took), "MB/s of the store", copied);
    #[expect(clippy::cast_precision_loss, reason = "sizes far below 2^52")]
    let share = shipped.bytes as f64 / bytes as f64;
    bench.report.figure("backup", "size_share", share, "bytes of the backup for each of the store");

    write(&data, MESSAGES, MINUTE, MINUTE)?;
    let begin = Instant::now();
    shipper.ship(edge::now(), &mut |_, _, _| {})?;
    bench.report.figure("backup", "ship_minute_s", begin.elapsed().as_secs_f64(), "s for 12,000 new entries");

    let to = bench.folder.join("restored");
    let folder = Folder::hold(&to)?;
    let begin = Instant::now();
    let restored = ::backup::restore(&target, &identities, &folder, Wanted::default(), &mut |_, _, _| {})?;
    let truth = begin.elapsed();
    let entries = usize::try_from(restored.journal + restored.audit)?;
    bench.report.figure("backup", "restore_entries_per_s", per_second(entries, truth), "entries/s, the truth alone");
    bench.report.against("backup", "restore_mb_per_s", per_second_mb(bytes, truth), "MB/s of the store", copied);
    intake::rebuild(&folder, &restored.region, &mut |_, _| ControlFlow::Continue(()))?;
    let whole = begin.elapsed();
    let messages = usize::try_from(restored.journal)?;
    bench.report.figure("backup", "restore_whole_per_s", per_second(messages, whole), "messages/s, derived state too");
    bench.report.figure("backup", "restore_whole_s", whole.as_secs_f64(), "s for 206,000 messages");
    derived(bench, folder, (&target, &recipients, &identities))
}

/// The derived state shipped, and put back with the truth.
fn derived(
    bench: &Bench,
    folder: Folder,
    (target, recipients, identities): (&Path, &[String], &Identities),
) -> anyhow::Result<()> {
    let path = folder.path().to_owned();
    let bytes = database_bytes(&path, "derived.db");
    let mut shipper =
        Shipper::open("bench", folder.visitor(), target, Recipients::parse(recipients)?, Settings::default())?;
    let mut shipped = shipper.ship(edge::now(), &mut |_, _, _| {})?;
    let begin = Instant::now();
    let wanted = (edge::now(), Duration::MAX);
    shipper.derived(Duration::ZERO, wanted, &mut shipped, &mut |_, _, _| {})?;
    let took = begin.elapsed();
    anyhow::ensure!(shipped.derived > 0, "the derived state was not shipped");
    bench.report.figure("backup", "ship_derived_mb_per_s", per_second_mb(bytes, took), "MB/s of the derived state");
    drop((shipper, folder));
    let folder = Folder::hold(&bench.folder.join("again"))?;
    let begin = Instant::now();
    let restored = ::backup::restore(target, identities, &folder, Wanted::default(), &mut |_, _, _| {})?;
    anyhow::ensure!(restored.derived == Some(shipped.derived), "the derived state was not put back");
    intake::catch_up(&folder, &restored.region, &mut |_, _| ControlFlow::Continue(()))?;
    bench.report.figure(
        "backup",
        "restore_derived_s",
        begin.elapsed().as_secs_f64(),
        "s with the derived state shipped",
    );
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "sizes far below 2^52")]
fn per_second_mb(bytes: u64, took: Duration) -> f64 {
    bytes as f64 / 1e6 / took.as_secs_f64().max(1e-9)
}

/// The same files copied, and on disk.
fn copy(data: &Path, to: &Path) -> anyhow::Result<Duration> {
    let begin = Instant::now();
    for name in ["journal.db", "audit.db"] {
        let copy = to.join(format!("copy-{name}"));
        std::fs::copy(data.join(name), &copy)?;
        File::open(&copy)?.sync_all()?;
    }
    Ok(begin.elapsed())
}

fn write(data: &Path, from: usize, count: usize, audited: usize) -> anyhow::Result<()> {
    let folder = Folder::hold(data)?;
    let journal = Journal::open(&folder)?;
    let now = edge::now();
    let mut waiting = Vec::new();
    for n in from..from + count {
        waiting.push(journal.enqueue(NewEntry {
            kind: EntryKind::Hl7v2,
            source: "bench".into(),
            feed: "bench".into(),
            received: now,
            ident: Some(n.to_string()),
            about: None,
            body: messages::message(n),
            ack: Some(format!("MSH|^~\\&|SKEIN|REGION|PAS|RXB|20260301||ACK|A{n}|P|2.4\rMSA|AA|B{n}\r").into_bytes()),
        })?);
    }
    for promise in waiting {
        promise.blocking_recv()??;
    }
    journal.close();
    let audit = Audit::open(&folder)?;
    let mut last = None;
    for n in 0..audited {
        let person = u64::try_from(n % 10_000)?.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let shown = blake3::hash(&n.to_le_bytes()).to_hex();
        let body = format!(
            r#"{{"action":"open","page":"summary","outcome":"permitted","role":"R8000","organisation":"RXB","purpose":"direct care","because":["patient of the organisation"],"policies":"8f3a61c2d94e07b5","seq":{n},"shown":{{"items":{},"hash":"{shown}"}}}}"#,
            n % 180
        );
        let entry = NewAuditEntry {
            at: now,
            person: Some(fhir::PersonKey(person)),
            user: format!("bench-{}", n % 300),
            body,
            opens: None,
            settles: None,
        };
        last = Some(audit.append(entry)?);
    }
    if let Some(last) = last {
        last.blocking_recv()??;
    }
    audit.close();
    Ok(())
}
