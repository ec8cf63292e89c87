//! What every part of a mapping needs at hand: the message, the source's profile, and somewhere to note findings.

use crate::{
    change::{EventTime, Finding, Severity},
    json::{Json, object},
    profile::Profile,
    time::{self, TimeNote, When},
};
use fhir::{PatientKey, Region, ResourceId, ResourceType};
use hl7v2::{Field, Location, Message, Rep, Segment};
use jiff::Timestamp;
use std::cell::{Cell, RefCell};

pub(crate) struct Context<'m> {
    pub region: &'m Region,
    pub profile: &'m Profile,
    pub message: &'m Message,
    /// When we received it: the last resort for a time.
    pub received: Timestamp,
    /// Is it an ADT message, whose demographics come first hand?
    pub is_adt: bool,
    /// EVN and MSH times.
    pub time: Cell<EventTime>,
    pub findings: RefCell<Vec<Finding>>,
    /// The last time read: the lines of a result mostly share theirs.
    pub last_time: RefCell<Option<(String, When)>>,
    /// Code systems by the name sent, the field, and whether the code was a number.
    pub systems: RefCell<Vec<(String, &'static str, bool, String)>>,
}

/// A message whose every line is wrong still gives a short list.
const FINDINGS_MAX: usize = 50;

impl<'m> Context<'m> {
    pub fn find(&self, severity: Severity, code: &str, place: &Location, text: &str) {
        let mut findings = self.findings.borrow_mut();
        if findings.len() < FINDINGS_MAX || severity == Severity::Error {
            findings.push(Finding { severity, code: code.to_owned(), place: place.to_string(), text: text.to_owned() });
        }
    }

    pub fn segments<'n: 'm>(&self, name: &'n str) -> impl Iterator<Item = Segment<'m>> + use<'m, 'n> {
        let ignored = self.is_ignored(name);
        self.message.all(name).filter(move |_| !ignored)
    }

    pub fn segment(&self, name: &str) -> Option<Segment<'m>> {
        if self.is_ignored(name) { None } else { self.message.segment(name) }
    }

    /// The segment of that name that belongs to this PID: before the next one.
    pub fn after(&self, pid: Segment<'m>, name: &str) -> Option<Segment<'m>> {
        if self.is_ignored(name) {
            return None;
        }
        let rest = (pid.index() + 1..).map_while(|at| self.message.segment_at(at));
        rest.take_while(|s| s.name() != "PID").find(|s| s.name() == name)
    }

    pub fn is_ignored(&self, name: &str) -> bool {
        self.profile.quirks.ignore_segments.iter().any(|s| s == name)
    }

    /// A time; nothing when absent, and a finding when it is none.
    pub fn time(&self, field: Field<'m>) -> Option<When> {
        self.time_of(field.first())
    }

    pub fn time_of(&self, rep: Rep<'m>) -> Option<When> {
        self.read_time(&rep.comp(1).text(), || rep.location())
    }

    pub fn read_time(&self, text: &str, place: impl Fn() -> Location) -> Option<When> {
        if text.trim().is_empty() {
            return None;
        }
        if let Some((_, when)) = self.last_time.borrow().as_ref().filter(|(known, _)| known == text) {
            return Some(*when);
        }
        match time::parse(text, &self.profile.time_zone.0) {
            Ok((when, None)) => {
                *self.last_time.borrow_mut() = Some((text.to_owned(), when));
                Some(when)
            }
            Ok((when, Some(note))) => {
                let text = match note {
                    TimeNote::HappenedTwice => {
                        "the clocks went back in this hour, so it happened twice: the earlier was taken"
                    }
                    TimeNote::NeverHappened => {
                        "the clocks went forward over this time: the time an hour later was taken"
                    }
                };
                self.find(Severity::Note, "clock-change", &place(), text);
                Some(when)
            }
            Err(_) => {
                self.find(
                    Severity::Warning,
                    "invalid-date",
                    &place(),
                    "not a date or time that exists; left out, as if it had not been sent",
                );
                None
            }
        }
    }

    pub fn reference(id: &ResourceId, kind: ResourceType) -> Json {
        object! { "reference": format!("{kind}/{id}") }
    }

    pub fn id(&self, patient: PatientKey, kind: ResourceType, local: &str) -> ResourceId {
        self.region.resource(patient, kind, local)
    }
}
