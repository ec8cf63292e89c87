//! Who is meant by what somebody typed into one field ([`identity::Typed`]): typing errors are forgiven by the index of people,
//! and each fact that does not agree is named, so that the right one is told by address and age and never taken for granted.

use crate::{
    FoundPatient, PersonHit, Records,
    matching::{Grade, Matcher, Scored},
};
use access::{FindPermit, Sealed};
use fhir::{PatientKey, PersonKey};
use identity::{
    PatientFacts, Typed, fold_name, postcode_key,
    text::{groups_of, jaro_winkler, within_one},
};
use jiff::civil::Date;
use store::{PeopleFilter, StoreError};

/// Patients that one look-up gives at most.
const LOOKUP_MAX: usize = 120;
/// From this likeness on a name is nearly another (Jaro–Winkler).
const NEAR_NAME: f64 = 0.84;

/// How a fact that was typed stands to what sources say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fit {
    /// No source says it.
    Unknown,
    /// Another.
    Differs,
    /// Nearly the same: a slip of the finger, day and month changed over.
    Near,
    /// The same.
    Same,
    /// It was not asked for.
    #[default]
    NotAsked,
}

/// How a person fits what was typed, fact by fact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fits {
    /// The NHS number.
    pub number: Fit,
    /// The names.
    pub name: Fit,
    /// The date of birth.
    pub born: Fit,
    /// The postcode.
    pub postcode: Fit,
    /// The number of the house.
    pub house: Fit,
    /// The gender.
    pub gender: Fit,
}

impl Fits {
    fn all(self) -> [Fit; 6] {
        [self.number, self.name, self.born, self.postcode, self.house, self.gender]
    }

    /// Whether everything that was typed is the same.
    pub fn wholly(self) -> bool {
        self.all().iter().all(|fit| *fit >= Fit::Same)
    }

    /// What does not agree, in words; empty where everything does.
    pub fn words(self) -> Vec<&'static str> {
        let facts: [(Fit, &str, &str, &str); 6] = [
            (self.number, "NHS number nearly the same", "Other NHS number", "NHS number not known"),
            (self.name, "Name similar", "Other name", "Name not known"),
            (self.born, "Date of birth nearly the same", "Other date of birth", "Date of birth not known"),
            (self.postcode, "Postcode similar", "Other postcode", "Postcode not known"),
            (self.house, "House similar", "Other house", "House not known"),
            (self.gender, "Gender similar", "Other gender", "Gender not known"),
        ];
        let said = |(fit, near, differs, unknown): (Fit, &'static str, &'static str, &'static str)| match fit {
            Fit::Near => Some(near),
            Fit::Differs => Some(differs),
            Fit::Unknown => Some(unknown),
            Fit::Same | Fit::NotAsked => None,
        };
        facts.into_iter().filter_map(said).collect()
    }

    fn points(self) -> i32 {
        let weighed =
            [(self.number, 4), (self.name, 3), (self.born, 3), (self.postcode, 2), (self.house, 1), (self.gender, 1)];
        let points = weighed.iter().map(|(fit, weight)| match fit {
            Fit::Same => 2 * weight,
            Fit::Near => *weight,
            Fit::Unknown | Fit::NotAsked => 0,
            Fit::Differs => -weight,
        });
        points.sum()
    }

    /// Whether this is near enough to be shown: never by a single fact alone.
    fn enough(self) -> bool {
        let near = |fit: Fit| matches!(fit, Fit::Near | Fit::Same);
        let lives = self.postcode == Fit::Same;
        if self.number == Fit::Same {
            return true;
        }
        if self.name == Fit::Differs {
            return false;
        }
        (near(self.name) && (near(self.born) || lives))
            || (lives
                && self.name == Fit::NotAsked
                && (near(self.born) || self.house == Fit::Same && self.born == Fit::NotAsked))
            || (near(self.name) && near(self.number) && self.born == Fit::NotAsked)
    }
}

/// Somebody who may be meant.
#[derive(Clone, Debug)]
pub struct Meant {
    /// Who it is.
    pub hit: PersonHit,
    /// How they fit.
    pub fits: Fits,
}

