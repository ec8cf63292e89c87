//! Letters and other documents: DocumentReference, and DiagnosticReports that are only a document. A replaced letter is
//! kept and marked, never shown as the current one.

use super::{Mark, Tone, results::is_letter, withdrawn};
use crate::{
    item::{Origin, ParsedItem, of},
    text::{concept, concepts, references, text},
    when::When,
};
use base64::Engine as _;
use fhir::{ResourceType, Value};
use std::{cmp::Reverse, collections::HashSet};

/// One document, as a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// What it is: `Discharge summary`.
    pub title: String,
    /// More about it in the source's words, if different.
    pub description: Option<String>,
    /// Its date.
    pub when: Option<When>,
    /// Who wrote it.
    pub author: Option<String>,
    /// The organisation that keeps it.
    pub custodian: Option<String>,
    /// `Preliminary`, `Amended`, `Replaced` …
    pub marks: Vec<Mark>,
    /// Whether a newer one stands in its place, or its source withdrew it.
    pub superseded: bool,
    /// Its files.
    pub files: Vec<File>,
    /// Its type's codes, for plans that arrive as documents.
    pub codes: Vec<crate::text::Code>,
    /// Where it came from.
    pub origin: Origin,
}

/// One file of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// The position among the document's files, from 0.
    pub index: usize,
    /// The media type as stated, without parameters, in lower case; empty when not stated.
    pub media_type: String,
    /// Its title.
    pub title: Option<String>,
    /// Where its bytes are.
    pub place: Place,
    /// Its size in bytes, if known.
    pub bytes: Option<u64>,
}

/// Where a file's bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the resource itself.
    Inline,
    /// In a Binary of this record (`Binary/<id>`).
    Binary(String),
    /// Somewhere else, which we do not fetch.
    Elsewhere(String),
    /// The source sent no content.
    Missing,
    /// Held back: the person's whereabouts are restricted, and a file may tell them.
    Withheld,
}

/// The letters, newest first.
pub fn letters(items: &[ParsedItem]) -> Vec<Letter> {
    let replaced = replaced(items);
    let documents = of(items, ResourceType::DocumentReference);
    let reports = of(items, ResourceType::DiagnosticReport).filter(|item| is_letter(&item.resource));
    // A report and a reference to the same text (US Core clinical notes) are one letter.
    let pointed: HashSet<&str> = of(items, ResourceType::DocumentReference).flat_map(inline_texts).collect();
    let mut letters: Vec<Letter> = documents
        .chain(reports.filter(|item| !inline_texts(item).any(|data| pointed.contains(data))))
        .map(|item| letter(item, replaced.contains(&item.id.to_string())))
        .collect();
    letters.sort_by_key(|letter| Reverse(letter.when.as_ref().map_or(letter.origin.recorded, |when| when.at)));
    letters
}

fn inline_texts(item: &ParsedItem) -> impl Iterator<Item = &str> {
    attachments(item).filter_map(|attachment| text(attachment, "data"))
}

fn replaced(items: &[ParsedItem]) -> HashSet<String> {
    let mut ids = HashSet::new();
    for item in of(items, ResourceType::DocumentReference).filter(|item| !withdrawn(item)) {
        for related in
            item.resource.list("relatesTo").iter().filter(|related| text(related, "code") == Some("replaces"))
        {
            let target = related.get("target").and_then(|target| text(target, "reference"));
            ids.extend(target.and_then(|target| target.rsplit('/').next()).map(str::to_owned));
        }
    }
    ids
}

/// One document by its item.
pub fn letter_of(items: &[ParsedItem], item: &ParsedItem) -> Letter {
    letter(item, replaced(items).contains(&item.id.to_string()))
}

