//! SIU: appointments (v2-to-FHIR SIU_S12; HL7 v2.5 chapter 10). An appointment is known by the filler's number SCH-2, else
//! the placer's.

use crate::{
    change::Severity,
    fold::statement::Scope,
    hl7::{adt::Outcome, context::Context, draft::Draft, observation::lines_of, values::non_empty},
    json::{Json, Object, object},
    time::{Precision, When},
    uk::ukcore,
};
use fhir::{ResourceId, ResourceType};
use hl7v2::{Field, Location, Segment};

pub(crate) fn is_known(trigger: &str) -> bool {
    matches!(
        trigger,
        "S12" | "S13" | "S14" | "S15" | "S16" | "S17" | "S18" | "S19" | "S20" | "S21" | "S22" | "S23" | "S24" | "S26"
    )
}

/// What the trigger, else SCH-25, says of the status (v2-to-FHIR FillerStatusCodes[Appointment]). Of two messages of one
/// moment, the one that ends the appointment counts.
fn status(trigger: &str, filler: &str) -> (&'static str, u8) {
    match trigger {
        "S15" | "S16" => return ("cancelled", 3),
        "S17" => return ("entered-in-error", 4),
        "S26" => return ("noshow", 2),
        _ => {}
    }
    let status = match filler.trim().to_ascii_uppercase().as_str() {
        "PENDING" => "pending",
        "WAITLIST" => "waitlist",
        "STARTED" => "checked-in",
        "ARRIVED" => "arrived",
        "COMPLETE" | "COMPLETED" => "fulfilled",
        "CANCELLED" | "CANCELED" | "DISCONTINUED" => return ("cancelled", 3),
        "DELETED" => return ("entered-in-error", 4),
        "NOSHOW" => return ("noshow", 2),
        _ => "booked",
    };
    (status, 1)
}

/// SCH-8 (v2-to-FHIR AppointmentTypeCodes, HL7 table 0277).
const TYPES: &[(&str, &str, &str)] = &[
    ("Normal", "Normal", "Routine schedule request type"),
    ("Tentative", "Tentative", "A request for a tentative appointment"),
    ("Complete", "Complete", "A request to add a completed appointment"),
];

impl<'m> Context<'m> {
    pub fn appointment(&self, trigger: &str) -> Outcome {
        let mut out = Outcome::default();
        let Some((pid, identity)) = self.subject(&mut out) else { return out };
        out.changes.push(self.patient(pid, &identity, Scope::Partial));
        let Some(sch) = self.segment("SCH") else {
            let place = Location::segment("SCH");
            self.find(
                Severity::Error,
                "appointment-without-number",
                &place,
                "a schedule message without SCH: nothing says which appointment",
            );
            return out;
        };
        let number = [2, 1].into_iter().find_map(|n| Some((n, non_empty(sch.field(n).text())?)));
        let Some((which, number)) = number else {
            let place = sch.field(2).location();
            self.find(
                Severity::Error,
                "appointment-without-number",
                &place,
                "neither SCH-2 nor SCH-1 has a number: a change could not be told from a new booking",
            );
            return out;
        };
        let key = format!("{which}|{}^{}", number.trim(), sch.field(which).comp(2).text().trim());
        let id = self.id(identity.key, ResourceType::Appointment, &key);
        let mut draft = Draft::ukcore(ResourceType::Appointment, Scope::Partial, ukcore!("UKCore-Appointment"));
        let (status, rank) = status(trigger, &sch.field(25).text());
        draft.tier(crate::fold::clock::TIER_NEWS, rank);
        draft.set("status", status);
        let identifiers = [(1, "PLAC", "Placer Identifier"), (2, "FILL", "Filler Identifier")];
        draft.list(
            "identifier",
            identifiers
                .into_iter()
                .filter_map(|(n, code, display)| self.entity(sch.field(n).first(), Some((code, display))))
                .collect(),
        );
        self.booking(&mut draft, sch, status);
        self.when(&mut draft, sch);
        let patient = Context::reference(&ResourceId::of_patient(identity.key), ResourceType::Patient);
        draft.part("participant", 1, vec![object! { "actor": patient, "required": "required", "status": "accepted" }]);
        self.resources(&mut draft);
        let notes: Vec<Segment<'m>> = self.segments("NTE").collect();
        let comment = lines_of(notes.iter().map(|n| n.field(3)));
        draft.maybe("comment", comment.map(Json::from));
        out.changes.push(draft.done(id, self.time.get()));
        self.clinical_without_observations(&identity, &mut out.changes);
        out
    }