impl Records {
    /// Everybody who may be meant, not yet judged: [`Records::meant`] does that.
    ///
    /// # Errors
    /// The store's.
    pub fn search(
        &self,
        permit: &FindPermit,
        typed: &Typed,
        matcher: &dyn Matcher,
    ) -> Result<Sealed<Vec<(PersonKey, PatientKey)>>, StoreError> {
        let mut found: Sealed<Vec<(PersonKey, PatientKey)>> = permit.seal(Vec::new());
        // The index is asked only where there is something to weigh: a house and a postcode are looked up.
        if !typed.names.is_empty() || typed.nhs_number.is_some() {
            for facts in typed.asked() {
                let scored = matcher.candidates(permit, &facts, LOOKUP_MAX)?;
                let likely = |scored: &Scored| scored.grade >= Grade::Possible;
                let both = found.and(scored, |mut found, scored| {
                    found.extend(scored.iter().filter(|one| likely(one)).map(|one| (one.person, one.patient)));
                    found
                });
                found = both.ok_or_else(|| StoreError::Stopped("two permits for one search".into()))?;
            }
        }
        let mut looked_up: Vec<(PersonKey, PatientKey)> = Vec::new();
        for filter in lookups(typed) {
            for hit in self.look_up(&filter)? {
                looked_up.extend(hit.patients.iter().map(|found| (hit.person, found.patient)));
            }
        }
        Ok(found.map(|mut found| {
            found.extend(looked_up);
            found.sort();
            found.dedup();
            found
        }))
    }
}

impl Records {
    /// Of those found, who fits what was typed, the best first, at most `limit`; and whether there are more. Of these alone it is
    /// written down that they were found.
    ///
    /// # Errors
    /// The store's.
    pub fn meant(
        &self,
        permit: &FindPermit,
        typed: &Typed,
        found: &[(PersonKey, PatientKey)],
        limit: usize,
    ) -> Result<Sealed<(Vec<Meant>, bool)>, StoreError> {
        let (meant, more) = ranked(typed, self.people_of(found)?, limit);
        let people: Vec<PersonKey> = meant.iter().map(|one| one.hit.person).collect();
        permit.seal_found((meant, more), &people)
    }
}

/// What is looked up beside asking the index.
fn lookups(typed: &Typed) -> Vec<PeopleFilter> {
    let any = || PeopleFilter { limit: LOOKUP_MAX, ..PeopleFilter::default() };
    let mut filters = Vec::new();
    if typed.nhs_number.is_some() {
        filters.push(PeopleFilter { nhs_number: typed.nhs_number, ..any() });
    }
    let postcode = typed.postcode.as_deref().map(postcode_key);
    for facts in typed.asked() {
        // The beginning of a name is enough where nobody types it out.
        let family = facts.families.first().map(|name| fold_name(name)).filter(|name| name.chars().count() >= 2);
        let given = facts.givens.first().map(|name| fold_name(name)).filter(|name| name.chars().count() >= 2);
        if facts.birth.is_some() {
            if family.is_some() {
                filters.push(PeopleFilter { birth: facts.birth, family: family.clone(), ..any() });
            }
            if given.is_some() {
                filters.push(PeopleFilter { birth: facts.birth, given, ..any() });
            }
            if postcode.is_some() {
                filters.push(PeopleFilter { birth: facts.birth, postcode: postcode.clone(), ..any() });
            }
        }
        if family.is_some() && postcode.is_some() {
            filters.push(PeopleFilter { family, postcode: postcode.clone(), ..any() });
        }
    }
    if postcode.is_some() && typed.house.is_some() {
        filters.push(PeopleFilter { postcode, ..any() });
    }
    filters.dedup();
    filters
}

/// The people who fit, the best first, at most `limit`; and whether there are more.
fn ranked(typed: &Typed, hits: Vec<PersonHit>, limit: usize) -> (Vec<Meant>, bool) {
    let judged = hits.into_iter().map(|hit| Meant { fits: fits(typed, &hit.patients), hit });
    let mut meant: Vec<Meant> = judged.filter(|meant| meant.fits.enough()).collect();
    let name = |meant: &Meant| meant.hit.patients.first().and_then(|found| found.facts.families.first().cloned());
    meant.sort_by_cached_key(|meant| (std::cmp::Reverse(meant.fits.points()), name(meant), meant.hit.person));
    let more = meant.len() > limit;
    meant.truncate(limit);
    (meant, more)
}

