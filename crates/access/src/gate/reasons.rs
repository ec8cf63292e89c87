//! Reasons given for opening a record: self-claimed relationships, and the broken glass.

use super::{Action, Gate, Outcome, Refusal, entry::About, receipt::Receipt};
use crate::{
    User,
    policy::{Door, Policies, Reason},
};
use fhir::PersonKey;
use jiff::{SignedDuration, Timestamp};
use store::{
    StoreError,
    audit::{MatterKind, NewMatter},
};

/// Words of a reason are cut at this many characters.
const WORDS_MAX: usize = 1000;
/// And have at least so many, where words are wanted.
const WORDS_MIN: usize = 10;

/// What would open a record that is shut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needed {
    /// The person.
    pub person: PersonKey,
    /// Why it is shut, for the user.
    pub sentence: String,
    /// Whether a reason opens it.
    pub claim: bool,
    /// Whether the glass may be broken.
    pub glass: bool,
    /// The reasons to choose from.
    pub reasons: Vec<Reason>,
    /// For how many minutes the glass stays broken.
    pub glass_minutes: i64,
}

impl Needed {
    pub(super) fn new(policies: &Policies, person: PersonKey, because: Option<&str>, claim: bool, glass: bool) -> Self {
        let otherwise = "Nothing that the sources sent says that your organisation looks after this person.";
        let settings = policies.settings();
        Needed {
            person,
            sentence: because.unwrap_or(otherwise).to_owned(),
            claim,
            glass,
            reasons: settings.reasons().to_vec(),
            glass_minutes: settings.glass_for().as_mins(),
        }
    }
}

impl Gate {
    /// What would open a person's record to this user beyond what is open: for the page that asks for a reason.
    ///
    /// # Errors
    /// [`Refusal::NoSuchPerson`]; [`Refusal::NotAllowed`] when no reason helps.
    pub fn needed(&self, user: &User, person: PersonKey, now: Timestamp) -> Result<Needed, Refusal> {
        let (situation, rulings) = self.rehearse(user, person, now)?;
        let policies = self.policies();
        let allowed = |door| rulings.iter().any(|(asked, ruling)| *asked == door && ruling.allowed);
        let open = rulings.iter().find(|(door, _)| *door == Door::Open);
        let because = open.and_then(|(_, ruling)| ruling.because.as_deref());
        let (claim, glass) = (allowed(Door::Claim), allowed(Door::BreakGlass));
        if !claim && !glass {
            return Err(match open {
                Some((_, ruling)) => self.refusal(&policies, user, person, &situation, ruling),
                None => Refusal::NoSuchPerson,
            });
        }
        Ok(Needed::new(&policies, person, because, claim, glass))
    }

    /// Take a user's reason for opening a person's record. `glass`: break the glass. Holds from when it is on disk; the
    /// privacy officer sees it from then on as well.
    ///
    /// # Errors
    /// [`Refusal`], with the sentence for the user: no such reason, words missing, too often, not for this role.
    pub async fn give_reason(
        &self,
        user: &User,
        person: PersonKey,
        glass: bool,
        reason: &str,
        words: &str,
        now: Timestamp,
    ) -> Result<u64, Refusal> {
        let policies = self.policies();
        let settings = policies.settings();
        let (door, kind) = if glass { (Door::BreakGlass, MatterKind::Glass) } else { (Door::Claim, MatterKind::Claim) };
        let action = match glass {
            true => Action::BreakGlass { reason: reason.to_owned() },
            false => Action::Claim { reason: reason.to_owned() },
        };
        let known = settings.reason(reason);
        let known = known.ok_or_else(|| Refusal::NoReason("Choose a reason from the list.".into()))?;
        let words: String = words.trim().chars().filter(|c| !c.is_control() || *c == '\n').take(WORDS_MAX).collect();
        if (glass || known.words) && words.chars().count() < WORDS_MIN {
            let sentence = "Write in a few words why: the privacy officer reads it, and the person may.";
            return Err(Refusal::NoReason(sentence.into()));
        }
        let (situation, rulings) = self.rehearse(user, person, now)?;
        let ruling = rulings.iter().find(|(asked, _)| *asked == door).map(|(_, ruling)| ruling);
        let Some(ruling) = ruling else { return Err(Refusal::NoSuchPerson) };
        let about = About {
            person: Some(person),
            situation: Some(&situation),
            ruling: Some(ruling),
            words: &words,
            ..About::default()
        };
        if !ruling.allowed {
            Receipt::new(self.record(user, about, &action, Outcome::Refused, now)?).wait().await?;
            let otherwise = "Your role does not open records for a reason of its own.";
            return Err(Refusal::NotAllowed(ruling.because.as_deref().unwrap_or(otherwise).to_owned()));
        }
        let (most, holds) = match glass {
            true => (settings.glass_per_day(), settings.glass_for()),
            false => (settings.claims_per_day(), settings.claim_for()),
        };
        let day = now.checked_sub(SignedDuration::from_hours(24)).unwrap_or(Timestamp::MIN);
        let of_reason = known.per_day.filter(|_| !glass);
        let often = |reason, most| {
            Ok::<_, StoreError>(self.audit.read(|audit| audit.count_by(&user.id, kind, reason, day))? >= most)
        };
        let too_often = often(None, most)? || of_reason.is_some_and(|most| often(Some(reason), most).unwrap_or(true));
        if too_often {
            Receipt::new(self.record(user, about, &action, Outcome::Refused, now)?).wait().await?;
            let sentence = match glass {
                true => format!("You have broken the glass {most} times in 24 hours. Ask the privacy officer."),
                false => "You have given this reason too often in 24 hours. Ask the privacy officer.".to_owned(),
            };
            return Err(Refusal::NotAllowed(sentence));
        }
        let until = now.checked_add(holds).unwrap_or(Timestamp::MAX);
        let opens = NewMatter { kind, until: Some(until), about: reason.to_owned(), of: None };
        let pending = self.record_matter(user, about, &action, Outcome::Permitted, Some(opens), None, now)?;
        Receipt::new(pending).wait().await
    }
}
