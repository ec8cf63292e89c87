//! A region on a database that several processes serve. Each of them takes messages in, answers and shows; one processes the
//! journal, by a lease ([`store::Lease`]). The others follow what it makes visible: the index of people, the reasons that users
//! gave. When it is gone one of them goes on where it was.

use super::{
    EngineConfig, Shared, decisions, journal_profiles,
    pipeline::{self, Fault, POLL_SHARED, Pipeline},
};
use crate::{apply::Applier, person::People};
use fhir::Region;
use jiff::Timestamp;
use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};
use store::{
    Derived, Folder, LEASE, Lease, StoreError,
    audit::Audit,
    journal::{Journal, JournalReader},
};
use tokio::sync::watch;

/// How often what another process made visible is taken over: while something comes, and when nothing did for a while.
const FOLLOW: Duration = Duration::from_millis(5);
const FOLLOW_IDLE: Duration = Duration::from_millis(50);
/// For how long nothing comes before it is looked for less often.
const IDLE_AFTER: Duration = Duration::from_secs(2);
/// How often the lease is renewed or asked for, and other processes' grants are heard of.
const SAY: Duration = Duration::from_millis(500);
/// What is shown may be so much older than what is known before it is said.
const STALE_AFTER: Duration = Duration::from_secs(2);
/// How long whoever wrote before may take to be gone.
const FORMER_TIME_MAX: Duration = Duration::from_secs(10);

/// What the process that applies leaves for the one after it.
#[derive(Clone, Default)]
pub(super) struct Handover(Arc<Mutex<Leaving>>);

#[derive(Default)]
struct Leaving {
    to_leave: Option<String>,
    left: Option<String>,
}

/// Under what name it is kept.
const SENDING: &str = "sending";

impl Handover {
    fn with<T>(&self, work: impl FnOnce(&mut Leaving) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn leave(&self, body: String) {
        self.with(|leaving| leaving.to_leave = Some(body));
    }

    pub fn left(&self) -> Option<String> {
        self.with(|leaving| leaving.left.clone())
    }
}

/// What a process of several does beside taking in and showing.
struct Process {
    lease: Lease,
    region: Region,
    code: String,
    folder: Folder,
    journal: Journal,
    derived: Derived,
    audit: Audit,
    people: Arc<People>,
    /// The position up to which what was made visible is taken over.
    reached: u64,
    applied: watch::Sender<u64>,
    health: watch::Sender<Option<Fault>>,
    role: watch::Sender<Role>,
    handover: Handover,
    stop: Arc<AtomicBool>,
    pipeline: Vec<JoinHandle<()>>,
    /// The newest position of the journal, whoever put it there.
    newest: Arc<AtomicU64>,
    reader: JournalReader,
    /// It reads from a copy of the database, and so never applies.
    only_follows: bool,
    /// The position that was visible at the one that applies, at some time: those that are not visible here yet.
    ahead: VecDeque<(u64, Timestamp)>,
    stale: watch::Sender<Option<Timestamp>>,
    /// Whoever has the lease is left in peace until then: the database was away, and could not be told by anybody.
    not_before: Instant,
}

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It processes the journal.
    Applies,
    /// It follows the one that does.
    Follows,
    /// It was too slow, and another took its place: it is to end, and to be started again.
    Deposed,
}