fn letter(item: &ParsedItem, replaced: bool) -> Letter {
    let resource = &item.resource;
    let kind = concept(resource, "type").or_else(|| concept(resource, "code"));
    let category = concepts(resource, "category").into_iter().next();
    let described = resource.str_at("/description").map(str::to_owned);
    let files: Vec<File> = attachments(item).enumerate().map(|(index, attachment)| file(index, attachment)).collect();
    let attached = files.iter().find_map(|file| file.title.clone());
    let title = kind.as_ref().map(|kind| crate::text::without_tag(&kind.text).to_owned());
    let title =
        title.or_else(|| described.clone()).or_else(|| attached.clone()).or(category.map(|category| category.text));
    let title = title.unwrap_or_else(|| "Document".into());
    let mut marks = Vec::new();
    match resource.str_at("/docStatus").unwrap_or_default() {
        "preliminary" => marks.push(Mark::new("Preliminary", Tone::Caution)),
        "amended" => marks.push(Mark::new("Amended", Tone::Plain)),
        _ => {}
    }
    match item.status() {
        "preliminary" | "registered" | "partial" => marks.push(Mark::new("Preliminary", Tone::Caution)),
        "corrected" | "amended" => marks.push(Mark::new("Corrected", Tone::Caution)),
        "cancelled" => marks.push(Mark::new("Cancelled", Tone::Danger)),
        _ => {}
    }
    let wrong = withdrawn(item) || resource.str_at("/docStatus") == Some("entered-in-error");
    let superseded = replaced || matches!(item.status(), "superseded" | "cancelled") || wrong;
    if wrong {
        marks.push(Mark::new("Withdrawn: entered in error", Tone::Danger));
    } else if replaced || item.status() == "superseded" {
        marks.push(Mark::new("Replaced by a newer one", Tone::Caution));
    }
    Letter {
        description: described.or(attached).filter(|description| *description != title),
        title,
        when: crate::text::when(resource, &["/date", "/context/period/start", "/effectiveDateTime", "/issued"]),
        author: references(resource, "author")
            .into_iter()
            .next()
            .or_else(|| references(resource, "performer").into_iter().next()),
        custodian: references(resource, "custodian").into_iter().next(),
        marks,
        superseded,
        files,
        codes: kind.map(|kind| kind.codes).unwrap_or_default(),
        origin: item.origin(),
    }
}

/// The attachments of a document or report, in order.
pub fn attachments(item: &ParsedItem) -> impl Iterator<Item = &Value> {
    let of_document = item.resource.list("content").iter().filter_map(|content| content.get("attachment"));
    of_document.chain(item.resource.list("presentedForm"))
}

/// The bytes of an inline attachment (base64, white space allowed).
pub fn inline_bytes(attachment: &Value) -> Option<Vec<u8>> {
    let data = text(attachment, "data")?;
    let packed: String = data.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    base64::engine::general_purpose::STANDARD.decode(packed).ok()
}

fn file(index: usize, attachment: &Value) -> File {
    let stated = text(attachment, "contentType").unwrap_or_default();
    let data = text(attachment, "data");
    let place = match (data, text(attachment, "url")) {
        (Some(_), _) => Place::Inline,
        (None, Some(url)) => match url.rsplit_once("Binary/") {
            Some((_, id)) if id.split('/').next().is_some_and(|id| id.parse::<fhir::ResourceId>().is_ok()) => {
                Place::Binary(id.split('/').next().unwrap_or_default().to_owned())
            }
            _ => Place::Elsewhere(url.to_owned()),
        },
        (None, None) if crate::withhold::is_masked(attachment) => Place::Withheld,
        (None, None) => Place::Missing,
    };
    let bytes = attachment.get("size").and_then(Value::as_u64).or_else(|| data.map(|data| (data.len() as u64) / 4 * 3));
    File {
        index,
        media_type: stated.split(';').next().unwrap_or_default().trim().to_ascii_lowercase(),
        title: text(attachment, "title").map(str::to_owned),
        place,
        bytes,
    }
}

impl File {
    /// `PDF, 120 KB`.
    pub fn label(&self) -> String {
        let kind = match self.media_type.as_str() {
            "application/pdf" => "PDF",
            "text/plain" => "Text",
            "text/html" => "Web page",
            "text/rtf" | "application/rtf" => "RTF",
            "image/jpeg" | "image/png" | "image/tiff" => "Image",
            "application/msword" | "application/vnd.openxmlformats-officedocument.wordprocessingml.document" => "Word",
            _ => "File",
        };
        match self.bytes {
            Some(bytes) if bytes >= 1_048_576 => {
                format!("{kind}, {}.{} MB", bytes / 1_048_576, bytes % 1_048_576 * 10 / 1_048_576)
            }
            Some(bytes) => format!("{kind}, {} KB", bytes.div_ceil(1024)),
            None => kind.to_owned(),
        }
    }
}

/// Whether any list of codes of a document says it is one of these.
pub fn is_one_of(letter: &Letter, codes: &[&str]) -> bool {
    letter.codes.iter().any(|code| codes.contains(&code.code.as_str()))
}
