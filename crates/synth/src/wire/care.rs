//! What the community trust, the mental health trust, the ambulance service and the council send: each a bundle a person,
//! of those it knows.

use super::{
    Outgoing,
    belief::Belief,
    fhir::{self, Bundle, Entries, LOINC, SNOMED},
    json::Json,
    minute_id,
    results::Vitals,
};
use crate::{
    clinical::illness::Ill,
    dice::Dice,
    life::{
        Life, World,
        plans::{Care, Incident, Mental, Nursing, Package, Respect},
    },
    people::Person,
    sources::{self, Staff},
    when::{at, day_of, iso_date, iso_instant, plus_days, plus_minutes},
};
use jiff::{Timestamp, civil::Date};

/// What such a source writes with.
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

    fn id(&self, kind: &str) -> String {
        format!("{}-{kind}", self.belief.local)
    }

    fn staff(&self, group: u64, number: u64) -> Staff {
        sources::staff(self.world.seed, self.source, group, number)
    }

    fn organisation(&self, j: &mut Json, key: &str) {
        let who = sources::at(self.source);
        fhir::named(j, key, &format!("Organization/{}", who.ods), who.name);
    }

    fn practitioner(&self, j: &mut Json, key: &str, staff: &Staff) {
        fhir::named(j, key, &format!("Practitioner/{}", staff.id), &staff.name());
    }

    fn patient(&self, entries: &mut Entries<'_>) {
        entries.put("Patient", &self.belief.local, |j| {
            fhir::patient(j, self.person, self.belief, self.source, None);
            self.organisation(j, "managingOrganization");
        });
    }

    fn encounter(&self, entries: &mut Entries<'_>, when: Timestamp, minutes: i64, class: (&str, &str), staff: &Staff, reason: (&str, &str)) {
        entries.put("Encounter", &self.id(&format!("e{}", minute_id(when))), |j| {
            fhir::profile(j, "Encounter");
            j.text("status", "finished");
            j.object("class", |j| {
                j.text("system", "http://terminology.hl7.org/CodeSystem/v3-ActCode");
                j.text("code", class.0);
                j.text("display", class.1);
            });
            fhir::reference(j, "subject", &self.subject());
            j.one("participant", |j| self.practitioner(j, "individual", staff));
            fhir::period(j, "period", &iso_instant(when), Some(&iso_instant(plus_minutes(when, minutes))));
            fhir::concepts(j, "reasonCode", SNOMED, reason.0, reason.1);
            self.organisation(j, "serviceProvider");
        });
    }

    fn team(&self, entries: &mut Entries<'_>, name: &str, members: &[Staff], since: Date) {
        entries.put("CareTeam", &self.id("team"), |j| {
            fhir::profile(j, "CareTeam");
            j.text("status", "active");
            j.text("name", name);
            fhir::reference(j, "subject", &self.subject());
            fhir::period(j, "period", &iso_date(since), None);
            j.list("participant", |j| {
                for member in members {
                    j.item(|j| {
                        j.one("role", |j| j.text("text", member.role));
                        self.practitioner(j, "member", member);
                    });
                }
            });
            let who = sources::at(self.source);
            j.one("managingOrganization", |j| {
                j.text("reference", &format!("Organization/{}", who.ods));
                j.text("display", who.name);
            });
        });
    }

    fn episode(&self, entries: &mut Entries<'_>, since: Date, kind: &str, manager: &Staff) {
        entries.put("EpisodeOfCare", &self.id("episode"), |j| {
            fhir::profile(j, "EpisodeOfCare");
            j.text("status", "active");
            j.one("type", |j| j.text("text", kind));
            fhir::reference(j, "patient", &self.subject());
            self.organisation(j, "managingOrganization");
            fhir::period(j, "period", &iso_date(since), None);
            self.practitioner(j, "careManager", manager);
            j.one("team", |j| j.text("reference", &format!("CareTeam/{}", self.id("team"))));
        });
    }

    /// A plan: its kind as a SNOMED CT document or plan concept, and what it says.
    fn plan(&self, entries: &mut Entries<'_>, key: &str, plan: &Plan<'_>) {
        entries.put("CarePlan", &self.id(key), |j| {
            fhir::profile(j, "CarePlan");
            if let Some(former) = plan.replaces {
                j.one("replaces", |j| j.text("reference", &format!("CarePlan/{}", self.id(former))));
            }
            j.text("status", if plan.superseded { "revoked" } else { "active" });
            j.text("intent", "plan");
            match plan.kind {
                Some((code, name)) => fhir::concepts(j, "category", SNOMED, code, name),
                None => j.one("category", |j| j.text("text", plan.title)),
            }
            j.text("title", plan.title);
            j.text("description", plan.summary);
            fhir::reference(j, "subject", &self.subject());
            fhir::period(j, "period", &iso_date(plan.made), plan.ends.map(iso_date).as_deref());
            j.text("created", &iso_date(plan.made));
            self.practitioner(j, "author", plan.author);
            j.list("activity", |j| {
                for (code, what) in plan.activities {
                    j.item(|j| {
                        j.object("detail", |j| {
                            if let Some((code, name)) = code {
                                fhir::concept(j, "code", SNOMED, code, name);
                            }
                            j.text("status", if plan.superseded { "stopped" } else { "scheduled" });
                            j.text("description", what);
                        });
                    });
                }
            });
        });
    }

    fn flag(&self, entries: &mut Entries<'_>, key: &str, category: (&str, &str), text: &str, since: Date) {
        entries.put("Flag", &self.id(&format!("f{key}")), |j| {
            fhir::profile(j, "Flag");
            j.text("status", "active");
            fhir::concepts(j, "category", "http://terminology.hl7.org/CodeSystem/flag-category", category.0, category.1);
            j.object("code", |j| j.text("text", text));
            fhir::reference(j, "subject", &self.subject());
            fhir::period(j, "period", &iso_date(since), None);
            self.organisation(j, "author");
        });
    }

    /// The community trust: nurses, ReSPECT, emergency plan.
    pub(crate) fn community(&self, care: &Care, sent: Timestamp) -> Outgoing {
        Bundle::new(self.source, 12_000).send(sent, |entries| {
            self.patient(entries);
            if let Some(nursing) = &care.nursing {
                self.nursing(entries, nursing);
            }
            if let Some(respect) = &care.respect {
                self.respect(entries, respect);
            }
            if let Some(made) = care.emergency_plan {
                self.emergency_plan(entries, made);
            }
        })
    }

    fn nursing(&self, entries: &mut Entries<'_>, nursing: &Nursing) {
        let lead = self.staff(0, nursing.team * 2);
        let nurse = self.staff(0, nursing.team * 2 + 1);
        let therapist = self.staff(1, nursing.team % 6);
        let name = format!("{} district nursing team", sources::at(sources::practice(self.person.practice)).town);
        self.team(entries, &name, &[lead.clone(), nurse.clone(), therapist], nursing.since);
        self.episode(entries, nursing.since, "District nursing", &lead);
        let term = nursing.need.term();
        self.plan(
            entries,
            "nursing",
            &Plan {
                kind: None,
                title: "District nursing care plan",
                summary: nursing.need.plan(),
                made: nursing.since,
                ends: None,
                superseded: false,
                replaces: None,
                author: &lead,
                activities: &[(Some((term.sct, term.name)), nursing.need.plan())],
            },
        );
        for visit in &nursing.visits {
            self.nurse_visit(entries, nursing, *visit, &nurse);
        }
    }

    fn nurse_visit(&self, entries: &mut Entries<'_>, nursing: &Nursing, visit: Timestamp, nurse: &Staff) {
        let term = nursing.need.term();
        self.encounter(entries, visit, 25, ("HH", "home health"), nurse, (term.sct, term.name));
        let mut dice = Dice::new(self.world.seed, &[81, self.person.index, u64::try_from(visit.as_second()).unwrap_or(0)]);
        match nursing.need {
            crate::life::plans::Need::Insulin => {
                let value = self.life.body.value(crate::clinical::analytes::An::Glucose, day_of(visit), self.life, 0.0, 0.0) + dice.normal(0.0, 1.8);
                self.number(entries, "g", visit, (LOINC, "14743-9", "Glucose [Moles/volume] in Capillary blood by Glucometer"), &format!("{:.1}", value.clamp(3.1, 24.0)), "mmol/L", "mmol/L");
            }
            crate::life::plans::Need::Wound if dice.chance(0.2) => {
                let days = crate::when::days_between(nursing.since, day_of(visit));
                let centimetres = (6.5 - crate::dice::real_i(days) * 0.012 + dice.normal(0.0, 0.3)).max(0.6);
                self.number(entries, "w", visit, (LOINC, "39126-8", "Length of Wound"), &format!("{centimetres:.1}"), "cm", "cm");
            }
            _ => {}
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one observation, all its parts")]
    fn number(&self, entries: &mut Entries<'_>, key: &str, when: Timestamp, code: (&str, &str, &str), value: &str, unit: &str, ucum: &str) {
        entries.put("Observation", &self.id(&format!("o{key}{}", minute_id(when))), |j| {
            fhir::profile(j, "Observation");
            j.text("status", "final");
            fhir::category(j, "vital-signs", "Vital Signs");
            fhir::concept(j, "code", code.0, code.1, code.2);
            fhir::reference(j, "subject", &self.subject());
            j.text("effectiveDateTime", &iso_instant(when));
            fhir::quantity(j, "valueQuantity", value, unit, ucum);
        });
    }

    /// A nurse's visit today.
    pub(crate) fn nurse_today(&self, nursing: &Nursing, visit: Timestamp, sent: Timestamp) -> Outgoing {
        let nurse = self.staff(0, nursing.team * 2 + 1);
        Bundle::new(self.source, 2_000).send(sent, |entries| self.nurse_visit(entries, nursing, visit, &nurse))
    }

    fn respect(&self, entries: &mut Entries<'_>, respect: &Respect) {
        let author = self.staff(0, 0);
        let kind = Some(("1382601000000107", "ReSPECT (Recommended Summary Plan for Emergency Care and Treatment) form"));
        let title = "ReSPECT: recommended summary plan for emergency care and treatment";
        if let Some(former) = respect.former {
            self.plan(
                entries,
                "respect-1",
                &Plan {
                    kind,
                    title,
                    summary: "Superseded. For full treatment, including attempts at resuscitation.",
                    made: former,
                    ends: Some(respect.made),
                    superseded: true,
                    replaces: None,
                    author: &author,
                    activities: &[
                        (Some(("450475007", "For attempted cardiopulmonary resuscitation")), "CPR attempts recommended"),
                        (None, "Priority: prolonging life. For admission to hospital and intensive care."),
                    ],
                },
            );
        }
        let cpr = if respect.attempt_cpr {
            (Some(("450475007", "For attempted cardiopulmonary resuscitation")), "CPR attempts recommended")
        } else {
            (Some(("450476008", "Not for attempted cardiopulmonary resuscitation")), "CPR attempts NOT recommended")
        };
        let place = if respect.hospital {
            (None, "For admission to hospital for treatable problems (infection, fracture). Not for intensive care or ventilation.")
        } else {
            (None, "Prefers to stay at home. Not for admission unless comfort cannot be achieved there.")
        };
        let capacity = if respect.capacity {
            (None, "Has capacity for these decisions and took part in making them.")
        } else {
            (None, "Lacked capacity; decided in best interests with the family and the attorney for health and welfare.")
        };
        let summary = if respect.attempt_cpr {
            "Balance between comfort and prolonging life; CPR attempts recommended."
        } else {
            "Priority is comfort; CPR attempts not recommended."
        };
        self.plan(
            entries,
            "respect-2",
            &Plan {
                kind,
                title,
                summary,
                made: respect.made,
                ends: None,
                superseded: false,
                replaces: respect.former.map(|_| "respect-1"),
                author: &author,
                activities: &[
                    cpr,
                    (None, "What matters most: being at home with familiar faces, being free of pain, not being a burden."),
                    place,
                    capacity,
                    (None, "Review when the condition changes, on transfer, or within twelve months."),
                ],
            },
        );
        if !respect.attempt_cpr {
            self.flag(entries, "cpr", ("clinical", "Clinical"), "ReSPECT form in place: CPR attempts not recommended", respect.made);
        }
    }

    fn emergency_plan(&self, entries: &mut Entries<'_>, made: Date) {
        let author = self.staff(0, 0);
        let breathless = self.life.has(Ill::HeartFailure, made) || self.life.has(Ill::Copd, made);
        let first = if breathless {
            "If more breathless: sit up, use the reliever or an extra water tablet as agreed, ring the community team on 01632 960300."
        } else {
            "If unwell or fallen without injury: ring the community team on 01632 960300 before 999."
        };
        self.plan(
            entries,
            "emergency",
            &Plan {
                kind: Some(("325691000000100", "Contingency plan")),
                title: "Urgent and contingency care plan",
                summary: "What to do first when things change, and whom to ring.",
                made,
                ends: None,
                superseded: false,
                replaces: None,
                author: &author,
                activities: &[
                    (None, first),
                    (None, "If the carer falls ill: the council's emergency duty team (01632 960400) arranges cover the same day."),
                    (None, "Bag for hospital is packed: hearing aids, glasses, medicines list, this plan."),
                ],
            },
        );
    }

    /// The mental health trust.
    pub(crate) fn mental(&self, mental: &Mental, sent: Timestamp) -> Outgoing {
        Bundle::new(self.source, 10_000).send(sent, |entries| {
            self.patient(entries);
            let coordinator = self.staff(0, mental.coordinator);
            let psychiatrist = self.staff(0, mental.coordinator % 4);
            self.team(entries, mental.team, &[coordinator.clone(), psychiatrist.clone()], mental.since);
            self.episode(entries, mental.since, mental.team, &coordinator);
            let term = mental.because.row().term;
            entries.put("Condition", &self.id("diagnosis"), |j| {
                fhir::profile(j, "Condition");
                fhir::concept(j, "clinicalStatus", "http://terminology.hl7.org/CodeSystem/condition-clinical", "active", "Active");
                fhir::concepts(j, "category", "http://terminology.hl7.org/CodeSystem/condition-category", "problem-list-item", "Problem List Item");
                fhir::snomed(j, "code", &term);
                fhir::reference(j, "subject", &self.subject());
                j.text("recordedDate", &iso_date(mental.since));
                self.practitioner(j, "asserter", &psychiatrist);
            });
            for (n, contact) in mental.contacts.iter().enumerate() {
                let staff = if n % 6 == 0 { &psychiatrist } else { &coordinator };
                let class = if n % 3 == 0 { ("HH", "home health") } else { ("AMB", "ambulatory") };
                self.encounter(entries, *contact, 45, class, staff, (term.sct, term.name));
            }
            if let Some(made) = mental.crisis_plan {
                self.crisis_plan(entries, mental, made, &coordinator);
            }
            if let Some(detained) = mental.detained {
                self.detention(entries, detained, &psychiatrist, (term.sct, term.name));
            }
            let next = at(plus_days(self.world.start, 3 + i64::from(self.person.birth.day())), 10 * 60 + 30);
            if self.person.death.is_none() {
                self.appointment(entries, next, 45, "Care coordinator review", &coordinator);
            }
        })
    }

    /// A contact with the mental health team today.
    pub(crate) fn contact_today(&self, mental: &Mental, when: Timestamp, sent: Timestamp) -> Outgoing {
        let coordinator = self.staff(0, mental.coordinator);
        let term = mental.because.row().term;
        Bundle::new(self.source, 2_000)
            .send(sent, |entries| self.encounter(entries, when, 45, ("AMB", "ambulatory"), &coordinator, (term.sct, term.name)))
    }

    fn crisis_plan(&self, entries: &mut Entries<'_>, mental: &Mental, made: Date, author: &Staff) {
        let signs = match mental.because {
            Ill::Bipolar => "Early signs: sleeping under four hours, spending, starting many things at once, irritable with family.",
            Ill::Schizophrenia => "Early signs: hearing the voices louder, keeping curtains closed, not answering the telephone.",
            Ill::Dementia => "Early signs: walking at night, refusing food, frightened of carers.",
            _ => "Early signs: staying in bed, not eating, saying there is no point.",
        };
        let rings = self
            .person
            .contacts
            .first()
            .map(|c| format!("Whom to ring: {} {} ({}), then the crisis line 01632 960500, day and night.", c.given, c.family, c.phone))
            .unwrap_or_else(|| "Whom to ring: the crisis line 01632 960500, day and night.".to_owned());
        self.plan(
            entries,
            "crisis",
            &Plan {
                kind: Some(("736253002", "Mental health crisis plan")),
                title: "Crisis plan",
                summary: "Made together with the person; what helps, what does not, whom to ring.",
                made,
                ends: None,
                superseded: false,
                replaces: None,
                author,
                activities: &[
                    (None, signs),
                    (None, "What helps: a quiet room, one person talking at a time, being told what happens next, walking."),
                    (None, "What does not help: being touched without warning, several staff at once, being left alone in a waiting room."),
                    (None, rings.as_str()),
                    (None, "In the emergency department: please ask the liaison team to come before any decision to send home."),
                ],
            },
        );
    }

    fn detention(&self, entries: &mut Entries<'_>, from: Date, psychiatrist: &Staff, reason: (&str, &str)) {
        let start = at(from, 17 * 60 + 20);
        entries.put("Encounter", &self.id(&format!("i{}", minute_id(start))), |j| {
            fhir::profile(j, "Encounter");
            j.one("extension", |j| {
                j.text("url", &fhir::extension("LegalStatus"));
                j.one("extension", |j| {
                    j.text("url", "legalStatusClassification");
                    fhir::concept(j, "valueCodeableConcept", &fhir::code_system("LegalStatusClassificationEngland"), "02", "Formally detained under Mental Health Act Section 2");
                });
            });
            j.text("status", "finished");
            j.object("class", |j| {
                j.text("system", "http://terminology.hl7.org/CodeSystem/v3-ActCode");
                j.text("code", "IMP");
                j.text("display", "inpatient encounter");
            });
            fhir::reference(j, "subject", &self.subject());
            j.one("participant", |j| self.practitioner(j, "individual", psychiatrist));
            fhir::period(j, "period", &iso_instant(start), Some(&iso_instant(at(plus_days(from, 19), 11 * 60))));
            fhir::concepts(j, "reasonCode", SNOMED, reason.0, reason.1);
            self.organisation(j, "serviceProvider");
        });
    }

    fn appointment(&self, entries: &mut Entries<'_>, when: Timestamp, minutes: i64, what: &str, staff: &Staff) {
        entries.put("Appointment", &self.id(&format!("n{}", minute_id(when))), |j| {
            fhir::profile(j, "Appointment");
            j.text("status", "booked");
            j.text("description", what);
            j.text("start", &iso_instant(when));
            j.text("end", &iso_instant(plus_minutes(when, minutes)));
            j.list("participant", |j| {
                j.item(|j| {
                    fhir::reference(j, "actor", &self.subject());
                    j.text("status", "accepted");
                });
                j.item(|j| {
                    self.practitioner(j, "actor", staff);
                    j.text("status", "accepted");
                });
            });
        });
    }

    /// The council: the package of care and who arranges it.
    pub(crate) fn council(&self, package: &Package, sent: Timestamp) -> Outgoing {
        Bundle::new(self.source, 6_000).send(sent, |entries| {
            self.patient(entries);
            let worker = self.staff(0, package.worker);
            self.team(entries, "Adult social care, locality team", std::slice::from_ref(&worker), package.since);
            let calls: &[&str] = match package.calls_a_day {
                1 => &["Morning call 08:00, 45 minutes, every day: washing, dressing, breakfast, medicines prompt"],
                2 => &[
                    "Morning call 07:45, 45 minutes, every day: washing, dressing, breakfast, medicines prompt",
                    "Evening call 18:30, 30 minutes, every day: supper, getting ready for bed",
                ],
                3 => &[
                    "Morning call 07:30, 45 minutes, every day: washing, dressing, breakfast, medicines prompt",
                    "Lunch call 12:30, 30 minutes, every day: meal, drink, medicines prompt",
                    "Evening call 18:45, 30 minutes, every day: supper, getting ready for bed",
                ],
                _ => &[
                    "Morning call 07:30, 45 minutes, two carers: washing, dressing, hoist transfer, breakfast",
                    "Lunch call 12:30, 30 minutes, two carers: meal, drink, pad change",
                    "Tea call 16:30, 30 minutes, two carers: drink, pad change",
                    "Night call 20:30, 45 minutes, two carers: into bed, skin check",
                ],
            };
            let provider = format!("Provided by {}.", package.provider);
            let mut activities: Vec<(Option<(&str, &str)>, &str)> = calls.iter().map(|c| (None, *c)).collect();
            activities.push((None, provider.as_str()));
            self.plan(
                entries,
                "package",
                &Plan {
                    kind: None,
                    title: "Package of care",
                    summary: "Care at home under the Care Act, reviewed each year.",
                    made: package.since,
                    ends: None,
                    superseded: false,
                    replaces: None,
                    author: &worker,
                    activities: &activities,
                },
            );
            if let Some(code) = package.key_safe {
                let text = format!("Key safe to the left of the front door, code {code}");
                self.flag(entries, "keysafe", ("admin", "Administrative"), &text, package.since);
            }
            if self.person.lives_alone {
                self.flag(entries, "alone", ("safety", "Safety"), "Lives alone", package.since);
            }
            if package.attorney {
                let who = self.person.contacts.first().map(|c| format!(": {} {}, {}", c.given, c.family, c.phone)).unwrap_or_default();
                self.flag(entries, "lpa", ("admin", "Administrative"), &format!("Lasting power of attorney for health and welfare{who}"), package.since);
            }
            for (n, contact) in self.person.contacts.iter().enumerate().filter(|(_, c)| c.carer) {
                entries.put("RelatedPerson", &self.id(&format!("r{n}")), |j| {
                    fhir::profile(j, "RelatedPerson");
                    j.raw("active", "true");
                    fhir::reference(j, "patient", &self.subject());
                    j.list("relationship", |j| {
                        let (code, display) = fhir::kin(contact.kin);
                        j.item(|j| fhir::coding(j, "http://terminology.hl7.org/CodeSystem/v3-RoleCode", code, display));
                        j.item(|j| fhir::coding(j, &fhir::code_system("AdditionalPersonRelationshipRole"), "Carer", "Carer of patient"));
                    });
                    j.one("name", |j| {
                        j.text("family", &contact.family);
                        j.list("given", |j| j.text_item(&contact.given));
                    });
                    j.one("telecom", |j| {
                        j.text("system", "phone");
                        j.text("value", &contact.phone);
                    });
                });
            }
        })
    }

    /// The ambulance service: one bundle with every visit of its crews.
    pub(crate) fn ambulance(&self, incidents: &[Incident], sent: Timestamp) -> Outgoing {
        Bundle::new(self.source, 4_000 + incidents.len() * 6_000).send(sent, |entries| {
            self.patient(entries);
            for incident in incidents {
                self.incident(entries, incident);
            }
        })
    }

    fn incident(&self, entries: &mut Entries<'_>, incident: &Incident) {
        let crew = self.staff(0, incident.crew);
        let key = minute_id(incident.at);
        let encounter = self.id(&format!("e{key}"));
        let complaint = incident.reason.complaint;
        let minutes = if incident.conveyed.is_some() { 55 } else { 75 };
        entries.put("Encounter", &encounter, |j| {
            fhir::profile(j, "Encounter");
            j.one("identifier", |j| {
                j.text("system", "https://wexmoor-ambulance.wexmoor.example/Id/incident");
                j.text("value", &format!("CAD{}", key.to_uppercase()));
            });
            j.text("status", "finished");
            j.object("class", |j| {
                j.text("system", "http://terminology.hl7.org/CodeSystem/v3-ActCode");
                j.text("code", "FLD");
                j.text("display", "field");
            });
            fhir::reference(j, "subject", &self.subject());
            j.one("participant", |j| self.practitioner(j, "individual", &crew));
            fhir::period(j, "period", &iso_instant(incident.at), Some(&iso_instant(plus_minutes(incident.at, minutes))));
            fhir::concepts(j, "reasonCode", SNOMED, complaint.sct, complaint.name);
            if let Some(hospital) = incident.conveyed {
                j.object("hospitalization", |j| {
                    j.object("destination", |j| {
                        j.object("identifier", |j| {
                            j.text("system", fhir::ODS);
                            j.text("value", sources::site(hospital));
                        });
                        j.text("display", sources::at(hospital).name);
                    });
                });
            }
            self.organisation(j, "serviceProvider");
        });
        entries.put("Condition", &self.id(&format!("c{key}")), |j| {
            fhir::profile(j, "Condition");
            fhir::concept(j, "clinicalStatus", "http://terminology.hl7.org/CodeSystem/condition-clinical", "active", "Active");
            fhir::concepts(j, "category", "http://terminology.hl7.org/CodeSystem/condition-category", "encounter-diagnosis", "Encounter Diagnosis");
            fhir::snomed(j, "code", &complaint);
            fhir::reference(j, "subject", &self.subject());
            fhir::reference(j, "encounter", &format!("Encounter/{encounter}"));
            j.text("recordedDate", &iso_instant(plus_minutes(incident.at, 20)));
            if incident.conveyed.is_none() {
                j.one("note", |j| j.text("text", "Seen and treated at home. No injury found, walked with usual aid. Practice told; advised to ring back if worse."));
            }
        });
        let seconds = u64::try_from(incident.at.as_second()).unwrap_or(0);
        let mut dice = Dice::new(self.world.seed, &[82, self.person.index, seconds]);
        let (systolic, diastolic) = self.life.body.blood_pressure(day_of(incident.at), self.life);
        let lungs = self.life.has(Ill::Copd, day_of(incident.at));
        let vitals = Vitals::of(incident.reason.severity, systolic, diastolic, lungs, &mut dice);
        let when = plus_minutes(incident.at, 14);
        entries.put("Observation", &self.id(&format!("s{key}")), |j| {
            fhir::profile(j, "Observation-EarlyWarningTotalScore");
            j.text("status", "final");
            fhir::category(j, "survey", "Survey");
            fhir::concept(j, "code", SNOMED, "1104051000000101", "Royal College of Physicians NEWS2 (National Early Warning Score 2) total score");
            fhir::reference(j, "subject", &self.subject());
            fhir::reference(j, "encounter", &format!("Encounter/{encounter}"));
            j.text("effectiveDateTime", &iso_instant(when));
            fhir::quantity(j, "valueQuantity", &vitals.score().to_string(), "score", "{ScoreOf}");
        });
        for (letter, loinc, name, value, unit, ucum) in [
            ("r", "9279-1", "Respiratory rate", vitals.respirations.to_string(), "per minute", "/min"),
            ("x", "2708-6", "Oxygen saturation in Arterial blood", vitals.saturation.to_string(), "percent", "%"),
            ("p", "8867-4", "Heart rate", vitals.pulse.to_string(), "per minute", "/min"),
            ("b", "8480-6", "Systolic blood pressure", vitals.systolic.to_string(), "millimeter of mercury", "mm[Hg]"),
            ("t", "8310-5", "Body temperature", format!("{:.1}", vitals.temperature), "degree Celsius", "Cel"),
        ] {
            self.number(entries, letter, when, (LOINC, loinc, name), &value, unit, ucum);
        }
    }
}

/// What goes into a plan.
struct Plan<'a> {
    kind: Option<(&'a str, &'a str)>,
    title: &'a str,
    summary: &'a str,
    made: Date,
    ends: Option<Date>,
    superseded: bool,
    replaces: Option<&'a str>,
    author: &'a Staff,
    activities: &'a [(Option<(&'a str, &'a str)>, &'a str)],
}
