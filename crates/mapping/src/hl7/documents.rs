//! MDM: letters and other documents (v2-to-FHIR MDM_T02; HL7 v2.5 chapter 9). A document is known by TXA-12.

use crate::{
    change::{Change, Severity},
    fold::{clock::TIER_FIRM, statement::Scope},
    hl7::{
        adt::Outcome,
        context::Context,
        draft::Draft,
        observation::lines_of,
        patient::CONFIDENTIALITY,
        results::{Group, Line},
        values::{coding, non_empty},
    },
    json::{Json, Object, object},
    time::Precision,
    uk::ukcore,
};
use fhir::{ResourceId, ResourceType};
use hl7v2::{Field, Location, Segment};

/// What a trigger does to a document.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Deed {
    /// T01, T02: here it is. T03, T04: its status changed.
    Tell,
    /// T05, T06: an addendum, a document of its own that adds to its parent.
    Append,
    /// T07, T08: the same document, edited.
    Edit,
    /// T09, T10: a document of its own that takes its parent's place.
    Replace,
    /// T11: it should not have been sent.
    Cancel,
}

fn deed(trigger: &str) -> Option<Deed> {
    Some(match trigger {
        "T01" | "T02" | "T03" | "T04" => Deed::Tell,
        "T05" | "T06" => Deed::Append,
        "T07" | "T08" => Deed::Edit,
        "T09" | "T10" => Deed::Replace,
        "T11" => Deed::Cancel,
        _ => return None,
    })
}

pub(crate) fn is_known(trigger: &str) -> bool {
    deed(trigger).is_some()
}

/// TXA-2 (HL7 table 0270).
const TYPES: &[(&str, &str, &str)] = &[
    ("AR", "AR", "Autopsy report"),
    ("CD", "CD", "Cardiodiagnostics"),
    ("CN", "CN", "Consultation"),
    ("DI", "DI", "Diagnostic imaging"),
    ("DS", "DS", "Discharge summary"),
    ("ED", "ED", "Emergency department report"),
    ("HP", "HP", "History and physical examination"),
    ("OP", "OP", "Operative report"),
    ("PC", "PC", "Psychiatric consultation"),
    ("PH", "PH", "Psychiatric history and physical examination"),
    ("PN", "PN", "Procedure note"),
    ("PR", "PR", "Progress note"),
    ("SP", "SP", "Surgical pathology"),
    ("TS", "TS", "Transfer summary"),
];

