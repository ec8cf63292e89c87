//! The segments about the person: PID, PD1, NK1, AL1.

use super::Desk;
use crate::{
    clinical::acute::NO_KNOWN_ALLERGY,
    dice::Dice,
    people::{Contact, Kin, Sex},
    sources,
    when::{day_of, hl7_date},
    wire::{
        belief::{Belief, Traced},
        hl7::{Writer, composite},
    },
};
use jiff::Timestamp;

impl Desk<'_> {
    pub(super) fn local(&self, belief: &Belief) -> String {
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
            list.push_str(&format!("^NET^Internet^{}", crate::wire::hl7::escape(email)));
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

    pub(super) fn nk1(&self, w: &mut Writer) {
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
    pub(super) fn al1(&self, w: &mut Writer) {
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
