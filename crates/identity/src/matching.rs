//! One decision: who, among all in the index, is this?

use crate::{
    compare::{Context, Pattern, at, compare, level},
    explain::{Explanation, explanation},
    facts::PatientFacts,
    index::{Index, Question},
    keys,
    model::{Model, Scorer, Thresholds, Weighed},
    packed::Record,
    rules::{Ruling, ruled, ruling},
};
use fhir::{PatientKey, PersonKey};
use serde::Serialize;

/// Candidates are fetched from memory so many at a time, then compared.
const PIECE: usize = 32;
/// Candidates kept with a decision.
const KEPT_MAX: usize = 10;
/// Candidates whose odds are below these are not worth keeping.
const KEPT_PROBABILITY: f64 = 1e-4;
/// A region has at least so many people, though it begin with none.
pub const REGION_LEAST: usize = 50_000;

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Is this person.
    Link(#[serde(serialize_with = "as_text")] PersonKey),
    /// May be one of the candidates: somebody decides. Until then a person of its own.
    Review,
    /// A person not known before.
    New,
}

fn as_text<S: serde::Serializer>(person: &PersonKey, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(person)
}

/// A patient compared with.
#[derive(Clone, Debug)]
pub struct Scored {
    /// Its row in the index.
    pub row: u32,
    /// The patient.
    pub patient: PatientKey,
    /// Its person.
    pub person: PersonKey,
    /// What came out.
    pub pattern: Pattern,
    /// What that weighs.
    pub weighed: Weighed,
    /// What a rule says.
    pub ruling: Option<Ruling>,
    /// The probability that it is the same person, the other candidates considered.
    pub probability: f64,
}

/// A decision, with what led to it.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What was decided.
    pub outcome: Outcome,
    /// The candidates, the most likely first: at most ten.
    pub candidates: Vec<Scored>,
    /// How many were compared.
    pub compared: usize,
}

/// Room that decisions reuse.
#[derive(Debug, Default)]
pub struct Scratch {
    keys: Vec<(keys::Rule, u64)>,
    rows: Vec<u32>,
    /// Rows, and the places of the keys by which they were found.
    by: Vec<(u32, u32)>,
    shared: Vec<(u32, u32)>,
    found: Vec<(u32, Pattern, Weighed)>,
}

/// An index and a model, ready to decide.
#[derive(Debug)]
pub struct Matcher<'a> {
    index: &'a Index,
    model: &'a Model,
    scorer: Scorer,
    least: usize,
}

