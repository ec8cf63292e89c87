//! Words inside the letters of a record. What is looked for may name somebody: it is sent in a form and kept on the server,
//! and the address holds its id alone.

use super::{
    Chrome, Here,
    frame::{self, Frame, Page},
    html,
    results::From,
    section::kinds,
};
use crate::{
    error::PageError,
    session::{Remembered, SignedIn},
    state::AppState,
};
use askama::Template;
use axum::{
    Form,
    extract::{Path, Query, State},
    response::{Html, Redirect},
};
use fhir::{ResourceId, ResourceType};
use record::{
    ParsedItem,
    letter_text::{Found, Shut, Wanted, pdf::Pdfs, text_of},
    sections::{
        SectionKind,
        documents::{self, File, Letter, Place},
    },
};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

/// Letters of what is looked for, at most: more comes from a mistake.
const TYPED_CHARS_MAX: usize = 200;
/// Letters on a page.
const LETTERS_MAX: usize = 50;
/// Of one record, no more text than this is looked through at once.
const TEXT_BYTES_MAX: usize = 128 << 20;
/// PDFs that one page has read at most, the newest letters' first.
const PDFS_MAX: usize = 1_000;
/// So long a page has PDFs read. What was read is remembered, so that looking again goes on from there.
const PDFS_TIME_MAX: Duration = Duration::from_secs(4);

/// The form as sent.
#[derive(Deserialize)]
pub struct FindForm {
    form_token: String,
    #[serde(default)]
    words: String,
}

/// `POST /record/{person}/letters/find`: remember the words, and go to what they find.
pub async fn find(
    State(state): State<AppState>,
    who: SignedIn,
    Path(person): Path<String>,
    Form(form): Form<FindForm>,
) -> Result<Redirect, PageError> {
    let person = frame::person(&person)?;
    who.check(&form.form_token)?;
    let words: String = form.words.trim().chars().take(TYPED_CHARS_MAX).collect();
    let kept = state.sessions.remember(&who, Remembered::Letters(person, words), state.steady_now());
    let id = kept.ok_or(PageError::SignIn(None))?;
    Ok(Redirect::to(&format!("{}/letters/found/{id}", state.base(person))))
}

/// A letter that was found.
struct Hit {
    letter: Letter,
    found: Found,
}

/// Letters that could not be looked into, for one reason.
struct NotLookedInto {
    why: String,
    letters: Vec<Letter>,
}

#[derive(Template)]
#[template(path = "found_letters.html")]
struct FoundPage {
    chrome: Chrome,
    frame: Frame,
    words: String,
    /// Nothing is remembered under the id of the address.
    forgotten: bool,
    /// There is no word in what was typed.
    nothing: bool,
    hits: Vec<Hit>,
    /// How many letters have the words.
    total: usize,
    /// How many letters there are.
    letters: usize,
    shut: Vec<NotLookedInto>,
    shut_total: usize,
    /// Whether there was no time for some: then looking again goes further.
    again: Option<String>,
    more: Option<String>,
}

/// `GET /record/{person}/letters/found/{search}[?from=]`.
pub async fn found(
    State(state): State<AppState>,
    who: SignedIn,
    Path((person, id)): Path<(String, String)>,
    Query(from): Query<From>,
) -> Result<Html<String>, PageError> {
    let person = frame::person(&person)?;
    let remembered = state.sessions.letter_words(&who, person, &id, state.steady_now());
    let chrome = Chrome::new(&state, &who, Here::Elsewhere);
    let mut of_kinds = kinds(SectionKind::Letters);
    of_kinds.push(ResourceType::Binary);
    let page = Page::within(SectionKind::Letters, "Words in letters", "words in letters");
    let pdfs = state.pdfs.clone();
    frame::open(&state, &who.user, person, page, of_kinds, move |opened| {
        let words = remembered.clone().unwrap_or_default();
        let wanted = Wanted::read(&words);
        let looked = wanted.as_ref().map(|wanted| look(&opened.items, wanted, &pdfs)).unwrap_or_default();
        let (total, rest) = (looked.hits.len(), looked.hits.len().saturating_sub(from.from));
        let next = from.from.saturating_add(LETTERS_MAX);
        let more = (rest > LETTERS_MAX).then(|| format!("{}/found/{id}?from={next}", opened.frame.section("letters")));
        let again = looked.unreached.then(|| format!("{}/found/{id}", opened.frame.section("letters")));
        html(&FoundPage {
            chrome,
            again,
            frame: opened.frame,
            forgotten: remembered.is_none(),
            nothing: remembered.is_some() && wanted.is_none(),
            words,
            hits: looked.hits.into_iter().skip(from.from).take(LETTERS_MAX).collect(),
            total,
            letters: looked.letters,
            shut_total: looked.shut.iter().map(|one| one.letters.len()).sum(),
            shut: looked.shut,
            more,
        })
    })
    .await
}

