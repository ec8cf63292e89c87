//! `Patient/$ihe-pix`: by what other identifiers is the person with this one known? (IHE PIXm, ITI-83)
//!
//! The answers to what cannot be answered are worded as the profile has them (2:3.83.4.2.2).

use super::{
    Api, Call, blocking,
    parameters::{self, Given, Said},
    people::not_too_often,
    reply::{ApiError, Reply},
};
use access::{Action, User};
use axum::{body::Body, http::StatusCode};
use fhir::{IssueType, Value, search::Handling};
use record::{CrossReferenceSource as Source, CrossReferences};
use serde_json::json;
use std::sync::Arc;

/// Names of the parameters.
const SOURCE: &str = "sourceIdentifier";
const TARGET: &str = "targetSystem";

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Question {
    system: String,
    value: String,
    targets: Vec<String>,
}

/// `GET` or `POST /Patient/$ihe-pix`
pub async fn cross_reference(api: Api, user: Arc<User>, mut call: Call, body: Body) -> Result<Reply, ApiError> {
    let given = parameters::read(&api, &mut call, body).await?;
    let question = question(given, call.asked.handling)?;
    let base = call.base.clone();
    let action = Action::CrossReference { what: format!("ITI-83, domains asked for: {}", question.targets.len()) };
    let source = source(&question, &base)?;
    let (finding, finding_user, asking) = (api.clone(), Arc::clone(&user), action.clone());
    let (asked, base_of_ours) = (question.clone(), base.clone());
    let meant = blocking(move || {
        not_too_often(&finding, &finding_user)?;
        let permit = finding.gate.find(&finding_user, &asking, finding.now())?;
        let known = |system: &str| -> Result<bool, ApiError> {
            Ok(system == base_of_ours || finding.records.knows_domain(system)?)
        };
        if !known(&asked.system)? {
            let text = "sourceIdentifier Assigning Authority not found";
            return Err(ApiError::bad(IssueType::CodeInvalid, text).at(SOURCE));
        }
        for target in &asked.targets {
            if !known(target)? {
                let text = "targetSystem not found";
                return Err(ApiError::new(StatusCode::FORBIDDEN, IssueType::CodeInvalid, text).at(TARGET));
            }
        }
        let people = finding.records.people_meant(&permit, &source)?;
        Ok(people.map(|people| (people, source)))
    });
    let (people, source) = meant.await?.release().await?;
    let person = match people.as_slice() {
        [] => return Err(ApiError::not_found("sourceIdentifier Patient Identifier not found").at(SOURCE)),
        [person] => *person,
        _ => {
            let text = "this identifier was given to several people: who is meant must be found out at its sources";
            return Err(ApiError::new(StatusCode::CONFLICT, IssueType::MultipleMatches, text).at(SOURCE));
        }
    };
    let sealed = blocking(move || {
        let permit = api.gate.open(&user, person, &action, api.now())?;
        // Our own addresses are a domain too: asked for, every patient's is told.
        let ours = question.targets.contains(&base);
        let domains: &[String] = if ours { &[] } else { &question.targets };
        let found = api.records.cross_references(&permit, Some(&source), domains)?;
        Ok(found.map(|found| answer(&found, if ours { Some(&question.targets) } else { None })))
    });
    let body = sealed.await?.release().await?;
    Ok(Reply::json(StatusCode::OK, body.to_string()))
}

