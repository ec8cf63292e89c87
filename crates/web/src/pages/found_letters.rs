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
    letter_text::{Found, Shut, Wanted, text_of},
    sections::{
        SectionKind,
        documents::{self, File, Letter, Place},
    },
};
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};

/// Letters of what is looked for, at most: more comes from a mistake.
const TYPED_CHARS_MAX: usize = 200;
/// Letters on a page.
const LETTERS_MAX: usize = 50;
/// Of one record, no more text than this is looked through at once.
const TEXT_BYTES_MAX: usize = 128 << 20;

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
    frame::open(&state, &who.user, person, page, of_kinds, move |opened| {
        let words = remembered.clone().unwrap_or_default();
        let wanted = Wanted::read(&words);
        let looked = wanted.as_ref().map(|wanted| look(&opened.items, wanted)).unwrap_or_default();
        let (total, rest) = (looked.hits.len(), looked.hits.len().saturating_sub(from.from));
        let next = from.from.saturating_add(LETTERS_MAX);
        let more = (rest > LETTERS_MAX).then(|| format!("{}/found/{id}?from={next}", opened.frame.section("letters")));
        html(&FoundPage {
            chrome,
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
}

/// Look into every letter, newest first. A letter of which some file cannot be looked into is named, found or not.
fn look(items: &[ParsedItem], wanted: &Wanted) -> Looked {
    let of_letters = items.iter().map(|item| ((item.kind(), item.id), item));
    let by_name: HashMap<(ResourceType, ResourceId), &ParsedItem> = of_letters.collect();
    let mut left = TEXT_BYTES_MAX;
    let (mut hits, mut shut) = (Vec::new(), BTreeMap::<Shut, Vec<Letter>>::new());
    let letters = documents::letters(items);
    let count = letters.len();
    for letter in letters {
        let mut text = String::new();
        let mut reasons: Vec<Shut> = Vec::new();
        let item = by_name.get(&(letter.origin.kind, letter.origin.id));
        if letter.files.is_empty() {
            reasons.push(Shut::Missing);
        }
        for file in &letter.files {
            let bytes = item.and_then(|item| bytes_of(item, file, &by_name));
            let taken = bytes.as_ref().map_or(0, Vec::len);
            let read = if taken > left { Err(Shut::TooLarge) } else { text_of(file, bytes.as_deref()) };
            match read {
                Ok(found) => {
                    left = left.saturating_sub(taken);
                    text.push_str(&found);
                    text.push('\n');
                }
                Err(why) => reasons.push(why),
            }
        }
        let head = [Some(letter.title.as_str()), letter.description.as_deref(), letter.author.as_deref()];
        let head: Vec<&str> = head.into_iter().flatten().collect();
        let found = wanted.find(&text).or_else(|| wanted.find(&format!("{}. {text}", head.join(". "))));
        reasons.sort_unstable();
        reasons.dedup();
        for why in reasons {
            shut.entry(why).or_default().push(letter.clone());
        }
        hits.extend(found.map(|found| Hit { letter, found }));
    }
    let shut = shut.into_iter().map(|(why, letters)| NotLookedInto { why: why.words(), letters }).collect();
    Looked { hits, shut, letters: count }
}

fn bytes_of(
    item: &ParsedItem,
    file: &File,
    by_name: &HashMap<(ResourceType, ResourceId), &ParsedItem>,
) -> Option<Vec<u8>> {
    match &file.place {
        Place::Inline => documents::inline_bytes(documents::attachments(item).nth(file.index)?),
        Place::Binary(id) => {
            let binary = by_name.get(&(ResourceType::Binary, id.parse().ok()?))?;
            documents::inline_bytes(&fhir::Value::Object(binary.resource.body().clone()))
        }
        Place::Elsewhere(_) | Place::Missing | Place::Withheld => None,
    }
}
