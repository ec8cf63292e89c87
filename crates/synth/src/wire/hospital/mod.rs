//! The two hospitals' administration systems. Aldermere runs vendor one's: HL7 v2.4, Latin-1, original acknowledgement,
//! national codes. Thornhaven runs vendor two's: v2.5.1 with older habits, UTF-8, enhanced acknowledgement, its own
//! codes, an A08 after every A01 and A02, minutes without seconds, `""` for what it knows to be empty.

mod document;
mod order;
mod person;
mod schedule;
mod visit;

use super::{
    Format, Outgoing,
    belief::Belief,
    hl7::{Charset, Writer},
};
use crate::{
    clinical::Term,
    dice::Dice,
    life::{
        Life, World,
        timeline::{Happening, What},
    },
    people::Person,
    sources::{self, Staff, id},
    when::{hl7_minute, hl7_second, plus_minutes, plus_seconds},
};
use jiff::Timestamp;
use visit::Visit;

/// Everything a desk has in front of it when it writes about a person.
pub(crate) struct Desk<'a> {
    pub world: &'a World,
    pub person: &'a Person,
    pub life: &'a Life,
    pub belief: &'a Belief,
    /// The careless second registration, where there is one.
    pub second: Option<&'a Belief>,
    /// When the desk heard of the new address.
    pub amended: Option<Timestamp>,
    pub source: u8,
    /// Makes message ids unique: letters that tell streams apart, and a count.
    pub stream: &'a str,
    pub count: u64,
}

/// An ADT message about a visit: its trigger, its structure, when it happened and how long the desk took to type it.
struct Event {
    trigger: &'static str,
    structure: &'static str,
    when: Timestamp,
    recorded: Timestamp,
    second: bool,
    reason: Option<Term>,
}

