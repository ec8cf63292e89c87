//! What hangs on a patient or a visit in many kinds of message: next of kin (NK1), allergies (AL1, IAM), diagnoses (DG1),
//! procedures (PR1), observations (OBX). A segment that is missing says nothing; nothing is taken away by silence.

use crate::{
    change::Change,
    fold::statement::Scope,
    hl7::{
        context::Context,
        draft::Draft,
        identity::Identity,
        patient::gender,
        results::{Line, Seen},
        values::{coding, fixed, non_empty},
    },
    json::{Json, Object, object},
    profile::AllergySeverity,
    time::Precision,
    uk::ukcore,
};
use fhir::{PatientKey, ResourceId, ResourceType};
use hl7v2::{Field, Segment, State};

const ROLE: &str = "http://terminology.hl7.org/CodeSystem/v3-RoleCode";
const CONTACT: &str = "http://terminology.hl7.org/CodeSystem/v2-0131";

/// v2-to-FHIR Relationship (HL7 table 0063), those with a code of their own in FHIR: v2, system, code, display.
const RELATIONSHIP: &[(&str, &str, &str, &str)] = &[
    ("SEL", ROLE, "ONESELF", "self"),
    ("SPO", ROLE, "SPS", "spouse"),
    ("DOM", ROLE, "SIGOTHR", "significant other"),
    ("CHD", ROLE, "CHILD", "child"),
    ("GCH", ROLE, "GRNDCHILD", "grandchild"),
    ("NCH", ROLE, "NCHILD", "natural child"),
    ("SCH", ROLE, "STPCHLD", "step child"),
    ("FCH", ROLE, "CHLDFOST", "foster child"),
    ("PAR", ROLE, "PRN", "parent"),
    ("MTH", ROLE, "MTH", "mother"),
    ("FTH", ROLE, "FTH", "father"),
    ("GRP", ROLE, "GRPRN", "grandparent"),
    ("EXF", ROLE, "EXT", "extended family member"),
    ("SIB", ROLE, "SIB", "sibling"),
    ("BRO", ROLE, "BRO", "brother"),
    ("SIS", ROLE, "SIS", "sister"),
    ("FND", ROLE, "FRND", "unrelated friend"),
    ("EMR", CONTACT, "E", "Employer"),
    ("EMC", CONTACT, "C", "Emergency Contact"),
    ("UNK", CONTACT, "U", "Unknown"),
    ("OTH", CONTACT, "O", "Other"),
];

/// v2-to-FHIR ContactRole (HL7 table 0131).
const CONTACT_ROLE: &[(&str, &str, &str)] = &[
    ("E", "E", "Employer"),
    ("C", "C", "Emergency Contact"),
    ("F", "F", "Federal Agency"),
    ("I", "I", "Insurance Company"),
    ("N", "N", "Next-of-Kin"),
    ("S", "S", "State Agency"),
    ("O", "O", "Other"),
    ("U", "U", "Unknown"),
];

/// PR1-6 (HL7 table 0230).
const PROCEDURE_TYPE: &[(&str, &str, &str)] = &[
    ("A", "A", "Anesthesia"),
    ("P", "P", "Procedure for treatment (therapeutic, including operations)"),
    ("I", "I", "Invasive procedure not classified elsewhere (e.g., IV, catheter, etc.)"),
    ("D", "D", "Diagnostic procedure"),
];

impl<'m> Context<'m> {
    /// All of a message's clinical segments. `encounter`: the visit they belong to, if the message is about one.
    pub fn clinical(&self, identity: &Identity, encounter: Option<ResourceId>, changes: &mut Vec<Change>) {
        self.clinical_segments(identity, encounter, true, changes);
    }

    /// As [`Context::clinical`] for messages whose OBX belong to something else.
    pub fn clinical_without_observations(&self, identity: &Identity, changes: &mut Vec<Change>) {
        self.clinical_segments(identity, None, false, changes);
    }

