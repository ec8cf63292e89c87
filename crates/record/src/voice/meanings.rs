//! National terms that a person meets in their record, told in a sentence: what the term means, never what it means for them.

use super::Voice;

/// A term and what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meaning {
    /// As it is called.
    pub term: &'static str,
    /// In a sentence or two.
    pub sentence: &'static str,
}

/// How a term is recognised: words in lower case that stand by themselves.
const MEANINGS: &[(&[&str], Meaning)] = &[
    (
        &["respect form", "respect plan", "respect process"],
        Meaning {
            term: "ReSPECT",
            sentence: "A ReSPECT form says what care you would want in an emergency if you cannot say so yourself. You \
                make it together with a doctor or nurse. You can ask to look at it again at any time.",
        },
    ),
    (
        &["dnacpr", "dnar", "cpr", "resuscitation"],
        Meaning {
            term: "CPR and DNACPR",
            sentence: "CPR tries to restart the heart when it has stopped. DNACPR means: do not attempt CPR. It is about \
                CPR only, and all other care goes on. Ask your doctor or nurse if you want to talk about it.",
        },
    ),
    (
        &["news2", "news score", "early warning score"],
        Meaning {
            term: "NEWS2",
            sentence: "NEWS2 is a score made from simple checks, such as pulse and temperature. It helps staff notice \
                early that somebody needs more care.",
        },
    ),
    (
        &["frailty", "rockwood", "efi"],
        Meaning {
            term: "Frailty",
            sentence: "Frailty says how well a body can cope with an illness or a fall. Services use it to offer help \
                that fits.",
        },
    ),
    (
        &["power of attorney", "lpa"],
        Meaning {
            term: "Lasting power of attorney",
            sentence: "A lasting power of attorney lets somebody you choose decide for you if you cannot.",
        },
    ),
    (
        &["deprivation of liberty", "dols"],
        Meaning {
            term: "Deprivation of liberty",
            sentence: "Deprivation of liberty safeguards are a legal check: care that limits somebody’s freedom must be in their best \
                interests.",
        },
    ),
    (
        &["advance decision", "adrt"],
        Meaning {
            term: "Advance decision",
            sentence: "An advance decision says which treatments somebody does not want if they cannot say so later.",
        },
    ),
];

impl Voice {
    /// What the national terms in these words mean, each once; nothing for staff, who know them.
    pub fn meanings<'a>(self, words: impl IntoIterator<Item = &'a str>) -> Vec<Meaning> {
        if !self.is_person() {
            return Vec::new();
        }
        let words: Vec<String> = words.into_iter().map(apart).collect();
        let stands = |term: &&str| words.iter().any(|words| words.contains(&format!(" {term} ")));
        MEANINGS.iter().filter(|(terms, _)| terms.iter().any(stands)).map(|(_, meaning)| *meaning).collect()
    }
}

/// In lower case, with one space before and after each word.
fn apart(words: &str) -> String {
    let mut apart = String::from(" ");
    for word in words.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()) {
        apart.push_str(&word.to_lowercase());
        apart.push(' ');
    }
    apart
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_term_is_told_to_the_person_alone_and_only_where_it_stands_by_itself() {
        let of = |voice: Voice, words: &str| voice.meanings([words]).iter().map(|one| one.term).collect::<Vec<_>>();
        assert_eq!(of(Voice::Person, "ReSPECT form (2024), CPR: attempt"), ["ReSPECT", "CPR and DNACPR"]);
        assert_eq!(of(Voice::Person, "NEWS2 score 3, NEWS2 score 4"), ["NEWS2"]);
        assert!(of(Voice::Staff, "ReSPECT form").is_empty());
        assert!(of(Voice::Person, "Respectful reefing of the cprt").is_empty());
    }
}
