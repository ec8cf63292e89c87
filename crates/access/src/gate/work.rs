//! Leave to do what is about no one record: to look for people, and to work at the desks.

use super::{
    Action, DeskPermit, FindPermit, Gate, Outcome, PrivacyPermit, Refusal, StewardPermit,
    entry::About,
    receipt::{Receipt, on_disk},
    traced,
};
use crate::{User, policy::Desk};
use fhir::PersonKey;
use jiff::Timestamp;
use std::sync::Arc;
use store::audit::{MatterKind, NewAuditEntry, NewMatter};

impl Gate {
    fn work(
        &self,
        user: &User,
        desk: Desk,
        about: Option<PersonKey>,
        action: &Action,
        now: Timestamp,
    ) -> Result<(Arc<User>, Arc<Receipt>), Refusal> {
        let entry = self.allowed_work(user, desk, about, action, now)?;
        Ok((Arc::new(user.clone()), Receipt::new(self.audit.append(entry)?)))
    }

    /// What is to be written down of somebody who may work so.
    fn allowed_work(
        &self,
        user: &User,
        desk: Desk,
        about: Option<PersonKey>,
        action: &Action,
        now: Timestamp,
    ) -> Result<NewAuditEntry, Refusal> {
        let span = traced::asked(action);
        let decided = span.in_scope(|| self.weigh_work(user, desk, about, action, now));
        traced::told(&span, &decided);
        decided
    }

    fn weigh_work(
        &self,
        user: &User,
        desk: Desk,
        about: Option<PersonKey>,
        action: &Action,
        now: Timestamp,
    ) -> Result<NewAuditEntry, Refusal> {
        let ruling = self.ask_desk(user, desk)?;
        let entry = About { person: about, ruling: Some(&ruling), ..About::default() };
        if !ruling.allowed {
            on_disk(self.record(user, entry, action, Outcome::Refused, now)?)?;
            let otherwise = "Your role does not do this.";
            return Err(Refusal::NotAllowed(ruling.because.as_deref().unwrap_or(otherwise).to_owned()));
        }
        self.to_record(user, entry, action, Outcome::Permitted, now)
    }

    /// Ask to look for people.
    ///
    /// # Errors
    /// [`Refusal`]; a refused attempt is recorded as well.
    pub fn find(&self, user: &User, action: &Action, now: Timestamp) -> Result<FindPermit, Refusal> {
        let asked = self.allowed_work(user, action.desk().unwrap_or(Desk::Find), None, action, now)?;
        Ok(FindPermit::new(Arc::new(user.clone()), self.audit.clone(), asked))
    }

    /// Ask to work at the error desk. The messages there are about people, so this is recorded too.
    ///
    /// # Errors
    /// [`Refusal`]; a refused attempt is recorded as well.
    pub fn desk(&self, user: &User, action: &Action, now: Timestamp) -> Result<DeskPermit, Refusal> {
        let (user, receipt) = self.work(user, Desk::Errors, None, action, now)?;
        Ok(DeskPermit { user, receipt })
    }

    /// Ask to see or decide who is who. `about`: the person whose links are looked at, where it is one.
    ///
    /// # Errors
    /// [`Refusal`]; a refused attempt is recorded as well.
    pub fn steward(
        &self,
        user: &User,
        about: Option<PersonKey>,
        action: &Action,
        now: Timestamp,
    ) -> Result<StewardPermit, Refusal> {
        let (user, receipt) = self.work(user, Desk::WhoIsWho, about, action, now)?;
        Ok(StewardPermit { user, receipt })
    }

    /// Ask to see who looked, or to answer for it. `about`: the person, where it is about one.
    ///
    /// # Errors
    /// [`Refusal`]; a refused attempt is recorded as well.
    pub fn privacy(
        &self,
        user: &User,
        about: Option<PersonKey>,
        action: &Action,
        now: Timestamp,
    ) -> Result<PrivacyPermit, Refusal> {
        let (user, receipt) = self.work(user, Desk::Privacy, about, action, now)?;
        Ok(PrivacyPermit { user, receipt })
    }

    /// Ask to see who may use the region, or to end somebody's sessions.
    ///
    /// # Errors
    /// [`Refusal`]; a refused attempt is recorded as well.
    pub fn administer(&self, user: &User, action: &Action, now: Timestamp) -> Result<DeskPermit, Refusal> {
        let (user, receipt) = self.work(user, Desk::Administer, None, action, now)?;
        Ok(DeskPermit { user, receipt })
    }

    /// Ask to read the audit trail as a system that watches over it.
    ///
    /// # Errors
    /// [`Refusal`]; a refused attempt is recorded as well.
    pub fn audit_trail(&self, user: &User, action: &Action, now: Timestamp) -> Result<PrivacyPermit, Refusal> {
        let (user, receipt) = self.work(user, Desk::AuditTrail, None, action, now)?;
        Ok(PrivacyPermit { user, receipt })
    }

    /// Ask to see what teams are told and where the people of caseloads are, or to work on it.
    ///
    /// # Errors
    /// [`Refusal`]; a refused attempt is recorded as well.
    pub fn worklist(&self, user: &User, action: &Action, now: Timestamp) -> Result<DeskPermit, Refusal> {
        let (user, receipt) = self.work(user, Desk::Worklist, None, action, now)?;
        Ok(DeskPermit { user, receipt })
    }

    /// Ask to put people on a caseload, or to take them off it: an entry for each of them, and where they are put on it one
    /// for the privacy officer to look at, as for a reason given.
    ///
    /// # Errors
    /// [`Refusal`]; a refused attempt is recorded as well.
    pub async fn keep_caseload(
        &self,
        user: &User,
        people: &[PersonKey],
        list: &str,
        add: bool,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let action = Action::Caseload { what: format!("{} {list}", if add { "add" } else { "remove" }) };
        let ruling = self.ask_desk(user, Desk::Caseloads)?;
        let about = About { ruling: Some(&ruling), ..About::default() };
        if !ruling.allowed {
            Receipt::new(self.record(user, about, &action, Outcome::Refused, now)?).wait().await?;
            let otherwise = "Your role does not do this.";
            return Err(Refusal::NotAllowed(ruling.because.as_deref().unwrap_or(otherwise).to_owned()));
        }
        let matter = NewMatter { kind: MatterKind::Claim, until: None, about: format!("caseload {list}"), of: None };
        let words = format!("{} people", people.len());
        let opens = (add && !people.is_empty()).then_some(matter);
        let whole = About { words: &words, ..about };
        let mut last = self.record_matter(user, whole, &action, Outcome::Permitted, opens, None, now)?;
        for person in people {
            let about = About { person: Some(*person), ..about };
            last = self.record(user, about, &action, Outcome::Permitted, now)?;
        }
        // Entries are written in the order they are handed in: with the last, all are on disk.
        Receipt::new(last).wait().await.map(|_| ())
    }
}