    fn clinical_segments(
        &self,
        identity: &Identity,
        encounter: Option<ResourceId>,
        observations: bool,
        changes: &mut Vec<Change>,
    ) {
        let patient = identity.key;
        let visit = encounter.map(|id| Context::reference(&id, ResourceType::Encounter));
        let hangs_on = encounter.map_or_else(|| "person".to_owned(), |id| id.to_string());
        let mut lines: Vec<Line<'m>> = Vec::new();
        for segment in self.message.segments() {
            if self.is_ignored(segment.name()) {
                continue;
            }
            match segment.name() {
                "NK1" => changes.extend(self.next_of_kin(segment, patient)),
                "AL1" => changes.extend(self.allergy(segment, patient)),
                "IAM" => changes.extend(self.allergy_action(segment, patient)),
                "DG1" => changes.extend(self.diagnosis(segment, patient, &hangs_on, visit.as_ref())),
                "PR1" => changes.extend(self.procedure(segment, patient, &hangs_on, visit.as_ref())),
                "OBX" if observations => lines.push(Line { obx: segment, notes: Vec::new() }),
                "NTE" => {
                    if let Some(line) = lines.last_mut() {
                        line.notes.push(segment);
                    }
                }
                _ => {}
            }
        }
        self.loose_observations(identity, &lines, &hangs_on, visit, changes);
    }