impl<'a> Matcher<'a> {
    /// Make ready. Cheap: a table of some hundred numbers.
    pub fn new(index: &'a Index, model: &'a Model) -> Matcher<'a> {
        Matcher::among(index, model, 0)
    }

    /// Make ready for a region that fills: it has, or will have, at least [`REGION_LEAST`] people.
    pub fn for_region(index: &'a Index, model: &'a Model) -> Matcher<'a> {
        Matcher::among(index, model, REGION_LEAST)
    }

    fn among(index: &'a Index, model: &'a Model, least: usize) -> Matcher<'a> {
        let latest_year = index.births().latest_year();
        let scorer = Scorer::among(model, index.len(), least, index.attributes(), latest_year);
        Matcher { index, model, scorer, least: least.max(1) }
    }

    /// The index.
    pub fn index(&self) -> &'a Index {
        self.index
    }

    /// The model.
    pub fn model(&self) -> &'a Model {
        self.model
    }

    /// The model made ready.
    pub fn scorer(&self) -> &Scorer {
        &self.scorer
    }

    /// Decide who somebody with these facts is. `own` is the patient's own key, if it is in the index already; `source`
    /// chooses the bands.
    ///
    /// ```
    /// use identity::{Builder, Matcher, Model, Outcome, PatientFacts, Scratch};
    /// use fhir::{PatientKey, PersonKey};
    ///
    /// let ann = PatientFacts {
    ///     families: vec!["Okonkwo".into()],
    ///     givens: vec!["Ann".into()],
    ///     birth: "1950-03-02".parse().ok(),
    ///     gender: Some("female".into()),
    ///     postcode: Some("OL9 6AA".into()),
    ///     ..PatientFacts::default()
    /// };
    /// let mut builder = Builder::new(1, Vec::new());
    /// builder.add(PatientKey(1), PersonKey(10), &ann);
    /// let (index, model) = (builder.build(), Model::builtin());
    /// let matcher = Matcher::new(&index, &model);
    /// let answer = matcher.decide(&ann, None, None, &mut Scratch::default());
    /// assert_eq!(answer.outcome, Outcome::Link(PersonKey(10)));
    /// ```
    pub fn decide(
        &self,
        facts: &PatientFacts,
        own: Option<PatientKey>,
        source: Option<&str>,
        scratch: &mut Scratch,
    ) -> Answer {
        let question = self.index.question(facts);
        self.decide_question(&question, own, source, scratch)
    }

    /// As [`Matcher::decide_question`], when it is known that the patient is none of these persons.
    pub fn decide_barring(
        &self,
        question: &Question,
        own: Option<PatientKey>,
        source: Option<&str>,
        barred: &[PersonKey],
        scratch: &mut Scratch,
    ) -> Answer {
        let compared = self.score(question, scratch, |_| ());
        let mut candidates = self.candidates(question, own, scratch);
        candidates.retain(|candidate| !barred.contains(&candidate.person));
        self.conclude(candidates, compared, source, |_| ())
    }

    /// As [`Matcher::decide`], for a question packed before.
    pub fn decide_question(
        &self,
        question: &Question,
        own: Option<PatientKey>,
        source: Option<&str>,
        scratch: &mut Scratch,
    ) -> Answer {
        let compared = self.score(question, scratch, |_| ());
        let candidates = self.candidates(question, own, scratch);
        self.conclude(candidates, compared, source, |_| ())
    }

    /// As [`Matcher::decide_question`] of somebody who is none of the index's; `join` says before it is decided which of the candidates
    /// are one person.
    pub(crate) fn decide_joined(
        &self,
        question: &Question,
        scratch: &mut Scratch,
        join: impl FnOnce(&mut [Scored]),
    ) -> Answer {
        let compared = self.score(question, scratch, |_| ());
        let candidates = self.candidates(question, None, scratch);
        self.conclude(candidates, compared, None, join)
    }

    fn candidates(&self, question: &Question, own: Option<PatientKey>, scratch: &mut Scratch) -> Vec<Scored> {
        let mut candidates: Vec<Scored> = Vec::new();
        for (row, pattern, weighed) in scratch.found.drain(..) {
            let Some((patient, person)) = self.index.who(row) else { continue };
            if own == Some(patient) {
                continue;
            }
            let ruling = self.index.row(row).and_then(|record| ruling(&question.record(), &record, &pattern, &weighed));
            // Both the old and the new facts of a patient may be seen while it is being changed: the newer ones count.
            candidates.retain(|known| known.patient != patient);
            candidates.push(Scored { row, patient, person, pattern, weighed, ruling, probability: 0.0 });
        }
        // In the order of keys, so that sums come out the same however the index came about.
        candidates.sort_by_key(|candidate| candidate.patient);
        candidates
    }

    fn conclude(
        &self,
        mut candidates: Vec<Scored>,
        compared: usize,
        source: Option<&str>,
        join: impl FnOnce(&mut [Scored]),
    ) -> Answer {
        self.settle(&mut candidates);
        join(&mut candidates);
        let outcome = outcome(&mut candidates, self.model.thresholds_for(source));
        candidates.truncate(KEPT_MAX);
        Answer { outcome, candidates, compared }
    }

    /// Compare with everybody who shares a key; what is worth keeping is left in the scratch, in the order of rows.
    pub(crate) fn score(
        &self,
        question: &Question,
        scratch: &mut Scratch,
        mut passed_over: impl FnMut(&Weighed),
    ) -> usize {
        let record = question.record();
        let lexicon = question.lexicon(self.index);
        let Scratch { keys: all, rows, by, shared, found } = scratch;
        all.clear();
        by.clear();
        shared.clear();
        found.clear();
        let mut words = record
            .phones
            .iter()
            .chain(record.emails.iter().step_by(2))
            .chain(record.identifiers.iter().skip(1).step_by(2));
        keys::keys(&record, lexicon, |rule, key| all.push((rule, key)));
        let own = all.len();
        keys::further(&record, lexicon, |rule, key| all.push((rule, key)));
        let mut view = self.index.view();
        self.index.fetch_keys(&view, all);
        for (number, (rule, key)) in all.iter().copied().enumerate() {
            rows.clear();
            let size = self.index.find(&mut view, rule, key, rows);
            if number < own
                && rule.counts().is_some()
                && let Some(word) = words.next()
            {
                // Of a block that was passed over, its size; else those who really have the value.
                let size = if rows.is_empty() { size } else { self.sharers(*word, rows) };
                shared.push((*word, u32::try_from(size).unwrap_or(u32::MAX)));
            }
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            by.extend(rows.iter().map(|row| (*row, number)));
        }
        by.sort_unstable();
        rows.clear();
        rows.extend(by.iter().map(|(row, _)| *row));
        rows.dedup();
        let mut by = by.as_slice();
        let context = self.context(lexicon, shared);
        let odds = self.scorer.prior_odds();
        let mut compared = 0;
        for piece in rows.chunks(PIECE) {
            self.index.fetch_rows(piece);
            let mut others = [Record::default(); PIECE];
            let mut live = [0; PIECE];
            let mut count = 0;
            for row in piece.iter().copied().filter(|row| self.index.is_live(*row)) {
                if let (Some(record), Some(other), Some(number)) =
                    (self.index.row(row), others.get_mut(count), live.get_mut(count))
                {
                    (*other, *number) = (record, row);
                    count += 1;
                }
            }
            let others = others.get(..count).unwrap_or_default();
            self.index.fetch_texts(others);
            for (other, row) in others.iter().zip(live) {
                let before = by.iter().position(|(found, _)| *found >= row).unwrap_or(by.len());
                by = by.get(before..).unwrap_or_default();
                // Of the key by which it was found a row has sixteen bits at least. Who has no more of any is a stranger, and which
                // strangers there are is the index's own affair: it is nothing to keep with a decision.
                let mut found_by = by.iter().take_while(|(found, _)| *found == row);
                let asked = |number: u32| all.get(number as usize);
                if !found_by
                    .any(|(_, number)| asked(*number).is_some_and(|(rule, key)| self.index.has(other, *rule, *key)))
                {
                    continue;
                }
                compared += 1;
                let pattern = compare(&record, other, &context);
                let weighed = self.scorer.weigh(&pattern);
                let ruled = pattern.level(at::NHS) == level::nhs::SAME;
                if weighed.factor * odds > KEPT_PROBABILITY || ruled {
                    found.push((row, pattern, weighed));
                } else {
                    passed_over(&weighed);
                }
            }
        }
        compared
    }

    /// How many of these rows have a telephone number, e-mail address or identifier.
    fn sharers(&self, word: u32, rows: &[u32]) -> usize {
        let has = |record: Record<'_>| {
            record.phones.iter().any(|own| crate::packed::same_phone(*own, word))
                || record.emails.iter().step_by(2).any(|own| *own == word)
                || record.identifiers.iter().skip(1).step_by(2).any(|own| *own == word)
        };
        self.index.fetch_rows(rows);
        rows.iter().filter(|row| self.index.is_live(**row) && self.index.row(**row).is_some_and(has)).count()
    }

    pub(crate) fn found<'s>(&self, scratch: &'s Scratch) -> &'s [(u32, Pattern, Weighed)] {
        &scratch.found
    }

    pub(crate) fn context<'c>(&self, lexicon: crate::terms::Lexicon<'c>, shared: &'c [(u32, u32)]) -> Context<'c>
    where
        'a: 'c,
    {
        #[expect(clippy::cast_precision_loss, reason = "a frequency to four digits is more than enough")]
        let people = self.index.len().max(1) as f32;
        Context { lexicon, people, births: self.index.births(), together: self.index.together(), shared }
    }

    /// How many of the index should have the name and birthday asked about by chance.
    pub(crate) fn doubles(&self, question: &Question) -> f64 {
        let context = self.context(question.lexicon(self.index), &[]);
        f64::from(crate::compare::doubles(&question.record(), &context))
    }

    /// Compare two rows of the index.
    pub(crate) fn compare_rows(&self, a: u32, b: u32) -> Option<Pattern> {
        let (x, y) = (self.index.row(a)?, self.index.row(b)?);
        let lexicon = crate::terms::Lexicon { terms: self.index.terms(), local: &[] };
        Some(compare(&x, &y, &self.context(lexicon, &[])))
    }

    /// Probabilities: at most one person is right, and the person asked about may be none of them (design: the lead over
    /// the second best). Patients of one person do not compete.
    pub(crate) fn settle(&self, candidates: &mut [Scored]) {
        let known = self.scorer.known().clamp(0.05, 0.98);
        #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
        let people = self.index.len().max(self.least) as f64;
        let odds = |candidate: &Scored| candidate.weighed.factor * known / people;
        let mut persons: Vec<(PersonKey, f64)> = Vec::new();
        for candidate in candidates.iter() {
            let own = odds(candidate);
            match persons.iter_mut().find(|(person, _)| *person == candidate.person) {
                Some((_, best)) => *best = best.max(own),
                None => persons.push((candidate.person, own)),
            }
        }
        let all: f64 = persons.iter().map(|(_, odds)| odds).sum();
        for candidate in candidates.iter_mut() {
            let own = odds(candidate);
            let rest =
                all - persons.iter().find(|(person, _)| *person == candidate.person).map_or(0.0, |(_, odds)| *odds);
            candidate.probability = own / (1.0 - known + rest.max(0.0) + own);
            candidate.probability = ruled(candidate.probability, candidate.ruling);
        }
        candidates.sort_by(|a, b| b.probability.total_cmp(&a.probability).then(a.patient.cmp(&b.patient)));
    }

    /// Explain a candidate of a question.
    pub fn explain(&self, question: &Question, candidate: &Scored) -> Explanation {
        let restricted =
            question.record().restricted() || self.index.row(candidate.row).is_some_and(|record| record.restricted());
        explanation(self.model, &self.scorer, self.index.attributes(), candidate, restricted)
    }

    /// Whether a candidate has a number of its own that is asked for, and birth date and name agree besides: an NHS number that its source
    /// has traced, or one by which a system knows its patients.
    pub fn is_numbered(&self, candidate: &Scored) -> bool {
        let pattern = &candidate.pattern;
        let traced = || {
            let record = self.index.row(candidate.row);
            record.is_some_and(|record| {
                record.nhs.first().is_some_and(|number| number & crate::packed::NHS_VERIFIED != 0)
            })
        };
        let number = pattern.level(at::NHS) == level::nhs::SAME && traced()
            || pattern.level(at::IDENTIFIER) == level::plain::SAME;
        number && pattern.level(at::BIRTH) == level::birth::SAME && pattern.name_agrees()
    }

    /// Compare two sets of facts with the frequencies of this index: the same whichever comes first.
    pub fn compare_facts(&self, a: &PatientFacts, b: &PatientFacts) -> (Scored, bool) {
        let mut question = Question::default();
        self.index.extend_question(&mut question, a);
        let first = Index::take_words(&mut question);
        self.index.extend_question(&mut question, b);
        let (a, b) = (Record::read(&first), question.record());
        let pattern = compare(&a, &b, &self.context(question.lexicon(self.index), &[]));
        let weighed = self.scorer.weigh(&pattern);
        (scored(pattern, weighed, ruling(&a, &b, &pattern, &weighed)), a.restricted() || b.restricted())
    }

    /// Explain two rows of the index.
    pub fn explain_rows(&self, a: u32, b: u32) -> Option<Explanation> {
        let (x, y) = (self.index.row(a)?, self.index.row(b)?);
        let pattern = self.compare_rows(a, b)?;
        let weighed = self.scorer.weigh(&pattern);
        let scored = scored(pattern, weighed, ruling(&x, &y, &pattern, &weighed));
        let restricted = x.restricted() || y.restricted();
        Some(explanation(self.model, &self.scorer, self.index.attributes(), &scored, restricted))
    }

    /// Explain two sets of facts.
    pub fn explain_facts(&self, a: &PatientFacts, b: &PatientFacts) -> Explanation {
        let (scored, restricted) = self.compare_facts(a, b);
        explanation(self.model, &self.scorer, self.index.attributes(), &scored, restricted)
    }
}

