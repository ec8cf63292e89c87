//! `processes`: messages a second that one, two and so on processes acknowledge, on one database, while one of them processes what came.
//! Each process has a share of a processor of its own (`--share`), as a small machine has, so that the database and the
//! senders have room on the machine that is measured; what they leave idle is told.

use super::{Bench, SCRATCH, intake, per_second};
use crate::served::Process;
use anyhow::Context as _;
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

const TIME: Duration = Duration::from_secs(20);
/// Senders warm the processes up for so long.
const WARM: Duration = Duration::from_secs(3);
/// Shares of a processor are given out for so long at a time, in microseconds: short against an answer that waits for one.
const PERIOD: f64 = 10_000.0;

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

/// Messages a second with so many processes, the share of the machine's processors that was idle meanwhile, and the slowest hundredth
/// of answers, in milliseconds.
fn measured(bench: &Bench, count: u32) -> anyhow::Result<(f64, f64, f64)> {
    let (Some(server), Some(address)) = (&bench.server, &bench.store) else {
        anyhow::bail!("processes measures several on one database: name its server with --store");
    };
    server.scratch(SCRATCH)?.init()?;
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
    runtime.block_on(intake::rush(&to, WARM))?;
    let before = processors()?;
    let (report, took) = runtime.block_on(intake::rush(&to, TIME))?;
    let after = processors()?;
    anyhow::ensure!(report.refused + report.failed == 0, "{} refused, {} failed", report.refused, report.failed);
    for (process, _) in &mut running {
        process.kill()?;
    }
    let idle = (after.idle - before.idle) / (after.all - before.all).max(1.0);
    let rate = per_second(usize::try_from(report.accepted)?, took);
    Ok((rate, idle, report.latencies.percentile(99.0).as_secs_f64() * 1000.0))
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
        let (root, quota) = (Path::new("/sys/fs/cgroup"), share * PERIOD);
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
            write(confined.group.join("cpu.max"), format!("{quota:.0} {PERIOD:.0}"))?;
        } else {
            write(confined.group.join("cpu.cfs_period_us"), format!("{PERIOD:.0}"))?;
            write(confined.group.join("cpu.cfs_quota_us"), format!("{quota:.0}"))?;
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