/// Start one of the processes of a region.
pub(super) fn start(folder: Folder, lease: Lease, config: &EngineConfig, now: Timestamp) -> Result<Shared, StoreError> {
    let journal = Journal::open(&folder)?;
    let audit = Audit::open(&folder)?;
    folder.derived().prepare()?;
    let derived = Derived::open_for_reading(&folder.derived())?;
    let region = Region::new(&config.region);
    let view = derived.snapshot()?;
    if let Some(found) = view.region()?
        && found != config.region
    {
        return Err(StoreError::Unusable(format!(
            "this database holds region '{found}', the configuration says '{}': the code must never change",
            config.region
        )));
    }
    if view.seq() > *journal.head().borrow() {
        return Err(StoreError::Unusable(format!(
            "the derived state in {} is ahead of its journal: the journal was replaced; run `skein rebuild`",
            folder.derived()
        )));
    }
    let in_force = view.sources()?.into_iter().filter_map(|row| Some((row.name, row.profile?))).collect();
    journal_profiles(&folder, &journal, &in_force, &config.profiles, now)?;
    if view.model()?.is_none() && JournalReader::open(&folder)?.model()?.is_none() {
        drop(journal.enqueue(decisions::model(&identity::Model::builtin(), now))?);
    }
    let people = Arc::new(People::load_view(&view)?);
    let reached = view.seq();
    drop(view);
    let (applied_sender, applied) = watch::channel(reached);
    let (health_sender, health) = watch::channel(None);
    let (stale_sender, stale) = watch::channel(None);
    let (role_sender, role) = watch::channel(Role::Follows);
    let handover = Handover::default();
    let newest = Arc::new(AtomicU64::new(0));
    let stop = Arc::new(AtomicBool::new(false));
    let mut process = Process {
        lease,
        region: region.clone(),
        code: config.region.clone(),
        folder: folder.visitor(),
        journal: journal.clone(),
        derived: derived.clone(),
        audit: audit.clone(),
        people: people.clone(),
        reached,
        applied: applied_sender,
        health: health_sender,
        role: role_sender,
        handover: handover.clone(),
        stop: stop.clone(),
        pipeline: Vec::new(),
        newest: newest.clone(),
        reader: JournalReader::open(&folder)?,
        only_follows: folder.server().is_some_and(|server| server.replica().is_some()),
        ahead: VecDeque::new(),
        stale: stale_sender,
        not_before: Instant::now(),
    };
    // Before anything else, so that the only process of a region applies once it is started.
    if !process.only_follows {
        process.ask()?;
    }
    let thread = std::thread::Builder::new()
        .name("lease".into())
        .spawn(move || process.run())
        .map_err(|e| StoreError::Unusable(format!("cannot start a thread: {e}")))?;
    Ok(Shared {
        region,
        folder,
        journal,
        derived,
        audit,
        people,
        applied,
        health,
        role,
        handover,
        newest,
        stale,
        stop,
        threads: Mutex::new(vec![thread]),
    })
}

impl Process {
    fn run(mut self) {
        let mut said = Instant::now();
        let mut changed = Instant::now();
        let mut cannot_follow = false;
        while !self.stop.load(Ordering::Acquire) {
            let applies = *self.role.borrow() == Role::Applies;
            if said.elapsed() >= SAY {
                said = Instant::now();
                if let Ok(newest) = self.reader.head() {
                    self.newest.store(newest, Ordering::Release);
                }
                let outcome = if applies { self.say() } else { self.ask_again() };
                if self.note(&outcome, applies || cannot_follow) {
                    return self.end();
                }
                if outcome.is_err() {
                    self.not_before = Instant::now() + LEASE;
                    std::thread::sleep(SAY);
                }
            }
            if applies {
                std::thread::sleep(FOLLOW_IDLE);
                continue;
            }
            match self.follow() {
                Ok(came) => {
                    cannot_follow = false;
                    if came {
                        changed = Instant::now();
                    }
                }
                Err(error) => {
                    cannot_follow = true;
                    self.fault(&error);
                    std::thread::sleep(FOLLOW_IDLE);
                }
            }
            let waited_for = *self.journal.head().borrow() > self.reached;
            std::thread::sleep(if waited_for || changed.elapsed() < IDLE_AFTER { FOLLOW } else { FOLLOW_IDLE });
        }
        self.end();
    }

    /// Tell of what went wrong. True: nothing more can be done here.
    fn note(&self, outcome: &Result<(), StoreError>, told_elsewhere: bool) -> bool {
        if *self.role.borrow() == Role::Deposed {
            return true;
        }
        // Of one that applies its pipeline tells.
        if !told_elsewhere {
            match outcome {
                Err(error) => self.fault(error),
                Ok(()) => self.mirror(),
            }
        }
        false
    }

    /// What is shown does not go on.
    fn fault(&self, error: &StoreError) {
        if self.health.borrow().is_none() {
            tracing::warn!(%error, "the database cannot be followed; tried again");
            self.health.send_replace(Some(Fault::of(error)));
        }
    }

    /// Take over whether the one that applies is getting on.
    fn mirror(&self) {
        let Ok(holder) = self.lease.holder() else { return };
        let fault = holder.and_then(|holder| holder.fault).map(|(why, since)| Fault::new(why, since));
        let why = |fault: &Option<Fault>| fault.as_ref().map(|fault| fault.why.clone());
        if why(&fault) != why(&self.health.borrow()) {
            self.health.send_replace(fault);
        }
    }

