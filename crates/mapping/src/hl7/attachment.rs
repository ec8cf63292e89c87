//! Documents inside messages: PDFs and the like in OBX-5, as ED, as RP, or as CE against the book. The bytes become a Binary
//! of the same patient; what points to them carries its address.

use crate::{
    change::{Change, Severity},
    fold::statement::Scope,
    hl7::{context::Context, draft::Draft, values::non_empty},
    json::{Json, Object, object},
};
use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use fhir::{PatientKey, ResourceId, ResourceType};
use hl7v2::{Rep, Segment};

/// Base64 as people send it: padding or none, and bits left over at the end.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// A document as a message holds it.
pub(crate) enum Document {
    /// The bytes themselves.
    Bytes { content_type: String, bytes: Vec<u8> },
    /// Where they are.
    Link { content_type: Option<String>, url: String },
}

impl<'m> Context<'m> {
    /// The document in one repetition of OBX-5, if it is one. `value_type` is OBX-2.
    pub fn document(&self, rep: Rep<'m>, value_type: &str) -> Option<Document> {
        if value_type == "RP" {
            let pointer = rep.comp(1).whole();
            let pointer = non_empty(pointer)?;
            // An unescaped & in an address would be cut at it: the whole component is the address.
            let content_type = content_type(&rep.comp(3).text(), &rep.comp(4).text());
            return Some(Document::Link { content_type, url: pointer.trim().to_owned() });
        }
        // ED: source, type, subtype, encoding, data. Some send the same in a CE. The encoding shows where the data are.
        let at = (2..=6).find(|n| matches!(rep.comp(*n).raw().to_ascii_lowercase().as_str(), "base64" | "hex"));
        let Some(at) = at else {
            // ED with encoding A: text as it stands.
            if value_type != "ED" {
                return None;
            }
            let text = non_empty(rep.comp(5).whole())?;
            let content_type =
                content_type(&rep.comp(2).text(), &rep.comp(3).text()).unwrap_or_else(|| "text/plain".into());
            return Some(Document::Bytes { content_type, bytes: text.into_owned().into_bytes() });
        };
        let data = rep.comp(at + 1);
        if !data.is_present() {
            return None;
        }
        let bytes = if rep.comp(at).raw().eq_ignore_ascii_case("hex") {
            unhex(data.raw())
        } else {
            self.unbase64(data.raw(), rep)
        }?;
        let stated = content_type(&rep.comp(at - 2).text(), &rep.comp(at - 1).text());
        let content_type =
            sniff(&bytes).map(str::to_owned).or(stated).unwrap_or_else(|| "application/octet-stream".into());
        Some(Document::Bytes { content_type, bytes })
    }

