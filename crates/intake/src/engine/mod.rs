//! The engine: journal, pipeline and applier of one region, running.

mod decisions;
mod mappers;
mod pipeline;
mod shared;

use crate::{
    apply::Applier,
    caseload::CaseloadDecision,
    consent::ConsentDecision,
    person::{LinkDecision, People},
    wire,
    writing::Writing,
};
pub use decisions::{
    caseload_entry, consent_decision, discard, link_decision, model as model_entry, resubmission, telling_entry,
    writing_entry,
};
use fhir::{Region, Resource, ResourceId, ResourceType};
use jiff::Timestamp;
pub(crate) use mappers::Mappers;
use mapping::{
    Finding, Profile, Severity,
    bundle::{MappedFhir, Request},
};
use pipeline::{Fault, POLL, Pipeline};
use shared::Handover;
pub use shared::Role;
use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
};
use store::{
    Derived, Folder, Lease, Problem, ProblemStatus, StoreError,
    audit::Audit,
    journal::{Entry, EntryKind, Journal, JournalReader, NewEntry, Receipt},
};
use tokio::sync::watch;

/// What a region needs to start.
pub struct EngineConfig {
    /// The region's code: part of every key, never changed.
    pub region: String,
    /// The profiles of its sources.
    pub profiles: Vec<String>,
}

/// How far processing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Progress {
    /// The newest durable journal position.
    pub head: u64,
    /// The newest position that is visible.
    pub applied: u64,
}

/// What became of a message whose sender waits.
#[derive(Clone, Debug, PartialEq)]
pub enum Applied {
    /// Processed and visible.
    Done,
    /// Not processed; the sender is told why.
    Refused(Vec<Finding>),
    /// Waits on the error desk, with what was found.
    Waits(Vec<Finding>),
}

/// A FHIR request, taken or refused.
#[derive(Debug)]
pub struct TakenFhir {
    /// What it came to, entry by entry; its findings say why it was refused.
    pub mapped: MappedFhir,
    /// Its journal position; none when it was refused before it was journalled.
    pub pos: Option<u64>,
    /// Whether nothing of it was done.
    pub refused: bool,
}

/// What is stored of a resource a request wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its version now.
    pub version: u32,
    /// Whether the request made it.
    pub created: bool,
    /// Whether the request changed it.
    pub changed: bool,
}

struct Shared {
    region: Region,
    folder: Folder,
    journal: Journal,
    derived: Derived,
    audit: Audit,
    people: Arc<People>,
    applied: watch::Receiver<u64>,
    health: watch::Receiver<Option<Fault>>,
    role: watch::Receiver<Role>,
    handover: Handover,
    /// The newest position of the journal that was heard of, whichever process put it there.
    newest: Arc<AtomicU64>,
    stale: watch::Receiver<Option<Timestamp>>,
    stop: Arc<AtomicBool>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// A running region. Clones share it.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

impl Engine {
    /// Open (or make) the region in a folder and start processing where it was left.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] with a sentence that says what to do: folder in use, read-only, of another region or
    /// version; a profile that cannot be read.
    pub fn start(path: &Path, config: &EngineConfig, now: Timestamp) -> Result<Self, StoreError> {
        Self::start_in(Folder::hold(path)?, config, now)
    }

    /// The same of a region that is held already, wherever its database is.
    ///
    /// # Errors
    /// As [`Engine::start`]; [`StoreError::Away`].
    pub fn start_in(folder: Folder, config: &EngineConfig, now: Timestamp) -> Result<Self, StoreError> {
        if let Some(lease) = Lease::open(&folder)? {
            return Ok(Engine { shared: Arc::new(shared::start(folder, lease, config, now)?) });
        }
        let journal = Journal::open(&folder)?;
        let audit = Audit::open(&folder)?;
        let (derived, writer) = Derived::open(&folder)?;
        writer.claim_region(&config.region)?;
        let region = Region::new(&config.region);
        let head = *journal.head().borrow();
        if writer.applied()? > head {
            return Err(StoreError::Unusable(format!(
                "the derived state in {} is ahead of its journal: the journal was replaced; run `skein rebuild`",
                folder.derived()
            )));
        }
        journal_profiles(&folder, &journal, &writer.profiles()?, &config.profiles, now)?;
        if writer.model()?.is_none() && JournalReader::open(&folder)?.model()?.is_none() {
            // The journal says which model decided, so that another version of skein replays the same decisions. Nobody
            // waits for it: what comes after it in the queue is not on disk before it.
            drop(journal.enqueue(decisions::model(&identity::Model::builtin(), now))?);
        }
        let applier = Applier::new(region.clone(), derived.clone(), writer, JournalReader::open(&folder)?)?;
        let people = applier.people();
        let (applied_sender, applied) = watch::channel(applier.applied()?);
        let (health_sender, health) = watch::channel(None);
        let stop = Arc::new(AtomicBool::new(false));
        let threads = pipeline::start(Pipeline {
            region: region.clone(),
            derived: derived.clone(),
            journal: JournalReader::open(&folder)?,
            head: journal.head(),
            applier,
            applied: applied_sender,
            health: health_sender,
            stop: stop.clone(),
            poll: POLL,
        })?;
        let shared = Shared {
            region,
            folder,
            journal,
            derived,
            audit,
            people,
            applied,
            health,
            role: watch::channel(Role::Applies).1,
            handover: Handover::default(),
            newest: Arc::default(),
            stale: watch::channel(None).1,
            stop,
            threads: Mutex::new(threads),
        };
        Ok(Engine { shared: Arc::new(shared) })
    }

