//! Permits: proof that the gate said yes and wrote it down. What is read under one stays sealed until that is on disk.

use super::{Refusal, receipt::Receipt, sight::Sight};
use crate::User;
use fhir::{PatientKey, PersonKey};
use jiff::Timestamp;
use std::sync::Arc;
use store::StoreError;
use store::audit::{Audit, NewAuditEntry};

/// What is known today of a record that is read as it stood at a former moment: it decides what of then may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Since {
    /// The moment the record is shown as of.
    pub then: Timestamp,
    /// When it was asked for.
    pub asked: Timestamp,
    /// The newest `seq` when it was asked for.
    pub seq: u64,
    /// The patients that the person was by that.
    pub patients: Vec<PatientKey>,
}

/// Leave to read one person's record, as of one `seq`. Only the gate makes these: whoever tries does not compile.
///
/// ```compile_fail,E0451
/// fn forged(user: std::sync::Arc<access::User>, former: access::Permit) -> access::Permit {
///     access::Permit { user, ..former }
/// }
/// ```
///
/// Nor can what was read under one be had before its entry is on disk:
///
/// ```compile_fail,E0616
/// fn early<T>(sealed: access::Sealed<T>) -> T {
///     sealed.content
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Permit {
    pub(super) user: Arc<User>,
    pub(super) person: PersonKey,
    pub(super) patients: Arc<[PatientKey]>,
    pub(super) seq: u64,
    pub(super) receipt: Arc<Receipt>,
    pub(super) sight: Arc<Sight>,
    pub(super) since: Option<Arc<Since>>,
}

/// Something read under a permit, not to be had before the audit entry is on disk.
#[must_use = "release it to get what was read"]
pub struct Sealed<T> {
    content: T,
    /// The permit's entry first, then what was written under it.
    receipts: Vec<Arc<Receipt>>,
    /// What is seen under each permit of a record.
    sights: Vec<Arc<Sight>>,
}

impl<T> Sealed<T> {
    fn under(content: T, receipt: &Arc<Receipt>) -> Self {
        Sealed { content, receipts: vec![Arc::clone(receipt)], sights: Vec::new() }
    }

    /// The content, once what was shown of a record, and that it was shown, is on disk.
    pub async fn release(self) -> Result<T, Refusal> {
        self.release_as(|_| None).await
    }

    /// As [`Sealed::release`]; `content` gives the hash of what the reader gets, so that showing it again can be compared.
    pub async fn release_as(self, content: impl FnOnce(&T) -> Option<[u8; 32]>) -> Result<T, Refusal> {
        let hash = if self.sights.is_empty() { None } else { content(&self.content) };
        for sight in &self.sights {
            if let Some(pending) = sight.shown(hash)? {
                // Entries are written in the order they are handed in: when this one is on disk, so is the permit's.
                Receipt::new(pending).wait().await?;
            }
        }
        for receipt in &self.receipts {
            receipt.wait().await?;
        }
        Ok(self.content)
    }

    /// Put two things read under one permit together, still under its seal. None for two permits: each has its own entry to
    /// wait for.
    pub fn and<V, U>(self, other: Sealed<V>, work: impl FnOnce(T, V) -> U) -> Option<Sealed<U>> {
        let Sealed { content, mut receipts, sights } = self;
        let one = receipts.first().zip(other.receipts.first()).is_some_and(|(a, b)| Arc::ptr_eq(a, b));
        receipts.extend(other.receipts.into_iter().skip(1));
        let sights = if sights.is_empty() { other.sights } else { sights };
        one.then(|| Sealed { content: work(content, other.content), receipts, sights })
    }

    /// Work on the content without letting it out.
    pub fn map<U>(self, work: impl FnOnce(T) -> U) -> Sealed<U> {
        Sealed { content: work(self.content), receipts: self.receipts, sights: self.sights }
    }
}

