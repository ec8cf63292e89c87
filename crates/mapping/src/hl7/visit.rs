//! PV1, PV2 to Encounter.

use crate::{
    change::{Change, Severity},
    fold::{
        statement::Scope,
        visit::{Movement, Place, VisitNews},
    },
    hl7::{
        context::Context,
        draft::Draft,
        values::{coding, extension, non_empty, organisation},
    },
    json::{Json, Object, object},
    profile::LocationParts,
    time::When,
    uk::{self, tables, ukcore},
};
use fhir::{PatientKey, ResourceId, ResourceType};
use hl7v2::{Field, Rep, Segment, State};

const ACT: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
const ROLE: &str = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";

/// v2-to-FHIR PatientClass[EncounterClass], and what UK systems add.
const CLASS: &[(&str, &str, &str)] = &[
    ("E", "EMER", "emergency"),
    ("I", "IMP", "inpatient encounter"),
    ("O", "AMB", "ambulatory"),
    ("P", "PRENC", "pre-admission"),
    ("D", "SS", "short stay"),
    ("H", "HH", "home health"),
    ("V", "VR", "virtual"),
];

/// A visit as a message names it.
pub(crate) struct Visit {
    pub id: ResourceId,
    pub identifiers: Vec<Json>,
}

impl<'m> Context<'m> {
    /// The visit of a PV1: by its number, else by when it began. `first`: the message may be the first of the visit, so
    /// that its own time may name it in the last resort.
    pub fn visit_of(&self, pv1: Segment<'m>, patient: PatientKey, first: bool) -> Option<Visit> {
        for path in &self.profile.visit.number {
            let Some(field) = self.field_at(path) else { continue };
            let field = if path.starts_with("PV1-") { pv1.field(number_of(path)) } else { field };
            if let Some(value) = non_empty(field.text()) {
                return Some(self.visit_named(field.first(), &value, patient));
            }
        }
        let admitted = pv1.field(44).text();
        let fallback = if !admitted.trim().is_empty() {
            admitted.trim().to_owned()
        } else if first {
            let time = self.time.get();
            time.occurred.to_string()
        } else {
            return None;
        };
        let id = self.id(patient, ResourceType::Encounter, &format!("at|{fallback}"));
        Some(Visit { id, identifiers: Vec::new() })
    }

    /// The visit of this number.
    pub fn visit_named(&self, rep: Rep<'m>, value: &str, patient: PatientKey) -> Visit {
        let authority = crate::hl7::values::authority_of(rep.comp(4));
        let id = self.id(patient, ResourceType::Encounter, &format!("{}|{}", authority.trim(), value.trim()));
        let identifiers = self.identifier(rep, 4, Some(("VN", "Visit number"))).into_iter().collect();
        Visit { id, identifiers }
    }

