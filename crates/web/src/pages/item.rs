//! Where an item came from: its source, its times, its versions, and the message itself with the place marked.

use super::{
    Chrome, Comparable, Here,
    frame::{self, BANNER_KINDS, Frame, Page},
    html,
};
use crate::{error::PageError, session::SignedIn, sources, state::AppState};
use access::Action;
use askama::Template;
use axum::{
    extract::{Path, Query, State},
    response::Html,
};
use fhir::{ResourceId, ResourceType};
use intake::EntryKind;
use record::{
    Entry, Filter, Item, ParsedItem, SourceInfo,
    origin::{self, Message, Row},
    sections::{SectionKind, events::spaced},
    text, when,
};
use serde::Deserialize;
use std::sync::Arc;

/// Where resources say when it was that they tell of, the first that has it.
const HAPPENED: [&str; 16] = [
    "/effectiveDateTime",
    "/effectivePeriod/start",
    "/onsetDateTime",
    "/occurrenceDateTime",
    "/performedDateTime",
    "/performedPeriod/start",
    "/period/start",
    "/start",
    "/date",
    "/authoredOn",
    "/recordedDate",
    "/issued",
    "/created",
    "/authored",
    "/dateTime",
    "/dateAsserted",
];

enum Original {
    Withheld,
    Gone,
    Rows(Vec<Row>),
    Entry { text: String, place: String },
}

struct VersionRow {
    version: u32,
    received: String,
    changed: String,
    /// Whether what changed is named by elements, as machines call them.
    elements: bool,
    message: String,
}

#[derive(Template)]
#[template(path = "item.html")]
struct ItemPage {
    chrome: Chrome,
    frame: Frame,
    back: (&'static str, &'static str),
    name: String,
    kind_words: String,
    href: String,
    deleted: bool,
    not_newest: Option<u32>,
    source: String,
    source_kind: &'static str,
    happened: Option<String>,
    received: String,
    received_ago: String,
    version: u32,
    versions: Vec<VersionRow>,
    seq: String,
    message: String,
    identifiers: Vec<String>,
    feed: String,
    original: Original,
    fhir: String,
}

/// Which version.
#[derive(Deserialize)]
pub struct Which {
    version: Option<u32>,
}

/// `GET /record/{person}/item/{kind}/{id}[?version=]`.
pub async fn show(
    State(state): State<AppState>,
    who: SignedIn,
    Path((person, kind, id)): Path<(String, String, String)>,
    Query(which): Query<Which>,
) -> Result<Html<String>, PageError> {
    let person = frame::person(&person)?;
    let kind: ResourceType = kind.parse().map_err(|_| PageError::NotFound)?;
    let id: ResourceId = id.parse().map_err(|_| PageError::NotFound)?;
    let chrome = Chrome::new(&state, &who, Here::Elsewhere);
    let (site, user) = (state.clone(), Arc::clone(&who.user));
    let work = move || {
        let now = site.page_time();
        let page = Action::OpenPage { page: format!("origin of {kind} {id}") };
        let permit = site.open_record(&user, person, &page)?;
        let history = site.records.history(&permit, id, kind)?;
        let around = site.records.read(&permit, &Filter { kinds: BANNER_KINDS.to_vec(), ..Filter::default() })?;
        let states = frame::states(&site, &permit)?;
        let waiting = site.records.waiting(&permit)?.len();
        let read = history.and(around, |history, around| {
            let newest = history.first().map(|item| item.version).ok_or(PageError::NotFound)?;
            let wanted = which.version.unwrap_or(newest);
            let chosen = history.iter().find(|item| item.version == wanted).ok_or(PageError::NotFound)?;
            // Opening the message itself is a second entry in the audit: it holds more than the item.
            let further = site.open_record(&user, person, &Action::OpenOrigin { message: chosen.message })?;
            let entry = site.records.origin(&further, chosen)?;
            let section = Some(section_of(kind));
            let page = Page { title: "Where this came from".into(), section, audit: String::new() };
            let source = sources::info(&states, &chosen.source);
            let opened = frame::opened(&around, states, page, &permit, waiting, now)?;
            Ok::<_, PageError>(entry.map(|entry| page_of(chrome, opened.frame, source, (&history, chosen), entry)))
        });
        let read = read.ok_or_else(|| PageError::Fault("what was read under one permit is under two".into()))?;
        Ok::<_, PageError>(read.map(|page| page.unwrap_or_else(|error| permit.seal(Err(error)))).flat())
    };
    let sealed = crate::blocking::spawn(work).await.map_err(|error| PageError::Fault(error.to_string()))??;
    sealed.release_as(|page| page.as_ref().ok().and_then(Comparable::hash)).await?
}

