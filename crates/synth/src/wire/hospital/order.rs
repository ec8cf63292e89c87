//! Orders and what is not a visit or a result of blood: imaging (ORM, ORU with lines of text), medicines to take home
//! (RDE), referrals received (REF), vaccinations on the ward (VXU).

use super::Desk;
use crate::{
    clinical::acute::{Schedule, VACCINES},
    dice::Dice,
    life::{
        clinic::Clinic,
        hospital::{Attendance, Reason, Stay},
    },
    sources,
    when::{day_of, hl7_date, plus_seconds},
    wire::{Outgoing, base36, minute_id},
};
use jiff::Timestamp;

/// The picture an attendance calls for: code, name, and lines of the report when it shows what was feared.
fn picture(attendance: &Attendance) -> (&'static str, &'static str, [&'static str; 2]) {
    match (attendance.reason.complaint.sct, attendance.reason.term.sct) {
        (_, "233604007") => (
            "XCHES",
            "XR Chest",
            [
                "Patchy consolidation in the right lower zone.",
                "Heart size normal. Follow-up film in six weeks is advised.",
            ],
        ),
        ("267036007", _) => (
            "XCHES",
            "XR Chest",
            [
                "Lungs hyperexpanded, no consolidation or collapse.",
                "No pleural effusion. Heart size at the upper limit of normal.",
            ],
        ),
        (_, "5913000") => (
            "XPELV",
            "XR Pelvis",
            ["Displaced intracapsular fracture of the neck of the left femur.", "No other bony injury."],
        ),
        ("217082002", "125605004") => {
            ("XWRIR", "XR Wrist Right", ["Undisplaced fracture of the distal radius.", "Carpal alignment normal."])
        }
        ("217082002", _) => ("XPELV", "XR Pelvis", ["No fracture seen.", "Degenerative change of both hips."]),
        ("82271004", _) => ("CSKUH", "CT Head", ["No intracranial haemorrhage or mass.", "No skull fracture."]),
        ("282001000", _) => {
            ("XANKR", "XR Ankle Right", ["No fracture.", "Soft tissue swelling over the lateral malleolus."])
        }
        (_, "230690007") => (
            "CSKUH",
            "CT Head",
            [
                "No haemorrhage. Early loss of grey-white differentiation in the right middle cerebral artery territory.",
                "In keeping with acute infarction.",
            ],
        ),
        _ => ("XCHES", "XR Chest", ["Heart and lungs normal.", "No bony injury seen."]),
    }
}

impl Desk<'_> {
    fn imaging_numbers(&self, attendance: &Attendance) -> (String, String) {
        let stem = format!("{}{}", minute_id(attendance.arrived), base36(self.person.index)).to_uppercase();
        (format!("O{stem}"), format!("RIS{stem}"))
    }

    /// The order for a picture; vendor one sends it, vendor two keeps it to itself.
    pub(super) fn imaging(&mut self, when: Timestamp, attendance: &Attendance, out: &mut Vec<Outgoing>) {
        if !self.one() {
            return;
        }
        let sent = plus_seconds(when, 5);
        let (placer, filler) = self.imaging_numbers(attendance);
        let (code, name, _) = picture(attendance);
        let doctor = sources::staff(self.world.seed, self.source, 180, self.person.index % 3);
        let mut w = self.begin("ORM", "O01", "ORM_O01", sent);
        self.pid(&mut w, when, false);
        let visit = self.attendance(attendance, false);
        self.pv1(&mut w, &visit);
        w.segment("ORC");
        w.text(1, "NW");
        w.parts(2, &[&placer, "XWA"]);
        w.parts(3, &[&filler, "RIS"]);
        w.text(5, "SC");
        w.raw(9, &self.time(when));
        w.parts(12, &[&doctor.code, doctor.family, doctor.given, "", "", doctor.title]);
        w.segment("OBR");
        w.text(1, "1");
        w.parts(2, &[&placer, "XWA"]);
        w.parts(3, &[&filler, "RIS"]);
        w.parts(4, &[code, name, "NICIP"]);
        w.raw(6, &self.time(when));
        w.text(13, attendance.reason.complaint.name);
        w.parts(16, &[&doctor.code, doctor.family, doctor.given, "", "", doctor.title]);
        w.text(24, "RAD");
        self.send(w, sent, out);
    }

    /// The radiologist's words.
    pub(super) fn imaging_report(&mut self, when: Timestamp, attendance: &Attendance, out: &mut Vec<Outgoing>) {
        let sent = plus_seconds(when, 5);
        let one = self.one();
        let (placer, filler) = self.imaging_numbers(attendance);
        let (code, name, lines) = picture(attendance);
        let doctor = sources::staff(self.world.seed, self.source, 810, self.person.index % 3);
        let mut w = self.begin("ORU", "R01", "ORU_R01", sent);
        self.pid(&mut w, when, false);
        let visit = self.attendance(attendance, false);
        w.segment("PV1");
        w.text(1, "1");
        w.text(2, "E");
        if one {
            w.parts(19, &[&visit.number, "", "", "XWA", "VN"]);
            w.segment("ORC");
            w.text(1, "RE");
            w.parts(2, &[&placer, "XWA"]);
            w.parts(3, &[&filler, "RIS"]);
        } else {
            w.text(19, &visit.number);
        }
        w.segment("OBR");
        w.text(1, "1");
        if one {
            w.parts(2, &[&placer, "XWA"]);
            w.parts(3, &[&filler, "RIS"]);
        } else {
            w.text(3, &filler);
        }
        w.parts(4, &[code, name, "NICIP"]);
        w.raw(7, &self.time(attendance.arrived));
        w.text(13, attendance.reason.complaint.name);
        w.raw(22, &self.time(when));
        w.text(24, "RAD");
        w.text(25, "F");
        w.parts(32, &[&format!("{}&{}&{}", doctor.code, doctor.family, doctor.given)]);
        let history = format!("Clinical information: {}.", attendance.reason.complaint.name.to_lowercase());
        for (n, line) in (1..).zip([history.as_str(), lines[0], lines[1]]) {
            w.segment("OBX");
            w.text(1, &i32::to_string(&n));
            w.text(2, "TX");
            w.parts(3, &[code, name, "NICIP"]);
            w.text(4, "1");
            w.text(5, line);
            w.text(11, "F");
        }
        self.send(w, sent, out);
    }

    /// Medicines to take home; only vendor one has electronic prescribing.
    pub(super) fn take_home(&mut self, when: Timestamp, stay: &Stay, out: &mut Vec<Outgoing>) {
        let Reason::Emergency(acute) = stay.reason else { return };
        if !self.one() {
            return;
        }
        let sent = plus_seconds(when, 20);
        for (n, drug) in (1..).zip(acute.home_with.iter().filter(|d| !self.life.allergic_to(**d))) {
            let product = drug.product();
            let order = format!("TTO{}{}-{n}", minute_id(when), base36(self.person.index)).to_uppercase();
            let mut w = self.begin("RDE", "O11", "RDE_O11", sent);
            self.pid(&mut w, when, false);
            let visit = self.stay(stay, stay.places.len().saturating_sub(1), false);
            self.pv1(&mut w, &visit);
            w.segment("ORC");
            w.text(1, "NW");
            w.parts(2, &[&order, "XWA"]);
            w.parts(3, &[&order, "EPMA"]);
            w.raw(9, &self.time(when));
            w.parts(
                12,
                &[&stay.consultant.code, stay.consultant.family, stay.consultant.given, "", "", stay.consultant.title],
            );
            w.segment("RXE");
            w.raw(1, &format!("^^^{}", self.time(when)));
            w.parts(2, &[product.code, product.name, "DMD"]);
            w.text(3, "1");
            w.text(5, "dose");
            w.parts(7, &["", product.dose]);
            w.text(10, product.quantity);
            w.text(11, product.unit);
            self.send(w, sent, out);
        }
    }

    /// A referral as it reaches Thornhaven's booking office.
    pub(super) fn referral(&mut self, when: Timestamp, clinic: &Clinic, out: &mut Vec<Outgoing>) {
        if self.one() {
            return;
        }
        let sent = plus_seconds(when, 10);
        let number = format!("UBRN{}{}", minute_id(clinic.booked), base36(self.person.index)).to_uppercase();
        let practice = sources::practice(self.belief.practice);
        let gp = sources::staff(self.world.seed, practice, 0, self.person.index % 5);
        let mut w = self.begin("REF", "I12", "REF_I12", sent);
        w.segment("RF1");
        w.parts(1, &["A", "Accepted"]);
        w.parts(2, &["R", "Routine"]);
        w.parts(3, &[clinic.specialty, sources::specialty_name(clinic.specialty)]);
        w.parts(5, &["O", "Outpatient"]);
        w.text(6, &number);
        w.raw(7, &self.time(when));
        w.parts(10, &[clinic.reason.sct, clinic.reason.name, "SCT"]);
        w.segment("PRD");
        w.parts(1, &["RP", "Referring provider"]);
        w.parts(2, &[gp.family, gp.given, "", "", gp.title]);
        w.parts(4, &[sources::at(practice).name]);
        w.parts(7, &[&gp.code]);
        w.segment("PRD");
        w.parts(1, &["RT", "Referred to provider"]);
        w.parts(2, &[clinic.consultant.family, clinic.consultant.given, "", "", clinic.consultant.title]);
        w.parts(7, &[&clinic.consultant.code]);
        self.pid(&mut w, when, false);
        w.segment("DG1");
        w.text(1, "1");
        w.text(2, "I10");
        w.parts(3, &[clinic.reason.icd, clinic.reason.name, "I10"]);
        w.text(6, "W");
        self.send(w, sent, out);
    }

    /// A flu vaccination given during a long stay.
    pub(super) fn vaccination(&mut self, when: Timestamp, stay: &Stay, out: &mut Vec<Outgoing>) {
        let Some(flu) = VACCINES.iter().find(|v| matches!(v.when, Schedule::Autumn(_))) else { return };
        let sent = plus_seconds(when, 30);
        let mut dice = Dice::new(self.world.seed, &[61, self.person.index]);
        let order = format!("VX{}{}", minute_id(when), base36(self.person.index)).to_uppercase();
        let mut w = self.begin("VXU", "V04", "VXU_V04", sent);
        self.pid(&mut w, when, false);
        let visit = self.stay(stay, 0, false);
        self.pv1(&mut w, &visit);
        w.segment("ORC");
        w.text(1, "RE");
        w.text(3, &order);
        w.segment("RXA");
        w.text(1, "0");
        w.text(2, "1");
        w.raw(3, &self.time(when));
        w.raw(4, &self.time(when));
        w.parts(5, &[flu.code, flu.name, "SCT"]);
        w.text(6, "0.5");
        w.text(7, "mL");
        w.parts(10, &[&stay.consultant.code, stay.consultant.family, stay.consultant.given]);
        w.text(15, &format!("WX{}", 10_000 + dice.below(90_000)));
        w.raw(16, &hl7_date(crate::when::plus_days(day_of(when), 200)));
        w.text(20, "CP");
        w.text(21, "A");
        w.segment("RXR");
        w.parts(1, &["IM", "Intramuscular", "HL70162"]);
        w.parts(2, &["LA", "Left arm", "HL70163"]);
        self.send(w, sent, out);
    }
}