#[derive(Default)]
struct Looked {
    hits: Vec<Hit>,
    shut: Vec<NotLookedInto>,
    letters: usize,
    /// Whether there was no time for some.
    unreached: bool,
}

/// What a file of a letter holds.
enum Content {
    Words(String),
    /// A PDF, by its place among those that are read.
    Pdf(usize),
    None,
}

type ByName<'a> = HashMap<(ResourceType, ResourceId), &'a ParsedItem>;

/// Look into every letter, newest first. A letter of which some file cannot be looked into is named, found or not.
fn look(items: &[ParsedItem], wanted: &Wanted, pdfs: &Pdfs) -> Looked {
    let of_letters = items.iter().map(|item| ((item.kind(), item.id), item));
    let by_name: ByName = of_letters.collect();
    let mut left = TEXT_BYTES_MAX;
    let letters = documents::letters(items);
    let (mut read, mut jobs) = (Vec::with_capacity(letters.len()), Vec::<(&ParsedItem, &File)>::new());
    for letter in &letters {
        let (mut contents, mut reasons) = (Vec::new(), Vec::new());
        let item = by_name.get(&(letter.origin.kind, letter.origin.id)).copied();
        if letter.files.is_empty() {
            reasons.push(Shut::Missing);
        }
        for file in &letter.files {
            let bytes = item.and_then(|item| bytes_of(item, file, &by_name));
            let taken = bytes.as_ref().map_or(0, Vec::len);
            if taken > left {
                reasons.push(Shut::TooLarge);
                continue;
            }
            left -= taken;
            contents.push(match (text_of(file, bytes.as_deref()), item) {
                (Ok(words), _) => Content::Words(words),
                (Err(Shut::Pdf), Some(_)) if jobs.len() >= PDFS_MAX => {
                    reasons.push(Shut::NotReached);
                    Content::None
                }
                (Err(Shut::Pdf), Some(item)) => {
                    jobs.push((item, file));
                    Content::Pdf(jobs.len() - 1)
                }
                (Err(why), _) => {
                    reasons.push(why);
                    Content::None
                }
            });
        }
        read.push((contents, reasons));
    }
    let until = Instant::now() + PDFS_TIME_MAX;
    let pdfs = pdfs.read_each(&jobs, |(item, file)| bytes_of(item, file, &by_name), until);
    let mut looked = Looked { letters: letters.len(), ..Looked::default() };
    let mut shut = BTreeMap::<Shut, Vec<Letter>>::new();
    for (letter, (contents, mut reasons)) in letters.iter().zip(read) {
        let mut text = String::new();
        for content in contents {
            match content {
                Content::Words(words) => text.push_str(&words),
                Content::None => continue,
                Content::Pdf(index) => match pdfs.get(index) {
                    Some(Ok(of_pdf)) => {
                        text.push_str(&of_pdf.words);
                        reasons.extend(of_pdf.cut.then_some(Shut::Beginning));
                    }
                    Some(Err(why)) => reasons.push(*why),
                    None => {}
                },
            }
            text.push('\n');
        }
        let head = [Some(letter.title.as_str()), letter.description.as_deref(), letter.author.as_deref()];
        let head: Vec<&str> = head.into_iter().flatten().collect();
        let found = wanted.find(&text).or_else(|| wanted.find(&format!("{}. {text}", head.join(". "))));
        reasons.sort_unstable();
        reasons.dedup();
        looked.unreached |= reasons.contains(&Shut::NotReached);
        for why in reasons {
            shut.entry(why).or_default().push(letter.clone());
        }
        looked.hits.extend(found.map(|found| Hit { letter: letter.clone(), found }));
    }
    looked.shut = shut.into_iter().map(|(why, letters)| NotLookedInto { why: why.words(), letters }).collect();
    looked
}

fn bytes_of(item: &ParsedItem, file: &File, by_name: &ByName) -> Option<Vec<u8>> {
    match &file.place {
        Place::Inline => documents::inline_bytes(documents::attachments(item).nth(file.index)?),
        Place::Binary(id) => {
            let binary = by_name.get(&(ResourceType::Binary, id.parse().ok()?))?;
            documents::inline_bytes(&fhir::Value::Object(binary.resource.body().clone()))
        }
        Place::Elsewhere(_) | Place::Missing | Place::Withheld => None,
    }
}