    /// Observations beside a visit: known by the visit, OBX-3, OBX-4 and their own time, so that two weights are two.
    pub fn loose_observations(
        &self,
        identity: &Identity,
        lines: &[Line<'m>],
        hangs_on: &str,
        visit: Option<Json>,
        changes: &mut Vec<Change>,
    ) {
        let mut around = self.around(identity, visit);
        around.effective = Some(self.now().fhir_date_time());
        let mut seen = Seen::default();
        for line in lines {
            let key = format!("{hangs_on}|{}", line.obx.field(14).text().trim());
            let line = std::slice::from_ref(line);
            self.observations(identity.key, line, &key, &around, &mut seen, changes);
        }
    }

    /// NK1 to RelatedPerson, known by its identifier, else by the name: the set id numbers the segments of one message only.
    fn next_of_kin(&self, nk1: Segment<'m>, patient: PatientKey) -> Option<Change> {
        let names: Vec<Json> = nk1.field(2).reps().filter_map(|r| self.human_name(r, None)).collect();
        let known = [33, 12].into_iter().find_map(|n| non_empty(nk1.field(n).text()));
        let key = match (&known, names.first()) {
            (Some(id), _) => format!("id|{}", id.trim()),
            (None, Some(_)) => {
                let name = nk1.field(2).first();
                format!(
                    "name|{}|{}",
                    name.comp(1).text().trim().to_uppercase(),
                    name.comp(2).text().trim().to_uppercase()
                )
            }
            (None, None) => return None,
        };
        let mut draft = Draft::ukcore(ResourceType::RelatedPerson, Scope::Partial, ukcore!("UKCore-RelatedPerson"));
        draft.set("patient", Context::reference(&ResourceId::of_patient(patient), ResourceType::Patient));
        draft.list(
            "identifier",
            [33, 12].into_iter().filter_map(|n| self.identifier(nk1.field(n).first(), 4, None)).take(1).collect(),
        );
        draft.list("name", names);
        draft.field_part("relationship", 3, nk1.field(3), |f| self.relationship(f).into_iter().collect());
        draft.field_part("relationship", 7, nk1.field(7), |f| {
            self.translated(f.first(), "NK1-7", CONTACT, CONTACT_ROLE).into_iter().collect()
        });
        draft.field("address", nk1.field(4), |f| some(f.reps().filter_map(|r| self.address(r)).collect()));
        draft.field_part("telecom", 5, nk1.field(5), |f| {
            f.reps().filter_map(|r| self.contact_point(r, "home")).collect()
        });
        draft.field_part("telecom", 6, nk1.field(6), |f| {
            f.reps().filter_map(|r| self.contact_point(r, "work")).collect()
        });
        draft.field("gender", nk1.field(15), |f| gender(&f.text()).map(Json::from));
        draft.field("birthDate", nk1.field(16), |f| {
            self.time(f)
                .filter(|w| w.precision >= Precision::Day || w.fhir_date().len() >= 4)
                .map(|w| w.fhir_date().into())
        });
        let (start, end) = (self.time(nk1.field(8)), self.time(nk1.field(9)));
        draft.maybe("period", crate::hl7::values::period(start, end));
        Some(draft.done(self.id(patient, ResourceType::RelatedPerson, &key), self.time.get()))
    }

    fn relationship(&self, field: Field<'m>) -> Option<Json> {
        let code = field.text();
        if self.profile.local_code("NK1-3", code.trim()).is_none()
            && let Some((_, system, code, display)) =
                RELATIONSHIP.iter().find(|(v2, ..)| v2.eq_ignore_ascii_case(code.trim()))
        {
            return Some(fixed(system, code, display));
        }
        self.concept(field.first(), "NK1-3")
    }

    /// AL1: an allergy the source knows of. Nothing in it can take one back.
    fn allergy(&self, al1: Segment<'m>, patient: PatientKey) -> Option<Change> {
        let key = self.allergy_key(al1.field(3))?;
        let mut draft = self.allergy_draft(al1, patient)?;
        self.severity(&mut draft, al1.field(4), al1.field(5), "AL1-5");
        draft.field("onset[x]", al1.field(6), |_| None);
        if let Some(onset) = self.time(al1.field(6)) {
            draft.choice("onset[x]", "onsetDateTime", onset.fhir_date_time());
        }
        Some(draft.done(self.id(patient, ResourceType::AllergyIntolerance, &key), self.time.get()))
    }

    /// IAM: an allergy with an action: added, updated, or taken back (IAM-6 D).
    fn allergy_action(&self, iam: Segment<'m>, patient: PatientKey) -> Option<Change> {
        let unique = iam.field(7);
        let key = match non_empty(unique.text()) {
            Some(id) => format!("id|{}^{}", id.trim(), unique.comp(2).text().trim()),
            None => self.allergy_key(iam.field(3))?,
        };
        let mut draft = self.allergy_draft(iam, patient)?;
        draft.list("identifier", self.entity(unique.first(), None).into_iter().collect());
        if iam.field(6).text().trim().eq_ignore_ascii_case("D") {
            draft.set(
                "verificationStatus",
                fixed(
                    "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification",
                    "entered-in-error",
                    "Entered in Error",
                ),
            );
            // ait-2: an allergy entered in error has no clinical status.
            draft.clear("clinicalStatus", 0);
        } else {
            let status = iam.field(17).text().to_ascii_lowercase();
            if let Some(code) = ["active", "inactive", "resolved"].into_iter().find(|c| *c == status.trim()) {
                draft.set("clinicalStatus", clinical_status(code));
            }
            draft.clear("verificationStatus", 0);
        }
        self.severity(&mut draft, iam.field(4), iam.field(5), "IAM-5");
        if let Some(onset) = self.time(iam.field(11)) {
            draft.choice("onset[x]", "onsetDateTime", onset.fhir_date_time());
        } else if let Some(text) = non_empty(iam.field(12).whole()) {
            draft.choice("onset[x]", "onsetString", text.trim());
        }
        draft.field("recordedDate", iam.field(13), |f| self.time(f).map(|w| w.fhir_date_time().into()));
        Some(draft.done(self.id(patient, ResourceType::AllergyIntolerance, &key), self.time.get()))
    }

    fn allergy_key(&self, allergen: Field<'m>) -> Option<String> {
        let what = non_empty(allergen.text()).or_else(|| non_empty(allergen.comp(2).text()))?;
        Some(format!("allergen|{}", what.trim().to_uppercase()))
    }

    /// What AL1 and IAM have in common: type, allergen.
    fn allergy_draft(&self, segment: Segment<'m>, patient: PatientKey) -> Option<Draft> {
        let mut draft =
            Draft::ukcore(ResourceType::AllergyIntolerance, Scope::Partial, ukcore!("UKCore-AllergyIntolerance"));
        draft.set("patient", Context::reference(&ResourceId::of_patient(patient), ResourceType::Patient));
        draft.set("clinicalStatus", clinical_status("active"));
        let kind = segment.field(2).text().trim().to_ascii_uppercase();
        let category = match kind.as_str() {
            "DA" => "medication",
            "FA" => "food",
            "EA" | "PA" | "LA" => "environment",
            "AA" => "biologic",
            _ => "",
        };
        if !category.is_empty() {
            draft.set("category", Json::list(&[category.into()]));
        }
        if !category.is_empty() || kind == "MA" {
            draft.set("type", "allergy");
        }
        draft.set("code", self.concept(segment.field(3).first(), "AL1-3")?);
        Some(draft)
    }

    /// Severity and reactions. FHIR's reaction needs a manifestation: a severity without one tells of the risk.
    fn severity(&self, draft: &mut Draft, severity: Field<'m>, reactions: Field<'m>, name: &'static str) {
        let said = severity.text().trim().to_ascii_uppercase();
        let grade = match said.as_str() {
            "SV" => Some(("severe", "high")),
            "MO" => Some(("moderate", "")),
            "MI" => Some(("mild", "low")),
            _ => None,
        };
        let manifestations: Vec<Json> = reactions
            .reps()
            .filter_map(|rep| {
                if name == "IAM-5" {
                    self.concept(rep, name)
                } else {
                    non_empty(rep.whole()).map(|t| object! { "text": t.trim() })
                }
            })
            .collect();
        let as_reaction =
            self.profile.result.allergy_severity == AllergySeverity::Reaction && !manifestations.is_empty();
        if let Some((_, criticality)) = grade.filter(|(_, c)| !as_reaction && !c.is_empty()) {
            draft.set("criticality", criticality);
        }
        if !manifestations.is_empty() {
            let severity = grade.filter(|_| as_reaction).map_or("", |(severity, _)| severity);
            let reaction = Object::new().list("manifestation", manifestations).text("severity", severity).value();
            draft.set("reaction", Json::list(&[reaction]));
        } else if reactions.state() == State::Null {
            draft.clear("reaction", 0);
        }
    }

    /// DG1 to Condition: a diagnosis of its visit.
    fn diagnosis(&self, dg1: Segment<'m>, patient: PatientKey, hangs_on: &str, visit: Option<&Json>) -> Option<Change> {
        let code = dg1.field(3);
        let what = non_empty(code.text())
            .or_else(|| non_empty(code.comp(2).text()))
            .or_else(|| non_empty(dg1.field(4).text()));
        let unique = dg1.field(20);
        let key = match (non_empty(unique.text()), what) {
            (Some(id), _) => format!("id|{}^{}", id.trim(), unique.comp(2).text().trim()),
            (None, Some(what)) => format!("{hangs_on}|{}", what.trim()),
            (None, None) => return None,
        };
        let mut draft = Draft::ukcore(ResourceType::Condition, Scope::Partial, ukcore!("UKCore-Condition"));
        draft.set("subject", Context::reference(&ResourceId::of_patient(patient), ResourceType::Patient));
        draft.maybe("encounter", visit.cloned());
        // Only what is told of the person alone (A28, A31) is a problem; the diagnosis of an order is that order's.
        let of_person = visit.is_none() && self.is_adt;
        let category = if !of_person {
            ("encounter-diagnosis", "Encounter Diagnosis")
        } else {
            ("problem-list-item", "Problem List Item")
        };
        draft.set(
            "category",
            Json::list(&[fixed("http://terminology.hl7.org/CodeSystem/condition-category", category.0, category.1)]),
        );
        let description = non_empty(dg1.field(4).whole());
        draft.maybe("code", self.concept_with(code.first(), "DG1-3", description.as_deref()));
        let verification = |code: &str, display: &str| {
            fixed("http://terminology.hl7.org/CodeSystem/condition-ver-status", code, display)
        };
        match (&*dg1.field(21).text().trim().to_ascii_uppercase(), dg1.field(6).text().trim()) {
            ("D", _) => {
                draft.set("verificationStatus", verification("entered-in-error", "Entered in Error"));
                draft.clear("clinicalStatus", 0);
            }
            (_, kind) => {
                // con-3: a problem has a clinical status; that of a visit's diagnosis is not told by DG1.
                if of_person {
                    draft.set(
                        "clinicalStatus",
                        fixed("http://terminology.hl7.org/CodeSystem/condition-clinical", "active", "Active"),
                    );
                }
                match kind {
                    "W" => draft.set("verificationStatus", verification("provisional", "Provisional")),
                    "F" => draft.set("verificationStatus", verification("confirmed", "Confirmed")),
                    _ => &mut draft,
                };
            }
        }
        if let Some(onset) = self.time(dg1.field(5)) {
            draft.choice("onset[x]", "onsetDateTime", onset.fhir_date_time());
        } else if dg1.field(5).state() == State::Null {
            draft.clear("onset[x]", 0);
        }
        draft.field("recordedDate", dg1.field(19), |f| self.time(f).map(|w| w.fhir_date_time().into()));
        draft.field("asserter", dg1.field(16), |f| self.practitioner(f.first()));
        draft.list("identifier", self.entity(unique.first(), None).into_iter().collect());
        Some(draft.done(self.id(patient, ResourceType::Condition, &key), self.time.get()))
    }

    /// PR1 to Procedure.
    fn procedure(&self, pr1: Segment<'m>, patient: PatientKey, hangs_on: &str, visit: Option<&Json>) -> Option<Change> {
        let code = pr1.field(3);
        let what = non_empty(code.text())
            .or_else(|| non_empty(code.comp(2).text()))
            .or_else(|| non_empty(pr1.field(4).text()));
        let unique = pr1.field(19);
        let key = match (non_empty(unique.text()), what) {
            (Some(id), _) => format!("id|{}^{}", id.trim(), unique.comp(2).text().trim()),
            (None, Some(what)) => format!("{hangs_on}|{}|{}", what.trim(), pr1.field(5).text().trim()),
            (None, None) => return None,
        };
        let mut draft = Draft::ukcore(ResourceType::Procedure, Scope::Partial, ukcore!("UKCore-Procedure"));
        let start = self.time(pr1.field(5));
        let action = pr1.field(20).text();
        let status = match start {
            _ if action.trim().eq_ignore_ascii_case("D") => "entered-in-error",
            // Not yet done when it was written down.
            Some(start) if start.at > self.time.get().recorded.max(self.time.get().sent) => "preparation",
            _ => "completed",
        };
        draft.set("status", status);
        draft.set("subject", Context::reference(&ResourceId::of_patient(patient), ResourceType::Patient));
        draft.maybe("encounter", visit.cloned());
        // PR1-4 was the text before v2.3 had one in the code.
        let description = non_empty(pr1.field(4).whole()).filter(|_| !code.comp(9).is_present());
        draft.maybe("code", self.concept_with(code.first(), "PR1-3", description.as_deref()));
        draft.field("category", pr1.field(6), |f| {
            self.translated(f.first(), "PR1-6", "http://terminology.hl7.org/CodeSystem/v2-0230", PROCEDURE_TYPE)
        });
        let minutes = pr1.field(7).text().trim().parse::<i64>().ok().filter(|m| (1..100_000).contains(m));
        match (start, minutes) {
            (Some(start), Some(minutes)) if start.precision >= Precision::Minute => {
                if let Some(period) = crate::hl7::values::period(Some(start), start.plus_minutes(minutes)) {
                    draft.choice("performed[x]", "performedPeriod", period);
                }
            }
            (Some(start), _) => {
                draft.choice("performed[x]", "performedDateTime", start.fhir_date_time());
            }
            _ => {}
        }
        for (part, code, display) in [(8u8, "88189002", "Anaesthetist"), (11, "304292004", "Surgeon"), (12, "", "")] {
            draft.field_part("performer", part, pr1.field(usize::from(part)), |f| {
                let function =
                    (!code.is_empty()).then(|| object! { "coding": [coding("http://snomed.info/sct", code, display)] });
                let one = |actor| Object::new().put("function", function.clone()).put("actor", Some(actor)).value();
                f.reps().filter_map(|r| self.practitioner(r)).map(one).collect()
            });
        }
        draft.field("reasonCode", pr1.field(15), |f| some(self.concepts(f, "PR1-15")));
        draft.field("location", pr1.field(23), |f| self.place_reference(f.first()));
        draft.list("identifier", self.entity(unique.first(), None).into_iter().collect());
        Some(draft.done(self.id(patient, ResourceType::Procedure, &key), self.time.get()))
    }
}

fn clinical_status(code: &str) -> Json {
    let display = match code {
        "inactive" => "Inactive",
        "resolved" => "Resolved",
        _ => "Active",
    };
    fixed("http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", code, display)
}

fn some(list: Vec<Json>) -> Option<Json> {
    (!list.is_empty()).then_some(Json::from(list))
}
