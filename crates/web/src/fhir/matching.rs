//! `Patient/$match`: who is meant by what the caller knows of a person? (FHIR R4; IHE PDQm, ITI-119)
//!
//! Who is found, and how sure that is, is the matcher's to say ([`record::matching::Matcher`]); here is only how it is
//! asked and answered.

use super::{
    Api, Call, blocking,
    parameters::{self, Given, Said},
    people::ask,
    reply::{ApiError, Reply},
};
use access::User;
use axum::{body::Body, http::StatusCode};
use fhir::{
    Issue, IssueType, PersonKey, Resource, ResourceType,
    bundle::{BundleType, BundleWriter},
    outcome::Severity,
    search::Handling,
};
use identity::PatientFacts;
use record::{
    Item,
    matching::{Grade, Scored},
};
use std::{collections::HashSet, sync::Arc};

/// Patients in one answer at most, and when `count` is not given.
const COUNT_MAX: usize = 100;
const COUNT_USUAL: usize = 20;

/// What is asked.
struct Question {
    patient: Resource,
    place: String,
    only_certain: bool,
    count: usize,
}

/// `POST /Patient/$match`
pub async fn find(api: Api, user: Arc<User>, mut call: Call, body: Body) -> Result<Reply, ApiError> {
    let given = parameters::read(&api, &mut call, body).await?;
    let question = question(given, call.asked.handling)?;
    let text = question.patient.to_json();
    let read = fhir::json::Document::read(text.as_bytes())
        .map_err(|_| ApiError::bad(IssueType::Invalid, "the Patient cannot be read").at(&question.place))?;
    let facts = identity::facts_of(read.root());
    drop(read);
    let criteria = criteria(&facts);
    if criteria.is_empty() {
        let text = "this says too little to find anybody: give an identifier, or a name with a birth date, or both names with a postcode";
        return Err(ApiError::bad(IssueType::Required, text).at(&question.place));
    }
    let (only_certain, count) = (question.only_certain, question.count);
    let asking = api.clone();
    let asker = Arc::clone(&user);
    let scored = blocking(move || {
        let permit = ask(&asking, &asker, criteria)?;
        Ok(asking.matcher.candidates(&permit, &facts, COUNT_MAX)?.map(move |found| (permit, found)))
    });
    let (permit, mut found) = scored.await?.release().await?;
    if only_certain {
        certain(&mut found);
    }
    let sealed = blocking(move || {
        let seq = api.records.seq()?;
        let keys: Vec<_> = found.iter().map(|scored| scored.patient).collect();
        let items = api.records.found_patients(&permit, &keys, seq)?;
        let answer =
            |items: Vec<Item>| match write(&call.base, &fhir::datetime::instant(api.now()), &found, &items, count) {
                Ok((body, people)) => (Ok(body), people),
                Err(error) => (Err(error), Vec::new()),
            };
        Ok(permit.telling(items, answer)?)
    });
    let body = sealed.await?.release().await??;
    Ok(Reply::json(StatusCode::OK, body))
}

/// What the matcher can go by: names of facts, never their values. None: too little.
fn criteria(facts: &PatientFacts) -> Vec<String> {
    let family = facts.family_key().is_some();
    let given = facts.given_key().is_some();
    let all = [
        ("identifier", facts.nhs_number.is_some() || !facts.identifiers.is_empty()),
        ("family", family),
        ("given", given),
        ("birthdate", facts.birth.is_some()),
        ("address-postalcode", facts.postcode.is_some()),
        ("gender", facts.gender.is_some()),
    ];
    let numbered = facts.nhs_number.is_some() || !facts.identifiers.is_empty();
    let named = (family || given) && facts.birth.is_some() || family && given && facts.postcode.is_some();
    if !numbered && !named {
        return Vec::new();
    }
    let known = all.into_iter().filter(|(_, known)| *known).map(|(name, _)| name.to_owned());
    std::iter::once("$match".to_owned()).chain(known).collect()
}

