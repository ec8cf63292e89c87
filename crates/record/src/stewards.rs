//! What data stewards see: who the region's patients are said to be, why, and what waits for a decision. Demographics, as
//! the sources sent them; nothing clinical. Of people whose whereabouts are restricted, those are withheld here too.

use crate::{
    read::{Item, Records},
    waterfall::{Waterfall, waterfall},
    withhold,
};
use access::{Sealed, StewardPermit};
use fhir::{PatientKey, PersonKey, ResourceId, ResourceType};
use jiff::Timestamp;
use store::{
    Assertion, LinkRow, Opinion, Pair, QueueMark, Review, ReviewKind, ReviewStatus, Said, Snapshot, StoreError,
    Weighed,
    journal::{Entry, EntryKind},
};

/// One patient as a steward sees it.
#[derive(Clone, Debug)]
pub struct Side {
    /// The patient.
    pub patient: PatientKey,
    /// Its source.
    pub source: String,
    /// The person it is now.
    pub person: PersonKey,
    /// Since when.
    pub since: Timestamp,
    /// Why, JSON.
    pub reason: String,
    /// The patient it was merged into by its source.
    pub survivor: Option<PatientKey>,
    /// Its Patient resource; none for a patient only spoken of.
    pub item: Option<Item>,
    /// How many resources of each type it has: what would move.
    pub counts: Vec<(ResourceType, u64)>,
    /// The other patients of the same person.
    pub company: Vec<PatientKey>,
    /// Whether whereabouts are withheld.
    pub restricted: bool,
}

/// Two patients side by side.
#[derive(Clone, Debug)]
pub struct SideBySide {
    /// The two.
    pub pair: Pair,
    /// One.
    pub left: Side,
    /// The other.
    pub right: Side,
    /// What waits or was decided.
    pub review: Option<Review>,
    /// How the matcher weighed the two: JSON of the newest decision of either that names the other.
    pub weighed: Option<Weighed>,
    /// Since when it waits.
    pub since: Option<Timestamp>,
    /// Whether two stewards must agree before the two are one person: the evidence speaks against it.
    pub needs_two: bool,
}

impl SideBySide {
    /// Whether they are one person now.
    pub fn linked(&self) -> bool {
        self.left.person == self.right.person
    }

    /// Whether nothing may be said of where they are: one of them is restricted, and is perhaps the other.
    pub fn withheld(&self) -> bool {
        self.left.restricted || self.right.restricted
    }

    /// How much was said of the two: what a decision is made upon ([`Review::turns`]).
    pub fn turns(&self) -> u64 {
        self.review.as_ref().map_or(0, Review::turns)
    }

    /// The weights of the comparison, step by step, where they were kept.
    pub fn waterfall(&self) -> Option<Waterfall> {
        let weighed = self.weighed.as_ref()?;
        waterfall(&weighed.body, self.pair.other(weighed.patient), self.withheld())
    }

    /// What a steward said of the two that holds.
    pub fn said_by(&self, user: &str) -> Option<&Opinion> {
        let opinions = &self.review.as_ref()?.opinions;
        opinions.iter().rfind(|opinion| opinion.by == user && opinion.withdrawn.is_none())
    }
}

/// A decision about who is who, as the journal has it.
#[derive(Clone, Debug)]
pub struct Decided {
    /// Its journal position.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// The decision, JSON (`intake::LinkDecision`).
    pub about: String,
}

/// A person, its patients and how it came to be.
#[derive(Clone, Debug)]
pub struct Lineage {
    /// The person.
    pub person: PersonKey,
    /// Its patients now, longest linked first.
    pub patients: Vec<Side>,
    /// Those who were this person once.
    pub former: Vec<Side>,
    /// Every link statement of anyone who is or was this person, with when it began; newest first.
    pub links: Vec<(LinkRow, Timestamp)>,
    /// What stewards said of them, newest first.
    pub assertions: Vec<Assertion>,
    /// What waits about them.
    pub reviews: Vec<Review>,
    /// The decisions that moved links or said something of them.
    pub decisions: Vec<Decided>,
}

/// How many reviews are of a kind and stand so.
pub type QueueCount = (ReviewKind, ReviewStatus, u64);

/// Link statements of one person shown at most.
const LINKS_MAX: usize = 500;
/// Reviews passed over when looking for the next that a steward can decide.
const PASSED_OVER_MAX: usize = 1000;

