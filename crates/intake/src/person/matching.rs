//! Weighing a patient against the others that may be the same person.

use super::{people::People, review::Doubt};
use fhir::{PatientKey, PersonKey};
use identity::{Answer, Outcome, PatientFacts, Ruling, Scored, Scratch};
use serde::Serialize;
use serde_json::json;
use store::ReviewKind;

/// Candidates whose evidence is kept line by line.
const EXPLAINED_MAX: usize = 4;
/// Persons that one patient puts in the queue at most.
const DOUBTS_MAX: usize = 3;

/// What the evidence says of a patient.
#[derive(Debug)]
pub struct Weighing {
    answer: Answer,
    /// From which probability on somebody looks at a pair.
    review: f64,
    /// Whether all that would link it are numbers of its own source.
    within_source: bool,
    /// The decision with its candidates and their evidence, JSON; none where there was nobody to compare with.
    pub explanation: Option<String>,
}

/// Weigh a patient against everybody but those it is not. `source_of` gives the source of another patient.
pub fn weigh<E>(
    people: &People,
    (patient, source, facts): (PatientKey, &str, &PatientFacts),
    barred: &[PersonKey],
    scratch: &mut Scratch,
    source_of: impl Fn(PatientKey) -> Result<Option<String>, E>,
) -> Result<Weighing, E> {
    let (answer, thresholds, explanation) = people.ask(|matcher| {
        let question = matcher.index().question(facts);
        let answer = matcher.decide_barring(&question, Some(patient), Some(source), barred, scratch);
        let thresholds = matcher.model().thresholds_for(Some(source));
        let explanation = (!answer.candidates.is_empty()).then(|| {
            let candidates: Vec<ExplainedCandidate> = answer
                .candidates
                .iter()
                .take(EXPLAINED_MAX)
                .map(|candidate| ExplainedCandidate {
                    patient: candidate.patient.to_string(),
                    person: candidate.person.to_string(),
                    explanation: matcher.explain(&question, candidate),
                })
                .collect();
            serde_json::to_string(&Explained {
                outcome: outcome_word(answer.outcome),
                compared: answer.compared,
                candidates,
            })
            .unwrap_or_default()
        });
        (answer, thresholds, explanation)
    });
    // A source that gave two numbers says that it knows two people. Weights alone do not outvote it: only a verified NHS
    // number does, or another source that stands between.
    let mut within_source = false;
    if let Outcome::Link(person) = answer.outcome {
        within_source = true;
        for candidate in answer.candidates.iter().filter(|candidate| candidate.person == person) {
            let speaks = candidate.ruling == Some(Ruling::VerifiedNumber)
                || candidate.ruling.is_none()
                    && candidate.probability >= thresholds.link
                    && source_of(candidate.patient)?.is_some_and(|theirs| theirs != source);
            within_source &= !speaks;
        }
    }
    Ok(Weighing { answer, review: thresholds.review, within_source, explanation })
}

/// How the decision about a patient is kept.
#[derive(Serialize)]
struct Explained {
    outcome: &'static str,
    compared: usize,
    candidates: Vec<ExplainedCandidate>,
}

#[derive(Serialize)]
struct ExplainedCandidate {
    patient: String,
    person: String,
    #[serde(flatten)]
    explanation: identity::Explanation,
}

fn outcome_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Link(_) => "link",
        Outcome::Review => "review",
        Outcome::New => "new",
    }
}

impl Weighing {
    /// Who it is, if the evidence is enough: the person, the patient that speaks for it, and why (JSON).
    pub fn link(&self) -> Option<(PersonKey, PatientKey, String)> {
        let Outcome::Link(person) = self.answer.outcome else { return None };
        if self.within_source {
            return None;
        }
        let best = self.answer.candidates.iter().find(|candidate| candidate.person == person)?;
        let rule = match best.ruling {
            Some(Ruling::VerifiedNumber) => "verified-nhs-number",
            _ => "weighed",
        };
        let reason = json!({"rule": rule, "with": best.patient.to_string(), "probability": round(best.probability)});
        Some((person, best.patient, reason.to_string()))
    }

