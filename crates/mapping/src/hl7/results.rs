//! ORU, OUL: reports and their observations (v2-to-FHIR ORU_R01). A report is known by the filler's order number and its
//! test; an observation by its report, OBX-3 and OBX-4. Later versions replace earlier ones, and a preliminary one never
//! replaces a final one.

use crate::{
    change::Change,
    fold::{
        clock::{TIER_FIRM, TIER_NEWS},
        statement::Scope,
    },
    hl7::{
        adt::Outcome,
        attachment::Document,
        context::Context,
        draft::Draft,
        identity::Identity,
        observation::{Around, Standing, standing},
        values::{coding, extension, fixed, non_empty},
    },
    json::{Json, Object, object},
    profile::{ResultKey, SourceKind},
    time::Precision,
    uk::ukcore,
};
use fhir::{PatientKey, ResourceId, ResourceType};
use hl7v2::{Field, Segment};
use std::collections::HashMap;

/// An OBX with the NTEs after it.
pub(crate) struct Line<'m> {
    pub obx: Segment<'m>,
    pub notes: Vec<Segment<'m>>,
}

/// An OBR with all that belongs to it.
#[derive(Default)]
pub(crate) struct Group<'m> {
    pub orc: Option<Segment<'m>>,
    pub obr: Option<Segment<'m>>,
    pub notes: Vec<Segment<'m>>,
    pub lines: Vec<Line<'m>>,
    pub specimens: Vec<Segment<'m>>,
    pub timing: Option<Segment<'m>>,
}

/// A patient's part of a message: all from one PID to the next.
pub(crate) struct Part<'m> {
    pub pid: Segment<'m>,
    /// OBX of the patient, before any order.
    pub before: Vec<Line<'m>>,
    pub groups: Vec<Group<'m>>,
}

/// Counts how often a key came in one message: the second of two equal keys is another thing, not a new version.
#[derive(Default)]
pub(crate) struct Seen(HashMap<String, u32>);

impl Seen {
    pub fn key(&mut self, key: String) -> String {
        let count = self.0.entry(key.clone()).or_insert(0);
        *count += 1;
        if *count == 1 { key } else { format!("{key}#{count}") }
    }
}

impl<'m> Context<'m> {
    pub fn results(&self) -> Outcome {
        let mut out = Outcome::default();
        let parts = self.parts();
        if parts.is_empty() {
            self.subject(&mut out);
        }
        for part in &parts {
            let Some(identity) = self.identify(part.pid) else { continue };
            out.lane(identity.key);
            out.changes.push(self.patient(part.pid, &identity, Scope::Partial));
            let encounter = self.visit_aside(part.pid, identity.key, &mut out.changes);
            let around = self.around(&identity, encounter.clone());
            self.observations(identity.key, &part.before, "patient", &around, &mut Seen::default(), &mut out.changes);
            let mut seen = Seen::default();
            for group in &part.groups {
                self.report(&identity, group, encounter.as_ref(), &mut seen, &mut out.changes);
            }
            if parts.len() == 1 {
                self.clinical_without_observations(&identity, &mut out.changes);
            }
        }
        out
    }

    pub fn around(&self, identity: &Identity, encounter: Option<Json>) -> Around {
        Around {
            subject: Context::reference(&ResourceId::of_patient(identity.key), ResourceType::Patient),
            encounter,
            specimen: None,
            effective: None,
            issued: None,
            report: None,
            category: None,
        }
    }

