//! The ambulance service: what its crews found.

use super::Pen;
use crate::wire::fhir::{self, Bundle, Entries, LOINC, SNOMED};
use crate::wire::{Outgoing, minute_id, results::Vitals};
use crate::{
    clinical::illness::Ill,
    dice::Dice,
    life::plans::Incident,
    sources::{self},
    when::{day_of, iso_instant, plus_minutes},
};
use jiff::Timestamp;

impl Pen<'_> {
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
            fhir::period(
                j,
                "period",
                &iso_instant(incident.at),
                Some(&iso_instant(plus_minutes(incident.at, minutes))),
            );
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
            fhir::concept(
                j,
                "code",
                SNOMED,
                "1104051000000101",
                "Royal College of Physicians NEWS2 (National Early Warning Score 2) total score",
            );
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