    /// The region, for keys.
    pub fn region(&self) -> &Region {
        &self.shared.region
    }

    /// The derived state, for the gate and the read side.
    pub fn derived(&self) -> &Derived {
        &self.shared.derived
    }

    /// The audit, for the gate.
    pub fn audit(&self) -> &Audit {
        &self.shared.audit
    }

    /// The index of people, for whoever looks for somebody.
    pub fn people(&self) -> &Arc<People> {
        &self.shared.people
    }

    /// Use another model to weigh who is who, from the next message on. Gives its position in the journal.
    pub async fn use_model(&self, model: &identity::Model, now: Timestamp) -> Result<u64, StoreError> {
        Ok(stored(self.submit(decisions::model(model, now)).await?))
    }

    /// Open the journal for reading.
    pub fn journal_reader(&self) -> Result<JournalReader, StoreError> {
        JournalReader::open(&self.shared.folder)
    }

    /// The data folder.
    pub fn folder(&self) -> &Path {
        self.shared.folder.path()
    }

    /// The region for somebody else who looks: its folder, and its database where it has one.
    pub fn visitor(&self) -> Folder {
        self.shared.folder.visitor()
    }

    /// Put a message in the journal. Resolves when it is on disk: only then may it be acknowledged.
    ///
    /// # Errors
    /// [`StoreError::Full`] and [`StoreError::Stopped`]: nothing was stored, answer the sender accordingly.
    pub async fn submit(&self, entry: NewEntry) -> Result<Receipt, StoreError> {
        self.shared.journal.append(entry).await
    }

    /// The journal, for callers on a thread of their own.
    pub fn journal(&self) -> &Journal {
        &self.shared.journal
    }

    /// How far processing is.
    pub fn progress(&self) -> Progress {
        let applied = *self.shared.applied.borrow();
        let heard_of = self.shared.newest.load(Ordering::Acquire);
        // Another process may have put in what was applied.
        Progress { head: (*self.shared.journal.head().borrow()).max(applied).max(heard_of), applied }
    }

    /// Whether this process applies, or follows one that does, and word when that changes.
    pub fn role(&self) -> watch::Receiver<Role> {
        self.shared.role.clone()
    }

    /// Leave something for whoever applies after this process. It is kept within half a second, as long as this one applies.
    pub fn leave(&self, body: String) {
        self.shared.handover.leave(body);
    }

    /// What the process that applied before this one left.
    pub fn left(&self) -> Option<String> {
        self.shared.handover.left()
    }

    /// Whether other processes may serve the same region.
    pub fn is_one_of_several(&self) -> bool {
        self.shared.folder.server().is_some()
    }

