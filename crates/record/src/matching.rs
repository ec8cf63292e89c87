//! Who of all people is meant by what somebody knows of a person (FHIR `$match`)?
//!
//! [`Matcher`] is the door that a matcher stands behind. [`People`] asks the index of people that links patients as well;
//! [`Rules`] needs nothing but the store's indexes: numbers, and names with dates of birth.

use crate::{FoundPatient, Records, identifier_hash, withhold};
use access::{FindPermit, Sealed};
use fhir::{PatientKey, PersonKey, ResourceType};
use identity::{PatientFacts, Ruling, fold_name};
use std::{collections::HashSet, sync::Arc};
use store::{PeopleFilter, StoreError};

/// How good a match is (value set match-grade).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grade {
    /// It is another person.
    CertainlyNot,
    /// It may be the person.
    Possible,
    /// It is likely the person; somebody should look.
    Probable,
    /// It is the person.
    Certain,
}

impl Grade {
    /// The code FHIR uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Grade::CertainlyNot => "certainly-not",
            Grade::Possible => "possible",
            Grade::Probable => "probable",
            Grade::Certain => "certain",
        }
    }
}

/// A patient who may be meant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scored {
    /// The person it is.
    pub person: PersonKey,
    /// The patient.
    pub patient: PatientKey,
    /// From 0 to 1.
    pub score: f64,
    /// What the score means.
    pub grade: Grade,
}

/// Finds who may be meant.
pub trait Matcher: Send + Sync + std::fmt::Debug {
    /// Patients who may be meant, the likeliest first, at most `limit`. What is known of restricted people's whereabouts
    /// must not count. Whoever shows one of them writes down that they were found ([`FindPermit::telling`]).
    ///
    /// # Errors
    /// The store's.
    fn candidates(
        &self,
        permit: &FindPermit,
        facts: &PatientFacts,
        limit: usize,
    ) -> Result<Sealed<Vec<Scored>>, StoreError>;
}

/// A patient that the index of people found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weighed {
    /// The patient.
    pub patient: PatientKey,
    /// The person it is.
    pub person: PersonKey,
    /// How likely it is the person asked for, from 0 to 1.
    pub probability: f64,
    /// What a rule says, whatever the evidence weighs.
    pub ruling: Option<Ruling>,
    /// Whether a traced number, or one of the source's own, agrees, and birth date and name besides.
    pub numbered: bool,
}

impl Weighed {
    /// Everybody who may be the person with these facts.
    pub fn all(matcher: &identity::Matcher<'_>, facts: &PatientFacts) -> Vec<Weighed> {
        let answer = matcher.decide(facts, None, None, &mut identity::Scratch::default());
        let weighed = |candidate: &identity::Scored| Weighed {
            patient: candidate.patient,
            person: candidate.person,
            probability: candidate.probability,
            ruling: candidate.ruling,
            numbered: matcher.is_numbered(candidate),
        };
        answer.candidates.iter().map(weighed).collect()
    }
}

/// Asks the index of people: whoever may be the person with these facts, the likeliest first.
type Ask = dyn Fn(&PatientFacts) -> Vec<Weighed> + Send + Sync;

/// A matcher that asks the index of people, which weighs all there is to compare.
#[derive(Clone)]
pub struct People {
    records: Records,
    ask: Arc<Ask>,
}

impl std::fmt::Debug for People {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("People")
    }
}

impl People {
    /// Over these records; `ask` asks the index.
    pub fn new(records: Records, ask: impl Fn(&PatientFacts) -> Vec<Weighed> + Send + Sync + 'static) -> Self {
        People { records, ask: Arc::new(ask) }
    }
}

impl Matcher for People {
    fn candidates(
        &self,
        permit: &FindPermit,
        facts: &PatientFacts,
        limit: usize,
    ) -> Result<Sealed<Vec<Scored>>, StoreError> {
        let snapshot = self.records.derived().snapshot()?;
        let homeless = PatientFacts {
            postcode: None,
            addresses: Vec::new(),
            phones: Vec::new(),
            emails: Vec::new(),
            practice: None,
            ..facts.clone()
        };
        let found = (self.ask)(facts);
        // To be found by where they live would tell where that is.
        let mut without: Option<Vec<Weighed>> = None;
        let mut scored = Vec::with_capacity(found.len());
        for weighed in found {
            let restricted = withhold::secrets_of_person(&snapshot, weighed.person, snapshot.seq())?.is_some();
            let weighed = if restricted {
                let without = without.get_or_insert_with(|| (self.ask)(&homeless));
                without.iter().find(|other| other.patient == weighed.patient).copied()
            } else {
                Some(weighed)
            };
            scored.extend(weighed.map(|weighed| Scored {
                person: weighed.person,
                patient: weighed.patient,
                score: (weighed.probability * 1e4).round() / 1e4,
                grade: graded(&weighed),
            }));
        }
        scored.retain(|scored| scored.grade > Grade::CertainlyNot);
        scored.sort_by(|a, b| b.grade.cmp(&a.grade).then(b.score.total_cmp(&a.score)).then(a.patient.cmp(&b.patient)));
        scored.truncate(limit);
        Ok(permit.seal(scored))
    }
}