impl Desk<'_> {
    /// Vendor one's?
    pub(super) fn one(&self) -> bool {
        self.source == id::ALDERMERE
    }

    /// The messages one happening is told by.
    pub(crate) fn tell(&mut self, happening: &Happening, out: &mut Vec<Outgoing>) {
        let when = happening.at;
        match &happening.what {
            What::Registered { second } => self.about_person("A28", when, *second, out),
            What::Amended => self.about_person("A31", when, false, out),
            What::Merged => self.merge(when, out),
            What::Arrived(attendance, second) => {
                let visit = self.attendance(attendance, false);
                self.about_visit(&self.event("A04", when, *second, None), &visit, out);
            }
            What::Left(attendance, second) => {
                let visit = self.attendance(attendance, true);
                self.about_visit(&self.event("A03", when, *second, Some(attendance.reason.term)), &visit, out);
            }
            What::Admitted(stay) => {
                let visit = self.stay(stay, 0, false);
                let event = self.event("A01", when, false, Some(stay.reason.term()));
                self.about_visit(&event, &visit, out);
                self.echo(event, &visit, out);
            }
            What::Moved(stay, index) => {
                let visit = self.stay(stay, *index, false);
                let event = Event { recorded: self.typed_late(when), ..self.event("A02", when, false, None) };
                self.about_visit(&event, &visit, out);
                self.echo(event, &visit, out);
            }
            What::Discharged(stay) => {
                let mut visit = self.stay(stay, stay.places.len().saturating_sub(1), true);
                visit.to = Some(when);
                let recorded = if stay.hesitates { plus_seconds(when, 30) } else { self.typed_late(when) };
                let event = Event { recorded, ..self.event("A03", when, false, Some(stay.reason.term())) };
                self.about_visit(&event, &visit, out);
            }
            What::DischargeUndone(stay) => {
                let visit = self.stay(stay, stay.places.len().saturating_sub(1), false);
                self.about_visit(&self.event("A13", when, false, None), &visit, out);
            }
            What::AdmittedByMistake(attendance) => {
                let visit = self.mistake(attendance);
                self.about_visit(&self.event("A01", when, false, None), &visit, out);
            }
            What::AdmissionCancelled(attendance) => {
                let visit = self.mistake(attendance);
                self.about_visit(&self.event("A11", when, false, None), &visit, out);
            }
            What::Seen(clinic) => {
                let visit = self.clinic_visit(clinic);
                self.about_visit(&self.event("A04", when, false, None), &visit, out);
                if !self.one() {
                    let left = plus_minutes(when, 25);
                    let visit = Visit { to: Some(left), ..visit };
                    self.about_visit(&self.event("A03", left, false, None), &visit, out);
                }
            }
            What::Booked(clinic) => self.schedule("S12", when, clinic, "Booked", out),
            What::Rebooked(clinic) => self.schedule("S13", when, clinic, "Booked", out),
            What::CancelledClinic(clinic) => self.schedule("S15", when, clinic, "Cancelled", out),
            What::MissedClinic(clinic) => self.schedule("S26", when, clinic, "Noshow", out),
            What::Observed(stay) => super::results::observations(self, when, stay, out),
            What::Resulted(sample, corrected) => super::results::results(self, when, sample, *corrected, out),
            What::Wrote(letter) => self.letter(when, letter, out),
            What::Imaged(attendance) => self.imaging(when, attendance, out),
            What::ImagingReported(attendance) => self.imaging_report(when, attendance, out),
            What::Dispensed(stay) => self.take_home(when, stay, out),
            What::Referred(clinic) => self.referral(when, clinic, out),
            What::VaccinatedOnWard(stay) => self.vaccination(when, stay, out),
        }
    }

    fn event(&self, trigger: &'static str, when: Timestamp, second: bool, reason: Option<Term>) -> Event {
        let structure = match trigger {
            "A02" => "ADT_A02",
            "A03" => "ADT_A03",
            "A11" => "ADT_A09",
            _ => "ADT_A01",
        };
        let lag = self.desk_dice(when).range(20, 240);
        Event { trigger, structure, when, recorded: plus_seconds(when, lag), second, reason }
    }

    fn desk_dice(&self, when: Timestamp) -> Dice {
        Dice::new(self.world.seed, &[33, self.person.index, u64::try_from(when.as_second()).unwrap_or(0)])
    }

    /// One time in ten a move or a discharge is typed long after.
    fn typed_late(&self, when: Timestamp) -> Timestamp {
        let mut dice = self.desk_dice(plus_seconds(when, 1));
        let lag = if dice.chance(0.1) { dice.range(300, 5_400) } else { dice.range(20, 240) };
        plus_seconds(when, lag)
    }

    fn clerk(&self, when: Timestamp) -> Staff {
        sources::clerk(self.world.seed, self.source, &mut self.desk_dice(when))
    }

    /// Vendor two repeats itself: the same content as an update, a minute after the first was sent.
    fn echo(&mut self, event: Event, visit: &Visit<'_>, out: &mut Vec<Outgoing>) {
        if !self.one() {
            let recorded = plus_minutes(event.recorded, 1);
            self.about_visit(&Event { trigger: "A08", structure: "ADT_A01", recorded, ..event }, visit, out);
        }
    }

    /// Begin a message.
    pub(crate) fn begin(&mut self, code: &str, trigger: &str, structure: &str, sent: Timestamp) -> Writer {
        self.count += 1;
        let control = format!("{}{}-{}", self.stream, super::base36(self.person.index), self.count);
        let mut w = Writer::new(1_400);
        if self.one() {
            w.text(3, "PAS");
            w.text(4, "XWA");
            w.text(5, "SKEIN");
            w.text(6, "WEXMOOR");
            w.raw(7, &hl7_second(sent));
            w.parts(9, &[code, trigger, structure]);
            w.text(10, &control);
            w.text(11, "P");
            w.text(12, "2.4");
            w.text(17, "GBR");
            w.text(18, "8859/1");
        } else {
            w.text(3, "CAREVIEW");
            w.text(4, "THORNHAVEN");
            w.text(5, "SKEIN");
            w.text(6, "WEX");
            w.raw(7, &hl7_minute(sent));
            w.parts(9, &[code, trigger]);
            w.text(10, &control);
            w.text(11, "P");
            w.text(12, "2.5.1");
            w.text(15, "AL");
            w.text(16, "NE");
            w.text(18, "UNICODE UTF-8");
        }
        w
    }

    /// End a message and send it.
    pub(crate) fn send(&self, w: Writer, sent: Timestamp, out: &mut Vec<Outgoing>) {
        let charset = if self.one() { Charset::Latin1 } else { Charset::Utf8 };
        let source = sources::at(self.source).id;
        out.push(Outgoing { source, at: sent, format: Format::Hl7v2, bytes: w.into_bytes(charset) });
    }

    pub(crate) fn time(&self, when: Timestamp) -> String {
        if self.one() { hl7_second(when) } else { hl7_minute(when) }
    }

    fn evn(&self, w: &mut Writer, trigger: &str, occurred: Timestamp, recorded: Timestamp) {
        let clerk = self.clerk(occurred);
        w.segment("EVN");
        if self.one() {
            w.text(1, trigger);
        }
        w.raw(2, &self.time(recorded));
        w.parts(5, &[&clerk.code, clerk.family, clerk.given]);
        w.raw(6, &self.time(occurred));
    }

    fn about_person(&mut self, trigger: &str, when: Timestamp, second: bool, out: &mut Vec<Outgoing>) {
        let sent = plus_seconds(when, 2);
        let mut w = self.begin("ADT", trigger, "ADT_A05", sent);
        self.evn(&mut w, trigger, when, when);
        self.pid(&mut w, when, second);
        self.pd1(&mut w);
        self.nk1(&mut w);
        w.segment("PV1");
        w.text(1, "1");
        w.text(2, "N");
        if !second {
            self.al1(&mut w);
        }
        self.send(w, sent, out);
    }

    fn merge(&mut self, when: Timestamp, out: &mut Vec<Outgoing>) {
        let Some(second) = self.second else { return };
        let sent = plus_seconds(when, 1);
        let mut w = self.begin("ADT", "A40", "ADT_A39", sent);
        self.evn(&mut w, "A40", when, when);
        self.pid(&mut w, when, false);
        w.segment("MRG");
        w.raw(1, &self.local(second));
        self.send(w, sent, out);
    }

    fn about_visit(&mut self, event: &Event, visit: &Visit<'_>, out: &mut Vec<Outgoing>) {
        let Event { trigger, when, recorded, second, .. } = *event;
        let mut w = self.begin("ADT", trigger, event.structure, recorded);
        self.evn(&mut w, trigger, when, recorded);
        self.pid(&mut w, when, second);
        self.pd1(&mut w);
        if matches!(trigger, "A01" | "A04") && visit.class != "O" {
            self.nk1(&mut w);
        }
        self.pv1(&mut w, visit);
        if let Some(term) = event.reason {
            w.segment("DG1");
            w.text(1, "1");
            if self.one() {
                w.parts(3, &[term.icd, term.name, "ICD10"]);
                w.raw(5, &self.time(when));
            } else {
                w.text(2, "I10");
                w.parts(3, &[term.icd, term.name, "I10"]);
            }
            w.text(6, if trigger == "A03" { "F" } else { "A" });
        }
        if trigger == "A01" && !second {
            self.al1(&mut w);
        }
        self.send(w, recorded, out);
    }
}
