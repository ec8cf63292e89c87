//! Showing again what was shown: a gate that opens one record, as one entry of the audit trail says it was opened, with the
//! policies, links and circumstances of then.

use super::{
    AsAt, Gate, InForce, Recorded, Refusal,
    as_at::still_of,
    permits::{Permit, Since},
    receipt::Receipt,
    sight::{Shown, Sight},
    situation::Situation,
};
use crate::{
    User,
    policy::{Policies, PolicyFiles},
};
use fhir::{PatientKey, PersonKey};
use jiff::Timestamp;
use std::sync::{Arc, RwLock};
use store::{Derived, StoreError, audit::AuditEntry};

/// One access, to be shown again.
pub(super) struct Again {
    number: u64,
    user: Arc<User>,
    person: PersonKey,
    patients: Vec<PatientKey>,
    seq: u64,
    as_at: Option<AsAt>,
    at: Timestamp,
    policies: Arc<Policies>,
    situation: Situation,
    access: String,
}

/// An access that can be shown again.
pub struct Replayed {
    /// The gate that opens as it did then. It writes nothing.
    pub gate: Gate,
    /// Who it was.
    pub user: Arc<User>,
    /// When.
    pub at: Timestamp,
    /// The page, path and query; empty: it was not a page.
    pub page: String,
    /// What was written down of what was shown.
    pub shown: Option<Shown>,
    /// The `seq` the record was read at.
    pub seq: u64,
    /// Whose record.
    pub person: PersonKey,
    /// What was asked of the API; empty: it was a page.
    pub what: String,
}

impl Again {
    pub(super) fn permit(&self, derived: &Derived, person: PersonKey) -> Result<Permit, Refusal> {
        if person != self.person {
            return Err(Refusal::NoSuchPerson);
        }
        // Links are pointers with a time: they say today who the person was then.
        let snapshot = derived.snapshot()?;
        let since = match self.as_at {
            Some(AsAt { then, known }) => {
                Some(Since { then, asked: self.at, seq: known, patients: snapshot.patients_of(person, known)? })
            }
            None => None,
        };
        let patients = match &since {
            Some(since) => still_of(&snapshot, person, self.seq, &since.patients)?,
            None => snapshot.patients_of(person, self.seq)?,
        };
        if patients != self.patients {
            return Err(Refusal::NotRecorded(StoreError::Corrupt(format!(
                "audit entry {} names other patients than the links of then",
                self.number
            ))));
        }
        let sight = Sight::new(
            Arc::clone(&self.policies),
            self.situation.clone(),
            Arc::clone(&self.user),
            person,
            self.access.clone(),
            self.at,
            None,
        );
        Ok(Permit {
            user: Arc::clone(&self.user),
            person,
            patients: patients.into(),
            seq: self.seq,
            receipt: Receipt::done(self.number),
            sight: Arc::new(sight),
            since: since.map(Arc::new),
        })
    }
}

impl Gate {
    /// An entry of the audit trail, to be shown again; `shown`: the entry of what was shown, where there is one. The caller
    /// holds a [`super::PrivacyPermit`] for it.
    ///
    /// # Errors
    /// [`Refusal::NoReason`] with a sentence why this entry cannot be shown again.
    pub fn replay(&self, _permit: &super::PrivacyPermit, entry: &AuditEntry) -> Result<Replayed, Refusal> {
        let cannot = |why: &str| Refusal::NoReason(format!("Entry {} cannot be shown again: {why}.", entry.n));
        let recorded = Recorded::read(&entry.body).ok_or_else(|| cannot("it cannot be read"))?;
        if recorded.outcome != "permitted" {
            return Err(cannot("nothing was shown"));
        }
        let (Some(person), Some(seq), Some(situation)) = (entry.person, recorded.seq, recorded.situation) else {
            return Err(cannot("it opened no record, or was written by an older version of Skein"));
        };
        let files = self.audit.read(|audit| audit.policy(&recorded.policy))?;
        let files: Option<PolicyFiles> = files.and_then(|files| serde_json::from_str(&files).ok());
        let files = files.ok_or_else(|| cannot("its policies were not kept"))?;
        let policies = Policies::new(files).map_err(|error| cannot(&error.to_string()))?;
        let policies = Arc::new(policies);
        let patients: Option<Vec<PatientKey>> = recorded.patients.iter().map(|key| key.parse().ok()).collect();
        let patients = patients.ok_or_else(|| cannot("its patients cannot be read"))?;
        let user = Arc::new(recorded.user);
        let again = Again {
            number: entry.n,
            user: Arc::clone(&user),
            person,
            patients,
            seq,
            as_at: recorded.as_at,
            at: entry.at,
            policies: Arc::clone(&policies),
            situation,
            access: recorded.access.clone(),
        };
        let gate = Gate {
            policies: Arc::new(InForce { current: RwLock::new(policies) }),
            again: Some(Arc::new(again)),
            ..self.clone()
        };
        let shown = self.shown_of(&recorded.access, entry)?;
        Ok(Replayed { gate, user, at: entry.at, page: recorded.via.page, shown, seq, person, what: recorded.what })
    }

    /// What was written down of what an access showed: it stands soon after.
    fn shown_of(&self, access: &str, entry: &AuditEntry) -> Result<Option<Shown>, StoreError> {
        /// An access is over in seconds; at the busiest there are so many entries in between.
        const NEAR: usize = 5_000;
        if access.is_empty() {
            return Ok(None);
        }
        let near = self.audit.read(|audit| audit.after(entry.n, NEAR))?;
        let found = near.into_iter().filter(|near| near.person == entry.person && near.user == entry.user);
        Ok(found.filter_map(|near| serde_json::from_str::<Shown>(&near.body).ok()).find(|shown| shown.access == access))
    }

    /// Whether this gate shows again what was shown: then nothing is decided and nothing written.
    pub fn is_replay(&self) -> bool {
        self.again.is_some()
    }
}