/// What a weight means. However much it is, nobody is certain without a number that says so: whoever asks may use it unseen.
fn graded(weighed: &Weighed) -> Grade {
    match (weighed.ruling, weighed.probability) {
        (None | Some(Ruling::VerifiedNumber), 0.99..) if weighed.numbered => Grade::Certain,
        (None | Some(Ruling::VerifiedNumber | Ruling::NoLead), 0.5..) => Grade::Probable,
        (Some(Ruling::NumberAlone), _) => Grade::Possible,
        (_, 0.01..) => Grade::Possible,
        _ => Grade::CertainlyNot,
    }
}

/// A matcher by rules over the store's indexes.
#[derive(Clone)]
pub struct Rules {
    records: Records,
}

impl std::fmt::Debug for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rules")
    }
}

/// Patients that one look-up may find. A name and a birth date that more have tell nobody apart.
const FOUND_MAX: usize = 200;
/// Identifiers looked up at most.
const IDENTIFIERS_MAX: usize = 10;

impl Rules {
    /// Over these records.
    pub fn new(records: Records) -> Self {
        Rules { records }
    }
}

impl Matcher for Rules {
    fn candidates(
        &self,
        permit: &FindPermit,
        facts: &PatientFacts,
        limit: usize,
    ) -> Result<Sealed<Vec<Scored>>, StoreError> {
        let mut found: Vec<Scored> = Vec::new();
        let mut seen: HashSet<PatientKey> = HashSet::new();
        for (filter, numbered) in lookups(facts) {
            for hit in self.records.look_up(&filter)? {
                let fresh = hit.patients.into_iter().filter(|patient| seen.insert(patient.patient));
                found.extend(fresh.filter_map(|patient| score(facts, hit.person, &patient, numbered)));
            }
        }
        settle(&mut found);
        found.truncate(limit);
        Ok(permit.seal(found))
    }
}

/// How people who may be meant are looked up; and whether by a number of a system that numbers its patients.
fn lookups(facts: &PatientFacts) -> Vec<(PeopleFilter, bool)> {
    let any = || PeopleFilter { limit: FOUND_MAX, ..PeopleFilter::default() };
    let mut filters = Vec::new();
    for identifier in facts.identifiers.iter().take(IDENTIFIERS_MAX) {
        let hash = identifier_hash(ResourceType::Patient, Some(&identifier.system), &identifier.value);
        filters.push((PeopleFilter { identifier: Some(hash), ..any() }, true));
    }
    if facts.nhs_number.is_some() {
        filters.push((PeopleFilter { nhs_number: facts.nhs_number, ..any() }, false));
    }
    let (family, given, postcode) = (facts.family_key(), facts.given_key(), facts.postcode_key());
    if facts.birth.is_some() {
        if family.is_some() {
            filters.push((PeopleFilter { birth: facts.birth, family: family.clone(), ..any() }, false));
        }
        if given.is_some() {
            filters.push((PeopleFilter { birth: facts.birth, given: given.clone(), ..any() }, false));
        }
    }
    if family.is_some() && given.is_some() && postcode.is_some() {
        filters.push((PeopleFilter { family, given, postcode, ..any() }, false));
    }
    filters
}

