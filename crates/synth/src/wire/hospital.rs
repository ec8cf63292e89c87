//! The two hospitals' administration systems. Aldermere runs vendor one's: HL7 v2.4, Latin-1, original acknowledgement,
//! national codes. Thornhaven runs vendor two's: v2.5.1 with older habits, UTF-8, enhanced acknowledgement, its own
//! codes, an A08 after every A01 and A02, minutes without seconds, `""` for what it knows to be empty.

use super::{
    Format, Outgoing,
    belief::{Belief, Traced},
    hl7::{Charset, Writer, composite},
    minute_id,
};
use crate::{
    clinical::acute::NO_KNOWN_ALLERGY,
    dice::Dice,
    life::{
        Life, World,
        hospital::{Attendance, Clinic, Placement, Reason, Stay},
        timeline::{Happening, What},
    },
    people::{Contact, Kin, Person, Sex},
    sources::{self, Staff, id},
    when::{at, day_of, hl7_date, hl7_minute, hl7_second, plus_minutes, plus_seconds},
};
use jiff::Timestamp;

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

/// A visit as the segments need it.
struct Visit<'a> {
    class: &'static str,
    number: String,
    place: Option<Placement>,
    former: Option<Placement>,
    area: &'static str,
    method: &'static str,
    source: &'static str,
    specialty: &'static str,
    consultant: Option<&'a Staff>,
    from: Timestamp,
    to: Option<Timestamp>,
    discharge_method: &'static str,
    destination: &'static str,
}

