//! RDE, RDS (and RXO in ORM): medicines ordered and dispensed; VXU: vaccinations (v2-to-FHIR RXO, RXR, TQ1, RXA).

use crate::{
    change::{Change, Severity},
    fold::statement::Scope,
    hl7::{
        adt::Outcome,
        context::Context,
        draft::Draft,
        identity::Identity,
        observation::split_number,
        orders::order_status,
        values::{fixed, non_empty},
    },
    json::{Json, Object, object},
    uk::ukcore,
};
use fhir::{ResourceId, ResourceType};
use hl7v2::{Field, Location, Segment};

/// An ORC with its pharmacy segments.
#[derive(Default)]
struct Order<'m> {
    orc: Option<Segment<'m>>,
    rxo: Option<Segment<'m>>,
    rxe: Option<Segment<'m>>,
    rxd: Option<Segment<'m>>,
    rxa: Option<Segment<'m>>,
    rxr: Option<Segment<'m>>,
    tq1: Option<Segment<'m>>,
    notes: Vec<Segment<'m>>,
    lines: Vec<Segment<'m>>,
}

impl<'m> Context<'m> {
    fn pharmacy_orders(&self) -> Vec<Order<'m>> {
        let mut orders: Vec<Order<'m>> = Vec::new();
        for segment in self.message.segments() {
            if segment.name() == "ORC" {
                orders.push(Order { orc: Some(segment), ..Order::default() });
                continue;
            }
            if orders.is_empty() && matches!(segment.name(), "RXO" | "RXE" | "RXD" | "RXA") {
                orders.push(Order::default());
            }
            let Some(order) = orders.last_mut() else { continue };
            match segment.name() {
                "RXO" => order.rxo = Some(segment),
                "RXE" => order.rxe = Some(segment),
                "RXD" => order.rxd = Some(segment),
                "RXA" => order.rxa = Some(segment),
                // The route and timing beside what was encoded (later) win over those beside what was asked.
                "RXR" => order.rxr = Some(segment),
                "TQ1" => order.tq1 = Some(segment),
                "NTE" => order.notes.push(segment),
                "OBX" => order.lines.push(segment),
                _ => {}
            }
        }
        orders
    }

    /// RDE, RDS.
    pub fn pharmacy(&self) -> Outcome {
        let mut out = Outcome::default();
        let Some((pid, identity)) = self.subject(&mut out) else { return out };
        out.changes.push(self.patient(pid, &identity, Scope::Partial));
        let encounter = self.visit_aside(pid, identity.key, &mut out.changes);
        self.prescriptions(&identity, encounter.as_ref(), &mut out);
        self.clinical_without_observations(&identity, &mut out.changes);
        out
    }

    /// Every pharmacy order of a message.
    pub fn prescriptions(&self, identity: &Identity, encounter: Option<&Json>, out: &mut Outcome) {
        for order in &self.pharmacy_orders() {
            if order.rxe.or(order.rxo).is_none() {
                continue;
            }
            let Some(key) = self.pharmacy_key(order) else { continue };
            let id = self.id(identity.key, ResourceType::MedicationRequest, &key);
            out.changes.push(self.medication_request(identity, order, id, encounter));
            if let Some(rxd) = order.rxd {
                out.changes.extend(self.dispense(identity, order, rxd, id, &key));
            }
        }
    }

    fn pharmacy_key(&self, order: &Order<'m>) -> Option<String> {
        let number = order
            .orc
            .and_then(|orc| [2, 3].into_iter().find_map(|n| Some((n, orc.field(n), non_empty(orc.field(n).text())?))));
        let Some((which, field, number)) = number else {
            let place = order.orc.map_or_else(|| Location::segment("ORC"), |orc| orc.field(2).location());
            self.find(Severity::Warning, "order-without-number", &place, "a medicine order without placer or filler number was left out: its changes could not be told from new orders");
            return None;
        };
        Some(format!("{which}|{}^{}", number.trim(), field.comp(2).text().trim()))
    }

    fn medication_request(
        &self,
        identity: &Identity,
        order: &Order<'m>,
        id: ResourceId,
        encounter: Option<&Json>,
    ) -> Change {
        let mut draft =
            Draft::ukcore(ResourceType::MedicationRequest, Scope::Partial, ukcore!("UKCore-MedicationRequest"));
        if let Some(orc) = order.orc {
            let numbers = [(2, "PLAC", "Placer Identifier"), (3, "FILL", "Filler Identifier")];
            draft.list(
                "identifier",
                numbers
                    .into_iter()
                    .filter_map(|(n, code, display)| self.entity(orc.field(n).first(), Some((code, display))))
                    .collect(),
            );
            let authored = self.time(orc.field(9)).map(|w| w.fhir_date_time().into());
            draft.maybe("authoredOn", authored);
            draft.field("requester", orc.field(12), |f| self.practitioner(f.first()));
        }
        // A medicine's request says stopped or cancelled where an order says revoked.
        let status = match order_status(order.orc).unwrap_or("active") {
            "revoked" => {
                let control = order.orc.map(|orc| orc.field(1).text()).unwrap_or_default();
                if matches!(&*control, "DC" | "OD" | "DR") { "stopped" } else { "cancelled" }
            }
            other => other,
        };
        draft.set("status", status).set("intent", if order.rxe.is_some() { "order" } else { "original-order" });
        draft.set("subject", Context::reference(&ResourceId::of_patient(identity.key), ResourceType::Patient));
        draft.maybe("encounter", encounter.cloned());
        let drug = order.rxe.map(|rxe| rxe.field(2)).filter(Field::is_present).or(order.rxo.map(|rxo| rxo.field(1)));
        let name = if order.rxe.is_some() { "RXE-2" } else { "RXO-1" };
        if let Some(concept) = drug.and_then(|f| self.concept(f.first(), name)) {
            draft.choice("medication[x]", "medicationCodeableConcept", concept);
        }
        draft.list("dosageInstruction", self.dosage(order).into_iter().collect());
        draft.maybe("dispenseRequest", self.dispense_request(order));
        let allowed = [order.rxe.map(|rxe| rxe.field(9)), order.rxo.map(|rxo| rxo.field(9))]
            .into_iter()
            .flatten()
            .find(Field::is_present);
        let allowed = allowed.map(|f| f.text().trim() != "N").unwrap_or(false);
        draft.set("substitution", object! { "allowedBoolean": allowed });
        draft.list("note", self.notes(&order.notes));
        draft.done(id, self.time.get())
    }

    fn dosage(&self, order: &Order<'m>) -> Option<Json> {
        let text = [(order.rxe, 7), (order.rxo, 7), (order.rxo, 6)]
            .into_iter()
            .filter_map(|(segment, n)| Some(segment?.field(n)))
            .find(Field::is_present)
            .map(|f| {
                let part =
                    |rep: hl7v2::Rep<'m>| non_empty(rep.comp(2).text()).or_else(|| non_empty(rep.comp(1).text()));
                f.reps().filter_map(part).map(|t| t.trim().to_owned()).collect::<Vec<_>>().join("; ")
            });
        let text = text.or_else(|| order.tq1.and_then(|t| non_empty(t.field(11).whole())).map(|t| t.into_owned()));
        let (low, high, unit) = match (order.rxe, order.rxo) {
            (Some(rxe), _) => (rxe.field(3), rxe.field(4), rxe.field(5)),
            (None, Some(rxo)) => (rxo.field(2), rxo.field(3), rxo.field(4)),
            (None, None) => return None,
        };
        let amount = |f: Field<'m>| split_number(&f.text()).map(|(_, number)| self.unit(unit).quantity(None, number));
        let dose = match (amount(low), amount(high)) {
            (Some(low), Some(high)) => {
                Some(Json::list(&[object! { "doseRange": object! { "low": low, "high": high } }]))
            }
            (Some(dose), None) | (None, Some(dose)) => Some(Json::list(&[object! { "doseQuantity": dose }])),
            (None, None) => None,
        };
        let repeat = order.tq1.and_then(|t| non_empty(t.field(3).text())).or_else(|| {
            let legacy = order.rxe.map(|rxe| rxe.field(1)).or(order.orc.map(|orc| orc.field(7)))?;
            non_empty(legacy.comp(2).text())
        });
        let bounds = order.tq1.and_then(|t| crate::hl7::values::period(self.time(t.field(7)), self.time(t.field(8))));
        let timing = Object::new()
            .put("repeat", bounds.map(|b| object! { "boundsPeriod": b }))
            .put("code", repeat.map(|code| repeat_pattern(code.trim())))
            .done();
        Object::new()
            .text("text", &text.unwrap_or_default())
            .put("timing", timing)
            .put("site", order.rxr.and_then(|rxr| self.concept(rxr.field(2).first(), "RXR-2")))
            .put("route", order.rxr.and_then(|rxr| self.concept(rxr.field(1).first(), "RXR-1")))
            .put("method", order.rxr.and_then(|rxr| self.concept(rxr.field(4).first(), "RXR-4")))
            .put("doseAndRate", dose)
            .done()
    }

    fn dispense_request(&self, order: &Order<'m>) -> Option<Json> {
        let (amount, unit, repeats) = match (order.rxe, order.rxo) {
            (Some(rxe), _) => (rxe.field(10), rxe.field(11), rxe.field(12)),
            (None, Some(rxo)) => (rxo.field(11), rxo.field(12), rxo.field(13)),
            (None, None) => return None,
        };
        let repeats = repeats.text().trim().parse::<u16>().ok();
        let quantity = split_number(&amount.text()).map(|(_, number)| self.unit(unit).quantity(None, number));
        Object::new().put("numberOfRepeatsAllowed", repeats.map(Json::from)).put("quantity", quantity).done()
    }

    /// RXD: what was handed over.
    fn dispense(
        &self,
        identity: &Identity,
        order: &Order<'m>,
        rxd: Segment<'m>,
        request: ResourceId,
        key: &str,
    ) -> Option<Change> {
        let given = self.time(rxd.field(3));
        let number = non_empty(rxd.field(7).text()).map(|n| n.into_owned()).unwrap_or_default();
        let local = format!("{key}|{}|{}|{}", rxd.field(1).text().trim(), number.trim(), rxd.field(3).text().trim());
        let mut draft =
            Draft::ukcore(ResourceType::MedicationDispense, Scope::Partial, ukcore!("UKCore-MedicationDispense"));
        draft.set("status", "completed");
        if let Some(concept) = self.concept(rxd.field(2).first(), "RXD-2") {
            draft.choice("medication[x]", "medicationCodeableConcept", concept);
        }
        draft.set("subject", Context::reference(&ResourceId::of_patient(identity.key), ResourceType::Patient));
        draft.set(
            "authorizingPrescription",
            Json::list(&[Context::reference(&request, ResourceType::MedicationRequest)]),
        );
        draft.maybe("whenHandedOver", given.map(|w| w.fhir_date_time().into()));
        let quantity = split_number(&rxd.field(4).text()).map(|(_, n)| self.unit(rxd.field(5)).quantity(None, n));
        draft.maybe("quantity", quantity);
        let performers: Vec<Json> =
            rxd.field(10).reps().filter_map(|r| self.practitioner(r)).map(|actor| object! { "actor": actor }).collect();
        draft.list("performer", performers);
        draft.list("dosageInstruction", self.dosage(order).into_iter().collect());
        let note = non_empty(rxd.field(9).whole()).map(|t| object! { "text": t.trim() });
        draft.list("note", note.into_iter().collect());
        Some(draft.done(self.id(identity.key, ResourceType::MedicationDispense, &local), self.time.get()))
    }

    /// VXU: each RXA is a vaccination.
    pub fn vaccinations(&self) -> Outcome {
        let mut out = Outcome::default();
        let Some((pid, identity)) = self.subject(&mut out) else { return out };
        out.changes.push(self.patient(pid, &identity, Scope::Partial));
        let encounter = self.visit_aside(pid, identity.key, &mut out.changes);
        let mut any = false;
        for order in &self.pharmacy_orders() {
            if let Some(rxa) = order.rxa {
                any = true;
                out.changes.extend(self.vaccination(&identity, order, rxa, encounter.as_ref()));
            }
        }
        if !any {
            let place = Location::segment("RXA");
            self.find(Severity::Warning, "vaccination-without-detail", &place, "no RXA: only the patient was updated");
        }
        self.clinical_without_observations(&identity, &mut out.changes);
        out
    }

    fn vaccination(
        &self,
        identity: &Identity,
        order: &Order<'m>,
        rxa: Segment<'m>,
        encounter: Option<&Json>,
    ) -> Option<Change> {
        let vaccine = rxa.field(5);
        let code = non_empty(vaccine.text()).or_else(|| non_empty(vaccine.comp(2).text()))?;
        let number = order.orc.and_then(|orc| {
            [3, 2].into_iter().find_map(|n| {
                Some(format!("{n}|{}^{}", non_empty(orc.field(n).text())?.trim(), orc.field(n).comp(2).text().trim()))
            })
        });
        let key = number.unwrap_or_else(|| format!("given|{}|{}", code.trim(), rxa.field(3).text().trim()));
        let mut draft = Draft::ukcore(ResourceType::Immunization, Scope::Partial, ukcore!("UKCore-Immunization"));
        let deleted = rxa.field(21).text().trim().eq_ignore_ascii_case("D");
        let status = match &*rxa.field(20).text().trim().to_ascii_uppercase() {
            _ if deleted => "entered-in-error",
            "RE" | "NA" => "not-done",
            _ => "completed",
        };
        draft.set("status", status);
        if let Some(orc) = order.orc {
            let numbers = [(2, "PLAC", "Placer Identifier"), (3, "FILL", "Filler Identifier")];
            draft.list(
                "identifier",
                numbers
                    .into_iter()
                    .filter_map(|(n, code, display)| self.entity(orc.field(n).first(), Some((code, display))))
                    .collect(),
            );
        }
        draft.field("statusReason", rxa.field(18), |f| self.concept(f.first(), "RXA-18"));
        draft.maybe("vaccineCode", self.concept(vaccine.first(), "RXA-5"));
        draft.set("patient", Context::reference(&ResourceId::of_patient(identity.key), ResourceType::Patient));
        draft.maybe("encounter", encounter.cloned());
        match self.time(rxa.field(3)) {
            Some(given) => draft.choice("occurrence[x]", "occurrenceDateTime", given.fhir_date_time()),
            None => draft.choice("occurrence[x]", "occurrenceString", "not stated"),
        };
        draft.field("recorded", rxa.field(22), |f| self.time(f).map(|w| w.fhir_date_time().into()));
        draft.field("lotNumber", rxa.field(15), |f| non_empty(f.text()).map(|t| t.trim().into()));
        draft.field("expirationDate", rxa.field(16), |f| self.time(f).map(|w| w.fhir_date().into()));
        draft.field("manufacturer", rxa.field(17), |f| {
            let name = non_empty(f.comp(2).text()).or_else(|| non_empty(f.text()))?;
            Some(object! { "type": "Organization", "display": name.trim() })
        });
        let dose = split_number(&rxa.field(6).text()).filter(|(_, n)| !matches!(n.as_str(), "999" | "0"));
        draft.maybe("doseQuantity", dose.map(|(_, n)| self.unit(rxa.field(7)).quantity(None, n)));
        draft.field("location", rxa.field(27), |f| self.place_reference(f.first()));
        draft.field("performer", rxa.field(10), |f| {
            let function = fixed("http://terminology.hl7.org/CodeSystem/v2-0443", "AP", "Administering Provider");
            let list: Vec<Json> = f
                .reps()
                .filter_map(|r| self.practitioner(r))
                .map(|actor| object! { "function": function, "actor": actor })
                .collect();
            (!list.is_empty()).then_some(Json::from(list))
        });
        draft.field("reasonCode", rxa.field(19), |f| {
            let reasons = self.concepts(f, "RXA-19");
            (!reasons.is_empty()).then_some(Json::from(reasons))
        });
        // RXA-9 `00` new record, given here; `01` from another's record.
        let source = rxa.field(9).text();
        if matches!(&*source, "00" | "01") {
            draft.set("primarySource", source == "00");
        }
        if let Some(rxr) = order.rxr {
            draft.field("route", rxr.field(1), |f| self.concept(f.first(), "RXR-1"));
            draft.field("site", rxr.field(2), |f| self.concept(f.first(), "RXR-2"));
        }
        draft.list("note", self.notes(&order.notes));
        Some(draft.done(self.id(identity.key, ResourceType::Immunization, &key), self.time.get()))
    }
}

/// TQ1-3, TQ.2: BID, TID … are GTS abbreviations; all else is kept as text.
fn repeat_pattern(code: &str) -> Json {
    let known =
        ["BID", "TID", "QID", "AM", "PM", "QD", "QOD", "Q1H", "Q2H", "Q3H", "Q4H", "Q6H", "Q8H", "BED", "WK", "MO"];
    let upper = code.to_ascii_uppercase();
    if known.contains(&upper.as_str()) {
        return fixed("http://terminology.hl7.org/CodeSystem/v3-GTSAbbreviation", &upper, "");
    }
    object! { "text": code }
}
