//! Carrying out the journal's decisions, and processing again what waited for them.

use super::{
    Applier,
    fold::{fold_patient, group},
    not_folded,
};
use crate::{
    mapped::{self, Mapped},
    person,
};
use fhir::PatientKey;
use serde_json::Value;
use store::{
    ProblemStatus, StoreError,
    journal::{Entry, EntryKind},
};

impl Applier {
    /// Carry out a decision of the journal.
    pub(super) fn decide(&mut self, mapped: Mapped) -> Result<(), StoreError> {
        let Some(entry) = &mapped.entry else { return self.note(&mapped, mapped.pos, &[]) };
        let about: Value =
            entry.about.as_deref().and_then(|about| serde_json::from_str(about).ok()).unwrap_or(Value::Null);
        let of = about.get("of").and_then(Value::as_u64);
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
                let touched = self.link(&about, mapped.pos)?;
                self.writer.note_decision(mapped.pos, &mapped.source, mapped.received, &touched)
            }
            EntryKind::Hl7v2 | EntryKind::Fhir => Ok(()),
        }
    }

    /// Somebody decided which person a patient is: `{"patient": key, "person": key | "own" | null}`, `null` taking an
    /// earlier decision back.
    pub(super) fn link(&mut self, about: &Value, seq: u64) -> Result<Vec<PatientKey>, StoreError> {
        let Some(patient) =
            about.get("patient").and_then(Value::as_str).and_then(|text| text.parse::<PatientKey>().ok())
        else {
            return Ok(Vec::new());
        };
        if self.writer.link(patient)?.is_none() {
            return Ok(Vec::new());
        }
        let why = about.to_string();
        match about.get("person") {
            Some(Value::String(text)) if text == "own" => {
                let person = person::own_person(&self.writer, &self.region, patient)?;
                self.writer.put_decided(patient, Some((person, &why)), seq)?;
            }
            Some(Value::String(text)) => {
                let Ok(person) = text.parse() else { return Ok(Vec::new()) };
                self.writer.put_decided(patient, Some((person, &why)), seq)?;
            }
            _ => self.writer.put_decided(patient, None, seq)?,
        }
        Ok(person::settle(&mut self.writer, &self.region, patient, seq)?.0)
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
