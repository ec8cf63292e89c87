//! The community trust: district nurses, ReSPECT, emergency plans.

use super::{Pen, Plan};
use crate::wire::Outgoing;
use crate::wire::fhir::{Bundle, Entries, LOINC};
use crate::{
    clinical::{analytes::An, illness::Ill},
    dice::{Dice, real_i},
    life::plans::{Care, Need, Nursing, Respect},
    sources::{self, Staff},
    when::{day_of, days_between},
};
use jiff::{Timestamp, civil::Date};

impl Pen<'_> {
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
        let mut dice =
            Dice::new(self.world.seed, &[81, self.person.index, u64::try_from(visit.as_second()).unwrap_or(0)]);
        match nursing.need {
            Need::Insulin => {
                let value =
                    self.life.body.value(An::Glucose, day_of(visit), self.life, 0.0, 0.0) + dice.normal(0.0, 1.8);
                self.number(
                    entries,
                    "g",
                    visit,
                    (LOINC, "14743-9", "Glucose [Moles/volume] in Capillary blood by Glucometer"),
                    &format!("{:.1}", value.clamp(3.1, 24.0)),
                    "mmol/L",
                    "mmol/L",
                );
            }
            Need::Wound if dice.chance(0.2) => {
                let days = days_between(nursing.since, day_of(visit));
                let centimetres = (6.5 - real_i(days) * 0.012 + dice.normal(0.0, 0.3)).max(0.6);
                self.number(
                    entries,
                    "w",
                    visit,
                    (LOINC, "39126-8", "Length of Wound"),
                    &format!("{centimetres:.1}"),
                    "cm",
                    "cm",
                );
            }
            _ => {}
        }
    }

    /// A nurse's visit today.
    pub(crate) fn nurse_today(&self, nursing: &Nursing, visit: Timestamp, sent: Timestamp) -> Outgoing {
        let nurse = self.staff(0, nursing.team * 2 + 1);
        Bundle::new(self.source, 2_000).send(sent, |entries| self.nurse_visit(entries, nursing, visit, &nurse))
    }

    fn respect(&self, entries: &mut Entries<'_>, respect: &Respect) {
        let author = self.staff(0, 0);
        let kind =
            Some(("1382601000000107", "ReSPECT (Recommended Summary Plan for Emergency Care and Treatment) form"));
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
                        (
                            Some(("450475007", "For attempted cardiopulmonary resuscitation")),
                            "CPR attempts recommended",
                        ),
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
            (
                None,
                "For admission to hospital for treatable problems (infection, fracture). Not for intensive care or ventilation.",
            )
        } else {
            (None, "Prefers to stay at home. Not for admission unless comfort cannot be achieved there.")
        };
        let capacity = if respect.capacity {
            (None, "Has capacity for these decisions and took part in making them.")
        } else {
            (
                None,
                "Lacked capacity; decided in best interests with the family and the attorney for health and welfare.",
            )
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
                    (
                        None,
                        "What matters most: being at home with familiar faces, being free of pain, not being a burden.",
                    ),
                    place,
                    capacity,
                    (None, "Review when the condition changes, on transfer, or within twelve months."),
                ],
            },
        );
        if !respect.attempt_cpr {
            self.flag(
                entries,
                "cpr",
                ("clinical", "Clinical"),
                "ReSPECT form in place: CPR attempts not recommended",
                respect.made,
            );
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
}
