//! Who looked: the privacy officer's desk, and the person's own view of it.

use super::{Action, Gate, Outcome, Permit, PrivacyPermit, Recorded, Refusal, Sealed, entry::About, receipt::Receipt};
use crate::{User, UserKind};
use fhir::{PatientKey, PersonKey};
use jiff::Timestamp;
use store::{
    SaidBearing, StoreError,
    audit::{AuditEntry, Matter, MatterKind, NewMatter},
};

/// Words are cut at this many characters.
const WORDS_MAX: usize = 2000;

/// One access as the person may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// The number of the entry.
    pub n: u64,
    /// When.
    pub at: Timestamp,
    /// The role, in words.
    pub role: String,
    /// The organisation.
    pub organisation: String,
    /// Whether it was a system that asked.
    pub system: bool,
    /// Whether it was the person.
    pub own: bool,
    /// What was opened: `page summary`, `everything`.
    pub what: String,
    /// Why: relationships by name; the reason's code.
    pub why: Vec<String>,
    /// Whether the glass was broken.
    pub glass: bool,
    /// Whether it was refused.
    pub refused: bool,
    /// What was asked about it, and answered: question, answer.
    pub questions: Vec<(String, Option<String>)>,
}

pub(super) fn tidy(words: &str) -> String {
    words.trim().chars().filter(|c| !c.is_control() || *c == '\n').take(WORDS_MAX).collect()
}

impl Gate {
    /// What waits on the privacy officer's desk, or was settled there, newest first.
    ///
    /// # Errors
    /// The store's.
    pub fn matters(
        &self,
        permit: &PrivacyPermit,
        kind: MatterKind,
        settled: bool,
        limit: usize,
    ) -> Result<Sealed<Vec<Matter>>, StoreError> {
        Ok(permit.seal(self.audit.read(|audit| audit.matters(kind, settled, limit))?))
    }

    /// How much of each kind waits.
    ///
    /// # Errors
    /// The store's.
    pub fn waiting(&self, permit: &PrivacyPermit) -> Result<Sealed<Vec<(MatterKind, u64)>>, StoreError> {
        use MatterKind as M;
        let kinds = [M::Glass, M::Misuse, M::Question, M::Objection, M::Claim];
        let count = |kind| Ok((kind, self.audit.read(|audit| audit.waiting(kind))?));
        Ok(permit.seal(kinds.into_iter().map(count).collect::<Result<_, StoreError>>()?))
    }

    /// One entry of the audit trail, what it opened, and what was opened about it.
    ///
    /// # Errors
    /// The store's.
    #[expect(clippy::type_complexity, reason = "an entry with its two kinds of company")]
    pub fn entry(
        &self,
        permit: &PrivacyPermit,
        n: u64,
    ) -> Result<Sealed<Option<(AuditEntry, Option<Matter>, Vec<Matter>)>>, StoreError> {
        let found = self.audit.read(|audit| {
            let Some(entry) = audit.entry(n)? else { return Ok(None) };
            Ok(Some((entry, audit.matter(n)?, audit.matters_of(n)?)))
        })?;
        Ok(permit.seal(found))
    }

    /// The newest entries of all.
    ///
    /// # Errors
    /// The store's.
    pub fn newest(&self, permit: &PrivacyPermit, limit: usize) -> Result<Sealed<Vec<AuditEntry>>, StoreError> {
        let found = self.audit.read(|audit| {
            let from = audit.last()?.saturating_sub(u64::try_from(limit).unwrap_or(u64::MAX));
            let mut entries = audit.after(from, limit)?;
            entries.reverse();
            Ok(entries)
        })?;
        Ok(permit.seal(found))
    }

    /// Entries after one, oldest first, that are wanted: at most `count` of them, looking through `most` at most. Gives the
    /// number reached, and whether there may be more.
    ///
    /// # Errors
    /// The store's.
    pub fn entries_after(
        &self,
        permit: &PrivacyPermit,
        after: u64,
        most: usize,
        piece: usize,
        count: usize,
        wanted: impl Fn(&AuditEntry) -> bool,
    ) -> Result<Sealed<(Vec<AuditEntry>, u64, bool)>, StoreError> {
        let (mut reached, mut looked, mut found) = (after, 0, Vec::new());
        let more = loop {
            let read = self.audit.read(|audit| audit.after(reached, piece))?;
            let Some(last) = read.last().map(|last| last.n) else { break false };
            looked += read.len();
            for entry in read {
                reached = entry.n;
                if wanted(&entry) {
                    found.push(entry);
                }
                if found.len() >= count {
                    break;
                }
            }
            if found.len() >= count || looked >= most {
                break reached < last || self.audit.read(|audit| audit.last())? > reached;
            }
        };
        Ok(permit.seal((found, reached, more)))
    }