/// Only certain matches, and only when they are one person's (2:3.119.4.1.3, case 5).
fn certain(found: &mut Vec<Scored>) {
    found.retain(|scored| scored.grade == Grade::Certain);
    let people: HashSet<_> = found.iter().map(|scored| scored.person).collect();
    if people.len() > 1 {
        found.clear();
    }
}

/// The answer, and the people it tells of.
fn write(
    base: &str,
    now: &str,
    found: &[Scored],
    items: &[Item],
    count: usize,
) -> Result<(Vec<u8>, Vec<PersonKey>), ApiError> {
    let mut matches: Vec<(&Scored, &Item)> = Vec::with_capacity(found.len());
    for scored in found {
        let Some(item) = items.iter().find(|item| item.id.patient == scored.patient) else { continue };
        // A patient that its source merged away is not offered: the one it lives on as is.
        let replaced = item.resource()?.list("link").iter().any(|link| link["type"] == "replaced-by");
        if !replaced {
            matches.push((scored, item));
        }
    }
    let total = matches.len();
    let mut bundle = BundleWriter::new(BundleType::Searchset, 2048 * total.min(count) + 256);
    let own = format!("{base}/Patient/$match");
    bundle.last_updated(now).total(total).links(&[("self", &own)]);
    let mut people: Vec<PersonKey> = Vec::new();
    for (scored, item) in matches.iter().take(count) {
        let name = format!("Patient/{}", item.id);
        bundle.matched(base, &name, &item.json, scored.score, scored.grade.as_str());
        if !people.contains(&scored.person) {
            people.push(scored.person);
        }
    }
    if total > count {
        let text = "more patients may be meant than count lets through: say more of the one you mean";
        bundle.outcome(&Issue::error(IssueType::Incomplete, text).severity(Severity::Warning).into());
    }
    Ok((bundle.finish(), people))
}

fn question(given: Vec<Given>, handling: Handling) -> Result<Question, ApiError> {
    let wrong = |text: &str, place: &str| ApiError::bad(IssueType::Value, text).at(place);
    let mut patient: Option<(Resource, String)> = None;
    let (mut only_certain, mut count) = (false, COUNT_USUAL);
    for Given { name, place, value } in given {
        match (name.as_str(), value) {
            ("resource", Said::Resource(value)) => {
                let read = Resource::from_value(value).ok().filter(|read| read.kind() == ResourceType::Patient);
                let read = read.ok_or_else(|| {
                    ApiError::bad(IssueType::Invalid, "resource is a Patient: nobody else can be matched").at(&place)
                })?;
                if patient.replace((read, place.clone())).is_some() {
                    let text = "resource is given once: ask for each person by itself";
                    return Err(ApiError::bad(IssueType::Invalid, text).at(&place));
                }
            }
            ("resource", _) => return Err(wrong("resource holds a Patient", &place)),
            ("onlyCertainMatches", value) => {
                only_certain = match value {
                    Said::Flag(flag) => flag,
                    Said::Text(text) if text == "true" => true,
                    Said::Text(text) if text == "false" => false,
                    _ => return Err(wrong("onlyCertainMatches is true or false (valueBoolean)", &place)),
                };
            }
            ("count", value) => {
                let number = match value {
                    Said::Number(number) => Some(number),
                    Said::Text(text) => text.parse().ok(),
                    _ => None,
                };
                // A FHIR integer has 32 bits.
                let number = number.filter(|number| (1..=i64::from(i32::MAX)).contains(number));
                let Some(number) = number else {
                    return Err(wrong("count is a whole number above 0 (valueInteger)", &place));
                };
                count = usize::try_from(number).unwrap_or(COUNT_MAX).min(COUNT_MAX);
            }
            _ if handling == Handling::Lenient => {}
            _ => {
                let text = "$match takes resource, onlyCertainMatches and count";
                return Err(ApiError::bad(IssueType::NotSupported, text).at(&place));
            }
        }
    }
    match patient {
        Some((patient, place)) => Ok(Question { patient, place, only_certain, count }),
        None => {
            let text = "resource is missing: the Patient to match";
            Err(ApiError::bad(IssueType::Required, text).at("Parameters.parameter"))
        }
    }
}
