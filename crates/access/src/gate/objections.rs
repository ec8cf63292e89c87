//! What a person objects to, told by the person: what is in force, what was asked for and how that ended, and asking.

use super::{Action, Gate, Outcome, Permit, Recorded, Refusal, Sealed, desk::tidy, entry::About, receipt::Receipt};
use crate::{User, UserKind};
use fhir::PersonKey;
use jiff::Timestamp;
use mapping::bearing::Bears;
use store::{
    SaidBearing, Snapshot, StoreError,
    audit::{Matter, MatterKind, NewMatter},
};

/// Requests of one person that may wait.
const WAITING_MAX: usize = 20;
/// Requests shown to the person.
const SHOWN_MAX: usize = 100;

/// What a person asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The entry that asks.
    pub n: u64,
    /// When.
    pub at: Timestamp,
    /// What, as whoever asked wrote it down: the gate does not read it.
    pub about: String,
    /// In the person's words.
    pub words: String,
    /// How it ended, `granted` or `declined`, and the privacy officer's words. None: it waits.
    pub ended: Option<(String, String)>,
}

/// What a person told the region itself not to share, ended objections too.
pub(super) fn told_to_the_region(snapshot: &Snapshot, person: PersonKey) -> Result<Vec<SaidBearing>, StoreError> {
    let mut found: Vec<SaidBearing> = Vec::new();
    for patient in snapshot.patients_of(person, snapshot.seq())? {
        for said in snapshot.bearings(patient, Timestamp::MIN)? {
            let regional = said.row.bears == Bears::ObjectsRegionally as u8;
            // Each patient of the person carries it; it is one objection.
            if regional && !found.iter().any(|known| known.resource.local == said.resource.local) {
                found.push(said);
            }
        }
    }
    Ok(found)
}

fn own(permit: &Permit) -> Result<PersonKey, Refusal> {
    let user = permit.user();
    if user.kind != UserKind::Person || user.person != Some(permit.person()) {
        return Err(Refusal::NotAllowed(
            "A person objects on their own page; everybody else tells the privacy officer.".into(),
        ));
    }
    Ok(permit.person())
}

impl Gate {
    /// What the person of one's own record told the region not to share, and what they asked for, newest first.
    ///
    /// # Errors
    /// [`Refusal::NotAllowed`] for everybody else.
    #[expect(clippy::type_complexity, reason = "what holds, and what was asked for: two lists, one seal")]
    pub fn own_objections(&self, permit: &Permit) -> Result<Sealed<(Vec<SaidBearing>, Vec<Asked>)>, Refusal> {
        let person = own(permit)?;
        let told = told_to_the_region(&self.derived.snapshot()?, person)?;
        let asked = self.audit.read(|audit| {
            let words = |n: u64| -> Result<String, StoreError> {
                let recorded = audit.entry(n)?.and_then(|entry| Recorded::read(&entry.body));
                Ok(recorded.map(|recorded| recorded.words).unwrap_or_default())
            };
            let mut asked = Vec::new();
            for matter in audit.matters_about(person, MatterKind::Objection, SHOWN_MAX)? {
                let outcome = matter.outcome.unwrap_or_default();
                let ended = matter.settled.map(|n| Ok::<_, StoreError>((outcome, words(n)?))).transpose()?;
                let Matter { n, at, about, .. } = matter;
                asked.push(Asked { n, at, about, words: words(n)?, ended });
            }
            Ok(asked)
        })?;
        Ok(permit.seal((told, asked)))
    }

    /// Ask the privacy officer for an objection, or for the end of one. `about` says which, for whoever grants it; it stands
    /// in the entry too, so that nobody can change what was asked for.
    ///
    /// # Errors
    /// [`Refusal`], with a sentence for the person.
    pub async fn ask_objection(
        &self,
        permit: &Permit,
        about: &str,
        words: &str,
        now: Timestamp,
    ) -> Result<u64, Refusal> {
        let person = own(permit)?;
        let asked = self.audit.read(|audit| audit.matters_about(person, MatterKind::Objection, SHOWN_MAX))?;
        let waiting: Vec<&Matter> = asked.iter().filter(|matter| matter.settled.is_none()).collect();
        if waiting.iter().any(|matter| matter.about == about) {
            return Err(Refusal::NoReason("You have asked for this already: the privacy officer has it.".into()));
        }
        if waiting.len() >= WAITING_MAX {
            return Err(Refusal::NoReason("Many of your requests wait already: the privacy officer has them.".into()));
        }
        let opens = NewMatter { kind: MatterKind::Objection, until: None, about: about.to_owned(), of: None };
        let words = tidy(words);
        let entry = About { person: Some(person), words: &words, ..About::default() };
        let action = Action::AskObjection { what: about.to_owned() };
        let pending = self.record_matter(permit.user(), entry, &action, Outcome::Permitted, Some(opens), None, now)?;
        Receipt::new(pending).wait().await
    }

    /// What an objection that was asked for is about, if this user may grant it now, with these words for the person.
    ///
    /// # Errors
    /// [`Refusal`]; a sentence when nothing waits or no words are given.
    pub fn objection_to_grant(&self, user: &User, n: u64, words: &str) -> Result<Matter, Refusal> {
        self.to_settle(user, n, "granted", &tidy(words))
    }
}
