//! `region`: a region of very many people, each with identity, address, practice and a past: how fast it is loaded, what it
//! weighs, and how long pages, records and searches take, cold, warm and while messages come in.

use super::{
    Bench, PersonIndex, database_bytes,
    http::{self, Client, everything, percentile},
    load,
    mix::{Known, PRACTICE, PRACTICE_NAME, Rates, known, mix, search, sent},
    per_second, reset_rss_max, rss_mb_max,
    worklists::Lists,
};
use crate::edge;
use access::User;
use anyhow::Context as _;
use hyper::{Method, StatusCode};
use intake::{Engine, EngineConfig, EntryKind, NewEntry, ProblemStatus};
use jiff::{SignedDuration, civil::date};
use std::{
    fs::File,
    net::SocketAddr,
    ops::ControlFlow,
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use store::{
    Derived, Folder,
    journal::{Journal, JournalReader},
};
use synth::{Person, Region};

/// People made at a time by one thread: neighbours, who are made together.
const BLOCK: u64 = 256;
/// Entries that may wait to be processed while the register is loaded.
const WAITING_MAX: u64 = 4_096;
/// Records opened for the first time since the start, one after another.
const COLD: usize = 150;
/// Records, searches and worklists asked for again, one after another: a 99th percentile rests on twenty of them.
const WARM: usize = 2_000;
/// So often, once everything is in memory: what is told is the median of the rounds, for a disk that is slow for a while is slow
/// for many of one round.
const ROUNDS: usize = 5;
/// Of worklists, which take longest.
const LIST_ROUNDS: usize = 3;
/// Patients of the practice whose people are looked at, at least.
const KNOWN_MIN: usize = 400;
/// How long it is busy.
const BUSY: Duration = Duration::from_secs(30);
/// And how often a second what then happens.
const RATES: Rates = Rates { pages: 100, messages: 200, whole: 5, searches: 10, lists: 10 };

/// Measure.
pub fn run(bench: &Bench) -> anyhow::Result<()> {
    let PersonIndex { people, .. } = bench.index;
    let region = Region::new(1, people as u64, date(2026, 6, 1));
    let folder = bench.folder.join("region");
    if bench.asked.only_make {
        return make(bench, &region, &folder);
    }
    if bench.server.is_some() {
        make(bench, &region, &folder)?;
    } else if bench.asked.later || !folder.join("derived.db").is_file() {
        make_apart(bench)?;
    }
    // Closed last of all: whoever closes a file of SQLite's gives up the locks that the process has on it.
    let mut held = Vec::new();
    forget_pages(&folder, &mut held)?;
    let begin = Instant::now();
    reset_rss_max();
    let engine = bench.again(&folder, &config())?;
    bench.report.figure("region", "start_s", begin.elapsed().as_secs_f64(), "s, until it is served again, cold");
    bench.report.figure("region", "rss_mb_start", rss_mb_max(), "MB at most while it starts");
    reset_rss_max();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let used = runtime.block_on(using(bench, &region, &engine, (&folder, &mut held)));
    bench.report.figure("region", "rss_mb_max", rss_mb_max(), "MB at most while it is used");
    engine.stop();
    used
}

/// Load everybody, where that is not done.
fn make(bench: &Bench, region: &Region, folder: &Path) -> anyhow::Result<()> {
    let engine = if !folder.join("derived.db").is_file() {
        making(bench, region)?;
        loading(bench, region, folder)?
    } else if bench.asked.later && going_on(bench, region, folder)? {
        bench.again(folder, &config())?
    } else {
        return Ok(());
    };
    sent_before(region, &engine)?;
    engine.stop();
    Ok(())
}

/// The same in a process of its own, as `skein load` and `skein rebuild` are: what the allocator keeps after it is no part of what a
/// region in use takes.
fn make_apart(bench: &Bench) -> anyhow::Result<()> {
    let beside = bench.folder.parent().context("the folder of what is measured lies in none")?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["bench", "region", "--keep", "--only-make", "--data-dir"]).arg(beside);
    command.args(["--people", &bench.index.people.to_string(), "--resources", &bench.asked.resources.to_string()]);
    command.args(bench.asked.later.then_some("--later")).args(bench.report.json.then_some("--json"));
    let ended = command.status()?;
    anyhow::ensure!(ended.success(), "the region was not made: the process that makes it ended with {ended}");
    Ok(())
}