impl<'m> Context<'m> {
    pub fn document_message(&self, trigger: &str) -> Outcome {
        let mut out = Outcome::default();
        let (Some(deed), Some((pid, identity))) = (deed(trigger), self.subject(&mut out)) else { return out };
        out.changes.push(self.patient(pid, &identity, Scope::Partial));
        let encounter = self.visit_aside(pid, identity.key, &mut out.changes);
        let Some(txa) = self.segment("TXA") else {
            let place = Location::segment("TXA");
            self.find(
                Severity::Error,
                "document-without-number",
                &place,
                "a document message without TXA: nothing says which document",
            );
            return out;
        };
        let Some(number) = document_number(txa.field(12)) else {
            let place = txa.field(12).location();
            self.find(
                Severity::Error,
                "document-without-number",
                &place,
                "TXA-12 names no document: a later correction could not be told from a new one",
            );
            return out;
        };
        let patient = identity.key;
        let id = self.id(patient, ResourceType::DocumentReference, &format!("doc|{number}"));
        let parent = document_number(txa.field(13)).filter(|p| *p != number);
        let parent = parent.map(|p| self.id(patient, ResourceType::DocumentReference, &format!("doc|{p}")));
        let mut draft = self.document_draft(txa, deed, id, encounter.as_ref());
        let group = self.parts().into_iter().next();
        let lines: Vec<Line<'m>> = group
            .map(|p| p.before.into_iter().chain(p.groups.into_iter().flat_map(|g: Group<'m>| g.lines)).collect())
            .unwrap_or_default();
        let title =
            non_empty(txa.field(25).whole()).or_else(|| non_empty(txa.field(2).comp(2).text())).unwrap_or_default();
        let content = self.document_content(&lines, &number, id, title.trim(), &mut out.changes);
        if !content.is_empty() {
            draft.set("content", content.into_iter().map(|a| object! { "attachment": a }).collect::<Vec<_>>());
        } else {
            // A notice without content: FHIR wants an attachment, and its title is all there is. Content never yields to it.
            draft.set_at("content", 0, titled(title.trim()));
        }
        match (deed, parent) {
            (Deed::Replace, Some(parent)) => {
                draft.set("relatesTo", Json::list(&[object! { "code": "replaces", "target": Context::reference(&parent, ResourceType::DocumentReference) }]));
                let mut old = Draft::new(ResourceType::DocumentReference, Scope::Mark);
                old.set_at("status", TIER_FIRM, "superseded");
                // Until the document itself is heard of, if ever.
                let subject = Context::reference(&ResourceId::of_patient(id.patient), ResourceType::Patient);
                old.set_at("subject", 0, subject).set_at("content", 0, titled(""));
                out.changes.push(old.done(parent, self.time.get()));
            }
            (Deed::Append, Some(parent)) => {
                draft.set("relatesTo", Json::list(&[object! { "code": "appends", "target": Context::reference(&parent, ResourceType::DocumentReference) }]));
            }
            _ => {}
        }
        out.changes.push(draft.done(id, self.time.get()));
        out
    }

    fn document_draft(&self, txa: Segment<'m>, deed: Deed, id: ResourceId, encounter: Option<&Json>) -> Draft {
        let mut draft =
            Draft::ukcore(ResourceType::DocumentReference, Scope::Partial, ukcore!("UKCore-DocumentReference"));
        draft.set("subject", Context::reference(&ResourceId::of_patient(id.patient), ResourceType::Patient));
        draft.maybe("masterIdentifier", self.entity(txa.field(12).first(), None));
        let availability = txa.field(19).text().trim().to_ascii_uppercase();
        match (deed, availability.as_str()) {
            (Deed::Cancel, _) | (_, "CA") => {
                draft.set_at("status", TIER_FIRM, "entered-in-error").set("docStatus", "entered-in-error")
            }
            (_, "OB") => draft.set_at("status", TIER_FIRM, "superseded"),
            _ => draft.set("status", "current"),
        };
        if deed != Deed::Cancel {
            draft.field("docStatus", txa.field(17), |f| doc_status(&f.text(), deed).map(Json::from));
        }
        draft.field("type", txa.field(2), |f| {
            self.translated(f.first(), "TXA-2", "http://terminology.hl7.org/CodeSystem/v2-0270", TYPES)
        });
        draft.field("description", txa.field(25), |f| non_empty(f.whole()).map(|t| t.trim().into()));
        let date =
            [6, 4].into_iter().find_map(|n| self.time(txa.field(n)).filter(|w| w.precision >= Precision::Minute));
        draft.maybe("date", date.map(|w| w.fhir_instant().into()));
        let author = [9, 5].into_iter().map(|n| txa.field(n)).find(|f| f.is_present());
        if let Some(author) = author {
            draft.list("author", author.reps().filter_map(|r| self.author(r)).collect());
        }
        let signed = [22, 10].into_iter().find_map(|n| self.practitioner(txa.field(n).first()));
        draft.maybe("authenticator", signed);
        draft.maybe("custodian", self.own_organisation());
        draft.field("securityLabel", txa.field(18), |f| match &*f.text().trim().to_ascii_uppercase() {
            "V" => Some(Json::list(&[object! { "coding": [coding(CONFIDENTIALITY, "V", "very restricted")] }])),
            "R" => Some(Json::list(&[object! { "coding": [coding(CONFIDENTIALITY, "R", "restricted")] }])),
            "U" | "UC" => Some(Json::list(&[object! { "coding": [coding(CONFIDENTIALITY, "N", "normal")] }])),
            _ => None,
        });
        let activity = self.time(txa.field(4)).map(|w| object! { "start": w.fhir_date_time() });
        let related = non_empty(txa.field(15).text())
            .and_then(|_| self.entity(txa.field(15).first(), Some(("FILL", "Filler Identifier"))));
        let context = Object::new()
            .list("encounter", encounter.cloned().into_iter().collect())
            .put("period", activity)
            .list("related", related.map(|i| object! { "identifier": i }).into_iter().collect());
        draft.maybe("context", context.done());
        draft
    }

    /// TXA-9 is often a plain name.
    fn author(&self, rep: hl7v2::Rep<'m>) -> Option<Json> {
        if rep.comps().count() == 1 {
            return non_empty(rep.text()).map(|name| object! { "type": "Practitioner", "display": name.trim() });
        }
        self.practitioner(rep)
    }

    /// The documents in OBX-5; texts sent line by line become one text document.
    fn document_content(
        &self,
        lines: &[Line<'m>],
        number: &str,
        id: ResourceId,
        title: &str,
        changes: &mut Vec<Change>,
    ) -> Vec<Json> {
        let mut attachments = Vec::new();
        for (index, document) in self.documents(lines).into_iter().enumerate() {
            let key = format!("doc|{number}|{index}");
            attachments.push(self.attachment(id.patient, &key, document, title, changes));
        }
        let is_text = |line: &&Line<'m>| {
            matches!(&*line.obx.field(2).text(), "TX" | "FT" | "ST") && line.obx.field(5).is_present()
        };
        let texts: Vec<Field<'m>> = lines.iter().filter(is_text).map(|l| l.obx.field(5)).collect();
        if attachments.is_empty()
            && let Some(text) = lines_of(texts.into_iter())
        {
            let document = crate::hl7::attachment::Document::Bytes {
                content_type: "text/plain; charset=utf-8".into(),
                bytes: text.into_bytes(),
            };
            attachments.push(self.attachment(id.patient, &format!("doc|{number}|text"), document, title, changes));
        }
        attachments
    }
}

/// The content of a document of which only a title is known.
fn titled(title: &str) -> Json {
    Json::list(&[
        object! { "attachment": object! { "title": if title.is_empty() { "Document not received" } else { title } } },
    ])
}

fn document_number(field: Field<'_>) -> Option<String> {
    let number = non_empty(field.text())?;
    Some(format!("{}^{}", number.trim(), field.comp(2).text().trim()))
}

/// TXA-17 (HL7 table 0271).
fn doc_status(code: &str, deed: Deed) -> Option<&'static str> {
    Some(match code.trim().to_ascii_uppercase().as_str() {
        "AU" | "LA" if deed == Deed::Edit => "amended",
        "AU" | "LA" => "final",
        "DI" | "DO" | "IN" | "IP" | "PA" => "preliminary",
        "CA" => "entered-in-error",
        _ => return None,
    })
}
