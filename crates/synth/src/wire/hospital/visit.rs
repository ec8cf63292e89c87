//! Visits: what PV1 says of a stay, an attendance, a clinic.

use super::Desk;
use crate::{
    life::{
        clinic::Clinic,
        hospital::{Attendance, Placement, Reason, Stay},
    },
    sources::{self, Staff},
    wire::{
        base36,
        hl7::{Writer, composite},
        minute_id,
    },
};
use jiff::Timestamp;

/// A visit as the segments need it.
pub(super) struct Visit<'a> {
    pub class: &'static str,
    pub number: String,
    pub place: Option<Placement>,
    pub former: Option<Placement>,
    pub area: &'static str,
    pub method: &'static str,
    pub source: &'static str,
    pub specialty: &'static str,
    pub consultant: Option<&'a Staff>,
    pub from: Timestamp,
    pub to: Option<Timestamp>,
    pub discharge_method: &'static str,
    pub destination: &'static str,
}

impl Desk<'_> {
    pub(super) fn attendance<'v>(&self, attendance: &Attendance, done: bool) -> Visit<'v> {
        let (method, source) = if self.one() { ("21", "19") } else { ("EMER-ED", "HOME") };
        Visit {
            class: "E",
            number: self.number("E", attendance.arrived),
            place: None,
            former: None,
            area: if self.one() { "ED" } else { "A&E" },
            method,
            source,
            specialty: "180",
            consultant: None,
            from: attendance.arrived,
            to: done.then_some(attendance.left),
            discharge_method: if self.one() { "1" } else { "HOME" },
            destination: if self.one() { "19" } else { "USUAL" },
        }
    }

    pub(super) fn stay<'v>(&self, stay: &'v Stay, index: usize, done: bool) -> Visit<'v> {
        let one = self.one();
        let (method, source) = match (stay.reason, one) {
            (Reason::Emergency(_), true) => ("21", if self.person.address.care_home { "85" } else { "19" }),
            (Reason::Emergency(_), false) => ("EMER-ED", if self.person.address.care_home { "CARE" } else { "HOME" }),
            (Reason::Planned(_), true) => ("11", "19"),
            (Reason::Planned(_), false) => ("ELEC-W", "HOME"),
            (Reason::Birth, true) => ("31", "19"),
            (Reason::Birth, false) => ("MAT", "HOME"),
        };
        let (discharge_method, destination) = match (stay.died, stay.to_care_home, one) {
            (true, _, true) => ("4", "79"),
            (true, _, false) => ("DIED", "DIED"),
            (_, true, true) => ("1", "85"),
            (_, true, false) => ("HOME", "CARE"),
            (_, _, true) => ("1", "19"),
            (_, _, false) => ("HOME", "USUAL"),
        };
        Visit {
            class: "I",
            number: self.number("I", stay.admitted),
            place: stay.places.get(index).copied(),
            former: index.checked_sub(1).and_then(|i| stay.places.get(i)).copied(),
            area: "",
            method,
            source,
            specialty: stay.places.get(index).map_or(stay.reason.specialty(), |p| p.ward.specialty),
            consultant: Some(&stay.consultant),
            from: stay.admitted,
            to: done.then_some(stay.discharged),
            discharge_method,
            destination,
        }
    }

    pub(super) fn clinic_visit<'v>(&self, clinic: &'v Clinic) -> Visit<'v> {
        Visit {
            class: "O",
            number: self.number("O", clinic.seen()),
            place: None,
            former: None,
            area: if self.one() { "OPD" } else { "OUTPATIENTS" },
            method: "",
            source: "",
            specialty: clinic.specialty,
            consultant: Some(&clinic.consultant),
            from: clinic.seen(),
            to: None,
            discharge_method: "",
            destination: "",
        }
    }

    /// The number of a visit: one of a kind a minute for a person.
    pub(crate) fn number(&self, kind: &str, from: Timestamp) -> String {
        let text = format!("{kind}{}{}", base36(self.person.index), minute_id(from));
        text.to_uppercase()
    }

    pub(super) fn location(&self, place: Option<&Placement>, area: &str) -> String {
        let site = sources::site(self.source);
        match (place, self.one()) {
            (Some(p), true) => {
                let words = format!("{}, bay {} bed {}", p.ward.name, p.bay, p.bed);
                composite(&[
                    p.ward.code,
                    &format!("B{}", p.bay),
                    &format!("{:02}", p.bed),
                    site,
                    "",
                    "",
                    "",
                    "",
                    &words,
                ])
            }
            (Some(p), false) => composite(&["XWB", p.ward.code, &format!("BAY{}-{}", p.bay, p.bed), site]),
            (None, true) => composite(&[area, "", "", site]),
            (None, false) => composite(&["XWB", area, "", site]),
        }
    }

    pub(super) fn pv1(&self, w: &mut Writer, visit: &Visit<'_>) {
        let one = self.one();
        w.segment("PV1");
        w.text(1, "1");
        w.text(2, visit.class);
        w.raw(3, &self.location(visit.place.as_ref(), visit.area));
        w.text(4, visit.method);
        if let Some(former) = &visit.former {
            w.raw(6, &self.location(Some(former), ""));
        }
        if let Some(c) = visit.consultant {
            if one {
                w.parts(7, &[&c.code, c.family, c.given, "", "", c.title, "", "GMC"]);
            } else {
                w.parts(7, &[&c.code, c.family, c.given, "", "", c.title]);
            }
        }
        w.text(10, visit.specialty);
        w.text(14, visit.source);
        if let Some(c) = visit.consultant.filter(|_| visit.class == "I") {
            w.parts(17, &[&c.code, c.family, c.given]);
        }
        if one {
            w.parts(19, &[&visit.number, "", "", "XWA", "VN"]);
        } else {
            w.text(19, &visit.number);
        }
        if visit.to.is_some() {
            w.text(36, visit.discharge_method);
            w.text(37, visit.destination);
        }
        w.raw(44, &self.time(visit.from));
        if let Some(to) = visit.to {
            w.raw(45, &self.time(to));
        }
    }
}

impl Desk<'_> {
    /// The admission that never was, typed for somebody who was only being seen.
    pub(super) fn mistake<'v>(&self, attendance: &Attendance) -> Visit<'v> {
        let mut visit = self.attendance(attendance, false);
        visit.class = "I";
        visit.number = self.number("I", attendance.arrived);
        visit.area = if self.one() { "AMU" } else { "1A" };
        visit.specialty = "326";
        visit
    }
}