/// How a person fits: each fact by the source that says it most alike, for sources differ.
fn fits(typed: &Typed, patients: &[FoundPatient]) -> Fits {
    let best = |judge: &dyn Fn(&PatientFacts) -> Fit| {
        patients.iter().map(|found| judge(&found.facts)).max().unwrap_or(Fit::Unknown)
    };
    let asked = |is: bool, judge: &dyn Fn(&PatientFacts) -> Fit| if is { best(judge) } else { Fit::NotAsked };
    Fits {
        number: asked(typed.nhs_number.or(typed.nhs_number_mistyped).is_some(), &|facts| number(typed, facts)),
        name: asked(!typed.names.is_empty(), &|facts| name(typed, facts)),
        born: asked(!typed.births.is_empty(), &|facts| born(&typed.births, facts.birth)),
        postcode: asked(typed.postcode.is_some(), &|facts| {
            let own = typed.postcode.as_deref().map(postcode_key).unwrap_or_default();
            let theirs = facts
                .addresses
                .iter()
                .filter_map(|address| address.postcode.as_deref())
                .chain(facts.postcode.as_deref());
            let theirs: Vec<String> = theirs.map(postcode_key).filter(|code| !code.is_empty()).collect();
            match () {
                () if theirs.is_empty() => Fit::Unknown,
                () if theirs.contains(&own) => Fit::Same,
                () if theirs.iter().any(|other| within_one(&own, other)) => Fit::Near,
                () => Fit::Differs,
            }
        }),
        house: asked(typed.house.is_some(), &|facts| match facts.addresses.as_slice() {
            [] => Fit::Unknown,
            addresses if addresses.iter().any(|address| typed.lives_in(address)) => Fit::Same,
            _ => Fit::Differs,
        }),
        gender: asked(typed.gender.is_some(), &|facts| match &facts.gender {
            None => Fit::Unknown,
            gender if *gender == typed.gender => Fit::Same,
            _ => Fit::Differs,
        }),
    }
}

fn number(typed: &Typed, facts: &PatientFacts) -> Fit {
    match (typed.nhs_number, typed.nhs_number_mistyped, facts.nhs_number) {
        (_, _, None) => Fit::Unknown,
        (Some(own), _, Some(theirs)) if own == theirs => Fit::Same,
        (Some(own), _, _) if facts.nhs_numbers_old.contains(&own) => Fit::Same,
        (own, mistyped, Some(theirs)) => match own.or(mistyped) {
            Some(own) if within_one(&format!("{own:010}"), &format!("{theirs:010}")) => Fit::Near,
            _ => Fit::Differs,
        },
    }
}

/// Each word that was typed against every name that a source gives; the worst word counts.
fn name(typed: &Typed, facts: &PatientFacts) -> Fit {
    let names = [&facts.families, &facts.givens, &facts.middles];
    let mut theirs: Vec<String> = Vec::new();
    for name in names.into_iter().flatten() {
        theirs.push(fold_name(name));
        // A name of several words is typed with or without them.
        theirs.extend(name.split([' ', '-']).filter(|part| part.len() < name.len()).map(fold_name));
    }
    theirs.retain(|name| !name.is_empty());
    if theirs.is_empty() {
        return Fit::Unknown;
    }
    let mut known: Vec<&str> = theirs.iter().map(String::as_str).collect();
    known.sort_unstable();
    let word = |word: &String| {
        let own = fold_name(word);
        let begins = own.chars().count() >= 2 || own.chars().count() == 1 && typed.names.len() > 1;
        let groups = groups_of(&own);
        let nickname = |other: &str| groups_of(other).iter().any(|group| *group != 0 && groups.contains(group));
        let likeness = |other: &&str| jaro_winkler(&own, other) >= NEAR_NAME || nickname(other);
        match () {
            () if known.contains(&own.as_str()) => Fit::Same,
            () if begins && known.iter().any(|other| other.starts_with(&own)) => Fit::Same,
            () if known.iter().any(likeness) => Fit::Near,
            () => Fit::Differs,
        }
    };
    let words: Vec<Fit> = typed.names.iter().map(word).collect();
    match words.iter().min() {
        // One word of several that nobody knows: a second given name, a former family name.
        Some(Fit::Differs) if words.len() > 1 && words.contains(&Fit::Same) => Fit::Near,
        Some(worst) => *worst,
        None => Fit::NotAsked,
    }
}

