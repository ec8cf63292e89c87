//! A record as it stood at a former moment: read at the `seq` of then, shown by what is allowed now.

use super::{Action, Gate, Permit, Refusal, permits::Since};
use crate::User;
use fhir::{PatientKey, PersonKey};
use jiff::Timestamp;
use store::{Snapshot, StoreError};

/// An access that is asked for.
pub(super) struct Opening<'a> {
    pub user: &'a User,
    pub person: PersonKey,
    pub action: &'a Action,
    /// What is to be written, where it is not opened to be read alone.
    pub writing: Option<&'a str>,
    /// The `seq` the record is read at.
    pub seq: u64,
    /// Of a record that is read as it stood.
    pub since: Option<Since>,
    /// The patients whose relationships and objections decide.
    pub known: Vec<PatientKey>,
    /// The patients that are read.
    pub patients: Vec<PatientKey>,
}

/// Those of these patients that were this person at `seq` too.
pub(super) fn still_of(
    snapshot: &Snapshot,
    person: PersonKey,
    seq: u64,
    patients: &[PatientKey],
) -> Result<Vec<PatientKey>, StoreError> {
    let mut then = snapshot.patients_of(person, seq)?;
    then.retain(|patient| patients.contains(patient));
    Ok(then)
}

impl Gate {
    /// Ask to read a person's record as it stood at a former moment, `then`; `seq`: what the region had reached by then.
    ///
    /// Who may is decided as if it were opened today: by today's policies, relationships and objections. Patients that are
    /// no longer of this person are left out, whoever they were taken for then; and [`Permit::since`] tells whoever reads
    /// that nothing comes out that is withheld today. Nothing may have been known then: the permit is then of no patient.
    ///
    /// # Errors
    /// [`Refusal`]; a refused attempt is recorded as well.
    pub fn open_as_at(
        &self,
        user: &User,
        person: PersonKey,
        action: &Action,
        (seq, then): (u64, Timestamp),
        now: Timestamp,
    ) -> Result<Permit, Refusal> {
        if let Some(again) = &self.again {
            return again.permit(&self.derived, person);
        }
        let snapshot = self.derived.snapshot()?;
        let seq = seq.min(snapshot.seq());
        let known = snapshot.patients_of(person, snapshot.seq())?;
        let patients = still_of(&snapshot, person, seq, &known)?;
        let since = Some(Since { then, asked: now, seq: snapshot.seq(), patients: known.clone() });
        self.decide(&snapshot, Opening { user, person, action, writing: None, seq, since, known, patients }, now)
    }
}
