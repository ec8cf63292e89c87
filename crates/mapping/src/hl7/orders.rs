//! ORM, OML, OMG: orders; REF: referrals. Both are ServiceRequests (v2-to-FHIR ORC, OBR, TQ1).

use crate::{
    change::{Change, Severity},
    fold::statement::Scope,
    hl7::{
        adt::Outcome,
        context::Context,
        draft::Draft,
        identity::Identity,
        results::Group,
        values::{non_empty, organisation, person_display},
    },
    json::{Json, Object, object},
    uk::ukcore,
};
use fhir::{ResourceId, ResourceType};
use hl7v2::{Location, Segment};

/// ORC-5 (v2-to-FHIR OrderStatus), else ORC-1 (OrderControlCode).
pub(crate) fn order_status(orc: Option<Segment<'_>>) -> Option<&'static str> {
    let orc = orc?;
    match orc.field(5).text().trim().to_ascii_uppercase().as_str() {
        "CA" | "DC" | "RP" => return Some("revoked"),
        "CM" => return Some("completed"),
        "ER" => return Some("entered-in-error"),
        "HD" => return Some("on-hold"),
        "IP" | "SC" | "A" => return Some("active"),
        _ => {}
    }
    Some(match orc.field(1).text().trim().to_ascii_uppercase().as_str() {
        // The guide leaves CA "active", for it only asks; what asks to cancel is cancelled once the filler agrees (CR).
        "CR" | "DC" | "DF" | "DR" | "OC" | "OD" => "revoked",
        "FU" => "completed",
        "HR" | "OH" => "on-hold",
        "AF" | "CA" | "HD" | "NW" | "OK" | "PR" | "PY" | "RL" | "RO" | "RQ" | "XO" | "SN" | "NA" => "active",
        _ => return None,
    })
}

/// TQ1-9, OBR-5, OBR-27.6, ORC-7.6 (v2-to-FHIR ExtendedPriorityCodes).
fn priority(code: &str) -> Option<&'static str> {
    Some(match code.trim().to_ascii_uppercase().as_str() {
        "S" | "STAT" => "stat",
        "A" | "ASAP" => "asap",
        "U" | "URGENT" => "urgent",
        "R" | "ROUTINE" => "routine",
        _ => return None,
    })
}

impl<'m> Context<'m> {
    pub fn orders(&self) -> Outcome {
        let mut out = Outcome::default();
        let Some((pid, identity)) = self.subject(&mut out) else { return out };
        out.changes.push(self.patient(pid, &identity, Scope::Partial));
        let encounter = self.visit_aside(pid, identity.key, &mut out.changes);
        if self.message.segment("RXO").is_some() || self.message.segment("RXE").is_some() {
            self.prescriptions(&identity, encounter.as_ref(), &mut out);
        }
        let parts = self.parts();
        let groups: Vec<&Group<'m>> = parts.iter().flat_map(|p| &p.groups).collect();
        for group in &groups {
            self.order(&identity, group, encounter.as_ref(), &mut out.changes);
        }
        if groups.is_empty() && out.changes.len() <= 1 && encounter.is_none() {
            let place = Location::segment("OBR");
            self.find(
                Severity::Warning,
                "order-without-detail",
                &place,
                "an order message without OBR or RXO: only its patient was updated",
            );
        }
        self.clinical(&identity, None, &mut out.changes);
        out
    }

    fn order(&self, identity: &Identity, group: &Group<'m>, encounter: Option<&Json>, changes: &mut Vec<Change>) {
        let Some(obr) = group.obr else { return };
        let number = |n: usize| {
            let field = obr.field(n);
            let field = if field.is_present() { field } else { group.orc.map(|orc| orc.field(n)).unwrap_or(field) };
            let value = non_empty(field.text())?;
            Some(format!("{}^{}", value.trim(), field.comp(2).text().trim()))
        };
        // The placer names an order; several tests of one order number are several requests.
        let order = number(2).map(|n| format!("P|{n}")).or_else(|| number(3).map(|n| format!("F|{n}")));
        let test = obr.field(4);
        let code = non_empty(test.text()).or_else(|| non_empty(test.comp(2).text())).unwrap_or_default();
        let Some(order) = order else {
            let place = obr.field(2).location();
            return self.find(
                Severity::Warning,
                "order-without-number",
                &place,
                "an order without placer or filler number was left out: its changes could not be told from new orders",
            );
        };
        let id = self.id(identity.key, ResourceType::ServiceRequest, &format!("{order}|{}", code.trim()));
        let mut draft = Draft::ukcore(ResourceType::ServiceRequest, Scope::Partial, ukcore!("UKCore-ServiceRequest"));
        draft.list("identifier", self.order_numbers(obr, group.orc));
        draft.set("status", order_status(group.orc).unwrap_or("active"));
        draft.set("intent", if obr.field(11).text() == "G" { "reflex-order" } else { "order" });
        draft.set("subject", Context::reference(&ResourceId::of_patient(identity.key), ResourceType::Patient));
        draft.maybe("encounter", encounter.cloned());
        draft.field("code", test, |f| self.concept(f.first(), "OBR-4"));
        let stated = [
            group.timing.map(|t| t.field(9).text()),
            Some(obr.field(5).text()),
            Some(obr.field(27).comp(6).text()),
            group.orc.map(|orc| orc.field(7).comp(6).text()),
        ];
        draft.maybe("priority", stated.into_iter().flatten().find_map(|c| priority(&c)).map(Json::from));
        if let Some(orc) = group.orc {
            let authored = [9, 15].into_iter().find_map(|n| self.time(orc.field(n)));
            draft.maybe("authoredOn", authored.map(|w| w.fhir_date_time().into()));
            let group_number = self.entity(orc.field(4).first(), Some(("PGN", "Placer Group Number")));
            draft.maybe("requisition", group_number);
        }
        let wanted = group
            .timing
            .and_then(|t| self.time(t.field(7)))
            .or_else(|| self.time(obr.field(36)))
            .or_else(|| self.time(obr.field(6)));
        if let Some(wanted) = wanted {
            draft.choice("occurrence[x]", "occurrenceDateTime", wanted.fhir_date_time());
        }
        let requester = group
            .orc
            .and_then(|orc| self.practitioner(orc.field(12).first()))
            .or_else(|| self.practitioner(obr.field(16).first()));
        draft.maybe("requester", requester);
        draft.field("reasonCode", obr.field(31), |f| {
            let reasons = self.concepts(f, "OBR-31");
            (!reasons.is_empty()).then_some(Json::from(reasons))
        });
        let mut notes = self.notes(&group.notes);
        notes.extend(non_empty(obr.field(13).whole()).map(|t| object! { "text": t.trim() }));
        draft.list("note", notes);
        changes.push(draft.done(id, self.time.get()));
    }