impl<T> Sealed<Sealed<T>> {
    /// What was read under a further permit, of which what was read under the first told what to ask for: under both seals. What each
    /// showed is written down, with the hash of the whole.
    pub fn flat(self) -> Sealed<T> {
        let Sealed { content: Sealed { content, receipts: further, sights: seen }, mut receipts, mut sights } = self;
        receipts.extend(further);
        sights.extend(seen);
        Sealed { content, receipts, sights }
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

    /// Of a record that is read as it stood: what is known today. Whoever reads under this permit shows nothing that the
    /// record of today would not show to the same reader.
    pub fn since(&self) -> Option<&Since> {
        self.since.as_deref()
    }

    /// Who asked.
    pub fn user(&self) -> &User {
        &self.user
    }

    /// What of the record this reader sees.
    pub fn sight(&self) -> &Sight {
        &self.sight
    }

    /// Put something read under this permit under seal.
    pub fn seal<T>(&self, content: T) -> Sealed<T> {
        Sealed { content, receipts: vec![self.receipt.clone()], sights: vec![self.sight.clone()] }
    }

    /// The number of the audit entry, once it is on disk.
    pub async fn recorded(&self) -> Result<u64, Refusal> {
        self.receipt.wait().await
    }
}

macro_rules! desk_permit {
    ($(#[$about:meta])* $name:ident) => {
        $(#[$about])*
        #[derive(Clone, Debug)]
        pub struct $name {
            pub(super) user: Arc<User>,
            pub(super) receipt: Arc<Receipt>,
        }

        impl $name {
            /// Who asked.
            pub fn user(&self) -> &User {
                &self.user
            }

            /// Put something read under this permit under seal.
            pub fn seal<T>(&self, content: T) -> Sealed<T> {
                Sealed::under(content, &self.receipt)
            }

            /// The number of the audit entry, once it is on disk: before a decision is carried out.
            pub async fn recorded(&self) -> Result<u64, Refusal> {
                self.receipt.wait().await
            }
        }
    };
}

/// Leave to look for people. Only the gate makes these. Whom it found is written down when they are sealed, and that it was asked for
/// with that, so that the disk is waited for once; where nobody was found, when that is released or given up.
#[derive(Clone)]
pub struct FindPermit {
    user: Arc<User>,
    receipt: Arc<Receipt>,
    audit: Audit,
    at: Timestamp,
}

/// People of whom it is on its way to disk that they were found: read on meanwhile, and put it under seal.
#[must_use = "what tells of them is sealed with it"]
pub struct Found {
    receipts: Vec<Arc<Receipt>>,
}

impl Found {
    /// Put under seal what tells of these people.
    pub fn seal<T>(self, content: T) -> Sealed<T> {
        Sealed { content, receipts: self.receipts, sights: Vec::new() }
    }
}

impl FindPermit {
    pub(super) fn new(user: Arc<User>, audit: Audit, asked: NewAuditEntry) -> Self {
        FindPermit { user, at: asked.at, receipt: Receipt::held(audit.clone(), asked), audit }
    }

    /// Who asked.
    pub fn user(&self) -> &User {
        &self.user
    }

    /// Put something that names nobody under seal.
    pub fn seal<T>(&self, content: T) -> Sealed<T> {
        Sealed::under(content, &self.receipt)
    }

    /// Write down that these people were found.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written down.
    pub fn found(&self, people: &[PersonKey]) -> Result<Found, StoreError> {
        let mut receipts = vec![Arc::clone(&self.receipt)];
        if people.is_empty() {
            return Ok(Found { receipts });
        }
        let body =
            serde_json::json!({"action": "found", "outcome": "permitted", "user": &*self.user, "among": people.len()});
        let body = body.to_string();
        // One entry a person, so that each person's own trail has it.
        let entry = |person: &PersonKey| NewAuditEntry {
            at: self.at,
            person: Some(*person),
            user: self.user.id.clone(),
            body: body.clone(),
            ..NewAuditEntry::default()
        };
        receipts.push(self.receipt.followed_by(&self.audit, people.iter().map(entry))?);
        Ok(Found { receipts })
    }

    /// Put under seal what tells of these people: that it does is on disk before it can be had.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written down.
    pub fn seal_found<T>(&self, content: T, people: &[PersonKey]) -> Result<Sealed<T>, StoreError> {
        Ok(self.found(people)?.seal(content))
    }

    /// Work on something that was read under this permit and names nobody who is shown yet; `work` gives what is shown, and of whom
    /// that tells.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written down.
    pub fn telling<T, U>(
        &self,
        sealed: Sealed<T>,
        work: impl FnOnce(T) -> (U, Vec<PersonKey>),
    ) -> Result<Sealed<U>, StoreError> {
        let Sealed { content, mut receipts, sights } = sealed;
        let (content, people) = work(content);
        receipts.extend(self.found(&people)?.receipts.into_iter().skip(1));
        Ok(Sealed { content, receipts, sights })
    }
}
desk_permit! {
    /// Leave to work at the error desk. Only the gate makes these.
    DeskPermit
}
desk_permit! {
    /// Leave to see who a region's patients are said to be, and to decide it: demographics, nothing clinical. Only the gate
    /// makes these.
    StewardPermit
}
desk_permit! {
    /// Leave to see who looked, and to answer for it: the audit trail, and what it shows again. Only the gate makes these.
    PrivacyPermit
}
