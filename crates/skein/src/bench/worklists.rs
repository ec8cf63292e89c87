//! The lists that a practice's people work from, of a region: the follower that keeps them, and how long their pages take.

use super::{
    Bench,
    mix::{Known, PRACTICE},
    per_second,
};
use anyhow::Context;
use intake::{CaseloadAct, CaseloadDecision, Engine, caseload_entry};
use jiff::Timestamp;
use notify::{Follower, Notices};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

/// Whom a team looks after.
const LOOKED_AFTER: usize = 300;
const TEAM: &str = "Benchmark team";

/// What became visible, to be followed, and what is told of it.
pub struct Lists {
    /// What pages ask.
    pub notices: Notices,
    /// Until it begins.
    follower: Option<Follower>,
    stop: CancellationToken,
}

impl Lists {
    /// As they were left.
    pub fn open(engine: &Engine) -> anyhow::Result<Lists> {
        let journal = engine.clone();
        let (follower, notices) =
            Follower::open(engine.folder(), engine.derived().clone(), move || journal.journal_reader())?;
        Ok(Lists { notices, follower: Some(follower), stop: CancellationToken::new() })
    }

    /// Begin to follow, and wait until everything that is there is taken in.
    pub async fn follow(&mut self, bench: &Bench, engine: &Engine, now: Timestamp) -> anyhow::Result<()> {
        let Some(follower) = self.follower.take() else { return Ok(()) };
        let (begin, from) = (Instant::now(), self.notices.reached());
        crate::notify::follow(follower, engine.clone(), Arc::new(move || now), self.stop.clone())
            .map_err(|failure| anyhow::anyhow!("{failure:?}"))?;
        let head = engine.progress().applied;
        self.reach(head, begin).await;
        let entries = usize::try_from(head.saturating_sub(from))?;
        if entries > 0 {
            bench.report.figure(
                "region",
                "follow_entries_per_s",
                per_second(entries, begin.elapsed()),
                "entries/s, everybody put on their practice's list",
            );
        }
        Ok(())
    }

    async fn reach(&self, head: u64, begin: Instant) {
        let mut told = begin;
        while self.notices.reached() < head {
            tokio::time::sleep(Duration::from_millis(20)).await;
            if told.elapsed() > Duration::from_secs(60) {
                told = Instant::now();
                tracing::info!(reached = self.notices.reached(), head, "followed so far");
            }
        }
    }

    /// A team of the practice looks after some of these people: the pages it works from.
    pub async fn pages(&self, engine: &Engine, known: &[Known], now: Timestamp) -> anyhow::Result<Vec<String>> {
        let decision = CaseloadDecision {
            act: CaseloadAct::Add,
            organisation: PRACTICE.into(),
            list: TEAM.into(),
            by: "bench".into(),
            name: String::new(),
            patients: known.iter().take(LOOKED_AFTER).map(|one| one.patient.to_string()).collect(),
        };
        engine.submit(caseload_entry(&decision, now)).await?;
        let head = engine.progress().head;
        engine.wait_applied(head).await?;
        self.reach(head, Instant::now()).await;
        let key = notify::uploaded_list(PRACTICE, TEAM);
        let list = self.notices.caseload(&key)?.context("the team has no list")?;
        anyhow::ensure!(list.people > 0, "nobody is on the team's list");
        let pages = ["?part=in-hospital", "?part=letters", "/board?show=away", "/board?show=all"];
        Ok(pages.iter().map(|page| format!("/caseloads/{}{page}", list.id)).collect())
    }

    /// Follow no more.
    pub fn stop(&self) {
        self.stop.cancel();
    }
}