    /// Whether the evidence for a person is between the bands and no rule speaks against it: enough to leave a link alone,
    /// not enough to make one.
    pub fn leaves(&self, person: PersonKey) -> bool {
        let mut own = self.answer.candidates.iter().filter(|candidate| candidate.person == person);
        own.clone().any(|candidate| candidate.probability >= self.review)
            && own.all(|candidate| {
                // Names alone are too little to make a link, and nothing against one.
                matches!(candidate.ruling, None | Some(Ruling::VerifiedNumber | Ruling::NoLead | Ruling::NamesAlone))
            })
    }

    /// The strongest evidence for a person, whatever it is.
    pub fn strongest(&self, person: PersonKey) -> Option<PatientKey> {
        self.answer.candidates.iter().find(|candidate| candidate.person == person).map(|candidate| candidate.patient)
    }

    /// The evidence for a patient, in hundredths of a bit.
    pub fn score(&self, patient: PatientKey) -> Option<i64> {
        self.answer.candidates.iter().find(|candidate| candidate.patient == patient).map(score)
    }

    /// What a steward should look at: of each person other than `linked`, the strongest pair that is doubtful.
    pub fn doubts(&self, linked: Option<PersonKey>) -> Vec<Doubt> {
        let mut seen: Vec<PersonKey> = linked.into_iter().collect();
        let mut doubts = Vec::new();
        for candidate in &self.answer.candidates {
            if doubts.len() >= DOUBTS_MAX || seen.contains(&candidate.person) {
                continue;
            }
            if let Some(kind) = self.doubtful(candidate) {
                seen.push(candidate.person);
                doubts.push(doubt(candidate, kind));
            }
        }
        doubts
    }

    /// What speaks against the person a patient was said to be by a steward.
    pub fn against(&self, person: PersonKey) -> Option<Doubt> {
        self.answer.candidates.iter().filter(|candidate| candidate.person == person).find_map(|candidate| {
            let kind = self.doubtful(candidate).filter(|kind| kind.needs_two())?;
            Some(doubt(candidate, kind))
        })
    }

    fn doubtful(&self, candidate: &Scored) -> Option<ReviewKind> {
        match candidate.ruling {
            Some(Ruling::NumberAlone) => Some(ReviewKind::NhsNumber),
            // Two numbers of two who look like twins are what twins have.
            Some(Ruling::TwoNumbers) if candidate.pattern.looks_like_twins() => None,
            Some(Ruling::TwoNumbers) if candidate.weighed.probability() >= self.review => Some(ReviewKind::NhsNumber),
            Some(Ruling::TwoNumbers) => None,
            Some(Ruling::NoLead) => Some(ReviewKind::Ambiguous),
            Some(Ruling::Twins | Ruling::ParentAndChild | Ruling::Newborn | Ruling::NamesAlone)
                if candidate.weighed.probability() >= self.review =>
            {
                Some(ReviewKind::Likely)
            }
            Some(Ruling::Twins | Ruling::ParentAndChild | Ruling::Newborn | Ruling::NamesAlone) => None,
            Some(Ruling::VerifiedNumber) => Some(ReviewKind::Ambiguous),
            None if candidate.probability >= self.review => Some(ReviewKind::Likely),
            None => None,
        }
    }
}

fn doubt(candidate: &Scored, kind: ReviewKind) -> Doubt {
    let of_a_family = matches!(candidate.ruling, Some(Ruling::Twins | Ruling::ParentAndChild | Ruling::Newborn));
    Doubt { other: candidate.patient, kind, score: score(candidate), of_a_family }
}

/// Evidence in hundredths of a bit: log2 of the odds.
fn score(candidate: &Scored) -> i64 {
    let probability = candidate.probability.clamp(1e-9, 1.0 - 1e-9);
    let bits = (probability / (1.0 - probability)).log2() * 100.0;
    #[expect(clippy::cast_possible_truncation, reason = "between -3000 and 3000")]
    let hundredths = bits.round() as i64;
    hundredths
}

fn round(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}