fn born(asked: &[Date], theirs: Option<Date>) -> Fit {
    let Some(theirs) = theirs else { return Fit::Unknown };
    let near = |own: &Date| {
        let same = [own.year() == theirs.year(), own.month() == theirs.month(), own.day() == theirs.day()];
        let changed_over = same == [true, false, false] && own.month() == theirs.day() && own.day() == theirs.month();
        changed_over
            || same.iter().filter(|same| **same).count() == 2 && within_one(&own.to_string(), &theirs.to_string())
    };
    match () {
        () if asked.contains(&theirs) => Fit::Same,
        () if asked.iter().any(near) => Fit::Near,
        () => Fit::Differs,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use identity::AddressFacts;

    fn person(family: &str, given: &str, birth: &str, nhs: u64, line: &str, postcode: &str) -> PersonHit {
        let address =
            AddressFacts { lines: vec![line.into()], postcode: Some(postcode.into()), ..AddressFacts::default() };
        let facts = PatientFacts {
            nhs_number: Some(nhs),
            families: vec![family.into()],
            givens: vec![given.into()],
            birth: birth.parse().ok(),
            postcode: Some(postcode.into()),
            addresses: vec![address],
            ..PatientFacts::default()
        };
        let patient = FoundPatient { patient: PatientKey(nhs), source: "x".into(), facts };
        PersonHit { person: PersonKey(nhs), patients: vec![patient] }
    }

    fn of(text: &str) -> Vec<(u64, Vec<&'static str>)> {
        let typed = Typed::read(text, "2026-11-26".parse().expect("a date"));
        let people = vec![
            person("Smith-Jones", "Ann", "1945-07-14", 9_990_000_018, "12 Elm Road", "BL1 4QR"),
            person("Smith-Jones", "Anne", "1945-07-14", 9_990_000_026, "14 Elm Road", "BL1 4QR"),
            person("Okafor", "Bilal", "1988-05-06", 9_990_000_034, "12 Elm Road", "BL1 4QR"),
        ];
        ranked(&typed, people, 10).0.into_iter().map(|meant| (meant.hit.person.0, meant.fits.words())).collect()
    }

    #[test]
    fn the_one_who_fits_wholly_comes_first_and_what_differs_is_named() {
        assert_eq!(of("smith jones anne 14/7/1945")[0], (9_990_000_026, vec![]));
        let misspelt = of("smyth ann 14/7/1945 BL1 4QR");
        assert_eq!(misspelt[0].1, ["Name similar"]);
        assert_eq!(of("smith 14/7/1954")[0].1, ["Date of birth nearly the same"]);
        assert_eq!(of("smith 7/5/1945 BL1 4QR")[0].1, ["Other date of birth"]);
        assert!(of("smith 3/3/1999").is_empty(), "a name alone is nobody");
        assert_eq!(of("okafor 5/6/1988").first().map(|one| one.1.clone()), Some(vec!["Date of birth nearly the same"]));
    }

    #[test]
    fn a_household_is_everybody_in_the_house_and_nobody_else() {
        let people: Vec<u64> = of("12 BL1 4QR").into_iter().map(|(person, _)| person).collect();
        assert_eq!(people, [9_990_000_034, 9_990_000_018]);
        assert_eq!(of("12 BL1 4QR okafor").len(), 1);
    }

    #[test]
    fn a_number_finds_its_bearer_and_says_where_the_rest_does_not_fit() {
        assert_eq!(of("9990000018"), [(9_990_000_018, vec![])]);
        assert_eq!(of("9990000018 okafor bilal")[0], (9_990_000_018, vec!["Other name"]));
        assert!(of("9990000081 ann smith")[0].1.contains(&"NHS number nearly the same"), "two digits changed over");
    }
}