    /// Wait until this process is the one that applies: what must be done once in a region is done by it. Never, if it ends before.
    pub async fn until_applying(&self) {
        let mut role = self.shared.role.clone();
        if role.wait_for(|role| *role == Role::Applies).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Word when more becomes visible.
    pub fn applied(&self) -> watch::Receiver<u64> {
        self.shared.applied.clone()
    }

    /// Why processing has stopped, if it has.
    pub fn fault(&self) -> Option<String> {
        self.shared.health.borrow().as_ref().map(|fault| fault.why.clone())
    }

    /// Since when nothing more is processed, if it has stopped.
    pub fn fault_since(&self) -> Option<Timestamp> {
        self.shared.health.borrow().as_ref().map(|fault| fault.since)
    }

    /// Since when something is known that is not shown here, where what is shown is read from a copy of the database that is
    /// some seconds behind.
    pub fn stale_since(&self) -> Option<Timestamp> {
        *self.shared.stale.borrow()
    }

    /// Wait until everything up to `pos` is processed, and say what became of `pos`.
    ///
    /// # Errors
    /// [`StoreError::Stopped`] when processing has stopped; the message itself is safe in the journal.
    pub async fn wait_applied(&self, pos: u64) -> Result<Applied, StoreError> {
        let mut applied = self.shared.applied.clone();
        let mut health = self.shared.health.clone();
        tokio::select! {
            reached = applied.wait_for(|applied| *applied >= pos) => {
                reached.map_err(|_| StoreError::Stopped("processing has stopped".into()))?;
            }
            fault = health.wait_for(Option::is_some) => {
                let why = fault.ok().and_then(|fault| fault.as_ref().map(|fault| fault.why.clone())).unwrap_or_default();
                return Err(StoreError::Stopped(why));
            }
        }
        self.outcome(pos)
    }

    /// What became of an applied entry.
    pub fn outcome(&self, pos: u64) -> Result<Applied, StoreError> {
        let Some(problem) = self.shared.derived.snapshot()?.problem(pos)? else { return Ok(Applied::Done) };
        let findings = serde_json::from_str(&problem.findings).unwrap_or_default();
        Ok(match problem.status {
            ProblemStatus::Remark | ProblemStatus::Resolved => Applied::Done,
            ProblemStatus::Refused => Applied::Refused(findings),
            ProblemStatus::Parked | ProblemStatus::Held | ProblemStatus::Failed => Applied::Waits(findings),
        })
    }

    /// What is stored of a resource that entry `pos` wrote.
    pub fn written(&self, pos: u64, id: ResourceId, kind: ResourceType) -> Result<Option<Written>, StoreError> {
        let snapshot = self.shared.derived.snapshot()?;
        Ok(snapshot.current(id, kind)?.filter(|current| !current.deleted).map(|current| Written {
            version: current.version,
            created: current.seq == pos && current.version == 1,
            changed: current.seq == pos,
        }))
    }

    /// Take a FHIR request of a source: check it, journal it, wait until it is visible. What is refused by the check is
    /// not journalled: its sender knows, and nothing is half-written.
    ///
    /// # Errors
    /// The store's. The request may be in the journal all the same when processing has stopped.
    pub async fn take_fhir(
        &self,
        source: &str,
        feed: &str,
        request: &Request,
        body: Vec<u8>,
        now: Timestamp,
    ) -> Result<TakenFhir, StoreError> {
        let engine = self.clone();
        let (who, asked) = (source.to_owned(), request.clone());
        // Reading a large bundle takes long: not on a thread that serves others.
        let checking = move || engine.check_fhir(&who, &asked, &body, now).map(|mapped| (mapped, body));
        let (mut mapped, body) = run_blocking(checking).await?;
        if mapped.missed && self.progress().applied < self.progress().head {
            // What it refers to may be on its way through the journal.
            self.wait_applied(self.progress().head).await?;
            mapped = self.check_fhir(source, request, &body, now)?;
        }
        let changes = std::mem::take(&mut mapped.set.changes);
        if mapped.set.findings.iter().any(|finding| finding.severity == Severity::Error) {
            return Ok(TakenFhir { mapped, pos: None, refused: true });
        }
        drop(changes);
        let bytes = body.len();
        let entry = NewEntry {
            kind: EntryKind::Fhir,
            source: source.to_owned(),
            feed: feed.to_owned(),
            received: now,
            ident: None,
            about: serde_json::to_string(request).ok(),
            body,
            ack: None,
        };
        let span = tracing::info_span!(
            target: "skein::span",
            parent: None,
            "message",
            skein.feed = feed,
            skein.source = source,
            skein.bytes = bytes,
            position = tracing::field::Empty,
        );
        let pos = stored(self.submit(entry).await?);
        span.record("position", pos);
        // The message has a trace of its own: the request's says which.
        tracing::Span::current().record("skein.position", pos);
        match self.wait_applied(pos).await? {
            Applied::Done => Ok(TakenFhir { mapped, pos: Some(pos), refused: false }),
            Applied::Refused(findings) | Applied::Waits(findings) => {
                mapped.set.findings = findings;
                Ok(TakenFhir { mapped, pos: Some(pos), refused: true })
            }
        }
    }

    /// What a FHIR request would come to now, without taking it.
    pub fn check_fhir(
        &self,
        source: &str,
        request: &Request,
        body: &[u8],
        now: Timestamp,
    ) -> Result<MappedFhir, StoreError> {
        let snapshot = self.shared.derived.snapshot()?;
        wire::check(&self.shared.region, source, request, body, now, &snapshot)
    }

    /// Messages on the error desk, newest first.
    pub fn problems(
        &self,
        statuses: &[ProblemStatus],
        source: Option<&str>,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Problem>, StoreError> {
        self.shared.derived.snapshot()?.problems(statuses, source, before, limit)
    }

    /// One message of the error desk, with its bytes as they came.
    pub fn problem(&self, pos: u64) -> Result<Option<(Problem, Entry)>, StoreError> {
        let Some(problem) = self.shared.derived.snapshot()?.problem(pos)? else { return Ok(None) };
        Ok(self.journal_reader()?.entry(pos)?.map(|entry| (problem, entry)))
    }

    /// How many messages each feed has on the error desk: source, feed, status, count.
    pub fn problem_counts(&self) -> Result<Vec<(String, String, ProblemStatus, u64)>, StoreError> {
        self.shared.derived.snapshot()?.problem_counts()
    }

    /// Process a message of the error desk again, edited or as it was. The original stays. Gives the decision's position;
    /// [`Engine::wait_applied`] on it, then [`Engine::problem`] says how it went.
    pub async fn resubmit(
        &self,
        of: u64,
        body: Option<Vec<u8>>,
        by: &str,
        why: &str,
        now: Timestamp,
    ) -> Result<Option<u64>, StoreError> {
        let Some((problem, entry)) = self.problem(of)? else { return Ok(None) };
        let decision = resubmission(&problem, body.unwrap_or(entry.body), by, why, now);
        Ok(Some(stored(self.submit(decision).await?)))
    }

    /// Settle a message of the error desk without processing it.
    pub async fn discard(&self, of: u64, by: &str, why: &str, now: Timestamp) -> Result<Option<u64>, StoreError> {
        let Some((problem, _)) = self.problem(of)? else { return Ok(None) };
        Ok(Some(stored(self.submit(discard(&problem, by, why, now)).await?)))
    }

    /// Put a data steward's decision in the journal. Gives its position; [`Engine::wait_applied`] on it, then it holds.
    pub async fn decide_link(&self, decision: &LinkDecision, now: Timestamp) -> Result<u64, StoreError> {
        Ok(stored(self.submit(link_decision(decision, now)).await?))
    }

    /// Put what a person wants done with the record in the journal. Gives its position; [`Engine::wait_applied`] on it, then
    /// it holds everywhere.
    pub async fn decide_consent(&self, decision: &ConsentDecision, now: Timestamp) -> Result<u64, StoreError> {
        Ok(stored(self.submit(consent_decision(decision, now)).await?))
    }

    /// Put who is on a caseload in the journal. Gives its position; [`Engine::wait_applied`] on it, then it holds.
    pub async fn decide_caseload(&self, decision: &CaseloadDecision, now: Timestamp) -> Result<u64, StoreError> {
        Ok(stored(self.submit(caseload_entry(decision, now)).await?))
    }

    /// Put what somebody wrote here in the journal, and wait until it is visible: whole resources, all or nothing, under ids
    /// of ours. Whoever calls has asked the gate.
    ///
    /// # Errors
    /// The store's. It may be in the journal all the same when processing has stopped.
    pub async fn write(
        &self,
        writing: &Writing,
        resources: &[Resource],
        now: Timestamp,
    ) -> Result<(u64, Applied), StoreError> {
        let pos = stored(self.submit(writing_entry(writing, resources, now)).await?);
        Ok((pos, self.wait_applied(pos).await?))
    }

    /// Put a decision about telling others in the journal. Gives its position.
    pub async fn decide_telling(&self, about: String, now: Timestamp) -> Result<u64, StoreError> {
        Ok(stored(self.submit(telling_entry(about, now)).await?))
    }

    /// Finish what is in hand and close the files.
    pub fn stop(&self) {
        self.shared.stop.store(true, Ordering::Release);
        let threads = self.shared.threads.lock().map(|mut threads| std::mem::take(&mut *threads)).unwrap_or_default();
        for thread in threads {
            let _ = thread.join();
        }
        self.shared.journal.close();
        self.shared.audit.close();
    }
}

async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(StoreError::Stopped("a worker panicked".into())))
}

fn stored(receipt: Receipt) -> u64 {
    match receipt {
        Receipt::Stored { pos, .. } | Receipt::Repeat { pos, .. } => pos,
    }
}

/// Journal the profiles that are new or changed, so that a replay maps with what was in force.
fn journal_profiles(
    folder: &Folder,
    journal: &Journal,
    applied: &std::collections::HashMap<String, String>,
    wanted: &[String],
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut known = applied.clone();
    let mut reader = JournalReader::open(folder)?;
    // Entries not applied yet may hold newer ones.
    for profile in reader.profiles()? {
        known.insert(profile.0, profile.1);
    }
    for toml in wanted {
        let profile = Profile::from_toml(toml).map_err(|e| StoreError::Unusable(format!("a source's profile: {e}")))?;
        if known.get(&profile.source) == Some(toml) {
            continue;
        }
        let entry = NewEntry {
            kind: EntryKind::Profile,
            source: profile.source,
            feed: "configuration".into(),
            received: now,
            ident: None,
            about: None,
            body: toml.clone().into_bytes(),
            ack: None,
        };
        journal.append_blocking(entry)?;
    }
    Ok(())
}