    /// REF: a referral, known by the originator's number RF1-6, else RF1-11.
    pub fn referral(&self, trigger: &str) -> Outcome {
        let mut out = Outcome::default();
        let Some((pid, identity)) = self.subject(&mut out) else { return out };
        out.changes.push(self.patient(pid, &identity, Scope::Partial));
        let encounter = self.visit_aside(pid, identity.key, &mut out.changes);
        let Some(rf1) = self.segment("RF1") else {
            let place = Location::segment("RF1");
            self.find(
                Severity::Error,
                "referral-without-number",
                &place,
                "a referral message without RF1: nothing says which referral",
            );
            return out;
        };
        let number = [6, 11].into_iter().find_map(|n| Some((n, non_empty(rf1.field(n).text())?)));
        let Some((which, number)) = number else {
            let place = rf1.field(6).location();
            self.find(
                Severity::Error,
                "referral-without-number",
                &place,
                "neither RF1-6 nor RF1-11 has a number: a change could not be told from a new referral",
            );
            return out;
        };
        let key = format!("referral|{}^{}", number.trim(), rf1.field(which).comp(2).text().trim());
        let id = self.id(identity.key, ResourceType::ServiceRequest, &key);
        let mut draft = Draft::ukcore(ResourceType::ServiceRequest, Scope::Partial, ukcore!("UKCore-ServiceRequest"));
        draft.list("identifier", [6, 11].into_iter().filter_map(|n| self.entity(rf1.field(n).first(), None)).collect());
        let status = match (trigger, &*rf1.field(1).text().trim().to_ascii_uppercase()) {
            ("I14", _) | (_, "R" | "REJECTED") => "revoked",
            (_, "E" | "EXPIRED") => "completed",
            (_, "P" | "PENDING" | "A" | "ACCEPTED") => "active",
            _ => "active",
        };
        draft.set("status", status).set("intent", "order");
        draft.set("subject", Context::reference(&ResourceId::of_patient(identity.key), ResourceType::Patient));
        draft.maybe("encounter", encounter.clone());
        draft.maybe("priority", priority(&rf1.field(2).text()).map(Json::from));
        draft.set(
            "category",
            Json::list(&[crate::hl7::values::fixed("http://snomed.info/sct", "3457005", "Patient referral")]),
        );
        draft.field("code", rf1.field(3), |f| self.concept(f.first(), "RF1-3"));
        draft.field("orderDetail", rf1.field(4), |f| Some(Json::list(&[self.concept(f.first(), "RF1-4")?])));
        draft.field("authoredOn", rf1.field(7), |f| self.time(f).map(|w| w.fhir_date_time().into()));
        draft.field("reasonCode", rf1.field(10), |f| {
            let reasons = self.concepts(f, "RF1-10");
            (!reasons.is_empty()).then_some(Json::from(reasons))
        });
        let mut performers = Vec::new();
        for prd in self.segments("PRD") {
            let role = prd.field(1).text();
            match role.trim() {
                "RP" => {
                    draft.maybe("requester", self.provider(prd));
                }
                "RT" | "SC" => performers.extend(self.provider(prd)),
                _ => {}
            }
        }
        draft.list("performer", performers);
        let notes: Vec<Segment<'m>> = self.segments("NTE").collect();
        draft.list("note", self.notes(&notes));
        out.changes.push(draft.done(id, self.time.get()));
        // Results sent along are results of the referrer's.
        for part in &self.parts() {
            let mut seen = crate::hl7::results::Seen::default();
            for group in part.groups.iter().filter(|g| !g.lines.is_empty()) {
                self.report(&identity, group, encounter.as_ref(), &mut seen, &mut out.changes);
            }
        }
        self.clinical_without_observations(&identity, &mut out.changes);
        out
    }

    /// PRD: a provider by the identifier PRD-7, else by name, else the organisation at PRD-4.
    fn provider(&self, prd: Segment<'m>) -> Option<Json> {
        let id = prd.field(7);
        let code = id.text();
        let name = person_display(prd.field(2).first(), 1);
        let place = prd.field(4).comp(9).text();
        if name.is_empty() {
            return organisation(&self.profile.identifier_system("organisation"), code.trim(), &place);
        }
        let system = crate::uk::professional_system(code.trim(), &id.comp(2).text())
            .map_or_else(|| self.profile.identifier_system("practitioner"), str::to_owned);
        let identifier = (!code.trim().is_empty()).then(|| object! { "system": system, "value": code.trim() });
        let display = if place.trim().is_empty() { name } else { format!("{name}, {}", place.trim()) };
        Object::new()
            .put("type", Json::from("Practitioner"))
            .put("identifier", identifier)
            .text("display", &display)
            .done()
    }
}
