//! Letters: the list, one letter with its files, and a file's bytes. A file is served from this site, through the gate,
//! under a policy that lets it run nothing and reach nowhere.

use super::{
    Chrome, Here,
    frame::{self, Frame, Page},
    html,
    results::From,
    section::kinds,
};
use crate::{error::PageError, session::SignedIn, state::AppState};
use access::Action;
use askama::Template;
use axum::{
    extract::{Path, RawQuery, State},
    http::{HeaderValue, header},
    response::{Html, IntoResponse, Response},
};
use fhir::{ResourceId, ResourceType};
use record::{
    Filter, ParsedItem,
    explain::Explanation,
    sections::{
        SectionKind,
        documents::{self, File, Letter, Place},
    },
};
use std::sync::Arc;

/// Letters on a page.
const LETTERS_MAX: usize = 50;
/// Text longer than this is offered as a file instead of standing in the page.
const TEXT_BYTES_MAX: u64 = 200_000;

#[derive(Template)]
#[template(path = "letters.html")]
struct LettersPage {
    chrome: Chrome,
    frame: Frame,
    current: Vec<Letter>,
    superseded: Vec<Letter>,
    older: Option<String>,
    missing: Explanation,
    /// What is looked for in them: nothing yet.
    words: &'static str,
}

/// `GET /record/{person}/letters`.
pub async fn list(
    State(state): State<AppState>,
    who: SignedIn,
    Path(person): Path<String>,
    axum::extract::Query(from): axum::extract::Query<From>,
) -> Result<Html<String>, PageError> {
    let person = frame::person(&person)?;
    let chrome = Chrome::new(&state, &who, Here::Elsewhere);
    let section = SectionKind::Letters;
    frame::open(&state, &who.user, person, Page::of(section), kinds(section), move |opened| {
        let (superseded, current): (Vec<Letter>, Vec<Letter>) =
            documents::letters(&opened.items).into_iter().partition(|letter| letter.superseded);
        let rest = current.len().saturating_sub(from.from);
        let older = (rest > LETTERS_MAX)
            .then(|| format!("{}?from={}", opened.frame.section("letters"), from.from.saturating_add(LETTERS_MAX)));
        let current = current.into_iter().skip(from.from).take(LETTERS_MAX).collect();
        let missing = opened.missing(section);
        html(&LettersPage { chrome, frame: opened.frame, current, superseded, older, missing, words: "" })
    })
    .await
}

/// A file as its letter's page shows it.
pub struct FileView {
    /// Its own title.
    pub title: Option<String>,
    /// `PDF, 120 KB`.
    pub label: String,
    /// Where its bytes are; None when they cannot be had.
    pub href: Option<String>,
    /// Its text, to stand in the page.
    pub text: Option<String>,
    /// Whether to show it in a frame.
    pub framed: bool,
    /// Whether it is a PDF.
    pub pdf: bool,
    /// Why it cannot be had.
    pub why: String,
}

/// The files of a document.
pub fn views(frame: &Frame, item: &ParsedItem, letter: &Letter) -> Vec<FileView> {
    let attachments: Vec<_> = documents::attachments(item).collect();
    let view = |file: &File| {
        let here = matches!(file.place, Place::Inline | Place::Binary(_));
        let href = here.then(|| format!("{}/{}/{}/{}", frame.section("file"), item.kind(), item.id, file.index));
        let plain = file.media_type == "text/plain" && file.bytes.is_none_or(|bytes| bytes <= TEXT_BYTES_MAX);
        let bytes =
            attachments.get(file.index).filter(|_| plain).and_then(|attachment| documents::inline_bytes(attachment));
        FileView {
            pdf: file.media_type == "application/pdf",
            title: file.title.clone(),
            label: file.label(),
            text: bytes.map(|bytes| record::origin::decode(&bytes).trim().to_owned()),
            framed: here
                && matches!(
                    file.media_type.as_str(),
                    "application/pdf" | "image/png" | "image/jpeg" | "text/html" | "text/plain"
                ),
            href,
            why: match &file.place {
                Place::Elsewhere(_) => "The source keeps this file in a place that is not connected here.".into(),
                Place::Withheld => {
                    "Withheld: this person’s whereabouts are restricted, and a letter may tell them. Ask its author."
                        .into()
                }
                _ => "The source sent no content for this file.".into(),
            },
        }
    };
    letter.files.iter().map(view).collect()
}

#[derive(Template)]
#[template(path = "letter.html")]
struct LetterPage {
    chrome: Chrome,
    frame: Frame,
    letter: Letter,
    files: Vec<FileView>,
}

/// `GET /record/{person}/letters/{id}`.
pub async fn show(
    State(state): State<AppState>,
    who: SignedIn,
    Path((person, id)): Path<(String, String)>,
) -> Result<Html<String>, PageError> {
    let person = frame::person(&person)?;
    let id: ResourceId = id.parse().map_err(|_| PageError::NotFound)?;
    let chrome = Chrome::new(&state, &who, Here::Elsewhere);
    let section = SectionKind::Letters;
    let page = Page::within(section, section.title(), format!("letter {id}"));
    frame::open(&state, &who.user, person, page, kinds(section), move |opened| {
        let item = opened.items.iter().find(|item| item.id == id && item.kind() == ResourceType::DocumentReference);
        let item = item.ok_or(PageError::NotFound)?;
        let letter = documents::letter_of(&opened.items, item);
        let files = views(&opened.frame, item, &letter);
        html(&LetterPage { chrome, frame: opened.frame, letter, files })
    })
    .await
}

struct Bytes {
    media_type: String,
    body: Vec<u8>,
    name: String,
}

