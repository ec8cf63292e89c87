//! Writing what a batch came to, in journal order: rows, what finds and links them, merges and moves, the change feed.

use super::{Applier, fold::Outcome, warning};
use crate::{
    mapped::{Mapped, Step},
    person::{self, Doubt},
};
use fhir::{PatientKey, ResourceType};
use identity::PatientFacts;
use mapping::{Change, Finding, Severity, bearing::Bearing};
use std::collections::HashMap;
use store::{BearingRow, Pair, PatientRow, ProblemStatus, ReviewKind, StoreError, journal::EntryKind};

impl Applier {
    /// Write what the messages of a batch came to, in order.
    pub(super) fn write_outcomes(
        &mut self,
        batch: &[Mapped],
        live: &[bool],
        outcomes: Vec<Outcome>,
    ) -> Result<(), StoreError> {
        let mut rows: Vec<Vec<Outcome>> = Vec::new();
        rows.resize_with(batch.len(), Vec::new);
        for outcome in outcomes {
            if let Some(slot) = rows.get_mut(outcome.message) {
                slot.push(outcome);
            }
        }
        for ((mapped, rows), is_live) in batch.iter().zip(rows).zip(live) {
            let touched = if *is_live { self.write_message(mapped, rows, mapped.pos)? } else { Vec::new() };
            self.note(mapped, mapped.pos, &touched)?;
        }
        Ok(())
    }

    /// The change feed's row of a message.
    pub(super) fn note(&mut self, mapped: &Mapped, seq: u64, patients: &[PatientKey]) -> Result<(), StoreError> {
        let source = self.writer.source(&mapped.source)?;
        let feed = self.writer.feed(source, &mapped.feed)?;
        self.writer.note_applied(seq, (source, feed), mapped.received, mapped.happened, patients)
    }

    /// Write what a message came to, as of `seq`. Gives the patients it touched.
    pub(super) fn write_message(
        &mut self,
        mapped: &Mapped,
        mut rows: Vec<Outcome>,
        seq: u64,
    ) -> Result<Vec<PatientKey>, StoreError> {
        // In the order they lie in, so that neighbours are written one after the other; versions of one stay in order.
        rows.sort_by_key(|outcome| (outcome.row.id.patient, outcome.row.kind.code(), outcome.row.id.local));
        let source = self.writer.source(&mapped.source)?;
        let directory = self.region.directory(&mapped.source);
        let mut remarks: Vec<Finding> =
            mapped.findings.iter().filter(|finding| finding.severity >= Severity::Warning).cloned().collect();
        let mut touched: Vec<PatientKey> = Vec::new();
        let mut newest_facts: HashMap<PatientKey, PatientFacts> = HashMap::new();
        for outcome in rows.iter().filter(|outcome| !outcome.is_confirmation()) {
            if !touched.contains(&outcome.row.id.patient) {
                touched.push(outcome.row.id.patient);
            }
            if let Some(facts) = &outcome.facts {
                newest_facts.insert(outcome.row.id.patient, facts.clone());
            }
        }
        let mut to_settle: Vec<PatientKey> = Vec::new();
        for patient in &touched {
            let known = self.writer.patient(*patient)?;
            let facts = newest_facts.remove(patient).or_else(|| known.as_ref().and_then(|row| row.facts.clone()));
            if known.as_ref().is_some_and(|known| known.facts == facts) {
                continue;
            }
            let is_directory = *patient == directory;
            let row = PatientRow { patient: *patient, source: mapped.source.clone(), directory: is_directory, facts };
            self.writer.put_patient(&row, source)?;
            if !is_directory {
                if let Some(facts) = &row.facts {
                    let person =
                        self.writer.link(*patient)?.map_or_else(|| self.region.person(*patient), |(now, _)| now);
                    self.people.put(*patient, person, facts);
                }
                to_settle.push(*patient);
            }
        }
        for outcome in rows {
            if outcome.is_confirmation() {
                self.writer.put_state(outcome.row.id, outcome.row.kind, &outcome.row.state)?;
                continue;
            }
            let Outcome { mut row, identifiers, bearings, sample, .. } = outcome;
            row.message = mapped.pos;
            row.written = mapped.kind == EntryKind::Written;
            if row.id.patient == directory || row.deleted {
                self.directory_changes += 1;
            }
            if let Some((old, new)) = identifiers {
                self.writer.put_identifiers(row.id, row.kind, &old, &new)?;
            }
            if let Some(text) = sample {
                self.sample(row.kind, text);
            }
            if mapping::bearing::can_bear(row.kind) {
                let bearings: Vec<BearingRow> = bearings.into_iter().map(bearing_row).collect();
                self.writer.put_bearings(row.id, row.kind, row.version > 1, &bearings)?;
            }
            self.writer.put(&row, seq)?;
        }
        for step in &mapped.steps {
            if let Step::Other(change) = step {
                self.write_pointer(mapped, change, seq, source, &mut to_settle, &mut remarks)?;
            }
        }
        for patient in to_settle {
            // Who was parted again has moved already.
            if self.writer.link(patient)?.is_some_and(|(_, since)| since == seq) && !touched.contains(&patient) {
                touched.push(patient);
            }
            self.settle(patient, seq, &mut touched, &mut remarks)?;
        }
        if !remarks.is_empty() && self.writer.problem(mapped.pos)?.is_none() {
            self.put_problem(mapped, ProblemStatus::Remark, None, &remarks, None)?;
        }
        Ok(touched)
    }

