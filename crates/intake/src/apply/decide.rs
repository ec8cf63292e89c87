//! Carrying out the journal's decisions, and processing again what waited for them.

use super::{
    Applier,
    fold::{fold_patient, group},
    not_folded,
};
use crate::{
    caseload, consent,
    mapped::{self, Mapped},
    person::{self, LinkDecision},
    writing,
};
use fhir::PatientKey;
use serde_json::Value;
use store::{
    ProblemStatus, StoreError,
    journal::{Entry, EntryKind},
};

impl Applier {
    /// Carry out a decision of the journal.
    pub(super) fn decide(&mut self, mut mapped: Mapped) -> Result<(), StoreError> {
        let Some(entry) = mapped.entry.take() else { return self.note(&mapped, mapped.pos, &[]) };
        let about: Value =
            entry.about.as_deref().and_then(|about| serde_json::from_str(about).ok()).unwrap_or(Value::Null);
        let of = about.get("of").and_then(Value::as_u64);
        let entry = &entry;
        match entry.kind {
            EntryKind::Profile => {
                let toml = String::from_utf8_lossy(&entry.body).into_owned();
                self.profiles.set(&mapped.source, &toml);
                self.writer.put_profile(&mapped.source, &toml, mapped.pos)?;
                // The source has not spoken: no sign of life for the freshness of its news.
                self.writer.note_decision(mapped.pos, &mapped.source, mapped.received, &[])
            }
            EntryKind::Resubmit => {
                let touched = match of {
                    Some(of) => self.resubmit(entry, of)?,
                    None => Vec::new(),
                };
                self.writer.note_decision(mapped.pos, &mapped.source, mapped.received, &touched)
            }
            EntryKind::Discard => {
                if let Some(of) = of {
                    self.resolve(of, mapped.pos)?;
                }
                self.writer.note_decision(mapped.pos, &mapped.source, mapped.received, &[])
            }
            EntryKind::Link => {
                let touched = self.link(entry, mapped.pos)?;
                self.writer.note_decision(mapped.pos, &mapped.source, mapped.received, &touched)
            }
            EntryKind::Model => {
                let json = String::from_utf8_lossy(&entry.body);
                // Checked before it was journalled; one that another version wrote is passed over, and the former stays.
                match identity::Model::from_json(&json) {
                    Ok(model) => {
                        self.writer.put_model(&json)?;
                        self.people.use_model(model);
                    }
                    Err(error) => {
                        tracing::error!(%error, pos = mapped.pos, "an identity model of the journal cannot be used")
                    }
                }
                self.writer.note_decision(mapped.pos, &mapped.source, mapped.received, &[])
            }
            EntryKind::Consent => {
                let touched = consent::carry_out(&mut self.writer, entry)?;
                self.writer.note_decision(mapped.pos, &mapped.source, mapped.received, &touched)
            }
            EntryKind::Caseload => {
                let touched = caseload::carry_out(&mut self.writer, entry)?;
                self.writer.note_decision(mapped.pos, &mapped.source, mapped.received, &touched)
            }
            EntryKind::Written => {
                let touched = self.written(entry, &mut mapped)?;
                self.writer.note_decision(mapped.pos, &mapped.source, mapped.received, &touched)
            }
            // Carried out by whoever follows the change feed: the record is the same without it.
            EntryKind::Telling => self.writer.note_decision(mapped.pos, &mapped.source, mapped.received, &[]),
            EntryKind::Hl7v2 | EntryKind::Fhir => Ok(()),
        }
    }

    /// Somebody wrote something here. It waits behind no message of a source, for it rests on none; but what it was written
    /// over must still be what its author saw.
    fn written(&mut self, entry: &Entry, mapped: &mut Mapped) -> Result<Vec<PatientKey>, StoreError> {
        let mut findings = std::mem::take(&mut mapped.findings);
        if findings.is_empty() {
            findings = writing::obstacles(&self.writer, entry, &mapped.steps)?;
        }
        if !findings.is_empty() {
            self.fail(mapped, &findings)?;
            return Ok(Vec::new());
        }
        let mut rows = Vec::new();
        for group in group(std::slice::from_mut(mapped), &[true]) {
            match fold_patient(&self.writer, &self.derived, self.fold, group)? {
                Ok(outcomes) => rows.extend(outcomes),
                Err(_) => {
                    self.fail(mapped, &[not_folded()])?;
                    return Ok(Vec::new());
                }
            }
        }
        self.write_message(mapped, rows, mapped.pos)
    }

