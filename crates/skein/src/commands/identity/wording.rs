//! What a column holds by the words its name is made of: there are more ways to write "the practice's code" than a list has.

use super::columns::Field;

/// The words of a name, in lower case: `GPPracticeCode`, `gp_practice_code` and `GP practice (code)` are the same three. A number
/// is a word.
pub fn words(name: &str) -> Vec<String> {
    let letters: Vec<char> = name.chars().collect();
    let mut words: Vec<String> = Vec::new();
    let mut open = false;
    for (at, letter) in letters.iter().enumerate() {
        if !letter.is_alphanumeric() {
            open = false;
            continue;
        }
        let before = at.checked_sub(1).and_then(|at| letters.get(at));
        let after = letters.get(at + 1);
        let begins = before.is_some_and(|before| {
            before.is_lowercase() && letter.is_uppercase()
                || before.is_numeric() != letter.is_numeric()
                || before.is_uppercase() && letter.is_uppercase() && after.is_some_and(|after| after.is_lowercase())
        });
        if !open || begins {
            words.push(String::new());
        }
        open = true;
        if let Some(word) = words.last_mut() {
            word.extend(letter.to_lowercase());
        }
    }
    for word in &mut words {
        if let Some((_, whole)) = SHORT.iter().find(|(short, _)| short == word) {
            *word = (*whole).to_owned();
        }
    }
    words
}

/// Words as suppliers shorten them in the headings of an extract, and what they stand for.
const SHORT: [(&str, &str); 31] = [
    ("nm", "name"),
    ("nme", "name"),
    ("nms", "names"),
    ("fam", "family"),
    ("sname", "surname"),
    ("surnm", "surname"),
    ("srnm", "surname"),
    ("forenm", "forename"),
    ("fstname", "firstname"),
    ("midname", "middlename"),
    ("mid", "middle"),
    ("pref", "preferred"),
    ("brth", "birth"),
    ("dt", "date"),
    ("cd", "code"),
    ("pcode", "postcode"),
    ("pcd", "postcode"),
    ("postcd", "postcode"),
    ("pstcd", "postcode"),
    ("addr", "address"),
    ("adr", "address"),
    ("mob", "mobile"),
    ("telno", "tel"),
    ("gndr", "gender"),
    ("prac", "practice"),
    ("pract", "practice"),
    ("ethn", "ethnic"),
    ("verif", "verified"),
    ("nhsno", "nhs"),
    ("nhsnum", "nhs"),
    ("nhsnumber", "nhs"),
];