    /// What a message says of a visit, with what it did to it.
    pub fn encounter(
        &self,
        pv1: Segment<'m>,
        pv2: Option<Segment<'m>>,
        visit: &Visit,
        movement: Option<Movement>,
        when: When,
    ) -> Change {
        let mut draft = Draft::ukcore(ResourceType::Encounter, Scope::Partial, ukcore!("UKCore-Encounter"));
        draft.list("identifier", visit.identifiers.clone());
        draft.set("subject", Context::reference(&ResourceId::of_patient(visit.id.patient), ResourceType::Patient));
        let (class, code) = self.class(pv1.field(2)).unzip();
        draft.maybe("class", class);
        draft.field_part("identifier", 50, pv1.field(50), |f| {
            f.reps().filter_map(|r| self.identifier(r, 4, None)).filter(|i| !visit.identifiers.contains(i)).collect()
        });
        self.participants(&mut draft, pv1);
        draft.field("serviceType", pv1.field(10), |f| self.national(f.first(), "PV1-10", &tables::SPECIALTY));
        self.admission(&mut draft, pv1);
        self.discharge(&mut draft, pv1, movement);
        if let Some(pv2) = pv2 {
            self.more(&mut draft, pv2);
        }
        let further = |path: &Option<String>| path.as_deref().and_then(|p| self.field_at(p));
        if let Some(field) = further(&self.profile.visit.outcome_field) {
            draft.field_part("extension", 70, field, |f| {
                let concept = self.national(f.first(), "outcome", &tables::OUTCOME_OF_ATTENDANCE);
                concept
                    .map(|c| extension(ukcore!("Extension-UKCore-OutcomeOfAttendance"), "valueCodeableConcept", c))
                    .into_iter()
                    .collect()
            });
        }
        if let Some(field) = further(&self.profile.visit.legal_status_field) {
            draft.field_part("extension", 71, field, |f| {
                let concept = self.national(f.first(), "legal-status", &tables::LEGAL_STATUS);
                let inner = concept.map(|c| extension("legalStatusClassification", "valueCodeableConcept", c));
                inner
                    .map(|i| object! { "extension": [i], "url": ukcore!("Extension-UKCore-LegalStatus") })
                    .into_iter()
                    .collect()
            });
        }
        let site = pv1.field(3).comp(4).text();
        let provider = match (&self.profile.ods, uk::is_ods(site.trim())) {
            (Some(_), _) => self.own_organisation(),
            (None, true) => organisation("", uk::trust_of_site(site.trim()), ""),
            _ => None,
        };
        draft.maybe("serviceProvider", provider);
        let pending = pv1.field(42);
        let news = VisitNews {
            movement,
            when: when.into(),
            class: code.unwrap_or_default(),
            place: self.place(pv1.field(3).first()),
            prior: self.place(pv1.field(6).first()),
            admitted: self.time(pv1.field(44)).map(Into::into),
            ended: self.time(pv1.field(45)).map(Into::into).filter(|_| movement.is_none()),
            pending: match pending.state() {
                State::Absent => None,
                State::Null => Some(None),
                State::Value => Some(self.place(pending.first())),
            },
        };
        draft.visit(visit.id, self.time.get(), news)
    }

    /// A visit that a message other than ADT names: a stub until ADT tells more.
    pub fn encounter_stub(&self, pv1: Segment<'m>, visit: &Visit) -> Change {
        let mut draft = Draft::ukcore(ResourceType::Encounter, Scope::Stub, ukcore!("UKCore-Encounter"));
        draft.list("identifier", visit.identifiers.clone());
        draft.set("subject", Context::reference(&ResourceId::of_patient(visit.id.patient), ResourceType::Patient));
        draft.maybe("class", self.class(pv1.field(2)).map(|(class, _)| class));
        let news = VisitNews {
            movement: None,
            when: When::from_instant(self.time.get().occurred, &self.profile.time_zone.0).into(),
            class: String::new(),
            place: None,
            prior: None,
            admitted: None,
            ended: None,
            pending: None,
        };
        draft.visit(visit.id, self.time.get(), news)
    }

    /// A mark on a visit that never was, or that lives on as another.
    pub fn encounter_void(&self, id: ResourceId, now: Option<ResourceId>, when: When) -> Change {
        let mut draft = Draft::new(ResourceType::Encounter, Scope::Mark);
        draft.set("subject", Context::reference(&ResourceId::of_patient(id.patient), ResourceType::Patient));
        if let Some(now) = now {
            draft.set("partOf", Context::reference(&now, ResourceType::Encounter));
        }
        let news = VisitNews {
            movement: Some(Movement::Void),
            when: when.into(),
            class: String::new(),
            place: None,
            prior: None,
            admitted: None,
            ended: None,
            pending: None,
        };
        draft.visit(id, self.time.get(), news)
    }

    /// The class as a Coding, and its code.
    fn class(&self, field: Field<'m>) -> Option<(Json, String)> {
        let sent = field.text();
        let sent = sent.trim();
        if sent.is_empty() {
            return None;
        }
        if let Some(local) = self.profile.local_code("PV1-2", sent) {
            let code = local.code.as_deref().unwrap_or(sent);
            let system = local.system.as_deref().unwrap_or(ACT);
            return Some((coding(system, code, local.display.as_deref().unwrap_or_default()), code.to_owned()));
        }
        Some(match CLASS.iter().find(|(v2, ..)| v2.eq_ignore_ascii_case(sent)) {
            Some((_, code, display)) => (coding(ACT, code, display), (*code).to_owned()),
            None => {
                let system = "http://terminology.hl7.org/CodeSystem/v2-0004";
                (coding(system, sent, &field.comp(2).text()), sent.to_owned())
            }
        })
    }

