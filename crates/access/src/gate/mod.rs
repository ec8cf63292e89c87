//! The gate: the one door through which anything about a person leaves the store.
//!
//! Asking for a [`Permit`] decides and writes the audit entry in one call; there is no other way to make one (design §4,
//! invariant 6). Writing takes an fsync, so the permit is handed out at once and what it reads stays [`Sealed`] until the
//! entry is on disk. What a decision rests on is found out first ([`Situation`]), then put to the policies.

mod action;
mod as_at;
mod desk;
mod entry;
mod objections;
mod organisations;
mod permits;
mod reasons;
mod receipt;
mod replay;
mod sight;
mod situation;
mod traced;
mod work;
mod write;

pub use action::Action;
pub use desk::Look;
pub use entry::{AsAt, Outcome, Recorded, Via};
pub use objections::Asked;
pub use organisations::Organisation;
pub use permits::{DeskPermit, FindPermit, Found, Permit, PrivacyPermit, Sealed, Since, StewardPermit};
pub use reasons::Needed;
pub use replay::Replayed;
pub use sight::{Shown, Sight, Withheld};
pub use situation::{Evidence, Situation};
pub use write::WritePermit;

use crate::{
    User,
    policy::{BadPolicy, Desk, Door, Policies, PolicyFiles, Ruling},
};
use as_at::Opening;
use entry::{About, Writing};
use fhir::{PatientKey, PersonKey};
use jiff::Timestamp;
use organisations::Directory;
use receipt::{Pending, Receipt, on_disk};
use std::sync::{
    Arc, LazyLock, PoisonError, RwLock,
    atomic::{AtomicU64, Ordering},
};
use store::{
    Derived, Snapshot, StoreError,
    audit::{Audit, NewAuditEntry, NewMatter},
};

/// Why the gate stays shut.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// This role may not do this; the sentence is for the user.
    #[error("{0}")]
    NotAllowed(String),
    /// Nothing is known that links the user with the person: a reason may open the record.
    #[error("{}", .0.sentence)]
    NeedsReason(Box<Needed>),
    /// There is no such person.
    #[error("there is no such person")]
    NoSuchPerson,
    /// A reason that cannot be taken; the sentence is for the user.
    #[error("{0}")]
    NoReason(String),
    /// Without an audit entry nothing is shown.
    #[error("the access could not be recorded, so nothing can be shown: {0}")]
    NotRecorded(#[from] StoreError),
}

/// What a gate is made with.
#[derive(Clone, Debug, Default)]
pub struct GateConfig {
    /// The region's own policies; None: the built-in ones.
    pub policies: Option<PolicyFiles>,
    /// Organisations beside those of the sources' profiles.
    pub organisations: Vec<Organisation>,
}

/// The policies in force, and those that were.
struct InForce {
    current: RwLock<Arc<Policies>>,
}

/// The gate.
#[derive(Clone)]
pub struct Gate {
    derived: Derived,
    audit: Audit,
    policies: Arc<InForce>,
    directory: Arc<Directory>,
    /// Numbers accesses, after a start that differs from run to run.
    accesses: Arc<(u64, AtomicU64)>,
    /// Set in a gate that shows again what was shown.
    again: Option<Arc<replay::Again>>,
}

impl Gate {
    /// The gate of a region.
    ///
    /// # Errors
    /// [`BadPolicy`] when the policies cannot be used.
    pub fn new(derived: Derived, audit: Audit, config: GateConfig, now: Timestamp) -> Result<Self, BadPolicy> {
        static BUILTIN: LazyLock<Result<Arc<Policies>, BadPolicy>> =
            LazyLock::new(|| Policies::builtin().map(Arc::new));
        let policies = match config.policies {
            Some(files) => Arc::new(Policies::new(files)?),
            None => BUILTIN.clone()?,
        };
        let gate = Gate {
            derived,
            audit,
            policies: Arc::new(InForce { current: RwLock::new(Arc::clone(&policies)) }),
            directory: Arc::new(Directory::new(config.organisations)),
            accesses: Arc::new((now.as_microsecond().cast_unsigned(), AtomicU64::new(0))),
            again: None,
        };
        // Kept before anything is decided by them: entries are written in the order they are handed in.
        drop(gate.keep(&policies, now));
        Ok(gate)
    }