    /// The newest entries about a person.
    ///
    /// # Errors
    /// The store's.
    pub fn entries_about(
        &self,
        permit: &PrivacyPermit,
        person: PersonKey,
        limit: usize,
    ) -> Result<Sealed<Vec<AuditEntry>>, StoreError> {
        Ok(permit.seal(self.audit.read(|audit| audit.about(person, limit))?))
    }

    /// The newest entries of a user since a time.
    ///
    /// # Errors
    /// The store's.
    pub fn entries_by(
        &self,
        permit: &PrivacyPermit,
        user: &str,
        since: Timestamp,
        limit: usize,
    ) -> Result<Sealed<Vec<AuditEntry>>, StoreError> {
        Ok(permit.seal(self.audit.read(|audit| audit.by_user(user, since, limit))?))
    }

    /// What a person told the region itself not to share, ended objections too.
    ///
    /// # Errors
    /// The store's.
    pub fn objections(
        &self,
        permit: &PrivacyPermit,
        person: PersonKey,
    ) -> Result<Sealed<Vec<SaidBearing>>, StoreError> {
        Ok(permit.seal(super::objections::told_to_the_region(&self.derived.snapshot()?, person)?))
    }

    /// The patients a person is now, opaque keys: to lay an objection on.
    ///
    /// # Errors
    /// The store's.
    pub fn patients_of(
        &self,
        permit: &PrivacyPermit,
        person: PersonKey,
    ) -> Result<Sealed<Vec<PatientKey>>, StoreError> {
        let snapshot = self.derived.snapshot()?;
        Ok(permit.seal(snapshot.patients_of(person, snapshot.seq())?))
    }

    /// Settle what an entry opened. `ended`: `justified`, `not-justified`, `answered`, `revoked`; of an objection asked for,
    /// `granted` or `declined`. A revoked reason opens nothing from then on. Whoever grants lays the objection first.
    ///
    /// # Errors
    /// [`Refusal`]; a sentence when there is nothing to settle or no words are given.
    pub async fn settle(&self, user: &User, n: u64, ended: &str, words: &str, now: Timestamp) -> Result<u64, Refusal> {
        let words = tidy(words);
        let matter = self.to_settle(user, n, ended, &words)?;
        let action = Action::Settle { ended: ended.to_owned() };
        let permit = self.privacy(user, matter.person, &Action::Privacy { what: format!("settle {n}") }, now)?;
        permit.recorded().await?;
        let about = About { person: matter.person, of: Some(n), words: &words, ..About::default() };
        let settles = Some((n, ended.to_owned()));
        let pending = self.record_matter(user, about, &action, Outcome::Permitted, None, settles, now)?;
        Receipt::new(pending).wait().await
    }

    /// What waits to be settled by this user in this way.
    pub(super) fn to_settle(&self, user: &User, n: u64, ended: &str, words: &str) -> Result<Matter, Refusal> {
        let matter = self.audit.read(|audit| audit.matter(n))?;
        let ways: &[&str] = match matter.as_ref().map(|matter| matter.kind) {
            Some(MatterKind::Objection) => &["granted", "declined"],
            _ => &["justified", "not-justified", "answered", "revoked"],
        };
        if !ways.contains(&ended) {
            return Err(Refusal::NoReason("Choose how it ended.".into()));
        }
        if words.is_empty() {
            return Err(Refusal::NoReason("Write what you found: it stays with the entry.".into()));
        }
        let matter = matter.filter(|matter| matter.settled.is_none());
        let matter =
            matter.ok_or_else(|| Refusal::NoReason("There is nothing here that waits to be settled.".into()))?;
        if matter.user == user.id {
            return Err(Refusal::NotAllowed("It is about yourself: somebody else settles it.".into()));
        }
        Ok(matter)
    }

    /// Who looked at a person's record, for the person: newest first. Under a permit for the person's own record.
    ///
    /// # Errors
    /// [`Refusal::NotAllowed`] for everybody else.
    pub fn who_looked(&self, permit: &Permit, limit: usize) -> Result<Sealed<Vec<Look>>, Refusal> {
        if permit.user().kind != UserKind::Person || permit.user().person != Some(permit.person()) {
            return Err(Refusal::NotAllowed("Who looked is shown to the person, and to the privacy officer.".into()));
        }
        let looks = self.audit.read(|audit| {
            let mut looks = Vec::new();
            for entry in audit.about(permit.person(), limit)? {
                let Some(recorded) = Recorded::read(&entry.body) else { continue };
                let Some(mut look) = look(&entry, &recorded) else { continue };
                for question in audit.matters_of(entry.n)?.iter().filter(|matter| matter.kind == MatterKind::Question) {
                    let words = |n: u64| -> Result<Option<String>, StoreError> {
                        let entry = audit.entry(n)?;
                        Ok(entry.and_then(|entry| Recorded::read(&entry.body)).map(|recorded| recorded.words))
                    };
                    let answer = question.settled.map(words).transpose()?.flatten();
                    look.questions.push((words(question.n)?.unwrap_or_default(), answer));
                }
                looks.push(look);
            }
            Ok(looks)
        })?;
        Ok(permit.seal(looks))
    }

