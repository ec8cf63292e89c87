//! `processes`: messages a second that one and then two processes acknowledge, on one database, while nobody processes what came.
//! Each process has a share of a processor of its own (`--share`), as a small machine has, so that the database and the senders
//! have room on the machine that is measured; what they leave idle is told. Whoever processes needs a processor for that, and is
//! another process in a region of several: this one holds the lease, and leaves what comes in the journal.

use super::{Bench, SCRATCH, intake, per_second};
use crate::served::Process;
use anyhow::Context as _;
use std::{
    path::{Path, PathBuf},
    sync::mpsc::{self, RecvTimeoutError},
    thread::JoinHandle,
    time::Duration,
};
use store::{LEASE, Lease, Server};

const TIME: Duration = Duration::from_secs(20);
/// Each waits for its answers, and processes write one after the other: with few senders the wait for a turn is what is measured,
/// and a region of two processes has many.
const SENDERS: usize = 64;
/// Senders warm the processes up for so long.
const WARM: Duration = Duration::from_secs(3);
/// A share of a processor is so long at a time, in microseconds: the shortest that the system gives. Whoever has had its share waits
/// until it gets the next, perhaps with the turn to write, and the other with it: an artefact of measuring.
const QUOTA: f64 = 1_000.0;

/// Measure.
pub fn run(bench: &Bench) -> anyhow::Result<()> {
    let mut alone = None;
    for (count, [rate, p99, left]) in [
        (1, ["messages_per_s_one", "ack_ms_p99_one", "idle_share_one"]),
        (2, ["messages_per_s_two", "ack_ms_p99_two", "idle_share_two"]),
    ] {
        let (per_second, idle, ms) = measured(bench, count)?;
        bench.report.figure("processes", rate, per_second, "messages/s");
        bench.report.figure("processes", p99, ms, "ms");
        bench.report.figure("processes", left, idle, "of the machine");
        match alone {
            None => alone = Some(per_second),
            Some(one) => bench.report.against("processes", "scaling", per_second / one, "times", f64::from(count)),
        }
    }
    Ok(())
}

/// Messages a second that so many processes take in, the share of the machine's processors that was idle meanwhile, and the slowest hundredth
/// of answers, in milliseconds.
fn measured(bench: &Bench, count: u32) -> anyhow::Result<(f64, f64, f64)> {
    let (Some(server), Some(address)) = (&bench.server, &bench.store) else {
        anyhow::bail!("processes measures several on one database: name its server with --store");
    };
    let database = server.scratch(SCRATCH)?;
    database.init()?;
    let nobody = Nobody::applies(&database)?;
    let folder = bench.folder.join(count.to_string());
    let mut running = Vec::new();
    for number in 0..count {
        let mut process = Process::new(folder.join(number.to_string()), None);
        process.configure(&configuration(&format!("{address} dbname={SCRATCH}")))?;
        process.serve()?;
        let id = process.id().context("a process ended")?;
        let confined = (bench.asked.share < 1.0).then(|| Confined::new(id, bench.asked.share)).transpose()?;
        // In this order: a group goes when its process is gone.
        running.push((process, confined));
    }
    let to: Vec<String> =
        running.iter().filter_map(|(process, _)| process.address()).map(|(feed, _)| feed.to_string()).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(intake::rush(&to, SENDERS, WARM))?;
    let before = processors()?;
    let (report, took) = runtime.block_on(intake::rush(&to, SENDERS, TIME))?;
    let after = processors()?;
    anyhow::ensure!(report.refused + report.failed == 0, "{} refused, {} failed", report.refused, report.failed);
    for (process, _) in &mut running {
        process.kill()?;
    }
    nobody.ended()?;
    let idle = (after.idle - before.idle) / (after.all - before.all).max(1.0);
    let rate = per_second(usize::try_from(report.accepted)?, took);
    Ok((rate, idle, report.latencies.percentile(99.0).as_secs_f64() * 1000.0))
}

/// Holds the lease of whoever applies, and does not apply.
struct Nobody {
    stop: mpsc::Sender<()>,
    thread: JoinHandle<anyhow::Result<()>>,
}

impl Nobody {
    fn applies(database: &Server) -> anyhow::Result<Nobody> {
        let lease = Lease::on(database, "bench")?;
        anyhow::ensure!(lease.take()?, "the lease of a new database is taken");
        let (stop, stopped) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            while matches!(stopped.recv_timeout(LEASE / 6), Err(RecvTimeoutError::Timeout)) {
                anyhow::ensure!(lease.renew(None)?, "another process has taken the lease, and applies");
            }
            Ok(())
        });
        Ok(Nobody { stop, thread })
    }

    /// Whether it was so all the time.
    fn ended(self) -> anyhow::Result<()> {
        drop(self.stop);
        self.thread.join().map_err(|_| anyhow::anyhow!("holding the lease panicked"))?
    }
}

/// What the machine's processors have done so far, in ticks.
struct Processors {
    idle: f64,
    all: f64,
}

/// The first line of `/proc/stat` (proc_stat(5)): user, nice, system, idle, iowait and what else there is.
fn processors() -> anyhow::Result<Processors> {
    let text = std::fs::read_to_string("/proc/stat").context("/proc/stat says what processors do")?;
    let line = text.lines().next().and_then(|line| line.strip_prefix("cpu")).context("/proc/stat begins with cpu")?;
    let ticks: Vec<f64> = line.split_whitespace().take(8).filter_map(|ticks| ticks.parse().ok()).collect();
    Ok(Processors { idle: ticks.iter().skip(3).take(2).sum(), all: ticks.iter().sum() })
}

/// A control group that holds one process to a share of one processor; it goes when this does.
struct Confined {
    group: PathBuf,
}

impl Confined {
    /// By version 2 of control groups where the system has their processors in it, else by version 1.
    fn new(id: u32, share: f64) -> anyhow::Result<Confined> {
        let (root, period) = (Path::new("/sys/fs/cgroup"), QUOTA / share);
        let unified = std::fs::read_to_string(root.join("cgroup.controllers"))
            .is_ok_and(|controllers| controllers.split_whitespace().any(|one| one == "cpu"));
        let group = root.join(if unified { "" } else { "cpu" }).join(format!("skein-bench-{id}"));
        let write = |path: PathBuf, text: String| {
            std::fs::write(&path, text).with_context(|| {
                format!(
                    "cannot hold a process to a share of a processor by {}: that takes root and control groups; --share 1 does without",
                    path.display()
                )
            })
        };
        if unified {
            write(root.join("cgroup.subtree_control"), "+cpu".into())?;
        }
        std::fs::create_dir_all(&group).with_context(|| {
            format!("cannot make {}: that takes root and control groups; --share 1 does without", group.display())
        })?;
        let confined = Confined { group };
        if unified {
            write(confined.group.join("cpu.max"), format!("{QUOTA:.0} {period:.0}"))?;
        } else {
            write(confined.group.join("cpu.cfs_period_us"), format!("{period:.0}"))?;
            write(confined.group.join("cpu.cfs_quota_us"), format!("{QUOTA:.0}"))?;
        }
        write(confined.group.join("cgroup.procs"), id.to_string())?;
        Ok(confined)
    }
}

impl Drop for Confined {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.group);
    }
}

fn configuration(store: &str) -> String {
    format!(
        r#"[region]
code = "bench"
name = "A region that is measured"
data = "data"
store = "{store}"

[http]
address = "127.0.0.1:0"

[[feed]]
name = "adt"
source = "bench"
mllp = "127.0.0.1:0"

[[source]]
source = "bench"
name = "Hospital"
kind = "hospital"
ods = "RXB"
"#
    )
}