    pub(super) fn settle(
        &mut self,
        patient: PatientKey,
        seq: u64,
        touched: &mut Vec<PatientKey>,
        remarks: &mut Vec<Finding>,
    ) -> Result<(), StoreError> {
        for patient in self.mover().settle(patient, seq)? {
            if !touched.contains(&patient) {
                touched.push(patient);
            }
        }
        for review in self.writer.reviews_of(patient)? {
            if review.seq == seq && review.subject == patient && review.kind == ReviewKind::NhsNumber {
                remarks.push(warning(
                    "nhs-number-shared",
                    format!(
                        "the verified NHS number is also patient {}'s, whose name and date of birth both differ: not \
                         linked. It waits for a data steward (page Who is who)",
                        review.pair.other(patient)
                    ),
                ));
            }
        }
        Ok(())
    }

    /// Changes that move pointers: merges and moved visits.
    pub(super) fn write_pointer(
        &mut self,
        mapped: &Mapped,
        change: &Change,
        seq: u64,
        source: i64,
        to_settle: &mut Vec<PatientKey>,
        remarks: &mut Vec<Finding>,
    ) -> Result<(), StoreError> {
        match change {
            Change::Merge { survivor, loser, time } if survivor != loser => {
                for patient in [survivor, loser] {
                    self.stub(mapped, *patient, source, seq)?;
                }
                if let Some(finding) = self.merge_in_doubt(*survivor, *loser, seq)? {
                    remarks.push(finding);
                    return Ok(());
                }
                // Merged the other way round before: the newer merge stands.
                if person::last_survivor(&self.writer, *survivor)? == Some(*loser)
                    && !self.writer.put_merge(*survivor, None, time.recorded, seq)?
                {
                    return Ok(());
                }
                if self.writer.put_merge(*loser, Some(*survivor), time.recorded, seq)? {
                    to_settle.push(*survivor);
                    to_settle.push(*loser);
                }
            }
            Change::Merge { .. } => {}
            Change::SamePerson { patient, with, time } => {
                for patient in [patient, with] {
                    self.stub(mapped, *patient, source, seq)?;
                }
                if let Some(finding) = self.merge_in_doubt(*with, *patient, seq)? {
                    remarks.push(finding);
                } else if self.writer.put_linked(*patient, *with, time.recorded, seq)? {
                    to_settle.push(*with);
                    to_settle.push(*patient);
                }
            }
            Change::Unmerge { survivor, loser, time } => {
                for patient in [survivor, loser] {
                    self.stub(mapped, *patient, source, seq)?;
                }
                // The two may be named in the other order than when they were said to be one.
                let (survivor, loser) = match self.writer.survivor(*survivor)? {
                    Some(other) if other == *loser => (loser, survivor),
                    _ => (survivor, loser),
                };
                if self.writer.put_merge(*loser, None, time.recorded, seq)? {
                    for patient in self.mover().part_again(*loser, seq)? {
                        to_settle.push(patient);
                    }
                    to_settle.push(*survivor);
                }
            }
            Change::MoveVisit { encounter, to, time } => {
                self.stub(mapped, encounter.patient, source, seq)?;
                self.stub(mapped, *to, source, seq)?;
                self.writer.put_move(*encounter, *to, time.recorded, seq)?;
            }
            Change::Put { .. } | Change::Fold { .. } | Change::Delete { .. } => {}
        }
        Ok(())
    }

    /// A merge may name a patient we have not heard of: it exists from now on.
    pub(super) fn stub(
        &mut self,
        mapped: &Mapped,
        patient: PatientKey,
        source: i64,
        seq: u64,
    ) -> Result<(), StoreError> {
        if !self.writer.knows(patient)? {
            let row = PatientRow { patient, source: mapped.source.clone(), directory: false, facts: None };
            self.writer.put_patient(&row, source)?;
        }
        if self.writer.link(patient)?.is_none() {
            self.mover().settle(patient, seq)?;
        }
        Ok(())
    }

    /// A merge of two with different verified NHS numbers goes to a steward.
    fn merge_in_doubt(
        &mut self,
        survivor: PatientKey,
        loser: PatientKey,
        seq: u64,
    ) -> Result<Option<Finding>, StoreError> {
        let Some(pair) = Pair::new(survivor, loser) else { return Ok(None) };
        if !person::numbers_differ(&self.writer, pair)? {
            return Ok(None);
        }
        let doubt = Doubt { other: survivor, kind: ReviewKind::Merge, score: 0, of_a_family: false };
        person::raise(&mut self.writer, pair, loser, doubt, seq)?;
        Ok(Some(warning(
            "merge-needs-decision",
            format!(
                "the source merges patients {loser} and {survivor}, which have two different verified NHS numbers: not \
                 merged here until two data stewards agree (page Who is who)"
            ),
        )))
    }

    pub(super) fn sample(&self, kind: ResourceType, text: Vec<u8>) {
        if let Some(sample) = self.derived.sample(kind.code(), text) {
            // A trainer that is gone costs dictionaries: rows are larger then, not wrong.
            let _ = self.samples.send(sample);
        }
    }
}

/// As it is stored.
fn bearing_row(said: Bearing) -> BearingRow {
    let Bearing { bears, organisation, category, since, until } = said;
    BearingRow { bears: bears as u8, organisation, category, since, until }
}