    /// Ask about an entry of one's own record. The privacy officer answers.
    ///
    /// # Errors
    /// [`Refusal`], with a sentence for the person.
    pub async fn ask_about(&self, permit: &Permit, of: u64, words: &str, now: Timestamp) -> Result<u64, Refusal> {
        let (user, person) = (permit.user(), permit.person());
        let own = user.kind == UserKind::Person && user.person == Some(person);
        let entry = self.audit.read(|audit| audit.entry(of))?;
        if !own || entry.is_none_or(|entry| entry.person != Some(person)) {
            return Err(Refusal::NotAllowed("You can ask about entries of your own record.".into()));
        }
        let words = tidy(words);
        if words.is_empty() {
            return Err(Refusal::NoReason("Write what you want to know.".into()));
        }
        let opens = NewMatter { kind: MatterKind::Question, until: None, about: "question".into(), of: Some(of) };
        let about = About { person: Some(person), of: Some(of), words: &words, ..About::default() };
        let pending = self.record_matter(user, about, &Action::AskAbout, Outcome::Permitted, Some(opens), None, now)?;
        Receipt::new(pending).wait().await
    }

    /// Write down that something looks like misuse, for the privacy officer. `of`: the entry that shows it.
    ///
    /// # Errors
    /// [`Refusal::NotRecorded`].
    pub async fn suspect(
        &self,
        user: &User,
        person: Option<PersonKey>,
        of: u64,
        rule: &str,
        evidence: &str,
        now: Timestamp,
    ) -> Result<u64, Refusal> {
        let opens = NewMatter { kind: MatterKind::Misuse, until: None, about: rule.to_owned(), of: Some(of) };
        let about = About { person, of: Some(of), words: evidence, ..About::default() };
        let action = Action::Suspect { rule: rule.to_owned() };
        let pending = self.record_matter(user, about, &action, Outcome::Permitted, Some(opens), None, now)?;
        Receipt::new(pending).wait().await
    }
}

/// What somebody wrote, for the person.
fn wrote(what: &str) -> String {
    let (act, what) = what.split_once(' ').unwrap_or((what, ""));
    let what = what.replace('-', " ");
    match act {
        "draft" => format!("worked on a draft ({what}), which nobody takes for a plan"),
        "discard" => format!("threw a draft away ({what})"),
        "withdraw" => format!("took back what was signed ({what})"),
        _ => format!("signed something they wrote in your record ({what})"),
    }
}

/// How somebody stood in a list of many, for the person.
fn on_a_list(what: &str) -> &'static str {
    match what.split(' ').next().unwrap_or_default() {
        "inbox" => "was told in their team’s inbox what happened",
        "window" => "saw you among those in hospital, or with letters and results",
        "board" => "saw where you are, on their team’s board",
        "file" => "saved a file of their list with you on it",
        "census" => "compared the hospital’s own list with what is known here",
        "say" => "wrote something about your stay",
        _ => "saw you in a list of theirs",
    }
}

/// What of an entry the person sees; None: it was no look at the record.
fn look(entry: &AuditEntry, recorded: &Recorded) -> Option<Look> {
    let what = match recorded.action.as_str() {
        "found" if recorded.user.is_sign_in() => {
            "found your record, for somebody signed in with your NHS number".to_owned()
        }
        "found" => "found you in a search".to_owned(),
        "open-page" => format!("page “{}”", recorded.page_words()),
        "read-resources" => recorded.what.clone(),
        "open-origin" => "a source’s message".to_owned(),
        "notify" => "was told of something that happened".to_owned(),
        "write" => wrote(&recorded.what),
        "worklist" => on_a_list(&recorded.what).to_owned(),
        "caseload" if recorded.what.starts_with("remove") => "took you off a list of theirs".to_owned(),
        "caseload" => "put you on a list of theirs".to_owned(),
        "break-glass" => "broke the glass".to_owned(),
        "claim" => "gave a reason to open it".to_owned(),
        _ => return None,
    };
    let access = recorded.situation.as_ref().map(|situation| &situation.access);
    let mut why: Vec<String> = Vec::new();
    if let Some(access) = access {
        why.extend(access.relationships.names().map(str::to_owned));
        if !access.claimed.is_empty() {
            why.push(access.claimed.clone());
        }
    }
    if !recorded.reason.is_empty() {
        why.push(recorded.reason.clone());
    }
    Some(Look {
        n: entry.n,
        at: entry.at,
        role: recorded.user.role_name.clone(),
        organisation: recorded.user.org_name.clone(),
        system: recorded.user.kind == UserKind::System,
        own: recorded.user.kind == UserKind::Person,
        what,
        why,
        glass: recorded.action == "break-glass" || access.is_some_and(|access| access.glass),
        refused: recorded.outcome != "permitted",
        questions: Vec::new(),
    })
}
