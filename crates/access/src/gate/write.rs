//! Writing in a record: whoever may write may read it too, and the entry that says what was written is on disk before it is.

use super::{Action, Gate, Permit, Refusal};
use crate::{User, policy::Ruling};
use fhir::PersonKey;
use jiff::Timestamp;

/// Leave to write something in one person's record. Only the gate makes these.
#[derive(Clone, Debug)]
pub struct WritePermit {
    permit: Permit,
    what: String,
}

impl WritePermit {
    /// Leave to read the same record, for what is written over what is there.
    pub fn permit(&self) -> &Permit {
        &self.permit
    }

    /// What may be written, as the policies name it.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// Who writes.
    pub fn user(&self) -> &User {
        self.permit.user()
    }

    /// The number of the audit entry, once it is on disk: before anything is written.
    ///
    /// # Errors
    /// [`Refusal::NotRecorded`].
    pub async fn recorded(&self) -> Result<u64, Refusal> {
        self.permit.recorded().await
    }
}

impl Gate {
    /// Ask to write something in a person's record. `what`: as the policies name it; `act`: `sign`, `draft` …
    ///
    /// # Errors
    /// [`Refusal`]; a refused attempt is recorded as well.
    pub fn write(
        &self,
        user: &User,
        person: PersonKey,
        (act, what): (&str, &str),
        now: Timestamp,
    ) -> Result<WritePermit, Refusal> {
        if self.again.is_some() {
            return Err(Refusal::NotAllowed("Nothing is written while something is shown again.".into()));
        }
        let snapshot = self.derived.snapshot()?;
        let seq = snapshot.seq();
        let action = Action::Write { what: format!("{act} {what}") };
        let permit = self.enter((&snapshot, seq), user, person, Some(what), &action, now)?;
        Ok(WritePermit { permit, what: what.to_owned() })
    }
}

/// Why somebody who may read may not write.
pub(super) fn refused(ruling: &Ruling) -> String {
    let otherwise = "Your role does not write this here, or nothing that your organisation’s systems sent says that it \
                     looks after this person.";
    ruling.because.as_deref().unwrap_or(otherwise).to_owned()
}