    fn booking(&self, draft: &mut Draft, sch: Segment<'m>, status: &str) {
        // v2-to-FHIR: SCH-7 is a reason unless it names the table of types.
        let reason = sch.field(7);
        if reason.comp(3).text() == "HL70277" {
            draft.field("appointmentType", reason, |f| self.concept(f.first(), "SCH-7"));
        } else {
            draft.field("reasonCode", reason, |f| Some(Json::list(&[self.concept(f.first(), "SCH-7")?])));
            draft.field("appointmentType", sch.field(8), |f| {
                self.translated(f.first(), "SCH-8", "http://terminology.hl7.org/CodeSystem/v2-0277", TYPES)
            });
        }
        if matches!(status, "cancelled" | "noshow" | "entered-in-error") {
            draft.field("cancelationReason", sch.field(6), |f| self.concept(f.first(), "SCH-6"));
        } else {
            draft.clear("cancelationReason", 0);
        }
        let orders: Vec<Json> = [(26, "PLAC", "Placer Identifier"), (27, "FILL", "Filler Identifier")]
            .into_iter()
            .filter_map(|(n, code, display)| self.entity(sch.field(n).first(), Some((code, display))))
            .map(|i| object! { "type": "ServiceRequest", "identifier": i })
            .collect();
        draft.list("basedOn", orders);
        let services: Vec<Json> =
            self.segments("AIS").filter_map(|ais| self.concept(ais.field(3).first(), "AIS-3")).collect();
        draft.list("serviceType", services);
    }

    /// Start and end: SCH-11.4/5, TQ1-7/8, else the first of AIS-4, AIG-8, AIL-6, AIP-6 with its duration.
    fn when(&self, draft: &mut Draft, sch: Segment<'m>) {
        let timing = sch.field(11);
        let tq1 = self.segment("TQ1");
        let of = |n: usize, tq: usize| {
            let stated = self.read_time(&timing.comp(n).text(), || timing.comp(n).location());
            stated.or_else(|| self.time(tq1?.field(tq)))
        };
        let (mut start, mut end) = (of(4, 7), of(5, 8));
        let mut minutes = minutes(sch.field(9), sch.field(10));
        for (name, at, long, unit) in [("AIS", 4, 7, 8), ("AIG", 8, 11, 12), ("AIL", 6, 9, 10), ("AIP", 6, 9, 10)] {
            let Some(segment) = self.segment(name) else { continue };
            start = start.or_else(|| self.time(segment.field(at)));
            minutes = minutes.or_else(|| self::minutes(segment.field(long), segment.field(unit)));
        }
        let exact = |w: &When| w.precision >= Precision::Minute;
        let (start, ended) = (start.filter(exact), end.take().filter(exact));
        end = ended
            .filter(|e| start.is_none_or(|s| s.at <= e.at))
            .or_else(|| start.and_then(|s| s.plus_minutes(minutes?)));
        draft.maybe("start", start.map(|w| w.fhir_instant().into()));
        // app-2: an end and a start go together; a booking without a known end ends when it starts, for all we know.
        let end = end.or(start);
        draft.maybe("end", end.filter(|_| start.is_some()).map(|w| w.fhir_instant().into()));
        draft.maybe("minutesDuration", minutes.map(Json::from));
    }

    /// AIP people, AIL places, AIG things; SCH-16 the person in charge.
    fn resources(&self, draft: &mut Draft) {
        let participant = |actor: Json, kind: Option<Json>, segment: Segment<'m>, status: usize| {
            let code = segment.field(status).text().trim().to_ascii_uppercase();
            let status = match code.as_str() {
                "PENDING" | "WAITLIST" => "needs-action",
                "CANCELLED" | "DELETED" | "DISCONTINUED" => "declined",
                _ => "accepted",
            };
            Object::new()
                .list("type", kind.into_iter().collect())
                .put("actor", actor)
                .put("status", Json::from(status))
                .value()
        };
        let people: Vec<Json> = self
            .segments("AIP")
            .flat_map(|aip| aip.field(3).reps().map(move |rep| (aip, rep)))
            .filter_map(|(aip, rep)| {
                Some(participant(self.practitioner(rep)?, self.concept(aip.field(4).first(), "AIP-4"), aip, 12))
            })
            .collect();
        let places: Vec<Json> = self
            .segments("AIL")
            .flat_map(|ail| ail.field(3).reps().map(move |rep| (ail, rep)))
            .filter_map(|(ail, rep)| Some(participant(self.place_reference(rep)?, None, ail, 12)))
            .collect();
        let things: Vec<Json> = self
            .segments("AIG")
            .filter_map(|aig| {
                let concept = aig.field(3);
                let display = non_empty(concept.comp(2).text()).or_else(|| non_empty(concept.text()))?;
                Some(participant(object! { "type": "Device", "display": display.trim() }, None, aig, 14))
            })
            .collect();
        for (part, list) in [(2, people), (3, places), (4, things)] {
            if !list.is_empty() {
                draft.part("participant", part, list);
            }
        }
        if let Some(sch) = self.segment("SCH")
            && self.segment("AIP").is_none()
        {
            draft.field_part("participant", 5, sch.field(16), |f| {
                f.reps()
                    .filter_map(|r| self.practitioner(r))
                    .map(|actor| object! { "actor": actor, "status": "accepted" })
                    .collect()
            });
        }
    }
}

/// A duration in minutes; the unit is minutes where none is given.
fn minutes(length: Field<'_>, unit: Field<'_>) -> Option<i64> {
    let number: i64 = length.text().trim().parse().ok().filter(|n| (1..1_000_000).contains(n))?;
    match unit.text().trim().to_ascii_lowercase().as_str() {
        "" | "m" | "min" | "mins" | "minute" | "minutes" => Some(number),
        "h" | "hr" | "hrs" | "hour" | "hours" => Some(number * 60),
        "s" | "sec" | "secs" | "second" | "seconds" => Some((number / 60).max(1)),
        _ => None,
    }
}
