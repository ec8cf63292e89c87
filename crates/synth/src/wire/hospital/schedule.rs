//! SIU: bookings and what becomes of them.

use super::Desk;
use crate::{
    life::clinic::Clinic,
    sources,
    when::{plus_minutes, plus_seconds},
    wire::{Outgoing, base36, hl7::composite, minute_id},
};
use jiff::Timestamp;

impl Desk<'_> {
    /// The number of an appointment: its first time.
    pub(super) fn appointment(&self, clinic: &Clinic) -> String {
        format!("AP{}{}", base36(self.person.index), minute_id(clinic.at)).to_uppercase()
    }

    pub(super) fn schedule(
        &mut self,
        trigger: &str,
        when: Timestamp,
        clinic: &Clinic,
        status: &str,
        out: &mut Vec<Outgoing>,
    ) {
        let sent = plus_seconds(when, 40);
        let mut w = self.begin("SIU", trigger, "SIU_S12", sent);
        let one = self.one();
        let id = self.appointment(clinic);
        let start = if trigger == "S13" { clinic.seen() } else { clinic.at };
        let minutes = if clinic.first { 30 } else { 15 };
        w.segment("SCH");
        if one {
            w.parts(1, &[&id, "XWA"]);
            w.parts(2, &[&id, "XWA"]);
        } else {
            w.text(2, &id);
        }
        w.parts(
            6,
            &[
                if clinic.first { "FIRST" } else { "FUP" },
                if clinic.first { "First attendance" } else { "Follow-up attendance" },
            ],
        );
        w.parts(7, &[clinic.reason.sct, clinic.reason.name, if one { "SCT" } else { "SNM3" }]);
        w.text(8, if clinic.first { "NEW" } else { "REVIEW" });
        w.text(9, &minutes.to_string());
        w.text(10, "min");
        w.raw(11, &format!("^^{minutes}^{}^{}", self.time(start), self.time(plus_minutes(start, minutes))));
        w.parts(
            16,
            &[
                &clinic.consultant.code,
                clinic.consultant.family,
                clinic.consultant.given,
                "",
                "",
                clinic.consultant.title,
            ],
        );
        w.text(25, status);
        self.pid(&mut w, when, false);
        self.pd1(&mut w);
        w.segment("PV1");
        w.text(1, "1");
        w.text(2, "O");
        w.raw(3, &self.location(None, if one { "OPD" } else { "OUTPATIENTS" }));
        w.parts(
            7,
            &[
                &clinic.consultant.code,
                clinic.consultant.family,
                clinic.consultant.given,
                "",
                "",
                clinic.consultant.title,
            ],
        );
        w.text(10, clinic.specialty);
        w.segment("RGS");
        w.text(1, "1");
        w.text(2, "A");
        w.segment("AIS");
        w.text(1, "1");
        w.text(2, "A");
        w.parts(3, &[clinic.specialty, sources::specialty_name(clinic.specialty), "NHSSPEC"]);
        w.raw(4, &self.time(start));
        w.text(7, &minutes.to_string());
        w.text(8, "min");
        w.segment("AIP");
        w.text(1, "1");
        w.text(2, "A");
        w.parts(
            3,
            &[
                &clinic.consultant.code,
                clinic.consultant.family,
                clinic.consultant.given,
                "",
                "",
                clinic.consultant.title,
            ],
        );
        w.segment("AIL");
        w.text(1, "1");
        w.text(2, "A");
        w.raw(
            3,
            &composite(&[
                &format!("Clinic {}", 1 + clinic.consultant.code.bytes().map(u64::from).sum::<u64>() % 12),
                "",
                "",
                sources::site(self.source),
            ]),
        );
        self.send(w, sent, out);
    }
}