    /// Say that we are still there.
    fn say(&mut self) -> Result<(), StoreError> {
        let fault = self.health.borrow().clone();
        let renewed = self.lease.renew(fault.as_ref().map(|fault| (fault.why.as_str(), fault.since)))?;
        if !renewed {
            tracing::error!(
                "another process has taken over the processing: this one was too slow to say that it was there"
            );
            self.role.send_replace(Role::Deposed);
            return Ok(());
        }
        if let Some(body) = self.handover.with(|leaving| leaving.to_leave.take()) {
            self.lease.leave(SENDING, &body)?;
        }
        self.audit.hear_grants()
    }

    fn ask_again(&mut self) -> Result<(), StoreError> {
        self.audit.hear_grants()?;
        if self.only_follows {
            return self.compare();
        }
        if Instant::now() < self.not_before {
            return Ok(());
        }
        self.ask()
    }

    /// Note how far behind the one that applies we are.
    #[expect(clippy::disallowed_methods, reason = "how old what is shown is; nothing that is stored follows from it")]
    fn compare(&mut self) -> Result<(), StoreError> {
        let (there, now) = (self.lease.applied()?, Timestamp::now());
        self.ahead.retain(|(seq, _)| *seq > self.reached);
        if there > self.reached && self.ahead.back().is_none_or(|(seq, _)| *seq < there) {
            self.ahead.push_back((there, now));
        }
        let since = self.ahead.front().map(|(_, at)| *at);
        // What is on its way is no news.
        let since = since.filter(|since| now.duration_since(*since).unsigned_abs() >= STALE_AFTER);
        self.stale.send_if_modified(|known| std::mem::replace(known, since) != since);
        Ok(())
    }

    /// Ask for the lease, and apply from now on if it is ours.
    fn ask(&mut self) -> Result<(), StoreError> {
        if !self.lease.take()? {
            return Ok(());
        }
        let begin = Instant::now();
        let writer = loop {
            match self.derived.write() {
                Ok(writer) => break writer,
                // Its connection was ended, and it may have made another before it knew why.
                Err(error) if begin.elapsed() > FORMER_TIME_MAX => return Err(error),
                Err(_) => {
                    if !self.lease.renew(None)? && !self.lease.take()? {
                        return Ok(());
                    }
                }
            }
        };
        writer.claim_region(&self.code)?;
        self.follow()?;
        let journal = || JournalReader::open(&self.folder);
        let applier =
            Applier::with_people(self.region.clone(), self.derived.clone(), writer, journal()?, self.people.clone())?;
        self.pipeline = pipeline::start(Pipeline {
            region: self.region.clone(),
            derived: self.derived.clone(),
            journal: journal()?,
            head: self.journal.head(),
            applier,
            applied: self.applied.clone(),
            health: self.health.clone(),
            stop: self.stop.clone(),
            poll: POLL_SHARED,
        })?;
        self.health.send_replace(None);
        let left = self.lease.left(SENDING)?;
        self.handover.with(|leaving| leaving.left = left);
        self.role.send_replace(Role::Applies);
        tracing::info!(from = self.reached, "this process processes the journal");
        Ok(())
    }

    /// Take over what the one that applies made visible. True: something came.
    fn follow(&mut self) -> Result<bool, StoreError> {
        let view = self.derived.snapshot()?;
        let seq = view.seq();
        if seq == self.reached {
            return Ok(false);
        }
        if seq < self.reached {
            // The database lost what was not on disk yet; it is being made again of the journal.
            self.people.reload(&view)?;
        } else {
            self.people.follow(&view, self.reached, &self.region)?;
        }
        self.reached = seq;
        self.applied.send_replace(seq);
        Ok(true)
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Release);
        for thread in std::mem::take(&mut self.pipeline) {
            let _ = thread.join();
        }
        if let Some(body) = self.handover.with(|leaving| leaving.to_leave.take())
            && let Err(error) = self.lease.leave(SENDING, &body)
        {
            tracing::warn!(%error, "how far sending has got was not left for the next process: some may be sent twice");
        }
        if let Err(error) = self.lease.release() {
            tracing::debug!(%error, "the lease was not given up: another process takes it once it is over");
        }
    }
}
