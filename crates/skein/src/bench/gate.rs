//! `gate`: what deciding, recording, proving and showing again cost.

use super::{Bench, http, identity::cpu_ns, per_second, raw};
use access::{Action, Outcome, User};
use anyhow::Context;
use record::{Filter, Records};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use store::{
    Folder,
    audit::{AuditReader, Heads, NewAuditEntry},
};

/// Decisions timed one by one.
const DECISIONS: usize = 20_000;
/// Records opened and read for the share of the processor.
const READS: usize = 300;
/// How long entries are written, by so many at once.
const WRITING: Duration = Duration::from_secs(5);
const WRITERS: usize = 256;
/// Entries there are when pages are shown again.
const ENTRIES: u64 = 1_000_000;
const PAGES: usize = 100;

/// Measure.
pub fn run(bench: &Bench) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(measure(bench))
}

async fn measure(bench: &Bench) -> anyhow::Result<()> {
    let folder = bench.folder.join("region");
    let site = http::site(bench).await?;
    let engine = site.engine.clone();
    let now: jiff::Timestamp = http::LOOKED_AT.parse()?;
    let gate = http::gate(&engine, now)?;
    let journal = engine.clone();
    let records = Records::new(engine.derived().clone(), move || journal.journal_reader());
    let region = fhir::Region::new("bench");
    let people: Vec<fhir::PersonKey> = site.people.iter().map(|patient| region.person(*patient)).collect();
    let (user, action) = (http::user(), Action::OpenPage { page: "summary".into() });

    // Deciding: from the question to the permit, its entry handed in.
    let mut times = Vec::with_capacity(DECISIONS);
    let mut last = None;
    for (number, person) in people.iter().cycle().take(DECISIONS).enumerate() {
        let begin = Instant::now();
        let permit = gate.open(&user, *person, &action, now)?;
        times.push(begin.elapsed());
        // The queue never fills: what is timed is the decision, not the disk.
        if number % 200 == 199 {
            permit.recorded().await?;
        }
        last = Some(permit);
    }
    if let Some(permit) = last {
        permit.recorded().await?;
    }
    let deciding: Duration = times.iter().sum();
    times.sort_unstable();
    let at = |share: usize| times.get(times.len() * share / 1000).map_or(0.0, |time| time.as_secs_f64() * 1e6);
    bench.report.figure("gate", "decision_us_p50", at(500), "us");
    bench.report.figure("gate", "decision_us_p99", at(990), "us");

    // Its share of opening a record: deciding, and looking at every entry; against reading and assembling it all.
    let (mut whole, mut looking) = (0, 0);
    for person in people.iter().cycle().take(READS) {
        let before = cpu_ns().context("the kernel does not tell what a thread used")?;
        let permit = gate.open(&user, *person, &action, now)?;
        let items = records.read(&permit, &Filter::default())?.release().await?;
        let parsed: Result<Vec<_>, _> = items.iter().map(record::Item::resource).collect();
        anyhow::ensure!(parsed?.len() > 500, "the record is smaller than it should be");
        let read = cpu_ns().unwrap_or_default();
        whole += read - before;
        let seen = items.iter().filter(|item| permit.sight().would_see(item.id, item.kind, &item.source, &item.json));
        anyhow::ensure!(seen.count() == items.len(), "what was read is not seen");
        looking += cpu_ns().unwrap_or_default() - read;
    }
    let deciding = u64::try_from(deciding.as_nanos())?;
    #[expect(clippy::cast_precision_loss, reason = "nanoseconds of minutes are far below 2^52")]
    let each = |ns: u64, count: usize| ns as f64 / count as f64;
    let share = (each(deciding, DECISIONS) + each(looking, READS)) / each(whole, READS);
    bench.report.figure("gate", "gate_cpu_share", share, "of reading and parsing a record");

    // Entries on disk, by many at once.
    let done = Arc::new(AtomicBool::new(false));
    let begin = Instant::now();
    let mut writers = Vec::new();
    for number in 0..WRITERS {
        let (gate, done) = (gate.clone(), Arc::clone(&done));
        let user = User { id: format!("bench-{number}"), ..user.clone() };
        writers.push(tokio::spawn(async move {
            let mut count = 0;
            while !done.load(Ordering::Relaxed) {
                gate.note(&user, &Action::SignOut, Outcome::Permitted, now).await?;
                count += 1;
            }
            anyhow::Ok(count)
        }));
    }
    tokio::time::sleep(WRITING).await;
    done.store(true, Ordering::Relaxed);
    let mut count = 0;
    for writer in writers {
        count += writer.await??;
    }
    let rate = per_second(count, begin.elapsed());
    let limit = raw::batches_per_s(&bench.folder.join("raw"), WRITERS)?;
    bench.report.against("gate", "audit_entries_per_s", rate, "entries/s, each on disk", limit);

    // A million entries, of the size they have.
    let audit = engine.audit().clone();
    let body = audit.read(|audit| audit.entry(1))?.context("no entry")?.body;
    let fill = tokio::task::spawn_blocking(move || -> anyhow::Result<()> {
        let mut last = None;
        let from = audit.read(AuditReader::last)?;
        for number in from..ENTRIES {
            let person = Some(fhir::PersonKey(number % 50_000));
            let entry = NewAuditEntry {
                at: now,
                person,
                user: format!("user-{}", number % 5_000),
                body: body.clone(),
                ..NewAuditEntry::default()
            };
            last = Some(audit.append(entry)?);
        }
        if let Some(last) = last {
            last.blocking_recv()??;
        }
        Ok(())
    });
    fill.await??;
    let mut client = http::Client::connect(site.address).await?;
    client.sign_in().await?;
    let mut seen = Vec::new();
    for person in people.iter().cycle().take(PAGES) {
        client.page(&format!("/record/{person}")).await?;
        let entries = engine.audit().read(|audit| audit.about(*person, 5))?;
        let entry = entries.into_iter().find(|entry| entry.body.contains("\"open-page\"")).context("no entry")?;
        seen.push(entry);
    }
    let officer = User { role_code: "R0001".into(), ..user.clone() };
    let permit = gate.privacy(&officer, None, &Action::Privacy { what: "replay".into() }, now)?;
    let ground = web::replay::Ground {
        region_name: "Benchmark".into(),
        gate: gate.clone(),
        records: records.clone(),
        forms: forms::Forms::builtin()?,
    };
    let mut times = Vec::new();
    for entry in &seen {
        let begin = Instant::now();
        let made =
            web::replay::again(&ground, &permit, entry).await.map_err(|error| anyhow::anyhow!(error.sentence()))?;
        times.push(begin.elapsed());
        anyhow::ensure!(made.same == Some(true), "a page made again is not what was sent");
    }
    bench.report.figure("gate", "replay_ms_p95", http::percentile(&mut times, 95), "ms, with a million entries");

    let visited = Folder::visit(&folder)?;
    let heads = Heads::read(&visited)?.heads;
    let begin = Instant::now();
    let count = AuditReader::open(&visited)?.verify(&heads)?;
    let verified = per_second(usize::try_from(count)?, begin.elapsed());
    bench.report.figure("gate", "verify_entries_per_s", verified, "entries/s");
    #[expect(clippy::cast_precision_loss, reason = "bytes far below 2^52")]
    let bytes = (super::database_bytes(&folder, "audit.db") + super::database_bytes(&folder, "audit-persons.db"))
        as f64
        / count as f64;
    bench.report.figure("gate", "audit_bytes_per_entry", bytes, "bytes");
    tokio::task::spawn_blocking(move || site.engine.stop()).await?;
    Ok(())
}