impl Records {
    /// A page of the queue, the strongest evidence first.
    ///
    /// # Errors
    /// The store's.
    pub fn queue(
        &self,
        permit: &StewardPermit,
        status: ReviewStatus,
        kind: Option<ReviewKind>,
        after: Option<QueueMark>,
        limit: usize,
    ) -> Result<Sealed<Vec<SideBySide>>, StoreError> {
        let snapshot = self.derived().snapshot()?;
        let reviews = snapshot.reviews(status, kind, after, limit)?;
        let mut rows = Vec::with_capacity(reviews.len());
        for review in reviews {
            rows.extend(self.beside(&snapshot, review.pair)?);
        }
        Ok(permit.seal(rows))
    }

    /// How many reviews there are, by kind and status.
    ///
    /// # Errors
    /// The store's.
    pub fn queue_counts(&self, permit: &StewardPermit) -> Result<Sealed<Vec<QueueCount>>, StoreError> {
        Ok(permit.seal(self.derived().snapshot()?.review_counts()?))
    }

    /// Two patients side by side; none when one of them does not exist.
    ///
    /// # Errors
    /// The store's.
    pub fn side_by_side(&self, permit: &StewardPermit, pair: Pair) -> Result<Sealed<Option<SideBySide>>, StoreError> {
        let snapshot = self.derived().snapshot()?;
        Ok(permit.seal(self.beside(&snapshot, pair)?))
    }

    /// A person and how it came to be; none when nobody is or was it.
    ///
    /// # Errors
    /// The store's.
    pub fn lineage(&self, permit: &StewardPermit, person: PersonKey) -> Result<Sealed<Option<Lineage>>, StoreError> {
        let snapshot = self.derived().snapshot()?;
        let ever = snapshot.ever_of(person, LINKS_MAX)?;
        if ever.is_empty() {
            return Ok(permit.seal(None));
        }
        let mut lineage = Lineage {
            person,
            patients: Vec::new(),
            former: Vec::new(),
            links: Vec::new(),
            assertions: Vec::new(),
            reviews: Vec::new(),
            decisions: Vec::new(),
        };
        for patient in snapshot.patients_of(person, snapshot.seq())? {
            lineage.patients.extend(self.side(&snapshot, patient)?);
        }
        for patient in ever.iter().filter(|one| lineage.patients.iter().all(|side| side.patient != **one)) {
            lineage.former.extend(self.side(&snapshot, *patient)?);
        }
        for patient in &ever {
            for link in snapshot.links(*patient)? {
                let at = snapshot.received(link.seq_from)?;
                lineage.links.push((link, at));
            }
            lineage.assertions.extend(snapshot.assertions_of(*patient)?);
            lineage.reviews.extend(snapshot.reviews_of(*patient)?);
        }
        lineage.links.sort_by_key(|(link, _)| std::cmp::Reverse((link.seq_from, link.patient)));
        lineage.links.truncate(LINKS_MAX);
        lineage.assertions.sort_by_key(|said| (std::cmp::Reverse(said.seq), said.pair));
        lineage.assertions.dedup();
        lineage.reviews.sort_by_key(|review| (review.pair.a, review.pair.b));
        lineage.reviews.dedup();
        let mut seqs: Vec<u64> = lineage.links.iter().map(|(link, _)| link.seq_from).collect();
        seqs.extend(lineage.assertions.iter().map(|said| said.seq));
        seqs.sort_unstable();
        seqs.dedup();
        let mut journal = self.open_journal()?;
        for seq in seqs {
            lineage.decisions.extend(journal.entry(seq)?.and_then(decided));
        }
        Ok(permit.seal(Some(lineage)))
    }

    /// How the matcher weighed a patient, newest first.
    ///
    /// # Errors
    /// The store's.
    pub fn weighed(&self, permit: &StewardPermit, patient: PatientKey) -> Result<Sealed<Vec<Weighed>>, StoreError> {
        Ok(permit.seal(self.derived().snapshot()?.weighed(patient)?))
    }

    /// The person a patient is now, for a steward's way from a patient to its person.
    ///
    /// # Errors
    /// The store's.
    pub fn steward_person_of(
        &self,
        permit: &StewardPermit,
        patient: PatientKey,
    ) -> Result<Sealed<Option<PersonKey>>, StoreError> {
        let snapshot = self.derived().snapshot()?;
        Ok(permit.seal(snapshot.person_of(patient, snapshot.seq())?))
    }

    /// A decision about who is who.
    ///
    /// # Errors
    /// The store's.
    pub fn decided(&self, permit: &StewardPermit, seq: u64) -> Result<Sealed<Option<Decided>>, StoreError> {
        Ok(permit.seal(self.open_journal()?.entry(seq)?.and_then(decided)))
    }

