//! The gate: the one door through which anything about a person leaves the store.
//!
//! Asking for a [`Permit`] decides and writes the audit entry in one call; there is no other way to make one (design §4,
//! invariant 6). Writing takes an fsync, so the permit is handed out at once and what it reads stays [`Sealed`] until the
//! entry is on disk.

use crate::User;
use fhir::{PatientKey, PersonKey};
use jiff::Timestamp;
use serde::Serialize;
use std::sync::{Arc, Mutex};
use store::{
    Derived, StoreError,
    audit::{Audit, NewAuditEntry},
};
use tokio::sync::{oneshot, watch};

/// The policy in force. The full rules (relationship, consent, labels) replace it behind the same door.
pub const POLICY: &str = "first-form-1: signed-in staff and systems, individual care; administrators see no record";

/// What somebody wants to do. Named for the audit (IHE BALP: PatientRead, PatientQuery …).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum Action {
    /// Look for people; the criteria's names, never their values.
    FindPeople {
        /// For instance `["family", "birthdate"]`.
        criteria: Vec<String>,
    },
    /// Open a page of a record.
    OpenPage {
        /// The page's name.
        page: String,
    },
    /// Read resources through the API.
    ReadResources {
        /// The interaction (`read`, `vread`, `history`, `search`, `everything`) and types or ids.
        what: String,
    },
    /// Ask by what other identifiers a person is known (IHE PIX, PIXm).
    CrossReference {
        /// The transaction (`ITI-83`, `ITI-9`, `ITI-10`) and, where it asks for some only, the number of domains.
        what: String,
    },
    /// Look at the message an item came from.
    OpenOrigin {
        /// Its journal position.
        message: u64,
    },
    /// Look at or mend messages on the error desk.
    ErrorDesk {
        /// `list`, `show`, `edit`, `resubmit` or `discard`, with the journal position.
        what: String,
    },
    /// Look at or decide who is who: the work of data stewards.
    Identity {
        /// `queue`, `compare`, `history`, `decide same`, `decide different` …, with the opaque keys of patients or persons.
        what: String,
    },
}

/// Why the gate stays shut.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// This role may not do this; the sentence is for the user.
    #[error("{0}")]
    NotAllowed(String),
    /// There is no such person.
    #[error("there is no such person")]
    NoSuchPerson,
    /// Without an audit entry nothing is shown.
    #[error("the access could not be recorded, so nothing can be shown: {0}")]
    NotRecorded(#[from] StoreError),
}

type Pending = oneshot::Receiver<Result<u64, StoreError>>;

/// One audit entry on its way to disk; several readers of one permit wait for the same.
#[derive(Debug)]
struct Receipt {
    pending: Mutex<Option<Pending>>,
    done: watch::Sender<Option<Result<u64, String>>>,
}

/// Leave to read one person's record, as of one `seq`. Only the gate makes these.
#[derive(Clone, Debug)]
pub struct Permit {
    user: Arc<User>,
    person: PersonKey,
    patients: Arc<[PatientKey]>,
    seq: u64,
    receipt: Arc<Receipt>,
}

/// Leave to look for people. Only the gate makes these.
#[derive(Clone, Debug)]
pub struct FindPermit {
    user: Arc<User>,
    receipt: Arc<Receipt>,
}

/// Leave to work at the error desk. Only the gate makes these.
#[derive(Clone, Debug)]
pub struct DeskPermit {
    user: Arc<User>,
    receipt: Arc<Receipt>,
}

/// Leave to see who a region's patients are said to be, and to decide it: demographics, nothing clinical. Only the gate
/// makes these.
#[derive(Clone, Debug)]
pub struct StewardPermit {
    user: Arc<User>,
    receipt: Arc<Receipt>,
}

/// Something read under a permit, not to be had before the audit entry is on disk.
#[must_use = "release it to get what was read"]
pub struct Sealed<T> {
    content: T,
    receipt: Arc<Receipt>,
}

impl Receipt {
    fn new(pending: Pending) -> Arc<Self> {
        Arc::new(Receipt { pending: Mutex::new(Some(pending)), done: watch::Sender::new(None) })
    }

