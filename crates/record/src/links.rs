//! Changes of who is who, from the change feed: what other systems follow.

use crate::read::Records;
use access::{FindPermit, Permit, Sealed};
use fhir::PersonKey;
use jiff::Timestamp;
use store::{LinkRow, Snapshot, StoreError};

/// Patients of one person that are looked at.
const PATIENTS_MAX: usize = 500;
/// Versions of one person that are told.
const VERSIONS_MAX: usize = 500;

/// A person after a change of its links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonLinks {
    /// The person.
    pub person: PersonKey,
    /// The `seq` of the change.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// Its links then; none when nobody is this person any more.
    pub links: Vec<LinkRow>,
}

/// A stretch of the change feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkChanges {
    /// Persons whose links changed last in this stretch, in the order of that.
    pub changes: Vec<PersonLinks>,
    /// The `seq` up to which this is all.
    pub reached: u64,
    /// Whether there is more after it.
    pub more: bool,
}

impl Records {
    /// The newest `seq` that had come by a time.
    ///
    /// # Errors
    /// The store's.
    pub fn seq_at(&self, time: Timestamp) -> Result<u64, StoreError> {
        self.derived().snapshot()?.seq_at(time)
    }

    /// Persons whose links changed last after `after`: at most `limit`, out of at most `entries_max` entries of the feed.
    ///
    /// # Errors
    /// The store's.
    pub fn link_changes(
        &self,
        permit: &FindPermit,
        after: u64,
        limit: usize,
        entries_max: usize,
    ) -> Result<Sealed<LinkChanges>, StoreError> {
        let snapshot = self.derived().snapshot()?;
        let entries = snapshot.changes_after(after, entries_max)?;
        let mut found = LinkChanges { changes: Vec::new(), reached: after, more: false };
        for (seq, patients) in entries {
            let mut persons: Vec<PersonKey> = Vec::new();
            for patient in patients {
                for link in snapshot.links(patient)? {
                    if (link.seq_from == seq || link.seq_to == Some(seq)) && !persons.contains(&link.person) {
                        persons.push(link.person);
                    }
                }
            }
            persons.sort_unstable();
            for person in persons {
                let all = links_of(&snapshot, person)?;
                // Who changed again is told where it changed last.
                if moments(&all).into_iter().max() == Some(seq) {
                    found.changes.push(at(&snapshot, person, seq, &all)?);
                }
            }
            found.reached = seq;
            if found.changes.len() >= limit {
                break;
            }
        }
        found.more = found.reached < snapshot.seq();
        Ok(permit.seal(found))
    }

    /// Every state of a person's links up to the permit's `seq`, the newest first.
    ///
    /// # Errors
    /// The store's.
    pub fn link_history(&self, permit: &Permit) -> Result<Sealed<Vec<PersonLinks>>, StoreError> {
        let snapshot = self.derived().snapshot()?;
        let all = links_of(&snapshot, permit.person())?;
        let mut seqs = moments(&all);
        seqs.retain(|seq| *seq <= permit.seq());
        seqs.sort_unstable_by(|a, b| b.cmp(a));
        seqs.truncate(VERSIONS_MAX);
        let states = seqs.into_iter().map(|seq| at(&snapshot, permit.person(), seq, &all));
        Ok(permit.seal(states.collect::<Result<_, _>>()?))
    }
}

/// Every link of anybody who is or was a person.
fn links_of(snapshot: &Snapshot, person: PersonKey) -> Result<Vec<LinkRow>, StoreError> {
    let mut links = Vec::new();
    for patient in snapshot.ever_of(person, PATIENTS_MAX)? {
        links.extend(snapshot.links(patient)?.into_iter().filter(|link| link.person == person));
    }
    Ok(links)
}

/// When they changed.
fn moments(links: &[LinkRow]) -> Vec<u64> {
    let mut seqs: Vec<u64> = links.iter().flat_map(|link| [Some(link.seq_from), link.seq_to]).flatten().collect();
    seqs.sort_unstable();
    seqs.dedup();
    seqs
}

fn at(snapshot: &Snapshot, person: PersonKey, seq: u64, all: &[LinkRow]) -> Result<PersonLinks, StoreError> {
    let holds = |link: &&LinkRow| link.seq_from <= seq && link.seq_to.is_none_or(|to| to > seq);
    let mut links: Vec<LinkRow> = all.iter().filter(holds).cloned().collect();
    links.sort_by_key(|link| (link.seq_from, link.patient));
    Ok(PersonLinks { person, seq, at: snapshot.received(seq)?, links })
}