    /// Whether anything that the decision of `seq` said of these patients is in force.
    ///
    /// # Errors
    /// The store's.
    pub fn in_force(
        &self,
        permit: &StewardPermit,
        seq: u64,
        patients: &[PatientKey],
    ) -> Result<Sealed<bool>, StoreError> {
        let snapshot = self.derived().snapshot()?;
        let mut holds = false;
        for patient in patients {
            holds |= snapshot.assertions_of(*patient)?.iter().any(|said| said.seq == seq && said.seq_to.is_none());
            let reviews = snapshot.reviews_of(*patient)?;
            let mut opinions = reviews.iter().flat_map(|review| &review.opinions);
            holds |= opinions.any(|opinion| opinion.seq == seq && opinion.withdrawn.is_none());
        }
        Ok(permit.seal(holds))
    }

    /// The next review of a list, after a mark, that this steward can decide: not one where they wait for somebody else to
    /// agree with them.
    ///
    /// # Errors
    /// The store's.
    pub fn next_review(
        &self,
        permit: &StewardPermit,
        status: ReviewStatus,
        kind: Option<ReviewKind>,
        after: Option<QueueMark>,
    ) -> Result<Sealed<Option<Pair>>, StoreError> {
        let snapshot = self.derived().snapshot()?;
        let user = &permit.user().id;
        let limit = if status == ReviewStatus::Second { PASSED_OVER_MAX } else { 1 };
        let reviews = snapshot.reviews(status, kind, after, limit)?;
        let mine = |review: &Review| {
            review.status == ReviewStatus::Second
                && review.opinions.iter().any(|o| o.said == Said::Same && o.withdrawn.is_none() && o.by == *user)
        };
        Ok(permit.seal(reviews.into_iter().find(|review| !mine(review)).map(|review| review.pair)))
    }

    fn beside(&self, snapshot: &Snapshot, pair: Pair) -> Result<Option<SideBySide>, StoreError> {
        let (Some(left), Some(right)) = (self.side(snapshot, pair.a)?, self.side(snapshot, pair.b)?) else {
            return Ok(None);
        };
        let review = snapshot.review(pair)?;
        let names = |weighed: &Weighed, other: PatientKey| weighed.body.contains(&format!("\"{other}\""));
        let mut weighed: Option<Weighed> = None;
        for (patient, other) in [(pair.a, pair.b), (pair.b, pair.a)] {
            let newest = snapshot.weighed(patient)?.into_iter().find(|weighed| names(weighed, other));
            if newest.as_ref().is_some_and(|new| weighed.as_ref().is_none_or(|old| old.seq < new.seq)) {
                weighed = newest;
            }
        }
        let since = review.as_ref().map(|review| snapshot.received(review.seq)).transpose()?;
        let needs_two = review.as_ref().is_some_and(|review| review.kind.needs_two())
            || self.verified_numbers_differ(snapshot, pair)?;
        Ok(Some(SideBySide { pair, left, right, review, weighed, since, needs_two }))
    }

    fn verified_numbers_differ(&self, snapshot: &Snapshot, pair: Pair) -> Result<bool, StoreError> {
        let number = |patient| -> Result<Option<u64>, StoreError> {
            let facts = snapshot.patient(patient)?.and_then(|row| row.facts).unwrap_or_default();
            Ok(facts.nhs_number.filter(|_| facts.verified))
        };
        Ok(matches!((number(pair.a)?, number(pair.b)?), (Some(a), Some(b)) if a != b))
    }

    fn side(&self, snapshot: &Snapshot, patient: PatientKey) -> Result<Option<Side>, StoreError> {
        let (Some(known), Some(link)) =
            (snapshot.patient(patient)?, snapshot.links(patient)?.into_iter().rfind(|link| link.seq_to.is_none()))
        else {
            return Ok(None);
        };
        let seq = snapshot.seq();
        let item = match snapshot.row(ResourceId::of_patient(patient), ResourceType::Patient, seq)? {
            Some(row) if !row.deleted => Some(self.lone_item(snapshot, row, seq)?),
            _ => None,
        };
        let secrets = withhold::secrets_of_person(snapshot, link.person, seq)?;
        let hidden = secrets.as_ref().is_some_and(|secrets| secrets.hides(&known.source));
        let mut company = snapshot.patients_of(link.person, seq)?;
        company.retain(|other| *other != patient);
        Ok(Some(Side {
            patient,
            source: if hidden { withhold::WITHHELD.to_owned() } else { known.source },
            person: link.person,
            since: snapshot.received(link.seq_from)?,
            reason: link.reason,
            survivor: snapshot.survivor(patient, seq)?,
            item,
            counts: snapshot.counts(patient)?,
            company,
            restricted: secrets.is_some(),
        }))
    }
}

fn decided(entry: Entry) -> Option<Decided> {
    let Entry { pos, received, about, kind, .. } = entry;
    Some(Decided { seq: pos, at: received, about: about.filter(|_| kind == EntryKind::Link)? })
}