fn question(given: Vec<Given>, handling: Handling) -> Result<Question, ApiError> {
    let incomplete = |place: &str| {
        let text = "sourceIdentifier is system|value: both the assigning authority and the identifier";
        ApiError::bad(IssueType::Value, text).at(place)
    };
    let mut source: Option<(String, String)> = None;
    let mut targets: Vec<String> = Vec::new();
    for Given { name, place, value } in given {
        match name.as_str() {
            SOURCE => {
                let (system, value) = match value {
                    Said::Identifier { system, value } => (system, value),
                    Said::Text(text) => {
                        let (system, value) = text.split_once('|').ok_or_else(|| incomplete(&place))?;
                        (system.to_owned(), value.replace("\\|", "|").replace("\\,", ","))
                    }
                    _ => return Err(incomplete(&place)),
                };
                if system.trim().is_empty() || value.trim().is_empty() {
                    return Err(incomplete(&place));
                }
                if source.replace((system.trim().to_owned(), value.trim().to_owned())).is_some() {
                    let text = "sourceIdentifier is given once: ask for each identifier by itself";
                    return Err(ApiError::bad(IssueType::Invalid, text).at(&place));
                }
            }
            TARGET => {
                let system = match value {
                    Said::Text(text) => text.trim().to_owned(),
                    _ => String::new(),
                };
                if system.is_empty() {
                    let text = "targetSystem is the system of the identifiers wanted, a URI";
                    return Err(ApiError::bad(IssueType::Value, text).at(&place));
                }
                if !targets.contains(&system) {
                    targets.push(system);
                }
            }
            _ if handling == Handling::Lenient => {}
            _ => {
                let text = "$ihe-pix takes sourceIdentifier and targetSystem";
                return Err(ApiError::bad(IssueType::NotSupported, text).at(&place));
            }
        }
    }
    let Some((system, value)) = source else {
        let text = "sourceIdentifier is missing: sourceIdentifier=system|value";
        return Err(ApiError::bad(IssueType::Required, text).at(SOURCE));
    };
    Ok(Question { system, value, targets })
}

/// Whom the question means: one of our own Patient resources where its domain is our address.
fn source(question: &Question, base: &str) -> Result<Source, ApiError> {
    if question.system != base {
        return Ok(Source::Identifier { system: question.system.clone(), value: question.value.clone() });
    }
    let id = question.value.strip_prefix("Patient/").and_then(|id| id.parse().ok());
    id.map(Source::Patient)
        .ok_or_else(|| ApiError::not_found("sourceIdentifier Patient Identifier not found").at(SOURCE))
}

/// The Parameters. `only`: identifiers of these domains alone.
fn answer(found: &CrossReferences, only: Option<&Vec<String>>) -> Value {
    let wanted = |identifier: &&Value| {
        let system = identifier.get("system").and_then(Value::as_str).unwrap_or_default();
        only.is_none_or(|only| only.iter().any(|domain| domain == system))
    };
    let identifiers = found.identifiers.iter().filter(wanted);
    let mut parameters: Vec<Value> =
        identifiers.map(|identifier| json!({"name": "targetIdentifier", "valueIdentifier": identifier})).collect();
    parameters.extend(found.patients.iter().map(|patient| {
        json!({"name": "targetId", "valueReference": {"reference": format!("Patient/{patient}"), "type": "Patient"}})
    }));
    let mut answer = json!({"resourceType": "Parameters"});
    if let (Some(members), false) = (answer.as_object_mut(), parameters.is_empty()) {
        members.insert("parameter".into(), parameters.into());
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(pairs: &[(&str, &str)]) -> Result<Question, ApiError> {
        let given = pairs.iter().map(|(name, value)| Given {
            name: (*name).into(),
            place: (*name).into(),
            value: Said::Text((*value).into()),
        });
        question(given.collect(), Handling::Strict)
    }

    #[test]
    fn a_question_names_one_identifier_with_its_domain() {
        let found = asked(&[(SOURCE, "urn:a|1"), (TARGET, "urn:b"), (TARGET, "urn:c"), (TARGET, "urn:b")]);
        assert_eq!(found.expect("a question").targets, ["urn:b", "urn:c"]);
        for (pairs, code) in [
            (&[][..], IssueType::Required),
            (&[(SOURCE, "urn:a|1"), (SOURCE, "urn:a|2")], IssueType::Invalid),
            (&[(SOURCE, "1")], IssueType::Value),
            (&[(SOURCE, "|1")], IssueType::Value),
            (&[(SOURCE, "urn:a|")], IssueType::Value),
            (&[(SOURCE, "urn:a|1"), (TARGET, "")], IssueType::Value),
            (&[(SOURCE, "urn:a|1"), ("other", "x")], IssueType::NotSupported),
        ] {
            let refused = asked(pairs).expect_err("refused");
            assert_eq!(refused.status, 400);
            assert_eq!(refused.outcome.issues.first().map(|issue| issue.code), Some(code), "{pairs:?}");
        }
    }
}