    fn participants(&self, draft: &mut Draft, pv1: Segment<'m>) {
        for (part, code, display) in [
            (7u8, "ATND", "attender"),
            (8, "REF", "referrer"),
            (9, "CON", "consultant"),
            (17, "ADM", "admitter"),
            (52, "PART", "Participation"),
        ] {
            draft.field_part("participant", part, pv1.field(usize::from(part)), |f| {
                let kind = Json::list(&[object! { "coding": [coding(ROLE, code, display)] }]);
                let one = |rep| Some(object! { "type": kind, "individual": self.practitioner(rep)? });
                f.reps().filter_map(one).collect()
            });
        }
    }

    fn admission(&self, draft: &mut Draft, pv1: Segment<'m>) {
        let method = pv1.field(4);
        // National admission methods have two characters; HL7's own admission types (A, E, R …) have one.
        if method.state() == State::Value
            && tables::ADMISSION_METHOD.find(method.text().trim()).is_none()
            && self.profile.local_code("PV1-4", method.text().trim()).is_none()
        {
            draft.field("type", method, |f| Some(Json::list(&[self.concept(f.first(), "PV1-4")?])));
        } else {
            draft.field_part("hospitalization.extension", 4, method, |f| {
                let concept = self.national(f.first(), "PV1-4", &tables::ADMISSION_METHOD);
                concept
                    .map(|c| extension(ukcore!("Extension-UKCore-AdmissionMethod"), "valueCodeableConcept", c))
                    .into_iter()
                    .collect()
            });
        }
        draft.field("hospitalization.preAdmissionIdentifier", pv1.field(5), |f| self.identifier(f.first(), 4, None));
        draft.field("hospitalization.reAdmission", pv1.field(13), |f| self.concept(f.first(), "PV1-13"));
        draft.field("hospitalization.admitSource", pv1.field(14), |f| {
            self.national(f.first(), "PV1-14", &tables::SOURCE_OF_ADMISSION)
        });
        draft.field("hospitalization.specialArrangement", pv1.field(15), |f| some_list(self.concepts(f, "PV1-15")));
        draft.field("hospitalization.specialCourtesy", pv1.field(16), |f| some_list(self.concepts(f, "PV1-16")));
    }