/// `GET /record/{person}/file/{kind}/{id}/{index}[?download]`.
pub async fn file(
    State(state): State<AppState>,
    who: SignedIn,
    Path((person, kind, id, index)): Path<(String, String, String, usize)>,
    RawQuery(query): RawQuery,
) -> Result<Response, PageError> {
    let person = frame::person(&person)?;
    let id: ResourceId = id.parse().map_err(|_| PageError::NotFound)?;
    let kind = match kind.as_str() {
        "DocumentReference" => ResourceType::DocumentReference,
        "DiagnosticReport" => ResourceType::DiagnosticReport,
        _ => return Err(PageError::NotFound),
    };
    let user = Arc::clone(&who.user);
    let site = state.clone();
    let work = move || {
        let action = Action::OpenPage { page: format!("file {index} of {kind} {id}") };
        let permit = site.open_record(&user, person, &action)?;
        let states = frame::states(&site, &permit)?;
        let of_kinds = vec![kind, ResourceType::Binary];
        let sealed = site.records.read(&permit, &Filter { kinds: of_kinds, ..Filter::default() })?;
        Ok::<_, PageError>(sealed.map(|items| {
            let parsed = |item| ParsedItem::of(item, |source| crate::sources::info(&states, source));
            let item = items.iter().find(|item| item.id == id && item.kind == kind).ok_or(PageError::NotFound)?;
            let item = parsed(item)?;
            let letter = documents::letter_of(std::slice::from_ref(&item), &item);
            let file = letter.files.iter().find(|file| file.index == index).ok_or(PageError::NotFound)?;
            let attachment = documents::attachments(&item).nth(index).ok_or(PageError::NotFound)?;
            let (body, stated) = match &file.place {
                Place::Inline => (documents::inline_bytes(attachment), None),
                Place::Binary(binary) => {
                    let found =
                        items.iter().find(|item| item.kind == ResourceType::Binary && item.id.to_string() == *binary);
                    let binary = parsed(found.ok_or(PageError::NotFound)?)?;
                    let value = fhir::Value::Object(binary.resource.body().clone());
                    (documents::inline_bytes(&value), binary.resource.str_at("/contentType").map(str::to_owned))
                }
                Place::Elsewhere(_) | Place::Missing | Place::Withheld => (None, None),
            };
            let body = body.ok_or(PageError::NotFound)?;
            let stated = if file.media_type.is_empty() { stated.unwrap_or_default() } else { file.media_type.clone() };
            let media_type = checked(&stated, &body);
            let body =
                if media_type.starts_with("text/plain") { record::origin::decode(&body).into_bytes() } else { body };
            Ok(Bytes { media_type, body, name: file_name(&letter) })
        }))
    };
    let sealed = crate::blocking::spawn(work).await.map_err(|error| PageError::Fault(error.to_string()))??;
    let found: Result<Bytes, PageError> = sealed.release().await?;
    let found = found?;
    let download = query.as_deref() == Some("download");
    Ok(answer(found, download))
}

/// The media type to serve: what the bytes are, when that is one of the few shown in the page; else only for saving.
fn checked(stated: &str, body: &[u8]) -> String {
    let stated = stated.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let known = if body.starts_with(b"%PDF-") {
        "application/pdf"
    } else if body.starts_with(&[0x89, b'P', b'N', b'G']) {
        "image/png"
    } else if body.starts_with(&[0xff, 0xd8, 0xff]) {
        "image/jpeg"
    } else if matches!(stated.as_str(), "text/plain" | "text/html") {
        return format!("{stated}; charset=utf-8");
    } else {
        "application/octet-stream"
    };
    known.to_owned()
}

/// A name to save it under: what it is and its date, nothing about the person.
fn file_name(letter: &Letter) -> String {
    let words: String =
        letter.title.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let words: Vec<&str> = words.split('-').filter(|word| !word.is_empty()).take(6).collect();
    let date = letter.when.as_ref().map(|when| format!("-{}", when.date)).unwrap_or_default();
    format!("{}{date}", if words.is_empty() { "letter".to_owned() } else { words.join("-") })
}

fn answer(file: Bytes, download: bool) -> Response {
    let inline = !download && file.media_type != "application/octet-stream";
    let extension = match file.media_type.split(';').next().unwrap_or_default() {
        "application/pdf" => ".pdf",
        "image/png" => ".png",
        "image/jpeg" => ".jpg",
        "text/plain" => ".txt",
        "text/html" => ".html",
        _ => "",
    };
    // A PDF viewer is no script of ours and does not start in a sandbox; everything else is shut in one.
    let policy = if file.media_type == "application/pdf" {
        "default-src 'none'; style-src 'unsafe-inline'; object-src 'self'; frame-ancestors 'self'"
    } else {
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; sandbox"
    };
    let disposition =
        format!("{}; filename=\"{}{extension}\"", if inline { "inline" } else { "attachment" }, file.name);
    let mut response = file.body.into_response();
    let headers = response.headers_mut();
    let mut set = |name, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set(header::CONTENT_TYPE, &file.media_type);
    set(header::CONTENT_DISPOSITION, &disposition);
    set(header::CONTENT_SECURITY_POLICY, policy);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_served_as_what_it_is_not_as_what_it_claims() {
        assert_eq!(checked("text/html", b"%PDF-1.7"), "application/pdf");
        assert_eq!(checked("application/pdf", b"<script>alert(1)</script>"), "application/octet-stream");
        assert_eq!(checked("TEXT/PLAIN; charset=latin1", b"Dear colleague"), "text/plain; charset=utf-8");
        assert_eq!(checked("image/svg+xml", b"<svg onload=x>"), "application/octet-stream");
    }
}
