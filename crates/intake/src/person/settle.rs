//! Settling the link of a patient whose facts or merges changed.

use super::{
    apart::{told_apart, withdraw_told_apart},
    matching::{Weighing, weigh},
    people::People,
    review::{Doubt, note_doubts},
    steward::{apart_from, same_as},
};
use fhir::{PatientKey, PersonKey, Region};
use identity::Scratch;
use serde_json::json;
use store::{NewLink, ReviewKind, StoreError, Writer};

/// Merge chains longer than this are cut: they are loops or nonsense.
const CHAIN_MAX: usize = 32;
/// The rule of a link that a source's own merge makes.
const MERGED_AT_SOURCE: &str = "merged-at-source";
/// Links that may follow from one: of patients merged into those that move.
const FOLLOWERS_MAX: usize = 256;

/// What moves links: the writer, the region for keys, and what weighs evidence.
pub struct Mover<'a> {
    /// The derived state being written.
    pub writer: &'a mut Writer,
    /// The region.
    pub region: &'a Region,
    /// The index of people.
    pub people: &'a People,
    /// Room that decisions reuse.
    pub scratch: &'a mut Scratch,
}

/// Who a patient is, and why.
struct Answer {
    person: PersonKey,
    reason: String,
    doubts: Vec<Doubt>,
    /// The matcher's reasons, JSON.
    weighed: Option<String>,
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
            let mut answer = self.answer(next, before)?;
            answer.doubts = self.open_doubts(next, answer.person, answer.doubts)?;
            note_doubts(self.writer, next, &answer.doubts, seq)?;
            if let Some(weighed) = &answer.weighed {
                self.writer.put_weighed(next, seq, weighed)?;
            }
            if before != Some(answer.person) {
                self.point(next, answer.person, &answer.reason, seq)?;
                push_new(moved, next);
                waiting.extend(self.writer.losers(next)?);
                waiting.extend(same_as(self.writer, next)?);
            }
            self.withdraw_told_apart(next, (before, answer.person))?;
        }
        Ok(())
    }

    /// Doubts about a patient who is this person, without those that verified numbers have answered.
    fn open_doubts(
        &self,
        patient: PatientKey,
        person: PersonKey,
        doubts: Vec<Doubt>,
    ) -> Result<Vec<Doubt>, StoreError> {
        let mut open = Vec::with_capacity(doubts.len());
        for doubt in doubts {
            let other = if doubt.of_a_family { self.writer.link(doubt.other)? } else { None };
            let answered = other.map(|(other, _)| told_apart(self.writer, patient, person, other)).transpose()?;
            if answered != Some(true) {
                open.push(doubt);
            }
        }
        Ok(open)
    }

    /// What was asked of a patient, or of those whose person it has come to be, may have been answered by its coming.
    fn withdraw_told_apart(
        &mut self,
        patient: PatientKey,
        (before, person): (Option<PersonKey>, PersonKey),
    ) -> Result<(), StoreError> {
        let patients = match before {
            // Somebody new, of whom nothing was asked.
            None if person == self.region.person(patient) => return Ok(()),
            Some(before) if before == person => vec![patient],
            _ => self.writer.patients_of(person)?,
        };
        for patient in patients {
            withdraw_told_apart(self.writer, self.people, patient, person)?;
        }
        Ok(())
    }

    /// A source takes back that a patient is another: it is who it was before that was said, and then what the evidence
    /// says. Call it once the merge is no longer in force.
    ///
    /// # Errors
    /// The store's.
    pub fn part_again(&mut self, patient: PatientKey, seq: u64) -> Result<Vec<PatientKey>, StoreError> {
        let mut moved = Vec::new();
        if let Some((reason, since)) = self.writer.link_reason(patient)?
            && reason.contains(MERGED_AT_SOURCE)
        {
            let (person, reason) = match self.writer.link_until(patient, since)? {
                Some(former) => former,
                None => {
                    (own_person(self.writer, self.region, patient, &[patient])?, json!({"rule": "own"}).to_string())
                }
            };
            self.put(patient, person, &reason, seq, &mut moved)?;
        }
        self.settle_again(patient, seq, &mut moved)?;
        Ok(moved)
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
        self.point(patient, person, reason, seq)?;
        push_new(moved, patient);
        for loser in self.writer.losers(patient)? {
            self.settle_again(loser, seq, moved)?;
        }
        Ok(())
    }

    /// Point one patient to a person, in the store and in the index.
    fn point(&mut self, patient: PatientKey, person: PersonKey, reason: &str, seq: u64) -> Result<(), StoreError> {
        self.writer.put_link(&NewLink { patient, person, reason }, seq)?;
        self.people.link(patient, person);
        Ok(())
    }

    fn answer(&mut self, patient: PatientKey, before: Option<PersonKey>) -> Result<Answer, StoreError> {
        if let Some(survivor) = last_survivor(self.writer, patient)? {
            let person = self.writer.link(survivor)?.map_or_else(|| self.region.person(survivor), |(person, _)| person);
            let reason = json!({"rule": MERGED_AT_SOURCE, "with": survivor.to_string()}).to_string();
            return Ok(Answer { person, reason, doubts: Vec::new(), weighed: None });
        }
        let barred = self.barred(patient)?;
        let mut weighing = self.weigh(patient, &barred)?;
        let weighed = weighing.as_mut().and_then(|weighing| weighing.explanation.take());
        if let Some((person, with)) = self.said_same(patient, before)? {
            let reason = json!({"rule": "decided", "with": with.to_string()}).to_string();
            return Ok(Answer { person, reason, doubts: said_otherwise(weighing.as_ref(), person), weighed });
        }
        if let Some((person, _, reason)) = weighing.as_ref().and_then(Weighing::link) {
            let doubts = weighing.map(|weighing| weighing.doubts(Some(person))).unwrap_or_default();
            return Ok(Answer { person, reason, doubts, weighed });
        }
        let reason = json!({"rule": "own"}).to_string();
        let mut doubts = weighing.as_ref().map(|weighing| weighing.doubts(None)).unwrap_or_default();
        let Some(before) = before else {
            return Ok(Answer { person: self.region.person(patient), reason, doubts, weighed });
        };
        if !self.has_company(patient, before)? {
            return Ok(Answer { person: before, reason, doubts, weighed });
        }
        // Linked before: evidence that is weaker but not against it leaves the link alone, and somebody looks at it. What
        // speaks against it parts them, and somebody looks at that.
        let stays = weighing.as_ref().is_some_and(|weighing| weighing.leaves(before));
        let mate = weighing.as_ref().and_then(|weighing| weighing.strongest(before));
        let mate = match mate {
            Some(mate) => Some(mate),
            None => self.writer.patients_of(before)?.into_iter().find(|other| *other != patient),
        };
        if let Some(mate) = mate.filter(|mate| doubts.iter().all(|doubt| doubt.other != *mate)) {
            let score = weighing.as_ref().and_then(|weighing| weighing.score(mate)).unwrap_or(0);
            doubts.push(Doubt { other: mate, kind: ReviewKind::Suspect, score, of_a_family: false });
        }
        for doubt in doubts.iter_mut().filter(|doubt| stays && Some(doubt.other) == mate) {
            doubt.kind = ReviewKind::Suspect;
        }
        let person = if stays { before } else { own_person(self.writer, self.region, patient, &[patient])? };
        Ok(Answer { person, reason, doubts, weighed })
    }

    /// Whether others are this person for reasons of their own.
    fn has_company(&self, patient: PatientKey, person: PersonKey) -> Result<bool, StoreError> {
        for other in self.writer.patients_of(person)? {
            if other != patient
                && last_survivor(self.writer, other)? != Some(patient)
                && !same_as(self.writer, other)?.contains(&patient)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn weigh(&mut self, patient: PatientKey, barred: &[PersonKey]) -> Result<Option<Weighing>, StoreError> {
        let Some(row) = self.writer.patient(patient)? else { return Ok(None) };
        let Some(facts) = row.facts else { return Ok(None) };
        let writer = &*self.writer;
        let source_of = |other| -> Result<_, StoreError> { Ok(writer.patient(other)?.map(|row| row.source)) };
        weigh(self.people, (patient, &row.source, &facts), barred, self.scratch, source_of).map(Some)
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
        &mut self,
        patient: PatientKey,
        one: PatientKey,
        other: PatientKey,
    ) -> Result<bool, StoreError> {
        let facts = |of: PatientKey| -> Result<_, StoreError> {
            Ok(self.writer.patient(of)?.and_then(|row| row.facts).unwrap_or_default())
        };
        let (own, one, other) = (facts(patient)?, facts(one)?, facts(other)?);
        Ok(self.people.ask(|matcher| {
            let weight = |with| matcher.compare_facts(&own, with).0.probability;
            weight(&one) > weight(&other)
        }))
    }
}

/// What speaks against a person that a steward said, or for another one as well.
fn said_otherwise(weighing: Option<&Weighing>, person: PersonKey) -> Vec<Doubt> {
    let Some(weighing) = weighing else { return Vec::new() };
    let mut doubts: Vec<Doubt> = weighing.against(person).into_iter().collect();
    if let Some((other, patient, _)) = weighing.link().filter(|(other, _, _)| *other != person) {
        debug_assert!(other != person);
        let score = weighing.score(patient).unwrap_or(0);
        doubts.push(Doubt { other: patient, kind: ReviewKind::Ambiguous, score, of_a_family: false });
    }
    doubts
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