impl Desk<'_> {
    fn one(&self) -> bool {
        self.source == id::ALDERMERE
    }

    /// The messages one happening is told by.
    pub(crate) fn tell(&mut self, happening: &Happening, out: &mut Vec<Outgoing>) {
        let when = happening.at;
        match &happening.what {
            What::Registered { second } => self.person_message("A28", "ADT_A05", when, *second, out),
            What::Amended => self.person_message("A31", "ADT_A05", when, false, out),
            What::Merged => self.merge(when, out),
            What::Arrived(attendance, second) => {
                let visit = self.attendance(attendance, false);
                self.visit_message("A04", "ADT_A01", when, &visit, *second, None, out);
            }
            What::Left(attendance, second) => {
                let visit = self.attendance(attendance, true);
                self.visit_message("A03", "ADT_A03", when, &visit, *second, Some(attendance.reason.term), out);
            }
            What::Admitted(stay) => {
                let visit = self.stay(stay, 0, false);
                let reason = Some(stay.reason.term());
                self.visit_message("A01", "ADT_A01", when, &visit, false, reason, out);
                self.echo(when, &visit, reason, out);
            }
            What::Moved(stay, index) => {
                let visit = self.stay(stay, *index, false);
                self.visit_message("A02", "ADT_A02", when, &visit, false, None, out);
                self.echo(when, &visit, Some(stay.reason.term()), out);
            }
            What::Discharged(stay) => {
                let mut visit = self.stay(stay, stay.places.len().saturating_sub(1), true);
                visit.to = Some(when);
                self.visit_message("A03", "ADT_A03", when, &visit, false, Some(stay.reason.term()), out);
            }
            What::DischargeUndone(stay) => {
                let visit = self.stay(stay, stay.places.len().saturating_sub(1), false);
                self.visit_message("A13", "ADT_A01", when, &visit, false, None, out);
            }
            What::Seen(clinic) => {
                let visit = self.clinic_visit(clinic);
                self.visit_message("A04", "ADT_A01", when, &visit, false, None, out);
                if !self.one() {
                    let visit = Visit { to: Some(plus_minutes(when, 25)), ..visit };
                    self.visit_message("A03", "ADT_A03", plus_minutes(when, 25), &visit, false, None, out);
                }
            }
            What::Booked(clinic) => self.schedule("S12", when, clinic, "Booked", out),
            What::Rebooked(clinic) => self.schedule("S13", when, clinic, "Booked", out),
            What::CancelledClinic(clinic) => self.schedule("S15", when, clinic, "Cancelled", out),
            What::MissedClinic(clinic) => self.schedule("S26", when, clinic, "Noshow", out),
            What::Observed(stay) => super::results::observations(self, when, stay, out),
            What::Resulted(sample, corrected) => super::results::results(self, when, sample, *corrected, out),
        }
    }

    /// Vendor two repeats itself: the same content as an update, a minute later.
    fn echo(
        &mut self,
        when: Timestamp,
        visit: &Visit<'_>,
        reason: Option<crate::clinical::Term>,
        out: &mut Vec<Outgoing>,
    ) {
        if !self.one() {
            self.visit_message("A08", "ADT_A01", plus_minutes(when, 1), visit, false, reason, out);
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
        out.push(Outgoing {
            source: sources::at(self.source).id,
            at: sent,
            format: Format::Hl7v2,
            bytes: w.into_bytes(charset),
        });
    }

    pub(crate) fn time(&self, when: Timestamp) -> String {
        if self.one() { hl7_second(when) } else { hl7_minute(when) }
    }

    /// Typed a little after it happened.
    fn recorded(&self, when: Timestamp) -> (Timestamp, Staff) {
        let mut dice = Dice::new(self.world.seed, &[33, self.person.index, self.count]);
        let lag = if dice.chance(0.1) { dice.range(300, 5_400) } else { dice.range(20, 280) };
        (plus_seconds(when, lag), sources::clerk(self.world.seed, self.source, &mut dice))
    }

    fn event(&self, w: &mut Writer, trigger: &str, occurred: Timestamp, recorded: Timestamp, clerk: &Staff) {
        w.segment("EVN");
        if self.one() {
            w.text(1, trigger);
        }
        w.raw(2, &self.time(recorded));
        w.parts(5, &[&clerk.code, clerk.family, clerk.given]);
        w.raw(6, &self.time(occurred));
    }

    fn person_message(
        &mut self,
        trigger: &str,
        structure: &str,
        when: Timestamp,
        second: bool,
        out: &mut Vec<Outgoing>,
    ) {
        let mut w = self.begin("ADT", trigger, structure, plus_seconds(when, 2));
        let (_, clerk) = self.recorded(when);
        self.event(&mut w, trigger, when, when, &clerk);
        self.pid(&mut w, when, second);
        self.pd1(&mut w);
        self.nk1(&mut w, when);
        w.segment("PV1");
        w.text(1, "1");
        w.text(2, "N");
        if !second {
            self.al1(&mut w);
        }
        self.send(w, plus_seconds(when, 2), out);
    }

    fn merge(&mut self, when: Timestamp, out: &mut Vec<Outgoing>) {
        let Some(second) = self.second else { return };
        let mut w = self.begin("ADT", "A40", "ADT_A39", plus_seconds(when, 1));
        let (_, clerk) = self.recorded(when);
        self.event(&mut w, "A40", when, when, &clerk);
        self.pid(&mut w, when, false);
        w.segment("MRG");
        w.raw(1, &self.local(second));
        self.send(w, plus_seconds(when, 1), out);
    }

    #[expect(clippy::too_many_arguments, reason = "one message, all its parts")]
    fn visit_message(
        &mut self,
        trigger: &str,
        structure: &str,
        when: Timestamp,
        visit: &Visit<'_>,
        second: bool,
        reason: Option<crate::clinical::Term>,
        out: &mut Vec<Outgoing>,
    ) {
        // The count is part of the dice of the lag, so take it before the message is begun.
        let (recorded, clerk) = self.recorded(when);
        let mut w = self.begin("ADT", trigger, structure, recorded);
        self.event(&mut w, trigger, when, recorded, &clerk);
        self.pid(&mut w, when, second);
        self.pd1(&mut w);
        if matches!(trigger, "A01" | "A04") && visit.class != "O" {
            self.nk1(&mut w, when);
        }
        self.pv1(&mut w, visit);
        if let Some(term) = reason {
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

    fn local(&self, belief: &Belief) -> String {
        if self.one() { format!("{}^^^XWA^PI", belief.local) } else { format!("{}^^^XWB^MR", belief.local) }
    }

    /// PID as this desk writes it.
    pub(crate) fn pid(&self, w: &mut Writer, when: Timestamp, second: bool) {
        let belief = if second { self.second.unwrap_or(self.belief) } else { self.belief };
        let person = self.person;
        let one = self.one();
        w.segment("PID");
        w.text(1, "1");
        let spaced = |digits: &str| {
            format!(
                "{} {} {}",
                digits.get(..3).unwrap_or(""),
                digits.get(3..6).unwrap_or(""),
                digits.get(6..).unwrap_or("")
            )
        };
        let nhs = belief.nhs.as_ref();
        // Vendor two's older registrations have the NHS number in PID-2.
        let in_second_field = !one && person.index % 10 < 3;
        if let Some((digits, _)) = nhs.filter(|_| in_second_field) {
            w.text(2, &spaced(digits));
        }
        let mut ids = self.local(belief);
        if let Some((digits, _)) = nhs.filter(|_| !in_second_field) {
            let nhs = if one { format!("{digits}^^^NHS^NH") } else { format!("{}^^^NHS^HN", spaced(digits)) };
            ids = if one { format!("{ids}~{nhs}") } else { format!("{nhs}~{ids}") };
        }
        w.raw(3, &ids);
        let upper = |name: &str| if one { name.to_uppercase() } else { name.to_owned() };
        let (family, given) = (upper(&belief.family), upper(&belief.given));
        let middle = belief.middle.as_deref().map(upper).unwrap_or_default();
        if one {
            let mut name = composite(&[&family, &given, &middle, "", belief.title, "", "L"]);
            if let Some(known_as) = person.known_as.filter(|_| !second) {
                name.push('~');
                name.push_str(&composite(&["", &upper(known_as), "", "", "", "", "N"]));
            }
            if let Some(maiden) =
                person.maiden.as_deref().filter(|m| !second && *m != belief.family && person.index.is_multiple_of(3))
            {
                name.push('~');
                name.push_str(&composite(&[&upper(maiden), &given, "", "", "", "", "M"]));
            }
            w.raw(5, &name);
        } else {
            w.parts(5, &[&family, &given, &middle, "", belief.title]);
        }
        w.raw(7, &hl7_date(belief.birth));
        w.text(
            8,
            match (one, belief.sex) {
                (true, Sex::Female) => "F",
                (true, Sex::Male) => "M",
                (false, Sex::Female) => "2",
                (false, Sex::Male) => "1",
            },
        );
        let heard = self.amended.is_some_and(|amended| amended <= when);
        let address = belief.old_address.as_ref().filter(|_| !heard).unwrap_or(&belief.address);
        let building = address.building.as_deref().unwrap_or("");
        if one {
            w.parts(
                11,
                &[
                    if building.is_empty() { &address.street } else { building },
                    if building.is_empty() { "" } else { &address.street },
                    address.town,
                    crate::people::places::COUNTY,
                    &address.postcode,
                    "GBR",
                    "H",
                ],
            );
        } else {
            let first =
                if building.is_empty() { address.street.clone() } else { format!("{building}, {}", address.street) };
            w.parts(11, &[&first, "", address.town, "", &address.postcode.replace(' ', "")]);
        }
        let phones = self.phones(belief);
        if phones.is_empty() && !one {
            w.raw(13, "\"\"");
        } else {
            w.raw(13, &phones);
        }
        if let Some((code, name)) = person.language {
            if one {
                w.text(15, code);
            } else {
                w.parts(15, &[code, name]);
            }
        }
        w.text(16, person.marital.encode_utf8(&mut [0; 4]));
        w.text(22, person.ethnicity);
        if let Some(death) = person.death.filter(|death| *death <= day_of(when)) {
            w.raw(29, &hl7_date(death));
            w.text(30, "Y");
        } else if !one {
            w.text(30, "N");
        }
        if let Some((_, traced)) = nhs {
            let status = match (one, traced) {
                (true, Traced::Verified) => "NSTS01",
                (true, Traced::Untraced) => "NSTS02",
                (false, Traced::Verified) => "01",
                (false, Traced::Untraced) => "03",
            };
            w.text(32, status);
        } else if one {
            w.text(32, "NSTS07");
        }
    }

    fn phones(&self, belief: &Belief) -> String {
        let mut list = String::new();
        let mut add = |number: &str, use_code: &str, kind: &str| {
            if !list.is_empty() {
                list.push('~');
            }
            list.push_str(&composite(&[number, use_code, kind]));
        };
        if let Some(phone) = &belief.phone {
            add(phone, "PRN", "PH");
        }
        if let Some(mobile) = &belief.mobile {
            add(mobile, "PRN", "CP");
        }
        if let Some(email) = self.person.email.as_deref().filter(|_| self.one()) {
            list.push_str(if list.is_empty() { "" } else { "~" });
            list.push_str(&format!("^NET^Internet^{}", super::hl7::escape(email)));
        }
        list
    }

    pub(crate) fn pd1(&self, w: &mut Writer) {
        let practice = sources::at(sources::practice(self.belief.practice));
        let gp = sources::staff(self.world.seed, sources::practice(self.belief.practice), 0, self.person.index % 5);
        w.segment("PD1");
        w.parts(3, &[practice.name, "", practice.ods]);
        if self.one() {
            w.parts(4, &[&gp.code, gp.family, gp.given, "", "", gp.title, "", "GMC"]);
        } else {
            w.parts(4, &[&gp.code, gp.family, gp.given]);
        }
        if self.person.restricted {
            w.text(12, "Y");
        }
    }

    fn nk1(&self, w: &mut Writer, _when: Timestamp) {
        for (n, contact) in self.person.contacts.iter().take(2).enumerate() {
            w.segment("NK1");
            w.text(1, &(n + 1).to_string());
            w.parts(2, &[&contact.family, &contact.given, "", "", contact.title]);
            let (code, word) = relationship(contact);
            w.parts(3, &[code, word]);
            if contact.same_address && !self.person.restricted {
                let address = &self.belief.address;
                w.parts(4, &[&address.street, "", address.town, "", &address.postcode]);
            }
            w.text(5, &contact.phone);
            if self.one() {
                w.text(7, if n == 0 { "N" } else { "C" });
            }
        }
    }

    /// Allergies as the hospital was told: less than the practice knows, and sometimes otherwise.
    fn al1(&self, w: &mut Writer) {
        let mut dice = Dice::new(self.world.seed, &[34, u64::from(self.source), self.person.index]);
        let conflict = self.life.role == Some(crate::life::Role::AllergyConflict);
        let asked = conflict || dice.chance(0.75);
        let denied = conflict || dice.chance(0.12);
        if !asked {
            return;
        }
        let known: Vec<_> = if denied { Vec::new() } else { self.life.allergies.iter().collect() };
        if known.is_empty() {
            w.segment("AL1");
            w.text(1, "1");
            if self.one() {
                w.text(2, "DA");
                w.parts(3, &[NO_KNOWN_ALLERGY.sct, NO_KNOWN_ALLERGY.name, "SCT"]);
            } else {
                w.parts(3, &["NKA", "No Known Allergies", "L"]);
            }
            return;
        }
        for (n, allergy) in known.iter().enumerate() {
            let allergen = allergy.allergen;
            w.segment("AL1");
            w.text(1, &(n + 1).to_string());
            w.text(2, allergen.kind);
            if self.one() {
                w.parts(3, &[allergen.term.sct, allergen.term.name, "SCT"]);
                w.text(4, if allergy.severe { "SV" } else { "MO" });
                w.text(5, allergen.reaction.map_or("", |r| r.1));
                w.raw(6, &hl7_date(allergy.since));
            } else {
                w.parts(3, &[allergen.term.icd, allergen.term.name, "I10"]);
                w.text(4, if allergy.severe { "SV" } else { "MI" });
            }
        }
    }

    fn attendance<'v>(&self, attendance: &Attendance, done: bool) -> Visit<'v> {
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

    fn stay<'v>(&self, stay: &'v Stay, index: usize, done: bool) -> Visit<'v> {
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

    fn clinic_visit<'v>(&self, clinic: &'v Clinic) -> Visit<'v> {
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
        let text = format!("{kind}{}{}", super::base36(self.person.index), minute_id(from));
        text.to_uppercase()
    }

    fn location(&self, place: Option<&Placement>, area: &str) -> String {
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

    fn pv1(&self, w: &mut Writer, visit: &Visit<'_>) {
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

    fn schedule(&mut self, trigger: &str, when: Timestamp, clinic: &Clinic, status: &str, out: &mut Vec<Outgoing>) {
        let sent = plus_seconds(when, 40);
        let mut w = self.begin("SIU", trigger, "SIU_S12", sent);
        let one = self.one();
        let id = format!("AP{}{}", super::base36(self.person.index), minute_id(clinic.at)).to_uppercase();
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

/// Relationship codes: HL7 table 0063 at vendor one, the word alone would do at vendor two.
fn relationship(contact: &Contact) -> (&'static str, &'static str) {
    match contact.kin {
        Kin::Partner => ("SPO", "Spouse"),
        Kin::Mother => ("MTH", "Mother"),
        Kin::Father => ("FTH", "Father"),
        Kin::Daughter | Kin::Son => ("CHD", "Child"),
        Kin::Sister => ("SIS", "Sister"),
        Kin::Brother => ("BRO", "Brother"),
        Kin::Friend => ("FND", "Friend"),
    }
}

/// The last instant of history.
pub(crate) fn history_end(world: &World) -> Timestamp {
    at(world.start, 0)
}
