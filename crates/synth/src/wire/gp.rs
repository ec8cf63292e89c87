//! A practice's record of one patient, whole, as one transaction of UK Core resources; and the small bundles of a day's
//! work after that.

use super::{
    Outgoing,
    belief::Belief,
    fhir::{self, Bundle, Entries, LOINC, SNOMED},
    json::Json,
    minute_id,
};
use crate::{
    clinical::acute::NO_KNOWN_ALLERGY,
    dice::Dice,
    life::{
        Course, Life, Smoking, World,
        clinic::Clinic,
        practice::{Consultation, Dose, Measure, Mode, Practice, Reading},
    },
    people::Person,
    sources::{self, Staff},
    when::{at, days_between, iso_date, iso_instant, plus_days, plus_minutes},
};
use jiff::{Timestamp, civil::Date};
use std::sync::Arc;

/// What a practice writes with.
pub(crate) struct Pen<'a> {
    pub world: &'a World,
    pub person: &'a Person,
    pub life: &'a Life,
    pub belief: &'a Belief,
    pub source: u8,
}

impl Pen<'_> {
    fn subject(&self) -> String {
        format!("Patient/{}", self.belief.local)
    }

    fn id(&self, kind: char, key: &str) -> String {
        format!("{}-{kind}{key}", self.belief.local)
    }

    fn staff(&self, number: u64) -> Staff {
        sources::staff(self.world.seed, self.source, 0, number)
    }

    fn organisation(&self) -> (String, &'static str) {
        let who = sources::at(self.source);
        (format!("Organization/{}", who.ods), who.name)
    }

    /// The usual doctor of this patient.
    fn usual(&self) -> Staff {
        self.staff(self.person.index % 5)
    }

    /// The whole record as of `sent`.
    pub(crate) fn record(
        &self,
        practice: &Practice,
        about_me: Option<Date>,
        referrals: &[Arc<Clinic>],
        sent: Timestamp,
    ) -> Outgoing {
        let guess = 2_600
            + 700 * (practice.consultations.len() + practice.readings.len() + practice.doses.len())
            + 1_700 * self.life.courses.len();
        Bundle::new(self.source, guess).send(sent, |entries| {
            self.patient(entries);
            self.relatives(entries);
            self.problems(entries);
            self.allergies(entries);
            for (n, course) in self.life.courses.iter().enumerate() {
                // Two reasons for one medicine on one day are one prescription.
                let told = |before: &Course| before.drug == course.drug && before.from == course.from;
                if !self.life.courses.iter().take(n).any(told) {
                    self.course(entries, course);
                }
            }
            for consultation in &practice.consultations {
                self.consultation(entries, consultation);
            }
            for reading in &practice.readings {
                self.reading(entries, reading);
            }
            for dose in &practice.doses {
                self.dose(entries, dose);
            }
            super::adjustments::flags(entries, self.person, self.life, &self.subject(), &self.belief.local);
            super::background::write(entries, self.world, self.person, self.life, &self.subject(), &self.belief.local);
            for clinic in referrals {
                self.referral(entries, clinic);
            }
            if let Some(made) = about_me {
                super::about_me::write(
                    entries,
                    self.world,
                    self.person,
                    self.life,
                    made,
                    &self.subject(),
                    &self.belief.local,
                );
            }
            self.coming(entries);
        })
    }

    /// Who somebody is, and nothing of their past.
    pub(crate) fn registration(&self, sent: Timestamp) -> Outgoing {
        Bundle::new(self.source, 2_048).send(sent, |entries| self.patient(entries))
    }

    /// A day's work: one consultation with what came of it.
    pub(crate) fn visit(
        &self,
        consultation: &Consultation,
        readings: &[Reading],
        courses: &[Course],
        sent: Timestamp,
    ) -> Outgoing {
        Bundle::new(self.source, 4_096).send(sent, |entries| {
            self.consultation(entries, consultation);
            for reading in readings {
                self.reading(entries, reading);
            }
            for course in courses {
                self.course(entries, course);
            }
        })
    }

    /// A vaccination given.
    pub(crate) fn vaccination(&self, dose: &Dose, sent: Timestamp) -> Outgoing {
        Bundle::new(self.source, 2_048).send(sent, |entries| self.dose(entries, dose))
    }

    fn patient(&self, entries: &mut Entries<'_>) {
        entries.put("Patient", &self.belief.local, |j| {
            let (reference, _) = self.organisation();
            fhir::patient(j, self.person, self.belief, self.source, Some(&reference));
            fhir::reference(j, "managingOrganization", &reference);
        });
    }

    fn relatives(&self, entries: &mut Entries<'_>) {
        for (n, contact) in self.person.contacts.iter().enumerate() {
            entries.put("RelatedPerson", &self.id('r', &n.to_string()), |j| {
                fhir::profile(j, "RelatedPerson");
                j.one("extension", |j| {
                    j.text("url", &fhir::extension("ContactRank"));
                    j.raw("valuePositiveInt", &(n + 1).to_string());
                });
                j.raw("active", "true");
                fhir::reference(j, "patient", &self.subject());
                j.list("relationship", |j| {
                    let (code, display) = fhir::kin(contact.kin);
                    j.item(|j| fhir::coding(j, "http://terminology.hl7.org/CodeSystem/v3-RoleCode", code, display));
                    if contact.carer {
                        j.item(|j| {
                            fhir::coding(
                                j,
                                &fhir::code_system("AdditionalPersonRelationshipRole"),
                                "Carer",
                                "Carer of patient",
                            )
                        });
                    }
                });
                j.one("name", |j| {
                    j.text("family", &contact.family);
                    j.list("given", |j| j.text_item(&contact.given));
                    j.list("prefix", |j| j.text_item(contact.title));
                });
                j.one("telecom", |j| {
                    j.text("system", "phone");
                    j.text("value", &contact.phone);
                });
            });
        }
    }

    fn problems(&self, entries: &mut Entries<'_>) {
        for problem in self.life.problems.iter().filter(|p| p.onset <= self.life.until) {
            let row = problem.ill.row();
            entries.put("Condition", &self.id('c', &format!("{:?}", problem.ill).to_lowercase()), |j| {
                fhir::profile(j, "Condition");
                fhir::concept(
                    j,
                    "clinicalStatus",
                    "http://terminology.hl7.org/CodeSystem/condition-clinical",
                    "active",
                    "Active",
                );
                fhir::concept(
                    j,
                    "verificationStatus",
                    "http://terminology.hl7.org/CodeSystem/condition-ver-status",
                    "confirmed",
                    "Confirmed",
                );
                fhir::concepts(
                    j,
                    "category",
                    "http://terminology.hl7.org/CodeSystem/condition-category",
                    "problem-list-item",
                    "Problem List Item",
                );
                fhir::snomed(j, "code", &row.term);
                fhir::reference(j, "subject", &self.subject());
                j.text("onsetDateTime", &iso_date(problem.onset));
                j.text("recordedDate", &iso_date(problem.onset.max(plus_days(self.person.birth, 1))));
                let doctor = self.usual();
                fhir::named(j, "asserter", &format!("Practitioner/{}", doctor.id), &doctor.name());
            });
        }
    }

    fn allergies(&self, entries: &mut Entries<'_>) {
        let mut dice = Dice::new(self.world.seed, &[40, self.person.index]);
        if self.life.allergies.is_empty() {
            // About half of those without allergies were asked and said so; of the others nothing is known.
            if dice.chance(0.55) {
                let asked = plus_days(self.life.until, -dice.range(100, 3_000)).max(plus_days(self.person.birth, 1));
                entries.put("AllergyIntolerance", &self.id('a', "none"), |j| {
                    fhir::profile(j, "AllergyIntolerance");
                    self.allergy_status(j);
                    fhir::snomed(j, "code", &NO_KNOWN_ALLERGY);
                    fhir::reference(j, "patient", &self.subject());
                    j.text("recordedDate", &iso_date(asked));
                });
            }
            return;
        }
        for allergy in &self.life.allergies {
            let allergen = allergy.allergen;
            entries.put("AllergyIntolerance", &self.id('a', allergen.term.sct), |j| {
                fhir::profile(j, "AllergyIntolerance");
                self.allergy_status(j);
                j.text("type", "allergy");
                j.list("category", |j| j.text_item(allergen.category));
                if allergy.severe {
                    j.text("criticality", "high");
                }
                fhir::snomed(j, "code", &allergen.term);
                fhir::reference(j, "patient", &self.subject());
                j.text("onsetDateTime", &iso_date(allergy.since));
                j.text("recordedDate", &iso_date(plus_days(allergy.since, 3)));
                let doctor = self.usual();
                fhir::named(j, "asserter", &format!("Practitioner/{}", doctor.id), &doctor.name());
                if let Some((code, name)) = allergen.reaction {
                    j.one("reaction", |j| {
                        fhir::concepts(j, "manifestation", SNOMED, code, name);
                        j.text("severity", if allergy.severe { "severe" } else { "moderate" });
                    });
                }
            });
        }
    }

    fn allergy_status(&self, j: &mut Json) {
        fhir::concept(
            j,
            "clinicalStatus",
            "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical",
            "active",
            "Active",
        );
        fhir::concept(
            j,
            "verificationStatus",
            "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification",
            "confirmed",
            "Confirmed",
        );
    }

    fn course(&self, entries: &mut Entries<'_>, course: &Course) {
        let product = course.drug.product();
        let end = course.to.filter(|to| *to <= self.life.until);
        let status = match (end, course.repeat) {
            (None, _) => "active",
            (Some(_), true) => "stopped",
            (Some(_), false) => "completed",
        };
        let key = format!("{}{}", minute_id(at(course.from, 0)), course.drug as u8);
        let request = self.id('m', &key);
        entries.put("MedicationRequest", &request, |j| {
            fhir::profile(j, "MedicationRequest");
            j.text("status", status);
            j.text("intent", if course.repeat { "plan" } else { "order" });
            fhir::medicine(j, product);
            fhir::reference(j, "subject", &self.subject());
            j.text("authoredOn", &iso_date(course.from));
            let doctor = self.usual();
            fhir::named(j, "requester", &format!("Practitioner/{}", doctor.id), &doctor.name());
            if let Some(ill) = course.reason {
                j.one("reasonCode", |j| fhir::coding(j, SNOMED, ill.row().term.sct, ill.row().term.name));
            }
            fhir::concept(
                j,
                "courseOfTherapyType",
                "http://terminology.hl7.org/CodeSystem/medicationrequest-course-of-therapy",
                if course.repeat { "continuous" } else { "acute" },
                if course.repeat { "Continuous long term therapy" } else { "Short course (acute) therapy" },
            );
            j.one("dosageInstruction", |j| j.text("text", product.dose));
            j.object("dispenseRequest", |j| {
                fhir::period(j, "validityPeriod", &iso_date(course.from), end.map(iso_date).as_deref());
                j.object("quantity", |j| {
                    j.raw("value", product.quantity);
                    j.text("unit", product.unit);
                });
            });
            j.object("substitution", |j| j.raw("allowedBoolean", "true"));
        });
        if course.repeat {
            entries.put("MedicationStatement", &self.id('s', &key), |j| {
                fhir::profile(j, "MedicationStatement");
                // The day of the last issue: every four weeks from the start.
                let last = end.unwrap_or(self.life.until);
                let issues = (days_between(course.from, last) - 1).max(0) / 28;
                let issued = plus_days(course.from, issues * 28);
                j.one("extension", |j| {
                    j.text("url", &fhir::extension("MedicationStatementLastIssueDate"));
                    j.text("valueDateTime", &iso_date(issued));
                });
                j.one("identifier", |j| {
                    j.text("system", &format!("https://{}.wexmoor.example/Id/medication", sources::at(self.source).id));
                    j.text("value", &request);
                });
                j.one("basedOn", |j| j.text("reference", &format!("MedicationRequest/{request}")));
                j.text("status", status);
                fhir::medicine(j, product);
                fhir::reference(j, "subject", &self.subject());
                fhir::period(j, "effectivePeriod", &iso_date(course.from), end.map(iso_date).as_deref());
                j.text("dateAsserted", &iso_date(issued));
                j.one("dosage", |j| j.text("text", product.dose));
            });
        }
    }

    fn consultation(&self, entries: &mut Entries<'_>, c: &Consultation) {
        entries.put("Encounter", &self.id('e', &minute_id(c.at)), |j| {
            fhir::profile(j, "Encounter");
            j.text("status", "finished");
            j.object("class", |j| {
                let (code, display) = match c.mode {
                    Mode::Surgery => ("AMB", "ambulatory"),
                    Mode::Telephone => ("VR", "virtual"),
                    Mode::Home => ("HH", "home health"),
                };
                j.text("system", "http://terminology.hl7.org/CodeSystem/v3-ActCode");
                j.text("code", code);
                j.text("display", display);
            });
            let (code, display) = match c.mode {
                Mode::Surgery => ("185317003", "Telephone encounter"),
                Mode::Telephone => ("185317003", "Telephone encounter"),
                Mode::Home => ("439708006", "Home visit"),
            };
            if c.mode == Mode::Surgery {
                fhir::concepts(j, "type", SNOMED, "308335008", "Patient encounter procedure");
            } else {
                fhir::concepts(j, "type", SNOMED, code, display);
            }
            fhir::reference(j, "subject", &self.subject());
            let staff = self.staff(c.staff);
            j.one("participant", |j| {
                fhir::named(j, "individual", &format!("Practitioner/{}", staff.id), &staff.name())
            });
            fhir::period(j, "period", &iso_instant(c.at), Some(&iso_instant(plus_minutes(c.at, 10))));
            fhir::concepts(j, "reasonCode", SNOMED, c.reason.sct, c.reason.name);
            let (organisation, name) = self.organisation();
            fhir::named(j, "serviceProvider", &organisation, name);
        });
    }

    fn reading(&self, entries: &mut Entries<'_>, reading: &Reading) {
        let letter = match reading.measure {
            Measure::BloodPressure(..) => "b",
            Measure::Weight(..) => "w",
            Measure::Height(..) => "h",
            Measure::Pulse(..) => "p",
            Measure::Smoking(..) => "t",
            Measure::Hba1c(..) => "g",
            Measure::Egfr(..) => "k",
        };
        let when = iso_instant(reading.at);
        let head = |j: &mut Json, profile: &str, category: (&str, &str), coding: (&str, &str, &str)| {
            fhir::profile(j, profile);
            j.text("status", "final");
            fhir::category(j, category.0, category.1);
            fhir::concept(j, "code", coding.0, coding.1, coding.2);
            fhir::reference(j, "subject", &self.subject());
            j.text("effectiveDateTime", &when);
            let (organisation, name) = self.organisation();
            j.one("performer", |j| {
                j.text("reference", &organisation);
                j.text("display", name);
            });
        };
        const VITAL: (&str, &str) = ("vital-signs", "Vital Signs");
        let id = self.id('o', &format!("{letter}{}", minute_id(reading.at)));
        entries.put("Observation", &id, |j| match reading.measure {
            Measure::BloodPressure(systolic, diastolic) => {
                head(
                    j,
                    "Observation-VitalSigns-BloodPressure",
                    VITAL,
                    (LOINC, "85354-9", "Blood pressure panel with all children optional"),
                );
                j.list("component", |j| {
                    for (loinc, sct, name, value) in [
                        ("8480-6", "271649006", "Systolic blood pressure", systolic),
                        ("8462-4", "271650006", "Diastolic blood pressure", diastolic),
                    ] {
                        j.item(|j| {
                            j.object("code", |j| {
                                j.list("coding", |j| {
                                    for (system, code) in [(LOINC, loinc), (SNOMED, sct)] {
                                        j.item(|j| {
                                            j.text("system", system);
                                            j.text("code", code);
                                            j.text("display", name);
                                        });
                                    }
                                });
                                j.text("text", name);
                            });
                            fhir::quantity(j, "valueQuantity", &value.to_string(), "millimeter of mercury", "mm[Hg]");
                        });
                    }
                });
            }
            Measure::Weight(kg, bmi) => {
                head(j, "Observation-VitalSigns-BodyWeight", VITAL, (LOINC, "29463-7", "Body weight"));
                fhir::quantity(j, "valueQuantity", &format!("{kg:.1}"), "kilogram", "kg");
                j.one("component", |j| {
                    fhir::concept(j, "code", LOINC, "39156-5", "Body mass index");
                    fhir::quantity(j, "valueQuantity", &format!("{bmi:.1}"), "kg/m2", "kg/m2");
                });
            }
            Measure::Height(cm) => {
                head(j, "Observation-VitalSigns-BodyHeight", VITAL, (LOINC, "8302-2", "Body height"));
                fhir::quantity(j, "valueQuantity", &format!("{cm:.0}"), "centimeter", "cm");
            }
            Measure::Pulse(rate) => {
                head(j, "Observation-VitalSigns-HeartRate", VITAL, (LOINC, "8867-4", "Heart rate"));
                fhir::quantity(j, "valueQuantity", &rate.to_string(), "per minute", "/min");
            }
            Measure::Smoking(smoking) => {
                head(
                    j,
                    "Observation-TobaccoConsumption",
                    ("social-history", "Social History"),
                    (SNOMED, "365981007", "Finding of tobacco smoking behaviour"),
                );
                let (code, name) = match smoking {
                    Smoking::Never => ("266919005", "Never smoked tobacco"),
                    Smoking::Former => ("8517006", "Ex-smoker"),
                    Smoking::Current => ("77176002", "Smoker"),
                };
                fhir::concept(j, "valueCodeableConcept", SNOMED, code, name);
            }
            Measure::Hba1c(value) => {
                head(
                    j,
                    "Observation-Lab",
                    ("laboratory", "Laboratory"),
                    (LOINC, "59261-8", "Hemoglobin A1c/Hemoglobin.total in Blood by IFCC protocol"),
                );
                fhir::quantity(j, "valueQuantity", &value.to_string(), "mmol/mol", "mmol/mol");
                limits(j, None, Some(41), "mmol/mol");
            }
            Measure::Egfr(value) => {
                head(
                    j,
                    "Observation-Lab",
                    ("laboratory", "Laboratory"),
                    (LOINC, "62238-1", "Glomerular filtration rate predicted by Creatinine-based formula (CKD-EPI)"),
                );
                fhir::quantity(j, "valueQuantity", &value.to_string(), "mL/min/1.73m2", "mL/min/{1.73_m2}");
                limits(j, Some(60), None, "mL/min/1.73m2");
            }
        });
    }

    fn dose(&self, entries: &mut Entries<'_>, dose: &Dose) {
        let key = format!("{}{}", minute_id(dose.at), dose.vaccine.target.0);
        entries.put("Immunization", &self.id('i', &key), |j| {
            fhir::profile(j, "Immunization");
            j.text("status", "completed");
            fhir::concept(j, "vaccineCode", SNOMED, dose.vaccine.code, dose.vaccine.name);
            fhir::reference(j, "patient", &self.subject());
            j.text("occurrenceDateTime", &iso_instant(dose.at));
            j.raw("primarySource", "true");
            j.text("lotNumber", &format!("WX{}", dose.batch));
            let (code, name) = if dose.left {
                ("16217661000119109", "Structure of left deltoid muscle")
            } else {
                ("16217701000119102", "Structure of right deltoid muscle")
            };
            fhir::concept(j, "site", SNOMED, code, name);
            fhir::concept(j, "route", SNOMED, "78421000", "Intramuscular route");
            let nurse = self.staff(6 + u64::from(dose.number) % 2);
            j.one("performer", |j| fhir::named(j, "actor", &format!("Practitioner/{}", nurse.id), &nurse.name()));
            j.one("protocolApplied", |j| {
                fhir::concepts(j, "targetDisease", SNOMED, dose.vaccine.target.0, dose.vaccine.target.1);
                j.raw("doseNumberPositiveInt", &dose.number.to_string());
            });
        });
    }

    /// A referral to a hospital clinic.
    fn referral(&self, entries: &mut Entries<'_>, clinic: &Clinic) {
        entries.put("ServiceRequest", &self.id('q', &minute_id(clinic.booked)), |j| {
            fhir::profile(j, "ServiceRequest");
            j.text("status", if clinic.seen() < at(self.world.start, 0) { "completed" } else { "active" });
            j.text("intent", "order");
            fhir::concepts(j, "category", SNOMED, "3457005", "Patient referral");
            j.text("priority", "routine");
            j.object("code", |j| j.text("text", &format!("Referral to {}", sources::specialty_name(clinic.specialty))));
            fhir::reference(j, "subject", &self.subject());
            j.text("authoredOn", &iso_instant(clinic.booked));
            let doctor = self.usual();
            fhir::named(j, "requester", &format!("Practitioner/{}", doctor.id), &doctor.name());
            let hospital = sources::at(clinic.hospital);
            j.one("performer", |j| {
                j.object("identifier", |j| {
                    j.text("system", fhir::ODS);
                    j.text("value", hospital.ods);
                });
                j.text("display", hospital.name);
            });
            j.one("reasonCode", |j| fhir::coding(j, SNOMED, clinic.reason.sct, clinic.reason.name));
        });
    }

    /// Appointments to come at the practice.
    fn coming(&self, entries: &mut Entries<'_>) {
        let mut dice = Dice::new(self.world.seed, &[41, self.person.index]);
        let share = 0.06 + 0.05 * crate::dice::real(self.life.long_term.min(8) as u64);
        if self.person.death.is_some() || !dice.chance(share) {
            return;
        }
        let day: Date = plus_days(self.world.start, dice.range(1, 28));
        let when = crate::life::practice::surgery_time(day, &mut dice);
        let staff = self.staff(dice.below(9));
        entries.put("Appointment", &self.id('n', &minute_id(when)), |j| {
            fhir::profile(j, "Appointment");
            j.text("status", "booked");
            j.text("description", "Routine appointment");
            j.text("start", &iso_instant(when));
            j.text("end", &iso_instant(plus_minutes(when, 10)));
            j.text("created", &iso_date(plus_days(self.world.start, -3)));
            j.list("participant", |j| {
                j.item(|j| {
                    fhir::reference(j, "actor", &self.subject());
                    j.text("status", "accepted");
                });
                j.item(|j| {
                    fhir::named(j, "actor", &format!("Practitioner/{}", staff.id), &staff.name());
                    j.text("status", "accepted");
                });
            });
        });
    }
}

fn limits(j: &mut Json, low: Option<i64>, high: Option<i64>, unit: &str) {
    j.one("referenceRange", |j| {
        for (key, value) in [("low", low), ("high", high)] {
            if let Some(value) = value {
                j.object(key, |j| {
                    j.raw("value", &value.to_string());
                    j.text("unit", unit);
                });
            }
        }
    });
}