/// What agrees between what is asked and what a source says.
#[derive(Clone, Copy, Debug, Default)]
struct Agreement {
    family: bool,
    given: bool,
    birth: bool,
    birth_differs: bool,
    postcode: bool,
    gender_differs: bool,
    number: Number,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Number {
    /// One of them has none.
    #[default]
    Unknown,
    Differs,
    /// The same, but the source has not traced it.
    Same,
    /// The same, and traced; or the source's own number for its patient.
    Sure,
}

fn score(facts: &PatientFacts, person: PersonKey, found: &FoundPatient, numbered: bool) -> Option<Scored> {
    let theirs = &found.facts;
    let overlap = |ours: &[String], theirs: &[String]| {
        ours.iter()
            .map(|name| fold_name(name))
            .any(|name| !name.is_empty() && theirs.iter().any(|other| fold_name(other) == name))
    };
    let differ = |a: Option<&String>, b: Option<&String>| {
        a.zip(b).is_some_and(|(a, b)| a != b && [a, b].iter().all(|code| matches!(code.as_str(), "male" | "female")))
    };
    let number = match (facts.nhs_number, theirs.nhs_number) {
        _ if numbered => Number::Sure,
        (Some(a), Some(b)) if a != b => Number::Differs,
        (Some(_), Some(_)) => {
            if theirs.verified {
                Number::Sure
            } else {
                Number::Same
            }
        }
        _ => Number::Unknown,
    };
    let agreement = Agreement {
        family: overlap(&facts.families, &theirs.families),
        given: overlap(&facts.givens, &theirs.givens),
        birth: facts.birth.is_some() && facts.birth == theirs.birth,
        birth_differs: facts.birth.zip(theirs.birth).is_some_and(|(a, b)| a != b),
        postcode: facts.postcode_key().is_some() && facts.postcode_key() == theirs.postcode_key(),
        gender_differs: differ(facts.gender.as_ref(), theirs.gender.as_ref()),
        number,
    };
    let (score, grade) = grade(agreement)?;
    Some(Scored { person, patient: found.patient, score, grade })
}

/// The rules. A number alone is certain of nobody, and nothing but a number is certain.
fn grade(a: Agreement) -> Option<(f64, Grade)> {
    use Grade::{Certain, Possible, Probable};
    let name = a.family && a.given;
    let some_name = a.family || a.given;
    let (score, grade) = match a.number {
        Number::Sure if a.birth && some_name => (0.99, Certain),
        Number::Sure if a.birth => (0.95, Probable),
        Number::Sure if name && !a.birth_differs => (0.9, Probable),
        Number::Sure if name => (0.8, Probable),
        Number::Sure if some_name => (0.5, Possible),
        Number::Sure => (0.2, Possible),
        Number::Same if a.birth && some_name => (0.9, Probable),
        Number::Same if a.birth || name => (0.6, Possible),
        Number::Same => (0.1, Possible),
        Number::Unknown if name && a.birth && a.postcode => (0.9, Probable),
        Number::Unknown if name && a.birth => (0.8, Probable),
        Number::Unknown if a.given && a.birth && a.postcode => (0.6, Possible),
        Number::Unknown if name && a.postcode && !a.birth_differs => (0.55, Possible),
        Number::Unknown if a.birth && some_name => (0.4, Possible),
        Number::Unknown if name && a.postcode => (0.3, Possible),
        Number::Differs if name && a.birth => (0.3, Possible),
        Number::Unknown | Number::Differs => return None,
    };
    Some(if a.gender_differs { (score - 0.1, grade.min(Probable)) } else { (score, grade) })
}

/// The likeliest first; and where a name and a birth date mean several people, none of them is probable.
fn settle(found: &mut [Scored]) {
    let people = |found: &[Scored], grade: Grade| -> usize {
        let people: HashSet<PersonKey> = found.iter().filter(|f| f.grade == grade).map(|f| f.person).collect();
        people.len()
    };
    // A number that is two people's is a question for a steward.
    for (grade, lower) in [(Grade::Certain, Grade::Probable), (Grade::Probable, Grade::Possible)] {
        if people(found, grade) > 1 {
            for scored in found.iter_mut().filter(|scored| scored.grade == grade) {
                scored.grade = lower;
                scored.score = (scored.score - 0.2).max(0.1);
            }
        }
    }
    found.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.person.cmp(&b.person)).then(a.patient.cmp(&b.patient)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(nhs: Option<u64>, family: &str, given: &str, birth: &str) -> PatientFacts {
        PatientFacts {
            nhs_number: nhs,
            verified: nhs.is_some(),
            families: vec![family.into()],
            givens: vec![given.into()],
            birth: birth.parse().ok(),
            ..PatientFacts::default()
        }
    }

    fn graded(asked: &PatientFacts, theirs: PatientFacts) -> Option<Grade> {
        let found = FoundPatient { patient: PatientKey(1), source: "x".into(), facts: theirs };
        score(asked, PersonKey(1), &found, false).map(|scored| scored.grade)
    }

    #[test]
    fn certain_is_a_traced_number_with_birth_date_and_a_name_and_nothing_less() {
        let asked = facts(Some(1), "Smith", "Ann", "1950-01-02");
        assert_eq!(graded(&asked, facts(Some(1), "Jones", "ann", "1950-01-02")), Some(Grade::Certain));
        assert_eq!(graded(&asked, facts(Some(1), "Smith", "Ann", "1950-02-01")), Some(Grade::Probable));
        assert_eq!(graded(&asked, facts(Some(1), "Khan", "Bilal", "1988-05-06")), Some(Grade::Possible));
        let unverified = PatientFacts { verified: false, ..facts(Some(1), "Smith", "Ann", "1950-01-02") };
        assert_eq!(graded(&asked, unverified), Some(Grade::Probable));
        assert_eq!(graded(&asked, facts(None, "Smith", "Ann", "1950-01-02")), Some(Grade::Probable));
        assert_eq!(graded(&asked, facts(Some(2), "Smith", "Ann", "1950-01-02")), Some(Grade::Possible));
        assert_eq!(graded(&asked, facts(Some(2), "Smith", "Ann", "1960-01-02")), None);
    }

    #[test]
    fn two_people_who_fit_alike_are_both_only_possible() {
        let one = |person: u64, grade: Grade| Scored {
            person: PersonKey(person),
            patient: PatientKey(person),
            score: 0.8,
            grade,
        };
        let mut found = [one(1, Grade::Probable), one(2, Grade::Probable)];
        settle(&mut found);
        assert!(found.iter().all(|scored| scored.grade == Grade::Possible && scored.score < 0.8));
        let mut found = [one(1, Grade::Certain), one(1, Grade::Certain), one(2, Grade::Probable)];
        settle(&mut found);
        assert_eq!(found.iter().filter(|scored| scored.grade == Grade::Certain).count(), 2);
    }
}
