//! PID, PD1 (and what ARV says of them) to Patient.

use crate::{
    change::{Change, Severity},
    fold::{clock::TIER_FIRM, statement::Scope},
    hl7::{
        context::Context,
        draft::Draft,
        identity::Identity,
        values::{coding, extension, fixed, non_empty, person_display},
    },
    json::{Json, Object, object},
    profile::{EthnicityField, MaritalTable},
    uk::{tables, ukcore},
};
use fhir::{ResourceId, ResourceType};
use hl7v2::{Field, Segment, State};

const CORE: &str = "http://hl7.org/fhir/StructureDefinition/";

/// HL7 table 0001 and the NHS's own 0 1 2 9 (v2-to-FHIR AdministrativeSex; NHS Data Dictionary PERSON STATED GENDER CODE).
pub(crate) fn gender(code: &str) -> Option<&'static str> {
    Some(match code.trim().to_ascii_uppercase().as_str() {
        "1" | "M" | "MALE" => "male",
        "2" | "F" | "FEMALE" => "female",
        "9" | "I" | "O" | "A" | "N" | "OTHER" => "other",
        "0" | "U" | "X" | "UNKNOWN" => "unknown",
        _ => return None,
    })
}

/// HL7 table 0002 (v2-to-FHIR MaritalStatus).
const MARITAL: &[(&str, &str, &str)] = &[
    ("A", "L", "Legally Separated"),
    ("D", "D", "Divorced"),
    ("M", "M", "Married"),
    ("S", "S", "Never Married"),
    ("W", "W", "Widowed"),
    ("C", "C", "Common Law"),
    ("G", "T", "Domestic partner"),
    ("P", "T", "Domestic partner"),
    ("R", "T", "Domestic partner"),
    ("E", "L", "Legally Separated"),
    ("N", "A", "Annulled"),
    ("I", "I", "Interlocutory"),
    ("B", "U", "unmarried"),
];

/// Why a person's whereabouts are withheld.
pub(crate) const CONFIDENTIALITY: &str = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";

impl<'m> Context<'m> {
    /// All a message says of its patient. What ADT says is firmer than what stands beside a result or a letter: those are
    /// often copies of older news with a newer date.
    pub fn patient(&self, pid: Segment<'m>, identity: &Identity, scope: Scope) -> Change {
        let mut draft = Draft::ukcore(ResourceType::Patient, scope, ukcore!("UKCore-Patient"));
        if self.is_adt {
            draft.tier(TIER_FIRM, 0);
        }
        draft.set("identifier", identity.identifiers.clone());
        self.names(&mut draft, pid);
        draft.field("gender", pid.field(8), |f| {
            let code = gender(&f.text());
            if code.is_none() {
                self.find(
                    Severity::Warning,
                    "unknown-code",
                    &f.location(),
                    "not a code of administrative sex; left out",
                );
            }
            code.map(Json::from)
        });
        self.birth_and_death(&mut draft, pid);
        draft.field("address", pid.field(11), |f| list(f.reps().filter_map(|r| self.address(r)).collect()));
        draft.field_part("telecom", 13, pid.field(13), |f| {
            f.reps().filter_map(|r| self.contact_point(r, "home")).collect()
        });
        draft.field_part("telecom", 14, pid.field(14), |f| {
            f.reps().filter_map(|r| self.contact_point(r, "work")).collect()
        });
        draft
            .field_part("telecom", 40, pid.field(40), |f| f.reps().filter_map(|r| self.contact_point(r, "")).collect());
        draft.field("communication", pid.field(15), |f| {
            let language = language(&f.text()).or_else(|| self.concept(f.first(), "PID-15"))?;
            Some(Json::list(&[object! { "language": language }]))
        });
        draft.field("maritalStatus", pid.field(16), |f| match self.profile.patient.marital_status {
            MaritalTable::Nhs => self.national(f.first(), "PID-16", &tables::MARITAL_STATUS),
            MaritalTable::Hl7 => {
                self.translated(f.first(), "PID-16", "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus", MARITAL)
            }
        });
        self.extensions(&mut draft, pid);
        if let Some(pd1) = self.after(pid, "PD1") {
            draft.field_part("generalPractitioner", 3, pd1.field(3), |f| {
                f.reps().filter_map(|r| self.organisation(r)).collect()
            });
            draft.field_part("generalPractitioner", 4, pd1.field(4), |f| {
                f.reps().filter_map(|r| self.practitioner(r)).collect()
            });
            draft.field_part("extension", 60, pd1.field(6), |f| {
                let concept = self.concept(f.first(), "PD1-6");
                concept
                    .map(|c| {
                        extension(
                            "http://hl7.org/fhir/StructureDefinition/patient-disability",
                            "valueCodeableConcept",
                            c,
                        )
                    })
                    .into_iter()
                    .collect()
            });
        }
        self.restriction(&mut draft, pid);
        draft.maybe("managingOrganization", self.own_organisation());
        draft.done(ResourceId::of_patient(identity.key), self.time.get())
    }

