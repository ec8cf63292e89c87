//! Settling the link of a patient whose facts or merges changed.

use super::{
    matching::{Verdict, Weight, weigh},
    review::{Doubt, note_doubts},
    steward::{apart_from, same_as},
};
use fhir::{PatientKey, PersonKey, Region};
use serde_json::json;
use store::{NewLink, ReviewKind, StoreError, Writer};

/// Merge chains longer than this are cut: they are loops or nonsense.
const CHAIN_MAX: usize = 32;
/// Links that may follow from one: of patients merged into those that move.
const FOLLOWERS_MAX: usize = 256;

/// What moves links: the writer, the region for keys, and what weighs evidence.
pub struct Mover<'a> {
    /// The derived state being written.
    pub writer: &'a mut Writer,
    /// The region.
    pub region: &'a Region,
}

/// Who a patient is, and why.
struct Answer {
    person: PersonKey,
    reason: String,
    doubts: Vec<Doubt>,
}

impl Mover<'_> {
    /// Settle the link of a patient, and of those merged into it, as of `seq`. Gives the patients whose person changed.
    ///
    /// # Errors
    /// The store's.
    pub fn settle(&mut self, patient: PatientKey, seq: u64) -> Result<Vec<PatientKey>, StoreError> {
        let mut moved = Vec::new();
        self.settle_again(patient, seq, &mut moved)?;
        Ok(moved)
    }

    pub(super) fn settle_again(
        &mut self,
        patient: PatientKey,
        seq: u64,
        moved: &mut Vec<PatientKey>,
    ) -> Result<(), StoreError> {
        let mut waiting = vec![patient];
        let mut steps = 0;
        while let Some(next) = waiting.pop() {
            steps += 1;
            if steps > FOLLOWERS_MAX {
                break;
            }
            let before = self.writer.link(next)?.map(|(person, _)| person);
            let answer = self.answer(next, before)?;
            note_doubts(self.writer, next, &answer.doubts, seq)?;
            if before != Some(answer.person) {
                let link = NewLink { patient: next, person: answer.person, reason: &answer.reason };
                self.writer.put_link(&link, seq)?;
                push_new(moved, next);
                waiting.extend(self.writer.losers(next)?);
                waiting.extend(same_as(self.writer, next)?);
            }
        }
        Ok(())
    }

    /// Point a patient, and those merged into it, to a person.
    pub(super) fn put(
        &mut self,
        patient: PatientKey,
        person: PersonKey,
        reason: &str,
        seq: u64,
        moved: &mut Vec<PatientKey>,
    ) -> Result<(), StoreError> {
        if self.writer.link(patient)?.is_some_and(|(now, _)| now == person) {
            return Ok(());
        }
        self.writer.put_link(&NewLink { patient, person, reason }, seq)?;
        push_new(moved, patient);
        for loser in self.writer.losers(patient)? {
            self.settle_again(loser, seq, moved)?;
        }
        Ok(())
    }

    fn answer(&self, patient: PatientKey, before: Option<PersonKey>) -> Result<Answer, StoreError> {
        if let Some(survivor) = last_survivor(self.writer, patient)? {
            let person = self.writer.link(survivor)?.map_or_else(|| self.region.person(survivor), |(person, _)| person);
            let reason = json!({"rule": "merged-at-source", "with": survivor.to_string()}).to_string();
            return Ok(Answer { person, reason, doubts: Vec::new() });
        }
        if let Some((person, with)) = self.said_same(patient, before)? {
            let reason = json!({"rule": "decided", "with": with.to_string()}).to_string();
            return Ok(Answer { person, reason, doubts: self.contradictions(patient, person)? });
        }
        let weights = weigh(self.writer, patient)?;
        let barred = self.barred(patient)?;
        let open: Vec<&Weight> = weights.iter().filter(|weight| !barred.contains(&weight.person)).collect();
        let mut doubts: Vec<Doubt> = open.iter().filter_map(|weight| weight.doubt()).collect();
        let best = open
            .iter()
            .filter(|weight| weight.verdict == Verdict::Link)
            .max_by_key(|weight| (Some(weight.person) == before, std::cmp::Reverse((weight.since, weight.person))));
        if let Some(best) = best {
            // A second person as good as the first: either they are one, or somebody must say which.
            doubts.extend(
                open.iter()
                    .filter(|weight| weight.verdict == Verdict::Link && weight.person != best.person)
                    .map(|weight| Doubt { other: weight.patient, kind: ReviewKind::Ambiguous, score: weight.score }),
            );
            return Ok(Answer { person: best.person, reason: best.reason.clone(), doubts });
        }
        let reason = json!({"rule": "own"}).to_string();
        let Some(before) = before else {
            return Ok(Answer { person: self.region.person(patient), reason, doubts });
        };
        // Alone it stays who it was; otherwise the company stays and this patient becomes a person of its own.
        let mut company = false;
        for other in self.writer.patients_of(before)? {
            company |= other != patient
                && last_survivor(self.writer, other)? != Some(patient)
                && !same_as(self.writer, other)?.contains(&patient);
        }
        let person = if company { own_person(self.writer, self.region, patient, &[patient])? } else { before };
        Ok(Answer { person, reason, doubts })
    }

    /// The person of those that stewards said this patient is: the present one if it is among them, else the one linked
    /// longest.
    fn said_same(
        &self,
        patient: PatientKey,
        before: Option<PersonKey>,
    ) -> Result<Option<(PersonKey, PatientKey)>, StoreError> {
        let mut best: Option<(bool, u64, PersonKey, PatientKey)> = None;
        for other in same_as(self.writer, patient)? {
            if let Some((person, since)) = self.writer.link(other)? {
                let found = (Some(person) != before, since, person, other);
                best = Some(best.map_or(found, |best| best.min(found)));
            }
        }
        Ok(best.map(|(_, _, person, other)| (person, other)))
    }

    /// What speaks against a link made by hand, or for another person as well.
    fn contradictions(&self, patient: PatientKey, person: PersonKey) -> Result<Vec<Doubt>, StoreError> {
        let mut doubts = Vec::new();
        for weight in weigh(self.writer, patient)? {
            match weight.doubt() {
                Some(doubt) if weight.person == person && doubt.kind.needs_two() => doubts.push(doubt),
                None if weight.person != person => {
                    doubts.push(Doubt { other: weight.patient, kind: ReviewKind::Ambiguous, score: weight.score });
                }
                _ => {}
            }
        }
        Ok(doubts)
    }

    /// Persons this patient is not, for stewards said so of one of their patients.
    fn barred(&self, patient: PatientKey) -> Result<Vec<PersonKey>, StoreError> {
        let mut barred = Vec::new();
        for other in apart_from(self.writer, patient)? {
            barred.extend(self.writer.link(other)?.map(|(person, _)| person));
        }
        Ok(barred)
    }

    /// Whether a patient belongs with one of two rather than with the other, by the evidence.
    pub(super) fn belongs_with(
        &self,
        patient: PatientKey,
        one: PatientKey,
        other: PatientKey,
    ) -> Result<bool, StoreError> {
        let weights = weigh(self.writer, patient)?;
        let score = |of: PatientKey| weights.iter().filter(|weight| weight.patient == of).map(|w| w.score).max();
        Ok(score(one) > score(other))
    }
}

