//! What data stewards see: who the region's patients are said to be, why, and what waits for a decision. Demographics, as
//! the sources sent them; nothing clinical. Of people whose whereabouts are restricted, those are withheld here too.

use crate::{
    read::{Item, Records},
    withhold,
};
use access::{Sealed, StewardPermit};
use fhir::{PatientKey, PersonKey, ResourceId, ResourceType};
use jiff::Timestamp;
use store::{
    Assertion, LinkRow, Pair, QueueMark, Review, ReviewKind, ReviewStatus, Snapshot, StoreError, Weighed,
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
    /// Every link statement of anyone who is or was this person, with when it began; newest first.
    pub links: Vec<(LinkRow, Timestamp)>,
    /// What stewards said of them, newest first.
    pub assertions: Vec<Assertion>,
    /// What waits about them.
    pub reviews: Vec<Review>,
}

/// Link statements of one person shown at most.
const LINKS_MAX: usize = 500;

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
    pub fn queue_counts(
        &self,
        permit: &StewardPermit,
    ) -> Result<Sealed<Vec<(ReviewKind, ReviewStatus, u64)>>, StoreError> {
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
        let mut lineage =
            Lineage { person, patients: Vec::new(), links: Vec::new(), assertions: Vec::new(), reviews: Vec::new() };
        for patient in snapshot.patients_of(person, snapshot.seq())? {
            lineage.patients.extend(self.side(&snapshot, patient)?);
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
        let found = self.open_journal()?.entry(seq)?.filter(|entry| entry.kind == EntryKind::Link);
        let decided = |entry: Entry| Some(Decided { seq: entry.pos, at: entry.received, about: entry.about? });
        Ok(permit.seal(found.and_then(decided)))
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
        Ok(Some(SideBySide { pair, left, right, review, weighed }))
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