    fn names(&self, draft: &mut Draft, pid: Segment<'m>) {
        draft.field_part("name", 5, pid.field(5), |f| f.reps().filter_map(|r| self.human_name(r, None)).collect());
        draft.field_part("name", 9, pid.field(9), |f| {
            f.reps().filter_map(|r| self.human_name(r, Some("nickname"))).collect()
        });
        draft.field_part("extension", 6, pid.field(6), |f| {
            let name = person_display(f.first(), 1);
            let name = if name.is_empty() {
                None
            } else {
                Some(extension(&format!("{CORE}patient-mothersMaidenName"), "valueString", name.into()))
            };
            name.into_iter().collect()
        });
    }

    fn birth_and_death(&self, draft: &mut Draft, pid: Segment<'m>) {
        match pid.field(7).state() {
            State::Absent => {}
            State::Null => {
                draft.clear("birthDate", 0);
            }
            State::Value => {
                if let Some(born) = self.time(pid.field(7)) {
                    let mut members = vec![("birthDate", Json::from(born.fhir_date()))];
                    if born.precision >= crate::time::Precision::Minute {
                        let time = extension(
                            &format!("{CORE}patient-birthTime"),
                            "valueDateTime",
                            born.fhir_date_time().into(),
                        );
                        members.push(("_birthDate", object! { "extension": [time] }));
                    }
                    draft.group("birthDate", members);
                }
            }
        }
        let (date, flag) = (pid.field(29), pid.field(30));
        let said = flag.text().to_ascii_uppercase();
        let died = self.time(date);
        if let Some(died) = died {
            draft.choice("deceased[x]", "deceasedDateTime", died.fhir_date_time());
        } else if matches!(said.as_str(), "Y" | "N") {
            draft.choice("deceased[x]", "deceasedBoolean", said == "Y");
        } else if date.state() == State::Null || flag.state() == State::Null {
            draft.clear("deceased[x]", 0);
        }
        // A local organisation told us: an informal notice (UK Core DeathNotificationStatus 1).
        if died.is_some() || said == "Y" {
            let (code, display) = tables::DEATH_NOTIFICATION.find("1").unwrap_or_default();
            let status = fixed(tables::DEATH_NOTIFICATION.system, code, display);
            let inner = extension("deathNotificationStatus", "valueCodeableConcept", status);
            let url = ukcore!("Extension-UKCore-DeathNotificationStatus");
            draft.part("extension", 29, vec![object! { "extension": [inner], "url": url }]);
        } else if said == "N" || date.state() == State::Null {
            draft.clear("extension", 29);
        }
        if let Ok(order) = pid.field(25).text().trim().parse::<u8>() {
            draft.choice("multipleBirth[x]", "multipleBirthInteger", order);
        } else if matches!(&*pid.field(24).text(), "Y" | "N") {
            draft.choice("multipleBirth[x]", "multipleBirthBoolean", pid.field(24).text() == "Y");
        } else if pid.field(24).state() == State::Null {
            draft.clear("multipleBirth[x]", 0);
        }
    }