/// Settle the link of a patient, see [`Mover::settle`].
pub fn settle(
    writer: &mut Writer,
    region: &Region,
    patient: PatientKey,
    seq: u64,
) -> Result<Vec<PatientKey>, StoreError> {
    Mover { writer, region }.settle(patient, seq)
}

fn push_new(list: &mut Vec<PatientKey>, patient: PatientKey) {
    if !list.contains(&patient) {
        list.push(patient);
    }
}

/// A person nobody else is, for a group of patients: the first one's own, or where others have come to be that, the next
/// free one.
pub fn own_person(
    writer: &Writer,
    region: &Region,
    first: PatientKey,
    group: &[PatientKey],
) -> Result<PersonKey, StoreError> {
    let mut founder = first;
    for _ in 0..CHAIN_MAX {
        let person = region.person(founder);
        if writer.patients_of(person)?.iter().all(|other| group.contains(other)) {
            return Ok(person);
        }
        founder = PatientKey(person.0);
    }
    Ok(region.person(founder))
}

/// The patients merged into this one, through any number of steps.
pub fn merged_into(writer: &Writer, patient: PatientKey) -> Result<Vec<PatientKey>, StoreError> {
    let mut found: Vec<PatientKey> = writer.losers(patient)?;
    let mut at = 0;
    while let Some(next) = found.get(at).copied() {
        at += 1;
        if at > FOLLOWERS_MAX {
            break;
        }
        for loser in writer.losers(next)? {
            if loser != patient {
                push_new(&mut found, loser);
            }
        }
    }
    Ok(found)
}

/// Where the chain of merges ends, if the patient was merged.
pub fn last_survivor(writer: &Writer, patient: PatientKey) -> Result<Option<PatientKey>, StoreError> {
    let mut found = None;
    let mut at = patient;
    for _ in 0..CHAIN_MAX {
        match writer.survivor(at)? {
            Some(next) if next != patient => {
                found = Some(next);
                at = next;
            }
            _ => break,
        }
    }
    Ok(found)
}
