//! The mental health trust: team, contacts, crisis plan, detention.

use super::{Pen, Plan};
use crate::wire::fhir::{self, Bundle, Entries, SNOMED};
use crate::wire::{Outgoing, minute_id};
use crate::{
    clinical::illness::Ill,
    life::plans::Mental,
    sources::Staff,
    when::{at, iso_date, iso_instant, plus_days},
};
use jiff::{Timestamp, civil::Date};

impl Pen<'_> {
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
                fhir::concept(
                    j,
                    "clinicalStatus",
                    "http://terminology.hl7.org/CodeSystem/condition-clinical",
                    "active",
                    "Active",
                );
                fhir::concepts(
                    j,
                    "category",
                    "http://terminology.hl7.org/CodeSystem/condition-category",
                    "problem-list-item",
                    "Problem List Item",
                );
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
        Bundle::new(self.source, 2_000).send(sent, |entries| {
            self.encounter(entries, when, 45, ("AMB", "ambulatory"), &coordinator, (term.sct, term.name))
        })
    }

    fn crisis_plan(&self, entries: &mut Entries<'_>, mental: &Mental, made: Date, author: &Staff) {
        let signs = match mental.because {
            Ill::Bipolar => {
                "Early signs: sleeping under four hours, spending, starting many things at once, irritable with family."
            }
            Ill::Schizophrenia => {
                "Early signs: hearing the voices louder, keeping curtains closed, not answering the telephone."
            }
            Ill::Dementia => "Early signs: walking at night, refusing food, frightened of carers.",
            _ => "Early signs: staying in bed, not eating, saying there is no point.",
        };
        let rings = self
            .person
            .contacts
            .first()
            .map(|c| {
                format!(
                    "Whom to ring: {} {} ({}), then the crisis line 01632 960500, day and night.",
                    c.given, c.family, c.phone
                )
            })
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
                    fhir::concept(
                        j,
                        "valueCodeableConcept",
                        &fhir::code_system("LegalStatusClassificationEngland"),
                        "02",
                        "Formally detained under Mental Health Act Section 2",
                    );
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
}