    /// A steward decided who is who.
    fn link(&mut self, entry: &Entry, seq: u64) -> Result<Vec<PatientKey>, StoreError> {
        let Some(decision) = link_decision(entry) else { return Ok(Vec::new()) };
        let former = match decision.act {
            person::Act::Withdraw { of } => self.journal.entry(of)?.as_ref().and_then(link_decision),
            _ => None,
        };
        person::carry_out(&mut self.mover(), &decision, former.as_ref(), seq, entry.received)
    }

    /// Process a message again, with the bytes of the decision.
    pub(super) fn resubmit(&mut self, decision: &Entry, of: u64) -> Result<Vec<PatientKey>, StoreError> {
        let Some(mut problem) = self.writer.problem(of)? else { return Ok(Vec::new()) };
        if problem.status == ProblemStatus::Resolved {
            return Ok(Vec::new());
        }
        let Some(original) = self.journal.entry(of)? else { return Ok(Vec::new()) };
        let entry = Entry { pos: decision.pos, body: decision.body.clone(), about: None, ..original };
        let mut mapped = mapped::map(&self.region, &self.profiles, self.derived.codec(), &entry, &self.writer)?;
        let touched = mapped.lanes.clone();
        if !self.admit(&mut mapped, Some(of))? {
            if mapped.failed() {
                problem.findings = serde_json::to_string(&mapped.findings).unwrap_or_default();
                self.writer.put_problem(&problem)?;
            } else {
                // It now belongs to another lane, which is parked: it waits there, the original is settled.
                self.resolve(of, decision.pos)?;
            }
            return Ok(touched);
        }
        if self.apply_alone(&mut mapped, decision.pos)? {
            self.resolve(of, decision.pos)?;
        } else {
            problem.findings = serde_json::to_string(&[not_folded()]).unwrap_or_default();
            self.writer.put_problem(&problem)?;
        }
        Ok(touched)
    }

    /// A message is settled: free its lanes and process what waited behind it, in journal order.
    pub(super) fn resolve(&mut self, of: u64, by: u64) -> Result<(), StoreError> {
        let Some(mut problem) = self.writer.problem(of)? else { return Ok(()) };
        problem.status = ProblemStatus::Resolved;
        problem.resolved_by = Some(by);
        self.writer.put_problem(&problem)?;
        let freed: Vec<PatientKey> = self.lanes.iter().filter(|(_, pos)| **pos == of).map(|(lane, _)| *lane).collect();
        for lane in &freed {
            self.writer.put_lane(*lane, None)?;
            self.lanes.remove(lane);
        }
        let mut waiting: Vec<u64> = Vec::new();
        for lane in &freed {
            waiting.extend(self.writer.held(*lane)?);
        }
        waiting.sort_unstable();
        waiting.dedup();
        for pos in waiting {
            self.apply_held(pos, by)?;
        }
        Ok(())
    }

    pub(super) fn apply_held(&mut self, pos: u64, seq: u64) -> Result<(), StoreError> {
        let Some(mut problem) = self.writer.problem(pos)? else { return Ok(()) };
        let Some(entry) = self.journal.entry(pos)? else { return Ok(()) };
        let mut mapped = mapped::map(&self.region, &self.profiles, self.derived.codec(), &entry, &self.writer)?;
        if !self.admit(&mut mapped, None)? {
            return Ok(());
        }
        if !self.apply_alone(&mut mapped, seq)? {
            return self.fail(&mapped, &[not_folded()]);
        }
        problem.status = ProblemStatus::Resolved;
        problem.resolved_by = Some(seq);
        self.writer.put_problem(&problem)
    }

    /// Process one message inside the running batch. False, with nothing written, if it broke.
    pub(super) fn apply_alone(&mut self, mapped: &mut Mapped, seq: u64) -> Result<bool, StoreError> {
        let mut rows = Vec::new();
        for group in group(std::slice::from_mut(mapped), &[true]) {
            match fold_patient(&self.writer, &self.derived, self.fold, group)? {
                Ok(outcomes) => rows.extend(outcomes),
                Err(_) => return Ok(false),
            }
        }
        // Its row of the change feed is the decision's: `seq` is when it became visible.
        self.write_message(mapped, rows, seq)?;
        Ok(true)
    }
}

fn link_decision(entry: &Entry) -> Option<LinkDecision> {
    let about = entry.about.as_deref().filter(|_| entry.kind == EntryKind::Link)?;
    serde_json::from_str(about).ok()
}