    /// The message by patients and orders.
    pub fn parts(&self) -> Vec<Part<'m>> {
        let mut parts: Vec<Part<'m>> = Vec::new();
        let (mut orc, mut timing) = (None, None);
        let mut early: Vec<Segment<'m>> = Vec::new();
        for segment in self.message.segments() {
            if segment.name() == "PID" {
                parts.push(Part { pid: segment, before: Vec::new(), groups: Vec::new() });
                (orc, timing, early) = (None, None, Vec::new());
                continue;
            }
            let Some(part) = parts.last_mut() else { continue };
            if self.is_ignored(segment.name()) {
                continue;
            }
            match segment.name() {
                "ORC" => (orc, timing) = (Some(segment), None),
                "OBR" => {
                    let (specimens, timing) = (early.clone(), timing.take());
                    part.groups.push(Group {
                        orc: orc.take(),
                        obr: Some(segment),
                        specimens,
                        timing,
                        ..Group::default()
                    });
                }
                // OUL names the specimen before its orders, ORU after.
                "SPM" => match part.groups.last_mut() {
                    Some(group) if !self.is_specimen_first() => group.specimens.push(segment),
                    _ => early = vec![segment],
                },
                // Orders have it between ORC and OBR, results after OBR.
                "TQ1" if orc.is_some() => timing = timing.or(Some(segment)),
                "TQ1" => {
                    if let Some(group) = part.groups.last_mut() {
                        group.timing = group.timing.or(Some(segment));
                    }
                }
                "OBX" => {
                    let line = Line { obx: segment, notes: Vec::new() };
                    match part.groups.last_mut() {
                        Some(group) => group.lines.push(line),
                        None => part.before.push(line),
                    }
                }
                "NTE" => match part.groups.last_mut() {
                    Some(group) => match group.lines.last_mut() {
                        Some(line) => line.notes.push(segment),
                        None => group.notes.push(segment),
                    },
                    None => {
                        if let Some(line) = part.before.last_mut() {
                            line.notes.push(segment);
                        }
                    }
                },
                _ => {}
            }
        }
        parts
    }

    fn is_specimen_first(&self) -> bool {
        let specimen = self.message.segment("SPM").map(|s| s.index());
        let order = self.message.segment("OBR").map(|s| s.index());
        matches!((specimen, order), (Some(specimen), Some(order)) if specimen < order)
    }

    /// What a report is known by within its patient.
    fn report_key(&self, group: &Group<'m>) -> Option<String> {
        let obr = group.obr?;
        let number = |own: usize, order: usize| {
            let field = obr.field(own);
            let field = if field.is_present() { field } else { group.orc.map(|orc| orc.field(order)).unwrap_or(field) };
            let value = non_empty(field.text())?;
            Some(format!("{}^{}", value.trim(), field.comp(2).text().trim()))
        };
        let (filler, placer) = (|| number(3, 3).map(|n| format!("F|{n}")), || number(2, 2).map(|n| format!("P|{n}")));
        let rule = self.profile.result.key;
        let order = match rule {
            ResultKey::Placer => placer().or_else(filler),
            ResultKey::Filler | ResultKey::FillerOnly => filler().or_else(placer),
        };
        // Without any number: the time of the observation tells reports of one test apart.
        let order = order.unwrap_or_else(|| format!("T|{}", obr.field(7).text().trim()));
        let test = obr.field(4);
        let code = non_empty(test.text()).or_else(|| non_empty(test.comp(2).text())).unwrap_or_default();
        Some(if rule == ResultKey::FillerOnly { order } else { format!("{order}|{}", code.trim()) })
    }

    pub fn report(
        &self,
        identity: &Identity,
        group: &Group<'m>,
        encounter: Option<&Json>,
        seen: &mut Seen,
        changes: &mut Vec<Change>,
    ) {
        let (Some(obr), Some(key)) = (group.obr, self.report_key(group)) else { return };
        let key = seen.key(key);
        let patient = identity.key;
        let standing = report_standing(&obr.field(25).text(), &group.lines);
        let mut around = self.around(identity, encounter.cloned());
        let (start, end) = (self.time(obr.field(7)), self.time(obr.field(8)));
        around.effective = start.map(|w| w.fhir_date_time());
        let issued = self.time(obr.field(22)).filter(|w| w.precision >= Precision::Minute);
        around.issued = issued.map(|w| w.fhir_instant());
        around.report = Some(standing);
        let section = obr.field(24).text();
        let imaging = matches!(
            section.trim(),
            "RAD" | "RX" | "CT" | "NMR" | "NMS" | "RUS" | "OUS" | "VUS" | "CUS" | "XRC" | "CTH"
        );
        around.category = Some(if imaging { "imaging" } else { "laboratory" });
        let specimens = self.specimens(patient, group, &key, &around, changes);
        around.specimen = if let [only] = specimens.as_slice() { Some(only.clone()) } else { None };

        let report = self.id(patient, ResourceType::DiagnosticReport, &key);
        let mut within = Seen::default();
        let (results, attachments) = self.lines(patient, &group.lines, &key, &around, &mut within, changes);

        let mut draft =
            Draft::ukcore(ResourceType::DiagnosticReport, Scope::Partial, ukcore!("UKCore-DiagnosticReport"));
        draft.tier(standing.tier, standing.rank);
        draft.list("identifier", self.order_numbers(obr, group.orc));
        draft.set("status", standing.status);
        let section = if section.trim().is_empty() { "LAB" } else { section.trim() };
        let known = matches!(section.len(), 2..=3)
            .then(|| coding("http://terminology.hl7.org/CodeSystem/v2-0074", section, section_name(section)));
        draft.list("category", known.map(|c| object! { "coding": [c] }).into_iter().collect());
        draft.set(
            "code",
            self.concept(obr.field(4).first(), "OBR-4")
                .unwrap_or_else(|| object! { "text": "not named by the sender" }),
        );
        draft.set("subject", around.subject.clone());
        draft.maybe("encounter", encounter.cloned());
        match (start, end) {
            (Some(start), None) => {
                draft.choice("effective[x]", "effectiveDateTime", start.fhir_date_time());
            }
            (start, end) => {
                if let Some(period) = crate::hl7::values::period(start, end) {
                    draft.choice("effective[x]", "effectivePeriod", period);
                }
            }
        }
        draft.maybe("issued", around.issued.clone().map(Json::from));
        let by_laboratory = self.profile.kind == SourceKind::Laboratory;
        draft.list("performer", self.own_organisation().filter(|_| by_laboratory).into_iter().collect());
        draft.list("resultsInterpreter", obr.field(32).reps().filter_map(|r| self.interpreter(r)).collect());
        draft.list("specimen", specimens);
        draft.list(
            "basedOn",
            self.placer_number(obr, group.orc)
                .map(|i| object! { "type": "ServiceRequest", "identifier": i })
                .into_iter()
                .collect(),
        );
        if let Some(note) = self.notes(&group.notes).into_iter().next() {
            draft.set(
                "extension",
                Json::list(&[extension(
                    "http://hl7.org/fhir/5.0/StructureDefinition/extension-DiagnosticReport.note",
                    "valueAnnotation",
                    note,
                )]),
            );
        }
        draft.add("result", results);
        draft.list("presentedForm", attachments.clone());
        changes.push(draft.done(report, self.time.get()));
        if !attachments.is_empty() {
            let date = around.issued.or_else(|| start.map(|w| w.fhir_instant()));
            changes.push(self.document_of_report(report, obr, &attachments, encounter, date, standing.status));
        }
    }

    /// The observations of some OBX lines, without the documents among them.
    pub fn observations(
        &self,
        patient: PatientKey,
        lines: &[Line<'m>],
        key: &str,
        around: &Around,
        seen: &mut Seen,
        changes: &mut Vec<Change>,
    ) {
        self.lines(patient, lines, key, around, seen, changes);
    }

    /// OBX lines to observations (as a report's results) and attachments.
    fn lines(
        &self,
        patient: PatientKey,
        lines: &[Line<'m>],
        key: &str,
        around: &Around,
        seen: &mut Seen,
        changes: &mut Vec<Change>,
    ) -> (Vec<(u16, Json)>, Vec<Json>) {
        let mut results = Vec::with_capacity(lines.len());
        let mut attachments = Vec::new();
        let mut rest = lines;
        while let Some((first, after)) = rest.split_first() {
            let together = after.iter().take_while(|line| is_continued(first.obx, line.obx)).count();
            let (group, after) = rest.split_at(together + 1);
            rest = after;
            let obx = first.obx;
            let (code, sub) = (obx.field(3), obx.field(4).whole());
            let name = non_empty(code.text()).or_else(|| non_empty(code.comp(2).text())).unwrap_or_default();
            let local = seen.key(format!("{key}|{}|{}", name.trim(), sub.trim()));
            let documents = self.documents(group);
            if !documents.is_empty() {
                let title = non_empty(code.comp(2).text()).unwrap_or(name);
                for (index, document) in documents.into_iter().enumerate() {
                    let local = if index == 0 { local.clone() } else { format!("{local}+{index}") };
                    attachments.push(self.attachment(patient, &local, document, title.trim(), changes));
                }
                continue;
            }
            // ED and RP without anything in them are not results either.
            if matches!(&*obx.field(2).text(), "ED" | "RP") {
                continue;
            }
            let segments: Vec<Segment<'m>> = group.iter().map(|line| line.obx).collect();
            let notes: Vec<Segment<'m>> = group.iter().flat_map(|line| line.notes.iter().copied()).collect();
            if let Some(draft) = self.observation(&segments, &notes, around) {
                let id = self.id(patient, ResourceType::Observation, &local);
                let place = u16::try_from(results.len()).unwrap_or(u16::MAX);
                results.push((place, Context::reference(&id, ResourceType::Observation)));
                changes.push(draft.done(id, self.time.get()));
            }
        }
        (results, attachments)
    }

    /// The documents in OBX-5 of lines that belong together. One sent in pieces is put together.
    pub fn documents(&self, lines: &[Line<'m>]) -> Vec<Document> {
        let mut documents: Vec<Document> = Vec::new();
        for line in lines {
            let kind = line.obx.field(2).text().trim().to_ascii_uppercase();
            if !matches!(kind.as_str(), "ED" | "RP" | "CE" | "CWE" | "ST" | "TX" | "FT") {
                continue;
            }
            for rep in line.obx.field(5).reps() {
                let Some(document) = self.document(rep, &kind) else { continue };
                match (documents.last_mut(), document) {
                    (
                        Some(Document::Bytes { content_type, bytes }),
                        Document::Bytes { content_type: next, bytes: mut more },
                    ) if content_type == "application/pdf"
                        && !more.starts_with(b"%PDF")
                        && matches!(next.as_str(), "application/pdf" | "application/octet-stream") =>
                    {
                        bytes.append(&mut more);
                    }
                    (_, document) => documents.push(document),
                }
            }
        }
        documents
    }

    /// Placer and filler order numbers as identifiers.
    pub fn order_numbers(&self, obr: Segment<'m>, orc: Option<Segment<'m>>) -> Vec<Json> {
        let number = |n: usize, kind: (&str, &str)| {
            let field = obr.field(n);
            let field = if field.is_present() { field } else { orc.map(|orc| orc.field(n)).unwrap_or(field) };
            self.entity(field.first(), Some(kind))
        };
        number(2, ("PLAC", "Placer Identifier")).into_iter().chain(number(3, ("FILL", "Filler Identifier"))).collect()
    }

    fn placer_number(&self, obr: Segment<'m>, orc: Option<Segment<'m>>) -> Option<Json> {
        let field = obr.field(2);
        let field = if field.is_present() { field } else { orc?.field(2) };
        self.entity(field.first(), Some(("PLAC", "Placer Identifier")))
    }

    /// NDL.1 is a person in subcomponents.
    fn interpreter(&self, rep: hl7v2::Rep<'m>) -> Option<Json> {
        let person = rep.comp(1);
        let [id, family, given, _, _, prefix] = [1, 2, 3, 4, 5, 6].map(|n| person.sub(n).trim().to_owned());
        let parts: Vec<&str> = [prefix.as_str(), &given, &family].into_iter().filter(|p| !p.is_empty()).collect();
        if id.is_empty() && parts.is_empty() {
            return None;
        }
        let system = crate::uk::professional_system(&id, &person.sub(9))
            .map_or_else(|| self.profile.identifier_system("practitioner"), str::to_owned);
        let identifier = (!id.is_empty()).then(|| object! { "system": system, "value": id });
        Object::new()
            .put("type", Json::from("Practitioner"))
            .put("identifier", identifier)
            .text("display", &parts.join(" "))
            .done()
    }

    /// SPM, else OBR-15, to Specimen.
    fn specimens(
        &self,
        patient: PatientKey,
        group: &Group<'m>,
        key: &str,
        around: &Around,
        changes: &mut Vec<Change>,
    ) -> Vec<Json> {
        let mut references = Vec::new();
        for (index, spm) in group.specimens.iter().enumerate() {
            let mut known = None;
            let mut identifiers = Vec::new();
            for (n, code, display) in [(2, "FILL", "Filler Identifier"), (1, "PLAC", "Placer Identifier")] {
                let comp = spm.field(2).comp(n);
                let Some(value) = non_empty(comp.sub(1)) else { continue };
                let system = self.profile.identifier_system(&comp.sub(2));
                known = known.or(Some(format!("{system}|{}", value.trim())));
                let kind = fixed("http://terminology.hl7.org/CodeSystem/v2-0203", code, display);
                identifiers.push(object! { "type": kind, "system": system, "value": value.trim() });
            }
            let id = self.id(patient, ResourceType::Specimen, &known.unwrap_or_else(|| format!("{key}|{index}")));
            let mut draft = Draft::ukcore(ResourceType::Specimen, Scope::Partial, ukcore!("UKCore-Specimen"));
            draft.list("identifier", identifiers);
            draft.set("subject", around.subject.clone());
            draft.field("type", spm.field(4), |f| self.concept(f.first(), "SPM-4"));
            draft.field("receivedTime", spm.field(18), |f| self.time(f).map(|w| w.fhir_date_time().into()));
            let (start, end) = (
                self.read_time(&spm.field(17).comp(1).text(), || spm.field(17).location()),
                self.read_time(&spm.field(17).comp(2).text(), || spm.field(17).location()),
            );
            let collected = match (start, end) {
                (Some(start), None) => ("collectedDateTime", Some(Json::from(start.fhir_date_time()))),
                (start, end) => ("collectedPeriod", crate::hl7::values::period(start, end)),
            };
            let collection = Object::new()
                .put(collected.0, collected.1)
                .put("method", self.concept(spm.field(7).first(), "SPM-7"))
                .put("bodySite", self.concept(spm.field(8).first(), "SPM-8"));
            draft.maybe("collection", collection.done());
            draft.list("condition", self.concepts(spm.field(24), "SPM-24"));
            let description = non_empty(spm.field(14).whole()).map(|t| object! { "text": t.trim() });
            draft.list("note", description.into_iter().collect());
            draft.field("status", spm.field(20), |f| match &*f.text() {
                "Y" => Some("available".into()),
                "N" => Some("unavailable".into()),
                _ => None,
            });
            changes.push(draft.done(id, self.time.get()));
            references.push(Context::reference(&id, ResourceType::Specimen));
        }
        let source = group.obr.map(|obr| obr.field(15)).filter(|f| group.specimens.is_empty() && f.is_present());
        if let Some(source) = source {
            references.extend(self.specimen_of_order(patient, source, group, key, around, changes));
        }
        references
    }

    /// OBR-15 (before v2.5): source, additive, free text …
    fn specimen_of_order(
        &self,
        patient: PatientKey,
        source: Field<'m>,
        group: &Group<'m>,
        key: &str,
        around: &Around,
        changes: &mut Vec<Change>,
    ) -> Option<Json> {
        let [code, name] = [1, 2].map(|n| source.comp(1).sub(n).trim().to_owned());
        let free = source.comp(3).text();
        let shown = [name.as_str(), free.trim(), code.as_str()].into_iter().find(|t| !t.is_empty())?.to_owned();
        let coded = (!code.is_empty()).then(|| coding(&self.profile.local_code_system("specimen"), &code, &name));
        let id = self.id(patient, ResourceType::Specimen, &format!("{key}|OBR-15"));
        let mut draft = Draft::ukcore(ResourceType::Specimen, Scope::Partial, ukcore!("UKCore-Specimen"));
        draft.set("type", Object::new().list("coding", coded.into_iter().collect()).text("text", &shown).value());
        draft.set("subject", around.subject.clone());
        draft.maybe(
            "receivedTime",
            group.obr.and_then(|obr| self.time(obr.field(14))).map(|w| w.fhir_date_time().into()),
        );
        let collected = around.effective.clone().map(|at| object! { "collectedDateTime": at });
        draft.maybe("collection", collected);
        changes.push(draft.done(id, self.time.get()));
        Some(Context::reference(&id, ResourceType::Specimen))
    }
}

/// Is `next` another line of the same text, or piece of the same document: same OBX-3 and OBX-4, same type, text or ED?
fn is_continued(first: Segment<'_>, next: Segment<'_>) -> bool {
    let kind = first.field(2).text();
    matches!(&*kind, "TX" | "FT" | "ST" | "ED")
        && next.field(2).text() == kind
        && next.field(3).raw() == first.field(3).raw()
        && next.field(4).raw() == first.field(4).raw()
        // A result with a unit or a range of its own is no line of a text.
        && [6, 7].iter().all(|n| !first.field(*n).is_present() && !next.field(*n).is_present())
}

/// OBR-25 (v2-to-FHIR ResultStatus[Non-Queries], gaps filled); where it is silent, what its observations say.
fn report_standing(code: &str, lines: &[Line<'_>]) -> Standing {
    let (status, tier, rank) = match code.trim().to_ascii_uppercase().as_str() {
        "O" | "I" | "S" | "N" => ("registered", TIER_NEWS, 0),
        "A" | "R" => ("partial", TIER_NEWS, 1),
        "P" | "M" => ("preliminary", TIER_NEWS, 2),
        "F" => ("final", TIER_FIRM, 3),
        "C" => ("corrected", TIER_FIRM, 4),
        "X" => ("cancelled", TIER_FIRM, 5),
        "D" | "W" => ("entered-in-error", TIER_FIRM, 6),
        _ => {
            let all: Vec<Standing> = lines.iter().map(|l| standing(&l.obx.field(11).text(), None)).collect();
            let firm = !all.is_empty() && all.iter().all(|s| s.tier == TIER_FIRM);
            match all.iter().max_by_key(|s| s.rank) {
                Some(Standing { status: "corrected", .. }) if firm => ("corrected", TIER_FIRM, 4),
                Some(_) if firm => ("final", TIER_FIRM, 3),
                Some(Standing { rank: 1.., .. }) => ("partial", TIER_NEWS, 1),
                _ => ("unknown", TIER_NEWS, 0),
            }
        }
    };
    Standing { status, tier, rank }
}

/// HL7 table 0074, the sections met most.
fn section_name(code: &str) -> &'static str {
    match code {
        "LAB" => "Laboratory",
        "HM" => "Hematology",
        "CH" => "Chemistry",
        "MB" => "Microbiology",
        "BLB" => "Blood Bank",
        "IMM" => "Immunology",
        "VR" => "Virology",
        "SP" => "Surgical Pathology",
        "CP" => "Cytopathology",
        "GE" => "Genetics",
        "RAD" => "Radiology",
        "CT" => "CAT Scan",
        _ => "",
    }
}
