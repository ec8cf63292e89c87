//! In whose words a page speaks: staff's, or plain ones for a person who reads their own record. The standard for plain words
//! is the NHS digital service manual and its A to Z of NHS health writing. Only our own words have two voices: labels, titles,
//! marks, reasons. What a source said is shown as it said it to everybody, and never goes through here.

mod meanings;
mod words;

pub use meanings::Meaning;

use std::{borrow::Cow, collections::HashMap, sync::LazyLock};

/// Who is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Voice {
    /// Those who care for the person, in the field's words.
    #[default]
    Staff,
    /// The person whose record it is, in plain words and the second person.
    Person,
}

static PLAIN: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| words::WORDS.iter().copied().collect());

impl Voice {
    /// Of a reader, by whether the record is their own.
    pub const fn of(own: bool) -> Voice {
        if own { Voice::Person } else { Voice::Staff }
    }

    /// Whether it speaks to the person.
    pub const fn is_person(self) -> bool {
        matches!(self, Voice::Person)
    }

    /// Words of ours, as this voice says them. Staff's stay as they are; so do words that are plain already.
    pub fn says(self, words: &str) -> &str {
        match self {
            Voice::Staff => words,
            Voice::Person => PLAIN.get(words).copied().unwrap_or(words),
        }
    }

    /// A title that may begin with words of ours, and go on in a source's.
    pub fn led<'a>(self, title: &'a str) -> Cow<'a, str> {
        let apart = |rest: &str| rest.chars().next().is_none_or(|next| matches!(next, ':' | ',' | ' '));
        let of = |(ours, plain): &(&str, &str)| {
            title.strip_prefix(ours).filter(|rest| apart(rest)).map(|rest| Cow::Owned(format!("{plain}{rest}")))
        };
        self.is_person().then(|| words::LEADS.iter().find_map(of)).flatten().unwrap_or(Cow::Borrowed(title))
    }

    /// A sentence that was put together of our words and a source's: our phrases in it, as this voice says them.
    pub fn composed<'a>(self, sentence: &'a str) -> Cow<'a, str> {
        let mut said = Cow::Borrowed(sentence);
        if self.is_person() {
            for (ours, plain) in words::PHRASES.iter().filter(|(ours, _)| sentence.contains(ours)) {
                said = Cow::Owned(said.replace(ours, plain));
            }
        }
        said
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sections::{SectionKind, standard};
    use std::collections::HashSet;

    #[test]
    fn staff_read_what_they_always_read_and_no_word_has_two_plain_ones() {
        let mut known = HashSet::new();
        for (ours, plain) in words::WORDS {
            assert!(known.insert(ours), "{ours:?} is there twice");
            assert_ne!(ours, plain, "it is plain already");
            assert_eq!(Voice::Staff.says(ours), *ours);
            assert_eq!(Voice::Person.says(ours), *plain);
            assert_eq!(Voice::Person.says(plain), *plain, "said twice it stays the same");
        }
        assert_eq!(Voice::Person.says("Penicillin"), "Penicillin");
    }

    #[test]
    fn a_section_and_the_heading_that_is_all_of_it_are_called_alike() {
        for heading in &standard::ALL {
            if let (standard::Place::Section(section, kinds, _), Some(plain)) = (heading.place, heading.plain)
                && kinds == section.main_kinds()
                && [SectionKind::Alerts, SectionKind::Allergies, SectionKind::Medicines, SectionKind::Problems]
                    .contains(&section)
            {
                assert_eq!(Voice::Person.says(section.title()), plain);
            }
        }
    }

    #[test]
    fn what_a_source_said_inside_a_sentence_of_ours_stays() {
        let sentence = "Penicillin: ruled out in one source, recorded in another. Mill Lane: Source of the Nile fever.";
        let plain = Voice::Person.composed(sentence);
        assert!(plain.starts_with("Penicillin: one service ruled it out, another lists it. "), "{plain}");
        assert!(plain.ends_with("Mill Lane: Source of the Nile fever."), "{plain}");
        assert_eq!(Voice::Staff.composed(sentence), sentence);
        assert_eq!(Voice::Person.led("Outpatient visit, Riverside"), "Hospital appointment, Riverside");
        assert_eq!(Voice::Person.led("Admissions office call"), "Admissions office call");
        assert_eq!(Voice::Staff.led("Outpatient visit"), "Outpatient visit");
    }
}