    async fn wait(&self) -> Result<u64, Refusal> {
        let mut done = self.done.subscribe();
        let mine = self.pending.lock().ok().and_then(|mut pending| pending.take());
        if let Some(pending) = mine {
            // Should this wait be cancelled, the sender's drop tells the others.
            let outcome = match pending.await {
                Ok(Ok(number)) => Ok(number),
                Ok(Err(error)) => Err(error.to_string()),
                Err(_) => Err("the audit is closed".to_owned()),
            };
            self.done.send_replace(Some(outcome));
        }
        let outcome = tokio::time::timeout(std::time::Duration::from_secs(30), done.wait_for(Option::is_some)).await;
        let refused = |why: &str| Refusal::NotRecorded(StoreError::Stopped(why.to_owned()));
        match outcome {
            Ok(Ok(value)) => match value.as_ref() {
                Some(Ok(number)) => Ok(*number),
                Some(Err(why)) => Err(refused(why)),
                None => Err(refused("the audit did not answer")),
            },
            _ => Err(refused("the audit did not answer")),
        }
    }
}

impl<T> Sealed<T> {
    /// The content, once the audit entry is on disk.
    pub async fn release(self) -> Result<T, Refusal> {
        self.receipt.wait().await?;
        Ok(self.content)
    }

    /// Put two things read under one permit together, still under its seal. None for two permits: each has its own entry to
    /// wait for.
    pub fn and<V, U>(self, other: Sealed<V>, work: impl FnOnce(T, V) -> U) -> Option<Sealed<U>> {
        Arc::ptr_eq(&self.receipt, &other.receipt)
            .then(|| Sealed { content: work(self.content, other.content), receipt: self.receipt })
    }

    /// Work on the content without letting it out.
    pub fn map<U>(self, work: impl FnOnce(T) -> U) -> Sealed<U> {
        Sealed { content: work(self.content), receipt: self.receipt }
    }
}

impl Permit {
    /// The person.
    pub fn person(&self) -> PersonKey {
        self.person
    }

    /// The patients the person is, longest linked first.
    pub fn patients(&self) -> &[PatientKey] {
        &self.patients
    }

    /// The `seq` the record is read at: replaying it gives the same record.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Who asked.
    pub fn user(&self) -> &User {
        &self.user
    }

    /// Put something read under this permit under seal.
    pub fn seal<T>(&self, content: T) -> Sealed<T> {
        Sealed { content, receipt: self.receipt.clone() }
    }

    /// The number of the audit entry, once it is on disk.
    pub async fn recorded(&self) -> Result<u64, Refusal> {
        self.receipt.wait().await
    }
}

impl FindPermit {
    /// Who asked.
    pub fn user(&self) -> &User {
        &self.user
    }

    /// Put something found under this permit under seal.
    pub fn seal<T>(&self, content: T) -> Sealed<T> {
        Sealed { content, receipt: self.receipt.clone() }
    }
}

impl DeskPermit {
    /// Who asked.
    pub fn user(&self) -> &User {
        &self.user
    }

    /// Put something read under this permit under seal.
    pub fn seal<T>(&self, content: T) -> Sealed<T> {
        Sealed { content, receipt: self.receipt.clone() }
    }
}

impl StewardPermit {
    /// Who asked.
    pub fn user(&self) -> &User {
        &self.user
    }

    /// Put something read under this permit under seal.
    pub fn seal<T>(&self, content: T) -> Sealed<T> {
        Sealed { content, receipt: self.receipt.clone() }
    }

    /// The number of the audit entry, once it is on disk: before a decision is carried out.
    pub async fn recorded(&self) -> Result<u64, Refusal> {
        self.receipt.wait().await
    }
}

/// The gate.
#[derive(Clone)]
pub struct Gate {
    derived: Derived,
    audit: Audit,
}

/// Roles of people who run the systems: they see the error desk and no record.
const ADMINISTRATORS: &[&str] = &["R8008", "R8015"];

/// Roles of people who keep the index of people right (NHS national role `R8012`, information officer): they see who is
/// who, and no record.
const STEWARDS: &[&str] = &["R8012"];

#[derive(Serialize)]
struct Entry<'a> {
    #[serde(flatten)]
    action: &'a Action,
    outcome: &'a str,
    user: &'a User,
    purpose: &'a str,
    policy: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    patients: Vec<String>,
}

/// Whom an access is about.
#[derive(Clone, Copy, Default)]
struct About<'a> {
    person: Option<PersonKey>,
    seq: Option<u64>,
    patients: &'a [PatientKey],
}

impl Gate {
    /// The gate of a region.
    pub fn new(derived: Derived, audit: Audit) -> Self {
        Gate { derived, audit }
    }