/// A pair by itself, without other candidates.
fn scored(pattern: Pattern, weighed: Weighed, ruling: Option<Ruling>) -> Scored {
    let probability = ruled(weighed.probability(), ruling);
    Scored { row: u32::MAX, patient: PatientKey(0), person: PersonKey(0), pattern, weighed, ruling, probability }
}

fn outcome(candidates: &mut [Scored], bands: Thresholds) -> Outcome {
    let Some(best) = candidates.first() else { return Outcome::New };
    let (person, probability) = (best.person, best.probability);
    let second = candidates.iter().find(|other| other.person != person).map_or(0.0, |other| other.probability);
    // Whatever one patient of the person says against it counts: two verified numbers are not outvoted.
    let against = candidates
        .iter()
        .any(|other| other.person == person && matches!(other.ruling, Some(Ruling::TwoNumbers | Ruling::NumberAlone)));
    let suspect = candidates.iter().any(|other| {
        other.ruling == Some(Ruling::NumberAlone)
            || other.ruling.is_some() && other.weighed.probability() >= bands.review
    });
    if probability >= bands.link && !against {
        if second * bands.lead <= probability {
            return Outcome::Link(person);
        }
        if let Some(best) = candidates.first_mut() {
            best.ruling = match best.ruling {
                None | Some(Ruling::VerifiedNumber) => Some(Ruling::NoLead),
                other => other,
            };
        }
        return Outcome::Review;
    }
    if probability >= bands.review || suspect || against { Outcome::Review } else { Outcome::New }
}