    /// The policies in force.
    pub fn policies(&self) -> Arc<Policies> {
        Arc::clone(&self.policies.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn keep(&self, policies: &Policies, now: Timestamp) -> Result<Pending, StoreError> {
        let files = serde_json::to_string(policies.files()).unwrap_or_default();
        self.audit.keep_policy(policies.version(), now, files)
    }

    /// From now on these policies decide. Written down before they do.
    ///
    /// # Errors
    /// [`Refusal::NotRecorded`]: the former stay in force then.
    pub async fn use_policies(&self, policies: Policies, user: &User, now: Timestamp) -> Result<(), Refusal> {
        let policies = Arc::new(policies);
        let kept = self.keep(&policies, now)?;
        let action =
            Action::ChangePolicies { from: self.policies().version().to_string(), to: policies.version().to_string() };
        let pending = self.record(user, About::default(), &action, Outcome::Permitted, now)?;
        Receipt::new(kept).wait().await?;
        Receipt::new(pending).wait().await?;
        *self.policies.current.write().unwrap_or_else(PoisonError::into_inner) = policies;
        Ok(())
    }

    fn access_id(&self) -> String {
        let (start, counter) = &*self.accesses;
        let n = counter.fetch_add(1, Ordering::Relaxed);
        let mut hasher = blake3::Hasher::new();
        hasher.update(&start.to_le_bytes());
        hasher.update(&n.to_le_bytes());
        hasher.finalize().to_hex().chars().take(16).collect()
    }

    fn record(
        &self,
        user: &User,
        about: About<'_>,
        action: &Action,
        outcome: Outcome,
        now: Timestamp,
    ) -> Result<Pending, Refusal> {
        self.record_matter(user, about, action, outcome, None, None, now)
    }

    #[expect(clippy::too_many_arguments, reason = "one entry has so many sides, and two callers")]
    fn record_matter(
        &self,
        user: &User,
        about: About<'_>,
        action: &Action,
        outcome: Outcome,
        opens: Option<NewMatter>,
        settles: Option<(u64, String)>,
        now: Timestamp,
    ) -> Result<Pending, Refusal> {
        let entry = self.to_record(user, about, action, outcome, now)?;
        Ok(self.audit.append(NewAuditEntry { opens, settles, ..entry })?)
    }

    /// What is written down of an access, not yet handed in.
    fn to_record(
        &self,
        user: &User,
        about: About<'_>,
        action: &Action,
        outcome: Outcome,
        now: Timestamp,
    ) -> Result<NewAuditEntry, Refusal> {
        let policies = self.policies();
        let ruling = about.ruling;
        let body = entry::json(&Writing {
            action,
            outcome,
            user,
            via: &user.via,
            policy: policies.version(),
            rules: ruling.map_or(&[], |ruling| &ruling.rules),
            because: ruling.and_then(|ruling| ruling.because.as_deref()),
            situation: about.situation,
            seq: about.seq,
            as_at: about.as_at,
            patients: about.patients.iter().map(ToString::to_string).collect(),
            access: about.access,
            of: about.of,
            words: about.words,
        })?;
        Ok(NewAuditEntry { at: now, person: about.person, user: user.id.clone(), body, ..NewAuditEntry::default() })
    }

    /// Where sign-ins are written down.
    pub fn events(&self) -> crate::sign_in::Events {
        crate::sign_in::Events::new(self.audit.clone())
    }

    /// Whether a user may work at a desk. Nothing is written down: this is for menus; the desk asks again.
    pub fn may(&self, user: &User, desk: Desk) -> bool {
        self.ask_desk(user, desk).is_ok_and(|ruling| ruling.allowed)
    }

    /// The job that a user's role is in their organisation, as the policies name jobs; None: it is none. Nothing is decided by
    /// it here: it tells what to show first.
    ///
    /// # Errors
    /// The store's.
    pub fn job(&self, user: &User) -> Result<Option<String>, StoreError> {
        let organisations = self.directory.current(&self.derived.snapshot()?)?;
        let kind = organisations.kind(&user.org_code.to_ascii_uppercase());
        let policies = self.policies();
        let jobs = policies.jobs();
        Ok(jobs.of(user, kind).and_then(|place| jobs.all().get(place)).map(|job| job.name.clone()))
    }

    fn ask_desk(&self, user: &User, desk: Desk) -> Result<Ruling, StoreError> {
        let organisations = self.directory.current(&self.derived.snapshot()?)?;
        let kind = organisations.kind(&user.org_code.to_ascii_uppercase());
        Ok(self.policies().desk(user, kind, desk))
    }

    /// What links a user with a person, and what the person wants: all that a decision rests on.
    fn situation(
        &self,
        snapshot: &Snapshot,
        user: &User,
        person: PersonKey,
        patients: &[PatientKey],
        now: Timestamp,
    ) -> Result<Situation, StoreError> {
        let organisations = self.directory.current(snapshot)?;
        let policies = self.policies();
        let grants = self.audit.grants(&user.id, person, now)?;
        let (organisations, policies) = (&*organisations, &*policies);
        situation::find_out(&situation::Asking {
            snapshot,
            organisations,
            policies,
            user,
            person,
            patients,
            grants,
            now,
        })
    }

    /// What the policies would say, and on what that rests. For `skein policy try`: nothing is written, nothing opened.
    ///
    /// # Errors
    /// [`Refusal::NoSuchPerson`]; the store's.
    pub fn rehearse(
        &self,
        user: &User,
        person: PersonKey,
        now: Timestamp,
    ) -> Result<(Situation, Vec<(Door, Ruling)>), Refusal> {
        let snapshot = self.derived.snapshot()?;
        let patients = snapshot.patients_of(person, snapshot.seq())?;
        if patients.is_empty() {
            return Err(Refusal::NoSuchPerson);
        }
        let situation = self.situation(&snapshot, user, person, &patients, now)?;
        let policies = self.policies();
        let doors = [Door::Open, Door::Claim, Door::BreakGlass];
        let ask = |door| (door, policies.record(user, &situation.organisation_kind, door, &situation.access));
        let rulings = doors.into_iter().map(ask).collect();
        Ok((situation, rulings))
    }

    /// Ask to read a person's record as it is now.
    ///
    /// # Errors
    /// [`Refusal`]; a refused attempt is recorded as well.
    pub fn open(&self, user: &User, person: PersonKey, action: &Action, now: Timestamp) -> Result<Permit, Refusal> {
        let snapshot = self.derived.snapshot()?;
        let seq = snapshot.seq();
        self.open_in(&snapshot, user, person, action, seq, now)
    }

    /// Ask to read a person's record as it was at `seq`.
    ///
    /// # Errors
    /// [`Refusal`]; a refused attempt is recorded as well.
    pub fn open_at(
        &self,
        user: &User,
        person: PersonKey,
        action: &Action,
        seq: u64,
        now: Timestamp,
    ) -> Result<Permit, Refusal> {
        let snapshot = self.derived.snapshot()?;
        let seq = seq.min(snapshot.seq());
        self.open_in(&snapshot, user, person, action, seq, now)
    }

    fn open_in(
        &self,
        snapshot: &Snapshot,
        user: &User,
        person: PersonKey,
        action: &Action,
        seq: u64,
        now: Timestamp,
    ) -> Result<Permit, Refusal> {
        if let Some(again) = &self.again {
            return again.permit(&self.derived, person);
        }
        self.enter((snapshot, seq), user, person, None, action, now)
    }

    /// Open a record to read it; with `writing`, to write something of that name in it.
    /// One snapshot is handed in, so that a decision begins no second.
    fn enter(
        &self,
        (snapshot, seq): (&Snapshot, u64),
        user: &User,
        person: PersonKey,
        writing: Option<&str>,
        action: &Action,
        now: Timestamp,
    ) -> Result<Permit, Refusal> {
        let patients = snapshot.patients_of(person, seq)?;
        let known = patients.clone();
        let opening = Opening { user, person, action, writing, seq, since: None, known, patients };
        self.decide(snapshot, opening, now)
    }

    /// Put an access to the policies and write down what they say.
    fn decide(&self, snapshot: &Snapshot, opening: Opening<'_>, now: Timestamp) -> Result<Permit, Refusal> {
        let span = traced::asked(opening.action);
        let decided = span.in_scope(|| self.weigh(snapshot, opening, now));
        traced::told(&span, &decided);
        decided
    }

    fn weigh(&self, snapshot: &Snapshot, opening: Opening<'_>, now: Timestamp) -> Result<Permit, Refusal> {
        let Opening { user, person, action, writing, seq, since, known, patients } = opening;
        let as_at = since.as_ref().map(|since| AsAt { then: since.then, known: since.seq });
        let about = About { person: Some(person), seq: Some(seq), as_at, patients: &patients, ..About::default() };
        if known.is_empty() {
            on_disk(self.record(user, about, action, Outcome::NotFound, now)?)?;
            return Err(Refusal::NoSuchPerson);
        }
        let situation = self.situation(snapshot, user, person, &known, now)?;
        let policies = self.policies();
        let ruling = match action.desk() {
            Some(desk) => policies.desk(user, &situation.organisation_kind, desk),
            None => policies.record(user, &situation.organisation_kind, Door::Open, &situation.access),
        };
        let opens = ruling.allowed;
        let ruling = match writing {
            Some(what) if opens => policies.write(user, &situation.organisation_kind, what, &situation.access),
            _ => ruling,
        };
        let access = self.access_id();
        let about = About { situation: Some(&situation), ruling: Some(&ruling), access: &access, ..about };
        if !ruling.allowed {
            on_disk(self.record(user, about, action, Outcome::Refused, now)?)?;
            if opens {
                // It may be read: a reason of one's own opens nothing more.
                return Err(Refusal::NotAllowed(write::refused(&ruling)));
            }
            return Err(self.refusal(&policies, user, person, &situation, &ruling));
        }
        let pending = self.record(user, about, action, Outcome::Permitted, now)?;
        let user = Arc::new(user.clone());
        let audit = Some(self.audit.clone());
        let sight = Sight::new(policies, situation, Arc::clone(&user), person, access, now, audit);
        Ok(Permit {
            user,
            person,
            patients: patients.into(),
            seq,
            receipt: Receipt::new(pending),
            sight: Arc::new(sight),
            since: since.map(Arc::new),
        })
    }

    /// Ask to show a line about a person in a list of many: None when the gate would not open the record to this user,
    /// which is then no attempt of anybody's and stands nowhere. What is shown is written down as for any access.
    ///
    /// # Errors
    /// [`Refusal::NotRecorded`].
    pub fn glimpse(
        &self,
        user: &Arc<User>,
        person: PersonKey,
        action: &Action,
        now: Timestamp,
    ) -> Result<Option<Permit>, Refusal> {
        let snapshot = self.derived.snapshot()?;
        let seq = snapshot.seq();
        let patients = snapshot.patients_of(person, seq)?;
        if patients.is_empty() {
            return Ok(None);
        }
        let situation = self.situation(&snapshot, user, person, &patients, now)?;
        let policies = self.policies();
        let ruling = policies.record(user, &situation.organisation_kind, Door::Open, &situation.access);
        if !ruling.allowed {
            return Ok(None);
        }
        let access = self.access_id();
        let about = About {
            person: Some(person),
            seq: Some(seq),
            patients: &patients,
            situation: Some(&situation),
            ruling: Some(&ruling),
            access: &access,
            ..About::default()
        };
        let pending = self.record(user, about, action, Outcome::Permitted, now)?;
        let audit = Some(self.audit.clone());
        let sight = Sight::new(policies, situation, Arc::clone(user), person, access, now, audit);
        Ok(Some(Permit {
            user: Arc::clone(user),
            person,
            patients: patients.into(),
            seq,
            receipt: Receipt::new(pending),
            sight: Arc::new(sight),
            since: None,
        }))
    }

    fn refusal(
        &self,
        policies: &Policies,
        user: &User,
        person: PersonKey,
        situation: &Situation,
        ruling: &Ruling,
    ) -> Refusal {
        let ask = |door| policies.record(user, &situation.organisation_kind, door, &situation.access).allowed;
        let (claim, glass) = (ask(Door::Claim), ask(Door::BreakGlass));
        let because = ruling.because.as_deref();
        if claim || glass {
            return Refusal::NeedsReason(Box::new(Needed::new(policies, person, because, claim, glass)));
        }
        let otherwise = "Nothing that your organisation’s systems sent says that it looks after this person.";
        Refusal::NotAllowed(because.unwrap_or(otherwise).to_owned())
    }

    /// The organisations that are known, by code.
    ///
    /// # Errors
    /// The store's.
    pub fn organisations(&self) -> Result<Vec<Organisation>, StoreError> {
        Ok(self.directory.current(&self.derived.snapshot()?)?.all())
    }

    /// Write down what happened that asks for no permit: a sign-in, one that failed, a sign-out. Gives the entry's number
    /// once it is on disk.
    ///
    /// # Errors
    /// [`Refusal::NotRecorded`].
    pub async fn note(&self, user: &User, action: &Action, outcome: Outcome, now: Timestamp) -> Result<u64, Refusal> {
        Receipt::new(self.record(user, About::default(), action, outcome, now)?).wait().await
    }
}