    fn record(
        &self,
        user: &User,
        about: About<'_>,
        action: &Action,
        outcome: &str,
        now: Timestamp,
    ) -> Result<Pending, Refusal> {
        let About { person, seq, patients } = about;
        let entry = Entry {
            action,
            outcome,
            user,
            purpose: "TREAT",
            policy: POLICY,
            seq,
            patients: patients.iter().map(ToString::to_string).collect(),
        };
        let body = serde_json::to_string(&entry).map_err(|e| StoreError::Corrupt(format!("audit entry: {e}")))?;
        Ok(self.audit.append(NewAuditEntry { at: now, person, user: user.id.clone(), body })?)
    }

    fn is_administrator(user: &User) -> bool {
        ADMINISTRATORS.contains(&user.role_code.as_str())
    }

    /// Whether a user keeps the index of people right.
    pub fn is_steward(user: &User) -> bool {
        STEWARDS.contains(&user.role_code.as_str())
    }

    /// Ask to read a person's record as it is now.
    ///
    /// # Errors
    /// [`Refusal`]; a refused attempt is recorded as well.
    pub fn open(&self, user: &User, person: PersonKey, action: &Action, now: Timestamp) -> Result<Permit, Refusal> {
        let snapshot = self.derived.snapshot()?;
        self.open_at(user, person, action, snapshot.seq(), now)
    }

    /// Ask to read a person's record as it was at `seq`.
    pub fn open_at(
        &self,
        user: &User,
        person: PersonKey,
        action: &Action,
        seq: u64,
        now: Timestamp,
    ) -> Result<Permit, Refusal> {
        let shut = if Self::is_administrator(user) {
            Some("Your role looks after systems and does not open people's records.")
        } else if Self::is_steward(user) {
            Some("Your role decides which patients are one person and does not open people's records.")
        } else {
            None
        };
        if let Some(why) = shut {
            drop(self.record(user, About { person: Some(person), ..About::default() }, action, "refused", now)?);
            return Err(Refusal::NotAllowed(why.into()));
        }
        let snapshot = self.derived.snapshot()?;
        let seq = seq.min(snapshot.seq());
        let patients = snapshot.patients_of(person, seq)?;
        if patients.is_empty() {
            return Err(Refusal::NoSuchPerson);
        }
        let pending = self.record(
            user,
            About { person: Some(person), seq: Some(seq), patients: &patients },
            action,
            "permitted",
            now,
        )?;
        Ok(Permit {
            user: Arc::new(user.clone()),
            person,
            patients: patients.into(),
            seq,
            receipt: Receipt::new(pending),
        })
    }

    /// Ask to look for people.
    pub fn find(&self, user: &User, action: &Action, now: Timestamp) -> Result<FindPermit, Refusal> {
        if Self::is_administrator(user) {
            drop(self.record(user, About::default(), action, "refused", now)?);
            return Err(Refusal::NotAllowed("Your role looks after systems and does not look for people.".into()));
        }
        let pending = self.record(user, About::default(), action, "permitted", now)?;
        Ok(FindPermit { user: Arc::new(user.clone()), receipt: Receipt::new(pending) })
    }

    /// Ask to work at the error desk. The messages there are about people, so this is recorded too.
    pub fn desk(&self, user: &User, action: &Action, now: Timestamp) -> Result<DeskPermit, Refusal> {
        if !Self::is_administrator(user) {
            drop(self.record(user, About::default(), action, "refused", now)?);
            return Err(Refusal::NotAllowed("The error desk is for the people who look after the feeds.".into()));
        }
        let pending = self.record(user, About::default(), action, "permitted", now)?;
        Ok(DeskPermit { user: Arc::new(user.clone()), receipt: Receipt::new(pending) })
    }

    /// Ask to see or decide who is who. `about`: the person whose links are looked at, where it is one.
    pub fn steward(
        &self,
        user: &User,
        about: Option<PersonKey>,
        action: &Action,
        now: Timestamp,
    ) -> Result<StewardPermit, Refusal> {
        let about = About { person: about, ..About::default() };
        if !Self::is_steward(user) {
            drop(self.record(user, about, action, "refused", now)?);
            return Err(Refusal::NotAllowed("Deciding who is who is the work of data stewards.".into()));
        }
        let pending = self.record(user, about, action, "permitted", now)?;
        Ok(StewardPermit { user: Arc::new(user.clone()), receipt: Receipt::new(pending) })
    }
}