/// The page of one of an entry's versions, newest first, with what its message is.
fn page_of(
    chrome: Chrome,
    frame: Frame,
    source: Arc<SourceInfo>,
    (history, chosen): (&[Item], &Item),
    entry: Option<Entry>,
) -> Result<Html<String>, PageError> {
    let (kind, section) = (chosen.kind, section_of(chosen.kind));
    let newest = history.first().map_or(chosen.version, |item| item.version);
    let parsed = ParsedItem::of(chosen, |_| Arc::clone(&source))?;
    let restricted = frame.banner.restricted;
    let happened = text::when(&parsed.resource, &HAPPENED);
    let (feed, original) = original(entry, &parsed, restricted);
    html(&ItemPage {
        chrome,
        back: (section.slug(), section.title()),
        name: name(&parsed),
        kind_words: spaced(kind.as_str()),
        href: frame.item(&parsed.origin()),
        deleted: chosen.deleted,
        not_newest: (chosen.version != newest).then_some(chosen.version),
        source: source.name.clone(),
        source_kind: source.kind.label(),
        happened: happened.map(|when| when.text),
        received: when::date_time(chosen.recorded),
        received_ago: frame.ago(&chosen.recorded),
        version: chosen.version,
        versions: versions(history)?,
        seq: super::thousands(chosen.seq),
        message: super::thousands(chosen.message),
        identifiers: if restricted { Vec::new() } else { identifiers(&parsed) },
        feed,
        original,
        fhir: if kind == ResourceType::Patient || kind == ResourceType::RelatedPerson {
            restricted_json(&parsed, restricted)
        } else {
            origin::indented(&parsed.resource)
        },
        frame,
    })
}

fn versions(history: &[Item]) -> Result<Vec<VersionRow>, PageError> {
    let mut rows = Vec::new();
    for (index, item) in history.iter().enumerate() {
        let (changed, elements) = match history.get(index + 1) {
            _ if item.deleted => ("deleted by its source".into(), false),
            Some(older) => match origin::changed(&older.resource()?, &item.resource()?) {
                names if names.is_empty() => ("nothing shown here".into(), false),
                names => (names.join(", "), true),
            },
            None => ("first heard of".into(), false),
        };
        let (received, message) = (when::date_time(item.recorded), super::thousands(item.message));
        rows.push(VersionRow { version: item.version, received, changed, elements, message });
    }
    Ok(rows)
}

fn original(entry: Option<Entry>, item: &ParsedItem, restricted: bool) -> (String, Original) {
    // Every item came in a message: what is not handed out is withheld.
    let Some(entry) = entry else { return (String::new(), Original::Withheld) };
    let feed = entry.feed.clone();
    if !matches!(entry.kind, EntryKind::Hl7v2 | EntryKind::Fhir | EntryKind::Resubmit) {
        return (feed, Original::Gone);
    }
    if restricted {
        return (feed, Original::Withheld);
    }
    match origin::message(&entry.body, item) {
        Message::Rows(rows) => (feed, Original::Rows(rows)),
        Message::Entry { text, place } => (feed, Original::Entry { text, place }),
    }
}

/// A restricted person's own resources hold what may not be shown.
fn restricted_json(item: &ParsedItem, restricted: bool) -> String {
    if restricted {
        "Withheld: this person’s whereabouts are restricted.".into()
    } else {
        origin::indented(&item.resource)
    }
}

fn name(item: &ParsedItem) -> String {
    let resource = &item.resource;
    let named = ["code", "type", "vaccineCode", "medicationCodeableConcept", "category", "serviceType", "class"]
        .iter()
        .find_map(|element| text::concepts(resource, element).into_iter().next());
    let titled = resource.str_at("/title").or_else(|| resource.str_at("/description")).map(str::to_owned);
    let words = named.map(|concept| text::without_tag(&concept.text).to_owned());
    words.or(titled).unwrap_or_else(|| spaced(item.kind().as_str()))
}

fn identifiers(item: &ParsedItem) -> Vec<String> {
    let mut shown: Vec<String> = Vec::new();
    for identifier in item.resource.list("identifier") {
        let Some(value) = text::text(identifier, "value") else { continue };
        let words = if text::text(identifier, "system") == Some(fhir::nhs::SYSTEM) {
            format!("{} (NHS number)", fhir::nhs::format_spaced(value))
        } else {
            value.to_owned()
        };
        // An order's number is often that of its placer and of its filler.
        if !shown.contains(&words) {
            shown.push(words);
        }
    }
    shown
}

/// The section whose page shows this type.
fn section_of(kind: ResourceType) -> SectionKind {
    let of_main = SectionKind::ALL.into_iter().find(|section| section.main_kinds().contains(&kind));
    let of_any = || SectionKind::ALL.into_iter().find(|section| section.kinds().contains(&kind));
    of_main.or_else(of_any).unwrap_or(SectionKind::Other)
}
