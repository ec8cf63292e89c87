//! What the community trust, the mental health trust, the ambulance service and the council send: each a bundle a person,
//! of those it knows.

mod ambulance;
mod community;
mod council;
mod mental;

use super::{
    belief::Belief,
    fhir::{self, Entries, SNOMED},
    json::Json,
    minute_id,
};
use crate::{
    life::{Life, World},
    people::Person,
    sources::{self, Staff},
    when::{iso_date, iso_instant, plus_minutes},
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

    fn encounter(
        &self,
        entries: &mut Entries<'_>,
        when: Timestamp,
        minutes: i64,
        class: (&str, &str),
        staff: &Staff,
        reason: (&str, &str),
    ) {
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

    #[expect(clippy::too_many_arguments, reason = "one observation, all its parts")]
    fn number(
        &self,
        entries: &mut Entries<'_>,
        key: &str,
        when: Timestamp,
        code: (&str, &str, &str),
        value: &str,
        unit: &str,
        ucum: &str,
    ) {
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
            fhir::concepts(
                j,
                "category",
                "http://terminology.hl7.org/CodeSystem/flag-category",
                category.0,
                category.1,
            );
            j.object("code", |j| j.text("text", text));
            fhir::reference(j, "subject", &self.subject());
            fhir::period(j, "period", &iso_date(since), None);
            self.organisation(j, "author");
        });
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