    fn unbase64(&self, raw: &str, rep: Rep<'m>) -> Option<Vec<u8>> {
        if let Ok(bytes) = LENIENT.decode(raw) {
            return Some(bytes);
        }
        // Line breaks (as escapes or otherwise) and stray characters: what is base64 is read, the rest noted.
        let text = raw.replace("\\.br\\", "").replace("\\X0D\\", "").replace("\\X0A\\", "").replace("\\X0D0A\\", "");
        let mut stray = false;
        let mut clean: Vec<u8> = Vec::with_capacity(text.len());
        for byte in text.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' => clean.push(byte),
                b'=' | b' ' | b'\t' | b'\r' | b'\n' => {}
                _ => stray = true,
            }
        }
        if clean.len() % 4 == 1 {
            clean.pop();
        }
        if stray {
            self.find(
                Severity::Warning,
                "attachment-damaged",
                &rep.location(),
                "the document's base64 has characters that are none: they were left out, and it may not open",
            );
        }
        LENIENT.decode(clean).ok().filter(|b| !b.is_empty())
    }

    /// The attachment that shows a document; bytes become a Binary under `key`.
    pub fn attachment(
        &self,
        patient: PatientKey,
        key: &str,
        document: Document,
        title: &str,
        changes: &mut Vec<Change>,
    ) -> Json {
        match document {
            Document::Link { content_type, url } => Object::new()
                .text("contentType", &content_type.unwrap_or_default())
                .text(if url.contains("://") { "url" } else { "title" }, &url)
                .value(),
            Document::Bytes { content_type, bytes } => {
                let id = self.id(patient, ResourceType::Binary, key);
                let size = bytes.len();
                changes.push(self.binary(id, &content_type, &bytes));
                Object::new()
                    .text("contentType", &content_type)
                    .text("url", &format!("Binary/{id}"))
                    .put("size", Json::from(size))
                    .text("title", title)
                    .value()
            }
        }
    }

    fn binary(&self, id: ResourceId, content_type: &str, bytes: &[u8]) -> Change {
        let mut draft = Draft::new(ResourceType::Binary, Scope::Whole);
        draft.set("contentType", content_type);
        draft.set("securityContext", Context::reference(&ResourceId::of_patient(id.patient), ResourceType::Patient));
        draft.set("data", base64::engine::general_purpose::STANDARD.encode(bytes));
        draft.done(id, self.time.get())
    }

    /// A DocumentReference to documents that came with a report.
    pub fn document_of_report(
        &self,
        report: ResourceId,
        obr: Segment<'m>,
        attachments: &[Json],
        encounter: Option<&Json>,
        date: Option<String>,
        status: &str,
    ) -> Change {
        let mut draft = Draft::ukcore(
            ResourceType::DocumentReference,
            Scope::Partial,
            crate::uk::ukcore!("UKCore-DocumentReference"),
        );
        let (status, doc_status) = match status {
            "entered-in-error" | "cancelled" => ("entered-in-error", "entered-in-error"),
            "registered" | "partial" | "preliminary" => ("current", "preliminary"),
            "amended" | "corrected" | "appended" => ("current", "amended"),
            _ => ("current", "final"),
        };
        draft.set("status", status).set("docStatus", doc_status);
        draft.maybe("type", self.concept(obr.field(4).first(), "OBR-4"));
        draft.set("subject", Context::reference(&ResourceId::of_patient(report.patient), ResourceType::Patient));
        draft.maybe("date", date.map(Json::from));
        draft.list("author", self.own_organisation().into_iter().collect());
        draft.set("content", attachments.iter().map(|a| object! { "attachment": a }).collect::<Vec<_>>());
        let context = Object::new()
            .list("encounter", encounter.cloned().into_iter().collect())
            .list("related", vec![Context::reference(&report, ResourceType::DiagnosticReport)]);
        draft.maybe("context", context.done());
        let id = ResourceId { patient: report.patient, local: report.local };
        let id = self.id(id.patient, ResourceType::DocumentReference, &format!("report|{report}"));
        draft.done(id, self.time.get())
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u32> =
        text.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_digit(16)).collect::<Option<_>>()?;
    digits.chunks_exact(2).map(|pair| u8::try_from(pair.iter().fold(0, |n, d| n << 4 | d)).ok()).collect()
}

/// What the first bytes say: a sender's word is often `IM^PDF` or nothing.
fn sniff(bytes: &[u8]) -> Option<&'static str> {
    [
        (b"%PDF".as_slice(), "application/pdf"),
        (b"{\\rtf", "application/rtf"),
        (b"\x89PNG", "image/png"),
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"GIF8", "image/gif"),
        (b"II*\0", "image/tiff"),
        (b"MM\0*", "image/tiff"),
    ]
    .into_iter()
    .find(|(magic, _)| bytes.starts_with(magic))
    .map(|(_, kind)| kind)
}

/// ED.2, ED.3 (HL7 tables 0191, 0291) as a MIME type.
fn content_type(kind: &str, subtype: &str) -> Option<String> {
    for text in [subtype, kind] {
        if text.contains('/') && !text.contains(char::is_whitespace) {
            return Some(text.trim().to_ascii_lowercase());
        }
    }
    let subtype = subtype.trim().to_ascii_lowercase();
    let known = match subtype.as_str() {
        "pdf" => "application/pdf",
        "jpeg" | "jpg" | "pict" => "image/jpeg",
        "png" => "image/png",
        "gif" => "image/gif",
        "tiff" | "tif" => "image/tiff",
        "rtf" => "application/rtf",
        "html" | "htm" => "text/html",
        "plain" | "txt" | "text" => "text/plain",
        "xml" | "x-hl7-cda-level-one" => "text/xml",
        "doc" | "msword" => "application/msword",
        "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "dicom" => "application/dicom",
        "octet-stream" => "application/octet-stream",
        _ => "",
    };
    if !known.is_empty() {
        return Some(known.to_owned());
    }
    match kind.trim().to_ascii_uppercase().as_str() {
        "TX" | "TEXT" | "FT" => Some("text/plain".to_owned()),
        _ => None,
    }
}
