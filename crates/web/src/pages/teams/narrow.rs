//! A list narrowed down: to words, a ward, a speciality. What a reader narrows to may be a name, so it is sent in a form and
//! kept on the server; the address holds its id alone.

use super::line::Line;
use crate::session::Narrowed;
use record::glance::Glance;
use serde::Deserialize;

/// Letters of a word that is looked for, at most: longer ones come from a mistake.
const WORDS_MAX: usize = 200;

/// The form as sent.
#[derive(Deserialize)]
pub struct NarrowForm {
    pub(super) form_token: String,
    #[serde(default)]
    words: String,
    #[serde(default)]
    ward: String,
    #[serde(default)]
    service: String,
    /// Pressed to show all again.
    #[serde(default)]
    all: Option<String>,
}

impl NarrowForm {
    /// What to narrow to; None: nothing was named.
    pub fn narrowed(self) -> Option<Narrowed> {
        let text = |text: &str| text.trim().chars().take(WORDS_MAX).collect::<String>();
        let narrowed = Narrowed { words: text(&self.words), ward: text(&self.ward), service: text(&self.service) };
        (self.all.is_none() && narrowed != Narrowed::default()).then_some(narrowed)
    }
}

/// One choice of a form.
pub struct Choice {
    /// What it is called.
    pub name: String,
    /// Whether it is chosen.
    pub chosen: bool,
}

/// How a list is narrowed, and what may be chosen.
pub struct Narrowing {
    /// The part of an address that says so: `&filter=…`, or nothing.
    pub query: String,
    /// What it is narrowed to, if it is.
    pub to: Option<Narrowed>,
    /// An id was given, and nothing is remembered under it.
    pub forgotten: bool,
    /// The wards in the list.
    pub wards: Vec<Choice>,
    /// The specialities in the list.
    pub services: Vec<Choice>,
    words: Vec<String>,
}

fn choices<'a>(names: impl Iterator<Item = &'a str>, chosen: &'a str) -> Vec<Choice> {
    let mut names: Vec<&str> = names.chain(Some(chosen)).filter(|name| !name.is_empty()).collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(|name| Choice { name: name.to_owned(), chosen: name == chosen }).collect()
}

impl Narrowing {
    /// Of the lines that this reader may see.
    pub fn new<'a>(id: &str, to: Option<Narrowed>, lines: impl Iterator<Item = &'a Line> + Clone) -> Self {
        let whats = lines.filter_map(|line| line.glance.what.as_ref());
        let (ward, service) = to.as_ref().map_or(("", ""), |to| (&to.ward, &to.service));
        Narrowing {
            query: if to.is_some() { format!("&filter={id}") } else { String::new() },
            forgotten: to.is_none() && !id.is_empty(),
            wards: choices(whats.clone().filter_map(|what| what.ward.as_deref()), ward),
            services: choices(whats.filter_map(|what| what.service.as_deref()), service),
            words: to.iter().flat_map(|to| to.words.split_whitespace()).map(fold).collect(),
            to,
        }
    }

    /// The words it is narrowed to.
    pub fn typed(&self) -> &str {
        self.to.as_ref().map_or("", |to| &to.words)
    }

    /// Whether a line belongs in the list.
    pub fn fits(&self, glance: &Glance) -> bool {
        let Some(to) = &self.to else { return true };
        let what = glance.what.as_ref();
        let is = |wanted: &str, found: Option<&String>| wanted.is_empty() || found.is_some_and(|found| found == wanted);
        is(&to.ward, what.and_then(|what| what.ward.as_ref()))
            && is(&to.service, what.and_then(|what| what.service.as_ref()))
            && {
                let text = text_of(glance);
                self.words.iter().all(|word| text.contains(word.as_str()))
            }
    }
}

/// Lower case without accents, as names are compared everywhere; digits of numbers stand together.
fn fold(text: &str) -> String {
    let folded = identity::fold_name(text);
    if folded.is_empty() { text.to_lowercase() } else { folded.to_lowercase() }
}

/// All that a line says, for looking through.
fn text_of(glance: &Glance) -> String {
    let who = &glance.who;
    let mut all: Vec<&str> = vec![&who.name, &who.born];
    let numbers: String = who.nhs.iter().flat_map(|nhs| nhs.chars()).filter(char::is_ascii_digit).collect();
    all.push(&numbers);
    all.extend(who.nhs.as_deref());
    if let Some(what) = &glance.what {
        all.extend([what.title.as_str(), &what.organisation]);
        let more = [&what.place, &what.service, &what.by, &what.reason, &what.status, &what.leaving_to];
        all.extend(more.into_iter().filter_map(Option::as_deref));
        all.extend(&what.marks);
    }
    all.iter().flat_map(|text| text.split_whitespace()).map(fold).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::glance::What;

    #[test]
    fn every_word_must_stand_in_the_line_whatever_accents_and_spaces() {
        let mut glance = Glance::default();
        glance.who.name = "NÚÑEZ-O’BRIEN, Zoë (Mrs)".into();
        glance.who.nhs = Some("999 123 4567".into());
        glance.what =
            Some(What { ward: Some("Ward 12".into()), service: Some("Cardiology".into()), ..What::default() });
        let fits = |words: &str, ward: &str| {
            let to = Narrowed { words: words.into(), ward: ward.into(), ..Narrowed::default() };
            Narrowing::new("x", Some(to), std::iter::empty()).fits(&glance)
        };
        for words in ["", "zoe", "nunez", "OBrien cardio", "9991234567", "999 123 4567"] {
            assert!(fits(words, "") && fits(words, "Ward 12"), "{words}");
        }
        assert!(!fits("zoe smith", "") && !fits("zoe", "Ward 1"));
    }
}