pub(super) fn config() -> EngineConfig {
    EngineConfig {
        region: "bench".into(),
        profiles: synth::profiles().into_iter().map(|(_, profile)| profile).collect(),
    }
}

/// How fast people and their past are made, on all processors, with nothing done with them.
fn making(bench: &Bench, region: &Region) -> anyhow::Result<()> {
    let blocks = (region.people() / BLOCK).clamp(1, 64);
    let begin = Instant::now();
    let made: usize = each_block(blocks, |number| Ok(people_of(region, number).len()))?.into_iter().sum();
    bench.report.figure("region", "synth_people_per_s", per_second(made, begin.elapsed()), "people/s, without a past");
    let begin = Instant::now();
    let resources = each_block(blocks, |number| {
        let people = people_of(region, number);
        Ok(people.iter().map(|person| resources(&region.register(person, bench.asked.resources).bytes)).sum::<usize>())
    })?;
    let resources: usize = resources.into_iter().sum();
    bench.report.figure("region", "synth_resources_per_s", per_second(resources, begin.elapsed()), "resources/s");
    Ok(())
}

fn people_of(region: &Region, block: u64) -> Vec<Person> {
    (block * BLOCK..(block + 1) * BLOCK).filter_map(|index| region.person(index)).collect()
}

/// How many resources a bundle has.
fn resources(bundle: &[u8]) -> usize {
    memchr::memmem::find_iter(bundle, b"\"fullUrl\":").count()
}

/// Something done for each block, on all processors, in no order.
fn each_block<T: Send>(blocks: u64, work: impl Fn(u64) -> anyhow::Result<T> + Sync) -> anyhow::Result<Vec<T>> {
    let next = AtomicU64::new(0);
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut done = Vec::new();
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= blocks {
                            return anyhow::Ok(done);
                        }
                        done.push(work(number)?);
                    }
                })
            })
            .collect();
        let mut all = Vec::new();
        for worker in workers {
            all.extend(worker.join().map_err(|_| anyhow::anyhow!("a thread that makes people panicked"))??);
        }
        Ok(all)
    })
}

pub(super) fn entry(kind: EntryKind, source: &str, body: Vec<u8>) -> NewEntry {
    NewEntry {
        kind,
        source: source.to_owned(),
        feed: "bench".into(),
        received: edge::now(),
        ident: None,
        about: None,
        body,
        ack: None,
    }
}

/// Load everybody.
pub(super) fn loading(bench: &Bench, region: &Region, folder: &Path) -> anyhow::Result<Engine> {
    let engine = bench.start(folder, &config())?;
    for directory in region.opening() {
        engine.journal().append_blocking(entry(EntryKind::Fhir, directory.source, directory.bytes))?;
    }
    load::wait(&engine)?;
    reset_rss_max();
    let (begin, cpu) = (Instant::now(), cpu_s());
    let (engine, loaded) = if bench.asked.later {
        loading_later(bench, region, folder, engine)?
    } else {
        loading_now(bench, region, engine)?
    };
    let took = begin.elapsed();
    let problems = engine.problem_counts()?;
    // A remark hinders nothing: an invented person's number that another has as well, for instance.
    if let Some((_, _, status, count)) = problems.iter().find(|(_, _, status, _)| *status != ProblemStatus::Remark) {
        let first = engine.problems(&[*status], None, None, 1)?;
        let why = first.first().map_or("", |problem| problem.findings.as_str());
        anyhow::bail!("{count} of the bundles are {}: {why}", status.as_str());
    }
    let report = &bench.report;
    let people = number(region.people());
    report.figure("region", "people", people, "people");
    report.figure("region", "resources", number(loaded as u64), "resources");
    report.figure("region", "load_people_per_s", per_second(bench.index.people, took), "people/s, weighed and linked");
    report.figure("region", "load_resources_per_s", per_second(loaded, took), "resources/s, making them included");
    if let (Some(before), Some(after)) = (cpu, cpu_s()) {
        let hours = (after - before) / 3600.0;
        let each = number(loaded as u64) / hours.max(1e-12);
        report.figure("region", "load_resources_per_core_hour", each, "resources, making them included");
    }
    report.figure("region", "rss_mb_load", rss_mb_max(), "MB at most while loading");
    for (file, figure) in [("derived.db", "derived_bytes_per_person"), ("journal.db", "journal_bytes_per_person")] {
        if bench.server.is_none() {
            report.figure("region", figure, number(database_bytes(folder, file)) / people, "bytes");
        }
    }
    Ok(engine)
}