    fn extensions(&self, draft: &mut Draft, pid: Segment<'m>) {
        let (field, name) = match self.profile.patient.ethnicity {
            EthnicityField::Pid22 => (22, "PID-22"),
            EthnicityField::Pid10 => (10, "PID-10"),
        };
        let one = |url: &str, concept: Option<Json>| -> Vec<Json> {
            concept.map(|c| extension(url, "valueCodeableConcept", c)).into_iter().collect()
        };
        draft.field_part("extension", 22, pid.field(field), |f| {
            one(ukcore!("Extension-UKCore-EthnicCategory"), self.national(f.first(), name, &tables::ETHNIC_CATEGORY))
        });
        draft.field_part("extension", 17, pid.field(17), |f| {
            one(&format!("{CORE}patient-religion"), self.concept(f.first(), "PID-17"))
        });
        draft.field_part("extension", 23, pid.field(23), |f| {
            let place = non_empty(f.whole()).map(|p| object! { "text": p.trim() });
            place.map(|p| extension(&format!("{CORE}patient-birthPlace"), "valueAddress", p)).into_iter().collect()
        });
        for (number, name, url) in [(26, "PID-26", "patient-citizenship"), (28, "PID-28", "patient-nationality")] {
            draft.field_part("extension", number, pid.field(usize::from(number)), |f| {
                let concept = self.concept(f.first(), name);
                let inner = concept.map(|c| extension("code", "valueCodeableConcept", c));
                inner.map(|i| object! { "extension": [i], "url": format!("{CORE}{url}") }).into_iter().collect()
            });
        }
    }

    /// A label on the Patient that access obeys: address, telephone, next of kin and practice leave through no output.
    fn restriction(&self, draft: &mut Draft, pid: Segment<'m>) {
        let rules = &self.profile.patient;
        let further: Option<Field<'m>> = rules.restricted_field.as_deref().and_then(|path| self.field_at(path));
        let protection = self.after(pid, "PD1").map(|pd1| pd1.field(12));
        // ARV-2 A (add) or U with ARV-3 about demographics or everything (HL7 v2.9 §3.4.17).
        let arv = self.message.segments().take_while(|s| s.name() != "PV1").filter(|s| s.name() == "ARV").any(|arv| {
            matches!(&*arv.field(2).text(), "A" | "U")
                && arv.field(3).reps().any(|r| matches!(&*r.text(), "ALL" | "DEM" | "LOC"))
        });
        let mut label = None;
        let mut lifted = false;
        for field in [protection, further].into_iter().flatten() {
            match field.state() {
                State::Absent => {}
                State::Null => lifted = true,
                State::Value => {
                    let said = field.text().trim().to_owned();
                    if rules.restricted.contains(&said) {
                        label =
                            label.max(Some(if said == "V" { ("V", "very restricted") } else { ("R", "restricted") }));
                    } else {
                        lifted = true;
                    }
                }
            }
        }
        if arv {
            label = label.max(Some(("R", "restricted")));
        }
        if let Some((code, display)) = label {
            draft.set("meta.security", Json::list(&[coding(CONFIDENTIALITY, code, display)]));
        } else if lifted {
            draft.clear("meta.security", 0);
        }
    }

    /// The field at `ZPD-4` (a component is not told apart here).
    pub fn field_at(&self, path: &str) -> Option<Field<'m>> {
        let (segment, field) = path.split_once('-')?;
        let field = field.split('.').next()?.parse().ok()?;
        Some(self.segment(segment)?.field(field))
    }
}

fn list(list: Vec<Json>) -> Option<Json> {
    (!list.is_empty()).then_some(Json::from(list))
}

/// A language by its two-letter code (BCP 47), as PID-15 gives it in the NHS.
fn language(code: &str) -> Option<Json> {
    let code = code.trim().to_ascii_lowercase();
    let code = match code.as_str() {
        "eng" => "en",
        "cym" | "wel" => "cy",
        short if short.len() == 2 && short.bytes().all(|b| b.is_ascii_alphabetic()) => short,
        _ => return None,
    };
    let coding = Object::new().text("system", "urn:ietf:bcp:47").text("code", code).value();
    Some(object! { "coding": [coding] })
}