/// What a column of these words holds; nothing where they do not say. What is somebody else's (a mother's, a next of kin's) or a
/// practice's own (its address) tells of no patient.
pub fn by_words(words: &[String]) -> Option<Field> {
    let has = |any: &[&str]| words.iter().any(|word| any.contains(&word.as_str()));
    let named = || has(&["name", "names"]);
    let numbered = words.iter().rev().find_map(|word| word.parse::<u8>().ok());
    let former = has(&["previous", "prev", "former", "maiden", "nee", "birth", "old", "prior", "earlier"]);
    if has(&OTHERS) || has(&["uprn", "usrn", "household"]) {
        return Some(Field::Ignored);
    }
    if has(&["gp", "practice", "surgery"]) {
        let own = has(&["address", "postcode", "phone", "telephone", "tel", "email", "town", "line"])
            || has(&["date", "joined", "left", "status", "type"]);
        return Some(if own { Field::Ignored } else { Field::Practice });
    }
    if has(&["ethnicity", "ethnic", "race"]) {
        return Some(Field::Ethnicity);
    }
    if has(&["religion", "language", "nationality", "orientation", "title", "prefix", "suffix", "salutation"]) {
        return Some(Field::Ignored);
    }
    // How sure a value is, and where it is from, is not the value.
    let about = has(&["flag", "indicator", "estimated", "source", "quality"]);
    if has(&["nhs"]) && !has(&["trust", "organisation", "org", "board"]) {
        return match has(&["status", "verified", "verification", "trace", "traced", "indicator"]) {
            true => Some(Field::NhsStatus),
            false => (words.len() == 1 || has(&["number", "no", "num", "nbr", "id"])).then_some(Field::Nhs),
        };
    }
    if about {
        return Some(Field::Ignored);
    }
    let number = has(&["number", "no", "num", "nbr", "identifier"]);
    if has(&["mrn", "casenote", "casenotes"])
        || has(&["hospital", "pas"]) && number
        || has(&["local"]) && (number || has(&["id"])) && !has(&["authority", "area", "office"])
    {
        return Some(Field::LocalNumber);
    }
    if has(&["surname", "lastname", "familyname"]) || has(&["family", "last"]) && named() {
        return Some(if former { Field::FormerFamily } else { Field::Family });
    }
    let given = has(&["forename", "forenames", "firstname", "givenname", "givennames"])
        || has(&["given", "first", "christian"]) && named();
    // A preferred language, pharmacy or way to be reached is no name.
    let preferred = has(&["preferred"]) && (named() || given || words.len() == 1);
    if preferred || has(&["nickname"]) || has(&["known"]) && has(&["as"]) {
        return Some(Field::KnownAs);
    }
    if has(&["middle", "middlename"]) || given && (has(&["second", "other", "further"]) || numbered > Some(1)) {
        return Some(Field::Middle);
    }
    if given {
        return Some(Field::Given);
    }
    let day = has(&["date"]);
    if has(&["dob", "birth"]) && !day {
        let part = |word: &str| has(&[word]);
        match (part("year"), part("month"), part("day")) {
            (true, false, false) => return Some(Field::BirthYear),
            (false, true, false) => return Some(Field::BirthMonth),
            (false, false, true) => return Some(Field::BirthDay),
            _ => {}
        }
    }
    if has(&["dob", "birthdate", "birthday", "dateofbirth"]) || has(&["birth"]) && day {
        return Some(Field::Birth);
    }
    if has(&["dod", "deathdate", "dateofdeath"]) || has(&["death", "deceased", "died"]) && day {
        return Some(Field::Death);
    }
    if has(&["sex", "gender"]) {
        return Some(Field::Sex);
    }
    // Where somebody lived once, or stays, is no home.
    let elsewhere = former || has(&["temporary", "work", "correspondence", "billing"]);
    let found = if has(&["email", "mail"]) && !has(&["opt", "consent"]) {
        Field::Email
    } else if has(&["postcode", "postalcode", "zip", "zipcode"]) || has(&["post", "postal"]) && has(&["code"]) {
        Field::Postcode
    } else if has(&["mobile", "phone", "telephone", "tel", "landline", "cellphone", "cell"])
        && !has(&["consent", "opt"])
    {
        return Some(Field::Phone);
    } else if has(&["town", "city", "village", "suburb", "locality"]) && !has(&["birth"]) {
        Field::Place
    } else if has(&["county"]) {
        Field::Region
    } else if has(&["house", "street"]) && has(&["number", "no", "num"]) {
        Field::Number
    } else if has(&["address", "street"]) && !has(&["type", "id", "country", "from", "to", "date"]) {
        if numbered > Some(1) { Field::FurtherLine } else { Field::Address }
    } else if day || has(&RECORDS) {
        return Some(Field::Ignored);
    } else {
        return None;
    };
    Some(if elsewhere { Field::Ignored } else { found })
}

/// Whether a column of these words says which organisation a row, or a number in it, is of.
pub fn is_organisation(words: &[String]) -> bool {
    let has = |any: &[&str]| words.iter().any(|word| any.contains(&word.as_str()));
    has(&["trust", "org", "organisation", "organization", "provider", "facility", "hospital", "site"])
        && !has(&OTHERS)
        && !has(&[
            "gp",
            "practice",
            "date",
            "type",
            "status",
            "postcode",
            "address",
            "phone",
            "email",
            "web",
            "admission",
        ])
}

/// Whose it is, if not the patient's.
const OTHERS: [&str; 16] = [
    "mother",
    "mothers",
    "father",
    "fathers",
    "parent",
    "parents",
    "guardian",
    "kin",
    "nok",
    "carer",
    "spouse",
    "partner",
    "emergency",
    "sibling",
    "referrer",
    "consultant",
];

/// What tells when a row was written, and of nobody.
const RECORDS: [&str; 8] = ["created", "updated", "modified", "loaded", "extracted", "timestamp", "datetime", "batch"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_comes_apart_however_it_is_written() {
        for name in ["gp_practice_code", "GPPracticeCode", "GP practice (code)", "gpPracticeCode"] {
            assert_eq!(words(name), ["gp", "practice", "code"], "{name}");
        }
        assert_eq!(words("AddressLine2"), ["address", "line", "2"]);
        assert_eq!(words("ADDR_2"), ["address", "2"]);
        assert_eq!(words("Straße_1"), ["straße", "1"]);
        assert!(words("--").is_empty());
    }
}