/// Everybody into the journal of a running region, no faster than it processes. Gives the resources loaded.
fn loading_now(bench: &Bench, region: &Region, engine: Engine) -> anyhow::Result<(Engine, usize)> {
    let loaded = into_journal(bench, region, engine.journal(), || {
        // Bounded, as senders that wait for their answers would be.
        while engine.progress().head > engine.progress().applied + WAITING_MAX {
            if let Some(fault) = engine.fault() {
                anyhow::bail!(fault);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    })?;
    load::wait(&engine)?;
    Ok((engine, loaded))
}

/// Everybody into the journal, and then the derived state made of it, as `skein load --later` and `skein rebuild` do.
fn loading_later(bench: &Bench, region: &Region, path: &Path, engine: Engine) -> anyhow::Result<(Engine, usize)> {
    engine.stop();
    drop(engine);
    let begin = Instant::now();
    let folder = bench.folder_again(path)?;
    let journal = Journal::open(&folder)?;
    let loaded = into_journal(bench, region, &journal, || Ok(()))?;
    journal.close();
    bench.report.figure("region", "journal_people_per_s", per_second(bench.index.people, begin.elapsed()), "people/s");
    made_of_journal(bench, &folder)?;
    drop(folder);
    Ok((bench.again(path, &config())?, loaded))
}

/// What the hospital sends while it is busy, once, so that a region is the same the first time it is used as each time after it:
/// as many people are in hospital, and on the lists of those who look after them.
fn sent_before(region: &Region, engine: &Engine) -> anyhow::Result<()> {
    let known = known(region)?;
    let count = RATES.messages * usize::try_from(BUSY.as_secs())?;
    let promises: Vec<_> =
        (0..count).map(|n| anyhow::Ok(engine.journal().enqueue(sent(&known, n)?)?)).collect::<anyhow::Result<_>>()?;
    for promise in promises {
        promise.blocking_recv()??;
    }
    load::wait(engine)
}

/// Of a region that is kept: whether it was loaded whole, and where only its derived state is not yet made, make that. Says whether
/// it made it.
fn going_on(bench: &Bench, region: &Region, path: &Path) -> anyhow::Result<bool> {
    let folder = bench.folder_again(path)?;
    let head = JournalReader::open(&folder)?.head()?;
    anyhow::ensure!(
        head >= region.people(),
        "the journal in {} has {head} entries, fewer than {} people: it was cut off; remove the folder and begin again",
        path.display(),
        region.people()
    );
    let applied = Derived::open_for_reading(&folder.derived())?.snapshot()?.seq();
    if applied >= region.people() {
        return Ok(false);
    }
    made_of_journal(bench, &folder)?;
    Ok(true)
}

fn made_of_journal(bench: &Bench, folder: &Folder) -> anyhow::Result<()> {
    let begin = Instant::now();
    let mut told = begin;
    let replayed = intake::rebuild(folder, &config().region, &mut |reached, last| {
        if told.elapsed() > Duration::from_secs(60) {
            told = Instant::now();
            tracing::info!(reached, last, seconds = begin.elapsed().as_secs(), "made so far");
        }
        ControlFlow::Continue(())
    })?;
    let took = begin.elapsed();
    bench.report.figure(
        "region",
        "rebuild_entries_per_s",
        per_second(usize::try_from(replayed.reached - replayed.from).unwrap_or(usize::MAX), took),
        "entries/s, processed",
    );
    bench.report.figure("region", "rss_mb_rebuild", rss_mb_max(), "MB at most so far");
    Ok(())
}

/// Make everybody and put them in a journal; `bounded` waits where too much waits. Gives the resources.
fn into_journal(
    bench: &Bench,
    region: &Region,
    journal: &Journal,
    bounded: impl Fn() -> anyhow::Result<()> + Sync,
) -> anyhow::Result<usize> {
    let loaded = AtomicUsize::new(0);
    let begin = Instant::now();
    each_block(region.people().div_ceil(BLOCK), |number| {
        for person in people_of(region, number) {
            let bundle = region.register(&person, bench.asked.resources);
            loaded.fetch_add(resources(&bundle.bytes), Ordering::Relaxed);
            journal.enqueue(entry(EntryKind::Fhir, bundle.source, bundle.bytes))?;
        }
        bounded()?;
        if number > 0 && number.is_multiple_of(4000) {
            tracing::info!(people = number * BLOCK, seconds = begin.elapsed().as_secs(), "loaded so far");
        }
        Ok(())
    })?;
    Ok(loaded.into_inner())
}

/// Processor time of the process, all threads, in seconds (proc(5): fields 14 and 15 of stat).
fn cpu_s() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(number(user + system) / number(rustix::param::clock_ticks_per_second()))
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn number(count: u64) -> f64 {
    count as f64
}

/// Have the system forget what it holds of the files, so that they come from the disk. They stay open in `held`.
fn forget_pages(folder: &Path, held: &mut Vec<File>) -> anyhow::Result<()> {
    rustix::fs::sync();
    // As root all of it; else at least these files.
    let _ = std::fs::write("/proc/sys/vm/drop_caches", "1");
    for found in std::fs::read_dir(folder)? {
        let file = File::open(found?.path())?;
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?;
        held.push(file);
    }
    Ok(())
}

async fn using(
    bench: &Bench,
    region: &Region,
    engine: &Engine,
    (folder, held): (&Path, &mut Vec<File>),
) -> anyhow::Result<()> {
    let now = region.start() + SignedDuration::from_hours(10);
    let user = User::staff("bench", "Benchmark", ("R8000", "Clinical practitioner"), (PRACTICE, PRACTICE_NAME));
    let mut lists = Lists::open(engine)?;
    let address = http::serve(engine, now, user, Some(lists.notices.clone())).await?;
    let known = tokio::task::block_in_place(|| known(region))?;
    anyhow::ensure!(known.len() >= KNOWN_MIN, "{} patients of {PRACTICE_NAME} are too few: more people", known.len());
    let mut client = Client::connect(address).await?;
    client.sign_in().await?;
    tokio::task::block_in_place(|| forget_pages(folder, held))?;
    // Somebody linked to another person has another record than is asked for: how many that is is said, not hidden.
    let mut pages: Vec<Duration> = Vec::new();
    let mut elsewhere = 0;
    for one in known.iter().take(COLD) {
        let begin = Instant::now();
        match client.ask(Method::GET, &one.page, false, None).await?.0 {
            StatusCode::OK => pages.push(begin.elapsed()),
            _ => elsewhere += 1,
        }
    }
    put(bench, "page_cold", &mut pages);
    bench.report.figure("region", "records_elsewhere", f64::from(elsewhere), "of 150: linked to another person");
    // Their own pages were read; those of others of their name and birthday come from the disk.
    let mut found = Vec::new();
    for one in known.iter().take(COLD) {
        let begin = Instant::now();
        search(&mut client, &one.person).await?;
        found.push(begin.elapsed());
    }
    put(bench, "search_cold", &mut found);
    let mut warm = Vec::new();
    for round in 0..=ROUNDS {
        let mut pages = Vec::new();
        for one in known.iter().take(WARM) {
            let begin = Instant::now();
            if client.ask(Method::GET, &one.page, false, None).await?.0 == StatusCode::OK {
                pages.push(begin.elapsed());
            }
        }
        tracing::info!(round, "pages opened");
        // In the first not everything is in memory.
        if round > 0 {
            warm.push(pages);
        }
    }
    put_rounds(bench, "page_warm", &mut warm);
    let (mut whole, mut searched) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let (mut opened, mut found) = (Vec::new(), Vec::new());
        for one in known.iter().take(WARM) {
            let begin = Instant::now();
            everything(&mut client, one.patient).await?;
            opened.push(begin.elapsed());
            let begin = Instant::now();
            search(&mut client, &one.person).await?;
            found.push(begin.elapsed());
        }
        if round > 0 {
            whole.push(opened);
            searched.push(found);
        }
    }
    put_rounds(bench, "open_warm", &mut whole);
    put_rounds(bench, "search_warm", &mut searched);
    // Millions who are put on lists for the first time take a while, and what comes before does not ask for any.
    let mut pages = Vec::new();
    if bench.asked.lists {
        lists.follow(bench, engine, now).await?;
        pages = lists.pages(engine, &known, now).await?;
        let mut rounds = Vec::new();
        for _ in 0..LIST_ROUNDS {
            let mut listed = Vec::new();
            for page in pages.iter().cycle().take(WARM) {
                let begin = Instant::now();
                client.page(page).await?;
                listed.push(begin.elapsed());
            }
            rounds.push(listed);
        }
        put_rounds(bench, "worklist_warm", &mut rounds);
    }
    let used = busy(bench, engine, address, (known, pages)).await;
    lists.stop();
    used
}

/// The figures of what is measured: the median, and the slowest hundredth.
fn figures(what: &str) -> Option<(&'static str, &'static str)> {
    Some(match what {
        "page_cold" => ("page_cold_ms_p50", "page_cold_ms_p99"),
        "search_cold" => ("search_cold_ms_p50", "search_cold_ms_p99"),
        "page_warm" => ("page_warm_ms_p50", "page_warm_ms_p99"),
        "open_warm" => ("open_warm_ms_p50", "open_warm_ms_p99"),
        "search_warm" => ("search_warm_ms_p50", "search_warm_ms_p99"),
        "worklist_warm" => ("worklist_warm_ms_p50", "worklist_warm_ms_p99"),
        "worklist_busy" => ("worklist_busy_ms_p50", "worklist_busy_ms_p99"),
        "page_busy" => ("page_busy_ms_p50", "page_busy_ms_p99"),
        "open_busy" => ("open_busy_ms_p50", "open_busy_ms_p99"),
        "search_busy" => ("search_busy_ms_p50", "search_busy_ms_p99"),
        "message_busy" => ("message_busy_ms_p50", "message_busy_ms_p99"),
        _ => return None,
    })
}

fn put(bench: &Bench, what: &'static str, times: &mut [Duration]) {
    if let Some((p50, p99)) = figures(what) {
        bench.report.figure("region", p50, percentile(times, 50), "ms");
        bench.report.figure("region", p99, percentile(times, 99), "ms");
    }
}

/// The median of rounds.
fn put_rounds(bench: &Bench, what: &'static str, rounds: &mut [Vec<Duration>]) {
    let Some((p50, p99)) = figures(what) else { return };
    for (figure, share) in [(p50, 50), (p99, 99)] {
        let mut each: Vec<f64> = rounds.iter_mut().map(|times| percentile(times, share)).collect();
        each.sort_by(f64::total_cmp);
        if let (Some(middle), Some(least), Some(most)) = (each.get(each.len() / 2), each.first(), each.last()) {
            tracing::info!(figure, least, most, "of these rounds");
            bench.report.figure("region", figure, *middle, "ms, median of rounds");
        }
    }
}

/// Everything at once.
async fn busy(
    bench: &Bench,
    engine: &Engine,
    address: SocketAddr,
    (known, pages): (Vec<Known>, Vec<String>),
) -> anyhow::Result<()> {
    let lists = if pages.is_empty() { 0 } else { RATES.lists };
    let rates = Rates { lists, ..RATES };
    let known = Arc::new(known);
    let about = known.clone();
    let mut took = mix(engine, address, (&known, &Arc::new(pages)), rates, BUSY, move |n| sent(&about, n)).await?;
    bench.report.figure("region", "busy_pages_per_s", per_second(took.pages.len(), took.time), "pages/s");
    bench.report.figure("region", "busy_messages_per_s", per_second(took.messages.len(), took.time), "messages/s");
    put(bench, "page_busy", &mut took.pages);
    put(bench, "open_busy", &mut took.whole);
    put(bench, "search_busy", &mut took.searches);
    if lists > 0 {
        put(bench, "worklist_busy", &mut took.lists);
    }
    put(bench, "message_busy", &mut took.messages);
    let behind = engine.progress().head - engine.progress().applied;
    bench.report.figure("region", "busy_messages_waiting", number(behind), "messages not processed at the end");
    Ok(())
}