    /// PV1-36 and PV1-37: discharge method and destination. Some senders swap the two; their codes tell them apart.
    fn discharge(&self, draft: &mut Draft, pv1: Segment<'m>, movement: Option<Movement>) {
        const METHOD: &str = ukcore!("Extension-UKCore-DischargeMethod");
        let (first, second) = (pv1.field(36), pv1.field(37));
        let is_method = |f: Field<'m>| {
            f.is_present() && f.text().trim().len() == 1 && tables::DISCHARGE_METHOD.find(f.text().trim()).is_some()
        };
        let is_place = |f: Field<'m>| {
            f.is_present()
                && f.text().trim().len() == 2
                && tables::DISCHARGE_DESTINATION.find(f.text().trim()).is_some()
        };
        let swapped = is_place(first) && !is_place(second) || is_method(second) && !is_method(first);
        let (method, destination) = if swapped { (second, first) } else { (first, second) };
        draft.field_part("extension", 36, method, |f| {
            let concept = self.national(f.first(), "PV1-36", &tables::DISCHARGE_METHOD);
            concept.map(|c| extension(METHOD, "valueCodeableConcept", c)).into_iter().collect()
        });
        draft.field("hospitalization.dischargeDisposition", destination, |f| {
            self.national(f.first(), "PV1-37", &tables::DISCHARGE_DESTINATION)
        });
        if movement == Some(Movement::CancelDischarge) {
            if method.state() == State::Absent {
                draft.clear("extension", 36);
            }
            if destination.state() == State::Absent {
                draft.clear("hospitalization.dischargeDisposition", 0);
            }
        }
    }

    fn more(&self, draft: &mut Draft, pv2: Segment<'m>) {
        draft.field("reasonCode", pv2.field(3), |f| some_list(self.concepts(f, "PV2-3")));
        for (part, url) in [
            (8u8, "http://hl7.org/fhir/5.0/StructureDefinition/extension-Encounter.plannedStartDate"),
            (9, "http://hl7.org/fhir/5.0/StructureDefinition/extension-Encounter.plannedEndDate"),
        ] {
            draft.field_part("extension", part, pv2.field(usize::from(part)), |f| {
                let when = self.time(f).map(|w| extension(url, "valueDateTime", w.fhir_date_time().into()));
                when.into_iter().collect()
            });
        }
        draft.field("priority", pv2.field(25), |f| self.concept(f.first(), "PV2-25"));
        draft.field_part("extension", 38, pv2.field(38), |f| {
            let coding = self.codings(f.first(), "PV2-38").0.into_iter().next();
            let url = "http://hl7.org/fhir/StructureDefinition/encounter-modeOfArrival";
            coding.map(|c| extension(url, "valueCoding", c)).into_iter().collect()
        });
    }

    /// PL: a place as shown, with the source's own whole name for it.
    pub fn place(&self, rep: Rep<'m>) -> Option<Place> {
        if !rep.is_present() {
            return None;
        }
        let [one, two, bed, site] = [1, 2, 3, 4].map(|n| rep.comp(n).text().trim().to_owned());
        let (before, ward, bay) = match self.profile.visit.location {
            LocationParts::PointWardBedSite if two.is_empty() => (String::new(), one, String::new()),
            LocationParts::PointWardBedSite => (one, two, String::new()),
            LocationParts::WardBayBedSite => (String::new(), one, two),
        };
        let description = rep.comp(9).text().trim().to_owned();
        let value: Vec<&str> =
            [&site, &before, &ward, &bay, &bed].into_iter().map(String::as_str).filter(|p| !p.is_empty()).collect();
        let value = value.join("|");
        let value = if value.is_empty() { description.clone() } else { value };
        let mut display: Vec<String> = [&ward, &bay].into_iter().filter(|p| !p.is_empty()).cloned().collect();
        if !bed.is_empty() {
            let says_so = bed.to_ascii_lowercase().starts_with("bed") || bed.to_ascii_lowercase().starts_with("bay");
            display.push(if says_so { bed.clone() } else { format!("bed {bed}") });
        }
        let mut display = if description.is_empty() { display.join(", ") } else { description };
        if display.is_empty() {
            display = if before.is_empty() { site.clone() } else { before.clone() };
        } else if !site.is_empty() {
            display = format!("{display} ({site})");
        }
        if value.is_empty() {
            return None;
        }
        let kind = match (bed.is_empty(), ward.is_empty()) {
            (false, _) => "bd",
            (_, false) => "wa",
            _ => "bu",
        };
        Some(Place { system: self.profile.identifier_system("location"), value, display, kind: kind.to_owned() })
    }

    /// A place as a logical reference.
    pub fn place_reference(&self, rep: Rep<'m>) -> Option<Json> {
        let place = self.place(rep)?;
        let identifier = object! { "system": place.system, "value": place.value };
        Object::new()
            .put("type", Json::from("Location"))
            .put("identifier", identifier)
            .text("display", &place.display)
            .done()
    }

    /// The visit a message other than ADT hangs its content on: as a reference, with a stub if the source tells of visits.
    pub fn visit_aside(&self, pid: Segment<'m>, patient: PatientKey, changes: &mut Vec<Change>) -> Option<Json> {
        let pv1 = self.after(pid, "PV1")?;
        let number = pv1.field(19);
        let value = non_empty(number.text())?;
        let visit = self.visit_named(number.first(), &value, patient);
        if self.profile.visits_from_other_messages() {
            let reference = Context::reference(&visit.id, ResourceType::Encounter);
            changes.push(self.encounter_stub(pv1, &visit));
            return Some(reference);
        }
        Some(object! { "type": "Encounter", "identifier": visit.identifiers.first()? })
    }

    /// Note a message whose visit cannot be told.
    pub fn no_visit(&self, pv1: Segment<'m>) {
        self.find(
            Severity::Warning,
            "visit-without-identifier",
            &pv1.field(19).location(),
            "the visit has no number and no time of admission: its patient was updated, the visit was not",
        );
    }
}

fn some_list(list: Vec<Json>) -> Option<Json> {
    (!list.is_empty()).then_some(Json::from(list))
}

fn number_of(path: &str) -> usize {
    path.split_once('-').and_then(|(_, f)| f.split('.').next()).and_then(|n| n.parse().ok()).unwrap_or(19)
}
