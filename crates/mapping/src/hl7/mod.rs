//! HL7 v2 messages to changes.

mod adt;
mod appointments;
mod attachment;
mod clinical;
mod context;
mod documents;
mod draft;
mod identity;
mod medicines;
mod observation;
mod orders;
mod patient;
mod results;
mod values;
mod visit;

use crate::{
    change::{ChangeSet, EventTime, Severity},
    profile::Profile,
};
use adt::Outcome;
use context::Context;
use fhir::Region;
use hl7v2::{Location, Message};
use jiff::Timestamp;
use std::cell::{Cell, RefCell};

/// What `message` asks of the store. Never fails: what cannot be used becomes a finding, and a message that cannot be
/// processed at all has one of [`Severity::Error`]. `received` stands in for times the message does not state.
pub fn map_hl7v2(region: &Region, profile: &Profile, message: &Message, received: Timestamp) -> ChangeSet {
    let unknown = EventTime { recorded: received, occurred: received, sent: received };
    let header = message.header();
    let (code, trigger) = (header.message_code.to_ascii_uppercase(), header.trigger.to_ascii_uppercase());
    let context = Context {
        region,
        profile,
        message,
        received,
        is_adt: code == "ADT",
        time: Cell::new(unknown),
        findings: RefCell::new(Vec::new()),
        last_time: RefCell::new(None),
        systems: RefCell::new(Vec::new()),
    };
    context.read_event_time();
    let outcome = match code.as_str() {
        "ADT" if adt::is_known(&trigger) => context.adt(&trigger),
        "ORU" | "OUL" => context.results(),
        "MDM" if documents::is_known(&trigger) => context.document_message(&trigger),
        "SIU" if appointments::is_known(&trigger) => context.appointment(&trigger),
        "ORM" | "OML" | "OMG" => context.orders(),
        "REF" => context.referral(&trigger),
        "RDE" | "RDS" => context.pharmacy(),
        "VXU" => context.vaccinations(),
        _ => {
            let text = "no mapping for this type of message: it was stored and answered; nothing else was done with it";
            context.find(Severity::Error, "unknown-message-type", &Location::field("MSH", 9), text);
            Outcome::default()
        }
    };
    context.note_unmapped();
    let findings = context.findings.into_inner();
    let Outcome { lanes, mut changes } = outcome;
    if findings.iter().any(|f| f.severity == Severity::Error) {
        changes.clear();
    }
    ChangeSet { lanes, changes, findings }
}

/// Segments that may matter to a clinician and that no mapping reads yet: worth a note. They are kept in the message, which
/// every item of it leads to.
const UNMAPPED: &[&str] = &["CON", "GOL", "PDA", "PRB", "PTH"];

impl Context<'_> {
    fn note_unmapped(&self) {
        for name in UNMAPPED {
            if self.message.segment(name).is_some() {
                let text = "this segment is not mapped: it can be read in the source message";
                self.find(Severity::Note, "not-mapped", &Location::segment(name), text);
            }
        }
    }

    /// EVN-6 (occurred), EVN-2 (recorded) and MSH-7 (sent) give the order (design.md §6).
    fn read_event_time(&self) {
        let sent = self.message.segment("MSH").and_then(|msh| self.time(msh.field(7)));
        let evn = self.message.segment("EVN");
        let recorded = evn.and_then(|evn| self.time(evn.field(2))).or(sent).map_or(self.received, |w| w.at);
        let occurred = evn.and_then(|evn| self.time(evn.field(6))).map_or(recorded, |w| w.at);
        let sent = sent.map_or(recorded, |w| w.at);
        self.time.set(EventTime { recorded, occurred, sent });
    }
}
